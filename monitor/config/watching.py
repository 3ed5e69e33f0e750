"""Noticing that the configuration was changed."""

from collections.abc import Mapping
from pathlib import Path

from monitor.config.loading import read
from monitor.config.problems import ConfigError
from monitor.config.references import fingerprint
from monitor.config.settings import Config


class Watcher:
    """Looks at the file, and at the secret files that it names, each time it is asked.

    It compares contents, not times or inodes: editors replace files, and containers swap links.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.config: Config | None = None
        self._path = path
        self._environ = environ
        self._seen: Mapping[Path, str] = {path.absolute(): "never"}
        self._absent = False

    def poll(self) -> Config | ConfigError | None:
        """The configuration at the first call and after each change; what is wrong with it, once; else None.

        `config` keeps the last good one. A file that is gone or empty is believed at the second look: an
        editor may be in the middle of replacing it.
        """
        if all(_fingerprint(path) == seen for path, seen in self._seen.items()):
            return None
        if self._is_in_between():
            return None
        reading = read(self._path, self._environ)
        self._seen = reading.seen
        if isinstance(reading.result, Config):
            self.config = reading.result
        return reading.result

    def _is_in_between(self) -> bool:
        absent_before = self._absent
        self._absent = self.config is not None and not _content(self._path).strip()
        return self._absent and not absent_before


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _fingerprint(path: Path) -> str:
    try:
        return fingerprint(path.read_bytes())
    except OSError:
        return ""
