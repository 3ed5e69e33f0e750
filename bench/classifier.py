"""How fast the shipped model judges, how much memory it takes, and how soon it begins, on two cores.

Limits: 400 MB for 5,000 posts, three of them of a megabyte, through `monitor classify`; 3 s from the start of
a process to its first verdict; 15 times as many posts of 40 tokens a second as BERT-base in torch.

`make bench` has no torch, so it leaves the last one out. Where torch is, that alone is measured:
make .venv-torch/ready && .venv-torch/bin/python bench/classifier.py [--model FOLDER]
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from classifiers.combined import Combined
from classifiers.registry import ShippedChoice, TransformerChoice, make_model
from classifiers.rules import Rules
from classifiers.shipped import FOLDER
from classifiers.verdict import Classifier, Passage

TORCH = find_spec("torch") is not None
CORES = 2
TOKENS = 40
SPECIAL = 2  # of them; the first and the last
POSTS = 5_000
HUGE = 3
ROUNDS = 11
OURS = 512  # posts of a round
BATCH = 32  # and of theirs
TIMES_AS_FAST, HOPED_FOR = 15.0, 25.0
MOST_MEMORY = 400
SOONEST = 3.0
CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School}}]
sources: [{{name: Paper, platform: feed, url: "http://127.0.0.1:9/feed.xml"}}]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
network: {{allow: [127.0.0.1]}}
data: {data}
classifier: {classifier}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One `monitor classify --json`: seconds to its first line and to its end, lines, and peak MB."""

    first: float
    whole: float
    lines: int
    peak: float


def choose(folder: Path) -> ShippedChoice | TransformerChoice:
    """The shipped model, or another one in a folder, whose labels are our own names."""
    if folder == FOLDER:
        return ShippedChoice()
    labels = json.loads((folder / "config.json").read_text("utf-8"))["label2id"]
    return TransformerChoice(
        use="transformer", model=str(folder), revision="bench", labels={label: label for label in labels}
    )


def words(folder: Path) -> list[str]:
    """Ordinary words that are one token each."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    return [word for word, place in vocabulary.items() if word.isalpha() and len(word) > 2 and place < 9_000]


def posts(known: Sequence[str], count: int) -> list[str]:
    """Invented posts of 40 tokens each, all different."""
    chance = random.Random(40)
    return [" ".join(chance.choices(known, k=TOKENS - SPECIAL)) for _ in range(count)]


def classify(config: Path, texts: Sequence[str]) -> Run:
    """What the command takes for these texts, in a process of its own."""
    given = config.with_name("texts.jsonl")
    given.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    command = [sys.executable, "-m", "monitor", "classify", str(given), "--json", "--config", str(config)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    first = time.perf_counter() - started
    lines = 1 + sum(1 for _ in process.stdout)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"monitor classify ended with {process.returncode}"
    return Run(first, time.perf_counter() - started, lines, used.ru_maxrss / 1024)


def measure_command(choice: ShippedChoice | TransformerChoice, known: Sequence[str]) -> bool:
    """Print how soon the command begins and what it takes for many posts; true if the limits hold."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "monitor.yaml"
        said = json.dumps(choice.model_dump(mode="json"))
        config.write_text(CONFIG.format(data=Path(folder) / "data", classifier=said), "utf-8")
        begun = statistics.median(classify(config, posts(known, 1)).first for _ in range(4))
        texts = posts(known, POSTS)
        for place in range(HUGE):
            texts[place * POSTS // HUGE] = " ".join(posts(known, 4_500))[:1_000_000]
        run = classify(config, texts)
    assert run.lines == POSTS, f"{run.lines} verdicts for {POSTS} posts"
    print(f"  first verdict {begun:.2f} s after the start of the process (limit {SOONEST})")
    print(f"  {POSTS:,} posts, {HUGE} of them of 1 MB: {run.whole:.0f} s, {POSTS / run.whole:.0f} a second")
    print(f"  peak of memory: {run.peak:.0f} MB (limit {MOST_MEMORY})")
    return begun <= SOONEST and run.peak <= MOST_MEMORY


def rate(count: int, work: Callable[[], object]) -> float:
    """How many a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def bert() -> Callable[[], object]:
    """A batch of posts as long by BERT-base in torch; it gets the tokens ready-made."""
    torch, transformers = import_module("torch"), import_module("transformers")
    torch.set_num_threads(CORES)
    model = transformers.BertForSequenceClassification(transformers.BertConfig()).eval()
    tokens = torch.randint(1_000, 30_000, (BATCH, TOKENS))

    def work() -> Any:
        with torch.inference_mode():
            return model(input_ids=tokens, attention_mask=torch.ones_like(tokens))

    return work


def measure_speed(model: Classifier, known: Sequence[str]) -> bool:
    """Print how many posts a second are judged, and how many times as many as by BERT; true if enough."""
    passages = [Passage(text) for text in posts(known, OURS)]
    both = Combined(Rules(), model)
    works = [(OURS, lambda: model.classify(passages)), (OURS, lambda: both.classify(passages))]
    if TORCH:
        works.append((BATCH, bert()))
    for _, work in works:
        work()
    # In turns, so that a busy moment of the machine strikes all.
    rounds = [[rate(count, work) for count, work in works] for _ in range(ROUNDS)]
    alone, with_rules, *theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"  posts of {TOKENS} tokens: {alone:.0f} a second, {with_rules:.0f} with the rules")
    if not theirs:
        print("  Not compared with BERT-base, for torch is not installed here. To compare, run:")
        print("  make .venv-torch/ready && .venv-torch/bin/python bench/classifier.py")
        return True
    ratio = alone / theirs[0]
    print(f"  BERT-base in torch: {theirs[0]:.1f} a second")
    print(f"  ratio {ratio:.1f} (limit {TIMES_AS_FAST:.0f}, hoped for {HOPED_FOR:.0f})")
    return ratio >= TIMES_AS_FAST


def main() -> int:
    """Print the figures; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=FOLDER, help="another model's folder")
    folder = parser.parse_args().model.absolute()
    if not (folder / "model.onnx").is_file():
        print(f"There is no model.onnx in {folder}: nothing to measure.")
        return 1
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    choice, known = choose(folder), words(folder)
    model = make_model(choice)
    assert model is not None
    print(f"classifier: {model.by}, on {CORES} cores; other work on the machine makes all of it slower")
    # First, while this process is small: a child's peak counts that of its parent. With torch installed a
    # process takes more memory and begins later, although it does not use it.
    fits = TORCH or measure_command(choice, known)
    return int(not (measure_speed(model, known) and fits))


if __name__ == "__main__":
    sys.exit(main())
