"""What a platform answered of a post: kept for the evidence of an alert, for nothing else, and not longer."""

from sqlalchemy import select
from store_samples import AT, LEASE, book, make_capture, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from monitor.captures import Order
from monitor.store.database import Database
from monitor.store.store import Store
from monitor.store.tables import metadata
from monitor.store.withdrawing import lock_media

ANSWER = '{"text":"marzipan"}'


def claimed(store: Store) -> Order:
    """The next order for the camera."""
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    return order


def holds_the_answer(database: Database) -> bool:
    """Whether it lies in any table."""
    with database.reading() as connection:
        rows = [row for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return "marzipan" in str(rows)


def test_the_answer_of_an_alert_reaches_the_camera_and_goes_once_it_was_taken(
    store: Store, database: Database
) -> None:
    store.record(make_findings(make_judged(make_post(answer=ANSWER))), AT)
    order = claimed(store)

    book(store, make_capture(order.id, order.alert or 0))

    assert order.answer == ANSWER
    assert not holds_the_answer(database)


def test_below_the_threshold_no_answer_is_kept(store: Store, database: Database) -> None:
    post = make_post(answer=ANSWER)

    store.record(make_findings(make_judged(post, Severity.NONE), others=[make_post(2, answer=ANSWER)]), AT)

    assert not holds_the_answer(database)


def test_domain_3_7_of_a_locked_alert_no_answer_is_kept(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(make_post(answer=ANSWER), media_lock=True)), AT)

    assert claimed(store).answer == ""
    assert not holds_the_answer(database)


def test_domain_3_7_an_edit_of_a_post_whose_alert_is_locked_brings_no_answer_either(
    store: Store, database: Database
) -> None:
    store.record(make_findings(make_judged(make_post(), media_lock=True)), AT)
    edited = make_post(text="They will all hear about Harrowby Green.", answer=ANSWER)

    store.record(make_findings(make_judged(edited, Severity.CRITICAL)), AT)

    assert store.captures.waiting() == 2
    assert not holds_the_answer(database)


def test_domain_3_7_locking_an_alert_empties_the_answer_that_was_waiting(
    store: Store, database: Database
) -> None:
    store.record(make_findings(make_judged(make_post(answer=ANSWER))), AT)
    assert holds_the_answer(database)

    with database.writing() as connection:
        lock_media(connection, 1001)

    assert not holds_the_answer(database)


def test_another_answer_is_no_other_revision() -> None:
    one, other = make_post(answer=ANSWER), make_post(answer="{}")

    assert (one, one.revision) == (other, other.revision)
    assert "marzipan" not in repr(one)
