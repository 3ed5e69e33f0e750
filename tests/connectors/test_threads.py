"""Threads: replies, mentions, and searches within what a day allows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graph_api import NOW_SECONDS, SECRET, GraphApi, failing
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.threads import MOST_QUERIES, Threads

OWN, MENTIONS, SEARCH = "me/threads", "me/mentions", "keyword_search"


def said(number: int | str, text: str = "", **other: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "text": text or f"post {number}",
        "username": "ann.f",
        "permalink": f"https://www.threads.com/@ann.f/post/N{number}",
        "timestamp": "2026-11-20T17:30:00+0000",
        "media_type": "TEXT_POST",
        **other,
    }


def ours(number: int, *, has_replies: bool = False) -> dict[str, Any]:
    return said(number, username="harrowbygreen", has_replies=has_replies)


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    """Posts with ids from first to last, newest first, a second apart."""
    return [
        said(number, timestamp=datetime.fromtimestamp(NOW_SECONDS - 9_000 + number, UTC).isoformat())
        for number in range(last, first - 1, -1)
    ]


@pytest.fixture
def api() -> GraphApi:
    return GraphApi(
        nodes={"me": {"id": "31001", "username": "harrowbygreen"}},
        edges={OWN: [], MENTIONS: [], SEARCH: []},
        tells_next=False,
    )


@pytest.fixture
def http(api: GraphApi) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(api)) as client:
        yield client


def source(*search: str, **options: Any) -> Threads:
    given = {"name": "Threads", "platform": "threads", "token": SECRET}
    asked = {"search": search} if search else {"official": "harrowby-green"}
    return Threads.model_validate(given | asked | options)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


def later(api: GraphApi, seconds: int) -> None:
    moment = datetime.fromtimestamp(NOW_SECONDS + seconds, UTC)
    api.headers = {"date": format_datetime(moment, usegmt=True)}


def test_what_a_search_finds_is_given_as_it_is(data: Path) -> None:
    body = (data / "threads.json").read_bytes()
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))) as http:
        lost, praise = source("Harrowby Green").fetch(http, None).posts

    assert lost == Post(
        platform="threads",
        id="32001",
        url="https://www.threads.com/@ann.f/post/InVented01",
        text="Harrowby Green lost my son's coat 😡 https://paper.example/coat?igsh=1\nA coat",
        author="@ann.f",
        posted_at=datetime(2026, 11, 20, 17, 45, 3, tzinfo=UTC),
        thread="32001",
        links=("https://paper.example/coat", "https://paper.example/more"),
        has_media=True,
    )
    assert (praise.author, praise.has_media, praise.url) == (None, False, "https://www.threads.com/")


def test_replies_at_any_depth_and_mentions_are_read_and_the_account_itself_is_left_out(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[OWN] = [ours(5, has_replies=True), ours(4)]
    api.edges["5/conversation"] = [
        said(51, "You never answer", replied_to={"id": "5"}, root_post={"id": "5"}),
        said(52, "We are sorry", replied_to={"id": "51"}, is_reply_owned_by_me=True),
        said(53, "Liar", replied_to={"id": "52"}, hide_status="COVERED"),
    ]
    api.edges[MENTIONS] = [said(61, "@harrowbygreen hello"), ours(60)]

    answer, liar, mention = source().fetch(http, None).posts

    assert (answer.parent, answer.thread, answer.parent_text) == ("5", "5", "post 5")
    assert (liar.parent, liar.thread, liar.parent_text) == ("52", "5", "We are sorry")
    assert (answer.sensitive, liar.sensitive) == (False, True)
    assert {answer.channel, liar.channel} == {Channel.OFFICIAL_ACCOUNT}
    assert (mention.text, mention.channel) == ("@harrowbygreen hello", Channel.PUBLIC_MENTION)
    assert "4/conversation" not in api.asked
    assert api.requests[api.asked.index("5/conversation")].url.params["reverse"] == "false"


def test_a_new_reply_is_found_under_new_and_in_turn_under_old_posts(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[OWN] = [ours(number, has_replies=True) for number in range(60, 0, -1)]
    for number in range(1, 61):
        api.edges[f"{number}/conversation"] = [said(f"{number}1")]
    batch = source().fetch(http, None)
    for _ in range(6):
        batch = source().fetch(http, batch.cursor)
    api.edges["60/conversation"].append(said("new"))
    api.edges["2/conversation"].append(said("old"))

    batch = source().fetch(http, batch.cursor)
    first = set(texts(batch))
    seen = set(first)
    for _ in range(6):
        batch = source().fetch(http, batch.cursor)
        seen |= set(texts(batch))

    assert "post new" in first
    assert "post old" in seen
    assert batch.state is State.OK


@pytest.mark.parametrize("more", [100, 101, 1_001, 1_250])
def test_of_a_long_conversation_no_reply_is_missed_and_its_end_is_read_alone(
    api: GraphApi, http: httpx.Client, more: int
) -> None:
    api.edges[OWN] = [ours(5, has_replies=True)]
    api.edges["5/conversation"] = [said(f"r{number}") for number in range(more)]
    batch, seen = source().fetch(http, None), set[str]()
    while not batch.complete:
        seen |= set(texts(batch))
        batch = source().fetch(http, batch.cursor)
    seen |= set(texts(batch))
    api.edges["5/conversation"].append(said("new"))
    api.asked.clear()

    assert len(seen) == more
    assert "post new" in texts(source().fetch(http, batch.cursor))
    assert api.count("5/conversation") <= 3


def test_a_deleted_reply_is_gone(api: GraphApi, http: httpx.Client) -> None:
    api.edges[OWN] = [ours(5, has_replies=True)]
    api.edges["5/conversation"] = [said(51), said(52)]
    first = source().fetch(http, None)
    api.edges["5/conversation"] = [said(52)]

    assert source().fetch(http, first.cursor).gone == ("51",)


@pytest.mark.parametrize("by_time", [False, True])
@pytest.mark.parametrize("more", [99, 100, 101, 250, 1_250])
def test_however_much_a_search_finds_between_two_polls_nothing_is_missed(
    api: GraphApi, http: httpx.Client, *, more: int, by_time: bool
) -> None:
    def answered(request: httpx.Request) -> httpx.Response | None:
        if not by_time or not request.url.path.endswith(SEARCH):
            return None
        until = int(request.url.params.get("until", 1 << 40))
        fitting = [
            each
            for each in api.edges[SEARCH]
            if datetime.fromisoformat(each["timestamp"]).timestamp() < until
        ]
        return httpx.Response(200, json={"data": fitting[:100]})

    api.error = answered
    api.edges[SEARCH] = numbered(1, 30)
    first = source("Harrowby Green").fetch(http, None)
    api.edges[SEARCH] = numbered(1, 30 + more)

    batch = source("Harrowby Green").fetch(http, first.cursor)
    seen, states = set(texts(batch)), [batch.state]
    while not batch.complete:
        batch = source("Harrowby Green").fetch(http, batch.cursor)
        seen |= set(texts(batch))
        states.append(batch.state)

    assert {f"post {number}" for number in range(31, 31 + more)} <= seen
    assert states == [State.BEHIND] * (len(states) - 1) + [State.OK]


def test_a_search_that_never_found_anything_says_that_this_proves_nothing(
    api: GraphApi, http: httpx.Client
) -> None:
    first = source("Harrowby Green").fetch(http, None)
    api.edges[SEARCH] = numbered(1, 1)
    second = source("Harrowby Green").fetch(http, first.cursor)
    api.edges[SEARCH] = []
    third = source("Harrowby Green").fetch(http, second.cursor)

    assert (first.state, first.complete) == (State.OK, True)
    assert "words that it deems sensitive" in first.reason
    assert texts(second) == ["post 1"]
    assert (second.reason, third.reason) == ("", "")
    asked = api.requests[api.asked.index(SEARCH)].url.params
    assert (asked["q"], asked["search_type"]) == ("Harrowby Green", "RECENT")


def test_searches_stay_within_what_a_day_allows_and_empty_ones_are_free(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[SEARCH] = numbered(1, 5)
    hours = NOW_SECONDS // 3_600
    nearly = json.dumps({"spent": {str(hours - 1): MOST_QUERIES - 1, str(hours - 30): 9_000}})
    first = source("Harrowby", "Green").fetch(http, nearly)

    assert (first.state, first.wait) == (State.BEHIND, timedelta(hours=1))
    assert texts(first) == [f"post {number}" for number in range(5, 0, -1)]
    assert "2000 searches were made in 24 hours" in first.reason
    with pytest.raises(Unavailable, match="searches were made"):
        source("Harrowby").fetch(http, first.cursor)
    later(api, 25 * 3_600)
    api.edges[SEARCH] = []
    second = source("Harrowby").fetch(http, first.cursor)
    assert second.state is State.OK
    assert json.loads(second.cursor or "")["spent"] == {}


FAILURES = [
    (400, failing(190, 463), State.AUTH_EXPIRED),
    (200, failing(190), State.AUTH_EXPIRED),
    (403, failing(10), State.AUTH_EXPIRED),
    (400, failing(100, 33), State.BLOCKED),
    (400, failing(4), State.RATE_LIMITED),
    (429, {}, State.RATE_LIMITED),
    (500, failing(1), State.BEHIND),
    (503, {}, State.BEHIND),
    (401, {}, State.AUTH_EXPIRED),
    (404, {}, State.BLOCKED),
    (410, {}, State.BLOCKED),
    (200, {"data": "x"}, State.PARSE_ERROR),
    (200, {"data": [7]}, State.PARSE_ERROR),
    (200, {}, State.PARSE_ERROR),
]


@pytest.mark.parametrize("search", [(), ("Harrowby Green",)])
@pytest.mark.parametrize(("status", "body", "state"), FAILURES)
def test_every_failure_has_its_state_and_a_sentence_without_the_token(
    api: GraphApi,
    http: httpx.Client,
    *,
    search: tuple[str, ...],
    status: int,
    body: dict[str, Any],
    state: State,
) -> None:
    api.error = lambda _: httpx.Response(status, json=body)

    with pytest.raises((Unavailable, Refused)) as error:
        source(*search).fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert SECRET not in f"{error.value!r} {source()!r}"


def test_a_search_that_fails_does_not_hold_up_another(api: GraphApi, http: httpx.Client) -> None:
    api.edges[SEARCH] = numbered(1, 1)
    api.error = lambda request: (
        httpx.Response(400, json=failing(9_999)) if request.url.params.get("q") == "bad words" else None
    )

    batch = source("bad words", "Harrowby Green").fetch(http, None)

    assert (texts(batch), batch.state) == (["post 1"], State.BLOCKED)


def test_strange_posts_are_read_as_far_as_they_go(api: GraphApi, http: httpx.Client) -> None:
    api.edges[MENTIONS] = [
        said(6, "x" * 1_000_000),
        said("a/..?b", timestamp="2126-01-01T00:00:00+0000"),
        said(4, "😀😀", timestamp=7, username=None, media_type=["x"]),
        said(3, "\u202eمدرسة سيئة", permalink="javascript:alert(1)"),
        {"id": 2, "text": None},
        {"id": None},
    ]

    posts = source().fetch(http, None).posts

    assert [len(post.text) for post in posts] == [1_000_000, 11, 2, 10, 0]
    assert (posts[1].id, posts[2].author) == ("a/..?b", None)
    assert posts[3].url == "https://www.threads.com/"


@pytest.mark.parametrize(
    ("search", "options", "said"),
    [
        ((), {"official": None}, "write either"),
        (("Harrowby Green",), {"official": "harrowby-green"}, "two sources"),
        (("...",), {}, "write the words"),
        (("Harrowby Green",), {"token": "a tökén"}, "copy it again"),
        (("Harrowby Green",), {"base_url": "http://threads.example"}, "a token is sent there"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(
    search: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        source(*search, **options)


def test_a_real_connection_reads_and_asks_only_to_read(site: Any, answer: Any) -> None:
    site.answers["/v1.0/me"] = answer(b'{"id": "31001", "username": "harrowbygreen"}')
    site.answers["/v1.0/keyword_search"] = answer(json.dumps({"data": numbered(1, 2)}).encode())

    with httpx.Client(timeout=5) as client:
        batch = source("Harrowby Green", base_url=site.url).fetch(client, None)

    assert texts(batch) == ["post 2", "post 1"]
    assert {headers["authorization"] for _, headers in site.asked} == {f"Bearer {SECRET}"}
    assert not any(SECRET in path for path, _ in site.asked)
