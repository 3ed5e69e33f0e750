"""What a safeguarding lead finds in the post: golden letters, and what no letter may ever say."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from examples import CONTACTS, DSL, LONDON, MORNING, PLAYS, SCHOOLS, alert, capture, locked, source
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.taxonomy import Severity
from connectors.post import Channel, State
from monitor.alerts import Alert, Status
from monitor.anchors import Pinned
from monitor.mail.digests import MOST_ITEMS, NEVER_WATCHED, Digest, compose
from monitor.mail.items import Detail, Showing
from monitor.mail.letters import (
    Envelope,
    read_text,
    write_digest,
    write_operational,
    write_test,
    write_urgent,
)
from monitor.mail.urgent import compose_urgent

GOLDEN = Path(__file__).parent / "golden"
YESTERDAY = MORNING - timedelta(days=1)
ENVELOPE = Envelope(
    sender="School monitoring <monitor@harrowbygreen.example>",
    to=DSL.email,
    message_id="<digest.2026-11-20.0a1b@harrowbygreen.example>",
    at=MORNING,
)
THREAT = alert(
    1044,
    severity=Severity.CRITICAL,
    subcategory="abuse.threat_violence",
    subcategories=("abuse.threat_violence", "safeguarding.online_bullying"),
    why=(
        "Threat of violence: the writer says that they will hurt somebody (rule threat-by-the-writer).",
        'Thought to be this school: It has the name "Harrowby Green".',
    ),
    urgent=True,
    ambiguous=True,
    seen_at=MORNING - timedelta(minutes=3),
)


def digest(**changed: Any) -> Digest:
    """A digest of a quiet day, changed as the test needs it."""
    facts: dict[str, Any] = {
        "at": MORNING,
        "since": YESTERDAY,
        "zone": LONDON,
        "detail": Detail.LINK,
        "school_names": SCHOOLS,
        "plays": PLAYS,
        "new": [],
        "still_open": [],
        "baseline_found": [],
        "captures": {},
        "texts": {},
        "coverage": [source(), source("Local paper")],
        "never_watched": NEVER_WATCHED,
        "by": "rules 2026.1 only: 1 means that a rule fired, not a probability",
        "settings_changes": [],
        "looser": [],
        "troubles": [],
        "warnings": [],
    }
    return compose(DSL, **(facts | changed))


def pinned(school: str = "harrowby-green", **changed: Any) -> Pinned:
    """How far the evidence of a school has come."""
    facts: dict[str, Any] = {
        "records": 12,
        "head_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "anchors": 3,
        "anchored_at": MORNING,
        "fresh": 0,
        "fresh_since": None,
        "stamps": {},
    }
    return Pinned(school=school, **(facts | changed))


def notice(
    alerts: Sequence[Alert], detail: Detail = Detail.LINK, texts: Mapping[int, str] | None = None
) -> bytes:
    """An urgent notice."""
    how = Showing(
        at=MORNING, zone=LONDON, detail=detail, school_names=SCHOOLS, plays=PLAYS, texts=texts or {}
    )
    return write_urgent(compose_urgent(alerts, CONTACTS, how), ENVELOPE)


def busy_day() -> Digest:
    """A digest in which every section has something to say."""
    paper = source(
        "Local paper",
        state=State.BLOCKED,
        reason="the site answered 403",
        since=MORNING - timedelta(hours=13, minutes=45),
        last_ok_at=MORNING - timedelta(hours=14),
    )
    return digest(
        new=[
            alert(1042),
            locked(1050),
            alert(
                1043,
                severity=Severity.MEDIUM,
                subcategory="reputational.image_consent",
                subcategories=("reputational.image_consent",),
                channel=Channel.OFFICIAL_ACCOUNT,
                source="Our page",
                platform="facebook",
            ),
            alert(
                1047, urls=tuple(f"https://news{n}.example/harrowby-row" for n in range(7)), ambiguous=True
            ),
        ],
        still_open=[
            alert(1012, seen_at=MORNING - timedelta(days=3)),
            alert(1015, status=Status.ACKNOWLEDGED, seen_at=MORNING - timedelta(days=9)),
        ],
        baseline_found=[alert(1001, baseline=True, source="Parents' blog")],
        captures={1042: [capture()]},
        coverage=[source(), paper],
        settings_changes=[(YESTERDAY, ("thresholds.abuse.hate.alert: 0.60 -> 0.80",))],
        looser=["abuse.hate alerts at 0.80; shipped: 0.60"],
        troubles=[(YESTERDAY, "capture", "ValueError: 'a post said this'"), (MORNING, "capture", "again")],
        warnings=["Only 1.2 GB of disk are left: make room soon."],
        housekeeping=["No contact is set for the LADO."],
        pinned=[pinned()],
    )


LETTERS = {
    "digest": lambda: write_digest(busy_day(), ENVELOPE),
    "first-digest": lambda: write_digest(digest(since=None), ENVELOPE),
    "urgent": lambda: notice([THREAT]),
    "urgent-locked": lambda: notice([locked(urgent=True)]),
    "urgent-many": lambda: notice([alert(1060, urgent=True), THREAT, locked()]),
    "operational": lambda: write_operational(
        "the configuration has an error",
        ["The changed configuration cannot be used.", "monitor.yaml, line 7: 'evry' is not an option."],
        ENVELOPE,
    ),
    "test": lambda: write_test(ENVELOPE),
}


def opened(letter: bytes) -> EmailMessage:
    """The letter as a mail program reads it."""
    return message_from_bytes(letter, _class=EmailMessage, policy=default)


def part(letter: bytes, kind: str) -> str:
    """Its text (`plain`) or its HTML (`html`)."""
    body = opened(letter).get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def words(letter: bytes) -> str:
    """Its text as one line, so that a sentence is found wherever it was folded."""
    return " ".join(part(letter, "plain").split())


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def everything(letter: bytes) -> str:
    """Headers and both parts."""
    headers = "\n".join(f"{name}: {value}" for name, value in opened(letter).items())
    return f"{headers}\n{part(letter, 'plain')}\n{part(letter, 'html')}"


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize(("kind", "ending"), [("plain", "txt"), ("html", "html")])
def test_each_letter_reads_as_its_golden_file(name: str, kind: str, ending: str) -> None:
    letter = LETTERS[name]()
    golden = GOLDEN / f"{name}.{ending}"
    written = read_text(letter) if kind == "plain" else part(letter, kind)

    if os.environ.get("MONITOR_REWRITE_GOLDEN"):
        golden.write_text(written, encoding="utf-8")

    assert written == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LETTERS)
def test_the_same_letter_has_the_same_bytes(name: str) -> None:
    assert LETTERS[name]() == LETTERS[name]()


@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_is_a_whole_message_of_short_plain_lines(name: str) -> None:
    letter = LETTERS[name]()
    message = opened(letter)

    assert message.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["Message-ID"] == ENVELOPE.message_id
    assert message["To"] == DSL.email
    assert message["Date"].datetime == MORNING
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert not message.defects
    assert letter.isascii()
    assert max(map(len, letter.split(b"\r\n"))) <= 998
    assert b"\n" not in letter.replace(b"\r\n", b"")


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_loads_nothing_and_runs_nothing(name: str) -> None:
    """BAN-4.1.8, CLA-DN1: no image parts, no remote references, no scripts, no forms."""
    letter = LETTERS[name]()
    html = part(letter, "html")
    elements = Elements(html).found

    assert {p.get_content_maintype() for p in opened(letter).walk()} == {"multipart", "text"}
    assert not {tag for tag, _ in elements} & {
        "img", "script", "link", "iframe", "object", "embed", "form", "video", "audio", "svg", "input",
    }  # fmt: skip
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    assert not {name for _, attributes in elements for name in attributes} & {"src", "background", "srcset"}
    assert "url(" not in html
    assert "@import" not in html
    assert all(attributes["href"].startswith("http") for tag, attributes in elements if tag == "a")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_says_what_this_is_not_and_whom_to_call_in_danger(name: str) -> None:
    """STG-3b: it is not the filtering and monitoring system; and it is no emergency service."""
    letter = LETTERS[name]()

    for kind in ("plain", "html"):
        said = " ".join(re.sub(r"<[^>]+>", "", part(letter, kind)).split())
        assert "not an emergency service" in said
        assert (
            "not the filtering and monitoring system that Keeping Children Safe in Education asks for" in said
        )
        assert "999" in said


@pytest.mark.parametrize("name", LETTERS)
def test_the_html_is_in_british_english_and_every_table_of_facts_has_headings(name: str) -> None:
    elements = Elements(part(LETTERS[name](), "html")).found

    assert ("html", {"lang": "en-GB"}) in elements
    assert [tag for tag, _ in elements].count("h1") == 1
    scopes = [attributes.get("scope") for tag, attributes in elements if tag == "th"]
    assert set(scopes) <= {"col", "row"}


CANARY = "CANARY words of the post, and @canary_handle"


@pytest.mark.parametrize("detail", [Detail.MINIMAL, Detail.LINK])
@pytest.mark.parametrize("kind", ["digest", "urgent"])
def test_nothing_of_a_post_is_said_unless_a_school_asks_for_it(kind: str, detail: Detail) -> None:
    """DOMAIN 5.1: no post text, no names, no reasons that may quote."""
    quoting = alert(1042, why=(f"It says: {CANARY} (rule stalking).",), others=("canary-school",))
    texts = {1042: CANARY}
    letter = (
        write_digest(digest(new=[quoting], texts=texts, detail=detail), ENVELOPE)
        if kind == "digest"
        else notice([quoting], detail, texts)
    )

    assert "canary" not in everything(letter).lower()
    assert "No post text is shown" in words(letter)


@pytest.mark.parametrize("kind", ["digest", "urgent"])
@pytest.mark.parametrize(
    ("detail", "said"),
    [
        (Detail.LINK, "The words suggest: the writer says that they will hurt somebody"),
        (Detail.MINIMAL, "Why: a rule fired that always alerts"),
    ],
)
def test_a_mail_says_what_the_rules_look_for_in_their_own_words_alone(
    kind: str, detail: Detail, said: str
) -> None:
    letter = (
        write_digest(digest(new=[THREAT], detail=detail), ENVELOPE)
        if kind == "digest"
        else notice([THREAT], detail)
    )

    assert said in words(letter)
    assert "It has the name" not in words(letter)


@pytest.mark.parametrize("kind", ["digest", "urgent"])
@pytest.mark.parametrize(
    ("detail", "shown"), [(Detail.MINIMAL, False), (Detail.LINK, True), (Detail.EXCERPT, True)]
)
def test_the_address_of_a_post_is_left_out_at_minimal_only(kind: str, detail: Detail, shown: bool) -> None:
    one = alert(1042)
    letter = (
        write_digest(digest(new=[one], detail=detail), ENVELOPE)
        if kind == "digest"
        else notice([one], detail)
    )

    assert ("https://forum.harrowby.example/t/1042" in part(letter, "plain")) is shown
    assert ('href="https://forum.harrowby.example/t/1042"' in part(letter, "html")) is shown
    assert ("Neighbourhood forum" in words(notice([one], detail))) is shown


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("kind", ["digest", "urgent"])
def test_a_locked_item_has_neither_address_nor_place_nor_text_at_any_level(kind: str, detail: Detail) -> None:
    one = locked(1050, source="CANARY source", urls=("https://canary.example/1",), ambiguous=True)
    texts = {1050: CANARY}
    covered = [source("Local paper")]
    letter = (
        write_digest(digest(new=[one], texts=texts, detail=detail, coverage=covered), ENVELOPE)
        if kind == "digest"
        else notice([one], detail, texts)
    )

    assert "canary" not in everything(letter).lower()
    assert "A-1050" in words(letter)
    assert "DO NOT OPEN, COPY, SCREENSHOT OR FORWARD IT" in words(letter)


def test_an_extract_is_short_and_harmless() -> None:
    nasty = (
        "\u202etfel ot thgir\u202c <img src=x onerror=alert(1)> {{ 7*7 }}\r\nBcc: x@x.example "
        + "word " * 100
    )
    letter = write_digest(digest(new=[alert(1042)], texts={1042: nasty}, detail=Detail.EXCERPT), ENVELOPE)

    said = words(letter)
    extract = said[said.index('Extract: "') + 10 : said.index("…")]
    assert len(extract) < 200
    assert "\u202e" not in everything(letter)
    assert "&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }} Bcc:" in part(letter, "html")
    assert "img" not in {tag for tag, _ in Elements(part(letter, "html")).found}
    assert "Short extracts of posts are shown" in said


def test_an_allegation_against_staff_is_never_quoted() -> None:
    """Education Act 2002 s.141F (d), also where the allegation is not the most serious matter in the post."""
    alleged = [
        alert(
            1, subcategory="safeguarding.staff_allegation", subcategories=("safeguarding.staff_allegation",)
        ),
        alert(2, subcategories=("safeguarding.online_bullying", "safeguarding.staff_allegation")),
    ]
    texts = {1: CANARY, 2: CANARY}

    assert "CANARY" not in everything(
        write_digest(digest(new=alleged, texts=texts, detail=Detail.EXCERPT), ENVELOPE)
    )
    assert "CANARY" not in everything(notice(alleged, Detail.EXCERPT, texts))


@pytest.mark.parametrize("detail", Detail)
def test_an_open_alert_says_how_many_posts_joined_it_and_when_the_last_did(detail: Detail) -> None:
    """Nothing that joins a story becomes invisible, also where no address may be shown."""
    joined = {"posts": 4, "joined_at": MORNING - timedelta(hours=2)}
    letter = write_digest(
        digest(still_open=[alert(1012, **joined), locked(1050, **joined), alert(1013)], detail=detail),
        ENVELOPE,
    )

    for kind in ("plain", "html"):
        words = " ".join(part(letter, kind).split())
        assert words.count("4 posts are about this, the latest seen Fri 20 Nov 2026 05:30 GMT.") == 2


def test_the_subject_says_how_many_and_whether_the_sources_are_well() -> None:
    late = alert(1, severity=Severity.CRITICAL, urgent=True, seen_at=MORNING - timedelta(hours=1))
    acknowledged = alert(2, status=Status.ACKNOWLEDGED)

    subject = digest(new=[late, alert(3)], still_open=[acknowledged]).subject

    assert subject == (
        "Harrowby Green Primary School monitoring - Fri 20 Nov - 2 to review, 1 overdue, sources OK"
    )


def test_no_subject_names_a_category() -> None:
    """DOMAIN 5.2: never a category, never a name."""
    subjects = [digest(new=[one]).subject for one in (alert(), locked(), THREAT)]
    subjects += [str(opened(notice([one]))["Subject"]) for one in (alert(), locked(), THREAT)]

    for label in [play.label.lower() for play in PLAYS.values()] + ["safeguarding", "abuse", "bullying"]:
        assert not [subject for subject in subjects if label in subject.lower()]


def test_a_quiet_day_has_its_digest_too() -> None:
    letter = write_digest(digest(), ENVELOPE)

    assert "Nothing needs you." in words(letter)
    assert "412 posts read, 24 about us" in words(letter)


def test_a_stale_source_is_the_first_thing_a_reader_sees() -> None:
    """CLA-MON1: silence is never mistaken for calm."""
    stale = source("Local paper", state=State.LOGIN_WALL, last_ok_at=MORNING - timedelta(hours=6))

    written = digest(coverage=[source(), stale])

    assert written.subject.startswith("COVERAGE GAP - ")
    assert written.subject.endswith("1 of 2 sources OK")
    assert "Local paper: last read in full Fri 20 Nov 2026 01:30 GMT" in words(
        write_digest(written, ENVELOPE)
    )
    assert not written.calm


def test_a_school_without_sources_hears_that_nothing_is_read() -> None:
    written = digest(coverage=[])

    assert written.subject.startswith("COVERAGE GAP - ")
    assert "No source is set up" in words(write_digest(written, ENVELOPE))


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_source_has_words_of_its_own(state: State) -> None:
    said = words(write_digest(digest(coverage=[source(state=state)]), ENVELOPE))

    assert (
        state is State.OK or state.value not in said.split("COVERAGE -")[1].split("Never watched")[0].split()
    )


def test_the_digest_says_what_is_never_watched() -> None:
    said = words(write_digest(digest(), ENVELOPE))

    for place in ("private groups", "WhatsApp", "Snapchat", "TikTok", "direct messages"):
        assert place in said


def test_the_first_digest_says_what_to_do_when_the_next_does_not_come() -> None:
    assert "If tomorrow's does not come" in words(write_digest(digest(since=None), ENVELOPE))
    assert "If tomorrow's does not come" not in words(write_digest(digest(), ENVELOPE))


def test_rules_alone_are_called_so_and_a_model_is_not() -> None:
    assert "No language model is in use" in words(write_digest(digest(), ENVELOPE))
    assert "No language model is in use" not in words(
        write_digest(digest(by="rules 1 + model a1b2"), ENVELOPE)
    )


def test_what_a_failed_job_said_stays_out_of_the_mail() -> None:
    """An exception may quote the post that it stumbled over."""
    letter = write_digest(digest(troubles=[(MORNING, "poll", f"ValueError: {CANARY}")]), ENVELOPE)

    assert "CANARY" not in everything(letter)
    assert "Poll failed 1 time" in words(letter)


def test_a_digest_bears_witness_to_the_evidence_of_each_school() -> None:
    """DOMAIN 3.3: the school's mail then holds dated copies outside the server."""
    names = SCHOOLS | {"elm": "Elm School", "oak": "Oak School"}
    first, later = pinned(), pinned("elm", records=1, head_sha256="ab" * 32)
    told = digest(school_names=names, pinned=[first, later, pinned("oak", records=0)])

    assert told.evidence == (
        "Evidence kept of Harrowby Green Primary School: 12 records, fingerprint "
        "9f86d081884c7d659a2feaa0c55ad015.",
        "Evidence kept of Elm School: 1 record, fingerprint abababababababababababababababab.",
    )
    assert digest().evidence == ()
    for kind in ("plain", "html"):
        letter = " ".join(part(write_digest(told, ENVELOPE), kind).split())
        assert all(line in letter for line in told.evidence)
        assert "Keep this mail: it lets anybody check later that no record was changed." in letter
        assert "Keep this mail" not in part(write_digest(digest(), ENVELOPE), kind)


def test_a_flood_is_cut_with_its_number_and_the_rest_is_new_tomorrow() -> None:
    flood = [alert(n) for n in range(1, MOST_ITEMS + 31)] + [THREAT]

    written = digest(new=flood)

    assert len(written.named) == MOST_ITEMS
    assert written.named[0] == THREAT.number
    assert "and 31 more, which tomorrow's digest names" in words(write_digest(written, ENVELOPE))


def test_many_urgent_alerts_make_one_letter_with_every_one_of_them_and_criticals_first() -> None:
    letter = notice([alert(n, urgent=True) for n in range(1, 14)] + [THREAT])

    assert opened(letter)["Subject"] == "URGENT 14 school monitoring alerts, 1 critical"
    labels = re.findall(r"^  (A-\d+)", part(letter, "plain"), re.MULTILINE)
    assert labels == ["A-1044", *(f"A-{n}" for n in range(1, 14))]


def test_an_urgent_notice_says_what_to_do_and_whom_to_call() -> None:
    said = words(notice([THREAT]))

    assert "1. If anybody may be in danger now, call 999." in said
    assert "Police: 101" in said
    assert "May be another school of this name." in said
    assert 'monitor ack 1044 --by "YOUR NAME"' in said
    assert "monitor alert 1044 --html FILE" in said


def test_a_contact_that_no_school_has_set_is_named_as_missing() -> None:
    said = words(notice([alert(1)]))

    assert "mash: no number is set in the configuration" in said


def test_a_question_on_our_own_page_shows_until_when_it_wants_an_answer() -> None:
    """CLA-MON2; what is abuse never gets one (LEI-9.1)."""
    asked = alert(1, channel=Channel.OFFICIAL_ACCOUNT, subcategory="reputational.image_consent")
    abused = alert(2, channel=Channel.OFFICIAL_ACCOUNT, subcategory="abuse.threat_violence")

    said = words(write_digest(digest(new=[asked, abused]), ENVELOPE))

    assert said.count("Answer by:") == 1
    assert "Answer by: Fri 20 Nov 2026 18:20 GMT" in said


def test_people_who_look_after_several_schools_see_which_one_is_meant() -> None:
    several = {"harrowby-green": "Harrowby Green Primary School", "st-bride": "St Bride's School"}

    written = digest(new=[alert(1), alert(2, school="st-bride")], school_names=several)

    assert written.subject.startswith("Monitoring of 2 schools - ")
    assert "School: St Bride's School" in words(write_digest(written, ENVELOPE))


def test_a_letter_about_the_server_gives_each_line_a_paragraph() -> None:
    letter = write_operational("the file is wrong", ["What to do.", "line 3: one\nline 9: two"], ENVELOPE)

    assert "line 3: one\n\nline 9: two" in part(letter, "plain").replace("\r", "")
    assert "The file is wrong" in words(letter)


def test_a_letter_about_the_server_keeps_its_subject_in_one_line() -> None:
    subject = "trouble\r\nBcc: everybody@elsewhere.example " + "x" * 500

    message = opened(write_operational(subject, ["Something\nhappened."], ENVELOPE))

    assert "Bcc" not in message
    assert str(message["Subject"]).startswith("School monitoring - trouble Bcc: everybody")
    assert len(str(message["Subject"])) < 210


@given(
    st.text(max_size=300).map(lambda t: t + "\r\nBcc: everybody@elsewhere.example"),
    st.text(max_size=300),
)
@settings(deadline=None)  # a whole letter each time, on a machine that may be busy
def test_no_name_in_the_configuration_can_add_a_header_or_break_the_letter(name: str, place: str) -> None:
    letter = write_digest(
        digest(school_names={"harrowby-green": name}, coverage=[source(place)], new=[alert(source=place)]),
        Envelope(sender=ENVELOPE.sender, to=ENVELOPE.to, message_id=ENVELOPE.message_id, at=MORNING),
    )

    message = opened(letter)
    assert "Bcc" not in message
    assert len(message.get_all("Subject", [])) == 1
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert letter.isascii()


@given(st.text(max_size=400))
@settings(deadline=None)
def test_no_address_leaves_its_link(url: str) -> None:
    html = part(write_digest(digest(new=[alert(urls=(f"https://x.example/{url}", url))]), ENVELOPE), "html")

    links = [attributes for tag, attributes in Elements(html).found if tag == "a"]
    assert all(str(a["href"]).startswith(("http://", "https://")) for a in links)
    assert not [tag for tag, _ in Elements(html).found if tag in ("script", "img")]
