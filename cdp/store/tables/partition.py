"""The tables of one partition of the history, and of one part of the dedupe index."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from cdp.store.tables.base import Big

#: Flags of a history row.
HISTORICAL, SECONDARY = 1, 2
#: Characters of a kept text; longer ones are kept as JSON, out of the way of comparisons.
MAX_TEXT = 1000


class Partition(NamedTuple):
    """The tables of one partition of the history.

    ``history`` has one row a message (a group call has a second one, flagged
    `SECONDARY`, for the account); ``blocks`` the bodies of a micro-batch, of
    which ``first_seq`` is the first; ``kept`` the kept properties.
    """

    history: Table
    blocks: Table
    kept: Table


@lru_cache(maxsize=1024)
def partition_tables(number: int) -> Partition:
    """The tables of partition ``number``; they are created by the pipeline."""
    own = MetaData()
    history = Table(
        f"history_{number}",
        own,
        Column("seq", Big, primary_key=True),
        Column("node", Big, nullable=False),
        Column("name", Integer, nullable=False),
        Column("t", Big, nullable=False),
        Column("source", Integer, nullable=False),
        Column("flags", Integer, nullable=False),
        Column("body_seq", Big),  # where the body is, when not under its own seq
        Index(f"history_{number}_node", "node", "name", "t"),
    )
    blocks = Table(
        f"blocks_{number}",
        own,
        Column("first_seq", Big, primary_key=True),
        Column("n", Integer, nullable=False),
        Column("data", LargeBinary, nullable=False),
    )
    kept = Table(
        f"kept_{number}",
        own,
        Column("property", Integer, nullable=False),
        Column("seq", Big, nullable=False),
        Column("node", Big, nullable=False),
        Column("t", Big, nullable=False),
        # the value, see cdp.store.events.kept.value_row
        Column("num", Float),
        Column("text", Text),
        Column("json", Text),
        PrimaryKeyConstraint("property", "seq"),
        sqlite_with_rowid=False,
    )
    return Partition(history, blocks, kept)


@lru_cache(maxsize=1024)
def dedupe_table(part: int) -> Table:
    """Part ``part`` of the dedupe index: hashes of (source, messageId)."""
    return Table(f"dedupe_{part}", MetaData(), Column("hash", Big, primary_key=True))
