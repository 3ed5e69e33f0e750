"""Showing one alert: which words weighed most is worked out when the page is made, and kept nowhere."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tiny_models import save_onnx_model

from classifiers.combined import Combined
from classifiers.rules import Rules
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Classifier, Passage, Verdict
from monitor.jobs.show import Show
from monitor.store.tables import metadata

LABELS = {"THREAT": "abuse.threat_violence", "WORRY": "safeguarding.nudes_semi_nudes", "MOAN": "reputational"}
SAID = "hello school calm knife at Harrowby Green Primary School"
BY_RULE = "I am going to kill you at Harrowby Green Primary School tomorrow"


class Failing:
    """A model that fails over every text, and quotes it as careless code does."""

    by = "failing"

    def __init__(self, fault: type[Exception]) -> None:
        self.fault = fault

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        raise self.fault(passages[0].text if self.fault is ValueError else "The model is out.")


class Never:
    """A model that must not be asked."""

    by = "never"

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        raise AssertionError(f"asked about {len(passages)} texts")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    folder = save_onnx_model(tmp_path_factory.mktemp("models") / "tiny")
    return Transformer(model=str(folder), revision="v1", labels=LABELS, runtime="onnx")


@pytest.fixture
def judged(make_world: Callable[..., Any], tiny: Transformer) -> Callable[[str], Any]:
    """A world whose wall has this post, read and judged by rules and model."""

    def make(said: str) -> Any:
        world = make_world(classifier=Combined(Rules(), tiny))
        world.wall.pin(said)
        world.read()
        return world

    return make


def shown(world: Any, model: Classifier | None) -> tuple[str, str]:
    """The only alert as a page and in a terminal, by this model."""
    app = world.app
    show = Show(store=app.store, manner=app.write.manner, evidence=Path(), now=app.now, model=model)
    [alert] = world.alerts
    return show.page(alert), show.words(alert)


def everything(world: Any) -> list[list[Any]]:
    """Every row of the database."""
    with world.app.store._database.reading() as connection:
        return [list(connection.execute(table.select())) for table in metadata.sorted_tables]


def test_the_words_that_weighed_most_are_shown_beside_the_score(
    judged: Callable[[str], Any], tiny: Transformer
) -> None:
    page, words = shown(judged(SAID), tiny)

    assert "scored 1.00, alerts at 0." in page
    assert "&ldquo;knife&rdquo;" in page
    assert 'without "knife"' in words
    assert "tiny@v1" in page


def test_what_weighed_is_kept_nowhere(
    judged: Callable[[str], Any], tiny: Transformer, tmp_path: Path
) -> None:
    world = judged(SAID)
    before = everything(world)

    shown(world, tiny)

    assert everything(world) == before


def test_a_rule_has_no_score_and_the_model_is_asked_what_it_thinks_by_itself(
    judged: Callable[[str], Any], tiny: Transformer
) -> None:
    page, words = shown(judged(BY_RULE), tiny)

    assert "(rule " in page
    for made in (page, words):
        assert "scored 0.0" in made
        assert "it was the rule that alerted" in made
        assert "1.00" not in made


def test_rules_alone_have_nothing_to_weigh(judged: Callable[[str], Any]) -> None:
    page, _ = shown(judged(BY_RULE), None)

    assert "Which words weighed most" not in page


def test_of_a_locked_alert_the_model_is_not_asked(judged: Callable[[str], Any]) -> None:
    world = judged("hopeless at Harrowby Green Primary School")
    assert world.alerts[0].media_lock

    page, words = shown(world, Never())

    assert "Which words weighed most" not in page + words


def test_of_a_text_that_is_no_longer_kept_the_model_is_not_asked(judged: Callable[[str], Any]) -> None:
    world = judged(SAID)
    with world.app.store._database.writing() as connection:
        connection.execute(text("update revisions set text = null, title = null"))

    page, words = shown(world, Never())

    assert "The text is no longer kept." in page
    assert "Which words weighed most" not in page + words


@pytest.mark.parametrize("fault", [ModelUnavailable, ValueError])
def test_a_model_that_is_out_costs_the_explanation_and_not_the_page(
    judged: Callable[[str], Any], fault: type[Exception]
) -> None:
    page, words = shown(judged(SAID), Failing(fault))

    said = "The model is out." if fault is ModelUnavailable else "ValueError"
    for made in (page, words):
        assert f"Which words weighed most cannot be shown: {said}" in made
    assert page.count("calm knife") == 1, "the words of an error may quote a post"
    assert "What to do first" in page


def test_a_whole_head_is_explained_where_no_kind_of_it_reached_its_score(
    make_world: Callable[..., Any], tiny: Transformer
) -> None:
    world = make_world(classifier=Combined(Rules(), Unsure(tiny)))
    world.wall.pin("rubbish hello at Harrowby Green Primary School")
    world.read()

    page, _ = shown(world, Unsure(tiny))

    assert "Reputational as a whole" in page
    assert "&ldquo;rubbish&rdquo;" in page


class Unsure:
    """A model that is sure of a head and of none of its kinds."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.by = model.by

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        return [
            Verdict(
                abuse=0.0,
                safeguarding=0.0,
                reputational=verdict.reputational,
                scores={"reputational.complaint": 0.1},
                by=self.by,
            )
            for verdict in self.model.classify(passages)
        ]
