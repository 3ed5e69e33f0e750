"""A line that we only listen on: a WebSocket over the client that we were given, bounded and hung up on.

Proxy, certificates and the guard over addresses are those of the client, since the line begins as a request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpcore
import httpx
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side
from websockets.protocol import State as Standing
from websockets.utils import accept_key, generate_key

from connectors.connector import Unavailable
from connectors.post import State
from connectors.reading import explain, refuse_all_but_a_line, spoken

PING_SECONDS = 20.0
"""How often we let the other side, and every proxy between, know that we are still there."""
_HANDSHAKE_SECONDS = 5.0
_AT_ONCE = 1 << 18
_MOST = 16
"""How many times too large a message may be to be passed over; a larger one ends the line."""
_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


class Line:
    """An open line. Nothing is ever said on it but pings, their answers, and a goodbye."""

    def __init__(self, stream: Any, url: str, largest: int) -> None:
        self._stream = stream
        self._url = url
        self._protocol = Protocol(Side.CLIENT, max_size=_MOST * largest)
        self._largest = largest
        self._begun = bytearray()
        self._pinged = monotonic()

    def receive(self, seconds: float) -> list[bytes]:
        """The whole messages that came; none where nothing came for so many seconds.

        One that is larger than allowed comes as an empty one, so that what follows it is heard. Raises
        Unavailable when the line has ended, or what came is no WebSocket or larger than anything to be borne.
        """
        if self._protocol.state is not Standing.OPEN:
            raise self._ended()
        if monotonic() - self._pinged > PING_SECONDS:
            self._pinged = monotonic()
            self._protocol.send_ping(b"")
        try:
            self._say()
            data = self._stream.read(_AT_ONCE, seconds)
        except httpcore.ReadTimeout:
            return []
        except _BROKEN as error:
            raise self._ended() from error
        if not data:
            raise self._ended()
        self._protocol.receive_data(data)
        return list(self._messages())

    def _messages(self) -> Iterator[bytes]:
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                self._begun += frame.data
                if frame.fin:
                    yield bytes(self._begun) if len(self._begun) <= self._largest else b""
                    self._begun.clear()

    def hang_up(self) -> None:
        """Say goodbye, where anybody still hears it."""
        try:
            self._protocol.send_close(1000)
            self._say()
        except (InvalidState, *_BROKEN):
            return

    def _say(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._stream.write(data, _HANDSHAKE_SECONDS)

    def _ended(self) -> Unavailable:
        if self._protocol.parser_exc is not None and not isinstance(self._protocol.parser_exc, EOFError):
            return Unavailable(
                f"What {spoken(self._url)} sent is no stream that can be read. If this stays so, check the "
                "address.",
                State.PARSE_ERROR,
            )
        return Unavailable(f"{spoken(self._url)} ended the line. We will try again.", State.BEHIND)


@contextmanager
def open_line(http: httpx.Client, url: str, largest: int) -> Iterator[Line]:
    """Open a line to a wss: or ws: address; a message of more than `largest` bytes is passed over.

    Raises Unavailable or Refused.
    """
    key = generate_key()
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    try:
        request = http.build_request(
            "GET", f"http{url.removeprefix('ws')}", headers=headers, timeout=_HANDSHAKE_SECONDS
        )
        response = http.send(request, stream=True, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        explain(error, url)
    try:
        refuse_all_but_a_line(response)
        if response.headers.get("sec-websocket-accept") != accept_key(key):
            raise Unavailable(
                f"{spoken(url)} opens no line as it should. Check the address.", State.PARSE_ERROR
            )
        line = Line(response.extensions["network_stream"], url, largest)
        try:
            yield line
        finally:
            line.hang_up()
    finally:
        response.close()
