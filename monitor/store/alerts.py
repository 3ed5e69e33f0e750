"""Alerts: what people must see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, or_, select

from classifiers.verdict import Verdict
from connectors.post import Post
from monitor.alerts import Alert, Judgement, Status
from monitor.notices import NOBODY, Named
from monitor.store.database import Database
from monitor.store.posts import in_chunks
from monitor.store.rows import read_alert, read_judgement, read_post, read_verdict
from monitor.store.secrecy import read_named
from monitor.store.tables import alert_posts, alerts, digest_entries, judgements, posts, revisions

WORST_FIRST = (alerts.c.severity.desc(), alerts.c.seen_at.desc(), alerts.c.number.desc())


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """One judgement of an alert, as it was made: the first, and one for each later revision."""

    seq: int
    at: datetime
    revision: str
    judgement: Judgement
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedWords:
    """One version of a post of an alert, its words as they were sealed."""

    url: str
    revision: str
    seen_at: datetime
    title: str
    text: str
    author: str
    answered: str


class Alerts:
    """What people must see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, number: int) -> Alert | None:
        """The alert with this number."""
        with self._database.reading() as connection:
            row = connection.execute(select(alerts).where(alerts.c.number == number)).one_or_none()
        return None if row is None else read_alert(row)

    def all(self, *, open_only: bool = False, school: str | None = None) -> list[Alert]:
        """Alerts, most severe first, then the newest. `open_only` leaves out those that are closed."""
        chosen = select(alerts).order_by(*WORST_FIRST)
        if open_only:
            chosen = chosen.where(alerts.c.status != Status.CLOSED.value)
        if school is not None:
            chosen = chosen.where(alerts.c.school_id == school)
        with self._database.reading() as connection:
            return [read_alert(row) for row in connection.execute(chosen)]

    def post(self, number: int) -> Post | None:
        """The alert's post at its newest revision; its text is empty once it was forgotten.

        Where several tell the story it is the one that made it as severe as it is.
        """
        chosen = (
            select(posts, revisions.c.title, revisions.c.text, revisions.c.sealed.label("words_sealed"))
            .join(alerts, alerts.c.post == posts.c.id)
            .join(revisions, revisions.c.post == posts.c.id)
            .where(alerts.c.number == number)
            .order_by(revisions.c.id.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(chosen).one_or_none()
        return None if row is None else read_post(row)

    def is_sealed(self, number: int) -> bool:
        """Whether words of the posts of this alert are kept that nobody here can read."""
        kept = and_(revisions.c.sealed, revisions.c.text.is_not(None))
        found = _words_of([number]).where(kept).limit(1)
        with self._database.reading() as connection:
            return connection.execute(found).one_or_none() is not None

    def sealed_words(self, number: int) -> list[SealedWords]:
        """All that is kept sealed of the posts of this alert, each version of each, the oldest first."""
        kept = _words_of([number]).where(revisions.c.sealed, revisions.c.text.is_not(None))
        with self._database.reading() as connection:
            return [
                SealedWords(
                    url=row.url,
                    revision=row.revision,
                    seen_at=row.seen_at,
                    title=row.title,
                    text=row.text,
                    author=(row.author or "") if row.post_sealed else "",
                    answered=row.parent_text if row.post_sealed else "",
                )
                for row in connection.execute(kept)
            ]

    def judgings(self, number: int) -> list[Judging]:
        """How it was judged, the first first."""
        chosen = select(judgements).where(judgements.c.alert == number).order_by(judgements.c.seq)
        with self._database.reading() as connection:
            return [
                Judging(
                    seq=row.seq,
                    at=row.at,
                    revision=row.revision,
                    judgement=read_judgement(row.judgement),
                    verdict=read_verdict(row.verdict),
                )
                for row in connection.execute(chosen)
            ]

    def said(self, numbers: Sequence[int]) -> dict[int, str]:
        """Everything that the posts of these alerts say, said before they were edited, or answer.

        What is sealed is left out: whom it names, `named` knows.
        """
        words: dict[int, str] = {}
        with self._database.reading() as connection:
            for some in in_chunks(numbers):
                for row in connection.execute(_words_of(some)):
                    said = () if row.sealed else (row.title or "", row.text or "")
                    answered = () if row.post_sealed else (row.parent_text,)
                    words[row.alert] = "\n".join((words.get(row.alert, ""), *said, *answered))
        return words

    def named(self, numbers: Sequence[int]) -> dict[int, Named]:
        """Whom the sealed words of these alerts named when they were sealed."""
        found: dict[int, Named] = {}
        with self._database.reading() as connection:
            for some in in_chunks(numbers):
                for row in connection.execute(_words_of(some).where(revisions.c.sealed)):
                    found[row.alert] = found.get(row.alert, NOBODY) | read_named(row.named)
        return found

    def kinds(self, numbers: Sequence[int]) -> dict[int, set[str]]:
        """Every kind for which these alerts have ever spoken, whatever their posts say now."""
        found: dict[int, set[str]] = {}
        with self._database.reading() as connection:
            for some in in_chunks(numbers):
                made = select(judgements.c.alert, judgements.c.judgement).where(judgements.c.alert.in_(some))
                for row in connection.execute(made):
                    judgement = read_judgement(row.judgement)
                    if judgement.alert:
                        found.setdefault(row.alert, set()).update(judgement.subcategories)
        return found

    def not_yet_in_digest(
        self, recipient: str, schools: Sequence[str], closed_since: datetime | None = None
    ) -> list[Alert]:
        """Alerts of these schools that no digest to this recipient has named as new.

        One whose severity has risen since is new again. Of those that were closed before `closed_since`
        nobody who comes later needs to hear.
        """
        named = (
            select(digest_entries.c.alert)
            .where(
                digest_entries.c.recipient == recipient,
                digest_entries.c.alert == alerts.c.number,
                digest_entries.c.raised == alerts.c.raised,
            )
            .exists()
        )
        chosen = select(alerts).where(alerts.c.school_id.in_(list(schools)), ~named).order_by(*WORST_FIRST)
        if closed_since is not None:
            chosen = chosen.where(or_(alerts.c.closed_at.is_(None), alerts.c.closed_at >= closed_since))
        with self._database.reading() as connection:
            return [read_alert(row) for row in connection.execute(chosen)]


def _words_of(numbers: Sequence[int]) -> Select[Any]:
    return (
        select(
            alert_posts.c.alert,
            revisions.c.revision,
            revisions.c.seen_at,
            revisions.c.title,
            revisions.c.text,
            revisions.c.sealed,
            revisions.c.named,
            posts.c.url,
            posts.c.author,
            posts.c.parent_text,
            posts.c.sealed.label("post_sealed"),
        )
        .join(posts, posts.c.id == alert_posts.c.post)
        .join(revisions, revisions.c.post == posts.c.id)
        .where(alert_posts.c.alert.in_(list(numbers)))
        .order_by(revisions.c.id)
    )
