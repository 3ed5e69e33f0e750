"""A small server of the Fediverse with Mastodon's API: snac2 from Debian's backports, on loopback."""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fakes import free_port
from integration.boxes import wait_until
from integration.images import SUITE, CannotBuild, archives, cache

PACKAGE = "snac2_2.75-2~bpo12+1_amd64.deb"
SHA256 = "587c5e5ffdc9e7ab3183aa45badfcc7bb5feb64afa4b2a92fd1a0202cb8fe138"
PLACE = "pool/main/s/snac2"
DEBIAN = "http://deb.debian.org/debian"
_FETCH = "/usr/lib/apt/apt-helper"
_HERE = "urn:ietf:wg:oauth:2.0:oob"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account on the server, who writes in public."""

    name: str
    password: str
    token: str
    http: httpx.Client

    def post(self, text: str, **more: str) -> dict[str, Any]:
        """Write something; the post as the server gives it."""
        return self._send("POST", "/api/v1/statuses", {"status": text, "visibility": "public", **more})

    def edit(self, post: dict[str, Any], text: str) -> dict[str, Any]:
        """Write it differently."""
        return self._send("PUT", f"/api/v1/statuses/{post['id']}", {"status": text})

    def delete(self, post: dict[str, Any]) -> None:
        """Take it away, as a person does on the server's own pages: by the API one cannot."""
        form = {"id": post["uri"], "actor": post["account"]["url"], "action": "Delete"}
        answer = self.http.post(f"/{self.name}/admin/action", data=form, auth=(self.name, self.password))
        assert answer.is_redirect, answer.text

    def get(self, path: str) -> Any:
        """What the server tells this person."""
        return self._send("GET", path)

    def sees(self, post: dict[str, Any]) -> bool:
        """Whether the server still shows this person a post."""
        answer = self.http.get(f"/api/v1/statuses/{post['id']}", headers=self._headers())
        return answer.status_code == httpx.codes.OK

    def _send(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        answer = self.http.request(method, path, data=form, headers=self._headers())
        return answer.raise_for_status().json()

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Snac:
    """The server: its address, and where its program, its data and its log lie."""

    url: str
    program: Path
    data: Path
    http: httpx.Client
    log: Callable[[], str]

    def account(self, name: str) -> Person:
        """Make an account, and sign in."""
        made = _run(self.program, "adduser", self.data, name)
        found = re.search(r"password is (\S+)", made)
        assert found, made
        asked = {"client_name": "test", "redirect_uris": _HERE, "scopes": "read write"}
        app = self.http.post("/api/v1/apps", data=asked).raise_for_status().json()
        login = {"login": name, "passwd": found[1], "redir": _HERE, "cid": app["client_id"], "state": "s"}
        code = self.http.post("/oauth/x-snac-login", data=login).text.partition("&")[0].strip()
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": _HERE}
        asked |= {"client_id": app["client_id"], "client_secret": app["client_secret"]}
        token = self.http.post("/oauth/token", data=asked).raise_for_status().json()["access_token"]
        return Person(name, found[1], token, self.http)


@contextmanager
def snac(folder: Path) -> Iterator[Snac]:
    """A server that runs, with its data in this folder; raises CannotBuild."""
    program, data, port = _program(folder), folder / "data", free_port()
    _run(program, "init", data, said=f"127.0.0.1\n{port}\nlocalhost:{port}\n\n\n")
    settings = json.loads((data / "server.json").read_text())
    (data / "server.json").write_text(json.dumps(settings | {"protocol": "http"}))
    url = f"http://localhost:{port}"
    # It hangs up after each answer.
    limits = httpx.Limits(max_keepalive_connections=0)
    with (folder / "log").open("wb") as log, httpx.Client(base_url=url, limits=limits, timeout=30) as http:
        process = subprocess.Popen([program, "httpd", data], stdout=log, stderr=log)
        try:
            said = (folder / "log").read_text
            wait_until(lambda: _answers(http), 30, said)
            yield Snac(url, program, data, http, said)
        finally:
            process.terminate()
            process.wait(30)


def _answers(http: httpx.Client) -> bool:
    try:
        http.get("/api/v1/instance")
    except httpx.TransportError:
        return False
    return True


def _program(folder: Path) -> Path:
    """The program, unpacked from the package; raises CannotBuild."""
    if platform.machine() != "x86_64":
        raise CannotBuild(f"the package of snac2 that is pinned here is not for {platform.machine()}")
    missing = [tool for tool in (_FETCH, "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)}")
    package = cache() / PACKAGE
    if not package.exists():
        _fetch(package)
    unpacked = folder / "snac2"
    subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
    program = unpacked / "usr/bin/snac"
    needs = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    if "not found" in needs:
        raise CannotBuild(f"snac2 needs libraries that are not installed:\n{needs}")
    return program


def _fetch(package: Path) -> None:
    """Put the package into the cache, from where this machine's apt installs, else from Debian."""
    mine = [archive.address for archive in archives() if archive.suite == SUITE]
    coming = package.with_name(f"{package.name}.{os.getpid()}")
    said = ""
    for address in dict.fromkeys((*mine, DEBIAN)):
        where = f"{address.rstrip('/')}/{PLACE}/{PACKAGE}"
        command = [_FETCH, "download-file", where, str(coming), f"SHA256:{SHA256}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode == 0:
            coming.rename(package)
            return
        said = (done.stderr or done.stdout).strip()[-500:]
    raise CannotBuild(f"snac2 could not be fetched: {said}")


def _run(program: Path, *words: str | Path, said: str = "") -> str:
    done = subprocess.run([program, *words], input=said, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
