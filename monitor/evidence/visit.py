"""One visit of one page: there, a look before anything is kept, and the print of what was looked at.

Only this module and the photographer know Playwright.
"""

import base64
import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Error, Frame, Page, Request, Response, Route
from playwright.sync_api import TimeoutError as TookTooLong

from monitor.evidence import wacz
from monitor.evidence.answers import REDIRECTS, Answers
from monitor.evidence.messages import (
    ARCHIVE,
    MOST_WORDS,
    PAGE,
    PICTURE,
    WORDS,
    Ask,
    Headers,
    Hop,
    Look,
    Looked,
    Seen,
    Step,
)
from monitor.evidence.tunnel import Tunnel

MOST_BYTES = 40 * 1024 * 1024
MOST_HEIGHT = 8000
VIEWPORT_WIDTH, VIEWPORT_HEIGHT = 1280, 1024
_MOST_FRAMES = 30
_MARGIN = 8
_FIRST_ERROR = 400
_TRIES = 3
_STILL = 2.0
_LEAST_SECONDS_TO_PRINT = 4.0

# What a page needs to show its words. Everything else (pictures, films, sound, fonts, prefetches,
# beacons, manifests, embedded objects) is left out at the request.
_NEEDED = frozenset({"document", "stylesheet", "script", "xhr", "fetch", "eventsource"})
_PICTURES = frozenset({"image", "font"})
_FILMS = frozenset({"media", "texttrack"})
_PICTURE_TYPES = (
    "image/",
    "font/",
    "application/font",
    "application/x-font",
    "application/vnd.ms-fontobject",
)
_FILM_TYPES = (
    "video/",
    "audio/",
    "application/vnd.apple.mpegurl",
    "application/x-mpegurl",
    "application/dash+xml",
)
_PICTURE_NAMES = re.compile(
    r"\.(?:jpe?g|jfif|png|gif|webp|avif|heic|bmp|tiff?|ico|svgz?|woff2?|ttf|otf)$", re.IGNORECASE
)
_FILM_NAMES = re.compile(r"\.(?:mp4|m4[vas]|mov|webm|mkv|avi|mp3|ogg|wav|m3u8|mpd)$", re.IGNORECASE)
_NET_ERROR = re.compile(r"net::(ERR_[A-Z_]+)")
_TOO_LARGE = f"is larger than {MOST_BYTES // 1024**2} MB"
_NEVER_A_PAGE = {
    "ERR_BLOCKED_BY_CLIENT": "the address gives a picture, film or sound, not a page; it was not kept",
    "ERR_UNSAFE_REDIRECT": "the address leads to a file of the visitor's own, not to a page",
    "ERR_INVALID_AUTH_CREDENTIALS": "the page asks for a login",
    "Download is starting": "the address gives a file to download, not a page; it was not kept",
}
_FIND_POST = Path(__file__).with_name("find_post.js").read_text("utf-8")
_READ_WORDS = Path(__file__).with_name("read_words.js").read_text("utf-8")

Judge = Callable[[Looked], Step]


class Unanswerable(Exception):
    """The page cannot be kept; `again` when a later try may."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again


class Left(Exception):
    """Nothing of the page is to be kept."""


class Visit:
    """One page, from the first request to the print. Opened ahead of time, it asks for nothing until told.

    With `pictures`, pictures and fonts are held back until the words of this visit were judged.
    """

    def __init__(
        self,
        context: BrowserContext,
        tunnel: Tunnel,
        *,
        pictures: bool,
        software: str,
        now: Callable[[], datetime],
    ) -> None:
        self.context = context
        self._tunnel = tunnel
        self._pictures = pictures
        self._software = software
        self._now = now
        self._answers = Answers(MOST_BYTES, pictures=pictures)
        self._blocked = 0
        self._bodies: dict[str, bytes] = {}
        self._times: dict[str, datetime] = {}
        self._answer: Response | None = None
        self._said: tuple[Response, Headers] | None = None
        self._worlds: dict[tuple[str, str], int] = {}
        self._shown = ""  # the browser's own name for the document that was looked at last
        self._released = False
        self._held: list[Route] = []
        self._page = self._opened()
        self._cdp = context.new_cdp_session(self._page)
        self._frame = str(self._tree()["frame"]["id"])
        self._watch_answers()

    @property
    def is_open(self) -> bool:
        """Whether its page stands ready."""
        return not self._page.is_closed()

    def arrive(self, ask: Ask, until: float) -> Looked:
        """Go there, find the post, and read all words; `until` is a time of the monotonic clock.

        Raises Unanswerable, and Error where the browser fails.
        """
        self._ask = ask
        self._until = until
        self._going_to = ask.url
        self._page.goto(ask.url, wait_until="domcontentloaded", timeout=1000 * self._left() / 2)
        self._look = self._settled()
        return self._looked(printed=False)

    def keep(self, judge: Judge) -> Seen:
        """Print what was looked at. Raises Left when the words changed and the camera wants nothing of it."""
        self._until = max(self._until, time.monotonic() + _LEAST_SECONDS_TO_PRINT)
        if self._pictures:
            self._release()
        look, cut_at = self._printed(judge)
        headers, body = self._received()
        archived, inline = self._archive(look)
        (self._ask.folder / PAGE).write_bytes(self._answers.without_media(body)[0])
        return Seen(
            url=self._page.url,
            headers=headers,
            look=look,
            pictured=True,
            pictures=self._pictures,
            cut_at=cut_at,
            media_blocked=self._blocked_media(look),
            page_sha256=hashlib.sha256(body).hexdigest(),
            inline_media=inline,
            archived=archived,
            limits=self._answers.limits(),
        )

    def failure(self, error: Error) -> Unanswerable:
        """What a failure of the browser means, in our words."""
        if self._tunnel.over:
            return self._too_large()
        if (place := _place(self._going_to)) in self._tunnel.refused:
            reason = f"the address leads to a machine that is not on the internet ({place})"
            return Unanswerable(reason, again=False)
        for sign, reason in _NEVER_A_PAGE.items():
            if sign in str(error):
                return Unanswerable(reason, again=False)
        return Unanswerable(self._trouble(error), again=True)

    def _blocked_media(self, look: Look) -> int:
        """How many were not fetched; without pictures the browser does not even ask, and they are counted."""
        return self._blocked + (0 if self._pictures else look.pictures)

    def _left(self) -> float:
        return max(self._until - time.monotonic(), 1.0)

    # What may come in

    def _opened(self) -> Page:
        self.context.route("**/*", self._pass_or_block)
        # Without an answer from us no connection is made.
        self.context.route_web_socket("**/*", lambda _: None)
        page = self.context.new_page()
        page.on("request", self._note_request)
        page.on("response", self._note_answer)
        if not self._pictures:  # where there may be pictures, closing a window would let go what it asks for
            self.context.on("page", lambda popup: popup.close())
        return page

    def _pass_or_block(self, route: Route, request: Request) -> None:
        kind, name = request.resource_type, urlsplit(request.url).path
        film = kind in _FILMS or _FILM_NAMES.search(name) is not None
        picture = kind in _PICTURES or _PICTURE_NAMES.search(name) is not None
        place = self._place_of(request)
        if not film and kind in _PICTURES and self._pictures and place is self._page.main_frame:
            self._hold_or_pass(route)
        elif film or picture or kind not in _NEEDED or place is None:
            self._blocked += film or picture
            route.abort("blockedbyclient")
        else:
            route.continue_()

    def _hold_or_pass(self, route: Route) -> None:
        """A picture waits until the words of its page were judged; one that stands for a film never comes."""
        if not self._released:
            self._held.append(route)
        elif route.request.url in self._look.posters:
            self._blocked += 1
            route.abort("blockedbyclient")
        else:
            route.continue_()

    def _place_of(self, request: Request) -> Frame | None:
        """The frame of our page that asks; None for windows that it opened, and what belongs to no frame."""
        try:
            frame = request.frame
        except Error:
            return None
        return frame if frame.page is self._page else None

    def _note_request(self, request: Request) -> None:
        if self._is_own(request):
            self._going_to = request.url
            self._released = False  # what comes next was not judged

    def _note_answer(self, response: Response) -> None:
        if self._is_own(response.request):
            self._answer = response

    def _is_own(self, request: Request) -> bool:
        """Whether it is for the page itself, not for something on it."""
        return request.is_navigation_request() and request.frame == self._page.main_frame

    def _watch_answers(self) -> None:
        """Look at what each answer says it is before its body is read: a name can hide a picture."""
        self._cdp.on("Fetch.requestPaused", self._paused)
        kinds = ["Document", "XHR", "Fetch", "Script", "Stylesheet", "Other"]
        kinds += ["Image", "Font"] if self._pictures else []
        patterns = [{"requestStage": "Response", "resourceType": kind} for kind in kinds]
        self._cdp.send("Fetch.enable", {"patterns": patterns})

    def _paused(self, event: dict[str, Any]) -> None:
        with suppress(Error):  # the page has moved on, or is closed
            if "responseStatusCode" in event:
                self._pass_or_fail(event)
            else:
                self._go_on(event)

    def _pass_or_fail(self, event: dict[str, Any]) -> None:
        at = self._now()
        kind = _header(event, "content-type").lower()
        on_page = event.get("frameId") == self._frame
        in_place = self._released and on_page and event["resourceType"] != "Document"
        if kind.startswith(_FILM_TYPES) or (kind.startswith(_PICTURE_TYPES) and not in_place):
            self._fail(event)
            return
        if self._leads_to_media(event, in_place=in_place):
            self._fail(event)
            return
        own = on_page and event["resourceType"] == "Document"
        passes = self._answers.note(
            event,
            at,
            page=None if own else self._going_to,
            address=self._tunnel.addresses.get(urlsplit(event["request"]["url"]).hostname or ""),
            read=lambda: self._body(event),
        )
        if not passes:
            self._fail(event)
            return
        if own and event["responseStatusCode"] not in REDIRECTS:
            self._times[event["networkId"]] = at
        self._go_on(event)

    def _leads_to_media(self, event: dict[str, Any], *, in_place: bool) -> bool:
        """Whether it leads on to an address that names a picture, film or sound: nobody asks there."""
        if event["responseStatusCode"] not in REDIRECTS:
            return False
        name = _path(_header(event, "location"))
        return bool(_FILM_NAMES.search(name) or (not in_place and _PICTURE_NAMES.search(name)))

    def _body(self, event: dict[str, Any]) -> bytes:
        try:
            answer = self._cdp.send("Fetch.getResponseBody", {"requestId": event["requestId"]})
        except Error as error:
            raise LookupError(str(error)) from error
        body = base64.b64decode(answer["body"]) if answer["base64Encoded"] else str(answer["body"]).encode()
        if event.get("frameId") == self._frame and event["resourceType"] == "Document":
            self._bodies[event["networkId"]] = body
        return body

    def _go_on(self, event: dict[str, Any]) -> None:
        self._cdp.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    def _fail(self, event: dict[str, Any]) -> None:
        self._blocked += 1
        told = {"requestId": event["requestId"], "errorReason": "BlockedByClient"}
        self._cdp.send("Fetch.failRequest", told)

    def _release(self) -> None:
        """Fetch the pictures that were held back, and give them time to come."""
        self._released = True
        held, self._held = self._held, []
        for route in held:
            with suppress(Error):
                self._hold_or_pass(route)
        begun = time.monotonic()
        self._wait_for_load()
        while (look := self._looks()).coming and time.monotonic() - begun < min(3.0, self._left() / 4):
            self._page.wait_for_timeout(50)
        self._look = look

    # Looking

    def _settled(self) -> Look:
        """Look until the post's words are there, or the page has had time enough to show them."""
        begun, pause = time.monotonic(), 50
        if not self._pictures:  # they are held back, and so is the page's own sign that it is whole
            self._wait_for_load()
        look = self._looks()
        while time.monotonic() - begun < self._patience(look):
            self._page.wait_for_timeout(pause)
            pause = min(2 * pause, 400)
            look = self._looks()
        return look

    def _wait_for_load(self) -> None:
        with suppress(TookTooLong):
            self._page.wait_for_load_state("load", timeout=1000 * min(5.0, self._left() / 4))

    def _patience(self, look: Look) -> float:
        """The seconds that a page gets to show the post: none once it is there or an error is sure."""
        if look.words == 0 or (self._answer is not None and self._answer.status >= _FIRST_ERROR):
            return 0
        sought = look.words < 0 and self._ask.words
        return min(8.0 if sought else 2.0, self._ask.seconds / 6)

    def _looks(self) -> Look:
        self._shown = str(self._tree()["frame"]["loaderId"])
        told = self._asked(self._frame, self._shown, _FIND_POST, self._ask.sought())
        return Look(**(told | {"posters": tuple(told["posters"])}))

    def _looked(self, *, printed: bool) -> Looked:
        """Read all words, and say what was seen."""
        self._words, whole = self._all_words()
        (self._ask.folder / WORDS).write_text(self._words, "utf-8")
        return Looked(
            url=self._page.url,
            headers=self._headers(),
            look=self._look,
            pictures=self._pictures,
            printed=printed,
            whole=whole,
            media_blocked=self._blocked_media(self._look),
            page_sha256=hashlib.sha256(next(reversed(self._bodies.values()))).hexdigest(),
        )

    def _all_words(self) -> tuple[str, bool]:
        """The words of all frames, and whether these are all."""
        frames = list(_frames(self._tree()))
        self._shown = frames[0][1]
        parts: list[str] = []
        left, whole = MOST_WORDS, len(self._page.frames) <= len(frames) <= _MOST_FRAMES
        for frame, document in frames[:_MOST_FRAMES]:
            try:
                found = self._asked(frame, document, _READ_WORDS, max(left, 0))
            except (Error, Unanswerable):
                whole = False
                continue
            parts.append(found["text"])
            left -= len(found["text"])
            whole = whole and found["whole"]
        return "\n".join(parts), whole

    def _asked(self, frame: str, document: str, function: str, argument: Any) -> Any:
        """What one of our functions finds in a frame, called where the page's scripts cannot reach."""
        asked = {
            "functionDeclaration": function,
            "executionContextId": self._world(frame, document),
            "arguments": [{"value": argument}],
            "returnByValue": True,
        }
        try:
            found = self._cdp.send("Runtime.callFunctionOn", asked)
        except Error:
            # The frame may have moved on under us; in what it shows now, our world is a new one.
            self._worlds.pop((frame, document), None)
            found = self._cdp.send(
                "Runtime.callFunctionOn", asked | {"executionContextId": self._world(frame, "")}
            )
        if "exceptionDetails" in found:
            raise Unanswerable("the page could not be searched for the post", again=True)
        return found["result"]["value"]

    def _world(self, frame: str, document: str) -> int:
        known = self._worlds.get((frame, document))
        if known is None or not document:
            known = int(self._cdp.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"])
            self._worlds[frame, document] = known
        return known

    def _tree(self) -> dict[str, Any]:
        tree: dict[str, Any] = self._cdp.send("Page.getFrameTree")["frameTree"]
        return tree

    # Keeping

    def _printed(self, judge: Judge) -> tuple[Look, int | None]:
        """Take the picture, and look again: a page that moved meanwhile shows something else."""
        look = self._look
        for _ in range(_TRIES):
            if self._tunnel.over:
                raise self._too_large()
            document = self._shown
            cut_at = self._picture(look)
            self._look = self._looks()
            self._judge_again(judge)
            if _same(look, self._look) and self._shown == document:
                return look, cut_at
            look = self._look
        raise Unanswerable("the page kept changing while its picture was taken", again=True)

    def _judge_again(self, judge: Judge) -> None:
        """Where other words stand there than those that were judged, have them judged too."""
        before = self._words
        if self._all_words()[0] == before:
            return
        step = judge(self._looked(printed=True))
        if step is Step.LEAVE:
            raise Left
        if step is Step.PLAIN:
            raise Unanswerable("its words could no longer be checked", again=True)

    def _received(self) -> tuple[Headers, bytes]:
        """How the shown document came, and its bytes."""
        headers = self._headers()
        name, body = next(reversed(self._bodies.items()))
        if name != self._shown:
            raise Unanswerable("the page led away from itself while its picture was taken", again=True)
        if len(body) > MOST_BYTES:
            raise self._too_large()
        return headers, body

    def _headers(self) -> Headers:
        if self._answer is None or not self._bodies or not self._page.url.startswith(("http:", "https:")):
            raise Unanswerable("the address gave no page", again=True)
        if self._said is None or self._said[0] is not self._answer:
            self._said = self._answer, self._told(self._answer)
        return self._said[1]

    def _told(self, response: Response) -> Headers:
        """How an answer came, as far as the browser tells."""
        secured = response.security_details()
        return Headers(
            status=response.status,
            request=_named(response.request.headers_array()),
            response=_named(response.headers_array()),
            chain=tuple(_chain(response.request)),
            remote_ip=self._tunnel.addresses.get(urlsplit(response.url).hostname or ""),
            certificate=dict(secured) if secured else None,  # type: ignore[arg-type]  # a TypedDict of these
            http_version=response.http_version(),
            certificate_sha256=self._certificate(response.url) if secured else None,
        )

    def _certificate(self, url: str) -> str | None:
        """The SHA-256 of the certificate that a server showed; None where the browser does not tell."""
        parts = urlsplit(url)
        with suppress(Error):
            told = self._cdp.send("Network.getCertificate", {"origin": f"{parts.scheme}://{parts.netloc}"})
            if names := told["tableNames"]:
                return hashlib.sha256(base64.b64decode(names[0])).hexdigest()
        return None

    def _archive(self, look: Look) -> tuple[int, int]:
        """Pack what came; how many answers, and how much media was cut out of them."""
        answers, cut = self._answers.kept()
        shown = wacz.Shown(
            url=self._page.url.partition("#")[0],
            at=self._times[next(reversed(self._bodies))],
            title=look.title,
        )
        wacz.write(
            self._ask.folder / ARCHIVE,
            answers,
            shown,
            software=self._software,
            limits=self._answers.limits(),
        )
        return len(answers), cut

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

    def _too_large(self) -> Unanswerable:
        page = "the page with its pictures" if self._pictures else "the page"
        return Unanswerable(f"{page} {_TOO_LARGE}", again=False)

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


def _frames(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Each frame and its document, as the browser names them, the page itself first."""
    own = tree["frame"]
    inner = (frame for child in tree.get("childFrames", ()) for frame in _frames(child))
    return [(str(own["id"]), str(own["loaderId"])), *inner]


def _same(one: Look, other: Look) -> bool:
    """Whether two looks saw the post in the same place, and as much of it."""
    if (one.words, one.element, one.covered, one.hidden) != (
        other.words,
        other.element,
        other.covered,
        other.hidden,
    ):
        return False
    boxes = ((one.x, other.x), (one.y, other.y), (one.width, other.width), (one.height, other.height))
    return not one.element or all(abs(before - after) <= _STILL for before, after in boxes)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _path(address: str) -> str:
    """The path of an address that a stranger wrote; nothing where it is none."""
    try:
        return urlsplit(address).path
    except ValueError:
        return ""


def _header(event: dict[str, Any], name: str) -> str:
    found = (header["value"] for header in event.get("responseHeaders", ()) if header["name"].lower() == name)
    return str(next(found, ""))


def _named(headers: list[Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (header["name"], "(left out)" if wacz.is_secret(header["name"]) else header["value"])
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
