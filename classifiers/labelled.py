"""Posts that people have labelled: what a classifier is trained on, and measured by.

A labelled file is a CSV with the columns `text`, `parent`, `channel`, `abuse`, `safeguarding`,
`reputational`, `subcategories`, `severity`, `hard_negative` and `pair`; classifiers/training/GUIDE.md says
how its labels are decided. Only `text` and the three heads must be there.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from classifiers.taxonomy import TAXONOMY, Head, Severity
from classifiers.verdict import Passage

_LONGEST = 2_000_000  # characters of one field: a text of 1 MB and its escapes
_CHANNELS = {"": False, "public_mention": False, "official_account": True}
"""Whether it stands on a page that the school itself runs."""


class Unreadable(Exception):
    """A labelled file that cannot be used; the message names the file, the line and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A passage with what a person says of it.

    `severity` and `subcategories` describe the post as the guide does; `hard_negative` marks a harmless post
    that lies close to something grave. `pair` names posts that are alike on purpose.
    """

    passage: Passage
    official: bool
    heads: Mapping[Head, bool]
    subcategories: tuple[str, ...]
    severity: Severity
    hard_negative: bool
    pair: str = ""

    @property
    def positive(self) -> bool:
        """Whether any of the three questions is answered with yes."""
        return any(self.heads.values())

    @property
    def critical(self) -> bool:
        """Whether one of its sub-categories is critical by default."""
        return any(TAXONOMY[key].critical for key in self.subcategories)


def read_labelled(path: Path) -> list[Labelled]:
    """Every row of a labelled CSV file, in order; raises Unreadable."""
    csv.field_size_limit(_LONGEST)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path, _reader(file)))
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is not in UTF-8. In Excel, save it as 'CSV UTF-8'.") from error
    except csv.Error as error:
        raise Unreadable(f"{path} cannot be read as a CSV file: {error}.") from error


def _reader(file: TextIO) -> "csv.DictReader[str]":
    reader = csv.DictReader(file)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    return reader


def _rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[Labelled]:
    needed = ("text", *(head.value for head in Head))
    if missing := [name for name in needed if name not in (reader.fieldnames or ())]:
        raise Unreadable(
            f"{path} has no column {', '.join(missing)}. Its first line must name the columns: text, abuse, "
            "safeguarding and reputational, and if you like parent, channel, subcategories, severity and "
            "hard_negative."
        )
    for row in reader:
        try:
            yield _labelled(_whole(row, needed))
        except ValueError as error:
            raise Unreadable(f"{path}, line {reader.line_num}: {error}.") from None


def _whole(row: Mapping[str, str | None], needed: Sequence[str]) -> Mapping[str, str | None]:
    """The row, if it has as many cells as it needs and as the first line names: else labels slip sideways."""
    if None in row or any(row[name] is None for name in needed):
        few = "fewer cells than needed" if None not in row else "more cells than the first line has columns"
        raise ValueError(f"it has {few}; put quotation marks round a text that holds commas")
    return row


def _labelled(row: Mapping[str, str | None]) -> Labelled:
    keys = tuple((row.get("subcategories") or "").split())
    if unknown := [key for key in keys if key not in TAXONOMY]:
        raise ValueError(f"'{unknown[0][:60]}' is not a sub-category such as abuse.threat_violence")
    severity = (row.get("severity") or "").strip()
    return Labelled(
        passage=Passage(row["text"] or "", row.get("parent") or ""),
        official=_official((row.get("channel") or "").strip()),
        heads={head: _yes(head.value, row[head.value]) for head in Head},
        subcategories=keys,
        severity=Severity.read(severity)
        if severity
        else max((TAXONOMY[key].severity for key in keys), default=Severity.NONE),
        hard_negative=_yes("hard_negative", row.get("hard_negative") or "0"),
        pair=row.get("pair") or "",
    )


def _official(channel: str) -> bool:
    if channel not in _CHANNELS:
        raise ValueError(f"the channel is '{channel[:40]}'; write public_mention or official_account")
    return _CHANNELS[channel]


def _yes(column: str, written: str | None) -> bool:
    match (written or "").strip().lower():
        case "1" | "1.0" | "yes" | "true":
            return True
        case "0" | "0.0" | "no" | "false" | "":
            return False
    raise ValueError(f"'{(written or '')[:40]}' in the column {column} is neither 1 nor 0")
