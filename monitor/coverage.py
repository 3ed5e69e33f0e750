"""How well each source is watched: silence is never mistaken for calm."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.post import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How one source is now, since when, and what it gave in the span that was asked about."""

    source: str
    platform: str
    state: State
    reason: str
    since: datetime | None
    last_ok_at: datetime | None
    last_try_at: datetime | None
    next_due_at: datetime | None
    every: timedelta
    failures: int = 0
    read: int = 0
    mentions: int = 0
    alerts: int = 0


_PATIENCE = timedelta(hours=1)
_INTERVALS = 3
_SENTENCES = {
    State.OK: "It is read as planned.",
    State.BEHIND: "More waits there than one visit reads; the rest follows by itself and nothing is skipped.",
    State.RATE_LIMITED: "The site asks us to slow down; we wait as long as it asks and go on by ourselves.",
    State.BLOCKED: "The site refuses to be read from here; look there yourself meanwhile, and ask your "
    "administrator to find out why.",
    State.LOGIN_WALL: "The site shows this only to people who sign in, which we never do; look there "
    "yourself, or take the source out.",
    State.AUTH_EXPIRED: "Our access has run out; your administrator has to renew it in the configuration.",
    State.PARSE_ERROR: "The site answered in a form that we cannot read in full; your administrator should "
    "check the address.",
    State.FILTERED_HERE: "The school's own web filter keeps us out; ask whoever runs it to let this server "
    "reach the site.",
    State.OUR_NETWORK_DOWN: "This server cannot reach the internet; your administrator should look at its "
    "connection.",
}


def is_stale(coverage: Coverage, at: datetime) -> bool:
    """Whether a person must hear that this source has a gap: no good read for three intervals, and an hour.

    A source that was never read well counts from when it was due; if even that is unknown, it is stale.
    """
    last = coverage.last_ok_at or _waiting_since(coverage)
    patience = max(_INTERVALS * coverage.every, _PATIENCE)
    # A good read in the future is a clock put back: we cannot know, so we do not say that all is well.
    return last is None or at - last > patience or last - at > patience


def _waiting_since(coverage: Coverage) -> datetime | None:
    """Since when a source that was never read well has kept us waiting; None after three failures."""
    if coverage.failures >= _INTERVALS:
        return None
    return coverage.since or coverage.last_try_at or coverage.next_due_at


def says(coverage: Coverage) -> str:
    """How the source is and what to do, in a sentence for people, with the reason in brackets."""
    reason = f" ({coverage.reason})" if coverage.reason else ""
    return f"{_SENTENCES[coverage.state]}{reason}"
