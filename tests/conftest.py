"""What every test may use: a PostgreSQL of its own, a browser, and no way out to the network."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from store_samples import open_in

SHARED = Path(__file__).resolve().parents[2] / "shared"
_real_connect = socket.socket.connect

# How long an example takes is the machine's affair: a busy one must not fail a test.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def _only_loopback(self: socket.socket, address: object) -> None:
    if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
        raise AssertionError(f"a test tried to reach {address[0]}: tests talk to this machine only")
    _real_connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Only loopback addresses can be reached from a test."""
    socket.socket.connect = _only_loopback  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = _real_connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings beside the project; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the recordings (../shared) are not here")
    return SHARED


def _psql(url: str, statement: str) -> None:
    import psycopg  # noqa: PLC0415  # only where PostgreSQL is looked for

    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def _reachable(url: str) -> bool:
    try:
        _psql(url, "select 1")
    except Exception:  # noqa: BLE001  # any failure means the same here: not this one
        return False
    return True


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server: named by MONITOR_TEST_POSTGRES, found on this machine, or started here."""
    here = "postgresql://postgres@127.0.0.1:5432/postgres"
    for url in (os.environ.get("MONITOR_TEST_POSTGRES", ""), here):
        if url and _reachable(url):
            yield url
            return
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None or os.geteuid() == 0:
        reason = "no PostgreSQL: set MONITOR_TEST_POSTGRES to the URL of one where databases may be made"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="monitor-postgres-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(
        [initdb, "-D", folder / "data", "-U", "postgres", "--auth=trust"], check=True, capture_output=True
    )
    ctl = str(Path(initdb).with_name("pg_ctl"))
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
    subprocess.run(
        [ctl, "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start"], check=True
    )
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([ctl, "-D", folder / "data", "-m", "immediate", "stop"], check=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on a PostgreSQL server, which begins as a copy of another."""
    name = f"monitor_test_{uuid.uuid4().hex[:12]}"
    _psql(server, f"create database {name} template {template}")
    yield server.rsplit("/", 1)[0] + f"/{name}"
    _psql(server, f"drop database {name} with (force)")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that only this test uses."""
    with _postgres(postgres_server) as url:
        yield url


# A tenth of a second goes into bringing a database up to date: once for all tests, which then get copies.
@pytest.fixture(scope="session")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database that is up to date and holds nothing."""
    folder = tmp_path_factory.mktemp("ready")
    open_in(folder, f"sqlite:///{folder}/monitor.db").close()
    return folder / "monitor.db"


@pytest.fixture(scope="session")
def ready_postgres(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a PostgreSQL database that is up to date and holds nothing."""
    with _postgres(postgres_server) as url:
        open_in(tmp_path_factory.mktemp("ready"), url).close()
        yield url.rpartition("/")[2]


@pytest.fixture
def ready_postgres_url(postgres_server: str, ready_postgres: str) -> Iterator[str]:
    """The URL of a PostgreSQL database that is up to date, holds nothing, and that only this test uses."""
    with _postgres(postgres_server, ready_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is up to date and holds nothing: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("ready_file"), tmp_path / "monitor.db")
        return f"sqlite:///{tmp_path / 'monitor.db'}"
    return str(request.getfixturevalue("ready_postgres_url"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database in which nothing was ever done: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'monitor.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def browser() -> Path:
    """A real Chromium; the test is skipped where there is none, but never in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return Path(path)
    reason = "no browser: install Chromium"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests ran on PostgreSQL and in a real browser."""
    passed = terminalreporter.stats.get("passed", [])
    for marker, where in (("postgres", "on PostgreSQL"), ("browser", "in a real browser")):
        count = sum(marker in report.keywords for report in passed)
        terminalreporter.write_line(f"{count} tests passed {where}")
