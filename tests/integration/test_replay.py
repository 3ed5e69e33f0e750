"""Archives of captures, replayed in ReplayWeb.page, with which people open them, when the site is gone."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from integration.images import CannotBuild, cache
from pages import SET, Shown, put_up
from playwright.sync_api import BrowserContext, Page, sync_playwright
from scenes import AT
from sites import Answer, serving, wait_for

from monitor.evidence.camera import Camera

pytestmark = [pytest.mark.integration, pytest.mark.browser]
VERSION = "2.5.3"
INTEGRITY = "nCj2PSON3BxeSJKE8AsYPyULv0XPZKJWfy4l9PyQre9SqwLZ+WKZVs/sfLqPOQ4GrH+0YkjbwOhr8cSTH08gsQ=="
"""The SHA-512 of the package, in base64."""
FILED = [page for page in SET if page.filed]
_VIEW = """<!doctype html><script src=/ui.js></script>
<replay-web-page source="/{name}.wacz" url="{url}" replayBase="/replay/" style="height:900px">
</replay-web-page>"""


@pytest.fixture(scope="module")
def viewer() -> Path:
    """The folder of ReplayWeb.page; skipped where npm cannot be had, but never in CI."""
    try:
        return _installed()
    except CannotBuild as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def archives(browser: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """The address and the archive of each page that can be filed; the site that showed them is gone."""
    folder = tmp_path_factory.mktemp("evidence")
    made = {}
    with serving() as site:
        put_up(site)
        with Camera(
            folder, browser=browser, now=lambda: AT, versions="test", allow=frozenset({site.place})
        ) as lens:
            for page in FILED:
                taken = lens.take(page.order(site), AT)
                made[page.name] = (site.url(f"/{page.name}"), folder / taken.folder / "page.wacz")
    return made


@pytest.mark.parametrize("page", FILED, ids=lambda page: page.name)
def test_the_archive_passes_the_tools_of_those_who_made_the_format(
    page: Shown, archives: dict[str, tuple[str, Path]], tmp_path: Path
) -> None:
    archive = archives[page.name][1]
    with zipfile.ZipFile(archive) as packed:
        packed.extract("archive/data.warc.gz", tmp_path)

    for command in (
        ["wacz", "validate", "-f", str(archive)],
        ["warcio", "check", "-v", str(tmp_path / "archive/data.warc.gz")],
    ):
        tool = Path(sys.executable).with_name(command[0])
        done = subprocess.run([tool, *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", FILED, ids=lambda page: page.name)
def test_the_post_is_read_again_in_the_archive_when_the_site_is_gone(
    page: Shown, archives: dict[str, tuple[str, Path]], viewer: Path, browser: Path
) -> None:
    url, archive = archives[page.name]
    with serving() as site, _offline(browser) as context:
        site.pages |= {
            "/": _VIEW.format(name=page.name, url=url),
            "/ui.js": _file(viewer / "ui.js", "text/javascript"),
            "/replay/sw.js": _file(viewer / "sw.js", "text/javascript"),
            f"/{page.name}.wacz": _file(archive, "application/wacz"),
        }
        assert any(_reads(context, site.url("/"), url, page.text) for _ in range(8)), site.asked


def _reads(context: BrowserContext, view: str, url: str, text: str) -> bool:
    """Whether the viewer shows these words. Its service worker may miss its first page."""
    shown = context.new_page()
    try:
        shown.goto(view)
        return wait_for(lambda: _squeezed(text) in _replayed(shown, url), 8)
    finally:
        shown.close()


def _replayed(shown: Page, url: str) -> str:
    """The words in the frame where this address is shown anew."""
    shown.wait_for_timeout(200)
    frames = [frame for frame in shown.frames if frame.url.endswith(url) and "/replay/" in frame.url]
    return _squeezed(" ".join(frame.locator("body").inner_text() for frame in frames))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _file(path: Path, kind: str) -> Answer:
    return lambda visitor: visitor.give(path.read_bytes(), kind=kind)


@contextmanager
def _offline(browser: Path) -> Iterator[BrowserContext]:
    """A browser that can reach this machine alone."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=browser,
            chromium_sandbox=False,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        try:
            yield started.new_context()
        finally:
            started.close()


# --- Installing it


def _installed() -> Path:
    """The folder of the program, from the cache or fetched now; raises CannotBuild."""
    kept = cache() / f"replaywebpage-{VERSION}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            _unpack(_fetched(Path(scratch)), Path(scratch))
            (Path(scratch) / "package").rename(kept)
    return kept


def _fetched(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotBuild("not installed: npm")
    command = [npm, "pack", "--silent", f"replaywebpage@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise CannotBuild(f"ReplayWeb.page could not be fetched: {done.stderr.strip()[-400:]}")
    return folder / f"replaywebpage-{VERSION}.tgz"


def _unpack(package: Path, folder: Path) -> None:
    found = b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert found == INTEGRITY, "this is not the package that was pinned"
    with tarfile.open(package) as packed:
        packed.extractall(folder, filter="data")
