"""A source that is scored for some heads only: nothing of the others reaches anybody, or is kept."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest
from fakes import PostOffice, threat
from sqlalchemy import select

from classifiers.rules import Rules
from classifiers.verdict import Classifier, Passage, Verdict
from monitor.store.tables import alerts, judgements, mentions

LIMITED = "every: 15m, scores: [abuse, reputational]}]"
TWO = LIMITED[:-1] + ', {name: Open, platform: feed, url: "http://127.0.0.1:9/open"}]'
GRAVE = "My friend from Harrowby Green has just messaged that she wants to end her life tonight."
BOTH = f"{threat(1)}. {GRAVE}"
POLISH = (
    "Mój syn nie chce już chodzić do Harrowby Green Primary School, codziennie wraca do domu z płaczem "
    "i boi się starszych chłopców"
)
TELLING = ("self_harm", "Self-harm", "suicide")
"""Words that only a finding of that head brings; the texts above hold none of them."""

pytestmark = pytest.mark.usefixtures("office")


@pytest.fixture
def limited(make_world: Callable[..., Any], office: PostOffice) -> Any:
    """A wall that is scored for abuse and reputation."""
    return make_world(office=office, **{"every: 15m}]": LIMITED})


def kept(world: Any) -> str:
    """All that the store says of mentions, alerts and judgements, as one text."""
    with world.app.store.alerts._database.reading() as connection:
        return "\n".join(
            str(row._asdict())
            for table in (mentions, alerts, judgements)
            for row in connection.execute(select(table))
        )


def told(world: Any, office: PostOffice) -> str:
    """All that people are told: urgent mail, the digest, and what the commands print as JSON."""
    world.post_all()
    for person in world.app.write.people:
        world.app.write.digest_now(person)
    world.post_all()
    letters = [
        part.get_content()
        for letter in office.letters
        for part in letter.walk()
        if part.get_content_maintype() == "text"
    ]
    printed = [json.dumps(asdict(alert), default=str) for alert in world.alerts]
    return "\n".join([*map(str, letters), *printed])


def test_nothing_of_the_other_head_is_kept_or_told(limited: Any, office: PostOffice) -> None:
    limited.wall.pin(BOTH)

    limited.read()

    (alert,) = limited.alerts
    assert alert.subcategories == ("abuse.threat_violence",)
    everything = kept(limited) + told(limited, office)
    assert "abuse.threat_violence" in everything
    assert "'safeguarding': 0.0" in everything
    assert "'safeguarding." not in everything
    for word in TELLING:
        assert word not in everything, word


def test_the_same_words_elsewhere_are_scored_for_all_heads(
    make_world: Callable[..., Any], office: PostOffice
) -> None:
    """What the test above looks for would be there."""
    world = make_world(office=office)
    world.wall.pin(BOTH)

    world.read()

    everything = kept(world) + told(world, office)
    assert "safeguarding.self_harm_suicide" in world.alerts[0].subcategories
    for word in ("'safeguarding.", *TELLING):
        assert word in everything, word


def test_what_only_the_other_head_would_say_is_counted_and_the_digest_says_what_is_not_heard(
    limited: Any, office: PostOffice
) -> None:
    limited.wall.pin(GRAVE)

    limited.read()

    assert limited.alerts == []
    assert limited.state().mentions == 1
    everything = kept(limited) + told(limited, office)
    assert "What 'Wall' brings is not scored for safeguarding" in " ".join(everything.split())
    for word in ("'safeguarding.", *TELLING, "'media_lock': True"):
        assert word not in everything, word


def test_an_edit_that_brings_the_other_head_changes_nothing(limited: Any) -> None:
    limited.wall.pin(threat(1))
    limited.read()
    limited.wall.pin(BOTH, id="wall-1")

    limited.read()

    (alert,) = limited.alerts
    assert (alert.judgements, alert.subcategories) == (2, ("abuse.threat_violence",))
    assert "'safeguarding." not in kept(limited)


@pytest.mark.parametrize("order", [("Wall", "Open"), ("Open", "Wall")], ids=" then ".join)
def test_its_posts_never_stand_under_an_alert_of_another_source(
    order: tuple[str, str], make_world: Callable[..., Any], office: PostOffice
) -> None:
    world = make_world(office=office, **{"every: 15m}]": TWO})
    long = f"{BOTH} " + " ".join(f"and so it went on for {number} minutes" for number in range(12))
    for name, wall in world.walls.items():
        wall.pin(long, author=f"{name}-writer")

    for name in order:
        world.read(name)

    by_source = {alert.source: alert for alert in world.alerts}
    assert set(by_source) == {"Wall", "Open"}
    assert by_source["Wall"].subcategories == ("abuse.threat_violence",)
    assert all(len(alert.urls) == 1 for alert in world.alerts)


def test_media_stay_locked_where_an_alert_is_made(limited: Any) -> None:
    """No picture is fetched, whatever may be scored; what the lock came of is not kept."""
    limited.wall.pin(f"{threat(1)}. They are sharing nudes of a year 8 girl.")

    limited.read()

    (alert,) = limited.alerts
    assert alert.media_lock
    assert "'safeguarding." not in kept(limited)


@dataclass(frozen=True)
class Choking:
    """A classifier that fails on one word."""

    judges: Classifier

    @property
    def by(self) -> str:
        """Who judges the rest."""
        return self.judges.by

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """Fail, or judge."""
        if any("zanzibar" in passage.text for passage in passages):
            raise ValueError("it cannot be read")
        return self.judges.classify(passages)


def test_an_alert_of_what_nobody_could_read_or_judge_names_no_head(limited: Any, office: PostOffice) -> None:
    limited.app = replace(limited.app, poll=replace(limited.app.poll, classifier=Choking(Rules())))
    limited.wall.pin(POLISH)
    limited.wall.pin("Harrowby Green zanzibar")

    limited.read()

    assert [alert.subcategories for alert in limited.alerts] == [("unread.language",), ("unread.not_judged",)]
    everything = kept(limited) + told(limited, office)
    for kind in ("Unread: written in a language that is not read here", "Unread: could not be judged here"):
        assert kind in everything
    assert not re.search(r"safeguarding\.\w|Safeguarding:", everything)
