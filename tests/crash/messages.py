"""Kill `cdp serve` while it sends messages, then count what arrived (law 6).

The provider is a process of its own that counts, and that also times out, refuses for a
while, fails after it has taken a message, and drops connections.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cdp.config import Settings
from cdp.log import open_log
from cdp.log.record import Record
from cdp.messaging.request import Request
from cdp.store import Store
from cdp.store.messages import addressees, deliveries, preferences
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.crash.harness import Server, _wait

#: A channel that speaks to the provider below; it stands in the folder of plugins.
PLUGIN = """
import json

from marshmallow import fields

from cdp.plugin import Channel, ChannelSettings, Receipt, Reject, from_response, hookimpl


class Settings(ChannelSettings):
    url = fields.String(required=True)
    keys = fields.Boolean(load_default=False)


class Counted(Channel):
    key = name = "counted"
    channel = "email"
    batch_size = 1
    concurrency = 8
    timeout = 0.4
    Settings = Settings

    @property
    def keeps_keys(self):
        return self.settings["keys"]

    def deliver(self, messages):
        (message,) = messages
        body = json.dumps({"key": message.key, "to": message.content.to[0]}).encode()
        answer = self.http.request("POST", self.settings["url"], body)
        error = from_response(answer.status, answer.headers)
        if error is None:
            return [Receipt.sent(message.id)]
        if answer.status == 500:
            return [Receipt.unknown("500")]
        raise error


@hookimpl
def register_destinations():
    return [Counted]
"""


class Provider:
    """Counts messages by key. With ``keys`` it takes a key once, as providers with keys do."""

    def __init__(self, seed: int) -> None:
        self.calls: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self.at: dict[str, float] = {}
        draw, lock, outer = random.Random(seed), threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    fate = draw.random()
                    outer.calls[body["key"]] += 1
                    busy = fate < 0.03
                    if not busy:
                        outer.taken[body["key"]] += 1
                        outer.at.setdefault(body["key"], time.time())
                if busy:
                    self._answer(429)
                elif fate < 0.04:  # taken, and no answer in time
                    time.sleep(0.6)
                    self._answer(200)
                elif fate < 0.05:
                    self._answer(500)
                elif fate < 0.06:
                    self.close_connection = True
                    self.connection.close()
                else:
                    self._answer(200)

            def _answer(self, status: int) -> None:
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def handle_one_request(self) -> None:
                with contextlib.suppress(OSError, ValueError):
                    super().handle_one_request()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Report:
    """What a run left behind."""

    kills: int
    asked: int
    states: dict[str, int]
    repeated: int  # keys that a provider without keys took twice
    lost: int  # neither sent, held nor refused
    unsent: int  # said to be sent, and never taken
    unshown: int  # taken, and neither sent nor held
    after_opt_out: int
    opted_out: int
    extra: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.repeated or self.lost or self.unsent or self.unshown or self.after_opt_out)


def run(
    data: Path, messages: int, kills: int, seed: int, keys: bool, database_url: str | None = None
) -> Report:
    """Ask for ``messages``, kill ``kills`` times while they are sent, opt some people out."""
    provider = Provider(seed)
    (data / "plugins").mkdir(parents=True, exist_ok=True)
    (data / "plugins" / "counted.py").write_text(PLUGIN)
    server = Server(data, database_url)
    draw = random.Random(seed)
    server.start()
    store = Store.open(Settings(data=data, database_url=database_url))
    try:
        server.cli(
            "destinations", "add", "counted", "--source", "default", "--setting",
            f"url={provider.url}", "--setting", f"keys={'true' if keys else 'false'}",
        )  # fmt: skip
        nodes = _people(server, store, min(messages, 400))
        _ask(store, nodes, messages)
        banned: set[str] = set()
        leaving = nodes[::2]  # the other half stays: however long it takes, most is sent
        for _ in range(kills):
            until = time.monotonic() + draw.uniform(0.1, 0.9)
            while time.monotonic() < until:
                banned |= _opt_out(store, draw.choice(leaving))
                time.sleep(draw.uniform(0.02, 0.1))
            server.kill()
            server.start()
        _wait(lambda: not _open(store), 180 + messages / 20, pause=0.2)
        with store.read() as tx:
            found = [deliveries.by_key(tx, f"k{n}") for n in range(messages)]
        assert server.stop() == 0, "cdp serve did not end well"
    finally:
        with contextlib.suppress(Exception):
            server.kill()
        store.close()
        provider.close()
    rows = [row for row in found if row is not None]
    states = Counter(row.state for row in rows)
    sent = {row.key for row in rows if row.state == "sent"}
    held = {row.key for row in rows if row.state == "held"}
    closed = {row.key for row in rows if row.state in ("sent", "held", "undeliverable", "failed")}
    twice = 0 if keys else sum(1 for count in provider.taken.values() if count > 1)
    return Report(
        kills=kills,
        asked=messages,
        states=dict(states),
        repeated=twice,
        lost=messages - len(closed),
        unsent=len(sent - set(provider.taken)),
        unshown=len(set(provider.taken) - sent - held),
        after_opt_out=len(banned & set(provider.calls)),
        opted_out=len(banned),
    )


def _people(server: Server, store: Store, count: int) -> list[int]:
    settings = Settings(data=server.data, database_url=server.env.get("CDP_DATABASE_URL"))
    log = open_log(settings)
    for start in range(0, count, 200):
        batch = [
            {
                "type": "identify",
                "userId": f"u{n}",
                "messageId": f"i{n}",
                "traits": {"email": f"u{n}@example.org"},
            }
            for n in range(start, min(start + 200, count))
        ]
        body = json.dumps({"batch": batch}).encode()
        log.append(Record(int(time.time() * 1000), 1, "batch", body))
    log.close()
    found: dict[int, int] = {}

    def complete() -> bool:
        with store.read() as tx:
            for number in set(range(count)) - set(found):
                profile = people.resolve(tx, USERS, "user_id", f"u{number}")
                node = addressees.node_of(tx, profile.id) if profile else None
                if node is None:
                    return False
                found[number] = node
        return True

    assert _wait(complete, 180), "the people did not arrive"
    return list(found.values())


def _ask(store: Store, nodes: list[int], messages: int) -> None:
    content = {"subject": "Hi {{ customer.email }}", "body": "Hello", "format": "text"}
    data = {"content": {**content, "format": "html"}}
    requests = [
        Request(f"k{n}", "email", nodes[n % len(nodes)], "test", data=data) for n in range(messages)
    ]
    for start in range(0, messages, 1000):
        with store.write() as tx:
            now = int(time.time() * 1000)
            deliveries.add(tx, requests[start : start + 1000], now)


def _opt_out(store: Store, node: int) -> set[str]:
    """Opt a person out; the keys of what must not be handed over from here on."""
    with store.write() as tx:
        preferences.put(tx, node, {"*": False}, int(time.time() * 1000), "page")
        return {
            row.key
            for row in deliveries.of_node(tx, node)
            if row.state == "waiting" and not row.attempts
        }


def _open(store: Store) -> bool:
    with store.read() as tx:
        return deliveries.any_open(tx)
