"""The chain of records and the custody log: one of each per school, without a fork, whoever writes."""

import multiprocessing
import threading
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import update
from store_samples import AT, SCHOOL, book, make_capture, open_in

from monitor.captures import FIRST, Capture, Link, Taken
from monitor.custody import BEFORE_THE_FIRST, Deed, Event, is_whole
from monitor.store.database import Database
from monitor.store.rows import Unreadable
from monitor.store.store import Store
from monitor.store.tables import custody

OTHER = "long-bennington"


def viewed(why: str = "to look at it", **changes: object) -> Event:
    """Somebody looked."""
    made = Event(school=SCHOOL, at=AT, deed=Deed.VIEWED, by="Dana Lead", why=why, alert=1001, capture="c1")
    return replace(made, **changes)


def by_hand(number: int, school: str = SCHOOL) -> Capture:
    """A capture that a person asked for."""
    made = make_capture(f"{school[:4]}-{number:03}", 1001, AT, record_sha256=f"{number:064x}")
    return replace(made, alert=None, school=school)


def test_each_entry_carries_the_hash_of_the_one_before(store: Store) -> None:
    made = [store.custody.append(viewed(f"look {number}")) for number in range(3)]

    assert store.custody.of_school(SCHOOL) == made
    assert [entry.number for entry in made] == [1, 2, 3]
    assert made[0].previous_sha256 == BEFORE_THE_FIRST
    assert all(after.previous_sha256 == before.sha256 for before, after in pairwise(made))
    assert all(is_whole(entry) for entry in made)


def test_each_school_has_a_log_and_a_chain_of_its_own(store: Store) -> None:
    first = [book(store, by_hand(number, school)) for school in (SCHOOL, OTHER) for number in (1, 2)]

    assert [one.link for one in first] == [FIRST, Link(2, f"{1:064x}")] * 2
    assert [entry.number for entry in store.custody.of_school(OTHER)] == [1, 2]


def test_what_concerns_an_alert_or_a_capture_can_be_chosen(store: Store) -> None:
    look = store.custody.append(viewed())
    copy = store.custody.append(viewed(deed=Deed.COPIED, capture="c2", alert=1002))

    assert store.custody.of_capture("c1") == [look]
    assert store.custody.of_alert(1002) == [copy]


def test_hostile_words_are_hashed_as_they_are_kept(store: Store) -> None:
    """Otherwise an entry would be found changed that nobody changed."""
    store.custody.append(viewed("half a \ud83d pair and a \x00, 🎒", by="D\x00 Lead"))

    (entry,) = store.custody.of_school(SCHOOL)

    assert is_whole(entry)
    assert entry.event.why == "half a ? pair and a \N{REPLACEMENT CHARACTER}, 🎒"


def test_a_line_that_cannot_be_read_keeps_no_further_one_from_being_added(
    store: Store, database: Database
) -> None:
    store.custody.append(viewed())
    with database.writing() as connection:
        connection.execute(update(custody).values(deed="viewee"))

    added = store.custody.append(viewed("again", capture="c2"))

    assert added.number == 2
    assert is_whole(added)
    assert store.custody.of_capture("c2") == [added]


def test_a_line_that_cannot_be_read_is_named_in_a_sentence(store: Store, database: Database) -> None:
    store.custody.append(viewed())
    with database.writing() as connection:
        connection.execute(update(custody).values(deed="viewee"))

    with pytest.raises(Unreadable) as raised:
        store.custody.of_school(SCHOOL)

    assert str(raised.value) == (
        "custody entry 1: this row of the database was changed and cannot be read (ValueError: 'viewee' is "
        "not a valid Deed). `monitor evidence verify` names all that is not as it was."
    )


def test_an_entry_with_a_number_that_json_cannot_hold_is_not_whole(store: Store) -> None:
    entry = store.custody.append(viewed())

    assert not is_whole(replace(entry, event=replace(entry.event, alert=2**60)))


def test_what_a_person_asked_for_says_who_and_why_in_the_log(store: Store) -> None:
    capture = book(store, by_hand(1), by="Dana Lead", why="asked by the police")

    (entry,) = store.custody.of_capture(capture.id)

    assert (entry.event.deed, entry.event.by, entry.event.why) == (
        Deed.CAPTURED,
        "Dana Lead",
        "asked by the police",
    )
    assert entry.event.object_sha256 == capture.record_sha256
    assert store.captures.of_school(SCHOOL) == [capture]


def test_what_cannot_be_placed_is_not_booked(store: Store) -> None:
    def place(_taken: Taken, _link: Link) -> Capture:
        raise OSError("the disk is full")

    capture = by_hand(1)
    taken = Taken(
        id=capture.id,
        school=SCHOOL,
        alert=None,
        kind=capture.kind,
        progress=capture.progress,
        captured_at=AT,
        folder="",
    )
    with pytest.raises(OSError, match="full"):
        store.captures.book(taken, place)

    assert store.captures.of_school(SCHOOL) == []
    assert store.custody.of_school(SCHOOL) == []
    assert book(store, capture).link == FIRST


def book_many(url: str, folder: str, name: str, many: int) -> None:
    """Book captures as one of several writers; run in a process of its own."""
    store = open_in(Path(folder), url)
    for number in range(many):
        at = AT + timedelta(seconds=number)
        book(store, replace(by_hand(number), id=f"{name}-{number}", captured_at=at))
        store.custody.append(viewed(name))
    store.close()


def test_writers_in_processes_and_threads_never_fork_the_chain_and_lose_nothing(
    database_url: str, tmp_path: Path
) -> None:
    open_in(tmp_path, database_url).close()
    context = multiprocessing.get_context("spawn")
    children = [
        context.Process(target=book_many, args=(database_url, str(tmp_path), f"p{one}", 12))
        for one in range(2)
    ]
    threads = [
        threading.Thread(target=book_many, args=(database_url, str(tmp_path), f"t{one}", 12))
        for one in range(3)
    ]
    for writer in (*children, *threads):
        writer.start()
    for writer in (*children, *threads):
        writer.join(60)

    assert [child.exitcode for child in children] == [0, 0]
    store = open_in(tmp_path, database_url)
    chain, log = store.captures.of_school(SCHOOL), store.custody.of_school(SCHOOL)
    assert [one.link and one.link.index for one in chain] == list(range(1, 61))
    assert all(
        after.link and after.link.previous_sha256 == before.record_sha256 for before, after in pairwise(chain)
    )
    assert [entry.number for entry in log] == list(range(1, 121))
    assert all(after.previous_sha256 == before.sha256 for before, after in pairwise(log))
    store.close()
