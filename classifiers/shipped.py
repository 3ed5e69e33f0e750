"""The model that comes with the monitor: whole to the last byte, or not used at all."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from classifiers.taxonomy import TAXONOMY, Head
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage, Verdict

FOLDER = Path(__file__).parent / "model"
LABELS: tuple[str, ...] = (
    *(head.value for head in Head),
    *(key for key, kind in TAXONOMY.items() if kind.head is not None),
)
"""What the model tells apart; it calls everything by our own names."""
_SUMS = "SHA256SUMS"
_NEEDED = frozenset({"model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json"})
_DIGITS = 12
_REINSTALL = (
    "Install the monitor again: fetch the whole project and run make, build the container anew, or pip "
    "install --force-reinstall."
)


class Shipped:
    """Judges by the model in the package, after comparing its files with their sums once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Keep where it lies; nothing is read yet."""
        self._folder = folder
        self._model: Transformer | None = None
        self._checking = Lock()

    @property
    def by(self) -> str:
        """The model's version, which is the beginning of the SHA-256 of its sums; raises ModelUnavailable."""
        return f"the shipped model {self._version()}"

    def check(self) -> None:
        """Make sure that every file is there and whole; raises ModelUnavailable, which names the file."""
        self._checked()

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order; raises ModelUnavailable."""
        return self._checked().classify(passages) if passages else []

    def _checked(self) -> Transformer:
        with self._checking:
            if self._model is None:
                for problem in self._problems():
                    raise ModelUnavailable(f"{problem} {_REINSTALL}")
                self._model = Transformer(
                    model=str(self._folder.absolute()),
                    revision=self._version(),
                    labels={label: label for label in LABELS},
                    runtime="onnx",
                )
            return self._model

    def _version(self) -> str:
        return hashlib.sha256(self._sums().encode()).hexdigest()[:_DIGITS]

    def _problems(self) -> Iterator[str]:
        listed = dict(_listed(self._sums()))
        for name in sorted(_NEEDED - listed.keys()):
            yield f"The shipped model is damaged: {self._folder / _SUMS} does not list {name}."
        for name, wanted in sorted(listed.items()):
            file = self._folder / name
            try:
                found = _sha256(file)
            except OSError as error:
                yield f"The shipped model is not whole: {file} cannot be read ({error.strerror})."
                continue
            if found != wanted:
                size = file.stat().st_size
                yield f"The shipped model is damaged: {file} ({size:,} bytes) does not match {_SUMS}."

    def _sums(self) -> str:
        file = self._folder / _SUMS
        try:
            return file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ModelUnavailable(
                f"The shipped model is not whole: {file} cannot be read ({why}). {_REINSTALL}"
            ) from error


def _listed(sums: str) -> Iterator[tuple[str, str]]:
    """The files that sha256sum listed, each with its sum."""
    for line in sums.splitlines():
        digest, _, name = line.partition(" ")
        if name:
            yield name.lstrip(" *"), digest.lower()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
