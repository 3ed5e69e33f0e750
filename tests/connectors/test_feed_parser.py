"""From the bytes of a feed to posts, in the words of each platform's own format."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import feed_parser
from connectors.feed_parser import Asked, End, Head, RefusedFeed, cut_feed, read_feed
from connectors.post import Channel, Post
from connectors.text import Written, read_html

BARE = b'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>%s</channel></rss>'


def posts(content: bytes, **asked: Any) -> list[Post]:
    question = Asked(
        **{"url": "https://feeds.example/x/feed.xml", "site": "feeds.example", "path": "/x/feed.xml"} | asked
    )
    return [thing for thing in read_feed(content, question) if isinstance(thing, Post)]


def head(content: bytes) -> Head:
    return next(
        thing
        for thing in read_feed(content, Asked(url="https://e.example/", site="e.example"))
        if isinstance(thing, Head)
    )


def left(content: bytes) -> str:
    *_, end = read_feed(content, Asked(url="https://feeds.example/feed.xml", site="feeds.example"))
    assert isinstance(end, End)
    return end.left


def test_a_news_feed_gives_plain_posts_with_clean_links(data: Path) -> None:
    fair, roads, archive, bare = posts((data / "local_paper.rss").read_bytes())

    assert fair.id == "feeds.example bugle-1042"
    assert fair.title == "Summer fair at Harrowby Green & St George\u2019s"
    assert fair.url == "https://bugle.example/news/fair?page=2"
    assert fair.text == "Stalls, cakes and a brass band.\n\nCome to the green at noon."
    assert fair.author == "P. Penfold"
    assert fair.posted_at == datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    assert fair.links == ("https://bugle.example/places/green",)
    assert (fair.language, fair.has_media, fair.channel) == ("en-GB", True, Channel.PUBLIC_MENTION)
    assert "fair.mp3" not in repr(fair)
    assert (roads.posted_at, roads.has_media) == (None, False)
    assert archive.posted_at == datetime(2935, 1, 1, tzinfo=UTC)
    assert bare.id == "feeds.example https://bugle.example/news/without-id"


def test_an_atom_feed_keeps_its_language_its_base_and_both_times(data: Path) -> None:
    first, second = posts((data / "blog.atom").read_bytes())

    assert first.title == "Newyddion <o> Ysgol"
    assert first.text == "Mae'r ysgol ar agor.\n\nDewch."
    assert first.url == "https://blog.example/2026/newyddion"
    assert (first.posted_at, first.edited_at) == (
        datetime(2026, 11, 19, 7, tzinfo=UTC),
        datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    assert (first.language, first.author) == ("cy", "Gwen Penfold")
    assert (second.title, second.text) == ("2 < 3 and that is all", "Plain words, one < two.")
    assert (second.posted_at, second.edited_at) == (datetime(2026, 11, 18, 10, tzinfo=UTC), None)


def test_an_rdf_feed_in_latin_1_keeps_its_accents(data: Path) -> None:
    (post,) = posts((data / "gazette.rdf").read_bytes())

    assert (post.title, post.author, post.text) == (
        "Café opens by the school",
        "René P.",
        "Crème brûlée for all.",
    )
    assert post.posted_at == datetime(2026, 11, 2, 9, tzinfo=UTC)


def test_a_json_feed_is_read_like_the_others(data: Path) -> None:
    first, second = posts((data / "residents.json").read_bytes())

    assert first.id == "feeds.example /x/feed.xml 12"
    assert (first.title, first.text, first.author) == ("Parking <again>", "Cars on the pavement.", "Al")
    assert first.url == "https://residents.example/12"
    assert first.has_media
    assert first.edited_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert (second.text, second.author, second.posted_at) == (
        "A note without a title or a link.",
        "The committee",
        None,
    )
    assert second.url == "https://residents.example/"


def test_a_json_feed_that_breaks_off_gives_the_items_before_the_break(data: Path) -> None:
    content = (data / "residents.json").read_bytes()

    found = posts(content[: content.index(b'"x-13"') + 20])

    assert [post.title for post in found] == ["Parking <again>"]


@pytest.mark.parametrize("broken", ['{"id": bad}', '{"id": %s}' % ("1" * 5000), '{"id": "x'])
def test_what_a_broken_item_of_a_json_feed_hides_is_not_taken_for_calm(broken: str) -> None:
    items = f'{{"id": "1", "content_text": "first"}}, {broken}, {{"id": "3", "content_text": "third"}}'
    content = f'{{"version": "https://jsonfeed.org/version/1.1", "items": [{items}]}}'.encode()

    found = list(read_feed(content, Asked(url="https://e.example/", site="e")))

    assert [thing.text for thing in found if isinstance(thing, Post)] == ["first"]
    assert found[-1] == End(left="its JSON is broken after these")


def test_a_json_feed_without_items_is_not_taken_for_calm() -> None:
    content = b'{"version": "https://jsonfeed.org/version/1.1", "posts": []}'

    *_, end = read_feed(content, Asked(url="https://e.example/", site="e"))

    assert end == End(left="it has no list of items")


def test_a_google_alert_leads_to_the_page_itself_and_has_no_markup(data: Path) -> None:
    (post,) = posts((data / "google_alerts.atom").read_bytes())

    assert post.url == "https://bugle.example/orchard?id=7"
    assert post.title == "Pupils at Harrowby Green plant an orchard"
    assert post.text == "The children of Harrowby Green dug all day ..."
    assert post.id == "feeds.example tag:google.com,2013:googlealerts/feed:1111222233334444"
    assert post.author is None


def test_google_news_names_the_publisher_as_author_and_not_in_the_title(data: Path) -> None:
    (post,) = posts((data / "google_news.rss").read_bytes())

    assert (post.title, post.author) == ("Orchard planted - a first", "Harrowby Bugle")


def test_a_video_channel_gives_the_description_and_that_there_is_a_video(data: Path) -> None:
    (post,) = posts((data / "video_channel.atom").read_bytes())

    assert post.text == "A walk round the fair.\nSee https://bugle.example/fair?utm_source=yt"
    assert post.links == ("https://bugle.example/fair",)
    assert (post.has_media, post.author) == (True, "Harrowby Vlogs")
    assert post.edited_at == datetime(2026, 11, 12, 10, tzinfo=UTC)


def test_a_subreddit_feed_gives_the_post_as_written(data: Path) -> None:
    (post,) = posts((data / "subreddit.atom").read_bytes())

    assert (post.id, post.author) == ("feeds.example t3_1abcde", "/u/invented_person")
    assert post.text.startswith("Anyone know when the school reopens?")
    assert "https://harrowbygreen.example/" in post.links


def test_a_podcast_episode_without_a_link_points_to_its_site(data: Path) -> None:
    (post,) = posts((data / "podcast.rss").read_bytes())

    assert (post.url, post.has_media, post.author) == ("https://hour.example/", True, "Al and Jo")
    assert post.sensitive


def test_a_feed_of_comments_says_what_they_answer(data: Path) -> None:
    (on_page,) = posts((data / "comments.rss").read_bytes())
    (on_entry,) = posts((data / "comments.atom").read_bytes())

    assert (on_page.parent, on_page.thread) == (None, "https://village.example/gates/")
    assert "\U0001f621" in on_page.text
    assert on_entry.parent == on_entry.thread == "feeds.example tag:village.example,2026:5"


def test_a_broken_feed_gives_what_can_be_read(data: Path) -> None:
    first, second = posts((data / "cut_short.rss").read_bytes())

    assert (first.title, first.text) == ("Fish & chips", "Tea time")
    assert second.title == "Half"


FEEDS = ("blog.atom", "gazette.rdf", "local_paper.rss", "podcast.rss", "subreddit.atom")


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_that_breaks_off_anywhere_after_its_first_item_says_so(data: Path, name: str) -> None:
    content = (data / name).read_bytes()
    first = min(content.find(mark) for mark in (b"</item>", b"</entry>") if mark in content)

    for until in range(first, len(content.rstrip()), 37):
        assert left(content[:until]) == "the end of it did not arrive", content[:until][-60:]
    assert left(content) == ""


@pytest.mark.parametrize(
    "content",
    [
        b"<rss><channel><item><title>a</title></channel></rss>",
        b"<RSS><channel><item><title>a</title></item></channel></rss ><!-- 0.2 s -->",
        b"<!-- by <b>us --><rss><channel><item><title>a</title></item></channel></rss>",
        b"<rss/>",
    ],
)
def test_a_feed_that_is_only_written_carelessly_has_arrived_whole(content: bytes) -> None:
    assert left(content) == ""


def test_words_about_the_end_of_a_feed_are_none() -> None:
    item = b"<item><title>t</title><description><![CDATA[It ends with </rss>]]></description></item>"

    assert left(b"<rss><channel>" + item + b"<item><title>Ha") == "the end of it did not arrive"


def test_an_official_feed_marks_its_posts(data: Path) -> None:
    found = posts((data / "local_paper.rss").read_bytes(), official=True)

    assert {post.channel for post in found} == {Channel.OFFICIAL_ACCOUNT}


def test_the_head_says_how_often_the_feed_changes_and_where_it_goes_on(data: Path) -> None:
    paper, blog = head((data / "local_paper.rss").read_bytes()), head((data / "blog.atom").read_bytes())

    assert (paper.ttl, paper.period, paper.version) == (30, 30, "rss20")
    assert blog.more == "https://blog.example/feed?page=2"


def test_items_that_share_an_id_but_not_their_words_are_kept_apart() -> None:
    items = b"<item><guid>https://e.example/</guid><title>One</title></item><item><guid>https://e.example/</guid><title>Two</title></item>"

    found = posts(BARE % items)

    assert [post.title for post in found] == ["One", "Two"]
    assert len({post.id for post in found}) == 2
    assert [post.id for post in posts(BARE % items)] == [post.id for post in found]


def test_an_item_that_is_given_twice_is_one_post() -> None:
    assert len(posts(BARE % (b"<item><title>One</title><link>https://e.example/1</link></item>" * 2))) == 1


def test_an_item_without_any_name_gets_one_that_does_not_change_when_others_come() -> None:
    item = b"<item><title>Only a title</title><pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate></item>"
    newer = b"<item><title>Newer</title></item>"

    (alone,) = posts(BARE % item)
    _, among = posts(BARE % (newer + item))

    assert alone.id == among.id
    assert alone.id.startswith("feeds.example made:")


def test_an_edit_keeps_the_id_and_changes_the_revision() -> None:
    before, after = (
        posts(BARE % (b"<item><guid>g</guid><title>%s</title></item>" % title))[0]
        for title in (b"First", b"Second")
    )

    assert before.id == after.id
    assert before.revision != after.revision


def test_numbers_as_ids_are_counted_for_each_feed_of_a_site() -> None:
    item = BARE % b"<item><guid isPermaLink='false'>7</guid><title>x</title></item>"

    assert posts(item, path="/a")[0].id != posts(item, path="/b")[0].id


@pytest.mark.parametrize(
    "prologue",
    [
        b'<!DOCTYPE rss [<!ENTITY a "b">]>',
        b'<!DOCTYPE rss [<!-- <rss> --><!ENTITY a "b">]>',
        b"<!DOCTYPE rss [<!ATTLIST rss a CDATA '<rss'><!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
        b"<!-- a --><?pi <rss?>\n<!doctype rss [<!entity % a 'b'>]>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be"])
def test_a_feed_that_declares_entities_is_refused_in_every_encoding(prologue: bytes, encoding: str) -> None:
    content = (
        prologue + b"<rss version='2.0'><channel><item><title>&a;</title></item></channel></rss>"
    ).decode()

    with pytest.raises(RefusedFeed, match="entities"):
        posts(content.encode(encoding))


def test_words_about_entities_inside_an_item_are_only_words() -> None:
    (post,) = posts(
        BARE % b"<item><title>t</title><description><![CDATA[Write <!ENTITY a 'b'> so]]></description></item>"
    )

    assert post.title == "t"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
@pytest.mark.parametrize("count", [3, 900])
def test_every_unicode_encoding_is_read_whole_and_in_slices(encoding: str, count: int) -> None:
    items = "".join(
        f"<item><guid>g{n}</guid><title>Ysgol ŵyl {n}</title><description>{'x' * 400}</description></item>"
        for n in range(count)
    )
    declaration = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    content = f'{declaration}<rss version="2.0"><channel>{items}</channel></rss>'

    found = posts(content.encode(encoding))

    assert [post.title for post in found] == [f"Ysgol ŵyl {n}" for n in range(count)]


def long_feed(
    count: int,
    item: str = "<item><guid>g{n}</guid><title>Title {n}</title><description>{pad}</description></item>",
) -> bytes:
    items = "\n".join(item.format(n=n, pad="word " * 200) for n in range(count))
    head = "<title>x > y</title><language>cy</language><!-- <item> -->"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel>{head}{items}<generator>g</generator></channel></rss>"
    ).encode()


def test_a_long_feed_is_cut_into_documents_of_whole_items() -> None:
    content = long_feed(1000)

    pieces = list(cut_feed(content))

    assert len(pieces) == 5
    assert sum(piece.count(b"<item><guid>") for piece in pieces) == 1000
    assert all(piece.rstrip().endswith(b"</channel></rss>") for piece in pieces)
    assert all(piece.count(b"<item><guid>") == piece.count(b"</item>") for piece in pieces)


def test_a_long_feed_gives_the_same_posts_as_a_short_one() -> None:
    found = posts(long_feed(1000))

    assert [post.id for post in found] == [f"feeds.example g{n}" for n in range(1000)]
    assert {post.language for post in found} == {"cy"}
    assert {len(post.text) for post in found} == {999}


def test_borders_inside_cdata_and_comments_are_none() -> None:
    tricks = "<description><![CDATA[</item><item> {pad}]]></description><!-- </item><item> -->"
    item = "<item><guid>g{n}</guid><title>T {n}</title>" + tricks + "</item>"

    found = posts(long_feed(600, item))

    assert [post.id for post in found] == [f"feeds.example g{n}" for n in range(600)]


def test_namespaced_items_are_cut_too() -> None:
    items = "".join(
        f"<a:entry><a:id>urn:x:{n}</a:id><a:title>{n}</a:title>"
        f"<a:content>{'word ' * 200}</a:content></a:entry>"
        for n in range(700)
    )

    found = posts(f'<a:feed xmlns:a="http://www.w3.org/2005/Atom" xml:lang="cy">{items}</a:feed>'.encode())

    assert [post.title for post in found] == [str(n) for n in range(700)]
    assert {post.language for post in found} == {"cy"}


def test_one_broken_item_costs_only_its_own_slice_its_strictness() -> None:
    content = long_feed(900).replace(b"Title 450<", b"Fish & chips <")

    found = posts(content)

    assert len(found) == 900
    assert found[450].title == "Fish & chips"


@pytest.mark.parametrize("opened", [b"<![CDATA[ ", b"<!-- ", b"<script>var a='", b"\x00<"])
def test_what_a_broken_item_swallows_is_not_taken_for_calm(opened: bytes) -> None:
    items = b"<item><guid>1</guid><title>a</title></item><item><description>" + opened + b"</item>"
    items += b"<item><guid>3</guid><title>c</title></item><item><guid>4</guid><title>d</title></item>"

    *_, end = read_feed(BARE % items, Asked(url="https://e.example/", site="e"))

    assert isinstance(end, End)
    assert "broken" in end.left


def test_of_a_feed_that_was_cut_short_only_whole_items_are_kept() -> None:
    content = long_feed(1000)
    until = content.index(b"Title 777<") + 20

    found = list(read_feed(content[:until], Asked(url="https://e.example/", site="e", cut=True)))

    assert [post.id for post in found if isinstance(post, Post)] == [f"e g{n}" for n in range(777)]
    assert isinstance(found[-1], End)
    assert found[-1].left


def test_an_item_that_the_parser_fails_on_is_counted_and_the_others_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fragile(value: str, base: str) -> Written:
        if "Text 1." in value:
            raise RecursionError
        return read_html(value, base)

    monkeypatch.setattr(feed_parser, "read_html", fragile)
    content = BARE % b"".join(
        b"<item><guid>g%d</guid><description>&lt;p&gt;Text %d.&lt;/p&gt;</description></item>" % (n, n)
        for n in range(3)
    )

    found = list(read_feed(content, Asked(url="https://e.example/", site="e")))

    assert [post.id for post in found if isinstance(post, Post)] == ["e g0", "e g2"]
    assert found[-1] == End(left="one item could not be read")


def test_at_most_so_many_posts_are_given_and_the_end_says_so() -> None:
    found = list(read_feed(long_feed(300), Asked(url="https://e.example/", site="e", most=250)))

    assert sum(isinstance(thing, Post) for thing in found) == 250
    assert found[-1] == End(left="more than 250 items")


def test_a_feed_cannot_pass_its_elements_off_as_the_parsers_own() -> None:
    tricks = (
        b"<links>x</links><title_detail a='b'/><content a='1'/><published_parsed>x</published_parsed>"
        b"<author_detail>x</author_detail><media_content>x</media_content><thr_in-reply-to>x</thr_in-reply-to>"
    )

    (post,) = posts(BARE % (b"<item><guid>g</guid><title>Kept</title>" + tricks + b"</item>"))

    assert post.id == "feeds.example g"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = posts(content)
    except RefusedFeed:
        return

    assert all(post.revision for post in found)


PIECES = [
    b"<rss>",
    b"<channel>",
    b"<item>",
    b"</item>",
    b"<title>",
    b"</title>",
    b"<link>",
    b"</link>",
    b"https://e.example/",
    b"<guid>",
    b"</guid>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<entry>",
    b"</entry>",
    b"<content type='xhtml'>",
    b"<content type='html'>",
    b"</content>",
    b"&lt;script&gt;",
    b"<script>",
    b"&#0;",
    b"&amp;",
    b"<?xml version='1.0'?>",
    b"<pubDate>",
    b"1 Jan 0001",
    b"99999999999999",
    b"</pubDate>",
    b"\xff",
    b"\x00",
    b"<updated>",
    b"</updated>",
    b"<x:y z='",
    b"'>",
    b"<feed xmlns='http://www.w3.org/2005/Atom'>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_any_heap_of_the_pieces_of_a_feed_is_read_or_refused(pieces: list[bytes]) -> None:
    for content in (b"".join(pieces), b"<rss version='2.0'><channel>" + b"".join(pieces)):
        for post in posts(content):
            assert "<script" not in post.body.lower()
            assert post.posted_at is None or post.posted_at.tzinfo is UTC


@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_cutting_loses_no_item_of_any_heap(pieces: list[bytes]) -> None:
    content = b"<rss version='2.0'><channel>" + b"".join(pieces)

    assert sum(piece.count(b"<item>") for piece in cut_feed(content)) >= content.count(b"<item>")
