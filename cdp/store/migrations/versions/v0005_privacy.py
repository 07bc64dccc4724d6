"""What is on its way out of the store."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what removals keep of how far they are."""
    op.create_table(
        "removals",
        sa.Column("id", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "doomed",
        sa.Column("removal", BIG, nullable=False),
        sa.Column("what", sa.Integer(), nullable=False),
        sa.Column("number", BIG, nullable=False),
        sa.PrimaryKeyConstraint("removal", "what", "number"),
        sqlite_with_rowid=False,
    )
