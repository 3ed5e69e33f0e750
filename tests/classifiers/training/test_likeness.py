"""How alike two texts are."""

import pytest

from classifiers.training.likeness import Likeness, alike


def test_case_accents_and_signs_make_no_text_another() -> None:
    (two,) = alike(["The cake sale, on Friday!", "rain again", "the CAKE sale on fríday!"], above=0.8)

    assert (two.one, two.other) == (0, 2)
    assert two.degree == pytest.approx(1)


def test_a_swapped_word_in_a_sentence_is_still_found_and_another_sentence_is_not() -> None:
    texts = [
        "does the bus still stop outside the leisure centre",
        "does the tram still stop outside the leisure centre",
        "is there a bus to the baths",
    ]

    assert [(two.one, two.other) for two in alike(texts, above=0.8)] == [(0, 1)]


def test_texts_of_one_sign_or_none_are_read_too() -> None:
    assert list(alike(["", "?", "👏", "👏"], above=0.8)) == [Likeness(2, 3, pytest.approx(1))]
