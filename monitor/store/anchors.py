"""Anchors and their time-stamps: what pins each school's chain, and how far each authority has come."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)

from monitor.anchors import (
    LONGEST_WAIT,
    NOTHING_BEFORE,
    Anchor,
    Pinned,
    Recorded,
    Stamp,
    StampState,
    Standing,
    Unstamped,
    words_of,
)
from monitor.captures import Progress
from monitor.custody import Deed, Event
from monitor.store.captures import LONGEST_WAIT as LONGEST_CAPTURE_WAIT
from monitor.store.claims import free, is_time, take_first
from monitor.store.custody import add_entry, chain_of, log_head
from monitor.store.database import Database, take_turns
from monitor.store.rows import BROKEN, HIGHEST, Unreadable, is_fault, read_each, readable
from monitor.store.tables import anchors, captures, custody, keepable, stamps
from monitor.store.upserts import insertion

LONGEST = 500
"""Characters that are kept of an error."""
WAITING = stamps.c.state != StampState.OK.value
"""As ix_stamps_waiting has it: what failed is tried again too."""
_STATES = {state.value: state for state in StampState}
_ASKED = stamps.c.state.in_(list(_STATES))
"""A state that is none was put there by somebody: nobody is asked, so that others need not wait behind it."""
_STATEMENT = cast(anchors.c.statement, LargeBinary).label("statement")
"""The words of an anchor; SQLite would give text for bytes where somebody put text."""


class Anchors:
    """Signed statements of how a school's chain stood, and the time-stamps of these."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def schools(self) -> list[str]:
        """The schools of which there is something to pin."""
        held = select(captures.c.school_id).where(captures.c.chain_index.is_not(None))
        either = held.union(select(custody.c.school_id))
        with self._database.reading() as connection:
            return sorted(connection.scalars(either))

    def standing(self, school: str) -> Standing:
        """How a school's chain and custody log stand now, and what the last anchor left to be pinned.

        What an anchor pinned whose words were changed since, so that they cannot be read, is pinned again.
        """
        with self._database.reading() as connection:
            last = _last_anchor(connection, school)
            records, head = _head(connection, school)
            pinned = min(_pinned(connection, school), records)
            fresh = _fresh(connection, school, pinned)
            entries, log = log_head(connection, school)
            return Standing(
                school=school,
                number=last.number + 1 if last else 1,
                previous_sha256=sha256(last.statement).hexdigest() if last else NOTHING_BEFORE,
                fresh=[Recorded(index=row.chain_index, capture=row.id, sha256=row.sha256) for row in fresh],
                records=records,
                head_sha256=head,
                entries=entries,
                log_sha256=log,
                fresh_since=_moment(connection, _since(school, pinned)),
                anchored_at=_moment(connection, _newest(school, anchors.c.made_at)),
                public_key=last.public_key if last else b"",
            )

    def is_busy(self, school: str, at: datetime) -> bool:
        """Whether the camera has something to take for this school now, or is taking it."""
        now = or_(is_time(captures, at, LONGEST_CAPTURE_WAIT), ~free(captures, at))
        due = and_(captures.c.school_id == school, captures.c.progress == Progress.DUE.value, now)
        with self._database.reading() as connection:
            return bool(connection.scalar(select(exists().where(due))))

    def add(self, anchor: Anchor, authorities: Sequence[str], at: datetime) -> bool:
        """Keep an anchor, and that each of these authorities is to stamp it.

        Another one may have been made meanwhile: then nothing is kept and the answer is False.
        """
        row = {
            "school_id": anchor.school,
            "number": anchor.number,
            "made_at": anchor.made_at,
            "statement": anchor.statement,
            "signature": anchor.signature,
            "public_key": anchor.public_key,
        }
        with self._database.writing() as connection:
            one = insertion(connection, anchors).values(**row).on_conflict_do_nothing()
            made = connection.scalars(one.returning(anchors.c.id)).one_or_none()
            if made is None:
                return False
            for authority in authorities:
                connection.execute(stamps.insert().values(**_pending(anchor, made, authority, at)))
        return True

    def of_school(self, school: str) -> list[Anchor]:
        """A school's anchors, in order. Raises Unreadable, for one whose words cannot be read too."""
        chosen = select(anchors).where(anchors.c.school_id == school).order_by(anchors.c.number)
        with self._database.reading() as connection:
            return read_each(connection.execute(chosen), _read_with_words, f"an anchor of {school}")

    def stamps(self, school: str) -> list[Stamp]:
        """The time-stamps of a school's anchors, in the order of these."""
        chosen = (
            with_their_anchors()
            .where(stamps.c.school_id == school)
            .order_by(anchors.c.number, stamps.c.authority)
        )
        with self._database.reading() as connection:
            return read_each(connection.execute(chosen), read_stamp, f"a time-stamp of {school}")

    def claim_stamp(
        self, worker: str, at: datetime, until: datetime, authorities: Collection[str]
    ) -> tuple[Stamp, Anchor] | None:
        """Take a time-stamp that one of these authorities is to be asked for; None when none is due.

        The newest anchor comes first, since its stamp covers those before it. The stamp's `attempts` are
        those before this one.
        """
        first = (
            select(stamps.c.id)
            .join(anchors, anchors.c.id == stamps.c.anchor)
            .where(WAITING, _ASKED, stamps.c.authority.in_(authorities), is_time(stamps, at, LONGEST_WAIT))
            .order_by(anchors.c.made_at.desc(), stamps.c.id)
        )
        with self._database.writing() as connection:
            found = take_first(connection, first, table=stamps, worker=worker, at=at, until=until)
            if found is None:
                return None
            row = connection.execute(with_their_anchors().where(stamps.c.id == found)).one()
            anchor = connection.execute(select(anchors).where(anchors.c.id == row.anchor_id)).one()
            return replace(read_stamp(row), attempts=row.attempts - 1), read_anchor(anchor)

    def stamped(self, stamp: Stamp, at: datetime) -> None:
        """It was stamped as this one says.

        The custody log says so with the hash of the token. What was stamped is never overwritten.
        """
        got = {
            "state": StampState.OK.value,
            "token": stamp.token,
            "certificates": stamp.certificates,
            "policy": stamp.policy,
            "stamped_at": stamp.stamped_at,
            "error": "",
        }
        event = Event(
            school=stamp.school,
            at=at,
            deed=Deed.STAMPED,
            by="system",
            why=f"anchor {stamp.anchor}, time-stamped by {stamp.authority}",
            object_sha256=sha256(stamp.token).hexdigest(),
        )
        with self._database.writing() as connection:
            take_turns(connection, chain_of(stamp.school))
            if _finish(connection, stamp.id, got):
                add_entry(connection, event)

    def failed(self, stamp: Stamp, error: str, next_try_at: datetime, *, wrong: bool) -> None:
        """It was not stamped: the authority's answer was `wrong`, or there was none.

        Whatever else it still owes waits as long at least: one question at a time is enough to find out.
        """
        state = StampState.FAILED if wrong else StampState.PENDING
        also = and_(
            WAITING,
            stamps.c.authority == stamp.authority,
            stamps.c.attempts > 0,
            stamps.c.claimed_by.is_(None),
            stamps.c.next_try_at < next_try_at,
        )
        with self._database.writing() as connection:
            _finish(
                connection,
                stamp.id,
                {"state": state.value, "error": keepable(error)[:LONGEST], "next_try_at": next_try_at},
            )
            connection.execute(update(stamps).where(also).values(next_try_at=next_try_at))

    def pinned(self, school: str, authorities: Collection[str]) -> Pinned:
        """How much evidence of a school there is, and how much of it is pinned.

        Only what these authorities owe counts as waiting: the others are not asked any more. A time-stamp
        whose state was changed to none that there is counts as failed.
        """
        standing = self.standing(school)
        counted = (
            select(stamps.c.state, func.count())
            .where(stamps.c.school_id == school, or_(~WAITING, stamps.c.authority.in_(authorities)))
            .group_by(stamps.c.state)
        )
        with self._database.reading() as connection:
            counts = Counter[StampState]()
            for state, many in connection.execute(counted):
                counts[_STATES.get(state, StampState.FAILED)] += many
        return Pinned(
            school=school,
            records=standing.records,
            head_sha256=standing.head_sha256,
            anchors=standing.number - 1,
            anchored_at=standing.anchored_at,
            fresh=len(standing.fresh),
            fresh_since=standing.fresh_since,
            stamps=counts,
        )

    def unstamped(self, authorities: Collection[str], before: datetime) -> list[Unstamped]:
        """What these authorities have answered wrongly, or not answered for anchors made before that time."""
        wrong = stamps.c.state == StampState.FAILED.value
        late = and_(WAITING, stamps.c.authority.in_(authorities), or_(wrong, anchors.c.made_at < before))
        chosen = (
            select(
                stamps.c.authority,
                func.max(case((wrong, 1), else_=0)).label("wrong"),
                func.count().label("many"),
                func.min(anchors.c.made_at).label("since"),
            )
            .join(anchors, anchors.c.id == stamps.c.anchor)
            .where(late)
            .group_by(stamps.c.authority)
            .order_by(stamps.c.authority)
        )
        with self._database.reading() as connection:
            return [
                Unstamped(
                    authority=row.authority,
                    state=StampState.FAILED if row.wrong else StampState.PENDING,
                    anchors=row.many,
                    since=row.since,
                    error=_last_error(connection, row.authority, only=wrong if row.wrong else WAITING),
                )
                for row in connection.execute(chosen).all()
            ]


def _newest(school: str, *columns: Any) -> Select[Any]:
    """Anchors from the newest on, whatever somebody may have put into their rows."""
    numbered = and_(anchors.c.school_id == school, anchors.c.number <= HIGHEST)
    return select(*columns).where(numbered).order_by(anchors.c.number.desc()).limit(1)


def _last_anchor(connection: Connection, school: str) -> Any:
    """The newest anchor, without the time, which may be none after somebody changed it."""
    key = cast(anchors.c.public_key, LargeBinary).label("public_key")
    return connection.execute(_newest(school, anchors.c.number, _STATEMENT, key)).one_or_none()


def _pinned(connection: Connection, school: str) -> int:
    """How many records are pinned, as the newest anchor says whose words can be read."""
    newest, place = _newest(school, _STATEMENT), 0
    while (statement := connection.scalar(newest.offset(place))) is not None:
        if (words := words_of(statement)) is not None:
            return words.records_total
        place += 1
    return 0


def _moment(connection: Connection, chosen: Select[Any]) -> datetime | None:
    """The time that is asked for; None where there is none, or it was changed so that it is no time."""
    try:
        found: datetime | None = connection.scalar(chosen)
    except BROKEN as error:
        if is_fault(error):
            raise
        return None
    return found


def _fresh(connection: Connection, school: str, after: int) -> Sequence[Any]:
    columns = (captures.c.id, captures.c.chain_index, captures.c.record_sha256.label("sha256"))
    chosen = select(*columns).where(_chained(school, after)).order_by(captures.c.chain_index)
    return connection.execute(chosen).all()


def _since(school: str, after: int) -> Select[Any]:
    return select(func.min(captures.c.captured_at)).where(_chained(school, after))


def _chained(school: str, after: int) -> ColumnElement[bool]:
    index = captures.c.chain_index
    return and_(captures.c.school_id == school, index > after, index <= HIGHEST)


def _head(connection: Connection, school: str) -> tuple[int, str]:
    """How many records there are, and the hash of the newest."""
    newest = (
        select(captures.c.chain_index, captures.c.record_sha256)
        .where(_chained(school, 0))
        .order_by(captures.c.chain_index.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return (0, NOTHING_BEFORE) if row is None else (row.chain_index, row.record_sha256)


def _pending(anchor: Anchor, made: int, authority: str, at: datetime) -> dict[str, Any]:
    return {
        "anchor": made,
        "school_id": anchor.school,
        "authority": authority,
        "state": StampState.PENDING.value,
        "attempts": 0,
        "next_try_at": at,
        "error": "",
        "token": b"",
        "certificates": "",
        "policy": "",
    }


def _finish(connection: Connection, stamp_id: int, values: dict[str, Any]) -> bool:
    """Whether it was still open, and now has these values and nobody who works on it."""
    released = update(stamps).where(stamps.c.id == stamp_id, WAITING)
    done = released.values(**values, claimed_by=None, claimed_until=None).returning(stamps.c.id)
    return connection.scalars(done).one_or_none() is not None


def _last_error(connection: Connection, authority: str, *, only: ColumnElement[bool]) -> str:
    newest = (
        select(stamps.c.error)
        .join(anchors, anchors.c.id == stamps.c.anchor)
        .where(only, stamps.c.authority == authority, stamps.c.error != "")
        .order_by(anchors.c.made_at.desc(), stamps.c.id.desc())
    )
    return connection.scalars(newest.limit(1)).one_or_none() or ""


def with_their_anchors() -> Select[Any]:
    """Time-stamps with the numbers of their anchors."""
    return select(stamps, anchors.c.number, anchors.c.id.label("anchor_id")).join(
        anchors, anchors.c.id == stamps.c.anchor
    )


def read_stamp(row: Row[Any]) -> Stamp:
    """A time-stamp from a row that was joined with its anchor. Raises Unreadable."""
    return readable(f"time-stamp of anchor {row.number} by {row.authority}", _stamp, row)


def _stamp(row: Row[Any]) -> Stamp:
    return Stamp(
        id=row.id,
        school=row.school_id,
        anchor=row.number,
        authority=row.authority,
        state=StampState(row.state),
        token=row.token,
        certificates=row.certificates,
        policy=row.policy,
        stamped_at=row.stamped_at,
        attempts=row.attempts,
        error=row.error,
    )


def _read_with_words(row: Row[Any]) -> Anchor:
    anchor = read_anchor(row)
    if words_of(anchor.statement) is None:
        raise Unreadable(f"anchor {anchor.number}", ValueError("its words are not those of an anchor"))
    return anchor


def read_anchor(row: Row[Any]) -> Anchor:
    """An anchor from a row of its table; its words may be any. Raises Unreadable."""
    return readable(f"anchor {row.number}", _anchor, row)


def _anchor(row: Row[Any]) -> Anchor:
    return Anchor(
        school=row.school_id,
        number=row.number,
        made_at=row.made_at,
        statement=row.statement,
        signature=row.signature,
        public_key=row.public_key,
    )
