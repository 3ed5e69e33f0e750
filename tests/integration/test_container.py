"""The real image: it is built, starts without a configuration, takes one up, works, and says how it is."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.boxes import USER, Box, make_box, wait_until
from integration.images import ROOT, Image

from monitor.config.documents import minimal_config
from monitor.evidence import archive

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

WORDS = "I will be waiting with a knife at the gate of Harrowby Green Primary School at 3"
CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School, near: [Harrowby]}}]
sources: [{{name: Paper, platform: feed, url: "{site}/feed", every: 1m}}]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
network: {{allow: [127.0.0.1]}}
"""

MOVED_AWAY = "mkdir /data/old && mv /data/monitor.db* /data/evidence* /data/keys /data/old"
"""As docs/operations.md says it."""


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        here = f"http://127.0.0.1:{self.server.server_address[1]}"  # type: ignore[union-attr]  # it is TCP
        item = f"<item><guid>1</guid><link>{here}/post</link><description>{WORDS}</description></item>"
        feed = f"<rss version='2.0'><channel><title>Paper</title>{item}</channel></rss>"
        page = f"<!doctype html><title>Post</title><article><p>{WORDS}</p></article>"
        kind, body = ("rss+xml", feed) if self.path == "/feed" else ("html", page)
        self.send_response(200)
        self.send_header("Content-Type", f"{'application' if kind == 'rss+xml' else 'text'}/{kind}")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's own word
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    """A paper's feed with one serious item, and the page of that item."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def make(image: Image, tmp_path: Path) -> Callable[..., Box]:
    """Make a container that was never started, with this in its environment."""
    return lambda **environ: make_box(image, tmp_path, environ)


def put(box: Box, text: str) -> None:
    """Replace the configuration as an editor does."""
    fresh = box.config / "monitor.yaml~"
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(box.config / "monitor.yaml")


def is_healthy(box: Box) -> bool:
    return box.run(*box.image.health).returncode == 0


def captures(box: Box) -> list[Path]:
    return [record.parent for record in (box.data / "evidence").glob("*/*/*/record.json")]


@pytest.mark.browser
def test_from_no_configuration_to_an_alert_with_its_screen_print(make: Callable[..., Box], site: str) -> None:
    box = make()
    with box.worker():
        wait_until(lambda: "Edit /config/monitor.yaml" in box.log, 60, lambda: box.log)
        assert (box.config / "monitor.yaml").read_text() == minimal_config()
        assert "schools[0].name" in box.log
        waiting = box.run(*box.image.health)
        assert (waiting.returncode, waiting.stdout) == (
            1,
            "there is no database yet: the worker waits for a configuration, and its log says what to edit\n",
        )

        put(box, CONFIG.format(site=site))
        healthy = wait_until(lambda: is_healthy(box), 60, lambda: box.log)
        taken = wait_until(lambda: captures(box), 90, lambda: box.log)
        posted = wait_until(lambda: list(box.data.glob("outbox/*.eml")), 60, lambda: box.log)
        checked = box.run("monitor", "check")
        saved = box.run("monitor", "backup", "/data/saved")

    print(f"healthy after {healthy:.0f} s, capture after {taken:.0f} s more, mail after {posted:.0f} s more")
    (capture,) = captures(box)
    record = json.loads((capture / "record.json").read_text())
    assert archive.verify(capture) == []
    assert record["kind"] == "element_screenshot"
    assert any(file["media_type"] == "image/png" for file in record["files"])
    # A chroot, like Docker's own rules, allows no sandbox inside: then the record says so.
    assert record["client"]["sandbox"] in {
        "on",
        "off: this system or container does not allow the browser one",
    }
    assert "kept in: /data" in checked.stdout, checked.stdout + checked.stderr
    assert "Nothing is broken" in checked.stdout
    assert saved.returncode == 0, saved.stderr
    restored = box.run("sh", "-c", MOVED_AWAY + " && monitor restore /data/saved/*.tar.gz")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(box.run("monitor", "alerts", "--json").stdout)["number"] == 1001
    assert archive.verify(captures(box)[0]) == []
    assert sorted(path.name for path in box.config.iterdir()) == ["monitor.yaml"]
    assert {path.stat().st_uid for path in box.data.rglob("*")} == {USER}


def test_where_the_first_configuration_cannot_be_written_the_log_says_what_to_write(
    make: Callable[..., Box], site: str
) -> None:
    """A folder of root's that the worker may read: the usual state after a checkout."""
    box = make()
    os.chown(box.config, 0, 0)
    box.config.chmod(0o755)
    with box.worker():
        wait_until(lambda: "Make it with this content" in box.log, 60, lambda: box.log)
        assert minimal_config() in box.log
        assert not (box.config / "monitor.yaml").exists()

        put(box, CONFIG.format(site=site))
        wait_until(lambda: is_healthy(box), 60, lambda: box.log)


def test_a_configuration_that_may_not_be_read_does_not_end_the_worker(
    make: Callable[..., Box], site: str
) -> None:
    box = make()
    put(box, CONFIG.format(site=site))
    os.chown(box.config, 0, 0)
    box.config.chmod(0o700)
    with box.worker():
        wait_until(lambda: "Permission denied" in box.log, 60, lambda: box.log)

        box.config.chmod(0o755)
        wait_until(lambda: is_healthy(box), 60, lambda: box.log)


@pytest.mark.postgres
def test_it_works_and_is_saved_on_postgresql(make: Callable[..., Box], site: str, postgres_url: str) -> None:
    box = make(MONITOR_DATABASE=postgres_url)
    put(box, CONFIG.format(site=site))
    waiting = box.run(*box.image.health)
    with box.worker():
        wait_until(lambda: is_healthy(box), 60, lambda: box.log)
        saved = box.run("monitor", "backup", "/data/saved")

    assert "there is no database yet" in waiting.stdout
    assert not (box.data / "monitor.db").exists()
    assert saved.returncode == 0, saved.stderr


def test_it_runs_as_nobody_special_and_can_write_nowhere_else(make: Callable[..., Box]) -> None:
    box = make()
    who = box.run("sh", "-c", "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")
    wrote = box.run("sh", "-c", "for place in / /app /etc /var/lib /usr; do touch $place/x 2>&1; done")

    assert box.image.config["User"] == f"{USER}:{USER}"
    assert who.stdout.split() == ["10001", "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]
    assert wrote.stdout.count("Read-only file system") == 5


def test_the_image_holds_no_tests_and_nothing_of_the_build(image: Image) -> None:
    inside = {path.name for path in (image.root / "app").iterdir()}

    assert inside == {
        *("venv", "config", "classifiers", "connectors", "monitor"),
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE"),
    }
    assert list((image.root / "tmp").iterdir()) == []


def test_the_postgres_of_the_compose_file_can_be_saved_with_the_images_own_programs(
    make: Callable[..., Box],
) -> None:
    """pg_dump refuses a server that is newer than itself."""
    told = make().run("pg_dump", "--version").stdout

    assert composed("--profile", "postgres")["services"]["postgres"]["image"].endswith(
        f":{told.split()[2].partition('.')[0]}"
    )


def composed(*options: str) -> dict[str, Any]:
    """The compose file as docker-compose understands it."""
    tool = shutil.which("docker-compose")
    if tool is None:
        reason = "docker-compose is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    done = subprocess.run(
        [tool, "--file", ROOT / "docker-compose.yml", *options, "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    read: dict[str, Any] = yaml.safe_load(done.stdout)
    return read


def test_docker_compose_accepts_the_file_with_and_without_postgresql() -> None:
    worker = composed()["services"]["monitor"]
    everything = composed("--profile", "postgres")

    assert set(everything["services"]) == {"monitor", "postgres"}
    assert worker["read_only"] is True
    assert worker["user"] == f"{USER}:{USER}"
    assert worker["cap_drop"] == ["ALL"]
    assert worker["shm_size"] == "512m"
    assert [volume.rpartition("/")[2] for volume in worker["volumes"]] == ["config:rw", "data:rw"]
    assert everything["services"]["postgres"]["profiles"] == ["postgres"]
