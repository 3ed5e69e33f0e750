"""What a school may be called: its names taken apart, the ways to write them, and how much each one says."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import product

from monitor.mentions.folding import loose, strict
from monitor.mentions.school import School
from monitor.mentions.words import GENERIC, GENERIC_PARTS, LURES


class Kind(Enum):
    """What sort of thing is looked for; each has its own test of whether it really stands there."""

    NAME = "name"
    HASHTAG = "hashtag"
    HANDLE = "handle"
    NOT = "not"


class Rank(IntEnum):
    """How much a name says by itself, from little to much."""

    PLACE = 1  # may be the place and not the school: counts only where a school is spoken of
    INITIALS = 2
    PHRASE = 3  # Holy Trinity, All Saints: words that people use of other things too
    COMMON = 4  # many schools have it
    FAIR = 5  # one word that few schools have, with what kind of school it is
    DISTINCTIVE = 6


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of school a name speaks of: its phases (primary, high …) and its faiths."""

    phases: frozenset[str] = frozenset()
    faiths: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TypeWord:
    """A word that says what kind of school it is; a `weak` one is an ordinary word too: first, high, free."""

    shown: str
    phase: str | None = None
    faith: str | None = None
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to write a name: `letters` is what the automaton looks for, the first `size` of them the name.

    The rest of `letters`, if any, is the beginning of a type word, without which the name is too common
    a word to look for. `seams` are the indexes where a word starts; at `loose_seams` the name itself has
    a comma or a bracket. A handle or hashtag is compared as `raw`.
    """

    letters: str
    size: int
    exact: str
    seams: frozenset[int]
    loose_seams: frozenset[int]
    kind: Kind
    shown: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a wording means a school: what it says `bare` (None: nothing) and with type words."""

    school: str
    bare: Rank | None
    typed: Rank


def _phase(phase: str, *written: str, weak: bool = False) -> dict[str, TypeWord]:
    return {strict(one): TypeWord(one, phase=phase, weak=weak) for one in written}


def _faith(faith: str, *written: str) -> dict[str, TypeWord]:
    return {strict(one): TypeWord(one, faith=faith) for one in written}


def _plain(*written: str, weak: bool = False) -> dict[str, TypeWord]:
    return {strict(one): TypeWord(one, weak=weak) for one in written}


TYPES: dict[str, TypeWord] = {
    **_plain("School", "Schools", "Sch", "Academy", "Acad", "Ysgol"),
    **_plain("VA", "VC", "Voluntary Aided", "Voluntary Controlled", "Aided", "Controlled", "Special"),
    **_plain("For Girls", "For Boys"),
    **_plain(
        "Community", "Foundation", "Free", "Girls", "Boys", "And", "The", "Parish", "Combined", weak=True
    ),
    **_phase("primary", "Primary", "Prim", "Gynradd"),
    **_phase("primary", "Pri", weak=True),
    **_phase("infant", "Infant", "Infants", "Babanod"),
    **_phase("junior", "Junior", "Juniors", "Iau"),
    **_phase("nursery", "Nursery", "Pre School", "Feithrin"),
    **_phase("prep", "Preparatory"),
    **_phase("prep", "Prep", weak=True),
    **_phase("first", "First", weak=True),
    **_phase("lower", "Lower", weak=True),
    **_phase("middle", "Middle", weak=True),
    **_phase("upper", "Upper", weak=True),
    **_phase("secondary", "Secondary", "Uwchradd", "Comprehensive", "Gyfun"),
    **_phase("secondary", "Sec", "Comp", weak=True),
    **_phase("high", "High", weak=True),
    **_phase("grammar", "Grammar"),
    **_phase("college", "College", "Sixth Form", "6th Form", "Coleg"),
    **_phase("elementary", "Elementary"),
    **_faith("cofe", "CofE", "CE", "Church of England", "C of England", "Anglican"),
    **_faith("church in wales", "Church in Wales", "CiW"),
    **_faith("catholic", "RC", "Roman Catholic", "Catholic", "Gatholig"),
    **_faith("methodist", "Methodist"),
    **_faith("baptist", "Baptist"),
    **_faith("jewish", "Jewish"),
    **_faith("muslim", "Muslim", "Islamic"),
    **_faith("sikh", "Sikh"),
    **_faith("hindu", "Hindu"),
}
_ALWAYS_TRIMMED = frozenset({"and", "the"})
_SPELT_LOOSELY = {loose(letters): letters for letters in TYPES}
# Asked at the end of every name and clue that is found: by the first two letters most are no type word.
_LENGTHS = {
    begun: sorted({len(letters) for letters in _SPELT_LOOSELY if letters.startswith(begun)}, reverse=True)
    for begun in {letters[:2] for letters in _SPELT_LOOSELY}
}

_YOUNG = frozenset({"primary", "infant", "junior", "nursery", "prep", "first", "lower", "middle"})
_OLD = frozenset({"secondary", "high", "grammar", "college", "upper", "middle"})

_LEADS = frozenset(
    {"ysgol", "scoil", "gaelscoil", "bunscoil", "sgoil"}
)  # Welsh, Irish and Gaelic put it first
_SAINT = frozenset({"st", "saint", "ss", "saints", "sts", "sant", "san", "naomh"})
_DEVOUT = frozenset({"holy", "sacred", "our", "all", "christ", "blessed", "immaculate", "corpus"})
_GENERIC_PARTS = frozenset(GENERIC_PARTS)
_GENERIC = frozenset(GENERIC) | _GENERIC_PARTS

_APOSTROPHES = "'’‘ʼ`´′＇"
_NAME_WORD = re.compile(rf"[^\W_]+(?:[{_APOSTROPHES}][^\W_]+)*[{_APOSTROPHES}]?|&", re.UNICODE)
_INITIALS = re.compile(r"(?:[A-Z0-9]\.?){2,6}")
_MOST_SPELLINGS = 8
_SHORTEST_TELLING_TAG = 6
_SHORTEST_TELLING_PLACE = 8
_INITIALS_OF_A_CORE = range(2, 5)
_LONGEST_TYPE = 3  # words: Church of England
_SOFT = {"p": "b", "t": "d", "c": "g", "b": "f", "d": "dd", "g": "", "m": "f", "ll": "l", "rh": "r"}
_NASAL = {"p": "mh", "t": "nh", "c": "ngh", "b": "m", "d": "n", "g": "ng"}
_ASPIRATE = {"p": "ph", "t": "th", "c": "ch"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """A name taken apart: `Harrowby Green C of E Primary School` is a core and five type words."""

    lead: tuple[str, ...]
    core: tuple[str, ...]
    types: tuple[TypeWord, ...]


def _words(name: str) -> list[str]:
    return _NAME_WORD.findall(name)


def _type_at_end(words: list[str]) -> int:
    """How many of the last words are one type word: 3 for Church of England, 0 for none."""
    for count in range(min(_LONGEST_TYPE, len(words)), 0, -1):
        if strict("".join(words[-count:])) in TYPES:
            return count
    return 0


def take_apart(name: str) -> _Parts:
    """Core and type words of a name; a name that is all type words keeps them as its core."""
    words = _words(name)
    if words and strict(words[0]) == "the" and len(words) > 1:
        words = words[1:]
    core, types = list(words), list[TypeWord]()
    while count := _type_at_end(core):
        types.insert(0, TYPES[strict("".join(core[-count:]))])
        core = core[:-count]
        if core and core[-1] == "&" and _type_at_end(core[:-1]):
            core = core[:-1]
    lead: list[str] = []
    while len(core) > 1 and (strict(core[0]) in _LEADS or (lead and strict(core[0]) in TYPES)):
        lead.append(core.pop(0))
    if not core:
        return _Parts((), tuple(words), ())
    types += [TYPES[strict(word)] for word in lead if strict(word) in TYPES]
    return _Parts(tuple(lead), tuple(core), tuple(types))


def nature_of(types: tuple[TypeWord, ...]) -> Nature:
    """What the type words say together."""
    return Nature(
        frozenset(word.phase for word in types if word.phase),
        frozenset(word.faith for word in types if word.faith),
    )


def school_nature(school: School) -> Nature:
    """What the school's own names say of its kind."""
    parts = [
        take_apart(name) for name in (name_and_places(school)[0], *school.also) if name[0] not in "#@＃＠"
    ]
    return nature_of(tuple(word for part in parts for word in part.types))


class Fit(IntEnum):
    """Whether the kind of school that a text names can be ours."""

    NO = 0
    DOUBTFUL = 1
    YES = 2


def fit(ours: Nature, theirs: Nature, rank: Rank) -> Fit:
    """Whether `theirs`, read in a text, can mean a school that is `ours`.

    A faith that our name leaves out is no reason to doubt a name that nobody else has.
    """
    faiths = _fit_of_faiths(ours.faiths, theirs.faiths)
    if faiths is Fit.DOUBTFUL and rank is Rank.DISTINCTIVE:
        faiths = Fit.YES
    return min(_fit_of_phases(ours.phases, theirs.phases), faiths)


def _fit_of_phases(ours: frozenset[str], theirs: frozenset[str]) -> Fit:
    if theirs <= ours:
        return Fit.YES
    if not ours:
        return Fit.DOUBTFUL if "elementary" in theirs else Fit.YES
    kin = {phase for stage in (_YOUNG, _OLD) if ours & stage for phase in stage}
    return Fit.DOUBTFUL if theirs - ours <= kin else Fit.NO


def _fit_of_faiths(ours: frozenset[str], theirs: frozenset[str]) -> Fit:
    if not theirs or theirs & ours:
        return Fit.YES
    return Fit.NO if ours else Fit.DOUBTFUL


def _is_generic(word: str) -> bool:
    """Whether a word is in many schools' names: a common one, or made of two such (riverside, oakfield)."""
    if word in _GENERIC or word in TYPES:
        return True
    return any(
        word[:cut] in _GENERIC_PARTS and word[cut:] in _GENERIC_PARTS for cut in range(2, len(word) - 1)
    )


def rank_of(core: tuple[str, ...], *, typed: bool) -> Rank:
    """How much a name says: a saint's name and generic words say little, one word needs its type words.

    After a saint comes a given name, which says nothing more.
    """
    folded = [strict(word) for word in core if word != "&"]
    telling = [
        word
        for before, word in zip(["", *folded], folded, strict=False)
        if word not in _SAINT and before not in _SAINT and not _is_generic(word)
    ]
    if not telling:
        return Rank.COMMON
    if len(folded) == 1:
        return Rank.FAIR if typed else Rank.COMMON
    return Rank.DISTINCTIVE


def _spellings_of(word: str, before: str) -> tuple[str, ...]:
    """How else one word of a name is written: Saint for St, nothing for and, George for George's."""
    folded = strict(word)
    if folded in ("st", "saint"):
        return ("St", "Saint")
    if folded in ("mount", "mt"):
        return ("Mount", "Mt")
    if word == "&" or folded == "and":
        return ("and", "")
    if before in ("st", "saint") and folded.endswith("s") and any(sign in word for sign in _APOSTROPHES):
        return (word, word.rstrip("s" + _APOSTROPHES))
    if before in ("st", "saint") and not folded.endswith("s"):
        return (word, f"{word}'s")
    return (word,)


def _spellings(core: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The ways to write a core, as given first, at most eight."""
    choices = [_spellings_of(word, strict(before)) for before, word in zip(("", *core), core, strict=False)]
    written = [tuple(word for word in words if word) for words in product(*choices)]
    return [core, *(words for words in written if words != core)][:_MOST_SPELLINGS]


def mutations(word: str) -> tuple[str, ...]:
    """A Welsh word as it is and with its first letter mutated: Celyn, Gelyn, Nghelyn, Chelyn."""
    small = word.lower()
    mutated = {
        changed[sound] + word[len(sound) :]
        for changed in (_SOFT, _NASAL, _ASPIRATE)
        for sound in changed
        if small.startswith(sound)
        and not (len(sound) == 1 and small.startswith(("ll", "rh", "dd", "ch", "th")))
    }
    return (word, *sorted(one[:1].upper() + one[1:] for one in mutated if one))


def is_welsh(school: School) -> bool:
    """Whether the school has a Welsh name, so that its place names may mutate."""
    return any(strict(word) == "ysgol" for name in (school.name, *school.also) for word in _words(name))


def _seams(words: tuple[str, ...]) -> frozenset[int]:
    lengths = [len(loose(word)) for word in words]
    return frozenset(sum(lengths[:count]) for count in range(1, len(words)))


def _loose_seams(name: str) -> frozenset[int]:
    """Where the name as written has more than a space between two words."""
    return frozenset(
        len(strict(name[: found.end()])) for found in re.finditer(r"[^\W_][^\w\s'’]+[\s(]*(?=\w)", name)
    )


def wording(words: tuple[str, ...], kind: Kind = Kind.NAME, *, lure: str = "", written: str = "") -> Wording:
    """A name's words made ready to be looked for; a `lure` is the start of the type word that must follow."""
    tagged = kind in (Kind.HASHTAG, Kind.HANDLE)
    exact = strict("".join(words))
    letters = loose(words[0][1:]) if tagged else loose(exact)
    return Wording(
        letters=letters + loose(lure),
        size=len(letters),
        exact=exact,
        seams=_seams(words),
        loose_seams=_loose_seams(written) if strict(written) == exact else frozenset(),
        kind=kind,
        shown=" ".join(words),
        raw=words[0].lower() if tagged else "",
    )


_ALWAYS_LURED = frozenset({"sch", "acad"})


def _facets(types: tuple[TypeWord, ...]) -> set[str]:
    nature = nature_of(types)
    return set(nature.phases | nature.faiths)


def _lures(types: tuple[TypeWord, ...]) -> list[str]:
    """The lures that the type words of a name call for; a school of no stated phase may be called by any."""
    facets = _facets(types)
    any_phase = not nature_of(types).phases
    followers = {strict(word.shown) for word in types} | {
        letters
        for letters, word in TYPES.items()
        if {word.phase, word.faith} & facets or (any_phase and word.phase)
    }
    return [
        lure
        for lure in LURES
        if lure in _ALWAYS_LURED or any(letters.startswith(lure) for letters in followers)
    ]


def name_and_places(school: School) -> tuple[str, tuple[str, ...]]:
    """The school's name and the places near it; `St Mary's School, Harrowby` gives one place more."""
    head, comma, tail = school.name.partition(",")
    if comma and take_apart(head).types and strict(tail):
        return head, (*school.near, tail.strip())
    return school.name, school.near


def wordings(school: School) -> Iterator[tuple[Wording, Claim]]:
    """Every way to write the school's names that is looked for, with what it says."""
    welsh = is_welsh(school)
    yield from _of_name(school.id, name_and_places(school)[0], welsh)
    for name in school.also:
        if name[0] in "#＃":
            yield _tagged(school.id, name, Kind.HASHTAG)
        elif name[0] in "@＠":
            yield _tagged(school.id, name, Kind.HANDLE)
        elif _INITIALS.fullmatch(name):
            yield wording((name,)), Claim(school.id, Rank.INITIALS, Rank.COMMON)
        else:
            yield from _of_name(school.id, name, welsh)
    yield from _short_names(school)
    for name in school.not_:
        written = wording(tuple(_words(name)), Kind.NOT, written=name)
        yield written, Claim(school.id, Rank.DISTINCTIVE, Rank.DISTINCTIVE)


def _tagged(school: str, name: str, kind: Kind) -> tuple[Wording, Claim]:
    """A hashtag or a handle; a hashtag as short as initials says as little as they do."""
    sign = "#" if kind is Kind.HASHTAG else "@"
    short = kind is Kind.HASHTAG and len(strict(name)) < _SHORTEST_TELLING_TAG
    rank = Rank.COMMON if short else Rank.DISTINCTIVE
    return wording((sign + name[1:],), kind), Claim(school, rank, rank)


def _of_name(school: str, name: str, welsh: bool) -> Iterator[tuple[Wording, Claim]]:
    """The wordings of one name: its core in each spelling, alone or with type words round it."""
    parts = take_apart(name)
    if not parts.core:
        words = tuple(_words(name))
        if words:
            yield wording(words, written=name), Claim(school, Rank.COMMON, Rank.COMMON)
        return
    typed = rank_of(parts.core, typed=True)
    bare = _bare_rank(parts, typed)
    for words in _spellings(parts.core):
        for lead in {parts.lead, parts.lead[:1]} - {()}:
            yield wording((*lead, *words)), Claim(school, typed, typed)
        for first in mutations(words[0]) if welsh else words[:1]:
            yield from _of_core(Claim(school, bare, typed), parts, (first, *words[1:]), name)


def _of_core(
    claim: Claim, parts: _Parts, words: tuple[str, ...], name: str
) -> Iterator[tuple[Wording, Claim]]:
    if claim.bare is not None and _plurals(words) == _plurals(parts.core):
        yield wording(words, written=name), claim
        return
    for lure in _lures(parts.types) if parts.types else ():
        yield wording(words, lure=lure), Claim(claim.school, None, claim.typed)


def _plurals(words: tuple[str, ...]) -> list[bool]:
    """Which words end in s: `St George` is not `St George's` unless a type word follows."""
    return [strict(word).endswith("s") for word in words[1:] if strict(word) not in ("and", "")]


def _bare_rank(parts: _Parts, typed: Rank) -> Rank | None:
    """What the core says when no type word follows; None where it is too common a word to look for."""
    if not parts.types:
        return rank_of(parts.core, typed=False)
    first = strict(parts.core[0]) if len(parts.core) > 1 else ""
    if first in _SAINT or (first in _DEVOUT and typed is Rank.DISTINCTIVE):
        return typed
    if first in _DEVOUT:
        return Rank.PHRASE
    if typed is Rank.DISTINCTIVE and len(strict("".join(parts.core))) >= _SHORTEST_TELLING_PLACE:
        return Rank.PLACE
    return None


def _short_names(school: School) -> Iterator[tuple[Wording, Claim]]:
    """`HG Primary` for Harrowby Green Primary School: initials of the core, with a type word after them."""
    parts = take_apart(name_and_places(school)[0])
    initials = "".join(word[0] for word in parts.core if word != "&").upper()
    phases = nature_of(parts.types).phases
    if len(initials) in _INITIALS_OF_A_CORE and phases:
        for lure in _lures(tuple(word for word in parts.types if word.phase)):
            if lure not in _ALWAYS_LURED:
                yield wording((initials,), lure=lure), Claim(school.id, None, Rank.INITIALS)


def is_trimmed(word: TypeWord) -> bool:
    """Whether a type word never ends a name."""
    return strict(word.shown) in _ALWAYS_TRIMMED


def type_words_at(letters: str, first: int) -> Iterator[tuple[int, TypeWord]]:
    """The type words that the folded letters spell from `first` on and where they end, the longest first."""
    for length in _LENGTHS.get(letters[first : first + 2], ()):
        spelt = letters[first : first + length]
        # Near the end of the letters a longer piece is cut short, and would spell the same word once more.
        if len(spelt) == length and (known := _SPELT_LOOSELY.get(spelt)):
            yield first + length, TYPES[known]
