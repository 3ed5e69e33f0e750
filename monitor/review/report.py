"""What was measured of a classifier and its thresholds, in words and as one self-contained HTML page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from classifiers.evaluation import Calibration, Evaluation, Figure, Finding, Outcome
from classifiers.taxonomy import TAXONOMY, Head, Severity
from monitor.mail.wording import plain
from monitor.review.page import defanged, exact

_LONGEST_TEXT = 600
_LONGEST_LOCKED_TEXT = 300
HEADS: Mapping[Head, str] = {head: head.value.capitalize() for head in Head}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What was measured, by whom it was judged, under which thresholds, and when."""

    files: tuple[str, ...]
    by: str
    thresholds: str
    looser: tuple[str, ...]
    made: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The plots as data URIs: one for each head that has one, and one of the sub-categories, or nothing."""

    heads: Mapping[Head, str]
    kinds: str


@dataclass(frozen=True, slots=True)
class Said:
    """A figure in words, and its interval; an empty one where the figure is not shown."""

    value: str
    between: str = ""

    def __str__(self) -> str:
        """Both on one line."""
        return f"{self.value} ({self.between})" if self.between else self.value


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary: what it is about, the figure, and how many posts stand behind it."""

    about: str
    said: Said
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A post that was judged wrongly, in words that are safe to show."""

    words: str
    answered: str
    labelled: str
    judged: str
    score: str
    why: tuple[str, ...]


def share(figure: Figure) -> Said:
    """A share in per cent: 94.1% (90.2–96.8)."""
    return _said(figure.times(100), "{:.1f}", "%")


def rate(figure: Figure) -> Said:
    """So many in a thousand: 3.1 (1.2–7.9)."""
    return _said(figure, "{:.1f}")


def rank(figure: Figure) -> Said:
    """A number between 0 and 1: 0.987 (0.981–0.992)."""
    return _said(figure, "{:.3f}")


def _said(figure: Figure, form: str, unit: str = "") -> Said:
    if figure.value is None or figure.low is None or figure.high is None:
        return Said(f"not shown, n = {figure.n}")
    return Said(form.format(figure.value) + unit, f"{form.format(figure.low)}–{form.format(figure.high)}")


def summary(found: Evaluation) -> tuple[Line, ...]:
    """What somebody who reads no further must know."""
    return (
        _line("Critical posts: share that alerts", found.critical, share),
        _line("Critical posts: share that alerts as critical", found.critical_as_such, share),
        _line("All posts that should alert: share that does", found.due, share),
        _line("Ordinary posts: false alerts per 1,000", found.ordinary, rate),
        _line("Harmless posts close to something grave: false alerts per 1,000", found.hard, rate),
    )


def media(found: Evaluation) -> tuple[Line, ...]:
    """Whether pictures stay shut where they must, and how often elsewhere."""
    return (
        _line("Sexual harm to a child: share locked", found.media.children, share),
        _line("Sexual comments about staff: share locked", found.media.staff, share),
        _line("All other posts: share locked", found.media.others, share),
    )


def _line(about: str, figure: Figure, say: Callable[[Figure], Said]) -> Line:
    return Line(about, say(figure), figure.n)


def present(kinds: Sequence[Finding]) -> list[Finding]:
    """The sub-categories of which there is something to say."""
    return [one for one in kinds if one.positives or one.false_alarms.value]


def absent(kinds: Sequence[Finding]) -> str:
    """The others, in a sentence; empty where there are none."""
    names = [one.label for one in kinds if one not in present(kinds)]
    return f"No post is labelled with: {', '.join(names)}." if names else ""


def by_chance(found: Calibration) -> str:
    """What a perfectly calibrated classifier would show on as many posts."""
    if found.by_chance is None or found.chance_at_most is None:
        return ""
    return f"{found.by_chance:.3f}, seldom above {found.chance_at_most:.3f}"


def example(one: Outcome) -> Example:
    """A post that was judged wrongly; a locked one is cut short and none of its addresses can be opened."""
    locked = one.locked or any(TAXONOMY[key].locks_media for key in one.post.subcategories)
    return Example(
        words=_words(one.post.passage.text, locked=locked),
        answered=_words(one.post.passage.parent, locked=locked),
        labelled=_labelled(one),
        judged=one.severity.word if one.alert else "no alert",
        score=f"{one.highest:.2f}",
        why=tuple(plain(why) for why in one.why),
    )


def _words(text: str, *, locked: bool) -> str:
    longest = _LONGEST_LOCKED_TEXT if locked else _LONGEST_TEXT
    shown = exact(text[:longest]) + (" …" if len(text) > longest else "")
    return defanged(shown) if locked else shown


def _labelled(one: Outcome) -> str:
    kinds = [TAXONOMY[key].label for key in one.post.subcategories]
    heads = [HEADS[head] for head, yes in one.post.heads.items() if yes]
    said = ", ".join(kinds or heads) or ("harmless, hard" if one.post.hard_negative else "harmless")
    return f"{one.post.severity.word}: {said}" if one.post.severity else said


def as_html(found: Evaluation, setting: Setting, pictures: Pictures) -> str:
    """One self-contained HTML page."""
    return _template().render(found=found, setting=setting, pictures=pictures)


def _template() -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("monitor.review"), PackageLoader("monitor.mail")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (share, rate, rank, summary, media, present, absent, by_chance, example)
    environment.globals.update({word.__name__: word for word in words})
    environment.globals.update(HEADS=HEADS, severities=tuple(Severity))
    return environment.get_template("report.html")
