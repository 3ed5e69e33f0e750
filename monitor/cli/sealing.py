"""`monitor evidence new-key`, `open`, `words`: keys for sealed evidence, and what they open."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from monitor.app import now
from monitor.cli.alerting import LONGEST_NOTE, By, Number, found_alert, named
from monitor.cli.evidence import Why
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    NEEDS_A_PERSON,
    ConfigPath,
    clean,
    opened,
    say,
    stop,
    write_for_us_alone,
)
from monitor.custody import Deed, Event
from monitor.evidence.opening import WORDS, open_all
from monitor.evidence.sealing import CannotOpen, KeyPair, Keys
from monitor.mail.wording import count

FEWEST_LETTERS = 12
LARGEST_KEY = 100_000

WHAT_TO_DO = """\
{file} is now your private key. It opens with your passphrase alone; nobody can tell you that again.

Your public key, which is no secret:

  {public}

1. Send the public key to whoever looks after the server. It belongs into the configuration, below
   evidence: recipients. Tell it to them once more by telephone, so that nobody can send them another one.
2. Copy {name} to a memory stick, and lock that away in the school's safe. Write the passphrase down and
   keep it elsewhere: in a sealed envelope with the Head, say. Without either, the key is lost.
3. The key never goes to the server, into a mail or into shared cloud storage.
4. At least two people do this, each with a key of their own. What is sealed opens with any one of the
   keys. If all of them are lost, nobody can open it, not even whoever made this software.

When evidence is needed: copy its folder or its pack to this machine, and type
  monitor evidence open FOLDER --key {file} --to NEW-FOLDER"""


def new_key(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where the key is put; a new file.")],
) -> None:
    """Make a key that opens sealed evidence. Do this on your own machine, not on the server.

    For example: `monitor evidence new-key --to dana-lead.key`. It asks for a passphrase: four or five words
    that have nothing to do with each other.
    """
    if to.exists():
        stop(f"There is a file {to} already: choose another name. A key that was overwritten is lost.")
    passphrase = str(typer.prompt("A passphrase for this key", hide_input=True, confirmation_prompt=True))
    if len(passphrase) < FEWEST_LETTERS:
        stop(f"That is too short: take four or five words, at least {FEWEST_LETTERS} letters.")
    pair = KeyPair.new()
    try:
        with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pair.locked_file(passphrase))
    except OSError as error:
        stop(f"{to} cannot be written: {error.strerror}.")
    say(WHAT_TO_DO.format(file=to, name=to.name, public=pair.public))


def open_sealed(
    place: Annotated[
        Path, typer.Argument(help="A copy of a capture's folder, of several, or of an exported pack.")
    ],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Your private key.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where the opened files are put, for you alone.")
    ],
) -> None:
    """Open sealed evidence with your key. Do this on your own machine, with a copy; no settings are needed.

    Each file is compared with its record before it is written. That it was opened stands in no custody log,
    since this machine has none: write down who looked, when and why. For example:
    `monitor evidence open pack-A-1044 --key dana-lead.key --to opened`.
    """
    if not place.is_dir():
        stop(f"There is no folder {place}.")
    found = list(open_all(place, _keys(key), to))
    if not found:
        stop(f"Nothing below {place} is sealed: look into the files as they are.")
    for one in found:
        say(f"{clean(one.capture)}: {count(len(one.files), 'file')} written")
        for amiss in one.amiss:
            say(f"✗ {clean(amiss)}")
    if any(one.amiss for one in found):
        say(
            "What is marked ✗ was not opened. If it was changed, keep it as it is, and tell whoever gave it "
            "to you."
        )
        raise typer.Exit(NEEDS_A_PERSON)
    say(f"✓ Everything is in {to}, as it was recorded. Delete it when you have done what you need it for.")


def words(
    number: Number,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new folder for them.")],
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    why: Why = "",
) -> None:
    """Hand over the sealed words of all posts of an alert, for `open` on the machine of who has a key.

    A capture holds the words of the post that it shows. These are those of every post that tells the story,
    and of what is never captured, such as criticism; before edits, too. For example:
    `monitor evidence words A-1044 --to words-1044 --by "D. Lead" --why "for the file"`.
    """
    with opened(config) as app:
        alert = found_alert(app, number)
        found = app.store.alerts.sealed_words(alert.number)
        if not found:
            stop(f"No words of {alert.label} are sealed: monitor alert {alert.number} shows what is kept.")
        who, reason = named(by), clean(why, LONGEST_NOTE)
        if not reason:
            stop('Say what for, it stands in the custody log: --why "for the child\'s file".')
        told = {"alert": alert.label, "posts": [asdict(one) | {"seen_at": str(one.seen_at)} for one in found]}
        copied = Event(
            school=alert.school, at=now(), deed=Deed.COPIED, by=who, why=reason, alert=alert.number
        )
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (to / WORDS).exists():
            stop(f"There is a file {to / WORDS} already: name a new folder.")
        app.store.custody.append(copied)
        write_for_us_alone(to / WORDS, json.dumps(told, indent=2))
    say(f"The sealed words of {alert.label} are in {to / WORDS}. They open with a key, elsewhere:")
    say(f"monitor evidence open {to.name} --key YOUR-KEY --to NEW-FOLDER")


def _keys(file: Path) -> Keys:
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_KEY)
        return Keys(content, lambda: str(typer.prompt("The passphrase of this key", hide_input=True)))
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}.")
    except CannotOpen as error:
        stop(f"{file}: {error}.")
