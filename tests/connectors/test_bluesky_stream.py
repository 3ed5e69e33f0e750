"""The stream of Bluesky: where it goes on, what it hands over, how it fails; a real WebSocket on loopback."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from jetstream import HOUR, NOW, PAT, POSTS, SECOND, Jetstream, account, commit, identity, jetstream, uri
from pydantic import ValidationError
from websockets.sync.server import ServerConnection

from connectors.bluesky_stream import LARGEST, MOST_EVENTS, BlueskyStream
from connectors.connector import Refused, Unavailable
from connectors.post import Batch, State
from monitor.network import make_http

RECORDED = ("recordings", "bluesky", "jetstream", "frames.json")


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with make_http(user_agent="Test/1", allow=["127.0.0.1"]) as client:
        yield client


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with jetstream() as running:
        yield running


def stream(*servers: str, **more: Any) -> BlueskyStream:
    return BlueskyStream(name="Stream", platform="bluesky_stream", servers=servers, **more)


def cursor(at: int) -> str:
    return json.dumps({"time_us": at})


class Heard(list[Batch]):
    """What was handed over."""

    @property
    def texts(self) -> list[str]:
        return [post.text for batch in self for post in batch.posts]

    @property
    def gone(self) -> list[str]:
        return [one for batch in self for one in batch.gone]

    @property
    def at(self) -> int:
        return int(json.loads(self[-1].cursor or "{}")["time_us"])


def listen(
    http: httpx.Client,
    source: BlueskyStream,
    before: str | None = None,
    until: Callable[[Heard], object] = lambda heard: heard and heard[-1].complete and not heard[-1].again,
    seconds: float = 20,
) -> Heard:
    """Listen until something was heard; `seconds` is only for a test that fails."""
    heard, end = Heard(), time.monotonic() + seconds
    source.listen(http, before, heard.append, lambda: bool(until(heard)) or time.monotonic() > end)
    return heard


def failing(http: httpx.Client, source: BlueskyStream, before: str | None = None) -> Unavailable | Refused:
    with pytest.raises((Unavailable, Refused)) as caught:
        listen(http, source, before, until=lambda _: False)
    error = caught.value
    assert isinstance(error, Unavailable | Refused)
    return error


def test_a_first_listening_begins_an_hour_back(http: httpx.Client, server: Jetstream) -> None:
    server.say(
        commit(NOW - 2 * HOUR, "old"), commit(NOW - HOUR // 2, "young"), commit(NOW - SECOND, "newest")
    )

    heard = listen(http, stream(server.url))

    assert heard.texts == ["Good morning, number young", "Good morning, number newest"]
    assert [asked.get("cursor") for asked in server.asked] == [None, str(NOW - SECOND - HOUR)]
    assert {asked["wantedCollections"] for asked in server.asked} == {"app.bsky.feed.post"}
    assert heard.at == NOW - SECOND


def test_it_goes_on_ten_seconds_before_its_cursor_and_says_what_was_heard_before(
    http: httpx.Client, server: Jetstream
) -> None:
    server.say(*(commit(NOW - seconds * SECOND, str(seconds)) for seconds in (30, 12, 8, 3, 1)))

    heard = listen(http, stream(server.url), cursor(NOW - 3 * SECOND))

    assert [(batch.again, [post.id for post in batch.posts]) for batch in heard] == [
        (True, [uri("12"), uri("8"), uri("3")]),
        (False, [uri("1")]),
    ]
    assert json.loads(heard[0].cursor or "")["time_us"] == NOW - 3 * SECOND


def test_a_post_carries_what_its_author_wrote_and_where_it_stands(
    http: httpx.Client, server: Jetstream
) -> None:
    facet = {
        "$type": "app.bsky.richtext.facet#link",
        "uri": "https://harrowbygreen.example/news?utm_source=x",
    }
    parent = {"uri": uri("above", "did:plc:sam"), "cid": "b"}
    server.say(
        commit(
            NOW - SECOND,
            "3abc",
            text="Read this\u202e about Harrowby Green",
            facets=[{"index": {"byteStart": 0, "byteEnd": 4}, "features": [facet]}],
            reply={"root": {"uri": uri("root", "did:plc:sam")}, "parent": parent},
            embed={"$type": "app.bsky.embed.images", "images": []},
            labels={"values": [{"val": "graphic-media"}]},
        )
    )

    (post,) = listen(http, stream(server.url))[0].posts

    assert (post.platform, post.id, post.author) == ("bluesky", uri("3abc"), PAT)
    assert post.url == f"https://bsky.app/profile/{PAT}/post/3abc"
    assert post.text == "Read this about Harrowby Green"
    assert json.loads(post.answer)["uri"] == post.id
    assert post.links == ("https://harrowbygreen.example/news",)
    assert (post.parent, post.thread) == (uri("above", "did:plc:sam"), uri("root", "did:plc:sam"))
    assert (post.language, post.has_media, post.sensitive, post.edited_at) == ("en", True, True, None)
    assert post.posted_at is not None
    assert post.posted_at.isoformat() == "2026-11-20T08:00:00.123000+00:00"


def test_a_time_of_the_author_that_has_not_come_counts_as_the_time_of_the_event(
    http: httpx.Client, server: Jetstream
) -> None:
    server.say(commit(NOW - SECOND, "a", createdAt="2099-01-01T00:00:00Z"))

    (post,) = listen(http, stream(server.url))[0].posts

    assert post.posted_at is not None
    assert abs(post.posted_at.timestamp() - NOW / 1e6) < 2


def test_edits_come_as_edits_and_deleted_posts_as_gone(http: httpx.Client, server: Jetstream) -> None:
    server.say(
        commit(NOW - 9 * SECOND, "a", text="one"),
        commit(NOW - 8 * SECOND, "a", "update", text="two"),
        commit(NOW - 7 * SECOND, "a", "delete"),
        commit(NOW - 6 * SECOND, "b", "delete"),
        commit(NOW - 5 * SECOND, "b", text="written anew"),
    )

    heard = listen(http, stream(server.url))

    assert heard.texts == ["one", "two", "written anew"]
    assert [post.edited_at is not None for post in heard[0].posts] == [False, True, False]
    assert heard.gone == [uri("a")]
    assert heard[0].platform == "bluesky"


def test_only_an_account_that_is_closed_for_good_takes_its_posts_along(
    http: httpx.Client, server: Jetstream
) -> None:
    server.say(
        account(NOW - 9 * SECOND, active=False, status="deactivated", did="did:plc:may-return"),
        account(NOW - 8 * SECOND, active=False, status="suspended", did="did:plc:may-return"),
        account(NOW - 7 * SECOND, active=True, did="did:plc:opened"),
        account(NOW - 6 * SECOND, active=False, status="deleted", did="did:plc:left"),
        account(NOW - 5 * SECOND, active=False, status="takendown", did="did:plc:thrown-out"),
        account(NOW - 4 * SECOND, active=False, status="deleted", did="not a did/%"),
        identity(NOW - 3 * SECOND),
        commit(NOW - 2 * SECOND, "x", collection="app.bsky.feed.like"),
        json.dumps({"did": PAT, "time_us": NOW - SECOND, "kind": "of a later version"}),
    )

    (batch,) = listen(http, stream(server.url))

    assert (batch.gone_by, batch.gone, batch.posts) == (
        ("at://did:plc:left/", "at://did:plc:thrown-out/"),
        (),
        (),
    )
    assert (batch.state, batch.reason) == (State.OK, "")
    assert Heard([batch]).at == NOW - SECOND


HOSTILE = (
    "",
    "no JSON",
    "[]",
    "null",
    '{"time_us": "now"}',
    '{"time_us": true}',
    '{"time_us": 5}',
    f'{{"time_us": {"9" * 5000}}}',
    json.dumps({"time_us": NOW, "kind": "commit", "commit": {"collection": POSTS, "operation": "create"}}),
    json.dumps({"did": [], "time_us": NOW, "kind": "commit", "commit": {"collection": POSTS}}),
    commit(NOW, "../../etc", "delete"),
    commit(NOW, "x" * 10_000),
    "[" * 100_000,
    b"\xff\xfe\x00binary",
)


def test_what_cannot_be_read_is_counted_and_everything_round_it_is_read(
    http: httpx.Client, server: Jetstream
) -> None:
    good = [commit(NOW - n * SECOND, str(n)) for n in range(len(HOSTILE) + 3, 0, -1)]
    server.say(*(event for pair in zip(good, HOSTILE, strict=False) for event in pair), *good[len(HOSTILE) :])

    (batch,) = listen(http, stream(server.url))

    assert len(batch.posts) == len(good)
    assert batch.reason == f"{len(HOSTILE)} of {len(good) + len(HOSTILE)} events could not be read just now."
    assert batch.state is State.OK


def test_mostly_unreadable_is_a_parse_error(http: httpx.Client, server: Jetstream) -> None:
    server.say(*HOSTILE, commit(NOW - 2 * SECOND, "a"))

    (batch,) = listen(http, stream(server.url))

    assert batch.state is State.PARSE_ERROR
    assert len(batch.posts) == 1


@pytest.mark.parametrize(
    "record", [{"text": 7, "langs": 3, "facets": "x", "reply": [], "embed": 1, "tags": {}}, {}]
)
def test_a_record_of_the_wrong_types_is_an_empty_post(
    record: dict[str, Any], http: httpx.Client, server: Jetstream
) -> None:
    event = json.loads(commit(NOW - SECOND, "a"))
    event["commit"]["record"] = record
    server.say(json.dumps(event))

    (batch,) = listen(http, stream(server.url))

    assert [(post.text, post.language, post.links) for post in batch.posts] == [("", None, ())]


def test_an_event_of_a_megabyte_is_read(http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - SECOND, "a", text="x" * 1_000_000))

    (batch,) = listen(http, stream(server.url))

    assert len(batch.posts[0].text) == 1_000_000


def test_an_event_larger_than_we_asked_for_is_passed_over_alone(
    http: httpx.Client, server: Jetstream
) -> None:
    server.say(
        commit(NOW - 3 * SECOND, "a"),
        commit(NOW - 2 * SECOND, "b", text="x" * LARGEST),
        commit(NOW - SECOND, "c"),
    )

    (batch,) = listen(http, stream(server.url))

    assert [post.id for post in batch.posts] == [uri("a"), uri("c")]
    assert batch.reason == "1 of 3 events could not be read just now."


def test_what_came_before_an_event_that_ends_the_line_is_handed_over(
    http: httpx.Client, server: Jetstream
) -> None:
    def send(line: ServerConnection) -> None:
        line.send(commit(NOW - 2 * SECOND, "a"))
        # The head of a frame of 2 GB.
        line.socket.sendall(b"\x81\x7f" + (2 << 30).to_bytes(8) + b"{")

    server.raw = send
    server.say(commit(NOW - SECOND, "newest"))
    heard = Heard()

    with pytest.raises(Unavailable) as caught:
        stream(server.url).listen(http, None, heard.append, lambda: False)

    assert caught.value.state is State.PARSE_ERROR
    assert (heard.texts, heard.at) == (["Good morning, number a"], NOW - 2 * SECOND)


def test_a_server_that_only_says_what_cannot_be_read_counts_as_silent(
    http: httpx.Client, server: Jetstream
) -> None:
    def send(line: ServerConnection) -> None:
        # Enough that batches are handed over meanwhile, which is not to hear something.
        while True:
            line.send("{}")
            time.sleep(0.01)

    server.raw = send
    server.say(commit(NOW - SECOND, "a"))
    heard = Heard()
    end = time.monotonic() + 20

    with pytest.raises(Unavailable, match="has said nothing"):
        stream(server.url, silence="3s").listen(http, None, heard.append, lambda: time.monotonic() > end)

    assert heard[0].state is State.PARSE_ERROR


def test_many_events_come_in_bounded_batches(http: httpx.Client, server: Jetstream) -> None:
    count = 2 * MOST_EVENTS + 10
    server.say(*(commit(NOW - 60 * SECOND + n, str(n)) for n in range(count)))

    heard = listen(http, stream(server.url), until=lambda heard: len(heard.texts) == count)

    assert max(len(batch.posts) for batch in heard) == MOST_EVENTS
    assert heard.texts == [f"Good morning, number {n}" for n in range(count)]


def test_what_lies_behind_is_behind_until_it_has_caught_up(http: httpx.Client, server: Jetstream) -> None:
    old = [commit(NOW - 3 * HOUR + n * SECOND, str(n)) for n in range(MOST_EVENTS)]
    server.say(*old, commit(NOW - SECOND, "newest"))

    heard = listen(http, stream(server.url), cursor(NOW - 3 * HOUR - SECOND))

    assert [(batch.complete, len(batch.posts)) for batch in heard] == [(False, MOST_EVENTS), (True, 1)]
    assert "min behind, and catches up" in heard[0].reason


def test_what_the_server_has_not_kept_is_said_for_a_day(http: httpx.Client, server: Jetstream) -> None:
    day = 24 * HOUR
    server.say(commit(NOW - SECOND, "first"))

    heard = listen(http, stream(server.url), cursor(NOW - 2 * day))
    still = listen(http, stream(server.url), heard[-1].cursor, until=len)
    told = json.dumps({"time_us": NOW - SECOND, "lost": [NOW - 4 * day, NOW - 2 * day]})
    server.say(commit(NOW, "later"))
    after = listen(http, stream(server.url), told)

    assert (heard[-1].state, still[-1].state) == (State.BEHIND, State.BEHIND)
    assert "is missed" in heard[-1].reason
    assert "is missed" in still[-1].reason
    assert (after[-1].state, after[-1].reason) == (State.OK, "")


def test_a_cursor_from_the_future_goes_back_an_hour(http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - HOUR // 2, "a"), commit(NOW - SECOND, "b"))

    heard = listen(http, stream(server.url), cursor(NOW + 48 * HOUR))

    assert len(heard.texts) == 2
    assert heard.at == NOW - SECOND


def test_one_event_from_the_future_moves_no_cursor(http: httpx.Client, server: Jetstream) -> None:
    """Clock skew."""
    server.say(commit(NOW + 48 * HOUR, "ahead"), commit(NOW - SECOND, "now"))

    heard = listen(http, stream(server.url), cursor(NOW - 2 * SECOND))

    assert len(heard.texts) == 2
    assert heard.at == NOW - SECOND


@pytest.mark.parametrize(
    "before", ["", "nonsense", "{}", '{"time_us": -1}', '{"time_us": 1e400}', "[1]", "7"]
)
def test_a_cursor_of_another_kind_begins_anew(before: str, http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - SECOND, "a"))

    assert len(listen(http, stream(server.url), before).texts) == 1


def test_a_server_that_sets_its_clock_is_asked_anew_what_time_it_is(
    http: httpx.Client, server: Jetstream
) -> None:
    server.say(commit(NOW - SECOND, "before"))
    later, told = NOW + 2 * HOUR, threading.Event()

    def caught_up(heard: Heard) -> bool:
        if heard and not told.is_set():
            told.set()
            server.say(*(commit(later + n, str(n)) for n in range(MOST_EVENTS + 1)))
        return bool(heard) and heard.at == later + MOST_EVENTS

    heard = listen(http, stream(server.url, server.url), until=caught_up)

    assert heard.at == later + MOST_EVENTS


def test_a_line_that_is_cut_loses_nothing_and_the_next_server_is_listened_to(http: httpx.Client) -> None:
    with jetstream(cut_after=3) as first, jetstream() as second:
        events = [commit(NOW - (20 - n) * SECOND, str(n)) for n in range(10)]
        first.say(*events)
        second.say(*events)

        heard = listen(
            http, stream(first.url, second.url), until=lambda heard: "Good morning, number 9" in heard.texts
        )

        assert second.asked
    assert sorted(set(heard.texts)) == sorted(f"Good morning, number {n}" for n in range(10))
    assert "listened to" in heard[-1].reason


def test_when_every_server_fails_the_last_one_says_why(http: httpx.Client) -> None:
    with jetstream(cut_after=1) as first, jetstream(cut_after=1) as second:
        for server in (first, second):
            server.say(commit(NOW - 3 * SECOND, "a"), commit(NOW - 2 * SECOND, "b"))

        error = failing(http, stream(first.url, second.url))

        assert first.asked
        assert second.asked
    assert error.state is State.BEHIND
    assert "ended the line" in error.reason


def test_silence_is_a_fault_though_the_line_stands(http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - SECOND, "a"))

    began = time.monotonic()
    error = failing(http, stream(server.url, silence="1s"))

    assert time.monotonic() - began < 15
    assert (error.state, "has said nothing" in error.reason) == (State.BEHIND, True)


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (b"\x00" * 50, State.PARSE_ERROR),
        (b"\xc1\x05hello", State.PARSE_ERROR),
        (b"HTTP/1.1 500 Oh dear\r\n\r\n", State.BEHIND),
        (b"\x81\xff" + b"\xff" * 20, State.PARSE_ERROR),
        (b"\x88\x02\x03\xe8", State.BEHIND),
        (b"\x81\x7e", State.BEHIND),
    ],
)
def test_a_line_that_holds_no_frames_ends_in_the_right_state(
    raw: bytes, state: State, http: httpx.Client, server: Jetstream
) -> None:
    def send(line: ServerConnection) -> None:
        line.socket.sendall(raw)
        line.socket.shutdown(socket.SHUT_WR)

    server.raw = send
    server.say(commit(NOW - SECOND, "a"))

    assert failing(http, stream(server.url)).state is state


def test_a_message_in_pieces_is_put_together_and_a_ping_is_answered(
    http: httpx.Client, server: Jetstream
) -> None:
    event, ponged = commit(NOW - SECOND, "a"), threading.Event()

    def send(line: ServerConnection) -> None:
        pong = line.ping()
        line.send([event[:10], event[10:50], event[50:]])
        if pong.wait(10):
            ponged.set()
        line.recv()

    server.raw = send
    server.say(commit(NOW - SECOND, "edge"))

    heard = listen(http, stream(server.url))

    assert heard.texts == ["Good morning, number a"]
    assert ponged.is_set()


def test_nothing_is_ever_said_on_the_line(http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - SECOND, "a"))

    listen(http, stream(server.url))

    assert server.heard == []


def test_stopping_takes_a_second_or_two(http: httpx.Client, server: Jetstream) -> None:
    server.say(commit(NOW - SECOND, "a"))
    halt = threading.Event()
    heard: list[Batch] = []
    listening = threading.Thread(
        target=stream(server.url).listen, args=(http, None, heard.append, halt.is_set)
    )
    listening.start()
    while len(server.asked) < 2:
        time.sleep(0.01)
    halt.set()
    began = time.monotonic()
    listening.join(20)

    assert not listening.is_alive()
    assert time.monotonic() - began < 2
    print(f"stopped after {time.monotonic() - began:.2f} s")


def serve_once(answer: bytes) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def run() -> None:
            for _ in range(2):
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with line:
                    line.recv(10_000)
                    line.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"


def http_answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("answer", "kind", "state"),
    [
        (http_answer("429 Slow down", b"", "Retry-After: 120"), Unavailable, State.RATE_LIMITED),
        (http_answer("403 No"), Refused, State.BLOCKED),
        (http_answer("404 No"), Refused, State.BLOCKED),
        (http_answer("503 Later"), Unavailable, State.BEHIND),
        (http_answer("302 There", b"", "Location: ws://127.0.0.1:1/"), Unavailable, State.PARSE_ERROR),
        (http_answer("200 OK", b"<html>hello</html>"), Unavailable, State.PARSE_ERROR),
        (
            http_answer(
                "200 OK", b"<html>This page is blocked by Smoothwall web filter: access denied</html>"
            ),
            Refused,
            State.FILTERED_HERE,
        ),
        (
            b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            Unavailable,
            State.PARSE_ERROR,
        ),
        (b"nonsense\r\n\r\n", Unavailable, State.BEHIND),
        (b"", Unavailable, State.BEHIND),
    ],
)
def test_an_answer_that_opens_no_line_ends_in_the_right_state(
    answer: bytes, kind: type[Exception], state: State, http: httpx.Client
) -> None:
    for url in serve_once(answer):
        error = failing(http, stream(url))

        assert (type(error), error.state) == (kind, state)
        if isinstance(error, Unavailable) and state is State.RATE_LIMITED:
            assert error.retry_after is not None
            assert error.retry_after.total_seconds() == 120


def test_a_server_that_is_not_there_is_said(http: httpx.Client) -> None:
    assert failing(http, stream("ws://127.0.0.1:9")).state is State.OUR_NETWORK_DOWN


def test_a_local_address_is_not_listened_to_unless_it_is_allowed(server: Jetstream) -> None:
    with make_http(user_agent="Test/1") as guarded:
        error = failing(guarded, stream(server.url))

    assert (type(error), error.state) == (Refused, State.BLOCKED)
    assert server.asked == []


@pytest.mark.parametrize(
    "written",
    [
        "https://jetstream1.us-east.bsky.network",
        "ws://jetstream1.us-east.bsky.network",
        "wss://user:pass@e.example",
        "wss://e.example/subscribe",
        "wss://e.example?cursor=1",
        "wss://",
        "e.example",
    ],
)
def test_an_address_that_is_no_server_of_a_stream_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        stream(written)


def test_a_stream_is_nobodys_own_account() -> None:
    with pytest.raises(ValidationError, match="official"):
        stream("wss://e.example", official="harrowby-green")


def test_the_recorded_events_are_read(shared: Path, http: httpx.Client, server: Jetstream) -> None:
    """A block, a post with a hashtag, a like, and the deletion of a post."""
    frames = json.loads(shared.joinpath(*RECORDED).read_text())["frames"]
    server.say(*frames)

    (batch,) = listen(http, stream(server.url))

    (post,) = batch.posts
    assert post.language == "en"
    assert "#" in post.text
    assert post.posted_at is not None
    assert len(batch.gone) == 1
    assert batch.reason == ""
    assert Heard([batch]).at == max(json.loads(frame)["time_us"] for frame in frames)


@contextmanager
def tunnel(url: str) -> Iterator[tuple[str, list[str]]]:
    """A proxy that takes every tunnel to one place; its address, and where it was asked to go."""
    asked: list[str] = []
    to = ("127.0.0.1", int(url.rpartition(":")[2]))

    def carry(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                there.sendall(data)
        for end in (here, there):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(line: socket.socket) -> None:
        with line, socket.create_connection(to) as onward:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += line.recv(1)
            asked.append(head.split()[1].decode())
            line.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            back = threading.Thread(target=carry, args=(onward, line), daemon=True)
            back.start()
            carry(line, onward)
            back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def test_the_line_goes_through_the_schools_proxy_which_signs_anew(tmp_path: Path) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "school.pem"
    authority.cert_pem.write_to_path(bundle)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("stream.example").configure_cert(tls)
    with jetstream(tls=tls) as server, tunnel(server.url) as (proxy, asked):
        server.say(commit(NOW - SECOND, "a"))
        source = stream("wss://stream.example")

        def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
            address = "93.184.216.34" if host == "stream.example" else host
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        with make_http(user_agent="Test/1", proxy=proxy, ca_bundle=bundle, resolve=resolve) as http:
            heard = listen(http, source)

    assert heard.texts == ["Good morning, number a"]
    assert set(asked) == {"stream.example:443"}
