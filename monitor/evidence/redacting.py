"""Redacting: a working copy of a screen print with black boxes; the original is never touched.

Copies lie under `<data>/evidence-working/<capture id>/`, `redacted-1.png` with `redacted-1.json`, which says
who covered what and why. They are for showing to others.
"""

import json
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Self

from PIL import Image, ImageDraw, ImageOps

from monitor.captures import PICTURES, Capture, File
from monitor.evidence.archive import sha256

WORKING = "evidence-working"
"""Where the copies lie in the data folder, beside the evidence."""
_MOST_BYTES = 64 * 1024 * 1024
_MOST_BOXES = 200
_NAME = re.compile(r"redacted-(\d{1,4})\.(?:png|json)")
_BLACK = (0, 0, 0)


class CannotRedact(Exception):
    """There is no working copy; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Box:
    """What is to be covered, in pixels from the top left corner of the picture."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def read(cls, written: str) -> Self:
        """From `x,y,w,h`. Raises ValueError."""
        parts = [part.strip() for part in written.split(",")]
        if len(parts) != 4 or not all(re.fullmatch(r"\d{1,6}", part) for part in parts):  # noqa: PLR2004
            raise ValueError("a box is x,y,width,height in pixels, as 40,120,300,60")
        box = cls(*map(int, parts))
        if not box.width or not box.height:
            raise ValueError("a box has a width and a height")
        return box

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCopy:
    """A redacted copy: of which file of which capture, what was covered, by whom, when and why."""

    capture: str
    of: str
    of_sha256: str
    name: str
    sha256: str
    boxes: tuple[Box, ...]
    by: str
    at: datetime
    why: str


def picture_of(capture: Capture) -> File:
    """The picture of a capture. Raises CannotRedact where it has none, or none that can be opened here."""
    found = [file for file in capture.files if file.role in PICTURES and file.media_type.startswith("image/")]
    if not found:
        raise CannotRedact(f"{capture.id} has no picture.")
    if found[0].sealed_sha256:
        raise CannotRedact(
            f"The picture of {capture.id} is sealed, and this machine cannot open it. docs/sealing.md, "
            '"Redacting what is sealed", says how somebody who has a key covers it by hand.'
        )
    return found[0]


def refuse_locked(capture: Capture, *, locked: bool) -> None:
    """Raises CannotRedact for what nobody is to look at; `locked` says so of its alert, or of its place."""
    if locked or capture.locks:
        raise CannotRedact(f"{capture.id} is locked: nothing of it is opened or copied.")


def covered(content: bytes, boxes: Sequence[Box]) -> bytes:
    """The picture as PNG with these boxes black: their pixels are gone, and so is all but the pixels.

    Raises CannotRedact for what is no picture, and for a box that covers nothing of it.
    """
    image = _opened(content)
    for box in boxes:
        if box.left >= image.width or box.top >= image.height:
            raise CannotRedact(
                f"The box {box} lies outside the picture, which is {image.width} by {image.height} pixels."
            )
        corner = (box.left + box.width - 1, box.top + box.height - 1)
        ImageDraw.Draw(image).rectangle(((box.left, box.top), corner), fill=_BLACK)
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def redact(capture: Capture, boxes: Sequence[Box], evidence: Path) -> bytes:
    """A copy of the capture's picture in which these boxes are black, as PNG.

    Raises CannotRedact, and OSError when the original cannot be read.
    """
    if not 0 < len(boxes) <= _MOST_BOXES:
        raise CannotRedact(f"Name between one and {_MOST_BOXES} boxes: --box x,y,width,height.")
    file = picture_of(capture)
    original = _read(evidence / capture.folder / file.name)
    if sha256(original) != file.sha256:
        raise CannotRedact(
            f"{file.name} of {capture.id} is not as it was recorded: `monitor evidence verify`."
        )
    return covered(original, boxes)


@contextmanager
def kept(
    folder: Path,
    capture: Capture,
    content: bytes,
    boxes: Sequence[Box],
    *,
    by: str,
    at: datetime,
    why: str,
) -> Iterator[Path]:
    """A redacted copy's file, which exports find once the block has ended well. Raises OSError.

    The picture comes first and what is told of it last, each of them whole: a copy of which nothing is told
    is none. Its number is never used again.
    """
    place = folder / capture.id
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, picture = _numbered(place, content), picture_of(capture)
    told = {
        "capture": capture.id,
        "of": picture.name,
        "of_sha256": picture.sha256,
        "name": file.name,
        "sha256": sha256(content),
        "boxes": [str(box) for box in boxes],
        "by": by,
        "at": at.isoformat(),
        "why": why,
    }
    try:
        with _half(place, json.dumps(told, sort_keys=True).encode()) as half:
            yield file
            os.link(half, file.with_suffix(".json"))
    except BaseException:
        file.unlink()
        raise


def _write_new(path: Path, content: bytes) -> None:
    """A new file for its owner's eyes alone, or none."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(opened)
    except BaseException:
        path.unlink()
        raise


def newest_copy(folder: Path, capture_id: str) -> WorkingCopy | None:
    """The last redacted copy that was made of a capture; None where there is none.

    One of which nothing can be read was never finished, and is passed over. Where it was, and the custody log
    knows of it, the pack misses it (matter.lost_copies).
    """
    numbers = sorted(_numbers(folder / capture_id), reverse=True)
    copies = (_copy(folder / capture_id / f"redacted-{number}.json") for number in numbers)
    return next((copy for copy in copies if copy is not None), None)


def _copy(path: Path) -> WorkingCopy | None:
    """What a file tells of a copy; None where the copy is not there, or the file tells of none."""
    try:
        says = json.loads(_read(path))
        boxes = tuple(Box.read(box) for box in says["boxes"])
        copy = WorkingCopy(**says | {"at": datetime.fromisoformat(says["at"]), "boxes": boxes})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return copy if path.with_suffix(".png").is_file() else None


def _numbers(place: Path) -> set[int]:
    """Of all that lies there, finished or not."""
    found = (_NAME.fullmatch(path.name) for path in place.glob("redacted-*"))
    return {int(name[1]) for name in found if name}


def _numbered(place: Path, content: bytes) -> Path:
    """The picture under the next number that nobody has."""
    for number in count(max(_numbers(place), default=0) + 1):
        file = place / f"redacted-{number}.png"
        with suppress(FileExistsError):  # somebody covers something of the same capture at this moment
            with _half(place, content) as half:
                os.link(half, file)
            break
    return file


@contextmanager
def _half(place: Path, content: bytes) -> Iterator[Path]:
    """A file under no name that lasts, to be linked to its own: there it appears whole or not at all."""
    half = place / f".half-{token_hex(8)}"
    _write_new(half, content)
    try:
        yield half
    finally:
        half.unlink()


def _opened(content: bytes) -> Image.Image:
    """The first frame of a picture, upright, without anything that came along with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image:
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise CannotRedact("The picture cannot be read as PNG or JPEG.") from error
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    return bare


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(f"{path.name} is too large")
    return content
