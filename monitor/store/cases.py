"""What people did: an append-only history for each alert."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, insert, select, update

from monitor.alerts import Status
from monitor.cases import Act, CaseEvent
from monitor.store.database import Database
from monitor.store.tables import alerts, case_events


class Cases:
    """Histories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, event: CaseEvent) -> None:
        """Add a line; acknowledging and closing set the alert's status in the same transaction.

        Raises LookupError when there is no such alert.
        """
        with self._database.writing() as connection:
            changed = update(alerts).where(alerts.c.number == event.alert)
            effect = changed.values(**_effect(event.act, event.at)).returning(alerts.c.school_id)
            school = connection.scalars(effect).one_or_none()
            if school is None:
                raise LookupError(f"there is no alert A-{event.alert}")
            _add(connection, event, school)

    def history(self, alert: int) -> list[CaseEvent]:
        """Everything that was done, in order."""
        chosen = select(case_events).where(case_events.c.alert == alert).order_by(case_events.c.id)
        with self._database.reading() as connection:
            return [
                CaseEvent(alert=row.alert, act=Act(row.act), by=row.by, at=row.at, note=row.note)
                for row in connection.execute(chosen)
            ]


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
