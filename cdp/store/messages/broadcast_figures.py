"""What became of a broadcast's messages: counts, reasons, variants, conversions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, literal_column, select

from cdp.store.bulk import chunks, select_by
from cdp.store.events import history
from cdp.store.tables import SECONDARY, deliveries, nodes, partition_tables, partitions

#: What can happen to a message, and the column that says when.
HAPPENED = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")

_c = deliveries.c
_OURS = _c.origin == literal_column("'broadcast'")


def states(tx: Connection, id_: int) -> dict[str, int]:
    """Deliveries by state; reads an index alone."""
    statement = select(_c.state, func.count()).where(_OURS, _c.origin_key == str(id_))
    return {row[0]: int(row[1]) for row in tx.execute(statement.group_by(_c.state))}


def happened(tx: Connection, id_: int) -> dict[str, int]:
    """How many messages were sent, opened and so on."""
    found: dict[str, int] = {}
    for mine in by_variant(tx, id_).values():
        for name, n in mine.items():
            found[name] = found.get(name, 0) + n
    return found


def by_variant(tx: Connection, id_: int, until: int | None = None) -> dict[str, dict[str, int]]:
    """The same by variant; where there is but one message its name is empty.

    With ``until`` of those alone that were asked for by then (ms).
    """
    return _by(tx, id_, _c.variant, until)


def by_channel(tx: Connection, id_: int) -> dict[str, dict[str, int]]:
    """The same by channel."""
    return _by(tx, id_, _c.channel)


def _by(
    tx: Connection, id_: int, column: Any, until: int | None = None
) -> dict[str, dict[str, int]]:
    counted = [
        func.count(case((_c[f"{name}_at"].is_not(None), 1))).label(name) for name in HAPPENED
    ]
    statement = select(column.label("value"), func.count().label("queued"), *counted)
    statement = statement.where(_OURS, _c.origin_key == str(id_)).group_by(column)
    if until is not None:
        statement = statement.where(_c.created_at <= until)
    return {
        row.value or "": {name: int(getattr(row, name)) for name in ("queued", *HAPPENED)}
        for row in tx.execute(statement)
    }


def reasons(tx: Connection, id_: int, *states_: str, told: bool = False) -> dict[str, int]:
    """Why messages in some states went no further; by what stands before the colon.

    With ``told`` of those alone of which it is said.
    """
    statement = select(_c.reason, func.count()).where(
        _OURS, _c.origin_key == str(id_), _c.state.in_(states_)
    )
    if told:
        statement = statement.where(_c.reason.is_not(None))
    found: dict[str, int] = {}
    for reason, n in tx.execute(statement.group_by(_c.reason)):
        code = str(reason or "unknown").partition(":")[0][:60]
        found[code] = found.get(code, 0) + int(n)
    return found


def withheld(tx: Connection, key: str, most: int) -> int:
    """How many messages of a broadcast are undeliverable; counted up to ``most``."""
    some = select(_c.id).where(_OURS, _c.origin_key == key, _c.state == "undeliverable")
    return int(
        tx.execute(select(func.count()).select_from(some.limit(most).subquery())).scalar_one()
    )


class Conversions(NamedTuple):
    """Messages that were followed by what people were to do."""

    by_variant: dict[str, int]

    @property
    def all(self) -> int:
        """In all variants."""
        return sum(self.by_variant.values())


def conversions(
    tx: Connection,
    ids: Sequence[int],
    event: str,
    within: int,
    since: int,
    until: int | None = None,
) -> Conversions:
    """Who did ``event`` within ``within`` ms of a message of the broadcasts ``ids``.

    By event time, and credited to the last message (of whatever kind) that the person had
    got before; each message counts once. ``until`` as in `by_variant`.
    """
    did = times_of(tx, event, since)
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(did))
    times: dict[int, list[int]] = {}
    for node, profile in rows:
        if profile:
            times.setdefault(profile, []).extend(did[node])
    keys = {str(id_) for id_ in ids}
    credited: dict[str, set[int]] = {}
    for some in chunks(sorted(times), 5000):
        for profile, sent in _sent_to(tx, list(some)).items():
            for t in times[profile]:
                before = [item for item in sent if item[0] <= t]
                last = max(before, default=None)
                if last is None or (until is not None and last[4] > until):
                    continue
                if last[1] in keys and t - last[0] <= within:
                    credited.setdefault(last[2], set()).add(last[3])
    return Conversions({name: len(found) for name, found in credited.items()})


class Credit(NamedTuple):
    """A broadcast's message that was the last one before somebody did ``event``, at ``t`` (ms)."""

    delivery: int
    event: str
    t: int
    sent_at: int


def credits(tx: Connection, did: Sequence[tuple[int, int, str]]) -> list[Credit]:
    """The messages that go before what was done, as (node, t, event), in that order."""
    columns = (nodes.c.id, nodes.c.profile)
    homes = dict(map(tuple, select_by(tx, columns, nodes.c.id, sorted({one[0] for one in did}))))
    found = []
    for some in chunks(sorted({home for home in homes.values() if home}), 5000):
        sent = _sent_to(tx, list(some))
        for node, t, event in did:
            before = [item for item in sent.get(homes.get(node) or 0, ()) if item[0] <= t]
            last = max(before, default=None)
            if last is not None and last[1]:
                found.append(Credit(last[3], event, t, last[0]))
    return found


def converted_among(
    tx: Connection, node_ids: Sequence[int], event: str, since: int, until: int
) -> int:
    """How many of some people did ``event`` from ``since`` to ``until`` (event time in ms)."""
    did = times_of(tx, event, since)
    columns = (nodes.c.id, nodes.c.profile)
    homes = dict(map(tuple, select_by(tx, columns, nodes.c.id, sorted({*did, *node_ids}))))
    who = {
        homes.get(node) for node, times in did.items() if any(since <= t <= until for t in times)
    }
    return len({homes[node] for node in node_ids if homes.get(node)} & who)


def times_of(tx: Connection, event: str, since: int) -> dict[int, list[int]]:
    """When (event time) an event happened since ``since``, by node."""
    number = history.numbers_of_names(tx, [("track", event)]).get(("track", event))
    found: dict[int, list[int]] = {}
    if number is None:
        return found
    p = partitions.c
    for part in tx.execute(select(p.id, p.max_t).order_by(p.id)):
        if part.max_t is not None and part.max_t < since:
            continue
        table = partition_tables(part.id).history.c
        statement = select(table.node, table.t).where(
            table.name == number, table.t >= since, table.flags.op("&")(SECONDARY) == 0
        )
        for node, t in tx.execute(statement):
            found.setdefault(node, []).append(t)
    return found


def _sent_to(tx: Connection, people: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    """(when, broadcast or nothing, variant, number, asked for) of all that people got."""
    owner = {
        row[1]: row[0]
        for row in select_by(tx, (nodes.c.profile, nodes.c.id), nodes.c.profile, people)
    }
    columns = (_c.node, _c.sent_at, _c.origin, _c.origin_key, _c.variant, _c.id, _c.created_at)
    found: dict[int, list[tuple[Any, ...]]] = {}
    for node, sent_at, origin, key, variant, id_, at in select_by(
        tx, columns, _c.node, sorted(owner)
    ):
        if sent_at is not None:
            of = key if origin == "broadcast" else ""
            found.setdefault(owner[node], []).append((sent_at, of, variant or "", id_, at))
    return found
