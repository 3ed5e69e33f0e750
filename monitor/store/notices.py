"""Messages: owed, written, sent."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update

from monitor.notices import Notice, NoticeKind, Owed
from monitor.store.claims import is_time, take_first
from monitor.store.database import Database
from monitor.store.posts import in_chunks
from monitor.store.rows import read_alert, read_notice
from monitor.store.tables import alerts, digest_entries, digests, notices
from monitor.store.tables import owed as owed_rows
from monitor.store.upserts import add_missing, insertion
from monitor.store.withdrawing import pointless, withdraw

RANK = {NoticeKind.URGENT: 0, NoticeKind.OPERATIONAL: 1, NoticeKind.DIGEST: 2}
LONGEST = 2_000
LONGEST_WAIT = timedelta(minutes=30)
"""Between two tries to send (monitor/clocks.py)."""


class _WrittenBefore(Exception):
    """What was to be written is there already, or no longer as it should be: everything is taken back."""


class Notices:
    """What goes out by mail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def owed(self) -> list[Owed]:
        """Alerts that somebody must hear of at once and for which no message is written yet, oldest first."""
        due = _debts().where(owed_rows.c.notice.is_(None))
        with self._database.reading() as connection:
            return [_read_owed(row) for row in connection.execute(due)]

    def overtaken(self) -> list[Owed]:
        """What unsent urgent messages say of alerts that others have joined or whose posts were edited since.

        Somebody may be named there who was not when the message was written.
        """
        said_more = or_(alerts.c.judgements > owed_rows.c.judgement, alerts.c.posts > 1)
        waiting = (
            _debts()
            .join(notices, notices.c.id == owed_rows.c.notice)
            .where(notices.c.sent_at.is_(None), notices.c.kind == NoticeKind.URGENT.value, said_more)
        )
        with self._database.reading() as connection:
            return [_read_owed(row) for row in connection.execute(waiting)]

    def sent_since(self, recipient: str, kind: NoticeKind, since: datetime) -> int:
        """How many messages of this kind were written to them since then."""
        counted = select(func.count()).where(
            notices.c.recipient == recipient, notices.c.kind == kind.value, notices.c.created_at >= since
        )
        with self._database.reading() as connection:
            return connection.scalar(counted) or 0

    def write(
        self,
        *,
        kind: NoticeKind,
        recipient: str,
        message_id: str,
        message: bytes,
        at: datetime,
        owed: Sequence[int] = (),
        digest_of: Sequence[int] = (),
        digest_day: str | None = None,
        shown: Sequence[int] = (),
    ) -> bool:
        """Queue a finished message. False, and nothing written, when one of the owed rows has its message
        already, this recipient has a digest of this local day (`2026-11-21`), a message of this Message-ID
        exists, or one of the alerts that it shows openly was locked meanwhile. `digest_of` are the alerts
        named as new."""
        row = _new_notice(kind, recipient, message_id, message, at)
        try:
            with self._database.writing() as connection:
                _insist_on_open(connection, sorted(set(shown)))
                number = _add(connection, row)
                _settle(connection, number, recipient, sorted(set(owed)))
                _enter(connection, number, recipient, digest_of, digest_day)
        except _WrittenBefore:
            return False
        return True

    def has_digest(self, recipient: str, day: str) -> bool:
        """Whether the digest of this local day was written to them."""
        found = select(digests.c.notice).where(digests.c.recipient == recipient, digests.c.day == day)
        with self._database.reading() as connection:
            return connection.scalar(found) is not None

    def last_digest(self, recipient: str) -> datetime | None:
        """When the last digest to them was written."""
        written = select(func.max(notices.c.created_at)).where(
            notices.c.recipient == recipient, notices.c.kind == NoticeKind.DIGEST.value
        )
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(written)
        return found

    def claim(self, worker: str, at: datetime, until: datetime) -> Notice | None:
        """Take the most urgent unsent message that is due for a try; None when there is none.

        The notice's `attempts` are those before this one.
        """
        first = (
            select(notices.c.id)
            .where(notices.c.sent_at.is_(None), notices.c.message != b"", is_time(notices, at, LONGEST_WAIT))
            .order_by(notices.c.rank, notices.c.id)
        )
        with self._database.writing() as connection:
            found = take_first(connection, first, table=notices, worker=worker, at=at, until=until)
            if found is None:
                return None
            row = connection.execute(select(notices).where(notices.c.id == found)).one()
            return replace(read_notice(row, row.message), attempts=row.attempts - 1)

    def sent(self, notice_id: int, at: datetime) -> None:
        """The server took it."""
        self._tried(notice_id, {"sent_at": at, "error": ""})

    def failed(self, notice_id: int, error: str, next_try_at: datetime) -> None:
        """The server did not take it; it is tried again then."""
        self._tried(notice_id, {"error": error[:LONGEST], "next_try_at": next_try_at})

    def unsent(self) -> list[Notice]:
        """Messages written and not sent, oldest first (without their bytes)."""
        columns = [column for column in notices.c if column.name != "message"]
        chosen = (
            select(*columns)
            .where(notices.c.sent_at.is_(None), notices.c.message != b"")
            .order_by(notices.c.id)
        )
        with self._database.reading() as connection:
            return [read_notice(row, b"") for row in connection.execute(chosen)]

    def take_back(
        self, schools_of: Mapping[str, Set[str]], at: datetime, unfit: Set[int] = frozenset()
    ) -> int:
        """Withdraw unsent messages that must not go out as they are: those emptied by a lock, those to people
        who get no mail about that school any more, and those that settle one of the `unfit` debts; how many
        that were. What they said is owed again, or new again for a digest. `schools_of` says for which
        schools each address gets mail now."""
        with self._database.reading() as connection:
            if not pointless(connection, schools_of, at, unfit):
                return 0
        with self._database.writing() as connection:
            numbers = pointless(connection, schools_of, at, unfit)
            withdraw(connection, numbers)
        return len(numbers)

    def readdress(self, owed_id: int, addresses: Sequence[str]) -> None:
        """Owe this to these people instead, as far as they have not heard of it.

        Nothing changes where nobody is named, or its message was written meanwhile.
        """
        if not addresses:
            return
        this = and_(owed_rows.c.id == owed_id, owed_rows.c.notice.is_(None))
        columns = (owed_rows.c.alert, owed_rows.c.school_id, owed_rows.c.judgement, owed_rows.c.since)
        with self._database.writing() as connection:
            debts = connection.execute(select(*columns).where(this).with_for_update()).mappings().all()
            rows = [{**debt, "recipient": address} for debt in debts for address in addresses]
            # First these, so that none of them gets the number of the one that goes.
            add_missing(connection, owed_rows, rows)
            connection.execute(delete(owed_rows).where(this))

    def _tried(self, notice_id: int, values: dict[str, Any]) -> None:
        with self._database.writing() as connection:
            connection.execute(
                update(notices)
                .where(notices.c.id == notice_id, notices.c.sent_at.is_(None))
                .values(**values, claimed_by=None, claimed_until=None)
            )


def _debts() -> Select[Any]:
    """What is or was owed, oldest first."""
    return (
        select(owed_rows.c.id, owed_rows.c.recipient, owed_rows.c.judgement, owed_rows.c.since, alerts)
        .join(alerts, alerts.c.number == owed_rows.c.alert)
        .order_by(owed_rows.c.since, owed_rows.c.id)
    )


def _read_owed(row: Row[Any]) -> Owed:
    return Owed(
        id=row.id,
        recipient=row.recipient,
        alert=read_alert(row),
        judgement=row.judgement,
        since=row.since,
    )


def _new_notice(
    kind: NoticeKind, recipient: str, message_id: str, message: bytes, at: datetime
) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "rank": RANK[kind],
        "recipient": recipient,
        "message_id": message_id,
        "message": message,
        "created_at": at,
        "attempts": 0,
        "next_try_at": at,
        "error": "",
    }


def _insist_on_open(connection: Connection, numbers: Sequence[int]) -> None:
    """None of these alerts is locked, nor will be before this transaction ends.

    One that somebody changes just now counts as locked: waiting for it might be a deadlock.
    """
    for some in in_chunks(numbers):
        unlocked = select(alerts.c.number).where(alerts.c.number.in_(some), ~alerts.c.media_lock)
        held = connection.execute(unlocked.with_for_update(read=True, skip_locked=True)).all()
        if len(held) != len(some):
            raise _WrittenBefore


def _add(connection: Connection, row: dict[str, Any]) -> int:
    statement = insertion(connection, notices).values(**row).on_conflict_do_nothing()
    number: int | None = connection.scalars(statement.returning(notices.c.id)).one_or_none()
    if number is None:
        raise _WrittenBefore
    return number


def _settle(connection: Connection, notice: int, recipient: str, owed: Sequence[int]) -> None:
    """Mark all of these as said to them by this notice, or none."""
    for number in owed:
        theirs = and_(owed_rows.c.id == number, owed_rows.c.recipient == recipient)
        unsaid = update(owed_rows).where(theirs, owed_rows.c.notice.is_(None))
        if connection.execute(unsaid.values(notice=notice)).rowcount != 1:
            raise _WrittenBefore


def _enter(
    connection: Connection, notice: int, recipient: str, digest_of: Sequence[int], day: str | None
) -> None:
    """Note that this is the day's digest, and what it names as new."""
    if day is not None:
        row = {"recipient": recipient, "day": day, "notice": notice}
        if add_missing(connection, digests, [row]) != 1:
            raise _WrittenBefore
    named = select(alerts.c.number, alerts.c.raised).where(alerts.c.number.in_(sorted(set(digest_of))))
    entries = [
        {"recipient": recipient, "alert": row.number, "raised": row.raised, "notice": notice}
        for row in connection.execute(named)
    ]
    add_missing(connection, digest_entries, entries)
