"""How well each source is watched, in words: silence is never mistaken for calm."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import State
from monitor.coverage import Coverage, is_stale, says

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GOOD = Coverage(
    source="Local paper",
    platform="feed",
    state=State.OK,
    reason="",
    since=AT - timedelta(days=9),
    last_ok_at=AT - timedelta(minutes=5),
    last_try_at=AT - timedelta(minutes=5),
    next_due_at=AT + timedelta(minutes=10),
    every=timedelta(minutes=15),
)
NEVER_READ = replace(GOOD, since=None, last_ok_at=None, last_try_at=None, next_due_at=AT, state=State.BLOCKED)


@pytest.mark.parametrize(
    ("every", "ago", "stale"),
    [
        pytest.param(timedelta(minutes=5), timedelta(minutes=60), False, id="an hour is always granted"),
        pytest.param(timedelta(minutes=5), timedelta(minutes=61), True, id="not more, for a frequent one"),
        pytest.param(timedelta(hours=2), timedelta(hours=6), False, id="three intervals"),
        pytest.param(timedelta(hours=2), timedelta(hours=6, seconds=1), True, id="more than three"),
        pytest.param(timedelta(days=1), timedelta(days=3, seconds=1), True, id="a daily one"),
    ],
)
def test_a_source_is_stale_after_three_intervals_and_at_least_an_hour(
    every: timedelta, ago: timedelta, stale: bool
) -> None:
    assert is_stale(replace(GOOD, every=every, last_ok_at=AT - ago), AT) is stale


def test_a_source_that_was_just_added_is_not_stale_yet() -> None:
    assert not is_stale(NEVER_READ, AT)


def test_a_source_that_was_never_read_becomes_stale_too() -> None:
    assert is_stale(NEVER_READ, AT + timedelta(minutes=61))
    assert is_stale(replace(NEVER_READ, next_due_at=None), AT)


def test_a_source_that_was_never_read_and_changes_its_excuse_each_time_is_stale_after_three_failures() -> (
    None
):
    flapping = replace(NEVER_READ, since=AT - timedelta(minutes=1), failures=3)

    assert is_stale(flapping, AT)


def test_a_last_good_read_in_the_future_is_no_comfort() -> None:
    """The clock was put back: we cannot know, so we do not say that all is well."""
    assert is_stale(replace(GOOD, last_ok_at=AT + timedelta(days=30)), AT)


@given(st.timedeltas(timedelta(), timedelta(days=30)), st.timedeltas(timedelta(), timedelta(days=30)))
def test_a_stale_source_stays_stale_until_it_is_read(ago: timedelta, later: timedelta) -> None:
    coverage = replace(GOOD, last_ok_at=AT - ago)

    assert is_stale(coverage, AT + later) or not is_stale(coverage, AT)


@pytest.mark.parametrize("state", State)
def test_every_state_is_a_sentence_for_people(state: State) -> None:
    sentence = says(replace(GOOD, state=state))

    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert state is State.OK or state.value not in sentence, "the word for machines does not help a person"


@pytest.mark.parametrize(
    "state", [State.BLOCKED, State.LOGIN_WALL, State.AUTH_EXPIRED, State.PARSE_ERROR, State.FILTERED_HERE]
)
def test_what_does_not_mend_itself_says_what_to_do(state: State) -> None:
    sentence = says(replace(GOOD, state=state))

    assert any(word in sentence for word in ("ask", "administrator", "look there yourself"))


def test_the_reason_stands_in_brackets() -> None:
    coverage = replace(GOOD, state=State.PARSE_ERROR, reason="read 40 items, the rest was over the limit")

    assert says(coverage).endswith("(read 40 items, the rest was over the limit)")
