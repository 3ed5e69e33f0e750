"""The settings in force, without secrets, and what changed between two of them."""

import json
from collections.abc import Iterator
from typing import Any

from monitor.config.problems import Trail, written
from monitor.config.settings import Config

_NOTHING = "(not set)"


def settings_json(config: Config) -> str:
    """Every setting with its value; what was filled in from outside stands as in the file: `${NAME}`."""
    settings = config.model_dump(mode="json", by_alias=True)
    for path, literal in config.literals.items():
        _put(settings, path, literal)
    return json.dumps(settings, ensure_ascii=False, sort_keys=True)


def _put(settings: Any, path: Trail, literal: str) -> None:
    for part in path[:-1]:
        settings = settings[part]
    settings[path[-1]] = literal


def differences(before: str, after: str) -> tuple[str, ...]:
    """What changed from one to the other, one line each: `thresholds.abuse.hate.alert: 0.80 -> 0.70`."""
    old, new = dict(_leaves(json.loads(before))), dict(_leaves(json.loads(after)))
    return tuple(
        f"{key}: {old.get(key, _NOTHING)} -> {new.get(key, _NOTHING)}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key, _NOTHING) != new.get(key, _NOTHING)
    )


def _leaves(value: Any, path: Trail = ()) -> Iterator[tuple[str, str]]:
    """Each value with its path; items of a list go by their id or name, so that a new one moves no other."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from _leaves(inside, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path[:-1], f"{path[-1]}[{_name(item, number)}]"))
    elif value is not None and value != []:
        yield written(path), _shown(value)


def _name(item: Any, number: int) -> str:
    names = [item[key] for key in ("id", "name", "email") if key in item] if isinstance(item, dict) else []
    return str(names[0] if names else number)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
