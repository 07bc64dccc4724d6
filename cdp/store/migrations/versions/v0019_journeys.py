"""Journeys."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What was launched, runs and what became of them, counts, orders, gates."""
    op.create_table(
        "journeys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("launched_at", BIG, nullable=False),
        sa.Column("changed_at", BIG, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("rollout", sa.Float),
        sa.Column("winners", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_index("journeys_key", "journeys", ["key"], unique=True)
    op.create_table(
        "journey_runs",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("journey", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("node", BIG, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("started", BIG, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("since", BIG, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("due", BIG),
        sa.Column("alert", sa.Boolean, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("goal_at", BIG),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_index("journey_runs_profile", "journey_runs", ["profile", "journey"])
    op.create_index("journey_runs_place", "journey_runs", ["journey", "status", "version", "step"])
    op.create_index("journey_runs_node", "journey_runs", ["node"])
    op.create_index(
        "journey_runs_alert",
        "journey_runs",
        ["profile"],
        sqlite_where=sa.text("alert"),
        postgresql_where=sa.text("alert"),
    )
    op.create_table(
        "journey_moves",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("run", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("exit", sa.Text),
        sa.Column("why", sa.Text),
    )
    op.create_index("journey_moves_run", "journey_moves", ["run", "id"])
    op.create_table(
        "journey_counts",
        sa.Column("journey", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("exit", sa.Text, nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.PrimaryKeyConstraint("journey", "version", "day", "step", "what", "exit"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journey_orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("journey", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reached", BIG, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("ended_at", BIG),
    )
    op.create_index("journey_orders_state", "journey_orders", ["state", "id"])
    op.create_table(
        "journey_gates",
        sa.Column("gate", sa.Text, primary_key=True),
        sa.Column("last", sa.Float, nullable=False),
    )
