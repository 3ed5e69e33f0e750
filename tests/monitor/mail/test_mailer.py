"""Handing letters to real mail servers: good ones, strict ones, and ones that die."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from monitor.mail.mailer import MailDelayed, Mailer, MailRefused, Password, Refreshed, Security, Token

LETTER = b"Subject: hello\r\nMessage-ID: <1@x.example>\r\n\r\nGood morning.\r\n"
TO = "dsl@harrowbygreen.example"
Serve = Callable[..., int]


class Postman(Protocol):
    """What the fixture of that name offers."""

    letters: list[Any]
    signed_in: list[Any]
    at_rcpt: str
    at_data: str
    password: tuple[str, str] | None
    token: str | None


def mailer(port: int, **changed: Any) -> Mailer:
    """A mailer for the server on this port of this machine."""
    facts: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "sender": "monitor@harrowbygreen.example",
        "security": Security.NONE,
        "timeout": 5,
    }
    return Mailer(**(facts | changed))


@contextmanager
def scripted(*answers: bytes, linger: float = 0) -> Iterator[int]:
    """A server that says these things, one after each thing that it hears, and then hangs up; its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def speak() -> None:
            link, _ = listening.accept()
            with link:
                for number, answer in enumerate(answers):
                    if number:
                        link.recv(65_536)
                    link.sendall(answer)
                time.sleep(linger)

        speaking = threading.Thread(target=speak, daemon=True)
        speaking.start()
        yield listening.getsockname()[1]
        speaking.join(10)


@contextmanager
def answering(status: int, content: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A token endpoint that gives one answer; its address and what it was asked."""
    asked: list[bytes] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def speak() -> None:
            link, _ = listening.accept()
            with link:
                asked.append(_request(link))
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
                link.sendall(head.encode() + content)

        speaking = threading.Thread(target=speak, daemon=True)
        speaking.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/token", asked
        speaking.join(10)


def _request(link: socket.socket) -> bytes:
    heard = b""
    while b"refresh_token=" not in heard:
        heard += link.recv(65_536)
    return heard


def test_a_plain_server_inside_the_school_takes_the_letter(serve: Serve, postman: Postman) -> None:
    mailer(serve()).send(LETTER, TO)

    [taken] = postman.letters
    assert (taken.mail_from, taken.rcpt_tos) == ("monitor@harrowbygreen.example", [TO])
    assert taken.content == LETTER


def test_starttls_encrypts_before_anything_is_said(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    port = serve(tls_context=server_side, require_starttls=True)

    mailer(port, security=Security.STARTTLS, trust=trust).send(LETTER, TO)

    assert postman.letters[0].content == LETTER


def test_tls_from_the_first_byte(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    port = serve(ssl_context=server_side)

    mailer(port, security=Security.TLS, trust=trust).send(LETTER, TO)

    assert postman.letters[0].content == LETTER


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_that_nobody_knows_is_refused_and_the_remedy_named(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, security: Security
) -> None:
    options = {"ssl_context" if security is Security.TLS else "tls_context": server_side}

    with pytest.raises(MailRefused, match=r"certificate of localhost.*ca_bundle"):
        mailer(serve(**options), security=security, trust=ssl.create_default_context()).send(LETTER, TO)

    assert postman.letters == []


def test_a_server_without_encryption_gets_nothing_where_encryption_is_asked_for(
    serve: Serve, postman: Postman, trust: ssl.SSLContext
) -> None:
    with pytest.raises(MailRefused, match="STARTTLS"):
        mailer(serve(), security=Security.STARTTLS, trust=trust).send(LETTER, TO)

    assert postman.letters == []


def test_tls_spoken_to_a_plain_port_says_what_to_change(serve: Serve, trust: ssl.SSLContext) -> None:
    with pytest.raises(MailRefused, match="try the other kind of `security`, or another port"):
        mailer(serve(), security=Security.TLS, trust=trust).send(LETTER, TO)


@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
def test_a_password_opens_the_door(
    serve: Serve, postman: Any, server_side: ssl.SSLContext, trust: ssl.SSLContext, mechanism: str
) -> None:
    postman.password = ("monitor", "correct horse")
    other = {"LOGIN": "PLAIN", "PLAIN": "LOGIN"}[mechanism]
    port = serve(
        tls_context=server_side,
        auth_required=True,
        authenticator=postman.check,
        auth_exclude_mechanism=[other, "XOAUTH2"],
    )

    login = Password(user="monitor", password="correct horse")
    mailer(port, security=Security.STARTTLS, trust=trust, login=login).send(LETTER, TO)

    assert postman.signed_in == [(mechanism, "monitor")]
    assert len(postman.letters) == 1


def test_a_wrong_password_is_a_refusal_that_does_not_repeat_it(
    serve: Serve, postman: Any, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    postman.password = ("monitor", "correct horse")
    port = serve(tls_context=server_side, authenticator=postman.check, auth_exclude_mechanism=["XOAUTH2"])
    wrong = mailer(
        port, security=Security.STARTTLS, trust=trust, login=Password(user="monitor", password="s3cret")
    )

    with pytest.raises(MailRefused, match="did not let us sign in") as refused:
        wrong.send(LETTER, TO)

    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(wrong)


def test_no_password_goes_over_an_open_line() -> None:
    with pytest.raises(ValueError, match="starttls"):
        mailer(25, login=Password(user="monitor", password="x"))


def test_a_token_opens_the_door(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    postman.token = "ya29.token"
    port = serve(tls_context=server_side, auth_required=True)

    login = Token(user="monitor@harrowbygreen.example", token="ya29.token")
    mailer(port, security=Security.STARTTLS, trust=trust, login=login).send(LETTER, TO)

    assert postman.signed_in == ["user=monitor@harrowbygreen.example\x01auth=Bearer ya29.token\x01\x01"]
    assert len(postman.letters) == 1


def test_a_stale_token_is_a_refusal(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    postman.token = "the new one"
    port = serve(tls_context=server_side)

    with pytest.raises(MailRefused, match="did not let us sign in"):
        mailer(
            port, security=Security.STARTTLS, trust=trust, login=Token(user="m", token="the old one")
        ).send(LETTER, TO)

    assert postman.signed_in[1:] == [b""]
    assert postman.letters == []


def refreshed(endpoint: str, http: httpx.Client) -> Refreshed:
    """Signing in with a token that is asked for here."""
    return Refreshed(
        user="m",
        endpoint=endpoint,
        client_id="our-id",
        client_secret="our secret",
        refresh_token="1//refresh",
        http=http,
    )


def test_a_token_is_asked_for_where_it_is_given_out(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    postman.token = "fresh"
    port = serve(tls_context=server_side, auth_required=True)

    with answering(200, b'{"access_token": "fresh"}') as (endpoint, asked), httpx.Client() as http:
        login = refreshed(endpoint, http)
        mailer(port, security=Security.STARTTLS, trust=trust, login=login).send(LETTER, TO)

    assert b"grant_type=refresh_token&client_id=our-id&client_secret=our+secret" in asked[0]
    assert len(postman.letters) == 1


@pytest.fixture
def encrypted(serve: Serve, server_side: ssl.SSLContext, trust: ssl.SSLContext) -> Mailer:
    """A mailer for a server that encrypts."""
    return mailer(serve(tls_context=server_side), security=Security.STARTTLS, trust=trust)


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (400, b'{"error": "invalid_grant"}', MailRefused),
        (401, b"", MailRefused),
        (429, b"", MailDelayed),
        (503, b"", MailDelayed),
        (200, b"<html>sign in to the wireless network</html>", MailDelayed),
        (200, b'{"no": "token"}', MailDelayed),
        (200, b"[]", MailDelayed),
    ],
)
def test_no_token_means_no_mail_and_says_whether_a_person_must_act(
    encrypted: Mailer, postman: Postman, status: int, content: bytes, error: type[Exception]
) -> None:
    with answering(status, content) as (endpoint, _), httpx.Client() as http:
        asking = replace(encrypted, login=refreshed(endpoint, http))
        with pytest.raises(error, match="access token"):
            asking.send(LETTER, TO)

    assert postman.letters == []


def test_a_greylisting_server_is_tried_again_later(serve: Serve, postman: Postman) -> None:
    postman.at_rcpt = "451 4.7.1 Greylisted, come back in five minutes"
    port = serve()

    with pytest.raises(MailDelayed, match=r"451 4.7.1 Greylisted, come back in five minutes"):
        mailer(port).send(LETTER, TO)

    postman.at_rcpt = "250 OK"
    mailer(port).send(LETTER, TO)
    assert len(postman.letters) == 1


def test_an_unknown_recipient_is_a_refusal(serve: Serve, postman: Postman) -> None:
    postman.at_rcpt = "550 5.1.1 No such mailbox"

    with pytest.raises(MailRefused, match=r"localhost answered: 550 5.1.1 No such mailbox"):
        mailer(serve()).send(LETTER, TO)


@pytest.mark.parametrize(
    ("answer", "error"), [("452 4.3.1 Mailbox full", MailDelayed), ("554 5.7.1 Looks like spam", MailRefused)]
)
def test_the_answer_to_the_letter_itself_counts(
    serve: Serve, postman: Postman, answer: str, error: type[Exception]
) -> None:
    postman.at_data = answer

    with pytest.raises(error, match=answer):
        mailer(serve()).send(LETTER, TO)


def test_a_letter_that_is_too_large_is_refused_before_it_is_sent(serve: Serve, postman: Postman) -> None:
    with pytest.raises(MailRefused, match="552"):
        mailer(serve(data_size_limit=1_000)).send(LETTER + b"x" * 2_000, TO)


GREETING, EHLO, OK, GO = b"220 hello\r\n", b"250 localhost\r\n", b"250 OK\r\n", b"354 go on\r\n"


@pytest.mark.parametrize(
    "said",
    [(), (GREETING,), (GREETING, EHLO), (GREETING, EHLO, OK, OK), (GREETING, EHLO, OK, OK, GO)],
    ids=["at once", "after its greeting", "after the helo", "before the letter", "with the letter in hand"],
)
def test_a_server_that_dies_has_taken_nothing(said: tuple[bytes, ...]) -> None:
    with scripted(*said) as port, pytest.raises(MailDelayed):
        mailer(port).send(LETTER, TO)


def test_a_server_that_dies_after_it_took_the_letter_has_taken_it() -> None:
    with scripted(GREETING, EHLO, OK, OK, GO, b"250 queued\r\n") as port:
        mailer(port).send(LETTER, TO)


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(MailDelayed, match="localhost could not be reached: Connection refused"):
        mailer(port).send(LETTER, TO)


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with (
        scripted(b"", linger=1) as port,
        pytest.raises(MailDelayed, match=r"did not answer within 0\.3 seconds"),
    ):
        mailer(port, timeout=0.3).send(LETTER, TO)


def test_a_server_that_drips_is_left_in_time() -> None:
    """Each byte comes within the time-out of one read; only the deadline of the whole attempt ends this."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def drip() -> None:
            link, _ = listening.accept()
            with link:
                link.sendall(GREETING)
                try:
                    while True:
                        link.sendall(b"2")
                        time.sleep(0.05)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(MailDelayed):
            mailer(listening.getsockname()[1], deadline=1).send(LETTER, TO)

    assert time.monotonic() - started < 5


def test_a_greeting_that_turns_us_away_is_read() -> None:
    with (
        scripted(b"421 4.3.2 Shutting down\r\n") as port,
        pytest.raises(MailDelayed, match=r"421 4.3.2 Shutting"),
    ):
        mailer(port).send(LETTER, TO)


def test_what_a_hostile_server_says_is_cut_and_cleaned() -> None:
    rude = b"550 \x1b[31m\x07" + b"x" * 5_000 + b"\r\n"
    with scripted(GREETING, EHLO, OK, rude, linger=0.2) as port, pytest.raises(MailRefused) as refused:
        mailer(port).send(LETTER, TO)

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_a_letter_with_odd_line_ends_and_dots_arrives_whole_and_ends_nowhere_else(
    serve: Serve, postman: Postman
) -> None:
    """A bare line feed round a dot is how one message is smuggled inside another."""
    odd = b"Subject: x\r\n\r\n.first\n.\nMAIL FROM:<evil@x.example>\r.\r\n..two\r\nend"

    mailer(serve()).send(odd, TO)

    [taken] = postman.letters
    assert taken.content == (
        b"Subject: x\r\n\r\n.first\r\n.\r\nMAIL FROM:<evil@x.example>\r\n.\r\n..two\r\nend\r\n"
    )


def test_an_address_that_not_every_server_takes_is_refused_in_words(serve: Serve) -> None:
    with pytest.raises(MailRefused, match="use a plain one"):
        mailer(serve()).send(LETTER, "jürgen@harrowbygreen.example")


@pytest.mark.parametrize("to", ["a@x.example>\r\nRCPT TO:<b@x.example", "a@x.example\r\nDATA"])
def test_a_recipient_cannot_slip_in_a_command(serve: Serve, postman: Postman, to: str) -> None:
    with pytest.raises(MailRefused, match="use a plain one"):
        mailer(serve()).send(LETTER, to)

    assert postman.letters == []


def test_a_probe_tells_each_step_in_plain_words(
    serve: Serve, postman: Any, server_side: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    postman.password = ("monitor", "correct horse")
    port = serve(tls_context=server_side, authenticator=postman.check, auth_exclude_mechanism=["XOAUTH2"])
    login = Password(user="monitor", password="correct horse")

    told = list(mailer(port, security=Security.STARTTLS, trust=trust, login=login).probe(LETTER, TO))

    assert told == [
        f"localhost, port {port}, answers.",
        "The line is encrypted (TLSv1.3) and its certificate is one that we trust.",
        "It let us sign in as monitor.",
        f"It took the message for {TO}: 250 OK: queued as 4F2C",
    ]


def test_a_probe_warns_of_an_open_line(serve: Serve) -> None:
    assert any("NOT encrypted" in line for line in mailer(serve()).probe(LETTER, TO))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real forward proxy that asks for a password; its address without it."""
    folder = tmp_path_factory.mktemp("mail-proxy")
    command = [
        sys.executable,
        "-m",
        "proxy",
        "--hostname",
        "127.0.0.1",
        "--port",
        "0",
        "--log-level",
        "ERROR",
    ]
    command += ["--port-file", str(folder / "port"), "--num-workers", "1", "--num-acceptors", "1"]
    command += ["--data-dir", str(folder), "--basic-auth", "school:p@ss"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            yield f"127.0.0.1:{_port(folder / 'port')}"
        finally:
            running.terminate()


def _port(file: Path) -> int:
    deadline = time.monotonic() + 30
    while not file.exists() or not file.read_text().strip():
        assert time.monotonic() < deadline, "the proxy did not start"
        time.sleep(0.05)
    return int(file.read_text())


def test_mail_goes_through_a_proxy(serve: Serve, postman: Postman, proxy: str) -> None:
    mailer(serve(), proxy=f"http://school:p%40ss@{proxy}").send(LETTER, TO)

    assert postman.letters[0].content == LETTER


def test_encrypted_mail_goes_through_a_proxy(encrypted: Mailer, postman: Postman, proxy: str) -> None:
    replace(encrypted, proxy=f"http://school:p%40ss@{proxy}").send(LETTER, TO)

    assert postman.letters[0].content == LETTER


def test_mail_that_is_encrypted_from_the_first_byte_goes_through_a_proxy(
    serve: Serve, postman: Postman, server_side: ssl.SSLContext, trust: ssl.SSLContext, proxy: str
) -> None:
    through = f"http://school:p%40ss@{proxy}"

    mailer(serve(ssl_context=server_side), security=Security.TLS, trust=trust, proxy=through).send(LETTER, TO)

    assert postman.letters[0].content == LETTER


def test_a_proxy_that_turns_us_away_is_named(serve: Serve, postman: Postman, proxy: str) -> None:
    with pytest.raises(MailRefused, match=r"the proxy 127\.0\.0\.1 answered 407 when asked for localhost"):
        mailer(serve(), proxy=f"http://school:wrong@{proxy}").send(LETTER, TO)

    assert postman.letters == []


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 502 Bad\r\n\r\n", b"x" * 70_000])
def test_a_proxy_that_talks_nonsense_is_a_delay(answer: bytes) -> None:
    with scripted(b"", answer) as port, pytest.raises(MailDelayed):
        mailer(25, proxy=f"http://127.0.0.1:{port}").send(LETTER, TO)
