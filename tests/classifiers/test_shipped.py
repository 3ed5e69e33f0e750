"""The shipped model is whole or it is not used; where it is out, the rules go on and say so."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny_models import MEANT, SEES, save_shipped_model, save_sums

from classifiers.combined import Steadfast
from classifiers.registry import RulesChoice, ShippedChoice, make_classifier, make_steadfast
from classifiers.rules import Rules
from classifiers.shipped import LABELS, Shipped
from classifiers.taxonomy import TAXONOMY
from classifiers.transformer import ModelUnavailable
from classifiers.verdict import Classifier, Passage, Verdict

SERIOUS = Passage("I am bringing a knife to school tomorrow and I will stab him at the gate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_shipped_model(tmp_path / "model")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def change_one_byte(file: Path) -> None:
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def test_the_shipped_model_judges_together_with_the_rules(folder: Path) -> None:
    classifier = make_classifier(ShippedChoice(), folder)

    (verdict,) = classifier.classify([Passage("hopeless")])

    version = hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()[:12]
    assert classifier.by == verdict.by == f"the shipped model {version} with rules {Rules().version}"
    assert verdict.safeguarding == verdict.scores["safeguarding.self_harm_suicide"] > 0.99
    assert verdict.abuse < 0.1
    assert classifier.classify([SERIOUS])[0].fired


def test_its_labels_are_our_own_names(folder: Path) -> None:
    by_model = Shipped(folder).classify([Passage(word) for word in ("knife", "hopeless", "rubbish")])

    assert set(by_model[0].scores) == {key for key, kind in TAXONOMY.items() if kind.head}
    for verdict, (head, kind) in zip(by_model, MEANT.values(), strict=True):
        assert getattr(verdict, head) == verdict.scores[kind] == max(verdict.scores.values()) > 0.99
    assert set(LABELS) == {"abuse", "safeguarding", "reputational", *by_model[0].scores}


def test_a_long_text_is_read_whole_in_windows_of_the_tokenizers_own_length(folder: Path) -> None:
    for place in (0, SEES - 4, 5 * SEES):
        calm = ["calm"] * (6 * SEES)
        calm[place] = "hopeless"
        (verdict,) = Shipped(folder).classify([Passage(" ".join(calm))])
        assert verdict.safeguarding > 0.9, place


@pytest.mark.parametrize("harm", [Path.unlink, cut_short, change_one_byte, empty])
@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "tokenizer_config.json", "config.json"])
def test_a_file_that_is_missing_or_damaged_is_named_with_what_to_do(
    harm: Callable[[Path], None], name: str, folder: Path
) -> None:
    harm(folder / name)

    with pytest.raises(ModelUnavailable) as told:
        make_classifier(ShippedChoice(), folder).classify([SERIOUS])

    assert str(folder / name) in str(told.value)
    assert "Install the monitor again" in str(told.value)


def test_sums_that_are_missing_no_text_or_silent_about_a_file_are_told(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    for content, said in ((b"\xff\xfe", "it is no text"), (b"", "does not list"), (None, "No such file")):
        if content is None:
            sums.unlink()
        else:
            sums.write_bytes(content)
        with pytest.raises(ModelUnavailable, match=said) as told:
            Shipped(folder).check()
        assert str(sums) in str(told.value)


def test_whole_files_that_hold_no_model_are_told_too(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"no model")
    save_sums(folder)

    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        Shipped(folder).classify([SERIOUS])


def test_what_is_whole_passes_and_no_text_needs_no_model(folder: Path) -> None:
    Shipped(folder).check()

    assert Shipped(folder / "nothing").classify([]) == []


def test_rules_go_on_where_the_model_is_not_there_and_say_so(tmp_path: Path) -> None:
    classifier = make_steadfast(ShippedChoice(), tmp_path)

    (verdict,), (by_rules,) = classifier.classify([SERIOUS]), Rules().classify([SERIOUS])

    assert classifier.by == verdict.by == f"rules {Rules().version}; the model is out"
    assert str(tmp_path / "SHA256SUMS") in verdict.out
    assert (verdict.fired, verdict.scores, verdict.abuse) == (by_rules.fired, by_rules.scores, by_rules.abuse)


def test_when_the_model_is_back_it_judges_again_and_nothing_more_is_said(tmp_path: Path) -> None:
    classifier = make_steadfast(ShippedChoice(), tmp_path)
    assert classifier.classify([Passage("hopeless")])[0].out

    save_shipped_model(tmp_path)

    (verdict,) = classifier.classify([Passage("hopeless")])
    assert verdict.out == ""
    assert verdict.safeguarding > 0.99
    assert classifier.by == verdict.by
    assert "out" not in verdict.by


class Moody:
    """A model that fails as it is told: over every text, or over those with a certain word."""

    by = "moody@1"

    def __init__(self, fault: Exception, over: str = "") -> None:
        self._fault = fault
        self._over = over

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """A calm verdict for each, or the fault."""
        if any(self._over in passage.text for passage in passages):
            raise self._fault
        return [Verdict(abuse=0, safeguarding=0, reputational=0, scores={}, by=self.by) for _ in passages]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ModelUnavailable("No such thing. Fetch it."), "No such thing. Fetch it."),
        (RuntimeError("a stranger's words"), "The model fails over every text (RuntimeError)."),
        (MemoryError(), "The model fails over every text (MemoryError)."),
    ],
)
def test_a_model_that_fails_over_every_text_while_judging_is_out(fault: Exception, said: str) -> None:
    (verdict,) = Steadfast(Rules(), Moody(fault)).classify([SERIOUS])

    assert verdict.fired
    assert verdict.out.startswith(said)
    assert "stranger" not in verdict.out


@pytest.mark.parametrize("fault", [ModelUnavailable("no numbers"), RuntimeError("no"), ValueError("no")])
def test_a_model_that_fails_over_one_text_only_is_not_out_and_the_text_is_told(fault: Exception) -> None:
    """The poll then judges each text alone and puts that one before a person."""
    classifier = Steadfast(Rules(), Moody(fault, over="knife"))

    with pytest.raises((RuntimeError, ValueError)):
        classifier.classify([SERIOUS, Passage("hello")])

    assert classifier.classify([Passage("hello")])[0].out == ""


def test_rules_alone_are_never_out() -> None:
    classifier: Classifier = make_steadfast(RulesChoice())

    assert classifier.by.startswith("rules ")
    assert classifier.classify([SERIOUS])[0].out == ""
