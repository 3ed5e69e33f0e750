"""Looking after the model: it is known to be out before a post needs it, and to be back soon after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from classifiers.verdict import Classifier, Passage
from monitor.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Tries the classifier on a text of its own."""

    store: Store
    classifier: Classifier
    sources: Sequence[str]
    now: Callable[[], datetime]

    def run(self) -> str:
        """Why the model is out now; nothing while it judges.

        When it is back, every source is read again from the start of what it shows: what only rules judged
        there is judged again.
        """
        out = self.glance()
        if out:
            self.store.journal.model_is_out(out, self.now())
        elif self.store.journal.outage() is not None:
            self.store.sources.reread(self.sources)
            # Last: a kill on the way only repeats what came before.
            self.store.journal.model_is_back()
        return out

    def glance(self) -> str:
        """The same, without noting anything."""
        (verdict,) = self.classifier.classify([Passage("Can this model be used?")])
        return verdict.out
