"""What messages said about the traits of a profile, and what these were at any time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import Stamp, decode_json
from cdp.identity.objects import traits_said
from cdp.profiles.trait_rules import TraitRules
from cdp.profiles.traits import TraitMap, clean
from cdp.store.events import history, timeline
from cdp.store.events.history import HistoryRow
from cdp.store.profiles import graph
from cdp.store.profiles.trait_rules import load_trait_rules
from cdp.store.tables import USERS

#: Messages that one page looks through at most; what is rare takes more pages.
SCAN = 2000
_CHUNK = 200


class Said(NamedTuple):
    """A value that a message gave to a trait; None unset it. ``t`` is the event time."""

    name: str
    value: Any
    t: int
    source: int
    message_id: str
    seq: int


#: Where a page of the history ended: the (t, seq) of a message and a name in it.
Place = tuple[int, int, str]


class Page(NamedTuple):
    """A page of the history; ``next`` is None at its end.

    A page may have fewer rows than asked for, or none, and still have a next one.
    """

    rows: list[Said]
    next: Place | None


class _Spoken(NamedTuple):
    row: HistoryRow
    stamp: Stamp
    traits: dict[str, Any]


def trait_history(
    tx: Connection,
    profile: int,
    collection: int,
    name: str | None = None,
    limit: int = 50,
    after: Place | None = None,
) -> Page:
    """What set the traits of a profile (or one of them), newest first.

    People's traits come from identify calls, accounts' and objects' from group calls.
    """
    found: list[Said] = []
    before = (after[0], after[1] + 1) if after is not None else None
    looked = 0
    for spoken in _spoken(tx, profile, collection, load_trait_rules(tx), before):
        row = spoken.row
        for trait, value in sorted(spoken.traits.items()):
            if name not in (None, trait):
                continue
            if after is not None and (row.t, row.seq) == after[:2] and trait <= after[2]:
                continue
            if len(found) == limit:
                last = found[-1]
                return Page(found, (last.t, last.seq, last.name))
            message_id = spoken.stamp.message_id
            found.append(Said(trait, value, row.t, row.source, message_id, row.seq))
        looked += 1
        if looked == SCAN:
            return Page(found, (row.t, row.seq - 1, ""))
    return Page(found, None)


def traits_at(tx: Connection, profile: int, collection: int, traits: TraitMap, at: int) -> TraitMap:
    """The traits as they were at the event time ``at`` (ms), of a profile that now has ``traits``.

    The fold over what had been said by then, whenever it arrived. What has not been
    set since is known; the rest is looked up from ``at`` backwards.
    """
    rules = load_trait_rules(tx)
    missing = traits.unsettled(at)
    if len(traits) >= rules.max_profile_traits:
        missing = None  # a name that has been pushed out since may have been there
    made = TraitMap() if missing is None else traits.until(at)
    if missing == set():
        return made
    settled: int | None = None
    for spoken in _spoken(tx, profile, collection, rules, None, at):
        if settled is not None and spoken.stamp.t < settled:
            break  # of messages at one time source and id decide, so all of them are read
        made.assign(spoken.traits, spoken.stamp, rules)
        if missing:
            missing.difference_update(spoken.traits)
            if not missing:
                settled = spoken.stamp.t
    return made


def _spoken(
    tx: Connection,
    profile: int,
    collection: int,
    rules: TraitRules,
    before: tuple[int, int] | None,
    end: int | None = None,
) -> Iterator[_Spoken]:
    """The messages that set traits of a profile, newest first."""
    speaks = "identify" if collection == USERS else "group"
    numbers = history.names_of_type(tx, speaks)
    nodes = [node.id for node in graph.nodes_of_profiles(tx, [profile])]
    size = _CHUNK // 4
    while True:
        rows = timeline.rows_of_nodes(
            tx, nodes, before=before, limit=size, end=end, name_ids=numbers
        )
        bodies = history.bodies_of(tx, rows)
        for row in rows:
            body = decode_json(bodies[row.seq].raw) if row.seq in bodies else {}
            traits = traits_said(speaks, body)
            if traits:
                stamp = Stamp(row.t, row.source, body["messageId"])
                yield _Spoken(row, stamp, clean(traits, rules)[0])
        if len(rows) < size:
            return
        before, size = (rows[-1].t, rows[-1].seq), _CHUNK


def pasts(
    tx: Connection, profile: int, collection: int, names: Collection[str]
) -> dict[str, list[tuple[int, Any]]]:
    """What some traits were from when on: (event time, value) of each that was set, in order."""
    rules = load_trait_rules(tx)
    spoken = [
        one
        for one in _spoken(tx, profile, collection, rules, None)
        if not one.traits.keys().isdisjoint(names)
    ]
    found: dict[str, list[tuple[int, Any]]] = {}
    made = TraitMap()
    for one in sorted(spoken, key=lambda one: one.stamp):
        said = {name: value for name, value in one.traits.items() if name in names}
        made.assign(said, one.stamp, rules)
        values = made.values()
        for name in said:
            found.setdefault(name, []).append((one.stamp.t, values.get(name)))
    return found
