"""What the camera and its photographer say to each other: one JSON object a line.

The camera asks for a page. The photographer looks, and says what it saw before anything is kept; the
camera's step says what is to be done with it. So the rules are the camera's, and the pages the other's.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from monitor.clues import Clue


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a photographer is told once; `proxy` is a URL, `allow` holds hosts that may be local.

    `software` is how the archives name their maker.
    """

    browser: Path
    scratch: Path
    allow: frozenset[str]
    proxy: str | None
    ca_bundle: Path | None
    software: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The browser runs: its build, how it names itself, and what could not be set up."""

    browser: str
    user_agent: str
    sandbox: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Go to `url`, look for the first of `words` that is there, and put what you get into `folder`.

    A clue stands for words that nobody here can read.

    `seconds` is the time of all visits together.
    """

    url: str
    words: tuple[str | Clue, ...]
    folder: Path
    seconds: float

    def sought(self) -> list[Any]:
        """The words as find_post.js takes them."""
        return [asdict(one) if isinstance(one, Clue) else one for one in self.words]


class Step(StrEnum):
    """What is to be done with a page that was looked at."""

    LEAVE = "leave"
    """Keep nothing of it, and fetch no more."""
    PRINT = "print"
    """Print this page."""
    PICTURES = "pictures"
    """Visit it again, with its pictures."""
    PLAIN = "plain"
    """Leave this second visit, and print the page of the first."""


@dataclass(frozen=True, slots=True)
class Go:
    """The next step."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One answer that led on to another address."""

    url: str
    status: int
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What the browser sent for the page and what came back, without the values of cookies.

    `http_version` is as the browser names it (h2, http/1.1); `certificate_sha256` is of the server's
    certificate (DER), where there is one.
    """

    status: int
    request: tuple[tuple[str, str], ...]
    response: tuple[tuple[str, str], ...]
    chain: tuple[Hop, ...]
    remote_ip: str | None
    certificate: dict[str, str | float | None] | None
    http_version: str | None = None
    certificate_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the page found; `words` is the index of the words found, -1 for none.

    Pixels are CSS pixels of the whole page. `text` is what a reader sees, its beginning only. `covered`
    says that something lies over a part of the post, `hidden` that nothing of its words can be seen;
    `front` are the words of what lies over the middle of the window. `sensitive` says that the site itself
    marks something on the page so. `posters` are the addresses of pictures that stand for films. `ends`
    says whether the end of sealed words was found. `coming` are pictures of the post that are still on
    their way.
    """

    words: int
    element: bool
    x: float
    y: float
    width: float
    height: float
    covered: bool
    hidden: bool
    front: str
    title: str
    text: str
    password_asked: bool
    captcha: bool
    pictures: int
    posters: tuple[str, ...] = ()
    ends: bool = True
    sensitive: bool = False
    coming: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A page that answered, before anything of it is kept; its words lie in the folder, for a decision.

    `pictures` says whether this is the visit with pictures, which are held back until then; `printed`, that
    the words changed while the page was printed. `whole` is False where there were more words than were
    written, or a frame that could not be read.
    """

    said: Literal["looked"] = "looked"
    url: str
    headers: Headers
    look: Look
    pictures: bool
    printed: bool
    whole: bool
    media_blocked: int
    page_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A page that was kept; picture, bytes and archive lie in the folder of the question.

    `pictures` says whether its pictures were fetched; `limits` are sentences on what could not be had.
    """

    said: Literal["seen"] = "seen"
    url: str
    headers: Headers
    look: Look
    pictured: bool
    pictures: bool
    cut_at: int | None
    media_blocked: int
    page_sha256: str
    inline_media: int
    archived: int
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """There is nothing to keep: `again` when a later try may bring it, and why."""

    said: Literal["missed"] = "missed"
    missed: str
    again: bool


READY: TypeAdapter[Ready | Missed] = TypeAdapter(Ready | Missed)
ANSWER: TypeAdapter[Looked | Seen | Missed] = TypeAdapter(
    Annotated[Looked | Seen | Missed, Field(discriminator="said")]
)
SETTING = TypeAdapter(Setting)
ASK = TypeAdapter(Ask)
GO = TypeAdapter(Go)

PICTURE = "screenshot.png"
PAGE = "page.html"
ARCHIVE = "page.wacz"
WORDS = "words.txt"
MOST_WORDS = 2_000_000
"""The characters of a page that are handed on to be judged."""
