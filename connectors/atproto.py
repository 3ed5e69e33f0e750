"""What a post on Bluesky's network holds, by whichever road it comes: asked for, or in the stream."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.post import Channel, Post
from connectors.received import as_received
from connectors.text import Written, clean_link, one_line, read_text, when

_SENSITIVE = re.compile(
    r"porn|sexual(-figurative)?|nudity|graphic-media|gore|nsfl|corpse|self-harm|!warn|!hide"
)
_MEDIA = ("app.bsky.embed.images", "app.bsky.embed.video", "app.bsky.embed.gallery")
_POST = re.compile(r"at://(did:[a-z]+:[\w.:%-]{1,2000})/app\.bsky\.feed\.post/([\w.~:-]{1,512})", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?=-|$)", re.IGNORECASE)


def link(uri: str) -> str | None:
    """Where anybody can see a post, from its AT-URI; by the author's lasting id: names change."""
    found = _POST.fullmatch(uri)
    return f"https://bsky.app/profile/{found[1]}/post/{quote(found[2], safe=':~')}" if found else None


def read_post(
    item: Mapping[str, Any], channel: Channel = Channel.PUBLIC_MENTION, parent_text: str = ""
) -> Post | None:
    """A post as a search, a notification or a thread shows it; None for what is none."""
    uri, record, author = words(item.get("uri")), group(item.get("record")), group(item.get("author"))
    url = link(uri)
    if url is None:
        return None
    written, answered = _written(record), group(record.get("reply"))
    return Post(
        platform="bluesky",
        id=uri,
        url=url,
        text=written.text,
        author=_author(author),
        posted_at=_posted_at(record, item),
        language=_language(record),
        channel=channel,
        parent=words(group(answered.get("parent")).get("uri")) or None,
        parent_text=parent_text,
        thread=words(group(answered.get("root")).get("uri")) or None,
        links=written.links,
        has_media=written.has_media,
        sensitive=_is_sensitive(record, item),
        answer=as_received(item),
    )


def _written(record: Mapping[str, Any]) -> Written:
    tags = [f"#{tag}" for tag in map(words, many(record.get("tags"))) if tag]
    written = read_text("\n".join(filter(None, [words(record.get("text")), " ".join(tags)])))
    embed = group(record.get("embed"))
    found = [*_facet_links(record), words(group(embed.get("external")).get("uri"))]
    links = [*written.links, *filter(None, map(clean_link, filter(None, found)))]
    kinds = (words(embed.get("$type")), words(group(embed.get("media")).get("$type")))
    return Written(written.text, tuple(dict.fromkeys(links)), has_media=any(kind in _MEDIA for kind in kinds))


def _facet_links(record: Mapping[str, Any]) -> Iterator[str]:
    """The addresses behind a post's words; what is shown of them there may be cut short."""
    for facet in many(record.get("facets")):
        for feature in many(group(facet).get("features")):
            if words(group(feature).get("$type")) == "app.bsky.richtext.facet#link":
                yield words(group(feature).get("uri"))


def _author(author: Mapping[str, Any]) -> str | None:
    name, handle = (one_line(words(author.get(key)))[:300] for key in ("displayName", "handle"))
    if handle in {"", "handle.invalid"}:
        handle = one_line(words(author.get("did")))[:300]
    shown = f"@{handle}" if handle and not handle.startswith("did:") else handle
    return f"{name} ({shown})" if name and shown else name or shown or None


def _posted_at(record: Mapping[str, Any], item: Mapping[str, Any]) -> datetime | None:
    """The author's time or Bluesky's own, whichever is earlier: authors can write any time they like."""
    times = (when(words(record.get("createdAt"))), when(words(item.get("indexedAt"))))
    return min((moment for moment in times if moment is not None), default=None)


def _language(record: Mapping[str, Any]) -> str | None:
    found = next(iter(many(record.get("langs"))), None)
    match = _LANGUAGE.match(words(found))
    return match[0].lower() if match else None


def _is_sensitive(record: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    own = many(group(record.get("labels")).get("values"))
    labels = [group(label) for label in (*many(item.get("labels")), *own)]
    return any(
        _SENSITIVE.fullmatch(words(label.get("val"))) and label.get("neg") is not True for label in labels
    )


def group(value: Any) -> Mapping[str, Any]:
    """The object that it is, or an empty one."""
    return value if isinstance(value, dict) else {}


def many(value: Any) -> list[Any]:
    """The list that it is, or an empty one."""
    return value if isinstance(value, list) else []


def words(value: Any) -> str:
    """The text that it is, or an empty one."""
    return value if isinstance(value, str) else ""
