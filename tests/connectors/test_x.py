"""X: a small server that pages, edits, deletes, withholds, fails and counts money as the real one does."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.x import LONGEST_QUERY, MOST_PAGES, X, queries

SECRET = "AAAA%2Fnot-for-any-log"
NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
BEGINNING = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
PROBLEM = "https://api.twitter.com/2/problems/"
ME = "70"


def numbered_at(moment: datetime, more: int = 0) -> str:
    """The id that X would give out at a moment."""
    return str((int((moment - BEGINNING).total_seconds() * 1000) << 22) + more)


def tweet(ago: float, text: str = "", **other: Any) -> dict[str, Any]:
    """A post as X gives it, written some minutes before NOW."""
    number = numbered_at(NOW - timedelta(minutes=ago))
    return {
        "id": number,
        "edit_history_tweet_ids": [number],
        "text": text or f"post {ago:g}",
        "author_id": "71",
        "conversation_id": number,
        "created_at": f"{NOW - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%S.000Z}",
        "lang": "en",
        **other,
    }


def edited(before: dict[str, Any], ago: float, text: str) -> dict[str, Any]:
    """Its next version, which has an id of its own."""
    after = tweet(ago, text)
    return after | {"edit_history_tweet_ids": [*before["edit_history_tweet_ids"], after["id"]]}


def many(first: int, last: int) -> list[dict[str, Any]]:
    """Posts written `first` to `last` tenths of a minute ago, newest first."""
    return [tweet(tenths / 10) for tenths in range(first, last + 1)]


@dataclass
class Bird:
    """The server: what a search finds, mentions, all that can be looked up; `error` answers in its place."""

    found: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[dict[str, Any]] = field(default_factory=list)
    beside: list[dict[str, Any]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    partial: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = NOW
    headers: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    error: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    asked: list[httpx.URL] = field(default_factory=list)
    billed: dict[str, int] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        headers = {"date": format_datetime(self.now, usegmt=True), **self.headers}
        failed = self.error(request)
        if failed is not None:
            return httpx.Response(
                failed.status_code, content=failed.content, headers={**headers, **failed.headers}
            )
        status, answer = self._answer(request.url.path, dict(request.url.params))
        return httpx.Response(status, json=answer, headers=headers)

    def _answer(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        match path.split("/"):
            case ["", "2", "tweets", "search", "recent"]:
                return self._listed(self.found, asked, "next_token", 5)
            case ["", "2", "users", "70", "mentions"]:
                return self._listed(self.mentions, asked, "pagination_token", 1)
            case ["", "2", "users", "by", "username", "harrowbygreen"]:
                self._bill(["user 70"], 10)
                return 200, {"data": {"id": ME, "name": "Harrowby Green", "username": "HarrowbyGreen"}}
            case ["", "2", "usage", "tweets"]:
                return 200, {"data": {"project_usage": 7}}
            case ["", "2", "tweets"]:
                return 200, self._looked_up(asked)
        return 404, {"title": "Not Found Error", "type": f"{PROBLEM}resource-not-found"}

    def _listed(
        self, posts: list[dict[str, Any]], asked: dict[str, str], by: str, price: int
    ) -> tuple[int, dict[str, Any]]:
        oldest = int(numbered_at(self.now - timedelta(days=7)))
        since, token = int(asked.get("since_id", oldest)), asked.get(by, "")
        if since < oldest or token in self.forgotten:
            name, value = (by, token) if since >= oldest else ("since_id", str(since))
            message = f"'{name}' must be larger than {oldest}"
            return 400, {
                "errors": [{"parameters": {name: [value]}, "message": message}],
                "title": "Invalid Request",
                "type": f"{PROBLEM}invalid-request",
            }
        assert asked.get("query", "").count('"') % 2 == 0
        below = int(token.removeprefix("t")) if token else 1 << 63
        waiting = [post for post in posts if since < int(post["id"]) < below]
        page = waiting[: int(asked["max_results"])]
        self._bill([post["id"] for post in page], price)
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if len(waiting) > len(page):
            meta["next_token"] = f"t{page[-1]['id']}"
        return 200, self._whole(page) | {"meta": meta}

    def _looked_up(self, asked: dict[str, str]) -> dict[str, Any]:
        ids = asked["ids"].split(",")
        known = {post["id"]: post for post in (*self.found, *self.mentions, *self.beside)}
        posts = [known[one] for one in ids if one in known and one not in self.gone]
        self._bill([post["id"] for post in posts], 5)
        answer = self._whole(posts) if "expansions" in asked else {"data": posts}
        missing = [
            {
                "value": one,
                "resource_id": one,
                "resource_type": "tweet",
                "type": f"{PROBLEM}resource-not-found",
            }
            for one in ids
            if one in self.gone
        ]
        whole = answer | {"errors": missing}
        return {name: value for name, value in whole.items() if value}

    def _whole(self, posts: list[dict[str, Any]]) -> dict[str, Any]:
        authors = list(dict.fromkeys(post["author_id"] for post in posts))
        users = [{"id": one, "name": "Ann Fennimore", "username": f"ann{one}"} for one in authors]
        self._bill([f"user {one}" for one in authors], 10)
        answer: dict[str, Any] = {"data": posts, "includes": {"users": users}} if posts else {}
        return answer | ({"errors": self.partial} if self.partial else {})

    def _bill(self, things: list[str], price: int) -> None:
        for thing in things:
            self.billed.setdefault(f"{self.now:%Y-%m-%d} {thing}", price)

    @property
    def bill(self) -> float:
        """What X would charge, in dollars."""
        return sum(self.billed.values()) / 1000


@pytest.fixture
def bird() -> Bird:
    return Bird()


@pytest.fixture
def http(bird: Bird) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.MockTransport(bird)) as client:
        yield client


def source(**options: Any) -> X:
    given = {"name": "X", "platform": "x", "token": SECRET, "cap": 1_000, **options}
    if not given.keys() & {"search", "official", "account"}:
        given["search"] = ["Harrowby Green"]
    return X.model_validate(given)


def own(**options: Any) -> X:
    return source(official="harrowby-green", account="@HarrowbyGreen", **options)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


def polled(connector: X, http: httpx.Client, cursor: str | None) -> list[Batch]:
    """Batches until nothing waits behind."""
    batches = [connector.fetch(http, cursor)]
    while not batches[-1].complete:
        batches.append(connector.fetch(http, batches[-1].cursor))
    return batches


def spent(batch: Batch) -> float:
    return float(json.loads(batch.cursor or "")["spend"]["mills"]) / 1000


def answering(body: bytes, status: int = 200, **headers: str) -> httpx.Client:
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers=headers))
    )


def test_a_page_of_a_search_gives_its_posts_as_they_are(data: Path) -> None:
    with answering((data / "x.json").read_bytes()) as http:
        answer, told = source().fetch(http, None).posts

    assert answer == Post(
        platform="x",
        id="2123824989860790272",
        url="https://x.com/i/web/status/2123824989860790272",
        text="@dunlin_m nobody at Harrowby Green answers & the gate is shut https://paper.example/gate",
        author="Ann Fennimore (@ann_f)",
        posted_at=datetime(2026, 11, 20, 17, 5, 11, tzinfo=UTC),
        language="en",
        parent="2123821168849846272",
        parent_text="The gate opens at 8.40.",
        thread="2123821168849846272",
        links=("https://paper.example/gate",),
    )
    assert told.text == "A long story about Harrowby Green, with its end."
    assert told.id == "2123823685432246272"
    assert told.url.endswith("/2123824692065206272")
    assert told.posted_at == datetime(2026, 11, 20, 17, tzinfo=UTC)
    assert told.edited_at == datetime(2026, 11, 20, 17, 4, tzinfo=UTC)
    assert (told.author, told.language) == ("7100000000000000002", None)
    assert (told.sensitive, told.has_media) == (True, True)


@pytest.mark.parametrize(
    ("terms", "query"),
    [
        (["Harrowby Green"], '("Harrowby Green") -is:retweet'),
        (["#HarrowbyGreen", "@HarrowbyGreen"], "(#HarrowbyGreen OR @HarrowbyGreen) -is:retweet"),
        (["https://harrowby.example/news"], '(url:"harrowby.example/news") -is:retweet'),
        (
            ['"Harrowby Green" OR lang', "St. Anne's"],
            '("Harrowby Green OR lang" OR "St. Anne\'s") -is:retweet',
        ),
    ],
)
def test_the_search_is_made_of_the_words_that_are_given(terms: list[str], query: str) -> None:
    assert queries(source(search=terms).search) == [query]


def test_many_names_are_asked_in_as_few_searches_as_fit() -> None:
    names = [f"A very long name of one of the schools in this trust, number {number}" for number in range(20)]

    asked = queries(source(search=names).search)

    assert len(asked) == 3
    assert all(len(query) <= LONGEST_QUERY for query in asked)
    assert all(sum(f'"{name}"' in query for query in asked) == 1 for name in names)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"search": ['"""']}, "write the words"),
        ({"search": []}, "either search"),
        ({"search": ["Harrowby"], "official": "hg", "account": "hg"}, "two sources"),
        ({"account": "ann_f"}, "never a person's"),
        ({"official": "hg", "search": ["Harrowby"]}, "belong together"),
        ({"official": "hg", "account": "not a handle"}, "pattern"),
        ({"token": "a tökén"}, "copy it again"),
        ({"cap": 0}, "greater than or equal to 1"),
        ({"base_url": "http://api.example"}, "https"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_plain_words(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source(**options)


def test_money_is_never_spent_without_a_cap() -> None:
    with pytest.raises(ValidationError, match="cap"):
        X.model_validate({"name": "X", "platform": "x", "token": SECRET, "search": ["Harrowby Green"]})


def test_what_is_new_is_read_and_for_an_hour_what_x_finds_late(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(20), tweet(40)]
    first = source().fetch(http, None)
    bird.found = [tweet(20), tweet(30), tweet(40)]
    second = source().fetch(http, first.cursor)
    bird.now += timedelta(hours=2)
    third = source().fetch(http, second.cursor)

    fourth = source().fetch(http, third.cursor)

    assert texts(first) == ["post 20", "post 40"]
    assert texts(second) == texts(third) == ["post 20", "post 30", "post 40"]
    assert bird.asked[1].params["since_id"] == numbered_at(NOW - timedelta(minutes=80))
    assert bird.asked[3].params["since_id"] == tweet(20)["id"]
    assert (fourth.posts, fourth.state) == ((), State.OK)


def test_an_edit_is_the_same_post_in_its_newest_words(bird: Bird, http: httpx.Client) -> None:
    before = tweet(20, "We hate Harrowby Gren")
    bird.found = [before]
    first = source().fetch(http, None)
    after = edited(before, 5, "We hate Harrowby Green")
    bird.found = [after, before]

    second = source().fetch(http, first.cursor)

    assert [(post.id, post.text) for post in second.posts] == [(before["id"], "We hate Harrowby Green")]
    assert second.posts[0].edited_at == NOW - timedelta(minutes=5)
    assert second.posts[0].revision != first.posts[0].revision


@pytest.mark.parametrize("more", [99, 100, 101, 499, 500, 501, 1300])
def test_however_much_was_written_between_two_polls_nothing_is_missed(
    bird: Bird, http: httpx.Client, more: int
) -> None:
    bird.found = many(20_000, 20_005)
    first = source().fetch(http, None)
    bird.found = [*many(1, more), *bird.found]

    batches = polled(source(), http, first.cursor)

    assert {text for batch in batches for text in texts(batch)} >= {post["text"] for post in many(1, more)}
    assert [batch.state for batch in batches] == [State.BEHIND] * (len(batches) - 1) + [State.OK]
    assert len(batches) == (more + 499) // 500
    assert spent(batches[-1]) == pytest.approx(bird.bill)


def test_the_first_batch_is_bounded_and_says_what_it_left(bird: Bird, http: httpx.Client) -> None:
    bird.found = many(1, 250)

    first = source().fetch(http, None)

    assert len(first.posts) == 100
    assert first.complete
    assert "older stays unread" in first.reason
    assert len(bird.asked) == 1


def test_a_gap_whose_place_x_forgot_is_read_again_from_the_top(bird: Bird, http: httpx.Client) -> None:
    bird.found = many(20_000, 20_005)
    first = source().fetch(http, None)
    bird.found = [*many(1, 700), *bird.found]
    second = source().fetch(http, first.cursor)
    bird.forgotten = {place["token"] for place in json.loads(second.cursor or "")["places"].values()}
    asked = len(bird.asked)

    third = source().fetch(http, second.cursor)

    assert not second.complete
    assert bird.asked[asked].params["next_token"] in bird.forgotten
    assert texts(third)[:1] == ["post 0.1"]
    assert "may be missed" not in third.reason


def test_a_quiet_week_is_no_gap_though_x_no_longer_knows_our_newest(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(10)]
    batch = source().fetch(http, None)
    for _ in range(8):
        bird.now += timedelta(days=1)
        batch = source().fetch(http, batch.cursor)
        assert batch.state is State.OK
    number = numbered_at(bird.now - timedelta(hours=1))
    bird.found = [tweet(0, "new") | {"id": number, "edit_history_tweet_ids": [number]}]

    assert texts(source().fetch(http, batch.cursor)) == ["new"]


@pytest.mark.parametrize("quiet", [False, True])
def test_being_away_for_longer_than_x_looks_back_is_said(
    bird: Bird, http: httpx.Client, *, quiet: bool
) -> None:
    bird.found = [] if quiet else [tweet(10)]
    first = source().fetch(http, None)
    bird.now += timedelta(days=9)

    second = source().fetch(http, first.cursor)

    assert second.state is State.BEHIND
    assert "may be missed" in second.reason
    assert source().fetch(http, second.cursor).state is State.OK


def test_a_deleted_post_is_gone_and_an_old_one_that_was_edited_comes_again(
    bird: Bird, http: httpx.Client
) -> None:
    kept, deleted, changed, withheld = (tweet(ago) for ago in (1000, 1100, 1200, 1300))
    bird.found = [kept, deleted, changed, withheld]
    first = source().fetch(http, None)
    bird.now += timedelta(days=1)
    after = edited(changed, 1190, "changed words")
    bird.found, bird.gone = [], {deleted["id"]}
    bird.beside = [
        kept,
        changed | {"edit_history_tweet_ids": after["edit_history_tweet_ids"]},
        after,
        withheld | {"withheld": {"country_codes": ["GB"], "scope": "tweet"}},
    ]

    second = source().fetch(http, first.cursor)
    asked = len(bird.asked)
    third = source().fetch(http, second.cursor)

    assert set(second.gone) == {deleted["id"], withheld["id"]}
    assert [(post.id, post.text, post.author) for post in second.posts] == [
        (changed["id"], "changed words", "Ann Fennimore (@ann71)")
    ]
    assert "withholds" in second.reason
    assert len(bird.asked) == asked + 1
    assert (third.posts, third.gone) == ((), ())


def test_a_post_is_followed_for_a_week_and_not_longer(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(10)]
    batch = source().fetch(http, None)
    for _ in range(12):
        bird.now += timedelta(days=1)
        batch = source().fetch(http, batch.cursor)

    assert sum(url.path == "/2/tweets" for url in bird.asked) == 6
    assert json.loads(batch.cursor or "")["held"] == []


def test_reposts_and_withheld_posts_are_not_given_and_their_price_is_counted(
    bird: Bird, http: httpx.Client
) -> None:
    bird.found = [
        tweet(1, "RT", referenced_tweets=[{"type": "retweeted", "id": "5"}]),
        tweet(2, "hidden", withheld={"country_codes": ["XY"]}),
        tweet(3, "shown", withheld={"country_codes": ["DE"]}),
    ]

    batch = source().fetch(http, None)

    assert texts(batch) == ["shown"]
    assert spent(batch) == bird.bill == 0.025


def test_mentions_and_replies_of_the_own_account_are_owned_reads(bird: Bird, http: httpx.Client) -> None:
    ours = tweet(30, "The gate opens at 8.40", author_id=ME)
    answer = tweet(
        10,
        "@HarrowbyGreen never",
        conversation_id=ours["id"],
        referenced_tweets=[{"type": "replied_to", "id": ours["id"]}],
    )
    bird.mentions = [answer, ours]

    first = own().fetch(http, None)
    second = own().fetch(http, first.cursor)

    assert [url.path for url in bird.asked] == [
        "/2/users/by/username/harrowbygreen",
        "/2/users/70/mentions",
        "/2/users/70/mentions",
    ]
    assert texts(first) == texts(second) == ["@HarrowbyGreen never"]
    assert first.posts[0].channel is Channel.OFFICIAL_ACCOUNT
    assert (first.posts[0].parent, first.posts[0].thread) == (ours["id"], ours["id"])
    assert first.posts[0].parent_text == "The gate opens at 8.40"
    assert spent(second) == bird.bill == pytest.approx(0.010 + 2 * 0.001 + 0.010)


def test_the_id_of_the_account_is_paid_for_once_though_its_mentions_fail(
    bird: Bird, http: httpx.Client
) -> None:
    bird.error = lambda request: httpx.Response(503) if "mentions" in request.url.path else None
    first = own().fetch(http, None)
    bird.error = lambda _: None

    second = own().fetch(http, first.cursor)

    assert (first.state, second.state) == (State.BEHIND, State.OK)
    assert [url.path for url in bird.asked[2:]] == ["/2/users/70/mentions"]
    assert spent(first) == spent(second) == 0.01


def test_mentions_that_x_shows_no_longer_are_said(bird: Bird, http: httpx.Client) -> None:
    bird.mentions = many(50_000, 50_001)
    first = own().fetch(http, None)
    bird.mentions = many(1, 800)

    batches = polled(own(), http, first.cursor)

    assert "only the newest 800 mentions" in batches[-1].reason
    assert batches[-1].state is State.BEHIND


def test_the_spend_is_what_x_would_charge_and_is_said(bird: Bird, http: httpx.Client) -> None:
    batch = source().fetch(http, None)
    for day in range(3):
        bird.now = NOW + timedelta(days=day)
        number = numbered_at(bird.now)
        bird.found = [tweet(0) | {"id": number, "edit_history_tweet_ids": [number]}, *bird.found]
        for _ in range(4):
            batch = source().fetch(http, batch.cursor)

    assert spent(batch) == pytest.approx(bird.bill)
    assert f"About ${bird.bill:.2f} of at most $1000.00 is spent this month." in batch.reason


def test_the_cap_is_never_passed_and_reaching_it_is_a_state(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(tenths / 10, author_id=str(tenths)) for tenths in range(1, 1001)]
    cursor, batches = None, list[Batch]()
    for _ in range(20):
        batches.append(source(cap=2).fetch(http, cursor))
        cursor = batches[-1].cursor
        number = numbered_at(bird.now, len(batches))
        bird.found = [
            *(
                tweet(0, author_id=f"{len(batches)} {more}") | {"id": str(int(number) + more)}
                for more in range(60)
            ),
            *bird.found,
        ]

    last = batches[-1]
    assert bird.bill <= 2
    assert spent(last) == pytest.approx(bird.bill)
    assert (last.state, last.complete, last.posts) == (State.RATE_LIMITED, False, ())
    assert last.wait == timedelta(days=1)
    assert last.reason.startswith(
        "The cap of this source on X is reached. Nothing more is read there until 1 Dec"
    )
    assert bird.asked[-1].path == "/2/usage/tweets"


def test_a_new_month_opens_the_purse_again(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(1)]
    first = source(cap=1).fetch(http, None)
    cursor = json.loads(first.cursor or "")
    cursor["spend"]["mills"] = 999
    poor = json.dumps(cursor)
    assert source(cap=1).fetch(http, poor).state is State.RATE_LIMITED
    bird.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    bird.found = []

    later = source(cap=1).fetch(http, poor)

    assert later.state is not State.RATE_LIMITED
    assert spent(later) == bird.billed.get(f"2026-12-01 {tweet(1)['id']}", 0) / 1000


def test_the_date_is_learnt_even_from_an_error(bird: Bird, http: httpx.Client) -> None:
    cursor = json.dumps({"spend": {"day": "2026-11-20", "mills": 999}})
    bird.error = lambda request: (
        httpx.Response(404, json={"title": "Not Found"}) if "usage" in request.url.path else None
    )

    assert source(cap=1).fetch(http, cursor).state is State.RATE_LIMITED

    bird.now += timedelta(days=30)
    assert source(cap=1).fetch(http, cursor).state is State.OK


def test_what_was_paid_for_is_kept_though_the_next_page_fails(bird: Bird, http: httpx.Client) -> None:
    bird.found = many(20_000, 20_005)
    first = source().fetch(http, None)
    bird.found = [*many(1, 250), *bird.found]
    bird.error = lambda request: httpx.Response(503) if "next_token" in request.url.params else None

    second = source().fetch(http, first.cursor)
    bird.error = lambda _: None
    third = source().fetch(http, second.cursor)

    assert (len(second.posts), second.state, second.complete) == (100, State.BEHIND, False)
    assert "fault of its own" in second.reason
    assert {*texts(second), *texts(third)} >= {post["text"] for post in many(1, 250)}
    assert spent(third) == pytest.approx(bird.bill)


def test_pages_that_repeat_end_in_a_state_and_lose_nothing(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(3000)]
    first = source().fetch(http, None)
    page = {"data": many(1, 10), "meta": {"newest_id": tweet(0.1)["id"], "next_token": "again"}}
    bird.error = lambda _: httpx.Response(200, json=page)

    second = source().fetch(http, first.cursor)
    bird.error = lambda _: None
    bird.found = [*many(1, 50), *bird.found]

    assert (second.state, len(second.posts)) == (State.PARSE_ERROR, 10)
    assert len(source().fetch(http, second.cursor).posts) == 50


def test_empty_pages_on_the_way_do_not_end_it(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(3000)]
    first = source().fetch(http, None)
    pages = [{"meta": {"result_count": 0, "next_token": f"e{number}"}} for number in range(MOST_PAGES - 1)]
    answers = iter([*pages, {"data": [tweet(1)], "meta": {}}])
    bird.error = lambda _: httpx.Response(200, json=next(answers))

    second = source().fetch(http, first.cursor)

    assert (texts(second), second.state) == (["post 1"], State.OK)


def test_an_answer_that_is_not_whole_is_asked_again(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(1)]
    bird.partial = [{"title": "Service Unavailable", "type": f"{PROBLEM}service-unavailable"}]

    first = source().fetch(http, None)
    bird.partial = [{"value": "9", "title": "Not Found Error", "type": f"{PROBLEM}resource-not-found"}]
    second = source().fetch(http, first.cursor)

    assert (first.state, texts(first)) == (State.BEHIND, ["post 1"])
    assert "since_id" not in bird.asked[1].params
    assert (second.state, texts(second)) == (State.OK, ["post 1"])


def test_one_search_that_is_refused_does_not_hold_up_the_others(bird: Bird, http: httpx.Client) -> None:
    names = [f"A very long name of one of the schools in this trust, number {number}" for number in range(9)]
    bird.found = [tweet(1)]
    bird.error = lambda request: (
        httpx.Response(400, json={"title": "Invalid Request", "type": f"{PROBLEM}invalid-request"})
        if "number 0" in request.url.params["query"]
        else None
    )

    batch = source(search=names).fetch(http, None)

    assert (batch.state, texts(batch)) == (State.BLOCKED, ["post 1"])
    assert "more simply" in batch.reason


def test_it_stops_asking_when_x_has_no_more_requests_for_us(bird: Bird, http: httpx.Client) -> None:
    bird.found = many(20_000, 20_001)
    first = source().fetch(http, None)
    bird.found = many(1, 300)
    bird.headers = {
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": str(int(NOW.timestamp()) + 600),
    }

    batch = source().fetch(http, first.cursor)

    assert (len(batch.posts), batch.state, batch.wait) == (100, State.RATE_LIMITED, timedelta(minutes=10))
    assert len(bird.asked) == 2


def problem(kind: str, title: str = "", **other: Any) -> bytes:
    return json.dumps({"title": title, "detail": "x", "type": PROBLEM + kind, **other}).encode()


RESET = {"x-rate-limit-reset": str(int(NOW.timestamp()) + 300)}
OLD_PLACE = problem("invalid-request", errors=[{"parameters": {"since_id": ["5"]}, "message": "too old"}])
FAILURES = [
    (400, {}, problem("invalid-request", "Invalid Request"), State.BLOCKED, None),
    (400, {}, OLD_PLACE, State.BEHIND, None),
    (401, {}, b'{"title":"Unauthorized","type":"about:blank","status":401}', State.AUTH_EXPIRED, None),
    (401, {}, b"", State.AUTH_EXPIRED, None),
    (402, {}, problem("credits", "CreditsDepleted"), State.BLOCKED, None),
    (403, {}, problem("client-forbidden", "Client Forbidden"), State.AUTH_EXPIRED, None),
    (403, {}, problem("credits", "SpendCapReached"), State.RATE_LIMITED, timedelta(days=1)),
    (403, {}, b"<html>no</html>", State.BLOCKED, None),
    (404, {}, problem("resource-not-found"), State.BLOCKED, None),
    (410, {}, b"", State.BLOCKED, None),
    (429, {"retry-after": "90"}, b"", State.RATE_LIMITED, timedelta(seconds=90)),
    (429, RESET, b'{"title":"Too Many Requests"}', State.RATE_LIMITED, timedelta(minutes=5)),
    (429, {}, b"<html>Slow down</html>", State.RATE_LIMITED, None),
    (429, RESET, problem("usage-capped", "UsageCapExceeded"), State.RATE_LIMITED, timedelta(days=1)),
    (500, {}, b"<html>oops</html>", State.BEHIND, None),
    (503, {"retry-after": "30"}, problem("x", "Unavailable"), State.RATE_LIMITED, timedelta(seconds=30)),
    (200, {}, b"", State.PARSE_ERROR, None),
    (200, {}, b"<!doctype html><html><p>An app</p></html>", State.PARSE_ERROR, None),
    (200, {}, b'{"data": [{"id": "1", "text": "cut', State.PARSE_ERROR, None),
    (200, {}, b"[" * 100_000, State.PARSE_ERROR, None),
    (200, {}, b'{"data": [7, null], "meta": {}}', State.PARSE_ERROR, None),
    (200, {}, b'{"data": {"id": "1"}}', State.PARSE_ERROR, None),
    (200, {}, b'{"errors": [{"title": "Strange"}]}', State.PARSE_ERROR, None),
    (200, {}, b'{"errors": [%s]}' % problem("resource-not-found"), State.BLOCKED, None),
    (200, {}, b'{"errors": [%s]}' % problem("not-authorized-for-resource"), State.BLOCKED, None),
]


@pytest.mark.parametrize("connector", [source(), own()], ids=["search", "account"])
@pytest.mark.parametrize(("code", "headers", "body", "state", "wait"), FAILURES)
def test_every_failure_has_its_state_and_a_sentence_without_the_token(
    bird: Bird,
    http: httpx.Client,
    *,
    caplog: pytest.LogCaptureFixture,
    connector: X,
    code: int,
    headers: dict[str, str],
    body: bytes,
    state: State,
    wait: timedelta | None,
) -> None:
    known = json.dumps({"account": "harrowbygreen 70"})
    bird.error = lambda _: httpx.Response(code, headers=headers, content=body)

    with pytest.raises((Unavailable, Refused)) as error:
        connector.fetch(http, known)

    assert error.value.state is state
    assert error.value.reason.endswith(".")
    assert getattr(error.value, "retry_after", None) == wait
    assert SECRET not in f"{error.value!r} {caplog.text} {connector!r}"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"errors": [{"title": "Not Found Error", "type": f"{PROBLEM}resource-not-found"}]}, State.BLOCKED),
        ({"errors": [{"title": "Forbidden", "parameters": {"since_id": "1"}}]}, State.BEHIND),
        ({"data": {}}, State.PARSE_ERROR),
    ],
)
def test_an_account_that_is_not_there_is_said(
    bird: Bird, http: httpx.Client, answer: dict[str, Any], state: State
) -> None:
    bird.error = lambda _: httpx.Response(200, json=answer)

    with pytest.raises((Unavailable, Refused)) as error:
        own().fetch(http, None)

    assert error.value.state is state


def test_strange_posts_are_read_as_far_as_they_go(bird: Bird, http: httpx.Client) -> None:
    bird.found = [
        tweet(1, "x" * 1_000_000),
        tweet(2, created_at="2126-01-01T00:00:00Z", lang="i-klingon ?", entities=[1], note_tweet="no"),
        tweet(3, "מורה 😀\u202e", author_id=None, possibly_sensitive="yes", attachments=7),
        {"id": 17, "text": None, "edit_history_tweet_ids": None, "referenced_tweets": {"a": 1}},
        {"id": None, "text": "no id"},
    ]
    body = json.dumps({"data": bird.found, "meta": []}).encode()

    with answering(body) as client:
        posts = source().fetch(client, None).posts

    assert [len(post.text) for post in posts] == [1_000_000, 6, 6, 0]
    assert posts[1].posted_at == datetime(2126, 1, 1, tzinfo=UTC)
    assert (posts[1].language, posts[2].author, posts[2].sensitive) == (None, None, True)
    assert (posts[3].id, posts[3].posted_at) == ("17", None)


def test_a_broken_cursor_begins_afresh(bird: Bird, http: httpx.Client) -> None:
    bird.found = [tweet(1)]

    assert texts(source().fetch(http, '{"spend": 7}')) == texts(source().fetch(http, "?")) == ["post 1"]


def test_a_real_connection_reads_compressed_and_shows_the_token_to_x_alone(
    site: Any, answer: Any, data: Path
) -> None:
    body = gzip.compress((data / "x.json").read_bytes())
    site.answers["/2/tweets/search/recent"] = answer(body, headers={"content-encoding": "gzip"})

    with httpx.Client(timeout=5) as client:
        batch = source(base_url=site.url).fetch(client, None)

    assert len(batch.posts) == 2
    assert [headers["authorization"] for _, headers in site.asked] == [f"Bearer {SECRET}"]
    assert SECRET not in f"{batch!r} {site.asked[0][0]}"
