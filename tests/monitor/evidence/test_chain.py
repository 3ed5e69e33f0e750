"""Whatever breaks while a capture is taken in: no fork of the chain, no loss, no false alarm afterwards."""

import multiprocessing
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from little_room import little_room
from mishaps import at_work, kill_at_every, order
from store_samples import LEASE
from vaults import SCHOOL, Vault, open_vault

from monitor.captures import FIRST, Kind, Link, LockedMeanwhile
from monitor.cases import Act, CaseEvent
from monitor.evidence.camera import Camera, CaptureFailed
from monitor.evidence.timekeeping import UNKNOWN, Timekeeping


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """An empty vault on SQLite."""
    made = open_vault(tmp_path / "vault")
    yield made
    made.store.close()


def chain(vault: Vault) -> list[int]:
    """The places of all captures in the chain."""
    return [one.link.index for one in vault.store.captures.of_school(SCHOOL) if one.link]


def test_a_worker_killed_at_any_step_loses_nothing_and_forks_nothing(vault: Vault) -> None:
    captures = kill_at_every(4, vault, "", first=random.SystemRandom().randrange(1, 5))
    vault.anchor()

    report = vault.verify()

    assert (report.findings, report.notes) == ((), ())
    assert chain(vault) == list(range(1, captures + 1))
    assert report.captures == captures


def test_a_disk_that_is_full_while_a_capture_gets_its_place_loses_nothing(vault: Vault) -> None:
    vault.capture(1)
    taken = vault.stage(2, limits=["x" * 9_000])

    with little_room(8_000), pytest.raises(OSError, match="too large"):
        vault.store.captures.book(taken, vault.place)
    vault.at += timedelta(days=3)
    between = vault.capture(3)
    booked = vault.store.captures.book(taken, vault.place)

    assert (between.link, booked.link) == (
        Link(2, between.link.previous_sha256),
        Link(3, between.record_sha256),
    )
    assert vault.verify().sound


def test_a_disk_that_is_full_while_a_post_is_taken_is_tried_again(vault: Vault) -> None:
    order(vault, 1)
    job = at_work(vault)
    claimed = vault.store.captures.claim("worker", vault.at, vault.at + LEASE)
    assert claimed is not None
    with little_room(300), pytest.raises(CaptureFailed, match="could not be written"):
        job.camera.take(claimed, vault.at)

    vault.at += LEASE
    capture = job.run()

    assert capture is not None
    assert capture.link == FIRST
    assert vault.verify().sound


def test_what_was_staged_before_a_crash_and_locked_since_is_not_kept(vault: Vault) -> None:
    order(vault, 1)
    job = at_work(vault)
    claimed = vault.store.captures.claim("killed", vault.at, vault.at + LEASE)
    assert claimed is not None
    staged = job.camera.take(claimed, vault.at)
    vault.store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=vault.at))
    vault.at += LEASE

    capture = job.run()

    assert capture is not None
    assert (capture.id, capture.locks, capture.files) == (staged.id, True, ())
    assert not (vault.root / staged.folder).exists()


@pytest.mark.parametrize("crashed", [False, True])
def test_what_was_locked_while_it_was_taken_leaves_a_record_and_nothing_else(
    vault: Vault, crashed: bool
) -> None:
    """DOMAIN 3.7: nor does what got its place before a crash, when the database knew nothing of it yet."""
    order(vault, 1)
    claimed = vault.store.captures.claim("killed", vault.at, vault.at + LEASE)
    assert claimed is not None
    with at_work(vault).camera as camera:
        taken = camera.take(claimed, vault.at)
        assert "post.json" in {path.name for path in (vault.root / taken.folder).iterdir()}
        if crashed:
            camera.place(taken, FIRST)
        vault.store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=vault.at))

        with pytest.raises(LockedMeanwhile):
            vault.store.captures.book(taken, camera.place)
        capture = vault.store.captures.book(camera.withhold(claimed, taken, vault.at), camera.place)

    assert (capture.id, capture.kind, capture.locks, capture.files) == (
        claimed.id,
        Kind.METADATA_ONLY,
        True,
        (),
    )
    assert [path.name for path in vault.root.rglob("*") if path.is_file()] == ["record.json"]
    assert "http" not in (vault.root / capture.folder / "record.json").read_text()
    vault.anchor()
    assert vault.verify().sound


def test_a_lock_that_comes_while_the_camera_looks_is_heard_by_the_job(vault: Vault) -> None:
    order(vault, 1)
    job = at_work(vault)

    def somebody_locks() -> Timekeeping:
        vault.store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=vault.at))
        return UNKNOWN

    camera = Camera(vault.root, browser=None, now=vault.now, versions="monitor", timekeeping=somebody_locks)
    capture = replace(job, camera=camera).run()

    assert capture is not None
    assert (capture.locks, capture.files) == (True, ())
    assert [path.name for path in vault.root.rglob("*") if path.is_file()] == ["record.json"]


@pytest.mark.parametrize("jump", [timedelta(days=-40), timedelta(days=400)])
def test_a_clock_that_jumps_between_two_captures_is_said_and_the_order_holds(
    vault: Vault, jump: timedelta
) -> None:
    vault.capture(1)
    vault.at += jump
    second = vault.capture(2)
    vault.at -= jump
    vault.capture(3)
    vault.anchor()

    report = vault.verify()

    assert report.sound
    assert chain(vault) == [1, 2, 3]
    said = [note for note in report.notes if "the clock was set" in note.what]
    assert said
    assert jump > timedelta() or second.id in said[0].where


def take_many(folder: str, url: str, first: int) -> None:
    """Take and book captures as one of several writers; run in a process of its own."""
    vault = open_vault(Path(folder), url=url)
    for number in range(first, first + 6):
        vault.at += timedelta(seconds=1)
        vault.capture(number)
    vault.store.close()


def test_two_writers_at_once_never_fork_the_chain(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    folder = tmp_path / "vault"
    vault = open_vault(folder, url=url)
    context = multiprocessing.get_context("forkserver")
    writers = [
        *(context.Process(target=take_many, args=(str(folder), url, 100 * one)) for one in (1, 2)),
        *(threading.Thread(target=take_many, args=(str(folder), url, 100 * one)) for one in (3, 4)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    vault.at += timedelta(minutes=1)
    vault.anchor()

    report = vault.verify()

    assert (report.findings, report.notes) == ((), ())
    assert chain(vault) == list(range(1, 25))
    vault.store.close()
