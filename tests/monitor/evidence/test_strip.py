"""The strip beside a screen print: what it says, and that hostile addresses stay within it, seen."""

import hashlib
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from scenes import AT

from monitor.captures import Kind
from monitor.evidence import lettering
from monitor.evidence.lettering import address, visible
from monitor.evidence.strip import strip, times


def _png(width: int, colour: str = "white") -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, 50), colour).save(file, "PNG")
    return file.getvalue()


def _strip(picture: bytes | None = None, **changes: Any) -> Image.Image:
    ordinary = {"kind": Kind.ELEMENT_SCREENSHOT, "url": "https://x.example/7", "at": AT, "capture": "01K0"}
    return Image.open(BytesIO(strip(picture or _png(1280), **(ordinary | changes))))


@pytest.mark.parametrize(("print_width", "width"), [(1280, 1280), (900, 900), (40, 560), (9000, 2560)])
def test_domain_3_2_the_strip_is_as_wide_as_the_print_as_far_as_it_can_be_read(
    print_width: int, width: int
) -> None:
    assert _strip(_png(print_width)).width == width


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://x.example/8"},
        {"at": datetime.fromisoformat("2026-07-14T18:05:10+00:00")},
        {"capture": "01K1"},
        {"kind": Kind.PAGE_SCREENSHOT},
        {"picture": _png(1280, "black")},
        {"led_to": "https://y.example/"},
    ],
)
def test_lei_9_2_another_address_time_capture_kind_or_picture_is_another_strip(other: dict[str, Any]) -> None:
    one, another = _strip(), _strip(**other)

    assert one.size != another.size or ImageChops.difference(one, another).getbbox() is not None


def test_the_same_is_drawn_the_same() -> None:
    assert hashlib.sha256(_strip().tobytes()).digest() == hashlib.sha256(_strip().tobytes()).digest()


def test_lei_9_2_times_are_in_utc_and_local_with_the_offset() -> None:
    assert times(AT) == "2026-07-14 18:05:09 UTC; in London Tuesday 14 July 2026, 19:05:09 BST (+01:00)"


def test_what_nobody_could_see_in_an_address_is_written_out() -> None:
    assert (
        address("https://x.example/\u202e\x07é а")
        == "https://x.example/\\u{202e}\\u{7}\\u{e9}\\u{20}\\u{430}"
    )


def test_an_endless_address_is_cut_and_says_by_how_much() -> None:
    assert address("https://x.example/" + "a" * 5000).endswith(
        "… and 3,018 more characters, which record.json has"
    )
    assert _strip(url="https://x.example/" + "\u202e" * 5000).height < 600


def test_words_keep_their_letters_and_lose_no_hidden_sign_unseen() -> None:
    assert visible("café\n校長 \u200bx\u202e👩‍👧") == "café\n校長 \\u{200b}x\\u{202e}👩‍👧"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.integers(40, 600))
def test_no_line_is_wider_than_its_room_and_no_letter_is_lost(text: str, width: int) -> None:
    face = lettering.font("Sans", 15)
    shown, _ = lettering.drawable(visible(text, 1000))

    lines = list(lettering.wrapped(shown, face, width))

    assert all(face.getlength(line) <= width or len(line) <= 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(shown.split())
