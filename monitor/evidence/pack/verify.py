#!/usr/bin/env python3
"""Check an evidence pack on its own: nothing in it is believed that is not worked out again here.

    python3 verify.py                       check the folder in which this file lies
    python3 verify.py PACK                  check the pack in that folder
    python3 verify.py --roots FILE          trust only these root certificates (PEM) for the time-stamps
    python3 verify.py --manifest SHA256     compare with the hash that was given to you in another way

It needs Python 3.8 or newer and, for signatures and time-stamps, OpenSSL 3. It uses no network and changes
nothing. Each line says PASS, FAIL, or OPEN (it could not be settled here, and why: without --manifest, whose
key signed the pack; without --roots, each time-stamp). Exit status: 0 where nothing failed, 1 where something
did.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

PASS, FAIL, OPEN = "PASS", "FAIL", "OPEN"
MANIFEST, SIGNATURE, RECORD, REDACTIONS = "manifest.sha256", "manifest.sig", "record.json", "redactions.csv"
METADATA = "metadata.json"  # what is told of a capture whose record is withheld
LARGEST_TEXT = 64 * 1024 * 1024  # bytes of one list or statement
LARGEST_UNPACKED = 1024 * 1024 * 1024  # bytes of what a web archive may hold
SLACK = timedelta(minutes=5)  # by this much two clocks may differ
# Hashes carry the order, and a clock that is put right goes back: a time alone is never a failure.
SET = "the school's clock was set, or is not the authority's; the order of the chain holds"
ASK = (
    "ask the school, by a telephone number that you find yourself, for the SHA-256 of manifest.sha256 (then "
    "--manifest SHA256), or for its key"
)
OLDER = "older than the chain, as it says: only the school's signature over this pack vouches for it"
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
OF_THE_DESKTOP = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini")  # left behind by whoever looks
STAMPED_AT = re.compile(r"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT", re.MULTILINE)
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, EOFError),
    *(zipfile.BadZipFile, subprocess.SubprocessError, csv.Error),
)
# An example of RFC 8032 (key, and signature of "r"): what cannot verify it can verify no signature.
KNOWN_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
KNOWN_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class Finding(NamedTuple):
    """One thing that was checked: PASS, FAIL or OPEN, where, and what there is to say."""

    mark: str
    where: str
    what: str


class Anchor(NamedTuple):
    """A signed statement of the school's system: which records there are, and how long its log is."""

    number: int
    written: bytes
    says: dict[str, Any]


class Pin(NamedTuple):
    """An anchor, and a record as it names it: place in the chain, capture and hash."""

    anchor: Anchor
    record: dict[str, Any]


def check(pack: Path, roots: Path | None = None, manifest: str = "") -> list[Finding]:
    """Everything there is to say about the pack in this folder."""
    anchors: list[Anchor] = []
    older: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        openssl = OpenSSL(Path(scratch))
        steps = (
            (MANIFEST, check_manifest(pack, manifest)),
            ("anchors", read_anchors(pack, anchors)),
            ("anchors", check_anchors(pack, anchors, openssl)),
            (SIGNATURE, check_signature(pack, anchors, openssl, manifest)),
            ("tsa", check_stamps(pack, anchors, openssl, roots)),
            ("captures", check_captures(pack, anchors, older)),
            ("custody.json", check_custody(pack, anchors, older)),
        )
        return [finding for where, step in steps for finding in attempt(where, step)]


def attempt(where: str, step: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of one step; what cannot even be read is a failure, and not the end of the others."""
    try:
        yield from step
    except UNREADABLE as error:
        yield Finding(FAIL, where, f"cannot be read ({type(error).__name__}: {error})")


def verdict(holds: bool, where: str, right: str, wrong: str) -> Finding:
    return Finding(PASS, where, right) if holds else Finding(FAIL, where, wrong)


# --- Reading: never outside the pack, and never more than can be held ---------------------------------------


def inside(pack: Path, name: str) -> Path:
    """The place of a `folder/file` of the pack; ValueError for a name that leads elsewhere."""
    path = pack
    for part in name.split("/"):
        path = path / part
        if not SAFE.fullmatch(part) or path.is_symlink():
            raise ValueError(f"{name[:200]!r} is a link, or no name for a file of a pack")
    return path


def read(pack: Path, name: str) -> bytes:
    """A list or a statement, whole."""
    if not inside(pack, name).is_file():
        raise ValueError("there is no such file")
    with inside(pack, name).open("rb") as file:
        content = file.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise ValueError(f"{name} is too large")
    return content


def read_json(pack: Path, name: str) -> Any:
    return json.loads(read(pack, name).decode("utf-8"))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_of(file: IO[bytes], most: float = float("inf")) -> tuple[str, int]:
    """The hash of all that can be read there, in pieces, and how many bytes that is."""
    whole, length = hashlib.sha256(), 0
    for piece in iter(lambda: file.read(1024 * 1024), b""):
        length += len(piece)
        if length > most:
            raise ValueError("it holds more than anything of ours would")
        whole.update(piece)
    return whole.hexdigest(), length


def has(path: Path, wanted: str) -> bool:
    """Whether the file has this SHA-256."""
    with path.open("rb") as file:
        return sha256_of(file)[0] == wanted


def canonical(value: object) -> bytes:
    """JSON in the one way that is hashed (RFC 8785; here for words and whole numbers)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def names(pack: Path, folder: str) -> list[str]:
    """What lies in a folder of the pack; nothing where there is none."""
    place = inside(pack, folder)
    found = [entry.name for entry in place.iterdir()] if place.is_dir() else []
    return sorted(name for name in found if not OF_THE_DESKTOP.fullmatch(name))


def all_files(pack: Path) -> Iterator[str]:
    """Every file of the pack as `folder/file`, links among them."""
    for folder, folders, files in os.walk(str(pack)):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        kept = [name for name in files + links if not OF_THE_DESKTOP.fullmatch(name)]
        yield from ((Path(folder) / name).relative_to(pack).as_posix() for name in kept)


def unsealed(listed: Iterable[str]) -> set[str]:
    """What sealed files are called once the school has opened them, and words that were sealed within."""
    plain = {name[: -len(".age")] for name in listed if name.endswith(".age")}
    return plain | {words_of(name) for name in plain}


def words_of(name: str) -> str:
    path = Path(name)
    return path.with_name(f"{path.stem}.words{path.suffix}").as_posix()


# --- The manifest: every file of the pack, and the school's signature over the list -------------------------


def check_manifest(pack: Path, expected: str) -> Iterator[Finding]:
    written = read(pack, MANIFEST)
    if expected:
        same = sha256(written) == expected.strip().lower()
        yield verdict(same, MANIFEST, "has the hash that you gave", "does NOT have the hash that you gave")
    listed = {line[66:]: line[:64] for line in written.decode("utf-8").splitlines()}
    wrong = 0
    for name, wanted in sorted(listed.items()):
        path = inside(pack, name)
        if not path.is_file() or not has(path, wanted):
            wrong += 1
            what = "was changed after the pack was made" if path.exists() else "is missing from the pack"
            yield Finding(FAIL, name, what)
    # What the school has opened is checked with the record that speaks of it.
    for name in sorted(set(all_files(pack)) - set(listed) - {MANIFEST, SIGNATURE} - unsealed(listed)):
        yield Finding(FAIL, name, "was added after the pack was made")
    if listed and not wrong:
        yield Finding(PASS, MANIFEST, f"all {len(listed)} files are as they were when the pack was made")


def check_signature(
    pack: Path, anchors: Sequence[Anchor], openssl: OpenSSL, expected: str
) -> Iterator[Finding]:
    if not anchors:
        yield Finding(OPEN, SIGNATURE, "could not be checked: no anchor says which key is the school's")
        return
    key = anchors[-1].says["public_key"]
    yield openssl.signed(SIGNATURE, read(pack, MANIFEST), read(pack, SIGNATURE), key)
    if not expected:
        # Whoever forges a whole pack signs it with a key of their own.
        whose = f"nothing here shows that the key which this pack names, {key}, is the school's"
        yield Finding(OPEN, SIGNATURE, f"{whose}: {ASK}")


# --- Anchors: each signed, each following the one before, together naming every record in turn --------------


def read_anchors(pack: Path, anchors: list[Anchor]) -> Iterator[Finding]:
    """Fill `anchors`, oldest first."""
    for name in names(pack, "anchors"):
        if name.endswith(".json"):
            written = read(pack, f"anchors/{name}")
            anchors.append(Anchor(int(name[: -len(".json")]), written, json.loads(written.decode("utf-8"))))
    anchors.sort()
    if not anchors:
        yield Finding(FAIL, "anchors", "there is none: nothing outside this pack pins what it holds")


def check_anchors(pack: Path, anchors: Sequence[Anchor], openssl: OpenSSL) -> Iterator[Finding]:
    for place, anchor in enumerate(anchors):
        where = f"anchors/{anchor.number:06}"
        signature = read(pack, f"{where}.sig")
        yield openssl.signed(f"{where}.json", anchor.written, signature, anchor.says["public_key"])
        if place:
            yield from check_follows(f"{where}.json", anchors[place - 1], anchor, openssl)


def check_follows(where: str, before: Anchor, anchor: Anchor, openssl: OpenSSL) -> Iterator[Finding]:
    if anchor.says["anchor"] != before.says["anchor"] + 1 or anchor.number != anchor.says["anchor"]:
        yield Finding(FAIL, where, f"anchor {before.number + 1} is missing before it")
    elif anchor.says["previous_anchor_sha256"] != sha256(before.written):
        yield Finding(FAIL, where, "does not follow the anchor before it: one of the two was exchanged")
    places = [before.says["records_total"], *(record["index"] for record in anchor.says["records"])]
    if places != [places[0] + n for n in range(len(places))] or places[-1] != anchor.says["records_total"]:
        yield Finding(FAIL, where, "does not go on where the anchor before it ended")
    if moment(anchor.says["made_at"]) < moment(before.says["made_at"]) - SLACK:
        yield Finding(OPEN, where, f"says that it is older than the anchor before it: {SET}")
    old, new = before.says["public_key"], anchor.says["public_key"]
    if old != new and not anchor.says.get("previous_key_signature"):
        yield Finding(FAIL, where, f"has a new key that the old one did not name, {new}: ask the school why")
    elif old != new:
        words = f"The signing key {old} of this evidence is followed by {new}.\n".encode("ascii")
        yield openssl.signed(where, words, bytes.fromhex(anchor.says["previous_key_signature"]), old)


class OpenSSL:
    """The program `openssl`, where there is one: it does the sums that Python's own library cannot.

    `missing` says why it cannot be used; that of a Mac (LibreSSL) is none that can.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.program = shutil.which("openssl")
        self.missing = "" if self.program else "there is no `openssl` on this machine"
        if self.program and not self.verifies(b"r", bytes.fromhex(KNOWN_SIGNATURE), KNOWN_KEY):
            self.missing = "the `openssl` of this machine cannot verify Ed25519; OpenSSL 3 can"

    def signed(self, where: str, message: bytes, signature: bytes, key: str) -> Finding:
        """Whether this was signed with the key, given as 32 bytes in hexadecimal."""
        if self.missing:
            return Finding(OPEN, where, f"the signature could not be checked: {self.missing}")
        named = f"key {key[:16]}..., which this pack names as the school's"
        wrong = f"is NOT what was signed with the {named}: it was changed or exchanged"
        return verdict(self.verifies(message, signature, key), where, f"is signed with the {named}", wrong)

    def verifies(self, message: bytes, signature: bytes, key: str) -> bool:
        spki = base64.b64encode(bytes.fromhex("302a300506032b6570032100" + key))
        pem = b"-----BEGIN PUBLIC KEY-----\n" + spki + b"\n-----END PUBLIC KEY-----\n"
        for name, content in (("key", pem), ("message", message), ("signature", signature)):
            (self.scratch / name).write_bytes(content)
        files = ("-inkey", "key", "-in", "message", "-sigfile", "signature")
        return "Signature Verified Successfully" in self.said(
            "pkeyutl", "-verify", "-rawin", "-pubin", *files
        )

    def said(self, *asked: str) -> str:
        command = [self.program or "", *asked]
        done = subprocess.run(  # noqa: S603  # `openssl` itself, and no shell
            command, capture_output=True, timeout=60, check=False, cwd=str(self.scratch)
        )
        return (done.stdout + done.stderr)[:1_000_000].decode("utf-8", "replace")


# --- Time-stamps: when somebody else, an authority, saw an anchor -------------------------------------------


def check_stamps(
    pack: Path, anchors: Sequence[Anchor], openssl: OpenSSL, roots: Path | None
) -> Iterator[Finding]:
    tokens = [name for name in names(pack, "tsa") if name.endswith(".tst")]
    for name in tokens:
        where, named = f"tsa/{name}", [one for one in anchors if name.startswith(f"{one.number:06}-")]
        if not named:
            yield Finding(FAIL, where, "stamps no anchor of this pack")
        elif openssl.missing:
            yield Finding(OPEN, where, f"could not be checked: {openssl.missing}")
        else:
            yield from attempt(where, check_stamp(pack, where, named[0], openssl, roots))
    if not tokens:
        yield Finding(OPEN, "tsa", "no time-stamp of an authority: the times are those of the school's clock")


def check_stamp(
    pack: Path, where: str, anchor: Anchor, openssl: OpenSSL, roots: Path | None
) -> Iterator[Finding]:
    token, carried = inside(pack, where).resolve(), inside(pack, f"{where[:-4]}.pem").resolve()
    told = STAMPED_AT.search(openssl.said("ts", "-reply", "-token_in", "-in", str(token), "-text"))
    if told is None:
        yield Finding(FAIL, where, "is no time-stamp")
        return
    at = datetime.strptime(f"{told[1]} {told[2]} +0000", "%b %d %H:%M:%S %Y %z")
    asked = ["-verify", "-digest", sha256(anchor.written), "-token_in", "-in", str(token)]
    asked += ["-CAfile", str(roots.resolve() if roots else carried), "-untrusted", str(carried)]
    # At the time of the stamp: the authority's certificate may well have run out since.
    said = openssl.said("ts", *asked, "-attime", str(int(at.timestamp())))
    there = f"anchor {anchor.number} was there at {at:%Y-%m-%d %H:%M:%S} UTC"
    if "Verification: OK" not in said:
        why = [line.split(":")[-1] for line in said.splitlines() if "error:" in line] or [
            "no reason was given"
        ]
        yield Finding(FAIL, where, f"does NOT verify for its anchor: {why[-1]}")
    elif roots:
        yield Finding(PASS, where, f"{there}, by the roots that you gave")
    else:
        # Whoever forges a pack forges an authority with it.
        by = f"holds by the root in this pack, {root(carried)}; compare it, or give --roots"
        yield Finding(OPEN, where, f"{by}. By that root {there}")
    if at < moment(anchor.says["made_at"]) - SLACK:
        yield Finding(
            OPEN, where, f"is older than its anchor says of itself ({anchor.says['made_at']}): {SET}"
        )


def root(certificates: Path) -> str:
    """The fingerprint of the last certificate there, which everything hangs on."""
    last = certificates.read_text("ascii").split("-----BEGIN CERTIFICATE-----")[-1].split("-----END")[0]
    return f"SHA-256 {sha256(base64.b64decode(last))}"


# --- Captures: each file against its record, each record against the anchor that names it -------------------


def check_captures(pack: Path, anchors: Sequence[Anchor], older: set[str]) -> Iterator[Finding]:
    """Fill `older` with the captures that are older than the chain, by what they say."""
    told, pinned = read_redactions(pack), by_capture(anchors)
    for capture in names(pack, "captures"):
        where = f"captures/{capture}"
        if is_older(pack, where):
            older.add(capture)
        one = check_capture(pack, where, told.get(capture, []), pinned.get(capture, []), capture in older)
        yield from attempt(where, one)
    for capture in sorted(set(told) - set(names(pack, "captures"))):
        yield Finding(FAIL, f"captures/{capture}", f"is missing; {REDACTIONS} speaks of it")


def by_capture(anchors: Sequence[Anchor]) -> dict[str, list[Pin]]:
    """Which anchor names each capture, and as what; an honest one is named once."""
    found: dict[str, list[Pin]] = {}
    for anchor in anchors:
        for one in anchor.says["records"]:
            found.setdefault(one["capture_id"], []).append(Pin(anchor, one))
    return found


def read_redactions(pack: Path) -> dict[str, list[dict[str, str]]]:
    """What redactions.csv says of each capture: files that were left out, copies with parts blacked out."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in csv.DictReader(io.StringIO(read(pack, REDACTIONS).decode("utf-8-sig"), newline="")):
        found.setdefault(line["capture_id"], []).append(line)
    return found


def check_capture(
    pack: Path, where: str, told: Sequence[Mapping[str, str]], pinned: Sequence[Pin], older: bool
) -> Iterator[Finding]:
    record: dict[str, Any] = {}
    withheld = {line["file"]: line for line in told if line["what"] == "withheld"}
    if RECORD in withheld:
        record_sha256 = withheld[RECORD]["sha256"]
        yield Finding(PASS, f"{where}/{RECORD}", f"withheld on purpose: {withheld[RECORD]['why']}")
    else:
        record, record_sha256 = read_json(pack, f"{where}/{RECORD}"), sha256(read(pack, f"{where}/{RECORD}"))
        if f"captures/{record['capture_id']}" != where:
            yield Finding(FAIL, where, f"its record is that of another capture, {record['capture_id']}")
        yield from check_files(pack, where, record, withheld)
    copies = {line["copy"]: line["copy_sha256"] for line in told if line["copy"]}
    known = {file["name"] for file in record.get("files", ())} | {RECORD, METADATA}
    for name in sorted(set(names(pack, where)) - known - unsealed(known)):
        same = name in copies and has(inside(pack, f"{where}/{name}"), copies[name])
        right, wrong = "is the redacted copy that is listed", "does not belong to this capture"
        yield verdict(same, f"{where}/{name}", right, wrong)
    yield from check_anchored(where, record, record_sha256, pinned, older)


def check_files(
    pack: Path, where: str, record: Mapping[str, Any], withheld: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    good = 0
    for file in record["files"]:
        name, path = f"{where}/{file['name']}", inside(pack, f"{where}/{file['name']}")
        if path.is_file():
            if has(path, file.get("sealed_sha256") or file["sha256"]):
                good += 1
            else:
                yield Finding(FAIL, name, "is NOT the file that was recorded")
            yield from attempt(name, check_inside(pack, name, file))
        elif file["name"] in withheld:
            line = withheld[file["name"]]
            kept, wrong = (
                f"withheld on purpose: {line['why']}",
                "withheld, but its hash is not that of its record",
            )
            yield verdict(line["sha256"] == file["sha256"], name, kept, wrong)
        else:
            yield Finding(FAIL, name, "is missing, and nobody says that it was withheld")
    if good:
        files = "1 file is" if good == 1 else f"{good} files are"
        at = str(record["captured_at_utc"])[:19].replace("T", " ")
        yield Finding(PASS, where, f"{files} as recorded at {at} UTC")


def check_inside(pack: Path, name: str, file: Mapping[str, Any]) -> Iterator[Finding]:
    """What is within a file: the plain file of a sealed one, and the parts of a web archive."""
    if file.get("sealed_sha256"):
        name = name[: -len(".age")]
        if not inside(pack, name).is_file():
            yield Finding(
                OPEN, f"{name}.age", "is sealed: what it holds can be checked once the school opens it"
            )
            return
        same = has(inside(pack, name), file["sha256"])
        yield verdict(same, name, "is what was recorded and sealed", "is NOT what was recorded and sealed")
        if inside(pack, words_of(name)).exists():
            yield Finding(
                OPEN, words_of(name), "holds words that were sealed twice; of these there is no hash"
            )
    if name.endswith(".wacz"):
        yield from check_wacz(inside(pack, name), name)


def check_wacz(path: Path, where: str) -> Iterator[Finding]:
    """The hashes that a web archive carries of its own parts (WACZ 1.1.1)."""
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sum(sizes.values()) > LARGEST_UNPACKED or sizes["datapackage.json"] > LARGEST_TEXT:
            raise ValueError("it holds more than anything of ours would")
        package, digest = archive.read("datapackage.json"), archive.read("datapackage-digest.json")
        right = json.loads(digest.decode("utf-8"))["hash"] == f"sha256:{sha256(package)}"
        parts = {part["path"]: part for part in json.loads(package.decode("utf-8"))["resources"]}
        for name, part in parts.items():
            with archive.open(name) as file:
                found, length = sha256_of(file, LARGEST_UNPACKED)
            right = right and (part["hash"], part["bytes"]) == (f"sha256:{found}", length)
    right = right and set(sizes) == {*parts, "datapackage.json", "datapackage-digest.json"}
    yield verdict(
        right, where, "agrees with its own list of parts", "does NOT agree with its own list of parts"
    )


def is_older(pack: Path, where: str) -> bool:
    """Whether a capture says of itself that it is of before the chain: only the first versions took such."""
    try:
        name = RECORD if inside(pack, f"{where}/{RECORD}").exists() else METADATA
        return read_json(pack, f"{where}/{name}").get("chain_index") is None
    except UNREADABLE:
        return False


def check_anchored(
    where: str, record: Mapping[str, Any], record_sha256: str, pinned: Sequence[Pin], older: bool
) -> Iterator[Finding]:
    """Whether an anchor names this record, in this place of the chain, and not before it was made."""
    if not pinned:
        why = "no anchor names it: nothing outside this pack pins it"
        yield Finding(OPEN, where, f"{why}. It is {OLDER}") if older else Finding(FAIL, where, why)
        return
    anchor, one = pinned[0]
    right = f"its record is number {one['index']} of the chain, and pinned by anchor {anchor.number}"
    wrong = f"its record is NOT the one that anchor {anchor.number} names: it was changed or exchanged"
    yield verdict(len(pinned) == 1 and one["sha256"] == record_sha256, where, right, wrong)
    if not record:
        return
    before = {other["index"]: other["sha256"] for other in anchor.says["records"]}.get(one["index"] - 1)
    if record["chain_index"] != one["index"] or before not in (None, record["previous_record_sha256"]):
        yield Finding(FAIL, where, "is not in the place of the chain where its record says it is")
    if moment(record["captured_at_utc"]) > moment(anchor.says["made_at"]) + SLACK:
        yield Finding(OPEN, where, f"says that it was taken after the anchor that names it was made: {SET}")


# --- Custody: who did what, each entry with the hash of the one before, up to what the anchors pin ----------


def check_custody(pack: Path, anchors: Sequence[Anchor], older: set[str]) -> Iterator[Finding]:
    """Entries of other matters stand there as hashes only, so that the log can be followed through them."""
    where, log, captured, breaks = "custody.json", read_json(pack, "custody.json"), set(), []
    number, head = log["first"] - 1, log["previous_sha256"]
    heads = {number: head}
    for number, entry in enumerate(log["entries"], log["first"]):
        event = entry.get("event", {})
        event_sha256 = sha256(canonical(event)) if event else entry["event_sha256"]
        head = sha256(canonical({"event_sha256": event_sha256, "number": number, "previous_sha256": head}))
        heads[number] = head
        if event and entry["sha256"] != head:
            breaks.append(f"entry {number} was changed, or one before it was changed or left out")
        captured |= {event["capture"]} if event.get("deed") == "captured" else set()
    for anchor in anchors:
        pinned, wanted = anchor.says["custody_entries"], anchor.says["custody_head_sha256"]
        if heads.get(pinned, wanted) != wanted:
            breaks.append(f"entry {pinned} is NOT the one that anchor {anchor.number} pins")
    pinned = max((anchor.says["custody_entries"] for anchor in anchors), default=0)
    if number < pinned:
        breaks.append(f"ends with entry {number}, but entry {pinned} is pinned: some were left out")
    elif number > pinned:
        yield Finding(OPEN, where, f"entries {pinned + 1} to {number} are newer than the newest anchor")
    yield from (Finding(FAIL, where, what) for what in breaks)
    if not breaks:
        followed = f"entries {log['first']} to {number} were followed, each from the one before"
        yield Finding(PASS, where, followed)
    for capture in sorted(set(names(pack, "captures")) - captured):
        who = f"no entry says who took capture {capture}"
        yield Finding(OPEN, where, f"{who}. It is {OLDER}") if capture in older else Finding(FAIL, where, who)


# --- Telling a person ---------------------------------------------------------------------------------------


def as_text(found: Sequence[Finding]) -> str:
    """The findings line by line, without what a terminal would obey, and what they come to."""
    lines = [f"{one.mark}  {printable(one.where)}: {printable(one.what)}" for one in found]
    count = {mark: sum(one.mark == mark for one in found) for mark in (PASS, FAIL, OPEN)}
    left = "1 is open" if count[OPEN] == 1 else f"{count[OPEN]} are open"
    lines += ["", f"{count[PASS]} checks passed, {count[FAIL]} failed, {left}."]
    if count[FAIL]:
        lines += ["Do not rely on this pack before every line that says FAIL has been explained."]
    else:
        lines += ["What was checked fits together. What is OPEN is for you to settle."] if count[OPEN] else []
        lines += [
            "That does not show what the website itself sent, nor who wrote it: README.txt says what this"
        ]
        lines += ["pack can show and what it cannot."]
    return "\n".join(lines)


def printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:400])


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("pack", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--roots", type=Path, metavar="FILE", help="root certificates (PEM) that you trust")
    asked.add_argument("--manifest", default="", metavar="SHA256", help="the hash of manifest.sha256")
    given = asked.parse_args()
    if given.roots and not given.roots.is_file():
        asked.error(f"there is no file {given.roots}")
    found = check(given.pack, given.roots, given.manifest)
    sys.stdout.buffer.write(as_text(found).encode(sys.stdout.encoding or "ascii", "replace") + b"\n")
    return 1 if any(one.mark == FAIL for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
