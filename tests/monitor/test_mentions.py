"""Finding schools in texts: the corpus of cases, and what holds for any text at all."""

import html
import re
import string
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.post import Post
from monitor.mentions.finding import find_mentions
from monitor.mentions.folding import loose, read, strict
from monitor.mentions.register import Register
from monitor.mentions.school import Mention, School

CORPUS = sorted(Path(__file__).parent.glob("mentions/*.yaml"))
FILLER = "The weather was fine and nobody had anything to say about it at all. "


def _filled(text: str) -> str:
    """`{filler:300}` stands for 300 characters of nothing in particular."""
    return re.sub(
        r"\{filler:(\d+)\}",
        lambda found: (FILLER * (int(found[1]) // len(FILLER) + 1))[: int(found[1])],
        text,
    )


def _cases() -> list[Any]:
    cases = []
    for file in CORPUS:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        cases += [
            pytest.param(content["schools"], case, id=f"{file.stem}: {case['why']}")
            for case in content["cases"]
        ]
    return cases


def _post(text: str, **more: Any) -> Post:
    return Post(platform="feed", id="1", url=more.pop("url", "https://paper.example/1"), text=text, **more)


@pytest.mark.parametrize(("schools", "case"), _cases())
def test_a_case_of_the_corpus_has_the_mentions_that_it_states(
    schools: list[Any], case: dict[str, Any]
) -> None:
    register = Register([School(**school) for school in schools])
    more = {key: case[key] for key in ("title", "parent_text", "url") if key in case}
    post = _post(_filled(case["text"]), links=tuple(case.get("links", ())), **more)

    mentions = find_mentions(post, register, case.get("official"))

    found = {mention.school: mention for mention in mentions}
    assert set(found) == {expected["school"] for expected in case["expect"]}, mentions
    for expected in case["expect"]:
        mention = found[expected["school"]]
        assert mention.ambiguous == expected.get("ambiguous", False), mention
        assert expected.get("at_least", 0) <= mention.confidence <= expected.get("at_most", 1), mention
        assert mention.reasons
        if "spans" in expected:
            assert [post.body[span.start : span.end] for span in mention.spans] == expected["spans"]
        if "others" in expected:
            assert list(mention.others) == expected["others"]


def test_the_corpus_holds_at_least_180_cases_both_ways() -> None:
    cases = [case.values[1] for case in _cases()]

    assert len(cases) >= 180
    assert sum(not case["expect"] for case in cases) >= 50
    assert sum(any(one.get("ambiguous") for one in case["expect"]) for case in cases) >= 20


def test_every_case_of_the_corpus_has_a_reason_of_its_own() -> None:
    reasons = [case.id for case in _cases()]

    assert len(set(reasons)) == len(reasons)


HARROWBY = School(
    id="harrowby-green",
    name="Harrowby Green Primary School",
    also=("Harrowby Green", "HGPS", "#HarrowbyGreen", "@harrowbygreen"),
    near=("Harrowby", "Grantham", "NG31"),
    not_=("Harrowby Green Garden Centre",),
    site="https://www.harrowbygreen.example/",
)
GEORGE = School(id="st-georges", name="St George's CofE Primary School", near=("Stamford",))
BRYN = School(id="bryn-celyn", name="Ysgol Gynradd Bryn Celyn", near=("Caernarfon",))
PARK = School(id="park", name="Park Primary School", near=("Boston",))
REGISTER = Register([HARROWBY, GEORGE, BRYN, PARK])

PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "Harrowby Green", "HGPS", "St George’s", "Saint George&#39;s", "Ysgol Bryn Celyn", "Mryn Celyn",
            "Park Primary", "#HarrowbyGreenNow", "@harrowbygreen", "Grantham", "Stamford", "school",
            "H*rrowby Gr**n",
            "Hаrrоwby Gr33n",
            "harrowbygreen.example", "https://x.com/harrowbygreen", "Garden Centre", "in Auckland",
            "&amp;", "\n", "\n\n",
            "ﬁ", "\u200b", "\u0301", "’s", "™", "ß", "\ud800", "*", ".", " ", "School", "Hospital", "CofE",
            "for Girls",
        ]
    ),
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@given(text=TEXTS, title=TEXTS, parent=TEXTS, link=TEXTS, official=st.sampled_from([None, "park", "nobody"]))
@settings(max_examples=400, deadline=None)
def test_any_text_at_all_gives_mentions_and_raises_nothing(
    text: str, title: str, parent: str, link: str, official: str | None
) -> None:
    post = _post(text, title=title, parent_text=parent, links=(link,))

    mentions = find_mentions(post, REGISTER, official)

    for mention in mentions:
        assert 0 < mention.confidence <= 1
        assert mention.reasons
        assert mention.school not in mention.others
    assert mentions == sorted(mentions, key=lambda one: (-one.confidence, one.school))
    assert len({mention.school for mention in mentions}) == len(mentions)


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_span_cuts_out_one_of_the_schools_names(text: str) -> None:
    post = _post(text)

    for mention in find_mentions(post, REGISTER):
        for span in mention.spans:
            written = html.unescape(html.unescape(post.body[span.start : span.end]))
            if "*" in written:
                assert (
                    len(loose(written)) < len(loose(span.name)) == len(strict(written)) + written.count("*")
                )
            else:
                assert loose(written) == loose(span.name)


@given(before=TEXTS, after=TEXTS)
@settings(max_examples=300, deadline=None)
def test_text_added_beyond_an_empty_line_never_loses_a_name_that_only_one_school_has(
    before: str, after: str
) -> None:
    post = _post(f"{before}\n\nSee Harrowby Green Primary School there.\n\n{after}")

    found = {mention.school: mention for mention in find_mentions(post, REGISTER)}

    assert found["harrowby-green"].confidence >= 0.9
    assert not found["harrowby-green"].ambiguous


@given(text=st.text(alphabet=string.printable + "éßﬁ\u200b’&#39;Ⓗа", max_size=60))
@settings(max_examples=300, deadline=None)
def test_each_folded_letter_leads_back_to_the_character_that_it_came_from(text: str) -> None:
    reading = read(text)

    assert len(reading.positions) == len(reading.letters)
    assert reading.positions == sorted(reading.positions)
    for letter, position in zip(reading.letters, reading.positions, strict=True):
        assert letter in loose(reading.text[position])
    assert len(reading.origin) == len(reading.text) + 1
    assert reading.origin[len(reading.text)] == len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "St Mary's ", "st mary's hospital ", "H*rrowby ", "Harrowby Green Garden Centre ", "a.b.c.d.",
        "in Grantham ",
        "@x",
        "#", "harrowbygreen.example.", "&amp;", "St-Mary's-in-", "-harrowbygreen", "\u200b", "school ", "Х",
        "((((",
    ],
)  # fmt: skip
def test_a_text_of_100_000_characters_costs_no_more_than_its_length(piece: str) -> None:
    schools = [
        School(id=f"m{number}", name="St Mary's CofE Primary School", near=(f"Town{number}",))
        for number in range(200)
    ]
    register = Register([*schools, HARROWBY])
    text = piece * (100_000 // len(piece))

    def seconds(part: str) -> float:
        start = time.process_time()
        find_mentions(_post(part), register)
        return time.process_time() - start

    tenth = min(seconds(text[: len(text) // 10]) for _ in range(3))
    whole = min(seconds(text) for _ in range(2))

    assert whole < 30 * tenth + 0.05


def test_two_hundred_schools_of_one_name_are_all_kept_as_others() -> None:
    schools = [
        School(id=f"m{number}", name="St Mary's Primary School", near=(f"Town{number}",))
        for number in range(200)
    ]
    register = Register(schools)

    bare = find_mentions(_post("St Mary's is a joke"), register)
    told = find_mentions(_post("St Mary's in Town7 is a joke"), register)

    assert len(bare) == 200
    assert all(mention.ambiguous and len(mention.others) == 199 for mention in bare)
    assert [(mention.school, mention.ambiguous) for mention in told] == [("m7", False)]


def test_reasons_are_sentences_that_quote_nothing_but_the_configuration() -> None:
    post = _post(
        "Mrs Canary of St George's, Stamford, hit my son", parent_text="H4rrowby Gr33n Primary and Canary"
    )

    mentions = find_mentions(post, REGISTER)

    reasons = [reason for mention in mentions for reason in mention.reasons]
    assert reasons
    assert all(reason.endswith(".") and reason[0].isupper() for reason in reasons)
    assert not any("Canary" in reason or "Gr33n" in reason for reason in reasons)


def test_a_register_without_schools_finds_nothing() -> None:
    assert find_mentions(_post("Harrowby Green"), Register([])) == []


def test_two_schools_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two schools have the same id"):
        Register([PARK, PARK])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("also", ("HG",), '"HG" is too short to be found safely: write at least 3 letters or digits'),
        ("also", ("#!",), '"#!" is too short to be found safely'),
        ("not", ("--",), "too short to be found safely"),
        ("near", ("X",), "write at least 2 letters or digits"),
        ("also", ("x" * 121,), "is too long: write at most 120 characters"),
        ("site", "our website", '"our website" is not the address of a web site'),
        ("site", "https://", "is not the address of a web site"),
        ("name", "...", "too short to be found safely"),
    ],
)
def test_a_school_that_cannot_be_found_is_refused_with_a_plain_message(
    field: str, value: Any, message: str
) -> None:
    given_fields = {"id": "x", "name": "Harrowby Green Primary School", field: value}

    with pytest.raises(ValidationError, match=re.escape(message)):
        School(**given_fields)


@pytest.mark.parametrize(
    "site",
    ["https://www.a.example/", "a.example", "http://a.example:80/index.html", "HTTPS://WWW.A.EXAMPLE/home"],
)
def test_a_site_may_be_written_as_people_write_it(site: str) -> None:
    register = Register([School(id="a", name="Anything Primary School", site=site)])

    assert [mention.school for mention in find_mentions(_post("see https://a.example/x"), register)] == ["a"]


@pytest.mark.parametrize(
    "padding", ["school ", "HGPS ", "Canberra ", "sophomore ", "year 9 ", "St Mary's ", "Harrowby Green "]
)
def test_half_a_megabyte_of_one_word_hides_no_name_and_holds_nobody_up(padding: str) -> None:
    filled = padding * (250_000 // len(padding))
    post = _post(f"{filled}\n\nHarrowby Green Primary School\n\n{filled}")
    started = time.process_time()

    mentions = find_mentions(post, REGISTER)

    assert "harrowby-green" in [mention.school for mention in mentions]
    assert time.process_time() - started < 10


def test_a_mention_tells_what_it_was_found_in() -> None:
    post = _post("Harrowby Green", title="Title")

    mention = find_mentions(post, REGISTER)[0]

    assert isinstance(mention, Mention)
    assert mention.post is post
    assert (mention.spans[0].start, mention.spans[0].end, mention.spans[0].name) == (6, 20, "Harrowby Green")
