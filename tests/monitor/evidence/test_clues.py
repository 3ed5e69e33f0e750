"""Clues: the camera finds the post on its page although nobody here can read its words."""

import json
import secrets
from typing import Any

import pytest
from scenes import TEXT, Scene

from monitor.captures import Kind, Sealed
from monitor.clues import LETTERS, PRIMES, Clue, clue, squeezed, telling
from monitor.evidence.record import post_as_read
from monitor.evidence.sealing import KeyPair, Sealer

SEALER = Sealer([KeyPair.new().public, KeyPair.new().public])


def first(_: int) -> int:
    return 0


def sealed(text: str, title: str = "") -> dict[str, Any]:
    """What an order has instead of words."""
    found = [clue(words, secrets.randbelow) for words in (text, title)]
    found.append(clue(text, secrets.randbelow, at_end=True))
    words = Sealed(
        title=SEALER.seal_words(title),
        text=SEALER.seal_words(text),
        author=None,
        clues=tuple(one for one in found if one is not None),
    )
    return {"text": "", "title": "", "author": None, "sealed": words}


def page(*articles: str) -> str:
    told = "".join(
        f'<article id="c{n}"><h3>Somebody</h3><p>{text}</p></article>' for n, text in enumerate(articles)
    )
    return f"<html><body><h1>A forum</h1>{told}</body></html>"


def test_without_a_letter_there_is_no_clue() -> None:
    assert clue(" \N{GRINNING FACE} !", first) is None


def test_a_clue_is_of_the_first_letters_alone_however_they_are_set() -> None:
    assert clue("Wait, for ME at 3", first) == clue("wait... FOR\nme AT 3", first)
    long = "a" * LETTERS
    assert clue(long, first) == clue(f"{long} and more", first)
    assert clue(long, first) != clue(long[:-1], first)


def test_the_same_words_leave_another_clue_each_time() -> None:
    one, other = clue(TEXT, secrets.randbelow), clue(TEXT, secrets.randbelow)
    assert one is not None
    assert other is not None
    assert set(one.hashes).isdisjoint(other.hashes)


def test_a_clue_is_what_the_search_on_the_page_reckons() -> None:
    assert clue("ab", lambda most: most - 1) == Clue(
        2, (PRIMES[0] - 1, PRIMES[1] - 1), ((-97 + 98) % PRIMES[0], (-97 + 98) % PRIMES[1])
    )


def test_what_is_squeezed_are_letters_and_digits_of_every_script() -> None:
    assert squeezed("Ｗait – Ŵyn’s ẞ, Дом 3\N{SUPERSCRIPT TWO} \N{OLD ITALIC LETTER A}!") == "waitŵynsßдом32𐌀"


@pytest.mark.browser
@pytest.mark.parametrize(
    "text",
    [
        "Mae’r ŷd yn Ysgol Harrowby Green – ‘ﬁne’ STRAẞE Σίσυφος İstanbul 3² at the gate",
        f"𐌀𐌁𐌂 \N{GRINNING FACE} and {'word ' * 40}and more than sixty letters",
    ],
)
def test_a_post_whose_words_are_sealed_is_found_as_if_they_were_not(scene: Scene, text: str) -> None:
    scene.site.pages["/t"] = page("The weather is fine today in Harrowby.", text, "And I say nothing at all.")
    plain = scene.take("/t", text=text)
    found = scene.take("/t", **sealed(text))
    assert found.kind is plain.kind is Kind.ELEMENT_SCREENSHOT
    assert scene.height(found) == scene.height(plain)
    assert found.limits == plain.limits


@pytest.mark.browser
def test_other_words_are_not_taken_for_the_sealed_ones(scene: Scene) -> None:
    scene.site.pages["/t"] = page("The weather is fine today in Harrowby.", TEXT.replace("gate", "door"))
    found = scene.take("/t", **sealed(TEXT))
    assert found.kind is Kind.PAGE_SCREENSHOT
    assert any("were not found on the page" in limit for limit in found.limits)


@pytest.mark.browser
def test_a_post_that_breaks_off_where_a_login_is_asked_for_is_no_capture_of_it(scene: Scene) -> None:
    """Whether a page shows the end of the post is known, too, where nobody can read the post."""
    ask = "You must be logged in to post a comment."
    scene.site.pages["/whole"] = page(f"{TEXT} And so it goes on.", ask)
    scene.site.pages["/torn"] = page(TEXT, ask)
    whole = scene.take("/whole", **sealed(f"{TEXT} And so it goes on."))
    torn = scene.take("/torn", **sealed(f"{TEXT} And so it goes on."))
    assert whole.kind is Kind.ELEMENT_SCREENSHOT
    assert torn.kind is Kind.METADATA_ONLY
    assert any("asks for a login" in limit for limit in torn.limits)


def test_the_words_are_filed_as_they_were_sealed(scene: Scene) -> None:
    words = sealed(TEXT, "A title")
    told = json.loads(post_as_read(scene.order("/t", **words)).content)
    assert (told["text"], told["title"]) == (words["sealed"].text, words["sealed"].title)


def test_a_text_is_told_by_its_first_line_that_is_long_enough_or_its_longest() -> None:
    words = "the gate of Harrowby Green was left open all afternoon and nobody came out to close it"

    assert telling(f"angrydad88 · · link\n\n{words}\nmore of it") == words
    assert telling("short\nand a little longer") == "and a little longer"
    assert telling(words) == words
    assert telling("") == ""
