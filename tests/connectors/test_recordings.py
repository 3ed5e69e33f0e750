"""Every recording of every platform goes through its connector over a real line; what it comes to is a table.

The tables stand in data/replayed, one for each platform: each recording with its situation, each answer in
it, and what the connector makes of that, or why no connector meets it. One that has no line there fails.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jetstream import jetstream
from recordings import PLATFORMS, SECRET, Heard, Recording, Said, Scene, recordings, scenes

from connectors.bluesky_stream import BlueskyStream
from connectors.connector import Refused, Unavailable
from connectors.post import Batch, State

TABLES = Path(__file__).parent / "data" / "replayed"


def test_every_folder_of_recordings_has_its_table(shared: Path) -> None:
    folders = {path.name for path in (shared / "recordings").iterdir() if path.is_dir()}

    assert folders == set(PLATFORMS) == {path.stem for path in TABLES.glob("*.txt")}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.timeout(1200)
def test_every_recording_comes_to_what_its_table_says(
    platform: str, shared: Path, site: Any, answer: Any, http: httpx.Client
) -> None:
    found = list(_table(shared / "recordings" / platform, site, answer, http))
    table = TABLES / f"{platform}.txt"

    print("\n" + "\n".join(found))
    if os.environ.get("MONITOR_REWRITE_GOLDEN"):
        table.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert found == table.read_text(encoding="utf-8").splitlines()


def _table(folder: Path, site: Any, answer: Any, http: httpx.Client) -> Iterator[str]:
    for recording in recordings(folder, site.url):
        yield f"{recording.name}: {recording.situation}"
        for what, scene in scenes(recording):
            yield f"    {what}: {_outcome(recording, scene, site, answer, http)}"


def _outcome(
    recording: Recording, scene: Scene | Heard | str, site: Any, answer: Any, http: httpx.Client
) -> str:
    """What comes of one recorded answer."""
    if isinstance(scene, str):
        return f"not met: {scene}"
    try:
        batch = _heard(scene, http) if isinstance(scene, Heard) else _read(scene, site, answer, http)
    except (Unavailable, Refused) as error:
        failed = error
    else:
        _hold(recording, batch)
        return _counted(batch)
    assert SECRET not in failed.reason
    assert failed.reason.endswith("."), failed.reason
    return f"{failed.state}, {'tried again' if isinstance(failed, Unavailable) else 'for a person'}"


def _heard(heard: Heard, http: httpx.Client) -> Batch:
    with jetstream() as server:
        server.say(*heard.events)
        batches: list[Batch] = []
        source = BlueskyStream(name="S", platform="bluesky_stream", servers=(server.url,))
        source.listen(http, None, batches.append, lambda: bool(batches))
    (batch,) = batches
    return batch


def _read(scene: Scene, site: Any, answer: Any, http: httpx.Client) -> Batch:
    once = dict(scene.once)

    def say(answers: dict[str, Said]) -> None:
        def told(_: dict[str, str]) -> Any:
            address = site.asked[-1][0]
            said = once.pop(address.partition("?")[0], None) or scene.said(address, answers)
            return answer(said.body, said.status, dict(said.headers))

        site.otherwise = told

    cursor = None
    if scene.earlier is not None:
        say({**scene.answers, **scene.earlier})
        cursor = scene.source.fetch(http, None).cursor
    say(dict(scene.answers))
    return scene.source.fetch(http, cursor)


def _hold(recording: Recording, batch: Batch) -> None:
    """What is true of every post, whoever wrote it."""
    told = (recording.name, batch)
    assert len({post.id for post in batch.posts}) == len(batch.posts), told
    assert not {post.id for post in batch.posts} & set(batch.gone), told
    for post in batch.posts:
        assert post.id.isprintable(), told
        assert post.url.startswith(("http://", "https://")), told
        assert len(post.revision) == 64
        assert all(link.startswith(("http://", "https://")) for link in post.links), told
        for moment in (post.posted_at, post.edited_at):
            assert moment is None or moment.tzinfo is not None, told
    json.dumps([post.body for post in batch.posts]).encode()
    assert SECRET not in f"{batch!r}"


def _counted(batch: Batch) -> str:
    told = [str(batch.state), f"{len(batch.posts)} posts"]
    told += [f"{len(batch.gone)} gone"] if batch.gone else []
    told += [] if batch.complete else ["more waits"]
    told += [f"it says: {batch.reason}"] if batch.state is State.PARSE_ERROR else []
    return ", ".join(told)
