"""Feeds to posts, run as a process of its own: `python -m connectors.feed_parser`.

What a stranger's XML can do to a parser then ends with this process: it has little memory, little
time, an empty environment and no business with anybody. The first line of standard input says what
was fetched (see `Asked`), the rest is the feed. Each line of standard output is one JSON object:
`head` once, a `post` each, and `end` if it came so far.
"""

import codecs
import hashlib
import io
import json
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import feedparser

from connectors.post import Channel, Post
from connectors.text import (
    LONGEST,
    Written,
    clean,
    clean_link,
    is_marked_up,
    one_line,
    read_html,
    read_text,
    when,
)

MEMORY = 512 * 1024 * 1024
"""The most address space that this process may have, in bytes."""
_CPU_SECONDS = 40
_SLICE_ITEMS = 200
_SLICE_BYTES = 2_000_000
_WHOLE = 256_000
_WHOLE_JSON = 8_000_000
_LONGEST_ID = 500
_NO_END = "the end of it did not arrive"

_ITEM = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?(?:item|entry))(?=[\s/>])", re.I)
_SKIPPED = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_OPENING = re.compile(
    rb"<!--|<!\[CDATA\[|<\?|<(/?)([A-Za-z_:][^\s<>/]*)((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*+)>"
)
_PROLOGUE = re.compile(rb"<!--|<\?|<!ENTITY|<!|\"[^\"]*+\"|'[^']*+'|<[A-Za-z_:]", re.I)
_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"'][^>]{0,100}\?>", re.I)
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
# In these a byte that looks like "<" may be a half of something else: such a feed is never cut.
_UNCUTTABLE = re.compile(r"iso-?2022|utf-?7|hz|ebcdic|^(ibm|cp)-?(0?37|1140|500|1026)", re.I)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
_ELLIPSIS = re.compile(r"\s*(\[?(…|\.\.\.)\]?|continue reading.{0,80}|read more.{0,40})\s*$", re.I)


class RefusedFeed(Exception):
    """The feed holds what is never parsed; the message is a sentence."""


class _Broken(Exception):
    """What follows cannot be told apart; the message says why, for the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was fetched: where it lay, whose ids it gives, what its headers said, and whether it is cut short.

    `site` begins every id, so that no other host can overwrite what this one said. `path` tells feeds of
    one site apart whose ids are mere numbers. `most` is the most posts that are given.
    """

    url: str
    site: str
    path: str = ""
    official: bool = False
    media_type: str = ""
    charset: str | None = None
    cut: bool = False
    most: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a feed says of itself; `ttl` and `period` are minutes between changes, `more` its next page."""

    version: str = ""
    title: str = ""
    link: str = ""
    author: str | None = None
    language: str | None = None
    ttl: int | None = None
    period: int | None = None
    more: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the reading ended; `left` says why something was left behind, and is empty when all was read."""

    left: str = ""


_Entry = dict[str, Any]


def read_feed(content: bytes, asked: Asked) -> Iterator[Head | Post | End]:
    """The head of a feed, its posts in its own order, and the end; raises RefusedFeed."""
    content, charset = _recoded(content, asked.charset)
    read, unread, head = 0, 0, None
    left = _NO_END if asked.cut else ""
    long_one = f"an item has more than {LONGEST} characters"
    seen: dict[str, str] = {}
    try:
        for found, entries in _parts(content, charset, asked):
            if head is None:
                head = found
                yield head
            for post in _posts(entries, head, asked):
                try:
                    named = _told_apart(post(), seen)
                except MemoryError:
                    raise
                except Exception:  # noqa: BLE001  # whatever one item holds, the others must be read
                    unread += 1
                    continue
                if named is None:
                    continue
                if read == asked.most:
                    yield End(left=f"more than {asked.most} items")
                    return
                read += 1
                left = left or (long_one if len(named.text) == LONGEST else "")
                yield named
    except _Broken as broken:
        left = left or str(broken)
    yield End(left=left or _unread(unread))


def _unread(items: int) -> str:
    if not items:
        return ""
    return f"{items} items could not be read" if items > 1 else "one item could not be read"


def _told_apart(post: Post, seen: dict[str, str]) -> Post | None:
    """The post under an id of its own; None when it was given before, word for word."""
    if post.id not in seen:
        seen[post.id] = post.revision
        return post
    if seen[post.id] == post.revision:
        return None
    return _told_apart(replace(post, id=f"{post.id} {post.revision[:16]}"), seen)


def _parts(content: bytes, charset: str | None, asked: Asked) -> Iterator[tuple[Head, Sequence[_Entry]]]:
    start = content[:512].lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if start.startswith(b"{"):
        yield from _json_parts(content.removeprefix(codecs.BOM_UTF8), asked)
        return
    _refuse_entities(content)
    declared = _DECLARED.match(content[:400])
    encoding = charset or (declared[1].decode("ascii", "replace") if declared else "utf-8")
    headers = _headers(asked.media_type, charset)
    whole = len(content) <= _WHOLE or _UNCUTTABLE.search(encoding)
    lost, is_feed = False, False
    for piece in [content] if whole and not asked.cut else cut_feed(content, whole_items=asked.cut):
        found = feedparser.parse(
            io.BytesIO(piece), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        yield _head(found, asked), found.entries
        # A mark that one item leaves open swallows those that follow it.
        lost = lost or (bool(found.bozo) and _items_in(piece) > len(found.entries))
        is_feed = is_feed or bool(found.get("version") or found.entries)
    if is_feed and not _UNCUTTABLE.search(encoding) and _breaks_off(content):
        raise _Broken(_NO_END)
    if lost:
        raise _Broken("its XML is broken, so that some items could not be told apart")


def _breaks_off(content: bytes) -> bool:
    """Whether nothing closes the feed behind its last whole item, whatever length was promised."""
    root = _first(_OPENING, content)
    if root is None or root[3].endswith(b"/"):
        return False
    found = _item_starts(content)
    closing = re.compile(rb"</" + re.escape(root[2]) + rb"\s*>", re.I)
    return closing.search(content, found[1] if found else root.end()) is None


def _items_in(piece: bytes) -> int:
    first = _next_item(piece)
    return len(re.findall(rb"<" + re.escape(first[1]) + rb"(?=[\s/>])", piece)) if first else 0


def _headers(media_type: str, charset: str | None) -> dict[str, str]:
    """Headers only where they speak of XML: without, or with another type, feedparser guesses wrongly."""
    if "xml" not in media_type:
        return {}
    # As application/xml, since text/xml without a character set would mean ASCII, which nobody means.
    return {"content-type": f"application/xml; charset={charset}" if charset else "application/xml"}


def _recoded(content: bytes, charset: str | None) -> tuple[bytes, str | None]:
    """The feed in an encoding where tags can be seen byte by byte: UTF-16 and UTF-32 become UTF-8."""
    encoding = next((name for mark, name in _WIDE if content.startswith(mark)), None)
    if encoding is None:
        return content, charset
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    recoded = bytearray()
    for at in range(0, len(content), 1 << 20):
        recoded += decoder.decode(content[at : at + (1 << 20)]).encode("utf-8", "replace")
    return re.sub(
        rb"^(\s*<\?xml[^>]{0,200}?)\s+encoding\s*=\s*[\"'][^\"']{0,40}[\"']", rb"\1", bytes(recoded)
    ), "utf-8"


def _refuse_entities(content: bytes) -> None:
    """Raise if the document type declares entities of its own: a few lines of them can unfold without end."""
    at = 0
    while token := _PROLOGUE.search(content, at):
        at = token.end()
        if token[0] in _SKIPPED:
            closing = content.find(_SKIPPED[token[0]], at)
            if closing < 0:
                return
            at = closing
        elif token[0].upper() == b"<!ENTITY":
            raise RefusedFeed(
                "it declares XML entities of its own, which are used for attacks and never for news"
            )
        elif token[0][:1] == b"<" and token[0] != b"<!":
            return


def cut_feed(content: bytes, *, whole_items: bool = False) -> Iterator[bytes]:
    """A long feed as several short ones, each a document of whole items; as it is where it cannot be cut.

    With `whole_items` what follows the last item that has ended is left out: it is half an item.
    """
    found = _item_starts(content)
    if found is None:
        yield content
        return
    starts, last_end, name = found
    parents = _open_elements(content[: starts[0]])
    declaration = _DECLARED.match(content[:400])
    opening = (declaration[0] if declaration else b"") + b"".join(tag for _, tag in parents)
    closing = b"".join(b"</%s>" % parent for parent, _ in reversed(parents))
    stop = last_end if whole_items else len(content)
    if whole_items and starts[-1] > last_end:
        starts.pop()
    for number, (at, until) in enumerate(pairwise([*_cuts(starts), stop])):
        before = content[: starts[0]] if number == 0 else opening
        is_end = until == len(content)
        yield before + content[at:until] + (b"" if is_end else closing)
    if not starts:
        yield content[: content.find(b"<" + name)] + closing


def _item_starts(content: bytes) -> tuple[list[int], int, bytes] | None:
    """Where each item begins, where the last whole one ends, and what they are called; None without any."""
    first = _next_item(content)
    if first is None:
        return None
    name = first[1]
    mark = re.compile(rb"<!--|<!\[CDATA\[|<\?|<(/?)" + re.escape(name) + rb"(?=[\s/>])")
    starts, last_end, is_open, at = [], first.start(), False, first.start()
    while token := mark.search(content, at):
        at = token.end()
        if token[0] in _SKIPPED:
            closing = content.find(_SKIPPED[token[0]], at)
            if closing < 0:
                break
            at = closing
        elif token[1]:
            end = content.find(b">", at) + 1
            last_end, is_open = end or last_end, False
        elif not is_open:
            # Only a start after an end is a border: an item inside an item stays with it.
            starts.append(token.start())
            is_open = True
    return starts, last_end, name


def _next_item(content: bytes) -> re.Match[bytes] | None:
    token = _first(_OPENING_OR_ITEM, content)
    return _ITEM.match(content, token.start()) if token else None


def _first(pattern: re.Pattern[bytes], content: bytes) -> re.Match[bytes] | None:
    """The first that is found outside comments, CDATA and instructions, whose beginnings it must find too."""
    at = 0
    while token := pattern.search(content, at):
        at = token.end()
        if token[0] not in _SKIPPED:
            return token
        closing = content.find(_SKIPPED[token[0]], at)
        if closing < 0:
            return None
        at = closing
    return None


_OPENING_OR_ITEM = re.compile(rb"<!--|<!\[CDATA\[|<\?|" + _ITEM.pattern, re.I)


def _cuts(starts: list[int]) -> list[int]:
    cuts: list[int] = []
    count = 0
    for start in starts:
        if not cuts or count == _SLICE_ITEMS or start - cuts[-1] > _SLICE_BYTES:
            cuts.append(start)
            count = 0
        count += 1
    return cuts


def _open_elements(prologue: bytes) -> list[tuple[bytes, bytes]]:
    """The elements that are open at the end of the prologue: name and whole start tag, outermost first."""
    stack: list[tuple[bytes, bytes]] = []
    at = 0
    while token := _OPENING.search(prologue, at):
        at = token.end()
        if token[0] in _SKIPPED:
            closing = prologue.find(_SKIPPED[token[0]], at)
            if closing < 0:
                break
            at = closing
        elif token[1]:
            names = [name for name, _ in stack]
            if token[2] in names:
                del stack[len(names) - 1 - names[::-1].index(token[2]) :]
        elif not token[3].endswith(b"/"):
            stack.append((token[2], token[0]))
    return stack[:64]


def _json_parts(content: bytes, asked: Asked) -> Iterator[tuple[Head, Sequence[_Entry]]]:
    feed = None
    if len(content) <= _WHOLE_JSON and not asked.cut:
        with suppress(ValueError, RecursionError):
            feed = json.loads(content)
    if isinstance(feed, dict):
        head = _json_head(feed)
        yield head, [_json_entry(item) for item in _listed(feed, "items")]
        if head.version and not isinstance(feed.get("items"), list):
            raise _Broken("it has no list of items")
        return
    text = content.decode("utf-8", "replace")
    for entries in _json_items(text):
        yield _json_head({"version": "jsonfeed"}), entries


def _json_items(text: str) -> Iterator[list[_Entry]]:
    """The items of a JSON feed that is too long or broken, one after the other, as far as they are whole."""
    opening = re.search(r"\"items\"\s*:\s*\[", text)
    decoder, at = json.JSONDecoder(), opening.end() if opening else len(text)
    entries: list[_Entry] = []
    while start := re.compile(r"[\s,]*(?=\{)").match(text, at):
        try:
            item, at = decoder.raw_decode(text, start.end())
        except (ValueError, RecursionError):
            break
        entries.append(_json_entry(item))
        if len(entries) == _SLICE_ITEMS:
            yield entries
            entries = []
    yield entries
    if not re.compile(r"[\s,]*\]").match(text, at):
        raise _Broken("its JSON is broken after these")


def _json_head(feed: dict[str, Any]) -> Head:
    version = feed.get("version")
    return Head(
        version="json" if isinstance(version, str) and "jsonfeed" in version else "",
        title=one_line(_said(feed, "title")),
        link=_said(feed, "home_page_url"),
        author=_json_author(feed),
        language=_language(feed.get("language")),
        more=_said(feed, "next_url") or None,
    )


def _json_entry(item: dict[str, Any]) -> _Entry:
    """An item of a JSON feed in the words of feedparser, so that one function reads both."""
    number = item.get("id")
    html, text = _said(item, "content_html"), _said(item, "content_text")
    entry: _Entry = {
        "id": str(number) if isinstance(number, str | int | float) else "",
        "link": _said(item, "url") or _said(item, "external_url"),
        "title": _said(item, "title"),
        "title_detail": {"type": "text/plain", "value": _said(item, "title")},
        "summary_detail": {"type": "text/plain", "value": _said(item, "summary")},
        "content": [{"type": "text/html", "value": html} if html else {"type": "text/plain", "value": text}],
        "published": _said(item, "date_published"),
        "updated": _said(item, "date_modified"),
        "author": _json_author(item) or "",
        "language": item.get("language"),
    }
    if item.get("attachments") or item.get("image"):
        entry["media_content"] = [{}]
    return entry


def _json_author(holder: dict[str, Any]) -> str | None:
    authors = holder.get("authors")
    author = authors[0] if isinstance(authors, list) and authors else holder.get("author")
    return _named(one_line(_said(author, "name"))) if isinstance(author, dict) else None


def _head(found: _Entry, asked: Asked) -> Head:
    feed: _Entry = found["feed"]
    return Head(
        version=str(found.get("version") or ""),
        title=one_line(_said(feed, "title"))[:300],
        link=_said(feed, "link"),
        author=_author(feed),
        language=_language(dict.get(feed, "language")),
        ttl=_minutes(_said(feed, "ttl")),
        period=_period(_said(feed, "sy_updateperiod"), _said(feed, "sy_updatefrequency")),
        more=_next_page(feed, asked.url),
    )


def _minutes(written: str) -> int | None:
    return int(written) if re.fullmatch(r"\d{1,6}", written.strip()) else None


def _period(period: str, frequency: str) -> int | None:
    minutes = {"hourly": 60, "daily": 1440, "weekly": 10080, "monthly": 43200, "yearly": 525600}.get(
        period.strip().lower()
    )
    return minutes // max(_minutes(frequency) or 1, 1) if minutes else None


def _next_page(feed: _Entry, url: str) -> str | None:
    links = _listed(feed, "links")
    following = next((link for link in links if link.get("rel") == "next"), {})
    return clean_link(_said(following, "href"), url) if following else None


def _posts(entries: Sequence[_Entry], head: Head, asked: Asked) -> Iterator[Callable[[], Post]]:
    """Each post as something still to be read, since any of them may fail."""
    for entry, guid in zip(entries, _guids(entries), strict=True):
        yield partial(_post, entry, guid, head, asked)


def _guids(entries: Sequence[_Entry]) -> list[str]:
    """What names each entry: its own id, else its link, else what it says; two that differ never "
    "share one."""
    keys = [clean(_said(entry, "id")) or _said(entry, "link") for entry in entries]
    counts = Counter(keys)
    return [
        key if key and counts[key] == 1 and len(key) <= _LONGEST_ID else _made(entry)
        for key, entry in zip(keys, entries, strict=True)
    ]


def _made(entry: _Entry) -> str:
    said = [_said(entry, name) for name in ("id", "link", "title", "published")]
    if not any(said[1:3]):
        said.append(_said(entry, "summary")[:2000])
    return "made:" + hashlib.sha256("\x1f".join(said).encode("utf-8", "replace")).hexdigest()[:32]


def _post(entry: _Entry, guid: str, head: Head, asked: Asked) -> Post:
    base = _base(entry, head, asked.url)
    url = (
        clean_link(_link(entry), base)
        or clean_link(head.link, asked.url)
        or clean_link(asked.url)
        or asked.url
    )
    written = _body(entry, url)
    title, source = _title(entry), _source(entry)
    if source and title.endswith(f" - {source}"):
        title = title.removesuffix(f" - {source}")
    posted, edited = _times(entry)
    parent, thread = _conversation(entry, url, asked)
    return Post(
        platform="feed",
        id=_id(guid, asked),
        url=url,
        title=title,
        text=written.text,
        author=_author(entry) or source or head.author,
        posted_at=posted,
        edited_at=edited,
        language=_entry_language(entry) or head.language,
        channel=Channel.OFFICIAL_ACCOUNT if asked.official else Channel.PUBLIC_MENTION,
        parent=parent,
        thread=thread,
        links=written.links,
        has_media=written.has_media or _has_media(entry),
        sensitive=dict.get(entry, "itunes_explicit") is True
        or _said(_held(entry, "media_rating"), "content") == "adult",
    )


def _id(guid: str, asked: Asked) -> str:
    # Mere numbers are counted anew in each feed of a site; anything longer is meant to be unique.
    own = f"{asked.path} {guid}" if guid.isdigit() and asked.path else guid
    return f"{asked.site} {own}"


def _base(entry: _Entry, head: Head, url: str) -> str:
    for name in ("title_detail", "summary_detail"):
        base = _said(_held(entry, name), "base")
        if base:
            return _joined(url, base)
    return _joined(url, head.link)


@lru_cache(maxsize=64)
def _joined(url: str, base: str) -> str:
    try:
        joined = urljoin(url, base)
    except ValueError:
        return url
    return joined if joined.startswith(("http://", "https://")) else url


def _link(entry: _Entry) -> str:
    original = _said(entry, "feedburner_origlink") or _said(entry, "link")
    if original:
        return original
    others = (
        link for link in _listed(entry, "links") if link.get("rel") in {"alternate", "related", "via", "self"}
    )
    return next((_said(link, "href") for link in others), "")


def _title(entry: _Entry) -> str:
    detail = _held(entry, "title_detail")
    value = _said(detail, "value") or _said(entry, "title")
    if _said(detail, "type") == "text/plain" and not is_marked_up(value):
        return " ".join(clean(value).split())[:2000]
    return one_line(value)[:2000]


def _source(entry: _Entry) -> str:
    return one_line(_said(_held(entry, "source"), "title"))[:200]


def _body(entry: _Entry, base: str) -> Written:
    """The whole content, with the summary before it where that says something else."""
    parts = [_written(detail, base) for detail in _listed(entry, "content") if _is_text(detail)]
    summary = _held(entry, "summary_detail") or {"type": "text/html", "value": _said(entry, "summary")}
    content = max(parts, key=lambda part: len(part.text), default=Written(""))
    if not _said(summary, "value") or (
        parts and _said(summary, "value") == _said(_listed(entry, "content")[0], "value")
    ):
        return content
    before = _written(summary, base)
    if not content.text:
        return replace(before, has_media=before.has_media or content.has_media)
    if _ELLIPSIS.sub("", before.text) in content.text:
        return content
    return Written(
        f"{before.text}\n\n{content.text}".strip(),
        tuple(dict.fromkeys(before.links + content.links)),
        before.has_media or content.has_media,
        before.cut or content.cut,
    )


def _is_text(detail: _Entry) -> bool:
    kind = _said(detail, "type") or "text/html"
    return kind.startswith("text/") or kind.endswith("xml")


def _written(detail: _Entry, base: str) -> Written:
    value = _said(detail, "value")
    if _said(detail, "type") == "text/plain" and not is_marked_up(value):
        return read_text(value)
    return read_html(value, _joined(base, _said(detail, "base")))


def _author(holder: _Entry) -> str | None:
    name = _said(_held(holder, "author_detail"), "name") or _said(holder, "author")
    return _named(one_line(name))


def _named(name: str) -> str | None:
    return name[:200] or None


def _times(entry: _Entry) -> tuple[datetime | None, datetime | None]:
    """When it was first said, and when it was changed; a feed that gives one time means the first."""
    published, created, updated = (_moment(entry, name) for name in ("published", "created", "updated"))
    posted = published or created or updated
    return posted, updated if updated != posted else None


def _moment(entry: _Entry, name: str) -> datetime | None:
    parsed = dict.get(entry, f"{name}_parsed")
    if parsed is None or isinstance(parsed, str | dict):
        return when(_said(entry, name))
    try:
        year, month, day, hour, minute, second = parsed[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _entry_language(entry: _Entry) -> str | None:
    details = [
        *_listed(entry, "content"),
        _held(entry, "summary_detail"),
        _held(entry, "title_detail"),
        entry,
    ]
    return next((found for detail in details if (found := _language(dict.get(detail, "language")))), None)


def _language(written: object) -> str | None:
    if not isinstance(written, str) or not _LANGUAGE.fullmatch(written.strip()):
        return None
    return written.strip().replace("_", "-")


def _conversation(entry: _Entry, url: str, asked: Asked) -> tuple[str | None, str | None]:
    """What it answers, and the conversation that it belongs to, where the feed says so."""
    answered = clean(_said(_held(entry, "thr_in-reply-to"), "ref"))[:_LONGEST_ID]
    if answered:
        return _id(answered, asked), _id(answered, asked)
    parts = urlsplit(url if "#" in url else "")
    if re.match(r"(?:comment|reply|post|p|c)[-_]?\d", parts.fragment):
        return None, parts._replace(fragment="").geturl()
    return None, None


def _has_media(entry: _Entry) -> bool:
    if any(dict.get(entry, name) for name in ("media_content", "media_thumbnail", "media_player")):
        return True
    return any(link.get("rel") == "enclosure" for link in _listed(entry, "links"))


def _said(holder: Any, name: str) -> str:
    # A feed may call its elements as feedparser calls its own keys, so nothing is what it seems.
    value = dict.get(holder, name) if isinstance(holder, dict) else None
    return value if isinstance(value, str) else ""


def _held(holder: _Entry, name: str) -> _Entry:
    value = dict.get(holder, name)
    return value if isinstance(value, dict) else {}


def _listed(holder: _Entry, name: str) -> list[_Entry]:
    value = dict.get(holder, name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _line(thing: Head | Post | End) -> bytes:
    name = type(thing).__name__.lower()
    if isinstance(thing, Post):
        # By hand: asdict copies every value, which doubles the cost of a post.
        fields: dict[str, Any] = {field: getattr(thing, field) for field in Post.__dataclass_fields__}
        fields["posted_at"] = thing.posted_at and thing.posted_at.isoformat()
        fields["edited_at"] = thing.edited_at and thing.edited_at.isoformat()
    else:
        fields = asdict(thing)
    return (
        json.dumps({name: fields}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        + b"\n"
    )


def _limit_ourselves() -> None:
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        # Some systems know a limit by name only; the parent's own deadline still stands.
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


def main(source: BinaryIO, to: BinaryIO) -> None:
    """Read one feed and write its posts, a line each, as soon as a slice of them is read."""
    _limit_ourselves()
    asked = Asked(**json.loads(source.readline(20_000)))
    try:
        for thing in read_feed(source.read(), asked):
            to.write(_line(thing))
            # At once: what is still held back when time is up would be lost.
            to.flush()
    except RefusedFeed as refused:
        to.write(json.dumps({"refused": str(refused)}).encode() + b"\n")
    except MemoryError:
        to.flush()
        to.write(json.dumps({"end": {"left": "it needs too much memory"}}).encode() + b"\n")


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
