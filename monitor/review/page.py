"""One alert as one self-contained HTML page, in which what must not be opened stays shut."""

import base64
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from classifiers.explaining import Explanation
from classifiers.taxonomy import Head, Severity
from connectors.post import Post
from monitor.alerts import Alert
from monitor.captures import Capture
from monitor.cases import CaseEvent
from monitor.clocks import local
from monitor.mail.urgent import Call, calls
from monitor.mail.wording import address, kind, plain, platform, retold, sentence
from monitor.playbook import Contact, Play
from monitor.store.alerts import Judging

_LONGEST_TEXT = 20_000
_LONGEST_LOCKED_TEXT = 500
_LARGEST_PRINT = 15_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_SCHEME = re.compile(r"(?:https?|ftp)(?=://)", re.IGNORECASE)
_BARE_HOST = re.compile(r"(?<=[^\W_])\.(?=[a-z]{2,}\b)", re.IGNORECASE)
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_KEPT_UNSEEN = {"\n", "\t", "\u200d"}
"""Line ends, tabs, and the joiner that holds one emoji together."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people here write it, and in UTC."""

    local: str
    utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One judgement in words: when, by whom, how serious, and why, with each rule and score."""

    at: str
    by: str
    severity: Severity
    reason: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """Some words of the post, and what the score would be without them."""

    words: str
    score: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Which words weighed most with the model for one kind of matter, and how far that was from alerting."""

    kind: str
    score: str
    words: tuple[Without, ...]
    whole: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One capture in words."""

    id: str
    at: Moment
    kind: str
    files: tuple[str, ...]
    record: str
    limits: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the page shows, already decided; no address in a locked post can be opened."""

    label: str
    number: int
    school: str
    others: tuple[str, ...]
    severity: Severity
    kind: str
    also: tuple[str, ...]
    status: str
    locked: bool
    ambiguous: bool
    confidence: str
    where: str
    addresses: tuple[str, ...]
    retold: str
    seen: Moment
    posted: Moment | None
    edited: Moment | None
    gone: Moment | None
    title: str
    words: str
    answered: str
    sealed: bool
    cut: bool
    opinions: tuple[Opinion, ...]
    weights: tuple[Weights, ...]
    unweighed: str
    evidence: tuple[Evidence, ...]
    print_uri: str
    actions: tuple[str, ...]
    calls: tuple[Call, ...]
    history: tuple[str, ...]
    held: bool
    made: Moment


def compose_page(
    alert: Alert,
    post: Post | None,
    *,
    judgings: Sequence[Judging],
    captures: Sequence[Capture],
    history: Sequence[CaseEvent],
    plays: Mapping[str, Play],
    contacts: Mapping[str, Contact],
    school_names: Mapping[str, str],
    screenshot: bytes | None,
    zone: tzinfo,
    at: datetime,
    explanations: Sequence[Explanation] = (),
    unexplained: str = "",
    sealed: bool = False,
) -> Page:
    """Everything that somebody who looks at this alert must know.

    `screenshot` is the PNG of the newest capture, `explanations` say which words weighed most; a locked alert
    shows neither, whatever is given. `unexplained` says why there are none where there should be. `sealed`
    says that words are kept which nobody can read on this machine.
    """
    play = plays.get(alert.subcategory)
    words, cut = _words(post.text if post else "", alert.media_lock)
    return Page(
        label=alert.label,
        number=alert.number,
        school=plain(school_names.get(alert.school, alert.school), 120),
        others=tuple(plain(school_names.get(other, other), 120) for other in alert.others),
        severity=alert.severity,
        kind=_kind(alert.subcategory, plays),
        also=tuple(_kind(s, plays) for s in alert.subcategories if s != alert.subcategory),
        status=alert.status.value,
        locked=alert.media_lock,
        ambiguous=alert.ambiguous,
        confidence=f"{alert.confidence:.0%}",
        where=f"{plain(alert.source, 80)} ({platform(alert.platform)})",
        addresses=_addresses(alert),
        retold=retold(alert.posts, alert.joined_at, zone),
        seen=_moment(alert.seen_at, zone),
        posted=_moment(alert.posted_at, zone) if alert.posted_at else None,
        edited=_moment(post.edited_at, zone) if post and post.edited_at else None,
        gone=_moment(alert.gone_at, zone) if alert.gone_at else None,
        title=_words(post.title if post else "", alert.media_lock)[0],
        words=words,
        answered=_words(post.parent_text if post else "", alert.media_lock)[0],
        sealed=sealed,
        cut=cut,
        opinions=tuple(_opinion(judging, zone, locked=alert.media_lock) for judging in judgings),
        weights=() if alert.media_lock else tuple(_weights(one, plays, judgings) for one in explanations),
        unweighed=plain(unexplained),
        evidence=tuple(_evidence(capture, zone) for capture in captures),
        print_uri="" if alert.media_lock else _data_uri(screenshot),
        actions=play.actions if play else (),
        calls=calls(play, contacts) if play else (),
        history=tuple(_event(event, zone) for event in history),
        held=alert.held,
        made=_moment(at, zone),
    )


def as_html(page: Page) -> str:
    """One self-contained HTML page."""
    return _HTML.render(page=page)


def as_text(page: Page) -> str:
    """The same for a terminal; of the evidence only where it lies."""
    return _TEXT.render(page=page)


def exact(text: str) -> str:
    """The text as it stands, with what cannot be seen written out: a hidden letter shows as [U+200B]."""
    return "".join(
        f"[U+{ord(c):04X}]" if unicodedata.category(c) in _UNSEEN and c not in _KEPT_UNSEEN else c
        for c in text.replace("\r\n", "\n")
    )


def defanged(text: str) -> str:
    """The text with its addresses written so that neither a person nor a program opens them by accident."""
    schemes = _SCHEME.sub(lambda found: found[0].replace("t", "x").replace("T", "X"), text)
    return _BARE_HOST.sub("[.]", schemes)


def _words(text: str, locked: bool) -> tuple[str, bool]:
    longest = _LONGEST_LOCKED_TEXT if locked else _LONGEST_TEXT
    shown = exact(text[:longest])
    return defanged(shown) if locked else shown, len(text) > longest


def _addresses(alert: Alert) -> tuple[str, ...]:
    found = (address(url) for url in alert.urls)
    return tuple(defanged(url) if alert.media_lock else url for url in found if url)


def _kind(subcategory: str, plays: Mapping[str, Play]) -> str:
    return kind(subcategory, plays[subcategory].label if subcategory in plays else "")


def _moment(at: datetime, zone: tzinfo) -> Moment:
    return Moment(local(at, zone), f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


def _opinion(judging: Judging, zone: tzinfo, *, locked: bool) -> Opinion:
    judgement = judging.judgement
    return Opinion(
        at=local(judging.at, zone),
        by=plain(judging.verdict.by),
        severity=judgement.severity,
        reason=judgement.reason.value,
        why=tuple(_words(why, locked or judgement.media_lock)[0] for why in judgement.why),
    )


def _weights(found: Explanation, plays: Mapping[str, Play], judgings: Sequence[Judging]) -> Weights:
    fired = {rule.subcategory for judging in judgings[-1:] for rule in judging.verdict.fired}
    return Weights(
        kind=f"{found.target} as a whole" if found.target in set(Head) else _kind(found.target, plays),
        score=_distance(found.score, plays.get(found.target), fired=found.target in fired),
        words=tuple(
            Without(exact(each.words), f"{max(0.0, found.score - each.drop):.2f}") for each in found.weighed
        ),
        whole=found.whole,
        by=plain(found.by),
    )


def _distance(score: float, play: Play | None, *, fired: bool) -> str:
    """How far a score is from the point at which it alerts; the line above says that of a whole head."""
    if play is None:
        return f"scored {score:.2f}"
    floored = play.severity is Severity.CRITICAL and play.floor is not None and play.floor < play.threshold
    floor = f", and as a critical matter from {play.floor:.2f}" if floored else ""
    least = play.floor if floored and play.floor is not None else play.threshold
    alone = "; it was the rule that alerted" if fired and score < least else ""
    return f"scored {score:.2f}, alerts at {play.threshold:.2f}{floor}{alone}"


def _evidence(capture: Capture, zone: tzinfo) -> Evidence:
    return Evidence(
        id=capture.id,
        at=_moment(capture.captured_at, zone),
        kind=capture.kind.words,
        files=tuple(f"{plain(f.name, 80)}, {f.bytes:,} bytes, SHA-256 {f.sha256}" for f in capture.files),
        record=capture.record_sha256,
        limits=tuple(plain(limit) for limit in capture.limits),
        advice=capture.advice,
    )


def _data_uri(picture: bytes | None) -> str:
    if picture is None or not picture.startswith(_PNG) or len(picture) > _LARGEST_PRINT:
        return ""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _event(event: CaseEvent, zone: tzinfo) -> str:
    note = f": {plain(event.note, 500)}" if event.note else ""
    return f"{local(event.at, zone)}: {event.act.value}, by {plain(event.by, 120)}{note}"


def _template() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("monitor.review"), PackageLoader("monitor.mail")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence"] = sentence
    return environment


_HTML = _template().get_template("alert.html")
_TEXT = _template().get_template("alert.txt")
