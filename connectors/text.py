"""Turning what the web serves into plain text, clean links and honest times; pure, raising on no input."""

import html as entities
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import combinations
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from lxml import etree

LONGEST = 1_000_000
"""The most characters of plain text that one post keeps."""
_LONGEST_LINK = 4_000
_MOST_LINKS = 200
_MOST_MARKUP = 8_000_000

# Controls (but tab and newline), bidirectional marks that can turn a sentence round for its reader,
# characters of no width or ink that split a name (tags, but for those of a flag), and halves of pairs that
# no file can hold.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\uffff\u115f\u1160\u3164\uffa0]"
    "|(?<![\U0001f3f4\U000e0001-\U000e007f])[\U000e0001-\U000e007f]+"
)
_ODD_SPACE = str.maketrans(dict.fromkeys("\t\f\v\xa0", " "))
_ALL_SPACE = str.maketrans(dict.fromkeys("\t\r\n\f\v\xa0", " "))
_LINE_EDGE = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85]")
# Most links are like this, and taking an address apart is the dearest thing that happens to one.
_CLEAN_ALREADY = re.compile(r"https?://[a-z0-9.-]+/[A-Za-z0-9/_.-]{0,500}")
_BARE_LINK = re.compile(r"https?://[^\s<>\"'\u201c\u201d\u2018\u2019]{3,2000}")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)[^<>]*>|<!--|<[!?][^<>]*>")
_MARKUP = re.compile(r"<(?:/?[a-zA-Z]|!--)")
_HTML_TAG = re.compile(
    r"</?(?:a|abbr|article|b|big|blockquote|body|br|center|code|dd|del|div|dl|dt|em|embed|figure|font|footer|form"
    r"|frame|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|li|link|main|mark|meta|nav|object|ol|p|picture"
    r"|pre|q|s|script|section|small|source|span|strike|strong|style|sub|sup|svg|table|tbody|td|th|time|tr|tt|u|ul"
    r"|video)(?:\s[^<>]*)?/?>",
    re.I,
)
# libxml2 compares each attribute of a tag with all that came before: a megabyte of them takes it minutes.
_ATTRIBUTE = rb"(?>[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+|))?+)"
_WHOLE_TAG = re.compile(rb"<[a-zA-Z][^\s/>]*+(?:((?:%s){3000}+)|(?:%s)*+)" % (_ATTRIBUTE, _ATTRIBUTE))
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.I)


def _names(written: str) -> frozenset[str]:
    return frozenset(written.split())


_BREAKS = _names(
    "address article aside blockquote body br caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main menu nav ol option p pre section "
    "summary table tbody tfoot thead tr ul"
)
_PARAGRAPHS = _names("p h1 h2 h3 h4 h5 h6 blockquote pre ul ol table")
_CELLS = frozenset(["td", "th"])
_SILENT = _names(
    "applet audio base button canvas embed frame frameset head iframe link math meta noembed noframes "
    "noscript object script select style svg template textarea title video xml"
)
_MEDIA = frozenset(["img", "picture", "video", "audio", "iframe", "embed", "object"])

_TRACKING = _names(
    "fbclid gclid dclid gbraid wbraid msclkid yclid twclid ttclid li_fat_id mc_cid mc_eid igshid igsh "
    "mkt_tok _hsenc _hsmi oly_anon_id oly_enc_id vero_id wickedid s_cid ns_mchannel ns_campaign "
    "ns_source ns_linkname at_medium at_campaign at_bbc_team at_link_id at_link_type at_link_origin "
    "at_format at_ptr_name at_campaign_type cmpid ref_src ref_url ftag xtor __twitter_impression"
)
_MIRRORS = _names("www web m mobile touch mbasic old new np amp")
"""Names before a host under which the same site is shown in another dress."""
_ALIASES = {
    "fb.com": "facebook.com",
    "fixupx.com": "x.com",
    "fixvx.com": "x.com",
    "fxtwitter.com": "x.com",
    "instagr.am": "instagram.com",
    "redd.it": "reddit.com/comments",
    "threads.net": "threads.com",
    "twitter.com": "x.com",
    "vxtwitter.com": "x.com",
    "youtu.be": "youtube.com/shorts",
    "youtube-nocookie.com": "youtube.com",
}
"""Where else the same posts stand, with what goes before the path there."""
_POST_IDS = {
    "bsky.app": r"/post/(\w+)",
    "facebook.com": r"[?&](?:story_fbid|fbid|v|multi_permalinks)=([\w.-]+)"
    r"|/(?:posts|permalink|reel|videos|photos)/(?:[^/?]+/)*(pfbid\w+|\d+)(?![^/?])"
    r"|/share/(?:\w/)?(\w{6,})",
    "instagram.com": r"/(?:p|reels?|tv)/([\w-]+)",
    "linkedin.com": r"(?:activity|share|ugcpost)[:-](\d{10,})",
    "pinterest.com": r"/pin/(?:[^/?]*-)?(\d+)",
    "reddit.com": r"/comments/(\w+)",
    "snapchat.com": r"/(?:p|spotlight)/([\w/-]+)",
    "threads.com": r"/(?:post|t)/([\w-]+)",
    "tiktok.com": r"/(?:video|photo|v)/(\d+)",
    "tumblr.com": r"/(?:post|[^/?]+)/(\d{6,})",
    "x.com": r"/status(?:es)?/(\d+)",
    "youtube.com": r"[?&]v=([\w-]+)|/(?:shorts|live|embed|v|post|clip)/([\w-]+)",
}
"""What names a post or its thread on each network; all else in an address there is how it was shared."""
_POST_ANYWHERE = re.compile(
    r"/(?:@[^/?]+|users/[^/?]+/statuses)/(\d{6,})"  # Mastodon and its kin
    r"|/t/(?:[^/?]*[^/?\d][^/?]*/)?(\d+)(?![^/?])"  # Discourse
    r"|/threads/(?:[^/?]*\.)?(\d+)(?![^/?])"  # XenForo
)
_TOPIC = re.compile(r"[?&](?:t|tid|topic|topicid|topic_id|thread|threadid|showtopic)=(\d+)")
_SESSIONS = _names("sid s phpsessid jsessionid sessionid session_id oscsid")
_QUERY_NAMES_IT = re.compile(r"\.(?:php\d?|aspx?|cgi|pl|jsp|do|cfm)$|^$")
"""Paths that are a program or the front page: what is shown stands in the query."""
_INSIDE = re.compile(r"https?:/{1,2}(?=[\w-]+\.)")
_MOST_LEFT_OUT = 12
_DIGITS = re.compile(r"\d")
_MANY_SPACES = re.compile(r" {2,}")
_DATE_FORMS = (
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %B %Y, %H:%M",
    "%d %B %Y %H:%M",
    "%d %B %Y",
    "%d %b %Y",
    "%A %d %B %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y%m%dT%H%M%SZ",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote as plain text, with its absolute links; `cut` where it was too long to keep."""

    text: str
    links: tuple[str, ...] = ()
    has_media: bool = False
    cut: bool = False


def read_text(text: str) -> Written:
    """Plain text as it was given, cleaned."""
    cleaned = clean(text)
    return Written(cleaned[:LONGEST], tuple(dict.fromkeys(_bare_links(cleaned))), cut=len(cleaned) > LONGEST)


def is_marked_up(text: str) -> bool:
    """Whether text that is called plain holds tags of HTML all the same; `<3` and `<sigh>` are none."""
    return "<" in text and _HTML_TAG.search(text) is not None


def read_html(html: str, base: str = "") -> Written:
    """The text of some HTML, of any shape or depth, without scripts, styles and hidden parts."""
    if not _MARKUP.search(html):
        return read_text(entities.unescape(html))
    root = parse_html(html[:_MOST_MARKUP])
    written = read_text(_strip(html[:_MOST_MARKUP])) if root is None else read_element(root, base)
    if len(html) > _MOST_MARKUP:
        return Written(written.text, written.links, written.has_media, cut=True)
    return written


def parse_html(html: str | bytes, charset: str | None = None) -> etree._Element | None:
    """The tree of an HTML page or fragment; None where it is empty, or nested deeper than any honest one.

    None, too, where a tag has thousands of attributes.
    """
    data = html.encode("utf-8", "replace") if isinstance(html, str) else html
    if any(tag[1] for tag in _WHOLE_TAG.finditer(data)):
        return None
    parser = etree.HTMLParser(
        encoding="utf-8" if isinstance(html, str) else charset,
        no_network=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError, AssertionError):
        return None
    return None if any("RESOURCE_LIMIT" in entry.type_name for entry in parser.error_log) else root


def read_element(
    element: etree._Element, base: str = "", apart: Collection[etree._Element] = frozenset()
) -> Written:
    """The text, links and media of one element of a parsed page, without the elements to be kept apart."""
    walk = _Walk(base, apart)
    walk.into(element)
    text = _tidy("".join(walk.pieces))
    links = dict.fromkeys([*walk.links, *_bare_links(text)])
    return Written(text[:LONGEST], tuple(links)[:_MOST_LINKS], walk.has_media, cut=len(text) > LONGEST)


def one_line(html: str) -> str:
    """A title, name or other short thing as one line of plain text, whether or not it holds markup."""
    text = read_html(html).text if "<" in html or "&" in html else clean(html)
    return " ".join(text.split())


def clean(text: str) -> str:
    """Text without controls, bidirectional marks and needless space; lines are kept."""
    if "\r" in text or not text.isascii():
        text = _LINE_END.sub("\n", text)
    return _tidy(text.translate(_ODD_SPACE))


def clean_link(link: str, base: str = "") -> str | None:
    """The absolute http(s) address that a link leads to, without what tracks the reader; else None."""
    if _CLEAN_ALREADY.fullmatch(link):
        return link
    try:
        absolute = urljoin(base, _UNSAFE.sub("", link).strip())
        for _ in range(3):
            inner = _unwrapped(absolute)
            if inner is None:
                break
            absolute = inner
        return _without_tracking(absolute)
    except ValueError:
        return None


def search_words(written: str) -> str:
    """The words of a search as one line, without quotation marks; raises ValueError where there are none."""
    words = " ".join(written.replace('"', " ").split())
    if not words:
        raise ValueError("write the words to search for, such as Harrowby Green")
    return words


def http_address(written: str) -> str:
    """A web address as the configuration may give it; raises ValueError that says what is allowed."""
    parts = urlsplit(written.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write a whole web address, as https://example.org/page")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a name or password in an address is not used: only what is public is read")
    if parts.port == 0:
        raise ValueError("the port in the address cannot be 0")
    return parts.geturl()


def host_of(url: str) -> str:
    """The host of an address in small letters, with its port where the address names one."""
    parts = urlsplit(url)
    return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def path_of(url: str) -> str:
    """The address of something within its host: path and query."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def page_of(url: str) -> str:
    """What names the page of an address, or the thread it stands in, however the address was copied.

    It is for comparing alone, and rather takes two pages for one than one for two.
    """
    place, asked = _place(url)
    return _post_in(place, asked) or _spelt(place, asked)


def pages_of(url: str) -> set[str]:
    """Every page that an address may lead to: its own, and those of the same address with less behind it.

    Share links carry tails that nobody can list, and on other sites the query alone names the post. So an
    address leads to a page if it has all that the page's own address has, whatever else it has.
    """
    place, asked = _place(url)
    if found := _post_in(place, asked):
        return {found}
    fewest = 1 if _QUERY_NAMES_IT.search(place.partition("/")[2]) else 0
    some = asked[:_MOST_LEFT_OUT]
    fewer = (part for many in range(fewest, min(len(some), 3) + 1) for part in combinations(some, many))
    return {_spelt(place, asked), *(_spelt(place, part) for part in fewer)}


def when(written: str) -> datetime | None:
    """The time that a text names, in UTC; one without a zone is taken as UTC, one that is no time is None."""
    if not _DIGITS.search(written):
        return None
    written = " ".join(written.split())[:80]
    for read in (datetime.fromisoformat, parsedate_to_datetime, _british):
        try:
            return in_utc(read(written))
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC; raises OverflowError at the far ends of the calendar."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Walk:
    """One pass over a tree that gathers text, links and whether there is media."""

    def __init__(self, base: str, apart: Collection[etree._Element]) -> None:
        self.base = base
        self.apart = apart
        self.pieces: list[str] = []
        self.links: list[str] = []
        self.has_media = False

    def into(self, element: etree._Element) -> None:
        tag = element.tag
        if not isinstance(tag, str) or element in self.apart:
            return
        if tag in _MEDIA:
            self._see_media(element, tag)
        if tag in _SILENT or _is_hidden(element):
            return
        edge = "\n\n" if tag in _PARAGRAPHS else "\n" if tag in _BREAKS else " " if tag in _CELLS else ""
        if edge:
            self.pieces.append(edge)
        if tag == "a":
            self._see_link(element)
        self._say(element.text)
        for child in element:
            self.into(child)
            self._say(child.tail)
        if edge and tag != "br":
            self.pieces.append(edge)

    def _say(self, text: str | None) -> None:
        if text:
            self.pieces.append(text.translate(_ALL_SPACE))

    def _see_link(self, element: etree._Element) -> None:
        link = clean_link(element.get("href") or "", self.base) if element.get("href") else None
        if link and len(self.links) < _MOST_LINKS:
            self.links.append(link)

    def _see_media(self, element: etree._Element, tag: str) -> None:
        is_smiley = "smiley" in (element.get("class") or "") or "emoji" in (element.get("class") or "")
        if is_smiley:
            # Blogs draw emoji as pictures; the sign itself is in `alt`, and a threat may hang on it.
            self._say((element.get("alt") or "")[:40])
        elif not (element.get("width") == "1" or element.get("height") == "1"):
            self.has_media = self.has_media or tag != "iframe" or bool(element.get("src"))


def _is_hidden(element: etree._Element) -> bool:
    if not element.attrib:
        return False
    style = element.get("style")
    return element.get("hidden") is not None or (style is not None and bool(_HIDING.search(style)))


def _tidy(text: str) -> str:
    text = _UNSAFE.sub("", text)
    if "  " in text:
        text = _MANY_SPACES.sub(" ", text)
    if "\n" in text:
        text = _MANY_LINES.sub("\n\n", _LINE_EDGE.sub("\n", text))
    return text.strip()


def _strip(html: str) -> str:
    """The text between tags, for markup that no tree could be made of; one pass, whatever it holds."""
    pieces, at = [], 0
    while tag := _TAG.search(html, at):
        pieces.append(html[at : tag.start()])
        at = tag.end()
        if tag[0] == "<!--":
            closing = html.find("-->", at)
            at = len(html) if closing < 0 else closing + 3
        elif tag[2] and not tag[1] and tag[2].lower() in _SILENT:
            end = re.compile(rf"</{re.escape(tag[2])}\s*>", re.I).search(html, at)
            at = len(html) if end is None else end.end()
        else:
            pieces.append("\n" if tag[2] and tag[2].lower() in _BREAKS else " ")
    pieces.append(html[at:])
    return entities.unescape("".join(pieces)).replace("<", " ")


def _bare_links(text: str) -> list[str]:
    if "://" not in text:
        return []
    found = (clean_link(match[0].rstrip(".,;:!?)]}")) for match in _BARE_LINK.finditer(text))
    return [link for link in found if link][:_MOST_LINKS]


def _unwrapped(link: str) -> str | None:
    """Where a search engine's or social network's redirect link leads, if it is one."""
    parts = urlsplit(link)
    host = (parts.hostname or "").removeprefix("www.")
    is_google = re.fullmatch(r"google(\.[a-z]{2,3}){1,2}", host) and parts.path == "/url"
    if not is_google and host not in {"l.facebook.com", "lm.facebook.com", "l.instagram.com"}:
        return None
    asked = dict(parse_qsl(parts.query, max_num_fields=50))
    inner = asked.get("url") or asked.get("q") or asked.get("u") or ""
    return inner if inner.startswith(("http://", "https://")) else None


def _without_tracking(link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(link) > _LONGEST_LINK:
        return None
    if parts.query:
        kept = "&".join(pair for pair in parts.query.split("&") if not _tracks(pair))
        parts = parts._replace(query=kept)
    if parts.fragment.startswith(("xtor=", "utm_")):
        parts = parts._replace(fragment="")
    if parts.username is not None or parts.password is not None:
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return parts.geturl().replace(" ", "%20")


def _place(url: str) -> tuple[str, tuple[str, ...]]:
    """Host and path, each written in one way, and what is asked there, in order."""
    link = clean_link(url) or url.strip()
    try:
        parts = urlsplit(link)
        host, path = parts.hostname or "", parts.path
        while inside := _INSIDE.search(path, 1):  # an archive's copy, or a proxy
            parts = urlsplit(f"https://{path[inside.end() :]}?{parts.query}")
            host, path = parts.hostname or "", parts.path
    except ValueError:
        return link.casefold(), ()
    place, _, before = _site(host).partition("/")
    for _ in range(3):
        path = unquote(path)
    steps: list[str] = [before] if before else []
    for step in re.sub(r";[^/]*", "", path.casefold()).split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in {"", "."}:
            steps.append(step)
    if steps and re.fullmatch(r"(?:index|default)\.(?:html?|php|aspx?)", steps[-1]):
        steps.pop()
    asked = parse_qsl(parts.query.replace(";", "&").casefold(), keep_blank_values=True)
    kept = {f"{name}={value}" for name, value in asked if name not in _SESSIONS and not _tracks(f"{name}=")}
    return "/".join((place, *steps)), tuple(sorted(kept))


def _site(host: str) -> str:
    """The host by the name that all its other names stand for; that of the network, where it is one."""
    try:
        host = host.rstrip(".").encode("idna").decode()
    except UnicodeError:
        host = host.rstrip(".")
    first, _, rest = host.partition(".")
    while first in _MIRRORS and "." in rest:
        host = rest
        first, _, rest = host.partition(".")
    host = _ALIASES.get(host, host)
    return next((network for network in _POST_IDS if host.endswith(f".{network}")), host)


def _post_in(place: str, asked: Sequence[str]) -> str:
    """The post or thread that the address names by a number or the like; nothing where none can be told."""
    host, _, path = place.partition("/")
    written = f"/{path}?{'&'.join(asked)}"
    found = re.search(_POST_IDS[host], written) if host in _POST_IDS else _POST_ANYWHERE.search(written)
    if found:
        return f"{host} {next(one for one in found.groups() if one)}"
    topic = _TOPIC.search(written)
    return f"{place} {topic[1]}" if topic else ""


def _spelt(place: str, asked: Sequence[str]) -> str:
    return f"{place}?{'&'.join(asked)}"


def _tracks(pair: str) -> bool:
    name = unquote(pair.partition("=")[0]).lower()
    return name.startswith("utm_") or name in _TRACKING


def _british(written: str) -> datetime:
    written = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", written.replace(" at ", " "))
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(written, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(written)
