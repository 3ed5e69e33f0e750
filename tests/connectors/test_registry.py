"""The contract of every connector, over the registry."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, State
from connectors.registry import PLATFORMS, Platform, Source

SOURCES: TypeAdapter[Any] = TypeAdapter(Source)
NAMES = [platform.name for platform in PLATFORMS]
SERVER = "https://e.example:8443"
DATA = Path(__file__).parent / "data"
NEEDED: dict[str, dict[str, Any]] = {
    "discourse": {"base_url": SERVER, "latest": True},
    "lemmy": {"base_url": SERVER, "latest": True},
    "gdelt": {"base_url": SERVER, "search": ["Harrowby Green"]},
    "google_reviews": {
        "base_url": SERVER,
        "login_url": f"{SERVER}/token",
        "location": "accounts/12/locations/34",
        "url": "https://maps.example/harrowby-green",
        "client_id": "*" * 10,
        "client_secret": "*" * 10,
        "refresh_token": "*" * 10,
        "official": "harrowby-green",
    },
    "facebook": {"base_url": SERVER, "page": "HarrowbyGreen", "token": "*" * 10},
    "instagram": {"base_url": SERVER, "account": "17841", "token": "*" * 10, "hashtags": ["harrowbygreen"]},
    "threads": {"base_url": SERVER, "token": "*" * 10, "search": ["Harrowby Green"]},
    "x": {"base_url": SERVER, "token": "*" * 10, "cap": 25, "search": ["Harrowby Green"]},
    "reddit": {
        "base_url": SERVER,
        "client_id": "app-id",
        "client_secret": "*" * 10,
        "comments_in": ["grantham"],
    },
    "youtube": {"base_url": SERVER, "api_key": "*" * 10, "videos": ["gatevideo01"]},
    "hackernews": {"base_url": SERVER, "search": ["Harrowby Green"]},
    "mailbox": {"server": "e.example", "port": 8443, "user": "alerts", "password": "*" * 10},
    "csv": {"path": DATA / "export.csv", "columns": {"id": "Post ID", "text": "Message", "author": "User"}},
    "feed": {"url": f"{SERVER}/x"},
    "webpage": {"url": f"{SERVER}/x"},
    # A secret that is written down is masked, so only the mask itself comes back as it was.
    "bluesky": {"base_url": SERVER, "handle": "e.example", "app_password": "*" * 10, "search": ["Harrowby"]},
    "bluesky_stream": {"servers": ["wss://e.example:8443"]},
    "mastodon": {"base_url": SERVER, "tags": ["HarrowbyGreen"]},
}
CONTENT = {
    "discourse": "discourse.json",
    "lemmy": "lemmy.json",
    "gdelt": "gdelt.json",
    "google_reviews": "google_reviews.json",
    "facebook": "facebook.json",
    "instagram": "instagram.json",
    "threads": "threads.json",
    "x": "x.json",
    "reddit": "reddit.json",
    "youtube": "youtube.json",
    "hackernews": "hackernews.json",
    "csv": "export.csv",
    "feed": "local_paper.rss",
    "webpage": "forum.html",
    "bluesky": "bluesky.json",
    "mastodon": "mastodon_tag.json",
}
SITES = {"feed", "webpage"}
FILES = {"csv"}
WITHOUT_ANSWERS = SITES | FILES
# What comes over another line than HTTP is held to the same in its own tests.
OVER_HTTP = [name for name in NAMES if name not in {"mailbox", "bluesky_stream"}]
LOGINS = {
    "/xrpc/com.atproto.server.createSession",
    "/api/v1/access_token",
    "/v26.0/debug_token",
    "/v1.0/debug_token",
    "/token",
}


def made(platform: str, **more: Any) -> Any:
    return SOURCES.validate_python({"name": "A source", "platform": platform} | NEEDED[platform] | more)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def fetched(source: Connector, http: httpx.Client) -> Batch | Unavailable | Refused:
    try:
        return source.fetch(http, None)
    except (Unavailable, Refused) as error:
        return error


def test_the_union_and_the_facts_name_the_same_platforms() -> None:
    connectors = get_args(get_args(Source)[0])

    assert {platform.connector for platform in PLATFORMS} == set(connectors)
    for platform in PLATFORMS:
        assert get_args(platform.connector.model_fields["platform"].annotation) == (platform.name,)


@pytest.mark.parametrize("platform", PLATFORMS, ids=NAMES)
def test_every_fact_is_said_in_whole_sentences_or_names(platform: Platform) -> None:
    for words in (platform.title, platform.reads, platform.needs, platform.limits):
        assert words.strip()
    assert platform.reads.endswith(".")


@pytest.mark.parametrize("platform", PLATFORMS, ids=NAMES)
def test_every_option_of_every_connector_is_described(platform: Platform) -> None:
    for name, option in platform.connector.model_fields.items():
        assert option.description or option.annotation == Literal[platform.name], name


@pytest.mark.parametrize("name", NAMES)
def test_making_one_opens_nothing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr("subprocess.Popen", refuse)
    monkeypatch.chdir(tmp_path)

    source = made(name)

    assert source.host == ("this server" if name in FILES else "e.example:8443")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_source_cannot_be_changed_and_knows_no_other_option(name: str) -> None:
    source = made(name)

    with pytest.raises(ValidationError):
        source.name = "Another"
    with pytest.raises(ValidationError):
        made(name, colour="red")


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_the_same_after_it_was_written_down(name: str) -> None:
    source = made(name)

    assert SOURCES.validate_python(source.model_dump(mode="json")) == source


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize(
    "status", [200, 204, 302, 304, 400, 401, 403, 404, 410, 429, 451, 500, 503, 511, 599]
)
@pytest.mark.parametrize("body", [b"", b"<html><p>hello</p></html>", b"\x00\xff", b"{"])
def test_every_answer_is_a_batch_or_one_of_the_two_errors(name: str, status: int, body: bytes) -> None:
    with answering(lambda _: httpx.Response(status, content=body)) as http:
        outcome = fetched(made(name), http)

    if not isinstance(outcome, Batch):
        assert outcome.state is not State.OK
        assert str(outcome) == outcome.reason != ""


@pytest.mark.parametrize("name", [name for name in OVER_HTTP if name not in FILES])
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.UnsupportedProtocol("x"),
    ],
)
def test_every_failure_on_the_way_is_one_of_the_two_errors(name: str, error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with answering(fail) as http, pytest.raises((Unavailable, Refused)):
        made(name).fetch(http, None)


@pytest.mark.parametrize("name", OVER_HTTP)
def test_any_cursor_and_any_bytes_raise_nothing_else(name: str) -> None:
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text(), st.binary(max_size=200))
    def fetch(cursor: str, body: bytes) -> None:
        with answering(lambda _: httpx.Response(200, content=body)) as http:
            try:
                batch = made(name).fetch(http, cursor)
            except (Unavailable, Refused):
                return
        assert batch.state in State

    fetch()


@pytest.mark.parametrize("name", OVER_HTTP)
def test_two_fetches_of_the_same_content_give_the_same_posts_with_aware_times(name: str, data: Path) -> None:
    body = (data / CONTENT[name]).read_bytes()

    with answering(lambda _: httpx.Response(200, content=body)) as http:
        first, second = made(name).fetch(http, None), made(name).fetch(http, None)

    assert first.posts == second.posts != ()
    for post in first.posts:
        assert post.platform == name
        assert post.id.startswith("e.example:8443 " if name in SITES else "")
        assert post.url.startswith(("csv:",) if name in FILES else ("http://", "https://"))
        assert all(moment is None or moment.tzinfo for moment in (post.posted_at, post.edited_at))


@pytest.mark.parametrize("name", OVER_HTTP)
def test_a_post_of_an_api_brings_its_part_of_the_answer_and_no_other_does(name: str, data: Path) -> None:
    body = (data / CONTENT[name]).read_bytes()

    with answering(lambda _: httpx.Response(200, content=body)) as http:
        posts = made(name).fetch(http, None).posts

    for post in posts:
        assert bool(post.answer) == (name not in WITHOUT_ANSWERS)
        if post.answer:
            answer = json.loads(post.answer)
            assert isinstance(answer, dict)
            assert len(answer) > 1
            assert not re.search(r"\.(?:jpe?g|png|gif|webp|mp4)|access_token", post.answer)


def test_only_reading_asks_and_only_with_get_but_for_signing_in(data: Path) -> None:
    asked: list[httpx.Request] = []

    for name in OVER_HTTP:

        def answer(
            request: httpx.Request, body: bytes = (data / CONTENT[name]).read_bytes()
        ) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, content=body)

        with answering(answer) as http:
            made(name).fetch(http, None)

    others = [request for request in asked if request.method != "GET" or request.content]
    assert {request.url.host for request in asked} == {"e.example"}
    assert {(request.method, request.url.path) for request in others} <= {("POST", path) for path in LOGINS}
