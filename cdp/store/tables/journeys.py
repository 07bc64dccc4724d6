"""Journeys: which run, who is where, and how they came there."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from cdp.store.tables.base import Big, metadata

#: What was launched of each journey: ``version`` is that of its definition. It is not changed
#: by a new version until that is launched, too.
journeys = Table(
    "journeys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),  # live paused draining stopped
    Column("version", Integer, nullable=False),
    Column("launched_at", Big, nullable=False),
    Column("changed_at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("rollout", Float),  # in place of the definition's, in per cent
    Column("winners", Text, nullable=False, default="{}"),  # JSON: variants by experiment
    Column("error", Text),  # why nobody can enter
    Column("reason", Text),  # why it paused itself
    Column("was", Text),  # the state before a pause
    Column("watched", Big, nullable=False, default=0),  # its limits count messages since then
    Column("closed", Text, nullable=False, default="{}"),  # JSON: variants stopped, by experiment
    Column("stage", Integer, nullable=False, default=0),  # of its rollout, from 0
    Column("stage_at", Big, nullable=False, default=0),
    Column("stage_held", Boolean, nullable=False, default=False),
    Index("journeys_key", "key", unique=True),
)

#: What journeys decided by themselves, or somebody for them: ``figures`` (JSON) is what it was
#: made of. Without an author it was decided by rule.
journey_decisions = Table(
    "journey_decisions",
    metadata,
    Column("id", Big, primary_key=True),
    Column("journey", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Big, nullable=False),
    Column("kind", Text, nullable=False),  # see cdp.store.journey_decisions
    Column("step", Text),
    Column("variant", Text),
    Column("author", Text),
    Column("reason", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Index("journey_decisions_journey", "journey", "id"),
)

#: One person in one journey. ``node`` is who did what began it, whatever is merged or parted
#: later (0: nothing that they did). ``alert``: it is looked at when the person does something.
journey_runs = Table(
    "journey_runs",
    metadata,
    Column("id", Big, primary_key=True),
    Column("journey", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("node", Big, nullable=False),
    Column("key", Text, nullable=False),
    Column("started", Big, nullable=False),
    Column("step", Text),
    Column("since", Big, nullable=False),
    Column("status", Text, nullable=False),  # active ended
    Column("reason", Text),
    Column("due", Big),
    Column("alert", Boolean, nullable=False, default=False),
    Column("held", Boolean, nullable=False, default=False),
    Column("error", Text),
    Column("goal_at", Big),
    Column("state", LargeBinary, nullable=False),  # JSON, the rest of cdp.journeys.run.Run
    Index("journey_runs_profile", "profile", "journey"),
    Index("journey_runs_place", "journey", "status", "version", "step"),
    Index("journey_runs_node", "node"),
    Index(
        "journey_runs_alert",
        "profile",
        sqlite_where=text("alert"),
        postgresql_where=text("alert"),
    ),
    Index(
        "journey_runs_in_use",
        "journey",
        "version",
        sqlite_where=text("alert"),
        postgresql_where=text("alert"),
    ),
    Index("journey_runs_held", "journey", sqlite_where=text("held"), postgresql_where=text("held")),
)

#: What became of runs, in order. ``why`` is JSON.
journey_moves = Table(
    "journey_moves",
    metadata,
    Column("id", Big, primary_key=True),
    Column("run", Big, nullable=False),
    Column("at", Big, nullable=False),
    Column("step", Text),
    Column("what", Text, nullable=False),
    Column("exit", Text),
    Column("why", Text),
    Index("journey_moves_run", "run", "id"),
)

#: How many did what, by day (UTC) and version: what ``journey_moves`` would add up to.
journey_counts = Table(
    "journey_counts",
    metadata,
    Column("journey", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("exit", Text, nullable=False),
    Column("n", Big, nullable=False),
    PrimaryKeyConstraint("journey", "version", "day", "step", "what", "exit"),
    sqlite_with_rowid=False,
)

#: Launches that somebody asked for where they need another's word.
journey_requests = Table(
    "journey_requests",
    metadata,
    Column("id", Big, primary_key=True),
    Column("journey", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("args", Text, nullable=False),  # JSON
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("state", Text, nullable=False),  # waiting approved refused withdrawn
    Column("decided_by", Text),
    Column("decided_at", Big),
    Column("reason", Text),
    Index("journey_requests_journey", "journey", "id"),
)

#: What somebody wants done with runs; the pipeline does it, in pieces where it is much.
journey_orders = Table(
    "journey_orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("journey", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("args", Text, nullable=False),  # JSON
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("state", Text, nullable=False),  # waiting done failed
    Column("reached", Big, nullable=False, default=0),
    Column("done", Big, nullable=False, default=0),
    Column("error", Text),
    Column("ended_at", Big),
    Index("journey_orders_state", "state", "id"),
)

#: The last turn that each gate gave (ms).
journey_gates = Table(
    "journey_gates",
    metadata,
    Column("gate", Text, primary_key=True),
    Column("last", Float, nullable=False),
)

#: Journeys that are being drawn, finished or not: the body as it stands in the editor. ``seen``
#: is the version of the definition that it was made from (0: none), ``rev`` counts its changes.
journey_drafts = Table(
    "journey_drafts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("body", Text, nullable=False),  # JSON
    Column("seen", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
)

#: Back-tests that somebody asked for in the console. ``asked`` and ``result`` are JSON and name
#: nobody: of which days, of which bodies; what they would have come to.
journey_backtests = Table(
    "journey_backtests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("journey", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("state", Text, nullable=False),  # running done failed cancelled
    Column("done", Big, nullable=False, default=0),
    Column("people", Big, nullable=False, default=0),
    Column("updated_at", Big, nullable=False),
    Column("ended_at", Big),
    Column("error", Text),
    Column("result", Text),
    Index("journey_backtests_journey", "journey", "id"),
)
