"""The figures of a newly trained model, as its files score the corpus: what a later run must come back to."""

from collections.abc import Iterator
from pathlib import Path

import numpy

from classifiers.evaluation import Figure, ranking
from classifiers.shipped import LABELS
from classifiers.taxonomy import Head
from classifiers.training.examples import read_corpus
from classifiers.transformer import Transformer


def write(model: Path) -> None:
    """Write report.txt into the folder of the model, and print it."""
    text = "".join(f"{line}\n" for split in ("validation", "test") for line in _lines(model, split))
    (model / "report.txt").write_text(text, "utf-8")
    print(text, end="", flush=True)


def _lines(folder: Path, split: str) -> Iterator[str]:
    posts = read_corpus(split)
    model = Transformer(
        model=str(folder.resolve()), revision=None, labels={label: label for label in LABELS}, runtime="onnx"
    )
    verdicts = model.classify([post.passage for post in posts])
    yield f"{split}: {len(posts):,} posts, model alone, no rules"
    for head in Head:
        scores = numpy.array([getattr(verdict, head.value) for verdict in verdicts])
        area, precision = ranking(scores, numpy.array([post.heads[head] for post in posts]))
        yield f"  {head.value}: AUROC {_told(area)}, average precision {_told(precision)}"


def _told(figure: Figure) -> str:
    if figure.value is None:
        return f"not shown, n = {figure.n}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}, n = {figure.n:,})"
