"""Which words weighed most with a model: those without which the score falls.

A rule needs none of this: it says itself why it fired.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from classifiers.taxonomy import Head
from classifiers.verdict import Classifier, Passage, Verdict

_MOST = 60  # texts that a model is asked about at once, which bounds what an explanation costs
_NAMED = 5
_LEAST = 0.05  # less than this is within a small model's own unsteadiness
_LONGEST = 20_000  # characters in which the gravest part is looked for
_PART = 30  # words of a part, at least
_PER_WORD = 0.1  # a phrase must weigh this much more, for each further word, than one word of it alone
_WORD = re.compile(r"\S{1,40}")
_ENDS = (".", "!", "?", "…")
_EDGES = " \t\r\n.,;:!?…\"'“”‘’()[]"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A word or a short phrase as it stands in the text, and how far the score falls without it."""

    words: str
    drop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What weighed most with a model for one head or sub-category, the heaviest first.

    `score` is the model's own, of the words that were looked at: the whole text, or the gravest part of a
    long one. `weighed` is empty where no single phrase decides, as where the same is said several times.
    """

    target: str
    score: float
    weighed: tuple[Weighed, ...]
    whole: bool
    by: str


def explain(model: Classifier, passage: Passage, targets: Sequence[str]) -> tuple[Explanation, ...]:
    """One explanation for each of the targets, in their order, that the model has a score for.

    A short text costs one call of the model, with at most 60 texts; a long one costs two such calls.
    """
    parts = _gravest(model, passage, targets)
    if not parts:
        return ()
    most = _MOST // len(set(parts.values()))
    tried = {part: [(0, 0), *_units(part, most - 1)] for part in dict.fromkeys(parts.values())}
    without = [
        Passage(_without(part, span), passage.parent) for part, spans in tried.items() for span in spans
    ]
    answers = iter(model.classify(without))
    judged = {part: [next(answers) for _ in spans] for part, spans in tried.items()}
    return tuple(
        _explanation(target, part, tried[part], judged[part], whole=part == passage.text, by=model.by)
        for target, part in parts.items()
        if _score(judged[part][0], target) is not None
    )


def _gravest(model: Classifier, passage: Passage, targets: Sequence[str]) -> Mapping[str, str]:
    """For each target the part of the text that scores highest; of a short text that is all of it."""
    parts = _parts(passage.text)
    if len(parts) <= 1:
        return {target: part for target in targets for part in parts}
    verdicts = model.classify([Passage(part, passage.parent) for part in parts])
    return {
        target: max(zip(parts, verdicts, strict=True), key=lambda pair: _score(pair[1], target) or 0.0)[0]
        for target in targets
    }


def _parts(text: str) -> list[str]:
    """The text in parts that end with a sentence where they can; whole if it is short."""
    words = _words(text[:_LONGEST])
    if len(words) < _MOST and len(text) <= _LONGEST:
        return [text] if words else []
    size = max(_PART, ceil(2 * len(words) / _MOST))
    return list(_cut(text, words, size))


def _cut(text: str, words: Sequence[Span], size: int) -> Iterator[str]:
    start = 0
    for place, (_, end) in enumerate(words):
        held = place - start + 1
        full = held == size or (held > size // 2 and _closes(text, end))
        if full or place == len(words) - 1:
            yield text[words[start][0] : end]
            start = place + 1


def _units(text: str, most: int) -> list[Span]:
    """What is left out, one at a time: each word, and each phrase of two or three where there is room.

    Where there are too many words, each stretch of as many as it takes.
    """
    words = _words(text)
    length = max(1, ceil(len(words) / most))
    units = _phrases(text, words, length, length)
    for longer in (2, 3) if length == 1 else ():
        phrases = _phrases(text, words, longer, 1)
        units += phrases if len(units) + len(phrases) <= most else []
    return units


def _phrases(text: str, words: Sequence[Span], length: int, step: int) -> list[Span]:
    """Stretches of so many words; those that overlap end where their sentence does."""
    stretches = [words[start : start + length] for start in range(0, len(words), step)]
    return [
        (stretch[0][0], stretch[-1][1])
        for stretch in stretches
        if step == length
        or (len(stretch) == length and not any(_closes(text, end) for _, end in stretch[:-1]))
    ]


def _words(text: str) -> list[Span]:
    return [found.span() for found in _WORD.finditer(text)]


def _closes(text: str, end: int) -> bool:
    return text[end - 1] in _ENDS


def _without(text: str, span: Span) -> str:
    start, end = span
    return text[:start] + text[end:]


def _explanation(
    target: str, part: str, spans: Sequence[Span], verdicts: Sequence[Verdict], *, whole: bool, by: str
) -> Explanation:
    score, *left = (_score(verdict, target) or 0.0 for verdict in verdicts)
    drops = {span: score - without for span, without in zip(spans[1:], left, strict=True)}
    heaviest = list(_apart(part, drops))[:_NAMED]
    return Explanation(
        target=target,
        score=score,
        weighed=tuple(Weighed(part[start:end].strip(_EDGES), drops[start, end]) for start, end in heaviest),
        whole=whole,
        by=by,
    )


def _apart(part: str, drops: Mapping[Span, float]) -> Iterator[Span]:
    """The stretches that weigh anything, the heaviest first, none that shares a word with one before."""
    taken: list[Span] = []
    for span in sorted(drops, key=lambda each: _weight(part, each, drops[each]), reverse=True):
        start, end = span
        free = all(end <= first or start >= last for first, last in taken)
        if drops[span] >= _LEAST and free and part[start:end].strip(_EDGES):
            taken.append(span)
            yield span


def _weight(part: str, span: Span, drop: float) -> float:
    words = len(_words(part[slice(*span)]))
    return drop * (1 - _PER_WORD * (words - 1)) if drop > 0 else drop


def _score(verdict: Verdict, target: str) -> float | None:
    """The score of a head or of a sub-category; None where there is none."""
    return float(getattr(verdict, target)) if target in set(Head) else verdict.scores.get(target)
