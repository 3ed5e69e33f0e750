"""The signing key of evidence: made once, kept to its owner, handed over with its word (DOMAIN 3.3)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from authority import openssl

from monitor.anchors import NOTHING_BEFORE, Anchor, Standing, handover_words, statement
from monitor.evidence.signing import (
    KEY,
    OLD_KEY,
    KeyUnusable,
    SigningKey,
    check_handover,
    check_signature,
    open_key,
)

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
STANDING = Standing(
    school="harrowby-green",
    number=1,
    previous_sha256=NOTHING_BEFORE,
    fresh=(),
    records=0,
    head_sha256=NOTHING_BEFORE,
    entries=0,
    log_sha256=NOTHING_BEFORE,
)


def signed(key: SigningKey, before: Anchor | None = None) -> Anchor:
    """An anchor signed with this key, after another."""
    standing = STANDING if before is None else replace(STANDING, number=2, public_key=before.public_key)
    handover = key.handover_from(standing.public_key)
    words = statement(standing, AT, public_key=key.public_key, software="test", handover=handover)
    return Anchor(
        school=standing.school,
        number=standing.number,
        made_at=AT,
        statement=words,
        signature=key.sign(words),
        public_key=key.public_key,
    )


def test_a_missing_key_is_made_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    first, second = open_key(tmp_path / "keys"), open_key(tmp_path / "keys")

    assert first.public_key == second.public_key
    assert len(first.public_key) == 32
    assert (tmp_path / "keys" / KEY).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert [file.name for file in (tmp_path / "keys").iterdir()] == [KEY]


def test_a_key_made_by_openssl_serves_as_well(tmp_path: Path) -> None:
    openssl(tmp_path, "genpkey", "-algorithm", "ed25519", "-out", KEY)
    (tmp_path / KEY).chmod(0o600)

    assert check_signature(signed(open_key(tmp_path))) is None


def test_two_workers_that_begin_together_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: open_key(tmp_path).public_key, range(32)))

    assert len(set(keys)) == 1


def test_a_key_that_others_can_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    open_key(tmp_path)
    (tmp_path / KEY).chmod(0o640)

    with pytest.raises(KeyUnusable, match="can be read by others on this machine: chmod 600 it"):
        open_key(tmp_path)


@pytest.mark.parametrize("name", [KEY, OLD_KEY])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100_000,
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "another algorithm",
        "a pass phrase",
    ],
)
def test_a_damaged_key_is_refused_with_what_to_do(tmp_path: Path, name: str, content: bytes | str) -> None:
    open_key(tmp_path)
    if content == "another algorithm":
        openssl(tmp_path, "genpkey", "-algorithm", "x25519", "-out", name)
    elif content == "a pass phrase":
        words = ("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:long enough")
        openssl(tmp_path, *words, "-out", name)
    else:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else b"")
    (tmp_path / name).chmod(0o600)

    with pytest.raises(
        KeyUnusable, match=rf"{name} holds no signing key \(Ed25519\): restore it from a backup"
    ):
        open_key(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")

    with pytest.raises(KeyUnusable, match="cannot be used: "):
        open_key(tmp_path / "keys")


def test_a_signature_fits_its_words_and_the_key_that_they_name(tmp_path: Path) -> None:
    good, strangers = signed(open_key(tmp_path / "ours")), open_key(tmp_path / "theirs")

    assert check_signature(good) is None
    assert check_signature(replace(good, statement=good.statement + b" ")) == (
        "its signature does not fit its words"
    )
    assert check_signature(replace(good, public_key=strangers.public_key)) is not None
    assert check_signature(replace(good, public_key=b"", signature=b"")) is not None
    resigned = replace(good, signature=strangers.sign(good.statement), public_key=strangers.public_key)
    assert check_signature(resigned) == "it names another signing key than the one that signed it"
    nonsense = replace(good, statement=b"\xff[", signature=open_key(tmp_path / "ours").sign(b"\xff["))
    assert check_signature(nonsense) is not None


def test_an_old_key_names_its_successor_and_nobody_else(tmp_path: Path) -> None:
    before = signed(open_key(tmp_path))
    (tmp_path / KEY).rename(tmp_path / OLD_KEY)
    after = signed(open_key(tmp_path), before)
    stranger = open_key(tmp_path / "theirs")

    assert check_handover(before, after) is None
    gap = "signed with another key from anchor 2 on, without the old key's word"
    assert check_handover(before, signed(stranger, before)) == gap
    stolen = after.statement.replace(after.public_key.hex().encode(), stranger.public_key.hex().encode())
    assert check_handover(before, replace(after, statement=stolen, public_key=stranger.public_key)) == gap
    for word in (b'"previous_key_signature":"zz"', b'"previous_key_signature":7'):
        begin = after.statement.index(b'"previous_key_signature"')
        end = after.statement.index(b",", begin)
        broken = after.statement[:begin] + word + after.statement[end:]
        assert check_handover(before, replace(after, statement=broken)) == gap


def test_the_word_of_an_old_key_can_be_read_by_people() -> None:
    said = handover_words(b"\x01" * 32, b"\x02" * 32).decode()

    assert said == f"The signing key {'01' * 32} of this evidence is followed by {'02' * 32}.\n"
