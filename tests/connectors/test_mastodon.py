"""Mastodon: a small server on loopback that pages, edits, deletes and fails as real ones do."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.mastodon import MOST_PAGES, Mastodon
from connectors.post import Batch, Channel, Post, State

SECRET = "not-for-any-log"
NOW = "Fri, 20 Nov 2026 18:00:00 GMT"
ME = {"id": "70", "acct": "harrowby", "display_name": "Harrowby Green"}
ANN = {"id": "71", "acct": "ann@pond.example", "display_name": "Ann"}


def status(number: int | str, text: str = "", **other: Any) -> dict[str, Any]:
    """A post as the API gives it; later numbers are newer."""
    return {
        "id": str(number),
        "uri": f"https://pond.example/users/ann/statuses/{number}",
        "url": f"https://pond.example/@ann/{number}",
        "created_at": "2026-11-20T17:00:00.000Z",
        "visibility": "public",
        "content": f"<p>{text or f'post {number}'}</p>",
        "account": ANN,
        **other,
    }


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    """Posts with ids from first to last, newest first."""
    return [status(number) for number in range(last, first - 1, -1)]


def placed(posts: list[dict[str, Any]], asked: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """The page of a listing that Mastodon would give."""
    if "min_id" in asked:
        return [post for post in posts if int(post["id"]) > int(asked["min_id"])][-limit:]
    if "max_id" in asked:
        posts = [post for post in posts if int(post["id"]) < int(asked["max_id"])]
    return posts[int(asked.get("offset", 0)) :][:limit]


@dataclass
class Pond:
    """A server: posts by hashtag, mentions, threads; `error` answers in the place of everything."""

    tags: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    mentions: list[dict[str, Any]] = field(default_factory=list)
    own: list[dict[str, Any]] = field(default_factory=list)
    threads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    found: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: list[dict[str, Any]] = field(default_factory=list)
    access: dict[str, Any] = field(default_factory=dict)
    ignores: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    error: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.raw_path.decode())
        failed = self.error(request)
        if failed is not None:
            return failed
        answer = self._answer(request)
        if answer is None:
            return httpx.Response(404, json={"error": "Aufzeichnung nicht gefunden"})
        return httpx.Response(200, json=answer, headers=self.headers | {"date": NOW})

    def _answer(self, request: httpx.Request) -> Any:
        path = unquote(request.url.path).removeprefix("/api/")
        asked = {name: value for name, value in request.url.params.items() if name not in self.ignores}
        found: Any = None
        match path.split("/"):
            case ["v2", "instance"]:
                found = {"configuration": {"timelines_access": self.access}}
            case ["v1", "timelines", "tag", tag]:
                found = placed(self.tags.get(tag, []), asked, 40)
            case ["v1", "timelines", "public"]:
                found = placed(self.elsewhere, asked, 40)
            case ["v2", "search"]:
                found = {"accounts": [], "statuses": placed(self.found, asked, 40), "hashtags": []}
            case ["v1", "notifications"]:
                found = placed(self.mentions, asked, 40)
            case ["v1", "accounts", "verify_credentials"]:
                found = ME
            case ["v1", "accounts", "70", "statuses"]:
                found = self.own[:20]
            case ["v1", "statuses", number, "context"]:
                found = {"ancestors": [], "descendants": self.threads.get(number, [])}
            case ["v1", "statuses", *number]:
                found = next((post for post in self._all() if post["id"] == "/".join(number)), None)
        return found

    def _all(self) -> Iterator[dict[str, Any]]:
        for posts in (*self.tags.values(), self.found, self.elsewhere, *self.threads.values()):
            yield from posts
        yield from (mention["status"] for mention in self.mentions)


@pytest.fixture
def pond() -> Pond:
    return Pond()


@pytest.fixture
def http(pond: Pond) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(pond)) as client:
        yield client


def source(**options: Any) -> Mastodon:
    given = {"name": "Pond", "platform": "mastodon", "base_url": "https://pond.example", **options}
    if not given.keys() & {"tags", "search", "timeline", "official"}:
        given["tags"] = ["HarrowbyGreen"]
    return Mastodon.model_validate(given)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


def polled(connector: Mastodon, http: httpx.Client, cursor: str | None, most: int = 30) -> list[Batch]:
    """Batches until nothing waits behind."""
    batches = [connector.fetch(http, cursor)]
    while not batches[-1].complete and len(batches) < most:
        batches.append(connector.fetch(http, batches[-1].cursor))
    return batches


def mention(number: int, post: dict[str, Any], kind: str = "mention") -> dict[str, Any]:
    return {"id": str(number), "type": kind, "status": post}


def of_tag(pond: Pond, *posts: dict[str, Any]) -> None:
    pond.tags["HarrowbyGreen"] = list(posts)


def test_a_page_of_a_hashtag_gives_its_posts_as_they_are(data: Path) -> None:
    body = (data / "mastodon_tag.json").read_bytes()
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))) as http:
        answer, warned, opened = source(base_url="https://e.example:8443").fetch(http, None).posts

    assert answer == Post(
        platform="mastodon",
        id="https://pond.example/users/ann/statuses/113501000000000003",
        url="https://pond.example/@ann/113501000000000003",
        text="@harrowby nobody answers the telephone & the gate is shut",
        author="Ann Fennimore (@ann@pond.example)",
        posted_at=datetime(2026, 11, 20, 18, 5, 11, tzinfo=UTC),
        language="en",
        parent=opened.id,
        parent_text="The gate opens at 8.40 tomorrow. #HarrowbyGreen",
        thread=opened.id,
        links=("https://e.example:8443/@harrowby",),
    )
    assert warned.title == "school, fighting"
    assert warned.text.endswith("See paper.example/fight\nNothing\nA fight\nThe gate, shut")
    assert (warned.sensitive, warned.has_media, warned.language) == (True, True, "en-GB")
    assert warned.edited_at == datetime(2026, 11, 20, 18, 2, 30, tzinfo=UTC)
    assert "https://paper.example/fight" in warned.links
    assert warned.author == "(@bo@e.example:8443)"
    assert opened.url == opened.id
    assert not opened.sensitive


def test_what_is_new_comes_once_and_what_was_edited_comes_again(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, status(2), status(1))
    first = source().fetch(http, None)
    of_tag(pond, status(3), status(2, "changed", edited_at="2026-11-20T17:30:00.000Z"), status(1))

    second = source().fetch(http, first.cursor)
    third = source().fetch(http, second.cursor)

    assert texts(first) == ["post 2", "post 1"]
    assert texts(second) == ["post 3", "changed"]
    assert second.posts[1].edited_at is not None
    assert texts(third) == []
    assert third.state is State.OK


def test_a_post_that_comes_late_to_this_server_is_found_below_newer_ones(
    pond: Pond, http: httpx.Client
) -> None:
    of_tag(pond, status(9), status(5))
    first = source().fetch(http, None)
    of_tag(pond, status(9), status(7), status(5))

    assert texts(source().fetch(http, first.cursor)) == ["post 7"]


def test_a_deleted_post_is_gone_and_does_not_blind_us(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, *numbered(1, 45))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 40), status(0))

    second = source().fetch(http, first.cursor)
    of_tag(pond, *numbered(46, 130), *numbered(1, 40))
    third = polled(source(), http, second.cursor)

    assert second.gone == tuple(sorted(status(number)["uri"] for number in range(41, 46)))
    assert sorted(text for batch in third for text in texts(batch)) == sorted(
        f"post {number}" for number in range(46, 131)
    )


def test_a_post_that_only_left_the_listing_is_not_gone_and_its_edit_is_seen(
    pond: Pond, http: httpx.Client
) -> None:
    of_tag(pond, status(3), status(2), status(1))
    first = source().fetch(http, None)
    of_tag(pond, status(3), status(1))
    pond.elsewhere = [status(2, "no tag any more", edited_at="2026-11-20T17:30:00.000Z")]

    second = source().fetch(http, first.cursor)
    third = source().fetch(http, second.cursor)
    pond.elsewhere = []
    fourth = source().fetch(http, third.cursor)

    assert (texts(second), second.gone) == (["no tag any more"], ())
    assert (texts(third), third.gone) == ([], ())
    assert fourth.gone == (status(2)["uri"],)


def test_a_404_that_is_not_the_servers_own_deletes_nothing(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, status(2), status(1))
    first = source().fetch(http, None)
    of_tag(pond, status(2))
    pond.error = lambda request: (
        httpx.Response(404, text="<html>") if "/statuses/" in str(request.url) else None
    )

    second = source().fetch(http, first.cursor)
    pond.error = lambda _: None
    third = source().fetch(http, second.cursor)

    assert second.gone == ()
    assert "could not be asked" in second.reason
    assert third.gone == (status(1)["uri"],)


@pytest.mark.parametrize(
    ("more", "ignores"),
    [
        *((more, ()) for more in (39, 40, 41, 80, 40 * (MOST_PAGES + 3))),
        *((more, ("min_id",)) for more in (40, 41, 300)),
    ],
)
def test_however_much_was_written_between_two_polls_nothing_is_missed(
    pond: Pond, http: httpx.Client, more: int, ignores: tuple[str, ...]
) -> None:
    pond.ignores = ignores
    of_tag(pond, *numbered(1, 50))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 50 + more))

    batches = polled(source(), http, first.cursor)

    assert sorted(int(text.split()[1]) for batch in batches for text in texts(batch)) == list(
        range(51, 51 + more)
    )
    assert [batch.state for batch in batches] == [State.BEHIND] * (len(batches) - 1) + [State.OK]
    assert texts(source().fetch(http, batches[-1].cursor)) == []


def test_the_404_of_snac2_is_the_servers_own_though_it_is_a_web_page(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, status(2), status(1))
    first = source().fetch(http, None)
    of_tag(pond, status(2))
    pond.error = lambda request: (
        httpx.Response(404, text="<h1>404 Not Found (snac/2.75)</h1>")
        if "/statuses/" in str(request.url)
        else None
    )

    assert source().fetch(http, first.cursor).gone == (status(1)["uri"],)


def test_a_gap_is_closed_while_new_posts_go_on_coming(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, *numbered(1, 10))
    batch, seen, last = source().fetch(http, None), list[str](), 1000
    for _ in range(8):
        of_tag(pond, *numbered(1, last))
        batch = source().fetch(http, batch.cursor)
        seen += texts(batch)
        last += 60

    assert sorted(int(text.split()[1]) for text in seen) == list(range(11, last - 59))
    assert batch.complete


def test_a_gap_outlives_an_empty_answer(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, *numbered(1, 10))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 1000))
    second = source().fetch(http, first.cursor)
    pond.error = lambda request: None if "instance" in str(request.url) else httpx.Response(200, json=[])
    third = source().fetch(http, second.cursor)
    pond.error = lambda _: None

    batches = [second, third, *polled(source(), http, third.cursor)]

    assert not third.complete
    assert {text for batch in batches for text in texts(batch)} == {f"post {n}" for n in range(11, 1001)}


def test_a_server_that_repeats_its_pages_ends_no_poll_in_a_circle_or_in_silence(
    pond: Pond, http: httpx.Client
) -> None:
    of_tag(pond, *numbered(1, 50))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 150))
    page = numbered(20, 59)
    pond.error = lambda request: httpx.Response(200, json=page) if "min_id" in request.url.params else None

    second = source().fetch(http, first.cursor)

    assert second.state is State.BEHIND
    assert "the oldest of it was missed" in second.reason


def test_a_server_without_min_id_says_aloud_what_it_could_not_give(pond: Pond, http: httpx.Client) -> None:
    pond.ignores = ("min_id", "max_id")
    of_tag(pond, *numbered(1, 50))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 150))

    second = source().fetch(http, first.cursor)

    assert len(second.posts) == 40
    assert second.state is State.BEHIND
    assert "read it more often" in second.reason
    assert source().fetch(http, second.cursor).state is State.OK


def test_the_link_header_leads_over_posts_that_are_hidden_from_us(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, *numbered(1, 50))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(100, 150), *numbered(1, 50))
    hidden = '<https://pond.example/api/v1/timelines/tag/HarrowbyGreen?min_id=99>; rel="prev"'

    def leap(request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("min_id") == "50":
            return httpx.Response(200, json=[], headers={"link": hidden})
        return None

    pond.error = leap
    batches = polled(source(), http, first.cursor)

    assert len({text for batch in batches for text in texts(batch)}) == 51


def test_ids_are_words_and_missing_addresses_are_made_up_for(pond: Pond, http: httpx.Client) -> None:
    of_tag(pond, status("5f/ab..c", uri=None, url="javascript:alert(1)"), status("zz9"))
    first = source().fetch(http, None)
    of_tag(pond, status("zz9"))

    second = source().fetch(http, first.cursor)

    assert first.posts[0].id == "pond.example 5f/ab..c"
    assert first.posts[0].url == "https://pond.example"
    assert second.gone == ("pond.example 5f/ab..c",)
    assert any("/statuses/5f%2Fab..c" in path for path in pond.asked)


def test_only_what_everybody_may_read_is_read(pond: Pond, http: httpx.Client) -> None:
    kinds = ["public", "unlisted", "private", "direct", "", None]
    of_tag(pond, *(status(number, visibility=kind) for number, kind in enumerate(kinds)))

    assert texts(source().fetch(http, None)) == ["post 0", "post 1"]


def test_the_same_post_under_two_hashtags_comes_once(pond: Pond, http: httpx.Client) -> None:
    pond.tags = {"HarrowbyGreen": [status(1)], "HGPS": [status(2), status(1)]}

    batch = source(tags=["#HarrowbyGreen", "HGPS"]).fetch(http, None)

    assert sorted(texts(batch)) == ["post 1", "post 2"]


def test_what_was_read_before_a_hashtag_failed_is_given_and_the_rest_follows(
    pond: Pond, http: httpx.Client
) -> None:
    of_tag(pond, *numbered(1, 10))
    first = source().fetch(http, None)
    of_tag(pond, *numbered(1, 150))
    pond.error = lambda request: httpx.Response(502) if "min_id" in request.url.params else None

    second = source().fetch(http, first.cursor)
    pond.error = lambda _: None
    batches = [second, *polled(source(), http, second.cursor)]

    assert set(texts(second)) == {f"post {n}" for n in range(111, 151)}
    assert (second.state, second.wait) == (State.BEHIND, source().every)
    assert {text for batch in batches for text in texts(batch)} == {f"post {n}" for n in range(11, 151)}
    assert batches[-1].state is State.OK


def test_a_hashtag_that_fails_does_not_hold_up_another(pond: Pond, http: httpx.Client) -> None:
    pond.tags = {"A": [status(1)], "B": [status(2)]}
    both = source(tags=["A", "B"])
    first = both.fetch(http, None)
    pond.tags = {"A": [status(3), status(1)], "B": [status(4), status(2)]}
    pond.error = lambda request: httpx.Response(502) if "/tag/A" in str(request.url) else None

    second = both.fetch(http, first.cursor)
    pond.error = lambda _: None
    third = both.fetch(http, second.cursor)

    assert (texts(second), second.state) == (["post 4"], State.BEHIND)
    assert (texts(third), third.state) == (["post 3"], State.OK)


def test_a_server_that_is_down_is_not_asked_for_every_part(pond: Pond, http: httpx.Client) -> None:
    pond.error = lambda _: httpx.Response(502)

    with pytest.raises(Unavailable):
        source(tags=list("ABCDEFGH"), token=SECRET).fetch(http, None)

    assert len(pond.asked) == 2


def test_search_asks_with_the_token_and_pages_by_offset(pond: Pond, http: httpx.Client) -> None:
    asked: list[str | None] = []
    pond.error = lambda request: asked.append(request.headers.get("authorization"))
    searching = source(search=["Harrowby Green"], token=SECRET)
    pond.found = numbered(1, 50)
    first = searching.fetch(http, None)
    pond.found = numbered(1, 150)

    second = searching.fetch(http, first.cursor)

    assert len(second.posts) == 100
    assert set(asked) == {f"Bearer {SECRET}"}
    assert {parse_qs(urlsplit(path).query)["q"][0] for path in pond.asked if "search" in path} == {
        "Harrowby Green"
    }


def test_mentions_and_all_replies_under_the_schools_own_posts_are_read(
    pond: Pond, http: httpx.Client
) -> None:
    ours = status(10, "The gate opens at 8.40", account=ME, replies_count=1, in_reply_to_id=None)
    answer = status(11, "You never answer", in_reply_to_id="10")
    thanks = status(12, "We are sorry", account=ME, in_reply_to_id="11")
    deeper = status(13, "Liar", in_reply_to_id="12")
    pond.own = [ours, status(9, account=ME, replies_count=0)]
    pond.threads = {"10": [answer, thanks, deeper]}
    pond.mentions = [
        mention(3, status(20, "@harrowby hello")),
        mention(2, status(21, "a favourite"), kind="favourite"),
        mention(1, status(22, "@harrowby in private", visibility="direct")),
    ]
    account = source(official="harrowby-green", token=SECRET)

    first = account.fetch(http, None)
    pond.threads = {"10": [answer, thanks]}
    second = account.fetch(http, first.cursor)

    assert texts(first) == ["@harrowby hello", "You never answer", "Liar"]
    assert {post.channel for post in first.posts} == {Channel.OFFICIAL_ACCOUNT}
    assert first.posts[1].parent_text == "The gate opens at 8.40"
    assert first.posts[2].parent == thanks["uri"]
    assert first.posts[2].thread == ours["uri"]
    assert "/api/v1/statuses/9/context" not in pond.asked
    assert (texts(second), second.gone) == ([], (deeper["uri"],))


@pytest.mark.parametrize(
    ("feeds", "options", "state", "said"),
    [
        (
            {"live_feeds": {"local": "authenticated", "remote": "authenticated"}},
            {"timeline": "all"},
            None,
            "",
        ),
        ({"live_feeds": {"local": "public", "remote": "disabled"}}, {"timeline": "local"}, State.OK, ""),
        ({"live_feeds": {"local": "public", "remote": "disabled"}}, {"timeline": "all"}, State.OK, "remote"),
        ({"hashtag_feeds": {"local": "disabled", "remote": "disabled"}}, {}, None, ""),
        ({"hashtag_feeds": {"local": "disabled", "remote": "disabled"}}, {"token": SECRET}, State.OK, ""),
    ],
)
def test_what_the_server_shows_to_whom_is_asked_first_and_said(
    pond: Pond,
    http: httpx.Client,
    *,
    feeds: dict[str, Any],
    options: dict[str, Any],
    state: State | None,
    said: str,
) -> None:
    pond.access, pond.elsewhere = feeds, [status(1)]
    of_tag(pond, status(1))

    if state is None:
        with pytest.raises(Refused) as refused:
            source(**options).fetch(http, None)
        assert refused.value.state is State.LOGIN_WALL
        assert pond.asked == ["/api/v2/instance"]
    else:
        batch = source(**options).fetch(http, None)
        assert (texts(batch), batch.state) == (["post 1"], state)
        assert said in batch.reason


RESET = {"x-ratelimit-reset": "2026-11-20T18:04:00.5Z", "date": NOW}
FAILURES = [
    (401, {}, b'{"error":"Der Zugriffstoken ist ung"}', State.AUTH_EXPIRED, None),
    (403, {}, b'{"error":"This action is outside the authorized scopes"}', State.AUTH_EXPIRED, None),
    (422, {}, b'{"error":"..."}', State.AUTH_EXPIRED, None),
    (403, {}, b"<html>no</html>", State.BLOCKED, None),
    (404, {}, b'{"error":"Not Found"}', State.BLOCKED, None),
    (410, {}, b"", State.BLOCKED, None),
    (429, {"retry-after": "90"}, b"{}", State.RATE_LIMITED, timedelta(seconds=90)),
    (429, RESET, b"{}", State.RATE_LIMITED, timedelta(minutes=4, seconds=0.5)),
    (429, {"x-ratelimit-reset": "1795197660", "date": NOW}, b"", State.RATE_LIMITED, timedelta(minutes=1)),
    (429, {}, b"<html>Throttled</html>", State.RATE_LIMITED, None),
    (500, {}, b"<html>We're sorry</html>", State.BEHIND, None),
    (503, {}, b"", State.BEHIND, None),
    (200, {}, b"", State.PARSE_ERROR, None),
    (200, {}, b"<!doctype html><html><p>An app</p></html>", State.PARSE_ERROR, None),
    (200, {}, b'[{"id": "1", "content": "<p>cut', State.PARSE_ERROR, None),
    (200, {}, b'{"errors": ["something"]}', State.PARSE_ERROR, None),
    (200, {}, b'{"data": []}', State.PARSE_ERROR, None),
    (200, {}, b'["a", 7, null]', State.PARSE_ERROR, None),
    (200, {}, b"[" * 100_000, State.PARSE_ERROR, None),
]


@pytest.mark.parametrize(("code", "headers", "body", "state", "wait"), FAILURES)
def test_every_failure_has_its_state_and_a_sentence_without_the_token(
    pond: Pond,
    http: httpx.Client,
    *,
    caplog: pytest.LogCaptureFixture,
    code: int,
    headers: dict[str, str],
    body: bytes,
    state: State,
    wait: timedelta | None,
) -> None:
    pond.error = lambda _: httpx.Response(code, headers=headers, content=body)

    with pytest.raises((Unavailable, Refused)) as error:
        source(token=SECRET).fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert getattr(error.value, "retry_after", None) == wait
    assert SECRET not in f"{error.value!r} {caplog.text} {source(token=SECRET)!r}"


def test_without_a_token_a_closed_door_is_a_login_wall(pond: Pond, http: httpx.Client) -> None:
    pond.error = lambda _: httpx.Response(422, json={"error": "This method requires an authenticated user"})

    with pytest.raises(Refused, match="Give a token") as refused:
        source().fetch(http, None)

    assert refused.value.state is State.LOGIN_WALL


def test_it_stops_asking_when_the_server_has_no_more_requests_for_us(pond: Pond, http: httpx.Client) -> None:
    pond.tags = {"A": [status(1)], "B": [status(2)]}
    pond.headers = RESET | {"x-ratelimit-remaining": "0"}

    batch = source(tags=["A", "B"], token=SECRET).fetch(http, None)

    assert (texts(batch), batch.state) == (["post 1"], State.RATE_LIMITED)
    assert batch.wait == timedelta(minutes=4, seconds=0.5)
    assert len(pond.asked) == 1


def test_strange_posts_are_read_as_far_as_they_go(pond: Pond, http: httpx.Client) -> None:
    of_tag(
        pond,
        status(6, "x" * 1_000_000),
        status(5, created_at="2126-01-01T00:00:00Z", language="i-klingon ?"),
        status(4, account=None, media_attachments={}, poll=[1], sensitive="yes", tags=7),
        status(3, "😀😀", created_at=12, edited_at=[]),
        {**status(2), "id": 2},
        {"id": None},
    )

    posts = source().fetch(http, None).posts

    assert [len(post.text) for post in posts] == [1_000_000, 6, 6, 2, 6]
    assert posts[1].posted_at == datetime(2126, 1, 1, tzinfo=UTC)
    assert (posts[1].language, posts[2].author, posts[2].sensitive) == (None, None, True)
    assert posts[3].posted_at is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tags": ["two words"]}, "one hashtag"),
        ({"tags": ["2026"]}, "one hashtag"),
        ({"tags": []}, "give tags"),
        ({"search": ["Harrowby Green"]}, "need a token"),
        ({"official": "hg"}, "need a token"),
        ({"official": "hg", "token": SECRET, "tags": ["A"]}, "two sources"),
        ({"token": "a tökén"}, "copy it again"),
        ({"base_url": "pond.example"}, "whole web address"),
        ({"base_url": "https://pond.example/?x=1"}, "server alone"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source(**options)


def test_a_real_connection_reads_and_asks_only_to_read(site: Any, answer: Any) -> None:
    path = "/api/v1/timelines/tag/HarrowbyGreen"
    site.answers[path] = answer(json.dumps(numbered(1, 2)).encode())

    with httpx.Client(timeout=5) as client:
        batch = source(base_url=site.url).fetch(client, None)

    assert texts(batch) == ["post 2", "post 1"]
    assert [asked for asked, _ in site.asked] == ["/api/v2/instance", f"{path}?limit=40"]
