"""Launches that somebody else has to approve."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Who asked for which launch, and who decided what."""
    op.create_table(
        "journey_requests",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("journey", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", BIG),
        sa.Column("reason", sa.Text),
    )
    op.create_index("journey_requests_journey", "journey_requests", ["journey", "id"])
