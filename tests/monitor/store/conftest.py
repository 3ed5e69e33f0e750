"""An open store with two sources, on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_samples import AT, SOURCES, open_in

from monitor.store.database import Database
from monitor.store.store import Store


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store that knows the sources `paper` and `forum` and holds nothing else."""
    opened = open_in(tmp_path, database_url)
    opened.sources.sync(SOURCES, AT)
    yield opened
    opened.close()


@pytest.fixture
def database(database_url: str, store: Store) -> Iterator[Database]:
    """A look behind the store, at what lies in its tables."""
    opened = Database(database_url)
    yield opened
    opened.close()
