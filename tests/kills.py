"""A worker that is killed with SIGKILL at random moments, and what must be true of it at the end."""

import email
import email.policy
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from aiosmtpd.controller import Controller
from mailserver import stop

from monitor.captures import Capture, Progress
from monitor.evidence.archive import verify
from monitor.store.store import Store, open_store

FEEDS = 24
PLACES = (
    "gate",
    "field",
    "car park",
    "crossing",
    "bus stop",
    "bike shed",
    "chapel",
    "library",
    "lane",
    "pool",
)
NAMES = ("Orla", "Bram", "Tess", "Wilf", "Nia", "Ruben", "Ida", "Cato", "Mabel", "Otis", "Suki", "Fenn")


@dataclass
class Site:
    """Feeds that grow with every kill, each with an ETag: a cursor that ran ahead would lose posts."""

    serious: int
    kills: int
    killed: int = 0
    base: str = ""

    def path_of(self, post: int) -> str:
        """The address of a serious post on this site."""
        return f"/post/{post}"

    def visible(self, feed: int) -> list[int]:
        """The serious posts that this feed shows by now."""
        shown = range(self.serious)
        return [
            post for post in shown if post % FEEDS == feed and post * self.kills <= self.killed * self.serious
        ]

    def text(self, post: int) -> str:
        """A threat in words of its own; invented."""
        name, place = NAMES[post % len(NAMES)], PLACES[post % len(PLACES)]
        return (
            f"I will be waiting for {name} with a knife at the {place} of Harrowby Green at 3, number {post}"
        )

    def feed(self, feed: int) -> str:
        """RSS of the serious posts among ordinary ones."""
        when = format_datetime(datetime.now(UTC))
        items = [
            f"<item><guid>s{post}</guid><link>{self.base}{self.path_of(post)}</link><pubDate>{when}</pubDate>"
            f"<description>{escape(self.text(post))}</description></item>"
            for post in self.visible(feed)
        ]
        ordinary = [
            f"<item><guid>o{feed}-{n}</guid><link>{self.base}/o/{feed}/{n}</link>"
            f"<description>Cake sale number {n} was lovely</description></item>"
            for n in range(30)
        ]
        return f"<rss version='2.0'><channel><title>f</title>{''.join(items + ordinary)}</channel></rss>"

    def answer(self, path: str) -> tuple[str, str] | None:
        """Media type and body of a path."""
        if match := re.fullmatch(r"/feed/(\d+)", path):
            return "application/rss+xml", self.feed(int(match[1]))
        if match := re.fullmatch(r"/post/(\d+)", path):
            text = escape(self.text(int(match[1])))
            return (
                "text/html; charset=utf-8",
                f"<!doctype html><title>p</title><article><p>{text}</p></article>",
            )
        return None


@contextmanager
def served(site: Site) -> Iterator[None]:
    """The site on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = site.answer(self.path)
            if answer is None:
                self.send_error(404)
                return
            body = answer[1].encode()
            # The tag follows what is shown, not the dates.
            tag = f'"{hashlib.sha256(re.sub(rb"<pubDate>.*?</pubDate>", b"", body)).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", answer[0])
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.base = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@dataclass
class Post:
    """A mail server that keeps what it took."""

    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        content = envelope.content  # type: ignore[attr-defined]
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 taken"


CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School, also: [Harrowby Green]}}]
sources:
{sources}
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
mail: {{server: 127.0.0.1, port: {port}, security: none, from: monitor@harrowbygreen.example}}
network: {{allow: [127.0.0.1]}}
data: {data}
"""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Outcome:
    """What was there at the end."""

    alerts: dict[str, list[int]]
    captures: dict[int, list[Capture]]
    message_ids: dict[int, set[str]]
    seconds: float
    kills: int


def kill_and_restart(folder: Path, *, kills: int, serious: int, seed: int, patience: float) -> Outcome:
    """Start the worker and kill it `kills` times, let it finish, and report; needs a browser."""
    chance = random.Random(seed)
    site, post = Site(serious=serious, kills=kills), Post()
    mail_server = Controller(post, hostname="127.0.0.1", port=free_port())
    started = time.monotonic()
    mail_server.start()
    try:
        with served(site):
            port = mail_server.port
            config = folder / "monitor.yaml"
            sources = "\n".join(
                f"  - {{name: Feed {n}, platform: feed, url: '{site.base}/feed/{n}', every: 1m}}"
                for n in range(FEEDS)
            )
            config.write_text(CONFIG.format(sources=sources, port=port, data=folder / "data"))
            for count in range(1, kills + 1):
                with _worker(config, folder) as process:
                    time.sleep(chance.uniform(0.2, 7.0))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                site.killed = count
                if count % 10 == 0:
                    print(f"killed {count} times, {len(post.taken)} mails taken", flush=True)
            site.killed = kills + serious
            with _worker(config, folder) as process:
                with closing(_store(folder / "data")) as store:
                    _await_rest(store, serious, patience)
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)
    finally:
        stop(mail_server)
    with closing(_store(folder / "data")) as store:
        return _outcome(store, post, time.monotonic() - started, kills)


def _store(data: Path) -> Store:
    return open_store(f"sqlite:///{data / 'monitor.db'}", data / "keys" / "posts.key", data / "backups")


@contextmanager
def _worker(config: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "run", "--config", config],
            stdout=log,
            stderr=log,
            env={**os.environ, "TZ": "UTC"},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _await_rest(store: Store, serious: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        addresses = {url for alert in store.alerts.all() for url in alert.urls}
        at_rest = not (store.captures.waiting() or store.notices.owed() or store.notices.unsent())
        if at_rest and len(addresses) >= serious:
            return
        time.sleep(1)


def _outcome(store: Store, post: Post, seconds: float, kills: int) -> Outcome:
    alerts: dict[str, list[int]] = defaultdict(list)
    captures: dict[int, list[Capture]] = {}
    for alert in store.alerts.all():
        captures[alert.number] = store.captures.of_alert(alert.number)
        for url in alert.urls:
            alerts[url.split("/", 3)[3]].append(alert.number)
    message_ids: dict[int, set[str]] = defaultdict(set)
    for message in post.taken:
        if "urgent" in str(message["Message-ID"]):
            for number in _alerts_named(message):
                message_ids[number].add(str(message["Message-ID"]))
    return Outcome(dict(alerts), captures, dict(message_ids), seconds, kills)


def _alerts_named(message: EmailMessage) -> set[int]:
    body = message.get_body(("plain",))
    assert body is not None
    return {int(number) for number in re.findall(r"A-(\d{4,})", f"{message['Subject']} {body.get_content()}")}


def assert_nothing_was_lost(outcome: Outcome, serious: int, evidence: Path) -> None:
    """Every serious post has exactly one alert, one complete capture that verifies, and one Message-ID."""
    expected = {f"post/{post}" for post in range(serious)}
    assert set(outcome.alerts) == expected, f"lost: {sorted(expected - set(outcome.alerts))}"
    assert {len(numbers) for numbers in outcome.alerts.values()} == {1}
    for numbers in outcome.alerts.values():
        taken = outcome.captures[numbers[0]]
        assert [capture.progress for capture in taken] == [Progress.COMPLETE], (numbers[0], taken)
        assert verify(evidence / taken[0].folder) == []
        assert len(outcome.message_ids[numbers[0]]) == 1, (numbers[0], outcome.message_ids[numbers[0]])
