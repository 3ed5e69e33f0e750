"""The plots of a report, as SVG data URIs.

Matplotlib takes a while to load: import this module where plots are drawn, not at the start of a program.
"""

import base64
import logging
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas

from classifiers.evaluation import Bin, Evaluation, Finding, HeadFinding, Point
from classifiers.taxonomy import Head, head_of
from monitor.review.report import HEADS, Pictures, present, share

_COLOURS: Mapping[Head | None, str] = {
    Head.ABUSE: "#9a4208",
    Head.SAFEGUARDING: "#1f4e79",
    Head.REPUTATIONAL: "#5b3a72",
    None: "#51606f",
}
_INK = "#1d2733"
_SOFT = "#465462"
_LINE = "#cfd6dd"
_LOOK: Any = {
    "font.size": 9,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlecolor": _INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6eaee",
    "axes.axisbelow": True,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fontsize": 8,
    "svg.hashsalt": "report",  # the same figures always give the same bytes
}
_WIDTH = 10.6  # inches
_ROW = 0.24  # inches of a bar


def draw(found: Evaluation) -> Pictures:
    """Every plot of this evaluation."""
    # It tells whoever runs it for the first time that it builds a list of fonts.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with rc_context(_LOOK):
        return Pictures(
            heads={one.head: _uri(_head(one)) for one in found.heads if one.roc},
            kinds=_uri(_kinds(kinds)) if (kinds := present(found.kinds)) else "",
        )


def _head(found: HeadFinding) -> Canvas:
    canvas = Canvas(figsize=(_WIDTH, 3.5), layout="constrained")
    reliability, roc, precision_recall = canvas.subplots(1, 3)
    colour = _COLOURS[found.head]
    _reliability(reliability, found.calibration.bins, colour)
    _roc(roc, found, colour)
    _precision_recall(precision_recall, found, colour)
    return canvas


def _reliability(axes: Any, bins: Sequence[Bin], colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=0.8, linestyle="--", label="perfect")
    shown = [one for one in bins if one.share.value is not None]
    scores, shares, reach = [one.score for one in shown], *_with_reach([one.share for one in shown])
    axes.errorbar(
        scores,
        shares,
        yerr=reach,
        color=colour,
        marker="o",
        markersize=4,
        capsize=2,
        label="tenths of the posts",
    )
    _square(axes, "Does the score keep its word?", "score", "share labelled yes")
    axes.legend(loc="upper left")


def _roc(axes: Any, found: HeadFinding, colour: str) -> None:
    axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=0.8, linestyle="--", label="tossing a coin")
    _curve(axes, found.roc, colour)
    false = found.finding.false_alarms.times(1 / 1_000)
    _policy(axes, false.value, found.finding.recall.value)
    _square(axes, "ROC", "share of others found wrongly", "share found (recall)")
    axes.legend(loc="lower right")


def _precision_recall(axes: Any, found: HeadFinding, colour: str) -> None:
    positives, negatives = found.finding.positives, found.finding.negatives
    base = positives / (positives + negatives)
    axes.axhline(base, color=_SOFT, linewidth=0.8, linestyle="--", label="calling everything")
    _curve(axes, found.precision_recall, colour)
    _policy(axes, found.finding.recall.value, found.finding.precision.value)
    _square(axes, "Precision and recall", "share found (recall)", "share of finds that are right")
    axes.legend(loc="lower left")


def _curve(axes: Any, points: Sequence[Point], colour: str) -> None:
    axes.plot([point.x for point in points], [point.y for point in points], color=colour, label="the score")


def _policy(axes: Any, x: float | None, y: float | None) -> None:
    """Where the thresholds and the rules stand: not on the curve, for they ask the sub-categories, too."""
    if x is not None and y is not None:
        axes.plot(
            [x], [y], color=_INK, marker="X", markersize=8, linestyle="", label="with thresholds and rules"
        )


def _square(axes: Any, title: str, across: str, up: str) -> None:
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))


def _kinds(kinds: Sequence[Finding]) -> Canvas:
    canvas = Canvas(figsize=(_WIDTH, 1.1 + _ROW * len(kinds)), layout="constrained")
    axes = canvas.subplots()
    for row, found in enumerate(_in_order(kinds)):
        _bar(axes, row, found)
    axes.set_yticks(range(len(kinds)), [found.label for found in _in_order(kinds)], color=_INK)
    axes.set(title="Share found of each sub-category", xlim=(0, 1.19), ylim=(len(kinds) - 0.4, -0.6))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    for head, name in HEADS.items():
        axes.barh([0], [0], color=_COLOURS[head], alpha=0.75, label=name)
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1))
    return canvas


def _in_order(kinds: Sequence[Finding]) -> list[Finding]:
    """Head by head, the best found first, those that are not shown last."""
    return sorted(kinds, key=_place)


def _place(found: Finding) -> tuple[int, float]:
    heads = [None, *Head]
    shown = found.recall.value
    return heads.index(head_of(found.key)), 1.0 if shown is None else -shown


def _bar(axes: Any, row: int, found: Finding) -> None:
    said = share(found.recall)
    if found.recall.value is None:
        axes.text(0.005, row, said.value, va="center", color=_SOFT, fontsize=8, style="italic")
        return
    (value,), reach = _with_reach([found.recall])
    axes.barh([row], [value], height=0.66, color=_COLOURS[head_of(found.key)], alpha=0.75)
    axes.errorbar([value], [row], xerr=reach, color=_INK, linewidth=0.9, capsize=2)
    axes.text(1.02, row, f"{said.value}, n = {found.recall.n}", va="center", color=_INK, fontsize=8)


def _with_reach(shares: Sequence[Any]) -> tuple[list[float], list[list[float]]]:
    """The values, and how far each interval reaches below and above."""
    values = [one.value for one in shares]
    below = [max(0.0, one.value - one.low) for one in shares]
    above = [max(0.0, one.high - one.value) for one in shares]
    return values, [below, above]


def _uri(canvas: Canvas) -> str:
    drawn = BytesIO()
    canvas.savefig(drawn, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"
