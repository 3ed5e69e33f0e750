"""The evidence folder is written once, whole or not at all, and tells when somebody touched it."""

import json
import math
import resource
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.captures import FIRST, Capture, Kind, Link, Progress, Taken
from monitor.evidence import archive
from monitor.evidence.archive import Paper

AT = datetime(2026, 7, 14, 18, 5, 9, tzinfo=UTC)


def _paper(name: str = "post.json", content: bytes = b'{"text":"a gate"}') -> Paper:
    return Paper(name=name, role="text", media_type="application/json", content=content)


def _record(**changes: Any) -> dict[str, Any]:
    ordinary = {
        "alert": "A-7",
        "capture_id": "01JZ",
        "captured_at_utc": AT.isoformat(),
        "kind": Kind.METADATA_ONLY,
        "limits": ["none of note"],
        "progress": Progress.LIMITED,
        "school_id": "harrowby-green",
    }
    return ordinary | changes


def _keep(root: Path, *papers: Paper) -> Capture:
    return archive.place(root, archive.stage(root, _record(), papers or [_paper()]), FIRST)


@pytest.fixture
def capture(tmp_path: Path) -> Capture:
    return _keep(tmp_path, _paper(), _paper("page.html", b"<p>a gate</p>"))


def test_what_is_kept_can_be_checked_and_read_back(tmp_path: Path, capture: Capture) -> None:
    assert archive.read(tmp_path, tmp_path / capture.folder) == capture
    assert capture.link == FIRST
    assert capture.folder == "harrowby-green/2026/01JZ"
    assert capture.captured_at == AT
    assert archive.verify(tmp_path / capture.folder, capture.record_sha256) == []


def test_only_the_owner_can_read_evidence(tmp_path: Path, capture: Capture) -> None:
    folder = tmp_path / capture.folder

    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.parent.stat().st_mode) == 0o700


def test_a_record_is_written_in_the_canonical_way(tmp_path: Path, capture: Capture) -> None:
    written = (tmp_path / capture.folder / "record.json").read_bytes()

    assert written == archive.canonical(json.loads(written))
    assert archive.canonical({"b": "é", "a": [1]}) == '{"a":[1],"b":"é"}'.encode()
    assert archive.canonical({"a": "\ud83d broken"}) == b'{"a":"? broken"}'


def test_what_json_cannot_hold_is_made_sayable() -> None:
    record = {"nan": float("nan"), "far": -math.inf, "id": 2**53, "small": 0.25, "whole": 1.0, "yes": True}

    assert archive.canonical(record) == (
        b'{"far":null,"id":"9007199254740992","nan":null,"small":0.25,"whole":1,"yes":true}'
    )


def test_one_flipped_byte_is_found(tmp_path: Path, capture: Capture) -> None:
    page = tmp_path / capture.folder / "page.html"
    page.write_bytes(b"<p>b gate</p>")

    assert archive.verify(page.parent) == ["page.html was changed"]


def test_a_missing_file_and_a_stranger_are_found(tmp_path: Path, capture: Capture) -> None:
    folder = tmp_path / capture.folder
    (folder / "page.html").unlink()
    (folder / "extra.txt").write_text("hello")

    assert archive.verify(folder) == ["page.html is missing", "'extra.txt' does not belong here"]


def test_a_link_in_place_of_a_file_is_found(tmp_path: Path, capture: Capture) -> None:
    page = tmp_path / capture.folder / "page.html"
    page.rename(tmp_path / "elsewhere")
    page.symlink_to(tmp_path / "elsewhere")

    assert archive.verify(page.parent) == ["'page.html' is not a file of ours"]


def test_a_changed_record_is_found_by_the_hash_that_lies_elsewhere(tmp_path: Path, capture: Capture) -> None:
    path = tmp_path / capture.folder / "record.json"
    path.write_bytes(path.read_bytes().replace(b"A-7", b"A-8"))

    assert archive.verify(path.parent) == []
    assert archive.verify(path.parent, capture.record_sha256) == ["record.json was changed"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files":[{"name":1}]}', b"\xff\xfe", b'{"files":"x"}'])
def test_a_ruined_record_is_a_problem_and_not_a_crash(
    tmp_path: Path, capture: Capture, content: bytes
) -> None:
    path = tmp_path / capture.folder / "record.json"
    path.write_bytes(content)

    assert "record.json cannot be read" in archive.verify(path.parent)[0]


def test_a_second_capture_never_overwrites_the_first(tmp_path: Path, capture: Capture) -> None:
    first = (tmp_path / capture.folder / "page.html").read_bytes()

    second = archive.stage(tmp_path, _record(), [_paper("page.html", b"<p>something else</p>")])

    assert second.folder == capture.folder
    assert (tmp_path / capture.folder / "page.html").read_bytes() == first


def test_a_damaged_capture_is_passed_over_for_a_whole_one(tmp_path: Path, capture: Capture) -> None:
    (tmp_path / capture.folder / "page.html").unlink()
    assert archive.find(tmp_path, "harrowby-green", "01JZ") is None

    second = _keep(tmp_path)

    assert second.folder == "harrowby-green/2026/01JZ~2"
    found = archive.find(tmp_path, "harrowby-green", "01JZ")
    assert found is not None
    assert found.folder == second.folder


def test_a_capture_whose_id_begins_alike_is_another_one(tmp_path: Path, capture: Capture) -> None:
    assert archive.find(tmp_path, "harrowby-green", "01J") is None


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path) -> None:
    # A limit on the size of files fails in the middle of a write, as a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            archive.stage(tmp_path, _record(), [_paper(), _paper("page.html", b"x" * 9000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert archive.find(tmp_path, "harrowby-green", "01JZ") is None


_KILLED_AT_THE_FIRST_SYNC = """
import os, sys
from pathlib import Path
from monitor.evidence import archive
os.fsync = lambda _: os.kill(os.getpid(), 9)
record = {"school_id": "s", "capture_id": "01JZ", "captured_at_utc": "2026-07-14"}
archive.stage(Path(sys.argv[1]), record, [archive.Paper(name="a", role="text", media_type="x", content=b"a")])
"""


def test_a_crash_half_way_leaves_no_capture_and_is_swept_up_later(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED_AT_THE_FIRST_SYNC, tmp_path], check=False)
    assert killed.returncode == -9
    left = list((tmp_path / ".unfinished").iterdir())
    assert len(left) == 1
    written = datetime.fromtimestamp(left[0].stat().st_mtime, UTC)

    archive.sweep(tmp_path, written + timedelta(hours=1))
    assert left[0].exists()
    archive.sweep(tmp_path, written + timedelta(days=2))

    assert not left[0].exists()
    assert archive.find(tmp_path, "harrowby-green", "01JZ") is None
    assert archive.verify(tmp_path / _keep(tmp_path).folder) == []


@pytest.fixture
def staged(tmp_path: Path) -> Taken:
    return archive.stage(tmp_path, _record(), [_paper()])


def test_what_was_staged_before_a_crash_is_found_and_gets_its_place_later(
    tmp_path: Path, staged: Taken
) -> None:
    assert archive.find(tmp_path, "harrowby-green", "01JZ") == staged
    assert archive.find(tmp_path, "elsewhere", "01JZ") is None
    archive.sweep(tmp_path, datetime.now(UTC) + timedelta(days=4))

    capture = archive.place(tmp_path, staged, FIRST)

    assert archive.verify(tmp_path / capture.folder, capture.record_sha256) == []
    assert list((tmp_path / ".unfinished").iterdir()) == []


def test_what_was_placed_before_a_crash_is_linked_anew_when_another_took_its_place_in_the_chain(
    tmp_path: Path, staged: Taken
) -> None:
    first = archive.place(tmp_path, staged, FIRST)
    found = archive.find(tmp_path, "harrowby-green", "01JZ")
    assert found is not None

    for lost in (staged, found):
        again = archive.place(tmp_path, lost, Link(2, "ab" * 32))

    assert again.folder == first.folder
    assert again.link == Link(2, "ab" * 32)
    assert archive.verify(tmp_path / again.folder, again.record_sha256) == []


def test_only_what_was_staged_can_be_discarded(tmp_path: Path, staged: Taken) -> None:
    """What has its place may be booked, and then it is evidence."""
    assert archive.discard(tmp_path, staged)
    assert archive.find(tmp_path, "harrowby-green", "01JZ") is None
    capture = _keep(tmp_path)
    placed = archive.find(tmp_path, "harrowby-green", "01JZ")
    assert placed is not None

    assert not archive.discard(tmp_path, placed)
    assert archive.verify(tmp_path / capture.folder) == []


def test_what_was_staged_and_never_booked_goes_at_last(tmp_path: Path, staged: Taken) -> None:
    archive.sweep(tmp_path, datetime.now(UTC) + timedelta(days=20))

    with pytest.raises(FileNotFoundError, match="is gone"):
        archive.place(tmp_path, staged, FIRST)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "", ".hidden", "a\0b", "ﬁ", "a" * 101])
def test_no_name_leads_out_of_the_evidence_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "evidence"

    for record, paper in (
        (_record(school_id=name), _paper()),
        (_record(capture_id=name), _paper()),
        (_record(), _paper(name)),
    ):
        with pytest.raises(ValueError, match="cannot be the name"):
            archive.stage(root, record, [paper])

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
