"""A small Jetstream on loopback, a real WebSocket server: tells what it kept, and what is new."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

PAT = "did:plc:patparent"
POSTS = "app.bsky.feed.post"
NOW = int(time.time() * 1_000_000)
"""This moment as the stream writes it; tests count from here."""
SECOND = 1_000_000
HOUR = 3600 * SECOND


def commit(at: int, key: str, operation: str = "create", text: str | None = None, **more: Any) -> str:
    """One event of a post, in the platform's shape; invented."""
    said: dict[str, Any] = {
        "rev": "3a",
        "operation": operation,
        "collection": more.pop("collection", POSTS),
        "rkey": key,
    }
    if operation != "delete":
        said["cid"] = f"bafy{key}"
        said["record"] = {
            "$type": POSTS,
            "createdAt": "2026-11-20T08:00:00.123Z",
            "langs": ["en-GB"],
            "text": f"Good morning, number {key}" if text is None else text,
            **more,
        }
    return json.dumps({"did": PAT, "time_us": at, "kind": "commit", "commit": said})


def account(at: int, *, active: bool, status: str = "", did: str = PAT) -> str:
    """An account that was opened or shut."""
    said = {"active": active, "did": did, "seq": 1, "time": "2026-11-20T08:00:00Z"}
    return json.dumps(
        {
            "did": did,
            "time_us": at,
            "kind": "account",
            "account": said | ({"status": status} if status else {}),
        }
    )


def identity(at: int) -> str:
    """A name that was changed."""
    said = {"did": PAT, "handle": "pat.example", "seq": 1, "time": "2026-11-20T08:00:00Z"}
    return json.dumps({"did": PAT, "time_us": at, "kind": "identity", "identity": said})


def uri(key: str, did: str = PAT) -> str:
    """The id of a post."""
    return f"at://{did}/{POSTS}/{key}"


@dataclass
class Jetstream:
    """What it keeps, oldest first, and how it behaves."""

    kept: list[tuple[int, str | bytes]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    heard: list[str | bytes] = field(default_factory=list)
    """What listeners said, which must be nothing."""
    url: str = ""
    cut_after: int | None = None
    """Hang up after so many events."""
    raw: Callable[[ServerConnection], object] | None = None
    """What to do with a connection instead, once a cursor is asked for."""
    listening: int = 0
    changed: Condition = field(default_factory=Condition)
    closing: bool = False

    def say(self, *events: str | bytes, at: int = NOW) -> None:
        """Tell everybody who listens, and keep it."""
        with self.changed:
            self.kept += [(_time(event, at), event) for event in events]
            self.changed.notify_all()

    def answer(self, line: ServerConnection) -> None:
        """Serve one listener."""
        assert line.request is not None
        parts = urlsplit(line.request.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == "/subscribe"
        with self.changed:
            self.asked.append(asked)
            self.listening += 1
            # Without a cursor, or with one that has not come yet: the newest, and what is new.
            cursor = int(asked.get("cursor", NOW * 2))
            known = [number for number, (at, _) in enumerate(self.kept) if at >= cursor]
            start = known[0] if known else max(len(self.kept) - 1, 0)
        try:
            if self.raw is not None and "cursor" in asked:
                self.raw(line)
            else:
                self._tell(line, start)
        except ConnectionClosed:
            pass
        finally:
            with self.changed:
                self.listening -= 1

    def _tell(self, line: ServerConnection, told: int) -> None:
        ears = Thread(target=self._hear, args=(line,), daemon=True)
        ears.start()
        sent = 0
        while ears.is_alive():
            with self.changed:
                if not self.closing and told == len(self.kept):
                    self.changed.wait(0.1)
                fresh = self.kept[told:]
            if self.closing:
                return
            for _, event in fresh:
                if self.cut_after is not None and sent >= self.cut_after:
                    return
                line.send(event)
                told, sent = told + 1, sent + 1

    def _hear(self, line: ServerConnection) -> None:
        try:
            for message in line:
                self.heard.append(message)
        except ConnectionClosed:
            return


def _time(event: str | bytes, at: int) -> int:
    try:
        return int(json.loads(event)["time_us"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return at


@contextmanager
def jetstream(tls: ssl.SSLContext | None = None, **behaviour: Any) -> Iterator[Jetstream]:
    """A server that runs."""
    stream = Jetstream(**behaviour)
    with serve(stream.answer, "127.0.0.1", 0, ssl=tls, compression=None, close_timeout=1) as server:
        stream.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield stream
        finally:
            with stream.changed:
                stream.closing = True
                stream.changed.notify_all()
            server.shutdown()
            thread.join()
