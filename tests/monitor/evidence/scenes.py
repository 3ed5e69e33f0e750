"""A scene for the camera: a site, orders for its pages, and what was filed of them."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sites import Site
from ulid import ULID

from monitor.captures import Capture, Order
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
        return (lens or self.lens).take(self.order(path, **changes), self.at)

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

    def height(self, capture: Capture) -> int:
        """The height of the picture, in pixels."""
        return int(struct.unpack(">I", self.picture(capture)[20:24])[0])
