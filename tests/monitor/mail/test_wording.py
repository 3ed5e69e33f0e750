"""Plain words, and strangers' words made safe to print."""

import unicodedata
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from examples import LONDON, MORNING, alert, capture, locked
from hypothesis import given
from hypothesis import strategies as st

from classifiers.taxonomy import Severity
from connectors.registry import PLATFORMS
from monitor.alerts import Status
from monitor.mail.items import Detail, Showing, is_overdue, look_by, show
from monitor.mail.wording import address, age, count, kind, listed, plain, platform, sentence


@pytest.mark.parametrize("name", [row.name for row in PLATFORMS])
def test_every_platform_has_a_word_that_people_use(name: str) -> None:
    assert platform(name) != name


@given(st.text())
def test_plain_words_are_one_line_of_letters_that_can_be_seen(text: str) -> None:
    shown = plain(text, 50)

    assert len(shown) <= 50
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert plain(shown, 50) == shown


def test_ordinary_words_stay_as_they_are() -> None:
    assert plain("Ysgol Gynradd Tŷ-nant, “St George’s” 👍") == "Ysgol Gynradd Tŷ-nant, “St George’s” 👍"


def test_piled_up_marks_are_taken_down() -> None:
    assert len(plain("z" + "\u0335" * 200)) == 4


@given(st.text())
def test_an_address_is_ascii_and_leads_to_the_web_or_is_none(text: str) -> None:
    for found in (address(text), address(f"https://{text}")):
        assert found is None or (found.isascii() and urlsplit(found).scheme in ("http", "https"))


@pytest.mark.parametrize(
    "url",
    [
        "https://forum.example/t/1?a=b&c=%20d#e",
        "https://bsky.app/profile/somebody.example/post/3k",
        "http://[2001:db8::1]:8080/x",
    ],
)
def test_a_good_address_stays_as_it_is(url: str) -> None:
    assert address(url) == url


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https:", "", "https://[x", "//x/y"],
)
def test_what_is_no_address_on_the_web_is_left_out(url: str) -> None:
    assert address(url) is None


def test_an_address_that_is_too_long_is_left_out_rather_than_cut() -> None:
    assert address("https://x.example/" + "a" * 2_000) is None


def test_an_address_with_letters_from_elsewhere_is_written_in_ascii() -> None:
    assert address("https://x.example/schön \u202e<a>") == "https://x.example/sch%C3%B6n%20%3Ca%3E"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 minutes"),
        (timedelta(seconds=61), "1 minute"),
        (timedelta(hours=23, minutes=59), "23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=45), "45 days"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    assert age(span) == words


def test_small_words() -> None:
    assert kind("safeguarding.online_bullying", "Online bullying") == "Safeguarding: online bullying"
    assert kind("safeguarding.hba", "HBA or FGM") == "Safeguarding: HBA or FGM"
    assert kind("abuse.hate_page", "") == "Abuse: hate page"
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
    assert (count(1, "alert"), count(1_204, "alert")) == ("1 alert", "1,204 alerts")
    assert sentence("last read Fri") == "Last read Fri"


FRIDAY_EVENING = datetime(2026, 11, 20, 18, 0, tzinfo=LONDON)


@pytest.mark.parametrize(
    ("severity", "urgent", "due"),
    [
        (Severity.CRITICAL, True, datetime(2026, 11, 20, 18, 30, tzinfo=LONDON)),
        (Severity.HIGH, True, datetime(2026, 11, 21, 6, 0, tzinfo=LONDON)),
        (Severity.HIGH, False, datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=LONDON)),
        (Severity.MEDIUM, False, datetime(2026, 11, 23, 23, 59, 59, 999999, tzinfo=LONDON)),
        (Severity.LOW, False, None),
    ],
)
def test_the_more_serious_the_sooner_somebody_should_look(
    severity: Severity, urgent: bool, due: datetime | None
) -> None:
    one = alert(severity=severity, urgent=urgent, seen_at=FRIDAY_EVENING)

    assert look_by(one, LONDON) == due


@pytest.mark.parametrize("detail", Detail)
def test_a_locked_alert_has_nothing_to_show_of_its_post(detail: Detail) -> None:
    how = Showing(
        at=MORNING, zone=LONDON, detail=detail, school_names={}, plays={}, texts={1050: "words of the post"}
    )

    item = show(locked(1050), how)

    assert (item.addresses, item.where, item.excerpt) == ((), "", "")


def test_of_what_was_locked_after_it_was_taken_nobody_says_that_it_was_not_copied() -> None:
    how = Showing(
        at=MORNING,
        zone=LONDON,
        detail=Detail.MINIMAL,
        school_names={},
        plays={},
        captures={1050: [capture(1050)]},
    )

    assert show(locked(1050), how).evidence == "captured before it was locked, and not shown"
    assert show(locked(1051), how).evidence == "not copied, on purpose"


def test_what_was_acknowledged_is_never_overdue() -> None:
    old = MORNING - timedelta(days=30)

    assert is_overdue(alert(seen_at=old), MORNING, LONDON)
    assert not is_overdue(alert(seen_at=old, status=Status.ACKNOWLEDGED), MORNING, LONDON)
    assert not is_overdue(alert(seen_at=old, status=Status.CLOSED), MORNING, LONDON)
