"""Providers that are asked what became of messages."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Deliveries of which they are asked."""
    op.create_table(
        "inquiries",
        sa.Column("delivery", BIG, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.Integer, nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
    )
    op.create_index("inquiries_due", "inquiries", ["due_at"])
