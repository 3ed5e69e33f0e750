"""Which pages a person may have captured: single public pages, and of a social network single posts alone.

Never captured are profiles, follower lists, stories, messages and what lies behind a login (DOMAIN 3.7).
"""

import re
from urllib.parse import urlsplit

from connectors.text import http_address

LONGEST = 2_000
_POSTS = {
    "bsky.app": r"/profile/[^/]+/post/[^/]+",
    "facebook.com": r"/(?:[^/]+/(?:posts|videos)/|permalink\.php|story\.php|photo(?:\.php|/)|watch/?$|reel/"
    r"|share/|events/\d|groups/[^/]+/(?:posts|permalink)/)",
    "fb.watch": r"/[^/]+",
    "instagram.com": r"/(?:[^/]+/)?(?:p|reel|tv)/[^/]+",
    "linkedin.com": r"/(?:posts/|feed/update/|pulse/)",
    "pinterest.com": r"/pin/",
    "reddit.com": r"/(?:(?:r|user)/[^/]+/)?comments/|/r/[^/]+/s/",
    "snapchat.com": r"/(?:p|spotlight)/",
    "threads.com": r"/@[^/]+/post/|/t/",
    "threads.net": r"/@[^/]+/post/|/t/",
    "tiktok.com": r"/@[^/]+/(?:video|photo)/\d|/(?:t/)?\w{6,}/?$",
    "tumblr.com": r"/[^/]+/\d+|/post/\d+",
    "twitter.com": r"/(?:[^/]+|i/web)/status/\d",
    "x.com": r"/(?:[^/]+|i/web)/status/\d",
    "youtube.com": r"/(?:watch$|shorts/|live/|post/|clip/)",
}
"""How the path of a single post begins on each network; whatever else lies there is people, not posts."""
_PROFILE = re.compile(
    r"/(?:@[^/]+(?:/(?:followers|following|media|with_replies))?|users?/[^/]+)/?$", re.ASCII
)
_LISTS = re.compile(r"/(?:followers|following|friends|messages|inbox|direct)(?:/|$)|/stories/", re.ASCII)
NOT_A_POST = (
    "This is not the address of a single post. Of {where} only single posts are captured: never profiles, "
    "stories, lists of followers or messages. Copy the post's own address; most often it lies under the time "
    "of the post."
)
NOT_PERMITTED = (
    "This looks like the address of a person's profile, followers, stories or messages. Those are never "
    "captured: only a public page, or a single post."
)


def no_address(url: str) -> str:
    """Why this cannot be the address of a page, in a sentence; nothing where it can."""
    try:
        http_address(url)
    except ValueError as error:
        return f"This is no address of a public page: {error}."
    return f"This address is longer than {LONGEST:,} characters." if len(url) > LONGEST else ""


def refusal(url: str) -> str:
    """Why this page is not captured, in a sentence; nothing where it may be."""
    if said := no_address(url):
        return said
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path
    network = next((one for one in _POSTS if host == one or host.endswith(f".{one}")), None)
    if network is not None and not re.match(_POSTS[network], path, re.ASCII):
        return NOT_A_POST.format(where=network)
    if network is None and (_PROFILE.fullmatch(path) or _LISTS.search(path)):
        return NOT_PERMITTED
    return ""
