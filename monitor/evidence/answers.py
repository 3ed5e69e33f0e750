"""What servers answered while a page was visited: what of it an archive may hold, and what it left out."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from monitor.evidence.wacz import Answer

REDIRECTS = (301, 302, 303, 307, 308)
_TEXT = re.compile(r"text/|application/(?:[\w.+-]*\+)?(?:json|xml|javascript|ecmascript|x-javascript)\b|$")
_ENDLESS = re.compile(r"text/event-stream|multipart/|application/(?:x-)?(?:nd)?json-?(?:lines|seq|stream)")
_PICTURE = re.compile(r"image/|font/|application/(?:x-)?font|application/vnd\.ms-fontobject")
# Base64 may go on over many lines, as mail programs write it.
_MORE_LINES = r"(?:(?:\s|\\[nr])+(?:[A-Za-z0-9+]|\\?/){40,}={0,2})*"
_INLINE_MEDIA = r"data:(?:%s)\\?/(?:[^\"'\s<>)\\]|\\/)*" + _MORE_LINES
_BASE64 = rb"[A-Za-z0-9+/\\]{64,}={0,2}" + _MORE_LINES.encode()
# How PNG, JPEG, GIF and WebP begin, in base64.
_BARE_PICTURE = rb"(?:iVBORw0KGgo|/9j/4|\\/9j\\/4|R0lGOD[dl]h|UklGR)" + _BASE64
_ALL = re.compile(
    b"(?i:" + (_INLINE_MEDIA % "image|video|audio|font").encode() + rb")|(?<![A-Za-z0-9+/])" + _BARE_PICTURE
)
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# How files of pictures, fonts, films and sound begin, whatever they are called.
_MEDIA = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}(?:WEBP|WAVE|AVI )|.{4}ftyp|II\*\x00|MM\x00\*"
    rb"|\x00\x00\x01\x00|wOF[F2]|OTTO\x00|\x1aE\xdf\xa3|OggS|ID3[\x02-\x04]|fLaC",
    re.DOTALL,
)
_FILMS = re.compile((_INLINE_MEDIA % "video|audio").encode(), re.IGNORECASE)


class Left(StrEnum):
    """Why an answer is not in the archive."""

    ELSEWHERE = "from other sites"
    LARGE = "too large"
    LOST = "which the browser no longer held"
    NO_WORDS = "of other kinds than text"
    ENDLESS = "without an end"


class Answers:
    """Collects what one visit brought, up to `most` bytes; with `pictures`, these too."""

    def __init__(self, most: int, *, pictures: bool) -> None:
        self._left_bytes = most
        self._pictures = pictures
        self._kept: list[Answer] = []
        self._left: Counter[Left] = Counter()

    def kept(self) -> tuple[tuple[Answer, ...], int]:
        """The answers for the archive, in the order in which they came; how much media was cut out."""
        kept, cut = [], 0
        for answer in sorted(self._kept, key=lambda answer: answer.at):
            if _is_picture(answer):
                kept.append(answer)
                continue
            body, left_out = self.without_media(answer.body)
            kept.append(replace(answer, body=body))
            cut += left_out
        return tuple(kept), cut

    def note(
        self,
        event: dict[str, Any],
        at: datetime,
        *,
        page: str | None,
        address: str | None,
        read: Callable[[], bytes],
    ) -> bool:
        """Keep the answer that the browser paused at, if the archive may hold it.

        False where its bytes are those of a picture, film or sound, whatever it says it is: then it is not
        for the page either.

        `page` is the address of the page that asked, None where the answer is the page itself; `address` the
        IP where it is known. `read` gives the body and raises LookupError when the browser does not hold it.
        """
        status = event["responseStatusCode"]
        why = None if page is None else self._reason(event, page)
        if why is None:
            body = b"" if status in REDIRECTS else self._body(read)
            if body is not None and self._is_disguised(event, body):
                self._left[Left.NO_WORDS] += 1
                return False
            if body is not None:
                self._kept.append(_answer(event, at, body, address))
        else:
            self._left[why] += 1
        return True

    def without_media(self, body: bytes) -> tuple[bytes, int]:
        """The body without what a visit of its kind may not keep, though it is written there; how much."""
        media = _FILMS if self._pictures else _ALL
        wide = _WIDE.get(body[:2])
        if wide is None:
            return media.subn(b"data:,", body)
        kept, cut = media.subn(b"data:,", body.decode(wide, "replace").encode())
        return (kept.decode().encode(wide), cut) if cut else (body, 0)

    def limits(self) -> tuple[str, ...]:
        """What the archive does not hold, in sentences."""
        return tuple(
            f"The archive leaves out {number} {'answer' if number == 1 else 'answers'} {why}."
            for why, number in self._left.items()
        )

    def _reason(self, event: dict[str, Any], page: str) -> Left | None:
        """Why this answer is left out; None when it may be kept."""
        kind = _content_type(event)
        if self._pictures and _PICTURE.match(kind):
            return None
        if event["resourceType"] != "Stylesheet" and _origin(event["request"]["url"]) != _origin(page):
            return Left.ELSEWHERE
        if _ENDLESS.match(kind):
            return Left.ENDLESS
        return None if _TEXT.match(kind) else Left.NO_WORDS

    def _is_disguised(self, event: dict[str, Any], body: bytes) -> bool:
        """Whether it is media though it does not say so; what does say so was let in on purpose."""
        named = self._pictures and _PICTURE.match(_content_type(event))
        return not named and _MEDIA.match(body) is not None

    def _body(self, read: Callable[[], bytes]) -> bytes | None:
        try:
            body = read()
        except LookupError:
            self._left[Left.LOST] += 1
            return None
        if len(body) > self._left_bytes:
            self._left[Left.LARGE] += 1
            return None
        self._left_bytes -= len(body)
        return body


def _answer(event: dict[str, Any], at: datetime, body: bytes, address: str | None) -> Answer:
    request = event["request"]
    return Answer(
        at=at,
        url=request["url"],
        method=request["method"],
        sent=tuple(request["headers"].items()),
        posted=request.get("postData", "").encode("utf-8", "replace"),
        status=event["responseStatusCode"],
        reason=event.get("responseStatusText", ""),
        headers=tuple((header["name"], header["value"]) for header in event.get("responseHeaders", ())),
        body=body,
        address=address,
    )


def _is_picture(answer: Answer) -> bool:
    return any(
        name.lower() == "content-type" and _PICTURE.match(value.lower()) for name, value in answer.headers
    )


def _content_type(event: dict[str, Any]) -> str:
    for header in event.get("responseHeaders", ()):
        if header["name"].lower() == "content-type":
            return str(header["value"]).strip().lower()
    return ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
