"""Figures against small cases that were worked by hand, against scikit-learn, and against chance."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from classifiers.evaluation import (
    Evaluation,
    Figure,
    Finding,
    Outcome,
    Yardstick,
    calibration,
    evaluate,
    ranking,
    share,
)
from classifiers.labelled import Labelled
from classifiers.taxonomy import TAXONOMY, Head, Severity
from classifiers.verdict import Fired, Passage, Verdict

YARDSTICK = Yardstick(
    heads=dict.fromkeys(Head, 0.9),
    kinds={key: 0.35 if kind.critical else 0.7 for key, kind in TAXONOMY.items()},
    silent=frozenset({"abuse.incivility", "none.lawful_criticism"}),
)
HATE, THREAT, GROOMING = "abuse.hate", "abuse.threat_violence", "safeguarding.grooming"


def post(*kinds: str, hard: bool = False, severity: Severity | None = None, text: str = "words") -> Labelled:
    graver = max((TAXONOMY[key].severity for key in kinds), default=Severity.NONE)
    return Labelled(
        passage=Passage(text),
        official=False,
        heads={head: any(TAXONOMY[key].head is head for key in kinds) for head in Head},
        subcategories=kinds,
        severity=graver if severity is None else severity,
        hard_negative=hard,
    )


def outcome(
    labelled: Labelled,
    *,
    judged: Severity = Severity.NONE,
    locked: bool = False,
    fired: tuple[str, ...] = (),
    **scores: float,
) -> Outcome:
    verdict = Verdict(
        abuse=scores.pop("abuse", 0.0),
        safeguarding=scores.pop("safeguarding", 0.0),
        reputational=0.0,
        scores={HATE: scores.pop("hate", 0.0), THREAT: scores.pop("threat", 0.0)},
        by="a model",
        fired=tuple(Fired("a-rule", key, Severity.HIGH, "because") for key in fired),
    )
    alert = judged is not Severity.NONE
    return Outcome(post=labelled, verdict=verdict, alert=alert, severity=judged, locked=locked)


def head(found: Evaluation, which: Head) -> Finding:
    return next(one.finding for one in found.heads if one.head is which)


def kind(found: Evaluation, key: str) -> Finding:
    return next(one for one in found.kinds if one.key == key)


# Shares


def test_wilsons_interval_is_that_of_the_books() -> None:
    """Worked by hand: (10/20 + 1.96²/40 ± 1.96 √(0.25/20 + 1.96²/1600)) / (1 + 1.96²/20)."""
    figure = share(10, 20)

    assert (figure.n, figure.value) == (20, 0.5)
    assert (figure.low, figure.high) == (pytest.approx(0.2993, abs=5e-5), pytest.approx(0.7007, abs=5e-5))


def test_a_perfect_share_of_few_posts_still_leaves_doubt() -> None:
    assert share(10, 10) == Figure(10, 1.0, pytest.approx(10 / (10 + 1.959964**2)), 1.0)
    assert share(0, 10) == Figure(10, 0.0, 0.0, pytest.approx(1.959964**2 / (10 + 1.959964**2)))


@pytest.mark.parametrize("n", [0, 1, 9])
def test_a_share_of_fewer_than_ten_posts_is_not_shown(n: int) -> None:
    assert share(n, n) == Figure(n)


def test_a_figure_that_is_not_shown_stays_so_in_another_unit() -> None:
    assert Figure(3).times(1_000) == Figure(3)
    assert Figure(20, 0.1, 0.05, 0.2).times(1_000) == Figure(20, 100, 50, 200)


# Rankings


def test_auroc_is_the_share_of_pairs_in_the_right_order_with_half_a_point_for_a_tie() -> None:
    """Ten positives at 0.8; of ten others four score less, two the same, four more: (4 + 2/2) / 10."""
    scores = np.array([0.8] * 10 + [0.1] * 4 + [0.8] * 2 + [0.9] * 4)
    yes = np.array([True] * 10 + [False] * 10)

    auroc, _ = ranking(scores, yes)

    assert auroc.value == pytest.approx(0.5)
    assert auroc.n == 10


def test_average_precision_is_the_precision_at_each_right_one() -> None:
    """Half of the positives stand alone at the top (precision 1), the other half below ten others (20/30)."""
    scores = np.array([0.9] * 10 + [0.2] * 10 + [0.5] * 10)
    yes = np.array([True] * 20 + [False] * 10)

    _, average_precision = ranking(scores, yes)

    assert average_precision.value == pytest.approx(0.5 * 1 + 0.5 * 20 / 30)


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_the_interval_is_that_of_scikit_learn_drawn_one_by_one(digits: int) -> None:
    chance = np.random.default_rng(7)
    yes = np.arange(150) < 50
    scores = np.clip(chance.normal(0.35 + 0.3 * yes, 0.25), 0, 1).round(digits)
    draws = [np.concatenate([chance.choice(50, 50), 50 + chance.choice(100, 100)]) for _ in range(1_000)]

    auroc, average_precision = ranking(scores, yes)

    for figure, measure in ((auroc, roc_auc_score), (average_precision, average_precision_score)):
        low, high = np.percentile([measure(yes[drawn], scores[drawn]) for drawn in draws], (2.5, 97.5))
        assert (figure.low, figure.high) == (pytest.approx(low, abs=0.015), pytest.approx(high, abs=0.015))


def test_a_ranking_of_few_posts_on_either_side_is_not_shown() -> None:
    scores = np.linspace(0, 1, 40)

    assert ranking(scores, scores > 0.8) == (Figure(8), Figure(8))
    assert ranking(scores, scores > 0.1) == (Figure(4), Figure(4))


def test_the_same_posts_always_give_the_same_figures() -> None:
    scores = np.linspace(0, 1, 60)
    yes = (np.arange(60) % 3 == 0) | (scores > 0.7)

    assert ranking(scores, yes) == ranking(scores, yes)
    assert calibration(scores, yes) == calibration(scores, yes)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.booleans()), min_size=20, max_size=80))
def test_every_figure_lies_within_its_interval_and_that_within_0_and_1(
    rows: list[tuple[float, bool]],
) -> None:
    scores, yes = np.array([score for score, _ in rows]), np.array([label for _, label in rows])

    figures = [*ranking(scores, yes), calibration(scores, yes).error, share(int(yes.sum()), len(yes))]

    for figure in figures:
        if figure.value is not None:
            assert -1e-9 <= figure.low <= figure.value <= figure.high <= 1 + 1e-9


# Calibration


def test_the_calibration_error_is_the_mean_distance_of_score_and_share() -> None:
    """Ten tenths: of five the score promises 0.2 and 2 in 10 are yes; of five 0.8 and only 4 in 10 are."""
    scores = np.array([0.2] * 50 + [0.8] * 50)
    yes = np.array([True] * 10 + [False] * 40 + [True] * 20 + [False] * 30)

    found = calibration(scores, yes)

    assert found.error.value == pytest.approx(0.5 * 0 + 0.5 * 0.4)
    assert [(round(one.score, 6), one.share.value, one.share.n) for one in found.bins] == [
        (0.2, 0.2, 50),
        (0.8, 0.4, 50),
    ]


def test_scores_that_all_differ_make_ten_bins_of_the_same_size() -> None:
    scores = np.linspace(0, 1, 200)

    bins = calibration(scores, scores > 0.5).bins

    assert [one.share.n for one in bins] == [20] * 10


def test_scores_of_rules_make_a_bin_of_each_whatever_the_order() -> None:
    scores = np.array([0.0, 1.0] * 10 + [0.0] * 80)
    yes = np.arange(100) % 2 == 1

    found = calibration(scores, yes)

    assert [(one.score, one.share.n) for one in found.bins] == [(0.0, 90), (1.0, 10)]
    assert (found.by_chance, found.chance_at_most) == (0.0, 0.0)


def test_what_is_calibrated_perfectly_shows_what_chance_alone_shows() -> None:
    chance = np.random.default_rng(3)
    scores = chance.random(1_000)

    errors = [calibration(scores, chance.random(1_000) < scores) for _ in range(30)]

    assert np.mean([one.error.value for one in errors]) == pytest.approx(errors[0].by_chance, rel=0.15)
    assert sum(one.error.value > one.chance_at_most for one in errors) <= 5
    assert sum(one.error.low == 0 for one in errors) >= 25


def test_what_promises_too_much_lies_far_above_chance() -> None:
    chance = np.random.default_rng(3)
    scores = chance.random(1_000)

    found = calibration(scores, chance.random(1_000) < scores * 0.6)

    assert found.error.value == pytest.approx(0.2, abs=0.04)
    assert found.error.low > found.chance_at_most


# Which posts count for what


def test_a_kind_is_found_by_its_score_or_by_a_rule() -> None:
    outcomes = [
        *[outcome(post(HATE), hate=0.7)] * 6,
        *[outcome(post(HATE), fired=(HATE,))] * 3,
        *[outcome(post(HATE), hate=0.69)] * 3,
        *[outcome(post(), hate=0.9)] * 1,
        *[outcome(post())] * 19,
    ]

    hate = kind(evaluate(outcomes, YARDSTICK), HATE)

    assert (hate.positives, hate.negatives, hate.threshold) == (12, 20, 0.7)
    assert hate.recall.value == pytest.approx(9 / 12)
    assert hate.precision.value == pytest.approx(9 / 10)
    assert hate.false_alarms.value == pytest.approx(50)


def test_a_head_is_found_by_itself_or_by_one_of_its_kinds() -> None:
    outcomes = [
        *[outcome(post(HATE), abuse=0.9)] * 5,
        *[outcome(post(HATE), threat=0.35)] * 5,
        *[outcome(post(HATE), abuse=0.89)] * 10,
        *[outcome(post())] * 10,
    ]

    assert head(evaluate(outcomes, YARDSTICK), Head.ABUSE).recall.value == pytest.approx(0.5)


def test_a_score_that_is_no_number_counts_as_found_and_breaks_nothing() -> None:
    outcomes = [*[outcome(post(HATE), abuse=nan, hate=inf)] * 10, *[outcome(post())] * 10]

    found = evaluate(outcomes, YARDSTICK)

    assert head(found, Head.ABUSE).recall.value == 1
    assert head(found, Head.ABUSE).auroc.value == 1


def test_alerts_are_counted_among_critical_due_ordinary_and_hard_posts() -> None:
    outcomes = [
        *[outcome(post(THREAT), judged=Severity.CRITICAL)] * 6,
        *[outcome(post(THREAT), judged=Severity.LOW)] * 2,
        *[outcome(post(THREAT))] * 2,
        *[outcome(post(HATE))] * 10,
        *[outcome(post("abuse.incivility"))] * 10,
        *[outcome(post())] * 18,
        *[outcome(post(), judged=Severity.LOW)] * 2,
        *[outcome(post(hard=True), judged=Severity.HIGH)] * 10,
    ]

    found = evaluate(outcomes, YARDSTICK)

    assert (found.critical.value, found.critical.n) == (pytest.approx(0.8), 10)
    assert found.critical_as_such.value == pytest.approx(0.6)
    assert (found.due.value, found.due.n) == (pytest.approx(8 / 20), 20)
    assert (found.ordinary.value, found.ordinary.n) == (pytest.approx(100), 20)
    assert (found.hard.value, found.hard.n) == (pytest.approx(1_000), 10)


def test_media_of_children_and_of_staff_are_told_apart() -> None:
    outcomes = [
        *[outcome(post(GROOMING), locked=True)] * 9,
        outcome(post(GROOMING, "abuse.sexualised_staff")),
        *[outcome(post("abuse.sexualised_staff"), locked=True)] * 10,
        *[outcome(post(THREAT))] * 10,
    ]

    media = evaluate(outcomes, YARDSTICK).media

    assert (media.children.value, media.children.n) == (pytest.approx(0.9), 10)
    assert (media.staff.value, media.staff.n) == (1.0, 10)
    assert (media.others.value, media.others.n) == (0.0, 10)


def test_severities_stand_in_a_row_for_what_people_said() -> None:
    outcomes = [
        outcome(post(THREAT), judged=Severity.HIGH),
        outcome(post(THREAT)),
        outcome(post(), judged=Severity.LOW),
    ]

    table = evaluate(outcomes, YARDSTICK).severities

    assert table[Severity.CRITICAL] == (1, 0, 0, 1, 0)
    assert table[Severity.NONE] == (0, 1, 0, 0, 0)


def test_the_gravest_misses_and_the_loudest_false_alarms_come_first() -> None:
    outcomes = [
        outcome(post(HATE, text="grave")),
        outcome(post(THREAT, text="gravest, nearly seen"), abuse=0.3),
        outcome(post(THREAT, text="gravest, not seen at all")),
        outcome(post("abuse.incivility", text="only counted")),
        outcome(post(text="loud"), judged=Severity.MEDIUM),
        outcome(post(text="loudest"), judged=Severity.CRITICAL),
    ]

    found = evaluate(outcomes, YARDSTICK)

    assert [one.post.passage.text for one in found.misses] == [
        "gravest, not seen at all",
        "gravest, nearly seen",
        "grave",
    ]
    assert [one.post.passage.text for one in found.false_alarms] == ["loudest", "loud"]


def test_no_more_than_twenty_are_listed_and_all_are_counted() -> None:
    found = evaluate([outcome(post(THREAT))] * 30, YARDSTICK)

    assert (len(found.misses), found.missed) == (20, 30)


def test_nothing_at_all_is_no_error() -> None:
    found = evaluate([], YARDSTICK)

    assert (found.posts, found.critical) == (0, Figure(0))
