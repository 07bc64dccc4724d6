"""Deliveries: one message to one person each, from the request to its end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)

from cdp.messaging.request import BULK, TRANSACTIONAL, USUAL, Request
from cdp.store import meta
from cdp.store.bulk import blob, chunks, run_many, select_by, upsert_of
from cdp.store.tables import deliveries, delivery_contents

_local = threading.local()
#: Shorter texts gain nothing by being compressed.
_SMALL = 400
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

#: In this order; each is looked for by itself, so that what is due later costs nothing.
PRIORITIES = (TRANSACTIONAL, USUAL, BULK)


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


_columns = tuple(deliveries.c[name] for name in Delivery._fields)


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


def _row(row: Sequence[Any]) -> Delivery:
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
    row = tx.execute(select(*_columns).where(deliveries.c.id == id_)).first()
    return _row(row) if row else None


def by_ids(tx: Connection, ids: Sequence[int]) -> dict[int, Delivery]:
    """Some deliveries by number."""
    return {row[0]: _row(row) for row in select_by(tx, _columns, deliveries.c.id, ids)}


def by_key(tx: Connection, key: str) -> Delivery | None:
    """The delivery that was asked for under ``key``."""
    row = tx.execute(select(*_columns).where(deliveries.c.key == key)).first()
    return _row(row) if row else None


def of_node(tx: Connection, node: int) -> list[Delivery]:
    """All deliveries that were asked for under a node, as they came."""
    statement = select(*_columns).where(deliveries.c.node == node).order_by(deliveries.c.id)
    return [_row(row) for row in tx.execute(statement)]


def any_open(tx: Connection) -> bool:
    """Whether anything is still to be sent, or being sent."""
    statement = select(deliveries.c.id).where(deliveries.c.state.in_(("waiting", "sending")))
    return tx.execute(statement.limit(1)).first() is not None


# -- on the way ----------------------------------------------------------------------


def _due(channel: str, now: int) -> Any:
    table = deliveries.c
    return (
        (table.channel == channel)
        & (table.state == "waiting")
        & table.priority.in_(PRIORITIES)
        & (table.due_at <= now)
    )


def has_due(tx: Connection, channel: str, now: int) -> bool:
    """Whether anything of a channel is due."""
    statement = select(deliveries.c.id).where(_due(channel, now)).limit(1)
    return tx.execute(statement).first() is not None


def due_channels(tx: Connection, now: int) -> list[str]:
    """The channels of which something is due."""
    return [channel for channel in channels(tx) if has_due(tx, channel, now)]


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


def lease(tx: Connection, channel: str, now: int, until: int, limit: int) -> list[Delivery]:
    """Take due deliveries to be rendered; those that come to nothing are due again at ``until``."""
    table = deliveries.c
    found: list[Delivery] = []
    for priority in PRIORITIES:
        statement = (
            select(*_columns)
            .where(
                table.channel == channel,
                table.state == "waiting",
                table.priority == priority,
                table.due_at <= now,
            )
            .order_by(table.due_at, table.id)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True)
        )
        found += [_row(row) for row in tx.execute(statement)]
        if len(found) >= limit:
            break
    for some in chunks([item.id for item in found]):
        tx.execute(update(deliveries).where(table.id.in_(some)).values(due_at=until, until=until))
    return found


def _in(*states: str) -> Any:
    """Whether a delivery is in one of ``states``; written out, for `run_many`."""
    return or_(*(deliveries.c.state == literal_column(f"'{state}'") for state in states))


_claim = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"), _in("waiting"))
    .values(
        state=literal_column("'sending'"),
        until=bindparam("until_"),
        destination=bindparam("destination_"),
        recipient=bindparam("recipient_"),
        version=bindparam("version_"),
        attempts=deliveries.c.attempts + literal_column("1"),
        updated_at=bindparam("now_"),
    )
)


class Claim(NamedTuple):
    """A delivery that is to be handed to a destination now."""

    id: int
    destination: int
    recipient: str | None
    version: int | None


def claim(tx: Connection, claims: Sequence[Claim], now: int, until: int) -> set[int]:
    """Deliveries that are handed over from here on; those that are still ours to hand over.

    One that was cancelled, or has gone with its person, is not among them.
    """
    if not claims:
        return set()
    run_many(
        tx,
        _claim,
        [
            {
                "id_": item.id,
                "until_": until,
                "destination_": item.destination,
                "recipient_": item.recipient,
                "version_": item.version,
                "now_": now,
            }
            for item in claims
        ],
    )
    columns = (deliveries.c.id, deliveries.c.state, deliveries.c.until)
    rows = select_by(tx, columns, deliveries.c.id, [item.id for item in claims])
    return {row[0] for row in rows if row[1] == "sending" and row[2] == until}


class Change(NamedTuple):
    """What became of a delivery; None leaves ``destination`` open for the next try."""

    id: int
    state: str
    due_at: int
    reason: str | None
    destination: int | None
    provider_id: str | None = None
    sent_at: int | None = None


def _change(*states: str) -> Any:
    table = deliveries.c
    return (
        update(deliveries)
        .where(table.id == bindparam("id_"), _in(*states))
        .values(
            state=bindparam("state_"),
            due_at=bindparam("due_at_"),
            until=null(),
            reason=bindparam("reason_"),
            destination=bindparam("destination_"),
            provider_id=bindparam("provider_id_"),
            sent_at=bindparam("sent_at_"),
            updated_at=bindparam("now_"),
        )
    )


# A claim that ran out is held by then; what we know at last is the truth.
_handed_over = _change("sending", "held")
_not_handed_over = _change("waiting")


def record(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Note what became of deliveries that were claimed."""
    run_many(tx, _handed_over, _values(changes, now))


def withhold(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Note what became of deliveries that were leased and not claimed."""
    run_many(tx, _not_handed_over, _values(changes, now))


def _values(changes: Sequence[Change], now: int) -> list[dict[str, Any]]:
    return [{**{f"{k}_": v for k, v in c._asdict().items()}, "now_": now} for c in changes]


def end_claims(tx: Connection, now: int) -> None:
    """Nobody who had leased or claimed anything is alive."""
    table = deliveries.c
    held = table.until.is_not(None)
    leased = update(deliveries).where(held, table.state == "waiting")
    tx.execute(leased.values(due_at=now, until=None))
    tx.execute(update(deliveries).where(held, table.state == "sending").values(until=0))


def any_lost(tx: Connection, before: int) -> bool:
    """Whether any claim ran out before ``before``."""
    table = deliveries.c
    statement = select(table.id).where(table.state == "sending", table.until < before)
    return tx.execute(statement.limit(1)).first() is not None


_defer = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"), _in("waiting"))
    .values(
        due_at=bindparam("due_at_"), scheduled_at=bindparam("due_at_"),
        reason=bindparam("reason_"), until=null(), updated_at=bindparam("now_"),
    )
)  # fmt: skip


def defer(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Let deliveries that were leased go later, by a rule of ours."""
    run_many(tx, _defer, _values(changes, now))


def lost(tx: Connection, before: int, limit: int) -> list[Delivery]:
    """Deliveries that were claimed until before ``before`` and of which nobody knows the end."""
    table = deliveries.c
    statement = (
        select(*_columns)
        .where(table.state == "sending", table.until < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_row(row) for row in tx.execute(statement)]


def by_provider(tx: Connection, destination: int, provider_id: str) -> Delivery | None:
    """The delivery that a destination knows as ``provider_id``."""
    table = deliveries.c
    statement = select(*_columns).where(
        table.provider_id == provider_id, table.destination == destination
    )
    row = tx.execute(statement.order_by(table.id.desc()).limit(1)).first()
    return _row(row) if row else None


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


# -- the message as it was handed over -----------------------------------------------


def keep_contents(tx: Connection, contents: dict[int, Any], now: int) -> None:
    """Keep messages as they are handed over; of several tries the last."""
    rows = [{"delivery": id_, "at": now, "content": pack(c)} for id_, c in contents.items()]
    run_many(tx, _keep(tx.dialect.name), rows)


@lru_cache(maxsize=2)
def _keep(dialect: str) -> Any:
    statement = upsert_of(dialect, delivery_contents).values(
        delivery=bindparam("delivery"), at=bindparam("at"), content=bindparam("content")
    )
    new = {"at": statement.excluded.at, "content": statement.excluded.content}
    return statement.on_conflict_do_update(index_elements=["delivery"], set_=new)


def contents_of(tx: Connection, ids: Sequence[int]) -> dict[int, Any]:
    """Messages as they were handed over."""
    columns = (delivery_contents.c.delivery, delivery_contents.c.content)
    rows = select_by(tx, columns, delivery_contents.c.delivery, ids)
    return {row[0]: unpack(bytes(row[1])) for row in rows}


def drop_contents(tx: Connection, before: int, limit: int = 5000) -> int:
    """Forget copies older than ``before``, some at a time; says how many."""
    table = delivery_contents.c
    old = select(table.delivery).where(table.at < before).limit(limit)
    return tx.execute(delete(delivery_contents).where(table.delivery.in_(old))).rowcount
