"""Backups: database, evidence, keys and configuration as one file, and back again."""

import gzip
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

DATABASE = "monitor.db"
DUMP = "postgres.dump"
CONFIG = "monitor.yaml"
FOLDERS = ("evidence", "evidence-working", "keys")
_UNREADABLE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_PIECE = 1024 * 1024


class BackupFailed(Exception):
    """It could not be saved or restored; the message says why and what to do."""


def save_to(
    folder: Path, *, data: Path, database: str, config: Path, at: datetime, environ: Mapping[str, str]
) -> Path:
    """Save everything into `folder`; returns the file, mode 0600, named by the time.

    The worker may go on meanwhile. Raises BackupFailed, and then leaves nothing behind.
    """
    made = folder / f"monitor-{at:%Y%m%dT%H%M%SZ}.tar.gz"
    with _in_plain_words(f"{folder} cannot take the backup"), _scratch(folder) as scratch:
        copy = _dump(database, scratch, environ)
        half = scratch / "half"
        with _new(half) as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as tar:
                # The database first: a capture that comes meanwhile has its files, at worst, without a row.
                tar.add(copy, copy.name)
                for name in FOLDERS:
                    _add_folder(tar, data, name)
                _add(tar, config.resolve(), CONFIG)
            file.flush()
            os.fsync(file.fileno())
        half.rename(made)
    return made


def restore_from(backup: Path, *, data: Path, database: str, environ: Mapping[str, str]) -> None:
    """Put a backup back where nothing is yet; the configuration in it is left to a person.

    Raises BackupFailed, and then leaves everything as it was.
    """
    _refuse_to_overwrite(data, _file_of(database))
    with _in_plain_words(f"{backup} cannot be put back into {data}"), _scratch(data) as scratch:
        _unpack(backup, scratch)
        with _undone_on_failure() as placed:
            for name in FOLDERS:
                if (scratch / name).is_dir():
                    (scratch / name).rename(data / name)
                    placed.append(data / name)
            _put_database(database, scratch, environ)


@contextmanager
def _in_plain_words(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupFailed(f"{what}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise BackupFailed(f"{what}: {error}") from error


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder for the owner's eyes alone, on the same disk, so that what is whole is moved at once."""
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=beside, prefix=".backup-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _undone_on_failure() -> Iterator[list[Path]]:
    placed: list[Path] = []
    try:
        yield placed
    except BaseException:
        for folder in placed:
            shutil.rmtree(folder)
        raise


def _new(path: Path) -> BinaryIO:
    """A new file for the owner's eyes alone."""
    path.touch(mode=0o600, exist_ok=False)
    return path.open("wb")


def _file_of(database: str) -> Path | None:
    """The SQLite file; None on PostgreSQL."""
    return None if database.startswith("postgres") else Path(database.removeprefix("sqlite:///"))


# --- Saving -------------------------------------------------------------------------------------------------


def _dump(database: str, scratch: Path, environ: Mapping[str, str]) -> Path:
    source = _file_of(database)
    if source is None:
        copy = scratch / DUMP
        _run("pg_dump", ["--format=custom", f"--file={copy}"], database, environ)
        return copy
    if not source.is_file():
        raise BackupFailed(f"There is no database at {source} yet: nothing to save.")
    copy = scratch / DATABASE
    copy.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as live,
        closing(sqlite3.connect(copy)) as saved,
    ):
        live.backup(saved)
    return copy


def _add_folder(tar: tarfile.TarFile, data: Path, name: str) -> None:
    """Add a folder's files; what is half-written has a name that begins with a dot."""
    for here, folders, files in os.walk(data / name):
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for file in sorted(file for file in files if not file.startswith(".")):
            path = Path(here, file)
            _add(tar, path, path.relative_to(data).as_posix())


def _add(tar: tarfile.TarFile, file: Path, name: str) -> None:
    # Retention may remove a capture while we go through them.
    with suppress(FileNotFoundError):
        tar.add(file, name, recursive=False, filter=lambda info: info if info.isreg() else None)


# --- Putting back -------------------------------------------------------------------------------------------


def _refuse_to_overwrite(data: Path, target: Path | None) -> None:
    beside = ("", "-wal", "-shm", "-journal")
    files = [] if target is None else [target.with_name(target.name + end) for end in beside]
    for path in (*files, *(data / name for name in FOLDERS)):
        if path.exists():
            raise BackupFailed(
                f"{path} exists: move the old data away first, so that nothing is overwritten."
            )


def _unpack(backup: Path, scratch: Path) -> None:
    try:
        with gzip.open(backup) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                for member in tar:
                    _unpack_one(tar, member, scratch)
            # Only at the very end can gzip say that all of it arrived as it was written.
            while plain.read(_PIECE):
                pass
    except _UNREADABLE as error:
        raise BackupFailed(f"{backup} is no backup, or not a whole one: {error}") from error


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path) -> None:
    path = PurePosixPath(member.name)
    content = tar.extractfile(member) if member.isreg() and _is_ours(path) else None
    if content is None:
        raise BackupFailed(
            f"{member.name[:200]!r} does not belong into a backup of ours: nothing was put back."
        )
    for folder in reversed(path.parents[:-1]):
        (scratch / folder).mkdir(mode=0o700, exist_ok=True)
    with _new(scratch / path) as file:
        shutil.copyfileobj(content, file, _PIECE)


def _is_ours(path: PurePosixPath) -> bool:
    inside = path.parts[:1] != path.parts and path.parts[0] in FOLDERS and ".." not in path.parts
    return inside or str(path) in (DATABASE, DUMP, CONFIG)


def _put_database(database: str, scratch: Path, environ: Mapping[str, str]) -> None:
    target = _file_of(database)
    copy = scratch / (DUMP if target is None else DATABASE)
    if not copy.is_file():
        kind = "SQLite file" if target is None else "PostgreSQL database"
        raise BackupFailed(f"This backup is of a {kind}: set `database` in the configuration accordingly.")
    if target is None:
        _run(
            "pg_restore",
            ["--single-transaction", "--no-owner", "--no-privileges", str(copy)],
            database,
            environ,
        )
    else:
        _check(copy)
        _move(copy, target)


def _check(copy: Path) -> None:
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?immutable=1", uri=True)) as database:
        found = database.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise BackupFailed(f"The database in this backup is damaged: {found[0]}")
        database.execute("SELECT version_num FROM alembic_version")


def _move(source: Path, target: Path) -> None:
    """Move a file, from one disk to another if need be; what has the target's name is whole."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.move(source, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


# --- PostgreSQL's own programs ------------------------------------------------------------------------------


def _run(program: str, options: Sequence[str], database: str, environ: Mapping[str, str]) -> None:
    """Run one of them; the password goes through its environment, for the process list is there for all."""
    path = shutil.which(program, path=environ.get("PATH"))
    if path is None:
        raise BackupFailed(f"{program} is not installed: install PostgreSQL's programs (postgresql-client).")
    url, password = for_libpq(database)
    command = [path, "--no-password", f"--dbname={url}", *options]
    environ = {**environ, "PGPASSWORD": password} if password else environ
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  # our own words only
    if done.returncode:
        raise BackupFailed(f"{program} failed: {' '.join(done.stderr.split())[:400]}")


def for_libpq(database: str) -> tuple[str, str | None]:
    """The database's address as PostgreSQL's programs take it, without its password, and the password."""
    parts = urlsplit(database.replace("postgresql+psycopg", "postgresql", 1))
    query = dict(parse_qsl(parts.query))
    asked = query.pop("password", None)
    user, at, host = parts.netloc.rpartition("@")
    more = f"?{urlencode(query, quote_via=quote)}" if query else ""
    url = f"postgresql://{user.partition(':')[0]}{at}{host}{parts.path}{more}"
    return url, unquote(parts.password) if parts.password else asked
