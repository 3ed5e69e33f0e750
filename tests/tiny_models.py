"""Models that a test makes itself: a few words long, and real in every file."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from classifiers.shipped import LABELS as SHIPPED

SEES = 64  # tokens at once
WORDS = {
    "knife": "THREAT",
    "hopeless": "WORRY",
    "rubbish": "MOAN",
    "calm": None,
    "school": None,
    "hello": None,
}
LABELS = ("THREAT", "WORRY", "MOAN", "ANSWER")
MEANT = {
    "THREAT": ("abuse", "abuse.threat_violence"),
    "WORRY": ("safeguarding", "safeguarding.self_harm_suicide"),
    "MOAN": ("reputational", "reputational.complaint"),
}
"""What the shipped model's stand-in says where the other says these labels."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def save_tokenizer(folder: Path) -> None:
    """A WordPiece tokenizer of ten words, saved as transformers saves one."""
    vocabulary = {word: place for place, word in enumerate((*_SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=SEES, **names).save_pretrained(
        folder
    )


def save_onnx_model(
    folder: Path,
    *,
    labels: Sequence[str] = LABELS,
    multi_label: bool = True,
    scale: float = 600.0,
    number: int = TensorProto.INT64,
    file: str = "model.onnx",
) -> Path:
    """A model that says each label of WORDS where one of its words is in a window, and ANSWER for a pair.

    It takes the mean over the tokens that it sees: one word among thousands would drown.
    """
    save_tokenizer(folder)
    _save_config(folder, labels, multi_label=multi_label)
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    told = [[float(WORDS.get(word) == label) for label in LABELS[:3]] for word in (*_SPECIAL, *WORDS)]
    onnx.save(_graph(told, scale, number, pairs=True), path)
    return folder


def save_shipped_model(folder: Path) -> Path:
    """What stands for the model that is shipped: its files, its labels, its sums, and a few words."""
    save_tokenizer(folder)
    _save_config(folder, SHIPPED, multi_label=True)
    told = [
        [float(label in MEANT.get(WORDS.get(word) or "", ())) for label in SHIPPED]
        for word in (*_SPECIAL, *WORDS)
    ]
    onnx.save(_graph(told, 600.0, TensorProto.INT64, pairs=False), folder / "model.onnx")
    save_sums(folder)
    return folder


def save_sums(folder: Path) -> None:
    """SHA256SUMS, as sha256sum writes it."""
    files = sorted(file for file in folder.iterdir() if file.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def _save_config(folder: Path, labels: Sequence[str], *, multi_label: bool) -> None:
    config = {
        "model_type": "bert",
        "vocab_size": len(_SPECIAL) + len(WORDS),
        "max_position_embeddings": SEES + 2,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: place for place, label in enumerate(labels)},
        "problem_type": "multi_label_classification" if multi_label else None,
    }
    (folder / "config.json").write_text(json.dumps(config))


def _graph(told: Sequence[Sequence[float]], scale: float, number: int, *, pairs: bool) -> onnx.ModelProto:
    constants = {"table": told, "scale": scale, "threshold": 4.0}
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["types", "last"], ["types_wide"]),
        helper.make_node("Concat", ["words", "types_wide"] if pairs else ["words"], ["seen"], axis=2),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_wide"]),
        helper.make_node("Mul", ["seen", "mask_wide"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask_wide", "tokens"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Mul", ["mean", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "threshold"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, number, ["batch", "length"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(told[0]) + pairs])],
        [
            *(numpy_helper.from_array(numpy.array(v, numpy.float32), name) for name, v in constants.items()),
            numpy_helper.from_array(numpy.array([2], numpy.int64), "last"),
            numpy_helper.from_array(numpy.array([1], numpy.int64), "tokens"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
