"""Writing: put what people must hear into finished messages, once each, before anything is sent."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from monitor.alerts import Alert, Status
from monitor.captures import Capture
from monitor.clocks import digest_day
from monitor.coverage import Coverage, is_stale
from monitor.jobs.faults import in_words, machine_fault
from monitor.mail.digests import NEVER_WATCHED, Digest, compose
from monitor.mail.items import Detail, Showing
from monitor.mail.letters import Envelope, write_bare, write_digest, write_operational, write_urgent
from monitor.mail.urgent import compose_urgent
from monitor.mail.wording import plain
from monitor.notices import NOBODY, Named, NoticeKind, Owed, Recipient, bundle, must_not_hear, recipients
from monitor.playbook import Contact, Play, Role
from monitor.store.rows import Unreadable
from monitor.store.store import Store

DAILY = frozenset({Role.DSL, Role.DEPUTY, Role.HEAD})
"""These get a digest on quiet days too; others only when there is something for them."""

DAY = timedelta(days=1)
PATIENCE = timedelta(hours=1)
LOOK_NOW = (
    "Somebody should look at this now. The letter about it could not be composed; on the server, this shows "
    "what it was about:"
)
NO_DIGEST = (
    "This is no all-clear: the monitor failed while it composed the digest. On the server, `monitor alerts` "
    "lists what is open. Tell whoever looks after the server; the next digest that can be composed says that "
    "it failed."
)

_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the school wants its mail: from whom, how much is said, in which words, at what time."""

    sender: str
    detail: Detail
    zone: ZoneInfo
    digest_at: time
    school_names: Mapping[str, str]
    plays: Mapping[str, Play]
    contacts: Mapping[str, Contact]
    looser: tuple[str, ...]

    def message_id(self, *parts: str) -> str:
        """A Message-ID that is the same for the same matter and person, and says nothing of either."""
        domain = self.sender.rpartition("@")[2].strip(" >") or "localhost"
        return f"<{'.'.join(parts)}@{domain}>"


def who(email: str) -> str:
    return hashlib.sha256(email.lower().encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Told:
    """What counts when the readers of an alert are chosen.

    `alert` is of every kind for which it has ever spoken; `words` are all that its posts say, or said before
    they were edited: it may have been somebody's name. `named` are those whom words named that are sealed.
    """

    alert: Alert
    words: str
    named: Named

    def hearers(self, people: Sequence[Recipient]) -> list[Recipient]:
        """Who must hear of it."""
        return recipients(self.alert.school, self.alert, people, self.words, besides=self.named)

    def is_about(self, email: str, people: Sequence[Recipient]) -> bool:
        """Whether it may be about whoever has this address (BAN-2.7b)."""
        return must_not_hear(email, self.alert.school, self.alert, people, self.words, besides=self.named)


def _is_untried(source: Coverage, at: datetime) -> bool:
    """Whether a new source has not been tried yet: a digest now would cry gap. An hour is long enough."""
    return source.last_try_at is None and (source.since is None or at - source.since < PATIENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Writes urgent notices, digests and letters to the administrators into the database."""

    store: Store
    people: Sequence[Recipient]
    manner: Manner
    now: Callable[[], datetime]
    machine: Callable[[], Sequence[str]]
    """What is amiss with the server itself, in sentences."""
    housekeeping: Callable[[], Sequence[str]]
    by: Callable[[], str]
    """Who judges."""

    def urgent(self) -> int:
        """Write everything that is owed; returns how many messages that made.

        A letter that cannot be composed goes out bare, and keeps none from the others.
        """
        self._take_back()
        self._hand_on()
        # Whom it is about is asked of these once more: a poll may have made some of them just now.
        owed = sorted(self._fit_to_hear(self.store.notices.owed()), key=attrgetter("recipient"))
        written = 0
        for email, theirs in groupby(owed, key=attrgetter("recipient")):
            recent = self.store.notices.sent_since(email, NoticeKind.URGENT, self.now() - timedelta(hours=1))
            for together in bundle(list(theirs), recent):
                written += self._first_that_works(
                    "writing an urgent notice",
                    partial(self._write_urgent, email, together),
                    partial(self._write_bare_urgent, email, together),
                )
        return written

    def unheard(self) -> list[str]:
        """What is owed to nobody, because no one is left at the school, in sentences."""
        waiting: dict[str, set[str]] = {}
        for debt in self.store.notices.owed():
            served = any(debt.alert.school in person.schools for person in self.people)
            if not served and debt.alert.status is not Status.CLOSED:
                waiting.setdefault(debt.alert.school, set()).add(debt.alert.label)
        return [
            f"Nobody in the configuration gets mail about {self.manner.school_names.get(school, school)}: "
            f"{', '.join(sorted(labels))} must be heard of at once, and waits. Name people for it, or close "
            "what was dealt with (monitor close)."
            for school, labels in sorted(waiting.items())
        ]

    def _schools_of(self) -> Mapping[str, Set[str]]:
        return {person.email: person.schools for person in self.people}

    def _told(self, alerts: Iterable[Alert]) -> dict[int, Told]:
        by_number = {alert.number: alert for alert in alerts}
        words = self.store.alerts.said(sorted(by_number))
        named = self.store.alerts.named(sorted(by_number))
        kinds = self.store.alerts.kinds(sorted(by_number))
        return {
            number: Told(
                replace(alert, subcategories=(*alert.subcategories, *sorted(kinds.get(number, ())))),
                words.get(number, ""),
                named.get(number, NOBODY),
            )
            for number, alert in by_number.items()
        }

    def _fit_to_hear(self, owed: Sequence[Owed]) -> list[Owed]:
        """What is owed to those who still get mail about that school, and whom it is not about (BAN-2.7b)."""
        told = self._told(debt.alert for debt in owed)
        schools = self._schools_of()
        return [
            debt
            for debt in owed
            if debt.alert.school in schools.get(debt.recipient, ())
            and not self._is_about_reader(debt, told[debt.alert.number])
        ]

    def _is_about_reader(self, debt: Owed, told: Told) -> bool:
        return told.is_about(debt.recipient, self.people)

    def _take_back(self) -> None:
        """Withdraw what is written and not sent, and must not go out as it is."""
        waiting = self.store.notices.overtaken()
        told = self._told(debt.alert for debt in waiting)
        about = {debt.id for debt in waiting if self._is_about_reader(debt, told[debt.alert.number])}
        self.store.notices.take_back(self._schools_of(), self.now(), about)

    def _hand_on(self) -> None:
        """What is owed to people who have left, or whom it may be about, others must hear in their place."""
        owed = self.store.notices.owed()
        fit = {debt.id for debt in self._fit_to_hear(owed)}
        unfit = [debt for debt in owed if debt.id not in fit]
        told = self._told(debt.alert for debt in unfit)
        for debt in unfit:
            readdress = partial(self._readdress, debt, told[debt.alert.number])
            self._first_that_works("handing on a notice", readdress)

    def _readdress(self, debt: Owed, told: Told) -> bool:
        self.store.notices.readdress(debt.id, [person.email for person in told.hearers(self.people)])
        return True

    def _first_that_works(self, what: str, *ways: Callable[[], bool]) -> bool:
        """Try one way after the other; what fails is noted. Raises what is the machine's fault."""
        for way in ways:
            try:
                return way()
            except Exception as error:
                if machine_fault(error) is not None:
                    raise
                self.store.journal.trouble(what, in_words(error), self.now())
        return False

    def _write_bare_urgent(self, email: str, owed: Sequence[Owed]) -> bool:
        """That somebody must look, and at which alerts: nothing else of them is needed to say so."""
        labels = [debt.alert.label for debt in owed]
        subject = (
            f"URGENT school monitoring alert {labels[0]}"
            if len(owed) == 1
            else f"URGENT {len(owed)} school monitoring alerts"
        )
        said = [f"{label} could not be shown: monitor alert {label[2:]}" for label in labels]
        envelope = self._urgent_envelope(email, owed)
        return self.store.notices.write(
            kind=NoticeKind.URGENT,
            recipient=email,
            message_id=envelope.message_id,
            message=write_bare(subject, [LOOK_NOW, *said], envelope, urgently=True),
            at=envelope.at,
            owed=[debt.id for debt in owed],
        )

    def _urgent_envelope(self, email: str, owed: Sequence[Owed]) -> Envelope:
        first = owed[0]
        label = first.alert.label if len(owed) == 1 else f"{len(owed)}-from-{first.alert.label}"
        message_id = self.manner.message_id("urgent", label, str(first.judgement), who(email))
        return Envelope(sender=self.manner.sender, to=email, message_id=message_id, at=self.now())

    def _write_urgent(self, email: str, owed: Sequence[Owed]) -> bool:
        envelope = self._urgent_envelope(email, owed)
        at = envelope.at
        alerts = [debt.alert for debt in owed]
        urgent = compose_urgent(alerts, self.manner.contacts, self._showing(alerts, self._schools(email), at))
        return self.store.notices.write(
            kind=NoticeKind.URGENT,
            recipient=email,
            message_id=envelope.message_id,
            message=write_urgent(urgent, envelope),
            at=at,
            owed=[debt.id for debt in owed],
            shown=[alert.number for alert in alerts if not alert.media_lock],
        )

    def digests(self) -> int:
        """Write the digest of this local day to everybody who has none yet, once its time has come."""
        day = digest_day(self.now(), self.manner.digest_at, self.manner.zone)
        return sum(self._write_digest(person, day) for person in self.people)

    def _write_digest(self, person: Recipient, day: str) -> bool:
        if self.store.notices.has_digest(person.email, day):
            return False
        return self._first_that_works(
            "writing a digest",
            lambda: self._is_wanted(person) and self._queue_digest(person, day, day),
            lambda: self._queue_bare_digest(person, day),
        )

    def _queue_bare_digest(self, person: Recipient, day: str) -> bool:
        """That there is no digest today, and where to look; the next one names what this one leaves out."""
        message_id = self.manner.message_id("digest", day, who(person.email))
        envelope = Envelope(sender=self.manner.sender, to=person.email, message_id=message_id, at=self.now())
        return self.store.notices.write(
            kind=NoticeKind.DIGEST,
            recipient=person.email,
            message_id=message_id,
            message=write_bare(
                "School monitoring - today's digest could not be shown", [NO_DIGEST], envelope, urgently=False
            ),
            at=envelope.at,
            digest_day=day,
        )

    def _is_wanted(self, person: Recipient) -> bool:
        """Whether this person is to have a digest now; the first one waits until each source was tried."""
        at = self.now()
        coverage = self.store.sources.coverage(at, at)
        if self.store.notices.last_digest(person.email) is None and any(_is_untried(c, at) for c in coverage):
            return False
        if person.roles & DAILY:
            return True
        if Role.ADMINISTRATOR in person.roles and any(is_stale(source, at) for source in coverage):
            return True
        return bool(self._fresh(person, self._since(person, at) or at - DAY))

    def digest_now(self, person: Recipient) -> bool:
        """Write one more digest for this person, besides the daily one."""
        return self._queue_digest(person, f"{self.now():%Y-%m-%dT%H%M%S}", None)

    def _queue_digest(self, person: Recipient, key: str, day: str | None) -> bool:
        message_id = self.manner.message_id("digest", key, who(person.email))
        at = self.now()
        digest = self._digest(person, at)
        envelope = Envelope(sender=self.manner.sender, to=person.email, message_id=message_id, at=at)
        return self.store.notices.write(
            kind=NoticeKind.DIGEST,
            recipient=person.email,
            message_id=message_id,
            message=write_digest(digest, envelope),
            at=at,
            digest_of=digest.named,
            digest_day=day,
            shown=digest.shown,
        )

    def digest(self, person: Recipient) -> Digest:
        """What this person's digest says if it is written now."""
        return self._digest(person, self.now())

    def _digest(self, person: Recipient, at: datetime) -> Digest:
        since = self._since(person, at)
        span = since or at - DAY
        fresh = self._fresh(person, span)
        still_open = self._still_open(person, {alert.number for alert in fresh})
        showing = self._showing([*fresh, *still_open], self._schools(person.email), at)
        outage = self.store.journal.outage()
        return compose(
            person,
            at=at,
            since=since,
            zone=self.manner.zone,
            detail=self.manner.detail,
            school_names=showing.school_names,
            plays=self.manner.plays,
            new=[alert for alert in fresh if not alert.baseline],
            still_open=still_open,
            baseline_found=[alert for alert in fresh if alert.baseline],
            captures=showing.captures,
            texts=showing.texts,
            coverage=self.store.sources.coverage(span, at),
            never_watched=NEVER_WATCHED,
            by=self.by(),
            model_out_since=outage.since if outage else None,
            settings_changes=[
                (change.at, change.lines) for change in self.store.journal.settings_changes(span)
            ],
            looser=self.manner.looser,
            troubles=self.store.journal.troubles(span),
            warnings=[*self.machine(), *self.unheard()],
            housekeeping=self.housekeeping(),
            # A digest tells of the records alone, so of no authority.
            pinned=[self.store.anchors.pinned(school, ()) for school in showing.school_names],
        )

    def _since(self, person: Recipient, at: datetime) -> datetime | None:
        """When their last digest was written; None for the first. One from the future says nothing."""
        last = self.store.notices.last_digest(person.email)
        return at - DAY if last is not None and last > at else last

    def _fresh(self, person: Recipient, since: datetime) -> list[Alert]:
        """Alerts that they may see and that no digest has named to them."""
        return self._theirs(
            person, self.store.alerts.not_yet_in_digest(person.email, sorted(person.schools), since)
        )

    def _still_open(self, person: Recipient, besides: Set[int]) -> list[Alert]:
        standing = [
            alert
            for school in sorted(person.schools)
            for alert in self.store.alerts.all(open_only=True, school=school)
            if alert.number not in besides
        ]
        return self._theirs(person, standing)

    def to_administrators(self, key: str, subject: str, paragraphs: Sequence[str]) -> int:
        """Write one letter to each administrator (to the DSLs where there is none); `key` makes it unique."""
        readers = [person for person in self.people if Role.ADMINISTRATOR in person.roles]
        readers = readers or [person for person in self.people if Role.DSL in person.roles]
        return self._to_each(readers, key, partial(write_operational, subject, paragraphs))

    def to_leads(
        self, school: str, alert: Alert | None, key: str, title: str, paragraphs: Sequence[str]
    ) -> int:
        """Write one urgent letter to each DSL, deputy and head of a school whom the alert is not about.

        Where that leaves nobody it goes to the administrators; `key` makes it unique.
        """
        told = None if alert is None else self._told([alert])[alert.number]
        leads = [
            person
            for person in self.people
            if school in person.schools
            and DAILY & person.roles
            and not (told and told.is_about(person.email, self.people))
        ]
        if not leads:
            return self.to_administrators(key, title, paragraphs)
        return self._to_each(leads, key, partial(write_bare, title, paragraphs, urgently=True))

    def to_head_and_dpo(self, school: str, key: str, title: str, paragraphs: Sequence[str]) -> int:
        """Write one urgent letter to the head and the DPO of a school, who answer for its evidence.

        Where there is neither, the DSLs or else the administrators get it; `key` makes it unique.
        """
        answering = {Role.HEAD, Role.DPO}
        readers = [one for one in self.people if school in one.schools and answering & one.roles]
        said = tuple(plain(line, _LONGEST_LINE) for line in paragraphs)
        if not readers:
            return self.to_leads(school, None, key, title, said)
        return self._to_each(readers, key, partial(write_bare, title, said, urgently=True))

    def _to_each(self, readers: Sequence[Recipient], key: str, letter: Callable[[Envelope], bytes]) -> int:
        at = self.now()
        written = 0
        for person in readers:
            message_id = self.manner.message_id("server", key, who(person.email))
            envelope = Envelope(sender=self.manner.sender, to=person.email, message_id=message_id, at=at)
            written += self.store.notices.write(
                kind=NoticeKind.OPERATIONAL,
                recipient=person.email,
                message_id=message_id,
                message=letter(envelope),
                at=at,
            )
        return written

    def _theirs(self, person: Recipient, alerts: Sequence[Alert]) -> list[Alert]:
        """Those that this person may see by the rule for urgent notices: one may be about them (BAN-2.7b).

        What was edited out of a post counts too: it may have been their name.
        """
        told = self._told(alerts)
        return [alert for alert in alerts if person in told[alert.number].hearers(self.people)]

    def _schools(self, email: str) -> Mapping[str, str]:
        theirs = {school for person in self.people if person.email == email for school in person.schools}
        return {school: name for school, name in self.manner.school_names.items() if school in theirs}

    def _captures(self, alert: Alert) -> Sequence[Capture] | None:
        """What was taken for it; None where that cannot be read, for which no letter waits."""
        try:
            return self.store.captures.of_alert(alert.number)
        except Unreadable:
            return None

    def _showing(self, alerts: Sequence[Alert], schools: Mapping[str, str], at: datetime) -> Showing:
        texts: dict[int, str] = {}
        if self.manner.detail is Detail.EXCERPT:
            found = {
                alert.number: self.store.alerts.post(alert.number) for alert in alerts if not alert.media_lock
            }
            texts = {number: post.body for number, post in found.items() if post}
        return Showing(
            at=at,
            zone=self.manner.zone,
            detail=self.manner.detail,
            school_names=schools,
            plays=self.manner.plays,
            captures={alert.number: self._captures(alert) for alert in alerts},
            texts=texts,
        )
