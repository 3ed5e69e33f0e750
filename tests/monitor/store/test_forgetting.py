"""Forgetting: the retention rules let go, holds beat them, and nothing forgotten comes back as new."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, select
from store_samples import (
    AT,
    DSL,
    LEASE,
    SCHOOL,
    book,
    make_capture,
    make_findings,
    make_judged,
    make_post,
    text_about,
)

from classifiers.taxonomy import Severity
from connectors.post import Post
from monitor.captures import Progress
from monitor.cases import Act, CaseEvent
from monitor.custody import Deed, Event
from monitor.notices import NoticeKind
from monitor.store.database import Database
from monitor.store.forgetting import Forgotten, Retention
from monitor.store.store import Store
from monitor.store.tables import mentions, metadata

DAY = timedelta(days=1)
RULES = Retention(below_threshold=14 * DAY, not_a_concern=30 * DAY, closed=150 * DAY, evidence=190 * DAY)
NOTHING = Forgotten(texts=0, alerts=0, captures=(), hashes=0, held=0)
SECRET = "marzipan"
"""Stands in every part of a post that must be forgotten."""


def telling(number: int = 1) -> Post:
    """A post of which each part can be found again."""
    return make_post(
        number,
        id=f"{SECRET}-{number}",
        url=f"https://{SECRET}.example/{number}",
        title=SECRET,
        text=f"{SECRET} {text_about(number)}",
        author=SECRET,
        parent=SECRET,
        parent_text=SECRET,
        thread=f"{SECRET}-{number}",
        links=(f"https://{SECRET}.example/",),
        answer=SECRET,
    )


def act(store: Store, alert: int, what: Act, at: datetime = AT) -> None:
    """Have the lead do this."""
    store.cases.append(CaseEvent(alert=alert, act=what, by="D. Lead", at=at))


def take(store: Store, capture_at: datetime = AT) -> str:
    """Take the next due capture, and say which it was."""
    order = store.captures.claim("camera", AT, AT + LEASE)
    assert order is not None
    book(store, make_capture(order.id, order.alert, capture_at))
    return order.id


def everything(database: Database) -> str:
    """All that lies in any table, as one text."""
    with database.reading() as connection:
        return "\n".join(
            str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )


def rows(database: Database, table: Table) -> int:
    """How many rows a table has."""
    with database.reading() as connection:
        return len(connection.execute(select(table)).all())


def test_a_mention_below_threshold_loses_everything_but_scores_and_reasons(
    store: Store, database: Database
) -> None:
    store.record(make_findings(make_judged(telling(), Severity.NONE)), AT)
    before = everything(database)

    forgotten = store.forgetting.forget(RULES, AT + 14 * DAY)

    assert forgotten == replace(NOTHING, texts=1)
    assert SECRET in before
    assert SECRET not in everything(database)
    assert telling().revision not in everything(database)
    assert "the name stands in the text" in everything(database)
    assert rows(database, mentions) == 1


def test_nothing_goes_before_its_time(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(telling(1), Severity.NONE), make_judged(telling(2))), AT)
    act(store, 1001, Act.NOT_A_CONCERN)
    before = everything(database)

    forgotten = store.forgetting.forget(RULES, AT + 14 * DAY - timedelta(seconds=1))

    assert (forgotten, everything(database)) == (NOTHING, before)


def test_a_forgotten_post_does_not_come_back_as_new(store: Store) -> None:
    post = telling()
    store.record(make_findings(make_judged(post, Severity.NONE)), AT)
    store.forgetting.forget(RULES, AT + 14 * DAY)

    changed = store.posts.changed("forum", [post])
    recorded = store.record(make_findings(make_judged(post)), AT + 15 * DAY)

    assert (changed, recorded.new) == ([], ())


def test_an_edit_of_a_forgotten_post_is_new(store: Store) -> None:
    post = telling()
    edit = replace(post, text="Now it threatens Harrowby Green.")
    store.record(make_findings(make_judged(post, Severity.NONE)), AT)
    store.forgetting.forget(RULES, AT + 14 * DAY)

    assert store.posts.changed("paper", [edit]) == [edit]
    assert store.record(make_findings(make_judged(edit)), AT + 15 * DAY).new == (1001,)


def test_the_text_of_an_alert_stays_while_the_alert_is_open(store: Store) -> None:
    store.record(make_findings(make_judged(telling())), AT)
    act(store, 1001, Act.ACKNOWLEDGED)

    assert store.forgetting.forget(RULES, AT + 380 * DAY) == NOTHING
    assert store.alerts.post(1001) == telling()


def test_an_alert_that_was_no_concern_loses_text_and_url(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(telling())), AT)
    act(store, 1001, Act.NOT_A_CONCERN)

    forgotten = store.forgetting.forget(RULES, AT + 30 * DAY)

    assert forgotten == replace(NOTHING, alerts=1)
    assert SECRET not in everything(database)
    alert, post = store.alerts.get(1001), store.alerts.post(1001)
    assert alert is not None
    assert (alert.urls, alert.severity, alert.why) == ((), Severity.HIGH, ("It is high.",))
    assert post is not None
    assert (post.text, post.url, post.author) == ("", "", None)
    assert store.posts.changed("paper", [telling()]) == []


def test_a_capture_that_still_waits_is_given_up_with_its_alert(store: Store) -> None:
    store.record(make_findings(make_judged(telling())), AT)
    act(store, 1001, Act.NOT_A_CONCERN)

    store.forgetting.forget(RULES, AT + 30 * DAY)

    assert store.captures.waiting() == 0
    (capture,) = store.captures.of_alert(1001)
    assert capture.progress is Progress.LIMITED
    assert "forgotten before a capture could be taken" in capture.limits[0]


def test_a_post_that_another_school_still_needs_keeps_its_text(store: Store) -> None:
    store.record(make_findings(make_judged(telling()), make_judged(telling(), school="st-ninian")), AT)
    act(store, 1001, Act.NOT_A_CONCERN)

    store.forgetting.forget(RULES, AT + 30 * DAY)
    kept = store.alerts.post(1002)
    act(store, 1002, Act.NOT_A_CONCERN, AT + 30 * DAY)
    store.forgetting.forget(RULES, AT + 60 * DAY)

    assert kept == telling()
    emptied = store.alerts.post(1002)
    assert emptied is not None
    assert emptied.text == ""


def test_every_post_of_a_story_is_forgotten_with_it(store: Store, database: Database) -> None:
    told = [replace(telling(number), text=telling().text) for number in (1, 2, 3)]
    store.record(make_findings(*(make_judged(post) for post in told)), AT)
    act(store, 1001, Act.NOT_A_CONCERN)

    store.forgetting.forget(RULES, AT + 30 * DAY)

    assert len(store.alerts.all()) == 1
    assert SECRET not in everything(database)


def test_old_evidence_of_a_closed_alert_goes_and_leaves_its_hash(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    capture_id = take(store)
    act(store, 1001, Act.NOT_A_CONCERN)
    store.forgetting.forget(RULES, AT + 30 * DAY)

    forgotten = store.forgetting.forget(RULES, AT + RULES.evidence)

    assert forgotten.captures == (f"{SCHOOL}/{capture_id}",)
    (capture,) = store.captures.of_alert(1001)
    assert (capture.files, capture.folder, capture.record_sha256) == ((), "", "cd" * 32)
    assert capture.limits == ("Deleted under the retention rules.",)


def test_folders_are_named_until_somebody_says_that_they_are_gone(store: Store) -> None:
    """A kill between the database and the disk must not leave evidence lying about for ever."""
    store.record(make_findings(make_judged(make_post())), AT)
    take(store)
    act(store, 1001, Act.NOT_A_CONCERN)
    first = store.forgetting.forget(RULES, AT + RULES.evidence).captures

    again = store.forgetting.forget(RULES, AT + RULES.evidence).captures
    store.forgetting.removed(again, AT + RULES.evidence)

    assert first == again != ()
    assert store.forgetting.forget(RULES, AT + RULES.evidence).captures == ()


def test_domain_3_3_a_lawful_deletion_leaves_an_entry_in_the_custody_log(store: Store) -> None:
    store.record(make_findings(make_judged(telling())), AT)
    capture_id = take(store)
    act(store, 1001, Act.NOT_A_CONCERN)

    for _ in range(2):
        store.forgetting.forget(RULES, AT + RULES.evidence)

    captured, deleted = store.custody.of_capture(capture_id)
    assert captured.event.deed is Deed.CAPTURED
    assert deleted.event == Event(
        school=SCHOOL,
        at=AT + RULES.evidence,
        deed=Deed.DELETED,
        by="system",
        why="retention: evidence is kept 190 days after its alert was closed, or after it was taken where "
        "there is no alert",
        alert=1001,
        capture=capture_id,
        object_sha256="cd" * 32,
    )
    assert "marzipan" not in str(deleted)


def test_what_a_person_had_taken_without_an_alert_goes_when_it_is_old(store: Store) -> None:
    by_hand = replace(make_capture("by-hand", 1001), alert=None)
    book(store, by_hand, by="Dana Lead", why="asked by the police")

    assert store.forgetting.forget(RULES, AT + RULES.evidence - DAY).captures == ()
    assert store.forgetting.forget(RULES, AT + RULES.evidence).captures == (by_hand.folder,)


def test_what_lies_in_quarantine_stays_until_police_or_lado_advise(store: Store) -> None:
    """DOMAIN 3.7: no rule deletes any of it, with an alert or without, even where nothing is on hold."""
    store.record(make_findings(make_judged(make_post(1)), make_judged(make_post(2))), AT)
    taken = [take(store), take(store)]
    act(store, 1001, Act.NOT_A_CONCERN)
    act(store, 1002, Act.NOT_A_CONCERN)
    for name in ("by-hand-1", "by-hand-2"):
        book(store, replace(make_capture(name, 1001), alert=None), by="Dana Lead", why="asked by the police")
    for shut, of in ((taken[0], 1001), ("by-hand-1", None)):
        store.custody.append(
            Event(
                school=SCHOOL,
                at=AT,
                deed=Deed.QUARANTINED,
                by="Dana Lead",
                why="by accident",
                alert=of,
                capture=shut,
                object_sha256="cd" * 32,
            )
        )

    gone = store.forgetting.forget(RULES, AT + 20 * RULES.evidence).captures

    assert {Path(folder).name for folder in gone} == {taken[1], "by-hand-2"}
    assert store.custody.of_capture(taken[0])[-1].event.deed is Deed.QUARANTINED


def test_evidence_of_an_open_alert_stays(store: Store) -> None:
    store.record(make_findings(make_judged(make_post())), AT)
    take(store)

    assert store.forgetting.forget(RULES, AT + 2 * RULES.evidence) == NOTHING


def test_a_hold_beats_every_rule(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(telling())), AT)
    take(store)
    act(store, 1001, Act.NOT_A_CONCERN)
    act(store, 1001, Act.HELD)
    before = everything(database)

    held = store.forgetting.forget(RULES, AT + 2 * RULES.evidence)

    assert (held, everything(database)) == (replace(NOTHING, held=1), before)
    act(store, 1001, Act.HOLD_LIFTED)
    lifted = store.forgetting.forget(RULES, AT + 2 * RULES.evidence)
    assert (lifted.alerts, len(lifted.captures), lifted.held) == (1, 1, 0)


def test_the_plan_says_what_forgetting_does_and_changes_nothing(store: Store, database: Database) -> None:
    mild = make_judged(telling(1), Severity.NONE)
    store.record(
        make_findings(mild, make_judged(telling(2)), make_judged(telling(3)), others=[telling(4)]), AT
    )
    take(store)
    for number in (1001, 1002):
        act(store, number, Act.NOT_A_CONCERN)
    act(store, 1002, Act.HELD)
    before = everything(database)

    plan = store.forgetting.plan(RULES, AT + 2 * RULES.evidence)

    assert everything(database) == before
    assert plan == store.forgetting.forget(RULES, AT + 2 * RULES.evidence)
    assert (plan.texts, plan.alerts, plan.hashes, plan.held) == (1, 1, 1, 1)


def test_hashes_stay_only_while_the_source_still_serves_the_posts(store: Store) -> None:
    served, gone = make_post(1), make_post(2)
    store.record(make_findings(others=[served, gone]), AT)
    for day in range(1, 5):
        batch = make_findings(others=[served])
        store.record(replace(batch, changed=store.posts.changed("paper", [served])), AT + day * DAY)

    forgotten = store.forgetting.forget(RULES, AT + 4 * DAY)

    assert forgotten == replace(NOTHING, hashes=1)
    assert store.posts.changed("paper", [served, gone]) == [gone]


def test_a_sent_message_loses_its_bytes_after_a_while(store: Store, database: Database) -> None:
    for key in ("sent", "waiting"):
        message = f"{SECRET}-{key}".encode()
        store.notices.write(
            kind=NoticeKind.URGENT, recipient=DSL, message_id=f"<{key}@x.example>", message=message, at=AT
        )
    notice = store.notices.claim("mail", AT, AT + LEASE)
    assert notice is not None
    store.notices.sent(notice.id, AT)

    store.forgetting.forget(RULES, AT + 14 * DAY)

    assert f"{SECRET}-sent" not in everything(database)
    assert f"{SECRET}-waiting" in everything(database)


# --- What the terms of platforms ask ------------------------------------------------------------------------

LONG = replace(RULES, below_threshold=100 * DAY)
TERMS = replace(LONG, platforms={"youtube": 30 * DAY}, followed=frozenset({"reddit", "youtube"}))
LATEST = AT + 29 * DAY
"""A day before the thirty are over."""


def on(platform: str, number: int = 1) -> Post:
    """A post of which each part can be found again, on this platform."""
    return replace(telling(number), platform=platform)


def test_what_terms_let_be_kept_for_thirty_days_goes_before_they_are_over(
    store: Store, database: Database
) -> None:
    store.record(make_findings(make_judged(on("youtube"), Severity.NONE)), AT)
    store.record(make_findings(make_judged(on("feed", 2), Severity.NONE)), AT)

    early = store.forgetting.forget(TERMS, LATEST - timedelta(seconds=1))
    planned = store.forgetting.plan(TERMS, LATEST)
    forgotten = store.forgetting.forget(TERMS, LATEST)

    assert early == NOTHING
    assert planned == forgotten == replace(NOTHING, texts=1)
    assert f"{SECRET}-1" not in everything(database)
    assert f"{SECRET}-2" in everything(database), "of which no terms speak"


def test_an_edit_does_not_lengthen_what_terms_allow(store: Store) -> None:
    post = on("youtube")
    store.record(make_findings(make_judged(post, Severity.NONE)), AT)
    edit = replace(post, text="Now it says something else of Harrowby Green.")
    store.record(make_findings(make_judged(edit, Severity.NONE)), AT + 20 * DAY)

    assert store.forgetting.forget(TERMS, LATEST).texts == 1


def test_an_open_alert_and_one_on_hold_keep_what_terms_would_not(store: Store) -> None:
    store.record(make_findings(make_judged(on("youtube", 1)), make_judged(on("youtube", 2))), AT)
    act(store, 1001, Act.HELD)
    act(store, 1001, Act.NOT_A_CONCERN)

    forgotten = store.forgetting.forget(TERMS, AT + 60 * DAY)

    assert (forgotten.texts, forgotten.alerts, forgotten.held) == (0, 0, 1)
    assert store.alerts.post(1001) is not None
    assert store.alerts.post(1002) is not None


def test_a_closed_alert_keeps_its_evidence_and_not_its_text(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(on("youtube"))), AT)
    take(store)
    act(store, 1001, Act.CLOSED)

    forgotten = store.forgetting.forget(TERMS, LATEST)

    assert (forgotten.texts, forgotten.alerts, forgotten.captures) == (1, 1, ())
    assert SECRET not in everything(database)
    assert [capture.progress for capture in store.captures.of_alert(1001)] == [Progress.COMPLETE]


def test_an_alert_that_was_told_elsewhere_too_loses_only_these_addresses(
    store: Store, database: Database
) -> None:
    words = text_about(1) * 3
    tube, paper = replace(on("youtube", 1), text=words), replace(on("feed", 2), text=words)
    shared = {"subcategory": "reputational.campaign", "subcategories": ("reputational.campaign",)}
    store.record(make_findings(make_judged(tube, Severity.LOW, **shared)), AT)
    recorded = store.record(make_findings(make_judged(paper, Severity.LOW, **shared)), AT)
    act(store, 1001, Act.NOT_A_CONCERN, AT + 10 * DAY)

    forgotten = store.forgetting.forget(TERMS, LATEST)

    assert recorded.joined == (1001,)
    assert (forgotten.texts, forgotten.alerts) == (1, 0)
    (alert,) = store.alerts.all()
    assert alert.urls == (paper.url,)
    assert tube.id not in everything(database)


def test_what_is_deleted_there_is_deleted_here_at_once(store: Store, database: Database) -> None:
    store.record(make_findings(make_judged(on("reddit", 1), Severity.NONE)), AT)
    store.record(make_findings(make_judged(on("feed", 2), Severity.NONE)), AT)
    gone = (f"{SECRET}-1", f"{SECRET}-2")
    for platform in ("reddit", "feed"):
        other = replace(make_post(9), platform=platform, id=f"9-{platform}")
        store.record(make_findings(make_judged(other, Severity.NONE), gone=gone), AT)

    forgotten = store.forgetting.forget(TERMS, AT + timedelta(hours=1))

    assert forgotten == replace(NOTHING, texts=1)
    assert f"{SECRET}-1" not in everything(database)
    assert f"{SECRET}-2" in everything(database), "whose terms do not ask for it"


def test_what_is_deleted_there_stays_while_its_alert_is_open(store: Store) -> None:
    store.record(make_findings(make_judged(on("youtube"))), AT)
    other = replace(make_post(9), platform="youtube")
    store.record(make_findings(make_judged(other, Severity.NONE), gone=(f"{SECRET}-1",)), AT)

    assert store.forgetting.forget(TERMS, AT + DAY).texts == 0
    act(store, 1001, Act.NOT_A_CONCERN, AT + DAY)
    assert store.forgetting.forget(TERMS, AT + DAY).texts == 1
