"""A worker that takes captures and is killed at any step of it: for tests, quick ones and long ones."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import event
from store_samples import LEASE, SOURCES, make_findings, make_judged, make_post
from vaults import Vault, open_vault

from monitor.evidence.camera import Camera
from monitor.jobs.capture import Capturing


def at_work(vault: Vault, worker: str = "worker") -> Capturing:
    """The job that takes captures, with a camera that has no browser."""
    camera = Camera(vault.root, browser=None, now=vault.now, versions="monitor 0.0.0")
    return Capturing(store=vault.store, camera=camera, now=vault.now, worker=worker, evidence=vault.root)


def order(vault: Vault, *numbers: int) -> None:
    """Have alerts with these numbers wait for their captures."""
    vault.store.sources.sync(SOURCES, vault.at)
    vault.store.record(make_findings(*(make_judged(make_post(number)) for number in numbers)), vault.at)


def kill_at_every(stride: int, vault: Vault, url: str, *, first: int = 1) -> int:
    """Have a worker killed at every so manieth step of taking a capture, and another one go on after each.

    Gives how many captures there must be. It ends when a worker got through.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mishaps"])
    for number, step in enumerate(count(first, stride), 1):
        vault.at += timedelta(minutes=7)
        order(vault, number)
        child = context.Process(target=_die_at, args=(step, str(vault.folder), url, vault.at))
        child.start()
        child.join(60)
        assert child.exitcode in (0, -signal.SIGKILL)
        vault.at += LEASE
        while at_work(vault, "next").run() is not None:
            pass
        if child.exitcode == 0:
            assert step > 20, "it was killed at many steps, and at last at none"
            return number
    raise AssertionError


def _die_at(step: int, folder: str, url: str, at: datetime) -> None:
    """Take what is due, killed before this step of writing; run in a process of its own."""
    vault, left = open_vault(Path(folder), url=url, at=at), step

    def counting(does: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return does(*args, **options)

        return counted

    os.fsync, os.rename = counting(os.fsync), counting(os.rename)
    for moment in ("commit", "checkin"):
        event.listen(vault.store._database.engine, moment, counting(lambda *_: None))
    while at_work(vault, "killed").run() is not None:
        pass
