"""Watching a public page: its items, its rules for machines, and the walls in front of it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, State
from connectors.webpage import WebPage

TODAY = {"Date": "Sat, 21 Nov 2026 08:00:00 GMT"}


def page(url: str, **fields: Any) -> WebPage:
    return WebPage(name="Village forum", platform="webpage", url=url, **fields)


def fetch(body: bytes, *, headers: dict[str, str] | None = None, **fields: Any) -> Batch:
    """One fetch of a page with this body from a site without robots.txt."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/robots.txt":
            return httpx.Response(404)
        return httpx.Response(200, headers={"content-type": "text/html"} | (headers or {}), content=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        return page("https://forum.example/t/1?page=2", **fields).fetch(http, None)


def test_each_comment_is_a_post_with_its_own_address(data: Path) -> None:
    first, second, third = fetch((data / "forum.html").read_bytes()).posts

    assert first.id == "forum.example /t/1?page=2 comment-1"
    assert first.url == "https://forum.example/t/1?page=2#comment-1"
    assert first.text == "The gates were shut again. See this."
    assert (first.author, first.posted_at) == ("Jo", datetime(2026, 11, 20, 9, tzinfo=UTC))
    assert first.links == ("https://forum.example/photos",)
    assert (first.title, first.language) == ("Harrowby Green gates - Village forum", "en-GB")
    assert first.thread == "https://forum.example/t/1?page=2"
    assert (third.text, third.has_media) == ("Walk instead.", True)
    assert second.text == "Same on Tuesday."


def test_an_answer_inside_a_comment_knows_what_it_answers(data: Path) -> None:
    first, second, _ = fetch((data / "forum.html").read_bytes()).posts

    assert (second.parent, second.parent_text) == (first.id, first.text)
    assert "Same on Tuesday" not in first.text


def test_a_page_that_only_counts_on_changes_no_revision(data: Path) -> None:
    before = (data / "forum.html").read_bytes()
    after = (
        before.replace(b"3 hours ago", b"4 hours ago")
        .replace(b"12 likes", b"15 likes")
        .replace(b"2 hours", b"3 hours")
    )
    after = after.replace(b"(3) Harrowby", b"(9) Harrowby")

    assert [post.revision for post in fetch(before).posts] == [post.revision for post in fetch(after).posts]


def test_a_selector_says_what_an_item_is() -> None:
    body = (
        b"<html><title>Board</title><div class=n><h3><a href='/n/7?utm_source=x'>Lost scarf</a></h3>"
        b"Blue wool.</div><div class=n>Second</div><div>Other</div></html>"
    )

    first, second = fetch(body, items="div.n").posts

    assert (first.title, first.url, first.text) == (
        "Lost scarf",
        "https://forum.example/n/7",
        "Lost scarf\n\nBlue wool.",
    )
    assert (second.title, second.text) == ("Board", "Second")
    assert second.id.startswith("forum.example /t/1?page=2 made:")


def test_a_selector_that_finds_nothing_is_no_quiet_day() -> None:
    batch = fetch(b"<html><title>Board</title><p>words</p></html>", items="div.n", headers={"etag": '"1"'})

    assert (batch.posts, batch.state) == ((), State.PARSE_ERROR)
    assert "div.n" in batch.reason
    assert '"1"' not in str(batch.cursor)


@pytest.mark.parametrize("empty", ["<br>", "<hr>", "<b></b>"])
def test_a_page_of_very_many_elements_is_read_whole_and_soon(empty: str) -> None:
    first, last = "The gates were shut again today, said Jo.", "Walk there instead, all of you."
    started = time.process_time()

    posts = fetch(f"<p>{first}{empty * 200_000}</p><p>{last}</p>".encode()).posts

    assert time.process_time() - started < 5
    text = "\n".join(post.text for post in posts)
    assert first in text
    assert last in text


def test_without_items_each_paragraph_is_a_post_and_a_new_one_leaves_the_others_alone(data: Path) -> None:
    before = (data / "notices.html").read_bytes()
    after = before.replace(
        b"<h1>Notices</h1>",
        b"<h1>Notices</h1><p>The bus to Grantham leaves ten minutes earlier from Monday onwards.</p>",
    )

    old, new = fetch(before).posts, fetch(after).posts

    assert [post.text for post in old][
        1
    ] == "A blue scarf was found by the school gate; ask at the office, which opens at nine o'clock each day."
    assert {post.title for post in old} == {"Parish notices"}
    assert "Cookies" not in "".join(post.text for post in old)
    assert len(new) == len(old) + 1
    assert old[1].id in {post.id for post in new}


def test_the_schools_own_page_is_an_official_account(data: Path) -> None:
    posts = fetch((data / "forum.html").read_bytes(), official="harrowby-green").posts

    assert {post.channel for post in posts} == {Channel.OFFICIAL_ACCOUNT}


@pytest.mark.parametrize(
    ("head", "encoding", "headers"),
    [
        (b"", "utf-8", {}),
        (b"", "windows-1252", {}),
        (b"<meta charset=iso-8859-1>", "iso-8859-1", {}),
        (b"", "iso-8859-15", {"content-type": "text/html; charset=iso-8859-15"}),
        (b"<meta charset=nonsense>", "utf-8", {"content-type": "text/html; charset=rubbish"}),
        (b"", "utf-8-sig", {}),
    ],
)
def test_pages_are_read_in_their_own_encoding(head: bytes, encoding: str, headers: dict[str, str]) -> None:
    body = (
        b"<html>"
        + head
        + "<div class=n>Café Ysgol</div><div class=n>x</div></html>".encode(encoding.removesuffix("-sig"))
    )
    body = b"\xef\xbb\xbf" + body if encoding.endswith("-sig") else body

    assert fetch(body, items=".n", headers=headers).posts[0].text == "Café Ysgol"


def test_the_rules_for_machines_are_asked_first_and_kept(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/robots.txt"] = answer(b"User-agent: *\nDisallow: /t/")
    site.answers["/t/1"] = answer(b"<html><p>words</p></html>")

    with pytest.raises(Refused, match=r"robots\.txt") as caught:
        page(f"{site.url}/t/1").fetch(http, None)

    assert caught.value.state is State.BLOCKED
    assert [path for path, _ in site.asked] == ["/robots.txt"]


def test_rules_that_name_us_count_before_those_for_all(
    site: Any, http: httpx.Client, answer: Any, data: Path
) -> None:
    site.answers["/robots.txt"] = answer(
        b"User-agent: *\nDisallow: /\n\nUser-agent: SchoolMentionMonitor\nAllow: /\nCrawl-delay: 90"
    )
    site.answers["/t/1"] = answer((data / "forum.html").read_bytes())

    batch = page(f"{site.url}/t/1").fetch(http, None)

    assert len(batch.posts) == 3
    assert batch.wait == timedelta(seconds=90)


def test_the_rules_are_asked_for_once_a_day(data: Path) -> None:
    asked: list[str] = []
    date = {"now": "Sat, 21 Nov 2026 08:00:00 GMT"}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        body = (
            b"User-agent: *\nAllow: /"
            if request.url.path == "/robots.txt"
            else (data / "forum.html").read_bytes()
        )
        return httpx.Response(200, headers={"Date": date["now"], "Content-Type": "text/html"}, content=body)

    source, cursor = page("https://forum.example/t/1"), None
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        for now in ("21 Nov 2026 08:00", "21 Nov 2026 20:00", "22 Nov 2026 08:30", "22 Nov 2026 09:00"):
            date["now"] = f"Sat, {now}:00 GMT"
            cursor = source.fetch(http, cursor).cursor

    assert asked == ["/robots.txt", "/t/1", "/t/1", "/t/1", "/robots.txt", "/t/1"]


def test_a_site_whose_rules_cannot_be_read_is_not_read_now(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/robots.txt"] = answer(status=500)

    with pytest.raises(Unavailable):
        page(f"{site.url}/t/1").fetch(http, None)

    assert [path for path, _ in site.asked] == ["/robots.txt"]


def test_an_unchanged_page_brings_nothing(site: Any, http: httpx.Client, answer: Any, data: Path) -> None:
    def respond(headers: dict[str, str]) -> Any:
        known = headers.get("if-none-match") == '"7"'
        return (
            answer(status=304)
            if known
            else answer((data / "forum.html").read_bytes(), headers={"ETag": '"7"'})
        )

    site.answers["/t/1"] = respond
    source = page(f"{site.url}/t/1")
    first = source.fetch(http, None)

    second = source.fetch(http, first.cursor)

    assert (len(first.posts), len(second.posts)) == (3, 0)
    assert second.state is State.OK


def test_a_page_that_breaks_off_within_its_length_says_so_and_is_whole_the_next_time(
    site: Any, http: httpx.Client, answer: Any, data: Path
) -> None:
    whole = (data / "forum.html").read_bytes()
    until = whole.rindex(b"</p>") - 10
    site.answers["/t"] = answer(whole[:until], headers={"ETag": '"v1"'})
    source = page(f"{site.url}/t")

    half = source.fetch(http, None)
    site.answers["/t"] = answer(whole, headers={"ETag": '"v1"'})
    after = source.fetch(http, half.cursor)

    assert (half.state, half.reason) == (
        State.PARSE_ERROR,
        f"read {len(half.posts)} items; the end of it did not arrive.",
    )
    assert "if-none-match" not in site.asked[-1][1], "the rest would be hidden by `not modified`"
    assert (after.state, after.reason) == (State.OK, "")
    assert [post.id for post in after.posts] == [post.id for post in half.posts]
    assert after.posts[-1].text.startswith(half.posts[-1].text)
    assert after.posts[-1].revision != half.posts[-1].revision


@pytest.mark.parametrize(
    "end",
    [
        b"<div><p>More of it, which goes on and",
        b"</p><a href='/ne",
        b"<ul><li>One<li>Two",
        b"<table><tr><td>1",
    ],
)
def test_a_page_breaks_off_within_a_tag_or_within_what_holds_it_together(end: bytes) -> None:
    batch = fetch(b"<!doctype html><html><body><p>The gates stay shut until Monday, says the council." + end)

    assert batch.state is State.PARSE_ERROR
    assert batch.reason.endswith("the end of it did not arrive.")


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b"</p>",
        b"<p>More",
        b"<ul><li>One<li>Two</ul>",
        b"<div><div>sloppy</div></body>",
        b"</div></html>",
        b"<script>'<div>'</script><!-- <div> -->",
        b"<p>Are 3 < 4?",
    ],
)
def test_a_page_that_is_only_written_carelessly_has_arrived_whole(end: bytes) -> None:
    batch = fetch(b"<!doctype html><html><body><p>The gates stay shut until Monday, says the council." + end)

    assert (batch.state, batch.reason) == (State.OK, "")


def test_a_page_that_has_moved_is_said(site: Any, http: httpx.Client, answer: Any, data: Path) -> None:
    site.answers["/old"] = answer(status=301, headers={"Location": "/new"})
    site.answers["/new"] = answer((data / "forum.html").read_bytes())

    batch = page(f"{site.url}/old").fetch(http, None)

    assert f"has moved to {site.url}/new; please change" in batch.reason
    assert batch.posts[0].id.startswith(f"{site.host} /old "), "ids stay with the configured address"


@pytest.mark.parametrize(
    ("body", "error", "state"),
    [
        (b"<html><title>Page not found</title><p>Sorry</p></html>", Refused, State.BLOCKED),
        (b"<html><title>404 - Forum</title><p>Sorry</p></html>", Refused, State.BLOCKED),
        (
            b"<html><title>Thread</title><p>You must be logged in to view this.</p></html>",
            Refused,
            State.LOGIN_WALL,
        ),
        (b"<html><title>Just a moment...</title></html>", Refused, State.BLOCKED),
        (b"<html><title>Before you continue to YouTube</title></html>", Refused, State.BLOCKED),
        (b"", Unavailable, State.PARSE_ERROR),
        (b"plain words only", Unavailable, State.PARSE_ERROR),
        (b"<html>" + b"<div>" * 200_000 + b"</html>", Unavailable, State.PARSE_ERROR),
    ],
)
def test_every_wall_and_every_empty_place_is_said(body: bytes, error: type[Exception], state: State) -> None:
    with pytest.raises(error) as caught:
        fetch(body)

    assert caught.value.state is state  # type: ignore[attr-defined]


def test_a_page_that_needs_javascript_is_no_quiet_day() -> None:
    batch = fetch(
        b"<html><head><title>App</title></head><body><div id=root></div><script>run()</script></body></html>"
    )

    assert batch.state is State.PARSE_ERROR
    assert "JavaScript" in batch.reason


def test_the_block_page_of_the_schools_filter_is_known(data: Path) -> None:
    with pytest.raises(Refused) as caught:
        fetch((data / "filter_block.html").read_bytes())

    assert caught.value.state is State.FILTERED_HERE


def test_more_items_than_one_page_may_give_are_said() -> None:
    body = (
        b"<html><title>t</title>" + b"".join(b"<p class=n>item %d</p>" % n for n in range(2500)) + b"</html>"
    )

    batch = fetch(body, items="p.n")

    assert len(batch.posts) == 2000
    assert batch.reason == "read 2000 items, the rest was over the limit (2000 items)."


@pytest.mark.parametrize("selector", ["", "div[", "a::before", "..x"])
def test_a_selector_that_is_none_is_an_error_of_the_configuration(selector: str) -> None:
    with pytest.raises(ValidationError, match="CSS selector"):
        page("https://forum.example/", items=selector)


PIECES = [
    b"<article>",
    b"</article>",
    b"<p>",
    b"words ",
    b"<time datetime='x'>",
    b"<a href='?'>",
    b"<div id='comment-1'>",
    b"<title>",
    b"<!--",
    b"\xff",
    b"<base href='x'>",
    b"<script>",
    b"<table>",
]


@given(st.one_of(st.binary(max_size=400), st.lists(st.sampled_from(PIECES), max_size=50).map(b"".join)))
def test_any_page_raises_nothing_but_the_two_errors(body: bytes) -> None:
    for items in (None, "p"):
        try:
            batch = fetch(body, items=items)
        except (Refused, Unavailable):
            continue
        assert all(post.revision for post in batch.posts)
