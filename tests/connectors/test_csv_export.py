"""Reading exported tables: what is found, what is remembered, and what is said when something is amiss."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from connectors import csv_export
from connectors.connector import Refused, Unavailable
from connectors.csv_export import CsvExport
from connectors.post import Batch, Channel, State

COLUMNS = {"id": "Post ID", "text": "Message", "author": "User", "posted": "Date", "url": "Link"}
HEAD = "Post ID,User,Date,Link,Message\r\n"


def export(path: Path, **fields: Any) -> CsvExport:
    return CsvExport(**{"name": "Group", "platform": "csv", "path": path, "columns": COLUMNS} | fields)


def rows(*numbers: int) -> str:
    return "".join(f'{n},Pat,2026-11-{n:02} 09:00,,"About Harrowby, number {n}"\r\n' for n in numbers)


def texts(batch: Batch) -> list[str]:
    return [post.text for post in batch.posts]


@pytest.fixture
def fetch(http: httpx.Client) -> Callable[..., Batch]:
    return lambda source, cursor=None: source.fetch(http, cursor)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posts.csv"


def test_a_row_becomes_a_post(file: Path, fetch: Any) -> None:
    file.write_text(
        "Post ID,User,Date,Link,Message,Subject,Re\n"
        '17,Pat,20/11/2026 09:30,https://e.example/17?utm_source=x,"They said ""no""\n'
        'to Harrowby, see https://e.example/more",Lunch,12\n'
    )
    columns = COLUMNS | {"title": "Subject", "parent": "Re", "thread": "Re"}

    (post,) = fetch(export(file, columns=columns, official="harrowby-green")).posts

    assert (post.platform, post.id, post.url) == ("csv", "Group 17", "https://e.example/17")
    assert post.text == 'They said "no"\nto Harrowby, see https://e.example/more'
    assert (post.title, post.author, post.parent, post.thread) == ("Lunch", "Pat", "Group 12", "Group 12")
    assert post.posted_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    assert post.links == ("https://e.example/more",)
    assert post.channel is Channel.OFFICIAL_ACCOUNT


def test_what_was_read_is_not_read_again(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + rows(1, 2))
    source = export(file)
    first = fetch(source)

    second = fetch(source, first.cursor)

    assert len(first.posts) == 2
    assert second == Batch(posts=(), cursor=first.cursor)


def test_of_a_file_that_grows_only_the_new_rows_are_read(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + rows(1, 2))
    source = export(file)
    first = fetch(source)
    file.write_text(HEAD + rows(1, 2, 3))

    assert texts(fetch(source, first.cursor)) == ["About Harrowby, number 3"]


def test_of_a_file_that_is_written_anew_every_row_is_read_under_the_same_ids(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + rows(1, 2))
    source = export(file)
    first = fetch(source)
    file.write_text(HEAD + rows(3, 2, 1).replace("number 2", "number 2, edited"))

    second = fetch(source, first.cursor)

    assert [post.id for post in second.posts] == ["Group 3", "Group 2", "Group 1"]
    old, new = first.posts[1], second.posts[1]
    assert (old.id, old.revision != new.revision) == (new.id, True)


def test_in_a_folder_every_table_is_read_and_a_copy_under_another_name_is_not(
    tmp_path: Path, fetch: Any
) -> None:
    (tmp_path / "a.csv").write_text(HEAD + rows(1))
    (tmp_path / "b.TSV").write_text((HEAD + rows(2)).replace('"', "").replace(", n", " n").replace(",", "\t"))
    for other in (".hidden.csv", "~$open.csv", "half.csv.part", "photo.png"):
        (tmp_path / other).write_text("not ours")
    source = export(tmp_path)
    first = fetch(source)
    (tmp_path / "c.csv").write_bytes((tmp_path / "a.csv").read_bytes())

    second = fetch(source, first.cursor)

    assert [post.id for post in first.posts] == ["Group 1", "Group 2"]
    assert (second.posts, second.state) == ((), State.OK)


def test_without_an_id_column_a_row_is_known_by_what_it_says(file: Path, fetch: Any) -> None:
    columns = {part: name for part, name in COLUMNS.items() if part != "id"}
    file.write_text(HEAD + rows(1, 2) + rows(1))
    source = export(file, columns=columns)
    first = fetch(source)
    file.write_text(HEAD + rows(2, 1))

    second = fetch(source, first.cursor)

    assert len(first.posts) == 2
    assert {post.id for post in second.posts} == {post.id for post in first.posts}


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ((HEAD + rows(1)).encode("utf-8-sig"), {}),
        ((HEAD + rows(1)).encode("utf-16"), {}),
        ((HEAD + rows(1)).encode("utf-16-le"), {}),
        ((HEAD + rows(1)).encode("utf-16-be"), {}),
        (("sep=;\r\n" + HEAD.replace(",", ";") + '1;Pat;;;"About Harrowby, number 1"\r\n').encode(), {}),
        ((HEAD.replace(",", "|") + "1|Pat|||About Harrowby, number 1\n").encode(), {}),
        ((HEAD.replace(",", "^") + "1^Pat^^^About Harrowby, number 1\n").encode(), {"delimiter": "^"}),
        ((HEAD.replace(",", "\t") + "1\tPat\t\t\tAbout Harrowby, number 1\r").encode(), {"delimiter": "tab"}),
        ((HEAD + "1,Pat,,,About Harrowby, number 1\n").encode(), {}),
        ((HEAD.upper().replace("POST ID", ' "Post   ID "').strip() + "\n" + rows(1)).encode(), {}),
        (rows(1).encode(), {"header": False}),
        ((HEAD + "1,Pat,,,<p>About <b>Harrowby</b>&#44; number 1</p>\n").encode(), {}),
        ((HEAD + '1,Pat,,,"About Harrowby, num\x00ber 1"\n').encode(), {}),
    ],
)
def test_tables_are_read_in_whatever_way_they_were_written(
    file: Path, fetch: Any, content: bytes, settings: dict[str, Any]
) -> None:
    file.write_bytes(content)
    if settings.get("header") is False:
        settings = settings | {"columns": {"id": 1, "author": 2, "text": 5}}

    batch = fetch(export(file, **settings))

    assert (texts(batch), batch.state, batch.reason) == (["About Harrowby, number 1"], State.OK, "")
    assert (batch.posts[0].id, batch.posts[0].author) == ("Group 1", "Pat")


def test_what_windows_wrote_is_read_as_windows_wrote_it(file: Path, fetch: Any) -> None:
    file.write_bytes(HEAD.encode() + "1,Zoë,,,“Harrowby” – £5\n".encode("windows-1252"))

    (post,) = fetch(export(file)).posts

    assert (post.author, post.text) == ("Zoë", "“Harrowby” – £5")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (
            '"=HYPERLINK(""http://evil.example"",""Harrowby"")"',
            '=HYPERLINK("http://evil.example","Harrowby")',
        ),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
        ("'=1+1", "=1+1"),
        ("'@HarrowbyGreen hello", "@HarrowbyGreen hello"),
        ('"=""00042"""', "00042"),
        ("'quoted'", "'quoted'"),
    ],
)
def test_a_formula_is_only_words(file: Path, fetch: Any, cell: str, text: str) -> None:
    file.write_text(HEAD + f"1,Pat,,,{cell}\n")

    assert texts(fetch(export(file))) == [text]


def test_a_text_of_a_megabyte_is_read(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + f'1,Pat,,,"{"Harrowby " * 100_000}"\n')

    batch = fetch(export(file))

    assert (len(batch.posts[0].text), batch.state) == (899_999, State.OK)


@pytest.mark.parametrize(
    "cut",
    ['2,Pat,2026-11-02,,"About Harr', "2,Pat,2026-11-0", '2,Pat,2026-11-02,,"The first line\n'],
)
def test_a_file_still_being_written_is_left_for_the_next_poll(file: Path, fetch: Any, cut: str) -> None:
    file.write_text(HEAD + rows(1) + cut)
    source = export(file)

    first = fetch(source)
    file.write_text(HEAD + rows(1, 2))
    second = fetch(source, first.cursor)

    assert (first.posts, first.complete, first.state) == ((), False, State.BEHIND)
    assert "may still be being written" in first.reason
    assert [post.id for post in second.posts] == ["Group 1", "Group 2"]
    assert (second.complete, second.state) == (True, State.OK)


def test_a_file_without_a_last_line_end_is_read_once_it_stands_still(file: Path, fetch: Any) -> None:
    file.write_text((HEAD + rows(1)).rstrip())
    source = export(file)
    first = fetch(source)

    second = fetch(source, first.cursor)
    third = fetch(source, second.cursor)

    assert [len(batch.posts) for batch in (first, second, third)] == [0, 1, 0]


def test_half_a_row_that_was_read_is_read_again_when_it_is_whole(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + rows(1) + "2,Pat,,,About Harr")
    source = export(file)
    half = fetch(source, fetch(source).cursor)
    file.write_text(HEAD + rows(1) + "2,Pat,,,About Harrowby\n")

    whole = fetch(source, half.cursor)

    assert texts(half)[1] == "About Harr"
    assert texts(whole) == ["About Harrowby"]


def test_more_rows_than_are_read_at_once_follow_in_order_and_none_is_lost(
    tmp_path: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_export._Round, "__init__", _round_of(3))
    (tmp_path / "a.csv").write_text(HEAD + rows(1, 2, 3, 4, 5))
    (tmp_path / "b.csv").write_text(HEAD + rows(6, 7, 8))
    source = export(tmp_path)
    batches, cursor = [], None

    for _ in range(4):
        batches.append(fetch(source, cursor))
        cursor = batches[-1].cursor

    assert [[post.id for post in batch.posts] for batch in batches] == [
        ["Group 1", "Group 2", "Group 3"],
        ["Group 4", "Group 5", "Group 6"],
        ["Group 7", "Group 8"],
        [],
    ]
    assert [(batch.complete, batch.state) for batch in batches] == [
        (False, State.BEHIND),
        (False, State.BEHIND),
        (True, State.OK),
        (True, State.OK),
    ]


def _round_of(room: int) -> Callable[[Any], None]:
    made = csv_export._Round.__init__
    return lambda self: made(self, room=room)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Post ID,User\n1,Pat\n", "it has no column Message, Link, Date"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        (HEAD + rows(1) + '2,Pat,,,"never closed\n', "a quotation mark in it is never closed"),
        (HEAD + rows(1).replace("1,", "1.78E+18,", 1), "a spreadsheet has rounded its ids"),
        (HEAD + rows(1) + rows(1).replace("number", "no."), "1 rows have the id of another row"),
        (HEAD + "1,Pat,,,\n", "the columns for text and title are empty in every row"),
        (
            "Message,Post ID,User,Date,Link\nHarrowby, then,1,Pat,,https://e.example/1\n",
            "1 rows have more columns",
        ),
        (HEAD + f"1,Pat,,,{'x' * 1_100_000}\n", "a text in it is longer than is kept"),
    ],
)
def test_what_is_amiss_in_a_file_is_said_until_it_is_mended(
    file: Path, fetch: Any, content: str, said: str
) -> None:
    file.write_text(content)
    source = export(file)
    cursor = fetch(source).cursor

    for _ in range(2):
        batch = fetch(source, cursor)
        cursor = batch.cursor
        assert said in batch.reason
        assert batch.state is State.PARSE_ERROR
    file.write_text(HEAD + rows(7))
    mended = fetch(source, cursor)

    assert (texts(mended), mended.state) == (["About Harrowby, number 7"], State.OK)


def test_rows_that_share_an_id_are_all_kept(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + "1,Pat,,,Harrowby one\n1,Pat,,,Harrowby two\n1.5E+9,A,,,three\n1.5E+9,B,,,four\n")

    assert texts(fetch(export(file))) == ["Harrowby one", "Harrowby two", "three", "four"]


def test_one_bad_file_stops_no_other(tmp_path: Path, fetch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_export, "LARGEST", 5_000)
    (tmp_path / "a.csv").write_text("nothing of use\n")
    (tmp_path / "b.csv").write_text("x" * 6_000)
    (tmp_path / "c.csv").write_text(HEAD + rows(1))

    batch = fetch(export(tmp_path))

    assert len(batch.posts) == 1
    assert (batch.state, batch.complete) == (State.PARSE_ERROR, True)
    assert "a.csv: it has no column" in batch.reason
    assert "b.csv is larger than" in batch.reason


def test_other_columns_in_the_configuration_read_everything_once_more(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + rows(1))
    cursor = fetch(export(file)).cursor

    batch = fetch(export(file, columns=COLUMNS | {"title": "User"}), cursor)

    assert [post.title for post in batch.posts] == ["Pat"]


@pytest.mark.parametrize(
    ("written", "dates", "moment"),
    [
        ("2026-11-20T09:00:00+01:00", None, datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("11/12/2026 09:00", "%m/%d/%Y %H:%M", datetime(2026, 11, 12, 9, tzinfo=UTC)),
        ("11/12/2026 09:00", None, datetime(2026, 12, 11, 9, tzinfo=UTC)),
        ("1767225600", None, datetime(2026, 1, 1, tzinfo=UTC)),
        ("1767225600000", None, datetime(2026, 1, 1, tzinfo=UTC)),
        ("2999-01-01", None, datetime(2999, 1, 1, tzinfo=UTC)),
        ("yesterday", None, None),
        ("", "%m/%d/%Y %H:%M", None),
    ],
)
def test_times_are_read_as_people_write_them(
    *, file: Path, fetch: Any, written: str, dates: str | None, moment: datetime | None
) -> None:
    file.write_text(HEAD + f"1,Pat,{written},,Harrowby\n")

    assert fetch(export(file, dates=dates)).posts[0].posted_at == moment


def test_a_row_without_an_address_of_the_web_has_one_of_its_own(file: Path, fetch: Any) -> None:
    file.write_text(HEAD + "1,Pat,,javascript:alert(1),a\n2,Pat,,,b\n")

    assert [post.url for post in fetch(export(file)).posts] == ["csv:posts.csv#1", "csv:posts.csv#2"]


def test_an_empty_folder_and_a_missing_one_are_said(tmp_path: Path, fetch: Any) -> None:
    assert fetch(export(tmp_path)).reason == f"There is no file in {tmp_path.name} yet."
    with pytest.raises(Refused, match="exports is not there") as refused:
        fetch(export(tmp_path / "exports"))
    assert refused.value.state is State.BLOCKED


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_what_is_no_file_is_not_opened(tmp_path: Path, fetch: Any) -> None:
    os.mkfifo(tmp_path / "pipe.csv")

    assert fetch(export(tmp_path)).posts == ()
    with pytest.raises(Refused, match="neither a file nor a folder"):
        fetch(export(tmp_path / "pipe.csv"))
    with pytest.raises(Unavailable):
        fetch(export(tmp_path / ("long" * 100)))


def test_a_relative_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    written = {"name": "Group", "platform": "csv", "path": "exports/a.csv", "columns": {"text": 3}}

    source = TypeAdapter(CsvExport).validate_python(written, context={"folder": tmp_path})

    assert source.path == tmp_path / "exports" / "a.csv"
    assert source.columns.text == "3"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"delimiter": ";;"}, "write one sign"),
        ({"encoding": "klingon"}, "write the name of an encoding"),
        ({"encoding": "rot13"}, "write the name of an encoding"),
        ({"dates": "%Q"}, "write how times look"),
        ({"columns": {"id": "Post ID"}}, "text"),
        ({"columns": {"text": "Message", "colour": "x"}}, "colour"),
    ],
)
def test_a_mistake_in_an_option_is_explained(file: Path, option: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        export(file, **option)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(), st.binary(max_size=300))
def test_any_cursor_and_any_bytes_raise_nothing(
    tmp_path: Path, http: httpx.Client, cursor: str, body: bytes
) -> None:
    file = tmp_path / "any.csv"
    file.write_bytes(HEAD.encode() + body)
    source = export(file)

    first = source.fetch(http, cursor)
    second = source.fetch(http, first.cursor)

    for post in (*first.posts, *second.posts):
        assert post.id.startswith("Group ")
        assert post.revision
