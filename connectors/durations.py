"""Durations as people write them: 90s, 15m, 24h, 14d, 8w."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WRITTEN = re.compile(r"(\d{1,6})\s*([smhdw])")


def parse_duration(written: Any) -> timedelta:
    """Read `15m` and its like; raises ValueError that says what is allowed."""
    if isinstance(written, timedelta):
        return written
    match = _WRITTEN.fullmatch(str(written).strip())
    if match is None:
        raise ValueError("write a number and a unit, such as 30s, 15m, 24h, 14d or 8w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def write_duration(span: timedelta) -> str:
    """The shortest way to write it: `timedelta(hours=24)` is `1d`."""
    seconds = int(span.total_seconds())
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}\s*[smhdw]$", "examples": ["15m", "24h", "14d"]}),
]
