"""Posts and their revisions, and the keyed hashes of those that concern nobody."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from connectors.post import Post
from monitor.mentions.school import Mention
from monitor.store.database import Database
from monitor.store.hashes import Hasher, held_id
from monitor.store.tables import mentions, posts, revisions, sources, tombstones, unrelated

CHUNK = 200
"""Posts in one transaction, and ids in one question."""

EARLIER = "An earlier version of this post speaks of it."

T = TypeVar("T")

Identity = tuple[str, str, str]
"""Platform, id and revision."""


class Posts:
    """What was read."""

    def __init__(self, database: Database, hasher: Hasher) -> None:
        self._database = database
        self._hasher = hasher

    def changed(self, source: str, posts: Sequence[Post]) -> list[Post]:
        """Those that are new or a new revision: not held, not hashed, not forgotten. Once each, in order."""
        once: dict[Identity, Post] = {}
        for post in posts:
            once.setdefault(identity(post), post)
        fresh: list[Post] = []
        with self._database.reading() as connection:
            for chunk in in_chunks(list(once.items())):
                fresh += self._unknown(connection, source, dict(chunk))
        return fresh

    def spoken_of(self, posts: Sequence[Post]) -> dict[Identity, list[Mention]]:
        """The schools of which another revision of these posts speaks, whether it alerted or not.

        As mentions of the post as it is now: as sure as they were, but with no place in its text.
        """
        named = {identity(post): post for post in posts}
        held: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in _held_mentions(connection, named):
                held[row.platform, row.post_id].append(row)
        return {which: _earlier(post, held.get(which[:2], ())) for which, post in named.items()}

    def count(self) -> int:
        """How many posts are held."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(posts)) or 0

    def unsealed(self) -> int:
        """How many texts are kept that this machine can read: revisions of posts."""
        kept = select(func.count()).where(revisions.c.text.is_not(None), ~revisions.c.sealed)
        with self._database.reading() as connection:
            return connection.scalar(kept) or 0

    def _unknown(self, connection: Connection, source: str, rest: Mapping[Identity, Post]) -> list[Post]:
        rest = without(rest, held_identities(connection, rest))
        rest = without(rest, hashed_identities(connection, self._hasher, source, rest))
        rest = without(rest, buried_identities(connection, self._hasher, rest))
        return list(rest.values())


def identity(post: Post) -> Identity:
    """Which revision of which post it is."""
    return post.platform, held_id(post), post.revision


def without(posts: Mapping[Identity, Post], known: Set[Identity]) -> Mapping[Identity, Post]:
    """These posts but those that are known."""
    return {which: post for which, post in posts.items() if which not in known} if known else posts


def in_chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def these(chunk: Iterable[Identity]) -> list[ColumnElement[bool]]:
    """Conditions for the rows of these posts, one for each platform, so that the index answers each."""
    ids: dict[str, set[str]] = {}
    for platform, post_id, _ in chunk:
        ids.setdefault(platform, set()).add(post_id)
    return [
        and_(posts.c.platform == platform, posts.c.post_id.in_(sorted(some)))
        for platform, some in ids.items()
    ]


def _held_mentions(connection: Connection, chunk: Iterable[Identity]) -> Iterator[Row[Any]]:
    for condition in these(chunk):
        chosen: Select[Any] = (
            select(
                posts.c.platform,
                posts.c.post_id,
                revisions.c.revision,
                mentions.c.school_id,
                mentions.c.confidence,
                mentions.c.ambiguous,
                mentions.c.others,
            )
            .join(mentions, mentions.c.post == posts.c.id)
            .join(revisions, revisions.c.id == mentions.c.revision)
            .where(condition)
            .order_by(mentions.c.id)
        )
        yield from connection.execute(chosen)


def _earlier(post: Post, held: Sequence[Row[Any]]) -> list[Mention]:
    """One mention for each school, as sure as the newest that is held of another revision."""
    newest = {row.school_id: row for row in held if row.revision != post.revision}
    return [
        Mention(
            post=post,
            school=row.school_id,
            spans=(),
            confidence=row.confidence,
            reasons=(EARLIER,),
            ambiguous=row.ambiguous,
            others=tuple(row.others),
        )
        for row in newest.values()
    ]


def held_identities(connection: Connection, chunk: Iterable[Identity]) -> set[Identity]:
    """Those that are held at this revision, unless they are to be considered again."""
    held: set[Identity] = set()
    for condition in these(chunk):
        chosen = (
            select(posts.c.platform, posts.c.post_id, revisions.c.revision)
            .join(revisions, revisions.c.post == posts.c.id)
            .where(condition, ~posts.c.reconsider)
        )
        held.update((row.platform, row.post_id, row.revision) for row in connection.execute(chosen))
    return held


def hashed_identities(
    connection: Connection, hasher: Hasher, source: str, chunk: Iterable[Identity]
) -> set[Identity]:
    """Those that are known to concern nobody."""
    hashes = {hasher.unrelated(source, *which): which for which in chunk}
    number = select(sources.c.id).where(sources.c.name == source).scalar_subquery()
    chosen = select(unrelated.c.hash).where(unrelated.c.source == number, unrelated.c.hash.in_(list(hashes)))
    return {hashes[found] for found in connection.scalars(chosen)}


def buried_identities(connection: Connection, hasher: Hasher, chunk: Iterable[Identity]) -> set[Identity]:
    """Those that were let go."""
    hashes = {hasher.tombstone(*which): which for which in chunk}
    chosen = select(tombstones.c.hash).where(tombstones.c.hash.in_(list(hashes)))
    return {hashes[found] for found in connection.scalars(chosen)}
