"""A real server with Mastodon's API: what people write, answer, edit and delete there is found, and once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.boxes import wait_until
from integration.images import CannotBuild
from integration.polls import cannot, monitor
from integration.snac import Person, Snac, snac

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# Without a token this server shows nobody a single post, so that what became of one could not be asked.
SOURCES = """
  - {{name: Tag, platform: mastodon, base_url: "{url}", tags: [HarrowbyGreen], token: "${{TOKEN}}"}}
  - {{name: Ours, platform: mastodon, base_url: "{url}", official: harrowby-green, token: "${{TOKEN}}"}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snac]:
    try:
        with snac(tmp_path_factory.mktemp("snac")) as running:
            yield running
    except CannotBuild as error:
        cannot(str(error))


def test_posts_replies_mentions_edits_and_deletions_are_found_once_and_within_two_polls(
    server: Snac, tmp_path: Path
) -> None:
    school, parent = server.account("school"), server.account("parent")
    root = school.post("The gate opens at 8.40")
    with monitor(tmp_path, server.url, SOURCES.format(url=server.url), {"TOKEN": school.token}) as worker:
        worker.poll()
        assert worker.posts() == {}

        tagged = parent.post("The traffic is awful again #HarrowbyGreen")
        mention = parent.post("@school nobody answers the telephone")
        reply = parent.post("But it was shut this morning", in_reply_to_id=root["id"])
        wait_until(lambda: _notified(school) == {mention["uri"], reply["uri"]}, 60, server.log)
        found = worker.poll(), worker.poll()

        assert set(worker.posts()) == {tagged["uri"], mention["uri"], reply["uri"]}
        assert {post.revisions for post in worker.posts().values()} == {1}
        assert found == (3, 0)

        parent.edit(tagged, "The traffic is worse than ever #HarrowbyGreen")
        parent.delete(reply)
        wait_until(lambda: not school.sees(reply), 60, server.log)
        found = worker.poll(), worker.poll()

        assert {uri: (post.revisions, post.is_gone) for uri, post in worker.posts().items()} == {
            tagged["uri"]: (2, False),
            mention["uri"]: (1, False),
            reply["uri"]: (1, True),
        }
        assert sum(found) == 1


def _notified(school: Person) -> set[str]:
    """What the server has told the school so far."""
    return {line["status"]["uri"] for line in school.get("/api/v1/notifications")}
