"""A worker is killed at each single step of taking a capture in, on both databases."""

from pathlib import Path

import pytest
from mishaps import kill_at_every
from vaults import SCHOOL, open_vault


@pytest.mark.soak
def test_a_kill_at_each_step_loses_nothing_and_forks_nothing(database_url: str, tmp_path: Path) -> None:
    url = "" if database_url.startswith("sqlite") else database_url
    vault = open_vault(tmp_path / "vault", url=url)

    captures = kill_at_every(1, vault, url)
    vault.anchor()
    report = vault.verify()

    print(f"{captures - 1} kills")
    chain = vault.store.captures.of_school(SCHOOL)
    assert (report.findings, report.notes) == ((), ())
    assert [one.link and one.link.index for one in chain] == list(range(1, captures + 1))
    vault.store.close()
