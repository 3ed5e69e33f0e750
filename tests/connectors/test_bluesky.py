"""Bluesky: paging, sessions, threads and faults, against a small Bluesky on loopback."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from connectors.atproto import link, read_post
from connectors.bluesky import MOST_PAGES, PER_PAGE, Bluesky, read_thread
from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, State

SCHOOL = "did:plc:harrowbygreen"
PARENT = "did:plc:pat"
PASSWORD = "abcd-efgh-ijkl-mnop"
SEARCH, NOTIFICATIONS, THREAD, LOGIN, REFRESH = (
    "app.bsky.feed.searchPosts",
    "app.bsky.notification.listNotifications",
    "app.bsky.feed.getPostThread",
    "com.atproto.server.createSession",
    "com.atproto.server.refreshSession",
)


def at_uri(key: str, did: str = PARENT) -> str:
    return f"at://{did}/app.bsky.feed.post/{key}"


def view(key: str, text: str = "About Harrowby Green", did: str = PARENT, **record: Any) -> dict[str, Any]:
    """A post as Bluesky shows it; invented."""
    return {
        "uri": at_uri(key, did),
        "cid": f"bafy{key}",
        "author": {"did": did, "handle": "pat.example", "displayName": "Pat Parent"},
        "record": {
            "$type": "app.bsky.feed.post",
            "text": text,
            "createdAt": "2026-11-20T08:00:00.123456Z",
            **record,
        },
        "indexedAt": "2026-11-20T08:00:01.000Z",
        "replyCount": 0,
        "labels": [],
    }


def answering(key: str, root: dict[str, Any], text: str = "A reply", **changes: Any) -> dict[str, Any]:
    ref = {"uri": root["uri"], "cid": root["cid"]}
    return view(key, text, reply={"root": ref, "parent": ref}) | changes


@dataclass
class Says:
    """A fixed answer in place of the true one."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Network:
    """A small Bluesky: one account, posts that a search finds (newest first), notifications, threads."""

    url: str = ""
    found: list[dict[str, Any]] = field(default_factory=list)
    notified: list[dict[str, Any]] = field(default_factory=list)
    own: list[dict[str, Any]] = field(default_factory=list)
    threads: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Says] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    valid: str = ""
    logins: int = 0

    def count(self, method: str) -> int:
        return self.asked.count(method)

    def answer(self, method: str, query: dict[str, list[str]], sent: Any, token: str) -> Says:
        self.asked.append(method)
        if method in self.instead:
            return self.instead[method]
        if method == LOGIN:
            good = sent == {"identifier": "harrowbygreen.example", "password": PASSWORD}
            return self._session() if good else error(401, "AuthenticationRequired")
        if method == REFRESH:
            assert sent is None
            good = token.startswith("refresh") and token.removeprefix("refresh") == self.valid[6:]
            return self._session() if good else error(400, "ExpiredToken")
        if token != self.valid:
            return error(400, "InvalidToken")
        return self._read(method, query)

    def _session(self) -> Says:
        self.logins += 1
        self.valid = f"access{self.logins}"
        return says(
            accessJwt=self.valid,
            refreshJwt=f"refresh{self.logins}",
            did=SCHOOL,
            handle="harrowbygreen.example",
            active=True,
        )

    def _read(self, method: str, query: dict[str, list[str]]) -> Says:
        if method == THREAD:
            thread = self.threads.get(query["uri"][0])
            return says(thread=thread) if thread else error(400, "NotFound")
        if method == SEARCH:
            return self._page("posts", self.found, query)
        if method == NOTIFICATIONS:
            assert query["reasons"] == ["reply", "mention", "quote"]
            return self._page("notifications", self.notified, query)
        return says(feed=[{"post": post} for post in self.own])

    def _page(self, key: str, items: list[dict[str, Any]], query: dict[str, list[str]]) -> Says:
        """As Bluesky does it, a cursor names the last one seen: what comes on top moves nothing."""
        start, last = 0, query.get("cursor", [""])[0]
        if last:
            uris = [item["uri"] for item in items]
            if last not in uris:
                return error(500, "InternalServerError")
            start = uris.index(last) + 1
        page = items[start : start + int(query["limit"][0])]
        more = {"cursor": page[-1]["uri"]} if start + len(page) < len(items) else {}
        return says(**{key: page}, **more)


def says(**body: Any) -> Says:
    return Says(200, json.dumps(body).encode())


def error(status: int, name: str) -> Says:
    return Says(status, json.dumps({"error": name, "message": "No."}).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    network: Network

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else None
        parts = urlsplit(self.path)
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        answer = self.network.answer(
            parts.path.removeprefix("/xrpc/"), parse_qs(parts.query, keep_blank_values=True), sent, token
        )
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": "application/json",
            **self.network.headers,
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


@pytest.fixture
def network() -> Iterator[Network]:
    handler = type("Handler", (_Handler,), {"network": Network()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.network.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield handler.network  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def source(url: str = "https://bsky.social", **options: Any) -> Bluesky:
    chosen = {"search": ["Harrowby Green"]} if "official" not in options else {}
    fields = {"name": "Bluesky", "platform": "bluesky", "handle": "harrowbygreen.example", "base_url": url}
    return Bluesky.model_validate(fields | {"app_password": PASSWORD} | chosen | options)


def keys(batch: Batch) -> list[str]:
    return [post.id.rpartition("/")[2] for post in batch.posts]


def test_a_search_gives_posts_with_their_links_times_and_author(network: Network, http: httpx.Client) -> None:
    facet = {"$type": "app.bsky.richtext.facet#link", "uri": "https://harrowby.example/a?utm_source=x"}
    network.found = [
        view(
            "a1",
            "Harrowby Green\u202e is shut harrowby.example/…",
            langs=["en-GB"],
            facets=[{"index": {"byteStart": 0, "byteEnd": 5}, "features": [facet]}],
            embed={"$type": "app.bsky.embed.images", "images": []},
            tags=["HGPS"],
        )
    ]

    batch = source(network.url).fetch(http, None)

    (post,) = batch.posts
    assert post.platform == "bluesky"
    assert post.id == at_uri("a1")
    assert post.url == f"https://bsky.app/profile/{PARENT}/post/a1"
    assert post.text == "Harrowby Green is shut harrowby.example/…\n#HGPS"
    assert post.author == "Pat Parent (@pat.example)"
    assert post.language == "en"
    assert post.links == ("https://harrowby.example/a",)
    assert post.has_media
    assert not post.sensitive
    assert post.channel is Channel.PUBLIC_MENTION
    assert post.posted_at is not None
    assert post.posted_at.isoformat() == "2026-11-20T08:00:00.123456+00:00"
    assert (batch.state, batch.complete, batch.reason) == (State.OK, True, "")


@pytest.mark.parametrize(
    ("claimed", "seen", "taken"),
    [
        ("2031-01-01T00:00:00Z", "2026-11-20T08:00:01Z", "2026-11-20T08:00:01+00:00"),
        ("1999-01-01T00:00:00+01:00", "2026-11-20T08:00:01Z", "1998-12-31T23:00:00+00:00"),
        ("yesterday", "2026-11-20T08:00:01Z", "2026-11-20T08:00:01+00:00"),
        (7, "2026-11-20T08:00:01Z", "2026-11-20T08:00:01+00:00"),
        ("2026-11-20T08:00:00Z", None, "2026-11-20T08:00:00+00:00"),
    ],
)
def test_an_author_cannot_date_a_post_after_bluesky_saw_it(claimed: Any, seen: Any, taken: str) -> None:
    post = read_post(view("a", createdAt=claimed) | {"indexedAt": seen})

    assert post is not None
    assert post.posted_at is not None
    assert post.posted_at.isoformat() == taken


@pytest.mark.parametrize(
    ("labels", "own", "sensitive"),
    [
        ([{"val": "graphic-media"}], [], True),
        ([], [{"val": "porn"}], True),
        ([{"val": "test-label"}], [], False),
        ([{"val": "porn", "neg": True}], [], False),
        (["porn", None], "porn", False),
    ],
)
def test_labels_that_warn_make_a_post_sensitive(labels: Any, own: Any, sensitive: bool) -> None:
    post = read_post(view("a", labels={"values": own}) | {"labels": labels})

    assert post is not None
    assert post.sensitive is sensitive


def test_only_the_address_of_a_post_leads_to_a_page() -> None:
    assert link("at://did:web:school.example/app.bsky.feed.post/3k2a~:x-_.") == (
        "https://bsky.app/profile/did:web:school.example/post/3k2a~:x-_."
    )
    for other in (
        "",
        "https://x.example/",
        "at://pat.example/app.bsky.feed.post/a",
        f"at://{PARENT}/app.bsky.x/a",
    ):
        assert link(other) is None


def test_one_login_serves_many_fetches_and_is_renewed_not_repeated(
    network: Network, http: httpx.Client
) -> None:
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    cursor = school.fetch(http, cursor).cursor
    network.valid = "access9"  # as if two hours had gone
    network.instead[REFRESH] = network._session()

    school.fetch(http, cursor)

    assert network.count(LOGIN) == 1
    assert network.count(REFRESH) == 1


def test_a_session_that_cannot_be_renewed_is_begun_anew(network: Network, http: httpx.Client) -> None:
    school = source(network.url)
    school.fetch(http, None)
    network.valid = "another"

    assert school.fetch(http, None).state is State.OK
    assert network.count(LOGIN) == 2


def test_being_signed_in_changes_nothing_about_a_source(network: Network, http: httpx.Client) -> None:
    school = source(network.url)
    school.fetch(http, None)

    assert school == source(network.url)
    assert PASSWORD not in repr(school) + str(school.model_dump_json())
    assert "access1" not in repr(school)


def test_two_polls_give_what_came_between_them(network: Network, http: httpx.Client) -> None:
    network.found = [view(f"old{number}") for number in range(150)]
    school = source(network.url)
    first = school.fetch(http, None)
    network.found = [view(f"new{number}") for number in range(30)] + network.found

    second = school.fetch(http, first.cursor)

    assert len(first.posts) == 150
    assert network.count(SEARCH) == 3
    assert keys(second)[:30] == [f"new{number}" for number in range(30)]


def test_what_is_older_than_the_first_pages_is_left_and_said(network: Network, http: httpx.Client) -> None:
    network.found = [view(f"old{number}") for number in range(500)]

    batch = source(network.url).fetch(http, None)

    assert len(batch.posts) == 300
    assert batch.complete
    assert "newest 300 were read" in batch.reason


def test_a_long_gap_is_closed_in_several_polls_without_losing_or_doubling(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view(f"old{number}") for number in range(50)]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    new = [view(f"new{number}") for number in range(MOST_PAGES * PER_PAGE + 250)]
    network.found = new + network.found

    one = school.fetch(http, cursor)
    network.found = [view("last"), *network.found]  # while the gap is open
    two = school.fetch(http, one.cursor)
    three = school.fetch(http, two.cursor)

    assert (one.complete, two.complete, three.complete) == (False, True, True)
    assert {post["uri"] for post in new} <= {post.id for post in (*one.posts, *two.posts)}
    assert "last" in keys(three)
    assert not {post.id for post in one.posts} & {post.id for post in two.posts}


def test_deleted_anchors_do_not_blind_it(network: Network, http: httpx.Client) -> None:
    network.found = [view(f"old{number}") for number in range(150)]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    network.found = [view(f"new{number}") for number in range(120)] + network.found[90:]

    batch = school.fetch(http, cursor)

    assert {f"new{number}" for number in range(120)} <= set(keys(batch))
    assert network.count(SEARCH) == 4


def test_a_post_dated_into_the_future_on_top_hides_nothing(network: Network, http: httpx.Client) -> None:
    sticky = view("sticky", createdAt="2031-01-01T00:00:00Z")
    network.found = [sticky] + [view(f"old{number}") for number in range(150)]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    network.found = [sticky] + [view(f"new{number}") for number in range(150)] + network.found[1:]

    assert {f"new{number}" for number in range(150)} <= set(keys(school.fetch(http, cursor)))


def test_a_gap_whose_page_has_expired_is_read_again_from_the_top(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view("old")]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    new = [view(f"new{number}") for number in range(MOST_PAGES * PER_PAGE + 50)]
    network.found = new + network.found
    opened = school.fetch(http, cursor)
    del network.found[MOST_PAGES * PER_PAGE - 1]  # the post that the open page is named after

    expired = school.fetch(http, opened.cursor)
    again = school.fetch(http, expired.cursor)
    last = school.fetch(http, again.cursor)

    assert (expired.posts, expired.state, expired.complete) == ((), State.BEHIND, True)
    found = {post.id for batch in (opened, again, last) for post in batch.posts}
    assert {post["uri"] for post in new} <= found
    assert last.complete


def test_pages_that_repeat_end_the_reading_and_nothing_counts_as_read(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view("a")]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    network.instead[SEARCH] = says(posts=[view("b"), view("c")], cursor="round and round")

    batch = school.fetch(http, cursor)

    assert keys(batch) == ["b", "c"]
    assert (batch.state, batch.complete) == (State.BEHIND, True)
    assert "same page again" in batch.reason
    assert batch.cursor == cursor


def test_a_found_post_that_vanishes_is_gone_only_where_bluesky_says_that_it_was_deleted(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view("deleted"), view("hidden"), view("blocked"), view("stays")]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    network.found = network.found[3:]
    network.threads = {
        at_uri("hidden"): {"post": view("hidden")},
        at_uri("blocked"): {"uri": at_uri("blocked"), "blocked": True},
    }

    batch = school.fetch(http, cursor)

    assert batch.gone == (at_uri("deleted"),)
    assert school.fetch(http, batch.cursor).gone == ()


def test_what_cannot_be_looked_for_is_not_called_gone(network: Network, http: httpx.Client) -> None:
    network.found = [view("a"), view("b")]
    school = source(network.url)
    cursor = school.fetch(http, None).cursor
    network.found = [view("b")]
    network.instead[THREAD] = error(500, "InternalServerError")

    batch = school.fetch(http, cursor)

    assert (batch.gone, keys(batch)) == ((), ["b"])


def test_each_search_goes_its_own_way_and_a_post_found_twice_comes_once(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view("a"), view("b")]

    batch = source(network.url, search=["Harrowby Green", "#HGPS"]).fetch(http, None)

    assert keys(batch) == ["a", "b"]
    assert network.count(SEARCH) == 2
    assert list(json.loads(batch.cursor or "")["listings"]) == ["Harrowby Green", "#HGPS"]


def test_the_last_question_that_is_allowed_is_the_last_that_is_asked(
    network: Network, http: httpx.Client
) -> None:
    network.found = [view(f"a{number}") for number in range(150)]
    school = source(network.url, search=["Harrowby Green", "#HGPS"])
    cursor = school.fetch(http, None).cursor
    network.found = [view(f"b{number}") for number in range(250)] + network.found
    network.headers = {
        "ratelimit-remaining": "0",
        "Date": "Fri, 20 Nov 2026 09:00:00 GMT",
        "ratelimit-reset": "1795165320",
    }
    asked = network.count(SEARCH)

    held = school.fetch(http, cursor)
    network.headers = {}
    rest = school.fetch(http, held.cursor)

    assert network.count(SEARCH) == asked + 1 + 5
    assert not held.complete
    assert held.wait is not None
    assert 0 < held.wait.total_seconds() <= 86_400
    found = {post.id for post in (*held.posts, *rest.posts)}
    assert {at_uri(f"b{number}") for number in range(250)} <= found


def test_the_schools_account_gives_replies_mentions_quotes_and_whole_threads(
    network: Network, http: httpx.Client
) -> None:
    ours = view("ours", "The gate opens at 8.", did=SCHOOL) | {"replyCount": 1}
    reply = answering("reply", ours, "It did not.")
    deep = answering("deep", reply, "It never does.")
    network.own = [ours, view("silent", did=SCHOOL), view("strange") | {"replyCount": 3}]
    network.notified = [
        reply | {"reason": "reply"},
        view("like") | {"reason": "like", "uri": f"at://{PARENT}/app.bsky.feed.like/1"},
        view("repost") | {"reason": "repost"},
        view("mention") | {"reason": "mention"},
    ]
    network.threads[ours["uri"]] = {
        "post": ours,
        "replies": [
            {"post": reply, "replies": [{"post": deep, "replies": []}]},
            {"uri": at_uri("lost"), "notFound": True},
            {"uri": at_uri("blocked"), "blocked": True, "author": {"did": PARENT}},
        ],
    }

    batch = source(network.url, official="harrowby-green").fetch(http, None)

    assert keys(batch) == ["reply", "deep", "mention"]
    assert [post.parent_text for post in batch.posts] == ["The gate opens at 8.", "It did not.", ""]
    assert batch.posts[1].thread == reply["uri"]
    assert batch.posts[0].parent == ours["uri"]
    assert {post.channel for post in batch.posts} == {Channel.OFFICIAL_ACCOUNT}
    assert batch.gone == (at_uri("lost"),)
    assert network.count(THREAD) == 1


def test_a_thread_whose_first_post_was_deleted_is_gone_and_the_rest_is_read(
    network: Network, http: httpx.Client
) -> None:
    gone = view("gone", did=SCHOOL)
    network.notified = [answering("reply", gone) | {"reason": "reply"}]

    batch = source(network.url, official="harrowby-green").fetch(http, None)

    assert keys(batch) == ["reply"]
    assert batch.gone == (gone["uri"],)


def test_a_thread_that_cannot_be_read_does_not_keep_us_from_the_others(
    network: Network, http: httpx.Client
) -> None:
    network.own = [view("ours", did=SCHOOL) | {"replyCount": 1}]
    network.notified = [view("mention") | {"reason": "mention"}]
    network.instead[THREAD] = Says(200, b'{"thread": {"post":')

    batch = source(network.url, official="harrowby-green").fetch(http, None)

    assert keys(batch) == ["mention"]
    assert batch.state is State.PARSE_ERROR


def test_a_thread_of_any_shape_or_depth_is_read(network: Network) -> None:
    deep: Any = {"post": view("0")}
    for number in range(1, 5_000):
        deep = {"post": view(str(number)), "replies": [deep, None, "x", {"post": 7, "replies": {}}]}

    posts, gone = read_thread(deep, SCHOOL)

    assert (len(posts), gone) == (5_000, [])
    assert read_thread(None, SCHOOL) == read_thread({"notFound": True, "uri": 7}, SCHOOL) == ([], [])


@pytest.mark.parametrize(
    ("says_so", "kind", "state"),
    [
        (error(401, "AuthMissing"), Refused, State.AUTH_EXPIRED),
        (error(400, "InvalidToken"), Refused, State.AUTH_EXPIRED),
        (Says(401), Refused, State.AUTH_EXPIRED),
        (Says(403, b"<html><p>Forbidden</p></html>"), Refused, State.BLOCKED),
        (Says(404), Refused, State.BLOCKED),
        (Says(410), Refused, State.BLOCKED),
        (error(400, "InvalidRequest"), Unavailable, State.BEHIND),
        (error(400, "NotFound"), Refused, State.AUTH_EXPIRED),
        (error(429, "RateLimitExceeded"), Unavailable, State.RATE_LIMITED),
        (error(500, "InternalServerError"), Unavailable, State.BEHIND),
        (Says(502, b"<html>Bad gateway</html>"), Unavailable, State.BEHIND),
        (Says(200), Unavailable, State.PARSE_ERROR),
        (Says(200, b"<html><body>Hello</body></html>"), Unavailable, State.PARSE_ERROR),
        (Says(200, b'{"posts": [{"uri": "at:'), Unavailable, State.PARSE_ERROR),
        (Says(200, b"[" * 100_000), Unavailable, State.PARSE_ERROR),
        (Says(200, b'{"error": "Oops", "posts": []}'), Unavailable, State.PARSE_ERROR),
        (Says(200, b'{"posts": {}}'), Unavailable, State.PARSE_ERROR),
        (Says(200, b'{"posts": null}'), Unavailable, State.PARSE_ERROR),
    ],
)
def test_every_fault_of_a_search_ends_in_its_state(
    network: Network, http: httpx.Client, says_so: Says, kind: type[Exception], state: State
) -> None:
    network.instead[SEARCH] = says_so

    with pytest.raises(kind) as failed:
        source(network.url).fetch(http, None)

    assert failed.value.state is state  # type: ignore[attr-defined]
    assert PASSWORD not in str(failed.value)
    assert "access" not in str(failed.value)


@pytest.mark.parametrize(
    ("says_so", "state", "words"),
    [
        (error(401, "AuthenticationRequired"), State.AUTH_EXPIRED, "app password"),
        (error(401, "AuthFactorTokenRequired"), State.AUTH_EXPIRED, "main password"),
        (error(401, "AccountTakedown"), State.AUTH_EXPIRED, "closed the account"),
        (error(400, "InvalidRequest"), State.AUTH_EXPIRED, "app password"),
        (error(429, "RateLimitExceeded"), State.RATE_LIMITED, "less often"),
        (Says(200, b"{}"), State.PARSE_ERROR, "base_url"),
        (Says(200, b"<html></html>"), State.PARSE_ERROR, "web page"),
        (
            says(accessJwt="a", refreshJwt="b", did=SCHOOL, active=False),
            State.AUTH_EXPIRED,
            "closed",
        ),
        (Says(307, headers={"Location": "http://127.0.0.1:9/"}), State.PARSE_ERROR, "307"),
    ],
)
def test_every_fault_of_signing_in_ends_in_its_state(
    network: Network, http: httpx.Client, says_so: Says, state: State, words: str
) -> None:
    network.instead[LOGIN] = says_so

    with pytest.raises((Unavailable, Refused), match=words) as failed:
        source(network.url).fetch(http, None)

    assert failed.value.state is state
    assert PASSWORD not in str(failed.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"ratelimit-reset": "1795165320", "Date": "Fri, 20 Nov 2026 09:00:00 GMT"}, 120),
        ({"ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_from_the_headers(headers: dict[str, str], seconds: int | None) -> None:
    replies = [
        httpx.Response(200, content=says(accessJwt="a", refreshJwt="b", did=SCHOOL).body),
        httpx.Response(429, content=error(429, "RateLimitExceeded").body, headers=headers),
    ]
    with (
        httpx.Client(transport=httpx.MockTransport(lambda _: replies.pop(0))) as http,
        pytest.raises(Unavailable) as failed,
    ):
        source("https://pds.example").fetch(http, None)

    wait = failed.value.retry_after
    assert (wait.total_seconds() if wait else None) == seconds


def test_strange_posts_are_read_as_far_as_they_can_be(network: Network, http: httpx.Client) -> None:
    network.found = [
        view("large", "Harrowby Green " * 70_000),
        view("none", text=None, langs="en", facets={"a": 1}, tags=[7], embed=[], reply="x"),  # type: ignore[arg-type]
        {"uri": at_uri("bare")},
        {
            "uri": at_uri("klingon"),
            "record": {"text": "🦖", "langs": ["i-klingon"]},
            "author": {"did": PARENT},
        },
        {"uri": "at://strange"},
        {"uri": 7},
    ]
    network.found[1]["record"]["text"] = None

    batch = source(network.url).fetch(http, None)

    assert keys(batch) == ["large", "none", "bare", "klingon"]
    assert len(batch.posts[0].text) == 1_000_000
    assert [post.text for post in batch.posts[1:]] == ["", "", "🦖"]
    assert (batch.posts[2].author, batch.posts[3].author) == (None, PARENT)
    assert [post.language for post in batch.posts] == [None] * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"search": []}, "either search"),
        ({"official": "harrowby-green", "search": ["Harrowby Green"]}, "either search"),
        ({"base_url": "http://bsky.example"}, "https://"),
        ({"search": ["x"]}, "at least 3"),
    ],
)
def test_what_may_not_be_asked_is_refused_when_it_is_written(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        source(**options)
