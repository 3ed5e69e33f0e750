"""What really arrives at a mail server, at each level of detail."""

from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from examples import CONTACTS, DSL, LONDON, MORNING, PLAYS, SCHOOLS, alert, locked, source

from monitor.mail.digests import NEVER_WATCHED, compose
from monitor.mail.items import Detail, Showing
from monitor.mail.letters import Envelope, write_digest, write_urgent
from monitor.mail.mailer import Mailer, Security
from monitor.mail.urgent import compose_urgent

WORDS = "marmalade zebra said this of Tarquella Brightwater"
BULLYING = alert(
    1042, urls=("https://social.example/@somebody/posts/1042",), why=(f"The words: {WORDS}",), urgent=True
)
LOCKED = locked(
    1050, urls=("https://secret.example/1050",), source="Quiet corner", why=(f"The words: {WORDS}",)
)
TEXTS = {1042: WORDS, 1050: WORDS}
ENVELOPE = Envelope(sender="monitor@x.example", to=DSL.email, message_id="<1@x.example>", at=MORNING)
HOW = Showing(at=MORNING, zone=LONDON, detail=Detail.LINK, school_names=SCHOOLS, plays=PLAYS, texts=TEXTS)


def digest(detail: Detail) -> bytes:
    """A digest with an ordinary and a locked alert."""
    composed = compose(
        DSL,
        at=MORNING,
        since=None,
        zone=LONDON,
        detail=detail,
        school_names=SCHOOLS,
        plays=PLAYS,
        new=[BULLYING, LOCKED],
        still_open=[],
        baseline_found=[],
        captures={},
        texts=TEXTS,
        coverage=[source()],
        never_watched=NEVER_WATCHED,
        by="rules 2026.1 only",
        settings_changes=[],
        looser=[],
        troubles=[],
        warnings=[],
    )
    return write_digest(composed, ENVELOPE)


def urgent(detail: Detail) -> bytes:
    """An urgent notice of the same alerts."""
    return write_urgent(compose_urgent([BULLYING, LOCKED], CONTACTS, replace(HOW, detail=detail)), ENVELOPE)


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("write", [digest, urgent])
def test_each_level_of_detail_arrives_with_what_it_may_say_and_no_more(
    serve: Callable[..., int], postman: Any, write: Callable[[Detail], bytes], detail: Detail
) -> None:
    mailer = Mailer(host="localhost", port=serve(), sender="monitor@x.example", security=Security.NONE)

    mailer.send(write(detail), DSL.email)

    [taken] = postman.letters
    arrived = message_from_bytes(taken.content, _class=EmailMessage, policy=default)
    parts = [part.get_content() for part in arrived.walk() if not part.is_multipart()]
    everything = "\n".join([str(arrived.items()), *parts])
    assert "A-1042" in everything
    assert "A-1050" in everything
    assert ("marmalade zebra" in everything) is (detail is Detail.EXCERPT)
    assert ("https://social.example/@somebody/posts/1042" in everything) is (detail is not Detail.MINIMAL)
    assert "secret.example" not in everything
    assert "Quiet corner" not in everything
    for bare in ("<img", "<script", "javascript:", "src=", "url("):
        assert bare not in everything
