"""`monitor evidence new-key` and `open`: on a person's own machine, where there are no settings."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monitor.captures import FIRST
from monitor.cli.main import cli
from monitor.evidence import archive
from monitor.evidence.sealing import KeyPair, Sealer

WORDS = "copper lantern walks sideways"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evidence(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, ["evidence", *words], input=typed)


def sealed_capture(root: Path, *pairs: KeyPair) -> Path:
    record = {
        "alert": None,
        "capture_id": "01KAGC5VQZ3H9Y2M7T4B6N8D1E",
        "captured_at_utc": "2026-11-21T08:00:00+00:00",
        "kind": "manual_upload",
        "limits": [],
        "progress": "complete",
        "school_id": "harrowby-green",
    }
    paper = archive.Paper(name="upload.png", role="manual_upload", media_type="image/png", content=b"pixels")
    staged = archive.stage(root, record, [paper], Sealer([pair.public for pair in pairs]))
    return root / archive.place(root, staged, FIRST).folder


def test_a_key_is_made_behind_a_passphrase_and_said_how_to_keep(run: Path) -> None:
    made = evidence("new-key", "--to", "dana.key", typed=f"{WORDS}\n{WORDS}\n")
    assert made.exit_code == 0
    file = run / "dana.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
    (public,) = (word for word in made.output.split() if word.startswith("age1"))
    assert public.encode() not in file.read_bytes()
    for said in ("evidence: recipients", "school's safe", "At least two people", "never goes to the server"):
        assert said in made.output
    assert WORDS not in made.output


def test_a_key_is_never_overwritten(run: Path) -> None:
    (run / "dana.key").write_bytes(b"an older key")
    made = evidence("new-key", "--to", "dana.key", typed=f"{WORDS}\n{WORDS}\n")
    assert made.exit_code == 2
    assert (run / "dana.key").read_bytes() == b"an older key"


def test_a_short_passphrase_is_refused(run: Path) -> None:
    made = evidence("new-key", "--to", "dana.key", typed="short\nshort\n")
    assert made.exit_code == 2
    assert "four or five words" in made.output
    assert not (run / "dana.key").exists()


def test_a_capture_is_opened_with_a_key_and_nothing_else(run: Path) -> None:
    lead, head = KeyPair.new(), KeyPair.new()
    sealed_capture(run / "copy", lead, head)
    (run / "head.key").write_bytes(head.file())
    done = evidence("open", "copy", "--key", "head.key", "--to", "opened")
    assert done.exit_code == 0
    (upload,) = (run / "opened").rglob("upload.png")
    assert upload.read_bytes() == b"pixels"
    assert "1 file written" in done.output


def test_what_does_not_open_is_named_and_ends_with_a_person(run: Path) -> None:
    sealed_capture(run / "copy", KeyPair.new(), KeyPair.new())
    (run / "other.key").write_bytes(KeyPair.new().file())
    done = evidence("open", "copy", "--key", "other.key", "--to", "opened")
    assert done.exit_code == 1
    assert "not sealed for this key" in done.output


@pytest.mark.parametrize(
    ("place", "key", "said"),
    [
        ("nowhere", "lead.key", "There is no folder nowhere."),
        ("empty", "lead.key", "Nothing below empty is sealed"),
        ("empty", "none.key", "none.key cannot be read: No such file or directory."),
        ("empty", "text.key", "text.key: there is no private key in this file"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(run: Path, place: str, key: str, said: str) -> None:
    (run / "empty").mkdir()
    (run / "lead.key").write_bytes(KeyPair.new().file())
    (run / "text.key").write_text("my key", encoding="utf-8")
    done = evidence("open", place, "--key", key, "--to", "opened")
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
