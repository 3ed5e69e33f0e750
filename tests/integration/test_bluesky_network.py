"""A real Bluesky on this machine: what people write, answer, quote and delete there is found, and once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.boxes import wait_until
from integration.devnet import Network, Person, devnet
from integration.images import CannotBuild
from integration.polls import cannot, monitor

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

SOURCES = """
  - {{name: Words, platform: bluesky, base_url: "{url}", handle: {handle}, app_password: "${{PASSWORD}}",
     search: [Harrowby Green]}}
  - {{name: Ours, platform: bluesky, base_url: "{url}", handle: {handle}, app_password: "${{PASSWORD}}",
     official: harrowby-green}}
"""


@pytest.fixture
def network(tmp_path: Path, postgres_url: str) -> Iterator[Network]:
    try:
        with devnet(tmp_path, postgres_url) as running:
            yield running
    except CannotBuild as error:
        cannot(str(error), even_in_ci=True)


def test_posts_replies_mentions_quotes_and_deletions_are_found_once_and_within_two_polls(
    network: Network, tmp_path: Path
) -> None:
    school, parent = network.account("harrowby-green"), network.account("pat-parent")
    root = school.post("The gate opens at 8.40")
    sources = SOURCES.format(url=network.url, handle=school.handle)
    with monitor(tmp_path, network.url, sources, {"PASSWORD": school.password}) as worker:
        worker.poll()
        assert worker.posts() == {}

        about = parent.post("The traffic at Harrowby Green Primary School is awful again")
        mention = parent.post(f"@{school.handle} nobody answers the telephone", facets=_naming(school))
        reply = parent.post("But it was shut this morning", reply={"root": root, "parent": root})
        below = parent.post("And yesterday", reply={"root": root, "parent": reply})
        quote = parent.post("Is it?", embed={"$type": "app.bsky.embed.record", "record": root})
        all_five = {post["uri"] for post in (about, mention, reply, below, quote)}
        wait_until(lambda: _shown(parent, all_five) == all_five and _notified(school) >= 3, 60, str)
        found = worker.poll(), worker.poll()

        assert set(worker.posts()) == all_five
        assert {post.revisions for post in worker.posts().values()} == {1}
        assert found == (5, 0)

        deleted = {post["uri"] for post in (about, mention, below)}
        for post in (about, mention, below):
            parent.delete(post)
        wait_until(lambda: not _shown(parent, deleted), 60, str)
        found = worker.poll(), worker.poll()

        assert {uri for uri, post in worker.posts().items() if post.is_gone} == deleted
        assert found == (0, 0)


def _naming(person: Person) -> list[dict[str, Any]]:
    """That a text begins with this person's name."""
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": person.did}
    return [{"index": {"byteStart": 0, "byteEnd": len(person.handle) + 1}, "features": [feature]}]


def _notified(school: Person) -> int:
    return len(school.asks("app.bsky.notification.listNotifications")["notifications"])


def _shown(person: Person, uris: set[str]) -> set[str]:
    """Those of some posts that the network shows by now."""
    answer = person.asks("app.bsky.feed.getPosts", uris=sorted(uris))
    return {post["uri"] for post in answer["posts"]}
