"""The whole way of a message: asked for, written, claimed, handed over, recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import select

from cdp.config import Settings
from cdp.delivery.messages.office import Office
from cdp.delivery.senders import Senders
from cdp.log.record import Record, Taken
from cdp.messaging.request import BULK, Request
from cdp.pipeline.run import Pipeline
from cdp.plugin.manager import load
from cdp.store import Store, config_rows
from cdp.store.defined import defining
from cdp.store.messages import asking
from cdp.store.migrate import migrate
from cdp.store.tables import nodes
from tests.bench.figures import Figure

_BODY = """\
Hello {{ customer.first_name | default: "there" }},

your plan is *{{ customer.plan }}*. [What is new](https://shop.example/new?for={{ customer.id }}),
or [unsubscribe]({% unsubscribe_url %}).
"""
_TEMPLATE = {"channel": "email", "subject": "News, {{ customer.first_name }}", "body": _BODY}
_AT_ONCE = 500


def messages(folder: Path, quick: bool) -> list[Figure]:
    """Emails with links and a pixel, to a mail server in a process of its own; by CPU time."""
    count = 3_000 if quick else 20_000
    settings = Settings(data=folder, public_url="https://cdp.example", allow_private_addresses=True)
    store = Store.open(settings)
    migrate(store)
    sink = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.smtp"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert sink.stdout is not None
        _set_up(store, int(sink.stdout.readline()))
        people = _people(store, settings, count)
        rate = _sent(store, settings, people)
    finally:
        sink.kill()
        sink.wait()
        store.close()
    return [Figure("messages", "messages/s/core", rate, None, ">= 1000", rate >= 1000)]


def _set_up(store: Store, port: int) -> None:
    with store.write() as tx:
        source = config_rows.add_source(tx, 1, "default", "Shop", "key-of-bench", "bench")
        config_rows.add_destination(
            tx, 1, "email", "Email", "email", source.id,
            {"provider": "smtp", "from": "Shop <shop@example.org>", "host": "127.0.0.1",
             "port": port, "security": "none"},
            "bench",
        )  # fmt: skip
        defining.put(tx, 1, ("template", "news"), _TEMPLATE, "bench")


def _people(store: Store, settings: Settings, count: int) -> list[int]:
    """Nodes of so many people."""
    log: list[Record] = []
    for start in range(0, count, _AT_ONCE):
        calls = [
            {"type": "identify", "messageId": f"m{n}", "userId": f"u{n}",
             "traits": {"email": f"u{n}@example{n % 50}.org", "first_name": f"Ana {n}",
                        "plan": "pro", "city": "Gdańsk", "visits": n}}
            for n in range(start, min(start + _AT_ONCE, count))
        ]  # fmt: skip
        log.append(
            Record(int(time.time() * 1000), 1, "batch", json.dumps({"batch": calls}).encode())
        )
    Pipeline(store, _Log(log), settings).drain()
    with store.read() as tx:
        return list(tx.execute(select(nodes.c.id)).scalars())


class _Log:
    """A part of the log in memory."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    def parts(self) -> list[str]:
        return ["web-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        found = self._records[after : after + 1]
        return [Taken(part, after + 1, record) for record in found]

    def end(self, part: str) -> int:
        return len(self._records)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass


def _sent(store: Store, settings: Settings, people: list[int]) -> float:
    senders = Senders(store, settings, load())
    senders.refresh()
    office = Office(store, settings, senders)
    runner = office.runner("email")
    began = time.process_time()
    for start in range(0, len(people), _AT_ONCE):
        asked = [
            Request(
                f"bench:{node}", "email", node, "broadcast", "1", template="news", priority=BULK
            )
            for node in people[start : start + _AT_ONCE]
        ]
        with store.write() as tx:
            asking.ask(tx, asked, int(time.time() * 1000))
    while runner.step():
        pass
    spent = time.process_time() - began
    senders.close()
    return len(people) / spent
