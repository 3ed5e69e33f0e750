"""Tampering with evidence as cunningly as can be without the signing key and the authorities.

Whoever does it here may write to all of database and disk, knows this program, and puts every hash in order
again behind themselves: records, rows, chain and custody log.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, text, update
from vaults import SCHOOL, Vault, stamp_of

from monitor.anchors import NOTHING_BEFORE, Anchor
from monitor.captures import FIRST, Capture
from monitor.custody import BEFORE_THE_FIRST, Deed, Entry, Event, entry_after
from monitor.evidence import archive
from monitor.store.database import Database
from monitor.store.tables import anchors, captures, custody, stamps

Change = Callable[[dict[str, Any]], None]
NO_TIME = text("'the day before'")
NO_JSON = text("'[\"x'")
NO_LETTERS = text("CAST(x'ff41' AS TEXT)")
"""What no program of ours would write into a cell, but a failing disk or a person at the database may."""


@dataclass(frozen=True)
class Forger:
    """Somebody with their hands in a vault, and chance; `anchored` captures lie behind an anchor."""

    vault: Vault
    chance: random.Random

    @property
    def captures(self) -> list[Capture]:
        """All captures, in the order of the chain."""
        return list(self.vault.store.holdings(SCHOOL).captures)

    @property
    def anchored(self) -> list[Capture]:
        """Those that lie behind an anchor, and still are there."""
        words = json.loads(self.anchors[-1].statement)
        return [
            one
            for one in self.captures
            if one.link and one.link.index <= words["records_total"] and not one.forgotten_at
        ]

    @property
    def anchors(self) -> list[Anchor]:
        """All anchors."""
        return self.vault.store.anchors.of_school(SCHOOL)

    @property
    def events(self) -> list[Event]:
        """The whole custody log, without its hashes."""
        return [entry.event for entry in self.vault.store.custody.of_school(SCHOOL)]

    def any_anchored(self) -> Capture:
        """One capture by chance."""
        return self.chance.choice(self.anchored)

    def any_file(self, capture: Capture, *, record: bool = True) -> str:
        """The name of one of its files by chance."""
        return self.chance.choice([file.name for file in capture.files] + [archive.RECORD] * record)

    def write(self, *statements: Any) -> None:
        """Change the database past the store."""
        database = Database(f"sqlite:///{self.vault.folder}/monitor.db")
        with database.writing() as connection:
            for statement in statements:
                connection.execute(statement)
        database.close()

    def set_row(self, capture: Capture, **values: Any) -> None:
        """Change a row."""
        self.write(update(captures).where(captures.c.id == capture.id).values(**values))

    def flip(self, capture: Capture, name: str) -> None:
        """Change one byte of a file."""
        path = self.vault.root / capture.folder / name
        content = bytearray(path.read_bytes())
        content[self.chance.randrange(len(content))] ^= 1 << self.chance.randrange(8)
        path.write_bytes(content)

    def mend(
        self, chain: Sequence[Capture], change: Mapping[str, Change], *, gone: Set[str] = frozenset()
    ) -> None:
        """Put every hash in order for these captures in this order: files, records, rows, chain and log.

        `change` says what is to be changed in the record of a capture, by its id.
        """
        previous, rows, hashes = FIRST.previous_sha256, [], {}
        for index, capture in enumerate(chain, 1):
            sha256, values = self._mended(capture, index, previous, change.get(capture.id))
            rows.append((capture.id, values))
            hashes[capture.id], previous = sha256, sha256
        self.write(
            update(captures).values(chain_index=None),
            *(update(captures).where(captures.c.id == one).values(**values) for one, values in rows),
        )
        self.rewrite_log([_with_hash(event, hashes) for event in self.events if event.capture not in gone])

    def _mended(
        self, capture: Capture, index: int, previous: str, change: Change | None
    ) -> tuple[str, dict[str, Any]]:
        chained = {"chain_index": index, "previous_sha256": previous}
        if capture.forgotten_at:
            return capture.record_sha256, chained
        folder = self.vault.root / capture.folder
        record = json.loads((folder / archive.RECORD).read_bytes())
        for file in record["files"]:
            content = (folder / file["name"]).read_bytes()
            file |= {"bytes": len(content), "sha256": archive.sha256(content)}
        record |= {"chain_index": index, "previous_record_sha256": previous}
        if change is not None:
            change(record)
        (folder / archive.RECORD).write_bytes(archive.canonical(record))
        told = archive.read(self.vault.root, folder)
        return told.record_sha256, chained | {
            "record_sha256": told.record_sha256,
            "files": [asdict(file) for file in told.files],
            "captured_at": told.captured_at,
            "limits": list(told.limits),
        }

    def remove(self, gone: Sequence[Capture]) -> None:
        """Remove captures with their folders and rows."""
        for capture in gone:
            shutil.rmtree(self.vault.root / capture.folder)
            self.write(delete(captures).where(captures.c.id == capture.id))

    def rewrite_log(self, events: Sequence[Event]) -> None:
        """Write a custody log of these events, whole in itself."""
        head, rows = BEFORE_THE_FIRST, []
        for number, event in enumerate(events):
            entry = entry_after(number, head, event)
            head = entry.sha256
            rows.append(insert(custody).values(**_log_row(entry)))
        self.write(delete(custody), *rows)

    def resign(self, key: Ed25519PrivateKey, words: Sequence[dict[str, Any]]) -> None:
        """Make these the statements of all anchors, chained and signed with a key of the forger's own."""
        previous, statements = NOTHING_BEFORE, []
        for anchor, told in zip(self.anchors, words, strict=True):
            told |= {
                "previous_anchor_sha256": previous,
                "public_key": key.public_key().public_bytes_raw().hex(),
            }
            made = replace(anchor, statement=archive.canonical(told))
            signed = {"statement": made.statement, "signature": key.sign(made.statement)}
            here = update(anchors).where(anchors.c.number == anchor.number)
            statements.append(here.values(**signed, public_key=key.public_key().public_bytes_raw()))
            previous = made.sha256
        self.write(*statements)


def _with_hash(event: Event, hashes: Mapping[str, str]) -> Event:
    return replace(event, object_sha256=hashes.get(event.capture or "", event.object_sha256))


def _log_row(entry: Entry) -> dict[str, Any]:
    event = asdict(entry.event)
    return {
        **{key: value for key, value in event.items() if key != "school"},
        "deed": entry.event.deed.value,
        "school_id": entry.event.school,
        "number": entry.number,
        "previous_sha256": entry.previous_sha256,
        "sha256": entry.sha256,
    }


# What may be done. Each says of what the report must speak: any one of these.


def flip_a_byte(by: Forger) -> Set[str]:
    """One bit of one file."""
    capture = by.any_anchored()
    by.flip(capture, by.any_file(capture))
    return {capture.id}


def flip_a_byte_and_mend_the_record(by: Forger) -> Set[str]:
    """One bit of a file, the record's hash of it, and the row's hash of the record; nothing beyond."""
    capture = by.any_anchored()
    by.flip(capture, by.any_file(capture, record=False))
    assert capture.link is not None
    sha256, values = by._mended(capture, capture.link.index, capture.link.previous_sha256, None)
    by.set_row(capture, **values)
    assert sha256 != capture.record_sha256
    return {capture.id}


def replace_a_file_and_mend_everything(by: Forger) -> Set[str]:
    """A whole file, and every hash everywhere but in the anchors."""
    capture = by.any_anchored()
    path = by.vault.root / capture.folder / by.any_file(capture, record=False)
    path.write_bytes(by.chance.randbytes(by.chance.randrange(1, 4000)))
    by.mend(by.captures, {})
    return {capture.id}


def back_date_and_mend_everything(by: Forger) -> Set[str]:
    """The time of one record, and every hash everywhere but in the anchors."""
    capture = by.any_anchored()
    earlier = capture.captured_at - timedelta(hours=by.chance.randrange(1, 500))
    by.mend(by.captures, {capture.id: lambda record: record.update(captured_at_utc=earlier.isoformat())})
    return {capture.id}


def change_a_record_and_mend_everything(by: Forger) -> Set[str]:
    """The address in one record, and every hash everywhere but in the anchors."""
    capture = by.any_anchored()
    by.mend(by.captures, {capture.id: lambda record: record.update(url_requested="https://other.example/")})
    return {capture.id}


def change_a_record(by: Forger) -> Set[str]:
    """The address in one record, in canonical form; the row says the new hash."""
    capture = by.any_anchored()
    path = by.vault.root / capture.folder / archive.RECORD
    record = json.loads(path.read_bytes()) | {"url_requested": "https://other.example/"}
    path.write_bytes(archive.canonical(record))
    if by.chance.random() < 0.5:
        by.set_row(capture, record_sha256=archive.sha256(path.read_bytes()))
    return {capture.id}


def write_a_record_otherwise(by: Forger) -> Set[str]:
    """The same words, in another layout."""
    capture = by.any_anchored()
    path = by.vault.root / capture.folder / archive.RECORD
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=1))
    return {capture.id}


def ruin_a_record(by: Forger) -> Set[str]:
    """A record that no longer can be read."""
    capture = by.any_anchored()
    ruins = [b"", b"[]", b"\xff", b'{"files":1}', b"[" * 200_000, b'{"a":1e999}', b'{"chain_index":"x"}']
    (by.vault.root / capture.folder / archive.RECORD).write_bytes(by.chance.choice(ruins))
    return {capture.id}


def remove_a_file(by: Forger) -> Set[str]:
    """One file."""
    capture = by.any_anchored()
    (by.vault.root / capture.folder / by.any_file(capture)).unlink()
    return {capture.id}


def remove_a_folder(by: Forger) -> Set[str]:
    """All files of a capture."""
    capture = by.any_anchored()
    shutil.rmtree(by.vault.root / capture.folder)
    return {capture.id}


def remove_a_row(by: Forger) -> Set[str]:
    """A row; the files stay."""
    capture = by.any_anchored()
    by.write(delete(captures).where(captures.c.id == capture.id))
    return {capture.id}


def remove_without_a_trace(by: Forger) -> Set[str]:
    """A capture with files, row and log, and the chain closed again behind it."""
    capture = by.any_anchored()
    by.remove([capture])
    by.mend(by.captures, {}, gone={capture.id})
    return {capture.id}


def cut_the_chain(by: Forger) -> Set[str]:
    """The newest captures with files, rows and log, so that all that is left is whole in itself."""
    anchored = by.anchored
    cut = anchored[-by.chance.randrange(1, 4) :]
    gone = [one for one in by.captures if one.link and cut[0].link and one.link.index >= cut[0].link.index]
    by.remove([one for one in gone if not one.forgotten_at])
    by.write(*(delete(captures).where(captures.c.id == one.id) for one in gone))
    by.mend(by.captures, {}, gone={one.id for one in gone})
    return {one.id for one in cut}


def cut_chain_and_anchors(by: Forger) -> Set[str]:
    """The newest captures, and the anchors that name them with their stamps; the log still tells of those."""
    last = by.anchors[-1]
    first = json.loads(last.statement)["records"][0]["index"]
    gone = [one for one in by.captures if one.link and one.link.index >= first]
    by.remove([one for one in gone if not one.forgotten_at])
    by.write(
        delete(stamps).where(
            stamps.c.anchor.in_(select(anchors.c.id).where(anchors.c.number == last.number))
        ),
        delete(anchors).where(anchors.c.number == last.number),
    )
    by.mend(by.captures, {}, gone={one.id for one in gone})
    return {f"anchor {last.number}"}


def swap_two_places(by: Forger) -> Set[str]:
    """The order of two captures in the chain, with every hash mended."""
    one, two = by.chance.sample(by.anchored, 2)
    swapped = {one.id: two, two.id: one}
    by.mend([swapped.get(each.id, each) for each in by.captures], {})
    return {one.id, two.id}


def swap_two_folders(by: Forger) -> Set[str]:
    """The files of two captures."""
    one, two = by.chance.sample(by.anchored, 2)
    first, second = by.vault.root / one.folder, by.vault.root / two.folder
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    return {one.id, two.id}


def swap_two_rows(by: Forger) -> Set[str]:
    """What two rows say of their files."""
    one, two = by.chance.sample(by.anchored, 2)
    for to, of in ((one, two), (two, one)):
        files = [asdict(file) for file in of.files]
        by.set_row(to, files=files, record_sha256=of.record_sha256, folder=of.folder)
    return {one.id, two.id}


def change_a_row(by: Forger) -> Set[str]:
    """What one row says, for those who read only the database."""
    capture = by.any_anchored()
    values: list[dict[str, Any]] = [
        {"captured_at": capture.captured_at - timedelta(days=3)},
        {"kind": "element_screenshot"},
        {"limits": []},
        {"progress": "limited"},
        {"files": []},
        {"record_sha256": "0" * 64},
        {"previous_sha256": "0" * 63 + "1"},
        {"folder": f"{SCHOOL}/2026/elsewhere"},
        {"folder": "../../../../etc"},
        {"folder": ""},
        {"folder": "\0"},
        {"folder": "x" * 5_000},
        {"kind": "page_screenshos"},
        {"progress": "complet"},
        {"files": [{"name": "x"}]},
        {"files": [asdict(file) | {"name": "\0"} for file in capture.files]},
        {"files": [asdict(file) | {"bytes": "many"} for file in capture.files]},
        {"files": NO_JSON},
        {"limits": 7},
        {"limits": NO_JSON},
        {"captured_at": NO_TIME},
        {"record_sha256": NO_LETTERS},
        {"chain_index": 2**60},
        {"chain_index": text("'first'")},
        {"chain_index": None},
    ]
    by.set_row(capture, **by.chance.choice(values))
    return {capture.id}


def add_a_file(by: Forger) -> Set[str]:
    """A file that was never taken."""
    capture = by.any_anchored()
    (by.vault.root / capture.folder / by.chance.choice(["extra.png", ".hidden", "record.json~"])).write_bytes(
        b"x"
    )
    return {capture.id}


def put_a_link_in_place_of_a_file(by: Forger) -> Set[str]:
    """The same bytes, but from a place where they can be changed later, or a pipe that never ends."""
    capture = by.any_anchored()
    path = by.vault.root / capture.folder / by.any_file(capture)
    aside = by.vault.folder / "aside"
    path.rename(aside)
    if by.chance.random() < 0.5:
        path.symlink_to(aside)
    else:
        os.mkfifo(path)
    return {capture.id}


def insert_a_capture(by: Forger) -> Set[str]:
    """A capture that never was, in the middle of the chain, with every hash mended."""
    place = by.chance.randrange(len(by.anchored))
    before = by.captures
    by.vault.at = before[place].captured_at
    false = by.vault.capture(900)
    by.mend([*before[:place], false, *before[place:]], {})
    return {before[place].id, false.id}


def say_that_it_was_deleted(by: Forger) -> Set[str]:
    """A capture as if retention had let it go, without its entry in the log."""
    capture = by.any_anchored()
    shutil.rmtree(by.vault.root / capture.folder)
    by.set_row(capture, forgotten_at=by.vault.at, removed_at=by.vault.at, files=[], limits=[])
    return {capture.id}


def delete_what_is_on_hold(by: Forger) -> Set[str]:
    """A capture of an alert on hold, with an entry that makes it look lawful."""
    capture = by.any_anchored()
    by.vault.store.custody.append(
        Event(school=SCHOOL, at=by.vault.at, deed=Deed.HELD, by="Dana Lead", why="police", alert=7)
    )
    by.set_row(capture, forgotten_at=by.vault.at, removed_at=by.vault.at, files=[], limits=[])
    by.vault.do(Deed.DELETED, replace(capture, alert=7), "retention")
    shutil.rmtree(by.vault.root / capture.folder)
    return {capture.id}


def bring_back_what_was_deleted(by: Forger) -> Set[str]:
    """A deleted capture as if it had been kept, with files of the forger's own."""
    gone = next(one for one in by.captures if one.forgotten_at)
    folder = by.vault.root / SCHOOL / "2026" / gone.id
    folder.mkdir()
    (folder / archive.RECORD).write_bytes(archive.canonical({"files": [], "capture_id": gone.id}))
    by.set_row(gone, forgotten_at=None, removed_at=None)
    return {gone.id}


def _logged(by: Forger) -> int:
    """An entry of the log by chance that lies behind an anchor; its place from 0 on."""
    return by.chance.randrange(json.loads(by.anchors[-1].statement)["custody_entries"])


def change_a_custody_line(by: Forger) -> Set[str]:
    """What one line says."""
    number = _logged(by) + 1
    values: list[dict[str, Any]] = [
        {"why": "nothing"},
        {"by": "Somebody Else"},
        {"object_sha256": "f" * 64},
        {"alert": 9},
        {"alert": 2**60},
        {"alert": text("'A-9'")},
        {"deed": "viewee"},
        {"at": NO_TIME},
        {"why": NO_LETTERS},
        {"by": text("x'00'")},
        {"number": 2**60},
        {"number": text("'first'")},
    ]
    by.write(update(custody).where(custody.c.number == number).values(**by.chance.choice(values)))
    return {f"custody entry {number}"}


def change_a_custody_line_and_mend_the_log(by: Forger) -> Set[str]:
    """What one line says, and every hash from there on."""
    events, place = by.events, _logged(by)
    events[place] = replace(events[place], by="Somebody Else", why="nothing")
    by.rewrite_log(events)
    return {"custody log"}


def remove_a_custody_line(by: Forger) -> Set[str]:
    """One line; the others stay as they were."""
    number = _logged(by) + 1
    by.write(delete(custody).where(custody.c.number == number))
    return {f"custody entry {number}", "custody log"}


def remove_a_custody_line_and_mend_the_log(by: Forger) -> Set[str]:
    """One line, and the log closed again behind it."""
    events = by.events
    del events[_logged(by)]
    by.rewrite_log(events)
    return {"custody log"}


def swap_two_custody_lines(by: Forger) -> Set[str]:
    """The order of two lines, with the log mended."""
    events, place = by.events, _logged(by)
    other = (place + 1) % len(events)
    events[place], events[other] = events[other], events[place]
    by.rewrite_log(events)
    return {"custody log"}


def cut_the_custody_log(by: Forger) -> Set[str]:
    """The end of the log, or all of it."""
    by.write(delete(custody).where(custody.c.number > by.chance.choice([0, _logged(by)])))
    return {"custody log"}


def remove_an_anchor(by: Forger) -> Set[str]:
    """One anchor with its stamps."""
    anchor = by.chance.choice(by.anchors)
    which = select(anchors.c.id).where(anchors.c.number == anchor.number)
    by.write(
        delete(stamps).where(stamps.c.anchor.in_(which)),
        delete(anchors).where(anchors.c.number == anchor.number),
    )
    return {f"anchor {anchor.number}"}


def change_an_anchor(by: Forger) -> Set[str]:
    """What an anchor says, or when it was made."""
    anchor = by.chance.choice(by.anchors)
    told = json.loads(anchor.statement) | {"records_total": 1, "record_head_sha256": "0" * 64}
    values: list[dict[str, Any]] = [
        {"statement": archive.canonical(told)},
        {"statement": b"{}"},
        {"statement": b""},
        {"statement": anchor.statement[:-1]},
        {"statement": anchor.statement[1:]},
        {"statement": text("'{}'")},
        {"statement": archive.canonical(told | {"records_total": 10**15})},
        {"made_at": NO_TIME},
        {"public_key": text("'key'")},
        {"number": 2**60},
        {"number": text("'first'")},
        {"statement": anchor.statement + b" "},
        {"made_at": anchor.made_at - timedelta(days=1)},
        {"signature": by.chance.randbytes(64)},
        {"signature": b""},
        {"public_key": Ed25519PrivateKey.generate().public_key().public_bytes_raw()},
        {"public_key": b"short"},
    ]
    by.write(update(anchors).where(anchors.c.number == anchor.number).values(**by.chance.choice(values)))
    return {f"anchor {anchor.number}"}


def mend_everything_and_sign_with_another_key(by: Forger) -> Set[str]:
    """A file, all hashes, and all anchors, signed anew with a key of the forger's own; the stamps stay."""
    capture = by.any_anchored()
    (by.vault.root / capture.folder / by.any_file(capture, record=False)).write_bytes(b"something else")
    by.mend(by.captures, {})
    _sign_anew(by)
    return {"time-stamp of anchor"}


def mend_everything_and_drop_the_stamps(by: Forger) -> Set[str]:
    """The same, without the stamps that would tell, and without the lines of the log that tell of stamps."""
    capture = by.any_anchored()
    (by.vault.root / capture.folder / by.any_file(capture, record=False)).write_bytes(b"something else")
    by.mend(by.captures, {})
    by.write(delete(stamps))
    by.rewrite_log([event for event in by.events if event.deed is not Deed.STAMPED])
    _sign_anew(by)
    return {"signed with a key that this machine does not have"}


def _sign_anew(by: Forger) -> None:
    rows = {one.link.index: one for one in by.captures if one.link}
    log = by.vault.store.custody.of_school(SCHOOL)
    words = [json.loads(anchor.statement) for anchor in by.anchors]
    for told in words:
        for named in told["records"]:
            named["sha256"] = rows[named["index"]].record_sha256
        told["record_head_sha256"] = rows[told["records_total"]].record_sha256
        told["custody_entries"] = min(told["custody_entries"], len(log))
        told["custody_head_sha256"] = log[told["custody_entries"] - 1].sha256
    by.resign(Ed25519PrivateKey.generate(), words)


def change_a_time_stamp(by: Forger) -> Set[str]:
    """The token of one authority, taken from another anchor, emptied, or of one's own making; or its row."""
    made = by.vault.store.anchors.stamps(SCHOOL)
    one = by.chance.choice(made)
    other = next(each for each in made if each.anchor != one.anchor and each.authority == one.authority)
    values: list[dict[str, Any]] = [
        *({"token": token} for token in (other.token, b"", one.token[:-1], by.chance.randbytes(200))),
        {"token": text("'token'")},
        {"state": "xx"},
        {"stamped_at": NO_TIME},
        {"certificates": NO_LETTERS},
    ]
    by.write(update(stamps).where(stamps.c.id == one.id).values(**by.chance.choice(values)))
    return {f"time-stamp of anchor {one.anchor}"}


def _stamped_by_oneself(by: Forger) -> tuple[int, dict[str, Any]]:
    """A time-stamp by chance that lies behind an anchor, and a token with a root of the forger's own."""
    key = Ed25519PrivateKey.generate()
    one = by.chance.choice([one for one in by.vault.store.anchors.stamps(SCHOOL) if one.anchor == 1])
    token = stamp_of(by.anchors[0], one.authority, key)
    return one.id, {"token": token, "certificates": key.public_key().public_bytes_raw().hex()}


def time_stamp_with_a_root_of_ones_own(by: Forger) -> Set[str]:
    """Token and certificates, whole in themselves."""
    which, values = _stamped_by_oneself(by)
    by.write(update(stamps).where(stamps.c.id == which).values(**values))
    return {"time-stamp of anchor 1"}


def time_stamp_with_a_root_of_ones_own_and_mend_the_log(by: Forger) -> Set[str]:
    """Token and certificates, and the line of the log that tells of the token."""
    which, values = _stamped_by_oneself(by)
    (before,) = (one.token for one in by.vault.store.anchors.stamps(SCHOOL) if one.id == which)
    by.write(update(stamps).where(stamps.c.id == which).values(**values))
    hashes = {archive.sha256(before): archive.sha256(values["token"])}
    by.rewrite_log(
        [
            replace(event, object_sha256=hashes.get(event.object_sha256, event.object_sha256))
            for event in by.events
        ]
    )
    return {"custody log"}


def add_a_time_stamp_of_ones_own(by: Forger) -> Set[str]:
    """One more, by an authority that never was."""
    key, anchor = Ed25519PrivateKey.generate(), by.chance.choice(by.anchors)
    values = {
        "anchor": select(anchors.c.id).where(anchors.c.number == anchor.number).scalar_subquery(),
        "school_id": SCHOOL,
        "authority": "Old Tower",
        "state": "ok",
        "attempts": 1,
        "next_try_at": by.vault.at,
        "error": "",
        "token": stamp_of(anchor, "Old Tower", key),
        "certificates": key.public_key().public_bytes_raw().hex(),
        "policy": "",
        "stamped_at": anchor.made_at,
    }
    by.write(insert(stamps).values(**values))
    return {f"time-stamp of anchor {anchor.number} by Old Tower"}


def remove_a_time_stamp(by: Forger) -> Set[str]:
    """The time-stamp of one authority."""
    one = by.chance.choice(by.vault.store.anchors.stamps(SCHOOL))
    by.write(delete(stamps).where(stamps.c.id == one.id))
    return {f"anchor {one.anchor}, time-stamped by {one.authority}"}


MANIPULATIONS: tuple[Callable[[Forger], Set[str]], ...] = (
    flip_a_byte,
    flip_a_byte_and_mend_the_record,
    replace_a_file_and_mend_everything,
    back_date_and_mend_everything,
    change_a_record_and_mend_everything,
    change_a_record,
    write_a_record_otherwise,
    ruin_a_record,
    remove_a_file,
    remove_a_folder,
    remove_a_row,
    remove_without_a_trace,
    cut_the_chain,
    cut_chain_and_anchors,
    swap_two_places,
    swap_two_folders,
    swap_two_rows,
    change_a_row,
    add_a_file,
    put_a_link_in_place_of_a_file,
    insert_a_capture,
    say_that_it_was_deleted,
    delete_what_is_on_hold,
    bring_back_what_was_deleted,
    change_a_custody_line,
    change_a_custody_line_and_mend_the_log,
    remove_a_custody_line,
    remove_a_custody_line_and_mend_the_log,
    swap_two_custody_lines,
    cut_the_custody_log,
    remove_an_anchor,
    change_an_anchor,
    mend_everything_and_sign_with_another_key,
    mend_everything_and_drop_the_stamps,
    change_a_time_stamp,
    time_stamp_with_a_root_of_ones_own,
    time_stamp_with_a_root_of_ones_own_and_mend_the_log,
    add_a_time_stamp_of_ones_own,
    remove_a_time_stamp,
)


@dataclass(frozen=True)
class Tampering:
    """One manipulation of a copy of a vault, and what the report then said."""

    what: str
    named: Set[str]
    said: str

    @property
    def found(self) -> bool:
        """Whether it was found and named."""
        return any(name in self.said for name in self.named)


def tamper(vault: Vault, folder: Path, seed: int, manipulate: Callable[[Forger], Set[str]]) -> Tampering:
    """Tamper with a copy of a vault in this folder, and verify the copy."""
    copy = vault.copy(folder)
    named = manipulate(Forger(copy, random.Random(seed)))
    report = copy.verify()
    copy.store.close()
    shutil.rmtree(folder)
    said = "\n".join(f"{finding.where}: {finding.what}" for finding in report.findings)
    return Tampering(f"{manipulate.__name__}, seed {seed}", named, said)
