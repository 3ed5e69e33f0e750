"""A web site on loopback that answers as each test says, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

DATA = Path(__file__).parent / "data"


@dataclass
class Answer:
    """What the site says at one path; `declared` is a length that it claims before it hangs up."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: "Site"

    def do_GET(self) -> None:
        self.site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        # What was sent with a question is read, or it would stand before the next one.
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = self.site.answers.get(self.path.partition("?")[0], self.site.otherwise)
        if callable(answer):
            answer = answer(self.site.asked[-1][1])
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header(
            "Content-Length", str(len(answer.body) if answer.declared is None else answer.declared)
        )
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.declared is not None:
            self.close_connection = True

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up early is what some tests are about."""


@dataclass
class Site:
    """The site: put an `Answer`, or a function from the request's headers to one, at a path or else."""

    url: str
    answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    otherwise: Answer | Callable[[dict[str, str]], Answer] = field(
        default_factory=lambda: Answer(b"nothing here", 404)
    )
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Host and port, as ids begin."""
        return self.url.removeprefix("http://")


@pytest.fixture
def site() -> Iterator[Site]:
    """A real server on loopback."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    handler.site = Site(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield handler.site  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A plain client, as the application would hand out."""
    with httpx.Client(headers={"user-agent": "SchoolMentionMonitor/1"}, timeout=5) as client:
        yield client


@pytest.fixture
def data() -> Path:
    """The folder of invented feeds and pages."""
    return DATA


@pytest.fixture
def answer() -> type[Answer]:
    """What the site may be told to say."""
    return Answer
