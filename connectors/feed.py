"""Feeds: RSS, Atom, RDF and JSON Feed, as news sites, blogs, forums, alerts and video channels give them."""

import contextlib
import hashlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, conditions, max_age, read, refuse_walls, spoken
from connectors.text import host_of, http_address, path_of

PARSING_SECONDS = 30.0
"""How long the parsing process may take."""
MOST_POSTS = 50_000
"""The most posts that one feed gives."""
MOST_PAGES = 5
"""The most pages of one feed that are read at once."""
_LONGEST_LINE = 16_000_000
_ANCHORS = 200
_FEW = 10
_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, "
    "application/xml;q=0.9, */*;q=0.5"
)


class _Cursor(BaseModel):
    """Where we are: what the server called its last answer, where the feed has moved, what we had seen."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    etag: str = ""
    modified: str = ""
    moved: str = ""
    wait: int = 0
    seen: tuple[str, ...] = ()


@dataclass(slots=True)
class Parsed:
    """What one feed document held; `left` says why something in it was not read."""

    is_feed: bool = False
    minutes: int = 0
    more: str | None = None
    posts: list[Post] = field(default_factory=list)
    left: str = ""


class Feed(Connector):
    """A feed at an address; any format, read only as far as anybody may read it."""

    searched: ClassVar[tuple[str, ...]] = ("url",)

    platform: Literal["feed"]
    url: Annotated[
        str,
        Field(
            max_length=2000,
            description="The address of the feed, as RSS, Atom, RDF or JSON Feed. Google Alerts, YouTube "
            "channels and subreddits (.rss) have one too.",
            examples=["https://example.org/feed.xml"],
        ),
        AfterValidator(http_address),
    ]

    @property
    def host(self) -> str:
        """The host of the feed's address, with its port where it has one."""
        return host_of(self.url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read the feed if it has changed; older pages too, where all that we had seen has left the first."""
        before = _cursor(cursor)
        if before.moved:
            try:
                return self._fetch(http, before.moved, before)
            except (Unavailable, Refused) as failed:
                if failed.state is State.RATE_LIMITED:
                    raise
                # Where it moved to fails, while the address that we were given may still stand.
                before = before.model_copy(update={"moved": "", "etag": "", "modified": ""})
        return self._fetch(http, self.url, before)

    def _fetch(self, http: httpx.Client, url: str, before: _Cursor) -> Batch:
        page = read(http, url, headers={"accept": _ACCEPT} | conditions(before.etag, before.modified))
        moved = page.moved_to or before.moved
        moved = "" if moved == self.url else moved
        if page.status == httpx.codes.NOT_MODIFIED:
            return Batch(
                posts=(), cursor=before.model_dump_json(), reason=_moved(moved), wait=_wait(page, before.wait)
            )
        parsed = self._parsed(page)
        posts, gap = self._older(http, before, parsed)
        after = _Cursor(
            # A feed that was read in part is asked for whole again: "not modified" would hide the rest.
            etag="" if parsed.left else page.etag,
            modified="" if parsed.left else page.modified,
            moved=moved,
            wait=parsed.minutes,
            seen=tuple(map(_mark, parsed.posts[:_ANCHORS])) or before.seen,
        )
        state, said = _state(posts, parsed.left, gap)
        return Batch(
            posts=tuple(posts),
            cursor=after.model_dump_json(),
            state=state,
            reason=" ".join(filter(None, (said, _emptied(before, parsed), _moved(moved)))),
            wait=_wait(page, parsed.minutes),
        )

    def _parsed(self, page: Page) -> Parsed:
        parsed = parse(page, site=self.host, path=path_of(self.url), official=self.official is not None)
        if parsed.is_feed or parsed.posts:
            return parsed
        refuse_walls(page)
        if parsed.left:
            raise Unavailable(f"{spoken(page.url)} could not be read: {parsed.left}.", State.PARSE_ERROR)
        what = "a web page" if page.is_html else "something else"
        raise Unavailable(
            f"{spoken(page.url)} answered with {what} where a feed was expected. Open it in a "
            f"browser; if there "
            "is no feed, correct the address.",
            State.PARSE_ERROR,
        )

    def _older(self, http: httpx.Client, before: _Cursor, first: Parsed) -> tuple[list[Post], bool]:
        """All posts since the last time, and whether some may be missing between."""
        posts, seen, more = list(first.posts), set(before.seen), first.more
        ids = {post.id for post in posts}
        if len(seen) < _FEW or not posts or seen.intersection(map(_mark, posts)):
            return posts, False
        for _ in range(MOST_PAGES - 1):
            if more is None or urlsplit(more).netloc != urlsplit(self.url).netloc:
                break
            try:
                page = self._parsed(read(http, more, headers={"accept": _ACCEPT}))
            except (Unavailable, Refused):
                break
            posts += [post for post in page.posts if post.id not in ids]
            ids.update(post.id for post in page.posts)
            if seen.intersection(map(_mark, page.posts)):
                return posts, False
            more = page.more
        return posts, True


def parse(
    page: Page,
    *,
    site: str,
    path: str = "",
    official: bool = False,
    most: int = MOST_POSTS,
    seconds: float = PARSING_SECONDS,
) -> Parsed:
    """Parse a feed in a process of its own that is ended after `seconds`; what it had read by then is kept.

    Raises Refused when the feed holds what is never parsed, Unavailable when the process cannot be started.
    """
    asked = {
        "url": page.url,
        "site": site,
        "path": path,
        "official": official,
        "media_type": page.media_type,
        "charset": page.charset,
        "cut": page.truncated,
        "most": most,
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-m", "connectors.feed_parser"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Nothing of ours: no tokens, no database address; only where our own code lies.
            env={"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONUTF8": "1"},
        )
    except OSError as error:
        raise Unavailable(
            f"The feed could not be parsed here: {error.strerror}.", State.PARSE_ERROR
        ) from error
    parsed = _gather(process, json.dumps(asked).encode() + b"\n", page, seconds)
    if page.cut and not parsed.left.startswith("more"):
        parsed.left = page.cut
    return parsed


def _gather(process: subprocess.Popen[bytes], asked: bytes, page: Page, seconds: float) -> Parsed:
    assert process.stdin is not None  # noqa: S101  # we asked for pipes
    assert process.stdout is not None  # noqa: S101
    deadline = time.monotonic() + seconds
    clock = threading.Timer(seconds, process.kill)
    writer = threading.Thread(target=_feed, args=(process.stdin, asked, page.content), daemon=True)
    clock.start()
    writer.start()
    try:
        parsed, ended = _read_lines(process.stdout, page.url)
    finally:
        process.kill()
        process.wait()
        clock.cancel()
        writer.join()
        process.stdout.close()
    if not ended:
        late = time.monotonic() >= deadline
        parsed.left = f"it took longer than {seconds:g} seconds" if late else "its parser gave up"
    return parsed


def _feed(pipe: IO[bytes], asked: bytes, content: bytes) -> None:
    # The parser may be gone before it has read all: then nobody waits for the rest.
    with contextlib.suppress(OSError), pipe:
        pipe.write(asked)
        pipe.write(content)


def _read_lines(lines: IO[bytes], url: str) -> tuple[Parsed, bool]:
    """What the parser has written, and whether it came to the end."""
    parsed = Parsed()
    for line in iter(lambda: lines.readline(_LONGEST_LINE), b""):
        if not line.endswith(b"\n"):
            break
        said = json.loads(line)
        if "post" in said:
            parsed.posts.append(_post(said["post"]))
        elif "head" in said:
            _take_head(parsed, said["head"])
        elif "refused" in said:
            raise Refused(
                f"{spoken(url)} is not read: {said['refused']}. Tell the owner of that site.",
                State.PARSE_ERROR,
            )
        else:
            parsed.left = said["end"]["left"]
            return parsed, True
    return parsed, False


def _take_head(parsed: Parsed, head: dict[str, Any]) -> None:
    parsed.is_feed = bool(head["version"])
    parsed.minutes = max(head["ttl"] or 0, head["period"] or 0)
    parsed.more = head["more"]


def _post(fields: dict[str, Any]) -> Post:
    for name in ("posted_at", "edited_at"):
        if fields[name]:
            fields[name] = datetime.fromisoformat(fields[name])
    fields["channel"] = Channel(fields["channel"])
    fields["links"] = tuple(fields["links"])
    return Post(**fields)


def _moved(to: str) -> str:
    if not to:
        return ""
    return f"This feed has moved to {spoken(to)}; please change the address in the configuration."


def _emptied(before: _Cursor, parsed: Parsed) -> str:
    """An empty feed may be calm or a fault of the site; where it was not always empty, people are told."""
    if parsed.posts or parsed.left or not before.seen:
        return ""
    return "The feed holds no items now, although it held some before. Open it in a browser if that is odd."


def _state(posts: list[Post], left: str, gap: bool) -> tuple[State, str]:
    if left.endswith(("could not be read", "did not arrive")):
        return State.PARSE_ERROR, f"read {len(posts)} items; {left}."
    if left:
        return State.PARSE_ERROR, f"read {len(posts)} items, the rest was over the limit ({left})."
    if gap:
        return (
            State.BEHIND,
            f"Everything on this feed is new since it was last read (at most {MOST_PAGES} pages are "
            f"read), so "
            "items may have come and gone between. Read it more often (every).",
        )
    return State.OK, ""


def _wait(page: Page, minutes: int) -> timedelta | None:
    asked = max(max_age(page.headers) or timedelta(0), timedelta(minutes=minutes))
    return min(asked, LONGEST_WAIT) or None


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the page once more costs little, and the store knows what it had.
        return _Cursor()


def _mark(post: Post) -> str:
    return hashlib.sha256(post.id.encode()).hexdigest()[:12]
