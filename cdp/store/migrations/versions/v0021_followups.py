"""Messages that follow others by another channel."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What follows a delivery."""
    op.create_table(
        "followups",
        sa.Column("delivery", BIG, primary_key=True, autoincrement=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
    )
    op.create_index("followups_due", "followups", ["due_at"])
