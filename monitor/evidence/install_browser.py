"""Getting a browser for screen prints: `python -m monitor.evidence.install_browser`.

Ends with exit code 0 whatever happens: without a browser everything works except screen prints.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from monitor.evidence.browser import Found, find_browser, playwright_cache

_LONGEST_SECONDS = 900
_WITHOUT = "Everything works without a browser, except screen prints; each alert will say so."

Run = Callable[[Sequence[str]], bool]
Say = Callable[[str], None]


def install_browser(*, find: Callable[[], Found], run: Run, say: Say, apt: bool, cache: Path) -> Path | None:
    """Find a browser or get one: from the system's packages where `apt`, else by Playwright's download."""
    if (found := find()).path is not None:
        say(f"Browser: {found.path} ({found.reason})")
        return found.path
    if apt:
        say("No browser yet. Installing Chromium with apt-get ...")
        if _from_packages(run) and (found := find()).path is not None:
            say(f"Browser: {found.path} (installed with apt-get)")
            return found.path
        say("apt-get could not install Chromium.")
    say("Downloading Chromium with Playwright (the size is shown as it comes) ...")
    if not run([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]):
        say(f"The download failed. {_WITHOUT}")
        return None
    return _checked(find(), run=run, say=say, cache=cache)


def _from_packages(run: Run) -> bool:
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    # Playwright's own program, which drives the browser, needs libatomic1.
    wanted = ["chromium", "libatomic1"]
    return run([*quiet, "update"]) and run([*quiet, "install", "--no-install-recommends", *wanted])


def _checked(found: Found, *, run: Run, say: Say, cache: Path) -> Path | None:
    """What was downloaded, if it starts; a machine without Chromium may lack its libraries."""
    if found.path is None:
        say(f"The download brought no browser. {_WITHOUT}")
        return None
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) // 1_000_000
    if run([str(found.path), "--version"]):
        say(f"Browser: {found.path} ({found.reason}; {size} MB on disk)")
        return found.path
    say(f"{found.path} ({size} MB) does not start: this machine lacks libraries that it needs.")
    say(f"Type: sudo {sys.executable} -m playwright install-deps chromium")
    say(_WITHOUT)
    return None


def _run(command: Sequence[str]) -> bool:
    """Run a command in the open; whether it succeeded."""
    try:
        return subprocess.run(command, check=False, timeout=_LONGEST_SECONDS).returncode == 0  # noqa: S603  # our own words
    except (OSError, subprocess.TimeoutExpired):
        return False


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _apt_has_chromium() -> bool:
    """Whether apt-get may be used and has the browser itself; Ubuntu's package only points to a snap."""
    release = Path("/etc/os-release")
    ubuntu = release.is_file() and "ubuntu" in release.read_text("utf-8", "replace").lower()
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and not ubuntu


def main() -> None:
    """Find or get a browser and say which."""
    install_browser(find=find_browser, run=_run, say=_say, apt=_apt_has_chromium(), cache=playwright_cache())


if __name__ == "__main__":
    main()
