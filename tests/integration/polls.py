"""The worker's own polls of real servers, one after the other, and what is kept of them by then."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from connectors.post import State
from monitor.app import App, start
from monitor.config.loading import load

CONFIG = """
schools:
  - id: harrowby-green
    name: Harrowby Green Primary School
    also: [Harrowby Green, "#HarrowbyGreen"]
    near: [Harrowby]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
classifier: {{use: rules}}
network: {{allow: ["{host}"]}}
data: {data}
sources:{sources}"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One post that was kept: how many revisions of it there are, and whether it has vanished since."""

    revisions: int
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Monitor:
    """The worker on its database."""

    app: App
    database: Path

    def poll(self) -> int:
        """Read every source once; how many posts were new or had another revision."""
        polled = [self.app.poll_source(source.name, early=True) for source in self.app.config.sources]
        for each in polled:
            assert each is not None
            assert (each.state, each.reason) == (State.OK, ""), f"{each.source}: {each.state}: {each.reason}"
        return sum(each.changed for each in polled if each)

    def posts(self) -> dict[str, Kept]:
        """What is kept, by the post's id on its platform."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as base:
            rows = base.execute(
                "select posts.post_id, count(revisions.id), posts.gone_at is not null from posts "
                "join revisions on revisions.post = posts.id group by posts.id"
            )
            return {name: Kept(revisions, bool(gone)) for name, revisions, gone in rows}


@contextmanager
def monitor(folder: Path, server: str, sources: str, secrets: Mapping[str, str]) -> Iterator[Monitor]:
    """A worker with these sources, all on one server, and an empty database in this folder."""
    path, data = folder / "monitor.yaml", folder / "monitor"
    path.write_text(CONFIG.format(host=server.removeprefix("http://"), data=data, sources=sources))
    app = start(load(path, secrets))
    try:
        yield Monitor(app, data / "monitor.db")
    finally:
        app.close()


def cannot(reason: str, *, even_in_ci: bool = False) -> NoReturn:
    """Skip what cannot be set up on this machine; in CI that is a failure unless it is said to be none."""
    if os.environ.get("CI") and not even_in_ci:
        pytest.fail(reason)
    pytest.skip(reason)
