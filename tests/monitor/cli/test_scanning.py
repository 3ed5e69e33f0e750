"""What `scan` says of one source: how far it was read, and how often somebody was asked for that."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from fakes import threat
from jetstream import NOW, SECOND, commit, jetstream

from monitor.app import now

RULES = "classifier: {use: rules}\n"
KEY = "sesame"
THREAT = f"{threat(1)}. Harrowby Green Primary School will see"


@dataclass
class Site:
    """Feeds on loopback, and how often each path was asked for."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=lambda: ["Bake sale", THREAT, "Rain"])

    def feed(self) -> bytes:
        """What was said, as a feed."""
        items = "".join(
            f"<item><guid>{number}</guid><title>{text}</title><link>{self.url}/{number}</link>"
            f"<pubDate>{format_datetime(now())}</pubDate></item>"
            for number, text in enumerate(self.said)
        )
        return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


@contextmanager
def served() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            site.asked[path] += 1
            moved, fails = path == "/moved.xml", path == "/fails.xml"
            body = b"" if moved or fails else site.feed()
            self.send_response(301 if moved else 500 if fails else 200)
            if moved:
                self.send_header("Location", f"/there.xml?key={KEY}")
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield site
        server.shutdown()


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as running:
        yield running


def feed(site: Site, name: str) -> str:
    return f"name: {name}, platform: feed, url: '{site.url}/{name.lower()}.xml'"


def scanned(monitor: Any, *words: str) -> dict[str, dict[str, Any]]:
    printed = monitor("scan", "--json", *words).stdout.splitlines()
    return {found["source"]: found for found in map(json.loads, printed)}


def test_it_says_how_far_one_source_was_read_and_what_was_asked_for_that(
    configured: Callable[..., Any], site: Site
) -> None:
    monitor = configured(feed(site, "Paper"), feed(site, "Other"), more=RULES)

    first = scanned(monitor, "--source", "Paper")
    site.said.append("Fog")
    again = scanned(monitor, "--source", "Paper")

    assert list(first) == list(again) == ["Paper"]
    one, two = first["Paper"], again["Paper"]
    assert (one["state"], one["reason"], one["read"], one["mentions"]) == ("ok", "", 3, 1)
    assert len(one["alerts"]) == 1
    assert (two["read"], two["changed"], two["mentions"], two["alerts"]) == (4, 1, 0, [])
    assert one["cursor_before"] is None
    assert one["cursor_after"] == two["cursor_before"] != two["cursor_after"]
    assert (one["requests"], two["requests"]) == (1, 1)
    assert site.asked == {"/paper.xml": 2}


def test_each_request_is_counted_for_the_source_that_made_it(
    configured: Callable[..., Any], site: Site
) -> None:
    """They are read beside each other, over one client; a redirect is a request more."""
    names = [f"Paper{number}" for number in range(6)]
    monitor = configured(*(feed(site, name) for name in (*names, "Moved", "Fails")), more=RULES)

    found = scanned(monitor)

    assert {name: found[name]["requests"] for name in names} == dict.fromkeys(names, 1)
    assert found["Moved"]["requests"] == site.asked["/moved.xml"] + site.asked["/there.xml"] == 2
    assert found["Fails"]["requests"] == site.asked["/fails.xml"] > 0
    assert sum(one["requests"] for one in found.values()) == site.asked.total()


def test_a_source_that_fails_stays_where_it_was_and_says_why(
    configured: Callable[..., Any], site: Site
) -> None:
    monitor = configured(feed(site, "Fails"), more=RULES)

    (found,) = scanned(monitor).values()

    assert (found["state"], found["read"], found["mentions"], found["alerts"]) == ("behind", 0, 0, [])
    assert "has a fault of its own (500)" in found["reason"]
    assert found["cursor_before"] is found["cursor_after"] is None


def test_a_key_in_an_address_is_not_shown_with_the_cursor(configured: Callable[..., Any], site: Site) -> None:
    monitor = configured(feed(site, "Moved"), more=RULES)

    result = monitor("scan", "--json")

    assert "/there.xml?…" in json.loads(result.stdout)["cursor_after"]
    assert KEY not in result.output


def test_a_stream_says_the_same(configured: Callable[..., Any]) -> None:
    """Two lines: one that asks what time it is there, one that is listened to."""
    with jetstream() as server:
        server.say(commit(NOW - SECOND, "a", text=THREAT), commit(NOW, "b"))
        monitor = configured(
            f"name: Sky, platform: bluesky_stream, servers: ['{server.url}'], silence: 5s", more=RULES
        )
        (found,) = scanned(monitor).values()

    assert (found["state"], found["read"], found["mentions"], len(found["alerts"])) == ("ok", 2, 1, 1)
    assert found["requests"] == len(server.asked) == 2
    assert (found["cursor_before"], json.loads(found["cursor_after"])["time_us"]) == (None, NOW)


def test_a_person_reads_how_many_requests_were_made(configured: Callable[..., Any], site: Site) -> None:
    monitor = configured(feed(site, "Paper"), feed(site, "Moved"), more=RULES)

    assert "\n3 requests made.\nJudged by " in monitor("scan").stdout
