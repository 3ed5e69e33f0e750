"""Whole captures of local pages, against Playwright's own `goto` and `screenshot` of the same pages.

A capture is the screen print, the archive, the record, its hashes, and all of it on disk, with its place in
the chain; once without pictures, once with the second visit that fetches them. Both use the same Chromium,
warm, in turns in the same run; the bare side has its context and page opened beforehand.
Target: 3.5 times at the median (stretch 2.5). Run: python bench/captures.py
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from statistics import median
from threading import Thread

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from ulid import ULID

from classifiers.rules import Rules
from classifiers.verdict import Passage
from monitor.captures import FIRST, Kind, Link, Order
from monitor.evidence.browser import find_browser
from monitor.evidence.camera import Camera

ROUNDS = 15
TARGET = 3.5
REST = 0.3
"""Seconds in which both sides' next context is opened: posts come minutes apart."""
POST = "The gate of Harrowby Green was left open all afternoon and nobody from the office came out."
OTHER = "The bus was late again this morning, and the shelter on Mill Lane has lost its roof."
STYLE = "body {font: 16px sans-serif; max-width: 50em} article {border: 1px solid; margin: 1em; padding: 1em}"


def picture(number: int) -> bytes:
    """A photograph-like JPEG of 640 by 480."""
    drawn = Image.radial_gradient("L").resize((640, 480)).rotate(7 * number)
    packed = BytesIO()
    Image.merge("RGB", (drawn, drawn.transpose(Image.Transpose.ROTATE_180), drawn)).save(packed, "JPEG")
    return packed.getvalue()


def pages() -> dict[str, tuple[str, bytes]]:
    """An article, a thread of forty posts, and a page that a script writes, with what belongs to them."""
    head = "<!doctype html><meta charset=utf-8><title>Harrowby</title><link rel=stylesheet href=/style.css>"
    post = f"<article id=c7><b>Garden Gnome</b><p>{POST}</p><img src=/1.jpg width=320 height=240></article>"
    others = [f"<article><b>Reader {n}</b><p>{OTHER}</p></article>" for n in range(40)]
    written = f"document.body.innerHTML = {post!r}"
    texts = {
        "/article": ("text/html", f"{head}<h1>News</h1>{post}<script src=/app.js></script>"),
        "/thread": ("text/html", f"{head}{''.join(others[:20])}{post}{''.join(others[20:])}<img src=/2.jpg>"),
        "/written": ("text/html", f"{head}<body><script src=/written.js></script>"),
        "/style.css": ("text/css", STYLE),
        "/app.js": ("text/javascript", "fetch('/more.json').then(answer => answer.json())"),
        "/written.js": ("text/javascript", written),
        "/more.json": ("application/json", '{"more": []}'),
    }
    made = {path: (kind, text.encode()) for path, (kind, text) in texts.items()}
    return made | {f"/{number}.jpg": ("image/jpeg", picture(number)) for number in (1, 2)}


@contextmanager
def served(site: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    """The site on loopback; its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = site.get(self.path, ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def bare(browser: Browser, url: str, to: Path) -> float:
    """Seconds of `goto` and `screenshot` alone."""
    context = browser.new_context(viewport={"width": 1280, "height": 1024})
    page = context.new_page()
    time.sleep(REST)
    started = time.perf_counter()
    page.goto(url)
    page.screenshot(path=to)
    seconds = time.perf_counter() - started
    context.close()
    return seconds


def capture(camera: Camera, url: str, *, pictures: bool) -> float:
    """Seconds of a whole capture, with its place in the chain."""
    at = datetime.now(UTC)
    order = Order(
        id=str(ULID()),
        alert=1,
        school="harrowby-green",
        platform="webpage",
        post_id="c7",
        revision="a1",
        url=f"{url}#c7",
        title="",
        text=POST,
        author="Garden Gnome",
        posted_at=at,
        seen_at=at,
        media_lock=False,
        why=("abuse.harassment_staff",),
        by="rules 1",
        subcategories=("abuse.harassment_staff",),
    )
    started = time.perf_counter()
    taken = camera.take(order, at)
    kept = camera.place(taken, Link(FIRST.index, FIRST.previous_sha256))
    seconds = time.perf_counter() - started
    assert kept.kind is Kind.ELEMENT_SCREENSHOT, kept.limits
    assert kept.limits == (), kept.limits
    assert pictures == any("image/jpeg" in line for line in _index(camera, kept.folder)), kept
    time.sleep(REST)
    return seconds


def _index(camera: Camera, folder: str) -> list[str]:
    from zipfile import ZipFile  # noqa: PLC0415  # not to be timed

    with ZipFile(camera._folder / folder / "page.wacz") as packed:
        return packed.read("indexes/index.cdx").decode().splitlines()


def locks(words: str) -> bool:
    """What the monitor asks of a page's words."""
    return Rules().classify([Passage(words)])[0].media_lock


def main() -> int:
    """Print the figures; 1 when a target is missed."""
    found = find_browser()
    assert found.path is not None, found.reason
    with ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory()))
        place = open_.enter_context(served(pages()))
        chromium = open_.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=found.path, args=["--disable-gpu"])

        def camera(*, pictures: bool) -> Camera:
            return open_.enter_context(
                Camera(
                    folder / f"evidence-{pictures}",
                    browser=found.path,
                    now=lambda: datetime.now(UTC),
                    versions="bench",
                    allow=frozenset({place}),
                    locks=locks,
                    pictures=pictures,
                )
            )

        plain, full = camera(pictures=False), camera(pictures=True)
        urls = [f"http://{place}/{name}" for name in ("article", "thread", "written")]
        ways: tuple[Callable[[str], float], ...] = (
            lambda url: bare(browser, url, folder / "bare.png"),
            lambda url: capture(plain, url, pictures=False),
            lambda url: capture(full, url, pictures=True),
        )
        for way in ways:  # the browsers are warm in a monitor that runs
            way(urls[0])
        # In turns, so that a busy moment of the machine strikes all.
        turns = [tuple(way(url) for way in ways) for _ in range(ROUNDS) for url in urls]
        browser.close()
    alone, without, with_pictures = (median(times) for times in zip(*turns, strict=True))
    print(f"Playwright's goto and screenshot alone: {1000 * alone:.0f} ms (median of {len(turns)})")
    print(f"capture without pictures: {1000 * without:.0f} ms, {without / alone:.2f} times (target {TARGET})")
    print(f"capture with pictures: {1000 * with_pictures:.0f} ms, {with_pictures / alone:.2f} times")
    return int(max(without, with_pictures) > TARGET * alone)


if __name__ == "__main__":
    sys.exit(main())
