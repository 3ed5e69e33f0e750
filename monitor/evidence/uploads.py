"""A picture that a member of staff took: told by how it begins, kept bit for bit, never decoded here."""

import os
import stat
from pathlib import Path

from monitor.captures import Kind
from monitor.evidence.archive import Paper

LARGEST = 20_000_000
_TYPES = {
    b"\x89PNG\r\n\x1a\n": ("upload.png", "image/png"),
    b"\xff\xd8\xff": ("upload.jpg", "image/jpeg"),
    b"%PDF-": ("upload.pdf", "application/pdf"),
}


class Unfit(Exception):
    """It cannot be kept as a picture; the message says why, in a sentence."""


def received(file: Path) -> Paper:
    """The file as it is, under a name of ours. Raises Unfit."""
    try:
        content = _read(file)
    except OSError as error:
        raise Unfit(f"{file} cannot be read: {error.strerror or error}.") from error
    for beginning, (name, media_type) in _TYPES.items():
        if content.startswith(beginning):
            return Paper(name=name, role=Kind.MANUAL_UPLOAD, media_type=media_type, content=content)
    raise Unfit(
        f"{file} is neither PNG, nor JPEG, nor PDF, whatever it is called: take a picture of the screen, or "
        "print the page to a PDF file."
    )


def _read(file: Path) -> bytes:
    # Not waiting: what is named may be a pipe into which nobody ever writes.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise Unfit(f"{file} is not a file.")
        content = opened.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Unfit(f"{file} is larger than {LARGEST // 1_000_000} MB: a picture of the screen is smaller.")
    return content
