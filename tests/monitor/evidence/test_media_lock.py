"""Five hundred locked posts with pictures: not one request for media, and no byte of a picture in the store.

They lock by the verdict, by a rule on their words, by the platform's mark, by a neighbour's mark, and by
what their page says once it is opened (DOMAIN 3.7 no. 8). Real are connector, jobs, store and browser.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from fakes import Clock, threat, write_config
from pages import fetched_media, media, put_up
from sites import Site, Visitor, serving
from store_samples import WORDS

from classifiers.rules import Rules
from classifiers.verdict import Passage, Verdict
from monitor.app import App, start
from monitor.captures import Capture, Kind
from monitor.config.loading import load

pytestmark = pytest.mark.browser
EACH, OPENED = 120, 20
_RULE = "There are pics of a year 9 girl at Harrowby Green going round in form {}"
_VERDICT = "Somebody at Harrowby Green said a thing about me that only a model understands, number {}"
_PAGE = "A petition to sack Mr Ogden, the caretaker of Harrowby Green, he is a disgrace, sack him. {}"
_SOURCE = "{{name: Pond, platform: mastodon, tags: [HarrowbyGreen], base_url: 'http://{}'}}"
_SIGNS = (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n", b"wOF2", b"ftypmp42")


class _Model:
    """Rules, and a model that locks what only it understands and finds abuse of staff."""

    by = "model of a test"

    def __init__(self) -> None:
        self._rules = Rules()

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """What the rules say, but for these."""
        said = self._rules.classify(passages)
        return [self._more(passage, verdict) for passage, verdict in zip(passages, said, strict=True)]

    def _more(self, passage: Passage, verdict: Verdict) -> Verdict:
        if "only a model" in passage.text:
            return replace(verdict, media_lock=True, scores={"safeguarding.online_bullying": 0.99})
        abuse = {"abuse.harassment_staff": 0.99}
        return replace(verdict, scores=abuse) if "petition" in passage.text else verdict


@dataclass
class _Pond:
    """A server with Mastodon's interface, whose every post has pictures, and the pages of its posts."""

    site: Site
    statuses: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str, **more: Any) -> int:
        """Have somebody say something; its number."""
        number = len(self.statuses) + 1
        picture = self.site.url("/media/leaf.jpg")
        inside = b64encode(media()["face-1.png"][0]).decode()
        self.statuses.append(
            {
                "id": str(number),
                "uri": self.site.url(f"/users/ann/{number}"),
                "url": self.site.url(f"/open/{number}"),
                "created_at": "2026-11-20T08:00:00.000Z",
                "visibility": "public",
                "content": f"<p>{text}</p><img src='{picture}'><img src='data:image/png;base64,{inside}'>",
                "account": {"id": "71", "acct": f"ann{number}", "avatar": self.site.url("/media/face-2.png")},
                "media_attachments": [
                    {
                        "id": "1",
                        "type": "image",
                        "url": picture,
                        "preview_url": picture,
                        "blurhash": "UBL_:rOpGG",
                    }
                ],
                "card": {"url": picture, "image": picture, "html": f"<img src='{picture}'>"},
                **more,
            }
        )
        return number

    def timeline(self, visitor: Visitor) -> None:
        """The newest forty, or the forty after the one that is named."""
        asked = dict(parse_qsl(urlsplit(visitor.path).query))
        below, above = int(asked.get("max_id", 10**9)), int(asked.get("min_id", asked.get("since_id", 0)))
        found = [one for one in self.statuses if above < int(one["id"]) < below]
        chosen = found[:40] if "min_id" in asked else found[-40:]
        visitor.give(json.dumps(chosen[::-1]), kind="application/json")

    def page(self, visitor: Visitor) -> None:
        """The page of a post, where a neighbour says what locks it; pictures all over."""
        status = self.statuses[int(visitor.path.rpartition("/")[2]) - 1]
        neighbour = "Same here" if status.get("calm") else _RULE.format("9C")
        pictures = "".join(f"<img src=/media/{name} width=90>" for name in media())
        visitor.give(
            f"<!doctype html><style>body {{ background: url(/media/hero.jpg) }}</style>{pictures}"
            f"<article>{status['content']}</article><video src=/media/concert.mp4></video>"
            f"<article><p>{neighbour}</p></article>"
        )


@pytest.fixture
def pond() -> Iterator[_Pond]:
    """A server that runs."""
    with serving() as site:
        put_up(site)
        pond = _Pond(site)
        site.pages["/api/v1/timelines/tag/HarrowbyGreen"] = pond.timeline
        site.pages["/api/v2/instance"] = lambda visitor: visitor.give("{}", kind="application/json")
        yield pond


def _watch(pond: _Pond, folder: Path, clock: Clock) -> App:
    source = _SOURCE.format(pond.site.place)
    old = '{name: Wall, platform: feed, url: "http://127.0.0.1:9/feed", every: 15m}'
    app = start(load(write_config(folder, **{old: source}), {}), clock)
    return replace(app, poll=replace(app.poll, classifier=_Model()))


def _read(app: App, pond: _Pond, clock: Clock) -> None:
    """Read forty at a time, as they are said."""
    said, pond.statuses = pond.statuses, []
    for start_at in range(0, len(said), 40):
        pond.statuses.extend(said[start_at : start_at + 40])
        for number in range(start_at + 1, len(pond.statuses) + 1):
            pond.site.pages[f"/open/{number}"] = pond.page
        clock.forward(minutes=1)
        app.poll_source("Pond", early=True)


def _take_all(app: App) -> list[Capture]:
    taken = []
    while (capture := app.capturing.run()) is not None:
        taken.append(capture)
    return taken


def test_five_hundred_locked_posts_never_bring_a_picture(pond: _Pond, tmp_path: Path) -> None:
    clock = Clock()
    for number in range(EACH):
        pond.say(_RULE.format(number))
        pond.say(_VERDICT.format(number))
        marked = pond.say(threat(number), sensitive=True)
        pond.say(threat(number + EACH), in_reply_to_id=str(marked))
    for number in range(OPENED):
        pond.say(_PAGE.format(_about(number)))

    with closing(_watch(pond, tmp_path, clock)) as app:
        _read(app, pond, clock)
        taken = _take_all(app)
        unlocked = [alert.number for alert in app.store.alerts.all() if not alert.media_lock]

    visits = [path for path in pond.site.asked if path.startswith("/open/")]
    print(f"{len(taken)} captures, {len(visits)} pages opened")
    assert len(taken) == 4 * EACH + OPENED
    assert len(visits) == OPENED
    assert {capture.kind for capture in taken} == {Kind.METADATA_ONLY}
    assert unlocked == []
    assert fetched_media(pond.site) == []
    assert _media_in(tmp_path) == []


def test_where_nothing_locks_the_same_page_does_bring_its_pictures(pond: _Pond, tmp_path: Path) -> None:
    clock = Clock()
    pond.say(_PAGE.format("Now."), calm=True)

    with closing(_watch(pond, tmp_path, clock)) as app:
        _read(app, pond, clock)
        (capture,) = _take_all(app)

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert fetched_media(pond.site) != []
    assert _media_in(tmp_path) != [], "or the search finds nothing, whatever lies there"


def _about(number: int) -> str:
    """Words unlike those of any other number, so that no two posts are one story."""
    return " ".join(f"{WORDS[(number * step) % len(WORDS)]}{number * step}" for step in range(1, 30))


def _media_in(folder: Path) -> list[str]:
    """What a folder's files hold of the served media, as bytes or base64, and of the signs of any picture."""
    parts = {name: content[len(content) // 2 :][:48] for name, (content, _) in media().items()}
    coded = {f"{name} in base64": _middle(b64encode(content)) for name, (content, _) in media().items()}
    signs = {repr(sign): sign for sign in _SIGNS}
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [
        f"{name} in {path.relative_to(folder)}"
        for path, content in files.items()
        for name, part in (parts | coded | signs).items()
        if part in content
    ]


def _middle(content: bytes) -> bytes:
    return content[len(content) // 2 :][:48]
