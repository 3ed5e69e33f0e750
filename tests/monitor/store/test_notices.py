"""Messages: a row before the first attempt, one for each debt, and nothing twice as new."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from store_samples import AT, DSL, LEASE, SCHOOL, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from monitor.notices import NoticeKind
from monitor.store.store import Store

MINUTE = timedelta(minutes=1)


def write(store: Store, key: str, kind: NoticeKind = NoticeKind.URGENT, **more: Any) -> bool:
    """Write a message with this key in its Message-ID."""
    given = {"recipient": DSL, "at": AT, "message": f"message {key}".encode(), **more}
    return store.notices.write(kind=kind, message_id=f"<{key}@monitor.example>", **given)


def test_a_written_message_settles_its_debt_once(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    (owed,) = store.notices.owed()

    assert write(store, "first", owed=[owed.id])
    assert not write(store, "second", owed=[owed.id])

    assert store.notices.owed() == []
    assert [notice.message_id for notice in store.notices.unsent()] == ["<first@monitor.example>"]


def test_one_message_settles_many_debts_or_none(store: Store) -> None:
    store.record(make_findings(*(make_judged(make_post(number)) for number in range(3))), AT)
    first, *rest = (owed.id for owed in store.notices.owed())
    write(store, "one", owed=[first])

    assert not write(store, "all", owed=[first, *rest])

    assert [owed.id for owed in store.notices.owed()] == rest


def test_the_same_message_is_never_queued_twice(store: Store) -> None:
    assert write(store, "same", NoticeKind.OPERATIONAL)
    assert not write(store, "same", NoticeKind.OPERATIONAL)


def test_everybody_gets_one_digest_a_day(store: Store) -> None:
    assert write(store, "a", NoticeKind.DIGEST, digest_day="2026-11-21")
    assert not write(store, "b", NoticeKind.DIGEST, digest_day="2026-11-21")
    assert write(store, "c", NoticeKind.DIGEST, digest_day="2026-11-22")
    assert write(store, "d", NoticeKind.DIGEST, digest_day="2026-11-21", recipient="head@school.example")

    assert store.notices.has_digest(DSL, "2026-11-22")
    assert not store.notices.has_digest(DSL, "2026-11-23")


def test_a_digest_that_was_refused_names_nothing_as_new(store: Store) -> None:
    write(store, "a", NoticeKind.DIGEST, digest_day="2026-11-21")
    store.record(make_findings(make_judged(make_post())), AT)

    write(store, "b", NoticeKind.DIGEST, digest_day="2026-11-21", digest_of=[1001])

    assert len(store.alerts.not_yet_in_digest(DSL, [SCHOOL])) == 1


def test_an_alert_is_new_in_one_digest_of_each_person(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)

    write(store, "a", NoticeKind.DIGEST, digest_day="2026-11-21", digest_of=[1001])

    assert store.alerts.not_yet_in_digest(DSL, [SCHOOL]) == []
    assert len(store.alerts.not_yet_in_digest("head@school.example", [SCHOOL])) == 1
    assert store.alerts.not_yet_in_digest("head@school.example", ["st-ninian"]) == []


def test_an_alert_that_has_risen_since_is_new_in_the_next_digest(store: Store) -> None:
    post = make_post()
    store.record(make_findings(make_judged(post, Severity.LOW)), AT)
    write(store, "a", NoticeKind.DIGEST, digest_day="2026-11-21", digest_of=[1001])
    edits = [replace(post, text=f"Edit {number} of Harrowby Green") for number in (1, 2)]

    store.record(make_findings(make_judged(edits[0], Severity.LOW)), AT)
    same = store.alerts.not_yet_in_digest(DSL, [SCHOOL])
    store.record(make_findings(make_judged(edits[1], Severity.MEDIUM)), AT)
    risen = store.alerts.not_yet_in_digest(DSL, [SCHOOL])

    assert (same, [alert.number for alert in risen]) == ([], [1001])


def test_urgent_mail_goes_before_operational_and_that_before_digests(store: Store) -> None:
    for kind in (NoticeKind.DIGEST, NoticeKind.OPERATIONAL, NoticeKind.URGENT):
        write(store, kind.value, kind)

    claimed = [store.notices.claim("mail", AT, AT + LEASE) for _ in range(4)]

    assert [notice and notice.kind for notice in claimed] == [
        NoticeKind.URGENT,
        NoticeKind.OPERATIONAL,
        NoticeKind.DIGEST,
        None,
    ]


def test_a_claimed_message_comes_with_its_bytes(store: Store) -> None:
    write(store, "key")

    notice = store.notices.claim("mail", AT, AT + LEASE)

    assert notice is not None
    assert (notice.message, notice.recipient, notice.created_at) == (b"message key", DSL, AT)
    assert (notice.attempts, notice.sent_at) == (0, None)


def test_a_message_the_server_refused_is_tried_again_later(store: Store) -> None:
    write(store, "key")
    first = store.notices.claim("mail", AT, AT + LEASE)
    assert first is not None

    store.notices.failed(first.id, "451 try later", AT + MINUTE)

    assert store.notices.claim("mail", AT, AT + LEASE) is None
    (waiting,) = store.notices.unsent()
    assert (waiting.error, waiting.message) == ("451 try later", b"")
    again = store.notices.claim("mail", AT + MINUTE, AT + LEASE)
    assert again is not None
    assert (again.id, again.attempts, again.message) == (first.id, 1, b"message key")


def test_a_message_whose_sender_was_killed_is_tried_again_when_its_lease_ends(store: Store) -> None:
    write(store, "key")
    store.notices.claim("killed", AT, AT + LEASE)

    assert store.notices.claim("next", AT + MINUTE, AT + LEASE) is None
    assert store.notices.claim("next", AT + LEASE, AT + 2 * LEASE) is not None


def test_a_sent_message_is_never_sent_again(store: Store) -> None:
    write(store, "key")
    notice = store.notices.claim("mail", AT, AT + LEASE)
    assert notice is not None

    store.notices.sent(notice.id, AT)
    store.notices.failed(notice.id, "too late to fail", AT)

    assert store.notices.unsent() == []
    assert store.notices.claim("mail", AT + LEASE, AT + 2 * LEASE) is None


def test_messages_are_counted_from_when_they_were_written(store: Store) -> None:
    write(store, "old", at=AT - timedelta(hours=2))
    write(store, "new")
    write(store, "digest", NoticeKind.DIGEST)

    assert store.notices.sent_since(DSL, NoticeKind.URGENT, AT - timedelta(hours=1)) == 1
    assert store.notices.sent_since("head@school.example", NoticeKind.URGENT, AT - timedelta(hours=1)) == 0


def test_the_last_digest_of_a_person_is_known(store: Store) -> None:
    assert store.notices.last_digest(DSL) is None

    write(store, "a", NoticeKind.DIGEST, digest_day="2026-11-21")

    assert store.notices.last_digest(DSL) == AT
