"""Capturing: tried again while the post may be there, then given up with honest words; never for ever."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import threat

from monitor.captures import Kind, Progress
from monitor.evidence.camera import Camera, CaptureFailed
from monitor.jobs.capture import GIVEN_UP, MOST_TRIES


def test_a_failing_camera_is_tried_for_three_days_and_then_says_what_is_missing(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.lens.fault = CaptureFailed("The page was given up after 60 s.")
    began, tries = world.clock(), 0
    while world.app.store.captures.waiting():
        tries += len(world.lens.orders)
        world.lens.orders.clear()
        world.app.capturing.run()
        world.clock.forward(minutes=30)

    (capture,) = world.app.store.captures.of_alert(1001)
    assert capture.progress is Progress.LIMITED
    assert capture.limits == ("The page was given up after 60 s.",)
    assert timedelta(days=2) < world.clock() - began <= timedelta(days=3, hours=1)
    assert 14 <= tries <= 17


def test_a_capture_that_fails_in_ways_nobody_foresaw_is_not_tried_for_ever(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.lens.fault = MemoryError()
    for _ in range(MOST_TRIES):
        with pytest.raises(MemoryError):
            world.app.capturing.run()
        assert world.app.capturing.run() is None, "the claim stands until its lease ends"
        world.clock.forward(minutes=4)

    capture = world.app.capturing.run()

    assert capture.limits == (GIVEN_UP,)
    assert world.app.store.captures.waiting() == 0


def test_captures_that_wait_are_told_to_people(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()

    assert "1 capture of evidence is still to be taken." in world.app.write.machine()


def test_the_most_serious_goes_first(world: Any) -> None:
    world.wall.pin("A petition to sack Mr Ogden, the caretaker of Harrowby Green, he is a disgrace, sack him")
    world.wall.pin(threat(1))
    world.read()
    while world.app.capturing.run() is not None:
        pass

    severities = [world.app.store.alerts.get(order.alert).severity for order in world.lens.orders]
    assert severities == sorted(severities, reverse=True)


def test_a_retry_planned_by_a_wrong_clock_does_not_wait_for_that_day(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.clock.forward(days=1)
    world.lens.fault = CaptureFailed("not now")
    world.app.capturing.run()
    world.clock.forward(days=-1)
    world.lens.fault = None

    assert world.app.capturing.run() is not None


def test_without_a_browser_the_record_says_so_and_how_to_take_one_by_hand(world: Any, tmp_path: Path) -> None:
    world.wall.pin(threat(1))
    world.read()
    camera = Camera(tmp_path / "evidence", browser=None, now=world.clock, versions="test")
    world.lens = camera
    world.app = world.fit(world.app)

    capture = world.app.capturing.run()

    assert capture.kind is Kind.RENDERED_CARD
    assert "Take one by hand" in " ".join(capture.limits)


def test_two_workers_never_take_the_same_capture(make_world: Any) -> None:
    one, two = make_world(), make_world()
    one.wall.pin(threat(1))
    one.read()
    seen: list[object] = []
    one.lens.before = lambda: seen.append(two.app.capturing.run())

    assert one.app.capturing.run() is not None
    assert seen == [None]
    assert two.lens.orders == []
