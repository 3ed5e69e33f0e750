"""The demo: scan the invented neighbourhood once and show what a safeguarding lead would get."""

import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.table import Table

from classifiers.registry import make_model
from monitor.alerts import Alert
from monitor.app import App, now, start
from monitor.captures import Kind
from monitor.clocks import local
from monitor.config.loading import load
from monitor.demo.neighbourhood import serve
from monitor.jobs.poll import Polled
from monitor.jobs.show import Show

MARK = ".made-by-the-demo"

out = Console(highlight=False, markup=False, emoji=False)
if not out.is_terminal:
    out.width = 120  # a file or a pipe has no width of its own


def show(folder: Path) -> None:
    """Run the demo into `folder`, which is emptied first if an earlier demo made it."""
    folder = folder.resolve()
    _make_room(folder)
    out.print("Serving an invented neighbourhood on this machine and reading it once ...")
    with serve(now()) as site:
        environ = {"DEMO_SITE": site, "DEMO_OUTPUT": str(folder)}
        app = start(load(_config(), environ))
        try:
            _tell(app, folder, _work(app))
        finally:
            app.close()


def _config() -> Path:
    """The demo's configuration: in the source tree, or packed beside this file."""
    in_tree = Path(__file__).resolve().parents[2] / "config" / "demo.yaml"
    return in_tree if in_tree.exists() else Path(str(files("monitor.demo").joinpath("demo.yaml")))


def _make_room(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise SystemExit(f"{folder} holds something that no demo made; name an empty folder with --to.")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / MARK).touch()


def _work(app: App) -> list[Polled]:
    polled = [app.poll_source(name, early=True) for name in app.poll.sources]
    app.write.urgent()
    out.print("Keeping evidence ...")
    while app.capturing.run() is not None:
        pass
    app.pin_evidence()
    for person in app.write.people:
        app.write.digest_now(person)
    while app.deliver.run() is not None:
        pass
    return [found for found in polled if found is not None]


def _tell(app: App, folder: Path, polled: Sequence[Polled]) -> None:
    alerts = app.store.alerts.all()
    read = sum(found.read for found in polled)
    about_us = sum(found.mentions for found in polled)
    out.print(f"\n{read} posts read, {about_us} about the school, {len(alerts)} need somebody.\n")
    out.print(_table(app, alerts))
    out.print(f"Judged by {app.poll.classifier.by}.\n")
    shown = _worth_showing(app, alerts)
    page = _write_page(app, folder, shown)
    pack = _write_pack(app, folder, shown)
    out.print("What a safeguarding lead gets:")
    for name, where in (
        ("urgent notices and digests", folder / "mail"),
        ("one alert as a page", page),
        ("evidence (screen prints, pages, records)", folder / "data" / "evidence"),
        ("that alert as a pack for the police", pack),
    ):
        out.print(f"  {name:42} {where}", soft_wrap=True)
    out.print(f"  {'the browser for screen prints':42} {app.browser.reason}", soft_wrap=True)


def _table(app: App, alerts: Sequence[Alert]) -> Table:
    table = Table("alert", "severity", "what", "first seen", "where", "evidence")
    for alert in alerts:
        captures = app.store.captures.of_alert(alert.number)
        table.add_row(
            alert.label,
            alert.severity.word,
            app.write.manner.plays[alert.subcategory].label,
            local(alert.seen_at, app.write.manner.zone),
            "locked: do not open" if alert.media_lock else alert.urls[0],
            captures[-1].kind.value if captures else "none yet",
        )
    return table


def _has_picture(app: App, alert: Alert) -> bool:
    return any(
        capture.kind in (Kind.ELEMENT_SCREENSHOT, Kind.PAGE_SCREENSHOT)
        for capture in app.store.captures.of_alert(alert.number)
    )


def _worth_showing(app: App, alerts: Sequence[Alert]) -> Alert:
    """The most severe alert that has a picture, or else the most severe."""
    if not alerts:
        raise SystemExit("The demo raised no alert: something is wrong with this installation.")
    return next((alert for alert in alerts if _has_picture(app, alert)), alerts[0])


def _write_page(app: App, folder: Path, shown: Alert) -> Path:
    page = folder / f"{shown.label}.html"
    show_alert = Show(
        store=app.store,
        manner=app.write.manner,
        evidence=app.config.data / "evidence",
        now=now,
        model=make_model(app.config.classifier),
    )
    page.write_text(show_alert.page(shown), encoding="utf-8")
    return page


def _write_pack(app: App, folder: Path, shown: Alert) -> Path:
    pack = folder / f"{shown.label}-police"
    app.hand_over().export(shown, pack, by="Dana Lead", whom="PC 4711, Thornwick police", why="the demo")
    return pack
