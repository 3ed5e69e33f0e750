"""Recording what a poll found: posts, mentions, hashes, counts, and last of all the cursor."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, or_, select, update

from connectors.post import Batch, Post, State
from monitor.store.alerting import Alerting, Kept, Made, is_private
from monitor.store.covered import covered, lock_beside, locked_beside
from monitor.store.database import Database, share_turn, take_turns
from monitor.store.findings import Findings, Judged, Recorded
from monitor.store.hashes import Hasher, known_id
from monitor.store.posts import Identity, buried_identities, identity, in_chunks, these, without
from monitor.store.rows import identity_row, post_row
from monitor.store.secrecy import Secrecy
from monitor.store.sources import standing, tally_time
from monitor.store.tables import (
    alert_posts,
    alerts,
    keepable,
    posts,
    revisions,
    sources,
    tallies,
    unrelated,
)
from monitor.store.upserts import add_missing, add_up

READ_WELL = (State.OK, State.BEHIND)


@dataclass(slots=True)
class _Chunk:
    """One transaction's share of what was found."""

    connection: Connection
    source: Row[Any]
    posts: Mapping[Identity, Post]
    judged: Mapping[Identity, Sequence[Judged]]
    at: datetime
    secrecy: Secrecy | None = None
    marked: Sequence[Post] = ()
    """What its platform marks as sensitive, of all that came."""
    read: int = 0

    @property
    def outdated(self) -> bool:
        """Whether the schools' names have changed since this poll began."""
        return bool(self.source.generation != self.source.claimed_generation)


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes findings."""

    database: Database
    hasher: Hasher
    new_id: Callable[[datetime], str]
    secrecy: Secrecy | None = None

    def record(self, findings: Findings, at: datetime) -> Recorded:
        """Write them, in chunks, each whole; only the last one moves the cursor."""
        self._refresh_hashes(findings, at)
        if marked := covered(findings.batch.posts):
            with self.database.writing() as connection:
                lock_beside(connection, marked)
        every = _once(findings)
        judged = _by_post(findings.judged)
        chunks = list(in_chunks(list(every.items()))) or [()]
        made = [
            self._record_chunk(findings, dict(chunk), judged, at, last=number == len(chunks))
            for number, chunk in enumerate(chunks, start=1)
        ]
        return Recorded(
            new=tuple(number for one in made for number in one.new),
            joined=tuple(number for one in made for number in one.joined),
            raised=tuple(number for one in made for number in one.raised),
        )

    def _record_chunk(
        self,
        findings: Findings,
        posts: Mapping[Identity, Post],
        judged: Mapping[Identity, Sequence[Judged]],
        at: datetime,
        *,
        last: bool,
    ) -> Made:
        with self.database.writing() as connection:
            share_turn(connection, "upkeep")
            take_turns(connection, *_schools(posts, judged))
            kept = without(posts, buried_identities(connection, self.hasher, posts))
            marked = covered(findings.batch.posts)
            source = _source(connection, findings.source)
            chunk = _Chunk(connection, source, kept, judged, at, self.secrecy, marked)
            alerting = Alerting(
                connection, findings.source, at, self.new_id, findings.apart, secrecy=self.secrecy
            )
            _keep_related(chunk, alerting)
            self._hash_unrelated(chunk)
            chunk.read += findings.passed if last else 0
            _tally(chunk, alerting.made)
            if last:
                _note_gone(chunk, findings.batch)
                _finish(chunk, findings)
            return alerting.made

    def _hash_unrelated(self, chunk: _Chunk) -> None:
        if chunk.outdated:
            # They concern none of the schools as they were called; they are read again under the new names.
            return
        hashes = {
            self.hasher.unrelated(chunk.source.name, *which)
            for which in chunk.posts
            if not chunk.judged.get(which)
        }
        day = chunk.at.date()
        chunk.read += add_missing(
            chunk.connection,
            unrelated,
            [{"source": chunk.source.id, "hash": one, "last_served": day} for one in sorted(hashes)],
        )

    def _refresh_hashes(self, findings: Findings, at: datetime) -> None:
        """Note, once a day, that hashed posts are still served: nothing else keeps their hashes alive."""
        fresh = {identity(post) for post in findings.changed}
        served = [which for which in map(identity, findings.batch.posts) if which not in fresh]
        for chunk in in_chunks(served):
            self._refresh(findings.source, chunk, at)

    def _refresh(self, source: str, served: Sequence[Identity], at: datetime) -> None:
        number = select(sources.c.id).where(sources.c.name == source).scalar_subquery()
        stale = and_(
            unrelated.c.source == number,
            unrelated.c.hash.in_([self.hasher.unrelated(source, *which) for which in served]),
            unrelated.c.last_served < at.date(),
        )
        with self.database.reading() as connection:
            needed = connection.scalar(select(exists().where(stale)))
        if needed:
            with self.database.writing() as connection:
                share_turn(connection, "upkeep")
                connection.execute(update(unrelated).where(stale).values(last_served=at.date()))


def _once(findings: Findings) -> dict[Identity, Post]:
    """Every revision that changed or was judged, once."""
    every = [*findings.changed, *(judged.mention.post for judged in findings.judged)]
    return {identity(post): post for post in every}


def _by_post(judged: Sequence[Judged]) -> dict[Identity, list[Judged]]:
    grouped: dict[Identity, list[Judged]] = {}
    for one in judged:
        grouped.setdefault(identity(one.mention.post), []).append(one)
    return grouped


def _schools(posts: Iterable[Identity], judged: Mapping[Identity, Sequence[Judged]]) -> set[str]:
    return {f"school {one.mention.school}" for which in posts for one in judged.get(which, ())}


def _source(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(select(sources).where(sources.c.name == name)).one_or_none()
    if row is None:
        raise LookupError(f"there is no source named {name}")
    return row


def _keep_related(chunk: _Chunk, alerting: Alerting) -> None:
    related = [which for which in chunk.posts if chunk.judged.get(which)]
    # Two sources may bring the same posts at once: rows are made in one order everywhere, against deadlocks.
    kept = {which: _keep(chunk, chunk.posts[which]) for which in sorted(related)}
    if not chunk.outdated:
        _considered(chunk)
    for which in related:
        for judged in chunk.judged[which]:
            alerting.settle(locked_beside(chunk.connection, judged, chunk.marked), kept[which])


def _keep(chunk: _Chunk, post: Post) -> Kept:
    """Keep the post and this revision of it; what is there already stays as it is."""
    is_new = add_missing(chunk.connection, posts, [_new_row(chunk, post)]) == 1
    wanted = and_(*(posts.c[name] == value for name, value in identity_row(post).items()))
    number = chunk.connection.scalars(select(posts.c.id).where(wanted)).one()
    revision = {"post": number, "revision": post.revision}
    said = {**revision, **_said(chunk, post), "seen_at": chunk.at}
    is_edit = add_missing(chunk.connection, revisions, [said]) == 1
    if is_edit and not is_new:
        _edit(chunk, number, post)
    chunk.read += is_edit
    same = and_(*(revisions.c[name] == value for name, value in revision.items()))
    return Kept(number, chunk.connection.scalars(select(revisions.c.id).where(same)).one())


def _said(chunk: _Chunk, post: Post) -> dict[str, Any]:
    if chunk.secrecy is not None:
        return chunk.secrecy.revision(post)
    return {"title": post.title, "text": post.text, "sealed": False}


def _columns(chunk: _Chunk, post: Post) -> dict[str, Any]:
    return post_row(post) if chunk.secrecy is None else {**post_row(post), **chunk.secrecy.post(post)}


def _new_row(chunk: _Chunk, post: Post) -> dict[str, Any]:
    row = {
        **identity_row(post),
        **_columns(chunk, post),
        "source": chunk.source.id,
        "seen_at": chunk.at,
        "changed_at": chunk.at,
        "reconsider": chunk.outdated,
    }
    return row if _names_author(chunk, post) else {**row, "author": None}


def _edit(chunk: _Chunk, number: int, post: Post) -> None:
    row = {**_columns(chunk, post), "changed_at": chunk.at, "gone_at": None}
    if not _names_author(chunk, post):
        del row["author"]
        _forget_author(chunk, number)
    chunk.connection.execute(update(posts).where(posts.c.id == number).values(**row))
    chunk.connection.execute(update(alerts).where(alerts.c.post == number).values(gone_at=None))


def _names_author(chunk: _Chunk, post: Post) -> bool:
    """Lawful criticism keeps no author, unless another school has an alert of the same post."""
    said = chunk.judged[identity(post)]
    if any(one.judgement.alert and not is_private(one) for one in said):
        return True
    return not any(is_private(one) for one in said)


def _forget_author(chunk: _Chunk, number: int) -> None:
    alerted = exists().where(alert_posts.c.post == posts.c.id)
    chunk.connection.execute(update(posts).where(posts.c.id == number, ~alerted).values(author=None))


def _considered(chunk: _Chunk) -> None:
    """Those that were to be considered again have been."""
    for condition in these(chunk.posts):
        chunk.connection.execute(update(posts).where(condition, posts.c.reconsider).values(reconsider=False))


def _tally(chunk: _Chunk, made: Made) -> None:
    """Count with each chunk: a poll that dies half-way has counted what it has kept, and no more."""
    counts = {"read": chunk.read, "mentions": made.mentions, "alerts": len(made.new), "below": made.below}
    if any(counts.values()):
        row = {"source": chunk.source.id, "at": tally_time(chunk.at), **counts}
        add_up(chunk.connection, tallies, row, list(counts))


def _note_gone(chunk: _Chunk, batch: Batch) -> None:
    platforms = sorted({batch.platform or chunk.source.platform, *(post.platform for post in batch.posts)})
    ids = [posts.c.post_id.in_(some) for some in in_chunks([known_id(gone) for gone in batch.gone])]
    authors = [
        or_(*(posts.c.post_id.startswith(start, autoescape=True) for start in some))
        for some in in_chunks([keepable(start) for start in batch.gone_by])
    ]
    for which in (*ids, *authors):
        theirs = and_(posts.c.platform.in_(platforms), which, posts.c.gone_at.is_(None))
        marked = update(posts).where(theirs).values(gone_at=chunk.at).returning(posts.c.id)
        numbers = list(chunk.connection.scalars(marked))
        led = update(alerts).where(alerts.c.post.in_(numbers))
        chunk.connection.execute(led.values(gone_at=chunk.at))


def _finish(chunk: _Chunk, findings: Findings) -> None:
    """The poll is over: note how the source is and where to go on, and give it free."""
    batch = findings.batch
    state = batch.state if batch.complete or batch.state is not State.OK else State.BEHIND
    values = {**standing(state, batch.reason, chunk.at), "next_due_at": findings.next_due_at, "failures": 0}
    if state in READ_WELL:
        values["last_ok_at"] = chunk.at
    if findings.held:
        del values["claimed_by"], values["claimed_until"]
    if chunk.outdated:
        values["next_due_at"] = chunk.at
    else:
        values["cursor"] = batch.cursor
        # What is behind an incomplete batch was there before we looked as well.
        values["baseline"] = chunk.source.baseline and not batch.complete
    chunk.connection.execute(update(sources).where(sources.c.id == chunk.source.id).values(**values))
