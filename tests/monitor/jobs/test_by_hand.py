"""Locked by its address: however it is copied, whatever retention lets go, wherever a short link leads."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_samples import AT, SOURCES, make_findings, make_judged, make_post
from vaults import Vault, open_vault

from connectors.post import Post
from monitor.cases import Act, CaseEvent
from monitor.evidence import archive
from monitor.jobs.locked import is_locked, is_locked_at
from monitor.store.forgetting import Retention

DAY = timedelta(days=1)
RULES = Retention(below_threshold=14 * DAY, not_a_concern=30 * DAY, closed=150 * DAY, evidence=190 * DAY)
TWEET = "https://x.com/u/status/123"
TOPIC = "https://forum.example/viewtopic.php?f=2&t=7"
STORY = "https://www.gazette.example/news/2026/fair"
ITEM = "https://news.example/item?id=7"
SAME = {
    TWEET: [
        "http://x.com/u/status/123/",
        "https://x.com/u/status/123?s=20",
        "https://x.com/u/status/123?ref_src=twsrc%5Etfw&t=Ab-c",
        "https://x.com/u/status/123/photo/1",
        "https://twitter.com/u/status/123",
        "https://m.twitter.com/u/status/123",
        "https://mobile.x.com/u/status/123",
        "https://X.com./U/status/123",
        "https://x.com//u/./status//123#top",
        "https://x.com/u/status/%3123",
        "https://x.com/i/web/status/123",
        "https://x.com/u/status/123;jsessionid=1",
        "https://fxtwitter.com/u/status/123",
        "https://web.archive.org/web/2026/https://twitter.com/u/status/123",
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fx.com%2Fu%2Fstatus%2F123&h=1",
    ],
    TOPIC: [
        "https://forum.example/viewtopic.php?t=7",
        "https://FORUM.example/viewtopic.php?t=7&f=2&sid=0ab1#p55",
        "https://m.forum.example/viewtopic.php?f=2&t=7",
        "https://forum.example/viewtopic.php?t=7&start=20",
    ],
    STORY: [
        "https://gazette.example/news/2026/fair/?utm_source=wa&fbclid=1",
        "https://gazette.example/news/2026/Fair/index.html?share=phone",
    ],
    ITEM: ["https://news.example/item?p=2&id=7", "https://news.example/item/?ID=7"],
    "https://www.facebook.com/HarrowbyGreen/posts/pfbid02Ab": [
        "https://m.facebook.com/story.php?story_fbid=pfbid02Ab&id=100",
        "https://www.facebook.com/permalink.php?id=100&story_fbid=pfbid02Ab&mibextid=x",
    ],
    "https://www.instagram.com/p/Cx-y_z/": ["https://instagram.com/someone/reel/Cx-y_z?igsh=abc&img_index=2"],
    "https://www.youtube.com/watch?v=Ab-c": [
        "https://youtu.be/Ab-c?si=1&t=42",
        "https://m.youtube.com/watch?feature=share&v=Ab-c",
        "https://www.youtube.com/shorts/Ab-c",
    ],
    "https://www.reddit.com/r/harrowby/comments/abc/a_title/def/": [
        "https://old.reddit.com/r/harrowby/comments/abc/?context=3",
        "https://redd.it/abc",
    ],
    "https://discuss.example/t/a-title/7/3": ["https://discuss.example/t/7", "https://discuss.example/t/7/9"],
    "https://pond.example/@ann/1234567": ["https://pond.example/users/ann/statuses/1234567"],
}
OTHERS = {
    TWEET: [
        "https://x.com/u/status/1234",
        "https://x.com/u",
        "https://x.com/",
        "https://bsky.app/u/status/123",
    ],
    TOPIC: [
        "https://forum.example/viewtopic.php?f=2&t=8",
        "https://forum.example/viewtopic.php?f=2",
        "https://forum.example/",
        "https://other.example/viewtopic.php?f=2&t=7",
    ],
    STORY: ["https://gazette.example/news/2026/fairs", "https://gazette.example/news/2026"],
    ITEM: ["https://news.example/item?id=8", "https://news.example/item"],
    "https://forum.example/": ["https://forum.example/?topic=9", "https://forum.example/index.php?page=2"],
}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """A vault whose store knows two sources."""
    vault = open_vault(tmp_path / "vault")
    vault.store.sources.sync(SOURCES, AT)
    yield vault
    vault.store.close()


def lock(vault: Vault, url: str) -> Post:
    """A post there, locked by a person."""
    post = make_post(url=url)
    vault.store.record(make_findings(make_judged(post)), AT)
    vault.store.cases.append(CaseEvent(alert=1001, act=Act.LOCKED, by="Dana Lead", at=AT))
    return post


def let_go(vault: Vault) -> None:
    """Retention lets the alert go, once it is closed."""
    vault.store.cases.append(CaseEvent(alert=1001, act=Act.NOT_A_CONCERN, by="Dana Lead", at=AT))
    assert vault.store.forgetting.forget(RULES, AT + 40 * DAY).alerts == 1


@pytest.mark.parametrize("kept", [True, False], ids=["while it is kept", "after retention"])
@pytest.mark.parametrize("url", SAME)
def test_a_locked_page_is_locked_however_its_address_is_written(vault: Vault, url: str, kept: bool) -> None:
    """DOMAIN 3.7: a missed lock costs a child, a false one a question."""
    lock(vault, url)
    if not kept:
        let_go(vault)

    assert [other for other in (url, *SAME[url]) if not is_locked_at(vault.store, other)] == []


@pytest.mark.parametrize("kept", [True, False], ids=["while it is kept", "after retention"])
@pytest.mark.parametrize("url", OTHERS)
def test_another_page_is_not_locked_with_it(vault: Vault, url: str, kept: bool) -> None:
    lock(vault, url)
    if not kept:
        let_go(vault)

    assert [other for other in OTHERS[url] if is_locked_at(vault.store, other)] == []


def test_what_the_terms_of_a_platform_let_go_stays_locked(vault: Vault) -> None:
    lock(vault, TWEET)
    vault.store.cases.append(CaseEvent(alert=1001, act=Act.CLOSED, by="Dana Lead", at=AT))

    vault.store.forgetting.forget(replace(RULES, platforms={"feed": 20 * DAY}), AT + 20 * DAY)

    alert = vault.store.alerts.get(1001)
    assert alert is not None
    assert alert.urls == ()
    assert is_locked_at(vault.store, TWEET)


def test_what_was_never_locked_leaves_no_lock_behind(vault: Vault) -> None:
    vault.store.record(make_findings(make_judged(make_post(url=TWEET))), AT)
    let_go(vault)

    assert not is_locked_at(vault.store, TWEET)


def test_of_posts_without_an_address_a_lock_says_nothing_about_others(vault: Vault) -> None:
    lock(vault, "")

    assert not is_locked_at(vault.store, "")


@pytest.mark.parametrize(
    "url", ["https://[::1", "no address", "https://" + "x" * 5_000, "https://x.com/%ff%00"]
)
def test_an_address_that_is_none_is_locked_only_as_it_stands(vault: Vault, url: str) -> None:
    lock(vault, url)

    assert is_locked_at(vault.store, url)
    assert not is_locked_at(vault.store, url + "y")


@pytest.mark.parametrize("hop", ["last", "on the way"])
def test_a_capture_is_locked_by_every_address_that_led_to_it(vault: Vault, hop: str) -> None:
    chain = [{"url": url, "status": 302, "location": "/"} for url in ("https://sho.rt/1", TWEET)]
    led = {"url_final": TWEET} if hop == "last" else {"redirect_chain": chain}
    taken = vault.stage(1, **led)
    assert not is_locked(vault.store, vault.root, taken)

    lock(vault, TWEET + "?s=20")

    assert is_locked(vault.store, vault.root, taken)
    capture = vault.store.captures.book(taken, vault.place)
    assert is_locked(vault.store, vault.root, capture)


def test_a_record_of_any_size_that_is_kept_is_asked_for_its_address(vault: Vault) -> None:
    lock(vault, TWEET)

    taken = vault.stage(1, limits=["x" * (archive.LARGEST_RECORD // 3)], url_final=TWEET)

    assert is_locked(vault.store, vault.root, taken)
