"""`alerts`, `alert`, `ack`, `hold`, `lock`, `forget`: looking at what was found, and saying what was done."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from classifiers.registry import make_model
from monitor.alerts import Alert
from monitor.app import App, now
from monitor.captures import Capture
from monitor.cases import Act, CaseEvent
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    NEEDS_A_PERSON,
    ConfigPath,
    clean,
    opened,
    print_json,
    say,
    stop,
    write_for_us_alone,
)
from monitor.clocks import local
from monitor.custody import Deed, Event
from monitor.jobs.show import Show

LONGEST_NUMBER = 12
LONGEST_NAME = 120
LONGEST_NOTE = 1000

Number = Annotated[str, typer.Argument(help="The alert's number, as 1044 or A-1044.")]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        help="Who does this; it stands in the alert's history or, of evidence, in the custody log.",
        show_default=False,
    ),
]
Note = Annotated[
    str, typer.Option("--note", metavar="WORDS", help="Why, in a few words.", show_default=False)
]


def alerts(
    config: ConfigPath = DEFAULT_CONFIG,
    show_all: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an alert.")] = False,
) -> None:
    """List the alerts: number, severity, kind, when it was first seen, state, address."""
    with opened(config) as app:
        found = app.store.alerts.all(open_only=not show_all)
        for alert in found:
            if as_json:
                print_json(_as_json(alert))
            else:
                say("\n".join(_lines(app, alert)))
        if not found and not as_json:
            say("There are no alerts yet." if show_all else "No alert needs you.")


def _lines(app: App, alert: Alert) -> Iterator[str]:
    """A line of facts, then the address on a line of its own, whole: it is there to be copied."""
    manner = app.write.manner
    kind = manner.plays[alert.subcategory].label if alert.subcategory in manner.plays else alert.subcategory
    state = f"{alert.status.value}, on hold" if alert.held else alert.status.value
    seen = local(alert.seen_at, manner.zone)
    yield f"{alert.label:8} {alert.severity.word:8}  {kind}  first seen {seen}  {state}"
    if len(manner.school_names) > 1:
        yield f"{'':18} {clean(manner.school_names.get(alert.school, alert.school))}"
    yield f"{'':18} {'locked: do not open' if alert.media_lock else clean(next(iter(alert.urls), ''), 2000)}"
    if len(alert.urls) > 1:
        yield f"{'':18} and {len(alert.urls) - 1} more: monitor alert {alert.number}"


def _as_json(alert: Alert) -> dict[str, object]:
    return {
        "number": alert.number,
        "school": alert.school,
        "severity": alert.severity.word,
        "subcategory": alert.subcategory,
        "state": alert.status.value,
        "media_lock": alert.media_lock,
        "ambiguous": alert.ambiguous,
        "first_seen": alert.seen_at.isoformat(),
        "source": alert.source,
        "posts": alert.posts,
        "urls": [] if alert.media_lock else list(alert.urls),
        "why": list(alert.why),
    }


def alert(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one self-contained page to this file instead."),
    ] = None,
    by: By = "",
) -> None:
    """Show one alert: the words, the reasons, the evidence, what to do.

    A page with a picture of the post in it is noted in the custody log as looked at.

    For example: `monitor alert A-1044 --html alert.html --by "Dana Lead"`.
    """
    with opened(config) as app:
        found = found_alert(app, number)
        show = Show(
            store=app.store,
            manner=app.write.manner,
            evidence=app.config.data / "evidence",
            now=now,
            model=make_model(app.config.classifier),
        )
        if html is None:
            say(show.words(found))
            return
        write_for_us_alone(html, show.page(found))
        if (pictured := show.pictured(found)) is not None:
            app.store.custody.append(_viewed(pictured, by))
        say(f"{found.label} is in {html}. It holds the post's words: keep it like a child-protection file.")


def _viewed(capture: Capture, by: str) -> Event:
    """A picture was looked at; whoever gives no name goes by that of their account on this machine."""
    name = clean(by or asked("Your name"), LONGEST_NAME) or f"user {os.getuid()} of this machine"
    return Event(
        school=capture.school,
        at=now(),
        deed=Deed.VIEWED,
        by=name,
        why="the page of its alert was made",
        alert=capture.alert,
        capture=capture.id,
        object_sha256=capture.record_sha256,
    )


def ack(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    not_a_concern: Annotated[
        bool, typer.Option("--not-a-concern", help="Close it: it needs nothing.")
    ] = False,
    note: Note = "",
) -> None:
    """Say that somebody has this alert in hand, or that it is not a concern."""
    act = Act.NOT_A_CONCERN if not_a_concern else Act.ACKNOWLEDGED
    _append(config, number, act, by, note)


def close(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    note: Annotated[
        str, typer.Option("--note", metavar="WHAT", help="What was decided and where it is recorded.")
    ] = "",
) -> None:
    """Close an alert that was dealt with; it leaves the digests, and retention begins."""
    if not note.strip():
        stop(
            'Say what was decided and where it is recorded: --note "Referred to MASH, see the child\'s file".'
        )
    _append(config, number, Act.CLOSED, by, note)


def hold(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    lift: Annotated[bool, typer.Option("--lift", help="Lift the hold.")] = False,
    note: Note = "",
) -> None:
    """Keep everything about an alert whatever the retention rules say (police, complaint, data request)."""
    _append(config, number, Act.HOLD_LIFTED if lift else Act.HELD, by, note)


def lock(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    note: Note = "",
) -> None:
    """Lock an alert: nobody is to open or copy what it is about, as it may show an indecent image of a child.

    From now on nothing more of it is fetched, its address is shown to nobody, and mails that show it and are
    not sent yet are taken back. A lock is never lifted.

    For example: `monitor lock A-1044 --by "Dana Lead" --note "a pupil says that it is her"`.
    """
    _append(config, number, Act.LOCKED, by, note)
    say(
        "Nothing more of it is fetched, and its address is shown no more. Do not open it, do not copy it, do "
        "not ask a child to show it. What was kept before: `monitor evidence list`; if any of that may show "
        "such an image, do not look: `monitor evidence quarantine`."
    )


def _append(config: Path, number: str, act: Act, by: str, note: str) -> None:
    with opened(config) as app:
        found = found_alert(app, number)
        name = named(by)
        app.store.cases.append(
            CaseEvent(alert=found.number, act=act, by=name, at=now(), note=clean(note, LONGEST_NOTE))
        )
        say(f"{found.label}: {act.value}, noted for {name}.")


def named(by: str) -> str:
    """Who does this; asked of a person who sits there, and the end of the command where nobody says."""
    name = clean(by or asked("Your name"), LONGEST_NAME)
    if not name:
        stop('Say who you are: --by "Your Name".')
    return name


def asked(what: str) -> str:
    """What a person who sits there answers; nobody is asked in a script."""
    return str(typer.prompt(what)) if sys.stdin is not None and sys.stdin.isatty() else ""


def forget(
    config: ConfigPath = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Let go of what the retention rules keep no longer."""
    with opened(config) as app:
        gone = app.forget.plan() if dry_run else app.forget.run()
        if gone is None:
            stop(
                "Nothing went: things are let go only once the clock has been seen to go on for a day, so "
                "that a clock set wrong deletes nothing. The worker (monitor run) does it by itself.",
                NEEDS_A_PERSON,
            )
        say(
            f"{'This would go' if dry_run else 'This went'}: {gone.texts} texts below threshold, "
            f"{gone.alerts} alerts, {len(gone.captures)} captures, {gone.hashes} hashes of posts that "
            f"concern nobody. On hold, and staying: {gone.held}."
        )


def found_alert(app: App, number: str) -> Alert:
    """The alert of this number, as 1044 or A-1044; the end of the command where there is none."""
    digits = number.strip().upper().removeprefix("A-")
    is_number = digits.isdecimal() and len(digits) <= LONGEST_NUMBER
    found = app.store.alerts.get(int(digits)) if is_number else None
    if found is None:
        stop(f"There is no alert {clean(number, 40)}. `monitor alerts --all` lists them.")
    return found
