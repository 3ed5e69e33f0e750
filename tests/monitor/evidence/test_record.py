"""A record says time, date and address of the site (LEI-9.2), and of a locked post hardly anything (3.7)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.post import Channel
from monitor.captures import Kind, Order, Progress
from monitor.evidence.record import Maker, Outcome, defanged, post_as_read, record
from monitor.evidence.timekeeping import Timekeeping, ask_kernel

KEPT = Timekeeping(source="kernel (adjtimex)", synced=True, offset_ms=0.25, error_ms=12.5)
MAKER = Maker(
    software="monitor 0.1.0",
    host="worker-1",
    run="01JRUN",
    settings_sha256="ab" * 32,
    timekeeping=lambda: KEPT,
)


def _outcome(at: datetime) -> Outcome:
    return Outcome(kind=Kind.METADATA_ONLY, progress=Progress.LIMITED, captured_at=at, limits=("No.",))


def test_lei_9_2_time_date_and_address_are_in_every_record(order: Callable[..., Order], at: datetime) -> None:
    made = record(order(url="https://forum.example/t/7"), _outcome(at), MAKER)

    assert made["url_requested"] == "https://forum.example/t/7"
    assert made["captured_at_utc"] == "2026-07-14T18:05:09+00:00"
    assert made["captured_at_local"] == "2026-07-14T19:05:09+01:00"
    assert made["date"] == "Tuesday 14 July 2026, 19:05:09 BST"
    assert made["alert"] == "A-1044"


def test_domain_3_2_a_record_says_who_took_it_why_and_by_which_clock(
    order: Callable[..., Order], at: datetime
) -> None:
    judged = order(subcategories=("abuse.harassment_staff",), scores={"abuse.harassment_staff": 0.91})

    made = record(judged, _outcome(at), MAKER)

    assert made["clock"] == {
        "error_ms": 12.5,
        "offset_ms": 0.25,
        "source": "kernel (adjtimex)",
        "synced": True,
    }
    assert made["who"] == {
        "person": "system",
        "role": "monitor",
        "run_id": "01JRUN",
        "worker_host": "worker-1",
    }
    assert made["why"] == {
        "judged_by": "rules 1",
        "rules": ["conduct.site_safety"],
        "scores": {"abuse.harassment_staff": 0.91},
        "settings_sha256": "ab" * 32,
        "subcategories": ["abuse.harassment_staff"],
    }
    assert made["purpose"] == "staff_protection"
    assert made["media_lock_reason"] is None


@pytest.mark.parametrize(
    ("changes", "purpose"),
    [
        ({"subcategories": ("abuse.hate", "safeguarding.online_bullying")}, "safeguarding"),
        ({"media_lock": True}, "safeguarding"),
        ({"subcategories": ("abuse.hate",)}, "abuse"),
        ({"subcategories": ("abuse.hate",), "channel": Channel.OFFICIAL_ACCOUNT}, "official_account"),
        ({"subcategories": ("reputational.petition",)}, "reputation"),
        ({"requested_by": "Dana Lead", "reason": "asked by the police"}, "asked_by_a_person"),
    ],
)
def test_a_record_says_what_it_is_for(
    order: Callable[..., Order], at: datetime, changes: dict[str, Any], purpose: str
) -> None:
    assert record(order(**changes), _outcome(at), MAKER)["purpose"] == purpose


def test_a_record_holds_no_word_of_the_post(order: Callable[..., Order], at: datetime) -> None:
    """It stays readable where the files are sealed."""
    said = order(text="SECRETWORD one", title="SECRETWORD two", answer='{"text":"SECRETWORD three"}')

    assert "SECRETWORD" not in str(record(said, _outcome(at), MAKER))


def test_the_kernel_says_how_far_its_clock_can_be_trusted() -> None:
    told = ask_kernel()

    assert told.source in {"kernel (adjtimex)", "unknown"}
    assert (told.synced is None) == (told.source == "unknown")


def test_winter_is_shown_as_gmt(order: Callable[..., Order]) -> None:
    made = record(order(), _outcome(datetime(2026, 12, 1, 7, 30, tzinfo=UTC)), MAKER)

    assert made["captured_at_local"] == "2026-12-01T07:30:00+00:00"
    assert made["date"].endswith("GMT")


def test_of_a_locked_post_neither_words_nor_author_nor_a_live_address_are_kept(
    order: Callable[..., Order], at: datetime
) -> None:
    url = "https://forum.example/t/7?pic=1"
    # The id of a feed's item is its host and its guid, which mostly is its address.
    locked = order(media_lock=True, url=url, post_id=f"forum.example {url}", text="", title="a title")

    made = str(record(locked, _outcome(at), MAKER))

    assert made.count("hxxps://forum[.]example/t/7?pic=1") == 2
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


def test_the_words_of_a_locked_post_hold_no_address_that_somebody_opens_by_accident(
    order: Callable[..., Order],
) -> None:
    """DOMAIN 3.7: locked by the words of its page, when its own words were read already."""
    post = order(
        text="look: https://files.example/a/1.jpg and HTTPS://pics.example/2", title="http://x.example"
    )

    told = json.loads(post_as_read(post, locked=True).content)

    assert told["text"] == "look: hxxps://files[.]example/a/1.jpg and HTTPS://pics[.]example/2"
    assert told["title"] == "hxxp://x[.]example"
    assert "https://files.example" in json.loads(post_as_read(post).content)["text"]
