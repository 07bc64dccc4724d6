"""Deliveries to look at: lists, one with all that is known of it, and counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select

from cdp.events import format_time
from cdp.identity import public_id
from cdp.messaging.names import delivery_name, delivery_number
from cdp.store import config_rows
from cdp.store.bulk import select_by
from cdp.store.messages import copies, deliveries, link_keys, reports
from cdp.store.messages.deliveries import Delivery
from cdp.store.tables import deliveries as table
from cdp.store.tables import nodes, profiles

_columns = tuple(table.c[name] for name in Delivery._fields)
#: Moments in the life of a delivery.
TIMES = (
    "created_at", "scheduled_at", "due_at", "updated_at", "sent_at", "delivered_at", "opened_at",
    "clicked_at", "bounced_at", "complained_at", "unsubscribed_at", "converted_at",
)  # fmt: skip
_EVENTS = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed",
           "converted")  # fmt: skip


class Which(NamedTuple):
    """Which deliveries: what is None is not asked for. ``reason`` is a code."""

    channel: str | None = None
    state: str | None = None
    template: str | None = None
    origin: str | None = None
    origin_key: str | None = None
    reason: str | None = None
    profile: int | None = None
    since: int | None = None
    until: int | None = None


def newest(tx: Connection, which: Which, limit: int, below: int | None = None) -> list[Delivery]:
    """Deliveries, the newest first."""
    statement = chosen(select(*_columns), which).order_by(table.c.id.desc()).limit(limit)
    if below is not None:
        statement = statement.where(table.c.id < below)
    return [Delivery._make(row) for row in tx.execute(statement)]


def chosen(statement: Select[Any], which: Which) -> Select[Any]:
    """``statement`` with only those that are meant."""
    found: list[ColumnElement[bool]] = [
        table.c[name] == value
        for name in ("channel", "state", "template", "origin", "origin_key")
        if (value := getattr(which, name)) is not None
    ]
    if which.reason is not None:
        code = which.reason
        found.append(
            (table.c.reason == code) | table.c.reason.startswith(f"{code}:", autoescape=True)
        )
    if which.profile is not None:
        mine = select(nodes.c.id).where(nodes.c.profile == which.profile)
        found.append(table.c.node.in_(mine))
    if which.since is not None:
        found.append(table.c.created_at >= which.since)
    if which.until is not None:
        found.append(table.c.created_at < which.until)
    return statement.where(*found)


def by_name(tx: Connection, name: str) -> Delivery | None:
    """The delivery of a public name."""
    keys = link_keys.load(tx)
    number = delivery_number(keys, name) if keys else None
    return deliveries.get(tx, number) if number is not None else None


def shown(tx: Connection, rows: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Deliveries as they are told: public names, times as text, whose they are."""
    if not rows:
        return []
    keys = link_keys.load(tx) or ("",)
    people = _people(tx, [row.node for row in rows if row.node is not None])
    names = {item.id: item.key for item in config_rows.all_destinations(tx)}
    found = []
    for row in rows:
        code, _, detail = (row.reason or "").partition(": ")
        one = {
            "id": delivery_name(keys, row.id),
            "channel": row.channel,
            "state": row.state,
            "reason": code or None,
            "detail": detail or None,
            "profile": people.get(row.node or 0),
            "recipient": row.recipient,
            "template": row.template,
            "version": row.version,
            "variant": row.variant,
            "topic": row.topic,
            "origin": row.origin,
            "origin_key": row.origin_key or None,
            "step": row.step,
            "attempts": row.attempts,
            "destination": names.get(row.destination or 0),
            "provider_id": row.provider_id,
        }
        for name in TIMES:
            at = getattr(row, name)
            one[name] = format_time(at) if at is not None else None
        found.append(one)
    return found


def whole(tx: Connection, row: Delivery) -> dict[str, Any]:
    """One delivery with the message as it was handed over and what was told of it."""
    content = copies.of(tx, [row.id]).get(row.id)
    told = [
        {
            "kind": item.kind,
            "at": format_time(item.at),
            "received_at": format_time(item.received_at),
            "machine": item.machine,
            "detail": item.detail,
        }
        for item in reports.of_delivery(tx, row.id)
    ]
    data = row.data
    given = {
        name: data[name] for name in ("trigger", "event", "content", "chain") if data.get(name)
    }
    return {**shown(tx, [row])[0], "content": content, "reports": told, "data": given}


def _people(tx: Connection, node_ids: Sequence[int]) -> dict[int, str]:
    """The public ids of the people behind nodes."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(set(node_ids)))
    homes = {row[0]: row[1] for row in rows if row[1]}
    columns = (profiles.c.id, profiles.c.collection, profiles.c.anchor)
    heads = {
        row[0]: public_id(row[1], row[2])
        for row in select_by(tx, columns, profiles.c.id, sorted(set(homes.values())))
    }
    return {node: heads[home] for node, home in homes.items() if home in heads}


def count_open(tx: Connection, state: str, most: int) -> int:
    """How many are in a state, counted up to ``most``."""
    some = select(table.c.id).where(table.c.state == state).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(some)).scalar() or 0)


#: By what deliveries can be counted; ``domain`` is that of emails' recipients.
GROUPS = ("channel", "state", "template", "origin", "origin_key", "variant", "topic", "destination",
          "domain")  # fmt: skip


def counts(tx: Connection, which: Which, by: Sequence[str] = ()) -> list[dict[str, Any]]:
    """How many there are, and of how many each thing is known, in groups of ``by``.

    By ``domain`` only what went to an email address is counted.
    """
    groups = [_domain(tx) if name == "domain" else table.c[name] for name in by]
    statement = chosen(
        select(
            *groups,
            func.count().label("total"),
            *(func.count(table.c[f"{name}_at"]).label(name) for name in _EVENTS),
        ),
        which,
    )
    if "domain" in by:
        statement = statement.where(table.c.recipient.contains("@"))
    if groups:
        statement = statement.group_by(*groups).order_by(func.count().desc())
    found = [row._asdict() for row in tx.execute(statement)]
    return _by_domain(found, by) if "domain" in by else found


def _domain(tx: Connection) -> ColumnElement[Any]:
    """What stands behind the first ``@`` of a recipient."""
    to = table.c.recipient
    if tx.dialect.name == "postgresql":
        return func.split_part(to, "@", 2).label("domain")
    return func.substr(to, func.instr(to, "@") + 1).label("domain")


def _by_domain(rows: Sequence[dict[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    """``Ana <ana@Example.org>, …`` went to example.org."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        domain = re.split(r"[\s,;>]", str(row["domain"]), maxsplit=1)[0].rstrip(".").lower()
        key = tuple(domain if name == "domain" else row[name] for name in by)
        mine = found.setdefault(key, {**dict(zip(by, key, strict=True))})
        for name in ("total", *_EVENTS):
            mine[name] = mine.get(name, 0) + row[name]
    return sorted(found.values(), key=lambda row: -row["total"])


def reasons(tx: Connection, which: Which) -> list[dict[str, Any]]:
    """Why messages were not sent, or are not yet: how many for each reason."""
    statement = chosen(select(table.c.state, table.c.reason, func.count().label("n")), which)
    statement = statement.where(table.c.reason.is_not(None), table.c.state != "sent")
    found: dict[tuple[str, str], int] = {}
    for state, reason, n in tx.execute(statement.group_by(table.c.state, table.c.reason)):
        code = reason.partition(":")[0]
        found[state, code] = found.get((state, code), 0) + n
    return [
        {"state": state, "reason": code, "count": n}
        for (state, code), n in sorted(found.items(), key=lambda item: -item[1])
    ]
