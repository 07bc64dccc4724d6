"""Back-tests that are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """How far back-tests of journeys are, and what they found."""
    op.create_table(
        "journey_backtests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("journey", sa.Text, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("done", BIG, nullable=False),
        sa.Column("people", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("ended_at", BIG),
        sa.Column("error", sa.Text),
        sa.Column("result", sa.Text),
    )
    op.create_index("journey_backtests_journey", "journey_backtests", ["journey", "id"])
