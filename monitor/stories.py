"""Telling which posts are about the same story: told by ten outlets, it is one alert with ten links."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256

from classifiers.taxonomy import Severity

PILE_ONS = frozenset(
    {
        "abuse.harassment_staff",
        "abuse.harassment_other",
        "abuse.hate",
        "abuse.hate_page",
        "reputational.campaign",
        "reputational.media_interest",
        "reputational.misinformation",
    }
)
"""Kinds of which many posts in a thread are one event. Not bullying: the next may be about another child."""

TOLD_BY_MANY = PILE_ONS | {
    "safeguarding.harmful_challenge",
    "safeguarding.scam_parents",
    "safeguarding.site_stranger",
    "reputational.brand_misuse",
    "reputational.data_breach",
    "reputational.defamatory_allegation",
}
"""Kinds that are news, which others tell in nearly the same words. None is a child's or a family's own
matter: there nearly the same words are those of somebody else in the same trouble."""

_ASKED_FOR_ONE_CHILD = frozenset(
    {"reputational.image_consent", "safeguarding.child_contact", "safeguarding.concern_signpost"}
)
"""Kinds that each family asks for itself, be it in the words of a form letter: each needs its own answer."""

_KEPT = 128  # hashes of a signature: a share that is judged by them is right to 0.04
_ALIKE = 0.6  # share of common shingles; tests/monitor/test_stories.py measures whom this merges
_SHINGLE = 3  # words
_COMPARABLE = 40 - _SHINGLE + 1  # shingles; a shorter text is another story if only a name in it is another
_EXAMINED = 20_000  # characters
_LONGEST = 600  # words that are looked at
_TOKENS = re.compile(r"[^\W_]+")
_OUTLET = re.compile(r"\s[-–—|]\s[^-–—|\n]{2,40}$", re.MULTILINE)
_BOILERPLATE = re.compile(
    r"""
    \b(?: read\ more | continue\ reading | read\ the\ full\ (?:story|article) | click\ here )\b [^.\n]{0,120}
    | \bappeared\ first\ on\b [^.\n]{0,80} | \[?(?:…|\.\.\.)\]? | ^[ \t]*via\ @?\w+
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What an alert is about, as far as grouping needs it.

    `signature` and `fingerprint` are those of the post's body, `urls` the addresses where it was seen.
    `subcategories` begin with the most serious. `unanswered` says that nobody has acknowledged the alert.
    """

    alert: int
    school: str
    signature: tuple[int, ...]
    fingerprint: str
    thread: str | None
    subcategories: tuple[str, ...]
    severity: Severity
    urls: tuple[str, ...]
    unanswered: bool = True


def signature(text: str) -> tuple[int, ...]:
    """A sketch of the text: the smallest 32-bit hashes of its runs of three words, in order.

    The share that two texts have in common can be told from their sketches. A text too short for that has one
    hash only, of all its words. Addresses, the outlet behind a headline and "read more" do not count.
    """
    bare = _BOILERPLATE.sub(" ", _OUTLET.sub(" ", without_addresses(text[:_EXAMINED])))
    words = _TOKENS.findall(_flat(bare))[:_LONGEST]
    shingles = {_hash(words[start : start + _SHINGLE]) for start in range(len(words) - _SHINGLE + 1)}
    return tuple(sorted(shingles)[:_KEPT]) if len(shingles) >= _COMPARABLE else (_hash(words or [text]),)


def without_addresses(text: str) -> str:
    """The text with a space for each web address."""
    return _ADDRESS.sub(" ", text)


def _hash(words: Iterable[str]) -> int:
    digest = blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def _flat(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def fingerprint(text: str) -> str:
    """The SHA-256 of the text's letters and digits alone: equal for the same words however they are set.

    A text of signs alone is taken as it is, so that not all of those count as the same.
    """
    letters = "".join(_TOKENS.findall(_flat(text)))
    return sha256((letters or text.strip()).encode("utf-8", "surrogatepass")).hexdigest()


def joins(candidate: Story, stories: Sequence[Story]) -> Story | None:
    """The alert that tells the same story, if the candidate need not be an alert of its own; the closest.

    The candidate never joins an alert that is less severe than itself or lacks one of its kinds. A critical
    matter joins only the very same text: elsewhere it may be another child. So does any matter that is not
    news, and a short one ("he hit me again") not even then. Another text in the same thread joins only where
    many posts are one event, and only while nobody has acknowledged the alert: after that, nobody would look.
    """
    alike = [(how, story) for story in stories if (how := _closeness(candidate, story)) is not None]
    return min(alike, key=lambda pair: (-pair[0], pair[1].alert))[1] if alike else None


def _closeness(candidate: Story, story: Story) -> float | None:
    """How much of the two stories is common: 1 the same words, 0 only the thread; None for two stories."""
    kinds = set(candidate.subcategories)
    if (
        candidate.school != story.school
        or candidate.severity > story.severity
        or not kinds.issubset(story.subcategories)
    ):
        return None
    if candidate.fingerprint == story.fingerprint and _same_words_suffice(candidate, story):
        return 1.0
    if candidate.severity is Severity.CRITICAL or not kinds <= TOLD_BY_MANY:
        return None
    common = _common(candidate.signature, story.signature)
    if common >= _ALIKE:
        return common
    return 0.0 if _piles_on(candidate, story) else None


def _same_words_suffice(candidate: Story, story: Story) -> bool:
    """Whether two posts of the same words are one story: the same address, or too long to be chance."""
    if set(candidate.urls) & set(story.urls):
        return True
    kinds = set(candidate.subcategories)
    if candidate.severity is not Severity.CRITICAL and kinds <= TOLD_BY_MANY:
        return True
    return _is_comparable(candidate.signature) and not kinds & _ASKED_FOR_ONE_CHILD


def _piles_on(candidate: Story, story: Story) -> bool:
    return (
        story.unanswered
        and candidate.thread is not None
        and candidate.thread == story.thread
        and candidate.subcategories[:1] == story.subcategories[:1]
        and PILE_ONS.issuperset(candidate.subcategories)
    )


def _is_comparable(signature: Sequence[int]) -> bool:
    return len(signature) >= _COMPARABLE


def _common(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of shingles that two texts have in common, judged by the smallest of both."""
    both = frozenset(one) & frozenset(other)
    if not both or _is_comparable(one) != _is_comparable(other):
        return 0.0
    smallest = sorted(frozenset(one) | frozenset(other))[:_KEPT]
    return sum(each in both for each in smallest) / len(smallest)
