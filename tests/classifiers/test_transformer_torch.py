"""A model made and saved by torch is loaded by torch, and gives what the model itself gives."""

from pathlib import Path
from typing import Any

import pytest
import transformers
from tiny_models import SEES, WORDS, save_tokenizer

from classifiers.combined import Combined
from classifiers.registry import TransformerChoice, make_classifier
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

LABELS = ("CALM", "THREAT", "WORRY")
MEANING = {"THREAT": "abuse.threat_violence", "WORRY": "safeguarding"}


def save_bert(folder: Path, problem_type: str | None, **settings: Any) -> Any:
    """A tiny BERT with chance weights, the same at each run, saved with its tokenizer."""
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=4 + len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=SEES + 2,
        initializer_range=0.8,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
        problem_type=problem_type,
        **settings,
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return model


def make(folder: Path, runtime: str = "torch") -> Transformer:
    return Transformer(model=str(folder), revision=None, labels=MEANING, runtime=runtime)  # type: ignore[arg-type]


def logits(model: Any, ids: list[int], types: list[int] | None = None) -> Any:
    with torch.inference_mode():
        return model(
            input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types or [0] * len(ids)])
        ).logits[0]


# "knife at school" is [CLS] knife [UNK] school [SEP]; "hello" is [CLS] hello [SEP].
KNIFE, HELLO = [2, 4, 1, 8, 3], [2, 9, 3]


def test_independent_labels_are_what_the_model_itself_says(tmp_path: Path) -> None:
    expected = torch.sigmoid(logits(save_bert(tmp_path, "multi_label_classification"), KNIFE))

    verdict = make(tmp_path).classify([Passage("knife at school")])[0]

    assert verdict.scores["abuse.threat_violence"] == pytest.approx(float(expected[1]), abs=1e-5)
    assert verdict.safeguarding == pytest.approx(float(expected[2]), abs=1e-5)


@pytest.mark.parametrize("problem_type", ["single_label_classification", None])
def test_exclusive_labels_are_shares_of_one(tmp_path: Path, problem_type: str | None) -> None:
    expected = torch.softmax(logits(save_bert(tmp_path, problem_type), KNIFE), dim=0)

    verdict = make(tmp_path).classify([Passage("knife at school")])[0]

    assert verdict.abuse == pytest.approx(float(expected[1]), abs=1e-5)


def test_a_pair_reaches_the_model_as_a_pair(tmp_path: Path) -> None:
    model = save_bert(tmp_path, "multi_label_classification")
    expected = torch.sigmoid(logits(model, [*HELLO, *KNIFE[1:]], [0] * 3 + [1] * 4))

    verdict = make(tmp_path).classify([Passage("hello", "knife at school")])[0]

    assert verdict.safeguarding == pytest.approx(float(expected[2]), abs=1e-5)


def test_a_batch_with_padding_changes_nothing(tmp_path: Path) -> None:
    save_bert(tmp_path, "multi_label_classification")
    passages = [Passage("knife at school " * length, "hello" * (length % 2)) for length in (1, 40, 5, 0, 400)]

    together = make(tmp_path).classify(passages)

    alone = [make(tmp_path).classify([passage])[0] for passage in passages]
    assert [verdict.safeguarding for verdict in together] == pytest.approx(
        [verdict.safeguarding for verdict in alone], abs=1e-5
    )


def test_a_model_that_knows_no_pairs_takes_a_parent_all_the_same(tmp_path: Path) -> None:
    save_bert(tmp_path, "multi_label_classification", type_vocab_size=1)

    assert 0.0 < make(tmp_path).classify([Passage("hello", "knife")])[0].safeguarding < 1.0


@pytest.mark.filterwarnings("ignore")  # the exporter that needs no further package says that it is old
def test_the_same_model_exported_to_onnx_says_the_same(tmp_path: Path) -> None:
    model = save_bert(tmp_path, "multi_label_classification", attn_implementation="eager")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ones = torch.ones((2, 8), dtype=torch.int64)
    torch.onnx.export(
        model,
        (ones, ones, ones - 1),
        str(tmp_path / "model.onnx"),
        input_names=names,
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in names},
        opset_version=17,
        dynamo=False,
    )
    passages = [Passage("knife at school"), Passage("hello", "rubbish"), Passage("calm " * 300 + "hopeless")]

    by_torch, by_onnx = (make(tmp_path, runtime).classify(passages) for runtime in ("torch", "onnx"))

    for one, other in zip(by_torch, by_onnx, strict=True):
        assert one.safeguarding == pytest.approx(other.safeguarding, abs=1e-4)
        assert one.abuse == pytest.approx(other.abuse, abs=1e-4)


def test_the_choice_of_torch_makes_a_model_with_rules(tmp_path: Path) -> None:
    save_bert(tmp_path / "bert", None)

    choice = TransformerChoice(
        use="transformer", model=str(tmp_path / "bert"), revision="v1", labels=MEANING, runtime="torch"
    )

    classifier = make_classifier(choice)
    assert isinstance(classifier, Combined)
    assert len(classifier.classify([Passage("hello")])) == 1


def test_weights_that_may_hold_programs_are_not_read(tmp_path: Path) -> None:
    model = save_bert(tmp_path, None)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")

    with pytest.raises(ModelUnavailable, match=r"has no model\.safetensors\. Save the model as safetensors"):
        make(tmp_path).load()


def test_broken_weights_say_what_to_do(tmp_path: Path) -> None:
    save_bert(tmp_path, None)
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")

    with pytest.raises(ModelUnavailable, match="Its files may be incomplete"):
        make(tmp_path).load()
