"""Opening a database: its migrations, the copy before them, and what stands in the way."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect, text
from store_samples import AT, SOURCES, make_findings, make_judged, make_post, open_in

from monitor.store import tables
from monitor.store.database import Database, Unusable
from monitor.store.store import Store
from monitor.store.upgrading import MIGRATIONS, bring_up_to_date

NEXT = '''"""Add a colour to every alert, and make the school's column longer."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="green"))
        batch.alter_column("school_id", type_=sa.String(128), existing_type=sa.String(64))
'''


def sqlite_url(folder: Path) -> str:
    """A SQLite database in this folder."""
    return f"sqlite:///{folder / 'monitor.db'}"


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later version: ours, and one more."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9999_next.py").write_text(NEXT.format(head=tables.HEAD), encoding="utf-8")
    return folder


def test_the_migrations_make_the_tables_that_the_code_speaks_of(store: Store, database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_a_database_of_the_first_version_comes_through_with_its_rows_whole(
    empty_url: str, tmp_path: Path
) -> None:
    database = Database(empty_url)
    bring_up_to_date(database, tmp_path / "backups", head="0001")
    with database.writing() as connection:
        first = MetaData()
        first.reflect(connection)
        for name, values in FIRST.items():
            connection.execute(first.tables[name].insert().values(**filled(first.tables[name], values)))
        before = {name: read(connection, name, first.tables[name].columns.keys()) for name in FIRST}

    bring_up_to_date(database, tmp_path / "backups")

    with database.reading() as connection:
        after = {name: read(connection, name, first.tables[name].columns.keys()) for name in FIRST}
        sealed = [connection.scalar(text(f"SELECT sealed FROM {name}")) for name in ("posts", "revisions")]
        links = read(connection, "captures", ["chain_index", "previous_sha256", "answer", "clues"])
    database.close()
    assert after == before
    assert sealed == [False, False]
    assert links == [(None, None, None, None)]


def test_the_largest_tables_of_a_sqlite_file_are_not_written_anew_for_a_new_column(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    where = "SELECT name, rootpage FROM sqlite_schema WHERE name IN ('posts', 'revisions') ORDER BY name"
    places = []
    for head in ("0001", "0002"):
        bring_up_to_date(database, tmp_path / "backups", head=head)
        with database.reading() as connection:
            places.append(connection.execute(text(where)).all())
    database.close()

    assert places[0] == places[1]


FIRST: dict[str, dict[str, Any]] = {
    "sources": {"id": 1, "name": "paper"},
    "posts": {
        "id": 3,
        "source": 1,
        "post_id": "item-1",
        "author": "Łukasz 🚲",
        "links": ["https://a.example"],
    },
    "revisions": {"id": 5, "post": 3, "revision": "ab12", "title": "Item", "text": "The gate\nwas 'open'."},
    "alerts": {"number": 1001, "post": 3, "school_id": "harrowby-green", "closed_at": AT},
    "captures": {"id": "01JCAPTURE", "alert": 1001, "revision": 5, "captured_at": AT, "limits": ["none"]},
}
"""A row of each table that the second version changes, and of those that they point to."""


def filled(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    """These values, and something in every other column that may not be empty."""
    made: dict[type, Any] = {
        str: "x",
        int: 7,
        bool: True,
        float: 0.5,
        datetime: AT,
        object: ["y"],
        bytes: b"z",
    }
    needed = {one.name: made[one.type.python_type] for one in table.columns if not one.nullable}
    return needed | values


def read(connection: Connection, name: str, columns: Sequence[str]) -> list[Any]:
    """These columns of every row."""
    chosen = ", ".join(f'"{column}"' for column in columns)
    return [tuple(row) for row in connection.execute(text(f'SELECT {chosen} FROM "{name}"'))]


def test_the_version_that_the_code_expects_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == tables.HEAD


def test_an_older_database_is_upgraded_and_keeps_what_it_holds(
    store: Store, database: Database, tmp_path: Path, later: Path
) -> None:
    post = make_post()
    store.record(make_findings(make_judged(post)), AT)

    bring_up_to_date(database, tmp_path / "backups", head="9999", migrations=later)

    with database.reading() as connection:
        assert connection.scalar(text("SELECT colour FROM alerts WHERE number = 1001")) == "green"
        assert connection.scalar(text("SELECT count(*) FROM judgements")) == 1
    assert store.alerts.post(1001) == post


def test_a_sqlite_file_is_copied_before_it_is_upgraded(tmp_path: Path, later: Path) -> None:
    store = open_in(tmp_path, sqlite_url(tmp_path))
    store.sources.sync(SOURCES, AT)
    store.record(make_findings(make_judged(make_post())), AT)
    store.close()
    assert not (tmp_path / "backups").exists()

    database = Database(sqlite_url(tmp_path))
    bring_up_to_date(database, tmp_path / "backups", head="9999", migrations=later)
    database.close()

    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.stat().st_mode & 0o077 == 0
    old = open_in(tmp_path, f"sqlite:///{copy}")
    assert [alert.number for alert in old.alerts.all()] == [1001]
    old.close()


def test_a_migration_that_fails_changes_nothing_and_fills_no_disk(tmp_path: Path, later: Path) -> None:
    store = open_in(tmp_path, sqlite_url(tmp_path))
    broken = NEXT.format(head=tables.HEAD) + '    op.execute("INSERT INTO nowhere VALUES (1)")\n'
    (later / "versions" / "v9999_next.py").write_text(broken, encoding="utf-8")
    database = Database(sqlite_url(tmp_path))

    for _ in range(3):
        with pytest.raises(Exception, match="nowhere"):
            bring_up_to_date(database, tmp_path / "backups", head="9999", migrations=later)

    with database.reading() as connection:
        assert "colour" not in {column["name"] for column in inspect(connection).get_columns("alerts")}
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == tables.HEAD
    assert len(list((tmp_path / "backups").iterdir())) == 1
    database.close()
    store.sources.sync(SOURCES, AT)
    store.close()


def test_a_database_of_a_newer_program_is_refused_with_what_to_do(
    store: Store, database: Database, database_url: str, tmp_path: Path
) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '7777'"))

    with pytest.raises(Unusable, match=r"version 7777.*newer.*restore the backup"):
        open_in(tmp_path, database_url)


@pytest.mark.parametrize("url", ["mysql://root@127.0.0.1/monitor", "sqlite://"])
def test_a_database_that_we_do_not_know_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Unusable, match="write sqlite"):
        open_in(tmp_path, url)


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@h:/d", "?"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(Unusable, match="the port in digits") as refused:
        open_in(tmp_path, url)

    assert "hunter2" not in str(refused.value)


def test_the_key_and_the_database_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = open_in(tmp_path, sqlite_url(tmp_path))
    store.sources.sync(SOURCES, AT)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert modes["posts.key"] == 0o600
    assert {modes[name] for name in modes if name.startswith("monitor.db")} == {0o600}
    assert {"monitor.db", "monitor.db-wal", "monitor.db.lock"} <= set(modes)
    store.close()


def test_the_key_is_made_once(tmp_path: Path) -> None:
    open_in(tmp_path, sqlite_url(tmp_path)).close()
    key = (tmp_path / "posts.key").read_bytes()

    open_in(tmp_path, sqlite_url(tmp_path)).close()

    assert (tmp_path / "posts.key").read_bytes() == key
    assert len(key) == 32


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.key").touch()

    with pytest.raises(Unusable, match="holds no key"):
        open_in(tmp_path, sqlite_url(tmp_path))


def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    open_in(tmp_path, sqlite_url(tmp_path)).close()
    database = Database(sqlite_url(tmp_path))

    with database.reading() as connection:
        found = {
            name: connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    database.close()


def test_opening_a_database_that_is_up_to_date_is_quick_and_loads_no_alembic(tmp_path: Path) -> None:
    open_in(tmp_path, sqlite_url(tmp_path)).close()
    script = (
        "import sys, pathlib; from monitor.store.store import open_store; "
        f"folder = pathlib.Path({str(tmp_path)!r}); "
        f"open_store({sqlite_url(tmp_path)!r}, folder / 'posts.key', folder / 'backups').close(); "
        "sys.exit('alembic' in sys.modules)"
    )

    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )

    assert time.monotonic() - began < 5


def test_many_processes_open_a_new_database_at_once(empty_url: str, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from monitor.store.store import open_store; "
        f"folder = pathlib.Path({str(tmp_path)!r}); "
        f"open_store({empty_url!r}, folder / 'posts.key', folder / 'backups').close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}

    opening = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(4)]

    assert [process.wait(timeout=60) for process in opening] == [0, 0, 0, 0]
    assert not (tmp_path / "backups").exists()


def test_a_copy_is_whole_although_somebody_writes(tmp_path: Path, later: Path) -> None:
    """The copy is made by SQLite itself: what lies only in the write-ahead log is in it too."""
    store = open_in(tmp_path, sqlite_url(tmp_path))
    store.sources.sync(SOURCES, AT)
    store.record(make_findings(*(make_judged(make_post(number)) for number in range(20))), AT)
    database = Database(sqlite_url(tmp_path))

    bring_up_to_date(database, tmp_path / "backups", head="9999", migrations=later)

    (copy,) = (tmp_path / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as copied:
        assert copied.execute("SELECT count(*) FROM alerts").fetchone() == (20,)
    database.close()
    store.close()


def test_a_second_store_in_one_process_gives_up_no_lock_of_the_first(tmp_path: Path) -> None:
    """Whoever closes the file last removes SQLite's log; without our locks another process would think so."""
    url, look = f"sqlite:///{tmp_path}/monitor.db", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1])"
    first = open_in(tmp_path, url)
    first.sources.sync(SOURCES, AT)
    second = open_in(tmp_path, url)
    second.close()

    read = f"{look}; c.execute('select count(*) from sources').fetchone(); c.close()"
    subprocess.run([sys.executable, "-c", read, tmp_path / "monitor.db"], check=True)

    assert (tmp_path / "monitor.db-wal").exists()
    first.close()
