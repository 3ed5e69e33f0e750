"""Who hears of a matter, who must not because it is about them, and how many messages that makes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.taxonomy import Severity
from connectors.post import Channel
from monitor.alerts import Alert, Judgement, Reason, Status
from monitor.notices import Owed, Recipient, bundle, must_not_hear, recipients
from monitor.playbook import Role

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SCHOOL = "harrowby-green"


def person(name: str, *roles: Role, schools: frozenset[str] = frozenset({SCHOOL})) -> Recipient:
    address = f"{name.rsplit(maxsplit=1)[-1].lower()}@harrowbygreen.example"
    return Recipient(name=name, email=address, roles=frozenset(roles), schools=schools)


LEAD = person("D. Lead", Role.DSL)
DEPUTY = person("Pia Okafor-Reed", Role.DEPUTY)
HEAD = person("Mrs Alma Brightwater", Role.HEAD)
CHAIR = person("Owen Tarrant", Role.CHAIR)
DPO = person("Kit Sorrell", Role.DPO)
OFFICE = person("Bea Marsh", Role.COMMS)
EVERYBODY = [LEAD, DEPUTY, HEAD, CHAIR, DPO, OFFICE]

ABOUT_STAFF = Judgement(
    alert=True,
    reason=Reason.RULE,
    severity=Severity.CRITICAL,
    subcategory="safeguarding.staff_allegation",
    subcategories=("safeguarding.staff_allegation",),
    why=(),
    roles=(Role.DSL, Role.DEPUTY, Role.HEAD),
    urgent=True,
    media_lock=False,
)
THREAT = replace(ABOUT_STAFF, subcategory="abuse.threat_violence", subcategories=("abuse.threat_violence",))


def hear(judgement: Judgement, text: str = "", people: list[Recipient] | None = None) -> list[str]:
    return [
        each.name for each in recipients(SCHOOL, judgement, EVERYBODY if people is None else people, text)
    ]


def test_the_people_of_the_roles_hear_in_the_order_of_the_roles() -> None:
    judgement = replace(THREAT, roles=(Role.HEAD, Role.DSL))

    assert hear(judgement) == [HEAD.name, LEAD.name]


def test_somebody_with_several_roles_hears_once() -> None:
    both = person("Alma Brightwater", Role.HEAD, Role.DSL)
    again = replace(both, email=both.email.upper())

    assert recipients(SCHOOL, THREAT, [both, again]) == [both]


def test_nobody_of_another_school_hears() -> None:
    """LEI-3.1."""
    elsewhere = person("Una Field", Role.DSL, schools=frozenset({"other"}))
    of_both = person("Tom Vale", Role.DEPUTY, schools=frozenset({"other", SCHOOL}))

    assert recipients(SCHOOL, THREAT, [elsewhere, of_both]) == [of_both]
    assert recipients(SCHOOL, THREAT, [elsewhere]) == []


@pytest.mark.parametrize(
    "text",
    [
        "the headteacher at Harrowby Green keeps girls behind on their own",
        "The Head Teacher locks them in",
        "our head knew and did it anyway",
        "THE PRINCIPAL is not safe round kids",
        "ask Mrs Brightwater what happened in the cupboard",
        "ask mrs brightwater",
        "MRS A BRIGHTWATER has done it again",
        "Alma Brightwater hit him",
        "A. Brightwater hit him",
        "Brightwater's been hurting them for years",
        "What has Brightwater done?",
        "mrsbrightwater hits kids",
        "mae'r pennaeth yn brifo plant",
    ],
)
def test_an_allegation_that_names_the_head_or_the_role_goes_to_the_chair_instead(text: str) -> None:
    """BAN-2.7b."""
    assert hear(ABOUT_STAFF, text) == [LEAD.name, DEPUTY.name, CHAIR.name]


@pytest.mark.parametrize(
    "text",
    [
        "Mrs Lead told her to keep quiet",
        "D. Lead",
        "D Lead did it",
        "the DSL touched her",
        "safeguarding lead",
    ],
)
def test_an_allegation_that_names_the_dsl_goes_to_the_head_instead(text: str) -> None:
    """BAN-2.7b."""
    assert hear(ABOUT_STAFF, text) == [HEAD.name, DEPUTY.name]


def test_only_whom_an_allegation_names_must_not_hear_of_it() -> None:
    """BAN-2.7b."""
    text = "ask Mrs Brightwater what happened in the cupboard"

    assert must_not_hear(HEAD.email.upper(), SCHOOL, ABOUT_STAFF, EVERYBODY, text)
    assert not must_not_hear(OFFICE.email, SCHOOL, ABOUT_STAFF, EVERYBODY, text), "no matter of the office's"
    assert not must_not_hear(HEAD.email, SCHOOL, THREAT, EVERYBODY, text), "a victim always hears"
    assert not must_not_hear(HEAD.email, SCHOOL, ABOUT_STAFF, [HEAD], text), "somebody must hear"


def test_an_allegation_about_a_deputy_stays_with_the_dsl() -> None:
    assert hear(ABOUT_STAFF, "the deputy head grabbed him") == [LEAD.name, HEAD.name]
    assert hear(ABOUT_STAFF, "Miss Okafor-Reed grabbed him") == [LEAD.name, HEAD.name]


def test_when_dsl_and_head_are_both_named_deputies_and_chair_hear() -> None:
    text = "Mrs Brightwater and the safeguarding lead both knew"

    assert hear(ABOUT_STAFF, text) == [DEPUTY.name, CHAIR.name]


def test_a_whistleblower_who_names_the_chair_reaches_the_data_protection_officer_and_the_head() -> None:
    blowing = replace(
        ABOUT_STAFF, subcategories=("reputational.whistleblowing",), roles=(Role.CHAIR, Role.HEAD)
    )

    assert hear(blowing, "the chair of governors signs off his own firm's bills") == [DPO.name, HEAD.name]


@pytest.mark.parametrize(
    "text",
    [
        "a teacher at Harrowby Green keeps girls behind",
        "he was hit on the head by a teacher",
        "the head of year took her phone",
        "the head girl says a teacher hit her",
        "a lead from the safeguarding board came",
        "he would lead them into the woods",
        "Bright water in the Green",
        "Marshland and Leadenham",
    ],
)
def test_other_words_leave_everybody_in(text: str) -> None:
    assert hear(ABOUT_STAFF, text) == [LEAD.name, DEPUTY.name, HEAD.name]


def test_a_surname_inside_the_name_of_a_place_is_nobody() -> None:
    green = person("Sam Green", Role.HEAD)

    assert hear(ABOUT_STAFF, "a teacher at Harrowby Green hits kids", [LEAD, green]) == [
        LEAD.name,
        green.name,
    ]
    assert hear(ABOUT_STAFF, "a teacher in Green Lane hits kids", [LEAD, green]) == [LEAD.name, green.name]
    assert hear(ABOUT_STAFF, "they say Green hits kids", [LEAD, green, CHAIR]) == [LEAD.name, CHAIR.name]


def test_the_victim_of_a_threat_is_never_left_out() -> None:
    assert hear(THREAT, "I will be waiting for Mrs Brightwater, the headteacher") == [
        LEAD.name,
        DEPUTY.name,
        HEAD.name,
    ]


def test_one_allegation_among_other_kinds_is_enough() -> None:
    mixed = replace(THREAT, subcategories=("abuse.threat_violence", "reputational.staff_conduct"))

    assert hear(mixed, "Mrs Brightwater") == [LEAD.name, DEPUTY.name, CHAIR.name]


def test_accents_and_curly_apostrophes_in_a_name_do_not_matter() -> None:
    sean = person("Mr Seán O’Hanrahan", Role.HEAD)

    assert hear(ABOUT_STAFF, "Sean O'Hanrahan hits kids", [LEAD, sean, CHAIR]) == [LEAD.name, CHAIR.name]


def test_a_small_school_whose_head_is_also_the_dsl_turns_to_the_others() -> None:
    both = person("Alma Brightwater", Role.HEAD, Role.DSL)

    assert hear(ABOUT_STAFF, "the headteacher", [both, CHAIR]) == [CHAIR.name]
    assert hear(ABOUT_STAFF, "the headteacher", [both, OFFICE]) == [both.name], (
        "the office is no judge of this"
    )


def test_when_everybody_is_named_they_hear_all_the_same() -> None:
    text = "Mrs Lead, Miss Okafor-Reed, Mrs Brightwater and Mr Tarrant all knew"

    assert hear(ABOUT_STAFF, text, [LEAD, DEPUTY, HEAD, CHAIR]) == [LEAD.name, DEPUTY.name, HEAD.name]


def test_a_role_that_nobody_holds_falls_to_the_dsl_then_to_anybody() -> None:
    for_hr = replace(THREAT, roles=(Role.HR,))

    assert hear(for_hr) == [LEAD.name]
    assert hear(for_hr, people=[OFFICE, DPO]) == [OFFICE.name, DPO.name]


@given(
    st.lists(
        st.builds(
            Recipient,
            name=st.sampled_from(["D. Lead", "Alma Brightwater", "Owen Tarrant", "", "Ng", "🙂"]),
            email=st.sampled_from(["a@x.example", "b@x.example", "c@x.example"]),
            roles=st.frozensets(st.sampled_from(Role), min_size=1),
            schools=st.frozensets(st.sampled_from([SCHOOL, "other"]), min_size=1),
        ),
        max_size=5,
    ),
    st.lists(st.sampled_from(Role), unique=True).map(tuple),
    st.sampled_from([ABOUT_STAFF, THREAT]),
    st.text(max_size=60)
    | st.sampled_from(["the headteacher and Mrs Lead", "DSL, chair of governors, Owen Tarrant"]),
)
def test_somebody_of_the_school_always_hears_and_nobody_else(
    people: list[Recipient], roles: tuple[Role, ...], judgement: Judgement, text: str
) -> None:
    found = recipients(SCHOOL, replace(judgement, roles=roles), people, text)

    assert bool(found) is any(SCHOOL in each.schools for each in people)
    assert all(SCHOOL in each.schools for each in found)
    assert len({each.email for each in found}) == len(found)
    assert found == recipients(SCHOOL, replace(judgement, roles=roles), people, text)


def test_a_name_at_the_end_of_a_long_article_counts() -> None:
    assert HEAD.name not in hear(ABOUT_STAFF, "Nothing else. " * 10_000 + "Mrs Brightwater did it.")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "part", ["mr ", "mr_", "mr.", "Mrs  ", "the head ", "deputy designated ", "A", "a'", "\n"]
)
def test_a_huge_hostile_text_is_read_at_once(part: str) -> None:
    assert hear(ABOUT_STAFF, part * (1_000_000 // len(part)))


# --- The volume brake ---------------------------------------------------------------------------------------


def owed(number: int, severity: Severity = Severity.HIGH) -> Owed:
    alert = Alert(
        number=number,
        school=SCHOOL,
        source="Local paper",
        platform="feed",
        channel=Channel.PUBLIC_MENTION,
        urls=(),
        severity=severity,
        subcategory="abuse.hate",
        subcategories=("abuse.hate",),
        reason=Reason.RULE,
        why=(),
        roles=(Role.DSL,),
        media_lock=False,
        ambiguous=False,
        others=(),
        confidence=1.0,
        by="rules",
        baseline=False,
        urgent=True,
        status=Status.OPEN,
        seen_at=AT,
        posted_at=None,
        revision="",
    )
    since = AT + timedelta(seconds=number)
    return Owed(id=number, recipient=LEAD.email, alert=alert, judgement=1, since=since)


def test_a_few_notices_are_a_message_each_the_most_severe_first() -> None:
    messages = bundle([owed(1), owed(2, Severity.CRITICAL), owed(3)], 0)

    assert [[each.id for each in message] for message in messages] == [[2], [1], [3]]


def test_more_than_ten_in_an_hour_become_one_and_none_is_dropped() -> None:
    messages = bundle([owed(n) for n in range(1, 31)], 0)

    assert [len(message) for message in messages] == [1] * 10 + [20]


def test_what_was_sent_in_the_last_hour_counts() -> None:
    assert [len(message) for message in bundle([owed(n) for n in range(5)], 8)] == [1, 1, 3]
    assert [len(message) for message in bundle([owed(n) for n in range(5)], 12)] == [5]


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(Severity)), max_size=40), st.integers(-1, 100)
)
def test_everything_owed_is_in_exactly_one_message_and_criticals_lead(
    pairs: list[tuple[int, Severity]], sent: int
) -> None:
    things = [owed(number, severity) for number, severity in pairs]

    messages = bundle(things, sent)
    flat = [each for message in messages for each in message]

    assert sorted(each.id for each in flat) == sorted(each.id for each in things)
    assert [each.alert.severity for each in flat] == sorted(
        (each.alert.severity for each in flat), reverse=True
    )
    assert all(messages)
    assert len(messages) <= max(0, 10 - max(sent, 0)) + 1
