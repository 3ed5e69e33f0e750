"""The card: a picture drawn from data where there is no page to be had, which says so in large letters.

It is never called a screen print (DOMAIN 3.2 rule 2), shows no pictures, and is never made of a locked post.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from itertools import islice

from PIL import Image, ImageDraw

from monitor.captures import Kind, Order
from monitor.evidence.archive import Paper
from monitor.evidence.lettering import address, drawable, font, visible, wrapped
from monitor.evidence.record import Outcome
from monitor.evidence.strip import times

NAME = "card.png"
DRAWN = "The picture is a reconstruction from data, not a screen print: the page did not look like it."
LONGEST_TEXT = 4_000
_LONGEST_LINE = 300
_MOST_LINES = 150
_GOES_ON = "[It goes on: post.json has the whole.]"
_WIDTH, _EDGE, _LABELS, _GAP = 1_000, 32, 170, 8
_INK, _SOFT, _RULE, _WARNING = "#1d2733", "#465462", "#cfd6dd", "#8c1d18"
_BAND = 104
_TITLE = "Reconstruction from data – not a screen print"
_SAID = (
    "Drawn by this software from what the source gave. The page did not look like this. It has no pictures."
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card as PNG, and what a person must know of it."""

    png: bytes
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """Some words in one face, with the label before them; `lost` signs of them could not be drawn."""

    label: str
    lines: Sequence[str]
    face: str
    size: int
    lost: int
    cut: bool


def reconstructed(order: Order, outcome: Outcome) -> Outcome:
    """The outcome with a card where there is no picture; as it was for what is locked or has no words.

    What came by mail is filed as that mail (`answer_kept`), with the card beside it.
    """
    locked = order.media_lock or outcome.locks
    if locked or outcome.kind is not Kind.METADATA_ONLY or not (order.text.strip() or order.title.strip()):
        return outcome
    drawn = draw(order, outcome.captured_at)
    paper = Paper(name=NAME, role=Kind.RENDERED_CARD.value, media_type="image/png", content=drawn.png)
    return replace(
        outcome,
        kind=Kind.EMAIL_FORWARD if order.platform == "mailbox" and order.answer else Kind.RENDERED_CARD,
        limits=(*outcome.limits, *drawn.limits),
        papers=(paper, *outcome.papers),
    )


def draw(order: Order, at: datetime) -> Drawn:
    """A card of a post as its source gave it, drawn at this time."""
    told = [_words(*row) for row in _rows(order, at)]
    lost = sum(words.lost for words in told)
    limits = [DRAWN]
    if len(order.text) > LONGEST_TEXT or any(words.cut for words in told):
        limits.append("The card shows only the beginning of the text; post.json has the whole.")
    if lost:
        limits.append(
            f"{lost:,} {'sign' if lost == 1 else 'signs'} of it could not be drawn and may stand as a box: "
            "post.json has the words."
        )
    return Drawn(_drawn(told), tuple(limits))


def _rows(order: Order, at: datetime) -> Iterable[tuple[str, str, str, int]]:
    """What the card says: label, words, face and size."""
    yield "Platform", _line(order.platform), "Sans", 18
    yield "Author, as given", _line(order.author) or "not given", "Sans", 18
    yield "Posted, as given", times(order.posted_at) if order.posted_at else "not given", "Sans", 18
    yield "First seen", times(order.seen_at), "Sans", 18
    yield "Card drawn", times(at), "Sans", 18
    yield "Address", address(order.url), "SansMono", 17
    if order.title.strip():
        yield "Title, as given", _line(order.title), "Sans-Bold", 20
    yield "Text, as given", visible(order.text, LONGEST_TEXT) or "none", "Sans", 20


def _words(label: str, said: str, face: str, size: int) -> _Words:
    shown, lost = drawable(said)
    lines = list(islice(wrapped(shown, font(face, size), _WIDTH - 2 * _EDGE - _LABELS), _MOST_LINES + 1))
    cut = len(lines) > _MOST_LINES
    return _Words(label, [*lines[:_MOST_LINES], *([_GOES_ON] if cut else [])], face, size, lost, cut)


def _line(text: str | None) -> str:
    return " ".join(visible(text or "", _LONGEST_LINE).split())


def _drawn(told: Sequence[_Words]) -> bytes:
    height = _BAND + 2 * _EDGE + sum(len(words.lines) * _step(words) + 2 * _GAP for words in told)
    image = Image.new("RGB", (_WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _WIDTH - 1, height - 1), outline=_WARNING, width=4)
    draw.rectangle((0, 0, _WIDTH, _BAND), fill=_WARNING)
    draw.text((_EDGE, 34), _TITLE, font=font("Sans-Bold", 30), fill="white", anchor="lm")
    draw.text((_EDGE, 76), _SAID, font=font("Sans", 17), fill="white", anchor="lm")
    y = _BAND + _EDGE
    for words in told:
        y = _write(draw, words, y)
    file = BytesIO()
    image.save(file, "PNG", compress_level=6)
    return file.getvalue()


def _write(draw: ImageDraw.ImageDraw, words: _Words, y: int) -> int:
    """Draw some words with their label; where the next ones begin."""
    draw.text((_EDGE, y + (words.size - 15) // 2), words.label, font=font("Sans", 16), fill=_SOFT)
    for line in words.lines:
        draw.text((_EDGE + _LABELS, y), line, font=font(words.face, words.size), fill=_INK)
        y += _step(words)
    draw.line((_EDGE, y + _GAP - 1, _WIDTH - _EDGE, y + _GAP - 1), fill=_RULE)
    return y + 2 * _GAP


def _step(words: _Words) -> int:
    return words.size * 14 // 10
