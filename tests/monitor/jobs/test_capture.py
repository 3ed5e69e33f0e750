"""Capturing: tried again while the post may be there, then given up with honest words; never for ever."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import threat
from sites import serving

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
    assert "Take one by hand" in capture.advice
    assert "by hand" not in str(capture.limits), "the record holds facts, and goes to the police"


def test_two_workers_never_take_the_same_capture(make_world: Any) -> None:
    one, two = make_world(), make_world()
    one.wall.pin(threat(1))
    one.read()
    seen: list[object] = []
    one.lens.before = lambda: seen.append(two.app.capturing.run())

    assert one.app.capturing.run() is not None
    assert seen == [None]
    assert two.lens.orders == []


def test_a_post_at_a_locked_address_that_is_written_otherwise_is_not_opened(world: Any) -> None:
    """DOMAIN 3.7: the page was locked for another alert."""
    post = world.wall.pin(threat(1), url="https://forum.example/t/7?utm_source=feed")
    world.read()
    world.app.store.forgetting.lock(["http://www.forum.example/t/7"], world.clock())

    world.app.capturing.run()

    (order,) = world.lens.orders
    assert (order.url, order.media_lock, order.title, order.text) == (post.url, True, "", "")


@pytest.mark.browser
@pytest.mark.parametrize("then", ["it ends there", "it goes on"])
def test_a_post_that_leads_to_a_locked_page_leaves_a_record_and_nothing_else(
    world: Any, tmp_path: Path, browser: Path, then: str
) -> None:
    """DOMAIN 3.7: nothing of a locked page comes in by the door of a short link."""
    evidence = tmp_path / "evidence"
    with serving() as site:
        site.pages["/short"] = lambda visitor: visitor.lead_to("/post")
        shown = f"<p>{threat(1)}</p>"
        site.pages["/post"] = shown if then == "it ends there" else lambda visitor: visitor.lead_to("/fair")
        site.pages["/fair"] = shown
        world.wall.pin(threat(1), url=site.url("/short"))
        world.read()
        world.app.store.forgetting.lock([site.url("/post")], world.clock())
        allow = frozenset({site.place})
        with Camera(evidence, browser=browser, now=world.clock, versions="test", allow=allow) as camera:
            capture = replace(world.app.capturing, camera=camera, evidence=evidence).run()

    assert capture is not None
    assert (capture.kind, capture.locks, capture.files) == (Kind.METADATA_ONLY, True, ())
    assert [path.name for path in evidence.rglob("*") if path.is_file()] == ["record.json"]
    assert "http" not in (evidence / capture.folder / "record.json").read_text()
    assert world.app.store.alerts.get(1001).media_lock, "its page is shut, so it is"


def test_what_leads_to_no_locked_page_is_taken(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.app.store.forgetting.lock(["https://forum.example/t/7"], world.clock())

    assert not world.app.capturing.run().locks
    assert not world.lens.orders[0].media_lock
