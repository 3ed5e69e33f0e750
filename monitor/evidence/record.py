"""What a capture's record says: where, when, who, why, how, and what could not be had (LEI-9.2)."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.captures import Kind, Order, Progress
from monitor.evidence.archive import Paper, canonical
from monitor.evidence.messages import Headers, Ready, Seen

_LONDON = ZoneInfo("Europe/London")
VIEWPORT = "1280x1024"
NOT_COPIED = (
    "Not viewed, not copied: the words suggest an indecent image of a child, so nothing was opened or "
    "fetched. Do not open the address to look, do not screenshot, do not ask a child to show or send "
    "anything."
)
MEDIA_POLICY = "none: pictures, films, sound and fonts were not fetched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a try brought, before it is filed; `locks` where the words of the page locked it."""

    kind: Kind
    progress: Progress
    captured_at: datetime
    limits: tuple[str, ...]
    papers: tuple[Paper, ...] = ()
    seen: Seen | None = None
    ready: Ready | None = None
    locks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What takes captures here: our version, and the machine's name."""

    software: str
    host: str


def record(order: Order, outcome: Outcome, maker: Maker) -> dict[str, Any]:
    """The record of one capture, without its files."""
    common = _common(order, outcome, maker)
    return common | (_locked(order) if order.media_lock else _open(order, outcome))


def post_as_read(order: Order, *, locked: bool = False) -> Paper:
    """The post's words as the source gave them, before its page was looked at."""
    told = {
        "author": order.author,
        "platform": order.platform,
        "post_id": order.post_id,
        "posted_at_claimed": _iso(order.posted_at),
        "revision": order.revision,
        "seen_first_at": _iso(order.seen_at),
        "statement": "As read from the source. A copy of words, not a picture of the page.",
        "text": order.text,
        "title": order.title,
    }
    told |= {"url_defanged": defanged(order.url)} if locked else {"url": order.url}
    return Paper(name="post.json", role="text", media_type="application/json", content=canonical(told))


def headers_as_received(headers: Headers, final: str) -> Paper:
    """How the page came: status, headers both ways without cookies, and the addresses that led there."""
    told = asdict(headers) | {"url_final": final}
    return Paper(name="headers.json", role="headers", media_type="application/json", content=canonical(told))


def _common(order: Order, outcome: Outcome, maker: Maker) -> dict[str, Any]:
    local = outcome.captured_at.astimezone(_LONDON)
    return {
        "alert": f"A-{order.alert}",
        "canonical_post_id": order.post_id,
        "capture_id": order.id,
        "captured_at_local": local.isoformat(timespec="seconds"),
        "captured_at_utc": _iso(outcome.captured_at),
        "date": f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M:%S %Z}",
        "kind": outcome.kind,
        "limits": list(outcome.limits),
        "media_lock": order.media_lock or outcome.locks,
        "platform": order.platform,
        "posted_at_claimed": _iso(order.posted_at),
        "progress": outcome.progress,
        "revision": order.revision,
        "school_id": order.school,
        "seen_first_at": _iso(order.seen_at),
        "software": maker.software,
        "timezone": "Europe/London",
        "who": {"person": "system", "worker_host": maker.host},
        "why": {"rules": list(order.why), "judged_by": order.by},
    }


def _locked(order: Order) -> dict[str, Any]:
    return {"statement": NOT_COPIED, "url_defanged": defanged(order.url)}


def _open(order: Order, outcome: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"media_policy": MEDIA_POLICY}
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


def _visit(seen: Seen) -> dict[str, Any]:
    headers = seen.headers
    return {
        "http": {
            "certificate": headers.certificate,
            "remote_ip": headers.remote_ip,
            "status": headers.status,
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


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
