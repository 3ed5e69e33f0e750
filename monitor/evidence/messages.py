"""What the camera and its photographer say to each other: one JSON object a line."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a photographer is told once; `proxy` is a URL, `allow` holds hosts that may be local."""

    browser: Path
    scratch: Path
    allow: frozenset[str]
    proxy: str | None
    ca_bundle: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The browser runs: its build, how it names itself, and what could not be set up."""

    browser: str
    user_agent: str
    sandbox: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Go to `url`, look for the first of `words` that is there, and put what you get into `folder`."""

    url: str
    words: tuple[str, ...]
    folder: Path
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One answer that led on to another address."""

    url: str
    status: int
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the browser sent for the page and what came back, without the values of cookies."""

    status: int
    request: tuple[tuple[str, str], ...]
    response: tuple[tuple[str, str], ...]
    chain: tuple[Hop, ...]
    remote_ip: str | None
    certificate: dict[str, str | float | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the page found; `words` is the index of the words found, -1 for none.

    Pixels are CSS pixels of the whole page. `text` is what a reader sees, its beginning only.
    """

    words: int
    element: bool
    x: float
    y: float
    width: float
    height: float
    covered: bool
    title: str
    text: str
    password_asked: bool
    captcha: bool
    pictures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A page that answered; its picture and its bytes lie in the folder of the question."""

    url: str
    headers: Headers
    look: Look
    pictured: bool
    cut_at: int | None
    media_blocked: int
    page_sha256: str
    inline_media: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """There is nothing to keep: `again` when a later try may bring it, and why."""

    missed: str
    again: bool


READY: TypeAdapter[Ready | Missed] = TypeAdapter(Ready | Missed)
ANSWER: TypeAdapter[Seen | Missed] = TypeAdapter(Seen | Missed)
SETTING = TypeAdapter(Setting)
ASK = TypeAdapter(Ask)

PICTURE = "screenshot.png"
PAGE = "page.html"
