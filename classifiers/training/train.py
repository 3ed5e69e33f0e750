"""Train the shipped model, from the public sets and the corpus to model files: `make train DATA=folder`.

Two stages. The first teaches what abuse looks like, from the public sets alone; the second teaches schools,
from the corpus, with a sample of the public sets so that nothing is forgotten. Every so often the state is
saved below `--work`, and a run that was broken off goes on from there.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from classifiers.labelled import Labelled
from classifiers.shipped import LABELS
from classifiers.taxonomy import TAXONOMY
from classifiers.training import encoder, export, report
from classifiers.training.augment import altered
from classifiers.training.examples import Example, example, read_corpus, without
from classifiers.training.sources import read_public

SEED = 20261121
_TOKENS = 2048  # of one batch, padding counted
_PARENT = encoder.READ // 4  # as when the model is used
_HEADS = 3
_KINDS = {at: TAXONOMY[label] for at, label in enumerate(LABELS) if label in TAXONOMY}
_CRITICAL = [at for at, kind in _KINDS.items() if kind.critical]
_LOCKING = [at for at, kind in _KINDS.items() if kind.locks_media]
_SAVE_EVERY = 200  # steps
_LAST_FASTER = 6.0
_POSITIVE = 2.0  # a yes weighs this many noes: each sub-category is rare


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of training. `plain` is the share of texts that are left as they were written."""

    name: str
    epochs: int
    rate: float
    plain: float
    pick: Callable[[random.Random], list[Example]]


def main() -> None:
    """Read the data, train both stages, and write the model."""
    asked = _arguments()
    torch.manual_seed(SEED)
    torch.set_num_threads(asked.threads)
    asked.work.mkdir(parents=True, exist_ok=True)
    model, tokenizer = encoder.make()
    public = without(read_public(asked.data, SEED), _measured())
    print(f"{len(public):,} public texts", flush=True)
    _run(model, tokenizer, _first(public), asked.work)
    if asked.only_first:
        return
    corpus = [example(post) for post in read_corpus("train")]
    print(f"{len(corpus):,} posts of the corpus to train on", flush=True)
    _run(model, tokenizer, _second(corpus, public), asked.work)
    export.write(model.eval(), tokenizer, asked.out)
    report.write(asked.out)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with the public sets")
    parser.add_argument("--work", type=Path, default=Path("var/training"), help="where states are kept")
    parser.add_argument("--out", type=Path, default=Path("var/training/model"), help="where the model goes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only-first", action="store_true", help="stop after the first stage")
    return parser.parse_args()


def _measured() -> list[str]:
    """The texts that are never trained on: validation and test."""
    return [post.passage.text for split in ("validation", "test") for post in read_corpus(split)]


def _first(public: list[Example]) -> Stage:
    return Stage(name="first", epochs=1, rate=1.5e-4, plain=0.5, pick=lambda _: public)


def _second(corpus: list[Example], public: list[Example]) -> Stage:
    def pick(chance: random.Random) -> list[Example]:
        return corpus + chance.sample(public, min(len(public), len(corpus) // 4))

    return Stage(name="second", epochs=5, rate=1.5e-4, plain=0.35, pick=pick)


def _run(model: encoder.Encoder, tokenizer: Any, stage: Stage, work: Path) -> None:
    """Train one stage, from where it was broken off; each step prints and saves now and then."""
    finished, broken_off = work / f"{stage.name}.pt", work / f"{stage.name}-part.pt"
    if finished.exists():
        model.load_state_dict(torch.load(finished, weights_only=True))
        print(f"stage {stage.name}: taken from {finished}", flush=True)
        return
    first = list(_batches(tokenizer, stage, 0))
    steps = stage.epochs * len(first)
    # The last layer begins with nothing, so it learns faster than the body, which knows the language already.
    last = [*model.last.parameters(), *model.look.parameters()]
    groups = [{"params": list(model.body.parameters())}, {"params": last, "lr": _LAST_FASTER * stage.rate}]
    optimizer = torch.optim.AdamW(groups, lr=stage.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    done = 0
    if broken_off.exists():
        state = torch.load(broken_off, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["done"]
        schedule.last_epoch = done
    model.train()
    begun, loss_sum, step = time.monotonic(), 0.0, 0
    for epoch in range(stage.epochs):
        for batch in first if epoch == 0 else _batches(tokenizer, stage, epoch):
            step += 1
            if step <= done:
                continue
            loss_sum += _step(model, optimizer, batch)
            schedule.step()
            if step % 50 == 0:
                each = (time.monotonic() - begun) / (step - done)
                print(
                    f"stage {stage.name}, epoch {epoch + 1}, step {step} of about {steps}: "
                    f"loss {loss_sum / 50:.4f}, {each * max(0, steps - step) / 60:.0f} minutes to go",
                    flush=True,
                )
                loss_sum = 0.0
            if step % _SAVE_EVERY == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": step}
                _save(state, broken_off)
        print(f"stage {stage.name}, epoch {epoch + 1}: {_measured_so_far(model, tokenizer)}", flush=True)
    _save(model.state_dict(), finished)
    broken_off.unlink(missing_ok=True)


def _measured_so_far(model: encoder.Encoder, tokenizer: Any) -> str:
    """How well the validation split is told apart by now; only looked at, nothing is chosen by it."""
    posts = read_corpus("validation")
    rows = [(*_tokens(tokenizer.backend_tokenizer, *_both(post)), example(post).known) for post in posts]
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        batches = [_batch(rows[at : at + 64]) for at in range(0, len(rows), 64)]
        logits = torch.cat([model(batch.ids, batch.mask, batch.types).float() for batch in batches])
    model.train()
    truth = torch.cat([batch.truth for batch in batches])
    areas = [roc_auc_score(truth[:, at], logits[:, at]) for at in range(_HEADS)]
    kinds = [average_precision_score(truth[:, at], logits[:, at]) for at in range(_HEADS, len(LABELS))]
    told = ", ".join(f"{label} {area:.3f}" for label, area in zip(LABELS, areas, strict=False))
    return f"AUROC {told}; mean average precision of the sub-categories {sum(kinds) / len(kinds):.3f}"


def _both(post: Labelled) -> tuple[str, str]:
    return post.passage.text, post.passage.parent


def _rate(step: int, steps: int) -> float:
    """Up over the first 6 %, then down to nothing in a straight line."""
    warm = 0.06 * steps
    return min(step / warm, max(0.02, (steps - step) / (steps - warm)))


def _save(state: Any, path: Path) -> None:
    new = path.with_suffix(".new")
    torch.save(state, new)
    new.replace(path)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: "Batch") -> float:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(batch.ids, batch.mask, batch.types)
    loss = _loss(logits.float(), batch.truth)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The mean over what is known of the heads, and the sub-categories, which are many and rare, in full.

    Of the critical ones, and of those that lock media, it also counts whether the highest is right, whichever
    it is: an alert, and a page that is not opened, hang on no more.
    """
    known = (truth >= 0).float()
    weight = torch.ones(truth.shape[1])
    weight[_HEADS:] = _POSITIVE
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, truth.clamp(min=0), pos_weight=weight, reduction="none"
    )
    each = each * known
    heads = each[:, :_HEADS].sum() / known[:, :_HEADS].sum().clamp(min=1)
    below = each[:, _HEADS:].sum() / known[:, _HEADS:].any(dim=1).sum().clamp(min=1)
    whole = known[:, _HEADS:].all(dim=1)
    if not whole.any():
        return heads + 0.5 * below
    highest = sum(
        nn.functional.binary_cross_entropy_with_logits(
            logits[whole][:, kinds].amax(dim=1), truth[whole][:, kinds].amax(dim=1)
        )
        for kinds in (_CRITICAL, _LOCKING)
    )
    return heads + 0.5 * (below + highest)


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of like length: ids, mask, types are (batch, tokens), truth (batch, labels), -1 if not known."""

    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    truth: torch.Tensor


def _batches(tokenizer: Any, stage: Stage, epoch: int) -> Iterator[Batch]:
    chance = random.Random(f"{SEED} {stage.name} {epoch}")
    examples = stage.pick(chance)
    harmless = [each.text for each in examples if not any(each.known.values()) and len(each.text) < 200]
    backend = tokenizer.backend_tokenizer
    rows = []
    for each in examples:
        plain = chance.random() < stage.plain
        text = each.text if plain else altered(each.text, harmless, chance)
        rows.append((*_tokens(backend, text, each.parent), each.known))
    rows.sort(key=lambda row: len(row[0]) + 4 * chance.random())
    cut: list[list[Any]] = [[]]
    for row in rows:
        if cut[-1] and (len(cut[-1]) + 1) * len(row[0]) > _TOKENS:
            cut.append([])
        cut[-1].append(row)
    chance.shuffle(cut)
    return (_batch(rows) for rows in cut)


def _tokens(backend: Any, text: str, parent: str) -> tuple[list[int], list[int]]:
    """Ids and types as they are when the model is used, of the first window alone."""
    above = backend.encode(parent, add_special_tokens=False) if parent.strip() else None
    if above is not None:
        above.truncate(_PARENT)
    room = encoder.WINDOW - 3 - (len(above) if above is not None else 0)
    own = backend.encode(text, add_special_tokens=False)
    own.truncate(room)
    whole = backend.post_process(own, above)
    return whole.ids, whole.type_ids


def _batch(rows: Sequence[Any]) -> Batch:
    longest = max(len(ids) for ids, _, _ in rows)

    def padded(lists: Sequence[list[int]]) -> torch.Tensor:
        return torch.tensor([each + [0] * (longest - len(each)) for each in lists])

    return Batch(
        ids=padded([ids for ids, _, _ in rows]),
        mask=padded([[1] * len(ids) for ids, _, _ in rows]),
        types=padded([types for _, types, _ in rows]),
        truth=torch.tensor([[float(known.get(label, -1)) for label in LABELS] for _, _, known in rows]),
    )


if __name__ == "__main__":
    main()
