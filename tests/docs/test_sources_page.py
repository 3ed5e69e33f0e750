"""docs/sources.md has a section for each platform, and nothing in it that the software would refuse."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.registry import PLATFORMS, Platform
from monitor.config.loading import load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
ADMINISTRATOR = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PARTS = [part.partition("\n") for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]]
SECTIONS = {title: text for title, _, text in PARTS}
SECRETS = set(re.findall(r"\$\{(\w+)\}", PAGE))
TOLD = ["It sees", "It does not see", "Getting", "Cost", "Terms", "Not checked"]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def read(example: str, folder: Path) -> Any:
    """The administrator's first file, with these sources in place of its own."""
    file = folder / "monitor.yaml"
    told = {**yaml.safe_load(blocks(ADMINISTRATOR)[0]), **yaml.safe_load(example)}
    file.write_text(yaml.safe_dump(told, allow_unicode=True), encoding="utf-8")
    return load(file, dict.fromkeys(SECRETS, "a-secret"))


def test_every_platform_has_its_section_and_no_other_is_told_of() -> None:
    assert list(SECTIONS) == [platform.title for platform in PLATFORMS]


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_every_section_says_all_that_has_to_be_known_in_the_same_order(platform: Platform) -> None:
    text = SECTIONS[platform.title]
    places = [text.find(f"\n**{label}") for label in TOLD]

    assert -1 not in places, dict(zip(TOLD, places, strict=True))
    assert places == sorted(places)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_every_example_loads_as_a_source_of_its_platform(platform: Platform, tmp_path: Path) -> None:
    examples = blocks(SECTIONS[platform.title])

    assert examples
    for example in examples:
        loaded = read(example, tmp_path).sources
        assert len(loaded) == len(yaml.safe_load(example)["sources"])
        assert {type(source) for source in loaded} == {platform.connector}


def test_no_example_stands_outside_of_a_section() -> None:
    assert len(blocks(PAGE)) == sum(len(blocks(text)) for text in SECTIONS.values())


def test_every_secret_reaches_the_container() -> None:
    named = SECRETS | set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", PAGE))

    assert len(named) > 10
    assert named <= set(COMPOSE["services"]["monitor"]["environment"])


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_every_key_that_is_fetched_is_the_one_that_the_example_names(platform: Platform) -> None:
    text = SECTIONS[platform.title]
    fetched = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text))

    assert fetched == set(re.findall(r"\$\{(\w+)\}", text))


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_what_was_never_tried_is_said(platform: Platform) -> None:
    """Where the list of platforms says so, the page does too; and no terms are told as read that were not."""
    text = SECTIONS[platform.title]
    if "Never tried on real answers" in platform.limits:
        assert "**Not checked:** anything on" in text
    if platform.terms.keep:
        assert f"within {platform.terms.keep.days} days" in text
    year = platform.terms.checked[:4]
    if year and "Meta's, as for" not in text:
        assert year in text.partition("\n**Terms")[2].partition("\n**Not checked")[0]


def test_the_pages_lead_here() -> None:
    assert "](docs/sources.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](sources.md)" in ADMINISTRATOR
