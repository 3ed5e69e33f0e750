"""What a poll costs on a store that holds a million posts, against one that holds ten thousand.

Run: python bench/store.py [--posts 10000 1000000] [--postgres URL]. Ends with 1 when the ratio is above 1.3.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from classifiers.taxonomy import Severity
from classifiers.verdict import Verdict
from connectors.post import Batch, Post
from monitor.alerts import Judgement, Reason
from monitor.mentions.school import Mention
from monitor.store.database import Database
from monitor.store.findings import Findings, Judged
from monitor.store.store import Store, open_store
from monitor.store.tables import mentions, posts, revisions, unrelated

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LIMIT = 1.3
BATCH = 50
AT_ONCE = 20_000
REPEATS = 60
VERDICT = Verdict(abuse=0.0, safeguarding=0.0, reputational=0.0, scores={}, by="bench")
BELOW = Judgement(
    alert=False,
    reason=Reason.BELOW,
    severity=Severity.NONE,
    subcategory=None,
    subcategories=(),
    why=(),
    roles=(),
    urgent=False,
    media_lock=False,
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A store that holds so many posts, and as many hashes of posts that concern nobody."""

    store: Store
    held: int


def fill(database: Database, count: int) -> None:
    """Put the posts in by bulk: a mention below threshold each, and a hash each."""
    with database.reading() as connection:
        source = connection.execute(text("SELECT id FROM sources")).scalar_one()
    for start in range(1, count + 1, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count + 1))
        with database.writing() as connection:
            for table, rows in _rows(source, numbers):
                connection.execute(insert(table), rows)
    _settle(database)


def _rows(source: int, numbers: Sequence[int]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    yield posts, [_post_row(source, number) for number in numbers]
    yield revisions, [_revision_row(number) for number in numbers]
    yield mentions, [_mention_row(number) for number in numbers]
    yield unrelated, [_hash_row(source, number) for number in numbers]


def _digest(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def _post_row(source: int, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "platform": "feed",
        "post_id": _digest(number),
        "source": source,
        "url": f"https://paper.example/{number}",
        "channel": "public_mention",
        "parent_text": "",
        "links": [],
        "has_media": False,
        "sensitive": False,
        "seen_at": AT,
        "changed_at": AT - timedelta(seconds=number),
        "reconsider": False,
    }


def _revision_row(number: int) -> dict[str, Any]:
    words = f"Harrowby Green held its fair, and {number} came. " * 5
    return {
        "id": number,
        "post": number,
        "revision": _digest(-number),
        "title": "Fair",
        "text": words,
        "seen_at": AT,
    }


def _mention_row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "post": number,
        "school_id": "harrowby-green",
        "revision": number,
        "at": AT,
        "spans": [],
        "reasons": ["the name stands in the text"],
        "confidence": 0.9,
        "ambiguous": False,
        "others": [],
        "verdict": {},
        "judged": Reason.BELOW.value,
        "severity": 0,
        "alert": False,
    }


def _hash_row(source: int, number: int) -> dict[str, Any]:
    return {"source": source, "hash": bytes.fromhex(_digest(number))[:16], "last_served": AT.date()}


def _settle(database: Database) -> None:
    """What PostgreSQL does by itself after a while: statistics. And its ids go on where the bulk ended."""
    with database.writing() as connection:
        if database.on_sqlite:
            return
        for table in (posts, revisions, mentions):
            name = table.name
            connection.execute(text(f"SELECT setval('{name}_id_seq', (SELECT max(id) FROM {name}))"))
        connection.execute(text("ANALYZE"))


def open_filled(url: str, folder: Path, count: int) -> Filled:
    """A store of this size."""
    folder.mkdir()
    store = open_store(url, folder / "key", folder / "backups")
    store.sources.sync({"paper": ("feed", timedelta(minutes=15))}, AT)
    database = Database(url)
    fill(database, count)
    database.close()
    return Filled(store, count)


def batch(number: int) -> list[Post]:
    """Fifty posts: half of them new at each poll, half as the poll before left them."""
    first = number * BATCH // 2
    return [
        Post(
            platform="feed", id=f"new-{one}", url=f"https://paper.example/new/{one}", text=f"The fair, {one}"
        )
        for one in range(first, first + BATCH)
    ]


def poll(store: Store, number: int) -> float:
    """What one poll's share of the store costs, in seconds: what has changed, and recording it."""
    read = batch(number)
    began = time.perf_counter()
    changed = store.posts.changed("paper", read)
    judged = [
        Judged(
            mention=Mention(post=post, school="harrowby-green", spans=(), confidence=0.9, reasons=("name",)),
            verdict=VERDICT,
            judgement=BELOW,
            baseline=False,
            hear_now=(),
        )
        for post in changed[:2]
    ]
    findings = Findings(
        source="paper",
        batch=Batch(posts=tuple(read), cursor=str(number)),
        changed=changed,
        judged=judged,
        next_due_at=AT,
    )
    store.record(findings, AT)
    return time.perf_counter() - began


def compare(small: Filled, large: Filled) -> float:
    """How many times as long a poll on the large store takes, both polled in turn."""
    for number in range(5):
        poll(small.store, number)
        poll(large.store, number)
    times = [(poll(small.store, number), poll(large.store, number)) for number in range(5, REPEATS)]
    few, many = (statistics.median(column) for column in zip(*times, strict=True))
    sys.stdout.write(
        f"a poll of {BATCH} posts: {few * 1000:.2f} ms on {small.held:,} posts, {many * 1000:.2f} ms on "
        f"{large.held:,}: {many / few:.2f} times (at most {LIMIT})\n"
    )
    return float(many / few)


def main() -> int:
    """Print the ratio for SQLite, and for PostgreSQL where a server is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, nargs=2, default=(10_000, 1_000_000), metavar=("SMALL", "LARGE"))
    parser.add_argument("--postgres", nargs=2, metavar="URL", help="two empty databases, one for each size")
    asked = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = {"SQLite": [f"sqlite:///{folder / size}.db" for size in ("small", "large")]}
        if asked.postgres:
            places["PostgreSQL"] = asked.postgres
        for kind, urls in places.items():
            sys.stdout.write(f"{kind}: ")
            filled = [
                open_filled(url, folder / f"{kind}-{count}", count)
                for url, count in zip(urls, asked.posts, strict=True)
            ]
            worst = max(worst, compare(*filled))
            for one in filled:
                one.store.close()
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
