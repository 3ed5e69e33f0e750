"""Captures: what the camera still has to take, and what it took."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update

from connectors.post import Channel
from monitor.captures import FIRST, Capture, Link, LockedMeanwhile, Order, Progress, Taken
from monitor.custody import Deed, Event
from monitor.store.claims import is_time, take_first
from monitor.store.custody import add_entry, chain_of
from monitor.store.database import Database, take_turns
from monitor.store.rows import read_capture, read_each
from monitor.store.secrecy import read_sealed
from monitor.store.tables import alerts, captures, custody, judgements, posts, revisions
from monitor.store.withdrawing import lock_media

DUE = captures.c.progress == Progress.DUE.value
LONGEST = 2_000
LONGEST_WAIT = timedelta(hours=6)
"""Between two tries to take a capture (monitor/captures.py)."""


class Captures:
    """Evidence rows; the files lie on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, worker: str, at: datetime, until: datetime) -> Order | None:
        """Take a due capture for this worker, the most severe of those never tried first; None when none is
        due.

        A page that fails takes as long as a camera may: again and again, it would keep others waiting.
        The order's `attempts` are those before this one.
        """
        first = (
            select(captures.c.id)
            .join(alerts, alerts.c.number == captures.c.alert)
            .where(DUE, is_time(captures, at, LONGEST_WAIT))
            .order_by(
                captures.c.attempts > 0, alerts.c.severity.desc(), captures.c.next_try_at, captures.c.id
            )
        )
        with self._database.writing() as connection:
            found = take_first(connection, first, table=captures, worker=worker, at=at, until=until)
            return None if found is None else _order(connection, found)

    def book(
        self, taken: Taken, place: Callable[[Taken, Link], Capture], *, by: str = "system", why: str = ""
    ) -> Capture:
        """Give what was taken the next place in its school's chain, and keep that it was; the claim is
        released.

        `place` writes the link into the record and puts the folder in its place; what it raises leaves all
        as it was. `by` is the person who asked by hand and `why` their reason: such a capture gets a row of
        its own. What was booked is never overwritten: the first is given back. A capture that locks locks
        its alert with it. Raises LockedMeanwhile where the alert was locked since, and the record does not
        say so: then nothing is placed.
        """
        with self._database.writing() as connection:
            take_turns(connection, chain_of(taken.school))
            row = connection.execute(select(captures).where(captures.c.id == taken.id)).one_or_none()
            if row is not None and row.progress != Progress.DUE.value:
                return read_capture(row)
            if taken.alert is not None and not taken.locks and _is_locked(connection, taken.alert):
                raise LockedMeanwhile(f"A-{taken.alert} was locked after its capture {taken.id} was taken")
            capture = place(taken, _next_link(connection, taken.school))
            _keep(connection, capture, ordered=row is not None)
            add_entry(connection, _captured(capture, by, why))
            if capture.locks and capture.alert is not None:
                lock_media(connection, capture.alert)
        return capture

    def get(self, capture_id: str) -> Capture | None:
        """One that was taken; None where there is none of this id."""
        chosen = select(captures).where(captures.c.id == capture_id, ~DUE)
        with self._database.reading() as connection:
            row = connection.execute(chosen).one_or_none()
            return None if row is None else read_capture(row)

    def quarantined(self) -> set[str]:
        """The ids of captures whose files were moved to where nobody reads them."""
        chosen = select(custody.c.capture).where(custody.c.deed == Deed.QUARANTINED.value)
        with self._database.reading() as connection:
            return {found for found in connection.scalars(chosen) if found}

    def failed(self, capture_id: str, reason: str, next_try_at: datetime, at: datetime) -> None:
        """It failed and is tried again then."""
        with self._database.writing() as connection:
            _finish(connection, capture_id, {"error": reason[:LONGEST], "next_try_at": max(next_try_at, at)})

    def of_alert(self, number: int) -> list[Capture]:
        """What was taken for an alert, oldest first. Raises Unreadable."""
        chosen = (
            select(captures)
            .where(captures.c.alert == number, ~DUE)
            .order_by(captures.c.captured_at, captures.c.id)
        )
        with self._database.reading() as connection:
            return read_each(connection.execute(chosen), read_capture, f"captures of alert A-{number}")

    def of_school(self, school: str) -> list[Capture]:
        """All that was taken for a school, in the order of its chain; what is older than the chain first."""
        chosen = (
            select(captures)
            .where(captures.c.school_id == school, ~DUE)
            .order_by(func.coalesce(captures.c.chain_index, 0), captures.c.captured_at, captures.c.id)
        )
        with self._database.reading() as connection:
            return [read_capture(row) for row in connection.execute(chosen)]

    def unsealed(self) -> int:
        """How many files of captures are kept that this machine can read."""
        kept = select(captures.c.files).where(~DUE, captures.c.forgotten_at.is_(None))
        with self._database.reading() as connection:
            return sum(not file.get("sealed_sha256") for files in connection.scalars(kept) for file in files)

    def waiting(self) -> int:
        """How many are still due."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(captures).where(DUE)) or 0


def _is_locked(connection: Connection, alert: int) -> bool:
    """Whether an alert is locked now; whoever locks it from here on waits until this transaction ends."""
    chosen = select(alerts.c.media_lock).where(alerts.c.number == alert)
    return bool(connection.scalar(chosen.with_for_update(key_share=True)))


def _next_link(connection: Connection, school: str) -> Link:
    """The place after the last one that was booked."""
    chained = (
        select(captures.c.chain_index, captures.c.record_sha256)
        .where(captures.c.school_id == school, captures.c.chain_index.is_not(None))
        .order_by(captures.c.chain_index.desc())
        .limit(1)
    )
    last = connection.execute(chained).one_or_none()
    return FIRST if last is None else Link(last.chain_index + 1, last.record_sha256)


def _keep(connection: Connection, capture: Capture, *, ordered: bool) -> None:
    if capture.link is None:
        raise ValueError(f"capture {capture.id} was placed without a link")
    taken: dict[str, Any] = {
        "progress": capture.progress.value,
        "kind": capture.kind.value,
        "captured_at": capture.captured_at,
        "folder": capture.folder,
        "files": [asdict(file) for file in capture.files],
        "record_sha256": capture.record_sha256,
        "chain_index": capture.link.index,
        "previous_sha256": capture.link.previous_sha256,
        "limits": list(capture.limits),
        "error": "",
        "answer": None,
        "clues": None,
    }
    if ordered:
        _finish(connection, capture.id, taken)
    else:
        by_hand = {"id": capture.id, "alert": capture.alert, "school_id": capture.school}
        asked = {"attempts": 1, "next_try_at": capture.captured_at}
        connection.execute(insert(captures).values(**by_hand, **asked, **taken))


def _captured(capture: Capture, by: str, why: str) -> Event:
    return Event(
        school=capture.school,
        at=capture.captured_at,
        deed=Deed.CAPTURED,
        by=by,
        why=why or "an alert's post, taken by the monitor",
        alert=capture.alert,
        capture=capture.id,
        object_sha256=capture.record_sha256,
    )


def _finish(connection: Connection, capture_id: str, values: dict[str, Any]) -> None:
    released = update(captures).where(captures.c.id == capture_id, DUE)
    connection.execute(released.values(**values, claimed_by=None, claimed_until=None))


def _ordered(capture_id: str) -> Select[Any]:
    return (
        select(
            captures.c.id,
            captures.c.alert,
            captures.c.school_id,
            captures.c.attempts,
            captures.c.answer,
            captures.c.clues,
            posts.c.platform,
            posts.c.channel,
            posts.c.post_id,
            posts.c.url,
            posts.c.author,
            posts.c.posted_at,
            revisions.c.revision,
            revisions.c.title,
            revisions.c.text,
            revisions.c.seen_at,
            alerts.c.media_lock,
            alerts.c.why,
            alerts.c.by,
            alerts.c.subcategories,
        )
        .join(alerts, alerts.c.number == captures.c.alert)
        .join(revisions, revisions.c.id == captures.c.revision)
        .join(posts, posts.c.id == revisions.c.post)
        .where(captures.c.id == capture_id)
    )


def _order(connection: Connection, capture_id: str) -> Order:
    row = connection.execute(_ordered(capture_id)).one()
    title, text, author = _words(row)
    return Order(
        id=row.id,
        alert=row.alert,
        school=row.school_id,
        platform=row.platform,
        post_id=row.post_id or "",
        revision=row.revision or "",
        url=row.url,
        title=title,
        text=text,
        author=author,
        posted_at=row.posted_at,
        seen_at=row.seen_at,
        media_lock=row.media_lock,
        why=tuple(row.why),
        by=row.by,
        attempts=row.attempts - 1,
        channel=Channel(row.channel),
        subcategories=tuple(row.subcategories),
        scores=_scores(connection, row.alert, row.revision),
        answer="" if row.media_lock else row.answer or "",
        sealed=None if row.media_lock else read_sealed(row),
    )


def _scores(connection: Connection, alert: int, revision: str | None) -> dict[str, float]:
    """What this revision of the post scored when it made or raised the alert."""
    judged = and_(judgements.c.alert == alert, judgements.c.revision == (revision or ""))
    newest = select(judgements.c.verdict).where(judged).order_by(judgements.c.seq.desc()).limit(1)
    verdict = connection.scalars(newest).one_or_none()
    return {} if verdict is None else dict(verdict["scores"])


def _words(row: Row[Any]) -> tuple[str, str, str | None]:
    """Nothing of a locked post reaches the camera but where it is, and nobody can read what is sealed."""
    return (
        ("", "", None)
        if row.media_lock or row.clues is not None
        else (row.title or "", row.text or "", row.author)
    )
