"""Backups are whole although a worker writes, overwrite nothing, and bring back all that was saved."""

import io
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from little_room import little_room
from store_samples import (
    AT,
    LEASE,
    SOURCES,
    batch_number,
    make_findings,
    make_judged,
    make_post,
    record_for_ever,
)

from monitor.captures import FIRST, Kind, Progress
from monitor.cases import Act, CaseEvent
from monitor.evidence import archive
from monitor.evidence.redacting import WORKING
from monitor.evidence.signing import KEY, OLD_KEY, open_key
from monitor.jobs.backup import BackupFailed, for_libpq, restore_from, save_to
from monitor.store.forgetting import Retention
from monitor.store.store import Store, open_store

DAY = timedelta(days=1)
RULES = Retention(below_threshold=14 * DAY, not_a_concern=30 * DAY, closed=150 * DAY, evidence=190 * DAY)
CONFIG = """\
schools: [{id: harrowby-green, name: Harrowby Green Primary School}]
sources: [{name: paper, platform: feed, url: "http://127.0.0.1:9/feed.xml"}]
people: {dsl: [{name: Dana Lead, email: dsl@harrowbygreen.example}]}
data: data
"""


@dataclass(frozen=True)
class Place:
    """A data folder with its database."""

    data: Path
    url: str

    @property
    def config(self) -> Path:
        """The configuration, beside the data folder."""
        return self.data.with_name("monitor.yaml")

    def open(self) -> Store:
        """Its store."""
        self.config.write_text(CONFIG)
        self.data.mkdir(mode=0o700, exist_ok=True)
        return open_store(self.url, self.data / "keys" / "posts.key", self.data / "backups")

    def save(self, folder: Path) -> Path:
        """Back it up."""
        return save_to(
            folder, data=self.data, database=self.url, config=self.config, at=AT, environ=os.environ
        )

    def restore(self, backup: Path) -> None:
        """Put a backup back."""
        restore_from(backup, data=self.data, database=self.url, environ=os.environ)

    def keep(self, capture_id: str) -> Path:
        """Keep one capture; gives its folder."""
        record = {
            "alert": "A-1001",
            "capture_id": capture_id,
            "captured_at_utc": AT.isoformat(),
            "kind": Kind.PAGE_SCREENSHOT,
            "limits": [],
            "progress": Progress.COMPLETE,
            "school_id": "harrowby-green",
        }
        print_ = archive.Paper(
            name="print.png", role="screenshot", media_type="image/png", content=os.urandom(20_000)
        )
        evidence = self.data / "evidence"
        return evidence / archive.place(evidence, archive.stage(evidence, record, [print_]), FIRST).folder

    def is_untouched(self) -> bool:
        """Whether nothing lies in its data folder."""
        return not self.data.exists() or list(self.data.iterdir()) == []


@pytest.fixture
def old(empty_url: str, tmp_path: Path) -> Place:
    """Where the worker works."""
    on_sqlite = empty_url.startswith("sqlite")
    (tmp_path / "old").mkdir()
    return Place(
        tmp_path / "old" / "data",
        f"sqlite:///{tmp_path}/old/data/monitor.db" if on_sqlite else empty_url,
    )


@pytest.fixture
def new(empty_url: str, tmp_path: Path) -> Place:
    """A machine where nothing is yet; on PostgreSQL, `emptied` has to come first."""
    on_sqlite = empty_url.startswith("sqlite")
    (tmp_path / "new").mkdir()
    return Place(
        tmp_path / "new" / "data",
        f"sqlite:///{tmp_path}/new/data/monitor.db" if on_sqlite else empty_url,
    )


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Place:
    """A place with one alert and one capture."""
    place = Place(tmp_path / "data", f"sqlite:///{tmp_path}/data/monitor.db")
    with_one_alert(place)
    place.keep("01JONE")
    return place


def empty(place: Place) -> None:
    """Empty its database, if it is on the server that both share."""
    if place.url.startswith("postgres"):
        with psycopg.connect(place.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")


def with_one_alert(place: Place) -> None:
    store = place.open()
    store.sources.sync(SOURCES, AT)
    store.record(make_findings(make_judged(make_post())), AT)
    store.close()


@contextmanager
def worker(place: Place) -> Iterator[None]:
    """A worker that polls as fast as it can, keeps captures, and lets every other one go again."""
    child = multiprocessing.get_context("spawn").Process(
        target=record_for_ever, args=(place.url, str(place.data / "keys"))
    )
    stop = threading.Event()

    def keep_and_let_go() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            folder = place.keep(f"01J{number:06}")
            if number % 2:
                shutil.rmtree(folder)

    thread = threading.Thread(target=keep_and_let_go)
    child.start()
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        child.kill()
        child.join()
    assert child.exitcode == -signal.SIGKILL


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def cursor_of(store: Store) -> int:
    store.sources.release_dead(store.sources.claimants())
    claim = store.sources.claim("paper", "test", AT, AT + LEASE, early=True)
    store.sources.release_dead(["test"])
    assert claim is not None
    return int(claim.cursor or 0)


def verified(evidence: Path) -> int:
    """How many captures lie there, all of them whole."""
    folders = [record.parent for record in evidence.rglob("record.json")]
    assert [archive.verify(folder) for folder in folders] == [[]] * len(folders)
    return len(folders)


def test_a_backup_taken_while_a_worker_writes_is_whole(old: Place, new: Place, tmp_path: Path) -> None:
    store = old.open()
    store.sources.sync(SOURCES, AT)
    with worker(old):
        wait_until(lambda: store.posts.count() > 40)
        kept = old.keep("01JBEFORE").relative_to(old.data)
        backups = [old.save(tmp_path / f"backup-{number}") for number in range(3)]
        before = store.posts.count()
        wait_until(lambda: store.posts.count() > before)
    store.close()
    empty(new)

    new.restore(backups[-1])

    restored = new.open()
    done = cursor_of(restored)
    assert done > 0
    for number in range(1, done + 1):
        assert restored.posts.changed("paper", batch_number(number).changed) == []
    alerts = restored.alerts.all()
    assert 9 * done <= len(alerts) < 9 * (done + 1)
    assert restored.captures.waiting() == len(alerts) == len(restored.notices.owed())
    assert archive.verify(new.data / kept) == []
    assert verified(new.data / "evidence") > 1
    # It goes on where it was.
    restored.record(batch_number(done + 1), AT)
    assert cursor_of(restored) == done + 1
    restored.close()


def test_a_forgotten_post_does_not_come_back_as_new_after_a_restore(
    old: Place, new: Place, tmp_path: Path
) -> None:
    post, other = make_post(), make_post(2)
    store = old.open()
    store.sources.sync(SOURCES, AT)
    store.record(make_findings(make_judged(post)), AT)
    (alert,) = store.alerts.all()
    store.cases.append(CaseEvent(alert=alert.number, act=Act.NOT_A_CONCERN, by="D. Lead", at=AT))
    store.forgetting.forget(RULES, AT + 31 * DAY)
    assert (forgotten := store.alerts.post(alert.number)) is None or forgotten.text == ""
    backup = old.save(tmp_path / "backup")
    store.close()
    empty(new)

    new.restore(backup)

    restored = new.open()
    assert restored.posts.changed("paper", [post, other]) == [other]
    restored.close()


def test_the_file_is_for_its_owner_alone_and_so_is_what_comes_out_of_it(
    on_sqlite: Place, tmp_path: Path
) -> None:
    backup = on_sqlite.save(tmp_path / "backup")
    place = Place(tmp_path / "new" / "data", f"sqlite:///{tmp_path}/new/data/monitor.db")
    place.restore(backup)

    assert backup.name == "monitor-20261121T080000Z.tar.gz"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]
    files = {path for path in place.data.rglob("*") if path.is_file()}
    folders = {path for path in place.data.rglob("*") if path.is_dir()} | {place.data}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {path.name for path in place.data.iterdir()} == {"monitor.db", "evidence", "keys"}


def test_the_signing_keys_of_evidence_are_in_it(on_sqlite: Place, tmp_path: Path) -> None:
    keys = on_sqlite.data / "keys"
    open_key(keys)
    (keys / KEY).rename(keys / OLD_KEY)
    public = open_key(keys).public_key
    place = Place(tmp_path / "new" / "data", f"sqlite:///{tmp_path}/new/data/monitor.db")

    place.restore(on_sqlite.save(tmp_path / "backup"))

    assert open_key(place.data / "keys").public_key == public
    assert (place.data / "keys" / OLD_KEY).read_bytes() == (keys / OLD_KEY).read_bytes()


def test_redacted_copies_are_in_it(on_sqlite: Place, tmp_path: Path) -> None:
    # Without them a pack could hold whole what was covered for others.
    copy = on_sqlite.data / WORKING / "01JONE" / "redacted-1.png"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"covered")
    place = Place(tmp_path / "new" / "data", f"sqlite:///{tmp_path}/new/data/monitor.db")

    place.restore(on_sqlite.save(tmp_path / "backup"))

    assert (place.data / WORKING / "01JONE" / "redacted-1.png").read_bytes() == b"covered"


def test_the_configuration_is_in_it_for_a_person_to_take_out(on_sqlite: Place, tmp_path: Path) -> None:
    with tarfile.open(on_sqlite.save(tmp_path / "backup")) as tar:
        inside = tar.extractfile("monitor.yaml")
        assert inside is not None
        assert inside.read().decode() == CONFIG


@pytest.mark.parametrize("there", ["monitor.db", "monitor.db-wal", "evidence", "evidence-working", "keys"])
def test_nothing_is_overwritten(on_sqlite: Place, tmp_path: Path, there: str) -> None:
    """A log left beside a database that was moved away would be played into the restored one."""
    backup = on_sqlite.save(tmp_path / "backup")
    data = tmp_path / "new"
    data.mkdir()
    (data / there).write_text("mine")

    with pytest.raises(BackupFailed, match=f"{there} exists: move the old data away first"):
        restore_from(backup, data=data, database=f"sqlite:///{data}/monitor.db", environ={})

    assert [(path.name, path.read_text()) for path in data.iterdir()] == [(there, "mine")]


@pytest.mark.postgres
def test_a_postgres_database_that_holds_something_is_not_overwritten(
    postgres_url: str, tmp_path: Path
) -> None:
    old = Place(tmp_path / "data", postgres_url)
    with_one_alert(old)
    backup = old.save(tmp_path / "backup")
    new = Place(tmp_path / "new", postgres_url)

    with pytest.raises(BackupFailed, match=r"pg_restore failed: .*already exists"):
        new.restore(backup)

    assert new.is_untouched()
    store = old.open()
    assert len(store.alerts.all()) == 1
    store.close()


def packed(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A backup file made by somebody else."""
    path = folder / "foreign.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("evidence/../../outside"),
        member("/outside"),
        member("evidence"),
        member("outbox/letter.eml"),
        member("evidence/link", tarfile.SYMTYPE, "/etc"),
        member("evidence/link", tarfile.LNKTYPE, "monitor.db"),
        member("evidence/pipe", tarfile.FIFOTYPE),
        member("evidence/device", tarfile.CHRTYPE),
        member("evidence/folder", tarfile.DIRTYPE),
        member("."),
        member(""),
    ],
    ids=lambda hostile: f"{hostile.name or 'nothing'}-{hostile.type.decode()}",
)
def test_a_hostile_archive_is_refused_whole(tmp_path: Path, hostile: tarfile.TarInfo) -> None:
    foreign = packed(tmp_path, (member("keys/posts.key"), b"k" * 32), (hostile, b""))
    data = tmp_path / "deep" / "data"

    with pytest.raises(BackupFailed, match="does not belong into a backup of ours"):
        restore_from(foreign, data=data, database=f"sqlite:///{data}/monitor.db", environ={})

    assert list(data.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "foreign.tar.gz"]


def test_a_file_that_stands_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    foreign = packed(tmp_path, (member("keys/posts.key"), b"k"), (member("keys/posts.key"), b"other"))

    with pytest.raises(BackupFailed, match="File exists"):
        restore_from(foreign, data=tmp_path / "data", database=f"sqlite:///{tmp_path}/data/m.db", environ={})


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_at_the_end(content: bytes) -> bytes:
    return content[:-4]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


def nothing(_: bytes) -> bytes:
    return b""


def another_kind(_: bytes) -> bytes:
    return b"PK\x03\x04 not ours"


@pytest.mark.parametrize("harm", [cut, cut_at_the_end, flipped, nothing, another_kind])
def test_a_damaged_backup_is_refused_and_leaves_nothing_half(
    on_sqlite: Place, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    backup = on_sqlite.save(tmp_path / "backup")
    backup.write_bytes(harm(backup.read_bytes()))
    new = Place(tmp_path / "new", f"sqlite:///{tmp_path}/new/monitor.db")

    with pytest.raises(BackupFailed, match=r"is no backup, or not a whole one|does not belong"):
        new.restore(backup)

    assert new.is_untouched()


def test_a_database_that_is_damaged_inside_a_whole_archive_is_refused(tmp_path: Path) -> None:
    foreign = packed(tmp_path, (member("monitor.db"), b"not a database" * 99), (member("keys/k"), b"k"))
    new = Place(tmp_path / "new", f"sqlite:///{tmp_path}/new/monitor.db")

    with pytest.raises(BackupFailed, match="file is not a database"):
        new.restore(foreign)

    assert new.is_untouched()


def test_a_missing_file_and_a_missing_database_are_said(tmp_path: Path) -> None:
    place = Place(tmp_path / "data", f"sqlite:///{tmp_path}/data/monitor.db")

    with pytest.raises(BackupFailed, match=r"There is no database at .* yet: nothing to save"):
        place.save(tmp_path / "backup")
    with pytest.raises(BackupFailed, match=r"none\.tar\.gz cannot be put back into .*: No such file"):
        place.restore(tmp_path / "none.tar.gz")

    assert list((tmp_path / "backup").iterdir()) == []


def test_a_backup_of_the_other_kind_of_database_is_refused(on_sqlite: Place, tmp_path: Path) -> None:
    backup = on_sqlite.save(tmp_path / "backup")
    new = Place(tmp_path / "new", "postgresql://monitor@127.0.0.1:1/monitor")

    with pytest.raises(BackupFailed, match=r"This backup is of a SQLite file|PostgreSQL database"):
        new.restore(backup)

    assert new.is_untouched()


@pytest.mark.parametrize("size", [1_000, 100_000, 300_000])
def test_a_disk_that_is_full_leaves_nothing_half(on_sqlite: Place, tmp_path: Path, size: int) -> None:
    """The copy of the database, the archive and each restored file may be what no longer fits."""
    on_sqlite.keep("01JBIG")
    for number in range(20):
        on_sqlite.keep(f"01J{number}")
    with little_room(size), pytest.raises(BackupFailed, match="cannot take the backup"):
        on_sqlite.save(tmp_path / "backup")
    assert list((tmp_path / "backup").iterdir()) == []
    backup = on_sqlite.save(tmp_path / "backup")
    new = Place(tmp_path / "new", f"sqlite:///{tmp_path}/new/monitor.db")

    with little_room(min(size, 100_000)), pytest.raises(BackupFailed, match="cannot be put back"):
        new.restore(backup)

    assert new.is_untouched()
    new.restore(backup)
    assert verified(new.data / "evidence") == 22


@pytest.mark.postgres
def test_the_password_is_never_in_the_process_list(postgres_url: str, tmp_path: Path) -> None:
    """pg_dump and pg_restore are called through a shim that notes how, and then are run."""
    url = postgres_url.replace("postgres@", "postgres:se%25cret@")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for program in ("pg_dump", "pg_restore"):
        shim = bin_ / program
        real = shutil.which(program)
        assert real is not None, "PostgreSQL's programs are not installed (postgresql-client)"
        shim.write_text(f'#!/bin/sh\necho "$PGPASSWORD $*" >> {tmp_path}/calls\nexec {real} "$@"\n')
        shim.chmod(0o755)
    environ = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}
    old, new = Place(tmp_path / "old", url), Place(tmp_path / "new", url)
    with_one_alert(old)

    backup = save_to(
        tmp_path / "backup", data=old.data, database=url, config=old.config, at=AT, environ=environ
    )
    empty(new)
    restore_from(backup, data=new.data, database=url, environ=environ)

    calls = [line.split(" ", 1) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [password for password, _ in calls] == ["se%cret", "se%cret"]
    assert not any("se%" in words for _, words in calls)
    store = new.open()
    assert len(store.alerts.all()) == 1
    store.close()


@pytest.mark.parametrize(
    ("written", "url", "password"),
    [
        ("postgresql://m:pw@db/x", "postgresql://m@db/x", "pw"),
        ("postgresql+psycopg://m:p%40w@db:5433/x", "postgresql://m@db:5433/x", "p@w"),
        ("postgresql://m@db/x?password=pw&sslmode=require", "postgresql://m@db/x?sslmode=require", "pw"),
        ("postgresql://m@db/x?options=-c%20a=b", "postgresql://m@db/x?options=-c%20a%3Db", None),
        ("postgresql://m:pw@[::1]:5433/x", "postgresql://m@[::1]:5433/x", "pw"),
        ("postgresql:///x?host=/run/postgresql", "postgresql:///x?host=%2Frun%2Fpostgresql", None),
    ],
)
def test_a_database_address_loses_its_password_and_nothing_else(
    written: str, url: str, password: str | None
) -> None:
    assert for_libpq(written) == (url, password)


def monitor(*words: str | Path, config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *map(str, words), "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_commands_save_and_bring_back(on_sqlite: Place, tmp_path: Path) -> None:
    saved = monitor("backup", tmp_path / "backup", config=on_sqlite.config)
    (backup,) = (tmp_path / "backup").iterdir()
    refused = monitor("restore", backup, config=on_sqlite.config)
    (tmp_path / "data").rename(tmp_path / "moved-away")
    restored = monitor("restore", backup, config=on_sqlite.config)
    alerts = monitor("alerts", "--json", config=on_sqlite.config)

    assert (saved.returncode, refused.returncode, restored.returncode) == (0, 2, 0)
    assert str(backup) in saved.stdout
    assert "move the old data away first" in refused.stderr
    assert json.loads(alerts.stdout)["number"] == 1001
