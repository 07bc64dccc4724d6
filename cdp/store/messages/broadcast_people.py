"""The people of broadcasts: chosen at one instant, sent to in the order of their turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select

from cdp.profiles.traits import TraitMap
from cdp.store.audiences import counting, matching, persons
from cdp.store.bulk import blob, chunks, insert_many, select_by
from cdp.store.messages import addressees
from cdp.store.profiles import graph
from cdp.store.tables import USERS, broadcast_people, members, nodes, profiles

#: People at once; profiles that SQL looks through at once.
PIECE, SPAN = 1000, 200_000

_COLUMNS = ("broadcast", "wave", "due_at", "node", "person", "variant", "data")


class Chosen(NamedTuple):
    """Somebody of a broadcast; see `cdp.store.tables.broadcast_people`. ``data``: packed."""

    wave: int
    due_at: int
    node: int
    person: int
    variant: str | None
    data: bytes | None = None


def add(tx: Connection, broadcast: int, people: Sequence[Chosen]) -> None:
    """Add people to a broadcast, each once."""
    insert_many(tx, broadcast_people, _COLUMNS, [(broadcast, *item) for item in people])


def drop(tx: Connection, broadcast: int, limit: int = 5000) -> int:
    """Let some of the people of a broadcast go; how many."""
    c = broadcast_people.c
    keys = select(c.wave, c.due_at, c.node).where(c.broadcast == broadcast).limit(limit)
    found = [tuple(row) for row in tx.execute(keys)]
    for some in chunks([row[2] for row in found]):
        # By the node's index, whatever the planner thinks of the other one.
        mine = (c.broadcast + 0) == broadcast
        tx.execute(delete(broadcast_people).where(mine, c.node.in_(some)))
    return len(found)


def following(
    tx: Connection, broadcast: int, wave: int, after: tuple[int, int], now: int, limit: int
) -> list[Chosen]:
    """Those whose turn has come by ``now`` and is after (due_at, node), in order."""
    c = broadcast_people.c
    mine = select(*(c[name] for name in Chosen._fields)).where(
        c.broadcast == broadcast, c.wave == wave
    )
    # In two steps, or all who have had their turn in the same instant are gone through again.
    same = mine.where(c.due_at == after[0], c.node > after[1]).order_by(c.node)
    found = list(tx.execute(same.limit(limit))) if after[0] <= now else []
    if len(found) < limit:
        later = mine.where(c.due_at > after[0], c.due_at <= now).order_by(c.due_at, c.node)
        found += list(tx.execute(later.limit(limit - len(found))))
    return [Chosen(*row)._replace(data=blob(row[5])) for row in found]


def next_due(tx: Connection, broadcast: int, wave: int, after: tuple[int, int]) -> int | None:
    """When the next turn comes; None: everybody of the wave had theirs."""
    found = following(tx, broadcast, wave, after, 2**62, 1)
    return found[0].due_at if found else None


def of_broadcast(tx: Connection, broadcast: int, node_ids: Sequence[int]) -> list[Chosen]:
    """The people of a broadcast that were chosen under some nodes."""
    c = broadcast_people.c
    columns = (c.broadcast, *(c[name] for name in Chosen._fields))
    rows = select_by(tx, columns, c.node, sorted(set(node_ids)))
    return [Chosen(*row[1:]) for row in rows if row[0] == broadcast]


def count_wave(tx: Connection, broadcast: int, wave: int) -> int:
    """How many are in a wave."""
    c = broadcast_people.c
    statement = select(func.count()).where(c.broadcast == broadcast, c.wave == wave)
    return int(tx.execute(statement).scalar() or 0)


def some_of(tx: Connection, broadcast: int, wave: int, limit: int) -> list[int]:
    """The nodes of some people of a wave."""
    c = broadcast_people.c
    statement = select(c.node).where(c.broadcast == broadcast, c.wave == wave).limit(limit)
    return list(tx.execute(statement).scalars())


def forget(tx: Connection, node_ids: Sequence[int]) -> None:
    """Forget that people were meant to get anything (law 7)."""
    for some in chunks(list(node_ids)):
        tx.execute(delete(broadcast_people).where(broadcast_people.c.node.in_(some)))


# -- choosing ------------------------------------------------------------------------


def one_moment(tx: Connection) -> None:
    """Let all that a reading ``tx`` sees be of one moment, however long it lasts."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def everybody(tx: Connection) -> Iterator[list[int]]:
    """All people, in pieces."""
    c = profiles.c
    yield from _by_id(tx, c.id, lambda: [c.collection == USERS])


def members_of(tx: Connection, audience: int) -> Iterator[list[int]]:
    """Who is in an audience, in pieces."""
    c = members.c
    yield from _by_id(tx, c.profile, lambda: [c.audience == audience])


def meeting(tx: Connection, condition: Any, now: int) -> Iterator[list[int]]:
    """Who meets an expanded condition at ``now`` (ms), in pieces."""
    newest = int(tx.execute(select(func.max(profiles.c.id))).scalar() or 0)
    wants = persons.asked(condition)
    made = matching.match(tx, condition, now)
    for low in range(0, newest, SPAN):

        def between(id_: Any, low: int = low) -> list[Any]:
            return [id_ > low, id_ <= low + SPAN]

        sure = list(tx.execute(matching.ids_of(made, made.found.sure, between)).scalars())
        yield from (list(some) for some in chunks(sorted(set(sure)), PIECE))
        left = list(tx.execute(matching.ids_of(made, made.open, between)).scalars())
        for some in chunks(sorted(set(left) - set(sure)), PIECE):
            found = counting.decide(tx, condition, list(some), wants, now)
            if found:
                yield found


def _by_id(tx: Connection, column: Any, where: Any) -> Iterator[list[int]]:
    last = 0
    while True:
        statement = select(column).where(*where(), column > last).order_by(column).limit(PIECE)
        found = list(tx.execute(statement).scalars())
        if not found:
            return
        yield found
        last = found[-1]


def zones(tx: Connection, people: list[int]) -> dict[int, Any]:
    """The trait ``timezone`` of some profiles."""
    return {
        id_: TraitMap.decode(blob(raw)).values().get("timezone")
        for id_, raw in graph.profile_traits(tx, people).items()
    }


def nodes_for(tx: Connection, people: Sequence[int]) -> dict[int, int]:
    """A node of each of some profiles to hang messages on."""
    return addressees.nodes_of(tx, people)


class Home(NamedTuple):
    """Who somebody is now: the profile, and all its nodes."""

    profile: int
    nodes: tuple[int, ...]


def homes(tx: Connection, node_ids: Sequence[int]) -> dict[int, Home]:
    """Who the people behind nodes are now; those who are gone are not among them."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(set(node_ids)))
    where = {row[0]: row[1] for row in rows if row[1]}
    mine: dict[int, list[int]] = {}
    columns = (nodes.c.profile, nodes.c.id)
    for profile, node in select_by(tx, columns, nodes.c.profile, sorted(set(where.values()))):
        mine.setdefault(profile, []).append(node)
    return {node: Home(home, tuple(mine.get(home, ()))) for node, home in where.items()}
