"""`digest` and `mail`: what would be said, and whether it can be sent."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Annotated

import typer

from monitor.app import App, now
from monitor.cli.terminal import DEFAULT_CONFIG, NEEDS_A_PERSON, ConfigPath, clean, opened, say, stop
from monitor.jobs.write import who
from monitor.mail.letters import Envelope, write_digest, write_test
from monitor.mail.mailer import MailDelayed, MailRefused
from monitor.mail.wording import count
from monitor.notices import Recipient


def digest(
    config: ConfigPath = DEFAULT_CONFIG,
    to: Annotated[
        str | None, typer.Option("--to", metavar="ADDRESS", help="Whose digest, by e-mail address.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Write it and hand it to the mail server.")] = False,
    print_it: Annotated[
        bool, typer.Option("--print", help="Show it here; the default unless it is sent.")
    ] = False,
) -> None:
    """Show the digest as it would be now, or send it; without `--to`, that of the first person."""
    with opened(config) as app:
        for person in _readers(app, to):
            if print_it or not send:
                say(_as_text(write_digest(app.write.digest(person), _envelope(app, person))))
            if send:
                app.write.digest_now(person)
        if send:
            _deliver(app)


def _readers(app: App, to: str | None) -> list[Recipient]:
    people = list(app.write.people)
    chosen = [person for person in people if to is None or person.email.lower() == to.strip().lower()]
    if not chosen:
        known = ", ".join(person.email for person in people)
        stop(f"'{to}' is not among the people in the configuration: {known}.")
    return chosen[:1]


def _envelope(app: App, person: Recipient) -> Envelope:
    return Envelope(sender=app.write.manner.sender, to=person.email, message_id="<shown@localhost>", at=now())


def _as_text(message: bytes) -> str:
    read = message_from_bytes(message, _class=EmailMessage, policy=default)
    body = read.get_body(("plain",))
    return f"Subject: {read['Subject']}\n\n{body.get_content() if body else ''}"


def _deliver(app: App) -> None:
    while app.deliver.run() is not None:
        pass
    late = app.store.notices.unsent()
    if late:
        waiting = f"{count(len(late), 'message waits', 'messages wait')} for the mail server"
        say(f"{waiting}. Its last answer: {clean(late[0].error or 'none yet')}")
        raise typer.Exit(NEEDS_A_PERSON)
    say("Sent.")


def mail(
    config: ConfigPath = DEFAULT_CONFIG,
    test: Annotated[bool, typer.Option("--test", help="Send a test letter to everybody.")] = False,
) -> None:
    """Tell each answer of the mail server in plain words; `--test` sends a letter to everybody."""
    with opened(config) as app:
        post = app.deliver.post
        letters = [_test_letter(app, person.email) for person in app.write.people] if test else []
        went_well = [_told(post.greet())]
        if all(went_well):
            went_well += [_told(post.probe(letter, to)) for to, letter in letters]
        if not all(went_well):
            raise typer.Exit(NEEDS_A_PERSON)


def _told(steps: Iterator[str]) -> bool:
    """Tell each step as it happens; whether all of them went well."""
    try:
        for line in steps:
            say(f"✓ {clean(line)}")
    except (MailDelayed, MailRefused) as error:
        say(f"✗ {clean(str(error), 800)}")
        return False
    return True


def _test_letter(app: App, to: str) -> tuple[str, bytes]:
    at = now()
    message_id = app.write.manner.message_id("test", f"{at:%Y%m%dT%H%M%S}", who(to))
    return to, write_test(Envelope(sender=app.write.manner.sender, to=to, message_id=message_id, at=at))
