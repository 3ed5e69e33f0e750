"""A browser is found where machines have one, or the reason is said."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.evidence.browser import Found, find_browser
from monitor.evidence.install_browser import install_browser


def _executable(path: Path, content: str = "#!/bin/sh\nexit 0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o700)
    return path


def _nothing(_: str) -> None:
    return None


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_one_in_the_configuration_comes_first(tmp_path: Path) -> None:
    wanted = _executable(tmp_path / "my-browser")

    assert find_browser(wanted, which=lambda name: f"/usr/bin/{name}").path == wanted


def test_a_wrong_path_in_the_configuration_is_said_and_not_replaced(tmp_path: Path) -> None:
    found = find_browser(tmp_path / "nowhere", which=lambda name: f"/usr/bin/{name}")

    assert found.path is None
    assert "nowhere, is not there" in found.reason


def test_the_systems_chromium_is_found(tmp_path: Path) -> None:
    chrome = _executable(tmp_path / "google-chrome")

    found = find_browser(which=lambda name: str(chrome) if name == "google-chrome" else None)

    assert found.path == chrome


def test_ubuntus_stub_for_a_snap_is_passed_over(empty_home: Path) -> None:
    stub = _executable(empty_home / "chromium-browser", '#!/bin/sh\nexec /snap/bin/chromium "$@"\n')

    assert find_browser(which=lambda _: str(stub)).path is None


@pytest.mark.parametrize(
    "inside",
    [
        "chromium-1187/chrome-linux/chrome",
        "chromium_headless_shell-1187/chrome-linux/headless_shell",
        "chromium_headless_shell-1200/chrome-headless-shell-linux64/chrome-headless-shell",
    ],
)
def test_playwrights_download_is_found(empty_home: Path, inside: str) -> None:
    chrome = _executable(empty_home / ".cache" / "ms-playwright" / inside)

    assert find_browser(which=_nothing) == Found(chrome, "downloaded by Playwright")


def test_without_any_the_reason_says_what_to_type(empty_home: Path) -> None:
    found = find_browser(which=_nothing)

    assert found.path is None
    assert "make browser" in found.reason


class _Machine:
    """A machine on which commands give a browser, or do not."""

    def __init__(self, *, gives: dict[str, Path] | None = None, fails: Sequence[str] = ()) -> None:
        self._gives = gives or {}
        self._fails = fails
        self.browser: Path | None = None
        self.ran: list[str] = []
        self.said: list[str] = []

    def find(self) -> Found:
        return Found(self.browser, "here" if self.browser else "none")

    def run(self, command: Sequence[str]) -> bool:
        line = " ".join(command)
        self.ran.append(line)
        for word, path in self._gives.items():
            if word in line:
                self.browser = path
        return not any(word in line for word in self._fails)

    def install(self, tmp_path: Path, *, apt: bool) -> Path | None:
        return install_browser(find=self.find, run=self.run, say=self.said.append, apt=apt, cache=tmp_path)


def test_what_is_there_is_not_installed_again(tmp_path: Path) -> None:
    machine = _Machine()
    machine.browser = tmp_path / "chromium"

    assert machine.install(tmp_path, apt=True) == machine.browser
    assert machine.ran == []


def test_root_gets_the_systems_package_without_a_question(tmp_path: Path) -> None:
    machine = _Machine(gives={"install --no-install-recommends chromium": tmp_path / "chromium"})

    assert machine.install(tmp_path, apt=True) == tmp_path / "chromium"
    assert all("DEBIAN_FRONTEND=noninteractive" in line for line in machine.ran)
    assert not any("playwright" in line for line in machine.ran)


def test_others_get_playwrights_download_and_its_size(tmp_path: Path) -> None:
    chrome = _executable(tmp_path / "chromium-1" / "chrome-linux" / "chrome", "#" * 2_000_000)
    machine = _Machine(gives={"playwright install": chrome})

    assert machine.install(tmp_path, apt=False) == chrome
    assert "2 MB on disk" in machine.said[-1]


def test_a_failed_download_is_said_and_fails_nothing(tmp_path: Path) -> None:
    machine = _Machine(fails=["apt-get", "playwright install"])

    assert machine.install(tmp_path, apt=True) is None
    assert "Everything works without a browser" in machine.said[-1]


def test_a_download_without_its_libraries_says_the_line_to_type(tmp_path: Path) -> None:
    machine = _Machine(gives={"playwright install": tmp_path / "chrome"}, fails=["--version"])

    assert machine.install(tmp_path, apt=False) is None
    assert any(f"sudo {sys.executable} -m playwright install-deps chromium" in line for line in machine.said)


@pytest.mark.browser
def test_the_browser_of_this_machine_is_found(browser: Path) -> None:
    assert find_browser().path == browser
