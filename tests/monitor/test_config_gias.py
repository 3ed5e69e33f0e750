"""Extracts of GIAS are read whatever their year and encoding; what cannot be used is said in a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.config.gias import ExtractError, Kind, establishments, look_up, recognise, trust_of
from monitor.config.neighbours import HANDFUL, Likeness, Nearness, look_round

COLUMNS = (
    "URN,LA (name),EstablishmentName,EstablishmentStatus (name),CloseDate,Street,Locality,Town,Postcode,"
    "SchoolWebsite,TelephoneNum,Trusts (name),Federations (name)"
)
OURS = (
    "900001,Thornshire,St Mary's CofE Primary School,Open,,1 Alder Lane,Thornwick,Grantham,NG31 9ZZ,"
    "www.stmarys-thornwick.example,1632960001,HARROWBY LEARNING TRUST,"
)
OTHERS = """\
900002,Thornshire,Saint Mary's Church of England Primary School,Open,,Mill Road,,Oakham,NG99 1ZZ,,,,
900003,Thornshire,St Mary's Catholic Primary School,Open,,Mill Road,,Grantham,NG31 8ZZ,,,,
900004,Thornshire,St Mary's Hill Primary School,Open,,Hill Road,,Grantham,NG31 7ZZ,,,,
900005,Thornshire,St Mary's CofE Primary School,Closed,31-08-2015,Alder Lane,,Grantham,NG31 9ZZ,,,,
900006,Farshire,St Mary's CofE Primary School,"Open, but proposed to close",,High Street,,Farham,ZZ1 1ZZ,,,,
900007,Thornshire,St Mark's Primary School,Open,,High Street,,Grantham,NG31 6ZZ,,,,
900008,Farshire,St Mark's Primary School,Open,,High Street,,Farham,ZZ1 2ZZ,,,,
900009,Thornshire,Oak Grange School,Open,,High Street,,Grantham,NG31 6ZZ,,,,"""
LINKS = """\
URN,LinkURN,LinkName,LinkType,LinkEstablishedDate
900005,900001,,Successor,01-09-2015
900001,900005,St Mary's,Predecessor,01-09-2015
"""

Write = Callable[..., Path]


@pytest.fixture
def extract(tmp_path: Path) -> Write:
    """Writes a file of GIAS: our school among the others, unless told otherwise."""

    def write(
        content: str = f"{COLUMNS}\n{OURS}\n{OTHERS}\n", encoding: str = "cp1252", name: str = "gias.csv"
    ) -> Path:
        file = tmp_path / name
        file.write_bytes(content.encode(encoding))
        return file

    return write


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig"])
def test_every_encoding_gives_the_same_school(extract: Write, encoding: str) -> None:
    row = OURS.replace("St Mary's", "Ysgol Tŷ’r École" if encoding != "cp1252" else "Ysgol’r École")

    school = look_up("900001", recognise(extract(f"{COLUMNS}\n{row}\n", encoding)))

    assert "’r École CofE" in school.name
    assert (school.district, school.area) == ("NG31", "NG")
    assert school.telephone == "01632 960001"


def test_a_file_of_two_encodings_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mixed.csv"
    rows = [COLUMNS.encode(), OURS.replace("Mary", "É").encode("cp1252"), b"2,,\xc3\x89cole,,,,,,,,,,"]
    file.write_bytes(b"\r\n".join(rows))

    assert [one.name[-5:] for one in establishments(recognise(file))] == ["chool", "École"]
    assert "É" in next(establishments(recognise(file))).name


def test_columns_are_found_by_name_and_the_missing_ones_are_told(extract: Write) -> None:
    file = extract("\n\nEstablishmentStatus, establishmentname ,urn,New column\nOpen,A School,0900001,x\n")

    table = recognise(file)

    assert look_up("900001", table).name == "A School"
    assert table.missing[:3] == ("CloseDate", "Street", "Locality")
    assert "EstablishmentStatus (name)" not in table.missing


def test_short_rows_and_values_over_several_lines_are_read(extract: Write) -> None:
    file = extract(f'{COLUMNS}\n1\n,,No number\nx,,No number\n7,,"A\nSchool"\n')

    assert [(one.urn, one.name) for one in establishments(recognise(file))] == [("7", "A School")]


def test_nothing_in_a_value_steers_a_terminal_or_ends_a_line(extract: Write) -> None:
    file = extract(f'{COLUMNS}\n7,,"A\x1b[31m \u202eSchool{"x" * 900}"\n', "utf-8")

    name = next(establishments(recognise(file))).name

    assert name.startswith("A[31m School")
    assert len(name) == 200


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"900001,A School,Open\n", "no row of column names"),
        (b"<!doctype html><title>Sign in</title>", "no row of column names"),
        (b"PK\x03\x04 and so on", "unpack it"),
        ("URN,EstablishmentName".encode("utf-16"), "UTF-16"),
        (b"URN," * 100_000, "it is no table"),
        (b"URN,EstablishmentName\n1," + b'"' + b"x,\n" * 60_000, "not a table"),
    ],
)
def test_what_is_no_extract_is_said_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "gias.csv"
    file.write_bytes(content)

    with pytest.raises(ExtractError, match=said):
        list(establishments(recognise(file)))


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="cannot be read: No such file"):
        recognise(tmp_path / "nowhere.csv")


def test_a_number_that_no_school_has_is_said(extract: Write) -> None:
    with pytest.raises(ExtractError, match=r"gias.csv has no school with the URN 123"):
        look_up("123", recognise(extract()))


def test_a_closed_school_names_the_one_that_followed(extract: Write) -> None:
    table, links = recognise(extract()), recognise(extract(LINKS, name="links.csv"))

    with pytest.raises(ExtractError) as told:
        look_up("900005", table, [table, links])

    assert str(told.value) == (
        "St Mary's CofE Primary School (URN 900005) is closed on 31-08-2015. "
        "It was followed by St Mary's CofE Primary School (URN 900001): use that number."
    )
    with pytest.raises(ExtractError, match="Give the file of links too"):
        look_up("900005", table, [table])
    with pytest.raises(ExtractError, match="names no school that followed"):
        look_up("900005", table, [recognise(extract(LINKS.splitlines()[0], name="links.csv"))])


def test_the_trust_comes_from_the_extract_or_from_the_groups(extract: Write) -> None:
    table = recognise(extract())
    groups = "URN,Group Name,Group Type,Group Status\n900009,OLD TRUST,Multi-academy trust,Closed\n"
    groups += "900009,OAK SPONSORS,School sponsor,Open\n900009,OAK TRUST,Multi-academy trust,Open\n"
    held = recognise(extract(groups, name="groups.csv"))

    assert held.kind is Kind.GROUPS
    assert trust_of(look_up("900001", table), [table, held]) == "Harrowby Learning Trust"
    assert trust_of(look_up("900009", table), [table, held]) == "Oak Trust"
    assert trust_of(look_up("900009", table), [table]) == ""


def test_the_nearest_schools_of_like_names_come_first(extract: Write) -> None:
    table = recognise(extract())

    around = look_round(look_up("900001", table), establishments(table))

    assert [(one.school.urn, one.likeness, one.nearness) for one in around.neighbours] == [
        ("900003", Likeness.SAME, Nearness.HERE),
        ("900004", Likeness.LONGER, Nearness.HERE),
        ("900007", Likeness.LIKE, Nearness.HERE),
        ("900002", Likeness.SAME, Nearness.AREA),
        ("900006", Likeness.SAME, Nearness.FAR),
    ]
    assert around.namesakes == 3
    assert [one.apart for one in around.neighbours] == [
        ("St Mary's Catholic Primary School",),
        ("St Mary's Hill Primary School", "St Mary's Hill Primary"),
        (),
        ("Saint Mary's Church of England Primary School Oakham", "Saint Mary's Oakham"),
        ("St Mary's CofE Primary School Farham", "St Mary's Farham"),
    ]


def test_only_a_handful_is_named_and_the_rest_is_counted(extract: Write) -> None:
    many = "\n".join(f"{n},Farshire,St Mary's School,Open,,,,Farham,ZZ1 1ZZ,,,," for n in range(1000, 3000))
    table = recognise(extract(f"{COLUMNS}\n{many}\n{OURS}\n"))

    around = look_round(look_up("900001", table), establishments(table))

    assert len(around.neighbours) == HANDFUL
    assert around.namesakes == 2000


def test_a_place_that_a_namesake_has_too_is_taken(extract: Write) -> None:
    twin = OURS.replace("900001", "900010").replace("1 Alder Lane,Thornwick", "Mill Road,")
    table = recognise(extract(f"{COLUMNS}\n{OURS}\n{twin}\n"))

    around = look_round(look_up("900001", table), establishments(table))

    assert {"grantham", "ng31", "harrowbylearningtrust"} <= around.taken
    assert "thornwick" not in around.taken
    assert around.same_site == 1


def test_the_recorded_extract_is_read(shared: Path) -> None:
    folder = shared / "recordings" / "gias"
    extract, groups = recognise(folder / "edubase_2018.csv"), recognise(folder / "links.csv")

    schools = list(establishments(extract))

    assert (extract.kind, extract.missing) == (Kind.ESTABLISHMENTS, ())
    assert groups.kind is Kind.GROUPS  # it is called links, and holds the schools of each trust
    assert len(schools) == 4
    assert all(one.is_open and one.district and len(one.telephone) == 13 for one in schools)
