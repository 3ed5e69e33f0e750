"""What is wrong with a configuration file, said so that the person who edits it can put it right."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

Trail = tuple[str | int, ...]
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, and what to write instead. Lines and columns count from 1."""

    file: Path
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file.name}, line {self.line}: " if self.line else f"{self.file.name}: "
        return where + (f"{self.path}: {self.message}" if self.path else self.message)


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds everything that is wrong, in order of lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def written(path: Trail) -> str:
    """A path as people write it: `sources[2].url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(text: str) -> str:
    """What somebody wrote, short and on one line, in quotation marks."""
    line = " ".join(text.split())
    return f"'{line if len(line) <= _SHOWN else line[:_SHOWN] + '…'}'"


def hint(word: str, known: Collection[str]) -> str:
    """` Did you mean 'every'?` where a known word is close, else nothing."""
    lower = {option.lower(): option for option in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f" Did you mean '{lower[close[0]]}'?" if close else ""
