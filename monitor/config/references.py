"""Filling in what the file only names: `${NAME}` from the environment, `${file:/folder/name}` from a file."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from monitor.config.problems import hint
from monitor.config.sheet import Text

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = "file:"
_MOST_BYTES = 64_000


class Unfilled(Exception):
    """What a value names is not there; the message says what to do."""


@dataclass(frozen=True)
class Outside:
    """Where values come from. `seen` gathers the fingerprint of each file that was asked for."""

    environ: Mapping[str, str]
    folder: Path
    seen: dict[Path, str] = field(default_factory=dict)

    def filled(self, text: Text) -> Text:
        """The value with its references filled in; `$${` stands for a plain `${`. Raises Unfilled."""
        matches = list(_REFERENCE.finditer(text.text))
        if not matches:
            return text
        full = _REFERENCE.sub(self._found, text.text)
        is_reference = any(match[0] != "$${" for match in matches)
        return replace(text, text=full, literal=text.text if is_reference else None)

    def _found(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            raise Unfilled(
                "'${' is opened and not closed; write ${NAME}, or $${ for the characters themselves"
            )
        if match[1].startswith(_FILE):
            return self._from_file(match[1].removeprefix(_FILE))
        return self._from_environment(match[1])

    def _from_environment(self, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            raise Unfilled(f"${{{name}}} is not understood; write ${{NAME}} or ${{file:/run/secrets/name}}")
        value = self.environ.get(name)
        if value is None:
            raise Unfilled(f"the environment variable {name} is not set.{hint(name, self.environ)}")
        if not value:
            raise Unfilled(f"the environment variable {name} is empty")
        return value

    def _from_file(self, name: str) -> str:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            self.seen[path] = ""
            raise Unfilled(f"the file {path} cannot be read: {error.strerror}") from error
        self.seen[path] = fingerprint(content)
        return _secret(content, path)


def _secret(content: bytes, path: Path) -> str:
    if len(content) > _MOST_BYTES:
        raise Unfilled(f"the file {path} is too large for a secret")
    try:
        value = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise Unfilled(f"the file {path} is not text in UTF-8") from error
    if not value:
        raise Unfilled(f"the file {path} is empty")
    return value


def fingerprint(content: bytes) -> str:
    """The SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
