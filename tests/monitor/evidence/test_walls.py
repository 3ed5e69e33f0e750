"""What stands before a post is told from the post."""

import pytest

from monitor.evidence.messages import Look
from monitor.evidence.walls import passes, refusal, wall

ASKED = "https://forum.example/t/7#c3"


def _look(
    text: str = "", *, title: str = "", words: int = -1, password: bool = False, captcha: bool = False
) -> Look:
    return Look(
        words=words,
        element=False,
        x=0,
        y=0,
        width=1280,
        height=1024,
        covered=False,
        title=title,
        text=text,
        password_asked=password,
        captcha=captcha,
        pictures=0,
    )


@pytest.mark.parametrize(
    ("got", "look", "reason"),
    [
        ("https://forum.example/login?next=/t/7", _look("Welcome"), "login"),
        ("https://social.example/accounts/login/", _look(), "login"),
        (ASKED, _look("Hello", password=True), "login"),
        (ASKED, _look("You must be logged in to view this."), "login"),
        (ASKED, _look("Log in or sign up to continue"), "login"),
        ("https://consent.videos.example/m?continue=x", _look("Before you go on"), "cookies"),
        (ASKED, _look("Before you continue: we use cookies"), "cookies"),
        (ASKED, _look("Checking", captcha=True), "robots"),
        (ASKED, _look(title="Just a moment..."), "robots"),
        ("https://search.example/sorry/index", _look(), "robots"),
        (ASKED, _look("This content isn't available right now"), "not available"),
        (ASKED, _look("This post has been removed by the moderators"), "not available"),
        (ASKED, _look("Page not found"), "not available"),
        (ASKED, _look("Access denied. This site is blocked by your school."), "web filter"),
    ],
)
def test_a_wall_is_named(got: str, look: Look, reason: str) -> None:
    found = wall(ASKED, got, look)

    assert found is not None
    assert reason in found


def test_a_page_with_the_posts_words_is_no_wall_whatever_else_it_says() -> None:
    look = _look("Log in to reply. Accept all cookies. A comment has been removed.", words=0, password=True)

    assert wall(ASKED, "https://forum.example/login", look) is None


def test_an_ordinary_page_without_the_words_is_not_called_a_wall() -> None:
    assert wall(ASKED, ASKED, _look("Minutes of the parish council")) is None


def test_an_address_that_was_asked_for_is_not_what_we_were_led_to() -> None:
    asked = "https://forum.example/login/how-to"

    assert wall(asked, asked, _look("How it works")) is None


@pytest.mark.parametrize(
    ("status", "said", "later"),
    [
        (200, None, False),
        (404, "there is no such page", False),
        (410, "may have gone", False),
        (403, "not logged in", False),
        (451, "not logged in", False),
        (400, "an error (400)", False),
        (429, "an error (429)", True),
        (503, "an error (503)", True),
    ],
)
def test_an_error_is_never_taken_for_the_post(status: int, said: str | None, later: bool) -> None:
    refused = refusal(status)

    assert refused is None if said is None else refused is not None and said in refused
    assert passes(status) is later
