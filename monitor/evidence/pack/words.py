"""What a pack says in words: README, explanation on one page, summary, and a statement to sign."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.anchors import Anchor, Stamp
from monitor.evidence.lettering import address, visible
from monitor.evidence.pack.deeds import Handled, handled
from monitor.evidence.pack.lists import by_hash_alone
from monitor.evidence.pack.matter import (
    Absent,
    Exhibit,
    Handing,
    Matter,
    Redacted,
    anchors_for,
    entries_of,
    entries_told,
    named_in,
    stamped_since,
)
from monitor.evidence.printing import Moment, Picture, moment, picture_in

_LONGEST_LINE = 500
_MOST_PICTURES = 40
_MOST_INLINE = 60_000_000
"""Characters of pictures in a summary, all together: a browser has to open it, and to print it."""
_MOST_DEEDS = 60
"""Lines of the custody log on paper: of more, the first half and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An exhibit on paper. `trouble` says why there is no picture where there should be one.

    `anchor` names it, and `stamps` say by when that was there.
    """

    exhibit: Exhibit
    picture: Picture | None
    trouble: str
    anchor: Anchor | None
    stamps: Sequence[Stamp]

    @property
    def picture_sha256(self) -> str:
        """The hash of the picture that is printed."""
        copy, name = self.exhibit.copy, "" if self.picture is None else self.picture.name
        if copy is not None and copy.name == name:
            return copy.sha256
        plain = {file.name.removesuffix(".age"): file.sha256 for file in self.exhibit.capture.files}
        return plain.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that the words of a pack speak of. `paper` is the ending of what is for reading: pdf or html.

    `deeds` are those of the custody log; where there are too many to print, only the first of them,
    `newest` the last, and `between` how many entries are left out. `untold` are not told at all.
    """

    matter: Matter
    handing: Handing
    shown: Sequence[Shown]
    absent: Sequence[Absent]
    deeds: Sequence[Handled]
    between: int
    newest: Sequence[Handled]
    untold: int
    key: str
    paper: str = "html"

    @property
    def sealed(self) -> bool:
        """Whether the school has to open files first."""
        return any(one.exhibit.sealed for one in self.shown)

    @property
    def instead(self) -> bool:
        """Whether redacted copies stand in the place of what was kept."""
        return self.handing.redacted is Redacted.INSTEAD

    @property
    def brought(self) -> bool:
        """Whether a member of staff brought a picture of their own."""
        return any(one.exhibit.record.get("manual_upload") for one in self.shown)

    @property
    def stamped(self) -> bool:
        """Whether an authority's time-stamp covers every exhibit."""
        return all(one.stamps for one in self.shown)


def tell(
    matter: Matter,
    handing: Handing,
    there: Sequence[Exhibit],
    absent: Sequence[Absent],
    *,
    pack: Path,
) -> Told:
    """What there is to say of a pack whose captures lie in the folder `pack` already."""
    naming = named_in(matter.anchors, matter.captures)
    anchors, entries = anchors_for(matter), entries_told(matter, handing, there)
    deeds = list(handled(entries, {one.capture.id: one.ref for one in there}))
    too_many = max(len(deeds) - _MOST_DEEDS, 0)
    first = _MOST_DEEDS // 2 if too_many else len(deeds)
    return Told(
        matter=matter,
        handing=handing,
        shown=list(_shown(matter, there, naming, pack)),
        absent=absent,
        deeds=deeds[:first],
        between=sum(one.entries for one in deeds[first : first + too_many]),
        newest=deeds[first + too_many :],
        untold=len(entries_of(matter)) - len(entries),
        key=anchors[-1].public_key.hex() if anchors else "",
    )


def readme(told: Told) -> str:
    """README.txt: what this is, who made it, how to check it, and what it does not show."""
    return _TEXTS.get_template("README.txt").render(told=told)


def statement(told: Told) -> str:
    """A witness statement for the person who hands the pack over, to be completed and signed."""
    return _TEXTS.get_template("statement_template.txt").render(told=told)


def explanation(told: Told) -> str:
    """One page for somebody who has never seen such a pack."""
    return _PAGES.get_template("explanation.html").render(told=told)


def summary(told: Told) -> str:
    """Each exhibit on paper: address, times, picture, hashes, and who has had it in hand."""
    return _PAGES.get_template("summary.html").render(told=told)


def _shown(
    matter: Matter, there: Sequence[Exhibit], naming: Mapping[str, Anchor], pack: Path
) -> Iterator[Shown]:
    left = _MOST_INLINE
    for number, exhibit in enumerate(there):
        picture, trouble = _picture(exhibit, pack) if number < _MOST_PICTURES else (None, _NO_MORE)
        if picture is not None and len(picture.source) + len(picture.strip) > left:
            picture, trouble = None, _NO_MORE
        if picture is not None:
            left -= len(picture.source) + len(picture.strip)
        anchor = naming.get(exhibit.capture.id)
        yield Shown(
            exhibit=exhibit,
            picture=picture,
            trouble=trouble,
            anchor=anchor,
            stamps=stamped_since(matter, anchor) if anchor else (),
        )


_NO_MORE = "Its picture is not printed here, since there are so many; the file is in the pack."


def _picture(exhibit: Exhibit, pack: Path) -> tuple[Picture | None, str]:
    """The picture as it lies in the pack: the redacted one where the original stays with the school."""
    if exhibit.locked:
        return None, ""
    files: list[dict[str, Any]] = [
        {"name": file.name, "role": file.role, "sha256": file.sha256}
        for file in exhibit.capture.files
        if file.name in exhibit.files
    ]
    if exhibit.copy is not None and exhibit.withheld:
        role = exhibit.capture.kind.value
        files = [{"name": exhibit.copy.name, "role": role, "sha256": exhibit.copy.sha256}]
    return picture_in(files, pack / exhibit.folder)


def _line(text: object) -> str:
    """Somebody's words as one line that turns nothing round."""
    return " ".join(visible(str(text), _LONGEST_LINE).split())


def _when(at: datetime | str | None) -> Moment:
    """A time for paper."""
    told = moment(at.isoformat() if isinstance(at, datetime) else at)
    return told or Moment(local="not given", utc="not given")


def _environment(*, html: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("monitor.evidence.pack"),
        autoescape=html,  # noqa: S701  # what is not HTML is plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"line": _line, "address": address, "when": _when, "by_hash_alone": by_hash_alone}
    return made


_TEXTS, _PAGES = _environment(html=False), _environment(html=True)
