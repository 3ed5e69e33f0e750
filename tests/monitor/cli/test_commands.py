"""Each command with real parts, and how it ends: 0 all is well, 1 something needs a person, 2 it is wrong."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from fakes import mail_to, open_post_office
from typer.testing import Result

from monitor.app import build, now, start
from monitor.clocks import Watched
from monitor.config.loading import load
from monitor.custody import Deed
from monitor.store.tables import revisions

SOURCE = 'name: Paper, platform: feed, url: "{site}/paper/feed.xml"'
DEAD = 'name: Gone, platform: feed, url: "http://127.0.0.1:1/feed.xml"'


class Monitor(Protocol):
    """The command, as conftest.py makes it."""

    folder: Path
    config: Path
    environ: dict[str, str]

    def __call__(self, *words: str, typed: str | None = None) -> Result: ...
    def start(self, *words: str, **streams: object) -> subprocess.Popen[bytes]: ...
    def piped(self, given: bytes, *words: str) -> tuple[int, str, str]: ...


Make = Callable[..., Monitor]


def numbers(monitor: Monitor, *words: str) -> list[int]:
    return [json.loads(line)["number"] for line in monitor("alerts", "--json", *words).stdout.splitlines()]


def outline(result: Result) -> str:
    return " ".join(result.output.split())


# --- scan ---


def test_scan_reads_every_source_and_says_what_it_found(fresh: Monitor) -> None:
    result = fresh("scan")

    assert result.exit_code == 0
    for source in ("Harrowby Observer", "Alder Lane Mum", "Community Board", "Thornwick Forum"):
        assert source in result.stdout
    assert "Judged by the shipped model" in result.stdout
    assert len(numbers(fresh)) >= 5


def test_scan_prints_one_object_a_source(fresh: Monitor) -> None:
    result = fresh("scan", "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]

    assert {each["source"] for each in found} >= {"Harrowby Observer", "Our own page"}
    assert all(each["state"] == "ok" and each["read"] >= each["mentions"] for each in found)
    assert sorted(number for each in found for number in each["alerts"]) == sorted(numbers(fresh))


def test_scan_reads_only_the_source_that_is_named(fresh: Monitor) -> None:
    result = fresh("scan", "--source", "Community Board", "--source", "Community Board", "--json")

    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == ["Community Board"]


def test_scan_of_an_unknown_source_names_those_that_are_known(fresh: Monitor) -> None:
    result = fresh("scan", "--source", "Communty Board")

    assert result.exit_code == 2
    assert "There is no source named 'Communty Board'." in result.stderr
    assert "Community Board" in result.stderr


def test_one_bad_source_stops_no_other_and_needs_a_person(configured: Make, neighbourhood: str) -> None:
    monitor = configured(DEAD, SOURCE.format(site=neighbourhood))

    result = monitor("scan", "--json")

    states = {each["source"]: each["state"] for each in map(json.loads, result.stdout.splitlines())}
    assert states == {"Gone": "our-network-down", "Paper": "ok"}
    assert result.exit_code == 1


def test_where_nobody_watches_progress_is_plain_lines(fresh: Monitor) -> None:
    code, said, beside = fresh.piped(b"", "scan", "--source", "Community Board")

    assert code == 0, beside
    assert beside == "Community Board: ok\nKeeping evidence and sending.\n"
    assert "\x1b" not in said + beside
    assert "\r" not in said + beside


def test_a_person_who_watches_sees_how_far_it_is(fresh: Monitor) -> None:
    ours, theirs = pty.openpty()
    worker = fresh.start("scan", "--source", "Community Board", stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)

    seen = b""
    # At the end of the process the terminal is gone, which Linux reports as an error.
    with suppress(OSError):
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)

    assert worker.wait(timeout=30) == 0
    assert "Reading sources" in seen.decode()
    assert "1/1" in seen.decode()


def test_what_a_site_sends_never_steers_the_terminal(configured: Make, tmp_path: Path) -> None:
    """A feed cannot carry control characters, but titles, reasons and addresses can hold other tricks."""
    evil = "\x1b]8;;http://evil.example\x07\x9b31m\u202e[bold]"
    monitor = configured(f'name: "{json.dumps(evil)[1:-1]}", platform: feed, url: "http://127.0.0.1:1/f"')

    for words in (["scan"], ["check"], ["scan", "--source", evil + "x"]):
        result = monitor(*words)
        assert all(c.isprintable() or c == "\n" for c in result.output), words


# --- check ---


def test_check_is_content_after_a_good_scan(monitor: Monitor) -> None:
    result = monitor("check")

    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("still to be put in order.\n")
    assert "! The worker has not run yet: start it (monitor run)." in result.stdout
    assert "configuration: 1 school, 5 sources, 4 people" in result.stdout


def test_check_names_a_source_that_needs_a_person(configured: Make) -> None:
    monitor = configured(DEAD)
    monitor("scan")

    result = monitor("check")

    assert result.exit_code == 1
    assert "✗ Gone: This server cannot reach the internet" in result.stdout


def test_check_notices_that_the_worker_has_stopped(monitor: Monitor) -> None:
    app = build(load(monitor.config, monitor.environ))
    app.store.journal.beat("a worker", now().replace(year=now().year - 1))
    app.close()

    result = monitor("check")

    assert result.exit_code == 1
    assert "✗ The worker was last alive at " in result.stdout


def test_check_notices_that_others_can_read_the_data(monitor: Monitor) -> None:
    (monitor.folder / "data").chmod(0o755)

    result = monitor("check")

    assert result.exit_code == 1
    assert "can be read by others on this machine: chmod 700 it." in outline(result)


def test_check_names_everything_that_is_wrong_with_the_settings(configured: Make) -> None:
    monitor = configured("name: Paper, platform: fed, url: nowhere", more="colour: red\n")

    result = monitor("check")

    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0].startswith("monitor.yaml, line 4: sources[0].platform: ")
    assert any(line.startswith("monitor.yaml, line 7: colour: ") for line in lines)


def test_check_without_a_configuration_says_where_to_put_one(tmp_path: Path, fresh: Monitor) -> None:
    result = fresh("check", "--config", str(tmp_path / "none.yaml"))

    assert result.exit_code == 2
    assert "make one with `monitor init`" in result.stderr
    assert "Traceback" not in result.output


def test_a_scan_without_its_model_goes_on_by_the_rules_and_says_so(
    configured: Make, neighbourhood: str
) -> None:
    model = "classifier: {use: transformer, model: ./missing, labels: {THREAT: abuse.threat_violence}}\n"

    result = configured(SOURCE.format(site=neighbourhood), more=model)("scan")

    assert result.exit_code == 1
    assert "The model is out: the rules judge alone. There is no folder" in " ".join(result.stderr.split())
    assert "; the model is out." in result.stdout


def test_check_names_what_is_missing_of_the_model(configured: Make) -> None:
    model = "classifier: {use: transformer, model: ./missing, labels: {THREAT: abuse.threat_violence}}\n"
    monitor = configured(SOURCE.format(site="http://127.0.0.1:9"), more=model)

    result = monitor("check")

    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert f"✗ The model is out: the rules judge alone. There is no folder {monitor.folder}/missing." in said


def test_the_network_check_tries_every_host_once(configured: Make, neighbourhood: str) -> None:
    host = neighbourhood.removeprefix("http://")
    again = f'name: Blog, platform: feed, url: "{neighbourhood}/blog/atom.xml"'
    with open_post_office() as office:
        monitor = configured(SOURCE.format(site=neighbourhood), again, DEAD, more=mail_to(office.port))
        result = monitor("check", "--network")

    assert result.exit_code == 1
    assert result.stdout.count(f"✓ {host}: answers\n") == 1
    assert f"✓ mail: 127.0.0.1, port {office.port}, answers." in result.stdout
    assert "✗ 127.0.0.1:1: 127.0.0.1 could not be reached." in result.stdout
    assert office.letters == []


def test_the_network_check_is_content_when_every_host_answers(configured: Make, neighbourhood: str) -> None:
    result = configured(SOURCE.format(site=neighbourhood))("check", "--network")

    assert result.exit_code == 0, result.output


def test_the_network_check_says_what_a_mail_server_that_is_away_answers(
    configured: Make, neighbourhood: str
) -> None:
    monitor = configured(SOURCE.format(site=neighbourhood), more=mail_to(1))

    result = monitor("check", "--network")

    assert result.exit_code == 1
    assert "✗ mail: " in result.stdout


# --- alerts, alert, ack, hold ---


def test_alerts_lists_number_time_severity_state_and_the_whole_address(monitor: Monitor) -> None:
    listed = monitor("alerts").stdout
    objects = [json.loads(line) for line in monitor("alerts", "--json").stdout.splitlines()]

    for alert in objects:
        assert f"A-{alert['number']} " in listed
        if not alert["media_lock"]:
            assert f"{alert['urls'][0]}\n" in listed
        assert alert["severity"] in listed
    assert listed.count("locked: do not open") == sum(alert["media_lock"] for alert in objects) > 0
    assert re.search(r"first seen \w{3} \d+ \w{3} \d{4} \d\d:\d\d (GMT|BST)  open\n", listed)


def test_no_alerts_is_said(configured: Make) -> None:
    monitor = configured(DEAD)

    assert monitor("alerts").stdout == "No alert needs you.\n"
    assert monitor("alerts", "--all").stdout == "There are no alerts yet.\n"
    assert monitor("alerts", "--json").stdout == ""


def test_one_alert_is_shown_with_words_reasons_and_what_to_do(monitor: Monitor) -> None:
    number = numbers(monitor)[-1]

    for written in (str(number), f"A-{number}", f"a-{number}"):
        result = monitor("alert", written)
        assert result.exit_code == 0
        for heading in ("Why\n", "What to do first\n", "Evidence\n", "History\n", "first seen"):
            assert heading in result.stdout


def test_the_page_of_an_alert_needs_nothing_else_and_is_for_us_alone(
    monitor: Monitor, tmp_path: Path
) -> None:
    page = tmp_path / "alert.html"
    page.write_text("an older page, which anybody could read")
    page.chmod(0o644)

    result = monitor("alert", str(numbers(monitor)[0]), "--html", str(page))

    text = page.read_text()
    assert result.exit_code == 0
    assert text.startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert not re.search(r"<script|<link|src=[\"'](?!data:)|@import|url\((?!data:)", text, re.IGNORECASE)


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(monitor: Monitor, tmp_path: Path) -> None:
    result = monitor("alert", str(numbers(monitor)[0]), "--html", str(tmp_path / "none" / "a.html"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory." in outline(result)


def test_no_address_of_a_locked_alert_can_be_opened(monitor: Monitor, tmp_path: Path) -> None:
    found = [json.loads(line) for line in monitor("alerts", "--json").stdout.splitlines()]
    locked = next(alert for alert in found if alert["media_lock"])
    with closing(start(load(monitor.config, monitor.environ))) as app:
        (address,) = app.store.alerts.get(locked["number"]).urls
    page = tmp_path / "locked.html"

    words = monitor("alert", str(locked["number"])).stdout
    monitor("alert", str(locked["number"]), "--html", str(page))

    assert "DO NOT OPEN THE POST" in words
    assert locked["urls"] == []
    assert all(alert["urls"] for alert in found if not alert["media_lock"])
    assert address not in words + page.read_text()
    assert "href=" not in page.read_text()


@pytest.mark.parametrize("number", ["1", "A-1", "x", "-5", "9" * 5000, "²", "\x1b[2J"])
@pytest.mark.parametrize("command", ["alert", "ack", "hold", "lock"])
def test_a_number_that_no_alert_has_is_said_so(monitor: Monitor, command: str, number: str) -> None:
    result = monitor(command, "--", number)

    assert result.exit_code == 2
    assert result.stderr.startswith("There is no alert ")
    assert "\x1b" not in result.stderr


def test_words_of_a_post_reach_the_terminal_without_control_sequences(monitor: Monitor) -> None:
    app = start(load(monitor.config, monitor.environ))
    with app.store._database.writing() as connection:
        connection.execute(revisions.update().values(text="\x1b]0;owned\x07 \x9b2J\r\u202eeno [red]x[/red]"))
    app.close()

    shown = "".join(monitor("alert", str(number)).stdout for number in numbers(monitor))

    assert "[red]x[/red]" in shown
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_ack_notes_who_has_it_in_hand(monitor: Monitor) -> None:
    number = numbers(monitor)[0]

    result = monitor("ack", str(number), "--by", "Dana Lead", "--note", "speaking to the family")

    assert result.output == f"A-{number}: acknowledged, noted for Dana Lead.\n"
    shown = monitor("alert", str(number)).stdout
    assert "Dana Lead" in shown
    assert "speaking to the family" in shown
    assert number in numbers(monitor)


def test_what_is_no_concern_leaves_the_open_list_but_not_the_whole_one(monitor: Monitor) -> None:
    number = numbers(monitor)[0]

    result = monitor("ack", str(number), "--by", "Dana Lead", "--not-a-concern")

    assert result.exit_code == 0
    assert number not in numbers(monitor)
    assert number in numbers(monitor, "--all")


@pytest.mark.parametrize("by", [[], ["--by", "  "], ["--by", "\x1b\x00"]])
def test_nobody_acknowledges_without_a_name(monitor: Monitor, by: list[str]) -> None:
    number = numbers(monitor)[0]

    result = monitor("ack", str(number), *by)

    assert (result.exit_code, result.stderr) == (2, 'Say who you are: --by "Your Name".\n')
    assert "Nobody has acknowledged it" in monitor("alert", str(number)).stdout


def test_a_hold_is_shown_and_lifted(monitor: Monitor) -> None:
    number = str(numbers(monitor)[0])

    held = monitor("hold", number, "--by", "Dana Lead", "--note", "police")
    assert "on hold" in monitor("alerts").stdout
    lifted = monitor("hold", number, "--by", "Dana Lead", "--lift")

    assert [held.exit_code, lifted.exit_code] == [0, 0]
    assert "on hold" not in monitor("alerts").stdout


def test_a_hold_and_its_lifting_stand_in_the_custody_log(monitor: Monitor) -> None:
    number = numbers(monitor)[0]

    monitor("hold", str(number), "--by", "Dana Lead", "--note", "police")
    monitor("hold", str(number), "--by", "Dana Lead", "--lift")

    with closing(start(load(monitor.config, monitor.environ))) as app:
        events = [entry.event for entry in app.store.custody.of_alert(number)]
    assert [(event.deed, event.by, event.why) for event in events if event.by == "Dana Lead"] == [
        (Deed.HELD, "Dana Lead", "police"),
        (Deed.HOLD_LIFTED, "Dana Lead", ""),
    ]


def test_a_person_locks_an_alert_and_from_then_on_nobody_is_shown_where_it_is(monitor: Monitor) -> None:
    """DOMAIN 3.7 no. 2: a click of the DSL locks as surely as a rule."""
    found = [json.loads(line) for line in monitor("alerts", "--json").stdout.splitlines()]
    alert = next(one for one in found if not one["media_lock"])
    number, (address, *_) = str(alert["number"]), alert["urls"]

    result = monitor("lock", f"A-{number}", "--by", "Dana Lead", "--note", "a pupil says that it is her")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"A-{number}: locked, noted for Dana Lead.\nNothing more of it is")
    shown = monitor("alert", number).stdout
    assert "DO NOT OPEN THE POST" in shown
    assert "locked, by Dana Lead: a pupil says that it is her" in shown
    assert address not in shown + monitor("alerts").stdout


# --- forget ---


def test_a_dry_run_of_forgetting_only_says_what_would_go(monitor: Monitor) -> None:
    before = sorted(numbers(monitor, "--all"))

    result = monitor("forget", "--dry-run")

    assert result.exit_code == 0
    assert re.match(r"This would go: \d+ texts below threshold, 0 alerts, 0 captures, ", result.stdout)
    assert sorted(numbers(monitor, "--all")) == before


def test_forgetting_says_what_went_once_the_clock_has_gone_on_for_a_day(monitor: Monitor) -> None:
    early = monitor("forget")
    assert (early.exit_code, early.stderr.startswith("Nothing went: ")) == (1, True)
    with closing(start(load(monitor.config, monitor.environ))) as app:
        app.store.journal.keep_clock(Watched(now() - timedelta(days=1), now()))

    assert monitor("forget").stdout.startswith("This went: ")


# --- digest, mail ---


def test_the_digest_is_shown_and_not_sent(monitor: Monitor) -> None:
    shown = monitor("digest")
    for_deputy = monitor("digest", "--to", "Deputy@harrowbygreen.example", "--print")

    assert shown.exit_code == for_deputy.exit_code == 0
    assert shown.stdout.startswith("Subject: ")
    assert "For Dana Lead." in shown.stdout
    assert "For Sam Deputy." in for_deputy.stdout
    assert not list((monitor.folder / "mail").glob("*digest*"))


def test_the_digest_is_sent_to_whom_it_is_for(configured: Make, neighbourhood: str) -> None:
    with open_post_office() as office:
        monitor = configured(SOURCE.format(site=neighbourhood), more=mail_to(office.port))
        result = monitor("digest", "--send", "--to", "dsl@harrowbygreen.example")

    assert (result.exit_code, result.stdout) == (0, "Sent.\n")
    assert [letter["To"] for letter in office.letters] == ["dsl@harrowbygreen.example"]


def test_a_digest_that_is_not_taken_waits_and_needs_a_person(configured: Make, neighbourhood: str) -> None:
    monitor = configured(SOURCE.format(site=neighbourhood), more=mail_to(1))

    result = monitor("digest", "--send")

    assert result.exit_code == 1
    assert "1 message waits for the mail server. Its last answer: " in outline(result)


def test_a_digest_for_a_stranger_names_those_who_get_one(monitor: Monitor) -> None:
    result = monitor("digest", "--to", "stranger@else.example")

    assert result.exit_code == 2
    assert "'stranger@else.example' is not among the people in the configuration" in outline(result)
    assert "dsl@harrowbygreen.example" in result.stderr


def test_the_mail_test_sends_a_letter_to_everybody_and_tells_each_answer(
    configured: Make, neighbourhood: str
) -> None:
    with open_post_office() as office:
        monitor = configured(SOURCE.format(site=neighbourhood), more=mail_to(office.port))
        greeted = monitor("mail")
        assert office.letters == []
        tested = monitor("mail", "--test")

    assert greeted.exit_code == tested.exit_code == 0
    assert f"✓ 127.0.0.1, port {office.port}, answers." in greeted.stdout
    assert "✓ It took the message for dsl@harrowbygreen.example: " in tested.stdout
    assert [letter["To"] for letter in office.letters] == ["dsl@harrowbygreen.example"]


def test_a_refused_recipient_is_named_and_the_others_are_tried(configured: Make, neighbourhood: str) -> None:
    with open_post_office() as office:
        office.refused = "dsl@harrowbygreen.example"
        monitor = configured(SOURCE.format(site=neighbourhood), more=mail_to(office.port))
        file = monitor.config
        file.write_text(
            file.read_text().replace(
                "people: {", "people: {head: [{name: Hari Head, email: head@e.example}], "
            )
        )
        result = monitor("mail", "--test")

    assert result.exit_code == 1
    assert "✗ " in result.stdout
    assert "✓ It took the message for head@e.example: " in result.stdout


def test_a_mail_server_that_is_away_is_told_in_plain_words(configured: Make, neighbourhood: str) -> None:
    result = configured(SOURCE.format(site=neighbourhood), more=mail_to(1))("mail", "--test")

    assert result.exit_code == 1
    assert result.stdout.startswith("✗ ")
    assert "Traceback" not in result.output


# --- schema, backup, restore, demo ---


def test_the_schema_is_json_for_editors(fresh: Monitor) -> None:
    assert json.loads(fresh("schema").stdout)["title"] == "School Mention Monitor configuration"


def test_a_backup_comes_back_into_an_empty_folder(monitor: Monitor, tmp_path: Path) -> None:
    before = numbers(monitor, "--all")

    saved = monitor("backup", str(tmp_path / "saved"))
    refused = monitor("restore", str(next((tmp_path / "saved").iterdir())))
    (monitor.folder / "data").rename(monitor.folder / "lost")
    restored = monitor("restore", str(next((tmp_path / "saved").iterdir())))

    assert (saved.exit_code, refused.exit_code, restored.exit_code) == (0, 2, 0), restored.output
    assert numbers(monitor, "--all") == before


@pytest.mark.browser
def test_the_demo_shows_what_a_safeguarding_lead_would_get(
    configured: Make, browser: Path, tmp_path: Path
) -> None:
    monitor = configured(DEAD)
    monitor.environ["PATH"] = str(browser.parent)

    code, said, beside = monitor.piped(b"", "demo", "--to", "shown")

    assert code == 0, beside
    shown = tmp_path / "shown"
    assert list(shown.glob("A-*.html"))
    assert list((shown / "mail").glob("*digest*.html"))
    assert list((shown / "data" / "evidence").rglob("*.png"))
    assert str(shown / "mail") in said


# --- run ---


def _until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def test_the_worker_reads_what_is_due_and_stops_when_told(fresh: Monitor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as lines:
        worker = fresh.start("run", stderr=lines, stdout=lines)
        try:
            _until(lambda: worker.poll() is not None or len(numbers(fresh)) >= 5)
        finally:
            worker.send_signal(signal.SIGTERM)
    code = worker.wait(timeout=30)

    assert code == 0, log.read_text()
    assert "watching 5 sources for 1 school\n" in log.read_text()
    assert "worker last alive: never" not in fresh("check").stdout


def test_the_worker_without_a_configuration_writes_one_and_stays(fresh: Monitor, tmp_path: Path) -> None:
    config, log = tmp_path / "etc" / "monitor.yaml", tmp_path / "log"
    with log.open("wb") as lines:
        worker = fresh.start("run", "--config", str(config), stderr=lines)
        try:
            _until(lambda: "The monitor is up but watches nothing." in log.read_text())
            assert worker.poll() is None
        finally:
            worker.send_signal(signal.SIGTERM)
    code = worker.wait(timeout=30)

    assert code == 0
    assert config.read_text().startswith("# School Mention Monitor: fill in what stands empty here")
    assert "schools[0].name" in log.read_text()


# --- how every command ends ---


def test_a_data_folder_that_cannot_be_made_is_told_in_a_sentence(configured: Make, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    monitor = configured(DEAD, more="data: occupied\n")

    result = monitor("alerts")

    assert result.exit_code == 1
    assert result.stderr.startswith("This machine or its database stands in the way: ")


def test_a_database_that_cannot_be_used_is_told_in_a_sentence(configured: Make, tmp_path: Path) -> None:
    (tmp_path / "data" / "keys").mkdir(parents=True)
    (tmp_path / "data" / "keys" / "posts.key").write_bytes(b"short")

    result = configured(DEAD)("alerts")

    assert result.exit_code == 2
    assert "holds no key: restore it from a backup" in outline(result)


def test_an_address_of_a_database_that_cannot_be_read_is_told_in_a_sentence(configured: Make) -> None:
    result = configured(DEAD, more="database: postgresql://u@h:port/d\n")("alerts")

    assert result.exit_code == 2
    assert "the address of the database cannot be read" in outline(result)


def test_a_damaged_database_is_told_in_a_sentence(configured: Make, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "monitor.db").write_bytes(b"this is no database" * 1000)

    result = configured(DEAD)("check")

    assert result.exit_code == 1
    assert "file is not a database" in outline(result)


@pytest.mark.parametrize("words", [["alerts", "--colour"], ["nothing"], ["alert"], ["scan", "--source"]])
def test_a_command_that_is_wrong_ends_with_2(fresh: Monitor, words: list[str]) -> None:
    assert fresh(*words).exit_code == 2


def test_what_is_heavy_is_loaded_only_where_it_is_used(monitor: Monitor) -> None:
    """`monitor check` answers at once, as somebody in a hurry needs it."""
    asked = (
        "import sys; from monitor.cli.main import cli; cli(['check'], standalone_mode=False); "
        "print(*(name for name in ('transformers', 'torch', 'onnxruntime', 'playwright', 'apscheduler', "
        "'praw', 'trafilatura') if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "MONITOR_CONFIG": str(monitor.config), **monitor.environ},
        check=False,
        capture_output=True,
        text=True,
    )

    assert "✓ Nothing is broken." in done.stdout
    assert done.stderr.strip() == ""


def test_help_names_every_exit_code(fresh: Monitor) -> None:
    help_text = outline(fresh("--help"))

    assert (
        "0 all is well; 1 something needs a person, and it is named; 2 the command or the settings"
        in help_text
    )


def test_an_alert_that_was_dealt_with_is_closed_with_a_word_on_what_was_decided(monitor: Monitor) -> None:
    """CLA-SLT1: nothing is closed without saying what was decided."""
    number = numbers(monitor)[0]

    unsaid = monitor("close", str(number), "--by", "Dana Lead")
    closed = monitor("close", str(number), "--by", "Dana Lead", "--note", "Referred to MASH")

    assert (unsaid.exit_code, "--note" in unsaid.stderr) == (2, True)
    assert closed.output == f"A-{number}: closed, noted for Dana Lead.\n"
    assert number not in numbers(monitor)
    assert "Referred to MASH" in monitor("alert", str(number)).stdout
