"""A Facebook Page that the school owns: comments and replies, visitors' posts, posts that tag it, ratings.

Shapes are from Meta's documentation (v26.0, 2026) and from recorded answers of versions 4 to 11. The token is
the Page's own, with `pages_read_engagement`, `pages_read_user_content` and `pages_show_list`. Not checked on
the live service: ratings, and that the count or `updated_time` of a post changes with each comment and reply.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from connectors.connector import Connector
from connectors.graph import (
    VERSION,
    Below,
    Found,
    Graph,
    Item,
    Own,
    Place,
    Thing,
    Token,
    Word,
    follow,
    newest,
    server_address,
    things,
    usable_token,
)
from connectors.post import Batch, Channel, Post
from connectors.received import as_received
from connectors.text import clean_link, host_of, one_line, read_text, when

_PAGE = 50
_LONGEST_NAME = 200
_MOST_PARENT = 5_000
_IN_ADDRESS = re.compile(r"/posts/(\d{1,40})/?\?comment_id=(\d{1,40})(?:&reply_comment_id=(\d{1,40}))?")
_SHARED = frozenset(["share", "link"])
_ATTACHED = "{media_type,type,title,url,unshimmed_url,media}"
_FEED = (
    f"id,message,from,created_time,updated_time,permalink_url,attachments{_ATTACHED},"
    "comments.limit(0).summary(true).filter(stream)"
)
_TAGGED = f"id,message,from,created_time,permalink_url,attachments{_ATTACHED}"
_COMMENT = f"id,message,from,created_time,permalink_url,parent{{id,message}},attachment{_ATTACHED}"
_RATING = "created_time,recommendation_type,review_text,reviewer,rating,open_graph_story{id}"


class _Said(Item):
    """A post or comment, as the API gives it; what is missing, or of another kind, is empty."""

    message: Word = ""
    author: Annotated[Thing, Field(alias="from")]
    created_time: Word = ""
    updated_time: Word = ""
    permalink_url: Word = ""
    attachment: Thing
    attachments: Thing
    comments: Thing
    parent: Thing

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Where a comment comes without its id, its address has it."""
        if not isinstance(given, dict) or given.get("id"):
            return given
        found = _IN_ADDRESS.search(str(given.get("permalink_url", "")))
        return {**given, "id": f"{found[1]}_{found[3] or found[2]}"} if found else given


class _Rating(Item):
    """A recommendation of the Page; it has no id of its own, unless it was also told as a story."""

    review_text: Word = ""
    recommendation_type: Word = ""
    rating: Word = ""
    created_time: Word = ""
    reviewer: Thing

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not ({"created_time", "review_text"} & given.keys()):
            return None
        story, reviewer = given.get("open_graph_story"), given.get("reviewer")
        told = story.get("id") if isinstance(story, dict) else None
        who = reviewer.get("id") if isinstance(reviewer, dict) else given.get("created_time")
        return {**given, "id": told or f"rating {hashlib.sha256(str(who).encode()).hexdigest()[:20]}"}


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    own: Own = Own()
    places: dict[str, Place] = {}
    token: Token = Token()


class Facebook(Connector):
    """What people write on the school's own Page: under its posts, to it, and about it."""

    platform: Literal["facebook"]
    page: Annotated[
        str,
        Field(
            pattern=r"^[\w.-]{1,100}$",
            description="The Page's id, or its name as in the address of the Page.",
            examples=["HarrowbyGreen"],
        ),
    ]
    token: Annotated[
        SecretStr,
        AfterValidator(usable_token),
        Field(description="An access token of the Page that may only read; by ${…} only."),
    ]
    base_url: Annotated[
        str,
        Field(max_length=500, description="The address of the Graph API; another one only for tests."),
        AfterValidator(server_address),
    ] = "https://graph.facebook.com"

    @property
    def host(self) -> str:
        """The host of the Graph API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new under the Page's posts, on the Page, in tags of it and in ratings."""
        before = _cursor(cursor)
        reading = _Reading(self, Graph(http, f"{self.base_url}/{VERSION}", self.token), before)
        parts = (reading.feed, reading.tagged, reading.ratings)
        for part in parts:
            if not reading.found.attempt(part):
                break
        return reading.batch()


class _Reading:
    """One reading of the Page."""

    def __init__(self, source: Facebook, graph: Graph, before: _Cursor) -> None:
        self.source = source
        self.graph = graph
        self.own = before.own
        self.places = dict(before.places)
        self.before = before
        self.found = Found()
        self.channel = Channel.PUBLIC_MENTION if source.official is None else Channel.OFFICIAL_ACCOUNT

    def feed(self) -> None:
        """The newest of what stands on the Page, and the comments under it at any depth."""
        me = str(self.graph.get(self.source.page, {"fields": "id"}).get("id", ""))
        below = Below(
            root=_Said,
            path=f"{self.source.page}/feed",
            asked={"fields": _FEED, "limit": _PAGE},
            mark=_mark,
            answer=_Said,
            edge="comments",
            asked_below={"fields": _COMMENT, "filter": "stream", "limit": 2 * _PAGE},
        )
        said = follow(self.graph, below, self.own)
        self.own = self.found.heard(said)
        self.found.add(_post(root, self.channel) for root in said.roots if not _is_by(root, me))
        self.found.add(
            _post(comment, self.channel, root) for root, comment in said.answers if not _is_by(comment, me)
        )

    def tagged(self) -> None:
        """Public posts of others that tag the Page."""
        path, place = f"{self.source.page}/tagged", self.places.get("tagged", Place())
        read = newest(self.graph, _Said, path, {"fields": _TAGGED, "limit": _PAGE}, place)
        self.places["tagged"] = self.found.keep(read)
        self.found.add(_post(item, Channel.PUBLIC_MENTION) for item in read.items)

    def ratings(self) -> None:
        """Recommendations of the Page."""
        path, place = f"{self.source.page}/ratings", self.places.get("ratings", Place())
        read = newest(self.graph, _Rating, path, {"fields": _RATING, "limit": _PAGE}, place)
        self.places["ratings"] = self.found.keep(read)
        self.found.add(_rating(item, self.source.page, self.channel) for item in read.items)

    def batch(self) -> Batch:
        """What was read, with the cursor."""
        token = self.graph.token(self.before.token)
        self.found.remarks.extend(filter(None, [self.graph.warning(token)]))
        return self.found.batch(_Cursor(own=self.own, places=self.places, token=token), self.source.every)


def _mark(root: _Said) -> str:
    """Another one when somebody wrote under a post; empty where nobody did."""
    summary = root.comments.get("summary")
    count = summary.get("total_count") if isinstance(summary, dict) else None
    if count == 0:
        return ""
    return hashlib.sha256(f"{count} {root.updated_time}".encode()).hexdigest()[:8]


def _is_by(item: _Said, me: str) -> bool:
    return bool(me) and str(item.author.get("id", "")) == me


def _post(item: _Said, channel: Channel, root: _Said | None = None) -> Post:
    written = read_text(item.message)
    attached = [*things(item.attachments), *([item.attachment] if item.attachment else [])]
    shared = [each for each in attached if each.get("type") in _SHARED or each.get("media_type") in _SHARED]
    parent = str(item.parent.get("id", "")) or (root.id if root else "")
    answered = str(item.parent.get("message", "")) or (root.message if root else "")
    return Post(
        platform="facebook",
        id=item.id,
        url=clean_link(item.permalink_url) or f"https://www.facebook.com/{item.id}",
        title=" ".join(one_line(str(each.get("title", ""))) for each in shared)[:500].strip(),
        text=written.text,
        author=_author(item.author),
        posted_at=when(item.created_time),
        channel=channel,
        parent=parent or None,
        parent_text=read_text(answered).text[:_MOST_PARENT],
        thread=root.id if root else item.id,
        links=tuple(dict.fromkeys([*written.links, *_links(shared)])),
        has_media=len(attached) > len(shared) or any(each.get("media") for each in shared),
        answer=as_received(item.given),
    )


def _links(shared: list[dict[str, Any]]) -> Iterator[str]:
    for each in shared:
        link = clean_link(str(each.get("unshimmed_url") or each.get("url") or ""))
        if link:
            yield link


def _author(author: dict[str, Any]) -> str | None:
    """Name and id, which only a token of the Page is told."""
    name, number = one_line(str(author.get("name", "")))[:_LONGEST_NAME], str(author.get("id", ""))[:40]
    return f"{name} ({number})".strip() if name or number else None


def _rating(item: _Rating, page: str, channel: Channel) -> Post:
    kind = {"positive": "Recommends the Page", "negative": "Does not recommend the Page"}
    stars = f"{item.rating} of 5 stars" if item.rating else ""
    written = read_text(item.review_text)
    return Post(
        platform="facebook",
        id=item.id,
        url=f"https://www.facebook.com/{page}/reviews",
        title=kind.get(item.recommendation_type, stars),
        text=written.text,
        author=_author(item.reviewer),
        posted_at=when(item.created_time),
        channel=channel,
        thread=item.id,
        links=written.links,
        answer=as_received(item.given),
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest pages once more costs little.
        return _Cursor()
