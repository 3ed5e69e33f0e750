"""What a classifier is given and what it says."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Protocol

from classifiers.taxonomy import TAXONOMY, Head, Severity, head_of


@dataclass(frozen=True, slots=True)
class Passage:
    """The text to judge, and the text that it answers, if any."""

    text: str
    parent: str = ""


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that found something: its name, what it points to, and why, in words for a person."""

    rule: str
    subcategory: str
    minimum: Severity
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a classifier says of one passage; it describes the text, never its truth.

    The three heads lie in 0..1. `scores` gives each sub-category that has a score a rank in 0..1.
    With rules alone a head is 1.0 where one of its rules fired and 0.0 elsewhere, `scores` likewise,
    and `by` says so. `language` is an ISO 639-1 code or None where the text is too short to tell. `out`
    says why the model did not judge it where one should have.
    """

    abuse: float
    safeguarding: float
    reputational: float
    scores: Mapping[str, float]
    by: str
    fired: tuple[Fired, ...] = ()
    media_lock: bool = False
    language: str | None = None
    out: str = ""


def only(verdict: Verdict, heads: Set[Head]) -> Verdict:
    """The verdict as if nothing but these heads had been asked for.

    Scores and rules of the others are gone, and those of kinds that belong to no head that we know. The media
    lock stays: it names nothing, and copying what it guards against is a crime whoever wrote beside it.
    """
    return replace(
        verdict,
        abuse=verdict.abuse if Head.ABUSE in heads else 0.0,
        safeguarding=verdict.safeguarding if Head.SAFEGUARDING in heads else 0.0,
        reputational=verdict.reputational if Head.REPUTATIONAL in heads else 0.0,
        scores={key: score for key, score in verdict.scores.items() if _is_asked(key, heads)},
        fired=tuple(rule for rule in verdict.fired if _is_asked(rule.subcategory, heads)),
    )


def _is_asked(key: str, heads: Set[Head]) -> bool:
    head = head_of(key)
    return key in TAXONOMY if head is None else head in heads


class Classifier(Protocol):
    """Judges texts; knows nothing of posts, schools or people."""

    @property
    def by(self) -> str:
        """Who says so, at which revision, for every record that a verdict enters."""

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order."""
