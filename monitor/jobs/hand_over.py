"""Handing evidence over: a pack for police, local authority, solicitor or platform; and redacted copies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from monitor.alerts import Alert
from monitor.captures import Capture
from monitor.custody import Deed, Event
from monitor.evidence import redacting
from monitor.evidence.archive import sha256
from monitor.evidence.pack import verify
from monitor.evidence.pack.matter import Handing, Matter, Redacted
from monitor.evidence.pack.verify import Finding
from monitor.evidence.pack.writing import Made, PackFailed, made, put
from monitor.evidence.redacting import Box
from monitor.evidence.signing import open_key
from monitor.jobs.anchor import Anchoring
from monitor.jobs.locked import is_locked
from monitor.store.store import Store


@dataclass(frozen=True, slots=True)
class Handed:
    """A pack in its place, and what its own check found wrong with it: evidence that is no longer whole."""

    pack: Made
    wrong: Sequence[Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Writes packs and redacted copies, and enters each in the custody log.

    `data` is the data folder; without `to_pdf` what is for reading stays HTML.
    """

    store: Store
    anchoring: Anchoring
    data: Path
    school_names: Mapping[str, str]
    to_pdf: Callable[[str], bytes] | None
    now: Callable[[], datetime]

    @property
    def _evidence(self) -> Path:
        return self.data / "evidence"

    @property
    def _copies(self) -> Path:
        return self.data / redacting.WORKING

    def export(
        self, alert: Alert, to: Path, *, by: str, whom: str, why: str, redacted: Redacted | None = None
    ) -> Handed:
        """Write the pack of an alert to the new folder `to`.

        Everything is pinned first, so that the pack stands on its own. Raises PackFailed and KeyUnusable, and
        then leaves nothing behind.
        """
        self.anchoring.pin(alert.school)
        handing = Handing(
            by=by, whom=whom, why=why, at=self.now(), software=self.anchoring.software, redacted=redacted
        )
        matter = self._matter(alert)
        with made(
            matter,
            handing,
            to,
            evidence=self._evidence,
            copies=self._copies,
            sign=open_key(self.anchoring.keys).sign,
            to_pdf=self.to_pdf,
        ) as pack:
            wrong = [one for one in verify.check(pack.folder) if one.mark == verify.FAIL]
            self._refuse_locked_meanwhile(alert, matter)
            # First noted, then in its place: nobody is handed what the log does not know.
            self._note(alert, pack, handing)
            put(pack)
        return Handed(pack, wrong)

    def redact(self, capture: Capture, boxes: Sequence[Box], *, by: str, why: str) -> Path:
        """A copy of the capture's picture with these boxes black, among the working copies.

        Raises CannotRedact and OSError.
        """
        at = self.now()
        redacting.refuse_locked(capture, locked=self._is_locked(capture))
        content = redacting.redact(capture, boxes, self._evidence)
        covered = ", ".join(map(str, boxes))
        copied = _event(capture, Deed.COPIED, by, "as a working copy, to cover parts of it", at)
        redacted = _event(capture, Deed.REDACTED, by, f"{why} (covered: {covered})"[:1_000], at)
        with redacting.kept(self._copies, capture, content, boxes, by=by, at=at, why=why) as file:
            # First noted, then in its place: there is no copy that the log does not know.
            self.store.custody.append(copied)
            self.store.custody.append(replace(redacted, object_sha256=sha256(content)))
        return file

    def _matter(self, alert: Alert) -> Matter:
        captures = self.store.captures.of_alert(alert.number)
        # It may have been locked while somebody was asked who they are.
        now = self.store.alerts.get(alert.number) or alert
        copies = {capture.id: redacting.newest_copy(self._copies, capture.id) for capture in captures}
        return Matter(
            alert=alert.number,
            school_name=self.school_names.get(alert.school, alert.school),
            locked=now.media_lock,
            captures=captures,
            entries=self.store.custody.of_school(alert.school),
            anchors=self.store.anchors.of_school(alert.school),
            stamps=self.store.anchors.stamps(alert.school),
            copies={capture: copy for capture, copy in copies.items() if copy is not None},
            shut=frozenset(one.id for one in captures if is_locked(self.store, self._evidence, one)),
        )

    def _refuse_locked_meanwhile(self, alert: Alert, matter: Matter) -> None:
        """Making a pack takes minutes, and what it holds may have been locked since it was begun."""
        now = self._matter(alert)
        if (now.locked, now.shut) != (matter.locked, matter.shut):
            raise PackFailed(
                f"Something of {alert.label} was locked while the pack was being made, so nothing was handed "
                "over and nothing was left there. Export it once more: what is locked then stays out."
            )

    def _is_locked(self, capture: Capture) -> bool:
        shut = capture.id in self.store.captures.quarantined()
        return shut or is_locked(self.store, self._evidence, capture)

    def _note(self, alert: Alert, pack: Made, handing: Handing) -> None:
        whom = f"to {handing.whom}" + (f": {handing.why}" if handing.why else "")
        self.store.custody.append(
            Event(
                school=alert.school,
                at=handing.at,
                deed=Deed.EXPORTED,
                by=handing.by,
                why=f"{whom} (the hash is that of manifest.sha256)",
                alert=alert.number,
                object_sha256=pack.manifest_sha256,
            )
        )
        for one in pack.exhibits:
            into = f"as {one.ref} into the pack with manifest {pack.manifest_sha256[:16]}, {whom}"
            self.store.custody.append(_event(one.capture, Deed.COPIED, handing.by, into, handing.at))


def _event(capture: Capture, deed: Deed, by: str, why: str, at: datetime) -> Event:
    return Event(
        school=capture.school,
        at=at,
        deed=deed,
        by=by,
        why=why,
        alert=capture.alert,
        capture=capture.id,
        object_sha256=capture.record_sha256,
    )
