"""Claims: one conditional update says who works on a row, and until when nobody else may."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, or_, update

from monitor.store.tables import captures, notices, sources, stamps

CLAIMED = (sources, captures, notices, stamps)
LONGEST_CLAIM = timedelta(minutes=15)
"""Nobody claims for longer: a claim that ends later was made while the clock was wrong."""


def free(table: Table, at: datetime) -> ColumnElement[bool]:
    """Nobody works on it, or whoever did is late, or claimed it by a clock that has been put back since."""
    until = table.c.claimed_until
    return or_(until.is_(None), until <= at, until > at + LONGEST_CLAIM)


def is_time(table: Table, at: datetime, longest_wait: timedelta) -> ColumnElement[bool]:
    """Its next try has come or is the first; or lies further ahead than any wait: the clock was put back."""
    when = table.c.next_try_at
    return or_(when <= at, table.c.attempts == 0, when > at + longest_wait)


def take_first(
    connection: Connection, first: Select[Any], *, table: Table, worker: str, at: datetime, until: datetime
) -> Any:
    """Claim the row whose id `first` finds, counting the attempt; its id, or None when there is none.

    The attempt counts from the beginning, so that one which kills its worker is not tried for ever.
    """
    chosen = first.where(free(table, at)).limit(1).with_for_update(skip_locked=True, of=table)
    taken = (
        update(table)
        .where(table.c.id == chosen.scalar_subquery(), free(table, at))
        .values(claimed_by=worker, claimed_until=until, attempts=table.c.attempts + 1)
        .returning(table.c.id)
    )
    return connection.scalars(taken).one_or_none()
