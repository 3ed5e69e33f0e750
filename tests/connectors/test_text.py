"""From what the web serves to plain text, clean links and times."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.text import clean, clean_link, http_address, one_line, read_html, read_text, when


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one<li>two</ul>", "one\n\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("in<b>si</b>de a word", "inside a word"),
        ("lines\nof   source\tare one", "lines\nof source are one"),
        ("<p>lines\nof   source\tare one</p>", "lines of source are one"),
        ("no markup, 2 < 3 &gt; 1 <3", "no markup, 2 < 3 > 1 <3"),
        ("<p>St George&#8217;s&nbsp;school</p>", "St George\u2019s school"),
        ('<p>so <img class="emoji" alt="\U0001f621" src="x.png"> angry</p>', "so \U0001f621 angry"),
        ("", ""),
        ("<", "<"),
        ("<p", ""),
    ],
)
def test_html_becomes_the_text_that_a_reader_sees(html: str, text: str) -> None:
    assert read_html(html).text == text


@pytest.mark.parametrize(
    "html",
    [
        "<script>bad()</script>",
        "<style>p {color: bad}</style>",
        "<SCRIPT\n>bad()</SCRIPT\n>",
        "<script>bad()",
        "<p hidden>bad</p>",
        '<div style="display: none">bad <b>bad</b></div>',
        '<span style="font-size:0">bad</span>',
        "<template>bad</template>",
        "<!-- bad -->",
        "<noscript>bad</noscript>",
        "<iframe>bad</iframe>",
        "<svg><title>bad</title><text>bad</text></svg>",
        "<textarea>bad</textarea>",
        "<object><param>bad</object>",
        "<![CDATA[bad]]>",
    ],
)
def test_what_a_reader_does_not_see_is_left_out(html: str) -> None:
    assert "bad" not in read_html(f"<p>before</p>{html}").text


def test_two_hundred_thousand_nested_tags_are_read_in_a_moment() -> None:
    started = time.monotonic()

    text = read_html(
        "<div>" * 200_000 + "deep" + "</div>" * 200_000 + "<script>bad()</script><p>after</p>"
    ).text

    assert time.monotonic() - started < 5
    assert text.split() == ["deep", "after"]


@pytest.mark.parametrize(
    "html", ["<script>" * 300_000, "<!--" * 300_000, "<a href='" * 300_000, "&amp" * 300_000, "<" * 600_000]
)
def test_markup_that_never_closes_takes_no_time(html: str) -> None:
    started = time.monotonic()

    read_html(html)

    assert time.monotonic() - started < 5


@pytest.mark.parametrize("mark", ["<!DOCTYPE html>", "<?xml version='1.0'?>", "<![CDATA[x]]>"])
def test_a_declaration_in_markup_of_which_no_tree_can_be_made_costs_nothing(mark: str) -> None:
    assert read_html(mark + "<div>" * 3000 + "deep").text.split()[-1] == "deep"


@pytest.mark.parametrize("written", ["a{}='x' ", "a{}/", "a{}='>'"])
def test_a_tag_of_a_hundred_thousand_attributes_takes_no_time(written: str) -> None:
    started = time.monotonic()

    text = read_html(f"<p>before</p><b {''.join(map(written.format, range(100_000)))}>named</b>").text

    assert time.monotonic() - started < 5
    assert "before" in text
    assert "named" in text


def test_a_text_of_many_megabytes_is_cut_and_says_so() -> None:
    written = read_html("<p>" + "word " * 3_000_000)

    assert written.cut
    assert len(written.text) <= 1_000_000


def test_controls_and_marks_that_turn_text_round_are_gone_and_emoji_stay() -> None:
    assert (
        clean("a\x00b\u202ec\u200bd\x07\ufeff \ud800e\r\nf \U0001f469\u200d\U0001f467")
        == "abcd e\nf \U0001f469\u200d\U0001f467"
    )


@pytest.mark.parametrize(
    "unseen", ["\u115f", "\u1160", "\u3164", "\uffa0", "\U000e0072", "\U000e0001\U000e0065"]
)
def test_signs_that_nobody_sees_split_no_name(unseen: str) -> None:
    assert clean(f"Harr{unseen}owby") == "Harrowby"


def test_the_flag_of_wales_stays() -> None:
    flag = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"

    assert clean(f"Cymru {flag} am byth") == f"Cymru {flag} am byth"


def test_a_title_is_one_line_without_markup() -> None:
    assert one_line("Tom &amp; <b>Jerry</b>\n  again") == "Tom & Jerry again"


def test_links_are_absolute_and_without_what_tracks_the_reader() -> None:
    html = (
        '<a href="/a?utm_source=x&amp;b=1#top">a</a> <a href="mailto:x@y.example">m</a> '
        '<a href="javascript:x()">j</a> https://b.example/c).'
    )

    assert read_html(html, "https://e.example/dir/").links == (
        "https://e.example/a?b=1#top",
        "https://b.example/c",
    )


@pytest.mark.parametrize(
    ("link", "cleaned"),
    [
        ("https://e.example/?utm_source=a&UTM_medium=b&id=3&fbclid=x", "https://e.example/?id=3"),
        ("https://e.example/?q=a%20b&gclid=1&r=%C3%A9", "https://e.example/?q=a%20b&r=%C3%A9"),
        (
            "https://www.google.com/url?rct=j&url=https://b.example/x%3Fid%3D7%26utm_source%3Da&ct=ga",
            "https://b.example/x?id=7",
        ),
        ("https://www.google.co.uk/url?q=https://b.example/", "https://b.example/"),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fb.example%2F%3Ffbclid%3D1&h=x", "https://b.example/"),
        (
            "https://www.google.com/url?url=javascript:alert(1)",
            "https://www.google.com/url?url=javascript:alert(1)",
        ),
        ("https://user:pass@e.example/x", "https://e.example/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("https://[bad", None),
        ("https://", None),
        ("", None),
    ],
)
def test_a_link_is_where_it_leads(link: str, cleaned: str | None) -> None:
    assert clean_link(link) == cleaned


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20T10:00:00+01:00", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 10:00:00 GMT", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("20/11/2026 10:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("20th November 2026", datetime(2026, 11, 20, tzinfo=UTC)),
        ("20 November 2026 at 10:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("3 hours ago", None),
        ("", None),
    ],
)
def test_a_time_is_read_in_utc_however_absurd_or_not_at_all(written: str, moment: datetime | None) -> None:
    assert when(written) == moment


@pytest.mark.parametrize(
    "address",
    ["", "e.example", "ftp://e.example/", "https://", "https://a:b@e.example/", "http://e.example:0/"],
)
def test_an_address_in_the_configuration_must_be_whole_and_public(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        http_address(address)


@given(st.text())
def test_any_text_is_read_without_an_error_and_can_be_stored(text: str) -> None:
    for read in (read_html, read_text):
        read(text).text.encode()


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<script>",
                "</script>",
                "<!--",
                "-->",
                "<a href='x'>",
                "&lt;",
                "x",
                "<![CDATA[",
                "]]>",
                "\0",
            ]
        )
    )
)
def test_any_heap_of_tags_gives_text_without_a_script(pieces: list[str]) -> None:
    assert "<script" not in read_html("".join(pieces)).text


@given(st.text(), st.text())
def test_any_link_is_an_address_or_nothing(link: str, base: str) -> None:
    cleaned = clean_link(link, base)

    assert cleaned is None or cleaned.startswith(("http://", "https://"))


@given(st.text())
def test_any_date_is_a_moment_in_utc_or_nothing(written: str) -> None:
    moment = when(written)

    assert moment is None or moment.tzinfo is UTC
