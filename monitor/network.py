"""The way out: one HTTP client that reaches public addresses only, through a proxy where there is one."""

import ipaddress
import socket
import ssl
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import certifi
import httpcore
import httpx

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
ANSWER_SECONDS = 120.0
"""How long a host may take over one answer: who sends a byte now and then would hold a reader for days."""
# A host with many addresses may not hold a poll for CONNECT_SECONDS times their number.
_ADDRESSES_TRIED = 3

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
# What Python's `is_global` calls public and nobody publishes on.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # the host agent of Azure's virtual machines
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "2002::/16",  # 6to4 holds an IPv4 address of the sender's choice
        "2001::/32",  # Teredo, likewise
        "3fff::/20",  # documentation
    )
)


class AddressRefused(httpx.TransportError):
    """The address may not be read from here; the message is a sentence for the administrator."""


class Resolve(Protocol):
    """Names to addresses, as `socket.getaddrinfo` does it."""

    # `type` is the word of the standard library.
    def __call__(self, host: str, port: int, *, type: int) -> Sequence[tuple[Any, ...]]:  # noqa: A002
        """One tuple for each address; the last item begins with the address in text."""


def refusal(address: str) -> str | None:
    """What is wrong with connecting to this address, in words; None when it is a public one."""
    try:
        found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "is not an address"
    if found.is_loopback or found.is_unspecified:
        return "is this machine itself"
    if any(found in network for network in _LINK_LOCAL):
        return "is link-local, where cloud servers keep their own secrets"
    if found.is_multicast:
        return "is a multicast address"
    return None if _is_public(found) else "is not on the public internet"


def _unwrapped(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 one stands for, where it does (mapped, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: _Address) -> bool:
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return address.is_global and not address.is_reserved


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses may be connected to: public ones, and any that a host in `allow` has.

    `allow` holds `host` or `host:port`, in lower case and without brackets.
    """

    allow: frozenset[str] = frozenset()
    resolve: Resolve = socket.getaddrinfo

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a host that may be connected to; connect to these, never to the name.

        Raises AddressRefused when it has no such address, OSError when it has none at all.
        """
        found = self._resolved(host, port)
        if self.allows(host, port):
            return found
        good = tuple(address for address in found if refusal(address) is None)
        if not good:
            raise _refused(host, port, found[0])
        return good

    def check_all(self, host: str, port: int) -> None:
        """Raise AddressRefused when any address of the host may not be connected to: the proxy will choose.

        A name that cannot be resolved here is left to the proxy, which resolves for itself.
        """
        if self.allows(host, port):
            return
        try:
            found = self._resolved(host, port)
        except OSError:
            return
        for address in found:
            if refusal(address) is not None:
                raise _refused(host, port, address)

    def allows(self, host: str, port: int) -> bool:
        """Whether the host may have any address at all."""
        plain = _plain(host)
        return plain in self.allow or f"{plain}:{port}" in self.allow

    def _resolved(self, host: str, port: int) -> tuple[str, ...]:
        try:
            answers = self.resolve(_plain(host), port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError(f"{host} is not a name that can be looked up") from error
        found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if not found:
            raise OSError(f"{host} has no address")
        return found


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _refused(host: str, port: int, address: str) -> AddressRefused:
    named = host if host.strip("[]") == address else f"{host} ({address})"
    return AddressRefused(
        f"{named} {refusal(address)}, so it is not read. "
        f'If it is meant, add "{_plain(host)}:{port}" to network.allow.'
    )


@dataclass(frozen=True, slots=True)
class Dialler(httpcore.NetworkBackend):
    """Connects to the very addresses that the guard has seen: a second look-up could bring others."""

    guard: Guard
    sockets: httpcore.NetworkBackend
    seconds: float = ANSWER_SECONDS

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first of the host's good addresses that takes it."""
        try:
            addresses = self.guard.addresses(host, port)[:_ADDRESSES_TRIED]
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} could not be looked up: {error}") from error
        each = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                found = self.sockets.connect_tcp(address, port, each, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
            return _Bounded(found, self.seconds)
        found = self.sockets.connect_tcp(addresses[-1], port, each, local_address, socket_options)
        return _Bounded(found, self.seconds)


class _Bounded(httpcore.NetworkStream):
    """A connection on which an answer may take only so long, counted from when we last spoke."""

    def __init__(self, stream: httpcore.NetworkStream, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._spoke = monotonic()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come; raises ReadTimeout when the whole of it takes too long."""
        left = self._spoke + self._seconds - monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer came too slowly")
        return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Speak; the time counts anew."""
        self._stream.write(buffer, timeout)
        self._spoke = monotonic()

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, timeout), self._seconds)

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows of itself."""
        return self._stream.get_extra_info(info)


class _Guarded(httpx.BaseTransport):
    """Carries requests over a pool whose every connection the guard has seen."""

    def __init__(self, pool: httpcore.ConnectionPool, target: Guard | None) -> None:
        self._pool = pool
        self._target = target

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; each hop of a redirect comes through here again."""
        self._look_at(request.url)
        with _in_httpx_words():
            answer = self._pool.handle_request(_for_pool(request))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def _look_at(self, url: httpx.URL) -> None:
        if url.scheme not in ("http", "https"):
            raise AddressRefused(f"'{url.scheme}:' addresses are not read, only http: and https:")
        if url.userinfo:
            raise AddressRefused(f"the address of {url.host} carries a user name or password; leave them out")
        if self._target is not None:
            port = url.port or (443 if url.scheme == "https" else 80)
            self._target.check_all(url.raw_host.decode("ascii"), port)


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _in_httpx_words():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _in_httpx_words():
            self._answer.close()


def _for_pool(request: httpx.Request) -> httpcore.Request:
    url = request.url
    address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    body = request.stream
    assert isinstance(body, httpx.SyncByteStream)  # noqa: S101  # tells mypy what a synchronous client always gives
    return httpcore.Request(
        request.method, address, headers=request.headers.raw, content=body, extensions=request.extensions
    )


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    """Raise httpcore's errors as httpx's, which bear the same names."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _named_alike(error) from error
    except (httpcore.ProxyError, httpcore.UnsupportedProtocol) as error:
        raise _named_alike(error) from error


def _named_alike(error: Exception) -> httpx.TransportError:
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error) or type(error).__name__)


def make_http(
    *,
    user_agent: str,
    proxy: str | None = None,
    ca_bundle: Path | None = None,
    allow: Collection[str] = (),
    resolve: Resolve = socket.getaddrinfo,
    seconds: float = ANSWER_SECONDS,
) -> httpx.Client:
    """The client that everything is fetched with; safe to share between threads; close it at the end.

    It follows no redirect unless asked, keeps no cookie, and takes nothing from the environment. `proxy`
    is a URL and may hold a user name and password; `ca_bundle` is a PEM file trusted beside the usual
    authorities. `seconds` is how long one whole answer may take. Raises OSError or ssl.SSLError when the
    bundle cannot be read.
    """
    trust = trusted(ca_bundle)
    target = Guard(frozenset(_plain_entry(entry) for entry in allow), resolve)
    if proxy is None:
        transport = _Guarded(_pool(trust, target, None, seconds), None)
    else:
        through = httpx.Proxy(proxy)
        own = Guard(frozenset({_plain(through.url.host)}), resolve)
        transport = _Guarded(_pool(trust, own, through, seconds), target)
    return httpx.Client(
        transport=transport,
        headers={"User-Agent": user_agent},
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        max_redirects=5,
        trust_env=False,
    )


def trusted(ca_bundle: Path | None) -> ssl.SSLContext:
    """The authorities whose certificates are believed: the system's, certifi's, and those of `ca_bundle`.

    Raises OSError or ssl.SSLError when the bundle cannot be read.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if ca_bundle is not None:
        context.load_verify_locations(ca_bundle)
        # From Python 3.13 on, strict checking refuses the certificates that many school filters make.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _plain_entry(entry: str) -> str:
    """An entry of `network.allow` as it is looked up: `[::1]:8080` is `::1:8080`."""
    return entry.replace("[", "").replace("]", "").strip().rstrip(".").lower()


def _pool(
    trust: ssl.SSLContext, guard: Guard, proxy: httpx.Proxy | None, seconds: float
) -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        ssl_context=trust,
        proxy=None if proxy is None else _for_httpcore(proxy, trust),
        max_connections=20,
        max_keepalive_connections=10,
        keepalive_expiry=15,
        network_backend=Dialler(guard, httpcore.SyncBackend(), seconds),
    )


def _for_httpcore(proxy: httpx.Proxy, trust: ssl.SSLContext) -> httpcore.Proxy:
    address = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/"
    )
    secured = trust if proxy.url.scheme == "https" else None
    return httpcore.Proxy(url=address, auth=proxy.raw_auth, ssl_context=secured)
