"""What README and the pages for people tell them to write and to expect holds of the software as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from classifiers.taxonomy import TAXONOMY
from connectors.post import Post
from monitor.config.loading import load
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register
from monitor.mentions.school import School

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ADMINISTRATOR = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", ADMINISTRATOR, re.MULTILINE | re.DOTALL)
FIRST_FILE = EXAMPLES[0]
NAMES = next(example for example in EXAMPLES if "st-marys" in example and "park-academy" in example)
LARGEST_PICTURE = 150_000


def slug(heading: str) -> str:
    """The anchor that a heading has on the web."""
    bare = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return bare.replace(" ", "-")


def fitting(example: dict[str, Any]) -> dict[str, Any]:
    """The first file with the parts of this example in place of its own."""
    return {**yaml.safe_load(FIRST_FILE), **example}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n")[0])
def test_every_example_for_the_administrator_can_be_used(example: str, tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    told = yaml.safe_load(example.replace("/run/secrets/mail_refresh_token", "token"))
    (tmp_path / "token").write_text("a token", encoding="utf-8")
    file.write_text(yaml.safe_dump(fitting(told), allow_unicode=True), encoding="utf-8")

    assert load(file, dict.fromkeys(re.findall(r"\$\{(\w+)\}", ADMINISTRATOR), "a secret")).schools


def test_the_administrator_is_shown_the_time_stamp_authorities_of_the_example() -> None:
    example = yaml.safe_load((ROOT / "config" / "monitor.example.yaml").read_text(encoding="utf-8"))
    told = [yaml.safe_load(one)["evidence"] for one in EXAMPLES if one.startswith("evidence:")]

    assert told == [{"authorities": example["evidence"]["authorities"]}]


def test_the_dsl_reads_what_to_ask_of_the_administrator_when_evidence_is_needed() -> None:
    page = (ROOT / "docs" / "dsl.md").read_text(encoding="utf-8")

    for command in (
        "hold 1003",
        "lock 1003",
        "evidence export A-1003 --to",
        "evidence capture",
        "evidence upload",
    ):
        assert f"`monitor {command}" in page


@pytest.mark.parametrize("page", ["dsl.md", "evidence.md"])
def test_it_is_said_that_a_private_chat_cannot_be_brought_in(page: str) -> None:
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())

    assert re.search(r"What a pupil shows you in WhatsApp, Snapchat [^.]*cannot be brought in", text)


def promised() -> list[tuple[str, str]]:
    """The rows of the table of names: what somebody writes, and `sure`, `in doubt` or `no`."""
    table = ADMINISTRATOR.partition("| somebody writes | found |\n")[2].partition("\n\n")[0]
    rows = [line.strip("|").rpartition("|") for line in table.splitlines()[1:]]
    return [(text.strip(), re.split("[:;]", found)[0].strip()) for text, _, found in rows]


@pytest.mark.parametrize(("text", "found"), promised(), ids=lambda told: told[:40])
def test_names_are_found_as_the_administrator_is_told(text: str, found: str) -> None:
    register = Register([School.model_validate(school) for school in yaml.safe_load(NAMES)["schools"]])

    mentions = find_mentions(Post(platform="text", id="", url="", text=text), register)

    said = "no" if not mentions else "in doubt" if mentions[0].ambiguous else "sure"
    assert said == found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_in_the_documentation_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"(?:\]\(|src=\")([^)\s\"]+)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target


def test_the_readme_counts_the_kinds_right() -> None:
    kinds = [key for key in TAXONOMY if not key.startswith("none.")]

    assert f"which of {len(kinds)} kinds" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_picture_is_small_and_stands_on_a_page() -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
        assert picture.stat().st_size < LARGEST_PICTURE, picture
        assert f"images/{picture.name}" in told, picture
