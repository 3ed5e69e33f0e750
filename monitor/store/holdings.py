"""All that the database holds of a school's evidence, as it stood at one moment."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Row, Select, func, select

from monitor.captures import Progress
from monitor.holdings import Holdings
from monitor.store.anchors import read_anchor, read_stamp, with_their_anchors
from monitor.store.custody import read_entry
from monitor.store.database import Database
from monitor.store.rows import BROKEN, Unreadable, is_fault, read_capture
from monitor.store.tables import anchors, captures, custody, stamps

T = TypeVar("T")


def holdings_of(database: Database, school: str) -> Holdings:
    """One moment's captures, custody log, anchors and time-stamps; what is still due is not among them."""
    with database.reading() as connection:
        return _read(connection, school)


def _read(connection: Connection, school: str) -> Holdings:
    taken = (
        select(captures)
        .where(captures.c.school_id == school, captures.c.progress != Progress.DUE.value)
        .order_by(func.coalesce(captures.c.chain_index, 0), captures.c.captured_at, captures.c.id)
    )
    log = select(custody).where(custody.c.school_id == school).order_by(custody.c.number)
    pinned = select(anchors).where(anchors.c.school_id == school).order_by(anchors.c.number)
    stamped = with_their_anchors().where(stamps.c.school_id == school).order_by(anchors.c.number, stamps.c.id)
    unreadable: dict[str, str] = {}

    def each(chosen: Select[Any], read: Callable[[Row[Any]], T], name: str, *columns: Column[Any]) -> list[T]:
        try:
            return [read(row) for row in connection.execute(chosen)]
        except (Unreadable, *BROKEN):
            return list(_one_by_one(connection, chosen, read, (name, columns), unreadable))

    return Holdings(
        school=school,
        captures=each(taken, read_capture, "capture {}", captures.c.id),
        entries=each(log, read_entry, "custody entry {}", custody.c.number),
        anchors=each(pinned, read_anchor, "anchor {}", anchors.c.number),
        stamps=each(
            stamped, read_stamp, "time-stamp of anchor {} by {}", anchors.c.number, stamps.c.authority
        ),
        unreadable=unreadable,
    )


def _one_by_one(
    connection: Connection,
    chosen: Select[Any],
    read: Callable[[Row[Any]], T],
    named: tuple[str, tuple[Column[Any], ...]],
    unreadable: dict[str, str],
) -> Iterator[T]:
    """What can be read of these rows; the others are put among the `unreadable`, each under its name."""
    name, columns = named
    many = connection.scalar(_only(chosen, func.count()).order_by(None)) or 0
    for place in range(many):
        try:
            yield read(connection.execute(chosen.limit(1).offset(place)).one())
        except Unreadable as error:
            unreadable[error.where] = error.why
        except BROKEN as error:
            if is_fault(error):
                raise
            row = connection.execute(_only(chosen, *columns).limit(1).offset(place)).one()
            where = name.format(*row)
            unreadable[where] = Unreadable(where, error).why


def _only(chosen: Select[Any], *columns: Any) -> Select[Any]:
    return chosen.with_only_columns(*columns, maintain_column_froms=True)
