"""Fetching a feed: what is asked, what is remembered, and what is said when something is amiss."""

import gzip
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.feed import Feed, parse
from connectors.post import Batch, Channel, State
from connectors.reading import Page


def feed(url: str, **fields: Any) -> Feed:
    return Feed(name="Local paper", platform="feed", url=url, **fields)


def rss(*guids: str, pad: int = 0, head: str = "") -> bytes:
    items = "".join(
        f"<item><guid>{g}</guid><title>About {g}</title><description>{'word ' * pad}</description></item>"
        for g in guids
    )
    return f'<rss version="2.0"><channel><title>t</title>{head}{items}</channel></rss>'.encode()


def titles(batch: Batch) -> list[str]:
    return [post.title for post in batch.posts]


def test_a_first_fetch_brings_every_item_in_the_order_of_the_feed(
    site: Any, http: httpx.Client, answer: Any, data: Path
) -> None:
    site.answers["/feed"] = answer(
        (data / "local_paper.rss").read_bytes(), headers={"Content-Type": "application/rss+xml"}
    )

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert [post.id for post in batch.posts][:2] == [
        f"{site.host} bugle-1042",
        f"{site.host} https://bugle.example/news/roads",
    ]
    assert (batch.state, batch.reason, batch.complete, batch.gone) == (State.OK, "", True, ())
    assert batch.wait == timedelta(minutes=30)


def test_an_unchanged_feed_is_asked_for_politely_and_brings_nothing(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    def respond(headers: dict[str, str]) -> Any:
        if (
            headers.get("if-none-match") == '"v1"'
            and headers.get("if-modified-since") == "Fri, 20 Nov 2026 08:00:00 GMT"
        ):
            return answer(status=304, headers={"Cache-Control": "max-age=900"})
        return answer(rss("a"), headers={"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 08:00:00 GMT"})

    site.answers["/feed"] = respond
    source = feed(f"{site.url}/feed")
    first = source.fetch(http, None)

    second = source.fetch(http, first.cursor)

    assert titles(first) == ["About a"]
    assert second == Batch(posts=(), cursor=first.cursor, wait=timedelta(minutes=15))


def test_a_cursor_of_another_version_is_only_forgotten(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(rss("a"))

    for cursor in ("", "rubbish", '{"etag": 7}', '{"seen": "x"}', "[]"):
        assert titles(feed(f"{site.url}/feed").fetch(http, cursor)) == ["About a"]


@pytest.mark.parametrize(
    ("headers", "head", "wait"),
    [
        ({}, "", None),
        ({"Cache-Control": "max-age=600"}, "", timedelta(minutes=10)),
        ({"Cache-Control": "max-age=600"}, "<ttl>20</ttl>", timedelta(minutes=20)),
        ({}, "<ttl>99999</ttl>", timedelta(days=1)),
        ({}, "<ttl>soon</ttl>", None),
    ],
)
def test_a_feed_is_left_alone_as_long_as_it_asks(
    *, site: Any, http: httpx.Client, answer: Any, headers: dict[str, str], head: str, wait: timedelta | None
) -> None:
    site.answers["/feed"] = answer(rss("a", head=head), headers=headers)

    assert feed(f"{site.url}/feed").fetch(http, None).wait == wait


def test_a_feed_that_has_moved_for_good_is_read_there_and_said_until_somebody_changes_it(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/old"] = answer(status=301, headers={"Location": "/new?key=secret"})
    site.answers["/new"] = answer(rss("a"))
    source = feed(f"{site.url}/old")
    first = source.fetch(http, None)
    site.asked.clear()

    second = source.fetch(http, first.cursor)

    assert [path for path, _ in site.asked] == ["/new?key=secret"]
    for batch in (first, second):
        assert (
            f"has moved to {site.url}/new?…; please change the address in the configuration" in batch.reason
        )
        assert batch.state is State.OK
        assert batch.posts[0].id == f"{site.host} a"


def test_the_first_address_is_tried_again_when_the_new_one_fails(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/old"] = answer(status=301, headers={"Location": "/new"})
    site.answers["/new"] = answer(rss("a"))
    source = feed(f"{site.url}/old")
    first = source.fetch(http, None)
    site.answers["/old"] = answer(rss("b"))
    del site.answers["/new"]

    second = source.fetch(http, first.cursor)

    assert titles(second) == ["About b"]
    assert second.reason == ""


def test_a_new_address_that_is_no_feed_sends_us_back_to_the_first(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/old"] = answer(status=301, headers={"Location": "/new"})
    site.answers["/new"] = answer(rss("a"))
    source = feed(f"{site.url}/old")
    first = source.fetch(http, None)
    site.answers["/old"] = answer(rss("b"))
    site.answers["/new"] = answer(b"<html><body>This domain is for sale</body></html>")

    assert titles(source.fetch(http, first.cursor)) == ["About b"]


def test_a_new_address_that_asks_for_patience_gets_it(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/old"] = answer(status=301, headers={"Location": "/new"})
    site.answers["/new"] = answer(rss("a"))
    source = feed(f"{site.url}/old")
    first = source.fetch(http, None)
    site.answers["/new"] = answer(status=429)
    site.asked.clear()

    with pytest.raises(Unavailable):
        source.fetch(http, first.cursor)

    assert [path for path, _ in site.asked] == ["/new"]


def test_an_item_without_measure_is_cut_and_said(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(rss("a", pad=250_000))

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert batch.reason == (
        "read 1 items, the rest was over the limit (an item has more than 1000000 characters)."
    )
    assert len(batch.posts[0].text) == 1_000_000


def test_a_redirect_for_now_is_followed_and_forgotten(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/old"] = answer(status=302, headers={"Location": "/new"})
    site.answers["/new"] = answer(rss("a"))

    batch = feed(f"{site.url}/old").fetch(http, None)

    assert (titles(batch), batch.reason) == (["About a"], "")


def test_posts_keep_the_host_of_the_configured_feed_wherever_their_ids_point(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/feed"] = answer(rss("other.example a", "https://other.example/1"))

    for post in feed(f"{site.url}/feed").fetch(http, None).posts:
        assert post.id.startswith(f"{site.host} ")


def test_a_feed_over_the_wire_limit_keeps_its_whole_items_and_says_so(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/feed"] = answer(rss(*map(str, range(5000)), pad=500), headers={"ETag": '"v1"'})

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert 3000 < len(batch.posts) < 5000
    assert batch.state is State.PARSE_ERROR
    assert (
        batch.reason
        == f"read {len(batch.posts)} items, the rest was over the limit (it is larger than 10 MB)."
    )
    assert batch.posts[-1].text == batch.posts[0].text
    assert '"v1"' not in str(batch.cursor), "the rest would be hidden by `not modified`"


def test_a_feed_that_breaks_off_within_its_length_says_so_and_is_whole_the_next_time(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    whole = rss("1", "2", pad=50)
    site.answers["/feed"] = answer(whole[: whole.rindex(b" word")], headers={"ETag": '"v1"'})
    source = feed(f"{site.url}/feed")

    half = source.fetch(http, None)
    site.answers["/feed"] = answer(whole, headers={"ETag": '"v1"'})
    after = source.fetch(http, half.cursor)

    assert (half.state, half.reason) == (
        State.PARSE_ERROR,
        "read 2 items; the end of it did not arrive.",
    )
    assert "if-none-match" not in site.asked[-1][1], "the rest would be hidden by `not modified`"
    assert (after.state, after.reason) == (State.OK, "")
    assert [post.id for post in after.posts] == [post.id for post in half.posts]
    assert [one.revision == other.revision for one, other in zip(half.posts, after.posts, strict=True)] == [
        True,
        False,
    ]


def test_a_small_body_that_expands_past_the_limit_keeps_its_whole_items(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    body = gzip.compress(rss(*map(str, range(400)), pad=40_000), 9)
    site.answers["/feed"] = answer(body, headers={"Content-Encoding": "gzip"})

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert len(body) < 1_000_000
    assert 200 < len(batch.posts) < 400
    assert "60 MB" in batch.reason


def test_a_hundred_thousand_items_end_within_the_limits(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(
        gzip.compress(rss(*(f"g{n}" for n in range(100_000))), 1), headers={"Content-Encoding": "gzip"}
    )
    started = time.monotonic()

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert time.monotonic() - started < 45
    assert len(batch.posts) > 5000
    assert batch.reason.startswith(f"read {len(batch.posts)} items, the rest was over the limit")
    assert [post.id for post in batch.posts[:2]] == [f"{site.host} g0", f"{site.host} g1"]


def test_parsing_that_takes_too_long_is_ended_and_what_was_read_is_kept() -> None:
    page = Page(
        url="https://e.example/",
        status=200,
        headers=httpx.Headers(),
        content=rss(*map(str, range(60_000)), pad=20),
    )
    started = time.monotonic()

    parsed = parse(page, site="e.example", seconds=2)

    assert time.monotonic() - started < 6
    assert 0 < len(parsed.posts) < 60_000
    assert parsed.left == "it took longer than 2 seconds"


def test_a_feed_that_needs_too_much_memory_ends_its_parser_alone_and_keeps_what_was_read() -> None:
    items = b"".join(b"<item><guid>%d</guid></item>" % n for n in range(300))
    content = rss(head="HERE").replace(b"HERE", items + b"<item><title>" + "ŵ ".encode() * 19_000_000)
    page = Page(url="https://e.example/", status=200, headers=httpx.Headers(), content=content)

    parsed = parse(page, site="e.example")

    assert len(parsed.posts) >= 200
    assert parsed.left == "it needs too much memory"


def test_declared_entities_are_refused_with_a_sentence(site: Any, http: httpx.Client, answer: Any) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    site.answers["/feed"] = answer(bomb + rss("a", head="<description>&b;</description>"))

    with pytest.raises(Refused, match="entities") as caught:
        feed(f"{site.url}/feed").fetch(http, None)

    assert caught.value.state is State.PARSE_ERROR


def test_a_block_page_where_a_feed_was_expected_is_the_schools_own_filter(
    site: Any, http: httpx.Client, answer: Any, data: Path
) -> None:
    site.answers["/feed"] = answer(
        (data / "filter_block.html").read_bytes(), headers={"Content-Type": "text/html"}
    )

    with pytest.raises(Refused) as caught:
        feed(f"{site.url}/feed").fetch(http, None)

    assert caught.value.state is State.FILTERED_HERE


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Welcome</body></html>", b"plain words", b"\x89PNG\r\n", b"{}", b"<x/>"]
)
def test_what_is_no_feed_is_a_parse_error_and_no_quiet_day(
    site: Any, http: httpx.Client, answer: Any, body: bytes
) -> None:
    site.answers["/feed"] = answer(body)

    with pytest.raises(Unavailable, match="where a feed was expected") as caught:
        feed(f"{site.url}/feed").fetch(http, None)

    assert caught.value.state is State.PARSE_ERROR


def test_a_feed_that_has_become_empty_says_so(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(rss("a"))
    source = feed(f"{site.url}/feed")
    full = source.fetch(http, None)
    site.answers["/feed"] = answer(rss())

    empty = source.fetch(http, full.cursor)
    still_empty = source.fetch(http, empty.cursor)

    assert full.reason == ""
    assert "no items now" in empty.reason
    assert "no items now" in still_empty.reason


def test_a_feed_without_items_is_a_quiet_day(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(rss())

    batch = feed(f"{site.url}/feed").fetch(http, None)

    assert (batch.posts, batch.state) == ((), State.OK)


def test_a_feed_that_has_turned_over_wholly_since_the_last_time_is_behind(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/feed"] = answer(rss(*(f"old{n}" for n in range(20))))
    source = feed(f"{site.url}/feed")
    first = source.fetch(http, None)
    site.answers["/feed"] = answer(rss(*(f"new{n}" for n in range(20))))

    second = source.fetch(http, first.cursor)

    assert len(second.posts) == 20
    assert second.state is State.BEHIND
    assert "at most 5 pages" in second.reason


def test_older_pages_are_read_until_what_was_known(site: Any, http: httpx.Client, answer: Any) -> None:
    def page(start: int, following: str) -> bytes:
        link = f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="{following}"/>'
        return rss(*(f"p{n}" for n in range(start, start - 20, -1)), head=link)

    site.answers["/feed"] = answer(page(40, "/two"))
    source = feed(f"{site.url}/feed")
    first = source.fetch(http, None)
    site.answers["/feed"] = answer(page(90, "/two"))
    site.answers["/two"] = answer(page(70, "/three"))
    site.answers["/three"] = answer(page(50, "/four"))

    second = source.fetch(http, first.cursor)

    assert len(first.posts) == 20
    assert [post.title for post in second.posts] == [f"About p{n}" for n in range(90, 30, -1)]
    assert (second.state, second.reason) == (State.OK, "")


def test_pages_of_another_host_are_not_read(site: Any, http: httpx.Client, answer: Any) -> None:
    link = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="http://127.0.0.2:1/"/>'
    site.answers["/feed"] = answer(rss(*(f"old{n}" for n in range(20)), head=link))
    source = feed(f"{site.url}/feed")
    first = source.fetch(http, None)
    site.answers["/feed"] = answer(rss(*(f"new{n}" for n in range(20)), head=link))

    assert source.fetch(http, first.cursor).state is State.BEHIND


def test_the_schools_own_feed_is_an_official_account(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/feed"] = answer(rss("a"))

    (post,) = feed(f"{site.url}/feed", official="harrowby-green").fetch(http, None).posts

    assert post.channel is Channel.OFFICIAL_ACCOUNT


@pytest.mark.parametrize(
    "name",
    [
        "local_paper.rss",
        "blog.atom",
        "gazette.rdf",
        "residents.json",
        "google_alerts.atom",
        "video_channel.atom",
        "comments.rss",
        "cut_short.rss",
    ],
)
@pytest.mark.parametrize(
    "media_type", [None, "text/xml", "text/html", "application/octet-stream", "text/xml; charset=utf-8"]
)
def test_every_format_is_read_whatever_the_server_calls_it(
    *, site: Any, http: httpx.Client, answer: Any, data: Path, name: str, media_type: str | None
) -> None:
    site.answers["/feed"] = answer(
        (data / name).read_bytes(), headers={"Content-Type": media_type} if media_type else {}
    )

    assert feed(f"{site.url}/feed").fetch(http, None).posts


def test_the_parser_is_told_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The parser's start would fail if it read either: what stands here is no Python.
    (tmp_path / "json.py").write_text("no python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    page = Page(url="https://e.example/", status=200, headers=httpx.Headers(), content=rss("a"))

    assert len(parse(page, site="e.example").posts) == 1


def test_the_cursor_is_small_and_holds_no_words_of_the_posts(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/feed"] = answer(rss(*(f"g{n}" for n in range(1000))))

    cursor = feed(f"{site.url}/feed").fetch(http, None).cursor

    assert len(str(cursor)) < 5000
    assert "About" not in str(cursor)
    json.loads(str(cursor))


@pytest.mark.parametrize("url", ["", "feed.xml", "ftp://e.example/", "https://a:b@e.example/feed"])
def test_an_address_that_cannot_be_read_is_an_error_of_the_configuration(url: str) -> None:
    with pytest.raises(ValidationError, match="address"):
        feed(url)


def test_the_host_is_said_with_its_port() -> None:
    assert feed("https://News.Example:8443/feed").host == "news.example:8443"
