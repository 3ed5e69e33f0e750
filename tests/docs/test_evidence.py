"""docs/evidence.md names every kind of capture, and leads to pages and pictures that are there."""

import re
from pathlib import Path

import pytest

from monitor.captures import Kind

EVIDENCE = Path(__file__).parents[2] / "monitor" / "evidence"
SAID = (
    "does not belong to it",
    "the record and the database differ on",
    "another hash than the database keeps",
    "names another record than the database",
    "is not written in the canonical way",
    "is not the one of its digest",
    "holds more than can be checked",
    "cannot be read as a WACZ",
    "missing from the chain",
    "missing from the log",
    "it does not follow the entry before it",
    "stands in its place",
    "that it was captured",
    "it was removed",
    "says that it was deleted, but it is there",
    "says that another record was deleted",
    "while the alert was on hold",
    "signed with a key that this machine does not have",
    "its signature does not fit its words",
    "its words are those of another anchor",
    "names another signing key",
    "it does not follow the anchor before it",
    "the head of its records is not the last of them",
    "the time-stamp that it tells of is missing or was changed",
    "signed with another key from anchor",
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "evidence.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_capture_has_its_row(kind: Kind) -> None:
    assert re.search(rf"^\| `{kind.value}` \| \S", PAGE, re.MULTILINE)


@pytest.mark.parametrize("sentence", SAID)
def test_what_verify_says_stands_there_with_what_it_can_mean(sentence: str) -> None:
    source = (EVIDENCE / "verify.py").read_text("utf-8") + (EVIDENCE / "signing.py").read_text("utf-8")
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| ")]

    assert sentence in source, "no longer said"
    assert any(sentence in row for row in rows)


@pytest.mark.parametrize("page", ["evidence.md", "sealing.md"])
def test_what_a_page_leads_to_is_there(page: str) -> None:
    led_to = re.findall(r"\]\((?!https?:)([^)#]+)", (DOCS / page).read_text(encoding="utf-8"))
    assert led_to
    assert [target for target in led_to if not (DOCS / target).is_file()] == []
