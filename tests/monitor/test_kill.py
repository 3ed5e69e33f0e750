"""Ten kills of the soak, in every run of the tests."""

from pathlib import Path

import pytest
from kills import assert_nothing_was_lost, kill_and_restart


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_ten_kills_at_random_moments_lose_nothing(tmp_path: Path, browser: Path) -> None:
    outcome = kill_and_restart(tmp_path, kills=10, serious=12, seed=20_261_121, patience=200)

    assert_nothing_was_lost(outcome, 12, tmp_path / "data" / "evidence")
