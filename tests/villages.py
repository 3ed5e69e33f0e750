"""Places where people talk: a small server for each polled platform, in its shape, with faults on demand."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

BEGINNING_OF_X = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
SHOWN = 400
"""How many items feeds and pages show at most."""
CONFIG = """
schools:
  - {{id: harrowby-green, name: Harrowby Green Primary School, also: [Harrowby Green, "#HarrowbyGreen"]}}
sources:
{sources}
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
classifier: {{use: rules}}
network: {{allow: [127.0.0.1]}}
data: {data}
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wrote; the higher the number, the newer."""

    number: int
    at: datetime
    text: str

    @property
    def iso(self) -> str:
        """When, as most platforms write it."""
        return f"{self.at:%Y-%m-%dT%H:%M:%S}.000Z"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and all that was said by then, the newest first."""

    path: str
    query: dict[str, str]
    said: Sequence[Said]

    def page(self, start: int, size: int) -> tuple[list[Said], bool]:
        """A part of it, and whether more follows."""
        return list(self.said[start : start + size]), len(self.said) > start + size

    def one(self, number: str) -> list[Said]:
        """The one of this number, if there is one."""
        return [said for said in self.said if str(said.number) == number]

    def after(self, number: str, size: int) -> tuple[list[Said], bool]:
        """A part of it from below a number on (all of it without one), and whether more follows."""
        below = [said for said in self.said if not number or said.number < int(number)]
        return below[:size], len(below) > size


Answer = dict[str, Any] | list[Any] | str | None
"""A dict or list goes out as JSON; None says that nothing is there."""


def feed(asked: Asked) -> Answer:
    items = "".join(
        f"<item><guid>item-{said.number}</guid><pubDate>{format_datetime(said.at)}</pubDate>"
        f"<description>{said.text}</description></item>"
        for said in asked.said[:SHOWN]
    )
    return f"<rss version='2.0'><channel><title>Paper</title>{items}</channel></rss>"


def webpage(asked: Asked) -> Answer:
    items = "".join(
        f'<li class="comment" id="comment-{said.number}"><time datetime="{said.iso}">then</time>'
        f"<p>{said.text}</p></li>"
        for said in asked.said[:SHOWN]
    )
    return (
        None if asked.path == "/robots.txt" else f"<!doctype html><html><body><ol>{items}</ol></body></html>"
    )


def reddit(asked: Asked) -> Answer:
    if asked.path.endswith("access_token"):
        return {"access_token": "let-in", "expires_in": 3600, "scope": "read", "token_type": "bearer"}
    if "id" in asked.query:
        named = asked.query["id"].split(",")
        lines, more = [said for said in asked.said if f"t1_c{said.number}" in named], False
    else:
        above = asked.query.get("after", "").removeprefix("t1_c")
        lines, more = asked.after(above, int(asked.query.get("limit", 100)))
    children = [
        {
            "kind": "t1",
            "data": {
                "name": f"t1_c{said.number}",
                "id": f"c{said.number}",
                "body": said.text,
                "body_html": f'<div class="md"><p>{said.text}</p></div>',
                "author": "fennimore",
                "created_utc": said.at.timestamp(),
                "edited": False,
                "link_id": "t3_s1",
                "link_title": "The village",
                "parent_id": "t3_s1",
                "permalink": f"/r/grantham/comments/s1/village/c{said.number}/",
                "replies": "",
            },
        }
        for said in lines
    ]
    after = children[-1]["data"]["name"] if more else None  # type: ignore[index]
    return {"kind": "Listing", "data": {"children": children, "after": after, "before": None}}


def bluesky(asked: Asked) -> Answer:
    if "Session" in asked.path:
        return {"accessJwt": "in", "refreshJwt": "again", "did": "did:plc:us", "handle": "h.example"}
    lines, more = asked.after(asked.query.get("cursor", ""), int(asked.query.get("limit", 25)))
    posts = [
        {
            "uri": f"at://did:plc:pat/app.bsky.feed.post/k{said.number}",
            "cid": f"bafy{said.number}",
            "author": {"did": "did:plc:pat", "handle": "pat.example", "displayName": "Pat"},
            "record": {"$type": "app.bsky.feed.post", "text": said.text, "createdAt": said.iso},
            "indexedAt": said.iso,
            "labels": [],
        }
        for said in lines
    ]
    return {"posts": posts} | ({"cursor": str(lines[-1].number)} if more else {})


def mastodon(asked: Asked) -> Answer:
    if asked.path.endswith("/instance"):
        return {"configuration": {}}
    if "/statuses/" in asked.path:
        return next(map(_status, asked.one(asked.path.rpartition("/")[2])), None)
    if "min_id" in asked.query:
        above = int(asked.query["min_id"])
        return [_status(said) for said in asked.said if said.number > above][-40:]
    return [_status(said) for said in asked.after(asked.query.get("max_id", ""), 40)[0]]


def _status(said: Said) -> dict[str, Any]:
    return {
        "id": str(said.number),
        "uri": f"https://pond.example/users/ann/statuses/{said.number}",
        "url": f"https://pond.example/@ann/{said.number}",
        "created_at": said.iso,
        "visibility": "public",
        "content": f"<p>{said.text}</p>",
        "account": {"id": "71", "acct": "ann@pond.example", "display_name": "Ann"},
    }


def youtube(asked: Asked) -> Answer:
    if asked.path.endswith("videos"):
        about = {"title": "The gate", "description": "", "publishedAt": "2026-01-01T00:00:00Z"}
        return {"items": [{"id": "gatevideo01", "snippet": about, "contentDetails": {}}]}
    start, size = int(asked.query.get("pageToken", 0)), int(asked.query.get("maxResults", 20))
    lines, more = asked.page(start, size)
    comments = [
        {
            "id": f"t{said.number}",
            "snippet": {
                "textDisplay": said.text,
                "authorDisplayName": "@quillwort",
                "publishedAt": said.iso,
                "updatedAt": said.iso,
            },
        }
        for said in (lines if asked.path.endswith("Threads") else asked.said)
    ]
    if not asked.path.endswith("Threads"):
        return {"items": [one for one in comments if one["id"] == asked.query.get("id")]}
    threads = [
        {"id": one["id"], "snippet": {"topLevelComment": one, "videoId": "gatevideo01", "totalReplyCount": 0}}
        for one in comments
    ]
    return {"items": threads} | ({"nextPageToken": str(start + size)} if more else {})


def x(asked: Asked) -> Answer:
    def name(said: Said) -> str:
        return str((int((said.at - BEGINNING_OF_X).total_seconds() * 1000) << 22) + said.number)

    found, more = list(asked.said), False
    if "ids" in asked.query:
        found = [said for said in found if name(said) in asked.query["ids"].split(",")]
    else:
        since, below = int(asked.query.get("since_id", 0)), int(asked.query.get("next_token", "t0")[1:])
        waiting = [
            said for said in found if since < int(name(said)) and (not below or int(name(said)) < below)
        ]
        found = waiting[: int(asked.query["max_results"])]
        more = len(waiting) > len(found)
    posts = [
        {
            "id": name(said),
            "edit_history_tweet_ids": [name(said)],
            "text": said.text,
            "author_id": "71",
            "conversation_id": name(said),
            "created_at": said.iso,
            "lang": "en",
        }
        for said in found
    ]
    meta: dict[str, Any] = {"result_count": len(posts)}
    if posts:
        meta |= {"newest_id": posts[0]["id"], "oldest_id": posts[-1]["id"]}
    if more:
        meta["next_token"] = f"t{posts[-1]['id']}"
    users = [{"id": "71", "name": "Ann", "username": "ann71"}]
    return ({"data": posts, "includes": {"users": users}} if posts else {}) | {"meta": meta}


def facebook(asked: Asked) -> Answer:
    lines, more = asked.after(asked.query.get("after", ""), int(asked.query.get("limit", 25)))
    if asked.path.endswith("/tagged"):
        posts = [
            {
                "id": f"88_{said.number}",
                "message": said.text,
                "from": {"name": "Ann", "id": "88"},
                "created_time": said.iso,
                "updated_time": said.iso,
                "permalink_url": f"https://www.facebook.com/88/posts/{said.number}/",
            }
            for said in lines
        ]
        return _edge(posts, lines, more=more)
    return {"data": []} if asked.path.endswith(("/feed", "/ratings")) else {"id": "7001"}


def instagram(asked: Asked) -> Answer:
    if asked.path.endswith("ig_hashtag_search"):
        return {"data": [{"id": "990"}]}
    lines, more = asked.after(asked.query.get("after", ""), int(asked.query.get("limit", 25)))
    posts = [
        {
            "id": str(said.number),
            "caption": said.text,
            "permalink": f"https://www.instagram.com/p/N{said.number}/",
            "timestamp": said.iso,
        }
        for said in lines
    ]
    return _edge(posts, lines, more=more) if asked.path.endswith("/recent_media") else {"id": "17841"}


def threads(asked: Asked) -> Answer:
    since, until = (int(asked.query.get(name, 0)) for name in ("since", "until"))
    found = [said for said in asked.said if since <= said.at.timestamp() <= (until or 1 << 40)]
    size = int(asked.query.get("limit", 25))
    posts = [
        {
            "id": str(said.number),
            "text": said.text,
            "username": "ann.f",
            "permalink": f"https://www.threads.com/@ann.f/post/N{said.number}",
            "timestamp": said.iso,
            "media_type": "TEXT_POST",
        }
        for said in Asked("", {}, found).after(asked.query.get("after", ""), size)[0]
    ]
    return {"data": posts} if asked.path.endswith("keyword_search") else {"id": "31001"}


def _edge(posts: list[dict[str, Any]], lines: Sequence[Said], *, more: bool) -> Answer:
    if not more:
        return {"data": posts}
    return {
        "data": posts,
        "paging": {"cursors": {"after": str(lines[-1].number)}, "next": "https://next.example"},
    }


def google_reviews(asked: Asked) -> Answer:
    if asked.path == "/token":
        return {"access_token": "let-in", "expires_in": 3599}
    start, size = int(asked.query.get("pageToken", 0)), int(asked.query["pageSize"])
    lines, more = asked.page(start, size)
    reviews = [
        {
            "name": f"accounts/12/locations/34/reviews/r{said.number}",
            "reviewId": f"r{said.number}",
            "reviewer": {"displayName": "Quill Wort"},
            "starRating": "TWO",
            "comment": said.text,
            "createTime": said.iso,
            "updateTime": said.iso,
        }
        for said in lines
    ]
    answer: dict[str, Any] = {"reviews": reviews, "totalReviewCount": len(asked.said)} if reviews else {}
    return answer | ({"nextPageToken": str(start + size)} if more else {})


def discourse(asked: Asked) -> Answer:
    before = int(asked.query.get("before", 0)) or 1 << 40
    posts = [
        {
            "id": said.number,
            "name": "Quill Wort",
            "username": "quillwort",
            "created_at": said.iso,
            "updated_at": said.iso,
            "cooked": f"<p>{said.text}</p>",
            "post_number": said.number,
            "post_type": 1,
            "topic_id": 1,
            "topic_slug": "village",
            "topic_title": "The village",
            "version": 1,
        }
        for said in asked.said
        if said.number <= before
    ]
    return {"latest_posts": posts[:50]}


def lemmy(asked: Asked) -> Answer:
    kind = "comments" if "comment" in asked.path else "posts"
    size = int(asked.query.get("limit", 10))
    lines, _ = asked.page((int(asked.query.get("page", 1)) - 1) * size, size)
    views = [
        {
            "post": {
                "id": said.number,
                "name": "The village",
                "body": said.text,
                "published": said.iso,
                "ap_id": f"https://pond.example/post/{said.number}",
            },
            "creator": {"name": "quillwort", "actor_id": "https://pond.example/u/quillwort"},
        }
        for said in lines
    ]
    return {kind: views if kind == "posts" else []}


def hackernews(asked: Asked) -> Answer:
    found = list(asked.said)
    for limit in asked.query["numericFilters"].split(","):
        sign = limit[len("created_at_i") :][:2]
        second = int(limit.rpartition("=")[2])
        found = [
            said
            for said in found
            if (said.at.timestamp() >= second if sign == ">=" else said.at.timestamp() <= second)
        ]
    size, page = int(asked.query["hitsPerPage"]), int(asked.query["page"])
    hits = [
        {
            "objectID": str(said.number),
            "created_at_i": int(said.at.timestamp()),
            "author": "quillwort",
            "comment_text": said.text,
            "story_id": 7,
            "story_title": "The village",
            "parent_id": 8,
        }
        for said in found[page * size : (page + 1) * size]
    ]
    return {"hits": hits, "nbPages": -(-len(found) // size)}


def gdelt(asked: Asked) -> Answer:
    low, high = (asked.query.get(name, "") for name in ("startdatetime", "enddatetime"))
    articles = [
        {
            "url": f"https://news.example/{said.number}",
            "title": said.text,
            "seendate": f"{said.at:%Y%m%dT%H%M%SZ}",
            "domain": "news.example",
            "language": "English",
        }
        for said in asked.said
        if low <= f"{said.at:%Y%m%d%H%M%S}" <= (high or "9")
    ]
    return {"articles": articles[:250]} if articles else {}


@dataclass(frozen=True, slots=True)
class Platform:
    """How a platform answers, and the source that reads it; `{url}` stands for its address."""

    answer: Callable[[Asked], Answer]
    options: str


PLATFORMS = {
    "feed": Platform(feed, "url: '{url}/feed.xml'"),
    "webpage": Platform(webpage, "url: '{url}/forum'"),
    "reddit": Platform(
        reddit, "client_id: app-id, client_secret: '${{SOAK}}', comments_in: [grantham], base_url: '{url}'"
    ),
    "bluesky": Platform(
        bluesky, "handle: h.example, app_password: '${{SOAK}}', search: [Harrowby Green], base_url: '{url}'"
    ),
    "mastodon": Platform(mastodon, "tags: [HarrowbyGreen], base_url: '{url}'"),
    "youtube": Platform(youtube, "videos: [gatevideo01], api_key: '${{SOAK}}', base_url: '{url}'"),
    "x": Platform(x, "search: [Harrowby Green], cap: 1000, token: '${{SOAK}}', base_url: '{url}'"),
    "facebook": Platform(facebook, "page: harrowby, token: '${{SOAK}}', base_url: '{url}'"),
    "instagram": Platform(
        instagram, "account: '17841', hashtags: [harrowbygreen], token: '${{SOAK}}', base_url: '{url}'"
    ),
    "threads": Platform(threads, "search: [Harrowby Green], token: '${{SOAK}}', base_url: '{url}'"),
    "google_reviews": Platform(
        google_reviews,
        "location: accounts/12/locations/34, url: 'https://maps.example/h', official: harrowby-green, "
        "client_id: '${{SOAK}}', client_secret: '${{SOAK}}', refresh_token: '${{SOAK}}', "
        "base_url: '{url}', login_url: '{url}/token'",
    ),
    "discourse": Platform(discourse, "latest: true, base_url: '{url}'"),
    "lemmy": Platform(lemmy, "latest: true, base_url: '{url}'"),
    "hackernews": Platform(hackernews, "search: [Harrowby Green], base_url: '{url}'"),
    "gdelt": Platform(gdelt, "search: [Harrowby Green], base_url: '{url}'"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """How an answer goes wrong; `delay` is in seconds."""

    status: int = 200
    retry_after: str = ""
    body: Callable[[bytes], bytes] = lambda body: body
    cut: bool = False
    repeats: bool = False
    """Whether a path gives its first page again and again."""
    delay: float = 0.0

    @property
    def spoils(self) -> bool:
        """Whether what it answers cannot be read."""
        return not (self.repeats or self.delay)


@dataclass
class Village:
    """One server: what was said there, what its clock shows, and how its answers go wrong just now."""

    platform: str
    said: list[Said] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 20, 9, tzinfo=UTC)
    fault: Fault | None = None
    spared: int = 0
    """How many answers are good before the fault begins."""
    delay: float = 0.0
    """Seconds that every answer takes."""
    asked: int = 0
    faulty: int = 0
    served: set[int] = field(default_factory=set)
    """The numbers of what was given out whole."""
    first: dict[str, bytes] = field(default_factory=dict)
    """What each path answered first."""
    url: str = ""

    def ready(self, fault: Fault | None = None, spared: int = 0) -> None:
        """Count anew; after so many good answers, all have this fault."""
        self.fault, self.spared, self.asked, self.faulty, self.first = fault, spared, 0, 0, {}

    @property
    def source(self) -> str:
        """The line of the configuration that reads it."""
        options = PLATFORMS[self.platform].options.format(url=self.url)
        return f"  - {{name: {self.platform}, platform: {self.platform}, every: 15m, {options}}}"

    def say(self, text: str, ago: timedelta = timedelta()) -> Said:
        """Write one more thing."""
        number = len(self.said) + 1
        self.said.append(Said(number, (self.now - ago).replace(microsecond=0), f"{text}, number {number}."))
        return self.said[-1]

    def answer(self, target: str, sent: str) -> tuple[int, bytes, Fault | None]:
        """Status, body, and the fault with which they go out."""
        status, body = self._well(target, sent)
        self.asked += 1
        fault = self.fault if self.asked > self.spared else None
        first = self.first.setdefault(target.partition("?")[0], body)
        if fault is not None:
            self.faulty += 1
            status = status if fault.status == 200 else fault.status
            body = fault.body(first if fault.repeats else body)
        if fault is None or not fault.spoils:
            self.served |= {int(number) for number in re.findall(rb", number (\d+)\.", body)}
        return status, body, fault

    def _well(self, target: str, sent: str) -> tuple[int, bytes]:
        parts = urlsplit(target)
        asked = Asked(parts.path, dict(parse_qsl(f"{parts.query}&{sent}")), self.said[::-1])
        answer = PLATFORMS[self.platform].answer(asked)
        if answer is None:
            return 404, b"{}"
        return 200, (answer if isinstance(answer, str) else json.dumps(answer)).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    village: Village

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        status, body, fault = self.village.answer(self.path, "" if sent.startswith("{") else sent)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if fault is None and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        time.sleep(self.village.delay + (fault.delay if fault else 0))
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.village.now, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        if fault is None:
            self.send_header("ETag", tag)
        elif fault.retry_after:
            self.send_header("Retry-After", fault.retry_after)
        self.end_headers()
        cut = fault is not None and fault.cut
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing on standard error."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who is killed hangs up."""


@contextmanager
def served(villages: Sequence[Village]) -> Iterator[None]:
    """The villages, each on a port of loopback."""
    with ExitStack() as stack:
        for village in villages:
            handler = type("Handler", (_Handler,), {"village": village})
            server = stack.enter_context(_Server(("127.0.0.1", 0), handler))
            village.url = f"http://127.0.0.1:{server.server_address[1]}"
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            stack.callback(server.shutdown)
        yield
