"""The rules, both ways: what must never be missed, and what must never be cried wolf at."""

import csv
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.folding import fold
from classifiers.rules import Lock, Rule, Rules, shipped
from classifiers.taxonomy import TAXONOMY, Severity
from classifiers.verdict import Passage, Verdict

CORPUS = Path(__file__).parent / "rules"
WITHOUT_RULES = {
    # These need a reader who knows the channel or weighs an opinion: a pattern would cry wolf daily.
    "abuse.incivility",
    "reputational.complaint",
    "reputational.query",
    "reputational.campaign",
    "reputational.misinformation",
    "none.lawful_criticism",
}


@dataclass(frozen=True)
class Case:
    """A text, the sub-categories that it must point to, and whether it must or may lock media."""

    file: str
    text: str
    expect: tuple[str, ...]
    lock: bool
    may_lock: bool


def cases() -> Iterator[Case]:
    """Every case of the corpus."""
    for path in sorted(CORPUS.glob("*.yaml")):
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        for text in found.get("texts", ()):
            yield Case(path.stem, text, tuple(found["expect"]), lock=False, may_lock="may_lock" in found)
        for case in found.get("cases", ()):
            yield Case(path.stem, case["text"], tuple(case["expect"]), case.get("lock", False), may_lock=True)


@cache
def rules() -> Rules:
    """The shipped rules."""
    return Rules()


def judged(text: str, parent: str = "") -> Verdict:
    """What the shipped rules say."""
    return rules().classify([Passage(text, parent)])[0]


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.file}: {case.text[:60]}")
def test_a_text_of_the_corpus_is_judged_as_it_says(case: Case) -> None:
    verdict = judged(case.text)

    fired = {hit.subcategory for hit in verdict.fired}
    assert set(case.expect) <= fired
    assert bool(fired) == bool(case.expect)
    assert verdict.media_lock or not case.lock
    assert case.may_lock or not verdict.media_lock


@pytest.mark.parametrize("rule", shipped().rules, ids=lambda rule: rule.name)
def test_a_rule_fires_and_keeps_silent_as_its_own_examples_say(rule: Rule) -> None:
    for text in rule.fires:
        assert rule.name in {hit.rule for hit in judged(text).fired}, text
    for text in rule.silent:
        assert not judged(text).fired, text


@pytest.mark.parametrize("lock", shipped().locks, ids=lambda lock: lock.name)
def test_a_lock_locks_and_lets_pass_as_its_own_examples_say(lock: Lock) -> None:
    for text in lock.fires:
        assert judged(text).media_lock, text
    for text in lock.silent:
        assert not judged(text).media_lock, text


def test_every_sub_category_has_a_rule_or_a_reason_for_none() -> None:
    pointed_to = {key for rule in shipped().rules for key in rule.points_to}

    assert pointed_to | WITHOUT_RULES == set(TAXONOMY)
    assert not pointed_to & WITHOUT_RULES


def test_each_limb_of_the_harm_threshold_fires_at_once() -> None:
    """BAN-2.7: harmed a child, possible offence, risk of harm, not suitable."""
    for limb in (
        "the coach slapped a child in the changing room",
        "a teacher has been texting year 8 girls",
        "he keeps girls behind alone, that teacher",
        "that tutor is overly familiar with pupils",
    ):
        hits = [hit for hit in judged(limb).fired if hit.subcategory == "safeguarding.staff_allegation"]
        assert hits, limb
        assert hits[0].minimum is Severity.CRITICAL


def test_rules_alone_give_one_or_nothing_and_say_so() -> None:
    verdict = judged("I'm going to stab him after school")

    assert verdict.abuse == 1.0
    assert set(verdict.scores.values()) == {0.0, 1.0}
    assert "not a probability" in verdict.by


def test_who_a_threat_is_made_against_changes_nothing() -> None:
    """BAN-6.1: swapping the group changes neither the rules that fire nor their severity."""
    groups = (
        "Muslim",
        "Jewish",
        "Black",
        "white",
        "gay",
        "trans",
        "disabled",
        "Polish",
        "Christian",
        "Traveller",
    )
    found = Counter(
        frozenset((hit.rule, hit.minimum) for hit in judged(f"I'm going to stab that {group} boy").fired)
        for group in groups
    )
    assert len(found) == 1
    assert next(iter(found))


def test_a_lock_in_what_a_text_answers_locks_the_text() -> None:
    assert judged("omg did you see it", "there is a pic of a year 9 girl going round").media_lock


def test_rules_answer_in_order_one_verdict_for_each_text() -> None:
    texts = ["cake sale", "I will stab him after school", "", "what time is choir?"]

    verdicts = rules().classify([Passage(text) for text in texts])

    assert [bool(verdict.fired) for verdict in verdicts] == [False, True, False, False]


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_no_text_makes_the_rules_fail(text: str) -> None:
    assert isinstance(judged(text), Verdict)


@given(st.text(alphabet="abc. ,\n", max_size=60))
@settings(max_examples=60, deadline=None)
def test_other_sentences_never_hide_a_threat(around: str) -> None:
    verdict = judged(f"{around}. I am going to stab that deputy. {around}")

    assert "threat-by-the-writer" in {hit.rule for hit in verdict.fired}


@pytest.mark.parametrize(
    "text",
    [
        "kill " * 20_000,
        "i will " * 14_000,
        "a" * 100_000,
        "pic of a year 6 girl " * 5_000,
        "k i l l " * 12_000,
        '"' * 50_000 + "stab",
        "waiting outside " * 6_000 + "with a",
        "someone should " * 7_000,
        "!?.," * 25_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_hostile_text_of_100_000_characters_takes_no_more_than_some_seconds(text: str) -> None:
    """A bound against catastrophic backtracking, wide enough for any machine."""
    started = time.process_time()

    judged(text)

    assert time.process_time() - started < 20


@pytest.mark.parametrize("padding", ["\ufdfa", "\u3316", "\u33c2", "school ", "<br>", "\u0301", "\U0001d400"])
def test_nothing_hides_behind_a_megabyte_of_padding(padding: str) -> None:
    started = time.process_time()

    verdict = judged(padding * (1_000_000 // len(padding)) + " I am going to stab that deputy.")

    assert "threat-by-the-writer" in {hit.rule for hit in verdict.fired}
    assert time.process_time() - started < 10


def test_a_sign_that_stands_for_a_phrase_makes_no_text_many_times_as_long() -> None:
    """One Arabic sign is written out in 18 letters; an old unit of length in seven."""
    assert fold("a\ufdfab") == "a b"
    assert max(len(fold(chr(code))) for code in range(0x110000)) == len("knife")


def test_texts_by_writers_who_had_not_seen_the_rules_raise_no_more_than_the_known_false_alarms() -> None:
    """987 ordinary posts; at first sight 9 of them alerted, and the rules were mended after that."""
    with (CORPUS / "ordinary-blind.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]

    alarms = [text for text in texts if judged(text).fired]

    assert len(texts) == 987
    assert all(text.startswith(("kys challenge", "She told Mrs Kaur")) for text in alarms), alarms
