"""The record on paper: what it says, what it leaves out, and that printing it reaches nobody."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sites import Site

from monitor.captures import Kind
from monitor.evidence.printing import PrintFailed, as_pdf, record_html

Sheet = Callable[..., dict[str, Any]]


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """Makes records whose files lie in the test's folder."""

    def make(files: dict[str, tuple[str, bytes]] | None = None, **changes: Any) -> dict[str, Any]:
        record = {
            "alert": "A-1044",
            "canonical_post_id": "c7",
            "capture_id": "01K0ABCDEFGHJKMNPQRSTVWXYZ",
            "captured_at_utc": "2026-07-14T18:05:09+00:00",
            "chain_index": 12,
            "kind": "element_screenshot",
            "limits": [],
            "media_lock": False,
            "platform": "webpage",
            "posted_at_claimed": None,
            "previous_record_sha256": "ab" * 32,
            "progress": "complete",
            "school_id": "harrowby-green",
            "seen_first_at": "2026-07-14T18:04:00+00:00",
            "software": "monitor 0.1.0",
            "url_requested": "https://forum.example/t/7",
            "who": {"person": "system", "worker_host": "worker-1"},
            "why": {"rules": ["conduct.site_safety"], "judged_by": "rules 1"},
            "files": [
                _kept(tmp_path, name, role, content) for name, (role, content) in (files or {}).items()
            ],
        }
        (tmp_path / "record.json").write_text(json.dumps(record | changes))
        return record | changes

    return make


def _kept(folder: Path, name: str, role: str, content: bytes) -> dict[str, Any]:
    (folder / name).write_bytes(content)
    return {
        "name": name,
        "role": role,
        "media_type": "image/png",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _png(width: int = 600, height: int = 200) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), "#274").save(file, "PNG")
    return file.getvalue()


def test_lei_9_2_the_page_says_time_date_and_address_of_the_site(sheet: Sheet, tmp_path: Path) -> None:
    page = record_html(sheet(), tmp_path)

    assert "https://forum.example/t/7" in page
    assert "Tuesday 14 July 2026, 19:05:09 BST (UTC+01:00)" in page
    assert "2026-07-14 18:05:09 UTC" in page
    assert "number 12" in page
    assert "ab" * 32 in page
    assert hashlib.sha256((tmp_path / "record.json").read_bytes()).hexdigest() in page


def test_the_picture_stands_over_its_strip_and_all_hashes_are_there(sheet: Sheet, tmp_path: Path) -> None:
    record = sheet({"screenshot.png": ("element_screenshot", _png()), "strip.png": ("strip", _png(600, 60))})

    page = record_html(record, tmp_path)

    assert page.count("data:image/png") == 2
    assert all(file["sha256"] in page for file in record["files"])


def test_a_tall_picture_is_cut_on_paper_and_says_so(sheet: Sheet, tmp_path: Path) -> None:
    tall = sheet({"screenshot.png": ("page_screenshot", _png(1280, 8000))}, kind="page_screenshot")

    assert "only its upper part is printed here" in record_html(tall, tmp_path)


def test_a_strip_with_an_endless_address_is_printed_whole_and_leaves_room_for_the_picture(
    sheet: Sheet, tmp_path: Path
) -> None:
    files = {"screenshot.png": ("page_screenshot", _png(560, 4000)), "strip.png": ("strip", _png(560, 1800))}

    page = record_html(sheet(files, kind="page_screenshot"), tmp_path)

    assert 'style="width:37.3mm"' in page
    assert 'style="width:148.2mm;height:120.0mm"' in page


def test_domain_3_2_what_a_person_brought_says_when_where_and_whether_it_was_edited(
    sheet: Sheet, tmp_path: Path
) -> None:
    brought = {"device": "iPad 7", "edited": True, "seen_at_utc": "2026-07-13T06:00:00+00:00"}
    files = {"upload.pdf": ("manual_upload", b"%PDF-1.7 x")}

    page = record_html(
        sheet(files, kind="manual_upload", manual_upload=brought, url_as_told="https://x.example/9"), tmp_path
    )

    assert "Monday 13 July 2026, 07:00:00 BST" in page
    assert "iPad 7; edited afterwards, as they say" in page
    assert page.count("https://x.example/9") == 1
    assert "no picture of a kind and size that can be" in page


def test_domain_3_2_a_rendered_card_is_never_called_a_screen_print(sheet: Sheet, tmp_path: Path) -> None:
    card = sheet({"card.png": ("rendered_card", _png())}, kind="rendered_card")

    assert "a reconstruction from data, not a screen print" in record_html(card, tmp_path)


def test_answers_and_mails_are_called_the_part_that_is_kept(sheet: Sheet, tmp_path: Path) -> None:
    # DOMAIN 3.1: what leads to media and what others wrote is not in them, so they are not "as received".
    files = {"answer.json": ("api_json", b"{}"), "mail.txt": ("email_forward", b"Subject: x")}

    page = record_html(sheet(files, url_requested="https://x.example/9"), tmp_path)

    assert "post&#39;s part of the platform&#39;s answer, without addresses of media" in page
    assert "the part of a mail that told of the post" in page


@pytest.mark.parametrize(
    ("name", "left", "said"),
    [
        pytest.param("screenshot.png", "", "its file is missing here", id="missing"),
        pytest.param("screenshot.png.age", "screenshot.png.age", "its file is sealed", id="sealed"),
        pytest.param("screenshot.png.age", "", "its file is missing here", id="missing-though-sealed"),
        pytest.param("screenshot.png", "screenshot.png", "not the one that was recorded", id="altered"),
        pytest.param(
            "screenshot.png.age", "screenshot.png", "not the one that was recorded", id="altered-once-opened"
        ),
    ],
)
def test_a_picture_that_is_missing_sealed_or_altered_is_not_printed_and_the_page_says_which(
    sheet: Sheet, tmp_path: Path, name: str, left: str, said: str
) -> None:
    record = sheet({name: ("element_screenshot", _png())})
    (tmp_path / name).unlink()
    if left:
        (tmp_path / left).write_bytes(b"another picture")

    page = record_html(record, tmp_path)

    sentences = ("its file is missing here", "its file is sealed", "not the one that was recorded")
    assert "data:image" not in page
    assert [sentence for sentence in sentences if sentence in page] == [said]


def test_a_card_beside_a_screen_print_does_not_make_the_print_a_reconstruction(
    sheet: Sheet, tmp_path: Path
) -> None:
    files = {
        "screenshot.png": ("page_screenshot", _png()),
        "card.png": ("rendered_card", _png(300, 300)),
    }

    page = record_html(sheet(files, kind="page_screenshot"), tmp_path)

    assert "The picture is a reconstruction from data" not in page
    assert "It shows what this machine was given at this address" in page


def test_domain_3_7_of_a_locked_one_no_picture_is_printed_whatever_lies_there(
    sheet: Sheet, tmp_path: Path
) -> None:
    locked = sheet(
        {"screenshot.png": ("element_screenshot", _png())}, media_lock=True, kind=Kind.METADATA_ONLY.value
    )

    page = record_html(locked, tmp_path)

    assert "data:image" not in page
    assert "Do not open the address" in page


def test_hostile_words_stay_words(sheet: Sheet, tmp_path: Path) -> None:
    hostile = '</style></title><script>alert(1)</script>"\u202e\x07'
    record = sheet(
        url_requested=f"https://x.example/{hostile}",
        capture_id=hostile,
        limits=[hostile],
        platform=hostile,
        why={"rules": [hostile], "judged_by": hostile, "reason": hostile, "requested_by": hostile},
    )
    record["files"] = [{"name": f"../../{hostile}", "role": hostile, "sha256": hostile, "bytes": hostile}]

    page = record_html(record, tmp_path)

    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "\u202e" not in page
    assert "\\u{202e}" in page


@pytest.mark.browser
def test_it_prints_on_one_page_of_a4(sheet: Sheet, tmp_path: Path, browser: Path) -> None:
    page = record_html(sheet({"screenshot.png": ("element_screenshot", _png())}), tmp_path)

    pdf = as_pdf(page, browser)

    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/MediaBox [0 0 594.95996 841.91998]") == 1


@pytest.mark.browser
def test_printing_asks_nobody_and_runs_no_script(browser: Path, canary: Site) -> None:
    asks = f"<img src='{canary.url('/x.png')}'><link rel=stylesheet href='{canary.url('/x.css')}'>"
    runs = "<title>still</title><script>document.title = 'ran'</script>"

    pdf = as_pdf(f"<!doctype html>{runs}{asks}<p>Hello", browser)

    assert b"/Title (still)" in pdf


def test_a_browser_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    hung = tmp_path / "browser"
    hung.write_text("#!/bin/sh\nsleep 987 &\nsleep 987\n")
    hung.chmod(0o700)
    begun = time.monotonic()

    with pytest.raises(PrintFailed, match="within 2 s"):
        as_pdf("<p>x</p>", hung, seconds=2)

    assert time.monotonic() - begun < 10
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 987" not in left


def test_no_browser_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PrintFailed, match="monitor check"):
        as_pdf("<p>x</p>", tmp_path / "none")


def test_what_a_person_brought_says_so_and_when_they_saw_it(sheet: Sheet, tmp_path: Path) -> None:
    told = {"device": "school laptop", "edited": True, "seen_at_local": "2026-07-14T18:05+01:00"}
    brought = {"upload.png": ("manual_upload", _png())}
    url = "https://forum.example/t/7"
    record = sheet(brought, kind="manual_upload", manual_upload=told, url_as_told=url)

    page = record_html(record, tmp_path)

    assert url in page
    assert "2026-07-14T18:05+01:00, on: school laptop; edited afterwards, as they say" in page
    assert page.count("2026-07-14T18:05+01:00") == 1
    assert "<th>Brought in</th>" in page
    assert "First seen" not in page
    assert "rests on their word" in page
    assert "what this machine was given" not in page
