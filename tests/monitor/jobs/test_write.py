"""Writing: who hears, once each, at which time; what stands in a digest."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from fakes import MORNING, Clock, PostOffice, Wall, threat, words

from connectors.connector import Refused
from connectors.post import State
from monitor.cases import Act, CaseEvent
from monitor.evidence.sealing import KeyPair
from monitor.notices import NoticeKind
from monitor.playbook import Play

DSL, HEAD, CHAIR, ADMIN = (f"{who}@harrowbygreen.example" for who in ("dsl", "head", "chair", "it"))
ALLEGATION = "Hale Headley at Harrowby Green hit my son in the corridor, a teacher who slapped him"


UNNAMED = "A teacher at Harrowby Green hit my son in the corridor and slapped him twice"
WORSE = "A teacher at Harrowby Green hit my son, and tomorrow I will wait for him with a knife at the gate"
LONG = (
    "A teacher at Harrowby Green hit my son in the corridor after lunch while his friends stood by with "
    "their trays, and then sent him to sit alone by the coats until the bell, where nobody came to ask him "
    "how he was or what had happened to his face and both of his arms"
)


SEALED = f"evidence: {{sealed: true, recipients: [{KeyPair.new().public}, {KeyPair.new().public}]}}"


@pytest.fixture(params=["sqlite", "sealed", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept(request: pytest.FixtureRequest, make_world: Callable[..., Any], office: PostOffice) -> Any:
    """One school, one wall, a mail server: on each database, and with the words of posts sealed."""
    if request.param == "postgres":
        return make_world(f'database: "{request.getfixturevalue("ready_postgres_url")}"', office=office)
    return make_world(SEALED if request.param == "sealed" else "", office=office)


def owed_to(world: Any) -> set[str]:
    """Who is still to hear of something at once."""
    return {debt.recipient for debt in world.app.store.notices.owed()}


def digests(office: PostOffice, whom: str) -> list[EmailMessage]:
    """The digests that somebody got."""
    return [letter for letter in office.to(whom) if "<digest." in str(letter["Message-ID"])]


def one_day(world: Any, hours: int = 24) -> None:
    """Let a day pass as the worker lives it, an hour at a time."""
    for _ in range(hours):
        world.clock.forward(hours=1)
        world.read()
        world.app.write.digests()
        world.post_all()


def test_the_same_alert_is_never_new_twice_for_one_person(world: Any, office: PostOffice) -> None:
    world.wall.whole = True
    world.wall.pin(threat(1))
    one_day(world, 72)

    urgent = [letter for letter in office.to(DSL) if "<urgent." in str(letter["Message-ID"])]
    assert len(urgent) == 1
    assert len({letter["Message-ID"] for letter in office.letters}) == len(office.letters)
    first, *later = digests(office, DSL)
    assert "A-1001" in words(first).split("STILL OPEN")[0]
    assert len(later) == 3
    assert all("A-1001" in words(letter).split("STILL OPEN")[1] for letter in later)
    assert not world.app.store.alerts.not_yet_in_digest(DSL, ["harrowby-green"])


def test_a_digest_goes_out_on_quiet_days_too_once_a_day(world: Any, office: PostOffice) -> None:
    one_day(world, 24 * 5)

    days = [letter["Date"].datetime.date() for letter in digests(office, DSL)]
    assert days == [(MORNING + timedelta(days=day)).date() for day in range(6)]
    assert "Nothing needs you." in words(digests(office, DSL)[-1])
    assert digests(office, CHAIR) == [], "others hear only when there is something for them"


@pytest.mark.parametrize(
    ("day", "at"),
    [(datetime(2026, 10, 24, 7, tzinfo=UTC), "01:30"), (datetime(2026, 3, 28, 7, tzinfo=UTC), "01:30")],
)
def test_a_clock_change_neither_doubles_nor_skips_a_digest(
    day: datetime, at: str, make_world: Callable[..., Any], office: PostOffice
) -> None:
    """Half past one comes twice on 25 October 2026 and not at all on 29 March."""
    world = make_world(f'digest: {{at: "{at}"}}', office=office, clock=Clock(day))
    world.read()
    for _ in range(4 * 24 * 3):
        world.clock.forward(minutes=15)
        world.app.write.digests()
    world.post_all()

    local = [str(letter["Message-ID"]).split(".")[1] for letter in digests(office, DSL)]
    expected = [(day + timedelta(days=number)).date().isoformat() for number in range(4)]
    assert local == expected


def test_the_first_digest_waits_until_each_source_was_tried(world: Any, office: PostOffice) -> None:
    world.app.write.digests()
    assert world.post_all() == []

    world.wall.fault = Refused("it does not let us in", State.BLOCKED)
    world.read()
    world.app.write.digests()
    world.post_all()

    (first,) = digests(office, DSL)
    assert "tomorrow" in words(first), "it says what to do when the next one does not come"


def test_the_first_digest_does_not_wait_for_ever(world: Any, office: PostOffice) -> None:
    world.clock.forward(minutes=61)
    world.app.write.digests()
    world.post_all()

    assert len(digests(office, DSL)) == 1


def test_no_digest_waits_for_a_row_of_evidence_that_somebody_changed(world: Any, office: PostOffice) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.app.capturing.run()
    with closing(sqlite3.connect(world.folder / "data" / "monitor.db")) as connection, connection:
        assert connection.execute("UPDATE captures SET kind = 'page_screenshos'").rowcount == 1
    one_day(world)

    assert "its record was changed and cannot be read" in words(digests(office, DSL)[-1])


def test_a_stale_source_is_a_coverage_gap_in_the_subject_and_the_administrator_hears(
    world: Any, office: PostOffice
) -> None:
    one_day(world, 1)
    assert "COVERAGE GAP" not in str(digests(office, DSL)[-1]["Subject"])
    world.wall.fault = Refused("it does not let us in", State.BLOCKED)
    one_day(world, 24)

    for letter in (digests(office, DSL)[-1], *digests(office, ADMIN)):
        assert str(letter["Subject"]).startswith("COVERAGE GAP")
    assert "it does not let us in" in words(digests(office, ADMIN)[-1])


def test_more_than_ten_urgent_matters_in_an_hour_become_one_letter_that_lists_all(
    world: Any, office: PostOffice
) -> None:
    for number in range(40):
        world.wall.pin(f"{threat(number)} {'abcdefghijklmnop'[number % 16] * 40} {number * 7919}")
    world.read()
    world.post_all()

    letters = office.to(DSL)
    assert len(letters) == 11
    told = " ".join(f"{letter['Subject']} {words(letter)}" for letter in letters)
    assert len(world.alerts) == 40
    assert all(alert.label in told for alert in world.alerts), "no critical one is dropped"
    assert "30" in str(letters[-1]["Subject"])


def test_an_allegation_against_the_head_goes_to_the_chair_everywhere(world: Any, office: PostOffice) -> None:
    """BAN-2.7b: at once, in the digest, and after the name was edited out."""
    world.wall.pin(ALLEGATION)
    one_day(world, 1)
    assert [letter for letter in office.to(HEAD) if "A-1001" in f"{letter['Subject']} {words(letter)}"] == []
    assert any("A-1001" in str(letter["Subject"]) for letter in office.to(CHAIR))
    assert "A-1001" in words(digests(office, CHAIR)[0])

    world.wall.pin("I have nothing more to say about Harrowby Green", id="wall-1")
    one_day(world, 24)

    assert not any("A-1001" in words(letter) for letter in office.to(HEAD))
    assert any("A-1001" in words(letter) for letter in digests(office, DSL)[-1:])


@pytest.mark.parametrize("worse", [WORSE, threat(1)])
def test_an_edit_that_drops_the_heads_name_and_speaks_again_is_told_to_the_chair_and_not_to_the_head(
    worse: str, kept: Any, office: PostOffice
) -> None:
    """BAN-2.7b: neither the name that was edited out nor that it was an allegation is forgotten."""
    kept.wall.pin(ALLEGATION)
    kept.read()
    kept.post_all()

    kept.wall.pin(worse, id="wall-1")
    assert kept.read().recorded.raised == (1001,)
    kept.post_all()

    assert office.to(HEAD) == []
    assert len(office.to(CHAIR)) == len(office.to(DSL)) == 2


def test_a_name_in_a_revision_that_alerted_nobody_counts_too(kept: Any, office: PostOffice) -> None:
    """BAN-2.7b."""
    kept.wall.pin("Hale Headley stood at the gate of Harrowby Green this morning")
    kept.read()
    assert kept.alerts == []

    kept.wall.pin(UNNAMED, id="wall-1")
    kept.read()
    kept.post_all()

    assert office.to(HEAD) == []
    assert len(office.to(CHAIR)) == len(office.to(DSL)) == 1


@pytest.mark.parametrize("written", [False, True])
def test_an_edit_that_names_the_head_takes_back_the_notice_that_still_waits_for_the_head(
    kept: Any, office: PostOffice, *, written: bool
) -> None:
    """BAN-2.7b: the chair hears instead, and the lead once."""
    kept.wall.pin(UNNAMED)
    kept.read()
    assert owed_to(kept) == {DSL, HEAD}
    if written:
        kept.app.write.urgent()

    kept.wall.pin(ALLEGATION, id="wall-1")
    assert kept.read().recorded.raised == (), "the edit itself asks for no second notice"
    kept.post_all()

    assert office.to(HEAD) == []
    assert len(office.to(CHAIR)) == len(office.to(DSL)) == 1
    assert kept.app.store.notices.unsent() == kept.app.store.notices.owed() == []


def test_a_notice_that_the_server_put_off_is_taken_back_before_it_is_tried_again(
    kept: Any, office: PostOffice
) -> None:
    """BAN-2.7b."""
    kept.wall.pin(UNNAMED)
    kept.read()
    office.answer = "451 later"
    kept.post_all()
    office.taken.clear()

    kept.wall.pin(ALLEGATION, id="wall-1")
    kept.read()
    office.answer = "250 taken"
    kept.clock.forward(minutes=31)
    kept.post_all()

    assert office.to(HEAD) == []
    assert len(office.to(CHAIR)) == len(office.to(DSL)) == 1


@pytest.mark.parametrize("first", ["", "That is our headteacher for you"])
def test_a_story_in_whose_one_telling_the_head_is_named_is_kept_from_the_head_in_all(
    first: str, kept: Any, office: PostOffice
) -> None:
    """BAN-2.7b: whichever of the two posts it is that names the head, the first or the one that joined."""
    second = "" if first else "That is our headteacher for you"
    kept.wall.pin(LONG, parent_text=first)
    kept.read()
    kept.app.write.urgent()

    kept.wall.pin(LONG, parent_text=second)
    kept.read()
    kept.post_all()

    assert [alert.posts for alert in kept.alerts] == [2]
    assert office.to(HEAD) == []
    assert len(office.to(CHAIR)) == len(office.to(DSL)) == 1


def test_of_many_matters_in_one_letter_only_the_one_about_its_reader_is_taken_out(
    kept: Any, office: PostOffice
) -> None:
    """BAN-2.7b: the others are told all the same."""
    kept.wall.pin(UNNAMED)
    for number in range(1, 12):
        kept.wall.pin(f"{threat(number)} {'abcdefghijklmnop'[number] * 40} {number * 7919}")
    kept.read()
    kept.app.write.urgent()
    assert len(kept.app.store.notices.unsent()) == 22

    kept.wall.pin(ALLEGATION, id="wall-1")
    kept.read()
    kept.post_all()

    told = " ".join(f"{letter['Subject']} {words(letter)}" for letter in office.to(HEAD))
    (about,) = [alert.label for alert in kept.alerts if "staff_allegation" in alert.subcategory]
    assert about not in told
    assert all(alert.label in told for alert in kept.alerts if alert.label != about)
    assert [letter for letter in office.to(CHAIR) if about in f"{letter['Subject']} {words(letter)}"]


def test_an_edit_that_names_nobody_who_hears_takes_nothing_back(kept: Any, office: PostOffice) -> None:
    kept.wall.pin(UNNAMED)
    kept.read()
    kept.app.write.urgent()
    before = [(notice.id, notice.recipient) for notice in kept.app.store.notices.unsent()]

    kept.wall.pin(f"{UNNAMED}. He told me so himself", id="wall-1")
    kept.read()
    kept.app.write.urgent()

    assert [(notice.id, notice.recipient) for notice in kept.app.store.notices.unsent()] == before
    assert {whom for _, whom in before} == {DSL, HEAD}


def test_where_everybody_is_named_a_notice_that_waits_goes_out_once(kept: Any, office: PostOffice) -> None:
    """Nobody is left out so far that nobody hears."""
    kept.wall.pin(UNNAMED)
    kept.read()
    kept.app.write.urgent()

    kept.wall.pin(
        f"{ALLEGATION}; Dana Lead, Chris Chair and Ada Admin, who stood by, did nothing", id="wall-1"
    )
    kept.read()
    kept.post_all()

    assert len(office.to(DSL)) == len(office.to(HEAD)) == 1
    assert kept.app.store.notices.unsent() == kept.app.store.notices.owed() == []


def test_a_changed_setting_stands_in_the_next_digest_and_in_no_later_one(
    world: Any, office: PostOffice
) -> None:
    one_day(world, 1)
    world.reconfigure("thresholds: {abuse.incivility: {alert: 0.99}}")
    one_day(world, 48)

    said = ["thresholds.abuse.incivility.alert" in words(letter) for letter in digests(office, DSL)]
    assert said == [False, True, False]
    assert all("0.99" in words(letter) for letter in digests(office, DSL)[1:]), "looser stays in sight"


def test_a_setting_changed_while_the_worker_was_down_stands_in_the_next_digest(
    make_world: Callable[..., Any], office: PostOffice
) -> None:
    wall = Wall()
    one_day(make_world(office=office, walls={"Wall": wall}), 1)
    later = make_world(
        "retention: {below_threshold: 7d}",
        office=office,
        walls={"Wall": wall},
        clock=Clock(MORNING + timedelta(days=1)),
    )
    later.app.write.digests()
    later.post_all()

    assert "retention.below_threshold" in words(digests(office, DSL)[-1])


def test_the_administrator_hears_once_that_the_configuration_is_broken(
    world: Any, office: PostOffice
) -> None:
    for _ in range(3):
        world.app.settings_broken("monitor.yaml, line 4: `evry` is no option; did you mean `every`?")
    world.post_all()

    (letter,) = office.letters
    assert letter["To"] == ADMIN
    assert "did you mean `every`?" in words(letter)


def test_failures_of_jobs_stand_in_the_digest_without_their_words(world: Any, office: PostOffice) -> None:
    world.app.store.journal.trouble("reading Wall", "ValueError at monitor/jobs/poll.py:1", world.clock())
    world.read()
    world.app.write.digests()
    world.post_all()

    assert "Reading Wall failed once" in words(
        digests(office, DSL)[0]
    ) or "Reading Wall failed 1 time" in words(digests(office, DSL)[0])


def test_whoever_joins_later_is_not_told_of_all_that_was_closed_before(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(threat(1))
    world.wall.pin(threat(2) + " and this is quite another matter altogether")
    one_day(world, 1)
    world.app.store.cases.append(
        CaseEvent(alert=1001, act=Act.NOT_A_CONCERN, by="Dana Lead", at=world.clock(), note="")
    )
    one_day(world, 48)
    world.reconfigure(**{"dsl: [": "dsl: [{name: New Lead, email: new@harrowbygreen.example}, "})
    one_day(world, 1)

    (first,) = digests(office, "new@harrowbygreen.example")
    assert "A-1002" in words(first)
    assert "A-1001" not in words(first)


@pytest.mark.parametrize("days", [1, -1, 400, -400])
def test_a_clock_that_was_wrong_for_a_while_doubles_no_mail(
    days: int, world: Any, office: PostOffice
) -> None:
    world.wall.whole = True
    world.wall.pin(threat(1))
    one_day(world, 3)
    world.clock.forward(days=days)
    one_day(world, 3)
    world.clock.forward(days=-days)
    one_day(world, 60)

    days_told = [str(letter["Message-ID"]) for letter in digests(office, DSL)]
    assert len(days_told) == len(set(days_told))
    assert len([letter for letter in office.to(DSL) if "<urgent." in str(letter["Message-ID"])]) == 1
    last = digests(office, DSL)[-1]
    assert last["Date"].datetime - world.clock() < timedelta(hours=24)
    assert "COVERAGE GAP" not in str(last["Subject"])


def test_after_a_digest_from_the_future_the_next_one_still_tells_what_happened(
    world: Any, office: PostOffice
) -> None:
    world.clock.forward(days=400)
    one_day(world, 1)
    world.clock.forward(days=-400)
    world.app.store.journal.trouble("reading Wall", "ValueError", world.clock())
    one_day(world, 24)

    assert "Reading Wall failed" in words(digests(office, DSL)[-1])


def test_a_message_that_was_written_by_a_wrong_clock_is_sent_all_the_same(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.clock.forward(days=1)
    office.answer = "451 later"
    world.post_all()
    world.clock.forward(days=-1)
    office.answer = "250 taken"
    world.clock.forward(minutes=3)

    world.post_all()

    assert len(office.to(DSL)) == 1
    assert world.app.store.notices.unsent() == []


def test_two_workers_write_each_message_once(make_world: Callable[..., Any], office: PostOffice) -> None:
    wall = Wall()
    one = make_world(office=office, walls={"Wall": wall})
    two = make_world(office=office, walls={"Wall": wall})
    wall.pin(threat(1))
    one.read()
    owed = one.app.store.notices.owed()
    assert owed

    for world in (one, two, one):
        world.app.write.urgent()
        world.app.write.digests()
        world.post_all()

    assert len(office.to(DSL)) == 2
    assert one.app.store.notices.sent_since(DSL, NoticeKind.URGENT, MORNING - timedelta(days=1)) == 1


# People who leave, and alerts that are locked


def move_in(world: Any) -> None:
    """The lead has left, and another came."""
    world.reconfigure(**{"Dana Lead, email: dsl@": "Nora New, email: new@"})


def test_what_was_owed_to_somebody_who_left_is_told_to_whoever_came(world: Any, office: PostOffice) -> None:
    world.wall.pin(threat())
    world.read()

    move_in(world)
    world.post_all()

    (letter,) = office.to("new@harrowbygreen.example")
    assert "A-1001" in str(letter["Subject"])
    assert "HARROWBY GREEN PRIMARY SCHOOL" in words(letter)
    assert office.to(DSL) == []
    assert len(office.to(HEAD)) == 1


def test_a_message_to_an_address_that_was_put_right_goes_to_the_new_one(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(threat())
    world.read()
    world.app.write.urgent()
    world.app.write.digests()

    move_in(world)
    world.app.write.digests()
    world.post_all()

    assert office.to(DSL) == []
    kinds = [str(letter["Message-ID"]).split(".")[0] for letter in office.to("new@harrowbygreen.example")]
    assert kinds == ["<urgent", "<digest"]
    assert world.app.store.notices.unsent() == world.app.store.notices.owed() == []


def test_a_successor_who_may_be_the_one_spoken_of_does_not_hear(world: Any, office: PostOffice) -> None:
    """Whoever is named in a post hears nothing of it, however they came to be asked (BAN-2.7b)."""
    world.wall.pin(ALLEGATION)
    world.read()
    before = {debt.recipient for debt in world.app.store.notices.owed()}

    world.reconfigure(**{"Chris Chair, email: chair@": "Hale Headley, email: hale@"})
    world.post_all()

    assert CHAIR in before
    assert office.to("hale@harrowbygreen.example") == office.to(HEAD) == office.to(CHAIR) == []
    assert office.to(DSL)


def test_of_a_successor_sealed_words_know_the_role_and_not_the_name(
    make_world: Callable[..., Any], office: PostOffice
) -> None:
    """Nobody can ask sealed words again: whom they named, was noted when they were sealed (BAN-2.7b)."""
    sealed = make_world(SEALED, office=office)
    sealed.wall.pin("The headteacher at Harrowby Green hit my son in the corridor and slapped him twice")
    sealed.wall.pin("Nora Newcome at Harrowby Green hit my son in the corridor, a teacher who slapped him")
    sealed.read()

    sealed.reconfigure(SEALED, **{"Hale Headley, email: head@": "Nora Newcome, email: new@"})
    sealed.post_all()

    told = " ".join(
        f"{letter['Subject']} {words(letter)}" for letter in office.to("new@harrowbygreen.example")
    )
    assert "A-1001" not in told
    assert "A-1002" in told, "her name was nobody's of ours when it was sealed"


def test_what_is_owed_about_a_school_without_people_waits_and_is_told_until_somebody_is_named(
    world: Any, office: PostOffice
) -> None:
    school = "{id: harrowby-green, name: Harrowby Green Primary School,"
    other = "{id: otterhill, name: Otterhill Academy,"
    world.wall.pin(threat())
    world.read()

    world.reconfigure(**{school: other})
    world.clock.forward(hours=2)
    world.app.write.digests()
    world.post_all()

    assert {debt.recipient for debt in world.app.store.notices.owed()} == {DSL, HEAD}
    assert [letter for letter in office.letters if "<urgent." in str(letter["Message-ID"])] == []
    assert "harrowby-green: A-1001 must be heard of at once" in " ".join(words(office.to(DSL)[-1]).split())
    (told,) = world.app.write.unheard()
    assert "A-1001" in told

    world.reconfigure()
    world.post_all()

    assert world.app.write.unheard() == world.app.store.notices.owed() == []
    assert "A-1001" in str(office.to(DSL)[-1]["Subject"])


def test_a_page_that_locks_an_alert_takes_its_address_out_of_mail_that_waits(
    world: Any, office: PostOffice
) -> None:
    post = world.wall.pin(threat())
    world.read()
    world.app.write.urgent()
    world.app.write.digests()

    world.lens.locks = True
    world.app.capturing.run()
    world.post_all()
    world.app.write.digests()
    world.post_all()

    letters = office.to(DSL)
    assert len(letters) == 2
    assert all("A-1001" in words(letter) and post.url not in words(letter) for letter in letters)


class Torn(dict[str, Play]):
    """A playbook that fails where one kind is looked up."""

    def __init__(self, plays: Mapping[str, Play], kind: str) -> None:
        super().__init__(plays)
        self.kind = kind

    def get(self, key: str, default: Any = None) -> Any:
        """Fail, or the play."""
        if key == self.kind:
            raise ValueError(key)
        return super().get(key, default)


def tear(world: Any, kind: str) -> None:
    """Let every letter fail that shows an alert of this kind."""
    write = world.app.write
    torn = replace(write.manner, plays=Torn(write.manner.plays, kind))
    world.app = replace(world.app, write=replace(write, manner=torn))


def test_a_notice_that_cannot_be_composed_goes_out_bare_and_keeps_none_from_the_others(
    world: Any, office: PostOffice
) -> None:
    tear(world, "abuse.threat_violence")
    world.wall.pin(threat(1))
    world.wall.pin("My daughter at Harrowby Green wants to kill herself")
    world.read()

    world.post_all()
    world.post_all()

    subjects = sorted(str(letter["Subject"]) for letter in office.to(DSL))
    assert subjects == [f"URGENT school monitoring alert A-{number}" for number in (1001, 1002)]
    (bare,) = [letter for letter in office.to(DSL) if "A-1001" in str(letter["Subject"])]
    assert "A-1001 could not be shown: monitor alert 1001" in words(bare)
    assert bare["X-Priority"] == "1"
    assert world.app.store.notices.owed() == []
    troubles = world.app.store.journal.troubles(MORNING)
    assert {what for _, what, _ in troubles} == {"writing an urgent notice"}


def test_a_digest_that_cannot_be_composed_says_so_and_keeps_none_from_the_others(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(ALLEGATION)
    world.read()
    world.post_all()
    whole = world.app
    tear(world, world.alerts[0].subcategory)

    for _ in range(2):
        world.app.write.digests()
    world.post_all()

    (bare,) = digests(office, DSL)
    assert "could not be shown" in str(bare["Subject"])
    assert "no all-clear" in words(bare)
    assert "could not be shown" not in str(digests(office, HEAD)[0]["Subject"])
    world.app = whole
    one_day(world, 24)
    assert "A-1001" in words(digests(office, DSL)[-1]).split("STILL OPEN")[0], "the next one names it as new"


def test_what_is_written_goes_out_although_nothing_more_can_be_written(
    world: Any, office: PostOffice
) -> None:
    world.wall.pin(threat(1))
    world.read()
    world.app.write.urgent()

    def fail() -> datetime:
        raise ValueError

    world.wall.pin(threat(2))
    world.read()
    world.app = replace(world.app, write=replace(world.app.write, now=fail))
    for _ in office.to(DSL), office.to(HEAD):
        assert world.app.mail_next() is not None

    assert {letter["To"] for letter in office.letters} == {DSL, HEAD}
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        world.app.mail_next()
