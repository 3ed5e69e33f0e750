"""What is kept of a platform's answer: the words as they came, and no way to a picture, film or sound."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.received import LEFT_OUT, LONGEST, as_received, words_as_received

MARK = "Wq7Planted"
ADDRESSES = (
    f"https://x.example/{MARK}.jpg",
    f"HTTPS://X.EXAMPLE/{MARK}.PNG?width=9&name=orig",
    f"http://x.example/a/{MARK}.mp4#t=3",
    f"//x.example/{MARK}.webp",
    f"/uploads/{MARK}_2_690x388.jpeg",
    f"https://pbs.twimg.com/media/{MARK}?format=jpg",
    f"https://cdn.bsky.app/img/feed_thumbnail/plain/did:plc:x/{MARK}@jpeg",
    f"https://i.redd.it/{MARK}",
    f"https://preview.redd.it/{MARK}?s=1",
    f"https://i.ytimg.com/vi/{MARK}/hqdefault.jpg",
    f"https://scontent.xx.fbcdn.net/v/{MARK}",
    f"https://lh3.googleusercontent.com/a/{MARK}",
    f"https:&#x2F;&#x2F;x.example&#x2F;{MARK}.gif",
    f"https://proxy.example/?url=https%3A%2F%2Fx.example%2F{MARK}.avif",
    f"https:\\/\\/x.example\\/{MARK}.heic",
    f"data:image/png;base64,{MARK}",
    f"<img class=x src=/{MARK}>",
    f'<video poster="x"><source src="/{MARK}/1"></video>',
    f"<iframe src='https://player.example/{MARK}'>",
    f"<div style=background:url(/{MARK})>",
    MARK + "A" * 600,
)
MEDIA_KEYS = (
    "thumbnail",
    "thumbnail_url",
    "media_url",
    "preview",
    "images",
    "avatar",
    "profileImageUrl",
    "authorProfileImageUrl",
    "media_attachments",
    "full_picture",
    "icon_img",
    "secure_media",
    "socialimage",
    "avatar_template",
    "video_url",
    "profilePhotoUrl",
)
# Hypothesis tries what it finds written in the code too.
words = st.text(max_size=30).filter(lambda text: MARK not in text)
addresses = st.sampled_from(ADDRESSES)
said = st.tuples(words, st.sampled_from([" ", '"', "\n", "<b>", ">"]), addresses, words).map(
    lambda parts: f"{parts[0]}{parts[1]}{parts[2]} {parts[3]}"
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | addresses | said
items = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | addresses, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(words, items, max_size=5))
def test_domain_3_7_no_address_of_media_survives_wherever_it_stands(item: dict[str, Any]) -> None:
    kept = as_received(item)

    assert MARK not in kept
    json.loads(kept)


@pytest.mark.parametrize("key", MEDIA_KEYS)
@pytest.mark.parametrize("shape", ["text", "list", "object", "deep"])
def test_domain_3_7_under_the_name_of_media_nothing_survives_and_all_is_counted(key: str, shape: str) -> None:
    address = f"https://x.example/{MARK}"
    value = {"text": address, "list": [address], "object": {"url": address}, "deep": [{"a": {"b": address}}]}

    kept = json.loads(as_received({"id": "1", "inside": {key: value[shape]}}))

    assert kept == {"id": "1", "inside": {}, "media_left_out": 1}


@pytest.mark.parametrize("kind", ["image/jpeg", "video/mp4", "audio/ogg"])
@pytest.mark.parametrize("key", ["mimeType", "type", "mime_type"])
def test_a_file_that_says_what_it_is_does_not_survive(key: str, kind: str) -> None:
    file = {key: kind, "ref": {"$link": MARK}, "size": 7}

    assert MARK not in as_received({"record": {"anything": file}})


def test_counts_and_flags_of_media_stay() -> None:
    item = {"has_media": True, "media_count": 3, "media_type": "IMAGE", "sensitive": True, "is_video": False}

    assert json.loads(as_received(item)) == item


def test_the_words_stay_as_they_came() -> None:
    item = {"text": "Is the gate (https://paper.example/gate) open & shut?\nYes/no 50% “…” 🎒", "n": 1.5}

    assert json.loads(as_received(item)) == item


def test_a_link_to_a_picture_goes_and_the_words_round_it_stay() -> None:
    kept = json.loads(as_received({"text": "look https://x.example/a.jpg at this"}))

    assert kept == {"text": f"look {LEFT_OUT} at this", "media_left_out": 1}


def test_the_same_item_is_always_written_the_same() -> None:
    assert as_received({"b": 1, "a": {"d": 2, "c": 3}}) == '{"a":{"c":3,"d":2},"b":1}'
    assert as_received({"a": {"c": 3, "d": 2}, "b": 1}) == '{"a":{"c":3,"d":2},"b":1}'


def test_what_others_wrote_and_who_people_are_beyond_their_names_is_left_out() -> None:
    item = {
        "author": {"name": "Pat", "handle": "pat.example", "description": "my life", "followers": ["x"]},
        "comments": {
            "data": [{"text": "another"}],
            "paging": {"next": "https://g.example?access_token=s3cret"},
        },
        "replies": 3,
    }

    assert json.loads(as_received(item)) == {"author": {"name": "Pat", "handle": "pat.example"}, "replies": 3}


def test_a_key_in_an_address_is_left_out() -> None:
    kept = as_received({"next": "https://g.example/x?a=1&access_token=s3cret&b=2"})

    assert "s3cret" not in kept
    assert "b=2" in kept


def test_an_answer_that_is_too_long_is_a_note() -> None:
    kept = as_received({"text": "é" * LONGEST})

    assert len(kept) < 200
    assert "more than is kept" in json.loads(kept)["note"]
    assert len(words_as_received("é" * LONGEST).encode()) <= LONGEST


def test_nothing_that_a_database_cannot_hold_survives() -> None:
    kept = as_received({"a": "\x00\ud83d", "\udfff": float("nan")})

    kept.encode()
    assert "\x00" not in json.loads(kept)["a"]


@pytest.mark.parametrize(
    "text",
    [
        "/" * 500_000,
        "<" * 500_000,
        "< " * 250_000,
        "." * 500_000,
        "a/." * 200_000,
        "=" * 500_000,
        "a" * 1_000_000,
        "<img " * 100_000,
        "&#x2f;" * 100_000,
        "token" * 100_000,
        "url(" * 100_000,
    ],
)
def test_a_hostile_text_is_looked_at_once(text: str) -> None:
    begun = time.process_time()

    as_received({"text": text})

    assert time.process_time() - begun < 2


def test_nesting_without_end_ends() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}

    assert len(as_received(deep)) < 500
