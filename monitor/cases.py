"""What people did about an alert: append-only, so that nothing said is unsaid (STG-4.2b)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Act(StrEnum):
    """What somebody did."""

    ACKNOWLEDGED = "acknowledged"
    NOT_A_CONCERN = "not a concern"
    CLOSED = "closed"
    HELD = "held"
    HOLD_LIFTED = "hold lifted"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """One line of an alert's history: who did what, when, and why."""

    alert: int
    act: Act
    by: str
    at: datetime
    note: str = ""
