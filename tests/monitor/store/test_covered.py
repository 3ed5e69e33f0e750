"""What a platform marks as sensitive locks what stands beside it (DOMAIN 3.7; LEI-9.2)."""

from dataclasses import replace

import pytest

from classifiers.taxonomy import Severity
from connectors.post import Post
from monitor.cases import Act, CaseEvent
from monitor.store.store import Store
from tests.store_samples import AT, LEASE, make_findings, make_judged, make_post

OTHER = "long-bennington"
MARKED = make_post(90, thread="thread-1", sensitive=True)
BESIDE = {
    "the same thread": {"thread": "thread-1"},
    "an answer to it": {"parent": MARKED.id},
    "what it answers": {"id": "item-top"},
    "another answer to the same post": {"parent": "item-top"},
    "the head of the thread": {"id": "thread-1"},
}
ANSWER = replace(MARKED, parent="item-top")


def is_locked(store: Store, number: int = 1001) -> bool:
    alert = store.alerts.get(number)
    assert alert is not None
    return alert.media_lock


@pytest.mark.parametrize("where", BESIDE.values(), ids=BESIDE)
def test_a_post_beside_a_sensitive_one_of_the_same_batch_is_locked_before_the_camera_sees_it(
    store: Store, where: dict[str, str]
) -> None:
    post = make_post(1, **where)

    store.record(make_findings(make_judged(post), others=[ANSWER]), AT)

    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    assert order.media_lock
    assert (order.title, order.text) == ("", "")


@pytest.mark.parametrize("where", BESIDE.values(), ids=BESIDE)
def test_a_sensitive_post_that_comes_later_locks_the_alerts_beside_it_though_it_names_no_school(
    store: Store, where: dict[str, str]
) -> None:
    store.record(make_findings(make_judged(make_post(1, **where))), AT)
    assert not is_locked(store)

    store.record(make_findings(others=[ANSWER], cursor="c2"), AT)

    assert is_locked(store)


def test_a_sensitive_post_that_is_held_locks_what_comes_beside_it_later(store: Store) -> None:
    store.record(make_findings(make_judged(MARKED, Severity.NONE)), AT)

    store.record(make_findings(make_judged(make_post(1, thread="thread-1")), cursor="c2"), AT)

    assert is_locked(store)


def test_a_post_that_its_platform_marks_only_later_locks_its_own_alert_and_its_neighbours(
    store: Store,
) -> None:
    """Its words are the same, so it is no new revision: the mark alone speaks."""
    first, later = make_post(1, thread="thread-2"), make_post(2, thread="thread-2")
    store.record(make_findings(make_judged(first)), AT)

    again = make_findings(others=[replace(first, sensitive=True)], cursor="c2")
    store.record(replace(again, changed=()), AT)
    store.record(make_findings(make_judged(later), cursor="c3"), AT)

    assert all(is_locked(store, alert.number) for alert in store.alerts.all(open_only=True))


def test_a_locked_alert_locks_what_comes_in_its_thread_later(store: Store) -> None:
    first = make_post(1, thread="thread-3")
    store.record(make_findings(make_judged(first, media_lock=True)), AT)

    store.record(make_findings(make_judged(make_post(2, thread="thread-3")), cursor="c2"), AT)

    assert all(alert.media_lock for alert in store.alerts.all(open_only=True))


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [(make_post(1, thread="thread-4"), make_post(2, thread="thread-4")), (make_post(1), make_post(1))],
    ids=["the same thread", "the same post"],
)
def test_a_persons_lock_locks_what_every_school_is_told_of_it_now_and_later(
    store: Store, mine: Post, theirs: Post
) -> None:
    """Else the camera would fetch the pictures of a locked post for another alert (DOMAIN 3.7)."""
    store.record(make_findings(make_judged(mine), make_judged(theirs, school=OTHER)), AT)
    store.record(make_findings(make_judged(make_post(3)), cursor="c2"), AT)

    store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=AT))
    store.record(make_findings(make_judged(theirs, school="a-third-school"), cursor="c3"), AT)

    assert [is_locked(store, number) for number in (1001, 1002, 1003, 1004)] == [True, True, False, True]


ELSEWHERE: dict[str, Post] = {
    "another thread": make_post(1, thread="thread-9"),
    "no thread at all": make_post(1),
    "the same names on another platform": make_post(1, platform="webpage", thread="thread-1"),
}


@pytest.mark.parametrize("post", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_stands_elsewhere_is_not_locked(store: Store, post: Post) -> None:
    store.record(make_findings(make_judged(post), others=[MARKED, make_post(91, sensitive=True)]), AT)
    store.record(make_findings(others=[replace(MARKED, text="again")], cursor="c2"), AT)

    assert not is_locked(store)
