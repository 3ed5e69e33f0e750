"""Judging by any Hugging Face sequence-classification model, on ONNX Runtime or on torch.

The libraries are heavy: they are imported, and the model is loaded, when the first text needs it, once
per process.
"""

import hashlib
import inspect
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from classifiers.taxonomy import TAXONOMY, Head
from classifiers.verdict import Passage, Verdict

Logits = list[list[float]]  # one row a window, one number a label

_WINDOW = 512  # tokens that the model sees at once, at most: what most models were trained with
_PARENT = 4  # the text that is answered gets at most this part of a window
_OVERLAP = (
    4  # this part of a window is seen again in the next one, so that no sentence is torn in all of them
)
_PIECE = 100_000  # characters that are made into tokens at once, which bounds memory; pieces overlap, too
_SEAM = 4_000
_BATCH = 512  # tokens, padding counted: on a processor larger batches are slower and take more memory
_POOL = 32 * 1024  # tokens that are held at once: enough to find windows of like length among many posts
_THREADS = 4  # more gain little for small models and take the machine from everything else
_LOCK = 0.1  # a faint suspicion is enough to fetch no picture: doubt about a child rounds up
_DIGITS = 12
_ALWAYS = (
    "config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
)
_FILES: Mapping[str, tuple[str, ...]] = {
    "onnx": (*_ALWAYS, "model.onnx*", "onnx/model.onnx*"),
    "torch": (*_ALWAYS, "model*.safetensors", "model.safetensors.index.json"),
}
_loading = threading.Lock()


class ModelUnavailable(Exception):
    """The model cannot be used; the message says in a sentence or two what a person must do."""


def is_folder(model: str) -> bool:
    """Whether this names a folder (written from / or ./ on) and not an id on the Hugging Face hub."""
    return model.startswith(("./", "../")) or Path(model).is_absolute()


class Transformer:
    """Judges by one model, whose labels are told what they mean; knows no rules and no language."""

    def __init__(
        self,
        *,
        model: str,
        revision: str | None,
        labels: Mapping[str, str],
        runtime: Literal["onnx", "torch"],
    ) -> None:
        """Keep what to load; nothing is read yet.

        `labels` leads from the model's labels to heads and sub-categories.
        """
        self._model = model
        self._revision = revision
        self._labels = labels
        self._runtime = runtime

    @cached_property
    def by(self) -> str:
        """The model's name and revision; raises ModelUnavailable where its folder is not there."""
        if not is_folder(self._model):
            return f"{self._model}@{self._revision}"
        folder = _existing(self._model)
        return f"{folder.name}@{self._revision or _fingerprint(folder, self._runtime)}"

    def check(self) -> None:
        """Make sure that a folder is there at all, without loading anything; raises ModelUnavailable."""
        if is_folder(self._model):
            _existing(self._model)

    def load(self) -> None:
        """Make sure that the model can be used; raises ModelUnavailable."""
        self._ready()

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order; raises ModelUnavailable."""
        if not passages:
            return []
        ready = self._ready()
        return [
            self._verdict(dict(zip(ready.labels, row, strict=True))) for row in ready.probabilities(passages)
        ]

    def _ready(self) -> "_Ready":
        with _loading:
            ready = _load(self._model, self._revision, self._runtime, self.by)
        if unknown := sorted(set(self._labels) - set(ready.labels)):
            raise ModelUnavailable(
                f"The model {self.by} has no label {', '.join(map(repr, unknown))}. Its labels are "
                f"{', '.join(map(repr, ready.labels))}: correct `labels`."
            )
        return ready

    def _verdict(self, probabilities: Mapping[str, float]) -> Verdict:
        told: dict[str, float] = {}
        for label, target in self._labels.items():
            told[target] = max(told.get(target, 0.0), probabilities[label])
        scores = {target: score for target, score in told.items() if target in TAXONOMY}
        return Verdict(
            abuse=_head(Head.ABUSE, told, scores),
            safeguarding=_head(Head.SAFEGUARDING, told, scores),
            reputational=_head(Head.REPUTATIONAL, told, scores),
            scores=MappingProxyType(scores),
            by=self.by,
            media_lock=any(score >= _LOCK and TAXONOMY[key].locks_media for key, score in scores.items()),
        )


def _head(head: Head, told: Mapping[str, float], scores: Mapping[str, float]) -> float:
    """What the model says of a head, or else the highest of its sub-categories."""
    below = (score for key, score in scores.items() if TAXONOMY[key].head is head)
    return told[head.value] if head.value in told else max(below, default=0.0)


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of one passage as the model sees it; `passage` is its place in the list of passages."""

    passage: int
    ids: Sequence[int]
    types: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A loaded model: cuts passages, runs windows, and makes probabilities of what comes out.

    `pad` is None where the model cannot tell padding from text; then every window runs alone.
    """

    labels: tuple[str, ...]
    cut: Callable[[Passage], Iterator[tuple[Sequence[int], Sequence[int]]]]
    run: Callable[[Mapping[str, Any]], Logits]
    squash: Callable[[Sequence[float]], list[float]]
    pad: int | None
    running: threading.Lock

    def probabilities(self, passages: Sequence[Passage]) -> list[list[float]]:
        """For each passage and label the highest probability in any of its windows; 0 for a blank text."""
        highest = [[0.0] * len(self.labels) for _ in passages]
        for pool in _pools(self._windows(passages)):
            for batch in _batches(pool, alone=self.pad is None):
                for window, logits in zip(batch, self._run(batch), strict=True):
                    highest[window.passage] = list(map(max, highest[window.passage], self.squash(logits)))
        return highest

    def _windows(self, passages: Sequence[Passage]) -> Iterator[_Window]:
        for index, passage in enumerate(passages):
            for ids, types in self.cut(passage):
                yield _Window(index, ids, types)

    def _run(self, batch: Sequence[_Window]) -> Logits:
        with self.running:  # one batch at a time, so that several polls do not multiply the memory
            found = self.run(_padded(batch, self.pad or 0))
        if any(len(row) != len(self.labels) or not all(map(math.isfinite, row)) for row in found):
            raise ModelUnavailable(
                f"The model does not give one number for each of its {len(self.labels)} labels. Use another "
                "model or revision."
            )
        return found


def _pools(windows: Iterator[_Window]) -> Iterator[list[_Window]]:
    """The windows in order, so many tokens at a time: a text of a megabyte is never held as one."""
    pool: list[_Window] = []
    held = 0
    for window in windows:
        pool.append(window)
        held += len(window.ids)
        if held >= _POOL:
            yield pool
            pool, held = [], 0
    if pool:
        yield pool


def _batches(windows: Sequence[_Window], *, alone: bool) -> Iterator[list[_Window]]:
    """The windows, longest first, in batches of like length and of bounded size."""
    batch: list[_Window] = []
    for window in sorted(windows, key=lambda each: len(each.ids), reverse=True):
        if batch and (alone or (len(batch) + 1) * len(batch[0].ids) > _BATCH):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _padded(batch: Sequence[_Window], pad: int) -> Mapping[str, Any]:
    """Arrays of 64-bit numbers, one row a window, by the names that models give their inputs."""
    numpy = import_module("numpy")
    shape = (len(batch), len(batch[0].ids))
    arrays = {
        "input_ids": numpy.full(shape, pad, dtype=numpy.int64),
        "attention_mask": numpy.zeros(shape, dtype=numpy.int64),
        "token_type_ids": numpy.zeros(shape, dtype=numpy.int64),
    }
    for row, window in enumerate(batch):
        length = len(window.ids)
        arrays["input_ids"][row, :length] = window.ids
        arrays["attention_mask"][row, :length] = 1
        arrays["token_type_ids"][row, :length] = window.types
    return arrays


def _sigmoid(logits: Sequence[float]) -> list[float]:
    return [0.5 * (1.0 + math.tanh(0.5 * logit)) for logit in logits]  # this form cannot overflow


def _softmax(logits: Sequence[float]) -> list[float]:
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / sum(powers) for power in powers]


@lru_cache(maxsize=1)
def _load(model: str, revision: str | None, runtime: str, by: str) -> _Ready:
    """The model, ready to run. `by` is in the key: a folder whose files have changed is another model."""
    folder = _existing(model) if is_folder(model) else _downloaded(model, str(revision), runtime)
    make = _RUNTIMES[runtime]
    with _explained(by):
        transformers = _library()
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not tokenizer.is_fast:
            raise ModelUnavailable(f"The model {by} has no tokenizer.json. Use a model that has one.")
        labels = tuple(label for _, label in sorted(config.id2label.items()))
        ready = _Ready(
            labels=labels,
            cut=_Cutter.of(tokenizer, config),
            run=make(folder),
            squash=_sigmoid if _independent(config) else _softmax,
            pad=tokenizer.pad_token_id,
            running=threading.Lock(),
        )
        ready.probabilities(
            [Passage("Good morning.", "Hello.")]
        )  # what cannot run shall show now, not mid-poll
        return ready


def _independent(config: Any) -> bool:
    """Whether each label stands for itself; a single label always does, since its softmax is always 1."""
    return config.problem_type == "multi_label_classification" or len(config.id2label) == 1


def _library() -> Any:
    """Transformers, without its advice to install torch."""
    advice = "PyTorch was not found"
    logging.getLogger("transformers").addFilter(lambda record: advice not in record.getMessage())
    return import_module("transformers")


@contextmanager
def _explained(by: str) -> Iterator[None]:
    """Turns whatever a library raises over a broken model into a sentence; each has errors of its own."""
    try:
        yield
    except ModelUnavailable:
        raise
    except Exception as error:
        raise ModelUnavailable(
            f"The model {by} cannot be loaded ({_brief(error)}). Its files may be incomplete or of another "
            "kind: fetch them again, or use another model."
        ) from error


def _brief(error: Exception) -> str:
    """The first line of an error, bounded, with its kind."""
    said = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _existing(model: str) -> Path:
    folder = Path(model).resolve()
    if not folder.is_dir():
        raise ModelUnavailable(f"There is no folder {folder}. Put the model there, or correct `model`.")
    return folder


def _fingerprint(folder: Path, runtime: str) -> str:
    """The first digits of the SHA-256 of the files that make up the model."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and any(fnmatch(name, pattern) for pattern in _FILES[runtime]):
            with path.open("rb") as file:
                whole.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()[:_DIGITS]


def _downloaded(model: str, revision: str, runtime: str) -> Path:
    """The folder of a hub model at a commit, from the cache where it is there; obeys HF_HUB_OFFLINE."""
    hub = import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(model, revision=revision, allow_patterns=list(_FILES[runtime])))
    except Exception as error:  # of at least four libraries, with no common kind
        raise ModelUnavailable(
            f"The model {model} at revision {revision} could not be fetched from the Hugging Face hub "
            f"({_brief(error)}). Check the id, the revision and the way out to huggingface.co, or put the "
            "model into a folder and name that."
        ) from error


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Makes windows of a passage: the whole text, with the beginning of what it answers in each."""

    backend: Any
    window: int
    pair_types: bool

    @classmethod
    def of(cls, tokenizer: Any, config: Any) -> "_Cutter":
        """A cutter for this model, within what it can see at once."""
        positions = getattr(config, "max_position_embeddings", None) or 0
        # Two less, since models of the RoBERTa family begin to count their positions at two.
        limits = (_WINDOW, tokenizer.model_max_length, positions - 2 if positions > 2 else _WINDOW)  # noqa: PLR2004
        backend = tokenizer.backend_tokenizer
        backend.no_padding()
        backend.no_truncation()
        return cls(backend, min(limits), getattr(config, "type_vocab_size", 2) > 1)

    def __call__(self, passage: Passage) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Token ids and the type of each, window by window; nothing for a blank text."""
        parent = self._parent(passage.parent)
        taken = self.backend.num_special_tokens_to_add(parent is not None) + (len(parent) if parent else 0)
        room = max(1, self.window - taken)
        for piece in _pieces(_encodable(passage.text)):
            tokens = self.backend.encode(piece, add_special_tokens=False)
            tokens.truncate(room, stride=room // _OVERLAP)
            for stretch in (tokens, *tokens.overflowing) if len(tokens) else ():
                whole = self.backend.post_process(stretch, parent)
                yield whole.ids, whole.type_ids if self.pair_types else [0] * len(whole.ids)

    def _parent(self, text: str) -> Any | None:
        room = max(1, self.window // _PARENT)
        tokens = self.backend.encode(_encodable(text.strip()[:_SEAM]), add_special_tokens=False)
        tokens.truncate(room)
        return tokens if len(tokens) else None


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _pieces(text: str) -> Iterator[str]:
    """The whole text in overlapping pieces: a word on the seam of two is whole in one of them."""
    for start in range(0, max(1, len(text) - _SEAM), _PIECE - _SEAM):
        yield text[start : start + _PIECE]


def _onnx(folder: Path) -> Callable[[Mapping[str, Any]], Logits]:
    """Runs model.onnx on the processor."""
    runtime = import_module("onnxruntime")
    found = [path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.is_file()]
    if not found:
        raise ModelUnavailable(
            f"The folder {folder} has neither model.onnx nor onnx/model.onnx. Export the model to ONNX, or "
            "say `runtime: torch`."
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = min(_THREADS, _cores())
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads shall sleep
    session = runtime.InferenceSession(found[0], options, providers=["CPUExecutionProvider"])
    kinds = {each.name: each.type.removeprefix("tensor(").removesuffix(")") for each in session.get_inputs()}
    outputs = [each.name for each in session.get_outputs()]
    wanted = ["logits" if "logits" in outputs else outputs[0]]

    def run(arrays: Mapping[str, Any]) -> Logits:
        found: Logits = session.run(
            wanted, {name: arrays[name].astype(kind) for name, kind in kinds.items()}
        )[0].tolist()
        return found

    return run


def _cores() -> int:
    """The cores that this process may use, which may be fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)  # only Linux has it
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _torch(folder: Path) -> Callable[[Mapping[str, Any]], Logits]:
    """Runs the model on torch; only safetensors are read, since other weights may hold programs."""
    if find_spec("torch") is None:
        raise ModelUnavailable(
            "`runtime: torch` needs torch, which is not installed. Run pip install "
            "'school-mention-monitor[torch]', or say `runtime: onnx`."
        )
    if not list(folder.glob("model*.safetensors")):
        raise ModelUnavailable(
            f"The folder {folder} has no model.safetensors. Save the model as safetensors, or say "
            "`runtime: onnx`."
        )
    torch = import_module("torch")
    transformers = import_module("transformers")
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
    ).eval()
    taken = set(inspect.signature(model.forward).parameters)

    def run(arrays: Mapping[str, Any]) -> Logits:
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items() if name in taken}
        with torch.inference_mode():
            found: Logits = model(**tensors).logits.tolist()
        return found

    return run


_RUNTIMES: Mapping[str, Callable[[Path], Callable[[Mapping[str, Any]], Logits]]] = {
    "onnx": _onnx,
    "torch": _torch,
}
