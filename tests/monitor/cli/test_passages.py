"""`match` and `classify` read what people have: CSV, JSON lines, plain lines, from a file or a pipe."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Channel
from monitor.cli.passages import LONGEST, Line, Unreadable, read_lines


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Line]]:
    """Reads these bytes as a file of this name."""

    def from_bytes(content: bytes, name: str = "texts") -> list[Line]:
        file = tmp_path / name
        file.write_bytes(content)
        return list(read_lines(file))

    return from_bytes


Read = Callable[..., list[Line]]


def test_a_csv_gives_its_text_parent_and_channel(read: Read) -> None:
    found = read(b"id,text,parent,channel\n7,he is in it too,who is in it?,official_account\n8,hello,,\n")

    assert found == [Line("he is in it too", "who is in it?", Channel.OFFICIAL_ACCOUNT), Line("hello")]


@pytest.mark.parametrize("header", [b"Text", b"TEXT", b" text ", b'"text"', b"\xef\xbb\xbftext"])
def test_the_column_is_found_however_it_is_written(read: Read, header: bytes) -> None:
    assert read(header + b"\r\nhello\r\n") == [Line("hello")]


def test_a_line_end_inside_quotation_marks_belongs_to_the_text(read: Read) -> None:
    assert read(b'text\r\n"one\r\ntwo\nthree",\r\n') == [Line("one\r\ntwo\nthree")]


def test_an_empty_cell_keeps_its_place(read: Read) -> None:
    assert read(b"text,parent\n,why?\nlast,\n") == [Line("", "why?"), Line("last")]


def test_json_lines_give_their_fields_and_blank_lines_nothing(read: Read) -> None:
    content = b'{"text": "a", "parent": null, "other": [1]}\n\n{"text": "b", "channel": "official_account"}'

    assert read(content) == [Line("a"), Line("b", channel=Channel.OFFICIAL_ACCOUNT)]


def test_plain_lines_are_texts(read: Read) -> None:
    assert read("Sports day, 3pm\r\n\r\n  ŵythnos nesaf\n".encode()) == [
        Line("Sports day, 3pm"),
        Line("  ŵythnos nesaf"),
    ]


@pytest.mark.parametrize("between", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x00"])
def test_only_a_line_end_ends_a_plain_line(read: Read, between: str) -> None:
    assert read(f"one{between}two\n".encode()) == [Line(f"one{between}two")]


def test_the_ending_of_a_file_says_what_it_is(read: Read) -> None:
    assert read(b"text, call or write\nhello\n", "a.txt") == [Line("text, call or write"), Line("hello")]
    assert read(b'\n{"text": "a"}\n', "a.jsonl") == [Line("a")]
    with pytest.raises(Unreadable, match=r"no column is called text; the first line says id, words\.$"):
        read(b"id,words\n1,hello\n", "a.csv")


@pytest.mark.parametrize("name", ["a", "a.csv", "a.jsonl", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\r\n  \n"])
def test_nothing_in_is_nothing_out(read: Read, name: str, content: bytes) -> None:
    assert read(content, name) == []


def test_bytes_that_are_no_utf_8_are_read_as_far_as_they_can_be(read: Read) -> None:
    assert read(b"caf\xe9 \xff\n") == [Line("caf\ufffd \ufffd")]


def test_what_a_spreadsheet_saves_as_utf_16_is_read(read: Read) -> None:
    assert read("text\r\n£5 für Ysgol Tŷ\r\n".encode("utf-16")) == [Line("£5 für Ysgol Tŷ")]


@pytest.mark.parametrize("opening", [b"", b'{"text": "', b"text\n"])
def test_a_megabyte_is_one_text(read: Read, opening: bytes) -> None:
    ending = b'"}' if opening.startswith(b"{") else b""

    found = read(opening + b"x" * 1_048_576 + ending + b"\n")

    assert [len(line.text) for line in found] == [1_048_576]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"text": "a"}\nnot json\n', "line 2: this is not one JSON object on one line"),
        (b'\n{"text": "a"}\n{"txt": "b"}\n', 'line 3: expected an object with a "text"'),
        (b'{"text": 5}\n', 'line 1: expected an object with a "text"'),
        (b'{"text": "a", "parent": {}}\n', "line 1: the parent is no text"),
        (b'{"a": ' * 100_000, "line 1: this is not one JSON object on one line"),
        (b"text,channel\na,private\n", "line 2: the channel is 'private'; it is one of public_mention, "),
        (b"x" * (LONGEST + 1), "line 1: it is longer than 5,000,000 characters"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(read: Read, content: bytes, complaint: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(content)

    assert complaint in str(error.value)
    assert "/texts, line " in str(error.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"/none cannot be read: No such file or directory\.$"):
        list(read_lines(tmp_path / "none"))


@given(texts=st.lists(st.text(st.characters(codec="utf-8"))))
def test_every_text_comes_back_from_json_lines_in_order(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("given") / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))

    assert [line.text for line in read_lines(file)] == texts


@given(content=st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_else(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("given") / "texts"
    file.write_bytes(content)

    with suppress(Unreadable):
        assert all(isinstance(line, Line) for line in read_lines(file))
