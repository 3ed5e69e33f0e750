"""Quarantine: what must never have come here is moved, not copied, to where nobody reads it (DOMAIN 3.7)."""

import os
import stat
from pathlib import Path

from monitor.captures import Capture
from monitor.evidence.archive import RECORD
from monitor.evidence.redacting import WORKING

QUARANTINE = "quarantine"
NOBODY = 0
"""The mode of a file in quarantine: its owner, too, has to undo that on purpose."""


def quarantine(data: Path, capture: Capture) -> tuple[str, ...]:
    """Move every file of a capture but its record out of the evidence; the names of those that lie there now.

    Redacted working copies of it go too. Nothing is opened, read or copied, and a second call goes on where
    the first one stopped. The folder is left out of backups and of every view. Raises OSError where a file
    cannot be moved, as to another disk.
    """
    if not capture.folder:
        return ()
    source, target = data / "evidence" / capture.folder, data / QUARANTINE / capture.id
    for folder in (target.parent, target):
        folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    beside = sorted(source.parent.glob(f"{capture.id}~*"))
    for folder in (source, *beside, data / WORKING / capture.id):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.name != RECORD:
                _move(file, target / (file.name if folder == source else f"{folder.name}-{file.name}"))
    _sync(source, target)
    return tuple(sorted(file.name for file in target.iterdir()))


def _move(file: Path, target: Path) -> None:
    # First closed, then moved: at no moment can it be read where it now lies.
    if file.is_file() and not file.is_symlink():
        file.chmod(NOBODY)
    file.rename(target)


def _sync(*folders: Path) -> None:
    for folder in folders:
        if folder.is_dir():
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
