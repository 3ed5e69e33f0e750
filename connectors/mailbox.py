"""A mailbox of the school to which alerts and newsletters come, and to which staff forward what they saw.

IMAP4rev1 (RFC 3501) over TLS, by the standard library's imaplib: EXAMINE, FETCH with BODY.PEEK, nothing else
after signing in, so nothing is marked, moved or deleted. The shape of a Google Alert was not checked on the
live service: an entry is found by the redirect that its link leads through, whatever stands round it.
"""

import codecs
import hashlib
import imaplib
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import certifi
import httpx
from lxml import etree
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.received import words_as_received
from connectors.text import (
    LONGEST,
    clean,
    clean_link,
    one_line,
    parse_html,
    read_element,
    read_html,
    read_text,
    when,
)

MOST_MAILS = 100
"""The most mails that are read at once; the rest follows a minute later."""
MOST_BYTES = 50_000_000
"""The most bytes of mail that are read at once."""
LARGEST = 10_000_000
"""The most bytes that are read of one mail."""
SECONDS = 120.0
"""How long one reading of the mailbox may take in all."""
_PATIENCE = 30.0
_ENCRYPTED = 993
_LONGEST_LINE = 1_000_000
_MOST_TRAFFIC = 100_000_000
_MOST_ENTRIES = 500
_MOST_TEXT = 1_500_000
_LONGEST_HEAD = 250_000
_MOST_LINES = 300_000
_MOST_LINES_NESTED = 3_000_000
_MOST_BOUNDARIES = 3_000
_MOST_PARTS = 500
_MOST_NESTED = 60
_DEEPEST = 20
_HIGHEST = 12
_LONGEST_HEADER = 5_000
_LONGEST_ID = 400
_LONGEST_NAME = 500
_HEADS = ("From", "Date", "Subject", "Message-ID")
_GOOGLE = "googlealerts-noreply@google.com"
_CHARSETS_OF_PROGRAMS = frozenset(["punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined"])
_LATIN = frozenset(["ascii", "iso8859-1"])
# Reading what a type says of itself costs the square of its length; each container costs every line below it.
_TYPES = re.compile(rb"(?:\A|[\r\n])content-type:[^\r\n]*(?:[\r\n]{1,2}[ \t][^\r\n]*)*", re.I)
_HEAD_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_QUOTED = re.compile(r"^(?:> ?)+", re.M)
_BLOCK = re.compile(r"\n[ \t]*\n")
_ANGLES = re.compile(r"<(https?://[^<>\s]{1,4000})>")
_MANAGES = re.compile(
    r"unsub|subscri|opt-?(?:in|out)|preferen|settings|manag|confirm|verif|activat|log-?in|sign-?in|account"
    r"|password|token|track|click|redirect|\b(?:ls|wf|ctc?|go|r|u|e)/",
    re.I,
)
_NAMED = re.compile(r"<([^<>\s]{1,400})>")
_ADDRESS = re.compile(r"<([^<>\s]{1,320})>\s*$")
_CODE = re.compile(rb"\[([A-Z]+)")
_LATER = frozenset([b"UNAVAILABLE", b"INUSE", b"LIMIT", b"SERVERBUG", b"OVERQUOTA"])
_UID = re.compile(rb"\bUID (\d{1,10})\b", re.I)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,19})\b", re.I)
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"', re.I)


def _server(written: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", written):
        raise ValueError("write the name of a server alone, such as imap.school.example")
    return written.lower()


def _one_line(written: str) -> str:
    if not written.isprintable():
        raise ValueError("it has signs that cannot be seen; write it again")
    return written


def _secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,10000}", secret.get_secret_value()):
        raise ValueError("it is empty or has signs that no password has; copy it again")
    return secret


def _beside(path: Path | None, info: ValidationInfo) -> Path | None:
    """A relative path starts at the folder of the configuration file."""
    folder = (info.context or {}).get("folder")
    return path if folder is None or path is None else Path(folder) / path


class _Cursor(BaseModel):
    """Which mailbox it is, and how far it is read.

    Read is every mail up to the UID `top`, but not yet those below `below` (0: there are none left).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    where: str = ""
    validity: int = Field(default=0, ge=0)
    top: int = Field(default=0, ge=0)
    below: int = Field(default=0, ge=0)


class Mailbox(Connector):
    """Mails of one folder: each entry of a Google Alert, and each other mail, becomes a post."""

    platform: Literal["mailbox"]
    server: Annotated[
        str,
        Field(description="The mail server's name (IMAP over TLS).", examples=["imap.school.example"]),
        AfterValidator(_server),
    ]
    port: Annotated[int, Field(ge=1, le=65_535, description="Its port; TLS from the first byte.")] = (
        _ENCRYPTED
    )
    user: Annotated[
        str,
        Field(min_length=1, max_length=320, description="The mailbox's account: one made for this alone."),
        AfterValidator(_one_line),
    ]
    password: Annotated[
        SecretStr | None,
        AfterValidator(_secret),
        Field(description="That account's password; by ${…} only."),
    ] = None
    token: Annotated[
        SecretStr | None,
        AfterValidator(_secret),
        Field(
            description="Instead of a password, an OAuth access token (XOAUTH2) that something else keeps "
            "fresh; by ${…} only."
        ),
    ] = None
    folder: Annotated[
        str,
        Field(min_length=1, max_length=500, description="The folder that is read."),
        AfterValidator(_one_line),
    ] = "INBOX"
    ca_bundle: Annotated[
        Path | None,
        AfterValidator(_beside),
        Field(
            description="A PEM file with the authority that signed the mail server's certificate, where it "
            "is the school's own."
        ),
    ] = None

    @model_validator(mode="after")
    def _signs_in(self) -> "Mailbox":
        if (self.password is None) == (self.token is None):
            raise ValueError("give 'password' or 'token', one of them")
        return self

    @property
    def host(self) -> str:
        """The mail server's name, with its port where it is not the usual one."""
        return self.server if self.port == _ENCRYPTED else f"{self.server}:{self.port}"

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:  # noqa: ARG002  # it is no web site
        """Read some of the mails that came since the last time, then some of the older ones, newest first."""
        before, done = _cursor(cursor), _Round(self.official is not None)
        with _in_plain_words(self), _connected(self) as imap:
            _sign_in(imap, self)
            folder = _examined(imap, self)
            done.begin(before, f"{self.user} {self.host} {self.folder}", folder)
            try:
                done.read(folder)
            except (imaplib.IMAP4.error, OSError, ValueError, LookupError):
                # What was read is kept, so that a slow server is read in the end, too.
                if not done.mails:
                    raise
                done.broken = True
        return done.batch(self.host)


class _Imap(imaplib.IMAP4):
    """A client on an encrypted line that takes only so much, and only for so long."""

    def __init__(self, source: Mailbox, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._until = time.monotonic() + SECONDS
        self._left = _MOST_TRAFFIC
        self._held = bytearray()
        super().__init__(source.server, source.port, timeout=_PATIENCE / 3)

    def open(self, host: str = "", port: int = _ENCRYPTED, timeout: float | None = None) -> None:
        """Connect, and encrypt."""
        self.host, self.port = host, port
        try:
            plain = socket.create_connection((host, port), timeout)
        except socket.gaierror:
            raise
        except OSError as error:
            raise Unavailable(
                f"{host} could not be reached at port {port}. If other sources are read, it is that server "
                "that is down, or a firewall here lets no mail be read.",
                State.OUR_NETWORK_DOWN,
            ) from error
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; raises abort where they are too many, or do not come."""
        if size > LARGEST + _LONGEST_LINE:
            raise self.abort("it sends more than was asked for")
        while len(self._held) < size:
            self._take()
        return self._given(size)

    def readline(self) -> bytes:
        """One line with its end; raises abort where it is too long, or does not come."""
        looked = 0
        while (end := self._held.find(b"\n", looked)) < 0:
            looked = len(self._held)
            if looked > _LONGEST_LINE:
                raise self.abort("it sends a line without end")
            self._take()
        return self._given(end + 1)

    def shutdown(self) -> None:
        """Hang up."""
        self.sock.close()

    def _take(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mailbox came too slowly")
        self.sock.settimeout(min(left, _PATIENCE))
        chunk = self.sock.recv(1 << 16)
        self._left -= len(chunk)
        if not chunk or self._left < 0:
            raise self.abort("it hung up" if self._left >= 0 else "it sends more than was asked for")
        self._held += chunk

    def _given(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


@contextmanager
def _connected(source: Mailbox) -> Iterator[_Imap]:
    imap = _Imap(source, _trust(source))
    try:
        yield imap
        with suppress(imaplib.IMAP4.error, OSError):
            imap.logout()
    finally:
        with suppress(OSError):
            imap.shutdown()


def _trust(source: Mailbox) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if source.ca_bundle is not None:
        try:
            context.load_verify_locations(source.ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise Refused(
                f"The certificates in {source.ca_bundle} could not be read. Correct ca_bundle.", State.BLOCKED
            ) from error
        # From Python 3.13 on, strict checking refuses the certificates that many schools make for themselves.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _sign_in(imap: _Imap, source: Mailbox) -> None:
    """Sign in by the way that the server offers; no secret is ever in what is raised."""
    try:
        if source.token is not None:
            said = f"user={source.user}\x01auth=Bearer {source.token.get_secret_value()}\x01\x01"
            # The server explains a refusal in a challenge, and gives its verdict only after an empty answer.
            answers = iter([said.encode()])
            imap.authenticate("XOAUTH2", lambda _: next(answers, b""))
        elif source.password is not None:
            _give_password(imap, source.user, source.password.get_secret_value())
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if _may_come_later(str(error).encode()):
            raise Unavailable(
                f"{source.host} lets nobody sign in just now. We will try again.", State.BEHIND
            ) from None
        what = "password" if source.token is None else "token"
        raise Refused(
            f"{source.host} did not let us sign in as {source.user}. Check the user and the {what}, and "
            f"whether the account may use IMAP{' with a password' if source.token is None else ''}.",
            State.AUTH_EXPIRED,
        ) from None


def _give_password(imap: _Imap, user: str, password: str) -> None:
    if "AUTH=PLAIN" in imap.capabilities:
        imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        return
    if "LOGINDISABLED" in imap.capabilities or not (user + password).isascii():
        raise imaplib.IMAP4.error("no way in")
    # imaplib quotes the password, but not the name.
    imap.login(_quoted(user), password)


def _examined(imap: _Imap, source: Mailbox) -> "_Folder":
    """The folder, opened for reading only."""
    answered, said = imap.select(_quoted(_utf7(source.folder)), readonly=True)
    if answered != "OK":
        if _may_come_later(said[0] or b""):
            raise Unavailable(
                f"{source.host} cannot open the folder just now. We will try again.", State.BEHIND
            )
        raise Refused(
            f"The mailbox of {source.user} has no folder {source.folder} that may be read. Correct "
            "folder; one inside another is written as Outer/Inner or Outer.Inner, as the server has it.",
            State.BLOCKED,
        )
    validity = imap.response("UIDVALIDITY")[1]
    return _Folder(imap, int(said[0] or 0), int(validity[0] or 0) if validity else 0)


def _may_come_later(said: bytes) -> bool:
    return any(code in _LATER for code in _CODE.findall(said))


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _utf7(name: str) -> str:
    """A folder's name as IMAP writes it: modified UTF-7."""

    def shifted(found: re.Match[str]) -> str:
        return "&" + b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    return re.sub(r"[^ -~]+", shifted, name.replace("&", "&-"))


@dataclass(frozen=True, slots=True)
class _Listed:
    """One mail as the folder lists it; `arrived` is the server's word on when."""

    uid: int
    size: int
    arrived: datetime | None


@dataclass(frozen=True, slots=True)
class _Folder:
    """An open folder. Its mails stand in the order of their UIDs, and keep their places for a while."""

    imap: _Imap
    count: int
    validity: int

    def up_to(self, uid: int) -> int:
        """How many mails have this UID or a lower one: their UIDs are halved, and not all asked for."""
        low, high = 0, self.count
        if not high or self._uid(high) <= uid:
            return high
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._uid(middle) <= uid else (low, middle - 1)
        return low

    def listed(self, first: int, last: int) -> list[_Listed]:
        """The mails at these places, by their UIDs."""
        if first > last:
            return []
        answered = self._ask(self.imap.fetch(f"{first}:{last}", "(UID RFC822.SIZE INTERNALDATE)"))
        found = {mail.uid: mail for mail in _all_listed(answered, range(first, last + 1))}
        return sorted(found.values(), key=lambda mail: mail.uid)

    def mail(self, uid: int) -> bytes | None:
        """The beginning of a mail; None where the server does not give it."""
        answered, items = self.imap.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{LARGEST}>)")
        whole = next((item[1] for item in items if isinstance(item, tuple)), b"")
        return whole[:LARGEST] if answered == "OK" and whole else None

    def top(self) -> int:
        """The highest UID, 0 in an empty folder."""
        return self._uid(self.count) if self.count else 0

    def _uid(self, place: int) -> int:
        for item in self._ask(self.imap.fetch(str(place), "(UID)")):
            if isinstance(item, bytes) and item.startswith(b"%d " % place) and (found := _UID.search(item)):
                return int(found[1])
        raise self.imap.error("a mail has no UID")

    def _ask(self, answer: tuple[str, list[Any]]) -> list[Any]:
        if answer[0] != "OK":
            raise self.imap.error("the folder was not listed")
        return answer[1]


def _all_listed(answered: Iterable[object], places: Container[int]) -> Iterator[_Listed]:
    """What was asked for; a server may tell of other mails, too, as their flags change."""
    for item in answered:
        whole = item if isinstance(item, bytes) else b""
        uid, size, arrived = _UID.search(whole), _SIZE.search(whole), _ARRIVED.search(whole)
        place = whole.partition(b" ")[0]
        if uid and size and place.isdigit() and int(place[:12]) in places:
            yield _Listed(int(uid[1]), int(size[1]), when(arrived[1].decode("latin-1")) if arrived else None)


@dataclass(slots=True)
class _Round:
    """What one fetch has read so far, and where the next one goes on."""

    official: bool
    place: _Cursor = field(default_factory=_Cursor)
    posts: dict[str, Post] = field(default_factory=dict)
    room: int = field(default_factory=lambda: MOST_BYTES)
    mails: int = 0
    cut: int = 0
    unread: int = 0
    renumbered: bool = False
    broken: bool = False
    left: bool = True

    def begin(self, before: _Cursor, where: str, folder: _Folder) -> None:
        """Go on from the last time, or begin with the newest mail where this folder was never read."""
        self.renumbered = before.where == where and before.validity != folder.validity
        self.place = before
        if before.where != where or self.renumbered:
            top = folder.top()
            self.place = _Cursor(where=where, validity=folder.validity, top=top, below=top + 1)

    def read(self, folder: _Folder) -> None:
        """First what is new, from the oldest on; then what was never read, from the newest back."""
        known = folder.up_to(self.place.top)
        last = min(folder.count, known + MOST_MAILS)
        is_new_read = self._take(folder, known + 1, last) and last == folder.count
        if is_new_read and self.place.below:
            end = folder.up_to(self.place.below - 1)
            first = max(end - (MOST_MAILS - (last - known)) + 1, 1)
            if self._take(folder, first, end, back=True) and first == 1:
                self.place = self.place.model_copy(update={"below": 0})
        self.left = not is_new_read or self.place.below > 0

    def _take(self, folder: _Folder, first: int, last: int, *, back: bool = False) -> bool:
        """Read the mails at these places while there is room for them; gives whether there was."""
        listed = folder.listed(first, last)
        self.unread += last - first + 1 - len(listed)
        for mail in reversed(listed) if back else listed:
            if self.room <= 0:
                return False
            self.room -= min(mail.size, LARGEST)
            self._add(mail, folder.mail(mail.uid))
            self.place = self.place.model_copy(update={"below" if back else "top": mail.uid})
            self.mails += 1
        return True

    def _add(self, mail: _Listed, raw: bytes | None) -> None:
        found = [] if raw is None else _posts(raw, mail.arrived)
        self.cut += mail.size > LARGEST
        self.unread += not found
        for post in found:
            channel = Channel.OFFICIAL_ACCOUNT if self.official else Channel.PUBLIC_MENTION
            self.posts[post.id] = _joined(self.posts.get(post.id), replace(post, channel=channel))

    def batch(self, host: str) -> Batch:
        """All of it, with what a person should know."""
        said = {
            "The server has numbered its mails anew, so all of them are read again.": self.renumbered,
            f"{host} broke off; what came until then was read.": self.broken,
            f"Too large to be read whole: {self.cut} mails (more than {LARGEST / 1e6:g} MB).": self.cut,
            f"Not readable: {self.unread} mails. Look at the newest ones in the mailbox.": self.unread,
            "There are more mails than are read at once; the rest is read next time.": self.left,
        }
        return Batch(
            posts=tuple(self.posts.values()),
            cursor=self.place.model_dump_json(),
            complete=not self.left,
            state=State.PARSE_ERROR if self.unread else State.BEHIND if self.left else State.OK,
            reason=" ".join(sentence for sentence, is_so in said.items() if is_so),
        )


def _joined(before: Post | None, post: Post) -> Post:
    """Two alerts may show other words of the same article: all of them are judged."""
    if before is None or post.body in before.body:
        return before or post
    return replace(before, text=f"{before.text}\n\n{post.body}"[:LONGEST])


@dataclass(slots=True)
class _Letter:
    """What is in one mail, and in the mails that it forwards."""

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    entries: list[Post] = field(default_factory=list)
    has_media: bool = False
    parts: int = 0

    def add_text(self, text: str, links: Iterable[str] = ()) -> None:
        if text:
            self.texts.append(text)
        self.links += links


def _posts(raw: bytes, arrived: datetime | None) -> list[Post]:
    """The posts of one mail; none where it says nothing at all."""
    letter, head = _Letter(), _HEAD_END.search(raw, 0, _LONGEST_HEAD)
    raw = raw if head else raw[:_LONGEST_HEAD]
    try:
        message = message_from_bytes(raw) if _is_tame(raw) else _untouched(raw)
        _open(message, letter, arrived, 0)
    except RecursionError:
        message, letter = _untouched(raw), _Letter()
        _open(message, letter, arrived, 0)
    own = _own_post(message, raw, letter, arrived)
    posts = letter.entries + ([own] if own is not None else [])
    return [replace(post, answer=_as_mail(message, post)) for post in posts]


def _as_mail(message: Message, post: Post) -> str:
    """The post's part of a mail, under the heads that say whence and when that came."""
    said = {name: " ".join(clean(_header(message, name.lower())).split()) for name in _HEADS}
    heads = [f"{name}: {words}" for name, words in said.items() if words]
    return words_as_received("\n".join([*heads, "", post.body, *post.links[:1]]))


def _untouched(raw: bytes) -> Message:
    """A mail as one plain text, however it says that it is made."""
    message = BytesHeaderParser().parsebytes(raw)
    del message["content-type"]
    return message


def _is_tame(raw: bytes) -> bool:
    """Whether taking a mail apart costs no more than any honest one."""
    types = [found[0] for found in _TYPES.finditer(raw)]
    nested = sum(b"multipart" in each.lower() or b"message" in each.lower() for each in types)
    lines = raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
    return (
        max(map(len, types), default=0) <= _LONGEST_HEADER
        and nested <= _MOST_NESTED
        and lines <= _MOST_LINES
        and lines * nested <= _MOST_LINES_NESTED
        and raw.count(b"\n--") + raw.count(b"\r--") <= _MOST_BOUNDARIES
    )


def _open(message: Message, letter: _Letter, arrived: datetime | None, depth: int) -> None:
    """Take one mail apart: an alert of Google into its entries, any other into its texts."""
    if _sender(message)[1].lower() == _GOOGLE:
        entries = _entries(message, _written_at(message, arrived))
        letter.entries += entries
        if entries:
            return
    if depth:
        letter.add_text(_subject(message))
        letter.add_text(_author(message) or "")
    _gather(message, letter, arrived, depth)


def _gather(part: Message, letter: _Letter, arrived: datetime | None, depth: int) -> None:
    letter.parts += 1
    if depth > _DEEPEST or letter.parts > _MOST_PARTS:
        letter.add_text("(More is nested in this mail than is read.)")
        return
    kind, inner = part.get_content_type(), part.get_payload()
    inside = [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []
    if kind == "message/rfc822":
        for message in inside:
            _open(message, letter, arrived, depth + 1)
    elif kind == "multipart/alternative":
        _gather_best(inside, letter, arrived, depth + 1)
    elif inside:
        for each in inside:
            _gather(each, letter, arrived, depth + 1)
    elif part.get_content_maintype() in {"image", "video", "audio"}:
        letter.has_media = True
    elif not _is_attached(part):
        _read_text(part, kind, letter)


def _gather_best(inside: list[Message], letter: _Letter, arrived: datetime | None, depth: int) -> None:
    """Of several forms of the same, the last that says something: it is the one that people see."""
    said = len(letter.texts) + len(letter.entries)
    for each in reversed(inside):
        _gather(each, letter, arrived, depth)
        if len(letter.texts) + len(letter.entries) > said:
            return


def _read_text(part: Message, kind: str, letter: _Letter) -> None:
    if kind == "text/html":
        written = read_html(_decoded(part))
        letter.has_media = letter.has_media or written.has_media
        letter.add_text(written.text, written.links)
    elif kind == "text/plain" or kind.startswith("multipart/"):
        written = read_text(_QUOTED.sub("", _decoded(part).replace("\r\n", "\n")))
        letter.add_text(written.text, written.links)


def _is_attached(part: Message) -> bool:
    return str(part.get("content-disposition", "")).partition(";")[0].strip().lower() == "attachment"


def _own_post(message: Message, raw: bytes, letter: _Letter, arrived: datetime | None) -> Post | None:
    """The mail itself as one post; None where its entries are all that it says, or where it says nothing."""
    title, text = _subject(message), "\n\n".join(letter.texts)[:LONGEST]
    if not text and (letter.entries or not (title or letter.has_media)):
        return None
    named = _message_id(_header(message, "message-id"))
    digest = hashlib.sha256(_HEAD_END.split(raw, maxsplit=1)[-1]).hexdigest()[:16]
    links = tuple(dict.fromkeys(letter.links))[:_MOST_ENTRIES]
    earlier = _message_id(_header(message, "references")) or _message_id(_header(message, "in-reply-to"))
    return Post(
        platform="mailbox",
        # Whoever writes a mail chooses its name: another text under the same name must not replace it.
        id=f"{named} {digest}".strip(),
        url=next(filter(_is_plain, links), f"mid:{quote(named or digest)}"),
        title=title,
        text=text,
        author=_author(message),
        posted_at=_written_at(message, arrived),
        thread=earlier or named or None,
        links=links,
        has_media=letter.has_media,
    )


def _is_plain(link: str) -> bool:
    """Whether a link may be a post's address, which is opened later: not one that could act for its reader.

    Such are made for one reader (to confirm, to unsubscribe, to count clicks), with a query or in words.
    """
    parts = urlsplit(link)
    return len(parts.path) > 1 and not parts.query and not _MANAGES.search(f"{parts.hostname}/{parts.path}")


def _entries(message: Message, at: datetime | None) -> list[Post]:
    """Each article that an alert of Google names; none where it has another shape."""
    parts = {part.get_content_type(): part for part in reversed(list(message.walk()))}
    html = parts.get("text/html")
    found = list(_of_html(_decoded(html), at)) if html is not None else []
    if not found and "text/plain" in parts:
        found = list(_of_text(_decoded(parts["text/plain"]), at))
    return found


def _of_html(html: str, at: datetime | None) -> Iterator[Post]:
    root = parse_html(html)
    anchors = [] if root is None else list(root.iter("a"))
    articles = {anchor: link for anchor in anchors if (link := _article(anchor.get("href") or ""))}
    titles: dict[str, etree._Element] = {}
    for anchor, link in articles.items():
        if link not in titles and len(titles) < _MOST_ENTRIES and read_element(anchor).text:
            titles[link] = anchor
    for link, title in titles.items():
        box = _box(title, articles)
        publishers = [each for each in box.iter(etree.Element) if each.get("itemprop") == "publisher"]
        # To share an article, to flag it, to change the alert.
        buttons = [each for each in box.iter("a") if _is_google(each.get("href") or "")]
        yield _entry(
            link,
            read_element(title).text,
            read_element(box, apart={title, *publishers, *buttons}).text,
            one_line(" ".join(read_element(each).text for each in publishers)),
            at,
        )


def _box(title: etree._Element, articles: Mapping[etree._Element, str]) -> etree._Element:
    """All that stands round one title, as far as no other article's link stands there too."""
    box, link = title, articles[title]
    for _ in range(_HIGHEST):
        outer = box.getparent()
        is_whole = outer is None or "/Article" in (box.get("itemtype") or "")
        if is_whole or any(articles.get(each, link) != link for each in outer.iter("a")):
            break
        box = outer
    return box


def _of_text(text: str, at: datetime | None) -> Iterator[Post]:
    """The same from the plain form: blocks of a title, its publisher, some words and the link in angles."""
    for block in _BLOCK.split(text.replace("\r\n", "\n"))[: 4 * _MOST_ENTRIES]:
        links = [link for link in map(_article, _ANGLES.findall(block)) if link]
        lines = [line for line in clean(_ANGLES.sub("", block)).split("\n") if line]
        if links and lines:
            yield _entry(links[0], lines[0], "\n".join(lines[1:]), "", at)


def _entry(link: str, title: str, text: str, author: str, at: datetime | None) -> Post:
    return Post(
        platform="mailbox",
        id=f"alert {link}"
        if len(link) <= _LONGEST_ID
        else f"alert {hashlib.sha256(link.encode()).hexdigest()}",
        url=link,
        title=one_line(title)[:_LONGEST_NAME],
        text=text,
        author=author[:_LONGEST_NAME] or None,
        posted_at=at,
        links=(link,),
    )


def _article(href: str) -> str:
    """Where a link of an alert leads, without the redirect; empty where it is not that of an article."""
    if not _is_google(href) or urlsplit(href).path != "/url":
        return ""
    link = clean_link(href) or ""
    return "" if _is_google(link) else link


def _is_google(link: str) -> bool:
    try:
        host = urlsplit(link).hostname or ""
    except ValueError:
        return False
    return re.fullmatch(r"(www\.)?google(\.[a-z]{2,3}){1,2}", host) is not None


def _subject(message: Message) -> str:
    return " ".join(clean(_header(message, "subject")).split())[:_LONGEST_NAME]


def _sender(message: Message) -> tuple[str, str]:
    """The name and the address that a mail says it is from; the standard library's way may not come back."""
    written = _header(message, "from")
    found = _ADDRESS.search(written)
    return (written[: found.start()].strip(' \t\r\n"'), found[1]) if found else ("", written.strip())


def _author(message: Message) -> str | None:
    name, address = _sender(message)
    said = clean(f"{name} <{address}>" if name and address else name or address)
    return " ".join(said.split())[:_LONGEST_NAME] or None


def _written_at(message: Message, arrived: datetime | None) -> datetime | None:
    """When it was written, by its author's word; it cannot have been after it arrived."""
    said = when(_header(message, "date"))
    return min((at for at in (said, arrived) if at is not None), default=None)


def _message_id(header: str) -> str:
    found = _NAMED.search(header)
    return clean(found[1]) if found else ""


def _header(message: Message, name: str) -> str:
    """A header as people read it: of any charset, its encoded words read, cut where it is endless."""
    written = next((str(value) for key, value in message.raw_items() if key.lower() == name), "")
    raw = written[:_LONGEST_HEADER].encode("utf-8", "surrogateescape")
    text = _text(raw, "")
    try:
        pieces = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        piece if isinstance(piece, str) else _text(piece, charset or "") for piece, charset in pieces
    )


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        payload = str(part.get_payload()).encode("utf-8", "surrogateescape")
    return _text(payload[:_MOST_TEXT], str(part.get_content_charset() or ""))


def _text(raw: bytes, charset: str) -> str:
    """Bytes as text: in the charset that they claim, where there is such a one; else by how they look."""
    try:
        name = codecs.lookup(charset.strip()).name if charset.strip() else "ascii"
        if name not in _LATIN | _CHARSETS_OF_PROGRAMS:
            return raw.decode(name, "replace")
    except (LookupError, ValueError):
        pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("windows-1252", "replace")


@contextmanager
def _in_plain_words(source: Mailbox) -> Iterator[None]:
    """Say in plain words what went wrong on the way to the mailbox."""
    host = source.host
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(error, host) from error
    except ssl.SSLError as error:
        raise Unavailable(
            f"No safe connection to {host} could be made. Check the server's name, and give the port where "
            f"it speaks TLS from the first byte ({_ENCRYPTED} as a rule).",
            State.BLOCKED,
        ) from error
    except socket.gaierror as error:
        raise Unavailable(
            f"The name {host} could not be looked up: your network is down, or the name is wrong.",
            State.OUR_NETWORK_DOWN,
        ) from error
    except TimeoutError as error:
        raise Unavailable(f"{host} did not answer in time. We will try again.", State.BEHIND) from error
    except OSError as error:
        raise _broken_off(host) from error
    except (imaplib.IMAP4.error, ValueError, LookupError) as error:
        if "* BYE" in str(error):
            raise Unavailable(f"{host} turns us away just now. We will try again.", State.BEHIND) from error
        if isinstance(error, imaplib.IMAP4.abort) and "unexpected" not in str(error):
            raise _broken_off(host) from error
        raise Unavailable(
            f"{host} answered with something that is no mailbox. We will try again; if this stays so, check "
            "the server and the port.",
            State.PARSE_ERROR,
        ) from error


def _broken_off(host: str) -> Unavailable:
    return Unavailable(f"{host} broke off while it answered. We will try again.", State.BEHIND)


def _untrusted(error: ssl.SSLCertVerificationError, host: str) -> Unavailable:
    said = str(error).lower()
    if "expired" in said:
        return Unavailable(f"The certificate of {host} has expired. Tell whoever runs it.", State.BLOCKED)
    if "mismatch" in said or "not valid for" in said:
        return Unavailable(
            f"The certificate of {host} is for another name. Write the server's name as it stands there.",
            State.BLOCKED,
        )
    return Unavailable(
        f"The certificate of {host} is signed by an authority that this server does not know. If it is the "
        "school's own, or that of a filter, put its certificate into ca_bundle.",
        State.OUR_NETWORK_DOWN,
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: the mails are read again, and the store knows them.
        return _Cursor()
