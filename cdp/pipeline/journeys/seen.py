"""What of a person could have begun a journey: where it was seen, and whether it counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import decode_json, parse_time
from cdp.journeys import Program
from cdp.store.audiences import membership
from cdp.store.events import history, timeline
from cdp.store.profiles import graph, people, trait_history
from cdp.store.tables.partition import HISTORICAL

#: What could have begun it that is looked at, the newest.
MOST = 10


class Seen(NamedTuple):
    """Something that could have begun a run: ``counts``, or ``text`` says why it didn't.

    ``at`` is when the system was told; ``seq`` the position of the message, if there is one.
    """

    what: str
    at: int
    counts: bool
    text: str = ""
    seq: int | None = None
    message: Mapping[str, Any] = {}


def triggers_seen(
    tx: Connection, program: Program, profile: people.Profile, launched: int | None
) -> list[Seen]:
    """What could have begun a journey for somebody, the newest first."""
    kind = program.trigger.kind
    if program.trigger.event is not None or kind == "group":
        found = list(_messages(tx, program, profile))
    elif kind in ("enters", "leaves"):
        found = list(_moves(tx, program, profile))
    elif kind == "trait":
        found = list(_traits(tx, program, profile))
    else:
        return []
    return [
        item._replace(counts=False, text="that was before the launch")
        if launched is not None and item.at < launched and item.counts
        else item
        for item in found
    ]


def _messages(tx: Connection, program: Program, profile: people.Profile) -> Iterator[Seen]:
    trigger = program.trigger
    if trigger.kind == "group":
        numbers = history.names_of_type(tx, "group")
    else:
        name = trigger.event or ""
        pairs = [("track", name)]
        if name in ("Page Viewed", "Screen Viewed"):
            numbers = history.names_of_type(tx, name.split(" ")[0].lower())
        else:
            numbers = []
        numbers += history.numbers_of_names(tx, pairs).values()
    nodes = [node.id for node in graph.nodes_of_profiles(tx, [profile.id])]
    rows = timeline.rows_of_nodes(tx, nodes, limit=MOST, name_ids=numbers)
    bodies = history.bodies_of(tx, rows)
    for row in rows:
        if row.seq not in bodies:
            continue
        body = decode_json(bodies[row.seq].raw)
        at = parse_time(body.get("receivedAt")) or row.t
        text, said = "", body.get("properties") or {}
        ours = (said.get("journey"), said.get("by")) == (program.key, trigger.kind)
        if trigger.kind in ("api", "webhook") and not ours:
            continue  # it was for another journey
        if trigger.where is not None and not trigger.where(body):
            text = "it is not one that its where means"
        elif row.flags & HISTORICAL:
            text = "it was historical (imported, replayed, or more than 72 hours late)"
        what = trigger.event or "a group call"
        yield Seen(f"{what} was seen", at, not text, text, row.seq, body)


def _moves(tx: Connection, program: Program, profile: people.Profile) -> Iterator[Seen]:
    trigger = program.trigger
    entered = trigger.kind == "enters"
    for change in membership.changes_of(tx, "audience", trigger.name, profile.id):
        if change.entered is entered:
            what = f"they {'entered' if entered else 'left'} {trigger.name}"
            yield Seen(what, change.at, True, "", change.event)


def _traits(tx: Connection, program: Program, profile: people.Profile) -> Iterator[Seen]:
    trigger = program.trigger
    page = trait_history.trait_history(tx, profile.id, profile.collection, trigger.name, MOST + 1)
    rows = page.rows
    for at, said in enumerate(rows[:MOST]):
        before = rows[at + 1].value if at + 1 < len(rows) else None
        text = ""
        if said.value == before and type(said.value) is type(before):
            text = "its value was the same before"
        elif "from" in trigger.spec and before != trigger.values[0]:
            text = "it was another value before"
        elif "to" in trigger.spec and said.value != trigger.values[1]:
            text = "it became another value"
        yield Seen(f"{trigger.name} was set", said.t, not text, text, said.seq)
