"""Computed traits that queries of people's own work out: asked on time, and kept.

A query runs on a connection that can only read. What it returned is held against what is
there, in short transactions; whoever changes is looked at anew by the conditions that
read it. A new version is worked out beside the one that holds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from threading import Event
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cdp.audiences import COMPUTED_TRAIT
from cdp.config import Settings
from cdp.definitions.computed_trait import read_of, rest_of
from cdp.definitions.own_sql import SqlError, whom_and_value
from cdp.identity import normal_value
from cdp.pipeline.audiences.definitions import fingerprint_of_query
from cdp.store import Store, StoreBusy, definitions, meta
from cdp.store.audiences import choosing, members, query_runs, timers
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences.evaluated import GONE, LIVE, WAITING, AudienceRow
from cdp.store.audiences.own_sql import Answer
from cdp.store.audiences.warehouse import ask_at
from cdp.store.bulk import chunks
from cdp.store.defined import defining, elsewhere
from cdp.store.destinations import connections
from cdp.store.events import kept
from cdp.store.profiles import trait_values

logger = structlog.get_logger(__name__)

#: Values that are compared in one transaction; characters of one value.
PIECE, MAX_VALUE = 2_000, 10_000
_IDLE_S = 1.0
_encode = msgspec.json.Encoder().encode


class Query(NamedTuple):
    """A query that is to be asked: the row that it works out, its text, and of whom."""

    row: AudienceRow
    sql: str
    #: The name of the warehouse that is asked; the store if there is none.
    warehouse: str | None


def due(tx: Connection, now: int) -> list[Query]:
    """The queries whose time has come, and all of whose values are kept."""
    bodies = {item.key: item.body or {} for item in definitions.all_current(tx, COMPUTED_TRAIT)}
    bodies = {key: body for key, body in bodies.items() if "sql" in body}
    if not bodies:
        return []
    runs = query_runs.all_runs(tx)
    lacking = {(item.event, item.path) for item in kept.all_kept(tx) if not item.complete}
    lacking_traits = {item.path for item in trait_values.all_kept(tx) if not item.complete}
    found = []
    for row in audiences.rows(tx, WAITING, LIVE):
        body = bodies.get(row.key)
        if row.root is not None or body is None or row.fingerprint != fingerprint_of_query(body):
            continue
        reads = [read_of(text) for text in body.get("reads", ())]
        if any(
            read.path in lacking_traits if read.event is None else tuple(read) in lacking
            for read in reads
        ):
            continue
        run = runs.get(row.id)
        if (
            run is None or run.wanted or run.ended_at is None
            or now >= run.ended_at + rest_of(body, bool(run.error))
        ):  # fmt: skip
            found.append(Query(row, body["sql"], body.get("warehouse")))
    return found


def step(store: Store, settings: Settings, clock: Callable[[], float] = time.time) -> bool:
    """Ask all that is due; whether there was any."""
    with store.read() as tx:
        queries = due(tx, int(clock() * 1000))
    for query in queries:
        work_out(store, query, settings, clock)
    return bool(queries)


def work_out(store: Store, query: Query, settings: Settings, clock: Callable[[], float]) -> None:
    """Ask a query, and keep what it returned or why it failed: then all stays as it was."""
    id_ = query.row.id
    began = int(clock() * 1000)
    with store.write() as tx:
        query_runs.note(tx, id_, began_at=began, wanted=False)
    try:
        answer = ask_at(store, settings, query.sql, query.warehouse)
        values, unknown = _by_profile(store, query.row.collection, answer)
        changed = _keep(store, query.row, values, int(clock() * 1000))
    except SqlError as error:
        with store.write() as tx:
            query_runs.note(tx, id_, ended_at=int(clock() * 1000), error=str(error))
        logger.warning("query_failed", trait=query.row.key, error=str(error))
        return
    with store.write() as tx:
        query_runs.note(
            tx, id_, ended_at=int(clock() * 1000), error=None, rows=len(answer.rows),
            unknown=unknown, changed=changed,
        )  # fmt: skip


def _by_profile(store: Store, collection: int, answer: Answer) -> tuple[dict[int, str], int]:
    """The JSON of each profile's value, the last row of several; and how many are unknown."""
    kind = whom_and_value(answer.columns)
    said: dict[str, str | None] = {}
    for whom, value in answer.rows:
        if whom is not None:
            said[_name(kind, whom)] = _json(value)
    found: dict[int, str] = {}
    known = 0
    with store.read() as tx:
        for some in chunks(list(said), PIECE):
            for name, profile in _profiles(tx, collection, kind, some):
                known += 1
                text = said[name]
                if text is not None:
                    found[profile] = text
                else:
                    found.pop(profile, None)
        if not known and said and kind != "profile_id" and not query_runs.knows_type(tx, kind):
            raise SqlError(
                f"nobody has an identifier {kind}: call the first column profile_id, or what "
                "an identifier is called, such as user_id or email"
            )
    return found, len(said) - known


def _profiles(
    tx: Connection, collection: int, kind: str, names: Iterable[str]
) -> Iterator[tuple[str, int]]:
    if kind != "profile_id":
        yield from query_runs.profiles_named(tx, collection, kind, list(names))
        return
    ids = sorted({int(name) for name in names if name.isascii() and name.isdigit()})
    yield from ((str(id_), id_) for id_ in sorted(choosing.existing(tx, ids, collection)))


def _name(kind: str, whom: Any) -> str:
    """Whom a row is about, as identifiers of that kind are kept."""
    if isinstance(whom, Decimal | float) and math.isfinite(whom) and whom == int(whom):
        whom = int(whom)
    return normal_value(kind, str(whom)) or str(whom)


def _json(value: Any) -> str | None:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, UUID):
        value = str(value)
    if not isinstance(value, str | int | float | bool | list | dict):
        raise SqlError(f"a value is a text, a number or true or false, not {type(value).__name__}")
    text = _encode(value).decode()
    if len(text) > MAX_VALUE:
        raise SqlError(f"a value has more than {MAX_VALUE:,} characters")
    return text


def _keep(store: Store, row: AudienceRow, values: dict[int, str], now: int) -> int:
    """Put the values in the places of those before; returns how many are others."""
    ids = sorted(values)
    pieces = [ids[start : start + PIECE] for start in range(0, len(ids), PIECE)] or [[]]
    low, changed = 0, 0
    for number, piece in enumerate(pieces):
        high = piece[-1] if number < len(pieces) - 1 else 2**62
        with store.write() as tx:
            changed += _keep_some(tx, row, {id_: values[id_] for id_ in piece}, low, high, now)
        low = high
    with store.write() as tx:
        _switch(tx, row, now)
    return changed


def _keep_some(
    tx: Connection, row: AudienceRow, values: dict[int, str], low: int, high: int, now: int
) -> int:
    if row.id not in {item.id for item in audiences.rows(tx, WAITING, LIVE)}:
        raise SqlError("the definition was changed meanwhile")
    old = members.values_between(tx, row.id, low, high)
    there = choosing.existing(tx, sorted(values), row.collection)
    new = {id_: text for id_, text in values.items() if id_ in there}
    other: dict[int, str | None] = {id_: t for id_, t in new.items() if old.get(id_) != t}
    other.update(dict.fromkeys(old.keys() - new.keys()))
    members.put_values(tx, [(row.id, id_, text, now) for id_, text in other.items()])
    if row.state == LIVE:
        if connections.is_told(tx, *_id(row)):
            told = [(row.id, id_, now, text) for id_, text in sorted(other.items())]
            connections.add_values(tx, told)
        if _is_read(tx, row):
            timers.recheck(tx, sorted(other), now)
    return len(other)


def _switch(tx: Connection, row: AudienceRow, now: int) -> None:
    """Let a version that was worked out for the first time take the place of the one before."""
    now_there = next((item for item in audiences.rows(tx, WAITING) if item.id == row.id), None)
    if now_there is None:
        return
    old = audiences.live_row(tx, *_id(row))
    before = old.id if old is not None else None
    if connections.is_told(tx, *_id(row)):
        connections.replace_values(tx, before, row.id, now)
    audiences.change(tx, row.id, state=LIVE, live_at=now)
    if old is not None:
        audiences.change(tx, old.id, state=GONE, ended_at=now)
    if _is_read(tx, row):
        timers.recheck_valued(tx, [row.id, *([before] if before is not None else [])], now)
    meta.bump(tx)


def _id(row: AudienceRow) -> tuple[str, str]:
    return row.kind, row.key


def _is_read(tx: Connection, row: AudienceRow) -> bool:
    """Whether any definition asks for the trait."""
    everything = defining.load(tx)
    return _id(row) in everything and bool(defining.links(everything)[_id(row)].used_by)


def run(store: Store, settings: Settings, stop: Event) -> None:
    """Ask what is due until ``stop``; definitions are told which warehouses there are."""
    told = False
    while not stop.wait(_IDLE_S):
        try:
            if not told:
                with store.write() as tx:
                    elsewhere.know_warehouses(tx, list(settings.warehouses))
                told = True
            step(store, settings)
        except (DBAPIError, StoreBusy, OSError) as error:
            logger.error("queries_wait", error=str(error).splitlines()[0])
            stop.wait(5.0)
