"""What docs/operations.md tells IT to write and to expect holds of the files that are shipped."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from connectors.post import State
from monitor.config.loading import load
from monitor.evidence.signing import KEY
from monitor.jobs.backup import DATABASE, FOLDERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def block(kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("state", State, ids=str)
def test_every_state_of_a_source_has_its_row(state: State) -> None:
    assert re.search(rf"^\| `{state.value}` \| .+ \|$", PAGE, re.MULTILINE)


def test_the_user_and_the_places_are_those_of_the_image() -> None:
    assert "USER 10001:10001\n" in DOCKERFILE
    assert set(re.findall(r"\b10\d{3}\b", PAGE)) == {"10001"}
    assert "`/data`" in PAGE
    assert "data:/data" in COMPOSE["services"]["monitor"]["volumes"]
    for name in (DATABASE, *(f"{folder}/" for folder in FOLDERS)):
        assert f"| `{name}" in PAGE


def test_the_secrets_of_the_example_reach_the_container() -> None:
    example = (ROOT / "config" / "monitor.example.yaml").read_text(encoding="utf-8")
    # NAME stands in a comment; in the container, MONITOR_DATABASE holds the database's password.
    named = set(re.findall(r"\$\{(\w+)\}", example)) - {"NAME", "DATABASE_PASSWORD"}

    assert named <= set(COMPOSE["services"]["monitor"]["environment"])


def test_the_version_of_postgresql_is_the_one_of_the_compose_file() -> None:
    assert "the image has version 15" in PAGE
    assert COMPOSE["services"]["postgres"]["image"].endswith("postgres:15")


def test_the_network_example_can_be_used(tmp_path: Path) -> None:
    text = f"""
schools: [{{id: x, name: Harrowby Green Primary School}}]
sources: [{{name: Paper, platform: feed, url: "https://example.org/feed"}}]
{block("yaml")}"""
    (tmp_path / "monitor.yaml").write_text(text.replace("  ca_bundle: school-filter.pem", "  #"))

    assert load(tmp_path / "monitor.yaml", {}).network.allow == ("intranet.school.example:443",)


def test_the_signing_key_is_moved_where_the_container_has_it() -> None:
    assert f"'mv /data/keys/{KEY} /data/keys/evidence-old.pem'" in PAGE


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(block("ini"))
    assert unit["Service"]["ExecStart"].endswith("/.venv/bin/monitor run")
    # The command must be there for systemd to look at the rest.
    text = block("ini").replace(unit["Service"]["ExecStart"], sys.executable)
    file = tmp_path / "school-mention-monitor.service"
    file.write_text(text)

    done = subprocess.run(
        [tool, "verify", "--man=no", "--recursive-errors=no", file],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )

    assert (done.returncode, done.stderr) == (0, "")
