"""Verifying: whether all evidence of a school is as it was when it was taken, booked and anchored.

Every file is read and hashed again; records, rows, custody log, anchors and time-stamps are held against each
other. Nothing is asked of the network and nothing is changed. What cannot be found so: a change of all of
it, signed again with the stolen key; that is what time-stamps and the heads printed in digests are for.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from monitor.anchors import NOTHING_BEFORE, Anchor, Checked, Stamp, StampState, Words, words_of
from monitor.captures import FIRST, Capture, File
from monitor.custody import BEFORE_THE_FIRST, Deed, Entry, is_whole
from monitor.evidence import archive
from monitor.evidence.signing import check_handover, check_signature
from monitor.holdings import Holdings

_MOST_RECORD = 64 * 1024 * 1024
"""Bytes: addresses may be two megabytes long, and one may lead to the next many times."""
_MOST_UNPACKED = 1024 * 1024 * 1024
_PIECE = 1024 * 1024
THREADS = min(4, os.cpu_count() or 1)
"""That read files at once."""
_TAG = 16
_SEALED_AT_ONCE = 64 * 1024
_SEALED_HEADER = range(266, 16_384)
"""Bytes. A file of age is as long as what it holds, a nonce, a tag for each piece, and a header, which names
two recipients at least and some bytes by chance."""
_NOTED_BACK = timedelta(hours=1)
"""Two captures at once are booked in either order; further back, the clock was set or one had to wait."""
_NOTED_AHEAD = timedelta(minutes=1)
_NO_ANCHOR_FOR = timedelta(days=2)
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong, or worth knowing: of what, and a sentence that goes on from there."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification brought.

    `findings` say what is not as it was; `notes` what is in order, but must be known. `deleted` captures went
    by the retention rules. `unanchored` records are newer than the last anchor, the oldest of them taken at
    `unanchored_since`: of these only the hashes in the database vouch.
    """

    school: str
    captures: int
    files: int
    bytes: int
    entries: int
    anchors: int
    stamps: int
    deleted: int
    unanchored: int
    unanchored_since: datetime | None
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether everything is as it was."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Looked:
    """What the files of one capture showed."""

    findings: tuple[Finding, ...]
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Said:
    """An anchor with its words; None where these cannot be read."""

    anchor: Anchor
    words: Words | None


def verify(
    root: Path,
    held: Holdings,
    *,
    check_stamp: Callable[[Stamp, Anchor], Checked],
    at: datetime,
    keys: Collection[bytes] = (),
    only: str | None = None,
) -> Report:
    """Hold everything of a school against everything else; with `only`, the files of that capture alone.

    `root` is the evidence folder. `check_stamp` says what is wrong with a time-stamp, or by which root of its
    own it holds. `keys` are the public keys that this machine signs with, where they are known: the newest
    anchor must be signed with one.
    """
    # What has neither was never taken: its alert was forgotten before.
    kept = [one for one in held.captures if one.forgotten_at is None and (one.folder or one.link)]
    chosen = [one for one in kept if only in (None, one.id)]
    shut = _told(held.entries, Deed.QUARANTINED)
    with ThreadPoolExecutor(THREADS) as threads:
        looking = threads.map(lambda capture: _look(root, capture, shut.get(capture.id)), chosen)
        checked = list(_checked(held, check_stamp))  # while the files are hashed
        looked = list(looking)
    said = [_Said(anchor, words_of(anchor.statement)) for anchor in held.anchors]
    last = max((one.words.records_total for one in said if one.words is not None), default=0)
    fresh = [one for one in held.captures if one.link is not None and one.link.index > last]
    return Report(
        school=held.school,
        captures=len(chosen),
        files=sum(one.files for one in looked),
        bytes=sum(one.bytes for one in looked),
        entries=len(held.entries),
        anchors=len(held.anchors),
        stamps=sum(stamp.state is StampState.OK for stamp in held.stamps),
        deleted=sum(one.forgotten_at is not None for one in held.captures),
        unanchored=len(fresh),
        unanchored_since=min((one.captured_at for one in fresh), default=None),
        findings=_once(
            *_unreadable(held),
            *(finding for one in looked for finding in one.findings),
            *_chain(held.captures),
            *_log(held.entries, held.school),
            *_rows_and_log(held),
            *_anchors(held, said, keys),
            *_stamps(held, checked),
        ),
        notes=_once(
            *_times(held, said),
            *_late_anchor(held, at),
            *_strays(root, held),
            *_shut(chosen, shut),
            *_by_kept_roots(checked),
        ),
    )


def _once(*findings: Finding) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))


def _of(capture: Capture) -> str:
    alert = "" if capture.alert is None else f", alert A-{capture.alert}"
    place = "" if capture.link is None else f"record {capture.link.index}, "
    return f"{place}capture {capture.id}{alert}"


def _unreadable(held: Holdings) -> Iterator[Finding]:
    for where, why in held.unreadable.items():
        yield Finding(where, f"its row was changed and cannot be read ({why}): it counts as missing.")


# Files


def _look(root: Path, capture: Capture, shut: Entry | None) -> _Looked:
    """Hash all files of a capture again, and hold its record against its row.

    Those that were `shut` away in quarantine, as this entry says, must be there, and are not read.
    """
    folder = root / capture.folder
    try:
        if root.resolve() not in folder.resolve().parents or not folder.is_dir() or folder.is_symlink():
            wrong, read, size = [f"its folder {capture.folder!r} is missing."], 0, 0
        else:
            wrong, read, size = _read(root, folder, capture, shut)
    except (OSError, ValueError) as error:
        wrong, read, size = [f"its folder {capture.folder!r} cannot be read ({type(error).__name__})."], 0, 0
    return _Looked(tuple(Finding(_of(capture), problem) for problem in wrong), read, size)


def _read(root: Path, folder: Path, capture: Capture, shut: Entry | None) -> tuple[list[str], int, int]:
    """What is wrong in a folder, and how many files and bytes were read."""
    wrong = list(_record(root, folder, capture))
    there = {entry.name for entry in folder.iterdir()} - {archive.RECORD}
    size = 0
    for file in capture.files:
        if shut is None:
            problems, count = _file(folder, file)
            wrong, size = wrong + problems, size + count
        elif _on_disk(file) not in there:
            wrong += _shut_file(root, capture, file)
    if shut is not None:
        told = f"custody entry {shut.number} says that its files were moved to quarantine"
        wrong += [f"{name!r} still lies in its folder, although {told}." for name in sorted(there)]
    else:
        strangers = there - {_on_disk(file) for file in capture.files}
        wrong += [f"{name!r} does not belong to it." for name in sorted(strangers)]
    return wrong, len(capture.files) + 1, size


def _record(root: Path, folder: Path, capture: Capture) -> Iterator[str]:
    try:
        with _opened(folder / archive.RECORD) as file:
            written = file.read(_MOST_RECORD)
        if archive.sha256(written) != capture.record_sha256:
            yield f"{archive.RECORD} was changed: it has another hash than the database keeps."
        if archive.canonical(json.loads(written)) != written:
            yield f"{archive.RECORD} is not written in the canonical way."
        told = archive.told(root, folder, written)
    except FileNotFoundError:
        yield f"{archive.RECORD} is missing."
    except _UNREADABLE as error:
        yield f"{archive.RECORD} cannot be read ({type(error).__name__})."
    else:
        yield from _differences(told, capture)


def _differences(told: Capture, row: Capture) -> Iterator[str]:
    """What the record says otherwise than the row."""
    for name in ("id", "school", "alert", "kind", "progress", "captured_at", "limits", "link"):
        if getattr(told, name) != getattr(row, name):
            yield f"the record and the database differ on {name.replace('_', ' ')}."
    if set(told.files) != set(row.files):
        yield "the record and the database differ on its files."


def _on_disk(file: File) -> str:
    """The name that a file has on disk: that of a sealed one ends in `.age`."""
    return f"{file.name.removesuffix('.age')}.age" if file.sealed_sha256 else file.name


def _file(folder: Path, file: File) -> tuple[list[str], int]:
    """What is wrong with one file, and how many bytes were read."""
    name = _on_disk(file)
    if "/" in name or name in ("", ".", ".."):
        return [f"{name!r} is no file of ours."], 0
    try:
        with _opened(folder / name) as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
    except FileNotFoundError:
        return [f"{name} is missing."], 0
    except (OSError, ValueError) as error:
        return [f"{name!r} cannot be read ({getattr(error, 'strerror', None) or error})."], 0
    if found != (file.sealed_sha256 or file.sha256) or not (file.sealed_sha256 or size == file.bytes):
        return [f"{name} was changed."], size
    return list(_archive(folder / name)) if name.endswith(".wacz") else [], size


def _shut_file(root: Path, capture: Capture, file: File) -> list[str]:
    """What can be said of a file in quarantine without reading it."""
    name = _on_disk(file)
    try:
        size = (root.parent / "quarantine" / capture.id / name).lstat().st_size
    except (OSError, ValueError):
        return [f"{name} is missing, from quarantine too."]
    sealed = file.bytes + _TAG * (1 + max(1, -(-file.bytes // _SEALED_AT_ONCE)))
    changed = size - sealed not in _SEALED_HEADER if file.sealed_sha256 else size != file.bytes
    return [f"{name} was changed: in quarantine it has another length."] if changed else []


def _opened(path: Path) -> BufferedReader:
    """A plain file, never through a link, and never waiting for somebody to write."""
    opened = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise OSError("it is no plain file")
    return opened


def _archive(path: Path) -> Iterator[str]:
    """What the digests within a WACZ say of its parts."""
    try:
        with ZipFile(path) as packed:
            if sum(part.file_size for part in packed.infolist()) > _MOST_UNPACKED:
                yield f"{path.name} holds more than can be checked."
                return
            package = json.loads(packed.read("datapackage.json"))
            digest = json.loads(packed.read("datapackage-digest.json"))
            if digest["hash"] != _sha256_of(packed, "datapackage.json"):
                yield f"{path.name}: datapackage.json is not the one of its digest."
            for part in package["resources"]:
                if part["hash"] != _sha256_of(packed, part["path"]):
                    yield f"{path.name}: {part['path']!r} is not the one of its digest."
    except (*_UNREADABLE, BadZipFile, NotImplementedError) as error:
        yield f"{path.name} cannot be read as a WACZ ({type(error).__name__})."


def _sha256_of(packed: ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with packed.open(name) as part:
        while piece := part.read(_PIECE):
            digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


# The chain of records


def _chained(captures: Sequence[Capture]) -> list[tuple[int, str, Capture]]:
    """Index, hash of the record before, and capture, in the order of the chain."""
    linked = [(one.link.index, one.link.previous_sha256, one) for one in captures if one.link is not None]
    return sorted(linked, key=lambda one: (one[0], one[2].id))


def _chain(captures: Sequence[Capture]) -> Iterator[Finding]:
    """Gaps, forks and broken links."""
    expected, previous = FIRST.index, FIRST.previous_sha256
    for index, before, capture in _chained(captures):
        if index < expected:
            yield Finding(_of(capture), "two records claim the same place in the chain.")
        elif index > expected:
            yield Finding(_span("record", expected, index - 1), "missing from the chain.")
        elif before != previous:
            yield Finding(_of(capture), "it does not follow the record before it: the chain is broken here.")
        expected, previous = index + 1, capture.record_sha256


def _span(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


# The custody log


def _log(entries: Sequence[Entry], school: str) -> Iterator[Finding]:
    """Gaps, changed lines and broken links."""
    expected, previous = 1, BEFORE_THE_FIRST
    for entry in entries:
        where = f"custody entry {entry.number}"
        if entry.number != expected:
            yield Finding(_span("custody entry", expected, entry.number - 1), "missing from the log.")
        elif entry.previous_sha256 != previous:
            yield Finding(where, "it does not follow the entry before it: the log is broken here.")
        if not is_whole(entry) or entry.event.school != school:
            yield Finding(where, "it was changed.")
        expected, previous = entry.number + 1, entry.sha256


def _rows_and_log(held: Holdings) -> Iterator[Finding]:
    """What the custody log tells of captures, against what there is."""
    captured, deleted = _told(held.entries, Deed.CAPTURED), _told(held.entries, Deed.DELETED)
    rows = {one.id: one for one in held.captures}
    for capture in held.captures:
        yield from _row_and_log(capture, captured.get(capture.id), deleted.get(capture.id))
    for capture_id, entry in captured.items():
        if capture_id not in rows:
            where = f"capture {capture_id}"
            yield Finding(where, f"it was removed: custody entry {entry.number} says that it was captured.")
    yield from _deleted_on_hold(held.entries)


def _told(entries: Sequence[Entry], deed: Deed) -> dict[str, Entry]:
    """The entries of this deed by capture; the first counts."""
    told = [(entry.event.capture, entry) for entry in entries if entry.event.deed is deed]
    return {capture: entry for capture, entry in reversed(told) if capture is not None}


def _row_and_log(capture: Capture, captured: Entry | None, deleted: Entry | None) -> Iterator[Finding]:
    where, gone = _of(capture), capture.forgotten_at is not None
    if capture.link is not None and captured is None:
        yield Finding(where, "no entry of the custody log says that it was captured.")
    if captured is not None and captured.event.object_sha256 != capture.record_sha256:
        yield Finding(where, f"custody entry {captured.number} names another record than the database.")
    if gone and capture.link is not None and deleted is None:
        yield Finding(where, "it was deleted, and no entry of the custody log says so.")
    if deleted is not None and deleted.event.object_sha256 != capture.record_sha256:
        yield Finding(where, f"custody entry {deleted.number} says that another record was deleted.")
    if deleted is not None and not gone:
        yield Finding(where, f"custody entry {deleted.number} says that it was deleted, but it is there.")


def _deleted_on_hold(entries: Sequence[Entry]) -> Iterator[Finding]:
    held: set[int | None] = set()
    for entry in entries:
        event = entry.event
        if event.deed is Deed.HELD:
            held.add(event.alert)
        elif event.deed is Deed.HOLD_LIFTED:
            held.discard(event.alert)
        elif event.deed is Deed.DELETED and event.alert is not None and event.alert in held:
            where = f"capture {event.capture}, alert A-{event.alert}"
            yield Finding(
                where, f"it was deleted (custody entry {entry.number}) while the alert was on hold."
            )


# Anchors and their time-stamps


def _anchors(held: Holdings, said: Sequence[_Said], keys: Collection[bytes]) -> Iterator[Finding]:
    rows = {index: capture for index, _, capture in _chained(held.captures)}
    before: _Said | None = None
    for one in said:
        expected = 1 if before is None else before.anchor.number + 1
        if one.anchor.number > expected:
            yield Finding(_span("anchor", expected, one.anchor.number - 1), "missing.")
        for problem in _signed(before, one.anchor):
            yield Finding(_named(one.anchor), f"{problem}.")
        if one.words is not None:
            follows = one.anchor.number == expected
            for problem in _says(one.anchor, one.words, held.school, before, follows=follows):
                yield Finding(_named(one.anchor), problem)
            yield from _names(one.anchor, one.words, rows)
            yield from _log_of(one.anchor, one.words, held.entries)
        before = one
    if keys and before is not None and before.anchor.public_key not in keys:
        yield Finding(_named(before.anchor), "it was signed with a key that this machine does not have.")


def _named(anchor: Anchor) -> str:
    return f"anchor {anchor.number} of {anchor.made_at:%Y-%m-%d %H:%M} UTC"


def _signed(before: _Said | None, anchor: Anchor) -> Iterator[str]:
    """What is wrong with its signature, and with a key that is not the one before."""
    wrong = check_signature(anchor)
    handed = None if before is None else check_handover(before.anchor, anchor)
    yield from (problem for problem in (wrong, handed) if problem is not None)


def _says(anchor: Anchor, words: Words, school: str, before: _Said | None, *, follows: bool) -> Iterator[str]:
    """Whether its words fit itself, and the anchor before where that is there."""
    if (words.anchor, words.made_at, words.school_id) != (anchor.number, anchor.made_at, school):
        yield "its words are those of another anchor."
    if follows and words.previous_anchor_sha256 != (before.anchor.sha256 if before else NOTHING_BEFORE):
        yield "it does not follow the anchor before it."
    total, head = 0, FIRST.previous_sha256
    if before is not None and before.words is not None:
        total, head = before.words.records_total, before.words.record_head_sha256
    if not follows or (before is not None and before.words is None):
        return
    # However many it claims: none of them need be there.
    indexes = [one.index for one in words.records]
    follow = list(range(total + 1, total + len(indexes) + 1))
    if indexes != follow or words.records_total != total + len(indexes):
        yield "its records do not go on from the anchor before it."
    if words.record_head_sha256 != (words.records[-1].sha256 if words.records else head):
        yield "the head of its records is not the last of them."


def _names(anchor: Anchor, words: Words, rows: Mapping[int, Capture]) -> Iterator[Finding]:
    """Whether the records that it names are there, and are those."""
    for one in words.records:
        row = rows.get(one.index)
        where = f"record {one.index}, capture {one.capture_id}"
        if row is None:
            yield Finding(where, f"it is missing: {_named(anchor)} names it.")
        elif row.id != one.capture_id:
            yield Finding(where, f"capture {row.id} stands in its place: {_named(anchor)} names this one.")
        elif row.record_sha256 != one.sha256:
            yield Finding(_of(row), f"it was changed after {_named(anchor)}, which names another hash.")


def _log_of(anchor: Anchor, words: Words, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Whether the custody log still is what it was when the anchor was made."""
    by_number = {entry.number: entry for entry in entries}
    if not words.custody_entries:
        return
    head = by_number.get(words.custody_entries)
    if head is None:
        last = max(by_number, default=0)
        told = f"it was cut: {_named(anchor)} knows {words.custody_entries} entries."
        yield Finding(f"custody log of {last} entries", told)
    elif head.sha256 != words.custody_head_sha256:
        where = f"custody log up to entry {head.number}"
        yield Finding(where, f"it was changed after {_named(anchor)}, which names another hash.")


def _checked(
    held: Holdings, check_stamp: Callable[[Stamp, Anchor], Checked]
) -> Iterator[tuple[Stamp, Checked]]:
    """Every time-stamp that was given; its own root is believed only where the log tells of its token."""
    anchors = {anchor.number: anchor for anchor in held.anchors}
    told = {one.event.object_sha256 for one in held.entries if one.event.deed is Deed.STAMPED}
    for stamp in held.stamps:
        if stamp.state is not StampState.OK:
            continue
        anchor = anchors.get(stamp.anchor)
        found = Checked("its anchor is missing") if anchor is None else check_stamp(stamp, anchor)
        if found.root and hashlib.sha256(stamp.token).hexdigest() not in told:
            found = Checked(
                "no root that is trusted here leads to it, and the custody log does not tell of it"
            )
        yield stamp, found


def _stamps(held: Holdings, checked: Sequence[tuple[Stamp, Checked]]) -> Iterator[Finding]:
    for stamp, found in checked:
        if found.wrong is not None:
            yield Finding(f"time-stamp of anchor {stamp.anchor} by {stamp.authority}", f"{found.wrong}.")
    kept = {hashlib.sha256(stamp.token).hexdigest() for stamp, _ in checked}
    for entry in held.entries:
        if entry.event.deed is Deed.STAMPED and entry.event.object_sha256 not in kept:
            what = f"the time-stamp that it tells of is missing or was changed ({entry.event.why})."
            yield Finding(f"custody entry {entry.number}", what)


# What is in order, but must be known


def _times(held: Holdings, said: Sequence[_Said]) -> Iterator[Finding]:
    """Where the clock must have been set, or a capture had to wait: the order of the chain holds."""
    for (_, _, before), (_, _, after) in pairwise(_chained(held.captures)):
        back = before.captured_at - after.captured_at
        if back > _NOTED_BACK:
            what = f"taken {_hours(back)} before the record that it follows, by the clock of the machine"
            yield Finding(_of(after), f"{what}: the clock was set, or it waited to be booked.")
    rows = {index: capture for index, _, capture in _chained(held.captures)}
    for one in said:
        for named in one.words.records if one.words else ():
            row = rows.get(named.index)
            if row is not None and row.captured_at - one.anchor.made_at > _NOTED_AHEAD:
                what = f"by its own time it was taken after {_named(one.anchor)}, which names it"
                yield Finding(_of(row), f"{what}: the clock was set back between.")


def _shut(chosen: Sequence[Capture], shut: Mapping[str, Entry]) -> Iterator[Finding]:
    """With who did it and when, so that somebody notices what nobody did."""
    for capture in chosen:
        if (entry := shut.get(capture.id)) is not None:
            who = f"{entry.event.by} shut them away on {entry.event.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            what = f"its files lie in quarantine, moved and not read again: {who}"
            yield Finding(_of(capture), f"{what} (custody entry {entry.number}).")


def _by_kept_roots(checked: Sequence[tuple[Stamp, Checked]]) -> Iterator[Finding]:
    """One for each authority and root, however many stamps there are."""
    for stamp, found in checked:
        if found.wrong is None and found.root:
            what = "its authority is no longer configured, or its root no longer on the list of trusted ones"
            by = f"it holds by the root that was trusted when it was received (SHA-256 {found.root})"
            yield Finding(f"each time-stamp by {stamp.authority}", f"{what}: {by}.")


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.1f} hours"


def _late_anchor(held: Holdings, at: datetime) -> Iterator[Finding]:
    newest = max((anchor.made_at for anchor in held.anchors), default=None)
    if newest is not None and at - newest > _NO_ANCHOR_FOR:
        yield Finding("anchors", f"the newest was made at {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
    older = sum(one.link is None and one.folder != "" for one in held.captures)
    if older:
        yield Finding(f"{older} captures", "older than the chain: only the database vouches for their order.")


def _strays(root: Path, held: Holdings) -> Iterator[Finding]:
    """What lies in the evidence folder of the school and belongs to no row."""
    folders = {one.folder for one in held.captures if one.folder}
    gone = {one.id for one in held.captures if one.forgotten_at is not None}
    for path in sorted((root / held.school).glob("*/*")):
        name = path.relative_to(root).as_posix()
        if path.name.partition("~")[0] in gone:
            yield Finding(
                name, "left although its capture was deleted: the next run of retention removes it."
            )
        elif name not in folders:
            yield Finding(name, "no row of the database knows it: left by a crash, or put there by somebody.")
