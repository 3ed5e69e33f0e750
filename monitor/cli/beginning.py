"""`init`: a first configuration file, from a few questions, from flags, or from an extract of GIAS."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from email.utils import parseaddr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar, cast

import typer
from pydantic import ValidationError

from connectors.feed import Feed
from monitor.cli.terminal import DEFAULT_CONFIG, ConfigPath, say, stop
from monitor.config.documents import minimal_config
from monitor.config.first import First, drafted, page, site_of
from monitor.config.gias import (
    Establishment,
    ExtractError,
    Kind,
    Table,
    clean,
    establishments,
    look_up,
    recognise,
    trust_of,
)
from monitor.config.loading import load
from monitor.config.neighbours import Surroundings, look_round
from monitor.config.problems import ConfigError
from monitor.config.sections import Person
from monitor.mail.wording import count
from monitor.mentions.school import School

_UNKNOWN = Establishment("", "", "", "", "", "", "", "", "", "", "", "", "")
_LONGEST_URN = 8


Answer = TypeVar("Answer")


def init(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    urn: Annotated[
        str | None,
        typer.Option(
            "--urn", metavar="NUMBER", help="The school's URN, to be looked up in the files of --gias."
        ),
    ] = None,
    gias: Annotated[
        list[Path] | None,
        typer.Option(
            "--gias",
            metavar="FILE",
            help="A file downloaded from GIAS: the establishments, and, as further --gias, links and groups.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="The school's full name.")
    ] = None,
    town: Annotated[str | None, typer.Option("--town", metavar="TEXT", help="Its town or village.")] = None,
    postcode: Annotated[str | None, typer.Option("--postcode", metavar="TEXT", help="Its postcode.")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="ADDRESS", help="Its web site.")] = None,
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="ADDRESS", help="The feed of the local paper.")
    ] = None,
    dsl: Annotated[
        str | None,
        typer.Option(
            "--dsl", metavar="PERSON", help='The Designated Safeguarding Lead, as "Name <address@school>".'
        ),
    ] = None,
    administrator: Annotated[
        str | None,
        typer.Option(
            "--administrator", metavar="PERSON", help="Whoever runs this software, in the same way."
        ),
    ] = None,
) -> None:
    """Make a first configuration file, from a few questions, from these options, or from a file of GIAS.

    It asks only on a terminal, and only if no school is named. A file that is there is left as it is.
    """
    _refuse_to_overwrite(config)
    typed = replace(
        _UNKNOWN,
        name=clean(name or ""),
        town=clean(town or ""),
        postcode=clean(postcode or ""),
        site=_checked_site(site) if site else "",
    )
    people = [_checked_person(one) if one else None for one in (dsl, administrator)]
    paper = _checked_feed(feed) if feed else None
    if name is None and urn is None:
        if not _is_asked():
            stop(
                "Say which school: --name NAME, or --urn NUMBER --gias FILE.csv; or type this on a terminal."
            )
        if gias:
            urn = _ask("The school's URN", _checked_urn)
        else:
            typed, paper, people = _asked(typed, paper, people)
    try:
        found, around, trust = _found(urn, gias or [], typed)
        first = drafted(found, around, trust=trust, feed=paper, dsl=people[0], administrator=people[1])
    except ExtractError as error:
        stop(str(error))
    except ValidationError as error:
        stop(f"No school can be made of this: {_said(error)}.")
    _write(config, page(first))
    _report(config, first)


def _found(
    urn: str | None, files: Sequence[Path], typed: Establishment
) -> tuple[Establishment, Surroundings | None, str]:
    """The school, what is round it, and its trust; what was typed wins over what an extract says."""
    if urn is None and not files:
        return typed, None, ""
    if urn is None or not files:
        raise ExtractError("--urn NUMBER and --gias FILE.csv go together: give both, or --name alone.")
    number = _checked_urn(urn)
    tables = [recognise(file) for file in files]
    schools = [table for table in tables if table.kind is Kind.ESTABLISHMENTS]
    if len(schools) != 1:
        raise ExtractError(
            f"Of the files of --gias, {len(schools)} hold establishments: give one, which GIAS calls"
            " “Establishment fields CSV”."
        )
    extract = schools[0]
    _say_what_is_missing(extract)
    found = look_up(number, extract, tables)
    typed_fields = {
        field: value for field in ("name", "town", "postcode", "site") if (value := getattr(typed, field))
    }
    found = replace(found, **typed_fields)
    return found, look_round(found, establishments(extract)), trust_of(found, tables)


def _say_what_is_missing(table: Table) -> None:
    if table.missing:
        say(f"{table.path.name} has no column {', '.join(table.missing)}: nothing is filled in from there.")


def _is_asked() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _asked(
    typed: Establishment, paper: str | None, people: list[Person | None]
) -> tuple[Establishment, str | None, list[Person | None]]:
    """The questions; an empty answer leaves a place to be filled in later."""
    say("A few questions. Press Enter to leave one out; all can be changed in the file.")
    name = _ask("The school's full name", _checked_name)
    typed = replace(
        typed,
        name=name,
        town=typed.town or _ask("Its town or village", clean, "") or "",
        postcode=typed.postcode or _ask("Its postcode", clean, "") or "",
        site=typed.site or _ask("Its web site", _checked_site, "") or "",
    )
    paper = paper or _ask("The address of the local paper's feed (RSS)", _checked_feed, "")
    lead, administrator = people
    lead = lead or _ask('The Designated Safeguarding Lead, as "Name <address@school>"', _checked_person, "")
    administrator = administrator or _ask("Whoever runs this software, in the same way", _checked_person, "")
    return typed, paper or None, [lead or None, administrator or None]


def _ask(question: str, checked: Callable[[str], Answer], default: str | None = None) -> Answer:
    """Ask until the answer can be used; where there is a default, Enter leaves the question out."""

    def answer(text: str) -> Answer | str:
        return checked(text.strip()) if text.strip() or default is None else text.strip()

    return cast("Answer", typer.prompt(question, default=default, show_default=False, value_proc=answer))


def _checked_name(text: str) -> str:
    name = clean(text)
    try:
        School(id="x", name=name)
    except ValidationError as error:
        raise typer.BadParameter(_said(error)) from error
    return name


def _checked_urn(text: str) -> str:
    number = text.strip().lstrip("0")
    if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_URN):
        raise typer.BadParameter(f"“{clean(text)}” is no URN: it is a number, such as 123456.")
    return number


def _checked_site(text: str) -> str:
    if site_of(text) is None:
        raise typer.BadParameter(f"“{clean(text)}” is no school's web site: write https://www.example.sch.uk")
    return clean(text)


def _checked_feed(text: str) -> str:
    try:
        return Feed(name="Local paper", platform="feed", url=text).url
    except ValidationError as error:
        raise typer.BadParameter(f"the feed: {_said(error)}") from error


def _checked_person(text: str) -> Person:
    name, email = parseaddr(text)
    try:
        return Person(name=clean(name) or email, email=email)
    except ValidationError as error:
        raise typer.BadParameter(f"“{clean(text)}” is no person: {_said(error)}") from error


def _said(error: ValidationError) -> str:
    """The first thing that is wrong, in a sentence without its full stop."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg'].removeprefix('Value error, ')}".rstrip(".")


def _refuse_to_overwrite(config: Path) -> None:
    if config.exists() and not _is_untouched(config):
        stop(f"{config} is there already, and stays as it is. Move it away, or name another with --config.")


def _is_untouched(config: Path) -> bool:
    """Whether it is the empty file that a worker writes where there is none."""
    empty = minimal_config().encode()
    return config.is_file() and config.stat().st_size == len(empty) and config.read_bytes() == empty


def _write(config: Path, content: str) -> None:
    """Write what was tried first: nothing that cannot be used is left behind."""
    with TemporaryDirectory() as folder:
        trial = Path(folder) / "monitor.yaml"
        trial.write_text(content, encoding="utf-8")
        try:
            load(trial, os.environ)
        except ConfigError as error:
            stop(f"This would make a file that cannot be used, so none was written:\n{error}")
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        replaces = config.exists()
        with config.open("w" if replaces else "x", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        stop(f"{config} cannot be written: {error.strerror}.")
    say(f"{config} is written.{' It took the place of the empty one that was there.' if replaces else ''}")


def _report(config: Path, first: First) -> None:
    school = first.school
    say(f"  {school.name}: {count(len(school.also), 'other name')}, {count(len(school.near), 'place')} near")
    if first.neighbours:
        say(f"  easily confused with it: {'; '.join(each.school.name for each in first.neighbours)}")
    say(f"Now read it through, name the people who are to hear, and type: monitor check --config {config}")
