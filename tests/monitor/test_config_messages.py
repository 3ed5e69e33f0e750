"""What an administrator reads after each usual mistake, word for word."""

from pathlib import Path

import pytest

from connectors.registry import PLATFORMS
from monitor.config.loading import load
from monitor.config.problems import ConfigError

GOOD = """\
schools:
  - id: harrowby-green
    name: Harrowby Green Primary School
sources:
  - name: Local paper
    platform: feed
    url: https://example.org/feed.xml
    every: 15m
people:
  dsl:
    - {name: D. Lead, email: dsl@harrowbygreen.example}
thresholds:
  abuse.hate: {alert: 0.70}
digest: {at: "07:30", timezone: Europe/London}
mail:
  server: smtp.harrowbygreen.example
  user: monitor
  password: ${MAIL_PASSWORD}
  from: monitor@harrowbygreen.example
network:
  allow: [forum.harrowbygreen.example]
governance:
  review_due: 2027-09-01
"""
PLATFORM_NAMES = [platform.name for platform in PLATFORMS]
ENVIRON = {"MAIL_PASSWORD": "a secret", "EMPTY": ""}

MISTAKES = {
    "a tab": ("    name: Harr", "\tname: Harr", ["line 3: there is a tab here; use spaces"]),
    "a wrong column": (
        "    every: 15m",
        "   every: 15m",
        [
            "line 8: this line does not begin in the right column: options that belong together begin in "
            "the same one",
        ],
    ),
    "a missing colon": (
        "people:\n",
        "people\n",
        [
            "line 9: this line is neither an option (name, colon, space, value) nor an item of a list "
            "(dash, space,"
            " value)"
        ],
    ),
    "a colon in text": (
        "name: Local paper",
        "name: Grantham: the paper",
        [
            "line 5: a colon does not fit here: put text that holds a colon in quotation marks; "
            "otherwise a colon is"
            " missing in the line before, or this line begins in the wrong column"
        ],
    ),
    "a handle without quotation marks": (
        "name: Local paper",
        "name: @paper",
        ['line 5: text that begins with @, %, &, * or ` needs quotation marks: "@HarrowbyGreen"'],
    ),
    "an open quotation mark": (
        "review_due: 2027-09-01",
        'review_due: "2027-09-01',
        ["line 23: a quotation mark is opened here and never closed"],
    ),
    "an apostrophe in single quotation marks": (
        "name: Local paper",
        "name: 'Parents' forum'",
        [
            "line 5: there is more text after a closing quotation mark; write text with an apostrophe in "
            "double ones,"
            " and see whether one was opened in a line before and never closed"
        ],
    ),
    "a hashtag that swallows the bracket": (
        "    name: Harr",
        "    also: [HGPS, #HarrowbyGreen]\n    name: Harr",
        [
            "line 3: a bracket is opened here and not closed on its line: put a comma between items, and "
            "quotation"
            " marks round text with #, :, [ or { in it"
        ],
    ),
    "a path with backslashes": (
        "governance:",
        'data: "C:\\monitor"\ngovernance:',
        ["line 22: a backslash in double quotation marks means something special; use single ones"],
    ),
    "an option twice": (
        "    every: 15m",
        "    every: 15m\n    every: 1h",
        ["line 9: sources[0].every: stands here a second time; the first is in line 8"],
    ),
    "an option misspelt": (
        "    every: 15m",
        "    evry: 15m",
        [
            "line 8: sources[0].evry: there is no such option. Did you mean 'every'? The options here "
            "are name, every,"
            " official, scores, platform, url."
        ],
    ),
    "a section misspelt": (
        "governance:",
        "goverance:",
        [
            "line 22: goverance: there is no such option. Did you mean 'governance'? The options here "
            "are schools,"
            " sources, people, classifier, thresholds, purposes, digest, mail, contacts, retention, "
            "evidence, network, heartbeat,"
            " governance, database, data, browser."
        ],
    ),
    "a platform that is not there": (
        "platform: feed",
        "platform: tiktok",
        [f"line 6: sources[0].platform: 'tiktok' cannot be used: write one of {', '.join(PLATFORM_NAMES)}."],
    ),
    "no platform": (
        "    platform: feed\n",
        "",
        [f"line 5: sources[0].platform: is missing: one of {', '.join(sorted(PLATFORM_NAMES))}"],
    ),
    "no name for the school": (
        "    name: Harrowby Green Primary School\n",
        "    name:\n",
        ["line 3: schools[0].name: is missing: The full name"],
    ),
    "a duration without unit": (
        "every: 15m",
        "every: 15",
        [
            "line 8: sources[0].every: '15' cannot be used: write a number and a unit, such as 30s, 15m, "
            "24h, 14d or 8w",
        ],
    ),
    "read too often": (
        "every: 15m",
        "every: 5s",
        ["line 8: sources[0].every: '5s' cannot be used: it must be at least 1m"],
    ),
    "an address that is none": (
        "email: dsl@harrowbygreen.example",
        "email: dsl at harrowbygreen",
        [
            "line 11: people.dsl[0].email: 'dsl at harrowbygreen' cannot be used: write one e-mail "
            "address, such as"
            " dsl@harrowbygreen.example"
        ],
    ),
    "a time that is none": (
        '"07:30"',
        "half past seven",
        [
            "line 14: digest.at: 'half past seven' cannot be used: write a time of day between \"00:00\" and"
            ' "23:59", such as "07:30"'
        ],
    ),
    "a time zone that is none": (
        "Europe/London",
        "Europe/Lodnon",
        [
            "line 14: digest.timezone: 'Europe/Lodnon' cannot be used: write the name of a time zone, such as"
            " Europe/London. Did you mean 'Europe/London'?"
        ],
    ),
    "a kind that is none": (
        "abuse.hate:",
        "abuse.haet:",
        ["line 13: thresholds.abuse.haet: 'abuse.haet' is not a sub-category; did you mean 'abuse.hate'?"],
    ),
    "a number that is none": (
        "alert: 0.70",
        "alert: 70%",
        ["line 13: thresholds.abuse.hate.alert: '70%' cannot be used: write a number, such as 0.75"],
    ),
    "a number that is too large": (
        "alert: 0.70",
        "alert: 70",
        ["line 13: thresholds.abuse.hate.alert: '70' cannot be used: it must be at most 1.0"],
    ),
    "a word instead of options": (
        '{at: "07:30", timezone: Europe/London}',
        "07:30",
        ["line 14: digest: '07:30' cannot be used: write options of its own here: at, timezone"],
    ),
    "one person without a dash": (
        "    - {name: D. Lead, email: dsl@harrowbygreen.example}",
        "    {name: D. Lead, email: dsl@harrowbygreen.example}",
        ["line 10: people.dsl: write a list: each item on its own line after a dash, or [one, two]"],
    ),
    "a password in the file": (
        "${MAIL_PASSWORD}",
        "hunter2",
        [
            "line 18: mail.password: a secret must not stand in this file: put it into an environment "
            "variable and"
            " write ${NAME} here, or into a file and write ${file:/run/secrets/name} (BAN-5.1.3)"
        ],
    ),
    "a password in an address": (
        "  allow:",
        "  proxy: http://user:hunter2@proxy.example:8080\n  allow:",
        [
            "line 21: network.proxy: this address has a password in it, which must not stand in this "
            "file: put it into"
            " an environment variable and write ${NAME} here, or into a file and write "
            "${file:/run/secrets/name}"
            " (BAN-5.1.3)"
        ],
    ),
    "a variable that is not set": (
        "${MAIL_PASSWORD}",
        "${MAIL_PASSWRD}",
        [
            "line 18: mail.password: the environment variable MAIL_PASSWRD is not set. Did you mean "
            "'MAIL_PASSWORD'?"
        ],
    ),
    "a variable that is empty": (
        "${MAIL_PASSWORD}",
        "${EMPTY}",
        ["line 18: mail.password: the environment variable EMPTY is empty"],
    ),
    "a reference that is not closed": (
        "${MAIL_PASSWORD}",
        "${MAIL_PASSWORD",
        [
            "line 18: mail.password: '${' is opened and not closed; write ${NAME}, or $${ for the "
            "characters themselves",
        ],
    ),
    "a reference with a default": (
        "${MAIL_PASSWORD}",
        "${MAIL_PASSWORD:-x}",
        [
            "line 18: mail.password: ${MAIL_PASSWORD:-x} is not understood; write ${NAME} or "
            "${file:/run/secrets/name}",
        ],
    ),
    "a secret file that is not there": (
        "${MAIL_PASSWORD}",
        "${file:/nowhere/password}",
        ["line 18: mail.password: the file /nowhere/password cannot be read: No such file or directory"],
    ),
    "a password without encryption": (
        "  user: monitor",
        "  security: none\n  user: monitor",
        [
            "line 15: mail: a password or token is never sent without encryption: set security to "
            "starttls or tls",
        ],
    ),
    "a server as an address": (
        "server: smtp.harrowbygreen.example",
        "server: https://smtp.harrowbygreen.example",
        [
            "line 16: mail.server: 'https://smtp.harrowbygreen.example' cannot be used: write the name "
            "of a server"
            " alone, such as smtp.office365.com, without https:// or a port"
        ],
    ),
    "a school that is not there": (
        "    every: 15m",
        "    official: harowby-green",
        [
            "line 8: sources[0].official: no school has the id 'harowby-green'. Did you mean "
            "'harrowby-green'? The ids"
            " are harrowby-green."
        ],
    ),
    "a date in the English order": (
        "2027-09-01",
        "01/09/2027",
        [
            "line 23: governance.review_due: '01/09/2027' cannot be used: write a date as "
            "year-month-day, such as"
            " 2027-09-01"
        ],
    ),
    "a name of the school that is too short": (
        "name: Harrowby Green Primary School",
        "name: HG",
        ["line 3: schools[0].name: 'HG' cannot be used: at least 3 characters are needed"],
    ),
    "an id with a space": (
        "id: harrowby-green",
        "id: Harrowby Green",
        [
            "line 2: schools[0].id: 'Harrowby Green' cannot be used: it has the wrong form. A short "
            "fixed handle, never"
            " changed later; the school's URN is a good one."
        ],
    ),
    "two documents": (
        "digest:",
        "---\ndigest:",
        ["line 14: there is a second '---' here; the file holds one document"],
    ),
    "a tag": (
        "name: Local paper",
        "name: !local paper",
        ["line 5: sources[0].name: '!local': text that begins with ! needs quotation marks"],
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_explained(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    file = tmp_path / "monitor.yaml"
    file.write_text(GOOD.replace(old, new, 1))

    with pytest.raises(ConfigError) as error:
        load(file, ENVIRON)

    assert str(error.value).splitlines() == [f"monitor.yaml, {line}" for line in expected]


def test_the_same_file_without_a_mistake_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(GOOD)

    assert load(file, ENVIRON).sources[0].name == "Local paper"


def test_all_mistakes_are_named_at_once_in_order(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    text = GOOD.replace("platform: feed", "platform: fed").replace("every: 15m", "evry: 15m")
    text = (
        text.replace("dsl@", "dsl").replace("0.70", "7").replace("${MAIL", "${FAIL").replace("07:30", "25:00")
    )
    file.write_text(text)

    with pytest.raises(ConfigError) as error:
        load(file, ENVIRON)

    assert [(problem.line, problem.path) for problem in error.value.problems] == [
        (6, "sources[0].platform"),
        (11, "people.dsl[0].email"),
        (13, "thresholds.abuse.hate.alert"),
        (14, "digest.at"),
        (18, "mail.password"),
    ]


def test_no_message_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    text = GOOD.replace("every: 15m", "every: ${SECRET}").replace("dsl@harrowbygreen.example", "${SECRET}")
    text = text.replace("  allow:", '  proxy: "ftp://u:${SECRET}@proxy"\n  allow:').replace(
        "from: m", "user: ${SECRET}\n  from: m"
    )
    file.write_text(text.replace("${MAIL_PASSWORD}", "[hunter2]"))

    with pytest.raises(ConfigError) as error:
        load(file, {**ENVIRON, "SECRET": "hunter2"})

    assert "hunter2" not in str(error.value)
