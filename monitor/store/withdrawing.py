"""Taking back messages that are written and not sent: what they said is owed again, and is written anew."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    cast,
    delete,
    literal,
    or_,
    select,
    update,
)

from monitor.notices import NoticeKind
from monitor.store.claims import free
from monitor.store.posts import in_chunks
from monitor.store.tables import alert_posts, alerts, captures, digest_entries, digests, notices, owed

ABOUT_ALERTS = (NoticeKind.URGENT.value, NoticeKind.DIGEST.value)
WITHDRAWN = "withdrawn"
"""In place of the kind of a message that never goes out."""


def lock_media(connection: Connection, alert: int) -> None:
    """Nobody is to open what this alert is about; messages that still show where it is are emptied.

    So is what the platform answered of it (DOMAIN 3.7). Another school's alert about the same post, and
    whatever stands in the same thread, is locked with it.

    An empty message is not sent, and is taken back once nobody holds it. One that is being sent right now
    cannot be called back; should the server refuse it, it is not tried again as it was.
    """
    beside = connection.scalars(_beside(alert))
    for number in sorted({alert, *beside}):  # in one order everywhere, against deadlocks
        _lock(connection, number)


def _beside(alert: int) -> Select[Any]:
    """Alerts of any school, not locked yet, that speak of the same posts or stand in the same thread."""
    theirs = select(alert_posts.c.post).where(alert_posts.c.alert == alert)
    same_post = alerts.c.number.in_(select(alert_posts.c.alert).where(alert_posts.c.post.in_(theirs)))
    thread = select(alerts.c.thread).where(alerts.c.number == alert).scalar_subquery()
    return select(alerts.c.number).where(or_(same_post, alerts.c.thread == thread), ~alerts.c.media_lock)


def _lock(connection: Connection, alert: int) -> None:
    opened = update(alerts).where(alerts.c.number == alert, ~alerts.c.media_lock)
    if connection.execute(opened.values(media_lock=True)).rowcount:
        withdraw_unsent(connection, alert)
        connection.execute(update(captures).where(captures.c.alert == alert).values(answer=None))


def withdraw_unsent(connection: Connection, alert: int) -> None:
    """Empty the unsent messages that speak of this alert, or may: digests list old alerts too."""
    urgent = select(owed.c.notice).where(owed.c.alert == alert, owed.c.notice.is_not(None))
    seen = select(alerts.c.seen_at).where(alerts.c.number == alert).scalar_subquery()
    may_list_it = and_(notices.c.kind == NoticeKind.DIGEST.value, notices.c.created_at >= seen)
    speaking = and_(notices.c.sent_at.is_(None), or_(notices.c.id.in_(urgent), may_list_it))
    connection.execute(update(notices).where(speaking).values(message=b""))


def pointless(
    connection: Connection, schools_of: Mapping[str, Set[str]], at: datetime, unfit: Set[int]
) -> list[int]:
    """Unsent messages that nobody holds and that were emptied, are for people who have left the school, or
    settle one of the `unfit` debts.

    `schools_of` says for which schools each address gets mail now.
    """
    return sorted(
        {
            row.id
            for row in connection.execute(_unsent(at))
            if row.empty
            or row.debt in unfit
            or row.recipient not in schools_of
            or (row.school_id is not None and row.school_id not in schools_of[row.recipient])
        }
    )


def withdraw(connection: Connection, numbers: Sequence[int]) -> None:
    """These messages never go out, and what they said was not said.

    Their rows stay: a number used again might be taken for the message that a slow worker still sends.
    """
    for some in in_chunks(numbers):
        connection.execute(update(owed).where(owed.c.notice.in_(some)).values(notice=None))
        connection.execute(delete(digest_entries).where(digest_entries.c.notice.in_(some)))
        connection.execute(delete(digests).where(digests.c.notice.in_(some)))
        withdrawn = update(notices).where(notices.c.id.in_(some))
        connection.execute(withdrawn.values(kind=WITHDRAWN, message=b"", message_id=_freed()))


def _freed() -> ColumnElement[str]:
    """What leaves the Message-ID to the message that is written anew."""
    return literal("withdrawn ") + cast(notices.c.id, Text) + literal(" ") + notices.c.message_id


def _unsent(at: datetime) -> Select[Any]:
    return (
        select(
            notices.c.id,
            notices.c.recipient,
            (notices.c.message == b"").label("empty"),
            owed.c.id.label("debt"),
            owed.c.school_id,
        )
        .outerjoin(owed, owed.c.notice == notices.c.id)
        .where(notices.c.sent_at.is_(None), notices.c.kind.in_(ABOUT_ALERTS), free(notices, at))
        .with_for_update(skip_locked=True, of=notices)
    )
