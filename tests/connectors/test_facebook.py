"""A Facebook Page: comments, visitors, tags, ratings, and what is said when Meta does not answer."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graph_api import GONE, NOW, NOW_SECONDS, SECRET, GraphApi, failing
from pydantic import ValidationError

from connectors import graph
from connectors.connector import Refused, Unavailable
from connectors.facebook import Facebook
from connectors.post import Batch, Channel, Post, State

PAGE = {"name": "Harrowby Green", "id": "7001"}
ANN = {"name": "Ann Fennimore", "id": "88001"}
FEED, TAGGED, RATINGS = "harrowby/feed", "harrowby/tagged", "harrowby/ratings"


def post(number: int, text: str = "", said: int = 0, **other: Any) -> dict[str, Any]:
    """A post on the Page, by the Page itself unless another author is given."""
    return {
        "id": f"7001_{number}",
        "message": text or f"post {number}",
        "from": PAGE,
        "created_time": "2026-11-20T17:00:00+0000",
        "updated_time": "2026-11-20T17:00:00+0000",
        "permalink_url": f"https://www.facebook.com/7001/posts/{number}/",
        "comments": {"data": [], "summary": {"total_count": said}},
        **other,
    }


def comment(name: str, text: str = "", **other: Any) -> dict[str, Any]:
    return {
        "id": name,
        "message": text or f"comment {name}",
        "from": ANN,
        "created_time": "2026-11-20T17:30:00+0000",
        **other,
    }


def comments(post_number: int, first: int, last: int) -> list[dict[str, Any]]:
    return [comment(f"{post_number}_{number}") for number in range(first, last + 1)]


@pytest.fixture
def api() -> GraphApi:
    empty: list[dict[str, Any]] = []
    edges = {FEED: empty, TAGGED: list(empty), RATINGS: list(empty)}
    return GraphApi(nodes={"harrowby": {"id": "7001"}}, edges=edges)


@pytest.fixture
def http(api: GraphApi) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(api)) as client:
        yield client


def source(**options: Any) -> Facebook:
    given = {"name": "Our page", "platform": "facebook", "page": "harrowby", "token": SECRET}
    return Facebook.model_validate(given | {"official": "harrowby-green"} | options)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


def polled(http: httpx.Client, cursor: str | None, most: int = 40) -> list[Batch]:
    """Batches until nothing waits."""
    batches = [source().fetch(http, cursor)]
    while not batches[-1].complete and len(batches) < most:
        batches.append(source().fetch(http, batches[-1].cursor))
    return batches


def test_what_visitors_write_on_the_page_is_given_as_it_is(data: Path) -> None:
    body = (data / "facebook.json").read_bytes()
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))) as http:
        linked, photo = (each for each in source().fetch(http, None).posts if each.id.startswith("7001_"))

    assert linked == Post(
        platform="facebook",
        id="7001_901",
        url="https://www.facebook.com/7001/posts/901/",
        title="Gate shut again & again",
        text="Nobody at Harrowby Green answers the telephone. https://paper.example/gate?fbclid=x1",
        author="Ann Fennimore (88001)",
        posted_at=datetime(2026, 11, 20, 17, 45, 3, tzinfo=UTC),
        channel=Channel.OFFICIAL_ACCOUNT,
        thread="7001_901",
        links=("https://paper.example/gate", "https://paper.example/shut"),
        has_media=True,
    )
    assert (photo.text, photo.title, photo.author, photo.has_media) == ("", "", None, True)


def test_comments_and_replies_come_with_what_they_answer_and_the_page_itself_is_left_out(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[FEED] = [post(5, "The gate opens at 8.40", said=3)]
    api.edges["7001_5/comments"] = [
        comment("5_1", "You never answer"),
        comment("5_2", "We are sorry", **{"from": PAGE}, parent={"id": "5_1", "message": "You never answer"}),
        comment("5_3", "Liar", parent={"id": "5_2", "message": "We are sorry"}, attachment={"type": "photo"}),
    ]

    answer, liar = source().fetch(http, None).posts

    assert (answer.parent, answer.thread, answer.parent_text) == (
        "7001_5",
        "7001_5",
        "The gate opens at 8.40",
    )
    assert answer.url == "https://www.facebook.com/5_1"
    assert (liar.parent, liar.parent_text, liar.has_media) == ("5_2", "We are sorry", True)
    asked = api.requests[api.asked.index("7001_5/comments")].url.params
    assert (asked["filter"], asked["limit"]) == ("stream", "100")


def test_tags_and_ratings_are_read_and_known_by_ids_of_their_own(api: GraphApi, http: httpx.Client) -> None:
    api.edges[TAGGED] = [{"id": "88_1", "message": "@Harrowby Green is shut"}]
    rating = {"created_time": "2026-11-19T10:00:00+0000", "reviewer": ANN, "recommendation_type": "negative"}
    api.edges[RATINGS] = [
        {**rating, "review_text": "They lost my coat", "open_graph_story": {"id": "77"}},
        {"created_time": "2026-11-18T10:00:00+0000", "rating": 2, "id": "x"},
        rating,
    ]

    tagged, told, stars, silent = source().fetch(http, None).posts

    assert (tagged.channel, tagged.url) == (Channel.PUBLIC_MENTION, "https://www.facebook.com/88_1")
    assert (told.id, told.title, told.text) == ("77", "Does not recommend the Page", "They lost my coat")
    assert told.url == "https://www.facebook.com/harrowby/reviews"
    assert (stars.title, stars.author) == ("2 of 5 stars", None)
    assert silent.id.startswith("rating ")
    assert silent.author == "Ann Fennimore (88001)"


def test_only_posts_under_which_something_was_said_are_read_again(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(number, said=number % 2) for number in range(20, 0, -1)]
    for number in range(1, 21, 2):
        api.edges[f"7001_{number}/comments"] = comments(number, 1, 1)
    first = polled(http, None)
    api.asked.clear()
    api.edges[FEED][16] = post(4, said=1, updated_time="2026-11-20T17:50:00+0000")
    api.edges["7001_4/comments"] = comments(4, 7, 7)

    second = source().fetch(http, first[-1].cursor)

    assert len(first[0].posts) == 10
    assert "comment 4_7" in texts(second)
    # The one that changed, and the newest ones, since an edit changes no count.
    assert sum(path.endswith("/comments") for path in api.asked) == 1 + 2


@pytest.mark.parametrize("more", [1, 99, 100, 101, 1_000, 1_001, 1_250])
def test_however_many_comments_there_are_none_is_missed(api: GraphApi, http: httpx.Client, more: int) -> None:
    api.edges[FEED] = [post(1, said=more)]
    api.edges["7001_1/comments"] = comments(1, 1, more)

    batches = polled(http, None)

    assert {text for batch in batches for text in texts(batch)} == {
        f"comment 1_{number}" for number in range(1, more + 1)
    }
    assert [batch.state for batch in batches] == [State.BEHIND] * (len(batches) - 1) + [State.OK]
    assert SECRET not in str(batches)


def test_the_end_of_a_long_thread_is_read_without_the_rest(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(1, said=1_100)]
    api.edges["7001_1/comments"] = comments(1, 1, 1_100)
    before = polled(http, None)[-1].cursor
    api.edges[FEED] = [post(1, said=1_220)]
    api.edges["7001_1/comments"] = comments(1, 1, 1_220)
    api.asked.clear()

    batches = polled(http, before)

    assert {"comment 1_1101", "comment 1_1220"} <= set(texts(batches[0]))
    assert api.count("7001_1/comments") == 3
    assert batches[0].complete


def test_many_busy_posts_are_read_in_turn_and_said_to_be_behind(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(number, said=1) for number in range(40, 0, -1)]
    for number in range(1, 41):
        api.edges[f"7001_{number}/comments"] = comments(number, 1, 1)

    batches = polled(http, None)

    assert len({text for batch in batches for text in texts(batch)}) == 40
    assert [batch.state for batch in batches] == [State.BEHIND, State.OK]
    assert "the rest is read next time" in batches[0].reason


def test_a_comment_under_an_old_post_is_found_in_the_round_over_all_posts(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[FEED] = [post(number) for number in range(180, 0, -1)]
    batch = source().fetch(http, None)
    api.edges[FEED][170] = post(10, said=1, updated_time="2026-11-20T17:55:00+0000")
    api.edges["7001_10/comments"] = comments(10, 1, 1)

    seen = list[str]()
    for _ in range(4):
        batch = source().fetch(http, batch.cursor)
        seen += texts(batch)

    assert "comment 10_1" in seen
    assert batch.state is State.OK


def test_an_edited_comment_comes_again_and_a_deleted_one_is_gone(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(1, said=3)]
    api.edges["7001_1/comments"] = comments(1, 1, 3)
    first = source().fetch(http, None)
    api.edges["7001_1/comments"] = [comment("1_1", "changed"), comment("1_3")]

    second = source().fetch(http, first.cursor)

    assert texts(second)[0] == "changed"
    assert second.gone == ("1_2",)
    assert source().fetch(http, second.cursor).gone == ()


def test_a_comment_that_is_only_listed_no_longer_is_not_gone(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(1, said=2)]
    api.edges["7001_1/comments"] = comments(1, 1, 2)
    first = source().fetch(http, None)
    api.edges["7001_1/comments"] = comments(1, 1, 1)
    api.nodes["1_2"] = {}
    second = source().fetch(http, first.cursor)
    del api.nodes["1_2"]

    assert second.gone == ()
    assert source().fetch(http, second.cursor).gone == ("1_2",)


def test_a_deleted_post_takes_its_comments_with_it(api: GraphApi, http: httpx.Client) -> None:
    visitor = post(2, said=1) | {"from": ANN}
    api.edges[FEED] = [visitor, post(1)]
    api.edges["7001_2/comments"] = comments(2, 1, 1)
    first = source().fetch(http, None)
    api.edges[FEED] = [post(1)]
    del api.edges["7001_2/comments"]

    assert source().fetch(http, first.cursor).gone == ("2_1", "7001_2")


@pytest.mark.parametrize("more", [49, 50, 51, 499, 500, 501, 1_100])
def test_however_often_the_page_was_tagged_nothing_is_missed(
    api: GraphApi, http: httpx.Client, more: int
) -> None:
    api.edges[TAGGED] = [comment(str(number)) for number in range(60, 0, -1)]
    first = source().fetch(http, None)
    api.edges[TAGGED] = [comment(str(number)) for number in range(60 + more, 0, -1)]
    # Some of those that we knew were deleted meanwhile.
    del api.edges[TAGGED][more : more + 5]

    batches = polled(http, first.cursor)

    new = {f"comment {number}" for number in range(61, 61 + more)}
    assert new <= {text for batch in batches for text in texts(batch)}
    assert [batch.state for batch in batches] == [State.BEHIND] * (len(batches) - 1) + [State.OK]


def test_a_gap_whose_position_has_expired_is_closed_from_the_top(api: GraphApi, http: httpx.Client) -> None:
    api.edges[TAGGED] = [comment(str(number)) for number in range(60, 0, -1)]
    first = source().fetch(http, None)
    api.edges[TAGGED] = [comment(str(number)) for number in range(1_260, 0, -1)]
    second = source().fetch(http, first.cursor)
    at = json.loads(second.cursor or "")["places"]["tagged"]["gap"].removeprefix("after=")
    api.edges[TAGGED] = [each for each in api.edges[TAGGED] if each["id"] != at]

    batches = [second, *polled(http, second.cursor)]

    seen = {text for batch in batches for text in texts(batch)}
    assert {f"comment {number}" for number in range(61, 1_261)} <= seen
    assert batches[-1].complete


def test_a_fault_in_the_middle_of_a_list_leaves_a_gap_that_is_closed_later(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[TAGGED] = [comment(str(number)) for number in range(60, 0, -1)]
    first = source().fetch(http, None)
    api.edges[TAGGED] = [comment(str(number)) for number in range(300, 0, -1)]
    api.error = lambda request: (
        httpx.Response(503) if request.url.params.get("after") in {"251", "151"} else None
    )
    second = source().fetch(http, first.cursor)
    third = source().fetch(http, second.cursor)
    api.error = lambda _: None

    batches = [second, third, *polled(http, third.cursor)]

    assert {f"comment {number}" for number in range(61, 301)} <= {
        text for batch in batches for text in texts(batch)
    }
    assert [batch.state for batch in batches] == [State.BEHIND] * 2 + [State.OK]
    assert "(503)" in second.reason


def test_a_list_that_repeats_its_page_ends_and_says_so(api: GraphApi, http: httpx.Client) -> None:
    page = {"data": [comment("1")], "paging": {"next": "x", "cursors": {"after": "1"}}}
    api.error = lambda request: (
        httpx.Response(200, json=page) if request.url.path.endswith("tagged") else None
    )

    batch = source().fetch(http, None)

    assert (texts(batch), batch.state) == (["comment 1"], State.BEHIND)
    assert "The same page was given again" in batch.reason


def test_a_page_that_is_known_by_time_only_is_followed_without_its_token(
    api: GraphApi, http: httpx.Client
) -> None:
    following = f"https://graph.example/x?access_token={SECRET}&until=1624385168&__paging_token=p1&since"
    pages = iter([[comment("2")], [comment("1")]])
    asked: list[dict[str, str]] = []

    def by_time(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("tagged"):
            return None
        asked.append(dict(request.url.params.items()))
        more = {"next": following} if len(asked) == 1 else {}
        return httpx.Response(200, json={"data": next(pages), "paging": more})

    api.error = by_time

    assert texts(source().fetch(http, None)) == ["comment 2", "comment 1"]
    assert (asked[1]["until"], asked[1]["__paging_token"]) == ("1624385168", "p1")
    assert "access_token" not in asked[1]


USAGE = {"x-business-use-case-usage": json.dumps({"7": [{"estimated_time_to_regain_access": 12}]})}
FAILURES = [
    (400, {}, failing(190, 463), State.AUTH_EXPIRED, None),
    (200, {}, failing(190, 460), State.AUTH_EXPIRED, None),
    (401, {}, failing(102), State.AUTH_EXPIRED, None),
    (403, {}, failing(10), State.AUTH_EXPIRED, None),
    (403, {}, failing(200), State.AUTH_EXPIRED, None),
    (400, {}, failing(100), State.BLOCKED, None),
    (400, {}, failing(368), State.BLOCKED, None),
    (400, {}, failing(4), State.RATE_LIMITED, None),
    (403, {"retry-after": "90"}, failing(32), State.RATE_LIMITED, timedelta(seconds=90)),
    (400, USAGE, failing(80_001), State.RATE_LIMITED, timedelta(minutes=12)),
    (429, {"retry-after": "60"}, b"", State.RATE_LIMITED, timedelta(minutes=1)),
    (429, {}, b"<html>slow down</html>", State.RATE_LIMITED, None),
    (400, {}, failing(1), State.BEHIND, None),
    (500, {}, failing(2, is_transient=True), State.BEHIND, None),
    (400, {}, failing(9_999, is_transient=True), State.BEHIND, None),
    (503, {}, b"<html>Sorry, something went wrong.</html>", State.BEHIND, None),
    (401, {}, b"", State.AUTH_EXPIRED, None),
    (403, {}, b"<html>no</html>", State.BLOCKED, None),
    (404, {}, b"", State.BLOCKED, None),
    (410, {}, b"", State.BLOCKED, None),
    (200, {}, b"", State.PARSE_ERROR, None),
    (200, {}, b"<!doctype html><html><p>An app</p></html>", State.PARSE_ERROR, None),
    (200, {}, b'{"data": [{"id": "1", "mess', State.PARSE_ERROR, None),
    (200, {}, b'["a", 7]', State.PARSE_ERROR, None),
    (200, {}, b'{"id": "7", "data": {"a": 1}}', State.PARSE_ERROR, None),
    (200, {}, b'{"id": "7", "data": ["a", 7, null]}', State.PARSE_ERROR, None),
    (200, {}, b"[" * 100_000, State.PARSE_ERROR, None),
    (200, {}, {"data": [], "error": failing(190)["error"]}, State.AUTH_EXPIRED, None),
]


@pytest.mark.parametrize(("status", "headers", "body", "state", "wait"), FAILURES)
def test_every_failure_has_its_state_and_a_sentence_without_the_token(
    api: GraphApi,
    http: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    *,
    status: int,
    headers: dict[str, str],
    body: bytes | dict[str, Any],
    state: State,
    wait: timedelta | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    api.error = lambda _: httpx.Response(status, headers=headers, content=content)

    with pytest.raises((Unavailable, Refused)) as error:
        source().fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert getattr(error.value, "retry_after", None) == wait
    assert SECRET not in f"{error.value!r} {caplog.text} {source()!r}"


def test_the_token_stands_in_no_address_no_cursor_and_no_log(
    api: GraphApi, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.token = {"expires_at": NOW_SECONDS + 86_400}
    api.edges[FEED] = [post(number, said=1) for number in range(60, 0, -1)]
    api.edges[TAGGED] = [comment(str(number)) for number in range(700, 0, -1)]

    batch = source().fetch(http, None)
    api.edges[TAGGED] = [comment(str(number)) for number in range(1_700, 0, -1)]
    batch = source().fetch(http, batch.cursor)

    assert SECRET not in f"{batch!r} {caplog.text} {[str(request.url) for request in api.requests]}"
    assert {request.headers["authorization"] for request in api.requests} == {f"Bearer {SECRET}"}
    assert {request.url.path for request in api.requests if request.method != "GET"} == {"/v26.0/debug_token"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"expires_at": NOW_SECONDS + 13 * 86_400}, "The token ends on 3 December 2026"),
        ({"expires_at": 0, "data_access_expires_at": NOW_SECONDS + 86_400}, "21 November 2026"),
        ({"expires_at": NOW_SECONDS + 15 * 86_400}, ""),
        ({"expires_at": 0}, ""),
        ({"expires_at": "soon"}, ""),
        (None, ""),
    ],
)
def test_a_token_that_ends_within_14_days_is_told_of_and_asked_about_once_a_day(
    api: GraphApi, http: httpx.Client, facts: dict[str, Any] | None, said: str
) -> None:
    api.token = facts

    first = source().fetch(http, None)
    second = source().fetch(http, first.cursor)

    assert first.reason == second.reason
    assert said in first.reason
    assert bool(first.reason) == bool(said)
    assert first.state is State.OK
    assert api.count("debug_token") == 1


@pytest.mark.parametrize("header", ["x-app-usage", "x-page-usage", "x-business-use-case-usage"])
def test_it_stops_before_a_limit_is_used_up_and_keeps_what_it_read(
    api: GraphApi, http: httpx.Client, header: str
) -> None:
    api.edges[FEED] = [post(1, said=1), post(2) | {"from": ANN}]
    used: dict[str, Any] = {"call_count": 28, "total_time": 95}
    full = {"7001": [used | {"estimated_time_to_regain_access": 5}]} if "business" in header else used
    api.error = lambda request: (
        httpx.Response(200, json={"data": api.edges[FEED]}, headers={header: json.dumps(full)})
        if request.url.path.endswith("/feed")
        else None
    )

    batch = source().fetch(http, None)

    assert (texts(batch), batch.state) == (["post 2"], State.RATE_LIMITED)
    assert batch.wait == (timedelta(minutes=5) if "business" in header else source().every)
    assert api.asked == ["harrowby", FEED]
    api.error = lambda _: None
    api.edges["7001_1/comments"] = comments(1, 1, 1)
    assert "comment 1_1" in texts(source().fetch(http, batch.cursor))


@pytest.mark.parametrize("written", ["[", '"x"', '{"7": 3}', '{"call_count": "many"}', '{"7": ["x"]}'])
def test_limits_that_cannot_be_read_are_none(api: GraphApi, http: httpx.Client, written: str) -> None:
    api.headers = {"x-app-usage": written, "x-business-use-case-usage": written}

    assert source().fetch(http, None).state is State.OK


def test_a_part_that_fails_does_not_hold_up_the_others(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(2) | {"from": ANN}]
    api.edges[RATINGS] = [{"created_time": "2026-11-18T10:00:00+0000", "review_text": "Good"}]
    api.error = lambda request: (
        httpx.Response(403, json=failing(10)) if request.url.path.endswith("tagged") else None
    )

    batch = source().fetch(http, None)

    assert (texts(batch), batch.state) == (["post 2", "Good"], State.AUTH_EXPIRED)
    assert "permissions" in batch.reason


def test_a_thread_that_fails_is_read_the_next_time(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(2, said=1), post(1, said=1)]
    api.edges["7001_2/comments"], api.edges["7001_1/comments"] = comments(2, 1, 1), comments(1, 1, 1)
    api.error = lambda request: (
        httpx.Response(500, json=failing(1)) if "7001_2/comments" in str(request.url) else None
    )
    first = source().fetch(http, None)
    api.error = lambda _: None

    assert (texts(first), first.state, first.complete) == (["comment 1_1"], State.BEHIND, False)
    assert first.wait == source().every, "what fails is not read on at once"
    assert "has a fault of its own" in first.reason
    assert "comment 2_1" in texts(source().fetch(http, first.cursor))


def test_a_post_that_vanishes_while_it_is_read_stops_nothing(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(2, said=1), post(1, said=1)]
    api.edges["7001_1/comments"] = comments(1, 1, 1)
    api.error = lambda request: (
        httpx.Response(400, json=GONE) if "7001_2/comments" in str(request.url) else None
    )

    batch = source().fetch(http, None)

    assert (texts(batch), batch.state, batch.complete) == (["comment 1_1"], State.OK, True)


def test_a_service_that_is_down_is_not_asked_for_every_part(api: GraphApi, http: httpx.Client) -> None:
    api.error = lambda _: httpx.Response(502)

    with pytest.raises(Unavailable):
        source().fetch(http, None)

    assert len(api.asked) == 2


def test_strange_comments_are_read_as_far_as_they_go(api: GraphApi, http: httpx.Client) -> None:
    api.edges[FEED] = [post(1, said=6)]
    api.edges["7001_1/comments"] = [
        comment("1_1", "x" * 1_000_000),
        comment("a/..?b", created_time="2126-01-01T00:00:00+0000", attachment=["x"]),
        comment("1_3", "😀😀", created_time=12, **{"from": "Ann"}),
        comment("1_4", "\u202eمدرسة سيئة", parent="x"),
        {"id": 15, "message": None},
        {"id": None},
        {"message": "hidden id", "permalink_url": "https://www.facebook.com/7/posts/1/?comment_id=16"},
    ]

    posts = source().fetch(http, None).posts

    assert [len(each.text) for each in posts] == [1_000_000, 14, 2, 10, 0, 9]
    assert posts[1].posted_at == datetime(2126, 1, 1, tzinfo=UTC)
    assert (posts[2].author, posts[2].posted_at) == (None, None)
    assert posts[3].text == "مدرسة سيئة"
    assert [each.id for each in posts[4:]] == ["15", "1_16"]


@pytest.mark.parametrize("cursor", ["{", "[]", '{"own": 7}', '{"places": {"tagged": []}}', ""])
def test_a_cursor_of_another_version_begins_afresh(api: GraphApi, http: httpx.Client, cursor: str) -> None:
    api.edges[FEED] = [post(2) | {"from": ANN}]

    assert texts(source().fetch(http, cursor)) == ["post 2"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"page": "two words"}, "pattern"),
        ({"page": "../me"}, "pattern"),
        ({"token": "a tökén"}, "copy it again"),
        ({"base_url": "http://graph.example"}, "a token is sent there"),
        ({"base_url": "https://graph.example/?x=1"}, "server alone"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source(**options)


def test_a_real_connection_reads_and_asks_only_to_read(site: Any, answer: Any) -> None:
    site.answers["/v26.0/harrowby"] = answer(b'{"id": "7001"}')
    site.answers["/v26.0/harrowby/feed"] = answer(json.dumps({"data": [post(2) | {"from": ANN}]}).encode())
    for edge in (TAGGED, RATINGS):
        site.answers[f"/v26.0/{edge}"] = answer(b'{"data": []}', headers={"date": NOW})

    site.answers["/v26.0/debug_token"] = answer(b'{"data": {"expires_at": 0}}')

    with httpx.Client(timeout=5) as client:
        batch = source(base_url=site.url).fetch(client, None)

    assert texts(batch) == ["post 2"]
    assert {asked.partition("?")[0] for asked, _ in site.asked} == set(site.answers)
    assert {headers["authorization"] for _, headers in site.asked} == {f"Bearer {SECRET}"}


def test_the_facts_that_the_documentation_states_are_those_of_the_code() -> None:
    assert (graph.MOST_PAGES, graph.MOST_THREADS, graph.MOST_POSTS) == (10, 25, 1_000)
