"""The browser's only way out: a small forward proxy on loopback that opens good addresses only, and counts.

A browser follows redirects, prefetches and opens sockets that no request hook sees. So the
address is checked here, where the connection is made, for everything that it does.
"""

import re
import selectors
import socket
import threading
from base64 import b64encode
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from monitor.network import AddressRefused, Guard

CONNECT_SECONDS = 15.0
IDLE_SECONDS = 60.0
_HEAD_BYTES = 64 * 1024
_PIECE = 64 * 1024
# What belongs to one leg of the way only.
_HOP_HEADERS = (b"proxy-connection", b"proxy-authorization", b"connection", b"keep-alive")


@dataclass(frozen=True, slots=True)
class _Wish:
    """Where the browser wants to go, and the bytes in which it said so."""

    tunnel: bool
    host: str
    port: int
    head: bytes
    rest: bytes


class Tunnel:
    """Serves until closed: from `begin`, which starts the counting anew for each visit, to `end`."""

    def __init__(self, guard: Guard, proxy: str | None, limit: int) -> None:
        self._guard = guard
        self._proxy = urlsplit(proxy) if proxy else None
        self._limit = limit
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.begin()
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.close()

    def begin(self) -> None:
        """Let a visit begin, and forget what the last one did."""
        self._ended = False
        self.received = 0
        self.refused: set[str] = set()
        self.troubles: dict[str, str] = {}
        self.addresses: dict[str, str] = {}

    def resume(self, received: int) -> None:
        """Let an earlier visit go on, which had received so many bytes before another one began."""
        self._ended = False
        self.received = received

    def end(self) -> None:
        """Let nothing through until the next visit, on connections that are open neither.

        A browser lets go what was held back when its page is closed.
        """
        self._ended = True

    @property
    def over(self) -> bool:
        """Whether the page has brought more bytes than one visit may."""
        return self.received > self._limit

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """Carry one connection; one that cannot be made is closed, and the browser sees a failed load."""
        with closing(client):
            client.settimeout(IDLE_SECONDS)
            try:
                wish = _wish(client)
            except (OSError, ValueError):
                return
            if self.over or self._ended:
                return
            try:
                self._relay(client, wish)
            except AddressRefused as error:
                self.refused.add(f"{wish.host}:{wish.port}")
                self.troubles[wish.host] = str(error)
            except OSError as error:
                self.troubles.setdefault(wish.host, str(error))

    def _relay(self, client: socket.socket, wish: _Wish) -> None:
        with closing(self._connected(wish.host, wish.port)) as server:
            if wish.tunnel:
                self._open_through(server, wish.host, wish.port)
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(_onward(wish.head, whole=self._proxy is not None, extra=self._password()))
                _send_body(wish, client, server)
            self._pump(client, server, only_one_request=not wish.tunnel)

    def _connected(self, host: str, port: int) -> socket.socket:
        if self._proxy is not None:
            self._guard.check_all(host, port)
            address = (self._proxy.hostname or "", self._proxy.port or 8080)
            return socket.create_connection(address, CONNECT_SECONDS)
        found = self._guard.addresses(host, port)
        self.addresses[host] = found[0]
        return socket.create_connection((found[0], port), CONNECT_SECONDS)

    def _open_through(self, server: socket.socket, host: str, port: int) -> None:
        """Ask the school's proxy for a way to the host, where there is a proxy."""
        if self._proxy is None:
            return
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        server.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n".encode() + self._password() + b"\r\n")
        answer, _ = _head(server)
        status = answer.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise OSError(
                f"the proxy answered {status[0].decode('ascii', 'replace') if status else 'nothing'}"
            )

    def _password(self) -> bytes:
        if self._proxy is None or not self._proxy.username:
            return b""
        pair = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
        return b"Proxy-Authorization: Basic " + b64encode(pair.encode()) + b"\r\n"

    def _pump(self, client: socket.socket, server: socket.socket, *, only_one_request: bool) -> None:
        """Carry bytes both ways until one side ends, is idle, or the page has had its share.

        A plain connection serves one request: the next one on it may be meant for another host, so the
        connection is closed instead, and the browser asks again on a new one.
        """
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while events := ready.select(IDLE_SECONDS):
                for key, _ in events:
                    if key.fileobj is client and only_one_request:
                        return
                    piece = key.fileobj.recv(_PIECE)  # type: ignore[union-attr]  # we registered sockets
                    if not piece:
                        return
                    if key.fileobj is server:
                        self.received += len(piece)
                    if self.over or self._ended:
                        return
                    key.data.sendall(piece)


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of a message with its empty line, and what came after it."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(_PIECE)
        if not piece or len(got) > _HEAD_BYTES:
            raise OSError("the message has no end of its head")
        got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _wish(client: socket.socket) -> _Wish:
    head, rest = _head(client)
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    tunnel = method == "CONNECT"
    parts = urlsplit(f"//{target}" if tunnel else target)
    if not parts.hostname or (not tunnel and parts.scheme != "http"):
        raise ValueError(target)
    return _Wish(tunnel, parts.hostname, parts.port or 80, head, rest)


def _onward(head: bytes, *, whole: bool, extra: bytes) -> bytes:
    """The head as the next machine is to see it: an origin gets the path, a proxy the whole address."""
    first, *lines = head[:-4].split(b"\r\n")
    method, target, version = first.split(b" ")
    if not whole:
        target = b"/" + target.split(b"//", 1)[1].partition(b"/")[2]
    kept = [line for line in lines if line.split(b":", 1)[0].strip().lower() not in _HOP_HEADERS]
    start = b" ".join((method, target, version))
    return b"\r\n".join((start, *kept, b"Connection: close")) + b"\r\n" + extra + b"\r\n"


def _send_body(wish: _Wish, client: socket.socket, server: socket.socket) -> None:
    """Carry the body of a plain request, whose length its head tells."""
    told = re.search(rb"(?im)^content-length:\s*(\d{1,12})\s*$", wish.head)
    left, rest = int(told.group(1)) if told else 0, wish.rest
    while left > 0:
        piece = rest or client.recv(_PIECE)
        if not piece:
            return
        server.sendall(piece[:left])
        left -= len(piece)
        rest = b""
