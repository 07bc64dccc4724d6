"""Computed traits that queries work out."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """How the last run of each query went."""
    op.create_table(
        "query_runs",
        sa.Column("trait", sa.Integer, primary_key=True),
        sa.Column("began_at", BIG),
        sa.Column("ended_at", BIG),
        sa.Column("rows", BIG, nullable=False),
        sa.Column("unknown", BIG, nullable=False),
        sa.Column("changed", BIG, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("wanted", sa.Boolean, nullable=False),
    )
