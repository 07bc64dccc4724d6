"""The rules and cuts of identity, and the facts that a component is folded from."""

from __future__ import annotations

import json
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cdp.events import Stamp
from cdp.identity import DEFAULT, Cut, Cuts, Identifier, Node, Rules
from cdp.identity.rules_file import parse
from cdp.store import config_rows, definitions, meta
from cdp.store.bulk import select_by, upsert
from cdp.store.meta import take_numbers
from cdp.store.profiles.graph import NodeRow
from cdp.store.tables import cuts, sightings

KIND, KEY = "identity", "default"
_SWEEP = "identity_sweep"

_decode_ids = msgspec.json.Decoder(list[tuple[str, str]]).decode


def load_rules(tx: Connection) -> Rules:
    """The rules that hold now."""
    found = definitions.current(tx, KIND, KEY)
    if found is None or found.body is None:
        return DEFAULT
    numbers = {source.key: source.id for source in config_rows.all_sources(tx)}
    return parse(found.body, numbers)


class Sweep(NamedTuple):
    """How far folding all anew is: components below ``at`` are done, it ends at ``end``."""

    at: int
    end: int


def sweep(tx: Connection) -> Sweep | None:
    """The sweep that is not at its end; None if there is none."""
    text = meta.get(tx, _SWEEP)
    if text is None:
        return None
    found = Sweep(**json.loads(text))
    return found if found.at < found.end else None


def put_sweep(tx: Connection, state: Sweep) -> None:
    """Note how far the sweep is."""
    meta.put(tx, _SWEEP, json.dumps(state._asdict()))


class CutRow(NamedTuple):
    """A cut as it was made, and by whom it was undone, if it was."""

    cut: Cut
    author: str
    at: int
    note: str | None
    undone_by: str | None
    undone_at: int | None


def all_cuts(tx: Connection) -> list[CutRow]:
    """Every cut that was ever made, the oldest first."""
    return [
        CutRow(
            Cut(row.id, row.collection, _side(row.left_ids), _side(row.right_ids)),
            row.author,
            row.at,
            row.note,
            row.undone_by,
            row.undone_at,
        )
        for row in tx.execute(select(cuts).order_by(cuts.c.id))
    ]


def load_cuts(tx: Connection) -> dict[int, Cuts]:
    """The cuts that hold, by collection."""
    holding = [row.cut for row in all_cuts(tx) if row.undone_at is None]
    return {
        collection: Cuts(cut for cut in holding if cut.collection == collection)
        for collection in {cut.collection for cut in holding}
    }


def add_cut(
    tx: Connection,
    now: int,
    collection: int,
    left: frozenset[Identifier],
    right: frozenset[Identifier],
    author: str,
    note: str | None,
) -> Cut:
    """Make a cut and tell all processes."""
    cut = Cut(take_numbers(tx, "cut", 1), collection, left, right)
    shown = {"taken": sorted(left), "from": sorted(right), "note": note}
    tx.execute(
        insert(cuts).values(
            id=cut.number,
            collection=collection,
            left_ids=json.dumps(sorted(left)),
            right_ids=json.dumps(sorted(right)),
            author=author,
            at=now,
            note=note,
        )
    )
    config_rows.record_change(tx, now, author, "cut", str(cut.number), "created", after=shown)
    return cut


def undo_cut(tx: Connection, now: int, number: int, author: str) -> bool:
    """Take a cut back; False if there is none of that number that holds."""
    statement = (
        update(cuts)
        .where(cuts.c.id == number, cuts.c.undone_at.is_(None))
        .values(undone_at=now, undone_by=author)
    )
    if tx.execute(statement).rowcount != 1:
        return False
    config_rows.record_change(tx, now, author, "cut", str(number), "undone")
    return True


def put_cut(tx: Connection, cut: Cut) -> None:
    """Write the sides of a cut anew; one without a side is deleted."""
    if not cut.left or not cut.right:
        tx.execute(delete(cuts).where(cuts.c.id == cut.number))
        return
    sides = {"left_ids": sorted(cut.left), "right_ids": sorted(cut.right)}
    values = {name: json.dumps(side) for name, side in sides.items()}
    tx.execute(update(cuts).where(cuts.c.id == cut.number).values(**values))


def _side(text: str) -> frozenset[Identifier]:
    return frozenset((str(type_), str(value)) for type_, value in json.loads(text))


def node_of(row: NodeRow) -> Node:
    """A node as identity sees it."""
    stamp = Stamp(row.first_t, row.first_source, row.first_message_id)
    return Node(row.id, tuple(_decode_ids(row.ids)), stamp)


def facts_of(tx: Connection, rows: list[NodeRow], rules: Rules) -> list[Node]:
    """What a component is folded from: its nodes, and the days on which they were met."""
    facts = [node_of(row) for row in rows]
    if rules.any_window:
        by_id = {fact.handle: fact for fact in facts}
        for node, _day, stamp in sightings_of(tx, list(by_id)):
            if stamp != by_id[node].first:
                facts.append(by_id[node]._replace(first=stamp))
    return facts


def sightings_of(tx: Connection, nodes: list[int]) -> list[tuple[int, int, Stamp]]:
    """(node, day, stamp) of each day on which some nodes were met."""
    rows = select_by(tx, tuple(sightings.c), sightings.c.node, nodes)
    return [(row[0], row[1], Stamp(*row[2:])) for row in rows]


def add_sightings(tx: Connection, rows: list[tuple[int, int, Stamp]]) -> None:
    """Note (node, day, stamp); of several on one day the earliest stays."""
    if not rows:
        return
    # Compared here, not in SQL: Postgres may sort text otherwise than by code point.
    known = {row[:2]: row[2] for row in sightings_of(tx, [row[0] for row in rows])}
    earlier = [
        {"node": node, "day": day, **stamp._asdict()}
        for node, day, stamp in rows
        if (node, day) not in known or stamp < known[node, day]
    ]
    if not earlier:
        return
    statement = upsert(tx, sightings)
    names = ("t", "source", "message_id")
    statement = statement.values(
        {name: bindparam(name) for name in ("node", "day", *names)}
    ).on_conflict_do_update(
        index_elements=["node", "day"], set_={name: statement.excluded[name] for name in names}
    )
    tx.execute(statement, earlier)
