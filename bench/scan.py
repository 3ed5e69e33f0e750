"""A whole scan of 10,000 feed posts, 1 % about the school, against feedparser alone on the same bytes.

Targets: twice the time; peak memory within 50 MB of a scan of 1,000. Run: python bench/scan.py
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread

REPEATS = 3
SAID = (
    "Roadworks on Station Road until Thursday, with buses 4 and 11 diverted through Mill Lane and back.",
    "The library will open on Sundays from January, staffed by volunteers from three villages.",
    "Leek and potato soup, a loaf, and rain against the kitchen window all afternoon.",
    "A zebra crossing was approved on Tuesday after a petition by people who live on the hill.",
    "The choir sings at the old chapel on Saturday evening; tickets at the post office.",
)
ABOUT_US = (
    "Children at Harrowby Green Primary School planted two hundred trees along the old railway on Friday."
)
CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School, also: [Harrowby Green]}}]
sources: [{{name: Paper, platform: feed, url: "{base}/{items}"}}]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
network: {{allow: [127.0.0.1]}}
data: {data}
"""
ALONE = """
import sys, time, feedparser
content = open(sys.argv[1], "rb").read()
started = time.perf_counter()
found = feedparser.parse(content)
print(time.perf_counter() - started, len(found.entries))
"""


def feed(items: int) -> bytes:
    """RSS of so many items with HTML in them; every hundredth speaks of the school."""
    chance = random.Random(7)
    written = []
    for number in range(items):
        text = ABOUT_US if number % 100 == 50 else f"{chance.choice(SAID)} {chance.choice(SAID)}"
        written.append(
            f"<item><title>Item {number} of the day</title><link>https://paper.example/{number}</link>"
            f"<guid>https://paper.example/{number}</guid><pubDate>Fri, 20 Nov 2026 07:30:00 GMT</pubDate>"
            f"<description>&lt;p&gt;{text} Number {number}.&lt;/p&gt;</description></item>"
        )
    return f"<rss version='2.0'><channel><title>Paper</title>{''.join(written)}</channel></rss>".encode()


@contextmanager
def served(feeds: dict[str, bytes]) -> Iterator[str]:
    """The feeds on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = feeds.get(self.path.strip("/"))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def alone(file: Path) -> tuple[float, float]:
    """Seconds that feedparser takes for the file, without and with the start of its process."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", ALONE, file], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0]), time.perf_counter() - started


def scan(base: str, items: int) -> tuple[float, float]:
    """Seconds and peak MB of the whole command `monitor scan` on a new database, its start included."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "monitor.yaml"
        config.write_text(CONFIG.format(base=base, items=items, data=Path(folder) / "data"))
        command = [sys.executable, "-m", "monitor", "scan", "--json", "--config", str(config)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        said = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        assert f'"read": {items}' in said, said
        assert f'"mentions": {items // 100}' in said, said
        return seconds, used.ru_maxrss / 1024


def main() -> int:
    """Print the figures; 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        feeds = {str(items): feed(items) for items in (1_000, 10_000)}
        file = Path(folder) / "feed.xml"
        file.write_bytes(feeds["10000"])
        with served(feeds) as base:
            scan(base, 1_000)
            small = [scan(base, 1_000) for _ in range(REPEATS)]
            # In turns, so that a busy moment of the machine strikes both.
            turns = [(alone(file), scan(base, 10_000)) for _ in range(REPEATS)]
    parsing = median(seconds for (seconds, _), _ in turns)
    bare = median(seconds for (_, seconds), _ in turns)
    ours = median(took for _, (took, _) in turns)
    grown = max(peak for _, (_, peak) in turns) - max(peak for _, peak in small)
    print(f"scan of 10,000, command and all: {ours:.2f} s; the same of feedparser alone: {bare:.2f} s")
    print(
        f"ratio {ours / bare:.2f} (target 2); to feedparser's parsing without its start: {ours / parsing:.2f}"
    )
    print(f"peak: {max(peak for _, peak in small):.0f} MB for 1,000; {grown:+.0f} MB for 10,000 (target 50)")
    return int(ours > 2 * bare or grown > 50)


if __name__ == "__main__":
    sys.exit(main())
