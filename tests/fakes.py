"""Stand-ins at the edges of the world: a clock that is set by hand, a wall that is read, a mail server."""

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Any, Literal

import httpx
from aiosmtpd.controller import Controller
from mailserver import stop
from pydantic import ConfigDict

from connectors.connector import Connector
from connectors.post import Batch, Post
from monitor.captures import Capture, Kind, Link, Order, Progress, Taken

MORNING = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CONFIG = """
schools:
  - {{id: harrowby-green, name: Harrowby Green Primary School, also: [Harrowby Green], near: [Harrowby]}}
sources: [{{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}}]
people:
  dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]
  head: [{{name: Hale Headley, email: head@harrowbygreen.example}}]
  chair: [{{name: Chris Chair, email: chair@harrowbygreen.example}}]
  administrators: [{{name: Ada Admin, email: it@harrowbygreen.example}}]
network: {{allow: [127.0.0.1]}}
data: {data}
{more}
"""


def write_config(folder: Path, more: str = "", **changed: str) -> Path:
    """A configuration in this folder; `changed` replaces words in it."""
    text = CONFIG.format(data=folder / "data", more=more)
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "monitor.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class Clock:
    """Shows the time that it was set to."""

    def __init__(self, at: datetime = MORNING) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        """Let time pass; negative spans put the clock back."""
        self.at += timedelta(**span)
        return self.at


def threat(number: int = 1) -> str:
    """A threat that is critical, in words of its own; invented."""
    names = ("Orla", "Bram", "Tess", "Wilf", "Nia", "Ruben", "Ida", "Cato", "Mabel", "Otis", "Suki", "Fenn")
    places = ("gate", "field", "car park", "crossing", "bus stop", "bike shed", "chapel", "library", "lane")
    whom, where = names[number % len(names)], places[number // len(names) % len(places)]
    return (
        f"I will wait for {whom} with a knife at the {where} of Harrowby Green at 3, as told on day {number}"
    )


@dataclass
class Wall:
    """What hangs on a wall, newest last, and what it cost to look at it."""

    posts: list[Post] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    fault: Exception | None = None
    before: Callable[[], object] = lambda: None
    whole: bool = False
    """Whether it shows everything each time, as feeds do, or only what is new."""
    name: str = "wall"
    more: bool = False
    """Whether it says that more waits behind."""
    wait: timedelta | None = None
    """How long it asks to be left alone."""

    def pin(self, text: str, *, at: datetime | None = MORNING, **changes: Any) -> Post:
        """Hang up one more post."""
        number = len(self.posts) + 1
        facts: dict[str, Any] = {
            "platform": "feed",
            "id": f"{self.name}-{number}",
            "url": f"http://127.0.0.1:9/{self.name}/{number}",
            "text": text,
            "author": "Pat Writer",
            "posted_at": at,
        }
        self.posts.append(Post(**(facts | changes)))
        return self.posts[-1]

    def look(self, cursor: str | None) -> Batch:
        """Everything since the cursor."""
        self.asked.append(cursor)
        self.before()
        if self.fault is not None:
            raise self.fault
        seen = 0 if self.whole else int(cursor or 0)
        return Batch(
            posts=tuple(self.posts[seen:]),
            cursor=str(len(self.posts)),
            complete=not self.more,
            wait=self.wait,
        )


class WallReader(Connector):
    """Reads a wall instead of a platform."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    platform: Literal["feed"] = "feed"
    wall: Any
    at_host: str = "127.0.0.1:9"

    @property
    def host(self) -> str:
        """Whose wall it is."""
        return self.at_host

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Look at the wall."""
        found: Batch = self.wall.look(cursor)
        return found


@dataclass
class Lens:
    """A camera that sees nothing: it is slow, or fails, as it is told."""

    fault: Exception | None = None
    before: Callable[[], object] = lambda: None
    locks: bool = False
    orders: list[Order] = field(default_factory=list)

    def take(self, order: Order, at: datetime) -> Taken:
        """Take it or fail."""
        self.orders.append(order)
        self.before()
        if self.fault is not None:
            raise self.fault
        return self._taken(order, at, Progress.COMPLETE, ())

    def give_up(self, order: Order, reason: str, at: datetime) -> Taken:
        """Say why there is none."""
        return self._taken(order, at, Progress.LIMITED, (reason,))

    def place(self, taken: Taken, link: Link) -> Capture:
        """Say that it lies there."""
        return Capture(
            id=taken.id,
            alert=taken.alert,
            kind=taken.kind,
            progress=taken.progress,
            captured_at=taken.captured_at,
            folder=taken.folder,
            files=(),
            record_sha256=f"{link.index:064x}",
            limits=taken.limits,
            locks=taken.locks,
            school=taken.school,
            link=link,
        )

    def close(self) -> None:
        """Nothing to close."""

    def _taken(self, order: Order, at: datetime, progress: Progress, limits: tuple[str, ...]) -> Taken:
        return Taken(
            id=order.id,
            school=order.school,
            alert=order.alert,
            kind=Kind.METADATA_ONLY,
            progress=progress,
            captured_at=at,
            folder=f"{order.school}/2026/{order.id}",
            limits=limits,
            locks=self.locks,
        )


class Hang:
    """Something that hangs until it is let go."""

    def __init__(self) -> None:
        self.reached = Event()
        self.released = Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.released.wait(60)


@dataclass
class PostOffice:
    """A real mail server on loopback: keeps what it took, and behaves as badly as it is told."""

    taken: list[bytes] = field(default_factory=list)
    answer: str = "250 taken"
    port: int = 0
    refused: str = ""
    """An address that it does not know."""
    hangs_up: bool = False
    """Take the message, then hang up without a word."""

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address == self.refused:
            return "550 nobody here goes by that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        """Take a message, or not."""
        if self.answer.startswith("250"):
            self.taken.append(bytes(envelope.content))
        if self.hangs_up:
            server.transport.abort()
        return self.answer

    @property
    def letters(self) -> list[EmailMessage]:
        """What was taken, read."""
        return [read_letter(one) for one in self.taken]

    def to(self, whom: str) -> list[EmailMessage]:
        """What one person got."""
        return [letter for letter in self.letters if letter["To"] == whom]


def read_letter(message: bytes) -> EmailMessage:
    """A message as mail programs read it."""
    read = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    return read


def words(letter: EmailMessage) -> str:
    """The text of a letter, its lines joined."""
    body = letter.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def open_post_office(port: int = 0) -> Iterator[PostOffice]:
    """A mail server that runs."""
    office = PostOffice(port=port or free_port())
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    try:
        yield office
    finally:
        stop(controller)


def mail_to(port: int) -> str:
    """The part of a configuration that names a mail server on loopback."""
    return f"mail: {{server: 127.0.0.1, port: {port}, security: none, from: monitor@harrowbygreen.example}}"
