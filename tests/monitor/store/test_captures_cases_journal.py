"""Evidence rows, people's acts, and what happened to the worker."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from store_samples import AT, LEASE, SCHOOL, book, make_capture, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from monitor.alerts import Status
from monitor.captures import FIRST, Kind, LockedMeanwhile, Progress
from monitor.cases import Act, CaseEvent
from monitor.custody import Deed, Event
from monitor.store.database import Database
from monitor.store.store import Store
from monitor.store.withdrawing import lock_media

MINUTE = timedelta(minutes=1)


def act(alert: int, what: Act, note: str = "") -> CaseEvent:
    """Something that the lead did."""
    return CaseEvent(alert=alert, act=what, by="D. Lead", at=AT, note=note)


# Captures


def test_the_gravest_capture_is_taken_first(store: Store) -> None:
    grave, mild = make_judged(make_post(1), Severity.CRITICAL), make_judged(make_post(2), Severity.LOW)
    store.record(make_findings(mild, make_judged(make_post(3)), grave), AT)

    orders = [store.captures.claim("camera", AT, AT + LEASE) for _ in range(4)]

    assert [order and order.post_id for order in orders] == ["item-1", "item-3", "item-2", None]


def test_what_was_never_tried_goes_before_a_graver_one_that_was(store: Store) -> None:
    grave, mild = make_judged(make_post(1), Severity.CRITICAL), make_judged(make_post(2), Severity.LOW)
    store.record(make_findings(grave, mild, make_judged(make_post(3))), AT)
    first = store.captures.claim("camera", AT, AT + LEASE)
    assert first is not None
    store.captures.failed(first.id, "the page did not answer", AT + MINUTE, AT)

    orders = [store.captures.claim("camera", AT + MINUTE, AT + LEASE) for _ in range(4)]

    assert [order and order.post_id for order in orders] == ["item-3", "item-2", "item-1", None]


def test_an_order_says_what_the_post_scored(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)

    order = store.captures.claim("camera", AT, AT + LEASE)

    assert order is not None
    assert order.scores == {"abuse.threat_violence": 0.9}


def test_a_capture_that_was_taken_comes_back_as_it_was(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    capture = make_capture(order.id, 1001)

    booked = book(store, capture)

    assert booked == replace(capture, link=FIRST)
    assert store.captures.of_alert(1001) == [booked] == store.captures.of_school(SCHOOL)
    assert store.captures.waiting() == 0


def test_one_that_a_person_had_taken_is_found_by_its_id_and_the_log_says_when_it_was_shut_away(
    store: Store,
) -> None:
    taken = replace(make_capture("01KAEX4M8ZJ5T3R0W2Y6B7C9DE", 1), alert=None)
    booked = book(store, taken, by="D. Lead", why="named in a call")
    assert store.captures.get(booked.id) == booked
    assert store.captures.get("01KAEX4M8ZJ5T3R0W2Y6B7C9DF") is None
    assert store.captures.quarantined() == set()

    shut = Event(school=SCHOOL, at=AT, deed=Deed.QUARANTINED, by="D. Lead", why="w", capture=booked.id)
    store.custody.append(shut)

    assert store.captures.quarantined() == {booked.id}


def test_evidence_is_never_overwritten(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    first = book(store, make_capture(order.id, 1001))

    second = book(store, make_capture(order.id, 1001, progress=Progress.LIMITED, record_sha256="ef" * 32))

    assert second == first
    assert store.captures.of_alert(1001) == [first]


def test_of_what_was_locked_since_it_was_taken_nothing_is_booked_but_a_record(store: Store) -> None:
    """DOMAIN 3.7: the camera took it while nothing locked it yet."""
    store.record(make_findings(make_judged(make_post())), AT)
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    store.cases.append(act(1001, Act.LOCKED))

    with pytest.raises(LockedMeanwhile):
        book(store, make_capture(order.id, 1001))
    assert (store.captures.of_school(SCHOOL), store.captures.waiting()) == ([], 1)

    record = make_capture(order.id, 1001, kind=Kind.METADATA_ONLY, files=(), locks=True)
    assert book(store, record).link == FIRST


def test_a_booking_waits_for_a_lock_that_is_being_set(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None

    with ThreadPoolExecutor(1) as pool:
        with database.writing() as connection:
            lock_media(connection, 1001)
            booking = pool.submit(book, store, make_capture(order.id, 1001))
            with pytest.raises(TimeoutError):
                booking.result(0.5)
        with pytest.raises(LockedMeanwhile):
            booking.result(30)


def test_a_capture_that_failed_is_tried_again_and_counts_its_attempts(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    first = store.captures.claim("camera", AT, AT + LEASE)
    assert first is not None

    store.captures.failed(first.id, "the page did not answer", AT + MINUTE, AT)

    assert store.captures.claim("camera", AT, AT + LEASE) is None
    again = store.captures.claim("camera", AT + MINUTE, AT + LEASE)
    assert again is not None
    assert (again.id, first.attempts, again.attempts) == (first.id, 0, 1)
    assert store.captures.waiting() == 1


def test_a_capture_that_kills_its_camera_counts_as_an_attempt(store: Store) -> None:
    """Otherwise a page that crashes the browser is tried for ever, and everything behind it waits."""
    store.record(make_findings(make_judged(make_post())), AT)
    store.captures.claim("killed", AT, AT + LEASE)

    again = store.captures.claim("next", AT + LEASE, AT + 2 * LEASE)

    assert again is not None
    assert again.attempts == 1


# Cases


def test_acknowledging_and_closing_set_the_status_and_leave_a_line(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)

    seen = []
    for what in (Act.ACKNOWLEDGED, Act.NOT_A_CONCERN, Act.ACKNOWLEDGED):
        store.cases.append(act(1001, what, "spoke to the tutor"))
        seen.append(store.alerts.all()[0].status)

    assert seen == [Status.ACKNOWLEDGED, Status.CLOSED, Status.CLOSED]
    assert [line.act for line in store.cases.history(1001)] == [
        Act.ACKNOWLEDGED,
        Act.NOT_A_CONCERN,
        Act.ACKNOWLEDGED,
    ]
    assert store.cases.history(1001)[0] == act(1001, Act.ACKNOWLEDGED, "spoke to the tutor")
    assert store.alerts.all(open_only=True) == []


def test_a_hold_is_set_and_lifted(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)

    store.cases.append(act(1001, Act.HELD))
    held = store.alerts.all()[0].held
    store.cases.append(act(1001, Act.HOLD_LIFTED))

    assert (held, store.alerts.all()[0].held) == (True, False)


def test_nobody_can_act_on_an_alert_that_is_not_there(store: Store) -> None:
    with pytest.raises(LookupError, match="no alert A-1001"):
        store.cases.append(act(1001, Act.ACKNOWLEDGED))


# Alerts


def test_alerts_come_gravest_first_and_then_the_newest(store: Store) -> None:
    store.record(make_findings(make_judged(make_post(1), Severity.LOW)), AT)
    store.record(make_findings(make_judged(make_post(2))), AT)
    store.record(make_findings(make_judged(make_post(3))), AT + MINUTE)

    assert [alert.number for alert in store.alerts.all(school=SCHOOL)] == [1003, 1002, 1001]


def test_an_alert_that_is_not_there_is_none(store: Store) -> None:
    assert store.alerts.get(1001) is None
    assert store.alerts.post(1001) is None
    assert store.alerts.judgings(1001) == []


# The journal


def test_the_newest_heartbeat_of_any_worker_counts(store: Store) -> None:
    assert store.journal.last_beat() is None

    store.journal.beat("one", AT)
    store.journal.beat("two", AT + MINUTE)
    store.journal.beat("one", AT + MINUTE / 2)

    assert store.journal.last_beat() == AT + MINUTE


def test_settings_and_their_changes_are_remembered(store: Store) -> None:
    assert store.journal.settings() is None

    store.journal.keep_settings('{"a": 1}')
    store.journal.keep_settings('{"a": 2}')
    store.journal.settings_changed(("a was 1, is 2",), AT)

    assert store.journal.settings() == '{"a": 2}'
    (change,) = store.journal.settings_changes(AT)
    assert (change.at, change.lines) == (AT, ("a was 1, is 2",))
    assert store.journal.settings_changes(AT + MINUTE) == []


def test_since_when_the_model_is_out_is_remembered_until_it_is_back(store: Store) -> None:
    assert store.journal.outage() is None
    store.journal.keep_settings('{"a": 1}')

    store.journal.model_is_out("no file", AT)
    store.journal.model_is_out("another file", AT + MINUTE)

    outage = store.journal.outage()
    assert outage is not None
    assert (outage.since, outage.reason) == (AT, "another file")
    store.journal.model_is_back()
    assert store.journal.outage() is None
    assert store.journal.settings() == '{"a": 1}'


def test_a_job_that_keeps_failing_in_the_same_way_is_noted_now_and_then(store: Store) -> None:
    for minutes in range(25):
        store.journal.trouble("poll of paper", "OSError: disk full", AT + minutes * MINUTE)
    store.journal.trouble("digests", "OSError: disk full", AT + MINUTE)

    noted = store.journal.troubles(AT)

    assert [what for _, what, _ in noted].count("poll of paper") == 3
    assert (AT + MINUTE, "digests", "OSError: disk full") in noted
    assert store.journal.troubles(AT + timedelta(hours=1)) == []
