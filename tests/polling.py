"""A worker that polls what it is told, when it is told: a line in, a line out, until it is killed."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from monitor.app import start
from monitor.config.loading import load


class Clock:
    """Shows the time that the last order gave."""

    def __init__(self, at: str) -> None:
        self.at = datetime.fromisoformat(at)

    def __call__(self) -> datetime:
        return self.at


def main() -> None:
    """Arguments: the configuration, and the time. An order is a time and a source; the answer, how it is."""
    clock = Clock(sys.argv[2])
    app = start(load(Path(sys.argv[1]), os.environ), clock)
    for line in sys.stdin:
        at, source = line.split()
        clock.at = datetime.fromisoformat(at)
        if app.poll_source(source, early=True) is None:
            raise SystemExit(f"{source} is taken")
        (told,) = (one for one in app.store.sources.coverage(clock.at, clock.at) if one.source == source)
        assert told.since is not None
        print(json.dumps([told.state.value, told.reason, told.since.isoformat()]), flush=True)


if __name__ == "__main__":
    main()
