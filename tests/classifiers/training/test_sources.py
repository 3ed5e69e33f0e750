"""The public sets: what each says of a text, what it leaves unsaid, and that each is listed as it was."""

import csv
import gzip
import io
import tomllib
from pathlib import Path

import pytest

from classifiers.training import sources
from classifiers.training.sources import read_public

LISTED = tomllib.loads(Path(sources.__file__).with_name("sources.toml").read_text("utf-8"))
SMALL = {
    "convabuse": {"text": "you are rubbish", "agent": "Hello", "label_majority_abusive": "1"},
    "davidson2017": {"text": "some words", "label": "offensive_language"},
    "edos": {"text": "a fair remark", "label_sexist": "not sexist", "label_category": "none"},
    "goemotions": {"text": "thank you so much", "label": "gratitude,joy"},
    "guest_misogyny": {
        "text": "plain talk",
        "level_1": "Nonmisogynistic",
        "level_2": "None_of_the_categories",
    },
    "hatemojibuild": {"text": "go away or else", "label": "1", "type": "threateninglanguage"},
    "measuring_hate_ken20": {"text": "nice &amp; kind [USER]", "label": "0"},
    "mlma_en": {"text": "a rude word", "label": "offensive"},
    "surge_toxicity": {"text": "get lost", "label": "Toxic"},
    "toxic_spans_types": {
        "text": "calm",
        "maj_not_toxic": "1",
        "maj_insult": "0",
        "maj_identity_based_attack": "0",
        "maj_threat": "0",
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One row of each set, in the shape that it has."""
    for name, row in SMALL.items():
        text = io.StringIO()
        writer = csv.DictWriter(text, list(row))
        writer.writeheader()
        writer.writerow(row)
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
    return tmp_path


def test_what_a_set_does_not_say_stays_unknown(folder: Path) -> None:
    """ "Not sexist" is not "not abusive": such a row teaches nothing rather than something wrong."""
    texts = {example.text for example in read_public(folder, 1)}

    assert texts == {
        "you are rubbish",
        "thank you so much",
        "go away or else",
        "nice & kind @user",
        "get lost",
        "calm",
    }


def test_what_a_set_says_is_carried_over(folder: Path) -> None:
    known = {example.text: example.known for example in read_public(folder, 1)}

    assert known["go away or else"] == {"abuse": True, "abuse.hate": True, "abuse.threat_violence": True}
    assert known["you are rubbish"] == {"abuse": True}
    assert known["thank you so much"]["safeguarding"] is False
    assert "safeguarding" not in known["calm"]


def test_every_set_is_listed_with_origin_commit_licence_and_sum() -> None:
    assert set(LISTED) == set(SMALL)
    for name, said in LISTED.items():
        assert said["origin"].startswith("https://"), name
        assert len(said["commit"]) == 40, name
        assert len(said["sha256"]) == 64, name
        assert said["licence"], name
