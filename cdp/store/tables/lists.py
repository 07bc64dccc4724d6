"""Uploaded lists of texts, which conditions ask with ``in``."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, PrimaryKeyConstraint, Table, Text

from cdp.store.tables.base import Big, metadata

#: One upload of a list: a version of it. The definition of kind ``list`` names the one
#: that holds. Until all of its values are there it is not ``whole``, and counts for nothing.
lists = Table(
    "lists",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("at", Big, nullable=False),
)

list_values = Table(
    "list_values",
    metadata,
    Column("list", Integer, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("list", "value"),
    sqlite_with_rowid=False,
)
