"""The strip that goes with a screen print: a file of its own, so that no pixel of the print is painted over.

It says what the print alone does not: address, times, capture, kind and hash (DOMAIN 3.2, LCSSPAN 9.2).
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw

from monitor.captures import PICTURES, Kind, Order
from monitor.evidence.archive import Paper
from monitor.evidence.lettering import address, font, wrapped
from monitor.evidence.record import Outcome

NAME = "strip.png"
_LONDON = ZoneInfo("Europe/London")
_NARROWEST, _WIDEST = 560, 2_560
_EDGE, _LABELS, _GAP = 14, 116, 6
_INK, _SOFT, _PAPER, _ACCENT = "#1d2733", "#465462", "#eef1f4", "#1f4e79"
_HEAD = 24
_MONO = {"Address", "Led to", "Capture", "SHA-256"}
_TITLE = "NOT PART OF THE PAGE: written by the software that took it"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the strip: what it is, and what it says."""

    label: str
    said: str


def strip(picture: bytes, *, kind: Kind, url: str, at: datetime, capture: str, led_to: str = "") -> bytes:
    """The strip for a PNG, as PNG, as wide as it (but 560 to 2,560 pixels, so that it can be read).

    `url` was asked for; `led_to` is the address that answered, where it is another. Never for a locked one.
    """
    rows = [
        Row("Address", address(url)),
        *([Row("Led to", address(led_to))] if led_to and led_to != url else []),
        Row("Taken", times(at)),
        Row("What it is", kind.words),
        Row("Capture", capture),
        Row("SHA-256", f"{hashlib.sha256(picture).hexdigest()[:16]}… of the picture (whole: record.json)"),
    ]
    return _drawn(rows, min(max(_width(picture), _NARROWEST), _WIDEST))


def with_strip(order: Order, outcome: Outcome) -> Outcome:
    """The outcome with a strip for its picture, where it has one that we took or drew ourselves.

    What a person brought is never decoded here, and its record says what a strip would.
    """
    picture = next((paper for paper in outcome.papers if paper.role in PICTURES), None)
    if picture is None or outcome.brought is not None:
        return outcome
    content = strip(
        picture.content,
        kind=Kind(picture.role),
        url=order.url,
        at=outcome.captured_at,
        capture=order.id,
        led_to=outcome.seen.url if outcome.seen else "",
    )
    paper = Paper(name=NAME, role="strip", media_type="image/png", content=content)
    return replace(outcome, papers=(*outcome.papers, paper))


def times(at: datetime) -> str:
    """A moment in UTC, and as clocks in London showed it, with the offset."""
    here = at.astimezone(_LONDON)
    offset = f"{here:%z}"
    return (
        f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC; in London {here:%A} {here.day} {here:%B %Y}, "
        f"{here:%H:%M:%S} {here:%Z} ({offset[:3]}:{offset[3:]})"
    )


def _width(png: bytes) -> int:
    """The width of a PNG as its head gives it."""
    return int(struct.unpack(">I", png[16:20])[0])


def _drawn(rows: list[Row], width: int) -> bytes:
    face, bold, mono = font("Sans", 15), font("Sans-Bold", 13), font("SansMono", 15)
    line, room = 20, width - 2 * _EDGE - _LABELS
    said = [list(wrapped(row.said, mono if row.label in _MONO else face, room)) for row in rows]
    height = _HEAD + 2 * _EDGE + sum(len(lines) * line + _GAP for lines in said) - _GAP
    image = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, _HEAD), fill=_ACCENT)
    draw.text((_EDGE, _HEAD // 2), _TITLE, font=bold, fill="white", anchor="lm")
    y = _HEAD + _EDGE
    for row, lines in zip(rows, said, strict=True):
        draw.text((_EDGE, y + 1), row.label, font=bold, fill=_SOFT)
        for words in lines:
            draw.text((_EDGE + _LABELS, y), words, font=mono if row.label in _MONO else face, fill=_INK)
            y += line
        y += _GAP
    file = BytesIO()
    image.save(file, "PNG", compress_level=6)
    return file.getvalue()
