"""The card: drawn where there is no page, always called what it is, and never drawn of a locked post."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from scenes import AT, make_order

from monitor.captures import Kind, Progress
from monitor.evidence.card import DRAWN, draw, reconstructed
from monitor.evidence.record import Outcome
from monitor.evidence.strip import with_strip

WITHOUT = Outcome(
    kind=Kind.METADATA_ONLY, progress=Progress.LIMITED, captured_at=AT, limits=("The page asks for a login.",)
)


def _size(png: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(png)) as image:
        image.load()
        return image.size


def test_domain_3_2_where_there_is_no_page_a_card_is_drawn_and_called_a_reconstruction() -> None:
    outcome = reconstructed(make_order(), WITHOUT)

    assert outcome.kind is Kind.RENDERED_CARD
    assert outcome.progress is Progress.LIMITED
    assert outcome.limits == ("The page asks for a login.", DRAWN)
    assert [(paper.name, paper.role) for paper in outcome.papers] == [("card.png", "rendered_card")]
    assert "not a screen print" in Kind.RENDERED_CARD.words


def test_the_words_in_large_letters_fill_the_head_of_the_card() -> None:
    with Image.open(BytesIO(draw(make_order(), AT).png)) as image:
        head = image.convert("RGB").crop((0, 0, 1000, 60))

    colours = {colour for _, colour in head.getcolors(100_000) or ()}
    assert {(0x8C, 0x1D, 0x18), (255, 255, 255)} <= colours


def test_the_card_has_a_strip_of_its_own() -> None:
    outcome = with_strip(make_order(), reconstructed(make_order(), WITHOUT))

    assert [paper.name for paper in outcome.papers] == ["card.png", "strip.png"]


def test_domain_3_7_no_card_is_drawn_of_a_locked_post_or_of_one_that_its_page_locked() -> None:
    locked = replace(WITHOUT, locks=True)

    assert reconstructed(make_order(), locked) is locked
    assert reconstructed(make_order(media_lock=True), WITHOUT) is WITHOUT


def test_no_card_is_drawn_without_words() -> None:
    assert reconstructed(make_order(text=" ", title=""), WITHOUT) is WITHOUT


def test_what_came_by_mail_is_filed_as_that_mail() -> None:
    mail = make_order(platform="mailbox", answer="Dear all …")

    assert reconstructed(mail, WITHOUT).kind is Kind.EMAIL_FORWARD


@pytest.mark.parametrize("text", ["校門が開いていた", "बच्चे", "🦖", "Z" + "\u0301" * 500])
def test_letters_that_cannot_be_drawn_are_counted_in_the_limits(text: str) -> None:
    assert "could not be drawn" in draw(make_order(text=text), AT).limits[1]


@pytest.mark.parametrize(
    "text", ["The gate was open.", "мир", "Ελλάδα", "שלום עולם", "مرحبا", "café – “yes”"]
)
def test_letters_that_can_be_drawn_need_no_limit(text: str) -> None:
    assert draw(make_order(text=text), AT).limits == (DRAWN,)


def test_a_long_text_is_cut_on_the_card_and_says_so() -> None:
    drawn = draw(make_order(text="word " * 200_000, title="w" * 10_000, author="a" * 10_000), AT)

    assert "only the beginning of the text" in drawn.limits[1]
    assert _size(drawn.png)[1] < 6_000


def test_hostile_words_are_drawn_within_the_card() -> None:
    hostile = "\u202e\x00\x1b[31m</script>" + "\n" * 3_000 + "w" * 3_000

    assert _size(draw(make_order(text=hostile, author=hostile, url=hostile), AT).png)[1] < 6_000
