"""Finished letters: the bytes that go out, the same for the same letter however often they are made."""

import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from monitor.mail.digests import Digest
from monitor.mail.urgent import Urgent
from monitor.mail.wording import listed, plain, sentence

_WIDTH = 76
_LONGEST_SUBJECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who writes to whom, under which Message-ID (`<...@...>`), when."""

    sender: str
    to: str
    message_id: str
    at: datetime


def write_digest(digest: Digest, envelope: Envelope) -> bytes:
    """The daily digest as a finished message."""
    return _write("digest", digest.subject, envelope, digest=digest)


def write_urgent(urgent: Urgent, envelope: Envelope) -> bytes:
    """An urgent notice as a finished message."""
    return _write("urgent", urgent.subject, envelope, urgent=urgent, urgently=True)


def write_operational(subject: str, paragraphs: Sequence[str], envelope: Envelope) -> bytes:
    """A letter to whoever looks after the server: the configuration is broken, the worker is in trouble."""
    said = tuple(plain(line, 2_000) for paragraph in paragraphs for line in paragraph.splitlines())
    named = f"School monitoring - {subject}"
    return _write("operational", named, envelope, title=plain(subject), paragraphs=said)


def write_bare(title: str, paragraphs: Sequence[str], envelope: Envelope, *, urgently: bool) -> bytes:
    """What must reach somebody although the letter about it could not be composed; `title` is the subject."""
    return _write(
        "operational", title, envelope, urgently=urgently, title=title, paragraphs=tuple(paragraphs)
    )


def write_test(envelope: Envelope) -> bytes:
    """A letter that shows that mail arrives."""
    said = (
        "This is a test. It shows that the school monitoring server can reach you by mail.",
        "You need do nothing. If you had to look for this letter among junk mail, mark its sender as "
        "known, or an urgent notice may be lost there.",
    )
    subject = "School monitoring - test, nothing has happened"
    return _write("operational", subject, envelope, title="A test letter", paragraphs=said)


def read_text(letter: bytes) -> str:
    """The subject and the text of a finished message, for a terminal."""
    message = message_from_bytes(letter, _class=EmailMessage, policy=SMTP)
    body = message.get_body(("plain",))
    text = body.get_content().replace("\r\n", "\n") if body else ""
    return f"Subject: {message['Subject']}\n\n{text}"


def _write(
    template: str, subject: str, envelope: Envelope, *, urgently: bool = False, **shown: object
) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Date"] = format_datetime(envelope.at)
    message["From"] = plain(envelope.sender)
    message["To"] = plain(envelope.to)
    message["Subject"] = plain(subject, _LONGEST_SUBJECT)
    message["Message-ID"] = plain(envelope.message_id)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if urgently:
        message["Importance"] = "high"
        message["X-Priority"] = "1"
    # Quoted-printable throughout: no server has to know 8BITMIME, and no line is ever too long.
    message.set_content(_render(f"{template}.txt", shown), cte="quoted-printable")
    message.add_alternative(_render(f"{template}.html", shown), subtype="html", cte="quoted-printable")
    # `=_` cannot occur in quoted-printable, so this boundary never meets itself in the content.
    message.set_boundary(f"=_{hashlib.sha256(envelope.message_id.encode()).hexdigest()[:32]}")
    return message.as_bytes()


def _render(template: str, shown: dict[str, object]) -> str:
    return _TEMPLATES.get_template(template).render(shown)


def _wrapped(text: str, indent: int = 0, first: int | None = None) -> str:
    return textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent=" " * (indent if first is None else first),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor.mail"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrapped"] = _wrapped
    environment.filters["listed"] = listed
    environment.filters["sentence"] = sentence
    return environment


_TEMPLATES = _templates()
