"""Building the real image without an engine: a Debian base by debootstrap, the Dockerfile by buildah."""

import ast
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
FRESH_SECONDS = 14 * 24 * 3600
BASE, NAME, BOX = "localhost/debian-base", "localhost/school-mention-monitor", "box"
_APT = Path("/etc/apt")


class CannotBuild(Exception):
    """This machine lacks something; the message says what."""


@dataclass(frozen=True)
class Archive:
    """One archive of packages that this machine installs from."""

    address: str
    suite: str
    components: str

    @property
    def line(self) -> str:
        """As it stands in a sources.list."""
        return f"deb {self.address} {self.suite} {self.components}\n"


@dataclass(frozen=True)
class Image:
    """The built image, unpacked."""

    root: Path
    config: dict[str, Any]
    seconds: float

    def command(self, *words: str) -> list[str]:
        """What runs in it when it is started with these words."""
        return [*self.config["Entrypoint"], *(words or self.config["Cmd"])]

    @property
    def health(self) -> list[str]:
        """The command of its health check."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return list(command)


@contextmanager
def built() -> Iterator[Image]:
    """The image, made anew from the working tree on a cached base; raises CannotBuild."""
    _need()
    base = _base()
    folder = Path(tempfile.mkdtemp(prefix="monitor-image-"))
    try:
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        began = time.monotonic()
        _import(folder, base)
        _build(folder)
        _buildah(folder, "from", "--pull-never", "--name", BOX, NAME)
        config = json.loads(_buildah(folder, "inspect", "--type", "image", NAME))["Docker"]["config"]
        yield Image(Path(_buildah(folder, "mount", BOX).strip()), config, time.monotonic() - began)
        _buildah(folder, "umount", BOX)
    finally:
        shutil.rmtree(folder)


def _need() -> None:
    missing = [
        tool for tool in ("buildah", "debootstrap", "setpriv", "unshare") if shutil.which(tool) is None
    ]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)}")
    if os.geteuid() != 0:
        raise CannotBuild("only root may make a Debian base")


def cache() -> Path:
    """The folder where what was fetched is kept for the next time."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "school-mention-monitor"
    kept.mkdir(parents=True, exist_ok=True)
    return kept


# --- The base -----------------------------------------------------------------------------------------------


def _base() -> Path:
    """A minimal Debian as an archive, kept in the user's cache for two weeks."""
    kept = cache() / f"{SUITE}-{platform.machine()}.tar"
    if kept.exists() and time.time() - kept.stat().st_mtime < FRESH_SECONDS:
        return kept
    with tempfile.TemporaryDirectory(dir=cache()) as scratch:
        tree = Path(scratch, "tree")
        _bootstrap(tree)
        made = Path(scratch, "base.tar")
        subprocess.run(["tar", "-C", tree, "-cf", made, "."], check=True)
        made.rename(kept)
    return kept


def _bootstrap(tree: Path) -> None:
    ours = [archive for archive in archives() if archive.suite.partition("-")[0] == SUITE]
    main = next((archive for archive in ours if archive.suite == SUITE), None)
    if main is None:
        raise CannotBuild(f"this machine's apt knows no archive of Debian {SUITE}")
    _run(["debootstrap", "--variant=minbase", SUITE, str(tree), main.address])
    (tree / "etc/apt/sources.list").write_text("".join(archive.line for archive in ours))
    ways = _run(["apt-config", "dump", "Acquire::http", "Acquire::https"])
    (tree / "etc/apt/apt.conf.d/90machine").write_text(ways)
    for package in (tree / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


def archives() -> Iterator[Archive]:
    """Where this machine's apt installs from, in both of the forms in which that is written."""
    for file in (_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*.list"))):
        for line in file.read_text().splitlines() if file.exists() else ():
            if match := re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line):
                yield Archive(match[1], match[2], match[3].strip())
    for file in sorted((_APT / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            fields = dict(re.findall(r"^(\w[\w-]*):\s*(.+)$", stanza, re.M))
            for address in fields.get("URIs", "").split() if "deb" in fields.get("Types", "").split() else ():
                for suite in fields.get("Suites", "").split():
                    yield Archive(address, suite, fields.get("Components", ""))


# --- The image ----------------------------------------------------------------------------------------------


def _import(folder: Path, base: Path) -> None:
    _buildah(folder, "from", "--name", "bare", "scratch")
    _buildah(folder, "add", "--quiet", "bare", str(base), "/")
    _buildah(folder, "commit", "--quiet", "--rm", "bare", BASE)


def _build(folder: Path) -> None:
    settings, volumes = _pip()
    (folder / "pip.conf").write_text(settings)
    mounts = [f"{folder / 'pip.conf'}:/etc/pip.conf:ro", *volumes]
    _buildah(
        folder,
        *("build", "--isolation", "chroot", "--format", "docker", "--pull-never"),
        *("--build-arg", f"BASE={BASE}", "--tag", NAME),
        *(f"--volume={mount}" for mount in mounts),
        str(ROOT),
    )


def _pip() -> tuple[str, list[str]]:
    """This machine's settings of pip, and the files and folders they speak of, to be seen inside as well."""
    told = _run([sys.executable, "-m", "pip", "config", "list"])
    pairs = [line.split("=", 1) for line in told.splitlines() if "=" in line]
    settings: dict[str, str] = {}
    volumes: dict[str, None] = {}
    for name, value in sorted(pairs, key=lambda pair: pair[0].startswith(":env:")):
        words = [_seen_inside(word) for word in str(ast.literal_eval(value)).split()]
        settings[name.rpartition(".")[2]] = " ".join(word for word, _ in words)
        volumes.update({volume: None for _, volume in words if volume})
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()), list(volumes)


def _seen_inside(word: str) -> tuple[str, str | None]:
    """How a word of pip's settings is written inside, and what must be mounted for it."""
    path = Path(word.removeprefix("file://"))
    if not path.is_absolute() or not path.exists():
        return word, None
    if path.is_file():
        # Under a name of its own: packages that are installed inside write to the usual places.
        inside = f"/run/machine{path}"
        return inside, f"{path}:{inside}:ro"
    # An index leads to files beside it.
    folder = path.parent if word.startswith("file://") else path
    return word, f"{folder}:{folder}:ro"


def _buildah(folder: Path, command: str, *words: str) -> str:
    storage = ("--root", f"{folder}/storage", "--runroot", f"{folder}/run", "--storage-driver", "vfs")
    policy = ("--signature-policy", f"{folder}/policy.json")
    takes_policy = command in ("from", "build", "commit")
    return _run(["buildah", *storage, command, *(policy if takes_policy else ()), *words])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
