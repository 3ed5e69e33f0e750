"""The process that prints one page to PDF: without network, without scripts, in a browser of its own.

Runs as `python -m monitor.evidence.printer BROWSER FOLDER`, started with an empty environment: it reads
`page.html` in the folder and writes `page.pdf` there.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright
from playwright.sync_api import BrowserType as Chromium

_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--component-updater=url-source=http://127.0.0.1:9/",
    "--gaia-url=http://127.0.0.1:9/",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_MILLISECONDS = 45_000


def main() -> None:
    """Print the page."""
    browser, folder = (Path(argument) for argument in sys.argv[1:])
    with sync_playwright() as playwright, _launched(playwright.chromium, browser) as launched:
        context = launched.new_context(
            java_script_enabled=False, offline=True, accept_downloads=False, service_workers="block"
        )
        page = context.new_page()
        _open(page, (folder / "page.html").as_uri())
        page.pdf(path=folder / "page.pdf", prefer_css_page_size=True, print_background=True, tagged=True)


def _launched(chromium: Chromium, browser: Path) -> Browser:
    """The browser, in its sandbox where this system allows it one."""
    if os.geteuid() == 0:
        return _start(chromium, browser, sandbox=False)
    try:
        return _start(chromium, browser, sandbox=True)
    except Error as error:
        if "sandbox" not in str(error).lower():
            raise
    return _start(chromium, browser, sandbox=False)


def _start(chromium: Chromium, browser: Path, *, sandbox: bool) -> Browser:
    return chromium.launch(
        executable_path=browser,
        chromium_sandbox=sandbox,
        args=list(_ARGUMENTS),
        proxy={"server": "http://127.0.0.1:9"},
        timeout=_MILLISECONDS,
    )


def _open(page: Page, address: str) -> None:
    """Load this page and nothing that it asks for, but for what is written into it."""
    page.route("**/*", lambda route: route.continue_() if route.request.url == address else route.abort())
    page.goto(address, wait_until="load", timeout=_MILLISECONDS)


if __name__ == "__main__":
    main()
