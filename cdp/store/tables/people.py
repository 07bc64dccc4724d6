"""The profile graph: nodes, identifiers, profiles, memberships, cuts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    TableClause,
    Text,
    column,
)
from sqlalchemy.ext.compiler import compiles

from cdp.store.tables.base import Big, metadata

USERS, ACCOUNTS = 0, 1

#: Types of objects besides people; each is a collection. Accounts need no row.
object_types = Table(
    "object_types",
    metadata,
    Column("id", Integer, primary_key=True),  # the collection
    Column("key", Text, nullable=False, unique=True),  # the objectTypeId of messages
    Column("name", Text, nullable=False),
    Column("created_at", Big, nullable=False),
)

#: A node is what a message said about whom: its set of identifiers. History and
#: traits hang on nodes; ``profile`` says to whom the node belongs just now.
nodes = Table(
    "nodes",
    metadata,
    Column("id", Big, primary_key=True),
    Column("key", Big, nullable=False),  # hash of collection and ids
    Column("collection", Integer, nullable=False),
    Column("ids", Text, nullable=False),  # JSON [[type, value], …] in cdp.identity.canonical order
    Column("first_t", Big, nullable=False),
    Column("first_source", Integer, nullable=False),
    Column("first_message_id", Text, nullable=False),
    Column("component", Big, nullable=False),
    Column("profile", Big, nullable=False),  # 0: all its identifiers are blocked
    Column("dropped", Text),  # JSON [[type, value, reason], …] that was kept apart
    Column("traits", LargeBinary),  # JSON, see cdp.profiles.traits
    Column("consent", Text),  # JSON, see cdp.profiles.consent
    Index("nodes_key", "key"),
    Index("nodes_component", "component"),
    Index("nodes_profile", "profile"),
    Index("nodes_home", "id", "profile"),  # narrow: whose the events of many nodes are
)


class _Homes(TableClause):
    """The nodes, read from a narrow index; SQLite would look into their wide rows."""

    inherit_cache = True


@compiles(_Homes, "sqlite")
def _by_index(element: Any, compiler: Any, **kw: Any) -> str:
    written: str = compiler.visit_table(element, **kw)
    return f"{written} INDEXED BY nodes_home" if kw.get("asfrom") else written


#: To whom nodes belong, for statements that ask it of very many: ``nodes`` by ``nodes_home``.
homes = _Homes("nodes", column("id", Big), column("profile", Big))

#: On which days a node was met again, under limits with a window (cdp.identity.resolve).
sightings = Table(
    "sightings",
    metadata,
    Column("node", Big, nullable=False),
    Column("day", Integer, nullable=False),
    Column("t", Big, nullable=False),
    Column("source", Integer, nullable=False),
    Column("message_id", Text, nullable=False),
    PrimaryKeyConstraint("node", "day"),
    sqlite_with_rowid=False,
)

#: Identifiers that a person has parted for good; the sides are JSON [[type, value], …].
cuts = Table(
    "cuts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("left_ids", Text, nullable=False),
    Column("right_ids", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("note", Text),
    Column("undone_by", Text),
    Column("undone_at", Big),
)

#: A value by which a profile is known; ``profile`` null: known, but kept apart.
identifiers = Table(
    "identifiers",
    metadata,
    Column("id", Big, primary_key=True),
    Column("hash", Big, nullable=False),  # of collection, type and value; names a profile too
    Column("collection", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("component", Big, nullable=False),
    Column("profile", Big),
    Column("first_t", Big, nullable=False),
    Column("first_source", Integer, nullable=False),
    Column("first_message_id", Text, nullable=False),
    Index("identifiers_hash", "hash"),
    Index("identifiers_value", "value"),
    Index("identifiers_component", "component"),
    Index("identifiers_profile", "profile"),
)

#: Nodes that are connected by any identifier; what a late fact re-folds.
components = Table(
    "components",
    metadata,
    Column("id", Big, primary_key=True),
    Column("last_t", Big, nullable=False),  # stamp of the newest first sighting
    Column("last_source", Integer, nullable=False),
    Column("last_message_id", Text, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Big, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("anchor", Big, nullable=False),  # hash of the identifier that names it
    Column("created_t", Big, nullable=False),  # stamp of the first message about it
    Column("created_source", Integer, nullable=False),
    Column("created_message_id", Text, nullable=False),
    Column("merges", Integer, nullable=False, default=0),
    Column("updated_at", Big, nullable=False),
    Column("name", Text),
    Column("name_key", Text),  # lower case, for search
    Column("traits", LargeBinary),  # JSON, see cdp.profiles.traits
    Index("profiles_collection", "collection"),
    Index("profiles_anchor", "anchor"),
    Index("profiles_name_key", "name_key"),
    Index("profiles_updated_at", "updated_at"),
)

#: Which person's node named which account's or object's node, and when; ``ended_t`` is when
#: it was taken back last. The person 0 stands for the object itself: group calls about
#: nobody, and the object's deletion.
memberships = Table(
    "memberships",
    metadata,
    Column("user_node", Big, nullable=False),
    Column("account_node", Big, nullable=False),
    Column("first_t", Big),
    Column("last_t", Big),
    Column("ended_t", Big),
    Column("traits", LargeBinary),  # the relationship's; JSON, see cdp.profiles.traits
    PrimaryKeyConstraint("user_node", "account_node"),
    Index("memberships_account", "account_node"),
    sqlite_with_rowid=False,
)
