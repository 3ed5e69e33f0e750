"""Two hundred captures of varied pages in a row: filed or honestly refused, no zombie, and nothing grows."""

import os
from pathlib import Path

import pytest
from series import take_series


@pytest.mark.soak
@pytest.mark.browser
def test_two_hundred_captures_in_a_row_leave_the_machine_as_it_was(tmp_path: Path, browser: Path) -> None:
    count = max(40, round(200 * float(os.environ.get("SCALE", "1"))))

    series = take_series(tmp_path, browser, count, seconds=20)

    second, last = series.ten(20), series.ten(count)
    browsers, workers = last.browser / second.browser, last.worker / second.worker
    print(series.told())
    print(f"browser: {second.browser / 1e6:.0f} MB, at last {last.browser / 1e6:.0f} MB ({browsers:.2f})")
    print(f"worker: {second.worker / 1e6:.0f} MB, at last {last.worker / 1e6:.0f} MB ({workers:.2f})")
    assert series.wrong() == []
    assert not series.zombies
    assert series.media == []
    assert browsers < 1.1
    assert workers < 1.1
