"""SchoolCheck: for each thing that a classifier must be able to do, how many of its cases come out right.

schoolcheck.py says what it means that a case passes, and writes the floors anew.
"""

from collections import Counter

import pytest
import yaml
from schoolcheck import FLOORS, MODEL, Function, check, functions_table, read_functions

from classifiers.registry import ShippedChoice, make_classifier
from classifiers.rules import Rules
from classifiers.verdict import Passage

CASES_MAY_TIP = 1
FUNCTIONS_MAY_TIP = 2
"""So many may come out otherwise on a processor that rounds in another way."""

THREAT = "I am going to stab that deputy after school"
CAKES = "The cake sale is on Friday"


@pytest.mark.skipif(not MODEL.exists(), reason="the shipped model is not here (classifiers/model/model.onnx)")
def test_the_shipped_model_does_all_that_it_did_when_it_was_measured() -> None:
    floors = yaml.safe_load(FLOORS.read_text("utf-8"))

    results = check(make_classifier(ShippedChoice()), read_functions())

    print(functions_table(results))
    assert sum(each.good for each in results) >= floors["good"] - FUNCTIONS_MAY_TIP
    assert {each.function.name for each in results} == set(floors["functions"])
    worse = {
        each.function.name: each.failed
        for each in results
        if each.passed < floors["functions"][each.function.name] - CASES_MAY_TIP
    }
    assert not worse


def test_every_function_has_a_name_of_its_own_a_reason_and_a_dozen_different_cases() -> None:
    functions = read_functions()

    assert len(functions) == len({function.name for function in functions}) >= 60
    for function in functions:
        assert function.why, function.name
        assert len(set(function.cases)) == len(function.cases) >= 12, function.name


def test_both_silence_and_alarm_are_asked_for_often() -> None:
    counts = Counter(function.expects for function in read_functions())

    assert counts["quiet"] >= 25
    assert counts.total() - counts["quiet"] >= 25


@pytest.mark.parametrize(
    ("expects", "text", "passes"),
    [
        ("alert", THREAT, True),
        ("alert", CAKES, False),
        ("quiet", THREAT, False),
        ("quiet", CAKES, True),
        ("abuse", THREAT, True),
        ("abuse", CAKES, False),
        ("not_abuse", THREAT, False),
        ("safeguarding", THREAT, False),
        ("not_safeguarding", THREAT, True),
    ],
)
def test_a_case_passes_when_what_is_expected_follows(expects: str, text: str, passes: bool) -> None:
    (result,) = check(Rules(), [Function("one", expects, "", (Passage(text),))])

    assert (result.passed == 1) is passes


def test_the_table_counts_what_passed() -> None:
    cases = (Passage(THREAT), Passage(CAKES))
    results = check(
        Rules(), [Function("told_of", "alert", "", cases), Function("calm", "quiet", "", cases[1:])]
    )

    assert functions_table(results).splitlines() == [
        "| function | expects | cases | passed |",
        "|---|---|---|---|",
        "| told of | alert | 2 | 1 |",
        "| calm | quiet | 1 | 1 |",
        "",
        "1 of 2 functions pass at least 90% of their cases; 2 of 3 cases do.",
    ]
