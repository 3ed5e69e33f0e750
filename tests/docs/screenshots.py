"""Take the pictures of the documentation from what the demo made: `make screenshots`."""

import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from monitor.captures import Order
from monitor.evidence.browser import find_browser
from monitor.evidence.card import draw

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 700
SUMMARY_HEIGHT = 810


def holding(folder: Path, pattern: str, words: str) -> Path:
    """The first page of this pattern that holds these words."""
    return next(page for page in sorted(folder.glob(pattern)) if words in page.read_text(encoding="utf-8"))


def take(demo: Path) -> None:
    """A picture of a digest, an urgent notice and an alert, each as far down as it is worth showing."""
    pages = {
        "digest": (holding(demo / "mail", "*-digest-*.html", "Dana Lead"), 990),
        "urgent": (holding(demo / "mail", "*-urgent-*.html", "Abuse: threat of violence"), 832),
        "alert": (holding(demo, "A-*.html", "What to do first"), 885),
    }
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(None).path)
        view = browser.new_page(viewport={"width": WIDTH, "height": 1000}, color_scheme="light")
        for name, (page, height) in pages.items():
            view.goto(page.resolve().as_uri())
            clip = {"x": 0.0, "y": 0.0, "width": float(WIDTH), "height": float(height)}
            view.screenshot(path=IMAGES / f"{name}.png", clip=clip)
        browser.close()


def draw_card() -> None:
    """The picture that stands in for a page which there was not: a card of an invented post."""
    seen = datetime(2026, 11, 20, 21, 40, 12, tzinfo=UTC)
    order = Order(
        id="01M801A8MVX0PPHZBV0TRZGEJX",
        alert=1044,
        school="harrowby-green",
        platform="mastodon",
        post_id="115584",
        revision="1",
        url="https://social.example/@gate_watcher/115584",
        title="",
        text="Waiting at the gate of Harrowby Green Primary School tomorrow for whoever pushed my son over. "
        "You will be sorry.",
        author="gate_watcher",
        posted_at=seen - timedelta(minutes=4),
        seen_at=seen,
        media_lock=False,
        why=(),
        by="",
    )
    (IMAGES / "evidence-card.png").write_bytes(draw(order, seen + timedelta(seconds=41)).png)


def show_summary(demo: Path) -> None:
    """Both pages of the summary in the pack for the police, side by side; needs `pdftoppm`."""
    summary = next(demo.glob("A-*-police/summary.pdf"))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["pdftoppm", "-r", "86", "-png", summary, f"{folder}/page"], check=True, timeout=60)
        pages = [Image.open(page).convert("RGB") for page in sorted(Path(folder).iterdir())]
    both = Image.new("RGB", (sum(page.width for page in pages), SUMMARY_HEIGHT), "white")
    for number, page in enumerate(pages):
        both.paste(page, (sum(before.width for before in pages[:number]), 0))
    both.quantize(128).save(IMAGES / "evidence-summary.png", optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]))
    draw_card()
    show_summary(Path(sys.argv[1]))
