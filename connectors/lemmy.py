"""Lemmy: what the search of one server finds, or all that is newly written there or in one community.

By the addresses of version 3 of its API, which servers of the versions 0.18 and 0.19 have; 1.0 has another
one. No answer of a server was recorded: the shapes are as its code and its client have them, and they are not
checked on a live server. Each server sets its own pace; answers name no limits beforehand. No account is
needed where a server is open.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

import httpx
from httpx import codes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received
from connectors.text import clean_link, host_of, http_address, one_line, read_text, search_words, when

PAGE = 50
"""How many posts, and as many comments, one page holds."""
MOST_PAGES = 4
"""The most pages of one list that are read at once; the rest follows a minute later."""
DEEPEST = 100
"""The page at which a list is left: what lies below it was missed, and is said to be."""
OVERLAP = 3 * 3600
"""For how many seconds back it is read again: what other servers send comes late, and posts are edited."""
CHECKS = 4
"""How many posts that a search found earlier are asked for again, whether they were edited or deleted."""
_HELD = 300
_LIMIT = 10_000_000
_LONGEST_NAME = 500
_COMMUNITY = re.compile(r"\w{1,100}(@[\w.-]{1,250}(:\d{1,5})?)?", re.ASCII)
_IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|mp4|webm|mov)$", re.IGNORECASE)
_Fields = Mapping[str, Any]


def _server_address(written: str) -> str:
    address = http_address(written).rstrip("/")
    if "?" in address or "#" in address:
        raise ValueError("write the address of the server alone, as https://lemmy.example")
    return address


def _community(written: str | None) -> str | None:
    if written is None:
        return None
    name = written.strip().removeprefix("!")
    if not _COMMUNITY.fullmatch(name):
        raise ValueError("write the name of one community, as grantham or grantham@lemmy.example")
    return name


class _Held(BaseModel):
    """A post or comment that a search found: which of the two, its id on the server, and ours."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["post", "comment"]
    number: int = Field(gt=0)
    id: str = Field(max_length=_LONGEST_NAME + 300)


class _Place(BaseModel):
    """How far one list is read: the newest second; in a gap, the next page and the second where it ends."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    top: float = Field(default=0, ge=0)
    page: int = Field(default=0, ge=0, le=DEEPEST)
    floor: float = Field(default=0, ge=0)


class _Cursor(BaseModel):
    """The place of each list, and what searches found in the order in which it is asked for again."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    places: dict[str, _Place] = {}
    held: tuple[_Held, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A post or comment with what stands beside it in a list."""

    kind: Literal["post", "comment"]
    view: _Fields

    @property
    def own(self) -> _Fields:
        """What is said of the post or comment itself."""
        return _fields(self.view.get(self.kind))

    @property
    def number(self) -> int:
        """Its id on this server, 0 where it has none."""
        said = self.own.get("id")
        return said if isinstance(said, int) and not isinstance(said, bool) and 0 < said < 2**53 else 0

    @property
    def at(self) -> float | None:
        """The second when it was published; None for one that is pinned, which stands out of its order."""
        if self.own.get("featured_community") is True or self.own.get("featured_local") is True:
            return None
        at = when(_word(self.own, "published"))
        return at.timestamp() if at else None


@dataclass(frozen=True, slots=True)
class _List:
    """One list of a server: its name in the cursor, and how it is asked for."""

    name: str
    path: str
    asked: Mapping[str, str]


@dataclass(slots=True)
class _Walk:
    """What some pages held; `next` is the page to go on with, 0 where all down to the floor was read."""

    items: list[_Item] = field(default_factory=list)
    next: int = 0
    lowest: float = 0
    now: float = 0
    stuck: bool = False


class _Gone(Exception):
    """The server says that there is no such post, or no more."""


class Lemmy(Connector):
    """One Lemmy server, or one community of it: what a search finds, or all that is newly written."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["lemmy"]
    base_url: Annotated[
        str,
        Field(
            max_length=500,
            description="The address of a server; it shows what it knows of others, too.",
            examples=["https://lemmy.example"],
        ),
        AfterValidator(_server_address),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=100), AfterValidator(search_words)], ...],
        Field(
            max_length=10,
            description="What to search for: the school's names and its site, each as people write it.",
        ),
    ] = ()
    latest: Annotated[
        bool, Field(description="Read all that is newly written in the community, or on the server itself.")
    ] = False
    community: Annotated[
        str | None,
        Field(
            description="Only this community.",
            max_length=400,
            examples=["grantham", "grantham@lemmy.example"],
        ),
        AfterValidator(_community),
    ] = None

    @model_validator(mode="after")
    def _reads_something(self) -> "Lemmy":
        if not (self.search or self.latest):
            raise ValueError("give search (what to look for), or latest: true to read all that is written")
        return self

    @property
    def host(self) -> str:
        """The host of the server, with its port where it has one."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new in each list, and ask for some of what was found earlier again."""
        before, server = _cursor(cursor), _Server(http, self)
        places = {one.name: before.places.get(one.name, _Place()) for one in self._lists()}
        items: list[_Item] = []
        found: list[_Item] = []
        remarks: list[str] = []
        failed: list[Unavailable | Refused] = []
        for one in self._lists():
            places[one.name], brought = server.follow(one, places[one.name], remarks, failed)
            items += brought
            found += brought if one.path == _SEARCH else []
            if failed:
                break
        if failed and not items:
            raise failed[0]
        gone: set[str] = set()
        held, again = (list(before.held), []) if failed else server.checked(before.held, gone)
        posts = server.posts([*again, *items], gone)
        behind = any(place.page for place in places.values())
        return Batch(
            posts=tuple(posts.values()),
            cursor=_Cursor(places=places, held=_joined(held, server, found, gone)).model_dump_json(),
            gone=tuple(sorted(gone - posts.keys())),
            complete=not behind,
            state=failed[0].state if failed else _state(remarks, behind=behind),
            reason=" ".join(dict.fromkeys([*(error.reason for error in failed), *remarks])),
            wait=rest(failed, self.every),
        )

    def _lists(self) -> Iterator[_List]:
        within = {"community_name": self.community} if self.community else {}
        if self.latest:
            asked = {"type_": "All" if self.community else "Local"} | within
            yield _List("posts", "/api/v3/post/list", asked)
            yield _List("comments", "/api/v3/comment/list", asked)
        for words in self.search:
            asked = {"q": words, "type_": "All", "listing_type": "All"} | within
            yield _List(f"search {words}", _SEARCH, asked)


_SEARCH = "/api/v3/search"
_STUCK = (
    "A list repeats itself instead of going on, so some posts between the newest and those of last time may "
    "be missing. If this stays so, read one community, or search for words that are rarer."
)
_MISSED = (
    "More was written than the server lists, and the oldest of it was missed: read this source more often "
    "(every)."
)


class _Server:
    """One server for the time of one reading: every question goes through here."""

    def __init__(self, http: httpx.Client, source: Lemmy) -> None:
        self.http = http
        self.base = source.base_url
        self.host = source.host
        self.community = source.community
        self.channel = Channel.PUBLIC_MENTION if source.official is None else Channel.OFFICIAL_ACCOUNT

    def follow(
        self, one: _List, place: _Place, remarks: list[str], failed: list[Unavailable | Refused]
    ) -> tuple[_Place, list[_Item]]:
        """What is new in one list, and some of what the last time left, as far as it was read."""
        newest = self._walk(one, 1, max(place.top - OVERLAP, 0), MOST_PAGES if place.top else 1, failed)
        if failed and not newest.items:
            return place, []
        after = place.model_copy(update={"top": _top(place, newest)})
        if not place.top:
            return after, newest.items
        if newest.stuck:
            remarks.append(_STUCK)
        if newest.next and newest.lowest > place.top:
            # What an older gap lacks lies below this one: they become one, and some is read twice.
            floor = min(place.floor, place.top) if place.page else place.top
            return after.model_copy(update={"page": newest.next, "floor": floor}), newest.items
        if not place.page or failed:
            return after, newest.items
        # What has come since pushes the rest to later pages, what was deleted to the one before.
        older = self._walk(one, max(place.page - 1, 1), place.floor, MOST_PAGES, failed)
        if older.stuck:
            remarks.append(_STUCK)
        if older.next > DEEPEST:
            remarks.append(_MISSED)
        page = place.page if failed and not older.items else older.next if older.next <= DEEPEST else 0
        return after.model_copy(update={"page": page}), newest.items + older.items

    def checked(self, held: tuple[_Held, ...], gone: set[str]) -> tuple[list[_Held], list[_Item]]:
        """Ask for what was asked for longest ago; what still stands goes to the end."""
        items: list[_Item] = []
        left, standing = list(held), list[_Held]()
        for one in held[:CHECKS]:
            try:
                answer, _ = self._get(f"/api/v3/{one.kind}", {"id": one.number}, is_one=True)
            except _Gone:
                gone.add(one.id)
            except (Unavailable, Refused):
                # Not known: what we have just read is worth more than this, and it is asked for next time.
                break
            else:
                items.append(_Item(one.kind, _fields(answer.get(f"{one.kind}_view"))))
                standing.append(one)
            left.remove(one)
        return [*left, *standing], [item for item in items if item.number]

    def posts(self, items: list[_Item], gone: set[str]) -> dict[str, Post]:
        """Posts of what stands; what was deleted or removed is gone."""
        by_number: dict[tuple[str, int], _Item] = {(item.kind, item.number): item for item in items}
        posts: dict[str, Post] = {}
        for item in items:
            if item.own.get("deleted") is True or item.own.get("removed") is True:
                gone.add(self.name(item.kind, item.own))
                continue
            post = self._post(item, by_number)
            if post.text or post.title:
                posts[post.id] = post
        return posts

    def name(self, kind: str, own: _Fields) -> str:
        """The name of a post in all of the network, which is the same wherever it is seen."""
        said = _word(own, "ap_id")
        return said if 0 < len(said) <= _LONGEST_NAME else f"{self.host} {kind} {own.get('id')}"

    def _post(self, item: _Item, by_number: Mapping[tuple[str, int], _Item]) -> Post:
        own, topic = item.own, _fields(item.view.get("post"))
        name, is_post = self.name(item.kind, own), item.kind == "post"
        written = read_text(_word(own, "body" if is_post else "content"))
        linked = clean_link(_word(own, "url")) if is_post else None
        thread = self.name("post", topic) if topic.get("id") or topic.get("ap_id") else None
        answered = None if is_post else by_number.get(("comment", _answered(own)))
        title = one_line(_word(topic, "name"))[:500]
        said = one_line(_word(answered.own, "content"))[:5_000] if answered else ""
        parent = None if is_post else self._parent(own, answered, thread)
        return Post(
            platform="lemmy",
            id=name,
            url=clean_link(_word(own, "ap_id")) or f"{self.base}/{item.kind}/{item.number}",
            title=title if is_post else "",
            text=written.text,
            author=_author(_fields(item.view.get("creator"))),
            posted_at=when(_word(own, "published")),
            edited_at=when(_word(own, "updated")),
            channel=self.channel,
            parent=parent,
            parent_text="" if is_post else f"{title}\n{said}".strip(),
            thread=thread,
            links=tuple(dict.fromkeys([*([linked] if linked else []), *written.links])),
            has_media=bool(is_post and _has_media(own, linked)),
            sensitive=topic.get("nsfw") is True,
            answer=as_received(item.view),
        )

    def _parent(self, own: _Fields, answered: _Item | None, thread: str | None) -> str | None:
        if answered is not None:
            return self.name("comment", answered.own)
        number = _answered(own)
        return f"{self.host} comment {number}" if number else thread

    def _walk(
        self, one: _List, page: int, floor: float, pages: int, failed: list[Unavailable | Refused]
    ) -> _Walk:
        """Some pages, the newest first, until one that reaches down to the floor, or one that fails."""
        walk, seen = _Walk(next=page), set[tuple[str, int]]()
        for _ in range(pages):
            asked: dict[str, str | int] = {**one.asked, "sort": "New", "limit": PAGE, "page": walk.next}
            try:
                answer, now = self._get(one.path, asked)
                kinds = _listed(answer, self.base + one.path)
            except (Unavailable, Refused) as error:
                failed.append(error)
                break
            fresh = [item for items in kinds for item in items if (item.kind, item.number) not in seen]
            walk.now, walk.next = now or walk.now, walk.next + 1
            walk.items += fresh
            seen |= {(item.kind, item.number) for item in fresh}
            reached = [_last(items) for items in kinds if items]
            walk.lowest = max((at for at in reached if at is not None), default=math.inf)
            walk.stuck = any(kinds) and not fresh
            if walk.stuck or all(at is not None and at <= floor for at in reached):
                walk.next = 0
                break
        return walk

    def _get(
        self, path: str, asked: Mapping[str, str | int], *, is_one: bool = False
    ) -> tuple[dict[str, Any], float]:
        """The answer, and the second when it was given; raises _Gone, Unavailable or Refused."""

        def heed(page: Page) -> None:
            self._heed(page, is_one=is_one)

        url = f"{self.base}{path}?{urlencode(asked)}"
        page = read(self.http, url, headers={"accept": "application/json"}, limit=_LIMIT, heed=heed)
        refuse_walls(page)
        answer = _json(page.content)
        if page.truncated or not isinstance(answer, dict):
            what = "a web page" if page.is_html else page.cut or "something broken"
            raise _strange(page.url, what if page.content else "nothing")
        if answer.get("error"):
            heed(page)
            raise _strange(page.url, "an error")
        return answer, page.date.timestamp() if page.date else 0

    def _heed(self, page: Page, *, is_one: bool) -> None:
        """Say what an error means here; older servers answer 400 to everything, and name it in the body."""
        name = _word(_fields(_json(page.content)), "error")
        if page.status == codes.TOO_MANY_REQUESTS or name == "rate_limit_error":
            raise Unavailable(
                f"{spoken(page.url)} asks us to come less often.",
                State.RATE_LIMITED,
                retry_after(page.headers),
            )
        if is_one and (
            page.status in {codes.NOT_FOUND, codes.GONE} or re.match(r"couldnt_find|not_found", name)
        ):
            raise _Gone
        if name in {"instance_is_private", "not_logged_in", "incorrect_login"}:
            raise Refused(
                f"{spoken(self.base)} shows its posts only to people who sign in. Ask another server.",
                State.LOGIN_WALL,
            )
        if self.community and name.startswith(("couldnt_find", "not_found")):
            raise Refused(
                f"{spoken(self.base)} knows no community {self.community}. Write it as it stands in the "
                "address of the community, with @ and its server where it lives on another one.",
                State.BLOCKED,
            )


def _state(remarks: Collection[str], *, behind: bool) -> State:
    return State.PARSE_ERROR if _STUCK in remarks else State.BEHIND if behind or remarks else State.OK


def _joined(held: list[_Held], server: _Server, found: list[_Item], gone: set[str]) -> tuple[_Held, ...]:
    """What is asked for again, with what was found just now at the end."""
    known = {one.id for one in held}
    fresh = {server.name(item.kind, item.own): item for item in found}
    more = [
        _Held(kind=item.kind, number=item.number, id=name)
        for name, item in fresh.items()
        if name not in known
    ]
    return tuple(one for one in [*held, *more] if one.id not in gone)[-_HELD:]


def _top(place: _Place, newest: _Walk) -> float:
    """The newest second that was read. A post of the future must not hide those written until then."""
    top = max((item.at for item in newest.items if item.at is not None), default=newest.now)
    return max(place.top, min(top, newest.now) if newest.now else top)


def _last(items: list[_Item]) -> float | None:
    """The second of the last item that stands in its order."""
    return next((item.at for item in reversed(items) if item.at is not None), None)


def _listed(answer: _Fields, url: str) -> list[list[_Item]]:
    """The posts and the comments of one page, each as the server orders them."""
    kinds: list[list[_Item]] = []
    for name, kind in _KINDS:
        views = answer.get(name)
        if views is None:
            continue
        listed = [_Item(kind, view) for view in views if isinstance(view, dict)] if _is_list(views) else []
        kinds.append([item for item in listed if item.number])
        if not _is_list(views) or (views and not kinds[-1]):
            raise _strange(url, "posts of another kind")
    if not kinds:
        raise _strange(url, "something else")
    return kinds


_KINDS: tuple[tuple[str, Literal["post", "comment"]], ...] = (("posts", "post"), ("comments", "comment"))


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _answered(own: _Fields) -> int:
    """The id of the comment that a comment answers, 0 where it stands directly under the post."""
    path = _word(own, "path").split(".")
    return int(path[-2]) if len(path) > 2 and re.fullmatch(r"[0-9]{1,15}", path[-2]) else 0  # noqa: PLR2004  # the root, and itself


def _has_media(own: _Fields, linked: str | None) -> bool:
    return bool(_word(own, "thumbnail_url")) or bool(linked and _IMAGE.search(urlsplit(linked).path))


def _author(creator: _Fields) -> str | None:
    name = one_line(_word(creator, "name"))[:200]
    server = host_of(clean_link(_word(creator, "actor_id")) or "")
    handle = f"@{name}@{server}" if server else f"@{name}"
    return f"{one_line(_word(creator, 'display_name'))[:200]} ({handle})".strip() if name else None


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where version 3 of Lemmy's API was expected. We will try again; "
        "if it stays so, check base_url.",
        State.PARSE_ERROR,
    )


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(fields: _Fields, name: str) -> str:
    said = fields.get(name)
    return said if isinstance(said, str) else ""


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest page once more costs little.
        return _Cursor()
