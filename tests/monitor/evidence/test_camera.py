"""The camera, with a real browser, in front of pages that are kind, broken and hostile."""

import base64
import gzip
import os
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from scenes import Scene
from sites import Site, Visitor, serving

from monitor.captures import BY_HAND, PICTURES, Capture, Kind, Progress
from monitor.evidence import archive
from monitor.evidence.camera import CaptureFailed
from monitor.evidence.card import DRAWN

pytestmark = pytest.mark.browser

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


_CARD = ("card.png", "strip.png")


def _names(scene: Scene, capture: Capture) -> set[str]:
    """What lies in the capture's folder beside its record."""
    return {path.name for path in scene.place(capture).iterdir()} - {"record.json"}


def _thread(text: str, inside: str = "") -> str:
    return f"""<!doctype html><title>Harrowby talk</title><h1>Harrowby talk</h1>
        <article id="c6"><b>Somebody</b><p>Lovely weather on the green today, was it not?</p></article>
        <article id="c7"><b>Garden Gnome</b> <time>14 July</time><p>{text}</p>{inside}</article>
        <article id="c8"><b>Another</b><p>The bus was late again this morning, I hear.</p></article>"""


def _colours(png: bytes) -> set[bytes]:
    """Some of the bytes of the picture's first lines: more than one kind when something is drawn."""
    packed = b"".join(
        png[start + 4 : start + 4 + struct.unpack(">I", png[start - 4 : start])[0]]
        for start in range(len(png))
        if png[start : start + 4] == b"IDAT"
    )
    return set(struct.unpack(f"{len(zlib.decompress(packed))}c", zlib.decompress(packed)))


# What a good page gives


def test_the_posts_own_part_of_the_page_is_pictured(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text)

    capture = scene.take()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert capture.progress is Progress.COMPLETE
    assert capture.limits == ()
    assert {file.name: file.role for file in capture.files} == {
        "screenshot.png": "element_screenshot",
        "strip.png": "strip",
        "page.html": "page",
        "page.wacz": "page_archive",
        "headers.json": "headers",
        "post.json": "text",
    }
    assert archive.verify(scene.place(capture), capture.record_sha256) == []
    assert scene.height(capture) < 200
    assert len(_colours(scene.picture(capture))) > 10


def test_lei_9_2_the_record_says_when_where_who_and_how(scene: Scene) -> None:
    scene.site.pages["/old"] = lambda visitor: visitor.lead_to("/t", 301)
    scene.site.pages["/t"] = _thread(scene.text)

    record = scene.read(scene.take("/old#c7"))

    assert record["url_requested"] == scene.site.url("/old#c7")
    assert record["url_final"] == scene.site.url("/t#c7")
    assert record["redirect_chain"] == [{"url": scene.site.url("/old"), "status": 301, "location": "/t"}]
    http = record["http"]
    assert (http["status"], http["remote_ip"], http["http_version"]) == (200, "127.0.0.1", "HTTP/1.1")
    assert (http["certificate"], http["tls_certificate_sha256"]) == (None, None)
    assert record["date"] == "Tuesday 14 July 2026, 19:05:09 BST"
    client = record["client"]
    assert client["browser"].startswith("Chromium 1")
    assert (client["locale"], client["viewport"], client["logged_in"]) == ("en-GB", "1280x1024", False)
    assert client["sandbox"] == ("off: the monitor runs as root" if os.geteuid() == 0 else client["sandbox"])
    assert record["software"] == "monitor 0.1.0"


def test_a_post_is_found_by_its_words_without_help_from_the_address(scene: Scene) -> None:
    linked = scene.text.replace("Harrowby Green", "<a href=/>Harrowby&nbsp;Green</a>")
    broken_up = linked.replace("open", "<i>OPEN</i>")
    scene.site.pages["/t"] = _thread(broken_up)

    capture = scene.take("/t")

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert scene.height(capture) < 200


def test_a_post_that_a_script_puts_there_later_is_waited_for(scene: Scene) -> None:
    scene.site.pages["/words"] = lambda visitor: visitor.give(scene.text, kind="text/plain")
    scene.site.pages["/t"] = """<div id=app></div><script>setTimeout(async () => {
        const words = await (await fetch("/words")).text();
        app.innerHTML = "<article><p></p></article>"; document.querySelector("p").textContent = words;
    }, 900)</script>"""

    capture = scene.take("/t")

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert capture.progress is Progress.COMPLETE


def test_where_the_posts_part_cannot_be_told_apart_the_page_is_pictured_and_says_so(scene: Scene) -> None:
    scene.site.pages["/t"] = f"<title>x</title>{scene.text}"

    capture = scene.take("/t")

    assert capture.kind is Kind.PAGE_SCREENSHOT
    assert capture.progress is Progress.COMPLETE
    assert "could not be told apart" in capture.limits[0]


def test_a_page_of_which_only_the_title_is_the_posts_is_kept_as_a_page_beside_the_data(scene: Scene) -> None:
    scene.site.pages["/t"] = (
        "<article><h1>Gate left open at village school</h1><p>Our reporter writes.</p></article>"
        "<p>Next: the bins.</p><div style='height:900px'></div>"
    )

    capture = scene.take("/t#c7", title="Gate left open at village school", answer='{"id": 7}')

    assert (capture.kind, capture.progress) == (Kind.PAGE_SCREENSHOT, Progress.LIMITED)
    assert len(capture.limits) == 2
    assert "Only the post's title was found" in capture.limits[0]
    assert capture.limits[1].startswith("card.png is no screen print")
    assert [file.name for file in capture.files if file.role in PICTURES] == ["screenshot.png", "card.png"]
    assert "The picture shows the page, not the post." in capture.limits[0]
    assert scene.height(capture) > 900
    assert scene.read(capture, "answer.json") == {"id": 7}
    assert scene.read(capture, "post.json")["text"] == scene.text


def test_a_post_that_is_only_a_title_is_pictured_by_it(scene: Scene) -> None:
    title = "Gate left open at village school"
    scene.site.pages["/t"] = (
        f"<article><h1>{title}</h1><a href=/gate>paper</a></article><h2>1 comment</h2><p>[deleted]</p>"
    )

    for text in ("", " 🎒 "):
        capture = scene.take("/t", title=title, text=text)

        assert (capture.kind, capture.progress, capture.limits) == (
            Kind.ELEMENT_SCREENSHOT,
            Progress.COMPLETE,
            (),
        )


def test_an_article_is_pictured_with_its_headline(scene: Scene) -> None:
    body = f'<div itemprop="articleBody"><p>{scene.text}</p></div>'
    article = f"<article><h1>Gate left open</h1><p>By our reporter</p>{body}</article>"
    rest = "".join(f"<p>Another story, number {number}, about the bins.</p>" for number in range(40))

    scene.site.pages["/t"] = f"<main>{body}{rest}</main>"
    alone = scene.take("/t")
    scene.site.pages["/a"] = f"<main>{article}{rest}</main>"
    whole = scene.take("/a")

    heights = [Image.open(BytesIO(scene.picture(capture))).height for capture in (alone, whole)]
    assert heights[1] > heights[0] + 60


def test_a_post_below_the_name_of_a_site_is_pictured_and_not_the_sites_banner(scene: Scene) -> None:
    words = "the gate of Harrowby Green was left open all afternoon and nobody came out to close it"
    scene.site.pages["/forum"] = (
        "<title>Thornwick Forum</title><header><h1>Thornwick Forum</h1></header>"
        f"<section><div><b>angrydad88</b> <time>18:40</time><p>{words}</p></div>"
        + "".join(f"<div><p>Somebody else says number {n} about the bins.</p></div>" for n in range(40))
        + "</section>"
    )
    told = f"angrydad88 · 18:40 · link\n\n{words}"

    found = scene.take("/forum", text=told, title="Thornwick Forum")
    title_alone = scene.take("/forum", text="Words that nobody finds on this page", title="Thornwick Forum")

    assert (found.kind, found.limits) == (Kind.ELEMENT_SCREENSHOT, ())
    assert title_alone.kind is Kind.PAGE_SCREENSHOT


def test_a_very_tall_post_is_cut_and_says_where(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text, "<div style='height:60000px'></div>")

    capture = scene.take()

    assert scene.height(capture) == 8000
    assert "The picture ends after 8000 pixels: the rest was too tall." in capture.limits


def test_a_banner_over_the_post_is_said_and_not_clicked_away(scene: Scene) -> None:
    look = "position:fixed;inset:0;left:40%;background:#fff"
    banner = f"<div style='{look}' onclick='fetch(\"/clicked\")'>Accept cookies</div>"
    scene.site.pages["/t"] = _thread(scene.text) + banner

    capture = scene.take()

    assert "covers part of the post" in capture.limits[0]
    assert capture.progress is Progress.LIMITED
    assert "/clicked" not in scene.site.asked


def test_the_page_is_kept_byte_for_byte_as_it_was_received(scene: Scene) -> None:
    sent = _thread(scene.text + " Café.").encode("latin-1")
    packed = gzip.compress(sent)
    scene.site.pages["/t"] = lambda visitor: visitor.give(
        packed,
        kind="text/html; charset=iso-8859-1",
        headers={"Content-Encoding": "gzip", "Set-Cookie": "id=secret"},
    )

    capture = scene.take()

    assert (scene.place(capture) / "page.html").read_bytes() == sent
    headers = scene.read(capture, "headers.json")
    assert ["Set-Cookie", "(left out)"] in headers["response"]
    assert ["Content-Encoding", "gzip"] in headers["response"]
    assert any(name.lower() == "user-agent" for name, _ in headers["request"])


def test_hostile_words_and_names_stay_words(scene: Scene) -> None:
    words = 'The "gate" of Harrowby\u202eGreen </script><script>top.x=1</script> 🎒 ../../etc/passwd $(id)'
    scene.site.pages["/t"] = "<meta charset=utf-8>" + _thread(words.replace("<", "&lt;"))

    capture = scene.take("/t?a=%2e%2e/%2e%2e&b=é#c7", text=words, post_id="../../x")

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert scene.read(capture, "post.json")["text"] == words
    assert {path.name for path in scene.place(capture).iterdir()} == {
        "record.json",
        *(file.name for file in capture.files),
    }


def test_a_second_call_gives_the_first_capture_and_asks_nobody(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text)
    order = scene.order()
    first = scene.lens.take(order, scene.at)
    asked = len(scene.site.asked)

    assert scene.lens.take(order, scene.at) == first
    assert scene.lens.give_up(order, "Too late.", scene.at) == first
    assert len(scene.site.asked) == asked


def test_one_page_leaves_no_cookie_for_the_next(scene: Scene) -> None:
    cookies: list[str | None] = []

    def page(visitor: Visitor) -> None:
        cookies.append(visitor.headers["Cookie"])
        visitor.give(_thread(scene.text), headers={"Set-Cookie": "who=me; Max-Age=9999"})

    scene.site.pages["/t"] = page
    for _ in range(3):
        scene.take()

    assert cookies == [None, None, None]


def test_the_page_that_is_kept_is_the_one_in_the_picture(scene: Scene) -> None:
    scene.site.pages["/t"] = "<title>Wait</title><script>location.replace('/after')</script>"
    scene.site.pages["/after"] = _thread(scene.text)

    capture = scene.take("/t")

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert (scene.place(capture) / "page.html").read_text() == _thread(scene.text)
    assert scene.read(capture)["url_final"] == scene.site.url("/after")


def test_a_page_that_never_stands_still_is_tried_again(scene: Scene) -> None:
    scene.site.pages["/t"] = "<div id=above></div>" + _thread(
        scene.text,
        # Every picture needs a frame, and every frame moves the post on: never twice in one place.
        """<script>(function grow() {
                above.style.height = 3 * performance.now() + 'px'; requestAnimationFrame(grow)
            })()</script>""",
    )

    with pytest.raises(CaptureFailed, match="kept changing"):
        scene.take()


# What must not be fetched


def test_no_picture_film_sound_or_font_is_ever_asked_for(scene: Scene) -> None:
    def media(visitor: Visitor) -> None:
        visitor.give(b"bytes of a picture", kind="image/png")

    names = "1.png 2.jpg bg.gif f.woff2 v.mp4 s.mp3 o.png e.png i.png p.webp pre.png fetch.png icon.ico"
    for name in (*names.split(), "poster.jpg"):
        scene.site.pages[f"/{name}"] = media
    scene.site.pages["/frame"] = "<img src=/p.webp>"
    scene.site.pages["/t"] = _thread(
        scene.text,
        """<style>@font-face{font-family:f;src:url(/f.woff2)} p{font-family:f;background:url(/bg.gif)}</style>
        <link rel=icon href=/icon.ico><link rel=preload as=image href=/pre.png>
        <link rel=prefetch href=/pre.png>
        <img src=/1.png><picture><source srcset=/2.jpg><img src=/2.jpg></picture>
        <video src=/v.mp4 autoplay muted poster=/poster.jpg></video><audio src=/s.mp3 preload=auto></audio>
        <object data=/o.png></object><embed src=/e.png><iframe src=/i.png></iframe>
        <iframe src=/frame></iframe>
        <script>fetch("/fetch.png").catch(() => 0); new Image().src = "/1.png";
        navigator.sendBeacon("/beacon")</script>""",
    )

    capture = scene.take()

    fetched = [path for path in scene.site.asked if path not in ("/t", "/frame")]
    assert fetched == []
    assert scene.read(capture)["media_blocked_count"] >= 8
    assert "not fetched" in scene.read(capture)["media_policy"]


def test_a_picture_under_a_page_like_name_is_stopped_before_its_bytes(scene: Scene) -> None:
    scene.site.pages["/view"] = lambda visitor: visitor.give(base64.b64decode(_PIXEL), kind="image/png")
    scene.site.pages["/t"] = _thread(
        scene.text,
        """<img id=shown width=300 height=300><script>
        c7.hidden = true;
        fetch("/view").then(answer => answer.blob()).then(blob => {
            shown.src = URL.createObjectURL(blob); return fetch("/read");
        }, () => fetch("/refused")).then(() => { c7.hidden = false })</script>""",
    )

    alone = scene.take("/view")
    capture = scene.take()

    assert alone.kind is Kind.RENDERED_CARD
    assert "gives a picture" in alone.limits[0]
    assert not list(scene.place(alone).glob("*.html"))
    assert scene.read(capture)["media_blocked_count"] == 1
    assert "/refused" in scene.site.asked
    assert "/read" not in scene.site.asked


def test_pictures_written_into_the_page_are_neither_drawn_nor_kept(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(
        scene.text, f"<img width=9 height=9 alt='' src='data:image/png;base64,{_PIXEL}'>"
    )
    scene.site.pages["/plain"] = _thread(scene.text, "<img width=9 height=9 alt='' src='data:,'>")

    capture = scene.take()
    plain = scene.take("/plain#c7")

    page = (scene.place(capture) / "page.html").read_text()
    assert _PIXEL not in page
    assert "src='data:,'" in page
    assert "1 pictures" in capture.limits[0]
    pictures = [scene.picture(each) for each in (capture, plain)]
    assert pictures[0] == pictures[1]


def test_a_locked_post_is_recorded_and_nothing_is_opened(scene: Scene, tmp_path: Path) -> None:
    lens = scene.make_camera(tmp_path, allow=frozenset({scene.site.place}))

    for _ in range(100):
        capture = scene.take("/t", lens=lens, media_lock=True, text="")
        assert capture.kind is Kind.METADATA_ONLY
        assert capture.progress is Progress.COMPLETE
        assert "Not viewed, not copied" in capture.limits[0]
        assert capture.files == ()

    assert scene.site.asked == []
    assert lens._child is None  # not even started
    assert archive.verify(tmp_path / capture.folder, capture.record_sha256) == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["record.json"] * 100


def test_a_page_whose_other_words_lock_it_is_not_kept(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text) + "<p>codeword-of-the-rules</p>"

    capture = scene.take()

    assert capture.kind is Kind.METADATA_ONLY
    assert "nothing of the page was kept" in capture.limits[0]
    assert {path.name for path in scene.place(capture).iterdir()} == {"record.json", "post.json"}
    assert capture.locks
    found = archive.find(scene.folder, "harrowby-green", capture.id)
    assert found is not None
    assert found.folder == capture.folder
    assert scene.read(capture)["media_lock"]
    assert all("http://" not in path.read_text() for path in scene.place(capture).iterdir())


# Where the browser must not go


@pytest.mark.parametrize(
    "how", ["redirect", "fetch", "frame", "script", "style", "refresh", "popup", "socket", "form"]
)
def test_no_page_can_reach_another_service_on_this_machine(scene: Scene, canary: Site, how: str) -> None:
    target = canary.url("/secret")
    ways = {
        "fetch": f"<script>fetch('{target}', {{mode: 'no-cors'}})</script>",
        "frame": f"<iframe src='{target}'></iframe>",
        "script": f"<script src='{target}'></script>",
        "style": f"<link rel=stylesheet href='{target}'><link rel=preconnect href='{target}'>",
        "refresh": f"<meta http-equiv=refresh content='0;url={target}'>",
        "popup": f"<script>window.open('{target}')</script>",
        "socket": f"<script>new WebSocket('ws://{canary.place}/'); new EventSource('{target}')</script>",
        "form": f"<form action='{target}' method=post></form><script>document.forms[0].submit()</script>",
    }
    if how == "redirect":
        scene.site.pages["/t"] = lambda visitor: visitor.lead_to(target)
    else:
        scene.site.pages["/t"] = _thread(scene.text, ways[how])

    if how in ("refresh", "form"):  # led away before the picture, meanwhile or after it: three honest ends
        with suppress(CaptureFailed):
            assert scene.take().kind in (Kind.ELEMENT_SCREENSHOT, Kind.RENDERED_CARD)
    elif how == "redirect":
        assert f"not on the internet ({canary.place})" in scene.take().limits[0]
    else:
        assert scene.take().progress is Progress.COMPLETE


def test_a_local_service_that_is_allowed_can_be_reached(scene: Scene) -> None:
    with serving() as other:
        other.pages["/more"] = lambda visitor: visitor.give(
            "more", headers={"Access-Control-Allow-Origin": "*"}
        )
        scene.site.pages["/t"] = _thread(scene.text, f"<script>fetch('{other.url('/more')}')</script>")

        scene.take(lens=scene.camera(allow=frozenset({scene.site.place, other.place})))

        assert other.asked == ["/more"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "169.254.169.254", "[::ffff:127.0.0.1]"],
)
def test_local_addresses_are_refused_however_they_are_written(scene: Scene, canary: Site, host: str) -> None:
    capture = scene.take(url=f"http://{host}:{canary.port}/")

    assert capture.kind is Kind.RENDERED_CARD
    assert "not on the internet" in capture.limits[0]


def test_an_address_of_another_kind_is_not_opened(scene: Scene) -> None:
    for url in ("file:///etc/passwd", "at://did:plc:x/post/1", "javascript:alert(1)", ""):
        capture = scene.take(url=url)

        assert capture.limits == ("The post has no address on the web.", DRAWN)


# Pages that are not the post


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "no such page (404)"), (410, "no such page (410)"), (403, "not logged in (403)")],
)
def test_an_error_page_is_never_filed_as_the_post(scene: Scene, status: int, said: str) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.give(_thread(scene.text), status=status)

    capture = scene.take()

    assert capture.kind is Kind.RENDERED_CARD
    assert capture.progress is Progress.LIMITED
    assert said in capture.limits[0]
    assert capture.limits[1:] == (DRAWN,), "facts, and no advice to staff"
    assert capture.advice == BY_HAND
    assert _names(scene, capture) == {"headers.json", "post.json", *_CARD}
    assert scene.read(capture)["http"]["status"] == status


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_that_passes_is_tried_again(scene: Scene, status: int) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.give("busy", status=status)

    order = scene.order("/t")

    with pytest.raises(CaptureFailed, match=str(status)):
        scene.lens.take(order, scene.at)

    assert archive.find(scene.folder, order.school, order.id) is None


def test_a_login_wall_is_named_and_not_pictured(scene: Scene) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.lead_to("/login?next=/t")
    scene.site.pages["/login"] = (
        "<h1>Welcome back</h1><form><input name=who><input type=password name=word></form>"
    )

    capture = scene.take("/t")

    assert capture.kind is Kind.RENDERED_CARD
    assert capture.limits == ("The page asks for a login.", DRAWN)
    assert _names(scene, capture) == {"headers.json", "post.json", *_CARD}


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(page, said, id=name)
        for name, page, said in (
            ("brackets", "<article><h1>{}</h1><div>[removed]</div></article>", "not available"),
            (
                "slug",
                "<h1>Page not found</h1><p>Sorry, we could not find the page “{}”.</p>",
                "not available",
            ),
            (
                "search",
                "<h1>Oops! That page can't be found.</h1><p>Search results for: {}</p><p>Nothing found.</p>",
                "not available",
            ),
            (
                "few people",
                "<h2>{}</h2><p>This content isn't available right now. Few may see it.</p>",
                "not available",
            ),
            ("front page", None, "front page"),
        )
    ],
)
def test_a_page_that_kept_the_title_of_a_post_that_is_gone_is_named_and_not_pictured(
    scene: Scene, page: str | None, said: str
) -> None:
    title = "Gate left open at village school"
    scene.site.pages["/"] = f"<article><a href=/t>{title}</a> 17 replies</article><article>Cats</article>"
    scene.site.pages["/t"] = page.format(title) if page else lambda visitor: visitor.lead_to("/")

    capture = scene.take("/t", title=title, answer='{"id": 7}')

    assert (capture.kind, capture.progress) == (Kind.RENDERED_CARD, Progress.LIMITED)
    assert said in capture.limits[0]
    assert _names(scene, capture) == {"headers.json", "post.json", "answer.json", *_CARD}


def test_the_posts_words_beside_a_notice_that_it_is_gone_are_doubted(scene: Scene) -> None:
    scene.site.pages["/t"] = f"<h1>This post has been removed</h1><p>You were looking for: {scene.text}</p>"
    scene.site.pages["/talk"] = _thread(scene.text).replace(
        "Lovely weather on the green today, was it not?", "My post was deleted by the school!"
    )

    doubted, sure = scene.take("/t"), scene.take("/talk")

    assert doubted.progress is Progress.LIMITED
    assert "where its words were repeated, not the post" in doubted.limits[0]
    assert (sure.kind, sure.progress, sure.limits) == (Kind.ELEMENT_SCREENSHOT, Progress.COMPLETE, ())


def test_a_page_without_the_posts_words_is_kept_as_a_page_and_says_so(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread("Something quite different about the summer fair.")

    capture = scene.take()

    assert capture.kind is Kind.PAGE_SCREENSHOT
    assert capture.progress is Progress.LIMITED
    assert "The picture shows the page, not the post." in capture.limits[0]


def test_a_file_to_download_is_not_kept(scene: Scene) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.give(
        b"MZ",
        kind="application/octet-stream",
        headers={"Content-Disposition": 'attachment; filename="../../x.exe"'},
    )

    capture = scene.take("/t")

    assert capture.limits[0] == "The address gives a file to download, not a page; it was not kept."
    assert _names(scene, capture) == {"post.json", *_CARD}


def test_scripts_that_open_windows_dialogues_and_downloads_do_no_harm(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(
        scene.text,
        """<a id=get href="data:application/octet-stream,x" download="../../evil.sh">x</a><script>
        for (let i = 0; i < 20; i++) window.open("/t2"); get.click(); alert("hello"); confirm("sure?");
        onbeforeunload = () => "stay"; setInterval(() => { document.title += "x" }, 10);
        navigator.geolocation.getCurrentPosition(() => 0); Notification.requestPermission();
        </script>""",
    )
    scene.site.pages["/t2"] = "<script>window.open('/t2')</script>"

    capture = scene.take()

    assert capture.progress is Progress.COMPLETE
    assert not [path for path in scene.folder.rglob("*") if "evil" in path.name]


def test_a_page_of_fifty_megabytes_is_given_up_at_forty(scene: Scene) -> None:
    sent = 0

    def page(visitor: Visitor) -> None:
        nonlocal sent
        visitor.send_response(200)
        visitor.send_header("Content-Type", "text/html")
        visitor.end_headers()
        visitor.wfile.write(_thread(scene.text).encode())
        for _ in range(50):
            visitor.wfile.write(b"<!--" + os.urandom(1_000_000).hex().encode()[:1_000_000] + b"-->")
            sent += 1
        visitor.close_connection = True

    scene.site.pages["/t"] = page

    capture = scene.take()

    assert capture.kind is Kind.RENDERED_CARD
    assert capture.limits[0] == "The page is larger than 40 MB."
    assert sent < 49
    assert _names(scene, capture) == {"post.json", *_CARD}
