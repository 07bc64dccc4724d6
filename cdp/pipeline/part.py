"""Folding only what a change can reach of a large component (`cdp.identity.part`).

A computer in a library joins everybody who logs in there to one component, though to no
profile. What comes late from one of them must not make all be folded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import NO_CUTS, Cuts, Identifier, Node, Resolution, Rules, identifier_hash
from cdp.identity.part import Known, fold_part, reach
from cdp.store.bulk import chunks
from cdp.store.profiles import apart, graph, identity
from cdp.store.profiles.identity import sweep as sweep_under_way

#: A component of as many nodes is folded whole.
SMALL = 200
#: The share of a component's nodes from which on folding it whole is as cheap.
MOST = 0.5
#: How often what is reached may grow.
ROUNDS = 20


@dataclass
class Change:
    """What is not as it was in some components.

    There are ``new`` nodes, known ones that were seen ``earlier``, with the stamps of then,
    and what stands ``around`` some identifiers (of a cut). ``asked`` are profiles that
    are only looked at.
    """

    collection: int
    components: list[int]
    new: list[Node] = field(default_factory=list)
    earlier: list[tuple[graph.NodeRow, Stamp]] = field(default_factory=list)
    around: Collection[Identifier] = ()
    asked: Collection[int] = ()


@dataclass
class Part:
    """What was folded instead of the whole: the nodes as stored, and what became of them.

    ``known`` has the stored rows of all identifiers that they name; ``settled`` the id()s
    of the groups that are as they were.
    """

    rows: list[graph.NodeRow]
    result: Resolution
    known: dict[Identifier, graph.IdentifierRow]
    settled: set[int]


def fold_around(
    tx: Connection,
    change: Change,
    rules: Rules,
    cuts: Cuts = NO_CUTS,
    sizes: Mapping[int, int] | None = None,
) -> Part | None:
    """Fold what ``change`` reaches; None where the whole had better be folded.

    ``sizes`` has how many nodes components have, where that is known already.
    """
    if rules.any_window:
        return None
    if sizes is None:
        sizes = graph.sizes_of_components(tx, change.components)
    size = sum(sizes.get(id_, 0) for id_ in change.components)
    if size <= SMALL or sweep_under_way(tx) is not None:
        return None
    return _Search(tx, change, rules, cuts, int(size * MOST)).run()


class _Search:
    """Grows what is judged until nothing more is reached."""

    def __init__(self, tx: Connection, change: Change, rules: Rules, cuts: Cuts, most: int) -> None:
        self._tx, self._change, self._rules, self._cuts = tx, change, rules, cuts
        self._most = most
        self._lowered = {row.id: first for row, first in change.earlier}
        self._identifiers: dict[Identifier, graph.IdentifierRow | None] = {}
        self._rows: dict[int, list[graph.NodeRow]] = {}
        self._texts: list[tuple[str, set[Identifier]]] | None = None

    def run(self) -> Part | None:
        change = self._change
        stirred = self._owners(change.around)
        judging = stirred | self._owners(item for node in change.new for item in node.ids)
        judging |= {row.profile for row, _ in change.earlier if row.profile} | set(change.asked)
        for _ in range(ROUNDS):
            # Who is nobody's is not among them, but may be seen earlier all the same.
            nobodys = [row for row, _ in change.earlier if not row.profile]
            rows = [*self._nodes_of(judging), *nobodys]
            judged = [self._known(row) for row in rows]
            others = self._owners(item.identifier for known in judged for item in known.dropped)
            beside = self._nodes_of(others - judging)
            if len(rows) + len(beside) > self._most:
                return None
            settled = [self._known(row) for row in beside]
            result = fold_part(judged, settled, change.new, self._rules, self._cuts)
            found = reach(result, judged, settled, change.new, stirred)
            hits = self._texts_with(found.identifiers | set(change.around))
            if len(hits) > self._most:
                return None
            more = found.profiles | apart.profiles_with(self._tx, change.components, hits)
            if more <= judging:
                return self._part(rows, settled, result)
            judging |= more
            if len(judging) > self._most:
                return None
        return None

    def _part(self, rows: list[graph.NodeRow], settled: list[Known], result: Resolution) -> Part:
        self._look_up(item for row in rows for item in identity.node_of(row).ids)
        known = {item: row for item, row in self._identifiers.items() if row is not None}
        groups = {id(result.group_of[item.node.handle]) for item in settled}
        return Part(rows, result, known, groups)

    def _nodes_of(self, profiles: set[int]) -> list[graph.NodeRow]:
        missing = sorted(profiles - self._rows.keys())
        for profile in missing:
            self._rows[profile] = []
        for row in graph.nodes_of_profiles(self._tx, missing):
            self._rows[row.profile].append(row)
        return [row for profile in sorted(profiles) for row in self._rows[profile]]

    def _known(self, row: graph.NodeRow) -> Known:
        node, dropped = identity.node_of(row), tuple(apart.read(row.dropped))
        first = self._lowered.get(row.id)
        if first is None or first >= node.first:
            return Known(node, row.profile, dropped)
        return Known(node._replace(first=first), row.profile, dropped, restamped=True)

    def _owners(self, items: Iterable[Identifier]) -> set[int]:
        """Whose some identifiers are, of the components that are looked at."""
        here = self._change.components
        return {
            row.profile
            for row in self._look_up(items)
            if row.profile is not None and row.component in here
        }

    def _look_up(self, items: Iterable[Identifier]) -> list[graph.IdentifierRow]:
        wanted = set(items)
        missing = sorted(wanted - self._identifiers.keys())
        collection = self._change.collection
        for some in chunks(missing):
            self._identifiers |= dict.fromkeys(some)
            hashes = [identifier_hash(collection, item) for item in some]
            for row in graph.identifiers_by_hash(self._tx, hashes):
                if row.collection == collection and (row.type, row.value) in wanted:
                    self._identifiers[row.type, row.value] = row
        found = (self._identifiers[item] for item in wanted)
        return [row for row in found if row is not None]

    def _texts_with(self, items: set[Identifier]) -> list[str]:
        """What nodes say that name one of ``items`` without having got it."""
        stored = {(row.type, row.value) for row in self._look_up(items)}
        if not stored:
            return []
        if self._texts is None:
            found = apart.texts(self._tx, self._change.components)
            self._texts = [(t, {item.identifier for item in apart.read(t)}) for t in found]
        return [text for text, named in self._texts if named & stored]
