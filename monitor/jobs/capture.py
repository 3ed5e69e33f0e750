"""Capturing: have the camera take what is due, one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from monitor.captures import Capture, LockedMeanwhile, Order, Taken, next_try
from monitor.evidence.camera import Camera, CaptureFailed
from monitor.jobs.locked import is_locked, is_locked_at
from monitor.store.store import Store

LEASE = timedelta(minutes=3)
MOST_TRIES = 20
"""More than `next_try` ever allows: such an order ends the camera, or the whole worker, each time."""
GIVEN_UP = f"The monitor itself failed on this post at each of {MOST_TRIES} tries."


@dataclass(frozen=True, slots=True, kw_only=True)
class Capturing:
    """Takes due captures; posts vanish, so the most serious goes first.

    `evidence` is the folder in which the camera files them.
    """

    store: Store
    camera: Camera
    now: Callable[[], datetime]
    worker: str
    evidence: Path

    def run(self) -> Capture | None:
        """Take the next due capture; None when none was due or it has to be tried again."""
        at = self.now()
        order = self.store.captures.claim(self.worker, at, at + LEASE)
        return None if order is None else self._take(order, at)

    def _take(self, order: Order, at: datetime) -> Capture | None:
        spent = order.attempts >= MOST_TRIES
        if not order.media_lock and is_locked_at(self.store, order.url):
            order = order.locked()  # by another alert, which may write the address in another way
        try:
            taken = self.camera.give_up(order, GIVEN_UP, at) if spent else self.camera.take(order, at)
            return self._book(order, taken)
        except CaptureFailed as failure:
            return self._put_off(order, str(failure))

    def _put_off(self, order: Order, reason: str) -> Capture | None:
        """Try again later; when it is time to stop, the record says why there is no more."""
        at = self.now()
        again = next_try(order.attempts + 1, order.seen_at, at)
        if again is None:
            return self._book(order, self.camera.give_up(order, reason, at))
        self.store.captures.failed(order.id, reason, again, at)
        return None

    def _book(self, order: Order, taken: Taken) -> Capture:
        try:
            if not taken.locks:
                self._refuse_locked(taken)
            return self.store.captures.book(taken, self.camera.place)
        except LockedMeanwhile:
            held_back = self.camera.withhold(order, taken, self.now())
            return self.store.captures.book(held_back, self.camera.place)

    def _refuse_locked(self, taken: Taken) -> None:
        """Nothing of a locked page is booked, by whatever address the browser came there."""
        if is_locked(self.store, self.evidence, taken):
            raise LockedMeanwhile(f"{taken.id} is of a page that is locked")
