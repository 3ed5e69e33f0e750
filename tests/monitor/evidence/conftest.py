"""What the tests of the evidence room share: orders, a site, a warm camera, and what it filed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from scenes import AT, Scene, make_order
from sites import Site, serving

from monitor.captures import Order
from monitor.evidence.camera import Camera


@pytest.fixture
def order() -> Callable[..., Order]:
    """Makes orders."""
    return make_order


@pytest.fixture
def at() -> datetime:
    """When the captures of a test are taken."""
    return AT


@pytest.fixture(scope="session")
def make_camera(browser: Path) -> Iterator[Callable[..., Camera]]:
    """Makes cameras and closes them at the end."""
    with ExitStack() as cameras:

        def make(folder: Path, **changes: Any) -> Camera:
            ordinary: dict[str, Any] = {
                "browser": browser,
                "now": lambda: AT,
                "versions": "monitor 0.1.0",
                "seconds": 30,
            }
            return cameras.enter_context(Camera(folder, **(ordinary | changes)))

        yield make


@pytest.fixture(scope="session")
def studio(make_camera: Callable[..., Camera], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One site and one warm camera for all tests."""
    folder = tmp_path_factory.mktemp("evidence")
    with serving() as site:
        allow = frozenset({site.place})
        lens = make_camera(folder, allow=allow, locks=lambda words: "codeword-of-the-rules" in words)
        yield Scene(site, folder, lens, make_camera)
        lens.close()


@pytest.fixture
def scene(studio: Scene) -> Iterator[Scene]:
    """The site without pages and the warm camera."""
    studio.site.pages.clear()
    studio.site.asked.clear()
    yield studio
    studio.site.pages.clear()


@pytest.fixture
def canary() -> Iterator[Site]:
    """A second site, which nothing may ask for anything."""
    with serving() as site:
        yield site
        assert site.asked == []
