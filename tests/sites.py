"""Small web sites on loopback for the camera to look at; they remember what they were asked for."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

Answer = Callable[["Visitor"], None]


class Visitor(BaseHTTPRequestHandler):
    """One request; the site's pages answer it with the methods below."""

    protocol_version = "HTTP/1.1"
    site: "Site"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's own word
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer from the site's pages."""
        self.site.asked.append(self.path)
        page = self.site.pages.get(self.path.partition("?")[0])
        if page is None:
            self.give("<h1>There is nothing here</h1>", status=404)
        elif isinstance(page, str):
            self.give(page)
        else:
            page(self)

    do_POST = do_GET

    def give(
        self,
        content: str | bytes,
        *,
        status: int = 200,
        kind: str = "text/html; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer with this content."""
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def lead_to(self, address: str, status: int = 302) -> None:
        """Answer with a redirect."""
        self.give("", status=status, headers={"Location": address})


@dataclass
class Site:
    """A running site: its pages by path, and the paths it was asked for."""

    port: int
    secure: bool
    pages: dict[str, str | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        """The address of one of its pages."""
        return f"http{'s' if self.secure else ''}://{self.place}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers hang up; that is not an error here."""


@contextmanager
def serving(tls: SSLContext | None = None) -> Iterator[Site]:
    """A site without pages yet, on a free port of this machine."""
    visitor = type("_Visitor", (Visitor,), {})
    server = _Server(("127.0.0.1", 0), visitor)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site = Site(port=server.server_port, secure=tls is not None)
    visitor.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(what: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether it came true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.05)
    return what()
