"""Deliveries: one message to one person each, from the request to its end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import Connection, bindparam, func, select, update

from cdp.messaging.request import USUAL, Request
from cdp.store import meta
from cdp.store.bulk import blob, chunks, run_many, select_by, upsert_of
from cdp.store.tables import deliveries

_local = threading.local()
#: Shorter texts gain nothing by being compressed.
_SMALL = 400
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Delivery(NamedTuple):
    """A delivery as it stands. Times in ms since 1970; ``data`` as in `Request`."""

    id: int
    key: str
    channel: str
    node: int | None
    origin: str
    origin_key: str
    step: str | None
    template: str | None
    version: int | None
    variant: str | None
    topic: str | None
    flags: int
    priority: int
    recipient: str | None
    request: bytes | None
    state: str
    scheduled_at: int
    due_at: int
    until: int | None
    attempts: int
    destination: int | None
    provider_id: str | None
    reason: str | None
    created_at: int
    updated_at: int
    sent_at: int | None
    delivered_at: int | None
    opened_at: int | None
    clicked_at: int | None
    bounced_at: int | None
    complained_at: int | None
    unsubscribed_at: int | None
    converted_at: int | None

    @property
    def data(self) -> dict[str, Any]:
        """What the request brought along."""
        found: dict[str, Any] = unpack(self.request) if self.request else {}
        return found


#: What `row_of` reads.
COLUMNS = tuple(deliveries.c[name] for name in Delivery._fields)


def pack(value: Any) -> bytes:
    """JSON, compressed where that is worth it."""
    data = _encode(value)
    if len(data) <= _SMALL:
        return data
    if not hasattr(_local, "compress"):  # one each: they must not be shared by threads
        _local.compress = zstandard.ZstdCompressor(level=1).compress
    packed: bytes = _local.compress(data)
    return packed


def unpack(data: bytes) -> Any:
    """What `pack` was given."""
    return _decode(zstandard.decompress(data) if data[:4] == b"\x28\xb5\x2f\xfd" else data)


def row_of(row: Sequence[Any]) -> Delivery:
    """A delivery from `COLUMNS`."""
    item = Delivery._make(row)
    return item._replace(request=blob(item.request))


class Added(NamedTuple):
    """The number of a delivery, and whether it is new or was asked for before."""

    id: int
    new: bool


_NEW = (
    "id", "key", "channel", "node", "origin", "origin_key", "step", "template", "variant",
    "topic", "flags", "priority", "recipient", "request", "state",
    "scheduled_at", "due_at", "attempts", "created_at", "updated_at",
)  # fmt: skip


def add(tx: Connection, requests: Sequence[Request], now: int) -> list[Added]:
    """Take requests in, each key once; in the order given."""
    if not requests:
        return []
    first = meta.take_numbers(tx, "delivery", len(requests))
    rows = [
        {
            "id": first + index,
            "key": item.key,
            "channel": item.channel,
            "node": item.node,
            "origin": item.origin,
            "origin_key": item.origin_key,
            "step": item.step,
            "template": item.template,
            "variant": item.variant,
            "topic": item.topic,
            "flags": int(item.flags),
            "priority": item.priority,
            "recipient": item.recipient,
            "request": pack(item.data) if item.data else None,
            "state": "drafted" if item.draft else "waiting",
            "scheduled_at": item.due_at or now,
            "due_at": item.due_at or now,
            "attempts": 0,
            "created_at": now,
            "updated_at": now,
        }
        for index, item in enumerate(requests)
    ]
    run_many(tx, _add(tx.dialect.name), rows)
    known: dict[str, int] = {}
    for some in chunks([item.key for item in requests]):
        found = select(deliveries.c.key, deliveries.c.id).where(deliveries.c.key.in_(some))
        known.update((key, id_) for key, id_ in tx.execute(found))
    seen: set[int] = set()
    added = []
    for item in requests:
        id_ = known[item.key]
        added.append(Added(id_, id_ >= first and id_ not in seen))
        seen.add(id_)
    return added


@lru_cache(maxsize=2)
def _add(dialect: str) -> Any:
    statement = upsert_of(dialect, deliveries).values({name: bindparam(name) for name in _NEW})
    return statement.on_conflict_do_nothing(index_elements=["key"])


def get(tx: Connection, id_: int) -> Delivery | None:
    """One delivery."""
    row = tx.execute(select(*COLUMNS).where(deliveries.c.id == id_)).first()
    return row_of(row) if row else None


def by_ids(tx: Connection, ids: Sequence[int]) -> dict[int, Delivery]:
    """Some deliveries by number."""
    return {row[0]: row_of(row) for row in select_by(tx, COLUMNS, deliveries.c.id, ids)}


def by_key(tx: Connection, key: str) -> Delivery | None:
    """The delivery that was asked for under ``key``."""
    row = tx.execute(select(*COLUMNS).where(deliveries.c.key == key)).first()
    return row_of(row) if row else None


def of_node(tx: Connection, node: int) -> list[Delivery]:
    """All deliveries that were asked for under a node, as they came."""
    statement = select(*COLUMNS).where(deliveries.c.node == node).order_by(deliveries.c.id)
    return [row_of(row) for row in tx.execute(statement)]


def any_open(tx: Connection) -> bool:
    """Whether anything is still to be sent, or being sent."""
    statement = select(deliveries.c.id).where(deliveries.c.state.in_(("waiting", "sending")))
    return tx.execute(statement.limit(1)).first() is not None


def channels(tx: Connection) -> list[str]:
    """The channels of which there is anything."""
    names: list[str] = []
    last = ""
    while True:  # from one channel to the next in the index
        following = select(func.min(deliveries.c.channel)).where(deliveries.c.channel > last)
        name = tx.execute(following).scalar()
        if name is None:
            return names
        names.append(name)
        last = name


def by_provider(tx: Connection, destination: int, provider_id: str) -> Delivery | None:
    """The delivery that a destination knows as ``provider_id``."""
    table = deliveries.c
    statement = select(*COLUMNS).where(
        table.provider_id == provider_id, table.destination == destination
    )
    row = tx.execute(statement.order_by(table.id.desc()).limit(1)).first()
    return row_of(row) if row else None


def nothing(channel: str, node: int | None) -> Delivery:
    """A stand-in where something is told of a person and no delivery; its number is 0."""
    empty: dict[str, Any] = dict.fromkeys(Delivery._fields)
    return Delivery(
        **{
            **empty,
            **{
                "id": 0,
                "key": "",
                "channel": channel,
                "node": node,
                "origin": "",
                "origin_key": "",
            },
            **{"flags": 0, "priority": USUAL, "state": "sent", "attempts": 0},
            **dict.fromkeys(("scheduled_at", "due_at", "created_at", "updated_at"), 0),
        }
    )


def first_time(tx: Connection, column: str, ids: Sequence[int], at: int) -> None:
    """Note in ``column`` when something happened first; reports come in any order."""
    field = deliveries.c[column]
    for some in chunks(ids):
        tx.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(some), field.is_(None) | (field > at))
            .values({column: at})
        )


def told(tx: Connection, id_: int, state: str, reason: str | None, at: int, now: int) -> None:
    """What a provider says at last of a delivery that it has, or may have."""
    table = deliveries.c
    tx.execute(
        update(deliveries)
        .where(table.id == id_, table.state.in_(("sending", "sent", "held", "waiting")))
        .values(
            state=state,
            until=None,
            reason=reason,
            sent_at=func.coalesce(table.sent_at, at),
            updated_at=now,
        )
    )
