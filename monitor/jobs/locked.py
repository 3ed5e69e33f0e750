"""What nobody is to open or see: by its own alert, or by any alert about the same address (DOMAIN 3.7)."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from monitor.captures import Capture
from monitor.evidence.archive import RECORD
from monitor.store.store import Store

_LARGEST_RECORD = 16 * 1024 * 1024
_ADDRESSES = ("url_requested", "url_final", "url_as_told")


def is_locked(store: Store, evidence: Path, capture: Capture) -> bool:
    """Whether nobody is to see a capture by now, however it was when it was taken."""
    alert = None if capture.alert is None else store.alerts.get(capture.alert)
    if alert is not None and alert.media_lock:
        return True
    # One that a person asked for may be of no alert, and its page of one that was locked since.
    return any(is_locked_at(store, url) for url in _addresses(evidence / capture.folder / RECORD))


def is_locked_at(store: Store, url: str) -> bool:
    """Whether some alert about this address is locked."""
    locked = (alert for alert in store.alerts.all(open_only=False) if alert.media_lock)
    return any(_page(url) == _page(other) for alert in locked for other in alert.urls)


def _addresses(record: Path) -> set[str]:
    """Where the page was; nothing of what lies nowhere any more, or cannot be read."""
    try:
        with record.open("rb") as file:
            told = json.loads(file.read(_LARGEST_RECORD))
        return {url for name in _ADDRESSES if isinstance(url := told.get(name), str)}
    except (OSError, ValueError, AttributeError, RecursionError):
        return set()


def _page(url: str) -> tuple[str, str, str]:
    """What makes an address the same page, however it was copied."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # a stranger's, of an alert
        return "", url, ""
    return host.removeprefix("www."), parts.path.rstrip("/"), parts.query
