"""Of whom a new condition has to be asked one by one, and of whom SQL knows the answer."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, literal, select, union_all

from cdp.conditions.sql.ever import Ever
from cdp.conditions.sql.sides import NOBODY, Found, Side, complement
from cdp.store.audiences import matching
from cdp.store.events.columnar import Unreadable
from cdp.store.tables import USERS, nodes, partition_tables, profiles

logger = structlog.get_logger(__name__)


class Choice(NamedTuple):
    """Profiles in order: ``asked`` are to be looked at (None: everybody).

    Of ``settled`` the answer is sure for as long as nothing more is said of them: they are
    in, or have the value that anybody has of whom nothing is known. Others have none.
    """

    asked: array[int] | None
    settled: array[int]

    @property
    def size(self) -> int:
        """How many ids it holds."""
        return len(self.settled) + len(self.asked if self.asked is not None else ())


def choose_members(tx: Connection, root: Any, now: int, collection: int = USERS) -> Choice:
    """For a condition: who may come to be in by time alone, and who is and stays in."""

    def sides(people: Ever) -> tuple[Side, Side]:
        inside, outside = people.ever(root), people.ever(root, wanted=False)
        return people.sets.all_of([inside, outside]), complement(outside)

    return _choice(tx, root, sides, now, collection)


def choose_valued(
    tx: Connection, root: Any, now: int, anybody: bool, collection: int = USERS
) -> Choice:
    """For a value: who may have one of their own. ``anybody``: the others have one, too."""

    def sides(people: Ever) -> tuple[Side, Side]:
        asked = people.touched(root)
        return asked, complement(asked) if anybody else NOBODY

    return _choice(tx, root, sides, now, collection)


#: Those who are to be asked, and those of whom the answer is sure.
Sides = Callable[[Ever], tuple[Side, Side]]


def _choice(tx: Connection, root: Any, sides: Sides, now: int, collection: int) -> Choice:
    try:
        large = matching.ever_large(tx, root, now, collection)
        if large is not None:
            return _listed(tx, *large, sides, now, collection)
    except Unreadable as error:
        logger.warning("columns_not_read", error=str(error))
    people = Ever(matching.known(tx, collection), now, shared=True)
    return _listed(tx, people, tx.execute, sides, now, collection)


def _listed(
    tx: Connection, people: Ever, run: matching.Run, sides: Sides, now: int, collection: int
) -> Choice:
    asked, settled = sides(people)
    if asked.all_but and asked.ids is None:
        return Choice(None, array("q"))

    def ids_of(side: Side) -> list[int]:
        if side.ids is None and not side.all_but:
            return []
        found = matching.Matches(people, Found(side, side), collection, frozenset(), run)
        return matching.list_ids(found, side)

    ahead = _ahead(tx, now, collection)
    ids = set(ids_of(asked)) | ahead
    sure = [id_ for id_ in ids_of(settled) if id_ not in ahead]
    return Choice(array("q", sorted(ids)), array("q", sorted(sure)))


def _ahead(tx: Connection, now: int, collection: int) -> set[int]:
    """Who has events of which the time has not come."""
    parts = [
        part for part in matching.known(tx, collection).parts
        if part.max_t is None or part.max_t > now
    ]  # fmt: skip
    if not parts:
        return set()
    tables = [partition_tables(part.number).history for part in parts]
    later = union_all(*(select(table.c.node).where(table.c.t > literal(now)) for table in tables))
    owners = select(nodes.c.profile).where(nodes.c.id.in_(later), nodes.c.profile != 0)
    mine = select(profiles.c.id).where(
        profiles.c.collection == collection, profiles.c.id.in_(owners)
    )
    return set(tx.execute(mine).scalars())


def existing(tx: Connection, ids: list[int], collection: int = USERS) -> set[int]:
    """Those of some ids, in order, that are profiles of a collection."""
    if not ids:
        return set()
    c = profiles.c
    between = select(c.id).where(c.id >= ids[0], c.id <= ids[-1], c.collection == collection)
    return set(tx.execute(between).scalars()).intersection(ids)
