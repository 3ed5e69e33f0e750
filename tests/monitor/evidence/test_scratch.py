"""The camera's own folder holds a page as it came: it lies apart, and no crash leaves it there for long."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.evidence.child import Child, sweep

HOLDS = """
import sys, time
from monitor.evidence.child import Child
child = Child()
print(child.scratch, child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's temporary files lie; a browser takes no long path."""
    with tempfile.TemporaryDirectory(prefix="aside") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def dead(aside: Path) -> Path:
    """The folder of a camera that was killed with all that it had started, as when the power fails."""
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) as camera:
        assert camera.stdout is not None
        folder, child = camera.stdout.readline().split()
        os.killpg(int(child), signal.SIGKILL)
        camera.kill()
    (Path(folder) / "page.html").write_text("a page as it came", encoding="utf-8")
    assert Path(folder).parent == aside
    return Path(folder)


def test_what_a_power_failure_left_is_removed_when_a_camera_starts_again(dead: Path) -> None:
    sweep(datetime.now(UTC))
    assert not dead.exists()


def test_the_folder_of_a_camera_that_lives_is_left_alone(aside: Path) -> None:
    child = Child()
    sweep(datetime.now(UTC))
    assert child.scratch.is_dir()
    assert child.scratch.parent == aside
    child.stop()
    assert list(aside.iterdir()) == []


def test_the_folder_is_for_its_owner_alone(aside: Path) -> None:
    child = Child()
    assert child.scratch.stat().st_mode & 0o777 == 0o700
    child.stop()


def test_a_folder_that_was_made_just_now_is_not_taken_for_a_dead_one(aside: Path) -> None:
    new = aside / "monitor-camera-new"
    new.mkdir()
    sweep(datetime.now(UTC))
    assert new.is_dir()
    long_ago = time.time() - 3600
    os.utime(new, (long_ago, long_ago))
    sweep(datetime.now(UTC))
    assert not new.exists()
