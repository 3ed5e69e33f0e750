"""Telling a page that shows the post from one that only stands in front of it."""

import re
from urllib.parse import urlsplit

from monitor.evidence.messages import Look

_LOGIN = re.compile(r"/(?:log-?in|sign-?in|accounts/login|checkpoint|auth)(?:[/._?-]|$)", re.IGNORECASE)
_CONSENT = re.compile(r"(?:^consent\.|/(?:cookie-?)?consent(?:[/._?-]|$)|/privacy-?wall)", re.IGNORECASE)
_CHALLENGE = re.compile(r"/(?:captcha|challenge|sorry)(?:[/._?-]|$)", re.IGNORECASE)
_SAYINGS = (
    (
        "the school's own web filter answered instead",
        r"(?:blocked|denied|restricted) by (?:your|the) (?:school|organi[sz]ation|administrator|network)"
        r"|web ?filter|internet filter|smoothwall|fortiguard|lightspeed filter|securly",
    ),
    (
        "a test for robots stands before the page",
        r"verify (?:that )?you are (?:a )?human|are you a robot|just a moment|unusual traffic",
    ),
    (
        "the page asks for a login",
        r"(?:log|sign) ?in (?:to|or (?:sign|register|join))|you must (?:be logged in|log in)"
        r"|create an account to",
    ),
    (
        "the site says that the post is not available",
        r"(?:content|page|post|video|comment|thread) (?:isn['’]?t|is not|is no longer|no longer) available"
        r"|(?:post|comment|page|content|thread) (?:was|has been|have been) (?:deleted|removed)"
        r"|(?:page|post|thread) (?:could not|couldn['’]?t|cannot) be found|(?:page|post) not found",
    ),
    ("a question about cookies stands before the page", r"before you continue|accept (?:all )?cookies"),
)
_SAYINGS_READ = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in _SAYINGS)
_BEGINNING = 4000


def wall(asked: str, got: str, look: Look) -> str | None:
    """What stands before the post, when its words are not on the page; None when nothing is recognised.

    `asked` and `got` are the address that was asked for and the one that answered in the end.
    """
    if look.words >= 0:
        return None
    if look.captcha or _led_to(_CHALLENGE, asked, got):
        return "a test for robots stands before the page"
    if look.password_asked or _led_to(_LOGIN, asked, got):
        return "the page asks for a login"
    if _led_to(_CONSENT, asked, got):
        return "a question about cookies stands before the page"
    beginning = f"{look.title}\n{look.text[:_BEGINNING]}"
    return next((reason for reason, pattern in _SAYINGS_READ if pattern.search(beginning)), None)


def refusal(status: int) -> str | None:
    """What an HTTP status says of the post; None when the page was given."""
    if status in (404, 410):
        return f"the address answered that there is no such page ({status}): the post may have gone"
    if status in (401, 403, 451):
        return f"the site did not give the page to a visitor who is not logged in ({status})"
    return f"the address answered with an error ({status})" if status >= 400 else None  # noqa: PLR2004  # where HTTP's errors begin


def passes(status: int) -> bool:
    """Whether an HTTP error may be over soon."""
    return status in (408, 425, 429) or status >= 500  # noqa: PLR2004  # where the server's own errors begin


def _led_to(where: re.Pattern[str], asked: str, got: str) -> bool:
    """Whether we were led to such an address without having asked for one."""
    return _says(where, got) and not _says(where, asked)


def _says(where: re.Pattern[str], url: str) -> bool:
    parts = urlsplit(url)
    return where.search(parts.hostname or "") is not None or where.search(parts.path) is not None
