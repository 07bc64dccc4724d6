"""Broadcasts, and the people that each was begun for."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from cdp.store.tables.base import Big, metadata

#: One message to an audience. ``parent``: the broadcast that was called, where this is one
#: call of it. ``definition`` is JSON (`cdp.messaging.broadcasts.plan`), ``skipped`` JSON:
#: people without a delivery by reason. Everybody up to (``reached_at``, ``reached``) of the
#: ``wave`` has theirs. ``until``: who chooses the people has the row until then.
broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text),  # null: a call of another
    Column("parent", Integer),
    Column("state", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("data", LargeBinary),  # JSON: what the call brought for the template, and whom it names
    Column("error", Text),
    Column("author", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    Column("begins_at", Big),
    Column("as_of", Big),  # the instant whose people they are
    Column("ended_at", Big),
    Column("paused_from", Text),
    Column("owner", Text),
    Column("until", Big, nullable=False, default=0),
    Column("people", Big, nullable=False, default=0),
    Column("held_out", Big, nullable=False, default=0),
    Column("queued", Big, nullable=False, default=0),
    Column("skipped", Text, nullable=False, default="{}"),
    Column("wave", Integer, nullable=False, default=0),
    Column("reached_at", Big, nullable=False, default=-1),
    Column("reached", Big, nullable=False, default=0),
    Column("wave_ended_at", Big),
    Column("pace_us", Big, nullable=False, default=0),
    Column("pace_day", Integer, nullable=False, default=0),
    Column("pace_today", Big, nullable=False, default=0),
    Column("winner", Text),
    Column("winner_why", Text),
    Index("broadcasts_key", "key", unique=True),
    Index("broadcasts_parent", "parent", "id"),
    Index("broadcasts_state", "state"),
)

#: The people of a broadcast in the order of their turns. ``person`` is their profile as of
#: the start, ``node`` one of its nodes: it says who they are now, whatever is merged.
#: ``wave``: 0 first, 1 once the winner is known, -1 held out.
broadcast_people = Table(
    "broadcast_people",
    metadata,
    Column("broadcast", Integer, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("node", Big, nullable=False),
    Column("person", Big, nullable=False),
    Column("variant", Text),
    Column("data", LargeBinary),  # JSON: what the call brought for this person
    PrimaryKeyConstraint("broadcast", "wave", "due_at", "node"),
    Index("broadcast_people_node", "node"),
    sqlite_with_rowid=False,
)
