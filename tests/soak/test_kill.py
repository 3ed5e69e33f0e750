"""The worker is killed two hundred times: nothing found is lost, nobody hears of it twice as new."""

import os
import random
from pathlib import Path

import pytest
from kills import assert_nothing_was_lost, kill_and_restart


@pytest.mark.soak
@pytest.mark.browser
def test_a_worker_that_is_killed_at_random_moments_loses_nothing(tmp_path: Path, browser: Path) -> None:
    scale = float(os.environ.get("SCALE", "1"))
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1_000_000)))
    kills, serious = max(10, round(200 * scale)), max(12, round(120 * scale))
    print(f"seed {seed}: {kills} kills, {serious} serious posts")

    outcome = kill_and_restart(tmp_path, kills=kills, serious=serious, seed=seed, patience=900)

    print(f"{outcome.kills} kills in {outcome.seconds:.0f} s, {len(outcome.alerts)} alerts")
    assert_nothing_was_lost(outcome, serious, tmp_path / "data" / "evidence")
