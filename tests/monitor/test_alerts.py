"""Which mentions a person must see, how soon and why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import monitor.playbook
from classifiers.taxonomy import Head, Severity
from classifiers.verdict import Fired, Verdict
from connectors.post import Channel, Post
from monitor.alerts import Judgement, Reason, judge
from monitor.mentions.school import Mention
from monitor.playbook import Change, Playbook, Policy, Role, make_policy

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PLAYBOOK = Playbook.model_validate(
    yaml.safe_load(Path(monitor.playbook.__file__).with_name("playbook.yaml").read_text("utf-8"))
)
PLAYS = PLAYBOOK.plays
POLICY = make_policy(PLAYBOOK, {}, {})
HATE_PAGE = PLAYS["abuse.hate_page"].threshold
FLOOR = PLAYS["safeguarding.grooming"].floor or 0.0
POST = Post(
    platform="mastodon",
    id="1",
    url="https://social.example/@reader/1",
    text="Somebody wrote something about Harrowby Green.",
    posted_at=AT - timedelta(hours=1),
)
MENTION = Mention(
    post=POST, school="harrowby-green", spans=(), confidence=0.9, reasons=("it is called by its full name",)
)
KEYS = sorted(PLAYS)
SCORES = st.dictionaries(st.sampled_from(KEYS), st.floats(0, 1), max_size=6)
RULES = st.lists(
    st.builds(
        Fired,
        rule=st.just("a-rule"),
        subcategory=st.sampled_from(KEYS),
        minimum=st.sampled_from(Severity),
        reason=st.just("it says so"),
    ),
    max_size=4,
).map(tuple)
MENTIONS = st.builds(
    replace,
    st.just(MENTION),
    post=st.builds(
        replace,
        st.just(POST),
        channel=st.sampled_from(Channel),
        text=st.sampled_from(["See you.", "tonight at the gates", "bring a knife to 3.30"]),
    ),
    ambiguous=st.booleans(),
)


def verdict(scores: Mapping[str, float] | None = None, *fired: Fired, **more: Any) -> Verdict:
    """What a classifier said: scores, rules, and anything else by name."""
    return replace(
        Verdict(abuse=0.0, safeguarding=0.0, reputational=0.0, scores=scores or {}, by="a test", fired=fired),
        **more,
    )


def rule(
    subcategory: str, minimum: Severity = Severity.HIGH, reason: str = "a time and a weapon are named"
) -> Fired:
    return Fired(rule="time-and-weapon", subcategory=subcategory, minimum=minimum, reason=reason)


def judged(scores: Mapping[str, float] | None = None, *fired: Fired, **more: Any) -> Judgement:
    return judge(MENTION, verdict(scores, *fired, **more), POLICY, AT)


def saying(text: str, **more: Any) -> Mention:
    return replace(MENTION, post=replace(POST, text=text, **more))


ON_OUR_PAGE = saying(POST.text, channel=Channel.OFFICIAL_ACCOUNT)


# --- Whether it is an alert ---------------------------------------------------------------------------------


def test_a_rule_always_alerts_with_at_least_its_severity_and_says_why() -> None:
    judgement = judged({}, rule("abuse.harassment_staff", Severity.HIGH))

    assert (judgement.alert, judgement.reason, judgement.severity) == (True, Reason.RULE, Severity.HIGH)
    assert judgement.why[0] == "Harassment of staff: a time and a weapon are named (rule time-and-weapon)."


def test_a_rule_never_makes_a_kind_less_serious_than_its_play() -> None:
    assert judged({}, rule("abuse.stalking", Severity.LOW)).severity is Severity.CRITICAL


def test_a_score_alerts_from_its_threshold_on() -> None:
    assert judged({"abuse.hate_page": HATE_PAGE}).reason is Reason.THRESHOLD
    assert judged({"abuse.hate_page": HATE_PAGE - 0.01}).reason is Reason.BELOW


def test_a_score_says_where_it_alerts() -> None:
    said = judged({"abuse.hate_page": 0.96}).why[0]

    assert said == f"Hate page: scored 0.96 (alerts at {HATE_PAGE:.2f})."


def test_a_critical_kind_alerts_from_its_floor_whatever_the_threshold() -> None:
    strict = make_policy(PLAYBOOK, {"safeguarding.grooming": Change(alert=1.0)}, {})

    judgement = judge(MENTION, verdict({"safeguarding.grooming": FLOOR + 0.01}), strict, AT)

    assert (judgement.alert, judgement.reason, judgement.severity) == (True, Reason.FLOOR, Severity.CRITICAL)
    assert judgement.why[0] == (
        f"Grooming: scored {FLOOR + 0.01:.2f}, below 1.00; "
        f"a critical matter alerts from {FLOOR:.2f} all the same."
    )


def test_below_everything_there_is_no_alert_and_the_highest_score_is_told() -> None:
    judgement = judged({"abuse.hate": 0.2, "reputational.complaint": 0.5})

    assert (judgement.alert, judgement.reason, judgement.severity) == (False, Reason.BELOW, Severity.NONE)
    alerts_at = PLAYS["reputational.complaint"].threshold
    assert judgement.why == (f"Highest: Complaint scored 0.50 (alerts at {alerts_at:.2f}).",)
    assert judgement.roles == ()


def test_lawful_criticism_is_counted_and_leaves_nobody_named() -> None:
    """KNO-2d."""
    judgement = judged({"none.lawful_criticism": 0.97, "abuse.incivility": 0.99})

    assert (judgement.alert, judgement.reason, judgement.anonymous) == (False, Reason.LAWFUL_CRITICISM, True)


def test_swearing_at_the_institution_is_counted() -> None:
    judgement = judged({"abuse.incivility": 0.99})

    assert (judgement.alert, judgement.reason) == (False, Reason.COUNTED)
    assert judgement.subcategory == "abuse.incivility"


def test_criticism_never_hides_what_stands_beside_it() -> None:
    judgement = judged({"none.lawful_criticism": 0.99, "safeguarding.disclosure_abuse": 0.4})

    assert judgement.severity is Severity.CRITICAL
    assert not judgement.anonymous


def test_a_campaign_alone_is_summed_up_without_names() -> None:
    assert judged({"reputational.campaign": 0.99}).anonymous
    assert not judged({"reputational.campaign": 0.99, "abuse.doxxing": 0.99}).anonymous


def test_a_purpose_that_is_switched_off_is_silent() -> None:
    off = make_policy(PLAYBOOK, {}, {Head.REPUTATIONAL: False})

    judgement = judge(MENTION, verdict({"reputational.data_breach": 0.99}), off, AT)

    assert (judgement.alert, judgement.reason) == (False, Reason.SWITCHED_OFF)


def test_a_kind_that_is_switched_off_is_silent() -> None:
    off = make_policy(PLAYBOOK, {"reputational.complaint": Change(enabled=False)}, {})

    assert judge(MENTION, verdict({"reputational.complaint": 0.99}), off, AT).reason is Reason.SWITCHED_OFF


@pytest.mark.parametrize("key", ["safeguarding.self_harm_suicide", "abuse.threat_violence"])
def test_a_critical_matter_is_never_switched_off(key: str) -> None:
    """Doubt about a child rounds up to a person."""
    off = make_policy(PLAYBOOK, {}, dict.fromkeys(Head, False))

    assert judge(MENTION, verdict({key: 0.4}), off, AT).severity is Severity.CRITICAL


def test_a_critical_rule_speaks_even_for_a_kind_that_is_switched_off() -> None:
    off = make_policy(PLAYBOOK, {"safeguarding.online_bullying": Change(enabled=False)}, {})
    fired = verdict({}, rule("safeguarding.online_bullying", Severity.CRITICAL))

    assert judge(MENTION, fired, off, AT).severity is Severity.CRITICAL


def test_a_rule_for_a_kind_that_the_playbook_does_not_know_reaches_the_dsl() -> None:
    judgement = judged({"somebody.elses": 1.0}, rule("house.rule", Severity.MEDIUM))

    assert (judgement.severity, judgement.roles) == (Severity.MEDIUM, (Role.DSL,))


def test_a_score_that_is_no_number_is_not_taken_for_calm() -> None:
    assert judged({"safeguarding.grooming": float("nan")}).alert


# --- How serious --------------------------------------------------------------------------------------------


def test_the_most_serious_kind_leads_and_all_are_kept() -> None:
    judgement = judged(
        {"reputational.complaint": 0.99, "safeguarding.online_bullying": 0.96, "abuse.hate_page": 0.97}
    )

    assert judgement.severity is Severity.HIGH
    assert judgement.subcategory == "abuse.hate_page"
    assert judgement.subcategories == (
        "abuse.hate_page",
        "safeguarding.online_bullying",
        "reputational.complaint",
    )


def test_the_same_text_is_more_serious_on_the_schools_own_page() -> None:
    """BAN-5.1.2: children read along there."""
    said = verdict({"abuse.harassment_staff": 0.99})

    elsewhere, here = (judge(mention, said, POLICY, AT) for mention in (MENTION, ON_OUR_PAGE))

    assert (elsewhere.severity, here.severity) == (Severity.MEDIUM, Severity.HIGH)
    assert "one step more, it stands on the school's own account" in here.why[1]


@pytest.mark.parametrize(
    "key",
    [
        "reputational.complaint",
        "reputational.query",
        "reputational.image_consent",
        "safeguarding.child_contact",
        "safeguarding.concern_signpost",
    ],
)
def test_what_is_said_to_the_school_is_not_worse_for_being_said_there(key: str) -> None:
    judgement = judge(ON_OUR_PAGE, verdict({key: 0.99}), POLICY, AT)

    assert judgement.severity is PLAYS[key].severity
    assert not judgement.urgent


@pytest.mark.parametrize(
    "text",
    [
        "see you tonight",
        "wait till tomorrow you clown",
        "outside at 3 then",
        "half 3? no, 3.30",
        "on friday you will see",
        "be there 4pm",
        "after school, all of you",
        "we know where she lives",
        "by the gates",
        "outside your house",
        "i have a knife",
    ],
)
def test_time_place_or_means_make_it_one_step_more_serious(text: str) -> None:
    judgement = judge(saying(text), verdict({"abuse.harassment_staff": 0.99}), POLICY, AT)

    assert judgement.severity is Severity.HIGH
    assert "one step more, it names a" in judgement.why[1]


@pytest.mark.parametrize(
    "text",
    [
        "the head is a disgrace",
        "at 3 schools now this man has failed",
        "tickets are £3.50 and 0.91 litres",
        "she was kind on my first day",
        "he is 11 years old, at 5 years he could read",
        "a battle of wits and he came unarmed",
    ],
)
def test_other_numbers_and_words_do_not(text: str) -> None:
    assert (
        judge(saying(text), verdict({"abuse.harassment_staff": 0.99}), POLICY, AT).severity is Severity.MEDIUM
    )


def test_tomorrow_in_an_old_post_is_over() -> None:
    old = saying("see you tomorrow", posted_at=AT - timedelta(days=30))
    undated = saying("see you tomorrow", posted_at=None)
    said = verdict({"abuse.harassment_staff": 0.99})

    assert judge(old, said, POLICY, AT).severity is Severity.MEDIUM
    assert judge(undated, said, POLICY, AT).severity is Severity.HIGH


def test_both_together_are_two_steps() -> None:
    mention = saying("see you tonight", channel=Channel.OFFICIAL_ACCOUNT)

    assert judge(mention, verdict({"abuse.harassment_staff": 0.99}), POLICY, AT).severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("severity", "urgent"),
    [(Severity.CRITICAL, True), (Severity.HIGH, True), (Severity.MEDIUM, False), (Severity.LOW, False)],
)
def test_critical_and_high_ask_for_a_notice_at_once(severity: Severity, urgent: bool) -> None:
    assert judged({}, rule("reputational.query", severity)).urgent is urgent


# --- Which school -------------------------------------------------------------------------------------------

AMBIGUOUS = replace(MENTION, ambiguous=True, confidence=0.4, others=("harrowby-st-mary",))


def test_an_ambiguous_school_is_held_back_to_medium() -> None:
    judgement = judge(AMBIGUOUS, verdict({"abuse.hate_page": 0.99}), POLICY, AT)

    assert (judgement.severity, judgement.urgent) == (Severity.MEDIUM, False)


@pytest.mark.parametrize(
    "said", [verdict({"safeguarding.grooming": FLOOR}), verdict({}, rule("abuse.hate", Severity.CRITICAL))]
)
def test_a_critical_matter_of_an_ambiguous_school_alerts_high_at_once_and_says_so(said: Verdict) -> None:
    judgement = judge(AMBIGUOUS, said, POLICY, AT)

    assert (judgement.severity, judgement.urgent) == (Severity.HIGH, True)
    assert (
        "This may be another school of this name (also looked after here: harrowby-st-mary)." in judgement.why
    )
    assert judgement.roles[:2] == (Role.DSL, Role.DEPUTY)


def test_why_it_is_thought_to_be_this_school_is_told() -> None:
    assert judged({"abuse.hate": 0.99}).why[-1] == "Thought to be this school: it is called by its full name"


# --- For whom -----------------------------------------------------------------------------------------------


def test_everybody_whose_business_it_is_hears_in_order_once() -> None:
    judgement = judged({"reputational.data_breach": 0.99, "safeguarding.child_identified": 0.99})

    assert judgement.roles == (Role.DSL, Role.DEPUTY, Role.DPO, Role.HEAD)


def test_what_is_critical_only_by_its_place_and_time_reaches_dsl_and_deputies_too() -> None:
    mention = saying("see you tonight", channel=Channel.OFFICIAL_ACCOUNT)

    judgement = judge(mention, verdict({"abuse.harassment_staff": 0.99}), POLICY, AT)

    assert judgement.roles == (Role.DSL, Role.DEPUTY, Role.HEAD)


# --- The media lock -----------------------------------------------------------------------------------------


def test_the_media_lock_comes_from_the_verdict_or_from_the_platform() -> None:
    assert judged({"abuse.hate": 0.99}, media_lock=True).media_lock
    assert judge(saying("x", sensitive=True), verdict(), POLICY, AT).media_lock
    assert not judged({"abuse.hate": 0.99}).media_lock


# --- Languages ----------------------------------------------------------------------------------------------

POLISH = (
    "Mój syn nie chce już chodzić do Harrowby Green, codziennie wraca do domu z płaczem "
    "i boi się starszych chłopców"
)


def test_a_long_text_in_a_language_that_is_not_read_asks_for_somebody_who_can() -> None:
    judgement = judge(saying(POLISH), verdict(language="pl"), POLICY, AT)

    assert (judgement.alert, judgement.reason, judgement.severity, judgement.urgent) == (
        True,
        Reason.UNREAD_LANGUAGE,
        Severity.MEDIUM,
        False,
    )
    assert (
        judgement.why[0] == "Written in a language that we cannot read ('pl'); a person who can should look."
    )
    assert judgement.roles == (Role.DSL,)
    assert judgement.subcategory in PLAYS


def test_a_foreign_script_is_known_from_few_words() -> None:
    assert judge(saying("Harrowby Green учитель бьёт детей"), verdict(language="ru"), POLICY, AT).alert


@pytest.mark.parametrize(
    ("mention", "language"),
    [
        pytest.param(saying(POLISH), "en", id="English"),
        pytest.param(saying(POLISH), "cy", id="Welsh"),
        pytest.param(saying(POLISH), None, id="not known"),
        pytest.param(saying("Harrowby Green lol innit bruv wag man"), "nl", id="slang taken for Dutch"),
        pytest.param(replace(saying(POLISH), confidence=0.5), "pl", id="unsure school"),
        pytest.param(replace(saying(POLISH), ambiguous=True), "pl", id="ambiguous school"),
    ],
)
def test_other_texts_do_not_ask_for_a_reader(mention: Mention, language: str | None) -> None:
    """Never default to risk: an alert for each doubtful guess would be noise."""
    assert judge(mention, verdict(language=language), POLICY, AT).reason is Reason.BELOW


def test_an_unread_language_never_silences_what_was_found() -> None:
    judgement = judge(
        saying(POLISH), verdict({"safeguarding.disclosure_abuse": 0.4}, language="pl"), POLICY, AT
    )

    assert judgement.severity is Severity.CRITICAL


def test_a_school_may_switch_the_call_for_readers_off() -> None:
    off = make_policy(PLAYBOOK, {"unread.language": Change(enabled=False)}, {})

    assert not judge(saying(POLISH), verdict(language="pl"), off, AT).alert


# --- What is true of every judgement ------------------------------------------------------------------------


@given(
    MENTIONS,
    st.dictionaries(st.text(max_size=20) | st.sampled_from(KEYS), st.floats(), max_size=6),
    RULES,
    st.sampled_from([None, "en", "pl", "??", ""]),
)
def test_no_score_at_all_makes_judging_fail(
    mention: Mention, scores: dict[str, float], fired: tuple[Fired, ...], language: str | None
) -> None:
    judgement = judge(mention, verdict(scores, *fired, language=language), POLICY, AT)

    assert judgement.alert is (judgement.severity > Severity.NONE)
    assert judgement.alert is bool(judgement.roles)
    assert judgement.urgent is (judgement.severity >= Severity.HIGH)
    assert not judgement.alert or judgement.subcategory == judgement.subcategories[0]
    assert judgement.why


@given(MENTIONS, SCORES, RULES, SCORES, RULES)
def test_more_evidence_never_makes_it_less_serious(
    mention: Mention,
    scores: dict[str, float],
    fired: tuple[Fired, ...],
    more_scores: dict[str, float],
    more_fired: tuple[Fired, ...],
) -> None:
    raised = {key: max(scores.get(key, 0), more_scores.get(key, 0)) for key in {**scores, **more_scores}}

    before = judge(mention, verdict(scores, *fired), POLICY, AT)
    after = judge(mention, verdict(raised, *fired, *more_fired), POLICY, AT)

    assert after.severity >= before.severity
    assert after.alert >= before.alert
    assert set(after.roles) >= set(before.roles)


@given(MENTIONS, SCORES, st.dictionaries(st.sampled_from(KEYS), st.floats(0, 1), max_size=6))
def test_raising_a_threshold_never_makes_an_alert(
    mention: Mention, scores: dict[str, float], raises: dict[str, float]
) -> None:
    changes = {key: Change(alert=max(PLAYS[key].threshold, alert)) for key, alert in raises.items()}
    raised: Policy = make_policy(PLAYBOOK, changes, {})

    before = judge(mention, verdict(scores), POLICY, AT)
    after = judge(mention, verdict(scores), raised, AT)

    assert after.alert <= before.alert
    assert after.severity <= before.severity


@given(MENTIONS, SCORES, RULES)
def test_only_an_ambiguous_school_makes_a_critical_kind_less_than_critical(
    mention: Mention, scores: dict[str, float], fired: tuple[Fired, ...]
) -> None:
    judgement = judge(mention, verdict(scores, *fired), POLICY, AT)
    critical = any(PLAYS[key].severity is Severity.CRITICAL for key in judgement.subcategories)

    assert not critical or judgement.severity is (Severity.HIGH if mention.ambiguous else Severity.CRITICAL)


HOSTILE = [
    "\n",
    " ",
    "at 3 ",
    " - ",
    "read more ",
    "a'",
    "." * 7,
    "http://",
    "e\u0301",
    "\ufdfa",
    "\ud800",
    "tonight by the ",
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("part", HOSTILE)
def test_a_huge_hostile_text_is_thought_about_at_once(part: str) -> None:
    text = part * (300_000 // len(part))

    assert judge(saying(text), verdict({"abuse.hate": 0.99}, language="pl"), POLICY, AT).alert


# A whole head


def test_a_head_that_is_sure_speaks_although_no_kind_reached_its_threshold() -> None:
    judgement = judge(MENTION, _unsure_which(0.97), POLICY, AT)

    assert judgement.alert
    assert judgement.reason is Reason.HEAD
    assert judgement.subcategory == "safeguarding.missing_child"
    assert judgement.why[0].startswith("Safeguarding: scored 0.97 (alerts at ")
    assert judgement.why[0].endswith("; most like: Missing child.")


def test_a_head_below_its_threshold_says_nothing() -> None:
    assert not judge(MENTION, _unsure_which(0.5), POLICY, AT).alert


def test_a_school_may_choose_the_score_of_a_head() -> None:
    policy = make_policy(PLAYBOOK, {"safeguarding": Change(alert=0.40)}, {})

    assert judge(MENTION, _unsure_which(0.5), policy, AT).alert


def test_a_head_is_silent_where_its_purpose_is_off_and_nothing_critical_is_near() -> None:
    verdict = Verdict(
        abuse=0, safeguarding=0, reputational=0.99, scores={"reputational.query": 0.2}, by="a model"
    )

    assert judge(MENTION, verdict, POLICY, AT).alert
    assert not judge(MENTION, verdict, make_policy(PLAYBOOK, {}, {Head.REPUTATIONAL: False}), AT).alert


def _unsure_which(safeguarding: float) -> Verdict:
    scores = {"safeguarding.missing_child": 0.03, "safeguarding.domestic_abuse": 0.02}
    return Verdict(abuse=0, safeguarding=safeguarding, reputational=0, scores=scores, by="a model")
