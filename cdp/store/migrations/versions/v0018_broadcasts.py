"""Broadcasts."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Broadcasts, their people, and a way to their deliveries by state."""
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text),
        sa.Column("parent", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary),
        sa.Column("error", sa.Text),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("begins_at", BIG),
        sa.Column("as_of", BIG),
        sa.Column("ended_at", BIG),
        sa.Column("paused_from", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("until", BIG, nullable=False),
        sa.Column("people", BIG, nullable=False),
        sa.Column("held_out", BIG, nullable=False),
        sa.Column("queued", BIG, nullable=False),
        sa.Column("skipped", sa.Text, nullable=False),
        sa.Column("wave", sa.Integer, nullable=False),
        sa.Column("reached_at", BIG, nullable=False),
        sa.Column("reached", BIG, nullable=False),
        sa.Column("wave_ended_at", BIG),
        sa.Column("pace_us", BIG, nullable=False),
        sa.Column("pace_day", sa.Integer, nullable=False),
        sa.Column("pace_today", BIG, nullable=False),
        sa.Column("winner", sa.Text),
        sa.Column("winner_why", sa.Text),
    )
    op.create_index("broadcasts_key", "broadcasts", ["key"], unique=True)
    op.create_index("broadcasts_parent", "broadcasts", ["parent", "id"])
    op.create_index("broadcasts_state", "broadcasts", ["state"])
    op.create_table(
        "broadcast_people",
        sa.Column("broadcast", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("wave", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("due_at", BIG, primary_key=True, autoincrement=False),
        sa.Column("node", BIG, primary_key=True, autoincrement=False),
        sa.Column("person", BIG, nullable=False),
        sa.Column("variant", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_index("broadcast_people_node", "broadcast_people", ["node"])
    op.create_index(
        "deliveries_broadcast",
        "deliveries",
        ["origin_key", "state"],
        sqlite_where=sa.text("origin = 'broadcast'"),
        postgresql_where=sa.text("origin = 'broadcast'"),
    )
