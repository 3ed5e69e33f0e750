"""Anchors: what pins the chain of a school at a moment, so that nobody can change what lies behind it unseen.

An anchor is a statement: the records since the anchor before, the heads of chain and custody log, and the
hash of the anchor before. It is signed here (Ed25519) and time-stamped elsewhere (RFC 3161).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import rfc8785
from pydantic import TypeAdapter, ValidationError

NOTHING_BEFORE = "0" * 64


class StampState(StrEnum):
    """How far a time-stamp has come."""

    PENDING = "pending"
    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A record as an anchor names it."""

    index: int
    capture: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a school's chain and custody log stand when an anchor is made.

    `fresh` are the records since the anchor before, oldest first; the oldest was taken at `fresh_since`.
    `number` is the new anchor's, from 1 on. Of the anchor before, if there is one, `anchored_at` is when it
    was made and `public_key` (32 bytes) is what it was signed with.
    """

    school: str
    number: int
    previous_sha256: str
    fresh: Sequence[Recorded]
    records: int
    head_sha256: str
    entries: int
    log_sha256: str
    fresh_since: datetime | None = None
    anchored_at: datetime | None = None
    public_key: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A signed statement. `statement` is canonical JSON; the signature is over its bytes.

    `signature` (64 bytes) and `public_key` (32 bytes) are Ed25519.
    """

    school: str
    number: int
    made_at: datetime
    statement: bytes
    signature: bytes
    public_key: bytes

    @property
    def sha256(self) -> str:
        """What is time-stamped: the SHA-256 of the statement, in hexadecimal."""
        return hashlib.sha256(self.statement).hexdigest()


@dataclass(frozen=True, slots=True)
class Named:
    """A record as the words of an anchor name it."""

    capture_id: str
    index: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Words:
    """What an anchor says, as far as it must be understood here."""

    anchor: int
    custody_entries: int
    custody_head_sha256: str
    made_at: datetime
    previous_anchor_sha256: str
    record_head_sha256: str
    records: tuple[Named, ...]
    records_total: int
    school_id: str


_WORDS = TypeAdapter(Words)


def words_of(statement: bytes) -> Words | None:
    """What an anchor says; None where that cannot be read, since it was changed."""
    try:
        return _WORDS.validate_json(statement, strict=True)
    except ValidationError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One authority's time-stamp of an anchor, or how far it has come.

    `token` is the DER of the TimeStampToken.
    `certificates` is the PEM of the chain it was verified with, the root last; `policy` is the OID.
    """

    id: int
    school: str
    anchor: int
    authority: str
    state: StampState
    token: bytes = b""
    certificates: str = ""
    policy: str = ""
    stamped_at: datetime | None = None
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a time-stamp brought: what is `wrong` with it, in words; None where it is good.

    `root` is empty where a root that is trusted here leads to it; otherwise it is the SHA-256 of the one that
    was trusted when it was received, and was kept with it.
    """

    wrong: str | None
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """That the signing key has changed: the key before, and its signature of `handover_words`.

    `signature` is empty where the old key was lost, so that it could not say a word.
    """

    previous_public_key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """How much evidence of a school there is, and how much of it is pinned.

    `head_sha256` is the hash of the newest record, 64 zeros where there is none. `fresh` records are not
    anchored yet, the oldest of them taken at `fresh_since`. `stamps` counts by state.
    """

    school: str
    records: int
    head_sha256: str
    anchors: int
    anchored_at: datetime | None
    fresh: int
    fresh_since: datetime | None
    stamps: Mapping[StampState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstamped:
    """What one authority has not stamped: how many anchors, the oldest made at `since`, and why.

    `state` is `failed` as soon as one of its answers was wrong; `error` is what it said last.
    """

    authority: str
    state: StampState
    anchors: int
    since: datetime
    error: str


_QUICK = (timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1))
_SLOW = timedelta(hours=6)
_DAY = timedelta(days=1)
_BATCH = timedelta(minutes=1)
LONGEST_WAIT = _DAY
"""Between two tries to get a time-stamp."""


def is_due(standing: Standing, at: datetime, *, busy: bool) -> bool:
    """Whether an anchor is to be made: after a batch of captures, and once a day.

    While the camera is `busy` with more, it waits at most a minute. Nothing is anchored before there is
    something to pin.
    """
    since, before = standing.fresh_since, standing.anchored_at
    # However far they lie off: the clock may have been set.
    if since is not None and (not busy or abs(at - since) >= _BATCH):
        return True
    if before is None:
        return since is None and standing.entries > 0
    return abs(at - before) >= _DAY


def next_stamp_try(attempts: int) -> timedelta:
    """How long to leave an authority alone that has not answered so many times: up to six hours, for ever."""
    return _QUICK[max(attempts, 1) - 1] if attempts <= len(_QUICK) else _SLOW


def after_wrong_answer() -> timedelta:
    """An authority that answers wrongly is tried again daily: somebody there may mend it."""
    return _DAY


def handover_words(old: bytes, new: bytes) -> bytes:
    """What an old signing key signs (both are public keys, 32 bytes): the name of its successor."""
    return f"The signing key {old.hex()} of this evidence is followed by {new.hex()}.\n".encode("ascii")


def statement(
    standing: Standing,
    at: datetime,
    *,
    public_key: bytes,
    software: str,
    handover: Handover | None = None,
) -> bytes:
    """The words of an anchor, as canonical JSON (RFC 8785).

    `previous_public_key` and `previous_key_signature` stand in it only where the signing key has changed.
    """
    told: dict[str, Any] = {
        "anchor": standing.number,
        "custody_entries": standing.entries,
        "custody_head_sha256": standing.log_sha256,
        "made_at": at.astimezone(UTC).isoformat(),
        "previous_anchor_sha256": standing.previous_sha256,
        "public_key": public_key.hex(),
        "record_head_sha256": standing.head_sha256,
        "records": [
            {"capture_id": one.capture, "index": one.index, "sha256": one.sha256} for one in standing.fresh
        ],
        "records_total": standing.records,
        "school_id": standing.school,
        "software": software,
    }
    if handover is not None:
        told["previous_public_key"] = handover.previous_public_key.hex()
        told["previous_key_signature"] = handover.signature.hex()
    return rfc8785.dumps(told)
