"""The catalogue of what has been seen."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from cdp.store.tables.base import Big, metadata

#: What the catalogue lists: a call's type and its event, page or screen, ids left
#: out; number 0 (without a row) stands for all names that found no room.
catalogue_names = Table(
    "catalogue_names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("type", "name"),
)

#: Messages of a name from a source; of these ``looked`` were looked into, and
#: ``beyond`` of these had more properties than are kept.
catalogue_seen = Table(
    "catalogue_seen",
    metadata,
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("n", Big, nullable=False),
    Column("first_t", Big, nullable=False),
    Column("last_t", Big, nullable=False),
    Column("looked", Big, nullable=False),
    Column("beyond", Big, nullable=False),
    PrimaryKeyConstraint("name_id", "source_id"),
    sqlite_with_rowid=False,
)

#: The same messages by day of event time (days since 1970); day 0 is all that is older.
catalogue_days = Table(
    "catalogue_days",
    metadata,
    Column("day", Integer, nullable=False),
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("n", Big, nullable=False),
    PrimaryKeyConstraint("day", "name_id", "source_id"),
    sqlite_with_rowid=False,
)

#: What the messages looked into had; ``detail`` is JSON, see `cdp.protocols.shapes`.
catalogue_properties = Table(
    "catalogue_properties",
    metadata,
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("name_id", "source_id", "path"),
    sqlite_with_rowid=False,
)
