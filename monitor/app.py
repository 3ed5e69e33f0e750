"""Putting the pieces together: each job gets what it needs of the configuration, and nothing else.

Here the clock, chance and the network enter; everything below is handed them.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path

import httpx

from classifiers.registry import make_model, make_steadfast
from classifiers.rules import Rules
from classifiers.shipped import FOLDER, Shipped
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage
from connectors.connector import Connector, Stream
from monitor.anchors import StampState
from monitor.clocks import local
from monitor.config.effective import differences, settings_json
from monitor.config.settings import Config
from monitor.evidence.browser import Found, find_browser
from monitor.evidence.camera import Camera
from monitor.evidence.printing import as_pdf
from monitor.evidence.sealing import Sealer
from monitor.evidence.signing import KeyUnusable
from monitor.evidence.timekeeping import ask_kernel
from monitor.evidence.timestamps import Authority
from monitor.jobs.anchor import Anchoring, Stamping
from monitor.jobs.beat import Beat
from monitor.jobs.capture import Capturing
from monitor.jobs.deliver import Deliver
from monitor.jobs.forget import Forget, waiting
from monitor.jobs.hand_over import HandOver
from monitor.jobs.listen import Listen
from monitor.jobs.poll import Poll, Polled
from monitor.jobs.probe import Probe
from monitor.jobs.verify import Verifying
from monitor.jobs.workers import is_dead, worker_name
from monitor.jobs.write import Manner, Write
from monitor.mentions.register import Register
from monitor.network import make_http
from monitor.notices import Notice, named
from monitor.store.secrecy import Secrecy
from monitor.store.store import Store, new_ulid, open_store

VERSION = version("school-mention-monitor")
LITTLE_DISK = 2_000_000_000
"""Bytes of free disk below which people hear of it."""
LATE = timedelta(hours=2)
"""How old an anchor is when people hear that an authority has not stamped it."""


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The jobs, ready to run, under one configuration."""

    config: Config
    store: Store
    http: httpx.Client
    browser: Found
    camera: Camera
    model: Shipped | Transformer | None
    probe: Probe
    poll: Poll
    listen: Listen
    capturing: Capturing
    anchoring: Anchoring
    stamping: Stamping
    verifying: Verifying
    write: Write
    deliver: Deliver
    forget: Forget
    beat: Beat
    now: Callable[[], datetime]

    def poll_source(self, source: str, *, early: bool = False) -> Polled | None:
        """Poll one source; what nobody foresaw is noted at the source and raised."""
        try:
            return self.poll.run(source, early=early)
        except Exception as error:
            self.poll.stumble(self.poll.sources[source], error)
            raise

    def listen_to(
        self, source: str, stop: Callable[[], bool], *, early: bool = False, once: bool = False
    ) -> Polled | None:
        """Listen to one stream until told to stop; what nobody foresaw is noted at the source and raised."""
        try:
            return self.listen.run(source, stop, early=early, once=once)
        except Exception as error:
            self.poll.stumble(self.listen.streams[source], error)
            raise

    def hand_over(self) -> HandOver:
        """What writes packs and redacted copies."""
        browser = self.browser.path
        return HandOver(
            store=self.store,
            anchoring=self.anchoring,
            data=self.config.data,
            school_names=self.write.manner.school_names,
            to_pdf=None if browser is None else partial(as_pdf, browser=browser),
            now=self.now,
        )

    def model_amiss(self) -> str:
        """What is wrong with the model's files, which are only looked at; nothing if all is well."""
        try:
            if self.model is not None:
                self.model.check()
        except ModelUnavailable as error:
            return str(error)
        return ""

    def try_model(self) -> str:
        """Why the model is out, if it is: the administrators hear of it, of the same cause once a day."""
        out = self.probe.run()
        if out:
            told = (
                "The model cannot judge, so the rules judge alone: they miss what is said in other words. It "
                "is tried again every five minutes; when it is back, whatever the sources still show then is "
                "judged again by itself. Put right what is named here."
            )
            self._tell_administrators("the model is out", told, out)
        return out

    def mail_next(self) -> Notice | None:
        """Write what is owed, then try the most urgent message that is due; None when there is none.

        What cannot be written holds up nothing that is: it is raised when all of that has been tried.
        """
        failed: Exception | None = None
        try:
            self.write.urgent()
        except Exception as error:  # noqa: BLE001  # it is raised below
            failed = error
        notice = self.deliver.run()
        if notice is None and failed is not None:
            raise failed
        return notice

    def pin_evidence(self) -> int:
        """Make the anchors that are due; how many that were.

        Of a signing key that cannot be used the administrators hear, of the same cause once a day.
        """
        try:
            return self.anchoring.run()
        except KeyUnusable as error:
            told = (
                "New evidence is taken as before, but it is not pinned: nobody could show later that it was "
                "not changed meanwhile. Put right what is named here; what waits is then pinned by itself."
            )
            self._tell_administrators("evidence is not being pinned", told, str(error))
            return 0

    def settings_broken(self, problem: str) -> None:
        """Tell the administrators that the changed file cannot be used; of the same fault once a day."""
        told = (
            "The changed configuration cannot be used. The monitor goes on with the last good one. Put right "
            "what is named here and save: the file is read again by itself."
        )
        self._tell_administrators("the configuration has an error", told, problem)

    def settings_kept_back(self) -> None:
        """Tell the administrators that what they changed needs a restart."""
        told = (
            "The configuration now names another database or data folder. A running monitor does not move: "
            f"it goes on in {self.config.data}. Restart it to use the new place; everything else that was "
            "changed is in force."
        )
        self._tell_administrators("the monitor must be restarted", told)

    def _tell_administrators(self, subject: str, *paragraphs: str) -> None:
        said = hashlib.sha256("".join(paragraphs).encode()).hexdigest()[:12]
        self.write.to_administrators(f"{self.now():%Y%m%d}-{said}", subject, paragraphs)

    def let_go(self) -> None:
        """End the browser and the connections; the database stays open for the app that follows."""
        self.camera.close()
        self.http.close()

    def close(self) -> None:
        """Let go of everything."""
        self.let_go()
        self.store.close()


def _machine(config: Config, store: Store, at: datetime) -> Sequence[str]:
    free = shutil.disk_usage(config.data).free
    said = [f"Only {free / 1e9:.1f} GB of disk are left: make room soon."] if free < LITTLE_DISK else []
    late = [notice for notice in store.notices.unsent() if notice.error]
    if late:
        have = "message has" if len(late) == 1 else "messages have"
        said.append(f"{len(late)} {have} not been taken by the mail server yet; last answer: {late[0].error}")
    due = store.captures.waiting()
    if due:
        are = "capture of evidence is" if due == 1 else "captures of evidence are"
        said.append(f"{due} {are} still to be taken.")
    return [*said, *waiting(store, at, config.digest.timezone), *_unstamped(config, store, at)]


def _unstamped(config: Config, store: Store, at: datetime) -> Iterator[str]:
    """Which authorities are late with their time-stamps, or answered wrongly, and what that means."""
    names = [authority.name for authority in config.evidence.authorities]
    for one in store.anchors.unstamped(names, at - LATE):
        wrong = one.state is StampState.FAILED
        anchors = f"{one.anchors} anchors" if one.anchors > 1 else "one anchor"
        yield (
            f"{one.authority} {'answers wrongly' if wrong else 'does not answer'} when it is asked for a "
            f"time-stamp of evidence; last: {one.error or 'no answer'}. It owes one for {anchors}, the first "
            f"made {local(one.since, config.digest.timezone)}, and is asked again "
            f"{'daily' if wrong else 'every six hours'}. The evidence is kept and signed meanwhile."
        )


def _user_agent(config: Config) -> str:
    """Who we are, and where those whom we read can learn more."""
    about = config.governance.notice_url or config.schools[0].site or "reads public posts about a school"
    return f"SchoolMentionMonitor/{VERSION} ({about})"


def locks(text: str) -> bool:
    """Whether the words of a page suggest an indecent image of a child; the rules alone say so."""
    return Rules().classify([Passage(text)])[0].media_lock


def _opened(config: Config) -> Store:
    return open_store(config.database_url(), config.data / "keys" / "posts.key", config.data / "backups")


def build(
    config: Config,
    *,
    store: Store | None = None,
    worker: str | None = None,
    now: Callable[[], datetime] = now,
    shipped: Path = FOLDER,
) -> App:
    """An app under this configuration; a store that is open already is used on.

    `shipped` is where the model lies that comes with the monitor.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (config.data / "evidence").mkdir(mode=0o700, exist_ok=True)
    worker = worker or worker_name()
    people = config.recipients()
    sealer = Sealer(config.evidence.recipients) if config.evidence.sealed else None
    secrecy = Secrecy(seal=sealer.seal_words, named=partial(named, people)) if sealer else None
    store = (store or _opened(config)).keeping(secrecy)
    http = make_http(
        user_agent=_user_agent(config),
        proxy=config.network.proxy_url(),
        ca_bundle=config.network.ca_bundle,
        allow=config.network.allow,
    )
    browser = find_browser(config.browser)
    camera = Camera(
        config.data / "evidence",
        browser=browser.path,
        now=now,
        allow=frozenset(config.network.allow),
        proxy=config.network.proxy_url(),
        ca_bundle=config.network.ca_bundle,
        versions=f"school-mention-monitor {VERSION}",
        locks=locks,
        pictures=config.evidence.images == "after_check",
        run=new_ulid(now()),
        settings_sha256=hashlib.sha256(settings_json(config).encode()).hexdigest(),
        timekeeping=ask_kernel,
        sealer=sealer,
    )
    classifier = make_steadfast(config.classifier, shipped)
    policy = config.policy()
    sources = {source.name: source for source in config.sources}
    store.sources.sync(
        {name: (source.platform, source.every) for name, source in sources.items()},
        now(),
        hosts={name: source.host for name, source in sources.items()},
    )
    authorities = [
        Authority(name=one.name, url=str(one.url), roots=one.roots) for one in config.evidence.authorities
    ]
    poll = Poll(
        store=store,
        http=http,
        sources={name: source for name, source in sources.items() if isinstance(source, Connector)},
        register=Register(config.schools),
        classifier=classifier,
        policy=policy,
        people=people,
        scored=config.scored(),
        now=now,
        chance=lambda: random.uniform(-1, 1),  # noqa: S311  # spreads polls, guards nothing
        worker=worker,
    )
    manner = Manner(
        sender=config.mail.sender,
        detail=config.mail.detail,
        zone=config.digest.timezone,
        digest_at=config.digest.at,
        school_names={school.id: school.name for school in config.schools},
        plays=policy.plays,
        contacts=config.all_contacts(),
        looser=config.looser(),
    )
    write = Write(
        store=store,
        people=people,
        manner=manner,
        now=now,
        machine=lambda: _machine(config, store, now()),
        housekeeping=lambda: config.warnings(now()),
        by=lambda: classifier.by,
    )
    return App(
        config=config,
        store=store,
        http=http,
        browser=browser,
        camera=camera,
        model=make_model(config.classifier, shipped),
        probe=Probe(store=store, classifier=classifier, sources=tuple(sources), now=now),
        poll=poll,
        listen=Listen(
            poll=poll,
            streams={name: source for name, source in sources.items() if isinstance(source, Stream)},
        ),
        capturing=Capturing(
            store=store, camera=camera, now=now, worker=worker, evidence=config.data / "evidence"
        ),
        anchoring=Anchoring(
            store=store,
            keys=config.data / "keys",
            authorities=[authority.name for authority in authorities],
            software=f"school-mention-monitor {VERSION}",
            now=now,
        ),
        stamping=Stamping(store=store, http=http, authorities=authorities, now=now, worker=worker),
        verifying=Verifying(
            store=store,
            evidence=config.data / "evidence",
            keys=config.data / "keys",
            roots=[one.roots for one in config.evidence.authorities if one.roots is not None],
            write=write,
            now=now,
        ),
        write=write,
        deliver=Deliver(store=store, post=config.post(http), now=now, worker=worker),
        forget=Forget(store=store, retention=config.kept(), evidence=config.data / "evidence", now=now),
        beat=Beat(
            store=store,
            http=http,
            file=config.heartbeat.file,
            url=config.heartbeat.url,
            now=now,
            worker=worker,
        ),
        now=now,
    )


def rebuild(app: App, config: Config) -> App:
    """The app under a changed configuration, on the database that is open.

    Raises ModelUnavailable where another model is named that cannot be used. Whoever uses the old app last
    lets it go.
    """
    moved = (config.data, config.database_url()) != (app.config.data, app.config.database_url())
    if moved:
        config = config.model_copy(update={"data": app.config.data, "database": app.config.database})
    fresh = build(config, store=app.store, worker=app.poll.worker, now=app.now)
    if config.classifier != app.config.classifier and (out := fresh.probe.glance()):
        fresh.let_go()
        raise ModelUnavailable(out)
    _note_settings(fresh)
    if moved:
        fresh.settings_kept_back()
    return fresh


def start(config: Config, now: Callable[[], datetime] = now) -> App:
    """The app as a worker starts it: changed settings are noted, the claims of dead workers freed."""
    app = build(config, now=now)
    app.store.sources.release_dead([name for name in app.store.sources.claimants() if is_dead(name)])
    _note_settings(app)
    if app.store.journal.outage() is not None:
        app.try_model()
    return app


def _note_settings(app: App) -> None:
    """Keep the effective settings; note what has changed, and read again whatever a change concerns."""
    before, after = app.store.journal.settings(), settings_json(app.config)
    if before == after:
        return
    if before is not None:
        app.store.sources.reread(_to_read_again(before, after))
        app.store.journal.settings_changed(differences(before, after), app.now())
    # Last: a kill on the way only repeats what came before.
    app.store.journal.keep_settings(after)


def _to_read_again(before: str, after: str) -> list[str]:
    """The sources that have another address now; all of them when schools go by other names."""
    old, new = json.loads(before), json.loads(after)
    known = {source["name"]: _where(source) for source in old["sources"]}
    return [
        source["name"]
        for source in new["sources"]
        if old["schools"] != new["schools"] or known.get(source["name"], _where(source)) != _where(source)
    ]


def _where(source: dict[str, object]) -> dict[str, object]:
    """What makes a source another one: everything but how often it is read."""
    return {key: value for key, value in source.items() if key != "every"}
