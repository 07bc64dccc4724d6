"""Who meets a condition: `cdp.conditions.sql` run over the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Select, false, func, literal, select, union_all

from cdp.conditions.sql import EVERYONE, Found, Kept, KeptTrait, Known, Part, People, Side
from cdp.conditions.sql.mixed import Mixed, MixedEver
from cdp.conditions.sql.sides import exactly
from cdp.store.audiences import courses, lists
from cdp.store.audiences import members as members_store
from cdp.store.audiences.gathering import Gatherer
from cdp.store.bulk import chunks
from cdp.store.events import columnar, kept
from cdp.store.events.columnar import Columnar
from cdp.store.events.homes import listed_by
from cdp.store.profiles import trait_values
from cdp.store.tables import ACCOUNTS, USERS, audiences, partitions, profiles

#: Spreads ids over all numbers, the same each time.
_SPREAD, _RANGE = 2_654_435_761, 2**32
#: Ids that are tried at once where a few people of almost everybody are wanted.
_FEW = 64

#: Has a statement executed.
Run = Callable[[Any], Any]
M = TypeVar("M", bound=Mixed)


def known(tx: Connection, collection: int = USERS, past: int | None = None) -> Known:
    """What SQL can see just now, or of what was at ``past`` (ms)."""
    c = partitions.c
    parts = tx.execute(select(c.id, c.first_seq, c.min_t, c.max_t).order_by(c.id))
    a = audiences.c
    complete = [item for item in trait_values.all_kept(tx) if item.complete]
    traits = {
        of: {i.path: KeptTrait(i.id, i.latest) for i in complete if i.collection == of}
        for of in (collection, ACCOUNTS)
    }
    live = select(a.key, a.id).where(a.kind == "audience", a.state == "live").order_by(a.id)
    return Known(
        tx.dialect.name,
        tuple(Part(*row) for row in parts),
        {
            (item.event, item.path): Kept(item.id, item.backfilled_to, item.backfill_until)
            for item in kept.all_kept(tx)
        },
        traits[collection],
        traits[ACCOUNTS],
        {row.key: row.id for row in tx.execute(live)},
        courses.pasts(tx, past) if past is not None else {},
        {item.key: item.id for item in lists.all_lists(tx)},
        lists.ListsAt(tx),
        members_store.measured_ids(tx),
        collection,
    )


class Matches(NamedTuple):
    """Who surely meets a condition, and who is left to be decided on.

    ``gatherer`` is who put events together, if one did.
    ``missing`` is what is not kept (yet), as in `cdp.conditions.sql.People`; ``run`` has
    a statement about them executed where it can be.
    """

    people: People
    found: Found
    collection: int
    missing: frozenset[tuple[str | None, tuple[str, ...]]]
    run: Run
    gatherer: Gatherer | None = None

    @property
    def open(self) -> Side:
        """Whom SQL can't decide on."""
        return self.people.left_open(self.found)


def match(
    tx: Connection, condition: Any, now: int, collection: int = USERS, past: bool = False
) -> Matches:
    """The people of a collection who meet an expanded condition at ``now`` (ms).

    ``past``: that is an earlier time, and who was in audiences then is found out.
    """
    seen = known(tx, collection, now if past else None)
    people = People(seen, now)
    found = people.find(condition)
    if not found.exact:
        people = People(seen, now, shared=True)
        found = people.find(condition)
    return Matches(people, found, collection, frozenset(people.missing), tx.execute)


def match_large(
    tx: Connection, condition: Any, now: int, collection: int = USERS, past: bool = False
) -> Matches | None:
    """The same by DuckDB over Parquet files, where there are such and they are worth it.

    It and what is made of it raise `Unreadable` where DuckDB can't answer. Who it is has
    been listed, so that more can be asked of them.
    """
    made = _large(tx, condition, now, collection, Mixed, past)
    if made is None:
        return None
    people, duck = made
    found = duck.listed(people.find(condition), people.read)
    run = partial(duck.execute, read=people.read)
    return Matches(people, found, collection, frozenset(people.missing), run)


def ever_large(
    tx: Connection, condition: Any, now: int, collection: int = USERS
) -> tuple[MixedEver, Run] | None:
    """What `cdp.conditions.sql.ever` asks, by DuckDB; as `match_large`."""
    made = _large(tx, condition, now, collection, MixedEver)
    return (made[0], partial(made[1].execute, read=made[0].read)) if made is not None else None


def _large(
    tx: Connection,
    condition: Any,
    now: int,
    collection: int,
    kind: type[M],
    past: bool = False,
) -> tuple[M, Columnar] | None:
    files = columnar.ready(tx) if collection == USERS else []
    if not files:
        return None
    seen = known(tx, collection, now if past else None)
    duck = columnar.open_for(tx, condition, seen, now, files)
    if duck is None:
        return None
    return kind(duck.known(seen), now, People(seen, now), duck.bring, shared=True), duck


def list_ids(made: Matches, side: Side) -> list[int]:
    """All of a set, in no order."""
    ids = ids_of(made, side)
    if made.people.sets.dialect != "sqlite":
        return list(made.run(ids).scalars())
    return listed_by(made.run, ids.subquery().c[0])


def size(tx: Connection, made: Matches, side: Side, total: int) -> int:
    """How many people are in a set; ``total`` is how many there are at all."""
    if side.ids is None:
        return total if side.all_but else 0
    n = made.run(select(func.count()).select_from(side.ids.subquery())).scalar_one()
    return total - int(n) if side.all_but else int(n)


def count_all(tx: Connection, collection: int = USERS) -> int:
    """How many profiles a collection has."""
    statement = select(func.count()).where(profiles.c.collection == collection)
    return int(tx.execute(statement).scalar_one())


class Look(NamedTuple):
    """``sure`` people surely meet a condition, some of whom are ``shown``. ``left`` are to
    be decided on, of whom ``drawn`` are some, or all."""

    sure: int
    shown: list[int]
    left: int
    drawn: list[int]


def look(tx: Connection, made: Matches, total: int, show: int, most: int) -> Look:
    """Count and draw in one statement, so that events are gone through once.

    ``show`` people of those who surely meet the condition, and ``most`` of those who are
    open, as if by lot, but the same each time.
    """
    sure, left = made.found.sure, made.open
    parts: list[Any] = []
    if not sure.all_but and sure.ids is not None:
        parts += _counted_and_drawn(sure.ids, 0, show)
    if not left.all_but and left.ids is not None:
        parts += _counted_and_drawn(left.ids, 2, most)
    found: dict[int, list[int]] = {0: [0], 1: [], 2: [0], 3: []}
    if parts:
        found[0], found[2] = [], []
        statement: Any = union_all(*parts) if len(parts) > 1 else parts[0]
        for what, number in made.run(statement):
            found[what].append(number)
        found[0], found[2] = found[0] or [0], found[2] or [0]
    if sure.all_but:
        found[0], found[1] = _apart(tx, made, sure, total, show)
    if left.all_but:
        found[2], found[3] = _apart(tx, made, left, total, most)
    return Look(found[0][0], found[1], found[2][0], found[3])


def _counted_and_drawn(ids: Select[Any], what: int, n: int) -> list[Any]:
    listed = ids.cte()
    counted = select(literal(what).label("what"), func.count().label("n")).select_from(listed)
    if not n:
        return [counted]
    drawn = _by_lot(listed.c[0]).limit(n).subquery()
    return [counted, select(literal(what + 1), drawn.c[0])]


def _by_lot(id_: Any) -> Select[Any]:
    return select(id_).order_by((id_ * _SPREAD) % _RANGE, id_)


def _apart(
    tx: Connection, made: Matches, side: Side, total: int, n: int
) -> tuple[list[int], list[int]]:
    """How many are in a set that is everybody but some; and ``n`` of them, or all."""
    newest = tx.execute(select(func.max(profiles.c.id))).scalar() or 0
    found: dict[int, None] = {}
    if side.ids is not None and 0 < n <= _FEW < newest:
        size_, some = _sized(made, side, total, [_lot(index, newest) for index in range(_FEW)])
        found.update(dict.fromkeys(some))
    else:
        size_ = size(tx, made, side, total)
    wanted = min(n, size_)
    if wanted <= len(found):
        return [size_], list(found)[:n]
    if size_ <= n or newest <= 20 * n:
        return [size_], list(
            made.run(_by_lot(ids_of(made, side).subquery().c[0]).limit(n)).scalars()
        )
    for turn in range(1, 33):
        # The numbers of a thin slice, until there are enough: nobody lists everyone.
        lots = [_lot(turn * n + index, newest) for index in range(n)]
        found.update(dict.fromkeys(members_among(tx, made, side, lots)))
        if len(found) >= wanted:
            break
    return [size_], list(found)[:n]


def some_of_all(tx: Connection, total: int, n: int, collection: int = USERS) -> list[int]:
    """So many of all ``total`` people of a collection, as if by lot, but the same each time."""
    everybody = Matches(
        People(Known(tx.dialect.name), 0), exactly(EVERYONE), collection, frozenset(), tx.execute
    )
    return _apart(tx, everybody, EVERYONE, total, n)[1]


def _sized(made: Matches, side: Side, total: int, lots: list[int]) -> tuple[int, list[int]]:
    """How many are in a set that is everybody but some, and which of a few numbers are: in
    one statement, so that the some are looked for once."""
    assert side.ids is not None
    listed = side.ids.cte()
    others = Side(True, select(listed.c[0]))
    few = ids_of(made, others, lambda id_: [id_.in_(lots)]).subquery()
    counted = select(literal(0).label("what"), func.count().label("n")).select_from(listed)
    rows = list(made.run(union_all(counted, select(literal(1), few.c[0]))))
    there = {number for what, number in rows if what}
    size_ = total - sum(number for what, number in rows if not what)
    return size_, [number for number in lots if number in there]


def _lot(number: int, most: int) -> int:
    """One of the numbers up to ``most``; multiplying by the golden ratio spreads them evenly."""
    return 1 + (number * _SPREAD % _RANGE) * most // _RANGE


def members_among(tx: Connection, made: Matches, side: Side, ids: Sequence[int]) -> set[int]:
    """Those of some ids that are in a set."""
    found: set[int] = set()
    for piece in chunks(ids, 10_000):
        among = ids_of(made, side, lambda id_, piece=piece: [id_.in_(list(piece))])
        found.update(made.run(among).scalars())
    return found


def ids_of(made: Matches, side: Side, where: Any = lambda id_: []) -> Select[Any]:
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
