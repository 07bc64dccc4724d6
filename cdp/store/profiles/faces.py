"""Who stands behind a node or a profile: enough to name and link a person in a list."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, not_, select

from cdp.store.bulk import chunks, select_by
from cdp.store.profiles.objects import hidden
from cdp.store.tables import USERS, identifiers, nodes, profiles


class Face(NamedTuple):
    """A person or account in a list; ``ids`` are (type, value), highest priority first."""

    profile: int
    collection: int
    anchor: int
    name: str | None
    ids: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """The name, or else the identifier that says most."""
        if self.name:
            return self.name
        return self.ids[0][1] if self.ids else "unknown"


def faces_of_nodes(tx: Connection, node_ids: list[int]) -> dict[int, Face]:
    """The faces of some nodes; each shows the identifiers that its message carried."""
    wanted = sorted(set(node_ids) - {0})
    columns = (nodes.c.id, nodes.c.profile, nodes.c.ids)
    found = {row[0]: (row[1], row[2]) for row in select_by(tx, columns, nodes.c.id, wanted)}
    heads = _heads(tx, [profile for profile, _ in found.values()])
    faces: dict[int, Face] = {}
    for node, (profile, ids) in found.items():
        if profile in heads:
            collection, anchor, name = heads[profile]
            pairs = tuple((str(t), str(v)) for t, v in json.loads(ids))
            faces[node] = Face(profile, collection, anchor, name, pairs)
    return faces


def faces_of_profiles(tx: Connection, profile_ids: list[int]) -> list[Face]:
    """The faces of some profiles, in the order asked for."""
    heads = _heads(tx, profile_ids)
    ids: dict[int, list[tuple[str, str]]] = {}
    columns = (identifiers.c.profile, identifiers.c.type, identifiers.c.value)
    for profile, type_, value in select_by(tx, columns, identifiers.c.profile, list(heads)):
        ids.setdefault(profile, []).append((type_, value))
    return [
        Face(profile, *heads[profile], tuple(sorted(ids.get(profile, []), key=_weight)))
        for profile in profile_ids
        if profile in heads
    ]


#: What names a person best comes first; anonymous ids come last.
_WEIGHTS = {"email": 0, "user_id": 1, "group_id": 1, "phone": 2, "anonymous_id": 9}


def _weight(pair: tuple[str, str]) -> tuple[int, str, str]:
    return (_WEIGHTS.get(pair[0], 5), *pair)


def _heads(tx: Connection, ids: list[int]) -> dict[int, tuple[int, int, str | None]]:
    columns = (profiles.c.id, profiles.c.collection, profiles.c.anchor, profiles.c.name)
    rows = select_by(tx, columns, profiles.c.id, sorted(set(ids)))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def profiles_of_value(tx: Connection, value: str, limit: int) -> list[int]:
    """The profiles that have an identifier of exactly this value."""
    statement = (
        select(identifiers.c.profile)
        .where(identifiers.c.value == value, identifiers.c.profile.is_not(None))
        .distinct()
        .limit(limit)
    )
    return [int(profile) for profile in tx.execute(statement).scalars()]


def profiles_of_prefix(tx: Connection, text: str, limit: int) -> list[int]:
    """Profiles with an identifier or a name that begins with ``text``."""
    found: dict[int, None] = {}
    places: tuple[tuple[ColumnElement[Any], ColumnElement[Any], str], ...] = (
        (profiles.c.name_key, profiles.c.id, text.casefold()),
        (identifiers.c.value, identifiers.c.profile, text),
    )
    for column, key, start in places:
        if len(found) >= limit:
            break
        # A range, unlike LIKE, can use an index on both databases. Postgres compares
        # by language unless told otherwise, and would then skip signs such as @.
        if tx.dialect.name == "postgresql":
            column = column.collate("C")
        statement = (
            select(key)
            .where(column >= start, column < start + "\U0010ffff", key.is_not(None))
            .order_by(column)
            .limit(limit)
        )
        found.update(dict.fromkeys(int(n) for n in tx.execute(statement).scalars()))
    return list(found)[:limit]


def newest_profiles(tx: Connection, collection: int, limit: int) -> list[int]:
    """Profiles about which something was learnt last; no objects that were deleted."""
    there = () if collection == USERS else (not_(hidden(profiles.c.id)),)
    statement = (
        select(profiles.c.id)
        .where(profiles.c.collection == collection, *there)
        .order_by(profiles.c.updated_at.desc())
        .limit(limit)
    )
    return [int(n) for n in tx.execute(statement).scalars()]


def nodes_of(tx: Connection, profile_ids: list[int], limit: int = 2000) -> list[int]:
    """The nodes of some profiles."""
    found: list[int] = []
    for piece in chunks(profile_ids):
        statement = select(nodes.c.id).where(nodes.c.profile.in_(piece)).limit(limit)
        found.extend(int(n) for n in tx.execute(statement).scalars())
    return found[:limit]


def updated_at(tx: Connection, profile_ids: list[int]) -> dict[int, int]:
    """When something was last learnt about some profiles."""
    columns = (profiles.c.id, profiles.c.updated_at)
    rows = select_by(tx, columns, profiles.c.id, profile_ids)
    return {int(row[0]): int(row[1]) for row in rows}
