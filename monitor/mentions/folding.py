"""Folding: the bare letters that a text comes down to, and the way back to where each one stood."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

_MOST_REMEMBERED = 20_000  # code points; a hostile text may use all 150,000
_LATIN = re.compile(r"(?:.* )?LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH .*)?")
_ENTITY = re.compile(r"&(?:amp;){0,3}(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)

# Letters of other scripts that pass for Latin ones on a screen: the first row looks like the second.
_CYRILLIC = ("АВЕЅІЈКМНОРСТХУҮԌаеѕіјкмнорстхуүԁһԛԝӏвгп", "abesijkmhopctxyygaesijkmhopctxyydhqwlbrn")
_GREEK = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχωγηϲ", "abezhikmnoptyxaeikvoptuxwync")
_OTHERS = ("օսհցɑɡıəɩ", "ouhgagiei")
_LOOK_ALIKE = {
    theirs: ours for script in (_CYRILLIC, _GREEK, _OTHERS) for theirs, ours in zip(*script, strict=True)
} | {
    "ß": "ss",
    "ẞ": "ss",
    "æ": "ae",
    "Æ": "ae",
    "œ": "oe",
    "Œ": "oe",
    "þ": "th",
    "Þ": "th",
    "ð": "d",
    "Ð": "d",
}

# Signs that stand for letters ("H@rrowby Gr33n"). `l` and `i` fall together, since I, l and 1 look the same.
_SIGNS = {"@": "a", "$": "s"}
_MERGED = str.maketrans("l013457", "ioieast")


def _letters(character: str) -> str:
    """The small letters and digits that one character stands for: none for marks, signs and spaces."""
    if known := _LOOK_ALIKE.get(character):
        return known
    if latin := _LATIN.fullmatch(unicodedata.name(character, "")):
        return latin[1].lower()
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in parts if part.isalnum()).casefold()
    if len(kept) > 1 and unicodedata.category(character) == "So":  # ™ is not the letters T and M
        return ""
    return "".join(_LOOK_ALIKE.get(part, part) for part in kept if part.isalnum())


class _Table(dict[int, str | None]):
    """What each code point folds to, worked out when it is first met."""

    def __init__(self, *, merged: bool) -> None:
        super().__init__()
        self.merged = merged
        for code in range(128):
            self[code] = self._fold(code)

    def _fold(self, code: int) -> str | None:
        character = chr(code)
        letters = _letters(character)
        if self.merged:
            letters = (letters or _SIGNS.get(character, "")).translate(_MERGED)
        # None and not "": only then does str.translate keep its quick way for ASCII.
        return letters or None

    def __missing__(self, code: int) -> str | None:
        folded = self._fold(code)
        if len(self) < _MOST_REMEMBERED:
            self[code] = folded
        return folded


_STRICT = _Table(merged=False)
_LOOSE = _Table(merged=True)
_IS_KEPT = bytes(code < 128 and _LOOSE[code] is not None for code in range(256))  # noqa: PLR2004


def strict(text: str) -> str:
    """The letters and digits of a text, small, without accents, look-alikes as Latin letters."""
    return text.translate(_STRICT)


def loose(text: str) -> str:
    """The same, with signs and digits as the letters that they pass for: `Gr33n` is `green`."""
    return text.translate(_LOOSE)


@dataclass(slots=True)
class Reading:
    """A text ready for searching: `letters` is what is searched, the rest leads back.

    `text` has its HTML entities resolved. `letters[i]` comes from `text[positions[i]]`, and `text[j]` from
    `origin[j]` of the text as it came; `origin` has one entry more than `text`.
    """

    text: str
    origin: Sequence[int]
    letters: str
    _positions: list[int] = field(default_factory=list)

    @property
    def positions(self) -> list[int]:
        """Where each letter stands in `text`; made when first asked for, since most texts name no school."""
        if not self._positions and self.letters:
            self._positions = _positions(self.text, len(self.letters))
        return self._positions


def read(text: str) -> Reading:
    """Fold a text once."""
    if "&" in text and _ENTITY.search(text):
        resolved, origin = _resolve(text)
        return Reading(resolved, origin, loose(resolved))
    return Reading(text, range(len(text) + 1), loose(text))


def _positions(text: str, count: int) -> list[int]:
    if text.isascii():
        return list(compress(range(len(text)), text.encode().translate(_IS_KEPT)))
    folded = list(map(_LOOSE.__getitem__, map(ord, text)))
    found = list(compress(range(len(text)), folded))
    if len(found) == count:
        return found
    return [position for position in found for _ in folded[position] or ""]


def _resolve(text: str) -> tuple[str, list[int]]:
    """The text with its entities resolved, and where each of its characters came from."""
    pieces: list[str] = []
    origin: list[int] = []
    last = 0
    for entity in _ENTITY.finditer(text):
        sign = html.unescape(f"&{entity[1]};")
        pieces += (text[last : entity.start()], sign)
        origin += range(last, entity.start())
        origin += [entity.start()] * len(sign)
        last = entity.end()
    pieces.append(text[last:])
    origin += range(last, len(text) + 1)
    return "".join(pieces), origin
