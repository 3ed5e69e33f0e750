"""The daily digest: what a safeguarding lead must see each day, and how well we have looked."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from connectors.post import State
from monitor.alerts import Alert, Status
from monitor.anchors import Pinned
from monitor.captures import Capture
from monitor.clocks import local
from monitor.coverage import Coverage, is_stale
from monitor.mail.items import Detail, Item, Showing, is_overdue, show
from monitor.mail.wording import STATES, count, day, long_day, plain, platform, sentence, whose
from monitor.notices import Recipient
from monitor.playbook import Play

MOST_ITEMS = 100
FINGERPRINT = 32
"""How many hexadecimal digits of a hash people are shown: too many to be met by chance."""
NEVER_WATCHED = (
    "private groups and closed pages",
    "WhatsApp",
    "Snapchat",
    "TikTok",
    "direct messages",
    "stories and live video",
    "anything behind a sign-in",
    "what a picture or a video shows",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The alerts of one section, the most severe first, and how many more there was no room for."""

    items: tuple[Item, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """How one source is, in words. `stale` means that posts there may have been missed."""

    name: str
    place: str
    ok: bool
    stale: bool
    state: str
    since: str
    last_read: str
    reason: str
    read: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened to the monitor itself: when, and in which words."""

    when: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Everything that a digest shows, already decided; `evidence` is how far each school's chain has come,
    `named` are the numbers of the alerts shown as new, `shown` of all in it that are not locked."""

    subject: str
    school: str
    reader: str
    date: str
    time: str
    first: bool
    excerpts: bool
    headline: str
    calm: bool
    gaps: tuple[str, ...]
    new: Listing
    still_open: Listing
    baseline: Listing
    not_alerted: str
    sources: tuple[SourceLine, ...]
    sources_line: str
    never_watched: tuple[str, ...]
    judges: str
    system: tuple[str, ...]
    changes: tuple[Entry, ...]
    looser: tuple[str, ...]
    housekeeping: tuple[str, ...]
    evidence: tuple[str, ...]
    named: tuple[int, ...]
    shown: tuple[int, ...]


def compose(
    recipient: Recipient,
    *,
    at: datetime,
    since: datetime | None,
    zone: tzinfo,
    detail: Detail,
    school_names: Mapping[str, str],
    plays: Mapping[str, Play],
    new: Sequence[Alert],
    still_open: Sequence[Alert],
    baseline_found: Sequence[Alert],
    captures: Mapping[int, Sequence[Capture] | None],
    texts: Mapping[int, str],
    coverage: Sequence[Coverage],
    never_watched: Sequence[str],
    by: str,
    settings_changes: Sequence[tuple[datetime, tuple[str, ...]]],
    looser: Sequence[str],
    troubles: Sequence[tuple[datetime, str, str]],
    warnings: Sequence[str],
    housekeeping: Sequence[str] = (),
    model_out_since: datetime | None = None,
    pinned: Sequence[Pinned] = (),
) -> Digest:
    """What this person must know now.

    `since` is when their last digest was written, None for the first. `new`, `still_open` and
    `baseline_found` hold only alerts that this person may see. `coverage` speaks of the span since then.
    `by` is the classifier's name for itself. `troubles` are failures of jobs as the journal keeps them: their
    messages are not shown, for one may quote a post. `warnings` are about the machine (disk, unsent
    mail), `housekeeping` about what the school still has to put in order. `model_out_since` is None while the
    model judges, or where there is none. `pinned` says how far the evidence of each of their schools has
    come.
    """
    how = Showing(
        at=at,
        zone=zone,
        detail=detail,
        school_names=school_names,
        plays=plays,
        captures=captures,
        texts=texts,
    )
    listings = [_listing(alerts, how) for alerts in (new, still_open, baseline_found)]
    unanswered = [a for a in (*new, *still_open, *baseline_found) if a.status is Status.OPEN]
    overdue = sum(is_overdue(alert, at, zone) for alert in unanswered)
    lines = tuple(_source_line(c, at, zone) for c in coverage)
    gaps = (*_gaps(lines), *_model_gap(model_out_since, zone))
    school = whose(school_names)
    return Digest(
        subject=_subject(school, day(at, zone), len(unanswered), overdue, lines, gap=bool(gaps)),
        school=school,
        reader=plain(recipient.name, 80),
        date=long_day(at, zone),
        time=f"{at.astimezone(zone):%H:%M}",
        first=since is None,
        excerpts=detail is Detail.EXCERPT,
        headline=_headline(unanswered, overdue),
        calm=not unanswered and not gaps,
        gaps=gaps,
        new=listings[0],
        still_open=listings[1],
        baseline=listings[2],
        not_alerted=_not_alerted(coverage),
        sources=lines,
        sources_line=_sources_line(lines),
        never_watched=tuple(plain(n) for n in never_watched),
        judges=_judges(by, is_out=model_out_since is not None),
        system=(*_troubles(troubles, zone), *(plain(w) for w in warnings)),
        changes=tuple(
            Entry(when=local(when, zone), lines=tuple(map(plain, said))) for when, said in settings_changes
        ),
        looser=tuple(map(plain, looser)),
        housekeeping=tuple(map(plain, housekeeping)),
        evidence=tuple(_witnessed(one, school_names) for one in pinned if one.records),
        named=tuple(item.number for listing in (listings[0], listings[2]) for item in listing.items),
        shown=tuple(item.number for listing in listings for item in listing.items if not item.locked),
    )


def _listing(alerts: Sequence[Alert], how: Showing) -> Listing:
    ordered = sorted(alerts, key=lambda alert: (-alert.severity, alert.seen_at, alert.number))
    return Listing(
        items=tuple(show(alert, how) for alert in ordered[:MOST_ITEMS]),
        more=max(0, len(ordered) - MOST_ITEMS),
    )


def _subject(
    school: str, today: str, review: int, overdue: int, lines: Sequence[SourceLine], *, gap: bool
) -> str:
    warning = "COVERAGE GAP - " if gap else ""
    sources = _sources_line(lines).rstrip(".")
    whose_monitoring = f"Monitoring of {school}" if school[0].isdigit() else f"{school} monitoring"
    return f"{warning}{whose_monitoring} - {today} - {review} to review, {overdue} overdue, {sources}"


def _headline(unanswered: Sequence[Alert], overdue: int) -> str:
    if not unanswered:
        return "Nothing needs you."
    many = Counter(alert.severity for alert in unanswered)
    how_serious = ", ".join(f"{many[severity]} {severity.word}" for severity in sorted(many, reverse=True))
    late = f", {overdue} of them overdue" if overdue else ""
    return f"{count(len(unanswered), 'alert needs', 'alerts need')} you ({how_serious}){late}."


def _gaps(lines: Sequence[SourceLine]) -> tuple[str, ...]:
    if not lines:
        return ("No source is set up, so nothing is being read.",)
    return tuple(
        f"{line.name}: {line.last_read}. {line.state}. Posts there may have been missed."
        for line in lines
        if line.stale
    )


def _model_gap(since: datetime | None, zone: tzinfo) -> Iterator[str]:
    """What was read and only half judged is a gap, too."""
    if since is not None:
        yield (
            f"The model has been out since {local(since, zone)}, so the rules judge alone: they miss what is "
            "said in other words. Whoever looks after the server finds the cause with: monitor check"
        )


def _sources_line(lines: Sequence[SourceLine]) -> str:
    good = sum(line.ok and not line.stale for line in lines)
    if not lines:
        return "no sources"
    return "sources OK" if good == len(lines) else f"{good} of {len(lines)} sources OK"


def _source_line(coverage: Coverage, at: datetime, zone: tzinfo) -> SourceLine:
    read = coverage.last_ok_at
    return SourceLine(
        name=plain(coverage.source, 80),
        place=platform(coverage.platform),
        ok=coverage.state is State.OK,
        stale=is_stale(coverage, at),
        state=STATES[coverage.state],
        since=local(coverage.since, zone) if coverage.since else "",
        last_read=f"last read in full {local(read, zone)}" if read else "never read yet",
        reason=plain(coverage.reason, 200),
        read=coverage.read,
    )


def _not_alerted(coverage: Sequence[Coverage]) -> str:
    read, about_us, alerted = (
        sum(getattr(c, tally) for c in coverage) for tally in ("read", "mentions", "alerts")
    )
    quiet = max(0, about_us - alerted)
    return (
        f"{count(read, 'post')} read, {about_us:,} about us; {quiet:,} of these needed no alert "
        "(ordinary news, opinion and criticism, or below the threshold)."
    )


def _judges(by: str, *, is_out: bool) -> str:
    said = sentence(plain(by, 120))
    if is_out:
        return f"The rules alone, while the model is out. Otherwise: {said}."
    if said.lower().startswith("rules") and "+" not in said:
        return (
            f"{said}. No language model is in use. Rules look for set phrases: "
            "they miss what is said in other words, and they find some harmless things."
        )
    return f"{said}. It can be wrong in both directions; a person decides."


def _witnessed(pinned: Pinned, school_names: Mapping[str, str]) -> str:
    """The head of a school's chain: copies of it in mailboxes are out of this machine's reach."""
    name = plain(school_names.get(pinned.school, pinned.school))
    kept = f"Evidence kept of {name}" if len(school_names) > 1 else "Evidence kept"
    return f"{kept}: {count(pinned.records, 'record')}, fingerprint {pinned.head_sha256[:FINGERPRINT]}."


def _troubles(troubles: Sequence[tuple[datetime, str, str]], zone: tzinfo) -> tuple[str, ...]:
    last = {what: when for when, what, _ in sorted(troubles)}
    times = {what: sum(job == what for _, job, _ in troubles) for what in last}
    return tuple(
        f"{sentence(plain(what, 80))} failed {count(times[what], 'time')}, last {local(when, zone)}: "
        "whoever looks after the server finds the cause in its log."
        for what, when in last.items()
    )
