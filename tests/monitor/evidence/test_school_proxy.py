"""A school's proxy that re-signs TLS with the school's own authority: captures go through it."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, create_server

import pytest
import trustme
from scenes import Scene, make_order
from sites import Site, serving, wait_for

from monitor.captures import Kind, Progress
from monitor.evidence.camera import CaptureFailed

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class School:
    """A proxy on this machine, the school's authority, and a site with a certificate from outside."""

    proxy: str
    authority: Path
    site: Site
    log: Path


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    outside = trustme.CA()
    outside.cert_pem.write_to_path(str(folder / "outside.pem"))
    _openssl("genrsa", "-out", folder / "ca-key.pem", "2048")
    _openssl("genrsa", "-out", folder / "signing-key.pem", "2048")
    subject = "/CN=Harrowby Green Filter"
    extensions = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    ca = folder / "ca.pem"
    _openssl(
        "req",
        "-new",
        "-x509",
        "-key",
        folder / "ca-key.pem",
        "-subj",
        subject,
        "-days",
        "30",
        *extensions,
        "-out",
        ca,
    )
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "proxy",
        "--hostname",
        "127.0.0.1",
        "--port",
        str(port),
        "--num-workers",
        "1",
    ]
    command += ["--num-acceptors", "1", "--basic-auth", "school:gate key", "--data-dir", str(folder / "data")]
    command += ["--ca-key-file", str(folder / "ca-key.pem"), "--ca-cert-file", str(ca)]
    command += [
        "--ca-signing-key-file",
        str(folder / "signing-key.pem"),
        "--ca-file",
        str(folder / "outside.pem"),
    ]
    command += ["--log-file", str(folder / "log")]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    outside.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
    proxy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_for(lambda: _listens(port))
        with serving(tls) as site:
            yield School(f"http://school:gate%20key@127.0.0.1:{port}", ca, site, folder / "log")
    finally:
        proxy.terminate()
        proxy.wait()


def test_a_capture_goes_through_a_proxy_with_its_own_certificates(scene: Scene, school: School) -> None:
    school.site.pages["/t"] = f"<article id=c7><p>{scene.text}</p></article>"
    # The proxy makes certificates for names only, not for addresses.
    url = f"https://localhost:{school.site.port}/t#c7"
    allow = frozenset({f"localhost:{school.site.port}"})
    lens = scene.camera(allow=allow, proxy=school.proxy, ca_bundle=school.authority)

    capture = scene.take(url=url, lens=lens)

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert capture.progress is Progress.COMPLETE
    assert capture.limits == ()
    certificate = scene.read(capture)["http"]["certificate"]
    assert certificate["issuer"] == "Harrowby Green Filter"
    assert scene.read(capture)["http"]["remote_ip"] is None
    lens.close()


def test_a_plain_page_goes_through_the_proxy_too(scene: Scene, school: School) -> None:
    scene.site.pages["/t"] = f"<link rel=stylesheet href=/s.css><article id=c7><p>{scene.text}</p></article>"
    lens = scene.camera(proxy=school.proxy, ca_bundle=school.authority)

    capture = scene.take(lens=lens)

    assert capture.progress is Progress.COMPLETE
    assert sorted(scene.site.asked) == ["/s.css", "/t"]
    lens.close()


def test_without_the_schools_authority_the_reason_is_the_certificate(scene: Scene, school: School) -> None:
    lens = scene.camera(allow=frozenset({school.site.place}), proxy=school.proxy)

    with pytest.raises(CaptureFailed, match=r"does not trust the certificate of 127\.0\.0\.1"):
        scene.take(url=school.site.url("/t"), lens=lens)
    lens.close()


def test_a_bundle_without_a_certificate_is_said(scene: Scene, school: School, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing here")
    lens = scene.camera(allow=frozenset({school.site.place}), proxy=school.proxy, ca_bundle=empty)

    with pytest.raises(CaptureFailed, match=r"empty\.pem holds no certificate"):
        scene.take(url=school.site.url("/t"), lens=lens)
    lens.close()


def test_a_wrong_password_for_the_proxy_is_said(scene: Scene, school: School) -> None:
    proxy = school.proxy.replace("gate%20key", "wrong")
    lens = scene.camera(allow=frozenset({school.site.place}), proxy=proxy, ca_bundle=school.authority)

    with pytest.raises(CaptureFailed, match="the proxy answered 407"):
        scene.take(url=school.site.url("/t"), lens=lens)
    lens.close()


def test_the_proxy_is_no_way_round_the_address_guard(scene: Scene, school: School, canary: Site) -> None:
    lens = scene.camera(proxy=school.proxy, ca_bundle=school.authority)

    capture = lens.take(make_order(url=canary.url("/secret")), scene.at)

    assert "not on the internet" in capture.limits[0]
    lens.close()
