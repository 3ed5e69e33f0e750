"""Sealing: any recipient opens, nobody else does, and the free program's files are what is written."""

import base64

import pytest

from monitor.evidence.sealing import CannotOpen, KeyPair, Keys, Sealer, fingerprint

LEAD, HEAD, STRANGER = KeyPair.new(), KeyPair.new(), KeyPair.new()
SEALER = Sealer([LEAD.public, HEAD.public])


def never() -> str:
    """A passphrase that nobody should be asked for."""
    raise AssertionError("no passphrase is needed")


def keys_of(pair: KeyPair) -> Keys:
    return Keys(pair.file(), never)


@pytest.mark.parametrize("pair", [LEAD, HEAD])
def test_each_recipient_alone_opens_what_was_sealed_for_both(pair: KeyPair) -> None:
    assert keys_of(pair).open(SEALER.seal(b"\x00 any bytes \xff")) == b"\x00 any bytes \xff"


def test_nobody_else_opens_it() -> None:
    with pytest.raises(CannotOpen, match="not sealed for this key"):
        keys_of(STRANGER).open(SEALER.seal(b"words"))


def test_a_flipped_bit_is_found_when_it_is_opened() -> None:
    sealed = bytearray(SEALER.seal(b"words"))
    sealed[-1] ^= 1
    with pytest.raises(CannotOpen, match="changed after it was sealed"):
        keys_of(LEAD).open(bytes(sealed))


def test_the_same_words_sealed_twice_are_not_alike() -> None:
    assert SEALER.seal_words("the same") != SEALER.seal_words("the same")


def test_words_open_as_they_were() -> None:
    words = "Ŵords – with \N{GRINNING FACE}, and age: 12"
    assert keys_of(HEAD).open_words(SEALER.seal_words(words)) == words


@pytest.mark.parametrize("words", ["", "age: 12, school: Harrowby", "age:YWdl", "age:%%%"])
def test_words_that_were_never_sealed_stay_as_they_are(words: str) -> None:
    assert keys_of(HEAD).open_words(words) == words


def test_half_a_letter_in_a_text_does_not_stop_it_from_being_sealed() -> None:
    assert keys_of(HEAD).open_words(SEALER.seal_words("\ud83d alone")) == "? alone"


def test_one_recipient_is_too_few_however_often_it_stands_there() -> None:
    with pytest.raises(ValueError, match="two different recipients"):
        Sealer([LEAD.public, LEAD.public])


def test_what_is_no_public_key_is_refused() -> None:
    with pytest.raises(ValueError, match="no public key"):
        Sealer([LEAD.public, LEAD.private])


def test_a_recipient_is_named_by_a_fingerprint_that_tells_keys_apart() -> None:
    assert SEALER.fingerprints == (fingerprint(LEAD.public), fingerprint(HEAD.public))
    assert len(set(SEALER.fingerprints)) == 2
    assert all(len(one) == 16 for one in SEALER.fingerprints)


def test_a_key_file_says_its_public_half_and_opens() -> None:
    assert LEAD.public in LEAD.file().decode()
    assert keys_of(LEAD).open(SEALER.seal(b"words")) == b"words"


def test_a_locked_key_file_opens_with_its_passphrase_alone() -> None:
    locked = LEAD.locked_file("four plain words here")
    assert LEAD.private.encode() not in locked
    assert Keys(locked, lambda: "four plain words here").open(SEALER.seal(b"words")) == b"words"
    with pytest.raises(CannotOpen, match="passphrase"):
        Keys(locked, lambda: "four plain words")


@pytest.mark.parametrize(
    "content",
    [b"", b"no key here", LEAD.public.encode(), b"\xff\xfe\x00"],
    ids=["empty", "words", "a public key", "no text"],
)
def test_a_file_without_a_private_key_says_so(content: bytes) -> None:
    with pytest.raises(CannotOpen, match="no private key"):
        Keys(content, never)


def test_a_damaged_private_key_says_so() -> None:
    with pytest.raises(CannotOpen, match="damaged"):
        Keys(LEAD.private[:-2].encode(), never)


def test_with_a_new_recipient_old_things_open_with_old_keys_only_and_new_ones_with_all() -> None:
    later = Sealer([LEAD.public, HEAD.public, STRANGER.public])
    before, after = SEALER.seal(b"old"), later.seal(b"new")
    assert [keys_of(pair).open(after) for pair in (LEAD, HEAD, STRANGER)] == [b"new"] * 3
    with pytest.raises(CannotOpen):
        keys_of(STRANGER).open(before)


def test_when_one_of_two_keys_is_lost_the_other_still_opens_everything() -> None:
    sealed = [SEALER.seal(b"one"), base64.b64decode(SEALER.seal_words("two").removeprefix("age:"))]
    assert [keys_of(HEAD).open(one) for one in sealed] == [b"one", b"two"]
