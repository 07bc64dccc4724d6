"""How a broadcast goes, and how it went: for the API, the command line and the console."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.delivery.broadcasts import judging
from cdp.messaging.broadcasts.lots import NEVER
from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.messaging.broadcasts.winner import Result, in_words
from cdp.store.messages import broadcast_figures, broadcast_people, broadcasts
from cdp.store.messages.broadcasts import Broadcast

#: Held-out people that are compared with at most.
_COMPARED = 100_000


class Progress(NamedTuple):
    """Figures of a broadcast, those of its calls included.

    ``waiting`` are deliveries on their way, ``happened`` counts messages by what was told
    of them, ``withheld`` people by why they got none, ``failed`` messages by why not,
    ``deferred`` those of ``waiting`` that a rule or a provider lets wait, by why.
    """

    people: int
    held_out: int
    queued: int
    waiting: int
    in_flight: int
    held: int
    cancelled: int
    happened: dict[str, int]
    withheld: dict[str, int]
    failed: dict[str, int]
    deferred: dict[str, int]

    @property
    def done(self) -> float:
        """The share of people of whom it is settled what became of their message."""
        if not self.people:
            return 0.0
        rest = self.waiting + self.in_flight
        turned = self.held_out + self.queued + sum(self.skipped.values())
        return min(1.0, max(0.0, (turned - rest) / self.people))

    @property
    def skipped(self) -> dict[str, int]:
        """Those of ``withheld`` who have no delivery at all."""
        return {name: n for name, n in self.withheld.items() if name.startswith("person_")}


def progress(tx: Connection, row: Broadcast) -> Progress:
    """How it goes just now."""
    rows = [row, *broadcasts.calls_of(tx, row.id, 1000)] if row.parent is None else [row]
    states: dict[str, int] = {}
    happened = dict.fromkeys(broadcast_figures.HAPPENED, 0)
    withheld: dict[str, int] = {}
    failed: dict[str, int] = {}
    deferred: dict[str, int] = {}
    for one in rows:
        _add(states, broadcast_figures.states(tx, one.id))
        counted = broadcast_figures.happened(tx, one.id)
        _add(happened, {name: counted.get(name, 0) for name in happened})
        _add(withheld, broadcast_figures.reasons(tx, one.id, "undeliverable"))
        _add(withheld, {f"person_{name}": n for name, n in one.reasons.items()})
        _add(failed, broadcast_figures.reasons(tx, one.id, "failed", "bounced"))
        _add(deferred, broadcast_figures.reasons(tx, one.id, "waiting", told=True))
    return Progress(
        people=sum(one.people for one in rows),
        held_out=sum(one.held_out for one in rows),
        queued=sum(one.queued for one in rows),
        waiting=states.get("waiting", 0) + states.get("paused", 0),
        in_flight=states.get("sending", 0),
        held=states.get("held", 0),
        cancelled=states.get("cancelled", 0),
        happened=happened,
        withheld=withheld,
        failed=failed,
        deferred=deferred,
    )


class Line(NamedTuple):
    """A variant's figures; ``results`` by measure."""

    name: str
    template: str
    results: dict[str, Result]


class Report(NamedTuple):
    """How it went: variants with their rates, the goal, and the people who were held out.

    ``words`` says by measure what the figures mean; those of the test alone, once the rest gets
    the winner. ``channels`` counts messages by channel,
    in the order in which they are tried; it is empty where there is but one.
    """

    progress: Progress
    lines: tuple[Line, ...]
    words: dict[str, str]
    converted: int | None
    held_out: Result | None
    channels: dict[str, dict[str, int]]


def report(tx: Connection, row: Broadcast, now: int | None = None) -> Report:
    """How it went, as of now."""
    now = now if now is not None else int(time.time() * 1000)
    plan = plan_of(row.body)
    rows = [row, *broadcasts.calls_of(tx, row.id, 1000)] if row.parent is None else [row]
    by_variant: dict[str, dict[str, int]] = {}
    for one in rows:
        for name, counted in broadcast_figures.by_variant(tx, one.id).items():
            _add(by_variant.setdefault(name, {}), counted)
    converted = None
    if plan.goal:
        since = min((one.as_of for one in rows if one.as_of), default=now)
        ids = [one.id for one in rows]
        converted = broadcast_figures.conversions(tx, ids, plan.goal, plan.within_ms, since)
    lines = []
    for variant in plan.variants:
        mine = by_variant.get(variant.name, {})
        sent = mine.get("sent", 0)
        results = {
            name: Result(variant.name, sent, mine.get(name, 0))
            for name in ("delivered", "opened", "clicked", "bounced", "unsubscribed")
        }
        if converted is not None:
            did = converted.by_variant.get(variant.name, 0)
            results["converted"] = Result(variant.name, sent, did)
        lines.append(Line(variant.name, variant.template, results))
    words: dict[str, str] = {}
    for name in ("opened", "clicked", "converted") if len(lines) > 1 else ():
        if name in lines[0].results and row.winner is None:
            words[name] = in_words([line.results[name] for line in lines], name)
        elif name in lines[0].results:
            said = in_words(judging.results(tx, row, plan, name), name)
            words[name] = said and f"In the test: {said}"
    return Report(
        progress(tx, row),
        tuple(lines),
        words,
        converted.all if converted is not None else None,
        _held_out(tx, row, plan, now),
        _by_channel(tx, plan, rows),
    )


def _by_channel(tx: Connection, plan: Plan, rows: Sequence[Broadcast]) -> dict[str, dict[str, int]]:
    names = ("queued", *broadcast_figures.HAPPENED)
    found = {channel: dict.fromkeys(names, 0) for channel, _ in plan.channels}
    for one in rows if found else ():
        for channel, counted in broadcast_figures.by_channel(tx, one.id).items():
            _add(found.setdefault(channel, {}), counted)
    return found


def _held_out(tx: Connection, row: Broadcast, plan: Plan, now: int) -> Result | None:
    """How many of those who got nothing did what people were to do, in the same time."""
    if not plan.goal or not row.held_out or row.as_of is None:
        return None
    nodes = broadcast_people.some_of(tx, row.id, NEVER, _COMPARED)
    until = min(now, (row.ended_at or now) + plan.within_ms)
    did = broadcast_figures.converted_among(tx, nodes, plan.goal, row.as_of, until)
    return Result("held out", len(nodes), did)


def _add(to: dict[str, int], more: dict[str, int]) -> None:
    for name, n in more.items():
        to[name] = to.get(name, 0) + n


def as_json(found: Progress) -> dict[str, Any]:
    """The figures as the API gives them."""
    return {**found._asdict(), "done": round(found.done, 4)}
