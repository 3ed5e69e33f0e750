"""Forgetting, end to end: what goes is gone from the file and from the disk, and does not come back."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import Lens, threat

from monitor.captures import Order, Taken
from monitor.cases import Act, CaseEvent
from monitor.clocks import Watched
from monitor.evidence.camera import Camera
from monitor.store.forgetting import Forgotten

CANARY = "zanzibar-marmalade"


def text_in(folder: Path) -> bytes:
    """Everything that lies in the database's files."""
    return b"".join(file.read_bytes() for file in (folder / "data").glob("monitor.db*"))


def close_all(world: Any, act: Act = Act.NOT_A_CONCERN) -> None:
    """Somebody closes every alert."""
    for alert in world.alerts:
        world.app.store.cases.append(
            CaseEvent(alert=alert.number, act=act, by="Dana Lead", at=world.clock(), note="")
        )


def trust_the_clock(world: Any) -> None:
    """The worker has run for a day."""
    at = world.clock()
    world.app.store.journal.keep_clock(Watched(at - timedelta(days=1), at))


def forget(world: Any) -> Forgotten:
    """What goes now, under a clock that has gone on for a day."""
    trust_the_clock(world)
    gone: Forgotten = world.app.forget.run()
    return gone


def with_a_camera(world: Any, **changes: Any) -> Path:
    """Give the world a real camera without a browser; the folder of its evidence."""
    evidence = world.folder / "data" / "evidence"
    world.lens = Camera(evidence, browser=None, now=world.clock, versions="test", **changes)
    world.app = world.fit(world.app)
    return evidence


def test_a_mention_below_threshold_goes_after_fourteen_days_and_never_comes_back(world: Any) -> None:
    world.wall.whole = True
    world.wall.pin(f"Harrowby Green won the {CANARY} cup", author=f"author-{CANARY}")
    world.read()
    world.clock.forward(days=13, hours=23)
    assert forget(world).texts == 0
    assert CANARY.encode() in text_in(world.folder)

    world.clock.forward(hours=1)
    assert world.app.forget.plan().texts == 1
    assert forget(world).texts == 1
    world.app.store.alerts._database.engine.dispose()
    held = text_in(world.folder)

    found = world.read()
    assert (found.read, found.changed) == (1, 0)
    for _ in range(30):
        world.clock.forward(days=1)
        forget(world)
        assert world.read().changed == 0, "as long as the feed serves it"
    assert CANARY.encode() not in held


def test_an_edit_of_what_was_forgotten_is_judged_anew(world: Any) -> None:
    world.wall.whole = True
    world.wall.pin("Harrowby Green won the cup")
    world.read()
    world.clock.forward(days=15)
    forget(world)
    world.wall.posts.clear()
    world.wall.pin(threat(1))

    world.read()

    assert len(world.alerts) == 1


def test_an_alert_that_was_no_concern_goes_with_its_evidence_folder(world: Any) -> None:
    evidence = with_a_camera(world)
    world.wall.pin(threat(1))
    world.read()
    capture = world.app.capturing.run()
    close_all(world)
    assert (evidence / capture.folder / "record.json").is_file()

    world.clock.forward(days=366)
    gone = forget(world)

    assert (gone.alerts, gone.captures) == (1, (capture.folder,))
    assert not (evidence / capture.folder).exists()
    assert forget(world).captures == (), "it is not asked for again"


class Undeletable(Lens):
    """A camera whose captures lie where nobody can delete anything."""

    def take(self, order: Order, at: datetime) -> Taken:
        """Take it there."""
        return replace(super().take(order, at), folder="fdinfo")


def test_a_folder_that_cannot_be_deleted_now_is_tried_again(world: Any, tmp_path: Path) -> None:
    world.lens = Undeletable()
    world.app = world.fit(world.app)
    world.wall.pin(threat(1))
    world.read()
    world.app.capturing.run()
    close_all(world)
    world.clock.forward(days=366)
    trust_the_clock(world)
    stubborn = replace(world.app.forget, evidence=Path("/proc/self"))

    assert stubborn.run().captures == ("fdinfo",)
    assert stubborn.run().captures == ("fdinfo",)
    assert replace(stubborn, evidence=tmp_path).run().captures == ("fdinfo",)
    assert stubborn.run().captures == ()


def test_a_damaged_folder_beside_a_capture_goes_with_it(world: Any) -> None:
    evidence = with_a_camera(world)
    world.wall.pin(threat(1))
    world.read()
    folder = evidence / world.app.capturing.run().folder
    beside = folder.with_name(f"{folder.name}~2")
    beside.mkdir()
    (beside / "page.html").write_text("damaged")
    close_all(world)
    world.clock.forward(days=366)

    forget(world)

    assert not folder.exists()
    assert not beside.exists()


def test_redacted_copies_go_with_the_capture(world: Any) -> None:
    evidence = with_a_camera(world)
    world.wall.pin(threat(1))
    world.read()
    capture = world.app.capturing.run()
    copies = evidence.with_name("evidence-working") / capture.id
    copies.mkdir(parents=True)
    (copies / "redacted-1.png").write_bytes(b"x")
    close_all(world)

    world.clock.forward(days=366)
    forget(world)

    assert not copies.exists()


def test_a_hold_beats_retention(world: Any) -> None:
    evidence = with_a_camera(world)
    world.wall.pin(f"{threat(1)} {CANARY}")
    world.read()
    capture = world.app.capturing.run()
    close_all(world)
    close_all(world, Act.HELD)

    world.clock.forward(days=4_000)
    gone = forget(world)

    assert (gone.alerts, gone.captures, gone.held) == (0, (), 1)
    assert CANARY in world.app.store.alerts.post(1001).text
    assert (evidence / capture.folder / "record.json").is_file()
    close_all(world, Act.HOLD_LIFTED)
    assert forget(world).alerts == 1
    assert not (evidence / capture.folder).exists()


def test_hashes_of_other_peoples_posts_go_once_the_source_serves_them_no_more(world: Any) -> None:
    world.wall.whole = True
    world.wall.pin("The bus to Grantham was late")
    for _ in range(20):
        world.read()
        world.clock.forward(days=1)
    assert world.app.forget.plan().hashes == 0
    world.wall.posts.clear()
    world.read()
    world.clock.forward(days=4)
    world.read()

    assert forget(world).hashes == 1


def test_nothing_outside_the_evidence_is_ever_deleted(world: Any, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()

    for folder in ("../../precious", "", ".", str(precious)):
        assert world.app.forget._delete(folder) is False

    assert precious.is_dir()
    assert timedelta(days=14) == world.app.forget.retention.below_threshold


# The clock


def closed_with_evidence(world: Any) -> Path:
    """A closed alert that the worker has known for two days; the folder of its capture."""
    evidence = with_a_camera(world)
    world.wall.pin(threat(1))
    world.read()
    capture = world.app.capturing.run()
    close_all(world)
    for _ in range(7):
        world.app.forget.run()
        world.clock.forward(hours=8)
    return evidence / capture.folder


def test_a_clock_that_jumps_to_a_wrong_year_deletes_no_evidence_and_the_digest_says_so(world: Any) -> None:
    folder = closed_with_evidence(world)
    right = world.clock()
    assert world.app.write.machine() == []

    world.clock.forward(days=5 * 365)
    for _ in range(3):
        world.app.beat.run()
        assert world.app.forget.run() is None
        world.clock.forward(hours=7)

    (line,) = world.app.write.machine()
    assert "the monitor was switched off, or the clock is wrong. Set it right" in line
    assert "went from Sun 22 Nov 2026" in line
    assert line in "\n".join(world.app.write.digest(world.app.write.people[0]).system)

    world.clock.at = right
    for _ in range(9):
        world.app.forget.run()
        world.clock.forward(hours=8)
    assert (folder / "record.json").is_file()
    assert world.app.write.machine() == []


def test_after_a_month_switched_off_what_is_old_goes_a_day_later(world: Any) -> None:
    folder = closed_with_evidence(world)
    world.clock.forward(days=340)
    trust_the_clock(world)
    assert world.app.forget.run().captures == ()

    world.clock.forward(days=31)
    for _ in range(3):
        assert world.app.forget.run() is None
        world.clock.forward(hours=8)
    gone = world.app.forget.run()

    assert len(gone.captures) == 1
    assert not folder.exists()
    assert world.app.write.machine() == []


def test_a_worker_that_has_just_been_set_up_waits_a_day_and_worries_nobody(world: Any) -> None:
    assert world.app.forget.run() is None
    assert world.app.write.machine() == []
    world.clock.forward(days=1)
    assert world.app.forget.run() is not None
