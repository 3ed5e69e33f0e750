"""A model that the test makes is loaded from its folder, or from a hub on loopback, and judges texts."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from tiny_models import LABELS, save_onnx_model

from classifiers import transformer
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage, Verdict

MEANING = {
    "THREAT": "abuse.threat_violence",
    "WORRY": "safeguarding.self_harm_suicide",
    "MOAN": "reputational",
    "ANSWER": "abuse.incivility",
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_onnx_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> Transformer:
    return make(folder)


def make(
    folder: Path | str, labels: dict[str, str] | None = None, revision: str | None = None
) -> Transformer:
    return Transformer(model=str(folder), revision=revision, labels=labels or MEANING, runtime="onnx")


def judge(model: Transformer, text: str, parent: str = "") -> Verdict:
    return model.classify([Passage(text, parent)])[0]


def test_a_model_in_a_folder_says_what_its_labels_mean(model: Transformer) -> None:
    verdict = judge(model, "a knife at the school")

    assert verdict.scores["abuse.threat_violence"] > 0.99
    assert verdict.scores["safeguarding.self_harm_suicide"] < 0.05
    assert verdict.by == model.by


def test_a_head_without_a_label_is_the_highest_of_its_sub_categories(model: Transformer) -> None:
    verdict = judge(model, "hopeless")

    assert verdict.safeguarding == verdict.scores["safeguarding.self_harm_suicide"] > 0.99
    assert verdict.abuse == max(verdict.scores["abuse.threat_violence"], verdict.scores["abuse.incivility"])


def test_a_head_with_a_label_is_what_the_label_says(folder: Path) -> None:
    model = make(folder, {"MOAN": "reputational", "THREAT": "reputational.misinformation"})

    verdict = judge(model, "knife")

    assert verdict.scores["reputational.misinformation"] > 0.99
    assert verdict.reputational < 0.05
    assert set(verdict.scores) == {"reputational.misinformation"}


def test_of_two_labels_with_one_meaning_the_higher_counts(folder: Path) -> None:
    model = make(folder, {"THREAT": "abuse", "WORRY": "abuse"})

    assert [judge(model, word).abuse > 0.99 for word in ("knife", "hopeless", "calm")] == [True, True, False]


def test_a_serious_word_at_token_3000_is_found(model: Transformer) -> None:
    assert judge(model, "calm " * 3_000 + "knife").scores["abuse.threat_violence"] > 0.99
    assert judge(model, "calm " * 3_000 + "knife" + " calm" * 3_000).scores["abuse.threat_violence"] > 0.99


@pytest.mark.parametrize("before", range(0, 130, 7))
def test_a_serious_word_is_found_wherever_the_windows_meet(model: Transformer, before: int) -> None:
    text = "calm " * before + "knife" + " calm" * (130 - before)

    assert judge(model, text, "hello").scores["abuse.threat_violence"] > 0.99


@pytest.mark.parametrize("start", [95_990, 95_997, 99_996, 99_999, 100_001, 250_000])
def test_a_serious_word_is_found_wherever_the_pieces_of_a_huge_text_meet(
    model: Transformer, start: int
) -> None:
    text = ("calm " * (start // 5 + 1))[: start - 1] + " knife" + " calm" * 1_000

    assert judge(model, text).scores["abuse.threat_violence"] > 0.99


def test_what_is_answered_is_read_as_the_second_of_a_pair(model: Transformer) -> None:
    alone, answer = judge(model, "hello"), judge(model, "hello", "knife")

    assert alone.abuse < 0.05
    assert answer.scores["abuse.threat_violence"] > 0.99
    assert answer.scores["abuse.incivility"] > 0.99  # the label for "this is a pair"


def test_a_long_parent_leaves_the_text_its_room(model: Transformer) -> None:
    verdict = judge(model, "calm " * 100 + "knife", "hello " * 100_000 + "hopeless")

    assert verdict.scores["abuse.threat_violence"] > 0.99
    assert verdict.safeguarding < 0.05


def test_verdicts_come_one_for_each_text_in_order_however_long_they_are(model: Transformer) -> None:
    words = ["knife", "calm", "hopeless", "rubbish", ""] * 400
    texts = [word + " calm" * (place * 37 % 900) for place, word in enumerate(words)]

    verdicts = model.classify([Passage(text) for text in texts])

    assert len(verdicts) == len(texts)
    for word, verdict in zip(words, verdicts, strict=True):
        threat, worry = (verdict.scores[key] > 0.5 for key in list(MEANING.values())[:2])
        assert (threat, worry, verdict.reputational > 0.5) == (
            word == "knife",
            word == "hopeless",
            word == "rubbish",
        )


def test_a_batch_changes_nothing_that_a_text_alone_gets(model: Transformer) -> None:
    passages = [
        Passage("knife " + "calm " * length, "hello" * (length % 2)) for length in (0, 3, 50, 200, 900)
    ]

    together = model.classify(passages)

    for passage, verdict in zip(passages, together, strict=True):
        assert judge(model, passage.text, passage.parent).scores == pytest.approx(
            dict(verdict.scores), abs=1e-6
        )


def test_batches_are_bounded_in_tokens_with_their_padding() -> None:
    windows = [transformer._Window(place, [1] * (place % 500 + 1), [0]) for place in range(3_000)]

    batches = list(transformer._batches(windows, alone=False))

    assert sorted(window.passage for batch in batches for window in batch) == list(range(3_000))
    assert max(len(batch) * len(batch[0].ids) for batch in batches) <= 512
    padded = sum(len(batch) * len(batch[0].ids) for batch in batches)
    assert padded < 1.02 * sum(len(window.ids) for window in windows)


def test_windows_of_a_huge_text_are_held_some_at_a_time(model: Transformer) -> None:
    windows = model._ready()._windows([Passage("calm knife hello " * 60_000), Passage("calm")])

    pools = list(transformer._pools(windows))

    assert max(sum(len(window.ids) for window in pool) for pool in pools) < transformer._POOL + 64
    assert len(pools) > 5
    assert [window.passage for pool in pools for window in pool][-1] == 1


STRANGE = {
    "nothing": "",
    "control characters": "\x00\x01\x07\x1b[31m\x7f\x9b",
    "unpaired surrogates": "\ud83d\udfff\udc00",
    "right-to-left overrides": "\u202e\u2066\u2067abc\u2069\u202c",
    "zero-width joiners": "\u200d" * 5_000,
    "only emoji": "🔪🏫👩‍🏫🇬🇧" * 400,
    "piled marks": "a" + "\u0301" * 5_000,
    "no space in it": "x" * 100_000,
    "another script": "学校" * 2_000,
}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_characters_leave_every_text_its_place(model: Transformer, what: str) -> None:
    verdicts = model.classify([Passage(text) for text in ("knife", STRANGE[what], "hopeless")])

    assert [verdict.abuse > 0.99 for verdict in verdicts] == [True, False, False]
    assert [verdict.safeguarding > 0.99 for verdict in verdicts] == [False, False, True]


@pytest.mark.parametrize("what", sorted(set(STRANGE) - {"nothing", "piled marks", "no space in it"}))
def test_a_serious_word_between_strange_characters_is_found(model: Transformer, what: str) -> None:
    assert judge(model, f"{STRANGE[what]} knife {STRANGE[what]}").abuse > 0.99


def test_a_threat_in_the_last_sentence_of_a_post_of_2000_words_is_found(model: Transformer) -> None:
    assert judge(model, "Calm hello school. " * 700 + "A knife.").scores["abuse.threat_violence"] > 0.99


def test_texts_of_a_megabyte_take_little_memory(folder: Path) -> None:
    assert peak(folder, megabytes=5) < peak(folder, megabytes=1) + 10


def peak(folder: Path, megabytes: int) -> float:
    """MB of memory that a process of its own takes at most for so many texts of a megabyte each."""
    program = f"""
import resource
from classifiers.transformer import Transformer
from classifiers.verdict import Passage
model = Transformer(model={str(folder)!r}, revision="v1", labels={{"THREAT": "abuse"}}, runtime="onnx")
text = "calm hello school knife " * 41_667
assert all(verdict.abuse > 0.99 for verdict in model.classify([Passage(text)] * {megabytes}))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=100
    )
    return float(done.stdout)


def test_no_texts_give_no_verdicts_and_load_nothing() -> None:
    assert make("/nowhere").classify([]) == []


@pytest.mark.parametrize("blank", ["", " \n\t", "\u200b", "\x00"])
def test_a_blank_text_is_nothing_serious(model: Transformer, blank: str) -> None:
    verdict = judge(model, blank, "knife")

    assert (verdict.abuse, verdict.safeguarding, verdict.reputational) == (0.0, 0.0, 0.0)
    assert set(verdict.scores) == {target for target in MEANING.values() if "." in target}


@given(text=st.text(st.characters(), max_size=200), parent=st.text(st.characters(), max_size=50))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_at_all_gets_a_verdict(model: Transformer, text: str, parent: str) -> None:
    verdict = judge(model, text, parent)

    assert all(0.0 <= score <= 1.0 for score in verdict.scores.values())


def test_half_a_surrogate_pair_beside_a_serious_word_hides_nothing(model: Transformer) -> None:
    assert judge(model, "\ud83d knife \udfff").scores["abuse.threat_violence"] > 0.99


def test_a_single_label_model_gives_shares_and_not_independent_numbers(tmp_path: Path) -> None:
    model = make(save_onnx_model(tmp_path, multi_label=False), dict.fromkeys(LABELS[:3], "abuse"))

    assert judge(model, "hello").abuse == pytest.approx(0.25)


def test_onnx_in_a_folder_of_its_own_with_small_numbers_is_read(tmp_path: Path) -> None:
    model = make(save_onnx_model(tmp_path, file="onnx/model.onnx", number=TensorProto.INT32))

    assert judge(model, "knife").abuse > 0.99


def test_a_faint_suspicion_of_an_image_of_a_child_locks_media(folder: Path) -> None:
    model = make(folder, {"THREAT": "safeguarding.nudes_semi_nudes"})

    assert judge(model, "knife").media_lock
    assert not judge(model, "calm").media_lock


def test_by_names_the_folder_and_what_is_in_it(tmp_path: Path) -> None:
    first = save_onnx_model(tmp_path / "one" / "tiny")
    same = save_onnx_model(tmp_path / "two" / "tiny")
    other = save_onnx_model(tmp_path / "three" / "tiny", scale=601.0)

    name, _, digits = make(first).by.partition("@")

    assert (name, len(digits)) == ("tiny", 12)
    assert make(first).by == make(same).by != make(other).by
    assert make(first, revision="v1.2").by == "tiny@v1.2"


def test_a_hub_model_is_named_without_being_fetched() -> None:
    assert make("owner/name", revision=COMMIT).by == f"owner/name@{COMMIT}"


def test_a_model_is_loaded_once_however_many_ask_at_once(folder: Path) -> None:
    transformer._load.cache_clear()

    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda _: judge(make(folder), "knife"), range(16)))

    assert transformer._load.cache_info().misses == 1
    assert all(verdict.abuse > 0.99 for verdict in verdicts)


def test_a_folder_that_changed_is_loaded_anew(tmp_path: Path) -> None:
    before = judge(make(save_onnx_model(tmp_path)), "knife").abuse

    after = judge(make(save_onnx_model(tmp_path, scale=0.0)), "knife").abuse

    assert before > 0.99
    assert after < 0.05


def test_a_folder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"There is no folder .*/missing\. Put the model there, or correct"
    ):
        make(tmp_path / "missing").load()


def test_a_folder_without_a_model_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    save_onnx_model(tmp_path)
    (tmp_path / "model.onnx").unlink()

    with pytest.raises(
        ModelUnavailable, match=r"neither model\.onnx nor onnx/model\.onnx\. Export the model"
    ):
        make(tmp_path).load()


def test_a_label_that_the_model_lacks_is_named_beside_those_it_has(folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"has no label 'TREAT'.* Its labels are 'THREAT', 'WORRY'"):
        make(folder, {"TREAT": "abuse"}).load()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("content", ["", "{", "{}", "[1]"])
def test_a_broken_file_says_what_to_do(tmp_path: Path, file: str, content: str) -> None:
    save_onnx_model(tmp_path)
    (tmp_path / file).write_text(content)

    with pytest.raises(ModelUnavailable, match="Its files may be incomplete or of another kind"):
        make(tmp_path).load()


def test_a_model_with_more_labels_than_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="one number for each of its 5 labels"):
        make(save_onnx_model(tmp_path, labels=(*LABELS, "EXTRA"))).load()


def test_a_model_that_gives_no_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not give one number"):
        make(save_onnx_model(tmp_path, scale=float("nan"))).load()


def test_torch_that_is_not_installed_is_named_with_the_line_to_type(folder: Path) -> None:
    if transformer.find_spec("torch"):
        pytest.skip("torch is installed here")
    model = Transformer(model=str(folder), revision=None, labels=MEANING, runtime="torch")

    with pytest.raises(ModelUnavailable, match=r"pip install 'school-mention-monitor\[torch\]'"):
        model.load()


@contextmanager
def hub(folder: Path, asked: list[str]) -> Iterator[str]:
    """A server that answers as the hub does for one model, and notes what it was asked."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    tree = [
        {"type": "file", "oid": f"{n:040x}", "size": len(files[p]), "path": p} for n, p in enumerate(files)
    ]

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            path = self.path.partition("?")[0]
            name = path.removeprefix(f"/owner/tiny/resolve/{COMMIT}/")
            if path == f"/api/models/owner/tiny/tree/{COMMIT}":
                self._answer(json.dumps(tree).encode(), "tree")
            elif name in files:
                self._answer(files[name], f"{list(files).index(name):040x}")
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_HEAD = do_GET

        def _answer(self, body: bytes, etag: str) -> None:
            self.send_response(200)
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing: the test's own output is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def judge_from_hub(model: str, home: Path, **environ: str) -> str:
    """What a process of its own prints: the score of a serious text, or what is wrong.

    The hub's library reads its settings from the environment when it is imported.
    """
    program = f"""
from classifiers.transformer import ModelUnavailable, Transformer
from classifiers.verdict import Passage
model = Transformer(model={model!r}, revision={COMMIT!r}, labels={{"THREAT": "abuse"}}, runtime="onnx")
try:
    print(round(model.classify([Passage("knife")])[0].abuse, 2))
except ModelUnavailable as error:
    print(error)
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, "HF_HOME": str(home), "no_proxy": "*", **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout.strip()


def test_a_hub_model_is_fetched_at_its_revision_and_kept_for_days_without_network(
    tmp_path: Path,
) -> None:
    asked: list[str] = []
    folder = save_onnx_model(tmp_path / "tiny")
    (folder / "pytorch_model.bin").write_bytes(b"never fetched: such weights may hold programs")
    with hub(folder, asked) as endpoint:
        assert judge_from_hub("owner/tiny", tmp_path, HF_ENDPOINT=endpoint) == "1.0"
        assert not [path for path in asked if "pytorch_model" in path]
        asked.clear()

        assert judge_from_hub("owner/tiny", tmp_path, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="1") == "1.0"
        assert asked == []


def test_a_hub_model_that_is_not_there_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with hub(folder, []) as endpoint:
        said = judge_from_hub("owner/other", tmp_path, HF_ENDPOINT=endpoint)

    assert said.startswith(f"The model owner/other at revision {COMMIT} could not be fetched")
    assert "Check the id, the revision and the way out" in said


def test_a_hub_model_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    said = judge_from_hub("owner/tiny", tmp_path, HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="1")

    assert "could not be fetched from the Hugging Face hub" in said
    assert "put the model into a folder and name that" in said
