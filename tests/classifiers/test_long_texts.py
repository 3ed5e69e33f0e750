"""A threat in the last sentence of 2,000 words is found, and 2,000 harmless words are quiet."""

import pytest
from schoolcheck import MODEL, Function, check

from classifiers.registry import ShippedChoice, make_classifier
from classifiers.verdict import Passage

MINUTES = (
    "The governors met on Tuesday evening in the library. The chair welcomed two new parent governors and"
    " thanked the caretaker for the heating. The minutes of the last meeting were agreed with one "
    "correction to the spelling of a name. The headteacher reported that the roll stands at two hundred "
    "and eleven and that the reception class is full. Attendance is a little above last year, and the "
    "breakfast club now opens at half past seven. The roof over the hall will be mended in the spring, if"
    " the council agrees to pay its share. The fair raised eight hundred pounds for new books, and the "
    "gardening club has grown enough potatoes for a harvest lunch. The choir sang at the care home, where"
    " two of the residents had been pupils in the same building. The county asked for views on the bus "
    "timetable, and several parents had written. The next meeting is on the second Tuesday of the month, "
    "and anybody who would like to come is welcome to sit at the back and listen. "
)
WORDS = 2_000
THREATS = (
    "By the way I have had enough of that deputy and I am bringing a knife on Monday.",
    "One of our lads says somebody is going to shoot up the sixth form common room after break tomorrow.",
    "When I find out which teacher did this I am going to burn their house down with them in it.",
)
MISSED = (
    "Whoever wrote the letter about my son, I'll be waiting by your car on Friday and you won't walk away."
)
pytestmark = pytest.mark.skipif(
    not MODEL.exists(), reason="the shipped model is not here (classifiers/model/model.onnx)"
)


def long(last: str = "") -> Passage:
    words = (MINUTES * 12).split()[: WORDS - len(last.split())]
    return Passage(f"{' '.join(words)} {last}".strip())


@pytest.mark.parametrize(
    "threat", [*THREATS, pytest.param(MISSED, marks=pytest.mark.xfail(strict=True, reason="not found yet"))]
)
def test_a_threat_in_the_last_sentence_of_two_thousand_words_is_found(threat: str) -> None:
    passage = long(threat)

    (result,) = check(make_classifier(ShippedChoice()), [Function("long", "alert", "", (passage,))])

    assert len(passage.text.split()) == WORDS
    assert result.passed == 1


def test_two_thousand_harmless_words_are_quiet() -> None:
    (result,) = check(make_classifier(ShippedChoice()), [Function("long", "quiet", "", (long(),))])

    assert result.passed == 1
