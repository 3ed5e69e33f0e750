"""Evidence: what must be kept of a post, in which way, and for how long we try."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What a capture honestly is; a picture drawn from data is never called a screen print."""

    ELEMENT_SCREENSHOT = "element_screenshot"
    PAGE_SCREENSHOT = "page_screenshot"
    METADATA_ONLY = "metadata_only"


class Progress(StrEnum):
    """How far a capture has come."""

    DUE = "due"
    COMPLETE = "complete"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the camera is asked to take: everything that the record needs, and nothing secret.

    `id` is a ULID. `snippet` is the beginning of the post's text, to find its element on the page;
    it is empty when `media_lock` is set, and then nothing is fetched.
    """

    id: str
    alert: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a capture: its name in the capture's folder, what it is, bytes and SHA-256."""

    name: str
    role: str
    media_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One revision of a post as it was: its record, its files, their hashes, and what could not be had.

    `locks` says that nobody is to open the address: the words on it suggest an indecent image of a child.
    """

    id: str
    alert: int
    kind: Kind
    progress: Progress
    captured_at: datetime
    folder: str
    files: tuple[File, ...]
    record_sha256: str
    limits: tuple[str, ...] = ()
    locks: bool = False


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
