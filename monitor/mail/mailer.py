"""Handing finished messages to the school's mail server, and saying plainly what it answered."""

import base64
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Timer
from urllib.parse import unquote, urlsplit

import httpx

_TIMEOUT = 30.0
_DEADLINE = 90.0
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LONGEST_HEAD = 16_384
_PLAIN_ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")  # visible ASCII without <, > and spaces


class MailDelayed(Exception):
    """The message was not taken now; the next try may succeed. Says why in plain words."""


class MailRefused(Exception):
    """The message will not be taken until a person does something. Says what in plain words."""


class Security(StrEnum):
    """How the way to the mail server is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """Sign in with a password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Sign in with an access token (XOAUTH2) that somebody else keeps fresh."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Sign in with an access token (XOAUTH2) asked for anew each time at `endpoint`, through `http`."""

    user: str
    endpoint: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    http: httpx.Client = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """A mail server, and how to reach it.

    `sender` is the bare address that the server is told; `proxy` an `http://[user:password@]host:port`
    that speaks CONNECT; `trust` the certificates that are believed. One attempt takes at most two and a
    half minutes.
    """

    host: str
    port: int
    sender: str
    security: Security
    login: Password | Token | Refreshed | None = None
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout: float = _TIMEOUT
    deadline: float = _DEADLINE

    def __post_init__(self) -> None:
        """A password or a token never goes over an open line."""
        if self.login is not None and self.security is Security.NONE:
            raise ValueError("signing in needs `security: starttls` or `security: tls`")

    def send(self, message: bytes, to: str) -> None:
        """Hand the message over; returns once the server took it.

        Raises MailDelayed when a later try may succeed, MailRefused when a person must act.
        """
        for _ in self.probe(message, to):
            pass

    def probe(self, message: bytes, to: str) -> Iterator[str]:
        """Hand the message over and tell each step and each answer in plain words, as it happens."""
        if not _PLAIN_ADDRESS.fullmatch(to):
            raise MailRefused("the address has letters that not every mail server takes: use a plain one")
        with _in_plain_words(self.host, self.timeout), _connected(self) as smtp:
            yield from self._greeted(smtp)
            answer = _hand_over(smtp, self.sender, to, message)
            yield f"It took the message for {to}: {answer}"

    def greet(self) -> Iterator[str]:
        """Connect, encrypt and sign in, without any message, and tell each step in plain words."""
        with _in_plain_words(self.host, self.timeout), _connected(self) as smtp:
            yield from self._greeted(smtp)

    def _greeted(self, smtp: smtplib.SMTP) -> Iterator[str]:
        yield f"{self.host}, port {self.port}, answers" + (" (through the proxy)." if self.proxy else ".")
        _ok(smtp.ehlo())
        if self.security is Security.STARTTLS:
            smtp.starttls(context=self.trust)
            _ok(smtp.ehlo())
        yield _encryption(smtp)
        if self.login is not None:
            _sign_in(smtp, self.login)
            yield f"It let us sign in as {self.login.user}."


class _Smtp(smtplib.SMTP):
    """An SMTP client on a connection that may lead through a proxy and may be encrypted from the start."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        super().__init__(mailer.host, mailer.port, timeout=mailer.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        link = _through(self._mailer.proxy, host, port, timeout) if self._mailer.proxy else None
        link = link or socket.create_connection((host, port), timeout)
        if self._mailer.security is Security.TLS:
            return self._mailer.trust.wrap_socket(link, server_hostname=host)
        return link


@contextmanager
def _connected(mailer: Mailer) -> Iterator[smtplib.SMTP]:
    smtp = _Smtp(mailer)
    # A server that sends one byte now and then would never run into the timeout of a single read.
    cut = Timer(mailer.deadline, _hang_up, (smtp,))
    cut.daemon = True
    cut.start()
    try:
        yield smtp
        with suppress(smtplib.SMTPException, OSError):
            smtp.quit()
    finally:
        cut.cancel()
        smtp.close()


def _hang_up(smtp: smtplib.SMTP) -> None:
    if smtp.sock is not None:
        with suppress(OSError):
            # The plain socket's own: an encrypted one would first take the encryption down under the reader.
            socket.socket.shutdown(smtp.sock, socket.SHUT_RDWR)


def _through(proxy: str, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to host and port by way of an HTTP proxy (CONNECT)."""
    at = urlsplit(proxy)
    link = socket.create_connection((at.hostname or "", at.port or 3128), timeout)
    try:
        link.sendall(_connect_request(host, port, at.username, at.password))
        status = _connect_status(link)
    except BaseException:
        link.close()
        raise
    if status != 200:  # noqa: PLR2004  # HTTP: OK
        link.close()
        words = f"the proxy {at.hostname} answered {status} when asked for {host}, port {port}"
        raise MailRefused(words) if 400 <= status < 500 else MailDelayed(words)  # noqa: PLR2004  # HTTP: ours
    return link


def _connect_request(host: str, port: int, user: str | None, password: str | None) -> bytes:
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if user:
        known = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {known}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _connect_status(link: socket.socket) -> int:
    """The proxy's status; not one byte beyond its header is read, for the rest is the mail server's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = link.recv(1)
        if not byte or len(head) > _LONGEST_HEAD:
            raise OSError("the proxy hung up")
        head += byte
    match = re.match(rb"HTTP/1\.[01] (\d{3})", head)
    return int(match[1]) if match else 0


def _encryption(smtp: smtplib.SMTP) -> str:
    if isinstance(smtp.sock, ssl.SSLSocket):
        return f"The line is encrypted ({smtp.sock.version()}) and its certificate is one that we trust."
    return "The line is NOT encrypted: anybody between here and the server can read the mail."


def _sign_in(smtp: smtplib.SMTP, login: Password | Token | Refreshed) -> None:
    if isinstance(login, Password):
        smtp.login(login.user, login.password)
        return
    token = login.token if isinstance(login, Token) else _fresh_token(login)
    said = f"user={login.user}\x01auth=Bearer {token}\x01\x01"
    # The server explains a refusal in a challenge, and gives its verdict only after an empty answer to it.
    smtp.auth("XOAUTH2", lambda challenge=None: said if challenge is None else "")


def _fresh_token(login: Refreshed) -> str:
    asked = {
        "grant_type": "refresh_token",
        "client_id": login.client_id,
        "client_secret": login.client_secret,
        "refresh_token": login.refresh_token,
    }
    where = urlsplit(login.endpoint).hostname
    try:
        answer = login.http.post(login.endpoint, data=asked)
    except httpx.HTTPError as error:
        raise MailDelayed(f"{where} did not answer when asked for a new access token") from error
    if answer.is_client_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
        raise MailRefused(
            f"{where} refused a new access token ({answer.status_code}): the consent for this mailbox "
            "has run out or was withdrawn; sign in again and replace the refresh token"
        )
    try:
        return str(answer.raise_for_status().json()["access_token"])
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
        raise MailDelayed(f"{where} gave no access token ({answer.status_code})") from error


def _hand_over(smtp: smtplib.SMTP, sender: str, to: str, message: bytes) -> str:
    """Give the message over and return the server's last answer; smtplib doubles the leading dots."""
    size = len(message)
    _ok(smtp.mail(sender, [f"SIZE={size}"] if smtp.has_extn("size") else []))
    _ok(smtp.rcpt(to))
    # A bare line feed or carriage return could be read as an end of the message by some servers.
    return _ok(smtp.data(_LINE_END.sub(b"\r\n", message)))


def _ok(answered: tuple[int, bytes]) -> str:
    code, said = answered
    if not 200 <= code < 300:  # noqa: PLR2004  # SMTP: taken
        raise smtplib.SMTPResponseException(code, said)
    return _said(code, said)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    visible = "".join(c if c.isprintable() else " " for c in text[:1_000])
    return f"{code} {' '.join(visible.split())[:300]}".strip()


@contextmanager
def _in_plain_words(host: str, timeout: float) -> Iterator[None]:
    """Turn every way in which mail goes wrong into one of the two errors: 4xx is a delay, 5xx a refusal."""
    try:
        yield
    except smtplib.SMTPResponseException as error:
        words = f"{host} answered: {_said(error.smtp_code, error.smtp_error)}"
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:  # noqa: PLR2004  # SMTP: for good
            raise MailRefused(f"{host} did not let us sign in; {words}") from error
        raise MailRefused(words) if error.smtp_code >= 500 else MailDelayed(words) from error  # noqa: PLR2004  # likewise
    except smtplib.SMTPServerDisconnected as error:
        silent = isinstance(error.__context__, TimeoutError)
        how = f"did not answer within {timeout:g} seconds" if silent else "hung up"
        raise MailDelayed(f"{host} {how} before it had taken the message") from error
    except smtplib.SMTPNotSupportedError as error:
        raise MailRefused(f"{host} cannot do what the configuration asks: {error}") from error
    except smtplib.SMTPException as error:
        raise MailRefused(f"{host}: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise MailRefused(
            f"the certificate of {host} is not one that this server trusts ({error.verify_message}); if your "
            "network re-signs connections, set `network: ca_bundle`"
        ) from error
    except ssl.SSLError as error:
        raise MailRefused(
            f"{host} does not speak TLS as configured: try the other kind of `security`, or another port"
        ) from error
    except TimeoutError as error:
        raise MailDelayed(f"{host} did not answer within {timeout:g} seconds") from error
    except OSError as error:
        raise MailDelayed(f"{host} could not be reached: {error.strerror or error}") from error
