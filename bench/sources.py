"""A round over 500 sources of all platforms that answer after 200 ms, and memory over 20 rounds.

Run: python bench/sources.py [--sources 500] [--rounds 20]. The ideal is a round in which each thread only
ever waits for answers: requests x 0.2 s / threads. Ends with 1 when a round takes more than 1.3 times that,
or when memory in the last five rounds lies over 5 per cent above the first five after a warm-up. What a loop
of mere requests takes is printed too, and the round's processor time: where the first is far above the ideal,
the machine was busy with other things.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import httpx

from monitor.app import App, start
from monitor.config.loading import load
from monitor.scheduler import READERS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from villages import CONFIG, PLATFORMS, Village, served  # they serve the tests too

LIMIT = 1.3
GROWTH_LIMIT = 1.05
WAIT = 0.2
STEP = timedelta(hours=7)
WARM_UP = 3


def serve() -> None:
    """Be the platforms: an order is the delay of every answer; more is said; told is what was asked."""
    villages = [Village(platform) for platform in PLATFORMS]
    with served(villages):
        print(json.dumps([[village.platform, village.url] for village in villages]), flush=True)
        for line in sys.stdin:
            print(sum(village.asked for village in villages), flush=True)
            for village in villages:
                village.ready()
                village.now, village.delay = village.now + STEP, float(line)
                village.say("The gates of Harrowby Green were shut again", timedelta(minutes=2))
                village.say("The cake sale was lovely", timedelta(minutes=1))


@dataclass
class Platforms:
    """The process that serves."""

    process: "subprocess.Popen[str]"
    urls: list[tuple[str, str]]

    def go_on(self, delay: float) -> int:
        """Time passes, and more is said; how many requests there were since the last time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{delay}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def platforms() -> Iterator[Platforms]:
    """All platforms in a process of their own, so that they take no time from ours."""
    with subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield Platforms(process, [(name, url) for name, url in json.loads(process.stdout.readline())])
        process.kill()


@dataclass
class Clock:
    """Shows the time of the platforms."""

    at: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def configured(folder: Path, urls: list[tuple[str, str]], count: int) -> Path:
    """A configuration with so many sources, of all platforms in turn."""
    lines = [
        Village(platform, url=url).source.replace(f"name: {platform}", f"name: {platform} {number}", 1)
        for number, (platform, url) in enumerate(islice(cycle(urls), count))
    ]
    path = folder / "monitor.yaml"
    path.write_text(CONFIG.format(sources="\n".join(lines), data=folder / "data"))
    return path


def at_once(work: Callable[[], object]) -> float:
    """Seconds until all readers have done this."""
    began = time.perf_counter()
    with ThreadPoolExecutor(READERS) as readers:
        for done in [readers.submit(work) for _ in range(READERS)]:
            done.result()
    return time.perf_counter() - began


def read(app: App) -> float:
    """Read all that is due, as the scheduler does; in seconds."""

    def reader() -> None:
        for source in app.store.sources.due(app.now()):
            app.poll_source(source)

    return at_once(reader)


def ask(url: str, requests: int) -> float:
    """The same number of mere requests; in seconds."""
    with httpx.Client(timeout=60) as http:

        def reader() -> None:
            for _ in range(requests // READERS):
                http.get(f"{url}/nothing")

        return at_once(reader)


def used() -> float:
    """Seconds of processor time that we and the parsers of feeds have taken."""
    return sum(
        one.ru_utime + one.ru_stime
        for one in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def resident() -> int:
    """Memory that we hold now, in kB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def timed(app: App, clock: Clock, there: Platforms) -> bool:
    """A round against its ideal."""
    there.go_on(WAIT)
    clock.at += STEP
    before = used()
    seconds = read(app)
    taken = used() - before
    requests = there.go_on(WAIT)
    mere = ask(next(url for platform, url in there.urls if platform == "mastodon"), requests)
    ideal = requests * WAIT / READERS
    states = Counter(one.state.value for one in app.store.sources.coverage(clock.at, clock.at))
    print(
        f"{len(app.poll.sources)} sources ({dict(states)}), {requests} requests, {READERS} threads: "
        f"{seconds:.1f} s, ideally {ideal:.1f} s: {seconds / ideal:.2f} times (at most {LIMIT}); "
        f"mere requests {mere / ideal:.2f} times; {taken:.1f} s of processor time",
        flush=True,
    )
    return seconds <= LIMIT * ideal and set(states) == {"ok"}


def flat(app: App, clock: Clock, there: Platforms, rounds: int) -> bool:
    """Memory over rounds that need no waiting."""
    held = []
    for _ in range(WARM_UP + rounds):
        there.go_on(0)
        clock.at += STEP
        read(app)
        held.append(resident())
    first, last = statistics.mean(held[WARM_UP : WARM_UP + 5]), statistics.mean(held[-5:])
    print(
        f"memory over {rounds} rounds: {first / 1024:.0f} MB in the first five, {last / 1024:.0f} MB in the "
        f"last five: {last / first:.3f} times (at most {GROWTH_LIMIT})",
        flush=True,
    )
    return last <= GROWTH_LIMIT * first


def main() -> int:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve()
        return 0
    os.environ["SOAK"] = "let-me-in-please"
    with tempfile.TemporaryDirectory() as name, platforms() as there:
        clock = Clock()
        app = start(load(configured(Path(name), there.urls, asked.sources), os.environ), clock)
        there.go_on(0)
        read(app)
        is_quick = timed(app, clock, there)
        is_flat = flat(app, clock, there, asked.rounds)
        app.close()
    return int(not (is_quick and is_flat))


if __name__ == "__main__":
    sys.exit(main())
