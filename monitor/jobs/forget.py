"""Forgetting: what the retention rules let go leaves the database, then the disk."""

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from monitor.clocks import Watched, local
from monitor.evidence import archive
from monitor.evidence.redacting import WORKING
from monitor.store.forgetting import Forgotten, Retention
from monitor.store.store import Store

log = logging.getLogger("monitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Lets go of what is kept no longer; holds beat everything."""

    store: Store
    retention: Retention
    evidence: Path
    now: Callable[[], datetime]

    def plan(self) -> Forgotten:
        """What would go now."""
        return self.store.forgetting.plan(self.retention, self.now())

    def run(self) -> Forgotten | None:
        """Let it go; None while the clock is not trusted, and then nothing went.

        A clock set to a wrong year would make all closed evidence old at once. So nothing goes until each
        look at the clock, over at least a day, was within three days of the one before.
        The rows come first; a folder that cannot be deleted is tried again at the next run.
        """
        at = self.now()
        if self._watch(at).trusted_from > at:
            return None
        archive.sweep(self.evidence, at)
        forgotten = self.store.forgetting.forget(self.retention, at)
        self.store.forgetting.removed([folder for folder in forgotten.captures if self._delete(folder)], at)
        return forgotten

    def _watch(self, at: datetime) -> Watched:
        before = self.store.journal.clock()
        clock = Watched(at, at) if before is None else before.looked(at)
        self.store.journal.keep_clock(clock)
        return clock

    def _delete(self, folder: str) -> bool:
        """Delete a capture's folder, damaged ones beside it and redacted copies; whether all is gone."""
        place = self.evidence / folder
        if self.evidence.resolve() not in place.resolve().parents:
            log.error("the folder of a capture lies outside the evidence and is not deleted")
            return False
        name = place.name.partition("~")[0]
        try:
            copies = self.evidence.with_name(WORKING) / name
            for each in [place, *place.parent.glob(f"{name}~*"), copies]:
                if each.is_dir():
                    shutil.rmtree(each)
        except OSError as error:
            log.warning("the folder of a capture could not be deleted: %s", error.strerror)
            return False
        return True


def waiting(store: Store, at: datetime, zone: tzinfo) -> Iterator[str]:
    """Why nothing is let go just now, if the clock has leapt, and what to do."""
    clock = store.journal.clock()
    if clock is not None and clock.before is not None and at < clock.trusted_from:
        yield (
            f"This machine's clock went from {local(clock.before, zone)} to {local(clock.since, zone)} "
            "without a sign of life in between: the monitor was switched off, or the clock is wrong. Set it "
            f"right if it is: nothing is deleted under the retention rules before "
            f"{local(clock.trusted_from, zone)}."
        )
