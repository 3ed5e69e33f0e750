"""The signing key of a school's evidence (Ed25519): read, made when it is missing, and handed over.

To change the key, move `evidence.pem` to `evidence-old.pem` beside it: the next anchor makes a new key, and
the old one signs the name of its successor. A key that was lost leaves an honest gap: the next anchor names
the key before it without its word.
"""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from monitor.anchors import Anchor, Handover, handover_words

KEY = "evidence.pem"
OLD_KEY = "evidence-old.pem"
_LARGEST = 10_000
_FOR_OTHERS = 0o077


class KeyUnusable(Exception):
    """A signing key cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What statements are signed with, and the key before it, where that is still there."""

    _private: Ed25519PrivateKey
    _old: Ed25519PrivateKey | None = None

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)

    def handover_from(self, before: bytes) -> Handover | None:
        """What an anchor says of the key before it (its public key); None where it is still the same."""
        if before in (b"", self.public_key):
            return None
        word = b""
        if self._old is not None and self._old.public_key().public_bytes_raw() == before:
            word = self._old.sign(handover_words(before, self.public_key))
        return Handover(previous_public_key=before, signature=word)


def open_key(folder: Path) -> SigningKey:
    """The key in this folder, made with mode 0600 when it is missing. Raises KeyUnusable."""
    file, old = folder / KEY, folder / OLD_KEY
    try:
        if not file.exists():
            _make(file)
        return SigningKey(_read(file), _read(old) if old.exists() else None)
    except OSError as error:
        raise KeyUnusable(f"The signing key {file} cannot be used: {error.strerror or error}.") from error


def check_signature(anchor: Anchor) -> str | None:
    """What is wrong with the signature of an anchor, in words; None when it is good."""
    if not _is_signed(anchor.public_key, anchor.signature, anchor.statement):
        return "its signature does not fit its words"
    if _told(anchor).get("public_key") != anchor.public_key.hex():
        return "it names another signing key than the one that signed it"
    return None


def check_handover(before: Anchor, anchor: Anchor) -> str | None:
    """What is wrong with the key of an anchor that follows another; None when it is the same, or named as its
    successor by the key before.
    """
    if anchor.public_key == before.public_key:
        return None
    signature = _told(anchor).get("previous_key_signature")
    if isinstance(signature, str) and _is_signed(
        before.public_key, _from_hex(signature), handover_words(before.public_key, anchor.public_key)
    ):
        return None
    return f"signed with another key from anchor {anchor.number} on, without the old key's word"


def _told(anchor: Anchor) -> dict[str, object]:
    try:
        told = json.loads(anchor.statement)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _from_hex(written: str) -> bytes:
    try:
        return bytes.fromhex(written)
    except ValueError:
        return b""


def _is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read(file: Path) -> Ed25519PrivateKey:
    if file.stat().st_mode & _FOR_OTHERS:
        raise KeyUnusable(f"The signing key {file} can be read by others on this machine: chmod 600 it.")
    with file.open("rb") as opened:
        pem = opened.read(_LARGEST)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(
            f"{file} holds no signing key (Ed25519): restore it from a backup. If there is none, move it "
            "away to have a new one made; the next anchor then says that the key has changed."
        )
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".evidence-")
    try:
        with os.fdopen(handle, "wb") as unfinished:
            unfinished.write(pem)
            unfinished.flush()
            os.fsync(unfinished.fileno())
        # A link appears whole or not at all, and the first of two processes wins.
        with suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
