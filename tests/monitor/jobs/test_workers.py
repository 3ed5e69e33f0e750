"""Who works: a worker that is gone is known to be gone, and nobody else is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fakes import threat

from monitor.jobs.workers import is_dead, worker_name

MINUTE = timedelta(minutes=1)


def name_of_another(process: "subprocess.Popen[bytes]") -> str:
    """What a worker in that process calls itself."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def another() -> "subprocess.Popen[bytes]":
    """A process that says its name and sleeps."""
    code = "import time; from monitor.jobs.workers import worker_name as name; print(name(), flush=True); "
    return subprocess.Popen([sys.executable, "-c", f"{code} time.sleep(60)"], stdout=subprocess.PIPE)


def test_this_worker_lives_and_keeps_its_name() -> None:
    assert worker_name() == worker_name()
    assert not is_dead(worker_name())


def test_a_killed_worker_is_dead_even_before_anybody_has_noticed() -> None:
    with another() as process:
        name = name_of_another(process)
        assert not is_dead(name)
        process.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not is_dead(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert is_dead(name)
        process.wait()
        assert is_dead(name)


def test_a_later_process_of_the_same_number_does_not_pass_for_the_dead_one() -> None:
    """After a restart of the machine, and in containers, numbers come again."""
    place, process, began = worker_name().split("/")
    assert int(process) == os.getpid()
    boot, _, ticks = began.partition(".")

    assert is_dead(f"{place}/{process}/{boot}.{int(ticks) - 1}")
    assert is_dead(f"{place}/{process}/ffffffff.{ticks}")


def test_of_other_machines_and_containers_nothing_is_known() -> None:
    place, _, began = worker_name().split("/")
    machine = place.partition(":")[0]

    assert not is_dead(f"another-machine/999999999/{began}")
    assert not is_dead(f"{machine}:pid:[1]/999999999/{began}")
    assert not is_dead("child")
    assert not is_dead("")


def test_the_claims_of_a_killed_worker_are_free_at_once_for_the_next_one(
    make_world: Callable[..., Any],
) -> None:
    first = make_world()
    first.wall.pin(threat(1))
    first.read()
    with another() as process:
        name = name_of_another(process)
        at = first.clock()
        store = first.app.store
        assert store.sources.claim("Wall", name, at, at + 10 * MINUTE, early=True)
        assert store.captures.claim(name, at, at + 3 * MINUTE)
        first.app.write.urgent()
        assert store.notices.claim(name, at, at + 3 * MINUTE)
        assert first.read() is None, "it is taken"
        make_world(walls=first.walls)
        assert store.sources.claimants() == [name], "a worker that lives keeps what it claimed"
        process.kill()
        process.wait()

    second = make_world(walls=first.walls)

    assert store.sources.claimants() == []
    assert second.read() is not None
    assert second.app.capturing.run() is not None
    assert len(second.post_all()) == 2
