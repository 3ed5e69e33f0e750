"""Looking at evidence and checking it: what is shown, what is noted, and how the commands end (LEI-9.2)."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from markupsafe import escape
from typer.testing import Result

from monitor.app import App, start
from monitor.captures import Capture, Kind
from monitor.config.loading import load
from monitor.custody import Deed, Entry
from monitor.evidence.printing import record_html
from monitor.store.tables import captures

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
LOOK = ("--by", "Dana Lead", "--why", "to decide on the referral")


class Monitor(Protocol):
    """The command, as conftest.py makes it."""

    folder: Path
    config: Path
    environ: dict[str, str]

    def __call__(self, *words: str, typed: str | None = None) -> Result: ...


Make = Callable[..., Monitor]


def app_of(monitor: Monitor) -> closing[App]:
    return closing(start(load(monitor.config, monitor.environ)))


def taken(monitor: Monitor) -> list[Capture]:
    with app_of(monitor) as app:
        return app.store.captures.of_school("harrowby-green")


def folder_of(monitor: Monitor, capture: Capture) -> Path:
    with app_of(monitor) as app:
        return app.config.data / "evidence" / capture.folder


def custody_of(monitor: Monitor, capture: Capture) -> list[Entry]:
    with app_of(monitor) as app:
        return app.store.custody.of_capture(capture.id)


def listed(monitor: Monitor, *words: str) -> list[dict[str, Any]]:
    result = monitor("evidence", "list", "--json", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def pictured(monitor: Monitor, tmp_path: Path) -> Capture:
    """A picture that somebody brought for an alert, without any browser."""
    file = tmp_path / "print.png"
    file.write_bytes(PNG)
    number = next(one["alert"] for one in listed(monitor) if is_open(monitor, one["alert"]))
    words = ("--url", "https://forum.example/t/7", "--seen", "2026-11-20 21:40", "--device", "laptop")
    confirmed = ("--edited", "no", "--by", "Dana Lead", "--no-nude-or-semi-nude-child")
    result = monitor("evidence", "upload", str(file), "--alert", str(number), *words, *confirmed)
    assert result.exit_code == 0, result.output
    return next(one for one in taken(monitor) if one.kind is Kind.MANUAL_UPLOAD)


def is_open(monitor: Monitor, number: int) -> bool:
    with app_of(monitor) as app:
        alert = app.store.alerts.get(number)
    return alert is not None and not alert.media_lock


# --- list ---


def test_list_says_of_each_capture_what_it_is_when_and_how_surely_it_is_pinned(monitor: Monitor) -> None:
    kept = taken(monitor)

    result = monitor("evidence", "list")

    assert result.exit_code == 0
    for capture in kept:
        assert f"{capture.id}  A-{capture.alert} " in result.stdout
        assert capture.kind.words in result.stdout
    assert re.search(
        r"\w{3} \d+ \w{3} \d{4} \d\d:\d\d (GMT|BST)  anchored, not yet time-stamped\n", result.stdout
    )
    assert [one["capture"] for one in listed(monitor)] == [capture.id for capture in kept]


def test_list_shows_no_content_and_so_notes_nothing(monitor: Monitor) -> None:
    with app_of(monitor) as app:
        before = len(app.store.custody.of_school("harrowby-green"))

    shown = monitor("evidence", "list").stdout

    with app_of(monitor) as app:
        assert len(app.store.custody.of_school("harrowby-green")) == before
    assert "http" not in shown


def test_list_of_an_alert_shows_its_own_alone(monitor: Monitor) -> None:
    number = listed(monitor)[0]["alert"]

    found = listed(monitor, f"A-{number}")

    assert {one["alert"] for one in found} == {number}
    assert monitor("evidence", "list", "A-1").exit_code == 2


def test_where_nothing_was_kept_it_says_so(configured: Make) -> None:
    monitor = configured('name: Gone, platform: feed, url: "http://127.0.0.1:1/feed.xml"')

    assert monitor("evidence", "list").stdout == "Nothing was kept yet.\n"
    assert monitor("evidence", "verify").output == "Nothing was kept yet, so there is nothing to check.\n"


def test_what_is_anchored_says_so_and_what_came_since_does_not(monitor: Monitor, pictured: Capture) -> None:
    anchors = {one["capture"]: one["anchor"] for one in listed(monitor)}

    assert anchors[pictured.id] is None
    assert {number for capture, number in anchors.items() if capture != pictured.id} == {1}
    shown = monitor("evidence", "show", taken(monitor)[0].id, *LOOK).stdout
    assert re.search(r"Anchor +1, signed ", shown)


# --- show ---


def test_show_says_where_when_who_why_its_limits_files_and_place(monitor: Monitor, pictured: Capture) -> None:
    result = monitor("evidence", "show", pictured.id, *LOOK)

    assert result.exit_code == 0
    assert pictured.link is not None
    for words in (
        f"Capture {pictured.id}, A-{pictured.alert}: picture that a member of staff took, complete",
        "Address, as told https://forum.example/t/7",
        "By               Dana Lead, on ",
        "Limit            Taken by a member of staff",
        f"SHA-256 {pictured.files[0].sha256}",
        f"Record           SHA-256 {pictured.record_sha256}",
        f"Chain            record {pictured.link.index}, after {pictured.link.previous_sha256[:16]}",
        "viewed, by Dana Lead: to decide on the referral",
    ):
        assert words in result.stdout


def test_show_tells_first_what_a_person_asks_and_last_what_an_expert_compares(
    monitor: Monitor, pictured: Capture
) -> None:
    shown = monitor("evidence", "show", pictured.id, *LOOK).stdout

    labels = list(dict.fromkeys(line[:18].strip() for line in shown.splitlines()[1:]))
    asked = ["Address, as told", "Seen by them", "Brought in", "By", "With", "Edited", "Why", "Limit"]
    assert labels == [*asked, "Custody", "Kept in", "File", "Pinned", "Chain", "Record", "upload.png"]
    assert re.search(f"Kept in +{folder_of(monitor, pictured)}\n", shown)


def test_what_somebody_brought_was_not_taken_then_but_brought_in(monitor: Monitor, pictured: Capture) -> None:
    shown = monitor("evidence", "show", pictured.id, *LOOK).stdout

    assert "Seen by them     Fri 20 Nov 2026 21:40 GMT\n" in shown
    assert re.search(r"Brought in +\w{3} \d+ ", shown)
    assert "Taken  " not in shown


def test_show_names_the_matter_and_neither_rules_nor_scores(monitor: Monitor) -> None:
    shown = [monitor("evidence", "show", capture.id, *LOOK).stdout for capture in taken(monitor)]

    assert any("Why              Threat of violence; Weapons or planned violence" in one for one in shown)
    assert [one for one in shown if "(rule " in one or "scored" in one] == []
    assert all(re.search(r"Taken +\w{3} \d+ ", one) for one in shown)


def test_show_advises_whoever_lacks_a_picture_and_the_record_holds_facts_alone(monitor: Monitor) -> None:
    card = next(one for one in taken(monitor) if one.kind is Kind.RENDERED_CARD)

    shown = monitor("evidence", "show", card.id, *LOOK).stdout

    assert "What you can do  Take one by hand: open the address" in shown
    assert "Take one by hand" not in (folder_of(monitor, card) / "record.json").read_text("utf-8")


def test_of_a_locked_capture_show_does_not_say_where_it_lies(monitor: Monitor, pictured: Capture) -> None:
    monitor("lock", str(pictured.alert), "--by", "Dana Lead")

    assert "Kept in" not in monitor("evidence", "show", pictured.id, *LOOK).stdout


def test_what_was_just_kept_is_told_in_short_with_how_to_see_it(monitor: Monitor, tmp_path: Path) -> None:
    file = tmp_path / "print.png"
    file.write_bytes(PNG)
    words = ("--url", "https://forum.example/t/7", "--seen", "2026-11-20 21:40", "--device", "laptop")
    confirmed = ("--edited", "no", "--by", "Dana Lead", "--no-nude-or-semi-nude-child")

    said = monitor("evidence", "upload", str(file), *words, *confirmed).stdout

    (kept,) = [one for one in taken(monitor) if one.alert is None]
    assert f"Kept: {kept.id}, taken by hand: picture that a member of staff took, complete.\n" in said
    assert "Seen by them     Fri 20 Nov 2026 21:40 GMT\n" in said  # in words, so that a slip is noticed
    assert f"See it with `monitor evidence show {kept.id}`.\n" in said
    assert "SHA-256" not in said


def test_whoever_looks_stands_in_the_custody_log_before_they_see_anything(
    monitor: Monitor, pictured: Capture
) -> None:
    """DOMAIN 3.4: viewed (who, why)."""
    monitor("evidence", "show", pictured.id, *LOOK, "--json")

    entry = custody_of(monitor, pictured)[-1]
    assert (entry.event.deed, entry.event.by, entry.event.why) == (
        Deed.VIEWED,
        "Dana Lead",
        "to decide on the referral",
    )
    assert entry.event.object_sha256 == pictured.record_sha256


@pytest.mark.parametrize(
    "words", [LOOK[:2], LOOK[2:], ("--by", " ", *LOOK[2:]), (*LOOK[:2], "--why", "\x1b")]
)
def test_nobody_looks_without_a_name_and_a_reason(monitor: Monitor, words: tuple[str, ...]) -> None:
    capture = taken(monitor)[0]

    result = monitor("evidence", "show", capture.id, *words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert [entry.event.deed for entry in custody_of(monitor, capture)] == [Deed.CAPTURED]


@pytest.mark.parametrize(
    "wrong", ["01KAEX4M8ZJ5T3R0W2Y6B7C9DE", "x", "../../etc/passwd", "\x1b[2J", "9" * 9000]
)
@pytest.mark.parametrize("command", ["show", "verify", "quarantine"])
def test_a_capture_that_is_not_there_is_said_so(monitor: Monitor, command: str, wrong: str) -> None:
    result = monitor("evidence", command, "--", wrong)

    assert result.exit_code == 2
    assert result.stderr.startswith("There is no capture ")
    assert "\x1b" not in result.stderr


def test_a_picture_is_copied_out_for_this_user_alone_and_that_is_noted(
    monitor: Monitor, pictured: Capture, tmp_path: Path
) -> None:
    target = tmp_path / "copy.png"

    result = monitor("evidence", "show", pictured.id, *LOOK, "--picture", str(target))

    assert result.exit_code == 0
    assert target.read_bytes() == PNG
    assert target.stat().st_mode & 0o777 == 0o600
    assert [entry.event.deed for entry in custody_of(monitor, pictured)] == [
        Deed.CAPTURED,
        Deed.VIEWED,
        Deed.COPIED,
    ]


def test_a_record_that_somebody_wrote_steers_no_terminal_and_breaks_nothing(
    monitor: Monitor, pictured: Capture
) -> None:
    record = folder_of(monitor, pictured) / "record.json"
    hostile = {
        "url_as_told": "\x1b]0;x\x07\u202e [red]x[/red]",
        "who": 7,
        "why": {"rules": 5},
        "limits": None,
    }

    for written in (json.dumps(hostile), "[" * 100_000, "{}", "null", "\x00"):
        record.write_text(written)
        result = monitor("evidence", "show", pictured.id, *LOOK)
        assert result.exit_code == 0, result.output
        assert all(c.isprintable() or c == "\n" for c in result.output)
        assert monitor("evidence", "verify").exit_code == 1


def test_once_its_alert_is_locked_a_capture_shows_no_address_and_gives_no_copy(
    monitor: Monitor, pictured: Capture, tmp_path: Path
) -> None:
    """Media of a locked item never leave, though they came before anybody knew."""
    monitor("lock", str(pictured.alert), "--by", "Dana Lead")

    shown = monitor("evidence", "show", pictured.id, *LOOK)
    as_json = monitor("evidence", "show", pictured.id, *LOOK, "--json")
    copied = monitor("evidence", "show", pictured.id, *LOOK, "--picture", str(tmp_path / "copy.png"))
    printed = monitor("evidence", "show", pictured.id, *LOOK, "--pdf", str(tmp_path / "record.pdf"))

    assert "hxxps://forum[.]example/t/7" in shown.stdout
    assert "https://forum.example" not in shown.stdout + as_json.stdout
    assert (copied.exit_code, printed.exit_code) == (2, 2)
    assert not list(tmp_path.glob("copy.png")) + list(tmp_path.glob("record.pdf"))


@pytest.mark.parametrize("wish", ["--picture", "--pdf"])
def test_showing_never_writes_over_a_file_and_then_nothing_is_noted(
    monitor: Monitor, pictured: Capture, tmp_path: Path, wish: str
) -> None:
    target = tmp_path / "mine"
    target.write_bytes(b"mine")

    result = monitor("evidence", "show", pictured.id, *LOOK, wish, str(target))

    assert result.exit_code == 2
    assert "is there already: name a new file" in result.stderr
    assert target.read_bytes() == b"mine"
    assert [entry.event.deed for entry in custody_of(monitor, pictured)] == [Deed.CAPTURED]


def test_what_came_by_hand_without_an_alert_is_shut_once_an_alert_about_its_page_is_locked(
    monitor: Monitor, tmp_path: Path
) -> None:
    """DOMAIN 3.7: the picture of a locked post never leaves by the door of another capture."""
    file = tmp_path / "print.png"
    file.write_bytes(PNG)
    with app_of(monitor) as app:
        alert = next(one for one in app.store.alerts.all(open_only=True) if not one.media_lock)
    words = ("--url", f"{alert.urls[0]}#c7", "--seen", "2026-11-20 21:40", "--device", "laptop")
    confirmed = ("--edited", "no", "--by", "Dana Lead", "--no-nude-or-semi-nude-child")
    assert monitor("evidence", "upload", str(file), *words, *confirmed).exit_code == 0
    (by_hand,) = [one for one in taken(monitor) if one.alert is None]
    monitor("lock", str(alert.number), "--by", "Dana Lead")

    shown = monitor("evidence", "show", by_hand.id, *LOOK, "--json")
    copied = monitor("evidence", "show", by_hand.id, *LOOK, "--picture", str(tmp_path / "copy.png"))
    covered = monitor("evidence", "redact", by_hand.id, *LOOK, "--box", "1,1,2,2")

    assert alert.urls[0] not in shown.stdout
    assert "hxxp" in shown.stdout
    assert (copied.exit_code, covered.exit_code) == (2, 2)
    assert "is locked" in copied.stderr
    assert "is locked" in covered.stderr


@pytest.mark.parametrize("wish", ["--picture", "--pdf"])
@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "nofolder/pic.png",
            "There is no folder {folder}/nofolder: make it first, or name one that is there",
        ),
        ("print.png/pic.png", "There is no folder {folder}/print.png"),
        ("/proc/pic.png", "/proc/pic.png cannot be written"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
    ids=["no folder", "a file as folder", "no place for files", "too long"],
)
def test_nothing_is_noted_as_copied_where_nothing_can_be_written(
    monitor: Monitor, pictured: Capture, tmp_path: Path, *, wish: str, place: str, said: str
) -> None:
    """The custody log goes to the police: it must not tell of a copy that never was."""
    before = sorted(tmp_path.iterdir())

    result = monitor("evidence", "show", pictured.id, *LOOK, wish, str(tmp_path / place))

    assert (result.exit_code, result.stdout) == (2, "")
    assert said.format(folder=tmp_path) in result.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert [entry.event.deed for entry in custody_of(monitor, pictured)] == [Deed.CAPTURED]


def test_a_picture_that_is_gone_is_not_noted_as_copied(
    monitor: Monitor, pictured: Capture, tmp_path: Path
) -> None:
    (folder_of(monitor, pictured) / "upload.png").unlink()

    result = monitor("evidence", "show", pictured.id, *LOOK, "--picture", str(tmp_path / "copy.png"))

    assert result.exit_code == 2
    assert "cannot be read: No such file or directory. `monitor evidence verify` says" in result.stderr
    assert [entry.event.deed for entry in custody_of(monitor, pictured)] == [Deed.CAPTURED, Deed.VIEWED]
    assert not (tmp_path / "copy.png").exists()


@pytest.mark.browser
def test_a_record_is_printed_on_paper(monitor: Monitor, pictured: Capture, tmp_path: Path) -> None:
    paper = tmp_path / "record.pdf"

    result = monitor("evidence", "show", pictured.id, *LOOK, "--pdf", str(paper))

    assert result.exit_code == 0, result.output
    assert paper.read_bytes().startswith(b"%PDF-")
    assert paper.stat().st_mode & 0o777 == 0o600
    copied = custody_of(monitor, pictured)[-1].event
    assert (copied.deed, copied.by, copied.why) == (Deed.COPIED, "Dana Lead", "to decide on the referral")


def test_a_record_that_could_not_be_printed_is_not_noted_as_copied(
    monitor: Monitor, pictured: Capture, tmp_path: Path
) -> None:
    nowhere = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    bare: Monitor = replace(monitor, environ=monitor.environ | nowhere)  # type: ignore[type-var]

    result = bare("evidence", "show", pictured.id, *LOOK, "--pdf", str(tmp_path / "record.pdf"))

    assert result.exit_code == 2
    assert "There is no browser to print with" in result.stderr
    assert [entry.event.deed for entry in custody_of(monitor, pictured)] == [Deed.CAPTURED, Deed.VIEWED]


def test_on_paper_each_reason_is_a_sentence_of_its_own(monitor: Monitor) -> None:
    with app_of(monitor) as app:
        evidence = app.config.data / "evidence"
    records = [json.loads((evidence / one.folder / "record.json").read_bytes()) for one in taken(monitor)]
    several = [one for one in records if len(one["why"]["rules"]) > 1]

    pages = [record_html(one, evidence) for one in several]

    assert several
    assert [page for page in pages if ".;" in page] == []
    for record, page in zip(several, pages, strict=True):
        assert escape(" ".join(record["why"]["rules"])) in page


def test_a_page_with_a_picture_of_the_post_is_noted_as_looked_at(monitor: Monitor, tmp_path: Path) -> None:
    """Pictures of pages that were taken before there was a chain are called `screenshot`."""
    capture = next(one for one in taken(monitor) if one.alert and is_open(monitor, one.alert))
    with app_of(monitor) as app, app.store._database.writing() as connection:
        picture = {
            "name": "screenshot.png",
            "role": "screenshot",
            "media_type": "image/png",
            "bytes": len(PNG),
            "sha256": "00" * 32,
        }
        connection.exec_driver_sql(
            "UPDATE captures SET files = ? WHERE id = ?", (json.dumps([picture]), capture.id)
        )
    (folder_of(monitor, capture) / "screenshot.png").write_bytes(PNG)
    page = tmp_path / "alert.html"

    monitor("alert", str(capture.alert), "--html", str(page), "--by", "Dana Lead")
    monitor("alert", str(capture.alert))

    assert "data:image/png" in page.read_text()
    viewed = [one.event for one in custody_of(monitor, capture) if one.event.deed is Deed.VIEWED]
    assert [event.by for event in viewed] == ["Dana Lead"]


def test_of_what_was_deleted_there_is_nothing_to_copy_print_or_shut_away(
    monitor: Monitor, pictured: Capture, tmp_path: Path
) -> None:
    with app_of(monitor) as app, app.store._database.writing() as connection:
        gone = {"forgotten_at": app.now(), "files": [], "limits": []}
        connection.execute(captures.update().where(captures.c.id == pictured.id).values(**gone))
    shown = monitor("evidence", "show", pictured.id, *LOOK)
    printed = monitor("evidence", "show", pictured.id, *LOOK, "--pdf", str(tmp_path / "record.pdf"))
    shut = monitor("evidence", "quarantine", pictured.id, *LOOK)

    assert "deleted under the retention rules" in shown.stdout
    assert (printed.exit_code, shut.exit_code) == (2, 2)
    with app_of(monitor) as app:
        assert not (app.config.data / "quarantine").exists()
        assert (app.config.data / "evidence" / "harrowby-green").is_dir()


# --- verify ---


def test_verify_says_that_all_is_as_it_was_and_notes_that_it_looked(
    monitor: Monitor, pictured: Capture
) -> None:
    result = monitor("evidence", "verify", "--by", "Dana Lead")

    assert result.exit_code == 0, result.output
    assert "✓ All of it is as it was." in result.stdout
    assert re.search(r"1 record since .* not yet anchored\.", result.stdout)
    with app_of(monitor) as app:
        last = app.store.custody.of_school("harrowby-green")[-1].event
    assert (last.deed, last.by, last.why) == (Deed.VERIFIED, "Dana Lead", "all is as it was")


def test_verify_names_a_flipped_byte_and_ends_with_1(monitor: Monitor, pictured: Capture) -> None:
    file = folder_of(monitor, pictured) / "upload.png"
    file.write_bytes(PNG[:-1] + b"\x01")

    whole = monitor("evidence", "verify")
    one = monitor("evidence", "verify", pictured.id)

    for result in (whole, one):
        assert result.exit_code == 1
        assert f"capture {pictured.id}, alert A-{pictured.alert}: upload.png was changed." in result.stdout
        assert "✗ 1 thing is not as it was." in result.stdout
        assert "Keep everything as it is" in result.stderr
    assert custody_of(monitor, pictured)[-1].event.why == "1 thing is not as it was"


def test_verify_of_one_capture_reads_its_files_alone(monitor: Monitor, pictured: Capture) -> None:
    result = monitor("evidence", "verify", pictured.id)

    assert result.exit_code == 0
    assert "1 capture, 2 files, " in result.stdout


def test_a_pack_needs_no_configuration_and_a_folder_that_is_none_is_found_wanting(
    monitor: Monitor, tmp_path: Path
) -> None:
    (tmp_path / "pack").mkdir()

    empty = monitor("evidence", "verify", "--config", "none.yaml", "--pack", str(tmp_path / "pack"))
    absent = monitor("evidence", "verify", "--pack", str(tmp_path / "nowhere"))
    both = monitor("evidence", "verify", "X", "--pack", str(tmp_path / "pack"))

    assert empty.exit_code == 1
    assert "FAIL" in empty.stdout
    assert (absent.exit_code, both.exit_code) == (2, 2)


def test_an_exported_pack_passes(monitor: Monitor, pictured: Capture, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    words = ("--to", str(pack), "--by", "Dana Lead", "--for", "PC 4711")
    exported = monitor("evidence", "export", f"A-{pictured.alert}", *words)
    assert exported.exit_code == 0, exported.output

    result = monitor("evidence", "verify", "--pack", str(pack))

    assert result.exit_code == 0, result.output
    assert "0 failed" in result.stdout
