"""When each job runs on one machine; the only file that knows APScheduler."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Lock
from time import monotonic
from traceback import format_tb
from typing import TypeVar

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from classifiers.transformer import ModelUnavailable
from monitor.app import App
from monitor.config.problems import ConfigError
from monitor.config.settings import Config
from monitor.config.watching import Watcher
from monitor.jobs.faults import in_words

log = logging.getLogger("monitor")

READERS = 4
STREAMS = 20
"""How many streams are listened to at once, each by a thread that does nothing else."""
TICK = 2.0
JUMP = 60
"""Seconds by which the wall clock moves against the monotonic one when it has been set."""

T = TypeVar("T")


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """At once, and again so many seconds after each start, a tenth later by chance.

    APScheduler's own interval counts every tick that was missed: a clock set forward by years, as on a
    machine that wakes without a battery, would keep it counting.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """`now` for the first time, later ever after."""
        if previous_fire_time is None:
            return now
        later: datetime = self._apply_jitter(now + timedelta(seconds=self._seconds), self._seconds / 10, now)
        return later


class Scheduler:
    """Runs the jobs of an app, each in its own executor, until it is told to stop.

    Everything that matters lies in the database: here are only clocks. Urgent mail never waits for a poll
    or a capture, because each kind of job has threads of its own.
    """

    def __init__(self, app: App, watcher: Watcher, rebuild: Callable[[App, Config], App]) -> None:
        self._app = app
        self._watcher = watcher
        self._rebuild = rebuild
        self._seen: Config | ConfigError | None = None
        self._users: Counter[int] = Counter()
        self._followed: set[str] = set()
        self._lock = Lock()
        self._stop = Event()
        self._hush = Event()

    def run(self, stop: Event) -> None:
        """Work until `stop` is set, let what runs finish, and close the app."""
        self._stop = stop
        engine = _engine()
        for name, executor, seconds, job in self._jobs():
            engine.add_job(job, Every(seconds), id=name, executor=executor)
        engine.add_job(partial(self._follow_streams, engine), Every(TICK), id="streams", executor="default")
        engine.start()
        try:
            self._watch_clock(engine)
        finally:
            log.info("stopping: what runs is finished first")
            engine.pause()
            engine.shutdown(wait=True)
            self._app.close()

    def _jobs(self) -> Iterator[tuple[str, str, float, Callable[[], object]]]:
        """Each job's name, as people read it when it fails; its executor; seconds; and what it does."""
        for name, executor, seconds, step in (
            ("the sign of life", "default", 30, lambda app: app.beat.run()),
            ("the sign of life to the outside", "upkeep", 300, lambda app: app.beat.call()),
            ("forgetting", "thorough", 3600, lambda app: app.forget.run()),
            ("verifying evidence", "thorough", 3600, lambda app: app.verifying.run()),
            ("reading the changed settings", "upkeep", 5, self._take_up_settings),
            ("looking after the model", "upkeep", 300, self._try_model),
            ("pinning evidence", "anchor", 5, lambda app: app.pin_evidence()),
            ("writing the digests", "mail", 30, lambda app: app.write.digests()),
        ):
            yield name, executor, seconds, partial(self._do, name, step)
        for name, executor, step in (
            ("keeping evidence", "camera", lambda app: app.capturing.run()),
            ("having evidence time-stamped", "anchor", lambda app: app.stamping.run()),
            ("sending mail", "mail", lambda app: app.mail_next()),
        ):
            yield name, executor, TICK, partial(self._do_all, name, step)
        for number in range(READERS):
            yield f"reader {number}", "poll", TICK, self._read_what_is_due

    def _do(self, name: str, step: Callable[[App], T]) -> T | None:
        """Do one step with the app in force; a failure is recorded, and the job comes again."""
        try:
            with self._using() as app:
                return step(app)
        except Exception as error:  # noqa: BLE001  # the one place that catches everything, and it records it
            self._note(name, error)
            return None

    def _do_all(self, name: str, step: Callable[[App], object]) -> None:
        """Do one step after the other until there is nothing left to do."""
        while not self._stop.is_set() and self._do(name, step) is not None:
            pass

    def _read_what_is_due(self) -> None:
        """Read one source after the other; other readers do so beside this one, and claims part them."""
        due = self._do("finding out what to read", lambda app: app.store.sources.due(app.now()))
        for source in due or ():
            if not self._stop.is_set():
                self._do(f"reading {source}", partial(App.poll_source, source=source))

    def _follow_streams(self, engine: BackgroundScheduler) -> None:
        """Give each stream that nobody listens to a thread of its own; claims part those who come twice."""
        for source in self._do("finding out what to listen to", lambda app: app.listen.due()) or ():
            engine.add_job(partial(self._follow, source), executor="stream")

    def _follow(self, source: str) -> None:
        """Listen until the end, or until other settings are in force; one thread of ours is enough.

        The claim alone does not part two threads of one worker: it runs out when the clock is set forward.
        """
        with self._lock:
            if source in self._followed:
                return
            self._followed.add(source)
        hush = self._hush
        try:
            self._do(
                f"listening to {source}",
                lambda app: app.listen_to(source, lambda: hush.is_set() or self._stop.is_set()),
            )
        finally:
            with self._lock:
                self._followed.discard(source)

    @contextmanager
    def _using(self) -> Iterator[App]:
        """The app in force; whoever is the last to use one that was replaced lets it go."""
        with self._lock:
            app = self._app
            self._users[id(app)] += 1
        try:
            yield app
        finally:
            with self._lock:
                self._users[id(app)] -= 1
                was_last = app is not self._app and not self._users[id(app)]
            if was_last:
                app.let_go()

    def _take_up_settings(self, app: App) -> None:
        """Go on under a changed configuration; what could not be done now is done the next time."""
        self._seen = self._watcher.poll() or self._seen
        if isinstance(self._seen, ConfigError):
            log.error("the changed configuration cannot be used, the last good one stands: %s", self._seen)
            app.settings_broken(str(self._seen))
        elif self._seen is not None:
            self._take_up(app, self._seen)
        self._seen = None

    def _take_up(self, app: App, config: Config) -> None:
        try:
            fresh = self._rebuild(app, config)
        except ModelUnavailable as error:
            app.settings_broken(str(error))
            return
        with self._lock:
            self._app = fresh
            self._hush.set()
            self._hush = Event()
        log.info("the configuration was read again")

    def _try_model(self, app: App) -> None:
        out = app.try_model()
        if out:
            log.error("the model is out, the rules judge alone: %s", out)

    def _note(self, name: str, error: Exception) -> None:
        said = in_words(error)
        # No words of the error itself: they may quote a post, and logs are read by others than alerts are.
        log.error("%s failed: %s\n%s", name, said, "".join(format_tb(error.__traceback__)))
        try:
            self._app.store.journal.trouble(name, said, self._app.now())
        except Exception as again:  # noqa: BLE001  # when even this fails, the log is all there is
            log.error("the failure of %s could not be recorded: %s", name, in_words(again))  # noqa: TRY400  # no words

    def _watch_clock(self, engine: BackgroundScheduler) -> None:
        """Sit out the run; when the wall clock is set, every job is timed anew from now."""
        offset = self._app.now().timestamp() - monotonic()
        while not self._stop.wait(1):
            moved = self._app.now().timestamp() - monotonic() - offset
            if abs(moved) > JUMP:
                log.warning("the clock was set by %d seconds: every job is timed anew", moved)
                for job in engine.get_jobs():
                    # A listening that is about to begin has no next time, and may be gone already.
                    if isinstance(job.trigger, Every):
                        engine.reschedule_job(job.id, trigger=job.trigger)
                offset += moved


def _engine() -> BackgroundScheduler:
    # It would say at every tick that a long job still runs.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return BackgroundScheduler(
        timezone="UTC",
        executors={
            "default": ThreadPoolExecutor(1),
            "poll": ThreadPoolExecutor(READERS),
            "camera": ThreadPoolExecutor(1),
            "anchor": ThreadPoolExecutor(2),
            "mail": ThreadPoolExecutor(1),
            "upkeep": ThreadPoolExecutor(2),
            # What may take hours, so that it holds up neither the sign of life nor changed settings.
            "thorough": ThreadPoolExecutor(1),
            "stream": ThreadPoolExecutor(STREAMS),
        },
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
