"""Public pages without a feed: a forum thread, comments, a notice board; one post for each item on them."""

import codecs
import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, ClassVar, Literal
from urllib.parse import urljoin

import httpx
from cssselect import SelectorError
from lxml import etree
from lxml.cssselect import CSSSelector
from protego import Protego
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import Page, conditions, max_age, read, refuse_walls, spoken
from connectors.text import (
    LONGEST,
    clean_link,
    host_of,
    http_address,
    one_line,
    parse_html,
    path_of,
    read_element,
    read_text,
    when,
)

MOST_ITEMS = 2_000
"""The most items that one page gives."""
PAGE_LIMIT = 5_000_000
"""The most bytes of one page that are read from the wire; 20 MB when expanded."""
_ROBOTS_LIMIT = 500_000
_ROBOTS_FOR = timedelta(days=1)
_SHORT = 40
# Telling a page's own text from what surrounds it takes 30 us an element; beyond this all of it is read.
_MOST_ELEMENTS = 50_000
_LONGEST_NAME = 80
_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"

# What forums, comment plugins and schema.org call an item: the first of these that finds two is used.
_USUAL_ITEMS = (
    "[itemtype$='/Comment'], [itemtype$='/DiscussionForumPosting'], [itemtype$='/Review']",
    "li.comment, div.comment, article.comment, [id^='comment-']:not(form):not(textarea)",
    "article.post, div.post, li.post, article.message, div.message, [id^='post-']:not(form), "
    "[id^='post_']:not(form)",
    "article",
)
_UNREAD = re.compile(r"^\(\d+\) ")
_NOT_FOUND = re.compile(
    r"^\W*(?:(?:error )?404\b|page (?:was )?not found|not found|page (?:can ?not|can't) be found)", re.I
)
_LOGIN = re.compile(r"(?:you (?:must|need to)|please|you have to)(?: be)? (?:log|sign)(?:ged)?[ -]?in", re.I)
_LITTLE = 1500
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_AUTHORS = frozenset(
    [
        "author",
        "username",
        "user-name",
        "comment-author",
        "fn",
        "byline",
        "poster",
        "post-author",
        "message-name",
    ]
)
_FURNITURE = re.compile(
    r"\s*(?:(?:(?:about|over) )?(?:an?|\d+) ?(?:s|m|h|d|w|y|secs?|seconds?|mins?|minutes?|hrs?|hours?"
    r"|days?|weeks?"
    r"|months?|years?) ago|just now|today|yesterday|reply|quote|report|share|like|edit|permalink"
    r"|upvote|downvote"
    r"|\d+ (?:likes?|votes?|points?|repl(?:y|ies)|comments?|views?)|[\s\u00b7|\u2022,-])*\s*",
    re.I,
)
_META_CHARSET = re.compile(rb"<meta\b[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|template)\b.*?(?:</\1\s*>|\Z)", re.I | re.S
)
_LAST_TAG = re.compile(r"</(?:html|body)\s*>", re.I)
_HOLDER = re.compile(r"<(/?)(article|div|main|ol|section|table|ul)(?=[\s/>])", re.I)
_HALF_TAG = re.compile(r"<[/!]?[a-z][^<>]*\Z", re.I)
_NAMED_ITEM = re.compile(r"[A-Za-z][\w.:-]{0,100}")


def _selector(written: str) -> str:
    try:
        CSSSelector(written)
    except (SelectorError, etree.XPathError) as error:
        raise ValueError(f"write a CSS selector, as article.comment ({error})") from error
    return written


class _Cursor(BaseModel):
    """What the server called its last answer, and when its robots.txt last let us in."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    etag: str = ""
    modified: str = ""
    robots_at: datetime | None = None
    robots_wait: int = 0


class WebPage(Connector):
    """A public page that is watched for new items, as far as its robots.txt lets machines read it."""

    searched: ClassVar[tuple[str, ...]] = ("url",)

    platform: Literal["webpage"]
    url: Annotated[
        str,
        Field(
            max_length=2000,
            description="The address of the page, which anybody can see signed out.",
            examples=["https://forum.example/t/harrowby"],
        ),
        AfterValidator(http_address),
    ]
    items: Annotated[
        str | None,
        Field(
            max_length=500,
            description="A CSS selector for one item on the page, as article.comment. Without it the "
            "usual forms "
            "of comments are looked for, then the paragraphs of the page's own text.",
        ),
        AfterValidator(lambda written: written if written is None else _selector(written)),
    ] = None

    @property
    def host(self) -> str:
        """The host of the page's address, with its port where it has one."""
        return host_of(self.url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read the page if it has changed, and give one post for each item on it."""
        before = _cursor(cursor)
        robots = self._ask_robots(http) if before.robots_at is None else before
        page = read(
            http,
            self.url,
            headers={"accept": _ACCEPT} | conditions(before.etag, before.modified),
            limit=PAGE_LIMIT,
            expanded=4 * PAGE_LIMIT,
        )
        after = _Cursor(
            etag=page.etag or before.etag,
            modified=page.modified or before.modified,
            robots_at=_still_good(robots.robots_at, page.date),
            robots_wait=robots.robots_wait,
        )
        wait = max(max_age(page.headers) or timedelta(0), timedelta(seconds=robots.robots_wait)) or None
        if page.status == httpx.codes.NOT_MODIFIED:
            return Batch(posts=(), cursor=after.model_dump_json(), wait=wait)
        posts = self._posts(page)
        state, reason = _state(page, posts, self.items)
        if state is not State.OK:
            after = after.model_copy(update={"etag": "", "modified": ""})
        if page.moved_to and page.moved_to != self.url:
            moved = f"This page has moved to {spoken(page.moved_to)}"
            reason = f"{reason} {moved}; please change the address in the configuration.".strip()
        return Batch(posts=posts, cursor=after.model_dump_json(), state=state, reason=reason, wait=wait)

    def _ask_robots(self, http: httpx.Client) -> _Cursor:
        """Whether robots.txt lets us read the page; raises Refused where it does not."""
        address = urljoin(self.url, "/robots.txt")
        try:
            robots = read(http, address, limit=_ROBOTS_LIMIT, expanded=2 * _ROBOTS_LIMIT, seconds=20)
        except Refused as refused:
            if refused.state is State.FILTERED_HERE:
                raise
            # A site that answers 4xx here has no rules for machines (RFC 9309, 2.3.1.3).
            return _Cursor()
        rules = Protego.parse(robots.content.decode("utf-8", "replace"))
        agent = http.headers.get("user-agent", "")
        if not rules.can_fetch(self.url, agent):
            raise Refused(
                f"The robots.txt of {self.host} asks machines not to read {spoken(self.url)}. Ask its "
                "owner, use "
                "a feed of theirs, or remove this source.",
                State.BLOCKED,
            )
        delay = rules.crawl_delay(agent) or 0
        return _Cursor(robots_at=robots.date, robots_wait=int(min(max(delay, 0), 3600)))

    def _posts(self, page: Page) -> tuple[Post, ...]:
        refuse_walls(page)
        if not page.is_html and b"<" not in page.content[:5000]:
            raise Unavailable(
                f"{spoken(page.url)} answered with something that is no web page. Open it in a "
                "browser; if it is "
                "a feed, set platform: feed.",
                State.PARSE_ERROR,
            )
        root = parse_html(page.content, _charset(page))
        if root is None:
            raise Unavailable(
                f"{spoken(page.url)} is built so that it cannot be read safely.", State.PARSE_ERROR
            )
        title = _UNREAD.sub("", one_line(root.findtext(".//title") or ""))[:300]
        if _NOT_FOUND.match(title):
            raise Refused(
                f"{spoken(page.url)} says that there is no such page. Correct the address, or remove this "
                "source.",
                State.BLOCKED,
            )
        context = _Context(
            page.url, f"{self.host} {path_of(self.url)}", title, _language(root), self.official is not None
        )
        posts = tuple(_found(root, self.items, context))
        if sum(len(post.text) for post in posts) < _LITTLE and any(
            _LOGIN.search(post.text) for post in posts
        ):
            raise Refused(
                f"{spoken(page.url)} asks for a login. Only what anybody can see signed out is read; remove "
                "this source, or use an address that is public.",
                State.LOGIN_WALL,
            )
        return posts


@dataclass(frozen=True, slots=True)
class _Context:
    """What all items of one page share; `place` begins their ids."""

    url: str
    place: str
    title: str
    language: str | None
    official: bool

    @property
    def channel(self) -> Channel:
        """The school's own page, or anybody's."""
        return Channel.OFFICIAL_ACCOUNT if self.official else Channel.PUBLIC_MENTION


def _found(root: etree._Element, items: str | None, context: _Context) -> Iterator[Post]:
    elements = CSSSelector(items)(root) if items else _usual(root)
    if not elements and not items:
        return _paragraphs(root, context)
    return _items(elements, context)


def _usual(root: etree._Element) -> list[etree._Element]:
    for selector in _USUAL_ITEMS:
        found: list[etree._Element] = CSSSelector(selector)(root)
        if len(found) > 1:
            return found
    return []


def _items(elements: Sequence[etree._Element], context: _Context) -> Iterator[Post]:
    inner, seen, texts = frozenset(elements), set[str](), dict[etree._Element, tuple[str, str]]()
    for element in elements[:MOST_ITEMS]:
        above = next((up for up in element.iterancestors() if up in inner), None)
        post = _item(element, inner, context, answered=texts.get(above))
        if post is None or post.id in seen:
            continue
        seen.add(post.id)
        texts[element] = (post.id, post.text[:5000])
        yield post


def _item(
    element: etree._Element,
    inner: frozenset[etree._Element],
    context: _Context,
    answered: tuple[str, str] | None,
) -> Post | None:
    """One item as a post; the items inside it (the answers to a comment) are left to themselves."""
    own = list(_own(element, inner))
    who, at = _author(own), _time(own)
    aside = {part for part in (who, at) if part is not None}
    # "3 hours ago" is another text at every poll, and a name is not what somebody said.
    written = read_element(element, context.url, apart=inner - {element} | aside)
    text = _without_furniture(written.text)
    if not text:
        return None
    author = None if who is None else one_line(read_element(who).text)[:200] or None
    posted = None if at is None else _moment(at)
    anchor, link = _anchor(element, own), _permalink(own, context.url)
    url = link or (f"{context.url.partition('#')[0]}#{anchor}" if anchor else context.url)
    key = anchor or link or _made(author, posted, text)
    return Post(
        platform="webpage",
        id=f"{context.place} {key}",
        url=url,
        title=_heading(own) or context.title,
        text=text,
        author=author,
        posted_at=posted,
        language=_language(element) or context.language,
        channel=context.channel,
        parent=answered[0] if answered else None,
        parent_text=answered[1] if answered else "",
        thread=context.url,
        links=tuple(found for found in written.links if found != url),
        has_media=written.has_media,
    )


def _own(element: etree._Element, inner: frozenset[etree._Element]) -> Iterator[etree._Element]:
    """What belongs to an item itself and not to the items inside it, in the order of the page."""
    for child in element:
        if isinstance(child.tag, str) and child not in inner:
            yield child
            yield from _own(child, inner)


def _anchor(element: etree._Element, own: Sequence[etree._Element]) -> str:
    """The name by which the page itself calls the item."""
    for holder in (element, *own[:5]):
        for name in ("id", "data-id", "data-post-id", "data-comment-id", "name"):
            named = holder.get(name) or ""
            if _NAMED_ITEM.fullmatch(named) and (holder is element or holder.tag == "a"):
                return named
    return ""


def _permalink(own: Sequence[etree._Element], base: str) -> str:
    """The item's own address, where it has one: a bookmark, the link round its time, or its headline's."""
    for element in own:
        if element.tag != "a" or not element.get("href"):
            continue
        is_bookmark = "bookmark" in (element.get("rel") or "") or "permalink" in (element.get("class") or "")
        parent = element.getparent()
        is_headline = parent is not None and parent.tag in _HEADINGS
        if is_bookmark or is_headline or element.find(".//time") is not None:
            return clean_link(element.get("href") or "", base) or ""
    return ""


def _author(own: Sequence[etree._Element]) -> etree._Element | None:
    for element in own:
        classes = set((element.get("class") or "").lower().split())
        is_named = element.get("rel") == "author" or element.get("itemprop") == "author" or classes & _AUTHORS
        if is_named and len("".join(element.itertext())) <= _LONGEST_NAME:
            return element
    return None


def _time(own: Sequence[etree._Element]) -> etree._Element | None:
    for element in own:
        if element.tag == "time" or element.get("itemprop") in {"datePublished", "dateCreated"}:
            return element
    return None


def _moment(element: etree._Element) -> datetime | None:
    return when(element.get("datetime") or element.get("content") or "".join(element.itertext()))


def _heading(own: Sequence[etree._Element]) -> str:
    heading = next((element for element in own if element.tag in _HEADINGS), None)
    return "" if heading is None else one_line(read_element(heading).text)[:500]


def _without_furniture(text: str) -> str:
    """Text without the lines that are buttons and counters, which change while nobody says anything."""
    return "\n".join(line for line in text.split("\n") if not line or not _FURNITURE.fullmatch(line)).strip()


def _paragraphs(root: etree._Element, context: _Context) -> Iterator[Post]:
    """The page's own text, a post for each paragraph: a new one leaves the others as they are."""
    # Loading it takes most of a second, which only pages of this kind should cost.
    from trafilatura import extract  # noqa: PLC0415

    main = None
    if sum(1 for _ in islice(root.iter(), _MOST_ELEMENTS + 1)) <= _MOST_ELEMENTS:
        page = etree.tostring(root, encoding="unicode", method="html")
        main = extract(page, url=context.url, include_comments=True, favor_recall=True, deduplicate=False)
    text = read_text(main).text if main else _without_furniture(read_element(root, context.url).text)
    seen: set[str] = set()
    for block in _blocks(text):
        written = read_text(block)
        key = _made(None, None, written.text)
        if key in seen:
            continue
        seen.add(key)
        yield Post(
            platform="webpage",
            id=f"{context.place} {key}",
            url=context.url,
            title=context.title,
            text=written.text,
            language=context.language,
            channel=context.channel,
            thread=context.url,
            links=written.links,
        )


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs; a short line, as a headline is, goes with what follows it."""
    held: list[str] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        held.append(line)
        if len(line) >= _SHORT:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _made(author: str | None, posted: datetime | None, text: str) -> str:
    said = "\x1f".join((author or "", posted.isoformat() if posted else "", text))
    return "made:" + hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]


def _language(element: etree._Element) -> str | None:
    written = (element.get("lang") or "").strip()
    return written if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}", written) else None


def _charset(page: Page) -> str:
    """The character set of a page: by its mark, its headers, its own word, else UTF-8 where it fits."""
    meta = _META_CHARSET.search(page.content[:4096])
    marked = "utf-8" if page.content.startswith(codecs.BOM_UTF8) else None
    for named in (marked, page.charset, meta[1].decode("ascii", "replace") if meta else None):
        with contextlib.suppress(LookupError):
            if named and codecs.lookup(named).name != "utf-7":
                return codecs.lookup(named).name
    try:
        page.content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _breaks_off(page: Page) -> bool:
    """Whether a page ends in the middle, whatever length was promised.

    HTML lets a page do without the ends of `body`, `li` or `p`, but not of a tag or of what holds a page
    together.
    """
    html = _UNSEEN.sub("", page.content.decode(_charset(page), "replace"))
    if _LAST_TAG.search(html):
        return False
    inner = Counter[str]()
    for tag in _HOLDER.finditer(html):
        inner[tag[2].lower()] += -1 if tag[1] else 1
    return max(inner.values(), default=0) > 0 or _HALF_TAG.search(html) is not None


def _state(page: Page, posts: Sequence[Post], items: str | None) -> tuple[State, str]:
    too_long = any(len(post.text) == LONGEST for post in posts)
    if page.truncated or too_long or len(posts) == MOST_ITEMS:
        why = page.cut or (
            f"an item has more than {LONGEST} characters" if too_long else f"{MOST_ITEMS} items"
        )
        return State.PARSE_ERROR, f"read {len(posts)} items, the rest was over the limit ({why})."
    if _breaks_off(page):
        return State.PARSE_ERROR, f"read {len(posts)} items; the end of it did not arrive."
    if posts:
        return State.OK, ""
    if items:
        return (
            State.PARSE_ERROR,
            f"The selector {items} finds nothing on the page. It may have a new shape: look at it.",
        )
    return (
        State.PARSE_ERROR,
        "The page shows no text to a reader without JavaScript. Look for a feed of that site.",
    )


def _still_good(fetched: datetime | None, now: datetime | None) -> datetime | None:
    """When robots.txt was read, as long as that is no more than a day ago by the site's own clock."""
    if fetched is None or now is None or not timedelta(0) <= now - fetched <= _ROBOTS_FOR:
        return None
    return fetched


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the page once more costs little.
        return _Cursor()
