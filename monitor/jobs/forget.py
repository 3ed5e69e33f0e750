"""Forgetting: what the retention rules let go leaves the database, then the disk."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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

    def run(self) -> Forgotten:
        """Let it go. The rows come first; a folder that cannot be deleted is tried again at the next run."""
        at = self.now()
        forgotten = self.store.forgetting.forget(self.retention, at)
        self.store.forgetting.removed([folder for folder in forgotten.captures if self._delete(folder)], at)
        return forgotten

    def _delete(self, folder: str) -> bool:
        """Delete the folder of a capture, and damaged ones beside it; whether nothing of it is left."""
        place = self.evidence / folder
        if self.evidence.resolve() not in place.resolve().parents:
            log.error("the folder of a capture lies outside the evidence and is not deleted")
            return False
        name = place.name.partition("~")[0]
        try:
            for each in [place, *place.parent.glob(f"{name}~*")]:
                if each.is_dir():
                    shutil.rmtree(each)
        except OSError as error:
            log.warning("the folder of a capture could not be deleted: %s", error.strerror)
            return False
        return True
