"""Fetching one address over the client we were given: bounded, polite, clear about what went wrong."""

import itertools
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import urlsplit

import httpx
from httpx import codes

from connectors.connector import Refused, Unavailable
from connectors.post import State

WIRE_LIMIT = 10_000_000
"""The most bytes that are taken from the wire for one page."""
EXPANDED_LIMIT = 60_000_000
"""The most bytes that they may expand to."""
LONGEST_WAIT = timedelta(days=1)
"""However long a source asks to be left alone, it is asked once a day (CLA-MON1)."""
_MOST_HOPS = 5
_PERMANENT = frozenset([301, 308])
_STEP = 1 << 18
_GLANCE = 100_000
_LONGEST_HEADER = 500
_SHORT_PAGE = 20_000
_DEEPEST_CAUSE = 10
_GZIP = b"\x1f\x8b"
_FOR_ANYBODY = frozenset(
    ["accept", "accept-encoding", "accept-language", "if-none-match", "if-modified-since"]
)
_CODINGS = frozenset(["", "identity", "none", "gzip", "x-gzip", "deflate"])
_NOT_LET_IN = (
    State.BLOCKED,
    "{where} does not let us in ({status}). Ask its owner to allow it, or remove this source.",
)
_NOT_THERE = (
    State.BLOCKED,
    "{where} is not there ({status}). Correct the address, or remove this source.",
)
_REFUSALS: dict[int, tuple[State, str]] = {
    codes.UNAUTHORIZED: (
        State.AUTH_EXPIRED,
        "{where} asks for a login ({status}). Check the address and its token.",
    ),
    codes.PAYMENT_REQUIRED: _NOT_LET_IN,
    codes.FORBIDDEN: _NOT_LET_IN,
    codes.UNAVAILABLE_FOR_LEGAL_REASONS: _NOT_LET_IN,
    codes.NOT_FOUND: _NOT_THERE,
    codes.GONE: _NOT_THERE,
    codes.PROXY_AUTHENTICATION_REQUIRED: (
        State.OUR_NETWORK_DOWN,
        "The proxy of your network asks for a name and a password: set network.proxy.",
    ),
}
# A web filter may answer with any of these.
_DOORS = frozenset(
    [codes.UNAUTHORIZED, codes.FORBIDDEN, codes.NOT_FOUND, codes.UNAVAILABLE_FOR_LEGAL_REASONS, 503]
)

_FILTERS = re.compile(
    rb"smoothwall|lightspeed ?(?:systems|filter|rocket|relay)|securly|netsweeper|fortigu?ard|fortinet"
    rb"|sophos (?:web|xg|firewall|utm)|goguardian|contentkeeper|iboss|zscaler|cisco umbrella|opendns"
    rb"|barracuda web|untangle|blocksi|cleanbrowsing|censornet|schools? ?broadband|talk straight"
    rb"|rm safetynet|rm unify filter",
    re.I,
)
_BLOCKING = re.compile(
    rb"(?:web ?(?:page|site)|site|page|access|url|address|request|content)\W{1,4}(?:you \w+ )?"
    rb"(?:(?:has|have|is|was|been|to|this|the|web|page|site)\W{1,9}){0,5}(?:blocked|denied|restricted"
    rb"|filtered)"
    rb"|blocked (?:by|because|under|due)|web ?filter|internet filter|content filter"
    rb"|filtering (?:policy|service|system)|blocked category|acceptable use policy",
    re.I,
)
_CATEGORY = re.compile(
    rb"category|categories|policy|administrator|it (?:support|department|team)|filter", re.I
)
_LOGIN_PATH = re.compile(
    r"/(?:log-?in|sign-?in|sso|auth|authorize|wp-login\.php|account/login|checkpoint)(?:[/?.]|$)", re.I
)
_PASSWORD_FIELD = re.compile(rb"<input\b[^>]{0,300}\btype\s*=\s*[\"']?password", re.I)
_CONSENT = re.compile(
    rb"consent\.(?:google|youtube|yahoo)\.|before you continue to|/consent/|didomi-host.{0,80}wall", re.I
)
_CHALLENGE = re.compile(
    rb"<title>\s{0,20}(?:just a moment|attention required|are you (?:a )?(?:human|robot)|access denied"
    rb"|security check)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered.

    `url` is where it was found in the end. `moved_to` is that address if every step on the way there
    was a permanent redirect. `status` is 200 to 299, or 304 when we asked for changes only. `cut`
    says why the content is not whole; it is empty when it is.
    """

    url: str
    status: int
    headers: httpx.Headers
    content: bytes = field(repr=False)
    moved_to: str | None = None
    cut: str = ""

    @property
    def truncated(self) -> bool:
        """Whether something was left behind."""
        return bool(self.cut)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in small letters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The character set that the headers name."""
        found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", self.headers.get("content-type", ""), re.I)
        return found[1] if found else None

    @property
    def etag(self) -> str:
        """The server's name for this content, empty where it gives none that can be sent back."""
        return _sendable(self.headers.get("etag", ""))

    @property
    def modified(self) -> str:
        """The server's word on when the content changed, as it wrote it."""
        return _sendable(self.headers.get("last-modified", ""))

    @property
    def date(self) -> datetime | None:
        """The time on the server's clock when it answered."""
        return _http_date(self.headers.get("date", ""))

    @property
    def is_html(self) -> bool:
        """Whether it looks like a web page, whatever it calls itself."""
        start = self.content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
            self.media_type in {"text/html", "application/xhtml+xml"}
            and b"<html" in start
            and b"<rss" not in start
        )


def read(
    http: httpx.Client,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    limit: int = WIRE_LIMIT,
    expanded: int = EXPANDED_LIMIT,
    seconds: float = 60.0,
    login: Mapping[str, str] | None = None,
    heed: Callable[[Page], None] | None = None,
) -> Page:
    """Fetch an address, at most `limit` bytes of it and for at most `seconds` once it has begun to answer.

    What lies over a limit is left behind and the page says so. A redirect to another host takes no key along
    that stands in `headers`. `login` is sent as JSON, by POST (an
    empty one without a body), and never to where a redirect leads; without it we only ever GET. `heed`
    sees an answer that is an error before it is put into our own words, and may raise better ones.
    Raises Unavailable or Refused.
    """
    asked = dict(headers or {}) | {"accept-encoding": "gzip, deflate"}
    try:
        request = http.build_request(
            "GET" if login is None else "POST", url, headers=asked, json=login or None
        )
        hops: list[int] = []
        while True:
            response = _send(http, request)
            try:
                if response.next_request is None or login is not None:
                    _check_status(response, asked, heed)
                    return _page(response, hops, _Body(limit, expanded, time.monotonic() + seconds))
                hops.append(response.status_code)
                request = _onward(request, response.next_request, asked)
            finally:
                response.close()
            if len(hops) > _MOST_HOPS:
                raise Unavailable(
                    f"{spoken(url)} sends us from one address to the next without end. Open it in a "
                    "browser; if "
                    "it asks you to sign in there, it cannot be watched.",
                    State.BLOCKED,
                )
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        explain(error, url)


def refuse_all_but_a_line(response: httpx.Response) -> None:
    """Raise unless the answer opens the line that was asked for (101); a redirect is not followed."""
    if response.status_code == codes.SWITCHING_PROTOCOLS:
        return
    _check_status(response, {}, None)
    url = str(response.url)
    refuse_walls(
        Page(url=url, status=response.status_code, headers=response.headers, content=_glance(response))
    )
    raise Unavailable(f"{spoken(url)} answers with a page, not with a stream. Check it.", State.PARSE_ERROR)


def conditions(etag: str, modified: str) -> dict[str, str]:
    """The request headers that ask for an answer only if it has changed."""
    asked = {"if-none-match": etag, "if-modified-since": modified}
    return {name: value for name, value in asked.items() if value}


def spoken(url: str) -> str:
    """An address for people and logs: without names, passwords and what may be a secret in its query."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "the address"
    return f"{parts.scheme}://{host}{parts.path[:200]}{'?…' if parts.query else ''}"


def refuse_walls(page: Page) -> None:
    """Raise Refused if what came is a school's web filter, a login, a consent page or a robot check."""
    head = page.content[:_GLANCE]
    where = spoken(page.url)
    if _is_filter(page.url, head):
        raise _filtered(where)
    if _LOGIN_PATH.search(urlsplit(page.url).path) and _PASSWORD_FIELD.search(head):
        raise Refused(
            f"{where} asks for a login. Only what anybody can see signed out is read; remove this source, "
            "or use an address that is public.",
            State.LOGIN_WALL,
        )
    if _CONSENT.search(page.url.encode()) or (_CONSENT.search(head) and len(head) < _GLANCE):
        raise Refused(
            f"{where} shows a consent page instead of its content. Its buttons are not ours to press; use "
            "another address.",
            State.BLOCKED,
        )
    if _CHALLENGE.search(head):
        raise Refused(
            f"{where} asks whether we are a robot. We are, and we do not pretend otherwise; ask its owner, "
            "or use a feed of theirs.",
            State.BLOCKED,
        )


def retry_after(headers: httpx.Headers) -> timedelta | None:
    """How long `Retry-After` asks us to wait: seconds, or a date by the server's clock; at most a day."""
    written = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", written):
        return min(timedelta(seconds=int(written)), LONGEST_WAIT)
    until, now = _http_date(written), _http_date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max(until - now, timedelta(0)), LONGEST_WAIT)


def rest(failed: Sequence[Unavailable | Refused], every: timedelta) -> timedelta | None:
    """How long to leave a source alone where parts of it failed: as it asks, or else until its next turn."""
    waits = [error.retry_after for error in failed if isinstance(error, Unavailable) and error.retry_after]
    return max(waits, default=every if failed else None)


def max_age(headers: httpx.Headers) -> timedelta | None:
    """How long `Cache-Control` says that the answer stays fresh; at most a day."""
    found = re.search(r"(?<![\w-])max-age\s*=\s*\"?(\d{1,9})", headers.get("cache-control", ""), re.I)
    if found is None:
        return None
    age = headers.get("age", "")
    held = int(age) if re.fullmatch(r"\d{1,9}", age) else 0
    return min(timedelta(seconds=max(int(found[1]) - held, 0)), LONGEST_WAIT)


def _send(http: httpx.Client, request: httpx.Request) -> httpx.Response:
    try:
        return http.send(request, stream=True, follow_redirects=False)
    except (httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError):
        # Some servers close a kept-alive connection just as we speak: a read is safe to ask twice.
        return http.send(request, stream=True, follow_redirects=False)


def _onward(request: httpx.Request, onward: httpx.Request, asked: Mapping[str, str]) -> httpx.Request:
    """The request to where a redirect leads: another host is told nothing that may be a key of ours."""
    if _origin(onward.url) != _origin(request.url):
        for name in asked:
            if name.lower() not in _FOR_ANYBODY:
                onward.headers.pop(name, None)
    return onward


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _page(response: httpx.Response, hops: Sequence[int], body: "_Body") -> Page:
    content = b"" if response.status_code == codes.NOT_MODIFIED else body.take(response)
    return Page(
        url=str(response.url),
        status=response.status_code,
        headers=response.headers,
        content=content,
        moved_to=str(response.url) if hops and _PERMANENT.issuperset(hops) else None,
        cut=body.cut,
    )


class _Body:
    """The bytes of one answer, gathered until they end or a limit is met."""

    def __init__(self, limit: int, expanded: int, deadline: float) -> None:
        self.limit = limit
        self.expanded = expanded
        self.deadline = deadline
        self.cut = ""

    def take(self, response: httpx.Response) -> bytes:
        """The content as it was before it was compressed."""
        if response.is_stream_consumed:
            # The transport of a test or a cache has read and expanded it already.
            return self._gather(iter([response.content]))
        coding = response.headers.get("content-encoding", "").strip().lower()
        if coding not in _CODINGS:
            raise Unavailable(
                f"{spoken(str(response.url))} answered in a compression that was not asked for "
                f"({coding[:30]}). "
                "If this stays so, tell its owner.",
                State.PARSE_ERROR,
            )
        wire = self._wire(response)
        first = next(wire, b"")
        # Some sites serve feed.xml.gz without saying that it is one.
        is_packed = coding in {"gzip", "x-gzip", "deflate"} or first.startswith(_GZIP)
        whole = itertools.chain([first], wire)
        return self._gather(self._inflated(whole) if is_packed else whole)

    def _wire(self, response: httpx.Response) -> Iterator[bytes]:
        left = self.limit
        for chunk in response.iter_raw():
            if len(chunk) > left:
                self.cut = f"it is larger than {self.limit / 1e6:g} MB"
                yield chunk[:left]
                return
            left -= len(chunk)
            yield chunk
            if time.monotonic() > self.deadline:
                self.cut = "it came too slowly"
                return

    def _inflated(self, wire: Iterator[bytes]) -> Iterator[bytes]:
        """Inflate in steps: a few kilobytes can hold a gigabyte, and it must never be there at once."""
        inflate = None
        for chunk in wire:
            left = chunk
            while left:
                inflate = inflate or zlib.decompressobj(_window(left))
                try:
                    yield inflate.decompress(left, _STEP)
                except zlib.error:
                    self.cut = self.cut or "its compression is broken"
                    return
                left = inflate.unconsumed_tail
                if inflate.eof:
                    # Another member may follow, after some padding.
                    left = inflate.unused_data.lstrip(b"\x00")
                    inflate = None
        if inflate is not None:
            self.cut = self.cut or "its end did not arrive"

    def _gather(self, chunks: Iterator[bytes]) -> bytes:
        content = bytearray()
        for chunk in chunks:
            content += chunk
            if len(content) > self.expanded:
                self.cut = f"it expands to more than {self.expanded / 1e6:g} MB"
                del content[self.expanded :]
                break
        return bytes(content)


def _window(start: bytes) -> int:
    """What zlib must expect: gzip or zlib with its header, or the bare stream that some call deflate."""
    is_zlib = len(start) > 1 and start[0] & 15 == zlib.DEFLATED and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS | 32 if is_zlib or start.startswith(_GZIP) else -zlib.MAX_WBITS


def _check_status(
    response: httpx.Response, asked: Mapping[str, str], heed: Callable[[Page], None] | None
) -> None:
    """Raise unless the answer is what was asked for."""
    status, where, wait = response.status_code, spoken(str(response.url)), retry_after(response.headers)
    is_conditional = any(name.lower().startswith("if-") for name in asked)
    if response.is_success or (status == codes.NOT_MODIFIED and is_conditional):
        return
    said = _glance(response) if status in _DOORS or heed is not None else b""
    if status in _DOORS and _is_filter(str(response.url), said):
        raise _filtered(where)
    if heed is not None:
        heed(Page(url=str(response.url), status=status, headers=response.headers, content=said))
    if status == codes.TOO_MANY_REQUESTS or (status == codes.SERVICE_UNAVAILABLE and wait is not None):
        raise Unavailable(f"{where} asks us to come less often.", State.RATE_LIMITED, wait)
    if status in _REFUSALS:
        state, sentence = _REFUSALS[status]
        raise Refused(sentence.format(where=where, status=status), state)
    if status == codes.NETWORK_AUTHENTICATION_REQUIRED:
        raise Unavailable(
            "Your network asks somebody to sign in before it lets us out.", State.OUR_NETWORK_DOWN
        )
    if status in {codes.REQUEST_TIMEOUT, codes.TOO_EARLY} or response.is_server_error:
        raise Unavailable(
            f"{where} has a fault of its own ({status}). We will try again.", State.BEHIND, wait
        )
    if response.is_client_error:
        raise Refused(f"{where} does not accept the question ({status}). Check the address.", State.BLOCKED)
    raise Unavailable(f"{where} answered {status}, which says nothing. We will try again.", State.PARSE_ERROR)


def _glance(response: httpx.Response) -> bytes:
    """The first part of an error page."""
    return _Body(_GLANCE, _GLANCE, time.monotonic() + 10).take(response)


def _is_filter(url: str, content: bytes) -> bool:
    """Whether a school's web filter answered, not the site."""
    named = bool(_FILTERS.search(content) or _FILTERS.search(url.encode()))
    blocking = len(_BLOCKING.findall(content[:_GLANCE]))
    if named and blocking and len(content) < _GLANCE:
        return True
    # Any product, named or not: a short page that talks of little but blocking and of why.
    return blocking > 1 and len(content) < _SHORT_PAGE and bool(_CATEGORY.search(content))


def _filtered(where: str) -> Refused:
    return Refused(
        f"A web filter on your network answered instead of {where}. Ask whoever runs the filter to "
        "allow that "
        "address for this server.",
        State.FILTERED_HERE,
    )


def explain(error: Exception, url: str) -> NoReturn:
    """Say in plain words what went wrong on the way to an address."""
    where, host = spoken(url), urlsplit(spoken(url)).hostname or "the host"
    causes = list(_causes(error))
    if not type(error).__module__.startswith("httpx"):
        raise Refused(f"{where} was not asked: {error}", State.BLOCKED) from error
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        raise Refused(f"{where} leads to no address that can be read. Correct it.", State.BLOCKED) from error
    if isinstance(error, httpx.ProxyError):
        raise Unavailable(
            "The proxy of your network did not take us through: check network.proxy.", State.OUR_NETWORK_DOWN
        ) from error
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        raise _untrusted(tls, host) from error
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        raise Unavailable(
            f"The name {host} could not be looked up: your network is down, or the name is wrong.",
            State.OUR_NETWORK_DOWN,
        ) from error
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        raise Unavailable(
            f"{host} could not be reached. If other sources are read, it is that site that is down.",
            State.OUR_NETWORK_DOWN,
        ) from error
    if isinstance(error, httpx.TimeoutException):
        raise Unavailable(f"{where} did not answer in time. We will try again.", State.BEHIND) from error
    raise Unavailable(f"{where} broke off while it answered. We will try again.", State.BEHIND) from error


def _untrusted(error: ssl.SSLError, host: str) -> Unavailable:
    said = str(error).lower()
    if "self-signed" in said or "self signed" in said or "unable to get" in said:
        return Unavailable(
            f"The certificate of {host} is signed by an authority that this server does not know. If "
            "your network "
            "inspects traffic, put its certificate into network.ca_bundle.",
            State.OUR_NETWORK_DOWN,
        )
    if "expired" in said:
        return Unavailable(
            f"The certificate of {host} has expired. Tell the owner of that site.", State.BLOCKED
        )
    if "mismatch" in said or "not valid for" in said:
        return Unavailable(
            f"The certificate of {host} is for another name. Check the address.", State.BLOCKED
        )
    return Unavailable(
        f"No safe connection to {host} could be made. Check the address; tell its owner.", State.BLOCKED
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < _DEEPEST_CAUSE:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1


def _sendable(header: str) -> str:
    return header if header.isascii() and header.isprintable() and len(header) <= _LONGEST_HEADER else ""


def _http_date(written: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
