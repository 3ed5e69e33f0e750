"""What holds for any findings at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import delete, select
from store_samples import AT, SOURCES, make_findings, make_judged, make_post

from classifiers.taxonomy import Severity
from connectors.post import Post
from monitor.store.database import Database
from monitor.store.findings import Findings, Judged, Recorded
from monitor.store.store import Store
from monitor.store.tables import metadata

NOTHING = Recorded(new=(), joined=(), raised=())
few = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LONG = " ".join(f"word{number}" for number in range(60))
texts = some.sampled_from(
    [
        LONG,
        f"{LONG}!",
        f"{LONG} and more",
        "At the gate.",
        "At the gate!",
        "Another matter",
        "wholly",
        "\x00",
        "é" * 3,
    ]
)
posts = some.builds(make_post, some.integers(1, 3), text=texts, thread=some.sampled_from([None, "t"]))


def _of_kind(kind: str) -> some.SearchStrategy[Judged]:
    return some.builds(
        make_judged,
        posts,
        some.sampled_from(Severity),
        school=some.sampled_from(["harrowby-green", "st-ninian"]),
        baseline=some.booleans(),
        media_lock=some.booleans(),
        anonymous=some.booleans(),
        subcategory=some.just(kind),
        subcategories=some.just((kind,)),
    )


judged = some.sampled_from(["abuse.threat_violence", "reputational.misinformation"]).flatmap(_of_kind)


def _one_judgement_each(found: list[Judged]) -> list[Judged]:
    """A classifier says one thing of one revision for one school."""
    each = {(one.mention.post.id, one.mention.post.revision, one.mention.school): one for one in found}
    return list(each.values())


@some.composite
def findings(draw: some.DrawFn) -> Findings:
    """Any findings: posts of ours, posts of nobody, from either source."""
    others: list[Post] = draw(some.lists(posts, max_size=3))
    found = make_findings(
        *_one_judgement_each(draw(some.lists(judged, max_size=5))),
        others=[replace(post, id=f"other-{post.id}") for post in others],
        source=draw(some.sampled_from(sorted(SOURCES))),
        complete=draw(some.booleans()),
    )
    gone = draw(some.lists(some.sampled_from(["item-9", "other-item-9"]), max_size=1))
    return replace(found, batch=replace(found.batch, gone=tuple(gone)))


@contextmanager
def emptied(database: Database, store: Store) -> Iterator[None]:
    """Start each example with nothing but the two sources."""
    with database.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    store.sources.sync(SOURCES, AT)
    yield


def everything(database: Database) -> list[str]:
    """All that lies in any table."""
    with database.reading() as connection:
        return sorted(
            str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))
        )


@few
@given(history=some.lists(findings(), max_size=3), last=findings())
def test_recording_the_same_findings_twice_changes_nothing(
    store: Store, database: Database, history: list[Findings], last: Findings
) -> None:
    with emptied(database, store):
        for one in [*history, last]:
            store.record(one, AT)
        before = everything(database)

        again = store.record(last, AT)

        assert (again, everything(database)) == (NOTHING, before)
        assert store.posts.changed(last.source, last.changed) == []


@few
@given(history=some.lists(findings(), min_size=1, max_size=4))
def test_an_alert_is_as_severe_as_it_ever_was(
    store: Store, database: Database, history: list[Findings]
) -> None:
    with emptied(database, store):
        for one in history:
            store.record(one, AT)

        for alert in store.alerts.all():
            judgings = store.alerts.judgings(alert.number)
            alerting = [judging.judgement for judging in judgings if judging.judgement.alert]
            assert alert.severity == max(judgement.severity for judgement in alerting)
            assert alert.judgements == len(judgings)
            assert alert.media_lock >= any(judging.judgement.media_lock for judging in judgings)


@few
@given(history=some.lists(findings(), min_size=1, max_size=4))
def test_every_serious_mention_is_in_exactly_one_alert_of_its_school(
    store: Store, database: Database, history: list[Findings]
) -> None:
    with emptied(database, store):
        for one in history:
            store.record(one, AT)

        for one in history:
            for serious in (found for found in one.judged if found.judgement.alert):
                school, url = serious.mention.school, serious.mention.post.url
                assert sum(url in alert.urls for alert in store.alerts.all(school=school)) == 1
