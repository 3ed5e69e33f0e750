"""When a capture that failed is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.captures import next_try

FIRST = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def all_tries() -> list[timedelta]:
    """How long after the first try each later one comes, when every one fails at once."""
    at, attempts, tries = FIRST, 1, []
    while (at_next := next_try(attempts, FIRST, at)) is not None:
        tries.append(at_next - FIRST)
        at, attempts = at_next, attempts + 1
    return tries


def test_a_capture_is_tried_soon_then_every_six_hours_until_three_days_are_over() -> None:
    tries = all_tries()

    quick = [timedelta(minutes=1), timedelta(minutes=6), timedelta(minutes=21), timedelta(minutes=81)]
    assert tries[:4] == quick
    assert {later - earlier for earlier, later in pairwise(tries[3:])} == {timedelta(hours=6)}
    assert timedelta(hours=66) < tries[-1] <= timedelta(days=3)


def test_after_an_outage_the_quick_tries_are_still_made() -> None:
    assert next_try(1, FIRST, FIRST + timedelta(days=30)) == FIRST + timedelta(days=30, minutes=1)


def test_it_stops_when_three_days_are_over() -> None:
    assert next_try(5, FIRST, FIRST + timedelta(days=3)) is None


@given(st.integers(0, 10**6), st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
def test_it_stops_some_time_even_when_the_clock_was_put_back(attempts: int, passed: timedelta) -> None:
    at = FIRST + passed
    due = next_try(attempts, FIRST, at)

    assert due is None or due > at
    assert attempts < 20 or due is None
