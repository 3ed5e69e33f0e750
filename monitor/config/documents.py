"""What is made of the options' descriptions: a schema for editors, a table for people; and a first file."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitor.config.loading import shape
from monitor.config.shape import Schema

_FIRST_FILE = """\
# School Mention Monitor: fill in what stands empty here and save. The file is read again by itself.
# Every option is explained in monitor.example.yaml and in docs/settings.md.

schools:
  - id:         # a short handle that never changes, such as harrowby-green or the school's URN
    name:       # the full name
    also: []    # other names: [Harrowby Green, HGPS, "#HarrowbyGreen"]
    near: []    # places that tell it from others of its name: [Harrowby, Grantham, NG31]

sources:
  - name: Local paper
    platform: feed
    url:        # the address of the paper's feed, such as https://example.org/feed.xml

people:
  dsl:
    - name:     # the Designated Safeguarding Lead
      email:    # such as dsl@harrowbygreen.example
  administrators:
    - name:     # whoever runs this software
      email:    # such as it@harrowbygreen.example

# Without a mail server, messages are only put into the folder data/outbox.
#mail:
#  server: smtp.school.example
#  user: monitor@school.example
#  password: "${MAIL_PASSWORD}"   # in the environment, never in this file
#  from: monitor@school.example
"""


def minimal_config() -> str:
    """A first file: `monitor check` names what must be filled in."""
    return _FIRST_FILE


def schema() -> str:
    """The JSON schema of the file, which editors use to help and to check."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape().root,
        "title": "School Mention Monitor configuration",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Option:
    """One option as people read of it; `path` is `sources[].url`, `only` the one kind that has it."""

    path: str
    only: str
    description: str
    allowed: str
    default: str


def options() -> list[Option]:
    """Every option, in the order of the file."""
    return list(_inside(shape().top, "", ""))


def _inside(schema: Schema, path: str, only: str) -> Iterator[Option]:
    kinds = shape().kinds(schema)
    if kinds:
        chooser = schema["discriminator"]["propertyName"]
        yield Option(f"{path}.{chooser}", only, "Which kind it is.", ", ".join(kinds), "needed")
        for word, kind in kinds.items():
            others = {name: part for name, part in kind["properties"].items() if name != chooser}
            yield from _inside({**kind, "properties": others}, path, f"{chooser}: {word}")
    for name, raw in schema.get("properties", {}).items():
        part = shape().opened(raw)
        here = f"{path}.{name}" if path else name
        default = _default(part, name in schema.get("required", ()))
        yield Option(here, only, part.get("description", ""), _allowed(part), default)
        yield from _below(part, here, only)


def _below(part: Schema, path: str, only: str) -> Iterator[Option]:
    if isinstance(part.get("items"), dict):
        yield from _inside(shape().opened(part["items"]), f"{path}[]", only)
    for inside in (part.get("additionalProperties"), *part.get("patternProperties", {}).values()):
        if isinstance(inside, dict):
            yield from _inside(shape().opened(inside), f"{path}.<key>", only)
    yield from _inside(part, path, only)


_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "options of its own",
}


def _allowed(part: Schema) -> str:
    if "enum" in part or "const" in part:
        return ", ".join(str(word) for word in part.get("enum", [part.get("const")]))
    if part.get("format") == "password":
        return "secret"
    if "examples" in part:
        return f"such as {part['examples'][0]}"
    if {"minimum", "maximum"} <= part.keys():
        return f"{part['minimum']} to {part['maximum']}"
    return _TYPES.get(part.get("type", "object"), "options of its own")


def _default(part: Schema, required: bool) -> str:
    if required:
        return "needed"
    value: Any = part.get("default")
    if value in (None, [], {}) or isinstance(value, dict):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    """All options as a Markdown table; what is the same for every role or kind stands there once."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for option in options():
        path = re.sub(r"^people\.\w+\[\]", "people.<role>[]", option.path)
        rows.setdefault((path, option.description, option.allowed, option.default), []).append(option.only)
    lines = ["| Option | What it is for | Allowed | If left out |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(_row(cells, only) for cells, only in rows.items())]) + "\n"


def _row(cells: tuple[str, ...], only: list[str]) -> str:
    path, *rest = (cell.replace("|", "\\|") for cell in cells)
    note = f" ({only[0]})" if only[0] and len(only) == 1 else ""
    return f"| {' | '.join([f'`{path}`{note}', *rest])} |"
