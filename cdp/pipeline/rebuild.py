"""Taking history away, so that the store is what it would be without it.

A removal says which rows go: all of some nodes, all of a source, or all that is old.
It has three phases, each in pieces of a short transaction, and its place in the
store, so that any process may go on with it: the *rows* go, the *graph* around them
is made from what remains, and the *bodies* are taken out of their blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.pipeline.batch import tell_refolded
from cdp.pipeline.mend import mend
from cdp.store import Store, meta
from cdp.store.audiences import members
from cdp.store.catalogue import writing as catalogue
from cdp.store.events import progress, unlisted
from cdp.store.events.history import HistoryRow
from cdp.store.privacy import past, removal
from cdp.store.privacy.removal import BODY, NODE, TARGET, Removal
from cdp.store.profiles import graph, identity
from cdp.store.tables import SECONDARY

#: In one transaction: positions of the history, nodes, blocks.
ROWS, NODES, BLOCKS = 5_000, 200, 40
#: Positions that are looked through for old events in one transaction, and blocks of bodies.
SCAN, LOOK = 20_000, 2_000


class Progress(NamedTuple):
    """How far a removal is: pieces of work done, and of how many as far as is known."""

    id: int
    phase: str
    done: int
    of: int

    @property
    def share(self) -> float:
        """How much of all that is, roughly, from 0 to 1."""
        before = {"rows": 0.0, "graph": 0.3, "bodies": 0.6, "done": 1.0}[self.phase]
        return min(1.0, before + 0.3 * self.done / max(1, self.of))


def remove_nodes(tx: Connection, nodes: Iterable[int], now: int) -> int:
    """Begin to take away all that has been taken in so far of some people's nodes."""
    number = _begin(tx, {"kind": "nodes"}, now)
    removal.doom(tx, number, TARGET, nodes)
    return number


def remove_source(tx: Connection, source: int, now: int) -> int:
    """Begin to take away all that a source has brought so far; it can be brought again."""
    return _begin(tx, {"kind": "source", "source": source}, now)


def remove_before(tx: Connection, before: int, now: int, names: list[int]) -> int:
    """Begin to take away the events before ``before`` of some names (by their numbers).

    What they have done to people stays.
    """
    return _begin(tx, {"kind": "before", "before": before, "names": names}, now)


def _begin(tx: Connection, state: dict[str, Any], now: int) -> int:
    until = meta.next_number(tx, "seq")
    start = {"phase": "rows", "at": 1, "until": until, "done": 0, "bodies": 0}
    return removal.begin(tx, {**start, **state}, now)


def step(store: Store, now: int, number: int | None = None) -> Progress | None:
    """One piece of removal ``number`` (the oldest by default); None when there is none."""
    with store.read() as tx:
        if _pick(tx, number) is None:
            return None
    with store.write() as tx:
        progress.take_turn(tx)
        found = _pick(tx, number)
        if found is None:
            return None
        return _PHASES[found.state["phase"]](tx, found, now)


def finish(store: Store, number: int, now: int) -> Iterator[Progress]:
    """Go on with a removal to its end; yields after each piece."""
    while (reached := step(store, now, number)) is not None:
        yield reached


def _pick(tx: Connection, number: int | None) -> Removal | None:
    return removal.oldest(tx) if number is None else removal.get(tx, number)


def _rows(tx: Connection, job: Removal, now: int) -> Progress:
    if job.state["kind"] == "before":
        return _old_rows(tx, job, now)
    state = job.state
    until, at = state["until"], state["at"]
    if state["kind"] == "nodes":
        found = removal.rows_of_targets(tx, job.id, until, ROWS)
        ended = len(found) < ROWS
        found += removal.objects_rows(tx, found, removal.object_names(tx))
    else:
        found, at = removal.rows_of_source(tx, state["source"], at, until, ROWS)
        ended = at >= until
    _take_out(tx, job.id, found)
    state.update(at=at, done=state["done"] + len(found))
    if ended:
        # Nodes that had lost all of their messages before go as well.
        removal.doom(tx, job.id, NODE, removal.doomed_numbers(tx, job.id, TARGET))
        state["phase"] = "graph"
    return _put(tx, job, state["done"], state["done"] if ended else max(until, state["done"]))


def _old_rows(tx: Connection, job: Removal, now: int) -> Progress:
    """What is old: whole partitions where nothing else is in them, else by ranges."""
    state = job.state
    until, at, names, before = (state[key] for key in ("until", "at", "names", "before"))
    end = unlisted.take_off(tx, names, before, at, until, now)
    if end is not None:
        at = end
    else:
        rows, first, at = past.delete_range(tx, names, before, at, until, SCAN)
        if rows:  # bodies are looked for from the first of these on
            state.update(low=state.get("low", first), high=at, done=state["done"] + rows)
    state["at"] = at
    if at >= until:
        state["phase"] = "graph"
    return _put(tx, job, at, until)


def _take_out(tx: Connection, number: int, rows: list[HistoryRow]) -> None:
    removal.doom(tx, number, NODE, {row.node for row in rows if row.node})
    removal.doom(tx, number, BODY, {row.seq for row in rows if not row.flags & SECONDARY})
    removal.delete_rows(tx, sorted({row.seq for row in rows}))


def _graph(tx: Connection, job: Removal, now: int) -> Progress:
    ids = removal.doomed_numbers(tx, job.id, NODE, NODES)
    if ids:
        # A component is folded once, when all of its nodes are known.
        homes = {row.component for row in graph.nodes_by_id(tx, ids)}
        ids = sorted({*ids, *removal.doomed_in_components(tx, job.id, sorted(homes))})
        rules, cuts = identity.load_rules(tx), identity.load_cuts(tx)
        whole = set(removal.doomed_numbers(tx, job.id, TARGET))
        mended = mend(tx, ids, rules, cuts, now, whole)
        tell_refolded(tx, mended.outcome, mended.changed, now)
        members.erase_people(tx, mended.gone)
        progress.add_profile_changes(tx, [(id_, "deleted", "{}") for id_ in mended.gone], now)
        removal.spare(tx, job.id, NODE, ids)
    left = removal.count_doomed(tx, job.id, NODE)
    if not left:
        job.state["phase"] = "bodies"
    return _put(tx, job, len(ids), len(ids) + left)


def _bodies(tx: Connection, job: Removal, now: int) -> Progress:
    state = job.state
    seqs = removal.doomed_numbers(tx, job.id, BODY, ROWS)
    gone, done = removal.blank(tx, seqs, state.get("source"), BLOCKS)
    removal.spare(tx, job.id, BODY, done)
    state["bodies"] += gone
    left = removal.count_doomed(tx, job.id, BODY)
    if left:
        return _put(tx, job, state["bodies"], state["bodies"] + left)
    if "low" in state and state["low"] < state["high"]:
        gone, low = past.sweep_bodies(tx, state["low"], state["high"], BLOCKS, LOOK)
        state.update(low=low, bodies=state["bodies"] + gone)
        return _put(tx, job, low, state["high"])
    if state["kind"] == "source":
        removal.forget_counts(tx, state["source"])
        catalogue.forget_source(tx, state["source"])
    removal.end(tx, job.id)
    return Progress(job.id, "done", state["bodies"], state["bodies"])


def _put(tx: Connection, job: Removal, done: int, of: int) -> Progress:
    removal.put_state(tx, job.id, job.state)
    return Progress(job.id, job.state["phase"], done, of)


_PHASES = {"rows": _rows, "graph": _graph, "bodies": _bodies}
