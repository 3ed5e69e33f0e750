"""The process that owns the browser: it looks at pages that strangers wrote, so it is given nothing to lose.

Runs as `python -m monitor.evidence.photographer`, started by the camera with an empty environment.
It reads what to look at from standard input, one JSON object a line, and answers on standard output.
Only this module knows Playwright.
"""

import base64
import hashlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Request,
    Response,
    Route,
    sync_playwright,
)
from playwright.sync_api import BrowserType as Chromium
from playwright.sync_api import TimeoutError as TookTooLong

from monitor.evidence import authorities, processes
from monitor.evidence.messages import (
    ANSWER,
    ASK,
    PAGE,
    PICTURE,
    READY,
    SETTING,
    Ask,
    Headers,
    Hop,
    Look,
    Missed,
    Ready,
    Seen,
    Setting,
)
from monitor.evidence.tunnel import Tunnel
from monitor.network import Guard

MOST_BYTES = 40 * 1024 * 1024
MOST_MEMORY = 2 * 1024 * 1024 * 1024
MOST_HEIGHT = 8000
VIEWPORT_WIDTH, VIEWPORT_HEIGHT = 1280, 1024
_MARGIN = 8
_FIRST_ERROR = 400
_TRIES = 3
_STILL = 2.0

# What a page needs to show its words. Everything else (pictures, films, sound, fonts, prefetches,
# beacons, manifests, embedded objects) is left out at the request.
_NEEDED = frozenset({"document", "stylesheet", "script", "xhr", "fetch", "eventsource"})
_MEDIA = frozenset({"image", "media", "font", "texttrack"})
_MEDIA_TYPES = ("image/", "video/", "audio/", "font/", "application/font", "application/vnd.ms-fontobject")
_MEDIA_NAMES = re.compile(
    r"\.(?:jpe?g|jfif|png|gif|webp|avif|heic|bmp|tiff?|ico|svgz?|mp4|m4v|mov|webm|mkv|avi|mp3|m4a|ogg|wav|woff2?|ttf|otf)$",
    re.IGNORECASE,
)
_INLINE_MEDIA = re.compile(rb"""data:(?:image|video|audio|font)/[^"'\s<>)\\]*""", re.IGNORECASE)
_SECRET_HEADERS = frozenset({"cookie", "set-cookie", "authorization", "proxy-authorization"})
_NET_ERROR = re.compile(r"net::(ERR_[A-Z_]+)")
_TOO_LARGE = f"the page is larger than {MOST_BYTES // 1024**2} MB"
_NEVER_A_PAGE = {
    "ERR_BLOCKED_BY_CLIENT": "the address gives a picture, film or sound, not a page; it was not fetched",
    "Download is starting": "the address gives a file to download, not a page; it was not kept",
}
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    # The maker's own servers hear nothing of us: some parts ask them whatever the switches above say.
    "--component-updater=url-source=http://127.0.0.1:9/",
    "--gaia-url=http://127.0.0.1:9/",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--no-first-run",
    # Pictures written into the page itself, or made by its scripts, pass no request hook.
    "--blink-settings=imagesEnabled=false",
    # Nothing but the tunnel can be reached, whatever part of the browser tries.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy",
)


class Unanswerable(Exception):
    """The page cannot be kept; `again` when a later try may."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class Photographer:
    """One warm browser, and a fresh, empty context for every page."""

    def __init__(self, setting: Setting, chromium: Chromium, tunnel: Tunnel) -> None:
        self._setting = setting
        self._chromium = chromium
        self._tunnel = tunnel
        self._browser, self._sandbox = self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Error):
            self._browser.close()

    def ready(self, limits: tuple[str, ...]) -> Ready:
        """What runs here; `limits` is what could not be set up."""
        with self._context() as context:
            user_agent = str(context.new_page().evaluate("navigator.userAgent"))
        return Ready(
            browser=f"Chromium {self._browser.version}",
            user_agent=user_agent,
            sandbox=self._sandbox,
            limits=limits,
        )

    def take(self, ask: Ask) -> Seen:
        """Look at one page. Raises Unanswerable, and Error where the browser itself fails."""
        self._tunnel.begin()
        if not self._browser.is_connected():
            self._browser, self._sandbox = self._launch()
        with self._context() as context:
            visit = _Visit(context, self._tunnel, ask)
            try:
                return visit.make()
            except Error as error:
                raise visit.failure(error) from error

    @contextmanager
    def _context(self) -> Iterator[BrowserContext]:
        context = self._browser.new_context(
            locale="en-GB",
            timezone_id="Europe/London",
            viewport={"width": VIEWPORT_WIDTH, "height": VIEWPORT_HEIGHT},
            accept_downloads=False,
            service_workers="block",
            reduced_motion="reduce",
        )
        try:
            yield context
        finally:
            with suppress(Error):
                context.close()

    def _launch(self) -> tuple[Browser, str]:
        if os.geteuid() == 0:
            return self._start(sandbox=False), "off: the monitor runs as root"
        try:
            return self._start(sandbox=True), "on"
        except Error as error:
            if "sandbox" not in str(error).lower():
                raise
        return self._start(sandbox=False), "off: this system or container does not allow the browser one"

    def _start(self, *, sandbox: bool) -> Browser:
        return self._chromium.launch(
            executable_path=self._setting.browser,
            chromium_sandbox=sandbox,
            args=list(_ARGUMENTS),
            # Playwright takes away the exception that browsers make for loopback addresses.
            proxy={"server": self._tunnel.url},
            timeout=45_000,
        )


class _Visit:
    """One page, from the first request to the picture."""

    def __init__(self, context: BrowserContext, tunnel: Tunnel, ask: Ask) -> None:
        self._context = context
        self._tunnel = tunnel
        self._ask = ask
        self._until = time.monotonic() + ask.seconds
        self._blocked = 0
        self._bodies: dict[str, bytes] = {}
        self._answer: Response | None = None
        self._going_to = ask.url
        self._page = self._opened()
        self._cdp = context.new_cdp_session(self._page)
        self._frame = str(self._cdp.send("Page.getFrameTree")["frameTree"]["frame"]["id"])
        self._watch_answers()

    def make(self) -> Seen:
        """Go there, find the post, take its picture, keep the page."""
        self._page.goto(self._ask.url, wait_until="domcontentloaded", timeout=1000 * self._left() / 2)
        look, cut_at = self._pictured(self._settled())
        headers, body = self._received()
        kept, inline = _INLINE_MEDIA.subn(b"data:,", body)
        (self._ask.folder / PAGE).write_bytes(kept)
        return Seen(
            url=self._page.url,
            headers=headers,
            look=look,
            pictured=True,
            cut_at=cut_at,
            # The browser does not even ask for pictures, so those are counted on the page.
            media_blocked=self._blocked + look.pictures,
            page_sha256=hashlib.sha256(body).hexdigest(),
            inline_media=inline,
        )

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 1.0)

    def _opened(self) -> Page:
        self._context.route("**/*", self._pass_or_block)
        # Without an answer from us no connection is made.
        self._context.route_web_socket("**/*", lambda _: None)
        page = self._context.new_page()
        page.on("request", self._note_request)
        page.on("response", self._note_answer)
        self._context.on("page", lambda popup: popup.close())
        return page

    def _pass_or_block(self, route: Route, request: Request) -> None:
        kind = request.resource_type
        media = kind in _MEDIA or _MEDIA_NAMES.search(urlsplit(request.url).path) is not None
        self._blocked += media
        if media or kind not in _NEEDED:
            route.abort("blockedbyclient")
        else:
            route.continue_()

    def _note_request(self, request: Request) -> None:
        if self._is_own(request):
            self._going_to = request.url

    def _note_answer(self, response: Response) -> None:
        if self._is_own(response.request):
            self._answer = response

    def _is_own(self, request: Request) -> bool:
        """Whether it is for the page itself, not for something on it."""
        return request.is_navigation_request() and request.frame == self._page.main_frame

    def _watch_answers(self) -> None:
        """Look at what each answer says it is before its body is read: a name can hide a picture."""
        kinds = ("Document", "XHR", "Fetch", "Script", "Stylesheet", "Other")
        self._cdp.on("Fetch.requestPaused", self._pass_or_fail)
        patterns = [{"requestStage": "Response", "resourceType": kind} for kind in kinds]
        self._cdp.send("Fetch.enable", {"patterns": patterns})

    def _pass_or_fail(self, event: dict[str, Any]) -> None:
        paused = {"requestId": event["requestId"]}
        headers = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", ())}
        with suppress(Error):  # the page has moved on, or is closed
            if headers.get("content-type", "").lower().startswith(_MEDIA_TYPES):
                self._blocked += 1
                self._cdp.send("Fetch.failRequest", paused | {"errorReason": "BlockedByClient"})
                return
            if self._is_page(event):
                self._bodies[event["networkId"]] = _body(self._cdp.send("Fetch.getResponseBody", paused))
            self._cdp.send("Fetch.continueRequest", paused)

    def _is_page(self, event: dict[str, Any]) -> bool:
        status = event.get("responseStatusCode", 0)
        redirect = status in (301, 302, 303, 307, 308)
        failed = "responseErrorReason" in event
        own = event.get("frameId") == self._frame and event["resourceType"] == "Document"
        return own and not redirect and not failed

    def _settled(self) -> Look:
        """Look until the post's words are there, or the page has had time enough to show them."""
        begun = time.monotonic()
        with suppress(TookTooLong):
            self._page.wait_for_load_state("load", timeout=1000 * min(5.0, self._left() / 4))
        look = self._look()
        while time.monotonic() - begun < self._patience(look):
            self._page.wait_for_timeout(400)
            look = self._look()
        return look

    def _patience(self, look: Look) -> float:
        """The seconds that a page gets to show the post: none once it is there or an error is sure."""
        if look.words == 0 or (self._answer is not None and self._answer.status >= _FIRST_ERROR):
            return 0
        return min(2.0 if look.words > 0 else 8.0, self._ask.seconds / 6)

    def _look(self) -> Look:
        world = self._cdp.send("Page.createIsolatedWorld", {"frameId": self._frame})
        asked = {
            "functionDeclaration": _FIND_POST,
            "executionContextId": world["executionContextId"],
            "arguments": [{"value": list(self._ask.words)}],
            "returnByValue": True,
        }
        found = self._cdp.send("Runtime.callFunctionOn", asked)
        if "exceptionDetails" in found:
            raise Unanswerable("the page could not be searched for the post", again=True)
        return Look(**found["result"]["value"])

    def _pictured(self, look: Look) -> tuple[Look, int | None]:
        """Take the picture, and look again: a page that moved meanwhile shows something else."""
        for _ in range(_TRIES):
            if self._tunnel.over:
                raise Unanswerable(_TOO_LARGE, again=False)
            document = self._document()
            cut_at = self._picture(look)
            after = self._look()
            if _same(look, after) and self._document() == document:
                return look, cut_at
            look = after
        raise Unanswerable("the page kept changing while its picture was taken", again=True)

    def _document(self) -> str:
        """The browser's own name for the document that is shown now."""
        return str(self._cdp.send("Page.getFrameTree")["frameTree"]["frame"]["loaderId"])

    def _received(self) -> tuple[Headers, bytes]:
        """How the shown document came, and its bytes."""
        if self._answer is None or not self._bodies or not self._page.url.startswith(("http:", "https:")):
            raise Unanswerable("the address gave no page", again=True)
        name, body = next(reversed(self._bodies.items()))
        if name != self._document():
            raise Unanswerable("the page led away from itself while its picture was taken", again=True)
        return _headers(self._answer, self._tunnel.addresses), body

    def _picture(self, look: Look) -> int | None:
        """Write the picture; the height at which it was cut, when the whole was too tall."""
        x, y = max(look.x - _MARGIN, 0), max(look.y - _MARGIN, 0)
        width = min(look.width + 2 * _MARGIN, VIEWPORT_WIDTH - x) if look.element else VIEWPORT_WIDTH
        height = look.height + (2 * _MARGIN if look.element else 0)
        self._page.screenshot(
            path=self._ask.folder / PICTURE,
            full_page=True,
            clip={"x": x, "y": y, "width": max(width, 1), "height": min(height, MOST_HEIGHT)},
            # Nothing is hidden, stopped or painted for the sake of a tidy picture.
            animations="allow",
            caret="initial",
            timeout=1000 * self._left(),
        )
        return MOST_HEIGHT if height > MOST_HEIGHT else None

    def failure(self, error: Error) -> Unanswerable:
        """What a failure of the browser means, in our words."""
        if self._tunnel.over:
            return Unanswerable(_TOO_LARGE, again=False)
        if (place := _place(self._going_to)) in self._tunnel.refused:
            reason = f"the address leads to a machine that is not on the internet ({place})"
            return Unanswerable(reason, again=False)
        for sign, reason in _NEVER_A_PAGE.items():
            if sign in str(error):
                return Unanswerable(reason, again=False)
        return Unanswerable(self._trouble(error), again=True)

    def _trouble(self, error: Error) -> str:
        host = urlsplit(self._going_to).hostname or self._going_to
        code = _NET_ERROR.search(str(error))
        name = code.group(1) if code else ""
        if isinstance(error, TookTooLong):
            return f"{host} did not show its page in time"
        if name.startswith("ERR_CERT"):
            return f"the browser does not trust the certificate of {host} ({name})"
        return (
            f"{host} could not be shown: {self._tunnel.troubles.get(host) or name or 'the browser stopped'}"
        )


_FIND_POST = Path(__file__).with_name("find_post.js").read_text("utf-8")


def _same(one: Look, other: Look) -> bool:
    """Whether two looks saw the post in the same place."""
    if (one.words, one.element) != (other.words, other.element):
        return False
    boxes = ((one.x, other.x), (one.y, other.y), (one.width, other.width), (one.height, other.height))
    return not one.element or all(abs(before - after) <= _STILL for before, after in boxes)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _body(answer: dict[str, Any]) -> bytes:
    return base64.b64decode(answer["body"]) if answer["base64Encoded"] else str(answer["body"]).encode()


def _headers(response: Response, addresses: dict[str, str]) -> Headers:
    secured = response.security_details()
    return Headers(
        status=response.status,
        request=_named(response.request.headers_array()),
        response=_named(response.headers_array()),
        chain=tuple(_chain(response.request)),
        remote_ip=addresses.get(urlsplit(response.url).hostname or ""),
        certificate=dict(secured) if secured else None,  # type: ignore[arg-type]  # a TypedDict of these
    )


def _named(headers: list[Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (header["name"], "(left out)" if header["name"].lower() in _SECRET_HEADERS else header["value"])
        for header in headers
    )


def _chain(request: Request) -> list[Hop]:
    hops: list[Hop] = []
    while (earlier := request.redirected_from) is not None:
        answer = earlier.response()
        status, location = (answer.status, answer.headers.get("location", "")) if answer else (0, "")
        hops.insert(0, Hop(url=earlier.url, status=status, location=location))
        request = earlier
    return hops


def _answer(photographer: Photographer, ask: Ask) -> Seen | Missed:
    try:
        return photographer.take(ask)
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
        with photographer:
            say(READY.dump_json(photographer.ready(limits)))
            for line in sys.stdin:
                say(ANSWER.dump_json(_answer(photographer, ASK.validate_json(line))))


def _first_line(error: Error) -> str:
    return str(error).strip().partition("\n")[0][:300]


if __name__ == "__main__":
    main()
