"""What `match` and `classify` print is a contract: these keys, one object a line, in order."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from classifiers.taxonomy import TAXONOMY, Severity
from monitor.cli.main import cli
from monitor.cli.terminal import DEFAULT_CONFIG

CLASSIFIED = [
    "text",
    "abuse",
    "safeguarding",
    "reputational",
    "scores",
    "alert",
    "severity",
    "subcategory",
    "media_lock",
    "reasons",
    "language",
    "by",
]
MATCHED = ["text", "matches"]
MATCH = ["school", "confidence", "ambiguous", "reasons"]
THREAT = "im bringing a knife to harrowby green tomorrow, watch"
SOURCE = 'name: Paper, platform: feed, url: "http://127.0.0.1:1/feed"'
Make = Callable[..., object]


def read(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.split("\n")[:-1]]


def test_classify_prints_the_agreed_keys_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "texts.csv"
    file.write_text(f'text,parent,channel\n"{THREAT}",,\nLovely fair on Saturday,,official_account\n')
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(cli, ["classify", str(file), "--json"])
    threat, fair = read(result.stdout)

    assert result.exit_code == 0
    assert list(threat) == list(fair) == CLASSIFIED
    assert threat["text"] == THREAT
    assert threat["alert"] is True
    assert threat["severity"] == "critical"
    assert threat["subcategory"] in TAXONOMY
    assert (fair["alert"], fair["severity"], fair["subcategory"]) == (False, "none", None)
    for found in (threat, fair):
        assert isinstance(found["media_lock"], bool)
        assert all(isinstance(reason, str) for reason in found["reasons"])
        assert set(found["scores"]) <= set(TAXONOMY)
        for number in (
            found["abuse"],
            found["safeguarding"],
            found["reputational"],
            *found["scores"].values(),
        ):
            assert 0 <= number <= 1
        assert found["severity"] in {severity.word for severity in Severity}
        assert "rules" in found["by"]


def test_classify_needs_no_configuration(tmp_path: Path) -> None:
    assert not (tmp_path / DEFAULT_CONFIG).exists()

    done = subprocess.run(
        [sys.executable, "-m", "monitor", "classify", "--json"],
        input=THREAT.encode(),
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "MONITOR_CONFIG"},
    )

    assert done.returncode == 0, done.stderr
    assert [found["alert"] for found in read(done.stdout.decode())] == [True]
    assert list(tmp_path.iterdir()) == []


def test_classify_follows_the_configured_policy(configured: Make) -> None:
    photo = "Please take the photo of my daughter down, I never gave consent"
    by_rules = "classifier: {use: rules}\n"
    usual = configured(SOURCE, more=by_rules)("classify", "--json", typed=photo)
    without = configured(SOURCE, more=by_rules + "purposes: {reputational: false}\n")(
        "classify", "--json", typed=photo
    )

    assert [found["alert"] for found in read(usual.stdout)] == [True]
    assert [found["alert"] for found in read(without.stdout)] == [False]


def test_a_configuration_that_is_named_must_be_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["classify", "--config", str(tmp_path / "none.yaml")], input="hello")

    assert result.exit_code == 2
    assert "there is no file" in result.stderr


def test_the_answered_text_is_judged_along_with_it(configured: Make) -> None:
    given = [{"text": "yes, tomorrow at the gates", "parent": "are you really bringing a knife to school?"}]
    lines = "".join(json.dumps(line) + "\n" for line in given)

    result = configured(SOURCE)("classify", "--json", typed=lines)

    assert [list(found) for found in read(result.stdout)] == [CLASSIFIED]


def test_match_prints_the_agreed_keys_in_order(configured: Make) -> None:
    lines = "Well done Harrowby Green Primary School!\nNothing here\nharrowby green primary school again\n"

    result = configured(SOURCE)("match", "--json", typed=lines)
    found = read(result.stdout)

    assert result.exit_code == 0
    assert [list(each) for each in found] == [MATCHED] * 3
    assert [len(each["matches"]) for each in found] == [1, 0, 1]
    assert [list(match) for each in found for match in each["matches"]] == [MATCH] * 2
    first = found[0]["matches"][0]
    assert first["school"] == "harrowby-green"
    assert 0.5 < first["confidence"] <= 1
    assert first["ambiguous"] is False
    assert first["reasons"]
    assert all(isinstance(reason, str) for reason in first["reasons"])


def test_what_stands_on_the_only_schools_own_page_is_about_it(configured: Make) -> None:
    rows = "text,channel\nis the fair still on?,official_account\nis the fair still on?,\n"

    found = read(configured(SOURCE)("match", "--json", typed=rows).stdout)

    assert [len(each["matches"]) for each in found] == [1, 0]


def test_a_thousand_texts_come_out_in_their_order(configured: Make) -> None:
    texts = [f"number {number}" for number in range(1000)]

    result = configured(SOURCE)("classify", "--json", typed="\n".join(texts))

    assert [found["text"] for found in read(result.stdout)] == texts


@pytest.mark.parametrize("command", ["match", "classify"])
def test_nothing_in_gives_no_object_and_no_error(configured: Make, command: str) -> None:
    result = configured(SOURCE)(command, "--json", typed="")

    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize("command", ["match", "classify"])
def test_input_that_cannot_be_read_ends_with_a_sentence(configured: Make, command: str) -> None:
    result = configured(SOURCE)(command, "--json", typed='{"text": "a"}\n{"words": "b"}\n')

    assert result.exit_code == 2
    assert result.stderr == (
        'standard input, line 2: expected an object with a "text", such as {"text": "…"}.\n'
    )


@pytest.mark.parametrize("command", ["match", "classify"])
def test_any_text_gives_one_line_of_ascii_that_holds_it_whole(configured: Make, command: str) -> None:
    run = configured(SOURCE)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.text(), min_size=1, max_size=5))
    def whole(texts: list[str]) -> None:
        file = run.folder / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        output = run(command, str(file), "--json").stdout
        assert output.isascii()
        assert [json.loads(line)["text"] for line in output.splitlines()] == texts

    whole()


@pytest.mark.parametrize("command", ["match", "classify"])
def test_half_of_a_surrogate_pair_survives(configured: Make, command: str) -> None:
    result = configured(SOURCE)(command, "--json", typed='{"text": "\\ud83d at harrowby green"}\n')

    assert [found["text"] for found in read(result.stdout)] == ["\ud83d at harrowby green"]


@pytest.mark.parametrize("command", ["match", "classify"])
def test_a_megabyte_is_judged_as_one_text(configured: Make, command: str) -> None:
    long = "Harrowby Green Primary School " + "and so on " * 100_000

    result = configured(SOURCE)(command, "--json", typed=long + "\nshort\n")

    assert [found["text"] for found in read(result.stdout)] == [long, "short"]


@pytest.mark.parametrize("command", ["match", "classify"])
def test_the_table_for_people_says_what_the_objects_say(configured: Make, command: str) -> None:
    result = configured(SOURCE)(
        command, typed="im bringing a knife to Harrowby Green Primary School tomorrow\nhi\n"
    )

    assert result.exit_code == 0
    assert {"match": "harrowby-green", "classify": "critical"}[command] in result.stdout
    assert {"match": "none", "classify": "Judged by the shipped model"}[command] in result.stdout


@pytest.mark.parametrize("command", ["match", "classify"])
def test_texts_of_strangers_neither_steer_the_terminal_nor_are_markup(configured: Make, command: str) -> None:
    text = "\x1b]0;owned\x07 \x1b[31mHarrowby \x9b2J Green\u202e [red]Primary[/red] School :smile:"

    table = configured(SOURCE)(command, typed=text + "\n").stdout
    objects = configured(SOURCE)(command, "--json", typed=text + "\n").stdout

    assert all(c.isprintable() or c == "\n" for c in table + objects)
    assert "[red]Primary[/red]" in " ".join(table.split())


def test_a_reader_that_goes_away_is_no_error(configured: Make) -> None:
    monitor = configured(SOURCE)
    file = monitor.folder / "many"
    file.write_text("hello\n" * 20_000)
    process = monitor.start("classify", str(file), "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()

    complaint = process.stderr.read()
    process.stderr.close()

    assert (process.wait(timeout=60), complaint) == (0, b"")


@pytest.mark.parametrize(
    ("given_bytes", "texts"),
    [
        (b"one\x00two\n\xff\xfe three\n", ["one\x00two", "\ufffd\ufffd three"]),
        (b'\xef\xbb\xbftext\r\n"a\r\nb"\r\n', ["a\r\nb"]),
        ("eins\u2028zwei\n".encode(), ["eins\u2028zwei"]),
    ],
)
def test_standard_input_is_read_byte_for_byte(configured: Make, given_bytes: bytes, texts: list[str]) -> None:
    code, said, complaint = configured(SOURCE).piped(given_bytes, "classify", "--json")

    assert (code, complaint) == (0, "")
    assert [found["text"] for found in read(said)] == texts


def test_a_model_that_cannot_be_used_is_told_in_a_sentence(configured: Make) -> None:
    model = "classifier: {use: transformer, model: ./missing, labels: {THREAT: abuse.threat_violence}}\n"

    result = configured(SOURCE, more=model)("classify", typed="hello\n")

    assert result.exit_code == 2
    assert result.stderr.startswith("There is no folder ")
    assert "Traceback" not in result.stderr
