"""Showing one alert whole, to somebody who may see it: the post's words, the reasons, the evidence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from classifiers.explaining import Explanation, explain
from classifiers.taxonomy import head_of
from classifiers.transformer import ModelUnavailable
from classifiers.verdict import Classifier, Passage
from connectors.post import Post
from monitor.alerts import Alert, Reason
from monitor.captures import PICTURES, Capture, File, Kind
from monitor.jobs.faults import in_words
from monitor.jobs.locked import is_locked
from monitor.jobs.write import Manner
from monitor.playbook import Play
from monitor.review.page import Page, as_html, as_text, compose_page
from monitor.store.alerts import Judging
from monitor.store.store import Store

_OURS = PICTURES - {Kind.MANUAL_UPLOAD}
"""What a page may show: what we took or drew ourselves, never what somebody sent us."""
EXPLAINED = 3
"""Kinds of matter of which an alert says at most which words weighed."""
_SCORED = frozenset({Reason.RULE, Reason.THRESHOLD, Reason.HEAD, Reason.FLOOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Makes the page of an alert.

    `model` is asked which words weighed most, each time anew: what it says is kept nowhere.
    """

    store: Store
    manner: Manner
    evidence: Path
    now: Callable[[], datetime]
    model: Classifier | None = None

    def page(self, alert: Alert) -> str:
        """One self-contained HTML page."""
        return as_html(self._composed(alert))

    def words(self, alert: Alert) -> str:
        """The same as text, for a terminal."""
        return as_text(self._composed(alert))

    def pictured(self, alert: Alert) -> Capture | None:
        """The capture whose picture the page shows, if it shows one."""
        captures = self.store.captures.of_alert(alert.number)
        return next((capture for capture, _ in self._pictures(alert, captures)), None)

    def _composed(self, alert: Alert) -> Page:
        captures = self.store.captures.of_alert(alert.number)
        judgings = self.store.alerts.judgings(alert.number)
        post = self.store.alerts.post(alert.number)
        explanations, unexplained = self._explained(alert, post, judgings)
        return compose_page(
            alert,
            post,
            judgings=judgings,
            captures=captures,
            history=self.store.cases.history(alert.number),
            plays=self.manner.plays,
            contacts=self.manner.contacts,
            school_names=self.manner.school_names,
            screenshot=self._picture(alert, captures),
            zone=self.manner.zone,
            at=self.now(),
            explanations=explanations,
            unexplained=unexplained,
            sealed=self.store.alerts.is_sealed(alert.number),
        )

    def _explained(
        self, alert: Alert, post: Post | None, judgings: Sequence[Judging]
    ) -> tuple[Sequence[Explanation], str]:
        """Which words weighed most, or why that cannot be said; neither where there is nothing to explain."""
        if self.model is None or alert.media_lock or post is None or not post.body.strip() or not judgings:
            return (), ""
        targets = list(dict.fromkeys(_targets(judgings[-1], self.manner.plays)))[:EXPLAINED]
        try:
            return explain(self.model, Passage(post.body, post.parent_text), targets) if targets else (), ""
        except ModelUnavailable as error:
            return (), str(error)
        except Exception as error:  # noqa: BLE001  # the page is needed, with this or without
            return (), in_words(error)

    def _picture(self, alert: Alert, captures: Sequence[Capture]) -> bytes | None:
        for capture, file in self._pictures(alert, captures):
            return (self.evidence / capture.folder / file.name).read_bytes()
        return None

    def _pictures(self, alert: Alert, captures: Sequence[Capture]) -> Iterator[tuple[Capture, File]]:
        """The pictures that can be shown, the newest first; what is sealed cannot be shown here."""
        for capture in () if alert.media_lock else reversed(captures):
            files = () if is_locked(self.store, self.evidence, capture) else capture.files
            for file in files:
                path = self.evidence / capture.folder / file.name
                if file.role in _OURS and not file.sealed_sha256 and path.is_file():
                    yield capture, file


def _targets(judging: Judging, plays: Mapping[str, Play]) -> Iterator[str]:
    """What an alert hangs on: its kinds, and for one that did not reach its own score, the whole head."""
    if judging.judgement.reason not in _SCORED:
        return
    fired = {rule.subcategory for rule in judging.verdict.fired}
    for key in judging.judgement.subcategories:
        head = head_of(key)
        if key in fired or _reached(judging.verdict.scores.get(key, 0.0), plays.get(key)):
            yield key
        elif head is not None:
            yield head.value


def _reached(score: float, play: Play | None) -> bool:
    """Whether this alerts, by its threshold or by the floor of a critical kind."""
    return play is not None and score >= min(
        play.threshold, play.threshold if play.floor is None else play.floor
    )
