"""Definitions with versions, cuts, and the days on which a node was met."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what identity needs to be explained and undone."""
    op.create_table(
        "definitions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "version"),
    )
    op.create_table(
        "sightings",
        sa.Column("node", BIG, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("t", BIG, nullable=False),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cuts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("left_ids", sa.Text(), nullable=False),
        sa.Column("right_ids", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
