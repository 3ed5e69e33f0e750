"""What a feed costs: our whole fetch from loopback, against feedparser alone on the same bytes.

Run: python bench/feeds.py [--items 1000 10000]. Ends with 1 when the ratio of the largest is above 1.7, or
when the peak of memory grows by more than 50 MB from the smallest to the largest.
"""

import argparse
import io
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIMIT = 1.7
MEMORY_LIMIT = 50
REPEATS = 3
WORDS = "The parish meets at the green on Monday to hear of the fair, the bus and the new crossing. "


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, and the peak of memory in MB in our process and in the one that it started."""

    seconds: float
    own: int
    child: int


def feed(items: int, shape: str) -> bytes:
    """A news feed with so many items, whose descriptions are plain words or HTML."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<channel><title>Bench</title><link>https://bugle.example/</link><description>x</description>"
        f"<language>en-GB</language>{''.join(item(n, shape) for n in range(items))}</channel></rss>"
    ).encode()


def item(n: int, shape: str) -> str:
    """One item; one in a hundred speaks of the school."""
    said = ("Harrowby Green Primary School is in the news. " if n % 100 == 0 else "") + WORDS * 3
    html = escape(f'<p>{said}</p><p><b>More</b> <a href="/n/{n}">here</a></p>')
    return (
        f"<item><title>Item {n} of the bench</title><link>https://bugle.example/n/{n}?utm_source=rss</link>"
        f'<guid isPermaLink="false">bench-{n}</guid><pubDate>Fri, 20 Nov 2026 10:{n % 60:02}:00 GMT</pubDate>'
        f"<dc:creator>P. Penfold</dc:creator>"
        f"<description>{html if shape == 'html' else said}</description></item>\n"
    )


@contextmanager
def served(body: bytes) -> Iterator[str]:
    """A server on loopback that gives this body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/feed.xml"
    server.shutdown()
    server.server_close()


def measure(who: str, url: str) -> None:
    """Measure one way of reading in this process, which does nothing else, and print it."""
    import httpx  # noqa: PLC0415  # each way loads only what it needs

    if who == "feedparser":
        import feedparser  # noqa: PLC0415

        body = httpx.get(url).content  # there is no application here that would hand out a client
        started = time.perf_counter()
        count = len(feedparser.parse(io.BytesIO(body)).entries)
    else:
        from connectors.feed import Feed  # noqa: PLC0415

        source = Feed(name="bench", platform="feed", url=url)
        with httpx.Client(timeout=60) as http:
            started = time.perf_counter()
            count = len(source.fetch(http, None).posts)
    seconds = time.perf_counter() - started
    own, child = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    print(count, seconds, own.ru_maxrss // 1024, child.ru_maxrss // 1024)


def cost(who: str, url: str, items: int) -> Cost:
    """The best of some runs, each in a process of its own: what disturbs one only ever makes it slower."""
    runs = []
    for _ in range(REPEATS):
        command = [sys.executable, __file__, "--measure", who, "--url", url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        if int(said[0]) != items:
            raise SystemExit(f"{who} read {said[0]} of {items} items")
        runs.append(Cost(float(said[1]), int(said[2]), int(said[3])))
    return Cost(
        min(run.seconds for run in runs),
        max(run.own for run in runs),
        max(run.child for run in runs),
    )


def compare(sizes: list[int], shape: str) -> bool:
    """Print the table of one shape of feed; whether it stays within the limits."""
    peaks, ratio = [], 0.0
    for items in sizes:
        body = feed(items, shape)
        with served(body) as url:
            alone, ours = cost("feedparser", url, items), cost("ours", url, items)
        ratio = ours.seconds / alone.seconds
        peaks.append(ours)
        print(
            f"{shape:5} {items:6} items {len(body) / 1e6:5.1f} MB  "
            f"feedparser {alone.seconds:6.2f} s {alone.own:4} MB  "
            f"ours {ours.seconds:6.2f} s {ours.own:4} + {ours.child:3} MB  ratio {ratio:.2f}"
        )
    grown = max(peaks[-1].own - peaks[0].own, peaks[-1].child - peaks[0].child)
    print(f"{shape:5} ratio {ratio:.2f} (at most {LIMIT}), memory +{grown} MB (at most {MEMORY_LIMIT})")
    return ratio <= LIMIT and grown <= MEMORY_LIMIT


def main() -> None:
    """Compare, or measure one way when this process was started for that."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--items", type=int, nargs="+", default=[1000, 10_000])
    options.add_argument("--measure", choices=["feedparser", "ours"], help=argparse.SUPPRESS)
    options.add_argument("--url", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        measure(asked.measure, asked.url)
        return
    results = [compare(asked.items, shape) for shape in ("html", "plain")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
