"""Saying things in plain words, and making strangers' words safe to print."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from urllib.parse import quote, urlsplit

from connectors.post import State
from monitor.clocks import local

STATES = {
    State.OK: "OK",
    State.BEHIND: "Catching up: some posts there are not read yet",
    State.RATE_LIMITED: "Slowed down: the site asked us to wait",
    State.BLOCKED: "Blocked: the site refuses to be read",
    State.LOGIN_WALL: "Closed: the site now wants a sign-in, which this tool never does",
    State.AUTH_EXPIRED: "Locked out: our access has run out and must be renewed",
    State.PARSE_ERROR: "Unreadable: the site answered in a form that we could not read in full",
    State.FILTERED_HERE: "Filtered: the school's own web filter keeps us out",
    State.OUR_NETWORK_DOWN: "Offline: this server could not reach the internet",
}

_PLATFORMS = {
    "feed": "news or blog feed",
    "webpage": "web page",
    "web": "web page",
    "hackernews": "Hacker News",
    "csv": "exported table",
    "mailbox": "mail",
    "reddit": "Reddit",
    "bluesky": "Bluesky",
    "bluesky_stream": "Bluesky",
    "mastodon": "Mastodon",
    "youtube": "YouTube",
    "x": "X",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "threads": "Threads",
    "discourse": "forum",
    "lemmy": "Lemmy",
    "gdelt": "news article",
    "google_reviews": "Google review",
}
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]"
_PILED_MARKS = re.compile(f"({_MARK}{{3}}){_MARK}+")
_LONGEST_ADDRESS = 2_000


def plain(text: str, limit: int = 300) -> str:
    """The text as one line of visible characters, at most `limit` of them.

    Control, bidirectional and zero-width characters go: a hostile author could turn a line round with them.
    """
    # Cut first, generously: a megabyte of text must not be walked through to show one line of it.
    shown = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text[: limit * 10])
    line = " ".join(_PILED_MARKS.sub(r"\1", shown).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def address(url: str) -> str | None:
    """The URL in plain ASCII if it is one that a browser may open; None for anything else."""
    written = quote(plain(url, _LONGEST_ADDRESS + 1), safe="%/:=&?~#+!$,;'@()*[]|")
    try:
        parts = urlsplit(written)
    except ValueError:
        return None
    fits = parts.scheme in ("http", "https") and parts.netloc and len(written) <= _LONGEST_ADDRESS
    return written if fits else None


def platform(name: str) -> str:
    """What people call this kind of place."""
    return _PLATFORMS.get(name, plain(name, 40))


def kind(subcategory: str, label: str) -> str:
    """Head and label together: `Safeguarding: online bullying`."""
    head, _, rest = subcategory.partition(".")
    named = plain(label or rest.replace("_", " "), 80)
    return f"{head.capitalize()}: {named[:1].lower() + named[1:] if named[1:2].islower() else named}"


def retold(posts: int, latest: datetime | None, zone: tzinfo) -> str:
    """How many posts tell the same story and when we saw the latest of them; empty where only one does."""
    return f"{count(posts, 'post')} are about this, the latest seen {local(latest, zone)}" if latest else ""


def age(span: timedelta) -> str:
    """How long, in the largest whole unit: `3 days`, `5 hours`, `1 minute`."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600)):
        if seconds >= size:
            return count(seconds // size, unit)
    return count(seconds // 60, "minute")


def count(number: int, noun: str, plural: str = "") -> str:
    """The number with its noun: `1 source`, `1,204 posts`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def day(at: datetime, zone: tzinfo) -> str:
    """The local day for a subject: `Fri 20 Nov`."""
    there = at.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b}"


def long_day(at: datetime, zone: tzinfo) -> str:
    """The local day in full: `Friday 20 November 2026`."""
    there = at.astimezone(zone)
    return f"{there:%A} {there.day} {there:%B} {there.year}"


def whose(school_names: Mapping[str, str]) -> str:
    """The one school's name, or how many schools there are."""
    names = [plain(name, 80) for name in school_names.values()]
    return names[0] if len(names) == 1 else f"{len(names)} schools"


def sentence(words: str) -> str:
    """The words with a capital at the beginning, the rest as it is."""
    return words[:1].upper() + words[1:]


def listed(things: Sequence[str]) -> str:
    """Things in a sentence: `a, b and c`."""
    return " and ".join([", ".join(things[:-1]), things[-1]] if things[1:] else things)
