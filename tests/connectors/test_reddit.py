"""Reddit: a small one on loopback that signs in, lists, edits, removes and fails as the real one does."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import praw.config
import prawcore
import pytest
import requests
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reddit import HELD, MOST_PAGES, PER_PAGE, Reddit

START = 1_795_000_000
SECRET, PASSWORD, REFRESH, TOKEN = "app-secret", "pass-word", "refresh-me", "to-ken"
SEARCH = "/r/all/search"
COMMENTS = "/r/grantham/comments"
LOGIN = "/api/v1/access_token"
Failure = tuple[int, dict[str, str], bytes]


def submission(number: int, **other: Any) -> dict[str, Any]:
    """A submission as Reddit gives it, invented; later numbers are newer."""
    return {
        "name": f"t3_s{number}",
        "id": f"s{number}",
        "title": f"submission {number}",
        "selftext": "",
        "selftext_html": None,
        "author": "quillwort",
        "created_utc": float(START + number),
        "edited": False,
        "permalink": f"/r/grantham/comments/s{number}/submission/",
        "url": f"https://www.reddit.com/r/grantham/comments/s{number}/submission/",
        "is_self": True,
        "over_18": False,
        "num_comments": 0,
    } | other


def comment(number: int, **other: Any) -> dict[str, Any]:
    """A comment as Reddit gives it."""
    return {
        "name": f"t1_c{number}",
        "id": f"c{number}",
        "body": f"comment {number}",
        "body_html": f'<div class="md"><p>comment {number}</p>\n</div>',
        "author": "fennimore",
        "created_utc": float(START + number),
        "edited": False,
        "link_id": "t3_s1",
        "link_title": "Schools & phones",
        "parent_id": "t3_s1",
        "permalink": f"/r/grantham/comments/s1/schools/c{number}/",
        "replies": "",
    } | other


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    """Comments from first to last, newest first."""
    return [comment(number) for number in range(last, first - 1, -1)]


def listing(things: list[dict[str, Any]], after: str | None = None) -> dict[str, Any]:
    children = [
        thing if "kind" in thing else {"kind": (thing["name"] or "t1")[:2], "data": thing} for thing in things
    ]
    return {"kind": "Listing", "data": {"children": children, "after": after, "before": None}}


@dataclass
class Board:
    """A Reddit: `lists` by path, newest first, of which `depth` are shown; `fail` answers instead."""

    url: str = ""
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    threads: dict[str, Any] = field(default_factory=dict)
    elsewhere: list[dict[str, Any]] = field(default_factory=list)
    token: dict[str, Any] = field(
        default_factory=lambda: {
            "access_token": TOKEN,
            "expires_in": 3600,
            "scope": "read",
            "token_type": "bearer",
        }
    )
    headers: dict[str, str] = field(default_factory=dict)
    depth: int = 1_000
    fail: Callable[[str, dict[str, str]], Failure | None] = lambda *_: None
    asked: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def answer(self, method: str, target: str, headers: dict[str, str], form: str) -> Failure:
        path, asked = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        self.asked.append((method, path, asked | dict(parse_qsl(form)), headers))
        found = self.token if path == LOGIN else self._found(path, asked)
        failed = self.fail(path, asked)
        if failed is not None:
            return failed
        if found is None:
            return 404, {}, b'{"message": "Not Found", "error": 404}'
        return 200, self.headers, json.dumps(found).encode()

    def _found(self, path: str, asked: dict[str, str]) -> Any:
        if path == "/api/v1/me":
            return {"name": "HarrowbyGreen"}
        if path == "/api/info" and "id" in asked:
            names = asked["id"].split(",")
            every = [*self.elsewhere, *(thing for things in self.lists.values() for thing in things)]
            return listing(
                [thing for thing in {each["name"]: each for each in every}.values() if thing["name"] in names]
            )
        if path.startswith("/comments/"):
            return self.threads.get(asked.get("comment", path.removeprefix("/comments/")))
        if path not in self.lists:
            return None
        things, start = self.lists[path][: self.depth], 0
        if "after" in asked:
            at = [number for number, thing in enumerate(things) if thing["name"] == asked["after"]]
            start = at[0] + 1 if at else len(things)
        page = things[start : start + int(asked.get("limit", 100))]
        more = start + len(page) < len(things)
        return listing(page, page[-1]["name"] if more else None)

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    board: Board

    def do_GET(self) -> None:
        form = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said, body = self.board.answer(self.command, self.path, headers, form)
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


@pytest.fixture
def board() -> Iterator[Board]:
    """A real server on loopback."""
    handler = type("Handler", (_Handler,), {"board": Board()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.board.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield handler.board
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source(board: Board) -> Reddit:
    return made(board.url, comments_in=["grantham"])


def made(url: str, **options: Any) -> Reddit:
    login = {"client_id": "app-id", "client_secret": SECRET, "base_url": url}
    return Reddit.model_validate({"name": "R", "platform": "reddit", **login, **options})


def own(url: str, **options: Any) -> Reddit:
    return made(url, official="harrowby-green", **({"refresh_token": REFRESH} | options))


def ids(batch: Batch) -> list[str]:
    return [post.id for post in batch.posts]


def polled(source: Reddit, http: httpx.Client, cursor: str | None) -> list[Batch]:
    """Batches until nothing waits behind."""
    batches = [source.fetch(http, cursor)]
    while not batches[-1].complete and len(batches) < 10:
        batches.append(source.fetch(http, batches[-1].cursor))
    return batches


def test_a_submission_that_a_search_finds_is_given_as_it_is(board: Board, http: httpx.Client) -> None:
    found = submission(
        1,
        title="Harrowby Green  shut?",
        selftext="See *this*",
        selftext_html='<!-- SC_OFF --><div class="md"><p>See <a href="https://e.example/x">this</a> &amp; '
        '<a href="/r/uk">that</a></p></div>',
        url="https://harrowbygreen.example/news?utm_source=x",
        is_self=False,
        edited=START + 60.0,
        over_18=True,
        post_hint="image",
    )
    board.lists[SEARCH] = [found]

    (post,) = made(board.url, search=["Harrowby Green"]).fetch(http, None).posts

    assert post == Post(
        platform="reddit",
        id="t3_s1",
        url="https://www.reddit.com/r/grantham/comments/s1/submission/",
        title="Harrowby Green shut?",
        text="See this & that",
        author="quillwort",
        posted_at=datetime.fromtimestamp(START + 1, UTC),
        edited_at=datetime.fromtimestamp(START + 60, UTC),
        thread="t3_s1",
        links=("https://harrowbygreen.example/news", "https://e.example/x", "https://www.reddit.com/r/uk"),
        has_media=True,
        sensitive=True,
    )


def test_a_comment_knows_what_it_stands_under(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = [comment(2, parent_id="t1_c1", author="[deleted]")]

    (post,) = source.fetch(http, None).posts

    assert (post.id, post.parent, post.thread) == ("t1_c2", "t1_c1", "t3_s1")
    assert (post.text, post.title, post.parent_text) == ("comment 2", "", "Schools & phones")
    assert (post.author, post.channel) == (None, Channel.PUBLIC_MENTION)
    assert post.url == "https://www.reddit.com/r/grantham/comments/s1/schools/c2/"


def test_each_part_asks_its_own_address_and_only_reads(board: Board, http: httpx.Client) -> None:
    paths = ["/r/grantham+uk/search", COMMENTS, "/domain/harrowbygreen.example/new", "/api/info"]
    board.lists |= {path: [submission(number)] for number, path in enumerate(paths)}
    page = "https://harrowbygreen.example/news"

    batch = made(
        board.url,
        search=['"Harrowby Green"'],
        search_in=["r/grantham", "uk"],
        comments_in=["/r/grantham/"],
        links_to=["HarrowbyGreen.example", page],
    ).fetch(http, None)

    assert len(batch.posts) == 4
    assert [(method, path) for method, path, _, _ in board.asked] == [
        ("POST", LOGIN),
        *(("GET", path) for path in paths),
    ]
    search, _, _, info = (asked for _, _, asked, _ in board.asked[1:])
    assert (search["q"], search["sort"], search["restrict_sr"]) == ('"Harrowby Green"', "new", "on")
    assert info["url"] == page


def test_no_request_leaves_the_machine_or_goes_by_any_other_client(
    board: Board, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a session of requests was used")

    hosts: set[str] = set()
    looked_up = socket.getaddrinfo
    monkeypatch.setattr(requests.Session, "send", refuse)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: hosts.add(host) or looked_up(host, *rest, **more)
    )
    sent: list[httpx.URL] = []
    http.event_hooks = {"request": [lambda request: sent.append(request.url)]}
    board.lists[SEARCH] = [submission(1)]
    board.lists[COMMENTS] = [comment(1)]

    batch = made(board.url, search=["Harrowby Green"], comments_in=["grantham"]).fetch(http, None)

    assert len(batch.posts) == 2
    assert hosts <= {"127.0.0.1"}
    assert {url.host for url in sent} == {"127.0.0.1"}
    assert [url.path for url in sent] == board.paths() == [LOGIN, SEARCH, COMMENTS]
    assert {headers["user-agent"] for _, _, _, headers in board.asked} == {"SchoolMentionMonitor/1"}


def test_the_real_addresses_are_two_hosts_of_reddit_and_nothing_else() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json=Board().token | listing([submission(1)]))

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        made("https://oauth.reddit.com", search=["Harrowby Green"]).fetch(http, None)

    assert [(request.method, request.url.host, request.url.path) for request in sent] == [
        ("POST", "www.reddit.com", LOGIN),
        ("GET", "oauth.reddit.com", SEARCH),
    ]
    assert "authorization" in sent[0].headers


def test_praw_can_write_nothing_through_our_line(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = [comment(1)]
    source.fetch(http, None)
    reddit = source._login.reddit
    assert reddit is not None
    before = len(board.asked)

    for write in (reddit.post, reddit.put, reddit.patch, reddit.delete):
        with pytest.raises(prawcore.RequestException) as refused:
            write("api/comment")
        assert isinstance(refused.value.original_exception, Refused)

    assert len(board.asked) == before


def test_a_praw_ini_and_the_environment_change_nothing(
    board: Board, source: Reddit, http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "praw.ini").write_text(
        "[DEFAULT]\nreddit_url=http://192.0.2.1\noauth_url=http://192.0.2.1\nusername=x\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("praw_password", "x")
    monkeypatch.setenv("praw_site", "another")
    monkeypatch.setattr(praw.config.Config, "CONFIG", None)
    board.lists[COMMENTS] = [comment(1)]

    with pytest.warns(UserWarning, match="overrides"):
        assert ids(source.fetch(http, None)) == ["t1_c1"]

    assert board.asked[0][2]["grant_type"] == "client_credentials"


def test_a_broken_praw_ini_is_said(
    source: Reddit, http: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "praw.ini").write_text("nonsense")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(praw.config.Config, "CONFIG", None)

    with pytest.raises(Refused, match="remove it"):
        source.fetch(http, None)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"grant_type": "client_credentials", "scope": "read"}),
        (
            {"official": "hg", "comments_in": (), "username": "Harrowby", "password": PASSWORD},
            {
                "grant_type": "password",
                "username": "Harrowby",
                "password": PASSWORD,
                "scope": "read identity history privatemessages",
            },
        ),
        (
            {"official": "hg", "comments_in": (), "refresh_token": REFRESH},
            {"grant_type": "refresh_token", "refresh_token": REFRESH},
        ),
    ],
)
def test_it_signs_in_as_it_is_told_and_asks_for_no_more_than_reading(
    board: Board, http: httpx.Client, options: dict[str, Any], sent: dict[str, str]
) -> None:
    for path in (COMMENTS, "/message/mentions", "/message/comments", "/message/selfreply"):
        board.lists[path] = []
    board.lists["/user/HarrowbyGreen/submitted"] = []

    made(board.url, **({"comments_in": ["grantham"]} | options)).fetch(http, None)

    method, path, form, headers = board.asked[0]
    assert (method, path, form) == ("POST", LOGIN, sent)
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == f"app-id:{SECRET}".encode()
    assert {headers["authorization"] for _, _, _, headers in board.asked[1:]} == {f"bearer {TOKEN}"}


def test_one_login_serves_many_readings_and_is_renewed_once(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = [comment(1)]
    source.fetch(http, None)
    source.fetch(http, None)
    assert board.paths().count(LOGIN) == 1
    over = iter([True])
    board.fail = lambda path, _: (401, {}, b"{}") if path != LOGIN and next(over, False) else None

    assert ids(source.fetch(http, None)) == ["t1_c1"]
    assert board.paths().count(LOGIN) == 2
    assert source == made(board.url, comments_in=["grantham"])


def test_what_is_new_comes_and_what_was_edited_comes_again(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = [comment(2), comment(1)]
    first = source.fetch(http, None)
    board.lists[COMMENTS] = [comment(3), comment(2, body_html="<p>changed</p>", edited=START + 9), comment(1)]

    second = source.fetch(http, first.cursor)

    assert ids(first) == ["t1_c2", "t1_c1"]
    assert [post.text for post in second.posts] == ["comment 3", "changed", "comment 1"]
    assert second.posts[1].edited_at is not None
    assert (second.state, second.complete, second.gone) == (State.OK, True, ())


@pytest.mark.parametrize("more", [99, 100, 101, 450, 999])
def test_however_much_was_written_between_two_polls_nothing_is_missed(
    board: Board, source: Reddit, http: httpx.Client, more: int
) -> None:
    board.lists[COMMENTS] = numbered(1, 300)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(1, 300 + more)

    batches = polled(source, http, first.cursor)

    assert {f"t1_c{number}" for number in range(301, 301 + more)} <= {
        name for each in batches for name in ids(each)
    }
    assert [batch.state for batch in batches] == [State.OK]
    assert all(len(set(ids(batch))) == len(batch.posts) for batch in batches)


def test_more_than_reddit_lists_is_said_to_be_missed(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = numbered(1, 300)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(1, 1_400)

    second = source.fetch(http, first.cursor)
    third = source.fetch(http, second.cursor)

    assert len({name for name in ids(second) if int(name[4:]) > 400}) == 1_000
    assert (second.state, second.complete) == (State.BEHIND, True)
    assert "1,000" in second.reason
    assert "missed" in second.reason
    assert (third.state, third.reason) == (State.OK, "")


def test_deleted_anchors_do_not_blind_it_or_raise_an_alarm(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = numbered(1, 400)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = [*numbered(401, 520), *numbered(1, 300)]

    second = source.fetch(http, first.cursor)

    assert {f"t1_c{number}" for number in range(401, 521)} <= set(ids(second))
    assert second.state is State.OK


def test_a_short_list_whose_posts_were_all_deleted_raises_no_alarm(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = numbered(1, 3)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(4, 5)

    second = source.fetch(http, first.cursor)

    assert (ids(second), second.gone) == (["t1_c5", "t1_c4"], ("t1_c1", "t1_c2", "t1_c3"))
    assert (second.state, second.reason) == (State.OK, "")


def interrupted(board: Board, after_pages: int) -> Callable[[str, dict[str, str]], Failure | None]:
    """Reddit has no more for us after so many pages."""
    left = iter([None] * after_pages)
    used_up = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "120", "x-ratelimit-used": "600"}

    def fail(path: str, _: dict[str, str]) -> Failure | None:
        return None if path == LOGIN else next(left, (429, used_up, b"<html>Too Many Requests</html>"))

    return fail


@pytest.mark.parametrize("deleted", [(), ("t1_c601", "t1_c602")])
def test_an_interrupted_walk_goes_on_where_it_stopped_while_more_is_written(
    board: Board, source: Reddit, http: httpx.Client, deleted: tuple[str, ...]
) -> None:
    board.lists[COMMENTS] = numbered(1, 200)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(1, 900)
    board.fail = interrupted(board, 3)
    second = source.fetch(http, first.cursor)
    board.fail = lambda *_: None
    board.lists[COMMENTS] = [each for each in numbered(1, 980) if each["name"] not in deleted]

    third = source.fetch(http, second.cursor)

    assert (second.state, second.complete, second.wait) == (State.RATE_LIMITED, False, timedelta(seconds=120))
    assert {f"t1_c{number}" for number in range(201, 981)} == {
        name for name in (*ids(second), *ids(third)) if int(name[4:]) > 200
    }
    assert (third.state, third.complete) == (State.OK, True)


def test_two_gaps_become_one_and_lose_nothing(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = numbered(1, 100)
    batches = [source.fetch(http, None)]
    for last in (400, 700):
        board.lists[COMMENTS] = numbered(1, last)
        board.fail = interrupted(board, 1)
        batches.append(source.fetch(http, batches[-1].cursor))
    board.fail = lambda *_: None

    batches += polled(source, http, batches[-1].cursor)

    assert {f"t1_c{number}" for number in range(1, 701)} == {name for each in batches for name in ids(each)}
    assert batches[-1].complete


def test_a_gap_that_reddit_does_not_list_any_more_is_said(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = numbered(1, 100)
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(1, 900)
    board.fail = interrupted(board, 2)
    second = source.fetch(http, first.cursor)
    board.fail = lambda *_: None
    board.lists[COMMENTS] = numbered(1, 1_750)

    third = source.fetch(http, second.cursor)

    assert (third.state, third.complete) == (State.BEHIND, True)
    assert "missed" in third.reason


def test_a_short_list_whose_end_is_read_later_lacks_nothing(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = [comment(1)]
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(2, 134)  # and the first was deleted
    board.fail = interrupted(board, 1)
    second = source.fetch(http, first.cursor)
    board.fail = lambda *_: None
    board.lists[COMMENTS] = numbered(2, 139)

    third = source.fetch(http, second.cursor)

    assert len({*ids(second), *ids(third)}) == 138
    assert (third.state, third.reason, third.complete) == (State.OK, "", True)


def test_pages_that_repeat_end_and_are_said(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = numbered(1, 50)
    first = source.fetch(http, None)
    same = json.dumps(listing(numbered(100, 199), "t1_c100")).encode()
    board.fail = lambda path, _: None if path in {LOGIN, "/api/info"} else (200, {}, same)

    second = source.fetch(http, first.cursor)

    assert (len(second.posts), second.state) == (150, State.BEHIND)
    assert "again and again" in second.reason
    assert board.paths().count(COMMENTS) == 3


def test_a_post_of_the_future_hides_nothing(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.headers = {"Date": "Fri, 20 Nov 2026 18:00:00 GMT"}
    board.lists[COMMENTS] = [comment(1, created_utc=START + 9e8), *numbered(2, 400)]
    first = source.fetch(http, None)
    board.lists[COMMENTS] = numbered(500_000, 501_400)

    second = source.fetch(http, first.cursor)

    assert second.state is State.BEHIND
    assert json.loads(second.cursor or "")["places"]["r/grantham/comments"]["since"] < START + 9e8


@pytest.mark.parametrize(
    "shell",
    [
        {"body": "[deleted]", "body_html": "<p>[deleted]</p>", "author": "[deleted]"},
        {"body": "[removed]", "author": "[deleted]"},
        {"body": "[ Removed by Reddit ]"},
        {"removed_by_category": "moderator"},
        None,
    ],
)
def test_what_was_deleted_or_removed_is_gone_wherever_it_stood(
    board: Board, source: Reddit, http: httpx.Client, shell: dict[str, Any] | None
) -> None:
    board.lists[COMMENTS] = [comment(3), comment(2), comment(1)]
    cursor = source.fetch(http, None).cursor
    board.lists[COMMENTS] = [comment(3), *([comment(2, **shell)] if shell else []), comment(1)]
    listed = source.fetch(http, cursor)
    board.lists[COMMENTS] = [comment(3), comment(1)]
    board.elsewhere = [comment(2, **shell)] if shell else []
    unlisted = source.fetch(http, cursor)

    for batch in (listed, unlisted):
        assert ids(batch) == ["t1_c3", "t1_c1"]
        assert batch.gone == ("t1_c2",)
    assert source.fetch(http, unlisted.cursor).gone == ()


def test_a_submission_that_was_removed_is_gone(board: Board, http: httpx.Client) -> None:
    search = made(board.url, search=["Harrowby Green"])
    board.lists[SEARCH] = [submission(number) for number in (4, 3, 2, 1)]
    cursor = search.fetch(http, None).cursor
    board.lists[SEARCH] = [
        submission(4, selftext="[removed]", author="[deleted]"),
        submission(3, title="[deleted by user]"),
        submission(2, removed_by_category="deleted"),
        submission(1, selftext="I was [removed] from a group"),
    ]

    batch = search.fetch(http, cursor)

    assert batch.gone == ("t3_s2", "t3_s3", "t3_s4")
    assert ids(batch) == ["t3_s1"]


def test_a_post_that_only_sank_below_the_page_is_not_gone_and_its_edit_is_seen(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = numbered(1, 60)
    cursor = source.fetch(http, None).cursor
    board.lists[COMMENTS] = [*numbered(11, 140), comment(10, body_html="<p>changed</p>"), *numbered(1, 9)]

    batch = source.fetch(http, cursor)

    assert batch.gone == ()
    assert {post.text for post in batch.posts if post.id == "t1_c10"} == {"changed"}
    assert board.paths().count("/api/info") == 1


@pytest.mark.parametrize(
    "failure", [None, (404, {}, b'{"error": 404}'), (500, {}, b""), (200, {}, b"<html>")]
)
def test_a_follow_up_that_shows_nothing_deletes_nothing_but_a_few(
    board: Board, source: Reddit, http: httpx.Client, failure: Failure | None
) -> None:
    board.lists[COMMENTS] = numbered(1, 8)
    cursor = source.fetch(http, None).cursor
    board.lists[COMMENTS] = [comment(9)]
    board.fail = lambda path, _: failure if path == "/api/info" else None

    batch = source.fetch(http, cursor)

    assert batch.gone == ()
    assert "older posts" in batch.reason
    assert ids(batch) == ["t1_c9"]


def test_the_inbox_gives_mentions_and_replies_and_no_private_message(
    board: Board, http: httpx.Client
) -> None:
    inbox = {
        "permalink": None,
        "link_id": None,
        "context": "/r/grantham/comments/s7/gate/c1/?context=3",
        "was_comment": True,
    }
    board.lists |= {
        "/message/mentions": [comment(1, **inbox)],
        "/message/comments": [comment(2)],
        "/message/selfreply": [{"kind": "t4", "data": {"name": "t4_x", "body": "private"}}],
        "/user/HarrowbyGreen/submitted": [],
    }

    batch = own(board.url).fetch(http, None)

    assert ids(batch) == ["t1_c1", "t1_c2"]
    assert {post.channel for post in batch.posts} == {Channel.OFFICIAL_ACCOUNT}
    assert batch.posts[0].url == "https://www.reddit.com/r/grantham/comments/s7/gate/c1/"
    assert batch.posts[0].thread == "t3_s7"
    assert {asked.get("mark") for _, path, asked, _ in board.asked if "message" in path} == {"false"}
    assert batch.state is State.OK


def own_threads(board: Board) -> None:
    """Two submissions of the school's: one with a thread at several depths, one without."""
    board.lists |= {f"/message/{part}": [] for part in ("mentions", "comments", "selfreply")}
    title = "The gate opens at 8.40"
    board.lists["/user/HarrowbyGreen/submitted"] = [submission(1, num_comments=9, title=title), submission(2)]
    ours = comment(2, author="harrowbygreen", replies=listing([comment(3, body_html="<p>no</p>")]))
    more = {
        "kind": "more",
        "data": {"name": "t1_c8", "count": 2, "parent_id": "t3_s1", "children": ["c8", "c9"]},
    }
    deeper = {
        "kind": "more",
        "data": {"name": "t1__", "id": "_", "count": 0, "parent_id": "t1_c4", "children": []},
    }
    fourth = comment(4, replies=listing([deeper]))
    root = listing([submission(1)])
    board.threads["s1"] = [root, listing([comment(1, replies=listing([ours])), fourth, more])]
    board.threads["c4"] = [root, listing([comment(4, replies=listing([comment(5)]))])]
    board.elsewhere = [comment(8), comment(9, body="[deleted]")]


def test_every_comment_under_own_submissions_is_read_at_any_depth(board: Board, http: httpx.Client) -> None:
    own_threads(board)

    batch = own(board.url).fetch(http, None)
    posts = {post.id: post for post in batch.posts}

    assert sorted(posts) == ["t1_c1", "t1_c3", "t1_c4", "t1_c5", "t1_c8"]
    assert posts["t1_c1"].parent_text == "The gate opens at 8.40"
    assert (posts["t1_c3"].parent_text, posts["t1_c5"].parent_text) == ("comment 2", "comment 4")
    assert batch.gone == ("t1_c9",)
    assert board.paths().count("/comments/s1") == 2
    assert "/comments/s2" not in board.paths()


def test_comments_and_submissions_that_vanish_from_own_threads_are_gone(
    board: Board, http: httpx.Client
) -> None:
    own_threads(board)
    official = own(board.url)
    cursor = official.fetch(http, None).cursor
    board.threads["s1"] = [listing([submission(1)]), listing([comment(1), comment(5)])]
    board.elsewhere = [comment(4), comment(8)]

    second = official.fetch(http, cursor)
    del board.threads["s1"]
    third = official.fetch(http, second.cursor)

    assert second.gone == ("t1_c3",)
    assert "t3_s1" in third.gone


def test_one_thread_that_fails_does_not_hold_up_the_others(board: Board, http: httpx.Client) -> None:
    own_threads(board)
    board.lists["/user/HarrowbyGreen/submitted"].insert(0, submission(7, num_comments=2))
    board.fail = lambda path, _: (200, {}, b'[{"kind"') if path == "/comments/s7" else None

    batch = own(board.url).fetch(http, None)

    assert "t1_c1" in ids(batch)
    assert batch.state is State.PARSE_ERROR


FAILURES: list[tuple[int, dict[str, str], bytes, State, timedelta | None]] = [
    (400, {}, b'{"message": "Bad Request", "error": 400}', State.BLOCKED, None),
    (400, {}, b"<html><title>400</title></html>", State.BLOCKED, None),
    (401, {"www-authenticate": 'Bearer error="invalid_token"'}, b'{"error": 401}', State.AUTH_EXPIRED, None),
    (401, {}, b"", State.AUTH_EXPIRED, None),
    (
        403,
        {"www-authenticate": 'Bearer error="insufficient_scope"'},
        b'{"error": 403}',
        State.AUTH_EXPIRED,
        None,
    ),
    (403, {}, b'{"reason": "private", "message": "Forbidden", "error": 403}', State.BLOCKED, None),
    (403, {}, b"<html>no</html>", State.BLOCKED, None),
    (404, {}, b'{"reason": "banned", "message": "Not Found", "error": 404}', State.BLOCKED, None),
    (404, {}, b"<html>", State.BLOCKED, None),
    (410, {}, b"", State.BLOCKED, None),
    (414, {"retry-after": "0"}, b"<html>", State.BLOCKED, None),
    (429, {"retry-after": "4"}, b"<!doctype html>", State.RATE_LIMITED, timedelta(seconds=4)),
    (429, {"x-ratelimit-reset": "73"}, b"{}", State.RATE_LIMITED, timedelta(seconds=73)),
    (429, {"x-ratelimit-reset": "soon"}, b"", State.RATE_LIMITED, None),
    (451, {}, b"{}", State.BLOCKED, None),
    (500, {}, b"<html>", State.BEHIND, None),
    (502, {}, b"", State.BEHIND, None),
    (503, {"retry-after": "9"}, b"", State.RATE_LIMITED, timedelta(seconds=9)),
    (520, {}, b"<html>", State.BEHIND, None),
    (302, {"location": "/subreddits/search?q=x"}, b"<html>", State.BLOCKED, None),
    (200, {}, b"", State.PARSE_ERROR, None),
    (200, {}, b"<html><body>We will be back</body></html>", State.PARSE_ERROR, None),
    (200, {}, b'{"kind": "Listing", "data": {"children": [', State.PARSE_ERROR, None),
    (200, {}, b'{"json": {"errors": [["A", "b", "c"]]}}', State.PARSE_ERROR, None),
    (200, {}, b'{"errors": ["x"], "kind": "Listing", "data": {"children": []}}', State.PARSE_ERROR, None),
    (
        200,
        {},
        b'{"kind": "Listing", "data": {"children": [{"kind": "t5", "data": {"name": "t5_x"}}]}}',
        State.PARSE_ERROR,
        None,
    ),
    (200, {}, b'{"kind": "Listing", "data": {"children": ["a", 7, null]}}', State.PARSE_ERROR, None),
    (200, {}, b"[" * 100_000, State.PARSE_ERROR, None),
    (200, {"x-ratelimit-remaining": "many", "x-ratelimit-reset": "x"}, b"null", State.PARSE_ERROR, None),
]


@pytest.mark.parametrize(("code", "headers", "body", "state", "wait"), FAILURES)
def test_every_failure_has_its_state_and_a_sentence_without_secrets(
    board: Board,
    http: httpx.Client,
    *,
    caplog: pytest.LogCaptureFixture,
    code: int,
    headers: dict[str, str],
    body: bytes,
    state: State,
    wait: timedelta | None,
) -> None:
    caplog.set_level("DEBUG")
    source = made(board.url, comments_in=["grantham"], username="Harrowby", password=PASSWORD)
    board.lists["/subreddits/search"] = []
    board.fail = lambda path, _: (code, headers, body) if path == COMMENTS else None

    with pytest.raises((Unavailable, Refused)) as error:
        source.fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert getattr(error.value, "retry_after", None) == wait
    seen = f"{error.value!r} {caplog.text} {source!r} {error.getrepr(chain=True)}"
    assert not any(secret in seen for secret in (SECRET, PASSWORD, TOKEN))


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        ((200, {}, b'{"error": "invalid_grant"}'), State.AUTH_EXPIRED),
        ((200, {}, b'{"error": {"odd": 1}}'), State.AUTH_EXPIRED),
        (
            (200, {}, b'{"error": "unauthorized_client", "error_description": "Only script apps"}'),
            State.AUTH_EXPIRED,
        ),
        ((400, {}, b'{"error": "invalid_grant"}'), State.AUTH_EXPIRED),
        ((401, {}, b'{"message": "Unauthorized", "error": 401}'), State.AUTH_EXPIRED),
        ((403, {}, b"<html>blocked</html>"), State.BLOCKED),
        ((429, {"retry-after": "7"}, b""), State.RATE_LIMITED),
        ((500, {}, b""), State.BEHIND),
        ((200, {}, b"{}"), State.PARSE_ERROR),
        ((200, {}, b"[]"), State.PARSE_ERROR),
        ((200, {}, b'{"access_token": "t\xc3\xb6", "expires_in": 60}'), State.PARSE_ERROR),
        ((200, {}, b'{"access_token": "a", "expires_in": "x"}'), State.PARSE_ERROR),
        ((200, {}, b"<html>"), State.PARSE_ERROR),
        ((200, {}, b""), State.PARSE_ERROR),
    ],
)
def test_a_login_that_fails_is_tried_once_for_all_parts(
    board: Board, http: httpx.Client, failure: Failure, state: State
) -> None:
    board.fail = lambda path, _: failure if path == LOGIN else None
    source = made(board.url, search=["Harrowby Green", "HGPS", "harrowby"], comments_in=["grantham"])

    with pytest.raises((Unavailable, Refused)) as error:
        source.fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert board.paths() == [LOGIN]


def test_a_token_that_is_never_taken_is_renewed_once_for_all_parts(board: Board, http: httpx.Client) -> None:
    board.fail = lambda path, _: (401, {}, b'{"error": 401}') if path != LOGIN else None

    with pytest.raises(Refused, match="just given us"):
        made(board.url, comments_in=["grantham", "uk"]).fetch(http, None)

    assert board.paths() == [LOGIN, COMMENTS, LOGIN, COMMENTS]


def test_a_subreddit_that_is_closed_does_not_hold_up_another(board: Board, http: httpx.Client) -> None:
    board.lists["/r/uk/comments"] = [comment(1)]
    closed = b'{"reason": "private", "error": 403}'
    board.fail = lambda path, _: (403, {}, closed) if path == COMMENTS else None

    batch = made(board.url, comments_in=["grantham", "uk"]).fetch(http, None)

    assert (ids(batch), batch.state) == (["t1_c1"], State.BLOCKED)
    assert "private" in batch.reason


def test_it_stops_when_reddit_has_no_more_questions_for_us(board: Board, http: httpx.Client) -> None:
    board.lists |= {COMMENTS: [comment(1)], "/r/uk/comments": [comment(2)]}
    board.headers = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "61", "x-ratelimit-used": "100"}
    board.fail = lambda path, _: (200, {}, json.dumps(board.token).encode()) if path == LOGIN else None

    batch = made(board.url, comments_in=["grantham", "uk"]).fetch(http, None)

    assert (ids(batch), batch.state) == (["t1_c1"], State.RATE_LIMITED)
    assert batch.wait == timedelta(seconds=61)
    assert board.paths() == [LOGIN, COMMENTS]


def test_strange_posts_are_read_as_far_as_they_go(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = [
        comment(1, body_html=f"<p>{'x' * 1_000_000}</p>"),
        comment(2, body="😀😀", body_html=None),
        comment(3, body_html="<p>\u202eeht loohcs مدرسة</p>"),
        comment(4, author=None, created_utc="soon", edited=True, permalink="//evil.example/x", replies=7),
        comment(5, created_utc=1e300, parent_id=[], link_title={}, over_18="yes"),
        comment(6, name="t1_../x"),
        comment(7, name=None, id=7),
        comment(8, name="t1_ZZ_9"),
    ]

    posts = {post.id: post for post in source.fetch(http, None).posts}

    assert list(posts) == ["t1_c1", "t1_c2", "t1_c3", "t1_c4", "t1_c5", "t1_ZZ_9"]
    assert (len(posts["t1_c1"].text), posts["t1_c2"].text) == (1_000_000, "😀😀")
    assert posts["t1_c3"].text == "eht loohcs مدرسة"
    assert posts["t1_c4"].url == "https://www.reddit.com/comments/s1/_/c4"
    assert (posts["t1_c4"].author, posts["t1_c4"].posted_at, posts["t1_c4"].edited_at) == (None, None, None)
    assert (posts["t1_c5"].posted_at, posts["t1_c5"].parent, posts["t1_c5"].sensitive) == (None, None, True)


def test_a_cursor_of_another_version_is_only_forgotten(
    board: Board, source: Reddit, http: httpx.Client
) -> None:
    board.lists[COMMENTS] = [comment(1)]

    for cursor in (
        "",
        "rubbish",
        "[]",
        '{"places": 7}',
        '{"places": {"r/grantham/comments": {"held": ["../x"]}}}',
    ):
        assert ids(source.fetch(http, cursor)) == ["t1_c1"]


def test_the_cursor_stays_small_and_holds_no_secret(board: Board, source: Reddit, http: httpx.Client) -> None:
    board.lists[COMMENTS] = numbered(1, 150)
    cursor = source.fetch(http, None).cursor
    board.lists[COMMENTS] = numbered(1, PER_PAGE * MOST_PAGES)

    cursor = source.fetch(http, cursor).cursor or ""

    assert len(json.loads(cursor)["places"]["r/grantham/comments"]["held"]) == HELD
    assert not any(secret in cursor for secret in (SECRET, TOKEN))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give search"),
        ({"official": "hg"}, "refresh_token of the school"),
        ({"official": "hg", "search": ["Harrowby"]}, "two sources"),
        ({"search_in": ["uk"], "comments_in": ["uk"]}, "search_in needs search"),
        ({"search": ['""" ']}, "write the words"),
        ({"comments_in": ["all"]}, "one subreddit"),
        ({"comments_in": ["two words"]}, "one subreddit"),
        ({"links_to": ["harrowby"]}, "the school's site"),
        ({"links_to": ["ftp://e.example"]}, "whole web address"),
        ({"comments_in": ["uk"], "username": "bob"}, "go together"),
        ({"comments_in": ["uk"], "username": "bob", "password": "x", "refresh_token": "y"}, "not both"),
        ({"comments_in": ["uk"], "client_secret": " "}, "empty"),
        ({"comments_in": ["uk"], "base_url": "http://e.example"}, "https"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        made("https://oauth.reddit.com", **options)
