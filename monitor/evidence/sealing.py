"""Sealing: what is written here can be opened only with a private key that this machine never holds (age).

Whatever is sealed opens with any one of the keys that it was sealed for, and with no other. The files are
those of the free program `age`, which opens them too.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import pyrage

FEWEST = 2
"""Recipients: what only one key opens is lost with that key."""
SUFFIX = ".age"
MARK = "age:"
"""How sealed words begin; what follows is base64."""
_LOCKED = b"age-encryption.org/"
PRIVATE_KEY = "AGE-SECRET-KEY-"
"""How a private key begins."""


class CannotOpen(Exception):
    """It does not open with these keys, or it is not what was sealed; the message says which."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A person's key: the public half is for the configuration, the private one for nobody else."""

    public: str
    private: str

    @classmethod
    def new(cls) -> Self:
        """A pair that nobody had before."""
        identity = pyrage.x25519.Identity.generate()
        return cls(str(identity.to_public()), str(identity))

    def file(self) -> bytes:
        """What the file of this key holds, as age writes it."""
        return f"# public key: {self.public}\n{self.private}\n".encode()

    def locked_file(self, passphrase: str) -> bytes:
        """The same, which opens with the passphrase alone."""
        return bytes(pyrage.passphrase.encrypt(self.file(), passphrase))


class Sealer:
    """Seals to all of these recipients, of whom each alone can open.

    Raises ValueError for fewer than two, or for what is no public key.
    """

    def __init__(self, recipients: Sequence[str]) -> None:
        if len(set(recipients)) < FEWEST:
            raise ValueError("at least two different recipients are needed")
        try:
            self._recipients = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
        except pyrage.RecipientError as error:
            raise ValueError("one of the recipients is no public key (age1…)") from error
        self.fingerprints = tuple(fingerprint(one) for one in recipients)

    def seal(self, content: bytes) -> bytes:
        """These bytes, sealed."""
        return bytes(pyrage.encrypt(content, self._recipients))

    def seal_words(self, words: str) -> str:
        """These words, sealed, as text."""
        return MARK + base64.b64encode(self.seal(words.encode("utf-8", "replace"))).decode()


class Keys:
    """The private keys that somebody has on their own machine.

    Raises CannotOpen for a file that holds none, or for the wrong passphrase, which `passphrase` asks for
    where the file is locked.
    """

    def __init__(self, file: bytes, passphrase: Callable[[], str]) -> None:
        plain = _unlocked(file, passphrase) if file.startswith(_LOCKED) else file
        lines = plain.decode("utf-8", "replace").split()
        try:
            private = [line for line in lines if line.upper().startswith(PRIVATE_KEY)]
            self._identities = [pyrage.x25519.Identity.from_str(line) for line in private]
        except pyrage.IdentityError as error:
            raise CannotOpen("the key in this file is damaged") from error
        if not self._identities:
            raise CannotOpen(f"there is no private key in this file: a line that begins {PRIVATE_KEY}…")

    def open(self, sealed: bytes) -> bytes:
        """The bytes that were sealed. Raises CannotOpen."""
        try:
            return bytes(pyrage.decrypt(sealed, self._identities))
        except pyrage.DecryptError as error:
            raise CannotOpen(
                "it was not sealed for this key, or it was changed after it was sealed"
            ) from error

    def open_words(self, words: str) -> str:
        """Sealed words as they were; words that were never sealed as they are. Raises CannotOpen."""
        if not words.startswith(MARK):
            return words
        try:
            sealed = base64.b64decode(words.removeprefix(MARK), validate=True)
        except binascii.Error:
            return words  # somebody wrote just that
        return self.open(sealed).decode("utf-8", "replace") if sealed.startswith(_LOCKED) else words


def is_public_key(text: str) -> bool:
    """Whether something can be sealed for it; a mistyped one is found by its own check letters."""
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def fingerprint(public: str) -> str:
    """By which a record names a recipient: the beginning of the SHA-256 of the public key."""
    return hashlib.sha256(public.encode()).hexdigest()[:16]


def _unlocked(file: bytes, passphrase: Callable[[], str]) -> bytes:
    try:
        return bytes(pyrage.passphrase.decrypt(file, passphrase()))
    except pyrage.DecryptError as error:
        raise CannotOpen("this passphrase does not open the key") from error
