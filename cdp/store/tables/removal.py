"""What is being removed, and who must not come back."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table, Text

from cdp.store.tables.base import Big, metadata

#: History that is being taken away; ``state`` is JSON, see `cdp.pipeline.rebuild`.
removals = Table(
    "removals",
    metadata,
    Column("id", Big, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", Big, nullable=False),
)

#: What a removal has to look at: nodes and positions, see `cdp.store.privacy.removal`.
doomed = Table(
    "doomed",
    metadata,
    Column("removal", Big, nullable=False),
    Column("what", Integer, nullable=False),
    Column("number", Big, nullable=False),
    PrimaryKeyConstraint("removal", "what", "number"),
    sqlite_with_rowid=False,
)

#: Wishes of people: to be deleted, not to be heard any more. ``work`` is JSON that says
#: who; it is emptied before a regulation is done. ``detail`` is JSON that may be shown.
regulations = Table(
    "regulations",
    metadata,
    Column("id", Big, primary_key=True),
    Column("type", Text, nullable=False),  # DELETE_ONLY …, see cdp.store.profiles.regulations
    Column("state", Text, nullable=False),  # INITIALIZED RUNNING FINISHED PARTIAL_SUCCESS FAILED
    Column("phase", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("finished_at", Big),
    Column("work", Text),
    Column("detail", Text, nullable=False),
)

#: What destinations are told of a regulation.
regulation_forwards = Table(
    "regulation_forwards",
    metadata,
    Column("regulation", Big, nullable=False),
    Column("destination_id", Integer, nullable=False),
    Column("state", Text, nullable=False),  # waiting done failed unsupported
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False),
    Column("error", Text),
    PrimaryKeyConstraint("regulation", "destination_id"),
    sqlite_with_rowid=False,
)

#: People whose events are refused, by a keyed hash (`cdp.profiles.suppression`).
suppressed = Table(
    "suppressed",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("at", Big, nullable=False),
    Column("before", Big),  # refuse only what was received before
)
