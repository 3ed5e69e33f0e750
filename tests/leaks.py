"""Looking for words where none may be: every byte below a folder and every value of a database, in every
dress in which words are found on a disk."""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import create_engine, select

from monitor.store.tables import metadata

PACKED = (
    (b"\x1f\x8b\x08", 31),
    (b"\x78\x01", 15),
    (b"\x78\x9c", 15),
    (b"\x78\xda", 15),
    (b"PK\x03\x04", -15),
)
"""How something packed begins, and how zlib is told what it is: gzip, zlib, the files of a zip."""
LARGEST = 50_000_000


def leaks(words: Iterable[str], places: Iterable[tuple[str, bytes]]) -> set[str]:
    """Where which of these words can be read: `word in place`."""
    dressed = {word: {form for dress in dresses(word) for form in (dress, dress.lower())} for word in words}
    found = set[str]()
    for place, content in places:
        for kept in (content, *_unpacked(content)):
            lowered = kept.lower()
            found |= {
                f"{word} in {place}"
                for word, forms in dressed.items()
                if any(form in kept or form in lowered for form in forms)
            }
    return found


def dresses(word: str) -> Iterator[bytes]:
    """The word as it may lie in a file: plain, escaped, in other encodings, and within base64."""
    for said in (word, word.upper(), word.lower()):
        yield said.encode()
        yield json.dumps(said)[1:-1].encode()
        yield from (said.encode(encoding) for encoding in ("utf-16-le", "utf-16-be", "latin-1"))
        for before in range(3):
            # What stands before and after changes the letters at both ends: those are left off.
            coded = base64.b64encode(b"\0" * before + said.encode())
            yield coded[(0, 2, 3)[before] : (len(said.encode()) + before) // 3 * 4]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, and its name."""
    for path in sorted(folder.rglob("*")):
        yield f"the name of {path.relative_to(folder)}", str(path.relative_to(folder)).encode()
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def rows(url: str) -> Iterator[tuple[str, bytes]]:
    """Every value of a database."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for name, value in row._asdict().items():
                    kept = value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
                    yield f"{table.name}.{name}", kept
                    if not isinstance(value, bytes):
                        yield f"{table.name}.{name}", str(value).encode("utf-8", "replace")
    engine.dispose()


def _unpacked(content: bytes) -> Iterator[bytes]:
    for mark, kind in PACKED:
        at = content.find(mark)
        while at >= 0:
            start = at
            if kind < 0:
                name, extra = (int.from_bytes(content[at + i : at + i + 2], "little") for i in (26, 28))
                start = at + 30 + name + extra
            with suppress(zlib.error):
                yield zlib.decompressobj(kind).decompress(content[start:], LARGEST)
            at = content.find(mark, at + 1)
