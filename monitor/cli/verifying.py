"""`monitor evidence verify`: whether what was kept is as it was when it was taken, booked and anchored."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from monitor.app import App, now
from monitor.captures import Capture
from monitor.cli.alerting import LONGEST_NAME
from monitor.cli.evidence import found_capture
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    NEEDS_A_PERSON,
    ConfigPath,
    clean,
    opened,
    progress,
    say,
    stop,
)
from monitor.clocks import local
from monitor.custody import Deed, Event
from monitor.evidence.pack.verify import FAIL, as_text, check
from monitor.evidence.verify import Finding, Report
from monitor.mail.wording import count
from monitor.store.rows import Unreadable

_WITNESS = re.compile(r"([\d,]{1,12}) records?, fingerprint ([0-9a-f]{32})", re.IGNORECASE)
KEEP_AS_IT_IS = (
    "Keep everything as it is, restore nothing over it, and tell whoever decides on the case. "
    "docs/evidence.md says what each sentence can mean."
)


def verify_evidence(
    capture_id: Annotated[
        str,
        typer.Argument(metavar="[CAPTURE]", help="Read the files of this capture alone.", show_default=False),
    ] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    pack: Annotated[
        Path | None,
        typer.Option("--pack", metavar="DIR", help="Check an exported pack; no configuration is needed."),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="NAME", help="Who asks; it stands in the custody log.", show_default=False
        ),
    ] = "",
    digest: Annotated[
        str,
        typer.Option(
            "--digest",
            metavar="LINE",
            help="Hold the evidence against the line of a digest that begins with: Evidence kept.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Check that evidence is as it was: every file, record, custody entry, anchor and time-stamp.

    It needs no network, changes no evidence, and may be used while the worker runs. That somebody asked
    stands in the custody log.

    For example: `monitor evidence verify`, or `monitor evidence verify --pack /media/stick/A-1044`.
    """
    if pack is not None:
        if capture_id:
            stop("Name a capture, or a pack with --pack: not both.")
        _verify_pack(pack)
        return
    with opened(config) as app:
        one = _found(app, capture_id) if capture_id else None
        schools = [one.school] if one else app.store.anchors.schools()
        witness = _read_witness(digest) if digest else None
        sound = [_verify_school(app, school, one, by) for school in schools]
        if witness is not None:
            sound.append(_bears_out(app, witness))
        if not sound:
            say("Nothing was kept yet, so there is nothing to check.")
        if not all(sound):
            stop(KEEP_AS_IT_IS, NEEDS_A_PERSON)


def _found(app: App, capture_id: str) -> Capture:
    try:
        return found_capture(app, capture_id)
    except Unreadable as error:
        stop(str(error), NEEDS_A_PERSON)


def _read_witness(line: str) -> tuple[int, str]:
    """The number of records and the fingerprint of the newest, as a digest told them."""
    found = _WITNESS.search(" ".join(line.split()))
    if found is None:
        stop("That is no such line: copy it whole, as in: Evidence kept: 12 records, fingerprint 9f86 ….")
    return int(found[1].replace(",", "")), found[2].lower()


def _bears_out(app: App, witness: tuple[int, str]) -> bool:
    """Whether the records of a school are still those that a digest witnessed."""
    records, fingerprint = witness
    longest = 0
    for school in app.store.anchors.schools():
        for capture in app.store.holdings(school).captures:
            index = 0 if capture.link is None else capture.link.index
            longest = max(longest, index)
            if index == records and capture.record_sha256.startswith(fingerprint):
                name = clean(app.write.manner.school_names.get(school, school))
                say(f"✓ {name}: record {records:,} is still the one that the digest names.")
                return True
    say(_not_borne_out(records, longest))
    return False


def _not_borne_out(records: int, longest: int) -> str:
    """What it may mean that no chain, of which the longest has so many records, is the one of a digest."""
    mistyped = "the line was not copied letter for letter"
    if longest < records:
        return (
            f"✗ No school has {count(records, 'record')}, as the digest says: {mistyped}, or the newest were "
            "taken away, or an old backup was restored."
        )
    return (
        f"✗ No school's record {records:,} is the one that the digest names: {mistyped}, or the chain was "
        "changed since."
    )


def _verify_pack(pack: Path) -> None:
    if not pack.is_dir():
        stop(f"{clean(str(pack))} is no folder: name the folder of the pack.")
    found = check(pack)
    say(as_text(found))
    if any(finding.mark == FAIL for finding in found):
        raise typer.Exit(NEEDS_A_PERSON)


def _verify_school(app: App, school: str, one: Capture | None, by: str) -> bool:
    with progress() as bar:
        bar.add_task(f"Reading the evidence of {clean(app.write.manner.school_names.get(school, school))}")
        try:
            report = app.verifying.report(school, one.id if one else None)
        except OSError as error:
            stop(f"The roots of an authority cannot be read: {clean(str(error))}.")
    say("\n".join(_lines(app, report)))
    app.store.custody.append(_event(app, report, one, by))
    return report.sound


def _lines(app: App, report: Report) -> Iterator[str]:
    name = clean(app.write.manner.school_names.get(report.school, report.school))
    read = ", ".join(
        (
            count(report.captures, "capture"),
            count(report.files, "file"),
            f"{report.bytes / 1e6:,.1f} MB",
            count(report.entries, "custody entry", "custody entries"),
            count(report.anchors, "anchor"),
            count(report.stamps, "time-stamp"),
        )
    )
    yield f"{name}: {read} read again."
    if report.deleted:
        yield f"  {count(report.deleted, 'capture')} went by the retention rules, as the log says."
    for note in report.notes:
        yield f"  Note: {_sentence(note)}"
    if report.unanchored_since is not None:
        since = local(report.unanchored_since, app.write.manner.zone)
        yield f"  {count(report.unanchored, 'record')} since {since} not yet anchored."
    for finding in report.findings:
        yield f"✗ {_sentence(finding)}"
    yield "✓ All of it is as it was." if report.sound else f"✗ {_wrong(report)}."


def _wrong(report: Report) -> str:
    return f"{count(len(report.findings), 'thing is', 'things are')} not as it was"


def _sentence(finding: Finding) -> str:
    return f"{clean(finding.where)}: {clean(finding.what)}"


def _event(app: App, report: Report, one: Capture | None, by: str) -> Event:
    head = app.store.anchors.standing(report.school).head_sha256
    return Event(
        school=report.school,
        at=now(),
        deed=Deed.VERIFIED,
        by=clean(by, LONGEST_NAME) or f"user {os.getuid()} of this machine",
        why="all is as it was" if report.sound else _wrong(report),
        alert=one.alert if one else None,
        capture=one.id if one else None,
        object_sha256=one.record_sha256 if one else head,
    )
