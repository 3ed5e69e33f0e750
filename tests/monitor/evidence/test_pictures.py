"""The second visit: pictures are fetched only where every word of the page was read and nothing locks."""

import base64
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from scenes import Scene
from sites import Visitor, serving

from monitor.captures import Capture, Kind, Progress
from monitor.evidence.camera import Camera, CaptureFailed

pytestmark = pytest.mark.browser

_RED = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVQI12P4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC"
)
_ABUSE = {"subcategories": ("abuse.harassment_staff",)}
_CODEWORD = "codeword-of-the-rules"


def _picture(visitor: Visitor) -> None:
    visitor.give(_RED, kind="image/png")


def _thread(text: str, inside: str = "", beside: str = "") -> str:
    return f"""<!doctype html><title>Harrowby talk</title><style>img {{width:300px;height:200px}}</style>
        <article id="c7"><b>Garden Gnome</b><p>{text}</p>{inside}</article>{beside}"""


@pytest.fixture(scope="module")
def lens(studio: Scene) -> Camera:
    """A warm camera that may fetch pictures."""
    return studio.camera(pictures=True, seconds=20, locks=lambda words: _CODEWORD in words)


@pytest.fixture
def take(scene: Scene, lens: Camera) -> Callable[..., Capture]:
    """Takes the page of an order that may show pictures."""
    scene.site.pages["/1.png"] = _picture

    def take(path: str = "/t#c7", **changes: Any) -> Capture:
        return scene.take(path, lens=lens, **(_ABUSE | changes))

    return take


def _red(png: bytes) -> bool:
    """Whether anything in the picture is as red as our picture is."""
    colours = Image.open(BytesIO(png)).convert("RGB").getcolors(1 << 24) or []
    return (255, 0, 0) in {colour for _, colour in colours}


def _changing(scene: Scene, first: str, then: str | Callable[[Visitor], None]) -> None:
    """Put up a page that is another one at the second visit."""

    def page(visitor: Visitor) -> None:
        if scene.site.asked.count("/t") == 1:
            visitor.give(first)
        elif isinstance(then, str):
            visitor.give(then)
        else:
            then(visitor)

    scene.site.pages["/t"] = page


def test_where_nothing_locks_a_second_visit_prints_the_pictures(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png>")

    capture = take()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert (capture.progress, capture.limits) == (Progress.COMPLETE, ())
    assert scene.site.asked == ["/t", "/t", "/1.png"]
    assert _red(scene.picture(capture))
    assert scene.read(capture)["media_policy"].startswith("after a check")
    assert scene.read(capture)["media_blocked_count"] == 0
    assert scene.archived(capture) == {"t": scene.site.pages["/t"].encode(), "1.png": _RED}


@pytest.mark.parametrize(
    "changes",
    [
        {"subcategories": ()},
        {"subcategories": ("abuse.harassment_staff", "safeguarding.self_harm")},
        {"subcategories": ("safeguarding.threat_to_school",)},
    ],
)
def test_where_a_childs_safety_is_the_matter_no_picture_is_fetched(
    scene: Scene, take: Callable[..., Capture], changes: dict[str, Any]
) -> None:
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png>")

    capture = take(**changes)

    assert scene.site.asked == ["/t"]
    assert scene.read(capture)["media_policy"].startswith("none")
    assert not _red(scene.picture(capture))


def test_a_school_that_wants_no_pictures_gets_none(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png>")

    scene.take(**_ABUSE)

    assert scene.site.asked == ["/t"]


@pytest.mark.parametrize(
    "where",
    [
        "<p>codeword-of-the-rules</p>",
        "<img src=/1.png alt='codeword-of-the-rules'>",
        "<button aria-label='codeword-of-the-rules'>x</button>",
        "<p title='codeword-of-the-rules'>x</p>",
        "<input value='codeword-of-the-rules'>",
        "<iframe src=/frame></iframe>",
        "<iframe sandbox srcdoc='<p>codeword-of-the-rules'></iframe>",
        "<div><template shadowrootmode=open><p>codeword-of-the-rules</p></template></div>",
        f"<p>{'A word. ' * 30_000}codeword-of-the-rules</p>",
    ],
    ids=["text", "alt", "label", "title", "field", "frame", "sandboxed frame", "shadow", "far down"],
)
def test_a_lock_anywhere_on_the_page_keeps_everything_out(
    scene: Scene, take: Callable[..., Capture], where: str
) -> None:
    scene.site.pages["/frame"] = f"<p>{_CODEWORD}</p>"
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png>", where)

    capture = take()

    assert (capture.kind, capture.locks) == (Kind.METADATA_ONLY, True)
    assert {file.name for file in capture.files} == {"post.json"}
    assert "/1.png" not in scene.site.asked
    assert scene.site.asked.count("/t") == 1


def test_the_words_of_another_sites_frame_count_too(scene: Scene) -> None:
    with serving() as other:
        other.pages["/frame"] = f"<p>{_CODEWORD}</p>"
        scene.site.pages["/t"] = _thread(scene.text, beside=f"<iframe src={other.url('/frame')}></iframe>")
        allow = frozenset({scene.site.place, other.place})

        capture = scene.take(lens=scene.camera(allow=allow, locks=lambda words: _CODEWORD in words))

    assert capture.locks


@pytest.mark.parametrize(
    "mark",
    [
        "<p>This post may contain sensitive content</p>",
        "<article nsfw><p>Somebody else's</p></article>",
        "<span class=nsfw-stamp>NSFW</span>",
        "<meta name=rating content=adult>",
    ],
)
def test_domain_3_7_a_mark_of_the_site_on_the_post_or_beside_it_locks(
    scene: Scene, take: Callable[..., Capture], mark: str
) -> None:
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png>", mark)

    capture = take()

    assert capture.locks
    assert "marks this post, or something beside it, as sensitive" in capture.limits[0]
    assert scene.site.asked == ["/t"]


def test_a_post_that_only_speaks_of_such_marks_is_no_mark(scene: Scene, take: Callable[..., Capture]) -> None:
    said = "The school mailed a film that may contain sensitive matter to all parents, and " * 3
    scene.site.pages["/t"] = _thread(said)

    assert not take(text=said).locks


def test_a_page_that_locks_at_the_second_visit_gives_no_picture_and_is_not_kept(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    harmless = _thread(scene.text, "<img src=/1.png>")
    _changing(scene, harmless, harmless + f"<p>{_CODEWORD}</p>")

    capture = take()

    assert capture.locks
    assert {file.name for file in capture.files} == {"post.json"}
    assert scene.site.asked == ["/t", "/t"]


def test_words_that_come_with_the_pictures_are_judged_before_anything_is_kept(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    script = f"<img src=/1.png onload=\"this.insertAdjacentHTML('afterend', '<p>{_CODEWORD}')\">"
    scene.site.pages["/t"] = _thread(scene.text, beside=script)

    capture = take()

    assert capture.locks
    assert {file.name for file in capture.files} == {"post.json"}


@pytest.mark.parametrize(
    "then",
    [
        lambda visitor: visitor.give("busy", status=503),
        lambda visitor: visitor.lead_to("/login"),
        lambda visitor: visitor.connection.close(),
        "<h1>Somebody else's words altogether</h1>",
    ],
    ids=["error", "login", "hung up", "another page"],
)
def test_where_the_second_visit_fails_the_first_is_printed_and_says_so(
    scene: Scene, take: Callable[..., Capture], then: Any
) -> None:
    scene.site.pages["/login"] = "<h1>Log in</h1><form><input type=password></form>"
    _changing(scene, _thread(scene.text, "<img src=/1.png>"), then)

    capture = take()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert capture.limits[0].startswith("Without pictures, since the visit that was to fetch them failed")
    assert scene.read(capture)["media_policy"].startswith("none")
    assert scene.read(capture)["http"]["status"] == 200
    assert "/1.png" not in scene.site.asked
    assert b"<img src=/1.png>" in scene.archived(capture)["t"]


def test_more_pictures_than_one_visit_may_bring_leave_the_print_of_the_first(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    """Its pictures must not cost a post its print."""
    large = _RED + bytes(15 * 1024 * 1024)
    names = [f"/{number}.png" for number in range(4)]
    for name in names:
        scene.site.pages[name] = lambda visitor: visitor.give(large, kind="image/png")
    scene.site.pages["/t"] = _thread(scene.text, "".join(f"<img src={name}>" for name in names))

    capture = take()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert capture.limits[0] == (
        "Without pictures, since the visit that was to fetch them failed: "
        "the page with its pictures is larger than 40 MB."
    )
    assert scene.read(capture)["media_policy"].startswith("none")
    assert not _red(scene.picture(capture))
    assert set(scene.archived(capture)) == {"t"}


def test_a_page_that_hangs_for_its_pictures_is_printed_without_them_at_a_later_try(scene: Scene) -> None:
    scene.site.pages["/1.png"] = _picture
    hang = "<img src=/1.png onload='for (;;);'>"
    scene.site.pages["/t"] = _thread(scene.text, hang)
    hasty = scene.camera(pictures=True, seconds=8)

    with pytest.raises(CaptureFailed):
        scene.take(lens=hasty, **_ABUSE)
    capture = scene.take(lens=hasty, attempts=2, **_ABUSE)
    hasty.close()

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert "Without pictures, since earlier tries of this page failed." in capture.limits


def test_a_page_with_more_words_than_can_be_checked_shows_no_pictures(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    scene.site.pages["/t"] = _thread(
        scene.text, "<img src=/1.png>", f"<p>{'word ' * 390_000}</p><input value={'w' * 60_000}>"
    )

    capture = take()

    assert "Without pictures, since not all words of the page could be checked." in capture.limits
    assert scene.site.asked == ["/t"]


def test_films_sound_and_the_pictures_of_frames_stay_out_of_the_second_visit_too(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    for name in ("v.mp4", "s.mp3", "p.jpg", "in.png"):
        scene.site.pages[f"/{name}"] = _picture
    scene.site.pages["/view"] = lambda visitor: visitor.give(b"film", kind="video/mp4")
    scene.site.pages["/frame"] = "<img src=/in.png>"
    scene.site.pages["/t"] = _thread(
        scene.text,
        """<img src=/1.png><video src=/v.mp4 autoplay muted></video><audio src=/s.mp3 preload=auto></audio>
        <iframe src=/frame></iframe><script>fetch("/view").then(() => fetch("/read"), () => 0)</script>""",
    )

    capture = take()

    assert set(scene.site.asked) == {"/t", "/frame", "/view", "/1.png"}
    assert scene.read(capture)["media_blocked_count"] >= 4
    assert not any(name.endswith(("mp4", "mp3", "jpg")) for name in scene.archived(capture))


def test_domain_3_7_a_picture_that_stands_for_a_film_stays_out(
    scene: Scene, take: Callable[..., Capture]
) -> None:
    scene.site.pages["/poster.png"] = _picture
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png><video poster=/poster.png></video>")

    capture = take()

    assert "/1.png" in scene.site.asked
    assert "/poster.png" not in scene.site.asked
    assert scene.read(capture)["media_blocked_count"] == 1


def test_a_window_that_the_page_opens_gets_no_picture(scene: Scene, take: Callable[..., Capture]) -> None:
    scene.site.pages["/2.png"] = _picture
    scene.site.pages["/more"] = "<img src=/2.png>"
    scene.site.pages["/t"] = _thread(scene.text, "<img src=/1.png><script>window.open('/more')</script>")

    take()

    assert "/2.png" not in scene.site.asked
    assert "/1.png" in scene.site.asked


# What there is beside a picture


_ANSWER = '{"id":"c7","text":"The gate"}'


def test_what_the_platform_answered_is_filed_beside_the_picture(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text)

    capture = scene.take(answer=_ANSWER)

    assert capture.kind is Kind.ELEMENT_SCREENSHOT
    assert (scene.place(capture) / "answer.json").read_text() == _ANSWER
    assert {file.name: file.role for file in capture.files}["answer.json"] == "api_json"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"answer": _ANSWER}, Kind.RENDERED_CARD),
        ({"answer": _ANSWER, "text": "", "title": ""}, Kind.API_JSON),
        ({"answer": "Dear all", "platform": "mailbox"}, Kind.EMAIL_FORWARD),
        ({"text": "", "title": ""}, Kind.METADATA_ONLY),
    ],
)
def test_domain_3_2_behind_a_wall_the_record_falls_back_to_what_there_is_and_names_it(
    scene: Scene, changes: dict[str, Any], kind: Kind
) -> None:
    scene.site.pages["/t"] = lambda visitor: visitor.give("gone", status=404)

    capture = scene.take(**changes)

    assert (capture.kind, capture.progress) == (kind, Progress.LIMITED)
    assert "no such page (404)" in capture.limits[0]
    assert scene.read(capture)["kind"] == kind


def test_nothing_that_the_platform_answered_is_filed_of_what_locks(scene: Scene) -> None:
    scene.site.pages["/t"] = _thread(scene.text, beside=f"<p>{_CODEWORD}</p>")

    for capture in (scene.take(answer=_ANSWER), scene.take(answer=_ANSWER, media_lock=True, text="")):
        assert capture.kind is Kind.METADATA_ONLY
        assert not (scene.place(capture) / "answer.json").exists()
