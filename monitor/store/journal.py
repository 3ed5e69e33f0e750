"""What the worker did: configuration changes, heartbeats, operational failures, outages of the model."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, or_, select

from monitor.clocks import Watched
from monitor.store import tables
from monitor.store.database import Database
from monitor.store.tables import changes, heartbeats, troubles
from monitor.store.upserts import replace

EFFECTIVE = "effective"
MODEL_OUT = "model out"
CLOCK = "clock"
ONCE_IN = timedelta(minutes=10)
"""A job that fails every two seconds in the same way is noted once in this span."""
LONG_GONE = timedelta(days=7)
LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of the effective settings, as lines a person can read."""

    at: datetime
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Since when the model is out, and why, in words that name what to do."""

    since: datetime
    reason: str


class Journal:
    """What happened to the worker itself."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, worker: str, at: datetime) -> None:
        """The worker is alive. Beats of workers long gone, or of a clock that was put back, are let go."""
        stray = or_(heartbeats.c.at < at - LONG_GONE, heartbeats.c.at > at + ONCE_IN)
        with self._database.writing() as connection:
            connection.execute(delete(heartbeats).where(stray))
            replace(connection, heartbeats, {"worker": worker, "at": at})

    def last_beat(self) -> datetime | None:
        """When a worker was last alive."""
        with self._database.reading() as connection:
            last: datetime | None = connection.scalar(select(func.max(heartbeats.c.at)))
        return last

    def settings_changed(self, lines: tuple[str, ...], at: datetime) -> None:
        """Keep a diff of the effective settings."""
        with self._database.writing() as connection:
            connection.execute(insert(changes).values(at=at, lines=list(lines)))

    def settings_changes(self, since: datetime) -> list[Change]:
        """What was changed since then, oldest first."""
        chosen = select(changes).where(changes.c.at >= since).order_by(changes.c.at, changes.c.id)
        with self._database.reading() as connection:
            return [Change(at=row.at, lines=tuple(row.lines)) for row in connection.execute(chosen)]

    def settings(self) -> str | None:
        """The last effective settings (without secrets), as JSON, to diff against after a restart."""
        chosen = select(tables.settings.c.value).where(tables.settings.c.name == EFFECTIVE)
        with self._database.reading() as connection:
            return connection.scalar(chosen)

    def keep_settings(self, settings: str) -> None:
        """Remember the effective settings (without secrets)."""
        with self._database.writing() as connection:
            replace(connection, tables.settings, {"name": EFFECTIVE, "value": settings})

    def model_is_out(self, reason: str, at: datetime) -> None:
        """The model judged nothing just now; since when stays what it was."""
        held = self.outage()
        told = {"since": (held.since if held else at).isoformat(), "reason": reason[:LONGEST]}
        with self._database.writing() as connection:
            replace(connection, tables.settings, {"name": MODEL_OUT, "value": json.dumps(told)})

    def model_is_back(self) -> None:
        """The model judges again."""
        with self._database.writing() as connection:
            connection.execute(delete(tables.settings).where(tables.settings.c.name == MODEL_OUT))

    def outage(self) -> Outage | None:
        """Since when the model is out; None while it judges."""
        chosen = select(tables.settings.c.value).where(tables.settings.c.name == MODEL_OUT)
        with self._database.reading() as connection:
            value = connection.scalar(chosen)
        if value is None:
            return None
        told = json.loads(value)
        return Outage(since=datetime.fromisoformat(told["since"]), reason=told["reason"])

    def clock(self) -> Watched | None:
        """The clock as retention has watched it; None before its first run."""
        chosen = select(tables.settings.c.value).where(tables.settings.c.name == CLOCK)
        with self._database.reading() as connection:
            value = connection.scalar(chosen)
        if value is None:
            return None
        since, last, before = json.loads(value)
        return Watched(
            since=datetime.fromisoformat(since),
            last=datetime.fromisoformat(last),
            before=datetime.fromisoformat(before) if before else None,
        )

    def keep_clock(self, clock: Watched) -> None:
        """Remember how the clock has gone."""
        before = clock.before.isoformat() if clock.before else None
        told = (clock.since.isoformat(), clock.last.isoformat(), before)
        with self._database.writing() as connection:
            replace(connection, tables.settings, {"name": CLOCK, "value": json.dumps(told)})

    def trouble(self, what: str, message: str, at: datetime) -> None:
        """A job failed in a way that nobody foresaw; `what` names the job.

        The same failure again within ten minutes is not noted again.
        """
        row = {"what": what, "message": message[:LONGEST]}
        same = select(troubles.c.id).where(
            troubles.c.at > at - ONCE_IN, troubles.c.what == what, troubles.c.message == row["message"]
        )
        with self._database.writing() as connection:
            if connection.scalars(same.limit(1)).one_or_none() is None:
                connection.execute(insert(troubles).values(at=at, **row))

    def troubles(self, since: datetime) -> list[tuple[datetime, str, str]]:
        """Such failures since then."""
        chosen = select(troubles).where(troubles.c.at >= since).order_by(troubles.c.at, troubles.c.id)
        with self._database.reading() as connection:
            return [(row.at, row.what, row.message) for row in connection.execute(chosen)]
