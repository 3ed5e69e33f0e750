"""A folder that takes messages where no mail server is set up."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path

from monitor.mail.mailer import MailDelayed

_NOT_FOR_NAMES = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Outbox:
    """Writes each message as an `.eml` file, with its `.html` beside; nothing is ever overwritten."""

    folder: Path

    def send(self, message: bytes, to: str) -> None:
        """Keep the message; the same one again changes nothing.

        Raises MailDelayed when the disk does not take it.
        """
        for _ in self.probe(message, to):
            pass

    def greet(self) -> Iterator[str]:
        """Say that there is nothing to reach."""
        yield f"No mail server is set up: messages are put into {self.folder}"

    def probe(self, message: bytes, to: str) -> Iterator[str]:
        """Keep the message and say where it lies."""
        read = message_from_bytes(message, _class=EmailMessage, policy=default)
        path = self.folder / f"{_name(read)}.eml"
        html = read.get_body(("html",))
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_once(path, message)
            if html is not None:
                _write_once(path.with_suffix(".html"), html.get_content().encode())
        except OSError as error:
            raise MailDelayed(f"{path} could not be written: {error.strerror or error}") from error
        yield f"No mail server is set up; the message for {to} lies in {path}"


def _name(message: EmailMessage) -> str:
    """When it was written, and its Message-ID: one file per message, in order of time."""
    at = parsedate_to_datetime(message["Date"])
    return f"{at:%Y-%m-%d-%H%M%S}-{_NOT_FOR_NAMES.sub('-', message['Message-ID']).strip('-')[:150]}"


def _write_once(path: Path, content: bytes) -> None:
    # Linked into place when whole: a kill leaves no half of a message under its final name.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(part, path)
    part.unlink()
