"""When things are due: right across clock changes, bank holidays, absurd dates and clocks that jump."""

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clocks import (
    acknowledge_by,
    back_off,
    digest_day,
    is_baseline,
    local,
    mail_retry,
    next_digest,
    next_due,
    plausible,
)

LONDON = ZoneInfo("Europe/London")
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HALF_PAST_SEVEN = time(7, 30)
BANK_HOLIDAYS_2026 = frozenset(
    {
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 4),
        date(2026, 5, 25),
        date(2026, 12, 25),
        date(2026, 12, 28),
    }
)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=30_000)).map(datetime(1996, 1, 1, tzinfo=UTC).__add__)
INTERVALS = st.timedeltas(timedelta(minutes=1), timedelta(days=1))


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone(UTC)


def in_london(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("received", "due_local", "due_utc"),
    [
        pytest.param("2026-03-10 09:15", "2026-03-11 09:15:00", "2026-03-11T09:15:00Z", id="Tuesday in term"),
        pytest.param("2026-03-13 18:00", "2026-03-14 18:00:00", "2026-03-14T18:00:00Z", id="Friday evening"),
        pytest.param("2026-03-14 11:00", "2026-03-16 23:59:59", "2026-03-16T23:59:59Z", id="Saturday"),
        pytest.param(
            "2026-03-15 23:59", "2026-03-16 23:59:59", "2026-03-16T23:59:59Z", id="Sunday before midnight"
        ),
        pytest.param(
            "2026-03-28 14:00", "2026-03-30 23:59:59", "2026-03-30T22:59:59Z", id="before clocks go forward"
        ),
        pytest.param(
            "2026-10-24 14:00", "2026-10-26 23:59:59", "2026-10-26T23:59:59Z", id="before clocks go back"
        ),
        pytest.param(
            "2026-04-02 16:00", "2026-04-03 16:00:00", "2026-04-03T15:00:00Z", id="before Good Friday"
        ),
        pytest.param("2026-04-03 10:00", "2026-04-07 23:59:59", "2026-04-07T22:59:59Z", id="Good Friday"),
        pytest.param("2026-04-06 10:00", "2026-04-07 23:59:59", "2026-04-07T22:59:59Z", id="Easter Monday"),
        pytest.param(
            "2026-05-27 10:00", "2026-05-28 10:00:00", "2026-05-28T09:00:00Z", id="Wednesday in half-term"
        ),
        pytest.param("2026-12-25 09:00", "2026-12-29 23:59:59", "2026-12-29T23:59:59Z", id="Christmas Day"),
        pytest.param(
            "2026-02-01 00:30", "2026-02-02 23:59:59", "2026-02-02T23:59:59Z", id="Sunday just after midnight"
        ),
    ],
)
def test_the_acknowledgement_clock_gives_the_written_vectors(
    received: str, due_local: str, due_utc: str
) -> None:
    """CLA-MON2, each vector of section 1.7."""
    due = acknowledge_by(in_london(received), LONDON, BANK_HOLIDAYS_2026)

    assert due == utc(due_utc) == in_london(due_local)


def test_the_acknowledgement_clock_knows_the_local_day_although_it_is_given_utc() -> None:
    """In summer 23:30 UTC on a Friday is Saturday in London."""
    assert acknowledge_by(utc("2026-06-05T23:30:00Z"), LONDON) == utc("2026-06-08T22:59:59Z")


def test_bank_holidays_count_as_working_days_when_none_are_given() -> None:
    assert acknowledge_by(in_london("2026-12-25 09:00"), LONDON) == utc("2026-12-26T09:00:00Z")


@given(MOMENTS, st.frozensets(st.dates(date(1996, 1, 1), date(2080, 1, 1)), max_size=20))
def test_an_answer_is_due_after_it_was_asked_for_and_within_24_hours_on_a_working_day(
    received: datetime, holidays: frozenset[date]
) -> None:
    due = acknowledge_by(received, LONDON, holidays)
    day = received.astimezone(LONDON).date()

    assert due > received
    assert (due - received == timedelta(hours=24)) or day.weekday() >= 5 or day in holidays


def test_the_jitter_spreads_polls_a_tenth_to_either_side() -> None:
    quarter = timedelta(minutes=15)

    assert [next_due(AT, quarter, jitter) - AT for jitter in (-1.0, 0.0, 1.0)] == [
        timedelta(minutes=13, seconds=30),
        quarter,
        timedelta(minutes=16, seconds=30),
    ]


@given(INTERVALS, st.floats(-1, 1))
def test_every_source_is_due_again_later_and_within_a_day(every: timedelta, jitter: float) -> None:
    """CLA-MON1."""
    assert timedelta() < next_due(AT, every, jitter) - AT <= timedelta(days=1)


def test_a_failing_source_is_left_alone_twice_as_long_each_time_up_to_six_hours() -> None:
    waits = [back_off(failures, timedelta(minutes=15), None) for failures in range(1, 8)]

    assert [wait / timedelta(minutes=15) for wait in waits] == [1, 2, 4, 8, 16, 24, 24]


def test_a_source_that_is_read_once_a_day_is_tried_again_after_six_hours() -> None:
    assert back_off(1, timedelta(days=1), None) == timedelta(hours=6)


def test_a_source_is_left_alone_at_least_as_long_as_it_asks() -> None:
    assert back_off(1, timedelta(minutes=15), timedelta(hours=9)) == timedelta(hours=9)


def test_a_source_that_asks_for_a_year_is_still_asked_once_a_day() -> None:
    """No source is given up silently."""
    assert back_off(1, timedelta(minutes=15), timedelta(days=365)) == timedelta(days=1)


@given(st.integers(0, 10**9), INTERVALS, st.none() | st.timedeltas(timedelta(), timedelta.max))
def test_a_back_off_is_never_longer_than_a_day_and_never_grows_shorter(
    failures: int, every: timedelta, retry_after: timedelta | None
) -> None:
    wait = back_off(failures, every, retry_after)

    assert timedelta() < wait <= timedelta(days=1)
    assert back_off(failures + 1, every, retry_after) >= wait


def test_mail_is_tried_again_for_ever_at_most_half_an_hour_apart() -> None:
    assert [mail_retry(attempts) // timedelta(minutes=1) for attempts in (1, 2, 3, 4, 5, 6, 7, 10**6)] == [
        1,
        2,
        4,
        8,
        16,
        30,
        30,
        30,
    ]


@pytest.mark.parametrize(
    ("at", "due"),
    [
        pytest.param("2026-11-20T07:29:59Z", "2026-11-20T07:30:00Z", id="a second before"),
        pytest.param("2026-11-20T07:30:00Z", "2026-11-21T07:30:00Z", id="at the moment itself"),
        pytest.param("2026-03-28T12:00:00Z", "2026-03-29T06:30:00Z", id="the night clocks go forward"),
        pytest.param("2026-10-24T12:00:00Z", "2026-10-25T07:30:00Z", id="the night clocks go back"),
        pytest.param("2026-06-05T23:30:00Z", "2026-06-06T06:30:00Z", id="already tomorrow in London"),
    ],
)
def test_the_next_digest_goes_out_when_clocks_in_london_show_half_past_seven(at: str, due: str) -> None:
    assert next_digest(utc(at), HALF_PAST_SEVEN, LONDON) == utc(due)


def test_a_digest_time_that_the_clock_change_skips_comes_that_day_all_the_same() -> None:
    assert next_digest(utc("2026-03-29T00:00:00Z"), time(1, 30), LONDON) == utc("2026-03-29T01:30:00Z")
    assert digest_day(utc("2026-03-29T01:30:00Z"), time(1, 30), LONDON) == "2026-03-29"


def test_a_digest_time_that_comes_twice_is_one_digest() -> None:
    first, second = utc("2026-10-25T00:30:00Z"), utc("2026-10-25T01:30:00Z")

    assert next_digest(utc("2026-10-24T23:59:00Z"), time(1, 30), LONDON) == first
    assert next_digest(first, time(1, 30), LONDON) == utc("2026-10-26T01:30:00Z")
    assert digest_day(first, time(1, 30), LONDON) == digest_day(second, time(1, 30), LONDON) == "2026-10-25"


def test_until_the_digest_is_due_the_day_is_still_yesterday() -> None:
    assert digest_day(utc("2026-11-20T07:29:59Z"), HALF_PAST_SEVEN, LONDON) == "2026-11-19"
    assert digest_day(utc("2026-11-20T07:30:00Z"), HALF_PAST_SEVEN, LONDON) == "2026-11-20"


@given(MOMENTS, st.times(), st.timedeltas(timedelta(), timedelta(days=400)))
def test_each_day_has_one_digest_however_the_clock_jumps(
    at: datetime, local_time: time, jump: timedelta
) -> None:
    due = next_digest(at, local_time, LONDON)

    assert timedelta() < due - at <= timedelta(hours=25)
    assert digest_day(due, local_time, LONDON) > digest_day(at, local_time, LONDON)
    assert digest_day(at, local_time, LONDON) <= digest_day(at + jump, local_time, LONDON)


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2026-11-20T07:30:00Z", "Fri 20 Nov 2026 07:30 GMT"),
        ("2026-06-05T23:30:00Z", "Sat 6 Jun 2026 00:30 BST"),
        ("2026-03-29T00:59:00Z", "Sun 29 Mar 2026 00:59 GMT"),
        ("2026-03-29T01:00:00Z", "Sun 29 Mar 2026 02:00 BST"),
        ("2026-10-25T00:30:00Z", "Sun 25 Oct 2026 01:30 BST"),
        ("2026-10-25T01:30:00Z", "Sun 25 Oct 2026 01:30 GMT"),
    ],
)
def test_a_moment_is_written_as_people_here_write_it(moment: str, written: str) -> None:
    assert local(utc(moment), LONDON) == written


@pytest.mark.parametrize(
    ("moment", "year"), [("0001-01-01T00:00:00Z", "1"), ("9999-12-31T23:59:59Z", "9999")]
)
@pytest.mark.parametrize("zone", [LONDON, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
def test_a_moment_at_the_end_of_the_calendar_is_written_too(moment: str, year: str, zone: tzinfo) -> None:
    assert f" {year} " in local(utc(moment), zone)


@pytest.mark.parametrize(
    ("posted_at", "believed"),
    [
        ("1994-12-31T23:59:59Z", False),
        ("1995-01-01T00:00:00Z", True),
        ("2026-11-20T12:00:00Z", True),
        ("2026-11-21T12:00:00Z", True),
        ("2026-11-21T12:00:01Z", False),
        ("0001-01-01T00:00:00+00:00", False),
        ("9999-12-31T23:59:59+00:00", False),
    ],
)
def test_a_date_before_the_web_or_after_tomorrow_is_not_believed(posted_at: str, believed: bool) -> None:
    assert plausible(datetime.fromisoformat(posted_at), AT) is believed


def test_only_old_posts_of_a_first_read_are_baseline() -> None:
    old, fresh = AT - timedelta(days=7, seconds=1), AT - timedelta(days=7)

    assert is_baseline(old, AT, first=True)
    assert not is_baseline(fresh, AT, first=True)
    assert not is_baseline(old, AT, first=False)


@pytest.mark.parametrize(
    "posted_at", [None, datetime(1970, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)]
)
def test_a_missing_or_absurd_date_counts_as_recent(posted_at: datetime | None) -> None:
    """What cannot be dated may be from today: doubt about a child rounds up."""
    assert not is_baseline(posted_at, AT, first=True)
