"""Handing evidence over: a pack that stands on its own months later (DOMAIN 3.6), and redacted copies."""

import ast
import base64
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from authority import TimeAuthority, make_authority, serve
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from darkroom import MAKER, Darkroom, screen_print, web_archive
from fakes import Clock, write_config
from little_room import little_room
from PIL import Image
from scenes import make_order
from store_samples import make_findings, make_judged, make_post
from ulid import ULID

from monitor.alerts import Alert
from monitor.app import App, start
from monitor.captures import Capture, Kind, Progress
from monitor.cases import Act, CaseEvent
from monitor.config.loading import load
from monitor.custody import Deed, Event
from monitor.evidence import archive
from monitor.evidence.archive import Paper
from monitor.evidence.opening import open_all
from monitor.evidence.pack import verify
from monitor.evidence.pack.matter import LOCKED_LATER, Handing, Matter, Redacted
from monitor.evidence.pack.writing import PackFailed, made
from monitor.evidence.printing import as_pdf
from monitor.evidence.record import Brought, Outcome, record
from monitor.evidence.redacting import Box, CannotRedact, covered
from monitor.evidence.sealing import KeyPair, Keys, Sealer
from monitor.evidence.signing import open_key
from monitor.jobs.hand_over import Handed, HandOver
from monitor.jobs.show import Show

SCHOOL = "harrowby-green"
BY, WHOM, WHY = "Dana Lead", "PC 4711, Harrowby police", "crime reference 42/1"
VERIFY = Path(verify.__file__)


@dataclass
class Office:
    """A school's monitor with a darkroom for a camera, and somebody who hands evidence over."""

    app: App
    room: Darkroom
    clock: Clock

    def alert(self, **judgement: Any) -> Alert:
        """An alert about a post of its own, with its capture taken."""
        self.room.kinds = [Kind.ELEMENT_SCREENSHOT]
        number = len(self.app.store.alerts.all(open_only=False)) + 1
        post = make_post(number, url=f"https://forum.harrowby.example/t/{number}")
        at = self.clock.forward(seconds=1)
        found = make_findings(make_judged(post, **judgement), source="Wall", cursor=str(number), at=at)
        self.app.store.record(found, at)
        assert self.app.capturing.run() is not None
        return max(self.app.store.alerts.all(open_only=False), key=lambda alert: alert.number)

    def take(self, alert: Alert, kind: Kind, **changes: Any) -> Capture:
        """One more capture for an alert, as a person has it taken."""
        self.room.kinds = [kind]
        at = self.clock.forward(seconds=1)
        order = make_order(**{"id": str(ULID()), "alert": alert.number, "seen_at": at} | changes)
        return self.app.store.captures.book(self.room.take(order, at), self.room.place, by=BY, why=WHY)

    def bring(self, alert: Alert) -> Capture:
        """A picture that a member of staff took."""
        at = self.clock.forward(seconds=1)
        brought = Brought(seen_at=at, device="a school phone", edited=False, file_name="print.png")
        picture = Paper(
            name="upload.png",
            role=Kind.MANUAL_UPLOAD.value,
            media_type="image/png",
            content=screen_print(),
        )
        outcome = Outcome(
            kind=Kind.MANUAL_UPLOAD,
            progress=Progress.COMPLETE,
            captured_at=at,
            limits=(),
            papers=(picture,),
            brought=brought,
        )
        order = make_order(
            id=str(ULID()),
            alert=alert.number,
            url="https://forum.harrowby.example/t/brought",
            requested_by=BY,
        )
        taken = archive.stage(self.room.root, record(order, outcome, MAKER), outcome.papers)
        return self.app.store.captures.book(taken, self.room.place, by=BY, why=WHY)

    def pin(self) -> None:
        """Make the anchors that are due and have them stamped."""
        self.clock.at = max(self.clock.at, datetime.now(UTC))
        assert self.app.pin_evidence()
        while self.app.stamping.run() is not None:
            pass

    def hand(self, **changes: Any) -> HandOver:
        """Somebody who hands over, without a browser to print with."""
        ordinary = HandOver(
            store=self.app.store,
            anchoring=self.app.anchoring,
            data=self.app.config.data,
            school_names=self.app.write.manner.school_names,
            to_pdf=None,
            now=self.clock,
        )
        return replace(ordinary, **changes)

    def export(self, alert: Alert, to: Path, redacted: Redacted | None = None) -> Handed:
        """Hand the evidence of an alert to the police."""
        return self.hand().export(alert, to, by=BY, whom=WHOM, why=WHY, redacted=redacted)

    def deeds(self, deed: Deed, alert: Alert) -> list[Event]:
        """What the custody log knows of this kind about an alert."""
        entries = self.app.store.custody.of_alert(alert.number)
        return [entry.event for entry in entries if entry.event.deed is deed]

    def close(self) -> None:
        """Let go."""
        self.app.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    """A time-stamp authority that can be asked."""
    with serve(make_authority(tmp_path_factory.mktemp("authority"))) as running:
        yield running


@contextmanager
def open_office(folder: Path, authority: TimeAuthority | None = None, **room: Any) -> Iterator[Office]:
    """An office in this folder, whose clock begins a minute ago."""
    named = f'{{name: Post Office, url: "{authority.url}", roots: "{authority.root}"}}' if authority else ""
    clock = Clock(datetime.now(UTC) - timedelta(minutes=1))
    app = start(load(write_config(folder, f"evidence: {{authorities: [{named}]}}"), {}), clock)
    camera: Any = Darkroom(app.config.data / "evidence", **room)
    app = replace(app, capturing=replace(app.capturing, camera=camera))
    office = Office(app, camera, clock)
    try:
        yield office
    finally:
        office.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office whose anchors nobody stamps; every test has an alert of its own."""
    with open_office(tmp_path_factory.mktemp("unstamped")) as opened:
        yield opened


@dataclass(frozen=True)
class Packed:
    """A pack of one alert with a screen print and a card, in which other matters stand between."""

    folder: Path
    handed: Handed
    root: Path

    @property
    def captures(self) -> list[str]:
        """Where the captures lie in it: the screen print, then the card."""
        return [one.folder for one in self.handed.pack.exhibits]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, authority: TimeAuthority) -> Iterator[Packed]:
    """A pack of one alert, made as the police are handed it."""
    folder = tmp_path_factory.mktemp("office")
    with open_office(folder, authority) as office:
        alert = office.alert()
        office.pin()
        office.alert()
        office.pin()
        office.take(alert, Kind.RENDERED_CARD, text="Everybody meet by the gate.")
        office.pin()
        handed = office.export(alert, folder / "pack")
        yield Packed(folder / "pack", handed, authority.root)


@pytest.fixture
def pack(packed: Packed, tmp_path: Path) -> Path:
    """A copy of the pack, to do what one likes with."""
    shutil.copytree(packed.folder, tmp_path / "pack")
    return tmp_path / "pack"


def alone(pack: Path, *words: str, path: str = os.defpath) -> tuple[int, str]:
    """What verify.py says, run by a plain Python that knows nothing of this project."""
    interpreter = Path(sys.base_prefix) / "bin" / "python3"
    done = subprocess.run(
        [str(interpreter), "-I", "-S", "verify.py", *words],
        cwd=pack,
        env={"PATH": path},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def inside(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def fails(pack: Path) -> list[tuple[str, str]]:
    """Where and what is wrong with a pack."""
    return [(one.where, one.what) for one in verify.check(pack) if one.mark == verify.FAIL]


def rows(pack: Path, name: str) -> list[dict[str, str]]:
    """A table of the pack, as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO((pack / name).read_text("utf-8-sig"), newline="")))


# The pack as it is handed over


def test_a_pack_is_verified_by_a_plain_python_and_openssl_in_another_folder(
    packed: Packed, pack: Path
) -> None:
    # DOMAIN 3.3 and 3.6: it works with no network, and outside this project's environment.
    manifest = packed.handed.pack.manifest_sha256
    code, said = alone(pack, "--roots", str(packed.root), "--manifest", manifest)

    assert code == 0, said
    assert "FAIL" not in said
    assert "OPEN" not in said
    assert "anchor 1 was there at" in said
    assert "0 failed" in said


def test_a_pack_holds_what_the_domain_asks_for(packed: Packed) -> None:
    # DOMAIN 3.6
    names = set(inside(packed.folder))

    assert names == {
        "README.txt",
        "anchors",
        "captures",
        "custody.csv",
        "custody.json",
        "exhibit_list.csv",
        "explanation.html",
        "manifest.sha256",
        "manifest.sig",
        "redactions.csv",
        "statement_template.txt",
        "summary.html",
        "tsa",
        "verify.py",
    }
    first, second = packed.captures
    assert {"record.json", "screenshot.png", "strip.png", "page.wacz"} <= set(inside(packed.folder / first))
    assert {"record.json", "card.png", "post.json"} <= set(inside(packed.folder / second))


def test_exhibits_have_references_that_belong_to_one_capture_alone(packed: Packed) -> None:
    found = rows(packed.folder, "exhibit_list.csv")

    assert [row["exhibit"] for row in found] == ["HG/DL/1", "HG/DL/3"]
    assert [row["what_it_is"] for row in found] == [
        Kind.ELEMENT_SCREENSHOT.words,
        Kind.RENDERED_CARD.words,
    ]
    assert found[0]["address"] == "https://forum.harrowby.example/t/1"
    assert found[0]["taken_utc"]


def test_what_others_did_stands_there_as_hashes_only(packed: Packed) -> None:
    other = "forum.harrowby.example/t/2"
    log = json.loads((packed.folder / "custody.json").read_bytes())
    shown = [entry["event"] for entry in log["entries"] if "event" in entry]

    assert any("event" not in entry for entry in log["entries"])
    assert {event["capture"] for event in shown if event["capture"]} == {
        folder.removeprefix("captures/") for folder in packed.captures
    }
    assert all(other.encode() not in path.read_bytes() for path in packed.folder.rglob("*") if path.is_file())


def test_who_was_handed_what_stands_in_the_custody_log_with_the_hash_of_the_manifest(
    office: Office, tmp_path: Path
) -> None:
    # DOMAIN 3.4: exported (to whom, why)
    alert = office.alert()

    handed = office.export(alert, tmp_path / "pack")

    (event,) = office.deeds(Deed.EXPORTED, alert)
    manifest = (handed.pack.to / "manifest.sha256").read_bytes()
    assert (event.by, event.alert) == (BY, alert.number)
    assert WHOM in event.why
    assert WHY in event.why
    assert event.object_sha256 == handed.pack.manifest_sha256 == hashlib.sha256(manifest).hexdigest()
    (copied,) = office.deeds(Deed.COPIED, alert)
    assert copied.capture == handed.pack.exhibits[0].capture.id


def test_the_texts_say_what_it_does_not_show_and_never_call_it_proof(packed: Packed) -> None:
    # DOMAIN 3.1
    readme = (packed.folder / "README.txt").read_text("ascii")
    explanation = (packed.folder / "explanation.html").read_text("utf-8")

    assert "It is not called proof" in readme
    assert "Nobody can show afterwards what a web site sent" in readme
    assert "That is why the pack is not called proof" in explanation
    assert WHOM in readme
    assert "HG/DL/1" in (packed.folder / "statement_template.txt").read_text("ascii")
    assert "section 9 of the Criminal Justice Act 1967" in (
        packed.folder / "statement_template.txt"
    ).read_text("ascii")


def test_the_summary_shows_address_times_picture_strip_and_hashes(packed: Packed) -> None:
    # LEI-9.2: screen print, time, date, address of the site
    page = (packed.folder / "summary.html").read_text("utf-8")
    print_, strip = (
        base64.b64encode((packed.folder / packed.captures[0] / name).read_bytes()).decode()
        for name in ("screenshot.png", "strip.png")
    )

    assert "https://forum.harrowby.example/t/1" in page
    assert print_ in page
    assert strip in page
    assert packed.handed.pack.exhibits[0].capture.record_sha256 in page
    assert "Post Office" in page


def test_of_a_long_custody_log_the_summary_shows_the_beginning_and_the_end_and_says_what_is_between(
    office: Office, tmp_path: Path
) -> None:
    # DOMAIN 3.4: who took it must not be crowded out by who looked at it.
    alert = office.alert()
    (capture,) = office.app.store.captures.of_alert(alert.number)
    for number in range(65):
        office.app.store.custody.append(
            Event(
                school=SCHOOL,
                at=office.clock.forward(seconds=1),
                deed=Deed.VIEWED,
                by="Sam Deputy",
                why=f"look {number}.",
                alert=alert.number,
                capture=capture.id,
                object_sha256=capture.record_sha256,
            )
        )

    office.export(alert, tmp_path / "pack")

    page = (tmp_path / "pack" / "summary.html").read_text("utf-8")
    deeds = len(rows(tmp_path / "pack", "custody.csv"))
    assert "<td>captured</td>" in page
    assert "look 0." in page
    assert "look 64." in page
    assert page.count("<td>viewed</td>") < 60
    assert f"{deeds - 60} entries between these stand in custody.csv" in page


def test_the_summary_says_which_exhibit_was_in_whose_hand_and_tells_one_hand_over_once(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert()
    office.take(alert, Kind.RENDERED_CARD, text="Everybody meet by the gate.")
    first, second = (one.ref for one in office.export(alert, tmp_path / "first").pack.exhibits)

    office.export(alert, tmp_path / "second")

    page = (tmp_path / "second" / "summary.html").read_text("utf-8")
    assert page.count("<td>copied</td>") == 1
    assert f"<td>copied</td><td>{first}, {second}</td><td>{BY}</td><td>into the pack with manifest" in page
    assert f"<td>captured</td><td>{first}</td>" in page
    assert f"<td>captured</td><td>{second}</td>" in page
    copied = [row for row in rows(tmp_path / "second", "custody.csv") if row["what"] == "copied"]
    assert [row["exhibit"] for row in copied] == [first, second], "the table has them all"


def test_the_first_page_says_what_it_is_about_what_was_checked_and_who_stamped_it(
    packed: Packed, office: Office, tmp_path: Path
) -> None:
    stamped = (packed.folder / "summary.html").read_text("utf-8")
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    flip(office.app.config.data / "evidence" / capture.folder / "screenshot.png")
    office.export(alert, tmp_path / "pack")
    changed = (tmp_path / "pack" / "summary.html").read_text("utf-8")

    assert "2 exhibits; nothing sealed, redacted or left out" in stamped
    assert "<td>abuse; 2 exhibits" in stamped
    assert "every file handed over was as it was recorded" in stamped
    assert "Time-stamped by: Post Office." in stamped
    assert "<strong>1 thing does NOT fit</strong>" in changed
    assert "Time-stamped by: nobody yet" in changed


def test_each_exhibit_has_its_clock_and_the_account_and_words_of_its_post_as_text(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert()
    words = "Everybody meet by the gate. " * 50
    office.take(alert, Kind.RENDERED_CARD, text=words, author="garden_gnome_77")

    office.export(alert, tmp_path / "pack")

    page = (tmp_path / "pack" / "summary.html").read_text("utf-8")
    assert page.count("<th>Its clock</th><td>it is not known that anything kept it right</td>") == 2
    assert "<th>Account (site says)</th><td>garden_gnome_77</td>" in page
    assert words[:800] in page
    assert "It goes on: post.json has the whole" in page


def test_nothing_is_said_of_the_words_of_what_is_covered(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    covered_ = office.take(alert, Kind.ELEMENT_SCREENSHOT, text="Everybody meet by the gate.", author="gnome")
    office.hand().redact(covered_, [Box(20, 20, 300, 60)], by=BY, why="a child's name")

    office.export(alert, tmp_path / "pack", Redacted.INSTEAD)

    page = (tmp_path / "pack" / "summary.html").read_text("utf-8")
    assert "Words (site says)" not in page
    assert "gnome" not in page
    assert "1 redacted, 1 left out" in page


@pytest.mark.browser
def test_the_picture_of_a_whole_page_and_what_pins_it_are_on_one_page_of_paper(tmp_path: Path) -> None:
    tall = io.BytesIO()
    Image.new("RGB", (1280, 3_000), "#dfe7ee").save(tall, "PNG")
    with open_office(tmp_path, picture=tall.getvalue()) as office:
        browser = office.app.browser.path
        assert browser is not None
        hand = office.hand(to_pdf=partial(as_pdf, browser=browser))
        alert = office.alert()
        office.take(alert, Kind.RENDERED_CARD, text="Everybody meet by the gate.")
        hand.export(alert, tmp_path / "pack", by=BY, whom=WHOM, why=WHY)

    assert pages(tmp_path / "pack" / "summary.pdf") == 3, "a page about all, and one for each exhibit"


@pytest.mark.browser
def test_summary_and_explanation_are_printed_where_there_is_a_browser(office: Office, tmp_path: Path) -> None:
    alert, browser = office.alert(), office.app.browser.path
    assert browser is not None

    handed = office.hand(to_pdf=partial(as_pdf, browser=browser)).export(
        alert, tmp_path / "pack", by=BY, whom=WHOM, why=WHY
    )

    assert handed.wrong == []
    for name in ("summary.pdf", "explanation.pdf"):
        assert (tmp_path / "pack" / name).read_bytes().startswith(b"%PDF")
    assert pages(tmp_path / "pack" / "explanation.pdf") == 1


def pages(pdf: Path) -> int:
    """How many pages a PDF has."""
    told = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True).stdout
    return int(next(line.split()[1] for line in told.splitlines() if line.startswith("Pages:")))


def test_the_hash_of_the_manifest_tells_this_pack_from_any_other(packed: Packed, pack: Path) -> None:
    right, wrong = packed.handed.pack.manifest_sha256, "0" * 64

    assert alone(pack, "--manifest", right)[0] == 0
    code, said = alone(pack, "--manifest", wrong)
    assert code == 1
    assert "does NOT have the hash that you gave" in said


def test_an_officer_can_bring_the_roots_that_they_trust(packed: Packed, pack: Path) -> None:
    stranger = packed.root.with_name("stranger.pem")

    assert "by the roots that you gave" in alone(pack, "--roots", str(packed.root))[1]
    code, said = alone(pack, "--roots", str(stranger))
    assert code == 1
    assert "does NOT verify for its anchor" in said


def test_the_lines_that_the_readme_gives_for_checking_by_hand_check_the_pack(
    packed: Packed, pack: Path
) -> None:
    readme = (pack / "README.txt").read_text("ascii").replace("\\\n", "")
    lines = [line.strip() for line in readme.splitlines()]
    stamp = min((pack / "tsa").glob("*.tst")).stem
    key = min((pack / "anchors").glob("*.pem")).stem.removeprefix("public-key-")
    meant = {"STAMP": stamp, "NUMBER": "000001", "-....": f"-{key}.", "SECONDS": str(int(time.time()))}

    said = []
    for begins in ("sha256sum -c", "openssl pkeyutl", "openssl ts -verify"):
        command = next(line for line in lines if line.startswith(begins))
        for written, name in meant.items():
            command = command.replace(written, name)
        done = subprocess.run(command.split(), cwd=pack, capture_output=True, text=True, check=True)
        said.append(done.stdout + done.stderr)

    assert "README.txt: OK" in said[0]
    assert "Signature Verified Successfully" in said[1]
    assert "Verification: OK" in said[2]
    assert f" -attime {meant['SECONDS']}" in command, "a certificate may have run out by then"


def test_a_time_stamp_that_holds_by_the_pack_alone_is_left_open(packed: Packed, pack: Path) -> None:
    # Whoever forges a pack forges an authority with it: only what comes from outside passes.
    code, said = alone(pack)
    root = x509.load_pem_x509_certificates(packed.root.read_bytes())[-1].fingerprint(hashes.SHA256()).hex()

    stamps = [line for line in said.splitlines() if "  tsa/" in line]
    assert code == 0, said
    assert stamps
    for line in stamps:
        assert line.startswith("OPEN")
        assert f"holds by the root in this pack, SHA-256 {root}; compare it, or give --roots" in line


def test_without_openssl_all_else_is_checked_and_the_rest_is_named(pack: Path, tmp_path: Path) -> None:
    code, said = alone(pack, path=str(tmp_path))

    assert code == 0, said
    assert "there is no `openssl` on this machine" in said
    assert "its record is number 1 of the chain" in said


def test_with_the_openssl_of_a_mac_signatures_and_time_stamps_are_open_and_nothing_fails(
    pack: Path, tmp_path: Path
) -> None:
    # LibreSSL knows neither `pkeyutl -rawin` nor `ts -attime`.
    bin_, real = tmp_path / "bin", shutil.which("openssl")
    bin_.mkdir()
    (bin_ / "openssl").write_text(
        f'#!/bin/sh\ncase "$*" in *-rawin*|*-attime*) echo "unknown option" >&2; exit 1;; esac\n'
        f'exec {real} "$@"\n'
    )
    (bin_ / "openssl").chmod(0o700)

    code, said = alone(pack, path=f"{bin_}")

    lines = [line for line in said.splitlines() if "tsa/" in line or ".sig" in line or "anchors/" in line]
    assert code == 0, said
    assert lines
    assert all(line.startswith("OPEN") for line in lines)
    assert "cannot verify Ed25519; OpenSSL 3 can" in said


def test_one_that_is_open_is_spoken_of_as_one() -> None:
    one = verify.Finding(verify.OPEN, "tsa", "no time-stamp")

    assert "0 failed, 1 is open." in verify.as_text([one])
    assert "0 failed, 2 are open." in verify.as_text([one, one])


def test_verify_py_keeps_to_what_python_3_8_can_read() -> None:
    ast.parse(VERIFY.read_text("utf-8"), feature_version=(3, 8))


def test_files_that_a_desktop_leaves_behind_are_no_alarm(pack: Path) -> None:
    (pack / "captures" / ".DS_Store").write_bytes(b"x")
    (pack / "Thumbs.db").write_bytes(b"x")

    assert fails(pack) == []


# What is found when somebody changes it


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Change what a JSON file says."""
    told = json.loads(path.read_bytes())
    change(told)
    path.write_bytes(json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def forge(pack: Path) -> None:
    """Write the manifest anew, as somebody would who changed something and knows how packs are made."""
    names = sorted(
        path.relative_to(pack).as_posix()
        for path in pack.rglob("*")
        if path.is_file() and path.name not in {"manifest.sha256", "manifest.sig"}
    )
    lines = (f"{hashlib.sha256((pack / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (pack / "manifest.sha256").write_text("".join(lines))


def screen(pack: Path) -> Path:
    """The folder of the screen print."""
    return min(path for path in (pack / "captures").iterdir() if (path / "screenshot.png").exists())


def card(pack: Path) -> Path:
    """The folder of the card."""
    return min(path for path in (pack / "captures").iterdir() if (path / "card.png").exists())


def other_picture(pack: Path) -> None:
    """Another picture, and a record and a manifest that agree with it."""
    folder = screen(pack)
    flip(folder / "screenshot.png")
    picture = hashlib.sha256((folder / "screenshot.png").read_bytes()).hexdigest()

    def agree(record: Any) -> None:
        file = next(file for file in record["files"] if file["name"] == "screenshot.png")
        file["sha256"] = picture

    edit(folder / "record.json", agree)
    forge(pack)


def back_date(pack: Path) -> None:
    """A record that says it is a year older."""
    edit(
        screen(pack) / "record.json",
        lambda record: record.update(captured_at_utc="2025-01-01T00:00:00+00:00"),
    )
    forge(pack)


def swap(pack: Path) -> None:
    """Two records in each other's place."""
    one, two = screen(pack) / "record.json", card(pack) / "record.json"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    forge(pack)


def drop_capture(pack: Path) -> None:
    """A capture is gone, and the manifest says nothing of it."""
    shutil.rmtree(card(pack))
    forge(pack)


def other_times(pack: Path) -> None:
    """An anchor that says it is older."""
    path = pack / "anchors" / "000001.json"
    edit(path, lambda told: told.update(made_at="2025-01-01T00:00:00+00:00"))
    forge(pack)


def drop_anchor(pack: Path) -> None:
    """An anchor in the middle is gone."""
    for ending in ("json", "sig"):
        (pack / "anchors" / f"000002.{ending}").unlink()
    forge(pack)


def drop_every_anchor(pack: Path) -> None:
    """Nothing pins the pack any more."""
    shutil.rmtree(pack / "anchors")
    shutil.rmtree(pack / "tsa")
    forge(pack)


def sign_all_anew(pack: Path) -> None:
    """The whole pack forged with a key of the forger's own: another picture, and all that follows from it."""
    other_picture(pack)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    record = hashlib.sha256((screen(pack) / "record.json").read_bytes()).hexdigest()
    before = "0" * 64
    for path in sorted((pack / "anchors").glob("*.json")):
        told = json.loads(path.read_bytes())
        told |= {"public_key": public.hex(), "previous_anchor_sha256": before}
        for one in told["records"]:
            if one["capture_id"] == screen(pack).name:
                one["sha256"] = record
        written = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        path.write_bytes(written)
        path.with_suffix(".sig").write_bytes(key.sign(written))
        before = hashlib.sha256(written).hexdigest()
    forge(pack)
    (pack / "manifest.sig").write_bytes(key.sign((pack / "manifest.sha256").read_bytes()))


def go_on_under_own_key(pack: Path) -> None:
    """An invented capture behind the honest ones, and all that pins it, under a key of the forger's own."""
    last = max((pack / "anchors").glob("*.json"))
    told, name = json.loads(last.read_bytes()), str(ULID())
    folder = pack / "captures" / name
    shutil.copytree(card(pack), folder)
    place = told["records_total"] + 1
    previous = told["record_head_sha256"]
    edit(
        folder / "record.json",
        lambda record: record.update(capture_id=name, chain_index=place, previous_record_sha256=previous),
    )
    record = hashlib.sha256((folder / "record.json").read_bytes()).hexdigest()
    event = {"capture": name, "deed": "captured"}

    def note(log: Any) -> None:
        head, number = log["previous_sha256"], log["first"] - 1
        for number, entry in enumerate([*log["entries"], {"event": event}], log["first"]):
            of = (
                verify.sha256(verify.canonical(entry["event"])) if "event" in entry else entry["event_sha256"]
            )
            line = {"event_sha256": of, "number": number, "previous_sha256": head}
            head = verify.sha256(verify.canonical(line))
        log["entries"].append({"event": event, "sha256": head})
        told.update(custody_entries=number, custody_head_sha256=head)

    edit(pack / "custody.json", note)
    key = Ed25519PrivateKey.generate()
    told |= {
        "anchor": told["anchor"] + 1,
        "previous_anchor_sha256": hashlib.sha256(last.read_bytes()).hexdigest(),
        "public_key": key.public_key().public_bytes_raw().hex(),
        "record_head_sha256": record,
        "records": [{"capture_id": name, "index": place, "sha256": record}],
        "records_total": place,
    }
    path = last.with_name(f"{told['anchor']:06}.json")
    path.write_bytes(verify.canonical(told))
    path.with_suffix(".sig").write_bytes(key.sign(path.read_bytes()))
    (pack / "README.txt").write_text("Ring 020 7946 0000 with any question.")
    forge(pack)
    (pack / "manifest.sig").write_bytes(key.sign((pack / "manifest.sha256").read_bytes()))


def exchange_tokens(pack: Path) -> None:
    """The time-stamp of one anchor under the name of another."""
    first, last = (sorted((pack / "tsa").glob("*.tst"))[place] for place in (0, -1))
    first.write_bytes(last.read_bytes())
    forge(pack)


def flip_token(pack: Path) -> None:
    """A time-stamp with one bit changed."""
    path = min((pack / "tsa").glob("*.tst"))
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes([content[-8] ^ 1]) + content[-7:])
    forge(pack)


def other_reason(pack: Path) -> None:
    """The custody log names another person."""

    def change(log: Any) -> None:
        entry = next(entry for entry in log["entries"] if "event" in entry)
        entry["event"]["by"] = "Somebody Else"

    edit(pack / "custody.json", change)
    forge(pack)


def drop_entry(pack: Path) -> None:
    """An entry is left out of the custody log."""
    edit(pack / "custody.json", lambda log: log["entries"].pop(1))
    forge(pack)


def cut_log(pack: Path) -> None:
    """The custody log ends early."""
    edit(pack / "custody.json", lambda log: log["entries"].pop())
    forge(pack)


def other_archive(pack: Path) -> None:
    """A web archive whose page was exchanged."""
    body = b"<p>nothing to see here</p>"
    archive = web_archive().replace(b"<p>meet by the gate</p>", body[:23])
    (screen(pack) / "page.wacz").write_bytes(archive)
    forge(pack)


def say_withheld(pack: Path) -> None:
    """A file is gone, and said to have been withheld."""
    capture = screen(pack)
    (capture / "page.html").unlink()
    with (pack / "redactions.csv").open("a", encoding="utf-8", newline="") as file:
        file.write(f"HG/DL/1,{capture.name},withheld,page.html,{'0' * 64},,,,,,no reason\r\n")
    forge(pack)


def lead_elsewhere(pack: Path) -> None:
    """A manifest that names a file outside of the pack."""
    with (pack / "manifest.sha256").open("a") as file:
        file.write(f"{'0' * 64}  ../../../etc/passwd\n")


def link_elsewhere(pack: Path) -> None:
    """A picture that is a link to another place."""
    picture = screen(pack) / "screenshot.png"
    kept = pack.parent / "elsewhere.png"
    picture.rename(kept)
    picture.symlink_to(kept)


def many_records(pack: Path) -> None:
    """An anchor that claims more records than any memory holds."""
    edit(pack / "anchors" / "000002.json", lambda told: told.update(records_total=10**15))


def wait_for_ever(pack: Path) -> None:
    """A pipe in the place of a file: whoever opens it waits for ever."""
    (pack / "README.txt").unlink()
    os.mkfifo(pack / "README.txt")


def add_file(pack: Path) -> None:
    """A picture that was never taken."""
    shutil.copy(screen(pack) / "screenshot.png", screen(pack) / "another.png")
    forge(pack)


def add_capture(pack: Path) -> None:
    """A capture that was never taken."""
    shutil.copytree(screen(pack), pack / "captures" / str(ULID()))
    forge(pack)


MANIPULATIONS: dict[Callable[[Path], None], tuple[str, str]] = {
    lambda pack: flip(screen(pack) / "screenshot.png"): ("screenshot.png", "NOT the file that was recorded"),
    lambda pack: flip(pack / "summary.html"): ("summary.html", "was changed after the pack was made"),
    lambda pack: flip(pack / "custody.csv"): ("custody.csv", "was changed after the pack was made"),
    lambda pack: (screen(pack) / "strip.png").unlink(): ("strip.png", "is missing"),
    lambda pack: (pack / "README.txt").unlink(): ("README.txt", "is missing from the pack"),
    lambda pack: (pack / "manifest.sig").unlink(): ("manifest.sig", "cannot be read"),
    lambda pack: (pack / "new.txt").write_text("new") and None: ("new.txt", "was added"),
    lambda pack: (screen(pack) / "record.json").write_text("[" * 100_000) and None: ("captures", "cannot be"),
    other_picture: ("captures", "its record is NOT the one that anchor 1 names"),
    back_date: ("captures", "its record is NOT the one that anchor 1 names"),
    swap: ("captures", "its record is that of another capture"),
    drop_capture: ("manifest.sig", "is NOT what was signed"),
    other_times: ("anchors/000001.json", "is NOT what was signed"),
    drop_anchor: ("anchors/000003.json", "anchor 2 is missing before it"),
    drop_every_anchor: ("anchors", "nothing outside this pack pins"),
    sign_all_anew: ("tsa/000001", "does NOT verify for its anchor"),
    go_on_under_own_key: ("anchors/00000", "has a new key that the old one did not name"),
    exchange_tokens: ("tsa/000001", "does NOT verify for its anchor"),
    flip_token: ("tsa/000001", "does NOT verify for its anchor"),
    other_reason: ("custody.json", "entry 1 was changed"),
    drop_entry: ("custody.json", "was changed, or one before it"),
    cut_log: ("custody.json", "some were left out"),
    other_archive: ("page.wacz", ""),
    say_withheld: ("page.html", "its hash is not that of its record"),
    lead_elsewhere: ("manifest.sha256", "is a link, or no name for a file of a pack"),
    link_elsewhere: ("manifest.sha256", "is a link, or no name for a file of a pack"),
    many_records: ("anchors/000002.json", "does not go on where the anchor before it ended"),
    wait_for_ever: ("README.txt", "was changed after the pack was made"),
    add_file: ("another.png", "does not belong to this capture"),
    add_capture: ("captures/", "its record is that of another capture"),
}


@pytest.mark.parametrize("number", range(len(MANIPULATIONS)))
def test_each_manipulation_of_a_pack_is_found_and_named(pack: Path, number: int) -> None:
    # DOMAIN 3.3: prints pass or fail for each item
    manipulate, (where, what) = list(MANIPULATIONS.items())[number]

    manipulate(pack)

    found = fails(pack)
    assert [one for one in found if where in one[0] and what in one[1]], found


def test_a_new_key_that_the_old_one_did_not_name_fails_a_pack_that_fits_together_otherwise(
    pack: Path,
) -> None:
    # The school's key is not needed to sign so.
    go_on_under_own_key(pack)

    assert [what.partition(",")[0] for _, what in fails(pack)] == [
        "has a new key that the old one did not name"
    ]


def test_a_pack_signed_throughout_with_another_key_is_only_told_by_what_the_school_says(
    packed: Packed, pack: Path
) -> None:
    shutil.rmtree(pack / "tsa")
    sign_all_anew(pack)

    code, said = alone(pack)
    signed = [line for line in said.splitlines() if "is signed with" in line]
    asked = [line for line in said.splitlines() if "nothing here shows that the key" in line]

    assert code == 0, "nothing within a pack can tell"
    assert signed
    assert all("which this pack names as the school's" in line for line in signed)
    assert len(asked) == 1
    assert asked[0].startswith("OPEN")
    assert "ask the school, by a telephone number that you find yourself" in asked[0]
    code, said = alone(pack, "--manifest", packed.handed.pack.manifest_sha256)
    assert code == 1
    assert "nothing here shows" not in said


@pytest.mark.parametrize("change", [other_reason, drop_entry, cut_log])
def test_of_a_custody_log_with_a_break_nobody_says_that_it_could_be_followed(
    pack: Path, change: Callable[[Path], None]
) -> None:
    change(pack)

    assert not [one for one in verify.check(pack) if one.mark == verify.PASS and "were followed" in one.what]


def test_a_manipulated_pack_ends_with_1_and_a_warning(pack: Path) -> None:
    flip(screen(pack) / "screenshot.png")

    code, said = alone(pack)

    assert code == 1
    assert "Do not rely on this pack" in said


def test_a_pack_that_speaks_to_the_terminal_is_not_obeyed(pack: Path) -> None:
    (pack / "\x1b]0;gone\x07.txt").write_text("x")

    assert "\x1b" not in alone(pack)[1]


# What is honest, and only looks odd


def test_a_clock_that_was_an_hour_fast_and_then_set_right_is_told_and_no_failure(
    tmp_path: Path, authority: TimeAuthority
) -> None:
    # Hashes carry the order; `monitor evidence verify` notes such times, too.
    with open_office(tmp_path, authority) as office:
        alert = office.alert()
        office.clock.at = datetime.now(UTC) + timedelta(minutes=50)
        office.app.pin_evidence()
        office.take(alert, Kind.RENDERED_CARD)
        office.clock.at = datetime.now(UTC)
        office.pin()

        handed = office.export(alert, tmp_path / "pack")

    told = [one for one in verify.check(tmp_path / "pack") if verify.SET in one.what]
    assert handed.wrong == []
    assert {(one.mark, one.where.partition("/")[0]) for one in told} == {
        (verify.OPEN, "anchors"),
        (verify.OPEN, "tsa"),
        (verify.OPEN, "captures"),
    }


OLD_PRINT = screen_print("From before the chain.")


def older_than_the_chain(office: Office, alert: Alert, **more: Any) -> Capture:
    """A capture as the first versions filed it: no place in a chain, and a picture called `screenshot`."""
    name = str(ULID())
    folder = office.room.root / SCHOOL / "2026" / name
    folder.mkdir(parents=True)
    (folder / "print.png").write_bytes(OLD_PRINT)
    picture = {
        "bytes": len(OLD_PRINT),
        "media_type": "image/png",
        "name": "print.png",
        "role": "screenshot",
        "sha256": hashlib.sha256(OLD_PRINT).hexdigest(),
    }
    told = {
        "alert": alert.label,
        "capture_id": name,
        "captured_at_utc": "2026-09-01T08:00:00+00:00",
        "files": [picture],
        "kind": Kind.PAGE_SCREENSHOT,
        "limits": [],
        "progress": Progress.COMPLETE,
        "school_id": SCHOOL,
        "url_requested": "https://forum.harrowby.example/t/old",
    }
    written = archive.canonical(told | more)
    (folder / "record.json").write_bytes(written)
    return archive.told(office.room.root, folder, written)


def matter_of(office: Office, alert: Alert, *captures: Capture) -> Matter:
    """What there is to hand over of these captures."""
    store = office.app.store
    return Matter(
        alert=alert.number,
        school_name="Harrowby Green",
        locked=False,
        captures=captures,
        entries=store.custody.of_school(SCHOOL),
        anchors=store.anchors.of_school(SCHOOL),
        stamps=store.anchors.stamps(SCHOOL),
        copies={},
    )


@pytest.mark.parametrize("withheld", [False, True])
def test_a_capture_of_before_the_chain_is_handed_over_as_that_and_no_failure(
    office: Office, tmp_path: Path, withheld: bool
) -> None:
    alert = office.alert()
    office.pin()
    own = office.app.store.captures.of_alert(alert.number)[0]
    old = older_than_the_chain(office, alert, media_lock=withheld)
    handing = Handing(by=BY, whom=WHOM, why=WHY, at=office.clock(), software="monitor")
    sign = open_key(office.app.anchoring.keys).sign
    kept = office.room.root
    with made(
        *(matter_of(office, alert, own, old), handing, tmp_path / "pack"),
        **{"evidence": kept, "copies": kept.with_name("evidence-working"), "sign": sign, "to_pdf": None},
    ) as pack:
        found = verify.check(pack.folder)
        page = (pack.folder / "summary.html").read_text("utf-8")
        assert withheld is (pack.folder / "captures" / old.id / "metadata.json").exists()

    told = [one for one in found if verify.OLDER in one.what]
    assert [one for one in found if one.mark == verify.FAIL] == []
    assert {(one.mark, one.where) for one in told} == {
        (verify.OPEN, f"captures/{old.id}"),
        (verify.OPEN, "custody.json"),
    }
    assert (base64.b64encode(OLD_PRINT).decode() in page) is not withheld


def test_pictures_are_printed_until_the_summary_is_as_large_as_a_browser_opens(
    tmp_path: Path, authority: TimeAuthority
) -> None:
    # What follows the end of a PNG is no part of the picture, and as heavy.
    heavy = screen_print() + bytes(24_000_000)
    with open_office(tmp_path, authority, picture=heavy) as office:
        alert = office.alert()
        office.take(alert, Kind.ELEMENT_SCREENSHOT)
        office.take(alert, Kind.RENDERED_CARD)

        office.export(alert, tmp_path / "pack")

    page = (tmp_path / "pack" / "summary.html").read_text("utf-8")
    assert len(page) < 61_000_000
    assert page.count("Its picture is not printed here, since there are so many; the file is in") == 1
    assert page.count("data:image/png") == 4, "two pictures, each with its strip"


# What is never handed over


def test_of_a_locked_alert_the_record_alone_is_handed_over_defanged(office: Office, tmp_path: Path) -> None:
    # DOMAIN 3.7: never media
    alert = office.alert(media_lock=True)

    handed = office.export(alert, tmp_path / "pack")

    (exhibit,) = handed.pack.exhibits
    assert inside(tmp_path / "pack" / exhibit.folder) == ["record.json"]
    assert handed.wrong == []
    assert nowhere(tmp_path / "pack", "https://forum.harrowby.example")
    assert "Do not open" in (tmp_path / "pack" / "README.txt").read_text("ascii")


def test_a_record_that_names_the_address_of_a_locked_post_in_any_field_stays_at_school(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert(media_lock=True)
    office.take(
        alert, Kind.METADATA_ONLY, media_lock=True, post_id="https://forum.harrowby.example/t/5", text=""
    )

    handed = office.export(alert, tmp_path / "pack")

    assert handed.wrong == []
    assert nowhere(tmp_path / "pack", "https://forum.harrowby.example")


def test_of_an_alert_that_was_locked_later_not_even_the_record_is_handed_over(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert()
    office.app.store.cases.append(
        CaseEvent(alert=alert.number, act=Act.LOCKED, by=BY, at=office.clock(), note="seen")
    )

    # As it was read before somebody was asked who they are.
    handed = office.export(alert, tmp_path / "pack")

    (exhibit,) = handed.pack.exhibits
    assert inside(tmp_path / "pack" / exhibit.folder) == ["metadata.json"]
    assert handed.wrong == []
    assert nowhere(tmp_path / "pack", "https://forum.harrowby.example")
    assert {row["file"] for row in rows(tmp_path / "pack", "redactions.csv")} >= {
        "record.json",
        "screenshot.png",
    }
    for name in ("README.txt", "summary.html", "statement_template.txt"):
        told = (tmp_path / "pack" / name).read_text("utf-8")
        assert "locked after" in told.lower()
        assert "nothing was opened" not in told.lower(), "that would not be true"


def lock(office: Office, alert: Alert) -> None:
    """Somebody locks an alert."""
    office.app.store.cases.append(
        CaseEvent(alert=alert.number, act=Act.LOCKED, by=BY, at=office.clock(), note="seen")
    )


def test_a_page_that_another_alert_locks_is_neither_handed_over_nor_shown(
    office: Office, tmp_path: Path
) -> None:
    # DOMAIN 3.7: never media, whichever alert of the address was locked
    alert, other = office.alert(), office.alert()
    same = office.take(alert, Kind.ELEMENT_SCREENSHOT, url=f"{other.urls[0]}/?")
    show = Show(
        store=office.app.store, manner=office.app.write.manner, evidence=office.room.root, now=office.clock
    )
    assert show.pictured(alert) == same
    lock(office, other)

    handed = office.export(alert, tmp_path / "pack")

    own, shut = handed.pack.exhibits
    assert (own.locked, shut.locked) == (False, True)
    assert inside(tmp_path / "pack" / shut.folder) == ["metadata.json"]
    assert "screenshot.png" in inside(tmp_path / "pack" / own.folder)
    assert handed.wrong == []
    assert nowhere(tmp_path / "pack", other.urls[0])
    assert show.pictured(alert) == own.capture


def test_a_lock_that_comes_while_a_pack_is_made_stops_it(office: Office, tmp_path: Path) -> None:
    alert, other = office.alert(), office.alert()
    office.take(alert, Kind.ELEMENT_SCREENSHOT, url=other.urls[0])

    def printing(_: str) -> bytes:
        lock(office, other)
        return b"%PDF-1.7"

    with pytest.raises(PackFailed, match=r"was locked while the pack was being made"):
        office.hand(to_pdf=printing).export(alert, tmp_path / "pack", by=BY, whom=WHOM, why=WHY)

    assert [path.name for path in tmp_path.iterdir() if "pack" in path.name] == []
    assert office.deeds(Deed.EXPORTED, alert) == []


def test_of_a_page_that_was_opened_and_not_kept_before_the_lock_nobody_says_that_it_was_not_opened(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert()
    walled = office.take(alert, Kind.METADATA_ONLY)
    office.app.store.cases.append(
        CaseEvent(alert=alert.number, act=Act.LOCKED, by=BY, at=office.clock(), note="seen")
    )

    office.export(alert, tmp_path / "pack")

    told = json.loads((tmp_path / "pack" / "captures" / walled.id / "metadata.json").read_bytes())
    assert told["statement"] == LOCKED_LATER


def test_what_lies_in_quarantine_is_never_handed_over(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    kept = office.app.store.captures.of_alert(alert.number)[0]
    shut = office.take(alert, Kind.ELEMENT_SCREENSHOT, url="https://forum.harrowby.example/t/77")
    office.app.store.custody.append(
        Event(
            school=SCHOOL,
            at=office.clock(),
            deed=Deed.QUARANTINED,
            by=BY,
            why="came by accident",
            alert=alert.number,
            capture=shut.id,
            object_sha256=shut.record_sha256,
        )
    )

    handed = office.export(alert, tmp_path / "pack")

    assert [one.capture.id for one in handed.pack.exhibits] == [kept.id]
    assert handed.wrong == []
    assert nowhere(tmp_path / "pack", "t/77")
    assert "lies in quarantine" in (tmp_path / "pack" / "README.txt").read_text("ascii")


def nowhere(pack: Path, words: str) -> bool:
    """Whether these words stand in no file of the pack."""
    return all(words.encode() not in path.read_bytes() for path in pack.rglob("*") if path.is_file())


def test_sealed_files_are_handed_over_sealed_and_checked_again_once_they_are_opened(tmp_path: Path) -> None:
    # DOMAIN 3.5: hashes of ciphertext and plaintext
    keys = [KeyPair.new(), KeyPair.new()]
    with open_office(tmp_path, sealer=Sealer([key.public for key in keys])) as office:
        handed = office.export(office.alert(), tmp_path / "pack")
    place = tmp_path / "pack" / handed.pack.exhibits[0].folder

    assert handed.wrong == []
    assert not (place / "screenshot.png").exists()
    assert any("is sealed" in one.what for one in verify.check(tmp_path / "pack"))

    opened = list(open_all(tmp_path / "pack", Keys(keys[1].file(), str), tmp_path / "pack"))
    assert [one.amiss for one in opened] == [()]

    found = verify.check(tmp_path / "pack")
    assert fails(tmp_path / "pack") == []
    assert any("is what was recorded and sealed" in one.what for one in found)
    flip(place / "screenshot.png")
    assert ("NOT what was recorded and sealed" in what for _, what in fails(tmp_path / "pack"))


def test_a_sealed_pack_says_on_its_first_page_that_it_is_sealed(tmp_path: Path) -> None:
    with open_office(tmp_path, sealer=Sealer([KeyPair.new().public, KeyPair.new().public])) as office:
        alert = office.alert()
        handed = office.export(alert, tmp_path / "pack")
        with pytest.raises(PackFailed, match=r"its picture is sealed.*docs/sealing\.md, \"Redacting what is"):
            office.export(alert, tmp_path / "covered", Redacted.INSTEAD)

    first = (tmp_path / "pack" / "summary.html").read_text("utf-8").split('<section class="next">')[0]
    assert handed.pack.exhibits[0].sealed
    assert ", <strong>sealed</strong>" in first
    assert "Files of this pack are sealed" in first
    assert "Files of this pack are sealed" in (tmp_path / "pack" / "explanation.html").read_text("utf-8")
    assert "its file is sealed" in (tmp_path / "pack" / "summary.html").read_text("utf-8")


# Redacted copies


def test_a_redacted_copy_has_black_pixels_and_the_original_is_untouched(office: Office) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    original = office.app.config.data / "evidence" / capture.folder / "screenshot.png"
    before = original.read_bytes()

    file = office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="another child's name")

    image = Image.open(file)
    assert image.getpixel((25, 25)) == (0, 0, 0)
    assert image.getpixel((319, 79)) == (0, 0, 0)
    assert image.getpixel((320, 80)) == (255, 255, 255)
    assert original.read_bytes() == before
    (redacted,) = office.deeds(Deed.REDACTED, alert)
    assert redacted.object_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "20,20,300,60" in redacted.why
    (copied,) = office.deeds(Deed.COPIED, alert)
    assert copied.object_sha256 == capture.record_sha256


def test_a_redacted_copy_carries_nothing_but_pixels() -> None:
    picture = Image.new("RGB", (60, 40), "#336699")
    exif = picture.getexif()
    exif[0x010E] = "taken in the car park"
    written = io.BytesIO()
    picture.save(written, "JPEG", exif=exif, comment=b"taken by Dana")

    copy = covered(written.getvalue(), [Box(0, 0, 10, 10)])

    assert b"taken" not in copy
    assert Image.open(io.BytesIO(copy)).info == {}


@pytest.mark.parametrize("instead", [False, True])
def test_a_redacted_copy_goes_beside_the_original_or_in_place_of_all_that_shows_the_post(
    office: Office, tmp_path: Path, instead: bool
) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    copy = office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="another child's name")

    how = Redacted.INSTEAD if instead else Redacted.BESIDE
    handed = office.export(alert, tmp_path / "pack", how)

    place = tmp_path / "pack" / handed.pack.exhibits[0].folder
    assert handed.wrong == []
    assert (place / "redacted-1.png").read_bytes() == copy.read_bytes()
    assert (place / "screenshot.png").exists() is not instead
    assert (place / "page.wacz").exists() is not instead
    readme = (tmp_path / "pack" / "README.txt").read_text("ascii")
    assert ("each capture as it was kept" in readme) is not instead
    (note,) = (row["note"] for row in rows(tmp_path / "pack", "exhibit_list.csv"))
    assert note == ("a redacted copy is here in its place" if instead else "a redacted copy is here too")
    listed = rows(tmp_path / "pack", "redactions.csv")
    assert "20,20,300,60" in {row["boxes"] for row in listed}
    original = next(file for file in capture.files if file.name == "screenshot.png")
    assert original.sha256 in {row["sha256"] for row in listed if row["what"] == "redacted copy"}
    assert ("page.wacz" in {row["file"] for row in listed if row["what"] == "withheld"}) is instead


def test_instead_leaves_out_what_has_no_redacted_copy(office: Office, tmp_path: Path) -> None:
    # One post often stands in several captures: one that went whole would show what the other covers.
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    bare = office.take(alert, Kind.RENDERED_CARD, text="Everybody meet by the gate.")
    office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="another child's name")

    handed = office.export(alert, tmp_path / "pack", Redacted.INSTEAD)

    assert handed.wrong == []
    assert [(one.capture.id, one.why) for one in handed.pack.absent] == [(bare.id, "it has no redacted copy")]
    assert inside(tmp_path / "pack" / "captures") == [capture.id]
    assert nowhere(tmp_path / "pack", "meet by the gate")
    for name in ("README.txt", "exhibit_list.csv"):
        assert "it has no redacted copy" in (tmp_path / "pack" / name).read_text("utf-8-sig")


def test_what_has_no_picture_is_left_out_without_the_advice_to_cover_it(
    office: Office, tmp_path: Path
) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    bare = office.take(alert, Kind.METADATA_ONLY, text="Everybody meet by the gate.")
    office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="another child's name")

    handed = office.export(alert, tmp_path / "pack", Redacted.INSTEAD)

    assert [(one.capture.id, one.why) for one in handed.pack.absent] == [
        (bare.id, "it has no picture to cover")
    ]


def test_instead_says_nothing_of_holds_of_other_hand_overs_and_of_captures_that_are_left_out(
    office: Office, tmp_path: Path
) -> None:
    # The parents' solicitor is not to learn from a pack that the police have the matter.
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    left_out = office.take(alert, Kind.ELEMENT_SCREENSHOT, url="https://forum.harrowby.example/t/88")
    held = Event(
        school=SCHOOL,
        at=office.clock(),
        deed=Deed.HELD,
        by=BY,
        why="police, crime reference 42/118305/26",
        alert=alert.number,
    )
    looked = replace(held, deed=Deed.VIEWED, capture=capture.id, why="for the strategy meeting")
    office.app.store.custody.append(held)
    office.app.store.custody.append(looked)
    office.export(alert, tmp_path / "police")
    office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="another child's name")

    handed = office.hand().export(
        alert, tmp_path / "pack", by=BY, whom="the parents' solicitor", why="", redacted=Redacted.INSTEAD
    )

    pack = tmp_path / "pack"
    assert handed.wrong == []
    assert alone(pack)[0] == 0
    for told in (WHOM, WHY, "crime reference", "strategy meeting", "t/88"):
        assert nowhere(pack, told), told
    *entries, last = rows(pack, "custody.csv")
    assert {row["what"] for row in entries} == {"captured", "redacted"}
    assert {row["exhibit"] for row in entries} == {handed.pack.exhibits[0].ref}
    # The other capture, the hold, the look, the hand-over to the police with two copies, the working copy
    assert last["why"].startswith("7 more entries stand in custody.json by hash alone")
    assert "7 more entries stand in custody.json" in (pack / "summary.html").read_text("utf-8")
    log = json.loads((pack / "custody.json").read_bytes())
    assert sum("event" in entry for entry in log["entries"]) == len(entries)
    assert left_out.id not in str(log)


def test_instead_is_refused_where_no_capture_has_a_redacted_copy(office: Office, tmp_path: Path) -> None:
    alert = office.alert()

    with pytest.raises(PackFailed, match=r"No capture of A-\d+ has a redacted copy to hand over instead"):
        office.export(alert, tmp_path / "pack", Redacted.INSTEAD)

    assert not (tmp_path / "pack").exists()
    assert office.deeds(Deed.EXPORTED, alert) == []


@pytest.mark.parametrize("copies", [1, 2])
def test_instead_is_refused_where_the_newest_redacted_copy_was_lost(
    office: Office, tmp_path: Path, copies: int
) -> None:
    # An older copy does not cover what was covered since.
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    for number in range(copies):
        boxes = [Box(20, 20 + number, 300, 60)]
        newest = office.hand().redact(capture, boxes, by=BY, why="another child's name")
    newest.unlink()

    with pytest.raises(PackFailed, match=rf"{capture.id} were blacked out, but the newest copy is not on"):
        office.export(alert, tmp_path / "pack", Redacted.INSTEAD)

    assert not (tmp_path / "pack").exists()


def test_without_being_asked_redacted_copies_stay_where_they_are(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    office.hand().redact(capture, [Box(20, 20, 300, 60)], by=BY, why="a trial")

    handed = office.export(alert, tmp_path / "pack")

    assert not (tmp_path / "pack" / handed.pack.exhibits[0].folder / "redacted-1.png").exists()


@pytest.mark.parametrize(
    ("boxes", "why"),
    [([], "Name between one"), ([Box(5_000, 0, 10, 10)], "lies outside the picture, which is 640 by 200")],
)
def test_boxes_that_cover_nothing_are_refused(office: Office, boxes: list[Box], why: str) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]

    with pytest.raises(CannotRedact, match=why):
        office.hand().redact(capture, boxes, by=BY, why=WHY)

    assert office.deeds(Deed.REDACTED, alert) == []


@pytest.mark.parametrize("written", ["", "1,2,3", "a,b,c,d", "1,2,0,4", "-1,2,3,4", "1,2,3,9999999"])
def test_a_box_is_four_whole_numbers(written: str) -> None:
    with pytest.raises(ValueError, match="a box"):
        Box.read(written)


def test_nothing_of_a_locked_alert_is_copied_to_be_redacted(office: Office) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    office.app.store.cases.append(
        CaseEvent(alert=alert.number, act=Act.LOCKED, by=BY, at=office.clock(), note="seen")
    )

    with pytest.raises(CannotRedact, match="is locked"):
        office.hand().redact(capture, [Box(0, 0, 9, 9)], by=BY, why=WHY)


# Hostile words, and faults


HOSTILE = '=HYPERLINK("http://evil.example")\r\n@SUM(1)\x1b[2J \u202egnp.exe <script>alert(1)</script>'


def test_hostile_words_do_nothing_in_tables_pages_and_texts(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    office.take(alert, Kind.RENDERED_CARD, url=f"https://evil.example/{HOSTILE}", text=HOSTILE)

    handed = office.hand().export(alert, tmp_path / "pack", by=HOSTILE, whom=HOSTILE, why=HOSTILE)

    pack = tmp_path / "pack"
    assert handed.wrong == []
    for name in ("exhibit_list.csv", "custody.csv", "redactions.csv"):
        cells = [cell for row in rows(pack, name) for cell in row.values()]
        assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r|%")]
        assert not [cell for cell in cells if "\n" in cell or "\r" in cell]
    for name in ("summary.html", "explanation.html"):
        assert "<script" not in (pack / name).read_text("utf-8")
    for name in ("README.txt", "statement_template.txt", "summary.html", "explanation.html", "custody.csv"):
        unseen = {
            unicodedata.name(char, hex(ord(char)))
            for char in (pack / name).read_text("utf-8-sig")
            if unicodedata.category(char) in {"Cc", "Cf"} and char not in "\r\n"
        }
        assert unseen == set(), name


def test_a_folder_that_is_not_empty_is_left_as_it_is(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")

    with pytest.raises(PackFailed, match="is not empty: name a new folder"):
        office.export(alert, full)

    assert inside(full) == ["letter.txt"]
    assert office.deeds(Deed.EXPORTED, alert) == []


def test_an_empty_folder_becomes_the_pack(office: Office, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    office.export(office.alert(), tmp_path / "empty")

    assert (tmp_path / "empty" / "README.txt").exists()


@pytest.mark.parametrize(
    ("to", "why"),
    [("gone/pack", "There is no folder"), ("file", "is not a folder"), ("/", "is a drive")],
)
def test_a_place_that_cannot_be_is_named(office: Office, tmp_path: Path, to: str, why: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PackFailed, match=why):
        office.export(office.alert(), tmp_path / to)


@pytest.mark.parametrize("place", ["pack", "evidence/pack", "evidence/harrowby-green/pack"])
def test_no_pack_is_written_among_what_the_monitor_keeps(office: Office, place: str) -> None:
    # There, `verify` would call it a stranger, and within a capture's folder honest evidence would fail.
    alert, data = office.alert(), office.app.config.data

    with pytest.raises(PackFailed, match="lies in the monitor's own data folder"):
        office.export(alert, data / place)

    assert not (data / place).exists()
    assert office.deeds(Deed.EXPORTED, alert) == []


def test_a_full_disk_leaves_nothing_half(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    big = office.app.config.data / "evidence" / office.app.store.captures.of_alert(alert.number)[0].folder
    # The copy that was kept has grown: it is copied all the same, and does not fit.
    with (big / "page.html").open("ab") as file:
        file.truncate(9_000_000)

    with (
        little_room(8_000_000),
        pytest.raises(PackFailed, match=r"cannot be written to .*: File too large\. Noth"),
    ):
        office.export(alert, tmp_path / "pack")

    assert [path.name for path in tmp_path.iterdir() if "pack" in path.name] == []
    assert office.deeds(Deed.EXPORTED, alert) == []


def test_evidence_that_is_no_longer_whole_is_handed_over_with_a_word(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    flip(office.app.config.data / "evidence" / capture.folder / "screenshot.png")

    handed = office.export(alert, tmp_path / "pack")

    assert [(Path(one.where).name, one.what) for one in handed.wrong] == [
        ("screenshot.png", "is NOT the file that was recorded")
    ]


def test_a_picture_that_staff_brought_is_said_to_rest_on_their_word(office: Office, tmp_path: Path) -> None:
    # DOMAIN 3.2, rule 6
    alert = office.alert()
    office.bring(alert)

    office.export(alert, tmp_path / "pack")

    page = (tmp_path / "pack" / "summary.html").read_text("utf-8")
    readme = " ".join((tmp_path / "pack" / "README.txt").read_text("ascii").split())
    assert "on a school phone; edited afterwards: no, they say" in page
    first, second = rows(tmp_path / "pack", "exhibit_list.csv")
    assert (first["seen_utc"], second["seen_utc"]) == ("", second["taken_utc"])
    assert "Seen by staff" in page.split('<section class="next">')[0]
    assert "the software neither visited its address nor looked at it" in page
    assert "the software neither visited its address nor looked at it" in readme
    assert (
        rows(tmp_path / "pack", "exhibit_list.csv")[1]["address"]
        == "https://forum.harrowby.example/t/brought"
    )


def test_nobody_is_told_that_no_person_had_a_hand_in_what_a_person_asked_for(packed: Packed) -> None:
    explanation = (packed.folder / "explanation.html").read_text("utf-8")
    summary = (packed.folder / "summary.html").read_text("utf-8")

    assert "Where a member of staff asked for a visit or brought a picture of their own" in explanation
    assert "No person chose the moment" not in explanation
    assert "neither visited its address" not in summary, "nobody brought anything"


def test_a_capture_whose_record_is_gone_is_named_as_missing(office: Office, tmp_path: Path) -> None:
    alert = office.alert()
    capture = office.app.store.captures.of_alert(alert.number)[0]
    shutil.rmtree(office.app.config.data / "evidence" / capture.folder)

    handed = office.export(alert, tmp_path / "pack")

    assert [one.capture.id for one in handed.pack.absent] == [capture.id]
    assert "its record cannot be read" in (tmp_path / "pack" / "README.txt").read_text("ascii")


def test_everything_is_pinned_before_it_is_handed_over(office: Office, tmp_path: Path) -> None:
    alert = office.alert()

    office.export(alert, tmp_path / "pack")

    found = {one.where: one for one in verify.check(tmp_path / "pack")}
    assert found["custody.json"].mark == verify.PASS
    assert found["tsa"].mark == verify.OPEN
    assert (
        open_key(office.app.anchoring.keys).public_key
        == office.app.store.anchors.of_school(SCHOOL)[-1].public_key
    )
