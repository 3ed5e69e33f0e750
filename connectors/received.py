"""The post's part of a platform's answer, kept as it came, without what leads to pictures, films or sound.

Such addresses go when they come (DOMAIN 3.7): whoever reads the answer later must not be one step away from
copying what may not be copied. So go what others wrote under the post, people's profiles, and keys.
"""

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

LONGEST = 64_000
"""The most bytes of UTF-8 that an answer has; of a longer one only a note is kept."""
LEFT_OUT = "(media left out)"
_DEEPEST = 30
_LONGEST_KEY = 200
# Keys that hold media, in small letters and without their other signs.
_MEDIA_KEY = re.compile(
    r"^src$|srcset|fullsize|thumb|image|img|picture|photo|avatar|banner|icon|logo|preview|video(?!id$)|media|attachment|blob|gif|poster"
    r"|emoji|header|card|cover|sprite|gallery|audio|sound|clip|stream|player|background|variants"
)
_OTHERS = frozenset(["comments", "replies", "children", "paging", "reblog", "viewer", "topreplies"])
_PEOPLE = frozenset(
    ["account", "author", "user", "creator", "owner", "reviewer", "from", "sender", "mentions"]
)
_NAMES = frozenset(
    ["id", "did", "handle", "username", "acct", "name", "displayname", "url", "uri", "actorid", "isanonymous"]
)
_FLAG = re.compile(r"[A-Za-z_]{1,30}")
_KINDS = ("image/", "video/", "audio/", "font/", "application/vnd.apple.mpegurl")
_ENDINGS = (
    r"jpe?g|jfif|png|apng|gifv?|webp|avif|heic|heif|bmp|tiff?|ico|svgz?|mp4|m4v|mov|webm|mkv|avi|mpe?g|ogv|3gp"
    r"|m3u8|mpd|mp3|m4a|aac|og[ga]|opus|wav|flac|woff2?|ttf|otf"
)
_HOSTS = (
    r"(?:pbs|video)\.twimg\.com|pic\.twitter\.com|(?:cdn|video)\.bsky\.app|(?:i|v|preview|external-preview)\.redd\.it"
    r"|redditmedia\.com|ytimg\.com|img\.youtube\.com|ggpht\.com|googleusercontent\.com|i\.imgur\.com|fbcdn\.net"
    r"|cdninstagram\.com|giphy\.com|tenor\.com|gravatar\.com"
)
# A word that may be an address, from its beginning, so that it is looked at once however long it is.
_WORD = re.compile(r"""(?<![^\s"'<>])[^\s"'<>/:&%]*+[/:&%][^\s"'<>]*+""")
_SLASH = re.compile(r"/|&#x2f;|&#47;|%2f", re.IGNORECASE)
_ENDING = re.compile(rf"\.(?:{_ENDINGS})(?![A-Za-z0-9-])", re.IGNORECASE)
_SERVED = re.compile(
    rf"(?<![\w-])(?:{_HOSTS})(?![\w-])|data:(?:image|video|audio|font|application)|url\(", re.IGNORECASE
)
_SHORTEST_BLOB = 512
_BASE64 = re.compile(rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{{_SHORTEST_BLOB},}}+={{0,2}}")
# Without any of these a short text holds nothing that has to go.
_MAY_LEAD = re.compile("[/:&%<=\x00\ud800-\udfff]")
_TAG = re.compile(
    r"<[\s/]*+(?:img|image|picture|source|video|audio|track|iframe|embed|object|svg)\b[^>]*+>?", re.IGNORECASE
)
_KEY = re.compile(r"(?i)\b(access_token|token|api_?key|client_secret|password|sig|signature)=[^&\s\"'<>]+")
_SIGNS = re.compile(r"[^a-z0-9]")
_BAD = re.compile("[\x00\ud800-\udfff]")


def as_received(item: Mapping[str, Any]) -> str:
    """One item of an answer as JSON with sorted keys; `media_left_out` in it counts what is not there."""
    walk = _Walk()
    kept = walk.through(item, "", _DEEPEST)
    if isinstance(kept, dict) and walk.left_out:
        kept["media_left_out"] = walk.left_out
    text = _written(kept)
    size = len(text.encode())
    if size <= LONGEST:
        return text
    return _written({"note": f"The answer was {size} bytes long, more than is kept, and was left out."})


def words_as_received(text: str) -> str:
    """The text of a mail, without addresses of media and keys; of a long one the beginning."""
    return _clean(text)[0].encode()[:LONGEST].decode("utf-8", "ignore")


class _Walk:
    """One pass over an item, which counts what it leaves out."""

    def __init__(self) -> None:
        self.left_out = 0

    def through(self, value: Any, key: str, depth: int) -> Any:
        """The value as it is kept; `key` is the one that it stood under."""
        if depth == 0:
            return "(nested deeper than is kept)"
        if isinstance(value, dict):
            return self._object(value, key, depth)
        if isinstance(value, list):
            return [self.through(each, key, depth - 1) for each in value]
        if isinstance(value, str):
            kept, count = _clean(value)
            self.left_out += count
            return kept
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def _object(self, value: Mapping[str, Any], key: str, depth: int) -> dict[str, Any]:
        if _is_media(value):
            self.left_out += 1
            return {"note": LEFT_OUT}
        kept: dict[str, Any] = {}
        for name, each in value.items():
            plain, is_media = _read_key(name[:_LONGEST_KEY])
            if _is_of_others(plain, key) and isinstance(each, dict | list | str):
                continue
            if is_media and _holds_something(each):
                self.left_out += len(each) if isinstance(each, list) else 1
            else:
                kept[_clean(name)[0]] = self.through(each, plain, depth - 1)
        return kept


@lru_cache(maxsize=2_000)
def _read_key(name: str) -> tuple[str, bool]:
    """A key in small letters and without other signs, and whether it is one of media; the same come often."""
    plain = _SIGNS.sub("", name.lower())
    return plain, _MEDIA_KEY.search(plain) is not None


def _is_of_others(name: str, key: str) -> bool:
    """Whether it is what others wrote, or more of a person than a name."""
    return name in _OTHERS or (key in _PEOPLE and name not in _NAMES)


def _is_media(value: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that it is a file of such a kind."""
    said = [
        value.get(name) for name in ("$type", "type", "mimeType", "mime_type", "mediaType", "content_type")
    ]
    return any(isinstance(kind, str) and (kind == "blob" or kind.lower().startswith(_KINDS)) for kind in said)


def _holds_something(value: Any) -> bool:
    """Whether it is more than a count, a flag or a word for one."""
    if isinstance(value, str):
        return bool(value) and not _FLAG.fullmatch(value)
    return isinstance(value, dict | list) and bool(value)


def _clean(text: str) -> tuple[str, int]:
    """The text without addresses of media, and how many there were."""
    if len(text) < _SHORTEST_BLOB and not _MAY_LEAD.search(text):
        return text, 0
    left_out = 0

    def without(word: re.Match[str]) -> str:
        nonlocal left_out
        if not _leads_to_media(word[0]):
            return word[0]
        left_out += 1
        return LEFT_OUT

    if _BAD.search(text):
        text = _BAD.sub("\N{REPLACEMENT CHARACTER}", text)
    if "<" in text:
        text, left_out = _TAG.subn(LEFT_OUT, text)
    text, blobs = _BASE64.subn(LEFT_OUT, text)
    text = _WORD.sub(without, text)
    return (_KEY.sub(r"\1=(left out)", text) if "=" in text else text), left_out + blobs


def _leads_to_media(word: str) -> bool:
    """Whether it is an address, whole or in part, that ends as media do, or of a server of such."""
    slash = _SLASH.search(word)
    ends = slash is not None and _ENDING.search(word, slash.end()) is not None
    return ends or _SERVED.search(word) is not None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def with_given(item: Any) -> Any:
    """What a model is made of, and the same once more as `given`: a validator for `mode="before"`."""
    return {**item, "given": item} if isinstance(item, dict) else item
