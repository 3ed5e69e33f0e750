"""The words that weighed most are found by leaving each out in turn."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import save_onnx_model

from classifiers.explaining import Explanation, explain
from classifiers.transformer import Transformer
from classifiers.verdict import Passage, Verdict

THREAT, WORRY = "abuse.threat_violence", "safeguarding.self_harm_suicide"


class Counting:
    """A model that counts the texts of each call."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.by = model.by
        self.calls: list[int] = []

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        self.calls.append(len(passages))
        return self.model.classify(passages)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    folder = save_onnx_model(tmp_path_factory.mktemp("models") / "tiny")
    labels = {"THREAT": THREAT, "WORRY": WORRY, "MOAN": "reputational"}
    return Transformer(model=str(folder), revision="v1", labels=labels, runtime="onnx")


@pytest.fixture
def model(tiny: Transformer) -> Counting:
    return Counting(tiny)


def of(model: Counting, text: str, target: str = THREAT, parent: str = "") -> Explanation:
    [found] = explain(model, Passage(text, parent), [target])
    return found


def named(explanation: Explanation) -> list[str]:
    return [each.words for each in explanation.weighed]


def test_the_word_that_the_score_hangs_on_is_named_with_how_far_it_falls(model: Counting) -> None:
    found = of(model, "Calm, calm: a KNIFE, at school.")

    assert named(found) == ["KNIFE"]
    assert found.weighed[0].drop > 0.9
    assert (found.target, found.score > 0.99, found.whole, found.by) == (THREAT, True, True, "tiny@v1")


def test_words_that_only_together_raise_the_score_are_named_together(model: Counting) -> None:
    assert named(of(model, "hello the rubbish knife hello", "reputational")) == ["rubbish"]
    assert named(of(model, "hello knife knife. hello")) == ["knife knife"]


def test_no_phrase_runs_over_the_end_of_a_sentence(model: Counting) -> None:
    assert named(of(model, "hello knife. Knife hello")) == []


def test_a_whole_head_is_explained_like_a_sub_category(model: Counting) -> None:
    assert named(of(model, "hopeless at school", "safeguarding")) == ["hopeless"]


def test_several_targets_share_one_call(model: Counting) -> None:
    found = explain(model, Passage("a knife, and hopeless"), [WORRY, THREAT])

    assert [(each.target, named(each)) for each in found] == [(WORRY, ["hopeless"]), (THREAT, ["knife"])]
    assert len(model.calls) == 1


def test_a_target_without_a_score_has_no_explanation(model: Counting) -> None:
    assert explain(model, Passage("a knife"), ["abuse.doxxing", "safeguarding.unread_language"]) == ()


def test_what_is_answered_stays_in_place_while_words_are_left_out(model: Counting) -> None:
    found = of(model, "hello, a knife at school", parent="a knife")

    assert found.score > 0.99
    assert named(found) == []


@pytest.mark.parametrize("words", [1, 5, 20, 21, 30, 31, 58, 59])
def test_a_short_text_costs_one_call_of_at_most_60_texts(model: Counting, words: int) -> None:
    of(model, "calm " * (words - 1) + "knife")

    assert len(model.calls) == 1
    assert model.calls[0] <= 60


@pytest.mark.parametrize("words", [60, 61, 400, 2_000, 9_000])
def test_of_a_long_text_the_gravest_part_is_looked_at_and_it_costs_two_calls(
    model: Counting, words: int
) -> None:
    found = of(model, "calm. " * (words // 3) + "knife hello. " + "calm " * (words - words // 3))

    assert "knife" in named(found)[0]
    assert not found.whole
    assert len(model.calls) == 2
    assert max(model.calls) <= 60


def test_a_huge_text_is_looked_at_no_further_than_a_page_shows_it(model: Counting) -> None:
    assert named(of(model, "calm " * 200_000 + "knife")) == []
    assert max(model.calls) <= 60


@pytest.mark.parametrize("text", ["", " \n\t", " " * 30_000])
def test_a_blank_text_has_no_explanation_and_costs_nothing(model: Counting, text: str) -> None:
    assert explain(model, Passage(text), [THREAT]) == ()
    assert model.calls == []


def test_at_most_five_are_named_and_none_shares_a_word_with_another(model: Counting) -> None:
    found = of(model, "knife " * 10)

    assert len(found.weighed) <= 5


def test_a_text_without_spaces_is_left_out_piece_by_piece(model: Counting) -> None:
    assert model.classify([Passage("x" * 5_000)])
    assert of(model, "x" * 5_000).weighed == ()


@given(text=st.text(st.characters(), max_size=400))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_named_stands_in_the_text_and_weighs_something(tiny: Transformer, text: str) -> None:
    for found in explain(tiny, Passage(f"{text} knife"), [THREAT, WORRY]):
        for each in found.weighed:
            assert each.words in f"{text} knife"
            assert 0 < each.drop <= found.score
