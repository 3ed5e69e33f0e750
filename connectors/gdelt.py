"""GDELT: news articles of the last three months whose text holds the school's names, by its DOC 2.0 search.

The search, its three months and its order are as GDELT's own announcement has them; the fields, the limit of
250 articles, the pace of one question in five seconds and its refusals in plain words are second-hand: no
answer was recorded, and none is checked on the live service. No account is needed; it is free. GDELT gives
titles and addresses, never the text: that an article holds a name is its word, and is told as such.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import Page, read, refuse_walls, retry_after, spoken
from connectors.received import as_received
from connectors.text import clean, clean_link, host_of, http_address, one_line, when

MOST = 250
"""The most articles that one answer gives."""
REST = timedelta(minutes=1)
"""How long GDELT is left alone once it says that it is asked too often."""
_LONGEST_QUERY = 250
_LIMIT = 5_000_000
_END_OF_TIME = 32_503_680_000
_NAMED = (
    "afrikaans:af albanian:sq arabic:ar armenian:hy azerbaijani:az basque:eu bengali:bn bosnian:bs "
    "bulgarian:bg catalan:ca chinese:zh croatian:hr czech:cs danish:da dutch:nl english:en estonian:et "
    "finnish:fi french:fr galician:gl georgian:ka german:de greek:el gujarati:gu hebrew:he hindi:hi "
    "hungarian:hu icelandic:is indonesian:id irish:ga italian:it japanese:ja kannada:kn kazakh:kk "
    "korean:ko latvian:lv lithuanian:lt macedonian:mk malay:ms malayalam:ml marathi:mr mongolian:mn "
    "nepali:ne norwegian:no persian:fa polish:pl portuguese:pt punjabi:pa romanian:ro russian:ru "
    "serbian:sr sinhalese:si slovak:sk slovenian:sl somali:so spanish:es swahili:sw swedish:sv tamil:ta "
    "telugu:te thai:th tibetan:bo turkish:tr ukrainian:uk urdu:ur vietnamese:vi welsh:cy"
)
_LANGUAGES = dict(pair.split(":") for pair in _NAMED.split())
_TOO_OFTEN = re.compile(r"limit requests|too many requests|one every \d+ seconds", re.IGNORECASE)
_BAD_WORDS = re.compile(
    r"too short|too long|too common|illegal character|must use|invalid query", re.IGNORECASE
)
_BAD_TIME = re.compile(
    r"invalid.{0,40}(?:date|time)|(?:date|time).{0,40}(?:invalid|range|format)", re.IGNORECASE
)
_LOOSE_ESCAPE = re.compile(r'\\(?!["\\/bfnrtu])')
# GDELT sets words and signs apart, as in: St Mary 's , Grantham
_APART = re.compile(r"\s+(?=[,.;:!?)\]]|['\u2019]s\b)")


def _words(written: str) -> str:
    words = " ".join(written.replace('"', " ").split())
    if not words:
        raise ValueError("write the words to search for, such as Harrowby Green Primary School")
    return words


def _short_enough(search: tuple[str, ...]) -> tuple[str, ...]:
    if len(_query(search)) > _LONGEST_QUERY:
        raise ValueError(f"all names together may have {_LONGEST_QUERY} signs: leave out the longest")
    return search


class _Cursor(BaseModel):
    """The newest second that was read, and the seconds between which some are not; whose turn is next."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    top: int = Field(default=0, ge=0, lt=_END_OF_TIME)
    low: int = Field(default=0, ge=0, lt=_END_OF_TIME)
    high: int = Field(default=0, ge=0, lt=_END_OF_TIME)
    gap_next: bool = False


class _BadTime(Exception):
    """GDELT does not reach back so far."""


@dataclass(frozen=True, slots=True)
class _Article:
    """One line of the list, and the second when GDELT saw it."""

    fields: Mapping[str, Any]
    url: str
    at: int


class Gdelt(Connector):
    """News articles from all over the world that hold one school's names."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["gdelt"]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=5, max_length=120), AfterValidator(_words)], ...],
        Field(
            min_length=1,
            max_length=8,
            description="The names of one school, in full, as newspapers write them; every article found "
            "counts as speaking of it, so no name that others share.",
            examples=[["Harrowby Green Primary School"]],
        ),
        AfterValidator(_short_enough),
    ]
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of the search; another one only for tests."),
        AfterValidator(http_address),
    ] = "https://api.gdeltproject.org"

    @property
    def host(self) -> str:
        """The host of the search."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Put one question, as GDELT allows: for the newest, or for some of what the last times left."""
        before = _cursor(cursor)
        if before.high and before.gap_next:
            return self._gap(http, before)
        page, articles, is_full = self._ask(http, {})
        after = before.model_copy(update={"top": _top(before, articles, page), "gap_next": True})
        oldest = min((article.at for article in articles), default=0)
        if before.top and is_full and oldest > before.top:
            # What an older gap lacks lies below this one: they become one, and some is read twice.
            low = min(before.low, before.top) if before.high else before.top
            after = after.model_copy(update={"low": low, "high": oldest})
        return self._batch(articles, after)

    def _gap(self, http: httpx.Client, before: _Cursor) -> Batch:
        """Some of what lies between the newest and those of last time, from above."""
        closed = before.model_copy(update={"high": 0, "gap_next": False})
        try:
            _, articles, is_full = self._ask(
                http, {"startdatetime": _written(before.low), "enddatetime": _written(before.high)}
            )
        except _BadTime:
            return self._batch([], closed, _MISSED)
        if not is_full:
            return self._batch(articles, closed)
        oldest = min(article.at for article in articles)
        if oldest >= before.high:
            return self._batch(articles, closed, _MISSED)
        return self._batch(articles, before.model_copy(update={"high": oldest, "gap_next": False}))

    def _ask(self, http: httpx.Client, window: Mapping[str, str]) -> tuple[Page, list[_Article], bool]:
        """One answer: its articles, and whether it holds as many as one can."""
        asked = {
            "query": _query(self.search),
            "mode": "ArtList",
            "format": "json",
            "sort": "DateDesc",
            "maxrecords": MOST,
        }
        url = f"{self.base_url.rstrip('/')}/api/v2/doc/doc?{urlencode({**asked, **window})}"
        page = read(http, url, limit=_LIMIT, headers={"accept": "application/json"}, heed=_heed)
        try:
            listed = _listed(page)
        except _BadTime:
            if window:
                raise
            raise _strange(page) from None
        articles = [article for article in map(_article, listed) if article is not None]
        if listed and not articles:
            raise _strange(page)
        return page, articles, len(listed) >= MOST

    def _batch(self, articles: list[_Article], after: _Cursor, missed: str = "") -> Batch:
        behind = after.high > 0
        posts = {post.id: post for post in self._posts(articles)}
        return Batch(
            posts=tuple(posts.values()),
            cursor=after.model_dump_json(),
            complete=not behind,
            state=State.BEHIND if behind or missed else State.OK,
            reason=missed,
        )

    def _posts(self, articles: list[_Article]) -> Iterator[Post]:
        channel = Channel.OFFICIAL_ACCOUNT if self.official is not None else Channel.PUBLIC_MENTION
        names = " or ".join(f'"{name}"' for name in self.search)
        for article in articles:
            title = _APART.sub("", one_line(_word(article.fields, "title")))[:1_000]
            yield Post(
                platform="gdelt",
                id=article.url,
                url=article.url,
                title=title,
                text="",
                author=clean(_word(article.fields, "domain"))[:200] or None,
                posted_at=datetime.fromtimestamp(article.at, UTC),
                language=_LANGUAGES.get(_word(article.fields, "language").strip().lower()),
                channel=channel,
                parent_text=f"GDELT says that the text of this article holds {names}.",
                has_media=bool(_word(article.fields, "socialimage")),
                answer=as_received(article.fields),
            )


_MISSED = (
    "More articles hold these names than GDELT lists, and some of the older ones were missed: search for "
    "names that are rarer."
)


def _query(search: tuple[str, ...]) -> str:
    names = " OR ".join(f'"{name}"' for name in search)
    return f"({names})" if len(search) > 1 else names


def _top(before: _Cursor, articles: list[_Article], page: Page) -> int:
    """The newest second that was read. An article of the future must not hide those written until then."""
    now = int(page.date.timestamp()) if page.date else 0
    top = max((article.at for article in articles), default=now)
    return max(before.top, min(top, now) if now else top)


def _article(listed: object) -> _Article | None:
    fields = listed if isinstance(listed, dict) else {}
    url, seen = clean_link(_word(fields, "url")), when(_word(fields, "seendate"))
    at = int(seen.timestamp()) if seen else -1
    return _Article(fields, url, at) if url and 0 <= at < _END_OF_TIME else None


def _listed(page: Page) -> list[object]:
    """The articles of an answer; GDELT says `{}` where there are none, and its refusals in plain words."""
    refuse_walls(page)
    said = page.content.decode("utf-8", "replace").lstrip("\ufeff")
    answer = None if page.truncated else _json(said) or _json(_LOOSE_ESCAPE.sub(r"\\\\", said))
    if isinstance(answer, _Empty):
        return []
    if isinstance(answer, dict) and isinstance(answer.get("articles"), list):
        return list(answer["articles"])
    if answer is None and not page.is_html:
        _refuse(page, said)
    raise _strange(page)


class _Empty:
    """An answer that says that there is nothing."""


def _json(said: str) -> object:
    """What some JSON says; titles may hold bare line ends and tabs."""
    try:
        answer = json.loads(said, strict=False)
    except (ValueError, RecursionError):
        return None
    return _Empty() if answer == {} else answer


def _heed(page: Page) -> None:
    _refuse(page, page.content.decode("utf-8", "replace"), is_error=True)


def _refuse(page: Page, said: str, *, is_error: bool = False) -> None:
    """Raise what a refusal in plain words means."""
    said = said[:500]
    if page.status == httpx.codes.TOO_MANY_REQUESTS or _TOO_OFTEN.search(said):
        wait = max(retry_after(page.headers) or REST, REST)
        raise Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)
    if is_error:
        return
    if _BAD_TIME.search(said):
        raise _BadTime
    if _BAD_WORDS.search(said):
        raise Refused(
            f"{spoken(page.url)} does not accept the names to search for: it says that they are too short, "
            "too long or too common. Write the school's name in full.",
            State.BLOCKED,
        )


def _strange(page: Page) -> Unavailable:
    return Unavailable(
        f"{spoken(page.url)} answered with something that is no list of articles"
        f"{f' ({page.cut})' if page.cut else ''}. We will try again; if this stays so, the search has "
        "changed, and a newer version of this program is needed.",
        State.PARSE_ERROR,
    )


def _written(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%d%H%M%S")


def _word(fields: Mapping[str, Any], name: str) -> str:
    said = fields.get(name)
    return said if isinstance(said, str) else ""


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest articles once more costs little.
        return _Cursor()
