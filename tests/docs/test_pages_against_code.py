"""Tables, commands and names in the documentation hold of the code as it is."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from classifiers.taxonomy import TAXONOMY
from connectors.registry import PLATFORMS, Platform
from monitor.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {
    f"{name} {sub}".strip(): command
    for name, group in typer.main.get_command(cli).commands.items()  # type: ignore[attr-defined]
    for sub, command in getattr(group, "commands", {"": group}).items()
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
NAMES = [page.name for page in PAGES]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_every_platform_has_its_row_and_an_example_for_the_administrator(platform: Platform) -> None:
    administrator = read(ROOT / "docs" / "administrator.md")

    assert re.search(rf"^\| `{platform.name}` \|", read(ROOT / "README.md"), re.MULTILINE)
    assert re.search(rf"^ +platform: {platform.name}$", administrator, re.MULTILINE)


def test_every_classifier_has_its_row() -> None:
    for name in ("shipped", "rules", "transformer"):
        assert re.search(rf"^\| `{name}`", read(ROOT / "README.md"), re.MULTILINE)


def test_the_readme_counts_the_kinds_that_there_are() -> None:
    kinds = len(TAXONOMY) - 1  # lawful criticism is no kind of concern

    assert f"which of {kinds} kinds" in read(ROOT / "README.md")


def typed(page: Path) -> list[str]:
    """Every line that the page's shell blocks tell people to type."""
    blocks = re.findall(r"^```(?:sh|bash|shell)\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`((?:make|monitor|\.venv/bin/monitor) [^`]+)`", read(page))
    return [line.partition("#")[0].strip() for line in [*lines, *inline]]


def test_the_pages_do_tell_people_what_to_type() -> None:
    assert len([line for page in PAGES for line in typed(page)]) > 30


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    for line in typed(page):
        found = re.match(r"(?:\w+=\S+ )*make((?: [^&|;]+)?)$", line)
        words = shlex.split(found[1]) if found else []
        targets = [word for word in words if "=" not in word and re.fullmatch(r"[a-z-]+", word)]
        assert set(targets) <= TARGETS, line


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    for line in typed(page):
        for found in re.finditer(r"(?:^|[ /])monitor ([a-z]+)((?: [^|&;]*)?)", line):
            name, rest = found[1], found[2]
            if any(one.startswith(f"{name} ") for one in COMMANDS):
                sub, _, rest = rest.strip().partition(" ")
                if sub in {"", "--help"}:
                    continue
                name = f"{name} {sub}"
                assert name in COMMANDS, line
            if name not in COMMANDS:
                # `docker compose exec monitor monitor check`: the service has the command's name.
                assert name == "monitor", line
                continue
            known = {option for parameter in COMMANDS[name].params for option in parameter.opts} | {"--help"}
            assert {word for word in rest.split() if re.fullmatch(r"--?[a-z-]+", word)} <= known, line


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_names_a_path_of_the_machine_it_was_written_on(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:root|home|work|tmp|Users)/", read(page))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_person_with_an_address_is_invented(page: Path) -> None:
    for address in re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", read(page)):
        assert address.endswith((".example", ".example.org", "@example.org")), address
