"""Current values of traits that conditions read, where SQL can see them."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from cdp.store.tables.base import Big, metadata

#: Traits of which values are kept; profiles up to ``until`` were there before and are
#: looked at in order, those up to ``reached`` have been.
kept_traits = Table(
    "kept_traits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("path", Text, nullable=False),  # JSON list of keys below the traits
    Column("created_at", Big, nullable=False),
    Column("reached", Big, nullable=False),
    Column("until", Big, nullable=False),
    Column("latest", Big, nullable=False),  # event time of the newest value
    UniqueConstraint("collection", "path"),
)

#: The value of a trait of a profile, and the event time of the message that set it last;
#: without any value where that took it away.
trait_values = Table(
    "trait_values",
    metadata,
    Column("trait", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("t", Big, nullable=False),
    # the value, see cdp.store.events.kept.value_row
    Column("num", Float),
    Column("text", Text),
    Column("json", Text),
    Column("ms", Big),  # it read as a time
    PrimaryKeyConstraint("trait", "profile"),
    sqlite_with_rowid=False,
)
