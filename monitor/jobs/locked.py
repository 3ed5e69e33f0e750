"""What nobody is to open or see: by its own alert, or by any alert about the same address (DOMAIN 3.7)."""

import json
from collections.abc import Iterable
from pathlib import Path

from connectors.text import page_of, pages_of
from monitor.captures import Capture, Taken
from monitor.evidence.archive import LARGEST_RECORD, RECORD
from monitor.store.store import Store

_ADDRESSES = ("url_requested", "url_final", "url_as_told")


def is_locked(store: Store, evidence: Path, capture: Capture | Taken) -> bool:
    """Whether nobody is to see a capture by now, however it was when it was taken."""
    alert = None if capture.alert is None else store.alerts.get(capture.alert)
    if alert is not None and alert.media_lock:
        return True
    # One that a person asked for may be of no alert, and its page of one that was locked since.
    return _is_any_locked(store, addresses_of(evidence, capture))


def is_locked_at(store: Store, url: str) -> bool:
    """Whether this address is that of a locked page, however it is written."""
    return _is_any_locked(store, [url])


def addresses_of(evidence: Path, capture: Capture | Taken) -> set[str]:
    """Where the page was, and by which addresses the browser came there.

    Nothing of what lies nowhere any more, or cannot be read.
    """
    try:
        with (evidence / capture.folder / RECORD).open("rb") as file:
            told = json.loads(file.read(LARGEST_RECORD))
        said = [told.get(name) for name in _ADDRESSES]
        said += [hop["url"] for hop in told.get("redirect_chain") or ()]
        return {url for url in said if isinstance(url, str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()


def _is_any_locked(store: Store, urls: Iterable[str]) -> bool:
    pages = {page for url in urls if url for page in pages_of(url)}
    locked = (alert for alert in store.alerts.all(open_only=False) if alert.media_lock)
    if any(page_of(url) in pages for alert in locked for url in alert.urls):
        return True
    return store.forgetting.keeps_locked(pages)
