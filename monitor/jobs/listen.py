"""Listening: follow a stream, keep what concerns a school, and pass over all the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from connectors.connector import Refused, Stream, Unavailable
from connectors.post import Batch, Post, State
from monitor.jobs.faults import in_words, machine_fault
from monitor.jobs.poll import LEASE, Poll, Polled
from monitor.mentions.finding import find_mentions
from monitor.store.findings import Recorded
from monitor.store.posts import identity
from monitor.store.sources import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Follows streams; what they lead to is thought about and recorded as that of a poll is."""

    poll: Poll
    streams: Mapping[str, Stream]

    def due(self) -> list[str]:
        """The streams that nobody listens to and whose time has come."""
        due = self.poll.store.sources.due(self.poll.now())
        return [source for source in due if source in self.streams]

    def run(
        self, source: str, stop: Callable[[], bool], *, early: bool = False, once: bool = False
    ) -> Polled | None:
        """Listen until told to stop, or `once` until nothing waits there; None where somebody else does."""
        stream = self.streams[source]
        claim = self.poll.claim(stream, early=early)
        if not isinstance(claim, Claim):
            return claim
        ear = _Ear(self.poll, stream, claim, once=once)
        try:
            stream.listen(self.poll.http, claim.cursor, ear.take, lambda: ear.over or stop())
        except (Unavailable, Refused) as error:
            wait = error.retry_after if isinstance(error, Unavailable) else None
            return _together(ear.heard, self.poll.put_off(stream, ear.claim, error.state, error.reason, wait))
        self.poll.store.sources.release(source, self.poll.worker, self.poll.now())
        return ear.heard


class _Ear:
    """What one listening has brought so far, and whether it is over."""

    def __init__(self, poll: Poll, stream: Stream, claim: Claim, *, once: bool) -> None:
        self.claim = claim
        self.heard = Polled(source=stream.name, state=State.OK, reason="")
        self.over = False
        self._poll = poll
        self._stream = stream
        self._once = once

    def take(self, batch: Batch) -> None:
        """Keep what concerns a school, with the cursor; count the rest once."""
        kept = self._concerning(batch.posts)
        passed = 0 if batch.again else len(batch.posts) - len(kept)
        few = replace(batch, posts=tuple(kept))
        found = self._poll.record(self._stream, self.claim, few, passed=passed, held=True)
        self.heard = _together(self.heard, found)
        baseline = self.claim.baseline and not batch.complete
        self.claim = replace(self.claim, failures=0, baseline=baseline)
        until = self._poll.now() + LEASE
        still_ours = self._poll.store.sources.renew(self._stream.name, self._poll.worker, until)
        self.over = not still_ours or (self._once and batch.complete and not batch.again)

    def _concerning(self, posts: tuple[Post, ...]) -> list[Post]:
        """Those that name a school, and new revisions of those that did: an edit cannot drop the school."""
        edited = [post for post in posts if post.edited_at is not None]
        earlier = self._poll.store.posts.spoken_of(edited) if edited else {}
        return [post for post in posts if self._names_a_school(post) or earlier.get(identity(post))]

    def _names_a_school(self, post: Post) -> bool:
        try:
            return bool(find_mentions(post, self._poll.register))
        except Exception as error:
            if machine_fault(error) is not None:
                raise
            # One of millions, by anybody: it is noted, as nothing speaks for a school of ours.
            told = f"searching a post of {self._stream.name}"
            self._poll.store.journal.trouble(told, in_words(error), self._poll.now())
            return False


def _together(before: Polled, found: Polled) -> Polled:
    both = (before.recorded, found.recorded)
    return replace(
        found,
        read=before.read + found.read,
        changed=before.changed + found.changed,
        mentions=before.mentions + found.mentions,
        recorded=Recorded(
            new=tuple(number for one in both for number in one.new),
            joined=tuple(number for one in both for number in one.joined),
            raised=tuple(number for one in both for number in one.raised),
        ),
    )
