"""What was started for a folder is found and ended, whatever group it has put itself into."""

import os
import subprocess
import sys
from pathlib import Path

from sites import wait_for

from monitor.evidence import processes

_RUNAWAY = "import os, time; os.setsid(); time.sleep(600)"


def _start(scratch: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {"HOME": str(scratch), "PATH": os.defpath}
    return subprocess.Popen([sys.executable, "-c", _RUNAWAY, *words], env=environment)


def test_a_process_that_left_its_group_is_ended_and_its_folder_removed(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "profile").write_text("x")
    with _start(scratch) as runaway:
        assert wait_for(lambda: processes.groups_of(scratch) == {runaway.pid})
        assert processes.memory_of(scratch) > 1_000_000

        processes.end(scratch)

        assert runaway.wait() == -9
    assert not scratch.exists()
    assert processes.groups_of(scratch) == set()


def test_processes_of_another_folder_live_on(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours-1", tmp_path / "theirs-2"
    ours.mkdir()
    with _start(theirs) as other:
        assert wait_for(lambda: processes.groups_of(theirs) == {other.pid})

        processes.end(ours)

        assert other.poll() is None
        other.kill()


def test_our_own_group_is_never_ended(tmp_path: Path) -> None:
    code = "import sys, pathlib as p, monitor.evidence.processes as our; our.end(p.Path(sys.argv[1]))"

    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0


def test_our_own_group_counts_for_the_memory(tmp_path: Path) -> None:
    """The photographer and what drives the browsers for it hold some of it themselves."""
    code = "import sys, pathlib as p; from monitor.evidence.processes import memory_of as held; "
    code += "print(held(p.Path(sys.argv[1])))"

    told = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, check=True, start_new_session=True
    )

    assert int(told.stdout) > 1_000_000
