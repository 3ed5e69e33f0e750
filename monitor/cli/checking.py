"""`check`: whether all is well, in lines that a person can act on."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Annotated
from urllib.parse import urljoin

import typer
from rich.table import Table

from connectors.bluesky_stream import BlueskyStream
from connectors.connector import Refused, Unavailable
from connectors.csv_export import CsvExport
from connectors.feed import Feed
from connectors.mailbox import Mailbox
from connectors.post import State
from connectors.reading import read, refuse_walls
from connectors.text import host_of
from connectors.webpage import WebPage
from monitor.anchors import Pinned, StampState
from monitor.app import App, now
from monitor.cli.terminal import DEFAULT_CONFIG, NEEDS_A_PERSON, ConfigPath, clean, opened, out, say
from monitor.clocks import local
from monitor.config.first import AUTHORITIES
from monitor.coverage import Coverage, is_stale, says
from monitor.evidence.signing import KEY, KeyUnusable, open_key
from monitor.mail.mailer import MailDelayed, MailRefused
from monitor.mail.wording import count

ALIVE = timedelta(minutes=2)
UNPINNED = timedelta(minutes=10)
"""How long a record may wait for its anchor, which comes after a minute where the worker runs."""
FOR_OTHERS = 0o077
PATIENCE = 20.0
"""Seconds that a host may take to answer when it is tried."""
_GLANCE = 100_000
_STAMPS = (StampState.OK, StampState.PENDING, StampState.FAILED)
_MEND_THEMSELVES = frozenset([State.OK, State.BEHIND, State.RATE_LIMITED])


def check(
    config: ConfigPath = DEFAULT_CONFIG,
    network: Annotated[
        bool,
        typer.Option("--network", help="Try every host that the configuration needs, and the model."),
    ] = False,
) -> None:
    """Say whether all is well: settings, sources, mail, evidence, and the worker itself."""
    with opened(config) as app:
        coverage = app.store.sources.coverage(now() - timedelta(days=1), now())
        out.print(_sources(app, coverage))
        for line in (*_facts(app), *_evidence(app)):
            say(f"  {line}")
        amiss = [
            *_amiss(app, coverage),
            *_evidence_amiss(app),
            *_model_out(app, thoroughly=network),
            *(_unreachable(app) if network else ()),
        ]
        worth_knowing = list(_worth_knowing(app))
        for line in worth_knowing:
            say(f"! {line}")
        for line in amiss:
            say(f"✗ {line}")
        if amiss:
            raise typer.Exit(NEEDS_A_PERSON)
        say(f"✓ Nothing is broken.{' Lines with ! are still to be put in order.' if worth_knowing else ''}")


def _sources(app: App, coverage: Sequence[Coverage]) -> Table:
    zone = app.write.manner.zone
    table = Table("source", "state", "last read in full", "next", "read (24 h)", "about us", "note")
    for source in coverage:
        table.add_row(
            clean(source.source),
            source.state.value,
            local(source.last_ok_at, zone) if source.last_ok_at else "never yet",
            local(source.next_due_at, zone) if source.next_due_at else "",
            str(source.read),
            str(source.mentions),
            clean(source.reason),
        )
    return table


def _facts(app: App) -> Iterator[str]:
    config = app.config
    beat = app.store.journal.last_beat()
    people = count(len(app.write.people), "person", "people")
    schools, sources = count(len(config.schools), "school"), count(len(config.sources), "source")
    yield f"configuration: {schools}, {sources}, {people}"
    yield f"judged by: {app.poll.classifier.by}"
    yield f"worker last alive: {local(beat, app.write.manner.zone) if beat else 'never'}"
    yield f"mail: {config.mail.server or 'no server is set: messages are put into a folder'}"
    yield f"browser for screen prints: {app.browser.reason}"
    yield f"kept in: {config.data}"
    yield f"who can read what is kept: {_readers(app)}"
    for name, keep in app.forget.retention.platforms.items():
        if any(source.platform == name for source in config.sources):
            days = count(keep.days, "day")
            yield f"kept of {name}, evidence and open alerts apart: {days}, as its terms ask"
    for line in app.write.manner.looser:
        yield f"looser than shipped: {line}"


def _readers(app: App) -> str:
    """From whom texts and captures are hidden, in a sentence."""
    texts, files = app.store.posts.unsealed(), app.store.captures.unsealed()
    readable = f"{count(texts, 'text')} and {count(files, 'file')} of captures"
    here = f"whoever is this user here, or root ({readable})"
    if not app.config.evidence.sealed:
        return f"{here}; encrypt the disk, or see evidence.sealed"
    keys = count(len(app.config.evidence.recipients), "key")
    older = f"; older than the sealing, and readable by {here}" if texts or files else ""
    return f"what is written now, only whoever holds one of {keys}{older}"


def _worth_knowing(app: App) -> Iterator[str]:
    if app.store.journal.last_beat() is None:
        yield "The worker has not run yet: start it (monitor run)."
    yield from app.config.warnings(now())
    authorities = app.stamping.authorities
    if not authorities:
        yield (
            "No time-stamp authority is set (evidence.authorities): evidence is signed by this machine "
            "alone, and nobody outside bears witness to its time but the digests that people keep. In the "
            f"configuration, below `evidence:`, write the line `authorities: [{', '.join(AUTHORITIES)}]`."
        )
    elif len(authorities) == 1:
        second = next(one for one in AUTHORITIES if authorities[0].url not in one)
        yield (
            f"{clean(authorities[0].name)} is the only time-stamp authority (evidence.authorities): if it is "
            f"away, or its word is doubted, there is no other. Write a second beside it: `{second}`."
        )


def _amiss(app: App, coverage: Sequence[Coverage]) -> Iterator[str]:
    at = now()
    beat = app.store.journal.last_beat()
    if beat is not None and at - beat > ALIVE:
        yield f"The worker was last alive at {local(beat, app.write.manner.zone)}: start it (monitor run)."
    for source in coverage:
        yield from _gap(source, stale=source.last_try_at is not None and is_stale(source, at))
    yield from app.write.machine()
    yield from app.write.unheard()
    review = app.config.governance.review_due
    if review is not None and review < at.date():
        yield f"The review of this monitoring was due on {review:%d %b %Y} (governance.review_due)."
    if app.config.data.stat().st_mode & FOR_OTHERS:
        yield f"{app.config.data} can be read by others on this machine: chmod 700 it."


def _evidence(app: App) -> Iterator[str]:
    """How much evidence there is, and how much of it is pinned."""
    names = [authority.name for authority in app.stamping.authorities]
    for school, name in app.write.manner.school_names.items():
        yield clean(f"evidence of {name}: {_pinned(app, app.store.anchors.pinned(school, names))}", 800)
    yield "a stolen disk: only its encryption protects it, which is for whoever looks after this machine"


def _pinned(app: App, pinned: Pinned) -> str:
    zone = app.write.manner.zone
    if pinned.anchored_at is None:
        waiting = " (not anchored yet)" if pinned.records else ""
        return f"{count(pinned.records, 'record')}{waiting}"
    stamps = ", ".join(f"{pinned.stamps.get(state, 0)} {state}" for state in _STAMPS)
    fresh = f", {pinned.fresh} of them not anchored yet" if pinned.fresh else ""
    return (
        f"{count(pinned.records, 'record')}{fresh}; last anchor: number {pinned.anchors}, "
        f"{local(pinned.anchored_at, zone)}; time-stamps: {stamps}"
    )


def _evidence_amiss(app: App) -> Iterator[str]:
    zone = app.write.manner.zone
    for school, name in app.write.manner.school_names.items():
        pinned = app.store.anchors.pinned(school, ())
        if pinned.fresh_since is not None and now() - pinned.fresh_since > UNPINNED:
            yield clean(
                f"{count(pinned.fresh, 'record')} of evidence of {name} since "
                f"{local(pinned.fresh_since, zone)} not yet anchored: nobody could show that they were not "
                "changed. The worker anchors them (monitor run).",
                800,
            )
    keys = app.anchoring.keys
    try:
        if (keys / KEY).exists():
            open_key(keys)
    except KeyUnusable as error:
        yield str(error)
    for folder in (app.config.data / "evidence", keys):
        if folder.is_dir() and folder.stat().st_mode & FOR_OTHERS:
            yield f"{folder} can be read by others on this machine: chmod 700 it."


def _gap(source: Coverage, *, stale: bool) -> Iterator[str]:
    if stale or source.state not in _MEND_THEMSELVES:
        yield f"{'COVERAGE GAP ' if stale else ''}{clean(source.source)}: {clean(says(source), 800)}"


def _model_out(app: App, *, thoroughly: bool) -> Iterator[str]:
    """That the model is out, and why: by its files, by trying it, or as the worker found it."""
    outage = app.store.journal.outage()
    why = app.model_amiss() or (app.probe.glance() if thoroughly else "") or (outage and outage.reason)
    if why:
        state = f"has been out since {local(outage.since, app.write.manner.zone)}" if outage else "is out"
        yield f"The model {state}: the rules judge alone. {clean(why, 800)}"


def _unreachable(app: App) -> Iterator[str]:
    """What cannot be reached; what can is told at once, one line for each host."""
    hosts = _hosts(app)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda url: _no_answer(app, url), hosts.values())
        for host, problem in zip(hosts, answers, strict=True):
            if problem is None:
                say(f"  ✓ {clean(host)}: answers")
            else:
                yield f"{clean(host)}: {clean(problem)}"
    yield from _mail_trouble(app)


def _hosts(app: App) -> dict[str, str]:
    """An address at each host that is asked over the web, under what people call the host."""
    urls = {
        source.host: source.url if isinstance(source, Feed | WebPage) else source.base_url
        for source in app.config.sources
        if not isinstance(source, CsvExport | Mailbox | BlueskyStream)
    }
    for source in app.config.sources:
        if isinstance(source, BlueskyStream):
            urls |= {host_of(server): f"http{server.removeprefix('ws')}" for server in source.servers}
    urls |= {f"time-stamps by {one.name}": one.url for one in app.stamping.authorities}
    if app.beat.url:
        urls["the heartbeat"] = app.beat.url
    return urls


def _no_answer(app: App, url: str) -> str | None:
    """Why the host of this address does not answer; what it answers says nothing about the way to it.

    Asked is for its robots.txt: every machine may read that, and it sets off no heartbeat.
    """
    try:
        address = urljoin(url, "/robots.txt")
        refuse_walls(read(app.http, address, limit=_GLANCE, expanded=_GLANCE, seconds=PATIENCE))
    except (Unavailable, Refused) as error:
        is_on_the_way = error.__cause__ is not None
        here = error.state in {State.FILTERED_HERE, State.OUR_NETWORK_DOWN}
        return error.reason if is_on_the_way or here else None
    return None


def _mail_trouble(app: App) -> Iterator[str]:
    try:
        say(f"  ✓ mail: {clean(' '.join(app.deliver.post.greet()))}")
    except (MailDelayed, MailRefused) as error:
        yield f"mail: {clean(str(error))}"
