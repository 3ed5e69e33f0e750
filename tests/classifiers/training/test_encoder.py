"""The network: padding changes nothing, and a few grave words count amid many others."""

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from classifiers.shipped import LABELS  # noqa: E402
from classifiers.training.encoder import Encoder  # noqa: E402


@pytest.fixture
def network() -> "Encoder":
    """Very small, with random weights, and with labels that look at some words more than at others."""
    torch.manual_seed(3)
    size = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    made = Encoder(transformers.BertModel(size, add_pooling_layer=False))
    torch.nn.init.normal_(made.look.weight)
    return made.eval()


def logits(network: "Encoder", ids: list[int], padding: int = 0) -> "torch.Tensor":
    mask = torch.tensor([[1] * len(ids) + [0] * padding])
    with torch.inference_mode():
        return network(torch.tensor([[*ids, *[0] * padding]]), mask, torch.zeros_like(mask))


def test_there_is_one_number_for_each_label(network: "Encoder") -> None:
    assert logits(network, [2, 7, 9, 3]).shape == (1, len(LABELS))


def test_padding_changes_nothing(network: "Encoder") -> None:
    assert torch.allclose(logits(network, [2, 7, 9, 3]), logits(network, [2, 7, 9, 3], 12), atol=1e-5)


def test_a_new_network_takes_the_mean_and_holds_every_label_for_rare() -> None:
    new = Encoder(
        transformers.BertModel(
            transformers.BertConfig(
                vocab_size=50,
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=32,
            ),
            add_pooling_layer=False,
        )
    )

    assert not new.look.weight.any()
    assert torch.all(new.last.bias < -3)
