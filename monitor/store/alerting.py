"""What becomes of a mention: an alert of its own, part of a known story, another judgement, or nothing.

Everything here runs inside the transaction that records the post, while nobody else records for the school.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, func, insert, select, update

from classifiers.taxonomy import Severity
from monitor.alerts import Reason, Status
from monitor.captures import Progress
from monitor.store.database import take_turns
from monitor.store.findings import Judged
from monitor.store.rows import judgement_row, read_judgement, read_story, thread_of, verdict_row
from monitor.store.secrecy import Secrecy
from monitor.store.tables import alert_posts, alerts, captures, judgements, mentions, owed
from monitor.store.upserts import add_missing
from monitor.store.withdrawing import lock_media
from monitor.stories import Story, fingerprint, joins, signature

FIRST_NUMBER = 1001
STORY: tuple[Column[Any], ...] = (
    alerts.c.number,
    alerts.c.school_id,
    alerts.c.signature,
    alerts.c.fingerprint,
    alerts.c.thread,
    alerts.c.subcategories,
    alerts.c.severity,
    alerts.c.urls,
    alerts.c.status,
)
SAME_STORY = timedelta(days=7)
"""How long after it was first seen an alert takes up posts: a threat repeated next week speaks again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a post and this revision of it lie."""

    post: int
    revision: int


@dataclass(slots=True)
class Made:
    """What came of mentions so far: alerts' numbers, and how many mentions were new."""

    new: list[int] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)
    raised: list[int] = field(default_factory=list)
    mentions: int = 0
    below: int = 0


def is_private(judged: Judged) -> bool:
    """Whether it is criticism that people may make without our keeping who made it."""
    return judged.judgement.anonymous or judged.judgement.reason is Reason.LAWFUL_CRITICISM


class Alerting:
    """Writes what follows from the mentions of one transaction."""

    def __init__(
        self,
        connection: Connection,
        source: str,
        at: datetime,
        new_id: Callable[[datetime], str],
        apart: Set[str] = frozenset(),
        *,
        secrecy: Secrecy | None = None,
    ) -> None:
        self._connection = connection
        self._source = source
        self._apart = apart
        self._secrecy = secrecy
        self._at = at
        self._new_id = new_id
        self._stories: dict[str, list[Story]] = {}
        self.made = Made()

    def settle(self, judged: Judged, kept: Kept) -> None:
        """Keep the mention, and what follows from it; one that was settled before changes nothing."""
        if not self._keep_mention(judged, kept):
            return
        standing = self._standing(judged, kept)
        if standing is not None:
            self._judge_again(standing, judged, kept)
        elif judged.judgement.alert:
            self._speak_up(judged, kept)

    # The mention

    def _keep_mention(self, judged: Judged, kept: Kept) -> bool:
        """Whether this says anything that was not known: a new mention, or one that alerts only now."""
        said = select(mentions.c.id, mentions.c.alert).where(
            mentions.c.post == kept.post,
            mentions.c.school_id == judged.mention.school,
            mentions.c.revision == kept.revision,
        )
        row = self._connection.execute(said).one_or_none()
        if row is None:
            self._connection.execute(insert(mentions).values(**self._mention_row(judged, kept)))
            self.made.mentions += 1
            self.made.below += not judged.judgement.alert
            return True
        if row.alert or not judged.judgement.alert:
            return False
        changed = update(mentions).where(mentions.c.id == row.id)
        self._connection.execute(changed.values(**self._mention_row(judged, kept)))
        return True

    def _mention_row(self, judged: Judged, kept: Kept) -> dict[str, Any]:
        mention = judged.mention
        return {
            "post": kept.post,
            "school_id": mention.school,
            "revision": kept.revision,
            "at": self._at,
            "spans": [asdict(span) for span in mention.spans],
            "reasons": list(mention.reasons),
            "confidence": mention.confidence,
            "ambiguous": mention.ambiguous,
            "others": list(mention.others),
            "verdict": verdict_row(judged.verdict),
            "judged": judged.judgement.reason.value,
            "severity": int(judged.judgement.severity),
            "alert": judged.judgement.alert,
        }

    def _standing(self, judged: Judged, kept: Kept) -> Row[Any] | None:
        """The alert that this post belongs to already."""
        theirs = (
            select(alerts)
            .join(alert_posts, alert_posts.c.alert == alerts.c.number)
            .where(alert_posts.c.post == kept.post, alert_posts.c.school_id == judged.mention.school)
        )
        return self._connection.execute(theirs).one_or_none()

    # A first sight

    def _speak_up(self, judged: Judged, kept: Kept) -> None:
        candidate = self._story(judged)
        known = joins(candidate, self._stories_of(judged.mention.school))
        if known is None:
            self._make(candidate, judged, kept)
        else:
            self._join(known.alert, judged, kept)

    def _story(self, judged: Judged) -> Story:
        body = judged.mention.post.body
        return Story(
            alert=0,
            school=judged.mention.school,
            signature=signature(body),
            fingerprint=fingerprint(body),
            thread=thread_of(judged.mention.post),
            subcategories=judged.judgement.subcategories,
            severity=judged.judgement.severity,
            urls=(judged.mention.post.url,),
        )

    def _stories_of(self, school: str) -> list[Story]:
        if school not in self._stories:
            recent = select(*STORY).where(
                alerts.c.school_id == school,
                alerts.c.seen_at > self._at - SAME_STORY,
                alerts.c.status != Status.CLOSED.value,
                self._may_be_told_with(),
            )
            self._stories[school] = [read_story(row) for row in self._connection.execute(recent)]
        return self._stories[school]

    def _may_be_told_with(self) -> ColumnElement[bool]:
        """Posts of a source that may not be scored for all stay among themselves.

        Under an alert of another source they would stand beside kinds for which they were never scored.
        """
        if self._source in self._apart:
            return alerts.c.source == self._source
        return alerts.c.source.not_in(sorted(self._apart))

    def _make(self, story: Story, judged: Judged, kept: Kept) -> None:
        number = next_number(self._connection)
        row = {
            "number": number,
            "school_id": judged.mention.school,
            "status": Status.OPEN.value,
            "seen_at": self._at,
            "baseline": judged.baseline,
            "judgements": 1,
            "raised": 1,
            "held": False,
            "media_lock": judged.judgement.media_lock,
            "urls": [judged.mention.post.url],
            "posts": 1,
            "signature": list(story.signature),
            "fingerprint": story.fingerprint,
            "thread": story.thread,
            **self._spoken(judged, kept),
        }
        self._connection.execute(insert(alerts).values(**row))
        self._belong(number, judged, kept)
        self._lock(number, judged)
        self._append(number, 1, judged, kept)
        self._announce(number, 1, judged, kept)
        self._stories[story.school].append(replace(story, alert=number))
        self.made.new.append(number)

    def _join(self, number: int, judged: Judged, kept: Kept) -> None:
        """The story is known: no new alert, but whoever must hear at once and never did hears now."""
        row = self._connection.execute(select(alerts).where(alerts.c.number == number)).one()
        self._belong(number, judged, kept)
        fresh = self._owe(number, row.raised, judged)
        url = judged.mention.post.url
        self._change(
            number,
            urls=row.urls if url in row.urls else [*row.urls, url],
            baseline=row.baseline and not fresh,
            posts=row.posts + 1,
            joined_at=self._at,
        )
        self._lock(number, judged)
        self.made.joined.append(number)

    def _belong(self, number: int, judged: Judged, kept: Kept) -> None:
        self._connection.execute(
            insert(alert_posts).values(alert=number, school_id=judged.mention.school, post=kept.post)
        )

    # A later revision

    def _judge_again(self, row: Row[Any], judged: Judged, kept: Kept) -> None:
        """Another judgement: nothing is ever lowered, and only a rise or another matter speaks again."""
        seq = row.judgements + 1
        speaks_again = judged.judgement.alert and self._speaks_again(row, judged)
        self._append(row.number, seq, judged, kept)
        values: dict[str, Any] = {"judgements": seq}
        if row.post == kept.post:
            values["revision"] = judged.mention.post.revision
        if speaks_again:
            values |= self._risen(row, seq, judged, kept)
            self.made.raised.append(row.number)
            self._stories.pop(judged.mention.school, None)
        elif judged.judgement.alert and judged.judgement.severity == row.severity and row.post == kept.post:
            values |= self._spoken(judged, kept)
        self._change(row.number, **values)
        self._lock(row.number, judged)
        if "raised" in values:
            self._announce(row.number, seq, judged, kept)

    def _speaks_again(self, row: Row[Any], judged: Judged) -> bool:
        """Whether it is more severe, or another matter: one that is as severe, or the alert was closed."""
        severity = judged.judgement.severity
        if severity > row.severity:
            return True
        if set(judged.judgement.subcategories) <= self._kinds_so_far(row):
            return False
        return bool(row.status == Status.CLOSED.value or severity == row.severity >= Severity.HIGH)

    def _kinds_so_far(self, row: Row[Any]) -> set[str]:
        """Every kind for which this alert has spoken: one that comes back is not another matter."""
        said = select(judgements.c.judgement).where(judgements.c.alert == row.number)
        earlier = [read_judgement(one) for one in self._connection.scalars(said)]
        return {*row.subcategories, *(kind for one in earlier if one.alert for kind in one.subcategories)}

    def _risen(self, row: Row[Any], seq: int, judged: Judged, kept: Kept) -> dict[str, Any]:
        """This post leads the alert from now on, and an alert that was closed is open again."""
        post = judged.mention.post
        return {
            **self._spoken(judged, kept),
            "severity": max(row.severity, int(judged.judgement.severity)),
            "raised": seq,
            "baseline": row.baseline and judged.baseline,
            "urls": [post.url, *(url for url in row.urls if url != post.url)],
            "status": Status.OPEN.value if row.status == Status.CLOSED.value else row.status,
            "closed_at": None,
            "closed_as": None,
            "forgotten_at": None,
        }

    # What both share

    def _spoken(self, judged: Judged, kept: Kept) -> dict[str, Any]:
        """What an alert says, from the judgement that speaks for it."""
        mention, judgement = judged.mention, judged.judgement
        return {
            "post": kept.post,
            "revision": mention.post.revision,
            "source": self._source,
            "platform": mention.post.platform,
            "channel": mention.post.channel.value,
            "posted_at": mention.post.posted_at,
            "gone_at": None,
            "severity": int(judgement.severity),
            "subcategory": judgement.subcategory or "",
            "subcategories": list(judgement.subcategories),
            "reason": judgement.reason.value,
            "why": list(judgement.why),
            "roles": [role.value for role in judgement.roles],
            "urgent": judgement.urgent,
            "ambiguous": mention.ambiguous,
            "others": list(mention.others),
            "confidence": mention.confidence,
            "by": judged.verdict.by,
        }

    def _append(self, number: int, seq: int, judged: Judged, kept: Kept) -> None:
        self._connection.execute(
            insert(judgements).values(
                alert=number,
                seq=seq,
                school_id=judged.mention.school,
                at=self._at,
                post=kept.post,
                revision=judged.mention.post.revision,
                judgement=judgement_row(judged.judgement),
                verdict=verdict_row(judged.verdict),
            )
        )

    def _announce(self, number: int, seq: int, judged: Judged, kept: Kept) -> None:
        """What must happen next is a row now: evidence to take, and people to tell."""
        if not judged.judgement.anonymous:
            self._order_capture(number, judged, kept)
        self._owe(number, seq, judged)

    def _order_capture(self, number: int, judged: Judged, kept: Kept) -> None:
        row: dict[str, Any] = {
            "id": self._new_id(self._at),
            "alert": number,
            "school_id": judged.mention.school,
            "revision": kept.revision,
            "progress": Progress.DUE.value,
            "attempts": 0,
            "next_try_at": self._at,
            "error": "",
            "folder": "",
            "files": [],
            "record_sha256": "",
            "limits": [],
            "answer": self._answer(number, judged),
        }
        if self._secrecy is not None:
            row |= self._secrecy.capture(judged.mention.post, row["answer"])
        add_missing(self._connection, captures, [row])

    def _answer(self, number: int, judged: Judged) -> str | None:
        """The platform's answer, for the evidence alone; never that of a locked alert (DOMAIN 3.7)."""
        locked = select(alerts.c.media_lock).where(alerts.c.number == number)
        return None if self._connection.scalar(locked) else judged.mention.post.answer or None

    def _owe(self, number: int, seq: int, judged: Judged) -> int:
        """How many more must hear at once; what stood there before we looked is not urgent."""
        hearers: Sequence[str] = () if judged.baseline else sorted(set(judged.hear_now))
        rows = [
            {
                "alert": number,
                "school_id": judged.mention.school,
                "recipient": hearer,
                "judgement": seq,
                "since": self._at,
            }
            for hearer in hearers
        ]
        return add_missing(self._connection, owed, rows)

    def _lock(self, number: int, judged: Judged) -> None:
        if judged.judgement.media_lock:
            lock_media(self._connection, number)

    def _change(self, number: int, **values: Any) -> None:
        self._connection.execute(update(alerts).where(alerts.c.number == number).values(**values))


def next_number(connection: Connection) -> int:
    """The number of the next alert; none is ever used twice, because no alert is ever deleted."""
    take_turns(connection, "alert numbers")
    last = connection.scalar(select(func.max(alerts.c.number)))
    return FIRST_NUMBER if last is None else last + 1
