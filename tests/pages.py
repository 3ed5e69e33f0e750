# ruff: noqa: E501  # lines of HTML are as long as they are
"""A set of pages as strangers' sites show them: posts about an invented school, and what may stand in their place.

Each has styles, pictures, fonts and films on the same server, under `/media/`, so that whatever is fetched of them
can be counted, and found again by its bytes.
"""

import io
import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from PIL import Image, ImageDraw
from scenes import make_order
from sites import Answer, Site, Visitor

from monitor.captures import Order

MEDIA = "/media/"

_ARTICLE = (
    "Parents at Harrowby Green Primary School say children were left waiting on Mill Lane in the dark on Tuesday "
    "after the after-school club closed an hour early without a word to families. The school says that a text "
    "message was sent, and that it is looking into why so few parents had it."
)
_THREAD = (
    "Same here. My youngest was standing outside the side gate of Harrowby Green at ten past five with nobody in "
    "hi-vis anywhere. I rang the office three times. Has anyone had an actual answer yet?"
)
_SCROLL = (
    "Harrowby Green sent the whole of Year 5 home with somebody else's jumper again. Ours says Oliver. We do not "
    "have an Oliver. Oliver, if you are out there, your jumper is safe and slightly muddy."
)
_COMMENT = (
    "I was at the Harrowby Green carol concert and could not see a thing because of phones. Please, next year ask "
    "people to film from the sides only."
)
_TEASER = _THREAD[:90]
_TITLE = "After-school club closed early, does anyone know why?"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the set: the post that is looked for there, and what must come of it.

    `filed` are posts that the page shows; the others are walls. `tells` is a part of what the record says of it,
    or of the reason for which it is tried `again`.
    """

    name: str
    text: str
    title: str = ""
    filed: bool = False
    again: bool = False
    tells: str = ""
    anchor: str = ""

    def order(self, site: Site, **changes: Any) -> Order:
        """What the camera is asked to take."""
        facts = {"url": site.url(f"/{self.name}{self.anchor}"), "text": self.text, "title": self.title}
        return make_order(**(facts | changes))


SET = (
    Shown("article", _ARTICLE, "Children left waiting in the dark as club shuts early", filed=True),
    Shown("thread", _THREAD, filed=True, anchor="#c3"),
    Shown("scroll", _SCROLL, filed=True),
    Shown("video", _COMMENT, filed=True),
    Shown("banner", _THREAD, filed=True, tells="covers part of the post"),
    Shown("consent", _THREAD, tells="cookies"),
    Shown("login", _THREAD, tells="login"),
    Shown("teaser", _THREAD, tells="login"),
    Shown("gone", _THREAD, tells="no such page (404)"),
    Shown("soft-gone", _THREAD, tells="not available"),
    Shown("unavailable", _THREAD, tells="not available"),
    Shown("removed", _THREAD, _TITLE, tells="not available"),
    Shown("led-home", _THREAD, _TITLE, tells="front page"),
    Shown("quoted", _THREAD, filed=True, tells="where its words were repeated"),
    Shown("captcha", _THREAD, tells="test for robots"),
    Shown("filter", _THREAD, tells="web filter"),
    Shown("age", _THREAD, tells="visitor's age"),
    Shown("busy", _THREAD, again=True, tells="asked too often (429)"),
    Shown("soft-busy", _THREAD, again=True, tells="asked too often"),
)


def named(name: str) -> Shown:
    """The page of the set with this name."""
    return next(page for page in SET if page.name == name)


def put_up(site: Site) -> None:
    """Have a site show the whole set."""
    site.pages |= {f"/{name}": page for name, page in _PAGES.items()}
    site.pages |= {f"{MEDIA}{name}": _give(*what) for name, what in media().items()}


def fetched_media(site: Site) -> list[str]:
    """What was fetched of pictures, films, sounds and fonts."""
    return [path for path in site.asked if path.startswith(MEDIA)]


@cache
def media() -> dict[str, tuple[bytes, str]]:
    """The media of the set by name: bytes and type."""
    noise = Random(7)
    pictures = {
        name: (_picture(name, 900, 420), "image/jpeg") for name in ("hero.jpg", "poster.jpg", "leaf.jpg")
    }
    faces = {f"face-{number}.png": (_picture(f"{number}", 64, 64, "PNG"), "image/png") for number in range(6)}
    return (
        pictures
        | faces
        | {
            "text.woff2": (b"wOF2" + noise.randbytes(3000), "font/woff2"),
            "concert.mp4": (b"\0\0\0\x20ftypmp42" + noise.randbytes(60_000), "video/mp4"),
            "jingle.mp3": (b"ID3\4" + noise.randbytes(9000), "audio/mpeg"),
        }
    )


def _picture(name: str, width: int, height: int, form: str = "JPEG") -> bytes:
    """A picture unlike that of any other name: sky, hills and a building."""
    chance = Random(name)
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, size = chance.randrange(width), chance.randrange(height // 2, height), chance.randrange(40, 200)
        draw.ellipse(
            (x - size, y, x + size, y + 2 * size), fill=tuple(chance.randrange(40, 200) for _ in "rgb")
        )
    draw.rectangle((width // 3, height // 2, 2 * width // 3, height - height // 8), fill=(164, 84, 58))
    made = io.BytesIO()
    image.save(made, form)
    return made.getvalue()


def _give(content: bytes, kind: str) -> Answer:
    return lambda visitor: visitor.give(content, kind=kind)


_STYLE = """
@font-face { font-family: Courier Text; src: url(/media/text.woff2) }
* { box-sizing: border-box } body { margin: 0; font: 16px/1.5 "Courier Text", Georgia, serif; color: #1d2327; background: #f4f1ec }
header { background: #22384a; color: #fff; padding: 14px 32px; display: flex; gap: 28px; align-items: baseline }
header b { font-size: 26px } header a { color: #cfe0ec; text-decoration: none; font: 14px sans-serif }
main { max-width: 760px; margin: 24px auto; background: #fff; padding: 24px 36px; border: 1px solid #ddd6cb }
h1 { line-height: 1.15 } .by, time { color: #68737c; font: 13px sans-serif } img.hero { width: 100%; height: 320px; background: #dfe5e8 }
article, .post { border-top: 1px solid #e5e0d8; padding: 14px 0; display: grid; grid-template-columns: 64px 1fr; column-gap: 14px }
article img, .post img { width: 48px; height: 48px; border-radius: 50%; background: #dfe5e8; grid-row: span 3 }
article p, .post p { margin: 4px 0; grid-column: 2 } footer { font: 13px sans-serif; color: #68737c; padding: 24px; text-align: center }
.sheet { position: fixed; inset: 0; background: rgba(20, 28, 34, .55); display: flex; align-items: center; justify-content: center }
.card { background: #fff; max-width: 460px; padding: 28px 32px; border-radius: 10px; font: 15px sans-serif } button { font: inherit; padding: 8px 18px; margin: 8px 8px 0 0 }
input { display: block; margin: 8px 0; padding: 8px; width: 100% }
"""
_FOOT = "<footer>Terms · Privacy · We use cookies to make this site better. Manage cookies · Log in · Register</footer>"


def _page(title: str, body: str, *, site: str = "Harrowby Talk", head: str = "") -> str:
    links = "".join(
        f"<a href=/{word.lower()}>{word}</a>" for word in ("News", "Schools", "Sport", "Log in", "Register")
    )
    return (
        f"<!doctype html><html lang=en-GB><head><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<link rel=icon href=/media/face-0.png>{head}</head><body><header><b>{site}</b>{links}</header>{body}{_FOOT}</body></html>"
    )


def _said(number: int, who: str, when: str, words: str) -> str:
    return (
        f'<article id="c{number}"><img src="/media/face-{number % 6}.png" alt="{who}"><div><b>{who}</b> '
        f"<time>{when}</time></div><p>{words}</p></article>"
    )


_OTHERS = (
    (
        "Mill Lane Mum",
        "Tue 17:32",
        "Does anybody know why after-school club shut at half four today? We were told nothing.",
    ),
    (
        "Sid the Plumber",
        "Tue 17:40",
        "Text came through to me at 16:50, which is not much use when you are under a sink in Barton.",
    ),
    (
        "Ruth P",
        "Tue 18:20",
        "The school has been very good with us over the years. I would wait to hear what happened first.",
    ),
    (
        "Old Harrovian",
        "Tue 19:02",
        "In my day we walked home across the field, in all weathers, and were glad of it.",
    ),
    ("Mill Lane Mum", "Tue 19:15", "Across the field is now the bypass, Geoff."),
)


def _thread(after: str = "", words: str = _THREAD) -> str:
    spoken = [*_OTHERS[:2], ("Garden Gnome", "Tue 17:58", words), *_OTHERS[2:]]
    posts = "".join(_said(number, *said) for number, said in enumerate(spoken, 1))
    heading = "<h1>After-school club closed early — anyone know why?</h1><p class=by>Schools · 6 posts · 214 views</p>"
    return _page("After-school club closed early | Harrowby Talk", f"<main>{heading}{posts}</main>{after}")


_ARTICLE_PAGE = _page(
    "Children left waiting in the dark as club shuts early - The Harrowby Courier",
    f"""<main><h1>Children left waiting in the dark as club shuts early</h1>
    <p class=by>By Imogen Farrow, education reporter · 18 November 2026, 07:30</p>
    <img class=hero src=/media/hero.jpg alt="Mill Lane at dusk"><div itemprop=articleBody><p>{_ARTICLE}</p>
    <p>“I came straight from work and there were four of them by the side gate, in the rain,” said one mother, who did
    not want to be named. “They were fine. But nobody should have to find that out by luck.”</p>
    <p>Harrowby Green, which has 210 pupils, was rated Good in its last inspection. Governors will meet on Thursday.</p></div>
    <h2>Comments</h2>{_said(1, "Ruth P", "08:02", "Hope it gets sorted. The club is a lifeline for us.")}
    {_said(2, "Anon", "08:40", "Typical of this council.")}</main>""",
    site="The Harrowby Courier",
    head="<link rel=preload as=image href=/media/hero.jpg>",
)
_SCROLL_PAGE = _page(
    "Harrowby now",
    """<main><h1>Harrowby now</h1><div id=feed></div><p id=end>Loading more…</p></main><script>
    let next = 0, busy = false;
    const more = async () => {
        if (busy) return; busy = true;
        for (const post of await (await fetch("/feed?page=" + next++)).json()) {
            const made = document.createElement("div"); made.className = "post"; made.role = "article";
            const face = new Image(); face.src = post.face; const who = document.createElement("b");
            who.textContent = post.who; const words = document.createElement("p"); words.textContent = post.words;
            made.append(face, who, words); feed.append(made);
        }
        busy = false; if (end.getBoundingClientRect().top < innerHeight + 300) setTimeout(more, 120);
    };
    new IntersectionObserver(seen => seen[0].isIntersecting && more(), {rootMargin: "300px"}).observe(end);
    </script>""",
)
_VIDEO_PAGE = _page(
    "Harrowby Green carols 2026 - Clips",
    f"""<main><video src=/media/concert.mp4 poster=/media/poster.jpg autoplay muted controls width=680 height=380
    style="background:#111"></video><audio src=/media/jingle.mp3 preload=auto></audio>
    <h1>Harrowby Green carols 2026</h1><p class=by>1,204 views · 14 December</p><p>The whole school sings. Filmed from the back.</p>
    <h2>3 comments</h2>{_said(1, "Nan of three", "2 days ago", "Lovely. I cried at the donkey.")}
    {_said(2, "Garden Gnome", "2 days ago", _COMMENT)}{_said(3, "Sid the Plumber", "1 day ago", "The donkey is mine, if anybody asks.")}</main>""",
    site="Clips",
)


def _card(inside: str) -> str:
    return f"<div class=sheet><div class=card role=dialog>{inside}</div></div>"


def _feed(visitor: Visitor) -> None:
    number = int(visitor.path.partition("=")[2] or 0)
    words = [f"{said[2]} (part {number + 1})" for said in _OTHERS[:4]]
    if number == 1:
        words[2] = _SCROLL
    posts = [
        {"who": f"Neighbour {4 * number + place}", "words": told, "face": f"/media/face-{place}.png"}
        for place, told in enumerate(words)
    ]
    visitor.give(json.dumps(posts), kind="application/json")


def _refusing(status: int, page: str) -> Answer:
    return lambda visitor: visitor.give(page, status=status)


def _bare(title: str, body: str) -> str:
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><main>{body}</main>"
    )


_LOGIN_FORM = "<form><input name=who placeholder=Email><input type=password placeholder=Password><button>Log in</button></form>"
_PAGES: dict[str, str | Answer] = {
    "article": _ARTICLE_PAGE,
    "thread": _thread(),
    "scroll": _SCROLL_PAGE,
    "feed": _feed,
    "video": _VIDEO_PAGE,
    "banner": _thread(
        '<div style="position:fixed;left:0;right:0;bottom:0;height:46%;background:#fff;border-top:4px solid #22384a;padding:24px 48px">'
        "<h2>We value your privacy</h2><p>We and our 812 partners store information on your device.</p>"
        "<button>Accept all</button><button>Reject all</button></div>"
    ),
    "consent": _thread(
        '<div role=dialog style="position:fixed;inset:0;background:#fff;padding:120px 200px"><h2>We value your privacy</h2>'
        "<p>We and our 812 partners store information on your device. Choose what you agree to.</p><button>Accept all</button></div>"
    ),
    "login": lambda visitor: visitor.lead_to("/accounts/login?next=/thread"),
    "accounts/login": _bare(
        "Log in • Harrowby Talk", f"<h1>Welcome back</h1>{_LOGIN_FORM}<p>New here? Create an account</p>"
    ),
    "teaser": _thread(
        _card(f"<h2>Log in to see the whole post</h2>{_LOGIN_FORM}<p>Already a member? Welcome back.</p>"),
        f"{_TEASER}…",
    ),
    "gone": _refusing(404, _bare("Not found", "<h1>404</h1><p>There is no such thread.</p>")),
    "soft-gone": _page(
        "Harrowby Talk",
        "<main><h1>Oh dear</h1><p>This post is no longer available. It may have been removed by its author.</p></main>",
    ),
    "unavailable": _bare(
        "Pages",
        "<h1>This content isn’t available right now</h1><p>When this happens, it is usually because the owner only shared it"
        " with a small group of people, changed who can see it, or it has been deleted.</p><a href=/>Go to your feed</a>",
    ),
    "removed": _page(
        f"{_TITLE} : harrowby",
        f"<main><article><h1>{_TITLE}</h1><p>Sorry, this post was deleted by the person who originally posted it.</p></article>"
        f"<h2>2 comments</h2>{_said(1, 'Ruth P', 'Tue 18:20', 'What happened here?')}{_said(2, '[deleted]', 'Tue 18:31', '[removed]')}</main>",
    ),
    "led-home": lambda visitor: visitor.lead_to("/"),
    "": _page(
        "Harrowby Talk",
        f"<main><h1>Latest</h1><article><b><a href=/removed>{_TITLE}</a></b><p>17 replies</p></article>"
        "<article><b><a href=/cats>Whose is the ginger cat?</a></b><p>3 replies</p></article></main>",
    ),
    "quoted": _page(
        "Harrowby Talk",
        f"<main>{_said(1, 'Garden Gnome', 'Tue 17:58', 'This post has been deleted by its author.')}"
        f"{_said(2, 'Sid the Plumber', 'Tue 18:04', f'<q>{_THREAD}</q> Not so, I was there.')}</main>",
    ),
    "captcha": _bare(
        "Just a moment…",
        "<h1>harrowby.example</h1><p>Verify you are human by completing the action below.</p><div id=captcha>☐ I am human</div>",
    ),
    "filter": _bare(
        "Blocked",
        "<h1>Access to this page is restricted</h1><p>harrowby.example has been blocked by your school’s internet filter."
        "</p><p>Category: Social networking</p><p>User: staff-printer</p>",
    ),
    "age": _bare(
        "Harrowby Talk",
        "<h1>Confirm your age</h1><p>By law we have to check that you are 18 or over.</p><button>Begin</button>",
    ),
    "busy": _refusing(429, _bare("Slow down", "<h1>Too many requests</h1>")),
    "soft-busy": _bare(
        "Harrowby Talk",
        "<h1>Whoa, slow down!</h1><p>You are loading pages too quickly. Try again in 2 minutes.</p>",
    ),
}
