"""The ways out: streams, the outbox, calls, and what plugins are told."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from cdp.store.tables.base import Big, metadata

#: A reader of the history with a checkpoint: a destination, a plugin's hook, a
#: replay. ``from_seq``–``to_seq`` is the batch in flight, persisted before it is
#: sent, so that a repeat carries the same key.
streams = Table(
    "streams",
    metadata,
    Column("name", Text, primary_key=True),  # destination:<id>, hook:<plugin>:<hook>, replay:<id>
    Column("destination_id", Integer),
    Column("seq", Big, nullable=False),  # everything below is done
    Column("to_seq", Big),  # end of the batch in flight, exclusive
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False, default=0),
    Column("state", Text, nullable=False, default="running"),  # running stalled stopped done
    Column("since", Big, nullable=False),  # when it came into this state
    Column("error", Text),
    Column("delivered", Big, nullable=False, default=0),
    Column("filtered", Big, nullable=False, default=0),
    Column("failed", Big, nullable=False, default=0),
    Column("claimed_by", Text),  # which process works on it, and until when
    Column("claimed_until", Big, nullable=False, default=0),
    Column("until_seq", Big),  # a replay ends here
    Column("selection", Text),  # JSON of a replay: from, to
    Column("remaining", Text),  # JSON: positions of the batch in flight that were not taken yet
    Column("updated_at", Big, nullable=False),
)

#: What has a fate of its own: an item that a destination wants again or refused.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Big, primary_key=True),
    Column("destination_id", Integer, nullable=False),
    Column("key", Text, nullable=False),  # the idempotency key
    Column("seq", Big),  # the event in the history
    Column("payload", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # waiting claimed dead
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False),
    Column("claimed_until", Big),
    Column("error", Text),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    Index("outbox_due", "state", "next_at"),
    Index("outbox_destination", "destination_id", "state"),
)

#: What was sent and answered, capped and masked; the newest are kept.
calls = Table(
    "calls",
    metadata,
    Column("id", Big, primary_key=True),
    Column("destination_id", Integer, nullable=False),
    Column("at", Big, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("outcome", Text, nullable=False),  # delivered retry rejected stopped
    Column("status", Integer),
    Column("events", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("error", Text),
    Column("exchange", LargeBinary),  # JSON {request, response}
    Index("calls_destination", "destination_id", "id"),
)

#: What plugins raised, grouped by message.
plugin_errors = Table(
    "plugin_errors",
    metadata,
    Column("plugin", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("n", Big, nullable=False),
    Column("first_at", Big, nullable=False),
    Column("last_at", Big, nullable=False),
    Column("traceback", Text, nullable=False),
    PrimaryKeyConstraint("plugin", "hook", "error"),
)

#: What changed about profiles, for the plugins that asked to be told.
profile_changes = Table(
    "profile_changes",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("profile", Big, nullable=False),
    Column("kind", Text, nullable=False),  # created updated merged
    Column("detail", Text, nullable=False),
)

#: What happened in journeys, for the plugins that asked to be told.
transitions = Table(
    "transitions",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("profile", Big, nullable=False),
    Column("journey", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
