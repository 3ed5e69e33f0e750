"""The weekly verification (DOMAIN 3.3): noted in the custody log, and a failure is told to Head and DPO."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from authority import TimeAuthority, make_authority, serve
from fakes import Clock, PostOffice, threat
from sqlalchemy import func, text, update

from monitor.custody import Deed, Event
from monitor.evidence.camera import Camera
from monitor.evidence.signing import KEY
from monitor.store.tables import anchors, captures, custody, stamps

SCHOOL = "harrowby-green"

DPO_ADDRESS = "dpo@harrowbygreen.example"
DPO = f"dpo: [{{name: Dee Poe, email: {DPO_ADDRESS}}}]"


@pytest.fixture
def evident(make_world: Callable[..., Any], office: PostOffice) -> Any:
    """A worker with one anchored capture, a week later, at a school with a DPO."""
    world = make_world(office=office, administrators=f"{DPO}\n  administrators")
    world.lens = Camera(world.app.config.data / "evidence", browser=None, now=world.clock, versions="test")
    world.app = world.fit(world.app)
    world.wall.pin(threat(1))
    world.read()
    world.app.capturing.run()
    world.app.pin_evidence()
    world.clock.forward(days=7)
    return world


def test_evidence_is_verified_once_a_week_and_the_log_says_so(evident: Any) -> None:
    (report,) = evident.app.verifying.run()

    assert report.sound
    assert report.captures == 1
    assert [(event.by, event.why) for event in entries(evident)] == [("system", "all is as it was")]
    evident.clock.forward(days=6)
    assert evident.app.verifying.run() == []
    evident.clock.forward(days=1)
    assert len(evident.app.verifying.run()) == 1


def test_a_clock_set_back_does_not_put_verification_off(evident: Any) -> None:
    evident.clock.forward(days=3_000)
    evident.app.verifying.run()
    evident.clock.forward(days=-3_000)

    assert len(evident.app.verifying.run()) == 1


def test_domain_3_3_what_does_not_fit_is_told_to_head_and_dpo(evident: Any) -> None:
    (capture,) = evident.app.store.captures.of_alert(1001)
    shutil.rmtree(evident.app.config.data / "evidence" / capture.folder)

    (report,) = evident.app.verifying.run()

    assert not report.sound
    assert [event.why for event in entries(evident)] == ["1 thing not as it was"]
    evident.office.taken.clear()
    evident.post_all()
    letters = {
        str(letter["To"]): letter for letter in evident.office.letters if "not as it was" in letter["Subject"]
    }
    assert set(letters) == {"head@harrowbygreen.example", "dpo@harrowbygreen.example"}
    letter = letters["dpo@harrowbygreen.example"]
    assert letter["Importance"] == "high"
    assert capture.id in letter.get_body(("plain",)).get_content()
    assert threat(1) not in letter.get_body(("plain",)).get_content()


def behind_the_store(world: Any, *statements: Any) -> None:
    """Change the database past the store."""
    with world.app.store._database.writing() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (update(anchors).values(statement=b"{}"), "its signature does not fit its words"),
        (update(anchors).values(statement=b""), "its signature does not fit its words"),
        (
            update(anchors).values(statement=func.substr(anchors.c.statement, 2)),
            "its signature does not fit its words",
        ),
        (update(anchors).values(made_at=text("'noon'")), "its row was changed and cannot be read"),
        (update(custody).where(custody.c.number == 1).values(deed="viewee"), "custody entry 1: its row was"),
        (update(captures).values(kind="page_screenshos"), "is not a valid Kind"),
    ],
    ids=["emptied words", "no words", "a byte less", "no time", "a deed", "a kind"],
)
def test_what_was_changed_in_the_database_is_told_once_and_stops_neither_the_log_nor_the_anchors(
    evident: Any, change: Any, what: str
) -> None:
    behind_the_store(evident, change)

    (report,) = evident.app.verifying.run()

    assert not report.sound
    (event,) = entries(evident)
    assert event.why.endswith("not as it was")
    evident.clock.forward(hours=1)
    assert evident.app.verifying.run() == []
    evident.office.taken.clear()
    evident.post_all()
    letters = [letter for letter in evident.office.letters if "not as it was" in letter["Subject"]]
    assert {str(letter["To"]) for letter in letters} == {"head@harrowbygreen.example", DPO_ADDRESS}
    assert all(what in " ".join(letter.get_body(("plain",)).get_content().split()) for letter in letters)
    assert evident.app.pin_evidence() == 1
    assert evident.app.store.anchors.pinned(SCHOOL, ()).fresh == 0


def entries(world: Any) -> list[Any]:
    """What the custody log says of verifications."""
    held = world.app.store.holdings(SCHOOL)
    return [entry.event for entry in held.entries if entry.event.deed is Deed.VERIFIED]


@pytest.mark.parametrize("damaged", [False, True], ids=["gone", "damaged"])
def test_without_the_signing_key_all_else_is_verified_and_a_note_says_what_was_not(
    evident: Any, damaged: bool
) -> None:
    key = evident.app.config.data / "keys" / KEY
    key.unlink()
    if damaged:
        key.touch(mode=0o600)

    (report,) = evident.app.verifying.run()

    (note,) = (note for note in report.notes if note.where == str(key))
    said = f"{key} holds no signing key" if damaged else "the signing key is not here"
    assert note.what.startswith(said)
    assert note.what.endswith(", so the newest anchor could not be compared with it.")
    assert report.sound
    assert key.exists() == damaged


def test_of_what_fits_nobody_hears(evident: Any) -> None:
    before = len(evident.app.store.notices.unsent())

    evident.app.verifying.run()

    assert len(evident.app.store.notices.unsent()) == before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    """A time-stamp authority that can be asked."""
    with serve(make_authority(tmp_path_factory.mktemp("authority"))) as running:
        yield running


def test_real_time_stamps_are_verified_without_asking_anybody_and_swapped_ones_are_found(
    make_world: Callable[..., Any], authority: TimeAuthority
) -> None:
    named = f'[{{name: Post Office, url: "{authority.url}", roots: "{authority.root}"}}]'
    world = make_world(f"evidence: {{authorities: {named}}}", clock=Clock(datetime.now(UTC)))
    world.app.store.custody.append(
        Event(school=SCHOOL, at=world.clock(), deed=Deed.VIEWED, by="Dana Lead", why="to look at it")
    )
    assert world.app.pin_evidence() == 1
    assert world.app.stamping.run() is not None
    world.clock.forward(days=1)
    assert world.app.pin_evidence() == 1
    world.clock.forward(days=-1)
    assert world.app.stamping.run() is not None
    asked = len(authority.asked)

    assert world.app.verifying.report(SCHOOL).sound
    assert world.app.verifying.report(SCHOOL).stamps == 2
    assert len(authority.asked) == asked

    swap_tokens(world)
    said = [finding.where for finding in world.app.verifying.report(SCHOOL).findings]
    assert said == ["time-stamp of anchor 1 by Post Office", "time-stamp of anchor 2 by Post Office"]


def test_what_an_authority_stamped_holds_when_it_is_configured_no_longer_and_its_file_is_gone(
    make_world: Callable[..., Any], authority: TimeAuthority, tmp_path: Path
) -> None:
    """No letter goes to Head and DPO for that; they would learn to throw such letters away."""
    roots = Path(shutil.copy(authority.root, tmp_path / "roots.pem"))
    named = f'[{{name: Post Office, url: "{authority.url}", roots: "{roots}"}}]'
    world = make_world(f"evidence: {{authorities: {named}}}", clock=Clock(datetime.now(UTC)))
    world.app.store.custody.append(
        Event(school=SCHOOL, at=world.clock(), deed=Deed.VIEWED, by="Dana Lead", why="to look at it")
    )
    assert world.app.pin_evidence() == 1
    assert world.app.stamping.run() is not None
    before = len(world.app.store.notices.unsent())

    removed = replace(world.app.verifying, roots=()).report(SCHOOL)
    roots.unlink()
    world.clock.forward(days=7)
    (report,) = world.app.verifying.run()

    said = [note for note in removed.notes if note.where == "each time-stamp by Post Office"]
    assert removed.sound
    assert len(said) == 1
    assert "it holds by the root that was trusted when it was received" in said[0].what
    assert report.sound
    assert [note.where for note in report.notes if note.where == str(roots)]
    assert set(said) < set(report.notes)
    assert len(world.app.store.notices.unsent()) == before


def swap_tokens(world: Any) -> None:
    """Give each of two anchors the other one's token."""
    one, other = world.app.store.anchors.stamps(SCHOOL)
    pairs = ((one, other), (other, one))
    behind_the_store(
        world, *(update(stamps).where(stamps.c.id == to.id).values(token=of.token) for to, of in pairs)
    )
