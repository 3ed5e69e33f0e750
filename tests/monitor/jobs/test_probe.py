"""While the model is out the rules go on, people hear of it, and what only they judged is judged again."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import PostOffice, threat, words, write_config
from tiny_models import save_onnx_model, save_shipped_model

from classifiers.registry import ShippedChoice
from classifiers.transformer import ModelUnavailable
from monitor.app import build, rebuild
from monitor.config.loading import load

DSL = "dsl@harrowbygreen.example"
ADMIN = "it@harrowbygreen.example"
LABELS = "{THREAT: abuse.threat_violence, WORRY: safeguarding.self_harm_suicide, MOAN: reputational}"
MODEL = f"classifier: {{use: transformer, model: ./tiny, labels: {LABELS}}}\n"
UNSAID = "Harrowby Green leaves me hopeless"
"""What only the model sees."""


@pytest.fixture
def world(make_world: Callable[..., Any], office: PostOffice) -> Any:
    """A world whose model has not been put into its folder yet."""
    return make_world(MODEL, office=office)


def judged_by(folder: Path) -> set[str]:
    """Who judged the mentions, as the database has it."""
    with closing(sqlite3.connect(folder / "data" / "monitor.db")) as connection:
        return {by for (by,) in connection.execute("select json_extract(verdict, '$.by') from mentions")}


def test_rules_alert_while_the_model_is_out_and_the_record_says_so(world: Any) -> None:
    world.wall.pin(threat(1))
    world.wall.pin(UNSAID)

    world.read()

    (alert,) = world.alerts
    assert alert.by.startswith("rules ")
    assert alert.by.endswith("; the model is out")
    assert judged_by(world.folder) == {alert.by}
    outage = world.app.store.journal.outage()
    assert outage.since == world.clock()
    assert f"There is no folder {world.folder / 'tiny'}." in outage.reason


def test_when_the_model_is_back_what_only_rules_judged_is_judged_again(world: Any) -> None:
    world.wall.pin(threat(1))
    world.wall.pin(UNSAID)
    world.read()
    (before,) = world.alerts
    save_onnx_model(world.folder / "tiny")
    world.clock.forward(hours=5)

    assert world.app.try_model() == ""
    assert world.app.store.journal.outage() is None
    assert world.read(early=False) is not None, "it is due at once"

    known, new = world.alerts
    assert (known.number, known.judgements) == (before.number, 1), "nobody hears twice"
    assert (new.subcategory, new.baseline) == ("safeguarding.self_harm_suicide", False)
    assert new.by.startswith("tiny@")
    assert world.read().changed == 0


def test_since_when_it_is_out_stays_the_same_and_being_well_says_nothing(world: Any) -> None:
    world.app.try_model()
    first = world.app.store.journal.outage()
    world.clock.forward(hours=30)
    world.app.try_model()
    assert world.app.store.journal.outage() == first

    save_onnx_model(world.folder / "tiny")
    world.app.try_model()
    world.app.try_model()
    world.read()
    assert world.app.store.journal.outage() is None
    world.read()
    assert world.wall.asked == [None, "0"], "and nothing is read again for nothing"


def test_each_digest_says_since_when_the_model_is_out_and_then_nothing_more(
    world: Any, office: PostOffice
) -> None:
    world.read()
    world.app.try_model()
    world.clock.forward(hours=2)
    world.read()
    world.app.write.digests()
    world.post_all()

    letter = office.to(DSL)[-1]
    assert str(letter["Subject"]).startswith("COVERAGE GAP - ")
    assert "The model has been out since Fri 20 Nov 2026 09:00 GMT" in words(letter)
    assert "Who judges: The rules alone, while the model is out." in words(letter)

    save_onnx_model(world.folder / "tiny")
    world.app.try_model()
    world.clock.forward(days=1)
    world.read()
    world.app.write.digests()
    world.post_all()
    letter = office.to(DSL)[-1]
    assert "COVERAGE GAP" not in str(letter["Subject"])
    assert "the model is out" not in words(letter)


def test_administrators_hear_of_the_same_cause_once_a_day(world: Any, office: PostOffice) -> None:
    for _ in range(3):
        world.app.try_model()
        world.clock.forward(minutes=5)
    world.post_all()

    (letter,) = office.to(ADMIN)
    assert "the model is out" in str(letter["Subject"])
    assert "There is no folder" in words(letter)
    world.clock.forward(days=1)
    world.app.try_model()
    world.post_all()
    assert len(office.to(ADMIN)) == 2


def test_a_worker_that_starts_after_the_repair_finds_the_model_back_at_once(
    world: Any, make_world: Callable[..., Any], office: PostOffice
) -> None:
    world.app.try_model()
    save_onnx_model(world.folder / "tiny")

    again = make_world(MODEL, office=office)

    assert again.app.store.journal.outage() is None


def test_other_settings_can_be_changed_while_the_model_is_out_but_no_other_broken_model_named(
    world: Any,
) -> None:
    world.app.try_model()
    world.reconfigure(MODEL, **{"every: 15m": "every: 30m"})
    assert world.app.poll.sources["Wall"].every.total_seconds() == 1800

    other = load(write_config(world.folder, MODEL.replace("./tiny", "./nowhere")), {})
    with pytest.raises(ModelUnavailable, match="nowhere"):
        rebuild(world.app, other)


def test_whoever_goes_back_to_the_rules_hears_no_more_of_the_model(world: Any) -> None:
    world.app.try_model()
    world.reconfigure("classifier: {use: rules}\n")

    assert world.app.try_model() == ""
    assert world.app.store.journal.outage() is None


def test_the_shipped_model_is_found_damaged_without_being_loaded(tmp_path: Path) -> None:
    config = load(write_config(tmp_path), {}).model_copy(update={"classifier": ShippedChoice()})
    (tmp_path / "model").mkdir()
    shipped = save_shipped_model(tmp_path / "model")
    app = build(config, shipped=shipped)
    assert (app.model_amiss(), app.probe.glance()) == ("", "")
    app.close()

    (shipped / "tokenizer.json").write_text("{}")
    app = build(config, shipped=shipped)
    assert f"{shipped / 'tokenizer.json'} (2 bytes) does not match SHA256SUMS" in app.model_amiss()
    assert app.probe.glance() == app.model_amiss()
    assert replace(app, model=None).model_amiss() == ""
    app.close()
