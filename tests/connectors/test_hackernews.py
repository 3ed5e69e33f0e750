"""Searching Hacker News: what is asked, what is remembered, and what is said when something is amiss."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from connectors import hackernews
from connectors.connector import Refused, Unavailable
from connectors.hackernews import OVERLAP, HackerNews
from connectors.post import Batch, State

PATH = "/api/v1/search_by_date"
START = 1_795_000_000


def hit(number: int, at: int = START, **fields: Any) -> dict[str, Any]:
    """A comment as the search gives it; invented."""
    return {
        "objectID": str(number),
        "created_at_i": at,
        "author": "quillwort",
        "title": None,
        "url": None,
        "story_text": None,
        "comment_text": f"Number {number} on Harrowby Green",
        "story_id": 7,
        "story_title": "Schools &amp; phones",
        "story_url": "https://e.example/phones",
        "parent_id": 8,
        "_highlightResult": {"author": {"value": "quillwort", "matchLevel": "none"}},
    } | fields


@dataclass
class Search:
    """Answers as the real search does: newest first, filtered by time, in pages."""

    site: Any
    answer: Any
    hits: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, _: dict[str, str]) -> Any:
        asked = parse_qs(urlsplit(self.site.asked[-1][0]).query)
        found = [one for one in self.hits if _fits(one, asked["numericFilters"][0])]
        found.sort(key=lambda one: -one["created_at_i"])
        size, page = int(asked["hitsPerPage"][0]), int(asked["page"][0])
        body = {"hits": found[page * size : (page + 1) * size], "nbPages": -(-len(found) // size)}
        return self.answer(json.dumps(body).encode())


def _fits(one: dict[str, Any], filters: str) -> bool:
    for written in filters.split(","):
        name, sign, second = written.partition("<=" if "<=" in written else ">=")
        if (one[name] < int(second)) if sign == ">=" else (one[name] > int(second)):
            return False
    return True


@pytest.fixture
def search(site: Any, answer: Any) -> Search:
    search = Search(site, answer)
    site.answers[PATH] = search
    return search


@pytest.fixture
def source(site: Any) -> HackerNews:
    return HackerNews(name="HN", platform="hackernews", search=("Harrowby Green",), base_url=site.url)


def ids(batch: Batch) -> list[str]:
    return [post.id for post in batch.posts]


def test_a_comment_becomes_a_post_with_the_story_it_belongs_to(
    search: Search, source: HackerNews, http: httpx.Client
) -> None:
    said = 'I don&#x27;t think so.<p>See <a href="https:&#x2F;&#x2F;e.example&#x2F;x">this</a>'
    search.hits = [hit(1, comment_text=said)]

    (post,) = source.fetch(http, None).posts

    assert (post.platform, post.id) == ("hackernews", "1")
    assert post.url == "https://news.ycombinator.com/item?id=1"
    assert post.text == "I don't think so.\n\nSee this"
    assert (post.author, post.parent, post.thread) == ("quillwort", "8", "7")
    assert post.parent_text == "Schools & phones"
    assert post.posted_at == datetime.fromtimestamp(START, UTC)
    assert post.links == ("https://e.example/x",)


def test_a_story_becomes_a_post_with_its_link(search: Search, source: HackerNews, http: httpx.Client) -> None:
    search.hits = [hit(2, title="Harrowby Green bans phones", url="https://e.example/a", comment_text=None)]

    (post,) = source.fetch(http, None).posts

    assert (post.title, post.text, post.links) == ("Harrowby Green bans phones", "", ("https://e.example/a",))


def test_it_asks_for_the_words_together_and_only_reads(
    search: Search, source: HackerNews, http: httpx.Client, site: Any
) -> None:
    source.fetch(http, None)

    asked = parse_qs(urlsplit(site.asked[0][0]).query)
    assert len(site.asked) == 1
    assert (asked["query"], asked["tags"]) == (['"Harrowby Green"'], ["(story,comment)"])


def test_the_next_poll_asks_from_a_little_before_the_newest_so_that_late_ones_are_found(
    search: Search, source: HackerNews, http: httpx.Client, site: Any
) -> None:
    search.hits = [hit(1)]
    first = source.fetch(http, None)
    search.hits += [hit(2, START - 600), hit(3, START + 5), hit(4, START - OVERLAP - 1)]

    second = source.fetch(http, first.cursor)

    assert ids(second) == ["3", "1", "2"]
    assert parse_qs(urlsplit(site.asked[-1][0]).query)["numericFilters"] == [
        f"created_at_i>={START - OVERLAP}"
    ]


def test_nothing_between_two_polls_is_missed_however_much_it_is(
    search: Search, source: HackerNews, http: httpx.Client
) -> None:
    search.hits = [hit(0)]
    cursor = source.fetch(http, None).cursor
    search.hits += [hit(number, START + number) for number in range(1, 1_301)]
    read: list[str] = []
    states = []

    for poll in range(6):
        batch = source.fetch(http, cursor)
        cursor = batch.cursor
        read += ids(batch)
        states.append((batch.state, batch.complete))
        if poll == 0:
            # More comes while the gap is open.
            search.hits += [hit(2_000, START + 2_000)]

    assert set(read) == {str(number) for number in [*range(1_301), 2_000]}
    assert states[0] == (State.BEHIND, False)
    assert states[-1] == (State.OK, True)


def test_a_batch_holds_nothing_twice_whichever_search_found_it(
    search: Search, source: HackerNews, http: httpx.Client
) -> None:
    search.hits = [hit(1), hit(2)]

    batch = source.model_copy(update={"search": ("Harrowby Green", "HGPS")}).fetch(http, None)

    assert ids(batch) == ["1", "2"]


def test_pages_that_repeat_end(site: Any, answer: Any, source: HackerNews, http: httpx.Client) -> None:
    same = {"hits": [hit(number, START + 10) for number in range(100)], "nbPages": 10}
    site.answers[PATH] = answer(json.dumps(same).encode())
    cursor = source.fetch(http, None).cursor
    batches: list[Batch] = []

    for _ in range(2):
        batches.append(source.fetch(http, cursor))
        cursor = batches[-1].cursor

    assert [len(batch.posts) for batch in batches] == [100, 100]
    assert len(site.asked) == 5


def test_a_page_that_repeats_once_is_no_end_although_its_number_says_so(
    site: Any, answer: Any, source: HackerNews, http: httpx.Client
) -> None:
    site.answers[PATH] = answer(json.dumps({"hits": [hit(1)], "nbPages": 1}).encode())
    cursor = source.fetch(http, None).cursor
    newest = {"hits": [hit(number, START + number) for number in range(200, 100, -1)], "nbPages": 2}
    older = {"hits": [hit(number, START + number) for number in range(101, 1, -1)], "nbPages": 1}
    site.answers[PATH] = lambda _: answer(
        json.dumps(older if "%3C%3D" in site.asked[-1][0] else newest).encode()
    )

    first = source.fetch(http, cursor)
    second = source.fetch(http, first.cursor)

    assert (first.state, first.complete) == (State.BEHIND, False)
    assert {*ids(first), *ids(second)} >= {str(number) for number in range(2, 201)}


def test_a_search_that_cannot_go_on_says_that_some_may_be_missing(
    site: Any, answer: Any, source: HackerNews, http: httpx.Client
) -> None:
    cursor = hackernews._Cursor(
        places={"Harrowby Green": hackernews._Place(top=START, low=START - 50, high=START - 10)}
    )
    whole = {"hits": [hit(1)], "nbPages": 1}
    same = {"hits": [hit(2, START - 10)], "nbPages": 10}
    site.answers[PATH] = lambda _: answer(
        json.dumps(same if "%3C%3D" in site.asked[-1][0] else whole).encode()
    )

    batch = source.fetch(http, cursor.model_dump_json())

    assert ids(batch) == ["1", "2"]
    assert (batch.state, batch.complete) == (State.PARSE_ERROR, True)
    assert "may be missing" in batch.reason


def test_a_post_of_the_future_hides_nothing_that_is_written_until_then(
    search: Search, source: HackerNews, http: httpx.Client
) -> None:
    now = int(time.time())
    search.hits = [hit(1, now + 10_000_000)]
    first = source.fetch(http, None)
    search.hits.append(hit(2, now))

    assert "2" in ids(source.fetch(http, first.cursor))


def test_odd_hits_are_left_and_the_others_read(
    site: Any, answer: Any, source: HackerNews, http: httpx.Client
) -> None:
    hits = [
        "word",
        {},
        hit(1, comment_text="🙂"),
        hit(2, created_at_i="soon"),
        hit(3, created_at_i=10**18),
        hit(4, objectID="not-a-number"),
        hit(5, comment_text="\u202eoffice si loohcs eht"),
        hit(6, comment_text=None),
        hit(7, comment_text="Harrowby " * 120_000),
        hit(8, parent_id=None, story_id=None, story_title=None, author=None),
    ]
    site.answers[PATH] = answer(json.dumps({"hits": hits, "nbPages": 1}).encode())

    posts = {post.id: post for post in source.fetch(http, None).posts}

    assert list(posts) == ["1", "not-a-number", "5", "7", "8"]
    assert posts["1"].text == "🙂"
    assert "\u202e" not in posts["5"].text
    assert len(posts["7"].text) == 1_000_000
    assert (posts["8"].author, posts["8"].parent, posts["8"].thread) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "state", "wait"),
    [
        (400, b'{"message":"bad","status":400}', {}, Refused, State.BLOCKED, None),
        (401, b"{}", {}, Refused, State.AUTH_EXPIRED, None),
        (403, b'{"message":"Invalid Application-ID"}', {}, Refused, State.BLOCKED, None),
        (404, b"", {}, Refused, State.BLOCKED, None),
        (410, b"", {}, Refused, State.BLOCKED, None),
        (429, b"slow", {"Retry-After": "90"}, Unavailable, State.RATE_LIMITED, timedelta(seconds=90)),
        (429, b"slow", {}, Unavailable, State.RATE_LIMITED, None),
        (503, b"", {}, Unavailable, State.BEHIND, None),
        (200, b"<html><body>Down for repair</body></html>", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"hits": [{"objectID"', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"errors": ["no"]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"hits": [{"id": 5}]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"[" * 100_000, {}, Unavailable, State.PARSE_ERROR, None),
    ],
)
def test_every_fault_is_said_plainly(
    *,
    site: Any,
    answer: Any,
    source: HackerNews,
    http: httpx.Client,
    status: int,
    body: bytes,
    headers: dict[str, str],
    error: type[Exception],
    state: State,
    wait: timedelta | None,
) -> None:
    site.answers[PATH] = answer(body, status, headers)

    failed = _failure(lambda: source.fetch(http, None))

    assert type(failed) is error
    assert failed.state is state
    assert failed.reason.endswith(".")
    assert getattr(failed, "retry_after", None) == wait


def test_a_cursor_of_another_version_is_only_forgotten(
    search: Search, source: HackerNews, http: httpx.Client
) -> None:
    search.hits = [hit(1)]

    for cursor in ("", "rubbish", '{"places": 7}', '{"places": {"Harrowby Green": {"top": -1}}}', "[]"):
        assert ids(source.fetch(http, cursor)) == ["1"]


def test_searches_need_words(site: Any) -> None:
    for words in ((), ("",), ('""""',)):
        with pytest.raises(ValidationError):
            HackerNews(name="HN", platform="hackernews", search=words)


def _failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")
