"""`monitor sources`, and what the platforms declare of their terms."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import get_args

import pytest

from classifiers.taxonomy import Head
from connectors.registry import ALL_THREE, PLATFORMS, Platform, Scored
from tests.monitor.cli.conftest import Monitor

Make = Callable[..., Monitor]
TERMS = {platform.name: platform.terms for platform in PLATFORMS}
PAPER = (
    "name: Paper, platform: feed, url: 'http://127.0.0.1:1/feed.xml', every: 90m, official: harrowby-green"
)
TUBE = "name: Tube, platform: youtube, api_key: '${KEY}', videos: [gatevideo01]"
BIRD = "name: Bird, platform: x, token: '${KEY}', cap: 25, search: [Harrowby Green Primary School], every: 1h"


@pytest.fixture
def three(configured: Make) -> Callable[[str], Monitor]:
    """Makes the command with three sources and further lines."""

    def make(more: str = "") -> Monitor:
        monitor = configured(PAPER, TUBE, BIRD, more=more)
        monitor.environ["KEY"] = "a-key"
        return monitor

    return make


def test_the_heads_that_may_be_scored_are_the_heads_that_there_are() -> None:
    assert set(get_args(Scored)) == {head.value for head in Head} == set(ALL_THREE)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_every_platform_says_what_its_terms_are(platform: Platform) -> None:
    terms = platform.terms

    assert terms.cost.endswith(".")
    assert terms.scores
    assert set(terms.scores) <= set(ALL_THREE)
    assert all(words.endswith(".") for words in (terms.gate, terms.asks) if words)
    assert re.fullmatch(r"(20\d\d(-\d\d(-\d\d)?)?)?", terms.checked)


def test_what_must_be_granted_or_paid_first_is_never_on_by_default() -> None:
    assert {name for name, terms in TERMS.items() if terms.gate and terms.by_default} == set()


def test_the_terms_that_forbid_something_are_declared() -> None:
    assert TERMS["x"].scores == ("abuse", "reputational")
    assert {name for name, terms in TERMS.items() if terms.scores != ALL_THREE} == {"x"}
    assert TERMS["youtube"].keep == timedelta(days=30)


def test_sources_prints_one_object_a_source(three: Callable[[str], Monitor]) -> None:
    result = three("")("sources", "--json")

    assert result.exit_code == 0, result.output
    paper, tube, bird = map(json.loads, result.stdout.splitlines())
    assert paper == {
        "source": "Paper",
        "platform": "feed",
        "every": "90m",
        "official": "harrowby-green",
        "needs": "",
        "cost": "Free.",
        "scores": ["abuse", "safeguarding", "reputational"],
        "keep_days": None,
        "deletes_with_it": False,
        "asks": TERMS["feed"].asks,
        "by_default": True,
        "checked": "2026",
    }
    assert (tube["keep_days"], tube["every"], tube["official"]) == (30, "15m", None)
    assert tube["deletes_with_it"]
    assert bird["cost"] == "At most $25.00: its cap."
    assert bird["scores"] == ["abuse", "reputational"]
    assert bird["checked"] == "2026-08-22"


def test_sources_shows_a_table_and_where_the_settings_do_more_than_the_terms_allow(
    three: Callable[[str], Monitor],
) -> None:
    monitor = three("")
    file = monitor.folder / "monitor.yaml"
    file.write_text(file.read_text().replace("cap: 25", "cap: 25, scores: [abuse, safeguarding]"))

    result, check = monitor("sources"), monitor("check")

    assert result.exit_code == 0, result.output
    for words in ("Paper", "90m", "30 days", "$25.00"):
        assert words in result.stdout
    assert "! The terms of its platform do not let 'Bird' be scored for safeguarding" in result.stdout
    assert "! The terms of its platform do not let 'Bird' be scored for safeguarding" in check.stdout
    assert "looser than shipped: What 'Bird' brings is not scored for reputational" in check.stdout
    assert "a-key" not in result.output


def test_what_the_terms_do_not_let_be_scored_is_not_and_check_says_so(
    three: Callable[[str], Monitor],
) -> None:
    monitor = three("")

    assert "!" not in monitor("sources").stdout
    told = " ".join(monitor("check").stdout.split())
    assert "What 'Bird' brings is not scored for safeguarding" in told
    assert "kept of youtube, evidence and open alerts apart: 30 days, as its terms ask" in told


def test_two_sources_of_one_platform_cannot_be_scored_in_two_ways(configured: Make) -> None:
    """Both may bring the same post, and the narrower one must hold."""
    other = BIRD.replace("Bird", "Other bird") + ", scores: [abuse]"
    monitor = configured(BIRD, other)
    monitor.environ["KEY"] = "a-key"

    result = monitor("sources")

    assert result.exit_code
    assert "sources[1].scores: sources of one platform may bring the same posts" in " ".join(
        result.output.split()
    )


def test_sources_shows_every_platform_without_a_configuration(fresh: Monitor) -> None:
    shown = fresh("sources", "--all", "--config", "nowhere.yaml")
    listed = fresh("sources", "--all", "--json", "--config", "nowhere.yaml")

    assert shown.exit_code == listed.exit_code == 0
    assert all(platform.name in shown.stdout for platform in PLATFORMS)
    objects = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [found["platform"] for found in objects] == [platform.name for platform in PLATFORMS]
    assert [found["platform"] for found in objects if found["keep_days"]] == ["youtube"]
