"""Time-stamps from a real authority, run by openssl (RFC 3161, DOMAIN 3.3)."""

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from authority import Mode, TimeAuthority, make_authority, make_signer, openssl, serve

from monitor.anchors import Anchor, Checked, Stamp, StampState
from monitor.evidence.timestamps import (
    Answer,
    Authority,
    NoAnswer,
    WrongAnswer,
    ask,
    check_stamp,
    read_roots,
    verify_stamp,
)
from monitor.network import make_http

WORDS = b'{"anchor":1,"school_id":"harrowby-green"}'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    """An authority that can be asked."""
    with serve(make_authority(tmp_path_factory.mktemp("authority"))) as authority:
        yield authority


@pytest.fixture
def authority(running: TimeAuthority) -> TimeAuthority:
    """The same, on its best behaviour."""
    running.mode = Mode.GOOD
    running.asked.clear()
    return running


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """The one client that everything is fetched with."""
    with make_http(user_agent="Test/1", allow=["127.0.0.1"]) as client:
        yield client


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def asked(http: httpx.Client, authority: TimeAuthority, words: bytes = WORDS, seconds: float = 20) -> Answer:
    """What it answers, if it is good."""
    named = Authority(name="Invented", url=authority.url, roots=authority.root)
    return ask(http, named, words, now(), seconds)


def kept(answer: Answer) -> tuple[Stamp, Anchor]:
    """The stamp as it is kept, and its anchor."""
    anchor = Anchor(
        school="harrowby-green",
        number=1,
        made_at=answer.at,
        statement=WORDS,
        signature=b"",
        public_key=b"",
    )
    stamp = Stamp(
        id=1,
        school="harrowby-green",
        anchor=1,
        authority="Invented",
        state=StampState.OK,
        token=answer.token,
        certificates=answer.certificates,
        policy=answer.policy,
        stamped_at=answer.at,
    )
    return stamp, anchor


def signed_by(authority: TimeAuthority, signer: str) -> httpx.Client:
    """A way to an authority that signs with this certificate."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(authority.stamp(request.read(), signer)))

    return httpx.Client(transport=httpx.MockTransport(answer))


def by_openssl(folder: Path, answer: Answer, root: Path, words: bytes = WORDS, *more: str) -> bool:
    """Whether `openssl ts -verify` believes it, with nothing of ours."""
    (folder / "token.der").write_bytes(answer.token)
    (folder / "statement.json").write_bytes(words)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "statement.json"]
    done = subprocess.run(
        [*command, "-CAfile", str(root), *more], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


# Good stamps


def test_a_good_stamp_is_believed_by_us_and_by_openssl_alone(
    http: httpx.Client, authority: TimeAuthority, tmp_path: Path
) -> None:
    answer = asked(http, authority)

    assert abs(answer.at - now()) < timedelta(minutes=1)
    assert answer.policy == "1.2.3.4.1"
    assert answer.certificates.count("BEGIN CERTIFICATE") == 2
    assert answer.certificates.endswith(authority.root.read_text().partition("-----BEGIN")[2][-200:])
    stamp, anchor = kept(answer)
    assert verify_stamp(stamp, anchor, read_roots(authority.root)) is None
    assert by_openssl(tmp_path, answer, authority.root)
    assert not by_openssl(tmp_path, answer, authority.root, WORDS + b" ")


def test_only_the_hash_of_an_anchor_leaves_this_machine(http: httpx.Client, authority: TimeAuthority) -> None:
    words = b"harrowby-green" * 1000
    asked(http, authority, words)
    asked(http, authority, words)

    first, second = authority.asked
    assert len(first) < 100
    assert b"harrowby" not in first
    assert first != second, "each question has a nonce of its own"


def test_the_order_of_certificates_in_a_token_does_not_matter(
    authority: TimeAuthority, tmp_path: Path
) -> None:
    """OpenSSL puts the signer first, wherever strict DER would sort it."""
    begin, end = now() - timedelta(days=1), now() + timedelta(days=1)
    for number in range(6):
        make_signer(authority.folder, f"another{number}", begin=begin, end=end)
        answer = asked(signed_by(authority, f"another{number}"), authority)
        assert by_openssl(tmp_path, answer, authority.root)


def test_a_stamp_outlives_the_certificate_that_signed_it(authority: TimeAuthority, tmp_path: Path) -> None:
    end = now().replace(microsecond=0) + timedelta(seconds=2)
    make_signer(authority.folder, "brief", begin=now() - timedelta(days=1), end=end)
    http = signed_by(authority, "brief")
    answer = asked(http, authority)

    time.sleep(max(0.0, (end - now()).total_seconds()) + 1.1)

    stamp, anchor = kept(answer)
    assert verify_stamp(stamp, anchor, read_roots(authority.root)) is None
    then = ("-attime", str(int(answer.at.timestamp())))
    assert not by_openssl(tmp_path, answer, authority.root)
    assert by_openssl(tmp_path, answer, authority.root, WORDS, *then)
    with pytest.raises(WrongAnswer, match="had expired"):
        asked(http, authority)


# Lies


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.WRONG_NONCE, "answers another question than ours"),
        (Mode.WRONG_HASH, "for something else"),
        (Mode.EXPIRED, "its certificate had expired at the time that it names"),
        (Mode.UNKNOWN, "lead to no root that is trusted here"),
        (Mode.FOR_MAIL, "not made for time-stamps"),
        (Mode.TAMPERED, "signature does not fit"),
        (Mode.REJECTS, "refused it: Message digest algorithm is not supported"),
        (Mode.GARBAGE, "cannot be read as a time-stamp"),
        (Mode.EMPTY, "cannot be read as a time-stamp"),
        (Mode.HUGE, "more than 100 kB"),
    ],
)
def test_each_lie_of_an_authority_is_found_and_named(
    http: httpx.Client, authority: TimeAuthority, mode: Mode, said: str
) -> None:
    authority.mode = mode

    with pytest.raises(WrongAnswer, match=said):
        asked(http, authority)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.ERROR, "answers with 500"),
        (Mode.WEB_PAGE, "web filter"),
        (Mode.HANGS, "did not answer in time"),
    ],
)
def test_no_answer_is_no_lie(http: httpx.Client, authority: TimeAuthority, mode: Mode, said: str) -> None:
    authority.mode = mode

    with pytest.raises(NoAnswer, match=said):
        asked(http, authority, seconds=1)


def test_an_authority_inside_the_network_is_not_asked_unless_it_is_allowed(authority: TimeAuthority) -> None:
    with make_http(user_agent="Test/1") as client, pytest.raises(NoAnswer, match=r"network\.allow"):
        asked(client, authority)
    assert not authority.asked


def test_an_answer_that_drips_is_given_up(http: httpx.Client) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            time.sleep(0.05)
            yield b"0"

    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=drip())))
    named = Authority(name="Invented", url="http://127.0.0.1/")

    with pytest.raises(NoAnswer, match="too slowly"):
        ask(client, named, WORDS, now(), seconds=0.3)


def test_a_clock_that_is_hours_off_is_named(http: httpx.Client, authority: TimeAuthority) -> None:
    named = Authority(name="Invented", url=authority.url, roots=authority.root)

    with pytest.raises(WrongAnswer, match="its clock says"):
        ask(http, named, WORDS, now() + timedelta(hours=2))


def test_a_root_that_nobody_configured_is_not_trusted(http: httpx.Client, authority: TimeAuthority) -> None:
    with pytest.raises(WrongAnswer, match="no root that is trusted"):
        ask(http, Authority(name="Invented", url=authority.url), WORDS, now())


@pytest.mark.parametrize(
    "content",
    ["", "-----BEGIN CERTIFICATE-----\nAAAA\n", "-----BEGIN CERTIFICATE-----A-----END CERTIFICATE-----"],
)
def test_a_file_of_roots_that_holds_none_is_named(
    http: httpx.Client, authority: TimeAuthority, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "roots.pem"
    named = Authority(name="Invented", url=authority.url, roots=file)
    with pytest.raises(NoAnswer, match="file of roots cannot be used: No such file"):
        ask(http, named, WORDS, now())

    file.write_text(content)
    with pytest.raises(NoAnswer, match=r"roots\.pem holds no certificate"):
        ask(http, named, WORDS, now())


# Later


def test_what_was_changed_afterwards_is_found(http: httpx.Client, authority: TimeAuthority) -> None:
    roots = read_roots(authority.root)
    good, anchor = kept(asked(http, authority))
    other, _ = kept(asked(http, authority, b"something else"))
    stranger = openssl(authority.folder, "x509", "-in", "stranger.pem").decode()

    found = {
        verify_stamp(stamp, about, trusted)
        for stamp, about, trusted in (
            (good, replace(anchor, statement=WORDS + b" "), roots),
            (replace(good, token=other.token), anchor, roots),
            (replace(good, token=b""), anchor, roots),
            (replace(good, stamped_at=now() - timedelta(days=1)), anchor, roots),
            (replace(good, policy="1.2.3"), anchor, roots),
            (replace(good, certificates=stranger), anchor, roots),
            (replace(good, certificates=""), anchor, roots),
            (good, anchor, read_roots(None)),
            (good, anchor, ()),
        )
    }

    assert None not in found
    assert len(found) == 6
    assert verify_stamp(good, anchor, [*read_roots(None), *roots]) is None


def test_a_stamp_holds_by_the_root_that_was_trusted_when_it_was_received(
    http: httpx.Client, authority: TimeAuthority
) -> None:
    """Authorities leave the settings, and roots leave the lists of browsers."""
    good, anchor = kept(asked(http, authority))
    root = sha256(read_roots(authority.root)[0]).hexdigest()
    signer = good.certificates[: good.certificates.rindex("-----BEGIN")]
    stranger = openssl(authority.folder, "x509", "-in", "stranger.pem").decode()

    assert check_stamp(good, anchor, read_roots(authority.root)) == Checked(None)
    for roots in ((), read_roots(None)):
        assert check_stamp(good, anchor, roots) == Checked(None, root)
        for changed, about in (
            (good, replace(anchor, statement=WORDS + b" ")),
            (replace(good, token=good.token[:-1]), anchor),
            (replace(good, stamped_at=now() - timedelta(days=1)), anchor),
            (replace(good, certificates=""), anchor),
            (replace(good, certificates=stranger), anchor),
            (replace(good, certificates=signer + stranger), anchor),
        ):
            assert check_stamp(changed, about, roots).wrong is not None


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_no_answer_however_broken_is_more_than_a_wrong_one(authority: TimeAuthority) -> None:
    chance = random.Random(20261121)

    def broken(request: httpx.Request) -> httpx.Response:
        answer = bytearray(authority.answer(request.read())[2])
        for _ in range(chance.choice((3, 30))):
            place = chance.randrange(len(answer))
            answer[place : place + chance.choice((0, 1, 1, 9))] = chance.randbytes(
                chance.choice((0, 1, 1, 9))
            )
        return httpx.Response(200, stream=httpx.ByteStream(bytes(answer)))

    http = httpx.Client(transport=httpx.MockTransport(broken))
    for _ in range(30):
        with suppress(WrongAnswer, NoAnswer):
            asked(http, authority)
    assert len(authority.asked) == 30


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_token_with_a_flipped_byte_is_refused_in_words_or_says_the_same(
    http: httpx.Client, authority: TimeAuthority
) -> None:
    """The root that comes along in a token is not signed, nor needed: the log pins the whole token."""
    good, anchor = kept(asked(http, authority))
    roots = read_roots(authority.root)
    chance = random.Random(20261121)
    refused = 0
    for _ in range(300):
        token = bytearray(good.token)
        token[chance.randrange(len(token))] ^= 1 << chance.randrange(8)
        refused += verify_stamp(replace(good, token=bytes(token)), anchor, roots) is not None

    assert refused > 150
