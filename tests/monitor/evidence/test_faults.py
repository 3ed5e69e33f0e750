"""Hung, crashed and killed browsers, full disks and greedy pages: the camera says so and goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from little_room import little_room
from scenes import Scene
from sites import Visitor, wait_for

from monitor.captures import Progress
from monitor.evidence import archive, processes
from monitor.evidence.camera import NO_BROWSER, Camera, CaptureFailed
from monitor.evidence.card import DRAWN

pytestmark = pytest.mark.browser


@pytest.fixture
def page(scene: Scene) -> Scene:
    """A scene with one good page."""
    scene.site.pages["/t"] = f"<article id=c7><p>{scene.text}</p></article>"
    return scene


@pytest.fixture
def afterwards() -> Iterator[Callable[[Camera], Path]]:
    """Remembers the folders of cameras; in the end none of their processes may live, nor the folders."""
    folders: list[Path] = []

    def remember(lens: Camera) -> Path:
        assert lens._child is not None
        folders.append(lens._child.scratch)
        return folders[-1]

    yield remember
    assert wait_for(lambda: not any(processes.groups_of(folder) or folder.exists() for folder in folders))


def test_without_a_browser_the_words_are_kept_and_the_way_to_take_one_by_hand(page: Scene) -> None:
    capture = page.take(lens=page.camera(browser=None))

    assert capture.progress is Progress.LIMITED
    assert capture.limits == (NO_BROWSER, DRAWN)
    assert page.read(capture, "post.json")["text"] == page.text
    assert page.site.asked == []


def test_a_browser_that_does_not_start_is_tried_again(page: Scene, tmp_path: Path) -> None:
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 127\n")
    broken.chmod(0o700)

    with pytest.raises(CaptureFailed, match="could not be started"):
        page.take(lens=page.camera(browser=broken))


def test_a_page_that_hangs_the_browser_is_given_up_and_the_next_one_works(
    page: Scene, afterwards: Callable[[Camera], Path]
) -> None:
    page.site.pages["/hang"] = "<p>Nothing yet</p><script>setTimeout(() => { for (;;); }, 0)</script>"
    lens = page.camera(seconds=6)
    page.take(lens=lens)
    afterwards(lens)

    with pytest.raises(CaptureFailed):
        page.take("/hang", lens=lens)
    capture = page.take(lens=lens)
    afterwards(lens)
    lens.close()

    assert capture.progress is Progress.COMPLETE


def test_a_site_that_never_answers_is_given_up_in_time(page: Scene) -> None:
    enough = threading.Event()
    page.site.pages["/slow"] = lambda visitor: visitor.give("late" if enough.wait(60) else "never")
    begun = time.monotonic()

    with pytest.raises(CaptureFailed, match="in time"):
        page.take("/slow", lens=page.camera(seconds=6))

    enough.set()
    assert time.monotonic() - begun < 40, "of the sixty that the site would take"


def test_a_page_that_crashes_its_renderer_is_given_up_and_the_next_one_works(
    page: Scene, afterwards: Callable[[Camera], Path]
) -> None:
    lens = page.camera(seconds=15)
    page.take(lens=lens)
    scratch = afterwards(lens)

    def crash(visitor: Visitor) -> None:
        _kill_renderers(scratch)
        visitor.give("/* too late */", kind="text/css")

    page.site.pages["/crash.css"] = crash
    page.site.pages["/crash"] = f"<link rel=stylesheet href=/crash.css><p>{page.text}</p>"

    with pytest.raises(CaptureFailed):
        page.take("/crash", lens=lens)
    capture = page.take(lens=lens)
    afterwards(lens)
    lens.close()

    assert "/crash.css" in page.site.asked
    assert capture.progress is Progress.COMPLETE


def _kill_renderers(scratch: Path) -> None:
    for pid, told in _told(scratch).items():
        if b"--type=renderer" in told:
            os.kill(pid, signal.SIGKILL)


def _told(scratch: Path) -> dict[int, bytes]:
    """The environment and command line of each process that lives on this folder."""
    groups = processes.groups_of(scratch)
    told = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if os.getpgid(int(entry.name)) in groups:
                told[int(entry.name)] = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
    return told


def test_a_photographer_killed_in_the_middle_leaves_nothing_and_is_started_again(
    page: Scene, afterwards: Callable[[Camera], Path]
) -> None:
    lens = page.camera()
    page.take(lens=lens)
    afterwards(lens)
    child = lens._child
    assert child is not None

    def kill(visitor: Visitor) -> None:
        os.kill(child.pid, signal.SIGKILL)
        visitor.give("too late")

    page.site.pages["/kill"] = kill
    order = page.order("/kill")
    with pytest.raises(CaptureFailed, match="process ended"):
        lens.take(order, page.at)

    assert not Path(f"/proc/{child.pid}").exists()  # no zombie either
    assert archive.find(page.folder, order.school, order.id) is None
    assert page.take(id=order.id, lens=lens).progress is Progress.COMPLETE
    afterwards(lens)
    lens.close()


_WORKER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from monitor.captures import Order
from monitor.evidence.camera import Camera
folder, browser, url, place = sys.argv[1:]
at = datetime(2026, 7, 14, tzinfo=UTC)
order = Order(id="W", alert=1, school="s", platform="p", post_id="1", revision="r", url=url, title="",
              text="words", author=None, posted_at=None, seen_at=at, media_lock=False, why=(), by="rules")
lens = Camera(Path(folder), browser=Path(browser), now=lambda: at, versions="v", allow=frozenset({place}))
sys.stdout.write(str(lens._started(Path(browser))[0].scratch) + "\\n")
sys.stdout.flush()
lens.take(order, at)
"""


def test_when_the_worker_is_killed_the_browser_goes_too(scene: Scene, browser: Path, tmp_path: Path) -> None:
    waiting, over = threading.Event(), threading.Event()

    def wait(_: Visitor) -> None:
        waiting.set()
        over.wait(30)

    scene.site.pages["/t"] = wait
    command = [
        sys.executable,
        "-c",
        _WORKER,
        str(tmp_path),
        str(browser),
        scene.site.url("/t"),
        scene.site.place,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        scratch = Path(worker.stdout.readline().strip())
        assert waiting.wait(30)
        assert processes.groups_of(scratch)
        worker.kill()

    assert wait_for(lambda: not processes.groups_of(scratch) and not scratch.exists())
    over.set()


def test_a_page_that_eats_memory_ends_the_browser_and_not_the_machine(page: Scene) -> None:
    page.site.pages["/greedy"] = """<p>Nothing yet</p><script>const kept = []; setInterval(() => {
        for (let i = 0; i < 4; i++) kept.push(new Uint8Array(64e6).fill(7)) }, 20)</script>"""
    lens = page.camera()

    with pytest.raises(CaptureFailed):
        page.take("/greedy", lens=lens)

    assert page.take(lens=lens).progress is Progress.COMPLETE
    lens.close()


def test_a_disk_that_is_full_is_tried_again_and_leaves_nothing(page: Scene) -> None:
    lens = page.camera()
    page.take(lens=lens)
    staged = set((page.folder / ".unfinished").iterdir())
    with little_room(1_000), pytest.raises(CaptureFailed, match="could not be written"):
        page.take(lens=lens)

    assert set((page.folder / ".unfinished").iterdir()) == staged
    assert page.take(lens=lens).progress is Progress.COMPLETE
    lens.close()


def test_the_browsers_process_knows_no_secret_of_ours(page: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEBOOK_TOKEN", "canary-token")
    monkeypatch.setenv("MONITOR_DATABASE", "postgresql://canary")
    lens = page.camera()
    page.take(lens=lens)
    assert lens._child is not None

    told = _told(lens._child.scratch)
    own = Path(f"/proc/{lens._child.pid}/environ").read_bytes().rstrip(b"\0").split(b"\0")
    lens.close()

    assert len(told) > 3
    assert not any(b"canary" in each for each in told.values())
    assert {line.partition(b"=")[0] for line in own} == {b"PATH", b"LANG", b"HOME", b"TMPDIR"}


def test_a_browser_is_renewed_after_a_number_of_pages(page: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.evidence.camera._PAGES_PER_CHILD", 2)
    lens = page.camera()

    pids = []
    for _ in range(5):
        page.take(lens=lens)
        assert lens._child is not None
        pids.append(lens._child.pid)
    lens.close()

    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_a_browser_that_has_grown_is_renewed(page: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.evidence.camera._MOST_MEMORY", 1)
    lens = page.camera()

    pids = []
    for _ in range(6):
        page.take(lens=lens)
        assert lens._child is not None
        pids.append(lens._child.pid)
    lens.close()

    assert len(set(pids[:4])) == 1
    assert pids[4] == pids[5] != pids[3]


def test_closing_twice_is_harmless_and_leaves_no_process(
    page: Scene, afterwards: Callable[[Camera], Path]
) -> None:
    lens = page.camera()
    page.take(lens=lens)
    afterwards(lens)

    lens.close()
    lens.close()


def test_starting_a_camera_loads_no_playwright() -> None:
    code = "import sys, monitor.evidence.camera; sys.exit('playwright' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
