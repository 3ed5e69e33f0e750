"""What people may write under `classifier:`, and what is made of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from tiny_models import save_onnx_model

from classifiers.registry import (
    Choice,
    ClassifierChoice,
    RulesChoice,
    ShippedChoice,
    TransformerChoice,
    make_classifier,
)
from classifiers.taxonomy import TAXONOMY
from classifiers.verdict import Passage

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHOICES: TypeAdapter[Choice] = TypeAdapter(ClassifierChoice)


def choose(**options: Any) -> Choice:
    """The choice that these options make; a transformer unless they say otherwise."""
    return CHOICES.validate_python({"use": "transformer", "labels": {"THREAT": "abuse"}, **options})


def refusal(**options: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        choose(**options)
    return str(refused.value)


def test_importing_the_registry_loads_no_heavy_library() -> None:
    program = (
        "import sys, classifiers.registry as r; "
        "r.make_classifier(r.TransformerChoice(use='transformer', model='/m', labels={'A': 'abuse'})); "
        "r.make_steadfast(r.ShippedChoice(), r.Path('/m')).by; "
        "heavy = {'transformers', 'numpy', 'onnxruntime', 'torch', 'huggingface_hub', 'tokenizers'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


def test_making_a_classifier_opens_nothing() -> None:
    assert make_classifier(choose(model="/nowhere/at/all", revision="1"))


def test_rules_are_the_rules_alone() -> None:
    classifier = make_classifier(CHOICES.validate_python({"use": "rules"}))

    assert classifier.by.startswith("rules ")
    assert len(classifier.classify([Passage("hello"), Passage("")])) == 2


def test_a_transformer_never_comes_without_the_rules(tmp_path: Path) -> None:
    folder = save_onnx_model(tmp_path / "tiny")
    labels = {"THREAT": "abuse.threat_violence", "WORRY": "reputational"}

    classifier = make_classifier(choose(model=str(folder), revision="v1", labels=labels))

    rules = make_classifier(RulesChoice())
    serious = "I am bringing a knife to school tomorrow and I will stab him at the gate"
    (verdict,), (by_rules,) = classifier.classify([Passage(serious)]), rules.classify([Passage(serious)])
    assert classifier.by.startswith("tiny@v1 with rules ")
    assert verdict.fired == by_rules.fired != ()
    assert by_rules.reputational == 0.0 < verdict.reputational < 0.1  # a number that only the model gives


def test_a_hub_model_needs_its_full_commit() -> None:
    assert choose(model="owner/name", revision=COMMIT)
    for revision in (None, "main", COMMIT[:12], COMMIT.upper(), COMMIT + "0"):
        assert "the full commit of 40 hexadecimal digits" in refusal(model="owner/name", revision=revision)


@pytest.mark.parametrize("model", ["models/tiny", "tiny", "~/tiny", "hub.example/owner/name"])
def test_what_is_not_clearly_a_folder_is_never_loaded_unpinned(model: str) -> None:
    assert "A folder is written from / or ./ on" in refusal(model=model)


def test_a_relative_folder_starts_beside_the_configuration() -> None:
    written = {"use": "transformer", "model": "./models/tiny", "labels": {"THREAT": "abuse"}}

    choice = CHOICES.validate_python(written, context={"folder": Path("/srv/monitor")})

    assert isinstance(choice, TransformerChoice)
    assert choice.model == "/srv/monitor/models/tiny"


def test_a_hub_id_is_no_path() -> None:
    written = {"use": "transformer", "model": "owner/name", "revision": COMMIT, "labels": {"THREAT": "abuse"}}

    choice = CHOICES.validate_python(written, context={"folder": Path("/srv/monitor")})

    assert isinstance(choice, TransformerChoice)
    assert choice.model == "owner/name"


@pytest.mark.parametrize("target", ["abuse", "safeguarding", "reputational", *TAXONOMY])
def test_a_label_may_mean_any_head_and_any_sub_category(target: str) -> None:
    assert choose(model="/models/tiny", labels={"LABEL_0": target})


def test_a_label_that_means_nothing_we_know_is_refused() -> None:
    said = refusal(model="/models/tiny", labels={"LABEL_0": "toxic"})

    assert "'toxic' is neither a head (abuse, safeguarding, reputational) nor a sub-category" in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": {}},
        {"labels": None},
        {"model": ""},
        {"runtime": "tensorflow"},
        {"threads": 8},
        {"use": "oracle"},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    assert refusal(**{"model": "/models/tiny", **wrong})


def test_choices_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        choose(model="/models/tiny").model = "/models/other"  # type: ignore[union-attr]


def test_every_option_has_a_description() -> None:
    for kind in (ShippedChoice, RulesChoice, TransformerChoice):
        assert [name for name, field in kind.model_fields.items() if not field.description] == []
