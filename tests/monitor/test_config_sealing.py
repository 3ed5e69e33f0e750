"""`evidence.sealed` in the configuration: what it needs, what it forbids, and how it is switched on."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Clock, Lens, Wall, WallReader, threat, write_config
from typer.testing import CliRunner

from monitor.app import App, build, rebuild
from monitor.cli.main import cli
from monitor.config.loading import load
from monitor.config.problems import ConfigError
from monitor.custody import Deed
from monitor.evidence.sealing import KeyPair

ONE, OTHER = KeyPair.new().public, KeyPair.new().public
SEALED = f"evidence: {{sealed: true, recipients: [{ONE}, {OTHER}]}}"


def refused(folder: Path, more: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(write_config(folder, more), {})
    return str(error.value)


def test_words_that_are_sealed_cannot_be_mailed(tmp_path: Path) -> None:
    said = refused(tmp_path, f"{SEALED}\nmail: {{detail: excerpt}}")
    assert "mail.detail: with evidence.sealed no words of posts can be mailed" in said


@pytest.mark.parametrize("more", [SEALED, "mail: {detail: excerpt}", f"{SEALED}\nmail: {{detail: minimal}}"])
def test_each_alone_is_fine(tmp_path: Path, more: str) -> None:
    assert load(write_config(tmp_path, more), {})


@pytest.mark.parametrize(
    ("recipients", "said"),
    [
        ("[]", "at least two 'recipients' are needed"),
        (f"[{ONE}]", "at least two 'recipients' are needed"),
        (f"[{ONE}, {ONE}]", "a recipient stands there twice"),
        (f"[{ONE}, {OTHER[:-1]}{'q' if OTHER[-1] != 'q' else 'p'}]", "a letter of it is wrong"),
        (f"[{ONE}, {KeyPair.new().private}]", "this is a private key, which never belongs on this machine"),
    ],
    # Keys are new each time, and every worker of the tests must call a test the same.
    ids=["none", "one", "the same twice", "a slip", "a private key"],
)
def test_recipients_are_two_public_keys(tmp_path: Path, recipients: str, said: str) -> None:
    told = refused(tmp_path, f"evidence: {{sealed: true, recipients: {recipients}}}")
    assert said in told
    assert "AGE-SECRET-KEY" not in told, "a private key that was pasted by mistake is not repeated"


def test_a_forum_whose_titles_stay_readable_is_a_warning(tmp_path: Path) -> None:
    searched = (
        '{name: Forum, platform: discourse, base_url: "https://forum.example", search: [Harrowby Green]}'
    )
    wall = '{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}'
    for more, warned in ((SEALED, True), ("", False)):
        config = load(write_config(tmp_path, more, **{wall: f"{wall}, {searched}"}), {})
        told = [line for line in config.warnings(Clock()()) if "titles of topics that 'Forum' finds" in line]
        assert bool(told) is warned


def looking_at(app: App, wall: Wall) -> App:
    reader = WallReader(name="Wall", every=app.poll.sources["Wall"].every, wall=wall)
    lens: object = Lens()
    return replace(
        app,
        poll=replace(app.poll, sources={"Wall": reader}),
        capturing=replace(app.capturing, camera=lens),  # type: ignore[arg-type]
    )


def told(config: Path, *words: str) -> str:
    return " ".join(CliRunner().invoke(cli, [*words, "--config", str(config)]).output.split())


def test_sealing_that_is_switched_on_in_a_running_monitor_seals_from_then_on(tmp_path: Path) -> None:
    """What is there stays as it was, and `check` counts it; switched off again, new words are readable."""
    wall, clock = Wall(), Clock()
    path = write_config(tmp_path)
    app = looking_at(build(load(path, {}), now=clock), wall)
    store = app.store
    with closing(store):
        wall.pin(threat(1))
        app.poll_source("Wall", early=True)
        assert "(1 text and 0 files of captures)" in told(path, "check")
        sealing = looking_at(rebuild(app, load(write_config(tmp_path, SEALED), {})), wall)
        wall.pin(threat(2))
        sealing.poll_source("Wall", early=True)
        assert [sealing.store.alerts.is_sealed(number) for number in (1001, 1002)] == [False, True]
        said = told(path, "check")
        assert "what is written now, only whoever holds one of 2 keys" in said
        assert "older than the sealing, and readable by" in said
        assert "(1 text and 0 files of captures)" in said
        again = looking_at(rebuild(sealing, load(write_config(tmp_path), {})), wall)
        wall.pin(threat(3))
        again.poll_source("Wall", early=True)
        assert again.store.posts.unsealed() == 2
        for each in (app, sealing, again):
            each.let_go()


def test_an_alert_whose_words_are_sealed_says_how_they_are_opened(tmp_path: Path) -> None:
    wall = Wall()
    path = write_config(tmp_path, SEALED)
    app = looking_at(build(load(path, {}), now=Clock()), wall)
    with closing(app):
        wall.pin(threat(1))
        app.poll_source("Wall", early=True)
    said = told(path, "alert", "1001")
    assert "The words are sealed: this machine cannot read them." in said
    assert "monitor evidence open FOLDER --key YOUR-KEY --to NEW-FOLDER" in said
    assert "kept no longer" not in said
    assert threat(1) not in said
    page = tmp_path / "page.html"
    told(path, "alert", "1001", "--html", str(page))
    assert "The words are sealed, and so are the screen prints" in page.read_text("utf-8")
    assert "no longer kept" not in page.read_text("utf-8")


def test_the_words_of_every_telling_are_handed_over_sealed_and_open_elsewhere(tmp_path: Path) -> None:
    """A capture shows one post; what others said, and what was edited away, opens with a key as well."""
    lead, wall = KeyPair.new(), Wall()
    path = write_config(tmp_path, SEALED.replace(ONE, lead.public))
    app = looking_at(build(load(path, {}), now=Clock()), wall)
    with closing(app):
        first = wall.pin(threat(1), parent_text="What is that about?")
        wall.posts.append(replace(first, text=f"{threat(2)} and more"))
        for _ in range(2):
            app.poll_source("Wall", early=True)
    (tmp_path / "lead.key").write_bytes(lead.file())
    asked = ("evidence", "words", "1001", "--to", str(tmp_path / "words"), "--by", "D. Lead")
    assert "Say what for" in told(path, *asked)
    assert "The sealed words of A-1001" in told(path, *asked, "--why", "for the file")
    assert "There is a file" in told(path, *asked, "--why", "for the file")
    handed = (tmp_path / "words" / "words.json").read_text("utf-8")
    assert threat(1) not in handed
    opened = tmp_path / "opened"
    key = ("--key", str(tmp_path / "lead.key"), "--to", str(opened))
    done = CliRunner().invoke(cli, ["evidence", "open", str(tmp_path / "words"), *key])
    assert done.exit_code == 0
    posts = json.loads((opened / "words.opened.json").read_text("utf-8"))["posts"]
    assert [post["text"] for post in posts] == [threat(1), f"{threat(2)} and more"]
    assert {post["author"] for post in posts} == {"Pat Writer"}
    with closing(build(load(path, {}))) as later:
        (entry,) = later.store.custody.of_alert(1001)
    assert (entry.event.deed, entry.event.by, entry.event.why) == (Deed.COPIED, "D. Lead", "for the file")
