"""The lists of a pack: tables that open in any spreadsheet and do nothing there, and the log to follow."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from monitor.custody import Entry, told
from monitor.evidence.archive import canonical
from monitor.evidence.lettering import address, visible
from monitor.evidence.pack.matter import Absent, Exhibit
from monitor.evidence.printing import moment

_LONGEST_CELL = 4_000
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")


def cell(text: str) -> str:
    """Somebody's words as one line that no spreadsheet takes for a formula; a quote before them says so."""
    line = " ".join(visible(text, _LONGEST_CELL).split())
    return f"'{line}" if line.startswith(_BEGINS_A_FORMULA) else line


def exhibit_list(exhibits: Sequence[Exhibit], absent: Sequence[Absent]) -> bytes:
    """What is handed over, one line each, with its reference; and what is not, and why."""
    lines = [
        {
            "exhibit": one.ref,
            "what_it_is": one.capture.kind.words,
            "address": address(one.address),
            "taken_utc": utc(one.capture.captured_at),
            "taken_local": str(one.record.get("captured_at_local", "")),
            "seen_utc": "" if (seen := moment(one.seen_at)) is None else seen.utc.removesuffix(" UTC"),
            "posted_as_the_site_says": str(one.record.get("posted_at_claimed") or ""),
            "folder": one.folder,
            "record_sha256": one.capture.record_sha256,
            "number_in_chain": "" if one.capture.link is None else str(one.capture.link.index),
            "limits": " / ".join(one.capture.limits),
            "note": _note(one),
        }
        for one in exhibits
    ]
    lines += [
        {
            "taken_utc": utc(one.capture.captured_at),
            "record_sha256": one.capture.record_sha256,
            "number_in_chain": "" if one.capture.link is None else str(one.capture.link.index),
            "note": f"NOT in this pack: {one.why}",
        }
        for one in absent
    ]
    return _table(_EXHIBITS, lines)


def custody_list(entries: Sequence[Entry], exhibits: Sequence[Exhibit], untold: int) -> bytes:
    """Who did what with this evidence, when and why; and how many entries of the alert are not told."""
    refs = {one.capture.id: one.ref for one in exhibits}
    lines = [
        {
            "number": str(entry.number),
            "at_utc": utc(entry.event.at),
            "what": entry.event.deed.value,
            "by": entry.event.by,
            "why": entry.event.why,
            "exhibit": refs.get(entry.event.capture or "", ""),
            "object_sha256": entry.event.object_sha256,
            "entry_sha256": entry.sha256,
        }
        for entry in entries
    ]
    if untold:
        lines.append({"why": by_hash_alone(untold)})
    return _table(
        ("number", "at_utc", "what", "by", "why", "exhibit", "object_sha256", "entry_sha256"), lines
    )


def by_hash_alone(entries: int) -> str:
    """That the pack tells nothing but the hash of so many entries of its own alert."""
    how_many = "1 more entry stands" if entries == 1 else f"{entries} more entries stand"
    return (
        f"{how_many} in custody.json by hash alone: this pack tells only how its exhibits were taken, "
        "time-stamped and redacted."
    )


def custody_log(whole: Sequence[Entry], shown: Sequence[Entry]) -> bytes:
    """The school's log from the first entry shown on: of other matters only the hash of what they say.

    So the log can be followed to what the anchors pin, and says nothing of other matters.
    """
    first = shown[0].number if shown else len(whole) + 1
    numbers = {entry.number for entry in shown}
    kept = [entry for entry in whole if entry.number >= first]
    before = kept[0].previous_sha256 if kept else (whole[-1].sha256 if whole else "0" * 64)
    entries = [
        {"event": json.loads(told(entry.event)), "sha256": entry.sha256}
        if entry.number in numbers
        else {"event_sha256": sha256(told(entry.event)).hexdigest()}
        for entry in kept
    ]
    return canonical({"entries": entries, "first": first, "previous_sha256": before})


def redactions(exhibits: Sequence[Exhibit]) -> bytes:
    """Each file that stays with the school, and each copy with parts blacked out."""
    return _table(_REDACTIONS, (line for one in exhibits for line in _redactions(one)))


def utc(at: datetime) -> str:
    """A moment as tables write it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


_EXHIBITS = (
    "exhibit",
    "what_it_is",
    "address",
    "taken_utc",
    "taken_local",
    "seen_utc",
    "posted_as_the_site_says",
    "folder",
    "record_sha256",
    "number_in_chain",
    "limits",
    "note",
)
_REDACTIONS = (
    "exhibit",
    "capture_id",
    "what",
    "file",
    "sha256",
    "copy",
    "copy_sha256",
    "boxes",
    "by",
    "at_utc",
    "why",
)


def _note(exhibit: Exhibit) -> str:
    if exhibit.locked_later:
        return "locked after it was taken: what was kept stays with the school; do not open the address"
    if exhibit.locked:
        return "locked: not viewed, not copied; do not open the address"
    if exhibit.sealed:
        return "sealed: the school opens it first"
    if exhibit.copy is None:
        return ""
    return "a redacted copy is here in its place" if exhibit.withheld else "a redacted copy is here too"


def _redactions(exhibit: Exhibit) -> Iterable[Mapping[str, str]]:
    same = {"exhibit": exhibit.ref, "capture_id": exhibit.capture.id}
    for one in exhibit.withheld:
        yield same | {"what": "withheld", "file": one.file, "sha256": one.sha256, "why": one.why}
    if (copy := exhibit.copy) is not None:
        yield same | {
            "what": "redacted copy",
            "file": copy.of,
            "sha256": copy.of_sha256,
            "copy": copy.name,
            "copy_sha256": copy.sha256,
            "boxes": " ".join(map(str, copy.boxes)),
            "by": copy.by,
            "at_utc": utc(copy.at),
            "why": copy.why,
        }


def _table(columns: Sequence[str], lines: Iterable[Mapping[str, str]]) -> bytes:
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns, restval="", lineterminator="\r\n")
    table.writeheader()
    table.writerows({column: cell(text) for column, text in line.items()} for line in lines)
    # Excel takes a file for UTF-8 only where it begins with this mark.
    return written.getvalue().encode("utf-8-sig")
