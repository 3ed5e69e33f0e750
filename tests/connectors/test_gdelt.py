"""Searching GDELT: what is asked, one question at a time, and what is said when something is amiss.

No answer of GDELT was recorded: these have the shape that others describe.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.gdelt import MOST, Gdelt
from connectors.post import Batch, State

PATH = "/api/v2/doc/doc"
START = datetime(2025, 11, 20, 12, tzinfo=UTC)


def article(number: int, minute: int | None = None, **other: Any) -> dict[str, Any]:
    """An article as the list has it; invented."""
    seen = START + timedelta(minutes=number if minute is None else minute)
    return {
        "url": f"https://news.example/{number}",
        "url_mobile": "",
        "title": f"Number {number} on Harrowby Green 's roof , again",
        "seendate": seen.strftime("%Y%m%dT%H%M%SZ"),
        "socialimage": "",
        "domain": "news.example",
        "language": "English",
        "sourcecountry": "United Kingdom",
    } | other


@dataclass
class Gazette:
    """Answers as GDELT does: newest first, within a time, 250 at most."""

    site: Any
    answer: Any
    articles: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, _: dict[str, str]) -> Any:
        asked = parse_qs(urlsplit(self.site.asked[-1][0]).query)
        low, high = (asked.get(name, [""])[0] for name in ("startdatetime", "enddatetime"))
        found = sorted(self.articles, key=lambda one: one["seendate"], reverse=True)
        found = [one for one in found if low <= _digits(one) <= (high or "9")]
        return self.answer(json.dumps({"articles": found[:MOST]} if found else {}).encode())


def _digits(one: dict[str, Any]) -> str:
    return "".join(sign for sign in one["seendate"] if sign.isdigit())


@pytest.fixture
def gazette(site: Any, answer: Any) -> Gazette:
    gazette = Gazette(site, answer)
    site.answers[PATH] = gazette
    return gazette


@pytest.fixture
def source(site: Any) -> Gdelt:
    return Gdelt(name="News", platform="gdelt", search=("Harrowby Green", "HGPS Grantham"), base_url=site.url)


def ids(batch: Batch) -> list[int]:
    return [int(post.id.rpartition("/")[2]) for post in batch.posts]


def test_an_article_becomes_a_post_with_the_word_of_gdelt_that_it_holds_a_name(
    gazette: Gazette, source: Gdelt, http: httpx.Client
) -> None:
    gazette.articles = [
        article(1, url="https://news.example/1?utm_source=x", socialimage="https://news.example/1.jpg"),
        article(2, language="Welsh"),
        article(3, language="Klingon"),
    ]

    klingon, welsh, post = source.fetch(http, None).posts

    assert (post.platform, post.id, post.url) == ("gdelt", "https://news.example/1", "https://news.example/1")
    assert (post.title, post.text) == ("Number 1 on Harrowby Green's roof, again", "")
    assert '"Harrowby Green" or "HGPS Grantham"' in post.parent_text
    assert post.posted_at == START + timedelta(minutes=1)
    assert (post.author, post.has_media, welsh.has_media) == ("news.example", True, False)
    assert (post.language, welsh.language, klingon.language) == ("en", "cy", None)


def test_one_poll_puts_one_question_for_all_names(
    gazette: Gazette, source: Gdelt, http: httpx.Client, site: Any
) -> None:
    batch = source.fetch(http, None)

    (asked,) = (parse_qs(urlsplit(path).query) for path, _ in site.asked)
    assert asked["query"] == ['("Harrowby Green" OR "HGPS Grantham")']
    assert (asked["sort"], asked["maxrecords"], asked["format"]) == (["DateDesc"], ["250"], ["json"])
    assert (batch.posts, batch.complete, batch.state) == ((), True, State.OK)


def test_one_name_stands_without_brackets(gazette: Gazette, http: httpx.Client, site: Any) -> None:
    source = Gdelt(name="News", platform="gdelt", search=('"Harrowby  Green"',), base_url=site.url)

    source.fetch(http, None)

    assert parse_qs(urlsplit(site.asked[0][0]).query)["query"] == ['"Harrowby Green"']


def test_nothing_between_two_polls_is_missed_however_much_it_is(
    gazette: Gazette, source: Gdelt, http: httpx.Client, site: Any
) -> None:
    gazette.articles = [article(1)]
    cursor = source.fetch(http, None).cursor
    gazette.articles += map(article, range(2, 1_100))
    read: set[int] = set()
    batches: list[Batch] = []

    while not batches or (not batches[-1].complete and len(batches) < 30):
        batches.append(source.fetch(http, cursor))
        cursor = batches[-1].cursor
        read |= set(ids(batches[-1]))
        if len(batches) == 2:
            # So many come while the gap is open that a second one opens.
            gazette.articles += map(article, range(1_100, 1_500))
    read |= set(ids(source.fetch(http, cursor)))

    assert read >= set(range(2, 1_500))
    assert (batches[0].state, batches[0].complete) == (State.BEHIND, False)
    assert (batches[-1].state, batches[-1].complete) == (State.OK, True)
    assert len(site.asked) == len(batches) + 2


def test_the_newest_are_read_in_turn_with_an_open_gap(
    gazette: Gazette, source: Gdelt, http: httpx.Client
) -> None:
    gazette.articles = [article(1)]
    cursor = source.fetch(http, None).cursor
    gazette.articles += map(article, range(2, 1_100))
    cursor = source.fetch(http, cursor).cursor
    cursor = source.fetch(http, cursor).cursor
    gazette.articles.append(article(2_000))

    assert 2_000 in ids(source.fetch(http, cursor))


@pytest.mark.parametrize("said", [None, b"Invalid start date."])
def test_what_cannot_be_listed_is_said_to_be_missed(
    *, gazette: Gazette, source: Gdelt, http: httpx.Client, site: Any, answer: Any, said: bytes | None
) -> None:
    gazette.articles = [article(1)]
    cursor = source.fetch(http, None).cursor
    gazette.articles += [article(number, 500) for number in range(2, 600)]
    cursor = source.fetch(http, cursor).cursor
    if said:
        site.answers[PATH] = answer(said)

    batch = source.fetch(http, cursor)

    assert (batch.state, batch.complete) == (State.BEHIND, True)
    assert "were missed" in batch.reason


def test_an_article_of_the_future_hides_nothing_that_is_written_until_then(
    gazette: Gazette, source: Gdelt, http: httpx.Client
) -> None:
    gazette.articles = [article(1), article(2, 10**7)]
    cursor = source.fetch(http, None).cursor
    now = int((datetime.now(UTC) - START).total_seconds()) // 60
    gazette.articles += [article(number, now + 5 + number) for number in range(3, 400)]

    assert not source.fetch(http, cursor).complete


def test_broken_escapes_and_bare_line_ends_do_not_stop_a_list(
    site: Any, answer: Any, source: Gdelt, http: httpx.Client
) -> None:
    body = json.dumps({"articles": [article(1, title="TITLE"), article(2)]}).encode()
    site.answers[PATH] = answer(
        b"\xef\xbb\xbf" + body.replace(b"TITLE", b"A \\'green\\' roof\n\tof \xff ours")
    )

    batch = source.fetch(http, None)

    assert ids(batch) == [1, 2]
    assert batch.posts[0].title.startswith("A \\'green\\' roof of")


def test_odd_articles_are_left_and_the_others_read(
    site: Any, answer: Any, source: Gdelt, http: httpx.Client
) -> None:
    articles = [
        "word",
        {},
        article(1, title="🙂"),
        article(2, seendate="soon"),
        article(3, url="javascript:alert(1)"),
        article(4, title="\u202eoffice si loohcs eht"),
        article(5, title="Harrowby " * 120_000),
        article(6, title=None, domain=7, language=None),
    ]
    site.answers[PATH] = answer(json.dumps({"articles": articles}).encode())

    posts = dict(zip(ids(batch := source.fetch(http, None)), batch.posts, strict=True))

    assert set(posts) == {1, 4, 5, 6}
    assert posts[1].title == "🙂"
    assert "\u202e" not in posts[4].title
    assert len(posts[5].title) == 1_000
    assert (posts[6].title, posts[6].author) == ("", None)


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "state", "wait"),
    [
        (401, b"", {}, Refused, State.AUTH_EXPIRED, None),
        (403, b"", {}, Refused, State.BLOCKED, None),
        (404, b"", {}, Refused, State.BLOCKED, None),
        (410, b"", {}, Refused, State.BLOCKED, None),
        (429, b"slow", {"Retry-After": "90"}, Unavailable, State.RATE_LIMITED, timedelta(seconds=90)),
        (429, b"Please wait.", {}, Unavailable, State.RATE_LIMITED, timedelta(minutes=1)),
        (
            200,
            b"Please limit requests to one every 5 seconds.",
            {},
            Unavailable,
            State.RATE_LIMITED,
            timedelta(minutes=1),
        ),
        (503, b"", {}, Unavailable, State.BEHIND, None),
        (200, b"The specified phrase is too short.", {}, Refused, State.BLOCKED, None),
        (200, b"Your query was too short or too long.", {}, Refused, State.BLOCKED, None),
        (200, b"Invalid start date.", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"<html><body>Down for repair</body></html>", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"articles": [{"url"', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"errors": ["no"]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"articles": [{"id": 5}]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"[" * 100_000, {}, Unavailable, State.PARSE_ERROR, None),
    ],
)
def test_every_fault_is_said_plainly(
    *,
    site: Any,
    answer: Any,
    source: Gdelt,
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
    gazette: Gazette, source: Gdelt, http: httpx.Client
) -> None:
    gazette.articles = [article(1)]

    for cursor in ("", "rubbish", '{"top": -1}', '{"high": 1e30}', "[]"):
        assert ids(source.fetch(http, cursor)) == [1]


def test_searches_need_names_that_fit_into_one_question() -> None:
    for words in ((), ("",), ('""""""',), ("Harrowby Green Primary School " * 3,) * 4):
        with pytest.raises(ValidationError):
            Gdelt(name="News", platform="gdelt", search=words)


def _failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")
