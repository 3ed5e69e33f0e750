"""`monitor evidence export` and `redact`: what a person at a terminal reads."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from darkroom import screen_print
from little_room import little_room

from monitor.app import now, start
from monitor.config.loading import load
from monitor.custody import Deed
from monitor.evidence.redacting import Box, kept, newest_copy
from monitor.evidence.sealing import KeyPair

CONFIDENTIAL = "keep it like a child-protection file"
DOCS = Path(__file__).parents[3] / "docs"
PC = "PC 4711, Harrowby police"


@pytest.fixture
def monitor(monitor: Any, tmp_path: Path) -> Any:
    """The command on a machine with openssl and without a browser, which would take its time to print."""
    path = tmp_path / "programs"
    path.mkdir()
    (path / "openssl").symlink_to(shutil.which("openssl") or "")
    return replace(monitor, environ=monitor.environ | {"PATH": str(path), "HOME": str(path)})


def exported(monitor: Any, to: Path, *more: str) -> Any:
    """Export the first alert."""
    words = ("A-1001", "--to", str(to), "--by", "Dana Lead", "--for", PC, *more)
    return monitor("evidence", "export", *words)


def captured(monitor: Any, alert: str = "A-1001") -> str:
    """The id of a capture of an alert."""
    found = re.search(r"^([0-9A-Z]{26}) ", monitor("evidence", "list", alert).output, re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_pack_is_named_with_its_exhibits_and_the_hash_to_give_along(monitor: Any, tmp_path: Path) -> None:
    # DOMAIN 3.6
    result = exported(monitor, tmp_path / "pack", "--why", "crime reference 42/1")

    assert result.exit_code == 0, result.output
    assert CONFIDENTIAL in result.output
    assert re.search(r"HG/DL/\d+ ", result.output)
    assert re.search(r"SHA-256 of manifest\.sha256: [0-9a-f]{64}", result.output)
    assert (tmp_path / "pack" / "summary.html").exists()


def test_a_pack_passes_the_check_that_the_command_line_has_for_it(monitor: Any, tmp_path: Path) -> None:
    exported(monitor, tmp_path / "pack")

    result = monitor("evidence", "verify", "--pack", str(tmp_path / "pack"))

    assert result.exit_code == 0, result.output
    assert "0 failed" in result.output


def test_whoever_hands_over_and_whoever_is_handed_it_must_be_named(monitor: Any, tmp_path: Path) -> None:
    # DOMAIN 3.4: exported (to whom)
    to = str(tmp_path / "pack")

    nobody = monitor("evidence", "export", "A-1001", "--to", to)
    for_nobody = monitor("evidence", "export", "A-1001", "--to", to, "--by", "Dana Lead")

    assert nobody.exit_code == for_nobody.exit_code == 2
    assert "Say who you are" in nobody.output
    assert "Say who is handed it" in for_nobody.output
    assert not (tmp_path / "pack").exists()


def test_a_folder_that_is_not_empty_is_refused_in_a_sentence(monitor: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")

    result = exported(monitor, tmp_path)

    assert result.exit_code == 1
    assert "is not empty: name a new folder" in result.output
    assert "Traceback" not in result.output


def test_an_alert_that_there_is_not_is_named(monitor: Any, tmp_path: Path) -> None:
    result = monitor("evidence", "export", "A-9", "--to", str(tmp_path / "pack"), "--by", "D", "--for", PC)

    assert result.exit_code == 2
    assert "There is no alert A-9" in result.output


def test_evidence_that_was_changed_is_handed_over_with_a_warning(monitor: Any, tmp_path: Path) -> None:
    for post in (monitor.folder / "data" / "evidence").rglob("post.json"):
        post.write_bytes(b"{}")

    result = exported(monitor, tmp_path / "pack")

    assert result.exit_code == 1
    assert "does not pass its own check" in result.output
    assert "post.json: is NOT the file that was recorded" in result.output


def test_a_redacted_copy_is_made_and_handed_over_in_place_of_the_original(
    monitor: Any, tmp_path: Path
) -> None:
    words = ("--box", "1,2,30,40", "--by", "Dana Lead", "--why", "another child's name")

    result = monitor("evidence", "redact", captured(monitor), *words)

    assert result.exit_code == 0, result.output
    assert "The original is as it was" in result.output
    assert exported(monitor, tmp_path / "pack", "--redacted", "instead").exit_code == 0
    place = tmp_path / "pack" / "captures" / captured(monitor)
    assert sorted(path.name for path in place.iterdir()) == ["record.json", "redacted-1.png"]


def test_instead_of_the_originals_nothing_is_handed_over_before_something_is_covered(
    monitor: Any, tmp_path: Path
) -> None:
    none = exported(monitor, tmp_path / "none", "--redacted", "instead")
    monitor(
        *("evidence", "redact", captured(monitor), "--box", "1,2,30,40"),
        *("--by", "Dana Lead", "--why", "another child's name"),
    )
    covered = exported(monitor, tmp_path / "covered", "--redacted", "instead")

    assert none.exit_code == 1
    assert "No capture of A-1001 has a redacted copy to hand over instead" in none.output
    assert f"monitor evidence redact {captured(monitor)}" in none.output
    assert not (tmp_path / "none").exists()
    assert "no redacted copy" not in covered.output


def test_what_has_no_redacted_copy_is_named_as_left_out(monitor: Any, tmp_path: Path) -> None:
    first = captured(monitor)
    (tmp_path / "print.png").write_bytes(screen_print())
    monitor(
        *("evidence", "upload", str(tmp_path / "print.png"), "--url", "https://forum.example/t/7"),
        *("--seen", "2026-11-20 21:40", "--by", "Dana Lead", "--device", "school laptop", "--edited", "no"),
        *("--no-nude-or-semi-nude-child", "--alert", "A-1001"),
    )
    words = ("--box", "1,2,30,40", "--by", "Dana Lead", "--why", "another child's name")
    monitor("evidence", "redact", first, *words)

    result = exported(monitor, tmp_path / "pack", "--redacted", "instead")

    assert result.exit_code == 0, result.output
    assert re.search(r"! Not in this pack: \w{26}, it has no redacted copy", result.output)
    assert [path.name for path in (tmp_path / "pack" / "captures").iterdir()] == [first]


def test_nothing_of_a_locked_alert_is_redacted(monitor: Any) -> None:
    # DOMAIN 3.7
    told = [json.loads(line) for line in monitor("alerts", "--all", "--json").output.splitlines()]
    locked = next(one["number"] for one in told if one["media_lock"])
    words = ("--box", "1,2,3,4", "--by", "Dana Lead", "--why", "another child's name")

    result = monitor("evidence", "redact", captured(monitor, f"A-{locked}"), *words)

    assert result.exit_code == 2
    assert "is locked: nothing of it is opened or copied" in result.output


def test_of_a_locked_alert_the_hand_over_says_that_nothing_but_the_record_goes(
    monitor: Any, tmp_path: Path
) -> None:
    # DOMAIN 3.7
    monitor("lock", "A-1001", "--by", "Dana Lead", "--note", "a pupil says so")

    result = exported(monitor, tmp_path / "pack", "--redacted", "instead")

    assert result.exit_code == 0, result.output
    assert re.search(r"HG/DL/\d+  .*: locked, so nothing but its record is in the pack", result.output)
    assert "no redacted copy" not in result.output


def test_of_sealed_evidence_the_hand_over_says_how_it_is_opened_and_a_redaction_what_to_do(
    monitor: Any, tmp_path: Path
) -> None:
    recipients = [KeyPair.new().public, KeyPair.new().public]
    settings = f"\nevidence: {{sealed: true, recipients: {json.dumps(recipients)}}}\n"
    config = tmp_path / "sealed.yaml"
    config.write_text(monitor.config.read_text("utf-8") + settings, "utf-8")
    monitor = replace(monitor, config=config)
    (tmp_path / "print.png").write_bytes(screen_print())
    seen = ("--url", "https://forum.example/t/7", "--seen", "2026-11-20 21:40", "--device", "laptop")
    sure = ("--edited", "no", "--by", "Dana Lead", "--no-nude-or-semi-nude-child")
    brought = monitor("evidence", "upload", str(tmp_path / "print.png"), "--alert", "A-1001", *seen, *sure)
    assert brought.exit_code == 0, brought.output
    sealed = re.search(r"Kept: (\w{26})", brought.output)
    assert sealed is not None

    to = tmp_path / "pack"
    said = exported(monitor, to).output
    refused = monitor(
        "evidence", "redact", sealed[1], "--box", "1,1,9,9", "--by", "Dana Lead", "--why", "a witness"
    )

    assert f"Sealed: open it with `monitor evidence open {to} --key FILE --to {to}` before you" in said
    assert '"Redacting what is sealed"' in refused.output
    assert "## Redacting what is sealed" in (DOCS / "sealing.md").read_text("utf-8")


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,x", "=1,2,3,4"])
def test_a_box_that_is_none_is_refused_with_an_example(monitor: Any, box: str) -> None:
    words = ("--box", box, "--by", "Dana Lead", "--why", "another child's name")

    result = monitor("evidence", "redact", captured(monitor), *words)

    assert result.exit_code == 2
    assert "as 40,120,300,60" in result.output


def test_why_something_is_covered_must_be_said(monitor: Any) -> None:
    result = monitor("evidence", "redact", captured(monitor), "--box", "1,2,3,4", "--by", "Dana Lead")

    assert result.exit_code == 2
    assert "Say what is covered and why" in result.output


def working(monitor: Any) -> Path:
    """Where the redacted copies of the first alert's capture lie."""
    place: Path = monitor.folder / "data" / "evidence-working" / captured(monitor)
    place.mkdir(parents=True, exist_ok=True)
    return place


def covering(monitor: Any, *more: str) -> Any:
    """Cover a part of the first alert's picture."""
    words = ("--box", "1,2,30,40", "--by", "Dana Lead", "--why", "another child's name")
    return monitor("evidence", "redact", captured(monitor), *words, *more)


@pytest.mark.parametrize(
    "left",
    [
        {"redacted-1.png": b"\x89PNG"},
        {"redacted-1.png": b"\x89PNG", "redacted-1.json": b'{"capture": "'},
        {"redacted-1.json": b'{"capture": "'},
        {"redacted-1.png": b"\x89PNG", "redacted-1.json": b"[7]"},
    ],
    ids=["a picture alone", "half of what is told", "nothing but that", "what tells of no copy"],
)
def test_a_redaction_that_was_cut_short_stops_neither_the_next_one_nor_an_export(
    monitor: Any, tmp_path: Path, left: dict[str, bytes]
) -> None:
    for name, content in left.items():
        (working(monitor) / name).write_bytes(content)

    before = exported(monitor, tmp_path / "before")
    again = covering(monitor)
    after = exported(monitor, tmp_path / "after", "--redacted", "instead")

    assert [one.exit_code for one in (before, again, after)] == [0, 0, 0], again.output
    assert "redacted-2.png" in again.output
    place = tmp_path / "after" / "captures" / captured(monitor)
    assert sorted(path.name for path in place.iterdir()) == ["record.json", "redacted-2.png"]


def test_a_redaction_for_which_there_is_no_room_leaves_nothing_behind(monitor: Any, tmp_path: Path) -> None:
    with closing(start(load(monitor.config, monitor.environ))) as app:
        capture = app.store.captures.get(captured(monitor))
    assert capture is not None
    told: dict[str, Any] = {"boxes": [Box(1, 2, 30, 40)], "by": "Dana Lead", "at": now(), "why": "a name"}
    picture = screen_print()

    with little_room(100):
        for content in (picture, b"a small one"):
            with (
                pytest.raises(OSError, match="too large"),
                kept(tmp_path / "copies", capture, content, **told),
            ):
                pytest.fail("it is not noted in the log before there is room for it")
    assert list((tmp_path / "copies" / capture.id).iterdir()) == []
    with kept(tmp_path / "copies", capture, picture, **told) as file:
        assert newest_copy(tmp_path / "copies", capture.id) is None

    assert sorted(path.name for path in file.parent.iterdir()) == ["redacted-1.json", "redacted-1.png"]


_CUT_SHORT = """
import os, signal, sys
from monitor.cli.main import cli

when, link = sys.argv.pop(1), os.link

def cut_short(source, target):
    last = target.suffix == ".json"
    if not (last and when == "before"):
        link(source, target)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)

os.link = cut_short
cli()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_redaction_that_is_killed_leaves_no_copy_that_the_custody_log_does_not_know(
    monitor: Any, tmp_path: Path, when: str
) -> None:
    words = ("evidence", "redact", captured(monitor), "--box", "1,2,30,40", "--by", "D", "--why", "a name")
    environ = {**os.environ, **monitor.environ, "MONITOR_CONFIG": str(monitor.config)}

    ended = subprocess.run([sys.executable, "-c", _CUT_SHORT, when, *words], env=environ, check=False)

    assert ended.returncode == -signal.SIGKILL
    with closing(start(load(monitor.config, monitor.environ))) as app:
        entries = [one.event for one in app.store.custody.of_capture(captured(monitor))]
    (noted,) = [one.object_sha256 for one in entries if one.deed is Deed.REDACTED]
    copy = newest_copy(working(monitor).parent, captured(monitor))
    assert (copy and copy.sha256) == (None if when == "before" else noted)
    result = exported(monitor, tmp_path / "pack", "--redacted", "instead")
    if when == "before":
        assert "the newest copy is not" in result.output
        assert covering(monitor).exit_code == 0
        result = exported(monitor, tmp_path / "pack", "--redacted", "instead")
    assert result.exit_code == 0, result.output


def test_a_redacted_copy_lies_where_exports_find_it_and_nowhere_else(monitor: Any, tmp_path: Path) -> None:
    elsewhere = covering(monitor, "--to", str(tmp_path / "copy.png"))
    result = covering(monitor)

    assert elsewhere.exit_code == 2
    assert not (tmp_path / "copy.png").exists()
    assert str(working(monitor) / "redacted-1.png") in result.output


def test_a_copy_that_cannot_be_written_is_told_in_a_sentence_and_not_noted(monitor: Any) -> None:
    place = working(monitor)
    place.rmdir()
    place.write_bytes(b"a file where the folder should be")

    result = covering(monitor)

    assert result.exit_code == 1
    assert "There is no copy: File exists" in result.output
    with closing(start(load(monitor.config, monitor.environ))) as app:
        deeds = [one.event.deed for one in app.store.custody.of_capture(captured(monitor))]
    assert Deed.REDACTED not in deeds
