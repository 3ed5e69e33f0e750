"""Two thousand polls of all platforms that answer over HTTP, with faults and kills: nothing lost or doubled.

A mailbox is asked over IMAP and a table is read from the disk; their faults are in their own tests.
"""

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Timer
from time import monotonic

import pytest
from villages import CONFIG, PLATFORMS, Fault, Village, served

from connectors.connector import Connector
from connectors.post import State
from connectors.registry import PLATFORMS as REGISTERED

WORKER = Path(__file__).parents[1] / "polling.py"
STEP = timedelta(hours=7)
"""More than any back-off."""
FINE = {State.OK, State.BEHIND}
ALL_CONCERN = {"google_reviews", "gdelt"}
"""Where everything that is found concerns the school: its own place, and articles whose text is not seen."""
LENIENT = {("webpage", "a page in place of data")}
"""What is read as it is, since any page is one; its one paragraph is always the same post."""
AS_FAR_AS_IT_GOES = {"feed", "webpage"}
"""Where half of the data is read, and said to be half; the rest comes with the next answer."""
SCHOOL, OTHER = "The gates of Harrowby Green were shut again", "The cake sale was lovely"


def _no(_: bytes) -> bytes:
    return b'{"message": "No."}'


def _page(_: bytes) -> bytes:
    return b"<!doctype html><html><head><title>Welcome</title></head><body><p>Soon here.</p></body></html>"


FAULTS: dict[str, tuple[Fault, set[State]]] = {
    "401": (Fault(401, body=_no), {State.AUTH_EXPIRED, State.LOGIN_WALL}),
    "403": (Fault(403, body=_no), {State.BLOCKED, State.AUTH_EXPIRED, State.LOGIN_WALL}),
    "404": (Fault(404, body=_no), {State.BLOCKED}),
    "410": (Fault(410, body=_no), {State.BLOCKED}),
    "429": (Fault(429, body=_no), {State.RATE_LIMITED}),
    "429 for two minutes": (Fault(429, "120", body=_no), {State.RATE_LIMITED}),
    "500": (Fault(500, body=_no), {State.BEHIND}),
    "502 as a page": (Fault(502, body=_page), {State.BEHIND}),
    "503 for two minutes": (Fault(503, "120", body=_no), {State.RATE_LIMITED}),
    "a page in place of data": (Fault(body=_page), {State.PARSE_ERROR}),
    "half of the data": (Fault(body=lambda body: body[: len(body) // 2]), {State.PARSE_ERROR}),
    "nothing": (Fault(body=lambda _: b""), {State.PARSE_ERROR}),
    "a cut line": (Fault(cut=True), {State.BEHIND}),
    "a slow answer": (Fault(delay=0.2), FINE),
    "the same page again": (Fault(repeats=True), {*FINE, State.PARSE_ERROR}),
}


@dataclass
class Worker:
    """The worker, which lives on in a new process when it is killed."""

    folder: Path
    chance: random.Random
    process: subprocess.Popen[str] | None = None
    usual: float = 1.0
    """Seconds that the last poll took."""
    kills: int = 0
    is_doomed: bool = False

    def poll(self, source: str, at: datetime, *, kill: bool) -> tuple[State, str, datetime]:
        """Have a source polled; the worker is killed on the way, perhaps."""
        process = self.process = self.process or self._start(at)
        assert process.stdin is not None
        assert process.stdout is not None
        if kill:
            self.is_doomed = True
            Timer(self.chance.uniform(0, self.usual), process.kill).start()
        began = monotonic()
        try:
            process.stdin.write(f"{at.isoformat()} {source}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            self.usual = monotonic() - began
            state, reason, since = json.loads(answer)
            return State(state), reason, datetime.fromisoformat(since)
        self.end()
        assert self.is_doomed, (self.folder / "worker.log").read_text()[-4000:]
        self.is_doomed, self.kills = False, self.kills + 1
        raise ProcessLookupError

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _start(self, at: datetime) -> "subprocess.Popen[str]":
        with (self.folder / "worker.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, WORKER, self.folder / "monitor.yaml", at.isoformat()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "SOAK": "let-me-in-please"},
            )


@dataclass
class Story:
    """What became of one source: its states in turn, and what was amiss about them."""

    village: Village
    states: list[State] = field(default_factory=list)
    since: datetime | None = None
    missed: str = ""
    """How the source said that some was lost, as it may only be where a page came again and again."""
    amiss: list[str] = field(default_factory=list)
    halves: int = 0
    """How many answers ended anywhere, and were read as far as they went."""
    strangers: int = 0
    """How many posts that nobody of the village wrote were on a page which stood in for the answer."""

    def poll(self, worker: Worker, fault: str, spared: int, *, kill: bool) -> None:
        """Poll it once, again where the worker was killed, and look whether its state is right."""
        village, (wrong, meant) = self.village, FAULTS.get(fault, (None, FINE))
        again = False
        while True:
            village.ready(wrong, spared)
            try:
                state, reason, since = worker.poll(village.platform, village.now, kill=kill and not again)
                break
            except ProcessLookupError:
                again = True
        if spared or (village.platform, fault) in LENIENT:
            meant = meant | FINE
        if (village.platform, fault) in LENIENT:
            self.strangers = 1
        if fault == "half of the data" and village.platform in AS_FAR_AS_IT_GOES:
            self.halves += 1
            if state is State.PARSE_ERROR and "the end of it did not arrive" not in reason:
                self.amiss.append(f"{village.platform}, {fault} after {spared}: {reason}")
        right = meant if village.faulty else FINE
        if village.platform == "webpage" and not village.said:
            # A page without a word may be one that JavaScript fills, and it is said to be.
            right = right | {State.PARSE_ERROR}
        if state not in right | (meant if again else set()):
            self.amiss.append(f"{village.platform}, {fault or 'well'} after {spared}: {state} ({reason})")
        begun = self.since if self.states and self.states[-1] is state else village.now
        if since != begun and not (again and since == village.now):
            self.amiss.append(f"{village.platform} is {state} since {since}, not {begun}")
        self.states.append(state)
        self.since = since
        if ("missed" in reason or "missing" in reason) and not self.missed:
            self.missed = reason
            if wrong is None or not wrong.repeats:
                self.amiss.append(f"{village.platform}, {fault or 'well'} after {spared}: {reason}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds of one source; `broken_off` counts texts that end before their number."""

    numbers: list[int]
    broken_off: int
    others: int


def _kept(data: Path, source: str) -> Kept:
    of_source = "(SELECT id FROM sources WHERE name = ?)"
    with closing(sqlite3.connect(data / "monitor.db")) as database:
        texts = database.execute(
            "SELECT coalesce(revisions.title, '') || revisions.text FROM revisions "
            f"JOIN posts ON posts.id = revisions.post WHERE posts.source = {of_source}",
            [source],
        ).fetchall()
        others = database.execute(
            f"SELECT count(*) FROM unrelated WHERE source = {of_source}", [source]
        ).fetchone()
    numbers = [int(found[1]) for (text,) in texts if (found := re.search(r", number (\d+)\.", text))]
    return Kept(numbers, len(texts) - len(numbers), others[0])


@contextmanager
def _begun(folder: Path, villages: list[Village], chance: random.Random) -> Iterator[Worker]:
    with served(villages):
        sources = "\n".join(village.source for village in villages)
        (folder / "monitor.yaml").write_text(CONFIG.format(sources=sources, data=folder / "data"))
        worker = Worker(folder, chance)
        try:
            yield worker
        finally:
            worker.end()


def _go_on(village: Village, chance: random.Random) -> None:
    """Seven hours later something more was said: mostly little, at times more than a page shows.

    Not at the beginning: the first batch of a source is bounded, and what comes before it need not be read.
    """
    village.now += STEP
    much = chance.randrange(40, 130) if village.said else 7
    # Nor one alone: a page with a single item is read by paragraphs, and is of items only with the second.
    count = chance.choice((0, 1 if village.said else 2, 2, 3, 4, 5, 6, much))
    for left in range(count, 0, -1):
        village.say(chance.choice((SCHOOL, OTHER)), timedelta(minutes=left))


def test_every_platform_that_is_polled_over_http_has_a_village() -> None:
    polled = {one.name for one in REGISTERED if issubclass(one.connector, Connector)}

    assert PLATFORMS.keys() == polled - {"mailbox", "csv"}


@pytest.mark.soak
def test_polls_of_all_platforms_with_faults_and_kills_keep_all_that_was_served(tmp_path: Path) -> None:
    scale = float(os.environ.get("SCALE", "1"))
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1_000_000)))
    chance = random.Random(seed)
    villages = [Village(platform) for platform in PLATFORMS]
    rounds = max(4, round(2_000 * scale / len(villages)))
    print(f"seed {seed}: {rounds} rounds of {len(villages)} sources")
    stories = [Story(village) for village in villages]
    began, drawn = monotonic(), Counter[str]()
    with _begun(tmp_path, villages, chance) as worker:
        for number in range(rounds):
            for story in stories:
                _go_on(story.village, chance)
                # The first batch of a source is bounded: what comes before it need not be read.
                fault = chance.choice(list(FAULTS)) if number and chance.random() < 0.6 else ""
                drawn[fault] += 1
                story.poll(worker, fault, chance.choice((0, 0, 0, 1, 2)), kill=chance.random() < 0.07)
        for story in stories:
            # At least once: where a gap was open, it is read first, and what came since with the next turn.
            for _ in range(20):
                story.village.now += STEP
                story.poll(worker, "", 0, kill=False)
                if story.states[-1] is State.OK:
                    break

    polls = sum(len(story.states) for story in stories)
    print(f"{polls} polls, {worker.kills} kills in {monotonic() - began:.0f} s; {dict(drawn)}")
    amiss = [line for story in stories for line in story.amiss]
    assert not amiss, "\n".join(amiss)
    for story in stories:
        _assert_all_is_kept(story, _kept(tmp_path / "data", story.village.platform))


def _assert_all_is_kept(story: Story, kept: Kept) -> None:
    village = story.village
    of_school = {
        said.number
        for said in village.said
        if said.text.startswith(SCHOOL) or village.platform in ALL_CONCERN
    }
    everything = {said.number for said in village.said}
    print(
        f"{village.platform}: {len(kept.numbers)} of {len(of_school)} posts of the school, "
        f"{kept.others} others, {dict(Counter(state.value for state in story.states))} {story.missed}"
    )
    # One item alone on half of a page is taken for a paragraph of it, and is another post when it is whole.
    twice = story.halves if village.platform == "webpage" else 0
    assert len(kept.numbers) - len(set(kept.numbers)) <= twice, village.platform
    # Half of a feed or page may end within a post, which is kept so far, and whole again as a new revision.
    assert kept.broken_off <= story.halves, village.platform
    assert village.served & of_school <= set(kept.numbers) <= of_school, village.platform
    assert kept.others <= len(everything - of_school) + story.halves + story.strangers, village.platform
    assert len(village.served - of_school) <= kept.others, village.platform
    assert story.missed or village.served == everything, village.platform
    assert story.states[-1] is State.OK
