"""Invented posts and findings for tests of the store, and the work that its child processes do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from classifiers.taxonomy import Severity
from classifiers.verdict import Fired, Verdict
from connectors.post import Batch, Post
from monitor.alerts import Judgement, Reason
from monitor.captures import Capture, File, Kind, Link, Progress, Taken
from monitor.mentions.school import Mention, Span
from monitor.playbook import Role
from monitor.store.findings import Findings, Judged
from monitor.store.store import Store, open_store

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SCHOOL = "harrowby-green"
SOURCES = {"paper": ("feed", timedelta(minutes=15)), "forum": ("webpage", timedelta(minutes=30))}
LEASE = timedelta(minutes=10)
DSL = "lead@harrowbygreen.example"

WORDS = [
    "lamp",
    "kettle",
    "orchard",
    "violin",
    "harbour",
    "pepper",
    "ribbon",
    "cellar",
    "anchor",
    "meadow",
    "candle",
    "thimble",
    "barley",
    "quarry",
]


def text_about(number: int) -> str:
    """A text unlike that of any other number, which speaks of the school."""
    told = " ".join(
        WORDS[(number * step + step * step) % len(WORDS)] + str(number * step) for step in range(1, 37)
    )
    return f"At Harrowby Green they will hear about {told}"


def make_post(number: int = 1, **changes: Any) -> Post:
    """A post of the local paper."""
    made = Post(
        platform="feed",
        id=f"item-{number}",
        url=f"https://paper.example/{number}",
        title=f"Item {number}",
        text=text_about(number),
        author="A. Writer",
        posted_at=AT - timedelta(hours=1),
    )
    return replace(made, **changes)


def make_verdict(**changes: Any) -> Verdict:
    """What rules might say of a threat."""
    fired = Fired(
        "threat-with-place", "abuse.threat_violence", Severity.HIGH, "It threatens, and names a place."
    )
    made = Verdict(
        abuse=1.0,
        safeguarding=0.0,
        reputational=0.25,
        scores={"abuse.threat_violence": 0.9},
        by="rules 1",
        fired=(fired,),
        language="en",
    )
    return replace(made, **changes)


def make_judgement(severity: Severity = Severity.HIGH, **changes: Any) -> Judgement:
    """A judgement of a threat; below LOW it does not alert."""
    alert = severity > Severity.NONE
    made = Judgement(
        alert=alert,
        reason=Reason.RULE if alert else Reason.BELOW,
        severity=severity,
        subcategory="abuse.threat_violence" if alert else None,
        subcategories=("abuse.threat_violence",) if alert else (),
        why=(f"It is {severity.word}.",),
        roles=(Role.DSL, Role.HEAD) if alert else (),
        urgent=severity >= Severity.HIGH,
        media_lock=False,
    )
    return replace(made, **changes)


def make_judged(
    post: Post,
    severity: Severity = Severity.HIGH,
    *,
    school: str = SCHOOL,
    hear: tuple[str, ...] = (DSL,),
    baseline: bool = False,
    **judgement: Any,
) -> Judged:
    """A mention of the school in this post, judged so severe."""
    mention = Mention(
        post=post,
        school=school,
        spans=(Span(3, 17, "Harrowby Green"),),
        confidence=0.8,
        reasons=("the name stands in the text",),
    )
    return Judged(
        mention=mention,
        verdict=make_verdict(),
        judgement=make_judgement(severity, **judgement),
        baseline=baseline,
        hear_now=hear if severity >= Severity.HIGH else (),
    )


def make_findings(
    *judged: Judged,
    others: Sequence[Post] = (),
    source: str = "paper",
    cursor: str = "c1",
    at: datetime = AT,
    **batch: Any,
) -> Findings:
    """What a poll found: these mentions, and `others` that concern nobody."""
    posts = tuple(dict.fromkeys([*(one.mention.post for one in judged), *others]))
    return Findings(
        source=source,
        batch=Batch(posts=posts, cursor=cursor, **batch),
        changed=posts,
        judged=judged,
        next_due_at=at + timedelta(minutes=15),
    )


def make_capture(capture_id: str, alert: int, at: datetime = AT, **changes: Any) -> Capture:
    """A complete capture."""
    made = Capture(
        id=capture_id,
        alert=alert,
        kind=Kind.PAGE_SCREENSHOT,
        progress=Progress.COMPLETE,
        captured_at=at,
        folder=f"{SCHOOL}/{capture_id}",
        files=(
            File(name="page.png", role="screen print", media_type="image/png", bytes=4, sha256="ab" * 32),
        ),
        record_sha256="cd" * 32,
        limits=("The page scrolled.",),
        school=SCHOOL,
    )
    return replace(made, **changes)


def book(store: Store, capture: Capture, **how: Any) -> Capture:
    """Book this capture as if its files lay somewhere."""

    def place(_: Taken, link: Link) -> Capture:
        return replace(capture, link=link)

    taken = Taken(
        id=capture.id,
        school=capture.school,
        alert=capture.alert,
        kind=capture.kind,
        progress=capture.progress,
        captured_at=capture.captured_at,
        folder=f".unfinished/{capture.id}",
        limits=capture.limits,
        locks=capture.locks,
    )
    return store.captures.book(taken, place, **how)


def open_in(folder: Path, url: str) -> Store:
    """A store whose key and backups lie in this folder."""
    return open_store(url, folder / "posts.key", folder / "backups")


def add_to_tally(url: str, folder: str, worker: str, rounds: int) -> None:
    """Add one to the same row many times, and claim whatever is there; run in a process of its own."""
    store = open_in(Path(folder), url)
    for number in range(rounds):
        post = make_post(id=f"{worker}-{number}")
        store.record(make_findings(others=[post], cursor=f"{worker}-{number}"), AT)
        store.journal.beat("shared", AT + timedelta(seconds=number))
    store.close()


def claim_all(url: str, folder: str, worker: str, wins: str) -> None:
    """Claim everything that can be had, and note each in a file; run in a process of its own."""
    store = open_in(Path(folder), url)
    with Path(wins).open("a", encoding="utf-8") as noted:
        for source in SOURCES:
            if store.sources.claim(source, worker, AT, AT + LEASE):
                noted.write(f"source {source}\n")
        while order := store.captures.claim(worker, AT, AT + LEASE):
            noted.write(f"capture {order.id}\n")
        while notice := store.notices.claim(worker, AT, AT + LEASE):
            noted.write(f"notice {notice.id}\n")
    store.close()


def batch_number(number: int, size: int = 450) -> Findings:
    """The batch that has this number: of its posts every 55th is serious, the last in its last chunk."""
    posts = [make_post(number * size + place) for place in range(size)]
    found = make_findings(*(make_judged(post) for post in posts[::55]), cursor=str(number))
    return replace(found, changed=posts, batch=replace(found.batch, posts=tuple(posts)))


def record_for_ever(url: str, folder: str) -> None:
    """Poll an endless source: go on from the cursor, record, again; run in a process that will be killed."""
    store = open_in(Path(folder), url)
    while True:
        claim = store.sources.claim("paper", "child", AT, AT + LEASE, early=True)
        if claim is None:
            store.sources.release_dead(["child"])
            continue
        findings = batch_number(int(claim.cursor or 0) + 1)
        changed = store.posts.changed("paper", findings.changed)
        store.record(replace(findings, changed=changed), AT)
