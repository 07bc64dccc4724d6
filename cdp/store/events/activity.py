"""What happened when, read from the newest part of the history: days, people, names."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, literal_column, select

from cdp.store.bulk import chunks
from cdp.store.events.history import list_partitions
from cdp.store.meta import next_number
from cdp.store.tables import SECONDARY, USERS, nodes, partition_tables

DAY_MS = 86_400_000


class Activity(NamedTuple):
    """Events by day (of 1970) and the people of the last of them.

    ``whole`` is False where the history is longer than what was looked at.
    """

    by_day: dict[int, int]
    people: int
    whole: bool


def activity(tx: Connection, since: int, until: int, people_since: int, newest: int) -> Activity:
    """Events since ``since`` and people since ``people_since``, to ``until`` (event time in ms).

    Only the ``newest`` positions are looked at, because events have no index by time.
    """
    top = next_number(tx, "seq")
    bottom = max(1, top - newest)
    by_day: dict[int, int] = {}
    people: set[int] = set()
    for info in list_partitions(tx):
        table = partition_tables(info.id).history
        # Bound values would make two expressions of one for Postgres.
        day = table.c.t // literal_column(str(DAY_MS))
        statement = _newest(select(day, func.count()), table, bottom, since, until)
        statement = statement.group_by(day)
        for number, n in tx.execute(statement):
            by_day[int(number)] = by_day.get(int(number), 0) + int(n)
        seen = _newest(
            select(table.c.node).distinct(), table, bottom, people_since, until
        ).subquery()
        statement = (
            select(nodes.c.profile)
            .distinct()
            .join(seen, seen.c.node == nodes.c.id)
            .where(nodes.c.collection == USERS)
        )
        people.update(tx.execute(statement).scalars())
    return Activity(by_day, len(people), bottom == 1)


def _newest(statement: Select[Any], table: Any, bottom: int, since: int, until: int) -> Select[Any]:
    return statement.where(
        table.c.seq >= bottom,
        table.c.t.between(since, until),
        table.c.flags.bitwise_and(SECONDARY) == 0,
    )


def names_of_nodes(tx: Connection, node_ids: list[int]) -> dict[int, int]:
    """How many events of each name (by its number) some nodes have."""
    totals: dict[int, int] = {}
    for info in list_partitions(tx):
        table = partition_tables(info.id).history
        for piece in chunks(node_ids):
            statement = (
                select(table.c.name, func.count())
                .where(table.c.node.in_(piece))
                .group_by(table.c.name)
            )
            for name, n in tx.execute(statement):
                totals[int(name)] = totals.get(int(name), 0) + int(n)
    return totals
