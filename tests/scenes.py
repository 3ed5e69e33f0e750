"""A scene for the camera: a site, orders for its pages, and what was filed of them."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

from sites import Site
from ulid import ULID
from warcio.archiveiterator import ArchiveIterator

from monitor.captures import FIRST, Capture, Order, Taken
from monitor.evidence.camera import Camera

# A summer evening, when London is an hour ahead of UTC.
AT = datetime(2026, 7, 14, 18, 5, 9, tzinfo=UTC)
TEXT = "The gate of Harrowby Green was left open all afternoon and nobody from the office came out."


def make_order(**changes: Any) -> Order:
    """An ordinary order, but for what the test says."""
    ordinary: dict[str, Any] = {
        "id": str(ULID()),
        "alert": 1044,
        "school": "harrowby-green",
        "platform": "webpage",
        "post_id": "c7",
        "revision": "ab12",
        "url": "http://127.0.0.1:1/",
        "title": "",
        "text": TEXT,
        "author": "Garden Gnome",
        "posted_at": AT,
        "seen_at": AT,
        "media_lock": False,
        "why": ("conduct.site_safety",),
        "by": "rules 1",
    }
    return Order(**(ordinary | changes))


@dataclass
class Scene:
    """A site to be looked at, cameras that look, and the folder where their captures lie."""

    site: Site
    folder: Path
    lens: Camera
    make_camera: Callable[..., Camera]
    at: datetime = AT
    text: str = TEXT

    def camera(self, **changes: Any) -> Camera:
        """A camera of the test's own, closed at its end."""
        return self.make_camera(self.folder, **({"allow": frozenset({self.site.place})} | changes))

    def order(self, path: str = "/t#c7", **changes: Any) -> Order:
        """An order for a page of the site."""
        return make_order(**({"url": self.site.url(path)} | changes))

    def take(self, path: str = "/t#c7", *, lens: Camera | None = None, **changes: Any) -> Capture:
        """A capture of a page of the site."""
        lens = lens or self.lens
        return self.book(lens.take(self.order(path, **changes), self.at), lens)

    def book(self, taken: Taken, lens: Camera | None = None) -> Capture:
        """What was taken, in its place as if it were the first of its school."""
        return (lens or self.lens).place(taken, FIRST)

    def place(self, capture: Capture) -> Path:
        """The folder of a capture."""
        return self.folder / capture.folder

    def read(self, capture: Capture, name: str = "record.json") -> dict[str, Any]:
        """A JSON file of a capture."""
        read: dict[str, Any] = json.loads((self.place(capture) / name).read_bytes())
        return read

    def picture(self, capture: Capture) -> bytes:
        """The picture of a capture."""
        return (self.place(capture) / "screenshot.png").read_bytes()

    def archived(self, capture: Capture) -> dict[str, bytes]:
        """The answers in a capture's page archive: their bodies, by path without the first slash."""
        with ZipFile(self.place(capture) / "page.wacz") as packed:
            records = ArchiveIterator(BytesIO(packed.read("archive/data.warc.gz")), check_digests="raise")
            return {
                urlsplit(record.rec_headers.get_header("WARC-Target-URI")).path[
                    1:
                ]: record.content_stream().read()
                for record in records
                if record.rec_type == "response"
            }

    def height(self, capture: Capture) -> int:
        """The height of the picture, in pixels."""
        return int(struct.unpack(">I", self.picture(capture)[20:24])[0])
