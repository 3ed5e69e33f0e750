"""Labelled files as people write them, and what is said of those that cannot be used."""

import re
from pathlib import Path

import pytest

from classifiers.labelled import Unreadable, read_labelled
from classifiers.taxonomy import Head, Severity

HEADS = "text,abuse,safeguarding,reputational"


def written(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "labelled.csv"
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


def test_a_row_says_what_it_is_of_and_what_a_person_says_of_it(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        f"{HEADS},parent,channel,subcategories,severity,hard_negative",
        '"first, second",1,0,no,who?,official_account,abuse.hate abuse.hate_page,critical,',
    )

    (post,) = read_labelled(file)

    assert (post.passage.text, post.passage.parent, post.official) == ("first, second", "who?", True)
    assert post.heads == {Head.ABUSE: True, Head.SAFEGUARDING: False, Head.REPUTATIONAL: False}
    assert post.subcategories == ("abuse.hate", "abuse.hate_page")
    assert (post.severity, post.hard_negative) == (Severity.CRITICAL, False)


def test_the_text_and_the_three_questions_are_enough(tmp_path: Path) -> None:
    (post,) = read_labelled(written(tmp_path, HEADS, "hello,0,0,0"))

    assert (post.official, post.severity, post.positive) == (False, Severity.NONE, False)


def test_the_severity_is_that_of_the_gravest_kind_where_none_is_given(tmp_path: Path) -> None:
    (post,) = read_labelled(
        written(tmp_path, f"{HEADS},subcategories", "hello,1,0,0,abuse.hate abuse.stalking")
    )

    assert post.severity is Severity.CRITICAL


def test_a_spreadsheets_mark_and_capital_letters_are_no_matter(tmp_path: Path) -> None:
    file = written(tmp_path, "Text, Abuse,Safeguarding,Reputational", "hello,0,1,0", encoding="utf-8-sig")

    assert read_labelled(file)[0].heads[Head.SAFEGUARDING]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["text,abuse", "a,0"], "has no column safeguarding, reputational."),
        ([""], "has no column text, abuse, safeguarding, reputational."),
        ([HEADS, "a,0,maybe,0"], "line 2: 'maybe' in the column safeguarding is neither 1 nor 0."),
        ([HEADS, "a,b,0,0,0"], "line 2: it has more cells than the first line has columns; put quotation"),
        ([HEADS, "a,0,0"], "line 2: it has fewer cells than needed; put quotation marks round a text"),
        ([f"{HEADS},subcategories", "a,0,0,0,abuse.rude"], "line 2: 'abuse.rude' is not a sub-category"),
        ([f"{HEADS},severity", "a,0,0,0,dire"], "line 2: 'dire' is not one of none, low, medium, high"),
        ([f"{HEADS},channel", "a,0,0,0,official"], "line 2: the channel is 'official'; write public_mention"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(said)):
        read_labelled(written(tmp_path, *lines))


def test_a_file_that_is_not_in_utf_8_is_told_how_to_save_it(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="save it as 'CSV UTF-8'"):
        read_labelled(written(tmp_path, HEADS, "café,0,0,0", encoding="cp1252"))


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"none\.csv cannot be read: No such file or directory\."):
        read_labelled(tmp_path / "none.csv")
