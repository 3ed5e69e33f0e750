"""What is written from the configuration's descriptions is fresh, whole and true."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config.documents import Option, minimal_config, options, schema, table
from monitor.config.loading import load
from monitor.config.playbook import read_playbook, shipped_policy
from monitor.config.problems import ConfigError
from monitor.config.sections import People
from monitor.playbook import Role

HERE = Path(__file__).resolve().parents[2]
EXAMPLE = HERE / "config" / "monitor.example.yaml"
SECRETS = {"MAIL_PASSWORD": "a", "HEARTBEAT_KEY": "b"}
_TABLE = re.compile(r"\| Option \|.*\Z", re.S)


def _fresh(path: Path, content: str) -> None:
    if os.environ.get("MONITOR_REWRITE_GOLDEN"):
        path.write_text(content, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == content, "stale: run the tests with MONITOR_REWRITE_GOLDEN=1"


def test_the_schema_for_editors_is_fresh() -> None:
    _fresh(HERE / "config" / "monitor.schema.json", schema())


def test_the_table_of_settings_is_fresh() -> None:
    page = HERE / "docs" / "settings.md"
    text = page.read_text(encoding="utf-8")

    _fresh(page, _TABLE.sub("", text).rstrip("\n") + "\n\n" + table())


def test_every_option_has_a_description() -> None:
    assert [option.path for option in options() if not option.description] == []


def test_the_example_is_valid_as_it_is() -> None:
    config = load(EXAMPLE, SECRETS)

    assert len(config.schools) == 2
    assert config.policy().plays["abuse.threat_violence"].floor == 0.30


def test_the_alternatives_in_the_examples_comments_are_valid_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for active in (r"^classifier:\n  use: shipped.*\n", r"^  password:.*\n"):
        text = re.sub(active, "", text, flags=re.M)
    text = re.sub(r"^#(?=(?: {2,})?[a-z_]+:)", "", text, flags=re.M)
    (tmp_path / "token").write_text("c")
    text = text.replace("/run/secrets/mail_refresh_token", str(tmp_path / "token"))
    text = text.replace("/usr/bin/chromium", "/nowhere/chromium")
    file = tmp_path / "monitor.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as error:
        load(file, {**SECRETS, "MAIL_CLIENT_SECRET": "d", "PROXY_PASSWORD": "e", "DATABASE_PASSWORD": "f"})

    # Only what is not on this machine; so everything else was read and understood.
    assert [problem.path for problem in error.value.problems] == ["network.ca_bundle", "browser"]


def test_the_example_gives_few_warnings() -> None:
    """Only what an invented trust cannot help: one Head and one chair for each school (STG-5d)."""
    warnings = load(EXAMPLE, SECRETS).warnings(datetime(2026, 11, 21, tzinfo=UTC))

    assert [line.partition(" has one person only as Head")[1] != "" for line in warnings] == [True, True]


def _section(text: str, name: str) -> str:
    found = re.search(rf"^#?{name}:.*?(?=^#?[a-z]+:|\Z)", text, re.S | re.M)
    return found[0] if found else ""


@pytest.mark.parametrize("option", options(), ids=lambda option: f"option {option.path} {option.only}")
def test_the_example_shows_every_option(option: Option) -> None:
    path = option.path
    section = path.partition(".")[0].partition("[")[0]
    leaf = path.rpartition(".")[2].removesuffix("[]")
    text = EXAMPLE.read_text(encoding="utf-8")
    blocks = "".join(
        _section(text[match.start() :], section) for match in re.finditer(rf"^#?{section}:", text, re.M)
    )

    assert re.search(rf"^[#\s-]*(?:\{{.*?)?\b{leaf}:", blocks, re.M), f"{path} is not in the example"


def test_the_first_file_names_what_must_be_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(minimal_config())

    with pytest.raises(ConfigError) as error:
        load(file, {})

    assert [problem.path for problem in error.value.problems] == [
        "schools[0].id",
        "schools[0].name",
        "sources[0].url",
        "people.dsl[0].name",
        "people.dsl[0].email",
        "people.administrators[0].name",
        "people.administrators[0].email",
    ]


def test_the_first_file_works_once_it_is_filled_in(tmp_path: Path) -> None:
    words = {
        "id": "x",
        "name": "Harrowby Green",
        "url": "https://example.org/feed",
        "email": "a@school.example",
    }
    file = tmp_path / "monitor.yaml"
    file.write_text(
        re.sub(
            r"^([\s-]+)(\w+): +#.*$",
            lambda found: f"{found[1]}{found[2]}: {words[found[2]]}",
            minimal_config(),
            flags=re.M,
        )
    )

    assert load(file, {}).schools[0].name == "Harrowby Green"


def test_the_schema_knows_every_sub_category_and_platform() -> None:
    document = json.loads(schema())

    thresholds = json.dumps(document["properties"]["thresholds"])
    assert [key for key in read_playbook().plays if f'"{key}"' not in thresholds] == []
    assert set(document["properties"]["sources"]["items"]["discriminator"]["mapping"]) >= {"feed", "webpage"}


def test_every_role_has_its_list() -> None:
    assert list(People.model_fields) == [role.value for role in Role]


def test_the_playbook_is_read_once_and_makes_a_policy() -> None:
    assert read_playbook() is read_playbook()
    assert shipped_policy().looser == ()
