"""What was taken last is kept a row a micro-batch, and put into the dedupe index in order."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """A table of hashes, many to a row."""
    op.create_table(
        "dedupe_hot",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
