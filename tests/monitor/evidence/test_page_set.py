"""Twenty captures in a row of pages as strangers' sites show them: posts are filed, walls are named."""

from pathlib import Path

import pytest
from series import take_series

pytestmark = pytest.mark.browser


def test_every_page_of_the_set_is_filed_or_honestly_refused(tmp_path: Path, browser: Path) -> None:
    series = take_series(tmp_path, browser, 20, seconds=9)

    assert series.wrong() == []
    assert not series.zombies
    assert series.media == [], "nothing asked for pictures"
