"""The catalogue of what has been seen."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make its four tables; they fill with what comes from now on."""
    op.create_table(
        "catalogue_names",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("type", "name"),
    )
    op.create_table(
        "catalogue_seen",
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("first_t", BIG, nullable=False),
        sa.Column("last_t", BIG, nullable=False),
        sa.Column("looked", BIG, nullable=False),
        sa.Column("beyond", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name_id", "source_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "catalogue_days",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.PrimaryKeyConstraint("day", "name_id", "source_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "catalogue_properties",
        sa.Column("name_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name_id", "source_id", "path"),
        sqlite_with_rowid=False,
    )
