"""`scan` and `run`: one pass over the sources, or the unattended worker."""

import logging
import os
import re
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event, local
from time import monotonic
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn
from rich.table import Table

from connectors.post import State
from connectors.reading import spoken
from monitor.app import App, rebuild, start
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    NEEDS_A_PERSON,
    ConfigPath,
    clean,
    err,
    harmless,
    opened,
    out,
    print_json,
    progress,
    remark,
    say,
    stop,
)
from monitor.config.documents import minimal_config
from monitor.config.problems import ConfigError
from monitor.config.settings import Config
from monitor.config.watching import Watcher
from monitor.jobs.faults import in_words
from monitor.jobs.poll import Polled
from monitor.mail.wording import count

log = logging.getLogger("monitor")

READERS = 4
LISTENING = 300.0
"""Seconds for which a stream is listened to at most; what waits there still is heard the next time."""
_ADDRESS = re.compile(r"https?://[^\s\"\\]+")


class _Meter(local):
    """How many requests the thread has sent that looks at it; each redirect and each new try is one."""

    sent = 0

    def note(self, request: httpx.Request) -> None:  # noqa: ARG002  # what httpx hands to a hook
        """One more."""
        self.sent += 1


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What one reading did; `before` and `after` are the cursors."""

    polled: Polled
    requests: int
    before: str | None
    after: str | None


class _Harmless(logging.Formatter):
    """Log lines without anything that a terminal obeys: they may quote what a server said."""

    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def scan(
    config: ConfigPath = DEFAULT_CONFIG,
    source: Annotated[
        list[str] | None, typer.Option("--source", metavar="NAME", help="Only this source; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a source.")] = False,
) -> None:
    """Read every source once, now; capture, and send what is urgent."""
    _log_to_standard_error(logging.WARNING)
    with opened(config, start) as app:
        names = _chosen(app, source)
        scanned = [found for found in _scan_all(app, names) if found is not None]
        _finish(app)
        if as_json:
            for found in scanned:
                print_json(_as_json(found))
        else:
            out.print(_table([found.polled for found in scanned]))
            say(f"{count(sum(found.requests for found in scanned), 'request')} made.")
            say(f"Judged by {app.poll.classifier.by}.")
        outage = app.store.journal.outage()
        if outage is not None:
            remark(f"The model is out: the rules judge alone. {clean(outage.reason, 800)}")
        if outage or any(found.polled.state not in {State.OK, State.BEHIND} for found in scanned):
            raise typer.Exit(NEEDS_A_PERSON)


def _chosen(app: App, wanted: Sequence[str] | None) -> list[str]:
    known = [source.name for source in app.config.sources]
    for name in wanted or ():
        if name not in known:
            stop(f"There is no source named '{clean(name, 80)}'. The configuration has: {', '.join(known)}.")
    return list(dict.fromkeys(wanted)) if wanted else known


def _scan_all(app: App, names: Sequence[str]) -> Iterator[_Scanned | None]:
    """Read a few sources at a time, saying how far it is: a bar for a person, a line a source otherwise."""
    meter = _Meter()
    app.http.event_hooks = {"request": [meter.note]}
    with progress(BarColumn(), MofNCompleteColumn()) as bar, ThreadPoolExecutor(READERS) as pool:
        task = bar.add_task("Reading sources …", total=len(names))
        running = {pool.submit(_scan_one, app, name, meter): name for name in names}
        for done in as_completed(running):
            bar.advance(task)
            found = done.result()
            if not err.is_terminal:
                state = found.polled.state if found else "read by another worker just now"
                remark(f"{running[done]}: {state}")
            yield found


def _scan_one(app: App, name: str, meter: _Meter) -> _Scanned | None:
    """Read a source, in one thread from its first request to its last, and see how far that took us."""
    before, sent = app.store.sources.cursor(name), meter.sent
    polled = _read_surely(app, name)
    if polled is None:
        return None
    return _Scanned(polled, meter.sent - sent, before, app.store.sources.cursor(name))


def _read_once(app: App, name: str) -> Polled | None:
    """Poll a source; listen to a stream until nothing waits there, or we have had enough of it."""
    if name not in app.listen.streams:
        return app.poll_source(name, early=True)
    until = monotonic() + LISTENING
    return app.listen_to(name, lambda: monotonic() > until, early=True, once=True)


def _read_surely(app: App, source: str) -> Polled | None:
    try:
        return _read_once(app, source)
    except Exception as error:  # noqa: BLE001  # recorded at the source by App.poll_source
        # One bad source never stops the others; it is recorded at the source and told here.
        said = f"the monitor itself failed: {in_words(error)}"
        log.error("the poll of %s failed: %s", source, said)  # noqa: TRY400  # a traceback may quote a post
        return Polled(source=source, state=State.PARSE_ERROR, reason=said)


def _finish(app: App) -> None:
    app.write.urgent()
    if not err.is_terminal:
        remark("Keeping evidence and sending.")
    with progress() as bar:
        bar.add_task("Keeping evidence and sending …", total=None)
        while app.deliver.run() is not None:
            pass
        while app.capturing.run() is not None:
            pass
        app.pin_evidence()
        while app.stamping.run() is not None:
            pass


def _as_json(scanned: _Scanned) -> dict[str, object]:
    found = scanned.polled
    return {
        "source": found.source,
        "state": found.state.value,
        "reason": found.reason,
        "read": found.read,
        "changed": found.changed,
        "mentions": found.mentions,
        "alerts": list(found.recorded.new),
        "joined": list(found.recorded.joined),
        "raised": list(found.recorded.raised),
        "requests": scanned.requests,
        "cursor_before": _shown(scanned.before),
        "cursor_after": _shown(scanned.after),
    }


def _shown(cursor: str | None) -> str | None:
    """A cursor for people: what stands behind the question mark of an address may be a key."""
    return None if cursor is None else _ADDRESS.sub(lambda found: spoken(found[0]), cursor)


def _table(polled: Sequence[Polled]) -> Table:
    table = Table("source", "state", "read", "new", "about us", "alerts", "note")
    for found in polled:
        alerts = ", ".join(f"A-{number}" for number in (*found.recorded.new, *found.recorded.raised))
        table.add_row(
            clean(found.source),
            found.state.value,
            str(found.read),
            str(found.changed),
            str(found.mentions),
            alerts,
            clean(found.reason),
        )
    return table


def run(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Work unattended until told to stop (SIGTERM or Ctrl+C)."""
    from monitor.scheduler import Scheduler  # noqa: PLC0415  # APScheduler is needed by this command alone

    _log_to_standard_error(logging.INFO)
    halt = Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: halt.set())
    watcher = Watcher(config, os.environ)
    settings = _await_config(config, watcher, halt)
    if settings is None:
        return
    app = start(settings)
    sources, schools = count(len(settings.sources), "source"), count(len(settings.schools), "school")
    log.info("watching %s for %s", sources, schools)
    scheduler = Scheduler(app, watcher, rebuild)
    scheduler.run(halt)


def _log_to_standard_error(level: int) -> None:
    lines = logging.StreamHandler()
    lines.setFormatter(_Harmless("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=level, handlers=[lines])
    for chatty in ("apscheduler", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _await_config(path: Path, watcher: Watcher, halt: Event) -> Config | None:
    """The configuration, as soon as there is one to use: until then the worker says what to edit."""
    _write_minimal(path)
    while not halt.is_set():
        found = watcher.poll()
        if isinstance(found, ConfigError):
            log.error(
                "%s\nThe monitor is up but watches nothing. Edit %s; it is read again by itself.", found, path
            )
        elif found is not None:
            return found
        halt.wait(5)
    return None


def _write_minimal(path: Path) -> None:
    """Write a first configuration where there is none; a folder that is shut must not end the worker."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(minimal_config())
        log.warning("there was no configuration, so a first one was written: edit %s", path)
    except FileExistsError:
        return
    except OSError as error:
        log.warning(
            "there is no %s and it cannot be written (%s). Make it with this content:", path, error.strerror
        )
        log.warning("\n%s", minimal_config())
