"""Files that somebody exports: tables of posts from any tool, for places that we may not read ourselves."""

import codecs
import csv
import hashlib
import io
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic import ValidationInfo as Info

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.text import LONGEST, clean_link, in_utc, is_marked_up, one_line, read_html, read_text, when

MOST_ROWS = 5_000
"""The most rows that are read at once; the next ones follow a minute later."""
MOST_FILES = 1_000
"""The most files of one folder that are looked at."""
LARGEST = 20_000_000
"""The most bytes of one file."""
_ENDINGS = frozenset([".csv", ".tsv", ".tab", ".txt"])
_DELIMITERS = (",", ";", "\t", "|")
_END = "\x02\x03"
_LINE_ENDS = (b"\n", b"\r", b"\n\x00", b"\r\x00")
_MOST_SAID = 5
_SECONDS = len("1767225600")
_LONGEST_ID = 200
# A spreadsheet turned a long number into this: many ids end as the same one.
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[Ee]\+\d+")
_UNIX = re.compile(r"\d{10}(?:\d{3})?(?:\.\d+)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")


def _beside(path: Path, info: Info) -> Path:
    """A relative path starts at the folder of the configuration file."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
        "".encode(name)
    except LookupError:
        raise ValueError("write the name of an encoding, such as utf-8, windows-1252 or utf-16") from None
    return name


def _date_form(written: str) -> str:
    try:
        datetime.strptime(datetime(2026, 12, 31, tzinfo=UTC).strftime(written), written)  # noqa: DTZ007  # only tried
    except ValueError:
        raise ValueError('write how times look, such as "%m/%d/%Y %H:%M"') from None
    return written


def _delimiter(written: str) -> str:
    sign = {"tab": "\t", "\\t": "\t"}.get(written, written)
    if len(sign) != 1 or sign in '"\r\n \x00':
        raise ValueError('write one sign, such as ";", or tab')
    return sign


# The heading of a column, or its number where there are no headings: YAML reads `text: 3` as a number.
Column = Annotated[
    str,
    BeforeValidator(lambda written: str(written) if isinstance(written, int) else written),
    Field(min_length=1, max_length=200),
]


class Columns(BaseModel):
    """Which column of the table holds what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[Column, Field(description="The column with what was written, by its heading.")]
    id: Annotated[
        Column | None,
        Field(description="The column that tells rows apart and never changes; else it is made of the row."),
    ] = None
    title: Annotated[Column | None, Field(description="The column with the headline or subject.")] = None
    author: Annotated[Column | None, Field(description="The column with who wrote it.")] = None
    url: Annotated[Column | None, Field(description="The column with the post's address on the web.")] = None
    posted: Annotated[Column | None, Field(description="The column with when it was written.")] = None
    edited: Annotated[Column | None, Field(description="The column with when it was last changed.")] = None
    language: Annotated[Column | None, Field(description="The column with its language, as en.")] = None
    parent: Annotated[Column | None, Field(description="The column with the id of what it answers.")] = None
    thread: Annotated[Column | None, Field(description="The column with the id of the conversation.")] = None

    def named(self) -> dict[str, str]:
        """Each part of a post that has a column, with the column's heading."""
        return {part: heading for part, heading in self if heading is not None}


class _Seen(BaseModel):
    """One file as it was last read: how it looked, what of it, how many rows, and what was amiss.

    `left` is how it looked when it seemed that somebody was still writing it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    look: str = ""
    sha256: str = ""
    size: int = 0
    rows: int = 0
    whole: bool = False
    left: str = ""
    amiss: str = ""


class _Cursor(BaseModel):
    """The files as they were when they were last read, and how they were read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reading: str = ""
    files: tuple[_Seen, ...] = ()


@dataclass(slots=True)
class _Round:
    """What one fetch has found so far."""

    room: int = MOST_ROWS
    posts: dict[str, Post] = field(default_factory=dict)
    files: list[_Seen] = field(default_factory=list)
    amiss: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    more: bool = False


def _leave(before: _Seen, look: str, found: _Round) -> _Seen:
    """Leave a file that seems unfinished; if it looks the same next time, it is read as it is."""
    found.left.append(before.name)
    return before.model_copy(update={"look": "", "left": look})


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one file, each as the parts of a post; `closed` is false where a quotation never ends."""

    rows: Sequence[Mapping[str, str]]
    closed: bool
    amiss: str = ""


class _NoTable(Exception):
    """The file does not hold the columns that it should."""


class CsvExport(Connector):
    """A table of posts, or a folder of them, that somebody puts there; read as it grows, never changed."""

    platform: Literal["csv"]
    path: Annotated[
        Path,
        Field(
            description="The file, or the folder with the files (.csv, .tsv, .tab, .txt); a relative path "
            "starts at the folder of this configuration."
        ),
        AfterValidator(_beside),
    ]
    columns: Annotated[Columns, Field(description="Which column of the table holds what.")]
    header: Annotated[
        bool,
        Field(description="Whether the first row holds headings; if not, columns go by number, from 1."),
    ] = True
    delimiter: Annotated[
        str | None,
        Field(description='What stands between columns, as ";" or tab; found by itself when left out.'),
        AfterValidator(lambda written: written if written is None else _delimiter(written)),
    ] = None
    encoding: Annotated[
        str | None,
        Field(description="How the file is encoded, as windows-1252; found by itself when left out."),
        AfterValidator(lambda written: written if written is None else _encoding(written)),
    ] = None
    dates: Annotated[
        str | None,
        Field(
            description='How times are written, where days come after months: "%m/%d/%Y %H:%M". Others are '
            "understood by themselves; times without a zone are taken as UTC."
        ),
        AfterValidator(lambda written: written if written is None else _date_form(written)),
    ] = None

    @property
    def host(self) -> str:
        """The machine that we run on: no other is asked."""
        return "this server"

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:  # noqa: ARG002  # nothing is asked
        """Read what is new in the files since the last time: a bounded number of rows."""
        before = _cursor(cursor, self._reading())
        known = {seen.name: seen for seen in before.files}
        files, found = self._files(), _Round()
        for file in files[:MOST_FILES]:
            seen = known.get(file.name, _Seen(name=file.name))
            try:
                found.files.append(self._visit(file, seen, before.files, found))
            except OSError as error:
                # It may be gone by now, or locked by the program that writes it: the others are read.
                found.amiss.append(f"{file.name} could not be read ({error.strerror})")
                found.files.append(seen.model_copy(update={"look": ""}))
        if len(files) > MOST_FILES:
            found.amiss.append(f"Only {MOST_FILES} of {len(files)} files are read: move old ones away")
        after = _Cursor(reading=before.reading, files=tuple(found.files))
        return _batch(found, after.model_dump_json(), where=self.path.name, empty=not files)

    def _reading(self) -> str:
        """How the files are read: where that is changed, they are read once more."""
        how = self.model_dump_json(include={"columns", "header", "delimiter", "encoding", "dates"})
        return hashlib.sha256(how.encode()).hexdigest()[:16]

    def _files(self) -> list[Path]:
        """The files to read, by name. Raises Refused or Unavailable where there is nothing to look at."""
        name = self.path.name
        try:
            if self.path.is_dir():
                return sorted(file for file in self.path.iterdir() if _is_table(file))
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise Refused(f"{name} is neither a file nor a folder. Correct the path.", State.BLOCKED)
        except FileNotFoundError:
            raise Refused(
                f"{name} is not there. Export into it, or correct the path.", State.BLOCKED
            ) from None
        except PermissionError:
            raise Refused(
                f"{name} may not be read. Let the account that the monitor runs as read it.", State.BLOCKED
            ) from None
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no path"
            raise Unavailable(f"{name} could not be read: {said}.", State.BEHIND) from error
        return [self.path]

    def _visit(self, file: Path, before: _Seen, known: Sequence[_Seen], found: _Round) -> _Seen:
        """Read what is new in one file; what is to be remembered of it."""
        look = _look(file)
        if before.whole and before.look == look:
            found.amiss += filter(None, [before.amiss])
            return before
        if not found.room:
            found.more = True
            return before
        content = _content(file)
        if content is None:
            found.amiss.append(f"{file.name} is larger than {LARGEST / 1e6:g} MB: export it in parts")
            return before
        digest = hashlib.sha256(content).hexdigest()
        twin = next((seen for seen in known if seen.whole and seen.sha256 == digest), None)
        if twin is not None:
            found.amiss += filter(None, [twin.amiss])
            return twin.model_copy(update={"name": file.name, "look": look, "left": ""})
        if _look(file) != look:
            return _leave(before, look, found)
        seen = _Seen(
            name=file.name, look=look, sha256=digest, size=len(content), rows=_start(before, content)
        )
        return self._read(seen, before, content, found)

    def _read(self, seen: _Seen, before: _Seen, content: bytes, found: _Round) -> _Seen:
        """Read a file that is whole, or that has stood still since the last time."""
        settled = before.left == seen.look
        if not (settled or content.endswith(_LINE_ENDS)):
            return _leave(before, seen.look, found)
        try:
            table = read_table(content, self)
        except _NoTable as error:
            found.amiss.append(f"{seen.name}: {error}")
            # Not remembered as read: this is said until somebody mends it.
            return before.model_copy(update={"look": "", "left": seen.look})
        return self._take(seen, table, found) if settled or table.closed else _leave(before, seen.look, found)

    def _take(self, seen: _Seen, table: Table, found: _Round) -> _Seen:
        """Take as many of a table's new rows as there is room for."""
        rows = table.rows[seen.rows : seen.rows + found.room]
        posts = [post for row in rows if (post := self._post(seen.name, row)) is not None]
        found.posts |= {post.id: post for post in posts}
        found.room -= len(rows)
        long = "a text in it is longer than is kept" if any(len(p.text) == LONGEST for p in posts) else ""
        said = "; ".join(filter(None, [table.amiss, long]))
        amiss = f"{seen.name}: {said}" if said else ""
        found.amiss += filter(None, [amiss])
        done = seen.rows + len(rows)
        found.more = found.more or done < len(table.rows)
        return seen.model_copy(update={"rows": done, "whole": done >= len(table.rows), "amiss": amiss})

    def _post(self, file: str, row: Mapping[str, str]) -> Post | None:
        """One row as a post; None for a row in which nobody says anything."""
        written = read_html(row["text"]) if is_marked_up(row["text"]) else read_text(row["text"])
        title = one_line(row.get("title", ""))[:500]
        if not written.text and not title:
            return None
        key = row["key"]
        return Post(
            platform="csv",
            id=f"{self.name} {key}",
            url=clean_link(row.get("url", "")) or f"csv:{quote(file)}#{quote(key)}",
            title=title,
            text=written.text,
            author=one_line(row.get("author", ""))[:200] or None,
            posted_at=_moment(row.get("posted", ""), self.dates),
            edited_at=_moment(row.get("edited", ""), self.dates),
            language=found[0] if (found := _LANGUAGE.fullmatch(row.get("language", ""))) else None,
            channel=Channel.OFFICIAL_ACCOUNT if self.official else Channel.PUBLIC_MENTION,
            parent=f"{self.name} {row['parent'][:_LONGEST_ID]}" if row.get("parent") else None,
            thread=f"{self.name} {row['thread'][:_LONGEST_ID]}" if row.get("thread") else None,
            links=written.links,
            has_media=written.has_media,
        )


def read_table(content: bytes, source: CsvExport) -> Table:
    """The rows of a file; raises _NoTable with what people can do where the columns are not in it."""
    text = _decoded(content, source.encoding).replace("\x00", "")
    if not text.strip():
        raise _NoTable("it is empty")
    # Excel names the delimiter in a first line of its own.
    named = re.match(r"sep=(.)\r?\n", text)
    text = text[named.end() :] if named else text
    sign = source.delimiter or (named[1] if named else None)
    # One field may be as long as the file; the default of 131,072 characters would end the reading.
    csv.field_size_limit(LARGEST)
    try:
        sign, width, places = _places(text, _DELIMITERS if sign is None else (sign,), source)
        cells = list(csv.reader(chain(io.StringIO(text, newline=""), [_END]), delimiter=sign))
    except csv.Error as error:
        raise _NoTable(f"it is no table ({error})") from error
    closed = cells[-1] == [_END]
    ended = cells[:-1] if closed else [*cells[:-1], [cell.removesuffix(_END) for cell in cells[-1]]]
    body = [row for row in ended[1 if source.header else 0 :] if any(row)]
    rows, shared = _told_apart([_row(row, places, width, sign) for row in body])
    # Where the text comes last, what stands beyond the first row's columns belongs to it.
    wide = 0 if places["text"] == width - 1 else sum(any(row[width:]) for row in body)
    return Table(rows, closed, "; ".join(_amiss(rows, closed=closed, shared=shared, wide=wide)))


def _places(text: str, signs: Sequence[str], source: CsvExport) -> tuple[str, int, dict[str, int]]:
    """The delimiter with which the wanted columns are in the first row, its width, and where each stands."""
    wanted = source.columns.named()
    missing: list[str] = list(wanted.values())
    for sign in signs:
        head = next(csv.reader(io.StringIO(text, newline=""), delimiter=sign), [])
        names = [_plain(cell) for cell in head] if source.header else [str(n + 1) for n in range(len(head))]
        lacking = [heading for heading in wanted.values() if _plain(heading) not in names]
        if not lacking:
            return sign, len(head), {part: names.index(_plain(name)) for part, name in wanted.items()}
        missing = min(missing, lacking, key=len)
    raise _NoTable(
        f"it has no column {', '.join(missing)}. Look at its first row, and at `columns` and `delimiter`"
    )


def _row(cells: Sequence[str], places: Mapping[str, int], width: int, sign: str) -> dict[str, str]:
    """The parts of a post in one row; a last column without quotes may hold the delimiter itself."""
    if len(cells) > width and places["text"] == width - 1:
        cells = [*cells[: width - 1], sign.join(cells[width - 1 :])]
    return {part: _cell(cells[place]) if place < len(cells) else "" for part, place in places.items()}


def _told_apart(rows: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], int]:
    """The rows with a key each, and how many had the id of another: none is lost to a column badly chosen."""
    said: dict[str, str] = {}
    shared = 0
    for row in rows:
        key, made = _key(row), _made(row)
        if said.setdefault(key, made) != made:
            shared += 1
            key = f"{key} {made}"
        row["key"] = key
    return list(rows), shared


def _key(row: Mapping[str, str]) -> str:
    named = row.get("id", "")
    return named[:_LONGEST_ID] if named and not _ROUNDED.fullmatch(named) else f"made:{_made(row)}"


def _made(row: Mapping[str, str]) -> str:
    parts = ("url", "author", "posted", "title", "text")
    said = "\x1f".join(row.get(part, "") for part in parts)
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]


def _amiss(rows: Sequence[Mapping[str, str]], *, closed: bool, shared: int, wide: int) -> Iterator[str]:
    """What people should mend in a file, although it was read."""
    if not closed:
        yield "a quotation mark in it is never closed, and all that follows counts as one row"
    if any(_ROUNDED.fullmatch(row.get("id", "")) for row in rows):
        yield "a spreadsheet has rounded its ids (1.2E+18): export it again, and do not save it from there"
    if shared:
        yield f"{shared} rows have the id of another row: choose a column that tells them apart (columns.id)"
    if rows and not any(row["text"] or row.get("title") for row in rows):
        yield "the columns for text and title are empty in every row"
    if wide:
        yield f"{wide} rows have more columns than the first: export it with quotation marks"


def _cell(written: str) -> str:
    """What a cell says. A formula is never worked out; what was put round it against that is taken off."""
    written = written.strip()
    if (held := re.fullmatch(r'="(.*)"', written, re.DOTALL)) is not None:
        return held[1]
    return written[1:] if re.match(r"'[=+\-@]", written) else written


def _plain(heading: str) -> str:
    return " ".join(_cell(heading.replace("\ufeff", "")).split()).casefold()


def _decoded(content: bytes, named: str | None) -> str:
    """The text of a file: by its mark, as configured, as UTF-8 where it fits, else as Windows wrote."""
    encoding = _marked(content) or named or _guessed(content)
    try:
        return content.decode(encoding, "replace")
    except UnicodeError:
        raise _NoTable(f"it is not in the encoding {encoding}") from None


def _marked(content: bytes) -> str | None:
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _guessed(content: bytes) -> str:
    start = content[:1000]
    if start.count(0) > len(start) // 3:
        return "utf-16-le" if start[1:2] == b"\x00" else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        # A file that breaks off may do so inside a letter.
        return "utf-8" if error.start >= len(content) - 3 else "windows-1252"
    return "utf-8"


def _moment(written: str, form: str | None) -> datetime | None:
    """The time that a cell names, in UTC."""
    try:
        if form:
            return in_utc(datetime.strptime(written, form))  # noqa: DTZ007  # the form may hold a zone or not
        if _UNIX.fullmatch(written):
            return datetime.fromtimestamp(float(written) / (1000 if len(written) > _SECONDS else 1), UTC)
    except (ValueError, OverflowError):
        pass
    return when(written)


def _is_table(file: Path) -> bool:
    """Whether a file of a folder is to be read: not what programs put beside it while they write."""
    return file.suffix.lower() in _ENDINGS and not file.name.startswith((".", "~")) and file.is_file()


def _look(file: Path) -> str:
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"


def _content(file: Path) -> bytes | None:
    """The bytes of a file; None where they are too many."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    return None if len(content) > LARGEST else content


def _start(before: _Seen, content: bytes) -> int:
    """How many rows were read already: all that were, if the file has only grown since; else none."""
    old = content[: before.size]
    if not before.size or hashlib.sha256(old).hexdigest() != before.sha256:
        return 0
    # A last row without its line's end may have been half a row.
    return before.rows if old.endswith(_LINE_ENDS) or old == content else max(before.rows - 1, 0)


def _batch(found: _Round, cursor: str, *, where: str, empty: bool) -> Batch:
    said = [f"{told}." for told in dict.fromkeys(found.amiss)]
    if len(said) > _MOST_SAID:
        said[_MOST_SAID:] = [f"{len(said) - _MOST_SAID} more files have something amiss."]
    if found.left:
        said.append(f"{found.left[0]} may still be being written, and is read as soon as it stands still.")
    if empty:
        said.append(f"There is no file in {where} yet.")
    return Batch(
        posts=tuple(found.posts.values()),
        cursor=cursor,
        complete=not (found.more or found.left),
        state=State.PARSE_ERROR if found.amiss else State.BEHIND if found.left or found.more else State.OK,
        reason=" ".join(said),
    )


def _cursor(cursor: str | None, reading: str) -> _Cursor:
    """What was read, if it was read as it would be now."""
    try:
        found = _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the files once more costs little.
        found = _Cursor()
    return found if found.reading == reading else _Cursor(reading=reading)
