"""Anchors and time-stamps as the database keeps them (DOMAIN 3.3)."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.event import listen
from store_samples import AT, LEASE, SCHOOL, book, make_capture, make_findings, make_judged, make_post

from monitor.anchors import (
    NOTHING_BEFORE,
    Anchor,
    Pinned,
    Recorded,
    Stamp,
    StampState,
    Standing,
    is_due,
    next_stamp_try,
    statement,
)
from monitor.custody import Deed, Event
from monitor.store.database import Database
from monitor.store.rows import Unreadable
from monitor.store.store import Store
from monitor.store.tables import anchors, stamps

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOTH = ("Post Office", "Town Hall")


def record(store: Store, number: int, at: datetime = AT, school: str = SCHOOL) -> str:
    """One more record in the chain; its hash."""
    held = f"{number:064x}"
    book(store, make_capture(f"CAPTURE{number:019}", None, at, record_sha256=held, school=school))  # type: ignore[arg-type]
    return held


def anchor_of(standing: Standing, at: datetime = AT) -> Anchor:
    """An anchor that nobody has really signed."""
    return Anchor(
        school=standing.school,
        number=standing.number,
        made_at=at,
        statement=statement(standing, at, public_key=b"k" * 32, software="test"),
        signature=b"s" * 64,
        public_key=b"k" * 32,
    )


def anchored(store: Store, at: datetime = AT, authorities: Sequence[str] = BOTH) -> Anchor:
    """The next anchor, kept."""
    anchor = anchor_of(store.anchors.standing(SCHOOL), at)
    assert store.anchors.add(anchor, authorities, at)
    return anchor


def claim(store: Store, at: datetime = AT, authorities: Sequence[str] = BOTH) -> tuple[Stamp, Anchor] | None:
    """A time-stamp to ask for."""
    return store.anchors.claim_stamp("worker", at, at + LEASE, authorities)


def claimed(store: Store, at: datetime = AT, authorities: Sequence[str] = BOTH) -> Stamp:
    """The same, where there is one."""
    found = claim(store, at, authorities)
    assert found is not None
    return found[0]


def got(stamp: Stamp, at: datetime = AT) -> Stamp:
    """The stamp, given."""
    return replace(
        stamp, state=StampState.OK, token=b"token", certificates="PEM", policy="1.2.3", stamped_at=at
    )


# What there is to pin


def test_a_school_without_evidence_has_nothing_to_pin(store: Store) -> None:
    standing = store.anchors.standing(SCHOOL)

    assert store.anchors.schools() == []
    assert (standing.number, standing.records, standing.head_sha256) == (1, 0, NOTHING_BEFORE)
    assert not is_due(standing, AT, busy=False)


def test_an_anchor_names_every_record_since_the_one_before(store: Store) -> None:
    first, second = record(store, 1), record(store, 2, AT + MINUTE)
    record(store, 3, school="elsewhere")
    standing = store.anchors.standing(SCHOOL)

    assert [one.sha256 for one in standing.fresh] == [first, second]
    assert [one.index for one in standing.fresh] == [1, 2]
    assert (standing.records, standing.head_sha256, standing.entries) == (2, second, 2)
    assert standing.log_sha256 == store.custody.of_school(SCHOOL)[-1].sha256
    assert standing.fresh_since == AT
    anchor = anchored(store)

    third = record(store, 4)
    after = store.anchors.standing(SCHOOL)
    assert [*after.fresh] == [Recorded(index=3, capture=f"CAPTURE{4:019}", sha256=third)]
    assert (after.number, after.previous_sha256) == (2, anchor.sha256)
    assert (after.anchored_at, after.public_key) == (AT, anchor.public_key)
    assert store.anchors.schools() == ["elsewhere", SCHOOL]


def test_an_anchor_comes_back_as_it_was(store: Store) -> None:
    record(store, 1)
    first, second = anchored(store), anchored(store, AT + DAY)

    assert store.anchors.of_school(SCHOOL) == [first, second]
    assert json.loads(second.statement)["records"] == []
    assert json.loads(second.statement)["previous_anchor_sha256"] == first.sha256


def test_two_writers_cannot_fork_the_anchors_of_a_school(store: Store) -> None:
    record(store, 1)
    standing = store.anchors.standing(SCHOOL)
    rivals = [anchor_of(standing, AT + MINUTE * number) for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda one: store.anchors.add(one, BOTH, AT), rivals))

    assert kept.count(True) == 1
    assert store.anchors.of_school(SCHOOL) == [rivals[kept.index(True)]]
    assert len(store.anchors.stamps(SCHOOL)) == len(BOTH)


@pytest.mark.parametrize(
    "words", [b"", b"{}", b'{"records_total": 2'], ids=["no words", "an empty object", "cut short"]
)
def test_what_an_anchor_pinned_whose_words_were_changed_is_pinned_again(
    store: Store, database: Database, words: bytes
) -> None:
    record(store, 1)
    anchored(store)
    record(store, 2)
    last = anchored(store, AT + HOUR)
    with database.writing() as connection:
        connection.execute(update(anchors).where(anchors.c.number == 2).values(statement=words))

    standing = store.anchors.standing(SCHOOL)

    assert [one.index for one in standing.fresh] == [2]
    assert (standing.number, standing.records, standing.anchored_at) == (3, 2, last.made_at)
    assert standing.previous_sha256 == sha256(words).hexdigest()
    with pytest.raises(Unreadable, match="anchor 2: this row of the database was changed and cannot be read"):
        store.anchors.of_school(SCHOOL)
    anchored(store, AT + DAY)
    assert store.anchors.standing(SCHOOL).fresh == []


# When an anchor is due


def test_an_anchor_is_made_when_the_camera_rests_or_after_a_minute_and_once_a_day(store: Store) -> None:
    record(store, 1)
    standing = replace(store.anchors.standing(SCHOOL), anchored_at=AT)

    assert is_due(standing, AT + MINUTE / 2, busy=False)
    assert not is_due(standing, AT + MINUTE / 2, busy=True)
    assert is_due(standing, AT + MINUTE, busy=True)
    at_rest = replace(standing, fresh=[], fresh_since=None)
    assert not is_due(at_rest, AT + DAY - MINUTE, busy=False)
    assert is_due(at_rest, AT + DAY, busy=False)


def test_a_clock_that_was_put_back_does_not_keep_records_from_being_anchored(store: Store) -> None:
    record(store, 1, AT + DAY)
    standing = replace(store.anchors.standing(SCHOOL), anchored_at=AT + DAY)

    assert is_due(standing, AT + HOUR, busy=True)
    assert is_due(replace(standing, fresh_since=None, anchored_at=AT + 2 * DAY), AT, busy=False)


def test_the_camera_is_busy_while_something_is_due_for_that_school(store: Store) -> None:
    assert not store.anchors.is_busy(SCHOOL, AT)
    store.record(make_findings(make_judged(make_post())), AT)
    assert store.anchors.is_busy(SCHOOL, AT)
    assert not store.anchors.is_busy("elsewhere", AT)

    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    assert store.anchors.is_busy(SCHOOL, AT)
    store.captures.failed(order.id, "the page is away", AT + HOUR, AT)
    assert not store.anchors.is_busy(SCHOOL, AT)


# Time-stamps


def test_each_authority_is_to_stamp_each_anchor_and_the_newest_comes_first(store: Store) -> None:
    record(store, 1)
    anchored(store)
    newest = anchored(store, AT + DAY)

    found = claim(store, AT + DAY)
    assert found is not None
    stamp, anchor = found
    assert anchor == newest
    assert (stamp.anchor, stamp.state, stamp.attempts) == (2, StampState.PENDING, 0)
    others = [claimed(store, AT + DAY) for _ in range(3)]
    assert [one.anchor for one in others] == [2, 1, 1]
    assert {one.authority for one in others} == set(BOTH)
    assert claim(store, AT + DAY) is None


def test_a_stamp_is_kept_and_the_custody_log_says_so_once(store: Store) -> None:
    record(store, 1)
    anchored(store, authorities=BOTH[:1])
    stamp = claimed(store)

    store.anchors.stamped(got(stamp), AT + MINUTE)
    store.anchors.stamped(replace(got(stamp), token=b"another"), AT + HOUR)

    (kept,) = store.anchors.stamps(SCHOOL)
    assert kept == replace(got(stamp), attempts=1)
    entries = [one.event for one in store.custody.of_school(SCHOOL)]
    assert [one.deed for one in entries] == [Deed.CAPTURED, Deed.STAMPED]
    assert entries[1] == Event(
        school=SCHOOL,
        at=AT + MINUTE,
        deed=Deed.STAMPED,
        by="system",
        why="anchor 1, time-stamped by Post Office",
        object_sha256="3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0",
    )
    assert claim(store, AT + 2 * DAY) is None


@pytest.mark.parametrize("wrong", [False, True])
def test_a_stamp_that_failed_is_tried_again_and_says_why(store: Store, wrong: bool) -> None:
    record(store, 1)
    anchored(store, authorities=BOTH[:1])

    store.anchors.failed(claimed(store), "it said\x00 nothing", AT + HOUR, wrong=wrong)

    (kept,) = store.anchors.stamps(SCHOOL)
    assert kept.state is (StampState.FAILED if wrong else StampState.PENDING)
    assert kept.error.startswith("it said")
    assert claim(store, AT + MINUTE) is None
    assert claimed(store, AT + HOUR).attempts == 1


def test_an_authority_that_does_not_answer_is_asked_one_question_at_a_time(store: Store) -> None:
    record(store, 1)
    for number in range(3):
        anchored(store, AT + number * HOUR, BOTH[:1])
    for _ in range(3):
        store.anchors.failed(claimed(store, AT + 3 * HOUR), "away", AT + 4 * HOUR, wrong=False)

    store.anchors.failed(claimed(store, AT + 4 * HOUR), "away", AT + 9 * HOUR, wrong=False)

    assert claim(store, AT + 5 * HOUR) is None
    assert claimed(store, AT + 9 * HOUR).anchor == 3


def test_a_worker_that_died_over_a_stamp_leaves_it_to_the_next(store: Store) -> None:
    record(store, 1)
    anchored(store, authorities=BOTH[:1])
    claimed(store)

    assert claim(store, AT + MINUTE) is None
    assert claimed(store, AT + LEASE).attempts == 1
    assert store.sources.claimants() == ["worker"]
    store.sources.release_dead(["worker"])
    assert claimed(store, AT + LEASE + MINUTE).attempts == 2


def test_an_authority_that_is_configured_no_longer_is_not_asked(store: Store) -> None:
    record(store, 1)
    anchored(store)

    assert claimed(store, authorities=BOTH[1:]).authority == "Town Hall"
    assert claim(store, authorities=BOTH[1:]) is None
    assert claim(store, authorities=()) is None


def test_an_authority_is_given_time_and_then_left_in_peace_but_never_given_up() -> None:
    waits = [next_stamp_try(attempts) for attempts in (0, 1, 2, 3, 4, 400)]

    assert waits == [MINUTE, MINUTE, 5 * MINUTE, HOUR, 6 * HOUR, 6 * HOUR]


# What people are told


def test_how_much_is_pinned_can_be_told(store: Store) -> None:
    record(store, 1)
    anchored(store)
    store.anchors.stamped(got(claimed(store)), AT)
    store.anchors.failed(claimed(store), "it lies", AT + DAY, wrong=True)
    head = record(store, 2, AT + HOUR)

    expected: dict[str, Any] = {"records": 2, "head_sha256": head, "anchors": 1, "anchored_at": AT}
    assert store.anchors.pinned(SCHOOL, BOTH) == Pinned(
        school=SCHOOL,
        fresh=1,
        fresh_since=AT + HOUR,
        stamps={StampState.OK: 1, StampState.FAILED: 1},
        **expected,
    )


def test_what_an_authority_owes_that_is_configured_no_longer_does_not_count(store: Store) -> None:
    record(store, 1)
    anchored(store)
    done = claimed(store)
    store.anchors.stamped(got(done), AT)

    (other,) = set(BOTH) - {done.authority}
    assert store.anchors.pinned(SCHOOL, [other]).stamps == {StampState.OK: 1, StampState.PENDING: 1}
    assert store.anchors.pinned(SCHOOL, [done.authority]).stamps == {StampState.OK: 1}
    assert store.anchors.pinned(SCHOOL, ()).stamps == {StampState.OK: 1}


def test_what_waits_for_a_stamp_is_found_by_its_index(store: Store, database: Database) -> None:
    """Stamps are kept for ever: without it each look for work would read all of them."""
    if not database.on_sqlite:
        pytest.skip("only SQLite says so for a table that is nearly empty")
    record(store, 1)
    anchored(store)
    asked: list[tuple[str, Any]] = []
    engine = store.anchors._database.engine
    listen(engine, "before_cursor_execute", lambda _c, _r, said, values, *_: asked.append((said, values)))

    claimed(store)

    said, values = next(one for one in asked if one[0].startswith("UPDATE stamps"))
    with database.reading() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", values).all()
    assert "ix_stamps_waiting" in " ".join(step[-1] for step in steps)


def test_a_time_stamp_in_a_state_that_is_none_counts_as_failed_and_holds_up_nobody(
    store: Store, database: Database
) -> None:
    record(store, 1)
    anchored(store)
    with database.writing() as connection:
        named = stamps.c.authority == "Post Office"
        connection.execute(update(stamps).where(named).values(state="xx"))

    assert claimed(store).authority == "Town Hall"
    assert claim(store) is None
    counted = {StampState.FAILED: 1, StampState.PENDING: 1}
    assert store.anchors.pinned(SCHOOL, BOTH).stamps == counted
    with pytest.raises(Unreadable, match="time-stamp of anchor 1 by Post Office: this row"):
        store.anchors.stamps(SCHOOL)


def test_a_late_stamp_is_told_after_a_while_and_a_wrong_one_at_once(store: Store) -> None:
    record(store, 1)
    anchored(store)
    first, second = claimed(store), claimed(store)
    assert store.anchors.unstamped(BOTH, AT) == []

    store.anchors.failed(first, "it does not answer", AT + HOUR, wrong=False)
    store.anchors.failed(second, "it lies", AT + DAY, wrong=True)

    (wrong,) = store.anchors.unstamped(BOTH, AT)
    assert (wrong.authority, wrong.state, wrong.error) == (second.authority, StampState.FAILED, "it lies")
    late = store.anchors.unstamped(BOTH, AT + HOUR)
    assert {(one.authority, one.state, one.anchors, one.since, one.error) for one in late} == {
        (first.authority, StampState.PENDING, 1, AT, "it does not answer"),
        (second.authority, StampState.FAILED, 1, AT, "it lies"),
    }
    assert store.anchors.unstamped((), AT + HOUR) == []
