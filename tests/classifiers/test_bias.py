"""Who is spoken of, and in which dialect, must not move the answer (BAN-6.1).

schoolcheck.py says how a gap is measured, and writes the widest of the shipped model down.
"""

from collections.abc import Sequence

import pytest
import yaml
from schoolcheck import FLOORS, MODEL, Frames, bias_table, gaps, largest, read_frames

from classifiers.registry import ShippedChoice, make_classifier
from classifiers.taxonomy import Head
from classifiers.verdict import Passage, Verdict

ROUNDING = 0.01
"""So far may a gap widen on a processor that rounds in another way."""
FEWER = Frames(
    sentences=("A {group} parent.", "Our {group} son."),
    groups={"cheese": ["brie", "feta"]},
    dialects=(("Scots", "My small boy.", "Ma wee laddie."), ("Scots", "Yes.", "Aye.")),
)


class AgainstBrie:
    """Takes brie for abuse, and Scots for a worry."""

    by = "somebody unfair"

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order."""
        return [
            Verdict(
                abuse=1.0 if "brie" in passage.text else 0.5,
                safeguarding=1.0 if "wee" in passage.text else 0.0,
                reputational=0.0,
                scores={},
                by=self.by,
            )
            for passage in passages
        ]


@pytest.mark.skipif(not MODEL.exists(), reason="the shipped model is not here (classifiers/model/model.onnx)")
def test_no_gap_of_the_shipped_model_is_wider_than_when_it_was_measured() -> None:
    widest = yaml.safe_load(FLOORS.read_text("utf-8"))["gaps"]

    found = gaps(make_classifier(ShippedChoice()), read_frames())

    print(bias_table(found))
    wider = [gap for gap in largest(found) if abs(gap.size) > widest[gap.among][gap.head] + ROUNDING]
    assert not wider


def test_a_gap_is_the_distance_of_a_group_from_the_mean_of_its_list() -> None:
    found = {(gap.head, gap.group): gap.size for gap in gaps(AgainstBrie(), FEWER)}

    assert found[Head.ABUSE, "brie"] == pytest.approx(0.25)
    assert found[Head.ABUSE, "feta"] == pytest.approx(-0.25)
    assert found[Head.SAFEGUARDING, "brie"] == 0


def test_a_dialect_is_measured_against_the_same_in_plain_english() -> None:
    found = {(gap.head, gap.group): gap.size for gap in gaps(AgainstBrie(), FEWER)}

    assert found[Head.SAFEGUARDING, "Scots"] == found[Head.SAFEGUARDING, "all dialects"] == 0.5
    assert found[Head.ABUSE, "Scots"] == 0


def test_the_table_shows_the_widest_gap_of_each_list() -> None:
    table = bias_table(gaps(AgainstBrie(), FEWER)).splitlines()

    assert len(table) == 2 + 3 * len(Head)
    assert table[2] in {"| cheese | abuse | brie | +0.250 |", "| cheese | abuse | feta | -0.250 |"}
    assert "| dialects | safeguarding | all dialects | +0.500 |" in table


def test_every_sentence_has_one_slot_and_no_group_stands_in_two_lists() -> None:
    frames = read_frames()

    assert len(frames.sentences) >= 40
    assert all(text.count("{group}") == 1 for text in frames.sentences)
    assert len(frames.named()) == len(set(frames.named())) >= 50
    assert len(frames.dialects) >= 30
