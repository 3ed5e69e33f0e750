"""Threads: replies and mentions of the school's own account, or a search for its names.

Shapes and limits are from Meta's documentation (2026); there was no recorded answer to try them on. The token
has `threads_basic`, and `threads_read_replies` and `threads_manage_mentions`, or `threads_keyword_search`.
Not checked on the live service: whether a search is paged by `after`; where it is not, we go on by `until`.
A search finds nothing for words that Meta deems sensitive, and only the account's own posts before Meta has
approved the app: that nothing is found is no proof that nothing was written.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlencode

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from connectors.connector import Connector, Unavailable
from connectors.graph import (
    Below,
    Found,
    Graph,
    Item,
    Listed,
    Missing,
    One,
    Own,
    Place,
    Thing,
    Token,
    Word,
    Yes,
    follow,
    newest,
    server_address,
    usable_token,
)
from connectors.post import Batch, Channel, Post, State
from connectors.received import as_received
from connectors.text import clean_link, host_of, read_text, when

VERSION = "v1.0"
"""The version of the Threads API that is asked."""
MOST_QUERIES = 2_000
"""How many searches are made in 24 hours; Threads allows 2,200 for one person over all apps."""
_PAGE = 100
_OWN_POSTS = 10
_HOUR = 3_600
_DAY = 24
_LONGEST_NAME = 100
_MOST_PARENT = 5_000
_PLAIN = frozenset(["", "TEXT", "TEXT_POST"])
_COVERED = frozenset(["COVERED"])
_ROOT = "id,text,permalink,timestamp,username,media_type,has_replies"
_REPLY = (
    "id,text,permalink,timestamp,username,media_type,root_post,replied_to,is_reply_owned_by_me,hide_status"
)
_FOUND = "id,text,permalink,timestamp,username,media_type,is_reply,is_quote_post,link_attachment_url,alt_text"


def _words(written: str) -> str:
    words = " ".join(written.split())
    if not re.search(r"\w", words):
        raise ValueError("write the words to search for, such as Harrowby Green")
    return words


class _Said(Item):
    """A post or reply, as the API gives it; what is missing, or of another kind, is empty."""

    text: Word = ""
    permalink: Word = ""
    timestamp: Word = ""
    username: Word = ""
    media_type: Word = ""
    alt_text: Word = ""
    link_attachment_url: Word = ""
    hide_status: Word = ""
    has_replies: Yes = False
    is_reply_owned_by_me: Yes = False
    root_post: Thing
    replied_to: Thing


class _Cursor(BaseModel):
    """What is read; `spent` are the searches of each hour since 1970 that found something."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    own: Own = Own()
    places: dict[str, Place] = {}
    spent: dict[int, int] = {}
    token: Token = Token()


class Threads(Connector):
    """What is said to the school's own account, or what a search for its names finds."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["threads"]
    token: Annotated[
        SecretStr,
        AfterValidator(usable_token),
        Field(description="An access token that may only read; by ${…} only. With `official`, the school's."),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=100), AfterValidator(_words)], ...],
        Field(
            max_length=10,
            description="What to search for: the school's names and its site. Not for a source with "
            "`official`.",
            examples=[["Harrowby Green"]],
        ),
    ] = ()
    base_url: Annotated[
        str,
        Field(max_length=500, description="The address of the Threads API; another one only for tests."),
        AfterValidator(server_address),
    ] = "https://graph.threads.com"

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.search) == (self.official is not None):
            raise ValueError(
                "write either search (what to look for) or official (the school whose account this is); "
                "for both, make two sources"
            )
        return self

    @property
    def host(self) -> str:
        """The host of the Threads API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new under the account's posts and in mentions of it, or in each search."""
        before = _cursor(cursor)
        graph = Graph(http, f"{self.base_url}/{VERSION}", self.token, tells_next=False)
        reading = _Reading(self, graph, before)
        reading.who()
        reading.searches() if self.search else reading.account()
        return reading.batch()


class _Reading:
    """One reading of the account or of the searches."""

    def __init__(self, source: Threads, graph: Graph, before: _Cursor) -> None:
        self.source = source
        self.graph = graph
        self.before = before
        self.own = before.own
        self.places = dict(before.places)
        self.budget = _Budget(graph, dict(before.spent))
        self.found = Found()
        self.me = ""

    def who(self) -> None:
        """The name of the account that asks; this also tells the time by Meta's clock."""
        try:
            self.me = str(self.graph.get("me", {"fields": "username"}).get("username", ""))
        except Missing as missing:
            raise missing.refusal() from missing

    def account(self) -> None:
        """Replies at any depth under the account's own posts, and posts of others that mention it."""
        if self.found.attempt(self._replies):
            self.found.attempt(self._mentions)

    def searches(self) -> None:
        """What each search finds."""
        for words in self.source.search:
            if not self.found.attempt(lambda words=words: self._search(words)):  # type: ignore[misc]
                break

    def batch(self) -> Batch:
        """What was read, with the cursor."""
        token = self.graph.token(self.before.token)
        self.found.remarks.extend(filter(None, [self.graph.warning(token)]))
        spent = self.budget.kept()
        after = _Cursor(own=self.own, places=self.places, spent=spent, token=token)
        return self.found.batch(after, self.source.every)

    def _replies(self) -> None:
        below = Below(
            root=_Said,
            path="me/threads",
            asked={"fields": _ROOT, "limit": _OWN_POSTS},
            mark=lambda root: "1" if root.has_replies else "",
            answer=_Said,
            edge="conversation",
            asked_below={"fields": _REPLY, "reverse": "false", "limit": _PAGE},
            always=_OWN_POSTS,
            blind=True,
        )
        said = follow(self.graph, below, self.own)
        self.own = self.found.heard(said)
        texts = {item.id: item.text for pair in said.answers for item in pair}
        self.found.add(
            _reply(answer, root, texts)
            for root, answer in said.answers
            if not answer.is_reply_owned_by_me and not self._is_ours(answer)
        )

    def _mentions(self) -> None:
        place = self.places.get("mentions", Place())
        read = newest(self.graph, _Said, "me/mentions", {"fields": _FOUND, "limit": _PAGE}, place)
        self.places["mentions"] = self.found.keep(read)
        self.found.add(_post(item) for item in read.items if not self._is_ours(item))

    def _search(self, words: str) -> None:
        name = f"search {words}"
        asked = {"q": words, "search_type": "RECENT", "fields": _FOUND, "limit": str(_PAGE)}
        read = newest(self.budget, _Said, "keyword_search", asked, self.places.get(name, Place()))
        self.places[name] = self.found.keep(read)
        if not read.place.anchors:
            self.found.remarks.append(
                f"Nothing was ever found for {words!r}. Threads answers so for words that it deems "
                "sensitive, too, and while Meta has not approved the app for searches."
            )
        self.found.add(_post(item) for item in read.items if not self._is_ours(item))

    def _is_ours(self, item: _Said) -> bool:
        return bool(self.me) and item.username == self.me


class _Budget:
    """Searches within what a day allows; those that find nothing are free."""

    def __init__(self, graph: Graph, spent: dict[int, int]) -> None:
        self.graph = graph
        self.spent = spent

    def listing(
        self, kind: type[One], path: str, asked: Mapping[str, str | int], at: str = ""
    ) -> Listed[One]:
        """One page of what a search finds; raises Unavailable where the day's searches are used up."""
        if sum(self.kept().values()) >= MOST_QUERIES:
            raise Unavailable(
                f"{MOST_QUERIES} searches were made in 24 hours, and Threads allows hardly more. The rest is "
                "read later; read this source less often (every), or search for less.",
                State.BEHIND,
                timedelta(hours=1),
            )
        page = self.graph.listing(kind, path, asked, at)
        if page.items:
            self.spent[self._hour()] = self.spent.get(self._hour(), 0) + 1
        if page.after or len(page.items) < _PAGE:
            return page
        times = [when(getattr(item, "timestamp", "")) for item in page.items]
        oldest = min(filter(None, times), default=None)
        after = urlencode({"until": int(oldest.timestamp()) + 1}) if oldest else ""
        return replace(page, after=after)

    def kept(self) -> dict[int, int]:
        """What was spent in the last 24 hours."""
        now = self._hour()
        return {hour: spent for hour, spent in self.spent.items() if not now or now - hour <= _DAY}

    def _hour(self) -> int:
        return int(self.graph.now.timestamp()) // _HOUR if self.graph.now else 0


def _post(item: _Said) -> Post:
    written = read_text("\n".join(filter(None, (item.text, item.alt_text))))
    linked = clean_link(item.link_attachment_url)
    return Post(
        platform="threads",
        id=item.id,
        url=clean_link(item.permalink) or "https://www.threads.com/",
        text=written.text,
        author=f"@{' '.join(item.username.split())[:_LONGEST_NAME]}" if item.username else None,
        posted_at=when(item.timestamp),
        thread=item.id,
        links=tuple(dict.fromkeys([*written.links, *([linked] if linked else [])])),
        has_media=item.media_type not in _PLAIN,
        sensitive=item.hide_status in _COVERED,
        answer=as_received(item.given),
    )


def _reply(item: _Said, root: _Said, texts: Mapping[str, str]) -> Post:
    parent = str(item.replied_to.get("id", "")) or root.id
    return replace(
        _post(item),
        channel=Channel.OFFICIAL_ACCOUNT,
        parent=parent,
        parent_text=read_text(texts.get(parent, "")).text[:_MOST_PARENT],
        thread=root.id,
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: the newest pages are read once more, and the day's searches count anew.
        return _Cursor()
