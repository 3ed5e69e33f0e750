"""All that the database holds of a school's evidence, as it stood at one moment."""

from sqlalchemy import Connection, func, select

from monitor.captures import Progress
from monitor.holdings import Holdings
from monitor.store.anchors import read_anchor, read_stamp, with_their_anchors
from monitor.store.custody import read_entry
from monitor.store.database import Database
from monitor.store.rows import read_capture
from monitor.store.tables import anchors, captures, custody, stamps


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
    stamped = with_their_anchors().where(stamps.c.school_id == school)
    return Holdings(
        school=school,
        captures=[read_capture(row) for row in connection.execute(taken)],
        entries=[read_entry(row) for row in connection.execute(log)],
        anchors=[read_anchor(row) for row in connection.execute(pinned)],
        stamps=[
            read_stamp(row) for row in connection.execute(stamped.order_by(anchors.c.number, stamps.c.id))
        ],
    )
