"""What must follow from posts of one kind, and what does: the functional and the bias tests of a classifier.

`python tests/schoolcheck.py` prints the tables in Markdown, as the model card shows them; `--rules` does so
for the rules alone, and `--write` keeps what was measured as the floors that the next model is held to.

A case passes when, under the default policy, what its function expects is what follows:

- `alert`: somebody is told; `quiet`: nobody is told.
- `abuse`, `safeguarding`: the head says yes; `not_abuse`, `not_safeguarding`: it says no. A head says yes
  when its score is 0.5 or more, or when the alert is about one of its kinds.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import mean

import yaml

from classifiers.registry import RulesChoice, ShippedChoice, make_classifier
from classifiers.shipped import FOLDER
from classifiers.taxonomy import Head, head_of
from classifiers.verdict import Classifier, Passage, Verdict
from connectors.post import Channel, Post
from monitor.alerts import Judgement, judge
from monitor.config.playbook import shipped_policy
from monitor.mentions.school import Mention

HERE = Path(__file__).parent / "classifiers" / "schoolcheck"
FLOORS = HERE / "floors.yaml"
MODEL = FOLDER / "model.onnx"
BIAS = "bias.yaml"
GOOD = 0.9
"""A function is passed when this share of its cases is."""
_YES = 0.5
_NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_SLOT = "{group}"


@dataclass(frozen=True, slots=True)
class Function:
    """One thing that a classifier must be able to do, why, and cases of it."""

    name: str
    expects: str
    why: str
    cases: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How many cases of a function passed, and the texts of those that did not."""

    function: Function
    failed: tuple[str, ...]

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return len(self.function.cases) - len(self.failed)

    @property
    def good(self) -> bool:
        """Whether the function is passed."""
        return self.passed >= GOOD * len(self.function.cases)


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the mean score of a head for one group lies from what its list, or plain English, gets."""

    head: Head
    among: str
    group: str
    size: float


@dataclass(frozen=True, slots=True)
class Frames:
    """The bias tests: sentences with a slot, lists of what goes into it, and sentences said in two ways."""

    sentences: tuple[str, ...]
    groups: Mapping[str, Sequence[str]]
    dialects: tuple[tuple[str, str, str], ...]

    def passages(self) -> list[Passage]:
        """Every text once, in a fixed order: sentence by sentence for each group, then the two ways."""
        filled = [Passage(text.replace(_SLOT, group)) for group in self.named() for text in self.sentences]
        return filled + [Passage(text) for _, *both in self.dialects for text in both]

    def named(self) -> list[str]:
        """Every group of every list."""
        return [group for groups in self.groups.values() for group in groups]


# --- Reading


def read_functions() -> list[Function]:
    """Every function, file by file."""
    files = (path for path in sorted(HERE.glob("*.yaml")) if path.name not in {BIAS, FLOORS.name})
    return [_function(item) for path in files for item in yaml.safe_load(path.read_text("utf-8"))]


def read_frames() -> Frames:
    """The bias tests."""
    found = yaml.safe_load((HERE / BIAS).read_text("utf-8"))
    return Frames(
        sentences=tuple(frame["text"] for frame in found["frames"]),
        groups=found["groups"],
        dialects=tuple((pair["name"], pair["standard"], pair["dialect"]) for pair in found["dialects"]),
    )


def _function(item: Mapping[str, object]) -> Function:
    cases = tuple(_case(case) for case in item["cases"])
    return Function(item["function"], item["expects"], item["why"], cases)


def _case(case: str | Mapping[str, str]) -> Passage:
    return Passage(case) if isinstance(case, str) else Passage(case["text"], case.get("parent", ""))


# --- Judging


def check(classifier: Classifier, functions: Sequence[Function]) -> list[Result]:
    """What becomes of every case, all judged in one batch."""
    policy = shipped_policy()
    cases = [case for function in functions for case in function.cases]
    verdicts = classifier.classify(cases)
    judged = (
        (case, verdict, judge(_as_mention(case), verdict, policy, _NOON))
        for case, verdict in zip(cases, verdicts, strict=True)
    )
    return [Result(each, _failed(each, islice(judged, len(each.cases)))) for each in functions]


def _failed(function: Function, judged: Iterator[tuple[Passage, Verdict, Judgement]]) -> tuple[str, ...]:
    return tuple(
        case.text for case, verdict, judgement in judged if not passes(function.expects, verdict, judgement)
    )


def passes(expects: str, verdict: Verdict, judgement: Judgement) -> bool:
    """Whether what is expected is what follows."""
    match expects:
        case "alert":
            return judgement.alert
        case "quiet":
            return not judgement.alert
        case "abuse" | "safeguarding":
            return _says_yes(Head(expects), verdict, judgement)
        case "not_abuse" | "not_safeguarding":
            return not _says_yes(Head(expects.removeprefix("not_")), verdict, judgement)
    raise ValueError(f"'{expects}' is not something that can be expected")


def _says_yes(head: Head, verdict: Verdict, judgement: Judgement) -> bool:
    about = judgement.subcategories if judgement.alert else ()
    return getattr(verdict, head) >= _YES or any(head_of(key) is head for key in about)


def _as_mention(case: Passage) -> Mention:
    post = Post(
        platform="text",
        id="",
        url="",
        text=case.text,
        parent_text=case.parent,
        channel=Channel.PUBLIC_MENTION,
    )
    return Mention(post=post, school="", spans=(), confidence=1.0, reasons=())


def gaps(classifier: Classifier, frames: Frames) -> list[Gap]:
    """Every gap: of each group from the mean of its list, of each dialect from the same in plain English."""
    verdicts = iter(classifier.classify(frames.passages()))
    by_group = {group: list(islice(verdicts, len(frames.sentences))) for group in frames.named()}
    both = [(name, next(verdicts), next(verdicts)) for name, *_ in frames.dialects]
    return [gap for head in Head for gap in (*_between(head, frames, by_group), *_spoken(head, both))]


def _between(head: Head, frames: Frames, by_group: Mapping[str, Sequence[Verdict]]) -> Iterator[Gap]:
    for among, groups in frames.groups.items():
        means = {group: mean(getattr(verdict, head) for verdict in by_group[group]) for group in groups}
        for group in groups:
            yield Gap(head, among.replace("_", " "), group, means[group] - mean(means.values()))


def _spoken(head: Head, both: Sequence[tuple[str, Verdict, Verdict]]) -> Iterator[Gap]:
    """Of each dialect by itself, and of all together: one alone rests on four or five sentences."""
    differences = [(name, getattr(dialect, head) - getattr(plain, head)) for name, plain, dialect in both]
    yield Gap(head, "dialects", "all dialects", mean(size for _, size in differences))
    for wanted in dict.fromkeys(name for name, _ in differences):
        yield Gap(head, "one dialect", wanted, mean(size for name, size in differences if name == wanted))


def largest(found: Sequence[Gap]) -> list[Gap]:
    """The largest gap of each list, for each head."""
    widest: dict[tuple[str, Head], Gap] = {}
    for gap in sorted(found, key=lambda gap: abs(gap.size)):
        widest[gap.among, gap.head] = gap
    return [widest[among, head] for among in dict.fromkeys(gap.among for gap in found) for head in Head]


# --- Writing


def functions_table(results: Sequence[Result]) -> str:
    """The functions in Markdown, each with what it expects and how many of its cases passed."""
    rows = (
        f"| {each.function.name.replace('_', ' ')} | {each.function.expects.replace('_', ' ')} "
        f"| {len(each.function.cases)} | {each.passed} |"
        for each in results
    )
    good = sum(each.good for each in results)
    cases = f"{sum(each.passed for each in results)} of {sum(len(each.function.cases) for each in results)}"
    summary = f"{good} of {len(results)} functions pass at least {GOOD:.0%} of their cases; {cases} cases do."
    return "\n".join(["| function | expects | cases | passed |", "|---|---|---|---|", *rows, "", summary])


def bias_table(found: Sequence[Gap]) -> str:
    """The largest gaps in Markdown."""
    rows = (f"| {gap.among} | {gap.head} | {gap.group} | {gap.size:+.3f} |" for gap in largest(found))
    return "\n".join(["| among | head | furthest off | by |", "|---|---|---|---|", *rows])


def write_floors(results: Sequence[Result], found: Sequence[Gap]) -> None:
    """Keep what was measured as what the next model is held to."""
    floors = {
        "good": sum(each.good for each in results),
        "functions": {each.function.name: each.passed for each in results},
        "gaps": _widest(found),
    }
    head = "# What the shipped model reached; python tests/schoolcheck.py --write measures it anew.\n"
    FLOORS.write_text(head + yaml.safe_dump(floors, sort_keys=False), "utf-8")


def _widest(found: Sequence[Gap]) -> dict[str, dict[str, float]]:
    widest: dict[str, dict[str, float]] = {}
    for gap in largest(found):
        widest.setdefault(gap.among, {})[gap.head.value] = round(abs(gap.size), 3)
    return widest


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description="The functional and the bias tests, as Markdown tables.")
    parser.add_argument("--rules", action="store_true", help="judge by the rules alone")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="another model than the shipped one")
    parser.add_argument("--write", action="store_true", help="keep the figures as the tests' floors")
    parser.add_argument("--failed", action="store_true", help="also list the cases that failed")
    asked = parser.parse_args()
    classifier = make_classifier(RulesChoice() if asked.rules else ShippedChoice(), asked.folder)
    results, found = check(classifier, read_functions()), gaps(classifier, read_frames())
    print(f"Judged by {classifier.by}.\n\n{functions_table(results)}\n\n{bias_table(found)}")
    if asked.failed:
        print("\n".join(f"{each.function.name}: {text}" for each in results for text in each.failed))
    if asked.write:
        write_floors(results, found)


if __name__ == "__main__":
    main()
