"""Mastodon and what speaks its API (GoToSocial, Pleroma, snac2): hashtags, timelines, search, replies.

Seen in Mastodon's documentation and in answers of version 4.6: 300 requests in 5 minutes, 40 posts a page,
ids that are opaque words, errors in any language. Only GET is used, with a token of the scopes
`read:statuses`, `read:search`, `read:notifications` and `read:accounts`. Each server has rules of its own.
"""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, unquote, urlencode

import httpx
from httpx import codes
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received, with_given
from connectors.text import clean, clean_link, host_of, http_address, one_line, read_html, when

MOST_PAGES = 10
"""The most pages of one listing that are read at once, beside its newest."""
_PAGE = 40
_HELD = 200
_MOST_REPLIES = 2_000
_CHECKS = 5
_OWN_POSTS = 20
_BACK = 5
_PUBLIC = frozenset(["public", "unlisted"])
_TIMELINES = {"local": {"local": "true"}, "remote": {"remote": "true"}, "all": {}}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_LONGEST_NAME = 500
_MOST_PARENT = 5_000
_MISSED = (
    "More was written than can be read at once, and the oldest of it was missed: read it more often (every)"
)
_MORE = "More was written than is read at once; the rest is read next time."
_SNAC = re.compile(rb"\s*<h1>\d{3} [\w ]{1,40} \(snac/[\w.-]{1,40}\)</h1>\s*")
"""An error as snac2 says it: a web page, where all others answer in JSON."""
_LINK = r"<[^>]*[?&]%s=([^&>]+)[^>]*>\s*;\s*rel=\"?%s\b"


def _word(value: object) -> str:
    return clean(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _thing(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _things(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_Word = Annotated[str, BeforeValidator(_word)]
_Thing = Annotated[dict[str, Any], BeforeValidator(_thing)]
_Things = Annotated[list[dict[str, Any]], BeforeValidator(_things)]


def _tag(written: str) -> str:
    tag = written.strip().removeprefix("#")
    if not re.fullmatch(r"\w{1,200}", tag) or tag.isdigit():
        raise ValueError("write one hashtag, as HarrowbyGreen, without spaces or signs")
    return tag


def _server_address(written: str) -> str:
    address = http_address(written).rstrip("/")
    if "?" in address or "#" in address:
        raise ValueError("write the address of the server alone, as https://mastodon.example")
    return address


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[ -~]{1,4000}", secret.get_secret_value()):
        raise ValueError("the token has signs that no token has; copy it again")
    return secret


class _Account(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: _Word = ""
    acct: _Word = ""
    display_name: _Word = ""


class _Status(BaseModel):
    """A post as servers give it; what is missing, or of another kind than it should be, is empty."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[_Word, Field(min_length=1, max_length=500)]
    uri: _Word = ""
    url: _Word = ""
    account: Annotated[_Account, BeforeValidator(_thing)] = _Account()
    content: _Word = ""
    spoiler_text: _Word = ""
    sensitive: Annotated[bool, BeforeValidator(bool)] = False
    visibility: _Word = ""
    language: _Word = ""
    created_at: _Word = ""
    edited_at: _Word = ""
    in_reply_to_id: _Word = ""
    replies_count: _Word = ""
    media_attachments: _Things = []
    poll: _Thing = {}
    given: _Thing = {}
    _keep = model_validator(mode="before")(with_given)

    @property
    def beside(self) -> Iterator[str]:
        """What the author wrote beside the text: the answers of a poll, the words for pictures."""
        asked = [option.get("title") for option in _things(self.poll.get("options"))]
        told = [media.get("description") for media in self.media_attachments]
        return filter(None, map(_word, (*asked, *told)))


class _Held(BaseModel):
    """A post that was given: its place in the listing, its id at the server, ours, and what it said."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key: str
    status: str
    post: str
    mark: str


class _Place(BaseModel):
    """Where we are in one listing: newest first, what was given; `after` is where an open gap begins."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    held: tuple[_Held, ...] = ()
    after: str = ""
    begun: bool = False


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    places: dict[str, _Place] = {}


@dataclass(frozen=True, slots=True)
class _Item:
    """One line of a listing: a post under the id by which the listing is paged."""

    key: str
    status: _Status
    parent: _Status | None = None
    thread: str = ""


@dataclass(slots=True)
class _Listing:
    """What came of one part of the source, as far as it was read before it `failed`."""

    place: _Place
    posts: list[Post]
    gone: list[str]
    said: str = ""
    failed: Unavailable | Refused | None = None


class _Gone(Exception):
    """The server says that there is no such post, or no more."""


class Mastodon(Connector):
    """Hashtags, a public timeline or a search of one server; or what is said to the school's own account."""

    searched: ClassVar[tuple[str, ...]] = ("tags", "search")

    platform: Literal["mastodon"]
    base_url: Annotated[
        str,
        Field(
            max_length=500,
            description="The address of a server with Mastodon's API; it shows what it knows of others, too.",
            examples=["https://mastodon.example"],
        ),
        AfterValidator(_server_address),
    ]
    tags: Annotated[
        tuple[Annotated[str, AfterValidator(_tag)], ...],
        Field(max_length=20, description="Hashtags that are read, as HarrowbyGreen."),
    ] = ()
    search: Annotated[
        tuple[Annotated[str, Field(min_length=2, max_length=200)], ...],
        Field(
            max_length=10,
            description="Words that are searched for; needs a token, and finds only people who let "
            "themselves be found.",
        ),
    ] = ()
    timeline: Annotated[
        Literal["local", "remote", "all"] | None,
        Field(
            description="Read the server's public timeline: its own people's posts (local), others', or all."
        ),
    ] = None
    token: Annotated[
        SecretStr | None,
        AfterValidator(lambda secret: secret if secret is None else _token(secret)),
        Field(
            description="An access token that may only read; by ${…} only. With `official`, of the "
            "school's own account."
        ),
    ] = None

    @model_validator(mode="after")
    def _reads_something(self) -> "Mastodon":
        public = bool(self.tags or self.search or self.timeline)
        if public == (self.official is not None):
            raise ValueError(
                "give tags, search or timeline to read what the public says, or official to read what is "
                "said to the school's own account; for both, make two sources"
            )
        if self.token is None and (self.search or self.official):
            raise ValueError("search and official need a token of an account on that server")
        return self

    @property
    def host(self) -> str:
        """The host of the server, with its port where it has one."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new, edited or gone in each part; a part that fails does not hold up the others."""
        before, server = _cursor(cursor), _Server(http, self)
        done: dict[str, _Listing] = {}
        failed: list[Unavailable | Refused] = []
        parts = list(self._parts(server))
        for name, part in parts:
            try:
                done[name] = part(before.places.get(name, _Place()))
                error = done[name].failed
            except (Unavailable, Refused) as raised:
                error = raised
            if error is not None:
                failed.append(error)
                if error.state is State.RATE_LIMITED or _is_down(failed):
                    break
        if failed and not done:
            raise failed[0]
        places = {name: before.places[name] for name, _ in parts if name in before.places}
        return _batch(places, done, failed, self.every)

    def _parts(self, server: "_Server") -> "Iterator[tuple[str, _Part]]":
        """Each part of the source, by the name that the cursor has for it."""
        if self.official is not None:
            yield "mentions", _Timeline(server, "/api/v1/notifications", {"types[]": "mention"}).read
            yield "replies", _Replies(server).read
        for tag in self.tags:
            path = f"/api/v1/timelines/tag/{quote(tag)}"
            yield f"tag {tag}", _Timeline(server, path, {}, feed="hashtag_feeds").read
        if self.timeline:
            asked = _TIMELINES[self.timeline]
            yield "timeline", _Timeline(server, "/api/v1/timelines/public", asked, feed="live_feeds").read
        for words in self.search:
            asked = {"q": words, "type": "statuses"}
            yield f"search {words}", _Timeline(server, "/api/v2/search", asked).read


_Part = Callable[[_Place], _Listing]


class _Server:
    """One server for the time of one reading: every question goes through here."""

    def __init__(self, http: httpx.Client, source: Mastodon) -> None:
        self.http = http
        self.base = source.base_url
        self.host = source.host
        self.token = source.token
        self.channel = Channel.PUBLIC_MENTION if source.official is None else Channel.OFFICIAL_ACCOUNT
        self._rest: Unavailable | None = None

    def get(self, path: str, asked: Mapping[str, str | int] | None = None) -> tuple[Any, httpx.Headers]:
        """The answer to one question; raises _Gone, Unavailable or Refused."""
        if self._rest is not None:
            raise self._rest
        page = read(self.http, _address(self.base + path, asked), headers=self._headers(), heed=self._heed)
        if page.headers.get("x-ratelimit-remaining", "").strip() == "0":
            self._rest = _too_often(page)
        return _content(page), page.headers

    def status(self, key: str) -> _Status | None:
        """One post as it is now, None where it cannot be read; raises _Gone too."""
        return _status(self.get(f"/api/v1/statuses/{quote(key, safe='')}")[0])

    @cached_property
    def access(self) -> dict[str, Any]:
        """Which timelines the server shows to whom; empty where it does not say (before Mastodon 4.5)."""
        try:
            about = _thing(self.get("/api/v2/instance")[0])
        except (_Gone, Refused):
            return {}
        return _thing(_thing(about.get("configuration")).get("timelines_access"))

    def _headers(self) -> dict[str, str]:
        accept = {"accept": "application/json"}
        if self.token is None:
            return accept
        return accept | {"authorization": f"Bearer {self.token.get_secret_value()}"}

    def _heed(self, page: Page) -> None:
        """Say what an error means here; by its status, for its text is in the server's language."""
        if page.status == codes.TOO_MANY_REQUESTS:
            raise _too_often(page)
        if not page.content.lstrip().startswith(b"{") and not _SNAC.fullmatch(page.content):
            return
        if page.status in {codes.NOT_FOUND, codes.GONE}:
            raise _Gone(f"{spoken(page.url)} is not there ({page.status}). Check base_url.")
        if page.status in {codes.UNAUTHORIZED, codes.FORBIDDEN, codes.UNPROCESSABLE_ENTITY}:
            raise self._closed(page)

    def _closed(self, page: Page) -> Refused:
        where = f"{spoken(page.url)} ({page.status})"
        if self.token is None:
            return Refused(
                f"{where} is shown only to people of that server. Give a token of an account there, or ask "
                "another server.",
                State.LOGIN_WALL,
            )
        return Refused(
            f"{where} does not accept the token. Make a new one that may read statuses, search, "
            "notifications and accounts (docs/sources.md).",
            State.AUTH_EXPIRED,
        )


@dataclass(frozen=True, slots=True)
class _Timeline:
    """A listing with the newest first: a hashtag, a public timeline, a search, or mentions."""

    server: _Server
    path: str
    asked: Mapping[str, str]
    feed: str = ""

    def read(self, place: _Place) -> _Listing:
        """The newest page for what is new, edited or gone; what lies between it and the last time."""
        said = self._shown()
        top, _ = self._page({})
        known = {held.key for held in place.held}
        between, after = list[_Item](), place.after
        if place.begun and top and (place.after or known.isdisjoint(_keys(top))):
            try:
                between, after, missed = self._between(place, top, known)
            except (Unavailable, Refused) as error:
                # The place stays, so that all between it and the newest page is read the next time.
                newest = _followed(self.server, place, top, whole=False, ask=False)
                return _Listing(place, newest.posts, [], failed=error)
            said = " ".join(filter(None, (said, missed)))
        listing = _followed(self.server, place, [*top, *between], whole=len(top) < _PAGE, ask=not after)
        held = listing.place.held
        if after:
            # What stands above an open gap is met again when it closes: it is forgotten last.
            passed = _keys(between)
            held = tuple(sorted(held, key=lambda each: each.key in passed))
        listing.place = _Place(held=held[:_HELD], after=after, begun=True)
        listing.said = " ".join(filter(None, (said, listing.said)))
        return listing

    def _shown(self) -> str:
        """What the server keeps from us; raises Refused where that is everything."""
        if not self.feed or self.server.token is not None:
            return ""
        access = _thing(self.server.access.get(self.feed))
        wanted = [kind for kind in ("local", "remote") if self.asked.get(kind) or not self.asked]
        shut = [kind for kind in wanted if access.get(kind, "public") != "public"]
        if shut == wanted:
            raise Refused(
                f"{self.server.host} does not show this timeline to everybody. Give a token of an account "
                "there, or ask another server.",
                State.LOGIN_WALL,
            )
        return f"{self.server.host} shows its {shut[0]} posts only to people who sign in." if shut else ""

    def _page(self, asked: Mapping[str, str | int]) -> tuple[list[_Item], httpx.Headers]:
        """One page, newest first."""
        try:
            answer, headers = self.server.get(self.path, {**self.asked, "limit": _PAGE, **asked})
        except _Gone as gone:
            raise Refused(str(gone), State.BLOCKED) from gone
        if self.path.endswith("/search"):
            answer = _thing(answer).get("statuses")
        if not isinstance(answer, list):
            raise _strange(self.server.base + self.path, "something else")
        if answer and not any(map(_is_readable, answer)):
            raise _strange(self.server.base + self.path, "posts of another kind")
        return list(_items(answer)), headers

    def _between(self, place: _Place, top: list[_Item], known: set[str]) -> tuple[list[_Item], str, str]:
        """What was written since the last time and before the newest page; where a gap stays open; a remark.

        It is read upwards, from the oldest: however much there is, each reading brings it further.
        """
        start = place.after or next((held.key for held in place.held[:_BACK][::-1]), "")
        if not start or self.path.endswith("/search"):
            return self._downwards(top, known)
        pages: list[list[_Item]] = []
        newest = _keys(top)
        for _ in range(MOST_PAGES):
            items, headers = self._page({"min_id": start})
            keys = _keys(items)
            if not place.after and not pages and keys <= newest and known.isdisjoint(keys):
                # A server that does not know min_id gives its newest page again.
                return self._downwards(top, known)
            pages.append(items)
            following = _linked(headers, "prev", "min_id") or (items[0].key if items else start)
            if not newest.isdisjoint(keys) or (following == start and not items):
                return _flat(pages, newest), "", ""
            if following == start:
                return _flat(pages, newest), "", f"{_MISSED}."
            start = following
        return _flat(pages, newest), start, ""

    def _downwards(self, top: list[_Item], known: set[str]) -> tuple[list[_Item], str, str]:
        """The same from the newest on, until something known or the end."""
        found, seen, last = list[_Item](), _keys(top), top[-1].key
        for number in range(1, MOST_PAGES + 1):
            is_search = self.path.endswith("/search")
            items, _ = self._page({"offset": number * _PAGE} if is_search else {"max_id": last})
            fresh = [item for item in items if item.key not in seen]
            found += fresh
            if not items or not known.isdisjoint(_keys(items)):
                return found, "", ""
            if not fresh:
                break
            seen |= _keys(fresh)
            last = fresh[-1].key
        return found, "", f"{_MISSED} ({len(seen)} posts were read)."


@dataclass(frozen=True, slots=True)
class _Replies:
    """What is said under the newest posts of the school's own account."""

    server: _Server

    def read(self, place: _Place) -> _Listing:
        """All answers in the threads of the school's newest posts, at any depth."""
        try:
            me = _word(_thing(self.server.get("/api/v1/accounts/verify_credentials")[0]).get("id"))
            if not me:
                raise _strange(self.server.base, "no account")
            path = f"/api/v1/accounts/{quote(me, safe='')}/statuses"
            own = self.server.get(path, {"limit": _OWN_POSTS, "exclude_reblogs": "true"})[0]
        except _Gone as gone:
            raise Refused(str(gone), State.BLOCKED) from gone
        if not isinstance(own, list):
            raise _strange(self.server.base, "something else")
        items = [item for root in _items(own) for item in self._thread(root.status, me)]
        listing = _followed(self.server, place, items, whole=True)
        listing.place = _Place(held=listing.place.held[:_MOST_REPLIES], begun=True)
        return listing

    def _thread(self, root: _Status, me: str) -> Iterator[_Item]:
        if root.replies_count == "0":
            return
        try:
            context, _ = self.server.get(f"/api/v1/statuses/{quote(root.id, safe='')}/context")
        except _Gone:
            return
        below = list(_items(_things(_thing(context).get("descendants"))))
        by_id = {item.key: item.status for item in below} | {root.id: root}
        for item in below:
            if item.status.account.id != me:
                parent = by_id.get(item.status.in_reply_to_id)
                yield _Item(item.key, item.status, parent, _name(root, self.server.host))


def _followed(
    server: _Server, place: _Place, items: list[_Item], *, whole: bool, ask: bool = True
) -> _Listing:
    """The posts of some items that are new or edited, and what became of those that are no longer listed."""
    before = {held.key: held for held in place.held}
    by_id = {item.status.id: item.status for item in items}
    ids = {held.status: held.post for held in place.held}
    given: dict[str, _Held] = {}
    posts: list[Post] = []
    for item in items:
        if item.key in given or item.status.visibility not in _PUBLIC:
            continue
        post = _post(item, server, by_id, ids)
        given[item.key] = _held(item, post)
        if before.get(item.key) != given[item.key]:
            posts.append(post)
    listing = _Listing(place, posts, [])
    missing = [held for held in place.held if held.key not in given]
    if ask:
        missing = _checked(server, listing, missing, _listed_above(place, given, whole=whole))
    listing.place = _Place(held=(*given.values(), *missing), begun=True)
    return listing


def _listed_above(place: _Place, given: Mapping[str, _Held], *, whole: bool) -> int:
    """How many of the posts that are missing should be in the listing still."""
    lowest = max((at for at, held in enumerate(place.held) if held.key in given), default=-1)
    above = place.held if whole else place.held[: lowest + 1]
    return sum(held.key not in given for held in above)


def _checked(server: _Server, listing: _Listing, missing: list[_Held], above: int) -> list[_Held]:
    """Ask after some of the posts that are listed no longer; those that still stand go to the end."""
    asked = [*missing[:above][:_CHECKS], *missing[above:][:_CHECKS]]
    standing: list[_Held] = []
    done: set[str] = set()
    for held in asked:
        try:
            status = server.status(held.status)
        except _Gone:
            listing.gone.append(held.post)
        except (Unavailable, Refused) as error:
            listing.said = f"Whether older posts were deleted could not be asked: {error.reason}"
            break
        else:
            standing.append(_asked_after(server, listing, held, status))
        done.add(held.key)
    return [*(held for held in missing if held.key not in done), *standing]


def _asked_after(server: _Server, listing: _Listing, held: _Held, status: _Status | None) -> _Held:
    if status is None or status.visibility not in _PUBLIC:
        return held
    item = _Item(held.key, status)
    ids = {each.status: each.post for each in listing.place.held}
    post = replace(_post(item, server, {}, ids), id=held.post)
    now = _held(item, post)
    if now != held:
        listing.posts.append(post)
    return now


def _post(item: _Item, server: _Server, by_id: Mapping[str, _Status], ids: Mapping[str, str]) -> Post:
    status, name = item.status, _name(item.status, server.host)
    written = read_html(status.content, server.base)
    answered = item.parent or by_id.get(status.in_reply_to_id)
    parent = _parent(status, answered, server.host, ids)
    return Post(
        platform="mastodon",
        id=name,
        url=clean_link(status.url or status.uri) or clean_link(status.uri) or server.base,
        title=one_line(status.spoiler_text)[:5000],
        text="\n".join((written.text, *status.beside)).strip(),
        author=_author(status.account, server.host),
        posted_at=when(status.created_at),
        edited_at=when(status.edited_at),
        language=status.language if _LANGUAGE.fullmatch(status.language) else None,
        channel=server.channel,
        parent=parent,
        parent_text=read_html(answered.content).text[:_MOST_PARENT] if answered else "",
        thread=item.thread or parent or name,
        links=written.links,
        has_media=bool(status.media_attachments) or written.has_media,
        sensitive=status.sensitive or bool(status.spoiler_text),
        answer=as_received(status.given),
    )


def _parent(status: _Status, answered: _Status | None, host: str, ids: Mapping[str, str]) -> str | None:
    if answered is not None:
        return _name(answered, host)
    if not status.in_reply_to_id:
        return None
    return ids.get(status.in_reply_to_id) or f"{host} {status.in_reply_to_id}"


def _name(status: _Status, host: str) -> str:
    """A post's name in all of the network, which is the same wherever it is seen."""
    return status.uri if 0 < len(status.uri) <= _LONGEST_NAME else f"{host} {status.id}"


def _author(account: _Account, host: str) -> str | None:
    if not account.acct:
        return None
    handle = account.acct if "@" in account.acct else f"{account.acct}@{host}"
    return f"{one_line(account.display_name)} (@{one_line(handle)})".strip()[:_LONGEST_NAME]


def _held(item: _Item, post: Post) -> _Held:
    said = "\x1f".join((post.revision, item.status.edited_at, str(post.sensitive), str(post.has_media)))
    mark = hashlib.sha256(said.encode()).hexdigest()[:12]
    return _Held(key=item.key, status=item.status.id, post=post.id, mark=mark)


def _items(answer: Sequence[object]) -> Iterator[_Item]:
    """The posts of a page; a line of another kind (a follow, a poll that ended) is none."""
    for line in map(_thing, answer):
        is_notification = "type" in line and "status" in line
        if is_notification and line["type"] != "mention":
            continue
        status = _status(line["status"] if is_notification else line.get("reblog") or line)
        if status is not None:
            yield _Item(_word(line.get("id")) or status.id, status)


def _is_readable(line: object) -> bool:
    return "type" in _thing(line) or _status(_thing(line).get("reblog") or line) is not None


def _status(answer: object) -> _Status | None:
    try:
        return _Status.model_validate(answer)
    except ValidationError:
        return None


def _keys(items: Sequence[_Item]) -> set[str]:
    return {item.key for item in items}


def _flat(pages: Sequence[Sequence[_Item]], newest: set[str]) -> list[_Item]:
    """Pages that were read upwards as one list, newest first, without what stands on the newest page."""
    return [item for page in reversed(pages) for item in page if item.key not in newest]


def _linked(headers: httpx.Headers, relation: str, name: str) -> str:
    """The place of the next page by the Link header, which counts posts that are hidden from us too."""
    found = re.search(_LINK % (name, relation), headers.get("link", "")[:4000])
    return unquote(found[1]) if found else ""


def _address(url: str, asked: Mapping[str, str | int] | None) -> str:
    return f"{url}?{urlencode(asked)}" if asked else url


def _content(page: Page) -> Any:
    """What an answer holds as JSON; raises Refused or Unavailable where it holds none, or an error."""
    if page.cut:
        raise Unavailable(f"{spoken(page.url)} could not be read: {page.cut}.", State.PARSE_ERROR)
    try:
        answer = json.loads(page.content)
    except (ValueError, RecursionError):
        refuse_walls(page)
        what = "a web page" if page.is_html else "something broken" if page.content else "nothing"
        raise _strange(page.url, what) from None
    if isinstance(answer, dict) and (answer.get("error") or answer.get("errors")):
        raise _strange(page.url, "an error")
    return answer


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where Mastodon's API was expected. We will try again; if it "
        "stays so, check base_url.",
        State.PARSE_ERROR,
    )


def _too_often(page: Page) -> Unavailable:
    wait = retry_after(page.headers) or _reset(page.headers)
    return Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)


def _reset(headers: httpx.Headers) -> timedelta | None:
    """When the server counts anew, by its own clock: Mastodon writes a date, GoToSocial seconds of 1970."""
    written = headers.get("x-ratelimit-reset", "").strip()
    now = when(headers.get("date", ""))
    if re.fullmatch(r"\d{9,11}", written):
        until: datetime | None = datetime.fromtimestamp(int(written), UTC)
    else:
        until = when(written)
    return None if until is None or now is None else min(max(until - now, timedelta(0)), LONGEST_WAIT)


def _is_down(failed: Sequence[Unavailable | Refused]) -> bool:
    """Whether it is the server that fails, and not a part: each further question might take a minute."""
    return sum(isinstance(error, Unavailable) for error in failed) > 1


def _batch(
    places: Mapping[str, _Place],
    done: Mapping[str, _Listing],
    failed: Sequence[Unavailable | Refused],
    every: timedelta,
) -> Batch:
    posts = {post.id: post for listing in done.values() for post in listing.posts}
    gone = {name for listing in done.values() for name in listing.gone} - set(posts)
    after = _Cursor(places={**places, **{name: listing.place for name, listing in done.items()}})
    complete = not any(place.after for place in after.places.values())
    remarks = dict.fromkeys(
        filter(None, (*(error.reason for error in failed), *(each.said for each in done.values())))
    )
    return Batch(
        posts=tuple(posts.values()),
        cursor=after.model_dump_json(),
        gone=tuple(sorted(gone)),
        complete=complete,
        state=failed[0].state if failed else _state(remarks, complete=complete),
        reason=" ".join([*remarks, *([] if complete else [_MORE])]),
        wait=rest(failed, every),
    )


def _state(remarks: Collection[str], *, complete: bool) -> State:
    missed = any(_MISSED in remark for remark in remarks)
    return State.BEHIND if missed or not complete else State.OK


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest page once more costs little.
        return _Cursor()
