"""Reading a Discourse forum: a small one on loopback lists, searches, hides and fails as real ones do."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.discourse import CHECKS, READS, Discourse
from connectors.post import Batch, Channel, State

SECRET = "not-for-any-log"


def post(number: int, text: str = "", **other: Any) -> dict[str, Any]:
    """A post as the forum gives it; every ten stand in one topic; invented."""
    return {
        "id": number,
        "name": "Quill Wort",
        "username": "quillwort",
        "created_at": "2026-11-20T17:00:00.000Z",
        "updated_at": "2026-11-20T17:00:00.000Z",
        "cooked": f"<p>{text or f'Number {number} on Harrowby Green'}</p>",
        "post_number": number % 10 + 1,
        "post_type": 1,
        "reply_to_post_number": None,
        "topic_id": number // 10 + 1,
        "topic_slug": "school-run",
        "topic_title": "The school run",
        "version": 1,
        "hidden": False,
    } | other


@dataclass
class Forum:
    """The posts of a forum, by id; `errors` answers in the place of a path."""

    site: Any
    answer: Any
    posts: dict[int, dict[str, Any]] = field(default_factory=dict)
    window: bool = False
    size: int = 50
    broken: set[int] = field(default_factory=set)

    def add(self, *posts: dict[str, Any]) -> None:
        for one in posts:
            self.posts[one["id"]] = one
            number = one["id"]
            self.site.answers[f"/posts/{number}.json"] = lambda _, number=number: self._one(number)
            self.site.answers[f"/t/{one['topic_id']}/{one['post_number']}.json"] = (
                lambda _, number=number, topic=one["topic_id"]: self._topic(topic, number)
            )

    def latest(self, _: dict[str, str]) -> Any:
        before = int(self._asked().get("before", ["0"])[0]) or 10**9
        ids = sorted((number for number in self.posts if number <= before), reverse=True)
        if self.window and before < 10**9:
            ids = [number for number in ids if number > before - 50]
        return self._said({"latest_posts": [self.posts[number] for number in ids[:50]]})

    def search(self, _: dict[str, str]) -> Any:
        asked = self._asked()
        words = asked["q"][0].partition('"')[2].partition('"')[0]
        page = int(asked["page"][0])
        found = [one for number, one in sorted(self.posts.items(), reverse=True) if words in one["cooked"]]
        part = found[(page - 1) * self.size : page * self.size]
        brief = ("id", "topic_id", "post_number", "username")
        return self._said(
            {
                "posts": [{name: one[name] for name in brief} | {"blurb": "…"} for one in part],
                "topics": [{"id": one["topic_id"], "title": one["topic_title"]} for one in part],
                "grouped_search_result": {"more_full_page_results": page * self.size < len(found)},
            }
        )

    def _one(self, number: int) -> Any:
        if number not in self.posts:
            return self.answer(b'{"errors":["weg"],"error_type":"not_found"}', 404)
        return self._said({k: v for k, v in self.posts[number].items() if k != "topic_title"})

    def _topic(self, topic: int, number: int) -> Any:
        if number in self.broken:
            return self.answer(b"", 500)
        posts = [one for one in self.posts.values() if one["topic_id"] == topic]
        if not posts:
            return self.answer(b'{"errors":["weg"],"error_type":"not_found"}', 404)
        plain = [{k: v for k, v in one.items() if k != "topic_title"} for one in posts]
        return self._said({"title": posts[0]["topic_title"], "post_stream": {"posts": plain}})

    def _asked(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.site.asked[-1][0]).query)

    def _said(self, body: Any) -> Any:
        return self.answer(json.dumps(body).encode())


@pytest.fixture
def forum(site: Any, answer: Any) -> Forum:
    forum = Forum(site, answer)
    site.answers |= {"/posts.json": forum.latest, "/search.json": forum.search}
    return forum


@pytest.fixture
def newest(site: Any) -> Discourse:
    return Discourse(name="Forum", platform="discourse", base_url=site.url, latest=True)


@pytest.fixture
def searching(site: Any) -> Discourse:
    return Discourse(name="Forum", platform="discourse", base_url=site.url, search=("Harrowby Green",))


def ids(batch: Batch) -> list[int]:
    return [int(one.id.rpartition(" ")[2]) for one in batch.posts]


def polled(source: Discourse, http: httpx.Client, cursor: str | None, most: int = 40) -> list[Batch]:
    """Batches until nothing waits behind."""
    batches = [source.fetch(http, cursor)]
    while not batches[-1].complete and len(batches) < most:
        batches.append(source.fetch(http, batches[-1].cursor))
    return batches


def test_a_reply_becomes_a_post_with_its_topic_and_what_it_answers(
    forum: Forum, newest: Discourse, http: httpx.Client, site: Any
) -> None:
    link = '<a href="/uploads/x.pdf">this</a> <img src="/y.png" width="300">'
    forum.add(
        post(10, "Who <b>knows</b>?"),
        post(11, f"See {link}", reply_to_post_number=1, version=3, updated_at="2026-11-21T09:00:00.000Z"),
    )

    reply, first = newest.fetch(http, None).posts

    assert (reply.id, reply.parent, reply.thread) == (
        f"{site.host} 11",
        f"{site.host} 10",
        f"{site.host} topic 2",
    )
    assert reply.url == f"{site.url}/t/school-run/2/2"
    assert (reply.title, reply.text) == ("", "See this")
    assert reply.parent_text == "The school run\nWho knows?"
    assert reply.author == "Quill Wort (@quillwort)"
    assert reply.links == (f"{site.url}/uploads/x.pdf",)
    assert reply.has_media
    assert reply.edited_at is not None
    assert reply.edited_at > (reply.posted_at or reply.edited_at)
    assert (first.title, first.text, first.parent_text) == ("The school run", "Who knows?", "")
    assert (first.edited_at, first.channel) == (None, Channel.PUBLIC_MENTION)


def test_only_what_people_wrote_is_a_post_and_what_is_hidden_is_gone(
    forum: Forum, newest: Discourse, http: httpx.Client, site: Any
) -> None:
    forum.add(
        post(1, post_type=3), post(2, hidden=True), post(3), post(4, user_deleted=True), post(5, post_type=4)
    )

    batch = newest.fetch(http, None)

    assert ids(batch) == [3]
    assert batch.gone == (f"{site.host} 2", f"{site.host} 4")


@pytest.mark.parametrize("window", [True, False])
def test_nothing_between_two_polls_is_missed_however_much_it_is(
    *, forum: Forum, newest: Discourse, http: httpx.Client, window: bool
) -> None:
    forum.window = window
    forum.add(post(1))
    cursor = newest.fetch(http, None).cursor
    # Some are missing: deleted, or in places that we may not see; more than a window of them in a row.
    wanted = [number for number in range(2, 700) if number % 7 and not 300 < number < 420]
    forum.add(*map(post, wanted))
    batches = [newest.fetch(http, cursor)]
    forum.add(*map(post, range(700, 800)))

    batches += polled(newest, http, batches[0].cursor)

    assert {number for batch in batches for number in ids(batch)} >= {*wanted, *range(700, 800)}
    assert (batches[0].state, batches[0].complete) == (State.BEHIND, False)
    assert (batches[-1].state, batches[-1].complete) == (State.OK, True)


def test_the_newest_posts_are_seen_again_so_that_edits_are_found_and_a_deleted_anchor_blinds_nobody(
    forum: Forum, newest: Discourse, http: httpx.Client
) -> None:
    forum.add(post(1), post(2), post(3))
    cursor = newest.fetch(http, None).cursor
    del forum.posts[3]
    forum.add(post(2, "Edited"), post(4))

    batch = newest.fetch(http, cursor)

    assert [one.text for one in batch.posts][1] == "Edited"
    assert ids(batch) == [4, 2, 1]
    assert batch.complete


def test_a_list_that_repeats_itself_ends_and_says_so(
    site: Any, answer: Any, newest: Discourse, http: httpx.Client
) -> None:
    site.answers["/posts.json"] = answer(json.dumps({"latest_posts": [post(5)]}).encode())
    cursor = newest.fetch(http, None).cursor
    site.answers["/posts.json"] = answer(json.dumps({"latest_posts": [post(900)]}).encode())

    batches = polled(newest, http, cursor)

    assert batches[-1].complete
    assert batches[-1].state is State.PARSE_ERROR
    assert "may be missing" in batches[-1].reason
    assert len(site.asked) < 10


def test_a_search_reads_what_it_finds_in_full_with_what_stands_around_it(
    forum: Forum, searching: Discourse, http: httpx.Client, site: Any
) -> None:
    forum.add(post(10, "The start"), post(11, "On Harrowby Green"), post(12, "It is so"), post(30, "Else"))

    batch = searching.fetch(http, None)

    assert sorted(ids(batch)) == [10, 11, 12]
    assert parse_qs(urlsplit(site.asked[0][0]).query)["q"] == ['"Harrowby Green" order:latest']
    assert len(site.asked) == 2
    assert {one.title or one.parent_text for one in batch.posts} == {"The school run"}


def test_what_a_search_finds_between_two_polls_is_all_read_in_portions(
    forum: Forum, searching: Discourse, http: httpx.Client, site: Any
) -> None:
    forum.size = 10
    forum.add(post(10))
    cursor = searching.fetch(http, None).cursor
    forum.add(*(post(number * 10) for number in range(2, 42)))

    batches = polled(searching, http, cursor)

    assert {number for batch in batches for number in ids(batch)} >= {number * 10 for number in range(2, 42)}
    assert [batch.complete for batch in batches] == [False, False, True]
    # The one of the first time is asked for again.
    assert len(batches[0].posts) == READS + 1
    before = len(site.asked)
    searching.fetch(http, batches[-1].cursor)
    assert len(site.asked) - before == 1 + CHECKS


def test_more_than_a_search_lists_is_said_aloud(
    forum: Forum, searching: Discourse, http: httpx.Client
) -> None:
    forum.size = 2
    forum.add(post(10))
    cursor = searching.fetch(http, None).cursor
    forum.add(*(post(number * 10) for number in range(2, 42)))

    batch = searching.fetch(http, cursor)

    assert batch.state is State.BEHIND
    assert "oldest of it was missed" in batch.reason


def test_found_posts_are_asked_for_again_so_that_edits_and_deletions_are_seen(
    forum: Forum, searching: Discourse, http: httpx.Client, site: Any
) -> None:
    forum.add(*(post(number * 10) for number in range(1, 8)))
    cursor = searching.fetch(http, None).cursor
    del forum.posts[20]
    forum.add(post(30, "Edited", version=2))
    seen: dict[str, str] = {}
    gone: set[str] = set()

    for _ in range(3):
        batch = searching.fetch(http, cursor)
        cursor = batch.cursor
        seen |= {one.id: one.text for one in batch.posts}
        gone |= set(batch.gone)

    assert gone == {f"{site.host} 20"}
    assert seen[f"{site.host} 30"] == "Edited"


def test_a_topic_that_cannot_be_read_keeps_its_place_and_the_others_come(
    forum: Forum, searching: Discourse, http: httpx.Client
) -> None:
    forum.add(post(10), post(20), post(30))
    forum.broken = {20}

    first = searching.fetch(http, None)
    forum.broken = set()
    second = searching.fetch(http, first.cursor)

    assert (ids(first), first.state, first.complete) == ([30], State.BEHIND, False)
    assert "could not be read in full yet" in first.reason
    assert {10, 20} <= set(ids(second))
    assert second.complete


def test_the_key_goes_along_and_into_no_sentence(
    forum: Forum, site: Any, answer: Any, http: httpx.Client
) -> None:
    source = Discourse(name="F", platform="discourse", base_url=site.url, latest=True, api_key=SECRET)
    forum.add(post(1))

    cursor = source.fetch(http, None).cursor
    site.answers["/posts.json"] = answer(b'{"errors":["no"],"error_type":"invalid_access"}', 403)
    failed = _failure(lambda: source.fetch(http, cursor))

    assert site.asked[0][1]["api-key"] == SECRET
    assert SECRET not in f"{failed.reason} {cursor} {source!r}"
    assert failed.state is State.AUTH_EXPIRED


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "state", "wait"),
    [
        (401, b"{}", {}, Refused, State.LOGIN_WALL, None),
        (403, b'{"errors":["x"],"error_type":"not_logged_in"}', {}, Refused, State.LOGIN_WALL, None),
        (403, b"<html>no</html>", {}, Refused, State.BLOCKED, None),
        (404, b"{}", {}, Refused, State.BLOCKED, None),
        (410, b"", {}, Refused, State.BLOCKED, None),
        (409, b"{}", {}, Unavailable, State.BEHIND, None),
        (429, b"slow", {"Retry-After": "90"}, Unavailable, State.RATE_LIMITED, timedelta(seconds=90)),
        (429, b'{"extras":{"wait_seconds":7}}', {}, Unavailable, State.RATE_LIMITED, timedelta(seconds=7)),
        (429, b'{"extras":{"wait_seconds":"soon"}}', {}, Unavailable, State.RATE_LIMITED, None),
        (503, b"", {}, Unavailable, State.BEHIND, None),
        (200, b"<html><body>Down for repair</body></html>", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"latest_posts": [{"id"', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"errors": ["no"], "latest_posts": []}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"latest_posts": [{"key": 5}]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"posts": [{"key": 5}]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"[" * 100_000, {}, Unavailable, State.PARSE_ERROR, None),
    ],
)
@pytest.mark.parametrize("part", ["newest", "searching"])
def test_every_fault_is_said_plainly(
    *,
    request: pytest.FixtureRequest,
    part: str,
    site: Any,
    answer: Any,
    http: httpx.Client,
    status: int,
    body: bytes,
    headers: dict[str, str],
    error: type[Exception],
    state: State,
    wait: timedelta | None,
) -> None:
    site.answers |= dict.fromkeys(["/posts.json", "/search.json"], answer(body, status, headers))

    failed = _failure(lambda: request.getfixturevalue(part).fetch(http, None))

    assert type(failed) is error
    assert failed.state is state
    assert failed.reason.endswith(".")
    assert getattr(failed, "retry_after", None) == wait


def test_a_forum_too_busy_to_search_is_asked_again_later(
    site: Any, answer: Any, searching: Discourse, http: httpx.Client
) -> None:
    busy = {"posts": [], "grouped_search_result": {"error": "extreme load"}}
    site.answers["/search.json"] = answer(json.dumps(busy).encode())

    assert _failure(lambda: searching.fetch(http, None)).state is State.BEHIND


def test_odd_posts_are_left_and_the_others_read(
    site: Any, answer: Any, newest: Discourse, http: httpx.Client
) -> None:
    posts = [
        "word",
        {},
        post(1, "🙂"),
        post(2) | {"id": "two"},
        post(3) | {"id": 10**18},
        post(4, "\u202eoffice si loohcs eht"),
        post(5, "Harrowby " * 120_000),
        {"id": 6, "cooked": "<p>bare</p>"},
        post(7, created_at="3026-01-01T00:00:00Z"),
        post(8, created_at=17, cooked=None, topic_title=None),
    ]
    site.answers["/posts.json"] = answer(json.dumps({"latest_posts": posts}).encode())

    batch = newest.fetch(http, None)
    texts = dict(zip(ids(batch), (one.text for one in batch.posts), strict=True))

    assert set(texts) == {1, 4, 5, 6, 7}
    assert texts[1] == "🙂"
    assert "\u202e" not in texts[4]
    assert len(texts[5]) == 1_000_000


def test_a_cursor_of_another_version_is_only_forgotten(
    forum: Forum, newest: Discourse, http: httpx.Client
) -> None:
    forum.add(post(1))

    for cursor in ("", "rubbish", '{"top": -1}', '{"held": [{"id": "x"}]}', "[]"):
        assert ids(newest.fetch(http, cursor)) == [1]


def test_a_source_needs_something_to_read_and_a_whole_address() -> None:
    for wrong in ({}, {"search": [""]}, {"latest": True, "base_url": "https://e.example/?x"}):
        with pytest.raises(ValidationError):
            Discourse.model_validate(
                {"name": "F", "platform": "discourse", "base_url": "https://e.example"} | wrong
            )


def _failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")
