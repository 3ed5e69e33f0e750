"""What people did: an append-only history for each alert."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, insert, select, update

from monitor.alerts import Status
from monitor.cases import Act, CaseEvent
from monitor.custody import Deed, Event
from monitor.store.custody import add_entry, chain_of
from monitor.store.database import Database, take_turns
from monitor.store.tables import alerts, case_events
from monitor.store.withdrawing import lock_media

DEEDS = {Act.HELD: Deed.HELD, Act.HOLD_LIFTED: Deed.HOLD_LIFTED}
"""Acts that concern the evidence itself, and so stand in the custody log too."""


class Cases:
    """Histories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, event: CaseEvent) -> None:
        """Add a line; what it changes of the alert is changed in the same transaction.

        Acknowledging and closing set its status, a hold keeps its evidence and stands in the custody log, a
        lock lets nobody open what it is about. Raises LookupError when there is no such alert.
        """
        with self._database.writing() as connection:
            school = connection.scalar(select(alerts.c.school_id).where(alerts.c.number == event.alert))
            if school is None:
                raise LookupError(f"there is no alert A-{event.alert}")
            if event.act in DEEDS:
                take_turns(connection, chain_of(school))
            _change(connection, event)
            _add(connection, event, school)
            if event.act in DEEDS:
                add_entry(connection, _deed(event, school))

    def history(self, alert: int) -> list[CaseEvent]:
        """Everything that was done, in order."""
        chosen = select(case_events).where(case_events.c.alert == alert).order_by(case_events.c.id)
        with self._database.reading() as connection:
            return [
                CaseEvent(alert=row.alert, act=Act(row.act), by=row.by, at=row.at, note=row.note)
                for row in connection.execute(chosen)
            ]


def _change(connection: Connection, event: CaseEvent) -> None:
    if event.act is Act.LOCKED:
        lock_media(connection, event.alert)
    else:
        changed = update(alerts).where(alerts.c.number == event.alert)
        connection.execute(changed.values(**_effect(event.act, event.at)))


def _deed(event: CaseEvent, school: str) -> Event:
    return Event(
        school=school, at=event.at, deed=DEEDS[event.act], by=event.by, why=event.note, alert=event.alert
    )


def _add(connection: Connection, event: CaseEvent, school: str) -> None:
    connection.execute(
        insert(case_events).values(
            alert=event.alert,
            school_id=school,
            act=event.act.value,
            by=event.by,
            at=event.at,
            note=event.note,
        )
    )


def _effect(act: Act, at: datetime) -> dict[str, Any]:
    if act is Act.ACKNOWLEDGED:
        # Acknowledging does not open again what somebody has closed.
        still_open = alerts.c.status == Status.OPEN.value
        return {"status": case((still_open, Status.ACKNOWLEDGED.value), else_=alerts.c.status)}
    if act in {Act.NOT_A_CONCERN, Act.CLOSED}:
        return {"status": Status.CLOSED.value, "closed_at": at, "closed_as": act.value}
    return {"held": act is Act.HELD}
