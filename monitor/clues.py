"""Finding a post on its page without knowing its words: keyed rolling hashes of a few letters.

Whoever looks for a post slides a window over the letters of the page and compares hashes. Of the words
themselves a clue gives no more than that a guess can be tried out, and it is kept only until the capture is
taken.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

LETTERS = 60
LAST_LETTERS = 40
"""How many letters and digits of the words' beginning count, or of their end, at most."""
PRIMES = (67_108_859, 67_108_837)
"""Below 2^26, so that a browser can reckon with them exactly; find_post.js has the same."""


@dataclass(frozen=True, slots=True)
class Clue:
    """How many letters, the key of this capture, and what they hash to under it.

    One that is of the words' end does not say where they stand, but whether they stand there whole.
    """

    letters: int
    bases: tuple[int, int]
    hashes: tuple[int, int]
    at_end: bool = False


def clue(words: str, chance: Callable[[int], int], *, at_end: bool = False) -> Clue | None:
    """A clue to these words, or to their end, under a key of its own; None where they have no letter.

    `chance` gives a number from 0 up to, and without, the one that it is given.
    """
    letters = squeezed(words)
    letters = letters[-LAST_LETTERS:] if at_end else letters[:LETTERS]
    if not letters:
        return None
    first, second = (chance(prime - 2) + 2 for prime in PRIMES)
    hashes = _hash(letters, first, PRIMES[0]), _hash(letters, second, PRIMES[1])
    return Clue(len(letters), (first, second), hashes, at_end)


def telling(text: str) -> str:
    """The part of a text by which it is found: its first line that is long enough, else its longest.

    What a source puts before the words, a name and a time, a page may show in another order.
    """
    lines = text.split("\n")
    return next((line for line in lines if len(squeezed(line)) >= LETTERS), max(lines, key=len))


def squeezed(text: str) -> str:
    """The letters and digits of a text alone, in lower case, as find_post.js squeezes a page."""
    flat = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in flat if unicodedata.category(c)[0] in "LN")


def _hash(letters: str, base: int, prime: int) -> int:
    value = 0
    for letter in letters:
        value = (value * base + ord(letter)) % prime
    return value
