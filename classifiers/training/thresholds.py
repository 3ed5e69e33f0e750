"""Choosing the scores from which the shipped model alerts, on the validation split alone.

Each sub-category has too few examples for a score of its own, so few numbers are chosen for all: one for
each head, one for every critical kind (its floor), one for every other kind, and the one that locks media. Of
all that keep false alarms within bounds, those that miss the fewest critical posts are taken, and of these
the ones that miss the fewest of the others. `python -m classifiers.training.thresholds FOLDER` prints them;
people write them into monitor/playbook.yaml.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy
from numpy.typing import NDArray

from classifiers.labelled import Labelled
from classifiers.rules import Rules
from classifiers.shipped import LABELS
from classifiers.taxonomy import TAXONOMY, Head
from classifiers.training.examples import read_corpus
from classifiers.transformer import Transformer
from classifiers.verdict import Verdict

# False alarms that are allowed: fewer than 10 in 1,000 ordinary posts, about 100 in 1,000 hard negatives.
_ORDINARY, _HARD = 0.0096, 0.105
_NEVER = 1.01
_GRID = (*(twentieths / 20 for twentieths in range(2, 20)), _NEVER)  # of kinds
_COARSE = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, _NEVER)  # of heads
Truth = NDArray[numpy.bool_]
Scores = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The scores from which it alerts, and what comes of them on the posts that they were chosen on."""

    heads: tuple[float, float, float]
    floor: float
    other: float
    critical_recall: float
    other_recall: float
    ordinary: float
    hard: float


def main() -> None:
    """Print the best choice, and the score that locks media."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="the folder of the model")
    posts = read_corpus("validation")
    labels = {label: label for label in LABELS}
    model = Transformer(
        model=str(parser.parse_args().model.resolve()), revision=None, labels=labels, runtime="onnx"
    )
    passages = [post.passage for post in posts]
    verdicts, rules = model.classify(passages), Rules().classify(passages)
    print(choose(posts, verdicts, [bool(verdict.fired) for verdict in rules]))
    locked = [
        max(score for key, score in verdict.scores.items() if TAXONOMY[key].locks_media)
        for verdict in verdicts
    ]
    wanted = [any(TAXONOMY[key].locks_media for key in post.subcategories) for post in posts]
    for at in (0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3):
        right = numpy.mean([score >= at for score, want in zip(locked, wanted, strict=True) if want])
        wrong = numpy.mean([score >= at for score, want in zip(locked, wanted, strict=True) if not want])
        print(f"media lock from {at:.2f}: {right:.1%} of those that must, {wrong:.2%} of the others")


def choose(posts: Sequence[Labelled], verdicts: Sequence[Verdict], fired: Sequence[bool]) -> Choice:
    """The choice that misses least within the bounds; `fired` says where a rule speaks anyway."""
    heads = [numpy.array([getattr(verdict, head.value) for verdict in verdicts]) for head in Head]
    grave = _highest(verdicts, critical=True)
    light = _highest(verdicts, critical=False)
    critical = numpy.array([post.critical for post in posts])
    positive = numpy.array([post.positive for post in posts])
    hard = numpy.array([post.hard_negative for post in posts])
    ordinary = ~positive & ~hard
    ruled = numpy.array(fired)
    best: Choice | None = None
    for floor, other in product(_GRID, _GRID):
        speaks = ruled | (grave >= floor) | (light >= other)
        if speaks[ordinary].mean() > _ORDINARY or speaks[hard].mean() > _HARD:
            continue
        for at in product(_COARSE, _COARSE, _COARSE):
            said = speaks
            for head, score in zip(heads, at, strict=True):
                said = said | (head >= score)
            choice = Choice(
                heads=at,
                floor=floor,
                other=other,
                critical_recall=float(said[critical].mean()),
                other_recall=float(said[positive & ~critical].mean()),
                ordinary=float(said[ordinary].mean()),
                hard=float(said[hard].mean()),
            )
            within = choice.ordinary <= _ORDINARY and choice.hard <= _HARD
            if within and (best is None or _merit(choice) > _merit(best)):
                best = choice
    if best is None:
        raise SystemExit("No choice keeps false alarms within the bounds: the model is not good enough.")
    return best


def _merit(choice: Choice) -> tuple[float, float]:
    return choice.critical_recall, choice.other_recall


def _highest(verdicts: Sequence[Verdict], *, critical: bool) -> Scores:
    """The highest score of any sub-category that is, or is not, critical by default."""
    return numpy.array(
        [
            max(score for key, score in verdict.scores.items() if TAXONOMY[key].critical is critical)
            for verdict in verdicts
        ]
    )


if __name__ == "__main__":
    main()
