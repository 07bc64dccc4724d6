"""A store with many people and their pasts, filled table by table, as the pipeline leaves it.

The pipeline itself would take a quarter of an hour for ten million events. What it writes
is what is written here, for all that conditions read: profiles, nodes, history, and kept
values. Bodies are left out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from cdp.events import Stamp
from cdp.profiles.traits import TraitMap
from cdp.store import Store, meta
from cdp.store.bulk import insert_many
from cdp.store.events import history, kept
from cdp.store.migrate import migrate
from cdp.store.profiles import graph, trait_values
from cdp.store.tables import USERS, nodes, profiles
from cdp.store.tables import trait_values as values

NOW = 1_790_000_000_000
DAY = 86_400_000
#: Events by name, and how many in a thousand they are.
EVENTS = {
    "Page Viewed": 300, "Product Viewed": 220, "Product Added": 110, "Order Completed": 80,
    "Cart Viewed": 70, "Checkout Started": 50, "Email Opened": 50, "Signed In": 50,
    "Products Searched": 40, "Signed Up": 10, "Order Refunded": 5, "Review Written": 15,
}  # fmt: skip
#: What definitions read of them.
READ = {
    "Order Completed": ("total", "sku"),
    "Product Viewed": ("category",),
    "Checkout Started": (),
    "Cart Viewed": (),
    "Signed Up": (),
}
PLANS = ("free", "free", "free", "free", "team", "pro")
COUNTRIES = ("DE", "FR", "GB", "PL", "SE", "US", "US", "US")
_PART = 500_000
_PIECE = 50_000


class Crowd(NamedTuple):
    """How many there are."""

    people: int
    events: int


#: Takes events a piece at a time, as columns: names, nodes, times.
Each = Callable[[list[str], list[int], list[int]], None]


def fill(store: Store, crowd: Crowd, each: Each) -> tuple[list[str], list[int]]:
    """Fill an empty store, and tell ``each`` of the events.

    Returns everybody's plan, and the profile of each node.
    """
    migrate(store)
    draw = random.Random(31)
    # Every fifth person was anonymous before, and has a second node.
    homes = list(range(1, crowd.people + 1)) + list(range(5, crowd.people + 1, 5))
    with store.write() as tx:
        for path in (("plan",), ("country",), ("age",)):
            trait_values.keep(tx, [(USERS, path)], NOW)
        wanted = [(name, ()) for name in READ]
        wanted += [(name, ("properties", key)) for name, keys in READ.items() for key in keys]
        kept.keep(tx, wanted, NOW)
        history.add_names(tx, [("track", name) for name in EVENTS], NOW)
        properties = {(item.event, item.path): item.id for item in kept.all_kept(tx)}
        meta.take_numbers(tx, "profile", crowd.people)
        meta.take_numbers(tx, "node", len(homes))
        meta.take_numbers(tx, "seq", crowd.events)
    plans = _people(store, crowd.people, homes, draw)
    _events(store, crowd, homes, draw, properties, each)
    if store.dialect == "sqlite":
        with store.write() as tx:
            tx.exec_driver_sql("PRAGMA optimize")
    return plans, homes


def _people(store: Store, count: int, homes: list[int], draw: random.Random) -> list[str]:
    plans = [draw.choice(PLANS) for _ in range(count)]
    places = [draw.choice(COUNTRIES) for _ in range(count)]
    stamp = (NOW - 400 * DAY, 1, "b6c1f6b2-5a0e-4f0e-9f63-0c1f6b2a5a0e")
    for start in range(0, count, _PIECE):
        ids = range(start + 1, min(start + _PIECE, count) + 1)
        rows, said = [], []
        for id_ in ids:
            plan, place, age = plans[id_ - 1], places[id_ - 1], 18 + id_ * 7 % 60
            traits = TraitMap()
            name = f"Person {id_}"
            traits.assign(
                {"plan": plan, "country": place, "age": age, "name": name,
                 "email": f"person-{id_}@example.org"}, Stamp(*stamp)
            )  # fmt: skip
            blob = traits.encode()
            rows.append((id_, USERS, id_, *stamp, 0, NOW - id_, name, name.lower(), blob))
            said += [
                (1, id_, stamp[0], None, plan, None, None),
                (2, id_, stamp[0], None, place, None, None),
                (3, id_, stamp[0], float(age), str(age), None, age * 1000),
            ]
        with store.write() as tx:
            insert_many(tx, profiles, (*graph.PROFILE_COLUMNS, "name", "name_key", "traits"), rows)
            columns = ("trait", "profile", "t", "num", "text", "json", "ms")
            insert_many(tx, values, columns, sorted(said))
    for start in range(0, len(homes), _PIECE):
        rows = []
        for node in range(start + 1, min(start + _PIECE, len(homes)) + 1):
            profile = homes[node - 1]
            ids = json.dumps([["user_id", f"user-{profile}"], ["anonymous_id", f"a{node:032x}"]])
            rows.append((node, node, USERS, ids, *stamp, node, profile, None, b"x" * 150))
        with store.write() as tx:
            insert_many(tx, nodes, (*graph.NODE_COLUMNS, "traits"), rows)
    return plans


def _events(
    store: Store,
    crowd: Crowd,
    homes: list[int],
    draw: random.Random,
    properties: dict[Any, int],
    each: Each,
) -> None:
    names = list(EVENTS)
    weights = list(accumulate(EVENTS.values()))
    first, span = NOW - 365 * DAY, 365 * DAY
    info: history.PartitionInfo | None = None
    for start in range(0, crowd.events, _PIECE):
        size = min(_PIECE, crowd.events - start)
        if info is None or start - info.first_seq >= _PART - 1:
            with store.write() as tx:
                number = info.id + 1 if info is not None else 1
                info = history.begin_partition(tx, number, start + 1, NOW)
        picked = draw.choices(range(len(names)), cum_weights=weights, k=size)
        who = [1 + int(len(homes) * draw.random() ** 1.5) % len(homes) for _ in range(size)]
        times = [first + (start + index) * span // crowd.events for index in range(size)]
        rows = [
            (start + 1 + index, node, name + 1, t, 1, 0, None)
            for index, (node, name, t) in enumerate(zip(who, picked, times, strict=True))
        ]
        found: list[tuple[Any, ...]] = []
        for seq, node, number, t, *_ in rows:
            name = names[number - 1]
            if name in READ:
                found.append((properties[name, ()], seq, node, t, None, None, None))
                for key in READ[name]:
                    found.append((properties[name, ("properties", key)], seq, node, t,
                                  *_value(key, seq)))  # fmt: skip
        found.sort(key=lambda row: row[:2])
        with store.write() as tx:
            history.append(tx, info.id, rows, start + 1)
            kept.insert_values(tx, info.id, found)
        each([names[i] for i in picked], who, times)


def _value(key: str, seq: int) -> tuple[float | None, str | None, str | None]:
    if key == "total":
        total = (seq * 7919 % 20_000) / 100
        return total, repr(total), None
    return None, f"{key}-{seq * 31 % 40}", None


def at(path: Path) -> Store:
    """A store in a file."""
    return Store.at(path)
