"""What may be kept of an error that nobody foresaw."""

from pathlib import Path
from traceback import extract_tb

from classifiers.transformer import ModelUnavailable
from monitor.store.database import fault

ROOT = Path(__file__).resolve().parents[2]
OURS = ("monitor", "connectors", "classifiers")


def machine_fault(error: BaseException) -> str | None:
    """What the machine, the database or the model says when it cannot do its part; else None."""
    if isinstance(error, ModelUnavailable):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return fault(error)


def in_words(error: BaseException) -> str:
    """The kind of an error and where in our code it arose: its own words are left out, for they may quote a
    post; only those of the machine and the database are kept."""
    said = machine_fault(error)
    return " ".join(filter(None, (type(error).__name__, _place(error), f"({said})" if said else "")))


def _place(error: BaseException) -> str:
    frames = [frame for frame in extract_tb(error.__traceback__) if _is_ours(Path(frame.filename))]
    return f"at {Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}" if frames else ""


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(ROOT) and file.relative_to(ROOT).parts[0] in OURS
