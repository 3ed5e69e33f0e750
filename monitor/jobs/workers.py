"""Who works: a name for this process, and whether the process of another name is gone."""

import os
import socket
from pathlib import Path

PROCESSES = Path("/proc")


def worker_name() -> str:
    """Who holds a claim: the machine, this process, and when it began, so that no later one passes for it."""
    return f"{_place()}/{os.getpid()}/{_began(str(os.getpid()))}"


def is_dead(worker: str) -> bool:
    """Whether that worker surely runs no more.

    Of those on another machine or in another container we know nothing: their claims end by themselves.
    """
    place, _, rest = worker.partition("/")
    process, _, began = rest.partition("/")
    return place == _place() and process.isdecimal() and _began(process) != began


def _place() -> str:
    """This machine, and on it the container: the number of a process means something only there."""
    try:
        return f"{socket.gethostname()}:{(PROCESSES / 'self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


def _began(process: str) -> str:
    """When a process began: the start of the machine, and ticks since then. Empty when it is not there."""
    try:
        boot = (PROCESSES / "sys/kernel/random/boot_id").read_text()[:8]
        # Its name, in brackets, may hold anything; what follows are the state and then only numbers.
        state, *numbers = (PROCESSES / process / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else f"{boot}.{numbers[18]}"
