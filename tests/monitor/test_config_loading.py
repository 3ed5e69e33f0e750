"""Reading the file: hostile and odd files, references, what is kept, and noticing changes."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.config.effective import differences, settings_json
from monitor.config.loading import load, read
from monitor.config.problems import ConfigError
from monitor.config.settings import Config
from monitor.config.watching import Watcher
from monitor.mail.items import Detail
from monitor.mail.mailer import Mailer, Password, Refreshed, Security
from monitor.mail.outbox import Outbox
from monitor.playbook import Role

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHOOLS = """\
schools:
  - {id: harrowby-green, name: Harrowby Green Primary School, site: "https://www.harrowbygreen.example"}
  - {id: "100123", name: St Wilfrid's Academy, site: https://st-wilfrids.example}
"""
SOURCES = """\
sources:
  - {name: Local paper, platform: feed, url: "https://example.org/feed.xml"}
"""
SMALL = SCHOOLS + SOURCES


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monitor.yaml"


def given_text(file: Path, text: str | bytes, **environ: str) -> Config:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, environ)


def refused(file: Path, text: str | bytes, **environ: str) -> str:
    with pytest.raises(ConfigError) as error:
        given_text(file, text, **environ)
    return str(error.value)


# --- What stands in the file --------------------------------------------------------------------------------


def test_a_small_file_is_enough(file: Path) -> None:
    config = given_text(file, SMALL)

    assert config.data == file.parent / "data"
    assert config.database_url() == f"sqlite:///{file.parent}/data/monitor.db"
    assert config.digest.at == clock(7, 30)
    assert config.digest.timezone == ZoneInfo("Europe/London")
    assert config.mail.detail is Detail.LINK
    assert config.retention.rules().below_threshold == timedelta(days=14)


def test_text_stays_as_it_was_written(file: Path) -> None:
    """YAML would make `NO` false, `07:30` the number 450, and take the zero from a telephone number."""
    text = SMALL.replace(
        "Primary School", "Primary School, near: [NO, 1912, 12e3, 0x1F, on, 0.50], also: [123456]"
    )
    text += (
        "digest: {at: 07:30}\ncontacts:\n  lado: {name: LADO, phone: 01632960001, checked_on: 2026-09-01}\n"
    )

    config = given_text(file, text)

    assert config.schools[0].near == ("NO", "1912", "12e3", "0x1F", "on", "0.50")
    assert config.schools[0].also == ("123456",)
    assert config.digest.at == clock(7, 30)
    assert config.contacts["lado"].phone == "01632960001"
    assert config.contacts["lado"].checked_on == date(2026, 9, 1)


@pytest.mark.parametrize("word", ["false", "no", "off", "False"])
def test_a_purpose_can_be_switched_off(file: Path, word: str) -> None:
    config = given_text(file, SMALL + f"purposes: {{reputational: {word}}}\n")

    assert config.purposes.reputational is False
    assert any("reputational" in line.lower() for line in config.policy().looser)


@pytest.mark.parametrize("change", ["\ufeff{}", "# a comment\r\n{}", "---\n{}", "{}...\n"])
def test_marks_and_line_ends_of_other_systems_do_not_matter(file: Path, change: str) -> None:
    windows = SMALL.replace("\n", "\r\n")

    assert given_text(file, change.format(windows)).sources[0].name == "Local paper"


def test_an_option_without_a_value_counts_as_left_out(file: Path) -> None:
    assert given_text(file, SMALL + "mail:\ndatabase: ~\npeople:\n  dsl:\n").mail.server is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty; begin with the example configuration"),
        (b"# nothing\n", "the file is empty; begin with the example configuration"),
        ("schools:".encode("utf-16"), "line 1: the file is saved as UTF-16; save it as UTF-8"),
        (
            b"schools:\n  - name: Caf\xe9\n",
            "line 2: the file is not saved as UTF-8; choose UTF-8 (not ANSI) when you save it",
        ),
        (b"schools:\n  - name: a\x07\n", "line 2: there is an invisible control character here; delete it"),
        (b"- one\n- two\n", "line 1: the file must hold options, such as 'schools:' and 'sources:'"),
        (b"just words", "line 1: the file must hold options, such as 'schools:' and 'sources:'"),
        (b"a: " + b"x" * 1_000_001, "the file is larger than 1000 kB"),
        (b"a: " + b"[" * 5000, "line 1: options are nested too deeply here"),
        (b"a: &a [*a]\n", "line 1: a[0][0]: too much is repeated or nested here"),
        (b"? [a, b]\n: c\n", "line 1: the name of an option must be plain text"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(file: Path, content: bytes, said: str) -> None:
    joint = ", " if said.startswith("line") else ": "

    assert refused(file, content) == f"monitor.yaml{joint}{said}"


def test_a_bomb_of_aliases_is_refused_quickly(file: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    begin = time.monotonic()

    assert "too much is repeated" in refused(file, "\n".join(lines))
    assert time.monotonic() - begin < 5


def test_a_file_that_is_not_there_says_what_to_do(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*monitor\.yaml; make one with `monitor init`"):
        load(file, {})


def test_a_folder_in_place_of_the_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_at_all_give_problems_and_never_a_crash(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert isinstance(read(file, {}).result, ConfigError)


_VALUES = st.recursive(
    st.sampled_from(
        ["x", "~", "''", "1", "true", "feed", "${X}", "$${", "${", "a@b.example", "15m", "*", "!x"]
    ),
    lambda inside: (
        st.lists(inside, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "platform", "use", "url", "dsl", "email", "schools", "alert", "at", "x"]
            ),
            inside,
            max_size=4,
        ).map(lambda options: "{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}")
    ),
    max_leaves=12,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from([*Config.model_fields, "else"]), _VALUES, max_size=6))
def test_any_shape_at_all_gives_problems_in_plain_words(file: Path, options: dict[str, str]) -> None:
    file.write_text("".join(f"{key}: {value}\n" for key, value in options.items()))

    result = read(file, {"X": "filled"}).result

    assert isinstance(result, ConfigError)
    for problem in result.problems:
        assert problem.message
        assert not any(word in problem.message for word in ("pydantic", "Input", "NoneType", "valid", "dict"))


# --- References ---------------------------------------------------------------------------------------------


def test_references_may_stand_anywhere_in_a_value(file: Path) -> None:
    (file.parent / "key").write_text("k3y\n")
    text = SMALL.replace("feed.xml", "${FOLDER}/feed.xml?k=${file:key}&p=$${x}$5")

    config = given_text(file, text, FOLDER="news")

    assert config.sources[0].url == "https://example.org/news/feed.xml?k=k3y&p=${x}$5"


def test_what_is_filled_in_is_not_read_again_for_references(file: Path) -> None:
    text = SMALL.replace("Local paper", '"${NAME}"')

    assert given_text(file, text, NAME="${HOME} {a: b} #1").sources[0].name == "${HOME} {a: b} #1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"x" * 70_000, "is too large"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named(file: Path, content: bytes, said: str) -> None:
    (file.parent / "key").write_bytes(content)

    assert said in refused(file, SMALL + "database: 'postgresql://u:${file:key}@h/d'\n")


def test_secrets_are_not_shown_when_the_configuration_is_printed(file: Path) -> None:
    text = SMALL + "mail: {server: s.example, from: a@b.example, user: u, password: '${PW}'}\n"
    text += "database: 'postgresql://u:${PW}@h/d'\nnetwork: {proxy: 'http://u:${PW}@proxy:8080'}\n"
    config = given_text(file, text, PW="hunter2")

    assert config.database_url() == "postgresql://u:hunter2@h/d"
    assert config.network.proxy_url() == "http://u:hunter2@proxy:8080"
    assert "hunter2" not in repr(config) + str(config) + config.model_dump_json() + settings_json(config)


# --- What must fit together ---------------------------------------------------------------------------------


def test_names_used_twice_are_refused(file: Path) -> None:
    text = SMALL.replace('"100123"', "harrowby-green") + SOURCES.partition("\n")[2]

    assert refused(file, text).splitlines() == [
        "monitor.yaml, line 3: schools[1].id: is used twice; schools[0] has it too",
        "monitor.yaml, line 6: sources[1].name: is used twice; sources[0] has it too",
    ]


def test_one_address_cannot_have_other_schools_in_another_role(file: Path) -> None:
    """Or the Head of one school would hear, as Head, of the school where they only deputise."""
    text = SMALL + (
        "people:\n"
        "  head: [{name: A, email: a@x.example, schools: [harrowby-green]}]\n"
        "  dsl: [{name: A, email: A@x.example}]\n"
    )

    assert "head[0].email: a@x.example has other schools in another role" in refused(file, text)


def test_problems_of_fit_are_named_together_with_all_others(file: Path) -> None:
    text = SMALL.replace("platform: feed", "platform: feed, official: nobody, every: never")

    assert len(refused(file, text).splitlines()) == 2


def test_a_floor_may_be_lowered_and_never_raised(file: Path) -> None:
    said = refused(file, SMALL + "thresholds:\n  abuse.threat_violence: {floor: 0.99}\n")

    assert said.startswith("monitor.yaml, line 7: thresholds.abuse.threat_violence: ")


def test_a_certificate_bundle_must_be_one(file: Path) -> None:
    bundle = file.parent / "ca.pem"
    assert "ca.pem cannot be used: No such file" in refused(file, SMALL + "network: {ca_bundle: ca.pem}\n")
    bundle.write_text("nothing")
    assert "ca.pem cannot be used: not certificates in PEM form" in refused(
        file, SMALL + "network: {ca_bundle: ca.pem}\n"
    )

    trustme.CA().cert_pem.write_to_path(str(bundle))

    assert given_text(file, SMALL + "network: {ca_bundle: ca.pem}\n").network.ca_bundle == bundle


def test_a_browser_must_be_there(file: Path) -> None:
    assert "line 6: browser: there is no browser at /nowhere/chromium" in refused(
        file, SMALL + "browser: /nowhere/chromium\n"
    )


@pytest.mark.parametrize(
    "entry", ["forum.example", "forum.example:8080", "10.0.0.5:80", '"[::1]:8080"', '"::1"']
)
def test_hosts_inside_may_be_allowed(file: Path, entry: str) -> None:
    assert given_text(file, SMALL + f"network: {{allow: [{entry}]}}\n").network.allow == (entry.strip('"'),)


@pytest.mark.parametrize("entry", ["http://forum.example", "forum.example/x", "a b", "user@host"])
def test_allowed_hosts_are_hosts(file: Path, entry: str) -> None:
    assert "write a host, or a host and a port" in refused(file, SMALL + f"network: {{allow: ['{entry}']}}\n")


# --- The pieces ---------------------------------------------------------------------------------------------


def test_people_are_merged_by_address(file: Path) -> None:
    text = SMALL + (
        "people:\n"
        "  dsl: [{name: A. Lead, email: a@x.example}, {name: B, email: b@x.example, schools: ['100123']}]\n"
        "  administrators: [{name: A, email: A@X.example}]\n"
    )

    first, second = given_text(file, text).recipients()

    assert (first.name, first.email) == ("A. Lead", "a@x.example")
    assert first.roles == {Role.DSL, Role.ADMINISTRATOR}
    assert first.schools == {"harrowby-green", "100123"}
    assert second.schools == {"100123"}


def test_the_schools_own_contacts_win_and_say_what_they_are_for(file: Path) -> None:
    contacts = given_text(
        file, SMALL + "contacts: {lado: {name: Our LADO, phone: '01632 960001'}}\n"
    ).all_contacts()

    assert contacts["lado"].name == "Our LADO"
    assert contacts["lado"].use
    assert contacts["police_emergency"].phone == "999"


def test_mail_goes_into_a_folder_without_a_server(file: Path) -> None:
    with httpx.Client() as http:
        assert given_text(file, SMALL).post(http) == Outbox(file.parent / "data" / "outbox")
        assert given_text(file, SMALL + "mail: {outbox: out}\n").post(http) == Outbox(file.parent / "out")


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465)])
def test_mail_goes_to_the_server_that_is_set(file: Path, security: str, port: int) -> None:
    text = (
        f"mail: {{server: s.example, from: m@b.example, user: u, password: '${{PW}}', security: {security}}}"
    )

    with httpx.Client() as http:
        mailer = given_text(file, SMALL + text, PW="x").post(http)

    assert isinstance(mailer, Mailer)
    assert (mailer.host, mailer.port, mailer.sender) == ("s.example", port, "m@b.example")
    assert mailer.security is Security(security)
    assert isinstance(mailer.login, Password)
    assert (mailer.login.user, mailer.login.password) == ("u", "x")


def test_mail_can_sign_in_with_a_token(file: Path) -> None:
    text = (
        "mail:\n  server: s.example\n  from: m@b.example\n  user: u\n  oauth:\n    token_url: "
        "https://t.example/token\n"
        "    client_id: c\n    client_secret: ${S}\n    refresh_token: ${R}\n"
    )
    with httpx.Client() as http:
        mailer = given_text(file, SMALL + text, S="s", R="r").post(http)

    assert isinstance(mailer, Mailer)
    assert isinstance(mailer.login, Refreshed)
    assert (mailer.login.client_secret, mailer.login.refresh_token) == ("s", "r")


# --- Warnings -----------------------------------------------------------------------------------------------

FULL = (
    SMALL
    + """\
people:
  dsl: [{name: A, email: a@harrowbygreen.example}]
  deputies: [{name: B, email: b@harrowbygreen.example}]
  head: [{name: C, email: c@harrowbygreen.example}, {name: D, email: d@harrowbygreen.example}]
  chair: [{name: E, email: e@mail.harrowbygreen.example}, {name: F, email: f@st-wilfrids.example}]
  administrators: [{name: G, email: g@harrowbygreen.example}, {name: H, email: h@harrowbygreen.example}]
mail: {server: s.example, from: m@harrowbygreen.example}
contacts:
  lado: {name: a, phone: "1"}
  mash: {name: a, phone: "1"}
  out_of_hours: {name: a, phone: "1"}
  prevent: {name: a, phone: "1"}
  hr_advice: {name: a, phone: "1"}
  legal_advice: {name: a, phone: "1"}
heartbeat: {file: data/alive}
governance:
  dpia: D-1
  notice_url: https://www.harrowbygreen.example/monitoring
  approved_by: C
  approved_on: 2026-09-01
  review_due: 2026-11-21
"""
)


def test_a_file_with_everything_gives_no_warning(file: Path) -> None:
    assert given_text(file, FULL).warnings(AT) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2026-11-21", "2026-11-20", "The review of this monitoring was due on 20 November 2026"),
        ("2026-09-01", "2027-09-01", "governance.approved_on is in the future (01 September 2027)."),
        ("  dpia: D-1\n", "", "No data protection impact assessment is named"),
        ("  notice_url:", "  #", "No public notice of this monitoring is named"),
        ("  approved_by: C\n", "", "Nobody is named as having approved this"),
        ("  review_due:", "  #", "No date for the next review is set"),
        ("heartbeat:", "#", "Nothing outside this machine would notice that it is dead"),
        ("mail: {server: s.example, from", "mail: {from", "No mail server is set"),
        (
            "  lado:",
            "  #",
            "Alerts cannot say whom to call nearby: fill in contacts.lado (BAN-2.7, STG-1b).",
        ),
        ('lado: {name: a, phone: "1"', "lado: {name: a", "contacts.lado (a) has no telephone number"),
        (
            "  lado:",
            "  ladoo: {name: a, web: 'https://x.example'}\n  lado:",
            "contacts.ladoo is not called by any part",
        ),
        ("c@harrowbygreen.example", "c@gmail.com", "c@gmail.com is a private address"),
        (
            "c@harrowbygreen.example",
            "c@elsewhere.example",
            "c@elsewhere.example is not at an address of the school",
        ),
        ("  dsl:", "  #", "has nobody as Designated Safeguarding Lead (people.dsl)."),
        (", {name: H, email: h@harrowbygreen.example}", "", "has one person only as administrator"),
        (", {name: D, email: d@harrowbygreen.example}", "", "has one person only as Head"),
        (
            "b@harrowbygreen.example",
            "a@harrowbygreen.example",
            "has one person only as Designated Safeguarding Lead",
        ),
    ],
)
def test_what_is_missing_or_overdue_is_a_warning_and_no_error(
    file: Path, old: str, new: str, said: str
) -> None:
    """BAN-0, STG-3c, STG-5c, STG-5d, STG-5f, BAN-2.7: governance facts warn."""
    assert old in FULL

    warnings = given_text(file, FULL.replace(old, new, 1)).warnings(AT)

    assert any(said in line for line in warnings), warnings


def test_the_day_of_the_review_is_a_local_day(file: Path) -> None:
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # already 2 July in London
    config = given_text(file, FULL.replace("2026-11-21", "2026-07-01").replace("2026-09-01", "2026-01-01"))

    assert any("was due on 01 July 2026" in line for line in config.warnings(late))


# --- Effective settings -------------------------------------------------------------------------------------


def test_a_change_of_settings_is_told_line_by_line(file: Path) -> None:
    before = given_text(file, FULL + "thresholds:\n  abuse.hate: {alert: 0.8, severity: high}\n")
    more = FULL.replace(
        "sources:\n", "sources:\n  - {name: Blog, platform: feed, url: 'https://b.example/'}\n"
    )
    after = given_text(
        file,
        more.replace("a@harrow", "z@harrow") + "thresholds:\n  abuse.hate: {alert: 0.7, severity: low}\n",
    )

    assert differences(settings_json(before), settings_json(after)) == (
        "people.dsl[A].email: a@harrowbygreen.example -> z@harrowbygreen.example",
        "thresholds.abuse.hate.alert: 0.80 -> 0.70",
        "thresholds.abuse.hate.severity: high -> low",
        "sources[Blog].every: (not set) -> 15m",
        "sources[Blog].name: (not set) -> Blog",
        "sources[Blog].platform: (not set) -> feed",
        "sources[Blog].url: (not set) -> https://b.example/",
    )


def test_the_same_file_makes_no_difference(file: Path) -> None:
    assert differences(settings_json(given_text(file, FULL)), settings_json(given_text(file, FULL))) == ()


def test_settings_show_what_stands_in_the_file_and_not_what_was_filled_in(file: Path) -> None:
    text = SMALL.replace("feed.xml", "feed.xml?key=${KEY}")

    shown = json.loads(settings_json(given_text(file, text, KEY="hunter2")))

    assert shown["sources"][0]["url"] == "https://example.org/feed.xml?key=${KEY}"


# --- Changes ------------------------------------------------------------------------------------------------


def test_a_change_is_noticed_once(file: Path) -> None:
    file.write_text(SMALL)
    watcher = Watcher(file, {})
    assert isinstance(watcher.poll(), Config)
    assert watcher.poll() is None

    file.write_text(SMALL.replace("Local paper", "The paper"))

    changed = watcher.poll()
    assert isinstance(changed, Config)
    assert changed.sources[0].name == "The paper"
    assert watcher.poll() is None


def test_a_file_that_was_only_touched_is_no_change(file: Path) -> None:
    file.write_text(SMALL)
    watcher = Watcher(file, {})
    watcher.poll()

    os.utime(file, (1, 1))

    assert watcher.poll() is None


def test_a_broken_change_is_told_once_and_the_last_good_one_is_kept(file: Path) -> None:
    file.write_text(SMALL)
    watcher = Watcher(file, {})
    good = watcher.poll()

    file.write_text(SMALL.replace("feed", "fed"))

    assert isinstance(watcher.poll(), ConfigError)
    assert watcher.poll() is None
    assert watcher.config is good
    file.write_text(SMALL)
    assert isinstance(watcher.poll(), Config)


def test_a_replaced_file_is_noticed(file: Path) -> None:
    """Editors write a new file and rename it over the old one."""
    file.write_text(SMALL)
    watcher = Watcher(file, {})
    watcher.poll()

    new = file.with_suffix(".new")
    new.write_text(SMALL.replace("Local paper", "The paper"))
    new.replace(file)

    assert isinstance(watcher.poll(), Config)


def test_a_link_that_is_swapped_is_noticed(tmp_path: Path) -> None:
    """Containers mount a folder of links and swap the folder behind it."""
    for name, text in (("one", SMALL), ("two", SMALL.replace("Local paper", "The paper"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "monitor.yaml").write_text(text)
    (tmp_path / "now").symlink_to("one")
    (tmp_path / "monitor.yaml").symlink_to("now/monitor.yaml")
    watcher = Watcher(tmp_path / "monitor.yaml", {})
    watcher.poll()

    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "now")

    changed = watcher.poll()
    assert isinstance(changed, Config)
    assert changed.sources[0].name == "The paper"


def test_a_changed_secret_file_is_a_change(file: Path) -> None:
    (file.parent / "pw").write_text("one")
    file.write_text(SMALL + "database: 'postgresql://u:${file:pw}@h/d'\n")
    watcher = Watcher(file, {})
    watcher.poll()

    (file.parent / "pw").write_text("two")

    changed = watcher.poll()
    assert isinstance(changed, Config)
    assert changed.database_url() == "postgresql://u:two@h/d"
    (file.parent / "pw").unlink()
    assert isinstance(watcher.poll(), ConfigError)
    (file.parent / "pw").write_text("three")
    assert isinstance(watcher.poll(), Config)


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "empty"])
def test_a_file_in_the_middle_of_being_replaced_is_given_time(file: Path, gone: bool) -> None:
    file.write_text(SMALL)
    watcher = Watcher(file, {})
    watcher.poll()

    if gone:
        file.unlink()
    else:
        file.write_text("")

    assert watcher.poll() is None
    assert isinstance(watcher.poll(), ConfigError)
    assert watcher.poll() is None


def test_a_watcher_may_begin_before_there_is_a_file(file: Path) -> None:
    watcher = Watcher(file, {})
    assert isinstance(watcher.poll(), ConfigError)
    assert watcher.poll() is None

    file.write_text(SMALL)

    assert isinstance(watcher.poll(), Config)


def test_reading_the_configuration_loads_nothing_heavy() -> None:
    """`monitor check` answers in under 1.5 s."""
    heavy = [
        "transformers",
        "torch",
        "onnxruntime",
        "playwright",
        "feedparser",
        "trafilatura",
        "praw",
        "numpy",
    ]
    code = f"import sys, monitor.config.loading; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
