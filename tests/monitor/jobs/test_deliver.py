"""Delivering: a message is lost by no fault of the mail server, and arrives as it was first written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fakes import PostOffice, free_port, open_post_office, threat, words

DSL, HEAD = "dsl@harrowbygreen.example", "head@harrowbygreen.example"
MINUTE = timedelta(minutes=1)


def test_while_the_mail_server_is_down_messages_wait_and_arrive_later_unchanged(
    make_world: Callable[..., Any],
) -> None:
    nowhere = PostOffice(port=free_port())
    world = make_world(office=nowhere)
    world.wall.pin(threat(1))
    world.read()
    tries = 0
    for _ in range(180):
        tries += len(world.post_all())
        world.clock.forward(minutes=1)
    waiting = {notice.recipient: notice for notice in world.app.store.notices.unsent()}

    assert set(waiting) == {DSL, HEAD}
    assert tries == 2 * 10, "after 1, 2, 4, 8, 16 minutes, then every half hour"
    assert any("not been taken by the mail server" in line for line in world.app.write.machine())
    assert "could not be reached" in waiting[DSL].error
    written = {notice.message_id: notice.created_at for notice in waiting.values()}
    with open_post_office(nowhere.port) as office:
        world.clock.forward(minutes=31)
        world.post_all()
        assert {letter["Message-ID"] for letter in office.letters} == set(written)
        assert {letter["Date"].datetime for letter in office.letters} == {
            at.replace(microsecond=0) for at in written.values()
        }
    assert world.app.store.notices.unsent() == []


def test_a_message_that_is_late_stands_in_the_digest(world: Any, office: PostOffice) -> None:
    world.wall.pin(threat(1))
    world.read()
    office.answer = "451 4.7.1 greylisted"
    world.post_all()
    world.app.write.digests()
    office.answer = "250 taken"
    world.clock.forward(minutes=5)
    world.post_all()

    digest = next(letter for letter in office.to(DSL) if "<digest." in str(letter["Message-ID"]))
    assert "greylisted" in words(digest)


def test_a_server_that_dies_after_the_message_gets_the_same_bytes_again(
    world: Any, office: PostOffice
) -> None:
    """It cannot be known whether it was taken: the same Message-ID lets a mailbox drop the second one."""
    world.wall.pin(threat(1))
    world.read()
    office.hangs_up = True
    world.post_all()
    first = sorted(office.taken)
    assert len(first) == 2

    office.hangs_up = False
    world.clock.forward(minutes=2)
    world.post_all()

    assert sorted(office.taken) == sorted(first * 2)
    assert world.app.store.notices.unsent() == []


def test_one_address_that_is_refused_delays_nobody_else(world: Any, office: PostOffice) -> None:
    world.wall.pin(threat(1))
    world.read()
    office.refused = HEAD
    sent = world.post_all()

    assert sorted(sent) == [DSL, HEAD]
    assert [letter["To"] for letter in office.letters] == [DSL]
    (late,) = world.app.store.notices.unsent()
    assert late.recipient == HEAD
    assert "550" in late.error


def test_what_becomes_urgent_while_many_messages_fail_is_written_before_the_next_try(
    world: Any, office: PostOffice
) -> None:
    office.answer = "451 later"
    for number in range(4):
        world.wall.pin(f"{threat(number)} {str(number) * 50}")
    world.read()
    world.app.mail_next()
    world.wall.pin("I will stab the caretaker of Harrowby Green with a knife at the gate tomorrow at 3")
    world.read()

    world.app.mail_next()

    assert world.app.store.notices.owed() == []
