"""`sources`: what each platform asks for, costs and allows, as far as its terms were read."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from connectors.connector import Place, Scored
from connectors.durations import write_duration
from connectors.registry import ALL_THREE, PLATFORMS, Platform, Terms
from connectors.x import X
from monitor.cli.terminal import DEFAULT_CONFIG, ConfigPath, clean, out, print_json, read_config, say
from monitor.config.settings import Config
from monitor.mail.wording import count

_BY_CONNECTOR = {platform.connector: platform for platform in PLATFORMS}


def sources(
    config: ConfigPath = DEFAULT_CONFIG,
    every: Annotated[
        bool, typer.Option("--all", help="Every platform that can be read; no configuration is needed.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a source, or with `--all` a platform.")
    ] = False,
) -> None:
    """Say of each source what its platform asks for first, costs a month, and lets us score and keep."""
    if every:
        _show_platforms(as_json=as_json)
    else:
        _show_sources(read_config(config), as_json=as_json)


def _show_platforms(*, as_json: bool) -> None:
    if as_json:
        for platform in PLATFORMS:
            print_json({"platform": platform.name, "title": platform.title} | _facts(platform.terms))
        return
    table = Table("platform", "needs first", "a month", "may be scored", "keep", "default", "checked")
    for platform in PLATFORMS:
        gate, cost, scores, keep, checked = _cells(platform.terms, platform.terms.cost, platform.terms.scores)
        default = "on" if platform.terms.by_default else "off"
        table.add_row(platform.name, gate, cost, scores, keep, default, checked)
    out.print(table)
    for platform in PLATFORMS:
        _say_what_is_asked(platform)


def _show_sources(config: Config, *, as_json: bool) -> None:
    read = [(source, _BY_CONNECTOR[type(source)]) for source in config.sources]
    if as_json:
        for source, platform in read:
            own = {"cost": _cost(source, platform.terms), "scores": list(_scored(source, platform.terms))}
            print_json(_named(source) | _facts(platform.terms) | own)
        return
    columns = ("needs first", "a month", "may be scored", "keep", "checked")
    table = Table("source", "platform", "every", "official", *columns)
    for source, platform in read:
        cells = _cells(platform.terms, _cost(source, platform.terms), _scored(source, platform.terms))
        every, official = write_duration(source.every), source.official or ""
        table.add_row(clean(source.name), platform.name, every, official, *cells)
    out.print(table)
    platforms = dict.fromkeys(platform for _, platform in read)
    for platform in platforms:
        _say_what_is_asked(platform)
    for line in config.against_terms():
        say(f"! {clean(line, 400)}")


def _named(source: Place) -> dict[str, object]:
    return {
        "source": source.name,
        "platform": _BY_CONNECTOR[type(source)].name,
        "every": write_duration(source.every),
        "official": source.official,
    }


def _facts(terms: Terms) -> dict[str, object]:
    return {
        "needs": terms.gate,
        "cost": terms.cost,
        "scores": list(terms.scores),
        "keep_days": terms.keep.days if terms.keep else None,
        "deletes_with_it": terms.deleted,
        "asks": terms.asks,
        "by_default": terms.by_default,
        "checked": terms.checked,
    }


def _cells(terms: Terms, cost: str, heads: Sequence[Scored]) -> tuple[str, str, str, str, str]:
    scores = "all" if set(heads) == set(ALL_THREE) else ", ".join(heads)
    keep = count(terms.keep.days, "day") if terms.keep else "not said"
    keep += "; not what is deleted there" if terms.deleted else ""
    return terms.gate or "nothing", cost, scores, keep, terms.checked or "never"


def _cost(source: Place, terms: Terms) -> str:
    """What a month of this source costs: no price that is known hangs on how often it is read."""
    return f"At most ${source.cap:,.2f}: its cap." if isinstance(source, X) else terms.cost


def _scored(source: Place, terms: Terms) -> Sequence[Scored]:
    return source.scores or terms.scores


def _say_what_is_asked(platform: Platform) -> None:
    if platform.terms.asks:
        say(f"  {platform.name}: {platform.terms.asks}")
