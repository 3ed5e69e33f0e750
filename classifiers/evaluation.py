"""How well a classifier and its thresholds do on posts that people have labelled.

Numbers in, numbers out; every figure comes with what it rests on and a 95 % interval. NumPy and scikit-learn
take a while to load: import this module where something is measured, not at the start of a program.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from classifiers.labelled import Labelled
from classifiers.taxonomy import TAXONOMY, Head, Severity, SubCategory
from classifiers.verdict import Verdict

FEWEST = 10
"""Below this many posts a figure says more about chance than about the classifier, and is not shown."""
BINS = 10
WORST = 20
_RESAMPLES = 1_000
_AT_ONCE = 2_000_000  # numbers drawn in one go, which bounds memory
_SEED = 20_260_101  # fixed, so that the same files always give the same figures
_95 = 1.959964
_PER_CENT = (2.5, 97.5)
_CURVE = 300  # points of a curve: more cannot be seen

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, the count of posts behind it, and between what it probably lies; None if they are too few."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> "Figure":
        """The same in another unit: a share times 1,000 is so many in a thousand."""
        if self.value is None or self.low is None or self.high is None:
            return self
        return Figure(self.n, self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A labelled post, and what the classifier and the policy made of it."""

    post: Labelled
    verdict: Verdict
    alert: bool
    severity: Severity
    locked: bool
    why: tuple[str, ...] = ()

    @property
    def highest(self) -> float:
        """The score of the head that it is surest of."""
        return max(self.verdict.abuse, self.verdict.safeguarding, self.verdict.reputational)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """From which score a head or a sub-category counts as found.

    `silent` are the sub-categories and heads that never alert, because they are only counted or switched off.
    """

    heads: Mapping[Head, float]
    kinds: Mapping[str, float]
    silent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Bin:
    """Posts of much the same score: their mean score, and the share of them that people labelled with yes."""

    score: float
    share: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How far scores are from the shares that they promise.

    Few posts scatter. So `by_chance` says what a perfectly calibrated classifier would show on as many posts
    with these scores, and `chance_at_most` what it would not exceed in 19 of 20 tries.
    """

    error: Figure
    by_chance: float | None = None
    chance_at_most: float | None = None
    bins: tuple[Bin, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A place on a curve."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How well one head or sub-category is found: `positives` are the posts labelled with it.

    `auroc` and `average_precision` look at the order of the scores alone, `recall` and `false_alarms` (per
    1,000 others) at what the threshold or a rule makes of them.
    """

    key: str
    label: str
    threshold: float | None
    positives: int
    negatives: int
    auroc: Figure
    average_precision: Figure
    recall: Figure
    precision: Figure
    false_alarms: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFinding:
    """How well a whole head is found, and what may be drawn of it."""

    head: Head
    finding: Finding
    calibration: Calibration
    roc: tuple[Point, ...] = ()
    precision_recall: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLock:
    """The share of posts whose media are locked, by what is in them."""

    children: Figure
    staff: Figure
    others: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that is said of a classifier under a policy.

    `due` is the share that alerts of all posts that should. `ordinary` and `hard` are false alerts per 1,000
    harmless posts. `severities` counts posts, a row for each labelled severity, a column for each judged one.
    """

    posts: int
    critical: Figure
    critical_as_such: Figure
    due: Figure
    ordinary: Figure
    hard: Figure
    media: MediaLock
    heads: tuple[HeadFinding, ...]
    kinds: tuple[Finding, ...]
    severities: tuple[tuple[int, ...], ...]
    misses: tuple[Outcome, ...]
    false_alarms: tuple[Outcome, ...]
    missed: int
    falsely_alarmed: int


def evaluate(outcomes: Sequence[Outcome], yardstick: Yardstick) -> Evaluation:
    """What the outcomes say together; nothing in it depends on their order or on chance."""
    critical = [one for one in outcomes if one.post.critical or one.post.severity is Severity.CRITICAL]
    due = [one for one in outcomes if _is_due(one.post, yardstick)]
    harmless = [one for one in outcomes if not one.post.positive]
    hard = [one for one in harmless if one.post.hard_negative]
    ordinary = [one for one in harmless if not one.post.hard_negative]
    misses = sorted((one for one in due if not one.alert), key=_gravest_miss)
    false_alarms = sorted((one for one in harmless if one.alert), key=_loudest_alarm)
    return Evaluation(
        posts=len(outcomes),
        critical=_share([one.alert for one in critical]),
        critical_as_such=_share([one.severity is Severity.CRITICAL for one in critical]),
        due=_share([one.alert for one in due]),
        ordinary=_share([one.alert for one in ordinary]).times(1_000),
        hard=_share([one.alert for one in hard]).times(1_000),
        media=_media(outcomes),
        heads=tuple(_head(head, outcomes, yardstick) for head in Head),
        kinds=tuple(_kind(kind, outcomes, yardstick) for kind in TAXONOMY.values() if kind.head),
        severities=_severities(outcomes),
        misses=tuple(misses[:WORST]),
        false_alarms=tuple(false_alarms[:WORST]),
        missed=len(misses),
        falsely_alarmed=len(false_alarms),
    )


# --- Which posts count for what


def _is_due(post: Labelled, yardstick: Yardstick) -> bool:
    """Whether somebody must be told of it: a kind that is only counted, or switched off, needs nobody."""
    kinds = [key for key in post.subcategories if TAXONOMY[key].head]
    heads = [head.value for head, yes in post.heads.items() if yes]
    return any(key not in yardstick.silent for key in kinds or heads)


def _gravest_miss(one: Outcome) -> tuple[int, float, str]:
    return -one.post.severity, one.highest, one.post.passage.text


def _loudest_alarm(one: Outcome) -> tuple[int, float, str]:
    return -one.severity, -one.highest, one.post.passage.text


def _media(outcomes: Sequence[Outcome]) -> MediaLock:
    locked: dict[Head | None, list[bool]] = {Head.SAFEGUARDING: [], Head.ABUSE: [], None: []}
    for one in outcomes:
        locked[_locking(one.post)].append(one.locked)
    return MediaLock(
        children=_share(locked[Head.SAFEGUARDING]),
        staff=_share(locked[Head.ABUSE]),
        others=_share(locked[None]),
    )


def _locking(post: Labelled) -> Head | None:
    """Whose picture must not be fetched with it: a child's (safeguarding), an adult's (abuse), nobody's."""
    heads = {TAXONOMY[key].head for key in post.subcategories if TAXONOMY[key].locks_media}
    if Head.SAFEGUARDING in heads:
        return Head.SAFEGUARDING
    return Head.ABUSE if heads else None


def _severities(outcomes: Sequence[Outcome]) -> tuple[tuple[int, ...], ...]:
    counts = np.zeros((len(Severity), len(Severity)), dtype=int)
    for one in outcomes:
        # Who labels the three questions alone has said nothing of how serious it is.
        if one.post.subcategories or one.post.severity or not one.post.positive:
            counts[one.post.severity, one.severity] += 1
    return tuple(tuple(int(count) for count in row) for row in counts)


def _head(head: Head, outcomes: Sequence[Outcome], yardstick: Yardstick) -> HeadFinding:
    scores = _numbers(float(getattr(one.verdict, head.value)) for one in outcomes)
    yes = np.array([one.post.heads[head] for one in outcomes], dtype=bool)
    found = np.array([_head_is_found(head, one.verdict, yardstick) for one in outcomes], dtype=bool)
    return HeadFinding(
        head=head,
        finding=_finding(
            scores,
            yes,
            found,
            key=head.value,
            label=head.value.capitalize(),
            threshold=yardstick.heads.get(head),
        ),
        calibration=calibration(scores, yes),
        **_curves(scores, yes),
    )


def _head_is_found(head: Head, verdict: Verdict, yardstick: Yardstick) -> bool:
    """Whether the head, or one of its kinds, is found."""
    needed = yardstick.heads.get(head)
    sure = needed is not None and not getattr(verdict, head.value) < needed
    kinds = (kind for kind in TAXONOMY.values() if kind.head is head)
    return sure or any(_kind_is_found(kind.key, verdict, yardstick) for kind in kinds)


def _kind(kind: SubCategory, outcomes: Sequence[Outcome], yardstick: Yardstick) -> Finding:
    scores = _numbers(one.verdict.scores.get(kind.key, 0.0) for one in outcomes)
    yes = np.array([kind.key in one.post.subcategories for one in outcomes], dtype=bool)
    found = np.array([_kind_is_found(kind.key, one.verdict, yardstick) for one in outcomes], dtype=bool)
    threshold = yardstick.kinds.get(kind.key)
    return _finding(scores, yes, found, key=kind.key, label=kind.label, threshold=threshold)


def _kind_is_found(key: str, verdict: Verdict, yardstick: Yardstick) -> bool:
    # Asked the other way round, as the policy does: a score that is no number at all counts as reached.
    reached = key in yardstick.kinds and not verdict.scores.get(key, 0.0) < yardstick.kinds[key]
    return reached or any(rule.subcategory == key for rule in verdict.fired)


def _numbers(scores: Iterator[float]) -> Numbers:
    numbers: Numbers = np.nan_to_num(np.array(list(scores), dtype=float), nan=1.0, posinf=1.0, neginf=0.0)
    return numbers


# --- One score against one label


def _finding(
    scores: Numbers, yes: Flags, found: Flags, *, key: str, label: str, threshold: float | None
) -> Finding:
    auroc, average_precision = ranking(scores, yes)
    return Finding(
        key=key,
        label=label,
        threshold=threshold,
        positives=int(yes.sum()),
        negatives=int((~yes).sum()),
        auroc=auroc,
        average_precision=average_precision,
        recall=_share(found[yes]),
        precision=_share(yes[found]),
        false_alarms=_share(found[~yes]).times(1_000),
    )


def share(hits: int, n: int) -> Figure:
    """A share with Wilson's interval, which holds for few posts and for shares near 0 and 1, too."""
    if n < FEWEST:
        return Figure(n)
    part, widening = hits / n, 1 + _95**2 / n
    centre = (part + _95**2 / (2 * n)) / widening
    reach = _95 * sqrt(part * (1 - part) / n + _95**2 / (4 * n**2)) / widening
    return Figure(n, part, max(0.0, min(part, centre - reach)), min(1.0, max(part, centre + reach)))


def _share(flags: Sequence[bool] | Flags) -> Figure:
    return share(int(sum(flags)), len(flags))


def ranking(scores: Numbers, yes: Flags) -> tuple[Figure, Figure]:
    """AUROC and average precision; `n` is the smaller of the two groups.

    Posts of each group are drawn anew among themselves, so that no draw lacks one of the two.
    """
    fewer = int(min(yes.sum(), (~yes).sum()))
    if fewer < FEWEST:
        return Figure(fewer), Figure(fewer)
    areas, precisions = _drawn_rankings(scores, yes)
    return (
        _between(fewer, float(roc_auc_score(yes, scores)), areas),
        _between(fewer, float(average_precision_score(yes, scores)), precisions),
    )


def _between(n: int, value: float, drawn: Numbers) -> Figure:
    low, high = (float(edge) for edge in np.percentile(drawn, _PER_CENT))
    return Figure(n, value, min(low, value), max(high, value))


def _drawn_rankings(scores: Numbers, yes: Flags) -> tuple[Numbers, Numbers]:
    """AUROC and average precision of many draws at once: one at a time it would take minutes."""
    distinct, place = np.unique(-scores, return_inverse=True)  # the highest score stands first
    chance = np.random.default_rng(_SEED)
    parts = []
    for times in _portions(len(scores)):
        up = _drawn(chance, place[yes], len(distinct), times)
        down = _drawn(chance, place[~yes], len(distinct), times)
        parts.append((_areas(up, down), _average_precisions(up, down)))
    areas, precisions = zip(*parts, strict=True)
    return np.concatenate(areas), np.concatenate(precisions)


def _portions(size: int) -> Iterator[int]:
    most = max(1, _AT_ONCE // size)
    for start in range(0, _RESAMPLES, most):
        yield min(most, _RESAMPLES - start)


def _drawn(chance: np.random.Generator, place: Places, distinct: int, times: int) -> Numbers:
    """How many posts of each score are in each draw: a row a draw."""
    chosen = place[chance.integers(len(place), size=(times, len(place)))]
    return _counted(chosen, distinct)


def _counted(chosen: Places, columns: int, weights: Numbers | None = None) -> Numbers:
    """For each row, how often each column is named in it, or the sum of the weights."""
    rows = len(chosen)
    apart = chosen + columns * np.arange(rows)[:, None]
    flat = None if weights is None else weights.ravel()
    counts = np.bincount(apart.ravel(), weights=flat, minlength=rows * columns)
    return counts.reshape(rows, columns).astype(np.float64)


def _areas(up: Numbers, down: Numbers) -> Numbers:
    """The share of pairs in which the positive one scores higher; a tie counts half."""
    above = up.cumsum(axis=1) - up / 2
    shares: Numbers = (down * above).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1))
    return shares


def _average_precisions(up: Numbers, down: Numbers) -> Numbers:
    right = up.cumsum(axis=1)
    precision = right / np.maximum(right + down.cumsum(axis=1), 1)
    means: Numbers = (up * precision).sum(axis=1) / up.sum(axis=1)
    return means


def _curves(scores: Numbers, yes: Flags) -> dict[str, tuple[Point, ...]]:
    if min(yes.sum(), (~yes).sum()) < FEWEST:
        return {}
    false, true, _ = roc_curve(yes, scores)
    precision, recall, _ = precision_recall_curve(yes, scores)
    return {"roc": _points(false, true), "precision_recall": _points(recall[::-1], precision[::-1])}


def _points(xs: Numbers, ys: Numbers) -> tuple[Point, ...]:
    some = np.unique(np.linspace(0, len(xs) - 1, min(len(xs), _CURVE)).astype(int))
    return tuple(Point(float(xs[at]), float(ys[at])) for at in some)


# --- Calibration


def calibration(scores: Numbers, yes: Flags) -> Calibration:
    """The expected calibration error over bins of equally many posts; posts of one score share a bin.

    Whatever scatters adds to this error, and posts that are drawn anew scatter twice: the draws lie too high
    by as much as the figure itself does. So their interval is turned round at the figure (the "basic"
    bootstrap), which takes that off again; and it begins at 0 where chance alone explains the figure.
    """
    n = len(scores)
    if (fewer := int(min(yes.sum(), (~yes).sum()))) < FEWEST:
        return Calibration(error=Figure(fewer))
    bins = _bins(scores)
    gaps = yes - scores
    error = float(_errors(bins[None, :], gaps[None, :])[0])
    high, low = (2 * error - float(edge) for edge in np.percentile(_drawn_errors(bins, gaps), _PER_CENT))
    chance = _chance_errors(bins, scores)
    most = float(np.percentile(chance, 95))
    return Calibration(
        error=Figure(n, error, 0.0 if error <= most else min(error, max(0.0, low)), max(error, high)),
        by_chance=float(chance.mean()),
        chance_at_most=most,
        bins=tuple(_bin(scores[bins == number], yes[bins == number]) for number in np.unique(bins)),
    )


def _bins(scores: Numbers) -> Places:
    """Which bin each post falls in: the middle rank of its score decides."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    middle = counts.cumsum() - counts / 2
    return (middle * BINS / len(scores)).astype(np.intp)[place]


def _bin(scores: Numbers, yes: Flags) -> Bin:
    return Bin(float(scores.mean()), _share(yes))


def _errors(bins: Places, gaps: Numbers) -> Numbers:
    """The error of each row: what the gaps of each bin add up to, whichever way they point."""
    errors: Numbers = np.abs(_counted(bins, BINS, gaps)).sum(axis=1) / bins.shape[1]
    return errors


def _drawn_errors(bins: Places, gaps: Numbers) -> Numbers:
    chance = np.random.default_rng(_SEED)
    n = len(bins)
    draws = (chance.integers(n, size=(times, n)) for times in _portions(n))
    return np.concatenate([_errors(bins[drawn], gaps[drawn]) for drawn in draws])


def _chance_errors(bins: Places, scores: Numbers) -> Numbers:
    """The error where labels are drawn from the scores themselves: nothing could be calibrated better."""
    chance = np.random.default_rng(_SEED)
    n = len(scores)
    draws = (chance.random((times, n)) < scores for times in _portions(n))
    return np.concatenate([_errors(np.broadcast_to(bins, yes.shape), yes - scores) for yes in draws])
