"""Opening what was sealed, where somebody holds a key: their own machine, without database or settings."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.captures import File
from monitor.evidence.archive import LARGEST_RECORD, RECORD, sha256
from monitor.evidence.sealing import MARK, SUFFIX, CannotOpen, Keys

WORDS, OPENED = "words.json", "words.opened.json"
_LARGEST_FILE = 500_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What came of one capture: the files that were written, and what is wrong, in sentences."""

    capture: str
    files: tuple[Path, ...]
    amiss: tuple[str, ...]


def open_all(place: Path, keys: Keys, to: Path) -> Iterator[Opened]:
    """Open every capture below `place` into the same folders below `to`, which may be `place` itself.

    Each file is compared with both hashes of its record: as it lies there, and as it was before it was
    sealed. Only what agrees is written, for this user's eyes alone, and nothing is ever overwritten. Where
    words were sealed before the file was, as in post.json, they stand opened in a file beside it:
    post.words.json. So do the words that `monitor evidence words` hands over.
    """
    for folder in _folders_with(WORDS, place):
        yield _opened_words(folder, keys, to / folder.relative_to(place))
    for folder in _folders_with(RECORD, place):
        record = _record(folder / RECORD)
        if record is None:
            yield Opened(
                capture=folder.name, files=(), amiss=(f"{folder / RECORD} is not a record of ours.",)
            )
        elif sealed := [file for file in record if file.sealed_sha256]:
            yield _opened(folder, sealed, keys, to / folder.relative_to(place))


def _folders_with(name: str, place: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(place):
        below.sort()
        if name in files:
            yield Path(folder)


def _opened_words(folder: Path, keys: Keys, to: Path) -> Opened:
    """The words of an alert's posts, which the server handed over as they were sealed."""
    try:
        told = json.loads(_read(folder / WORDS, _LARGEST_FILE))
        opened = [
            {key: keys.open_words(one) if isinstance(one, str) else one for key, one in post.items()}
            for post in told["posts"]
        ]
        content = json.dumps(told | {"posts": opened}, ensure_ascii=False, indent=2)
        return Opened(
            capture=WORDS, files=(_write(to / OPENED, content.encode("utf-8", "replace")),), amiss=()
        )
    except CannotOpen as error:
        return Opened(capture=WORDS, files=(), amiss=(f"{WORDS}: {error}.",))
    except OSError as error:
        return Opened(capture=WORDS, files=(), amiss=(f"{WORDS}: {error.strerror or error}.",))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Opened(capture=WORDS, files=(), amiss=(f"{folder / WORDS} is not a file of ours.",))


def _record(path: Path) -> list[File] | None:
    """The files of a record, which may come from anywhere."""
    try:
        told = json.loads(_read(path, LARGEST_RECORD))
        files = [File(**file) for file in told["files"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    sane = all(isinstance(f.name, str) and _NAME.fullmatch(f.name) and f.name.endswith(SUFFIX) for f in files)
    return files if sane or not any(file.sealed_sha256 for file in files) else None


def _opened(folder: Path, files: list[File], keys: Keys, to: Path) -> Opened:
    written: list[Path] = []
    amiss: list[str] = []
    for file in files:
        try:
            written += _open(folder / file.name, file, keys, to)
        except CannotOpen as error:
            amiss.append(f"{file.name}: {error}.")
        except OSError as error:
            amiss.append(f"{file.name}: {error.strerror or error}.")
    return Opened(capture=folder.name, files=tuple(written), amiss=tuple(amiss))


def _open(path: Path, file: File, keys: Keys, to: Path) -> Iterator[Path]:
    sealed = _read(path, _LARGEST_FILE)
    if sha256(sealed) != file.sealed_sha256:
        raise CannotOpen("it was changed after it was recorded, so it is not opened")
    plain = keys.open(sealed)
    if sha256(plain) != file.sha256:
        raise CannotOpen("what is in it is not what the record says, so it is not written")
    name = Path(file.name.removesuffix(SUFFIX))
    yield _write(to / name, plain)
    words = _words(plain, keys)
    if words is not None:
        yield _write(to / f"{name.stem}.words{name.suffix}", words)


def _words(plain: bytes, keys: Keys) -> bytes | None:
    """The content with its sealed words opened; None where it has none."""
    if plain.startswith(MARK.encode()):
        return keys.open_words(plain.decode("ascii", "replace")).encode()
    with suppress(ValueError, RecursionError):
        told = json.loads(plain) if plain.startswith(b"{") else None
        if isinstance(told, Mapping) and any(_is_sealed(one) for one in told.values()):
            opened = {key: keys.open_words(one) if _is_sealed(one) else one for key, one in told.items()}
            return json.dumps(opened, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    return None


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


def _read(path: Path, most: int) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path.name} is too large")
    return content


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CannotOpen(f"{path.name} is there already, and is left as it is: name a new folder") from error
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
    except BaseException:
        path.unlink()  # half of it would be taken for all of it
        raise
    return path
