"""A part of the graph, copied into a store of its own where it can be tried out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, and_, func, insert, select, update

from cdp.store import meta
from cdp.store.bulk import chunks, insert_many, select_by
from cdp.store.profiles.regulations import copy_suppression
from cdp.store.tables import (
    Big,
    components,
    definitions,
    identifiers,
    nodes,
    numbers,
    profiles,
    sightings,
    sources,
)
from cdp.store.tables import cuts as cuts_table

#: Numbers that the scratch store gives out begin here: above all that are copied.
BASE = 1 << 40
#: What was copied; a person who is not there any more was merged.
_components = Table("copied_components", MetaData(), Column("id", Big, primary_key=True))
_people = Table("copied_people", MetaData(), Column("id", Big, primary_key=True))
_NUMBERS = ("node", "profile", "identifier", "component", "name", "seq")


def prepare(source: Connection, target: Connection) -> None:
    """Copy what a person configures into an empty store, and number from `BASE` on."""
    for table in (_components, _people):
        table.create(target)
    for table in (sources, definitions, cuts_table):
        rows = [row._asdict() for row in source.execute(select(table))]
        if rows:
            target.execute(insert(table), rows)
    copy_suppression(source, target)
    for kind in _NUMBERS:
        meta.take_numbers(target, kind, 1)
        value = BASE if kind in ("node", "profile", "identifier", "component") else 1
        target.execute(update(numbers).where(numbers.c.kind == kind).values(next=value))


def copy_around(source: Connection, target: Connection, hashes: Iterable[int]) -> None:
    """Copy all that is connected with some identifiers and was not copied before."""
    found = select_by(source, (identifiers.c.component,), identifiers.c.hash, list(hashes))
    wanted = sorted({row[0] for row in found})
    there = {row[0] for row in select_by(target, (_components.c.id,), _components.c.id, wanted)}
    for some in chunks([id_ for id_ in wanted if id_ not in there]):
        ids = list(some)
        insert_many(target, _components, ("id",), [(id_,) for id_ in ids])
        _copy(source, target, components, components.c.id, ids)
        rows = _copy(source, target, nodes, nodes.c.component, ids)
        _copy(source, target, identifiers, identifiers.c.component, ids)
        place = list(nodes.c.keys())
        _copy(source, target, sightings, sightings.c.node, [r[place.index("id")] for r in rows])
        owners = sorted({row[place.index("profile")] for row in rows} - {0})
        _copy(source, target, profiles, profiles.c.id, owners)
        insert_many(target, _people, ("id",), [(id_,) for id_ in owners])


def _copy(
    source: Connection, target: Connection, table: Table, key: Column[Any], values: list[int]
) -> list[Any]:
    rows = select_by(source, tuple(table.c), key, values)
    insert_many(target, table, tuple(table.c.keys()), rows)
    return rows


def count_created(tx: Connection, collection: int) -> int:
    """Profiles that were not copied but came to be."""
    statement = select(func.count()).where(
        profiles.c.id >= BASE, profiles.c.collection == collection
    )
    return int(tx.execute(statement).scalar() or 0)


def created(tx: Connection, collection: int, limit: int) -> list[Any]:
    """(collection, anchor, traits) of some of them."""
    statement = select(profiles.c.collection, profiles.c.anchor, profiles.c.traits)
    wanted = statement.where(profiles.c.id >= BASE, profiles.c.collection == collection)
    return list(tx.execute(wanted.order_by(profiles.c.id).limit(limit)))


def remaining(tx: Connection, after: int, limit: int, collection: int) -> list[Any]:
    """(id, anchor, traits) of copied profiles that are still there, by number."""
    statement = (
        select(profiles.c.id, profiles.c.anchor, profiles.c.traits)
        .where(profiles.c.id > after, profiles.c.id < BASE, profiles.c.collection == collection)
        .order_by(profiles.c.id)
        .limit(limit)
    )
    return list(tx.execute(statement))


def gained(tx: Connection, ids: list[int]) -> dict[int, list[tuple[str, str]]]:
    """The identifiers that some profiles did not have before anywhere."""
    columns = (identifiers.c.profile, identifiers.c.id, identifiers.c.type, identifiers.c.value)
    found: dict[int, list[tuple[str, str]]] = {}
    for profile, id_, type_, value in select_by(tx, columns, identifiers.c.profile, ids):
        if id_ >= BASE:
            found.setdefault(profile, []).append((type_, value))
    return found


def merged(tx: Connection, after: int, limit: int) -> list[int]:
    """The numbers of copied profiles that are gone."""
    statement = (
        select(_people.c.id)
        .outerjoin(profiles, and_(profiles.c.id == _people.c.id))
        .where(profiles.c.id.is_(None), _people.c.id > after)
        .order_by(_people.c.id)
        .limit(limit)
    )
    return [row[0] for row in tx.execute(statement)]


def home_of(tx: Connection, hash_: int) -> int | None:
    """Whose an identifier is now."""
    statement = select(identifiers.c.profile).where(identifiers.c.hash == hash_)
    found = tx.execute(statement).scalar()
    return int(found) if found is not None else None
