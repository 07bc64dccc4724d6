"""Giving the next people of a broadcast their deliveries, in one transaction with how far it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.messaging.broadcasts.lots import FIRST, REST
from cdp.messaging.broadcasts.pace import Pace, after, allowed
from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.messaging.chain import Chain, Link
from cdp.messaging.request import BULK, Request
from cdp.store.messages import asking, broadcast_people, broadcasts
from cdp.store.messages.broadcast_people import Chosen
from cdp.store.messages.broadcasts import ORIGIN, Broadcast
from cdp.store.messages.deliveries import unpack

#: People in one transaction.
PIECE = 500


class Way(NamedTuple):
    """What a template says of its messages."""

    channel: str
    topic: str | None


def step(tx: Connection, row: Broadcast, ways: dict[str, Way], now: int) -> int:
    """Move a broadcast that is sending, which ``tx`` has locked; how many had their turn."""
    plan = plan_of(row.body)
    pace = Pace(row.pace_us, row.pace_day, row.pace_today)
    began = row.as_of or now
    most = allowed(plan, pace, began, now, PIECE)
    if most == 0:
        return 0
    reached = (row.reached_at, row.reached)
    found = broadcast_people.following(tx, row.id, row.wave, reached, now, most)
    if not found:
        _wave_over(tx, row, plan, reached, now)
        return 0
    requests, skipped = _requests(tx, row, plan, ways, found, now)
    asking.ask(tx, requests, now)
    reasons = row.reasons
    for why in skipped:
        reasons[why] = reasons.get(why, 0) + 1
    pace = after(plan, pace, began, now, len(requests))
    broadcasts.change(
        tx, row.id,
        reached_at=found[-1].due_at, reached=found[-1].node, queued=row.queued + len(requests),
        skipped=json.dumps(reasons), pace_us=pace.next_us, pace_day=pace.day,
        pace_today=pace.today, updated_at=now,
    )  # fmt: skip
    return len(found)


def _requests(
    tx: Connection,
    row: Broadcast,
    plan: Plan,
    ways: dict[str, Way],
    found: Sequence[Chosen],
    now: int,
) -> tuple[list[Request], list[str]]:
    """A request for each person, or why there is none."""
    homes = broadcast_people.homes(tx, [item.node for item in found])
    twins = _twins(tx, row, found, homes)
    by_name = {item.name: item for item in plan.variants}
    shared, chain = row.brought, chain_of(plan, ways)
    requests: list[Request] = []
    skipped: list[str] = []
    for item in found:
        home = homes.get(item.node)
        if home is None:
            skipped.append("deleted")
            continue
        if (item.wave, item.due_at, item.node) != twins[home.profile]:
            skipped.append("merged")
            continue
        name = item.variant if item.variant is not None else (row.winner or "")
        variant = by_name.get(name) or plan.variants[0]
        way = ways[variant.template]
        own = unpack(item.data) if item.data else {}
        data: dict[str, Any] = {"campaign_name": row.name}
        trigger = {**(shared.get("trigger") or {}), **own}
        if trigger:
            data["trigger"] = trigger
        requests.append(
            Request(
                key=f"{ORIGIN}:{row.id}:{item.person}",
                channel=way.channel,
                node=item.node,
                origin=ORIGIN,
                origin_key=str(row.id),
                template=variant.template,
                topic=plan.topic or (way.topic if chain is None else None),
                flags=plan.flags,
                priority=BULK,
                due_at=now,
                variant=variant.name or None,
                data=data,
                chain=chain,
            )
        )
    return requests, skipped


def chain_of(plan: Plan, ways: dict[str, Way]) -> Chain | None:
    """The channels of a plan, each with its template."""
    links = [Link(channel, key, plan.topic or ways[key].topic) for channel, key in plan.channels]
    return Chain(tuple(links), plan.unread_ms) if links else None


def _twins(
    tx: Connection,
    row: Broadcast,
    found: Sequence[Chosen],
    homes: dict[int, broadcast_people.Home],
) -> dict[int, tuple[int, int, int]]:
    """Of several who are one person now, the turn that counts: the first.

    A turn of an earlier wave comes first; who was held out stays so.
    """
    nodes = [node for home in homes.values() for node in home.nodes]
    others = broadcast_people.of_broadcast(tx, row.id, nodes)
    owner = {node: home.profile for home in homes.values() for node in home.nodes}
    first: dict[int, tuple[int, int, int]] = {}
    for item in others:
        turn = (item.wave, item.due_at, item.node)
        profile = owner[item.node]
        first[profile] = min(first.get(profile, turn), turn)
    return first


def _wave_over(
    tx: Connection, row: Broadcast, plan: Plan, reached: tuple[int, int], now: int
) -> None:
    """Nobody's turn is now: it goes on later, with the rest, or is over."""
    if broadcast_people.next_due(tx, row.id, row.wave, reached) is not None:
        return
    if row.wave == FIRST and plan.test_share is not None:
        if row.winner is None:
            broadcasts.change(
                tx, row.id, state="testing", wave_ended_at=row.wave_ended_at or now, updated_at=now
            )
        else:
            broadcasts.change(
                tx, row.id, wave=REST, reached_at=-1, reached=0, updated_at=now,
                wave_ended_at=row.wave_ended_at or now,
            )  # fmt: skip
        return
    # Those that are held wait for a person, and hold up nothing.
    if not broadcasts.has_any(tx, row.id, "waiting", "sending", "paused"):
        broadcasts.change(tx, row.id, state="done", ended_at=now, updated_at=now)
