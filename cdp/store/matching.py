"""Who meets a condition: `cdp.conditions.sql` run over the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, false, func, select

from cdp.conditions.sql import Found, Kept, Known, Part, People, Side
from cdp.store import kept, trait_values
from cdp.store.tables import USERS, audiences, partitions, profiles

#: Spreads ids over all numbers, the same each time.
_SPREAD, _RANGE = 2_654_435_761, 2**32


def known(tx: Connection, collection: int = USERS) -> Known:
    """What SQL can see just now."""
    c = partitions.c
    parts = tx.execute(select(c.id, c.first_seq, c.min_t, c.max_t).order_by(c.id))
    a = audiences.c
    live = select(a.key, a.id).where(a.kind == "audience", a.state == "live").order_by(a.id)
    return Known(
        tx.dialect.name,
        tuple(Part(*row) for row in parts),
        {
            (item.event, item.path): Kept(item.id, item.backfilled_to, item.backfill_until)
            for item in kept.all_kept(tx)
        },
        {
            item.path: item.id
            for item in trait_values.all_kept(tx)
            if item.complete and item.collection == collection
        },
        {row.key: row.id for row in tx.execute(live)},
        collection,
    )


class Matches(NamedTuple):
    """Who surely meets a condition, and who is left to be decided on.

    ``missing`` is what is not kept (yet), as in `cdp.conditions.sql.People`.
    """

    people: People
    found: Found
    collection: int
    missing: frozenset[tuple[str | None, tuple[str, ...]]]

    @property
    def open(self) -> Side:
        """Whom SQL can't decide on."""
        return self.people.left_open(self.found)


def match(tx: Connection, condition: Any, now: int, collection: int = USERS) -> Matches:
    """The people of a collection who meet an expanded condition at ``now`` (ms)."""
    people = People(known(tx, collection), now)
    found = people.find(condition)
    return Matches(people, found, collection, frozenset(people.missing))


def candidates(
    tx: Connection, condition: Any, now: int, low: int, high: int, collection: int = USERS
) -> list[int]:
    """The profiles with ``low`` < id ≤ ``high`` for which the condition holds or could hold.

    In order. Each call looks at all events that are asked for, so few and wide ranges
    are better than many.
    """
    made = match(tx, condition, now, collection)
    ids = _ids(made, made.found.could, lambda id_: [id_ > low, id_ <= high])
    return sorted(tx.execute(ids).scalars())


def size(tx: Connection, made: Matches, side: Side, total: int) -> int:
    """How many people are in a set; ``total`` is how many there are at all."""
    if side.ids is None:
        return total if side.all_but else 0
    n = tx.execute(select(func.count()).select_from(side.ids.subquery())).scalar_one()
    return total - int(n) if side.all_but else int(n)


def count_all(tx: Connection, collection: int = USERS) -> int:
    """How many profiles a collection has."""
    statement = select(func.count()).where(profiles.c.collection == collection)
    return int(tx.execute(statement).scalar_one())


def some(tx: Connection, made: Matches, side: Side, n: int) -> list[int]:
    """At most ``n`` ids of a set, as if drawn by lot, but the same each time."""
    if not side.all_but and side.ids is None:
        return []
    if not side.all_but:
        return _drawn(tx, _ids(made, side), n)
    newest = tx.execute(select(func.max(profiles.c.id))).scalar() or 0
    if newest <= 20 * n:
        return _drawn(tx, _ids(made, side), n)
    found: dict[int, None] = {}
    for turn in range(1, 33):
        # The numbers of a thin slice, until there are enough: nobody lists everyone.
        drawn = [_lot(turn * n + index, newest) for index in range(n)]
        ids = _ids(made, side, lambda id_, drawn=drawn: [id_.in_(drawn)])
        found.update(dict.fromkeys(tx.execute(ids).scalars()))
        if len(found) >= n:
            break
    return list(found)[:n]


def _lot(number: int, most: int) -> int:
    """One of the numbers up to ``most``; multiplying by the golden ratio spreads them evenly."""
    return 1 + (number * _SPREAD % _RANGE) * most // _RANGE


def _drawn(tx: Connection, ids: Select[Any], n: int) -> list[int]:
    listed = ids.subquery()
    id_ = listed.c[0]
    statement = select(id_).order_by((id_ * _SPREAD) % _RANGE, id_).limit(n)
    return list(tx.execute(statement).scalars())


def members_among(tx: Connection, made: Matches, side: Side, ids: Sequence[int]) -> set[int]:
    """Those of some ids that are in a set."""
    if not ids:
        return set()
    return set(tx.execute(_ids(made, side, lambda id_: [id_.in_(list(ids))])).scalars())


def _ids(made: Matches, side: Side, where: Any = lambda id_: []) -> Select[Any]:
    """The ids of a set, if they are such as ``where`` says."""
    if not side.all_but:
        if side.ids is None:
            return select(profiles.c.id).where(false())
        listed = side.ids.subquery()
        return select(listed.c.profile).where(*where(listed.c.profile))
    id_ = profiles.c.id
    statement = select(id_).where(profiles.c.collection == made.collection, *where(id_))
    if side.ids is None:
        return statement
    return statement.where(made.people.sets.outside(side, id_))
