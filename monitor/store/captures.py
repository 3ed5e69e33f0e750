"""Captures: what the camera still has to take, and what it took."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from monitor.captures import Capture, Order, Progress
from monitor.store.claims import is_time, take_first
from monitor.store.database import Database
from monitor.store.rows import read_capture
from monitor.store.tables import alerts, captures, posts, revisions
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
        """Take the most severe due capture for this worker; None when none is due.

        The order's `attempts` are those before this one.
        """
        first = (
            select(captures.c.id)
            .join(alerts, alerts.c.number == captures.c.alert)
            .where(DUE, is_time(captures, at, LONGEST_WAIT))
            .order_by(alerts.c.severity.desc(), captures.c.next_try_at, captures.c.id)
        )
        with self._database.writing() as connection:
            found = take_first(connection, first, table=captures, worker=worker, at=at, until=until)
            return None if found is None else _order(connection, found)

    def done(self, capture: Capture) -> None:
        """It was taken, wholly or with limits; the claim is released. What was taken is never overwritten.

        One that locks locks its alert with it.
        """
        taken: dict[str, Any] = {
            "progress": capture.progress.value,
            "kind": capture.kind.value,
            "captured_at": capture.captured_at,
            "folder": capture.folder,
            "files": [asdict(file) for file in capture.files],
            "record_sha256": capture.record_sha256,
            "limits": list(capture.limits),
            "error": "",
        }
        with self._database.writing() as connection:
            _finish(connection, capture.id, taken)
            if capture.locks:
                lock_media(connection, capture.alert)

    def failed(self, capture_id: str, reason: str, next_try_at: datetime, at: datetime) -> None:
        """It failed and is tried again then."""
        with self._database.writing() as connection:
            _finish(connection, capture_id, {"error": reason[:LONGEST], "next_try_at": max(next_try_at, at)})

    def of_alert(self, number: int) -> list[Capture]:
        """What was taken for an alert, oldest first."""
        chosen = (
            select(captures)
            .where(captures.c.alert == number, ~DUE)
            .order_by(captures.c.captured_at, captures.c.id)
        )
        with self._database.reading() as connection:
            return [read_capture(row) for row in connection.execute(chosen)]

    def waiting(self) -> int:
        """How many are still due."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(captures).where(DUE)) or 0


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
            posts.c.platform,
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
    )


def _words(row: Row[Any]) -> tuple[str, str, str | None]:
    """Nothing of a locked post reaches the camera but where it is."""
    return ("", "", None) if row.media_lock else (row.title or "", row.text or "", row.author)
