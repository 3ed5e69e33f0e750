"""Every kind of classifier that can be chosen: its options, and how it is made.

Nothing heavy is imported here; a model is loaded when the first text needs it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from classifiers.combined import Combined, Steadfast
from classifiers.rules import Rules
from classifiers.shipped import FOLDER, Shipped
from classifiers.taxonomy import TAXONOMY, Head
from classifiers.transformer import Transformer, is_folder
from classifiers.verdict import Classifier

_STRICT = ConfigDict(frozen=True, extra="forbid")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TARGETS = (*(head.value for head in Head), *TAXONOMY)


def _known(target: str) -> str:
    if target not in _TARGETS:
        raise ValueError(
            f"'{target}' is neither a head ({', '.join(head.value for head in Head)}) nor a sub-category "
            "such as abuse.threat_violence"
        )
    return target


def _beside(model: str, info: ValidationInfo) -> str:
    """A relative folder starts at the folder of the configuration file, where there is one."""
    beside = (info.context or {}).get("folder")
    return str(Path(beside) / model) if beside and is_folder(model) else model


Target = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(_TARGETS)})]


class ShippedChoice(BaseModel):
    """The model that comes with the monitor, together with the shipped rules."""

    model_config = _STRICT

    use: Annotated[Literal["shipped"], Field(description="Which kind it is.")] = "shipped"


class RulesChoice(BaseModel):
    """The shipped rules alone."""

    model_config = _STRICT

    use: Annotated[Literal["rules"], Field(description="Which kind it is.")] = "rules"


class TransformerChoice(BaseModel):
    """A Hugging Face sequence-classification model, together with the shipped rules."""

    model_config = _STRICT

    use: Annotated[Literal["transformer"], Field(description="Which kind it is.")]
    model: Annotated[
        str,
        AfterValidator(_beside),
        Field(
            min_length=1,
            max_length=500,
            description="The model: a folder, written from / or ./ on (beside this file), or an id on the "
            "Hugging Face hub such as owner/name.",
        ),
    ]
    revision: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,64}$",
            description="The commit of a hub model, all 40 digits, so that it never changes unseen. For a "
            "folder, what this version is called; digits of its files' SHA-256 when left out.",
        ),
    ] = None
    labels: Annotated[
        Mapping[str, Target],
        Field(
            min_length=1,
            description="What each of the model's labels means: abuse, safeguarding, reputational or a "
            "sub-category such as abuse.threat_violence. Labels that are not named here are not used.",
        ),
    ]
    runtime: Annotated[
        Literal["onnx", "torch"],
        Field(
            description="What runs the model: onnx reads model.onnx or onnx/model.onnx; torch reads "
            "safetensors and needs the extra [torch]."
        ),
    ] = "onnx"

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if not is_folder(self.model) and not _COMMIT.fullmatch(self.revision or ""):
            raise ValueError(
                f"'{self.model}' is taken for a model on the Hugging Face hub, so `revision` must be the "
                "full commit of 40 hexadecimal digits (on the model's page under Files and versions, "
                "History). A folder is written from / or ./ on"
            )
        return self


Choice = ShippedChoice | RulesChoice | TransformerChoice
ClassifierChoice = Annotated[Choice, Field(discriminator="use")]


def make_classifier(choice: Choice, shipped: Path = FOLDER) -> Classifier:
    """The classifier of this choice, which raises ModelUnavailable; a model is never without the rules."""
    model = make_model(choice, shipped)
    return Combined(Rules(), model) if model else Rules()


def make_steadfast(choice: Choice, shipped: Path = FOLDER) -> Classifier:
    """The same for work that nobody watches: where the model is out, the rules go on and say so."""
    model = make_model(choice, shipped)
    return Steadfast(Rules(), model) if model else Rules()


def make_model(choice: Choice, shipped: Path = FOLDER) -> Shipped | Transformer | None:
    """The model of this choice, by itself; None for rules alone. `shipped` is where the shipped one lies."""
    match choice:
        case ShippedChoice():
            return Shipped(shipped)
        case RulesChoice():
            return None
        case TransformerChoice():
            return Transformer(
                model=choice.model, revision=choice.revision, labels=choice.labels, runtime=choice.runtime
            )
