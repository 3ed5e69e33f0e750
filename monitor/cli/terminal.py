"""What the commands share: where the configuration is, how people are spoken to, and how a command ends.

Exit codes: 0 all is well; 1 something needs a person (it is named); 2 the command or the settings are wrong.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn

from monitor.app import App, build
from monitor.config.loading import load
from monitor.config.problems import ConfigError
from monitor.config.settings import Config

NEEDS_A_PERSON = 1
WRONG = 2
WIDE = 120
"""Columns of a table in a file or a pipe, which have no width of their own."""
LONGEST_LINE = 20_000


class _Pipe(Console):
    """A console whose reader may go away before the end (`| head`): it has seen what it wanted to see."""

    def on_broken_pipe(self) -> NoReturn:
        self.quiet = True
        # Else Python itself would complain when it empties its buffer at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0)


out = _Pipe(highlight=False, markup=False, emoji=False)
if not out.is_terminal:
    out.width = WIDE
err = Console(stderr=True, highlight=False, markup=False, emoji=False)

ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="MONITOR_CONFIG",
        metavar="FILE",
        help="The configuration file.",
        show_default="config/monitor.yaml",
    ),
]
DEFAULT_CONFIG = Path("config/monitor.yaml")


def clean(text: str, longest: int = 400) -> str:
    """Text of strangers for a terminal: one line, nothing that a terminal obeys, bounded."""
    return "".join(c for c in " ".join(text[: 4 * longest].split()) if c.isprintable())[:longest]


def say(text: str) -> None:
    """Tell a person something, line by line as it stands, without what a terminal would obey."""
    out.print(harmless(text), soft_wrap=True)


def remark(text: str) -> None:
    """The same beside the output proper: on standard error."""
    err.print(harmless(text), soft_wrap=True)


def harmless(text: str) -> str:
    """Text for a terminal as it stands, line by line, without anything that a terminal obeys."""
    return "\n".join(
        "".join(c for c in line[:LONGEST_LINE] if c.isprintable() or c == "\t") for line in text.split("\n")
    )


def progress(*columns: ProgressColumn) -> Progress:
    """A bar for a person who watches; nothing where nobody does."""
    return Progress(
        TextColumn("{task.description}"), SpinnerColumn(), *columns, console=err, disable=not err.is_terminal
    )


def print_json(found: object) -> None:
    """Print one JSON object on one line, in ASCII: nothing in it ends the line or steers a terminal."""
    hand_over(json.dumps(found, allow_nan=False) + "\n")


def hand_over(text: str) -> None:
    """Write for a program, exactly this."""
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        out.on_broken_pipe()


def write_for_us_alone(file: Path, page: str) -> None:
    """Write a page that holds strangers' words: only this user of the machine may read it."""
    write_bytes_for_us_alone(file, page.encode("utf-8", "replace"))


def write_bytes_for_us_alone(file: Path, content: bytes) -> None:
    """The same for what is no text."""
    try:
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_bytes(content)
    except OSError as error:
        stop(f"{file} cannot be written: {error.strerror}.")


def finish() -> None:
    """Hand over what is still held back for the reader."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        out.on_broken_pipe()


def stop(message: str, code: int = WRONG) -> NoReturn:
    """End the command with a sentence on standard error."""
    remark(message)
    raise typer.Exit(code)


def read_config(path: Path) -> Config:
    """The configuration, or the end of the command with every problem named."""
    try:
        return load(path, os.environ)
    except ConfigError as error:
        stop(str(error))


@contextmanager
def opened(path: Path, make: Callable[[Config], App] = build) -> Iterator[App]:
    """The app under the configuration at `path`, closed at the end."""
    app = make(read_config(path))
    try:
        yield app
    finally:
        app.close()
