"""Forgetting, end to end: what goes is gone from the file and from the disk, and does not come back."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import Lens, threat

from monitor.captures import Capture, Order
from monitor.cases import Act, CaseEvent
from monitor.evidence.camera import Camera

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
    assert world.app.forget.run().texts == 0
    assert CANARY.encode() in text_in(world.folder)

    world.clock.forward(hours=1)
    assert world.app.forget.plan().texts == 1
    assert world.app.forget.run().texts == 1
    world.app.store.alerts._database.engine.dispose()
    held = text_in(world.folder)

    found = world.read()
    assert (found.read, found.changed) == (1, 0)
    for _ in range(30):
        world.clock.forward(days=1)
        world.app.forget.run()
        assert world.read().changed == 0, "as long as the feed serves it"
    assert CANARY.encode() not in held


def test_an_edit_of_what_was_forgotten_is_judged_anew(world: Any) -> None:
    world.wall.whole = True
    world.wall.pin("Harrowby Green won the cup")
    world.read()
    world.clock.forward(days=15)
    world.app.forget.run()
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
    gone = world.app.forget.run()

    assert (gone.alerts, gone.captures) == (1, (capture.folder,))
    assert not (evidence / capture.folder).exists()
    assert world.app.forget.run().captures == (), "it is not asked for again"


class Undeletable(Lens):
    """A camera whose captures lie where nobody can delete anything."""

    def take(self, order: Order, at: datetime) -> Capture:
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

    world.app.forget.run()

    assert not folder.exists()
    assert not beside.exists()


def test_a_hold_beats_retention(world: Any) -> None:
    evidence = with_a_camera(world)
    world.wall.pin(f"{threat(1)} {CANARY}")
    world.read()
    capture = world.app.capturing.run()
    close_all(world)
    close_all(world, Act.HELD)

    world.clock.forward(days=4_000)
    gone = world.app.forget.run()

    assert (gone.alerts, gone.captures, gone.held) == (0, (), 1)
    assert CANARY in world.app.store.alerts.post(1001).text
    assert (evidence / capture.folder / "record.json").is_file()
    close_all(world, Act.HOLD_LIFTED)
    assert world.app.forget.run().alerts == 1
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

    assert world.app.forget.run().hashes == 1


def test_nothing_outside_the_evidence_is_ever_deleted(world: Any, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()

    for folder in ("../../precious", "", ".", str(precious)):
        assert world.app.forget._delete(folder) is False

    assert precious.is_dir()
    assert timedelta(days=14) == world.app.forget.retention.below_threshold
