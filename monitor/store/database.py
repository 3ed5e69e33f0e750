"""The way to the database: transactions that read, transactions that write, and turns to be taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

BUSY = 30
"""Seconds that a writer waits for another one on SQLite."""


class Unusable(Exception):
    """The database cannot be used until a person does something; the message says what."""


def fault(error: BaseException) -> str | None:
    """What the database says when it is full, locked or gone; None for what may quote what was to be kept."""
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        return str(error.orig)[:300]
    return None


class Database:
    """Hands out transactions; nothing is kept between them."""

    def __init__(self, url: str) -> None:
        self.url = _with_driver(_parsed(url))
        self.engine = _sqlite(self.url) if self.on_sqlite else _postgres(self.url)
        self._writer = self.engine.execution_options(writing=True)
        # SQLite shows a reader one moment as it is; PostgreSQL has to be asked.
        at_one_moment = {} if self.on_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**at_one_moment)

    @property
    def on_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads: everything as it stood at one moment, and in nobody's way."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: wholly, or not at all when anything is raised."""
        with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A writing transaction in which tables may be made anew: SQLite follows no foreign keys."""
        with self._writer.connect() as connection:
            if self.on_sqlite:
                _raw(connection).execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.begin():
                    yield connection
            finally:
                if self.on_sqlite:
                    _raw(connection).execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def take_turns(connection: Connection, *names: str) -> None:
    """Wait until nobody else holds any of these names; they are held until the transaction ends.

    On SQLite a writing transaction is alone already.
    """
    for name in sorted(names):
        _advise(connection, func.pg_advisory_xact_lock, name)


def share_turn(connection: Connection, name: str) -> None:
    """Hold a name together with others who share it, against those who want it alone."""
    _advise(connection, func.pg_advisory_xact_lock_shared, name)


def _advise(connection: Connection, lock: Any, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(lock(lock_number(name))))


def lock_number(name: str) -> int:
    """The number by which PostgreSQL knows a lock of ours."""
    return int.from_bytes(sha256(f"school-mention-monitor {name}".encode()).digest()[:8], signed=True)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Not from the error, which may quote a part of the address, and with it the password.
        raise Unusable(
            "the address of the database cannot be read: write sqlite:////var/lib/monitor/monitor.db or "
            "postgresql://user:password@host:5432/name, the port in digits, and any of :/@ inside a name or "
            "password as %3A, %2F, %40"
        ) from None


def _with_driver(url: URL) -> URL:
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise Unusable(f"the database is {url.drivername}: write sqlite:///… or postgresql://…")
    if url.drivername == "sqlite" and not url.database:
        raise Unusable("a SQLite database needs a file: write sqlite:////var/lib/monitor/monitor.db")
    return url


def _postgres(url: URL) -> Engine:
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,  # an error would quote the post that it failed on
        connect_args={"connect_timeout": 10, "options": "-c timezone=UTC"},
    )


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY}, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(raw: Any, _record: object) -> None:
    # The driver would begin transactions when it sees fit, and deferred: those fail under threads.
    raw.isolation_level = None
    for pragma in ("foreign_keys = ON", "synchronous = FULL", "cache_size = -16000"):
        raw.execute(f"PRAGMA {pragma}")


def _raw(connection: Connection) -> Any:
    # The pragma does nothing inside a transaction, and a connection begins one before it executes anything.
    return connection.connection.driver_connection


def _on_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
