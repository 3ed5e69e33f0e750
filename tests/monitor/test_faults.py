"""What goes wrong round the monitor: nothing found is lost, nobody hears twice, and the state can be seen."""

import gzip
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fakes import MORNING, Clock, PostOffice, mail_to, open_post_office, threat, words, write_config
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from connectors.post import State
from monitor.app import App, start
from monitor.config.loading import load

DSL = "dsl@harrowbygreen.example"


class Site:
    """A site on loopback that says what it is told to say."""

    def __init__(self) -> None:
        self.said = b""
        self.headers: dict[str, str] = {}
        self.status = 200
        self.port = 0

    def say_feed(self, *texts: str) -> None:
        """Serve a feed of these."""
        items = "".join(
            f"<item><guid>i{number}</guid><link>http://127.0.0.1:{self.port}/{number}</link>"
            f"<pubDate>Fri, 20 Nov 2026 08:00:00 GMT</pubDate><description>{text}</description></item>"
            for number, text in enumerate(texts)
        )
        self.headers = {"Content-Type": "application/rss+xml"}
        self.said = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()


@pytest.fixture
def site() -> Iterator[Site]:
    """A site that runs."""
    told = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.said)))
            self.end_headers()
            self.wfile.write(told.said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_address[1]
        Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server that runs."""
    with open_post_office() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


@pytest.fixture
def make_app(tmp_path: Path, site: Site, office: PostOffice, clock: Clock) -> Iterator[Callable[..., App]]:
    """Makes an app that reads the site over real HTTP."""
    made: list[App] = []

    def make(more: str = "") -> App:
        path = write_config(
            tmp_path, f"{mail_to(office.port)}\n{more}", **{"127.0.0.1:9/feed": f"127.0.0.1:{site.port}/feed"}
        )
        made.append(start(load(path, {}), clock))
        return made[-1]

    yield make
    for app in made:
        app.close()


@contextmanager
def full_disk(app: App) -> Iterator[None]:
    """No page more fits into the database."""
    engine = app.store._database.engine

    def limit(raw: Any, *_: object) -> None:
        raw.execute("PRAGMA max_page_count = 1")

    def lift(raw: Any, *_: object) -> None:
        raw.execute("PRAGMA max_page_count = 1073741823")

    event.listen(engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(engine, "checkout", limit)
        event.listen(engine, "checkout", lift)


def post_all(app: App) -> None:
    """Send everything."""
    while app.mail_next() is not None:
        pass


def test_the_whole_way_on_either_database(
    database_url: str, make_app: Callable[..., App], site: Site, office: PostOffice, clock: Clock
) -> None:
    app = make_app(f'database: "{database_url}"')
    site.say_feed(threat(1), "Harrowby Green won the cup", "The bus was late")
    found = app.poll_source("Wall")
    app.write.digests()
    post_all(app)

    assert found is not None
    assert (found.read, found.mentions, len(found.recorded.new)) == (3, 2, 1)
    assert [str(letter["Message-ID"]).split(".")[0] for letter in office.to(DSL)] == ["<urgent", "<digest"]
    clock.forward(days=15)
    assert app.forget.run() is None, "the clock is watched for a day first"
    clock.forward(days=1)
    gone = app.forget.run()
    assert gone is not None
    assert gone.texts == 1
    again = app.poll_source("Wall", early=True)
    assert again is not None
    assert again.mentions == 0, "what was forgotten does not come back"


def test_a_filter_that_answers_for_the_site_is_told_as_such(
    make_app: Callable[..., App], site: Site, office: PostOffice, clock: Clock
) -> None:
    app = make_app()
    site.headers = {"Content-Type": "text/html"}
    site.said = (
        b"<html><title>Access to this site is blocked</title><body>This page has been blocked by the web "
        b"filter of your school. Category: social networking. Ask your IT department.</body></html>"
    )
    found = app.poll_source("Wall")
    assert found is not None
    assert found.state is State.FILTERED_HERE
    clock.forward(hours=2)
    app.write.digests()
    post_all(app)

    (digest,) = office.to(DSL)
    assert str(digest["Subject"]).startswith("COVERAGE GAP")
    assert "filter" in words(digest)


def test_a_full_disk_while_recording_loses_nothing(
    make_app: Callable[..., App], site: Site, office: PostOffice, clock: Clock
) -> None:
    app = make_app()
    site.say_feed(*(f"{threat(n)} {'word ' * 400} {n * 7919}" for n in range(30)))
    with full_disk(app), pytest.raises(OperationalError, match="full") as fault:
        app.poll_source("Wall")
    assert app.store.alerts.all() == []
    assert "knife" not in str(fault.value), "errors are logged, and no log quotes a post"

    clock.forward(minutes=11)
    app.poll_source("Wall")
    post_all(app)

    assert len(app.store.alerts.all()) == 30
    assert len({letter["Message-ID"] for letter in office.letters}) == len(office.letters)


def test_a_disk_that_fills_between_two_writes_is_told_at_the_source(
    make_app: Callable[..., App], site: Site, clock: Clock
) -> None:
    app = make_app()
    site.say_feed(*(f"{threat(n)} {'word ' * 400} {n * 7919}" for n in range(30)))
    with full_disk(app):
        try:
            app.poll.run("Wall")
        except OperationalError as error:
            fault = error
    app.poll.stumble(app.poll.sources["Wall"], fault)

    (source,) = app.store.sources.coverage(MORNING, clock())
    assert source.state is State.BEHIND
    assert "database or disk is full" in source.reason
    assert source.next_due_at == clock() + timedelta(minutes=5)


def test_a_full_disk_while_writing_a_notice_owes_it_still(
    make_app: Callable[..., App], site: Site, office: PostOffice
) -> None:
    app = make_app()
    site.say_feed(threat(1))
    app.poll_source("Wall")
    with full_disk(app), pytest.raises(OperationalError, match="full"):
        post_all(app)
    assert len(app.store.notices.owed()) == 2

    post_all(app)

    assert app.store.notices.owed() == []
    assert len(office.to(DSL)) == 1


def test_what_was_sent_and_could_not_be_noted_is_sent_again_under_the_same_id(
    make_app: Callable[..., App], site: Site, office: PostOffice, clock: Clock
) -> None:
    app = make_app()
    site.say_feed(threat(1))
    app.poll_source("Wall")
    app.write.urgent()
    notice = app.store.notices.claim("a worker that dies", clock(), clock() + timedelta(minutes=3))
    assert notice is not None
    app.deliver.post.send(notice.message, notice.recipient)
    clock.forward(minutes=4)
    post_all(app)

    mine = office.to(notice.recipient)
    assert len(mine) == 2
    assert mine[0].as_bytes() == mine[1].as_bytes()


def test_a_database_that_another_process_locks_for_ten_seconds_is_waited_for(
    make_app: Callable[..., App], site: Site, tmp_path: Path
) -> None:
    app = make_app()
    site.say_feed(threat(1))
    lock = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep(10); c.execute('COMMIT')"
    )
    command = [sys.executable, "-c", lock, str(tmp_path / "data" / "monitor.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        began = time.monotonic()
        app.poll_source("Wall")
        waited = time.monotonic() - began

    assert len(app.store.alerts.all()) == 1
    assert waited > 8


def test_a_feed_of_a_hundred_thousand_items_is_read_as_far_as_it_goes_and_the_rest_is_told(
    make_app: Callable[..., App], site: Site
) -> None:
    app = make_app()
    site.say_feed(threat(1), *(f"Bus {number} was late" for number in range(100_000)))
    site.said = gzip.compress(site.said)
    site.headers["Content-Encoding"] = "gzip"

    found = app.poll_source("Wall")

    assert found is not None
    assert found.state is State.PARSE_ERROR
    assert "the rest was over the limit" in found.reason
    assert found.read > 1_000
    assert len(app.store.alerts.all()) == 1
    (source,) = app.store.sources.coverage(MORNING, MORNING)
    assert source.reason == found.reason
