"""docs/developer.md tells developers nothing that the code does not do."""

import importlib.util
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import State
from monitor.cli.main import cli
from monitor.demo.neighbourhood import serve

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "developer.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
CLASSIFIED, MATCHED, SCANNED = (
    json.loads(block) for block in re.findall(r"^```json\n(.*?)\n```", PAGE, re.MULTILINE)
)
LIST = [
    {
        "id": 7,
        "text": "Harrowby Green\nfair",
        "at": "2026-11-20T18:00:00Z",
        "link": "/notices/7?utm_source=x",
    },
    {"id": 8},
    "no notice",
    {"text": "without an id"},
]


@pytest.fixture(scope="module")
def notices(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The connector that the page shows, as a module."""
    file = tmp_path_factory.mktemp("shown") / "notices.py"
    file.write_text(CODE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("notices", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(notices: ModuleType) -> Connector:
    source = {"name": "Council", "platform": "notices", "url": "https://council.example/notices.json"}
    return notices.Notices.model_validate(source)  # type: ignore[no-any-return]


def answering(status: int, content: bytes) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content)))


def test_the_connector_that_is_shown_reads_its_platform(notices: ModuleType) -> None:
    with answering(200, json.dumps(LIST).encode()) as http:
        batch = made(notices).fetch(http, None)

    first, second = batch.posts
    assert first.text == "Harrowby Green\nfair"
    assert first.id == "council.example 7"
    assert first.url == "https://council.example/notices/7"
    assert first.posted_at is not None
    assert second.url == "https://council.example/notices.json"


@pytest.mark.parametrize("status", [200, 204, 304, 401, 404, 429, 500, 503])
@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff", b"<html>hello</html>"])
def test_the_connector_that_is_shown_raises_nothing_but_the_two_errors(
    notices: ModuleType, status: int, content: bytes
) -> None:
    with answering(status, content) as http, pytest.raises((Unavailable, Refused)) as error:
        made(notices).fetch(http, "any")

    assert error.value.state is not State.OK


def test_the_connector_that_is_shown_keeps_the_rules_of_the_house(tmp_path: Path) -> None:
    file = tmp_path / "notices.py"
    file.write_text(CODE, encoding="utf-8")
    ruff = [str(Path(sys.executable).with_name("ruff"))]

    for words in (["check"], ["format", "--diff"]):
        done = subprocess.run(
            [*ruff, *words, "--config", str(ROOT / "pyproject.toml"), "--no-cache", str(file)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    allowed = {"connector", "post", "durations", "reading", "text"}
    assert set(re.findall(r"^from connectors\.(\w+) import", CODE, re.MULTILINE)) <= allowed
    assert not re.search(r"^(?:from|import) (?:monitor|classifiers)", CODE, re.MULTILINE)


def printed(*words: str, typed: str, config: Path | None = None) -> dict[str, Any]:
    environ = {"MONITOR_CONFIG": str(config)} if config else {"MONITOR_CONFIG": ""}
    result = CliRunner().invoke(cli, [*words, "--json"], input=typed, env=environ)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def shape(found: object) -> object:
    """Keys, in order, and the kinds of values; a list by its first item."""
    if isinstance(found, dict):
        return {key: shape(value) for key, value in found.items()}
    return [shape(item) for item in found[:1]] if isinstance(found, list) else type(found)


def test_what_classify_prints_is_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    found = printed("classify", typed=CLASSIFIED["text"])

    assert list(found) == list(CLASSIFIED)
    found["scores"] = {key: found["scores"][key] for key in CLASSIFIED["scores"]}
    for key, value in CLASSIFIED.items():
        if key in {"reasons", "by"}:
            assert shape(found[key]) == shape(value)
        elif key in {"abuse", "safeguarding", "reputational", "scores"}:
            assert found[key] == pytest.approx(value, abs=0.02)  # processors round in their own way
        else:
            assert found[key] == value


def test_what_match_prints_is_as_the_page_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEMO_SITE", "http://127.0.0.1:1")
    monkeypatch.setenv("DEMO_OUTPUT", str(tmp_path))

    found = printed("match", typed=MATCHED["text"], config=ROOT / "config" / "demo.yaml")

    assert shape(found) == shape(MATCHED)
    assert list(found["matches"][0]) == list(MATCHED["matches"][0])


def test_what_scan_prints_is_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DEMO_OUTPUT", str(tmp_path))
    with serve(datetime.now(UTC)) as site:
        monkeypatch.setenv("DEMO_SITE", site)
        found = printed("scan", "--source", "Community Board", typed="", config=ROOT / "config" / "demo.yaml")

    assert shape(found) == shape(SCANNED)
    assert [state for state in State if f"`{state}`" not in PAGE] == []


def test_every_key_has_its_row() -> None:
    json_section = PAGE.partition("\n## JSON\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", json_section, re.MULTILINE)
    told = [key for row in rows for key in re.findall(r"`(\w+)`", row)]

    assert told == [*CLASSIFIED, *MATCHED, *MATCHED["matches"][0], *SCANNED]


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:connectors|classifiers|monitor|tests|config)/[\w./-]+)`", PAGE)

    assert len(named) > 20
    missing = {name for name in named if not (ROOT / name.rstrip("/")).exists()}
    assert missing == {"connectors/notices.py", "tests/connectors/test_notices.py"}


def test_the_hooks_run_what_is_here_and_download_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))

    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]
    for hook in hooks["repos"][0]["hooks"]:
        assert hook["entry"].startswith(".venv/bin/")
        assert hook["language"] == "system"
