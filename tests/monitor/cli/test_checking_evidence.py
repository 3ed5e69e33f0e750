"""What `monitor check` says of evidence: how much is pinned, and who can read it (DOMAIN 3.3, 3.5)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from authority import Mode, TimeAuthority, make_authority, serve
from sqlalchemy import update
from store_samples import book, make_capture
from typer.testing import Result

from monitor.app import App, build, now
from monitor.config.loading import load
from monitor.custody import Deed
from monitor.evidence.signing import KEY
from monitor.store.tables import anchors, captures, custody

SOURCE = 'name: Gone, platform: feed, url: "http://127.0.0.1:1/feed.xml"'
Make = Callable[..., Any]


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeAuthority]:
    """An authority that can be asked."""
    with serve(make_authority(tmp_path / "authority")) as running:
        yield running


def naming(authority: TimeAuthority) -> str:
    """The part of a configuration that names it."""
    one = f'{{name: Post Office, url: "{authority.url}", roots: "{authority.root}"}}'
    return f"evidence: {{authorities: [{one}]}}\n"


@contextmanager
def at_work(monitor: Any) -> Iterator[App]:
    """The app behind the command."""
    app = build(load(monitor.config, monitor.environ))
    try:
        yield app
    finally:
        app.close()


def outline(result: Result) -> str:
    """All that was said, in one line."""
    return " ".join(result.output.split())


def test_after_a_scan_evidence_is_anchored_and_check_says_how_much_there_is(monitor: Any) -> None:
    said = outline(monitor("check"))

    assert "records; last anchor: number 1," in said
    assert "time-stamps: 0 ok, 0 pending, 0 failed" in said
    assert (
        "! No time-stamp authority is set (evidence.authorities): evidence is signed by this machine alone"
        in said
    )
    assert "who can read what is kept: whoever is this user here, or root (" in said
    assert "only its encryption protects it, which is for whoever looks after this machine" in said


def test_check_counts_good_stamps_and_names_an_authority_that_lies(
    configured: Make, authority: TimeAuthority
) -> None:
    monitor = configured(SOURCE, more=naming(authority))
    assert "evidence of Harrowby Green Primary School: 0 records" in outline(monitor("check"))
    with at_work(monitor) as app:
        book(app.store, make_capture("A" * 26, None, now()))  # type: ignore[arg-type]
        assert "1 record (not anchored yet)" in outline(monitor("check"))
        app.pin_evidence()
        app.stamping.run()
        good = monitor("check")
        book(app.store, make_capture("B" * 26, None, now()))  # type: ignore[arg-type]
        authority.mode = Mode.REJECTS
        app.pin_evidence()
        app.stamping.run()
        book(app.store, make_capture("C" * 26, None, now()))  # type: ignore[arg-type]
        bad = monitor("check")

    assert "1 record; last anchor: number 1," in outline(good)
    assert "time-stamps: 1 ok, 0 pending, 0 failed" in outline(good)
    assert "No time-stamp authority" not in outline(good)
    assert "✗" not in good.output
    assert bad.exit_code == 1
    assert "3 records, 1 of them not anchored yet; last anchor: number 2," in outline(bad)
    assert "time-stamps: 1 ok, 0 pending, 1 failed" in outline(bad)
    assert (
        "✗ Post Office answers wrongly when it is asked for a time-stamp of evidence; last: it refused it: "
        "Message digest algorithm is not supported." in outline(bad)
    )


@pytest.mark.parametrize(
    ("change", "found", "commands"),
    [
        (update(anchors).values(statement=b"{}"), "its signature does not fit its words", ["list"]),
        (
            update(custody).where(custody.c.number == 1).values(deed="viewee"),
            "custody entry 1: its row was changed and cannot be read",
            ["export A-{alert} --to {to} --by Dana --for Police"],
        ),
        (
            update(captures).where(captures.c.chain_index == 1).values(kind="page_screenshos"),
            "is not a valid Kind",
            ["list", "verify {id}"],
        ),
    ],
    ids=["an anchor", "a custody line", "a row"],
)
def test_one_changed_cell_is_named_by_verify_and_no_command_breaks_off_with_a_traceback(
    monitor: Any, tmp_path: Path, change: Any, found: str, commands: list[str]
) -> None:
    with at_work(monitor) as app:
        one = app.store.captures.of_school("harrowby-green")[0]
        with app.store._database.writing() as connection:
            connection.execute(change)

    verified = monitor("evidence", "verify", "--by", "Dana Lead")

    assert verified.exit_code == 1, verified.output
    assert found in outline(verified)
    assert "not as it was" in verified.stdout
    with at_work(monitor) as app:
        last = app.store.custody.last("harrowby-green", Deed.VERIFIED, by="Dana Lead")
        assert last is not None
    assert "evidence of Harrowby Green Primary School:" in outline(monitor("check"))
    for command in commands:
        words = command.format(id=one.id, alert=one.alert, to=tmp_path / "pack").split()
        result = monitor("evidence", *words)
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (1, 2)
        assert "this row of the database was changed and cannot be read" in outline(result)


def test_the_network_check_reaches_for_every_authority(configured: Make, authority: TimeAuthority) -> None:
    away = naming(authority).replace(authority.url, "http://127.0.0.1:9/tsr")

    result = configured(SOURCE, more=away)("check", "--network")

    assert "✗ time-stamps by Post Office: 127.0.0.1 could not be reached" in outline(result)


def test_check_says_since_when_records_wait_for_their_anchor(configured: Make) -> None:
    monitor = configured(SOURCE)
    with at_work(monitor) as app:
        book(app.store, make_capture("A" * 26, None))  # type: ignore[arg-type]  # in the morning of that day

    result = monitor("check")

    assert result.exit_code == 1
    assert (
        "✗ 1 record of evidence of Harrowby Green Primary School since Sat 21 Nov 2026 08:00 GMT not yet"
        in (outline(result))
    )


def test_check_names_a_signing_key_that_cannot_be_used_and_makes_none(configured: Make) -> None:
    monitor = configured(SOURCE)
    monitor("check")
    key = monitor.folder / "data" / "keys" / KEY
    assert not key.exists()
    key.write_text("damaged")
    key.chmod(0o600)

    result = monitor("check")

    assert result.exit_code == 1
    assert "evidence.pem holds no signing key (Ed25519): restore it from a backup." in outline(result)


@pytest.mark.parametrize("name", ["evidence", "keys"])
def test_check_notices_that_others_can_read_evidence_or_keys(configured: Make, name: str) -> None:
    monitor = configured(SOURCE)
    assert monitor("check").exit_code == 0
    folder = monitor.folder / "data" / name
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o750)

    result = monitor("check")

    assert result.exit_code == 1
    assert f"/data/{name} can be read by others on this machine: chmod 700 it." in outline(result)
