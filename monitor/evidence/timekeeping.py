"""How far the machine's clock can be trusted: what the kernel says of it, as a record tells (DOMAIN 3.2)."""

import ctypes
from dataclasses import dataclass

_UNSYNCHRONISED = 0x0040
_IN_NANOSECONDS = 0x2000
_NEVER_SET = 16_000_000
"""Microseconds: where the kernel's largest error stops, as on a machine that nobody ever set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timekeeping:
    """Whether a time service keeps the clock right; milliseconds, None for what nobody knows.

    `offset_ms` is what is still to be corrected, `error_ms` by how much the clock may be wrong at most.
    """

    source: str
    synced: bool | None
    offset_ms: float | None
    error_ms: float | None


UNKNOWN = Timekeeping(source="unknown", synced=None, offset_ms=None, error_ms=None)


class _Timex(ctypes.Structure):
    """The kernel's own account (adjtimex(2)), as far as we read it; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_long * 64),
    )


def ask_kernel() -> Timekeeping:
    """What the kernel says of its clock, which chrony, ntpd and systemd-timesyncd keep up to date alike.

    Nothing is changed. Where there is no such call, or it is forbidden, nobody knows.
    """
    told = _Timex()
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return UNKNOWN
    return UNKNOWN if answer < 0 else _read(told.status, told.offset, told.maxerror)


def _read(status: int, offset: int, error: int) -> Timekeeping:
    in_milliseconds = 1e-6 if status & _IN_NANOSECONDS else 1e-3
    return Timekeeping(
        source="kernel (adjtimex)",
        synced=not status & _UNSYNCHRONISED,
        offset_ms=round(offset * in_milliseconds, 6),
        error_ms=None if error >= _NEVER_SET else error / 1000,
    )
