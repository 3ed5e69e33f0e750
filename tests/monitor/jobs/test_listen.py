"""Listening: what is kept of a stream, where it goes on, and who does it; on a real WebSocket on loopback."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from fakes import threat
from jetstream import HOUR, NOW, SECOND, Jetstream, account, commit, jetstream, uri

from connectors.post import State
from monitor.jobs.poll import Polled

WALL = 'sources: [{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}]'
SEEN = "harmless words of somebody far away"


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with jetstream() as running:
        yield running


@pytest.fixture
def world(make_world: Callable[..., Any], server: Jetstream) -> Any:
    return make_world(**{WALL: both(server)})


def both(server: Jetstream) -> str:
    listed = f"{{name: Stream, platform: bluesky_stream, servers: ['{server.url}'], silence: 2s}}"
    return f"sources: [{{name: Wall, platform: feed, url: 'http://127.0.0.1:9/feed'}}, {listed}]"


def hear(world: Any, *, seconds: float = 20) -> Polled | None:
    """Listen until nothing waits there; the seconds are only for a test that fails."""
    end = time.monotonic() + seconds
    found = world.app.listen_to("Stream", lambda: time.monotonic() > end, early=True, once=True)
    assert found is None or isinstance(found, Polled)
    return found


def table(world: Any, question: str) -> list[Any]:
    with closing(sqlite3.connect(world.folder / "data" / "monitor.db")) as connection:
        return connection.execute(question).fetchall()


def others(*numbers: int, ago: int = 5) -> list[str]:
    return [commit(NOW - ago * SECOND + number, f"o{number}", text=f"{SEEN} {number}") for number in numbers]


def test_what_names_a_school_becomes_a_post_and_the_rest_leaves_nothing_but_a_count(
    world: Any, server: Jetstream
) -> None:
    server.say(*others(*range(50)), commit(NOW - 2 * SECOND, "a", text=threat(1)))

    heard = hear(world)

    assert heard is not None
    assert (heard.state, heard.read, heard.mentions, len(heard.recorded.new)) == (State.OK, 51, 1, 1)
    assert world.alerts[0].urls == (f"https://bsky.app/profile/{uri('a').split('/')[2]}/post/a",)
    assert (world.state("Stream").read, world.state("Stream").mentions) == (51, 1)
    assert table(world, "select count(*) from unrelated") == [(0,)]
    assert table(world, "select count(*) from posts") == [(1,)]
    files = (world.folder / "data").glob("monitor.db*")
    assert not any(SEEN.encode() in file.read_bytes() for file in files)


def test_listening_again_doubles_nothing_and_counts_nothing_twice(world: Any, server: Jetstream) -> None:
    server.say(*others(*range(10)), commit(NOW - 2 * SECOND, "a", text=threat(1)))
    hear(world)
    server.say(commit(NOW - SECOND, "b", text=threat(2)), *others(11, ago=0))

    heard = hear(world)

    assert int(server.asked[-1]["cursor"]) == NOW - 12 * SECOND
    assert heard is not None
    assert len(heard.recorded.new) == 1
    assert len(world.alerts) == 2
    assert world.state("Stream").read == 13


def test_a_deleted_post_and_a_closed_account_are_marked_as_gone(world: Any, server: Jetstream) -> None:
    server.say(
        commit(NOW - 9 * SECOND, "a", text=threat(1)),
        commit(NOW - 8 * SECOND, "b", text=threat(2)),
        commit(NOW - 7 * SECOND, "c", "delete"),
    )
    hear(world)
    server.say(commit(NOW - 2 * SECOND, "a", "delete"))
    hear(world)
    after_delete = [alert.gone_at is not None for alert in world.alerts]
    server.say(account(NOW - SECOND, active=False, status="deleted", did="did:plc:patparen_"))
    hear(world)
    assert [alert.gone_at is not None for alert in world.alerts] == after_delete == [True, False]
    server.say(account(NOW, active=False, status="deleted"))
    hear(world)

    assert [alert.gone_at is not None for alert in world.alerts] == [True, True]


def test_an_edit_that_drops_the_school_is_kept_and_judged(world: Any, server: Jetstream) -> None:
    server.say(
        commit(NOW - 9 * SECOND, "a", text="Sports day at Harrowby Green was lovely"),
        commit(NOW - 8 * SECOND, "o", text=SEEN),
    )
    hear(world)
    assert world.alerts == []
    later = threat(1).replace(" of Harrowby Green", "")
    server.say(
        commit(NOW - 2 * SECOND, "a", "update", text=later),
        commit(NOW - SECOND, "o", "update", text=SEEN * 2),
    )
    hear(world)

    assert len(world.alerts) == 1
    assert table(world, "select count(*) from revisions") == [(2,)]
    assert table(world, "select count(*) from posts") == [(1,)]


def test_a_post_that_a_search_found_as_well_is_one_post(world: Any, server: Jetstream) -> None:
    world.wall.pin(threat(1), platform="bluesky", id=uri("a"))
    world.read()
    server.say(commit(NOW - SECOND, "a", text=threat(1)))
    hear(world)

    assert len(world.alerts) == 1
    assert table(world, "select count(*) from posts") == [(1,)]


def test_a_stream_that_fails_is_left_alone_for_longer_each_time(world: Any, server: Jetstream) -> None:
    waits = []
    for _ in range(3):
        heard = hear(world)
        assert heard is not None
        assert heard.state is State.BEHIND
        waits.append(world.state("Stream").next_due_at - world.clock())

    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4)]
    assert "has said nothing" in world.state("Stream").reason
    assert world.app.listen.due() == []


def test_a_good_line_that_breaks_is_the_first_failure_again(world: Any, server: Jetstream) -> None:
    hear(world)
    hear(world)
    server.say(commit(NOW - SECOND, "a"))
    broken = world.app.listen_to("Stream", lambda: False, early=True)

    assert (broken.state, "has said nothing" in broken.reason) == (State.BEHIND, True)
    assert world.state("Stream").next_due_at - world.clock() == timedelta(minutes=1)
    assert world.state("Stream").read == 1


def test_a_first_listening_raises_what_is_new_and_is_a_baseline_for_what_is_old(
    world: Any, server: Jetstream
) -> None:
    old = "2026-01-01T08:00:00Z"
    server.say(
        commit(NOW - 2 * SECOND, "a", text=threat(1), createdAt=old),
        commit(NOW - SECOND, "b", text=threat(2)),
    )
    hear(world)

    assert [alert.baseline for alert in world.alerts] == [True, False]


class Listening:
    """A listening under way, in a thread of its own."""

    def __init__(self, world: Any) -> None:
        self.stop = threading.Event()
        self.found: list[Any] = []
        self.thread = threading.Thread(target=self._run, args=(world,))
        self.thread.start()

    def _run(self, world: Any) -> None:
        self.found.append(world.app.listen_to("Stream", self.stop.is_set, early=True))

    def end(self) -> float:
        """Stop, and say how long that took."""
        self.stop.set()
        began = time.monotonic()
        self.thread.join(20)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def until(fact: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


def test_one_worker_listens_and_gives_the_stream_back_when_it_is_told_to_stop(
    world: Any, make_world: Callable[..., Any], server: Jetstream
) -> None:
    other = make_world(
        clock=world.clock,
        **{WALL: both(server)},
    )
    server.say(commit(NOW - SECOND, "a", text=threat(1)))
    listening = Listening(world)
    until(lambda: world.alerts)

    assert other.app.listen.due() == []
    assert hear(other) is None
    assert listening.end() < 2
    assert other.app.listen.due() == ["Stream"]
    assert world.state("Stream").state is State.OK


def test_when_the_names_change_the_last_hour_is_heard_once_more(world: Any, server: Jetstream) -> None:
    """What was written for the new name, while the old one was listened for, is found."""
    server.say(commit(NOW - HOUR // 2, "a", text=threat(1).replace("Harrowby Green", "Hilltop Academy")))
    server.say(commit(NOW - SECOND, "b", text=threat(2)))
    listening = Listening(world)
    until(lambda: world.alerts)
    world.app.store.sources.reread(["Stream"])
    server.say(commit(NOW, "c", text=threat(3)))
    listening.thread.join(20)
    assert not listening.thread.is_alive()

    world.reconfigure(
        **{
            WALL: both(server),
            "also: [Harrowby Green]": "also: [Harrowby Green, Hilltop Academy]",
        }
    )
    hear(world)

    assert int(server.asked[-1]["cursor"]) == NOW - HOUR
    assert len(world.alerts) == 3


def test_a_post_that_cannot_be_searched_is_noted_without_its_words_and_passed_over(
    world: Any, server: Jetstream
) -> None:
    class Choking:
        def __init__(self, names: Any) -> None:
            self.names, self.entries = names, names.entries

        def find(self, letters: str) -> Any:
            if "zanzibar" in letters:
                raise ValueError(letters)
            return self.names.find(letters)

    register = world.app.listen.poll.register
    register.names = Choking(register.names)
    server.say(commit(NOW - 2 * SECOND, "a", text="zanzibar"), commit(NOW - SECOND, "b", text=threat(1)))
    hear(world)

    (told,) = world.app.store.journal.troubles(world.clock() - timedelta(hours=1))
    assert told[1] == "searching a post of Stream"
    assert "zanzibar" not in str(told)
    assert len(world.alerts) == 1


def test_scan_reads_a_stream_until_nothing_waits_there(world: Any, server: Jetstream) -> None:
    from monitor.cli.scanning import _read_once  # noqa: PLC0415  # the command line loads much

    server.say(commit(NOW - SECOND, "a", text=threat(1)))

    found = _read_once(world.app, "Stream")

    assert found is not None
    assert (found.state, found.read, len(found.recorded.new)) == (State.OK, 1, 1)
