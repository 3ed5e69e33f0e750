"""The photographer's process as the camera sees it: started with nothing, asked, and ended."""

import fcntl
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from monitor.evidence import processes

_PREFIX = "monitor-camera-"
_HELD = "held"
"""A file that is locked while somebody uses the folder: the lock goes with them, however they end."""
_NEW_SECONDS = 60
_LONGEST_LINE = 4 * 1024 * 1024
_FAREWELL_SECONDS = 5


def sweep(at: datetime) -> None:
    """Remove the folders of those who died with all that they had started, as when the power failed.

    A page that was being looked at then lies in them as it came, sealed or not.
    """
    for scratch in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if scratch.lstat().st_uid == os.geteuid() and _is_abandoned(scratch, at):
                processes.end(scratch)


def _is_abandoned(scratch: Path, at: datetime) -> bool:
    """Whether nobody uses the folder; one that was made just now may not be held yet."""
    try:
        with (scratch / _HELD).open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return at.timestamp() - scratch.lstat().st_mtime > _NEW_SECONDS
    return True


def _hold(scratch: Path) -> BinaryIO:
    held = (scratch / _HELD).open("wb")
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


class Gone(Exception):
    """The process gave no answer and is gone; the message says how."""


class Child:
    """One process, its own group, its own temporary home, and an environment without a secret."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._held = _hold(self.scratch)
        self._got = b""
        with (self.scratch / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "monitor.evidence.photographer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.scratch,
                env=_environment(self.scratch),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def memory(self) -> int:
        """The bytes that the process and its browsers hold."""
        return processes.memory_of(self.scratch)

    def tell(self, line: bytes) -> None:
        """Say something that needs no answer; whoever cannot hear it fails at the next question."""
        with suppress(OSError):
            self._send(line)

    def ask(self, question: bytes, seconds: float) -> bytes:
        """The answer to one question. Raises Gone when it does not come in time; the process is then dead."""
        try:
            self._send(question)
            return self._line(time.monotonic() + seconds)
        except OSError as error:
            raise self._gone("it ended before it was asked") from error

    def stop(self) -> None:
        """End the process and everything it started, and leave nothing behind."""
        assert self._process.stdin is not None  # noqa: S101  # tells mypy what PIPE means
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_SECONDS)
        self._kill()

    def _send(self, question: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101  # tells mypy what PIPE means
        self._process.stdin.write(question + b"\n")
        self._process.stdin.flush()

    def _line(self, until: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  # tells mypy what PIPE means
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._got:
                if not ready.select(max(until - time.monotonic(), 0)):
                    raise self._gone("no answer came in time")
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece or len(self._got) > _LONGEST_LINE:
                    raise self._gone("the browser's process ended")
                self._got += piece
        line, _, self._got = self._got.partition(b"\n")
        return line

    def _gone(self, how: str) -> Gone:
        last = self._last_words()
        self._kill()
        return Gone(f"{how}: {last}" if last else how)

    def _last_words(self) -> str:
        """The kind of error that ended it; the rest of the line may quote a page, and is left out."""
        with suppress(OSError):
            lines = (self.scratch / "errors").read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
            names = [line.partition(":")[0] for line in lines if line and not line[0].isspace()]
            return names[-1][:100] if names and names[-1].rpartition(".")[2].isidentifier() else ""
        return ""

    def _kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        processes.end(self.scratch)
        self._process.wait()
        self._held.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _environment(home: Path) -> dict[str, str]:
    """All that the process knows of ours."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(home), "TMPDIR": str(home)}
