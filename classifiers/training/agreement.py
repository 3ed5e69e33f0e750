"""How far a second reader agrees with the corpus: `python -m classifiers.training.agreement` prints it.

The second reader saw the guide and the texts, never the labels. Kappa is agreement beyond what two readers
would reach by chance who say yes as often as these two do.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifiers.labelled import Labelled, read_labelled
from classifiers.taxonomy import Head, head_of
from classifiers.training.examples import CORPUS

SECOND_PASS = Path(__file__).parent / "second-pass.csv"
GRAVEST = "gravest sub-category"
_RESAMPLES = 2_000
_SEED = 20_260_101  # fixed, so that the same files always give the same figures
_PER_CENT = (2.5, 97.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwiceRead:
    """A post of the corpus, and what the second reader says of it; `row` 1 is the first post of its file."""

    file: str
    row: int
    corpus: Labelled
    heads: dict[Head, bool]
    subcategory: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Kappa on one question, between what it probably lies, and how often the two gave the same answer."""

    question: str
    posts: int
    same: float
    kappa: float
    low: float
    high: float


def read_second_pass(path: Path = SECOND_PASS, corpus: Path = CORPUS) -> list[TwiceRead]:
    """The second pass beside the corpus; raises Unreadable, or IndexError for a row that is not there."""
    read = cache(lambda file: read_labelled(corpus / f"{file}.csv"))
    with path.open(encoding="utf-8", newline="") as opened:
        return [
            TwiceRead(
                file=row["file"],
                row=int(row["row"]),
                corpus=read(row["file"])[int(row["row"]) - 1],
                heads={head: row[head] == "1" for head in Head},
                subcategory=row["subcategory"],
            )
            for row in csv.DictReader(opened)
        ]


def agreements(posts: Sequence[TwiceRead]) -> list[Agreement]:
    """How far the two agree on each head, and on the gravest sub-category."""
    heads = [
        _agreement(
            head, [str(one.corpus.heads[head]) for one in posts], [str(one.heads[head]) for one in posts]
        )
        for head in Head
    ]
    first = [_needing(next(iter(one.corpus.subcategories), "")) for one in posts]
    return [*heads, _agreement(GRAVEST, first, [_needing(one.subcategory) for one in posts])]


def table(found: Sequence[Agreement]) -> str:
    """The figures in Markdown."""
    rows = (
        f"| {one.question} | {one.posts} | {one.same:.1%} | {one.kappa:.2f} "
        f"| {one.low:.2f} to {one.high:.2f} |"
        for one in found
    )
    return "\n".join(
        ["| question | posts | same answer | kappa | 95 % interval |", "|---|---|---|---|---|", *rows]
    )


def kappas(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's kappa of each table of `pairs`: how often the one said the row and the other the column."""
    total = pairs.sum(axis=(-2, -1))
    same = np.trace(pairs, axis1=-2, axis2=-1) / total
    by_chance = (pairs.sum(axis=-1) * pairs.sum(axis=-2)).sum(axis=-1) / total**2
    with np.errstate(invalid="ignore"):  # nought by nought: both always gave one and the same answer
        found: NDArray[np.float64] = np.nan_to_num((same - by_chance) / (1 - by_chance), nan=1.0)
    return found


def _needing(subcategory: str) -> str:
    """The sub-category; none for criticism, which asks no more of anybody than ordinary talk does."""
    return subcategory if head_of(subcategory) else ""


def _agreement(question: str, first: Sequence[str], second: Sequence[str]) -> Agreement:
    answers, codes = np.unique([*first, *second], return_inverse=True)
    ones, others = codes[: len(first)], codes[len(first) :]
    kinds = len(answers)
    drawn = np.random.default_rng(_SEED).integers(len(ones), size=(_RESAMPLES, len(ones)))
    pairs = [np.bincount(ones[d] * kinds + others[d], minlength=kinds**2) for d in (slice(None), *drawn)]
    kappa, *resampled = kappas(np.array(pairs, dtype=float).reshape(-1, kinds, kinds))
    low, high = np.percentile(resampled, _PER_CENT)
    return Agreement(
        question=question,
        posts=len(ones),
        same=float((ones == others).mean()),
        kappa=float(kappa),
        low=float(low),
        high=float(high),
    )


def main() -> None:
    """Print how far the second pass agrees."""
    print(table(agreements(read_second_pass())))  # a command's answer


if __name__ == "__main__":
    main()
