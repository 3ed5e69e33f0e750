"""How many events of a stream a second go the whole way, from the line to the database, on one core.

A server in a process of its own replays invented events in a loop over a WebSocket on loopback; 24,000
schools are looked for. Counted are seconds of our processor, since machines are busy with other things too.
Exits 1 below ten times the live rate of all Bluesky.
"""

import base64
import hashlib
import json
import multiprocessing
import random
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from mentions import posts, schools

from connectors.bluesky_stream import BlueskyStream
from monitor.app import build
from monitor.config.loading import load
from monitor.jobs.listen import Listen
from monitor.mentions.register import Register

LIVE = 400
"""Events a second, all of Bluesky, as published."""
TIMES = 10
EVENTS = 60_000
KINDS = ("create",) * 80 + ("delete",) * 12 + ("identity",) * 4 + ("account",) * 4
CONFIG = """
schools: [{{id: harrowby-green, name: Harrowby Green Primary School}}]
sources: [{{name: Stream, platform: bluesky_stream, servers: ["{url}"]}}]
people: {{dsl: [{{name: Dana Lead, email: dsl@harrowbygreen.example}}]}}
classifier: {{use: rules}}
network: {{allow: [127.0.0.1]}}
data: {data}
"""


def event(number: int, text: str, at: int, chance: random.Random) -> dict[str, Any]:
    """One event in the shape of the stream; its words are those of bench/mentions.py."""
    did, kind = f"did:plc:{chance.getrandbits(96):024x}", chance.choice(KINDS)
    said: dict[str, Any] = {"did": did, "time_us": at}
    if kind == "identity":
        name = {"did": did, "handle": f"n{number}.example", "seq": number, "time": "2026-11-20T08:00:00.123Z"}
        return said | {"kind": "identity", "identity": name}
    if kind == "account":
        return said | {
            "kind": "account",
            "account": {"active": number % 2 == 0, "did": did, "status": "deleted"},
        }
    key = f"3m{number:011d}"
    commit = {"rev": f"3n{number:011d}", "operation": kind, "collection": "app.bsky.feed.post", "rkey": key}
    if kind == "create":
        link = {"$type": "app.bsky.richtext.facet#link", "uri": f"https://news.example/story/{number}"}
        parent = {"cid": "bafyreic", "uri": f"at://{did}/app.bsky.feed.post/3k{number:011d}"}
        record: dict[str, Any] = {
            "$type": "app.bsky.feed.post",
            "createdAt": "2026-11-20T08:00:00.123Z",
            "langs": ["en"],
            "text": text,
        }
        if number % 4 == 0:
            record["facets"] = [{"features": [link], "index": {"byteEnd": 20, "byteStart": 0}}]
        if number % 2 == 0:
            record["reply"] = {"parent": parent, "root": parent}
        commit |= {"record": record, "cid": f"bafyreic{chance.getrandbits(250):063x}"}
    return said | {"kind": "commit", "commit": commit}


def frames(texts: list[str]) -> bytes:
    """The events as frames of a WebSocket, ready to be sent."""
    chance, now = random.Random(7), int(time.time() * 1_000_000) - 10_000_000
    made = bytearray()
    for number, text in enumerate(texts):
        said = json.dumps(event(number, text, now + number, chance)).encode()
        size = bytes([len(said)]) if len(said) < 126 else b"\x7e" + struct.pack(">H", len(said))
        made += b"\x81" + size + said
    return bytes(made)


def serve(listener: socket.socket, ready: bytes) -> None:
    """Open each line by the rules, and send the frames in a loop until nobody listens."""
    while True:
        line, _ = listener.accept()
        head = line.recv(10_000).decode()
        key = next(one.partition(":")[2].strip() for one in head.split("\r\n") if "-key" in one.lower())
        proof = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        accept = f"Sec-WebSocket-Accept: {base64.b64encode(proof).decode()}"
        opened = ("HTTP/1.1 101 Go on", "Upgrade: websocket", "Connection: Upgrade", accept, "", "")
        with suppress(OSError):
            line.sendall("\r\n".join(opened).encode())
            while True:
                line.sendall(ready)


def main() -> int:
    """Print the figures; 1 when there are too few."""
    everyone = schools(random.Random(20))
    ready = frames([post.text for post in posts(everyone)])
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        server = multiprocessing.get_context("fork").Process(
            target=serve, args=(listener, ready), daemon=True
        )
        server.start()
        try:
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            path = Path(folder) / "monitor.yaml"
            path.write_text(CONFIG.format(url=url, data=Path(folder) / "data"))
            return measure(load(path, {}), Register(everyone), len(ready))
        finally:
            server.terminate()
            server.join()


def measure(config: Any, register: Register, size: int) -> int:
    """Listen to so many events, and say how fast that was."""
    app = build(config)
    heard = Event()
    stream = app.listen.streams["Stream"]
    assert isinstance(stream, BlueskyStream)
    listen = Listen(poll=replace(app.poll, register=register), streams={"Stream": stream})

    def enough() -> bool:
        return app.store.sources.coverage(app.now(), app.now())[0].read >= EVENTS * 0.8 or heard.is_set()

    started, used = time.perf_counter(), time.process_time()
    found = listen.run("Stream", enough, early=True)
    wall, used = time.perf_counter() - started, time.process_time() - used
    assert found is not None
    events = round(found.read / 0.8)
    app.close()
    print(f"stream: {events:,} events of {size // 10_000} bytes, {len(register.schools):,} schools")
    print(f"  {found.read:,} posts read, {found.mentions:,} mentions, {len(found.recorded.new):,} alerts")
    print(f"  {events / wall:,.0f} events a second by the clock, the server beside it on the same machine")
    rate = events / used
    print(
        f"  {rate:,.0f} events a second of one core: {rate / LIVE:.1f} times the live rate (target {TIMES})"
    )
    return int(rate < TIMES * LIVE)


if __name__ == "__main__":
    sys.exit(main())
