"""Signs of life: a row, a file, and a call to the outside."""

from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

CALLED: list[str] = []


class Outside(BaseHTTPRequestHandler):
    """Notes who calls."""

    def do_GET(self) -> None:
        CALLED.append(self.path)
        self.send_response(500 if "broken" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def outside() -> Iterator[str]:
    """The address of somebody who waits for our calls."""
    CALLED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Outside) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_beat_is_a_row_and_a_file(make_world: Any, tmp_path: Path) -> None:
    world = make_world("heartbeat: {file: signs/of-life}")
    world.app.beat.run()

    assert world.app.store.journal.last_beat() == world.clock()
    assert (tmp_path / "signs" / "of-life").read_text().strip() == world.clock().isoformat()


def test_the_outside_is_called(make_world: Any, outside: str) -> None:
    world = make_world(f'heartbeat: {{url: "{outside}/ping"}}')
    world.app.beat.call()

    assert CALLED == ["/ping"]


def test_an_outside_that_is_broken_is_a_failure_that_people_see(make_world: Any, outside: str) -> None:
    world = make_world(f'heartbeat: {{url: "{outside}/broken"}}')

    with pytest.raises(httpx.HTTPStatusError):
        world.app.beat.call()


def test_when_the_file_cannot_be_written_there_is_no_row_either(make_world: Any, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("")
    world = make_world("heartbeat: {file: full/of-life}")

    with pytest.raises(OSError, match=r"exists|directory"):
        world.app.beat.run()

    assert world.app.store.journal.last_beat() is None


def test_a_clock_that_is_put_back_leaves_no_beat_in_the_future(make_world: Any) -> None:
    world = make_world()
    world.app.beat.run()
    world.clock.forward(days=-1)
    world.app.beat.run()

    assert world.app.store.journal.last_beat() == world.clock()
    world.clock.forward(days=30)
    world.app.store.journal.beat("another", world.clock())
    assert world.app.store.journal.last_beat() == world.clock()
    assert world.clock() - timedelta(days=30) != world.app.store.journal.last_beat()
