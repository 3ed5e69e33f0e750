"""The custody log: who did what with evidence, when and why; each entry carries the hash of the one before.

Append-only, one log for each school. A lawful deletion is an entry, which tells it from tampering.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import rfc8785

BEFORE_THE_FIRST = "0" * 64


class Deed(StrEnum):
    """What was done."""

    CAPTURED = "captured"
    STAMPED = "stamped"
    VIEWED = "viewed"
    COPIED = "copied"
    EXPORTED = "exported"
    REDACTED = "redacted"
    VERIFIED = "verified"
    HELD = "held"
    HOLD_LIFTED = "hold lifted"
    QUARANTINED = "quarantined"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What somebody did, before it has its place in the log.

    `object_sha256` is the hash of what it was done to: a record, a pack, an anchor. `by` is a person's name
    or "system"; `why` is a sentence, or the retention rule for a deletion.
    """

    school: str
    at: datetime
    deed: Deed
    by: str
    why: str
    alert: int | None = None
    capture: str | None = None
    object_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place: numbered from 1 in its school, with the hash of the entry before."""

    number: int
    event: Event
    previous_sha256: str
    sha256: str


def entry_after(entries: int, head_sha256: str, event: Event) -> Entry:
    """The event as the next entry of a log that has so many, the newest of which has this hash."""
    said = written(entries + 1, event, head_sha256)
    return Entry(entries + 1, event, head_sha256, hashlib.sha256(said).hexdigest())


def is_whole(entry: Entry) -> bool:
    """Whether the entry says what it was hashed as."""
    try:
        said = written(entry.number, entry.event, entry.previous_sha256)
    except rfc8785.CanonicalizationError:
        return False
    return hashlib.sha256(said).hexdigest() == entry.sha256


def written(number: int, event: Event, previous_sha256: str) -> bytes:
    """What an entry is hashed as: canonical JSON (RFC 8785), with the hash of the event for the event.

    So whoever is handed the entries of one alert can follow the log through the others without their content.
    """
    event_sha256 = hashlib.sha256(told(event)).hexdigest()
    return rfc8785.dumps({"event_sha256": event_sha256, "number": number, "previous_sha256": previous_sha256})


def told(event: Event) -> bytes:
    """The event in canonical JSON (RFC 8785)."""
    return rfc8785.dumps(
        asdict(event) | {"at": event.at.astimezone(UTC).isoformat(), "deed": event.deed.value}
    )
