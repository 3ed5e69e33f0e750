"""Reading a Lemmy server: a small one on loopback lists, searches, removes and fails as real ones do."""

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
from connectors.lemmy import CHECKS, DEEPEST, MOST_PAGES, OVERLAP, PAGE, Lemmy
from connectors.post import Batch, State

START = datetime(2025, 11, 20, 17, tzinfo=UTC)
PATHS = ("/api/v3/post/list", "/api/v3/comment/list", "/api/v3/search")
CREATOR = {"name": "quillwort", "display_name": "Quill", "actor_id": "https://pond.example/u/quillwort"}


def post(number: int, second: int | None = None, **own: Any) -> dict[str, Any]:
    """A post as the server gives it, written some seconds after the start; invented."""
    at = START + timedelta(seconds=number if second is None else second)
    said = {
        "id": number,
        "name": "Harrowby Green",
        "body": f"Number {number}",
        "published": at.isoformat(),
        "ap_id": f"https://pond.example/post/{number}",
        "nsfw": False,
        "deleted": False,
        "removed": False,
    }
    return {"post": said | own, "creator": CREATOR}


def comment(number: int, second: int | None = None, **own: Any) -> dict[str, Any]:
    """A comment under post 1."""
    at = START + timedelta(seconds=number if second is None else second)
    said = {
        "id": number,
        "post_id": 1,
        "content": f"Comment {number}",
        "path": f"0.{number}",
        "published": at.isoformat(),
        "ap_id": f"https://pond.example/comment/{number}",
        "deleted": False,
        "removed": False,
    }
    return {"comment": said | own, "post": post(1)["post"], "creator": CREATOR}


@dataclass
class Server:
    """The posts and comments of a server; everything stands in every list."""

    site: Any
    answer: Any
    posts: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, _: dict[str, str]) -> Any:
        asked = parse_qs(urlsplit(self.site.asked[-1][0]).query)
        path = self.site.asked[-1][0].partition("?")[0]
        start = (int(asked["page"][0]) - 1) * int(asked["limit"][0])
        size = int(asked["limit"][0])
        said: dict[str, Any] = {}
        if not path.startswith("/api/v3/comment"):
            said["posts"] = _newest(self.posts, "post")[start : start + size]
        if not path.startswith("/api/v3/post"):
            said["comments"] = _newest(self.comments, "comment")[start : start + size]
        return self.said(said)

    def one(self, _: dict[str, str]) -> Any:
        path, _, query = self.site.asked[-1][0].partition("?")
        kind, number = path.rpartition("/")[2], int(parse_qs(query)["id"][0])
        views = self.posts if kind == "post" else self.comments
        found = next((view for view in views if view[kind]["id"] == number), None)
        if found is None:
            return self.answer(b'{"error":"couldnt_find_post"}', 400)
        return self.said({f"{kind}_view": found})

    def said(self, body: Any) -> Any:
        return self.answer(json.dumps(body).encode())


def _newest(views: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return sorted(
        views,
        key=lambda view: (bool(view[kind].get("featured_local")), view[kind]["published"]),
        reverse=True,
    )


@pytest.fixture
def server(site: Any, answer: Any) -> Server:
    server = Server(site, answer)
    site.answers |= dict.fromkeys(PATHS, server)
    site.answers |= {"/api/v3/post": server.one, "/api/v3/comment": server.one}
    return server


@pytest.fixture
def newest(site: Any) -> Lemmy:
    return Lemmy(name="Pond", platform="lemmy", base_url=site.url, latest=True, community="!grantham")


@pytest.fixture
def searching(site: Any) -> Lemmy:
    return Lemmy(name="Pond", platform="lemmy", base_url=site.url, search=("Harrowby Green",))


def ids(batch: Batch) -> list[str]:
    return [one.id.removeprefix("https://pond.example/") for one in batch.posts]


def polled(source: Lemmy, http: httpx.Client, cursor: str | None, most: int = 40) -> list[Batch]:
    """Batches until nothing waits behind."""
    batches = [source.fetch(http, cursor)]
    while not batches[-1].complete and len(batches) < most:
        batches.append(source.fetch(http, batches[-1].cursor))
    return batches


def test_posts_and_comments_become_posts_that_know_what_they_answer(
    server: Server, newest: Lemmy, http: httpx.Client
) -> None:
    server.posts = [post(1, body="See https://e.example/x", url="https://e.example/a.png", nsfw=True)]
    server.comments = [comment(5), comment(6, path="0.5.6", updated="2025-11-20T18:00:00.5Z")]

    posts = {one.id: one for one in newest.fetch(http, None).posts}
    topic, first, second = (posts[f"https://pond.example/{x}"] for x in ("post/1", "comment/5", "comment/6"))

    assert (topic.title, topic.text) == ("Harrowby Green", "See https://e.example/x")
    assert topic.links == ("https://e.example/a.png", "https://e.example/x")
    assert (topic.has_media, topic.sensitive, topic.parent, topic.thread) == (True, True, None, topic.id)
    assert topic.author == "Quill (@quillwort@pond.example)"
    assert topic.posted_at == START + timedelta(seconds=1)
    assert (first.title, first.parent, first.thread) == ("", topic.id, topic.id)
    assert first.parent_text == "Harrowby Green"
    assert (second.parent, second.parent_text) == (first.id, "Harrowby Green\nComment 5")
    assert second.edited_at is not None
    assert second.url == "https://pond.example/comment/6"


def test_one_question_for_each_list_says_what_is_wanted(
    server: Server, newest: Lemmy, searching: Lemmy, http: httpx.Client, site: Any
) -> None:
    server.posts = [post(1)]
    newest.fetch(http, None)
    searching.fetch(http, None)

    asked = [parse_qs(urlsplit(path).query) for path, _ in site.asked]
    assert [path.partition("?")[0] for path, _ in site.asked] == list(PATHS)
    assert asked[0]["community_name"] == ["grantham"]
    assert (asked[2]["q"], asked[2]["type_"], asked[2]["sort"]) == (["Harrowby Green"], ["All"], ["New"])


def test_nothing_between_two_polls_is_missed_however_much_it_is(
    server: Server, searching: Lemmy, http: httpx.Client
) -> None:
    server.posts, server.comments = [post(1)], [comment(2)]
    cursor = searching.fetch(http, None).cursor
    late = OVERLAP + 100
    wanted = range(late, late + PAGE * MOST_PAGES * 2)
    server.comments += map(comment, wanted)
    batches = [searching.fetch(http, cursor)]
    more = range(late * 2, late * 2 + PAGE * MOST_PAGES)
    server.comments += map(comment, more)

    batches += polled(searching, http, batches[0].cursor)

    read = {name for batch in batches for name in ids(batch)}
    assert read >= {f"comment/{number}" for number in (*wanted, *more)}
    assert (batches[0].state, batches[0].complete) == (State.BEHIND, False)
    assert (batches[-1].state, batches[-1].complete) == (State.OK, True)


def test_what_other_servers_send_late_is_found_although_it_is_older(
    server: Server, newest: Lemmy, http: httpx.Client
) -> None:
    server.posts = [post(number) for number in range(1, 120)]
    cursor = newest.fetch(http, None).cursor
    server.posts.append(post(900, -OVERLAP + 200))

    assert "post/900" in ids(newest.fetch(http, cursor))


def test_a_pinned_post_hides_nothing_below_it(server: Server, newest: Lemmy, http: httpx.Client) -> None:
    server.posts = [post(1, -90 * 86_400, featured_local=True), post(2)]
    cursor = newest.fetch(http, None).cursor
    wanted = range(OVERLAP * 2, OVERLAP * 2 + 3 * PAGE)
    server.posts += map(post, wanted)

    assert set(ids(newest.fetch(http, cursor))) >= {f"post/{number}" for number in wanted}


def test_a_post_of_the_future_hides_nothing_that_is_written_until_then(
    server: Server, newest: Lemmy, http: httpx.Client
) -> None:
    now = int((datetime.now(UTC) - START).total_seconds())
    server.posts = [post(1, now + 10**8)]
    cursor = newest.fetch(http, None).cursor
    server.posts += [post(number, now + 60) for number in range(2, 2 + 3 * PAGE)]

    assert len(newest.fetch(http, cursor).posts) == 3 * PAGE + 1


def test_what_is_deleted_or_removed_is_gone(server: Server, newest: Lemmy, http: httpx.Client) -> None:
    server.posts = [post(1, deleted=True), post(2)]
    server.comments = [comment(3, removed=True)]

    batch = newest.fetch(http, None)

    assert ids(batch) == ["post/2"]
    assert batch.gone == ("https://pond.example/comment/3", "https://pond.example/post/1")


def test_found_posts_are_asked_for_again_so_that_edits_and_deletions_are_seen(
    server: Server, searching: Lemmy, http: httpx.Client, site: Any
) -> None:
    server.posts = [post(number) for number in range(1, 7)]
    cursor = searching.fetch(http, None).cursor
    # No search finds any of them now.
    site.answers["/api/v3/search"] = server.said({"posts": [], "comments": []})
    server.posts = [post(number, body="Edited") for number in range(1, 6)]
    texts: set[str] = set()
    gone: set[str] = set()

    for _ in range(2):
        batch = searching.fetch(http, cursor)
        cursor = batch.cursor
        texts |= {f"{one.id[-1]} {one.text}" for one in batch.posts}
        gone |= set(batch.gone)

    assert len(site.asked) == 1 + 2 * (1 + CHECKS)
    assert texts == {f"{number} Edited" for number in range(1, 6)}
    assert gone == {"https://pond.example/post/6"}


@pytest.mark.parametrize("fails_at", range(2, 9))
def test_what_was_read_before_the_server_failed_is_kept_and_the_rest_follows(
    server: Server, newest: Lemmy, http: httpx.Client, site: Any, fails_at: int
) -> None:
    server.posts, server.comments = [post(1)], [comment(2)]
    first = newest.fetch(http, None)
    posts, comments = range(OVERLAP * 2, OVERLAP * 2 + 150), range(OVERLAP * 3, OVERLAP * 3 + 150)
    server.posts += map(post, posts)
    server.comments += map(comment, comments)
    start = len(site.asked)

    def fails(asked: dict[str, str]) -> Any:
        return server.answer(b"", 500) if len(site.asked) - start >= fails_at else server(asked)

    site.answers |= dict.fromkeys(PATHS, fails)
    second = newest.fetch(http, first.cursor)
    site.answers |= dict.fromkeys(PATHS, server)
    third = polled(newest, http, second.cursor)

    assert len(second.posts) >= PAGE * min(fails_at - 1, 3)
    assert (second.state, second.wait) == (State.BEHIND, newest.every)
    assert "has a fault of its own (500)" in second.reason
    read = {name for batch in (second, *third) for name in ids(batch)}
    assert read >= {f"post/{number}" for number in posts}
    assert read >= {f"comment/{number}" for number in comments}
    assert (third[-1].state, third[-1].complete) == (State.OK, True)


def test_a_list_that_repeats_itself_ends_and_says_so(
    site: Any, answer: Any, newest: Lemmy, http: httpx.Client
) -> None:
    site.answers["/api/v3/comment/list"] = answer(b'{"comments": []}')
    site.answers["/api/v3/post/list"] = answer(json.dumps({"posts": [post(1)]}).encode())
    cursor = newest.fetch(http, None).cursor
    site.answers["/api/v3/post/list"] = answer(json.dumps({"posts": [post(2, 10**5)]}).encode())

    batch = newest.fetch(http, cursor)

    assert (batch.state, batch.complete) == (State.PARSE_ERROR, True)
    assert "repeats itself" in batch.reason


def test_a_list_without_end_is_left_and_it_is_said(
    site: Any, answer: Any, newest: Lemmy, http: httpx.Client
) -> None:
    def more(_: dict[str, str]) -> Any:
        page = int(parse_qs(urlsplit(site.asked[-1][0]).query)["page"][0])
        return answer(json.dumps({"posts": [post(OVERLAP * 2 - page)]}).encode())

    site.answers["/api/v3/comment/list"] = answer(b'{"comments": []}')
    site.answers["/api/v3/post/list"] = answer(json.dumps({"posts": [post(1)]}).encode())
    cursor = newest.fetch(http, None).cursor
    site.answers["/api/v3/post/list"] = more
    start = len(site.asked)

    batches = polled(newest, http, cursor, most=200)

    assert "oldest of it was missed" in batches[-1].reason
    assert batches[-1].state is State.BEHIND
    assert len(site.asked) - start < DEEPEST * 4


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "state", "wait"),
    [
        (400, b'{"error":"rate_limit_error"}', {}, Unavailable, State.RATE_LIMITED, None),
        (400, b'{"error":"couldnt_find_community"}', {}, Refused, State.BLOCKED, None),
        (404, b'{"error":"not_found"}', {}, Refused, State.BLOCKED, None),
        (400, b'{"error":"instance_is_private"}', {}, Refused, State.LOGIN_WALL, None),
        (401, b'{"error":"incorrect_login"}', {}, Refused, State.LOGIN_WALL, None),
        (403, b"", {}, Refused, State.BLOCKED, None),
        (404, b"", {}, Refused, State.BLOCKED, None),
        (410, b"", {}, Refused, State.BLOCKED, None),
        (429, b"slow", {"Retry-After": "90"}, Unavailable, State.RATE_LIMITED, timedelta(seconds=90)),
        (429, b"", {}, Unavailable, State.RATE_LIMITED, None),
        (500, b"", {}, Unavailable, State.BEHIND, None),
        (200, b"<html><body>Down for repair</body></html>", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"posts": [{"post"', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"", {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"error":"rate_limit_error"}', {}, Unavailable, State.RATE_LIMITED, None),
        (200, b'{"error":"unknown","posts":[]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"posts": [{"id": 5}]}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"posts": 5}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b'{"users": []}', {}, Unavailable, State.PARSE_ERROR, None),
        (200, b"[" * 100_000, {}, Unavailable, State.PARSE_ERROR, None),
    ],
)
def test_every_fault_is_said_plainly(
    *,
    site: Any,
    answer: Any,
    newest: Lemmy,
    http: httpx.Client,
    status: int,
    body: bytes,
    headers: dict[str, str],
    error: type[Exception],
    state: State,
    wait: timedelta | None,
) -> None:
    site.answers |= dict.fromkeys(PATHS, answer(body, status, headers))

    failed = _failure(lambda: newest.fetch(http, None))

    assert type(failed) is error
    assert failed.state is state
    assert failed.reason.endswith(".")
    assert getattr(failed, "retry_after", None) == wait


def test_odd_posts_are_left_and_the_others_read(server: Server, newest: Lemmy, http: httpx.Client) -> None:
    server.posts = [
        post(1, body="🙂"),
        post(2) | {"creator": "none"},
        post(3, name=None, body="\u202eoffice si loohcs eht", ap_id=None),
        post(4, body="Harrowby " * 120_000),
        post(5, name="", body=None),
        post(6, published="soon"),
    ]
    server.posts += [post(7) | {"post": {"published": "", "id": odd}} for odd in ("seven", -1, True, 10**18)]
    server.comments = [comment(8, path="0.x.8"), comment(9, content=None)]

    posts = {one.id.rpartition("/")[2].rpartition(" ")[2]: one for one in newest.fetch(http, None).posts}

    assert set(posts) == {"1", "2", "3", "4", "6", "8"}
    assert posts["1"].text == "🙂"
    assert posts["2"].author is None
    assert "\u202e" not in posts["3"].text
    assert posts["3"].url == f"{newest.base_url}/post/3"
    assert len(posts["4"].text) == 1_000_000
    assert posts["6"].posted_at is None


def test_a_cursor_of_another_version_is_only_forgotten(
    server: Server, newest: Lemmy, http: httpx.Client
) -> None:
    server.posts = [post(1)]

    for cursor in ("", "rubbish", '{"places": 7}', '{"held": [{"kind": "x"}]}', "[]"):
        assert ids(newest.fetch(http, cursor)) == ["post/1"]


def test_a_source_needs_something_to_read_and_a_whole_address() -> None:
    for wrong in (
        {},
        {"search": [""]},
        {"latest": True, "base_url": "https://e.example/?x"},
        {"latest": True, "community": "two words"},
    ):
        with pytest.raises(ValidationError):
            Lemmy.model_validate({"name": "L", "platform": "lemmy", "base_url": "https://e.example"} | wrong)


def _failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")
