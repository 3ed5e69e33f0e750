"""Where no mail server is set up, letters lie in a folder."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.mail.letters import Envelope, write_test
from monitor.mail.mailer import MailDelayed
from monitor.mail.outbox import Outbox

LETTER = write_test(
    Envelope(
        sender="monitor@x.example",
        to="dsl@x.example",
        message_id="<urgent.A-1044.1.0a1b@x.example>",
        at=datetime(2026, 11, 20, 7, 30, tzinfo=UTC),
    )
)
NAME = "2026-11-20-073000-urgent-A-1044-1-0a1b-x-example"


def test_a_letter_lies_as_mail_and_as_a_page_that_only_its_owner_reads(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox").send(LETTER, "dsl@x.example")

    assert {path.name for path in (tmp_path / "outbox").iterdir()} == {f"{NAME}.eml", f"{NAME}.html"}
    assert (tmp_path / "outbox" / f"{NAME}.eml").read_bytes() == LETTER
    assert "<h1" in (tmp_path / "outbox" / f"{NAME}.html").read_text()
    assert stat.S_IMODE((tmp_path / "outbox" / f"{NAME}.eml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700


def test_the_same_letter_twice_is_one_file_and_none_is_overwritten(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)

    outbox.send(LETTER, "dsl@x.example")
    outbox.send(LETTER.replace(b"This is a test", b"This is a fake"), "dsl@x.example")

    assert (tmp_path / f"{NAME}.eml").read_bytes() == LETTER
    assert len(list(tmp_path.iterdir())) == 2


def test_a_message_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    nasty = LETTER.replace(b"<urgent.A-1044.1.0a1b@x.example>", b"<../../../../evil/.bashrc@x>")

    Outbox(tmp_path / "outbox").send(nasty, "dsl@x.example")

    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]
    assert all(
        path.name.startswith("2026-11-20-073000-evil-bashrc-x") for path in (tmp_path / "outbox").iterdir()
    )


def test_a_folder_that_cannot_be_written_is_a_delay(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file stands where the folder should be")

    with pytest.raises(MailDelayed, match="could not be written"):
        Outbox(tmp_path / "outbox").send(LETTER, "dsl@x.example")


def test_a_probe_says_where_the_letter_lies(tmp_path: Path) -> None:
    [told] = Outbox(tmp_path).probe(LETTER, "dsl@x.example")

    assert told == f"No mail server is set up; the message for dsl@x.example lies in {tmp_path / NAME}.eml"
