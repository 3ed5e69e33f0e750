"""Saying what pydantic found in the words of somebody who edits a file, at the line where it stands."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.durations import write_duration
from monitor.config.problems import Problem, Trail, hint, shown, written
from monitor.config.sections import without_password
from monitor.config.shape import Schema, Shape
from monitor.config.sheet import Group, Items, Mark, Node, Text
from monitor.evidence.sealing import PRIVATE_KEY


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error stands in the file, and what may stand there; `node` is None where nothing does."""

    path: Trail
    mark: Mark
    node: Node | None
    schema: Schema
    around: Schema


def problems_of(
    error: ValidationError, top: Group, shape: Shape, file: Path
) -> Iterator[tuple[Trail, Problem]]:
    """Each error as a problem, with its path."""
    for found in error.errors(include_url=False):
        place = find(found["loc"], top, shape)
        if found["type"] == "too_short" and isinstance(place.node, Items) and place.node.items:
            continue  # pydantic counts the good items only; each bad one is said already
        if found["type"].startswith("union_tag"):
            place = find((*place.path, found["ctx"]["discriminator"].strip("'")), top, shape)
        message = _message(found, place, shape)
        yield place.path, Problem(file, place.mark.line, place.mark.column, written(place.path), message)


def find(location: Sequence[str | int], top: Group, shape: Shape) -> Place:
    """Follow pydantic's location, which also names the alternative that was chosen, through both."""
    place = Place((), top.mark, top, shape.top, {})
    kinds: Mapping[str, Schema] = {}
    for part in location:
        if part in kinds:
            place = Place(place.path, place.mark, place.node, kinds[str(part)], place.around)
        elif part != "[key]":
            place = _step(place, part, shape)
        kinds = shape.kinds(place.schema) if part not in kinds else {}
    return place


def _step(place: Place, part: str | int, shape: Shape) -> Place:
    schema = shape.part(place.schema, part) or {}
    node, mark = None, place.mark
    if isinstance(place.node, Group) and part in place.node.options:
        node, mark = place.node.options[str(part)], place.node.keys[str(part)]
    elif isinstance(place.node, Items) and isinstance(part, int) and part < len(place.node.items):
        node = place.node.items[part]
        mark = node.mark
    return Place((*place.path, part), mark, node, schema, place.schema)


def _message(found: ErrorDetails, place: Place, shape: Shape) -> str:
    kind = found["type"]
    if kind in {"missing", "union_tag_not_found"}:
        return _missing(place, shape)
    if kind == "extra_forbidden":
        known = list(place.around.get("properties", {}))
        options = f" The options here are {', '.join(known)}." if known else ""
        return f"there is no such option.{hint(str(place.path[-1]), known)}{options}"
    if isinstance(place.node, Group | Items) and kind in ("value_error", "too_short", "too_long"):
        return _wish(found, place)
    return f"{_as_written(place)}{_wish(found, place)}"


def _missing(place: Place, shape: Shape) -> str:
    what = str(place.schema.get("description", "")).rstrip(".")
    kinds = shape.kinds(place.around)
    if kinds:
        what = f"one of {', '.join(kinds)}"
    return f"is missing: {what}" if what else "is missing"


def _as_written(place: Place) -> str:
    if not isinstance(place.node, Text):
        return ""
    written = place.node.literal or place.node.text
    if place.schema.get("format") == "password" or written.upper().startswith(PRIVATE_KEY):
        return "the value cannot be used: "
    return f"{shown(without_password(written))} cannot be used: "


_TYPES = {
    "bool": "write true or false",
    "int": "write a whole number",
    "float": "write a number, such as 0.75",
    "decimal": "write a number",
    "date": "write a date as year-month-day, such as 2027-09-01",
    "string": "write one value here, not a list or a group of options",
    "path": "write the path of a file or folder",
    "tuple": "write a list: each item on its own line after a dash, or [one, two]",
    "list": "write a list: each item on its own line after a dash, or [one, two]",
}


def _wish(found: ErrorDetails, place: Place) -> str:
    """What to write instead."""
    kind, context = found["type"], found.get("ctx", {})
    if kind in ("enum", "literal_error", "union_tag_invalid"):
        return _one_of(_allowed(place, context), place)
    if kind == "value_error":
        return str(context["error"])
    if kind in ("string_too_short", "string_too_long", "too_short", "too_long"):
        return _length(kind, context)
    if kind == "string_pattern_mismatch":
        return f"it has the wrong form. {place.schema.get('description', '')}".strip()
    return _bound(context) or _of_type(found, place)


def _of_type(found: ErrorDetails, place: Place) -> str:
    kind = found["type"]
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        names = ", ".join(place.schema.get("properties", {}))
        return "write options of its own here" + (f": {names}" if names else "")
    return _TYPES.get(
        kind.partition("_")[0], found["msg"].removeprefix("Input ").removeprefix("Value error, ")
    )


def _allowed(place: Place, context: Mapping[str, Any]) -> list[str]:
    if "enum" in place.schema:
        return [str(word) for word in place.schema["enum"]]
    expected = str(context.get("expected_tags") or context.get("expected") or "")
    return [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]


def _one_of(words: Sequence[str], place: Place) -> str:
    said = place.node.text if isinstance(place.node, Text) else ""
    return f"write one of {', '.join(words)}.{hint(said, words)}"


def _length(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "too_short":
        return f"at least {context['min_length']} is needed"
    if kind == "string_too_short":
        return f"at least {context['min_length']} characters are needed"
    return f"at most {context['max_length']} are allowed"


def _bound(context: Mapping[str, Any]) -> str:
    for name, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if name in context:
            return f"it must be {words} {_SPAN.sub(_span, str(context[name]))}"
    return ""


# Pydantic gives the bounds of a duration as Python writes it: datetime.timedelta(days=1, seconds=60).
_SPAN = re.compile(r"datetime\.timedelta\((?:days=(\d+))?(?:, )?(?:seconds=(\d+))?\)")


def _span(found: re.Match[str]) -> str:
    return write_duration(timedelta(days=int(found[1] or 0), seconds=int(found[2] or 0)))
