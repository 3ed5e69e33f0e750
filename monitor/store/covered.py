"""What a platform marks as sensitive, and what stands beside it: nobody is to open any of it (DOMAIN 3.7).

Two posts stand beside each other where they share a thread, answer the same post, or one answers the other:
whoever opens the page of one sees the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from connectors.post import Post
from monitor.store.findings import Judged
from monitor.store.hashes import held_id
from monitor.store.posts import in_chunks
from monitor.store.rows import thread_of
from monitor.store.tables import alert_posts, alerts, posts
from monitor.store.withdrawing import lock_media


def covered(found: Iterable[Post]) -> list[Post]:
    """Those that their platform marks as sensitive."""
    return [post for post in found if post.sensitive]


def lock_beside(connection: Connection, marked: Sequence[Post]) -> None:
    """Lock every alert that speaks of one of these or of what stands beside it; what is held is marked."""
    numbers: set[int] = set()
    for platform, some in _by_platform(marked):
        itself = and_(posts.c.platform == platform, posts.c.post_id.in_(sorted(map(held_id, some))))
        connection.execute(update(posts).where(itself, ~posts.c.sensitive).values(sensitive=True))
        theirs = (
            select(alert_posts.c.alert)
            .join(posts, posts.c.id == alert_posts.c.post)
            .join(alerts, alerts.c.number == alert_posts.c.alert)
            .where(_stands_beside(platform, some), ~alerts.c.media_lock)
        )
        numbers.update(connection.scalars(theirs))
    for number in sorted(numbers):
        lock_media(connection, number)


def locked_beside(connection: Connection, judged: Judged, marked: Sequence[Post]) -> Judged:
    """The same, locked where it alerts and one of the `marked`, or one that is held, stands beside it."""
    post = judged.mention.post
    if not judged.judgement.alert or judged.judgement.media_lock:
        return judged
    if not any(_are_beside(post, one) for one in marked) and not _is_held_beside(connection, post):
        return judged
    return replace(judged, judgement=replace(judged.judgement, media_lock=True))


def _is_held_beside(connection: Connection, post: Post) -> bool:
    held = exists().where(posts.c.sensitive, _stands_beside(post.platform, [post]))
    # A person's click, or an earlier lock of the thread, or of the post for another school.
    spoken = (
        select(alert_posts.c.alert)
        .join(posts, posts.c.id == alert_posts.c.post)
        .where(posts.c.platform == post.platform, posts.c.post_id == held_id(post))
    )
    theirs: ColumnElement[bool] = alerts.c.number.in_(spoken)
    if post.thread:
        theirs = or_(theirs, alerts.c.thread == thread_of(post))
    locked = exists().where(alerts.c.media_lock, theirs)
    return bool(connection.scalar(select(or_(held, locked))))


def _are_beside(one: Post, other: Post) -> bool:
    return one.platform == other.platform and not _places(one).isdisjoint(_places(other))


def _places(post: Post) -> set[str]:
    return {place for place in (held_id(post), post.parent, post.thread) if place}


def _stands_beside(platform: str, some: Sequence[Post]) -> ColumnElement[bool]:
    places = sorted({place for post in some for place in _places(post)})
    columns = (posts.c.post_id, posts.c.parent, posts.c.thread)
    return and_(posts.c.platform == platform, or_(*(column.in_(places) for column in columns)))


def _by_platform(marked: Sequence[Post]) -> Iterator[tuple[str, Sequence[Post]]]:
    for platform in sorted({post.platform for post in marked}):
        for some in in_chunks([post for post in marked if post.platform == platform]):
            yield platform, some
