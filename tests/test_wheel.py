"""What the wheel carries: everything that runs, and nothing that is only for whoever trains the model."""

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def carried() -> set[str]:
    """The files of the wheel, by their paths in it."""
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    return {Path(file.distribution_path).as_posix() for file in files}


def test_the_wheel_carries_every_room_with_its_data(carried: set[str]) -> None:
    assert {
        "classifiers/rules.yaml",
        "connectors/feed.py",
        "monitor/playbook.yaml",
        "monitor/mail/templates/digest.txt",
        "monitor/demo/demo.yaml",
        "monitor/evidence/pack/verify.py",
        "monitor/evidence/pack/templates/README.txt",
    } <= carried


def test_the_wheel_carries_neither_the_training_nor_the_tests(carried: set[str]) -> None:
    assert [path for path in carried if path.startswith(("classifiers/training/", "tests/"))] == []
