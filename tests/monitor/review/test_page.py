"""One alert as one page: everything a person needs, nothing that runs, loads or opens by itself."""

import base64
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from examples import CONTACTS, LONDON, MORNING, PLAYS, SCHOOLS, alert, capture, locked
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright

from classifiers.explaining import Explanation, Weighed
from classifiers.taxonomy import Severity
from classifiers.verdict import Fired, Verdict
from connectors.post import Post
from monitor.alerts import Alert, Judgement
from monitor.captures import Kind, Progress
from monitor.cases import Act, CaseEvent
from monitor.review.page import as_html, compose_page, defanged, exact
from monitor.store.alerts import Judging

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
THREAT = alert(
    1044,
    severity=Severity.CRITICAL,
    subcategory="abuse.threat_violence",
    subcategories=("abuse.threat_violence", "safeguarding.online_bullying"),
    why=("It names a time and a weapon.",),
)


def post(text: str, **changed: Any) -> Post:
    """A post with this text."""
    facts: dict[str, Any] = {"platform": "feed", "id": "1", "url": "https://forum.harrowby.example/t/1044"}
    return Post(**(facts | {"author": "CANARY_author"} | changed), text=text)


def judging(one: Alert, **changed: Any) -> Judging:
    """The judgement that made this alert."""
    said = Judgement(
        alert=True,
        reason=one.reason,
        severity=one.severity,
        subcategory=one.subcategory,
        subcategories=one.subcategories,
        why=one.why,
        roles=one.roles,
        urgent=True,
        media_lock=one.media_lock,
    )
    fired = Fired("threat-with-time", one.subcategory, one.severity, "It names a time and a weapon.")
    verdict = Verdict(
        abuse=1,
        safeguarding=0,
        reputational=0,
        scores={one.subcategory: 1.0},
        by="rules 2026.1 only",
        fired=(fired,),
    )
    facts: dict[str, Any] = {"seq": 1, "at": one.seen_at, "revision": one.revision}
    return Judging(**(facts | changed), judgement=said, verdict=verdict)


def page(one: Alert = THREAT, text: str = "waiting outside at 3 with a bat", **changed: Any) -> str:
    """The page of this alert."""
    facts: dict[str, Any] = {
        "judgings": [judging(one)],
        "captures": [capture(one.number)],
        "history": [],
        "plays": PLAYS,
        "contacts": CONTACTS,
        "school_names": SCHOOLS,
        "screenshot": PNG,
        "zone": LONDON,
        "at": MORNING,
    }
    return as_html(compose_page(one, changed.pop("post", post(text)), **(facts | changed)))


class Reading(HTMLParser):
    """The page's words, inside and outside of what is folded away, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.folded = ""
        self.shown = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._depth = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag == "details"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "details"

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.folded += f"{data} "
        else:
            self.shown += f"{data} "


def words(html: str) -> str:
    """Every word of the page, in one line."""
    reading = Reading(html)
    return " ".join((reading.shown + " " + reading.folded).split())


def test_the_words_of_the_post_are_folded_away_until_somebody_asks() -> None:
    """DOMAIN 5.4: hidden behind "show text", with a content note."""
    reading = Reading(page())

    assert "waiting outside at 3 with a bat" in reading.folded
    assert "waiting outside" not in reading.shown
    assert "Content note" in reading.shown
    assert [attributes for tag, attributes in reading.elements if tag == "details"] == [{}, {}]


def test_the_page_says_what_a_person_needs_to_act() -> None:
    said = words(page(history=[CaseEvent(alert=1044, act=Act.ACKNOWLEDGED, by="D. Lead", at=MORNING)]))

    for fact in (
        "A-1044",
        "Abuse: threat of violence",
        "Also: Safeguarding: online bullying",
        "If anybody is in immediate danger, call 999.",
        "If anybody may be in danger now, call 999.",
        "Police 101",
        "It names a time and a weapon.",
        "Who judged: rules 2026.1 only",
        "Thu 19 Nov 2026 18:42 GMT 2026-11-19 18:42:00 UTC",
        "https://forum.harrowby.example/t/1044",
        "3f9a" * 16,
        "Screen print of the post",
        'monitor ack 1044 --by "YOUR NAME"',
        "Whether it is true",
        "Fri 20 Nov 2026 07:30 GMT: acknowledged, by D. Lead",
    ):
        assert fact in said


def weighing(**changed: Any) -> Explanation:
    """What a model says weighed most in the post of the page."""
    facts: dict[str, Any] = {
        "target": "abuse.threat_violence",
        "score": 0.91,
        "weighed": (Weighed("with a bat", 0.56), Weighed("outside", 0.2)),
        "whole": True,
        "by": "the model of a test",
    }
    return Explanation(**(facts | changed))


def test_a_rule_has_no_score() -> None:
    said = words(page())

    assert "1.00" not in said
    assert "A rule looks for a set phrase: it has no score, and always alerts." in said


def test_the_words_that_weighed_most_are_folded_away_like_the_text() -> None:
    reading = Reading(page(explanations=[weighing()]))

    assert "Abuse: threat of violence : scored 0.91, alerts at 0.60." in " ".join(reading.shown.split())
    assert "with a bat" not in reading.shown
    assert "“with a bat” 0.35 “outside” 0.71" in " ".join(reading.folded.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"score": 0.12, "weighed": ()}, "scored 0.12, alerts at 0.60; it was the rule that alerted."),
        ({"weighed": ()}, "No single word or phrase decides it: it is in the text as a whole"),
        ({"whole": False}, "The text is long: only the passage that scores highest was looked at"),
        ({"target": "safeguarding"}, "Safeguarding as a whole : scored 0.91."),
    ],
)
def test_a_score_is_put_into_words(changed: dict[str, Any], said: str) -> None:
    assert said in words(page(explanations=[weighing(**changed)]))


def test_the_floor_of_a_critical_matter_is_named() -> None:
    plays = {key: play.model_copy(update={"floor": 0.35}) for key, play in PLAYS.items()}

    said = words(page(explanations=[weighing(score=0.48)], plays=plays))

    assert "scored 0.48, alerts at 0.60, and as a critical matter from 0.35." in said


def test_a_locked_page_names_no_words_that_weighed() -> None:
    assert "with a bat" not in page(locked(), "pics", explanations=[weighing()])


def test_why_no_words_can_be_named_is_said() -> None:
    said = words(page(unexplained="The model is out."))

    assert "Which words weighed most cannot be shown: The model is out." in said


def test_the_author_is_left_to_the_sealed_record() -> None:
    assert "CANARY_author" not in page()


def test_a_locked_alert_shows_no_picture_and_no_address_that_opens() -> None:
    one = locked(urls=("https://files.example/a.b/c",), why=("It names https://files.example/rule.",))
    html = page(
        one, "pics going round: HTTPS://files.example/xyz or files.example/pq", captures=[], screenshot=PNG
    )
    reading = Reading(html)

    assert "data:image" not in html
    assert "files.example" not in html
    assert not [tag for tag, _ in reading.elements if tag in ("a", "img")]
    assert "hxxps://files[.]example/a.b/c" in reading.folded
    assert "HXXPS://files[.]example/xyz or files[.]example/pq" in reading.folded
    assert "It names hxxps://files[.]example/rule." in reading.shown
    assert "Do not open the address. Do not take a screen print." in words(html)
    assert "take a screen print by hand" not in html


def test_the_lock_of_a_person_covers_addresses_in_reasons_that_locked_nothing() -> None:
    one = alert(media_lock=True, why=("It names https://files.example/rule.",))

    assert "files.example" not in page(one)


def test_a_locked_text_is_shown_only_as_far_as_it_must_be() -> None:
    html = page(locked(), "x" * 900)

    assert "x" * 500 in html
    assert "x" * 501 not in html
    assert "The beginning only" in html


def test_the_screen_print_is_inside_the_page_and_folded_away() -> None:
    html = page()

    [image] = [attributes for tag, attributes in Reading(html).elements if tag == "img"]
    assert image["src"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert html.index("Show the screen print") < html.index("data:image")


@pytest.mark.parametrize("given", [None, b"<svg onload=alert(1)>", PNG + b"x" * 15_000_000])
def test_what_is_no_screen_print_is_not_embedded(given: bytes | None) -> None:
    html = page(screenshot=given)

    assert "data:image" not in html
    assert "There is no screen print to show here" in html


def test_a_picture_is_called_what_it_is() -> None:
    said = words(page(captures=[capture(kind=Kind.METADATA_ONLY, files=(), limits=("the post was gone",))]))

    assert "Record without any picture" in said
    assert "The post was gone" in said


def test_a_page_that_could_not_be_pictured_comes_with_advice_and_a_locked_one_without() -> None:
    walled = capture(
        kind=Kind.RENDERED_CARD, progress=Progress.LIMITED, limits=("The page asks for a login.",)
    )

    assert "Take one by hand: open the address" in words(page(captures=[walled]))
    assert "Take one by hand" not in page(locked(), captures=[walled])
    assert "Take one by hand" not in page(captures=[replace(walled, locks=True)])
    assert "Take one by hand" not in page(captures=[replace(walled, kind=Kind.ELEMENT_SCREENSHOT)])


def test_without_a_capture_the_page_says_how_to_take_one_by_hand() -> None:
    assert "take a screen print by hand" in page(captures=[], screenshot=None)


@pytest.mark.parametrize("one", [THREAT, locked()])
def test_the_page_says_how_many_posts_are_about_the_same(one: Alert) -> None:
    joined = page(replace(one, posts=12, joined_at=MORNING - timedelta(hours=1)))

    assert "12 posts are about this, the latest seen" in words(joined)
    assert "posts are about this" not in words(page(one))


def test_another_school_of_this_name_is_named() -> None:
    names = SCHOOLS | {"harrowby-green-wales": "Harrowby Green School, Powys"}

    html = page(alert(ambiguous=True, others=("harrowby-green-wales",)), school_names=names)

    assert "This may be another school of this name." in words(html)
    assert "It could also be: Harrowby Green School, Powys." in words(html)


def test_every_judgement_is_shown_when_a_post_was_changed() -> None:
    later = MORNING - timedelta(hours=1)

    said = words(page(judgings=[judging(THREAT), judging(THREAT, seq=2, at=later)]))

    assert "Thu 19 Nov 2026 18:42 GMT: judged critical" in said
    assert "Fri 20 Nov 2026 06:30 GMT: judged critical" in said


def test_a_forgotten_text_is_said_to_be_gone() -> None:
    assert "The text is no longer kept." in page(post=post(""))
    assert "The text is no longer kept." in page(post=None)


def test_letters_that_cannot_be_seen_are_written_out() -> None:
    assert exact("pay\u202egnp\u200b.exe\r\nok\x00") == "pay[U+202E]gnp[U+200B].exe\nok[U+0000]"
    assert exact("👩\u200d🏫") == "👩\u200d🏫"


@given(st.text(max_size=500))
@settings(deadline=None)  # a whole page each time, on a machine that may be busy
def test_no_text_leaves_its_place(text: str) -> None:
    weighed = weighing(weighed=(Weighed(text, 0.5),), by=text)
    html = page(text=text, post=post(text, title=text, parent_text=text), explanations=[weighed])

    reading = Reading(html)
    assert not {tag for tag, _ in reading.elements} & {"script", "iframe", "form", "object", "link"}
    assert reading.elements.count(("main", {})) == 1
    assert html.count("</main>") == 1


@given(st.text(max_size=500))
def test_no_address_survives_defanging(text: str) -> None:
    safe = defanged(f"{text}https://a.example/b?c=http://d.example")

    assert not re.search(r"(?:https?|ftp)://", safe, re.IGNORECASE)


def test_the_page_forbids_itself_to_load_anything() -> None:
    html = page()

    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in html
    elements = Reading(html).elements
    loaded = [a for tag, a in elements if tag != "a" and not str(a.get("src", "data:")).startswith("data:")]
    assert loaded == []
    assert not [tag for tag, _ in elements if tag in ("script", "link", "iframe", "form")]


@pytest.mark.browser
def test_a_browser_opens_the_page_without_asking_anybody_for_anything(browser: Path, tmp_path: Path) -> None:
    file = tmp_path / "a-1044.html"
    nasty = "<img src=http://127.0.0.1:9/x onerror=document.title='owned'>"
    file.write_text(page(text=nasty), encoding="utf-8")
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(browser), args=["--no-sandbox"])
        tab = opened.new_page(viewport={"width": 390, "height": 800})
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(file.as_uri())

        hidden = tab.get_by_text("onerror=document").is_visible()
        tab.get_by_text("Show the text").press("Enter")
        tab.get_by_text("Show the screen print").press("Enter")

        assert not hidden
        assert tab.get_by_text("onerror=document").is_visible()
        assert tab.locator("img").evaluate("picture => picture.naturalWidth") == 1
        assert tab.title() == "A-1044: critical"
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        opened.close()

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
