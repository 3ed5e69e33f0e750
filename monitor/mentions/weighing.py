"""How surely a name means a school, and which one of several: small numbers, each with its sentence."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from connectors.post import Post
from monitor.mentions.folding import Reading
from monitor.mentions.naming import Rank
from monitor.mentions.school import Mention, Span

SURE = 0.6

# What a name is worth by itself, what each hint adds to the doubt that is left (noisy-or).
_BASE = {
    Rank.PLACE: 0.65,
    Rank.INITIALS: 0.25,
    Rank.PHRASE: 0.3,
    Rank.COMMON: 0.35,
    Rank.FAIR: 0.8,
    Rank.DISTINCTIVE: 0.95,
}
_NEAR, _FAR = 0.85, 0.45
_NEAR_CHARACTERS, _FAR_CHARACTERS = 60, 2_000
_ELSEWHERE_IN_POST = 0.42  # a hint in a link or in the text that the post answers
_BRITISH = 0.45
_ANCHOR = 0.9
_DOUBT = 0.5  # the most that an ambiguous mention is worth
_SAME = 0.1  # two schools whose hints differ by less are equally likely
_FOREIGN_ENOUGH = 2


class Part(Enum):
    """The part of a post in which something was found."""

    BODY = "body"
    PARENT = "parent"
    LINK = "link"
    ADDRESS = "address"


class Form(Enum):
    """How a school is pointed at."""

    NAME = "name"
    HASHTAG = "hashtag"
    HANDLE = "handle"
    SITE = "site"
    CENSORED = "censored"


_OF_PART = {Part.BODY: 1.0, Part.PARENT: 0.8, Part.LINK: 0.9, Part.ADDRESS: 0.8}
_OF_FORM = {Form.HASHTAG: 0.9, Form.HANDLE: 0.95, Form.SITE: 0.97}
_CENSORED = 0.85


@dataclass(frozen=True, slots=True)
class Candidate:
    """A school that an occurrence may mean; `doubtful` where the text names another kind of school."""

    school: str
    rank: Rank
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a school is pointed at: where in the searched text, how, and whom it may mean.

    `before` and `after` are stretches next to the name that look like part of a longer one or
    like a place, `reach` is what counts as beside it. `small` says that it is
    not written in capitals only, `in_tag` that it lies in a hashtag or handle that nobody told us of.
    """

    start: int
    end: int
    part: Part
    form: Form
    name: str
    candidates: tuple[Candidate, ...]
    before: tuple[int, int] | None = None
    after: tuple[int, int] | None = None
    reach: tuple[int, int] = (0, 0)
    small: bool = False
    typed: bool = False
    in_tag: bool = False


@dataclass(slots=True)
class Cues:
    """The hints in one post; `near` holds each place near a school, and where it stands."""

    near: list["NearCue"] = field(default_factory=list)
    british: bool = False
    school: bool = False
    foreign: set[str] = field(default_factory=set)
    foreign_places: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class NearCue:
    """One place that was found, and the schools near it; `starts` and `ends` are sorted, in the body only."""

    name: str
    schools: frozenset[str]
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    outside: bool = False

    def note(self, start: int, end: int, *, in_body: bool) -> None:
        """Add a place where it stands; they come in order."""
        if not in_body:
            self.outside = True
            return
        self.starts.append(start)
        self.ends.append(end)

    def distance(self, start: int, end: int) -> int | None:
        """Characters between the name and the nearest of these in the body."""
        at = bisect_left(self.starts, start)
        gaps = []
        if at < len(self.starts):
            gaps.append(max(0, self.starts[at] - end))
        if at > 0:
            gaps.append(max(0, start - self.ends[at - 1]))
        return min(gaps, default=None)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether one of these shares a character with the stretch."""
        at = bisect_left(self.starts, end)
        return at > 0 and self.ends[at - 1] > start


@dataclass(frozen=True, slots=True)
class _Weight:
    """What one occurrence says for one school. `telling` if it tells the school from others of its name."""

    school: str
    confidence: float
    telling: bool
    ambiguous: bool
    reasons: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Something else in the post that surely means the school."""

    occurrence: int
    reason: str


def weigh(
    post: Post, reading: Reading, occurrences: Sequence[Occurrence], cues: Cues, home: str | None
) -> list[Mention]:
    """The mentions that follow from all occurrences together, the surest first."""
    anchors = _anchors(occurrences)
    spans: dict[str, list[Span]] = defaultdict(list)
    weights: dict[str, list[_Weight]] = defaultdict(list)
    for number, occurrence in enumerate(occurrences):
        for weight in _settle(number, occurrence, cues, anchors, home):
            weights[weight.school].append(weight)
            if occurrence.part is Part.BODY and occurrence.form is not Form.SITE:
                spans[weight.school].append(_span(occurrence, reading))
    if home is not None:
        weights[home].append(_at_home(home))
    mentions = [_mention(post, school, found, spans[school]) for school, found in weights.items()]
    return sorted(mentions, key=lambda mention: (-mention.confidence, mention.school))


def _span(occurrence: Occurrence, reading: Reading) -> Span:
    return Span(reading.origin[occurrence.start], reading.origin[occurrence.end], occurrence.name)


def _at_home(school: str) -> _Weight:
    return _Weight(school, 1.0, True, False, ("It stands on the school's own page.",))


def _mention(post: Post, school: str, weights: Sequence[_Weight], spans: Sequence[Span]) -> Mention:
    """All that a post says of one school as one mention: the best of it counts."""
    best = max(weights, key=lambda weight: (not weight.ambiguous, weight.confidence))
    alike = [weight for weight in weights if weight.ambiguous == best.ambiguous]
    reasons = dict.fromkeys(reason for weight in (best, *alike) for reason in weight.reasons)
    others = sorted({other for weight in weights for other in weight.others}) if best.ambiguous else ()
    return Mention(
        post=post,
        school=school,
        spans=tuple(dict.fromkeys(sorted(spans, key=lambda span: (span.start, span.end)))),
        confidence=round(best.confidence, 2),
        reasons=tuple(reasons)[:8],
        ambiguous=best.ambiguous,
        others=tuple(others),
    )


def _anchors(occurrences: Sequence[Occurrence]) -> dict[str, _Anchor]:
    """Per school the first occurrence that means it whatever else the text says."""
    anchors: dict[str, _Anchor] = {}
    for number, occurrence in enumerate(occurrences):
        if len(occurrence.candidates) != 1 or occurrence.before:
            continue
        candidate = occurrence.candidates[0]
        if candidate.rank >= Rank.FAIR and not candidate.doubtful:
            anchors.setdefault(candidate.school, _Anchor(number, _ANCHOR_REASONS[occurrence.form]))
    return anchors


_ANCHOR_REASONS = {
    Form.NAME: "The post also has a name that only this school has.",
    Form.CENSORED: "The post also has a name that only this school has.",
    Form.HASHTAG: "The post also has the school's hashtag.",
    Form.HANDLE: "The post also names the school's account.",
    Form.SITE: "The post also links to the school's web site.",
}


def _settle(
    number: int, occurrence: Occurrence, cues: Cues, anchors: Mapping[str, _Anchor], home: str | None
) -> list[_Weight]:
    """Which of the candidates one occurrence means: those for which something speaks, else all."""
    candidates = [one for one in occurrence.candidates if one.school == home] or occurrence.candidates
    shared = len(candidates) > 1
    hinted = _hinted(candidates, cues, anchors)
    plain: dict[tuple[Rank, bool], _Weight | None] = {}
    weights: list[_Weight] = []
    for candidate in candidates:
        if candidate.school == home or candidate.school in hinted:
            weight = _weigh(number, occurrence, candidate, cues, anchors, shared=shared, home=home)
        else:
            # All candidates without a hint of their own weigh the same; 200 of them must not cost 200 times.
            key = (candidate.rank, candidate.doubtful)
            if key not in plain:
                plain[key] = _weigh(number, occurrence, candidate, cues, anchors, shared=shared, home=home)
            like = plain[key]
            weight = replace(like, school=candidate.school) if like is not None else None
        if weight is not None:
            weights.append(weight)
    return _likeliest(weights)


def _hinted(candidates: Iterable[Candidate], cues: Cues, anchors: Mapping[str, _Anchor]) -> set[str]:
    return {
        one.school
        for one in candidates
        if one.school in anchors or any(one.school in near.schools for near in cues.near)
    }


def _likeliest(weights: list[_Weight]) -> list[_Weight]:
    """Schools for which something speaks win over those of the same name for which nothing does."""
    telling = [weight for weight in weights if weight.telling]
    if telling:
        most = max(weight.confidence for weight in telling)
        weights = [weight for weight in telling if weight.confidence > most - _SAME]
    if len(weights) < 2:  # noqa: PLR2004
        return weights
    ids = tuple(weight.school for weight in weights)
    reason = f"{len(weights)} of the configured schools have this name, and nothing says which is meant."
    return [
        replace(
            weight,
            confidence=min(weight.confidence, _DOUBT),
            ambiguous=True,
            reasons=(*weight.reasons, reason),
            others=tuple(other for other in ids if other != weight.school),
        )
        for weight in weights
    ]


def _weigh(
    number: int,
    occurrence: Occurrence,
    candidate: Candidate,
    cues: Cues,
    anchors: Mapping[str, _Anchor],
    *,
    shared: bool,
    home: str | None,
) -> _Weight | None:
    """What one occurrence says for one school; None where it means something else."""
    hints = _near_hints(occurrence, candidate, cues)
    anchor = anchors.get(candidate.school)
    if anchor is not None and anchor.occurrence != number:
        hints.append((_ANCHOR, anchor.reason))
    if candidate.school == home:
        hints.append((1.0, "It stands on the school's own page."))
    telling = bool(hints)
    reasons = [_what_it_is(occurrence)]
    against = _against(occurrence, candidate, cues, telling=telling)
    if against is None:
        return None
    if not telling and not shared and not against and cues.british and candidate.rank in _NEEDS_HINT:
        hints.append((_BRITISH, "The words are those of British schools."))
    if candidate.rank is Rank.PHRASE and not (hints or cues.school):
        return None
    if (
        candidate.rank is Rank.INITIALS
        and occurrence.small
        and not hints
        and (occurrence.typed or not cues.school)
    ):
        return None  # "or primary", "hgps" where nobody speaks of a school
    confidence = _OF_FORM.get(occurrence.form) or _BASE[candidate.rank]
    if candidate.rank in _NEEDS_HINT and occurrence.form is Form.HASHTAG:
        confidence = SURE if not shared else _DOUBT
    for worth, reason in hints:
        confidence = 1 - (1 - confidence) * (1 - worth)
        reasons.append(reason)
    if occurrence.form is Form.CENSORED:
        confidence *= _CENSORED
        reasons.append("Some letters of the name are hidden.")
    confidence, ambiguous = _doubt(confidence, candidate, against)
    reasons += against
    if ambiguous and not against and candidate.rank in _NEEDS_HINT:
        reasons.append(_WHY_WEAK[candidate.rank])
    return _Weight(candidate.school, confidence * _share(occurrence), telling, ambiguous, tuple(reasons))


def _share(occurrence: Occurrence) -> float:
    """How much of its weight an occurrence keeps in its part of the post: a link to the site keeps all."""
    if occurrence.form is Form.SITE and occurrence.part is not Part.PARENT:
        return 1.0
    return _OF_PART[occurrence.part]


_NEEDS_HINT = frozenset({Rank.INITIALS, Rank.PHRASE, Rank.COMMON})
_WHY_WEAK = {
    Rank.INITIALS: "Initials may mean something else, and nothing in the post says that the school is meant.",
    Rank.PHRASE: "Many schools have this name, and nothing in the post says which is meant.",
    Rank.COMMON: "Many schools have this name, and nothing in the post says which is meant.",
}


def _doubt(confidence: float, candidate: Candidate, against: Sequence[str]) -> tuple[float, bool]:
    if against:
        return min(confidence / 2 if candidate.rank in _NEEDS_HINT else confidence, _DOUBT), True
    return (confidence, False) if confidence >= SURE else (confidence, True)


def _what_it_is(occurrence: Occurrence) -> str:
    where = {
        Part.BODY: "",
        Part.PARENT: " in the text that it answers",
        Part.LINK: " in a link",
        Part.ADDRESS: " in its own address",
    }[occurrence.part]
    if occurrence.form is Form.SITE:
        if occurrence.part is Part.ADDRESS:
            return "It stands on the school's own web site."
        return f"It has a link to the school's web site{where if occurrence.part is Part.PARENT else ''}."
    if occurrence.form is Form.HASHTAG:
        return f"It has the school's hashtag {occurrence.name}{where}."
    if occurrence.form is Form.HANDLE:
        return f"It names the school's account {occurrence.name}{where}."
    inside = " inside a hashtag or handle" if occurrence.in_tag else ""
    return f'It has the name "{occurrence.name}"{inside}{where}.'


def _near_hints(occurrence: Occurrence, candidate: Candidate, cues: Cues) -> list[tuple[float, str]]:
    """What each place near the school adds: much beside the name, less further off or in another part."""
    hints: list[tuple[float, str]] = []
    for cue in cues.near:
        if candidate.school not in cue.schools:
            continue
        distance = cue.distance(occurrence.start, occurrence.end) if occurrence.part is Part.BODY else None
        if distance is None:
            hints.append(
                (_ELSEWHERE_IN_POST, f"{cue.name}, which is near the school, is named elsewhere in the post.")
            )
        elif distance <= _NEAR_CHARACTERS:
            hints.append((_NEAR, f"{cue.name}, which is near the school, stands beside the name."))
        else:
            hints.append(
                (_by_distance(distance), f"{cue.name}, which is near the school, is named in the text.")
            )
    return sorted(hints, reverse=True)[:3]


def _by_distance(distance: int) -> float:
    share = min(1.0, (distance - _NEAR_CHARACTERS) / (_FAR_CHARACTERS - _NEAR_CHARACTERS))
    return _NEAR - (_NEAR - _FAR) * share


def _against(occurrence: Occurrence, candidate: Candidate, cues: Cues, *, telling: bool) -> list[str] | None:
    """What speaks against this school: sentences; None if so much that the name means something else."""
    against: list[str] = []
    if candidate.doubtful:
        against.append("The text names another kind of school than this one.")
    if occurrence.form in (Form.HASHTAG, Form.HANDLE, Form.SITE):
        return against
    ours = [cue for cue in cues.near if candidate.school in cue.schools]
    longer = occurrence.before is not None and not any(cue.overlaps(*occurrence.before) for cue in ours)
    elsewhere = occurrence.after is not None and not any(cue.overlaps(*occurrence.after) for cue in ours)
    abroad = _abroad_beside(occurrence, cues, ours)
    weak = candidate.rank < Rank.FAIR
    if abroad:
        if weak and not telling:
            return None
        against.append("A place in another country is named beside it.")
    elif (longer and candidate.rank < Rank.DISTINCTIVE) or (elsewhere and weak):
        against.append("Another place or a longer name seems to stand beside it.")
    if weak and not telling and cues.foreign:
        if len(cues.foreign) >= _FOREIGN_ENOUGH:
            return None
        against.append("A word of the text speaks of another country.")
    return against


def _abroad_beside(occurrence: Occurrence, cues: Cues, ours: Sequence[NearCue]) -> bool:
    """Whether a place in another country stands beside the name and is not one near the school."""
    first, last = occurrence.reach
    return any(
        first <= start and end <= last and not any(cue.overlaps(start, end) for cue in ours)
        for start, end in cues.foreign_places
    )
