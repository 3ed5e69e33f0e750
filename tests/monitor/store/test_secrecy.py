"""What the store keeps of words that it is not to read again, and what each reader then gets."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from store_samples import AT, LEASE, make_capture, make_findings, make_judged, make_post, text_about
from store_samples import book as booked

from classifiers.taxonomy import Severity
from connectors.post import Post
from monitor.alerts import Status
from monitor.cases import Act, CaseEvent
from monitor.notices import Named
from monitor.playbook import Role
from monitor.store.database import Database
from monitor.store.forgetting import Retention
from monitor.store.secrecy import Secrecy
from monitor.store.store import Store
from monitor.store.tables import captures, posts, revisions

SHORT = Retention(
    below_threshold=timedelta(days=1),
    not_a_concern=timedelta(days=1),
    closed=timedelta(days=1),
    evidence=timedelta(days=1),
)


def backwards(words: str) -> str:
    """Seals for the tests' purposes: whoever knows the trick can open it."""
    return f"sealed({words[::-1]})"


def named(words: str) -> Named:
    """Finds Hale by name, and the head by the word."""
    people = frozenset({"head@harrowbygreen.example"}) if "Hale" in words else frozenset[str]()
    return Named(people, frozenset({Role.HEAD}) if "headteacher" in words else frozenset())


@pytest.fixture
def sealing(store: Store) -> Store:
    """The same store, which seals."""
    return store.keeping(Secrecy(seal=backwards, named=named, chance=lambda most: most // 2))


def record(store: Store, post: Post, severity: Severity = Severity.HIGH) -> None:
    store.record(make_findings(make_judged(post, severity)), AT)


def full(**changes: object) -> Post:
    return make_post(parent_text="It answers this", links=("https://link.example/",), **changes)


def test_every_column_with_words_is_sealed_and_what_holds_none_stays(
    sealing: Store, database: Database
) -> None:
    record(sealing, full())
    with database.reading() as connection:
        post, revision = connection.execute(select(posts)).one(), connection.execute(select(revisions)).one()
    assert post.author == backwards("A. Writer")
    assert post.parent_text == backwards("It answers this")
    assert post.links == [backwards('["https://link.example/"]')]
    assert (revision.title, revision.text) == (backwards("Item 1"), backwards(text_about(1)))
    assert post.sealed
    assert revision.sealed
    record(sealing, make_post(2, title="", author=None))
    with database.reading() as connection:
        bare = connection.execute(select(posts).order_by(posts.c.id.desc()).limit(1)).one()
    assert (bare.author, bare.parent_text, bare.links) == (None, "", [])


def test_what_people_are_shown_has_no_words_and_says_that_they_are_sealed(sealing: Store) -> None:
    record(sealing, full())
    shown = sealing.alerts.post(1001)
    assert shown is not None
    assert (shown.title, shown.text, shown.author, shown.parent_text, shown.links) == ("", "", None, "", ())
    assert shown.url == "https://paper.example/1"
    assert sealing.alerts.is_sealed(1001)
    assert sealing.alerts.said([1001])[1001].split() == []


def test_whom_the_words_name_is_kept_of_every_revision_and_every_telling(sealing: Store) -> None:
    """BAN-2.7b: neither a name that was edited out nor one in a second telling is forgotten."""
    record(sealing, make_post(text=f"Hale stood there. {text_about(1)}"))
    record(sealing, make_post())
    record(sealing, make_post(2, title="Item 1", text=f"Hale stood there. {text_about(1)}"))
    record(sealing, make_post(2, title="Item 1", text=text_about(1), parent_text="our headteacher"))
    assert [alert.posts for alert in sealing.alerts.all()] == [2]
    assert sealing.alerts.named([1001]) == {
        1001: Named(frozenset({"head@harrowbygreen.example"}), frozenset({Role.HEAD}))
    }


def test_what_is_not_sealed_notes_nobody(store: Store, database: Database) -> None:
    record(store, make_post(text="Hale stood there"))
    assert store.alerts.named([1001]) == {}
    assert "Hale stood there" in store.alerts.said([1001])[1001]
    with database.reading() as connection:
        assert connection.scalar(select(revisions.c.named)) is None
        assert connection.scalar(select(captures.c.clues)) is None


def test_the_camera_gets_clues_and_what_was_sealed_in_place_of_words(sealing: Store) -> None:
    record(sealing, replace(full(), answer='{"body": "x"}'))
    order = sealing.captures.claim("w", AT, AT + LEASE)
    assert order is not None
    assert (order.title, order.text, order.author) == ("", "", None)
    assert order.answer == backwards('{"body": "x"}')
    assert order.sealed is not None
    assert order.sealed.text == backwards(text_about(1))
    assert [found.letters for found in order.sealed.clues] == [60, len("item1"), 40]


def test_nothing_of_a_locked_post_reaches_the_camera_sealed_or_not(sealing: Store) -> None:
    """DOMAIN 3.7: of what may be an indecent image of a child, only where it is."""
    sealing.record(make_findings(make_judged(full(), media_lock=True)), AT)
    order = sealing.captures.claim("w", AT, AT + LEASE)
    assert order is not None
    assert (order.sealed, order.text, order.answer) == (None, "", "")


def test_clues_and_answer_are_kept_until_the_capture_is_taken(sealing: Store, database: Database) -> None:
    record(sealing, replace(full(), answer="{}"))
    order = sealing.captures.claim("w", AT, AT + LEASE)
    assert order is not None
    booked(sealing, make_capture(order.id, 1001))
    with database.reading() as connection:
        row = connection.execute(select(captures)).one()
    assert (row.clues, row.answer) == (None, None)


def test_forgetting_lets_go_of_what_was_sealed_and_of_whom_it_named(
    sealing: Store, database: Database
) -> None:
    record(sealing, full(text="Hale stood there"))
    sealing.cases.append(CaseEvent(alert=1001, act=Act.CLOSED, by="D. Lead", at=AT, note="done"))
    sealing.forgetting.forget(SHORT, AT + timedelta(days=2))
    with database.reading() as connection:
        post, revision = connection.execute(select(posts)).one(), connection.execute(select(revisions)).one()
        due = connection.execute(select(captures)).one()
    assert (post.author, post.parent_text, post.links) == (None, "", [])
    assert (revision.title, revision.text, revision.named) == (None, None, None)
    assert (due.clues, due.answer) == (None, None)
    assert not sealing.alerts.is_sealed(1001)


def test_the_same_post_again_is_known_and_an_edit_is_sealed_too(sealing: Store, database: Database) -> None:
    record(sealing, full())
    assert sealing.posts.changed("paper", [full()]) == []
    edited = full(text="another text about Harrowby Green")
    assert sealing.posts.changed("paper", [edited]) == [edited]
    record(sealing, edited)
    with database.reading() as connection:
        told = connection.scalars(select(revisions.c.text).order_by(revisions.c.id)).all()
    assert told == [backwards(text_about(1)), backwards(edited.text)]


def test_the_same_story_is_still_one_alert(sealing: Store) -> None:
    """Likeness is told by hashes, which are made before the words are sealed."""
    record(sealing, make_post())
    record(sealing, make_post(2, text=text_about(1), title="Item 1"))
    (alert,) = sealing.alerts.all()
    assert alert.posts == 2


def test_what_was_there_before_the_sealing_stays_readable_and_is_counted(
    store: Store, sealing: Store
) -> None:
    record(store, make_post(1))
    record(sealing, make_post(2))
    assert [sealing.alerts.is_sealed(number) for number in (1001, 1002)] == [False, True]
    shown = sealing.alerts.post(1001)
    assert shown is not None
    assert shown.text == text_about(1)
    assert sealing.posts.unsealed() == 1
    assert sealing.alerts.get(1001).status is Status.OPEN  # type: ignore[union-attr]


def test_files_that_can_be_read_are_counted(store: Store) -> None:
    record(store, make_post())
    order = store.captures.claim("w", AT, AT + LEASE)
    assert order is not None
    capture = make_capture(order.id, 1001)
    plain, sealed = capture.files[0], replace(capture.files[0], name="a.age", sealed_sha256="ef" * 32)
    booked(store, replace(capture, files=(plain, sealed, sealed)))
    assert store.captures.unsealed() == 1


@pytest.mark.parametrize("words", ["age: 12", "age:YWdlLWVuY3J5cHRpb24ub3Jn", "sealed(no)"])
def test_a_stranger_who_writes_as_if_sealed_hides_nothing(store: Store, words: str) -> None:
    record(store, make_post(text=words, parent_text=words))
    shown = store.alerts.post(1001)
    assert shown is not None
    assert (shown.text, shown.parent_text) == (words, words)
    assert not store.alerts.is_sealed(1001)


def test_what_no_database_takes_is_made_keepable_before_it_is_sealed(
    sealing: Store, database: Database
) -> None:
    record(sealing, make_post(text="a\x00b"))
    with database.reading() as connection:
        assert connection.scalar(select(revisions.c.text)) == backwards("a\N{REPLACEMENT CHARACTER}b")
