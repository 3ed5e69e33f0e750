"""A stream under the whole worker, in real time: a thread of its own, changed settings, kills."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from fakes import write_config
from jetstream import NOW, SECOND, Jetstream, commit, jetstream

from monitor.app import rebuild, start
from monitor.config.settings import Config
from monitor.config.watching import Watcher
from monitor.scheduler import Scheduler

WALL = 'sources: [{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}]'
RULES = "classifier: {use: rules}\n"


def about(number: int) -> str:
    """Harmless words about the school, so that nothing is captured from the live site."""
    return f"Sports day number {number} at Harrowby Green was lovely"


def configured(folder: Path, server: Jetstream, **changed: str) -> Path:
    sources = f"sources: [{{name: Stream, platform: bluesky_stream, servers: ['{server.url}']}}]"
    return write_config(folder, RULES, **{WALL: sources, **changed})


def until(fact: Callable[[], object], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def table(folder: Path, question: str) -> list[Any]:
    with closing(
        sqlite3.connect(f"file:{folder / 'data' / 'monitor.db'}?mode=ro", uri=True, timeout=30)
    ) as base:
        try:
            return base.execute(question).fetchall()
        except sqlite3.OperationalError:
            return []


@contextmanager
def at_work(path: Path) -> Iterator[Event]:
    """A worker in this process."""
    watcher, stop = Watcher(path, {}), Event()
    config = watcher.poll()
    assert isinstance(config, Config)
    thread = Thread(target=Scheduler(start(config), watcher, rebuild).run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def test_the_worker_listens_takes_up_new_names_and_stops(tmp_path: Path) -> None:
    with jetstream() as server:
        path = configured(tmp_path, server)
        hilltop = about(2).replace("Harrowby Green", "Hilltop Academy")
        server.say(commit(NOW - 3 * SECOND, "a", text=about(1)), commit(NOW - 2 * SECOND, "b", text=hilltop))
        with at_work(path) as stop:
            until(lambda: table(tmp_path, "select 1 from posts"))
            server.say(commit(NOW - SECOND, "c", text=about(3)))
            until(lambda: len(table(tmp_path, "select 1 from posts")) == 2)
            assert len([asked for asked in server.asked if "cursor" in asked]) == 1, "one line, kept open"

            beside = path.with_suffix(".new")
            beside.write_text(
                path.read_text().replace("also: [Harrowby Green]", "also: [Harrowby Green, Hilltop Academy]")
            )
            beside.replace(path)
            until(lambda: len(table(tmp_path, "select 1 from posts")) == 3)
            until(lambda: server.listening == 1)

            stop.set()
            began = time.monotonic()
            until(lambda: server.listening == 0)
            took = time.monotonic() - began

    assert took < 2.5
    print(f"hung up after {took:.1f} s")
    assert table(tmp_path, "select claimed_by from sources") == [(None,)]
    assert table(tmp_path, "select state from sources") == [("ok",)]
    assert server.heard == []


def worker(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--config", path],
        env={**os.environ, "TZ": "UTC"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.timeout(400)
def test_a_worker_that_is_killed_while_it_listens_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Each post once, the count of all others exact, whenever the kills come."""
    chance, posts, kills = random.Random(20_261_121), 0, 3
    with jetstream() as server:
        path = configured(tmp_path, server)

        def write(at: int) -> None:
            nonlocal posts
            text = about(posts) if posts % 10 == 0 else f"Cake sale number {posts} was lovely"
            server.say(commit(at, f"k{posts}", text=text))
            posts += 1

        write(NOW - 3000 * SECOND)
        for _ in range(kills):
            process = worker(path)
            try:
                lines = len(server.asked)
                until(lambda lines=lines: len(server.asked) >= lines + 2, 120)  # type: ignore[misc]
                end = time.monotonic() + chance.uniform(0.2, 3.0)
                while time.monotonic() < end:
                    write(NOW - 3000 * SECOND + posts * SECOND // 50)
                    time.sleep(0.02)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
        process = worker(path)
        try:
            until(lambda: table(tmp_path, "select sum(read) from tallies") == [(posts,)], 60)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    expected = {f"k{number}" for number in range(0, posts, 10)}
    kept = [row[0].rpartition("/")[2] for row in table(tmp_path, "select post_id from posts")]
    assert len(kept) == len(set(kept))
    assert set(kept) == expected
    assert table(tmp_path, "select sum(read) from tallies") == [(posts,)]
    print(f"{kills} kills, {posts} posts, {len(expected)} of them about the school")
