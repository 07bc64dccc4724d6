"""Filters of destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a column."""
    op.add_column("destinations", sa.Column("filter", sa.Text(), nullable=False, server_default=""))
