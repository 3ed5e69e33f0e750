"""Writing a pack: made beside its place, whole or not at all, then moved there.

The folder holds README.txt, explanation, exhibit_list.csv, statement_template.txt, summary, `captures/<id>/`
with every file as it was kept (the web archive among them), `anchors/`, `tsa/`, custody.csv, custody.json,
redactions.csv, verify.py, manifest.sha256, and manifest.sig, the school's signature over the manifest.
"""

import base64
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO

from monitor.anchors import Anchor, Stamp
from monitor.evidence.archive import canonical
from monitor.evidence.pack import lists, verify, words
from monitor.evidence.pack.matter import (
    BARE,
    LOCKED_LATER,
    NO_COPY,
    SEALED,
    Absent,
    Exhibit,
    Handing,
    Matter,
    Redacted,
    anchors_for,
    entries_of,
    entries_told,
    exhibits,
    lost_copies,
    stamps_for,
)
from monitor.evidence.pack.verify import MANIFEST, METADATA, SIGNATURE
from monitor.evidence.pack.words import Told
from monitor.evidence.printing import PrintFailed
from monitor.evidence.record import NOT_COPIED

_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in the form that openssl reads (RFC 8410)."""


class PackFailed(Exception):
    """There is no pack, and nothing half of one; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A pack that is whole, but not yet in its place. `folder` is where it lies now."""

    folder: Path
    to: Path
    manifest_sha256: str
    exhibits: Sequence[Exhibit]
    absent: Sequence[Absent]


@contextmanager
def made(
    matter: Matter,
    handing: Handing,
    to: Path,
    *,
    evidence: Path,
    copies: Path,
    sign: Callable[[bytes], bytes],
    to_pdf: Callable[[str], bytes] | None,
) -> Iterator[Made]:
    """Make the pack beside `to`; whoever is handed it calls `put`, or it is gone at the end.

    `evidence` is the evidence folder, `copies` that of the redacted copies. Without `to_pdf`, or where that
    fails, what is for reading stays HTML. Raises PackFailed.
    """
    _refuse(to, evidence.parent)
    with _in_plain_words(to):
        folder = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name[:60]}-unfinished-"))
    try:
        with _in_plain_words(to):
            there, absent = exhibits(matter, handing, evidence)
            _refuse_uncovered(matter, handing, there, absent)
            _copy_captures(folder, there, evidence, copies)
            _write_lists(folder, matter, handing, there, absent)
            _write_pins(folder, anchors_for(matter), stamps_for(matter))
            told = words.tell(matter, handing, there, absent, pack=folder, wrong=_wrong(folder))
            _write_words(folder, told, to_pdf)
            sha256 = _close(folder, sign)
        yield Made(folder=folder, to=to, manifest_sha256=sha256, exhibits=there, absent=absent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(pack: Made) -> None:
    """Move the pack to its place. Raises PackFailed."""
    with _in_plain_words(pack.to):
        with suppress(FileNotFoundError):
            pack.to.rmdir()  # an empty folder; a full one is refused
        pack.folder.rename(pack.to)


def _refuse(to: Path, data: Path) -> None:
    """Only a new place, and none in the data folder: `verify` would call the pack there a stranger."""
    if to.is_mount():
        raise PackFailed(f"{to} is a drive: name a new folder on it, such as {to / 'evidence'}.")
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise PackFailed(f"{to} is not a folder: name a new one.")
    if to.is_dir() and any(to.iterdir()):
        raise PackFailed(f"{to} is not empty: name a new folder, so that nothing is mixed up with the pack.")
    if not to.absolute().parent.is_dir():
        raise PackFailed(f"There is no folder {to.absolute().parent} to make {to.name} in.")
    if to.resolve().is_relative_to(data.resolve()):
        raise PackFailed(
            f"{to} lies in the monitor's own data folder, {data}, where nothing may lie but what the monitor "
            "keeps: name a new folder outside of it."
        )


def _refuse_uncovered(
    matter: Matter, handing: Handing, there: Sequence[Exhibit], absent: Sequence[Absent]
) -> None:
    """What was covered once, or is to be handed over covered, never leaves the school whole by accident."""
    if handing.redacted is not Redacted.INSTEAD:
        return
    if lost := lost_copies(matter, there, absent):
        raise PackFailed(
            f"Parts of {', '.join(lost)} were blacked out, but the newest copy is not on this machine any "
            "more. Cover them again (`monitor evidence redact`), then export."
        )
    bare = [one for one in absent if one.why in BARE]
    if not bare or any(one.copy for one in there):
        return
    none = f"No capture of {matter.label} has a redacted copy to hand over instead."
    for one in bare:
        if one.why == NO_COPY:
            raise PackFailed(
                f"{none} Cover what is to be covered first: `monitor evidence redact {one.capture.id}`."
            )
    whys = "; ".join(f"{one.capture.id}: {one.why}" for one in bare)
    sealed = any(one.why == SEALED for one in bare)
    raise PackFailed(
        f"{none} {whys}."
        + (' docs/sealing.md, "Redacting what is sealed", says what to do.' if sealed else "")
    )


@contextmanager
def _in_plain_words(to: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PackFailed(
            f"The pack cannot be written to {to}: {error.strerror or error}. Nothing of it was left there."
        ) from error


# --- Captures -----------------------------------------------------------------------------------------------


def _copy_captures(folder: Path, there: Sequence[Exhibit], evidence: Path, copies: Path) -> None:
    for one in there:
        place = folder / one.folder
        place.mkdir(mode=0o700, parents=True)
        for name in one.files:
            # What is missing here is missing in the pack, and found by its own check.
            with suppress(FileNotFoundError):
                _copy(evidence / one.capture.folder / name, place / name)
        if one.metadata_only:
            _write(place / METADATA, _metadata(one))
        if one.copy is not None:
            _copy(copies / one.capture.id / one.copy.name, place / one.copy.name)


def _metadata(exhibit: Exhibit) -> bytes:
    """What may be told of a capture that was locked after it was taken."""
    record = exhibit.record
    kept = (
        "captured_at_local",
        "captured_at_utc",
        "chain_index",
        "kind",
        "platform",
        "posted_at_claimed",
        "seen_first_at",
    )
    told = {name: record.get(name) for name in kept}
    return canonical(
        told
        | {
            "capture_id": exhibit.capture.id,
            "media_lock": True,
            "record_sha256": exhibit.capture.record_sha256,
            "statement": LOCKED_LATER if exhibit.locked_later else NOT_COPIED,
            "url_defanged": exhibit.address,
        }
    )


# --- Lists, anchors, words ----------------------------------------------------------------------------------


def _write_lists(
    folder: Path, matter: Matter, handing: Handing, there: Sequence[Exhibit], absent: Sequence[Absent]
) -> None:
    told = entries_told(matter, handing, there)
    untold = len(entries_of(matter)) - len(told)
    _write(folder / "exhibit_list.csv", lists.exhibit_list(there, absent))
    _write(folder / "custody.csv", lists.custody_list(told, there, untold))
    _write(folder / "custody.json", lists.custody_log(matter.entries, told))
    _write(folder / "redactions.csv", lists.redactions(there))


def _write_pins(folder: Path, anchors: Sequence[Anchor], stamps: Sequence[Stamp]) -> None:
    (folder / "anchors").mkdir(mode=0o700)
    (folder / "tsa").mkdir(mode=0o700)
    for anchor in anchors:
        _write(folder / "anchors" / f"{anchor.number:06}.json", anchor.statement)
        _write(folder / "anchors" / f"{anchor.number:06}.sig", anchor.signature)
    for key in {anchor.public_key for anchor in anchors}:
        _write(folder / "anchors" / f"public-key-{key.hex()[:16]}.pem", _pem(key))
    for place, stamp in enumerate(stamps, 1):
        name = f"{stamp.anchor:06}-{_slug(stamp.authority)}-{place}"
        _write(folder / "tsa" / f"{name}.tst", stamp.token)
        _write(folder / "tsa" / f"{name}.pem", stamp.certificates.encode("ascii", "replace"))


def _wrong(folder: Path) -> int:
    """How much of the evidence does not fit; there is no manifest yet."""
    failed = (one for one in verify.check(folder) if one.mark == verify.FAIL)
    return sum(one.where not in {MANIFEST, SIGNATURE} for one in failed)


def _write_words(folder: Path, told: Told, to_pdf: Callable[[str], bytes] | None) -> None:
    """Printed where there is a browser that prints, else as pages that any browser opens."""
    printed = None if to_pdf is None else _printed(told, to_pdf)
    papers = printed or {
        "summary.html": words.summary(told).encode("utf-8", "replace"),
        "explanation.html": words.explanation(told).encode("utf-8", "replace"),
    }
    told = told if printed is None else replace(told, paper="pdf")
    texts = {"README.txt": words.readme(told), "statement_template.txt": words.statement(told)}
    papers |= {name: _for_any_editor(text) for name, text in texts.items()}
    papers["verify.py"] = (files("monitor.evidence.pack") / "verify.py").read_bytes()
    for name, content in papers.items():
        _write(folder / name, content)


def _printed(told: Told, to_pdf: Callable[[str], bytes]) -> dict[str, bytes] | None:
    told = replace(told, paper="pdf")
    try:
        return {
            "summary.pdf": to_pdf(words.summary(told)),
            "explanation.pdf": to_pdf(words.explanation(told)),
        }
    except PrintFailed:
        return None


def _for_any_editor(text: str) -> bytes:
    """With the mark by which old editors know UTF-8, where more than ASCII is in it, and their line ends."""
    return text.replace("\n", "\r\n").encode("ascii" if text.isascii() else "utf-8-sig", "replace")


def _close(folder: Path, sign: Callable[[bytes], bytes]) -> str:
    """Write the manifest, and sign it; the hash of it."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names]
    written = "".join(lines).encode("ascii")
    _write(folder / MANIFEST, written)
    _write(folder / SIGNATURE, sign(written))
    return hashlib.sha256(written).hexdigest()


# --- Files --------------------------------------------------------------------------------------------------


def _pem(key: bytes) -> bytes:
    """An Ed25519 key in the form that openssl reads."""
    return b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % base64.b64encode(_SPKI + key)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "authority"


def _copy(source: Path, target: Path) -> None:
    """A copy, never of what a link leads to."""
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as read, _new(target) as file:
        shutil.copyfileobj(read, file)


def _write(path: Path, content: bytes) -> None:
    with _new(path) as file:
        file.write(content)


@contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner's eyes alone, on the disk when it is closed."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
