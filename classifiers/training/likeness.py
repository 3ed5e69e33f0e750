"""How alike texts are: a near copy would let a model recite what it should understand.

Two texts are as alike as the cosine between their counts of three-letter pieces. Case, accents and signs make
no difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

from classifiers.folding import fold

_AT_ONCE = 500  # rows, which bounds memory


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two texts, by their places, and how alike they are, in 0..1."""

    one: int
    other: int
    degree: float


def alike(texts: Sequence[str], above: float) -> Iterator[Likeness]:
    """Every two texts that are more alike than `above`, the earlier of the two first."""
    count = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False, dtype=np.float32)
    pieces = normalize(count.fit_transform([f" {fold(text)} " for text in texts]))
    turned = pieces.T.tocsr()
    for start in range(0, len(texts), _AT_ONCE):
        degrees = (pieces[start : start + _AT_ONCE] @ turned).tocoo()
        ones = degrees.row + start
        for place in np.flatnonzero((degrees.data > above) & (ones < degrees.col)):
            yield Likeness(int(ones[place]), int(degrees.col[place]), float(degrees.data[place]))
