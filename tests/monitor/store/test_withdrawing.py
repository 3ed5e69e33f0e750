"""Messages that must not go out as they were written: what they said is owed again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from store_samples import AT, DSL, LEASE, SCHOOL, book, make_capture, make_findings, make_judged, make_post

from monitor.captures import Kind
from monitor.cases import Act, CaseEvent
from monitor.notices import NoticeKind
from monitor.store.store import Store

HEAD = "head@harrowbygreen.example"
STAFF = {DSL: {SCHOOL}, HEAD: {SCHOOL}}


def owe(store: Store, number: int = 1, hear: tuple[str, ...] = (DSL,)) -> list[int]:
    """An alert of which these people must hear at once: the numbers of what is owed."""
    store.record(make_findings(make_judged(make_post(number), hear=hear), cursor=f"c{number}"), AT)
    return [debt.id for debt in store.notices.owed()]


def write_urgent(store: Store, *owed: int, to: str = DSL, shown: tuple[int, ...] = ()) -> bool:
    """Write an urgent message that settles these."""
    return store.notices.write(
        kind=NoticeKind.URGENT,
        recipient=to,
        message_id=f"<urgent.{to}>",
        message=b"http://forum.example/1",
        at=AT,
        owed=owed,
        shown=shown,
    )


def write_digest(store: Store, day: str, *named: int, to: str = DSL) -> bool:
    """Write a digest that names these as new."""
    return store.notices.write(
        kind=NoticeKind.DIGEST,
        recipient=to,
        message_id=f"<digest.{day}.{to}>",
        message=b"http://forum.example/1",
        at=AT,
        digest_of=named,
        digest_day=day,
    )


def lock_by_the_post(store: Store) -> None:
    """The post was edited, and its words lock it now."""
    edited = make_post(text="At Harrowby Green they will see what is on this picture")
    store.record(make_findings(make_judged(edited, media_lock=True), cursor="edited"), AT)


def lock_by_the_story(store: Store) -> None:
    """The same words were posted elsewhere, with what locks them."""
    again = make_post(id="again", url="https://paper.example/again")
    store.record(make_findings(make_judged(again, media_lock=True), cursor="again"), AT)


def lock_by_the_page(store: Store) -> None:
    """The camera found words round the post that lock it."""
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    book(store, make_capture(order.id, order.alert, kind=Kind.METADATA_ONLY, files=(), locks=True))


def lock_by_a_person(store: Store) -> None:
    """Somebody knows more than the words say."""
    store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=AT))
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is None or order.media_lock


@pytest.mark.parametrize("lock", [lock_by_the_post, lock_by_the_story, lock_by_the_page, lock_by_a_person])
def test_what_was_written_of_an_alert_and_not_sent_is_written_anew_when_it_is_locked(
    store: Store, lock: Callable[[Store], None]
) -> None:
    debts = owe(store)
    write_urgent(store, *debts)
    write_digest(store, "2026-11-20", 1001)
    write_digest(store, "2026-11-21")  # may list it among those that are still open

    lock(store)

    alert = store.alerts.get(1001)
    assert alert is not None
    assert alert.media_lock
    assert store.notices.claim("mailer", AT, AT + LEASE) is None
    assert store.notices.take_back(STAFF, AT) == 3
    assert store.notices.unsent() == []
    assert [debt.id for debt in store.notices.owed()] == debts
    assert [new.number for new in store.alerts.not_yet_in_digest(DSL, [SCHOOL])] == [1001]
    assert not store.notices.has_digest(DSL, "2026-11-21")


def test_a_lock_takes_nothing_back_that_was_sent_or_speaks_of_another_alert(store: Store) -> None:
    write_urgent(store, *owe(store))
    notice = store.notices.claim("mailer", AT, AT + LEASE)
    assert notice is not None
    store.notices.sent(notice.id, AT)
    other = owe(store, 2, hear=(HEAD,))
    write_urgent(store, *other, to=HEAD)

    lock_by_the_post(store)

    assert store.notices.take_back(STAFF, AT) == 0
    assert [left.recipient for left in store.notices.unsent()] == [HEAD]
    assert store.notices.owed() == []


def test_a_message_that_is_being_sent_during_the_lock_is_not_tried_again_as_it_was(store: Store) -> None:
    debts = owe(store)
    write_urgent(store, *debts)
    notice = store.notices.claim("mailer", AT, AT + LEASE)
    assert notice is not None

    lock_by_the_page(store)

    assert store.notices.take_back(STAFF, AT) == 0, "somebody holds it"
    store.notices.failed(notice.id, "the server is busy", AT)
    assert store.notices.claim("mailer", AT, AT + LEASE) is None
    assert store.notices.take_back(STAFF, AT) == 1
    assert [debt.id for debt in store.notices.owed()] == debts


def test_a_message_with_the_address_of_an_alert_that_was_just_locked_is_not_written(store: Store) -> None:
    debts = owe(store)
    lock_by_the_post(store)

    assert not write_urgent(store, *debts, shown=(1001,))
    assert write_urgent(store, *debts)


def test_a_lock_is_never_lifted_by_a_later_revision(store: Store) -> None:
    owe(store)
    lock_by_the_page(store)

    store.record(make_findings(make_judged(make_post(text="At Harrowby Green all is well")), cursor="z"), AT)

    alert = store.alerts.get(1001)
    assert alert is not None
    assert alert.judgements == 2
    assert alert.media_lock


def test_what_is_owed_to_somebody_who_left_is_owed_to_those_who_follow_once(store: Store) -> None:
    debts = owe(store, hear=(DSL, HEAD))
    theirs = next(debt for debt in store.notices.owed() if debt.recipient == DSL)

    store.notices.readdress(theirs.id, ["new@harrowbygreen.example", HEAD])
    store.notices.readdress(theirs.id, ["another@harrowbygreen.example"])

    left = store.notices.owed()
    assert sorted(debt.recipient for debt in left) == [HEAD, "new@harrowbygreen.example"]
    assert {(debt.judgement, debt.since) for debt in left} == {(theirs.judgement, theirs.since)}
    assert len(debts) == 2


def test_a_debt_without_a_successor_or_with_its_message_stays_as_it_is(store: Store) -> None:
    (debt,) = owe(store)
    store.notices.readdress(debt, [])
    assert [each.recipient for each in store.notices.owed()] == [DSL]

    write_urgent(store, debt)
    store.notices.readdress(debt, [HEAD])

    assert store.notices.owed() == []


def test_unsent_mail_to_somebody_who_left_is_taken_back_unless_it_is_being_sent(store: Store) -> None:
    debts = owe(store)
    write_urgent(store, *debts)
    write_digest(store, "2026-11-21", 1001)
    write_digest(store, "2026-11-21", 1001, to=HEAD)
    assert store.notices.claim("mailer", AT, AT + LEASE) is not None

    assert store.notices.take_back({HEAD: {SCHOOL}}, AT) == 1
    assert store.notices.owed() == []
    assert store.notices.take_back({HEAD: {SCHOOL}}, AT + LEASE + timedelta(minutes=1)) == 1

    assert [left.recipient for left in store.notices.unsent()] == [HEAD]
    assert [debt.id for debt in store.notices.owed()] == debts
    assert len(store.alerts.not_yet_in_digest(DSL, [SCHOOL])) == 1
    assert store.alerts.not_yet_in_digest(HEAD, [SCHOOL]) == []


def test_urgent_mail_to_somebody_who_gets_none_about_that_school_any_more_is_taken_back(store: Store) -> None:
    debts = owe(store)
    write_urgent(store, *debts)

    assert store.notices.take_back({DSL: {"st-ninian"}}, AT) == 1
    assert [debt.id for debt in store.notices.owed()] == debts


def test_what_waits_is_overtaken_once_its_post_was_edited_or_its_story_told_by_another(store: Store) -> None:
    write_urgent(store, *owe(store))
    assert store.notices.overtaken() == []

    edited = make_post(text="At Harrowby Green they will hear more of this")
    store.record(make_findings(make_judged(edited), cursor="edited"), AT)
    other = make_post(2)
    write_urgent(store, *owe(store, 2, hear=(HEAD,)), to=HEAD)
    again = make_post(2, id="again", url="https://paper.example/again", text=other.text, title=other.title)
    store.record(make_findings(make_judged(again, hear=()), cursor="again"), AT)

    assert [(debt.alert.number, debt.recipient) for debt in store.notices.overtaken()] == [
        (1001, DSL),
        (1002, HEAD),
    ]
    for _ in range(2):
        notice = store.notices.claim("mailer", AT, AT + LEASE)
        assert notice is not None
        store.notices.sent(notice.id, AT)
    assert store.notices.overtaken() == [], "nobody calls back what was sent"


def test_a_message_with_something_unfit_for_its_reader_is_taken_back_unless_it_is_being_sent(
    store: Store,
) -> None:
    owe(store)
    debts = owe(store, 2)
    write_urgent(store, *debts)
    assert store.notices.claim("mailer", AT, AT + LEASE) is not None

    assert store.notices.take_back(STAFF, AT, {debts[0]}) == 0
    assert store.notices.take_back(STAFF, AT + LEASE + timedelta(minutes=1), {debts[0]}) == 1

    assert [debt.id for debt in store.notices.owed()] == debts


def test_a_worker_that_sent_a_withdrawn_message_after_all_marks_no_other_as_sent(store: Store) -> None:
    debts = owe(store)
    write_urgent(store, *debts)
    late = store.notices.claim("slow", AT, AT + LEASE)
    assert late is not None
    lock_by_the_page(store)
    after = AT + LEASE + timedelta(minutes=1)
    store.notices.take_back(STAFF, after)
    assert write_urgent(store, *debts)

    store.notices.sent(late.id, after)

    assert [waiting.message_id for waiting in store.notices.unsent()] == [f"<urgent.{DSL}>"]


def test_nobody_is_told_what_is_owed_to_another(store: Store) -> None:
    debts = owe(store)

    assert not write_urgent(store, *debts, to=HEAD)
    assert len(store.notices.owed()) == 1


def test_letters_to_administrators_stay(store: Store) -> None:
    store.notices.write(
        kind=NoticeKind.OPERATIONAL, recipient="it@gone.example", message_id="<s>", message=b"x", at=AT
    )

    assert store.notices.take_back(STAFF, AT) == 0
