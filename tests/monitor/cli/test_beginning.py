"""`monitor init` makes a file that `monitor check` takes as it stands, and overwrites nothing."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from connectors.post import Post
from monitor.cli.main import cli
from monitor.config.documents import minimal_config
from monitor.config.loading import load
from monitor.config.settings import Config
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register

COLUMNS = (
    "URN,LA (name),EstablishmentName,EstablishmentStatus (name),CloseDate,Street,Locality,Town,Postcode,"
    "SchoolWebsite,TelephoneNum,Trusts (name)"
)
OURS = (
    "900001,Thornshire,St Mary’s CofE Primary School,Open,,Alder Lane,Thornwick,Grantham,NG31 9ZZ,"
    "www.stmarys-thornwick.example,01632960001,HARROWBY LEARNING TRUST"
)
EXTRACT = f"""\
{COLUMNS}
{OURS}
900002,Thornshire,St Mary's Church of England Primary School,Open,,Mill Road,,Oakham,NG99 1ZZ,,,
900003,Thornshire,Harrowby Green Primary School,Open,,The Green,,Harrowby,NG31 8ZZ,https:/oops,,
900004,Thornshire,Old Green School,Closed,31-08-2015,,,,,,,
"""
ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("MAIL_PASSWORD", "FACEBOOK_TOKEN", "BLUESKY_PASSWORD", "HEARTBEAT_KEY"), "secret")


@pytest.fixture
def gias(tmp_path: Path) -> Path:
    file = tmp_path / "gias.csv"
    file.write_bytes(EXTRACT.encode("cp1252"))
    return file


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "config" / "monitor.yaml"


def run(made: Path, *words: object, command: str = "init") -> Result:
    environ = {"MONITOR_CONFIG": str(made), "COLUMNS": "200"}
    return CliRunner().invoke(cli, [command, *map(str, words)], env=environ)


def begun(made: Path, *words: object) -> Config:
    result = run(made, *words)
    assert result.exit_code == 0, result.output
    return load(made, {})


def test_a_school_of_gias_is_filled_in_and_passes_the_check(made: Path, gias: Path) -> None:
    (school,) = begun(made, "--urn", "900001", "--gias", gias).schools

    assert (school.id, school.name) == ("900001", "St Mary’s CofE Primary School")
    assert school.also == ("St Mary’s Thornwick", "#StMarysThornwick") or school.also[0].startswith(
        "St Mary’s"
    )
    assert school.near == (
        "Thornwick", "Grantham", "Alder Lane", "NG31", "Harrowby Learning Trust", "01632 960001",
    )  # fmt: skip
    assert school.not_ == ("St Mary's Church of England Primary School Oakham", "St Mary's Oakham")
    assert school.site == "https://www.stmarys-thornwick.example"
    checked = run(made, command="check")
    assert checked.exit_code == 0, checked.output
    assert "Nothing is broken" in checked.stdout


def test_what_is_proposed_finds_ours_and_not_the_other(made: Path, gias: Path) -> None:
    register = Register(begun(made, "--urn", "900001", "--gias", gias).schools)

    def sure(text: str) -> bool:
        mentions = find_mentions(Post(platform="text", id="", url="", text=text), register)
        return bool(mentions) and not mentions[0].ambiguous

    assert sure("St Mary's Primary, Thornwick, is shut")
    assert sure("St Mary's Primary School, ring 01632 960001 or 01632960001")
    assert sure("#StMarysGrantham fair")
    assert not sure("St Mary's Primary School")
    assert not sure("St Mary's Oakham won the quiz")


def test_a_name_that_only_one_school_has_gets_hashtags_and_news(made: Path, gias: Path) -> None:
    config = begun(made, "--urn", "900003", "--gias", gias)

    assert {"#HarrowbyGreen", "#HarrowbyGreenPrimary"} <= set(config.schools[0].also)
    assert "Harrowby Green" not in config.schools[0].also  # the place's name too: for a person to decide
    assert "#  - Harrowby Green\n" in made.read_text(encoding="utf-8")
    assert [source.platform for source in config.sources] == ["mastodon", "gdelt"]
    assert config.schools[0].site is None
    assert "“https:/oops”" in made.read_text(encoding="utf-8")


def test_every_setting_in_a_comment_can_be_taken_up(made: Path, gias: Path) -> None:
    begun(made, "--urn", "900001", "--gias", gias)
    text = made.read_text(encoding="utf-8")

    made.write_text(re.sub(r"^#(?=(?: {2,})?(?:- \{)?[a-z_]+:)", "", text, flags=re.M), encoding="utf-8")

    config = load(made, SECRETS)
    assert len(config.sources) == 6
    assert config.mail.server
    assert config.governance.dpia
    assert set(config.contacts) >= {"mash", "lado"}


def test_the_first_file_names_the_time_stamp_authorities_of_the_example(made: Path) -> None:
    """Else a school set up as documented has evidence to which nobody outside puts a time."""
    config = begun(made, "--name", "A Green School", "--town", "Norwick")

    example = yaml.safe_load((ROOT / "config" / "monitor.example.yaml").read_text(encoding="utf-8"))
    told = [{"name": one.name, "url": one.url} for one in config.evidence.authorities]
    assert told == example["evidence"]["authorities"]
    assert "time-stamp authority" not in run(made, command="check").stdout


@pytest.mark.parametrize("left", [0, 1], ids=["none", "one"])
def test_check_says_what_to_write_where_authorities_are_missing(made: Path, left: int) -> None:
    begun(made, "--name", "A Green School", "--town", "Norwick")
    whole = made.read_text(encoding="utf-8")
    listed = re.findall(r"^    - (\{name: .+timestamp.+\})$", whole, re.M)
    assert len(listed) == 2
    kept = f"evidence: {{authorities: [{', '.join(listed[:left])}]}}"
    made.write_text(re.sub(r"^evidence:\n(?: .*\n)+", f"{kept}\n", whole, flags=re.M), encoding="utf-8")

    said = " ".join(run(made, command="check").stdout.split())

    if left:
        assert "! DigiCert is the only time-stamp authority (evidence.authorities)" in said
    else:
        assert "! No time-stamp authority is set (evidence.authorities)" in said
        assert f"below `evidence:`, write the line `authorities: [{', '.join(listed)}]`" in said
    assert all(one in said for one in listed[left:])


def test_flags_alone_are_enough(made: Path) -> None:
    config = begun(
        made, "--name", 'The "Nô" School: ${HOME} #1', "--town", "Norwick", "--postcode", "zz1 1zz",
        "--site", "school.example/our/page", "--feed", "https://gazette.example/feed.xml",
        "--dsl", "Priya Lead <dsl@school.example>", "--administrator", "it@school.example",
    )  # fmt: skip

    (school,) = config.schools
    assert school.name == 'The "Nô" School: ${HOME} #1'
    assert school.id.isascii()
    assert school.near == ("Norwick", "ZZ1")
    assert school.site == "https://school.example/our/page"
    assert config.sources[0].name == "Local paper"
    assert config.people.dsl[0].name == "Priya Lead"
    assert config.people.administrators[0].name == "it@school.example"
    assert run(made, command="check").exit_code == 0


def test_a_file_that_is_there_stays_as_it_is(made: Path) -> None:
    made.parent.mkdir()
    made.write_text("mine")

    result = run(made, "--name", "A Green School")

    assert result.exit_code == 2
    assert "is there already, and stays as it is" in result.stderr
    assert made.read_text() == "mine"


def test_the_empty_file_of_the_worker_is_replaced_and_that_is_said(made: Path) -> None:
    made.parent.mkdir()
    made.write_text(minimal_config(), encoding="utf-8")

    result = run(made, "--name", "A Green School", "--town", "Norwick")

    assert "took the place of the empty one" in result.stdout
    assert load(made, {}).schools[0].name == "A Green School"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say which school"),
        (("--urn", "900001"), "go together"),
        (("--gias", "{gias}"), "Say which school"),
        (("--urn", "900009", "--gias", "{gias}"), "no school with the URN 900009"),
        (("--urn", "900004", "--gias", "{gias}"), "is closed on 31-08-2015"),
        (("--urn", "x1", "--gias", "{gias}"), "is no URN"),
        (("--urn", "1", "--gias", "{gias}", "--gias", "{gias}"), "2 hold establishments"),
        (("--name", "ab"), "at least 3 characters"),
        (("--name", "A Green School", "--feed", "gazette"), "the feed"),
        (("--name", "A Green School", "--dsl", "Priya"), "is no person"),
        (("--name", "A Green School", "--site", "facebook.com"), "is no school's web site"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(
    made: Path, gias: Path, words: tuple[str, ...], said: str
) -> None:
    result = run(made, *(word.format(gias=gias) for word in words))

    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert not made.exists()


def test_columns_that_are_missing_are_said(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("EstablishmentName,URN\nHarrowby Green School,900003\n", encoding="utf-8")

    result = run(made, "--urn", "900003", "--gias", file)

    assert "few.csv has no column EstablishmentStatus (name), CloseDate" in result.stdout
    assert load(made, {}).schools[0].near == ()


def test_on_a_terminal_it_asks_and_asks_again(made: Path) -> None:
    answers = [
        "ab",
        "Harrowby Green School",
        "Harrowby",
        "",
        "",
        "",
        "D. Lead <oops",
        "dsl@school.example",
        "",
    ]
    ours, theirs = pty.openpty()
    environ = {**os.environ, "MONITOR_CONFIG": str(made)}
    command = [sys.executable, "-m", "monitor", "init"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, env=environ) as process:
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        said = process.communicate(timeout=60)[0].decode()

    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, said
    school = yaml.safe_load(made.read_text(encoding="utf-8"))["schools"][0]
    assert (school["id"], school["near"]) == ("harrowby-green-school", ["Harrowby"])
    assert load(made, {}).people.dsl[0].email == "dsl@school.example"


def test_every_school_of_the_recorded_extract_gives_a_file(shared: Path, tmp_path: Path) -> None:
    folder = shared / "recordings" / "gias"
    for urn in ("100492", "100459", "100494", "100171"):
        made = tmp_path / urn / "monitor.yaml"
        files = ("--gias", folder / "edubase_2018.csv", "--gias", folder / "links.csv")

        (school,) = begun(made, "--urn", urn, *files).schools

        assert school.id == urn
        assert school.also
        assert school.near
        assert school.site
        assert "London" not in school.near
