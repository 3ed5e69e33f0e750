"""Sealed evidence: a copy of the server's disk and database tells nobody what was written (DOMAIN 3.5)."""

import base64
import gzip
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fakes import Clock, Wall, WallReader, write_config
from leaks import dresses, files, leaks, rows
from sites import Site, serving
from sqlalchemy import create_engine, select

from connectors.post import Post
from monitor.alerts import Alert
from monitor.app import App, build
from monitor.cases import Act, CaseEvent
from monitor.config.loading import load
from monitor.evidence.archive import verify
from monitor.evidence.opening import open_all
from monitor.evidence.sealing import KeyPair, Keys
from monitor.store.tables import captures, posts, revisions

LEAD, HEAD = KeyPair.new(), KeyPair.new()
SEALED = f"evidence: {{sealed: true, recipients: [{LEAD.public}, {HEAD.public}]}}"
WORDS = {
    "title": "Vexmoorish",
    "text": "Quibberflåx",
    "author": "Xandrothulean",
    "answered": "Plimsbuttock",
    "link": "wobblegorse",
    "edit": "Snarkelfrond",
    "joined": "Grommethatch",
    "below": "Fizzlewhimper",
    "critic": "Tattersnoodle",
    "locked": "Umbrellagast",
    "neighbour": "Crumplehornet",
    "answer": "Dimblethwaite",
    "header": "Hobblewickish",
}
THREAT = "I will wait for {} with a knife at the gate of Harrowby Green at 3, tell nobody"
PAGE = f"""<html><head><title>Harrowby talk</title></head><body>
<article id="a"><h2>{WORDS["title"]}</h2><p>{THREAT.format(WORDS["text"])}</p></article>
<article><p>{WORDS["neighbour"]} says that the weather is fine, and goes on about it.</p></article>
</body></html>"""


@dataclass(frozen=True)
class School:
    """A monitor under test, the wall that it reads, and where its things lie."""

    app: App
    wall: Wall
    data: Path
    url: str
    clock: Clock
    posted: list[Post]

    def poll(self) -> None:
        """Read the wall."""
        assert self.app.poll.run("Wall", early=True) is not None

    def alerts(self) -> list[Alert]:
        """All that was found."""
        return self.app.store.alerts.all()


@pytest.fixture
def page() -> Iterator[Site]:
    """The page on which the posts stand."""
    with serving() as site:
        site.pages["/t"] = lambda visitor: visitor.give(PAGE, headers={"X-Page-Title": WORDS["header"]})
        yield site


def opened(folder: Path, url: str, more: str, browser: Path | None = None) -> School:
    """A monitor whose only source is a wall."""
    database = "" if url.startswith("sqlite") else f"\ndatabase: {url}"
    chromium = f"\nbrowser: {browser}" if browser else ""
    config = load(write_config(folder, f"{more}{database}{chromium}"), {})
    clock = Clock()
    built = build(config, now=clock)
    wall = Wall()
    reader = WallReader(name="Wall", every=built.poll.sources["Wall"].every, wall=wall)
    app = replace(built, poll=replace(built.poll, sources={"Wall": reader}))
    return School(app, wall, folder / "data", config.database_url(), clock, [])


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's temporary files lie; a browser takes no long path."""
    with tempfile.TemporaryDirectory(prefix="aside") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def sealed(tmp_path: Path, database_url: str, browser: Path, aside: Path) -> School:
    """A monitor that seals, with a browser."""
    assert not aside.is_relative_to(tmp_path)
    return opened(tmp_path, database_url, SEALED, browser)


def everything(folder: Path, school: School) -> Iterator[tuple[str, bytes]]:
    """All that lies on the disk and in the database."""
    yield from files(folder)
    yield from rows(school.url)


def live_through(school: School, site: Site) -> None:
    """Posts, alerts, mail, an edit, captures, a digest, an act of a person, and forgetting."""
    wall, app = school.wall, school.app
    app.poll.run("Wall", early=True)  # what stands there already would be baseline
    first = wall.pin(
        THREAT.format(WORDS["text"]),
        title=WORDS["title"],
        author=WORDS["author"],
        url=site.url("/t#a"),
        parent="p1",
        parent_text=f"{WORDS['answered']} started it, and Hale Headley knows",
        links=(f"https://{WORDS['link']}.example/",),
        answer=json.dumps({"body": WORDS["answer"]}),
    )
    wall.pin(f"{WORDS['below']} went past Harrowby Green in Harrowby today", author=WORDS["author"])
    wall.pin(
        f"{WORDS['critic']}: I do not agree with the new uniform rules at Harrowby Green, sign the petition",
        author=WORDS["author"],
    )
    wall.pin(
        f"{WORDS['locked']} has nudes of a year 9 girl at Harrowby Green, dm me for the vid",
        author=WORDS["author"],
    )
    school.poll()
    app.write.urgent()
    for _ in range(6):
        app.capturing.run()
    wall.posts.append(replace(first, text=THREAT.format(WORDS["edit"])))
    wall.pin(f"{first.text} {WORDS['joined']}", author=WORDS["author"], url=first.url)
    school.poll()
    school.clock.forward(hours=2)
    for _ in range(6):
        app.capturing.run()
    while app.mail_next() is not None:
        pass
    school.clock.forward(days=1)
    assert app.write.digests() > 0
    while app.mail_next() is not None:
        pass
    for alert in school.alerts():
        app.store.cases.append(
            CaseEvent(alert=alert.number, act=Act.ACKNOWLEDGED, by="D. Lead", at=school.clock(), note="seen")
        )
    school.clock.forward(days=16)
    assert app.forget.run() is None, "the clock is watched for a day first"
    school.clock.forward(days=1)
    gone = app.forget.run()
    assert gone is not None
    assert gone.texts > 0
    school.posted.extend(wall.posts)


@pytest.mark.browser
def test_a_copy_of_disk_and_database_yields_no_word_of_any_post_and_one_key_opens_all(
    sealed: School, page: Site, aside: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """DOMAIN 3.5, LEI-9.2: what only the school can read, the school can read whole."""
    school = sealed
    with closing(school.app):
        live_through(school, page)
        assert list(tmp_path.rglob("*.age")), _tried(school)
        assert list((school.data / "outbox").iterdir())
        assert list(aside.iterdir())
        # While all is open, with write-ahead log and journal, and with the camera's own folder.
        assert leaks(WORDS.values(), [*everything(tmp_path, school), *files(aside)]) == set()
        captured = [
            one for alert in school.alerts() for one in school.app.store.captures.of_alert(alert.number)
        ]
    assert list(aside.iterdir()) == []
    assert leaks(WORDS.values(), everything(tmp_path, school)) == set()
    assert not [word for word in WORDS.values() if word.lower() in caplog.text.lower()]
    _opens_again(school, tmp_path / "opened")
    assert any(capture.kind.value == "element_screenshot" for capture in captured)
    assert all(not verify(school.data / "evidence" / capture.folder) for capture in captured)


def _tried(school: School) -> list[str]:
    """What became of each capture that is still due."""
    engine = create_engine(school.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        said = [f"{row.progress}: {row.error}" for row in connection.execute(select(captures))]
    engine.dispose()
    return said


def _opens_again(school: School, to: Path) -> None:
    """Every capture, every word of it, and every word in the database, as it was posted."""
    keys = Keys(HEAD.file(), lambda: "")
    found = list(open_all(school.data / "evidence", keys, to))
    assert found
    assert all(one.amiss == () for one in found)
    by_revision = {post.revision: post for post in school.posted}
    told = [json.loads(path.read_bytes()) for path in to.rglob("post.words.json")]
    assert {one["text"] for one in told} >= {THREAT.format(WORDS["text"])}
    for one in told:
        said = f"{one['title']}\x1f{one['text']}"
        assert hashlib.sha256(said.encode()).hexdigest() == one["revision"]
        assert one["text"] == by_revision[one["revision"]].text
        assert one["author"] == WORDS["author"]
    answers = [path.read_text("utf-8") for path in to.rglob("answer.words.json")]
    assert json.dumps({"body": WORDS["answer"]}) in answers
    assert any(WORDS["neighbour"].encode() in path.read_bytes() for path in to.rglob("page.html"))
    assert any(WORDS["header"].encode() in path.read_bytes() for path in to.rglob("headers.json"))
    engine = create_engine(school.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        kept = connection.execute(select(revisions).where(revisions.c.text.is_not(None))).all()
        held = connection.execute(select(posts).where(posts.c.forgotten_at.is_(None))).all()
    engine.dispose()
    assert {keys.open_words(row.text) for row in kept} <= {post.text for post in school.posted}
    assert {keys.open_words(row.author) for row in held if row.author} == {WORDS["author"]}
    assert any(WORDS["answered"] in keys.open_words(row.parent_text) for row in held)
    assert any(WORDS["link"] in keys.open_words(link) for row in held for link in row.links)


def test_without_sealing_the_same_search_finds_them(tmp_path: Path, page: Site) -> None:
    """The search itself can fail: what is not sealed, it finds in database, files and names."""
    school = opened(tmp_path, "sqlite", "")
    with closing(school.app):
        live_through(school, page)
        found = leaks(WORDS.values(), everything(tmp_path, school))
    assert {f"{WORDS[kind]} in revisions.text" for kind in ("text", "edit", "joined")} <= found
    assert f"{WORDS['author']} in posts.author" in found
    assert any(leak.startswith(WORDS["text"]) and leak.endswith("post.json") for leak in found)


@pytest.mark.parametrize("word", ["Quibberflåx", "Wonkyword"])
def test_the_search_knows_a_word_in_every_dress(word: str, tmp_path: Path) -> None:
    said = f'{{"a": "xy {word} z"}}'
    dressed = {
        "plain": said.encode(),
        "upper": said.upper().encode(),
        "escaped": json.dumps(said).encode(),
        "wide": said.encode("utf-16"),
        "packed": b"abc" + gzip.compress(said.encode()),
        **{f"base64 {n}": base64.b64encode(b"." * n + said.encode()) for n in range(3)},
    }
    for name, content in dressed.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", said)
    found = leaks([word], files(tmp_path))
    assert {place.removeprefix(f"{word} in ") for place in found} == {*dressed, "zip"}
    assert all(len(dress) >= 8 for dress in dresses(word))
