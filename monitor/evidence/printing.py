"""The record of a capture on paper: one or two pages that somebody can hand to an officer.

`record_html` makes a page that needs nothing else, `as_pdf` prints any such page. Together:
`as_pdf(record_html(record, folder), browser)`, where `browser` is `find_browser().path`.
"""

import base64
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import ChainableUndefined, Environment, PackageLoader
from PIL import Image

from monitor.captures import PICTURES, Kind
from monitor.evidence import processes
from monitor.evidence.lettering import address, visible

_LONDON = ZoneInfo("Europe/London")
_MOST_BYTES = 64 * 1024 * 1024
_PAGE_MM, _BESIDE_MM, _FIGURE_MM = 180.0, 80.0, 240.0
_STRIP_MM, _STRIP_TALLEST_MM = 120.0, 120.0
_MM = 25.4 / 96
_MISSING = "The picture is not printed: its file is missing here. Its hash tells which picture it must be."
_SEALED = "The picture is not printed: its file is sealed, and opens with a key that the school has."
_ALTERED = "The picture is NOT printed: its file is not the one that was recorded, but changed or exchanged."
_NO_PICTURE = "The file is not printed here, since it is no picture of a kind and size that can be."
_ROLES = {
    "text": "the post's words, as given",
    "headers": "how the page came",
    "page": "the page, without pictures",
    "strip": "strip that goes with the picture",
}


class PrintFailed(Exception):
    """There is no PDF; the message says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time on paper: as clocks in London showed it, with the offset, and in UTC."""

    local: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture on paper, sizes in mm; `cut` where only its upper part is printed."""

    source: str
    strip: str
    width: float
    height: float
    strip_width: float
    cut: bool
    pixels: str
    name: str

    @property
    def tall(self) -> bool:
        """Whether it gets the second page to itself."""
        return self.height > _BESIDE_MM


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One file in the list: `bytes` are those of the plain content, hashes in hexadecimal."""

    name: str
    what: str
    bytes: str
    sha256: str
    sealed_sha256: str


def record_html(record: Mapping[str, Any], folder: Path) -> str:
    """A capture's record as one HTML page without links, scripts or anything to fetch.

    `record` is what `record.json` says; its files lie in `folder` under their plain names (unsealed, where
    they were sealed). A picture is printed only where it still has the hash that the record gives, and
    never that of a locked one. What is missing is said on the page; nothing is raised for it.
    """
    files = [file for file in record.get("files", ()) if isinstance(file, Mapping)]
    locked = bool(record.get("media_lock"))
    picture, trouble = (None, "") if locked else picture_in(files, folder)
    return _TEMPLATES.get_template("record.html").render(
        record=record,
        kind=_kind(record.get("kind")),
        is_card=_chief(files).get("role") == Kind.RENDERED_CARD and not locked,
        locked=locked,
        name=re.sub(r"[^A-Za-z0-9-]", "", str(record.get("capture_id", "")))[:40],
        addresses=_addresses(record),
        taken=moment(record.get("captured_at_utc")),
        seen=moment(record.get("seen_first_at")),
        posted=moment(record.get("posted_at_claimed")),
        brought_at=moment(_mapping(record.get("manual_upload")).get("seen_at_utc")),
        picture=picture,
        trouble=trouble,
        files=[_line(file) for file in files],
        record_sha256=_record_sha256(folder),
        clock=clock(record),
    )


def as_pdf(html: str, browser: Path, seconds: float = 60) -> bytes:
    """The page as PDF, printed by the school's own Chromium: without network, without scripts.

    For any page that needs nothing else (pictures as `data:` addresses); size and margins are the page's own
    (`@page`). The browser gets a home of its own, is killed with all that it started after `seconds`, and
    leaves nothing behind. Raises PrintFailed.
    """
    scratch = Path(tempfile.mkdtemp(prefix="monitor-printer-"))
    try:
        (scratch / "page.html").write_text(html, "utf-8", "replace")
        _run(browser, scratch, seconds)
        return _read(scratch / "page.pdf")
    except OSError as error:
        raise PrintFailed(
            f"The browser {browser} made no PDF. Try `monitor check`; the HTML page can be printed instead."
        ) from error
    finally:
        processes.end(scratch)


def _run(browser: Path, scratch: Path, seconds: float) -> None:
    """Let a process of its own print; it is killed with its whole family when it does not end."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603  # our own module, with two paths of ours
        [sys.executable, "-I", "-m", "monitor.evidence.printer", str(browser), str(scratch)],
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        cwd=scratch,
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(scratch), "TMPDIR": str(scratch)},
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise PrintFailed(f"The browser did not finish the PDF within {seconds:g} s.") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        processes.kill(scratch)
        process.wait()


def picture_in(files: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Picture | None, str]:
    """The chief picture as it is printed; else, where there should be one, why there is none."""
    chief = _chief(files)
    if not chief:
        return None, ""
    content = unchanged(chief, folder)
    size = _size(content) if content else None
    if content is None or size is None:
        return None, _NO_PICTURE if content is not None else _not_printed(chief, folder)
    strip = next((file for file in files if file.get("role") == "strip"), None)
    beside = None if strip is None else unchanged(strip, folder)
    width = min(size[0] * _MM, _PAGE_MM)
    height = width * size[1] / size[0]
    below = _strip_size(beside, max(width, _STRIP_MM))
    tallest = _FIGURE_MM - below[1]
    return Picture(
        source=_inline(content),
        strip=_inline(beside) if beside else "",
        width=round(width, 1),
        height=round(min(height, tallest), 1),
        strip_width=round(below[0], 1),
        cut=height > tallest,
        pixels=f"{size[0]:,} × {size[1]:,}",
        name=_name(chief),
    ), ""


def _chief(files: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The file that is the chief picture; an empty one where there is none."""
    return next((file for file in files if file.get("role") in PICTURES), {})


def _not_printed(file: Mapping[str, Any], folder: Path) -> str:
    """Why a picture cannot be printed whose content is not here as it was recorded."""
    if not _is_sane(file) or (folder / _name(file)).exists():
        return _ALTERED
    # Sealed files keep their ending in the record; opened, they lie beside it without.
    sealed = file.get("name") != _name(file) and (folder / str(file["name"])).exists()
    return _SEALED if sealed else _MISSING


def _strip_size(strip: bytes | None, width: float) -> tuple[float, float]:
    """How wide and high a strip is printed, in mm: one with an endless address smaller, but whole."""
    size = _size(strip) if strip else None
    if size is None:
        return width, 0.0
    height = min(width * size[1] / size[0], _STRIP_TALLEST_MM)
    return height * size[0] / size[1], height


def unchanged(file: Mapping[str, Any], folder: Path) -> bytes | None:
    """The content of a file as it was recorded; None where it is not there, or another."""
    if not _is_sane(file):
        return None
    try:
        content = _read(folder / _name(file))
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == file.get("sha256") else None


def _is_sane(file: Mapping[str, Any]) -> bool:
    """Whether its name leads nowhere else."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", _name(file)) is not None


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("name", "")).removesuffix(".age")


def _read(path: Path) -> bytes:
    """A file's bytes, never through a link."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(f"{path.name} is too large")
    return content


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None for what is no picture, or an enormous one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image:
                return image.size if min(image.size) > 0 else None
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        return None


def _inline(content: bytes) -> str:
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _addresses(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The address that was asked for and, where it led elsewhere, that of the page."""
    named = {
        "Address": record.get("url_requested"),
        "Led to": record.get("url_final"),
        "Address, as the person said": record.get("url_as_told"),
        "Address (changed so that nobody opens it)": record.get("url_defanged"),
    }
    told = {label: str(url) for label, url in named.items() if url}
    if told.get("Led to") == told.get("Address"):
        told.pop("Led to", None)
    return [(label, address(url)) for label, url in told.items()]


def clock(record: Mapping[str, Any]) -> str:
    """How far the clock of the machine can be trusted, as its record says; empty where it says nothing."""
    said = _mapping(record.get("clock"))
    if not said.get("synced"):
        return "it is not known that anything kept it right" if said else ""
    offset = said.get("offset_ms")
    off = f", {offset} ms off" if isinstance(offset, int | float) else ""
    return f"kept right by {visible(str(said.get('source') or 'an unnamed source'))}{off}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def moment(written: object) -> Moment | None:
    """A time as a record has it, for paper; None for what is none."""
    try:
        at = datetime.fromisoformat(str(written)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    here = at.astimezone(_LONDON)
    offset = f"{here:%z}"
    return Moment(
        local=f"{here:%A} {here.day} {here:%B %Y}, {here:%H:%M:%S} {here:%Z} (UTC{offset[:3]}:{offset[3:]})",
        utc=f"{at:%Y-%m-%d %H:%M:%S} UTC",
    )


def _kind(written: object) -> str:
    try:
        words = Kind(str(written)).words
    except ValueError:
        words = str(written)
    return words[:1].upper() + words[1:]


def _line(file: Mapping[str, Any]) -> Line:
    role = str(file.get("role", ""))
    what = Kind(role).words if role in set(Kind) else _ROLES.get(role, role)
    size = file.get("bytes")
    return Line(
        name=_name(file),
        what=what,
        bytes=f"{size:,}" if isinstance(size, int) else "",
        sha256=str(file.get("sha256", "")),
        sealed_sha256=str(file.get("sealed_sha256") or ""),
    )


def _record_sha256(folder: Path) -> str:
    try:
        return hashlib.sha256(_read(folder / "record.json")).hexdigest()
    except OSError:
        return ""


_TEMPLATES = Environment(
    loader=PackageLoader("monitor.evidence"),
    autoescape=True,
    undefined=ChainableUndefined,  # a record of an earlier version lacks a field
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["visible"] = lambda text: visible(str(text))
