"""How far a second reader agrees with the corpus, and that the figure is worked out rightly."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from classifiers.taxonomy import TAXONOMY, Head
from classifiers.training.agreement import GRAVEST, Agreement, agreements, kappas, read_second_pass, table


def test_a_second_reader_agrees_with_the_corpus_far_beyond_chance() -> None:
    found = agreements(read_second_pass())

    print(table(found))
    assert [each.question for each in found] == [*Head, GRAVEST]
    assert all(each.low >= 0.8 for each in found)


def test_the_second_reader_read_posts_of_every_split_each_once_and_knew_the_guide() -> None:
    posts = read_second_pass()

    assert len({(one.file, one.row) for one in posts}) == len(posts) >= 400
    assert {one.file.partition("/")[0] for one in posts} == {"train", "validation", "test"}
    assert {one.subcategory for one in posts if one.subcategory} <= set(TAXONOMY)


def test_kappa_is_as_scikit_learn_has_it() -> None:
    chance = np.random.default_rng(1)
    one, other = chance.integers(4, size=(2, 200))
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (one, other), 1)

    assert kappas(pairs) == pytest.approx(cohen_kappa_score(one, other))


def test_two_who_always_gave_one_and_the_same_answer_agree() -> None:
    assert kappas(np.array([[20.0, 0.0], [0.0, 0.0]])) == 1


def test_the_table_has_a_row_a_question() -> None:
    found = Agreement(question="abuse", posts=400, same=0.9875, kappa=0.918, low=0.844, high=0.976)

    assert table([found]).splitlines()[2] == "| abuse | 400 | 98.8% | 0.92 | 0.84 to 0.98 |"
