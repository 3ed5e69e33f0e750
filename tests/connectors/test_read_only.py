"""No connector can write: every host, method and scope that connectors ask for, in one list."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from connectors.connector import Refused
from connectors.reddit import _Line
from connectors.registry import PLATFORMS

FILES = sorted((Path(__file__).parents[2] / "connectors").glob("*.py"))
TREES = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
HOSTS = {
    "bluesky": {"bsky.social"},
    "bluesky_stream": {
        "jetstream1.us-east.bsky.network",
        "jetstream1.us-west.bsky.network",
        "jetstream2.us-east.bsky.network",
        "jetstream2.us-west.bsky.network",
    },
    "facebook": {"graph.facebook.com"},
    "gdelt": {"api.gdeltproject.org"},
    "google_reviews": {"mybusiness.googleapis.com", "oauth2.googleapis.com"},
    "hackernews": {"hn.algolia.com"},
    "instagram": {"graph.facebook.com"},
    "reddit": {"oauth.reddit.com"},
    "threads": {"graph.threads.com"},
    "x": {"api.x.com"},
    "youtube": {"www.googleapis.com"},
}
# How often each file asks by POST. Bluesky: createSession, refreshSession. Graph: the age of a token.
LOGINS = {"bluesky": 2, "google_reviews": 1, "graph": 1, "reddit": 1}
# Who makes or sends a request itself: `read`, and what stands in for the client where a login goes as a form.
SENDERS = {"reading", "google_reviews", "reddit", "websocket"}
# Meta and Google have no scope that only reads comments, mentions or reviews.
SCOPES = {
    "business.manage",
    "instagram_basic",
    "instagram_manage_comments",
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_show_list",
    "threads_basic",
    "threads_keyword_search",
    "threads_manage_mentions",
    "threads_read_replies",
}
REDDIT_SCOPES = {"read", "identity", "history", "privatemessages"}
WRITES = {"post", "put", "patch", "delete", "stream", "request", "urlopen"}
LIBRARIES = {"aiohttp", "ftplib", "imaplib", "requests", "smtplib", "telnetlib", "urllib3", "websockets"}
# What of the WebSocket library is used: frames are taken apart, and no more than these are ever made.
FRAMES = {"websockets.exceptions", "websockets.frames", "websockets.protocol", "websockets.utils"}
SAID_ON_A_LINE = {"send_ping", "send_close"}


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id, node


def test_the_hosts_that_are_asked_when_nobody_names_another_are_these() -> None:
    found: dict[str, set[str]] = {}
    for platform in PLATFORMS:
        for name, option in platform.connector.model_fields.items():
            named = [option.default] if name.endswith("_url") else option.default if name == "servers" else []
            hosts = {urlsplit(url).hostname or "" for url in named if isinstance(url, str)}
            if hosts:
                found.setdefault(platform.name, set()).update(hosts)

    assert found == HOSTS


def test_only_these_logins_are_asked_by_post() -> None:
    logins = Counter(
        name
        for name in TREES
        for called, call in calls(name)
        if called == "read" and any(word.arg in {"login", None} for word in call.keywords)
    )

    assert logins == LOGINS


def test_nothing_but_the_shared_reading_makes_or_sends_a_request() -> None:
    senders = {name for name in TREES for called, _ in calls(name) if called in {"build_request", "send"}}

    assert senders == SENDERS


def test_no_connector_calls_what_writes() -> None:
    # A call without an address asks nobody.
    found = {
        (name, ast.unparse(call))
        for name in TREES
        for called, call in calls(name)
        if called in WRITES and (call.args or call.keywords)
    }

    # Reddit's reader makes a Post of a thing, and asks praw for one page.
    makes = {call for name, call in found if name == "reddit" and "sker.post(thing" in call}
    asks = {call for name, call in found if name == "reddit" and ".request(method='GET'" in call}
    assert {call for _, call in found} == makes | asks


def test_reading_itself_knows_two_methods() -> None:
    methods = {
        node.value
        for node in ast.walk(TREES["reading"])
        if isinstance(node, ast.Constant) and node.value in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    }

    assert methods == {"GET", "POST"}


def test_no_connector_brings_another_way_to_the_network() -> None:
    found = {
        (name, alias.name.partition(".")[0])
        for name in TREES
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }

    # A mailbox is read by IMAP; its own tests hold it to EXAMINE and PEEK. A line goes over our client.
    ways = {("mailbox", "imaplib"), ("websocket", "websockets")}
    assert {(name, library) for name, library in found if library in LIBRARIES} <= ways


def test_on_a_line_nothing_is_said_but_pings_and_a_goodbye() -> None:
    modules = {
        node.module
        for node in ast.walk(TREES["websocket"])
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("websockets")
    }
    said = {(name, called) for name in TREES for called, _ in calls(name) if called.startswith("send_")}

    assert modules == FRAMES
    assert said == {("websocket", called) for called in SAID_ON_A_LINE}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post"])
def test_whatever_praw_would_write_is_refused_before_it_leaves(method: str) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise AssertionError("something was sent")

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        line = _Line("read")
        line.begin(http)
        with pytest.raises(Refused, match="we only read"):
            line.request(method, "https://oauth.reddit.com/api/comment", data={}, headers={}, params={})


def test_the_scopes_that_people_are_told_to_give_are_these() -> None:
    said = " ".join(platform.needs for platform in PLATFORMS)

    assert set(re.findall(r"\b(?:pages|instagram|threads)_[a-z_]+|\bbusiness\.[a-z]+", said)) == SCOPES


def test_reddit_is_asked_for_scopes_that_read() -> None:
    words = {
        word
        for node in ast.walk(TREES["reddit"])
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "scope"
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
        for word in part.value.split()
    }

    assert words == REDDIT_SCOPES
