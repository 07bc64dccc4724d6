"""What people have been sent of late, and the rules on how much and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from cdp.conditions.durations import parse_duration
from cdp.messaging.pressure import Earlier, Limit, Quiet, read_limit, read_quiet
from cdp.messaging.request import Flag
from cdp.store import definitions
from cdp.store.bulk import chunks
from cdp.store.tables import deliveries, nodes


class Rules(NamedTuple):
    """Caps and quiet hours that are in force."""

    limits: tuple[Limit, ...] = ()
    quiet: tuple[Quiet, ...] = ()


def rules(tx: Connection) -> Rules:
    """The rules as they are defined now."""
    limits, quiet = [], []
    for item in definitions.all_current(tx, "message_limit", "quiet_hours"):
        body = item.body or {}
        if body.get("archived"):
            continue
        if item.kind == "quiet_hours":
            quiet.append(read_quiet(item.key, body))
        else:
            limits.append(read_limit(item.key, body, parse_duration(body["per"]) or 0))
    return Rules(tuple(limits), tuple(quiet))


def earlier(tx: Connection, people: Sequence[int], since: int) -> dict[int, list[Earlier]]:
    """What profiles were handed since ``since`` (ms), or may have been, by profile.

    Transactional messages and trials are not counted.
    """
    table = deliveries.c
    at = func.coalesce(table.sent_at, table.updated_at)
    found: dict[int, list[Earlier]] = {}
    for some in chunks(sorted(set(people))):
        statement = (
            select(nodes.c.profile, at, table.channel, table.topic)
            .join(deliveries, table.node == nodes.c.id)
            .where(
                nodes.c.profile.in_(some),
                table.state.in_(("sent", "sending", "held")),
                table.flags.op("&")(int(Flag.UNLIMITED | Flag.TEST)) == 0,
                at > since,
            )
        )
        for profile, when, channel, topic in tx.execute(statement):
            found.setdefault(profile, []).append(Earlier(when, channel, topic))
    return found
