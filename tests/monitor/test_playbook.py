"""The shipped playbook: a play for every kind, in words to act on; and what a school may change of it."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import monitor.playbook
from classifiers.taxonomy import TAXONOMY, Head, Severity
from monitor.playbook import Change, Play, Playbook, Role, make_policy

TEXT = Path(monitor.playbook.__file__).with_name("playbook.yaml").read_text("utf-8")
PLAYBOOK = Playbook.model_validate(yaml.safe_load(TEXT))
ALL_ON = dict.fromkeys(Head, True)
CRITICAL = sorted(key for key, play in PLAYBOOK.plays.items() if play.severity is Severity.CRITICAL)
OTHERS = sorted(key for key, play in PLAYBOOK.plays.items() if play.severity is not Severity.CRITICAL)


def words(play: Play) -> str:
    return " ".join([play.label, *play.actions])


def test_every_kind_of_the_taxonomy_has_a_play_and_only_what_was_not_judged_is_more() -> None:
    unknown = {"unread.language", "unread.not_judged"}
    assert set(PLAYBOOK.plays) - set(TAXONOMY) == unknown
    assert set(TAXONOMY) <= set(PLAYBOOK.plays)


@pytest.mark.parametrize("key", sorted(TAXONOMY))
def test_the_play_calls_a_kind_as_the_taxonomy_does(key: str) -> None:
    assert PLAYBOOK.plays[key].label == TAXONOMY[key].label


@pytest.mark.parametrize("key", sorted(set(TAXONOMY) - {"abuse.incivility"}))
def test_the_play_is_as_serious_as_the_taxonomy_says(key: str) -> None:
    assert PLAYBOOK.plays[key].severity is TAXONOMY[key].severity


def test_swearing_at_the_institution_is_counted_and_not_alerted() -> None:
    assert PLAYBOOK.plays["abuse.incivility"].severity is Severity.NONE


@pytest.mark.parametrize("key", CRITICAL)
def test_a_critical_kind_has_a_floor_below_its_threshold_and_reaches_dsl_and_deputies(key: str) -> None:
    play = PLAYBOOK.plays[key]

    assert play.floor is not None
    assert play.floor < play.threshold
    assert play.route[:2] == (Role.DSL, Role.DEPUTY)
    assert play.call, "somebody to call"


@pytest.mark.parametrize("key", OTHERS)
def test_only_a_critical_kind_has_a_floor(key: str) -> None:
    assert PLAYBOOK.plays[key].floor is None


@pytest.mark.parametrize("key", sorted(set(PLAYBOOK.plays) - {"none.lawful_criticism"}))
def test_every_play_says_whose_business_it_is_and_what_to_do(key: str) -> None:
    play = PLAYBOOK.plays[key]

    assert play.route
    assert play.actions
    assert all(action[0].isupper() and action.endswith(".") for action in play.actions)


def test_every_contact_that_a_play_sends_people_to_is_national_or_asked_of_the_school() -> None:
    known = {*PLAYBOOK.contacts, *PLAYBOOK.local}

    assert {key for play in PLAYBOOK.plays.values() for key in play.call} <= known
    assert not set(PLAYBOOK.contacts) & set(PLAYBOOK.local)


@pytest.mark.parametrize("key", sorted(PLAYBOOK.contacts))
def test_a_national_contact_can_be_reached(key: str) -> None:
    contact = PLAYBOOK.contacts[key]

    assert contact.phone or contact.web or contact.email
    assert contact.use


def test_the_helpline_for_professionals_has_number_address_hours_and_the_day_it_was_checked() -> None:
    """LEI-15.2."""
    posh = PLAYBOOK.contacts["posh"]

    assert (posh.phone, posh.email) == ("0344 381 4772", "helpline@saferinternet.org.uk")
    assert "10:00 to 16:00" in posh.hours
    assert posh.checked_on is not None


def test_an_allegation_about_staff_goes_to_the_lado_first() -> None:
    """BAN-2.7."""
    assert PLAYBOOK.plays["safeguarding.staff_allegation"].call[0] == "lado"
    assert "lado" in PLAYBOOK.local, "its number is local: the school fills it in"


@pytest.mark.parametrize("key", sorted(key for key, kind in TAXONOMY.items() if kind.locks_media))
def test_a_kind_that_locks_media_says_not_to_copy_pictures(key: str) -> None:
    assert re.search(r"(?:not|never)\b[^.]*\bcopy", words(PLAYBOOK.plays[key]), re.IGNORECASE)


@pytest.mark.parametrize(
    "key", ["safeguarding.grooming", "safeguarding.nudes_semi_nudes", "safeguarding.sextortion"]
)
def test_nobody_is_told_to_ask_a_child_for_a_picture(key: str) -> None:
    assert "never ask a child to show" in words(PLAYBOOK.plays[key]).lower()


@pytest.mark.parametrize("key", sorted(PLAYBOOK.plays))
def test_no_play_passes_judgement(key: str) -> None:
    """A person decides; nothing here says that somebody lied or did it, and nothing is called proof."""
    judging = r"\b(?:false|malicious\w*|guilty|guilt|proof|prove[sdn]?|liar|culprit|perpetrator|offender)\b"

    assert not re.search(judging, words(PLAYBOOK.plays[key]), re.IGNORECASE)


def test_no_edition_bound_paragraph_number_is_written_down() -> None:
    """BAN-3.3a."""
    assert not re.search(r"(?:KCSIE|paragraph|para\.?|annex)\s*\w?\d", TEXT, re.IGNORECASE)


def test_who_campaigns_or_criticises_leaves_no_name_here() -> None:
    anonymous = {key for key, play in PLAYBOOK.plays.items() if play.anonymous}

    assert anonymous == {"reputational.campaign", "none.lawful_criticism"}


def test_a_parent_is_spoken_to_before_the_platform_is_told() -> None:
    """CLA-PA1."""
    actions = PLAYBOOK.plays["abuse.harassment_staff"].actions
    asked, reported = (
        next(i for i, a in enumerate(actions) if word in a) for word in ("ask them", "platform")
    )

    assert asked < reported


def test_hr_advice_comes_before_anything_else_about_the_conduct_of_staff() -> None:
    """KNO-11.3, LEI-11.7."""
    play = PLAYBOOK.plays["reputational.staff_conduct"]

    assert "HR advice" in play.actions[0]
    assert {Role.HEAD, Role.DSL} <= set(play.route)


@pytest.mark.parametrize(
    ("key", "roles"),
    [
        ("safeguarding.self_harm_suicide", {Role.DSL, Role.DEPUTY}),
        ("abuse.harassment_staff", {Role.HEAD, Role.DSL}),
        ("reputational.media_interest", {Role.HEAD}),
        ("reputational.data_breach", {Role.DPO, Role.HEAD}),
        ("reputational.complaint", {Role.COMMS}),
        ("reputational.whistleblowing", {Role.CHAIR, Role.HEAD}),
        ("safeguarding.child_contact", {Role.DSL}),
    ],
)
def test_matters_reach_those_whose_business_they_are(key: str, roles: set[Role]) -> None:
    """BAN-2.5, BAN-4.1.12, BAN-4.1.7/10, STG-5m, BAN-3.3c."""
    assert set(PLAYBOOK.plays[key].route) == roles


# --- What a school may change -------------------------------------------------------------------------------


def test_without_changes_the_policy_is_the_playbook_and_nothing_is_looser() -> None:
    policy = make_policy(PLAYBOOK, {}, {})

    assert policy.plays == PLAYBOOK.plays
    assert policy.purposes == ALL_ON
    assert policy.looser == ()


def test_a_lower_threshold_is_stricter_and_needs_no_word() -> None:
    policy = make_policy(PLAYBOOK, {"abuse.threat_violence": Change(alert=0.05)}, ALL_ON)

    assert policy.plays["abuse.threat_violence"].threshold == 0.05
    assert policy.looser == ()


def test_a_raised_threshold_is_allowed_and_said() -> None:
    policy = make_policy(PLAYBOOK, {"abuse.hate_page": Change(alert=0.99)}, ALL_ON)

    shipped = PLAYBOOK.plays["abuse.hate_page"].threshold
    assert policy.looser == (f"Hate page (abuse.hate_page) alerts at 0.99 instead of {shipped:.2f}.",)


def test_a_raised_threshold_of_a_critical_kind_says_that_its_floor_still_alerts() -> None:
    shipped = PLAYBOOK.plays["abuse.threat_violence"]

    policy = make_policy(PLAYBOOK, {"abuse.threat_violence": Change(alert=0.99)}, ALL_ON)

    assert policy.plays["abuse.threat_violence"].floor == shipped.floor
    assert policy.looser == (
        f"Threat of violence (abuse.threat_violence) alerts at 0.99 instead of {shipped.threshold:.2f}; "
        f"from its floor of {shipped.floor:.2f} it alerts all the same.",
    )


def test_a_lower_severity_and_a_kind_switched_off_are_said() -> None:
    changes = {
        "safeguarding.online_bullying": Change(severity=Severity.MEDIUM),
        "reputational.query": Change(enabled=False),
    }

    policy = make_policy(PLAYBOOK, changes, ALL_ON)

    assert policy.looser == (
        "Online bullying of a pupil (safeguarding.online_bullying) counts as medium instead of high.",
        "Question to the school (reputational.query) is switched off.",
    )


def test_a_purpose_switched_off_is_said() -> None:
    policy = make_policy(PLAYBOOK, {}, {Head.REPUTATIONAL: False})

    assert policy.purposes[Head.REPUTATIONAL] is False
    assert policy.looser == (
        "The purpose 'reputational' is switched off: of its kinds, only critical matters still alert.",
    )


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        pytest.param(
            "abuse.threat_violence",
            Change(floor=0.99),
            "abuse.threat_violence: the floor may be lowered, never raised: 0.99 is above the shipped "
            f"{PLAYBOOK.plays['abuse.threat_violence'].floor:.2f}",
            id="raised floor",
        ),
        pytest.param(
            "safeguarding.grooming",
            Change(enabled=False),
            "safeguarding.grooming: a critical kind cannot be switched off; "
            "raise `alert` instead, its floor still alerts",
            id="critical switched off",
        ),
        pytest.param(
            "safeguarding.grooming",
            Change(severity=Severity.HIGH),
            "safeguarding.grooming: a critical kind stays critical; 'high' is lower",
            id="critical made less",
        ),
        pytest.param(
            "abuse.threat_violense",
            Change(alert=0.5),
            "'abuse.threat_violense' is not a sub-category; did you mean 'abuse.threat_violence'?",
            id="misspelt",
        ),
    ],
)
def test_what_may_not_be_changed_is_refused_in_plain_words(key: str, change: Change, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make_policy(PLAYBOOK, {key: change}, ALL_ON)


def test_all_refusals_come_at_once() -> None:
    changes = {"safeguarding.grooming": Change(enabled=False, floor=0.9), "nonsense": Change()}

    with pytest.raises(ValueError, match="grooming") as refusal:
        make_policy(PLAYBOOK, changes, ALL_ON)

    assert len(str(refusal.value).splitlines()) == 3


@pytest.mark.parametrize(
    "written",
    [{"alert": 1.1}, {"alert": -0.1}, {"threshold": 0.5}, {"severity": "urgent"}, {"floor": "low"}],
)
def test_a_change_that_is_not_understood_is_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Change.model_validate(written)


def test_severities_are_written_as_words() -> None:
    assert Change.model_validate({"severity": "high"}).severity is Severity.HIGH


@given(
    st.dictionaries(
        st.sampled_from(sorted(PLAYBOOK.plays)),
        st.builds(
            Change,
            alert=st.none() | st.floats(0, 1),
            floor=st.none() | st.floats(0, 1),
            severity=st.none() | st.sampled_from(Severity),
            enabled=st.booleans(),
        ),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(Head), st.booleans()),
)
def test_no_change_that_is_accepted_makes_a_critical_kind_quieter_than_its_floor(
    changes: dict[str, Change], purposes: dict[Head, bool]
) -> None:
    try:
        policy = make_policy(PLAYBOOK, changes, purposes)
    except ValueError:
        return

    for key in CRITICAL:
        shipped, play = PLAYBOOK.plays[key], policy.plays[key]
        assert shipped.floor is not None
        assert play.floor is not None
        assert play.floor <= shipped.floor
        assert play.severity is Severity.CRITICAL
        assert play.enabled


def test_a_whole_head_takes_a_score_and_nothing_else() -> None:
    with pytest.raises(ValueError, match=r"purposes: \{abuse: false\}"):
        make_policy(PLAYBOOK, {"abuse": Change(enabled=False)}, ALL_ON)


def test_a_looser_head_is_said_aloud() -> None:
    policy = make_policy(PLAYBOOK, {"abuse": Change(alert=0.99)}, ALL_ON)

    assert policy.looser == (f"The head 'abuse' alerts at 0.99 instead of {PLAYBOOK.heads[Head.ABUSE]:.2f}.",)
