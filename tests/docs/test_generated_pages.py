"""docs/commands.md and docs/playbook.md are made from the code: MONITOR_REWRITE_GOLDEN=1 writes them anew."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from classifiers.taxonomy import TAXONOMY, Head, Severity
from monitor.cli.main import cli
from monitor.config.playbook import read_playbook
from monitor.playbook import Play, Role

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = {
    f"{name} {sub}".strip(): command
    for name, group in typer.main.get_command(cli).commands.items()  # type: ignore[attr-defined]
    for sub, command in getattr(group, "commands", {"": group}).items()
}
HEARS = {Role.DSL: "DSL", Role.DPO: "DPO", Role.HR: "HR"}
SECTIONS = {
    Head.ABUSE: "Abuse",
    Head.SAFEGUARDING: "Safeguarding",
    Head.REPUTATIONAL: "Reputation",
    "unread": "Not read",
    "none": "Lawful criticism",
}
"""What the keys of the plays begin with, and what people call that."""


def assert_fresh(page: Path, made: str) -> None:
    """The page ends with what is made: everything from the first heading of the second level on."""
    text = page.read_text(encoding="utf-8")
    wanted = text.partition("\n## ")[0].rstrip("\n") + "\n\n" + made
    if os.environ.get("MONITOR_REWRITE_GOLDEN"):
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted, "stale: run the tests with MONITOR_REWRITE_GOLDEN=1"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def usage(name: str, command: Any) -> str:
    """How it is written: what must stand there, what may."""
    words = [
        parameter.name.upper() if parameter.required else f"[{parameter.name.upper()}]"
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    return " ".join(["monitor", name, *words, "[OPTIONS]"])


def written(parameter: Any) -> str:
    """An option as it is typed, or an argument by its name."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    takes = "" if parameter.is_flag else f" {parameter.metavar}"
    return ", ".join(f"`{name}{takes}`" for name in parameter.opts)


def default(parameter: Any) -> str:
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    return f" (`{shown}` when left out)" if shown and not getattr(parameter, "is_flag", False) else ""


def commands_page() -> Iterator[str]:
    for name, command in COMMANDS.items():
        yield f"## {name}\n\n{cell(command.help)}\n\n```sh\n{usage(name, command)}\n```\n"
        shown = [parameter for parameter in command.params if parameter.name != "help"]
        if shown:
            yield "| | |\n| --- | --- |\n" + "".join(
                f"| {written(parameter)} | {cell(parameter.help)}{default(parameter)} |\n"
                for parameter in shown
            )


def steps(play: Play) -> str:
    return cell(" ".join(f"{number}. {action}" for number, action in enumerate(play.actions, start=1)))


def hears(play: Play) -> str:
    return ", ".join(HEARS.get(role, role.value) for role in play.route)


def row(key: str, play: Play) -> str:
    silent = play.severity is Severity.NONE
    floor = f"{play.floor:.2f}" if play.floor is not None else ""
    alerts_at = "only counted" if silent else f"{play.threshold:.2f}"
    cells = (f"{play.label} `{key}`", play.severity.word, alerts_at, floor, hears(play), steps(play))
    return f"| {' | '.join(cells)} |\n"


def playbook_page() -> Iterator[str]:
    plays = read_playbook().plays
    for prefix, title in SECTIONS.items():
        heading = "| what | severity | alerts at | floor | who hears | what to do first |\n"
        rows = [row(key, play) for key, play in plays.items() if key.partition(".")[0] == prefix]
        yield f"## {title}\n\n{heading}| --- | --- | --- | --- | --- | --- |\n{''.join(rows)}"


def test_every_command_and_option_is_documented() -> None:
    assert_fresh(DOCS / "commands.md", "\n".join(commands_page()))


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in COMMANDS.items():
        assert re.match(r"[A-Z].*\.", command.help, re.DOTALL), name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"
            assert (
                parameter.is_eager
                or not parameter.opts[0].startswith("-")
                or parameter.is_flag
                or (parameter.metavar)
            ), f"{name} {parameter.name}"


def test_every_kind_of_matter_is_documented() -> None:
    assert_fresh(DOCS / "playbook.md", "\n".join(playbook_page()))


def test_every_sub_category_has_its_row() -> None:
    page = (DOCS / "playbook.md").read_text(encoding="utf-8")

    assert [key for key in TAXONOMY if f" `{key}` |" not in page] == []
