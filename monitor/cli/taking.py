"""`monitor evidence capture`, `upload`, `quarantine`: what a person has kept, or shut away, by hand."""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer

from monitor.app import App, locks, now
from monitor.captures import Capture, Kind
from monitor.cli.alerting import By, asked, found_alert, named
from monitor.cli.evidence import found_capture, in_words
from monitor.cli.terminal import DEFAULT_CONFIG, NEEDS_A_PERSON, ConfigPath, clean, opened, say, stop
from monitor.clocks import plausible
from monitor.evidence.record import Brought
from monitor.jobs.by_hand import LOCKED, WHAT_TO_DO, Asked, ByHand, NotTaken
from monitor.mail.wording import count
from monitor.network import Guard

OWN_PRINT = "a member of staff's own screen print"
LONGEST_REASON = 1000
LONGEST_DEVICE = 200
LONGEST_ADDRESS = 2_000
_EDITED = {"yes": True, "no": False}


AlertNumber = Annotated[
    str,
    typer.Option(
        "--alert", metavar="NUMBER", help="The alert that it belongs to, as A-1044.", show_default=False
    ),
]
School = Annotated[
    str,
    typer.Option(
        "--school",
        metavar="ID",
        help="The school, by its id in the configuration; needed only where there are several and no alert.",
        show_default=False,
    ),
]
Reason = Annotated[
    str,
    typer.Option(
        "--reason", metavar="WORDS", help="Why it is needed; it stands in the record.", show_default=False
    ),
]


def capture(
    url: Annotated[str, typer.Argument(help="The address of a public page, or of a single post.")],
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    by: By = "",
    reason: Reason = "",
    alert: AlertNumber = "",
    school: School = "",
) -> None:
    """Take a public page now, as evidence: screen print, archive, record, with its place in the chain.

    Only what anybody can see without logging in; of social networks single posts, never profiles.

    For example: `monitor evidence capture https://forum.example/t/7 --by "Dana Lead" --reason "a call"
    --alert A-1044`. Without an alert it goes after the retention time, and can neither be held nor handed
    over.
    """
    with opened(config) as app:
        wish = _wish(app, url, alert=alert, school=school, by=by, reason=reason)
        say("This can take a minute.")
        _shown(app, _kept(app, wish))


def upload(
    file: Annotated[Path, typer.Argument(help="The picture or print: PNG, JPEG or PDF, at most 20 MB.")],
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    url: Annotated[
        str, typer.Option("--url", metavar="ADDRESS", help="Where it was seen.", show_default=False)
    ] = "",
    seen: Annotated[
        str,
        typer.Option(
            "--seen",
            metavar="TIME",
            help='When it was seen, by the clock here: "20/11/2026 21:40" or "2026-11-20 21:40".',
            show_default=False,
        ),
    ] = "",
    by: By = "",
    device: Annotated[
        str,
        typer.Option(
            "--device", metavar="WORDS", help="With what it was taken: school laptop 12.", show_default=False
        ),
    ] = "",
    edited: Annotated[
        str,
        typer.Option(
            "--edited",
            metavar="yes|no",
            help="Whether it was changed since, cropped too.",
            show_default=False,
        ),
    ] = "",
    reason: Reason = "",
    alert: AlertNumber = "",
    school: School = "",
    harmless: Annotated[
        bool,
        typer.Option(
            "--no-nude-or-semi-nude-child",
            help="I confirm that it shows no nude or semi-nude child, and I have no reason to think so.",
        ),
    ] = False,
) -> None:
    """Keep a screen print that a member of staff took, bit for bit, with who, when, where and with what.

    It is refused, before a byte is read, unless you confirm that it shows no nude or semi-nude child.

    For example: `monitor evidence upload print.png --url https://forum.example/t/7 --seen "20/11/2026 21:40"
    --by "Dana Lead" --device "school laptop" --edited no --no-nude-or-semi-nude-child --alert A-1044`.
    Without an alert it goes after the retention time, and can neither be held nor handed over.
    """
    if not harmless:
        stop(
            "Nothing was read. Confirm with --no-nude-or-semi-nude-child that the picture shows no nude or "
            f"semi-nude child. If it does, or may: do not bring it here. {WHAT_TO_DO}"
        )
    if not url or not seen or not device or not edited:
        stop(
            "Say where, when and how it was seen: --url, --seen, --device and --edited yes|no are all needed."
        )
    if edited not in _EDITED:
        stop("Say whether the picture was changed since, cropped too: --edited yes, or --edited no.")
    with opened(config) as app:
        wish = _wish(app, url, alert=alert, school=school, by=by, reason=reason or OWN_PRINT)
        brought = Brought(
            seen_at=_moment(app, seen),
            device=clean(device, LONGEST_DEVICE),
            edited=_EDITED[edited],
            file_name=clean(file.name, LONGEST_DEVICE),
        )
        try:
            kept = _by_hand(app).upload(wish, brought, file)
        except NotTaken as error:
            stop(str(error))
        _shown(app, kept)


def quarantine(
    capture_id: Annotated[
        str, typer.Argument(metavar="CAPTURE", help="The capture's id, as `list` shows it.")
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    by: By = "",
    why: Annotated[
        str, typer.Option("--why", metavar="WORDS", help="What happened, in a few words.", show_default=False)
    ] = "",
) -> None:
    """Shut away a capture that may show an indecent image of a child: nobody reads, copies or exports it.

    Its files are moved, not copied and not deleted; its alert is locked and held; DSL and Head get a letter.
    Do not open it to make sure.

    For example: `monitor evidence quarantine 01KAEX4M8ZJ5T3R0W2Y6B7C9DE --by "Dana Lead" --why "by mistake"`.
    """
    with opened(config) as app:
        found = found_capture(app, capture_id)
        if found.forgotten_at is not None:
            stop(f"{found.id} was deleted under the retention rules: there is nothing to shut away.")
        name = named(by)
        reason = _reason(
            why,
            "What happened, without describing the picture",
            "Say what happened, without describing the picture; it stands in the custody log: "
            '--why "sent by mistake".',
        )
        try:
            moved = _by_hand(app).quarantine(found, by=name, why=reason)
        except OSError as error:
            stop(
                f"The files could not be moved: {error.strerror}. Let nobody open {found.folder}, and tell "
                "whoever looks after the server.",
                NEEDS_A_PERSON,
            )
        say(
            f"{found.id} is shut away ({count(len(moved), 'file')}). DSL and Head get a letter. Do not open "
            "it, do not delete it until the police or the LADO advise: call them today."
        )


def _wish(app: App, url: str, *, alert: str, school: str, by: str, reason: str) -> Asked:
    found = found_alert(app, alert) if alert else None
    if found is not None and school and found.school != school:
        stop(f"{found.label} is of another school: leave --school out.")
    return Asked(
        url=clean(url, LONGEST_ADDRESS + 1),
        school=found.school if found else _school(app, school),
        alert=found,
        by=named(by),
        why=_reason(
            reason,
            "Why is it needed",
            'Say why it is needed; it stands in the record: --reason "a call from a parent".',
        ),
    )


def _school(app: App, given: str) -> str:
    known = app.write.manner.school_names
    if given in known:
        return given
    if given or len(known) > 1:
        stop(f"Say for which school: --school {' or '.join(sorted(known))}.")
    return next(iter(known))


def _reason(given: str, what: str, missing: str) -> str:
    reason = clean(given or asked(what), LONGEST_REASON)
    if not reason:
        stop(missing)
    return reason


def _moment(app: App, written: str) -> datetime:
    """A time by the clocks here. Of one that comes twice, when they go back, it is the first."""
    try:
        at = _read(written.strip(), app.write.manner.zone)
        good, to_come = plausible(at, now()), at > now()
    except (ValueError, OverflowError):
        good = to_come = False
    if to_come:
        stop(f'--seen "{clean(written)}" is still to come: write the day and time when it was seen.')
    if not good:
        stop('Write when it was seen, day, month, year and time: --seen "20/11/2026 21:40".')
    return at


def _read(written: str, zone: tzinfo) -> datetime:
    """As people here write a time, or as ISO 8601 has it. Raises ValueError."""
    if "/" in written:
        return datetime.strptime(written, "%d/%m/%Y %H:%M").replace(tzinfo=zone)
    read = datetime.fromisoformat(written)
    return read if read.tzinfo else read.replace(tzinfo=zone)


def _by_hand(app: App) -> ByHand:
    return ByHand(
        store=app.store,
        camera=app.camera,
        write=app.write,
        guard=Guard(frozenset(app.config.network.allow)),
        through_proxy=app.config.network.proxy_url() is not None,
        locks=locks,
        data=app.config.data,
        now=now,
    )


def _kept(app: App, wish: Asked) -> Capture:
    try:
        return _by_hand(app).capture(wish)
    except NotTaken as error:
        stop(str(error))


def _shown(app: App, kept: Capture) -> None:
    say(in_words(app, kept))
    if kept.alert is None and not kept.locks:
        say(
            f"It belongs to no alert: it is deleted {app.forget.retention.evidence.days} days after it was "
            "taken, and can neither be held nor handed over. If it may be needed, take it again for an "
            "alert: give --alert A-1044."
        )
    if kept.locks:
        stop(LOCKED, NEEDS_A_PERSON)
    if kept.kind is Kind.METADATA_ONLY:
        stop("There is no picture of the page: the record says why.", NEEDS_A_PERSON)
