"""Telling a page that shows the post from one that only stands in its place.

A wall is a page that asks, refuses or apologises instead of showing the post. Where all the post's words
can be seen, a question beside them is no wall; where only their beginning can, and a login is asked for
right there, it is one: a teaser is not the post. A title is not the post either: sites keep it when the
post is gone.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from monitor.captures import Order
from monitor.clues import telling
from monitor.evidence.messages import Look


@dataclass(frozen=True, slots=True)
class Wall:
    """What stands in the post's place, in words; `passes` where it may be gone soon."""

    reason: str
    passes: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    """How one kind of wall speaks.

    `plainly` is said by no page that shows a post, as a line of its own or in the title. `perhaps` is said
    by many pages, so it counts only where there is little else to read, or over the middle of the window.
    `where` are addresses that nobody is led to who is shown the post.
    """

    wall: Wall
    plainly: re.Pattern[str]
    perhaps: re.Pattern[str]
    where: re.Pattern[str]

    def led_to(self, asked: str, got: str) -> bool:
        """Whether we were led to such an address without having asked for one."""
        return _is_at(self.where, got) and not _is_at(self.where, asked)

    def stands_in(self, look: Look) -> bool:
        """Whether the page says so."""
        little = f"{look.title}\n{look.text}" if len(look.text) < _SHORT else ""
        lines = (look.title, *look.front.splitlines(), *look.text[:_BEGINNING].splitlines())
        return (
            any(map(self.plainly.match, _short(lines)))
            or self.perhaps.search(f"{look.front}\n{little}") is not None
        )


_SHORT = 2000
"""Characters: a page with more has something to tell."""
_BEGINNING = 1500
_LINE = 200
_KEY = 60
_OWN = 16
_END = 40
_NEXT = 600
_WHOLE_TEXT = 100_000


def _any(*phrases: str) -> re.Pattern[str]:
    """One of these; an apostrophe may be of any kind, or left out."""
    return re.compile("|".join(phrases or ("(?!)",)).replace("'", "['’]?"), re.IGNORECASE)


def _at(*places: str) -> re.Pattern[str]:
    """A host or path that begins or goes on so."""
    return _any(*(rf"{place}(?:[/._?-]|$)" for place in places))


_NO = _any()
_YOU_ARE = r"you(?: a|')re"
_SIGN_IN = r"(?:log|sign) ?in"
_JOIN = rf"(?:{_SIGN_IN}|be (?:logged|signed) in|sign up|register|join|subscribe|create an account)"
_ASK = (
    rf"(?:please |you (?:must|need to|have to) )?{_JOIN}(?:,? (?:or|and) {_JOIN})?(?: [\w.]+){{0,3}}?"
    r" (?:to|and|before you can) (?:see|view|read|watch|continue|access|unlock|show)\b"
)
_THING = (
    r"(?:content|page|post|video|clip|comment|thread|topic|tweet|photo|status|message|story|account|profile|link"
    r"|item|reply|discussion)"
)
_IS_NOT = (
    r"(?:isn't|is not|is no longer|no longer|not|isn't currently|could not be|couldn't be|cannot be|can't be)"
)
_WAS = r"(?:is|was|has been|have been|may have been|is currently|has)"

_FILTER = _Sign(
    Wall("the school's own web filter answered instead"),
    plainly=_any(
        r"(?:this|the) (?:web ?)?(?:site|page) (?:is|has been|was) (?:blocked|restricted) by (?:your|the) "
    ),
    perhaps=_any(
        r"(?:blocked|denied|restricted) by (?:your|the) "
        r"(?:school|college|trust|organi[sz]ation|administrator|network|council|local authority)",
        r"web ?filter|internet filter|filtering (?:policy|system)",
        r"smoothwall|fortiguard|lightspeed filter|securly|netsweeper",
    ),
    where=_NO,
)
_ROBOTS = _Sign(
    Wall("a test for robots stands before the page"),
    plainly=_any(
        rf"(?:please )?(?:verify|confirm|prove)(?: that)? {_YOU_ARE} (?:a )?(?:human|not an? (?:ro)?bot)",
        r"just a moment\W*$|security check\W*$|checking (?:your browser|(?:if|that|whether) )",
    ),
    perhaps=_any(
        r"unusual (?:traffic|activity)|(?:i'm|are you|you are|you're) (?:not )?an? (?:ro)?bot|captcha",
        r"checking your (?:browser|connection)|press (?:and|&) hold",
        r"enable javascript and cookies to continue",
    ),
    where=_at("/captcha", "/challenge", "/sorry"),
)
_BUSY = _Sign(
    Wall("the site says that it is asked too often", passes=True),
    plainly=_any(
        rf"too many requests|rate limit|{_YOU_ARE} (?:being rate.limited|going too fast|doing that too)",
        r"(?:(?:woah|whoa|please)\W+)?slow down\W*$",
    ),
    perhaps=_any(
        r"too many requests|rate.limit|too (?:quickly|fast|often|many)\b.{0,60}(?:again|wait)",
        r"try again in (?:a (?:few|couple of) )?(?:\d+ )?(?:second|minute|moment|hour)",
    ),
    where=_NO,
)
_AGE = _Sign(
    Wall("a question about the visitor's age stands before the page"),
    plainly=_any(
        r"(?:please )?(?:confirm|verify|check|enter) your (?:age|date of birth)",
        r"you must be (?:at least |over )?(?:13|16|18)\b",
        rf"(?:this|the) {_THING} {_WAS} (?:age.restricted|18\+|nsfw|for adults)",
    ),
    perhaps=_any(r"age (?:check|verification|assurance|restricted)|are you (?:over|at least) 1[368]"),
    where=_at("/age-?(?:check|gate|verif[a-z]*)"),
)
_LOST = (
    rf"{_THING} (?:{_IS_NOT} (?:available|found|exist)|(?:doesn't|does not) exist"
    rf"|{_WAS} (?:been )?(?:unavailable|deleted|removed|taken down|withdrawn|suspended|gone))\b"
)
_SORRY = r"(?:(?:sorry|oops|hmm|uh.oh)\W+)?"
_GONE_LINES = (
    rf"{_SORRY}(?:this|that|your|(?:the )?requested) {_LOST}",
    rf"{_THING} (?:not (?:found|available)|unavailable|deleted|removed|suspended)\W*$",
    rf"{_THING} (?:suspended|unavailable)\W",
    rf"{_SORRY}we (?:could not|couldn't|can't) (?:seem to )?find "
    rf"(?:what you|(?:that|the|this|your) (?:{_THING}|address|url|file|site)\b)",
    r"error 404\b|404\W+(?:error|page|file|not)\b",
)
_STRUCK = r"[\[(]?(?:deleted|removed)(?: by (?:the )?(?:user|author|moderators?))?[\])]?\W*$"
_GONE = _Sign(
    Wall("the site says that the post is not available"),
    plainly=_any(
        rf"{_SORRY}(?:(?:this|the|that|your|requested) ){{1,2}}{_LOST}",
        *_GONE_LINES,
        rf"{_SORRY}we (?:could not|couldn't|can't) (?:seem to )?find (?:that|the|this|what)\b",
        r"(?:error )?404\b",
        _STRUCK,
    ),
    perhaps=_any(
        rf"{_THING} (?:isn't|is not|is no longer|no longer) available",
        rf"{_THING} (?:was|has been|have been|may have been) (?:deleted|removed)",
        r"no longer exists|link you followed may be (?:broken|wrong)",
    ),
    where=_at("/404", "/not-?found", "/unavailable"),
)
_LOGIN = _Sign(
    Wall("the page asks for a login"),
    plainly=_any(
        _ASK,
        rf"(?:sorry\W+)?you (?:must|need to|have to) (?:be (?:logged|signed) in|{_SIGN_IN})\b",
        rf"{_SIGN_IN} (?:is )?required",
        r"(?:this|the) (?:account|profile|group|forum|board|page|post) is "
        r"(?:private|protected|members.only|for (?:registered )?(?:members|subscribers|followers))",
        r"only (?:members|friends|approved followers|registered users|subscribers) (?:can|may) ",
        r"you (?:do not|don't) have permission to (?:see|view|read|access)",
    ),
    perhaps=_any(
        rf"{_SIGN_IN} with |create (?:an |a new |new )?account|forgot(?:ten)? (?:your )?password",
        r"already (?:a member|registered|have an account)",
    ),
    where=_at(
        "/log-?in",
        "/sign-?in",
        "/accounts/login",
        "/checkpoint",
        "/auth",
        "/authwall",
        "/sign-?up",
        "/register",
    ),
)
_COOKIES = _Sign(
    Wall("a question about cookies stands before the page"),
    plainly=_any(r"before you continue\b"),
    perhaps=_any(
        r"before you continue|we (?:value|care about|respect) your privacy",
    ),
    where=_any(r"^consent\.", _at("/(?:cookie-?)?consent", "/privacy-?(?:wall|gate)").pattern),
)
_COOKIES_OVER = _any(r"cookies|consent|privacy|accept all|manage (?:options|preferences|choices)")
# The first that fits names the wall: a filter's page may offer a login, a login page speaks of cookies.
_SIGNS = (_FILTER, _ROBOTS, _BUSY, _AGE, _GONE, _LOGIN, _COOKIES)
_IN_THE_WAY = Wall("something on the page hides the post")
_FRONT_PAGE = Wall("the site led on to its front page instead of the post, which may have gone")
# Newspapers and neighbours talk of "the post" that was removed; of "this post" speaks who hosts it.
_SAYS_GONE = _any(*_GONE_LINES)
_SAYS_GONE_UNDER_A_TITLE = _any(*_GONE_LINES, _STRUCK)
_COMMENTS = re.compile(
    r"^[^\w\n]*(?:[\d.,]+k? )?(?:comments?|repl(?:y|ies)|answers)\b|^sort(?:ed)? by", re.MULTILINE
)


def wall(order: Order, got: str, status: int, look: Look) -> Wall | None:
    """What stands in the post's place; None where the page shows the post, or at least hides nothing.

    `got` is the address that answered in the end, `status` its HTTP status.
    """
    if status >= 400:  # noqa: PLR2004  # where HTTP's errors begin
        return _refused(status, look)
    if led := next((sign for sign in _SIGNS if sign.led_to(order.url, got)), None):
        return led.wall
    if look.words != 0 and (sought(order) or order.sealed) and _is_led_home(order.url, got):
        return _FRONT_PAGE
    if look.hidden:
        return _named(look) or (_COOKIES.wall if _COOKIES_OVER.search(look.front) else _IN_THE_WAY)
    return _named(look) if look.words < 0 else _beside(order, look)


def sought(order: Order) -> list[str]:
    """The words that a page is searched for, as far as they can be read; Look.words counts these."""
    return [words for words in (order.text, order.title) if _squeezed(telling(words))]


def mentions_loss(order: Order, look: Look) -> bool:
    """Whether the page says near the post's words that something is gone: they may stand in a quotation."""
    return look.words == 0 and _is_said_near(_SAYS_GONE, order, look)


def shows_the_end(order: Order, look: Look) -> bool:
    """Whether the last words of the post stand on the page too, as far as the page was read."""
    if order.sealed is not None and not look.ends:
        return look.words != 0
    end = _squeezed(order.text)[-_END:]
    return look.words != 0 or len(look.text) >= _WHOLE_TEXT or end in _squeezed(look.text)


def _beside(order: Order, look: Look) -> Wall | None:
    """What the page says beside the words that it shows; None where these may be the post."""
    if _is_teaser(order, look):
        return _LOGIN.wall
    lost = look.words > 0 and _is_said_near(_SAYS_GONE_UNDER_A_TITLE, order, look)
    return _GONE.wall if lost else None


def _is_said_near(what: re.Pattern[str], order: Order, look: Look) -> bool:
    """Whether the page says so near the words that were found; what the post itself says does not count."""
    posts = [post for words in sought(order) if len(post := _squeezed(words)) >= _OWN]
    return any(what.match(line) and not _is_own(line, posts) for line in _near(order, look))


def _near(order: Order, look: Look) -> Iterator[str]:
    """The page's title, what lies over it, and the short lines round the words that were found.

    What follows counts up to where comments begin. Of sealed words nobody can say where they stand: the
    page's beginning counts then.
    """
    words, flat = sought(order), _flat(look.text)
    before, after, own = "", flat[:_BEGINNING], 0
    if words and (found := _found(words[look.words], flat)):
        start = flat.rfind("\n", 0, max(found.start() - _NEXT, 0)) + 1
        end = flat.find("\n", found.end() + len(words[look.words]) + _NEXT)
        before, after = flat[start : found.start()], flat[found.start() : end if end >= 0 else None]
        own = found.end() - found.start()
    heading = _COMMENTS.search(after, own)
    after = after[: heading.start() if heading else None]
    lines = (look.title, *look.front.splitlines(), *before.splitlines(), *after.splitlines())
    return _short(lines)


def _is_own(line: str, posts: list[str]) -> bool:
    """Whether the line is the post's, or begins with its title; a word or two say nothing."""
    letters = _squeezed(line)
    return len(letters) >= _OWN and any(letters in post or letters.startswith(post[:_KEY]) for post in posts)


def _short(lines: Iterable[str]) -> Iterator[str]:
    return (line.strip() for line in lines if len(line) < _LINE)


def _is_led_home(asked: str, got: str) -> bool:
    """Whether a site's own front page answered for a page of its depths."""
    before, after = urlsplit(asked), urlsplit(got)
    hosts = {(parts.hostname or "").removeprefix("www.") for parts in (before, after)}
    deep = before.path.strip("/") or before.query
    # Some sites keep the place behind the #; browsers take the old one along.
    home = not after.path.strip("/") and not after.query and after.fragment in ("", before.fragment)
    return bool(deep) and home and len(hosts) == 1


def _named(look: Look) -> Wall | None:
    """The kind of wall that the page shows itself to be."""
    if len(look.text) < _SHORT and look.captcha:
        return _ROBOTS.wall
    if found := next((sign.wall for sign in _SIGNS if sign.stands_in(look)), None):
        return found
    return _LOGIN.wall if look.password_asked and len(look.text) < _SHORT else None


def _refused(status: int, look: Look) -> Wall:
    """What an HTTP error says of the post; the page that came with it may know more."""
    passes = status in (408, 425, 429) or status >= 500  # noqa: PLR2004  # where the server's own errors begin
    if status == 429:  # noqa: PLR2004  # Too Many Requests
        return replace(_BUSY.wall, reason=f"{_BUSY.wall.reason} (429)")
    named = next((sign.wall for sign in (_FILTER, _ROBOTS) if sign.stands_in(look)), None)
    return Wall(f"{named.reason} ({status})" if named else _error(status), passes)


def _error(status: int) -> str:
    if status in (404, 410):
        return f"the address answered that there is no such page ({status}): the post may have gone"
    if status in (401, 403):
        return f"the site did not give the page to a visitor who is not logged in ({status})"
    if status == 451:  # noqa: PLR2004  # Unavailable For Legal Reasons
        return "the site does not give the page to visitors from here, for reasons of law (451)"
    return f"the address answered with an error ({status})"


def _is_teaser(order: Order, look: Look) -> bool:
    """Whether a login is asked for right where the post breaks off: what can be seen is not the post.

    Where its words are sealed, nobody can say where it breaks off: all of the page's beginning counts then.
    """
    if look.words == 0 and shows_the_end(order, look):
        return False
    if look.password_asked and len(look.text) < _SHORT:
        return True
    words = sought(order)
    text = _after(words[look.words], look.text) if words else look.text[:_SHORT]
    after = f"{text}\n{look.front}"
    demands = any(map(_LOGIN.plainly.match, (line.strip() for line in after.splitlines())))
    return demands or _LOGIN.perhaps.search(after) is not None


def _after(words: str, text: str) -> str:
    """What follows on the page where these words begin."""
    found = _found(words, _flat(text))
    return found.string[found.end() :][:_NEXT] if found else ""


def _found(words: str, flat: str) -> re.Match[str] | None:
    """Where these words begin on the page, or the part of them by which it was searched."""
    return re.search(r"[\W_]*".join(map(re.escape, _squeezed(telling(words))[:_KEY])), flat)


def _squeezed(text: str) -> str:
    """The letters and digits alone, as the search on the page compares them."""
    return "".join(letter for letter in _flat(text) if letter.isalnum())


def _flat(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _is_at(where: re.Pattern[str], url: str) -> bool:
    parts = urlsplit(url)
    return where.search(parts.hostname or "") is not None or where.search(parts.path) is not None
