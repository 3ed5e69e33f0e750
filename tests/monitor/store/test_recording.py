"""Recording what a poll found: nothing is lost, nothing said twice, nothing kept of what concerns nobody."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from store_samples import AT, DSL, LEASE, SCHOOL, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from connectors.post import Channel
from monitor.alerts import Reason, Status
from monitor.cases import Act, CaseEvent
from monitor.playbook import Role
from monitor.store.database import Database
from monitor.store.posts import identity
from monitor.store.store import Store
from monitor.store.tables import posts as held_posts


def test_a_serious_mention_becomes_an_alert_with_a_capture_and_a_debt(store: Store) -> None:
    post = make_post()

    recorded = store.record(make_findings(make_judged(post)), AT)

    assert recorded.new == (1001,)
    alert = store.alerts.get(1001)
    assert alert is not None
    assert alert.label == "A-1001"
    assert (alert.school, alert.source, alert.platform) == (SCHOOL, "paper", "feed")
    assert alert.urls == (post.url,)
    assert alert.severity is Severity.HIGH
    assert alert.reason is Reason.RULE
    assert alert.roles == (Role.DSL, Role.HEAD)
    assert alert.channel is Channel.PUBLIC_MENTION
    assert alert.status is Status.OPEN
    assert (alert.seen_at, alert.posted_at, alert.revision) == (AT, post.posted_at, post.revision)
    assert store.alerts.post(1001) == post
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    assert (order.alert, order.url, order.text, order.author) == (1001, post.url, post.text, post.author)
    (owed,) = store.notices.owed()
    assert (owed.recipient, owed.alert, owed.judgement, owed.since) == (DSL, alert, 1, AT)


def test_the_judgement_and_the_verdict_come_back_as_they_were(store: Store) -> None:
    judged = make_judged(make_post())

    store.record(make_findings(judged), AT)

    (judging,) = store.alerts.judgings(1001)
    assert (judging.seq, judging.at, judging.revision) == (1, AT, judged.mention.post.revision)
    assert judging.judgement == judged.judgement
    assert judging.verdict == judged.verdict


def test_alerts_are_numbered_from_1001_on(store: Store) -> None:
    store.record(make_findings(*(make_judged(make_post(number)) for number in range(3))), AT)

    assert sorted(alert.number for alert in store.alerts.all()) == [1001, 1002, 1003]


def test_a_post_that_concerns_no_school_leaves_nothing_but_a_hash(store: Store) -> None:
    post = make_post(author="P. Asserby", text="The bus was late again.")

    store.record(make_findings(others=[post]), AT)

    assert store.posts.count() == 0
    assert store.posts.changed("paper", [post]) == []


def test_the_hash_of_one_source_does_not_blind_another(store: Store) -> None:
    """The same post may concern a school where it stands on that school's own page."""
    post = make_post(text="The bus was late again.")

    store.record(make_findings(others=[post]), AT)

    assert store.posts.changed("forum", [post]) == [post]


def test_an_edited_post_counts_as_changed(store: Store) -> None:
    kept, passing = make_post(1), make_post(2)
    store.record(make_findings(make_judged(kept), others=[passing]), AT)
    edits = [replace(kept, text="Other words."), replace(passing, text="Other words.")]

    assert store.posts.changed("paper", [kept, *edits, passing]) == edits


def test_a_post_twice_in_a_batch_counts_once_and_in_order(store: Store) -> None:
    first, second = make_post(1), make_post(2)

    assert store.posts.changed("paper", [first, second, first]) == [first, second]


def test_a_mention_below_threshold_is_kept_and_alerts_nobody(store: Store) -> None:
    post = make_post()

    recorded = store.record(make_findings(make_judged(post, Severity.NONE)), AT)

    assert (recorded.new, store.alerts.all(), store.notices.owed(), store.captures.waiting()) == (
        (),
        [],
        [],
        0,
    )
    assert store.posts.count() == 1
    assert store.posts.changed("paper", [post]) == []


def test_what_stood_there_before_the_source_was_added_is_no_urgent_matter(store: Store) -> None:
    store.record(make_findings(make_judged(make_post(), baseline=True)), AT)

    (alert,) = store.alerts.all()
    assert alert.baseline
    assert store.notices.owed() == []
    assert store.captures.waiting() == 1


def test_recording_moves_the_cursor_and_gives_the_source_free(store: Store) -> None:
    store.sources.claim("paper", "worker", AT, AT + LEASE)

    store.record(make_findings(others=[make_post()], cursor="next"), AT)

    later = AT + timedelta(minutes=15)
    assert "paper" not in store.sources.due(AT)
    claim = store.sources.claim("paper", "worker", later, later + LEASE)
    assert claim is not None
    assert (claim.cursor, claim.baseline, claim.failures) == ("next", False, 0)


def test_a_source_that_is_behind_stays_in_baseline_until_it_has_caught_up(store: Store) -> None:
    store.record(make_findings(others=[make_post(1)], complete=False), AT)
    behind = store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)
    store.record(make_findings(others=[make_post(2)]), AT)
    level = store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)

    assert behind is not None
    assert behind.baseline
    assert level is not None
    assert not level.baseline


def test_a_batch_of_many_chunks_is_kept_whole(store: Store) -> None:
    posts = [make_post(number) for number in range(501)]
    serious = [make_judged(post) for post in posts[::100]]

    recorded = store.record(make_findings(*serious, others=posts), AT)

    assert len(recorded.new) == 6
    assert store.posts.changed("paper", posts) == []
    assert store.posts.count() == 6


def test_a_source_nobody_configured_cannot_be_recorded(store: Store) -> None:
    with pytest.raises(LookupError, match="no source named gazette"):
        store.record(make_findings(source="gazette"), AT)


# The same story


def test_the_same_story_elsewhere_is_one_alert_with_two_links(store: Store) -> None:
    first, second = make_post(1), make_post(2, text=make_post(1).text, title="Item 1")
    store.record(make_findings(make_judged(first, Severity.MEDIUM)), AT)

    recorded = store.record(make_findings(make_judged(second, Severity.MEDIUM), source="forum"), AT)

    assert recorded.joined == (1001,)
    (alert,) = store.alerts.all()
    assert alert.urls == (first.url, second.url)
    assert store.captures.waiting() == 1


def test_a_story_told_twice_in_one_batch_is_one_alert(store: Store) -> None:
    told = [make_post(number, text=make_post(1).text, title="Item 1") for number in (1, 2, 3)]

    recorded = store.record(make_findings(*(make_judged(post, Severity.MEDIUM) for post in told)), AT)

    assert (recorded.new, recorded.joined) == ((1001,), (1001, 1001))


def test_each_post_that_joins_is_counted_also_where_it_has_no_address_of_its_own(store: Store) -> None:
    told = [
        make_post(number, text=make_post(1).text, title="Item 1", url=make_post(1).url)
        for number in (1, 2, 3)
    ]
    store.record(make_findings(make_judged(told[0])), AT)
    before = store.alerts.get(1001)

    store.record(make_findings(*map(make_judged, told[1:])), AT + timedelta(hours=1))

    after = store.alerts.get(1001)
    assert before is not None
    assert after is not None
    assert (before.posts, before.joined_at) == (1, None)
    assert (after.posts, after.joined_at, len(after.urls)) == (3, AT + timedelta(hours=1), 1)


def test_a_pile_on_in_a_thread_is_one_alert_until_somebody_has_it_in_hand(store: Store) -> None:
    """Later posts would be seen by nobody; the same text elsewhere still joins."""
    kind = {"subcategory": "abuse.harassment_staff", "subcategories": ("abuse.harassment_staff",)}
    said = [make_judged(make_post(number, thread="t"), Severity.MEDIUM, **kind) for number in (1, 2, 3)]
    copy = make_judged(make_post(4, text=make_post(1).text, title="Item 1"), Severity.MEDIUM, **kind)
    store.record(make_findings(*said[:2]), AT)
    store.cases.append(CaseEvent(alert=1001, act=Act.ACKNOWLEDGED, by="D. Lead", at=AT))

    recorded = store.record(make_findings(said[2], copy), AT)

    assert (recorded.new, recorded.joined) == ((1002,), (1001,))
    assert [alert.posts for alert in store.alerts.all()] == [1, 3]


def test_two_parents_who_ask_for_a_picture_to_be_taken_down_are_two_alerts(store: Store) -> None:
    kind = {"subcategory": "reputational.image_consent", "subcategories": ("reputational.image_consent",)}
    asked = [
        make_post(number, thread="our page", text="Please take my son's photo down.") for number in (1, 2)
    ]

    recorded = store.record(
        make_findings(*(make_judged(post, Severity.MEDIUM, **kind) for post in asked)), AT
    )

    assert recorded.new == (1001, 1002)


def test_a_story_that_was_closed_speaks_up_again(store: Store) -> None:
    told = [make_post(number, text=make_post(1).text, title="Item 1") for number in (1, 2)]
    store.record(make_findings(make_judged(told[0], Severity.MEDIUM)), AT)
    store.cases.append(CaseEvent(alert=1001, act=Act.NOT_A_CONCERN, by="D. Lead", at=AT))

    recorded = store.record(make_findings(make_judged(told[1], Severity.MEDIUM)), AT)

    assert recorded.new == (1002,)


def test_a_story_told_again_a_week_later_speaks_up_again(store: Store) -> None:
    told = [make_post(number, text=make_post(1).text, title="Item 1") for number in (1, 2)]
    store.record(make_findings(make_judged(told[0])), AT)

    recorded = store.record(make_findings(make_judged(told[1])), AT + timedelta(days=7))

    assert recorded.new == (1002,)


def test_a_story_found_at_first_contact_is_urgent_once_somebody_tells_it_now(store: Store) -> None:
    """A threat copied today must not hide behind the same words that stood there last year."""
    told = [make_post(number, text=make_post(1).text, title="Item 1") for number in (1, 2)]
    store.record(make_findings(make_judged(told[0], baseline=True)), AT)

    store.record(make_findings(make_judged(told[1])), AT)

    (owed,) = store.notices.owed()
    assert (owed.alert.number, owed.recipient, owed.alert.baseline) == (1001, DSL, False)


def test_two_schools_never_share_an_alert(store: Store) -> None:
    post = make_post()

    store.record(make_findings(make_judged(post), make_judged(post, school="st-ninian")), AT)

    assert [alert.number for alert in store.alerts.all(school=SCHOOL)] == [1001]
    assert [alert.number for alert in store.alerts.all(school="st-ninian")] == [1002]


# A later revision


def test_an_edit_that_is_worse_raises_the_alert_and_speaks_again(store: Store) -> None:
    post = make_post()
    worse = replace(post, text="Now with a place and a time: Harrowby Green, 3.30 at the gate.")
    store.record(make_findings(make_judged(post)), AT)

    later = AT + timedelta(hours=1)
    recorded = store.record(make_findings(make_judged(worse, Severity.CRITICAL)), later)

    assert (recorded.new, recorded.raised) == ((), (1001,))
    (alert,) = store.alerts.all()
    assert (alert.severity, alert.why, alert.judgements) == (Severity.CRITICAL, ("It is critical.",), 2)
    assert (alert.revision, alert.seen_at) == (worse.revision, AT)
    assert [owed.judgement for owed in store.notices.owed()] == [1, 2]
    orders = [store.captures.claim("camera", later, later + LEASE) for _ in range(2)]
    assert {order.revision for order in orders if order} == {post.revision, worse.revision}
    assert store.alerts.post(1001) == worse


@pytest.mark.parametrize("severity", [Severity.NONE, Severity.LOW])
def test_an_edit_that_is_milder_lowers_nothing_and_says_nothing(store: Store, severity: Severity) -> None:
    post, milder = make_post(), make_post(text="Only a joke about Harrowby Green.")
    store.record(make_findings(make_judged(post)), AT)

    recorded = store.record(make_findings(make_judged(milder, severity)), AT)

    assert (recorded.new, recorded.raised) == ((), ())
    (alert,) = store.alerts.all()
    assert (alert.severity, alert.why, alert.judgements) == (Severity.HIGH, ("It is high.",), 2)
    assert alert.revision == milder.revision
    assert len(store.notices.owed()) == 1
    assert store.captures.waiting() == 1
    assert [one.judgement.severity for one in store.alerts.judgings(1001)] == [Severity.HIGH, severity]


def test_what_an_alert_says_comes_from_the_newest_of_the_gravest_judgements(store: Store) -> None:
    post, edit = make_post(), make_post(text="Said otherwise of Harrowby Green.")
    store.record(make_findings(make_judged(post)), AT)

    recorded = store.record(make_findings(make_judged(edit, why=("It was said otherwise.",))), AT)

    assert recorded.raised == ()
    (alert,) = store.alerts.all()
    assert alert.why == ("It was said otherwise.",)


def close(store: Store) -> None:
    """Somebody looked at the first alert and closed it."""
    store.cases.append(CaseEvent(alert=1001, act=Act.NOT_A_CONCERN, by="Dana Lead", at=AT, note=""))


@pytest.mark.parametrize("closed", [True, False])
def test_an_edit_into_another_matter_that_is_as_severe_speaks_again(store: Store, *, closed: bool) -> None:
    edits = [make_post(text=f"Said otherwise of Harrowby Green: {number}.") for number in range(2)]
    first = ("safeguarding.self_harm_suicide",)
    store.record(
        make_findings(make_judged(make_post(), Severity.CRITICAL, subcategory=first[0], subcategories=first)),
        AT,
    )
    if closed:
        close(store)

    recorded = store.record(make_findings(make_judged(edits[0], Severity.CRITICAL)), AT)
    again = store.record(make_findings(make_judged(edits[1], Severity.CRITICAL)), AT)

    assert (recorded.raised, again.raised) == ((1001,), ()), "once for each matter"
    (alert,) = store.alerts.all()
    assert (alert.status, alert.subcategory) == (Status.OPEN, "abuse.threat_violence")
    assert [debt.judgement for debt in store.notices.owed()] == [1, 2]


def test_every_kind_for_which_an_alert_has_spoken_is_known(store: Store) -> None:
    store.record(make_findings(make_judged(make_post(), subcategories=("abuse.hate",))), AT)
    edited = make_post(text="At Harrowby Green something else is the matter")
    store.record(make_findings(make_judged(edited)), AT)
    calm = make_post(text="At Harrowby Green nothing is the matter")
    store.record(make_findings(make_judged(calm, alert=False, subcategories=("abuse.incivility",))), AT)

    assert store.alerts.kinds([1001, 1002]) == {1001: {"abuse.hate", "abuse.threat_violence"}}


def test_a_matter_that_was_there_before_does_not_open_what_was_closed(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    close(store)

    recorded = store.record(make_findings(make_judged(make_post(text="Harrowby Green, said otherwise."))), AT)

    assert recorded.raised == ()
    assert store.alerts.all()[0].status is Status.CLOSED


def test_another_milder_matter_opens_what_was_closed_and_lowers_nothing(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    close(store)
    other = ("abuse.staff_harassment",)
    edit = make_post(text="Harrowby Green, said otherwise.")

    recorded = store.record(
        make_findings(make_judged(edit, Severity.MEDIUM, subcategory=other[0], subcategories=other)), AT
    )

    assert recorded.raised == (1001,)
    (alert,) = store.alerts.all()
    assert (alert.status, alert.severity, alert.subcategory) == (Status.OPEN, Severity.HIGH, other[0])


def test_the_schools_of_another_revision_are_known_and_those_of_this_one_are_not(store: Store) -> None:
    alerted, calm, fresh = make_post(1), make_post(2), make_post(3)
    store.record(make_findings(make_judged(alerted), make_judged(calm, Severity.NONE)), AT)
    edits = [replace(alerted, text="Other words."), replace(calm, text="Other words.")]

    found = store.posts.spoken_of([*edits, alerted, fresh])

    schools = {one: [mention.school for mention in mentions] for one, mentions in found.items()}
    assert schools == {
        identity(edits[0]): [SCHOOL],
        identity(edits[1]): [SCHOOL],
        identity(alerted): [],
        identity(fresh): [],
    }
    (mention,) = found[identity(edits[0])]
    assert (mention.post, mention.spans, mention.confidence) == (edits[0], (), 0.8)


def test_an_edit_that_makes_a_mention_serious_becomes_an_alert(store: Store) -> None:
    post, edit = make_post(), make_post(text="Now it threatens Harrowby Green.")
    store.record(make_findings(make_judged(post, Severity.NONE)), AT)

    recorded = store.record(make_findings(make_judged(edit)), AT)

    assert recorded.new == (1001,)


def test_a_closed_alert_that_gets_worse_is_open_again(store: Store) -> None:
    post, worse = make_post(), make_post(text="Now it is grave for Harrowby Green.")
    store.record(make_findings(make_judged(post)), AT)
    store.cases.append(CaseEvent(alert=1001, act=Act.NOT_A_CONCERN, by="D. Lead", at=AT))

    store.record(make_findings(make_judged(worse, Severity.CRITICAL)), AT)

    (alert,) = store.alerts.all(open_only=True)
    assert alert.status is Status.OPEN


def test_a_copy_that_gets_worse_leads_the_alert(store: Store) -> None:
    first, copy = make_post(1), make_post(2, text=make_post(1).text, title="Item 1")
    worse = replace(copy, text="Now it is grave for Harrowby Green.")
    store.record(make_findings(make_judged(first), make_judged(copy)), AT)

    recorded = store.record(make_findings(make_judged(worse, Severity.CRITICAL)), AT)

    assert recorded.raised == (1001,)
    alert = store.alerts.get(1001)
    assert alert is not None
    assert alert.urls == (copy.url, first.url)
    assert store.alerts.post(1001) == worse


def test_a_media_lock_once_seen_stays(store: Store) -> None:
    """Locked before anything is fetched, whatever the post says later."""
    post, edit = make_post(), make_post(text="Nothing to see at Harrowby Green.")
    store.record(make_findings(make_judged(post, media_lock=True)), AT)

    store.record(make_findings(make_judged(edit, Severity.NONE)), AT)

    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    assert order.media_lock
    assert (order.title, order.text, order.author) == ("", "", None)
    assert order.url == post.url


def test_an_edit_that_suggests_worse_media_locks_a_capture_that_still_waits(store: Store) -> None:
    post, edit = make_post(), make_post(text="Pictures from Harrowby Green.")
    store.record(make_findings(make_judged(post)), AT)

    store.record(make_findings(make_judged(edit, Severity.LOW, media_lock=True)), AT)

    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    assert order.media_lock


# Authors, and posts that vanish


def test_lawful_criticism_keeps_no_author(store: Store, database: Database) -> None:
    post = make_post(author="C. Ritic")
    judged = make_judged(post, Severity.NONE, reason=Reason.LAWFUL_CRITICISM)

    store.record(make_findings(judged), AT)

    assert _authors(database) == [None]


def test_an_edit_into_lawful_criticism_forgets_the_author(store: Store, database: Database) -> None:
    post, edit = make_post(author="C. Ritic"), make_post(author="C. Ritic", text="I disagree with them.")
    store.record(make_findings(make_judged(post, Severity.NONE)), AT)
    before = _authors(database)

    store.record(make_findings(make_judged(edit, Severity.NONE, reason=Reason.LAWFUL_CRITICISM)), AT)

    assert (before, _authors(database)) == (["C. Ritic"], [None])


def test_criticism_of_one_school_keeps_the_author_of_a_threat_to_another(
    store: Store, database: Database
) -> None:
    post = make_post()
    criticism = make_judged(post, Severity.NONE, school="st-ninian", reason=Reason.LAWFUL_CRITICISM)

    store.record(make_findings(criticism, make_judged(post)), AT)

    assert _authors(database) == [post.author]


def test_a_campaign_that_is_only_counted_is_never_photographed(store: Store, database: Database) -> None:
    judged = make_judged(make_post(), Severity.LOW, anonymous=True)

    store.record(make_findings(judged), AT)

    assert len(store.alerts.all()) == 1
    assert store.captures.waiting() == 0
    assert _authors(database) == [None]


def test_a_post_that_vanished_is_marked_and_stays(store: Store) -> None:
    post = make_post()
    store.record(make_findings(make_judged(post)), AT)

    store.record(make_findings(gone=(post.id,)), AT + timedelta(hours=1))

    alert = store.alerts.get(1001)
    assert alert is not None
    assert alert.gone_at == AT + timedelta(hours=1)
    assert store.alerts.post(1001) == post


# Changed names


def test_after_the_names_change_everything_is_read_again_in_baseline(store: Store) -> None:
    held, passing = make_post(1), make_post(2)
    store.record(make_findings(make_judged(held, Severity.NONE), others=[passing]), AT)

    store.sources.reread(["paper"])

    assert store.posts.changed("paper", [held, passing]) == [held, passing]
    claim = store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)
    assert claim is not None
    assert (claim.cursor, claim.baseline) == (None, True)


def test_a_post_read_again_can_speak_of_another_school_too(store: Store) -> None:
    post = make_post()
    store.record(make_findings(make_judged(post)), AT)
    store.sources.reread(["paper"])
    store.sources.claim("paper", "worker", AT, AT + LEASE, early=True)

    recorded = store.record(make_findings(make_judged(post), make_judged(post, school="st-ninian")), AT)

    assert recorded.new == (1002,)
    assert store.posts.changed("paper", [post]) == []
    (first,) = store.alerts.all(school=SCHOOL)
    assert first.judgements == 1


def test_a_poll_that_began_under_the_old_names_cannot_skip_the_second_reading(store: Store) -> None:
    held, passing = make_post(1), make_post(2)
    store.sources.claim("paper", "worker", AT, AT + LEASE)
    store.sources.reread(["paper"])

    store.record(make_findings(make_judged(held), others=[passing], cursor="old"), AT)

    assert store.posts.changed("paper", [held, passing]) == [held, passing]
    claim = store.sources.claim("paper", "worker", AT, AT + LEASE)
    assert claim is not None
    assert (claim.cursor, claim.baseline) == (None, True)


# Hostile input


def test_hostile_ids_and_texts_are_kept_and_found_again(store: Store) -> None:
    posts = [
        make_post(1, id="x" * 100_000),
        make_post(2, id="nul\x00nul", text="nul \x00 in the text", author="\x00"),
        make_post(3, text="'); DROP TABLE alerts; --"),
        make_post(4, posted_at=AT.replace(year=1, month=1, day=1, hour=0).astimezone(None)),
    ]

    store.record(make_findings(*(make_judged(post) for post in posts)), AT)

    assert store.posts.changed("paper", posts) == []
    assert len(store.alerts.all()) == len(posts)


def _authors(database: Database) -> list[str | None]:
    with database.reading() as connection:
        return list(connection.scalars(select(held_posts.c.author).order_by(held_posts.c.id)))
