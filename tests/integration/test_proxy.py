"""Behind a proxy that re-signs TLS with the school's own authority: feed, screen print, mail get through."""

import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection, create_server
from threading import Thread

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from mailserver import stop

from monitor.evidence import archive

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.timeout(300)]

WORDS = "I will be waiting with a knife at the gate of Harrowby Green Primary School at 3"
CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School, near: [Harrowby]}}]
sources: [{{name: Paper, platform: feed, url: "https://localhost:{site}/feed", every: 15m}}]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
mail: {{server: localhost, port: {mail}, security: starttls, from: monitor@harrowbygreen.example}}
network:
  proxy: http://127.0.0.1:{proxy}
  allow: ["localhost:{site}"]
"""


@dataclass
class School:
    """The school's network: its proxy, its authority, its mail server; and a paper on the internet."""

    folder: Path
    proxy: int
    site: int
    mail: int
    letters: list[Envelope] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def authority(self) -> Path:
        """The certificate that the school's machines are told to trust."""
        return self.folder / "school.pem"

    def log(self) -> str:
        """What the proxy has noted."""
        return (self.folder / "proxy.log").read_text()

    def monitor(self, where: Path, *words: str, ca_bundle: bool) -> subprocess.CompletedProcess[str]:
        """Run a command of the monitor, in a folder of its own."""
        where.mkdir(exist_ok=True)
        text = CONFIG.format(site=self.site, mail=self.mail, proxy=self.proxy)
        (where / "monitor.yaml").write_text(text + (f"  ca_bundle: {self.authority}\n" if ca_bundle else ""))
        command = [sys.executable, "-m", "monitor", *words, "--config", str(where / "monitor.yaml")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


class _Postman:
    def __init__(self, letters: list[Envelope]) -> None:
        self._letters = letters

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.ssl is not None, "the letter came over an open line"
        self._letters.append(envelope)
        return "250 OK"


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@contextmanager
def a_paper(authority: trustme.CA, asked: list[str]) -> Iterator[int]:
    """A paper on the internet, whose certificate nobody here trusts but the proxy."""

    class Paper(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            here = f"https://localhost:{self.server.server_address[1]}"  # type: ignore[union-attr]  # it is TCP
            item = f"<item><guid>1</guid><link>{here}/post</link><description>{WORDS}</description>"
            item += f"<pubDate>{format_datetime(datetime.now(UTC))}</pubDate></item>"
            feed = f"<rss version='2.0'><channel><title>Paper</title>{item}</channel></rss>"
            page = f"<!doctype html><title>Post</title><article><p>{WORDS}</p></article>"
            kind, body = ("application/rss+xml", feed) if self.path == "/feed" else ("text/html", page)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's own word
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Those who do not trust us hang up; that is not an error here."""

    server = Server(("127.0.0.1", 0), Paper)
    server.socket = server_side(authority).wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def a_proxy(folder: Path, authority: trustme.CA, outside: trustme.CA, mail: int) -> Iterator[int]:
    """A forward proxy that looks into TLS, except on the way to the mail server."""
    key = folder / "school-key.pem"
    authority.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(folder / "school.pem"))
    outside.cert_pem.write_to_path(str(folder / "outside.pem"))
    subprocess.run(
        ["openssl", "genrsa", "-out", folder / "signing-key.pem", "2048"], check=True, capture_output=True
    )
    port = free_port()
    options = {
        "hostname": "127.0.0.1",
        "port": port,
        "num-workers": 1,
        "num-acceptors": 1,
        "data-dir": folder / "proxy",
        "plugins": "integration.gate.LetMailPass",
        "ca-key-file": key,
        "ca-cert-file": folder / "school.pem",
        "ca-signing-key-file": folder / "signing-key.pem",
        "ca-file": folder / "outside.pem",
        "log-file": folder / "proxy.log",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", *(str(word) for pair in options.items() for word in _option(*pair))],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "MAIL_PORT": str(mail)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not listens(port):
            assert time.monotonic() < deadline, (folder / "proxy.log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _option(name: str, value: object) -> tuple[str, object]:
    return f"--{name}", value


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, browser: Path) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    own = trustme.CA(organization_name="Harrowby Green Filter", key_type=trustme.KeyType.RSA)
    outside = trustme.CA()
    letters: list[Envelope] = []
    asked: list[str] = []
    mail = free_port()
    # The school's own mail server has a certificate of the school's own authority.
    controller = Controller(
        _Postman(letters),
        hostname="127.0.0.1",
        port=mail,
        tls_context=server_side(own),
        require_starttls=True,
    )
    controller.start()
    with a_proxy(folder, own, outside, mail) as proxy, a_paper(outside, asked) as site:
        yield School(folder, proxy, site, mail, letters, asked)
    stop(controller)


def test_feed_screen_print_and_mail_go_through_the_proxy(school: School, tmp_path: Path) -> None:
    scanned = school.monitor(tmp_path / "scan", "scan", "--json", ca_bundle=True)
    log = school.log()

    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    assert json.loads(scanned.stdout)["alerts"] == [1001]
    # The worker's connection to the paper, the browser's, and the one to the mail server: nothing else.
    ways = re.findall(r" - (?:CONNECT|GET|POST) ([\w.-]+:\d+)", log)
    assert sorted(ways) == sorted([f"localhost:{school.site}"] * 2 + [f"localhost:{school.mail}"]), log
    assert school.asked == ["/feed", "/post"]
    (letter,) = school.letters
    assert isinstance(letter.content, bytes)
    assert "A-1001" in message_from_bytes(letter.content)["Subject"]
    (record,) = (tmp_path / "scan" / "data" / "evidence").glob("*/*/*/record.json")
    read = json.loads(record.read_text())
    assert archive.verify(record.parent) == []
    assert read["kind"] == "element_screenshot"
    # Nobody but the proxy trusts the paper's own certificate: the page came as the proxy re-signed it.
    assert read["limits"] == []


def test_check_tries_each_host_through_the_proxy(school: School, tmp_path: Path) -> None:
    checked = school.monitor(tmp_path / "check", "check", "--network", ca_bundle=True)

    assert f"localhost, port {school.mail}, answers (through the proxy)" in checked.stdout
    assert f"✓ localhost:{school.site}: answers" in checked.stdout


def test_without_the_schools_certificate_the_source_and_the_mail_say_what_is_missing(
    school: School, tmp_path: Path
) -> None:
    before = list(school.asked)
    scanned = school.monitor(tmp_path / "bare", "scan", "--json", ca_bundle=False)
    mailed = school.monitor(tmp_path / "bare", "mail", "--test", ca_bundle=False)

    print(json.loads(scanned.stdout)["reason"])
    assert (scanned.returncode, mailed.returncode) == (1, 1)
    assert "ca_bundle" in json.loads(scanned.stdout)["reason"]
    assert "set `network: ca_bundle`" in mailed.stdout
    assert school.asked == before
