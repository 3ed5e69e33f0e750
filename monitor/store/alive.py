"""Whether a worker on this machine has beaten in the last two minutes: the container's health check.

It exits 0 or 1, stands alone, imports nothing of ours, and so costs a fraction of a second. It goes by
MONITOR_DATABASE and MONITOR_DATA, which the configuration may not contradict.
"""

import os
import socket
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIMIT = timedelta(minutes=2)
QUERY = "SELECT worker, at FROM heartbeats"
WAITING = "there is no database yet: the worker waits for a configuration, and its log says what to edit"


class _NoneYet(Exception):
    """No worker has ever had a configuration."""


def beats(database: str, data: Path) -> list[tuple[str, datetime]]:
    """Every worker and when it was last alive; without a `database`, the SQLite file in `data` tells."""
    if database.startswith("postgres"):
        return _from_postgres(database.replace("+psycopg", "", 1))
    file = Path(database.removeprefix("sqlite:///")) if database else data / "monitor.db"
    if not file.exists():
        raise _NoneYet
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        rows = connection.execute(QUERY).fetchall()
    return [(worker, datetime.fromisoformat(at).replace(tzinfo=UTC)) for worker, at in rows]


def _from_postgres(url: str) -> list[tuple[str, datetime]]:
    import psycopg  # noqa: PLC0415  # only where it is used: the check runs every half minute

    with psycopg.connect(url, connect_timeout=5) as connection:
        if connection.execute("SELECT to_regclass('heartbeats')").fetchone() == (None,):
            raise _NoneYet
        return connection.execute(QUERY).fetchall()


def main() -> int:
    """Print one line and return 0 when a worker on this machine is alive, 1 when not."""
    now = datetime.now(UTC)
    try:
        found = beats(os.environ.get("MONITOR_DATABASE", ""), Path(os.environ.get("MONITOR_DATA", "data")))
    except _NoneYet:
        return _says(WAITING, 1)
    except Exception as error:  # noqa: BLE001  # whatever it is, we cannot tell, and that is unhealthy
        return _says(f"no heartbeat can be read: {error}", 1)
    here = [at for worker, at in found if _machine(worker) == socket.gethostname()]
    # A beat in the future is of a clock that was put back since: it says nothing about now.
    alive = [at for at in here if abs(now - at) <= LIMIT]
    if alive:
        return _says(f"alive at {max(alive):%Y-%m-%dT%H:%M:%SZ}", 0)
    last = f"{max(here):%Y-%m-%dT%H:%M:%SZ}" if here else "never"
    return _says(f"the last heartbeat of a worker on this machine: {last}", 1)


def _machine(worker: str) -> str:
    """The machine of a worker, which its name begins with."""
    return worker.replace(":", "/").partition("/")[0]


def _says(line: str, code: int) -> int:
    sys.stdout.write(f"{line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
