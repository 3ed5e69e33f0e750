"""What a connector brings: posts, and the batch that they came in."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property


class Channel(StrEnum):
    """Where somebody wrote: anywhere in public, or on a page that the school itself runs."""

    PUBLIC_MENTION = "public_mention"
    OFFICIAL_ACCOUNT = "official_account"


class State(StrEnum):
    """How a source is, in one word that a person can act on."""

    OK = "ok"
    BEHIND = "behind"
    RATE_LIMITED = "rate-limited"
    BLOCKED = "blocked"
    LOGIN_WALL = "login-wall"
    AUTH_EXPIRED = "auth-expired"
    PARSE_ERROR = "parse-error"
    FILTERED_HERE = "filtered-here"
    OUR_NETWORK_DOWN = "our-network-down"


@dataclass(frozen=True, kw_only=True)
class Post:
    """One public thing that somebody wrote, as its platform gave it.

    `id` is unique within the platform and stays the same when the post is edited. `text` and
    `title` are plain text. `links` are the absolute addresses that the text links to. Times are
    aware; `posted_at` is the author's claim and may be missing or absurd. `answer` is the post's part of the
    platform's answer, as JSON, without addresses of media (connectors/received.py); a mail's text for a mail,
    empty for what has none. It is kept with an alert's evidence only, and is no part of a revision.
    """

    platform: str
    id: str
    url: str
    text: str
    title: str = ""
    author: str | None = None
    posted_at: datetime | None = None
    edited_at: datetime | None = None
    language: str | None = None
    channel: Channel = Channel.PUBLIC_MENTION
    parent: str | None = None
    parent_text: str = ""
    thread: str | None = None
    links: tuple[str, ...] = ()
    has_media: bool = False
    sensitive: bool = False
    answer: str = field(default="", compare=False, repr=False)

    @cached_property
    def revision(self) -> str:
        """The SHA-256 of title and text, 64 hexadecimal digits: another one means an edit."""
        return hashlib.sha256(f"{self.title}\x1f{self.text}".encode()).hexdigest()

    @property
    def body(self) -> str:
        """Title and text as one, which is what is matched and judged."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one fetch brought.

    `cursor` is the connector's own opaque string, to be handed back at the next fetch. `complete`
    is false when more is known to wait behind this batch. `state` and `reason` say what a person
    should know although posts came (a feed read only in part, an address that has moved). `wait` is how
    long the source is left alone, whatever waits there. `gone_by` are beginnings of ids: every post whose id
    begins so has vanished, as its author's account is closed. `platform` is the one that `gone` and `gone_by`
    are of, where it is not the source's own. `again` says of a stream that all this was handed over before.
    """

    posts: tuple[Post, ...]
    cursor: str | None
    gone: tuple[str, ...] = ()
    complete: bool = True
    state: State = State.OK
    reason: str = ""
    wait: timedelta | None = None
    gone_by: tuple[str, ...] = ()
    platform: str = ""
    again: bool = False
