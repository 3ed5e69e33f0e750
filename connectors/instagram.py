"""Instagram: comments and replies under the school's own posts, tags of its account, or hashtags.

For a professional account. Shapes are from Meta's documentation (2026) and from recorded answers of versions
4 to 11. The token has `instagram_basic`, `instagram_manage_comments` and `pages_read_engagement`; hashtags
need the feature Instagram Public Content Access as well. Not checked on the live service: how one hashtag too
many is answered, and in what order tags come. An @mention in a caption or comment elsewhere is told only by a
push of Meta's to a public address, which this program does not have: it is not seen.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.connector import Connector
from connectors.graph import (
    VERSION,
    Below,
    Found,
    Graph,
    Item,
    Missing,
    Own,
    Place,
    Thing,
    Token,
    Word,
    follow,
    newest,
    number,
    server_address,
    things,
    usable_token,
    whole,
)
from connectors.post import Batch, Channel, Post
from connectors.received import as_received
from connectors.text import clean_link, host_of, read_text, when

MOST_HASHTAGS = 30
"""How many different hashtags one account may search for in seven days."""
WEEK = timedelta(days=7)
"""For how long a hashtag counts once it was searched for."""
SHOWN = timedelta(hours=24)
"""For how long a post is found by its hashtag."""
_PAGE = 50
_NO_SUCH_HASHTAG = 24
_MOST_PARENT = 5_000
_MEDIA = "id,caption,permalink,timestamp,media_type"
_REPLY = "id,text,timestamp,username,parent_id"
_COMMENT = f"id,text,timestamp,username,replies.limit({_PAGE}){{{_REPLY}}}"


def _tag(written: str) -> str:
    tag = written.strip().removeprefix("#").casefold()
    if not re.fullmatch(r"\w{1,100}", tag) or tag.isdigit():
        raise ValueError("write one hashtag, as HarrowbyGreen, without spaces, signs or emoji")
    return tag


class _Media(Item):
    """A post, as the API gives it; what is missing, or of another kind, is empty."""

    caption: Word = ""
    permalink: Word = ""
    timestamp: Word = ""
    media_type: Word = ""
    username: Word = ""
    comments_count: int = 0

    @model_validator(mode="before")
    @classmethod
    def _counted(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        return {**given, "comments_count": number(given.get("comments_count")) or 0}


class _Comment(Item):
    """A comment or reply; `answered` is what it replies to, which we fill in."""

    text: Word = ""
    timestamp: Word = ""
    username: Word = ""
    parent_id: Word = ""
    answered: Word = ""
    replies: Thing


class _Hashtag(BaseModel):
    """A hashtag's id, when its week began and when it was read last, in seconds of 1970."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = ""
    since: int = 0
    read: int = 0


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    own: Own = Own()
    places: dict[str, Place] = {}
    hashtags: dict[str, _Hashtag] = {}
    token: Token = Token()


class Instagram(Connector):
    """What is said to the school's own account, or under hashtags anywhere on Instagram."""

    searched: ClassVar[tuple[str, ...]] = ("hashtags",)

    platform: Literal["instagram"]
    account: Annotated[
        str,
        Field(
            pattern=r"^\d{1,40}$",
            description="The id of the professional account that asks, in digits.",
            examples=["17841400000000000"],
        ),
    ]
    token: Annotated[
        SecretStr,
        AfterValidator(usable_token),
        Field(description="An access token of that account that may only read; by ${…} only."),
    ]
    hashtags: Annotated[
        tuple[Annotated[str, AfterValidator(_tag)], ...],
        Field(
            max_length=MOST_HASHTAGS,
            description="Hashtags to read, as HarrowbyGreen; an account may ask for 30 a week. Not for a "
            "source with `official`.",
        ),
    ] = ()
    base_url: Annotated[
        str,
        Field(max_length=500, description="The address of the Graph API; another one only for tests."),
        AfterValidator(server_address),
    ] = "https://graph.facebook.com"

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.hashtags) == (self.official is not None):
            raise ValueError(
                "write either hashtags (what to look for) or official (the school whose account this is); "
                "for both, make two sources"
            )
        return self

    @property
    def host(self) -> str:
        """The host of the Graph API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new under the account's posts and in tags of it, or under each hashtag."""
        before = _cursor(cursor)
        reading = _Reading(self, Graph(http, f"{self.base_url}/{VERSION}", self.token), before)
        reading.who()
        reading.hashtags() if self.hashtags else reading.account()
        return reading.batch()


class _Reading:
    """One reading of the account or of the hashtags."""

    def __init__(self, source: Instagram, graph: Graph, before: _Cursor) -> None:
        self.source = source
        self.graph = graph
        self.before = before
        self.own = before.own
        self.places = dict(before.places)
        self.known = dict(before.hashtags)
        self.found = Found()
        self.me = ""

    def who(self) -> None:
        """The name of the account that asks; this also tells the time by Meta's clock."""
        try:
            self.me = str(self.graph.get(self.source.account, {"fields": "username"}).get("username", ""))
        except Missing as missing:
            raise missing.refusal() from missing

    def account(self) -> None:
        """What is said under the account's own posts, and posts of others that tag it."""
        if self.found.attempt(self._comments):
            self.found.attempt(self._tags)

    def hashtags(self) -> None:
        """Each hashtag that the week still has room for."""
        self.known = {tag: one for tag, one in self.known.items() if self._counts(one) or self._is_asked(tag)}
        for tag in self.source.hashtags:
            if not self._may_ask(tag):
                self._say_full(tag)
            elif not self.found.attempt(lambda tag=tag: self._hashtag(tag)):  # type: ignore[misc]
                break

    def batch(self) -> Batch:
        """What was read, with the cursor."""
        token = self.graph.token(self.before.token)
        self.found.remarks.extend(filter(None, [self.graph.warning(token)]))
        after = _Cursor(own=self.own, places=self.places, hashtags=self.known, token=token)
        return self.found.batch(after, self.source.every)

    def _comments(self) -> None:
        below = Below(
            root=_Media,
            path=f"{self.source.account}/media",
            asked={"fields": f"{_MEDIA},comments_count", "limit": _PAGE},
            mark=lambda media: number(media.comments_count),
            answer=_Comment,
            edge="comments",
            asked_below={"fields": _COMMENT, "limit": _PAGE},
            unfold=self._with_replies,
            oldest_first=False,
        )
        said = follow(self.graph, below, self.own)
        self.own = self.found.heard(said)
        self.found.add(
            _comment(answer, media)
            for media, answer in said.answers
            if not self.me or answer.username != self.me
        )

    def _with_replies(self, comment: _Comment) -> Iterator[_Comment]:
        yield comment
        replies = [_reply(line) for line in things(comment.replies)]
        paging = comment.replies.get("paging")
        if isinstance(paging, dict) and paging.get("next"):
            path, asked = f"{comment.id}/replies", {"fields": _REPLY, "limit": str(_PAGE)}
            more, is_all = whole(self.graph, _Comment, path, asked)
            replies = list(more)
            if not is_all:
                self.found.missed = True
                self.found.remarks.append(f"Of the replies to one comment {len(replies)} were read.")
        for reply in filter(None, replies):
            yield reply.model_copy(update={"parent_id": comment.id, "answered": comment.text})

    def _tags(self) -> None:
        path, asked = f"{self.source.account}/tags", {"fields": f"{_MEDIA},username", "limit": str(_PAGE)}
        self._walk("tags", path, asked)

    def _hashtag(self, tag: str) -> None:
        known, now = self.known.get(tag, _Hashtag()), self._now()
        if not self._counts(known):
            known = known.model_copy(update={"since": now})
        # It counts from the question on, whatever becomes of the answer.
        self.known[tag] = known
        if not known.id:
            known = known.model_copy(update={"id": self._named(tag)})
            if not known.id:
                self.found.remarks.append(f"Instagram knows no hashtag #{tag} yet.")
                return
        asked = {"user_id": self.source.account, "fields": _MEDIA, "limit": str(_PAGE)}
        self._walk(f"#{tag}", f"{known.id}/recent_media", asked)
        if known.read and now - known.read > SHOWN.total_seconds():
            self.found.missed = True
            self.found.remarks.append(
                f"#{tag} was not read for more than 24 hours: Instagram shows older posts to nobody."
            )
        self.known[tag] = known.model_copy(update={"read": now})

    def _named(self, tag: str) -> str:
        """The id of a hashtag, empty where nobody has used it."""
        try:
            found = self.graph.get("ig_hashtag_search", {"user_id": self.source.account, "q": tag})
        except Missing as missing:
            if missing.code == _NO_SUCH_HASHTAG:
                return ""
            raise
        return str(next(things(found), {}).get("id", ""))[:100]

    def _walk(self, name: str, path: str, asked: dict[str, str]) -> None:
        read = newest(self.graph, _Media, path, asked, self.places.get(name, Place()), in_order=False)
        self.places[name] = self.found.keep(read)
        self.found.add(_media(item) for item in read.items if not self.me or item.username != self.me)

    def _now(self) -> int:
        return int(self.graph.now.timestamp()) if self.graph.now else 0

    def _counts(self, hashtag: _Hashtag) -> bool:
        """Whether a hashtag is one of the thirty of these seven days."""
        now = self._now()
        return hashtag.since > 0 and (not now or now - hashtag.since < WEEK.total_seconds())

    def _is_asked(self, tag: str) -> bool:
        return tag in self.source.hashtags

    def _may_ask(self, tag: str) -> bool:
        counting = [name for name, one in self.known.items() if self._counts(one)]
        return tag in counting or len(counting) < MOST_HASHTAGS

    def _say_full(self, tag: str) -> None:
        first = min(one.since for one in self.known.values() if self._counts(one))
        free = datetime.fromtimestamp(first, UTC) + WEEK
        self.found.missed = True
        # What is not asked is no failure: the rest of the source is read.
        self.found.done += 1
        self.found.remarks.append(
            f"#{tag} waits until {free.day} {free:%B}: {MOST_HASHTAGS} hashtags were searched for in seven "
            "days, and Instagram allows no more."
        )


def _reply(line: object) -> _Comment | None:
    try:
        return _Comment.model_validate(line)
    except ValidationError:
        return None


def _media(item: _Media) -> Post:
    written = read_text(item.caption)
    return Post(
        platform="instagram",
        id=item.id,
        url=clean_link(item.permalink) or "https://www.instagram.com/",
        text=written.text,
        author=_author(item.username),
        posted_at=when(item.timestamp),
        thread=item.id,
        links=written.links,
        has_media=True,
        answer=as_received(item.given),
    )


def _comment(item: _Comment, media: _Media) -> Post:
    written = read_text(item.text)
    return Post(
        platform="instagram",
        id=item.id,
        # A comment has no address of its own.
        url=clean_link(media.permalink) or "https://www.instagram.com/",
        text=written.text,
        author=_author(item.username),
        posted_at=when(item.timestamp),
        channel=Channel.OFFICIAL_ACCOUNT,
        parent=item.parent_id or media.id,
        parent_text=read_text(item.answered if item.parent_id else media.caption).text[:_MOST_PARENT],
        thread=media.id,
        links=written.links,
        answer=as_received(item.given),
    )


def _author(username: str) -> str | None:
    return f"@{' '.join(username.split())[:100]}" if username else None


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: the newest pages are read once more, and the hashtags' week counts anew.
        return _Cursor()
