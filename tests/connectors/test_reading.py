"""Reading one address: limits, redirects, and every way in which it fails as a state and a sentence."""

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from connectors.connector import Refused, Unavailable
from connectors.post import State
from connectors.reading import max_age, read, refuse_walls, retry_after, spoken


def said(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> httpx.Client:
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, content=body))
    )


def raises(error: Exception) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return httpx.Client(transport=httpx.MockTransport(answer))


def test_a_page_is_read_with_what_the_server_said_of_it(site: Any, http: httpx.Client, answer: Any) -> None:
    headers = {"Content-Type": "text/xml; charset=latin-1", "ETag": '"7"', "Last-Modified": "yesterday"}
    site.answers["/feed"] = answer(b"<rss/>", headers=headers)

    page = read(http, f"{site.url}/feed")

    assert (page.content, page.status, page.media_type, page.charset) == (
        b"<rss/>",
        200,
        "text/xml",
        "latin-1",
    )
    assert (page.etag, page.modified, page.moved_to, page.truncated) == ('"7"', "yesterday", None, False)
    assert site.asked[0][1]["accept-encoding"] == "gzip, deflate"
    assert page.date is not None


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("gzip", lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:])),
        (None, gzip.compress),
    ],
    ids=["gzip", "zlib", "bare deflate", "two gzip members", "gzip that nobody declared"],
)
def test_every_common_compression_is_undone(
    site: Any, http: httpx.Client, answer: Any, coding: str | None, pack: Callable[[bytes], bytes]
) -> None:
    body = b"some words " * 500
    site.answers["/"] = answer(pack(body), headers={"Content-Encoding": coding} if coding else {})

    assert read(http, f"{site.url}/").content == body


def test_a_small_body_that_expands_without_end_is_cut_and_never_held_whole(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/"] = answer(gzip.compress(b"\0" * 400_000_000, 1), headers={"Content-Encoding": "gzip"})
    tracemalloc.start()

    page = read(http, f"{site.url}/", expanded=5_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(page.content) == 5_000_000
    assert page.cut == "it expands to more than 5 MB"
    assert peak < 40_000_000


def test_a_page_over_the_wire_limit_keeps_its_beginning(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/"] = answer(b"x" * 3_000_000)

    page = read(http, f"{site.url}/", limit=1_000_000)

    assert len(page.content) == 1_000_000
    assert page.truncated
    assert page.cut == "it is larger than 1 MB"


def test_a_broken_compression_keeps_what_could_be_read(site: Any, http: httpx.Client, answer: Any) -> None:
    packed = zlib.compress(bytes(range(256)) * 4000, 1)
    site.answers["/"] = answer(packed[: len(packed) // 2], headers={"Content-Encoding": "deflate"})

    page = read(http, f"{site.url}/")

    assert page.content
    assert page.truncated


def test_a_server_that_drips_is_left_after_a_while(http: httpx.Client) -> None:
    with dripping() as url:
        started = time.monotonic()

        page = read(http, url, seconds=0.5)

    assert time.monotonic() - started < 3
    assert page.cut == "it came too slowly"


def test_a_body_that_breaks_off_is_tried_again_later(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/"] = answer(b"half", declared=100)

    with pytest.raises(Unavailable, match="broke off") as caught:
        read(http, f"{site.url}/")

    assert caught.value.state is State.BEHIND


def test_permanent_redirects_say_where_the_page_has_moved(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/a"] = answer(status=301, headers={"Location": "/b"})
    site.answers["/b"] = answer(status=308, headers={"Location": "/c"})
    site.answers["/c"] = answer(b"here")

    page = read(http, f"{site.url}/a")

    assert page.content == b"here"
    assert page.moved_to == page.url == f"{site.url}/c"


def test_one_passing_redirect_among_permanent_ones_moves_nothing(
    site: Any, http: httpx.Client, answer: Any
) -> None:
    site.answers["/a"] = answer(status=301, headers={"Location": "/b"})
    site.answers["/b"] = answer(status=302, headers={"Location": "/c"})
    site.answers["/c"] = answer(b"here")

    assert read(http, f"{site.url}/a").moved_to is None


def test_a_key_is_told_to_no_other_host(site: Any, http: httpx.Client, answer: Any) -> None:
    """A web filter, or a domain that somebody else has bought, may answer with a redirect."""
    elsewhere = site.url.replace("127.0.0.1", "localhost")
    site.answers["/api"] = answer(status=302, headers={"Location": f"{elsewhere}/theirs"})
    site.answers["/theirs"] = answer(b"{}")
    keys = {"authorization": "Bearer secret", "x-goog-api-key": "secret", "Api-Key": "secret"}

    read(http, f"{site.url}/api", headers={**keys, "accept": "application/json"})

    (_, here), (_, there) = site.asked
    assert "secret" in here["x-goog-api-key"]
    assert "secret" not in str(there)
    assert there["accept"] == "application/json"


def test_a_key_goes_along_within_one_host(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/api"] = answer(status=302, headers={"Location": "/api/v2"})
    site.answers["/api/v2"] = answer(b"{}")

    read(http, f"{site.url}/api", headers={"x-key": "secret"})

    assert site.asked[1][1]["x-key"] == "secret"


def test_redirects_without_end_are_given_up_after_five(site: Any, http: httpx.Client, answer: Any) -> None:
    site.answers["/a"] = answer(status=302, headers={"Location": "/a"})

    with pytest.raises(Unavailable, match="without end"):
        read(http, f"{site.url}/a")

    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x.example/", "http://[bad", "//", "javascript:alert(1)"]
)
def test_a_redirect_to_what_is_no_web_page_is_one_of_the_two_errors(target: str) -> None:
    with pytest.raises((Refused, Unavailable)):
        read(said(302, {"Location": target}), "https://e.example/")


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        (401, Refused, State.AUTH_EXPIRED),
        (402, Refused, State.BLOCKED),
        (403, Refused, State.BLOCKED),
        (404, Refused, State.BLOCKED),
        (407, Refused, State.OUR_NETWORK_DOWN),
        (408, Unavailable, State.BEHIND),
        (410, Refused, State.BLOCKED),
        (418, Refused, State.BLOCKED),
        (429, Unavailable, State.RATE_LIMITED),
        (451, Refused, State.BLOCKED),
        (500, Unavailable, State.BEHIND),
        (503, Unavailable, State.BEHIND),
        (511, Unavailable, State.OUR_NETWORK_DOWN),
        (304, Unavailable, State.PARSE_ERROR),
        (302, Unavailable, State.PARSE_ERROR),
    ],
)
def test_every_status_has_its_error_and_its_state(status: int, error: type[Exception], state: State) -> None:
    with pytest.raises(error) as caught:
        read(said(status), "https://e.example/page?key=secret")

    assert caught.value.state is state  # type: ignore[attr-defined]
    assert "secret" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_not_modified_answer_is_a_page_without_content_when_it_was_asked_for() -> None:
    page = read(said(304), "https://e.example/", headers={"if-none-match": '"1"'})

    assert (page.status, page.content) == (304, b"")


@pytest.mark.parametrize(
    ("written", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sat, 21 Nov 2026 08:10:00 GMT", timedelta(minutes=10)),
        ("Sat, 21 Nov 2026 07:00:00 GMT", timedelta(0)),
        ("999999999", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_against_the_clock_of_the_server(
    written: str, wait: timedelta | None
) -> None:
    headers = {"Retry-After": written, "Date": "Sat, 21 Nov 2026 08:00:00 GMT"}

    with pytest.raises(Unavailable) as caught:
        read(said(429, headers), "https://e.example/")

    assert caught.value.retry_after == wait


def test_a_busy_server_that_names_a_time_counts_as_rate_limited() -> None:
    with pytest.raises(Unavailable) as caught:
        read(said(503, {"Retry-After": "60"}), "https://e.example/")

    assert caught.value.state is State.RATE_LIMITED


def test_a_retry_date_without_the_clock_of_the_server_says_nothing() -> None:
    assert retry_after(httpx.Headers({"retry-after": "Sat, 21 Nov 2026 08:10:00 GMT"})) is None


@pytest.mark.parametrize(
    ("headers", "age"),
    [
        ({"cache-control": "public, max-age=600"}, timedelta(minutes=10)),
        ({"cache-control": "max-age=600", "age": "500"}, timedelta(seconds=100)),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": "max-age=99999999"}, timedelta(days=1)),
        ({}, None),
    ],
)
def test_max_age_is_read_and_bounded(headers: dict[str, str], age: timedelta | None) -> None:
    assert max_age(httpx.Headers(headers)) == age


def test_a_name_that_nobody_knows_is_our_network_or_a_wrong_name() -> None:
    error = httpx.ConnectError("no")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unavailable, match=r"could not be looked up") as caught:
        read(raises(error), "https://nowhere.example/")

    assert caught.value.state is State.OUR_NETWORK_DOWN


def test_a_closed_port_says_that_the_host_could_not_be_reached(http: httpx.Client) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 could not be reached") as caught:
            read(http, f"http://127.0.0.1:{port}/")

    assert caught.value.state is State.OUR_NETWORK_DOWN


def test_what_the_guard_of_the_client_refuses_is_refused_in_its_words() -> None:
    class AddressRefused(httpx.TransportError):
        pass

    with pytest.raises(Refused, match="is this machine itself") as caught:
        read(raises(AddressRefused("127.0.0.1 is this machine itself")), "https://e.example/")

    assert caught.value.state is State.BLOCKED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (httpx.ReadTimeout("x"), State.BEHIND),
        (httpx.ConnectTimeout("x"), State.OUR_NETWORK_DOWN),
        (httpx.PoolTimeout("x"), State.BEHIND),
        (httpx.ProxyError("x"), State.OUR_NETWORK_DOWN),
        (httpx.ReadError("x"), State.BEHIND),
        (httpx.RemoteProtocolError("x"), State.BEHIND),
    ],
)
def test_every_failure_of_the_transport_is_tried_again(error: Exception, state: State) -> None:
    with pytest.raises(Unavailable) as caught:
        read(raises(error), "https://e.example/")

    assert caught.value.state is state


def test_a_certificate_of_an_unknown_authority_names_the_setting_that_helps() -> None:
    authority = trustme.CA()

    with (
        tls_server(authority.issue_cert("127.0.0.1")) as port,
        httpx.Client(timeout=5) as http,
        pytest.raises(Unavailable, match=r"network\.ca_bundle") as caught,
    ):
        read(http, f"https://127.0.0.1:{port}/")

    assert caught.value.state is State.OUR_NETWORK_DOWN


def test_a_certificate_for_another_name_is_said_so() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)

    with (
        tls_server(authority.issue_cert("other.example")) as port,
        httpx.Client(timeout=5, verify=context) as http,
        pytest.raises(Unavailable, match="for another name"),
    ):
        read(http, f"https://127.0.0.1:{port}/")


def test_a_connection_that_was_closed_while_idle_is_tried_once_more() -> None:
    answers = iter([httpx.RemoteProtocolError("closed"), None])

    def answer(request: httpx.Request) -> httpx.Response:
        if error := next(answers):
            raise error
        return httpx.Response(200, content=b"ok")

    assert read(httpx.Client(transport=httpx.MockTransport(answer)), "https://e.example/").content == b"ok"


def test_the_block_page_of_a_web_filter_is_known_although_it_says_200(data: Path) -> None:
    page = read(
        said(200, {"content-type": "text/html"}, (data / "filter_block.html").read_bytes()),
        "https://e.example/",
    )

    with pytest.raises(Refused, match="A web filter on your network") as caught:
        refuse_walls(page)

    assert caught.value.state is State.FILTERED_HERE


@pytest.mark.parametrize(
    "words",
    [
        b"<h1>Smoothwall</h1><p>Access to this web page has been blocked</p>",
        b"<p>This site is blocked by Lightspeed Systems</p>",
        b"<title>FortiGuard Intrusion Prevention - Access Blocked</title>Web Page Blocked",
        b"<p>Netsweeper: your request was denied. Web page denied</p>",
        b"<p>Sophos Web Appliance</p><p>The website was blocked</p>",
    ],
)
@pytest.mark.parametrize("status", [200, 403])
def test_the_usual_filters_are_known_by_their_words(words: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        refuse_walls(
            read(
                said(status, {"content-type": "text/html"}, b"<html>" + words + b"</html>"),
                "https://e.example/",
            )
        )

    assert caught.value.state is State.FILTERED_HERE


@pytest.mark.parametrize(
    "words",
    [
        b"<p>The council blocked the site for new homes after a long debate in the chamber.</p>",
        b"<p>Smoothwall, which sells web filters to schools, opened an office in Leeds.</p>"
        + b"<p>News.</p>" * 20_000,
        b"<h1>News</h1><p>Pupils were denied a snow day. Parents filtered in at nine.</p>",
    ],
)
def test_news_about_blocking_is_no_block_page(words: bytes) -> None:
    refuse_walls(
        read(said(200, {"content-type": "text/html"}, b"<html>" + words + b"</html>"), "https://e.example/")
    )


def test_a_login_page_is_a_wall(site: Any, http: httpx.Client, answer: Any, data: Path) -> None:
    site.answers["/thread"] = answer(status=302, headers={"Location": "/login?next=thread"})
    site.answers["/login"] = answer((data / "login.html").read_bytes(), headers={"Content-Type": "text/html"})

    with pytest.raises(Refused) as caught:
        refuse_walls(read(http, f"{site.url}/thread"))

    assert caught.value.state is State.LOGIN_WALL


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://user:pass@e.example:8080/feed?token=abc", "https://e.example:8080/feed?…"),
        ("https://e.example/feed", "https://e.example/feed"),
        ("https://[bad", "the address"),
    ],
)
def test_an_address_is_spoken_without_its_secrets(url: str, words: str) -> None:
    assert spoken(url) == words


@contextmanager
def dripping() -> Iterator[str]:
    """A server that sends one byte every tenth of a second, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not stop.wait(0.1):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    stop.set()
    thread.join()
    listener.close()


@contextmanager
def tls_server(certificate: trustme.LeafCert) -> Iterator[int]:
    """A server that offers a certificate, and is hung up on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()
