"""Verifying: once a week all evidence is held against its hashes; of what does not fit people hear."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from monitor.anchors import Anchor
from monitor.custody import Deed, Event
from monitor.evidence.signing import KEY, KeyUnusable, open_key
from monitor.evidence.timestamps import check_stamp, read_roots
from monitor.evidence.verify import Finding, Report, verify
from monitor.jobs.write import Write
from monitor.store.rows import Unreadable
from monitor.store.store import Store

WEEK = timedelta(days=7)
SYSTEM = "system"
_MOST_TOLD = 20
_SO = "so the newest anchor could not be compared with it."
_WHAT_TO_DO = (
    "The evidence of the monitor is checked every week: every file, record and entry is held against its "
    "hash, the signed anchors and their time-stamps. This time it is not all as it was. The disk may be "
    "failing, a backup may have been put back in part, or somebody may have changed something.",
    "Change nothing on the server and hand over nothing named below until somebody has found out which. Keep "
    "the last backups. `monitor evidence verify` checks again; docs/evidence.md says what each sentence can "
    "mean.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifying:
    """Verifies the evidence of a school; `roots` are the files of the authorities' own root certificates."""

    store: Store
    evidence: Path
    keys: Path
    roots: Sequence[Path]
    write: Write
    now: Callable[[], datetime]

    def run(self) -> list[Report]:
        """Verify what nobody has verified for a week, and tell Head and DPO of what does not fit.

        Each school is tried, whatever goes wrong with another; what went wrong first is raised at the end.
        """
        reports, failed = [], []
        for school in self.store.anchors.schools():
            try:
                reports += [self._weekly(school)] if self._is_due(school) else []
            except Exception as error:  # noqa: BLE001  # it is raised below
                failed.append(error)
        if failed:
            raise failed[0]
        return reports

    def report(self, school: str, only: str | None = None) -> Report:
        """Hold everything of a school against everything else; with `only`, the files of that capture alone.

        A file of roots that cannot be read is noted: the roots that were kept with the stamps are left. So is
        a signing key that is not there. Raises OSError where the roots that browsers trust cannot be read.
        """
        held = self.store.holdings(school)
        roots, unread = self._roots()
        keys, missing = self._keys(held.anchors)
        report = verify(
            self.evidence,
            held,
            check_stamp=partial(check_stamp, roots=roots),
            at=self.now(),
            keys=keys,
            only=only,
        )
        return replace(report, notes=(*unread, *missing, *report.notes))

    def note(self, report: Report, *, by: str) -> None:
        """Say in the custody log that this was verified, and what came of it."""
        wrong = len(report.findings)
        event = Event(
            school=report.school,
            at=self.now(),
            deed=Deed.VERIFIED,
            by=by,
            why="all is as it was"
            if report.sound
            else f"{wrong} {'thing' if wrong == 1 else 'things'} not as it was",
            object_sha256=self.store.anchors.standing(report.school).head_sha256,
        )
        self.store.custody.append(event)

    def _is_due(self, school: str) -> bool:
        try:
            last = self.store.custody.last(school, Deed.VERIFIED, by=SYSTEM) or self.store.custody.first(
                school
            )
        except Unreadable:
            return True
        # However far it lies off: the clock may have been set.
        return last is not None and abs(self.now() - last.event.at) >= WEEK

    def _weekly(self, school: str) -> Report:
        report = self.report(school)
        if not report.sound:
            # Retention or a camera may have been at work meanwhile: what stands in both is no such meeting.
            again = self.report(school)
            report = again if again.sound else report
        # First told, then noted: whatever was changed may stand in the way of the note.
        if not report.sound:
            self._tell(report)
        self.note(report, by=SYSTEM)
        return report

    def _tell(self, report: Report) -> None:
        self.write.to_head_and_dpo(
            report.school,
            f"verify-{report.school}-{self.now():%Y%m%d}",
            "School monitoring - evidence is not as it was",
            (*_WHAT_TO_DO, *_found(report.findings)),
        )

    def _roots(self) -> tuple[list[bytes], list[Finding]]:
        """The roots (DER) that are trusted here, and which of their files cannot be read."""
        roots, unread = [*read_roots(None)], []
        for file in self.roots:
            try:
                roots += read_roots(file)
            except OSError as error:
                what = f"this file of an authority's roots cannot be read ({error.strerror or error})."
                unread.append(Finding(str(file), what))
        return roots, unread

    def _keys(self, anchors: Sequence[Anchor]) -> tuple[set[bytes], list[Finding]]:
        """The public keys with which the newest anchor may be signed, or why they are not known."""
        if not anchors:
            return set(), []
        if not (self.keys / KEY).is_file():
            return set(), [Finding(str(self.keys / KEY), f"the signing key is not here, {_SO}")]
        try:
            key, newest = open_key(self.keys), anchors[-1].public_key
        except KeyUnusable as error:
            return set(), [Finding(str(self.keys / KEY), f"{str(error).rstrip('.')}, {_SO}")]
        handover = key.handover_from(newest)
        return {key.public_key, newest} if handover and handover.signature else {key.public_key}, []


def _found(findings: Sequence[Finding]) -> Iterator[str]:
    yield from (f"{one.where}: {one.what}" for one in findings[:_MOST_TOLD])
    if len(findings) > _MOST_TOLD:
        yield f"And {len(findings) - _MOST_TOLD} more."
