"""The evidence folder: every capture in a folder of its own, written once and never changed.

`<school>/<year>/<capture id>/` holds the files and `record.json`, which names them all. A capture is staged
whole under `.unfinished/<capture id>`, which survives a crash; then it is given its place in its school's
chain, and moved to its own. So what has its name is complete, and what is booked is never written again.
"""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785

from monitor.captures import Capture, File, Kind, Link, Progress, Taken
from monitor.evidence.sealing import SUFFIX, Sealer

RECORD = "record.json"
LARGEST_RECORD = 64 * 1024 * 1024
_UNFINISHED = ".unfinished"
_HALF_WRITTEN = "half-"
_KEPT_HALF_WRITTEN = timedelta(days=1)
_KEPT_STAGED = timedelta(days=14)
"""Long after the last try of its order (monitor/captures.py), and before it would be kept for ever."""
_LARGEST_INTEGER = 2**53 - 1
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One file to be put into a capture's folder."""

    name: str
    role: str
    media_type: str
    content: bytes


def canonical(record: Mapping[str, object]) -> bytes:
    """The one way in which a record is written (RFC 8785).

    What JSON cannot hold is made sayable: half a surrogate pair becomes "?", a number that is none becomes
    null, and a whole number that a double cannot hold is written as text.
    """
    return rfc8785.dumps(_sayable(record))


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _laid(paper: Paper, sealer: Sealer | None) -> tuple[File, bytes]:
    """What a record says of a file, and the bytes that are to lie on the disk."""
    file = File(
        name=paper.name,
        role=paper.role,
        media_type=paper.media_type,
        bytes=len(paper.content),
        sha256=sha256(paper.content),
    )
    if sealer is None:
        return file, paper.content
    sealed = sealer.seal(paper.content)
    return replace(file, name=file.name + SUFFIX, sealed_sha256=sha256(sealed)), sealed


def stage(
    root: Path, record: Mapping[str, Any], papers: Sequence[Paper], sealer: Sealer | None = None
) -> Taken:
    """Write a capture's files and its record, still without a place in the chain; whole or not at all.

    With a `sealer` no file but the record is ever written as it is.
    One of the same id that lies there whole already, as when two took it at once, is given back instead.
    Raises OSError when the disk does not take it, and ValueError for a name that is no folder name.
    """
    school, name = _named(record["school_id"]), _named(record["capture_id"])
    laid = [_laid(paper, sealer) for paper in papers]
    full = dict(record) | {"files": [asdict(file) for file, _ in laid]}
    if sealer is not None:
        full["recipients"] = list(sealer.fingerprints)
    unfinished = _private(_private(root) / _UNFINISHED)
    work = Path(tempfile.mkdtemp(dir=unfinished, prefix=_HALF_WRITTEN))
    try:
        for file, content in laid:
            _write(work / _named(file.name), content)
        _write(work / RECORD, canonical(full))
        _sync(work)
        if (earlier := find(root, school, name)) is not None:
            shutil.rmtree(work)
            return earlier
        return _taken(root, _moved(work, unfinished / name))
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def find(root: Path, school: str, capture_id: str) -> Taken | None:
    """A capture that lies there whole already, placed or staged, as after a crash before it was booked."""
    for folder in _folders(root, school, capture_id):
        if not verify(folder):
            taken = _taken(root, folder)
            if taken.school == school:
                return taken
    return None


def place(root: Path, taken: Taken, link: Link) -> Capture:
    """Write the capture's place in the chain into its record, and move its folder to its place.

    Call it only while the school's chain is yours, and never for a capture that is booked. One that was
    placed before a crash has its record written anew. Raises OSError when the disk does not take it.
    """
    folder = root / taken.folder
    if not folder.is_dir():
        found = find(root, taken.school, taken.id)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "the capture that was staged is gone", taken.folder)
        folder = root / found.folder
    _link(root, folder, link)
    if folder.parent.name == _UNFINISHED:
        year = _private(_private(root / _named(taken.school)) / f"{taken.captured_at.astimezone(UTC):%Y}")
        folder = _moved(folder, year / _named(taken.id))
        _sync(root / _UNFINISHED)
        _sync(root / taken.school)
    return read(root, folder)


def discard(root: Path, taken: Taken) -> bool:
    """Remove what was staged. One that has its place already is left, since it may be booked; then False."""
    folder = root / taken.folder
    if folder.parent.name != _UNFINISHED:
        return False
    shutil.rmtree(folder)
    _sync(folder.parent)
    return True


def remove(root: Path, school: str, capture_id: str) -> None:
    """Remove all that lies there of a capture that never can be booked, wherever a crash may have left it."""
    for folder in _folders(root, school, capture_id):
        shutil.rmtree(folder)
        _sync(folder.parent)


def verify(folder: Path, record_sha256: str | None = None) -> list[str]:
    """What is wrong with a capture's folder, in words; empty when all is as it was.

    The record's own hash is known elsewhere only: give it, and a changed record is found too.
    """
    try:
        written = (folder / RECORD).read_bytes()
        record = json.loads(written)
        files = [File(**file) for file in record["files"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return [f"{RECORD} cannot be read ({type(error).__name__})"]
    problems = [problem for file in files for problem in _wrong(folder, file)]
    if record_sha256 is not None and sha256(written) != record_sha256:
        problems.append(f"{RECORD} was changed")
    elif canonical(record) != written:
        problems.append(f"{RECORD} is not as we write it")
    known = {file.name for file in files} | {RECORD}
    strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in known)
    return problems + [f"{name!r} does not belong here" for name in strangers]


def sweep(root: Path, at: datetime) -> None:
    """Remove what crashes left half-written or never booked, once nobody can be at it any more."""
    for folder in (root / _UNFINISHED).glob("*"):
        kept = _KEPT_HALF_WRITTEN if folder.name.startswith(_HALF_WRITTEN) else _KEPT_STAGED
        with suppress(OSError):
            if folder.stat().st_mtime < (at - kept).timestamp():
                shutil.rmtree(folder) if folder.is_dir() else folder.unlink()


def _sayable(value: Any) -> Any:
    """The same, as far as JSON can say it."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return str(value)
    if isinstance(value, Mapping):
        return {_sayable(key): _sayable(one) for key, one in value.items()}
    return [_sayable(one) for one in value] if isinstance(value, list | tuple) else value


def _wrong(folder: Path, file: File) -> list[str]:
    path = folder / file.name
    if not _SAFE.fullmatch(file.name) or path.is_symlink():
        return [f"{file.name!r} is not a file of ours"]
    try:
        content = path.read_bytes()
    except OSError:
        return [f"{file.name} is missing"]
    if file.sealed_sha256:
        return [] if sha256(content) == file.sealed_sha256 else [f"{file.name} was changed"]
    if len(content) != file.bytes or sha256(content) != file.sha256:
        return [f"{file.name} was changed"]
    return []


def read(root: Path, folder: Path) -> Capture:
    """A capture as its record tells of it."""
    return told(root, folder, (folder / RECORD).read_bytes())


def told(root: Path, folder: Path, written: bytes) -> Capture:
    """A capture as these bytes of its record tell of it."""
    record = json.loads(written)
    link = None
    if "chain_index" in record:
        link = Link(record["chain_index"], record["previous_record_sha256"])
    taken = _told(root, folder, record)
    return Capture(
        id=taken.id,
        alert=taken.alert,
        kind=taken.kind,
        progress=taken.progress,
        captured_at=taken.captured_at,
        folder=taken.folder,
        files=tuple(File(**file) for file in record["files"]),
        record_sha256=sha256(written),
        limits=taken.limits,
        locks=taken.locks,
        school=taken.school,
        link=link,
    )


def _folders(root: Path, school: str, capture_id: str) -> list[Path]:
    """Where a capture lies: in its place first, then staged, with what lies beside either."""
    name, placed = _named(capture_id), root / _named(school)
    found = (*sorted(placed.glob(f"*/{name}*")), *sorted((root / _UNFINISHED).glob(f"{name}*")))
    return [folder for folder in found if folder.name.partition("~")[0] == name]


def _taken(root: Path, folder: Path) -> Taken:
    return _told(root, folder, _record(folder)[1])


def _told(root: Path, folder: Path, record: dict[str, Any]) -> Taken:
    return Taken(
        id=record["capture_id"],
        school=record["school_id"],
        alert=None if record["alert"] is None else int(record["alert"].removeprefix("A-")),
        kind=Kind(record["kind"]),
        progress=Progress(record["progress"]),
        captured_at=datetime.fromisoformat(record["captured_at_utc"]),
        folder=folder.relative_to(root).as_posix(),
        limits=tuple(record["limits"]),
        locks=record.get("media_lock", False),
    )


def _record(folder: Path) -> tuple[bytes, dict[str, Any]]:
    written = (folder / RECORD).read_bytes()
    return written, json.loads(written)


def _link(root: Path, folder: Path, link: Link) -> None:
    """Write the record anew with this link, if it does not have it; the old one stands until then."""
    written, record = _record(folder)
    record |= {"chain_index": link.index, "previous_record_sha256": link.previous_sha256}
    linked = canonical(record)
    if linked == written:
        return
    work = Path(tempfile.mkdtemp(dir=root / _UNFINISHED, prefix=_HALF_WRITTEN))
    try:
        _write(work / RECORD, linked)
        (work / RECORD).rename(folder / RECORD)
    finally:
        shutil.rmtree(work)
    _sync(folder)


def _named(name: str) -> str:
    """A name that is safe as one part of a path."""
    if not _SAFE.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a folder or file of evidence")
    return name


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        os.fchmod(file.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _moved(work: Path, place: Path) -> Path:
    """Where the folder now lies: in its place, or beside a damaged earlier one, which is never touched."""
    for number in range(1, 100):
        final = place if number == 1 else place.with_name(f"{place.name}~{number}")
        try:
            work.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            _sync(final.parent)
            return final
    raise OSError(errno.EEXIST, "there are too many folders of this capture", str(place))
