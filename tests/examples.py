"""An invented school's alerts, sources and people, for the tests of what people are shown."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from classifiers.taxonomy import Severity
from connectors.post import Channel, State
from monitor.alerts import Alert, Reason, Status
from monitor.captures import Capture, File, Kind, Progress
from monitor.coverage import Coverage
from monitor.notices import Recipient
from monitor.playbook import Contact, Play, Role

LONDON = ZoneInfo("Europe/London")
MORNING = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
SCHOOLS = {"harrowby-green": "Harrowby Green Primary School"}
DSL = Recipient(
    name="D. Lead",
    email="dsl@harrowbygreen.example",
    roles=frozenset({Role.DSL}),
    schools=frozenset(SCHOOLS),
)


def play(label: str, severity: Severity, *actions: str, call: tuple[str, ...] = ()) -> Play:
    """An entry of the playbook."""
    return Play(label=label, threshold=0.6, severity=severity, route=(Role.DSL,), actions=actions, call=call)


PLAYS = {
    "abuse.threat_violence": play(
        "Threat of violence",
        Severity.CRITICAL,
        "If anybody may be in danger now, call 999. Otherwise the single point of contact calls 101.",
        "Keep the capture and note the exact words.",
        call=("police_emergency", "police"),
    ),
    "safeguarding.online_bullying": play(
        "Online bullying",
        Severity.HIGH,
        "Speak to the child who is the target, and ask whether they feel safe.",
        "Tell both families.",
        call=("posh", "mash"),
    ),
    "safeguarding.staff_allegation": play(
        "Allegation about a member of staff",
        Severity.CRITICAL,
        "Do not investigate and do not tell the person first: call the LADO.",
        call=("lado",),
    ),
    "safeguarding.nudes_semi_nudes": play(
        "Nude or semi-nude image of a child",
        Severity.CRITICAL,
        "Do not open the post. Never view, copy, print, share, save or take a picture of the image.",
        "Never ask a child to show it or to send it to you.",
        "Call the police if an adult is involved.",
        call=("police", "iwf"),
    ),
    "reputational.image_consent": play(
        "Photo without consent", Severity.MEDIUM, "Have the picture taken down today, then answer."
    ),
}


def alert(number: int = 1042, **changed: Any) -> Alert:
    """An open alert of high severity about online bullying, seen the evening before."""
    facts: dict[str, Any] = {
        "number": number,
        "school": "harrowby-green",
        "source": "Neighbourhood forum",
        "platform": "feed",
        "channel": Channel.PUBLIC_MENTION,
        "urls": (f"https://forum.harrowby.example/t/{number}",),
        "severity": Severity.HIGH,
        "subcategory": "safeguarding.online_bullying",
        "subcategories": ("safeguarding.online_bullying",),
        "reason": Reason.RULE,
        "why": ("It asks people to vote on how a pupil looks.",),
        "roles": (Role.DSL,),
        "media_lock": False,
        "ambiguous": False,
        "others": (),
        "confidence": 0.93,
        "by": "rules 2026.1",
        "baseline": False,
        "urgent": False,
        "status": Status.OPEN,
        "seen_at": datetime(2026, 11, 19, 18, 42, tzinfo=UTC),
        "posted_at": datetime(2026, 11, 19, 18, 20, tzinfo=UTC),
        "revision": "0" * 64,
    }
    return Alert(**(facts | changed))


def locked(number: int = 1050, **changed: Any) -> Alert:
    """An alert whose media are locked: nothing of it may be opened or copied."""
    facts: dict[str, Any] = {
        "severity": Severity.CRITICAL,
        "subcategory": "safeguarding.nudes_semi_nudes",
        "subcategories": ("safeguarding.nudes_semi_nudes",),
        "media_lock": True,
        "urgent": True,
    }
    return alert(number, **(facts | changed))


def source(name: str = "Neighbourhood forum", **changed: Any) -> Coverage:
    """A source that was read in full ten minutes ago."""
    facts: dict[str, Any] = {
        "source": name,
        "platform": "feed",
        "state": State.OK,
        "reason": "",
        "since": MORNING - timedelta(days=3),
        "last_ok_at": MORNING - timedelta(minutes=10),
        "last_try_at": MORNING - timedelta(minutes=10),
        "next_due_at": MORNING + timedelta(minutes=5),
        "every": timedelta(minutes=15),
        "read": 206,
        "mentions": 12,
        "alerts": 1,
    }
    return Coverage(**(facts | changed))


def capture(number: int = 1042, **changed: Any) -> Capture:
    """A whole capture with its screen print, its page and its record."""
    facts: dict[str, Any] = {
        "id": "01K8Z5X6T3M9Q4R7V2B1N0C8D5",
        "alert": number,
        "kind": Kind.ELEMENT_SCREENSHOT,
        "progress": Progress.COMPLETE,
        "captured_at": datetime(2026, 11, 19, 18, 43, tzinfo=UTC),
        "folder": "harrowby-green/2026/11/01K8Z5X6T3M9Q4R7V2B1N0C8D5",
        "files": (
            File(name="print.png", role="screenshot", media_type="image/png", bytes=48_211, sha256="a" * 64),
        ),
        "record_sha256": "3f9a" * 16,
    }
    return Capture(**(facts | changed))


CONTACTS = {
    "police_emergency": Contact(
        name="Police, in an emergency", phone="999", hours="at any time", use="danger now"
    ),
    "police": Contact(name="Police", phone="101", use="no danger now"),
    "posh": Contact(
        name="Professionals Online Safety Helpline",
        phone="0344 381 4772",
        hours="Monday to Friday, 10:00 to 16:00",
        checked_on=date(2026, 9, 1),
    ),
    "iwf": Contact(
        name="Internet Watch Foundation",
        web="https://report.iwf.org.uk",
        use="give the address only, without opening it",
    ),
}
