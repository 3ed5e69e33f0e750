"""A time-stamp authority of our own: root, certificate and answers made by openssl, behind a small server."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any

SETTINGS = """
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[stamps]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[mail]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, emailProtection
[tsa]
serial = tsa-serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[tsa_sha512_only]
serial = tsa-serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha512
ess_cert_id_alg = sha256
"""
YEAR = timedelta(days=365)
SECONDS = 15
"""Where a time in DER has its last digit, counted from its tag."""
NONCE_FROM_END = 4
"""A question ends with its nonce and three bytes that ask for certificates."""


class Mode(StrEnum):
    """How the authority behaves."""

    GOOD = auto()
    WRONG_NONCE = auto()
    """It answers another question about the same hash, as a replayed answer would."""
    WRONG_HASH = auto()
    EXPIRED = auto()
    UNKNOWN = auto()
    """Its root is nobody's that we trust."""
    FOR_MAIL = auto()
    """Its certificate is good, and for something else."""
    TAMPERED = auto()
    """The time in its answer was changed afterwards."""
    REJECTS = auto()
    GARBAGE = auto()
    EMPTY = auto()
    WEB_PAGE = auto()
    ERROR = auto()
    HANGS = auto()
    HUGE = auto()


def openssl(folder: Path, *words: str) -> bytes:
    """What openssl prints; raises when it fails."""
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make_root(folder: Path, name: str = "root") -> Path:
    """A certificate authority in this folder; its certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in (
        ("settings.cnf", SETTINGS),
        ("index.txt", ""),
        ("serial", "01\n"),
        ("tsa-serial", "01\n"),
    ):
        (folder / file).write_text(content)
    openssl(
        folder,
        *("req", "-x509", *_new_key(name), "-out", f"{name}.pem", "-subj", f"/CN=Invented {name} of stamps"),
        *("-days", "7300", "-config", "settings.cnf", "-extensions", "root"),
    )
    return folder / f"{name}.pem"


def make_signer(
    folder: Path, name: str, *, purpose: str = "stamps", begin: datetime, end: datetime, root: str = "root"
) -> None:
    """A certificate of an authority, valid between these moments, and its key."""
    openssl(
        folder,
        *("req", *_new_key(name), "-out", f"{name}.csr", "-subj", f"/CN=Invented {name}"),
        *("-config", "settings.cnf"),
    )
    openssl(
        folder,
        *("ca", "-batch", "-notext", "-config", "settings.cnf", "-in", f"{name}.csr", "-out", f"{name}.pem"),
        *("-cert", f"{root}.pem", "-keyfile", f"{root}.key", "-extensions", purpose),
        *("-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"),
    )


def _new_key(name: str) -> tuple[str, ...]:
    return (
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", f"{name}.key"),
    )


@dataclass
class TimeAuthority:
    """An authority that behaves as it is told; `asked` are the questions that it was asked."""

    folder: Path
    url: str = ""
    mode: Mode = Mode.GOOD
    asked: list[bytes] = field(default_factory=list)
    released: Event = field(default_factory=Event)
    lock: Any = field(default_factory=threading.Lock)

    @property
    def root(self) -> Path:
        """The certificate that people are to trust."""
        return self.folder / "root.pem"

    def answer(self, question: bytes) -> tuple[int, str, bytes]:
        """Status, media type and body of its answer."""
        self.asked.append(question)
        if self.mode is Mode.HANGS:
            self.released.wait(30)
        if self.mode in {Mode.ERROR, Mode.HANGS}:
            return 500, "text/plain", b"broken"
        if self.mode is Mode.WEB_PAGE:
            return 200, "text/html", b"<html><title>Blocked by your school</title></html>"
        return 200, "application/timestamp-reply", self._body(question)

    def _body(self, question: bytes) -> bytes:
        useless = {Mode.GARBAGE: bytes(range(256)) * 4, Mode.EMPTY: b"", Mode.HUGE: b"0" * 5_000_000}
        if self.mode in useless:
            return useless[self.mode]
        if self.mode is Mode.WRONG_NONCE:
            question = _with_byte_changed(question, len(question) - NONCE_FROM_END)
        if self.mode is Mode.WRONG_HASH:
            question = _with_byte_changed(question, question.index(b"\x04\x20") + 2)
        signer = str(self.mode) if self.mode in {Mode.EXPIRED, Mode.UNKNOWN} else "signer"
        answer = self.stamp(question, signer, "tsa_sha512_only" if self.mode is Mode.REJECTS else "tsa")
        if self.mode is Mode.TAMPERED:
            return _with_byte_changed(answer, answer.index(b"\x18\x0f20") + SECONDS)
        return self._resigned(answer) if self.mode is Mode.FOR_MAIL else answer

    def stamp(self, question: bytes, signer: str = "signer", section: str = "tsa") -> bytes:
        """What openssl answers to a question."""
        with self.lock:
            (self.folder / "question.tsq").write_bytes(question)
            chain = "stranger.pem" if signer == Mode.UNKNOWN else "root.pem"
            openssl(
                self.folder,
                *("ts", "-reply", "-config", "settings.cnf", "-section", section),
                *("-queryfile", "question.tsq", "-signer", f"{signer}.pem", "-inkey", f"{signer}.key"),
                *("-chain", chain, "-out", "answer.tsr"),
            )
            return (self.folder / "answer.tsr").read_bytes()

    def _resigned(self, good: bytes) -> bytes:
        """The same words, signed with a certificate for mail, which openssl's authority refuses."""
        time_stamp = "1.2.840.113549.1.9.16.1.4"
        with self.lock:
            (self.folder / "good.tsr").write_bytes(good)
            for step in (
                "ts -reply -in good.tsr -token_out -out good.token",
                "cms -verify -noverify -inform DER -in good.token -out words.der",
                f"cms -sign -binary -nodetach -outform DER -econtent_type {time_stamp} -md sha256 "
                "-signer for_mail.pem -inkey for_mail.key -certfile root.pem -in words.der -out mail.token",
                "ts -reply -in mail.token -token_in -out mail.tsr",
            ):
                openssl(self.folder, *step.split())
            return (self.folder / "mail.tsr").read_bytes()


def _with_byte_changed(der: bytes, place: int) -> bytes:
    return der[:place] + bytes((der[place] ^ 1,)) + der[place + 1 :]


def make_authority(folder: Path) -> TimeAuthority:
    """An authority with certificates of every kind, which nobody can ask yet."""
    now = datetime.now(UTC)
    make_root(folder)
    make_root(folder, "stranger")
    make_signer(folder, "signer", begin=now - YEAR, end=now + YEAR)
    make_signer(folder, "expired", begin=now - 2 * YEAR, end=now - YEAR)
    make_signer(folder, "for_mail", purpose="mail", begin=now - YEAR, end=now + YEAR)
    make_signer(folder, "unknown", begin=now - YEAR, end=now + YEAR, root="stranger")
    return TimeAuthority(folder)


@contextmanager
def serve(authority: TimeAuthority) -> Iterator[TimeAuthority]:
    """The authority behind a server on loopback."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-type"] == "application/timestamp-query"
            status, media_type, body = authority.answer(question)
            try:
                self.send_response(status)
                self.send_header("content-type", media_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # whoever asked had enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/tsr"
    try:
        yield authority
    finally:
        authority.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
