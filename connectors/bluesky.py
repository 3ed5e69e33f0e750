"""Bluesky: posts that speak of a school, and what people write under its own account; by polling.

Signing in is by app password. Facts were checked against the official server and its lexicons in 2026.
Bluesky would have machines follow its stream rather than search often: so ask seldom, in few pages.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.atproto import group, many, read_post, words
from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, retry_after
from connectors.text import host_of, http_address, when

PER_PAGE = 100
"""The most that Bluesky gives at once."""
FIRST_PAGES = 3
"""How many pages of each listing the first batch reads."""
MOST_PAGES = 10
"""How many pages of each listing are read at one time later."""
OWN_POSTS = 50
"""Under how many of the account's newest posts the threads are read."""
MOST_THREADS = 80
"""How many threads are read at one time, with older ones in which somebody has just answered."""
_ANCHORS = 100
_HELD = 25
_DEPTH = 100
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_REASONS = ("reply", "mention", "quote")
_CLOSED = re.compile(r"Account(?:Takedown|TakenDown|Suspended|Deactivated|Deleted|Inactive)")


class _Stale(Exception):
    """Our session is over."""


class _NotFound(Exception):
    """What was asked for has been deleted."""


@dataclass
class _Session:
    """Who we are signed in as; no part of what a source is, so two sources are equal without it."""

    access: str = field(default="", compare=False, repr=False)
    refresh: str = field(default="", compare=False, repr=False)
    did: str = field(default="", compare=False)


class _Listing(BaseModel):
    """How far one listing is read: its newest, and the page that is next in an open gap above `floor`.

    `held` are the ids of the few newest, which are looked for when they are not there next time.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    anchors: tuple[str, ...] = ()
    gap: str = ""
    floor: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class _Cursor(BaseModel):
    """How far each search, or the account's notifications, are read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    listings: dict[str, _Listing] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Answer:
    """What a question brought; `rest` is how long we are to wait where we may ask nothing more."""

    body: Mapping[str, Any]
    rest: timedelta | None


@dataclass(frozen=True)
class _Walk:
    """What one walk down a listing brought."""

    posts: list[Post]
    after: _Listing | None
    complete: bool = True
    behind: str = ""
    remark: str = ""
    rest: timedelta | None = None


@dataclass(frozen=True)
class _Threads:
    """What the threads under the account's posts held."""

    posts: list[Post] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def _server(written: str) -> str:
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: a password is sent there")
    return url


class Bluesky(Connector):
    """Searches of Bluesky, or the school's own account there; reads only."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["bluesky"]
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The server that the account lives on (its PDS)."),
        AfterValidator(_server),
    ] = "https://bsky.social"
    handle: Annotated[
        str,
        Field(
            min_length=3,
            max_length=253,
            description="The account that signs in: the school's own, or one made for this; never a person's "
            "(BAN-4.1.1).",
            examples=["harrowbygreen.bsky.social"],
        ),
    ]
    app_password: Annotated[
        SecretStr,
        Field(description="An app password of that account (Settings, Privacy and security); by ${…} only."),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=300)], ...],
        Field(
            max_length=10,
            description="What to search for: the school's names, hashtags and site. Not for a source with "
            "`official`, which reads what comes to the account itself.",
            examples=['"Harrowby Green"'],
        ),
    ] = ()
    _session: _Session = PrivateAttr(default_factory=_Session)

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.search) == (self.official is not None):
            raise ValueError(
                "write either search (what to look for) or official (the school's own account): "
                "what a search finds is not said on the school's account"
            )
        return self

    @property
    def host(self) -> str:
        """The host of the account's server."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new in each search, or what came to the account and stands under its posts."""
        before = _cursor(cursor)
        try:
            return self._search(http, before) if self.official is None else self._account(http, before)
        except (_Stale, _NotFound) as error:
            # Nobody has said so to these questions yet; a person may see more than we do.
            raise Refused(
                f"{self.host} says that {self.handle} may not ask this. Sign in there in a browser; if that "
                "works, make a new app password and put it into app_password.",
                State.AUTH_EXPIRED,
            ) from error

    def _search(self, http: httpx.Client, before: _Cursor) -> Batch:
        walks: dict[str, _Walk] = {}
        rest: timedelta | None = None
        for term in self.search:

            def page_at(at: str, term: str = term) -> _Answer:
                return self._ask(
                    http, "app.bsky.feed.searchPosts", q=term, sort="latest", limit=PER_PAGE, cursor=at
                )

            known = before.listings.get(term)
            walks[term] = _Walk([], known, complete=False) if rest else _walk(page_at, "posts", known)
            rest = rest or walks[term].rest
        lost = _Threads()
        for term, walk in walks.items():
            lost.gone.extend(self._deleted(http, before.listings.get(term), walk))
        return _batch(walks, [post for walk in walks.values() for post in walk.posts], lost)

    def _account(self, http: httpx.Client, before: _Cursor) -> Batch:
        def page_at(at: str) -> _Answer:
            return self._ask(
                http,
                "app.bsky.notification.listNotifications",
                reasons=_REASONS,
                limit=PER_PAGE,
                cursor=at,
            )

        walk = _walk(page_at, "notifications", before.listings.get(""), Channel.OFFICIAL_ACCOUNT)
        threads = self._threads(http, walk)
        threads.gone.extend(self._deleted(http, before.listings.get(""), walk))
        return _batch({"": walk}, [*threads.posts, *walk.posts], threads)

    def _threads(self, http: httpx.Client, walk: _Walk) -> _Threads:
        """Everything under the account's own posts: its newest ones, and those answered just now."""
        found = _Threads()
        if walk.rest is not None:
            found.remarks.append("The threads under the account's posts are read next time.")
            return found
        own = self._session.did
        roots = list(dict.fromkeys([*_roots(walk.posts, own), *self._answered(http, own)]))
        if len(roots) > MOST_THREADS:
            found.remarks.append(f"Of {len(roots)} threads the first {MOST_THREADS} were read.")
        for number, root in enumerate(roots[:MOST_THREADS], start=1):
            if self._thread(http, root, found) is not None:
                found.remarks.append(f"Of {len(roots)} threads {number} were read, and all are next time.")
                break
        return found

    def _thread(self, http: httpx.Client, root: str, found: _Threads) -> timedelta | None:
        """Read one thread; how long to wait, where it was the last that we may read now."""
        try:
            answer = self._ask(http, "app.bsky.feed.getPostThread", uri=root, depth=_DEPTH, parentHeight=0)
        except _NotFound:
            found.gone.append(root)
            return None
        except Unavailable as failed:
            if failed.state is not State.PARSE_ERROR:
                raise
            # Too large, perhaps; it must not keep us from all the others for ever.
            found.unread.append(failed.reason)
            return None
        posts, gone = read_thread(answer.body.get("thread"), self._session.did)
        found.posts.extend(posts)
        found.gone.extend(gone)
        return answer.rest

    def _deleted(self, http: httpx.Client, before: _Listing | None, walk: _Walk) -> list[str]:
        """What was among the newest, is not there any more, and has been deleted, not only hidden from us."""
        if before is None or before.gap or walk.rest is not None:
            return []
        here = {post.id for post in walk.posts}
        return [uri for uri in before.held if uri not in here and self._is_deleted(http, uri)]

    def _is_deleted(self, http: httpx.Client, uri: str) -> bool:
        try:
            answer = self._ask(http, "app.bsky.feed.getPostThread", uri=uri, depth=0, parentHeight=0)
        except _NotFound:
            return True
        except (Unavailable, Refused):
            # Not known: what we have just read is worth more than this.
            return False
        return group(answer.body.get("thread")).get("notFound") is True

    def _answered(self, http: httpx.Client, own: str) -> Iterator[str]:
        """The account's own posts under which somebody has written."""
        answer = self._ask(
            http, "app.bsky.feed.getAuthorFeed", actor=own, filter="posts_no_replies", limit=OWN_POSTS
        )
        for item in _items(answer.body, "feed"):
            view = group(item.get("post"))
            uri, replies = words(view.get("uri")), view.get("replyCount")
            if uri.startswith(f"at://{own}/") and isinstance(replies, int) and replies > 0:
                yield uri

    def _ask(self, http: httpx.Client, method: str, **asked: Any) -> _Answer:
        """Put a question; where our session is over, begin another one first."""
        if not self._session.access:
            self._sign_in(http)
        try:
            return self._get(http, method, asked)
        except _Stale:
            self._renew(http)
            return self._get(http, method, asked)

    def _get(self, http: httpx.Client, method: str, asked: Mapping[str, Any]) -> _Answer:
        query = urlencode({name: value for name, value in asked.items() if value != ""}, doseq=True)
        page = read(
            http, f"{self.base_url}/xrpc/{method}?{query}", headers=_bearer(self._session.access), heed=_heed
        )
        return _Answer(_body(page), _rest(page.headers, page.date))

    def _sign_in(self, http: httpx.Client) -> None:
        """Sign in by password: rarely, since an account may do so 300 times a day."""
        url = f"{self.base_url}/xrpc/com.atproto.server.createSession"
        password = self.app_password.get_secret_value()
        self._keep(read(http, url, login={"identifier": self.handle, "password": password}, heed=self._heed))

    def _renew(self, http: httpx.Client) -> None:
        refresh, self._session.access = self._session.refresh, ""
        url = f"{self.base_url}/xrpc/com.atproto.server.refreshSession"
        try:
            self._keep(read(http, url, headers=_bearer(refresh), login={}, heed=_heed))
        except (_Stale, Refused):
            self._sign_in(http)

    def _keep(self, page: Page) -> None:
        said = _body(page)
        access, refresh, did = (words(said.get(name)) for name in ("accessJwt", "refreshJwt", "did"))
        if not (access and refresh and did.startswith("did:")) or not (access + refresh).isascii():
            raise _unreadable(page)
        if said.get("active") is False:
            raise _closed(self.handle)
        self._session.access, self._session.refresh, self._session.did = access, refresh, did

    def _heed(self, page: Page) -> None:
        """Put what an answer to signing in says into words."""
        name = _error(page)
        if _CLOSED.fullmatch(name):
            raise _closed(self.handle)
        if name == "AuthFactorTokenRequired":
            raise Refused(
                f"{self.host} wants a code by mail from {self.handle}, so its main password was given. Make "
                "an app password and put that into app_password.",
                State.AUTH_EXPIRED,
            )
        if name and page.status in {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED}:
            raise Refused(
                f"{self.host} does not take the app password of {self.handle}. Make a new one in that "
                "account's settings and put it into app_password.",
                State.AUTH_EXPIRED,
            )
        _heed_limit(page)


def read_thread(thread: Any, own: str) -> tuple[list[Post], list[str]]:
    """What others wrote in a thread, each with what it answers, and the ids of what has been deleted."""
    posts, gone = [], []
    waiting = [(group(thread), "")]
    while waiting:
        node, above = waiting.pop()
        if node.get("notFound") is True:
            gone.append(words(node.get("uri")))
            continue
        post = read_post(group(node.get("post")), Channel.OFFICIAL_ACCOUNT, above)
        if post is not None and not post.id.startswith(f"at://{own}/"):
            posts.append(post)
        here = post.text if post else ""
        waiting += [(group(reply), here) for reply in reversed(many(node.get("replies")))]
    return posts, [uri for uri in gone if uri]


def _walk(
    page_at: Callable[[str], _Answer],
    key: str,
    before: _Listing | None,
    channel: Channel = Channel.PUBLIC_MENTION,
) -> _Walk:
    """Read a listing that is newest first, from its top or its open gap, down to what we knew."""
    listing = before or _Listing()
    at, known = listing.gap, set(listing.floor if listing.gap else listing.anchors)
    posts: dict[str, Post] = {}
    top: list[str] | None = None
    asked, seen = {at}, set[str]()
    for _ in range(FIRST_PAGES if before is None else MOST_PAGES):
        try:
            answer = page_at(at)
        except (Unavailable, Refused) as failed:
            if at and at == listing.gap and failed.state is State.BEHIND:
                return _expired(listing)
            raise
        items = _items(answer.body, key)
        posts |= {post.id: post for post in _posts(items, channel) if post.id not in posts}
        top = _anchors(items) if top is None else top
        marks = set(map(_mark, items))
        met = not known.isdisjoint(marks)
        at = words(answer.body.get("cursor"))
        if met or not at:
            lost = bool(known) and not met and (len(asked) > 1 or bool(listing.gap))
            return _closed_walk(listing, list(posts.values()), top, lost, answer.rest)
        if at in asked or (marks and marks <= seen):
            return _Walk(list(posts.values()), before, behind="It gives the same page again and again.")
        asked.add(at)
        seen |= marks
        if answer.rest is not None:
            break
    return _open_walk(listing, list(posts.values()), top or [], at, first=before is None, rest=answer.rest)


def _closed_walk(
    listing: _Listing, posts: list[Post], top: list[str], lost: bool, rest: timedelta | None
) -> _Walk:
    behind = "It ended before what we had read last time, so posts may be missing between." if lost else ""
    after = _Listing(anchors=_topped(listing, top), held=_newest(listing, posts))
    return _Walk(posts, after, behind=behind, rest=rest)


def _open_walk(
    listing: _Listing, posts: list[Post], top: list[str], at: str, *, first: bool, rest: timedelta | None
) -> _Walk:
    anchors, held = _topped(listing, top), _newest(listing, posts)
    if first:
        remark = f"The newest {len(posts)} were read; what is older stays unread."
        return _Walk(posts, _Listing(anchors=anchors, held=held), remark=remark, rest=rest)
    floor = listing.floor if listing.gap else listing.anchors
    return _Walk(posts, _Listing(anchors=anchors, gap=at, floor=floor, held=held), complete=False, rest=rest)


def _expired(listing: _Listing) -> _Walk:
    """The page where a gap goes on is no longer known there: begin again at the top."""
    behind = "The place where we stopped is no longer known there; all since is read again next time."
    return _Walk([], _Listing(anchors=listing.floor), behind=behind)


def _topped(listing: _Listing, top: list[str]) -> tuple[str, ...]:
    """The newest that we know, of which any may be deleted; in a gap they stay as they are."""
    if listing.gap:
        return listing.anchors
    return tuple(dict.fromkeys([*top, *listing.anchors]))[:_ANCHORS]


def _newest(listing: _Listing, posts: list[Post]) -> tuple[str, ...]:
    return listing.held if listing.gap else tuple(post.id for post in posts[:_HELD])


def _anchors(items: list[Mapping[str, Any]]) -> list[str]:
    """What may be an anchor: a post whose author dates it into the future may stand on top for ever."""
    return [_mark(item) for item in items if not _is_ahead(item)]


def _is_ahead(item: Mapping[str, Any]) -> bool:
    claimed, seen = (
        when(words(group(item.get("record")).get("createdAt"))),
        when(words(item.get("indexedAt"))),
    )
    return claimed is not None and seen is not None and claimed > seen + timedelta(minutes=10)


def _mark(item: Mapping[str, Any]) -> str:
    return hashlib.sha256(words(item.get("uri")).encode("utf-8", "replace")).hexdigest()[:12]


def _posts(items: list[Mapping[str, Any]], channel: Channel) -> Iterator[Post]:
    for item in items:
        # An older server gives likes and follows too, whatever reasons it was asked for.
        post = read_post(item, channel) if item.get("reason", "reply") in _REASONS else None
        if post is not None:
            yield post


def _roots(posts: list[Post], own: str) -> Iterator[str]:
    return (post.thread for post in posts if post.thread and post.thread.startswith(f"at://{own}/"))


def _batch(walks: Mapping[str, _Walk], posts: list[Post], threads: _Threads | None = None) -> Batch:
    # The first one counts: a thread shows what a post answers, a notification does not.
    once: dict[str, Post] = {}
    for post in posts:
        once.setdefault(post.id, post)
    threads = threads or _Threads()
    after = _Cursor(listings={term: walk.after for term, walk in walks.items() if walk.after is not None})
    said = [_said(term, text) for term, walk in walks.items() for text in (walk.behind, walk.remark) if text]
    behind = State.BEHIND if any(walk.behind for walk in walks.values()) else State.OK
    return Batch(
        posts=tuple(once.values()),
        cursor=after.model_dump_json(),
        gone=tuple(dict.fromkeys(threads.gone)),
        complete=all(walk.complete for walk in walks.values()),
        state=State.PARSE_ERROR if threads.unread else behind,
        reason=" ".join([*said, *threads.remarks, *dict.fromkeys(threads.unread)]),
        wait=next((walk.rest for walk in walks.values() if walk.rest), None),
    )


def _said(term: str, text: str) -> str:
    return f"The search for {term}: {text[0].lower()}{text[1:]}" if term else f"Notifications: {text}"


def _heed(page: Page) -> None:
    """Tell apart what an error says: our session is over, what we asked for is gone, or we ask too often."""
    name = _error(page)
    over = name in {"ExpiredToken", "InvalidToken"} or _CLOSED.fullmatch(name) is not None
    if over or (name and page.status == httpx.codes.UNAUTHORIZED):
        raise _Stale
    if name == "NotFound" and page.status == httpx.codes.BAD_REQUEST:
        raise _NotFound
    if name and page.status == httpx.codes.BAD_REQUEST:
        raise Unavailable(
            f"{host_of(page.url)} does not understand the question. If this stays so, write the search "
            "more simply.",
            State.BEHIND,
        )
    _heed_limit(page)


def _heed_limit(page: Page) -> None:
    if page.status == httpx.codes.TOO_MANY_REQUESTS:
        raise Unavailable(
            f"{host_of(page.url)} asks us to come less often.",
            State.RATE_LIMITED,
            retry_after(page.headers) or _until_reset(page.headers, page.date),
        )


def _rest(headers: httpx.Headers, now: datetime | None) -> timedelta | None:
    """How long to wait, where the answer says that it was the last one for now."""
    if headers.get("ratelimit-remaining", "").strip() != "0":
        return None
    return _until_reset(headers, now) or timedelta(minutes=5)


def _until_reset(headers: httpx.Headers, now: datetime | None) -> timedelta | None:
    written = headers.get("ratelimit-reset", "").strip()
    if now is None or not re.fullmatch(r"\d{1,10}", written):
        return None
    until = datetime.fromtimestamp(int(written), UTC)
    return min(max(until - now, timedelta(0)), LONGEST_WAIT)


def _body(page: Page) -> Mapping[str, Any]:
    """The object that an answer holds."""
    try:
        body = json.loads(page.content)
    except (ValueError, RecursionError):
        body = None
    if page.cut or not isinstance(body, dict) or "error" in body:
        refuse_walls(page)
        raise _unreadable(page)
    return body


def _items(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    if not isinstance(body.get(key), list):
        raise Unavailable(
            f"Bluesky answered without any {key}. If this stays so, the monitor needs an update.",
            State.PARSE_ERROR,
        )
    return [item for item in body[key] if isinstance(item, dict)]


def _error(page: Page) -> str:
    try:
        return words(group(json.loads(page.content)).get("error"))
    except (ValueError, RecursionError):
        return ""


def _unreadable(page: Page) -> Unavailable:
    what = page.cut or ("a web page came" if page.is_html else "it is not what Bluesky's servers say")
    return Unavailable(
        f"The answer of {host_of(page.url)} could not be read: {what}. If this stays so, check base_url.",
        State.PARSE_ERROR,
    )


def _closed(handle: str) -> Refused:
    return Refused(
        f"Bluesky has closed the account {handle}, or it was deactivated. Sign in there in a browser and put "
        "it right, or name another account.",
        State.AUTH_EXPIRED,
    )


def _bearer(token: str) -> dict[str, str]:
    return {"accept": "application/json", "authorization": f"Bearer {token}"}


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: the newest pages are read once more, and the store knows what it had.
        return _Cursor()
