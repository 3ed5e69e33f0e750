"""Bringing a database up to date: seldom needed, so that what it needs is loaded only then."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, func, inspect, select, text

from monitor.store.database import BUSY, Database, Unusable, lock_number
from monitor.store.tables import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(
    database: Database, backups: Path, head: str = HEAD, migrations: Path = MIGRATIONS
) -> None:
    """Run the migrations that are pending, one process at a time; quick when there are none."""
    file = _file_of(database)
    if file is not None:
        _touch(file)
    if _is_ready(database, head):
        return
    with _alone(database, file):
        if file is not None:
            _log_ahead(file)
        with database.reading() as connection:
            version = _version(connection)
        # Another process may have done it while this one waited.
        if version != head:
            if file is not None and version is not None:
                _copy(file, backups / f"{file.stem}-{version}{file.suffix}")
            _upgrade(database, head, migrations)


def _file_of(database: Database) -> Path | None:
    return Path(database.url.database or "") if database.on_sqlite else None


def _touch(file: Path) -> None:
    """A new file is for its owner's eyes alone; SQLite gives the files beside it the same mode.

    One that is there is not even opened: closing it would give up every lock that this process has on it, as
    POSIX has it, and SQLite would not know.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))


def _is_ready(database: Database, head: str) -> bool:
    with database.reading() as connection:
        # The version first: SQLite learns of a changed journal mode only when it reads.
        version = _version(connection)
        logs_ahead = not database.on_sqlite or connection.scalar(text("PRAGMA journal_mode")) == "wal"
    return version == head and logs_ahead


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


@contextmanager
def _alone(database: Database, file: Path | None) -> Iterator[None]:
    """Nobody else upgrades this database meanwhile."""
    if file is not None:
        beside = file.with_name(file.name + ".lock")
        _touch(beside)
        with beside.open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with database.reading() as connection:
        number = lock_number("upgrading")
        connection.execute(select(func.pg_advisory_lock(number)))
        try:
            yield
        finally:
            connection.execute(select(func.pg_advisory_unlock(number)))


def _log_ahead(file: Path) -> None:
    """Let readers and a writer work beside each other; the file remembers it."""
    with closing(sqlite3.connect(file, timeout=BUSY, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")


def _copy(file: Path, target: Path) -> None:
    """Copy the database as it is now.

    A copy of the same version is replaced: a migration that fails at every start must not fill the disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(file, timeout=BUSY)) as old, closing(sqlite3.connect(unfinished)) as new:
        old.backup(new)
    unfinished.replace(target)


def _upgrade(database: Database, head: str, migrations: Path) -> None:
    from alembic import command  # noqa: PLC0415  # a third of a second, and only after an update
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with database.migrating() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, head)
        except CommandError as error:
            raise Unusable(
                f"the database is at version {_version(connection)}, which this program does not know: a "
                "newer one wrote it. Install that again, or restore the backup made before the update."
            ) from error
        if database.on_sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise Unusable(f"the migration left rows that point nowhere: {broken[:3]}")
