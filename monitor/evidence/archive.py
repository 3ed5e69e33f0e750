"""The evidence folder: every capture in a folder of its own, written once and never changed.

`<school>/<year>/<capture id>/` holds the files and `record.json`, which names them all. A folder is
filled under `.unfinished` and moved into place when whole, so that what has its name is complete.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.captures import Capture, File, Kind, Progress

RECORD = "record.json"
_UNFINISHED = ".unfinished"
_KEPT_UNFINISHED = timedelta(days=1)
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One file to be put into a capture's folder."""

    name: str
    role: str
    media_type: str
    content: bytes


def canonical(record: Mapping[str, object]) -> bytes:
    """The one way in which a record is written: sorted keys, UTF-8, no space (RFC 8785)."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def described(papers: Sequence[Paper]) -> tuple[File, ...]:
    """What a record says of its files."""
    return tuple(
        File(
            name=paper.name,
            role=paper.role,
            media_type=paper.media_type,
            bytes=len(paper.content),
            sha256=sha256(paper.content),
        )
        for paper in papers
    )


def keep(root: Path, record: Mapping[str, Any], papers: Sequence[Paper]) -> Capture:
    """Write a capture's folder, whole or not at all, and give it back as it now lies on disk.

    Raises OSError when the disk does not take it, and ValueError for a name that is no folder name.
    """
    place = root / _named(record["school_id"]) / record["captured_at_utc"][:4] / _named(record["capture_id"])
    full = dict(record) | {"files": [asdict(file) for file in described(papers)]}
    unfinished = _private(_private(root) / _UNFINISHED)
    work = Path(tempfile.mkdtemp(dir=unfinished))
    try:
        for paper in papers:
            _write(work / _named(paper.name), paper.content)
        _write(work / RECORD, canonical(full))
        _sync(work)
        _private(root / _named(record["school_id"]))
        _private(place.parent)
        final = _moved(work, place)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return _read(root, final)


def find(root: Path, school: str, capture_id: str) -> Capture | None:
    """A capture that lies there whole already, as after a crash before it was booked."""
    name = _named(capture_id)
    for folder in sorted((root / _named(school)).glob(f"*/{name}*")):
        if folder.name.partition("~")[0] == name and not verify(folder):
            return _read(root, folder)
    return None


def verify(folder: Path, record_sha256: str | None = None) -> list[str]:
    """What is wrong with a capture's folder, in words; empty when all is as it was.

    The record's own hash is known elsewhere only: give it, and a changed record is found too.
    """
    try:
        written = (folder / RECORD).read_bytes()
        record = json.loads(written)
        files = [File(**file) for file in record["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
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
    """Remove what crashes left half-written, once nobody can be writing it any more."""
    for folder in (root / _UNFINISHED).glob("*"):
        with suppress(OSError):
            if folder.stat().st_mtime < (at - _KEPT_UNFINISHED).timestamp():
                shutil.rmtree(folder)


def _wrong(folder: Path, file: File) -> list[str]:
    path = folder / file.name
    if not _SAFE.fullmatch(file.name) or path.is_symlink():
        return [f"{file.name!r} is not a file of ours"]
    try:
        content = path.read_bytes()
    except OSError:
        return [f"{file.name} is missing"]
    if len(content) != file.bytes or sha256(content) != file.sha256:
        return [f"{file.name} was changed"]
    return []


def _read(root: Path, folder: Path) -> Capture:
    written = (folder / RECORD).read_bytes()
    record = json.loads(written)
    return Capture(
        id=record["capture_id"],
        alert=int(record["alert"].removeprefix("A-")),
        kind=Kind(record["kind"]),
        progress=Progress(record["progress"]),
        captured_at=datetime.fromisoformat(record["captured_at_utc"]),
        folder=folder.relative_to(root).as_posix(),
        files=tuple(File(**file) for file in record["files"]),
        record_sha256=sha256(written),
        limits=tuple(record["limits"]),
        locks=record.get("media_lock", False),
    )


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
