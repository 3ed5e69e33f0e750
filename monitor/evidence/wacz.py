"""Packing what a visit brought: a WARC 1.1 in a WACZ 1.1.1, which ReplayWeb.page and others open.

Written in the photographer's process, since names and headers are strangers' own. A body is kept as the
page got it: undone of its transport, so the headers that told of it are renamed to X-Orig-….
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

_WARC = "archive/data.warc.gz"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET = re.compile(r"cookie|authori[sz]|authenti|token|csrf|xsrf|api-?key|secret|session", re.IGNORECASE)
_UNDONE = frozenset({"content-encoding", "transfer-encoding", "content-length"})
_PORTS = {"http": 80, "https": 443}
_MOST_HEADERS = 200
_LONGEST_VALUE = 16_384

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer and what it answered; `at` is when it came, `address` an IP where it is known."""

    at: datetime
    url: str
    method: str
    sent: Headers
    posted: bytes
    status: int
    reason: str
    headers: Headers
    body: bytes
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The page that was looked at: the address and time of its document, and its title."""

    url: str
    at: datetime
    title: str


def write(
    path: Path, answers: Sequence[Answer], shown: Shown, *, software: str, limits: Sequence[str]
) -> None:
    """Pack the answers into a new file. Raises OSError when the disk does not take it."""
    warc, lines = _warc(answers, software)
    files = {
        _WARC: warc,
        "indexes/index.cdx": "".join(sorted(lines)).encode(),
        "pages/pages.jsonl": _pages(shown),
    }
    package = _package(files, shown, software, limits)
    files["datapackage.json"] = package
    files["datapackage-digest.json"] = _json({"path": "datapackage.json", "hash": _hash(package)})
    with ZipFile(path, "x") as packed:
        for name, content in files.items():
            told = ZipInfo(name, shown.at.astimezone(UTC).timetuple()[:6])
            told.external_attr = 0o600 << 16
            # What is compressed already is stored as it is, so that a reader can jump into it.
            packed.writestr(told, content, ZIP_STORED if name == _WARC else ZIP_DEFLATED)


def is_secret(header: str) -> bool:
    """Whether a header of this name may carry what identifies a visitor."""
    return _SECRET.search(header) is not None


class _Sha256:
    """A digest as our records name it; the library's own is SHA-1."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def __str__(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class _Writer(WARCWriter):  # type: ignore[misc]  # the library has no types
    @staticmethod
    def _create_digester() -> _Sha256:
        return _Sha256()


def _warc(answers: Sequence[Answer], software: str) -> tuple[bytes, list[str]]:
    """The WARC, and its index line by line."""
    file = BytesIO()
    writer = _Writer(file, gzip=True, warc_version="1.1")
    told = {
        "software": software,
        "format": "WARC File Format 1.1",
        "conformsTo": "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        "description": "Recorded from a browser's own visit. Cookies and other secrets were left out of the "
        "headers; bodies are as the page got them, without their transport encoding.",
    }
    writer.write_record(writer.create_warcinfo_record("data.warc.gz", told))
    lines = []
    for answer in answers:
        start = file.tell()
        response = _response(writer, answer)
        writer.write_record(response)
        lines.append(_line(answer, response, start, file.tell() - start))
        writer.write_record(_request(writer, answer, response))
    return file.getvalue(), lines


def _response(writer: _Writer, answer: Answer) -> ArcWarcRecord:
    headers = [
        (f"X-Orig-{name}" if name.lower() in _UNDONE else name, value) for name, value in answer.headers
    ]
    kept = [*_clean(headers), ("Content-Length", str(len(answer.body)))]
    status = f"{answer.status} {_plain(answer.reason) or _phrase(answer.status)}"
    return writer.create_warc_record(
        answer.url,
        "response",
        payload=BytesIO(answer.body),
        length=len(answer.body),
        http_headers=StatusAndHeaders(status, kept, protocol="HTTP/1.1"),
        warc_headers_dict=_told(answer),
    )


def _request(writer: _Writer, answer: Answer, response: ArcWarcRecord) -> ArcWarcRecord:
    parts = urlsplit(answer.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    first = f"{_plain(answer.method)} {_plain(path)} HTTP/1.1"
    headers = [("Host", parts.netloc.rpartition("@")[2]), *_clean(answer.sent)]
    concurrent = response.rec_headers.get_header("WARC-Record-ID")
    return writer.create_warc_record(
        answer.url,
        "request",
        payload=BytesIO(answer.posted),
        length=len(answer.posted),
        http_headers=StatusAndHeaders(first, headers, is_http_request=True),
        warc_headers_dict=_told(answer) | {"WARC-Concurrent-To": concurrent},
    )


def _told(answer: Answer) -> dict[str, str]:
    address = {} if answer.address is None else {"WARC-IP-Address": answer.address}
    return {"WARC-Date": _iso(answer.at), **address}


def _clean(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers that are safe to write and to hand over."""
    kept = [
        (name, _one_line(value)[:_LONGEST_VALUE])
        for name, value in headers
        if _NAME.fullmatch(name) and not is_secret(name)
    ]
    return kept[:_MOST_HEADERS]


def _line(answer: Answer, response: ArcWarcRecord, offset: int, length: int) -> str:
    """An answer's line in the index (CDXJ)."""
    mime = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    told: dict[str, object] = {
        "url": answer.url,
        "mime": _one_line(mime).partition(";")[0].strip(),
        "status": str(answer.status),
        "digest": response.rec_headers.get_header("WARC-Payload-Digest"),
        "length": length,
        "offset": offset,
        "filename": _WARC.rpartition("/")[2],
    }
    if answer.method != "GET":
        told["method"] = answer.method
    stamp = answer.at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return f"{_key(answer.url)} {stamp} {json.dumps(told)}\n"


def _key(url: str) -> str:
    """An address as an index sorts it: com,example,www)/path?query."""
    parts = urlsplit(url)
    host = ",".join(reversed((parts.hostname or "").removeprefix("www.").split(".")))
    port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    path = parts.path.rstrip("/") or "/"
    return f"{host}{port}){path}{f'?{query}' if query else ''}".lower()


def _pages(shown: Shown) -> bytes:
    head = {"format": "json-pages-1.0", "id": "pages", "title": "The page of the post"}
    page = {"id": "page", "url": shown.url, "ts": _iso(shown.at), "title": shown.title or shown.url}
    return _json(head) + b"\n" + _json(page) + b"\n"


def _package(files: dict[str, bytes], shown: Shown, software: str, limits: Sequence[str]) -> bytes:
    resources = [
        {"name": name.rpartition("/")[2], "path": name, "hash": _hash(content), "bytes": len(content)}
        for name, content in files.items()
    ]
    told = {
        "profile": "data-package",
        "wacz_version": "1.1.1",
        "title": shown.title or shown.url,
        "description": " ".join(("What a browser got when it looked at one page.", *limits)),
        "software": software,
        "created": _iso(shown.at),
        "mainPageUrl": shown.url,
        "mainPageDate": _iso(shown.at),
        "resources": resources,
    }
    return _json(told)


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told).encode()


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text).encode("utf-8", "replace").decode().strip()


def _plain(text: str) -> str:
    """As a first line takes it: ASCII."""
    return _one_line(text).encode("ascii", "replace").decode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
