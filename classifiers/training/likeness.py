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
_COMMON = 500
"""So many pieces are in most texts, where a full table is quicker to multiply than a sparse one."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two texts, by their places, and how alike they are, in 0..1."""

    one: int
    other: int
    degree: float


def alike(texts: Sequence[str], above: float) -> Iterator[Likeness]:
    """Every two texts that are more alike than `above`, the earlier of the two first, in their order."""
    count = CountVectorizer(analyzer="char", ngram_range=(3, 3), lowercase=False, dtype=np.float32)
    pieces = normalize(count.fit_transform([f" {fold(text)} " for text in texts]))
    by_number = np.argsort(-pieces.getnnz(axis=0), kind="stable")
    common, rare = pieces[:, by_number[:_COMMON]].toarray(), pieces[:, by_number[_COMMON:]]
    for start in range(0, len(texts), _AT_ONCE):
        ones, others = slice(start, start + _AT_ONCE), slice(start, None)
        degrees = common[ones] @ common[others].T + (rare[ones] @ rare[others].T).toarray()
        for one, other in np.argwhere(np.triu(degrees > above, k=1)):
            yield Likeness(start + int(one), start + int(other), float(degrees[one, other]))
