"""Regulations: deletion and suppression of people."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what deletions keep, what destinations are told of them, and who is suppressed."""
    op.create_table(
        "regulations",
        sa.Column("id", BIG, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("finished_at", BIG, nullable=True),
        sa.Column("work", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "regulation_forwards",
        sa.Column("regulation", BIG, nullable=False),
        sa.Column("destination_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("regulation", "destination_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppressed",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("before", BIG, nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
