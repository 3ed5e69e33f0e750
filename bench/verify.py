"""What it costs to verify a thousand captures, against plain SHA-256 of the same files in the same run.

The captures are as large as real ones: a picture, a page, its words, and an archive, whose own digests are
checked too; behind each is an anchor with real time-stamps of two authorities, as after each alert. Both
sides read from a warm cache, in turns. Target: 100 MB of evidence a second.
Run: python bench/verify.py [--captures 1000]
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

import httpx

from monitor.evidence import wacz
from monitor.evidence.timestamps import Authority, ask, check_stamp, read_roots
from monitor.evidence.verify import THREADS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from authority import make_authority, serve  # these serve the tests too
from vaults import START, Vault, open_vault

TARGET = 100
ROUNDS = 5
PICTURE = 240_000
BODY = 120_000
HEADERS = (("Content-Type", "text/html"),)


def packed(folder: Path) -> bytes:
    """An archive of a page that does not compress."""
    answer = wacz.Answer(
        at=START,
        url="https://forum.example/t/1",
        method="GET",
        sent=(),
        posted=b"",
        status=200,
        reason="OK",
        headers=HEADERS,
        body=Random(1).randbytes(BODY),
        address="127.0.0.1",
    )
    shown = wacz.Shown(url=answer.url, at=START, title="A page")
    wacz.write(folder / "page.wacz", [answer], shown, software="bench", limits=())
    return (folder / "page.wacz").read_bytes()


def filled(folder: Path, captures: int, authority: Authority) -> Vault:
    """A vault with so many captures, an anchor with its time-stamps after each."""
    vault, archive = open_vault(folder / "vault"), packed(folder)
    with httpx.Client() as http:
        for number in range(1, captures + 1):
            vault.at += timedelta(minutes=3)
            vault.capture(number, size=PICTURE, packed=archive)
            vault.anchor(lambda anchor, _: ask(http, authority, anchor.statement, datetime.now(UTC)))
    return vault


def stamped(folder: Path, captures: int) -> tuple[tuple[bytes, ...], Vault]:
    """The same with an authority that openssl runs: its root, and the vault."""
    with serve(make_authority(folder / "authority")) as tower:
        authority = Authority(name="Clock House", url=tower.url, roots=tower.root)
        return read_roots(tower.root), filled(folder, captures, authority)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of the processor."""

    clock: float
    processor: float


def timed(work: Callable[[], object]) -> Took:
    """How long it takes."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - began, time.process_time() - worked)


def told(name: str, size: float, times: Sequence[Took]) -> float:
    """Say how many MB a second that were; gives them by the clock."""
    clock = size / median(took.clock for took in times)
    processor = size / median(took.processor for took in times)
    print(f"{name}: {clock:,.0f} MB/s ({processor:,.0f} MB per second of processor time)")
    return clock


def hashed(path: Path) -> str:
    """Plain SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashed_by_threads(files: list[Path]) -> None:
    """The same by as many threads as a verification has."""
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(hashed, files))


def main() -> int:
    """Measure; 1 when it is slower than it should be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--captures", type=int, default=1_000)
    captures = parser.parse_args().captures
    with tempfile.TemporaryDirectory() as place:
        roots, vault = stamped(Path(place), captures)
        check = partial(check_stamp, roots=roots)
        files = [path for path in vault.root.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        report = vault.verify(check_stamp=check)
        if not report.sound:
            print(report.findings[:3])
            return 1
        verified, plain, threaded = [], [], []
        for _ in range(ROUNDS):
            verified.append(timed(lambda: vault.verify(check_stamp=check)))
            plain.append(timed(lambda: [hashed(path) for path in files]))
            threaded.append(timed(lambda: hashed_by_threads(files)))
        vault.store.close()
    print(f"{captures} captures, {len(files)} files, {size:,.0f} MB, {report.anchors} anchors")
    rate = told(f"verify, of which at least {TARGET} MB/s are wanted", size, verified)
    bare = told("plain SHA-256 of the same files", size, plain)
    told(f"the same by {THREADS} threads", size, threaded)
    print(f"verify takes {bare / rate:.1f} times as long as plain SHA-256")
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
