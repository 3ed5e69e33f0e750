"""Turning nouns into rows and rows into nouns; nothing here asks the database."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import Row
from sqlalchemy.exc import OperationalError

from classifiers.taxonomy import Severity
from classifiers.verdict import Fired, Verdict
from connectors.post import Channel, Post
from monitor.alerts import Alert, Judgement, Reason, Status
from monitor.captures import Capture, File, Kind, Link, Progress
from monitor.notices import Notice, NoticeKind
from monitor.playbook import Role
from monitor.store.database import Unusable
from monitor.store.hashes import held_id
from monitor.stories import Story

T = TypeVar("T")
BROKEN = (ValueError, TypeError, RecursionError, OperationalError)
"""What reading a row raises that was changed; the last of them other faults raise as well."""
LARGEST = 2**53 - 1
"""Above it JSON holds no whole number as it is."""
HIGHEST = 2**31 - 1
"""The highest place in a chain or log that the database takes; for SQLite, any text is above any number."""
_LONGEST = 200


class Unreadable(Unusable):
    """A row was changed so that it cannot be read: `where` names it, `why` says what is wrong with it."""

    def __init__(self, where: str, error: Exception) -> None:
        self.where, self.why = where, f"{type(error).__name__}: {error}"[:_LONGEST]
        super().__init__(
            f"{where}: this row of the database was changed and cannot be read ({self.why}). "
            "`monitor evidence verify` names all that is not as it was."
        )


def read_each(found: Iterable[Row[Any]], read: Callable[[Row[Any]], T], where: str) -> list[T]:
    """All of these rows. Raises Unreadable, of `where` if it cannot be said of which."""
    try:
        return [read(row) for row in found]
    except BROKEN as error:
        if is_fault(error):
            raise
        raise Unreadable(where, error) from error


def is_fault(error: Exception) -> bool:
    """Whether an error says that the database cannot do its part, and nothing of a row."""
    return isinstance(error, OperationalError) and "Could not decode" not in str(error.orig)


def readable(where: str, read: Callable[[Row[Any]], T], row: Row[Any]) -> T:
    """What is read from a row, if each field holds what it is to hold. Raises Unreadable."""
    try:
        return whole(read(row))
    except BROKEN as error:
        raise Unreadable(where, error) from error


def whole(noun: T) -> T:
    """The same, if each of its fields holds what it is to hold. Raises TypeError and ValueError."""
    for name, (kind, of) in _fields(type(noun)).items():  # type: ignore[arg-type]  # a class is hashable
        value = getattr(noun, name)
        if not isinstance(value, kind) or (of and not all(isinstance(one, of) for one in value)):
            raise TypeError(f"{name} holds {value!r}")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"{name} holds {value}")
    return noun


@cache
def _fields(noun: type) -> dict[str, tuple[Any, Any]]:
    """What each field is to hold, and of what, where that is a tuple."""
    hints = get_type_hints(noun).items()
    plain = {name: kind for name, kind in hints if isinstance(kind, UnionType) or not get_origin(kind)}
    return {
        name: (kind, None) if name in plain else (get_origin(kind), get_args(kind)[0]) for name, kind in hints
    }


def post_row(post: Post) -> dict[str, Any]:
    """The columns of a post that its author or platform may change."""
    return {
        "url": post.url,
        "author": post.author,
        "posted_at": post.posted_at,
        "edited_at": post.edited_at,
        "language": post.language,
        "channel": post.channel.value,
        "parent": post.parent,
        "parent_text": post.parent_text,
        "thread": post.thread,
        "links": list(post.links),
        "has_media": post.has_media,
        "sensitive": post.sensitive,
        "sealed": False,
    }


def identity_row(post: Post) -> dict[str, str]:
    """The columns that say which post it is."""
    return {"platform": post.platform, "post_id": held_id(post)}


def read_post(row: Row[Any]) -> Post:
    """A post at the revision that the row was joined with, whose own seal is `words_sealed`.

    Words that are sealed are left out.
    """
    return Post(
        platform=row.platform,
        id=row.post_id or "",
        url=row.url,
        text="" if row.words_sealed else row.text or "",
        title="" if row.words_sealed else row.title or "",
        author=None if row.sealed else row.author,
        posted_at=row.posted_at,
        edited_at=row.edited_at,
        language=row.language,
        channel=Channel(row.channel),
        parent=row.parent,
        parent_text="" if row.sealed else row.parent_text,
        thread=row.thread,
        links=() if row.sealed else tuple(row.links),
        has_media=row.has_media,
        sensitive=row.sensitive,
    )


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON."""
    return {
        "abuse": verdict.abuse,
        "safeguarding": verdict.safeguarding,
        "reputational": verdict.reputational,
        "scores": dict(verdict.scores),
        "by": verdict.by,
        "fired": [asdict(fired) for fired in verdict.fired],
        "media_lock": verdict.media_lock,
        "language": verdict.language,
    }


def read_verdict(row: Mapping[str, Any]) -> Verdict:
    """A verdict from its JSON."""
    fired = (Fired(**{**one, "minimum": Severity(one["minimum"])}) for one in row["fired"])
    return Verdict(**{**row, "fired": tuple(fired)})


def judgement_row(judgement: Judgement) -> dict[str, Any]:
    """A judgement as JSON."""
    return asdict(judgement)


def read_judgement(row: Mapping[str, Any]) -> Judgement:
    """A judgement from its JSON."""
    return Judgement(
        alert=row["alert"],
        reason=Reason(row["reason"]),
        severity=Severity(row["severity"]),
        subcategory=row["subcategory"],
        subcategories=tuple(row["subcategories"]),
        why=tuple(row["why"]),
        roles=tuple(Role(role) for role in row["roles"]),
        urgent=row["urgent"],
        media_lock=row["media_lock"],
        anonymous=row["anonymous"],
    )


def read_alert(row: Row[Any]) -> Alert:
    """An alert from a row of its table."""
    return Alert(
        number=row.number,
        school=row.school_id,
        source=row.source,
        platform=row.platform,
        channel=Channel(row.channel),
        urls=tuple(row.urls),
        severity=Severity(row.severity),
        subcategory=row.subcategory,
        subcategories=tuple(row.subcategories),
        reason=Reason(row.reason),
        why=tuple(row.why),
        roles=tuple(Role(role) for role in row.roles),
        media_lock=row.media_lock,
        ambiguous=row.ambiguous,
        others=tuple(row.others),
        confidence=row.confidence,
        by=row.by,
        baseline=row.baseline,
        urgent=row.urgent,
        status=Status(row.status),
        seen_at=row.seen_at,
        posted_at=row.posted_at,
        revision=row.revision,
        judgements=row.judgements,
        held=row.held,
        gone_at=row.gone_at,
        posts=row.posts,
        joined_at=row.joined_at,
    )


def read_story(row: Row[Any]) -> Story:
    """What an alert is about, from the columns of its table that tell."""
    return Story(
        alert=row.number,
        school=row.school_id,
        signature=tuple(row.signature),
        fingerprint=row.fingerprint,
        thread=row.thread,
        subcategories=tuple(row.subcategories),
        severity=Severity(row.severity),
        urls=tuple(row.urls),
        unanswered=row.status == Status.OPEN.value,
    )


def thread_of(post: Post) -> str | None:
    """The thread of a post, told from threads of the same name elsewhere."""
    return f"{post.platform}:{post.thread}" if post.thread else None


def read_capture(row: Row[Any]) -> Capture:
    """A capture that was taken; of one let go only the hash of its record is left, and it says so.

    Raises Unreadable.
    """
    return readable(f"capture {row.id}", _capture, row)


def _capture(row: Row[Any]) -> Capture:
    gone = row.forgotten_at is not None
    return Capture(
        id=row.id,
        alert=row.alert,
        kind=Kind(row.kind),
        progress=Progress(row.progress),
        captured_at=row.captured_at,
        folder="" if gone else row.folder,
        files=() if gone else tuple(whole(File(**file)) for file in row.files),
        record_sha256=row.record_sha256,
        limits=("Deleted under the retention rules.",) if gone else tuple(row.limits),
        school=row.school_id,
        link=None if row.chain_index is None else whole(Link(row.chain_index, row.previous_sha256)),
        forgotten_at=row.forgotten_at,
    )


def read_notice(row: Row[Any], message: bytes) -> Notice:
    """A notice with the bytes that were asked for."""
    return Notice(
        id=row.id,
        kind=NoticeKind(row.kind),
        recipient=row.recipient,
        message_id=row.message_id,
        message=message,
        created_at=row.created_at,
        attempts=row.attempts,
        sent_at=row.sent_at,
        error=row.error,
    )
