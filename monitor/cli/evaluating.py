"""`evaluate`: how well the classifier and the thresholds do on posts that people have labelled."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn

from classifiers.labelled import Labelled, Unreadable, read_labelled
from classifiers.verdict import Verdict
from connectors.post import Channel
from monitor.alerts import Judgement
from monitor.app import now
from monitor.cli.judging import Judges, judges_under
from monitor.cli.passages import Line
from monitor.cli.terminal import (
    DEFAULT_CONFIG,
    ConfigPath,
    err,
    print_json,
    progress,
    remark,
    stop,
    write_for_us_alone,
)
from monitor.mail.wording import count

Labelling = Annotated[
    list[Path],
    typer.Argument(
        help="CSV files, or folders of them, with the columns text, abuse, safeguarding and reputational "
        "(1 or 0), and if you like subcategories, severity, hard_negative (1 for a harmless post that lies "
        "close to something grave), parent (what it answers) and channel (public_mention or "
        "official_account).",
        show_default=False,
    ),
]


def evaluate(
    files: Labelling,
    config: ConfigPath = DEFAULT_CONFIG,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", help="Write one self-contained page with plots to this file, too."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object with every figure.")] = False,
) -> None:
    """Measure the classifier and the thresholds on posts that people have labelled.

    Without a configuration file the shipped policy is used. Every figure comes with the number of posts
    behind it and a 95 % interval; one with fewer than 10 posts behind it is not shown.
    """
    paths = list(dict.fromkeys(path for named in files for path in _files(named)))
    posts = [post for path in paths for post in _posts(path)]
    if not posts:
        stop("There is no labelled post in what you named: nothing can be measured.")
    judges = judges_under(config)
    judged = list(_judged(posts, judges))
    # NumPy, SciPy and scikit-learn take seconds to load, and matplotlib: only this command needs them.
    from monitor.cli import figures  # noqa: PLC0415

    found = figures.measure(judged, judges.policy)
    setting = figures.setting(paths, judges, _source(config), now())
    if html is not None:
        write_for_us_alone(html, figures.page(found, setting))
    if as_json:
        print_json(figures.as_json(found, setting))
    else:
        figures.show(found, setting)
    if html is not None:
        remark(f"The page is in {html}. It holds words of posts: keep it like a child-protection file.")


def _files(named: Path) -> list[Path]:
    if not named.is_dir():
        return [named]
    return sorted(named.glob("*.csv")) or stop(f"The folder {named} holds no file that ends in .csv.")


def _posts(path: Path) -> list[Labelled]:
    try:
        return read_labelled(path)
    except Unreadable as error:
        stop(str(error))


def _judged(posts: Sequence[Labelled], judges: Judges) -> Iterator[tuple[Labelled, Verdict, Judgement]]:
    """Each post with what is made of it, saying how far it is: a bar for a person, a line otherwise."""
    if not err.is_terminal:
        remark(f"Judging {count(len(posts), 'post')}.")
    with progress(BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("Judging posts …", total=len(posts))
        lines = judges.judged(_line(post) for post in posts)
        for post, (_, verdict, judgement) in zip(posts, lines, strict=True):
            bar.advance(task)
            yield post, verdict, judgement


def _line(post: Labelled) -> Line:
    channel = Channel.OFFICIAL_ACCOUNT if post.official else Channel.PUBLIC_MENTION
    return Line(post.passage.text, post.passage.parent, channel)


def _source(config: Path) -> str:
    return f"those of {config}" if config.exists() else "the shipped ones"
