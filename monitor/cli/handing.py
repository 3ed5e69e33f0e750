"""`monitor evidence export`, `redact`: handing evidence to somebody outside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.alerting import By, Number, asked, found_alert, named
from monitor.cli.evidence import LONGEST_WHY, CaptureId, Why, found_capture
from monitor.cli.terminal import DEFAULT_CONFIG, NEEDS_A_PERSON, ConfigPath, clean, opened, say, stop
from monitor.evidence.pack.matter import NO_COPY, Exhibit, Redacted
from monitor.evidence.pack.verify import as_text
from monitor.evidence.pack.writing import Made, PackFailed
from monitor.evidence.redacting import Box, CannotRedact
from monitor.evidence.signing import KeyUnusable
from monitor.jobs.hand_over import Handed

LONGEST_WHOM = 200


def export(
    number: Number,
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new folder, which becomes the pack.")],
    by: By = "",
    whom: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="WHOM",
            help='Who is handed it, as "PC 4711, Harrowby police".',
            show_default=False,
        ),
    ] = "",
    why: Why = "",
    redacted: Annotated[
        Redacted | None,
        typer.Option(
            "--redacted",
            metavar="beside|instead",
            help="Take redacted copies along: beside the originals, or instead of all that shows the post.",
        ),
    ] = None,
) -> None:
    """Write the evidence of an alert as a pack that stands on its own, and note who is handed it.

    For example: `monitor evidence export A-1044 --to A-1044-police --by "Dana Lead" --for "PC 4711"`.
    """
    with opened(config) as app:
        alert = found_alert(app, number)
        name, receiver = named(by), _receiver(whom)
        try:
            handed = app.hand_over().export(
                alert, to, by=name, whom=receiver, why=clean(why, LONGEST_WHY), redacted=redacted
            )
        except (PackFailed, KeyUnusable) as error:
            stop(str(error), NEEDS_A_PERSON)
        say("\n".join([*_told(handed), *_uncovered(handed)]))
        if handed.wrong:
            stop(
                f"The pack does not pass its own check:\n{as_text(handed.wrong)}\nIt is as good as what is "
                "kept here: see `monitor evidence verify`, and say so to whoever is handed it.",
                NEEDS_A_PERSON,
            )


def redact(
    capture_id: CaptureId,
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    box: Annotated[
        list[str],
        typer.Option(
            "--box", metavar="X,Y,W,H", help="What to cover, in pixels from the top left; once for each part."
        ),
    ],
    by: By = "",
    why: Why = "",
) -> None:
    """Make a copy of a picture with parts blacked out. The original is never touched.

    The reason is handed over with the copy: write "name of a witness", and never the name itself.

    For example: `monitor evidence redact 01KAEX4M8ZJ5T3R0W2Y6B7C9DE --box 40,120,300,60 --by "Dana Lead"
    --why "name of a witness"`.
    """
    with opened(config) as app:
        found = found_capture(app, capture_id)
        name, reason = named(by), clean(why or asked("What for"), LONGEST_WHY)
        if not reason:
            stop('Say what is covered and why: --why "the name of another child".')
        try:
            file = app.hand_over().redact(found, _boxes(box), by=name, why=reason)
        except CannotRedact as error:
            stop(str(error))
        except OSError as error:
            stop(
                f"There is no copy: {error.strerror or error} ({error.filename or found.folder}). See to it, "
                "and redact once more.",
                NEEDS_A_PERSON,
            )
        say(
            f"The copy is {file}: look at it before you hand it to anybody. The original is as it was.\n"
            "`monitor evidence export … --redacted instead` hands it over in place of the original, with "
            "your reason for it."
        )


def _receiver(whom: str) -> str:
    receiver = clean(whom or asked("Who is handed it"), LONGEST_WHOM)
    if not receiver:
        stop('Say who is handed it; it stands in the custody log: --for "PC 4711, Harrowby police".')
    return receiver


def _told(handed: Handed) -> Sequence[str]:
    pack = handed.pack
    exhibits = [f"  {one.ref}  {one.capture.kind.words}{_how_much(one)}" for one in pack.exhibits]
    absent = [f"  Not in it: {one.capture.id}, {one.why}" for one in pack.absent if one.why != NO_COPY]
    return [
        f"The pack is in {pack.to}. It holds the evidence itself: keep it like a child-protection file.",
        *(exhibits or ["  It holds no capture: `monitor check` says whether one is still to be taken."]),
        *absent,
        *_sealed(pack),
        "Give this hash in the covering letter or by telephone, so that the pack can be told from any other:",
        f"  SHA-256 of manifest.sha256: {pack.manifest_sha256}",
        "Read summary and explanation in it before you hand it over.",
    ]


def _sealed(pack: Made) -> Sequence[str]:
    if not any(one.sealed for one in pack.exhibits):
        return ()
    return (
        f"Sealed: open it with `monitor evidence open {pack.to} --key FILE --to {pack.to}` before you hand "
        "it over, on the machine of somebody who has a key.",
    )


def _how_much(exhibit: Exhibit) -> str:
    if exhibit.locked:
        return ": locked, so nothing but its record is in the pack"
    return ", with parts blacked out" if exhibit.copy and exhibit.withheld else ""


def _uncovered(handed: Handed) -> Sequence[str]:
    """Whoever asks for redacted copies must hear what has none: one post often stands in several captures."""
    bare = [one.capture.id for one in handed.pack.absent if one.why == NO_COPY]
    return [
        f"! Not in this pack: {capture}, {NO_COPY}. If it is to be handed over, cover it "
        f"(`monitor evidence redact {capture}`) and export again to a new folder."
        for capture in bare
    ]


def _boxes(written: Sequence[str]) -> list[Box]:
    try:
        return [Box.read(one) for one in written]
    except ValueError as error:
        stop(f"--box: {error}.")
