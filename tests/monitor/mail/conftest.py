"""A real mail server on loopback, as well or as badly behaved as a test needs it."""

import base64
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from mailserver import stop


class Postman:
    """Keeps what arrives, and answers the recipient and the message as it was told to."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []
        self.signed_in: list[Any] = []
        self.at_rcpt = "250 OK"
        self.at_data = "250 OK: queued as 4F2C"
        self.password: tuple[str, str] | None = None
        self.token: str | None = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.at_rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_data.startswith("250"):
            self.letters.append(envelope)
        return self.at_data

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """As Google and Microsoft do it: a refusal comes as a challenge that wants an empty answer."""
        said = base64.b64decode(args[1]).decode()
        self.signed_in.append(said)
        if said.endswith(f"auth=Bearer {self.token}\x01\x01"):
            return AuthResult(success=True, handled=False, auth_data=said)
        self.signed_in.append(await server.challenge_auth(b'{"status":"400"}', encode_to_b64=True))
        return AuthResult(success=False, handled=False)

    def check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        """Whether the password is right."""
        assert isinstance(given, LoginPassword)
        self.signed_in.append((mechanism, given.login.decode()))
        right = (given.login.decode(), given.password.decode()) == self.password
        return AuthResult(success=right, handled=False)


@pytest.fixture
def postman() -> Postman:
    """What the server behind `serve` does with letters."""
    return Postman()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that only this run knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    """What a client that believes this authority goes by."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    """The certificate of a mail server called localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def serve(postman: Postman) -> Iterator[Callable[..., int]]:
    """Start a mail server with these options of aiosmtpd; gives its port."""
    running: list[Controller] = []

    def start(**options: Any) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        controller = Controller(postman, hostname="127.0.0.1", port=port, **options)
        with warnings.catch_warnings():
            # aiosmtpd warns where a test asks for sign-in on a line that the test itself encrypts otherwise.
            warnings.simplefilter("ignore", UserWarning)
            controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        stop(controller)
