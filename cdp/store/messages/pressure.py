"""What people have been sent of late, where they are, and the rules on how much and when."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from cdp.conditions.durations import parse_duration
from cdp.definitions.journey_rules import WAIT
from cdp.journeys.run import ACTIVE
from cdp.messaging.pressure import (
    Earlier,
    Limit,
    Quiet,
    QuietWhile,
    read_limit,
    read_quiet,
    read_while,
)
from cdp.messaging.request import Flag
from cdp.store import definitions
from cdp.store.bulk import chunks
from cdp.store.tables import deliveries, journey_runs, journeys, nodes


class Rules(NamedTuple):
    """Caps, quiet hours and quiet journeys that are in force."""

    limits: tuple[Limit, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    whiles: tuple[QuietWhile, ...] = ()


def rules(tx: Connection) -> Rules:
    """The rules as they are defined now."""
    limits, quiet, whiles = [], [], []
    for item in definitions.all_current(tx, "message_limit", "quiet_hours", "quiet_while"):
        body = item.body or {}
        if body.get("archived"):
            continue
        if item.kind == "quiet_hours":
            quiet.append(read_quiet(item.key, body))
        elif item.kind == "quiet_while":
            wait = parse_duration(body.get("wait", WAIT)) or 0
            whiles.append(read_while(item.key, body, wait))
        else:
            limits.append(read_limit(item.key, body, parse_duration(body["per"]) or 0))
    return Rules(tuple(limits), tuple(quiet), tuple(whiles))


def inside(tx: Connection, people: Sequence[int], keys: Set[str]) -> dict[int, set[str]]:
    """In which journeys of ``keys`` profiles are now, by profile."""
    found: dict[int, set[str]] = {}
    run, way = journey_runs.c, journeys.c
    for some in chunks(sorted(set(people))):
        statement = (
            select(run.profile, way.key)
            .join(journeys, way.id == run.journey)
            .where(run.profile.in_(some), run.status == ACTIVE, way.key.in_(sorted(keys)))
        )
        for profile, key in tx.execute(statement):
            found.setdefault(profile, set()).add(key)
    return found


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
