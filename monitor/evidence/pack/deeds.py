"""Who had the evidence in hand, on paper: the custody log in fewer lines."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from monitor.custody import Deed, Entry

_INTO_A_PACK = re.compile(r"as \S+ (into the pack with manifest [0-9a-f]{16},.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What somebody did with some of the exhibits, for which the log may have several entries."""

    at: datetime
    deed: Deed
    by: str
    why: str
    exhibits: tuple[str, ...]
    entries: int


def handled(entries: Sequence[Entry], refs: Mapping[str, str]) -> Iterator[Handled]:
    """The entries in their order, those of one export about its exhibits as one; `refs` are by capture."""
    for _, same in groupby(entries, _together):
        group = list(same)
        event = group[0].event
        into = _into_a_pack(group[0])
        exhibits = (refs.get(entry.event.capture or "", "") for entry in group)
        yield Handled(
            at=event.at,
            deed=event.deed,
            by=event.by,
            why=into or event.why,
            exhibits=tuple(ref for ref in exhibits if ref),
            entries=len(group),
        )


def _together(entry: Entry) -> tuple[object, ...]:
    """What entries have in common that stand on one line."""
    into = _into_a_pack(entry)
    return (entry.event.at, entry.event.by, into) if into else (entry.number,)


def _into_a_pack(entry: Entry) -> str:
    found = _INTO_A_PACK.fullmatch(entry.event.why) if entry.event.deed is Deed.COPIED else None
    return found[1] if found else ""
