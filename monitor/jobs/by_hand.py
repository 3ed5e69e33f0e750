"""What a person asks to be kept: a public page, taken now, or a picture of the screen that they took."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from monitor.alerts import Alert
from monitor.captures import Capture, Kind, LockedMeanwhile, Order, Progress, Taken
from monitor.cases import Act, CaseEvent
from monitor.custody import Deed, Event
from monitor.evidence import permitted
from monitor.evidence.camera import Camera, CaptureFailed
from monitor.evidence.quarantine import quarantine
from monitor.evidence.record import Brought, Outcome
from monitor.evidence.uploads import Unfit, received
from monitor.jobs.locked import addresses_of, is_locked, is_locked_at
from monitor.jobs.write import Write
from monitor.network import AddressRefused, Guard
from monitor.store.store import Store, new_ulid

WHAT_TO_DO = (
    "Do not look at it again, do not copy or send it, and do not ask a child to show it. Tell the DSL now. "
    "Report the address alone to the Internet Watch Foundation (report.iwf.org.uk); a child can use Report "
    "Remove (childline.org.uk). Where a child is in danger call 999, else the police on 101."
)
LOCKED = (
    f"This may show an indecent image of a child, so it is neither opened nor read nor kept. {WHAT_TO_DO}"
)
AS_TOLD = "Taken by a member of staff: that the page looked so, and when, rests on their word."
EDITED = "The picture was edited after it was taken, as the person who brought it says."


class NotTaken(Exception):
    """It is not captured, or cannot be now; the message says why and what to do, in sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants kept: where it is, for which school and alert, who asks, and why."""

    url: str
    school: str
    alert: Alert | None
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Takes what people ask for, with the same camera, locks and chain as the monitor's own captures.

    `through_proxy` says that a proxy of the school's makes the connections.
    """

    store: Store
    camera: Camera
    write: Write
    guard: Guard
    through_proxy: bool
    locks: Callable[[str], bool]
    data: Path
    now: Callable[[], datetime]

    def capture(self, asked: Asked) -> Capture:
        """Take the page now, and book it. Raises NotTaken."""
        if said := permitted.refusal(asked.url):
            raise NotTaken(said)
        self._refuse_locked(asked)
        if said := self._unreachable(asked.url):
            raise NotTaken(said)
        try:
            return self._booked(asked, self.camera.take(self._order(asked), self.now()))
        except CaptureFailed as error:
            raise NotTaken(
                f"{error} Nothing was kept: try again. If it stays so, take a picture of the screen "
                "yourself, and tell whoever looks after the server."
            ) from error

    def upload(self, asked: Asked, brought: Brought, file: Path) -> Capture:
        """Keep a picture that a person took, bit for bit, and book it. Raises NotTaken."""
        if said := permitted.no_address(asked.url):
            raise NotTaken(said)
        self._refuse_locked(asked)
        try:
            outcome = self._outcome(brought, file)
            return self._booked(asked, self.camera.file(self._order(asked), outcome))
        except (Unfit, CaptureFailed) as error:
            raise NotTaken(str(error)) from error

    def _booked(self, asked: Asked, taken: Taken) -> Capture:
        """Book it, if nothing was locked while it was taken; else nothing of it stays."""
        try:
            self._refuse_locked(asked)
            self._heed_page(asked, taken)
            return self.store.captures.book(taken, self.camera.place, by=asked.by, why=asked.why)
        except (NotTaken, LockedMeanwhile) as error:
            self.camera.discard(taken)
            raise NotTaken(LOCKED) from error

    def quarantine(self, capture: Capture, *, by: str, why: str) -> tuple[str, ...]:
        """Shut away what must never have come here, and tell the DSL and the Head; the files' names.

        Its alert is locked and held. A second call goes on where a first one stopped. Raises OSError.
        """
        self._lock_page(capture)
        moved = quarantine(self.data, capture)
        if capture.id not in self.store.captures.quarantined():
            self._note_quarantine(capture, by, why)
        self.write.to_leads(
            capture.school,
            None if capture.alert is None else self.store.alerts.get(capture.alert),
            f"quarantine-{capture.id}",
            "Do not open: received by accident",
            _told(capture),
        )
        return moved

    def _heed_page(self, asked: Asked, taken: Taken) -> None:
        """Lock the page that was found to need it; refuse one that is locked, to which a short link led."""
        if taken.locks:
            self._lock_page(taken, asked.url)
        elif is_locked(self.store, self._evidence, taken):
            raise NotTaken(LOCKED)

    def _lock_page(self, capture: Capture | Taken, *urls: str) -> None:
        """Whatever alert it is of, or of none: nothing comes from its page by another door."""
        self.store.forgetting.lock({*urls, *addresses_of(self._evidence, capture)}, self.now())

    @property
    def _evidence(self) -> Path:
        return self.data / "evidence"

    def _note_quarantine(self, capture: Capture, by: str, why: str) -> None:
        at, note = self.now(), f"a file of it is in quarantine: {why}"
        if capture.alert is not None:
            for act in (Act.LOCKED, Act.HELD):
                self.store.cases.append(CaseEvent(alert=capture.alert, act=act, by=by, at=at, note=note))
        self.store.custody.append(
            Event(
                school=capture.school,
                at=at,
                deed=Deed.QUARANTINED,
                by=by,
                why=why,
                alert=capture.alert,
                capture=capture.id,
                object_sha256=capture.record_sha256,
            )
        )

    def _refuse_locked(self, asked: Asked) -> None:
        """Nothing of a locked matter comes in by another door, nor what its own words say it is."""
        known = asked.alert is not None and asked.alert.media_lock
        if known or is_locked_at(self.store, asked.url) or self.locks(f"{asked.why}\n{asked.url}"):
            raise NotTaken(LOCKED)

    def _unreachable(self, url: str) -> str:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            if self.through_proxy:
                self.guard.check_all(host, port)
            else:
                self.guard.addresses(host, port)
        except AddressRefused as error:
            return str(error)
        except OSError:
            return f"{host} cannot be found: look at the address again."
        return ""

    def _order(self, asked: Asked) -> Order:
        at = self.now()
        return Order(
            id=new_ulid(at),
            alert=None if asked.alert is None else asked.alert.number,
            school=asked.school,
            platform="",
            post_id="",
            revision="",
            url=asked.url,
            title="",
            text="",
            author=None,
            posted_at=None,
            seen_at=at,
            media_lock=False,
            why=(),
            by="",
            requested_by=asked.by,
            reason=asked.why,
        )

    def _outcome(self, brought: Brought, file: Path) -> Outcome:
        return Outcome(
            kind=Kind.MANUAL_UPLOAD,
            progress=Progress.COMPLETE,
            captured_at=self.now(),
            limits=(AS_TOLD, EDITED) if brought.edited else (AS_TOLD,),
            papers=(received(file),),
            brought=brought,
        )


def _told(capture: Capture) -> tuple[str, ...]:
    of = "" if capture.alert is None else f" of A-{capture.alert}"
    return (
        f"A file{of} that may show an indecent image of a child came to the monitor by accident. It is shut "
        f"away on the server in the folder quarantine/{capture.id}: it was not copied, no backup from now on "
        "holds it, and no page or export shows it.",
        "Do not open it, not even to make sure. Do not delete it, and do not move or copy it, until the "
        "police or the LADO advise: call them today, and say that it came by accident and is shut away.",
        f"A backup that was made since {capture.captured_at:%d %B %Y} may hold it too: tell them, and have "
        "nobody restore or open one.",
        "Write down who has seen it, and see that they are looked after. Report the address alone to the "
        "Internet Watch Foundation (report.iwf.org.uk); a child can use Report Remove (childline.org.uk).",
    )
