"""What journeys decide by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BAD = (
    "origin = 'journey' AND (bounced_at IS NOT NULL OR complained_at IS NOT NULL "
    "OR unsubscribed_at IS NOT NULL OR state = 'failed')"
)


def upgrade() -> None:
    """Decisions with their figures, what they changed, and what they are made of."""
    op.create_table(
        "journey_decisions",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("journey", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("variant", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
    )
    op.create_index("journey_decisions_journey", "journey_decisions", ["journey", "id"])
    op.create_index(
        "deliveries_bad", "deliveries", ["origin_key", "id"],
        sqlite_where=sa.text(BAD), postgresql_where=sa.text(BAD),
    )  # fmt: skip
    for column in (
        sa.Column("reason", sa.Text),
        sa.Column("was", sa.Text),
        sa.Column("watched", BIG, nullable=False, server_default="0"),
        sa.Column("closed", sa.Text, nullable=False, server_default="{}"),
        sa.Column("stage", sa.Integer, nullable=False, server_default="0"),
        sa.Column("stage_at", BIG, nullable=False, server_default="0"),
        sa.Column("stage_held", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("journeys", column)
    for kind in (6, 7, 8):  # limits, guardrails, winners
        op.execute(
            "INSERT INTO timers (kind, subject, profile, due) "
            f"SELECT {kind}, id, 0, 0 FROM journeys WHERE state IN ('live', 'draining')"
        )
    op.execute("UPDATE journeys SET watched = launched_at, stage_at = launched_at")
