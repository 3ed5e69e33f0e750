"""Reading YAML as plain text with its places: a value stays as written until an option says what it is.

YAML has ideas of its own (`NO` is false, `07:30` is 450, telephone numbers lose a zero); here it has none.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from monitor.config.problems import ConfigError, Problem, Trail, shown, written

MOST_BYTES = 1_000_000
_MOST_NODES = 50_000
_DEEPEST = 20
_EMPTY = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something stands, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text:
    """A value; `literal` is what stands in the file, where `text` was filled in from elsewhere."""

    mark: Mark
    text: str
    literal: str | None = None


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing was written: the same as leaving the option out."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: "Sequence[Node]"


@dataclass(frozen=True, slots=True)
class Group:
    """Options with their names; `keys` says where each name stands."""

    mark: Mark
    options: "Mapping[str, Node]"
    keys: Mapping[str, Mark]


Node = Text | Empty | Items | Group
Plain = str | None | list["Plain"] | dict[str, "Plain"]


def read_sheet(content: bytes, file: Path) -> Group:
    """The whole file; raises ConfigError."""
    try:
        node = _Composer(_decoded(content, file)).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(error, file)]) from error
    except yaml.reader.ReaderError as error:
        raise ConfigError([_character(error, content, file)]) from error
    if node is None:
        raise ConfigError(
            [Problem(file, 0, 0, "", "the file is empty; begin with the example configuration")]
        )
    return _Sheet(file).whole(node)


def plain(node: Node) -> Plain:
    """The bare values, without places and without empty options."""
    if isinstance(node, Group):
        return {name: plain(value) for name, value in node.options.items() if not isinstance(value, Empty)}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.text if isinstance(node, Text) else None


def texts(node: Node, path: Trail = ()) -> Iterator[tuple[Trail, Text]]:
    """Every value with its path."""
    if isinstance(node, Text):
        yield path, node
    elif isinstance(node, Items):
        for number, item in enumerate(node.items):
            yield from texts(item, (*path, number))
    elif isinstance(node, Group):
        for name, value in node.options.items():
            yield from texts(value, (*path, name))


def exchanged(node: Node, new: Mapping[Trail, Text], path: Trail = ()) -> Node:
    """The same with other values at some paths."""
    if isinstance(node, Text):
        return new.get(path, node)
    if isinstance(node, Items):
        return replace(
            node, items=[exchanged(item, new, (*path, number)) for number, item in enumerate(node.items)]
        )
    if isinstance(node, Group):
        changed = {name: exchanged(value, new, (*path, name)) for name, value in node.options.items()}
        return replace(node, options=changed)
    return node


def _decoded(content: bytes, file: Path) -> str:
    if len(content) > MOST_BYTES:
        raise ConfigError([Problem(file, 0, 0, "", f"the file is larger than {MOST_BYTES // 1000} kB")])
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([Problem(file, 1, 1, "", "the file is saved as UTF-16; save it as UTF-8")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = "the file is not saved as UTF-8; choose UTF-8 (not ANSI) when you save it"
        raise ConfigError([Problem(file, line, 1, "", message)]) from error


class _Composer(yaml.BaseLoader):
    """PyYAML's composer, which knows no types, with a bound on depth."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise yaml.MarkedYAMLError(problem="too deep", problem_mark=self.get_mark())
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Sheet:
    """Turns YAML's nodes into ours, noting what is wrong, and bounding what aliases repeat."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._nodes = 0

    def whole(self, node: yaml.Node) -> Group:
        top = self._node(node, ())
        if not isinstance(top, Group):
            self._note(_mark(node), (), "the file must hold options, such as 'schools:' and 'sources:'")
        if self._problems or not isinstance(top, Group):
            raise ConfigError(self._problems)
        return top

    def _node(self, node: yaml.Node, path: Trail) -> Node:
        self._count(node, path)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._note(_mark(node), path, f"{shown(node.tag)}: text that begins with ! needs quotation marks")
        if isinstance(node, yaml.MappingNode):
            return self._group(node, path)
        if isinstance(node, yaml.SequenceNode):
            return Items(
                _mark(node), [self._node(item, (*path, number)) for number, item in enumerate(node.value)]
            )
        if isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _EMPTY:
            return Empty(_mark(node))
        return Text(_mark(node), node.value)

    def _group(self, node: yaml.MappingNode, path: Trail) -> Group:
        options: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        for key, value in node.value:
            mark = _mark(key)
            if not isinstance(key, yaml.ScalarNode):
                self._note(mark, path, "the name of an option must be plain text")
            elif key.value in options:
                first = keys[key.value].line
                self._note(
                    mark, (*path, key.value), f"stands here a second time; the first is in line {first}"
                )
            else:
                keys[key.value] = mark
                options[key.value] = self._node(value, (*path, key.value))
        return Group(_mark(node), options, keys)

    def _count(self, node: yaml.Node, path: Trail) -> None:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            problem = Problem(
                self._file, _mark(node).line, 1, written(path[:3]), "too much is repeated or nested here"
            )
            raise ConfigError([problem])

    def _note(self, mark: Mark, path: Trail, message: str) -> None:
        self._problems.append(Problem(self._file, mark.line, mark.column, written(path), message))


def _mark(node: yaml.Node) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


# What PyYAML says, as a pattern; whether the place is where its context began; and what to tell a person.
_SYNTAX = (
    (r"too deep", False, "options are nested too deeply here"),
    (r"found character '\\t'", False, "there is a tab here; use spaces"),
    (
        r"found character '[@`%]'|expected alphabetic or numeric character",
        False,
        'text that begins with @, %, &, * or ` needs quotation marks: "@HarrowbyGreen"',
    ),
    (
        r"mapping values are not allowed",
        False,
        "a colon does not fit here: put text that holds a colon in quotation marks; otherwise a colon is "
        "missing"
        " in the line before, or this line begins in the wrong column",
    ),
    (
        r"could not find expected ':'",
        True,
        "this line is neither an option (name, colon, space, value) nor an item of a list (dash, space, "
        "value)",
    ),
    (r"found unexpected end of stream", True, "a quotation mark is opened here and never closed"),
    (
        r"expected ',' or '[\]}]'",
        True,
        "a bracket is opened here and not closed on its line: put a comma between items, and quotation marks"
        " round text with #, :, [ or { in it",
    ),
    (r"expected the node content", False, "something is missing here: a value, or a closing bracket"),
    (
        r"expected <block end>, but found '<scalar>'",
        False,
        "there is more text after a closing quotation mark; write text with an apostrophe in double "
        "ones, and see"
        " whether one was opened in a line before and never closed",
    ),
    (
        r"expected <block end>|sequence entries are not allowed",
        False,
        "this line does not begin in the right column: options that belong together begin in the same one",
    ),
    (r"found undefined alias", False, "text that begins with * needs quotation marks"),
    (
        r"unknown escape character|escape sequence",
        False,
        "a backslash in double quotation marks means something special; use single ones",
    ),
    (r"but found another document", False, "there is a second '---' here; the file holds one document"),
)


def _syntax(error: yaml.MarkedYAMLError, file: Path) -> Problem:
    said = f"{error.context or ''} {error.problem or ''}"
    for pattern, at_context, message in _SYNTAX:
        if re.search(pattern, said):
            mark = error.context_mark if at_context and error.context_mark else error.problem_mark
            return _at(mark, file, message)
    return _at(error.problem_mark or error.context_mark, file, f"this is not YAML: {error.problem}")


def _at(mark: yaml.Mark | None, file: Path, message: str) -> Problem:
    if mark is None:
        return Problem(file, 0, 0, "", message)
    return Problem(file, mark.line + 1, mark.column + 1, "", message)


def _character(error: yaml.reader.ReaderError, content: bytes, file: Path) -> Problem:
    before = content.decode("utf-8-sig")[: error.position]
    return Problem(
        file, before.count("\n") + 1, 1, "", "there is an invisible control character here; delete it"
    )
