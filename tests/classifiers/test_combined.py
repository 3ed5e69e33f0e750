"""Neither rules nor model can silence the other."""

import pytest
from tiny_models import save_onnx_model

from classifiers.combined import Combined
from classifiers.rules import RuleBook, Rules
from classifiers.taxonomy import TAXONOMY, Severity
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage

LABELS = {
    "THREAT": "abuse.threat_violence",
    "WORRY": "safeguarding.self_harm_suicide",
    "MOAN": "reputational",
}
BOOK = RuleBook.model_validate(
    {
        "version": "7",
        "words": {},
        "reported_speech": ["he said"],
        "rules": [
            {
                "name": "bomb",
                "points_to": ["abuse.threat_violence"],
                "minimum": "critical",
                "reason": "A bomb is named.",
                "cues": ["bomb"],
                "patterns": ["bomb"],
                "fires": ["bomb"],
                "silent": ["calm"],
            }
        ],
        "locks": [
            {
                "name": "picture",
                "cues": ["picture"],
                "all_of": ["picture"],
                "fires": ["picture"],
                "silent": ["calm"],
            }
        ],
    }
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    folder = save_onnx_model(tmp_path_factory.mktemp("models") / "tiny")
    return Transformer(model=str(folder), revision="1", labels=LABELS, runtime="onnx")


@pytest.fixture(scope="module")
def combined(model: Transformer) -> Combined:
    return Combined(Rules(BOOK), model)


def test_what_only_the_rules_see_keeps_its_reason_and_its_least_severity(combined: Combined) -> None:
    (verdict,) = combined.classify([Passage("bomb")])

    assert [(hit.rule, hit.minimum, hit.reason) for hit in verdict.fired] == [
        ("bomb", Severity.CRITICAL, "A bomb is named.")
    ]
    assert verdict.abuse == verdict.scores["abuse.threat_violence"] == 1.0


def test_what_only_the_model_sees_keeps_its_score(combined: Combined, model: Transformer) -> None:
    passage = Passage("hopeless")

    (verdict,), (alone,) = combined.classify([passage]), model.classify([passage])

    assert verdict.fired == ()
    assert verdict.safeguarding > 0.99
    assert verdict.safeguarding == verdict.scores["safeguarding.self_harm_suicide"] == alone.safeguarding


def test_each_number_is_the_higher_of_the_two(combined: Combined, model: Transformer) -> None:
    passages = [Passage(text) for text in ("bomb", "knife", "bomb hopeless", "rubbish", "calm", "")]

    together, rules, alone = (each.classify(passages) for each in (combined, Rules(BOOK), model))

    for both, rule, net in zip(together, rules, alone, strict=True):
        assert both.abuse == max(rule.abuse, net.abuse)
        assert both.safeguarding == max(rule.safeguarding, net.safeguarding)
        assert both.reputational == max(rule.reputational, net.reputational)
        assert set(both.scores) == set(rule.scores) | set(net.scores)
        assert all(
            both.scores[key] == max(rule.scores.get(key, 0), net.scores.get(key, 0)) for key in both.scores
        )


@pytest.mark.parametrize(("text", "locked"), [("picture", True), ("knife", True), ("calm", False)])
def test_either_locks_media(combined: Combined, model: Transformer, text: str, locked: bool) -> None:
    suspects = Transformer(
        model=model._model, revision="1", labels={"THREAT": "safeguarding.nudes_semi_nudes"}, runtime="onnx"
    )

    assert TAXONOMY["safeguarding.nudes_semi_nudes"].locks_media
    assert Combined(Rules(BOOK), suspects).classify([Passage(text)])[0].media_lock is locked


def test_the_language_is_the_rules(combined: Combined) -> None:
    verdicts = combined.classify(
        [Passage("The school is just round the corner from what I was told"), Passage("ok")]
    )

    assert [verdict.language for verdict in verdicts] == ["en", None]


def test_by_names_both_and_stands_in_every_verdict(combined: Combined) -> None:
    assert combined.by == "tiny@1 with rules 7"
    assert {verdict.by for verdict in combined.classify([Passage("bomb"), Passage("calm")])} == {combined.by}


def test_many_texts_keep_their_order(combined: Combined) -> None:
    texts = ["bomb", "hopeless", "calm " * 500, "", "rubbish"] * 20

    verdicts = combined.classify([Passage(text) for text in texts])

    assert [bool(verdict.fired) for verdict in verdicts] == [text == "bomb" for text in texts]
    assert [verdict.safeguarding > 0.5 for verdict in verdicts] == [text == "hopeless" for text in texts]


def test_a_model_that_is_missing_is_told_and_not_passed_over() -> None:
    absent = Transformer(model="/nowhere/at/all", revision="1", labels=LABELS, runtime="onnx")

    with pytest.raises(ModelUnavailable, match="There is no folder /nowhere/at/all"):
        Combined(Rules(BOOK), absent).classify([Passage("bomb")])
