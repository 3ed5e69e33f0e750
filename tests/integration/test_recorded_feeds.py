"""The main job on real input: recorded feeds, with institutions that occur in them as schools."""

import json
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from connectors.feed_parser import Asked, read_feed
from connectors.post import Post
from monitor.cli.terminal import clean
from monitor.config.loading import load
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register

FEEDS = (
    "google_news_search.xml",
    "feed-rs/rss_2.0_bbc.xml",
    "feed-rs/rss_1.0_biorxiv.xml",
    "huginn/youtube.xml",
    "huginn/github_rss.atom",
    "miniflux/encoding_WINDOWS-1251.xml",
    "miniflux/no_encoding_ISO-8859-1.xml",
    "miniflux/rdf_UTF8.xml",
    "miniflux/small_atom.xml",
    "rss-parser/content-encoded.rss",
    "rss-parser/encoding.rss",
    "rss-parser/guardian.rss",
    "rss-parser/heise.atom",
    "rss-parser/reddit.rss",
)
INSTITUTIONS = {
    "yale": {"name": "Yale University"},
    "cambridge": {"name": "Cambridge University"},
    "nebraska": {"name": "University of Nebraska"},
    "casa-dos-marcos": {"name": "Casa dos Marcos"},
    "secdsm": {"name": "SecDSM Security Group", "also": ["SecDSM"]},
    "github": {"name": "GitHub Incorporated", "also": ["GitHub"], "site": "https://github.com"},
}


@pytest.mark.integration
def test_institutions_are_found_in_recorded_feeds_with_reasons(shared: Path, tmp_path: Path) -> None:
    folder = shared / "recordings" / "feeds" / "real"

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, directory=str(folder), **options)  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        config = _config(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
        scanned = _monitor("scan", "--json", "--config", str(config))
        alerts = _monitor("alerts", "--json", "--config", str(config))
        server.shutdown()
    found = _mentions(config, folder)

    for line in scanned:
        read, ours = line["read"], line["mentions"]
        print(f"{line['source']:42} {line['state']:8} read {read:3}, {ours} about an institution")
    for line in found:
        print(line)
    for alert in alerts:
        print(f"alert: {alert['severity']} {alert['subcategory']} {alert['school']}: {alert['why']}")
    assert len(scanned) == len(FEEDS)
    assert all(line["state"] == "ok" for line in scanned), scanned
    assert sum(line["read"] for line in scanned) > 250
    assert {"yale", "cambridge", "casa-dos-marcos", "secdsm", "github"} <= {
        line.split(":")[0] for line in found
    }


def _config(folder: Path, base: str) -> Path:
    config = {
        "schools": [{"id": key, **school} for key, school in INSTITUTIONS.items()],
        "sources": [{"name": feed, "platform": "feed", "url": f"{base}/{feed}"} for feed in FEEDS],
        "people": {"dsl": [{"name": "Dana Lead", "email": "dsl@harrowbygreen.example"}]},
        "network": {"allow": ["127.0.0.1"]},
        "data": str(folder / "data"),
    }
    path = folder / "monitor.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _monitor(*words: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _mentions(config: Path, folder: Path) -> list[str]:
    """Where each mention stands and why, by the same functions on the same bytes."""
    register = Register(load(config, {}).schools)
    said = []
    for feed in FEEDS:
        parts = read_feed(
            (folder / feed).read_bytes(), Asked(url="https://recorded.example/", site="recorded")
        )
        for post in (part for part in parts if isinstance(part, Post)):
            for mention in find_mentions(post, register):
                words = ", ".join(post.body[span.start : span.end] for span in mention.spans)
                reasons = " ".join(mention.reasons)
                said.append(clean(f"{mention.school}: {feed}: {words or 'by a link'}: {reasons}", 240))
    return said
