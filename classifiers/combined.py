"""Rules and a model together: neither can silence the other."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from classifiers.rules import Rules
from classifiers.transformer import ModelUnavailable
from classifiers.verdict import Classifier, Passage, Verdict

_PLAIN = Passage("Good morning.")


class Combined:
    """Judges by the rules and by a model, and takes the graver of the two throughout."""

    def __init__(self, rules: Rules, model: Classifier) -> None:
        """Join the two; neither is asked yet."""
        self._rules = rules
        self._model = model

    @property
    def by(self) -> str:
        """Who says so: the model and the rules, each with its version."""
        return f"{self._model.by} with rules {self._rules.version}"

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order; raises what the model raises."""
        pairs = zip(self._rules.classify(passages), self._model.classify(passages), strict=True)
        return [_graver(rules, model, self.by) for rules, model in pairs]


class Steadfast:
    """The rules and a model, of which the rules go on alone for as long as the model is out."""

    def __init__(self, rules: Rules, model: Classifier) -> None:
        """Join the two; neither is asked yet."""
        self._rules = rules
        self._both = Combined(rules, model)

    @property
    def by(self) -> str:
        """Who says so: both, or the rules alone where the model is not even there to tell its version."""
        try:
            return self._both.by
        except ModelUnavailable:
            return self._alone

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order; each says in `out` why the model is out, if it is.

        Raises what only these passages lead to: they can be judged one by one.
        """
        try:
            return self._both.classify(passages)
        except Exception as error:  # noqa: BLE001  # whatever fails a model, the rules must go on
            out = self._why_out(error)
        return [replace(verdict, by=self._alone, out=out) for verdict in self._rules.classify(passages)]

    @property
    def _alone(self) -> str:
        return f"rules {self._rules.version}; the model is out"

    def _why_out(self, error: Exception) -> str:
        """Why nothing at all can be judged; raises where only the passages at hand cannot."""
        try:
            self._both.classify([_PLAIN])
        except ModelUnavailable as again:
            return str(again)
        except Exception as again:  # noqa: BLE001  # the same
            return f"The model fails over every text ({type(again).__name__}). Restart the monitor."
        if isinstance(error, ModelUnavailable):
            raise RuntimeError("the model cannot judge these texts") from error  # noqa: TRY004  # no argument's type
        raise error


def _graver(rules: Verdict, model: Verdict, by: str) -> Verdict:
    """Every reason of both, and the higher of each pair of numbers; the language is the rules'."""
    scores = {
        key: max(rules.scores.get(key, 0.0), model.scores.get(key, 0.0))
        for key in dict.fromkeys((*rules.scores, *model.scores))
    }
    return Verdict(
        abuse=max(rules.abuse, model.abuse),
        safeguarding=max(rules.safeguarding, model.safeguarding),
        reputational=max(rules.reputational, model.reputational),
        scores=MappingProxyType(scores),
        by=by,
        fired=tuple(dict.fromkeys((*rules.fired, *model.fired))),
        media_lock=rules.media_lock or model.media_lock,
        language=rules.language,
    )
