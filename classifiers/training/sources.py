"""The public sets that the model is trained on, and what each says, and does not say, of a text.

`sources.toml` lists where each comes from. A label that a set says nothing about stays unknown, so that it
takes no part in the loss: "not sexist" is not "not abusive".
"""

import csv
import gzip
import html
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from classifiers.training.examples import Example

_HERE = Path(__file__).parent
Row = Mapping[str, str]

_HATE = "abuse.hate"
_THREAT = "abuse.threat_violence"
_ABUSIVE = {"abuse": True}
_CLEAN = {"abuse": False, _HATE: False, _THREAT: False}
_WARM = frozenset(
    {"admiration", "amusement", "approval", "caring", "curiosity", "excitement", "gratitude", "joy", "love"}
    | {"optimism", "pride", "relief"}
)


def read_public(folder: Path, seed: int) -> list[Example]:
    """The examples of every set that `sources.toml` lists, shuffled; each file must lie in `folder`."""
    listed = tomllib.loads((_HERE / "sources.toml").read_text("utf-8"))
    examples = [example for name in listed for example in _read(folder / f"{name}.csv.gz", _LABELS[name])]
    random.Random(seed).shuffle(examples)
    return examples


def _read(path: Path, label: Callable[[Row], Mapping[str, bool]]) -> Iterator[Example]:
    csv.field_size_limit(10_000_000)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (known := label(row)) and row["text"].strip():
                yield Example(_plain(row["text"]), _plain(row.get("agent") or ""), dict(known))


def _plain(text: str) -> str:
    """Without HTML's escapes, and with handles and links as they stand in posts."""
    return html.unescape(text).replace("[USER]", "@user").replace("[URL]", "https://example.org")


def _convabuse(row: Row) -> Mapping[str, bool]:
    return _ABUSIVE if row["label_majority_abusive"] == "1" else _CLEAN


def _davidson(row: Row) -> Mapping[str, bool]:
    """Offensive words alone are left out: they follow dialect more than they follow abuse."""
    return {"hate_speech": _ABUSIVE | {_HATE: True}, "neither": _CLEAN}.get(row["label"], {})


def _edos(row: Row) -> Mapping[str, bool]:
    if row["label_sexist"] != "sexist":
        return {}
    threat = row["label_category"].startswith("1.")
    return _ABUSIVE | {_HATE: True} | ({_THREAT: True} if threat else {})


def _goemotions(row: Row) -> Mapping[str, bool]:
    """Warm feelings are no abuse, no cry for help and no complaint; of the others nothing is said."""
    feelings = set(row["label"].split(","))
    return _CLEAN | {"safeguarding": False, "reputational": False} if feelings <= _WARM else {}


def _guest(row: Row) -> Mapping[str, bool]:
    if row["level_1"] == "Misogynistic":
        return _ABUSIVE | {_HATE: True}
    return _CLEAN if row["level_2"] == "Counter_speech" else {}


def _hatemoji(row: Row) -> Mapping[str, bool]:
    if row["label"] != "1":
        return _CLEAN
    return _ABUSIVE | {_HATE: True} | ({_THREAT: True} if row["type"] == "threateninglanguage" else {})


def _measuring(row: Row) -> Mapping[str, bool]:
    return _ABUSIVE | {_HATE: True} if row["label"] == "1" else _CLEAN


def _mlma(row: Row) -> Mapping[str, bool]:
    if row["label"] == "normal":
        return _CLEAN
    return _ABUSIVE | {_HATE: True} if "hateful" in row["label"] else {}


def _surge(row: Row) -> Mapping[str, bool]:
    return _ABUSIVE if row["label"] == "Toxic" else _CLEAN


def _spans(row: Row) -> Mapping[str, bool]:
    if row["maj_not_toxic"] == "1":
        return _CLEAN
    known = dict(_ABUSIVE) if row["maj_insult"] == "1" else {}
    if row["maj_identity_based_attack"] == "1":
        known |= _ABUSIVE | {_HATE: True}
    if row["maj_threat"] == "1":
        known |= _ABUSIVE | {_THREAT: True}
    return known


_LABELS: Mapping[str, Callable[[Row], Mapping[str, bool]]] = {
    "convabuse": _convabuse,
    "davidson2017": _davidson,
    "edos": _edos,
    "goemotions": _goemotions,
    "guest_misogyny": _guest,
    "hatemojibuild": _hatemoji,
    "measuring_hate_ken20": _measuring,
    "mlma_en": _mlma,
    "surge_toxicity": _surge,
    "toxic_spans_types": _spans,
}
