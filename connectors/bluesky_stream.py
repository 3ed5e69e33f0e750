"""Bluesky's public stream (Jetstream): every public post as it is written; nobody signs in.

An event bears the time of the server's clock in microseconds; that is the cursor, on every server alike.
Facts are of Jetstream's own documentation, 2026.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from connectors.atproto import group, link, read_post, words
from connectors.connector import Refused, Stream, Unavailable
from connectors.durations import Duration
from connectors.post import Batch, Post, State
from connectors.text import host_of
from connectors.websocket import open_line

COLLECTION = "app.bsky.feed.post"
LARGEST = 1_500_000
"""Bytes of one event, a larger one is passed over; a post has at most 3,000 of text."""
MOST_EVENTS = 1_000
"""How many events are handed over at once."""
SPAN = 1.0
"""Seconds after which what came is handed over, however little it is."""
WAIT = 0.5
"""Seconds of waiting after which we look whether to stop."""
OVERLAP = timedelta(seconds=10)
"""How far before its cursor a stream is taken up again: clocks of two servers differ, and order is loose."""
LOOK_BACK = timedelta(hours=1)
"""How far back the first listening begins."""
LAG = timedelta(minutes=1)
"""How far behind the newest event we may be and still be up to date."""
GAP = timedelta(minutes=5)
"""When nothing is said for so long after a cursor, the server has kept nothing of that time."""
TOLD = timedelta(days=1)
"""For how long a gap that cannot be closed is told: one digest at least says so."""
LASTED = 60.0
"""Seconds after which a line that broke had been a good one."""
_FIRST_TIME = 1_500_000_000_000_000
_LAST_TIME = 100_000_000_000_000_000
_CLOSED_FOR_GOOD = frozenset(["deleted", "takendown"])
_DID = re.compile(r"did:[a-z]+:[\w.:%-]{1,2000}", re.ASCII)
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])


def _server(written: str) -> str:
    parts = urlsplit(written.strip())
    is_safe = parts.scheme == "wss" or (parts.scheme == "ws" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname:
        raise ValueError("write the address of a stream, as wss://jetstream1.us-east.bsky.network")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("write no name, password or question into the address of a stream")
    if parts.path not in {"", "/"}:
        raise ValueError("write the server alone, without a path")
    return f"{parts.scheme}://{parts.netloc}"


class BlueskyStream(Stream):
    """Every public post on Bluesky, as it is written; most are looked at and forgotten at once."""

    platform: Literal["bluesky_stream"]
    servers: Annotated[
        tuple[Annotated[str, Field(max_length=300), AfterValidator(_server)], ...],
        Field(
            min_length=1,
            max_length=10,
            description="The servers of the stream: when one fails, the next is listened to. No other "
            "host is asked.",
        ),
    ] = (
        "wss://jetstream1.us-east.bsky.network",
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
        "wss://jetstream2.us-west.bsky.network",
    )
    every: Annotated[
        Duration,
        Field(
            ge=timedelta(minutes=1),
            le=timedelta(days=1),
            description="How soon it is tried again after every server has failed; longer each time.",
        ),
    ] = timedelta(minutes=1)
    silence: Annotated[
        Duration,
        Field(
            ge=timedelta(seconds=1),
            le=timedelta(days=1),
            description="After how long without any event a server counts as failed.",
        ),
    ] = timedelta(minutes=1)

    @property
    def host(self) -> str:
        """The host of the first server."""
        return host_of(self.servers[0])

    def listen(
        self,
        http: httpx.Client,
        cursor: str | None,
        on_batch: Callable[[Batch], None],
        stop: Callable[[], bool],
    ) -> None:
        """Listen to one server after the other, as each fails; the error of the last when all have."""
        ear = _Ear(_kept(cursor), on_batch, stop, self.silence)
        failed = turn = 0
        while not stop():
            server, began = self.servers[turn % len(self.servers)], monotonic()
            try:
                ear.follow(http, server)
            except (Unavailable, Refused) as error:
                failed = 0 if monotonic() - began > LASTED else failed + 1
                if failed >= len(self.servers):
                    raise
                turn += 1
                other = host_of(self.servers[turn % len(self.servers)])
                ear.note = f"{error.reason} So {other} is listened to." if failed else ""


class _Cursor(BaseModel):
    """The time of the newest event that was handed over, and of what was missed: from, until."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    time_us: Annotated[int, Field(ge=_FIRST_TIME, le=_LAST_TIME)]
    lost: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Edge:
    """The time on a server's own clock: of its newest event, and when we heard that one."""

    time_us: int
    heard: float

    @property
    def now(self) -> int:
        return self.time_us + int((monotonic() - self.heard) * 1_000_000)


@dataclass(frozen=True, slots=True)
class _Event:
    """One thing that was said: a post, the id of one that is gone, the author of many, or none of these."""

    time_us: int
    post: Post | None = None
    gone: str = ""
    closed: str = ""


@dataclass(slots=True)
class _Gathered:
    """What came since the last batch; `again`: it was handed over before."""

    again: bool
    began: float = field(default_factory=monotonic)
    posts: list[Post] = field(default_factory=list)
    gone: dict[str, None] = field(default_factory=dict)
    closed: dict[str, None] = field(default_factory=dict)
    newest: int = 0
    events: int = 0
    unread: int = 0

    def add(self, event: _Event) -> None:
        if event.post is not None:
            self.posts.append(event.post)
            # Written anew under the id of one that was deleted.
            self.gone.pop(event.post.id, None)
        if event.gone:
            self.gone[event.gone] = None
        if event.closed:
            self.closed[event.closed] = None


class _Ear:
    """Listens to one server at a time, and knows how far we have heard."""

    def __init__(
        self,
        cursor: _Cursor | None,
        on_batch: Callable[[Batch], None],
        stop: Callable[[], bool],
        silence: timedelta,
    ) -> None:
        self.note = ""
        self._cursor = cursor
        self._on_batch = on_batch
        self._stop = stop
        self._silence = silence.total_seconds()
        self._gathered = _Gathered(again=False)
        self._heard = monotonic()
        self._ahead = 0

    def follow(self, http: httpx.Client, server: str) -> None:
        """Listen until it is time to stop; raises Unavailable or Refused when the line does not hold."""
        edge = self._edge(http, server)
        if edge is None:
            return
        start = self._start(edge)
        self._gathered = _Gathered(again=self._cursor is not None)
        self._ahead = 0
        with open_line(http, _address(server, start), LARGEST) as line:
            self._heard = monotonic()
            while not self._stop():
                try:
                    messages = line.receive(WAIT)
                except Unavailable:
                    # A line that breaks every time before a batch is full would bring nothing for ever.
                    self._hand_over(edge)
                    raise
                for message in messages:
                    self._hear(message, edge)
                is_time = monotonic() - self._gathered.began > SPAN
                if is_time and not self._stop():
                    self._hand_over(edge)
                if monotonic() - self._heard > self._silence:
                    raise _silent(server)
                if self._ahead > MOST_EVENTS:
                    raise Unavailable(f"{host_of(server)} has set its clock: it is asked anew.", State.BEHIND)

    def _edge(self, http: httpx.Client, server: str) -> _Edge | None:
        """What time it is there: asked before we go back in its past; None when it is time to stop."""
        with open_line(http, _address(server), LARGEST) as line:
            began = monotonic()
            while not self._stop():
                for message in line.receive(WAIT):
                    event = _read(message)
                    if event is not None:
                        return _Edge(event.time_us, monotonic())
                if monotonic() - began > self._silence:
                    raise _silent(server)
        return None

    def _start(self, edge: _Edge) -> int:
        """From when on to listen; a cursor from the future says nothing, so it is given up."""
        if self._cursor is not None and self._cursor.time_us > edge.now + _us(LAG):
            self._cursor = None
        if self._cursor is None:
            return max(edge.time_us - _us(LOOK_BACK), 0)
        return self._cursor.time_us - _us(OVERLAP)

    def _hear(self, message: bytes, edge: _Edge) -> None:
        """Take in one message."""
        event = _read(message)
        time_us = 0 if event is None else event.time_us
        if time_us > edge.now + _us(LAG):
            # A time that has not come yet says nothing of how far we are.
            time_us, self._ahead = 0, self._ahead + 1
        if self._gathered.again and self._cursor is not None and time_us > self._cursor.time_us:
            self._hand_over(edge)
            self._gathered.again = False
            self._look_for_gap(time_us)
        if self._gathered.events >= MOST_EVENTS:
            self._hand_over(edge)
        self._gathered.events += 1
        self._gathered.newest = max(self._gathered.newest, time_us)
        if event is None:
            self._gathered.unread += 1
        else:
            self._gathered.add(event)
            self._heard = monotonic()

    def _look_for_gap(self, time_us: int) -> None:
        """Note what a server has not kept: on the whole network somebody writes at every moment."""
        if self._cursor is not None and time_us - self._cursor.time_us > max(_us(GAP), self._silence * 1e6):
            self._cursor = _Cursor(time_us=self._cursor.time_us, lost=(self._cursor.time_us, time_us))

    def _hand_over(self, edge: _Edge) -> None:
        gathered, self._gathered = self._gathered, _Gathered(again=self._gathered.again)
        if not gathered.events:
            return
        after = _after(self._cursor, gathered.newest)
        lag = edge.now - after.time_us if after else 0
        began = monotonic()
        self._on_batch(
            Batch(
                posts=tuple(gathered.posts),
                gone=tuple(gathered.gone),
                gone_by=tuple(gathered.closed),
                cursor=after.model_dump_json() if after else None,
                complete=lag <= _us(LAG),
                state=_state(gathered, after),
                reason=" ".join(filter(None, [*_said(gathered, after, lag), self.note])),
                platform="bluesky",
                again=gathered.again,
            )
        )
        self._cursor = after
        # While we were thinking, they could not be heard.
        self._heard += monotonic() - began


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _after(before: _Cursor | None, newest: int) -> _Cursor | None:
    """Where to go on after a batch; a gap is told for a day."""
    if before is None:
        return _Cursor(time_us=newest) if newest else None
    time_us = max(before.time_us, newest)
    told = before.lost is not None and time_us > before.lost[1] + _us(TOLD)
    return _Cursor(time_us=time_us, lost=None if told else before.lost)


def _state(gathered: _Gathered, after: _Cursor | None) -> State:
    if gathered.unread * 2 > gathered.events:
        return State.PARSE_ERROR
    return State.BEHIND if after is not None and after.lost is not None else State.OK


def _said(gathered: _Gathered, after: _Cursor | None, lag: int) -> Iterator[str]:
    if gathered.unread:
        yield f"{gathered.unread} of {gathered.events} events could not be read just now."
    if after is not None and after.lost is not None:
        since, until = (f"{_time(moment):%Y-%m-%d %H:%M}" for moment in after.lost)
        yield f"What was written from {since} to {until} UTC was not kept there, and is missed."
    if lag > _us(LAG):
        yield f"It is {lag // 60_000_000} min behind, and catches up."


def _read(message: bytes) -> _Event | None:
    """What one message says; None where that cannot be told."""
    try:
        said = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    time_us = said.get("time_us")
    if type(time_us) is not int or not _FIRST_TIME <= time_us <= _LAST_TIME:
        return None
    if said.get("kind") == "commit":
        return _read_commit(time_us, words(said.get("did")), group(said.get("commit")))
    if said.get("kind") == "account":
        return _Event(time_us, closed=_closed(group(said.get("account"))))
    # A changed name, or what is not known yet.
    return _Event(time_us)


def _read_commit(time_us: int, did: str, commit: Mapping[str, Any]) -> _Event | None:
    if commit.get("collection") != COLLECTION:
        return _Event(time_us)
    operation, at = commit.get("operation"), _time(time_us)
    uri = f"at://{did}/{COLLECTION}/{words(commit.get('rkey'))}"
    if operation == "delete":
        return _Event(time_us, gone=uri) if link(uri) else None
    if operation not in {"create", "update"} or not isinstance(commit.get("record"), dict):
        return None
    item = {"uri": uri, "record": commit["record"], "author": {"did": did}, "indexedAt": at.isoformat()}
    post = read_post(item)
    if post is None:
        return None
    return _Event(time_us, replace(post, edited_at=at) if operation == "update" else post)


def _closed(account: Mapping[str, Any]) -> str:
    """How the ids of all posts begin whose author's account is closed for good; nothing where it is not.

    One that is suspended or deactivated may come back with all that it wrote.
    """
    did = words(account.get("did"))
    is_shut = account.get("active") is False and account.get("status") in _CLOSED_FOR_GOOD
    return f"at://{did}/" if is_shut and _DID.fullmatch(did) else ""


def _time(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1e6, UTC)


def _address(server: str, start: int | None = None) -> str:
    asked: dict[str, Any] = {"wantedCollections": COLLECTION, "maxMessageSizeBytes": LARGEST}
    return f"{server}/subscribe?{urlencode(asked if start is None else asked | {'cursor': start})}"


def _silent(server: str) -> Unavailable:
    return Unavailable(
        f"{host_of(server)} has said nothing that can be read for a while. We will try again.", State.BEHIND
    )


def _kept(cursor: str | None) -> _Cursor | None:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else None
    except ValidationError:
        # Of another version: an hour is heard once more, and the store knows what it had.
        return None
