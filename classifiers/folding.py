"""Writing a text in the one plain way that the rules are written for.

What is left is small letters, digits and a few signs, one space between words, and a lone `.` or `?` between
sentences. Apostrophes go ("don't" is "dont"), hyphens become spaces, so that a pattern is written once.
"""

import re
import unicodedata

_LOOK_ALIKE = dict(
    zip("абвеёзікмнорсстухѕјԁһցԛԝαβεηικνορτυχγ", "abbeeзikmhopcctyxsjdhgqwabenikvoptuxy", strict=True)
) | {"з": "3", "ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"}
_PICTURES = {"🔪": " knife ", "🗡": " knife ", "🔫": " gun ", "💣": " bomb ", "🪓": " axe ", "🔥": " fire "}
_SIGNS = (
    dict.fromkeys("'’‘`´ʼ")
    | dict.fromkeys("-_,;:()[]{}<>|~^=+\\/\t\r\u2013\u2014\u2026", " ")
    | dict.fromkeys("“”„«»", '"')
)
_LONGEST_SIGN = 3  # letters, as ℡ is TEL; longer ones are whole phrases, and a post may hold a million
_TABLE = str.maketrans({**_SIGNS, **_PICTURES, **_LOOK_ALIKE})
_STOP = re.compile(r"[.!?\n\u2028\u2029]+")
_HASHTAG = re.compile(r"#[A-Za-z0-9]{2,100}")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DIGITS_IN_WORD = re.compile(r"(?<=[a-z])[0134578@$!]{1,3}(?=[a-z])")
_LEET = str.maketrans("0134578@$!", "oieastbasi")
_SPELLED = re.compile(r"(?<![a-z0-9])(?:[a-z][ .*]){2,}[a-z](?![a-z0-9])")
_MOST_REMEMBERED = 20_000  # code points; a hostile text may use all 150,000
_LONG = re.compile(r"([a-z])\1{2,}")


def fold(text: str) -> str:
    """The text in small plain letters, without signs that do not matter, however it was dressed up."""
    if "#" in text:
        text = _HASHTAG.sub(lambda tag: _HUMP.sub(" ", tag.group()), text)
    if not text.isascii():
        text = _undressed(text)
    text = text.lower().translate(_TABLE)
    return " ".join(_STOP.sub(_between_sentences, text).split())


def forms(text: str) -> tuple[str, ...]:
    """The ways in which a text may be meant: as written, and with disguises taken off where it wears any.

    Disguises are digits for letters (k1ll), spelling out (k i l l) and drawing out (kiiill).
    """
    plain = fold(text)
    bare = _SPELLED.sub(lambda run: re.sub("[ .*]", "", run.group()), plain)
    bare = _DIGITS_IN_WORD.sub(lambda digits: digits.group().translate(_LEET), bare)
    found = [plain] if bare == plain else [plain, bare]
    if _LONG.search(bare):
        found += [_LONG.sub(r"\1\1", bare), _LONG.sub(r"\1", bare)]
    return tuple(dict.fromkeys(found))


def _undressed(text: str) -> str:
    """Without accents, marks and letters that are not seen, in ordinary letters."""
    return text.translate(_UNDRESSED)


class _Undressed(dict[int, str]):
    """What each code point is without its dress, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code))
        bare = "".join(sign for sign in decomposed if unicodedata.category(sign) not in {"Mn", "Me", "Cf"})
        # Nothing that a rule looks for is one sign so long; written out, they make a text 18 times as long.
        bare = bare if len(bare) <= _LONGEST_SIGN else " "
        if len(self) < _MOST_REMEMBERED:
            self[code] = bare
        return bare


_UNDRESSED = _Undressed()


def _between_sentences(stop: re.Match[str]) -> str:
    """A lone sign between sentences; nothing changes inside `3.30`, `mega.nz` or `k!ll`."""
    sign, text = stop.group(), stop.string
    inside = stop.start() > 0 and stop.end() < len(text) and text[stop.start() - 1].isalnum()
    if inside and sign in {".", "!"} and text[stop.end()].isalnum():
        return sign
    return " ? " if "?" in sign else " . "
