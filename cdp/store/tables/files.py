"""Imports, exports, and the images of messages."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from cdp.store.tables.base import Big, metadata

#: Files of people or accounts that were brought in, each through a source of its own.
imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("name", Text, nullable=False),  # of the file
    Column("format", Text, nullable=False),  # csv jsonl parquet
    Column("collection", Integer, nullable=False),
    Column("mapping", Text, nullable=False),  # JSON, see cdp.transfer.mapping
    Column("digest", Text, nullable=False),  # of the file, the mapping and the collection
    Column("dry_run", Boolean, nullable=False),
    Column("source_id", Integer),
    Column("state", Text, nullable=False),  # waiting running done failed undoing undone
    Column("error", Text),
    Column("total", Big),  # bytes of the file
    Column("read", Big, nullable=False, default=0),  # of which were read
    Column("line", Big, nullable=False, default=0),  # everything up to here is in the log
    Column("rows", Big, nullable=False, default=0),
    Column("refused", Big, nullable=False, default=0),
    Column("result", Text),  # JSON, of a dry run
    Column("updated_at", Big, nullable=False),
    Column("finished_at", Big),
    Column("undone_by", Text),
    Index("imports_digest", "digest"),
)

#: Lines of an import that were not taken; no values, only where and why.
import_refusals = Table(
    "import_refusals",
    metadata,
    Column("import_id", Integer, nullable=False),
    Column("line", Big, nullable=False),
    Column("column_name", Text),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("import_id", "line"),
    sqlite_with_rowid=False,
)

#: What left the store as a file, when and for whom: a deletion must name it.
exports = Table(
    "exports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("what", Text, nullable=False),  # people accounts identifiers events messages, or backup
    Column("format", Text, nullable=False),
    Column("selection", Text, nullable=False),  # JSON: from, to
    Column("target", Text, nullable=False),  # the file, or how it was handed over
    Column("rows", Big),  # null: it did not come to its end
    Column("finished_at", Big),
)

#: Images that messages show, under a hash of their content.
images = Table(
    "images",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),  # png jpeg gif webp
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", Integer, nullable=False),  # bytes
    Column("data", LargeBinary, nullable=False),  # as it is, not compressed
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
)
