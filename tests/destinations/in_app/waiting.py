"""What tests of in-app messages share: sending one without waiting for the delivery process."""

from __future__ import annotations

import time
from typing import Any

from cdp.messaging.names import delivery_name
from cdp.messaging.request import Request
from cdp.plugin import InAppContent
from cdp.store import Store, config_rows
from cdp.store.messages import addressees, claims, copies, deliveries, link_keys
from cdp.store.messages import reads as message_reads
from cdp.store.messages.actions import act
from cdp.store.messages.claims import Change, Claim
from cdp.store.profiles import people
from cdp.store.tables import USERS

SECRET = "a_secret_of_these_tests,_0123456789abcdef"


def now_ms() -> int:
    return int(time.time() * 1000)


def add_destination(store: Store, key: str = "in_app", **settings: Any) -> int:
    """An in-app destination; its number."""
    with store.write() as tx:
        made = config_rows.add_destination(
            tx, now_ms(), key, "In-app messages", "in_app", None,
            {"secret": SECRET, **settings}, "test",
        )  # fmt: skip
    return made.id


def send(store: Store, destination: int, user: str, type_: str = "user_id", **content: Any) -> str:
    """A message as it is when the delivery process has handed it over; its public id."""
    now = now_ms()
    with store.write() as tx:
        keys = link_keys.ensure(tx)
        profile = people.resolve(tx, USERS, type_, user)
        assert profile is not None, f"nobody is called {user}"
        node = addressees.node_of(tx, profile.id, type_)
        request = Request(key=f"{user}-{now}-{time.perf_counter_ns()}", channel="in_app",
                          node=node, origin="transactional", recipient=user)  # fmt: skip
        id_ = deliveries.add(tx, [request], now)[0].id
        claims.claim(tx, [Claim(id_, destination, user, None)], now, now + 60_000)
        copies.keep(tx, {id_: InAppContent(user, **content)}, now)
        name = delivery_name(keys, id_)
        change = Change(id_, "sent", 0, None, destination, provider_id=name, sent_at=now)
        claims.record(tx, [change], now)
    return name


def recall(store: Store, name: str) -> None:
    """Take a message back that was sent."""
    with store.write() as tx:
        row = message_reads.by_name(tx, name)
        assert row is not None
        act(tx, row, "recall", "test", now_ms())
