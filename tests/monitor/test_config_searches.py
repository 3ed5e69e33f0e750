"""What may be searched for: the school, in every source; never a person or what people believe."""

from pathlib import Path

import pytest

from connectors.connector import Connector
from connectors.registry import PLATFORMS, Platform
from monitor.config.loading import load
from monitor.config.problems import ConfigError

SCHOOLS = """\
schools:
  - id: harrowby-green
    name: Harrowby Green Church of England Primary School
    also: [Harrowby Green, HGPS, "#HarrowbyGreen", "@harrowby_green"]
    near: [Grantham, Mill Lane]
    site: https://www.harrowbygreen.example
  - {id: smyth, name: The Robert Smyth Academy, site: "https://trust.example/smyth"}
  - {id: st-marys, name: "St Mary's Catholic High School, Thornwick"}
sources:
"""
NO_SEARCH = {
    "account",
    "base_url",
    "channel",
    "columns",
    "comments_in",
    "community",
    "folder",
    "handle",
    "items",
    "location",
    "login_url",
    "page",
    "path",
    "search_in",
    "server",
    "servers",
    "silence",
    "timeline",
    "user",
    "username",
    "videos",
    "client_id",
    "client_secret",
    "refresh_token",
    "password",
    "app_password",
    "api_key",
    "token",
    "port",
    "cap",
    "latest",
    "header",
    "delimiter",
    "encoding",
    "dates",
    "ca_bundle",
}
"""The settings that ask for nothing by words: places, accounts, secrets, sizes."""
OWN_PLACE = {"google_reviews": {"url"}}
NEEDED = {
    "bluesky": "handle: hg.example, app_password: '${S}'",
    "mastodon": "base_url: 'https://m.example', token: '${S}'",
    "hackernews": "",
    "youtube": "api_key: '${S}', every: 30m",
    "reddit": "client_id: exampleappid, client_secret: '${S}'",
    "x": "token: '${S}', cap: 5",
    "instagram": "account: '17841', token: '${S}'",
    "threads": "token: '${S}'",
    "discourse": "base_url: 'https://d.example'",
    "lemmy": "base_url: 'https://l.example'",
    "gdelt": "",
    "feed": "",
    "webpage": "",
}
SEARCHING = [(platform, setting) for platform in PLATFORMS for setting in platform.connector.searched]


def quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def written(platform: str, setting: str, term: str) -> str:
    needed = NEEDED[platform]
    value = quoted(term) if setting == "url" else f"[{quoted(term)}]"
    return f"  - {{name: A source, platform: {platform}, {needed}{', ' * bool(needed)}{setting}: {value}}}\n"


def said(folder: Path, sources: str, schools: str = SCHOOLS) -> str:
    """What loading says against these sources; empty where they may be read."""
    file = folder / "monitor.yaml"
    file.write_text(schools + sources, encoding="utf-8")
    try:
        load(file, {"S": "a-secret"})
    except ConfigError as error:
        return str(error)
    return ""


def searching(folder: Path, term: str) -> str:
    return said(folder, written("hackernews", "search", term))


def test_every_setting_of_every_connector_is_known_to_search_or_not() -> None:
    """Whoever adds a setting says here, or in the connector, whether words in it are searched for."""
    for platform in PLATFORMS:
        own = set(platform.connector.model_fields) - set(Connector.model_fields) - {"platform"}
        undecided = own - NO_SEARCH - OWN_PLACE.get(platform.name, set())

        assert undecided == set(platform.connector.searched), platform.name


@pytest.mark.parametrize(("platform", "setting"), SEARCHING, ids=lambda value: getattr(value, "name", value))
def test_no_source_searches_for_a_person(platform: Platform, setting: str, tmp_path: Path) -> None:
    """BAN-4.1.13: refused when the file is read, with the line, the place and the clause."""
    person = {"tags": "PatExample", "hashtags": "PatExample", "links_to": "pat.example"}.get(
        setting, "https://search.example/rss?q=Pat+Example" if setting == "url" else "Pat Example"
    )
    place = "sources[0].url" if setting == "url" else f"sources[0].{setting}[0]"

    refusal = said(tmp_path, written(platform.name, setting, person))

    assert refusal.startswith(f"monitor.yaml, line 10: {place}: a search must name the school"), refusal
    assert "BAN-4.1.13" in refusal
    assert "Example" not in refusal


@pytest.mark.parametrize(("platform", "setting"), SEARCHING, ids=lambda value: getattr(value, "name", value))
def test_every_source_may_search_for_the_school(platform: Platform, setting: str, tmp_path: Path) -> None:
    school = {"tags": "HarrowbyGreen", "hashtags": "harrowbygreen", "links_to": "harrowbygreen.example"}.get(
        setting, "https://search.example/rss?q=%22Harrowby+Green%22" if setting == "url" else "Harrowby Green"
    )

    assert said(tmp_path, written(platform.name, setting, school)) == ""


@pytest.mark.parametrize(
    "term",
    [
        "Harrowby Green Church of England Primary School",
        '"Harrowby Green" gate',
        "harrowby green primary",
        "#HarrowbyGreenPrimary",
        "@harrowby_green",
        "from:harrowby_green",
        "to:@harrowby_green thanks",
        "HGPS",
        "HGPS Grantham",
        "hgps bullying",
        "www.harrowbygreen.example",
        "https://www.harrowbygreen.example/news/1",
        "site:harrowbygreen.example",
        "https://trust.example/smyth/news",
        "Robert Smyth Academy",
        "Robert Smyth School",
        "St Mary's Thornwick",
        "Saint Mary's Catholic High School",
        "St Marys High",
        "Thornwick St Mary's",
        "Grantham Harrowby Green",
        "Mill Lane Harrowby Green",
        "Harrowby Green -garden",
        '"Harrowby Green" OR HGPS',
        "Harrowby Green | #HarrowbyGreen",
        "Harrowby Green: late bus",
        "Ｈａｒｒｏｗｂｙ Green",
    ],
)
def test_what_names_the_school_may_be_searched_for(term: str, tmp_path: Path) -> None:
    assert searching(tmp_path, term) == ""


@pytest.mark.parametrize(
    "term",
    [
        "Pat Example",
        "Robert Smyth",  # of the academy, but somebody's name too
        "Harrowby",
        "Harrowby Greenslade",
        "hgpsalm",
        "xhgps",
        "Grantham",
        "primary school",
        "trust.example.net/smyth",
        "notharrowbygreen.example",
        "trust.example",
        "trust.example/smythe",
        '-"Harrowby Green" Pat Example',
        "NOT HGPS Pat Example",
        "!HGPS Pat Example",
        "-(x HGPS) Pat Example",
        "-((a) HGPS) Pat Example",
        "NOT ( HGPS ) Pat Example",
        '-title:"x HGPS" Pat Example',
        "😀😀😀",
    ],
)
def test_what_does_not_name_the_school_is_refused(term: str, tmp_path: Path) -> None:
    refusal = searching(tmp_path, term)

    assert "line 10: sources[0].search[0]: a search must name the school" in refusal
    assert "(BAN-4.1.13)" in refusal


@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("from:pat.example Harrowby Green", "may not follow one person"),
        ("Harrowby Green (to:ann_f)", "may not follow one person"),
        ("author:bob Harrowby Green", "may not follow one person"),
        ("FROM: ann_f HGPS", "may not follow one person"),
        ('HGPS "from:ann_f"', "may not follow one person"),
        ("-from:harrowby_green from:ann_f HGPS", "may not follow one person"),
        ("Harrowby Green @ann_f", "may not follow one person"),
        ("HGPS u/ann_f", "may not follow one person"),
        ("HGPS ＠ann_f", "may not follow one person"),
        ("HGPS did:plc:abc", "may not follow one person"),
        ("HGPS group:staff", "who follows whom"),
        ("HGPS place_country:GB", "a place on the map"),
        ("Harrowby Green Mr Example", "may not name a person"),
        ("dr. example HGPS", "may not name a person"),
        ("Pat Example Harrowby Green", "looks like a person's name"),
        ("Harrowby Green OR Pat Example", "each side of OR"),
        ("HGPS | Pat Example", "each side of OR"),
        ("HGPS followers:ann", "who follows whom"),
        ("HGPS point_radius:[1 2 3km]", "a place on the map"),
        ("HGPS near:Grantham", "a place on the map"),
        ("Harrowby Green NEU", "unions, protests"),
        ("Harrowby Green strike", "unions, protests"),
        ("Harrowby Green Ofsted", "inspections"),
        ("HGPS muslim", "faith"),
        ("HGPS Just Stop Oil", "'Just Stop Oil'"),
        ("HGPS asylum seekers", "origin"),
        ("HGPS gay", "sexuality"),
        ("Ofsted", "inspections"),
    ],
)
def test_a_search_that_reaches_beyond_the_school_is_refused(term: str, why: str, tmp_path: Path) -> None:
    """BAN-4.1.13, with the school's name beside it or not."""
    refusal = searching(tmp_path, term)

    assert refusal.startswith("monitor.yaml, line 10: sources[0].search[0]: ")
    assert why in refusal
    assert "BAN-4.1.13" in refusal


def test_the_faith_in_the_schools_own_name_is_no_forbidden_word(tmp_path: Path) -> None:
    assert searching(tmp_path, "St Mary's Catholic High School") == ""
    assert "faith" in searching(tmp_path, "St Mary's Thornwick catholics")


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("https://paper.example/feed.xml", True),
        ("https://forum.example/viewtopic.php?t=12", True),
        ("https://news.example/rss/search?q=harrowbygreen.example", True),
        ("https://blog.example/?s=HGPS&feed=rss2", True),
        ("https://blog.example/?s=Pat+Example&feed=rss2", False),
        ("https://www.reddit.com/search.rss?q=author%3Apat", False),
        ("https://blog.example/?author=3&feed=rss2", False),
        ("https://blog.example/?" + "a=1&" * 101 + "q=Pat+Example", False),
        ("https://news.example/rss?keyword=Pat+Example", False),
        ("https://www.reddit.com/user/ann_f/.rss", False),
        ("https://social.example/@ann_f.rss", False),
        ("https://social.example/%40ann_f.rss", False),
        ("https://social.example/@harrowby_green.rss", True),
    ],
)
def test_an_address_that_searches_is_held_to_the_same(address: str, may: bool, tmp_path: Path) -> None:
    for platform in ("feed", "webpage"):
        assert (said(tmp_path, written(platform, "url", address)) == "") is may


@pytest.mark.parametrize(
    ("term", "said_of_it"),
    [
        ("BHS bus Gypsy Hill", ""),
        ("Gypsy Hill bus BHS", ""),
        ("Black Horse Hill Juniors", ""),
        ("Dr White's", ""),
        ("Black Horse Hill", "must name the school"),
        ("BHS black", "origin"),
        ("BHS gypsy", "origin"),
    ],
)
def test_what_school_and_places_are_called_is_no_forbidden_word(
    term: str, said_of_it: str, tmp_path: Path
) -> None:
    schools = (
        "schools:\n  - {id: bhh, name: Black Horse Hill Junior School, near: [Gypsy Hill], "
        'also: [BHS, "Dr White\'s"]}\nsources:\n'
    )

    refusal = said(tmp_path, written("hackernews", "search", term), schools)

    assert said_of_it in refusal
    assert bool(refusal) is bool(said_of_it)


def test_a_term_of_many_words_is_read_in_words_times_names(tmp_path: Path) -> None:
    """A mistake in the file is said at once: 100,000 words in a second, where all pairs would take hours."""
    assert "must name the school" in searching(tmp_path, "aB " * 50_000)


def test_a_term_from_the_environment_is_held_to_the_same(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(SCHOOLS + written("hackernews", "search", "${WHOM}"), encoding="utf-8")

    with pytest.raises(ConfigError, match=r"BAN-4\.1\.13") as error:
        load(file, {"WHOM": "Pat Example"})

    assert "Pat" not in str(error.value)


def test_every_refusal_is_said_at_once_and_a_wrong_school_is_said_alone(tmp_path: Path) -> None:
    both = written("hackernews", "search", "Pat Example") + written("gdelt", "search", "Ann Other").replace(
        "A source", "Another"
    )

    assert said(tmp_path, both).count("BAN-4.1.13") == 2
    file = tmp_path / "monitor.yaml"
    file.write_text(SCHOOLS.replace("name: The Robert Smyth Academy", "name: X") + both, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert "BAN-4.1.13" not in str(error.value)
