"""A school's evidence, small and made without a browser: captures, custody log, anchors and time-stamps."""

import hashlib
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from ulid import ULID

from monitor.anchors import Anchor, Checked, Stamp, StampState
from monitor.captures import Capture, Kind, Link, Order, Progress, Taken
from monitor.custody import Deed, Event
from monitor.evidence import archive
from monitor.evidence.archive import Paper
from monitor.evidence.record import Maker, Outcome, post_as_read, record
from monitor.evidence.signing import open_key
from monitor.evidence.timestamps import Answer
from monitor.evidence.verify import Report, verify
from monitor.jobs.anchor import LEASE, Anchoring
from monitor.store.forgetting import Retention
from monitor.store.store import Store, open_store

SCHOOL = "harrowby-green"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AUTHORITIES = ("Clock House", "Sundial")
MAKER = Maker(software="monitor 0.0.0", host="worker-1", run="01JRUN", settings_sha256="ab" * 32)
_TOWER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a clock tower").digest())


def stamp_of(anchor: Anchor, authority: str, key: Ed25519PrivateKey = _TOWER) -> bytes:
    """A token of a make-believe authority: a real one is slow, and has tests of its own."""
    return authority.encode() + b"\n" + key.sign(f"{authority} {anchor.sha256}".encode())


def check_stamp(
    stamp: Stamp, anchor: Anchor, roots: Sequence[Ed25519PublicKey] = (_TOWER.public_key(),)
) -> Checked:
    """What is wrong with such a token; its `certificates` are its own root in hexadecimal, or nothing."""
    if any(_is_signed(stamp, anchor, root) for root in roots):
        return Checked(None)
    kept = bytes.fromhex(stamp.certificates)
    if kept and _is_signed(stamp, anchor, Ed25519PublicKey.from_public_bytes(kept)):
        return Checked(None, root=hashlib.sha256(kept).hexdigest())
    return Checked("it does not belong to this anchor")


def _is_signed(stamp: Stamp, anchor: Anchor, root: Ed25519PublicKey) -> bool:
    authority, _, signature = stamp.token.partition(b"\n")
    try:
        root.verify(signature, f"{stamp.authority} {anchor.sha256}".encode())
    except InvalidSignature:
        return False
    return authority.decode("latin-1") == stamp.authority


@dataclass
class Vault:
    """The evidence of a school in a folder, on SQLite unless a test says otherwise."""

    folder: Path
    store: Store
    at: datetime = START

    @property
    def root(self) -> Path:
        """The evidence folder."""
        return self.folder / "evidence"

    def now(self) -> datetime:
        """Its clock."""
        return self.at

    def stage(self, number: int, *, size: int = 2_000, packed: bytes = b"", **changes: object) -> Taken:
        """Stage one capture, as the camera would; `packed` is an archive of the page."""
        order = make_order(number, self.at)
        chance = random.Random(number)
        papers = [
            Paper(
                name="screenshot.png",
                role="page_screenshot",
                media_type="image/png",
                content=_png(chance, size),
            ),
            Paper(name="page.html", role="page", media_type="text/html", content=chance.randbytes(size // 4)),
            post_as_read(order),
        ]
        if packed:
            papers.append(
                Paper(name="page.wacz", role="page_archive", media_type="application/wacz", content=packed)
            )
        outcome = Outcome(
            kind=Kind.PAGE_SCREENSHOT,
            progress=Progress.COMPLETE,
            captured_at=self.at,
            limits=("None of note.",),
        )
        return archive.stage(self.root, record(order, outcome, MAKER) | changes, papers)

    def place(self, taken: Taken, link: Link) -> Capture:
        """Give it its place on disk."""
        return archive.place(self.root, taken, link)

    def capture(self, number: int, *, size: int = 2_000, packed: bytes = b"") -> Capture:
        """Take and book one capture."""
        return self.store.captures.book(self.stage(number, size=size, packed=packed), self.place)

    def anchor(self, ask: Callable[[Anchor, str], Answer] | None = None) -> None:
        """Anchor what is there, and have it time-stamped: by make-believe unless there is somebody to ask."""
        self.at += timedelta(minutes=2)
        job = Anchoring(
            store=self.store,
            keys=self.folder / "keys",
            authorities=AUTHORITIES,
            software="monitor 0.0.0",
            now=self.now,
        )
        assert job.run() == 1
        while claimed := self.store.anchors.claim_stamp("w", self.at, self.at + LEASE, AUTHORITIES):
            stamp, anchor = claimed
            said = ask(anchor, stamp.authority) if ask else self._make_believe(anchor, stamp.authority)
            got = replace(
                stamp,
                state=StampState.OK,
                token=said.token,
                certificates=said.certificates,
                policy=said.policy,
                stamped_at=said.at,
            )
            self.store.anchors.stamped(got, self.at)

    def _make_believe(self, anchor: Anchor, authority: str) -> Answer:
        root = _TOWER.public_key().public_bytes_raw().hex()
        token = stamp_of(anchor, authority)
        return Answer(token=token, certificates=root, policy="", at=self.at)

    def do(self, deed: Deed, capture: Capture, why: str = "") -> None:
        """Note in the custody log that somebody did something."""
        event = Event(
            school=SCHOOL,
            at=self.at,
            deed=deed,
            by="Dana Lead",
            why=why,
            alert=capture.alert,
            capture=capture.id,
            object_sha256=capture.record_sha256,
        )
        self.store.custody.append(event)

    def verify(
        self, only: str | None = None, check_stamp: Callable[[Stamp, Anchor], Checked] = check_stamp
    ) -> Report:
        """Hold everything against everything else."""
        return verify(
            self.root,
            self.store.holdings(SCHOOL),
            check_stamp=check_stamp,
            at=self.at,
            keys=[open_key(self.folder / "keys").public_key],
            only=only,
        )

    def copy(self, folder: Path) -> "Vault":
        """The same again, to be tampered with."""
        shutil.copytree(self.folder, folder)
        return open_vault(folder, at=self.at)


def open_vault(folder: Path, *, url: str = "", at: datetime = START) -> Vault:
    """A vault in this folder."""
    folder.mkdir(exist_ok=True)
    store = open_store(url or f"sqlite:///{folder}/monitor.db", folder / "posts.key", folder / "backups")
    return Vault(folder, store, at)


def fill(vault: Vault, batches: Sequence[int]) -> None:
    """Take so many captures in each batch, each batch but the last behind an anchor of its own."""
    number = 0
    for place, many in enumerate(batches):
        for _ in range(many):
            number += 1
            vault.at += timedelta(minutes=7)
            vault.do(Deed.VIEWED, vault.capture(number), "to look at it")
        if place < len(batches) - 1:
            vault.anchor()
        vault.at += timedelta(hours=20)


def make_order(number: int, at: datetime) -> Order:
    """What the camera was asked to take."""
    chance = random.Random(number)
    return Order(
        id=str(ULID.from_bytes(int(at.timestamp() * 1000).to_bytes(6, "big") + chance.randbytes(10))),
        alert=None,
        school=SCHOOL,
        platform="webpage",
        post_id=f"c{number}",
        revision="ab12",
        url=f"https://forum.example/t/{number}",
        title=f"Item {number}",
        text=f"The gate of Harrowby Green was left open on day {number}.",
        author="Garden Gnome",
        posted_at=at - timedelta(hours=1),
        seen_at=at,
        media_lock=False,
        why=("conduct.site_safety",),
        by="rules 1",
    )


def _png(chance: random.Random, size: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chance.randbytes(size)


def let_the_oldest_go(vault: Vault) -> None:
    """Let retention delete the oldest capture, lawfully, with its folder."""
    first = next(one for one in vault.store.captures.of_school(SCHOOL) if not one.forgotten_at)
    kept, long = vault.at - first.captured_at, timedelta(days=9_999)
    rules = Retention(below_threshold=long, not_a_concern=long, closed=long, evidence=kept)
    assert vault.store.forgetting.forget(rules, vault.at).captures == (first.folder,)
    shutil.rmtree(vault.root / first.folder)
    vault.store.forgetting.removed([first.folder], vault.at)
