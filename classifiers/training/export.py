"""Turning the trained network into the files that are shipped: small, calibrated, and run without torch."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from sklearn.linear_model import LogisticRegression

from classifiers.shipped import LABELS
from classifiers.taxonomy import Head
from classifiers.training.encoder import WINDOW, Encoder
from classifiers.training.examples import read_corpus
from classifiers.transformer import Transformer

_EMBEDDINGS = "body.embeddings.word_embeddings.weight"
_BODY = "/body/"
_EDGE = 1e-6


def write(model: Encoder, tokenizer: Any, out: Path) -> None:
    """Write model.onnx, the tokenizer, the labels and the sums of the files into `out`.

    The scores of the heads are calibrated on the validation split: the scale and shift of each (Platt) go
    into the last layer, so that whoever runs the model needs to know nothing of them.
    """
    out.mkdir(parents=True, exist_ok=True)
    _describe(tokenizer, out)
    _network(model, out)
    for at, (scale, shift) in enumerate(_calibration(out)):
        model.last.weight.data[at] *= scale
        model.last.bias.data[at] = scale * model.last.bias.data[at] + shift
        print(f"{LABELS[at]}: scale {scale:.3f}, shift {shift:+.3f}", flush=True)
    _network(model, out)
    _sums(out)


def _describe(tokenizer: Any, out: Path) -> None:
    tokenizer.save_pretrained(out)
    config = {
        "model_type": "bert",
        "problem_type": "multi_label_classification",
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: at for at, label in enumerate(LABELS)},
        "max_position_embeddings": WINDOW + 2,
        "vocab_size": len(tokenizer),
        "type_vocab_size": 2,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")


def _network(model: Encoder, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        ones = torch.ones((2, 8), dtype=torch.long)
        names = ["input_ids", "attention_mask", "token_type_ids"]
        torch.onnx.export(
            model,
            (ones, ones, torch.zeros_like(ones)),
            whole,
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names},
            opset_version=17,
            dynamo=False,
        )
        # Seven bits of weight: with eight, processors without VNNI run over.
        ends = [node.name for node in onnx.load(whole).graph.node if not node.name.startswith(_BODY)]
        quantize_dynamic(
            whole,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=ends,
        )
        onnx.save(_small_embeddings(onnx.load(small)), out / "model.onnx")


def _small_embeddings(model: Any) -> Any:
    """Each word's numbers in eight bits, with a scale of its own: a quarter of the size."""
    graph = model.graph
    table = next(each for each in graph.initializer if each.name == _EMBEDDINGS)
    weights = numpy_helper.to_array(table)
    scale = numpy.abs(weights).max(axis=1, keepdims=True) / 127 + 1e-12
    graph.initializer.remove(table)
    graph.initializer.extend(
        [
            numpy_helper.from_array(numpy.round(weights / scale).astype(numpy.int8), "words"),
            numpy_helper.from_array(scale.astype(numpy.float32), "words_scale"),
        ]
    )
    at, gather = next((n, node) for n, node in enumerate(graph.node) if _EMBEDDINGS in node.input)
    ids, result = gather.input[1], gather.output[0]
    graph.node.remove(gather)
    new = [
        helper.make_node("Gather", ["words", ids], ["words_found"], name="words_found"),
        helper.make_node("Cast", ["words_found"], ["words_cast"], name="words_cast", to=TensorProto.FLOAT),
        helper.make_node("Gather", ["words_scale", ids], ["scale_found"], name="scale_found"),
        helper.make_node("Mul", ["words_cast", "scale_found"], [result], name="words_scaled"),
    ]
    for offset, node in enumerate(new):
        graph.node.insert(at + offset, node)
    onnx.checker.check_model(model)
    return model


def _calibration(out: Path) -> list[tuple[float, float]]:
    """Scale and shift of each head's logit, fitted on the validation split as the files in `out` score it."""
    posts = read_corpus("validation")
    model = Transformer(
        model=str(out.resolve()), revision="raw", labels={label: label for label in LABELS}, runtime="onnx"
    )
    verdicts = model.classify([post.passage for post in posts])
    fits = []
    for head in Head:
        scores = [getattr(verdict, head.value) for verdict in verdicts]
        fits.append(_platt(scores, [post.heads[head] for post in posts]))
    return fits


def _platt(scores: Sequence[float], truth: Sequence[bool]) -> tuple[float, float]:
    bounded = numpy.clip(numpy.array(scores), _EDGE, 1 - _EDGE)
    logits = numpy.log(bounded / (1 - bounded)).reshape(-1, 1)
    fit = LogisticRegression(C=1e6).fit(logits, numpy.array(truth))
    return float(fit.coef_[0][0]), float(fit.intercept_[0])


def _sums(out: Path) -> None:
    """The SHA-256 of each file, by which a damaged copy is found."""
    names = ("config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json")
    lines = [f"{hashlib.sha256((out / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (out / "SHA256SUMS").write_text("".join(lines), "utf-8")
    for name in names:
        print(f"{name}: {(out / name).stat().st_size / 1e6:.1f} MB", flush=True)
