"""Reading the configuration file: everything that is wrong with it at once, or a configuration."""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from monitor.config.crosschecks import misfits
from monitor.config.problems import ConfigError, Problem, Trail, written
from monitor.config.references import Outside, Unfilled, fingerprint
from monitor.config.settings import Config
from monitor.config.shape import AsWritten, Shape, secrets
from monitor.config.sheet import Group, Text, exchanged, plain, read_sheet, texts
from monitor.config.wording import find, problems_of

_HOW_TO = (
    "put it into an environment variable and write ${NAME} here, or into a file and write"
    " ${file:/run/secrets/name} (BAN-5.1.3)"
)
_PASSWORD_INSIDE = re.compile(r"://[^/@:\s]*:([^/@\s]+)@")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading gave, and the fingerprint of each file that was asked for (empty: not there)."""

    result: Config | ConfigError
    seen: Mapping[Path, str]


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration in this file; raises ConfigError with everything that is wrong with it."""
    result = read(path, environ).result
    if isinstance(result, ConfigError):
        raise result
    return result


def read(path: Path, environ: Mapping[str, str]) -> Reading:
    """The configuration or what is wrong with it; never raises."""
    path = path.absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        return Reading(ConfigError([Problem(path, 0, 0, "", _unreadable(path, error))]), {path: ""})
    outside = Outside(environ, path.parent, {path: fingerprint(content)})
    try:
        return Reading(_checked(content, path, outside), outside.seen)
    except ConfigError as error:
        return Reading(error, outside.seen)


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no file {path}; make one with `monitor init`"
    return f"{path} cannot be read: {error.strerror}"


@cache
def shape() -> Shape:
    """What the file may hold."""
    return Shape(Config.model_json_schema(schema_generator=AsWritten))


@dataclass
class _Findings:
    """What is wrong, at most one thing for each place."""

    file: Path
    top: Group
    problems: dict[Trail, Problem] = field(default_factory=dict)

    def note(self, path: Trail, message: str) -> None:
        place = find(path, self.top, shape())
        self.add(path, Problem(self.file, place.mark.line, place.mark.column, written(path), message))

    def add(self, path: Trail, problem: Problem) -> None:
        self.problems.setdefault(path, problem)


def _checked(content: bytes, path: Path, outside: Outside) -> Config:
    sheet = read_sheet(content, path)
    found = _Findings(path, sheet)
    top = found.top = cast("Group", exchanged(sheet, dict(_filled(sheet, outside, found))))
    data = cast("dict[str, Any]", plain(top))
    places = dict(_given_places(outside.environ))
    for place, message in (*_literal_secrets(top, data), *misfits(data), *_elsewhere(data, places)):
        found.note(place, message)
    config = _validated({**places, **data}, top, path, found)
    if config is not None:
        for place, message in _on_this_machine(config):
            found.note(place, message)
    if found.problems or config is None:
        raise ConfigError(found.problems.values())
    return config.noting({place: text.literal for place, text in texts(top) if text.literal is not None})


def _filled(sheet: Group, outside: Outside, found: _Findings) -> Iterator[tuple[Trail, Text]]:
    for path, text in texts(sheet):
        try:
            yield path, outside.filled(text)
        except Unfilled as error:
            found.note(path, str(error))


def _given_places(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Where the environment says that things lie: the container's health check cannot read this file."""
    if data := environ.get("MONITOR_DATA"):
        yield "data", str(Path(data).absolute())
    if database := environ.get("MONITOR_DATABASE"):
        yield "database", database


def _elsewhere(data: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[tuple[Trail, str]]:
    for option, place in places.items():
        if data.get(option, place) != place:
            said = f"MONITOR_{option.upper()} in the environment says where: leave this line out"
            yield (option,), said


def _literal_secrets(top: Group, data: Any) -> Iterator[tuple[Trail, str]]:
    secret = set(secrets(shape(), shape().top, data))
    for path, text in texts(top):
        if path in secret and text.literal is None:
            yield path, f"a secret must not stand in this file: {_HOW_TO}"
        inside = _PASSWORD_INSIDE.search(text.literal or text.text)
        if inside is not None and "${" not in inside[1]:
            yield path, f"this address has a password in it, which must not stand in this file: {_HOW_TO}"


def _validated(data: Any, top: Group, path: Path, found: _Findings) -> Config | None:
    try:
        return Config.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        for place, problem in problems_of(error, top, shape(), path):
            found.add(place, problem)
        return None


def _on_this_machine(config: Config) -> Iterator[tuple[Trail, str]]:
    """Files that are named and not here."""
    bundle = config.network.ca_bundle
    if bundle is not None:
        try:
            ssl.create_default_context(cafile=bundle)
        except OSError as error:
            reason = (
                error.strerror
                if isinstance(error, FileNotFoundError | PermissionError)
                else "not certificates in PEM form"
            )
            yield ("network", "ca_bundle"), f"{bundle} cannot be used: {reason}"
    if config.browser is not None and not config.browser.is_file():
        yield ("browser",), f"there is no browser at {config.browser}; leave the option out to have one found"
