"""Delivering: hand finished messages to the mail server until it takes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from monitor.clocks import mail_retry
from monitor.mail.mailer import MailDelayed, MailRefused
from monitor.notices import Notice
from monitor.store.store import Store

LEASE = timedelta(minutes=3)


class Post(Protocol):
    """Whatever takes a finished message: a mail server, or a folder where there is none."""

    def send(self, message: bytes, to: str) -> None:
        """Hand it over; raises MailDelayed or MailRefused when it is not taken."""

    def greet(self) -> Iterator[str]:
        """Reach the server without any message, and tell each step in plain words."""

    def probe(self, message: bytes, to: str) -> Iterator[str]:
        """Hand it over and tell each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Sends what is written; a message is marked as sent only after it was taken."""

    store: Store
    post: Post
    now: Callable[[], datetime]
    worker: str

    def run(self) -> Notice | None:
        """Try the most urgent message that is due; None when there is none."""
        at = self.now()
        notice = self.store.notices.claim(self.worker, at, at + LEASE)
        if notice is None:
            return None
        try:
            self.post.send(notice.message, notice.recipient)
        except (MailDelayed, MailRefused) as error:
            # A refusal is retried too: a person mends it in the mail system, and giving up would lose it.
            self.store.notices.failed(notice.id, str(error), self.now() + mail_retry(notice.attempts + 1))
        else:
            self.store.notices.sent(notice.id, self.now())
        return notice
