"""Anchoring: pin each school's chain after a batch of captures and once a day, and have it time-stamped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from monitor.anchors import (
    Anchor,
    Stamp,
    StampState,
    Standing,
    after_wrong_answer,
    is_due,
    next_stamp_try,
    statement,
)
from monitor.evidence.signing import open_key
from monitor.evidence.timestamps import Authority, NoAnswer, WrongAnswer, ask
from monitor.store.store import Store

LEASE = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """Signs how the chain of each school stands; `authorities` are to put the time to it."""

    store: Store
    keys: Path
    authorities: Sequence[str]
    software: str
    now: Callable[[], datetime]

    def run(self) -> int:
        """Make every anchor that is due; how many that were. Raises KeyUnusable.

        Each school is tried, whatever goes wrong with another; what went wrong first is raised at the end.
        """
        made, failed = 0, []
        for school in self.store.anchors.schools():
            try:
                made += self._anchor(school)
            except Exception as error:  # noqa: BLE001  # it is raised below
                failed.append(error)
        if failed:
            raise failed[0]
        return made

    def pin(self, school: str) -> bool:
        """Make an anchor now, due or not, as before evidence is handed over. Raises KeyUnusable."""
        return self._make(self.store.anchors.standing(school), self.now())

    def _anchor(self, school: str) -> bool:
        standing, at = self.store.anchors.standing(school), self.now()
        busy = self.store.anchors.is_busy(school, at)
        return is_due(standing, at, busy=busy) and self._make(standing, at)

    def _make(self, standing: Standing, at: datetime) -> bool:
        key = open_key(self.keys)
        words = statement(
            standing,
            at,
            public_key=key.public_key,
            software=self.software,
            handover=key.handover_from(standing.public_key),
        )
        anchor = Anchor(
            school=standing.school,
            number=standing.number,
            made_at=at,
            statement=words,
            signature=key.sign(words),
            public_key=key.public_key,
        )
        return self.store.anchors.add(anchor, self.authorities, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamping:
    """Has the authorities put the time to anchors, one question after the other."""

    store: Store
    http: httpx.Client
    authorities: Sequence[Authority]
    now: Callable[[], datetime]
    worker: str

    def run(self) -> Stamp | None:
        """Ask for the next time-stamp that is due; None when none is, or when it did not come."""
        at, by_name = self.now(), {authority.name: authority for authority in self.authorities}
        found = self.store.anchors.claim_stamp(self.worker, at, at + LEASE, list(by_name))
        if found is None:
            return None
        stamp, anchor = found
        try:
            return self._stamp(stamp, anchor, by_name[stamp.authority])
        except NoAnswer as error:
            again = self.now() + next_stamp_try(stamp.attempts + 1)
            self.store.anchors.failed(stamp, str(error), again, wrong=False)
        except WrongAnswer as error:
            self.store.anchors.failed(stamp, str(error), self.now() + after_wrong_answer(), wrong=True)
        return None

    def _stamp(self, stamp: Stamp, anchor: Anchor, authority: Authority) -> Stamp:
        answer = ask(self.http, authority, anchor.statement, self.now())
        stamped = replace(
            stamp,
            state=StampState.OK,
            token=answer.token,
            certificates=answer.certificates,
            policy=answer.policy,
            stamped_at=answer.at,
            error="",
        )
        self.store.anchors.stamped(stamped, self.now())
        return stamped
