"""Every topic that the policies name has a sub-category."""

import pytest

from classifiers.taxonomy import TAXONOMY, Head, Severity

BANWELL_TOPICS = {  # BAN-4.1.15
    "online safety": ["safeguarding.online_bullying", "safeguarding.grooming"],
    "children missing education": ["safeguarding.missing_child"],
    "child criminal exploitation": ["safeguarding.exploitation"],
    "child sexual exploitation": ["safeguarding.exploitation"],
    "county lines": ["safeguarding.exploitation"],
    "domestic abuse": ["safeguarding.domestic_abuse"],
    "homelessness": ["safeguarding.homelessness"],
    "so-called honour-based abuse": ["safeguarding.hba_fgm_forced_marriage"],
    "female genital mutilation": ["safeguarding.hba_fgm_forced_marriage"],
    "forced marriage": ["safeguarding.hba_fgm_forced_marriage"],
    "Prevent and Channel": ["safeguarding.radicalisation"],
    "peer-on-peer abuse": ["safeguarding.child_on_child_sexual", "safeguarding.online_bullying"],
    "sexual violence and harassment": ["safeguarding.child_on_child_sexual"],
}
LCSSPAN_RISKS = {  # LEI-7.1
    "online bullying": ["safeguarding.online_bullying"],
    "grooming": ["safeguarding.grooming"],
    "exploitation": ["safeguarding.exploitation"],
    "stalking": ["abuse.stalking"],
    "inappropriate material": ["safeguarding.nudes_semi_nudes"],
    "hateful language": ["abuse.hate"],
    "encouraging violence": ["safeguarding.weapons_violence", "abuse.threat_violence"],
    "encouraging self-harm": ["safeguarding.self_harm_suicide"],
    "encouraging risk-taking": ["safeguarding.harmful_challenge"],
}
CLARENDON_CONTENT = {  # CLA-BEH3
    "defamatory": ["reputational.defamatory_allegation"],
    "discriminatory": ["abuse.hate"],
    "offensive": ["abuse.incivility", "abuse.harassment_staff"],
    "harassing": ["abuse.harassment_staff", "abuse.harassment_other"],
    "breach of data protection": ["reputational.data_breach"],
    "breach of confidentiality": ["safeguarding.child_identified", "reputational.staff_conduct"],
    "breach of copyright": ["reputational.brand_misuse"],
}
FOUR_CS = {  # KCSIE, online safety
    "content": [
        "safeguarding.self_harm_suicide",
        "safeguarding.radicalisation",
        "safeguarding.hoax_misinformation",
    ],
    "contact": ["safeguarding.grooming", "safeguarding.exploitation", "safeguarding.child_contact"],
    "conduct": ["safeguarding.nudes_semi_nudes", "safeguarding.online_bullying"],
    "commerce": ["safeguarding.scam_parents", "safeguarding.sextortion"],
}


@pytest.mark.parametrize(
    ("topic", "keys"),
    [
        (topic, keys)
        for topics in (BANWELL_TOPICS, LCSSPAN_RISKS, CLARENDON_CONTENT, FOUR_CS)
        for topic, keys in topics.items()
    ],
)
def test_every_topic_that_the_policies_name_has_a_sub_category(topic: str, keys: list[str]) -> None:
    """BAN-4.1.15, LEI-7.1, CLA-BEH3, KCSIE's four Cs."""
    assert keys
    assert [key for key in keys if key not in TAXONOMY] == []


def test_a_key_begins_with_its_head() -> None:
    for key, kind in TAXONOMY.items():
        assert key == kind.key
        assert key.split(".")[0] == (kind.head or "none")


def test_all_three_heads_have_sub_categories() -> None:
    """BAN-1.1b."""
    assert {kind.head for kind in TAXONOMY.values()} == {*Head, None}


def test_what_is_never_an_alert_has_no_severity_and_everything_else_has_one() -> None:
    for kind in TAXONOMY.values():
        assert (kind.severity is Severity.NONE) == (kind.head is None)


@pytest.mark.parametrize("key", ["nudes_semi_nudes", "sextortion", "grooming", "child_on_child_sexual"])
def test_what_may_show_a_child_undressed_locks_media(key: str) -> None:
    """LEI-7.1, UKCIS: never view, copy, store."""
    assert TAXONOMY[f"safeguarding.{key}"].locks_media


def test_an_allegation_about_staff_is_critical_and_marked_for_section_141f() -> None:
    """BAN-2.7."""
    allegation = TAXONOMY["safeguarding.staff_allegation"]
    assert allegation.critical
    assert allegation.s141f


def test_every_label_and_definition_is_a_sentence_or_name_for_a_person() -> None:
    for kind in TAXONOMY.values():
        assert kind.label[0].isupper()
        assert kind.definition.endswith(".")


def test_severity_reads_the_words_that_people_write() -> None:
    assert Severity.read(" High ") is Severity.HIGH
    assert Severity.CRITICAL.word == "critical"
    with pytest.raises(ValueError, match="'urgent' is not one of none, low, medium, high, critical"):
        Severity.read("urgent")
