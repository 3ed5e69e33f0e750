"""Sources: their cursors, how they are, and when they are due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Subquery,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from connectors.post import State
from monitor.coverage import Coverage
from monitor.store import tables
from monitor.store.claims import CLAIMED, free
from monitor.store.database import Database, take_turns
from monitor.store.tables import posts, tallies, unrelated
from monitor.store.upserts import keep_newest

TALLY = timedelta(minutes=15)
NOT_READ = "not read yet"
PUT_BACK = timedelta(minutes=5)
"""A try that lies so far ahead was made before the clock was put back."""
LONGEST_HOLD = timedelta(days=1)
"""Nobody leaves a host alone for longer: every source is asked once a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A source that this worker may poll now. `baseline`: what comes was there before we looked."""

    source: str
    cursor: str | None
    baseline: bool
    failures: int


class Sources:
    """What we read from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sync(
        self,
        configured: Mapping[str, tuple[str, timedelta]],
        at: datetime,
        *,
        hosts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Know each configured source by name, with its platform and interval; a new one is due at once
        and in baseline; one that left the file keeps its rows and is no longer due or covered.

        `hosts` names the host of each source, so that those of one host can be left alone together.
        """
        with self._database.writing() as connection:
            take_turns(connection, "sources")
            known = {row.name: row for row in connection.execute(select(tables.sources))}
            for name, (platform, every) in sorted(configured.items()):
                wanted = {
                    "platform": platform,
                    "every": int(every.total_seconds()),
                    "host": hosts.get(name, ""),
                }
                if name in known:
                    _refresh(connection, known[name], wanted, at)
                else:
                    connection.execute(insert(tables.sources).values(name=name, **wanted, **_unread(at)))
            left = and_(tables.sources.c.configured, tables.sources.c.name.not_in(list(configured)))
            connection.execute(update(tables.sources).where(left).values(configured=False))

    def due(self, at: datetime) -> list[str]:
        """The names of unclaimed sources whose time has come and whose host is free, longest due first."""
        waiting = select(tables.hosts.c.host).where(_is_held(at))
        chosen = (
            select(tables.sources.c.name)
            .where(_is_due(at), free(tables.sources, at), tables.sources.c.host.not_in(waiting))
            .order_by(tables.sources.c.next_due_at, tables.sources.c.name)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(chosen))

    def claim(
        self, source: str, worker: str, at: datetime, until: datetime, *, early: bool = False
    ) -> Claim | None:
        """Take a due source for this worker until `until`; None when it is not due or another has it.

        `early` takes it although not yet due (a scan asked for by a person)."""
        taken = (
            update(tables.sources)
            .where(tables.sources.c.name == source, tables.sources.c.configured, free(tables.sources, at))
            .values(claimed_by=worker, claimed_until=until, claimed_generation=tables.sources.c.generation)
            .returning(tables.sources.c.cursor, tables.sources.c.baseline, tables.sources.c.failures)
        )
        with self._database.writing() as connection:
            row = connection.execute(taken if early else taken.where(_is_due(at))).one_or_none()
        if row is None:
            return None
        return Claim(source=source, cursor=row.cursor, baseline=row.baseline, failures=row.failures)

    def renew(self, source: str, worker: str, until: datetime) -> bool:
        """Hold a source that is listened to until then; False where it is no longer this worker's to hold.

        That is so, too, when the schools' names have changed since it was claimed.
        """
        ours = and_(
            tables.sources.c.name == source,
            tables.sources.c.configured,
            tables.sources.c.claimed_by == worker,
            tables.sources.c.claimed_generation == tables.sources.c.generation,
        )
        with self._database.writing() as connection:
            held = update(tables.sources).where(ours).values(claimed_until=until)
            return connection.execute(held).rowcount == 1

    def release(self, source: str, worker: str, at: datetime) -> None:
        """Give back a source that was listened to: it is due at once, and goes on where it ended."""
        ours = and_(tables.sources.c.name == source, tables.sources.c.claimed_by == worker)
        free_now = {"claimed_by": None, "claimed_until": None, "next_due_at": at}
        with self._database.writing() as connection:
            connection.execute(update(tables.sources).where(ours).values(**free_now))

    def failed(
        self, source: str, state: State, reason: str, next_due_at: datetime, at: datetime, *, host: str = ""
    ) -> None:
        """A poll brought nothing: note state, reason and next time; keep the cursor, release the claim.

        Where a `host` is named, all its sources are left alone until then.
        """
        with self._database.writing() as connection:
            connection.execute(
                update(tables.sources)
                .where(tables.sources.c.name == source)
                .values(
                    **standing(state, reason, at),
                    next_due_at=next_due_at,
                    failures=tables.sources.c.failures + 1,
                )
            )
            if host:
                keep_newest(connection, tables.hosts, {"host": host, "held_until": next_due_at}, "held_until")

    def cursor(self, source: str) -> str | None:
        """How far the source is read, in its connector's own words; None where reading has not begun."""
        with self._database.reading() as connection:
            chosen = select(tables.sources.c.cursor).where(tables.sources.c.name == source)
            return connection.scalars(chosen).one_or_none()

    def host_held_until(self, host: str, at: datetime) -> datetime | None:
        """Until when the host is to be left alone, if it is."""
        chosen = select(tables.hosts.c.held_until).where(tables.hosts.c.host == host, _is_held(at))
        with self._database.reading() as connection:
            return connection.scalars(chosen).one_or_none()

    def reread(self, sources: Sequence[str]) -> None:
        """Forget cursors and hashes, go back to baseline, and be due now: the schools' names have changed.

        Posts that are held count as changed once more, for they may speak of another school as well. A poll
        that is under way keeps what it brings, but cannot save a cursor over this.
        """
        with self._database.writing() as connection:
            take_turns(connection, "upkeep")
            named = tables.sources.c.name.in_(list(sources))
            meant = select(tables.sources.c.id).where(named).scalar_subquery()
            afresh = {
                "cursor": None,
                "baseline": True,
                "last_try_at": None,
                "generation": tables.sources.c.generation + 1,
            }
            connection.execute(update(tables.sources).where(tables.sources.c.id.in_(meant)).values(**afresh))
            connection.execute(delete(unrelated).where(unrelated.c.source.in_(meant)))
            held = and_(posts.c.source.in_(meant), posts.c.forgotten_at.is_(None))
            connection.execute(update(posts).where(held).values(reconsider=True))

    def coverage(self, since: datetime, at: datetime) -> list[Coverage]:
        """How each configured source is, with what it gave since `since`."""
        given = _given(since, at)
        chosen = (
            select(tables.sources, given.c.read, given.c.mentions, given.c.alerts)
            .outerjoin(given, given.c.source == tables.sources.c.id)
            .where(tables.sources.c.configured)
            .order_by(tables.sources.c.name)
        )
        with self._database.reading() as connection:
            return [_read_coverage(row) for row in connection.execute(chosen)]

    def release_dead(self, workers: Sequence[str]) -> None:
        """Give back the claims (on sources, captures, notices, time-stamps) of workers known to be gone."""
        with self._database.writing() as connection:
            for table in CLAIMED:
                theirs = table.c.claimed_by.in_(list(workers))
                connection.execute(update(table).where(theirs).values(claimed_by=None, claimed_until=None))

    def claimants(self) -> list[str]:
        """The workers that hold claims on anything."""
        held: set[str] = set()
        with self._database.reading() as connection:
            for table in CLAIMED:
                held.update(
                    connection.scalars(select(table.c.claimed_by).where(table.c.claimed_by.is_not(None)))
                )
        return sorted(held)


def standing(state: State, reason: str, at: datetime) -> dict[str, Any]:
    """What a finished poll says of its source: `since` stays while the state does, and nobody works on it."""
    return {
        "state": state.value,
        "reason": reason,
        "since": case((tables.sources.c.state == state.value, tables.sources.c.since), else_=at),
        "last_try_at": at,
        "claimed_by": None,
        "claimed_until": None,
    }


def tally_time(at: datetime) -> datetime:
    """The beginning of the quarter of an hour in which `at` lies."""
    return datetime.fromtimestamp(at.timestamp() // TALLY.total_seconds() * TALLY.total_seconds(), at.tzinfo)


def _is_due(at: datetime) -> ColumnElement[bool]:
    """Its time has come; or it was never tried; or it was tried by a clock that has been put back since."""
    row = tables.sources.c
    return and_(
        row.configured,
        or_(row.next_due_at <= at, row.last_try_at.is_(None), row.last_try_at > at + PUT_BACK),
    )


def _is_held(at: datetime) -> ColumnElement[bool]:
    return and_(tables.hosts.c.held_until > at, tables.hosts.c.held_until <= at + LONGEST_HOLD)


def _unread(at: datetime) -> dict[str, Any]:
    return {
        "configured": True,
        "cursor": None,
        "baseline": True,
        "generation": 0,
        "claimed_generation": 0,
        "state": State.BEHIND.value,
        "reason": NOT_READ,
        "since": at,
        "next_due_at": at,
        "failures": 0,
    }


def _refresh(connection: Connection, row: Row[Any], wanted: Mapping[str, Any], at: datetime) -> None:
    """A changed interval counts from now; another platform under an old name is another source."""
    values: dict[str, Any] = {**wanted, "configured": True}
    if row.platform != wanted["platform"]:
        values |= _unread(at)
    elif row.every != wanted["every"]:
        values["next_due_at"] = min(row.next_due_at, at + timedelta(seconds=wanted["every"]))
    if any(getattr(row, name) != value for name, value in values.items()):
        connection.execute(update(tables.sources).where(tables.sources.c.id == row.id).values(**values))


def _given(since: datetime, at: datetime) -> Subquery:
    counts = [func.sum(tallies.c[name]).label(name) for name in ("read", "mentions", "alerts")]
    span = and_(tallies.c.at > since - TALLY, tallies.c.at <= at)
    return select(tallies.c.source, *counts).where(span).group_by(tallies.c.source).subquery()


def _read_coverage(row: Row[Any]) -> Coverage:
    return Coverage(
        source=row.name,
        platform=row.platform,
        state=State(row.state),
        reason=row.reason,
        since=row.since,
        last_ok_at=row.last_ok_at,
        last_try_at=row.last_try_at,
        next_due_at=row.next_due_at,
        every=timedelta(seconds=row.every),
        failures=row.failures,
        read=row.read or 0,
        mentions=row.mentions or 0,
        alerts=row.alerts or 0,
    )
