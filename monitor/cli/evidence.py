"""`monitor evidence list`, `show`: what was kept."""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor.anchors import Anchor, Stamp, StampState
from monitor.app import App, now
from monitor.captures import PICTURES, Capture, File, Kind, Progress
from monitor.cli.alerting import By, asked, found_alert, named
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    ConfigPath,
    clean,
    opened,
    print_json,
    say,
    stop,
    write_bytes_for_us_alone,
)
from monitor.clocks import local
from monitor.custody import Deed, Event
from monitor.evidence.archive import LARGEST_RECORD, RECORD
from monitor.evidence.printing import PrintFailed, as_pdf, record_html
from monitor.evidence.record import defanged, defanged_in
from monitor.jobs.locked import is_locked

LONGEST_WHY = 1000
QUARANTINED = "in quarantine: do not open"

CaptureId = Annotated[str, typer.Argument(metavar="CAPTURE", help="The capture's id, as `list` shows it.")]
Why = Annotated[
    str,
    typer.Option(
        "--why", metavar="WORDS", help="What for; it stands in the custody log.", show_default=False
    ),
]


# --- list ---


def list_captures(
    number: Annotated[
        str, typer.Argument(help="Only those of this alert, as 1044 or A-1044.", show_default=False)
    ] = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a capture.")] = False,
) -> None:
    """List what was kept as evidence: id, alert, when, what it is, whether complete. It shows no content.

    For example: `monitor evidence list A-1044`.
    """
    with opened(config) as app:
        chosen = _chosen(app, number)
        pins = {school: _Pins(app, school) for school in {capture.school for capture in chosen}}
        shut = app.store.captures.quarantined()
        for capture in chosen:
            if as_json:
                told = _as_json(capture, pins[capture.school])
                print_json(told | {"quarantined": capture.id in shut})
            else:
                say("\n".join(_lines(app, capture, pins[capture.school], shut=capture.id in shut)))
        if not chosen and not as_json:
            say("Nothing was kept yet.")


class _Pins:
    """What pins a school's chain: its anchors, each with the record up to which it goes, and their stamps."""

    def __init__(self, app: App, school: str) -> None:
        self._anchors = app.store.anchors.of_school(school)
        self._totals = [json.loads(anchor.statement)["records_total"] for anchor in self._anchors]
        stamps = app.store.anchors.stamps(school)
        self._good = sorted((s for s in stamps if s.state is StampState.OK), key=attrgetter("anchor"))

    def anchor(self, capture: Capture) -> Anchor | None:
        """The first anchor behind which this capture lies."""
        if capture.link is None:
            return None
        first = bisect_left(self._totals, capture.link.index)
        return self._anchors[first] if first < len(self._anchors) else None

    def stamped(self, capture: Capture) -> Sequence[Stamp]:
        """The good time-stamps of its anchor, or of the first later one that has any: it names the former."""
        anchor = self.anchor(capture)
        if anchor is None:
            return ()
        good = self._good[bisect_left(self._good, anchor.number, key=attrgetter("anchor")) :]
        return list(takewhile(lambda stamp: stamp.anchor == good[0].anchor, good))

    def in_words(self, capture: Capture) -> str:
        """How surely it is pinned."""
        if self.anchor(capture) is None:
            return "not yet anchored"
        return "anchored and time-stamped" if self.stamped(capture) else "anchored, not yet time-stamped"


def _chosen(app: App, number: str) -> Sequence[Capture]:
    if number:
        return app.store.captures.of_alert(found_alert(app, number).number)
    # A school that was taken out of the configuration still has its evidence.
    schools = dict.fromkeys([*app.write.manner.school_names, *app.store.anchors.schools()])
    return [one for school in schools for one in app.store.captures.of_school(school)]


def _lines(app: App, capture: Capture, pins: _Pins, *, shut: bool) -> Iterator[str]:
    """A line of facts, then what it is, and its school where there are several."""
    manner = app.write.manner
    alert = "by hand" if capture.alert is None else f"A-{capture.alert}"
    yield f"{capture.id}  {alert:8}  {local(capture.captured_at, manner.zone)}  {pins.in_words(capture)}"
    yield f"{'':28}{capture.kind.words}, {QUARANTINED if shut else _how_complete(capture)}"
    if len(manner.school_names) > 1:
        yield f"{'':28}{clean(manner.school_names.get(capture.school, capture.school))}"


def _how_complete(capture: Capture) -> str:
    if capture.forgotten_at is not None:
        return "deleted under the retention rules"
    return "complete" if capture.progress is Progress.COMPLETE else "with limits"


def _as_json(capture: Capture, pins: _Pins) -> dict[str, object]:
    anchor = pins.anchor(capture)
    return {
        "capture": capture.id,
        "alert": capture.alert,
        "school": capture.school,
        "captured_at": capture.captured_at.isoformat(),
        "kind": capture.kind.value,
        "progress": capture.progress.value,
        "limits": list(capture.limits),
        "record_sha256": capture.record_sha256,
        "chain_index": None if capture.link is None else capture.link.index,
        "anchor": None if anchor is None else anchor.number,
        "stamped_by": [stamp.authority for stamp in pins.stamped(capture)],
        "deleted": capture.forgotten_at is not None,
    }


# --- show ---


def show(
    capture_id: CaptureId,
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", metavar="FILE", help="Print the record to this PDF file as well.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Copy the picture to this file as well.")
    ] = None,
    by: By = "",
    why: Why = "",
    as_json: Annotated[bool, typer.Option("--json", help="The record and what pins it, as JSON.")] = False,
) -> None:
    """Show one capture: what, where, when, who, why, its limits, who had it in hand, and its files' hashes.

    Whoever looks is asked who they are and why; it stands in the custody log.

    For example: `monitor evidence show 01KAEX4M8ZJ5T3R0W2Y6B7C9DE --by "Dana Lead" --why "the referral"`.
    """
    with opened(config) as app:
        found = found_capture(app, capture_id)
        if found.id in app.store.captures.quarantined():
            stop(f"{found.id} is in quarantine: it is not shown, copied or printed. Do not open it.")
        if (pdf or picture) and found.forgotten_at is not None:
            stop(f"{found.id} was deleted under the retention rules: only the hash of its record is left.")
        for target in (pdf, picture):
            if target is not None:
                _refuse_place(target)
        viewer, reason = named(by), _reason(why)
        if (pdf or picture) and _is_locked(app, found):  # perhaps while they were asked
            stop(f"{found.id} is locked: nothing of it is copied or printed. Do not open the address.")
        # First noted, then shown: nobody has seen what the log does not know.
        app.store.custody.append(event_of(found, Deed.VIEWED, viewer, reason))
        if as_json:
            pins = _Pins(app, found.school)
            print_json(_as_json(found, pins) | {"record": _record(app, found), "custody": _told(app, found)})
        else:
            say("\n".join(_whole(app, found)))
        if pdf is not None:
            printed = _printed(app, found)
            app.store.custody.append(event_of(found, Deed.COPIED, viewer, reason))
            write_bytes_for_us_alone(pdf, printed)
            say(f"The record is printed to {pdf}.")
        if picture is not None:
            _copy(app, found, picture, event_of(found, Deed.COPIED, viewer, reason))


def found_capture(app: App, capture_id: str) -> Capture:
    """The capture of this id; the end of the command where there is none."""
    found = app.store.captures.get(clean(capture_id, 40).upper())
    if found is None:
        stop(f"There is no capture {clean(capture_id, 40)}. `monitor evidence list` lists them.")
    return found


def event_of(capture: Capture, deed: Deed, by: str, why: str) -> Event:
    """What somebody does with a capture, for the custody log."""
    return Event(
        school=capture.school,
        at=now(),
        deed=deed,
        by=by,
        why=why,
        alert=capture.alert,
        capture=capture.id,
        object_sha256=capture.record_sha256,
    )


def in_words(app: App, capture: Capture) -> str:
    """What a person hears who has just had it kept: that it is, what could not be had, and how to see it."""
    seen = _seen(app, _part(_record(app, capture), "manual_upload"))
    lines = [f"Kept: {_headline(capture)}.", *_school(app, capture), *seen, *_limits(app, capture)]
    if not capture.locks:
        lines.append(f"See it with `monitor evidence show {capture.id}`.")
    return "\n".join(lines)


def _whole(app: App, capture: Capture) -> Iterator[str]:
    """Everything about a capture: first what a person asks, last what an expert compares."""
    yield f"Capture {_headline(capture)}"
    yield from _school(app, capture)
    yield from _about(app, capture)
    yield from _limits(app, capture)
    yield from _custody(app, capture)
    yield from _files(app, capture)
    yield from _pinned(app, capture)
    yield from _hashes(capture)


def _headline(capture: Capture) -> str:
    alert = "taken by hand" if capture.alert is None else f"A-{capture.alert}"
    return f"{capture.id}, {alert}: {capture.kind.words}, {_how_complete(capture)}"


def _school(app: App, capture: Capture) -> Iterator[str]:
    """Its school, where there are several."""
    if len(app.write.manner.school_names) > 1:
        yield _fact("School", app.write.manner.school_names.get(capture.school, capture.school))


def _refuse_place(target: Path) -> None:
    """The end of the command where no new file can be made, before the log says that there is one."""
    try:
        if not target.parent.is_dir():
            stop(f"There is no folder {target.parent}: make it first, or name one that is there.")
        target.touch(mode=0o600, exist_ok=False)
        target.unlink()
    except FileExistsError:
        stop(f"{target} is there already: name a new file.")
    except OSError as error:
        stop(f"{target} cannot be written: {error.strerror}. Name another place.")


def _reason(given: str) -> str:
    reason = clean(given or asked("What for"), LONGEST_WHY)
    if not reason:
        stop('Say what for; it stands in the custody log: --why "to decide on the referral".')
    return reason


def _about(app: App, capture: Capture) -> Iterator[str]:
    record, zone = _record(app, capture), app.write.manner.zone
    if not record:
        yield "  Its record cannot be read: `monitor evidence verify` says what is wrong."
    for label, key in _ADDRESSES.items():
        if record.get(key) and (key != "url_final" or record[key] != record.get("url_requested")):
            yield _fact(label, record[key])
    who, why, brought = _part(record, "who"), _part(record, "why"), _part(record, "manual_upload")
    for label, key in _TIMES.items():
        # Whoever asks by hand has seen it before we did.
        if record.get(key) and not why.get("requested_by"):
            yield _fact(label, _time(app, record[key]))
    yield from _seen(app, brought)
    at = f"{local(capture.captured_at, zone)} ({_utc(capture.captured_at)})"
    yield _fact("Brought in" if capture.kind is Kind.MANUAL_UPLOAD else "Taken", at)
    yield _fact("By", f"{_person(who)}, on {who.get('worker_host', 'this machine')}")
    if brought:
        yield _fact("With", brought.get("device", ""))
        yield _fact("Edited", "yes" if brought.get("edited") else "no")
    yield _fact("Why", why.get("reason") or _matter(app, why) or "not said")


_ADDRESSES = {
    "Address": "url_requested",
    "Led to": "url_final",
    "Address, as told": "url_as_told",
    "Do not open": "url_defanged",
}
_OPEN_ADDRESSES = {"url_requested", "url_final", "url_as_told", "redirect_chain", "http"}
_TIMES = {"First seen": "seen_first_at", "Posted, it says": "posted_at_claimed"}


def _seen(app: App, brought: Mapping[str, Any]) -> Iterator[str]:
    """When somebody saw what they brought, as they say."""
    if brought:
        yield _fact("Seen by them", _time(app, brought.get("seen_at_utc")))


def _matter(app: App, why: Mapping[str, Any]) -> str:
    """What its alert is about, as people call it; the rules and scores are on the alert's page."""
    named, plays = why.get("subcategories"), app.write.manner.plays
    keys = [str(key) for key in named] if isinstance(named, list) else []
    return "; ".join(plays[key].label if key in plays else key for key in keys)


def _limits(app: App, capture: Capture) -> Iterator[str]:
    for limit in capture.limits:
        yield _fact("Limit", limit)
    if capture.advice and not _is_locked(app, capture):
        yield _fact("What you can do", capture.advice)


def _person(who: Mapping[str, Any]) -> str:
    person = str(who.get("person", "system"))
    return "the monitor itself" if person == "system" else person


def _files(app: App, capture: Capture) -> Iterator[str]:
    """What there is, and where it lies; of what nobody is to open, not where."""
    if capture.folder and capture.forgotten_at is None and not _is_locked(app, capture):
        yield _fact("Kept in", app.config.data / "evidence" / capture.folder)
    for file in capture.files:
        sealed = ", sealed" if file.sealed_sha256 else ""
        yield _fact("File", f"{file.name}, {file.bytes:,} bytes{sealed}")


def _hashes(capture: Capture) -> Iterator[str]:
    yield _fact("Record", f"SHA-256 {capture.record_sha256}")
    for file in capture.files:
        yield _fact(file.name, f"SHA-256 {file.sha256}")


def _pinned(app: App, capture: Capture) -> Iterator[str]:
    if capture.link is None:
        yield _fact("Chain", "older than the chain")
        return
    pins, zone = _Pins(app, capture.school), app.write.manner.zone
    yield _fact("Pinned", pins.in_words(capture))
    yield _fact("Chain", f"record {capture.link.index}, after {capture.link.previous_sha256[:16]}…")
    if (anchor := pins.anchor(capture)) is not None:
        key = f"key {anchor.public_key.hex()[:16]}…"
        yield _fact("Anchor", f"{anchor.number}, signed {local(anchor.made_at, zone)}, {key}")
    for stamp in pins.stamped(capture):
        at = "" if stamp.stamped_at is None else f", {_utc(stamp.stamped_at)}"
        yield _fact("Time-stamp", f"{stamp.authority}{at}")


def _custody(app: App, capture: Capture) -> Iterator[str]:
    for entry in app.store.custody.of_capture(capture.id):
        event = entry.event
        why = f": {event.why}" if event.why else ""
        when = local(event.at, app.write.manner.zone)
        yield _fact("Custody", f"{entry.number}. {when} {event.deed.value}, by {event.by}{why}")


def _told(app: App, capture: Capture) -> list[dict[str, object]]:
    return [
        {
            "number": entry.number,
            "at": entry.event.at.isoformat(),
            "deed": entry.event.deed.value,
            "by": entry.event.by,
            "why": entry.event.why,
            "sha256": entry.sha256,
        }
        for entry in app.store.custody.of_capture(capture.id)
    ]


def _record(app: App, capture: Capture) -> Mapping[str, Any]:
    """The record as it lies on disk; nothing where it cannot be read, which is for `verify` to name."""
    if not capture.folder:
        return {}
    try:
        with (app.config.data / "evidence" / capture.folder / RECORD).open("rb") as file:
            read = json.loads(file.read(LARGEST_RECORD))
    except (OSError, ValueError, RecursionError):
        return {}
    record = read if isinstance(read, dict) else {}
    return _without_addresses(record) if _is_locked(app, capture) else record


def _is_locked(app: App, capture: Capture) -> bool:
    return is_locked(app.store, app.config.data / "evidence", capture)


def _without_addresses(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record with its address written so that nobody opens it by accident."""
    named = record.get("url_requested") or record.get("url_as_told")
    told = defanged_in({key: value for key, value in record.items() if key not in _OPEN_ADDRESSES})
    return {**told, "url_defanged": defanged(str(named))} if named else told


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _fact(label: str, said: object) -> str:
    return f"  {label:16} {clean(str(said), 2_000)}"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _time(app: App, written: object) -> str:
    try:
        return local(datetime.fromisoformat(str(written)), app.write.manner.zone)
    except (ValueError, TypeError):
        return str(written)


def _printed(app: App, capture: Capture) -> bytes:
    if app.browser.path is None:
        stop("There is no browser to print with: `monitor check` says how to install one.")
    try:
        html = record_html(_record(app, capture), app.config.data / "evidence" / capture.folder)
        return as_pdf(html, app.browser.path)
    except PrintFailed as error:
        stop(str(error))


def _copy(app: App, capture: Capture, target: Path, event: Event) -> None:
    file = _picture(capture)
    if file is None:
        stop("It has no picture that could be copied.")
    if file.sealed_sha256:
        stop(
            "Its picture is sealed: `monitor evidence open` opens it, with a key that is not on this machine."
        )
    try:
        content = (app.config.data / "evidence" / capture.folder / file.name).read_bytes()
    except OSError as error:
        stop(f"Its picture cannot be read: {error.strerror}. `monitor evidence verify` says what is wrong.")
    app.store.custody.append(event)
    write_bytes_for_us_alone(target, content)
    say(f"The picture is copied to {target}. Keep it like a child-protection file.")


def _picture(capture: Capture) -> File | None:
    return next((file for file in capture.files if file.role in PICTURES), None)
