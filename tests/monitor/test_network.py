"""The way out: what may be reached, and that nothing else is, whatever a name or a redirect says."""

import http.server
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
import trustme

from monitor.network import AddressRefused, Dialler, Guard, make_http, refusal

AGENT = "SchoolMentionMonitor/0.1 (+https://harrowbygreen.example/monitoring)"


@dataclass
class Site:
    """A real web server on loopback and the requests that it saw."""

    port: int
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serving(
    answers: dict[str, tuple[int, dict[str, str]]], tls: ssl.SSLContext | None = None
) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.seen.append((self.path, dict(self.headers.items())))
            status, headers = answers.get(self.path, (200, {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None: ...

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(address: str, port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def names(**table: str | list[str]) -> Callable[..., list[tuple[Any, ...]]]:
    """A resolver that knows these names (`_` stands for a dot) and takes addresses as they are."""
    known = {
        name.replace("_", "."): [found] if isinstance(found, str) else found for name, found in table.items()
    }

    def resolve(host: str, port: int, **asked: Any) -> list[tuple[Any, ...]]:
        if host not in known:
            return list(socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, **asked))
        return [answer(address, port) for address in known[host]]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001:0:4136:e378::1",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "5f00::1",
        "100::1",
        "not an address",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refusal(address) is not None


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450:4009::200e", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://LOCALHOST.:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://127.0.0.1.:{port}/",
        "http://１２７.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_no_way_of_writing_a_local_address_reaches_it(url: str) -> None:
    with serving({}) as site, make_http(user_agent=AGENT) as http:
        with pytest.raises((httpx.TransportError, httpx.InvalidURL)):
            http.get(url.format(port=site.port))

        assert site.seen == []


def test_a_refusal_tells_the_administrator_what_to_do() -> None:
    with (
        make_http(user_agent=AGENT, resolve=names(intranet_example="10.0.0.5")) as http,
        pytest.raises(AddressRefused) as refused,
    ):
        http.get("http://intranet.example/feed.xml")

    assert str(refused.value) == (
        "intranet.example (10.0.0.5) is not on the public internet, so it is not read. "
        'If it is meant, add "intranet.example:80" to network.allow.'
    )


@pytest.mark.parametrize(
    "allow", ["forum.example", "forum.example:{port}", "Forum.Example.", "FORUM.example:{port}"]
)
def test_an_allowed_host_may_be_local(allow: str) -> None:
    with (
        serving({}) as site,
        make_http(
            user_agent=AGENT, allow=[allow.format(port=site.port)], resolve=names(forum_example="127.0.0.1")
        ) as http,
    ):
        assert http.get(f"http://forum.example:{site.port}/").text == "hello"

        [(_, headers)] = site.seen
        assert headers["Host"] == f"forum.example:{site.port}"
        assert headers["User-Agent"] == AGENT


@pytest.mark.parametrize("allow", ["[::1]:8080", "::1", "[::1]"])
def test_an_ipv6_address_may_be_allowed(allow: str) -> None:
    # Nobody listens there, but the guard lets it try.
    with make_http(user_agent=AGENT, allow=[allow]) as http, pytest.raises(httpx.ConnectError):
        http.get("http://[::1]:8080/")


def test_allowing_one_port_allows_no_other() -> None:
    with (
        serving({}) as site,
        make_http(user_agent=AGENT, allow=[f"127.0.0.1:{site.port + 1}"]) as http,
        pytest.raises(AddressRefused),
    ):
        http.get(f"http://127.0.0.1:{site.port}/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_redirect_to_a_local_address_is_not_followed(scheme: str) -> None:
    with serving({}) as secret:
        answers = {
            "/self": (302, {"Location": f"{scheme}://127.0.0.1:{secret.port}/admin"}),
            "/cloud": (302, {"Location": f"{scheme}://169.254.169.254/latest/meta-data/"}),
            "/file": (302, {"Location": "file:///etc/passwd"}),
        }
        with (
            serving(answers) as site,
            make_http(
                user_agent=AGENT, allow=["news.example"], resolve=names(news_example="127.0.0.1")
            ) as http,
        ):
            for path in ("/self", "/cloud"):
                with pytest.raises(AddressRefused):
                    http.get(f"http://news.example:{site.port}{path}", follow_redirects=True)
            with pytest.raises(AddressRefused, match="only http: and https:"):
                http.get(f"http://news.example:{site.port}/file", follow_redirects=True)

        assert secret.seen == []


def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    """A name that is public at the first look-up and local at the second (DNS rebinding) gains nothing."""
    answers = iter(["93.184.215.14", "127.0.0.1"])

    def rebinding(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [answer(next(answers), port)]

    class Sockets(httpcore.MockBackend):
        """Answers nothing and notes where a connection was asked for."""

        def connect_tcp(self, host: str, *arguments: Any, **named: Any) -> httpcore.NetworkStream:
            dialled.append(host)
            return super().connect_tcp(host, *arguments, **named)

    dialled: list[str] = []
    dialler = Dialler(Guard(resolve=rebinding), Sockets([]))

    dialler.connect_tcp("rebind.example", 80)
    with pytest.raises(AddressRefused):
        dialler.connect_tcp("rebind.example", 80)

    assert dialled == ["93.184.215.14"]


def test_of_several_addresses_only_the_public_ones_are_dialled() -> None:
    guard = Guard(resolve=names(mixed_example=["10.0.0.1", "8.8.8.8", "127.0.0.1"]))

    assert guard.addresses("mixed.example", 443) == ("8.8.8.8",)


def test_a_dead_address_does_not_hide_a_live_one() -> None:
    with (
        serving({}) as site,
        make_http(
            user_agent=AGENT, allow=["two.example"], resolve=names(two_example=["127.0.0.2", "127.0.0.1"])
        ) as http,
    ):
        assert http.get(f"http://two.example:{site.port}/").status_code == 200


def test_a_host_that_answers_drop_by_drop_is_left_after_a_while() -> None:
    """Each byte comes well within the time for one read; the answer never ends."""

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n")
            with suppress(OSError):
                while not over.wait(0.05):
                    self.request.sendall(b"X-More: yes\r\n")

    over = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        began = time.monotonic()
        with (
            make_http(user_agent=AGENT, allow=["127.0.0.1"], seconds=0.5) as http,
            pytest.raises(httpx.ReadTimeout),
        ):
            http.get(f"http://127.0.0.1:{server.server_address[1]}/")
        over.set()
        server.shutdown()

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("url", ["http://user:pw@news.example/", "https://user@news.example/"])
def test_an_address_with_a_password_in_it_is_refused(url: str) -> None:
    with (
        make_http(user_agent=AGENT, resolve=names(news_example="8.8.8.8")) as http,
        pytest.raises(AddressRefused, match="carries a user name or password"),
    ):
        http.get(url)


@pytest.mark.parametrize("url", ["ftp://news.example/", "file:///etc/passwd", "gopher://news.example/"])
def test_only_web_addresses_are_read(url: str) -> None:
    with make_http(user_agent=AGENT) as http, pytest.raises((AddressRefused, httpx.UnsupportedProtocol)):
        http.get(url)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example"])
def test_a_name_that_does_not_exist_is_a_connect_error(host: str) -> None:
    with make_http(user_agent=AGENT) as http, pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
        http.get(f"http://{host}/")


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving({}) as site, make_http(user_agent=AGENT, allow=["127.0.0.1"]) as http:
        assert http.get(f"http://127.0.0.1:{site.port}/").status_code == 200


def test_no_cookie_is_kept() -> None:
    """Every page is read as somebody sees it who has never been there."""
    with (
        serving({"/": (200, {"Set-Cookie": "id=1; Path=/"})}) as site,
        make_http(user_agent=AGENT, allow=["127.0.0.1"]) as http,
    ):
        http.get(f"http://127.0.0.1:{site.port}/")
        http.get(f"http://127.0.0.1:{site.port}/")

        assert all("Cookie" not in headers for _, headers in site.seen)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="The filter of Harrowby Green")


def _server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trust") / "bundle.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_a_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA) -> None:
    with (
        serving({}, _server_side(authority, "news.example")) as site,
        make_http(user_agent=AGENT, allow=["news.example"], resolve=names(news_example="127.0.0.1")) as http,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        http.get(f"https://news.example:{site.port}/")


def test_the_schools_own_authority_is_trusted_beside_the_usual_ones(
    authority: trustme.CA, bundle: Path
) -> None:
    with (
        serving({}, _server_side(authority, "news.example")) as site,
        make_http(
            user_agent=AGENT,
            ca_bundle=bundle,
            allow=["news.example"],
            resolve=names(news_example="127.0.0.1"),
        ) as http,
    ):
        assert http.get(f"https://news.example:{site.port}/").text == "hello"


def test_the_certificate_must_bear_the_name_although_an_address_is_dialled(
    authority: trustme.CA, bundle: Path
) -> None:
    """Two hosts at one address share no connection: each is checked by its own name."""
    with (
        serving({}, _server_side(authority, "news.example")) as site,
        make_http(
            user_agent=AGENT,
            ca_bundle=bundle,
            allow=["news.example", "other.example"],
            resolve=names(news_example="127.0.0.1", other_example="127.0.0.1"),
        ) as http,
    ):
        assert http.get(f"https://news.example:{site.port}/").status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            http.get(f"https://other.example:{site.port}/")


def test_a_bundle_that_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    broken = tmp_path / "bundle.pem"
    broken.write_text("no certificate")

    with pytest.raises(ssl.SSLError):
        make_http(user_agent=AGENT, ca_bundle=broken)
    with pytest.raises(OSError, match="No such file"):
        make_http(user_agent=AGENT, ca_bundle=tmp_path / "absent.pem")


@pytest.fixture(scope="module")
def resigning_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, trustme.CA]]:
    """A proxy that breaks TLS open and signs anew, as school filters do; its URL, its CA, the world's."""
    folder = tmp_path_factory.mktemp("proxy")
    origin = trustme.CA(organization_name="The authority of the wide world")
    origin.cert_pem.write_to_path(str(folder / "origin.pem"))
    for name in ("ca", "signing"):
        subprocess.run(
            ["openssl", "genrsa", "-out", folder / f"{name}.key", "2048"], check=True, capture_output=True
        )
    made = ["-subj", "/CN=The filter of Harrowby Green", "-days", "2", "-sha256"]
    made += ["-key", str(folder / "ca.key"), "-out", str(folder / "ca.pem")]
    subprocess.run(["openssl", "req", "-new", "-x509", *made], check=True, capture_output=True)
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
    command += ["--port-file", str(folder / "port"), "--num-workers", "1", "--num-acceptors", "1"]
    command += ["--ca-key-file", str(folder / "ca.key"), "--ca-cert-file", str(folder / "ca.pem")]
    command += ["--ca-signing-key-file", str(folder / "signing.key"), "--ca-file", str(folder / "origin.pem")]
    command += [
        "--ca-cert-dir",
        str(folder / "made"),
        "--data-dir",
        str(folder / "data"),
        "--log-level",
        "ERROR",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            deadline = time.monotonic() + 30
            while not (folder / "port").exists() or not (folder / "port").read_text().strip():
                assert time.monotonic() < deadline, "the proxy did not start"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{int((folder / 'port').read_text().strip())}", folder / "ca.pem", origin
        finally:
            running.terminate()


def test_http_goes_through_a_proxy(resigning_proxy: tuple[str, Path, trustme.CA]) -> None:
    url, _, _ = resigning_proxy
    with serving({}) as site, make_http(user_agent=AGENT, proxy=url, allow=["localhost"]) as http:
        assert http.get(f"http://localhost:{site.port}/feed.xml").text == "hello"

        path, headers = site.seen[0]
        assert path == "/feed.xml"
        assert "Via" in headers


def test_https_goes_through_a_proxy_that_signs_anew(resigning_proxy: tuple[str, Path, trustme.CA]) -> None:
    url, filter_ca, origin = resigning_proxy
    with (
        serving({}, _server_side(origin, "localhost")) as site,
        make_http(user_agent=AGENT, proxy=url, ca_bundle=filter_ca, allow=["localhost"]) as http,
    ):
        assert http.get(f"https://localhost:{site.port}/").text == "hello"


def test_without_its_authority_the_proxys_certificates_are_refused(
    resigning_proxy: tuple[str, Path, trustme.CA],
) -> None:
    url, _, origin = resigning_proxy
    with (
        serving({}, _server_side(origin, "localhost")) as site,
        make_http(user_agent=AGENT, proxy=url, allow=["localhost"]) as http,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        http.get(f"https://localhost:{site.port}/")


def test_behind_a_proxy_a_local_target_is_refused_before_it_is_handed_over(
    resigning_proxy: tuple[str, Path, trustme.CA],
) -> None:
    url, _, _ = resigning_proxy
    resolve = names(mixed_example=["8.8.8.8", "127.0.0.1"])
    with serving({}) as site, make_http(user_agent=AGENT, proxy=url, resolve=resolve) as http:
        for host in ("127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "mixed.example"):
            with pytest.raises(AddressRefused):
                http.get(f"http://{host}:{site.port}/")

        assert site.seen == []


def test_a_name_that_only_the_proxy_can_look_up_is_left_to_it(
    resigning_proxy: tuple[str, Path, trustme.CA],
) -> None:
    """Schools' machines often have no outside DNS of their own."""
    url, _, _ = resigning_proxy

    def no_dns(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        if host == "127.0.0.1":
            return [answer(host, port)]
        raise socket.gaierror("no DNS here")

    with serving({}) as site, make_http(user_agent=AGENT, proxy=url, resolve=no_dns) as http:
        assert http.get(f"http://localhost:{site.port}/").text == "hello"


def test_a_password_for_the_proxy_goes_to_the_proxy_alone() -> None:
    with (
        serving({}) as stand_in,
        make_http(
            user_agent=AGENT,
            proxy=f"http://school:secret@127.0.0.1:{stand_in.port}",
            resolve=names(news_example="8.8.8.8"),
        ) as http,
    ):
        http.get("http://news.example/feed.xml")

        path, headers = stand_in.seen[0]
        assert path == "http://news.example/feed.xml"
        assert headers["Proxy-Authorization"] == "Basic c2Nob29sOnNlY3JldA=="
        assert "Authorization" not in headers
