"""Forgetting: what the retention rules let go, with tombstones so that it never comes back as new."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, update

from connectors.text import page_of
from monitor.alerts import Status
from monitor.captures import Kind, Progress
from monitor.cases import Act
from monitor.custody import Deed, Event
from monitor.store.custody import add_entry, chain_of
from monitor.store.database import Database, take_turns
from monitor.store.hashes import Hasher
from monitor.store.posts import in_chunks
from monitor.store.tables import (
    alert_posts,
    alerts,
    captures,
    custody,
    digest_entries,
    judgements,
    notices,
    owed,
    posts,
    revisions,
    tallies,
    tombstones,
    troubles,
    unrelated,
)
from monitor.store.upserts import add_missing

NO_LONGER_SERVED = timedelta(days=3)
IN_GOOD_TIME = timedelta(days=1)
"""How long before the terms of a platform end its time a post goes: the worker may be off for a night."""
COUNTS_KEPT = timedelta(days=400)
"""How long tallies and failures of jobs are kept, which hold nothing about anybody."""
_LOCKED_PAGE = "locked page"
"""In place of a platform, in the hash of a page that stays locked when nothing else of it is kept."""
TOO_LATE = "The alert was closed and its text was forgotten before a capture could be taken."


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each kind of thing is kept.

    `platforms` says how long the terms of some platforms let their posts be kept that are no evidence;
    `followed` are those that want deleted here what is deleted there.
    """

    below_threshold: timedelta
    not_a_concern: timedelta
    closed: timedelta
    evidence: timedelta
    platforms: Mapping[str, timedelta] = field(default_factory=dict)
    followed: Set[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What a run let go, or would: counts, and the folders of captures to delete from disk."""

    texts: int
    alerts: int
    captures: tuple[str, ...]
    hashes: int
    held: int


@dataclass(frozen=True, slots=True)
class _Due:
    """What may go now, by number."""

    posts: Sequence[int]
    alerts: Sequence[int]
    captures: Sequence[tuple[str, str]]
    hashes: int
    held: int


class Forgetting:
    """The only door through which anything leaves."""

    def __init__(self, database: Database, hasher: Hasher) -> None:
        self._database = database
        self._hasher = hasher

    def plan(self, retention: Retention, at: datetime) -> Forgotten:
        """What would be let go now; nothing is changed."""
        with self._database.reading() as connection:
            due = _due(connection, retention, at)
            folders = _folders_left(connection)
        return _told(due, (*folders, *(folder for _, folder in due.captures if folder)))

    def forget(self, retention: Retention, at: datetime) -> Forgotten:
        """Let it go: texts, urls and authors are emptied, tombstones written; an alert on hold keeps all.

        The folders of captures are named again at each run until `removed` has been told that they are gone.
        """
        with self._database.writing() as connection:
            take_turns(connection, "upkeep")
            # Before anything is looked at, so that a hold that comes now is either seen or has to wait.
            take_turns(connection, *_chains(connection))
            due = _due(connection, retention, at)
            self._lock(connection, _locked_urls(connection, due), at)
            _empty_alerts(connection, due.alerts, at)
            for numbers in in_chunks([*due.posts, *_left_over(connection, due.alerts)]):
                self._bury(connection, numbers, at)
            _leave_out_addresses(connection, due.posts)
            _let_captures_go(connection, [number for number, _ in due.captures], at, _rule(retention))
            _let_hashes_go(connection, at)
            shortest = min([retention.below_threshold, *retention.platforms.values()])
            _empty_messages(connection, at - shortest)
            _let_counts_go(connection, at - COUNTS_KEPT)
            folders = _folders_left(connection)
        return _told(due, folders)

    def removed(self, folders: Sequence[str], at: datetime) -> None:
        """These folders of captures are gone from the disk."""
        with self._database.writing() as connection:
            for some in in_chunks(folders):
                gone = and_(_unremoved(), captures.c.folder.in_(some))
                connection.execute(update(captures).where(gone).values(removed_at=at))

    def lock(self, urls: Iterable[str], at: datetime) -> None:
        """The pages of these addresses stay locked for good, whatever becomes of any alert about them."""
        with self._database.writing() as connection:
            self._lock(connection, urls, at)

    def keeps_locked(self, pages: Iterable[str]) -> bool:
        """Whether one of these pages (connectors/text.py) is locked though no alert says so any more."""
        hashes = [self._locked(page) for page in pages]
        with self._database.reading() as connection:
            return any(
                connection.scalar(select(exists().where(tombstones.c.hash.in_(some))))
                for some in in_chunks(hashes)
            )

    def _lock(self, connection: Connection, urls: Iterable[str], at: datetime) -> None:
        hashes = {self._locked(page_of(url)) for url in urls if url}
        add_missing(connection, tombstones, [{"hash": one, "at": at} for one in sorted(hashes)])

    def _locked(self, page: str) -> bytes:
        return self._hasher.tombstone(_LOCKED_PAGE, page, "")

    def _bury(self, connection: Connection, numbers: Sequence[int], at: datetime) -> None:
        """Empty these posts, and leave a keyed hash of each revision."""
        said = (
            select(posts.c.platform, posts.c.post_id, revisions.c.revision)
            .join(revisions, revisions.c.post == posts.c.id)
            .where(posts.c.id.in_(numbers))
        )
        hashes = {self._hasher.tombstone(*row) for row in connection.execute(said)}
        add_missing(connection, tombstones, [{"hash": one, "at": at} for one in sorted(hashes)])
        emptied = {"revision": None, "title": None, "text": None, "named": None}
        theirs = select(revisions.c.id).where(revisions.c.post.in_(numbers))
        connection.execute(update(captures).where(captures.c.revision.in_(theirs)).values(answer=None))
        connection.execute(update(revisions).where(revisions.c.post.in_(numbers)).values(**emptied))
        connection.execute(update(posts).where(posts.c.id.in_(numbers)).values(**_emptied_post(at)))


def _told(due: _Due, folders: tuple[str, ...]) -> Forgotten:
    return Forgotten(
        texts=len(due.posts), alerts=len(due.alerts), captures=folders, hashes=due.hashes, held=due.held
    )


# What may go


def _due(connection: Connection, retention: Retention, at: datetime) -> _Due:
    ended = and_(alerts.c.forgotten_at.is_(None), _long_closed(retention, at))
    evidence = _old_evidence(at - retention.evidence)
    by_hand = and_(captures.c.alert.is_(None), _taken_before(at - retention.evidence))
    going = select(alerts.c.number).where(ended, ~alerts.c.held).order_by(alerts.c.number)
    pictures = (
        select(captures.c.id, captures.c.folder)
        .outerjoin(alerts, alerts.c.number == captures.c.alert)
        .where(or_(by_hand, and_(evidence, ~alerts.c.held)), ~_shut_away())
        .order_by(captures.c.id)
    )
    by_terms = list(connection.scalars(_by_terms(retention, at)))
    below = connection.scalars(_below_threshold(at - retention.below_threshold))
    return _Due(
        posts=sorted({*below, *by_terms}),
        alerts=sorted({*connection.scalars(going), *_left_without_posts(connection, by_terms)}),
        captures=[(row.id, row.folder) for row in connection.execute(pictures)],
        hashes=_count(connection, unrelated.c.hash, _not_served(at)),
        held=_held(connection, ended, evidence),
    )


def _long_closed(retention: Retention, at: datetime) -> ColumnElement[bool]:
    no_concern = and_(
        alerts.c.closed_as == Act.NOT_A_CONCERN.value, alerts.c.closed_at <= at - retention.not_a_concern
    )
    return and_(
        alerts.c.status == Status.CLOSED.value, or_(no_concern, alerts.c.closed_at <= at - retention.closed)
    )


def _old_evidence(before: datetime) -> ColumnElement[bool]:
    """Evidence of a matter that is over; while an alert is open, somebody may still need it."""
    over = and_(alerts.c.status == Status.CLOSED.value, alerts.c.closed_at <= before)
    return and_(_taken_before(before), over)


def _shut_away() -> ColumnElement[bool]:
    """What lies in quarantine, with an alert or without: police or LADO say when it goes (DOMAIN 3.7)."""
    return exists().where(custody.c.capture == captures.c.id, custody.c.deed == Deed.QUARANTINED.value)


def _taken_before(before: datetime) -> ColumnElement[bool]:
    return and_(captures.c.forgotten_at.is_(None), captures.c.captured_at <= before)


def _below_threshold(before: datetime) -> Any:
    alerted = exists().where(alert_posts.c.post == posts.c.id)
    kept = and_(posts.c.forgotten_at.is_(None), posts.c.changed_at <= before)
    return select(posts.c.id).where(kept, ~alerted).order_by(posts.c.id)


def _by_terms(retention: Retention, at: datetime) -> Any:
    """Posts that their platform's terms do not let us keep, without an alert that is open or on hold."""
    too_old = [
        and_(posts.c.platform == platform, posts.c.seen_at <= at - keep + IN_GOOD_TIME)
        for platform, keep in sorted(retention.platforms.items())
    ]
    deleted = and_(posts.c.platform.in_(sorted(retention.followed)), posts.c.gone_at.is_not(None))
    needed = (
        exists()
        .where(alert_posts.c.post == posts.c.id, alerts.c.number == alert_posts.c.alert)
        .where(or_(alerts.c.status != Status.CLOSED.value, alerts.c.held))
    )
    going = and_(posts.c.forgotten_at.is_(None), or_(deleted, *too_old))
    return select(posts.c.id).where(going, ~needed).order_by(posts.c.id)


def _left_without_posts(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """The alerts that speak of these posts, and of no other that is still kept."""
    going, left = set(numbers), set[int]()
    for some in in_chunks(numbers):
        theirs = (
            select(alert_posts.c.alert)
            .join(alerts, alerts.c.number == alert_posts.c.alert)
            .where(alert_posts.c.post.in_(some), alerts.c.forgotten_at.is_(None))
        )
        kept = (
            select(alert_posts.c.alert, alert_posts.c.post)
            .join(posts, posts.c.id == alert_posts.c.post)
            .where(alert_posts.c.alert.in_(theirs), posts.c.forgotten_at.is_(None))
        )
        by_alert = defaultdict[int, set[int]](set)
        for row in connection.execute(kept):
            by_alert[row.alert].add(row.post)
        left.update(alert for alert, its in by_alert.items() if its <= going)
    return left


def _not_served(at: datetime) -> ColumnElement[bool]:
    return unrelated.c.last_served < (at - NO_LONGER_SERVED).date()


def _held(connection: Connection, ended: ColumnElement[bool], evidence: ColumnElement[bool]) -> int:
    """How many alerts would lose something now if they were not on hold."""
    with_old_evidence = exists().where(captures.c.alert == alerts.c.number, evidence)
    return _count(connection, alerts.c.number, and_(alerts.c.held, or_(ended, with_old_evidence)))


def _count(connection: Connection, column: Any, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count(column)).where(condition)) or 0


def _unremoved() -> ColumnElement[bool]:
    let_go = and_(captures.c.forgotten_at.is_not(None), captures.c.folder != "")
    return and_(let_go, captures.c.removed_at.is_(None))


def _folders_left(connection: Connection) -> tuple[str, ...]:
    """The folders of captures that were let go, as far as nobody has said that they are gone."""
    return tuple(connection.scalars(select(captures.c.folder).where(_unremoved()).order_by(captures.c.id)))


def _left_over(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """The posts of these alerts that no other alert still keeps."""
    left: list[int] = []
    for some in in_chunks(numbers):
        keeping = (
            select(alert_posts.c.post)
            .join(alerts, alerts.c.number == alert_posts.c.alert)
            .where(alerts.c.forgotten_at.is_(None))
        )
        theirs = (
            select(alert_posts.c.post)
            .join(posts, posts.c.id == alert_posts.c.post)
            .where(alert_posts.c.alert.in_(some), posts.c.forgotten_at.is_(None))
            .where(alert_posts.c.post.not_in(keeping))
        )
        left += connection.scalars(theirs)
    return sorted(set(left))


# Letting go


def _locked_urls(connection: Connection, due: _Due) -> set[str]:
    """The addresses of the locked alerts that lose some or all of theirs."""
    urls: set[str] = set()
    its = select(alert_posts.c.alert)
    losing = [alerts.c.number.in_(some) for some in in_chunks(due.alerts)]
    losing += [alerts.c.number.in_(its.where(alert_posts.c.post.in_(some))) for some in in_chunks(due.posts)]
    for those in losing:
        for found in connection.scalars(select(alerts.c.urls).where(alerts.c.media_lock, those)):
            urls.update(found)
    return urls


def _emptied_post(at: datetime) -> dict[str, Any]:
    return {
        "post_id": None,
        "url": "",
        "author": None,
        "posted_at": None,
        "edited_at": None,
        "parent": None,
        "parent_text": "",
        "thread": None,
        "links": [],
        "reconsider": False,
        "forgotten_at": at,
    }


def _empty_alerts(connection: Connection, numbers: Sequence[int], at: datetime) -> None:
    emptied: dict[str, Any] = {
        "urls": [],
        "revision": "",
        "signature": [],
        "fingerprint": "",
        "thread": None,
        "forgotten_at": at,
    }
    never = {
        "progress": Progress.LIMITED.value,
        "kind": Kind.METADATA_ONLY.value,
        "limits": [TOO_LATE],
        "answer": None,
        "clues": None,
    }
    for some in in_chunks(numbers):
        connection.execute(update(alerts).where(alerts.c.number.in_(some)).values(**emptied))
        connection.execute(update(judgements).where(judgements.c.alert.in_(some)).values(revision=""))
        due = and_(captures.c.alert.in_(some), captures.c.progress == Progress.DUE.value)
        connection.execute(update(captures).where(due).values(**never, captured_at=at))


def _leave_out_addresses(connection: Connection, numbers: Sequence[int]) -> None:
    """An alert that speaks of others too no longer says where these posts were."""
    for some in in_chunks(numbers):
        theirs = select(alert_posts.c.alert).where(alert_posts.c.post.in_(some))
        standing = and_(alerts.c.number.in_(theirs), alerts.c.forgotten_at.is_(None))
        said = update(judgements).where(judgements.c.post.in_(some))
        connection.execute(said.values(revision=""))
        for row in connection.execute(select(alerts).where(standing)).all():
            kept = (
                select(posts.c.url)
                .join(alert_posts, alert_posts.c.post == posts.c.id)
                .where(alert_posts.c.alert == row.number, posts.c.forgotten_at.is_(None))
            )
            urls = set(connection.scalars(kept))
            values: dict[str, Any] = {"urls": [url for url in row.urls if url in urls]}
            if row.post in some:
                values |= {"revision": "", "signature": [], "fingerprint": "", "thread": None}
            connection.execute(update(alerts).where(alerts.c.number == row.number).values(**values))


def _chains(connection: Connection) -> list[str]:
    """The turns of all chains that captures may be let go of."""
    return [chain_of(school) for school in connection.scalars(select(captures.c.school_id).distinct())]


def _rule(retention: Retention) -> str:
    """The rule that lets captures go, as the custody log says it."""
    return (
        f"retention: evidence is kept {retention.evidence.days} days after its alert was closed, or after it "
        "was taken where there is no alert"
    )


def _let_captures_go(connection: Connection, ids: Sequence[str], at: datetime, rule: str) -> None:
    """Empty the rows; an entry in the custody log tells each from one that somebody removed."""
    for some in in_chunks(ids):
        going = select(captures).where(captures.c.id.in_(some), captures.c.record_sha256 != "")
        for row in connection.execute(going.order_by(captures.c.school_id, captures.c.chain_index)).all():
            add_entry(connection, _deleted(row, at, rule))
        emptied = update(captures).where(captures.c.id.in_(some))
        connection.execute(emptied.values(forgotten_at=at, files=[], limits=[], error="", answer=None))


def _deleted(row: Row[Any], at: datetime, rule: str) -> Event:
    return Event(
        school=row.school_id,
        at=at,
        deed=Deed.DELETED,
        by="system",
        why=rule,
        alert=row.alert,
        capture=row.id,
        object_sha256=row.record_sha256,
    )


def _let_hashes_go(connection: Connection, at: datetime) -> None:
    connection.execute(delete(unrelated).where(_not_served(at)))


def _empty_messages(connection: Connection, before: datetime) -> None:
    """A sent message has done its work; that it was sent stays. What was said of a held alert stays whole."""
    told = select(owed.c.notice).join(alerts, alerts.c.number == owed.c.alert)
    named = select(digest_entries.c.notice).join(alerts, alerts.c.number == digest_entries.c.alert)
    held = told.where(alerts.c.held, owed.c.notice.is_not(None)).union(named.where(alerts.c.held))
    old = and_(notices.c.sent_at <= before, notices.c.message != b"", notices.c.id.not_in(held))
    connection.execute(update(notices).where(old).values(message=b""))


def _let_counts_go(connection: Connection, before: datetime) -> None:
    connection.execute(delete(tallies).where(tallies.c.at < before))
    connection.execute(delete(troubles).where(troubles.c.at < before))
