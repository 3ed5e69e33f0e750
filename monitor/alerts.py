"""Deciding which mentions a person must see, how soon, and who."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from classifiers.taxonomy import Head, Severity, head_of
from classifiers.verdict import Fired, Verdict
from connectors.post import Channel
from monitor.clocks import RECENT, is_older_than
from monitor.mentions.school import Mention
from monitor.playbook import Play, Policy, Raise, Role
from monitor.stories import without_addresses


class Reason(StrEnum):
    """Why a mention became an alert, or did not. Each value is a sentence for people."""

    RULE = "a rule fired that always alerts"
    THRESHOLD = "the score reached the threshold"
    HEAD = "the score of a whole head reached its threshold, although it is unsure which kind it is"
    FLOOR = "the score reached the floor of a critical matter, although below the threshold"
    BELOW = "no rule fired and no score reached its threshold"
    LAWFUL_CRITICISM = "opinion or criticism that needs nothing from the school"
    COUNTED = "a kind that is counted and not alerted"
    SWITCHED_OFF = "this kind or its whole purpose is switched off in the configuration"
    UNREAD_LANGUAGE = "written in a language that is not read here; a person who can should look"
    UNJUDGED = "it could not be judged; a person should look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What follows from a mention and a verdict: an alert or not, and the reason as a value.

    `subcategory` is the most serious one present, `subcategories` all of them in order of severity.
    `why` are sentences for a person. `urgent` asks for a notice at once instead of the next digest.
    `anonymous` asks to keep no author and to take no picture: people may criticise and campaign.
    """

    alert: bool
    reason: Reason
    severity: Severity
    subcategory: str | None
    subcategories: tuple[str, ...]
    why: tuple[str, ...]
    roles: tuple[Role, ...]
    urgent: bool
    media_lock: bool
    anonymous: bool = False


class Status(StrEnum):
    """Where an alert stands with people."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A mention that a person must see; people see it as A-`number`. It holds no post text.

    `urls` are the addresses where the same story was seen, the first one first. `baseline` says that
    it stood there before the source was added. `seen_at` is when we first saw the post. `posts` counts those
    that tell the story, `joined_at` is when we saw the last of them, None where it is the only one.
    """

    number: int
    school: str
    source: str
    platform: str
    channel: Channel
    urls: tuple[str, ...]
    severity: Severity
    subcategory: str
    subcategories: tuple[str, ...]
    reason: Reason
    why: tuple[str, ...]
    roles: tuple[Role, ...]
    media_lock: bool
    ambiguous: bool
    others: tuple[str, ...]
    confidence: float
    by: str
    baseline: bool
    urgent: bool
    status: Status
    seen_at: datetime
    posted_at: datetime | None
    revision: str
    judgements: int = 1
    held: bool = False
    gone_at: datetime | None = None
    posts: int = 1
    joined_at: datetime | None = None

    @property
    def label(self) -> str:
        """The short name that people use and the only one in subjects, file names and logs: A-1044."""
        return f"A-{self.number}"


_SPEAKS = (Reason.RULE, Reason.THRESHOLD, Reason.HEAD, Reason.FLOOR, Reason.UNREAD_LANGUAGE, Reason.UNJUDGED)
_READ = frozenset({"en", "cy"})
# Of no head: they find nothing in a text, so they must not name one where it may not be looked for.
_UNREAD = "unread.language"
_UNJUDGED = "unread.not_judged"
_SURE = 0.75
_EXAMINED = 20_000  # characters: a time or place further down says nothing about the threat at the top

_SOON = re.compile(
    r"""
    \b(?: to(?:night|nite) | 2nite | tomorrow | tmrw? | 2mor+ow | after\ school | home\ ?time | lunch\ ?time
        | at\ lunch | at\ break | break\ ?time | first\ thing | next\ lesson )\b
    | \b(?:on|this|next|come)\ (?:mon|tues|wednes|thurs|fri|satur|sun)day\b
    | \b(?:mon|tues|wednes|thurs|fri|satur|sun)day\ (?:morning|lunch|afternoon|evening|night)\b
    | (?<![\d£$€.:])(?:[01]?\d|2[0-3])[:.][0-5]\d(?![\d%:])
    | \b(?:1[0-2]|[1-9])\ ?(?:am|pm|o'?clock)\b
    | \bat\ (?:half\ )?(?:1[0-2]|[1-9])\b
      (?![.,]?\d|\ *(?:%|per|year|yr|month|week|day|pupil|kid|child|school|other|stage|key))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACE = re.compile(
    r"""
    \b(?:by|at|outside|behind|near|round)\ (?:the|your|ur|his|her|their|my)\ (?:(?:back|front|school|main)\ )?
      (?: gates? | fence | bus\ ?stop | car\ ?park | field | bike\ sheds? | park | shops? | canal | underpass
        | bridge | house | home | door )\b
    | \bwhere\ (?:yo?u|u|he|she|they)\ (?:live|park|walk|work)s?\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MEANS = re.compile(
    r"\b(?:knife|knives|blades?|machetes?|shanks?|baseball bat|crowbar|hammer|guns?|acid|petrol|bricks?)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What one sub-category says of the mention, after the policy has been asked."""

    key: str
    reason: Reason
    severity: Severity
    critical: bool
    score: float
    route: tuple[Role, ...]
    anonymous: bool
    why: tuple[str, ...]


def judge(mention: Mention, verdict: Verdict, policy: Policy, at: datetime) -> Judgement:
    """Whether a person must see this mention, how soon, and why.

    A rule always alerts, a score from its threshold, a critical kind from its floor, a whole head from its
    own. Switching off a purpose or a kind silences everything but critical matters: doubt about a child
    rounds up to a person.

    A text in neither English nor Welsh, in which nothing was found, is no all-clear. It becomes a medium
    alert, for the digest, where it stands on the school's own account or surely speaks of the school, and is
    long enough for its language to be known. Elsewhere such alerts would be noise: a bare name in a foreign
    sentence is mostly another place.
    """
    findings = sorted(_findings(mention, verdict, policy, at), key=_gravest_first)
    speaking = [finding for finding in findings if finding.reason in _SPEAKS]
    if not speaking and _is_unread(mention, verdict):
        speaking = [finding for finding in [_unread(mention, verdict, policy)] if finding.reason in _SPEAKS]
    return _alert(speaking, mention, verdict) if speaking else _no_alert(findings, mention, verdict, policy)


def unjudged(mention: Mention, verdict: Verdict, policy: Policy) -> Judgement:
    """What follows where judging itself failed: that is no all-clear, so a person should look."""
    why = "The monitor itself failed on this text, so nothing is known of what it says."
    finding = _to_look_at(_UNJUDGED, Reason.UNJUDGED, why, policy)
    if finding.reason in _SPEAKS:
        return _alert([finding], mention, verdict)
    return _no_alert([finding], mention, verdict, policy)


def _gravest_first(finding: _Finding) -> tuple[int, int, float, str]:
    return -finding.severity, list(Reason).index(finding.reason), -finding.score, finding.key


def _findings(mention: Mention, verdict: Verdict, policy: Policy, at: datetime) -> Iterator[_Finding]:
    raising = _raising(mention, at)
    for key in dict.fromkeys([*(rule.subcategory for rule in verdict.fired), *verdict.scores]):
        fired = [rule for rule in verdict.fired if rule.subcategory == key]
        play = policy.plays.get(key) or _unlisted(key)
        score = verdict.scores.get(key, 0.0)
        reason = _reached(play, score, fired)
        if reason is not None:
            yield _finding(
                key=key,
                play=play,
                score=score,
                fired=fired,
                reason=reason,
                raising=raising,
                on=_is_on(key, play, policy),
            )
    yield from (found for head in Head if (found := _whole_head(head, verdict, policy, raising)))


def _whole_head(
    head: Head, verdict: Verdict, policy: Policy, raising: Mapping[Raise, str]
) -> _Finding | None:
    """Where a head is surely present and none of its kinds is: the kind that scored highest speaks for it."""
    total = float(getattr(verdict, head.value))
    needed = policy.heads.get(head)
    kinds = {
        key: score for key, score in verdict.scores.items() if key in policy.plays and head_of(key) is head
    }
    fired = {rule.subcategory for rule in verdict.fired}
    reached = any(_reached(policy.plays[key], score, ()) or key in fired for key, score in kinds.items())
    if needed is None or total < needed or not kinds or reached:
        return None
    key = max(kinds, key=lambda key: kinds[key])
    play = policy.plays[key]
    found = _finding(
        key=key,
        play=play,
        score=kinds[key],
        fired=(),
        reason=Reason.HEAD,
        raising=raising,
        on=_is_on(key, play, policy),
    )
    why = f"{head.value.capitalize()}: scored {total:.2f} (alerts at {needed:.2f}); most like: {play.label}."
    return replace(found, why=(why, *found.why))


def _is_on(key: str, play: Play, policy: Policy) -> bool:
    head = head_of(key)
    return play.enabled and (head is None or policy.purposes.get(head, True))


def _unlisted(key: str) -> Play:
    """For a kind that a rule or somebody's model names and the playbook does not know: its rules speak."""
    return Play(label=key, threshold=1.0, severity=Severity.NONE, route=(Role.DSL,), actions=())


def _reached(play: Play, score: float, fired: Sequence[Fired]) -> Reason | None:
    if fired:
        return Reason.RULE
    # Asked the other way round, so that a score that is no number at all counts as reached, not as calm.
    if not score < play.threshold:
        return Reason.THRESHOLD
    if play.severity is Severity.CRITICAL and play.floor is not None and not score < play.floor:
        return Reason.FLOOR
    return None


def _finding(
    *,
    key: str,
    play: Play,
    score: float,
    fired: Sequence[Fired],
    reason: Reason,
    raising: Mapping[Raise, str],
    on: bool,
) -> _Finding:
    base = max([play.severity, *(rule.minimum for rule in fired)])
    raised = [raising[by] for by in play.raised_by if by in raising] if base is not Severity.NONE else []
    return _Finding(
        key=key,
        reason=_unless_silent(reason, key, base, on=on),
        severity=Severity(min(base + len(raised), Severity.CRITICAL)),
        critical=base is Severity.CRITICAL,
        score=score,
        route=play.route,
        anonymous=play.anonymous,
        why=(
            *_found(play, score, fired, reason),
            *(f"{play.label}: one step more, {why}." for why in raised),
        ),
    )


def _unless_silent(reason: Reason, key: str, base: Severity, *, on: bool) -> Reason:
    if base is Severity.NONE:
        return Reason.LAWFUL_CRITICISM if key == "none.lawful_criticism" else Reason.COUNTED
    if not on and base is not Severity.CRITICAL:
        return Reason.SWITCHED_OFF
    return reason


def _found(play: Play, score: float, fired: Sequence[Fired], reason: Reason) -> Iterator[str]:
    for rule in fired:
        yield f"{play.label}: {rule.reason.rstrip('.')} (rule {rule.rule})."
    if reason is Reason.FLOOR:
        yield (
            f"{play.label}: scored {score:.2f}, below {play.threshold:.2f}; "
            f"a critical matter alerts from {play.floor:.2f} all the same."
        )
    # With rules alone the score only repeats the rule.
    elif not (fired and score in (0.0, 1.0)) and not score < play.threshold:
        yield f"{play.label}: scored {score:.2f} (alerts at {play.threshold:.2f})."


def _raising(mention: Mention, at: datetime) -> dict[Raise, str]:
    """What about this post makes a matter more serious, with the words for it."""
    raising = {}
    if mention.post.channel is Channel.OFFICIAL_ACCOUNT:
        raising[Raise.OFFICIAL] = "it stands on the school's own account, where children read along"
    given = _time_place_or_means(mention.post.body[:_EXAMINED])
    # What was to happen "tomorrow" in an old post is not to come.
    if given and not is_older_than(RECENT, mention.post.posted_at, at):
        raising[Raise.SOON] = f"it names {given}"
    return raising


def _time_place_or_means(text: str) -> str:
    named = (("a time", _SOON), ("a place", _PLACE), ("a means", _MEANS))
    return " and ".join(what for what, pattern in named if pattern.search(text))


def _alert(speaking: Sequence[_Finding], mention: Mention, verdict: Verdict) -> Judgement:
    critical = any(finding.critical for finding in speaking)
    severity = _as_sure_as_the_school(speaking[0].severity, critical=critical, ambiguous=mention.ambiguous)
    reasons = {finding.reason for finding in speaking}
    return Judgement(
        alert=True,
        reason=next(reason for reason in _SPEAKS if reason in reasons),
        severity=severity,
        subcategory=speaking[0].key,
        subcategories=tuple(finding.key for finding in speaking),
        why=(*(line for finding in speaking for line in finding.why), *_about_the_school(mention)),
        roles=_roles(speaking, critical=critical or severity is Severity.CRITICAL),
        urgent=severity >= Severity.HIGH,
        media_lock=_locks_media(mention, verdict),
        anonymous=all(finding.anonymous for finding in speaking),
    )


def _as_sure_as_the_school(severity: Severity, *, critical: bool, ambiguous: bool) -> Severity:
    """The severity, held back where the school may be another one; a critical kind still speaks at once."""
    if not ambiguous:
        return severity
    return Severity.HIGH if critical else min(severity, Severity.MEDIUM)


def _roles(speaking: Iterable[_Finding], *, critical: bool) -> tuple[Role, ...]:
    at_once = (Role.DSL, Role.DEPUTY) if critical else ()
    routed = dict.fromkeys([*at_once, *(role for finding in speaking for role in finding.route)])
    return tuple(routed) or (Role.DSL,)


def _about_the_school(mention: Mention) -> Iterator[str]:
    if mention.ambiguous:
        others = f" (also looked after here: {', '.join(mention.others)})" if mention.others else ""
        yield f"This may be another school of this name{others}."
    if mention.reasons:
        yield f"Thought to be this school: {' '.join(mention.reasons)}"


def _locks_media(mention: Mention, verdict: Verdict) -> bool:
    return verdict.media_lock or mention.post.sensitive


def _is_unread(mention: Mention, verdict: Verdict) -> bool:
    language = (verdict.language or mention.post.language or "en").lower()
    ours = mention.post.channel is Channel.OFFICIAL_ACCOUNT
    sure = not mention.ambiguous and mention.confidence >= _SURE
    return (
        language.partition("-")[0].partition("_")[0] not in _READ
        and (ours or sure)
        and _is_long_enough_to_tell(mention.post.body)
    )


def _is_long_enough_to_tell(text: str) -> bool:
    """Whether a guess at the language can be trusted: a foreign script, or at least twelve words of ours.

    English slang of a few words is often taken for Dutch or Danish; that must not become an alert.
    """
    words = _WORDS.findall(without_addresses(text[:_EXAMINED]))
    letters = "".join(words)
    foreign = sum("LATIN" not in unicodedata.name(letter, "LATIN") for letter in letters)
    return len(words) >= 12 or (foreign >= 8 and foreign > len(letters) / 2)  # noqa: PLR2004


def _unread(mention: Mention, verdict: Verdict, policy: Policy) -> _Finding:
    language = verdict.language or mention.post.language
    why = f"Written in a language that we cannot read ('{language}'); a person who can should look."
    return _to_look_at(_UNREAD, Reason.UNREAD_LANGUAGE, why, policy)


def _to_look_at(key: str, reason: Reason, why: str, policy: Policy) -> _Finding:
    """What speaks because we know nothing, unless the school has switched that off."""
    play = policy.plays.get(key) or _unlisted(key)
    finding = _finding(
        key=key, play=play, score=0.0, fired=(), reason=reason, raising={}, on=_is_on(key, play, policy)
    )
    return replace(finding, why=(why,))


def _no_alert(findings: Sequence[_Finding], mention: Mention, verdict: Verdict, policy: Policy) -> Judgement:
    first = findings[0] if findings else None
    return Judgement(
        alert=False,
        reason=first.reason if first else Reason.BELOW,
        severity=Severity.NONE,
        subcategory=first.key if first else None,
        subcategories=tuple(finding.key for finding in findings),
        why=tuple(line for finding in findings for line in finding.why) or _highest(verdict, policy),
        roles=(),
        urgent=False,
        media_lock=_locks_media(mention, verdict),
        anonymous=any(finding.anonymous for finding in findings),
    )


def _highest(verdict: Verdict, policy: Policy) -> tuple[str, ...]:
    known = {key: score for key, score in verdict.scores.items() if key in policy.plays}
    if not any(known.values()):
        return ("Nothing was found.",)
    key = max(known, key=lambda key: known[key])
    play = policy.plays[key]
    return (f"Highest: {play.label} scored {known[key]:.2f} (alerts at {play.threshold:.2f}).",)
