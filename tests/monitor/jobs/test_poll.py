"""Polling: where it goes on, what it keeps, how it fails."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import MORNING, Clock, PostOffice, Wall, threat, words

from classifiers.taxonomy import Severity
from classifiers.transformer import ModelUnavailable
from classifiers.verdict import Passage, Verdict
from connectors.connector import Refused, Unavailable
from connectors.post import State
from monitor.alerts import Reason
from monitor.jobs.poll import Polled
from monitor.mentions.folding import loose
from monitor.mentions.register import Register
from monitor.mentions.school import School

CANARY = "zanzibar-marmalade"
MINUTE = timedelta(minutes=1)
DSL = "dsl@harrowbygreen.example"


class Scores:
    """A classifier that finds one sub-category in everything."""

    by = "scores of a test"

    def __init__(self, key: str, score: float = 0.99) -> None:
        self.scores = {key: score}

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """The same for each."""
        return [
            Verdict(abuse=0, safeguarding=0, reputational=0, scores=self.scores, by=self.by, language="en")
            for _ in passages
        ]


class Stumbling(Scores):
    """A classifier that fails on one word, and quotes the post as careless code does."""

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """Fail, or find nothing."""
        for passage in passages:
            if CANARY in passage.text:
                raise ValueError(f"cannot read {passage.text}")
        return super().classify(passages)


class Broken(Scores):
    """A classifier that fails on everything."""

    def __init__(self, fault: Exception) -> None:
        super().__init__("none.x", 0.0)
        self.fault = fault

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """Fail."""
        raise self.fault


class Unsearchable(Register):
    """A register whose automaton fails on one word."""

    def __init__(self, schools: Sequence[School]) -> None:
        super().__init__(schools)
        self.names = Choking(self.names)  # type: ignore[assignment]


class Choking:
    """An automaton that fails on one word."""

    def __init__(self, names: Any) -> None:
        self.names = names
        self.entries = names.entries

    def find(self, letters: str) -> list[tuple[int, int, int]]:
        """Fail, or find."""
        if loose(CANARY) in letters:
            raise ValueError(letters)
        found: list[tuple[int, int, int]] = self.names.find(letters)
        return found


def is_written(folder: Path, text: str) -> bool:
    """Whether these words stand anywhere in the database's files."""
    return any(text.encode() in file.read_bytes() for file in (folder / "data").glob("monitor.db*"))


def test_a_failed_poll_starts_again_where_the_last_good_one_ended(world: Any) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.wall.pin(threat(2))
    world.wall.fault = Unavailable("it does not answer", State.BEHIND)
    world.read()
    world.wall.fault = None

    world.read()

    assert world.wall.asked == [None, "1", "1"]
    assert len(world.alerts) == 2


@pytest.mark.parametrize(
    ("more", "wait", "again"),
    [
        (False, 120 * MINUTE, 120 * MINUTE),
        (True, None, MINUTE),
        (True, 20 * MINUTE, 20 * MINUTE),
        (True, timedelta(seconds=10), MINUTE),
    ],
)
def test_a_source_is_read_on_at_once_but_never_before_it_may_be_asked_again(
    world: Any, *, more: bool, wait: timedelta | None, again: timedelta
) -> None:
    world.wall.more, world.wall.wait = more, wait

    world.read()

    assert world.state().next_due_at - world.clock() == again
    assert world.state().state is (State.BEHIND if more else State.OK)


def test_each_failure_waits_longer_than_the_one_before(world: Any) -> None:
    world.wall.fault = Refused("it does not let us in", State.BLOCKED)
    waits = []
    for _ in range(4):
        world.read()
        waits.append(world.state().next_due_at - world.clock())

    assert waits == [15 * MINUTE, 30 * MINUTE, 60 * MINUTE, 120 * MINUTE]
    assert world.state().state is State.BLOCKED
    assert world.state().reason == "it does not let us in"


def test_when_our_own_network_was_down_sources_are_read_soon_after(world: Any) -> None:
    world.wall.fault = Unavailable("no way out", State.OUR_NETWORK_DOWN)
    for _ in range(9):
        world.read()

    assert world.state().next_due_at - world.clock() == 15 * MINUTE


def test_a_rate_limited_source_holds_its_host(make_world: Callable[..., Any]) -> None:
    two = "sources: [{name: A, platform: feed, url: 'http://127.0.0.1:9/a'}, {name: B, platform: feed, "
    two += "url: 'http://127.0.0.1:9/b'}, {name: C, platform: feed, url: 'http://127.0.0.1:8/c'}]"
    world = make_world(
        **{'sources: [{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}]': two}
    )
    world.walls["A"].fault = Unavailable("slow down", State.RATE_LIMITED, retry_after=40 * MINUTE)
    assert world.app.store.sources.due(world.clock()) == ["A", "B", "C"]

    world.read("A", early=False)

    assert world.app.store.sources.due(world.clock()) == ["C"]
    refused = world.read("B")
    assert isinstance(refused, Polled)
    assert refused.state is State.RATE_LIMITED
    assert "in about 40 min" in refused.reason
    assert world.walls["B"].asked == [], "not even when a person asks"
    world.clock.forward(minutes=41)
    assert world.app.store.sources.due(world.clock()) == ["B", "C", "A"]


def test_one_bad_source_never_stops_the_others(make_world: Callable[..., Any]) -> None:
    two = "sources: [{name: Bad, platform: feed, url: 'http://127.0.0.1:9/a'}, {name: Good, platform: feed, "
    two += "url: 'http://127.0.0.1:9/b'}]"
    world = make_world(
        **{'sources: [{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}]': two},
    )
    world.walls["Bad"].fault = ValueError("nobody foresaw this")
    world.walls["Good"].pin("Harrowby Green won the cup")

    with pytest.raises(ValueError, match="nobody foresaw"):
        world.read("Bad")
    world.read("Good")

    assert world.states() == {"Bad": State.PARSE_ERROR, "Good": State.OK}


def test_an_unforeseen_error_is_noted_at_the_source_without_the_words_of_the_post(
    make_world: Callable[..., Any],
) -> None:
    world = make_world()
    world.wall.pin(threat(1))
    world.wall.fault = ValueError(f"cannot read {CANARY}")

    with pytest.raises(ValueError, match="cannot read"):
        world.read()

    assert world.state().state is State.PARSE_ERROR
    assert world.state().reason.startswith("the monitor itself failed on what this source sent: ValueError")
    assert not is_written(world.folder, CANARY)
    assert world.app.store.sources.claimants() == []
    world.wall.fault = None
    world.read()
    assert len(world.alerts) == 1, "it is read again from where the last good poll ended"


def test_a_post_that_cannot_be_judged_is_for_a_person_to_see_and_stops_no_other(
    make_world: Callable[..., Any],
) -> None:
    world = make_world(classifier=Stumbling("abuse.threat_violence"))
    for number in range(200):
        world.wall.pin(f"Harrowby Green {CANARY}" if number == 100 else threat(number))

    found = world.read()

    assert (found.state, found.mentions) == (State.OK, 200)
    (blind,) = [alert for alert in world.alerts if alert.reason is Reason.UNJUDGED]
    assert (blind.severity, blind.subcategory) == (Severity.MEDIUM, "unread.not_judged")
    assert blind.urls == ("http://127.0.0.1:9/wall/101",)
    assert {alert.reason for alert in world.alerts} == {Reason.THRESHOLD, Reason.UNJUDGED}
    ((_, what, why),) = world.app.store.journal.troubles(MORNING)
    assert what == "judging a post of Wall"
    assert "ValueError" in why
    assert CANARY not in why
    assert world.read().changed == 0, "and the cursor went on"


@pytest.mark.parametrize(
    "fault", [ModelUnavailable("no model"), OSError(28, "No space left on device"), MemoryError()]
)
def test_what_is_the_fault_of_the_machine_is_never_put_on_a_post(
    fault: Exception, make_world: Callable[..., Any]
) -> None:
    world = make_world(classifier=Broken(fault))
    world.wall.pin(threat(1))

    with pytest.raises(type(fault)):
        world.read()

    assert world.alerts == []
    assert world.state().state is State.BEHIND


def test_a_classifier_that_judges_nothing_at_all_makes_no_flood_of_alerts(
    make_world: Callable[..., Any],
) -> None:
    world = make_world(classifier=Broken(ValueError("broken")))
    world.wall.pin(threat(1))

    with pytest.raises(ValueError, match="broken"):
        world.read()

    assert world.alerts == []
    assert world.state().state is State.PARSE_ERROR


def test_a_post_that_cannot_be_searched_for_names_is_judged_for_the_only_school(
    make_world: Callable[..., Any],
) -> None:
    world = make_world()
    world.app = replace(
        world.app, poll=replace(world.app.poll, register=Unsearchable(world.app.config.schools))
    )
    world.wall.pin(threat(1))
    world.wall.pin(f"A calm word, {CANARY}")
    world.wall.pin(f"{threat(2)}, {CANARY}")

    world.read()

    said = [(alert.reason, alert.severity, alert.ambiguous) for alert in world.alerts]
    assert said == [
        (Reason.RULE, Severity.CRITICAL, False),
        (Reason.UNJUDGED, Severity.MEDIUM, True),
        (Reason.RULE, Severity.HIGH, True),
    ]


def test_an_edit_that_drops_the_schools_name_is_judged_all_the_same(world: Any, office: PostOffice) -> None:
    world.wall.pin("Harrowby Green: that teacher hits children, I saw it")
    world.wall.pin("Harrowby Green won the cup")
    world.read()
    world.post_all()
    before = len(office.to(DSL))
    world.wall.pin("I am going to stab everyone there tomorrow at 3pm by the gates", id="wall-1")
    world.wall.pin("I will kill you all there tomorrow with a knife", id="wall-2")
    world.read()
    world.post_all()

    edited, new = world.alerts
    assert (edited.severity, edited.subcategory) == (Severity.CRITICAL, "abuse.threat_violence")
    assert any("An earlier version of this post speaks of it." in why for why in edited.why)
    assert new.severity is Severity.CRITICAL, "also where nothing alerted before"
    assert len(office.to(DSL)) == before + 2


def test_an_edit_that_drops_the_name_and_must_lock_is_locked(world: Any) -> None:
    world.wall.pin("Harrowby Green: that teacher hits children, I saw it")
    world.read()
    world.wall.pin("got nudes of the year 9 girls there, dm me for the pics", id="wall-1")

    world.read()

    (alert,) = world.alerts
    assert alert.media_lock


def test_a_post_about_no_school_leaves_only_a_keyed_hash(world: Any) -> None:
    """BAN-2.3, CLA-SC3."""
    world.wall.pin(
        f"The bus to Grantham was late, said {CANARY}", author=f"author-{CANARY}", title=f"title-{CANARY}"
    )
    world.wall.pin("Harrowby Green won the cup")

    found = world.read()

    assert (found.read, found.changed, found.mentions) == (2, 2, 1)
    assert is_written(world.folder, "won the cup")
    assert not is_written(world.folder, CANARY)
    assert not is_written(world.folder, world.wall.posts[0].id)
    assert world.read().changed == 0, "and it is known again by its hash"


@pytest.mark.parametrize("key", ["none.lawful_criticism", "reputational.campaign"])
def test_criticism_and_campaigns_keep_no_author(key: str, make_world: Callable[..., Any]) -> None:
    world = make_world(classifier=Scores(key))
    world.wall.pin("Harrowby Green should change its new timetable", author=f"author-{CANARY}")

    world.read()

    assert is_written(world.folder, "change its new timetable")
    assert not is_written(world.folder, CANARY)
    assert world.app.store.captures.waiting() == 0, "and no picture is taken"


def test_what_stood_there_before_we_looked_is_no_urgent_matter_but_stands_in_the_digest(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(threat(1), at=MORNING - timedelta(days=8))
    world.wall.pin(threat(2), at=MORNING - timedelta(days=6))
    world.wall.pin(threat(3), at=None)
    world.read()

    assert set(world.post_all()) == {DSL, "head@harrowbygreen.example"}
    urgent = [str(letter["Subject"]) for letter in office.to(DSL)]
    assert len(urgent) == 2
    assert not any("A-1001" in subject for subject in urgent)
    world.app.write.digests()
    world.post_all()
    digest = words(office.to(DSL)[-1])
    assert "when this source was added" in digest.lower() or "found when" in digest.lower()
    assert "A-1001" in digest

    world.clock.forward(days=1)
    world.wall.pin(threat(4), at=MORNING - timedelta(days=30))
    world.read()
    world.post_all()
    assert "A-1004" in str(office.to(DSL)[-1]["Subject"]), "what comes after the first batch is news"


def test_changed_names_read_everything_again_and_raise_nothing_twice(world: Any, office: PostOffice) -> None:
    world.wall.pin(threat(1))
    world.wall.pin("I will wait for Nia with a knife at the gate of Hilltop Academy at 3", at=MORNING)
    world.wall.pin(
        "I will wait for Ida with a knife at the field of Hilltop Academy at 4",
        at=MORNING - timedelta(days=9),
    )
    world.read()
    world.post_all()
    before = len(office.taken)
    assert len(world.alerts) == 1

    world.reconfigure(**{"also: [Harrowby Green]": "also: [Harrowby Green, Hilltop Academy]"})
    world.read()
    world.post_all()

    assert world.wall.asked == [None, None]
    assert [alert.baseline for alert in world.alerts] == [False, False, True]
    assert [letter["To"] for letter in office.letters[before:]].count(DSL) == 1
    assert "A-1002" in str(office.to(DSL)[-1]["Subject"])


def test_names_changed_while_the_worker_was_down_read_everything_again_too(
    make_world: Callable[..., Any],
) -> None:
    wall = Wall()
    first = make_world(walls={"Wall": wall})
    wall.pin("I will wait for Nia with a knife at the gate of Hilltop Academy at 3")
    first.read()

    second = make_world(
        walls={"Wall": wall}, **{"also: [Harrowby Green]": "also: [Harrowby Green, Hilltop Academy]"}
    )
    second.read()

    assert wall.asked == [None, None]
    assert len(second.alerts) == 1


def test_a_source_with_another_address_is_another_source(world: Any) -> None:
    world.wall.pin("Harrowby Green won the cup")
    world.read()
    world.reconfigure(**{"every: 15m": "every: 30m"})
    world.read()
    world.reconfigure(**{"9/feed": "9/other-feed"})
    world.read()

    assert world.wall.asked == [None, "1", None]


def test_a_very_long_feed_is_read_in_bounded_steps_and_its_one_threat_is_found(world: Any) -> None:
    for number in range(3_000):
        world.wall.pin(f"The bus number {number} was late")
    world.wall.pin(threat(1))

    found = world.read()

    assert (found.read, found.mentions) == (3_001, 1)
    assert len(world.alerts) == 1


def test_two_workers_share_the_sources_without_reading_one_twice(make_world: Callable[..., Any]) -> None:
    wall = Wall()
    one, two = make_world(walls={"Wall": wall}), make_world(walls={"Wall": wall})
    wall.pin(threat(1))
    seen_meanwhile: list[Polled | None] = []
    wall.before = lambda: seen_meanwhile.append(two.read()) if len(wall.asked) == 1 else None

    one.read(early=False)

    assert seen_meanwhile == [None]
    assert two.read(early=False) is None, "it is not due any more"
    assert wall.asked == [None]


@pytest.mark.parametrize("hours", [26, -26, 24 * 365, -24 * 365, 2, -2])
def test_when_the_clock_was_wrong_for_a_while_sources_are_read_again_at_once(
    hours: float, make_world: Callable[..., Any]
) -> None:
    world = make_world(clock=Clock())
    world.read(early=False)
    world.clock.forward(hours=hours)
    for name in world.app.store.sources.due(world.clock()):
        world.read(name, early=False)
    world.clock.forward(hours=-hours)
    world.clock.forward(minutes=17)

    assert world.app.store.sources.due(world.clock()) == ["Wall"]
    assert world.read(early=False) is not None
    assert world.app.store.sources.due(world.clock()) == []


def test_a_claim_made_by_a_wrong_clock_does_not_block_for_ever(make_world: Callable[..., Any]) -> None:
    world = make_world(clock=Clock())
    ahead = world.clock() + timedelta(days=1)
    assert world.app.store.sources.claim("Wall", "gone/1/x", ahead, ahead + 10 * MINUTE) is not None

    assert world.read(early=False) is not None
