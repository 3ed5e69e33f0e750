"""What the configuration may hold, as a JSON schema that can be walked along a path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pydantic.json_schema import GenerateJsonSchema

from connectors.durations import write_duration
from monitor.config.problems import Trail

Schema = Mapping[str, Any]


class AsWritten(GenerateJsonSchema):
    """A JSON schema whose defaults stand as people write them: `14d`, not `P14D`."""

    def encode_default(self, dft: Any) -> Any:
        """One default, as people write it."""
        if isinstance(dft, timedelta):
            return write_duration(dft)
        if isinstance(dft, time):
            return f"{dft:%H:%M}"
        return str(dft) if isinstance(dft, ZoneInfo) else super().encode_default(dft)


@dataclass(frozen=True)
class Shape:
    """A JSON schema, with its references followed and its optional parts opened."""

    root: Schema

    @cached_property
    def top(self) -> Schema:
        """The outermost part."""
        return self.opened(self.root)

    def opened(self, schema: Schema) -> Schema:
        """The schema behind a reference or behind `… or null`; what stands beside it is kept."""
        while "$ref" in schema or "anyOf" in schema or "allOf" in schema:
            beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "allOf")}
            schema = {**self._behind(schema), **beside}
        return schema

    def _behind(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            found: Schema = self.root["$defs"][schema["$ref"].rpartition("/")[2]]
            return found
        options = [
            option for option in schema.get("anyOf") or schema["allOf"] if option.get("type") != "null"
        ]
        return dict(options[0])

    def part(self, schema: Schema, key: str | int) -> Schema | None:
        """The schema of one option or item; None where there is none."""
        if isinstance(key, int):
            found = schema.get("items")
        else:
            by_pattern = next(iter(schema.get("patternProperties", {}).values()), None)
            found = schema.get("properties", {}).get(key) or by_pattern or schema.get("additionalProperties")
        return self.opened(found) if isinstance(found, Mapping) else None

    def kinds(self, schema: Schema) -> Mapping[str, Schema]:
        """The alternatives among which an option such as `platform` chooses; empty where it is none."""
        mapping = schema.get("discriminator", {}).get("mapping", {})
        return {word: self.opened({"$ref": reference}) for word, reference in mapping.items()}

    def choice(self, schema: Schema, data: Any) -> Schema:
        """The alternative that the data chose, where there is a choice."""
        kinds = self.kinds(schema)
        if not kinds:
            return schema
        word = data.get(schema["discriminator"]["propertyName"]) if isinstance(data, Mapping) else None
        return kinds.get(str(word), {})


def secrets(shape: Shape, schema: Schema, data: Any, path: Trail = ()) -> Iterator[Trail]:
    """The paths in the data whose values are secret."""
    schema = shape.choice(schema, data)
    if schema.get("format") == "password":
        yield path
    inside: list[tuple[str | int, Any]] = []
    if isinstance(data, Mapping):
        inside = list(data.items())
    elif isinstance(data, list):
        inside = list(enumerate(data))
    for key, value in inside:
        part = shape.part(schema, key)
        if part is not None:
            yield from secrets(shape, part, value, (*path, key))
