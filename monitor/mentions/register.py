"""All schools ready to be found: every name in one automaton, every hint of a place in another."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from ahocorasick_rs import AhoCorasick, Implementation

from monitor.mentions import words
from monitor.mentions.folding import loose
from monitor.mentions.naming import (
    Claim,
    Kind,
    Nature,
    Rank,
    Wording,
    is_welsh,
    mutations,
    name_and_places,
    school_nature,
    wording,
    wordings,
)
from monitor.mentions.school import School, site_parts


class Sign(Enum):
    """What a clue in a text speaks for."""

    NEAR = "near"
    BRITISH = "british"
    FOREIGN_PLACE = "foreign place"
    FOREIGN_SCHOOL = "foreign school"
    SCHOOL = "school"


@dataclass(frozen=True, slots=True)
class Known:
    """A wording and all schools that it can mean."""

    wording: Wording
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A web address, `host` with its subdomains and `path` with what lies under it, and whose it is."""

    host: str
    path: str
    schools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clue:
    """Words that hint at which school is meant; `schools` are those that it lies near."""

    wording: Wording
    sign: Sign
    schools: frozenset[str] = frozenset()


Entry = TypeVar("Entry")


class Automaton(Generic[Entry]):
    """Finds all of many words in one pass over folded letters; each word stands for one or more entries."""

    def __init__(self, entries: Iterable[tuple[str, Entry]]) -> None:
        together: dict[str, list[Entry]] = defaultdict(list)
        for letters, entry in entries:
            together[letters].append(entry)
        self.entries = [tuple(same) for same in together.values()]
        # A table of all transitions takes most memory and least time: 50,000 words cost hardly more than one.
        self.automaton = AhoCorasick(list(together), implementation=Implementation.DFA, store_patterns=False)

    def find(self, letters: str) -> list[tuple[int, int, int]]:
        """Number of the entries, first letter and end of each word found, those inside others included."""
        return self.automaton.find_matches_as_indexes(letters, overlapping=True)


class Register:
    """All schools that we look after, ready to be found in texts: one automaton for all names.

    `by_shape` leads from a first letter and a length to the names that have them.
    """

    def __init__(self, schools: Sequence[School]) -> None:
        self.schools = {school.id: school for school in schools}
        if len(self.schools) != len(schools):
            raise ValueError("two schools have the same id")
        self.natures: dict[str, Nature] = {school.id: school_nature(school) for school in schools}
        known = _known(schools)
        names = [(one.wording.letters, one) for one in known]
        sites = [(loose(site.host), site) for site in _sites(schools)]
        self.names: Automaton[Known | Site] = Automaton([*names, *sites])
        self.clues: Automaton[Clue] = Automaton([(clue.wording.letters, clue) for clue in _clues(schools)])
        self.by_shape: dict[tuple[str, int], list[Known]] = defaultdict(list)
        for one in known:
            if one.wording.kind is Kind.NAME:
                self.by_shape[one.wording.letters[0], one.wording.size].append(one)


def _known(schools: Sequence[School]) -> list[Known]:
    """Each wording once, with the schools that it can mean, each with the best that it says of it."""
    claims: dict[Wording, dict[str, Claim]] = {}
    for school in schools:
        for written, claim in wordings(school):
            of_wording = claims.setdefault(written, {})
            of_wording[school.id] = _stronger(claim, of_wording.get(school.id))
    return [Known(written, tuple(owners.values())) for written, owners in claims.items()]


def _stronger(claim: Claim, other: Claim | None) -> Claim:
    if other is None:
        return claim
    ranks: list[Rank] = [rank for rank in (claim.bare, other.bare) if rank is not None]
    return Claim(claim.school, max(ranks, default=None), max(claim.typed, other.typed))


def _sites(schools: Sequence[School]) -> Iterable[Site]:
    owners: dict[tuple[str, str], list[str]] = {}
    for school in schools:
        if school.site:
            owners.setdefault(site_parts(school.site), []).append(school.id)
    return [Site(host, path, tuple(ids)) for (host, path), ids in owners.items()]


def _clues(schools: Sequence[School]) -> Iterable[Clue]:
    owners: dict[Wording, set[str]] = {}
    for school in schools:
        for place in name_and_places(school)[1]:
            for written in _place_wordings(place, welsh=is_welsh(school)):
                owners.setdefault(written, set()).add(school.id)
    yield from (Clue(written, Sign.NEAR, frozenset(ids)) for written, ids in owners.items())
    for sign, entries in (
        (Sign.BRITISH, words.BRITISH),
        (Sign.FOREIGN_PLACE, words.FOREIGN_PLACES),
        (Sign.FOREIGN_SCHOOL, words.FOREIGN_SCHOOLS),
        (Sign.SCHOOL, words.SCHOOL),
    ):
        yield from (Clue(wording(tuple(written.split())), sign) for written in entries)


def _place_wordings(place: str, *, welsh: bool) -> Iterable[Wording]:
    parts = tuple(place.split())
    firsts = mutations(parts[0]) if welsh else parts[:1]
    return [wording((first, *parts[1:]), Kind.NAME, written=place) for first in firsts]
