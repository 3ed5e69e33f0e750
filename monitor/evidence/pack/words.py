"""What a pack says in words: README, explanation on one page, summary, and a statement to sign."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.anchors import Anchor, Stamp
from monitor.captures import Kind
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
from monitor.evidence.printing import Moment, Picture, clock, moment, picture_in, unchanged
from monitor.evidence.sealing import MARK

_LONGEST_LINE = 500
_MOST_PICTURES = 40
_MOST_INLINE = 60_000_000
"""Characters of pictures in a summary, all together: a browser has to open it, and to print it."""
_MOST_DEEDS = 60
"""Lines of the custody log on paper: of more, the first half and the last."""


_MOST_WORDS = 900
_POST = "post.json"
_PICTURE_MM, _LEAST_PICTURE_MM, _LINE_MM, _LETTERS_IN_A_LINE = 105.0, 60.0, 4.5, 75
_BOX_MM = 18.0
_PURPOSES = {
    "safeguarding": "the safety of children",
    "staff_protection": "the protection of staff",
    "abuse": "abuse",
    "official_account": "the school's own accounts",
    "reputation": "the school's reputation",
}
"""The purposes of records (record.py) in words, the gravest first."""


@dataclass(frozen=True, slots=True)
class Post:
    """What the source gave of a post: the account's name, and its words."""

    author: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An exhibit on paper. `trouble` says why there is no picture where there should be one.

    `anchor` names it, and `stamps` say by when that was there; `post` is what its words were, where the pack
    has them.
    """

    exhibit: Exhibit
    picture: Picture | None
    trouble: str
    anchor: Anchor | None
    stamps: Sequence[Stamp]
    post: Post | None = None

    @property
    def tallest(self) -> float:
        """How high its picture is printed at most, in mm, so that what pins it fits on the same page."""
        said = [*self.exhibit.capture.limits, self.post.text if self.post else ""]
        lines = sum(len(words) // _LETTERS_IN_A_LINE + words.count("\n") + 1 for words in said if words)
        box = _BOX_MM if self.exhibit.capture.kind is Kind.RENDERED_CARD else 0.0
        return max(_PICTURE_MM - box - _LINE_MM * lines, _LEAST_PICTURE_MM)

    @property
    def clock(self) -> str:
        """How far the clock by which it was taken can be trusted."""
        return clock(self.exhibit.record)

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
    `newest` the last, and `between` how many entries are left out. `untold` are not told at all. `wrong` is
    how much of it did not fit when it was checked.
    """

    matter: Matter
    handing: Handing
    shown: Sequence[Shown]
    absent: Sequence[Absent]
    deeds: Sequence[Handled]
    between: int
    newest: Sequence[Handled]
    untold: int
    wrong: int
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
    def about(self) -> str:
        """What the pack is about, in a line."""
        exhibits = [one.exhibit for one in self.shown]
        purposes = {str(one.record.get("purpose")) for one in exhibits}
        matter = next((words for purpose, words in _PURPOSES.items() if purpose in purposes), "")
        counts = {
            "locked": sum(one.locked for one in exhibits),
            "sealed": sum(one.sealed for one in exhibits),
            "redacted": sum(one.copy is not None and bool(one.withheld) for one in exhibits),
            "left out": len(self.absent),
        }
        total = f"{len(exhibits)} {'exhibit' if len(exhibits) == 1 else 'exhibits'}"
        rest = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
        return f"{matter + '; ' if matter else ''}{total}; {rest or 'nothing sealed, redacted or left out'}"

    @property
    def authorities(self) -> Sequence[str]:
        """Who time-stamped what is handed over."""
        return sorted({stamp.authority for one in self.shown for stamp in one.stamps})

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
    wrong: int,
) -> Told:
    """What there is to say of a pack whose captures lie in the folder `pack` already.

    `wrong` is how much of them did not fit when they were checked there.
    """
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
        wrong=wrong,
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
            post=_post(exhibit, pack / exhibit.folder),
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


def _post(exhibit: Exhibit, folder: Path) -> Post | None:
    """The post as its source gave it, where that is in the pack for anybody to read."""
    file = next((file for file in exhibit.capture.files if file.name == _POST), None)
    if exhibit.locked or file is None or file.name not in exhibit.files:
        return None
    content = unchanged({"name": file.name, "sha256": file.sha256}, folder)
    try:
        told = json.loads(content or b"")
        author, text = str(told.get("author") or ""), str(told.get("text") or told.get("title") or "")
    except (ValueError, AttributeError, RecursionError):
        return None
    if text.startswith(MARK):
        return None
    shown = visible(text, _MOST_WORDS)
    return Post(
        author, f"{shown}\n[It goes on: post.json has the whole.]" if len(text) > _MOST_WORDS else shown
    )


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
