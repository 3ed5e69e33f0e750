"""Running the unpacked image as the compose file says: as nobody special, with nothing to write on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from integration.images import Image

USER = 10001
_INSIDE = """
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/config"
mount --bind "$3" "$1/data"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs -o size=1g,mode=1777,noexec,nosuid,nodev tmp "$1/tmp"
mount -t tmpfs -o mode=0755,nosuid,noexec dev "$1/dev"
for device in null zero full random urandom; do
  touch "$1/dev/$device"
  mount --bind "/dev/$device" "$1/dev/$device"
done
mkdir "$1/dev/shm"
mount -t tmpfs -o size=512m,mode=1777,noexec,nosuid,nodev shm "$1/dev/shm"
root="$1" user="$4"
shift 4
cd "$root/app"
exec chroot "$root" /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups \
  --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
"""


@dataclass
class Box:
    """A container without an engine: the image, its two folders, and what is in its environment besides."""

    image: Image
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The folder that is mounted at /config."""
        return self.folder / "config"

    @property
    def data(self) -> Path:
        """The volume that is mounted at /data."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """What the worker has said."""
        return (self.folder / "log").read_text()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the worker, as `docker compose exec` does."""
        return subprocess.run(
            self._wrapped(command), capture_output=True, text=True, check=False, timeout=120, env={}
        )

    @contextmanager
    def worker(self) -> Iterator[int]:
        """The worker at work; gives its process id."""
        with (self.folder / "log").open("wb") as log:
            started = subprocess.Popen(
                self._wrapped(self.image.command()), stdout=log, stderr=log, env={}, start_new_session=True
            )
        try:
            yield started.pid
        finally:
            if started.poll() is None:
                self.stop(started.pid)
                started.wait(60)
            assert started.returncode == 0, self.log

    def stop(self, pid: int) -> None:
        """End it as Docker does, by a signal to its first process."""
        (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)

    def _wrapped(self, command: tuple[str, ...] | list[str]) -> list[str]:
        environ = ["HOME=/data", *self.image.config["Env"]]
        environ += [f"{name}={value}" for name, value in self.environ.items()]
        inside = ["/usr/bin/env", "--ignore-environment", f"--chdir={self.image.config['WorkingDir']}"]
        return [
            *(
                "/usr/bin/unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "/bin/sh",
                "-c",
                _INSIDE,
                "sh",
            ),
            *(str(self.image.root), str(self.config), str(self.data), str(USER)),
            *(*inside, *environ, *command),
        ]


def make_box(image: Image, folder: Path, environ: Mapping[str, str]) -> Box:
    """A container that was never started: an empty volume, and a folder for the configuration."""
    made = Box(image, folder, environ)
    for place in (made.config, made.data):
        place.mkdir(mode=0o700)
        os.chown(place, USER, USER)
    return made


def wait_until(true: Callable[[], object], seconds: float, say: Callable[[], str]) -> float:
    """Wait until it comes true; gives the seconds that it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, say()
        time.sleep(0.5)
    return time.monotonic() - began
