"""The invented neighbourhood, served on loopback: paper, blog, board, forum and the school's own page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread

import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from pydantic import BaseModel, ConfigDict

from connectors.durations import Duration


class Item(BaseModel):
    """Something that an invented person wrote."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    ago: Duration
    author: str
    title: str = ""
    text: str


class Topic(BaseModel):
    """A thread of the forum."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    items: tuple[Item, ...]


class Place(BaseModel):
    """A place where people write, and how it is served."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    kind: str
    title: str
    about: str
    items: tuple[Item, ...] = ()
    threads: tuple[Topic, ...] = ()


def read_places() -> list[Place]:
    """The neighbourhood, from the file beside this one."""
    written = files("monitor.demo").joinpath("neighbourhood.yaml").read_text(encoding="utf-8")
    return [Place.model_validate(place) for place in yaml.safe_load(written)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers with."""

    media_type: str
    body: bytes


def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("monitor.demo"), autoescape=select_autoescape(["html", "xml"]), trim_blocks=True
    )


def _json_feed(place: Place, at: datetime, base: str) -> bytes:
    items = [
        {
            "id": f"{base}/{place.key}/{item.id}",
            "url": f"{base}/{place.key}/{item.id}",
            "content_text": item.text,
            "date_published": (at - item.ago).isoformat(),
            "authors": [{"name": item.author}],
        }
        for item in place.items
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": place.title, "items": items}
    return json.dumps(feed).encode()


def render(places: list[Place], at: datetime, base: str) -> dict[str, Answer]:
    """Every path of the neighbourhood with its answer; `base` is the address without a final slash."""
    pages = _pages()

    def html(name: str, **shown: object) -> Answer:
        page = pages.get_template(name).render(at=at, base=base, format_datetime=format_datetime, **shown)
        return Answer("text/html; charset=utf-8", page.encode())

    def xml(name: str, kind: str, place: Place) -> Answer:
        feed = pages.get_template(name).render(at=at, base=base, format_datetime=format_datetime, place=place)
        return Answer(f"application/{kind}+xml", feed.encode())

    answers: dict[str, Answer] = {}
    for place in places:
        root = f"/{place.key}/"
        if place.kind == "rss":
            answers[f"{root}feed.xml"] = xml("rss.xml", "rss", place)
        elif place.kind == "atom":
            answers[f"{root}atom.xml"] = xml("atom.xml", "atom", place)
        elif place.kind == "jsonfeed":
            answers[f"{root}feed.json"] = Answer("application/feed+json", _json_feed(place, at, base))
        answers[root] = html("place.html", place=place)
        for item in place.items:
            answers[f"{root}{item.id}"] = html("item.html", place=place, item=item)
    return answers


@contextmanager
def serve(at: datetime, port: int = 0) -> Iterator[str]:
    """Serve the neighbourhood on a free port of 127.0.0.1, as it is at `at`; yields its address."""
    answers: dict[str, Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.split("?")[0].split("#")[0])
            if answer is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo's own output is what people look at."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        answers.update(render(read_places(), at, base))
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield base
        finally:
            server.shutdown()
