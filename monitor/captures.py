"""Evidence: what must be kept of a post, in which way, and for how long we try."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from classifiers.taxonomy import Head, head_of
from connectors.post import Channel
from monitor.clues import Clue


class Kind(StrEnum):
    """What a capture, or a file of it, honestly is; a picture drawn from data is never called a screen print.

    A capture has the kind of its chief file; a file has its kind as its `role`. `page_archive` and
    `api_json` (the post's part of the platform's answer) are kinds of files only.
    """

    ELEMENT_SCREENSHOT = "element_screenshot"
    PAGE_SCREENSHOT = "page_screenshot"
    PAGE_ARCHIVE = "page_archive"
    API_JSON = "api_json"
    RENDERED_CARD = "rendered_card"
    MANUAL_UPLOAD = "manual_upload"
    EMAIL_FORWARD = "email_forward"
    METADATA_ONLY = "metadata_only"

    @property
    def words(self) -> str:
        """The same for people, as it stands in strips, on pages and on paper."""
        return _KINDS[self]


_KINDS = {
    Kind.ELEMENT_SCREENSHOT: "screen print of the post",
    Kind.PAGE_SCREENSHOT: "screen print of the page",
    Kind.PAGE_ARCHIVE: "archive of the page as the browser received it",
    Kind.API_JSON: "the post's part of the platform's answer, without addresses of media",
    Kind.RENDERED_CARD: "reconstruction from data, not a screen print",
    Kind.MANUAL_UPLOAD: "picture that a member of staff took",
    Kind.EMAIL_FORWARD: "the part of a mail that told of the post",
    Kind.METADATA_ONLY: "record without any picture",
}


PICTURES: frozenset[str] = frozenset(
    {Kind.ELEMENT_SCREENSHOT, Kind.PAGE_SCREENSHOT, Kind.RENDERED_CARD, Kind.MANUAL_UPLOAD, "screenshot"}
)
"""The roles of files that are the chief picture of a capture; records of the first versions call theirs
`screenshot`."""


_WITHOUT_A_PRINT = frozenset({Kind.API_JSON, Kind.RENDERED_CARD, Kind.EMAIL_FORWARD, Kind.METADATA_ONLY})
BY_HAND = (
    "Take one by hand: open the address in a browser that is not logged in, so that address, date and "
    "time can be seen, press Print Screen, and bring the picture in with `monitor evidence upload`."
)
"""For staff, and no part of any record: those of the first versions have it among their limits."""


class Progress(StrEnum):
    """How far a capture has come."""

    DUE = "due"
    COMPLETE = "complete"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The words of a post as they were sealed, and the clues by which its page is searched for them."""

    title: str
    text: str
    author: str | None
    clues: tuple[Clue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the camera is asked to take: everything that the record needs, and nothing secret.

    `id` is a ULID. `alert` is None for a page that a person asked for by hand. `title` and `text` find the
    post's element on the page; they are empty when `media_lock` is set, and then nothing is fetched.
    So they are where the words are `sealed`; the answer is sealed then, too.
    `answer` is the post's part of the platform's answer, where there is one. `subcategories` are what the
    alert is about. `requested_by` and `reason` are a person's, who asked by hand.
    """

    id: str
    alert: int | None
    school: str
    platform: str
    post_id: str
    revision: str
    url: str
    title: str
    text: str
    author: str | None
    posted_at: datetime | None
    seen_at: datetime
    media_lock: bool
    why: tuple[str, ...]
    by: str
    attempts: int = 0
    channel: Channel = Channel.PUBLIC_MENTION
    subcategories: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    answer: str = ""
    sealed: Sealed | None = None
    requested_by: str = ""
    reason: str = ""

    def locked(self) -> "Order":
        """The same of a post that nobody is to open: nothing of what it says."""
        return replace(self, media_lock=True, title="", text="", author=None, answer="", sealed=None)

    def may_show_pictures(self) -> bool:
        """Whether a second visit may fetch pictures: never where a child's safety is the matter."""
        heads = {head_of(key) for key in self.subcategories}
        return not self.media_lock and bool(heads) and heads <= {Head.ABUSE, Head.REPUTATIONAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a capture: its name in the capture's folder, what it is, bytes and SHA-256.

    Of a sealed file, `name` ends in `.age`, `bytes` and `sha256` are those of the plain content, and
    `sealed_sha256` is the hash of what lies on disk.
    """

    name: str
    role: str
    media_type: str
    bytes: int
    sha256: str
    sealed_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A record's place in its school's chain: from 1 on, with the SHA-256 of the record before it."""

    index: int
    previous_sha256: str


FIRST = Link(1, "0" * 64)
"""The first link of every chain follows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was taken and lies whole on disk, but has no place in its school's chain yet.

    `folder` says where it lies, below the evidence folder; it may have moved when it is booked at last.
    """

    id: str
    school: str
    alert: int | None
    kind: Kind
    progress: Progress
    captured_at: datetime
    folder: str
    limits: tuple[str, ...] = ()
    locks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One revision of a post as it was: its record, its files, their hashes, and what could not be had.

    `locks` says that nobody is to open the address: the words on it suggest an indecent image of a child.
    `link` is None for captures of before there was a chain. One that was let go has `forgotten_at` and no
    files.
    """

    id: str
    alert: int | None
    kind: Kind
    progress: Progress
    captured_at: datetime
    folder: str
    files: tuple[File, ...]
    record_sha256: str
    limits: tuple[str, ...] = ()
    locks: bool = False
    school: str = ""
    link: Link | None = None
    forgotten_at: datetime | None = None

    @property
    def advice(self) -> str:
        """What staff can still do where a page could not be pictured; empty where nothing is to be done."""
        lacks = self.progress is Progress.LIMITED and self.kind in _WITHOUT_A_PRINT
        shut = self.locks or self.forgotten_at is not None
        return BY_HAND if lacks and not shut and BY_HAND not in self.limits else ""


class LockedMeanwhile(Exception):
    """Its alert was locked after it was taken: nothing of it is to be booked (DOMAIN 3.7)."""


_QUICK = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
_SLOW = timedelta(hours=6)
_GIVE_UP = timedelta(days=3)


def next_try(attempts: int, first_at: datetime, at: datetime) -> datetime | None:
    """When a capture that failed `attempts` times is tried again; None when it is time to say so and stop.

    After 1, 5 and 15 minutes and an hour, then every six hours until three days are over since `first_at`.
    """
    if attempts <= len(_QUICK):
        # However late it is by the clock: after an outage the post may well be there still.
        return at + _QUICK[max(attempts, 1) - 1]
    # Counted as well as timed, so that a clock put back does not keep it going for ever.
    spent = attempts > len(_QUICK) + _GIVE_UP // _SLOW
    return None if spent or at + _SLOW > first_at + _GIVE_UP else at + _SLOW
