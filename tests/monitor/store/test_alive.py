"""The container's health check: alone, quick, and green only while a worker of this machine is alive."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import monitor.store.alive
from monitor.jobs.workers import worker_name
from monitor.store.store import Store

CHECK = Path(monitor.store.alive.__file__)


def asked(database_url: str, data: Path) -> tuple[int, str]:
    """What the check says, asked as the container asks it."""
    database = database_url if database_url.startswith("postgres") else ""
    environ = {"MONITOR_DATABASE": database, "MONITOR_DATA": str(data), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-P", CHECK], capture_output=True, text=True, check=False, env=environ
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_before_any_configuration_it_says_that_the_worker_waits(tmp_path: Path) -> None:
    code, said = asked("", tmp_path)

    assert (code, said.partition(":")[0]) == (1, "there is no database yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_before_any_configuration_it_says_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    code, said = asked(postgres_url, tmp_path)

    assert (code, said.partition(":")[0]) == (1, "there is no database yet")


@pytest.mark.parametrize(
    ("age", "code"),
    [(timedelta(0), 0), (timedelta(seconds=110), 0), (timedelta(seconds=130), 1), (timedelta(minutes=-5), 1)],
    ids=["just now", "110 s ago", "130 s ago", "in the future: the clock was put back"],
)
def test_it_is_green_for_two_minutes_after_a_beat(
    store: Store, database_url: str, tmp_path: Path, age: timedelta, code: int
) -> None:
    store.journal.beat(worker_name(), datetime.now(UTC) - age)

    found, said = asked(database_url, tmp_path)

    assert found == code
    assert said.startswith(
        "alive at 20" if code == 0 else "the last heartbeat of a worker on this machine: 20"
    )


def test_a_worker_on_another_machine_does_not_make_this_one_look_alive(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    store.journal.beat("elsewhere:pid:[1]/1/0.1", datetime.now(UTC))

    assert asked(database_url, tmp_path) == (1, "the last heartbeat of a worker on this machine: never\n")


def test_a_database_that_cannot_be_reached_is_not_healthy(tmp_path: Path) -> None:
    code, said = asked("postgresql://monitor@127.0.0.1:1/monitor", tmp_path)

    assert code == 1
    assert said.startswith("no heartbeat can be read: ")


def test_it_costs_little(store: Store, database_url: str, tmp_path: Path) -> None:
    """It runs every half minute for ever; ten seconds are what the container gives it."""
    store.journal.beat(worker_name(), datetime.now(UTC))
    began = time.monotonic()

    assert asked(database_url, tmp_path)[0] == 0

    assert time.monotonic() - began < 3
