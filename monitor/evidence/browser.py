"""Finding a browser on this machine."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
# Where Playwright puts what it downloads, newest last; the shell without windows is enough for pictures.
_DOWNLOADED = (
    "chromium_headless_shell-*/*/headless_shell",
    "chromium_headless_shell-*/*/chrome-headless-shell",
    "chromium-*/*/chrome",
)
_WRAPPER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """A browser and where it comes from, or no browser and why."""

    path: Path | None
    reason: str


def find_browser(
    wanted: Path | None = None,
    *,
    which: Callable[[str], str | None] = shutil.which,
    caches: Sequence[Path] = (),
) -> Found:
    """The browser that was asked for, else the system's Chromium, else one that Playwright has downloaded."""
    if wanted is not None:
        if wanted.is_file():
            return Found(wanted, "named in the configuration")
        return Found(None, f"the browser named in the configuration, {wanted}, is not there")
    for name in _NAMES:
        path = which(name)
        if path is not None and not _is_snap(Path(path)):
            return Found(Path(path), "found on this machine")
    for cache in (*caches, playwright_cache()):
        if downloads := [path for pattern in _DOWNLOADED for path in sorted(cache.glob(pattern))]:
            return Found(downloads[-1], "downloaded by Playwright")
    return Found(None, "no browser on this machine: run `make browser`, or install Chromium")


def playwright_cache() -> Path:
    """Where Playwright keeps browsers unless it is told another place."""
    return Path.home() / ".cache" / "ms-playwright"


def _is_snap(path: Path) -> bool:
    """Whether this only starts a snap package, which cannot run with a home folder of our own."""
    if path.resolve().is_relative_to("/snap"):
        return True
    try:
        with path.open("rb") as file:
            return b"/snap/bin/" in file.read(_WRAPPER_BYTES)
    except OSError:
        return True
