"""Pages that never end, swell, lead astray or change under the camera's eyes: filed or refused, in time."""

import gzip
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scenes import Scene
from series import zombies
from sites import Answer, Visitor, wait_for

from monitor.captures import Capture, Kind, Progress
from monitor.evidence import processes
from monitor.evidence.camera import Camera, CaptureFailed

pytestmark = pytest.mark.browser
Take = Callable[[str | Answer], Capture]
SECONDS = 6
CANARY = b"canary-of-the-machine"
METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.fixture(scope="module")
def quick(studio: Scene) -> Iterator[Camera]:
    """A camera that gives a page little time; in the end it works, and nothing that it started lives."""
    lens = studio.camera(seconds=SECONDS)
    yield lens
    studio.site.pages["/good"] = _post(studio)
    assert studio.take("/good", lens=lens).progress is Progress.COMPLETE
    assert lens._child is not None
    scratch = lens._child.scratch
    lens.close()
    assert wait_for(lambda: not processes.groups_of(scratch) and not scratch.exists())
    assert wait_for(lambda: not zombies())


@pytest.fixture
def take(scene: Scene) -> Take:
    """Takes a page with time enough."""
    return _taker(scene, scene.lens)


@pytest.fixture
def try_it(scene: Scene, quick: Camera) -> Iterator[Take]:
    """Takes a page that deserves no time, and gives it little."""
    began = time.monotonic()
    yield _taker(scene, quick)
    assert time.monotonic() - began < 8 * SECONDS


def _taker(scene: Scene, lens: Camera) -> Take:
    def take(page: str | Answer) -> Capture:
        scene.site.pages["/t"] = page
        return scene.take("/t", lens=lens)

    return take


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of this machine."""
    path = tmp_path / "secret.txt"
    path.write_bytes(CANARY)
    return path


def _post(scene: Scene, more: str = "") -> str:
    return f"<!doctype html><article id=c7><b>Garden Gnome</b><p>{scene.text}</p></article>{more}"


# Pages without an end


def test_a_page_that_never_ends_is_given_up(scene: Scene, try_it: Take) -> None:
    over = threading.Event()

    def drip(visitor: Visitor) -> None:
        visitor.send_response(200)
        visitor.send_header("Content-Type", "text/html")
        visitor.end_headers()
        visitor.close_connection = True
        while not over.wait(0.05):
            visitor.wfile.write(b"<p>and then</p>")

    with pytest.raises(CaptureFailed, match="in time"):
        try_it(drip)
    over.set()


def test_a_part_that_never_comes_does_not_keep_the_post_from_being_filed(scene: Scene, take: Take) -> None:
    over = threading.Event()
    scene.site.pages["/never"] = lambda visitor: visitor.give("late" if over.wait(60) else "never")

    capture = take(_post(scene, "<script async src=/never></script><iframe src=/never></iframe>"))
    over.set()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT


def test_an_address_that_leads_on_for_ever_is_given_up(scene: Scene, try_it: Take) -> None:
    steps = iter(range(10_000))

    with pytest.raises(CaptureFailed, match=r"TOO_MANY_REDIRECTS|in time"):
        try_it(lambda visitor: visitor.lead_to(f"/t?{next(steps)}"))


def test_a_page_that_leads_to_itself_for_ever_is_refused(scene: Scene, try_it: Take) -> None:
    hops = "<script>location.replace('/t?' + Math.random())</script>"

    with pytest.raises(CaptureFailed):
        try_it(_post(scene, hops))


# Pages that swell


def test_a_gigabyte_that_came_as_one_megabyte_is_refused(scene: Scene, try_it: Take) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush nothing refers back: the piece unpacks to a megabyte as often as it stands there.
    megabyte = packer.compress(b"<p>" + b"a" * 999_993 + b"</p>") + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = gzip.compress(b"")[:10] + 1000 * megabyte + packer.flush() + bytes(8)
    assert len(bomb) < 2_000_000

    _refused(lambda: try_it(_giving(bomb, {"Content-Encoding": "gzip"})))


def _giving(content: bytes, headers: dict[str, str]) -> Answer:
    return lambda visitor: visitor.give(content, kind="text/html", headers=headers)


def test_a_page_whose_script_fetches_a_gigabyte_is_refused(scene: Scene, try_it: Take) -> None:
    sent = 0

    def gigabyte(visitor: Visitor) -> None:
        nonlocal sent
        visitor.send_response(200)
        visitor.send_header("Content-Type", "application/json")
        visitor.send_header("Content-Length", str(1_000_000_000))
        visitor.end_headers()
        for _ in range(1000):
            visitor.wfile.write(b" " * 1_000_000)
            sent += 1

    scene.site.pages["/much"] = gigabyte

    _refused(lambda: try_it("<p>Wait</p><script>fetch('/much').then(answer => answer.text())</script>"))
    assert sent < 60


def _refused(take: Callable[[], Capture]) -> None:
    """Either there is nothing yet, or a record that says why there is no picture."""
    try:
        capture = take()
    except CaptureFailed:
        return
    assert capture.kind in (Kind.METADATA_ONLY, Kind.RENDERED_CARD)
    assert capture.progress is Progress.LIMITED


def test_a_page_that_forks_workers_is_filed_and_the_next_one_too(scene: Scene, take: Take) -> None:
    spawn = """const more = `onmessage = told => { for (let i = 0; i < 3; i++) if (told.data) {
            const one = new Worker(URL.createObjectURL(new Blob([self.name])), {name: self.name});
            one.postMessage(told.data - 1) } setInterval(() => new Array(1e5).fill(1), 50) }`;
        const first = new Worker(URL.createObjectURL(new Blob([more])), {name: more}); first.postMessage(2);
        navigator.serviceWorker?.register('/worker.js'); new SharedWorker('/shared.js')"""

    capture = take(_post(scene, f"<script>{spawn}</script>"))

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert take(_post(scene)).kind is Kind.ELEMENT_SCREENSHOT
    assert "/worker.js" not in scene.site.asked


@pytest.mark.parametrize("size", ["height:200000px", "width:200000px;height:300px"])
def test_a_page_of_two_hundred_thousand_pixels_is_cut(scene: Scene, take: Take, size: str) -> None:
    capture = take(
        f"<title>x</title>{scene.text}<div style='{size};background:linear-gradient(red,blue)'></div>"
    )

    assert capture.kind is Kind.PAGE_SCREENSHOT
    assert scene.height(capture) <= 8000
    assert ("the rest was too tall" in " ".join(capture.limits)) == ("height:200000" in size)


# Pages that ask and shout


def test_dialogues_that_never_end_and_printing_do_no_harm(scene: Scene, take: Take) -> None:
    shout = """<dialog id=ask>Will you?</dialog><script>ask.showModal(); print(); prompt("Who are you?");
        setInterval(() => alert("again"), 1); onbeforeunload = () => "stay"; confirm("sure?")</script>"""

    assert take(_post(scene, shout)).kind is Kind.ELEMENT_SCREENSHOT


def test_a_server_that_asks_for_a_password_gets_none(scene: Scene, take: Take) -> None:
    asked: list[str | None] = []

    def guarded(visitor: Visitor) -> None:
        asked.append(visitor.headers["Authorization"])
        visitor.give("Who are you?", status=401, headers={"WWW-Authenticate": 'Basic realm="Staff"'})

    capture = take(guarded)

    assert capture.limits[0] == "The page asks for a login."
    assert set(asked) == {None}


# Where no page may lead


def test_an_address_that_leads_to_the_machines_own_data_is_refused(take: Take) -> None:
    capture = take(lambda visitor: visitor.lead_to(METADATA))

    assert "not on the internet (169.254.169.254:80)" in capture.limits[0]


def test_an_address_that_leads_to_a_file_is_refused(take: Take, secret: Path) -> None:
    capture = take(lambda visitor: visitor.lead_to(secret.as_uri()))

    assert "leads to a file" in capture.limits[0]


@pytest.mark.parametrize("where", ["data", "file"])
def test_a_page_whose_script_leads_into_the_machine_is_not_filed_as_the_post(
    scene: Scene, try_it: Take, secret: Path, where: str
) -> None:
    place = METADATA if where == "data" else secret.as_uri()
    try:
        capture = try_it(f"<p>Nothing to see yet.</p><script>location.href = '{place}'</script>")
    except CaptureFailed:
        return  # nothing is kept
    assert capture.progress is Progress.LIMITED
    assert not [name for name, content in _kept(scene, capture) if CANARY in content]


def test_parts_of_a_page_that_lie_in_the_machine_are_never_read(
    scene: Scene, take: Take, secret: Path
) -> None:
    ways = "".join(
        f"""<iframe src='{place}'></iframe><img src='{place}'><object data='{place}'></object>
        <script src='{place}'></script><link rel=stylesheet href='{place}'>
        <script>fetch('{place}').then(got => got.text()).then(told => c7.append(told), () => 0)</script>"""
        for place in (METADATA, secret.as_uri(), "http://[fd00:ec2::254]/latest/")
    )
    socket = f"<script>new WebSocket('ws://169.254.169.254/'); new EventSource('{METADATA}')</script>"

    capture = take(_post(scene, ways + socket))

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert not [name for name, content in _kept(scene, capture) if CANARY in content]
    with zipfile.ZipFile(scene.place(capture) / "page.wacz") as packed:
        assert b"169.254" not in packed.read("archive/data.warc.gz")


def _kept(scene: Scene, capture: Capture) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in scene.place(capture).iterdir()]


# Pages that change


def test_the_archive_holds_the_page_of_the_picture_though_each_visit_gets_another(
    scene: Scene, take: Take
) -> None:
    heights: list[int] = []

    def another(visitor: Visitor) -> None:
        heights.append(100 + 40 * len(heights))
        visitor.give(_post(scene, f"<style>article {{ height: {heights[-1]}px; margin: 0 }}</style>"))

    capture = take(another)

    page = (scene.place(capture) / "page.html").read_text()
    pictured = scene.height(capture) - 16
    assert f"height: {pictured}px" in page
    with zipfile.ZipFile(scene.place(capture) / "page.wacz") as packed:
        told = gzip.decompress(packed.read("archive/data.warc.gz")).decode()
    assert f"height: {pictured}px" in told


def test_a_wall_that_rises_while_the_print_is_made_is_seen(scene: Scene, take: Take) -> None:
    rise = """<div style='height:3000px'></div><script>addEventListener("scroll", () => {
        const wall = document.createElement("div"); wall.textContent = "Log in to see more";
        wall.style = "position:fixed;inset:0;background:#fff";
        document.body.append(wall) }, {once: true})</script>"""

    _refused(lambda: take("<div style='height:3000px'></div>" + _post(scene, rise)))


def test_a_post_that_vanishes_while_the_print_is_made_is_not_filed_as_shown(scene: Scene, take: Take) -> None:
    vanish = """<div style='height:3000px'></div><script>addEventListener("scroll", () => {
        c7.textContent = "This post is no longer available" }, {once: true})</script>"""

    _refused(lambda: take("<div style='height:3000px'></div>" + _post(scene, vanish)))
