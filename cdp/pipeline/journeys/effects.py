"""What steps do, as rows: deliveries, events on their way into the log, lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import format_time
from cdp.journeys.run import Call, Effect, Emit, Listed, Run, Send, Update
from cdp.messaging.calls import asked, message_id
from cdp.messaging.chain import Chain, Link
from cdp.messaging.choices import who_of
from cdp.messaging.request import Flag, Request
from cdp.pipeline.journeys.plan import JourneyPlan
from cdp.store.defined import by_hand
from cdp.store.messages import addressees, asking, emissions

ORIGIN = "journey"
#: The channel of calls; its deliveries carry the request with them.
CALLS = "webhook"


class Done(NamedTuple):
    """An effect with the run that brought it about, and whose it is."""

    run: Run
    effect: Effect
    profile: int
    node: int


def write(tx: Connection, plan: JourneyPlan, done: Sequence[Done], now: int) -> None:
    """Write what effects come to, in the transaction that decided them."""
    if not done:
        return
    requests = [_request(plan, item) for item in done if isinstance(item.effect, Send | Call)]
    asking.ask(tx, requests, now)
    spoken = [item for item in done if isinstance(item.effect, Emit | Update)]
    if spoken:
        _speak(tx, spoken, now)
    for item in done:
        if isinstance(item.effect, Listed):
            by_hand.place(tx, item.effect.audience, item.profile, item.effect.member, now)


def _request(plan: JourneyPlan, item: Done) -> Request:
    run, effect, node = item.run, item.effect, item.node
    program = plan.journeys.of(run)
    priority = program.priority if program is not None else 100
    data: dict[str, Any] = {
        "event": run.data.get("event") or {},
        "journey": run.scope,
        "campaign_name": plan.names.get(run.journey, run.journey),
    }
    if isinstance(effect, Call):
        return Request(
            effect.key,
            CALLS,
            node,
            ORIGIN,
            run.journey,
            flags=Flag.UNLIMITED | Flag.TO_UNSUBSCRIBED,
            priority=priority,
            data={**data, **asked(effect.request), "call": effect.key},
            step=effect.step,
        )
    assert isinstance(effect, Send)
    links = [Link(channel, key, topic) for key in effect.templates
             for channel, topic in [plan.channels[key]]]  # fmt: skip
    first = links[0]
    trigger = {**((run.data.get("event") or {}).get("properties") or {}), **effect.data}
    if trigger:
        data["trigger"] = trigger
    return Request(
        effect.key,
        first.channel,
        node,
        ORIGIN,
        run.journey,
        first.template,
        topic=effect.topic if len(links) > 1 else effect.topic or first.topic,
        priority=priority,
        data=data,
        step=effect.step,
        chain=Chain(tuple(links), effect.unread_for) if len(links) > 1 else None,
    )


def _speak(tx: Connection, some: Sequence[Done], now: int) -> None:
    people = addressees.of_profiles(tx, sorted({item.profile for item in some}))
    events: list[tuple[int | None, int, dict[str, Any]]] = []
    updates: Counter[int] = Counter()
    for item in some:
        person = people.get(item.profile)
        who = who_of(person.names) if person is not None else None
        if who is None:
            continue
        call = {**_call(item), "messageId": message_id(item.effect.key), **who}
        # Of several updates the last holds, also within one instant.
        later = updates[item.profile] if isinstance(item.effect, Update) else 0
        updates[item.profile] += isinstance(item.effect, Update)
        call["timestamp"] = format_time(now + later)
        events.append((item.node, 0, call))
    emissions.add(tx, events, now)


def _call(item: Done) -> dict[str, Any]:
    effect = item.effect
    if isinstance(effect, Update):
        return {"type": "identify", "traits": dict(effect.traits)}
    assert isinstance(effect, Emit)
    return {"type": "track", "event": effect.event, "properties": dict(effect.properties)}
