"""Instagram: comments, replies, tags, and hashtags within what a week allows."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graph_api import NOW_SECONDS, SECRET, GraphApi, failing
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.instagram import MOST_HASHTAGS, Instagram
from connectors.post import Batch, Channel, Post, State

MEDIA, TAGS = "17841/media", "17841/tags"
DAY = 86_400


def media(number: int, said: int = 0, **other: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "caption": f"media {number}",
        "permalink": f"https://www.instagram.com/p/N{number}/",
        "timestamp": "2026-11-20T17:00:00+0000",
        "comments_count": said,
        **other,
    }


def comment(name: str, text: str = "", **other: Any) -> dict[str, Any]:
    return {
        "id": name,
        "text": text or f"comment {name}",
        "username": "ann.f",
        "timestamp": "2026-11-20T17:30:00+0000",
        **other,
    }


def media_from(first: int, last: int) -> list[dict[str, Any]]:
    return [media(number) for number in range(last, first - 1, -1)]


def replies(*lines: dict[str, Any], more: bool = False) -> dict[str, Any]:
    paging = {"cursors": {"after": "x"}, "next": f"https://x/?access_token={SECRET}"} if more else {}
    return {"data": list(lines), "paging": paging}


def later(api: GraphApi, seconds: int) -> None:
    moment = datetime.fromtimestamp(NOW_SECONDS + seconds, UTC)
    api.headers = {"date": format_datetime(moment, usegmt=True)}


@pytest.fixture
def api() -> GraphApi:
    return GraphApi(nodes={"17841": {"username": "harrowbygreen"}}, edges={MEDIA: [], TAGS: []})


@pytest.fixture
def http(api: GraphApi) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(api)) as client:
        yield client


def source(*hashtags: str, **options: Any) -> Instagram:
    given = {"name": "Pictures", "platform": "instagram", "account": "17841", "token": SECRET}
    asked = {"hashtags": hashtags} if hashtags else {"official": "harrowby-green"}
    return Instagram.model_validate(given | asked | options)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


def hashtag(api: GraphApi, *lines: dict[str, Any]) -> None:
    api.edges["ig_hashtag_search"] = [{"id": "990"}]
    api.edges["990/recent_media"] = list(lines)


def test_a_post_is_given_as_it_is(data: Path) -> None:
    body = (data / "instagram.json").read_bytes()
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))) as http:
        first, second = source("HarrowbyGreen").fetch(http, None).posts

    assert first == Post(
        platform="instagram",
        id="18001",
        url="https://www.instagram.com/p/InVented01/",
        text="Left outside #HarrowbyGreen again 😡 https://paper.example/gate?igsh=1",
        posted_at=datetime(2026, 11, 20, 17, 45, 3, tzinfo=UTC),
        thread="18001",
        links=("https://paper.example/gate",),
        has_media=True,
    )
    assert (second.text, second.url) == ("", "https://www.instagram.com/")


def test_comments_and_replies_come_with_what_they_answer_and_the_account_itself_is_left_out(
    api: GraphApi, http: httpx.Client
) -> None:
    api.edges[MEDIA] = [media(5, said=4, caption="Sports day"), media(4)]
    api.edges["5/comments"] = [
        comment(
            "52",
            "Shut it down",
            replies=replies(comment("53", "Yes"), comment("54", username="harrowbygreen")),
        ),
        comment("51", "@harrowbygreen rubbish"),
    ]

    shut, yes, rubbish = source().fetch(http, None).posts

    assert (shut.parent, shut.thread, shut.parent_text) == ("5", "5", "Sports day")
    assert (yes.parent, yes.thread, yes.parent_text) == ("52", "5", "Shut it down")
    assert (rubbish.text, rubbish.author) == ("@harrowbygreen rubbish", "@ann.f")
    assert {post.channel for post in (shut, yes, rubbish)} == {Channel.OFFICIAL_ACCOUNT}
    assert shut.url == "https://www.instagram.com/p/N5/"
    assert "4/comments" not in api.asked


def test_more_replies_than_come_with_a_comment_are_asked_for(api: GraphApi, http: httpx.Client) -> None:
    api.edges[MEDIA] = [media(5, said=121)]
    every = [comment(str(number)) for number in range(1_000, 1_120)]
    api.edges["5/comments"] = [comment("52", replies=replies(*every[:50], more=True))]
    api.edges["52/replies"] = every

    batch = source().fetch(http, None)

    assert len(batch.posts) == 121
    assert {post.parent for post in batch.posts} == {"5", "52"}
    assert SECRET not in f"{batch} {[str(request.url) for request in api.requests]}"


@pytest.mark.parametrize("more", [49, 50, 51, 500, 501, 1_250])
def test_however_many_comments_there_are_none_is_missed(api: GraphApi, http: httpx.Client, more: int) -> None:
    api.edges[MEDIA] = [media(5, said=more)]
    api.edges["5/comments"] = [comment(str(number)) for number in range(more, 0, -1)]

    batch = source().fetch(http, None)
    seen, states = set(texts(batch)), [batch.state]
    while not batch.complete:
        batch = source().fetch(http, batch.cursor)
        seen |= set(texts(batch))
        states.append(batch.state)

    assert len(seen) == more
    assert states == [State.BEHIND] * (len(states) - 1) + [State.OK]
    assert SECRET not in (batch.cursor or "")


def test_a_deleted_comment_and_its_replies_are_gone(api: GraphApi, http: httpx.Client) -> None:
    api.edges[MEDIA] = [media(5, said=3)]
    api.edges["5/comments"] = [comment("52", replies=replies(comment("53"))), comment("51")]
    first = source().fetch(http, None)
    api.edges[MEDIA] = [media(5, said=1)]
    api.edges["5/comments"] = [comment("51")]

    assert source().fetch(http, first.cursor).gone == ("52", "53")
    api.edges[MEDIA], api.edges["5/comments"] = [media(5)], []
    assert source().fetch(http, first.cursor).gone == ("51", "52", "53")


def test_tags_are_read_whatever_their_order(api: GraphApi, http: httpx.Client) -> None:
    api.edges[TAGS] = media_from(1, 60)
    first = source().fetch(http, None)
    api.edges[TAGS] = [*media_from(31, 60), media(99, username="bo"), *media_from(1, 30)]

    second = source().fetch(http, first.cursor)
    third = source().fetch(http, second.cursor)

    assert "media 99" in texts(second)
    assert second.posts[30].author == "@bo"
    assert len(third.posts) == 50


def test_a_hashtag_is_looked_up_once_and_its_pages_are_read(api: GraphApi, http: httpx.Client) -> None:
    hashtag(api, *media_from(1, 10))
    first = source("#HarrowbyGreen").fetch(http, None)
    hashtag(api, *media_from(101, 220), *media_from(1, 10))

    second = source("harrowbygreen").fetch(http, first.cursor)

    assert set(texts(second)) >= {f"media {number}" for number in range(101, 221)}
    assert api.count("ig_hashtag_search") == 1
    asked = api.requests[api.asked.index("ig_hashtag_search")].url.params
    assert dict(asked.items()) == {"user_id": "17841", "q": "harrowbygreen"}
    assert {post.channel for post in second.posts} == {Channel.PUBLIC_MENTION}


def test_no_more_than_thirty_hashtags_are_asked_for_in_seven_days(api: GraphApi, http: httpx.Client) -> None:
    hashtag(api, media(1))
    tags = [f"hg{number}" for number in range(MOST_HASHTAGS)]
    first = source(*tags).fetch(http, None)
    later(api, DAY)
    second = source("another", *tags[1:]).fetch(http, first.cursor)
    later(api, 6 * DAY)
    third = source("another", *tags[1:]).fetch(http, second.cursor)
    later(api, 7 * DAY)
    fourth = source("another", *tags[1:]).fetch(http, third.cursor)

    searched = [request.url.params["q"] for request in api.requests if "q" in request.url.params]
    assert first.state is State.OK
    assert (second.state, second.complete) == (State.BEHIND, True)
    assert "#another waits until 27 November" in second.reason
    assert third.state is State.BEHIND
    assert searched == [*tags, "another"]
    assert "waits" not in fourth.reason


def test_a_hashtag_that_was_not_read_for_a_day_is_said_to_have_lost_posts(
    api: GraphApi, http: httpx.Client
) -> None:
    hashtag(api, media(1))
    first = source("hg").fetch(http, None)
    later(api, DAY + 60)

    second = source("hg").fetch(http, first.cursor)

    assert (second.state, second.complete) == (State.BEHIND, True)
    assert "for more than 24 hours" in second.reason
    assert source("hg").fetch(http, second.cursor).state is State.OK


def test_a_hashtag_that_nobody_has_used_is_looked_for_again(api: GraphApi, http: httpx.Client) -> None:
    api.error = lambda request: (
        httpx.Response(400, json=failing(24, 2207024)) if "q" in request.url.params else None
    )
    first = source("hg").fetch(http, None)
    api.error = lambda _: None
    hashtag(api, media(1))

    assert (first.state, first.reason) == (State.OK, "Instagram knows no hashtag #hg yet.")
    assert texts(source("hg").fetch(http, first.cursor)) == ["media 1"]


def test_a_hashtag_that_is_refused_does_not_hold_up_another(api: GraphApi, http: httpx.Client) -> None:
    hashtag(api, media(1))
    api.error = lambda request: (
        httpx.Response(400, json=failing(18)) if request.url.params.get("q") == "bad" else None
    )

    batch = source("bad", "good").fetch(http, None)

    assert (texts(batch), batch.state) == (["media 1"], State.BLOCKED)
    assert "error 18" in batch.reason


FAILURES = [
    (400, failing(190, 463), State.AUTH_EXPIRED),
    (200, failing(190), State.AUTH_EXPIRED),
    (403, failing(10), State.AUTH_EXPIRED),
    (400, failing(100, 33), State.BLOCKED),
    (400, failing(80_002), State.RATE_LIMITED),
    (429, {}, State.RATE_LIMITED),
    (500, failing(1), State.BEHIND),
    (503, {}, State.BEHIND),
    (401, {}, State.AUTH_EXPIRED),
    (404, {}, State.BLOCKED),
    (410, {}, State.BLOCKED),
    (200, {"data": "x"}, State.PARSE_ERROR),
    (200, {"data": [7]}, State.PARSE_ERROR),
]


# A search for a hashtag that names none is no failure, so hashtags meet those that are errors.
@pytest.mark.parametrize(
    ("tags", "status", "body", "state"),
    [((), *each) for each in FAILURES] + [(("hg",), *each) for each in FAILURES if "data" not in each[1]],
)
def test_every_failure_has_its_state_and_a_sentence_without_the_token(
    api: GraphApi,
    http: httpx.Client,
    *,
    tags: tuple[str, ...],
    status: int,
    body: dict[str, Any],
    state: State,
) -> None:
    api.error = lambda _: httpx.Response(status, json=body)

    with pytest.raises((Unavailable, Refused)) as error:
        source(*tags).fetch(http, None)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert SECRET not in f"{error.value!r} {source()!r}"


def test_strange_posts_are_read_as_far_as_they_go(api: GraphApi, http: httpx.Client) -> None:
    hashtag(
        api,
        media(6, caption="x" * 1_000_000),
        media(5, timestamp="2126-01-01T00:00:00+0000"),
        media(4, caption="😀😀", timestamp=7, comments_count="many"),
        media(3, caption="\u202eمدرسة سيئة", permalink="javascript:alert(1)"),
        {"id": 2, "caption": None},
        {"id": None},
    )

    posts = source("hg").fetch(http, None).posts

    assert [len(post.text) for post in posts] == [1_000_000, 7, 2, 10, 0]
    assert posts[3].url == "https://www.instagram.com/"


@pytest.mark.parametrize(
    ("tags", "options", "said"),
    [
        ((), {"official": None}, "write either"),
        (("hg",), {"official": "harrowby-green"}, "two sources"),
        (("two words",), {}, "one hashtag"),
        (("2026",), {}, "one hashtag"),
        (("schul🙂",), {}, "one hashtag"),
        (tuple(f"t{number}" for number in range(31)), {}, "at most 30"),
        (("hg",), {"account": "harrowby"}, "pattern"),
        (("hg",), {"token": "a tökén"}, "copy it again"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(
    tags: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        source(*tags, **options)


def test_a_real_connection_reads_and_asks_only_to_read(site: Any, answer: Any) -> None:
    site.answers["/v26.0/17841"] = answer(b'{"id": "17841", "username": "harrowbygreen"}')
    site.answers["/v26.0/17841/media"] = answer(json.dumps({"data": [media(5, said=1)]}).encode())
    site.answers["/v26.0/5/comments"] = answer(json.dumps({"data": [comment("51")]}).encode())
    site.answers["/v26.0/17841/tags"] = answer(b'{"data": []}')

    with httpx.Client(timeout=5) as client:
        batch = source(base_url=site.url).fetch(client, None)

    assert texts(batch) == ["comment 51"]
    assert {headers["authorization"] for _, headers in site.asked} == {f"Bearer {SECRET}"}
