"""What `evaluate` found, as tables for a person, as one object for a program, and as a page.

It leans on NumPy and scikit-learn: it is imported when there is something to measure.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.table import Table

from classifiers.evaluation import (
    Calibration,
    Evaluation,
    Figure,
    Finding,
    HeadFinding,
    Outcome,
    Yardstick,
    evaluate,
)
from classifiers.labelled import Labelled
from classifiers.taxonomy import Head, Severity, head_of
from classifiers.verdict import Verdict
from monitor.alerts import Judgement
from monitor.cli.judging import Judges
from monitor.cli.terminal import clean, out, say
from monitor.clocks import local
from monitor.mail.wording import count
from monitor.playbook import Play, Policy
from monitor.review.report import (
    HEADS,
    Line,
    Setting,
    absent,
    as_html,
    by_chance,
    example,
    media,
    present,
    rank,
    rate,
    share,
    summary,
)

_COUNTS = {"n", *(severity.word for severity in Severity)}
_SHOWN = 110
"""Characters of a post that stand in a list."""


def measure(judged: Iterable[tuple[Labelled, Verdict, Judgement]], policy: Policy) -> Evaluation:
    """Every figure, from what was made of each post."""
    return evaluate([_outcome(*one) for one in judged], _yardstick(policy))


def _outcome(post: Labelled, verdict: Verdict, judgement: Judgement) -> Outcome:
    return Outcome(
        post=post,
        verdict=verdict,
        alert=judgement.alert,
        severity=judgement.severity,
        locked=judgement.media_lock,
        why=judgement.why,
    )


def _yardstick(policy: Policy) -> Yardstick:
    off = {head.value for head, on in policy.purposes.items() if not on}
    silent = {key for key, play in policy.plays.items() if _is_silent(key, play, off)}
    return Yardstick(
        heads=policy.heads,
        kinds={key: _alerts_at(play) for key, play in policy.plays.items()},
        silent=frozenset(silent | off),
    )


def _is_silent(key: str, play: Play, off: set[str]) -> bool:
    if play.severity is Severity.CRITICAL:
        return False
    return play.severity is Severity.NONE or not play.enabled or (head_of(key) or "") in off


def _alerts_at(play: Play) -> float:
    if play.severity is Severity.CRITICAL and play.floor is not None:
        return min(play.threshold, play.floor)
    return play.threshold


def setting(paths: Sequence[Path], judges: Judges, thresholds: str, at: datetime) -> Setting:
    """What was measured, by whom it was judged, under which thresholds, and when."""
    return Setting(
        files=tuple(path.name for path in paths),
        by=judges.classifier.by,
        thresholds=thresholds,
        looser=judges.policy.looser,
        made=local(at, UTC),
    )


def page(found: Evaluation, how: Setting) -> str:
    """The report as one self-contained HTML page."""
    # Matplotlib is needed by this option alone.
    from monitor.review.plots import draw  # noqa: PLC0415

    return as_html(found, how, draw(found))


# --- For a person


def show(found: Evaluation, how: Setting) -> None:
    """Every figure as tables, then the posts that were judged wrongly."""
    say(f"{count(found.posts, 'labelled post')} of {count(len(how.files), 'file')}, judged by {how.by}.")
    say(f"Thresholds: {how.thresholds}.")
    for line in how.looser:
        say(f"  Looser than shipped: {line}")
    say("In brackets: between what the figure probably lies (95 %). n: the posts behind it.")
    _print("In short", _lines(summary(found)))
    _print("Pictures that must stay shut", _lines(media(found)))
    _print("The three questions", _findings([one.finding for one in found.heads]))
    _print("Does the score keep its word?", _calibrations(found.heads))
    _print("Sub-categories", _findings(present(found.kinds)))
    say(absent(found.kinds))
    _print("Severity: a row for what people said, a column for what was judged", _severities(found))
    _print_posts("The worst misses", found.misses, found.missed)
    _print_posts("The worst false alarms", found.false_alarms, found.falsely_alarmed)
    say(
        "\nAUROC: how surely such a post scores above another one; 0.5 is tossing a coin, 1 is perfect.\n"
        "Average precision: the share of right ones among the highest scores, over all heights.\n"
        "Found: the share of such posts that reach the threshold, or that a rule finds.\n"
        "False: posts of other kinds that are found as such, per 1,000 of those.\n"
        "Calibration error: how far scores lie from the shares that they promise, on average. Scores of "
        "rules alone are 0 or 1 and promise nothing."
    )


def _print(title: str, table: Table) -> None:
    say(f"\n{title}")
    out.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in _COUNTS else "left")
    return table


def _lines(lines: Sequence[Line]) -> Table:
    table = _table("", "", "n")
    for line in lines:
        table.add_row(line.about, str(line.said), f"{line.n:,}")
    return table


def _findings(findings: Sequence[Finding]) -> Table:
    table = _table("", "n", "AUROC", "average precision", "found", "false per 1,000")
    for one in findings:
        table.add_row(
            one.label,
            f"{one.positives:,}",
            str(rank(one.auroc)),
            str(rank(one.average_precision)),
            str(share(one.recall)),
            str(rate(one.false_alarms)),
        )
    return table


def _calibrations(heads: Sequence[HeadFinding]) -> Table:
    table = _table("", "calibration error", "by chance alone", "n")
    for one in heads:
        error = one.calibration.error
        table.add_row(HEADS[one.head], str(rank(error)), by_chance(one.calibration), f"{error.n:,}")
    return table


def _severities(found: Evaluation) -> Table:
    table = _table("", *(severity.word for severity in Severity))
    for severity, row in zip(Severity, found.severities, strict=True):
        table.add_row(severity.word, *(f"{number:,}" for number in row))
    return table


def _print_posts(title: str, posts: Sequence[Outcome], of: int) -> None:
    say(f"\n{title} ({len(posts)} of {of:,})")
    for shown in map(example, posts):
        say(f"  {shown.labelled}  →  {shown.judged}, highest score {shown.score}")
        say(f"      {clean(shown.words, _SHOWN)}")


# --- For a program


def as_json(found: Evaluation, how: Setting) -> dict[str, object]:
    """Every figure; one that is not shown has the value null."""
    return {
        "posts": found.posts,
        "files": list(how.files),
        "by": how.by,
        "thresholds": how.thresholds,
        "looser": list(how.looser),
        "critical": _figure(found.critical),
        "critical_as_such": _figure(found.critical_as_such),
        "due": _figure(found.due),
        "false_alerts_per_1000_ordinary": _figure(found.ordinary),
        "false_alerts_per_1000_hard": _figure(found.hard),
        "media_lock": {
            "children": _figure(found.media.children),
            "staff": _figure(found.media.staff),
            "others": _figure(found.media.others),
        },
        "heads": {one.head.value: _head(one) for one in found.heads},
        "subcategories": {one.key: _finding(one) for one in found.kinds},
        "severities": {
            labelled.word: {judged.word: number for judged, number in zip(Severity, row, strict=True)}
            for labelled, row in zip(Severity, found.severities, strict=True)
        },
        "missed": found.missed,
        "misses": [_post(one) for one in found.misses],
        "falsely_alarmed": found.falsely_alarmed,
        "false_alarms": [_post(one) for one in found.false_alarms],
    }


def _figure(figure: Figure) -> dict[str, object]:
    return {"n": figure.n, "value": figure.value, "low": figure.low, "high": figure.high}


def _finding(one: Finding) -> dict[str, object]:
    return {
        "positives": one.positives,
        "negatives": one.negatives,
        "threshold": one.threshold,
        "auroc": _figure(one.auroc),
        "average_precision": _figure(one.average_precision),
        "recall": _figure(one.recall),
        "precision": _figure(one.precision),
        "false_alerts_per_1000": _figure(one.false_alarms),
    }


def _head(one: HeadFinding) -> dict[str, object]:
    return {**_finding(one.finding), "calibration": _calibration(one.calibration)}


def _calibration(found: Calibration) -> dict[str, object]:
    return {
        "error": _figure(found.error),
        "by_chance": found.by_chance,
        "chance_at_most": found.chance_at_most,
        "bins": [{"score": one.score, **_figure(one.share)} for one in found.bins],
    }


def _post(one: Outcome) -> dict[str, object]:
    scores = {head.value: float(getattr(one.verdict, head.value)) for head in Head}
    return {
        "text": one.post.passage.text,
        "parent": one.post.passage.parent,
        "heads": [head.value for head, yes in one.post.heads.items() if yes],
        "subcategories": list(one.post.subcategories),
        "labelled": one.post.severity.word,
        "judged": one.severity.word,
        "alert": one.alert,
        "scores": scores,
        "reasons": list(one.why),
    }
