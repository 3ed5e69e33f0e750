"""Whether the words of a post can be seen on a page that holds them, however other things lie over them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

pytestmark = pytest.mark.browser
WORDS = "The gate of Harrowby Green was left open all afternoon"
POST = f"<h1>Harrowby talk</h1><article><b>Garden Gnome</b><p>{WORDS} and more.</p></article>"
SPACE = "<div style='height:2000px'></div>"
_FIND_POST = Path(__file__).parents[3] / "monitor" / "evidence" / "find_post.js"


def _over(style: str, words: str = "Accept cookies", tag: str = "div") -> str:
    return f"<{tag} style='position:fixed;{style}'>{words}</{tag}>"


HIDDEN = {
    "a sheet": POST + _over("inset:0;background:#fff"),
    "a card": f"<div style='height:450px'></div><p style='width:300px;margin:auto'>{WORDS}</p>"
    + _over("top:20%;left:20%;width:60%;height:60%;background:#fff"),
    "a frame": POST + _over("inset:0;width:100%;height:100%", "", "iframe"),
    "blurred": f"<div style='filter:blur(6px)'>{POST}</div>",
    "blurred from above": POST + _over("inset:0;backdrop-filter:blur(9px)"),
    "faint": f"<div style='opacity:.05'>{POST}</div>",
    "without a colour": f"<p style='color:transparent;text-shadow:0 0 9px #000'>{WORDS}</p>",
    "cut off": f"<div style='height:20px;overflow:clip'><p style='height:300px'>x</p><p>{WORDS}</p></div>",
    "a dialogue": f"{POST}<dialog id=d style='width:100vw;height:100vh;max-width:none;max-height:none'>"
    "Cookies?</dialog><script>d.showModal()</script>",
    "a sheet in a shadow": f"{POST}<div id=h></div><script>h.attachShadow({{mode: 'open'}}).innerHTML = "
    "'<div style=\"position:fixed;inset:0;background:white\">Accept</div>'</script>",
}
SEEN = {
    "alone": POST,
    "a veil": POST + _over("inset:0;background:rgba(0,0,0,.5)"),
    "a veil with a card beside": POST
    + _over("inset:0;background:#0008", "<p style='margin:40% 30%;background:#fff'>Log in</p>"),
    "a bar below": POST + _over("bottom:0;left:0;right:0;background:#fff"),
    "a large bar, and room to move": SPACE
    + POST.replace("<p>", "<p style='height:300px'>")
    + SPACE
    + _over("bottom:0;left:0;right:0;height:60%;background:#fff"),
    "a small dialogue": f"{POST}<dialog id=d>Cookies?</dialog><script>d.showModal()</script>",
    "a page that cannot be touched": f"<div style='pointer-events:none'>{POST}</div>",
    "a link over all of it": f"<div style='position:relative'><p>{WORDS}</p>"
    "<a href=/x style='position:absolute;inset:0'></a></div>",
    "a page in a box": f"<div style='position:fixed;inset:0;background:#eee;overflow:auto'>{POST}</div>",
    "a very tall post": f"<article><p>{WORDS}</p><div style='height:60000px'></div></article>",
    "words alone": WORDS,
}


@pytest.fixture(scope="module")
def window(browser: Path) -> Iterator[Page]:
    """A window of the camera's size."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, chromium_sandbox=False)
        yield started.new_page(viewport={"width": 1280, "height": 1024})
        started.close()


def _look(window: Page, page: str) -> dict[str, Any]:
    window.set_content(f"<!doctype html>{page}")
    found: dict[str, Any] = window.evaluate(_FIND_POST.read_text(), [WORDS])
    assert found["words"] == 0
    return found


@pytest.mark.parametrize("how", HIDDEN)
def test_words_that_no_picture_would_show_are_hidden(window: Page, how: str) -> None:
    assert _look(window, HIDDEN[how])["hidden"]


@pytest.mark.parametrize("how", SEEN)
def test_words_that_can_be_read_are_seen(window: Page, how: str) -> None:
    assert not _look(window, SEEN[how])["hidden"]


def test_what_lies_over_the_middle_of_the_window_is_read(window: Page) -> None:
    sheet = _over("inset:0;background:#0008", "<h2>Log in to see more</h2>")

    assert _look(window, POST + sheet)["front"] == "Log in to see more"
    assert _look(window, SEEN["a page in a box"])["front"] == ""
