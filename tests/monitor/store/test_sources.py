"""Sources: when they are due, whose they are, and how they stand."""

from datetime import timedelta

import pytest
from store_samples import AT, LEASE, SOURCES, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from connectors.post import State
from monitor.coverage import Coverage
from monitor.store.store import Store

MINUTE = timedelta(minutes=1)


def coverage_of(store: Store, source: str) -> Coverage:
    """How this source stands over the last day."""
    (found,) = [one for one in store.sources.coverage(AT - timedelta(days=1), AT) if one.source == source]
    return found


def test_a_new_source_is_due_at_once_and_has_been_read_by_nobody(store: Store) -> None:
    assert store.sources.due(AT) == ["forum", "paper"]
    assert store.sources.cursor("paper") is None
    coverage = coverage_of(store, "paper")
    assert (coverage.state, coverage.last_ok_at, coverage.every) == (
        State.BEHIND,
        None,
        timedelta(minutes=15),
    )


def test_a_source_that_one_worker_polls_is_nobody_elses(store: Store) -> None:
    claim = store.sources.claim("paper", "one", AT, AT + LEASE)

    assert claim is not None
    assert (claim.cursor, claim.baseline, claim.failures) == (None, True, 0)
    assert store.sources.claim("paper", "two", AT + MINUTE, AT + LEASE) is None
    assert store.sources.due(AT + MINUTE) == ["forum"]


def test_a_claim_that_ran_out_can_be_taken_over(store: Store) -> None:
    store.sources.claim("paper", "one", AT, AT + LEASE)

    assert store.sources.claim("paper", "two", AT + LEASE, AT + 2 * LEASE) is not None


def test_a_source_is_polled_early_only_when_somebody_asks(store: Store) -> None:
    store.record(make_findings(), AT)

    assert store.sources.claim("paper", "worker", AT + MINUTE, AT + LEASE) is None
    assert store.sources.claim("paper", "worker", AT + MINUTE, AT + LEASE, early=True) is not None


def test_the_one_that_has_waited_longest_is_due_first(store: Store) -> None:
    store.sources.failed("forum", State.BLOCKED, "403", AT + MINUTE, AT)
    store.sources.failed("paper", State.BLOCKED, "403", AT + 2 * MINUTE, AT)

    assert store.sources.due(AT + 3 * MINUTE) == ["forum", "paper"]


def test_a_failed_poll_starts_again_where_the_last_good_one_ended(store: Store) -> None:
    store.record(make_findings(cursor="good"), AT)
    store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)

    store.sources.failed("paper", State.RATE_LIMITED, "429", AT + MINUTE, AT)

    again = store.sources.claim("paper", "worker", AT + MINUTE, AT + LEASE)
    assert again is not None
    assert (again.cursor, again.failures) == ("good", 1)
    assert store.sources.cursor("paper") == "good"


def test_a_state_is_known_since_it_began(store: Store) -> None:
    store.sources.failed("paper", State.BLOCKED, "403", AT, AT)
    store.sources.failed("paper", State.BLOCKED, "403 again", AT, AT + MINUTE)

    coverage = coverage_of(store, "paper")
    assert (coverage.state, coverage.since, coverage.reason) == (State.BLOCKED, AT, "403 again")
    assert (coverage.failures, coverage.last_try_at) == (2, AT + MINUTE)


def test_a_good_poll_ends_a_bad_state(store: Store) -> None:
    store.sources.failed("paper", State.BLOCKED, "403", AT, AT)

    store.record(make_findings(), AT + MINUTE)

    coverage = coverage_of(store, "paper")
    assert (coverage.state, coverage.since, coverage.failures) == (State.OK, AT + MINUTE, 0)
    assert coverage.last_ok_at == AT + MINUTE


@pytest.mark.parametrize(
    ("state", "complete", "shown", "read_well"),
    [
        (State.OK, False, State.BEHIND, True),
        (State.PARSE_ERROR, True, State.PARSE_ERROR, False),
        (State.PARSE_ERROR, False, State.PARSE_ERROR, False),
    ],
)
def test_posts_can_come_from_a_source_that_is_not_well(
    store: Store, state: State, complete: bool, shown: State, read_well: bool
) -> None:
    store.record(make_findings(state=state, complete=complete, reason="read 3 items"), AT)

    coverage = coverage_of(store, "paper")
    assert (coverage.state, coverage.reason) == (shown, "read 3 items")
    assert (coverage.last_ok_at is not None) is read_well


def test_coverage_counts_what_a_source_gave(store: Store) -> None:
    serious, mild = make_judged(make_post(1)), make_judged(make_post(2), Severity.NONE)
    store.record(make_findings(serious, mild, others=[make_post(3), make_post(4)]), AT)

    coverage = coverage_of(store, "paper")

    assert (coverage.read, coverage.mentions, coverage.alerts) == (4, 2, 1)
    assert coverage_of(store, "forum").read == 0


def test_coverage_counts_only_the_span_that_was_asked_about(store: Store) -> None:
    store.record(make_findings(others=[make_post(1)]), AT - timedelta(hours=30))
    store.record(make_findings(others=[make_post(2)]), AT - timedelta(hours=2))

    assert coverage_of(store, "paper").read == 1


def test_a_source_that_left_the_file_is_neither_due_nor_covered(store: Store) -> None:
    store.sources.sync({"paper": SOURCES["paper"]}, AT)

    assert store.sources.due(AT) == ["paper"]
    assert [one.source for one in store.sources.coverage(AT, AT)] == ["paper"]
    assert store.sources.claim("forum", "worker", AT, AT + LEASE, early=True) is None


def test_a_source_that_comes_back_goes_on_where_it_was(store: Store) -> None:
    store.record(make_findings(cursor="kept"), AT)
    store.sources.sync({}, AT)

    store.sources.sync(SOURCES, AT)

    claim = store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)
    assert claim is not None
    assert claim.cursor == "kept"


def test_an_old_name_on_another_platform_is_another_source(store: Store) -> None:
    store.record(make_findings(cursor="an etag"), AT)

    store.sources.sync({"paper": ("webpage", timedelta(minutes=15))}, AT)

    claim = store.sources.claim("paper", "worker", AT, AT + LEASE)
    assert claim is not None
    assert (claim.cursor, claim.baseline) == (None, True)


def test_a_shorter_interval_counts_from_now(store: Store) -> None:
    store.sources.failed("paper", State.OK, "", AT + timedelta(days=1), AT)

    store.sources.sync({"paper": ("feed", MINUTE)}, AT)

    assert store.sources.due(AT + MINUTE) == ["paper"]


def test_the_sources_of_a_host_wait_together(store: Store) -> None:
    store.sources.sync(SOURCES, AT, hosts={"paper": "paper.example", "forum": "forum.example"})

    store.sources.failed("paper", State.RATE_LIMITED, "429", AT + MINUTE, AT, host="paper.example")

    assert store.sources.due(AT) == ["forum"]
    assert store.sources.host_held_until("paper.example", AT) == AT + MINUTE
    assert store.sources.due(AT + MINUTE) == ["forum", "paper"]
    assert store.sources.host_held_until("paper.example", AT + MINUTE) is None


def test_a_host_is_never_held_for_less_than_it_asked_before(store: Store) -> None:
    store.sources.failed("paper", State.RATE_LIMITED, "429", AT + 5 * MINUTE, AT, host="paper.example")
    store.sources.failed("paper", State.RATE_LIMITED, "429", AT + MINUTE, AT, host="paper.example")

    assert store.sources.host_held_until("paper.example", AT) == AT + 5 * MINUTE


def test_what_a_dead_worker_held_is_free_again(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    store.sources.claim("forum", "dead", AT, AT + LEASE)
    store.captures.claim("dead", AT, AT + LEASE)
    store.sources.claim("paper", "alive", AT, AT + LEASE, early=True)
    assert store.sources.claimants() == ["alive", "dead"]

    store.sources.release_dead(["dead"])

    assert store.sources.claimants() == ["alive"]
    assert store.sources.claim("forum", "next", AT, AT + LEASE) is not None
    assert store.captures.claim("next", AT, AT + LEASE) is not None
