"""A text as another might have typed it: other letters, one meaning, and the same for the same chance."""

from random import Random

from classifiers.training.augment import altered

POST = "Miss Adeyemi at Harrowby Green Primary School sent @thornwickmum a lovely letter about the trip."
HARMLESS = ("The bins go out on Tuesday.", "Lost: one blue mitten.", "Quiz night was great.")


def test_the_same_chance_makes_the_same_text() -> None:
    """So that a training can be repeated."""
    assert altered(POST, HARMLESS, Random(7)) == altered(POST, HARMLESS, Random(7))


def test_no_handle_is_left_and_the_school_often_has_another_name() -> None:
    made = [altered(POST, (), Random(seed)) for seed in range(200)]

    assert not [text for text in made if "@thornwickmum" in text]
    assert 20 < sum("Harrowby Green Primary" not in text for text in made) < 180


def test_others_stand_beside_a_text_whole_and_now_and_then_many_of_them() -> None:
    made = [altered(POST, HARMLESS, Random(seed)) for seed in range(300)]
    beside = [sum(text.count(other) for other in HARMLESS) for text in made]

    assert sum(count == 0 for count in beside) > 200
    assert max(beside) >= 3


def test_emoji_and_short_words_survive() -> None:
    for seed in range(100):
        assert "🔪" in altered("see u at 3 🔪", (), Random(seed))


def test_who_is_spoken_of_is_often_somebody_else_of_the_same_list() -> None:
    """So that no group's name predicts anything by itself (BAN-6.1)."""
    made = {altered("our Welsh and deaf neighbours", (), Random(seed)) for seed in range(60)}

    assert any("Welsh" not in text for text in made)
    assert not any("Muslim" in text for text in made)


def test_now_and_then_a_text_is_said_in_a_dialect() -> None:
    """So that no word of any part of the country predicts anything by itself (BAN-6.1)."""
    made = {altered("my mum knows nothing", (), Random(seed)) for seed in range(200)}

    assert any("nowt" in text for text in made)
    assert any("nuffink" in text for text in made)
    assert sum("nothing" in text for text in made) > len(made) / 3
