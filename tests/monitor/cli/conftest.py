"""The command line with real parts: an invented neighbourhood on loopback, a database, a folder for mail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monitor.cli.main import cli
from monitor.demo.neighbourhood import serve

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "config" / "demo.yaml"


@dataclass(frozen=True)
class Monitor:
    """The command `monitor` in a folder of its own."""

    folder: Path
    config: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, typed: str | None = None) -> Result:
        """Run a command here, in this process."""
        return CliRunner().invoke(cli, words, input=typed, env=self._environ())

    def start(self, *words: str, **streams: object) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own."""
        environ = {**os.environ, **self._environ()}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [sys.executable, "-m", "monitor", *words], cwd=self.folder, env=environ, **streams
        )

    def piped(self, given: bytes, *words: str) -> tuple[int, str, str]:
        """Run a command as a process of its own with this on its standard input."""
        pipe = subprocess.PIPE
        process = self.start(*words, stdin=pipe, stdout=pipe, stderr=pipe)
        said, complained = process.communicate(given, timeout=60)
        return process.returncode, said.decode(), complained.decode()

    def _environ(self) -> dict[str, str]:
        return {"MONITOR_CONFIG": str(self.config), "COLUMNS": "120", **self.environ}


@pytest.fixture(scope="session")
def neighbourhood() -> Iterator[str]:
    """The address of the demo's neighbourhood."""
    with serve(datetime.now(UTC)) as site:
        yield site


@pytest.fixture(scope="session")
def scanned(neighbourhood: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the neighbourhood was scanned once, by a machine without a browser."""
    folder = tmp_path_factory.mktemp("scanned")
    nowhere = {"PATH": str(folder), "HOME": str(folder)}
    monitor = _monitor(folder, neighbourhood, nowhere)

    result = monitor("scan")

    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def monitor(neighbourhood: str, scanned: Path, tmp_path: Path) -> Monitor:
    """The command after one scan, with a copy of what it kept."""
    shutil.copytree(scanned, tmp_path / "kept")
    return _monitor(tmp_path / "kept", neighbourhood, {})


@pytest.fixture
def fresh(neighbourhood: str, tmp_path: Path) -> Monitor:
    """The command before its first scan."""
    return _monitor(tmp_path, neighbourhood, {"PATH": str(tmp_path), "HOME": str(tmp_path)})


def _monitor(folder: Path, site: str, environ: dict[str, str]) -> Monitor:
    return Monitor(folder, DEMO, {"DEMO_SITE": site, "DEMO_OUTPUT": str(folder), **environ})


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Monitor]:
    """Makes the command under a configuration with these sources and further lines."""

    def make(*sources: str, more: str = "") -> Monitor:
        file = tmp_path / "monitor.yaml"
        listed = "".join(f"  - {{{source}}}\n" for source in sources)
        file.write_text(
            "schools:\n  - {id: harrowby-green, name: Harrowby Green Primary School}\n"
            f"sources:\n{listed}"
            "people: {dsl: [{name: Dana Lead, email: dsl@harrowbygreen.example}]}\n"
            f"network: {{allow: [127.0.0.1]}}\n{more}",
            encoding="utf-8",
        )
        return Monitor(tmp_path, file, {"PATH": str(tmp_path), "HOME": str(tmp_path)})

    return make
