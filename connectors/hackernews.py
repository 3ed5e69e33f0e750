"""Hacker News, by the search that Algolia runs over it: stories and comments that hold a name.

The address and its fields are as recorded in 2018; that a query gives at most 1,000 hits is from its issues.
Not checked on the live service: that 10,000 questions an hour are free, and that quotation marks hold words
together. No account is needed. A search may bring more than was asked: every post is matched again here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from connectors.connector import Connector, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import Page, read, refuse_walls, spoken
from connectors.received import as_received
from connectors.text import clean_link, host_of, http_address, one_line, read_html, search_words

HITS = 100
"""How many posts one page holds."""
MOST_PAGES = 5
"""The most pages of one search that are read at once; the rest follows a minute later."""
OVERLAP = 3 * 3600
"""For how many seconds back it is asked again: a post may be found late, and is edited for two hours."""
_LIMIT = 5_000_000
_LONGEST_ID = 100
_END_OF_TIME = 32_503_680_000
_Hits = tuple[dict[str, Any], ...]


class _Place(BaseModel):
    """How far one search is read: the newest second, and the seconds between which some are not read yet."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    top: int = Field(default=0, ge=0)
    low: int = Field(default=0, ge=0)
    high: int = Field(default=0, ge=0)


class _Cursor(BaseModel):
    """The place of each search, by its words."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    places: dict[str, _Place] = {}


@dataclass(frozen=True, slots=True)
class _Window:
    """What was read between two seconds; `oldest` is where it stopped, None where all was read.

    `now` is the time by the clock of the search, 0 where it does not say.
    """

    hits: _Hits
    oldest: int | None
    now: int


class HackerNews(Connector):
    """What is said of the school on Hacker News, by a search of its own for each name."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["hackernews"]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=100), AfterValidator(search_words)], ...],
        Field(
            min_length=1,
            max_length=20,
            description="What to search for: the school's names and its site, each as people write it.",
            examples=[["Harrowby Green"]],
        ),
    ]
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of the search; another one only for tests."),
        AfterValidator(http_address),
    ] = "https://hn.algolia.com"

    @property
    def host(self) -> str:
        """The host of the search."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what each search finds since the last time, and some of what the last time left."""
        before = _cursor(cursor)
        places: dict[str, _Place] = {}
        posts: dict[str, Post] = {}
        stuck = False
        for words in self.search:
            place = before.places.get(words, _Place())
            places[words], found, is_stuck = self._follow(http, words, place)
            posts |= {post.id: post for post in _posts(found, official=self.official is not None)}
            stuck = stuck or is_stuck
        behind = any(place.high for place in places.values())
        return Batch(
            posts=tuple(posts.values()),
            cursor=_Cursor(places=places).model_dump_json(),
            complete=not behind,
            state=State.PARSE_ERROR if stuck else State.BEHIND if behind else State.OK,
            reason=_STUCK if stuck else "",
        )

    def _follow(self, http: httpx.Client, words: str, place: _Place) -> tuple[_Place, _Hits, bool]:
        """One search: its new place, what it found, and whether it repeats itself instead of going on."""
        floor = max(place.top - OVERLAP, 0)
        newest = self._window(http, words, floor, None, pages=MOST_PAGES if place.top else 1)
        after = place.model_copy(update={"top": _top(place, newest)})
        if not place.top:
            return after, newest.hits, False
        if newest.oldest is not None and newest.oldest > place.top:
            # What an older gap lacks lies below this one: they become one, and some is read twice.
            low = min(place.low, place.top) if place.high else place.top
            return after.model_copy(update={"low": low, "high": newest.oldest}), newest.hits, False
        if not place.high:
            return after, newest.hits, False
        older = self._window(http, words, place.low, place.high, pages=MOST_PAGES)
        is_stuck = older.oldest is not None and older.oldest >= place.high
        high = 0 if is_stuck or older.oldest is None else older.oldest
        return after.model_copy(update={"high": high}), newest.hits + older.hits, is_stuck

    def _window(self, http: httpx.Client, words: str, low: int, high: int | None, *, pages: int) -> _Window:
        """The newest hits from `low` to `high`, page by page; raises Unavailable or Refused."""
        hits: dict[str, dict[str, Any]] = {}
        now = 0
        for number in range(pages):
            page = read(http, self._address(words, low, high, number), limit=_LIMIT, headers=_ACCEPT)
            now = int(page.date.timestamp()) if page.date else now
            listed, is_last = _listed(page, number)
            fresh = {hit["objectID"]: hit for hit in listed if hit["objectID"] not in hits}
            hits |= fresh
            if listed and not fresh:
                # The same page again: what lies below it is still to be read.
                break
            if is_last:
                return _Window(tuple(hits.values()), None, now)
        return _Window(tuple(hits.values()), min(hit["created_at_i"] for hit in hits.values()), now)

    def _address(self, words: str, low: int, high: int | None, page: int) -> str:
        times = [f"created_at_i>={low}"] + ([] if high is None else [f"created_at_i<={high}"])
        asked = {
            "query": f'"{words}"',
            "tags": "(story,comment)",
            "numericFilters": ",".join(times),
            "hitsPerPage": HITS,
            "page": page,
            "typoTolerance": "false",
            "advancedSyntax": "true",
        }
        return f"{self.base_url.rstrip('/')}/api/v1/search_by_date?{urlencode(asked)}"


_ACCEPT = {"accept": "application/json"}
_STUCK = (
    "The search of Hacker News repeats itself instead of going on, so some posts between the newest and "
    "those of last time may be missing. If this stays so, search for words that are rarer."
)


def _top(place: _Place, newest: _Window) -> int:
    """The newest second that was read. A post of the future must not hide those written until then."""
    top = max((hit["created_at_i"] for hit in newest.hits), default=newest.now)
    return max(place.top, min(top, newest.now) if newest.now else top)


def _listed(page: Page, number: int) -> tuple[list[dict[str, Any]], bool]:
    """The hits of one page as the search lists them, and whether it is the last."""
    refuse_walls(page)
    try:
        answer = json.loads(page.content)
    except (ValueError, RecursionError):
        answer = None
    hits = answer.get("hits") if isinstance(answer, dict) else None
    if page.truncated or not isinstance(answer, dict) or not isinstance(hits, list):
        raise _unread(page)
    listed = [hit for hit in hits if isinstance(hit, dict) and _is_dated(hit)]
    if hits and not listed:
        raise _unread(page)
    pages = answer.get("nbPages")
    is_last = number + 1 >= pages if isinstance(pages, int) else len(hits) < HITS
    return [hit | {"objectID": str(hit["objectID"])[:_LONGEST_ID]} for hit in listed], is_last or not hits


def _is_dated(hit: dict[str, Any]) -> bool:
    """Whether a hit has what it is known and found by: an id, and its second."""
    at = hit.get("created_at_i")
    return isinstance(hit.get("objectID"), str | int) and isinstance(at, int) and 0 <= at < _END_OF_TIME


def _unread(page: Page) -> Unavailable:
    return Unavailable(
        f"{spoken(page.url)} answered with something that is no list of posts"
        f"{f' ({page.cut})' if page.cut else ''}. We will try again; if this stays so, the search has "
        "changed, and a newer version of this program is needed.",
        State.PARSE_ERROR,
    )


def _posts(hits: _Hits, *, official: bool) -> Iterator[Post]:
    channel = Channel.OFFICIAL_ACCOUNT if official else Channel.PUBLIC_MENTION
    for hit in hits:
        written = read_html(_word(hit, "comment_text") or _word(hit, "story_text"))
        title = one_line(_word(hit, "title"))[:500]
        linked = clean_link(_word(hit, "url"))
        if written.text or title:
            yield Post(
                platform="hackernews",
                id=hit["objectID"],
                url=f"https://news.ycombinator.com/item?id={hit['objectID']}",
                title=title,
                text=written.text,
                author=one_line(_word(hit, "author"))[:200] or None,
                posted_at=datetime.fromtimestamp(hit["created_at_i"], UTC),
                channel=channel,
                parent=_word(hit, "parent_id")[:_LONGEST_ID] or None,
                parent_text=one_line(_word(hit, "story_title"))[:500],
                thread=_word(hit, "story_id")[:_LONGEST_ID] or None,
                links=tuple(dict.fromkeys([*([linked] if linked else []), *written.links])),
                answer=as_received(hit),
            )


def _word(hit: dict[str, Any], name: str) -> str:
    said = hit.get(name)
    return str(said) if isinstance(said, str | int) else ""


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the first page once more costs little.
        return _Cursor()
