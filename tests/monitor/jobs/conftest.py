"""What the tests of the jobs share: a whole app under a real configuration, with a clock set by hand."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import Clock, Lens, PostOffice, Wall, WallReader, mail_to, open_post_office, write_config

from classifiers.verdict import Classifier
from connectors.connector import Connector
from connectors.post import State
from monitor.alerts import Alert
from monitor.app import App, rebuild, start
from monitor.config.loading import load
from monitor.coverage import Coverage
from monitor.jobs.poll import Polled


@dataclass
class World:
    """An app, its clock, the walls that it reads, and what its people get."""

    app: App
    clock: Clock
    walls: dict[str, Wall]
    lens: Lens
    folder: Path
    office: PostOffice | None

    @property
    def wall(self) -> Wall:
        """The only wall."""
        (one,) = self.walls.values()
        return one

    @property
    def alerts(self) -> list[Alert]:
        """Every alert, by number."""
        return sorted(self.app.store.alerts.all(), key=lambda alert: alert.number)

    def read(self, source: str = "Wall", *, early: bool = True) -> Polled | None:
        """Read a source."""
        return self.app.poll_source(source, early=early)

    def state(self, source: str = "Wall") -> Coverage:
        """How a source is."""
        at = self.clock()
        every = self.app.store.sources.coverage(at - timedelta(days=1), at)
        return next(one for one in every if one.source == source)

    def states(self) -> dict[str, State]:
        """How each source is."""
        at = self.clock()
        return {one.source: one.state for one in self.app.store.sources.coverage(at - timedelta(days=1), at)}

    def post_all(self) -> list[str]:
        """Write what is owed and send what is due; whom each message was for."""
        sent = []
        while (notice := self.app.mail_next()) is not None:
            sent.append(notice.recipient)
        return sent

    def reconfigure(self, more: str = "", **changed: str) -> None:
        """Change the file as an editor would, and go on under it."""
        old = self.app
        self.app = self.fit(rebuild(old, load(write_config(self.folder, self._mail + more, **changed), {})))
        old.let_go()

    def fit(self, app: App, classifier: Classifier | None = None) -> App:
        """The app with walls for sources and a lens for a camera."""
        sources: dict[str, Connector] = {
            name: WallReader(name=name, every=source.every, official=source.official, wall=self.walls[name])
            for name, source in app.poll.sources.items()
        }
        poll = replace(app.poll, sources=sources, classifier=classifier or app.poll.classifier)
        camera: Any = self.lens
        return replace(app, poll=poll, capturing=replace(app.capturing, camera=camera))

    @property
    def _mail(self) -> str:
        return f"{mail_to(self.office.port)}\n" if self.office else ""


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server that runs."""
    with open_post_office() as running:
        yield running


@pytest.fixture
def make_world(tmp_path: Path, ready_file: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds; a second one in the same folder is a second worker on the same database."""
    (tmp_path / "data").mkdir(mode=0o700)
    shutil.copy(ready_file, tmp_path / "data" / "monitor.db")
    with ExitStack() as open_worlds:

        def make(
            more: str = "",
            *,
            clock: Clock | None = None,
            office: PostOffice | None = None,
            walls: dict[str, Wall] | None = None,
            classifier: Classifier | None = None,
            **changed: str,
        ) -> World:
            mail = f"{mail_to(office.port)}\n" if office else ""
            config = load(write_config(tmp_path, mail + more, **changed), {})
            clock = clock or Clock()
            app = start(config, clock)
            walls = {name: (walls or {}).get(name, Wall(name=name.lower())) for name in app.poll.sources}
            world = World(app, clock, walls, Lens(), tmp_path, office)
            world.app = world.fit(app, classifier)
            open_worlds.callback(lambda: world.app.close())  # noqa: PLW0108  # the app of that time
            return world

        yield make


@pytest.fixture
def world(make_world: Callable[..., World], office: PostOffice) -> World:
    """One school, one wall, a mail server."""
    return make_world(office=office)
