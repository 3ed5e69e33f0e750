"""`evaluate` on small files, with the rules alone."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from typer.testing import CliRunner, Result

from classifiers.taxonomy import TAXONOMY, Head, Severity
from monitor.cli.main import cli

THREAT = "im bringing a knife to harrowby green tomorrow, watch"
FAIR = "Lovely fair on Saturday"
HOSTILE = '<script>alert(1)</script><img src="http://evil.example/x"> {{ 7 * 7 }} \x1b[2J\u202e [red]a[/red]'
SOURCE = 'name: Paper, platform: feed, url: "http://127.0.0.1:1/feed"'
COLUMNS = ("text", "abuse", "safeguarding", "reputational", "subcategories", "hard_negative", "channel")
FIGURE = {"n", "value", "low", "high"}
Row = tuple[str, int, int, int, str, int, str]


class Monitor(Protocol):
    """The command `monitor`."""

    def __call__(self, *words: str) -> Result: ...


def threat(text: str = THREAT) -> Row:
    return (text, 0, 1, 0, "safeguarding.weapons_violence", 0, "")


def ordinary(text: str = FAIR, hard: int = 0) -> Row:
    return (text, 0, 0, 0, "", hard, "")


@pytest.fixture
def labelled(tmp_path: Path) -> Callable[..., Path]:
    """Writes a labelled file."""

    def write(*rows: Row, name: str = "labelled.csv") -> Path:
        file = tmp_path / name
        with file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([COLUMNS, *rows])
        return file

    return write


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """The command in a folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MONITOR_CONFIG", raising=False)
    return lambda *words: CliRunner().invoke(cli, words, env={"COLUMNS": "120"})


def measured(monitor: Monitor, *words: str) -> dict[str, object]:
    result = monitor("evaluate", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_alerts_of_rules_are_counted_among_critical_and_harmless_posts(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    file = labelled(
        *[threat()] * 9,
        threat("something that no rule knows"),
        *[ordinary()] * 19,
        ordinary(THREAT),
        *[ordinary(hard=1)] * 10,
    )

    found = measured(monitor, str(file))

    assert found["posts"] == 40
    assert found["critical"]["value"] == pytest.approx(0.9)
    assert found["critical"]["n"] == 10
    assert found["false_alerts_per_1000_ordinary"]["value"] == pytest.approx(50)
    assert found["false_alerts_per_1000_hard"]["value"] == 0
    assert found["severities"]["critical"] == {"none": 1, "low": 0, "medium": 0, "high": 0, "critical": 9}
    assert [one["text"] for one in found["misses"]] == ["something that no rule knows"]
    assert [one["text"] for one in found["false_alarms"]] == [THREAT]


def test_the_object_for_programs_has_every_head_kind_and_severity(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    found = measured(monitor, str(labelled(*[threat()] * 12, *[ordinary()] * 12)))

    assert set(found["heads"]) == {head.value for head in Head}
    assert set(found["subcategories"]) == {key for key, kind in TAXONOMY.items() if kind.head}
    assert list(found["severities"]) == [severity.word for severity in Severity]
    weapons = found["subcategories"]["safeguarding.weapons_violence"]
    assert (weapons["positives"], weapons["negatives"]) == (12, 12)
    for name in ("auroc", "average_precision", "recall", "precision", "false_alerts_per_1000"):
        assert set(weapons[name]) == FIGURE
    assert weapons["auroc"]["value"] == weapons["recall"]["value"] == 1
    assert found["heads"]["safeguarding"]["calibration"]["error"]["value"] < 0.05


def test_what_has_too_few_posts_behind_it_is_not_shown(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    file = labelled(*[threat()] * 3, *[ordinary()] * 12)

    table = monitor("evaluate", str(file)).stdout
    found = measured(monitor, str(file))

    assert re.search(r"Critical posts: share that alerts +not shown, n = 3", table)
    assert "100.0%" not in table
    assert found["critical"] == {"n": 3, "value": None, "low": None, "high": None}


def test_the_tables_say_what_was_judged_by_whom_and_each_figure_with_its_n(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    result = monitor("evaluate", str(labelled(*[threat()] * 20, *[ordinary()] * 20)))

    assert result.exit_code == 0
    assert "40 labelled posts of 1 file, judged by the shipped model" in result.stdout
    assert "Thresholds: the shipped ones." in result.stdout
    assert re.search(r"Critical posts: share that alerts +100\.0% \(83\.9–100\.0\) +20", result.stdout)
    assert re.search(r"Ordinary posts: false alerts per 1,000 +0\.0 \(0\.0–161\.1\) +20", result.stdout)


def test_a_folder_stands_for_its_csv_files_and_nothing_is_counted_twice(
    monitor: Monitor, labelled: Callable[..., Path], tmp_path: Path
) -> None:
    labelled(*[threat()] * 5, name="a.csv")
    labelled(*[ordinary()] * 5, name="b.csv")
    (tmp_path / "notes.txt").write_text("not this one")

    found = measured(monitor, str(tmp_path), str(tmp_path / "a.csv"))

    assert (found["posts"], found["files"]) == (10, ["a.csv", "b.csv"])


def test_the_configured_policy_is_what_is_measured(
    configured: Callable[..., Monitor], labelled: Callable[..., Path]
) -> None:
    photo = "Please take the photo of my daughter down, I never gave consent"
    file = labelled(*[(photo, 0, 0, 1, "reputational.image_consent", 0, "")] * 10)

    usual = measured(configured(SOURCE), str(file))
    without = measured(configured(SOURCE, more="purposes: {reputational: false}\n"), str(file))

    assert usual["due"]["n"] == 10
    assert (without["due"]["n"], without["missed"]) == (0, 0)
    assert without["looser"] == [
        "The purpose 'reputational' is switched off: of its kinds, only critical matters still alert."
    ]
    assert str(without["thresholds"]).endswith("monitor.yaml")


def test_what_was_written_to_the_school_itself_counts_as_such(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    insult = "The head is a fat useless cow and everybody knows it"
    rows = [(insult, 1, 0, 0, "abuse.harassment_staff", 0, channel) for channel in ("", "official_account")]
    here, there = (labelled(row, name=f"{number}.csv") for number, row in enumerate(rows))

    severities = [measured(monitor, str(file))["severities"]["medium"] for file in (here, there)]

    assert severities[0] != severities[1]


def test_what_a_post_answers_is_judged_along_with_it(monitor: Monitor, tmp_path: Path) -> None:
    heads, asked = "text,parent,abuse,safeguarding,reputational", "he asked a year 8 for nudes"
    for name, parent in (("answers.csv", asked), ("alone.csv", "")):
        (tmp_path / name).write_text(f"{heads}\n" + f"yes he did,{parent},0,0,0\n" * 10)

    locked = [
        measured(monitor, str(tmp_path / name))["media_lock"]["others"]["value"]
        for name in ("answers.csv", "alone.csv")
    ]

    assert locked == [1.0, 0.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,abuse\nhello,0\n", "has no column safeguarding, reputational"),
        ("text,abuse,safeguarding,reputational\nhello,0,perhaps,0\n", "line 2: 'perhaps' in the column"),
        ("text,abuse,safeguarding,reputational\n", "There is no labelled post in what you named"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_a_sentence(
    monitor: Monitor, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)

    result = monitor("evaluate", str(file))

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_without_files_ends_with_a_sentence(monitor: Monitor, tmp_path: Path) -> None:
    result = monitor("evaluate", str(tmp_path))

    assert result.exit_code == 2
    assert "holds no file that ends in .csv" in " ".join(result.stderr.split())


def test_the_page_runs_nothing_fetches_nothing_and_is_for_us_alone(
    monitor: Monitor, labelled: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [*[threat()] * 12, *[ordinary()] * 12, threat(HOSTILE), ordinary(f"{HOSTILE} {THREAT}")]
    page = tmp_path / "report.html"

    result = monitor("evaluate", str(labelled(*rows)), "--html", str(page))

    text = page.read_text(encoding="utf-8")
    assert result.exit_code == 0
    assert text.startswith("<!DOCTYPE html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert not re.search(
        r"<script|<link|src=[\"'](?!data:)|@import|url\((?!data:)|href=", text, re.IGNORECASE
    )
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img") == 2
    assert "{{ 7 * 7 }}" in text
    assert "[U+001B][2J[U+202E]" in text
    assert len(re.findall(r'src="data:image/svg\+xml;base64,', text)) == 2  # safeguarding and the kinds


def test_texts_of_strangers_do_not_steer_the_terminal(
    monitor: Monitor, labelled: Callable[..., Path]
) -> None:
    result = monitor("evaluate", str(labelled(threat(HOSTILE), ordinary(f"{HOSTILE} {THREAT}"))))

    assert all(c.isprintable() or c == "\n" for c in result.stdout)
    assert "[red]a[/red]" in result.stdout


def test_the_addresses_in_a_post_whose_media_are_locked_cannot_be_opened(
    monitor: Monitor, labelled: Callable[..., Path], tmp_path: Path
) -> None:
    row = ("look at https://example.org/x", 0, 1, 0, "safeguarding.nudes_semi_nudes", 0, "")
    page = tmp_path / "report.html"

    table = monitor("evaluate", str(labelled(row)), "--html", str(page)).stdout

    assert "https://example.org" not in page.read_text() + table
    assert "hxxps://example[.]org/x" in page.read_text()


def test_a_page_that_cannot_be_written_is_told_in_a_sentence(
    monitor: Monitor, labelled: Callable[..., Path], tmp_path: Path
) -> None:
    result = monitor("evaluate", str(labelled(ordinary())), "--html", str(tmp_path / "none" / "a.html"))

    assert result.exit_code == 2
    assert "cannot be written: No such file or directory." in " ".join(result.stderr.split())


def test_what_measures_is_loaded_by_nothing_else() -> None:
    asked = (
        "import sys, monitor.cli.main; print({'sklearn', 'scipy', 'matplotlib', 'numpy'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)

    assert done.stdout == "set()\n"
