"""Recorded answers of each platform, and where a connector meets each: which source asks, at which address.

A recording that no connector can meet is given with the reason instead. Nothing recorded is copied here.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from pydantic import TypeAdapter

from connectors.connector import Connector
from connectors.registry import Source

SECRET = "not-for-any-log"
OURS = "harrowby-green"
_OF_PAGES = ("cursor", "after", "before", "pageToken", "next_token", "pagination_token", "max_id", "min_id")
_WRITES = "it writes, which no connector does"
_NEVER_ASKED = "no connector asks this"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A source and what it is told at each path, which may end in `?` and the name of a page.

    `once` is told the first time in place of that; `further`, where another page is asked for; `otherwise`,
    everywhere else; `earlier`, at the reading before.
    """

    source: Connector
    answers: Mapping[str, Said]
    further: Said = Said()
    otherwise: Said = Said()
    once: Mapping[str, Said] = field(default_factory=dict)
    earlier: Mapping[str, Said] | None = None

    def said(self, address: str, answers: Mapping[str, Said]) -> Said:
        """What is answered at an address."""
        path, asked = urlsplit(address).path, dict(parse_qsl(urlsplit(address).query))
        page = next((asked[name] for name in _OF_PAGES if name in asked), "")
        page = page or (asked["page"] if asked.get("page", "0") not in {"0", "1"} else "")
        if not page:
            return answers.get(path, self.otherwise)
        return answers.get(f"{path}?{page}", self.further)


@dataclass(frozen=True, slots=True)
class Heard:
    """Events that a stream tells."""

    events: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """One question that was recorded with its answer."""

    method: str
    uri: str
    said: Said

    @property
    def path(self) -> str:
        """The path that was asked."""
        return urlsplit(self.uri).path

    @cached_property
    def content(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.said.body)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.said.status}"


@dataclass(frozen=True)
class Recording:
    """One recorded file; `at` is where the server is that repeats it."""

    folder: Path
    name: str
    situation: str
    at: str = ""

    @cached_property
    def body(self) -> bytes:
        """All of the file."""
        return (self.folder / self.name).read_bytes()

    @cached_property
    def content(self) -> Any:
        """The file as JSON."""
        return json.loads(self.body)

    @property
    def stem(self) -> str:
        """The name without its folders and its ending."""
        return Path(self.name).stem

    def source(self, **options: Any) -> Connector:
        """A source of this platform that asks the server that repeats."""
        given = {"name": "S", "platform": self.folder.name, "base_url": self.at, **options}
        return TypeAdapter[Connector](Source).validate_python(given)

    @cached_property
    def calls(self) -> list[Call]:
        """The questions and answers of a cassette."""
        read = yaml.safe_load(self.body) if self.name.endswith(".yaml") else self.content
        return [_call(each["request"], each["response"]) for each in read["interactions"]]


def recordings(folder: Path, at: str = "") -> list[Recording]:
    """Every file of a platform, the ones that its index does not name too."""
    told = json.loads((folder / "INDEX.json").read_text(encoding="utf-8"))
    situations = {each["file"]: each["situation"] for each in told}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    names = (found | situations.keys()) - {"INDEX.json", "PROVENANCE.md"}
    return [Recording(folder, name, situations.get(name, "not in the index"), at) for name in sorted(names)]


def scenes(recording: Recording) -> Iterator[tuple[str, Scene | Heard | str]]:
    """Each answer of a recording: what it is, and where it is met or heard, or why nowhere."""
    return _SCENES[recording.folder.name](recording)


def _call(request: Mapping[str, Any], response: Mapping[str, Any]) -> Call:
    """One question and answer, in any of the three forms in which they are recorded."""
    body, status = response["body"], response["status"]
    if isinstance(body, dict) and "base64_string" in body:
        content = base64.b64decode(body["base64_string"])
    else:
        content = _bytes(body["string"] if isinstance(body, dict) and "string" in body else body)
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    headers = {
        name.lower(): value[0] if isinstance(value, list) else str(value)
        for name, value in response["headers"].items()
    }
    kept = {name: value for name, value in headers.items() if name in _KEPT or name.startswith("x-rate")}
    if "location" in kept:
        # No question may leave this machine.
        kept["location"] = urlsplit(kept["location"]).path
    code = status["code"] if isinstance(status, dict) else status
    return Call(request["method"], request["uri"], Said(content, code, kept))


_KEPT = frozenset(["content-type", "link", "www-authenticate", "retry-after", "location"])


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _bytes(given: object) -> bytes:
    if isinstance(given, bytes):
        return given
    return given.encode() if isinstance(given, str) else _json(given)


def _told(content: object) -> Said:
    return Said(_json(content))


# --- The platforms ------------------------------------------------------------------------------------------


def _bluesky(recording: Recording) -> Iterator[tuple[str, Scene | Heard | str]]:
    kind = recording.name.partition("/")[0]
    if kind == "localnet":
        yield from _bluesky_calls(recording)
    elif kind == "interop":
        yield "as posts that a search finds", _bluesky_found(recording, _bluesky_lines(recording))
    elif kind == "jetstream":
        yield "as a stream", Heard(tuple(recording.content["frames"]))
    elif recording.stem == "thread_view_post_with_embed_media":
        ours = _bluesky_view(f"at://{_PAT}/app.bsky.feed.post/ours")
        thread = {"post": ours, "replies": [recording.content["thread"]]}
        yield "as an answer to a post", _bluesky_own(recording, {_THREAD: _told({"thread": thread})}, ours)
    elif recording.stem == "post_record":
        said = recording.content
        post = _bluesky_view(said["uri"]) | {"cid": said["cid"], "record": said["value"]}
        yield "as a post that a search finds", _bluesky_found(recording, [post])
    else:
        yield "as it is", "a schema, no answer" if kind == "lexicons" else _NEVER_ASKED


_XRPC = "/xrpc/"
_SEARCH, _NOTIFICATIONS, _THREAD, _FEED, _LOGIN, _REFRESH = (
    f"{_XRPC}{method}"
    for method in (
        "app.bsky.feed.searchPosts",
        "app.bsky.notification.listNotifications",
        "app.bsky.feed.getPostThread",
        "app.bsky.feed.getAuthorFeed",
        "com.atproto.server.createSession",
        "com.atproto.server.refreshSession",
    )
)
_PAT, _SCHOOL = "did:plc:pat", "did:plc:harrowbygreen"
_HANDLE = {"handle": "harrowbygreen.example", "app_password": SECRET}


def _bluesky_session(did: str = _SCHOOL) -> dict[str, Said]:
    session = _told({"accessJwt": "a", "refreshJwt": "b", "did": did, "active": True})
    return {_LOGIN: session, _REFRESH: session}


def _bluesky_view(uri: str) -> dict[str, Any]:
    record = {"$type": "app.bsky.feed.post", "text": "Invented", "createdAt": "2026-11-20T08:00:00Z"}
    author = {"did": _PAT, "handle": "pat.example"}
    return {"uri": uri, "cid": "bafy", "author": author, "record": record, "indexedAt": record["createdAt"]}


def _bluesky_lines(recording: Recording) -> Iterator[dict[str, Any]]:
    lines = [line for line in recording.content["source_lines"] if line and not line.startswith("#")]
    for number, line in enumerate(lines[:99]):
        post = _bluesky_view(f"at://{_PAT}/app.bsky.feed.post/{number}")
        if recording.stem.startswith("datetime"):
            post["record"]["createdAt"] = line
        elif recording.stem.startswith("handle"):
            post["author"]["handle"] = line
        else:
            post["uri"] = line
        yield post


def _bluesky_found(recording: Recording, posts: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> Scene:
    answers = _bluesky_session() | {_SEARCH: _told({"posts": list(posts)})}
    return Scene(source=recording.source(search=["harrowby"], **_HANDLE), answers=answers)


def _bluesky_own(recording: Recording, answers: Mapping[str, Said], root: Mapping[str, Any]) -> Scene:
    """The school's own account, where `root` is a post of its own that was answered."""
    feed = _told({"feed": [{"post": {**root, "replyCount": 1}}]})
    empty = {_NOTIFICATIONS: _told({"notifications": []})}
    given = {**_bluesky_session(root["author"]["did"]), **empty, _FEED: feed, **answers}
    return Scene(source=recording.source(official=OURS, **_HANDLE), answers=given)


def _bluesky_calls(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    if "pages" in recording.name:
        pages = {_page(call): call.said for call in recording.calls}
        path = recording.calls[0].path
        if path == _SEARCH:
            source = recording.source(search=["hey"], **_HANDLE)
            scene = Scene(source=source, answers=_bluesky_session() | pages)
        else:
            scene = _bluesky_own(recording, {_FEED: _told({"feed": []}), **pages}, _bluesky_view(""))
        yield f"GET {path} page by page", scene
        return
    for call in recording.calls:
        yield str(call), _bluesky_call(recording, call)


def _page(call: Call) -> str:
    cursor = dict(parse_qsl(urlsplit(call.uri).query)).get("cursor")
    return f"{call.path}?{cursor}" if cursor else call.path


def _bluesky_call(recording: Recording, call: Call) -> Scene:
    if call.path == _THREAD:
        return _bluesky_own(recording, {_THREAD: call.said}, call.content["thread"]["post"])
    answers = _bluesky_session() | {_SEARCH: _told({"posts": []}), call.path: call.said}
    # A session that has ended is renewed first.
    once = {_SEARCH: Said(_json({"error": "ExpiredToken"}), 400)} if call.path == _REFRESH else {}
    if call.path == _NOTIFICATIONS:
        return _bluesky_own(recording, {_FEED: _told({"feed": []}), call.path: call.said}, _bluesky_view(""))
    return Scene(source=recording.source(search=["hey"], **_HANDLE), answers=answers, once=once)


def _mastodon(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    written = [call.content for call in recording.calls if call.method == "POST" and call.said.status == 200]
    for call in recording.calls:
        is_met = call.method == "GET" or call.said.status != 200
        yield str(call), _mastodon_call(recording, call, written) if is_met else _WRITES


def _mastodon_call(recording: Recording, call: Call, written: list[Any]) -> Scene | str:
    path, api = call.path.rstrip("/"), "/api/v1"
    tag = f"{api}/timelines/tag/HarrowbyGreen"
    options: dict[str, Any] = {"tags": ["HarrowbyGreen"]}
    answers, earlier = {tag: _told([])}, None
    own = {
        f"{api}/accounts/verify_credentials": _told({"id": "70"}),
        f"{api}/accounts/70/statuses": _told([]),
        f"{api}/notifications": _told([]),
    }
    match path.removeprefix("/api/").split("/"):
        case _ if call.method != "GET":
            # The error to a question that is never put, in place of a list.
            answers = {tag: call.said}
        case ["v1", "timelines", "tag", name]:
            options, answers = {"tags": [name]}, {path: call.said}
        case ["v1", "timelines", "public"]:
            options, answers = {"timeline": "local"}, {path: call.said}
        case ["v1", "timelines", *_]:
            # Lists of the same kind, and the errors that any list may end in.
            answers = {tag: call.said}
        case ["v2", "search"]:
            options, answers = {"search": ["harrowby"], "token": SECRET}, {path: call.said}
        case ["v2", "instance"]:
            answers |= {path: call.said}
        case ["v1", "notifications"] | ["v1", "accounts", "verify_credentials"]:
            me = {f"{api}/accounts/{call.content['id']}/statuses": _told([])} if "accounts" in path else {}
            options, answers = {"official": OURS, "token": SECRET}, own | me | {path: call.said}
        case ["v1", "accounts", name, "statuses"]:
            me = {f"{api}/accounts/verify_credentials": _told({"id": name})}
            options, answers = {"official": OURS, "token": SECRET}, own | me | {path: call.said}
        case ["v1", "statuses", name, "context"]:
            root = {"id": name, "replies_count": 1, "visibility": "public", "account": {"id": "70"}}
            options = {"official": OURS, "token": SECRET}
            answers = own | {f"{api}/accounts/70/statuses": _told([root]), path: call.said}
        case ["v1", "statuses", name] if call.said.status == 200:
            before = [post for post in written if post["id"] == name]
            answers, earlier = {tag: _told([call.content])}, {tag: _told(before[:1])} if before else None
        case ["v1", "statuses", name]:
            # It was listed before, is no longer, and is asked after.
            post = {"id": name, "uri": f"https://pond.example/{name}", "visibility": "public"}
            answers, earlier = answers | {path: call.said}, {tag: _told([post])}
        case _:
            return _NEVER_ASKED
    source = recording.source(**options)
    return Scene(source=source, answers=answers, further=_told([]), earlier=earlier)


def _reddit(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    for number, call in enumerate(recording.calls):
        is_error = call.said.status != 200 or b'"errors": [[' in call.said.body
        if "/duplicates/" in call.path:
            yield str(call), _NEVER_ASKED
        elif call.method != "GET" and call.path != _TOKEN and not is_error:
            yield str(call), _WRITES
        elif call.said.status == 401 and recording.calls[number + 1 :]:
            scene, after = _reddit_call(recording, call), recording.calls[-1].said
            answers = {**scene.answers, _COMMENTS: after}
            yield str(call), replace(scene, once={_COMMENTS: call.said}, answers=answers)
        else:
            yield str(call), _reddit_call(recording, call)


_TOKEN = "/api/v1/access_token"
_COMMENTS = "/r/grantham/comments"
_MINE = "/user/HarrowbyGreen/submitted"
_APP = {"client_id": "app-id", "client_secret": SECRET}


def _reddit_listing(*things: object) -> Said:
    return _told({"kind": "Listing", "data": {"children": list(things), "after": None, "before": None}})


def _reddit_call(recording: Recording, call: Call) -> Scene:
    token = _told({"access_token": "t", "expires_in": 3600, "scope": "read", "token_type": "bearer"})
    answers: dict[str, Said] = {_TOKEN: token, _COMMENTS: _reddit_listing()}
    own = {f"/message/{part}": _reddit_listing() for part in ("mentions", "comments", "selfreply")}
    own |= {"/api/v1/me": _told({"name": "HarrowbyGreen"}), _MINE: _reddit_listing()}
    asked = dict(parse_qsl(urlsplit(call.uri).query))
    options: dict[str, Any] = {"comments_in": ["grantham"]}
    match call.path.strip("/").split("/"):
        case ["api", "v1", "access_token"]:
            answers |= {_TOKEN: call.said}
        case ["r", "all", "search"]:
            options, answers = {"search": ["harrowby"]}, answers | {"/r/all/search": call.said}
        case ["api", "info"] if "url" in asked:
            page = "https://harrowbygreen.example/news"
            options, answers = {"links_to": [page]}, answers | {"/api/info": call.said}
        case ["message", "mentions" | "comments" as part]:
            options = {"official": OURS, "refresh_token": SECRET}
            answers |= own | {f"/message/{part}": call.said}
        case ["comments", *_] if call.said.status == 200:
            mine = {
                "kind": "t3",
                "data": {"name": "t3_s1", "id": "s1", "author": "HarrowbyGreen", "num_comments": 9},
            }
            options = {"official": OURS, "refresh_token": SECRET}
            answers |= own | {_MINE: _reddit_listing(mine), "/comments/s1": call.said}
        case _:
            # Lists of the same kind, and the errors that any list may end in.
            answers |= {_COMMENTS: call.said}
    source = recording.source(**_APP, **options)
    missing = Said(_json({"message": "Not Found", "error": 404}), 404)
    return Scene(source=source, answers=answers, further=_reddit_listing(), otherwise=missing)


def _x(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    if recording.name.startswith("docs-examples/"):
        at = "mentions" if "mentions" in recording.name else "search/recent"
        content = recording.content
        if isinstance(content.get("data"), dict):
            content = content | {"data": [content["data"]]}
        yield f"as {at}", _x_scene(recording, f"/2/{at}", _told(content))
        return
    for call in recording.calls:
        if call.method != "GET":
            yield str(call), _WRITES
        elif "/1.1/" in call.uri:
            yield str(call), "of API 1.1, which no connector asks"
        elif "/counts/" in call.uri or "/compliance/" in call.uri:
            yield str(call), _NEVER_ASKED
        else:
            yield str(call), _x_scene(recording, call.path, call.said)


def _x_scene(recording: Recording, path: str, said: Said) -> Scene:
    options: dict[str, Any] = {"search": ["Harrowby Green"]}
    answers = {"/2/tweets/search/recent": said}
    if "mentions" in path or "username" in path:
        options = {"official": OURS, "account": "@HarrowbyGreen"}
        who, mentions = "/2/users/by/username/harrowbygreen", "/2/users/70/mentions"
        user, empty = _told({"data": {"id": "70"}}), _told({"meta": {"result_count": 0}})
        answers = {who: user, mentions: said} if "mentions" in path else {who: said}
        return Scene(
            source=recording.source(token=SECRET, cap=1_000, **options),
            answers=answers,
            further=empty,
            otherwise=empty,
        )
    source = recording.source(token=SECRET, cap=1_000, **options)
    return Scene(source=source, answers=answers, further=_told({"meta": {"result_count": 0}}))


def _facebook(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    if "events" in recording.name:
        yield "as it is", _NEVER_ASKED
        return
    page = {"id": "7001", "from": {"id": "7001"}}
    listed = {"data": [{**page, "id": "7001_1", "comments": {"summary": {"total_count": 9}}}]}
    at = "/v26.0/harrowby"
    answers = {at: _told(page), f"{at}/feed": _told(listed), "/v26.0/7001_1/comments": _told({"data": []})}
    is_list, empty = "data" in recording.content, _told({"data": []})
    line = Said(recording.body) if is_list else _told({"data": [recording.content]})
    if "error" in recording.content:
        place, answers, empty = "every list", {}, Said(recording.body, 400)
    elif recording.stem == "token_info":
        place, answers = "debug_token", answers | {"/v26.0/debug_token": Said(recording.body)}
    elif "comment" in recording.stem:
        place, answers = "comments", answers | {"/v26.0/7001_1/comments": line}
    else:
        place, answers = "feed", answers | {f"{at}/feed": line}
    source = recording.source(page="harrowby", token=SECRET, official=OURS)
    yield f"as {place}", Scene(source=source, answers=answers, further=empty, otherwise=empty)


def _instagram(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    if recording.stem == "mentioned_comment":
        yield "as it is", "Meta names such a comment only in a push to a public address"
        return
    at, empty = "/v26.0/17841", _told({"data": []})
    content = recording.content
    body = Said(recording.body) if "data" in content else _told({"data": [content]})
    media = _told({"data": [{"id": "5", "comments_count": 1, "permalink": "https://www.instagram.com/p/5/"}]})
    options: dict[str, Any] = {"official": OURS}
    answers = {at: _told({"id": "17841", "username": "x"}), f"{at}/media": media}
    if "hashtags" in recording.name:
        options, place = {"hashtags": ["HarrowbyGreen"]}, "media under a hashtag"
        found = _told({"data": [{"id": "990"}]})
        answers |= {"/v26.0/ig_hashtag_search": found, "/v26.0/990/recent_media": body}
    elif recording.stem == "replies":
        place, asked = "replies to a comment", {"data": [], "paging": {"next": "x"}}
        answers |= {
            "/v26.0/5/comments": _told({"data": [{"id": "51", "text": "Invented", "replies": asked}]}),
            "/v26.0/51/replies": body,
        }
    elif "comment" in recording.stem:
        place, answers = "comments", answers | {"/v26.0/5/comments": body}
    else:
        place, answers = "media that tag the account", answers | {f"{at}/tags": body}
    source = recording.source(account="17841", token=SECRET, **options)
    yield f"as {place}", Scene(source=source, answers=answers, further=empty, otherwise=empty)


def _youtube(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    api, video, content = "/youtube/v3", "gatevideo01", recording.content
    options: dict[str, Any] = {"videos": [video]}
    empty = _told({"kind": "youtube#list", "items": []})
    snippet = {"textDisplay": "Invented", "publishedAt": "2026-11-20T12:00:00Z"}
    top = {"id": "t1", "snippet": snippet | {"updatedAt": snippet["publishedAt"]}}
    thread = {"id": "t1", "snippet": {"topLevelComment": top, "videoId": video, "totalReplyCount": 2}}
    threads = _told({"kind": "youtube#list", "items": [thread]})
    place, earlier = "commentThreads", None
    answers = {f"{api}/commentThreads": Said(recording.body, content.get("error", {}).get("code", 200))}
    if "/search/" in recording.name:
        place, options, answers = "search", {"search": ["surfing"]}, {f"{api}/search": Said(recording.body)}
    elif recording.stem == "videos_info_single":
        place, answers = "videos", {f"{api}/commentThreads": threads, f"{api}/videos": Said(recording.body)}
    elif "by_parent" in recording.stem:
        place, replies = "comments", Said(recording.body)
        answers = {f"{api}/commentThreads": threads, f"{api}/comments": replies}
    elif recording.stem == "comments_single":
        # It is a thread that was listed before, is no longer, and is asked after.
        place, name = "comments, one by its id", content["items"][0]["id"]
        held = {**thread, "snippet": {"topLevelComment": {**top, "id": name}, "videoId": video}}
        earlier = {f"{api}/commentThreads": _told({"kind": "youtube#list", "items": [held]})}
        answers = {f"{api}/commentThreads": empty, f"{api}/comments": Said(recording.body)}
    elif "error" not in content and content["kind"] != "youtube#commentThreadListResponse":
        yield "as it is", _NEVER_ASKED
        return
    if "all_to_me" in recording.name:
        options = {"channel": f"UC{'h' * 22}", "official": OURS}
    source = recording.source(api_key=SECRET, **options)
    yield (
        f"as {place}",
        Scene(source=source, answers=answers, further=empty, otherwise=empty, earlier=earlier),
    )


def _discourse(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    content, said = recording.content, Said(recording.body)
    search: dict[str, Any] = {"search": ["Harrowby Green"]}
    match recording.stem:
        case "posts_latest":
            yield "as posts.json", Scene(source=recording.source(latest=True), answers={"/posts.json": said})
        case "search":
            yield "as search.json", Scene(source=recording.source(**search), answers={"/search.json": said})
        case "topic" | "post":
            topic = content.get("topic_id", content["id"])
            hit = {"id": content["id"], "topic_id": topic, "post_number": 1}
            found = {"/search.json": _told({"posts": [hit], "grouped_search_result": {}})}
            posts = content.get("post_stream") or {"posts": [content]}
            answers = found | {f"/t/{topic}/1.json": _told({**content, "post_stream": posts})}
            yield (
                "as the topic of a post that a search finds",
                Scene(source=recording.source(**search), answers=answers),
            )
        case _:
            yield "as it is", _NEVER_ASKED


def _hackernews(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    if recording.stem == "item":
        yield "as it is", _NEVER_ASKED
        return
    source, path = recording.source(search=["Harrowby Green"]), "/api/v1/search_by_date"
    yield (
        "as search_by_date",
        Scene(source=source, answers={path: Said(recording.body)}, further=_told({"hits": [], "nbPages": 1})),
    )


def _feeds(recording: Recording) -> Iterator[tuple[str, Scene | str]]:
    path = Path(recording.name)
    if path.name.endswith(".serde.json"):
        yield "as it is", "what another parser made of a feed: test_feed_recordings.py compares"
    elif path.suffix in {".xml", ".rss", ".atom"} or path.name.startswith("jsonfeed"):
        header = re.search(rb"Header:\s*Content-type:\s*([^\r\n]+)", recording.body[:2_000], re.I)
        headers = {"content-type": header[1].decode("latin-1").strip()} if header else {}
        source = TypeAdapter[Connector](Source).validate_python(
            {"name": "F", "platform": "feed", "url": f"{recording.at}/feed.xml"}
        )
        gone = Said(b"", 404)
        answers = {"/feed.xml": Said(recording.body, headers=headers)}
        yield "as a feed", Scene(source=source, answers=answers, further=gone, otherwise=gone)
    else:
        yield "as it is", "no feed: test_feed_recordings.py reads it"


def _nowhere(reason: str) -> Callable[[Recording], Iterator[tuple[str, str]]]:
    return lambda _: iter([("as it is", reason)])


_SCENES: dict[str, Callable[[Recording], Iterator[tuple[str, Scene | Heard | str]]]] = {
    "bluesky": _bluesky,
    "discourse": _discourse,
    "facebook": _facebook,
    "feeds": _feeds,
    "gias": _nowhere("the register of schools, no posts: test_config_gias.py reads it"),
    "google_places": _nowhere("five reviews that may not be kept: no connector reads the Places API"),
    "hackernews": _hackernews,
    "instagram": _instagram,
    "mastodon": _mastodon,
    "reddit": _reddit,
    "x": _x,
    "youtube": _youtube,
}
PLATFORMS = tuple(_SCENES)
"""The folders of recordings that are known."""
