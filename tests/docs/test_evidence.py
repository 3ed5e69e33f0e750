"""docs/evidence.md names every kind of capture, and leads to pages and pictures that are there."""

import re
from pathlib import Path

import pytest

from monitor.captures import Kind

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "evidence.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_capture_has_its_row(kind: Kind) -> None:
    assert re.search(rf"^\| `{kind.value}` \| \S", PAGE, re.MULTILINE)


@pytest.mark.parametrize("page", ["evidence.md", "sealing.md"])
def test_what_a_page_leads_to_is_there(page: str) -> None:
    led_to = re.findall(r"\]\((?!https?:)([^)#]+)", (DOCS / page).read_text(encoding="utf-8"))
    assert led_to
    assert [target for target in led_to if not (DOCS / target).is_file()] == []
