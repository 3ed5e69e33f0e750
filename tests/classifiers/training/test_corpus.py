"""The corpus keeps its promises: what classifiers/training/GUIDE.md says of a row is true of every row."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from csv import reader, writer
from dataclasses import dataclass
from functools import cache
from itertools import chain, takewhile
from pathlib import Path

import pytest
from schoolcheck import read_functions

from classifiers.labelled import Labelled, read_labelled
from classifiers.taxonomy import TAXONOMY, Head, Severity
from classifiers.training.examples import CORPUS, normal
from classifiers.training.likeness import alike

SPLITS = ("train", "validation", "test")
AS_ALIKE = 0.8
"""Two texts that are more alike than this are one text, written twice."""
_OF_PUPILS = {"safeguarding.online_bullying", "safeguarding.threat_to_pupil"}
"""What a pupil suffers is safeguarding; it is abuse too when the writer is the one who does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A post and where it stands: `number` 1 is the first post of its file."""

    split: str
    file: str
    number: int
    post: Labelled

    def __str__(self) -> str:
        """As a person looks it up."""
        return f"{self.split}/{self.file}.csv, row {self.number}: {self.post.passage.text[:80]!r}"


@cache
def rows() -> tuple[Row, ...]:
    """Every row of the corpus."""
    return tuple(chain.from_iterable(of_split(split) for split in SPLITS))


def of_split(split: str) -> Iterator[Row]:
    """Every row of a split, file by file."""
    for path in sorted((CORPUS / split).glob("*.csv")):
        for number, post in enumerate(read_labelled(path), 1):
            yield Row(split=split, file=path.stem, number=number, post=post)


def told(found: list[Row]) -> str:
    """What an assertion shows: where to look."""
    return "\n".join(map(str, found[:20]))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.csv")), ids=lambda path: path.stem)
def test_a_file_is_written_as_one_writer_writes_it(path: Path) -> None:
    """So that a difference between two versions of a file shows what somebody changed, and nothing else."""
    written = path.read_bytes().decode()
    again = io.StringIO()

    writer(again, lineterminator="\n").writerows(reader(io.StringIO(written, newline="")))

    assert again.getvalue() == written


def test_every_file_stands_in_one_of_the_three_splits() -> None:
    assert {path.parent.name for path in CORPUS.rglob("*.csv")} == set(SPLITS)


def test_no_theme_and_voice_stands_in_two_splits_under_one_name() -> None:
    """Only hazel's edges of the most sensitive themes are in two: other posts, by design, of one kind."""
    splits = defaultdict(set)
    for path in CORPUS.glob("*/*.csv"):
        splits[path.stem].add(path.parent.name)

    assert {name: where for name, where in splits.items() if len(where) > 1} == {
        "edge-hazel": {"validation", "test"}
    }


def test_every_post_says_something() -> None:
    assert not [row for row in rows() if not row.post.passage.text.strip()]


def test_a_head_is_yes_exactly_when_one_of_its_sub_categories_is_listed() -> None:
    wrong = [row for row in rows() if not heads_agree(row.post)]

    assert not wrong, told(wrong)


def heads_agree(post: Labelled) -> bool:
    """Whether heads and sub-categories say the same; abuse may be added where the writer hurts a pupil."""
    said = {head for head in Head if post.heads[head]}
    listed = {head for key in post.subcategories if (head := TAXONOMY[key].head)}
    may_be = {Head.ABUSE} if _OF_PUPILS & set(post.subcategories) else set()
    return listed <= said <= listed | may_be


def test_sub_categories_are_listed_once_and_the_gravest_first() -> None:
    wrong = [row for row in rows() if not well_listed(row.post.subcategories)]

    assert not wrong, told(wrong)


def well_listed(keys: tuple[str, ...]) -> bool:
    """Whether each stands there once, none before a graver one."""
    severities = [TAXONOMY[key].severity for key in keys]
    return len(set(keys)) == len(keys) and severities == sorted(severities, reverse=True)


def test_a_severity_is_at_most_one_step_from_the_gravest_that_is_listed() -> None:
    wrong = [row for row in rows() if abs(row.post.severity - by_default(row.post)) > 1]

    assert not wrong, told(wrong)


def by_default(post: Labelled) -> int:
    """The highest severity that its sub-categories have by default."""
    return max((TAXONOMY[key].severity for key in post.subcategories), default=Severity.NONE)


def test_a_hard_negative_and_lawful_criticism_are_no_to_all_three_questions() -> None:
    criticism = "none.lawful_criticism"
    wrong = [
        row
        for row in rows()
        if row.post.positive and (row.post.hard_negative or criticism in row.post.subcategories)
    ]

    assert not wrong, told(wrong)


def test_there_are_enough_posts_of_every_kind() -> None:
    counts = Counter(key for row in rows() for key in row.post.subcategories)

    assert len(rows()) >= 5_500
    few = {key: counts[key] for key, kind in TAXONOMY.items() if counts[key] < (80 if kind.critical else 40)}
    assert not few


def test_most_posts_are_harmless_and_most_of_those_are_hard() -> None:
    harmless = [row.post for row in rows() if not row.post.positive]

    assert len(harmless) > len(rows()) / 2
    assert sum(post.hard_negative for post in harmless) > len(harmless) / 2


def test_false_alarms_are_measured_on_enough_harmless_posts() -> None:
    harmless = [row.post for row in rows() if row.split == "test" and not row.post.positive]
    hard = sum(post.hard_negative for post in harmless)

    assert len(harmless) - hard >= 800
    assert hard >= 600


def test_a_pair_is_two_posts_of_one_file_with_different_labels() -> None:
    pairs = defaultdict(list)
    for row in rows():
        if row.post.pair:
            pairs[row.split, row.file, row.post.pair].append((row.post.heads, row.post.subcategories))

    assert len(pairs) >= 300
    assert not [mark for mark, both in pairs.items() if len(both) != 2 or both[0] == both[1]]


def test_no_text_of_one_split_stands_in_another() -> None:
    splits = defaultdict(set)
    for row in rows():
        text = row.post.passage.text
        splits[normal(text) or text].add(row.split)  # a text of pictures alone has no words

    assert not [text for text, where in splits.items() if len(where) > 1]


@pytest.mark.timeout(400)  # it compares every post with every other
def test_no_two_posts_are_near_copies_unless_they_are_a_pair_and_none_is_a_case_of_schoolcheck() -> None:
    cases = [case.text for function in read_functions() for case in function.cases]
    texts = [row.post.passage.text for row in rows()] + cases
    ours = len(rows())

    copies = [
        f"{rows()[two.one]} is like {rows()[two.other] if two.other < ours else texts[two.other]}"
        # What follows the corpus are the cases, which need not differ from each other.
        for two in takewhile(lambda two: two.one < ours, alike(texts, AS_ALIKE))
        if not (two.other < ours and are_a_pair(rows()[two.one], rows()[two.other]))
    ]

    assert not copies, "\n".join(copies[:20])


def are_a_pair(one: Row, other: Row) -> bool:
    """Whether they are alike on purpose."""
    place = (one.split, one.file, one.post.pair)
    return bool(one.post.pair) and place == (other.split, other.file, other.post.pair)
