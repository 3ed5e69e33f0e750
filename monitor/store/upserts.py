"""Insertions that may find their row already there; both databases have them, each in its own dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, case
from sqlalchemy.dialects import postgresql, sqlite


def insertion(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insertion in the dialect of this database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def add_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those that are not there; how many that were.

    They are counted by what comes back, since the drivers disagree about the row count of many insertions.
    """
    if not rows:
        return 0
    statement = insertion(connection, table).on_conflict_do_nothing().returning(*table.primary_key)
    return len(connection.execute(statement, list(rows)).all())


def add_up(connection: Connection, table: Table, row: Mapping[str, Any], counts: Sequence[str]) -> None:
    """Insert the row, or add its counts to the one that is there."""
    statement = insertion(connection, table).values(**row)
    sums = {name: table.c[name] + statement.excluded[name] for name in counts}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=sums))


def replace(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or put it in place of the one that is there."""
    statement = insertion(connection, table).values(**row)
    new = {name: statement.excluded[name] for name in row}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=new))


def keep_newest(connection: Connection, table: Table, row: Mapping[str, Any], time: str) -> None:
    """Insert the row, or move the one that is there forward to its time."""
    statement = insertion(connection, table).values(**row)
    later = case((statement.excluded[time] > table.c[time], statement.excluded[time]), else_=table.c[time])
    key = list(table.primary_key)
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_={time: later}))
