"""Parquet files of kept values."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Which kept values of closed partitions are in Parquet files, too."""
    op.create_table(
        "kept_files",
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("property", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rows", BIG),
    )
