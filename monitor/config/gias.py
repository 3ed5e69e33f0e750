"""Files of GIAS, the Department for Education's register of schools: establishments, links, groups.

Somebody downloads them from https://get-information-schools.service.gov.uk/Downloads and unpacks them. They
are tables with a row of names on top; which columns there are changes over the years, so each is found by its
name. Bytes are windows-1252 or UTF-8, line by line. All is read as a stream (50,000 rows, 70 MB) and bounded.
The names of columns are those of extracts of 2018 and later; the files of today were not looked at.
"""

import csv
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

_LONGEST_FIELD = 131_072  # letters
_LONGEST_LINE = 200_000  # bytes
_MOST_ROWS = 300_000
_LONGEST_CELL = 200
_MOST_LINKS = 20
_SHOWN = 60
_DIGITS = 11
_LONG_CODE = 5

_ESTABLISHMENTS: Mapping[str, tuple[str, ...]] = {
    "urn": ("URN",),
    "name": ("EstablishmentName",),
    "status": ("EstablishmentStatus (name)", "EstablishmentStatus"),
    "closed_on": ("CloseDate",),
    "street": ("Street",),
    "locality": ("Locality",),
    "town": ("Town",),
    "postcode": ("Postcode",),
    "site": ("SchoolWebsite",),
    "phone": ("TelephoneNum",),
    "trust": ("Trusts (name)", "Trusts"),
    "federation": ("Federations (name)", "Federations"),
    "authority": ("LA (name)", "LA"),
}
_LINKS: Mapping[str, tuple[str, ...]] = {
    "urn": ("URN",),
    "other": ("LinkURN",),
    "name": ("LinkName",),
    "type": ("LinkType",),
}
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "urn": ("URN",),
    "group": ("Group Name",),
    "type": ("Group Type", "Group Type (name)"),
    "status": ("Group Status", "Group Status (name)"),
}


class ExtractError(Exception):
    """A file or a number that cannot be used, in a sentence that says what to do."""


class Kind(Enum):
    """What a file of GIAS holds."""

    ESTABLISHMENTS = "establishments"
    LINKS = "links"
    GROUPS = "groups"


# What each kind of file cannot be without: by this one is told from another.
_KINDS = (
    (Kind.LINKS, _LINKS, ("urn", "other", "type")),
    (Kind.GROUPS, _GROUPS, ("urn", "group")),
    (Kind.ESTABLISHMENTS, _ESTABLISHMENTS, ("urn", "name")),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A file and where its columns are; `missing` names the columns that other years have and it has not."""

    path: Path
    kind: Kind
    columns: Mapping[str, int]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Establishment:
    """One school as GIAS has it; what it does not say is empty. `closed_on` is as written, dd-mm-yyyy."""

    urn: str
    name: str
    status: str
    closed_on: str
    street: str
    locality: str
    town: str
    postcode: str
    site: str
    phone: str
    trust: str
    federation: str
    authority: str

    @property
    def is_open(self) -> bool:
        """Whether it is open or about to be; without a status, whether no day of closing is given."""
        return self.status.lower().startswith(("open", "proposed")) if self.status else not self.closed_on

    @property
    def telephone(self) -> str:
        """The number with the usual spaces, 01632 960001, and the first zero that a spreadsheet ate."""
        digits = re.sub(r"^\+44|\D", "", self.phone)
        digits = digits if digits.startswith("0") else f"0{digits}"
        if len(digits) != _DIGITS:
            return self.phone
        code = 3 if digits.startswith("02") else 4 if re.match(r"011|01\d1", digits) else _LONG_CODE
        rest = digits[code:]
        return " ".join(
            (digits[:code], rest) if code == _LONG_CODE else (digits[:code], rest[:-4], rest[-4:])
        )

    @property
    def district(self) -> str:
        """The first half of the postcode: W10 of W10 5EF; empty where that cannot be told."""
        found = re.fullmatch(r"([A-Z]{1,2}\d[A-Z\d]?)\s*\d[A-Z]{2}", self.postcode.upper())
        return found[1] if found else ""

    @property
    def area(self) -> str:
        """The letters that the postcode begins with: W of W10 5EF."""
        return self.district.rstrip("0123456789") if self.district[-1:].isdigit() else self.district[:-2]


def recognise(path: Path) -> Table:
    """What this file is, by the names of its columns; raises ExtractError."""
    header = next(_rows(path), None)
    if header is None:
        raise ExtractError(f"{path.name} is empty.")
    known = [_plain(cell) for cell in header]
    for kind, wanted, needed in _KINDS:
        columns = {
            field: known.index(_plain(name))
            for field, names in wanted.items()
            for name in [next((name for name in names if _plain(name) in known), None)]
            if name is not None
        }
        if all(field in columns for field in needed):
            return Table(path, kind, columns, tuple(wanted[f][0] for f in wanted if f not in columns))
    begins = clean(",".join(header))[:_SHOWN]
    raise ExtractError(
        f"{path.name} has no row of column names with URN and EstablishmentName on top; it begins with "
        f"“{begins}”. Download “Establishment fields CSV” from GIAS, unpack it, and leave its first row in."
    )


def establishments(table: Table) -> Iterator[Establishment]:
    """Every school of the file, one after another; rows without a number or a name are passed over."""
    rows = _rows(table.path)
    next(rows, None)
    for number, row in enumerate(rows):
        if number == _MOST_ROWS:
            raise ExtractError(
                f"{table.path.name} has more than {_MOST_ROWS:,} rows: it is no extract of GIAS."
            )
        told = {field: _cell(table, row, field) for field in _ESTABLISHMENTS}
        if told["urn"].isdecimal() and told["name"]:
            yield Establishment(**told)


def look_up(urn: str, table: Table, others: Iterable[Table] = ()) -> Establishment:
    """The open school with this number; raises ExtractError where there is none, or it is closed.

    `others` are files of links, which tell what became of a closed school.
    """
    closed = None
    for one in establishments(table):
        if one.urn == urn and one.is_open:
            return one
        closed = one if closed is None and one.urn == urn else closed
    if closed is None:
        raise ExtractError(f"{table.path.name} has no school with the URN {urn}. Is the number right?")
    raise ExtractError(f"{_ended(closed)} {_afterwards(urn, table, list(others))}")


def trust_of(school: Establishment, groups: Iterable[Table]) -> str:
    """The trust, else the federation, that it belongs to, as people read it; empty where none is told."""
    written = school.trust
    for table in groups:
        for row in _rows(table.path) if table.kind is Kind.GROUPS and not written else ():
            kind, status = _cell(table, row, "type").lower(), _cell(table, row, "status").lower()
            is_theirs = _cell(table, row, "urn") == school.urn and not status.startswith("closed")
            if is_theirs and ("trust" in kind or not kind):
                written = _cell(table, row, "group")
                break
    written = written or school.federation
    return string.capwords(written) if written.isupper() else written


def clean(text: str) -> str:
    """A value for a file and a terminal: one line, printable, bounded."""
    return "".join(c for c in " ".join(text[: 4 * _LONGEST_CELL].split()) if c.isprintable())[:_LONGEST_CELL]


def _ended(school: Establishment) -> str:
    on = f" on {school.closed_on}" if school.closed_on else ""
    says = "is closed" if school.status.lower() in ("", "closed") else f"is not open ({school.status})"
    return f"{school.name} (URN {school.urn}) {says}{on}."


def _afterwards(urn: str, table: Table, others: list[Table]) -> str:
    links = [other for other in others if other.kind is Kind.LINKS]
    if not links:
        return "Give the file of links too (another --gias), to be told which school followed it."
    following = dict(list(dict.fromkeys(_followers(urn, links)))[:_MOST_LINKS])
    if not following:
        return f"{', '.join(link.path.name for link in links)} names no school that followed it."
    named = {one.urn: one.name for one in establishments(table) if one.urn in following}
    told = [f"{named.get(other) or name or 'a school'} (URN {other})" for other, name in following.items()]
    return f"It was followed by {', '.join(told)}: use that number."


def _followers(urn: str, links: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """Number and name of each school that came after this one; the name may be empty."""
    for table in links:
        for row in _rows(table.path):
            ours, other = _cell(table, row, "urn"), _cell(table, row, "other")
            kind = _cell(table, row, "type").lower()
            if ours == urn and "successor" in kind:
                yield other, _cell(table, row, "name")
            elif other == urn and "predecessor" in kind:
                yield ours, ""


def _cell(table: Table, row: list[str], field: str) -> str:
    """One value; empty where the row or the file has none."""
    at = table.columns.get(field)
    value = clean(row[at]) if at is not None and at < len(row) else ""
    if field in ("urn", "other"):
        return value.lstrip("0")
    return "" if value.lower() in ("not applicable", "n/a", "none", "not recorded") else value


def _plain(name: str) -> str:
    """The name of a column without capitals, spaces and signs: extracts do not agree on them."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _rows(path: Path) -> Iterator[list[str]]:
    """The rows that hold anything, the names of the columns first."""
    try:
        with path.open("rb") as file:
            csv.field_size_limit(_LONGEST_FIELD)  # of the whole process: others set their own
            reader = csv.reader(_lines(file, path))
            try:
                yield from (row for row in reader if any(row))
            except csv.Error as error:
                raise ExtractError(
                    f"{path.name}, line {reader.line_num}: this is not a table ({error}). Download it again."
                ) from error
    except OSError as error:
        raise ExtractError(f"{path} cannot be read: {error.strerror}.") from error


def _lines(file: BinaryIO, path: Path) -> Iterator[str]:
    beginning = file.read(4)
    if beginning.startswith(b"PK"):
        raise ExtractError(f"{path.name} is packed, or an Excel file: unpack it, and give the .csv inside.")
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ExtractError(f"{path.name} is written in UTF-16: save it as CSV in UTF-8.")
    file.seek(0)
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            raise ExtractError(
                f"{path.name} has a line of more than {_LONGEST_LINE:,} bytes: it is no table."
            )
        yield _decoded(line)


def _decoded(line: bytes) -> str:
    """A line as UTF-8, with or without a mark, or else as windows-1252: some files have both."""
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
