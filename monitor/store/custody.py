"""The custody log: lines are added and never changed; each carries the hash of the one before."""

from datetime import UTC
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select

from monitor.custody import BEFORE_THE_FIRST, Deed, Entry, Event, entry_after
from monitor.store.database import Database, take_turns
from monitor.store.rows import HIGHEST, read_each, readable, whole
from monitor.store.tables import custody, keepable


def chain_of(school: str) -> str:
    """The turn to take before anything is added to a school's chain of records or its custody log."""
    return f"evidence of {school}"


class Custody:
    """Who did what with evidence."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, event: Event) -> Entry:
        """Add a line at the end of its school's log."""
        with self._database.writing() as connection:
            return add_entry(connection, event)

    def of_school(self, school: str) -> list[Entry]:
        """A school's whole log, in order."""
        return self._chosen(custody.c.school_id == school)

    def of_capture(self, capture_id: str) -> list[Entry]:
        """What was done with one capture, in order."""
        return self._chosen(custody.c.capture == capture_id)

    def of_alert(self, number: int) -> list[Entry]:
        """What was done with the evidence of one alert, in order."""
        return self._chosen(custody.c.alert == number)

    def first(self, school: str) -> Entry | None:
        """The oldest line of a school's log."""
        return self._one(custody.c.school_id == school, custody.c.number.asc())

    def last(self, school: str, deed: Deed, *, by: str) -> Entry | None:
        """The newest line of a school's log in which they did this."""
        theirs = and_(custody.c.school_id == school, custody.c.deed == deed.value, custody.c.by == by)
        return self._one(theirs, custody.c.number.desc())

    def _one(self, condition: ColumnElement[bool], order: ColumnElement[Any]) -> Entry | None:
        with self._database.reading() as connection:
            chosen = select(custody).where(condition).order_by(order).limit(1)
            found = read_each(connection.execute(chosen), read_entry, "a line of the custody log")
            return found[0] if found else None

    def _chosen(self, condition: ColumnElement[bool]) -> list[Entry]:
        chosen = select(custody).where(condition).order_by(custody.c.school_id, custody.c.number)
        with self._database.reading() as connection:
            return read_each(connection.execute(chosen), read_entry, "a line of the custody log")


def add_entry(connection: Connection, event: Event) -> Entry:
    """Add a line within a transaction; from here on the school's turn is held until it ends.

    To stand in nobody's way for ever, take the turn (`chain_of`) before any row is changed.
    """
    take_turns(connection, chain_of(event.school))
    entry = entry_after(*log_head(connection, event.school), _as_kept(event))
    connection.execute(insert(custody).values(**_row(entry)))
    return entry


def log_head(connection: Connection, school: str) -> tuple[int, str]:
    """How many entries the custody log has, and the hash of the newest; what is no number does not count."""
    newest = (
        select(custody.c.number, custody.c.sha256)
        .where(custody.c.school_id == school, custody.c.number <= HIGHEST)
        .order_by(custody.c.number.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return (0, BEFORE_THE_FIRST) if row is None else (row.number, row.sha256)


def _as_kept(event: Event) -> Event:
    """The event as it will come back, since its hash is over that."""
    return Event(
        school=event.school,
        at=event.at.astimezone(UTC),
        deed=event.deed,
        by=keepable(event.by),
        why=keepable(event.why),
        alert=event.alert,
        capture=event.capture,
        object_sha256=event.object_sha256,
    )


def _row(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "school_id": event.school,
        "number": entry.number,
        "at": event.at,
        "deed": event.deed.value,
        "by": event.by,
        "why": event.why,
        "alert": event.alert,
        "capture": event.capture,
        "object_sha256": event.object_sha256,
        "previous_sha256": entry.previous_sha256,
        "sha256": entry.sha256,
    }


def read_entry(row: Row[Any]) -> Entry:
    """A line of the log from a row of its table. Raises Unreadable."""
    return readable(f"custody entry {row.number}", _entry, row)


def _entry(row: Row[Any]) -> Entry:
    event = Event(
        school=row.school_id,
        at=row.at,
        deed=Deed(row.deed),
        by=row.by,
        why=row.why,
        alert=row.alert,
        capture=row.capture,
        object_sha256=row.object_sha256,
    )
    return Entry(row.number, whole(event), row.previous_sha256, row.sha256)
