"""Taking identifiers out of a profile for good, and taking that back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.identity import Cut, Cuts, Identifier, Node, Rules, fold, identifier_hash
from cdp.identity.unmerge import Sides, sides
from cdp.pipeline.batch import tell_refolded
from cdp.pipeline.identify import fold_components
from cdp.pipeline.part import Change, fold_around
from cdp.pipeline.traits import update_traits
from cdp.store import Store
from cdp.store.events import history, progress
from cdp.store.profiles import apart, graph, identity, people
from cdp.store.profiles.people import Profile


class CannotUnmerge(ValueError):
    """These identifiers can't be parted; the text says why."""


class Plan(NamedTuple):
    """What a cut would part: both sides, the messages that linked them, and their events."""

    sides: Sides
    links: list[graph.NodeRow]
    events_taken: int
    events_kept: int


def plan(
    tx: Connection, profile: Profile, take: Iterable[Identifier], keep: Identifier | None = None
) -> Plan:
    """What taking ``take`` out of ``profile`` would do; nothing is written.

    ``keep`` is an identifier that stays, by default the one of the highest priority
    that is not taken. Raises `CannotUnmerge`.
    """
    taken = list(dict.fromkeys(take))
    own = people.identifiers_of(tx, profile.id)
    mine = [(row.type, row.value) for row in own]
    for identifier in taken:
        if identifier not in mine:
            raise CannotUnmerge(f"{':'.join(identifier)} is not an identifier of this profile")
    rules = identity.load_rules(tx)
    if keep is None:
        rest = rules.ordered([item for item in mine if item not in taken])
        if not rest:
            raise CannotUnmerge("all identifiers of the profile would be taken: nothing is left")
        keep = rest[0]
    elif keep in taken:
        raise CannotUnmerge(f"{':'.join(keep)} can't both be taken and stay")
    elif keep not in mine:
        raise CannotUnmerge(f"{':'.join(keep)} is not an identifier of this profile")
    rows = people.nodes_of(tx, profile.id)
    kept = [_kept(row, rules) for row in rows]
    found = sides(kept, taken, keep)
    links = [row for row in rows if row.id in found.links]
    counts = history.count_by_node(tx, [row.id for row in rows])
    left = sum(counts.get(n.handle, 0) for n in kept if _lead(n.ids, found) in found.left)
    return Plan(found, links, left, sum(counts.values()) - left)


def company(tx: Connection, profile: Profile, parted: Sides) -> list[Identifier]:
    """Identifiers of others with whom what is taken out would be one; nothing is written.

    Without the link, the next login at a shared computer makes it that person's.
    """
    around = parted.left | parted.right
    rules, collection = identity.load_rules(tx), profile.collection
    holding = [row.cut for row in identity.all_cuts(tx) if row.undone_at is None]
    cuts = Cuts(cut for cut in [*holding, Cut(0, collection, parted.left, parted.right)]
                if cut.collection == collection)  # fmt: skip
    components = _components(tx, collection, around)
    part = fold_around(tx, Change(collection, components, around=around), rules, cuts)
    if part is None:
        facts = identity.facts_of(tx, graph.nodes_of_components(tx, components), rules)
        owner = fold(facts, rules, cuts).owner
    else:
        owner = part.result.owner
    own = {(row.type, row.value) for row in people.identifiers_of(tx, profile.id)}
    homes = [owner[item] for item in parted.left if item in owner]
    return sorted({item for home in homes for item in home.ids} - own)


def unmerge(
    store: Store,
    profile: Profile,
    take: Iterable[Identifier],
    author: str,
    now: int,
    *,
    keep: Identifier | None = None,
    note: str | None = None,
) -> Cut:
    """Part ``take`` from ``profile`` for good: a cut, and the component folded anew.

    Traits and events of both sides become what they would have been without the link,
    and neither a replay nor new events bring it back. Raises `CannotUnmerge`.
    """
    with store.write() as tx:
        progress.take_turn(tx)
        found = plan(tx, profile, take, keep).sides
        cut = identity.add_cut(tx, now, profile.collection, found.left, found.right, author, note)
        _fold_around(tx, cut, now)
    return cut


def undo(store: Store, number: int, author: str, now: int) -> bool:
    """Take a cut back, so that its links hold again; False if there is none that holds."""
    with store.write() as tx:
        progress.take_turn(tx)
        cut = next((row.cut for row in identity.all_cuts(tx) if row.cut.number == number), None)
        if cut is None or not identity.undo_cut(tx, now, number, author):
            return False
        _fold_around(tx, cut, now)
    return True


def _fold_around(tx: Connection, cut: Cut, now: int) -> None:
    around = cut.left | cut.right
    touched = _components(tx, cut.collection, around)
    rules, cuts = identity.load_rules(tx), identity.load_cuts(tx)
    outcome = fold_components(tx, touched, rules, cuts, now, around)
    changed = update_traits(tx, [], outcome, now)
    tell_refolded(tx, outcome, changed, now)


def _components(tx: Connection, collection: int, items: Iterable[Identifier]) -> list[int]:
    hashes = [identifier_hash(collection, item) for item in items]
    return sorted({row.component for row in graph.identifiers_by_hash(tx, hashes)})


def _kept(row: graph.NodeRow, rules: Rules) -> Node:
    """A node with the identifiers that were kept of it, the highest priority first."""
    node = identity.node_of(row)
    gone = {item.identifier for item in apart.read(row.dropped)}
    return node._replace(ids=rules.ordered([item for item in node.ids if item not in gone]))


def _lead(ids: tuple[Identifier, ...], found: Sides) -> Identifier:
    """The identifier that the messages of a node will follow."""
    return next((item for item in ids if item in found.left or item in found.right), ids[0])
