"""Taking captures: what the page of a post shows, as honestly as a machine can say it."""

import os
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from monitor.captures import Capture, Kind, Order, Progress
from monitor.evidence import archive, walls
from monitor.evidence.archive import Paper
from monitor.evidence.child import Child, Gone
from monitor.evidence.messages import (
    ANSWER,
    ASK,
    PAGE,
    PICTURE,
    READY,
    SETTING,
    Ask,
    Missed,
    Ready,
    Seen,
    Setting,
)
from monitor.evidence.record import NOT_COPIED, Maker, Outcome, headers_as_received, post_as_read, record

BY_HAND = (
    "Take one by hand: open the address in a browser that is not logged in, so that address, date and "
    "time can be seen, press Print Screen, and keep the picture under this alert's number."
)
NO_BROWSER = "No screen print: there is no browser on this machine."
_NOT_FOUND = (
    "The post's words were not found on the page: it may have been removed or changed, or the page shows it "
    "in another way. The picture shows the page, not the post."
)
_PAGE_LOCKED = (
    "The words round the post suggest an indecent image of a child, so nothing of the page was kept. "
    "Do not open the address to look for it."
)
_PAGES_PER_CHILD = 50
_START_SECONDS = 90.0
_MOST_BYTES = 64 * 1024 * 1024
_WORDS = 400
_PNG = b"\x89PNG\r\n\x1a\n"


class CaptureFailed(Exception):
    """There is no capture yet; a later try may bring one."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _nothing_locks(_: str) -> bool:
    return False


class Camera:
    """Takes one capture at a time, from one thread; its browser lives in a process that knows no secret.

    `allow` holds hosts (`host` or `host:port`) that may be read although they are local. `locks` says
    whether the words of a page suggest an indecent image of a child: then nothing of it is kept.
    `seconds` is how long one page may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        browser: Path | None,
        now: Callable[[], datetime],
        versions: str,
        allow: frozenset[str] = frozenset(),
        proxy: str | None = None,
        ca_bundle: Path | None = None,
        locks: Callable[[str], bool] = _nothing_locks,
        seconds: float = 60,
    ) -> None:
        self._folder = folder
        self._browser = browser
        self._now = now
        self._maker = Maker(software=versions, host=socket.gethostname())
        self._allow = allow
        self._proxy = proxy
        self._ca_bundle = ca_bundle
        self._locks = locks
        self._seconds = seconds
        self._child: Child | None = None
        self._ready: Ready | None = None
        self._taken = 0
        archive.sweep(folder, now())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, order: Order, at: datetime) -> Capture:
        """Keep a post as it is now; a second call for the same order gives the first one's capture.

        A locked order is recorded without anything being opened. Raises CaptureFailed when a later try
        may bring more; what can never be had is said in the capture's limits.
        """
        if (earlier := self._earlier(order)) is not None:
            return earlier
        if order.media_lock:
            return self._file(order, _locked(at))
        if self._browser is None:
            return self.give_up(order, NO_BROWSER, at)
        if not order.url.startswith(("http://", "https://")):
            return self.give_up(order, "The post has no address on the web.", at)
        return self._file(order, self._visit(order, self._browser))

    def give_up(self, order: Order, reason: str, at: datetime) -> Capture:
        """Record that there is no screen print and why, as when the last try has failed."""
        if (earlier := self._earlier(order)) is not None:
            return earlier
        return self._file(order, _locked(at) if order.media_lock else _without(at, reason))

    def close(self) -> None:
        """End the browser's process and everything that it started."""
        child, self._child, self._ready = self._child, None, None
        if child is not None:
            child.stop()

    def _earlier(self, order: Order) -> Capture | None:
        return archive.find(self._folder, order.school, order.id)

    def _visit(self, order: Order, browser: Path) -> Outcome:
        """Have the page looked at, and think about what came back."""
        child, ready = self._started(browser)
        folder = child.scratch / f"page-{self._taken}"
        folder.mkdir(mode=0o700)
        words = tuple(words[:_WORDS] for words in (order.text, order.title) if words.strip())
        ask = Ask(url=order.url, words=words, folder=folder, seconds=0.9 * self._seconds)
        try:
            answer = ANSWER.validate_json(child.ask(ASK.dump_json(ask), self._seconds))
            return self._judged(order, answer, folder, ready)
        except Gone as error:
            self.close()
            raise CaptureFailed(
                f"The page was given up after {self._seconds:g} s at most: {error}."
            ) from error
        except (ValidationError, OSError) as error:
            self.close()
            raise CaptureFailed(
                f"The browser's answer could not be used ({type(error).__name__})."
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _started(self, browser: Path) -> tuple[Child, Ready]:
        """A process that is ready; a new one after a number of pages, since browsers grow."""
        self._taken += 1
        if self._taken > _PAGES_PER_CHILD:
            self.close()
        if self._child is None or self._ready is None:
            self._child, self._taken = Child(), 1
            self._ready = self._greeted(self._child, browser)
        return self._child, self._ready

    def _greeted(self, child: Child, browser: Path) -> Ready:
        setting = Setting(
            browser=browser,
            scratch=child.scratch,
            allow=self._allow,
            proxy=self._proxy,
            ca_bundle=self._ca_bundle,
        )
        try:
            ready = READY.validate_json(child.ask(SETTING.dump_json(setting), _START_SECONDS))
        except (Gone, ValidationError) as error:
            self.close()
            raise CaptureFailed(f"The browser could not be started: {error}.") from error
        if isinstance(ready, Missed):
            self.close()
            raise CaptureFailed(f"The browser could not be started: {ready.missed}.")
        return ready

    def _judged(self, order: Order, answer: Seen | Missed, folder: Path, ready: Ready) -> Outcome:
        """What an answer amounts to: the post, a page without it, a wall before it, or nothing yet."""
        at = self._now()
        if isinstance(answer, Missed):
            if answer.again:
                raise CaptureFailed(_sentence(answer.missed, *ready.limits))
            return replace(_without(at, _sentence(answer.missed)), ready=ready)
        if walls.passes(answer.headers.status):
            raise CaptureFailed(f"The address answered with an error ({answer.headers.status}).")
        if self._locks(f"{answer.look.title}\n{answer.look.text}"):
            return replace(_without(at, _PAGE_LOCKED, by_hand=False), ready=ready, locks=True)
        wall = walls.refusal(answer.headers.status) or walls.wall(order.url, answer.url, answer.look)
        if wall is not None:
            headers = headers_as_received(answer.headers, answer.url)
            return replace(_without(at, _sentence(wall)), papers=(headers,), seen=answer, ready=ready)
        return _pictured(answer, folder, ready, at)

    def _file(self, order: Order, outcome: Outcome) -> Capture:
        papers = (
            outcome.papers
            if order.media_lock
            else (*outcome.papers, post_as_read(order, locked=outcome.locks))
        )
        try:
            return archive.keep(self._folder, record(order, outcome, self._maker), papers)
        except OSError as error:
            raise CaptureFailed(f"The evidence could not be written: {error.strerror or error}.") from error


def _locked(at: datetime) -> Outcome:
    return Outcome(kind=Kind.METADATA_ONLY, progress=Progress.COMPLETE, captured_at=at, limits=(NOT_COPIED,))


def _without(at: datetime, reason: str, *, by_hand: bool = True) -> Outcome:
    return Outcome(
        kind=Kind.METADATA_ONLY,
        progress=Progress.LIMITED,
        captured_at=at,
        limits=(reason, BY_HAND) if by_hand else (reason,),
    )


def _pictured(seen: Seen, folder: Path, ready: Ready, at: datetime) -> Outcome:
    picture = _content(folder / PICTURE)
    if not picture.startswith(_PNG):
        raise OSError("the picture is not a picture")
    papers = (
        Paper(name=PICTURE, role="screenshot", media_type="image/png", content=picture),
        Paper(name=PAGE, role="page", media_type="text/html", content=_content(folder / PAGE)),
        headers_as_received(seen.headers, seen.url),
    )
    return Outcome(
        kind=Kind.ELEMENT_SCREENSHOT if seen.look.element else Kind.PAGE_SCREENSHOT,
        progress=Progress.LIMITED if seen.look.words < 0 else Progress.COMPLETE,
        captured_at=at,
        limits=(*_shortcomings(seen), *ready.limits),
        papers=papers,
        seen=seen,
        ready=ready,
    )


def _shortcomings(seen: Seen) -> tuple[str, ...]:
    """What a person must know before they rely on the picture."""
    look = seen.look
    told = {
        _NOT_FOUND: look.words < 0,
        "Only the post's title was found on the page, not the beginning of its text.": look.words > 0,
        "The picture shows the whole page: the post's own part of it could not be told apart.": look.words
        >= 0
        and not look.element,
        f"The picture ends after {seen.cut_at} pixels: the rest was too tall.": seen.cut_at is not None,
        "Something on the page covers part of the post, perhaps a question about cookies.": look.covered,
        f"{seen.inline_media} pictures, films, sounds or fonts that are written into the page itself were "
        "left out of page.html; page_received_sha256 is the hash of the page with them.": seen.inline_media
        > 0,
    }
    return tuple(sentence for sentence, holds in told.items() if holds)


def _content(path: Path) -> bytes:
    """A file that the photographer left; never through a link, and never more than we can hold."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(f"{path.name} is too large")
    return content


def _sentence(*parts: str) -> str:
    """Parts as one sentence that begins and ends as sentences do."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
