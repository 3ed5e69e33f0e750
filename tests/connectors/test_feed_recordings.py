"""Every recorded feed through our parser: none crashes or hangs, the hostile are harmless, none is misread.

test_recordings.py takes them through the whole connector.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.feed_parser import Asked, End, Head, RefusedFeed, read_feed
from connectors.post import Post
from connectors.text import when

_SCRIPT = re.compile(
    r"<\s*/?\s*script\b|\bjavascript:\S|\bon(?:abort|blur|change|click|error|focus|load|mouse\w+)\s*=", re.I
)
_MARKUP = re.compile(r"<\s*/?\s*(?:style|iframe|object|embed|meta|link|applet|frame|img|a)\b", re.I)


_FORMATS = {".xml", ".rss", ".atom"}


@dataclass(frozen=True)
class Reading:
    """What one recording gave, in this process."""

    name: str
    version: str
    posts: tuple[Post, ...]
    remark: str


def recordings(folder: Path) -> list[Path]:
    """Every feed under a folder: not its indexes, nor what other programs made of it."""
    found = [
        path for path in folder.rglob("*") if path.suffix in _FORMATS or path.name.startswith("jsonfeed")
    ]
    return sorted(path for path in found if not path.name.endswith(".serde.json"))


def reading(path: Path, folder: Path) -> Reading:
    """One recording through our parser."""
    name = str(path.relative_to(folder))
    asked = Asked(url="https://feeds.example/feed.xml", site="feeds.example", path="/feed.xml")
    try:
        things = list(read_feed(path.read_bytes(), asked))
    except RefusedFeed as refused:
        return Reading(name, "", (), f"refused: {refused}")
    version = next((thing.version for thing in things if isinstance(thing, Head)), "")
    left = next((thing.left for thing in things if isinstance(thing, End)), "no end")
    return Reading(name, version, tuple(thing for thing in things if isinstance(thing, Post)), left)


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "recordings" / "feeds"


@pytest.fixture(scope="module")
def readings(folder: Path) -> list[Reading]:
    return [reading(path, folder) for path in recordings(folder)]


def oracles(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((folder / "real" / "feed-rs").glob("*.serde.json")):
        yield (
            next(path.parent.glob(path.name.removesuffix(".serde.json") + ".xml")),
            json.loads(path.read_text()),
        )


def test_every_recording_is_read_within_a_second(folder: Path) -> None:
    for path in recordings(folder):
        started = time.monotonic()

        reading(path, folder)

        assert time.monotonic() - started < 1, path


def test_only_feeds_that_declare_entities_are_refused(readings: list[Reading], folder: Path) -> None:
    refused = {each.name for each in readings if each.remark.startswith("refused")}

    assert refused == {each.name for each in readings if b"<!ENTITY" in (folder / each.name).read_bytes()}


def test_no_script_survives_into_text_and_no_entity_is_expanded(readings: list[Reading]) -> None:
    for each in readings:
        for post in each.posts:
            assert not _SCRIPT.search(post.body), each.name
            assert not (each.name.startswith("hostile/") and _MARKUP.search(post.body)), each.name
            assert len(post.body) < 1_000_000, each.name
            assert "root:" not in post.body, each.name


def test_every_post_can_be_stored_and_found_again(readings: list[Reading]) -> None:
    for each in readings:
        assert len({post.id for post in each.posts}) == len(each.posts), each.name
        for post in each.posts:
            post.revision  # noqa: B018  # raises if the text cannot be written down
            assert post.id.startswith("feeds.example ")
            assert post.url.startswith(("http://", "https://")), each.name
            assert all(link.startswith(("http://", "https://")) for link in post.links), each.name
            assert not re.search(r"[?&](?:utm_|fbclid|gclid)", " ".join((post.url, *post.links))), each.name


def test_every_real_feed_gives_its_items(readings: list[Reading], folder: Path) -> None:
    for each in readings:
        if each.name.startswith("real/"):
            content = (folder / each.name).read_bytes()
            tags = len(re.findall(rb"<(?:item|entry)[\s>]", content))
            items = len(json.loads(content)["items"]) if each.version == "json" else tags
            assert len(each.posts) == items, each.name


def test_titles_links_and_times_agree_with_an_independent_parser(folder: Path) -> None:
    compared = 0
    for path, oracle in oracles(folder):
        posts = reading(path, folder).posts
        for post, entry in zip(posts, oracle["entries"], strict=True):
            assert told(post.title) == told((entry.get("title") or {}).get("content") or ""), path
            said = entry.get("published") or entry.get("updated")
            if said:
                assert post.posted_at == when(said), path
            compared += 1
    assert compared > 3


def test_dates_in_feeds_are_read_as_the_recorded_pairs_say(folder: Path) -> None:
    pairs = json.loads((folder / "dates" / "date_pairs.json").read_text())
    read = wrong = 0
    for pair in pairs:
        if pair["expected_utc_tuple"] is None or not pair["input"].isascii():
            continue
        year, month, day, hour, minute, second = pair["expected_utc_tuple"][:6]
        expected = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        post = dated(pair["input"])
        read += 1
        wrong += post.posted_at is None or abs(post.posted_at - expected) > timedelta(seconds=1)
    assert read > 20
    assert wrong == 0


def told(title: str) -> str:
    return " ".join(title.split())


def dated(written: str) -> Post:
    item = f"<item><title>t</title><pubDate>{written}</pubDate></item>"
    body = f"<rss version='2.0'><channel>{item}</channel></rss>"
    return next(
        thing
        for thing in read_feed(body.encode(), Asked(url="https://e.example/", site="e"))
        if isinstance(thing, Post)
    )
