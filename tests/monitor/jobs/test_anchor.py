"""Anchoring as the worker does it: real keys, a real authority, and people who hear when it fails."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from authority import Mode, TimeAuthority, make_authority, serve
from fakes import Clock, PostOffice, threat, words
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from monitor.anchors import Anchor, Stamp, StampState
from monitor.custody import Deed, Event
from monitor.evidence.signing import KEY, OLD_KEY, KeyUnusable, check_handover, check_signature
from monitor.evidence.timestamps import read_roots, verify_stamp
from monitor.store.tables import custody

SCHOOL = "harrowby-green"
Make = Callable[..., Any]
Both = tuple[TimeAuthority, TimeAuthority]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Two authorities that can be asked."""
    with ExitStack() as stack:
        first, second = (make_authority(tmp_path_factory.mktemp(name)) for name in ("one", "two"))
        yield stack.enter_context(serve(first)), stack.enter_context(serve(second))


@pytest.fixture
def authorities(running: Both) -> Both:
    """The same, on their best behaviour."""
    for one in running:
        one.mode = Mode.GOOD
        one.asked.clear()
    return running


@pytest.fixture
def world(make_world: Make, office: PostOffice, authorities: Both) -> Any:
    """A school with two authorities, at this very moment: theirs is a real clock."""
    return make_world(settings(*authorities), clock=Clock(datetime.now(UTC)), office=office)


def settings(first: TimeAuthority, second: TimeAuthority) -> str:
    """The part of a configuration that names them."""
    return (
        f'evidence: {{authorities: [{{name: Post Office, url: "{first.url}", roots: "{first.root}"}}, '
        f'{{name: Town Hall, url: "{second.url}", roots: "{second.root}"}}]}}'
    )


def capture(world: Any, number: int = 1) -> None:
    """One more threat is found and captured."""
    world.wall.pin(threat(number), at=world.clock())
    world.read()
    assert world.app.capturing.run() is not None


def anchors(world: Any) -> list[Anchor]:
    """Every anchor."""
    found: list[Anchor] = world.app.store.anchors.of_school(SCHOOL)
    return found


def stamp_all(world: Any) -> dict[str, Stamp]:
    """Ask for what is due; the stamps of the newest anchor, by authority."""
    for _ in range(4):
        world.app.stamping.run()
    stamps = world.app.store.anchors.stamps(SCHOOL)
    return {one.authority: one for one in stamps if one.anchor == stamps[-1].anchor}


def key_folder(world: Any) -> Path:
    """Where the signing key lies."""
    folder: Path = world.app.config.data / "keys"
    return folder


# Anchors


def test_an_anchor_follows_a_capture_and_then_comes_daily(world: Any) -> None:
    assert world.app.pin_evidence() == 0, "there is nothing to pin yet"
    capture(world)

    assert [world.app.pin_evidence() for _ in range(3)] == [1, 0, 0]
    world.clock.forward(hours=23)
    assert world.app.pin_evidence() == 0
    world.clock.forward(hours=1)
    assert world.app.pin_evidence() == 1
    capture(world, 2)
    assert world.app.pin_evidence() == 1

    told = [json.loads(one.statement) for one in anchors(world)]
    assert [len(one["records"]) for one in told] == [1, 0, 1]
    assert [one["records_total"] for one in told] == [1, 1, 2]
    assert [one["previous_anchor_sha256"] for one in told[1:]] == [one.sha256 for one in anchors(world)[:-1]]
    assert told[0]["software"].startswith("school-mention-monitor ")


def test_a_batch_of_captures_is_anchored_together_but_waits_no_longer_than_a_minute(world: Any) -> None:
    for number in range(3):
        world.wall.pin(threat(number), at=world.clock())
    world.read()
    world.app.capturing.run()

    assert world.app.pin_evidence() == 0, "the camera still has something to take"
    world.clock.forward(minutes=1)
    assert world.app.pin_evidence() == 1
    while world.app.capturing.run() is not None:
        pass
    assert world.app.pin_evidence() == 1
    assert [len(json.loads(one.statement)["records"]) for one in anchors(world)] == [1, 2]


def test_the_signature_of_an_anchor_can_be_checked_with_openssl_alone(world: Any, tmp_path: Path) -> None:
    capture(world)
    world.app.pin_evidence()

    (anchor,) = anchors(world)
    assert check_signature(anchor) is None
    (tmp_path / "statement.json").write_bytes(anchor.statement)
    (tmp_path / "statement.sig").write_bytes(anchor.signature)
    done = subprocess.run(
        [
            *(
                "openssl",
                "pkeyutl",
                "-verify",
                "-rawin",
                "-in",
                "statement.json",
                "-sigfile",
                "statement.sig",
            ),
            *("-inkey", str(key_folder(world) / KEY)),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert b"Signature Verified Successfully" in done.stdout


def test_a_changed_key_is_named_by_the_one_before_it(world: Any) -> None:
    capture(world)
    world.app.pin_evidence()
    (key_folder(world) / KEY).rename(key_folder(world) / OLD_KEY)
    for day in range(2):
        capture(world, day + 2)
        world.app.pin_evidence()

    first, second, third = anchors(world)
    assert first.public_key != second.public_key == third.public_key
    assert {check_signature(one) for one in anchors(world)} == {None}
    assert check_handover(first, second) is None
    assert "previous_public_key" not in json.loads(third.statement), "it is said once"


def test_a_lost_key_leaves_a_gap_that_is_named(world: Any) -> None:
    capture(world)
    world.app.pin_evidence()
    (key_folder(world) / KEY).unlink()
    capture(world, 2)
    world.app.pin_evidence()

    first, second = anchors(world)
    assert check_handover(first, second) == (
        "signed with another key from anchor 2 on, without the old key's word"
    )
    assert json.loads(second.statement)["previous_public_key"] == first.public_key.hex()


def test_a_key_that_cannot_be_used_stops_no_capture_and_is_told_once_a_day(world: Any) -> None:
    (key_folder(world) / KEY).write_text("damaged")
    (key_folder(world) / KEY).chmod(0o600)
    capture(world)

    for _ in range(3):
        assert world.app.pin_evidence() == 0
    world.post_all()

    (letter,) = world.office.to("it@harrowbygreen.example")
    assert "evidence is not being pinned" in letter["Subject"]
    assert "holds no signing key (Ed25519): restore it from a backup" in words(letter)
    with pytest.raises(KeyUnusable):
        world.app.anchoring.run()
    (key_folder(world) / KEY).unlink()
    assert world.app.pin_evidence() == 1


def test_two_workers_make_one_anchor(make_world: Make, authorities: Both) -> None:
    clock = Clock(datetime.now(UTC))
    one, two = (make_world(settings(*authorities), clock=clock) for _ in range(2))
    capture(one)

    assert one.app.pin_evidence() + two.app.pin_evidence() == 1
    first, second = one.app.stamping.run(), two.app.stamping.run()

    assert {first.authority, second.authority} == {"Post Office", "Town Hall"}
    assert one.app.stamping.run() is two.app.stamping.run() is None
    assert [len(authority.asked) for authority in authorities] == [1, 1]


def test_a_school_whose_log_cannot_be_read_does_not_keep_the_next_from_being_anchored(world: Any) -> None:
    for school in ("a-first", SCHOOL):
        world.app.store.custody.append(
            Event(school=school, at=world.clock(), deed=Deed.VIEWED, by="Dana Lead", why="to look at it")
        )
    with world.app.store._database.writing() as connection:
        broken = update(custody).where(custody.c.school_id == "a-first")
        connection.execute(broken.values(sha256=text("CAST(x'ff' AS TEXT)")))

    with pytest.raises(OperationalError, match="Could not decode"):
        world.app.anchoring.run()

    assert len(anchors(world)) == 1


# Time-stamps


def test_every_authority_stamps_every_anchor_and_the_custody_log_says_so(
    world: Any, authorities: Both
) -> None:
    capture(world)
    world.app.pin_evidence()
    stamps = stamp_all(world)

    (anchor,) = anchors(world)
    assert {one.state for one in stamps.values()} == {StampState.OK}
    for name, authority in zip(("Post Office", "Town Hall"), authorities, strict=True):
        assert verify_stamp(stamps[name], anchor, read_roots(authority.root)) is None
    log = [one.event for one in world.app.store.custody.of_school(SCHOOL)]
    assert [one.deed for one in log] == [Deed.CAPTURED, Deed.STAMPED, Deed.STAMPED]
    assert world.app.write.machine() == []


LIES = {
    Mode.WRONG_NONCE: "answers another question than ours",
    Mode.WRONG_HASH: "for something else",
    Mode.EXPIRED: "had expired",
    Mode.UNKNOWN: "no root that is trusted",
    Mode.FOR_MAIL: "not made for time-stamps",
    Mode.TAMPERED: "signature does not fit",
    Mode.REJECTS: "refused it",
    Mode.GARBAGE: "cannot be read as a time-stamp",
    Mode.EMPTY: "cannot be read as a time-stamp",
    Mode.HUGE: "more than 100 kB",
}


def test_an_authority_that_lies_is_seen_and_asked_again_daily_and_nothing_is_lost(
    world: Any, authorities: Both
) -> None:
    failing, _ = authorities
    capture(world)
    world.app.pin_evidence()
    for mode, said in LIES.items():
        failing.mode = mode
        stamps = stamp_all(world)

        assert stamps["Town Hall"].state is StampState.OK, "the other one is not held up"
        assert stamps["Post Office"].state is StampState.FAILED
        assert said in stamps["Post Office"].error
        (line,) = world.app.write.machine()
        assert line.startswith("Post Office answers wrongly when it is asked for a time-stamp of evidence")
        assert said in line
        assert stamp_all(world) == stamps, "it is left alone for a day"
        bring_forward(world, stamps["Post Office"])

    assert len(failing.asked) == len(LIES)
    failing.mode = Mode.GOOD
    assert stamp_all(world)["Post Office"].state is StampState.OK
    assert world.app.write.machine() == []
    assert len(anchors(world)) == 1


def bring_forward(world: Any, stamp: Stamp) -> None:
    """Let the next try come now: no authority of the test knows tomorrow."""
    world.app.store.anchors.failed(stamp, stamp.error, world.clock(), wrong=True)


def test_an_authority_that_is_down_is_told_after_two_hours_and_asked_on_and_on(
    world: Any, authorities: Both
) -> None:
    failing, _ = authorities
    failing.mode = Mode.ERROR
    capture(world)
    world.app.pin_evidence()
    tries = []
    for minutes in (0, 1, 5, 60):
        world.clock.forward(minutes=minutes)
        stamp = stamp_all(world)["Post Office"]
        assert (stamp.state, stamp.attempts) == (StampState.PENDING, len(tries) + 1)
        tries.append(len(failing.asked))
    assert tries == [1, 2, 3, 4]
    assert world.app.write.machine() == []

    world.clock.forward(hours=1)
    (line,) = world.app.write.machine()
    assert line.startswith("Post Office does not answer when it is asked for a time-stamp of evidence")
    assert "answers with 500" in line


def test_a_digest_says_that_an_authority_lies(world: Any, authorities: Both) -> None:
    authorities[0].mode = Mode.WRONG_HASH
    capture(world)
    world.app.pin_evidence()
    stamp_all(world)
    world.clock.forward(days=1)
    world.app.write.digests()
    world.post_all()

    digest = words(world.office.to("dsl@harrowbygreen.example")[-1])
    assert (
        "Post Office answers wrongly when it is asked for a time-stamp of evidence; last: it is for" in digest
    )
    assert "It owes one for one anchor" in digest
    assert "and is asked again daily. The evidence is kept and signed meanwhile." in digest


def test_without_an_authority_evidence_is_signed_all_the_same(make_world: Make) -> None:
    world = make_world()
    capture(world)

    assert world.app.pin_evidence() == 1
    assert world.app.stamping.run() is None
    assert world.app.store.anchors.stamps(SCHOOL) == []
    assert check_signature(anchors(world)[0]) is None
