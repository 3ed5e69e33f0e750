"""Keyed hashes of posts: whoever steals the database alone cannot ask it what was posted."""

import hmac
import os
import tempfile
from pathlib import Path
from secrets import token_bytes

from connectors.post import Post
from monitor.store.database import Unusable
from monitor.store.tables import keepable

LONGEST_ID = 500


def held_id(post: Post) -> str:
    """The post's id as it is kept: an absurdly long one, which no index takes, is kept as its hash."""
    return known_id(post.id)


def known_id(given: str) -> str:
    """An id as it is kept."""
    kept = keepable(given)
    if len(kept) <= LONGEST_ID:
        return kept
    return "sha256:" + hmac.digest(b"", kept.encode(), "sha256").hex()


class Hasher:
    """Makes the keyed hashes, 16 bytes each."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def unrelated(self, source: str, platform: str, post_id: str, revision: str) -> bytes:
        """The hash of one revision of a post that concerns nobody, as this source serves it."""
        return self._hash("unrelated", source, platform, post_id, revision)

    def tombstone(self, platform: str, post_id: str, revision: str) -> bytes:
        """The hash of one revision of a post that was let go, whichever source serves it."""
        return self._hash("tombstone", platform, post_id, revision)

    def _hash(self, *parts: str) -> bytes:
        # Each part is preceded by its length, so that no two lists of parts read alike.
        message = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.digest(self._key, message.encode(), "sha256")[:16]


def read_key(file: Path) -> bytes:
    """The key in the file, which is made, readable by its owner alone, when it is missing."""
    if not file.exists():
        _make_key(file)
    key = file.read_bytes()
    if len(key) < 32:  # noqa: PLR2004  # a SHA-256 key of full strength
        raise Unusable(f"{file} holds no key: restore it from a backup, or delete it to have a new one made")
    return key


def _make_key(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".key-")
    with os.fdopen(handle, "wb") as unfinished:
        unfinished.write(token_bytes(32))
        unfinished.flush()
        os.fsync(unfinished.fileno())
    try:
        # A link appears whole or not at all, and the first of two processes wins.
        os.link(name, file)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
