"""Taking captures: what the page of a post shows, as honestly as a machine can say it."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from monitor.captures import Capture, Kind, Link, Order, Progress, Taken
from monitor.clues import Clue, telling
from monitor.evidence import archive, walls
from monitor.evidence.archive import Paper
from monitor.evidence.card import DRAWN, draw, reconstructed
from monitor.evidence.card import NAME as CARD
from monitor.evidence.child import Child, Gone, sweep
from monitor.evidence.messages import (
    ANSWER,
    ARCHIVE,
    ASK,
    GO,
    MOST_WORDS,
    PAGE,
    PICTURE,
    READY,
    SETTING,
    WORDS,
    Ask,
    Go,
    Look,
    Looked,
    Missed,
    Ready,
    Seen,
    Setting,
    Step,
)
from monitor.evidence.record import (
    NOT_COPIED,
    Maker,
    Outcome,
    answer_kept,
    headers_as_received,
    post_as_read,
    record,
    sealed_off,
)
from monitor.evidence.sealing import Sealer
from monitor.evidence.strip import with_strip
from monitor.evidence.timekeeping import UNKNOWN, Timekeeping
from monitor.evidence.walls import Wall

SECONDS = 55.0
"""What one capture may take: less than a minute, so that the next post gets its first try within one."""
NO_BROWSER = "No screen print: there is no browser on this machine."
_NOT_FOUND = (
    "The post's words were not found on the page: it may have been removed or changed, or the page shows it "
    "in another way. The picture shows the page, not the post."
)
_PAGE_LOCKED = (
    "The words round the post suggest an indecent image of a child, so nothing of the page was kept. "
    "Do not open the address to look for it."
)
_PAGE_MARKED = (
    "The site itself marks this post, or something beside it, as sensitive, so nothing of the page was kept. "
    "Do not open the address to look for it."
)
_NOT_AGAIN = "Without pictures, since earlier tries of this page failed."
_TRIES_WITH_PICTURES = 2
_NOT_CHECKED = "Without pictures, since not all words of the page could be checked."
_TITLE_ALONE = (
    "Only the post's title was found on the page, not the beginning of its text: it may have been removed or "
    "changed, or the page shows it in another way. The picture shows the page, not the post."
)
_MENTIONS_LOSS = (
    "Near the post's words the page says that something is gone or not available. If that is the post, the "
    "picture shows where its words were repeated, not the post."
)
_CARD_BESIDE = "card.png is no screen print: it was drawn from data, the words that the source gave."
_NO_END = "The beginning of the post's text was found on the page, but not its end as the source gave it."
_NOT_APART = "The picture shows the whole page: the post's own part of it could not be told apart."
_INLINE = (
    "{} pictures, films, sounds or fonts that are written into the page itself were left out of page.html "
    "and page.wacz; page_received_sha256 is of the page with them."
)
_PAGES_PER_CHILD = 50
_PAGES_BETWEEN_LOOKS = 5
_MOST_MEMORY = 1024 * 1024 * 1024
_PIECE, _OVERLAP = 100_000, 1_000
_LONGEST_LETTER = 4
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
    whether the words of a page suggest an indecent image of a child: then nothing of it is kept. `pictures`
    says whether a second visit may fetch the pictures of a page, where its words and the order allow it.
    `seconds` is how long one capture may take, both visits together. `run`, `settings_sha256`
    and `timekeeping` are for the record (record.Maker). With a `sealer` every file is sealed as it is filed.
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
        pictures: bool = False,
        seconds: float = SECONDS,
        run: str = "",
        settings_sha256: str = "",
        timekeeping: Callable[[], Timekeeping] = lambda: UNKNOWN,
        sealer: Sealer | None = None,
    ) -> None:
        self._folder = folder
        self._browser = browser
        self._now = now
        self._maker = Maker(
            software=versions,
            host=socket.gethostname(),
            run=run,
            settings_sha256=settings_sha256,
            timekeeping=timekeeping,
        )
        self._sealer = sealer
        self._allow = allow
        self._proxy = proxy
        self._ca_bundle = ca_bundle
        self._locks = locks
        self._pictures = pictures
        self._seconds = seconds
        self._child: Child | None = None
        self._ready: Ready | None = None
        self._taken = 0
        archive.sweep(folder, now())
        sweep(now())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, order: Order, at: datetime) -> Taken:
        """Take a post as it is now; a second call for the same order gives what the first one took.

        A locked order is recorded without anything being opened. Raises CaptureFailed when a later try
        may bring more; what can never be had is said in the capture's limits.
        """
        if (earlier := self._earlier(order)) is not None:
            return earlier
        if order.media_lock:
            return self.file(order, _locked(at))
        if self._browser is None:
            return self.give_up(order, NO_BROWSER, at)
        if not order.url.startswith(("http://", "https://")):
            return self.give_up(order, "The post has no address on the web.", at)
        return self.file(order, self._visit(order, self._browser))

    def give_up(self, order: Order, reason: str, at: datetime) -> Taken:
        """Record that there is no screen print and why, as when the last try has failed."""
        if (earlier := self._earlier(order)) is not None:
            return earlier
        return self.file(order, _locked(at) if order.media_lock else _without(at, reason))

    def withhold(self, order: Order, taken: Taken, at: datetime) -> Taken:
        """In place of what was taken of a post that was locked before it was booked: a record, and nothing
        else. Raises CaptureFailed.
        """
        self.discard(taken)
        return self.file(order.locked(), _locked(at))

    def discard(self, taken: Taken) -> None:
        """Remove what was taken and can never be booked, since it was locked. Raises CaptureFailed."""
        try:
            archive.remove(self._folder, taken.school, taken.id)
        except OSError as error:
            raise _unwritten(error) from error

    def place(self, taken: Taken, link: Link) -> Capture:
        """Give what was taken its place in its school's chain (archive.place). Raises CaptureFailed."""
        try:
            return archive.place(self._folder, taken, link)
        except OSError as error:
            raise _unwritten(error) from error

    def close(self) -> None:
        """End the browser's process and everything that it started."""
        child, self._child, self._ready = self._child, None, None
        if child is not None:
            child.stop()

    def _earlier(self, order: Order) -> Taken | None:
        earlier = archive.find(self._folder, order.school, order.id)
        locked_since = earlier is not None and order.media_lock and not earlier.locks
        # Staged before a crash and never booked: what was taken of it goes before anybody sees it.
        if earlier is not None and locked_since and archive.discard(self._folder, earlier):
            return None
        return earlier

    def _visit(self, order: Order, browser: Path) -> Outcome:
        """Have the page looked at, and think about what came back."""
        child, ready = self._started(browser)
        folder = child.scratch / f"page-{self._taken}"
        folder.mkdir(mode=0o700)
        ask = Ask(url=order.url, words=_sought(order), folder=folder, seconds=0.9 * self._seconds)
        try:
            return self._talked(order, child, ask, ready)
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
        except CaptureFailed:
            raise
        except BaseException:
            self.close()  # in the middle of a talk: the process waits for a word that never comes
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _started(self, browser: Path) -> tuple[Child, Ready]:
        """A process that is ready; a new one after a number of pages or when it has grown, as browsers do."""
        self._taken += 1
        if self._taken > _PAGES_PER_CHILD or self._has_grown():
            self.close()
        if self._child is None or self._ready is None:
            self._child, self._taken = Child(), 1
            self._ready = self._greeted(self._child, browser)
        return self._child, self._ready

    def _has_grown(self) -> bool:
        """Whether the browsers hold too much; looked at now and then, since it goes through all processes."""
        if self._child is None or self._taken % _PAGES_BETWEEN_LOOKS:
            return False
        return self._child.memory() > _MOST_MEMORY

    def _greeted(self, child: Child, browser: Path) -> Ready:
        setting = Setting(
            browser=browser,
            scratch=child.scratch,
            allow=self._allow,
            proxy=self._proxy,
            ca_bundle=self._ca_bundle,
            software=self._maker.software,
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

    def _talked(self, order: Order, child: Child, ask: Ask, ready: Ready) -> Outcome:
        """Have the page looked at, decide what is to be done with it, and take in what was kept."""
        said: list[str] = []
        until = time.monotonic() + self._seconds
        answer = ANSWER.validate_json(child.ask(ASK.dump_json(ask), self._seconds))
        while isinstance(answer, Looked):
            wall = None
            if not answer.printed:
                wall = walls.wall(order, answer.url, answer.headers.status, answer.look)
            if wall is not None and wall.passes and not answer.pictures:
                child.tell(GO.dump_json(Go(Step.LEAVE)))
                raise CaptureFailed(_sentence(wall.reason))
            if (refused := self._refused(answer, wall, ask.folder, ready)) is not None:
                child.tell(GO.dump_json(Go(Step.LEAVE)))
                return refused
            step = self._step(order, answer, wall)
            if step is Step.PRINT and not answer.pictures and self._wants(order, answer):
                said.append(_NOT_CHECKED if not answer.whole else _NOT_AGAIN)
            answer = ANSWER.validate_json(child.ask(GO.dump_json(Go(step)), until - time.monotonic()))
        at = self._now()
        if isinstance(answer, Missed):
            if answer.again:
                raise CaptureFailed(_sentence(answer.missed, *ready.limits))
            return replace(_without(at, _sentence(answer.missed)), ready=ready)
        if (wall := walls.wall(order, answer.url, answer.headers.status, answer.look)) is not None:
            return _walled(wall, answer, ready, at)  # it rose while the print was made
        outcome = _pictured(order, answer, ask.folder, ready, at)
        return replace(outcome, limits=(*said, *outcome.limits))

    def _refused(self, looked: Looked, wall: Wall | None, folder: Path, ready: Ready) -> Outcome | None:
        """What a page amounts to of which nothing is kept: it locks, or is a wall; None for any other."""
        at = self._now()
        if looked.look.sensitive:
            return replace(_without(at, _PAGE_MARKED), ready=ready, locks=True)
        if any(self._locks(piece) for piece in _pieces(folder / WORDS)):
            return replace(_without(at, _PAGE_LOCKED), ready=ready, locks=True)
        if wall is None or looked.pictures:
            return None
        return _walled(wall, looked, ready, at)

    def _step(self, order: Order, looked: Looked, wall: Wall | None) -> Step:
        """What is to be done with a page of which something is kept."""
        if looked.pictures:
            shown = wall is None and looked.whole and looked.look.words >= 0
            return Step.PRINT if shown else Step.PLAIN
        # A page may hang just because of its pictures; then it is had without them, and not never.
        may = looked.whole and order.attempts < _TRIES_WITH_PICTURES
        return Step.PICTURES if may and self._wants(order, looked) else Step.PRINT

    def _wants(self, order: Order, looked: Looked) -> bool:
        """Whether a second visit is wanted, for the pictures."""
        return self._pictures and order.may_show_pictures() and looked.look.words >= 0 and not looked.printed

    def file(self, order: Order, outcome: Outcome) -> Taken:
        """Put what a try, or a person, brought where it can be booked. Raises CaptureFailed."""
        outcome = with_strip(order, _with_answer(order, reconstructed(order, outcome)))
        papers = outcome.papers
        if not order.media_lock and not order.requested_by:
            papers = (*papers, post_as_read(order, locked=outcome.locks))
        told = record(order, outcome, self._maker)
        if self._sealer is not None:
            told = sealed_off(told)
        try:
            return archive.stage(self._folder, told, papers, self._sealer)
        except OSError as error:
            raise _unwritten(error) from error


def _sought(order: Order) -> tuple[str | Clue, ...]:
    """What the page is searched for: the beginning of the text, or of the title."""
    if order.sealed is not None:
        return order.sealed.clues
    return tuple(telling(words)[:_WORDS] for words in walls.sought(order))


def _with_answer(order: Order, outcome: Outcome) -> Outcome:
    """The outcome with what the platform answered of the post: its chief file where there is no other."""
    answer = answer_kept(order)
    if answer is None or order.media_lock or outcome.locks:
        return outcome
    kind = Kind(answer.role) if outcome.kind is Kind.METADATA_ONLY else outcome.kind
    return replace(outcome, kind=kind, papers=(*outcome.papers, answer))


def _pieces(words: Path) -> Iterator[str]:
    """All words of a page, a piece at a time, each with the end of the one before."""
    text = _content(words, MOST_WORDS * _LONGEST_LETTER).decode("utf-8", "replace")
    for start in range(0, max(len(text), 1), _PIECE):
        yield text[max(start - _OVERLAP, 0) : start + _PIECE]


def _unwritten(error: OSError) -> CaptureFailed:
    return CaptureFailed(f"The evidence could not be written: {error.strerror or error}.")


def _locked(at: datetime) -> Outcome:
    return Outcome(kind=Kind.METADATA_ONLY, progress=Progress.COMPLETE, captured_at=at, limits=(NOT_COPIED,))


def _without(at: datetime, reason: str) -> Outcome:
    return Outcome(kind=Kind.METADATA_ONLY, progress=Progress.LIMITED, captured_at=at, limits=(reason,))


def _walled(wall: Wall, seen: Looked | Seen, ready: Ready, at: datetime) -> Outcome:
    """What stood in the post's place, and how it came; nothing of the page."""
    headers = headers_as_received(seen.headers, seen.url)
    return replace(_without(at, _sentence(wall.reason)), papers=(headers,), seen=seen, ready=ready)


def _pictured(order: Order, seen: Seen, folder: Path, ready: Ready, at: datetime) -> Outcome:
    """The picture and what belongs to it."""
    picture = _content(folder / PICTURE)
    if not picture.startswith(_PNG):
        raise OSError("the picture is not a picture")
    kind = Kind.ELEMENT_SCREENSHOT if seen.look.element else Kind.PAGE_SCREENSHOT
    papers = (
        Paper(name=PICTURE, role=kind, media_type="image/png", content=picture),
        Paper(name=PAGE, role="page", media_type="text/html", content=_content(folder / PAGE)),
        Paper(
            name=ARCHIVE,
            role=Kind.PAGE_ARCHIVE,
            media_type="application/wacz",
            content=_content(folder / ARCHIVE),
        ),
        headers_as_received(seen.headers, seen.url),
    )
    outcome = Outcome(
        kind=kind,
        progress=Progress.LIMITED if _is_doubtful(order, seen.look) else Progress.COMPLETE,
        captured_at=at,
        limits=(*_shortcomings(order, seen), *seen.limits, *ready.limits),
        papers=papers,
        seen=seen,
        ready=ready,
    )
    title_alone = seen.look.words > 0 and bool(order.text.strip())
    return _with_card(order, outcome) if title_alone else outcome


def _with_card(order: Order, outcome: Outcome) -> Outcome:
    """The outcome with a card behind its print, of the words that the page did not show."""
    drawn = draw(order, outcome.captured_at)
    card = Paper(name=CARD, role=Kind.RENDERED_CARD, media_type="image/png", content=drawn.png)
    said = (_CARD_BESIDE, *(limit for limit in drawn.limits if limit != DRAWN))
    return replace(outcome, limits=(*outcome.limits, *said), papers=(*outcome.papers, card))


def _shortcomings(order: Order, seen: Seen) -> tuple[str, ...]:
    """What a person must know before they rely on the picture."""
    look = seen.look
    told = {
        _NOT_FOUND: _is_missed(order, look),
        _TITLE_ALONE: look.words > 0,
        _MENTIONS_LOSS: walls.mentions_loss(order, look),
        _NO_END: not walls.shows_the_end(order, look),
        _NOT_APART: look.words == 0 and not look.element,
        f"The picture ends after {seen.cut_at} pixels: the rest was too tall.": seen.cut_at is not None,
        "Something on the page covers part of the post, perhaps a question about cookies.": look.covered,
        _INLINE.format(seen.inline_media): seen.inline_media > 0,
    }
    return tuple(sentence for sentence, holds in told.items() if holds)


def _is_doubtful(order: Order, look: Look) -> bool:
    """Whether the picture may show something else than the post, or not all of it."""
    return _is_missed(order, look) or look.words > 0 or look.covered or walls.mentions_loss(order, look)


def _is_missed(order: Order, look: Look) -> bool:
    """Whether there were words to be found on the page, and they were not."""
    return bool(_sought(order)) and look.words < 0


def _content(path: Path, most: int = _MOST_BYTES) -> bytes:
    """A file that the photographer left; never through a link, and never more than we can hold."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path.name} is too large")
    return content


def _sentence(*parts: str) -> str:
    """Parts as one sentence that begins and ends as sentences do."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
