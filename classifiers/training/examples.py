"""What is learnt from: texts with the labels that are known of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from classifiers.labelled import Labelled, read_labelled
from classifiers.shipped import LABELS

CORPUS = Path(__file__).parent / "corpus"
_NOISE = re.compile(r"@\w+|https?://\S+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Example:
    """A text, what it answers, and yes or no for each label that is known of it."""

    text: str
    parent: str
    known: Mapping[str, bool]


def read_corpus(split: str) -> list[Labelled]:
    """Every post of a split of the corpus: train, validation or test."""
    return [post for path in sorted((CORPUS / split).glob("*.csv")) for post in read_labelled(path)]


def example(post: Labelled) -> Example:
    """A labelled post as an example: of the corpus every label is known."""
    known = {label: label in post.subcategories for label in LABELS}
    known |= {head.value: yes for head, yes in post.heads.items()}
    return Example(post.passage.text, post.passage.parent, known)


def normal(text: str) -> str:
    """The text without what may differ between two copies of it: case, handles, links and signs."""
    return " ".join(_NOISE.sub(" ", text.lower()).split())


def without(examples: Iterable[Example], texts: Iterable[str]) -> list[Example]:
    """The examples that do not stand among `texts`, so that nothing is trained on what it is measured by."""
    measured = {normal(text) for text in texts}
    return [example for example in examples if normal(example.text) not in measured]
