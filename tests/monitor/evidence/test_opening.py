"""Opening: with one key everything comes back as it was, and nothing that was changed does."""

import json
from pathlib import Path

import pytest
from little_room import little_room

from monitor.captures import FIRST, Capture
from monitor.evidence import archive
from monitor.evidence.archive import Paper
from monitor.evidence.opening import Opened, open_all
from monitor.evidence.sealing import KeyPair, Keys, Sealer

LEAD, HEAD, NEWCOMER = KeyPair.new(), KeyPair.new(), KeyPair.new()
PICTURE = b"\x89PNG\r\n\x1a\n not really"


def keys(pair: KeyPair) -> Keys:
    return Keys(pair.file(), lambda: "")


def taken(root: Path, sealer: Sealer | None, name: str = "01KAGC5VQZ3H9Y2M7T4B6N8D1E") -> Capture:
    """A capture with a picture and the post's words, sealed first by themselves."""
    record = {
        "alert": "A-1001",
        "capture_id": name,
        "captured_at_utc": "2026-11-21T08:00:00+00:00",
        "kind": "element_screenshot",
        "limits": [],
        "progress": "complete",
        "school_id": "harrowby-green",
    }
    words = sealer.seal_words("Wonky words") if sealer else "Wonky words"
    post = archive.canonical({"author": None, "text": words, "title": ""})
    papers = [
        Paper(name="screenshot.png", role="element_screenshot", media_type="image/png", content=PICTURE),
        Paper(name="post.json", role="text", media_type="application/json", content=post),
        Paper(name="answer.json", role="api_json", media_type="application/json", content=words.encode()),
    ]
    return archive.place(root, archive.stage(root, record, papers, sealer), FIRST)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """An evidence folder with one sealed capture."""
    root = tmp_path / "evidence"
    taken(root, Sealer([LEAD.public, HEAD.public]))
    return root


def opened(root: Path, pair: KeyPair, to: Path) -> Opened:
    (one,) = open_all(root, keys(pair), to)
    return one


def test_what_lies_on_the_disk_is_sealed_and_its_record_names_both_hashes_and_the_recipients(
    tmp_path: Path,
) -> None:
    """DOMAIN 3.2 rule 5: the hash of what was sealed, and of what it was sealed as."""
    sealer = Sealer([LEAD.public, HEAD.public])
    capture = taken(tmp_path, sealer)
    folder = tmp_path / capture.folder
    record = json.loads((folder / "record.json").read_bytes())
    assert record["recipients"] == list(sealer.fingerprints)
    assert {file.name for file in capture.files} == {"screenshot.png.age", "post.json.age", "answer.json.age"}
    for file in capture.files:
        lying = (folder / file.name).read_bytes()
        assert archive.sha256(lying) == file.sealed_sha256 != file.sha256
    assert archive.sha256(PICTURE) in {file.sha256 for file in capture.files}
    assert archive.verify(folder, capture.record_sha256) == []


def test_a_sealed_file_that_was_changed_is_found_without_a_key(tmp_path: Path) -> None:
    capture = taken(tmp_path, Sealer([LEAD.public, HEAD.public]))
    path = tmp_path / capture.folder / "post.json.age"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert archive.verify(tmp_path / capture.folder) == ["post.json.age was changed"]


@pytest.mark.parametrize("pair", [LEAD, HEAD])
def test_one_key_opens_all_files_and_the_words_in_them(sealed: Path, tmp_path: Path, pair: KeyPair) -> None:
    one = opened(sealed, pair, tmp_path / "opened")
    assert one.amiss == ()
    found = {path.name: path.read_bytes() for path in one.files}
    assert found["screenshot.png"] == PICTURE
    assert json.loads(found["post.words.json"])["text"] == "Wonky words"
    assert found["answer.words.json"] == b"Wonky words"


def test_what_was_opened_is_for_its_opener_alone(sealed: Path, tmp_path: Path) -> None:
    one = opened(sealed, LEAD, tmp_path / "opened")
    assert {path.stat().st_mode & 0o777 for path in one.files} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in one.files} == {0o700}


def test_a_stranger_s_key_writes_nothing_and_says_so(sealed: Path, tmp_path: Path) -> None:
    one = opened(sealed, NEWCOMER, tmp_path / "opened")
    assert one.files == ()
    assert all("not sealed for this key" in amiss for amiss in one.amiss)
    assert not (tmp_path / "opened").exists()


def test_a_file_that_was_changed_is_not_opened_and_the_others_are(sealed: Path, tmp_path: Path) -> None:
    (path,) = sealed.rglob("screenshot.png.age")
    path.write_bytes(path.read_bytes() + b"x")
    one = opened(sealed, LEAD, tmp_path / "opened")
    assert one.amiss == ("screenshot.png.age: it was changed after it was recorded, so it is not opened.",)
    assert "screenshot.png" not in {path.name for path in one.files}
    assert "post.json" in {path.name for path in one.files}


def test_a_file_sealed_anew_around_another_picture_is_not_written(sealed: Path, tmp_path: Path) -> None:
    """Whoever has the server has the public keys, and can seal: the hash of the plain file tells."""
    (path,) = sealed.rglob("screenshot.png.age")
    (record,) = sealed.rglob("record.json")
    forged = Sealer([LEAD.public, HEAD.public]).seal(b"another picture")
    was = archive.sha256(path.read_bytes())
    path.write_bytes(forged)
    record.write_text(record.read_text("utf-8").replace(was, archive.sha256(forged)), "utf-8")
    one = opened(sealed, LEAD, tmp_path / "opened")
    assert one.amiss == (
        "screenshot.png.age: what is in it is not what the record says, so it is not written.",
    )


def test_nothing_is_overwritten(sealed: Path, tmp_path: Path) -> None:
    opened(sealed, LEAD, tmp_path / "opened")
    again = opened(sealed, LEAD, tmp_path / "opened")
    assert again.files == ()
    assert (
        "post.json.age: post.json is there already, and is left as it is: name a new folder." in again.amiss
    )


def test_it_may_be_opened_beside_what_is_sealed_as_in_a_copy_of_a_pack(sealed: Path) -> None:
    one = opened(sealed, LEAD, sealed)
    assert {path.parent for path in one.files} == {path.parent for path in sealed.rglob("record.json")}


def test_what_was_never_sealed_is_passed_over(tmp_path: Path) -> None:
    taken(tmp_path / "evidence", None)
    assert list(open_all(tmp_path / "evidence", keys(LEAD), tmp_path / "opened")) == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[" * 100_000,
        b'{"files": 7}',
        b'{"files": [{"name": "x"}]}',
        json.dumps(
            {
                "files": [
                    {
                        "name": "../../x.age",
                        "role": "text",
                        "media_type": "x",
                        "bytes": 1,
                        "sha256": "",
                        "sealed_sha256": "0" * 64,
                    }
                ]
            }
        ).encode(),
    ],
)
def test_a_record_from_anywhere_is_not_believed(tmp_path: Path, record: bytes) -> None:
    place = tmp_path / "pack"
    place.mkdir()
    (place / "record.json").write_bytes(record)
    (one,) = open_all(place, keys(LEAD), tmp_path / "opened")
    assert one.files == ()
    assert "is not a record of ours" in one.amiss[0]


def test_no_link_is_followed(sealed: Path, tmp_path: Path) -> None:
    (path,) = sealed.rglob("screenshot.png.age")
    aside = tmp_path / "aside"
    path.rename(aside)
    path.symlink_to(aside)
    one = opened(sealed, LEAD, tmp_path / "opened")
    assert one.amiss == ("screenshot.png.age: Too many levels of symbolic links.",)


def test_with_a_new_recipient_new_captures_open_with_it_and_old_ones_with_old_keys_only(
    tmp_path: Path,
) -> None:
    taken(tmp_path / "old", Sealer([LEAD.public, HEAD.public]))
    taken(tmp_path / "new", Sealer([LEAD.public, HEAD.public, NEWCOMER.public]))
    assert opened(tmp_path / "new", NEWCOMER, tmp_path / "1").amiss == ()
    assert opened(tmp_path / "old", NEWCOMER, tmp_path / "2").files == ()
    assert opened(tmp_path / "old", LEAD, tmp_path / "3").amiss == ()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"posts": 7}', b'{"posts": [7]}', b"[" * 100_000])
def test_words_from_anywhere_are_not_believed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.json").write_bytes(content)
    (one,) = open_all(tmp_path, keys(LEAD), tmp_path / "opened")
    assert one.files == ()
    assert "is not a file of ours" in one.amiss[0]


def test_the_words_of_more_than_a_thousand_long_posts_open(tmp_path: Path) -> None:
    post = {"text": Sealer([LEAD.public, HEAD.public]).seal_words("x" * 2_000)}
    words = json.dumps({"alert": "A-1001", "posts": [post] * 2_000})
    assert len(words) > 5_000_000
    (tmp_path / "words.json").write_text(words)

    one = opened(tmp_path, LEAD, tmp_path / "opened")

    assert one.amiss == ()
    assert len(json.loads(one.files[0].read_bytes())["posts"]) == 2_000


def test_a_record_that_verify_reads_opens_too(sealed: Path, tmp_path: Path) -> None:
    (path,) = sealed.rglob("record.json")
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"limits": ["x" * 20_000_000]}))

    assert opened(sealed, LEAD, tmp_path / "opened").amiss == ()


def test_a_full_disk_leaves_no_half_of_a_file_and_the_next_run_opens_all(tmp_path: Path) -> None:
    root, to = tmp_path / "evidence", tmp_path / "opened"
    capture = taken(root, Sealer([LEAD.public, HEAD.public]))

    with little_room(len(PICTURE) - 3):
        full = opened(root, LEAD, to)

    assert "screenshot.png.age: File too large." in full.amiss
    assert not [path for path in to.rglob("*") if path.is_file()]
    again = opened(root, LEAD, to)
    assert again.amiss == ()
    assert (to / capture.folder / "screenshot.png").read_bytes() == PICTURE
