"""Where things lie, when the environment says so: a container's health check reads no configuration."""

from pathlib import Path

import pytest

from monitor.config.loading import load
from monitor.config.problems import ConfigError

SMALL = """\
schools: [{id: harrowby-green, name: Harrowby Green Primary School}]
sources: [{name: Local paper, platform: feed, url: "https://example.org/feed.xml"}]
"""
POSTGRES = "postgresql://monitor:secret@postgres/monitor"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.yaml"
    path.write_text(SMALL)
    return path


def test_without_a_word_the_data_lie_beside_the_file(file: Path) -> None:
    config = load(file, {"MONITOR_DATA": "", "MONITOR_DATABASE": ""})

    assert config.data == file.parent / "data"
    assert config.database_url() == f"sqlite:///{file.parent}/data/monitor.db"


def test_the_environment_says_where_the_data_lie(file: Path) -> None:
    config = load(file, {"MONITOR_DATA": "/data", "MONITOR_DATABASE": ""})

    assert config.data == Path("/data")
    assert config.database_url() == "sqlite:////data/monitor.db"


def test_a_relative_place_begins_at_the_working_folder_as_it_does_for_the_health_check(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load(file, {"MONITOR_DATA": "here"}).data == tmp_path / "here"


def test_the_environment_says_which_database(file: Path) -> None:
    assert load(file, {"MONITOR_DATABASE": POSTGRES}).database_url() == POSTGRES


def test_a_file_that_says_the_same_is_welcome(file: Path) -> None:
    file.write_text(SMALL + 'data: /data\ndatabase: "${MONITOR_DATABASE}"\n')

    config = load(file, {"MONITOR_DATA": "/data", "MONITOR_DATABASE": POSTGRES})

    assert config.data == Path("/data")
    assert config.database_url() == POSTGRES


@pytest.mark.parametrize(
    ("line", "name"),
    [("data: data", "MONITOR_DATA"), ("database: sqlite:////other/monitor.db", "MONITOR_DATABASE")],
)
def test_a_file_that_says_otherwise_is_refused(file: Path, line: str, name: str) -> None:
    file.write_text(f"{SMALL}{line}\n")

    with pytest.raises(ConfigError) as error:
        load(file, {"MONITOR_DATA": "/data", "MONITOR_DATABASE": POSTGRES})

    (problem,) = error.value.problems
    assert problem.line == 3
    assert problem.message == f"{name} in the environment says where: leave this line out"


def test_a_database_that_the_environment_names_wrongly_is_said_in_the_same_words(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"database: write sqlite:///folder/monitor\.db or postgresql://"):
        load(file, {"MONITOR_DATABASE": "mysql://monitor@server/x"})
