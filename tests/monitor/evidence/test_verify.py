"""Verification finds and names what was changed behind an anchor, and raises no alarm where nothing was."""

import random
import shutil
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from forgery import MANIPULATIONS, NO_JSON, NO_LETTERS, NO_TIME, Forger, tamper
from sqlalchemy import Table, select, update
from vaults import SCHOOL, START, Vault, check_stamp, fill, let_the_oldest_go, open_vault

from monitor.captures import Capture
from monitor.custody import Deed
from monitor.evidence import archive, wacz
from monitor.evidence.quarantine import quarantine
from monitor.evidence.sealing import KeyPair, Sealer
from monitor.evidence.verify import verify
from monitor.store.tables import anchors, captures, custody, stamps


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Four batches, the last not yet anchored, and one capture that was lawfully deleted."""
    vault = open_vault(tmp_path_factory.mktemp("vault") / "original")
    fill(vault, [3, 3, 3])
    let_the_oldest_go(vault)
    vault.anchor()
    fill(vault, [2])
    yield vault
    vault.store.close()


@pytest.fixture
def vault(filled: Vault, tmp_path: Path) -> Iterator[Vault]:
    """A copy, to do with as one likes."""
    copy = filled.copy(tmp_path / "copy")
    yield copy
    copy.store.close()


def archive_of_a_page(folder: Path) -> bytes:
    """A small WACZ."""
    answer = wacz.Answer(
        at=START,
        url="https://forum.example/",
        method="GET",
        sent=(),
        posted=b"",
        status=200,
        reason="OK",
        headers=(("Content-Type", "text/html"),),
        body=b"<p>a gate</p>",
        address="127.0.0.1",
    )
    shown = wacz.Shown(url=answer.url, at=START, title="Harrowby")
    wacz.write(folder / "page.wacz", [answer], shown, software="test", limits=())
    return (folder / "page.wacz").read_bytes()


def test_what_nobody_touched_raises_no_alarm(vault: Vault) -> None:
    report = vault.verify()

    assert (report.findings, report.notes) == ((), ())
    assert report.sound
    assert (report.captures, report.files, report.deleted) == (10, 40, 1)
    assert (report.anchors, report.stamps) == (3, 6)
    assert report.bytes > 10 * 2_500


def test_newer_records_are_said_to_be_not_yet_anchored(vault: Vault) -> None:
    newest = vault.store.captures.of_school(SCHOOL)[-2:]

    report = vault.verify()

    assert report.unanchored == 2
    assert report.unanchored_since == newest[0].captured_at


@pytest.mark.parametrize("manipulate", MANIPULATIONS, ids=lambda one: str(one.__name__))
def test_each_manipulation_is_found_and_named(
    filled: Vault, tmp_path: Path, manipulate: Callable[[Forger], Set[str]]
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)

    tampering = tamper(filled, tmp_path / "tampered", seed, manipulate)

    assert tampering.found, f"{tampering.what}: {sorted(tampering.named)} not in\n{tampering.said}"


@pytest.mark.parametrize(
    ("table", "values", "where", "why"),
    [
        (captures, {"kind": "page_screenshos"}, "capture 01", "'page_screenshos' is not a valid Kind"),
        (captures, {"files": [{"name": "x"}]}, "capture 01", "missing 4 required"),
        (captures, {"captured_at": NO_TIME}, "capture 01", "'the day before'"),
        (captures, {"limits": NO_JSON}, "capture 01", "Unterminated string"),
        (custody, {"deed": "viewee"}, "custody entry 3", "'viewee' is not a valid Deed"),
        (custody, {"alert": 2**60}, "custody entry 3", "alert holds 1152921504606846976"),
        (custody, {"why": NO_LETTERS}, "custody entry 3", "Could not decode"),
        (anchors, {"made_at": NO_TIME}, "anchor 3", "'the day before'"),
        (stamps, {"state": "xx"}, "time-stamp of anchor 2 by Clock House", "'xx' is not a valid StampState"),
    ],
    ids=["kind", "files", "captured_at", "limits", "deed", "alert", "why", "made_at", "state"],
)
def test_a_row_that_cannot_be_read_is_named_and_all_others_are_held_against_each_other(
    vault: Vault, table: Table, values: dict[str, Any], where: str, why: str
) -> None:
    Forger(vault, random.Random(1)).write(update(table).where(table.c.id == _third(table)).values(**values))

    report = vault.verify()

    (finding,) = (one for one in report.findings if "cannot be read" in one.what)
    assert finding.where.startswith(where)
    assert why in finding.what
    assert (report.captures, report.anchors) == (10 - (table is captures), 3 - (table is anchors))


def _third(table: Table) -> Any:
    return select(table.c.id).order_by(table.c.id).offset(2).limit(1).scalar_subquery()


def test_a_capture_whose_row_no_longer_says_where_it_lies_is_missing_and_not_passed_over(
    vault: Vault,
) -> None:
    gone = taken(vault)
    shutil.rmtree(vault.root / gone.folder)
    Forger(vault, random.Random()).set_row(gone, folder="")

    for report in (vault.verify(), vault.verify(only=gone.id)):
        (finding,) = report.findings
        assert gone.id in finding.where
        assert finding.what == "its folder '' is missing."


def test_a_line_of_the_log_that_says_quarantine_shuts_no_eyes_to_files_that_never_moved(
    vault: Vault,
) -> None:
    changed = taken(vault)
    (vault.root / changed.folder / "page.html").write_bytes(b"changed")
    vault.do(Deed.QUARANTINED, changed, "to hide it")

    report = vault.verify()

    assert [finding.what.partition(", ")[0] for finding in report.findings] == [
        f"{name!r} still lies in its folder" for name in ("page.html", "post.json", "screenshot.png")
    ]
    (note,) = report.notes
    assert note.what.startswith("its files lie in quarantine, moved and not read again: Dana Lead shut them")
    number = vault.store.custody.of_school(SCHOOL)[-1].number
    assert note.what.endswith(f"on {vault.at:%Y-%m-%d %H:%M} UTC (custody entry {number}).")


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_what_was_moved_to_quarantine_is_in_order_and_a_file_of_another_length_is_found(
    vault: Vault, sealed: bool
) -> None:
    keys = KeyPair.new(), KeyPair.new()
    capture = sealed_capture(vault, Sealer([key.public for key in keys])) if sealed else taken(vault)
    quarantine(vault.folder, capture)
    vault.do(Deed.QUARANTINED, capture, "sent by mistake")
    assert vault.verify().sound
    name = capture.files[0].name
    moved = vault.folder / "quarantine" / capture.id / name
    moved.unlink()
    moved.write_bytes(b"another")

    (finding,) = vault.verify().findings

    assert finding.what == f"{name} was changed: in quarantine it has another length."


def taken(vault: Vault) -> Capture:
    """An anchored capture that is still there."""
    return vault.store.captures.of_school(SCHOOL)[2]


def test_the_files_of_one_capture_can_be_read_alone(vault: Vault) -> None:
    one, other = vault.store.captures.of_school(SCHOOL)[2:4]
    (vault.root / other.folder / "page.html").write_bytes(b"changed")

    assert vault.verify(only=one.id).sound
    assert vault.verify(only=one.id).captures == 1
    assert not vault.verify(only=other.id).sound


def test_what_lies_in_the_folder_and_belongs_to_no_row_is_noted(vault: Vault) -> None:
    """It may come from a crash or a restored backup; it stands in no chain, so it proves nothing."""
    vault.stage(500)
    stray = vault.root / SCHOOL / "2026" / "01JSTRAY"
    stray.mkdir()

    report = vault.verify()

    assert report.sound
    assert [note.where for note in report.notes] == [f"{SCHOOL}/2026/01JSTRAY"]


def test_a_capture_that_waited_to_be_booked_is_noted_and_no_alarm(vault: Vault) -> None:
    staged = vault.stage(501)
    vault.at += timedelta(hours=5)
    vault.capture(502)
    vault.store.captures.book(staged, vault.place)

    report = vault.verify()

    assert report.sound
    assert [note.where for note in report.notes] == [f"record 13, capture {staged.id}"]
    assert "it waited to be booked" in report.notes[0].what


def test_a_lawful_deletion_after_a_hold_was_lifted_is_no_finding(vault: Vault) -> None:
    held = replace(taken(vault), alert=7)
    vault.do(Deed.HELD, held, "police")
    vault.do(Deed.HOLD_LIFTED, held, "case closed")
    let_the_oldest_go(vault)

    assert vault.verify().sound


def test_captures_of_before_there_was_a_chain_are_noted(vault: Vault) -> None:
    held = vault.store.holdings(SCHOOL)
    old = [replace(one, link=None) for one in held.captures]
    report = verify(
        vault.root,
        replace(held, captures=old, entries=[], anchors=[], stamps=[]),
        check_stamp=check_stamp,
        at=vault.at,
    )

    assert [note.what for note in report.notes] == [
        "older than the chain: only the database vouches for their order."
    ]


def test_an_archive_is_held_against_its_own_digests(vault: Vault, tmp_path: Path) -> None:
    good, bad = archive_of_a_page(tmp_path), tmp_path / "bad.wacz"
    with ZipFile(BytesIO(good)) as read, ZipFile(bad, "w") as changed:
        for name in read.namelist():
            content = read.read(name)
            changed.writestr(name, content.replace(b"Harrowby", b"Harrowbx") if "pages" in name else content)
    vault.capture(600, packed=good)
    assert vault.verify().sound
    second = vault.capture(601, packed=bad.read_bytes())
    third = vault.capture(602, packed=b"no archive at all")

    findings = {finding.where: finding.what for finding in vault.verify().findings}

    assert findings == {
        f"record 13, capture {second.id}": "page.wacz: 'pages/pages.jsonl' is not the one of its digest.",
        f"record 14, capture {third.id}": "page.wacz cannot be read as a WACZ (BadZipFile).",
    }


def sealed_capture(vault: Vault, sealer: Sealer) -> Capture:
    """One more capture, with a sealed file."""
    staged = archive.stage(
        vault.root,
        {
            "alert": None,
            "capture_id": "01JSEALED",
            "captured_at_utc": vault.at.isoformat(),
            "kind": "metadata_only",
            "limits": [],
            "progress": "complete",
            "school_id": SCHOOL,
        },
        [archive.Paper(name="post.json", role="text", media_type="application/json", content=b"{}")],
        sealer,
    )
    return vault.store.captures.book(staged, vault.place)


def test_sealed_files_are_held_against_the_hash_of_what_lies_on_disk(vault: Vault) -> None:
    keys = KeyPair.new(), KeyPair.new()
    capture = sealed_capture(vault, Sealer([key.public for key in keys]))
    assert vault.verify().sound
    sealed = vault.root / capture.folder / "post.json.age"
    sealed.write_bytes(sealed.read_bytes() + b"\0")

    (finding,) = vault.verify().findings

    assert (finding.where, finding.what) == ("record 12, capture 01JSEALED", "post.json.age was changed.")


def test_a_record_larger_than_memory_is_not_read_whole(vault: Vault) -> None:
    path = vault.root / taken(vault).folder / archive.RECORD
    with path.open("ab") as file:
        file.truncate(50 * 2**30)  # a hole: nothing is written

    findings = vault.verify(only=taken(vault).id).findings

    assert any("record.json was changed" in finding.what for finding in findings)


def test_a_key_that_was_handed_over_is_in_order_and_a_lost_one_is_said(vault: Vault) -> None:
    keys = vault.folder / "keys"
    (keys / "evidence.pem").rename(keys / "evidence-old.pem")
    vault.anchor()
    assert vault.verify().sound
    for file in keys.iterdir():
        file.unlink()
    vault.capture(700)
    vault.anchor()

    (finding,) = vault.verify().findings

    assert finding.where.startswith("anchor 5")
    assert "another key" in finding.what


def test_a_whole_vault_put_back_to_an_earlier_day_is_found_by_a_head_that_was_printed(
    filled: Vault, tmp_path: Path
) -> None:
    """From within, a rollback of everything looks like that day; the head in a digest's footer tells."""
    earlier = filled.copy(tmp_path / "earlier")
    later = filled.copy(tmp_path / "later")
    later.capture(800)
    printed = later.store.anchors.standing(SCHOOL).head_sha256

    report = earlier.verify()
    heads = {one.record_sha256 for one in earlier.store.captures.of_school(SCHOOL)}

    assert report.sound
    assert printed not in heads
    for vault in (earlier, later):
        vault.store.close()


def test_an_anchor_that_is_late_is_noted(vault: Vault) -> None:
    vault.at += timedelta(days=4)

    (note,) = vault.verify().notes

    assert note.where == "anchors"
    assert "the newest was made at" in note.what
