"""Lettering: strangers' words drawn or printed as they are, with what nobody could see made visible."""

import importlib.util
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont, features

LONGEST_ADDRESS = 2_000
"""The most characters of an address that are shown; the record has the whole."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_RIGHT_TO_LEFT = {"R", "AL", "RLE", "RLO", "RLI"}
_JOINS = {"\u200d", "\ufe0e", "\ufe0f"}
_NO_SUCH_LETTER = "\U0010ffff"
_MOST_MARKS = 3
BOX = "\u25af"
"""Stands for a letter that cannot be drawn here."""


def address(url: str) -> str:
    """An address as one line of visible ASCII: everything else, look-alikes too, stands as `\\u{202e}`."""
    shown, taken = "", 0
    for c in url:
        piece = c if "!" <= c <= "~" else _escaped(c)
        if len(shown) + len(piece) > LONGEST_ADDRESS:
            break
        shown, taken = shown + piece, taken + 1
    left = len(url) - taken
    return shown if not left else f"{shown} … and {left:,} more characters, which record.json has"


def visible(text: str, longest: int = 2_000) -> str:
    """Words with their signs of no ink as `\\u{202e}`; lines and what joins an emoji stay."""
    shown = (c if _is_plain(c) else _escaped(c) for c in text[:longest])
    return "".join(shown) + ("…" if len(text) > longest else "")


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A face of DejaVu, which comes with matplotlib: `Sans`, `Sans-Bold`, `SansMono`."""
    return ImageFont.truetype(_folder() / f"DejaVu{name}.ttf", size)


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    """The text in lines of at most `width` pixels; a word that is longer than a line is broken."""
    for paragraph in text.split("\n"):
        line = ""
        for word in _pieces(paragraph, face, width):
            if line and face.getlength(f"{line} {word}") > width:
                yield line
                line = word
            else:
                line = f"{line} {word}" if line else word
        yield line


def drawable(text: str) -> tuple[str, int]:
    """The text as it can be drawn, and how many of its signs cannot: a box stands for each letter.

    Of marks that are piled up on a letter three stay; more would paint over other lines.
    """
    kept, lost, piled = [], 0, 0
    for c in text:
        piled = piled + 1 if unicodedata.combining(c) else 0
        lost += piled > _MOST_MARKS
        if c not in _JOINS and piled <= _MOST_MARKS:
            has = c == "\n" or _has_letter(c)
            kept.append(c if has else BOX)
            lost += not has
    return "".join(kept), lost


def _pieces(paragraph: str, face: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    for word in paragraph.split(" "):
        piece = word
        while face.getlength(piece) > width:
            most = max(_most(piece, face, width), 1)
            yield piece[:most]
            piece = piece[most:]
        yield piece


def _most(word: str, face: ImageFont.FreeTypeFont, width: float) -> int:
    """How many letters of a word fit."""
    low, high = 0, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if face.getlength(word[:middle]) <= width else (low, middle - 1)
    return low


def _is_plain(character: str) -> bool:
    return character in _JOINS or character == "\n" or unicodedata.category(character) not in _UNSEEN


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


@cache
def _has_letter(character: str) -> bool:
    """Whether the face has a letter for it, and this machine can set it in its right order."""
    if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT and not features.check("raqm"):
        return False
    face = font("Sans", 20)
    return character.isspace() or bytes(face.getmask(character)) != bytes(face.getmask(_NO_SUCH_LETTER))


@cache
def _folder() -> Path:
    """Where matplotlib keeps its fonts; it is found without being loaded."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise FileNotFoundError("matplotlib's fonts are not installed")
    return Path(found.origin).with_name("mpl-data") / "fonts" / "ttf"
