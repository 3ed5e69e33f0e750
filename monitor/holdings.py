"""What is held of a school's evidence besides its files, as it stood at one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.anchors import Anchor, Stamp
from monitor.captures import Capture
from monitor.custody import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """The captures in the order of their chain, the custody log, the anchors, and the time-stamps of these.

    Captures that were let go are among them, without files. Rows that were changed so that they cannot be
    read are not: `unreadable` names each of them and says why.
    """

    school: str
    captures: Sequence[Capture]
    entries: Sequence[Entry]
    anchors: Sequence[Anchor]
    stamps: Sequence[Stamp]
    unreadable: Mapping[str, str] = field(default_factory=dict)
