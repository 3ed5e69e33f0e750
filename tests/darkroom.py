"""A camera without a browser: it files pictures that tests have drawn, through the real archive."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from monitor.captures import Capture, Kind, Link, Order, Progress, Taken
from monitor.evidence import archive
from monitor.evidence.archive import Paper
from monitor.evidence.card import reconstructed
from monitor.evidence.record import Maker, Outcome, post_as_read, record
from monitor.evidence.sealing import Sealer
from monitor.evidence.strip import with_strip

MAKER = Maker(software="school-mention-monitor 0.1.0", host="monitor.harrowbygreen.example")


def screen_print(words: str = "Everybody at Harrowby Green, meet by the gate.") -> bytes:
    """A picture of a post, as a browser would have taken it."""
    image = Image.new("RGB", (640, 200), "#ffffff")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 60, 60), fill="#9a4208")
    draw.text((80, 24), "garden_gnome_77", fill="#1d2733", font_size=18)
    draw.text((20, 90), words, fill="#1d2733", font_size=22)
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def web_archive(body: bytes = b"<p>meet by the gate</p>") -> bytes:
    """A small archive that agrees with its own list of parts (WACZ 1.1.1)."""
    parts = {"archive/data.warc.gz": body, "pages/pages.jsonl": b"{}\n"}
    listed = [{"path": name, "hash": _hash(part), "bytes": len(part)} for name, part in parts.items()]
    package = json.dumps({"profile": "data-package", "resources": listed}).encode()
    digest = json.dumps({"path": "datapackage.json", "hash": _hash(package)}).encode()
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for name, part in {**parts, "datapackage.json": package, "datapackage-digest.json": digest}.items():
            packed.writestr(name, part)
    return written.getvalue()


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def printed(picture: bytes) -> Sequence[Paper]:
    """What a visit to a page brings."""
    kind = Kind.ELEMENT_SCREENSHOT.value
    return (
        Paper(name="screenshot.png", role=kind, media_type="image/png", content=picture),
        Paper(name="page.html", role="page", media_type="text/html", content=b"<p>meet by the gate</p>"),
        Paper(
            name="page.wacz",
            role=Kind.PAGE_ARCHIVE.value,
            media_type="application/wacz",
            content=web_archive(),
        ),
    )


@dataclass
class Darkroom:
    """Files each order as the next of `kinds` says (again and again the last one)."""

    root: Path
    kinds: list[Kind] = field(default_factory=lambda: [Kind.ELEMENT_SCREENSHOT])
    picture: bytes = field(default_factory=screen_print)
    sealer: Sealer | None = None

    def take(self, order: Order, at: datetime) -> Taken:
        """File it."""
        kind = self.kinds.pop(0) if self.kinds[1:] else self.kinds[0]
        outcome = self._outcome(order, Kind.METADATA_ONLY if order.media_lock else kind, at)
        papers = () if order.media_lock else (*outcome.papers, post_as_read(order, locked=outcome.locks))
        return archive.stage(self.root, self._record(order, outcome), papers, self.sealer)

    def place(self, taken: Taken, link: Link) -> Capture:
        """Put it in its place."""
        return archive.place(self.root, taken, link)

    def close(self) -> None:
        """Nothing to close."""

    def _outcome(self, order: Order, kind: Kind, at: datetime) -> Outcome:
        bare = Outcome(kind=Kind.METADATA_ONLY, progress=Progress.COMPLETE, captured_at=at, limits=())
        if kind is Kind.RENDERED_CARD:
            limited = replace(bare, limits=("The page wants a sign-in, which this tool never does.",))
            return with_strip(order, reconstructed(order, limited))
        if kind is Kind.ELEMENT_SCREENSHOT:
            return with_strip(order, replace(bare, kind=kind, papers=tuple(printed(self.picture))))
        return bare

    def _record(self, order: Order, outcome: Outcome) -> dict[str, Any]:
        return record(order, outcome, MAKER)
