"""Ending a photographer with all that it started: a browser puts itself into a process group of its own."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_ROUNDS = 20


def end(scratch: Path) -> None:
    """Kill every process that was started for this folder, whatever its group, and remove the folder.

    Never this process's own group. Where there is no /proc nobody is found here, and the caller's kill
    of the photographer's group is all there is.
    """
    for _ in range(_ROUNDS):
        groups = kill(scratch)
        shutil.rmtree(scratch, ignore_errors=True)
        if not groups and not scratch.exists():
            return
        time.sleep(0.05)


def kill(scratch: Path) -> set[int]:
    """Kill what lives on this folder, without our own group; the groups that were killed."""
    groups = groups_of(scratch) - {os.getpgrp()}
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    return groups


def groups_of(scratch: Path) -> set[int]:
    """The process groups of everything that lives on this folder, our own too where we do."""
    name = os.fsencode(scratch)
    return {group for group, told in _processes() if name in told}


def memory_of(scratch: Path) -> int:
    """The bytes that the processes living on this folder hold, files that they share with others aside."""
    groups = groups_of(scratch)
    return sum(_own_memory(pid) for pid in _pids() if _group(pid) in groups)


def _processes() -> Iterator[tuple[int, bytes]]:
    for pid in _pids():
        group = _group(pid)
        if group:
            yield group, _read(pid, "cmdline") + b"\0" + _read(pid, "environ")


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.glob("[0-9]*")] if _PROC.is_dir() else []


def _group(pid: int) -> int:
    """The group of a living process; 0 when it is dead, though somebody may not have noticed yet."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return 0 if not fields or fields[0] in (b"Z", b"X") else int(fields[2])


def _own_memory(pid: int) -> int:
    lines = _read(pid, "status").splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith((b"RssAnon:", b"RssShmem:")))


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""  # it has ended, or is somebody else's
