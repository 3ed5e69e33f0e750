"""Captures in a row, of all kinds of pages: what came of each, and what browser and worker weigh."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from pages import SET, Shown, fetched_media, put_up
from scenes import AT
from sites import Site, serving

from monitor.captures import Kind, Taken
from monitor.evidence import processes
from monitor.evidence.camera import Camera, CaptureFailed

FILED, REFUSED, AGAIN = "filed", "refused", "to be tried again"


@dataclass(frozen=True, slots=True)
class Ten:
    """What lived after ten captures, in bytes: the browser's processes, and this one."""

    browser: float
    worker: float


@dataclass(frozen=True)
class Series:
    """A number of captures in a row: how each ended, in seconds and bytes."""

    ends: list[tuple[Shown, str, str]]
    seconds: list[float]
    browser: list[int]
    worker: list[int]
    dead: list[set[int]]
    media: list[str]

    def ten(self, end: int) -> Ten:
        """The ten captures before this one, on average."""
        return Ten(mean(self.browser[end - 10 : end]), mean(self.worker[end - 10 : end]))

    @property
    def zombies(self) -> set[int]:
        """Processes that were dead for the length of a capture, and that nobody noticed; at the end, any."""
        lasting = (one & other for one, other in pairwise(self.dead))
        return set().union(*lasting)

    def wrong(self) -> list[str]:
        """Captures that did not end as their page deserves."""
        return [
            f"{page.name}: {end} ({said})"
            for page, end, said in self.ends
            if end != (FILED if page.filed else AGAIN if page.again else REFUSED) or page.tells not in said
        ]

    def told(self) -> str:
        """The figures, in a line."""
        ends = ", ".join(f"{count} {end}" for end, count in Counter(end for _, end, _ in self.ends).items())
        return (
            f"{len(self.ends)} captures: {ends}; median {median(self.seconds):.2f} s, longest "
            f"{max(self.seconds):.1f} s; {len(self.zombies)} zombies"
        )


def take_series(folder: Path, browser: Path, count: int, *, seconds: float) -> Series:
    """Take that many captures, of each page of the set in its turn; `seconds` is what one may take."""
    series = Series([], [], [], [], [], [])
    with _studio(folder, browser, seconds) as (site, lens):
        for number in range(count):
            page = SET[number % len(SET)]
            began = time.monotonic()
            series.ends.append((page, *_taken(lens, page, site)))
            series.seconds.append(time.monotonic() - began)
            assert lens._child is not None
            series.browser.append(processes.memory_of(lens._child.scratch))
            series.worker.append(_weight())
            series.dead.append(zombies())
            series.media.extend(fetched_media(site))
            site.asked.clear()
    series.dead.extend([zombies()] * 2)
    return series


@contextmanager
def _studio(folder: Path, browser: Path, seconds: float) -> Iterator[tuple[Site, Camera]]:
    with serving() as site:
        put_up(site)
        with Camera(
            folder,
            browser=browser,
            now=lambda: AT,
            versions="monitor 0.1.0",
            allow=frozenset({site.place}),
            seconds=seconds,
        ) as lens:
            yield site, lens


def _taken(lens: Camera, page: Shown, site: Site) -> tuple[str, str]:
    """How it ended, and what is said about it."""
    try:
        taken = lens.take(page.order(site), AT)
    except CaptureFailed as failure:
        return AGAIN, failure.reason
    return _end(taken), " ".join(taken.limits)


def _end(taken: Taken) -> str:
    return FILED if taken.kind in (Kind.ELEMENT_SCREENSHOT, Kind.PAGE_SCREENSHOT) else REFUSED


def _weight() -> int:
    """What this process holds, files that it shares with others aside."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def zombies() -> set[int]:
    """Processes that have ended and that nobody noticed, of those that we or ours started."""
    table = {int(entry.name): _stat(entry) for entry in Path("/proc").glob("[0-9]*")}
    ours = {os.getpid()}
    while more := {pid for pid, (_, parent) in table.items() if parent in ours} - ours:
        ours |= more
    return {pid for pid in ours if table.get(pid, ("", 0))[0] == "Z"}


def _stat(entry: Path) -> tuple[str, int]:
    """State and parent of a process."""
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "", 0  # it has ended meanwhile
    return state, int(parent)
