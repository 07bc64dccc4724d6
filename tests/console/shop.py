"""The sample data's shop as it is on one fixed afternoon, for pictures and for looking around.

`COUNT` people over 120 days, an hour of live events, a destination that delivers and fails
now and then, and one that has stalled.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import cdp_webhook
import msgspec
from sqlalchemy import update

from cdp.delivery.broadcasts import acts
from cdp.delivery.broadcasts.mover import Mover
from cdp.demo.shop import DAY_MS, Shop
from cdp.log import Record
from cdp.messaging.request import Request
from cdp.plugin import EmailContent, Report
from cdp.plugin.manager import Plugins
from cdp.store import config_rows, tables
from cdp.store.defined import defining
from cdp.store.destinations.outbox import add_items
from cdp.store.destinations.streams import Call, add_calls
from cdp.store.messages import addressees, copies, deliveries, link_keys, reports
from cdp.store.profiles import people
from cdp.transfer import drafts, importing
from cdp.transfer.background import Background, file_of
from tests.console.factory import World
from tests.console.shop_journeys import launch_cart
from tests.console.shop_letters import write_stationery

#: Thursday 12 March 2026, 15:30 UTC.
NOW = 1_773_329_400_000
MINUTE_MS = 60_000
ERRORS = (
    (400, "the answer was 400: total must be a number", "rejected"),
    (500, "the answer was 500", "retry"),
)


class Present:
    """Sample data that is there."""

    def demo_state(self) -> dict[str, Any]:
        return {"state": "present", "done": 1.0, "error": None}


class ShopWorld(NamedTuple):
    """A world that holds the shop, the address of somebody in it with a story, and a draft.

    The draft is a file that waits for its columns; import 1 tried it, import 2 has failed.
    """

    world: World
    person: str
    draft: str


#: People of the shop; for the pictures of the documentation all that there are.
COUNT = 5_000 if os.environ.get("PICTURES") else 1_200


def open_shop(folder: Path, count: int = COUNT) -> ShopWorld:
    """Fill a world; its clock stands still at `NOW`."""
    plugins = Plugins()
    plugins.register(cdp_webhook, "webhook", "package headwater")
    world = World(folder, plugins=plugins, demo=Present(), at=NOW)
    with world.store.write() as tx:
        source = config_rows.add_source(tx, NOW, "demo", "Sample data", "k" * 24, "demo")
    orders: Counter[str] = Counter()
    upgraded: set[str] = set()
    latest: dict[str, int] = {}
    for chunk in _chunks(Shop(NOW // DAY_MS * DAY_MS, 1, count).messages(), 500):
        for message in chunk:
            if message.get("event") == "Order Completed" and "userId" in message:
                orders[message["userId"]] += 1
                latest[message["userId"]] = message["timestamp"]
            if message.get("traits") == {"plan": "plus"}:
                upgraded.add(message["userId"])
        body = msgspec.json.encode({"batch": chunk})
        world.log.append(Record(NOW - 3 * 3_600_000, source.id, "batch", body, live=False))
    world.drain()
    _add_destinations(world)
    _define(world)
    launch_cart(world)
    _live_hour(world, sorted(orders))
    world.drain()
    _deliver(world)
    _write_to(world, sorted(orders)[:40])
    _broadcast(world)
    user = max(upgraded, key=lambda user: (min(orders[user], 4), latest.get(user, 0)))
    found = re.search(r'href="(/people/use_\w+)"', world.admin().page(f"/people?q={user}"))
    assert found is not None
    return ShopWorld(world, found.group(1), _imports(world))


def _write_to(world: World, users: list[str]) -> None:
    """Messages as a shop would have sent them, with all that can become of one."""
    draw = random.Random(5)
    ends = (
        ("sent", None), ("sent", None), ("sent", None), ("undeliverable", "unsubscribed"),
        ("failed", "missing_variable: body: customer.first_name has no value and no default"),
        ("bounced", "550 5.1.1 no such user"), ("held", "unknown: no answer from mail.example"),
        ("waiting", "quiet_hours: night"),
    )  # fmt: skip
    with world.store.write() as tx:
        link_keys.ensure(tx)
        found = [people.resolve(tx, tables.USERS, "user_id", user) for user in users]
        nodes = [addressees.node_of(tx, one.id) for one in found if one is not None]
        asked = [
            Request(
                f"shop-{n}", "email" if n % 4 else "sms", node, "broadcast", "spring",
                "spring_sale" if n % 3 else "welcome", f"ana{n}@example.com", topic="news",
            )
            for n, node in enumerate(nodes)
        ]  # fmt: skip
        added = deliveries.add(tx, asked, NOW - 3_600_000)
        table = tables.deliveries
        for n, (item, (state, reason)) in enumerate(zip(added, cycle(ends), strict=False)):
            at = NOW - draw.randrange(60, 3600) * 1000
            went = state in ("sent", "bounced", "held")
            values: dict[str, Any] = {"state": state, "reason": reason, "attempts": int(went)}
            if state == "sent":
                values |= {"sent_at": at, "delivered_at": at + 2000, "provider_id": f"p{n}"}
                values |= {"opened_at": at + 60_000} if n % 2 else {}
            tx.execute(update(table).where(table.c.id == item.id).values(values))
            if went:
                copies.keep(tx, {item.id: _spring(n)}, at)
        report = Report("clicked", "c1", NOW - 60_000, detail={"href": "https://shop.example/s"})
        reports.add(tx, added[0].id, 0, report, NOW)


def _broadcast(world: World) -> None:
    """A draft, and a broadcast that is half through."""
    body = {"channel": "email", "from": "Shop <shop@example.com>", "subject": "Sale",
            "body": "Hello {{ customer.first_name | default: 'you' }}"}  # fmt: skip
    who = {"condition": 'traits.plan = "plus"'}
    with world.store.write() as tx:
        for key in ("sale_a", "sale_b"):
            defining.put(tx, NOW, ("template", key), body, "demo")
        write_stationery(tx, NOW)
        plan: dict[str, Any] = {
            "name": "Spring sale", "who": who, "holdout": 10, "per_minute": 600,
            "variants": [{"name": "a", "template": "sale_a"}, {"name": "b", "template": "sale_b"}],
            "goal": {"event": "Order Completed"},
        }  # fmt: skip
        made = acts.create(tx, plan, "demo", NOW)
        acts.schedule(tx, made.id, NOW, at_once=True)
        acts.create(tx, {**plan, "name": "Summer test"}, "demo", NOW)
    mover = Mover(world.store, clock=lambda: NOW / 1000)
    while mover.step() == 0.0:
        pass


def _spring(n: int) -> EmailContent:
    html = "<h1>Spring sale</h1><p>Hello, this is for you.</p><script>alert(1)</script>"
    return EmailContent(
        "Shop <shop@example.com>", (f"ana{n}@example.com",), "Spring sale", html, "Hello"
    )


def _imports(world: World) -> str:
    """Leave a file that was tried and waits to be brought in, and an import that has failed."""
    text = b"E-mail;Customer no;Plan;Zip code\nada@example.com;c1;plus;01234\nnobody;c2;free;1\n"
    draft = drafts.keep(
        world.settings, lambda out: out.write(text), "people.csv", tables.USERS, None, None, NOW
    )
    working = Background(world.store, world.settings)
    tried = importing.begin(world.store, draft.plan(), "ana", NOW, dry_run=True)
    file_of(world.settings, tried.id).write_bytes(text)
    working.work(tried.id)
    failed = importing.begin(world.store, draft.plan(), "ana", NOW)
    importing.fail(world.store, failed.id, "the file broke off in the middle of line 3")
    return draft.token


def _chunks(messages: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for message in messages:
        chunk.append(message)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _live_hour(world: World, users: list[str]) -> None:
    draw = random.Random(7)
    products = [("Linen shirt", 39.0), ("Desk lamp", 59.0), ("Trail shoes", 99.0)]
    events = ["Product Viewed", "Product Viewed", "Product Added", "Order Completed"]
    for minute in range(60, 0, -1):
        at, batch = NOW - minute * MINUTE_MS, []
        for second in sorted(draw.sample(range(60), draw.randrange(4, 12))):
            name, price = draw.choice(products)
            event = draw.choice(events)
            paid = {"total": price, "currency": "EUR"}
            batch.append(
                {
                    "type": "track",
                    "event": event,
                    "userId": draw.choice(users),
                    "timestamp": at + second * 1000,
                    "properties": {"name": name, **(paid if "Order" in event else {})},
                }
            )
        if minute % 20 == 3:
            batch.append({"type": "track", "event": "Order Completed", "properties": {"total": 12}})
        world.log.append(Record(at, 1, "batch", msgspec.json.encode({"batch": batch})))


def _add_destinations(world: World) -> None:
    admin = world.admin()
    for name, host in (("Order webhook", "orders"), ("Warehouse loader", "warehouse")):
        fields = {"name": name, "s.url": f"https://{host}.example/hook", "s.method": "POST"}
        response = admin.post("/connections/destinations/new/webhook", **fields)
        assert response.status_code == 303, response.text


def _define(world: World) -> None:
    admin = world.admin()
    for address, fields in {
        "/catalogue/virtual-events/-new": {
            "name": "Big Order", "event": "Order Completed", "where": "properties.total > 100",
        },
        "/catalogue/computed-traits/-new": {
            "name": "Spent", "value": 'sum(properties.total of "Order Completed")',
        },
        "/audiences/-new": {
            "name": "Big spenders",
            "who": 'traits.spent > 500 and performed("Big Order" within 90d)',
        },
    }.items():  # fmt: skip
        response = admin.post(address, **fields)
        assert response.status_code == 303, response.text
    sql = "select profile_id, count(*) as value\nfrom events\ngroup by profile_id"
    query = {"name": "Visits each", "sql": sql, "every": "6h", "reads": "traits.plan"}
    for address, fields in (
        ("/catalogue/computed-traits/-new", query),
        ("/audiences/-new", {"name": "Guests", "static": "1"}),
        ("/catalogue/lists", {"key": "vip_emails", "values": "ana@example.org"}),
    ):
        assert admin.post(address, **fields).status_code == 303


def _deliver(world: World) -> None:
    """Write down what delivery would have: calls, failures, and who has stalled."""
    draw = random.Random(11)
    with world.store.write() as tx:
        top = tx.execute(tables.numbers.select().where(tables.numbers.c.kind == "seq")).one().next
        streams = tables.streams
        fine, slow = ("destination:1", "destination:2")
        tx.execute(update(streams).where(streams.c.name == fine).values(seq=top, delivered=431))
        tx.execute(
            update(streams)
            .where(streams.c.name == slow)
            .values(
                state="stalled",
                since=NOW - 25 * MINUTE_MS,
                next_at=NOW + 2 * MINUTE_MS,
                error="the answer was 503",
                seq=top - 212,
                delivered=219,
            )
        )
        calls = []
        for number in range(60):
            answer = ERRORS[number % 12 == 0] if number % 6 == 0 else (200, None, "delivered")
            at, seq = NOW - (60 - number) * 40_000, top - 60 + number
            calls.append(_call(at, *answer, seq, draw.uniform(18, 90)))
        add_calls(tx, calls)
        dead = [
            {
                "destination_id": 1,
                "key": f"d1-{top - 60 + n}",
                "seq": top - 60 + n,
                "payload": b"{}",
                "state": "dead",
                "attempts": 1,
                "next_at": 0,
                "error": ERRORS[0][1],
            }
            for n in range(5)
        ]
        add_items(tx, dead, NOW - 30 * MINUTE_MS)


def _call(at: int, status: int, error: str | None, outcome: str, seq: int, took: float) -> Call:
    answer = '{"ok":true}' if status == 200 else '{"error":"total must be a number"}'
    exchange = {
        "request": {
            "line": "POST https://orders.example/hook",
            "headers": {"content-type": "application/json", "webhook-id": f"d1-{seq}"},
            "body": '{"type":"track","event":"Order Completed","userId":"demo-7"}',
        },
        "response": {"line": f"HTTP/1.1 {status}", "headers": {}, "body": answer},
    }
    body = msgspec.json.encode(exchange)
    return Call(1, at, took, outcome, status, 1, 1, f"d1-{seq}", error, body)
