"""Reading a mailbox: a real IMAP server (pymap) on an encrypted line, and one that misbehaves at will."""

import asyncio
import base64
import imaplib
import json
import random
import re
import socket
import ssl
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proxyprotocol.reader import ProxyProtocolReader
from pydantic import ValidationError
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer

from connectors import mailbox
from connectors.connector import Refused, Unavailable
from connectors.mailbox import Mailbox
from connectors.post import Batch, Channel, Post, State

USER, PASSWORD = "alerts", "correct horse staple"
ARRIVED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that only this run knows."""
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authority as an administrator would name it in the file."""
    path = tmp_path_factory.mktemp("trust") / "school.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    """The certificate of a mail server called localhost."""
    return certified(authority.issue_cert("localhost"))


def certified(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@dataclass
class Office:
    """The real server, and a client of its owner, who puts mails there."""

    port: int
    bundle: Path

    def client(self) -> imaplib.IMAP4_SSL:
        trust = ssl.create_default_context(cafile=self.bundle)
        client = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=trust, timeout=10)
        client.login(USER, PASSWORD)
        return client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        with self.client() as client:
            for mail in mails:
                answered, _ = client.append(folder, "", imaplib.Time2Internaldate(ARRIVED), mail)
                assert answered == "OK"

    def source(self, **fields: Any) -> Mailbox:
        named = {"name": "Alerts", "platform": "mailbox", "server": "localhost", "port": self.port}
        account = {"user": USER, "password": PASSWORD, "ca_bundle": self.bundle}
        return Mailbox(**named | account | fields)


async def _serve(ready: Callable[[int, Any], None], trust: ssl.SSLContext) -> None:
    known = {"host": None, "port": 0, "debug": False, "cert": None, "key": None, "tls": False}
    user = {"demo_data": False, "demo_user": USER, "demo_password": PASSWORD}
    args = Namespace(**known, **user, proxy_protocol=None, passlib_cfg=None)
    backend, config = await DictBackend.init(args, invalid_user_sleep=0.0, reject_dnsbl=False)
    config.apply_context()
    async with AsyncExitStack() as stack:
        await backend.start(stack)
        called = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
        server = await asyncio.start_server(called, "127.0.0.1", 0, ssl=trust)
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        ready(server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(end.set))
        async with server:
            await end.wait()


@pytest.fixture
def office(server_side: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """A real IMAP server with an empty mailbox."""
    # Else it looks its own name up for each greeting.
    monkeypatch.setenv("FQDN", "localhost")
    started = threading.Event()
    told: list[Any] = []

    def ready(*what: Any) -> None:
        told.extend(what)
        started.set()

    thread = threading.Thread(target=lambda: asyncio.run(_serve(ready, server_side)))
    thread.start()
    assert started.wait(10)
    yield Office(told[0], bundle)
    told[1]()
    thread.join()


@dataclass
class Puppet:
    """A server that answers each command as it was told to: a reply, or what to do with the connection."""

    trust: ssl.SSLContext
    greeting: bytes = b"* OK hello\r\n"
    answers: dict[str, bytes | Callable[[ssl.SSLSocket, bytes], bytes]] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    def talk(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self.trust.wrap_socket(plain, server_side=True) as link:
            link.sendall(self.greeting)
            lines = link.makefile("rb")
            while (line := lines.readline()).strip():
                self.asked.append(line)
                self._answer(link, lines, line)

    def _answer(self, link: ssl.SSLSocket, lines: Any, line: bytes) -> None:
        tag, _, rest = line.strip().partition(b" ")
        command = next((name for name in self.answers if rest.startswith(name.encode())), "")
        if rest.startswith(b"AUTHENTICATE"):
            link.sendall(b"+ \r\n")
            self.asked.append(base64.b64decode(lines.readline()))
        answer = self.answers.get(command, b"OK")
        answer = answer(link, rest) if callable(answer) else answer
        before, _, last = answer.rpartition(b"\n")
        link.sendall(before + (b"\n" if before else b"") + tag + b" " + last + b" done\r\n")

    def hold(self, mails: dict[int, bytes]) -> None:
        """Be a folder with these mails, by their UIDs."""
        places = dict(enumerate(sorted(mails), start=1))

        def listed(_: ssl.SSLSocket, asked: bytes) -> bytes:
            low, high = (int(part) for part in (asked.split()[1] + b":" + asked.split()[1]).split(b":")[:2])
            lines = [
                b'* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "20-Nov-2026 09:00:00 +0000")\r\n'
                % (place, uid, len(mails[uid]))
                for place, uid in places.items()
                if low <= place <= high
            ]
            return b"".join(lines) + b"OK"

        def given(_: ssl.SSLSocket, asked: bytes) -> bytes:
            mail = mails.get(int(asked.split()[2]), b"")
            return b"* 1 FETCH (BODY[]<0> {%d}\r\n%s)\r\nOK" % (len(mail), mail) if mail else b"OK"

        self.answers = {
            "CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2\r\nOK",
            "EXAMINE": b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] fine\r\nOK" % len(mails),
            "FETCH": listed,
            "UID FETCH": given,
            **{name: answer for name, answer in self.answers.items() if name in {"AUTHENTICATE"}},
        }

    def source(self, bundle: Path, **fields: Any) -> Mailbox:
        return Office(self.port, bundle).source(**fields)


@contextmanager
def listening(puppet: Puppet) -> Iterator[Puppet]:
    listener = socket.create_server(("127.0.0.1", 0))
    puppet.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=puppet.talk, args=(listener.accept()[0],)))
                threads[-1].start()

    thread = threading.Thread(target=accept)
    thread.start()
    yield puppet
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for each in (thread, *threads):
        each.join(10)


@pytest.fixture
def puppet(server_side: ssl.SSLContext) -> Iterator[Puppet]:
    """A server that does as it is told; at first a folder with one mail."""
    with listening(Puppet(server_side)) as started:
        started.hold({1: letter(1)})
        yield started


def letter(number: int = 1, text: str = "", **headers: str) -> bytes:
    """A plain mail; invented."""
    mail = EmailMessage()
    mail["From"] = headers.get("sender", "Petra Quillwort <petra@harrowbygreen.example>")
    mail["Subject"] = headers.get("subject", f"Number {number}")
    mail["Date"] = headers.get("date", "Thu, 19 Nov 2026 18:30:00 +0000")
    mail["Message-ID"] = headers.get("name", f"<{number}@harrowbygreen.example>")
    mail.set_content(text or f"Something on Harrowby Green, number {number}.")
    return mail.as_bytes()


def posts(raw: bytes) -> list[Post]:
    return mailbox._posts(raw, ARRIVED)


def titles(batch: Batch) -> list[str]:
    return [post.title for post in batch.posts]


def failure(fetch: Callable[[], Batch]) -> Unavailable | Refused:
    try:
        fetch()
    except (Unavailable, Refused) as error:
        return error
    raise AssertionError("it did not fail")


def alert(*articles: tuple[str, str, str], publisher: str = "Grantham Bugle") -> bytes:
    """A mail of Google Alerts in the shape that they are known by; not taken from a real one."""
    rows = "".join(
        '<tr itemscope itemtype="http://schema.org/Article"><td><span><a itemprop="url" href="'
        f'{redirect(link)}"><span itemprop="name">{title}</span></a></span><div><div itemprop="publisher">'
        f'<a><span itemprop="name">{publisher}</span></a></div>'
        f'<div itemprop="description">{words}</div></div>'
        '<a href="https://www.google.com/alerts/share?ru=x">Facebook</a>'
        '<a href="https://www.google.co.uk/alerts/feedback?ffu=x">Flag as irrelevant</a></td></tr>'
        for link, title, words in articles
    )
    mail = EmailMessage()
    mail["From"] = "Google Alerts <googlealerts-noreply@google.com>"
    mail["Subject"] = "Google Alert - Harrowby Green"
    mail["Date"] = "Thu, 19 Nov 2026 18:30:00 +0000"
    mail["Message-ID"] = "<a1@google.com>"
    mail.set_content("Read this mail as a web page")
    mail.add_alternative(
        f'<html><body><script>{{"cards": []}}</script><h1>Google Alerts</h1><table>{rows}</table>'
        '<a href="https://www.google.com/alerts/remove?s=x">Unsubscribe</a></body></html>',
        subtype="html",
    )
    return mail.as_bytes()


def redirect(link: str) -> str:
    return f"https://www.google.com/url?rct=j&amp;sa=t&amp;url={quote(link, safe=':/')}&amp;ct=ga&amp;usg=x"


def test_a_mail_becomes_a_post(office: Office, http: httpx.Client) -> None:
    office.put(letter(1, "See https://paper.example/schools/a?utm_source=x and https://paper.example/b."))

    batch = office.source().fetch(http, None)

    (post,) = batch.posts
    assert (batch.state, batch.complete, batch.reason) == (State.OK, True, "")
    assert post.id.startswith("1@harrowbygreen.example ")
    assert (post.platform, post.title) == ("mailbox", "Number 1")
    assert post.url == "https://paper.example/schools/a"
    assert post.links == ("https://paper.example/schools/a", "https://paper.example/b")
    assert post.author == "Petra Quillwort <petra@harrowbygreen.example>"
    assert post.posted_at == datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
    assert post.channel is Channel.PUBLIC_MENTION


def test_the_text_of_a_mail_is_kept_as_it_came_under_its_heads(office: Office, http: httpx.Client) -> None:
    office.put(letter(1, "Look at https://paper.example/schools/a and https://x.example/pic.jpg"))

    (post,) = office.source().fetch(http, None).posts

    heads, _, said = post.answer.partition("\n\n")
    assert heads.splitlines()[0] == "From: Petra Quillwort <petra@harrowbygreen.example>"
    assert "Subject: Number 1" in heads
    assert "Look at https://paper.example/schools/a" in said
    assert "pic.jpg" not in post.answer


def test_the_schools_own_mailbox_is_its_own_channel(office: Office, http: httpx.Client) -> None:
    office.put(letter(1))

    (post,) = office.source(official="harrowby-green").fetch(http, None).posts

    assert post.channel is Channel.OFFICIAL_ACCOUNT


def test_reading_leaves_the_mailbox_as_it_was(office: Office, http: httpx.Client) -> None:
    office.put(letter(1), letter(2))

    office.source().fetch(http, None)

    with office.client() as client:
        client.select("INBOX", readonly=True)
        _, flags = client.fetch("1:*", "(FLAGS)")
    assert len(flags) == 2
    assert not any(b"Seen" in each for each in flags if isinstance(each, bytes))


def test_only_commands_that_change_nothing_are_sent(puppet: Puppet, bundle: Path, http: httpx.Client) -> None:
    puppet.hold({uid: letter(uid) for uid in range(1, 5)})

    first = puppet.source(bundle).fetch(http, None)
    puppet.source(bundle).fetch(http, first.cursor)

    sent = [re.sub(rb"^\w+ ", b"", line).strip() for line in puppet.asked if b"\0" not in line]
    assert {line.split()[0] for line in sent} == {
        b"CAPABILITY",
        b"AUTHENTICATE",
        b"EXAMINE",
        b"FETCH",
        b"UID",
        b"LOGOUT",
    }
    bodies = [line for line in sent if line.startswith(b"UID")]
    assert bodies
    assert all(re.fullmatch(rb"UID FETCH \d+ \(BODY\.PEEK\[\]<0\.10000000>\)", line) for line in bodies)


def test_only_new_mails_are_read_the_next_time(office: Office, http: httpx.Client) -> None:
    office.put(letter(1))
    first = office.source().fetch(http, None)
    office.put(letter(2), letter(3))

    second = office.source().fetch(http, first.cursor)
    third = office.source().fetch(http, second.cursor)

    assert [titles(batch) for batch in (first, second, third)] == [["Number 1"], ["Number 2", "Number 3"], []]
    assert third.cursor == second.cursor


def test_an_empty_mailbox_is_calm_and_its_first_mail_is_read(office: Office, http: httpx.Client) -> None:
    empty = office.source().fetch(http, None)
    office.put(letter(1))

    assert (empty.posts, empty.state, empty.complete) == ((), State.OK, True)
    assert titles(office.source().fetch(http, empty.cursor)) == ["Number 1"]


def test_a_full_mailbox_is_read_in_steps_newest_first_and_what_comes_meanwhile_goes_before(
    office: Office, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 3)
    office.put(*(letter(number) for number in range(1, 9)))
    cursor, read, states = None, [], []

    for poll in range(5):
        batch = office.source().fetch(http, cursor)
        cursor = batch.cursor
        read.append(titles(batch))
        states.append((batch.state, batch.complete))
        if poll == 0:
            office.put(*(letter(number) for number in range(20, 24)))

    assert read == [
        [f"Number {number}" for number in step]
        for step in ((8, 7, 6), (20, 21, 22), (23, 5, 4), (3, 2, 1), ())
    ]
    assert states == [(State.BEHIND, False)] * 3 + [(State.OK, True)] * 2


def test_large_mails_are_spread_over_several_readings(
    office: Office, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_BYTES", 3_000)
    office.put(*(letter(number, "word " * 400) for number in range(1, 6)))
    cursor, read = None, []

    for _ in range(3):
        batch = office.source().fetch(http, cursor)
        cursor = batch.cursor
        read.append(titles(batch))

    assert [len(step) for step in read] == [2, 2, 1]
    assert batch.complete


def test_mails_that_were_deleted_meanwhile_are_no_gap_and_no_loss(
    office: Office, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_MAILS", 4)
    office.put(*(letter(number) for number in range(1, 11)))
    first = office.source().fetch(http, None)
    with office.client() as client:
        client.select("INBOX")
        client.store("6:10", "+FLAGS", "(\\Deleted)")
        client.expunge()
    office.put(letter(11))

    second = office.source().fetch(http, first.cursor)
    third = office.source().fetch(http, second.cursor)

    assert titles(second) == ["Number 11", "Number 5", "Number 4", "Number 3"]
    assert titles(third) == ["Number 2", "Number 1"]
    assert third.complete


def test_a_folder_that_is_numbered_anew_is_read_again_under_the_same_ids(
    office: Office, http: httpx.Client
) -> None:
    folder = {"folder": "Alerts/Früh & spät"}
    name = '"Alerts/Fr&APw-h &- sp&AOQ-t"'
    with office.client() as client:
        client.create(name)
    office.put(letter(1), folder=name)
    first = office.source(**folder).fetch(http, None)
    with office.client() as client:
        client.delete(name)
        client.create(name)
    office.put(letter(1), letter(2), folder=name)

    second = office.source(**folder).fetch(http, first.cursor)

    assert "numbered its mails anew" in second.reason
    assert titles(second) == ["Number 2", "Number 1"]
    assert first.posts[0] == second.posts[1]


def test_a_cursor_of_another_folder_or_version_is_only_forgotten(office: Office, http: httpx.Client) -> None:
    office.put(letter(1))
    with office.client() as client:
        client.create("Other")
    other = office.source(folder="Other").fetch(http, None)

    for cursor in ("", "rubbish", "[]", '{"top": -1}', '{"top": "x"}', other.cursor):
        assert titles(office.source().fetch(http, cursor)) == ["Number 1"]


def test_a_token_is_given_as_xoauth2(puppet: Puppet, bundle: Path, http: httpx.Client) -> None:
    puppet.source(bundle, password=None, token="ya29.secret").fetch(http, None)

    assert b"user=alerts\x01auth=Bearer ya29.secret\x01\x01" in puppet.asked


def test_a_refused_token_is_said_without_it(puppet: Puppet, bundle: Path, http: httpx.Client) -> None:
    def refused(link: ssl.SSLSocket, _: bytes) -> bytes:
        link.sendall(b"+ " + base64.b64encode(b'{"status":"400","schemes":"Bearer"}') + b"\r\n")
        assert link.recv(100) == b"\r\n"
        return b"NO [AUTHENTICATIONFAILED] ya29.secret is stale"

    puppet.answers["AUTHENTICATE"] = refused

    failed = failure(lambda: puppet.source(bundle, password=None, token="ya29.secret").fetch(http, None))

    assert (type(failed), failed.state) == (Refused, State.AUTH_EXPIRED)
    assert "token" in failed.reason
    assert "secret" not in failed.reason + repr(failed.__cause__)


def test_a_server_without_plain_is_given_the_password_in_quotes(
    puppet: Puppet, bundle: Path, http: httpx.Client
) -> None:
    puppet.answers["CAPABILITY"] = b"* CAPABILITY IMAP4rev1\r\nOK"

    batch = puppet.source(bundle, user='odd "name"', password='a "b"').fetch(http, None)

    assert titles(batch) == ["Number 1"]
    assert any(line.endswith(b'LOGIN "odd \\"name\\"" "a \\"b\\""\r\n') for line in puppet.asked)


def test_a_wrong_password_is_said(office: Office, http: httpx.Client) -> None:
    failed = failure(lambda: office.source(password="tr0ub4dor").fetch(http, None))

    assert (type(failed), failed.state) == (Refused, State.AUTH_EXPIRED)
    assert "did not let us sign in as alerts" in failed.reason
    assert "tr0ub4dor" not in failed.reason


def test_a_folder_that_is_missing_is_said(office: Office, http: httpx.Client) -> None:
    failed = failure(lambda: office.source(folder="Alerts").fetch(http, None))

    assert (type(failed), failed.state) == (Refused, State.BLOCKED)
    assert "has no folder Alerts" in failed.reason


@pytest.mark.parametrize(
    ("command", "answer", "error", "state"),
    [
        ("AUTHENTICATE", b"NO [AUTHENTICATIONFAILED] no", Refused, State.AUTH_EXPIRED),
        ("AUTHENTICATE", b"BAD what", Refused, State.AUTH_EXPIRED),
        ("AUTHENTICATE", b"NO [UNAVAILABLE] later", Unavailable, State.BEHIND),
        ("AUTHENTICATE", b"* BYE too many\r\nNO", Unavailable, State.BEHIND),
        ("CAPABILITY", b"* CAPABILITY LOGINDISABLED IMAP4rev1\r\nOK", Refused, State.AUTH_EXPIRED),
        ("CAPABILITY", b"* CAPABILITY IMAP2\r\nOK", Unavailable, State.PARSE_ERROR),
        ("CAPABILITY", b"OK", Unavailable, State.PARSE_ERROR),
        ("EXAMINE", b"NO [NONEXISTENT] no", Refused, State.BLOCKED),
        ("EXAMINE", b"NO [SERVERBUG] oh", Unavailable, State.BEHIND),
        ("EXAMINE", b"BAD what", Unavailable, State.PARSE_ERROR),
        ("EXAMINE", b"* many EXISTS\r\nOK", Unavailable, State.PARSE_ERROR),
        ("FETCH", b"NO no", Unavailable, State.PARSE_ERROR),
        ("FETCH", b"OK", Unavailable, State.PARSE_ERROR),
        ("FETCH", b"* BYE good night\r\nOK", Unavailable, State.BEHIND),
        ("UID FETCH", b"* 1 FETCH (BODY[]<0> {99999999999}\r\nOK", Unavailable, State.BEHIND),
        ("UID FETCH", b"* " + b"x" * 1_100_000 + b"\r\nOK", Unavailable, State.BEHIND),
    ],
)
def test_every_odd_answer_is_said_plainly(
    *,
    puppet: Puppet,
    bundle: Path,
    http: httpx.Client,
    command: str,
    answer: bytes,
    error: type[Exception],
    state: State,
) -> None:
    puppet.answers[command] = answer

    failed = failure(lambda: puppet.source(bundle).fetch(http, None))

    assert (type(failed), failed.state) == (error, state)
    assert failed.reason.endswith(".")
    assert PASSWORD not in failed.reason


@pytest.mark.parametrize(
    ("greeting", "state"),
    [
        (b"* BYE too many connections\r\n", State.BEHIND),
        (b"220 smtp.example ESMTP\r\n", State.PARSE_ERROR),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", State.PARSE_ERROR),
        (b"\x00\xff\r\n", State.PARSE_ERROR),
    ],
)
def test_what_is_no_mail_server_is_said(
    puppet: Puppet, bundle: Path, http: httpx.Client, greeting: bytes, state: State
) -> None:
    puppet.greeting = greeting

    assert failure(lambda: puppet.source(bundle).fetch(http, None)).state is state


def test_a_server_that_is_gone_or_not_encrypted_is_said(bundle: Path, http: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def speak() -> None:
            with listener.accept()[0] as link:
                link.sendall(b"* OK no TLS here\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        plain = failure(lambda: Office(port, bundle).source().fetch(http, None))
        thread.join()
    gone = failure(lambda: Office(port, bundle).source().fetch(http, None))
    unknown = failure(lambda: Office(port, bundle).source(server="imap.harrowby.invalid").fetch(http, None))

    assert (plain.state, gone.state, unknown.state) == (
        State.BLOCKED,
        State.OUR_NETWORK_DOWN,
        State.OUR_NETWORK_DOWN,
    )
    assert "speaks TLS" in plain.reason
    assert "could not be reached" in gone.reason
    assert "could not be looked up" in unknown.reason


@pytest.mark.parametrize(
    ("make", "trusted", "words", "state"),
    [
        (lambda ca: ca.issue_cert("localhost"), False, "does not know", State.OUR_NETWORK_DOWN),
        (lambda ca: ca.issue_cert("other.example"), True, "for another name", State.BLOCKED),
        (
            lambda ca: ca.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)),
            True,
            "has expired",
            State.BLOCKED,
        ),
    ],
)
def test_a_certificate_that_is_not_good_is_said_and_no_password_is_sent(
    *,
    authority: trustme.CA,
    bundle: Path,
    http: httpx.Client,
    make: Callable[[trustme.CA], trustme.LeafCert],
    trusted: bool,
    words: str,
    state: State,
) -> None:
    with listening(Puppet(certified(make(authority)))) as puppet:
        source = puppet.source(bundle, **({} if trusted else {"ca_bundle": None}))
        failed = failure(lambda: source.fetch(http, None))

    assert failed.state is state
    assert words in failed.reason
    assert puppet.asked == []


def test_certificates_that_cannot_be_read_are_said(tmp_path: Path, http: httpx.Client) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")

    for path in (rubbish, tmp_path / "none.pem"):
        assert (
            "Correct ca_bundle"
            in failure(lambda path=path: Office(1, path).source().fetch(http, None)).reason
        )


def test_a_server_that_sends_a_byte_now_and_then_holds_nobody_for_long(
    puppet: Puppet, bundle: Path, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "SECONDS", 0.6)
    end = threading.Event()

    def drip(link: ssl.SSLSocket, _: bytes) -> bytes:
        while not end.wait(0.05):
            link.sendall(b"*")
        return b"OK"

    puppet.answers["EXAMINE"] = drip
    began = time.monotonic()

    failed = failure(lambda: puppet.source(bundle).fetch(http, None))

    end.set()
    assert time.monotonic() - began < 5
    assert (type(failed), failed.state) == (Unavailable, State.BEHIND)
    assert "did not answer in time" in failed.reason


def test_what_was_read_before_the_server_broke_off_is_kept(
    puppet: Puppet, bundle: Path, http: httpx.Client
) -> None:
    mails = {uid: letter(uid) for uid in range(10, 60, 10)}
    puppet.hold(mails)
    whole = puppet.answers["UID FETCH"]

    def breaks(link: ssl.SSLSocket, asked: bytes) -> bytes:
        if b" 30 " in asked:
            link.shutdown(socket.SHUT_RDWR)
        return whole(link, asked)

    puppet.answers["UID FETCH"] = breaks
    first = puppet.source(bundle).fetch(http, None)
    puppet.answers["UID FETCH"] = whole
    second = puppet.source(bundle).fetch(http, first.cursor)

    assert titles(first) == ["Number 50", "Number 40"]
    assert (first.state, first.complete) == (State.BEHIND, False)
    assert "broke off" in first.reason
    assert titles(second) == ["Number 30", "Number 20", "Number 10"]
    assert second.complete


def test_a_mail_that_the_server_does_not_give_is_said_and_passed(
    puppet: Puppet, bundle: Path, http: httpx.Client
) -> None:
    puppet.hold({1: letter(1), 2: letter(2), 3: letter(3)})
    whole = puppet.answers["UID FETCH"]
    puppet.answers["UID FETCH"] = lambda link, asked: (
        b"NO [SERVERBUG] broken" if b" 2 " in asked else whole(link, asked)
    )

    batch = puppet.source(bundle).fetch(http, None)
    after = puppet.source(bundle).fetch(http, batch.cursor)

    assert titles(batch) == ["Number 3", "Number 1"]
    assert (batch.state, batch.complete) == (State.PARSE_ERROR, True)
    assert "Not readable: 1 mails" in batch.reason
    assert (after.state, after.posts) == (State.OK, ())


def test_what_a_server_tells_of_other_mails_is_passed_over(
    puppet: Puppet, bundle: Path, http: httpx.Client
) -> None:
    whole = puppet.answers["FETCH"]
    told = b"* 9 FETCH (FLAGS (\\Seen) UID 900 RFC822.SIZE 1)\r\n* 1 FETCH (FLAGS ())\r\n* 2 EXISTS\r\n"
    puppet.answers["FETCH"] = lambda link, asked: told + whole(link, asked)

    batch = puppet.source(bundle).fetch(http, None)

    assert titles(batch) == ["Number 1"]
    assert json.loads(batch.cursor)["top"] == 1


def test_only_the_beginning_of_a_large_mail_is_read(
    office: Office, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "LARGEST", 20_000)
    mail = EmailMessage()
    mail["Subject"] = "Our film"
    mail.set_content("The film of Harrowby Green is attached.")
    mail.add_attachment(b"x" * 100_000, maintype="video", subtype="mp4", filename="film.mp4")
    office.put(mail.as_bytes())

    batch = office.source().fetch(http, None)

    (post,) = batch.posts
    assert (post.text, post.has_media) == ("The film of Harrowby Green is attached.", True)
    assert "Too large to be read whole: 1 mails" in batch.reason


def test_a_google_alert_is_one_post_for_each_article() -> None:
    raw = alert(
        (
            "https://bugle.example/news?id=7&utm_source=x",
            "<b>Harrowby</b> Green opens",
            "The <b>school</b> …",
        ),
        ("https://blog.example/café", "A fight at HGPS &amp; more", "Two were seen"),
    )

    first, second = posts(raw)

    assert first.id == "alert https://bugle.example/news?id=7"
    assert first.url == "https://bugle.example/news?id=7"
    assert (first.title, first.text) == ("Harrowby Green opens", "The school …")
    assert first.author == "Grantham Bugle"
    assert first.posted_at == datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
    assert first.links == (first.url,)
    assert (second.url, second.title) == ("https://blog.example/café", "A fight at HGPS & more")
    assert second.text == "Two were seen"


def test_an_alert_whose_rows_are_not_marked_is_taken_apart_all_the_same() -> None:
    raw = alert(("https://a.example/1", "One", "first words"), ("https://a.example/2", "Two", "second words"))
    for mark in (b'itemtype=3D"http://schema.org/Article"', b'itemprop=3D"publisher"', b"itemprop"):
        raw = re.sub(re.escape(mark).replace(b"r", b"(?:=\n)?r"), b"", raw)

    assert [(post.title, post.text) for post in posts(raw)] == [
        ("One", "Grantham Bugle\n\nfirst words"),
        ("Two", "Grantham Bugle\n\nsecond words"),
    ]


def test_an_alert_in_plain_text_is_taken_apart_too() -> None:
    text = (
        '=== News - 2 new results for ["Harrowby Green"] ===\n\n'
        f"Harrowby Green opens\nGrantham Bugle\nThe school ...\n<{redirect('https://a.example/1')}>\n\n"
        f"Another\n<{redirect('https://a.example/2')}>\nSee more...\n\n"
        "- - -\nUnsubscribe:\n<https://www.google.com/alerts/remove?s=x>\n"
    ).replace("&amp;", "&")

    found = posts(letter(text=text, sender="googlealerts-noreply@google.com"))

    assert [(post.url, post.title) for post in found] == [
        ("https://a.example/1", "Harrowby Green opens"),
        ("https://a.example/2", "Another"),
    ]
    assert found[0].text == "Grantham Bugle\nThe school ..."


def test_a_mail_of_google_alerts_in_another_shape_is_a_mail_like_others() -> None:
    (post,) = posts(letter(text="Confirm your alert.", sender="googlealerts-noreply@google.com"))

    assert (post.title, post.text) == ("Number 1", "Confirm your alert.")


def test_the_same_article_in_two_alerts_is_one_post_with_the_words_of_both(
    office: Office, http: httpx.Client
) -> None:
    office.put(
        alert(("https://a.example/1", "Harrowby Green", "The head spoke")),
        alert(("https://a.example/1", "Harrowby Green", "A knife was found")),
        alert(("https://a.example/1", "Harrowby Green", "A knife was found")),
    )

    (post,) = office.source().fetch(http, None).posts

    assert post.text == "A knife was found\n\nHarrowby Green\nThe head spoke"


def test_a_newsletter_is_read_as_people_see_it_and_its_links_are_kept() -> None:
    mail = EmailMessage()
    mail["Subject"] = "=?utf-8?q?The_week_=E2=80=93_Harrowby?="
    mail["From"] = "=?iso-8859-1?q?Caf=E9_News?= <news@paper.example>"
    mail.set_content("Only in the plain form")
    mail.add_alternative(
        '<style>p{}</style><div style="display:none">hidden</div><a href="https://paper.example/">Home</a>'
        '<a href="https://paper.example/unsubscribe/me">Leave</a>'
        '<a href="https://c.paper.example/x?u=abc">Tracked</a>'
        '<p>Harrowby Green <a href="https://www.google.com/url?url=https://paper.example/story/7">wins</a></p>'
        '<img src="https://paper.example/a.jpg">',
        subtype="html",
    )

    (post,) = posts(mail.as_bytes())

    assert (post.title, post.author) == ("The week – Harrowby", "Café News <news@paper.example>")
    assert post.text == "HomeLeaveTracked\n\nHarrowby Green wins"
    assert post.url == "https://paper.example/story/7"
    assert post.links == (
        "https://paper.example/",
        "https://paper.example/unsubscribe/me",
        "https://c.paper.example/x?u=abc",
        "https://paper.example/story/7",
    )
    assert post.has_media


@pytest.mark.parametrize(
    "link",
    [
        "https://a.example/confirm/abc",
        "https://a.example/verify-email/abc",
        "https://a.example/account/delete",
        "https://unsubscribe.a.example/abc",
        "https://click.a.example/abc",
        "https://a.example/ls/abc",
        "https://a.example/story?token=abc",
        "https://a.example/",
    ],
)
def test_a_link_that_may_act_for_its_reader_is_never_an_address_that_is_opened(link: str) -> None:
    (post,) = posts(letter(text=f"See {link} now"))

    assert post.url == "mid:1%40harrowbygreen.example"
    assert post.links == (link,)


def test_a_forward_within_the_text_is_read_through_its_marks() -> None:
    (post,) = posts(letter(text="Seen this?\n\n> On Monday Quill wrote:\n> > Harrowby\n> > Green is shut\n"))

    assert post.text == "Seen this?\n\nOn Monday Quill wrote:\nHarrowby\nGreen is shut"


def test_a_forward_as_an_attachment_is_read_and_an_alert_in_it_taken_apart() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Fwd: two mails"
    mail["From"] = "head@harrowbygreen.example"
    mail.set_content("Please look.")
    inner = message_from_bytes(letter(5, "They said it at the gate.", subject="At the gate"), policy=default)
    mail.add_attachment(inner, disposition="attachment")
    article = ("https://a.example/1", "Harrowby Green", "The head spoke")
    mail.add_attachment(message_from_bytes(alert(article), policy=default))

    entry, own = posts(mail.as_bytes())

    assert entry.url == "https://a.example/1"
    assert own.title == "Fwd: two mails"
    assert own.text == (
        "Please look.\n\nAt the gate\n\nPetra Quillwort <petra@harrowbygreen.example>\n\n"
        "They said it at the gate."
    )
    assert own.author == "head@harrowbygreen.example"


def test_attachments_are_never_opened() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Minutes"
    mail.set_content("Attached.")
    mail.add_attachment("secret words", filename="minutes.txt")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="a.png")

    (post,) = posts(mail.as_bytes())

    assert (post.text, post.has_media) == ("Attached.", True)


@pytest.mark.parametrize(
    ("charset", "said", "read"),
    [
        ("utf-8", "naïve 🙂 \u202eevil".encode(), "naïve 🙂 evil"),
        ("iso-8859-1", b"\x93quoted\x94 \xa3", "“quoted” £"),
        ("us-ascii", "naïve".encode(), "naïve"),
        ("us-ascii", b"na\xefve", "naïve"),
        ("windows-1251", "Привет".encode("windows-1251"), "Привет"),
        ("utf-16", "Привет".encode("utf-16"), "Привет"),
        ("gb2312", "学校".encode("gb2312"), "学校"),
        ("x-unknown", "naïve".encode(), "naïve"),
        ("punycode", b"a-b", "a-b"),
        ("rot13", b"plain", "plain"),
        ("windows-1256", "مدرسة".encode("windows-1256"), "مدرسة"),
        ("=?x", b"plain", "plain"),
    ],
)
def test_every_charset_gives_readable_text(charset: str, said: bytes, read: str) -> None:
    head = (
        f"Subject: x\r\nContent-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: base64\r\n"
    )

    (post,) = posts(head.encode() + b"\r\n" + base64.b64encode(said))

    assert post.text == read


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("na\u00efve".encode(), "naïve"),
        (b"na\xefve", "naïve"),
        (b"=?utf-8?b?8J+Zgg==?= =?utf-8?q?ok?=", "🙂ok"),
        (b"=?utf-8?b?broken", "=?utf-8?b?broken"),
        (b"=?utf-8?b?!!?=", ""),
        (b"=?none?q?na=EFve?=", "naïve"),
        (b"folded\r\n over\r\n\tlines", "folded over lines"),
        (b"a & b < c", "a & b < c"),
    ],
)
def test_every_subject_gives_a_title(header: bytes, read: str) -> None:
    assert [post.title for post in posts(b"Subject: " + header + b"\r\n\r\ntext")] == [read]


def test_times_are_never_later_than_the_arrival() -> None:
    for date, at in (
        ("Thu, 19 Nov 2026 18:30:00 +0100", datetime(2026, 11, 19, 17, 30, tzinfo=UTC)),
        ("Fri, 01 Jan 2100 00:00:00 +0000", ARRIVED),
        ("yesterday", ARRIVED),
    ):
        assert posts(letter(date=date))[0].posted_at == at


def test_another_text_under_the_same_name_is_another_post() -> None:
    (first,), (second,) = posts(letter(1, "one")), posts(letter(1, "two"))

    assert first.id != second.id
    assert posts(b"Received: by another\r\n" + letter(1, "one"))[0].id == first.id


def test_answers_belong_to_the_thread_that_they_answer() -> None:
    raw = b"References: <first@a.example> <second@a.example>\r\n" + letter(3)

    assert posts(raw)[0].thread == "first@a.example"
    assert posts(letter(3))[0].thread == "3@harrowbygreen.example"


def nested(depth: int, kind: str) -> bytes:
    if kind == "rfc822":
        return b"Content-Type: message/rfc822\n\n" * depth + b"\nthe end"
    heads = [f'Content-Type: multipart/mixed; boundary="{at}"\n\n--{at}\n' for at in range(depth)]
    return "".join(heads).encode() + b"\nthe end"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        nested(50, "mixed"),
        nested(50, "rfc822"),
        nested(50_000, "mixed"),
        nested(50_000, "rfc822"),
        b'Content-Type: text/plain; x="' + b";" * 1_000_000 + b"\n\ntext",
        b'Content-Type: multipart/mixed; boundary="' + b";" * 1_000_000 + b"\r\rtext",
        b"Subject: " + b"=?utf-8?q?" * 200_000 + b"\n\ntext",
        b"From: " + b'"(<' * 300_000 + b"\n\ntext",
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 400_000,
        b"Content-Type: text/html\n\n" + b"<div>" * 400_000,
        b"Content-Type: text/html\n\n<a " + b"x " * 1_000_000,
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n!!!",
        b"From: googlealerts-noreply@google.com\nContent-Type: text/html\n\n"
        + b'<p><a href="https://www.google.com/url?url=https://a.example/1">x</a>' * 20_000,
        b"\n" * 3_000_000,
        b"> " * 1_000_000,
        nested(59, "mixed") + b"\n--x\n" * 140_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 95_000,
        b"X: x\n" * 290_000 + b"\nx",
    ],
)
def test_a_hostile_mail_costs_little(raw: bytes) -> None:
    began = time.thread_time()

    found = posts(raw)

    assert time.thread_time() - began < 5
    assert len(found) <= 501


def test_any_bytes_are_a_mail_or_none() -> None:
    pieces = st.sampled_from(
        [
            b"Content-Type: ",
            b"multipart/alternative; boundary=x",
            b"message/rfc822",
            b"text/html; charset=",
            b"\n",
            b"\r",
            b"\n--x\n",
            b"Content-Transfer-Encoding: base64\n",
            b"Content-Transfer-Encoding: x-uuencode\n",
            b"Subject: =?utf-8?b?w?=",
            b"From: Google <googlealerts-noreply@google.com>\n",
            b'<a href="https://www.google.com/url?url=https://a.example/[">x</a>',
            b"charset*0*=utf-8''%ff",
            b"\xff\x00",
        ]
    )

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(pieces | st.binary(max_size=20), max_size=30))
    def read(parts: list[bytes]) -> None:
        assert isinstance(posts(b"".join(parts)), list)

    read()


def test_any_bytes_of_a_server_are_a_batch_or_one_of_the_two_errors(
    puppet: Puppet, bundle: Path, http: httpx.Client
) -> None:
    chance = random.Random(7)
    words = [
        b"* ",
        b"1 ",
        b"FETCH ",
        b"(UID 1",
        b")",
        b"{3}",
        b"\r\n",
        b"\xff",
        b"OK",
        b"NO",
        b"[",
        b"EXISTS",
        b"+ ",
    ]

    for number in range(60):
        puppet.hold({1: letter(1)})
        command = ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "FETCH", "UID FETCH"][number % 5]
        said = b"".join(chance.choices(words, k=12)) + b"\r\n* BYE\r\nOK"
        puppet.answers[command] = said
        with suppress(Unavailable, Refused):
            assert puppet.source(bundle).fetch(http, None).state in State


@pytest.mark.parametrize(
    "fields",
    [
        {"password": None},
        {"token": "t"},
        {"password": ""},
        {"password": "two\nlines"},
        {"user": "a\r\nb"},
        {"folder": "a\nb"},
        {"folder": ""},
        {"server": "https://imap.example"},
        {"server": "imap.example:993"},
        {"server": ""},
        {"port": 0},
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_file_is_read(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Office(993, Path("a.pem")).source(**fields)


def test_the_certificates_are_looked_for_beside_the_configuration() -> None:
    written = {"name": "A", "platform": "mailbox", "server": "Imap.Example", "user": "u", "password": "p"}

    source = Mailbox.model_validate(written | {"ca_bundle": "school.pem"}, context={"folder": "/etc/monitor"})

    assert source.ca_bundle == Path("/etc/monitor/school.pem")
    assert (source.host, source.port) == ("imap.example", 993)
