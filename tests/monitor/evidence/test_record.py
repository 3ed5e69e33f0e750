"""A record says time, date and address of the site (LEI-9.2), and of a locked post hardly anything (3.7)."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from monitor.captures import Kind, Order, Progress
from monitor.evidence.record import Maker, Outcome, defanged, post_as_read, record

MAKER = Maker(software="monitor 0.1.0", host="worker-1")


def _outcome(at: datetime) -> Outcome:
    return Outcome(kind=Kind.METADATA_ONLY, progress=Progress.LIMITED, captured_at=at, limits=("No.",))


def test_lei_9_2_time_date_and_address_are_in_every_record(order: Callable[..., Order], at: datetime) -> None:
    made = record(order(url="https://forum.example/t/7"), _outcome(at), MAKER)

    assert made["url_requested"] == "https://forum.example/t/7"
    assert made["captured_at_utc"] == "2026-07-14T18:05:09+00:00"
    assert made["captured_at_local"] == "2026-07-14T19:05:09+01:00"
    assert made["date"] == "Tuesday 14 July 2026, 19:05:09 BST"
    assert made["who"] == {"person": "system", "worker_host": "worker-1"}
    assert made["why"] == {"rules": ["conduct.site_safety"], "judged_by": "rules 1"}
    assert made["alert"] == "A-1044"


def test_winter_is_shown_as_gmt(order: Callable[..., Order]) -> None:
    made = record(order(), _outcome(datetime(2026, 12, 1, 7, 30, tzinfo=UTC)), MAKER)

    assert made["captured_at_local"] == "2026-12-01T07:30:00+00:00"
    assert made["date"].endswith("GMT")


def test_of_a_locked_post_neither_words_nor_author_nor_a_live_address_are_kept(
    order: Callable[..., Order], at: datetime
) -> None:
    locked = order(media_lock=True, url="https://forum.example/t/7?pic=1", text="", title="a title")

    made = str(record(locked, _outcome(at), MAKER))

    assert "hxxps://forum[.]example/t/7?pic=1" in made
    assert "https://forum.example" not in made
    assert "Garden Gnome" not in made
    assert "a title" not in made
    assert "Not viewed, not copied" in made


@pytest.mark.parametrize(
    ("url", "dead"),
    [
        ("http://a.example:8080/x.y?z=http://b", "hxxp://a[.]example:8080/x.y?z=http://b"),
        ("at://did:plc:x/post/1", "ax://did:plc:x/post/1"),
        ("", ""),
    ],
)
def test_a_defanged_address_can_be_read_but_not_clicked(url: str, dead: str) -> None:
    assert defanged(url) == dead


def test_hostile_words_are_kept_as_they_are(order: Callable[..., Order]) -> None:
    words = '</script>\u202e\x00 🎒 \ud83d ñ "quoted" ../../etc'

    content = post_as_read(order(text=words)).content

    assert "🎒" in content.decode("utf-8")
    assert b"\x00" not in content
