"""Reddit, by praw: searches, comments of chosen subreddits, links to the school's site, and its own account.

praw signs in, renews the token and puts each question; `_Line` stands in for its `requests` session, so that
every question goes out by the client we were given, and only reads. The answers are taken as plain data:
praw's own objects would ask Reddit again for whatever an answer lacks.

Seen in recorded answers: addresses, fields, errors, `X-Ratelimit-*`. Not checked on the live service: that a
list ends at about 1,000 posts (a search earlier), that quotation marks hold words together, `mark=false`, and
that a search shows adult posts when asked to. Reddit approves each app first; its terms of March 2026 want
what is deleted there deleted here, no surveillance, and an agreement with whoever sells a service.
"""

import configparser
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx
from httpx import codes
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received, with_given
from connectors.text import (
    Written,
    clean,
    clean_link,
    host_of,
    http_address,
    read_html,
    read_text,
    search_words,
)

if TYPE_CHECKING:  # it is slow to load, and loaded when Reddit is first asked
    import praw

PER_PAGE = 100
"""The most that Reddit gives at once."""
MOST_PAGES = 10
"""The most pages of one list that are read at once: as deep as Reddit lists at all."""
HELD = 100
"""After how many of the newest posts of each list it is asked again, whether they were changed or deleted."""
OWN_POSTS = 25
"""Under how many of the account's newest posts the comments are read."""
MOST_THREADS = 60
"""The most threads, and branches of them, that are read at one time."""
WEB = "https://www.reddit.com"
_API = "https://oauth.reddit.com"
_TOKEN = "/api/v1/access_token"  # noqa: S105  # an address, no token
_INBOX = ("message/mentions", "message/comments", "message/selfreply")
_THREADS = "threads"
_HELD_REPLIES = 2_000
_BACK = 5
_SHALLOW = 200
_FEW = 3
_MOST_PARENT = 5_000
_END_OF_TIME = 32_503_680_000
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_NO_MORE = frozenset(["[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]"])
_NAME = re.compile(r"t[13]_\w{1,40}", re.ASCII)
_SUBREDDIT = re.compile(r"(?:/?r/)?(\w{2,50})/?", re.ASCII)
_SITE = re.compile(r"(?=.{4,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.I)
_PERMALINK = re.compile(r"/(?:r|u|user|comments)/[^\s?#]{1,1000}")
_MISSED = (
    "Reddit lists only about 1,000 posts, and more were written since the last time: the oldest of them were "
    "missed. Read it more often (every)."
)
_MORE = "More was written than could be read at once; the rest is read next time."
_CIRCLES = "Reddit gives the same page again and again, so some posts may be missing."


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _group(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _many(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _seconds(value: object) -> float:
    """Seconds since 1970; 0 for what is no time, as `false` where nothing was edited."""
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _END_OF_TIME
    return float(cast("float", value)) if is_time else 0.0


_Word = Annotated[str, BeforeValidator(_word)]
_Seconds = Annotated[float, BeforeValidator(_seconds)]
_Flag = Annotated[bool, BeforeValidator(bool)]


def _server(written: str) -> str:
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: a password is sent there")
    return url


def _subreddit(written: str) -> str:
    found = _SUBREDDIT.fullmatch(written.strip())
    if found is None or found[1].lower() in {"all", "popular"}:
        raise ValueError("write one subreddit, such as grantham; r/all is read by a search")
    return found[1]


def _site(written: str) -> str:
    written = written.strip()
    if "://" in written:
        return http_address(written)
    if not _SITE.fullmatch(written):
        raise ValueError("write the school's site, as harrowbygreen.example, or the whole address of a page")
    return written.lower()


def _secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not secret.get_secret_value().strip():
        raise ValueError("it is empty; leave it out, or set the variable that it is taken from")
    return secret


_Subreddits = tuple[Annotated[str, AfterValidator(_subreddit)], ...]


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    access_token: Annotated[str, Field(pattern=r"^[!-~]{1,4000}$")]
    expires_in: Annotated[int, Field(ge=1, le=10_000_000)]
    scope: str = ""


class _Thing(BaseModel):
    """A submission (t3) or comment (t1); what is missing, or of another kind than it should be, is empty."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Annotated[str, Field(pattern=_NAME)]
    title: _Word = ""
    selftext: _Word = ""
    selftext_html: _Word = ""
    body: _Word = ""
    body_html: _Word = ""
    author: _Word = ""
    permalink: _Word = ""
    context: _Word = ""
    url: _Word = ""
    link_id: _Word = ""
    link_title: _Word = ""
    parent_id: _Word = ""
    removed_by_category: _Word = ""
    created_utc: _Seconds = 0.0
    edited: _Seconds = 0.0
    num_comments: _Seconds = 0.0
    over_18: _Flag = False
    quarantine: _Flag = False
    is_self: _Flag = False
    is_video: _Flag = False
    is_gallery: _Flag = False
    media_metadata: _Flag = False
    post_hint: _Word = ""
    given: dict[str, Any] = {}
    _keep = model_validator(mode="before")(with_given)

    @property
    def is_comment(self) -> bool:
        """Whether it answers something."""
        return self.name.startswith("t1_")

    @property
    def is_gone(self) -> bool:
        """Whether its author, a moderator or Reddit took it away; its shell stays."""
        said = {self.body.strip().lower()} if self.is_comment else {self.selftext.lower(), self.title.lower()}
        return bool(self.removed_by_category) or not _NO_MORE.isdisjoint(said)


class _Place(BaseModel):
    """How far one list is read: the newest names, and the second of the newest.

    `gap` are names at which an open gap goes on (any may be deleted), down to `floor`, or the second `low`;
    `depth` posts were met above it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    held: tuple[Annotated[str, Field(pattern=_NAME)], ...] = ()
    since: _Seconds = 0.0
    gap: tuple[str, ...] = ()
    floor: tuple[str, ...] = ()
    low: _Seconds = 0.0
    depth: Annotated[int, Field(ge=0)] = 0
    begun: bool = False


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    places: dict[str, _Place] = {}


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One page of a list, and the name after which the next one begins."""

    things: list[_Thing]
    after: str


@dataclass(frozen=True, slots=True)
class _Walk:
    """What one walk down a list met; `stop` are the names at which it goes on, where it is not at its end."""

    things: list[_Thing]
    stop: tuple[str, ...] = ()
    ended: bool = False
    circles: bool = False
    failed: Unavailable | Refused | None = None


@dataclass(slots=True)
class _Listing:
    """What came of one part of the source; `unseen` are names that we held and did not meet."""

    place: _Place
    posts: list[Post] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    missed: bool = False
    failed: Unavailable | Refused | None = None


class _Stale(Exception):
    """Our token is not taken any more."""


class _Gone(Exception):
    """Reddit says that there is no such thing."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What praw needs of an answer. No headers: by them it would sleep, and we stop instead."""

    said: Any
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """What the body held."""
        return self.said


@dataclass(frozen=True, slots=True)
class _Form:
    """The client that we were given, for the one question that goes as a form; `read` would send JSON."""

    http: httpx.Client

    def build_request(self, method: str, url: str, *, headers: Any, json: Any) -> httpx.Request:
        """The same question with its fields as a form."""
        return self.http.build_request(method, url, headers=headers, data=json)

    def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        """Send it as the client would."""
        return self.http.send(request, **how)


@dataclass(slots=True)
class _Line:
    """Stands in for the `requests` session of praw; praw writes its own user agent into `headers`.

    `halt` is why nothing more may be asked in this reading; `now` the server's time when it last answered.
    """

    scope: str
    http: httpx.Client | None = None
    headers: dict[str, str] = field(default_factory=dict)
    halt: Unavailable | Refused | None = None
    now: float = 0.0

    def begin(self, http: httpx.Client) -> None:
        """Another reading, with its own client."""
        self.http, self.halt = http, None

    def request(self, method: str, url: str, **how: Any) -> _Answer:
        """Put one question as praw would; raises Unavailable, Refused, _Stale or _Gone."""
        if self.halt is not None:
            raise self.halt
        if self.http is None or (method.upper() != "GET" and not url.endswith(_TOKEN)):
            raise Refused(f"{spoken(url)} was not asked: we only read.", State.BLOCKED)
        try:
            return _Answer(self._sign_in(url, how) if url.endswith(_TOKEN) else self._get(url, how))
        except (Unavailable, Refused) as failed:
            if url.endswith(_TOKEN) or failed.state is State.RATE_LIMITED:
                self.halt = failed
            raise

    def close(self) -> None:
        """The client is not ours to close."""

    def _get(self, url: str, how: Mapping[str, Any]) -> Any:
        headers = {**how["headers"], "accept": "application/json"}
        page = read(
            cast("httpx.Client", self.http), _address(url, how["params"]), headers=headers, heed=_heed
        )
        self.now = page.date.timestamp() if page.date else self.now
        if _is_used_up(page.headers):
            self.halt = _too_often(page)
        return _content(page)

    def _sign_in(self, url: str, how: Mapping[str, Any]) -> Any:
        form = dict(how["data"])
        if form.get("grant_type") != "refresh_token":
            form["scope"] = self.scope
        basic = b64encode(":".join(how["auth"]).encode()).decode()
        client = cast("httpx.Client", _Form(cast("httpx.Client", self.http)))
        page = read(client, url, headers={"authorization": f"Basic {basic}"}, login=form, heed=_heed_login)
        said = _content(page, is_token=True)
        if "error" in said:
            return said
        try:
            return _Token.model_validate(said).model_dump()
        except ValidationError:
            raise _strange(page.url, "no token") from None


@dataclass
class _Login:
    """praw while it is signed in; no part of what a source is, so two sources are equal without it."""

    line: _Line | None = field(default=None, compare=False, repr=False)
    reddit: "praw.Reddit | None" = field(default=None, compare=False, repr=False)


class Reddit(Connector):
    """Searches, comments of chosen subreddits and links to the school's site; or the school's own account."""

    searched: ClassVar[tuple[str, ...]] = ("search", "links_to")

    platform: Literal["reddit"]
    client_id: Annotated[
        str,
        Field(
            pattern=r"^[\w-]{5,100}$", description="The id of the app that Reddit has approved; no secret."
        ),
    ]
    client_secret: Annotated[
        SecretStr, AfterValidator(_secret), Field(description="The app's secret; by ${…} only.")
    ]
    refresh_token: Annotated[
        SecretStr | None,
        AfterValidator(_secret),
        Field(
            description="A token of the school's own account for that app, of the scopes read, identity, "
            "history and privatemessages; by ${…} only. Needed with `official`, or username and password."
        ),
    ] = None
    username: Annotated[
        str | None,
        Field(
            pattern=r"^[\w-]{3,20}$",
            description="In place of refresh_token, for an app of the kind script: the school's own account, "
            "never a person's (BAN-4.1.1).",
        ),
    ] = None
    password: Annotated[
        SecretStr | None,
        AfterValidator(_secret),
        Field(description="The password of username; by ${…} only."),
    ] = None
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=200), AfterValidator(search_words)], ...],
        Field(
            max_length=10,
            description="What to search for in all of Reddit: the school's names and its site. It finds "
            "submissions, not comments.",
            examples=[["Harrowby Green"]],
        ),
    ] = ()
    search_in: Annotated[
        _Subreddits,
        Field(max_length=10, description="Search only in these subreddits.", examples=[["grantham"]]),
    ] = ()
    comments_in: Annotated[
        _Subreddits,
        Field(
            max_length=10,
            description="Subreddits of which every new comment is read.",
            examples=[["grantham", "lincolnshire"]],
        ),
    ] = ()
    links_to: Annotated[
        tuple[Annotated[str, Field(max_length=500), AfterValidator(_site)], ...],
        Field(
            max_length=10,
            description="The school's site, as harrowbygreen.example, or whole addresses of its pages: what "
            "links there is read.",
            examples=[["harrowbygreen.example"]],
        ),
    ] = ()
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of Reddit's API; another one only for tests."),
        AfterValidator(_server),
    ] = _API
    _login: _Login = PrivateAttr(default_factory=_Login)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if bool(self.search or self.comments_in or self.links_to) == (self.official is not None):
            raise ValueError(
                "give search, comments_in or links_to to read what the public says, or official to read what "
                "is said to the school's own account; for both, make two sources"
            )
        if self.search_in and not self.search:
            raise ValueError("search_in needs search")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.refresh_token is not None and self.username is not None:
            raise ValueError("give refresh_token, or username and password, not both")
        if self.official is not None and self.refresh_token is None and self.username is None:
            raise ValueError("official needs a refresh_token of the school's own account")
        return self

    @property
    def host(self) -> str:
        """The host of the API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new in each part, and what became of what was; a part that fails holds up no other."""
        before, asker = _cursor(cursor), _Asker(self._login, self)
        asker.line.begin(http)
        done: dict[str, _Listing] = {}
        failed: list[Unavailable | Refused] = []
        parts = list(self._parts(asker))
        for name, part in parts:
            try:
                done[name] = part(before.places.get(name, _Place()))
            except (Unavailable, Refused) as error:
                failed.append(error)
            except _Gone as gone:
                failed.append(Refused(str(gone), State.BLOCKED))
            if _is_down(failed):
                break
        if failed and not done:
            raise failed[0]
        _follow_up(asker, done)
        failed += [listing.failed for listing in done.values() if listing.failed is not None]
        places = {name: before.places[name] for name, _ in parts if name in before.places}
        return _batch(places, done, failed, self.every)

    def _parts(self, asker: "_Asker") -> "Iterator[tuple[str, _Part]]":
        """Each part of the source, by the name that the cursor has for it."""
        if self.official is not None:
            for path in _INBOX:
                yield path, _List(asker, path, {"mark": "false"}).read
            yield _THREADS, _Threads(asker).read
        where = f"r/{'+'.join(self.search_in) or 'all'}/search"
        for words in self.search:
            asked = {"q": f'"{words}"', "sort": "new", "t": "all", "type": "link", "include_over_18": "on"}
            asked["restrict_sr"] = "on" if self.search_in else "off"
            yield f"{where} {words}", _List(asker, where, asked).read
        for subreddit in self.comments_in:
            yield f"r/{subreddit}/comments", _List(asker, f"r/{subreddit}/comments", {}).read
        for site in self.links_to:
            is_page = "://" in site
            path, asked = ("api/info", {"url": site}) if is_page else (f"domain/{site}/new", {})
            yield f"{path} {site}", _List(asker, path, asked).read


_Part = Callable[[_Place], _Listing]


class _Asker:
    """praw for the time of one reading: every question goes through here."""

    def __init__(self, login: _Login, source: Reddit) -> None:
        self.login = login
        self.source = source
        self.channel = Channel.PUBLIC_MENTION if source.official is None else Channel.OFFICIAL_ACCOUNT
        scope = "read" if source.official is None else "read identity history privatemessages"
        self.line = login.line = login.line or _Line(scope)

    def get(self, path: str, asked: Mapping[str, str | int] | None = None) -> Any:
        """The answer to one question; raises _Gone, Unavailable or Refused."""
        try:
            return self._get(path, asked)
        except _Stale:
            self.login.reddit = None
        try:
            return self._get(path, asked)
        except _Stale:
            self.line.halt = Refused(
                f"{self.source.host} does not take the token that it has just given us. Look whether the app "
                "and the account still stand (docs/sources.md).",
                State.AUTH_EXPIRED,
            )
            raise self.line.halt from None

    def listed(self, path: str, asked: Mapping[str, str | int]) -> _Sheet:
        """One page of a list."""
        return _sheet(self.get(path, asked), f"{self.source.base_url}/{path}")

    def post(self, thing: _Thing, parent_text: str = "") -> Post:
        """A post as it is given on."""
        return _post(thing, self.channel, parent_text)

    def _get(self, path: str, asked: Mapping[str, str | int] | None) -> Any:
        import prawcore  # noqa: PLC0415

        try:
            return self._praw().request(method="GET", path=path, params=dict(asked or {}))
        except prawcore.RequestException as error:
            # What the line raised, without the question, in which our password may stand.
            raise error.original_exception from None
        except prawcore.OAuthException as error:
            self.line.halt = _not_let_in(self.source.host, clean(str(error.error))[:60])
            raise self.line.halt from None

    def _praw(self) -> "praw.Reddit":
        """praw, which reads nothing of what matters from a praw.ini or the environment."""
        import praw  # noqa: PLC0415

        if self.login.reddit is None:
            source = self.source
            try:
                self.login.reddit = praw.Reddit(
                    "DEFAULT",
                    requestor_kwargs={"session": self.line},
                    client_id=source.client_id,
                    client_secret=source.client_secret.get_secret_value(),
                    refresh_token=_plain(source.refresh_token),
                    username=source.username,
                    password=_plain(source.password),
                    redirect_uri=None,
                    user_agent="SchoolMentionMonitor",
                    oauth_url=source.base_url,
                    reddit_url=WEB if source.base_url == _API else source.base_url,
                    short_url=source.base_url,
                    ratelimit_seconds=0,
                    timeout=60,
                    check_for_updates=False,
                    check_for_async=False,
                )
            except (configparser.Error, OSError, UnicodeError) as error:
                raise Refused(
                    "A praw.ini on this server cannot be read, and is not needed: remove it.", State.BLOCKED
                ) from error
        return self.login.reddit


@dataclass(frozen=True, slots=True)
class _List:
    """A list with the newest first: a search, comments, links, or one part of the inbox."""

    asker: _Asker
    path: str
    asked: Mapping[str, str]

    def read(self, place: _Place) -> _Listing:
        """The newest down to what was known; then some more of the gap that stood open."""
        top = self._down(frozenset(place.held), "", MOST_PAGES if place.begun else 1)
        listing = _Listing(place, failed=top.failed)
        older = _Walk([])
        gap, floor, low = place.gap, place.floor, place.low
        if place.begun and top.stop:
            # What an older gap lacks lies below this one: they become one, and some is read twice.
            floor, low = (place.floor, place.low) if place.gap else (place.held, place.since)
            gap = top.stop
        elif place.gap:
            older = self._resumed(place)
            gap, listing.failed = older.stop, older.failed
        things = [*top.things, *older.things]
        depth = len({thing.name for thing in things}.difference(place.held))
        depth += place.depth if older.ended or older.stop else 0
        # A list that ends early ends where its posts do: what was known of it was deleted, or nothing was.
        listing.missed = (
            place.begun
            and depth >= _SHALLOW
            and (
                (top.ended and _oldest(top.things) > place.since)
                or (older.ended and _oldest(older.things) > place.low)
            )
        )
        listing.said += [_CIRCLES] * (place.begun and (top.circles or older.circles))
        self._give(listing, things)
        names = [thing.name for thing in things]
        listing.unseen = [name for name in place.held if name not in set(names)]
        listing.place = _Place(
            held=tuple(dict.fromkeys([*(thing.name for thing in top.things), *place.held]))[:HELD],
            since=self._newest(top.things, place),
            gap=gap,
            floor=floor if gap else (),
            low=low if gap else 0.0,
            depth=depth if gap else 0,
            begun=True,
        )
        return listing

    def _give(self, listing: _Listing, things: Sequence[_Thing]) -> None:
        for thing in things:
            if thing.is_gone:
                listing.gone.append(thing.name)
            else:
                listing.posts.append(self.asker.post(thing))

    def _down(self, known: frozenset[str], after: str, pages: int) -> _Walk:
        """Page by page until something known, the end, or as many pages as may be read at once."""
        found: dict[str, _Thing] = {}
        asked, stop = {after}, tuple[str, ...]()
        for _ in range(pages):
            try:
                sheet = self._page(after)
            except (Unavailable, Refused) as error:
                if not found:
                    raise
                return _Walk(list(found.values()), stop, failed=error)
            fresh = [thing for thing in sheet.things if thing.name not in found]
            found |= {thing.name: thing for thing in fresh}
            if not known.isdisjoint(thing.name for thing in sheet.things):
                return _Walk(list(found.values()))
            if not sheet.after:
                return _Walk(list(found.values()), ended=True)
            if sheet.after in asked or (sheet.things and not fresh):
                return _Walk(list(found.values()), circles=True)
            after = sheet.after
            asked.add(after)
            stop = tuple(dict.fromkeys([after, *[*found][: -_BACK - 1 : -1]]))
        return _Walk(list(found.values()), stop)

    def _page(self, after: str) -> _Sheet:
        start = {"after": after} if after else {}
        return self.asker.listed(self.path, {**self.asked, "limit": PER_PAGE, **start})

    def _resumed(self, place: _Place) -> _Walk:
        """On from where a gap stands open; from a little higher where that post was deleted meanwhile."""
        try:
            for name in place.gap:
                walk = self._down(frozenset(place.floor), name, MOST_PAGES)
                if walk.things:
                    return walk
        except (Unavailable, Refused) as error:
            return _Walk([], place.gap, failed=error)
        return _Walk([], ended=True)

    def _newest(self, things: Sequence[_Thing], place: _Place) -> float:
        """The second of the newest post. One of the future must not hide those written until then."""
        now = self.asker.line.now
        newest = max((thing.created_utc for thing in things), default=0.0 if place.begun else now)
        return max(place.since, min(newest, now) if now else newest)


@dataclass(frozen=True, slots=True)
class _Threads:
    """What is said under the newest submissions of the school's own account."""

    asker: _Asker

    def read(self, place: _Place) -> _Listing:
        """All comments under them, at any depth, but the account's own."""
        me = _word(_group(self.asker.get("api/v1/me")).get("name"))
        if not me:
            raise _strange(self.asker.source.base_url, "no account")
        own = self.asker.listed(f"user/{quote(me, safe='')}/submitted", {"sort": "new", "limit": OWN_POSTS})
        roots = {thing.name: thing.title for thing in own.things if thing.num_comments and not thing.is_gone}
        listing = _Listing(place, gone=[thing.name for thing in own.things if thing.is_gone])
        found, more = self._branches(roots, listing)
        found += [(thing, roots.get(thing.link_id, "")) for thing in _asked_for(self.asker, more, listing)[0]]
        seen: dict[str, None] = {}
        for thing, above in found:
            if thing.is_gone:
                listing.gone.append(thing.name)
            elif thing.name not in seen and thing.author.lower() != me.lower():
                listing.posts.append(self.asker.post(thing, above))
                seen[thing.name] = None
        listing.unseen = [name for name in place.held if name not in seen and name not in listing.gone]
        held = tuple(dict.fromkeys([*seen, *place.held]))[:_HELD_REPLIES]
        listing.place = _Place(held=held, begun=True)
        return listing

    def _branches(
        self, roots: Mapping[str, str], listing: _Listing
    ) -> tuple[list[tuple[_Thing, str]], list[str]]:
        """Each comment with the text above it, and the names of those that Reddit left out."""
        found: list[tuple[_Thing, str]] = []
        more: list[str] = []
        waiting = [(root, "") for root in roots]
        for number, (root, branch) in enumerate(waiting):
            if number == MOST_THREADS or self.asker.line.halt is not None:
                listing.said.append(f"Of {len(waiting)} threads {number} were read.")
                break
            asked: dict[str, str | int] = {"sort": "new", "limit": 500}
            try:
                answer = self.asker.get(f"comments/{root[3:]}", {**asked, **_branch(branch)})
            except _Gone:
                listing.gone.append(branch or root)
                continue
            except (Unavailable, Refused) as error:
                # One thread, too large perhaps, must not keep us from the others for ever.
                listing.failed = error
                continue
            things, left, deeper = _tree(answer, roots[root])
            found += things
            more += left
            waiting += [(root, name) for name in deeper if (root, name) not in waiting]
        return found, list(dict.fromkeys(more))[:_HELD_REPLIES]


def _branch(name: str) -> dict[str, str]:
    return {"comment": name[3:]} if name else {}


def _tree(answer: Any, title: str) -> tuple[list[tuple[_Thing, str]], list[str], list[str]]:
    """The comments of a thread with what each answers; names left out; comments below which it goes on."""
    found, left, deeper = list[tuple[_Thing, str]](), list[str](), list[str]()
    waiting = [(child, title) for page in _many(answer)[1:] for child in _children(page)]
    while waiting:
        child, above = waiting.pop()
        data = _group(child.get("data"))
        if child.get("kind") == "more":
            names = [f"t1_{each}" for each in map(_word, _many(data.get("children"))) if each]
            left += [name for name in names if _NAME.fullmatch(name)]
            parent = _word(data.get("parent_id"))
            deeper += [parent] if not names and parent.startswith("t1_") and _NAME.fullmatch(parent) else []
            continue
        thing = _thing(child)
        if thing is not None and thing.is_comment:
            found.append((thing, above))
        below = _written(thing).text[:_MOST_PARENT] if thing else ""
        waiting += [(reply, below) for reply in _children(data.get("replies"))]
    return found, left, deeper


def _follow_up(asker: _Asker, done: Mapping[str, _Listing]) -> None:
    """Ask what became of posts that we held and did not meet: changed, still the same, or gone."""
    for listing in done.values():
        if asker.line.halt is None and listing.unseen:
            things, gone = _asked_for(asker, listing.unseen, listing)
            listing.posts += [asker.post(thing) for thing in things if not thing.is_gone]
            listing.gone += [*gone, *(thing.name for thing in things if thing.is_gone)]
        lost = frozenset(listing.gone)
        held = tuple(name for name in listing.place.held if name not in lost)
        listing.place = listing.place.model_copy(update={"held": held})


def _asked_for(asker: _Asker, names: Sequence[str], listing: _Listing) -> tuple[list[_Thing], list[str]]:
    """Posts by name, and the names of those that are no more."""
    found, gone = list[_Thing](), list[str]()
    try:
        for start in range(0, len(names), PER_PAGE):
            some = names[start : start + PER_PAGE]
            there = _info(asker, some)
            if not there and len(some) > _FEW:
                listing.said.append(
                    f"Reddit shows none of {len(some)} older posts: whether they were deleted cannot be told."
                )
                continue
            found += there
            met = {thing.name for thing in there}
            gone += [name for name in some if name not in met]
    except (Unavailable, Refused) as error:
        listing.said.append(f"Whether older posts were changed or deleted could not be asked: {error.reason}")
    return found, gone


def _info(asker: _Asker, names: Sequence[str]) -> list[_Thing]:
    try:
        return asker.listed("api/info", {"id": ",".join(names), "limit": PER_PAGE}).things
    except _Gone:
        return []


def _post(thing: _Thing, channel: Channel, parent_text: str) -> Post:
    written = _written(thing)
    linked = None if thing.is_comment or thing.is_self else clean_link(thing.url, WEB)
    author = clean(thing.author)[:100]
    return Post(
        platform="reddit",
        id=thing.name,
        url=_link(thing),
        title=" ".join(clean(thing.title).split())[:_MOST_PARENT],
        text=written.text,
        author=None if author in {"", "[deleted]"} else author,
        posted_at=_moment(thing.created_utc),
        edited_at=_moment(thing.edited),
        channel=channel,
        parent=thing.parent_id[:50] or None,
        parent_text=parent_text or " ".join(clean(thing.link_title).split())[:_MOST_PARENT],
        thread=_thread(thing),
        links=tuple(dict.fromkeys([*([linked] if linked else []), *written.links])),
        has_media=_has_media(thing) or written.has_media,
        sensitive=thing.over_18 or thing.quarantine,
        answer=as_received(thing.given),
    )


def _written(thing: _Thing) -> Written:
    html = thing.body_html if thing.is_comment else thing.selftext_html
    return read_html(html, WEB) if html else read_text(thing.body if thing.is_comment else thing.selftext)


def _thread(thing: _Thing) -> str | None:
    """The submission that it stands under; in the inbox only the address says so."""
    if not thing.is_comment:
        return thing.name
    found = re.search(r"/comments/(\w{1,40})(?:/|$)", thing.permalink or thing.context, re.ASCII)
    return thing.link_id[:50] or (f"t3_{found[1]}" if found else None)


def _link(thing: _Thing) -> str:
    found = _PERMALINK.match(thing.permalink or thing.context)
    if found is not None and (link := clean_link(WEB + found[0])):
        return link
    thread = _thread(thing) or ""
    return (
        f"{WEB}/comments/{thread[3:]}/_/{thing.name[3:]}"
        if thing.is_comment
        else f"{WEB}/comments/{thing.name[3:]}"
    )


def _has_media(thing: _Thing) -> bool:
    is_shown = thing.post_hint == "image" or thing.post_hint.endswith(":video")
    hosted = thing.url.startswith(("https://i.redd.it/", "https://v.redd.it/"))
    return is_shown or hosted or thing.is_video or thing.is_gallery or thing.media_metadata


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _oldest(things: Sequence[_Thing]) -> float:
    return min((thing.created_utc for thing in things if thing.created_utc), default=_END_OF_TIME)


def _sheet(answer: Any, url: str) -> _Sheet:
    """One page of a list; what is neither submission nor comment (a private message) is left out."""
    data = _group(_group(answer).get("data"))
    if not isinstance(data.get("children"), list):
        raise _strange(url, "something else")
    children = list(_children(answer))
    things = [thing for thing in map(_thing, children) if thing is not None]
    if data["children"] and not things and not any(child.get("kind") == "t4" for child in children):
        raise _strange(url, "posts of another kind")
    after = _word(data.get("after"))
    return _Sheet(things, after if re.fullmatch(r"\w{1,60}", after, re.ASCII) else "")


def _children(listing: object) -> Iterator[Mapping[str, Any]]:
    for child in _many(_group(_group(listing).get("data")).get("children")):
        if isinstance(child, dict):
            yield child


def _thing(child: Mapping[str, Any]) -> _Thing | None:
    try:
        return _Thing.model_validate(child.get("data"))
    except ValidationError:
        return None


def _address(url: str, asked: Mapping[str, Any] | None) -> str:
    return f"{url}?{urlencode(asked)}" if asked else url


def _content(page: Page, *, is_token: bool = False) -> Any:
    """What an answer holds as JSON; raises Refused or Unavailable where it holds none, or an error."""
    if page.cut:
        raise Unavailable(f"{spoken(page.url)} could not be read: {page.cut}.", State.PARSE_ERROR)
    if "/subreddits/" in page.url.partition("?")[0]:
        raise Refused("There is no such subreddit: correct its name, or remove it.", State.BLOCKED)
    try:
        answer = json.loads(page.content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict | list) or (is_token and isinstance(answer, list)):
        refuse_walls(page)
        what = "a web page" if page.is_html else "something broken" if page.content else "nothing"
        raise _strange(page.url, what)
    errors = [
        _group(part).get(name)
        for part in (answer, _group(answer).get("json"))
        for name in ("error", "errors")
    ]
    if any(errors) and not is_token:
        raise _strange(page.url, "an error")
    return answer


def _heed(page: Page) -> None:
    """Say what an error means here."""
    where, said = f"{spoken(page.url)} ({page.status})", _said(page)
    if page.status == codes.TOO_MANY_REQUESTS:
        raise _too_often(page)
    if page.status == codes.UNAUTHORIZED:
        raise _Stale
    if page.status in {codes.BAD_REQUEST, codes.REQUEST_URI_TOO_LONG}:
        raise Refused(f"{where} does not understand the question. Write it more simply.", State.BLOCKED)
    if page.status == codes.FORBIDDEN and "insufficient_scope" in page.headers.get("www-authenticate", ""):
        raise Refused(
            f"{where} is not open to this token. Make one of the scopes read, identity, history and "
            "privatemessages (docs/sources.md).",
            State.AUTH_EXPIRED,
        )
    if page.status == codes.FORBIDDEN and said.get("reason"):
        raise Refused(
            f"{where} is closed to us: {clean(str(said['reason']))[:60]}. Only what is public is read: "
            "remove it.",
            State.BLOCKED,
        )
    if page.status == codes.NOT_FOUND and said:
        raise _Gone(f"{where} is not there. Check the name, or remove it.")


def _heed_login(page: Page) -> None:
    if page.status == codes.TOO_MANY_REQUESTS:
        raise _too_often(page)
    if page.status in {codes.BAD_REQUEST, codes.UNAUTHORIZED} and _said(page):
        raise _not_let_in(host_of(page.url), f"{page.status}")


def _said(page: Page) -> Mapping[str, Any]:
    """What an error page says as JSON; empty where it is a web page."""
    try:
        return _group(json.loads(page.content))
    except (ValueError, RecursionError):
        return {}


def _not_let_in(host: str, why: str) -> Refused:
    return Refused(
        f"{host} does not let us sign in ({why}). Check client_id and client_secret, and whether the refresh "
        "token or the password still holds; make new ones where not (docs/sources.md).",
        State.AUTH_EXPIRED,
    )


def _too_often(page: Page) -> Unavailable:
    wait = retry_after(page.headers) or _reset(page.headers)
    return Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)


def _is_used_up(headers: httpx.Headers) -> bool:
    written = headers.get("x-ratelimit-remaining", "").strip()
    return bool(re.fullmatch(r"\d{1,9}(\.\d{1,9})?", written)) and float(written) < 1


def _reset(headers: httpx.Headers) -> timedelta | None:
    written = headers.get("x-ratelimit-reset", "").strip()
    return min(timedelta(seconds=int(written)), LONGEST_WAIT) if re.fullmatch(r"\d{1,9}", written) else None


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where Reddit's API was expected. We will try again; if it stays "
        "so, a newer version of this program is needed.",
        State.PARSE_ERROR,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _is_down(failed: Sequence[Unavailable | Refused]) -> bool:
    """Whether it is Reddit that fails, and not a part: each further question might take a minute."""
    return sum(isinstance(error, Unavailable) for error in failed) > 1


def _batch(
    places: Mapping[str, _Place],
    done: Mapping[str, _Listing],
    failed: Sequence[Unavailable | Refused],
    every: timedelta,
) -> Batch:
    posts: dict[str, Post] = {}
    for listing in done.values():
        for post in listing.posts:
            # A thread shows what a comment answers, the inbox does not.
            if post.id not in posts or post.parent_text:
                posts[post.id] = post
    gone = {name for listing in done.values() for name in listing.gone}
    after = {**places, **{name: listing.place for name, listing in done.items()}}
    complete = not any(place.gap for place in after.values())
    missed = any(listing.missed or _CIRCLES in listing.said for listing in done.values())
    remarks = [*(error.reason for error in failed), *(said for each in done.values() for said in each.said)]
    remarks += [_MISSED] * any(each.missed for each in done.values()) + [_MORE] * (not complete)
    return Batch(
        posts=tuple(post for post in posts.values() if post.id not in gone),
        cursor=_Cursor(places=after).model_dump_json(),
        gone=tuple(sorted(gone)),
        complete=complete,
        state=failed[0].state if failed else State.BEHIND if missed or not complete else State.OK,
        reason=" ".join(dict.fromkeys(filter(None, remarks))),
        wait=rest(failed, every),
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest page once more costs little.
        return _Cursor()
