"""The process that owns the browser: it looks at pages that strangers wrote, so it is given nothing to lose.

Runs as `python -m monitor.evidence.photographer`, started by the camera with an empty environment.
It reads what to look at from standard input, one JSON object a line, and answers on standard output.
Only this module knows Playwright.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from playwright.sync_api import Browser, BrowserContext, Error, sync_playwright
from playwright.sync_api import BrowserType as Chromium

from monitor.evidence import authorities, processes
from monitor.evidence.messages import (
    ANSWER,
    ASK,
    GO,
    READY,
    SETTING,
    Ask,
    Looked,
    Missed,
    Ready,
    Seen,
    Setting,
    Step,
)
from monitor.evidence.tunnel import Tunnel
from monitor.evidence.visit import (
    MOST_BYTES,
    VIEWPORT_HEIGHT,
    VIEWPORT_WIDTH,
    Judge,
    Left,
    Unanswerable,
    Visit,
)
from monitor.network import Guard

MOST_MEMORY = 2 * 1024 * 1024 * 1024
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    # The maker's own servers hear nothing of us: some parts ask them whatever the switches above say.
    "--component-updater=url-source=http://127.0.0.1:9/",
    "--gaia-url=http://127.0.0.1:9/",
    "--disable-gpu",
    "--disable-quic",
    # Not every browser of this family has this; none of them opens windows for a page that nobody clicks on.
    "--block-new-web-contents",
    # One process for all frames of a page, so that what is in them can be read and stopped as the page can.
    # No page finds a cookie or a secret of another here: every context is new and empty.
    "--disable-site-isolation-trials",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--no-first-run",
    # Nothing but the tunnel can be reached, whatever part of the browser tries.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy",
)
# Pictures written into the page itself, or made by its scripts, pass no request hook.
_NO_PICTURES = "--blink-settings=imagesEnabled=false"


class Photographer:
    """Warm browsers, and a fresh, empty context for every visit, opened ahead of it.

    The first browser shows no picture whatever a page does. The second, which does, is started when the
    camera first asks for one.
    """

    def __init__(self, setting: Setting, chromium: Chromium, tunnel: Tunnel) -> None:
        self._setting = setting
        self._chromium = chromium
        self._tunnel = tunnel
        self._sandbox = ""
        self._browsers: dict[bool, Browser] = {}
        self._opened: dict[bool, Visit] = {}
        self._browsers[False] = self._launch(pictures=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for browser in self._browsers.values():
            with suppress(Error):
                browser.close()

    def ready(self, limits: tuple[str, ...]) -> Ready:
        """What runs here; `limits` is what could not be set up."""
        context = self._context(pictures=False)
        user_agent = str(context.new_page().evaluate("navigator.userAgent"))
        context.close()
        self.tidy()
        return Ready(
            browser=f"Chromium {self._browsers[False].version}",
            user_agent=user_agent,
            sandbox=self._sandbox,
            limits=limits,
        )

    def take(self, ask: Ask, judge: Judge) -> Seen | None:
        """Print one page, as far as the camera wants it; None when nothing of it is to be kept.

        Raises Unanswerable.
        """
        until = time.monotonic() + ask.seconds
        visit = self._visit(pictures=False)
        try:
            step = judge(visit.arrive(ask, until))
            if step is Step.LEAVE:
                return None
            if step is Step.PICTURES:
                return self._with_pictures(ask, judge, visit, until)
            return visit.keep(judge)
        except Left:
            return None
        except Error as error:
            raise visit.failure(error) from error

    def tidy(self) -> None:
        """Close what was used, and open what the next page needs, while nobody waits."""
        self._tunnel.end()
        for pictures, browser in self._browsers.items():
            with suppress(Error):
                for context in browser.contexts:
                    if pictures not in self._opened or context != self._opened[pictures].context:
                        context.close()
                if pictures not in self._opened:
                    self._opened[pictures] = self._open(pictures=pictures)

    def _with_pictures(self, ask: Ask, judge: Judge, first: Visit, until: float) -> Seen | None:
        """Visit the page again with its pictures; where that fails, the first visit is printed without."""
        visit, received = None, self._tunnel.received
        try:
            visit = self._visit(pictures=True)
            # Half of what is left, so that there is enough for the first.
            step = judge(visit.arrive(ask, (time.monotonic() + until) / 2))
            if step is Step.LEAVE:
                return None
            if step is not Step.PLAIN:
                return visit.keep(judge)
            why = "the second visit showed another page"
        except Unanswerable as error:
            why = error.reason
        except Error as error:
            why = "its browser failed" if visit is None else visit.failure(error).reason
        self._go_back(visit, received)
        seen = first.keep(judge)
        return replace(
            seen,
            limits=(f"Without pictures, since the visit that was to fetch them failed: {why}.", *seen.limits),
        )

    def _go_back(self, second: Visit | None, received: int) -> None:
        """Leave the second visit: what it brought and still asks for must not count as the first's."""
        self._tunnel.end()
        if second is not None:
            with suppress(Error):
                second.context.close()
        self._tunnel.resume(received)

    def _visit(self, *, pictures: bool) -> Visit:
        """A visit that begins now."""
        self._tunnel.begin()
        browser = self._browsers.get(pictures)
        if browser is None or not browser.is_connected():
            self._opened.pop(pictures, None)
            self._browsers[pictures] = self._launch(pictures=pictures)
        opened = self._opened.pop(pictures, None)
        return opened if opened is not None and opened.is_open else self._open(pictures=pictures)

    def _open(self, *, pictures: bool) -> Visit:
        context = self._context(pictures=pictures)
        return Visit(context, self._tunnel, pictures=pictures, software=self._setting.software, now=_now)

    def _context(self, *, pictures: bool) -> BrowserContext:
        return self._browsers[pictures].new_context(
            locale="en-GB",
            timezone_id="Europe/London",
            viewport={"width": VIEWPORT_WIDTH, "height": VIEWPORT_HEIGHT},
            accept_downloads=False,
            service_workers="block",
            reduced_motion="reduce",
        )

    def _launch(self, *, pictures: bool) -> Browser:
        if os.geteuid() == 0:
            self._sandbox = "off: the monitor runs as root"
            return self._start(pictures=pictures, sandbox=False)
        try:
            self._sandbox = "on"
            return self._start(pictures=pictures, sandbox=True)
        except Error as error:
            if "sandbox" not in str(error).lower():
                raise
        self._sandbox = "off: this system or container does not allow the browser one"
        return self._start(pictures=pictures, sandbox=False)

    def _start(self, *, pictures: bool, sandbox: bool) -> Browser:
        return self._chromium.launch(
            executable_path=self._setting.browser,
            chromium_sandbox=sandbox,
            ignore_default_args=["--disable-popup-blocking"],
            args=[*_ARGUMENTS, *(() if pictures else (_NO_PICTURES,))],
            # Playwright takes away the exception that browsers make for loopback addresses.
            proxy={"server": self._tunnel.url},
            timeout=45_000,
        )


def _answer(photographer: Photographer, ask: Ask, judge: Judge) -> Seen | Missed | None:
    try:
        return photographer.take(ask, judge)
    except Unanswerable as error:
        return Missed(missed=error.reason, again=error.again)


def _believe(setting: Setting) -> tuple[str, ...]:
    """Set up the school's own authority; what is wrong, where that fails."""
    if setting.ca_bundle is None:
        return ()
    try:
        authorities.trust(setting.ca_bundle, setting.scratch)
    except OSError as error:
        return (f"the browser could not be told of the school's own certificate authority ({error})",)
    return ()


def _now() -> datetime:
    """This moment, in UTC: a process of its own has a clock of its own."""
    return datetime.now(UTC)  # noqa: TID251  # here the clock enters this process


def _watch(scratch: Path, parent: int) -> None:
    """End the browser when a page eats this machine's memory, and everything when the camera has died."""
    while True:
        time.sleep(0.5)
        if os.getppid() != parent:
            processes.end(scratch)
            os.killpg(os.getpgrp(), signal.SIGKILL)
        if processes.memory_of(scratch) > MOST_MEMORY:
            processes.kill(scratch)


def _own_lines() -> TextIO:
    """Standard output for our answers alone: whatever else is printed goes to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


def main() -> None:
    """Answer questions until standard input ends, and leave nothing behind, whoever is left to see it."""
    lines = _own_lines()

    def say(line: bytes) -> None:
        lines.write(line.decode() + "\n")
        lines.flush()

    setting = SETTING.validate_json(sys.stdin.readline())
    parent = os.getppid()
    threading.Thread(target=_watch, args=(setting.scratch, parent), daemon=True).start()
    try:
        _serve(setting, say)
    except BrokenPipeError:
        return  # the camera has died; nobody is left to be told
    finally:
        processes.end(setting.scratch)


def _serve(setting: Setting, say: Callable[[bytes], None]) -> None:
    limits = _believe(setting)
    with Tunnel(Guard(setting.allow), setting.proxy, MOST_BYTES) as tunnel, sync_playwright() as playwright:
        try:
            photographer = Photographer(setting, playwright.chromium, tunnel)
        except Error as error:
            reason = f"the browser does not start: {_first_line(error)}"
            say(READY.dump_json(Missed(missed=reason, again=True)))
            return

        def judge(looked: Looked) -> Step:
            say(ANSWER.dump_json(looked))
            return GO.validate_json(sys.stdin.readline()).step

        with photographer:
            say(READY.dump_json(photographer.ready(limits)))
            while line := sys.stdin.readline():
                answer = _answer(photographer, ASK.validate_json(line), judge)
                if answer is not None:
                    say(ANSWER.dump_json(answer))
                photographer.tidy()


def _first_line(error: Error) -> str:
    return str(error).strip().partition("\n")[0][:300]


if __name__ == "__main__":
    main()
