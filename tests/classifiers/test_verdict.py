"""A verdict that is limited to some heads holds nothing of the others."""

from collections.abc import Set

import pytest

from classifiers.taxonomy import Head, Severity, head_of
from classifiers.verdict import Fired, Verdict, only

WHOLE = Verdict(
    abuse=0.9,
    safeguarding=0.8,
    reputational=0.7,
    scores={
        "abuse.hate": 0.9,
        "safeguarding.self_harm_suicide": 0.8,
        "reputational.campaign": 0.7,
        "none.lawful_criticism": 0.2,
        "somebody's own label": 0.6,
    },
    by="rules 1",
    fired=tuple(
        Fired(f"rule of {kind}", kind, Severity.HIGH, "It says so.")
        for kind in ("abuse.hate", "safeguarding.self_harm_suicide", "safeguarding.never_heard_of", "odd")
    ),
    media_lock=True,
    language="en",
)


def test_all_heads_leave_all_that_belongs_to_one() -> None:
    limited = only(WHOLE, set(Head))

    assert (limited.abuse, limited.safeguarding, limited.reputational) == (0.9, 0.8, 0.7)
    assert len(limited.fired) == 3


@pytest.mark.parametrize(
    "heads",
    [{Head.ABUSE}, {Head.SAFEGUARDING}, {Head.ABUSE, Head.REPUTATIONAL}, set()],
    ids=lambda heads: " and ".join(sorted(heads)) or "none",
)
def test_nothing_of_another_head_is_left(heads: Set[Head]) -> None:
    limited = only(WHOLE, heads)

    kinds = {*limited.scores, *(rule.subcategory for rule in limited.fired)}
    assert {head_of(kind) for kind in kinds} <= {*heads, None}
    assert kinds <= {kind for kind in kinds if head_of(kind) in heads} | {"none.lawful_criticism"}
    assert {head for head in Head if getattr(limited, head.value)} == heads
    assert (limited.media_lock, limited.language, limited.by) == (True, "en", "rules 1")
