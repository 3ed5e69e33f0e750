"""Evidence is tampered with two hundred times, as cunningly as can be: each time it is found and named."""

import os
import random
from pathlib import Path

import pytest
from forgery import MANIPULATIONS, tamper
from vaults import fill, let_the_oldest_go, open_vault


@pytest.mark.soak
def test_two_hundred_random_manipulations_are_all_found_and_nothing_else_is(tmp_path: Path) -> None:
    scale = float(os.environ.get("SCALE", "1"))
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1_000_000)))
    many = max(20, round(200 * scale))
    chance = random.Random(seed)
    print(f"seed {seed}: {many} manipulations of {len(MANIPULATIONS)} kinds")
    missed, alarms = [], []

    for number in range(many):
        if number % 20 == 0:
            vault = open_vault(tmp_path / f"vault-{number}")
            fill(vault, [chance.randrange(2, 6) for _ in range(chance.randrange(3, 6))])
            let_the_oldest_go(vault)
            vault.anchor()
            fill(vault, [chance.randrange(0, 3)])
            alarms += [vault.verify()] if not vault.verify().sound else []
        done = tamper(
            vault, tmp_path / f"tampered-{number}", chance.randrange(1_000_000), chance.choice(MANIPULATIONS)
        )
        missed += [] if done.found else [done]

    print(f"{many - len(missed)} of {many} found, {len(alarms)} false alarms")
    assert missed == []
    assert alarms == []
