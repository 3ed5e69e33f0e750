"""What Meta's Graph API answers alike for Facebook, Instagram and Threads: errors, pages, limits, tokens.

The shapes are from Meta's documentation (2026) and from recorded answers of versions 4 to 11. The token goes
in a header, never in an address, and we page by `after`: `paging.next` has the token in it. Not checked on
the live service: that `Authorization: Bearer` is taken for every question, and `debug_token` by POST. Where
the latter is not answered, the end of a token is not known beforehand.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
from httpx import codes
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.connector import Refused, Unavailable
from connectors.post import Batch, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import with_given
from connectors.text import clean, http_address

VERSION = "v26.0"
"""The version of the Graph API that is asked for Facebook and Instagram."""
MOST_PAGES = 10
"""The most pages of one listing that are read at once; the rest follows at the next reading."""
FIRST_PAGES = 2
"""How many pages of each listing the first batch reads."""
MOST_THREADS = 25
"""Under how many posts at once the comments are read."""
MOST_POSTS = 1_000
"""How many of the account's own posts are remembered, the newest ones."""
FULL = 90
"""From how many hundredths of a limit on nothing more is asked."""
NOTICE = timedelta(days=14)
"""How long before a token ends a person hears of it."""
_ANCHORS = 200
_FLOOR = 30
_HELD = 2_000
_SMALL = 300
_CHECKS = 20
_DAY = 86_400
_LONGEST_PAGE = 500
_LONGEST_POSITION = 4_000
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_POSITION = ("after", "until", "__paging_token", "offset")
_TOKEN = frozenset([102, 190, 463, 467])
_PERMISSION = frozenset([3, 10, *range(200, 300)])
_TOO_OFTEN = frozenset([4, 17, 32, 613, *range(80_000, 80_015)])
_UNKNOWN = frozenset([24, 100, 803])
_FAULT = frozenset([1, 2])
_WHY = {
    458: "its app is no longer allowed by the account",
    459: "the account has to be confirmed: sign in there in a browser",
    460: "the password of the account was changed",
    463: "it has expired",
    464: "the account has to be confirmed: sign in there in a browser",
}
_MORE = "More was written than is read at once; the rest is read next time."
_REPEATS = (
    "The same page was given again instead of the next one, so older posts may be missing. If this stays so, "
    "a newer version of this program is needed."
)


def _word(value: object) -> str:
    return clean(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _thing(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _yes(value: object) -> bool:
    return value is True


Word = Annotated[str, BeforeValidator(_word)]
"""A text or number of an answer as text; anything else is empty."""
Thing = Annotated[dict[str, Any], BeforeValidator(_thing), Field(default_factory=dict)]
"""An object of an answer; anything else is empty."""
Yes = Annotated[bool, BeforeValidator(_yes)]
"""Whether an answer says so."""


class Item(BaseModel):
    """One line of a listing; each platform adds the fields that it asks for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[Word, Field(min_length=1, max_length=200)]
    given: Thing
    _keep = model_validator(mode="before")(with_given)


One = TypeVar("One", bound=Item)
Root = TypeVar("Root", bound=Item)
Answer = TypeVar("Answer", bound=Item)


class Place(BaseModel):
    """How far a listing with the newest first is read; an open gap lies between `gap` and `floor`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    anchors: tuple[str, ...] = ()
    begun: bool = False
    is_open: bool = False
    gap: Annotated[str, Field(max_length=_LONGEST_POSITION)] = ""
    floor: tuple[str, ...] = ()


class Thread(BaseModel):
    """What is known of one post: how it looked when it was read, where to go on, and what stood under it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mark: str = ""
    after: Annotated[str, Field(max_length=_LONGEST_POSITION)] = ""
    ids: tuple[str, ...] = ()


class Own(BaseModel):
    """The account's posts, newest first, and where the round over its older posts goes on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    threads: dict[str, Thread] = {}
    round_at: Annotated[str, Field(max_length=_LONGEST_POSITION)] = ""
    passed: int = 0


class Token(BaseModel):
    """When the token ends and when we asked, in seconds of 1970; 0 where it is not known. Never the token."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    asked: int = 0
    ends: int = 0


class Missing(Exception):
    """What was asked for is not there, or is not shown to us: Meta does not say which."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code

    def refusal(self) -> Refused:
        """The same where nothing can be read without it."""
        return Refused(str(self), State.BLOCKED)


@dataclass(frozen=True, slots=True)
class Listed(Generic[One]):
    """One page of a listing; `after` is where the next one begins, empty where there is none."""

    items: tuple[One, ...]
    after: str


@dataclass(slots=True)
class Found:
    """What one reading brought, and what a person should know of it."""

    posts: dict[str, Post] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    waiting: bool = False
    missed: bool = False
    remarks: list[str] = field(default_factory=list)
    failed: list[Unavailable | Refused] = field(default_factory=list)
    done: int = 0

    def add(self, posts: Iterable[Post]) -> None:
        """Posts of one part; what two parts bring is kept once, as the first one has it."""
        for post in posts:
            self.posts.setdefault(post.id, post)

    def keep(self, read: "Newest[One]") -> Place:
        """What is to be known of one listing; its new place."""
        self.waiting = self.waiting or read.place.is_open
        self.missed = self.missed or bool(read.remark)
        self.remarks.extend(filter(None, [read.remark]))
        self.failed.extend(read.failed)
        return read.place

    def heard(self, said: "Said[Root, Answer]") -> Own:
        """What is to be known of the account's posts; how far they are read now."""
        self.waiting = self.waiting or said.waiting
        self.gone.update(said.gone)
        self.failed.extend(said.failed)
        return said.own

    def attempt(self, part: Callable[[], None]) -> bool:
        """Read one part; its failure does not hold up the others. False where nothing more may be asked."""
        try:
            part()
        except (Unavailable, Refused) as error:
            self.failed.append(error)
        except Missing as error:
            self.failed.append(error.refusal())
        else:
            self.done += 1
        is_down = sum(isinstance(error, Unavailable) for error in self.failed) > 1
        return not is_down and not any(error.state is State.RATE_LIMITED for error in self.failed)

    def batch(self, cursor: BaseModel, every: timedelta) -> Batch:
        """All of it as a batch; raises the first failure where no part could be read at all."""
        if self.failed and not self.done:
            raise self.failed[0]
        said = [error.reason for error in self.failed] + self.remarks + ([_MORE] if self.waiting else [])
        state = State.BEHIND if self.waiting or self.missed else State.OK
        return Batch(
            posts=tuple(self.posts.values()),
            cursor=cursor.model_dump_json(),
            gone=tuple(sorted(self.gone - self.posts.keys())),
            complete=not self.waiting,
            state=self.failed[0].state if self.failed else state,
            reason=" ".join(dict.fromkeys(said)),
            wait=rest(self.failed, every),
        )


class Lister(Protocol):
    """What can be asked for the pages of a listing."""

    def listing(
        self, kind: type[One], path: str, asked: Mapping[str, str | int], at: str = ""
    ) -> Listed[One]:
        """One page of a listing, from a position that an earlier page gave."""


class Graph:
    """One Graph API for the time of one reading: every question goes through here."""

    def __init__(self, http: httpx.Client, base: str, token: SecretStr, *, tells_next: bool = True) -> None:
        """`tells_next` is false where a page has no `paging.next` although another one follows."""
        self.http = http
        self.base = base
        self.tells_next = tells_next
        self.now: datetime | None = None
        self._secret = token
        self._rest: Unavailable | None = None

    def get(self, path: str, asked: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """The answer to one question; raises Missing, Unavailable or Refused."""
        if self._rest is not None:
            raise self._rest
        address = f"{self.base}/{path}" + (f"?{urlencode(asked)}" if asked else "")
        page = read(self.http, address, headers=self._headers(), heed=_heed)
        self._note(page)
        return _content(page)

    def listing(
        self, kind: type[One], path: str, asked: Mapping[str, str | int], at: str = ""
    ) -> Listed[One]:
        """One page of a listing, from a position that an earlier page gave."""
        answer = self.get(path, {**asked, **dict(parse_qsl(at))})
        lines = answer.get("data")
        if not isinstance(lines, list):
            raise _strange(f"{self.base}/{path}", "something that is no list")
        items = tuple(filter(None, (_item(kind, line) for line in lines[:_LONGEST_PAGE])))
        if lines and not items:
            raise _strange(f"{self.base}/{path}", "a list of another kind")
        return Listed(items, self._after(_thing(answer.get("paging"))) if lines else "")

    def is_gone(self, item: str) -> bool:
        """Whether something that is listed no longer was deleted; what cannot be asked is not."""
        try:
            self.get(quote(item, safe=""), {"fields": "id"})
        except Missing:
            return True
        except (Unavailable, Refused):
            return False
        return False

    def token(self, before: Token) -> Token:
        """When the token ends, asked once a day; what is not answered is not known."""
        if self.now is None or self._rest is not None:
            return before
        now = int(self.now.timestamp())
        if 0 <= now - before.asked < _DAY:
            return before
        # By POST, so that the token stands in no address, and so in no log of a proxy on the way.
        login = {"input_token": self._secret.get_secret_value(), "method": "get"}
        try:
            page = read(
                self.http, f"{self.base}/debug_token", headers=self._headers(), login=login, heed=_heed
            )
            facts = _thing(_content(page).get("data"))
        except (Missing, Unavailable, Refused):
            return before.model_copy(update={"asked": now})
        ends = [facts.get(name) for name in ("expires_at", "data_access_expires_at")]
        known = [end for end in ends if isinstance(end, int) and 0 < end < 1 << 35]
        return Token(asked=now, ends=min(known, default=0))

    def warning(self, token: Token) -> str:
        """What to say of a token that ends soon; empty where it does not."""
        if self.now is None or not token.ends:
            return ""
        ends = datetime.fromtimestamp(token.ends, UTC)
        if ends - self.now > NOTICE:
            return ""
        return f"The token ends on {ends.day} {ends:%B %Y}: make a new one before (docs/sources.md)."

    def _headers(self) -> dict[str, str]:
        return {
            "accept": "application/json",
            "authorization": f"Bearer {self._secret.get_secret_value()}",
        }

    def _note(self, page: Page) -> None:
        self.now = page.date or self.now
        if _usage(page.headers) >= FULL:
            self._rest = _too_often(page)

    def _after(self, paging: Mapping[str, Any]) -> str:
        """Where the next page begins, without the token that `next` has in it."""
        following = _word(paging.get("next"))
        after = _word(_thing(paging.get("cursors")).get("after"))
        if not following and self.tells_next:
            return ""
        if after:
            return urlencode({"after": after})[:_LONGEST_POSITION]
        asked = dict(parse_qsl(_query(following)))
        return urlencode({name: asked[name] for name in _POSITION if name in asked})[:_LONGEST_POSITION]


@dataclass(frozen=True, slots=True)
class Newest(Generic[One]):
    """What a walk down a listing brought."""

    items: tuple[One, ...]
    place: Place
    remark: str
    failed: tuple[Unavailable, ...]


def newest(
    graph: Lister,
    kind: type[One],
    path: str,
    asked: Mapping[str, str | int],
    place: Place,
    *,
    in_order: bool = True,
) -> Newest[One]:
    """A listing from its newest down to what is known, and some of an older gap.

    Where it is not in order, it is read until a page has nothing new.
    """
    known = frozenset(place.anchors)

    def is_met(ids: set[str]) -> bool:
        return place.begun and (not known.isdisjoint(ids) if in_order else ids <= known)

    walk = _Walk(graph, kind, path, asked)
    walk.down("", MOST_PAGES if place.begun else FIRST_PAGES, is_met)
    top = tuple(walk.items)
    anchors = tuple(dict.fromkeys([*top, *place.anchors]))[:_ANCHORS]
    after = Place(anchors=anchors, begun=True)
    if place.begun and walk.at:
        # What an older gap lacks lies below this one: they become one, and some is read twice.
        floor = place.floor if place.is_open else place.anchors[:_FLOOR]
        after = after.model_copy(update={"is_open": True, "gap": walk.at, "floor": floor})
    elif place.is_open:
        walk.at = place.gap
        floor_ids = frozenset(place.floor)
        try:
            walk.down(place.gap, MOST_PAGES, lambda ids: not floor_ids.isdisjoint(ids))
        except Missing:
            # A position lives for a while only: begin again from the top, down to the same floor.
            walk.at = ""
            after = after.model_copy(update={"is_open": True, "floor": place.floor})
        if walk.at or walk.failed:
            after = after.model_copy(update={"is_open": True, "gap": walk.at, "floor": place.floor})
    return Newest(tuple(walk.items.values()), after, walk.remark, walk.failed)


def whole(
    graph: Lister, kind: type[One], path: str, asked: Mapping[str, str | int]
) -> tuple[tuple[One, ...], bool]:
    """A listing as far as it is read at once, and whether that was all of it."""
    walk = _Walk(graph, kind, path, asked)
    walk.down("", MOST_PAGES, lambda _: False)
    return tuple(walk.items.values()), not walk.at


class _Walk(Generic[One]):
    """One way down a listing; `at` is where it had to stop, empty where it came to its end."""

    def __init__(self, graph: Lister, kind: type[One], path: str, asked: Mapping[str, str | int]) -> None:
        self.graph = graph
        self.kind = kind
        self.path = path
        self.asked = asked
        self.items: dict[str, One] = {}
        self.at = ""
        self.last = ""
        self.remark = ""
        self.failed: tuple[Unavailable, ...] = ()

    def down(self, at: str, pages: int, is_met: Callable[[set[str]], bool]) -> None:
        """Read on from a position until `is_met` says so of a page, the list ends, or it is enough."""
        seen: set[str] = set()
        for _ in range(pages):
            try:
                page, self.last = self.graph.listing(self.kind, self.path, self.asked, at), at
            except Unavailable as error:
                if not self.items:
                    raise
                # What was read is worth keeping: the next reading goes on from here.
                self.at, self.failed = at, (error,)
                return
            ids = {item.id for item in page.items}
            self.items |= {item.id: item for item in page.items if item.id not in self.items}
            if seen and ids <= seen and page.after:
                self.remark = _REPEATS if ids else ""
            if not page.after or ids <= seen or is_met(ids):
                self.at = ""
                return
            seen |= ids
            at = page.after
        self.at = at


@dataclass(frozen=True, slots=True)
class Below(Generic[Root, Answer]):
    """The account's own posts, and how what stands under each of them is asked for.

    `mark` changes when something was said under a post, and is empty where nothing was; under the newest
    `always` posts all is read each time, for edits change no mark. Where it is `blind`, a mark tells that
    there are answers but not how many, and older posts are read again in their turn, too. `unfold` gives an
    answer with its own.
    """

    root: type[Root]
    path: str
    asked: Mapping[str, str | int]
    mark: Callable[[Root], str]
    answer: type[Answer]
    edge: str
    asked_below: Mapping[str, str | int]
    unfold: Callable[[Answer], Iterable[Answer]] = lambda answer: (answer,)
    oldest_first: bool = True
    always: int = 5
    blind: bool = False


@dataclass(slots=True)
class Said(Generic[Root, Answer]):
    """The account's own posts that were listed, and what was said under those that were read."""

    threads: dict[str, Thread]
    own: Own = field(default_factory=Own)
    roots: list[Root] = field(default_factory=list)
    answers: list[tuple[Root, Answer]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    waiting: bool = False
    failed: list[Unavailable | Refused] = field(default_factory=list)
    checks: int = _CHECKS

    def thread(self, name: str) -> Thread:
        """What is known of one post by now."""
        return self.threads.get(name, Thread())


def follow(graph: Graph, below: Below[Root, Answer], own: Own) -> Said[Root, Answer]:
    """What is new under the account's newest posts, and under some of the older ones, in turn."""
    said: Said[Root, Answer] = Said(dict(own.threads))
    page = graph.listing(below.root, below.path, below.asked)
    said.waiting = _read(graph, below, page.items, said, always=below.always)
    _forget_deleted(graph, page, own, said)
    round_at, passed = own.round_at or page.after, own.passed
    if not said.waiting and not said.failed and round_at:
        round_at, passed = _go_round(graph, below, round_at, passed, said)
    order = list(dict.fromkeys([*(root.id for root in page.items), *said.threads]))[:MOST_POSTS]
    kept = {name: said.threads[name] for name in order if name in said.threads}
    said.own = Own(threads=_bounded(kept), round_at=round_at, passed=passed)
    return said


def _go_round(
    graph: Graph, below: Below[Root, Answer], at: str, passed: int, said: Said[Root, Answer]
) -> tuple[str, int]:
    """One page of the older posts; where the round goes on, and how many it has passed."""
    try:
        page = graph.listing(below.root, below.path, below.asked, at)
        is_unread = _read(graph, below, page.items, said, always=MOST_THREADS if below.blind else 0)
    except Missing:
        # The position lives no longer: begin the round again.
        return "", 0
    except (Unavailable, Refused) as error:
        said.failed.append(error)
        return at, passed
    if is_unread or said.failed:
        return at, passed
    passed += len(page.items)
    return (page.after, passed) if page.after and passed < MOST_POSTS else ("", 0)


def _read(
    graph: Graph, below: Below[Root, Answer], roots: Sequence[Root], said: Said[Root, Answer], *, always: int
) -> bool:
    """Read under those that have changed; whether some are left for the next time."""
    said.roots.extend(roots)
    changed: list[tuple[Root, str]] = []
    again: list[tuple[Root, str]] = []
    for number, root in enumerate(roots):
        mark, before = below.mark(root), said.thread(root.id)
        if mark != before.mark or (before.ids and not mark):
            changed.append((root, mark))
        elif mark and number < always and (below.oldest_first or len(before.ids) <= _SMALL):
            again.append((root, mark))
        else:
            said.threads[root.id] = before
    # Those that are only read again come last, so that they never keep us from the others.
    for root, mark in [*changed, *again][:MOST_THREADS]:
        try:
            said.threads[root.id] = _thread(graph, below, root, mark, said)
        except Missing:
            said.threads[root.id] = said.thread(root.id).model_copy(update={"mark": mark, "after": ""})
        except (Unavailable, Refused) as error:
            said.failed.append(error)
            if error.state is State.RATE_LIMITED or len(said.failed) > 1:
                break
    return any(mark != said.thread(root.id).mark for root, mark in changed)


def _thread(
    graph: Graph, below: Below[Root, Answer], root: Root, mark: str, said: Said[Root, Answer]
) -> Thread:
    """All that stands under one post; of a long thread, what follows the place where we stopped."""
    before = said.thread(root.id)
    walk = _Walk(graph, below.answer, f"{quote(root.id, safe='')}/{below.edge}", below.asked_below)
    start = before.after
    try:
        walk.down(start, MOST_PAGES, lambda _: False)
    except Missing:
        if not start:
            raise
        start = ""
        walk.down("", MOST_PAGES, lambda _: False)
    said.failed.extend(walk.failed)
    answers = [each for one in walk.items.values() for each in below.unfold(one)]
    said.answers.extend((root, answer) for answer in answers)
    here = dict.fromkeys(answer.id for answer in answers)
    absent = [name for name in before.ids if name not in here]
    if walk.at or start or walk.remark:
        # Not seen as a whole: what is absent may stand in the other part.
        rest = walk.at or (walk.last if below.oldest_first else "")
        return Thread(mark="" if walk.at else mark, after=rest, ids=(*here, *absent))
    asked, left = absent[: said.checks], absent[said.checks :]
    said.checks -= len(asked)
    gone = [name for name in asked if graph.is_gone(name)]
    said.gone.extend(gone)
    standing = [name for name in asked if name not in gone]
    # The end of a long thread is read from its last page on.
    rest = walk.last if below.oldest_first and len(here) > _SMALL else ""
    return Thread(mark="" if left else mark, after=rest, ids=(*here, *left, *standing))


def _forget_deleted(graph: Graph, page: Listed[Root], own: Own, said: Said[Root, Answer]) -> None:
    """The account's posts that are listed no longer, with all that stood under them."""
    listed = frozenset(root.id for root in page.items)
    names = tuple(own.threads)
    missing = _above(names, listed) if page.after else tuple(name for name in names if name not in listed)
    for name in missing[: said.checks]:
        said.checks -= 1
        if graph.is_gone(name):
            said.gone.extend((name, *said.thread(name).ids))
            said.threads.pop(name, None)


def _above(held: Sequence[str], listed: Iterable[str]) -> tuple[str, ...]:
    """Those that are listed no longer although something older than they still is."""
    here = frozenset(listed)
    lowest = max((at for at, name in enumerate(held) if name in here), default=-1)
    return tuple(name for name in held[: lowest + 1] if name not in here)


def _bounded(threads: Mapping[str, Thread]) -> dict[str, Thread]:
    """The threads with the ids of the newest only: they are needed to notice what vanishes."""
    left = _HELD
    bounded: dict[str, Thread] = {}
    for name, thread in threads.items():
        bounded[name] = thread.model_copy(update={"ids": thread.ids[:left]})
        left -= len(bounded[name].ids)
    return bounded


def server_address(written: str) -> str:
    """The address of a server that may be sent a token; raises ValueError."""
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: a token is sent there")
    if "?" in url or "#" in url:
        raise ValueError("write the address of the server alone, as https://graph.example")
    return url


def usable_token(secret: SecretStr) -> SecretStr:
    """A token that can be sent; raises ValueError."""
    if not re.fullmatch(r"[ -~]{1,4000}", secret.get_secret_value()):
        raise ValueError("the token has signs that no token has; copy it again")
    return secret


def number(value: object) -> str:
    """A count in an answer as a mark: empty where there is none, or it is 0."""
    return str(value) if isinstance(value, int) and value > 0 else ""


def things(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a list in an answer, whether it stands there itself or as `data`."""
    lines = _thing(value).get("data") if isinstance(value, dict) else value
    return filter(None, map(_thing, lines[:_LONGEST_PAGE])) if isinstance(lines, list) else iter(())


def _item(kind: type[One], line: object) -> One | None:
    try:
        return kind.model_validate(line)
    except ValidationError:
        return None


def _content(page: Page) -> dict[str, Any]:
    """What an answer holds; raises where it is an error, or no answer at all."""
    if page.cut:
        raise Unavailable(f"{spoken(page.url)} could not be read: {page.cut}.", State.PARSE_ERROR)
    answer = _json(page)
    if answer is None:
        refuse_walls(page)
        what = "a web page" if page.is_html else "something broken" if page.content else "nothing"
        raise _strange(page.url, what)
    if "error" in answer:
        _explain(page, _thing(answer["error"]))
    return answer


def _json(page: Page) -> dict[str, Any] | None:
    try:
        answer = json.loads(page.content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _heed(page: Page) -> None:
    """Say what an error means, where the answer tells more than its status."""
    answer = _json(page) or {}
    if page.status == codes.TOO_MANY_REQUESTS:
        raise _too_often(page)
    if isinstance(answer.get("error"), dict):
        _explain(page, answer["error"])


def _explain(page: Page, error: Mapping[str, Any]) -> None:
    """Raise what an error means: by its numbers, since its words may quote the token."""
    code, subcode = (value if isinstance(value, int) else 0 for value in map(error.get, _NUMBERS))
    where = f"{spoken(page.url)} ({page.status}, error {code}{f'/{subcode}' if subcode else ''})"
    if code in _TOO_OFTEN:
        raise _too_often(page)
    if code in _TOKEN:
        raise Refused(
            f"{where} does not accept the token: {_WHY.get(subcode, 'it is wrong or has ended')}. Make a new "
            "one (docs/sources.md).",
            State.AUTH_EXPIRED,
        )
    if code in _PERMISSION:
        raise Refused(
            f"{where} does not let the token read this. Make one with all permissions that "
            "docs/sources.md names; the app may have to be reviewed by Meta first.",
            State.AUTH_EXPIRED,
        )
    if code in _UNKNOWN:
        raise Missing(
            f"{where} is not there, or not shown to this token. Check the id, and that the token has all "
            "permissions that docs/sources.md names.",
            code,
        )
    if code in _FAULT or error.get("is_transient") is True or page.status >= codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(
            f"{where} has a fault of its own. We will try again.", State.BEHIND, retry_after(page.headers)
        )
    raise Refused(f"{where} does not answer this question. Look the number up at Meta.", State.BLOCKED)


_NUMBERS = ("code", "error_subcode")


def _too_often(page: Page) -> Unavailable:
    wait = retry_after(page.headers) or _regained(page.headers)
    return Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)


def _usage(headers: httpx.Headers) -> float:
    """How much of the fullest limit is used, in hundredths."""
    counts = [
        each.get(name) for each in _limits(headers) for name in ("call_count", "total_time", "total_cputime")
    ]
    return max((count for count in counts if isinstance(count, int | float)), default=0)


def _regained(headers: httpx.Headers) -> timedelta | None:
    """How long until we may ask again, where the headers say so, in minutes."""
    waits = [each.get("estimated_time_to_regain_access") for each in _limits(headers)]
    minutes = max((wait for wait in waits if isinstance(wait, int) and wait > 0), default=0)
    return min(timedelta(minutes=min(minutes, _DAY)), LONGEST_WAIT) if minutes else None


def _limits(headers: httpx.Headers) -> Iterator[dict[str, Any]]:
    for name in ("x-app-usage", "x-page-usage"):
        yield _thing(_header(headers, name))
    for accounts in _thing(_header(headers, "x-business-use-case-usage")).values():
        yield from things(accounts)


def _header(headers: httpx.Headers, name: str) -> object:
    try:
        return json.loads(headers.get(name, "")[:20_000] or "{}")
    except (ValueError, RecursionError):
        return {}


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where the Graph API was expected. We will try again; if it "
        "stays so, a newer version of this program is needed.",
        State.PARSE_ERROR,
    )
