"""Reading and writing the profile graph, a micro-batch at a time.

Lookups take lists and answer in one statement; `cdp.pipeline.identify` decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from cdp.store.bulk import Row, chunks, insert_many, run_many, run_rows, select_by
from cdp.store.profiles import trait_values
from cdp.store.tables import components, identifiers, nodes, profiles

NODE_COLUMNS = (
    "id",
    "key",
    "collection",
    "ids",
    "first_t",
    "first_source",
    "first_message_id",
    "component",
    "profile",
    "dropped",
)
IDENTIFIER_COLUMNS = (
    "id",
    "hash",
    "collection",
    "type",
    "value",
    "component",
    "profile",
    "first_t",
    "first_source",
    "first_message_id",
)
PROFILE_COLUMNS = (
    "id",
    "collection",
    "anchor",
    "created_t",
    "created_source",
    "created_message_id",
    "merges",
    "updated_at",
)


class NodeRow(NamedTuple):
    """A node; ``ids`` and ``dropped`` are JSON as in `cdp.store.tables.nodes`."""

    id: int
    key: int
    collection: int
    ids: str
    first_t: int
    first_source: int
    first_message_id: str
    component: int
    profile: int
    dropped: str | None


class IdentifierRow(NamedTuple):
    """An identifier and where it belongs."""

    id: int
    hash: int
    collection: int
    type: str
    value: str
    component: int
    profile: int | None
    first_t: int
    first_source: int
    first_message_id: str


class ProfileRow(NamedTuple):
    """A profile without its traits."""

    id: int
    collection: int
    anchor: int
    created_t: int
    created_source: int
    created_message_id: str
    merges: int
    updated_at: int


class ComponentRow(NamedTuple):
    """A component and the stamp of the newest first sighting in it."""

    id: int
    last_t: int
    last_source: int
    last_message_id: str


_node = tuple(nodes.c[name] for name in NODE_COLUMNS)
_identifier = tuple(identifiers.c[name] for name in IDENTIFIER_COLUMNS)
_profile = tuple(profiles.c[name] for name in PROFILE_COLUMNS)


def nodes_by_key(tx: Connection, keys: list[int]) -> list[NodeRow]:
    """The nodes whose key is among ``keys``."""
    return [NodeRow(*row) for row in select_by(tx, _node, nodes.c.key, keys)]


def nodes_of_components(tx: Connection, ids: list[int]) -> list[NodeRow]:
    """All nodes of some components."""
    return [NodeRow(*row) for row in select_by(tx, _node, nodes.c.component, ids)]


def nodes_by_id(tx: Connection, ids: list[int]) -> list[NodeRow]:
    """Some nodes."""
    return [NodeRow(*row) for row in select_by(tx, _node, nodes.c.id, ids)]


class ComponentOf(NamedTuple):
    """A component and whether it is of people or of accounts."""

    component: int
    collection: int


def collections_of_components(tx: Connection, ids: list[int]) -> list[ComponentOf]:
    """The collection of each of some components."""
    rows = select_by(tx, (nodes.c.component, nodes.c.collection), nodes.c.component, ids)
    return sorted({ComponentOf(*row) for row in rows})


def sizes_of_components(tx: Connection, ids: list[int]) -> dict[int, int]:
    """How many nodes each of some components has."""
    columns = (nodes.c.component, func.count())
    found: dict[int, int] = {}
    for some in chunks(ids):
        statement = select(*columns).where(nodes.c.component.in_(some))
        rows = tx.execute(statement.group_by(nodes.c.component))
        found.update((component, int(count)) for component, count in rows)
    return found


def components_from(tx: Connection, id_: int, limit: int) -> list[int]:
    """The next components from number ``id_`` on."""
    column = components.c.id
    statement = select(column).where(column >= id_).order_by(column).limit(limit)
    return [row[0] for row in tx.execute(statement)]


def components_below(tx: Connection, id_: int | None, limit: int) -> list[int]:
    """The newest components below number ``id_``, newest first."""
    column = components.c.id
    statement = select(column).order_by(column.desc()).limit(limit)
    if id_ is not None:
        statement = statement.where(column < id_)
    return [row[0] for row in tx.execute(statement)]


def count_components(tx: Connection) -> int:
    """How many components there are."""
    return int(tx.execute(select(func.count()).select_from(components)).scalar() or 0)


def nodes_of_profiles(tx: Connection, ids: list[int]) -> list[NodeRow]:
    """All nodes of some profiles."""
    return [NodeRow(*row) for row in select_by(tx, _node, nodes.c.profile, ids)]


def identifiers_by_hash(tx: Connection, hashes: list[int]) -> list[IdentifierRow]:
    """The identifiers whose hash is among ``hashes``."""
    return [IdentifierRow(*r) for r in select_by(tx, _identifier, identifiers.c.hash, hashes)]


def identifiers_of_components(tx: Connection, ids: list[int]) -> list[IdentifierRow]:
    """All identifiers of some components."""
    return [IdentifierRow(*r) for r in select_by(tx, _identifier, identifiers.c.component, ids)]


def identifiers_of_profiles(tx: Connection, ids: list[int]) -> list[IdentifierRow]:
    """All identifiers of some profiles."""
    return [IdentifierRow(*r) for r in select_by(tx, _identifier, identifiers.c.profile, ids)]


def components_by_id(tx: Connection, ids: list[int]) -> list[ComponentRow]:
    """Some components."""
    columns = tuple(components.c)
    return [ComponentRow(*row) for row in select_by(tx, columns, components.c.id, ids)]


def profiles_by_id(tx: Connection, ids: list[int]) -> list[ProfileRow]:
    """Some profiles."""
    return [ProfileRow(*row) for row in select_by(tx, _profile, profiles.c.id, ids)]


def node_traits(tx: Connection, ids: list[int]) -> dict[int, bytes | None]:
    """The trait maps of some nodes."""
    return {r[0]: r[1] for r in select_by(tx, (nodes.c.id, nodes.c.traits), nodes.c.id, ids)}


def traits_of_profiles_nodes(tx: Connection, ids: list[int]) -> list[Row]:
    """(profile, traits) of each node of some profiles."""
    return select_by(tx, (nodes.c.profile, nodes.c.traits), nodes.c.profile, ids)


def profile_traits(tx: Connection, ids: list[int]) -> dict[int, bytes | None]:
    """The trait maps of some profiles."""
    columns = (profiles.c.id, profiles.c.traits)
    return {row[0]: row[1] for row in select_by(tx, columns, profiles.c.id, ids)}


def node_consents(tx: Connection, ids: list[int]) -> dict[int, str]:
    """What some nodes said of consent (`cdp.profiles.consent`), where they did."""
    rows = select_by(tx, (nodes.c.id, nodes.c.consent), nodes.c.id, ids)
    return {row[0]: row[1] for row in rows if row[1] is not None}


def consents_of_profile(tx: Connection, profile: int) -> list[str]:
    """What the nodes of a profile said of consent."""
    rows = select_by(tx, (nodes.c.consent,), nodes.c.profile, [profile])
    return [row[0] for row in rows if row[0] is not None]


def insert_nodes(tx: Connection, rows: Sequence[Row]) -> None:
    """Add nodes, whose values are in the order of `NodeRow`."""
    insert_many(tx, nodes, NODE_COLUMNS, rows)


def insert_identifiers(tx: Connection, rows: Sequence[Row]) -> None:
    """Add identifiers, whose values are in the order of `IdentifierRow`."""
    insert_many(tx, identifiers, IDENTIFIER_COLUMNS, rows)


def insert_profiles(tx: Connection, rows: Sequence[Row]) -> None:
    """Add profiles, whose values are in the order of `ProfileRow`."""
    insert_many(tx, profiles, PROFILE_COLUMNS, rows)


def insert_components(tx: Connection, rows: Sequence[Row]) -> None:
    """Add components, whose values are in the order of `ComponentRow`."""
    insert_many(tx, components, ComponentRow._fields, rows)


_update_node = (
    update(nodes)
    .where(nodes.c.id == bindparam("id_"))
    .values({name: bindparam(name) for name in NODE_COLUMNS if name != "id"})
)
_update_identifier = (
    update(identifiers)
    .where(identifiers.c.id == bindparam("id_"))
    .values({name: bindparam(name) for name in IDENTIFIER_COLUMNS if name != "id"})
)
_update_profile = (
    update(profiles)
    .where(profiles.c.id == bindparam("id_"))
    .values({name: bindparam(name) for name in PROFILE_COLUMNS if name != "id"})
)
_update_component = (
    update(components)
    .where(components.c.id == bindparam("id_"))
    .values({name: bindparam(name) for name in ComponentRow._fields if name != "id"})
)
_put_node_traits = (
    update(nodes).where(nodes.c.id == bindparam("id_")).values(traits=bindparam("traits"))
)
_put_node_consent = (
    update(nodes).where(nodes.c.id == bindparam("id_")).values(consent=bindparam("consent"))
)
_put_profile_traits = (
    update(profiles)
    .where(profiles.c.id == bindparam("id_"))
    .values(
        traits=bindparam("traits"),
        name=bindparam("name"),
        name_key=bindparam("name_key"),
        updated_at=bindparam("updated_at"),
    )
)
_move_nodes = (
    update(nodes).where(nodes.c.profile == bindparam("old")).values(profile=bindparam("new"))
)
_move_identifiers = (
    update(identifiers)
    .where(identifiers.c.profile == bindparam("old"))
    .values(profile=bindparam("new"))
)
_join_nodes = (
    update(nodes).where(nodes.c.component == bindparam("old")).values(component=bindparam("new"))
)
_join_identifiers = (
    update(identifiers)
    .where(identifiers.c.component == bindparam("old"))
    .values(component=bindparam("new"))
)
_drop_profile = delete(profiles).where(profiles.c.id == bindparam("id_"))
_drop_component = delete(components).where(components.c.id == bindparam("id_"))


def update_nodes(tx: Connection, rows: list[NodeRow]) -> None:
    """Write nodes anew, but for their traits."""
    run_many(tx, _update_node, [{**r._asdict(), "id_": r.id} for r in rows])


def update_identifiers(tx: Connection, rows: list[IdentifierRow]) -> None:
    """Write identifiers anew."""
    run_many(tx, _update_identifier, [{**r._asdict(), "id_": r.id} for r in rows])


def update_profiles(tx: Connection, rows: list[ProfileRow]) -> None:
    """Write profiles anew, but for their traits."""
    run_many(tx, _update_profile, [{**r._asdict(), "id_": r.id} for r in rows])


def update_components(tx: Connection, rows: list[ComponentRow]) -> None:
    """Write components anew."""
    run_many(tx, _update_component, [{**r._asdict(), "id_": r.id} for r in rows])


def merge_profiles(tx: Connection, pairs: list[tuple[int, int]]) -> None:
    """Give all that the first of each pair has to the second; the first is gone."""
    rows = [{"old": old, "new": new} for old, new in pairs]
    run_many(tx, _move_nodes, rows)
    run_many(tx, _move_identifiers, rows)
    drop_profiles(tx, [old for old, _ in pairs])


def join_components(tx: Connection, pairs: list[tuple[int, int]]) -> None:
    """Make the first component of each pair part of the second."""
    rows = [{"old": old, "new": new} for old, new in pairs]
    run_many(tx, _join_nodes, rows)
    run_many(tx, _join_identifiers, rows)
    run_many(tx, _drop_component, [{"id_": old} for old, _ in pairs])


def drop_profiles(tx: Connection, ids: list[int]) -> None:
    """Remove profiles that have no nodes any more."""
    run_many(tx, _drop_profile, [{"id_": id_} for id_ in ids])
    trait_values.forget(tx, ids)


def put_node_traits(tx: Connection, rows: list[tuple[int, bytes]]) -> None:
    """Write the trait maps of nodes."""
    run_rows(tx, _put_node_traits, ("traits", "id_"), [(traits, id_) for id_, traits in rows])


def put_node_consents(tx: Connection, rows: list[tuple[int, str | None]]) -> None:
    """Write what nodes said of consent."""
    run_many(tx, _put_node_consent, [{"id_": id_, "consent": text} for id_, text in rows])


def put_profile_traits(
    tx: Connection, now: int, rows: list[tuple[int, bytes | None, str | None]]
) -> None:
    """Write the trait maps and display names of profiles."""
    run_rows(
        tx,
        _put_profile_traits,
        ("updated_at", "name", "name_key", "traits", "id_"),
        [(now, name, name.casefold() if name else None, traits, id_) for id_, traits, name in rows],
    )
