"""What a capture's record says: where, when, who, why, how, and what could not be had (LEI-9.2)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from classifiers.taxonomy import Head, head_of
from connectors.post import Channel
from monitor.captures import Kind, Order, Progress
from monitor.evidence.archive import Paper, canonical
from monitor.evidence.messages import Headers, Looked, Ready, Seen
from monitor.evidence.timekeeping import UNKNOWN, Timekeeping

_LONDON = ZoneInfo("Europe/London")
_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_WORDLESS = re.compile(
    r"age|cache-control|content-(?:encoding|length|type)|date|etag|expires|last-modified|server",
    re.IGNORECASE,
)
VIEWPORT = "1280x1024"
NOT_COPIED = (
    "Not viewed, not copied: the words suggest an indecent image of a child, so nothing was opened or "
    "fetched. Do not open the address to look, do not screenshot, do not ask a child to show or send "
    "anything."
)
NOT_OPENED = (
    "A member of staff took this picture and says when, where and with what. The monitor neither opened the "
    "address nor looked at the file: it is kept as it was received, bit for bit."
)
MEDIA_POLICY = "none: pictures, films, sound and fonts were not fetched"
PICTURES_POLICY = (
    "after a check: pictures and fonts of the page were fetched by a second visit, once the rules had found "
    "nothing in any word of the page that locks it; films and sound were not fetched"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a member of staff says of a picture that they took: when they saw it, with which device, whether
    it was changed since, and what their file is called.
    """

    seen_at: datetime
    device: str
    edited: bool
    file_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a try brought, before it is filed; `locks` where the words of the page locked it."""

    kind: Kind
    progress: Progress
    captured_at: datetime
    limits: tuple[str, ...]
    papers: tuple[Paper, ...] = ()
    seen: Seen | Looked | None = None
    ready: Ready | None = None
    locks: bool = False
    brought: Brought | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What takes captures here: our version, the machine's name, and the run of the worker (its ULID).

    `settings_sha256` is the hash of the settings that it judges by; `timekeeping` asks how far its clock can
    be trusted.
    """

    software: str
    host: str
    run: str = ""
    settings_sha256: str = ""
    timekeeping: Callable[[], Timekeeping] = lambda: UNKNOWN


def record(order: Order, outcome: Outcome, maker: Maker) -> dict[str, Any]:
    """The record of one capture, without its files."""
    common = _common(order, outcome, maker)
    return common | (_locked(order) if order.media_lock else _open(order, outcome))


def sealed_off(told: Mapping[str, Any]) -> dict[str, Any]:
    """A record that stays readable where all else is sealed: without what servers say in their own headers.

    Some put a page's title, or who wrote it, there; headers.json has them all, and is sealed.
    """
    if "http" not in told:
        return dict(told)
    said = [
        (name, value if _WORDLESS.fullmatch(name) else "(sealed, in headers.json)")
        for name, value in told["http"]["response_headers"]
    ]
    return {**told, "http": {**told["http"], "response_headers": said}}


def post_as_read(order: Order, *, locked: bool = False) -> Paper:
    """The post's words as the source gave them before its page was looked at, or as they were sealed."""
    said = order.sealed or order
    told = {
        "author": said.author,
        "platform": order.platform,
        "post_id": _post_id(order, locked=locked),
        "posted_at_claimed": _iso(order.posted_at),
        "revision": order.revision,
        "seen_first_at": _iso(order.seen_at),
        "statement": "As read from the source. A copy of words, not a picture of the page.",
        "text": said.text,
        "title": said.title,
    }
    # What is sealed cannot be changed; whoever opens it later sees the words as they were.
    told = defanged_in(told) | {"url_defanged": defanged(order.url)} if locked else told | {"url": order.url}
    return Paper(name="post.json", role="text", media_type="application/json", content=canonical(told))


def answer_kept(order: Order) -> Paper | None:
    """The post's part of what its platform answered, without addresses of media; a mail's text for a mail."""
    if not order.answer:
        return None
    content = order.answer.encode("utf-8", "replace")
    if order.platform == "mailbox":
        return Paper(name="mail.txt", role=Kind.EMAIL_FORWARD, media_type="text/plain", content=content)
    return Paper(name="answer.json", role=Kind.API_JSON, media_type="application/json", content=content)


def headers_as_received(headers: Headers, final: str) -> Paper:
    """How the page came: status, headers both ways without cookies, and the addresses that led there."""
    told = asdict(headers) | {"url_final": final}
    return Paper(name="headers.json", role="headers", media_type="application/json", content=canonical(told))


def _common(order: Order, outcome: Outcome, maker: Maker) -> dict[str, Any]:
    local = outcome.captured_at.astimezone(_LONDON)
    return {
        "alert": None if order.alert is None else f"A-{order.alert}",
        "canonical_post_id": _post_id(order, locked=order.media_lock or outcome.locks),
        "capture_id": order.id,
        "captured_at_local": local.isoformat(timespec="seconds"),
        "captured_at_utc": _iso(outcome.captured_at),
        "clock": asdict(maker.timekeeping()),
        "date": f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M:%S %Z}",
        "kind": outcome.kind,
        "limits": list(outcome.limits),
        "media_lock": order.media_lock or outcome.locks,
        "media_lock_reason": _why_locked(order, outcome),
        "platform": order.platform,
        "posted_at_claimed": _iso(order.posted_at),
        "progress": outcome.progress,
        "purpose": _purpose(order, outcome),
        "revision": order.revision,
        "school_id": order.school,
        "seen_first_at": _iso(order.seen_at),
        "software": maker.software,
        "timezone": "Europe/London",
        "who": _who(order, maker),
        "why": _why(order, maker),
    }


def _post_id(order: Order, *, locked: bool) -> str:
    """The post's own id; that of a feed's item has its address in it."""
    words = order.post_id.split(" ")
    return " ".join(defanged(word) if "://" in word else word for word in words) if locked else order.post_id


def _who(order: Order, maker: Maker) -> dict[str, str]:
    return {
        "person": order.requested_by or "system",
        "role": "person who asked by hand" if order.requested_by else "monitor",
        "run_id": maker.run,
        "worker_host": maker.host,
    }


def _why(order: Order, maker: Maker) -> dict[str, Any]:
    """What led to it: never a word of the post, since the record stays readable when all else is sealed."""
    if order.requested_by:
        return {"reason": order.reason, "requested_by": order.requested_by}
    return {
        "judged_by": order.by,
        "rules": list(order.why),
        "scores": dict(order.scores),
        "settings_sha256": maker.settings_sha256,
        "subcategories": list(order.subcategories),
    }


def _why_locked(order: Order, outcome: Outcome) -> str | None:
    if order.media_lock:
        return "the verdict, a rule, a mark of the platform, or a person, before anything was fetched"
    return "the words of the page" if outcome.locks else None


def _purpose(order: Order, outcome: Outcome) -> str:
    """What the capture is for (DOMAIN 4.1); the gravest, where it is for more than one."""
    heads = {head_of(key) for key in order.subcategories}
    if order.media_lock or outcome.locks or Head.SAFEGUARDING in heads:
        return "safeguarding"
    if order.channel is Channel.OFFICIAL_ACCOUNT:
        return "official_account"
    if Head.ABUSE in heads:
        return "staff_protection" if any(key.endswith("_staff") for key in order.subcategories) else "abuse"
    return "reputation" if heads else "asked_by_a_person"


def _locked(order: Order) -> dict[str, Any]:
    return {"statement": NOT_COPIED, "url_defanged": defanged(order.url)}


def _brought(order: Order, brought: Brought) -> dict[str, Any]:
    local = brought.seen_at.astimezone(_LONDON)
    return {
        "manual_upload": {
            "device": brought.device,
            "edited": brought.edited,
            "file_name": brought.file_name,
            "seen_at_local": local.isoformat(timespec="minutes"),
            "seen_at_utc": _iso(brought.seen_at),
        },
        "statement": NOT_OPENED,
        "url_as_told": order.url,
    }


def _open(order: Order, outcome: Outcome) -> dict[str, Any]:
    if outcome.brought is not None:
        return _brought(order, outcome.brought)
    with_pictures = outcome.seen is not None and outcome.seen.pictures
    told: dict[str, Any] = {"media_policy": PICTURES_POLICY if with_pictures else MEDIA_POLICY}
    told |= {"url_defanged": defanged(order.url)} if outcome.locks else {"url_requested": order.url}
    if outcome.ready is not None:
        told["client"] = _client(outcome.ready)
    if outcome.seen is not None:
        told |= _visit(outcome.seen)
    return told


def _client(ready: Ready) -> dict[str, Any]:
    return {
        "browser": ready.browser,
        "js": "on",
        "locale": "en-GB",
        "logged_in": False,
        "sandbox": ready.sandbox,
        "user_agent": ready.user_agent,
        "viewport": VIEWPORT,
    }


def _visit(seen: Seen | Looked) -> dict[str, Any]:
    headers = seen.headers
    return {
        "http": {
            "certificate": headers.certificate,
            "http_version": headers.http_version,
            "remote_ip": headers.remote_ip,
            "request_headers": headers.request,
            "response_headers": headers.response,
            "status": headers.status,
            "tls_certificate_sha256": headers.certificate_sha256,
        },
        "media_blocked_count": seen.media_blocked,
        "page_received_sha256": seen.page_sha256,
        "redirect_chain": [asdict(hop) for hop in headers.chain],
        "url_final": seen.url,
    }


def defanged(url: str) -> str:
    """An address that nobody opens by accident: hxxps://example[.]org/…."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.replace('t', 'x')}{separator}{host.replace('.', '[.]')}{slash}{path}"


def defanged_in(told: Any) -> Any:
    """The same with every address in its words, however deep, written so."""
    if isinstance(told, str):
        return _ADDRESS.sub(lambda found: defanged(found[0]), told)
    if isinstance(told, Mapping):
        return {key: defanged_in(value) for key, value in told.items()}
    return [defanged_in(each) for each in told] if isinstance(told, list | tuple) else told


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
