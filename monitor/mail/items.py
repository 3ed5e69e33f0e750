"""One alert as a mail may show it: what is left out is decided here, once, for every kind of mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from classifiers.rules import shipped
from classifiers.taxonomy import Head, Severity
from connectors.post import Channel
from monitor.alerts import Alert, Status
from monitor.captures import Capture, Kind, Progress
from monitor.clocks import acknowledge_by, local
from monitor.mail.wording import address, age, kind, plain, platform, retold
from monitor.playbook import Play

MOST_ADDRESSES = 5
EXCERPT = 200
NEVER_QUOTED = "safeguarding.staff_allegation"
_AT_ONCE = {Severity.CRITICAL: timedelta(minutes=30), Severity.HIGH: timedelta(hours=12)}


class Detail(StrEnum):
    """How much a mail says of each alert."""

    MINIMAL = "minimal"
    LINK = "link"
    EXCERPT = "excerpt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is needed to show alerts to one person at one moment.

    `school_names` maps the ids of the schools that this person looks after to names, `plays` a
    sub-category to its entry in the playbook, `captures` and `texts` alert numbers to what the camera
    took (None where that cannot be read) and to the post's text; texts are used under `detail: excerpt`
    alone.
    """

    at: datetime
    zone: tzinfo
    detail: Detail
    school_names: Mapping[str, str]
    plays: Mapping[str, Play]
    captures: Mapping[int, Sequence[Capture] | None] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An alert as a mail shows it: finished words, and nothing that this mail must not say.

    A locked item has its number, severity, kind and time, and nothing else that comes from the post.
    """

    number: int
    label: str
    severity: Severity
    kind: str
    also: tuple[str, ...]
    school: str
    seen: str
    retold: str
    where: str
    addresses: tuple[str, ...]
    more_addresses: int
    excerpt: str
    reason: str
    evidence: str
    standing: str
    answer_by: str
    overdue: bool
    doubt: str
    first_step: str
    locked: bool


def show(alert: Alert, how: Showing) -> Item:
    """The alert as a mail of this level of detail may show it."""
    play = how.plays.get(alert.subcategory)
    addresses = _addresses(alert, how.detail)
    overdue = is_overdue(alert, how.at, how.zone)
    return Item(
        number=alert.number,
        label=alert.label,
        severity=alert.severity,
        kind=_kind(alert.subcategory, how.plays),
        also=tuple(_kind(s, how.plays) for s in alert.subcategories if s != alert.subcategory),
        school=_school(alert, how),
        seen=local(alert.seen_at, how.zone),
        retold=retold(alert.posts, alert.joined_at, how.zone),
        where="" if alert.media_lock else _where(alert, how.detail),
        addresses=addresses[:MOST_ADDRESSES],
        more_addresses=max(0, len(addresses) - MOST_ADDRESSES),
        excerpt=_excerpt(alert, how),
        reason=_reason(alert, how.detail),
        evidence=_evidence(alert, how),
        standing=_standing(alert, overdue, how),
        answer_by=_answer_by(alert, how),
        overdue=overdue,
        doubt=_doubt(alert),
        first_step=play.actions[0] if play and play.actions else "",
        locked=alert.media_lock,
    )


def is_overdue(alert: Alert, at: datetime, zone: tzinfo) -> bool:
    """Whether somebody should have acknowledged this alert by now."""
    due = look_by(alert, zone)
    return alert.status is Status.OPEN and due is not None and due < at


def look_by(alert: Alert, zone: tzinfo) -> datetime | None:
    """When somebody should have acknowledged; low matters have no such time.

    Where a notice went out at once: half an hour for a critical matter, twelve hours for a high one (no
    rota is known, so they run at night too). What waited for a digest: the end of the next weekday.
    """
    if alert.severity < Severity.MEDIUM:
        return None
    if alert.urgent and alert.severity in _AT_ONCE:
        return alert.seen_at + _AT_ONCE[alert.severity]
    return _end_of_next_weekday(alert.seen_at, zone)


def _end_of_next_weekday(at: datetime, zone: tzinfo) -> datetime:
    date = at.astimezone(zone).date() + timedelta(days=1)
    while date.weekday() > 4:  # noqa: PLR2004  # Saturday and Sunday
        date += timedelta(days=1)
    return datetime.combine(date, time.max, tzinfo=zone)


def _school(alert: Alert, how: Showing) -> str:
    """The school's name, for people who look after several."""
    return plain(how.school_names.get(alert.school, alert.school), 120) if len(how.school_names) > 1 else ""


def _kind(subcategory: str, plays: Mapping[str, Play]) -> str:
    return kind(subcategory, plays[subcategory].label if subcategory in plays else "")


def _where(alert: Alert, detail: Detail) -> str:
    place = platform(alert.platform)
    if detail is not Detail.MINIMAL:
        place = f"{plain(alert.source, 80)} ({place})"
    return f"{place}, the school's own page" if alert.channel is Channel.OFFICIAL_ACCOUNT else place


def _addresses(alert: Alert, detail: Detail) -> tuple[str, ...]:
    if alert.media_lock or detail is Detail.MINIMAL:
        return ()
    return tuple(found for url in alert.urls if (found := address(url)))


def _excerpt(alert: Alert, how: Showing) -> str:
    # Education Act 2002 s.141F: an allegation against a teacher is never quoted to anybody by mail.
    named = {alert.subcategory, *alert.subcategories}
    if how.detail is not Detail.EXCERPT or alert.media_lock or NEVER_QUOTED in named:
        return ""
    return plain(how.texts.get(alert.number, ""), EXCERPT)


def _reason(alert: Alert, detail: Detail) -> str:
    """Why somebody should look: what the rules that fired look for, in their own fixed words.

    Only sentences that stand in the shipped rules are said, so that nothing of the post can come along.
    """
    told = [rule.reason for rule in shipped().rules if any(f"(rule {rule.name})" in why for why in alert.why)]
    if detail is Detail.MINIMAL or not told:
        return f"Why: {alert.reason.value}"
    return f"The words suggest: {'; '.join(told)}"


def _evidence(alert: Alert, how: Showing) -> str:
    captures = how.captures.get(alert.number, ())
    if captures is None:
        return "its record was changed and cannot be read: ask for `monitor evidence verify`"
    if alert.media_lock:
        return _held_back(captures)
    taken = [c for c in captures if c.progress is not Progress.DUE]
    if not taken:
        return "not captured yet"
    words = "captured" if taken[-1].progress is Progress.COMPLETE else "captured only in part"
    return f"{words} {local(taken[-1].captured_at, how.zone)}"


def _held_back(taken: Sequence[Capture]) -> str:
    """Of what is locked: whether anything had been kept before anybody knew."""
    had = any(capture.files and capture.kind is not Kind.METADATA_ONLY for capture in taken)
    return "captured before it was locked, and not shown" if had else "not copied, on purpose"


def _standing(alert: Alert, overdue: bool, how: Showing) -> str:
    waited = age(how.at - alert.seen_at)
    if alert.status is not Status.OPEN:
        return f"{alert.status.value}, {waited} old"
    if how.at - alert.seen_at < timedelta(minutes=1):
        return "not acknowledged yet"
    return f"not acknowledged after {waited}" + (": overdue" if overdue else "")


def _answer_by(alert: Alert, how: Showing) -> str:
    """Until when a question or complaint on the school's own page wants a first answer (CLA-MON2)."""
    # What is abuse leaves this clock: it never gets an answer (LEI-9.1).
    if alert.channel is not Channel.OFFICIAL_ACCOUNT or not alert.subcategory.startswith(Head.REPUTATIONAL):
        return ""
    return local(acknowledge_by(alert.posted_at or alert.seen_at, how.zone), how.zone)


def _doubt(alert: Alert) -> str:
    gone = "The post has gone since. " if alert.gone_at else ""
    return gone + ("May be another school of this name." if alert.ambiguous else "")
