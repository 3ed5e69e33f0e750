"""The worker as a whole, in real time: each kind of job has its own threads, and it stops when it is told."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from authority import Mode, make_authority, serve
from fakes import (
    Hang,
    Lens,
    PostOffice,
    Wall,
    WallReader,
    mail_to,
    open_post_office,
    threat,
    words,
    write_config,
)
from jetstream import NOW, commit, jetstream

from connectors.connector import Connector
from monitor.app import App, now, rebuild, start
from monitor.config.settings import Config
from monitor.config.watching import Watcher
from monitor.evidence.camera import SECONDS
from monitor.scheduler import Every, Scheduler

DSL, ADMIN = "dsl@harrowbygreen.example", "it@harrowbygreen.example"
THREE = (
    "sources: ["
    + ", ".join(
        f"{{name: {name}, platform: feed, url: 'http://127.0.0.1:9/{name}', every: 1m}}" for name in "ABC"
    )
    + "]"
)
ONE = 'sources: [{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}]'


def until(fact: Callable[[], object], seconds: float = 20) -> float:
    """Wait for a fact; how long it took."""
    began = time.monotonic()
    while not fact():
        assert time.monotonic() - began < seconds, "it did not come to pass"
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def at_work(
    folder: Path,
    walls: dict[str, Wall],
    lens: Lens,
    port: int,
    clock: Callable[[], datetime] = now,
    *,
    more: str = "",
    **jobs: Any,
) -> Iterator[tuple[Scheduler, Event]]:
    """A worker in this process, with walls for sources, a lens for a camera, and these jobs for its own."""
    path = write_config(folder, f"{mail_to(port)}\n{more}", **{ONE: THREE})

    def fit(app: App) -> App:
        sources: dict[str, Connector] = {
            name: WallReader(name=name, every=source.every, wall=walls.setdefault(name, Wall(name=name)))
            for name, source in app.poll.sources.items()
        }
        camera: Any = lens
        return replace(
            app,
            poll=replace(app.poll, sources=sources),
            capturing=replace(app.capturing, camera=camera),
            **jobs,
        )

    def again(app: App, config: Config) -> App:
        return fit(rebuild(app, config))

    watcher = Watcher(path, {})
    config = watcher.poll()
    assert isinstance(config, Config)
    scheduler, stop = Scheduler(fit(start(config, clock)), watcher, again), Event()
    thread = Thread(target=scheduler.run, args=(stop,))
    thread.start()
    try:
        yield scheduler, stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server that runs."""
    with open_post_office() as running:
        yield running


def test_urgent_mail_goes_out_in_seconds_while_a_capture_and_a_poll_hang(
    tmp_path: Path, office: PostOffice
) -> None:
    """LEI-8.1."""
    stuck_source, stuck_page = Hang(), Hang()
    walls = {"A": Wall(name="A", before=stuck_source), "B": Wall(name="B")}
    walls["B"].pin(threat(1), at=now())
    with at_work(tmp_path, walls, Lens(before=stuck_page), office.port):
        until(stuck_source.reached.is_set)
        until(stuck_page.reached.is_set)
        walls["C"].pin(threat(2), at=now())
        seen = time.monotonic()
        make_due(tmp_path, "C")
        until(lambda: any("A-1002" in str(letter["Subject"]) for letter in office.to(DSL)))
        took = time.monotonic() - seen
        stuck_source.released.set()
        stuck_page.released.set()

    assert took < 15
    print(f"from the wall to the mailbox: {took:.1f} s")


def test_a_posts_page_is_first_tried_within_a_minute_though_another_takes_all_its_time(
    tmp_path: Path, office: PostOffice
) -> None:
    hang = Hang()
    lens, walls = Lens(before=hang), {"A": Wall(name="A"), "B": Wall(name="B")}
    walls["A"].pin(threat(1), at=now())
    with at_work(tmp_path, walls, lens, office.port):
        until(hang.reached.is_set)
        walls["B"].pin(threat(2), at=now())
        make_due(tmp_path, "B")
        until(lambda: any("A-1002" in str(letter["Subject"]) for letter in office.to(DSL)))
        assert len(lens.orders) == 1, "one camera takes one page at a time"
        hang.released.set()
        took = until(lambda: len(lens.orders) == 2)

    # The camera gives a page up after SECONDS, whatever the page does (test_faults.py).
    assert SECONDS + took < 60
    print(f"from the end of one capture to the next: {took:.1f} s")


def test_a_time_stamp_authority_that_hangs_holds_up_neither_mail_nor_anchors(
    tmp_path: Path, office: PostOffice
) -> None:
    with serve(make_authority(tmp_path / "authority")) as authority:
        authority.mode = Mode.HANGS
        named = f'evidence: {{authorities: [{{name: Post Office, url: "{authority.url}"}}]}}'
        walls = {"A": Wall(name="A")}
        walls["A"].pin(threat(1), at=now())
        with at_work(tmp_path, walls, Lens(), office.port, more=named) as (scheduler, _):
            until(lambda: authority.asked)
            walls["C"].pin(threat(2), at=now())
            make_due(tmp_path, "C")
            store = scheduler._app.store
            took = until(lambda: len(store.anchors.of_school("harrowby-green")) == 2)
            until(lambda: any("A-1002" in str(letter["Subject"]) for letter in office.to(DSL)))
            assert len(authority.asked) == 1, "it still hangs"
            authority.released.set()

    print(f"from the wall to the anchor: {took:.1f} s")


def test_verifying_and_forgetting_for_hours_hold_up_no_changed_settings(
    tmp_path: Path, office: PostOffice
) -> None:
    """Nor the sign of life to the outside, which has the same threads as the settings."""
    hang = Hang()
    slow: Any = SimpleNamespace(run=hang)
    with at_work(tmp_path, {}, Lens(), office.port, forget=slow, verifying=slow) as (scheduler, _):
        until(hang.reached.is_set)
        first, path = scheduler._app, tmp_path / "monitor.yaml"
        replace_file(path, path.read_text().replace("every: 1m", "every: 2m"))
        took = until(lambda: scheduler._app is not first)
        hang.released.set()

    print(f"from the file to the settings: {took:.1f} s")


def make_due(folder: Path, source: str) -> None:
    """Have a source read again now."""
    with closing(sqlite3.connect(folder / "data" / "monitor.db", timeout=30)) as connection, connection:
        connection.execute(
            "update sources set next_due_at = '2020-01-01 00:00:00.000000' where name = ?", [source]
        )


def test_stopping_lets_what_runs_finish(tmp_path: Path, office: PostOffice) -> None:
    hang = Hang()
    walls = {"A": Wall(name="A", before=hang)}
    walls["A"].pin(threat(1), at=now())
    with at_work(tmp_path, walls, Lens(), office.port) as (_, stop):
        until(hang.reached.is_set)
        stop.set()
        time.sleep(0.5)
        hang.released.set()

    with closing(sqlite3.connect(tmp_path / "data" / "monitor.db")) as connection:
        assert connection.execute("select count(*) from alerts").fetchone() == (1,)
        assert connection.execute("select count(*) from sources where claimed_by is not null").fetchone() == (
            0,
        )


def test_a_job_that_fails_is_recorded_and_comes_again(tmp_path: Path, office: PostOffice) -> None:
    walls = {"A": Wall(name="A", fault=ValueError("said in confidence")), "B": Wall(name="B")}
    walls["B"].pin(threat(1), at=now())
    with at_work(tmp_path, walls, Lens(fault=ZeroDivisionError()), office.port) as (scheduler, _):
        store = scheduler._app.store
        until(
            lambda: (
                {what for _, what, _ in store.journal.troubles(ago())} >= {"reading A", "keeping evidence"}
            )
        )
        until(lambda: office.to(DSL))
        walls["A"].fault = None
        make_due(tmp_path, "A")
        until(lambda: len(walls["A"].asked) > 1)
        told = {what: said for _, what, said in store.journal.troubles(ago())}

    assert told["reading A"].startswith("ValueError")
    assert "confidence" not in str(told)


def ago() -> datetime:
    """A while ago."""
    return now() - timedelta(hours=1)


def test_a_changed_file_is_taken_up_and_a_broken_one_is_told_once(tmp_path: Path, office: PostOffice) -> None:
    walls: dict[str, Wall] = {}
    with at_work(tmp_path, walls, Lens(), office.port) as (scheduler, _):
        first = scheduler._app
        until(lambda: all(wall.asked for wall in walls.values()))
        path = tmp_path / "monitor.yaml"
        text = path.read_text()

        replace_file(path, text.replace("also: [Harrowby Green]", "also: [Harrowby Green, Hilltop Academy]"))
        until(lambda: scheduler._app is not first)
        second = scheduler._app
        until(lambda: walls["A"].asked.count(None) == 2)
        assert second.config.schools[0].also == ("Harrowby Green", "Hilltop Academy")
        until(lambda: first.http.is_closed)
        assert not second.http.is_closed

        replace_file(path, text.replace("schools:", "shcools:"))
        until(lambda: office.to(ADMIN))
        assert "schools" in words(office.to(ADMIN)[0])
        time.sleep(6)
        assert len(office.to(ADMIN)) == 1
        assert scheduler._app is second, "the last good one stands"

        replace_file(path, text.replace("every: 1m", "every: 2m"))
        until(lambda: scheduler._app is not second)


def test_a_model_that_cannot_be_used_is_told_and_the_old_settings_go_on(
    tmp_path: Path, office: PostOffice
) -> None:
    with at_work(tmp_path, {}, Lens(), office.port) as (scheduler, _):
        first = scheduler._app
        path = tmp_path / "monitor.yaml"
        model = "classifier: {use: transformer, model: ./nowhere, labels: {toxic: abuse}}"
        replace_file(path, f"{path.read_text()}\n{model}\n")
        until(lambda: office.to(ADMIN))
        assert scheduler._app is first

    assert "nowhere" in words(office.to(ADMIN)[0])


def replace_file(path: Path, text: str) -> None:
    """Put another file in its place, as editors do."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_another_data_folder_waits_for_a_restart_and_the_administrator_hears(
    tmp_path: Path, office: PostOffice
) -> None:
    with at_work(tmp_path, {}, Lens(), office.port) as (scheduler, _):
        first = scheduler._app
        path = tmp_path / "monitor.yaml"
        replace_file(path, path.read_text().replace(f"data: {tmp_path}/data", f"data: {tmp_path}/elsewhere"))
        until(lambda: office.to(ADMIN))
        assert scheduler._app is not first
        assert scheduler._app.config.data == tmp_path / "data"

    assert "restart" in words(office.to(ADMIN)[0]).lower()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("hours", [36, -36])
def test_when_the_clock_is_set_the_worker_goes_on(hours: float, tmp_path: Path, office: PostOffice) -> None:
    moved = timedelta()
    walls: dict[str, Wall] = {}
    with at_work(tmp_path, walls, Lens(), office.port, lambda: now() + moved) as (scheduler, _):
        until(lambda: walls and all(wall.asked for wall in walls.values()))
        moved = timedelta(hours=hours)
        until(lambda: all(len(wall.asked) > 1 for wall in walls.values()), 30)
        beat = scheduler._app.store.journal.last_beat()
        assert beat is not None
        until(
            lambda: (
                abs(scheduler._app.store.journal.last_beat() - scheduler._app.now()) < timedelta(minutes=1)
            )
        )


def test_when_the_clock_is_set_no_second_thread_listens_to_a_stream(
    tmp_path: Path, office: PostOffice
) -> None:
    """The claim on it has run out then, but whoever holds it still listens."""
    moved = timedelta()
    with jetstream() as server:
        server.say(commit(NOW, "a"))
        listed = f"{{name: Stream, platform: bluesky_stream, servers: ['{server.url}']}}"
        path = write_config(tmp_path, mail_to(office.port), **{ONE: f"sources: [{listed}]"})
        watcher = Watcher(path, {})
        config = watcher.poll()
        assert isinstance(config, Config)
        app = start(config, lambda: now() + moved)
        scheduler, stop = Scheduler(app, watcher, rebuild), Event()
        thread = Thread(target=scheduler.run, args=(stop,))
        thread.start()
        try:
            until(lambda: app.store.sources.cursor("Stream"))

            def leap() -> list[str]:
                nonlocal moved
                moved += timedelta(hours=1)
                return app.listen.due()

            until(leap)
            second = Thread(target=scheduler._follow, args=("Stream",), daemon=True)
            second.start()
            second.join(10)
            is_over, asked = not second.is_alive(), len(server.asked)
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()

    assert (is_over, asked) == (True, 2)


def test_a_clock_that_leaps_by_years_is_one_tick_and_not_millions() -> None:
    every = Every(2)
    long_ago, today = datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)

    assert every.get_next_fire_time(None, today) == today
    later = every.get_next_fire_time(long_ago, today)
    assert timedelta(seconds=2) <= later - today <= timedelta(seconds=2.2)


def test_sigterm_ends_the_command_and_leaves_no_claim(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "run", "--config", path],
        env={**os.environ, "TZ": "UTC"},
        stderr=subprocess.PIPE,
    ) as worker:
        until(lambda: beats(tmp_path), 60)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert worker.stderr is not None
        said = worker.stderr.read().decode()

    assert "stopping" in said
    assert "Traceback" not in said
    with closing(sqlite3.connect(tmp_path / "data" / "monitor.db")) as connection:
        (held,) = connection.execute("select count(*) from sources where claimed_by is not null").fetchone()
    assert held == 0


def beats(folder: Path) -> bool:
    """Whether a worker has beaten, as somebody outside sees it."""
    try:
        with closing(
            sqlite3.connect(f"file:{folder / 'data' / 'monitor.db'}?mode=ro", uri=True)
        ) as connection:
            return connection.execute("select count(*) from heartbeats").fetchone() != (0,)
    except sqlite3.OperationalError:
        return False
