"""Consent of people, and the categories of destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add two columns."""
    op.add_column("nodes", sa.Column("consent", sa.Text(), nullable=True))
    op.add_column(
        "destinations",
        sa.Column("consent_categories", sa.Text(), nullable=False, server_default="[]"),
    )
