"""Which schools of an extract are easily confused with ours, and what that means for our names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import IntEnum
from heapq import nsmallest

from monitor.config.gias import Establishment
from monitor.mentions.folding import strict
from monitor.mentions.naming import Fit, Nature, Rank, fit, name_and_places, nature_of, take_apart
from monitor.mentions.school import School, site_parts

HANDFUL = 6
"""The most schools that are named."""
_VERY_LIKE = 0.8
SAYS_LITTLE = frozenset({"london"})
"""Towns, folded, of so many schools that they tell none from another."""


class Likeness(IntEnum):
    """How its name is like ours, the most easily confused first."""

    SAME = 0
    LONGER = 1
    SHORTER = 2
    LIKE = 3


class Nearness(IntEnum):
    """How near it is, as far as an address tells."""

    HERE = 0
    AREA = 1
    AUTHORITY = 2
    FAR = 3


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A school that is easily confused with ours; `apart` are names that can only mean it, never ours."""

    school: Establishment
    likeness: Likeness
    nearness: Nearness
    apart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an extract says of the other open schools.

    `namesakes` counts those with the same name but for the kind of school; `taken` are places, folded, that
    such a one has too; `same_site` counts those that give the same web site.
    """

    neighbours: tuple[Neighbour, ...] = ()
    namesakes: int = 0
    taken: frozenset[str] = frozenset()
    same_site: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A name taken apart: what it is called, and what kind of school it says it is."""

    called: tuple[str, ...]
    kind: tuple[str, ...]
    nature: Nature
    folded: tuple[str, ...]


def taken_apart(written: str) -> Name:
    """`St Mary's CofE Primary School, Oakham` is called St Mary's; folded it is st, mary."""
    head = name_and_places(School.model_construct(id="", name=written))[0]
    parts = take_apart(head)
    folded = [strict(word) for word in parts.core if strict(word) not in ("", "and")]
    return Name(
        parts.core,
        tuple(word.shown for word in parts.types),
        nature_of(parts.types),
        tuple("st" if word == "saint" else word.rstrip("s") or word for word in folded),
    )


def places_of(school: Establishment) -> tuple[str, ...]:
    """What tells where it is: locality, town, street, the first half of the postcode; never London alone."""
    street = school.street.lstrip("0123456789-, ")
    written = (school.locality, school.town, street, school.district)
    return tuple(
        dict.fromkeys(
            place for place in written if len(strict(place)) > 1 and strict(place) not in SAYS_LITTLE
        )
    )


def look_round(ours: Establishment, others: Iterable[Establishment]) -> Surroundings:
    """Goes once through all schools; those that closed, and our own row, count for nothing."""
    name, site = taken_apart(ours.name), _front(ours.site)
    found: list[Neighbour] = []
    taken: set[str] = set()
    namesakes = same_site = 0
    for one in others:
        if one.urn == ours.urn or not one.is_open:
            continue
        same_site += site is not None and _front(one.site) == site
        theirs, nearness = taken_apart(one.name), _nearness(ours, one)
        likeness = _likeness(name, theirs, nearness)
        if likeness is None:
            continue
        if likeness is Likeness.SAME:
            namesakes += 1
            if fit(name.nature, theirs.nature, Rank.COMMON) is not Fit.NO:
                taken.update(strict(place) for place in (*places_of(one), one.trust, one.federation) if place)
        apart = tuple(dict.fromkeys(_apart(ours, name, one, theirs, likeness)))
        found.append(Neighbour(one, likeness, nearness, apart))
    nearest = nsmallest(HANDFUL, found, key=lambda each: (each.nearness, each.likeness, each.school.urn))
    return Surroundings(tuple(nearest), namesakes, frozenset(taken), same_site)


def _nearness(ours: Establishment, other: Establishment) -> Nearness:
    if (ours.district and ours.district == other.district) or _same(ours.town, other.town):
        return Nearness.HERE
    if ours.area and ours.area == other.area:
        return Nearness.AREA
    return Nearness.AUTHORITY if _same(ours.authority, other.authority) else Nearness.FAR


def _same(one: str, other: str) -> bool:
    return bool(one) and strict(one) == strict(other) and strict(one) not in SAYS_LITTLE


def _likeness(ours: Name, theirs: Name, nearness: Nearness) -> Likeness | None:
    if ours.folded == theirs.folded:
        return Likeness.SAME
    if _holds(theirs.folded, ours.folded):
        return Likeness.LONGER
    if nearness > Nearness.AREA:
        return None
    if _holds(ours.folded, theirs.folded):
        return Likeness.SHORTER
    pair = SequenceMatcher(None, "".join(theirs.folded), "".join(ours.folded), autojunk=False)
    is_like = pair.real_quick_ratio() > _VERY_LIKE and pair.ratio() > _VERY_LIKE
    return Likeness.LIKE if is_like else None


def _holds(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    """Whether the one name stands inside the other, word by word."""
    size = len(shorter)
    return size > 0 and any(longer[at : at + size] == shorter for at in range(len(longer) - size + 1))


def _apart(
    ours: Establishment, name: Name, other: Establishment, theirs: Name, likeness: Likeness
) -> Iterator[str]:
    """Names that can only mean the other school; what could be ours is left out, whatever that lets in."""
    called = " ".join(theirs.called)
    written: list[str] = []
    if likeness is Likeness.LONGER:
        written = [other.name, *(f"{called} {kind}" for kind in theirs.kind[:1])]
    elif likeness is Likeness.SAME and _elsewhere(ours, other):
        written = [f"{other.name} {other.town}", f"{called} {other.town}"]
        if strict(other.town) in strict(other.name):
            written = [other.name]
    elif likeness is Likeness.SAME and fit(name.nature, theirs.nature, Rank.COMMON) is Fit.NO:
        written = [other.name]
    own = strict(f"{ours.name} {ours.town}"), strict(f"{' '.join(name.called)} {ours.town}")
    yield from (one for one in written if not any(strict(one) in each for each in own))


def _elsewhere(ours: Establishment, other: Establishment) -> bool:
    """Whether the other's town says that it is not ours."""
    town = strict(other.town)
    home = strict(" ".join((*places_of(ours), ours.name, ours.authority)))
    return len(town) > 2 and town not in home and town not in SAYS_LITTLE  # noqa: PLR2004


def _front(site: str) -> tuple[str, str] | None:
    try:
        return site_parts(site) if site else None
    except ValueError:
        return None
