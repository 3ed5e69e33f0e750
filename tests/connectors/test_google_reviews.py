"""Reviews of the school's own place: an API that pages, edits, deletes and fails as Google's is said to.

No answer of the real one was found: these have the shape that its documentation gives.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.google_reviews import MOST_PAGES, PAGE, GoogleReviews
from connectors.post import Batch, Channel, State

API, LOGIN = "https://api.example", "https://login.example/token"
LOCATION = "accounts/12/locations/34"
SECRETS = {"client_id": "client-1", "client_secret": "hush-2", "refresh_token": "hush-3"}
START = datetime(2026, 11, 20, 17, tzinfo=UTC)


def review(number: int, minute: int | None = None, **other: Any) -> dict[str, Any]:
    """A review as the API gives it; invented."""
    at = START + timedelta(minutes=number if minute is None else minute)
    return {
        "name": f"{LOCATION}/reviews/r{number}",
        "reviewId": f"r{number}",
        "reviewer": {"displayName": "Quill Wort", "profilePhotoUrl": "https://e.example/q"},
        "starRating": "TWO",
        "comment": f"Number {number}",
        "createTime": START.isoformat(),
        "updateTime": at.isoformat(),
    } | other


@dataclass
class Google:
    """The reviews of one place, and one access token that is good at a time."""

    reviews: list[dict[str, Any]] = field(default_factory=list)
    good: str = "access-1"
    at: datetime = START
    login: httpx.Response | None = None
    error: httpx.Response | None = None
    says_total: bool = True
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if str(request.url) == LOGIN:
            return self.login or httpx.Response(200, json={"access_token": self.good, "expires_in": 3599})
        if self.error is not None:
            return self.error
        if request.headers["authorization"] != f"Bearer {self.good}":
            return httpx.Response(401, json={"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        return httpx.Response(200, json=self._page(request), headers={"date": _http(self.at)})

    def _page(self, request: httpx.Request) -> dict[str, Any]:
        start, size = int(request.url.params.get("pageToken", 0)), int(request.url.params["pageSize"])
        found = sorted(self.reviews, key=lambda one: one["updateTime"], reverse=True)
        said: dict[str, Any] = {"reviews": found[start : start + size]} if found else {}
        if found and self.says_total:
            said["totalReviewCount"] = len(found)
        return said | ({"nextPageToken": str(start + size)} if start + size < len(found) else {})

    @property
    def pages(self) -> int:
        """How many pages were asked for."""
        return sum(request.method == "GET" for request in self.asked)


def _http(at: datetime) -> str:
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def http(google: Google) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(google)) as client:
        yield client


def given(**options: Any) -> GoogleReviews:
    return GoogleReviews.model_validate(
        {
            "name": "Reviews",
            "platform": "google_reviews",
            "location": LOCATION,
            "url": "https://maps.example/harrowby-green",
            "official": "harrowby-green",
            "base_url": API,
            "login_url": LOGIN,
        }
        | SECRETS
        | options
    )


@pytest.fixture
def source() -> GoogleReviews:
    return given()


def ids(batch: Batch) -> list[str]:
    return [post.id for post in batch.posts]


def test_a_review_becomes_a_post_with_its_stars_and_the_answer_another(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    answer = {"comment": "We are sorry.", "updateTime": "2026-11-21T08:00:00.123456789Z"}
    google.reviews = [
        review(1, starRating="ONE", comment="Cold soup, see https://e.example/soup", reviewReply=answer),
        review(0, reviewer={"isAnonymous": True, "displayName": "A Google user"}, comment=None),
    ]

    post, reply, plain = source.fetch(http, None).posts

    assert (post.platform, post.id, post.thread) == ("google_reviews", "34 r1", "34 r1")
    assert (post.title, post.text) == ("1 of 5 stars", "Cold soup, see https://e.example/soup")
    assert (post.url, post.links) == ("https://maps.example/harrowby-green", ("https://e.example/soup",))
    assert (post.author, post.channel) == ("Quill Wort", Channel.OFFICIAL_ACCOUNT)
    assert (post.posted_at, post.edited_at) == (START, START + timedelta(minutes=1))
    assert (reply.id, reply.parent, reply.text) == ("34 r1 answer", "34 r1", "We are sorry.")
    assert reply.parent_text.startswith("1 of 5 stars\nCold soup")
    assert reply.posted_at is not None
    assert reply.posted_at.microsecond == 123456
    assert (plain.title, plain.text, plain.author, plain.edited_at) == ("2 of 5 stars", "", None, None)


def test_only_the_token_is_asked_for_by_post_as_a_form_and_kept(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(1)]
    source.fetch(http, source.fetch(http, None).cursor)

    login, *reads = google.asked
    assert (login.method, str(login.url)) == ("POST", LOGIN)
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    asked = {name: value[0] for name, value in parse_qs(login.content.decode()).items()}
    assert asked == SECRETS | {"grant_type": "refresh_token"}
    assert [(read.method, read.url.path, read.content) for read in reads] == [
        ("GET", f"/v4/{LOCATION}/reviews", b"")
    ] * 2
    assert reads[0].url.params["orderBy"] == "updateTime desc"


def test_a_token_that_is_over_is_fetched_anew_once(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(1)]
    cursor = source.fetch(http, None).cursor
    google.good = "access-2"

    assert ids(source.fetch(http, cursor)) == ["34 r1"]
    assert [request.method for request in google.asked] == ["POST", "GET", "GET", "POST", "GET"]


def test_all_reviews_come_at_first_and_later_only_the_newest_pages(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(number) for number in range(PAGE * 5)]

    first = source.fetch(http, None)
    google.reviews += [review(number) for number in range(1_000, 1_000 + PAGE + 10)]
    google.asked.clear()
    second = source.fetch(http, first.cursor)
    quiet = source.fetch(http, second.cursor)

    assert len(first.posts) == PAGE * 5
    assert set(ids(second)) >= {f"34 r{number}" for number in range(1_000, 1_000 + PAGE + 10)}
    assert google.pages == 3 + 1
    assert (first.gone, second.gone, quiet.gone) == ((), (), ())
    assert quiet.complete


def test_an_edited_review_comes_again_however_old_it_is(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(number) for number in range(PAGE * 3)]
    cursor = source.fetch(http, None).cursor
    google.reviews[0] = review(0, 9_000, comment="Edited", starRating="FIVE")

    edited = source.fetch(http, cursor).posts[0]

    assert (edited.id, edited.title, edited.text) == ("34 r0", "5 of 5 stars", "Edited")
    assert edited.edited_at == START + timedelta(minutes=9_000)


def test_a_deleted_review_is_gone_with_its_answer_as_soon_as_they_are_fewer(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(number) for number in range(PAGE * 3)]
    google.reviews[5]["reviewReply"] = {"comment": "Thanks", "updateTime": START.isoformat()}
    cursor = source.fetch(http, None).cursor
    del google.reviews[5]
    google.reviews.append(review(1_000))

    batch = source.fetch(http, cursor)

    assert batch.gone == ("34 r5", "34 r5 answer")
    assert "34 r1000" in ids(batch)
    assert source.fetch(http, batch.cursor).gone == ()


def test_once_a_day_all_are_read_for_answers_to_old_reviews_and_where_no_number_is_said(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.says_total = False
    google.reviews = [review(number) for number in range(PAGE * 3)]
    google.reviews[1]["reviewReply"] = {"comment": "Thanks", "updateTime": START.isoformat()}
    cursor = source.fetch(http, None).cursor
    google.reviews[0]["reviewReply"] = {"comment": "Sorry", "updateTime": START.isoformat()}
    del google.reviews[1]["reviewReply"], google.reviews[2]

    early = source.fetch(http, cursor)
    google.at += timedelta(days=1)
    late = source.fetch(http, early.cursor)

    assert (len(early.posts), early.gone) == (PAGE, ())
    assert "34 r0 answer" in ids(late)
    assert late.gone == ("34 r1 answer", "34 r2")


def test_that_all_are_gone_at_once_is_not_believed(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(1), review(2)]
    cursor = source.fetch(http, None).cursor
    kept, google.reviews = google.reviews, []

    empty = source.fetch(http, cursor)
    google.reviews = kept[:1]
    back = source.fetch(http, empty.cursor)

    assert (empty.gone, empty.state) == ((), State.BEHIND)
    assert "no review where there were 2" in empty.reason
    assert back.gone == ("34 r2",)


def test_a_place_without_reviews_is_quiet(google: Google, source: GoogleReviews, http: httpx.Client) -> None:
    batch = source.fetch(http, None)

    assert (batch.posts, batch.state) == ((), State.OK)


@pytest.mark.parametrize("repeats", [True, False])
def test_pages_without_end_are_left_and_it_is_said(
    *, google: Google, source: GoogleReviews, http: httpx.Client, repeats: bool
) -> None:
    if repeats:
        google.error = httpx.Response(200, json={"reviews": [review(1)], "nextPageToken": "again"})
    else:
        google.reviews = [review(number) for number in range(PAGE * (MOST_PAGES + 1))]

    batch = source.fetch(http, None)

    assert google.pages == (2 if repeats else MOST_PAGES)
    assert (batch.state, batch.gone) == (State.BEHIND, ())
    assert "more reviews than can be read" in batch.reason


def test_odd_reviews_are_left_and_the_others_read(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    reviews = [
        "word",
        {},
        review(1, comment="🙂", starRating="STAR_RATING_UNSPECIFIED"),
        review(2, reviewId=7),
        review(3, reviewer="none", createTime="soon"),
        review(4, comment="\u202eoffice si loohcs eht"),
        review(5, comment="Harrowby " * 120_000),
        review(6, reviewReply="none", updateTime=None, createTime="3026-01-01T00:00:00Z"),
        review(8, comment=None, starRating=9),
    ]
    google.error = httpx.Response(200, json={"reviews": reviews})

    posts = {post.id: post for post in source.fetch(http, None).posts}

    assert set(posts) == {"34 r1", "34 r3", "34 r4", "34 r5", "34 r6"}
    assert (posts["34 r1"].title, posts["34 r1"].text) == ("", "🙂")
    assert (posts["34 r3"].author, posts["34 r3"].posted_at) == (None, None)
    assert "\u202e" not in posts["34 r4"].text
    assert len(posts["34 r5"].text) == 1_000_000


def problem(status: int, name: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": status, "status": name, "message": "nein"}})


@pytest.mark.parametrize(
    ("answer", "error", "state", "wait"),
    [
        (problem(401, "UNAUTHENTICATED"), Refused, State.AUTH_EXPIRED, None),
        (problem(403, "PERMISSION_DENIED"), Refused, State.BLOCKED, None),
        (problem(404, "NOT_FOUND"), Refused, State.BLOCKED, None),
        (problem(400, "INVALID_ARGUMENT"), Refused, State.BLOCKED, None),
        (httpx.Response(410), Refused, State.BLOCKED, None),
        (problem(429, "RESOURCE_EXHAUSTED"), Unavailable, State.RATE_LIMITED, None),
        (
            httpx.Response(429, headers={"retry-after": "90"}),
            Unavailable,
            State.RATE_LIMITED,
            timedelta(seconds=90),
        ),
        (problem(503, "UNAVAILABLE"), Unavailable, State.BEHIND, None),
        (httpx.Response(200, text="<html><body>Sorry</body></html>"), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200, text='{"reviews": [{"revi'), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200, json={"error": {}, "reviews": []}), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200, json={"reviews": [{"id": 5}]}), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200, json={"posts": []}), Unavailable, State.PARSE_ERROR, None),
        (httpx.Response(200, text="[" * 100_000), Unavailable, State.PARSE_ERROR, None),
    ],
)
def test_every_fault_is_said_plainly(
    *,
    google: Google,
    source: GoogleReviews,
    http: httpx.Client,
    answer: httpx.Response,
    error: type[Exception],
    state: State,
    wait: timedelta | None,
) -> None:
    google.error = answer

    failed = _failure(lambda: source.fetch(http, None))

    assert type(failed) is error
    assert failed.state is state
    assert failed.reason.endswith(".")
    assert getattr(failed, "retry_after", None) == wait


@pytest.mark.parametrize(
    ("login", "error", "state", "says"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), Refused, State.AUTH_EXPIRED, "refresh_token"),
        (httpx.Response(200, json={"error": "invalid_grant"}), Refused, State.AUTH_EXPIRED, "refresh_token"),
        (httpx.Response(401, json={"error": "invalid_client"}), Refused, State.AUTH_EXPIRED, "client_secret"),
        (httpx.Response(403, text="no"), Refused, State.BLOCKED, "login.example"),
        (httpx.Response(429), Unavailable, State.RATE_LIMITED, "login.example"),
        (httpx.Response(500), Unavailable, State.BEHIND, "login.example"),
        (httpx.Response(302, headers={"location": "https://e.example/"}), Unavailable, State.PARSE_ERROR, ""),
        (httpx.Response(200, json={"access_token": "a b"}), Unavailable, State.PARSE_ERROR, "no access"),
        (httpx.Response(200, json={}), Unavailable, State.PARSE_ERROR, "no access"),
        (httpx.Response(200, text="<html></html>"), Unavailable, State.PARSE_ERROR, "web page"),
    ],
)
def test_every_fault_of_signing_in_names_what_is_amiss(
    *,
    google: Google,
    source: GoogleReviews,
    http: httpx.Client,
    login: httpx.Response,
    error: type[Exception],
    state: State,
    says: str,
) -> None:
    google.login = login

    failed = _failure(lambda: source.fetch(http, None))

    assert (type(failed), failed.state) == (error, state)
    assert says in failed.reason
    assert len(google.asked) == 1


def test_a_place_in_the_list_that_google_forgot_is_tried_again(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.error = httpx.Response(200, json={"reviews": [review(1)], "nextPageToken": "old"})

    def forget(request: httpx.Request) -> httpx.Response:
        return problem(400, "INVALID_ARGUMENT") if "pageToken" in request.url.params else google(request)

    with httpx.Client(transport=httpx.MockTransport(forget)) as forgetful:
        failed = _failure(lambda: source.fetch(forgetful, None))

    assert (type(failed), failed.state) == (Unavailable, State.BEHIND)


def test_no_secret_stands_in_a_cursor_a_sentence_or_the_source(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(1)]
    said = [repr(source), str(source.fetch(http, None).cursor), source.model_dump_json()]
    google.error = problem(403, "PERMISSION_DENIED")
    said.append(_failure(lambda: source.fetch(http, None)).reason)
    google.good, google.login = "access-2", httpx.Response(400, json={"error": "invalid_grant"})
    google.error = None
    said.append(_failure(lambda: source.fetch(http, None)).reason)

    for secret in (*SECRETS.values(), "access-1"):
        assert secret not in json.dumps(said)


def test_a_cursor_of_another_version_is_only_forgotten(
    google: Google, source: GoogleReviews, http: httpx.Client
) -> None:
    google.reviews = [review(1)]

    for cursor in ("", "rubbish", '{"held": 7}', '{"total": -1}', "[]"):
        assert ids(source.fetch(http, cursor)) == ["34 r1"]


def test_what_is_missing_or_wrong_is_refused_at_load() -> None:
    for wrong in (
        {"official": None},
        {"location": "locations/34"},
        {"location": "accounts/1/locations/../../2"},
        {"login_url": "http://login.example/token"},
        {"base_url": "http://api.example"},
        {"refresh_token": "two\nlines"},
        {"url": "maps"},
    ):
        with pytest.raises(ValidationError):
            given(**wrong)


def _failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")
