"""What happened: names, partitions, the dedupe index, what was refused, counts."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from cdp.store.tables.base import Big, metadata

#: Event names, once each: ``type`` is the call, ``name`` the event, page or screen.
names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("first_seen", Big, nullable=False),
    UniqueConstraint("type", "name"),
)

#: The partitions of the history: positions ``first_seq`` up to the next one's.
partitions = Table(
    "partitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("first_seq", Big, nullable=False),
    Column("min_t", Big),
    Column("max_t", Big),
    Column("created_at", Big, nullable=False),
)

#: Parts of the dedupe index, and the ten-minute slots of client time in each.
dedupe_slots = Table(
    "dedupe_slots",
    metadata,
    Column("slot", Big, nullable=False),
    Column("part", Integer, nullable=False),
    PrimaryKeyConstraint("slot", "part"),
    sqlite_with_rowid=False,
)

#: What was taken last, a row a micro-batch: hashes, as signed little-endian 64-bit numbers.
dedupe_hot = Table(
    "dedupe_hot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
)

#: Messages that were not taken, with the reason; ``body`` as it was sent.
rejected = Table(
    "rejected",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("source_id", Integer),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("type", Text),
    Column("name", Text),
    Column("message_id", Text),
    Column("body", LargeBinary, nullable=False),
    Index("rejected_at", "at"),
)

#: Messages a minute by source and outcome (``track`` … or ``rejected:<code>``).
counts = Table(
    "counts",
    metadata,
    Column("minute", Big, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("n", Big, nullable=False),
    PrimaryKeyConstraint("minute", "source_id", "what"),
    sqlite_with_rowid=False,
)

#: Properties of which a typed copy is kept beside the history: ``event`` is what conditions
#: call it (empty: what sets a person's traits), ``path`` a JSON list of keys, ``[]`` for
#: that it happened at all.
kept_properties = Table(
    "kept_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("backfilled_to", Big, nullable=False, default=0),
    Column("backfill_until", Big, nullable=False, default=0),
    UniqueConstraint("event", "path"),
)

#: Kept values of closed partitions of which there is a Parquet file, too: ``name`` in the
#: folder of `cdp.store.events.kept_files`, with so many ``rows``; NULL while it is being written.
kept_files = Table(
    "kept_files",
    metadata,
    Column("partition", Integer, nullable=False),
    Column("property", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("rows", Big),
    PrimaryKeyConstraint("partition", "property"),
)
