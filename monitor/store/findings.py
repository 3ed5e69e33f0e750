"""What a poll hands to the store, and what the store made of it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from classifiers.verdict import Verdict
from connectors.post import Batch, Post
from monitor.alerts import Judgement
from monitor.mentions.school import Mention


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A mention with what was said of it; `hear_now` are the e-mail addresses that must hear at once."""

    mention: Mention
    verdict: Verdict
    judgement: Judgement
    baseline: bool
    hear_now: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that one batch led to: `changed` are its new posts and revisions, most of which concern nobody.

    `passed` counts the posts of a stream that concern nobody and are not even hashed. `held` keeps the claim
    on a source that is listened to. `apart` are the sources whose posts are not scored for all heads:
    no other's post joins their alerts.
    """

    source: str
    batch: Batch
    changed: Sequence[Post]
    judged: Sequence[Judged]
    next_due_at: datetime
    apart: Set[str] = frozenset()
    passed: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of findings: numbers of new alerts, of those that a post joined, and of those raised."""

    new: tuple[int, ...]
    joined: tuple[int, ...]
    raised: tuple[int, ...]
