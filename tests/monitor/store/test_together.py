"""Many at once: threads and processes write one row without loss, and nobody gets what another has."""

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from store_samples import (
    AT,
    DSL,
    LEASE,
    SOURCES,
    add_to_tally,
    batch_number,
    claim_all,
    make_findings,
    make_judged,
    make_post,
    record_for_ever,
)

from classifiers.taxonomy import Severity
from monitor.notices import NoticeKind
from monitor.store.database import Database
from monitor.store.store import Store
from monitor.store.tables import alert_posts, judgements

ROUNDS = 25
spawned = multiprocessing.get_context("spawn")


def in_threads(work: Callable[[int], object], count: int = 8) -> list[Any]:
    """Do this in so many threads at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


@contextmanager
def beside(work: Callable[..., object], *arguments: tuple[Any, ...]) -> Iterator[None]:
    """Do this in a process for each of these arguments meanwhile, and see that all end well."""
    processes = [spawned.Process(target=work, args=given) for given in arguments]
    for process in processes:
        process.start()
    yield
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_threads_and_processes_write_one_row_without_loss(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    def add(thread: int) -> None:
        for number in range(ROUNDS):
            store.record(make_findings(others=[make_post(id=f"t{thread}-{number}")]), AT)

    with beside(add_to_tally, *((database_url, str(tmp_path), f"p{number}", ROUNDS) for number in range(2))):
        in_threads(add)

    (paper,) = [one for one in store.sources.coverage(AT, AT) if one.source == "paper"]
    assert paper.read == 10 * ROUNDS
    assert store.journal.last_beat() == AT + timedelta(seconds=ROUNDS - 1)


def test_a_source_a_capture_and_a_notice_are_each_claimed_by_one_of_many(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    earlier = AT - timedelta(hours=1)
    judged = [make_judged(make_post(number)) for number in range(12)]
    store.record(make_findings(*judged, at=earlier), earlier)
    for number in range(12):
        store.notices.write(
            kind=NoticeKind.URGENT, recipient=DSL, message_id=f"<{number}@x.example>", message=b"m", at=AT
        )
    files = [tmp_path / f"wins-{number}" for number in range(3)]

    with beside(claim_all, *((database_url, str(tmp_path), file.name, str(file)) for file in files[:2])):
        in_threads(lambda number: claim_all(database_url, str(tmp_path), f"thread-{number}", str(files[2])))

    wins = Counter(line for file in files if file.exists() for line in file.read_text().splitlines())
    assert set(wins.values()) == {1}
    assert len(wins) == len(SOURCES) + 12 + 12


def test_one_debt_is_settled_by_one_message(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    (owed,) = store.notices.owed()

    def write(thread: int) -> bool:
        message_id = f"<{thread}@x.example>"
        return store.notices.write(
            kind=NoticeKind.URGENT, recipient=DSL, message_id=message_id, message=b"m", at=AT, owed=[owed.id]
        )

    assert sorted(in_threads(write)) == [False] * 7 + [True]
    assert len(store.notices.unsent()) == 1


def test_the_same_story_from_eight_sources_at_once_is_one_alert(store: Store) -> None:
    names = [f"outlet-{number}" for number in range(8)]
    store.sources.sync({name: ("feed", timedelta(minutes=15)) for name in names}, AT)

    def tell(number: int) -> None:
        post = make_post(number, text=make_post().text, title="The same", url=f"https://{number}.example/")
        store.record(make_findings(make_judged(post, Severity.MEDIUM), source=names[number]), AT)

    in_threads(tell)

    (alert,) = store.alerts.all()
    assert len(alert.urls) == 8


def test_the_same_posts_from_eight_sources_at_once_are_kept_once(store: Store) -> None:
    """In different orders, too: on PostgreSQL that is how deadlocks are made."""
    names = [f"outlet-{number}" for number in range(8)]
    store.sources.sync({name: ("feed", timedelta(minutes=15)) for name in names}, AT)
    posts = [make_post(number) for number in range(40)]

    def tell(number: int) -> None:
        order = random.Random(number).sample(posts, len(posts))
        judged = [make_judged(post, school=f"school-{number}") for post in order]
        store.record(make_findings(*judged, others=order, source=names[number]), AT)

    in_threads(tell)

    assert store.posts.count() == 40
    assert sorted(alert.number for alert in store.alerts.all()) == list(range(1001, 1001 + 8 * 40))


def test_a_worker_killed_while_it_records_leaves_nothing_half_done(
    store: Store, database: Database, database_url: str, tmp_path: Path
) -> None:
    """The cursor never runs ahead of the posts; every serious post has one alert, one capture, one debt."""
    chance = random.Random(20261121)
    for _ in range(4):
        child = spawned.Process(target=record_for_ever, args=(database_url, str(tmp_path)))
        before = len(store.alerts.all())
        child.start()
        within = time.monotonic() + 60
        while len(store.alerts.all()) == before and time.monotonic() < within:
            time.sleep(0.05)
        time.sleep(chance.random() / 2)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL

        store.sources.release_dead(store.sources.claimants())
        claim = store.sources.claim("paper", "parent", AT, AT + LEASE, early=True)
        store.sources.release_dead(["parent"])
        assert claim is not None
        done = int(claim.cursor or 0)
        for number in range(1, done + 1):
            assert store.posts.changed("paper", batch_number(number).changed) == []
        alerts = store.alerts.all()
        assert 9 * done <= len(alerts) < 9 * (done + 1)
        assert len({url for alert in alerts for url in alert.urls}) == len(alerts)
        assert store.captures.waiting() == len(alerts) == len(store.notices.owed())
        assert _count(database, alert_posts) == _count(database, judgements) == len(alerts)

    assert done > 0


def _count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
