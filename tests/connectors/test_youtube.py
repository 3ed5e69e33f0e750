"""YouTube: a small API on loopback's terms that pages, counts, deletes and fails as the real one does."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, State
from connectors.text import when
from connectors.youtube import CHECKS, MOST_PAGES, SEARCHES, UNITS, YouTube

SECRET = "not-for-any-log"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OURS = "UC" + "h" * 22
VIDEO = "gatevideo01"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"


def comment(name: str, at: datetime = NOON, text: str = "", **said: Any) -> dict[str, Any]:
    """A comment as the API gives it; invented."""
    snippet = {
        "textDisplay": text or f"comment {name}",
        "authorDisplayName": "@quillwort",
        "authorChannelId": {"value": "UC" + "q" * 22},
        "publishedAt": stamp(at),
        "updatedAt": stamp(at),
        "likeCount": 0,
    }
    return {"kind": "youtube#comment", "id": name, "snippet": snippet | said}


def thread(name: str, at: datetime = NOON, answers: int = 0, **said: Any) -> dict[str, Any]:
    """A thread with all its answers, of which the API shows a few."""
    replies = [comment(f"{name}.{number}", at + timedelta(minutes=number)) for number in range(answers)]
    return {"id": name, "video": VIDEO, "top": comment(name, at, **said), "replies": replies}


def threads(first: int, last: int, **more: Any) -> list[dict[str, Any]]:
    """Threads, newest first: number n began 20 n seconds after noon yesterday."""
    start = NOON - timedelta(days=1)
    return [thread(f"t{n}", start + timedelta(seconds=20 * n), **more) for n in range(last, first - 1, -1)]


def video(name: str, at: datetime = NOON, **about: Any) -> dict[str, Any]:
    """A video as `videos` gives it."""
    snippet = {"title": f"Video {name}", "description": "All of it", "channelTitle": "Fenland News"}
    return {"id": name, "snippet": snippet | {"publishedAt": stamp(at)} | about, "contentDetails": {}}


def videos(first: int, last: int) -> list[dict[str, Any]]:
    return [video(f"video{n:06}", NOON - timedelta(hours=last - n)) for n in range(last, first - 1, -1)]


def error(code: int, reason: str, **more: Any) -> httpx.Response:
    body = {"code": code, "message": "No.", "errors": [{"domain": "youtube.x", "reason": reason}], **more}
    return httpx.Response(code, json={"error": body})


@dataclass
class Tube:
    """The API: threads of one channel or video, newest first; videos; `fails` answers in place of it."""

    threads: list[dict[str, Any]] = field(default_factory=list)
    videos: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = NOON
    shows: int = 5
    fails: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        response = self.fails(request) or httpx.Response(200, json=self._answer(request))
        response.headers["date"] = format_datetime(self.now, usegmt=True)
        return response

    def _answer(self, request: httpx.Request) -> dict[str, Any]:
        asked = request.url.params
        start, size = int(asked.get("pageToken", 0)), int(asked.get("maxResults", 20))
        found: list[dict[str, Any]] = []
        match request.url.path.rpartition("/")[2]:
            case "commentThreads":
                found = [self._shown(one) for one in self.threads]
            case "comments" if "id" in asked:
                found = [one for one in self._comments() if one["id"] == asked["id"]]
            case "comments":
                found = next((one["replies"] for one in self.threads if one["id"] == asked["parentId"]), [])
            case "videos":
                found = [one for one in self.videos if one["id"] in asked["id"].split(",")]
            case "search":
                found = [self._hit(one) for one in self.videos if self._fits(one, asked)]
        more = {"nextPageToken": str(start + size)} if len(found) > start + size else {}
        return {"kind": "youtube#list", "items": found[start : start + size], **more}

    def _shown(self, one: dict[str, Any]) -> dict[str, Any]:
        topic = {
            "topLevelComment": one["top"],
            "videoId": one["video"],
            "totalReplyCount": len(one["replies"]),
        }
        return {"id": one["id"], "snippet": topic, "replies": {"comments": one["replies"][-self.shows :]}}

    def _comments(self) -> Iterator[dict[str, Any]]:
        for one in self.threads:
            yield from (one["top"], *one["replies"])

    @staticmethod
    def _fits(one: dict[str, Any], asked: httpx.QueryParams) -> bool:
        at = one["snippet"]["publishedAt"]
        return (
            asked.get("publishedAfter", "") <= at <= asked.get("publishedBefore", "9").replace("Z", ".999Z")
        )

    @staticmethod
    def _hit(one: dict[str, Any]) -> dict[str, Any]:
        return {"id": {"kind": "youtube#video", "videoId": one["id"]}, "snippet": one["snippet"]}

    def count(self, path: str) -> int:
        return sum(request.url.path.endswith(f"/{path}") for request in self.asked)


@pytest.fixture
def tube() -> Tube:
    return Tube(videos=[video(VIDEO, title="Harrowby Green &amp; its gate")])


@pytest.fixture
def http(tube: Tube) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(tube)) as client:
        yield client


def source(**options: Any) -> YouTube:
    given = {"name": "Our channel", "platform": "youtube", "api_key": SECRET, **options}
    if not given.keys() & {"search", "videos", "channel"}:
        given |= {"channel": OURS, "official": "harrowby-green"}
    return YouTube.model_validate(given)


def ids(batch: Batch) -> list[str]:
    return [post.id for post in batch.posts]


def failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")


def test_a_comment_and_its_answer_become_posts_with_what_they_answer(tube: Tube, http: httpx.Client) -> None:
    said = 'See <a href="https://e.example/x?utm_source=y">this</a><br>He does it to everyone &#39;round here'
    edited = stamp(NOON + timedelta(hours=1))
    tube.threads = [thread("t1", text=said, updatedAt=edited)]
    tube.threads[0]["replies"] = [comment("t1.a", text="Liar")]

    top, answer = source().fetch(http, None).posts

    assert (top.platform, top.id, top.url) == (
        "youtube",
        "t1",
        f"https://www.youtube.com/watch?v={VIDEO}&lc=t1",
    )
    assert top.text == "See this\nHe does it to everyone 'round here"
    assert top.links == ("https://e.example/x",)
    assert (top.author, top.posted_at, top.edited_at) == ("@quillwort", NOON, NOON + timedelta(hours=1))
    assert (top.channel, top.thread, top.parent) == (Channel.OFFICIAL_ACCOUNT, "t1", VIDEO)
    assert top.parent_text == "Harrowby Green & its gate"
    assert (answer.parent, answer.thread, answer.edited_at) == ("t1", "t1", None)
    assert answer.parent_text == f"Harrowby Green & its gate\n{top.text}"


def test_all_answers_are_read_where_only_some_are_shown(tube: Tube, http: httpx.Client) -> None:
    tube.threads = [thread("t1", answers=250), thread("t2", answers=5)]

    batch = source().fetch(http, None)

    assert len(batch.posts) == 257
    assert tube.count("comments") == 3


def test_answers_that_break_off_are_read_as_far_as_they_come_and_again_next_time(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = [thread("t2", answers=250), thread("t1", answers=8)]
    tube.fails = lambda asked: error(400, "invalidPageToken") if asked.url.params.get("pageToken") else None
    first = source().fetch(http, None)
    tube.fails = lambda _: None

    second = source().fetch(http, first.cursor)

    assert first.state is State.PARSE_ERROR
    assert {"t2.99", "t1.0"} <= set(ids(first))
    assert len({*ids(first), *ids(second)}) == 260
    assert (second.state, second.gone) == (State.OK, ())


def test_a_thread_that_did_not_change_costs_no_further_question(tube: Tube, http: httpx.Client) -> None:
    tube.threads = [thread("t1", answers=20)]
    cursor = source().fetch(http, None).cursor
    source().fetch(http, cursor)
    quiet = tube.count("comments")
    tube.threads[0]["replies"].append(comment("t1.new"))

    batch = source().fetch(http, cursor)

    assert quiet == 1
    assert "t1.new" in ids(batch)
    assert tube.count("comments") == 2


def test_an_edited_comment_comes_again(tube: Tube, http: httpx.Client) -> None:
    tube.threads = [thread("t1")]
    first = source().fetch(http, None)
    tube.threads = [thread("t1", text="worse", updatedAt=stamp(NOON + timedelta(hours=2)))]

    second = source().fetch(http, first.cursor)

    assert first.posts[0].revision != second.posts[0].revision


def test_what_the_school_itself_writes_is_left_out_on_its_channel(tube: Tube, http: httpx.Client) -> None:
    tube.threads = [thread("t1", answers=1), thread("t2", authorChannelId={"value": OURS})]

    assert ids(source().fetch(http, None)) == ["t1", "t1.0"]


def test_nothing_between_two_readings_is_missed_however_much_it_is(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 150)
    batches = [source().fetch(http, None)]
    tube.threads = threads(1, 1_500)
    while len(batches) < 5:
        batches.append(source().fetch(http, batches[-1].cursor))
        if len(batches) == 2:
            # More comes while the gap is open.
            tube.threads = threads(1, 1_700)

    read = {name for batch in batches for name in ids(batch)}
    assert read == {f"t{n}" for n in range(1, 1_701)}
    assert [batch.complete for batch in batches] == [True, False, False, True, True]
    assert batches[1].state is State.BEHIND
    assert "the rest is read next time" in batches[1].reason
    assert len(batches[1].posts) == 100 * (MOST_PAGES + 1)


def test_new_answers_under_old_threads_are_found_and_old_words_are_not_news(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = threads(1, 450)
    tube.threads += [thread("ancient", NOON - timedelta(days=900), answers=9)]
    cursor = source().fetch(http, None).cursor
    tube.threads[-1]["replies"].append(comment("late", NOON))
    read: list[str] = []

    for _ in range(6):
        batch = source().fetch(http, cursor)
        cursor, read = batch.cursor, read + ids(batch)
        assert batch.state is State.OK

    assert "late" in read
    assert not {"ancient", "ancient.0"} & set(read)
    assert {f"t{n}" for n in range(1, 451)} <= set(read)


def test_old_threads_are_left_alone_once_half_of_the_day_is_used(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 450)
    cursor = json.loads(source().fetch(http, None).cursor or "")

    batch = source().fetch(http, json.dumps(cursor | {"units": UNITS // 2 + 1}))

    assert len(batch.posts) == 100
    assert batch.state is State.OK


def test_deleted_comments_are_gone_once_their_ids_are_unknown(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 30, answers=1)
    first = source().fetch(http, None)
    tube.threads = [one for one in tube.threads if one["id"] != "t7"]
    tube.threads[0]["replies"] = []

    second = source().fetch(http, first.cursor)
    third = source().fetch(http, second.cursor)

    assert second.gone == ("t30.0", "t7", "t7.0")
    assert third.gone == ()


def test_a_deletion_that_youtube_calls_not_found_is_one_too(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 3)
    first = source().fetch(http, None)
    tube.threads = tube.threads[1:]
    tube.fails = lambda asked: error(404, "commentNotFound") if "id" in asked.url.params else None

    # The title of the video is asked for by an id as well.
    assert source().fetch(http, first.cursor).gone == ("t3",)


def test_many_deletions_are_asked_after_bit_by_bit(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 40)
    batch = source().fetch(http, None)
    tube.threads = threads(1, 5)
    gone: list[str] = []

    for _ in range(4):
        batch = source().fetch(http, batch.cursor)
        assert len(batch.gone) <= CHECKS
        gone += batch.gone

    assert sorted(gone) == sorted(f"t{n}" for n in range(6, 41))


def test_comments_that_moved_down_the_list_are_not_taken_for_deleted(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 150)
    first = source().fetch(http, None)
    tube.threads = threads(1, 250)

    second = source().fetch(http, first.cursor)

    assert second.gone == ()
    assert not any("id" in request.url.params and "comments" in request.url.path for request in tube.asked)


def test_comments_on_chosen_videos_are_public_mentions_and_one_closed_video_stops_no_other(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = [thread("t1", authorChannelId={"value": OURS})]
    both = source(videos=[VIDEO, "closedvideo"])
    tube.fails = lambda asked: (
        error(403, "commentsDisabled") if asked.url.params.get("videoId") == "closedvideo" else None
    )

    batch = both.fetch(http, None)

    assert [(post.id, post.channel) for post in batch.posts] == [("t1", Channel.PUBLIC_MENTION)]
    assert batch.state is State.BLOCKED
    assert "Comments are switched off for the video closedvideo" in batch.reason


def test_a_search_gives_videos_in_whole(tube: Tube, http: httpx.Client) -> None:
    tube.videos = [video("video000001", defaultAudioLanguage="en-GB", description="https://e.example/a  x")]
    tube.videos[0]["contentDetails"] = {"contentRating": {"ytRating": "ytAgeRestricted"}}

    batch = source(search=["Harrowby Green"]).fetch(http, None)

    (post,) = batch.posts
    assert (post.id, post.url) == ("video000001", "https://www.youtube.com/watch?v=video000001")
    assert (post.title, post.text) == ("Video video000001", "https://e.example/a x")
    assert (post.author, post.language, post.posted_at) == ("Fenland News", "en-GB", NOON)
    assert post.has_media
    assert post.sensitive
    assert post.links == ("https://e.example/a",)
    assert tube.asked[0].url.params["q"] == "Harrowby Green"
    assert tube.asked[0].url.params["order"] == "date"


def test_searches_take_turns_so_that_a_day_has_enough_of_them(tube: Tube, http: httpx.Client) -> None:
    many = source(search=["Harrowby Green", "HGPS", "#HarrowbyGreen"])
    cursor = many.fetch(http, None).cursor
    for _ in range(4):
        cursor = many.fetch(http, cursor).cursor

    asked = [request.url.params["q"] for request in tube.asked if request.url.path.endswith("/search")]
    assert asked == ["Harrowby Green", "HGPS", "#HarrowbyGreen"] * 2 + ["Harrowby Green"]
    assert json.loads(cursor or "")["searches"] == 7


def test_a_search_that_is_refused_stops_no_other(tube: Tube, http: httpx.Client) -> None:
    tube.fails = lambda asked: (
        error(400, "invalidSearchFilter") if asked.url.params.get("q") == "bad" else None
    )
    both = source(search=["bad", "Harrowby Green"])

    first = both.fetch(http, None)
    second = both.fetch(http, first.cursor)

    assert ids(first) == ids(second) == [VIDEO]
    assert (first.state, second.state) == (State.BLOCKED, State.BLOCKED)


def test_many_new_videos_are_read_bit_by_bit(tube: Tube, http: httpx.Client) -> None:
    tube.videos = videos(1, 60)
    one = source(search=["Harrowby Green"])
    batches = [one.fetch(http, None)]
    tube.videos = videos(1, 260)
    for video_ in tube.videos:
        moment = when(video_["snippet"]["publishedAt"]) or NOON
        video_["snippet"]["publishedAt"] = stamp(moment + timedelta(hours=200))
    tube.now = NOON + timedelta(hours=200)
    while len(batches) < 7:
        batches.append(one.fetch(http, batches[-1].cursor))

    assert {name for batch in batches for name in ids(batch)} >= {f"video{n:06}" for n in range(11, 261)}
    assert batches[1].state is State.BEHIND
    assert batches[-1].complete


def test_a_video_that_is_no_longer_there_is_gone(tube: Tube, http: httpx.Client) -> None:
    tube.videos = videos(1, 3)
    one = source(search=["Harrowby Green"])
    first = one.fetch(http, None)
    tube.videos = tube.videos[1:]

    second = one.fetch(http, first.cursor)
    third = one.fetch(http, second.cursor)

    assert (second.gone, third.gone) == (("video000003",), ())


def test_the_day_is_counted_kept_and_begun_anew_at_midnight_in_california(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = threads(1, 5)
    first = source().fetch(http, None)
    second = source().fetch(http, first.cursor)
    tube.now = datetime(2026, 11, 21, 8, 1, tzinfo=UTC)
    third = source().fetch(http, second.cursor)

    kept = [json.loads(batch.cursor or "") for batch in (first, second, third)]
    assert [(one["day"], one["units"]) for one in kept] == [
        ("2026-11-20", 2),
        ("2026-11-20", 4),
        ("2026-11-21", 2),
    ]


@pytest.mark.parametrize(
    ("now", "until", "wait"),
    [
        (NOON, "08:00 on 21 November 2026", timedelta(hours=20)),
        # The night in which the clocks of California go back has an hour more than a day.
        (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "08:00 on 02 November 2026", timedelta(days=1)),
        (datetime(2026, 6, 1, 6, 59, tzinfo=UTC), "08:00 on 01 June 2026", timedelta(minutes=1)),
    ],
)
def test_a_day_that_is_used_up_says_when_it_goes_on(
    tube: Tube, http: httpx.Client, *, now: datetime, until: str, wait: timedelta
) -> None:
    tube.now = now
    tube.fails = lambda _: error(403, "quotaExceeded")

    batch = source().fetch(http, None)

    assert (batch.state, batch.wait, batch.complete) == (State.RATE_LIMITED, wait, True)
    assert "10,000 units" in batch.reason
    assert until in batch.reason
    assert len(tube.asked) == 1


def test_what_was_read_before_the_day_was_used_up_is_not_lost(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 50, answers=9)
    cursor = json.loads(source().fetch(http, None).cursor or "") | {"units": UNITS - 10, "places": {}}
    tube.asked.clear()

    batch = source().fetch(http, json.dumps(cursor))
    tube.now += timedelta(days=1)
    after = source().fetch(http, batch.cursor)

    assert batch.state is State.RATE_LIMITED
    assert len(batch.posts) > 250
    assert len(tube.asked) - tube.count("search") > 10
    assert set(ids(batch)) | set(ids(after)) == {
        name for one in tube.threads for name in (one["id"], *(reply["id"] for reply in one["replies"]))
    }


def test_used_up_searches_stop_before_youtube_has_to_say_so(tube: Tube, http: httpx.Client) -> None:
    one = source(search=["Harrowby Green"])
    cursor = json.loads(one.fetch(http, None).cursor or "") | {"searches": SEARCHES - 1}

    batch = one.fetch(http, json.dumps(cursor))

    assert (batch.state, batch.wait) == (State.RATE_LIMITED, timedelta(hours=20))
    assert "100 searches" in batch.reason


def test_page_addresses_that_are_not_known_any_more_lose_nothing(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 10)
    batch = source().fetch(http, None)
    tube.threads = threads(1, 1_400)
    batches = [source().fetch(http, batch.cursor)]
    place = json.loads(batches[0].cursor or "")["places"][OURS]
    lost = [place["page"]]

    def forget(request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("pageToken") in lost:
            lost.clear()
            return error(400, "processingFailure")
        return None

    tube.fails = forget
    for _ in range(3):
        batches.append(source().fetch(http, batches[-1].cursor))

    assert not lost
    assert {name for one in batches for name in ids(one)} >= {f"t{n}" for n in range(11, 1_401)}
    assert batches[-1].state is State.OK


def test_pages_that_repeat_end_and_are_said_aloud(tube: Tube, http: httpx.Client) -> None:
    tube.threads = threads(1, 10)
    first = source().fetch(http, None)
    tube.threads = threads(1, 500)
    tube.fails = lambda asked: (
        httpx.Response(200, json=tube._answer(asked) | {"nextPageToken": "100"})
        if asked.url.path.endswith("commentThreads")
        else None
    )
    tube.threads = tube.threads[:200]

    second = source().fetch(http, first.cursor)

    assert (second.state, second.complete) == (State.PARSE_ERROR, True)
    assert "may be missing" in second.reason
    assert len(tube.asked) < 20


KEY = {"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}
BLOCKED = {"details": [{"reason": "API_KEY_SERVICE_BLOCKED"}]}
FAULTS: list[tuple[httpx.Response, type[Exception], State, str]] = [
    (error(400, "keyInvalid"), Refused, State.AUTH_EXPIRED, "does not accept the key"),
    (error(400, "badRequest", **KEY), Refused, State.AUTH_EXPIRED, "does not accept the key"),
    (error(401, "authError"), Refused, State.AUTH_EXPIRED, "does not accept the key"),
    (error(403, "accessNotConfigured"), Refused, State.AUTH_EXPIRED, "not switched on"),
    (error(403, "forbidden", **BLOCKED), Refused, State.AUTH_EXPIRED, "may not be used for this"),
    (error(403, "forbidden"), Refused, State.BLOCKED, "does not let this key read the channel"),
    (error(403, "commentsDisabled"), Refused, State.BLOCKED, "Comments are switched off for the channel"),
    (error(404, "channelNotFound"), Refused, State.BLOCKED, "is not on YouTube"),
    (error(403, "rateLimitExceeded"), Unavailable, State.RATE_LIMITED, "less often"),
    (error(400, "processingFailure"), Unavailable, State.PARSE_ERROR, "a refusal to process"),
    (httpx.Response(401), Refused, State.AUTH_EXPIRED, "(401)"),
    (httpx.Response(403, text="<html>no</html>"), Refused, State.BLOCKED, "(403)"),
    (httpx.Response(404), Refused, State.BLOCKED, "(404)"),
    (httpx.Response(410), Refused, State.BLOCKED, "(410)"),
    (httpx.Response(429, text="slow"), Unavailable, State.RATE_LIMITED, "less often"),
    (httpx.Response(500, json={"error": {"code": 500}}), Unavailable, State.BEHIND, "(500)"),
    (httpx.Response(503), Unavailable, State.BEHIND, "(503)"),
    (httpx.Response(200), Unavailable, State.PARSE_ERROR, "nothing"),
    (
        httpx.Response(200, text="<!doctype html><html>An app</html>"),
        Unavailable,
        State.PARSE_ERROR,
        "web page",
    ),
    (httpx.Response(200, text='{"items": [{"id"'), Unavailable, State.PARSE_ERROR, "broken"),
    (httpx.Response(200, text="[" * 100_000), Unavailable, State.PARSE_ERROR, "broken"),
    (httpx.Response(200, json={"error": {"code": 400}}), Unavailable, State.PARSE_ERROR, "an error"),
    (
        httpx.Response(200, json={"items": [], "error": {"errors": [{"reason": "keyInvalid"}]}}),
        Refused,
        State.AUTH_EXPIRED,
        "does not accept the key",
    ),
    (httpx.Response(200, json={"items": [7, {"id": 5}]}), Unavailable, State.PARSE_ERROR, "another kind"),
    (httpx.Response(200, json={"items": "many"}), Unavailable, State.PARSE_ERROR, "something else"),
]


@pytest.mark.parametrize(("answer", "kind", "state", "said"), FAULTS)
def test_every_fault_has_its_state_and_a_sentence_without_the_key(
    tube: Tube,
    http: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    *,
    answer: httpx.Response,
    kind: type[Exception],
    state: State,
    said: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    body = answer.content
    tube.fails = lambda _: httpx.Response(answer.status_code, headers=answer.headers, content=body)

    failed = failure(lambda: source().fetch(http, None))

    assert type(failed) is kind
    assert failed.state is state
    assert said in failed.reason
    assert failed.reason.endswith(".")
    assert SECRET not in f"{failed!r} {caplog.text} {source()!r} {[str(one.url) for one in tube.asked]}"
    assert {one.headers["x-goog-api-key"] for one in tube.asked} == {SECRET}


@pytest.mark.parametrize("reason", ["rateLimitExceeded", ""])
def test_retry_after_is_kept_to(tube: Tube, http: httpx.Client, *, reason: str) -> None:
    body = {"error": {"errors": [{"reason": reason}]}}
    tube.fails = lambda _: httpx.Response(429, headers={"retry-after": "90"}, json=body)

    failed = failure(lambda: source().fetch(http, None))

    assert isinstance(failed, Unavailable)
    assert (failed.state, failed.retry_after) == (State.RATE_LIMITED, timedelta(seconds=90))


def test_a_limit_of_the_day_that_is_named_only_in_the_details_is_known(
    tube: Tube, http: httpx.Client
) -> None:
    details = [{"reason": "RATE_LIMIT_EXCEEDED", "metadata": {"quota_limit": "SearchListPerDayPerProject"}}]
    tube.fails = lambda _: error(429, "rateLimitExceeded", details=details)

    batch = source(search=["Harrowby Green"]).fetch(http, None)

    assert (batch.state, batch.wait) == (State.RATE_LIMITED, timedelta(hours=20))


def test_a_fault_half_way_keeps_what_was_read_and_reads_the_rest_later(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = threads(1, 3, answers=8)
    tube.fails = lambda asked: httpx.Response(502) if asked.url.params.get("parentId") == "t2" else None
    first = source().fetch(http, None)
    tube.fails = lambda _: None

    second = source().fetch(http, first.cursor)

    assert (first.state, second.state) == (State.BEHIND, State.OK)
    assert {"t3.0", "t2", "t2.7"} <= set(ids(first))
    assert "t2.0" not in ids(first)
    assert {"t2.0", "t1.0"} <= set(ids(second))
    assert second.gone == ()


def test_strange_comments_are_read_as_far_as_they_go(tube: Tube, http: httpx.Client) -> None:
    tube.threads = [
        thread("t6", text="x" * 1_000_000),
        thread("t5", text="😀😀", publishedAt="2126-01-01T00:00:00Z"),
        thread("t4", text="\u202eeracs a si sihT"),
        thread("t3", publishedAt=12, authorChannelId=[], authorDisplayName=None, updatedAt=None),
        thread("t2", text="", textDisplay="", textOriginal="as <typed>"),
    ]
    tube.threads[2] |= {"video": None, "replies": []}
    tube.threads += [{"id": None, "video": "", "top": {}, "replies": []}, thread("t1 &odd/id")]

    posts = {post.id: post for post in source().fetch(http, None).posts}

    assert list(posts) == ["t6", "t5", "t4", "t3", "t2", "t1 &odd/id"]
    assert len(posts["t6"].text) == 1_000_000
    assert posts["t5"].posted_at == datetime(2126, 1, 1, tzinfo=UTC)
    assert "\u202e" not in posts["t4"].text
    assert posts["t4"].url == f"https://www.youtube.com/channel/{OURS}?lc=t4"
    assert (posts["t3"].author, posts["t3"].posted_at) == (None, None)
    assert posts["t2"].text == "as <typed>"
    assert posts["t1 &odd/id"].url.endswith("lc=t1+%26odd%2Fid")


def test_a_comment_of_the_future_hides_nothing_that_is_written_until_then(
    tube: Tube, http: httpx.Client
) -> None:
    tube.threads = [thread("future", NOON + timedelta(days=900))]
    first = source().fetch(http, None)
    tube.threads += threads(1, 250)
    tube.now = NOON - timedelta(days=1, minutes=-200)

    second = source().fetch(http, first.cursor)

    assert {f"t{n}" for n in range(151, 251)} - {"t151"} <= set(ids(second))


@pytest.mark.parametrize(
    "cursor", ["", "rubbish", "[]", '{"units": -1}', '{"places": 7}', '{"places": {"x": {"top": "2026"}}}']
)
def test_a_cursor_of_another_version_is_only_forgotten(
    tube: Tube, http: httpx.Client, *, cursor: str
) -> None:
    tube.threads = threads(1, 2)

    assert ids(source().fetch(http, cursor)) == ["t2", "t1"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channel": OURS}, "belong together"),
        ({"search": ["Harrowby Green"], "official": "hg"}, "belong together"),
        ({"search": ["Harrowby Green"], "videos": [VIDEO]}, "make more sources"),
        ({"search": []}, "make more sources"),
        ({"search": ["  x "]}, "the words to search for"),
        ({"search": ["Harrowby Green"], "every": "5m"}, "100 searches"),
        ({"channel": "@harrowby", "official": "hg"}, "begin with UC"),
        ({"videos": ["https://youtu.be/x"]}, "the 11 signs"),
        ({"api_key": "a këy"}, "copy it again"),
        ({"base_url": "http://youtube.example"}, "https"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source(**options)


def test_a_real_connection_reads_and_asks_only_to_read(site: Any, answer: Any) -> None:
    path = "/youtube/v3/commentThreads"
    site.answers[path] = answer(json.dumps(Tube(threads=threads(1, 2))._answer(asked(path))).encode())

    with httpx.Client(timeout=5) as client:
        batch = source(base_url=site.url).fetch(client, None)

    assert ids(batch) == ["t2", "t1"]
    assert batch.state is State.OK
    first, headers = site.asked[0]
    assert first.startswith(f"{path}?part=snippet%2Creplies&allThreadsRelatedToChannelId={OURS}&order=time")
    assert headers["x-goog-api-key"] == SECRET
    assert not any(SECRET in line for line, _ in site.asked)


def asked(path: str) -> httpx.Request:
    return httpx.Request("GET", f"https://youtube.example{path}?maxResults=100")
