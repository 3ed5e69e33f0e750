"""The page archive: what stands in it, and what tools that are not ours say of it."""

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import pytest
from cdxj_indexer.main import CDXJIndexer
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import Scene
from sites import serving
from warcio.archiveiterator import ArchiveIterator

from monitor.captures import Capture
from monitor.evidence import wacz
from monitor.evidence.answers import Answers
from monitor.evidence.wacz import Answer, Shown

AT = datetime(2026, 7, 14, 18, 5, 9, 250_000, tzinfo=UTC)


def _answer(**changes: Any) -> Answer:
    ordinary: dict[str, Any] = {
        "at": AT,
        "url": "https://www.harrowby.example/t?b=2&a=1",
        "method": "GET",
        "sent": (("User-Agent", "Browser"), ("Cookie", "who=me")),
        "posted": b"",
        "status": 200,
        "reason": "OK",
        "headers": (("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "id=canary")),
        "body": "<p>Café".encode("latin-1"),
        "address": "192.0.2.7",
    }
    return Answer(**(ordinary | changes))


def _write(folder: Path, answers: Sequence[Answer], title: str = "Harrowby talk") -> Path:
    path = folder / "page.wacz"
    wacz.write(
        path, answers, Shown(url=answers[-1].url, at=AT, title=title), software="monitor 0.1.0", limits=()
    )
    return path


def _records(path: Path) -> list[tuple[str, str, dict[str, str], Any, bytes]]:
    """Type, address, WARC headers, HTTP headers and payload of each record, its digests checked."""
    found = []
    with ZipFile(path) as packed:
        iterator = ArchiveIterator(BytesIO(packed.read("archive/data.warc.gz")), check_digests="raise")
        for record in iterator:
            told = dict(record.rec_headers.headers)
            address = told.get("WARC-Target-URI", "")
            found.append(
                (record.rec_type, address, told, record.http_headers, record.content_stream().read())
            )
    return found


def _said(*command: str | Path) -> str:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _independent(path: Path, folder: Path) -> None:
    """Have the makers' own tools look at an archive."""
    assert "the passed WACZ is valid" in _said("wacz", "validate", "-f", path)
    warc = folder / "data.warc.gz"
    with ZipFile(path) as packed:
        warc.write_bytes(packed.read("archive/data.warc.gz"))
    checked = _said("warcio.cli", "check", "-v", warc)
    assert "digest pass" in checked
    assert "digest present but not checked" not in checked


def test_other_peoples_tools_find_an_archive_valid(tmp_path: Path) -> None:
    led = _answer(url="https://harrowby.example/old", status=301, headers=(("Location", "/t"),), body=b"")

    _independent(_write(tmp_path, [led, _answer(), _answer(method="POST", posted=b"a=1")]), tmp_path)


def test_domain_3_1_every_part_is_named_with_its_hash_and_the_warc_is_stored_as_it_is(tmp_path: Path) -> None:
    with ZipFile(_write(tmp_path, [_answer()])) as packed:
        package = json.loads(packed.read("datapackage.json"))
        digest = json.loads(packed.read("datapackage-digest.json"))
        contents = {name: packed.read(name) for name in packed.namelist()}
        pages = [json.loads(line) for line in contents["pages/pages.jsonl"].splitlines()]
        assert packed.getinfo("archive/data.warc.gz").compress_type == ZIP_STORED

    assert (package["profile"], package["wacz_version"]) == ("data-package", "1.1.1")
    for part in package["resources"]:
        content = contents.pop(part["path"])
        assert part["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert part["bytes"] == len(content)
    assert set(contents) == {"datapackage.json", "datapackage-digest.json"}
    assert digest["hash"] == f"sha256:{hashlib.sha256(contents['datapackage.json']).hexdigest()}"
    assert pages[0]["format"] == "json-pages-1.0"
    assert pages[1]["url"] == _answer().url
    assert (pages[1]["ts"], pages[1]["title"]) == ("2026-07-14T18:05:09.250Z", "Harrowby talk")


def test_a_record_says_when_the_answer_came_from_where_and_its_hash(tmp_path: Path) -> None:
    info, (_, address, told, http, payload), request = _records(_write(tmp_path, [_answer()]))

    assert info[0] == "warcinfo"
    assert b"software: monitor 0.1.0" in info[4]
    assert b"format: WARC File Format 1.1" in info[4]
    assert address == _answer().url
    assert told["WARC-Date"] == "2026-07-14T18:05:09.250Z"
    assert told["WARC-IP-Address"] == "192.0.2.7"
    assert told["WARC-Payload-Digest"] == f"sha256:{hashlib.sha256(_answer().body).hexdigest()}"
    assert http.statusline == "200 OK"
    assert payload == _answer().body
    assert request[2]["WARC-Concurrent-To"] == told["WARC-Record-ID"]
    assert request[3].get_header("Host") == "www.harrowby.example"


def test_no_cookie_or_secret_of_either_side_is_kept(tmp_path: Path) -> None:
    names = ("Cookie", "Authorization", "Proxy-Authorization", "X-CSRF-Token", "x-api-key", "X-Session-Id")
    secret = _answer(
        sent=tuple((name, "canary") for name in names),
        headers=(("Set-Cookie", "canary"), ("WWW-Authenticate", "canary"), ("Content-Type", "text/html")),
    )

    records = _records(_write(tmp_path, [secret]))

    assert not any("canary" in str(http) or b"canary" in payload for *_, http, payload in records)


def test_headers_of_a_transport_that_was_undone_are_renamed(tmp_path: Path) -> None:
    packed = _answer(
        headers=(("Content-Encoding", "gzip"), ("Content-Length", "9"), ("Transfer-Encoding", "x"))
    )

    http = _records(_write(tmp_path, [packed]))[1][3]

    assert http.get_header("Content-Encoding") is None
    assert http.get_header("X-Orig-Content-Encoding") == "gzip"
    assert http.get_header("Content-Length") == str(len(packed.body))


def test_the_index_is_the_one_that_the_makers_tool_would_write(tmp_path: Path) -> None:
    urls = (
        "https://www.harrowby.example/t?b=2&a=1",
        "http://127.0.0.1:8080/",
        "https://a.example/Path/",
    )
    path = _write(tmp_path, [_answer(url=url, at=AT + timedelta(seconds=n)) for n, url in enumerate(urls)])
    warc, theirs = tmp_path / "data.warc.gz", StringIO()
    with ZipFile(path) as packed:
        warc.write_bytes(packed.read("archive/data.warc.gz"))
        ours = packed.read("indexes/index.cdx").decode().splitlines()

    CDXJIndexer(theirs, [str(warc)], sort=True).process_all()

    read = [[line.split(" ", 2) for line in lines] for lines in (ours, theirs.getvalue().splitlines())]
    assert [line[:2] for line in read[0]] == [line[:2] for line in read[1]]
    for mine, other in zip(*read, strict=True):
        found, wanted = json.loads(mine[2]), json.loads(other[2])
        assert {name: str(value) for name, value in found.items()} == {name: wanted[name] for name in found}


_HOSTILE = st.text(st.characters(codec=None), max_size=60)


@settings(max_examples=60, deadline=None)
@given(name=_HOSTILE, value=_HOSTILE, reason=_HOSTILE, title=_HOSTILE)
def test_hostile_headers_and_titles_break_nothing(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: str, reason: str, title: str
) -> None:
    answer = _answer(headers=((name, value), ("X-Long", value * 9_999)), sent=((value, name),), reason=reason)

    records = _records(_write(tmp_path_factory.mktemp("wacz"), [answer], title))

    assert [kind for kind, *_ in records] == ["warcinfo", "response", "request"]
    assert records[1][4] == answer.body


# What a visit puts in


def _archive(scene: Scene, capture: Capture) -> Path:
    return scene.place(capture) / "page.wacz"


@pytest.mark.browser
def test_domain_3_2_the_visits_own_answers_are_archived_and_nothing_is_asked_twice(
    scene: Scene, tmp_path: Path
) -> None:
    text = {"app.js": "text/javascript", "style.css": "text/css", "more.json": "application/json"}
    words = {
        "app.js": "fetch('/more.json', {method: 'POST', body: '{}'}) // café",
        "style.css": "p{color:red}",
    }
    for name, kind in text.items():
        body = words.get(name, '{"more": 1}').encode("latin-1")
        scene.site.pages[f"/{name}"] = lambda visitor, body=body, kind=kind: visitor.give(body, kind=kind)
    scene.site.pages["/old"] = lambda visitor: visitor.lead_to("/t", 301)
    page = f"""<link rel=stylesheet href=/style.css><article id=c7><p>{scene.text}</p></article>
        <script src=/app.js></script>"""
    sent = gzip.compress(page.encode())
    scene.site.pages["/t"] = lambda visitor: visitor.give(
        sent, headers={"Content-Encoding": "gzip", "Set-Cookie": "id=canary"}
    )
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    capture = scene.take("/old#c7")

    kept = scene.archived(capture)
    assert set(kept) == {"old", "t", *text}
    assert kept["old"] == b""
    assert kept["t"] == page.encode()
    assert kept["app.js"] == words["app.js"].encode("latin-1")  # byte for byte, whatever it is written in
    assert sorted(scene.site.asked) == ["/app.js", "/more.json", "/old", "/style.css", "/t"]
    dates = {
        datetime.fromisoformat(told["WARC-Date"])
        for _, address, told, *_ in _records(_archive(scene, capture))
        if address
    }
    assert all(before <= date <= datetime.now(UTC) for date in dates)
    assert b"canary" not in _archive(scene, capture).read_bytes()
    assert not any("archive" in limit for limit in capture.limits)
    _independent(_archive(scene, capture), tmp_path)


@pytest.mark.browser
def test_what_other_sites_answer_is_left_out_and_counted_but_for_the_looks_of_the_page(scene: Scene) -> None:
    with serving() as other:
        other.pages["/look.css"] = lambda visitor: visitor.give("p{color:red}", kind="text/css")
        other.pages["/count.js"] = lambda visitor: visitor.give("1", kind="text/javascript")
        other.pages["/frame"] = "<p>Somebody else"
        scene.site.pages["/t"] = f"""<link rel=stylesheet href={other.url("/look.css")}>
            <script src={other.url("/count.js")}></script><iframe src={other.url("/frame")}></iframe>
            <article id=c7><p>{scene.text}</p></article>"""

        capture = scene.take(lens=scene.camera(allow=frozenset({scene.site.place, other.place})))

    assert set(scene.archived(capture)) == {"t", "look.css"}
    assert "The archive leaves out 2 answers from other sites." in capture.limits


@pytest.mark.browser
def test_no_picture_that_is_written_into_a_text_gets_into_the_archive(scene: Scene) -> None:
    drawn = "iVBORw0KGgo" + "A" * 200
    scene.site.pages["/more.json"] = lambda visitor: visitor.give(
        json.dumps({"a": f"data:image/png;base64,{drawn}", "b": drawn}).replace("/", "\\/"),
        kind="application/json",
    )
    scene.site.pages[
        "/t"
    ] = f"""<article id=c7><p>{scene.text}</p><img src="data:image/png;base64,{drawn}"></article>
        <script>fetch("/more.json")</script>"""

    capture = scene.take()

    kept = scene.archived(capture)
    assert not any(b"AAAA" in body for body in kept.values())
    assert json.loads(kept["more.json"]) == {"a": "data:,", "b": "data:,"}
    assert "3 pictures, films, sounds or fonts that are written into the page" in " ".join(capture.limits)


@pytest.mark.browser
def test_a_picture_that_says_it_is_text_or_hides_behind_a_redirect_reaches_neither_page_nor_archive(
    scene: Scene,
) -> None:
    scene.site.pages["/lie"] = lambda visitor: visitor.give(_DRAWN, kind="text/plain")
    scene.site.pages["/hop"] = lambda visitor: visitor.lead_to("/secret.jpg")
    scene.site.pages["/secret.jpg"] = lambda visitor: visitor.give(_DRAWN, kind="image/jpeg")
    scene.site.pages["/t"] = f"""<article id=c7></article>
        <script>Promise.allSettled(["/lie", "/hop"].map((path) => fetch(path).then(() => fetch("/it-came"))))
        .then(() => document.getElementById("c7").textContent = "{scene.text}")</script>"""

    capture = scene.take()

    assert set(scene.site.asked) == {"/t", "/lie", "/hop"}
    assert set(scene.archived(capture)) <= {"t", "hop"}
    assert scene.read(capture)["media_blocked_count"] == 2


@pytest.mark.browser
def test_an_address_that_gives_a_picture_without_saying_so_is_no_page(scene: Scene) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.give(_DRAWN, kind="")

    capture = scene.take()

    assert "gives a picture, film or sound, not a page" in capture.limits[0]
    assert not any(_DRAWN in path.read_bytes() for path in scene.place(capture).iterdir())


# What is left out


_DRAWN = b"\x89PNG\r\n\x1a\n" + b"drawn" * 40


@pytest.mark.parametrize(
    ("body", "pictures"),
    [
        (_DRAWN, False),
        (b"\xff\xd8\xff\xe0 a photograph", False),
        (b"\x00\x00\x00\x1cftypavif", False),
        (b"\x00\x00\x00\x18ftypmp42", True),
        (b"\x1aE\xdf\xa3 a film", True),
    ],
)
@pytest.mark.parametrize("page", ["https://a.example/t", None], ids=["on the page", "the page itself"])
def test_media_are_known_by_their_first_bytes_whatever_they_say(
    body: bytes, pictures: bool, page: str | None
) -> None:
    """DOMAIN 3.7: a content type is what a stranger says."""
    answers = Answers(1_000, pictures=pictures)

    assert not answers.note(_event(kind="text/plain"), AT, page=page, address=None, read=lambda: body)
    assert answers.note(_event(), AT, page=page, address=None, read=lambda: b"<p>words")

    assert [one.body for one in answers.kept()[0]] == [b"<p>words"]
    assert answers.limits() == ("The archive leaves out 1 answer of other kinds than text.",)


_LINES = "iVBORw0KGgo" + "\r\n".join(["A" * 76] * 5) + "=="


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
@pytest.mark.parametrize("beginning", ["data:image/png;base64,", "data:image/png;base64,\n", ""])
def test_a_picture_that_is_written_over_many_lines_or_in_wide_letters_is_left_out_whole(
    code: str, beginning: str
) -> None:
    body = f"<p>Café<img src='{beginning}{_LINES}'>".encode(code)

    kept, cut = Answers(1, pictures=False).without_media(body)

    assert (kept.decode(code), cut) == ("<p>Café<img src='data:,'>", 1)


def _event(**changes: Any) -> dict[str, Any]:
    headers = [{"name": "Content-Type", "value": changes.pop("kind", "text/html")}]
    request = {"url": changes.pop("url", "https://a.example/x"), "method": "GET", "headers": {}}
    return {
        "request": request,
        "responseStatusCode": 200,
        "responseHeaders": headers,
        "resourceType": "XHR",
    } | changes


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (_event(url="https://b.example/x"), "1 answer from other sites"),
        (_event(kind="application/octet-stream"), "1 answer of other kinds than text"),
        (_event(kind="text/event-stream"), "1 answer without an end"),
    ],
)
def test_what_is_left_out_is_counted_and_said(event: dict[str, Any], said: str) -> None:
    answers = Answers(100, pictures=False)

    answers.note(event, AT, page="https://a.example/t", address=None, read=lambda: b"body")

    assert answers.kept() == ((), 0)
    assert answers.limits() == (f"The archive leaves out {said}.",)


def test_what_is_too_large_or_no_longer_held_is_counted_and_said() -> None:
    answers = Answers(100, pictures=False)

    def lost() -> bytes:
        raise LookupError

    for read in (lambda: b"x" * 60, lambda: b"x" * 60, lost, lost):
        answers.note(_event(), AT, page="https://a.example/t", address=None, read=read)

    assert len(answers.kept()[0]) == 1
    assert answers.limits() == (
        "The archive leaves out 1 answer too large.",
        "The archive leaves out 2 answers which the browser no longer held.",
    )
