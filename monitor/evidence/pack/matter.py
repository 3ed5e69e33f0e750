"""What goes into a pack: which captures, which of their files, and what is left out and why."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from monitor.anchors import Anchor, Stamp, StampState
from monitor.captures import Capture
from monitor.custody import Deed, Entry
from monitor.evidence.archive import LARGEST_RECORD, RECORD, sha256
from monitor.evidence.lettering import visible
from monitor.evidence.record import defanged
from monitor.evidence.redacting import CannotRedact, WorkingCopy, picture_of

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_ADDRESSES = ("url_requested", "url_final", "url_as_told")
_LOCKED = "the words suggest an indecent image of a child: nothing but the record is handed on"
LOCKED_LATER = (
    "It was locked after it had been taken. What was kept then stays with the school and is not handed on. "
    "Do not open the address to look."
)
NO_COPY = "it has no redacted copy"
NO_PICTURE = "it has no picture to cover"
SEALED = "its picture is sealed, and cannot be covered here"
BARE = frozenset({NO_COPY, NO_PICTURE, SEALED})
"""Why a capture is left out where only redacted copies are handed on."""
_REDACTED = "a copy with parts blacked out is handed on in its place"
_HOW_IT_CAME = frozenset({Deed.CAPTURED, Deed.STAMPED, Deed.REDACTED})


class Redacted(StrEnum):
    """Whether redacted copies are handed on beside the originals or instead of all that shows the post."""

    BESIDE = "beside"
    INSTEAD = "instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The evidence of one alert, and what pins it.

    `entries`, `anchors` and `stamps` are all of the school, in order; `copies` are by capture. `locked` says
    that the alert itself is; `shut` names the captures whose page a lock of another alert shuts as well.
    """

    alert: int
    school_name: str
    locked: bool
    captures: Sequence[Capture]
    entries: Sequence[Entry]
    anchors: Sequence[Anchor]
    stamps: Sequence[Stamp]
    copies: Mapping[str, WorkingCopy]
    shut: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The alert as people call it: A-1044."""
        return f"A-{self.alert}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing:
    """Who hands a pack to whom, when and why. Without `redacted`, redacted copies stay where they are."""

    by: str
    whom: str
    why: str
    at: datetime
    software: str
    redacted: Redacted | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A file that stays with the school, with its hash."""

    file: str
    sha256: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A capture as it is handed on: its reference, what its record says, and its files."""

    ref: str
    capture: Capture
    record: Mapping[str, Any]
    address: str
    locked: bool
    files: tuple[str, ...]
    withheld: tuple[Withheld, ...] = ()
    copy: WorkingCopy | None = None

    @property
    def folder(self) -> str:
        """Where it lies in the pack."""
        return f"captures/{self.capture.id}"

    @property
    def locked_later(self) -> bool:
        """Whether it was locked only when its page had been taken."""
        return self.locked and not self.record.get("media_lock")

    @property
    def sealed(self) -> bool:
        """Whether the school has to open some of its files first."""
        return any(f.sealed_sha256 and f.name in self.files for f in self.capture.files)

    @property
    def seen_at(self) -> str:
        """When the member of staff who brought it says they saw it; empty for what the software took."""
        brought = self.record.get("manual_upload")
        return str(brought.get("seen_at_utc", "")) if isinstance(brought, Mapping) else ""

    @property
    def metadata_only(self) -> bool:
        """Whether even the record stays with the school, since it names the address as it is."""
        return any(one.file == RECORD for one in self.withheld)


@dataclass(frozen=True, slots=True)
class Absent:
    """A capture that is not in the pack at all, and why; nothing else is said of it."""

    capture: Capture
    why: str


def exhibits(matter: Matter, handing: Handing, evidence: Path) -> tuple[list[Exhibit], list[Absent]]:
    """What goes into the pack and what does not, in the order of the chain."""
    there: list[Exhibit] = []
    absent: list[Absent] = []
    for capture in sorted(matter.captures, key=_place):
        try:
            why = _kept_back(matter, capture)
            record = {} if why else _record(evidence / capture.folder / RECORD)
        except (OSError, ValueError, RecursionError) as error:
            why = f"its record cannot be read on this machine ({type(error).__name__})"
        one = None if why else _exhibit(matter, handing, capture, record)
        if one is None or _is_bare(handing, one):
            absent.append(Absent(capture, why or _uncovered(capture)))
        else:
            there.append(one)
    return there, absent


def lost_copies(matter: Matter, there: Sequence[Exhibit], absent: Sequence[Absent]) -> list[str]:
    """The captures whose newest redacted copy, as the custody log knows it, is not here.

    An older copy in its place may show what was covered since.
    """
    newest = {
        entry.event.capture: entry.event.object_sha256
        for entry in matter.entries
        if entry.event.deed is Deed.REDACTED
    }
    shown = [one.capture.id for one in there if not one.locked]
    shown += [one.capture.id for one in absent if one.why == NO_COPY]
    here = {capture: copy.sha256 for capture, copy in matter.copies.items()}
    return [capture for capture in shown if capture in newest and here.get(capture) != newest[capture]]


def reference(matter: Matter, handing: Handing, capture: Capture) -> str:
    """As HG/DL/57: the school's initials, the producer's, and the capture's number in the school's chain.

    The number belongs to this capture alone, whatever is handed on when.
    """
    number = capture.id[-6:] if capture.link is None else str(capture.link.index)
    return f"{_initials(matter.school_name, 2)}/{_initials(handing.by, 4)}/{number}"


def named_in(anchors: Sequence[Anchor], captures: Sequence[Capture]) -> dict[str, Anchor]:
    """The anchor that names each of these captures."""
    wanted = {capture.id for capture in captures}
    told = (
        (anchor, one["capture_id"]) for anchor in anchors for one in json.loads(anchor.statement)["records"]
    )
    return {capture: anchor for anchor, capture in told if capture in wanted}


def anchors_for(matter: Matter) -> list[Anchor]:
    """From the first anchor that names one of the captures to the newest, so that they can be followed."""
    naming = named_in(matter.anchors, matter.captures).values()
    first = min((anchor.number for anchor in naming), default=len(matter.anchors))
    return [anchor for anchor in matter.anchors if anchor.number >= first]


def stamps_for(matter: Matter) -> list[Stamp]:
    """The time-stamps of the anchors that name a capture and of the newest one.

    Where one has none, those of the next anchor that has, since that one follows it.
    """
    good = [stamp for stamp in matter.stamps if stamp.state is StampState.OK]
    numbers = {anchor.number for anchor in named_in(matter.anchors, matter.captures).values()}
    after = {min((one.anchor for one in good if one.anchor >= number), default=0) for number in numbers}
    after |= {max((one.anchor for one in good), default=0)}
    return [stamp for stamp in good if stamp.anchor in after]


def stamped_since(matter: Matter, anchor: Anchor) -> list[Stamp]:
    """The time-stamps by which an anchor was there at the latest: its own, or those of the next that has."""
    good = [one for one in matter.stamps if one.state is StampState.OK and one.anchor >= anchor.number]
    first = min((one.anchor for one in good), default=0)
    return [one for one in good if one.anchor == first]


def entries_of(matter: Matter) -> list[Entry]:
    """What was done with these captures and what pins them; nothing of what lies in quarantine."""
    captures = {capture.id for capture in matter.captures} - _quarantined(matter)
    tokens = {sha256(stamp.token) for stamp in stamps_for(matter)}
    return [entry for entry in matter.entries if _concerns(entry, captures, matter.alert, tokens)]


def entries_told(matter: Matter, handing: Handing, there: Sequence[Exhibit]) -> list[Entry]:
    """Those that whoever is handed the pack reads; of the others they get the hashes.

    Where only redacted copies are handed on, these tell how the exhibits came about, and nothing else: who
    else has this matter in hand, and why, may be what the receiver must not learn.
    """
    entries = entries_of(matter)
    if handing.redacted is not Redacted.INSTEAD:
        return entries
    captures = {one.capture.id for one in there} | {None}
    return [one for one in entries if one.event.deed in _HOW_IT_CAME and one.event.capture in captures]


def _concerns(entry: Entry, captures: set[str], alert: int, tokens: set[str]) -> bool:
    event = entry.event
    if event.capture is not None:
        return event.capture in captures
    return event.object_sha256 in tokens or event.alert == alert


def _kept_back(matter: Matter, capture: Capture) -> str:
    """Why a capture is not handed on at all; empty where it is."""
    if capture.id in _quarantined(matter):
        return "it lies in quarantine, and is never handed on by this software; ask the school about it"
    if capture.forgotten_at is not None:
        return f"it was deleted under the school's retention rules on {capture.forgotten_at:%Y-%m-%d}"
    return ""


def _quarantined(matter: Matter) -> set[str]:
    events = (entry.event for entry in matter.entries if entry.event.deed is Deed.QUARANTINED)
    return {event.capture for event in events if event.capture}


def _record(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        record: dict[str, Any] = json.loads(file.read(LARGEST_RECORD))
    return record


def _exhibit(matter: Matter, handing: Handing, capture: Capture, record: dict[str, Any]) -> Exhibit:
    shut = matter.locked or capture.id in matter.shut
    locked = shut or capture.locks or bool(record.get("media_lock"))
    copy = None if locked or handing.redacted is None else matter.copies.get(capture.id)
    withheld = tuple(_withheld(capture, record, locked=locked, instead=_instead(handing, copy)))
    left = {one.file for one in withheld}
    return Exhibit(
        ref=reference(matter, handing, capture),
        capture=capture,
        record=record,
        address=_address(record, locked=locked),
        locked=locked,
        files=tuple(name for name in (RECORD, *(file.name for file in capture.files)) if name not in left),
        withheld=withheld,
        copy=copy,
    )


def _is_bare(handing: Handing, exhibit: Exhibit) -> bool:
    """Whether it would be handed over whole where only redacted copies are to be."""
    instead = handing.redacted is Redacted.INSTEAD
    return instead and exhibit.copy is None and exhibit.files not in ((), (RECORD,))


def _uncovered(capture: Capture) -> str:
    """Why there is no redacted copy of a capture."""
    try:
        picture_of(capture)
    except CannotRedact:
        return SEALED if any(file.sealed_sha256 for file in capture.files) else NO_PICTURE
    return NO_COPY


def _instead(handing: Handing, copy: WorkingCopy | None) -> bool:
    return copy is not None and handing.redacted is Redacted.INSTEAD


def _withheld(
    capture: Capture, record: Mapping[str, Any], *, locked: bool, instead: bool
) -> Iterator[Withheld]:
    if not locked and not instead:
        return
    why = _LOCKED if locked else _REDACTED
    if locked and _ADDRESS.search(json.dumps(record)):
        yield Withheld(RECORD, capture.record_sha256, f"{why}; it names the address as it is")
    yield from (Withheld(file.name, file.sha256, why) for file in capture.files)


def _address(record: Mapping[str, Any], *, locked: bool) -> str:
    url = str(next((record[key] for key in _ADDRESSES if record.get(key)), ""))
    return str(record.get("url_defanged") or "") or (defanged(url) if locked else url)


def _place(capture: Capture) -> tuple[int, str]:
    return (0 if capture.link is None else capture.link.index, capture.id)


def _initials(name: str, most: int) -> str:
    words = re.findall(r"[A-Za-z]+", visible(name, 200))
    return "".join(word[0].upper() for word in words[:most]) or "X"
