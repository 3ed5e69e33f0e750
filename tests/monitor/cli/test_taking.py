"""What a person has taken, brings or shuts away: refusals first, then exactly what they gave (LEI-9.2).

DOMAIN 3.2 rule 6 (manual upload) and 3.7 (what must not be captured).
"""

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from sites import Site, serving
from typer.testing import Result

from monitor.alerts import Alert
from monitor.app import App, now, start
from monitor.captures import Capture, Kind
from monitor.cases import Act, CaseEvent
from monitor.config.loading import load
from monitor.custody import Deed
from monitor.evidence.permitted import refusal
from monitor.evidence.record import Brought
from monitor.jobs.by_hand import Asked, ByHand, NotTaken
from monitor.network import Guard

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
SEEN = "2026-11-20 21:40"
PAGE = (
    "<title>Fair</title><h1>Harrowby Green fair</h1><p>The gate of Harrowby Green was left open all "
    "afternoon, and nobody from the office came out to look.</p>"
)
NO_HARM = "--no-nude-or-semi-nude-child"


class Monitor(Protocol):
    """The command, as conftest.py makes it."""

    folder: Path
    config: Path
    environ: dict[str, str]

    def __call__(self, *words: str, typed: str | None = None) -> Result: ...


Make = Callable[..., Monitor]
DEAD = 'name: Gone, platform: feed, url: "http://127.0.0.1:1/feed.xml"'


def app_of(monitor: Monitor) -> closing[App]:
    return closing(start(load(monitor.config, monitor.environ)))


def kept(monitor: Monitor) -> list[Capture]:
    with app_of(monitor) as app:
        return [one for one in app.store.captures.of_school("harrowby-green") if one.alert is None]


def record_of(monitor: Monitor, capture: Capture) -> dict[str, Any]:
    with app_of(monitor) as app:
        folder = app.config.data / "evidence" / capture.folder
    read: dict[str, Any] = json.loads((folder / "record.json").read_bytes())
    return read


def some_alert(monitor: Monitor, *, locked: bool) -> Alert:
    with app_of(monitor) as app:
        found = [one for one in app.store.alerts.all(open_only=True) if one.media_lock is locked]
    return found[0]


def uploading(file: Path, *more: str, leave: str = "") -> list[str]:
    given = {
        "--url": "https://forum.example/t/7",
        "--seen": SEEN,
        "--by": "Dana Lead",
        "--device": "school laptop 12",
        "--edited": "no",
    }
    words = [word for name, value in given.items() if name != leave for word in (name, value)]
    return ["evidence", "upload", str(file), *words, *([] if leave == NO_HARM else [NO_HARM]), *more]


@pytest.fixture
def print_(tmp_path: Path) -> Path:
    """A screen print that somebody took."""
    file = tmp_path / "print.png"
    file.write_bytes(PNG)
    return file


@pytest.fixture
def plain(configured: Make) -> Monitor:
    """A monitor of one school that has found nothing yet."""
    return configured(DEAD)


# --- upload ---


def test_a_screen_print_is_kept_bit_for_bit_with_who_when_where_and_with_what(
    plain: Monitor, print_: Path
) -> None:
    """LEI-9.2: screen print, and the time, date and address of the site."""
    result = plain(*uploading(print_))

    assert result.exit_code == 0, result.output
    (capture,) = kept(plain)
    (file,) = capture.files
    assert capture.kind is Kind.MANUAL_UPLOAD
    assert (file.name, file.role, file.media_type) == ("upload.png", "manual_upload", "image/png")
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    with app_of(plain) as app:
        folder = app.config.data / "evidence" / capture.folder
    assert (folder / "upload.png").read_bytes() == PNG
    assert sorted(entry.name for entry in folder.iterdir()) == ["record.json", "upload.png"]
    record = record_of(plain, capture)
    assert record["url_as_told"] == "https://forum.example/t/7"
    assert record["who"]["person"] == "Dana Lead"
    assert record["manual_upload"] == {
        "device": "school laptop 12",
        "edited": False,
        "file_name": "print.png",
        "seen_at_local": "2026-11-20T21:40+00:00",
        "seen_at_utc": "2026-11-20T21:40:00+00:00",
    }
    assert "2026-11-20" not in result.output  # people read dates in words
    assert "Seen by them     Fri 20 Nov 2026 21:40 GMT" in result.output


def test_an_upload_has_its_place_in_the_chain_and_the_custody_log(plain: Monitor, print_: Path) -> None:
    plain(*uploading(print_))
    plain(*uploading(print_, "--reason", "asked for by the head"))

    first, second = kept(plain)
    assert first.link is not None
    assert second.link is not None
    assert second.link.previous_sha256 == first.record_sha256
    with app_of(plain) as app:
        (entry,) = app.store.custody.of_capture(second.id)
    assert (entry.event.deed, entry.event.by) == (Deed.CAPTURED, "Dana Lead")
    assert entry.event.why == "asked for by the head"


def test_without_the_confirmation_not_a_byte_is_read_and_people_hear_what_to_do(
    plain: Monitor, tmp_path: Path
) -> None:
    """UKCIS: never view, copy, print, share, store or save such imagery."""
    pipe = tmp_path / "print.png"
    os.mkfifo(pipe)  # whoever opened it to read would be seen, or wait for ever

    result = plain(*uploading(pipe, leave=NO_HARM))

    assert result.exit_code == 2
    for words in ("Nothing was read", "do not copy", "Tell the DSL", "Internet Watch Foundation", "999"):
        assert words in " ".join(result.stderr.split())
    assert not (plain.folder / "data").exists()


@pytest.mark.parametrize("missing", ["--url", "--seen", "--device", "--edited", "--by"])
def test_nothing_is_kept_of_which_nobody_says_where_when_and_by_whom(
    plain: Monitor, print_: Path, missing: str
) -> None:
    result = plain(*uploading(print_, leave=missing))

    assert result.exit_code == 2
    assert missing in result.stderr
    assert kept(plain) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("print.png", b"MZ\x90\x00 a program"),
        ("print.jpg", b""),
        ("print.pdf", b"<html>%PDF-1.7"),
        ("print.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("print.gif", b"GIF89a"),
        ("print.png", b"\x89PNG\r\n\x1a"),
    ],
)
def test_what_does_not_begin_as_a_picture_is_refused_whatever_it_is_called(
    plain: Monitor, tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    result = plain(*uploading(file))

    assert result.exit_code == 2
    assert result.stderr.startswith(f"{file} is neither PNG, nor JPEG, nor PDF")
    assert kept(plain) == []


@pytest.mark.parametrize(
    ("begins", "name"), [(b"\xff\xd8\xff\xe0", "upload.jpg"), (b"%PDF-1.7", "upload.pdf")]
)
def test_jpeg_and_pdf_are_kept_under_a_name_of_ours(
    plain: Monitor, tmp_path: Path, begins: bytes, name: str
) -> None:
    file = tmp_path / "\x1b[2J\u202e..%2f$(reboot).exe"
    file.write_bytes(begins + b"\x00" * 100)

    result = plain(*uploading(file))

    assert result.exit_code == 0
    assert all(c.isprintable() or c == "\n" for c in result.output)
    (capture,) = kept(plain)
    assert [one.name for one in capture.files] == [name]
    assert record_of(plain, capture)["manual_upload"]["file_name"] == "[2J..%2f$(reboot).exe"


def test_a_file_that_is_too_large_is_refused(plain: Monitor, print_: Path) -> None:
    with print_.open("r+b") as file:
        file.truncate(20_000_001)

    result = plain(*uploading(print_))

    assert result.exit_code == 2
    assert "larger than 20 MB" in result.stderr


def test_what_is_no_file_is_refused_without_waiting_for_it(plain: Monitor, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)

    for path, said in (
        (pipe, "is not a file"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "x.png", "cannot be read: No such file or directory"),
    ):
        result = plain(*uploading(path))
        assert result.exit_code == 2
        assert f"{path} {said}" in result.stderr
    assert kept(plain) == []


@pytest.mark.parametrize(
    "seen", ["yesterday", "1066-10-14 09:00", "2026-13-01", "11/20/2026 21:40", "20/11/2026", "/", "\x1b"]
)
def test_a_time_that_cannot_be_is_refused(plain: Monitor, print_: Path, seen: str) -> None:
    result = plain(*uploading(print_, "--seen", seen))

    assert result.exit_code == 2
    assert 'Write when it was seen, day, month, year and time: --seen "20/11/2026 21:40"' in result.stderr


@pytest.mark.parametrize("seen", ["2999-01-01 12:00", "31/12/2999 12:00", "9999-12-31 23:59"])
def test_a_time_that_is_still_to_come_is_refused_as_such(plain: Monitor, print_: Path, seen: str) -> None:
    result = plain(*uploading(print_, "--seen", seen))

    assert result.exit_code == 2
    assert f'--seen "{seen}" is still to come' in result.stderr
    assert kept(plain) == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("20/11/2026 21:40", "2026-11-20T21:40+00:00"),
        ("1/6/2026 9:05", "2026-06-01T09:05+01:00"),
        (" 25/10/2026 01:30 ", "2026-10-25T01:30+01:00"),
        ("2026-06-01 09:05", "2026-06-01T09:05+01:00"),
    ],
)
def test_a_time_may_be_written_as_people_here_write_it(
    plain: Monitor, print_: Path, written: str, meant: str
) -> None:
    result = plain(*uploading(print_, "--seen", written))

    assert result.exit_code == 0, result.output
    (capture,) = kept(plain)
    assert record_of(plain, capture)["manual_upload"]["seen_at_local"] == meant


def test_whether_it_was_edited_is_yes_or_no(plain: Monitor, print_: Path) -> None:
    result = plain(*uploading(print_, "--edited", "maybe"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--edited yes, or --edited no" in result.stderr
    assert "Value error" not in result.stderr


@pytest.mark.parametrize("url", ["https://[::1", "about:blank", "forum.example", "\x1b"])
def test_what_is_no_address_is_refused(plain: Monitor, print_: Path, url: str) -> None:
    result = plain(*uploading(print_, "--url", url))

    assert result.exit_code == 2, result.output
    assert "no address" in result.stderr


def test_nothing_comes_to_a_locked_alert_by_this_door(monitor: Monitor, print_: Path) -> None:
    """Media of a locked item can never arrive by another door."""
    locked = some_alert(monitor, locked=True)

    by_number = monitor(*uploading(print_, "--alert", locked.label))
    by_address = monitor(*uploading(print_, "--url", locked.urls[0].replace("http://", "http://www.") + "#x"))
    by_words = monitor(*uploading(print_, "--reason", "someone is selling nudes of a year 9 girl"))

    for result in (by_number, by_address, by_words):
        assert result.exit_code == 2, result.output
        assert "may show an indecent image of a child" in " ".join(result.stderr.split())
    assert kept(monitor) == []


@pytest.mark.parametrize("brought_for", ["its alert", "its address"])
def test_what_is_locked_while_it_is_brought_leaves_nothing_behind(
    monitor: Monitor, print_: Path, brought_for: str
) -> None:
    alert = some_alert(monitor, locked=False)
    of_alert = brought_for == "its alert"
    with app_of(monitor) as app:

        def somebody_locks() -> datetime:
            lock = CaseEvent(alert=alert.number, act=Act.LOCKED, by="Dana Lead", at=now())
            app.store.cases.append(lock)
            return now()

        door = ByHand(
            store=app.store,
            camera=app.camera,
            write=app.write,
            guard=Guard(),
            through_proxy=False,
            locks=lambda _: False,
            data=app.config.data,
            now=somebody_locks,
        )
        asked = Asked(
            url="https://forum.example/t/7" if of_alert else alert.urls[0],
            school=alert.school,
            alert=alert if of_alert else None,
            by="Dana Lead",
            why="a call",
        )
        brought = Brought(seen_at=now(), device="laptop", edited=False, file_name="print.png")
        with pytest.raises(NotTaken, match="may show an indecent image"):
            door.upload(asked, brought, print_)

        assert list(app.config.data.rglob("upload.png")) == []
        assert not any(one.kind is Kind.MANUAL_UPLOAD for one in app.store.captures.of_school(alert.school))


def test_an_upload_belongs_to_the_alert_that_it_is_brought_for(monitor: Monitor, print_: Path) -> None:
    alert = some_alert(monitor, locked=False)

    result = monitor(*uploading(print_, "--alert", str(alert.number)))

    assert result.exit_code == 0, result.output
    assert "belongs to no alert" not in result.output
    with app_of(monitor) as app:
        assert app.store.captures.of_alert(alert.number)[-1].kind is Kind.MANUAL_UPLOAD


def test_of_what_belongs_to_no_alert_it_is_said_that_it_goes_and_cannot_be_handed_over(
    plain: Monitor, print_: Path
) -> None:
    for result in (plain(*uploading(print_)), plain(*capturing("http://127.0.0.1:9/fair"))):
        told = " ".join(result.output.split())
        assert "it is deleted 365 days after it was taken, and can neither be held nor handed over" in told
        assert "give --alert A-1044" in told


# --- capture ---

PERMITTED = [
    "https://forum.example/t/7?page=2#c5",
    "https://www.facebook.com/harrowbygreen/posts/123",
    "https://m.facebook.com/story.php?story_fbid=1&id=2",
    "https://www.instagram.com/p/Cxyz/",
    "https://x.com/somebody/status/123",
    "https://www.tiktok.com/@somebody/video/123",
    "https://www.youtube.com/watch?v=abc",
    "https://bsky.app/profile/somebody.example/post/3k",
    "https://old.reddit.com/r/harrowby/comments/abc/title/",
    "https://mastodon.example/@somebody/1234567",
]
NOT_PERMITTED = [
    "https://www.facebook.com/jane.doe.123",
    "https://facebook.com/profile.php?id=1",
    "https://www.facebook.com/jane/friends",
    "https://www.facebook.com/messages/t/1",
    "https://www.instagram.com/somebody/",
    "https://www.instagram.com/stories/somebody/1/",
    "https://www.instagram.com/somebody/followers",
    "https://x.com/somebody",
    "https://x.com/somebody/followers",
    "https://www.tiktok.com/@somebody",
    "https://www.snapchat.com/add/somebody",
    "https://www.youtube.com/@somebody",
    "https://bsky.app/profile/somebody.example",
    "https://www.reddit.com/user/somebody",
    "https://www.linkedin.com/in/somebody",
    "https://mastodon.example/@somebody",
    "https://mastodon.example/users/somebody/",
    "https://chat.example/messages/77",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ftp://forum.example/x",
    "https://dana:secret@forum.example/",
    "forum.example/t/7",
    "https://[::1",
    "https://forum.example/" + "x" * 3_000,
]


@pytest.mark.parametrize("url", PERMITTED)
def test_a_public_page_or_a_single_post_may_be_captured(url: str) -> None:
    assert refusal(url) == ""


@pytest.mark.parametrize("url", NOT_PERMITTED)
def test_profiles_lists_messages_and_what_is_no_public_page_are_refused_in_a_sentence(url: str) -> None:
    """DOMAIN 3.7 no. 7."""
    assert refusal(url).endswith(".")
    assert len(refusal(url)) < 400


def capturing(url: str, *more: str) -> list[str]:
    return ["evidence", "capture", url, "--by", "Dana Lead", "--reason", "named in a call", *more]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://10.1.2.3/", "not on the public internet"),
        ("http://169.254.169.254/latest/", "link-local"),
        ("http://[::1]/", "this machine itself"),
        ("http://nowhere.invalid/", "cannot be found"),
        ("https://x.com/somebody", "never profiles"),
    ],
)
def test_nothing_is_asked_of_an_address_that_may_not_be_read(plain: Monitor, url: str, said: str) -> None:
    result = plain(*capturing(url))

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert kept(plain) == []


def test_of_a_locked_alert_nothing_is_fetched_whoever_asks(monitor: Monitor) -> None:
    locked = some_alert(monitor, locked=True)

    for words in (capturing(locked.urls[0]), capturing("http://127.0.0.1:1/x", "--alert", locked.label)):
        result = monitor(*words)
        assert result.exit_code == 2
        assert "may show an indecent image of a child" in " ".join(result.stderr.split())
    assert kept(monitor) == []


def test_a_capture_needs_a_name_a_reason_and_a_school_where_there_are_several(configured: Make) -> None:
    monitor = configured(DEAD)
    text = monitor.config.read_text()
    monitor.config.write_text(
        text.replace("sources:", "  - {id: alder-lane, name: Alder Lane School}\nsources:")
    )
    url = "http://127.0.0.1:1/"

    unnamed = monitor("evidence", "capture", url, "--reason", "x", "--school", "alder-lane")
    unreasoned = monitor("evidence", "capture", url, "--by", "Dana Lead", "--school", "alder-lane")
    schoolless = monitor(*capturing(url))
    unknown = monitor(*capturing(url, "--school", "elsewhere"))

    assert "Say who you are" in unnamed.stderr
    assert 'Say why it is needed; it stands in the record: --reason "' in unreasoned.stderr
    assert "--school alder-lane or harrowby-green" in schoolless.stderr
    assert "--school alder-lane or harrowby-green" in unknown.stderr
    assert {one.exit_code for one in (unnamed, unreasoned, schoolless, unknown)} == {2}


def test_a_machine_without_a_browser_says_so_and_the_record_too(plain: Monitor) -> None:
    with serving() as site:
        site.pages["/fair"] = PAGE
        result = plain(*capturing(site.url("/fair")))

    assert result.exit_code == 1
    assert "There is no picture of the page: the record says why." in result.stderr
    (capture,) = kept(plain)
    assert capture.kind is Kind.METADATA_ONLY


@pytest.fixture
def site() -> Iterator[Site]:
    """A site with one page."""
    with serving() as served:
        served.pages["/fair"] = PAGE
        yield served


@pytest.mark.browser
def test_a_page_is_taken_now_with_who_asked_and_why(plain: Monitor, site: Site, browser: Path) -> None:
    config = plain.config
    config.write_text(f"{config.read_text()}browser: {browser}\n")

    result = plain(*capturing(site.url("/fair")))

    assert result.exit_code == 0, result.output
    (capture,) = kept(plain)
    assert capture.kind is Kind.PAGE_SCREENSHOT
    assert not any("could not be found" in limit for limit in capture.limits)
    record = record_of(plain, capture)
    assert record["url_requested"] == site.url("/fair")
    assert record["why"] == {"reason": "named in a call", "requested_by": "Dana Lead"}
    assert record["alert"] is None
    assert "taken by hand: screen print of the page, complete" in result.output
    assert plain("evidence", "verify").exit_code == 0


@pytest.mark.browser
def test_a_page_whose_words_lock_is_not_kept_and_locks_the_alert_it_was_taken_for(
    monitor: Monitor, site: Site
) -> None:
    alert = some_alert(monitor, locked=False)
    site.pages["/bad"] = "<p>Someone is selling nudes of a year 9 girl from Harrowby Green, dm me £5</p>"

    result = monitor(*capturing(site.url("/bad"), "--alert", alert.label))

    assert result.exit_code == 1, result.output
    assert "may show an indecent image of a child" in " ".join(result.stderr.split())
    with app_of(monitor) as app:
        locked = app.store.alerts.get(alert.number)
        newest = app.store.captures.of_alert(alert.number)[-1]
    assert locked is not None
    assert locked.media_lock
    assert newest.kind is Kind.METADATA_ONLY
    assert not any(file.media_type.startswith("image/") for file in newest.files)


@pytest.mark.browser
def test_a_page_whose_words_lock_lets_no_picture_of_it_in_either(
    plain: Monitor, site: Site, print_: Path, browser: Path
) -> None:
    """DOMAIN 3.7: nor by another door, though the page belongs to no alert."""
    plain.config.write_text(f"{plain.config.read_text()}browser: {browser}\n")
    site.pages["/bad"] = "<p>Someone is selling nudes of a year 9 girl from Harrowby Green, dm me £5</p>"
    assert plain(*capturing(site.url("/bad"))).exit_code == 1

    result = plain(*uploading(print_, "--url", site.url("/bad?share=phone")))

    assert result.exit_code == 2, result.output
    assert "may show an indecent image of a child" in " ".join(result.stderr.split())
    assert [one.kind for one in kept(plain)] == [Kind.METADATA_ONLY]


@pytest.mark.browser
@pytest.mark.parametrize("then", ["it ends there", "it goes on"])
def test_a_short_link_to_a_locked_page_brings_nothing(
    plain: Monitor, site: Site, browser: Path, then: str
) -> None:
    plain.config.write_text(f"{plain.config.read_text()}browser: {browser}\n")
    site.pages["/short"] = lambda visitor: visitor.lead_to("/post")
    site.pages["/post"] = PAGE if then == "it ends there" else lambda visitor: visitor.lead_to("/fair")
    with app_of(plain) as app:
        app.store.forgetting.lock([site.url("/post")], now())

    result = plain(*capturing(site.url("/short")))

    assert result.exit_code == 2, result.output
    assert "may show an indecent image of a child" in " ".join(result.stderr.split())
    assert kept(plain) == []
    assert list((plain.folder / "data" / "evidence").rglob("record.json")) == []


# --- quarantine ---


def shut(monitor: Monitor, capture: Capture) -> Result:
    return monitor("evidence", "quarantine", capture.id, "--by", "Dana Lead", "--why", "sent by mistake")


def quarantined(monitor: Monitor, print_: Path, *more: str) -> Capture:
    monitor(*uploading(print_, *more))
    with app_of(monitor) as app:
        (capture,) = (
            one for one in app.store.captures.of_school("harrowby-green") if one.kind is Kind.MANUAL_UPLOAD
        )
    result = shut(monitor, capture)
    assert result.exit_code == 0, result.output
    return capture


def test_what_came_by_accident_is_moved_where_nobody_reads_it_and_is_not_copied(
    plain: Monitor, print_: Path
) -> None:
    plain(*uploading(print_))
    (capture,) = kept(plain)
    with app_of(plain) as app:
        data = app.config.data
    before = (data / "evidence" / capture.folder / "upload.png").stat()
    working = data / "evidence-working" / capture.id
    working.mkdir(parents=True)
    (working / "redacted-1.png").write_bytes(PNG)

    assert shut(plain, capture).exit_code == 0

    place = data / "quarantine" / capture.id
    after = (place / "upload.png").stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)  # the very same file
    assert stat.S_IMODE(after.st_mode) == 0
    assert list(working.iterdir()) == []
    assert len(list(place.iterdir())) == 2
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (place, place.parent)] == [0o700, 0o700]
    assert [file.name for file in (data / "evidence" / capture.folder).iterdir()] == ["record.json"]


def test_what_is_in_quarantine_is_shown_copied_printed_and_backed_up_nowhere(
    plain: Monitor, print_: Path, tmp_path: Path
) -> None:
    capture = quarantined(plain, print_)

    shown = plain("evidence", "show", capture.id, "--by", "D", "--why", "w", "--picture", str(tmp_path / "p"))
    plain("backup", str(tmp_path / "saved"))

    assert shown.exit_code == 2
    assert "in quarantine" in shown.stderr
    assert not (tmp_path / "p").exists()
    (backup,) = (tmp_path / "saved").glob("*.tar.gz")
    with tarfile.open(backup) as tar:
        assert not [name for name in tar.getnames() if "quarantine" in name or "upload" in name]
    assert "in quarantine: do not open" in plain("evidence", "list").output


def test_what_is_shut_away_without_saying_what_happened_is_refused(plain: Monitor, print_: Path) -> None:
    plain(*uploading(print_))
    (capture,) = kept(plain)

    result = plain("evidence", "quarantine", capture.id, "--by", "Dana Lead")

    assert result.exit_code == 2
    assert 'it stands in the custody log: --why "sent by mistake"' in result.stderr


def test_verify_knows_that_it_was_moved_and_not_lost(plain: Monitor, print_: Path) -> None:
    capture = quarantined(plain, print_)

    assert plain("evidence", "verify").exit_code == 0
    with app_of(plain) as app:
        file = app.config.data / "quarantine" / capture.id / "upload.png"
    file.unlink()

    result = plain("evidence", "verify")
    assert result.exit_code == 1
    assert "upload.png is missing, from quarantine too." in result.output


def test_the_alert_of_what_is_shut_away_is_locked_and_held_and_the_leads_hear_of_it(
    monitor: Monitor, print_: Path
) -> None:
    alert = some_alert(monitor, locked=False)
    capture = quarantined(monitor, print_, "--alert", alert.label)
    shut(monitor, capture)  # once more changes nothing

    with app_of(monitor) as app:
        locked = app.store.alerts.get(alert.number)
        deeds = [entry.event.deed for entry in app.store.custody.of_capture(capture.id)]
        while app.deliver.run() is not None:
            pass
    sent = [file.read_text() for file in sorted((monitor.folder / "mail").glob("*.eml"))]
    letters = [letter.replace("=\n", "") for letter in sent if "received by accident" in letter]
    assert locked is not None
    assert (locked.media_lock, locked.held) == (True, True)
    assert deeds == [Deed.CAPTURED, Deed.QUARANTINED]
    assert len(letters) == 3  # DSL, deputy and head, once each
    assert all(capture.id in letter and "Do not delete it" in letter for letter in letters)


def test_a_quarantine_that_was_cut_short_is_finished_by_the_next_call(plain: Monitor, print_: Path) -> None:
    plain(*uploading(print_))
    (capture,) = kept(plain)
    with app_of(plain) as app:
        data = app.config.data
    place = data / "quarantine" / capture.id
    place.mkdir(parents=True)
    (data / "evidence" / capture.folder / "upload.png").rename(place / "upload.png")

    assert shut(plain, capture).exit_code == 0

    assert plain("evidence", "verify").exit_code == 0
    with app_of(plain) as app:
        assert app.store.captures.quarantined() == {capture.id}


def test_the_page_of_what_was_shut_away_lets_nothing_in_again(plain: Monitor, print_: Path) -> None:
    quarantined(plain, print_)

    again = plain(*uploading(print_))
    elsewhere = plain(*uploading(print_, "--url", "https://forum.example/t/8"))

    assert again.exit_code == 2, again.output
    assert "may show an indecent image of a child" in " ".join(again.stderr.split())
    assert elsewhere.exit_code == 0, elsewhere.output
