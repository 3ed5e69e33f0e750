"""The heartbeat: what somebody outside looks at to learn that the worker is alive."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from monitor.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Says that the worker is alive: in the database, in a file, and to an address outside."""

    store: Store
    http: httpx.Client
    file: Path | None
    url: str | None
    now: Callable[[], datetime]
    worker: str

    def run(self) -> None:
        """Beat once. The row comes last: a full disk must not look healthy."""
        at = self.now()
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(at.isoformat() + "\n", encoding="utf-8")
        self.store.journal.beat(self.worker, at)

    def call(self) -> None:
        """Ask the address outside, if one is configured; whoever watches it misses us when we stop."""
        if self.url is not None:
            with self.http.stream("GET", self.url) as answer:
                answer.raise_for_status()
