"""Thinking about time: when a source is due, when a try comes again, when a digest goes out."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

RECENT = timedelta(days=7)
"""How old a post may be and still be news when a source is first read."""

_SPREAD = 0.1
_DAY = timedelta(days=1)
_LONGEST_BACK_OFF = timedelta(hours=6)
_LONGEST_MAIL_WAIT = timedelta(minutes=30)
_FIRST_PUBLIC_POSTS = datetime(1995, 1, 1, tzinfo=UTC)
_SATURDAY = 5
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_LEAP = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Watched:
    """This machine's clock as it was looked at again and again: how long it has gone on steadily.

    `last` is what it showed at the last look; `before` what it showed before it leapt to
    `since`, None where nobody had looked before.
    """

    since: datetime
    last: datetime
    before: datetime | None = None

    def looked(self, at: datetime) -> "Watched":
        """It shows this now: more than three days off the last look it leapt, or nobody was there to look."""
        return Watched(at, at, self.last) if abs(at - self.last) > _LEAP else replace(self, last=at)

    @property
    def trusted_from(self) -> datetime:
        """From when on it may be relied on: it has gone on steadily for a day."""
        return self.since + _DAY


def next_due(at: datetime, every: timedelta, jitter: float) -> datetime:
    """When a source that was read at `at` is read again: its interval, a tenth sooner or later by `jitter`.

    `jitter` lies in -1..1. However it falls, every source is read at least once a day (CLA-MON1).
    """
    return at + min(every * (1 + _SPREAD * jitter), _DAY)


def back_off(failures: int, every: timedelta, retry_after: timedelta | None = None) -> timedelta:
    """How long a source is left alone after so many failures: doubling from its interval to six hours.

    Never shorter than it asked for itself; but a source that asks for more than a day is still asked once a
    day, since none is given up silently.
    """
    doubled = every * (1 << min(max(failures - 1, 0), 12))
    return max(min(doubled, _LONGEST_BACK_OFF), min(retry_after or timedelta(), _DAY))


def mail_retry(attempts: int) -> timedelta:
    """How long to wait after so many failed tries to send: 1, 2, 4, 8, 16, then 30 minutes for ever."""
    return min(timedelta(minutes=1 << min(max(attempts - 1, 0), 5)), _LONGEST_MAIL_WAIT)


def next_digest(at: datetime, local_time: time, zone: tzinfo) -> datetime:
    """The next moment after `at`, in UTC, at which clocks in `zone` show `local_time`.

    A time that the clock change skips comes as much later; of one that comes twice it is the first.
    """
    day = at.astimezone(zone).date() - _DAY
    while (moment := _moment(day, local_time, zone)) <= at:
        day += _DAY
    return moment


def digest_day(at: datetime, local_time: time, zone: tzinfo) -> str:
    """The local day (`2026-11-21`) whose digest is the latest one due at `at`."""
    day = at.astimezone(zone).date() + _DAY
    while _moment(day, local_time, zone) > at:
        day -= _DAY
    return day.isoformat()


def _moment(day: date, local_time: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, local_time, tzinfo=zone).astimezone(UTC)


def local(at: datetime, zone: tzinfo) -> str:
    """The moment as people here write it: `Fri 20 Nov 2026 07:30 GMT`."""
    there = _there(at, zone)
    # Not strftime's %a and %b: those follow the server's language.
    day = f"{_DAYS[there.weekday()]} {there.day} {_MONTHS[there.month - 1]} {there.year}"
    return f"{day} {there:%H:%M} {there.tzname()}"


def _there(at: datetime, zone: tzinfo) -> datetime:
    try:
        return at.astimezone(zone)
    except OverflowError:
        # A stranger's feed may say the year 1 or 9999; the post is shown all the same.
        return at


def plausible(posted_at: datetime, seen_at: datetime) -> bool:
    """Whether an author's date can be right: not before 1995 and not more than a day ahead."""
    return _FIRST_PUBLIC_POSTS <= posted_at <= seen_at + _DAY


def is_older_than(age: timedelta, posted_at: datetime | None, at: datetime) -> bool:
    """Whether the post is surely older than that; a missing or absurd date counts as now."""
    return posted_at is not None and plausible(posted_at, at) and at - posted_at > age


def is_baseline(posted_at: datetime | None, at: datetime, first: bool) -> bool:
    """Whether the post only stood there before the source was first read, and is no news."""
    return first and is_older_than(RECENT, posted_at, at)


def acknowledge_by(received: datetime, zone: tzinfo, bank_holidays: Collection[date] = ()) -> datetime:
    """By when, in UTC, a comment on the school's own account is to be answered, if only to acknowledge it.

    Within 24 hours; what comes on a Saturday, Sunday or bank holiday, by the end of the next working day
    (CLA-MON2). School holidays do not stop the clock.
    """
    day = received.astimezone(zone).date()
    if _is_working_day(day, bank_holidays):
        return received.astimezone(UTC) + _DAY
    while not _is_working_day(day, bank_holidays):
        day += _DAY
    return _moment(day, time(23, 59, 59), zone)


def _is_working_day(day: date, bank_holidays: Collection[date]) -> bool:
    return day.weekday() < _SATURDAY and day not in bank_holidays
