"""Reading passages to match or classify: CSV with a `text` column, JSON lines, or plain lines."""

import codecs
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TextIO, cast

from connectors.post import Channel

LONGEST = 5_000_000
"""Characters of one line, cell or text at most."""
_CHANNELS = {channel.value: channel for channel in Channel}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(Exception):
    """The input is not what it should be; the message says where and what is expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """One text to judge, what it answers, and where it stands."""

    text: str
    parent: str = ""
    channel: Channel = Channel.PUBLIC_MENTION


def read_lines(file: Path | None) -> Iterator[Line]:
    """The passages of a file, or of standard input where it is None or `-`; raises Unreadable.

    The ending `.csv`, `.jsonl`, `.ndjson` or `.txt` says what it is; without one the first line does.
    Bytes that are no UTF-8 are read as U+FFFD; UTF-16 is known by its mark.
    """
    if file is None or str(file) == "-":
        with _decoded(_input()) as text:
            yield from _passages(text, "standard input", "")
        return
    try:
        with file.open("rb") as opened, _decoded(opened) as text:
            yield from _passages(text, str(file), file.suffix.lower())
    except OSError as error:
        raise Unreadable(f"{file} cannot be read: {error.strerror}.") from error


def _input() -> BufferedReader:
    if sys.stdin is None:
        raise Unreadable("standard input is closed: name a file.")
    return BufferedReader(cast(RawIOBase, sys.stdin.buffer))


def _decoded(stream: BufferedReader) -> TextIO:
    encoding = "utf-16" if stream.peek(2)[:2] in _UTF_16 else "utf-8-sig"
    # Line ends are left alone: inside the quotation marks of a CSV they are part of the text.
    return TextIOWrapper(stream, encoding, errors="replace", newline="")


def _passages(stream: TextIO, name: str, ending: str) -> Iterator[Line]:
    numbered = enumerate(_bounded(stream, name))
    blank, first = next(((number, line) for number, line in numbered if line.strip()), (0, ""))
    lines = chain([first], (line for _, line in numbered))
    match ending if ending in {".csv", ".jsonl", ".ndjson", ".txt"} else _kind(first):
        case ".jsonl" | ".ndjson":
            yield from _json_lines(lines, name, blank)
        case ".csv":
            yield from _csv_lines(lines, name, blank)
        case _:
            yield from (Line(line.rstrip("\r\n")) for line in lines if line.strip())


def _kind(first: str) -> str:
    if first.lstrip().startswith("{"):
        return ".jsonl"
    return ".csv" if "text" in _header(first) else ".txt"


def _header(first: str) -> list[str]:
    csv.field_size_limit(LONGEST)
    return [cell.strip().lower() for cell in next(csv.reader([first]), [])]


def _bounded(stream: TextIO, name: str) -> Iterator[str]:
    number = 0
    while line := stream.readline(LONGEST + 2):
        number += 1
        if len(line.rstrip("\r\n")) > LONGEST:
            raise Unreadable(f"{name}, line {number}: it is longer than {LONGEST:,} characters. Cut it up.")
        yield line


def _json_lines(lines: Iterator[str], name: str, blank: int) -> Iterator[Line]:
    for number, line in enumerate(lines, start=blank + 1):
        if line.strip():
            yield _from_json(line, f"{name}, line {number}")


def _from_json(line: str, where: str) -> Line:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        said = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply or too long"
        raise Unreadable(f"{where}: this is not one JSON object on one line ({said}).") from error
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise Unreadable(f'{where}: expected an object with a "text", such as {{"text": "…"}}.')
    return _line(found["text"], found.get("parent"), found.get("channel"), where)


def _csv_lines(lines: Iterator[str], name: str, blank: int) -> Iterator[Line]:
    csv.field_size_limit(LONGEST)
    reader = csv.DictReader(lines)
    try:
        columns = [cell.strip().lower() for cell in reader.fieldnames or []]
        if columns and "text" not in columns:
            raise Unreadable(f"{name}: no column is called text; the first line says {', '.join(columns)}.")
        reader.fieldnames = columns
        for row in reader:
            where = f"{name}, line {blank + reader.line_num}"
            yield _line(row["text"] or "", row.get("parent"), row.get("channel"), where)
    except csv.Error as error:
        raise Unreadable(f"{name}, line {blank + reader.line_num}: this is not CSV ({error}).") from error


def _line(text: str, parent: object, channel: object, where: str) -> Line:
    said = str(channel or "").strip() or Channel.PUBLIC_MENTION.value
    if said not in _CHANNELS:
        raise Unreadable(f"{where}: the channel is '{said[:40]}'; it is one of {', '.join(_CHANNELS)}.")
    if not isinstance(parent, str | None):
        raise Unreadable(f"{where}: the parent is no text.")
    return Line(text, parent or "", _CHANNELS[said])
