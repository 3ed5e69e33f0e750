"""Whether what the automaton found really stands in the text: boundaries, gaps, type words, addresses."""

import re
import unicodedata
from dataclasses import dataclass

from monitor.mentions import words
from monitor.mentions.folding import Reading, loose, strict
from monitor.mentions.naming import Nature, TypeWord, Wording, is_trimmed, nature_of, type_words_at

_LONG = 10  # letters: a name this long inside a longer hashtag or camel-case word is no accident
_SHORT = 6  # letters: below this, an added s or digit may make another word
_LONGEST_TAG = 100
_BESIDE = 40
_LONGEST_HOST = 300
_LONGEST_GAP = 24
_MOST_TYPE_WORDS = 8
_SHORTEST_SPLIT = 12
_ABBREVIATION = 3  # letters: St. and Mt. take a full stop
_ABBREVIATED = re.compile(r"(?<![^\W_])[^\W_]{1,3}$")

_TRANSPARENT = re.compile(
    "[\u00ad\u0300-\u036f\u200b-\u200f\u2060-\u2064\u20d0-\u20ff\ufe00-\ufe0f\ufeff'’‘ʼ`´′＇\u202a-\u202e\u2066-\u2069]"
)
_CLAUSE = frozenset(',;:!?()[]{}<>|="“”«»/\\，。；：！？、')
_BROKEN_LINE = re.compile(r"[-‐‑]\s*\n\s*")
_ONE_SPLIT = re.compile(r"[ \-‐‑]")
_SPACER = re.compile(r"[ ._*·•~\-‐‑–|]")
_TYPE_GAP = re.compile(r"[\s\-‐‑–()&.'’_]{0,6}")
_STOP_THEN_SPACE = re.compile(r"\.\s")
_HOST_TAIL = re.compile(
    r"[a-z0-9-]*\.(?:[a-z0-9-]+\.)*(?:uk|com|org|net|info|edu|school|academy|example|wales|cymru|scot|london|co|io|"
    r"me|us|ie|eu|social|app|dev|test|invalid)(?![\w])",
    re.IGNORECASE,
)
_BEFORE_HOST = re.compile(r"://[^/\s?#]*$")
_NETWORKS = re.compile(
    r"(?:^|[/.\s])(?:(?:x|twitter|facebook|instagram|threads|tiktok|youtube)\.(?:com|net)/@?|bsky\.app/profile/)$",
    re.IGNORECASE,
)
_USER_AND_HOST = re.compile(r"[a-z][a-z0-9+.-]*://[^/\\?#\s]*@$", re.IGNORECASE)
_MAILBOX = re.compile(r"(?:^|[\s<(:,;\"'])[\w.+-]+@$")
_PORT = re.compile(r"(?::\d{1,5})?")
_USERINFO = re.compile(r"(?::[^/\s@]*)?@")
_DISTRICT = re.compile(r"[a-z]{1,2}\d[a-z\d]?$", re.IGNORECASE)  # NG31, of which NG319QR is a whole postcode
_INWARD = re.compile(r"\d[a-z]{2}(?![^\W_])", re.IGNORECASE)
_HOST_CHARACTER = re.compile(r"[\w.-]")

_SPELT_LOOSELY = {loose(word): word for word in (*words.THINGS, *words.CAPITAL_THINGS)}
_THING = re.compile("|".join(sorted(map(re.escape, _SPELT_LOOSELY), key=len, reverse=True)))
_NEEDS_CAPITAL = frozenset(words.CAPITAL_THINGS)
_COMPOUND = re.compile("|".join(sorted(map(loose, words.COMPOUNDS), key=len, reverse=True)))
_SPACE = re.compile(r"\s")
_CLOSE = re.compile(r"\s{0,2}|-")
_THING_BEFORE = re.compile(
    r"\b(?:feast|church|parish|diocese|hospital|island|port|village|hamlet|order|sisters) of(?: the)?\s*$",
    re.IGNORECASE,
)

_PLACE = r"([A-Z][\w’'-]{2,40}(?: [A-Z][\w’'-]{2,40})?)"
_PLACE_AFTER = re.compile(
    r"\s{0,3}(?:\(|[,–—-]\s?)?\s?(?:in|at|near|of|over in|down in|up in|from)\s{1,3}"
    rf"{_PLACE}|\s?\({_PLACE}\)|,\s{{1,3}}{_PLACE}(?=\s*(?:[,.!?;)\n]|$))"
)
_WORD_BEFORE = re.compile(r"\b([A-Z][a-zà-ÿ’']{2,})[ -]$")
_SENTENCE_END = re.compile(r"[.!?…:;\"“(\[•>@#-]\s*$|\n\s*$")
_NAME_PARTS = frozenset(words.GENERIC_PARTS)
_NO_PLACES = frozenset(words.NO_PLACES)


@dataclass(frozen=True, slots=True)
class TypeRun:
    """The type words that follow a name, as far as they belong to it, and where in the letters they stand."""

    words: tuple[TypeWord, ...]
    start: int
    end: int

    @property
    def nature(self) -> Nature:
        return nature_of(self.words)

    @property
    def shown(self) -> str:
        return " ".join(word.shown for word in self.words)

    @property
    def certain(self) -> bool:
        """Whether a word is among them that is used of schools alone."""
        return any(not word.weak for word in self.words)


NO_RUN = TypeRun((), 0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a name stands in the text of a reading, and how it is written there.

    Without its type words it ends at `core_end`. `in_tag`: in a hashtag or handle. `small`: not all capitals.
    """

    start: int
    core_end: int
    end: int
    run: TypeRun
    in_tag: bool
    small: bool


def standing(wording: Wording, first: int, reading: Reading) -> Standing | None:
    """The name whose letters begin at `first`, with its type words, if it stands there as a name."""
    last = first + wording.size
    lured = len(wording.letters) > wording.size
    if lured and not any(type_words_at(reading.letters, last)):
        return None
    if not _begins(wording, first, reading):
        return None
    split = _gaps(wording, first, reading)
    run = type_run(reading, last, wording.size)
    start, end = reading.positions[first], reading.positions[last - 1] + 1
    whole = bool(run.words) or (not lured and _ends(reading.text, end, wording.size))
    name_end = reading.positions[run.end - 1] + 1
    if split is None or (split and not run.certain) or not whole or _in_host(reading.text, start, name_end):
        return None
    return Standing(
        start=start,
        core_end=_with_marks(reading.text, end),
        end=_with_marks(reading.text, name_end),
        run=run,
        in_tag=_tag_start(reading.text, start) >= 0,
        small=not reading.text[start:end].isupper(),
    )


def _begins(wording: Wording, first: int, reading: Reading) -> bool:
    """Whether the letters are a word's beginning, rightly spelt, and no part of a ligature."""
    places, last = reading.positions, first + wording.size
    if first and places[first - 1] == places[first]:
        return False
    if last < len(places) and places[last] == places[last - 1]:
        return False
    return _starts(reading.text, places[first], wording.size) and _spelt(wording.exact, first, reading)


def _with_marks(text: str, end: int) -> int:
    """The end of a name with the accents that stand on its last letter."""
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def _apart(one: str, other: str) -> bool:
    """Whether two neighbouring characters belong to different words: no letter, or of another script."""
    if not one.isalnum():
        return True
    return strict(one).isascii() != strict(other).isascii()


def _tag_start(text: str, start: int) -> int:
    """Where the hashtag or handle begins in which `start` lies; -1 if in none."""
    at = start
    while at > 0 and start - at < _LONGEST_TAG and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    return at - 1 if at > 0 and text[at - 1] in "#＃@＠" else -1


def _starts(text: str, start: int, size: int) -> bool:
    if start == 0 or _apart(text[start - 1], text[start]):
        return True
    before = text[start - 1]
    camel = text[start].isupper() and (before.islower() or before.isdigit())
    return _inside_allowed(text, start, size, camel=camel)


def _ends(text: str, end: int, size: int) -> bool:
    if end >= len(text) or _apart(text[end], text[end - 1]):
        return True
    after = text[end : end + 2]
    if _INWARD.match(text, end) and _DISTRICT.search(text[max(0, end - 4) : end]):
        return True
    if size >= _SHORT and after[0].isdigit():
        return True
    if (
        size >= _SHORT
        and after[0] in "sS"
        and text[end - 1] not in "sS"
        and (len(after) == 1 or not after[1].isalnum())
    ):
        return True
    camel = after[0].isupper() and text[end - 1].islower()
    return _inside_allowed(text, end - 1, size, camel=camel)


def _inside_allowed(text: str, at: int, size: int, *, camel: bool) -> bool:
    """Whether a name may stand inside a longer word: #SaveHarrowbyGreen, but not Park in Parkway."""
    in_tag = _tag_start(text, at) >= 0
    return (camel and (in_tag or size >= _LONG)) or (in_tag and size >= _LONG)


def _spelt(exact: str, first: int, reading: Reading) -> bool:
    """Whether each letter is itself or one of few that pass for it: digits among letters, I for l."""
    places, text = reading.positions, reading.text
    written = text[places[first] : places[first + len(exact) - 1] + 1]
    if written.lower() == exact or strict(written) == exact:
        return True
    replaced = 0
    for offset, letter in enumerate(exact):
        place = places[first + offset]
        within = sum(1 for back in range(1, offset + 1) if places[first + offset - back] == place)
        read = strict(text[place])
        if read[within : within + 1] == letter:
            continue
        if not letter.isalpha() or not _passes_for(text[place], letter):
            return False
        replaced += not text[place].isalpha()
    return replaced <= len(exact) // 4 and len(exact) >= _SHORT


def _passes_for(character: str, letter: str) -> bool:
    return (
        not character.isalpha()
        or (character == "I" and letter == "l")
        or (character == "l" and letter == "i")
    )


def _gaps(wording: Wording, first: int, reading: Reading) -> bool | None:
    """None where letters of the name lie too far apart; else whether one word of it is written as two."""
    places, text = reading.positions, reading.text
    inner: list[str] = []
    spaced = 0
    for offset in range(1, wording.size):
        before, after = places[first + offset - 1], places[first + offset]
        if after - before <= 1:
            continue
        if after - before > _LONGEST_GAP:
            return None
        spaced += 1
        gap = _TRANSPARENT.sub("", text[before + 1 : after])
        if offset in wording.seams:
            if not _seam_holds(gap, offset, wording):
                return None
        elif gap and not _BROKEN_LINE.fullmatch(gap):
            inner.append(gap)
    if not inner:
        return False
    if spaced == wording.size - 1 and len(set(inner)) == 1 and _SPACER.fullmatch(inner[0]):
        return False
    if len(inner) == 1 and wording.size >= _SHORTEST_SPLIT and _ONE_SPLIT.fullmatch(inner[0]):
        return True
    return None


def _seam_holds(gap: str, offset: int, wording: Wording) -> bool:
    """Whether two words of the name belong together with this between them: no new clause or sentence."""
    if gap in ("", " ", "-"):
        return True
    if gap.count("\n") > 1:
        return False
    if offset in wording.loose_seams:
        return True
    if any(character in _CLAUSE for character in gap):
        return False
    if _STOP_THEN_SPACE.search(gap):
        word = offset - max((seam for seam in wording.seams if seam < offset), default=0)
        return word <= _ABBREVIATION
    return True


def type_run(reading: Reading, first: int, size: int) -> TypeRun:
    """The type words after a name that ends before letter `first`."""
    if next(type_words_at(reading.letters, first), None) is None:
        return TypeRun((), first, first)
    found: list[tuple[int, int, TypeWord]] = []
    at = first
    while len(found) < _MOST_TYPE_WORDS:
        following = _next_type_word(reading, at, size)
        if following is None:
            break
        found.append((at, *following))
        at = following[0]
    while found and not _may_end(reading, *found[-1], size):
        found.pop()
    return TypeRun(tuple(word for _, _, word in found), first, found[-1][1] if found else first)


def _next_type_word(reading: Reading, first: int, size: int) -> tuple[int, TypeWord] | None:
    """The longest type word that ends with a word of the text, else the longest that others may follow."""
    held = [
        (end, word)
        for end, word in type_words_at(reading.letters, first)
        if _joined(reading, first, end) and _spelt(strict(word.shown), first, reading)
    ]
    whole = [one for one in held if _ends(reading.text, reading.positions[one[0] - 1] + 1, size)]
    return next(iter(whole or held), None)


def _joined(reading: Reading, first: int, last: int) -> bool:
    """Whether a type word follows what is before it closely, and holds together."""
    places, text = reading.positions, reading.text
    if last < len(places) and places[last] == places[last - 1]:
        return False  # it ends within a ligature
    gap = text[places[first - 1] + 1 : places[first]]
    if not _TYPE_GAP.fullmatch(gap) or gap.count("\n") > 1:
        return False
    if _STOP_THEN_SPACE.search(gap) and not _ABBREVIATED.search(
        text[max(0, places[first - 1] - 4) : places[first - 1] + 1]
    ):
        return False
    return places[last - 1] - places[first] <= (last - first) * 2


def _may_end(reading: Reading, first: int, last: int, word: TypeWord, size: int) -> bool:
    """Whether a name may end with this type word; an ordinary word needs a capital letter: Harrowby High."""
    start, end = reading.positions[first], reading.positions[last - 1] + 1
    if is_trimmed(word):
        return False
    if word.weak and not reading.text[start].isupper():
        return False
    return _ends(reading.text, end, size + last - first)


def _in_host(text: str, start: int, end: int) -> bool:
    """Whether the name is part of an address's host, which says nothing: anybody may own a look-alike."""
    if _SPACE.search(text, start, end):
        return False
    if start and text[start - 1] in "@＠" and (start == 1 or not text[start - 2].isalnum()):
        return False  # a handle, which may look like a host
    if _BEFORE_HOST.search(text[max(0, start - _LONGEST_TAG) : start]):
        return True
    return (
        bool(_HOST_TAIL.match(text, end, end + _LONGEST_HOST)) and "/" not in text[max(0, start - 1) : start]
    )


def is_thing(reading: Reading, standing: Standing) -> bool:
    """Whether the name goes on as that of something else: a hospital, a street, a football club."""
    compound = _COMPOUND.match(reading.letters, standing.run.start)
    if compound is not None and _thing_stands(reading, standing.core_end, compound):
        return True
    if standing.run.certain:
        return False
    if _THING_BEFORE.search(reading.text[max(0, standing.start - 30) : standing.start]):
        return True
    match = _THING.match(reading.letters, standing.run.end)
    if match is None or not _thing_stands(reading, standing.end, match):
        return False
    # St Mary's Church School is a school.
    return all(word.weak for _, word in type_words_at(reading.letters, match.end()))


def _thing_stands(reading: Reading, name_end: int, match: re.Match[str]) -> bool:
    """Whether the word follows the name closely, is whole, and has its capital letter if it needs one."""
    text, places = reading.text, reading.positions
    first, last = places[match.start()], places[match.end() - 1] + 1
    if not _CLOSE.fullmatch(text[name_end:first]):
        return False
    if _SPELT_LOOSELY.get(match[0]) in _NEEDS_CAPITAL and not text[first].isupper():
        return False
    camel = text[last : last + 1].isupper() and text[last - 1].islower()
    return camel or not text[last : last + 1].isalnum()


def place_after(text: str, end: int) -> tuple[int, int] | None:
    """Where a place seems to be named right after a name: `in Lincoln`, `(Lincoln)`, `, Lincoln,`."""
    match = _PLACE_AFTER.match(text, end)
    if match is None:
        return None
    group = next(number for number in (1, 2, 3) if match[number])
    return None if _no_place(match[group]) else match.span(group)


def surroundings(text: str, start: int, end: int) -> tuple[int, int]:
    """What stands within forty characters of a name, up to the next empty line."""
    before, after = max(0, start - _BESIDE), min(len(text), end + _BESIDE)
    above, below = text.rfind("\n\n", before, start), text.find("\n\n", end, after)
    return (before if above < 0 else above), (after if below < 0 else below)


def place_before(text: str, start: int) -> tuple[int, int] | None:
    """Where a word with a capital letter stands right before a name: Manor Park Primary is not Park Primary.

    At the beginning of a sentence the capital says nothing, unless the word is often part of names.
    """
    begin = max(0, start - 40)
    match = _WORD_BEFORE.search(text[begin:start])
    if match is None or _no_place(match[1]) or _title_case(text, start):
        return None
    opens = match.start() == 0 or _SENTENCE_END.search(text[begin : begin + match.start()])
    if opens and strict(match[1]) not in _NAME_PARTS:
        return None
    return begin + match.start(1), begin + match.end(1)


def _no_place(words: str) -> bool:
    return strict(words.split(maxsplit=1)[0].removesuffix("'s").removesuffix("’s")) in _NO_PLACES


def _title_case(text: str, at: int) -> bool:
    """Whether the line is a headline Where Most Words Have Capitals, so that a capital says nothing."""
    begin = text.rfind("\n", max(0, at - 200), at) + 1 or max(0, at - 200)
    stop = text.find("\n", at, at + 200)
    words = [word for word in text[begin : stop if stop >= 0 else at + 200].split() if word[0].isalpha()]
    capitals = sum(word[0].isupper() for word in words)
    return len(words) > 3 and capitals * 4 >= len(words) * 3  # noqa: PLR2004


def tag_stands(wording: Wording, first: int, reading: Reading) -> tuple[int, int] | None:
    """Where the configured hashtag stands as a whole."""
    places, text = reading.positions, reading.text
    start, end = places[first], places[first + wording.size - 1] + 1
    if start == 0 or text[start - 1] not in "#＃":
        return None
    if any(not (character.isalnum() or character == "_") for character in text[start:end]):
        return None
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        return None
    return start - 1, end


def handle_stands(wording: Wording, first: int, reading: Reading) -> tuple[int, int] | None:
    """Where the configured handle stands, letter for letter, with its @ or in the address of its page."""
    text, places = reading.text, reading.positions
    raw = wording.raw[1:]
    start = places[first]
    end = start + len(raw)
    if text[start:end].lower() != raw:
        return None
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        return None
    if text[end : end + 1] in (".", "@", "-") and text[end + 1 : end + 2].isalnum():
        return None
    if start and text[start - 1] in "@＠" and (start == 1 or not text[start - 2].isalnum()):
        return start - 1, end
    if _NETWORKS.search(text[max(0, start - 40) : start]):
        return start, end
    return None


def site_stands(host: str, path: str, first: int, letters: int, reading: Reading) -> tuple[int, int] | None:
    """Where a link to the site or one of its subdomains stands: the whole host must be it, not a part."""
    text, places = reading.text, reading.positions
    start, end = places[first], places[first + letters - 1] + 1
    while start > 0 and _HOST_CHARACTER.match(text[start - 1]) and end - start < _LONGEST_HOST:
        start -= 1
    while end < len(text) and _HOST_CHARACTER.match(text[end]) and end - start < _LONGEST_HOST:
        end += 1
    token = text[start:end].lower().rstrip(".-_")
    if token != host and not token.endswith(f".{host}"):
        return None
    end = start + len(token)
    if _USERINFO.match(text, end, end + _LONGEST_HOST) or not _may_precede_host(text, start):
        return None
    after = _PORT.match(text, end)
    rest = text[after.end() if after else end :][: len(path) + 1].lower()
    if path and (not rest.startswith(path) or rest[len(path) :].isalnum() or rest[len(path) :] in ("-", "_")):
        return None
    return start, end


def _may_precede_host(text: str, start: int) -> bool:
    """Whether a host may begin here: not in another address's path or query, nor as a user's name."""
    before = text[max(0, start - _LONGEST_HOST) : start]
    if not before or before[-1].isspace():
        return True
    if before[-1] == "@":
        return bool(_USER_AND_HOST.search(before) or _MAILBOX.search(before))
    if before[-1] == "/":
        return before.endswith("//")
    return before[-1] not in "\\=%&?#+~:"
