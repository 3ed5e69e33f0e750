"""What stands in a post's place is told from the post, and from pages that only mention such things."""

import time
from dataclasses import dataclass, replace

import pytest
from scenes import make_order

from monitor.captures import Order, Sealed
from monitor.evidence.messages import Look
from monitor.evidence.walls import Wall, mentions_loss, shows_the_end, wall

ASKED = "https://forum.example/t/7#c3"
POST = (
    "Year 4 were sent home without their coats again at Harrowby Green, and when I rang the office nobody "
    "knew who had been on the gate. This is the third time since half term and I am writing to the governors."
)
TEASER = "Year 4 were sent home without their coats again at Harrowby Green, and when I rang the office…"
LOGIN, COOKIES, ROBOTS = "asks for a login", "cookies", "test for robots"
GONE, BUSY, FILTER, AGE = "not available", "asked too often", "web filter", "visitor's age"


@dataclass(frozen=True)
class _Page:
    """A page as the browser saw it."""

    text: str = ""
    title: str = ""
    got: str = ASKED
    status: int = 200
    words: int = -1
    password: bool = False
    captcha: bool = False
    hidden: bool = False
    front: str = ""
    ends: bool = True

    def look(self) -> Look:
        return Look(
            words=self.words,
            ends=self.ends,
            element=self.words >= 0,
            x=0,
            y=0,
            width=1280,
            height=1024,
            covered=self.hidden,
            hidden=self.hidden,
            front=self.front,
            title=self.title,
            text=self.text,
            password_asked=self.password,
            captcha=self.captcha,
            pictures=0,
        )


def _order(text: str = POST, title: str = "", url: str = ASKED) -> Order:
    return make_order(url=url, text=text, title=title)


def _wall(page: _Page, order: Order | None = None) -> Wall | None:
    return wall(order or _order(), page.got, page.status, page.look())


_NEWS = "\n".join(
    f"The parish council met for the {number}. time this year and spoke about the bus shelter at length."
    for number in range(40)
)

WALLS = [
    # Logging in
    (LOGIN, _Page("Welcome", got="https://forum.example/login?next=/t/7")),
    (LOGIN, _Page(got="https://social.example/accounts/login/")),
    (LOGIN, _Page("Join the conversation", got="https://work.example/authwall?trk=x")),
    (LOGIN, _Page("Hello", password=True)),
    (LOGIN, _Page("You must be logged in to view this.")),
    (LOGIN, _Page("Sorry\nYou need to sign in before you can see this board.")),
    (LOGIN, _Page("Log in or sign up to continue")),
    (LOGIN, _Page("Chirrup\nHappening now\nJoin today.\nCreate account\nAlready have an account?\nSign in")),
    (LOGIN, _Page("Photos from everybody\nLog in with your phone\nForgotten password?\nCymraeg")),
    (LOGIN, _Page("This account is private\nFollow to see their photos.")),
    (LOGIN, _Page("This group is for members only.")),
    (LOGIN, _Page("Only friends can see what Garden Gnome shares.")),
    (LOGIN, _Page("Login required")),
    (LOGIN, _Page("You don’t have permission to view this forum.")),
    (LOGIN, _Page("Subscribe to continue reading")),
    (LOGIN, _Page("Please register or log in to read this thread.")),
    (LOGIN, _Page(_NEWS, front="Sign up to see more\nAlready a member? Log in")),
    (LOGIN, _Page(POST, words=0, hidden=True, front="Log in to continue")),
    # Cookies
    (COOKIES, _Page("Before you go on", got="https://consent.videos.example/m?continue=x")),
    (COOKIES, _Page("Your choices", got="https://paper.example/privacy-gate?to=/t/7")),
    (COOKIES, _Page("Before you continue to Clips\nWe use cookies and data to keep things running")),
    (COOKIES, _Page(POST + _NEWS, words=0, hidden=True, front="We value your privacy\nAccept all")),
    (COOKIES, _Page(_NEWS, words=0, hidden=True, front="\nConsent Message https://cmp.paper.example/")),
    # Robots
    (ROBOTS, _Page("Checking", captcha=True)),
    (ROBOTS, _Page(title="Just a moment...")),
    (ROBOTS, _Page("forum.example\nVerify you are human by completing the action below.")),
    (ROBOTS, _Page("Please prove that you're not a robot")),
    (ROBOTS, _Page("Our systems have detected unusual traffic from your computer network.")),
    (ROBOTS, _Page("Checking if the site connection is secure\nEnable JavaScript and cookies to continue")),
    (ROBOTS, _Page("Press & hold to show that you are not a bot")),
    (ROBOTS, _Page(got="https://search.example/sorry/index")),
    (ROBOTS, _Page("Just a moment...\nEnable JavaScript and cookies to continue", status=403)),
    (ROBOTS, _Page("Just a moment...\nChecking your browser before you go on", status=503)),
    # Gone
    (GONE, _Page("This content isn't available right now\nIt was shared with few people, or deleted.")),
    (GONE, _Page("Sorry, this page isn’t available.\nThe link you followed may be broken.")),
    (GONE, _Page("This post has been removed by the moderators")),
    (GONE, _Page("This post is no longer available\n" + _NEWS)),
    (GONE, _Page("Hmm...this page doesn’t exist. Try searching for something else.")),
    (GONE, _Page("Page not found")),
    (GONE, _Page("Video unavailable\nThis video has been taken down by its uploader.\n" + _NEWS)),
    (GONE, _Page("Account suspended\nChirrup suspends accounts that break its rules.")),
    (GONE, _Page(_NEWS, title="404 – The Harrowby Courier")),
    (GONE, _Page("Harrowby Talk\nLog in\nThe requested topic does not exist.")),
    (GONE, _Page("Sorry, we couldn't find that page")),
    (GONE, _Page("That thread was deleted by its author.")),
    (GONE, _Page("[deleted by user]\n[removed]\nSort by: best")),
    (GONE, _Page("We're back soon", got="https://paper.example/404")),
    # Too often
    (BUSY, _Page("Too many requests\nPlease wait a while.")),
    (BUSY, _Page("Rate limit exceeded")),
    (BUSY, _Page("Whoa, slow down!")),
    (BUSY, _Page("You're doing that too much. Try again in 4 minutes.")),
    (BUSY, _Page("Something went wrong. You have been loading too quickly; please wait and try again.")),
    (BUSY, _Page("busy", status=429)),
    # The school's filter
    (FILTER, _Page("Access denied. This site is blocked by your school.")),
    (FILTER, _Page("Web Filter\nThe page you asked for falls under Social Networking", title="Blocked")),
    (FILTER, _Page("This website has been blocked by your administrator")),
    (FILTER, _Page("Access to this page is restricted by the trust's filtering policy", status=403)),
    # Age
    (AGE, _Page("Confirm your age\nWe have to check that you are 18 or over.")),
    (AGE, _Page("You must be at least 18 to see this community")),
    (AGE, _Page("This content is age-restricted")),
    (AGE, _Page("Hello", got="https://chat.example/age-verification?to=7")),
]  # fmt: skip

TEASERS = [
    _Page(f"{TEASER}\nLog in to read the whole post", words=0),
    _Page(f"Garden Gnome\n{TEASER}\nSee more of Harrowby Parents\nLog In\nor\nCreate new account", words=0),
    _Page(f"{TEASER}\n4 comments\nSign up or log in to see what people say", words=0),
    _Page(f"{TEASER}\nWho are you?", words=0, password=True),
    _Page(TEASER, words=0, front="Join to view the full post\nAlready have an account?"),
    _Page("Coats again\nSubscribe to continue reading", words=1),
]

TITLE = "Sent home without their coats at Harrowby Green"

# Only the title is there: the site keeps it, or repeats it, where the post has gone.
TITLES_OF_WHAT_IS_GONE = {
    "deleted by its author": _Page(
        f"{TITLE}\nSorry, this post was deleted by the person who originally posted it.\n2 comments\nWow"
    ),
    "removed in brackets": _Page(f"r/harrowby\n{TITLE}\n[removed]\nShare"),
    "not found and looked for": _Page(
        f"Page not found\nSorry, we could not find the page “{TITLE}”. It may have been deleted."
    ),
    "named in the line that says so": _Page(f"Sorry, we couldn’t find the thread “{TITLE}”."),
    "not found and searched": _Page(
        f"Oops! That page can't be found.\nSearch results for: {TITLE}\nNothing found."
    ),
    "not available right now": _Page(f"{TITLE}\nThis content isn't available right now\n{_NEWS}"),
    "said by the page's own title": _Page(f"{TITLE}\nYou may like\n{_NEWS}", title="404 – page not found"),
    "said over the page": _Page(f"{TITLE}\n{_NEWS}", front="This video is unavailable\nGo back"),
    "gone, though others may comment": _Page(
        f"{TITLE}\nThis thread has been removed by the moderators.\n12 replies\nLog in to reply"
    ),
    "titled as if it spoke of comments": _Page("Comments on the coats of Harrowby Green\n[removed]"),
}
TITLES_OF_WHAT_IS_THERE = {
    "its text is another": _Page(f"{TITLE}\n{_NEWS}"),
    "a newspaper on a deleted post": _Page(
        f"{TITLE}\nThe post was deleted after parents complained.\nThe page is no longer available.\n{_NEWS}"
    ),
    "a neighbour's post": _Page(f"{TITLE}\nMy post was deleted by the school!\n{_NEWS}"),
    "a paragraph": _Page(f"{TITLE}\nThis post was removed in June, it said. {_NEWS.replace(chr(10), ' ')}"),
    "comments below": _Page(
        f"{TITLE}\nWell said.\n3 comments\n[deleted]\n[removed]\nThis comment was deleted by a moderator"
    ),
    "far below": _Page(f"{TITLE}\n{_NEWS}\n[deleted]\nThis post has been removed"),
    "words that cannot be found": _Page(f"{TITLE}\nWe couldn't find the words.\n404 views\n{_NEWS}"),
}
TITLES_THAT_SAY_SO = [
    "This post was deleted by the school, so here it is again",
    "This page is no longer available to parents",
    "We couldn't find the site of the new school",
]

# The text is there, and so is a line that something is gone.
QUOTED = {
    "a reply to what is gone": f"angry_mum\nThis post has been deleted by its author.\nSid\n{POST}\nNot so.",
    "looked for": f"This post has been removed\nYou were looking for: {POST}",
    "said below": f"{POST}\nThis content is no longer available.",
    "said before the title": f"Thread not found\n{TITLE}\n{POST}",
}
NOT_QUOTED = {
    "nothing said": f"Garden Gnome\n{POST}\nLog in to reply",
    "a neighbour's post": f"My post was deleted by the school!\n{POST}\nThe post was deleted, I saw it.",
    "neighbours who left": f"[deleted]\nIt rained.\n{POST}\n[removed]\n404 views",
    "comments below": f"{POST}\n3 comments\nThis comment was deleted by a moderator",
    "far above": f"This post has been removed\n{_NEWS}\n{POST}",
}

NO_WALLS = [
    # The words are there: what stands beside them is no wall.
    _Page(f"{POST}\nLog in to reply. Accept all cookies. A comment has been removed.", words=0),
    _Page(f"Log in\nRegister\n{POST}\nYou must be logged in to view attachments.", words=0),
    _Page(POST, words=0, password=True),
    _Page(POST, words=0, captcha=True),
    _Page(POST, words=0, front="Accept all cookies\nWe value your privacy"),
    _Page(f"This comment was deleted by a moderator\n{POST}", words=0),
    # The source gave a summary that ends otherwise; nothing asks for anything where it breaks off.
    _Page(f"{TEASER}\n{_NEWS}\nLog in to see your saved articles", words=0),
    _Page(f"Sign in to read more\nCoats again\n{_NEWS}", words=1),
    _Page(f"{TEASER}\nContinue reading on our site", words=0),
    # The words are not there, and nothing stands before the page.
    _Page("Minutes of the parish council"),
    _Page(f"Log in | Register\n{_NEWS}\nWe use cookies. Accept all cookies", password=True),
    _Page("Harrowby Talk\nLog in or register\nThe bake sale\nWe raised 40 pounds.\nLog in to reply"),
    _Page(f"{_NEWS}\nThis video is no longer available", captcha=True),
    _Page("This page is available in Welsh and Polish.\n" + _NEWS),
    _Page("The school says the post was removed in June after parents complained.\n" + _NEWS),
    _Page(_NEWS, title="Pupils ask: why was the thread about lunches removed?"),
    _Page(_NEWS, title="How the web filter at Harrowby Green works"),
    _Page(_NEWS, title="Slow down on Mill Lane, say parents"),
    _Page("Log in to your past: the school's archive opens\n" + _NEWS),
    _Page("You must be quick: places at the fair are going\n" + _NEWS),
    _Page("Recipes\nHow to make cookies with Year 2\nMix, bake and accept all the praise."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "page"), WALLS)
def test_a_wall_is_named(kind: str, page: _Page) -> None:
    found = _wall(page)

    assert found is not None
    assert kind in found.reason


@pytest.mark.parametrize("page", TEASERS)
def test_a_wall_that_quotes_the_first_words_of_the_post_is_a_wall(page: _Page) -> None:
    found = _wall(page, _order(title="Coats again"))

    assert found is not None
    assert LOGIN in found.reason


@pytest.mark.parametrize("page", NO_WALLS)
def test_a_page_that_only_mentions_such_things_is_no_wall(page: _Page) -> None:
    assert _wall(page, _order(title="Coats again")) is None


@pytest.mark.parametrize("page", TITLES_OF_WHAT_IS_GONE.values(), ids=TITLES_OF_WHAT_IS_GONE.keys())
def test_a_page_that_keeps_the_title_and_says_that_the_post_is_gone_is_a_wall(page: _Page) -> None:
    titles = (TITLE, "Comments on the coats of Harrowby Green")
    found = [_wall(replace(page, words=1), _order(title=title)) for title in titles if title in page.text]

    assert [GONE in one.reason for one in found if one] == [True]


@pytest.mark.parametrize("page", TITLES_OF_WHAT_IS_THERE.values(), ids=TITLES_OF_WHAT_IS_THERE.keys())
def test_a_page_that_shows_the_title_and_only_mentions_such_things_is_no_wall(page: _Page) -> None:
    assert _wall(replace(page, words=1), _order(title=TITLE)) is None


@pytest.mark.parametrize("title", TITLES_THAT_SAY_SO)
def test_a_title_that_speaks_of_deletion_is_no_wall(title: str) -> None:
    page = _Page(f"{title}\nBy our reporter\n{_NEWS}", title=f"{title} : Harrowby Talk", words=1)

    assert _wall(page, _order(title=title)) is None


def test_a_post_that_has_only_a_title_is_found_by_it() -> None:
    page = _Page(f"{TITLE}\nmore at paper.example\n[deleted]\nThis post was deleted, did you see?", words=0)

    assert _wall(page, _order(text="", title=TITLE)) is None
    assert _wall(page, _order(text=" … 🎒\n", title=TITLE)) is None


def test_below_a_title_that_is_sealed_the_beginning_of_the_page_counts() -> None:
    sealed = Sealed(title="age", text="age", author=None, clues=())
    order = make_order(url=ASKED, text="", sealed=sealed)

    assert _wall(_Page(f"{TITLE}\n[removed]\n{_NEWS}", words=1), order) == _wall(_Page("Page not found"))
    assert _wall(_Page(f"{TITLE}\n{_NEWS}\n[removed]", words=1), order) is None


@pytest.mark.parametrize("text", QUOTED.values(), ids=QUOTED.keys())
def test_words_that_may_only_be_a_quotation_of_what_is_gone_are_told(text: str) -> None:
    page = _Page(text, words=0)

    assert mentions_loss(_order(title=TITLE), page.look())
    assert _wall(page, _order(title=TITLE)) is None


@pytest.mark.parametrize("text", NOT_QUOTED.values(), ids=NOT_QUOTED.keys())
def test_words_beside_which_nothing_says_that_they_are_gone_are_not_doubted(text: str) -> None:
    assert not mentions_loss(_order(), _Page(text, words=0).look())


def test_what_the_post_itself_says_of_deletion_casts_no_doubt_on_it() -> None:
    said = f"This post was deleted by the school!\nThis content is not available to them.\n{POST}"
    page = _Page(f"Garden Gnome\n{said}\nReply", title="This post was deleted by the school!", words=0)

    assert not mentions_loss(_order(said), page.look())
    assert mentions_loss(_order(), page.look())


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("https://forum.example/t/7", "https://forum.example/"),
        ("https://forum.example/t/7#c3", "https://www.forum.example/#c3"),
        ("https://forum.example/?p=7", "https://forum.example"),
    ],
)
@pytest.mark.parametrize("words", [-1, 1])
def test_a_front_page_that_answers_for_the_post_is_a_wall(asked: str, got: str, words: int) -> None:
    page = _Page(f"Latest\n{TITLE}\n17 replies", got=got, words=words)

    found = _wall(page, _order(title=TITLE, url=asked))

    assert found is not None
    assert "front page" in found.reason


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("https://forum.example/", "https://forum.example/"),
        ("https://forum.example", "https://www.forum.example/"),
        ("https://forum.example/t/7", "https://forum.example/thread/7"),
        ("https://forum.example/t/7", "https://forum.example/?p=7"),
        ("https://forum.example/t/7", "https://forum.example/#/t/7"),
        ("https://short.example/x7", "https://forum.example/"),
    ],
)
def test_no_other_address_is_a_front_page_that_answers_for_the_post(asked: str, got: str) -> None:
    page = _Page(f"Latest\n{TITLE}\n17 replies", got=got, words=1)

    assert _wall(page, _order(title=TITLE, url=asked)) is None


def test_a_front_page_that_shows_the_post_or_that_a_person_asked_for_is_no_wall() -> None:
    asked, home = "https://forum.example/index.html", "https://forum.example/"

    assert _wall(_Page(POST, got=home, words=0), _order(url=asked)) is None
    assert _wall(_Page("Latest", got=home), _order("", url=asked)) is None


@pytest.mark.parametrize("apostrophe", ["'", "’", ""])
def test_every_apostrophe_is_read(apostrophe: str) -> None:
    assert _wall(_Page(f"This content isn{apostrophe}t available")) is not None


def test_where_sealed_words_break_off_whatever_asks_for_a_login_to_see_is_taken_for_a_wall() -> None:
    sealed = Sealed(title="", text="age", author=None, clues=())
    order = make_order(url=ASKED, text="", sealed=sealed)

    assert _wall(_Page(f"{TEASER}\nLog in to read the whole post", words=0, ends=False), order) is not None
    assert _wall(_Page(f"{POST}\nLog in to read the whole post", words=0), order) is None
    assert _wall(_Page(f"{POST}\nLog in to reply", words=0, ends=False), order) is None


def test_whoever_is_led_to_a_login_is_before_a_wall_whatever_it_quotes() -> None:
    assert _wall(_Page(POST, words=0, got="https://forum.example/login?next=/t/7")) is not None


def test_an_address_that_was_asked_for_is_not_what_we_were_led_to() -> None:
    asked = "https://forum.example/login/how-to"

    assert _wall(_Page("How it works", got=asked), _order(url=asked)) is None


def test_a_post_that_nobody_can_see_is_not_filed_as_one_whatever_hides_it() -> None:
    found = _wall(_Page(POST, words=0, hidden=True))

    assert found == Wall("something on the page hides the post")


def test_only_a_site_that_is_asked_too_often_or_fails_may_be_over_it_soon() -> None:
    kinds = {kind for kind, page in WALLS if page.status == 200 and (found := _wall(page)) and found.passes}

    assert kinds == {BUSY}


@pytest.mark.parametrize("words", [-1, 0, 1])
@pytest.mark.parametrize("piece", ["log in or sign up ", "this the that post ", "\n", "you must be \n", "ﷺ"])
def test_no_page_takes_long_to_tell_from_a_wall(piece: str, words: int) -> None:
    text = (piece * 100_000)[:100_000]
    began = time.process_time()

    page = _Page(text, title=text[:500], front=text[:2000], words=words)
    for order in (_order(title="Coats again"), _order(text[:2_000], text[:500])):
        _wall(page, order)
        _wall(_Page(text[:1999], words=words), order)
        mentions_loss(order, page.look())

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("status", "said", "later"),
    [
        (404, "there is no such page", False),
        (410, "may have gone", False),
        (403, "not logged in", False),
        (451, "for reasons of law", False),
        (400, "an error (400)", False),
        (408, "an error (408)", True),
        (429, "asked too often (429)", True),
        (503, "an error (503)", True),
    ],
)
def test_an_error_is_never_taken_for_the_post(status: int, said: str, later: bool) -> None:
    found = _wall(_Page(POST, words=0, status=status))

    assert found is not None
    assert said in found.reason
    assert found.passes is later


@pytest.mark.parametrize(
    ("page", "whole"),
    [
        (_Page(POST, words=0), True),
        (_Page(POST.upper().replace(" ", "\n"), words=0), True),
        (_Page(TEASER, words=0), False),
        (_Page("Coats again", words=1), True),
    ],
)
def test_a_post_of_which_only_the_beginning_is_shown_is_told(page: _Page, whole: bool) -> None:
    assert shows_the_end(_order(), page.look()) is whole
