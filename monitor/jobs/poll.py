"""Polling: read one source, think about what came, write it down."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

import httpx

from classifiers.taxonomy import Head
from classifiers.verdict import Classifier, Passage, Verdict, only
from connectors.connector import Connector, Place, Refused, Unavailable
from connectors.post import Batch, Post, State
from monitor.alerts import judge, unjudged
from monitor.clocks import back_off, is_baseline, next_due
from monitor.jobs.faults import in_words, machine_fault
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register
from monitor.mentions.school import Mention
from monitor.notices import Recipient, recipients
from monitor.playbook import Policy
from monitor.store.findings import Findings, Judged, Recorded
from monitor.store.posts import Identity, identity
from monitor.store.sources import Claim
from monitor.store.store import Store

LEASE = timedelta(minutes=10)
AT_ONCE = timedelta(minutes=1)
"""How soon a source that is behind is read again."""
SOON = timedelta(minutes=5)
"""How soon a source is read again whose posts could not be kept."""


Earlier = Mapping[Identity, Sequence[Mention]]
"""For each post, the schools of which it spoke before it was edited."""


def _in_chunks(posts: Sequence[Post], size: int = 200) -> Iterable[Sequence[Post]]:
    return (posts[start : start + size] for start in range(0, len(posts), size))


def in_context(post: Post) -> str:
    """The post with what it answers: \"he does it to everyone\" names nobody by itself."""
    return f"{post.body}\n{post.parent_text}"


NOTHING = Recorded(new=(), joined=(), raised=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What one poll did, for the log and for whoever asked for it."""

    source: str
    state: State
    reason: str
    read: int = 0
    changed: int = 0
    mentions: int = 0
    recorded: Recorded = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Reads a source and records what it leads to, all or nothing."""

    store: Store
    http: httpx.Client
    sources: Mapping[str, Connector]
    register: Register
    classifier: Classifier
    policy: Policy
    people: Sequence[Recipient]
    now: Callable[[], datetime]
    chance: Callable[[], float]
    """A number in -1..1 that spreads the polls."""
    worker: str
    scored: Mapping[str, Set[Head]] = field(default_factory=dict)
    """The heads for which a source's posts are scored, where these are not all."""

    def run(self, source: str, *, early: bool = False) -> Polled | None:
        """Poll the source if it is due (or `early`) and nobody else does; None otherwise.

        A host that asked to be left alone is not asked, whoever wants it.
        """
        connector = self.sources.get(source)
        if connector is None:
            return None
        claim = self.claim(connector, early=early)
        return self._poll(connector, claim) if isinstance(claim, Claim) else claim

    def claim(self, place: Place, *, early: bool = False) -> Claim | Polled | None:
        """Take the place for this worker if it is due (or `early`); what to say where its host wants rest."""
        at = self.now()
        held = self.store.sources.host_held_until(place.host, at)
        if held is not None:
            return _left_alone(place, held - at)
        return self.store.sources.claim(place.name, self.worker, at, at + LEASE, early=early)

    def _poll(self, connector: Connector, claim: Claim) -> Polled:
        try:
            batch = connector.fetch(self.http, claim.cursor)
        except Unavailable as error:
            return self.put_off(connector, claim, error.state, error.reason, error.retry_after)
        except Refused as error:
            return self.put_off(connector, claim, error.state, error.reason)
        return self.record(connector, claim, batch)

    def stumble(self, place: Place, error: Exception) -> None:
        """Note at the source that the worker itself failed on it; the same posts are read again later."""
        every, at = place.every, self.now()
        fault = machine_fault(error)
        if fault is None:
            state, again = State.PARSE_ERROR, every
            reason = f"the monitor itself failed on what this source sent: {in_words(error)}"
        else:
            state, again = State.BEHIND, min(every, SOON)
            reason = f"what this source sent could not be kept: {fault}; it is read again"
        self.store.sources.failed(place.name, state, reason, at + again, at)

    def put_off(
        self, place: Place, claim: Claim, state: State, reason: str, retry_after: timedelta | None = None
    ) -> Polled:
        """Note that the place brought nothing, and when it is tried again."""
        at = self.now()
        # When our own network is down it is not they who need rest: what they missed is read soon after.
        failures = 1 if state is State.OUR_NETWORK_DOWN else claim.failures + 1
        until = at + back_off(failures, place.every, retry_after)
        host = place.host if state is State.RATE_LIMITED else ""
        self.store.sources.failed(claim.source, state, reason, until, at, host=host)
        return Polled(source=claim.source, state=state, reason=reason)

    def record(
        self, place: Place, claim: Claim, batch: Batch, *, passed: int = 0, held: bool = False
    ) -> Polled:
        """Think about what came, and keep it; `passed` and `held` are for a stream, as in `Findings`."""
        changed = self.store.posts.changed(claim.source, batch.posts)
        judged = list(chain.from_iterable(self._think(place, claim, posts) for posts in _in_chunks(changed)))
        at = self.now()
        self._note_outage(judged, at)
        findings = Findings(
            source=claim.source,
            batch=batch,
            changed=changed,
            judged=judged,
            apart=frozenset(self.scored),
            # Whoever listens holds it; when they die it is due at once.
            next_due_at=at if held else self._next(place, batch, at),
            passed=passed,
            held=held,
        )
        recorded = self.store.record(findings, at)
        return Polled(
            source=claim.source,
            state=batch.state if batch.complete or batch.state is not State.OK else State.BEHIND,
            reason=batch.reason,
            read=len(batch.posts) + passed,
            changed=len(changed),
            mentions=len(judged),
            recorded=recorded,
        )

    def _next(self, place: Place, batch: Batch, at: datetime) -> datetime:
        due = next_due(at, place.every, self.chance()) if batch.complete else at + AT_ONCE
        return max(due, at + batch.wait) if batch.wait else due

    def _think(self, place: Place, claim: Claim, posts: Sequence[Post]) -> list[Judged]:
        """What these posts lead to; one that cannot be judged is for a person to see, and stops no other.

        Raises what the machine, the database or a classifier that judges nothing at all raises.
        """
        earlier = self.store.posts.spoken_of(posts)
        try:
            return self._judge(
                claim, [mention for post in posts for mention in self._mentions(place, post, earlier)]
            )
        except Exception as error:
            if machine_fault(error) is not None:
                raise
            self.classifier.classify([Passage("Can anything be judged?")])
        return [judged for post in posts for judged in self._alone(place, claim, post, earlier)]

    def _mentions(self, place: Place, post: Post, earlier: Earlier) -> list[Mention]:
        """The schools that the post speaks of, and those that it spoke of before it was edited."""
        found = find_mentions(post, self.register, place.official)
        known = {mention.school for mention in found}
        return [*found, *(one for one in self._earlier(post, earlier) if one.school not in known)]

    def _earlier(self, post: Post, earlier: Earlier) -> list[Mention]:
        return [mention for mention in earlier[identity(post)] if mention.school in self.register.schools]

    def _judge(self, claim: Claim, mentions: Sequence[Mention]) -> list[Judged]:
        passages = [Passage(mention.post.body, mention.post.parent_text) for mention in mentions]
        at = self.now()
        # What may not be scored is gone before anything is thought about it or kept.
        heads = self.scored.get(claim.source, frozenset(Head))
        return [
            self._judged(claim, mention, only(verdict, heads), at)
            for mention, verdict in zip(mentions, self.classifier.classify(passages), strict=True)
        ]

    def _alone(self, place: Place, claim: Claim, post: Post, earlier: Earlier) -> list[Judged]:
        """What one post leads to, whatever in it fails us."""
        try:
            mentions = self._mentions(place, post, earlier)
        except Exception as error:  # noqa: BLE001  # whatever it is, the other posts must be judged
            self._note(place, error)
            supposed = [self._judge_surely(place, claim, one) for one in self._supposed(place, post, earlier)]
            # Calm words are no all-clear where we do not know of whom they speak.
            return [one if one.judgement.alert else self._unjudged(claim, one.mention) for one in supposed]
        return [self._judge_surely(place, claim, mention) for mention in mentions]

    def _supposed(self, place: Place, post: Post, earlier: Earlier) -> list[Mention]:
        """Of whom a post may speak that cannot be searched: its page's school, the only one, those before."""
        schools = self.register.schools
        likely = [school for school in schools if len(schools) == 1 or school == place.official]
        guessed = [
            Mention(
                post=post,
                school=school,
                spans=(),
                confidence=1.0 if school == place.official else 0.5,
                reasons=("Its text could not be searched for names.",),
                ambiguous=school != place.official,
            )
            for school in likely
        ]
        return [*guessed, *(one for one in self._earlier(post, earlier) if one.school not in likely)]

    def _judge_surely(self, place: Place, claim: Claim, mention: Mention) -> Judged:
        try:
            (judged,) = self._judge(claim, [mention])
        except Exception as error:  # noqa: BLE001  # whatever it is, a person can still look
            self._note(place, error)
            return self._unjudged(claim, mention)
        return judged

    def _unjudged(self, claim: Claim, mention: Mention) -> Judged:
        verdict = Verdict(abuse=0, safeguarding=0, reputational=0, scores={}, by=self.classifier.by)
        return Judged(
            mention=mention,
            verdict=verdict,
            judgement=unjudged(mention, verdict, self.policy),
            baseline=claim.baseline,
            hear_now=(),
        )

    def _note_outage(self, judged: Sequence[Judged], at: datetime) -> None:
        """Note first that only rules judged: whoever finds the model back has these judged again."""
        out = next((one.verdict.out for one in judged if one.verdict.out), None)
        if out is not None:
            self.store.journal.model_is_out(out, at)

    def _note(self, place: Place, error: Exception) -> None:
        """Keep that a post could not be judged; raises what is the machine's fault and not the post's."""
        if machine_fault(error) is not None:
            raise error
        self.store.journal.trouble(f"judging a post of {place.name}", in_words(error), self.now())

    def _judged(self, claim: Claim, mention: Mention, verdict: Verdict, at: datetime) -> Judged:
        judgement = judge(mention, verdict, self.policy, at)
        baseline = is_baseline(mention.post.posted_at, at, first=claim.baseline)
        speak = judgement.alert and judgement.urgent and not baseline
        hear = recipients(mention.school, judgement, self.people, in_context(mention.post)) if speak else []
        if claim.source in self.scored and not judgement.alert:
            # Nothing is copied for it, so that there is nothing to lock, and the lock would tell of a kind.
            verdict = replace(verdict, media_lock=False)
        return Judged(
            mention=mention,
            verdict=verdict,
            judgement=judgement,
            baseline=baseline,
            hear_now=tuple(person.email for person in hear),
        )


def _left_alone(place: Place, wait: timedelta) -> Polled:
    minutes = max(1, round(wait.total_seconds() / 60))
    reason = f"{place.host} asked to be left alone; it is asked again in about {minutes} min"
    return Polled(source=place.name, state=State.RATE_LIMITED, reason=reason)
