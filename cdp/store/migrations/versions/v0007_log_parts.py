"""When a part of the log had been taken whole."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column; the parts of before end when the pipeline looks at them next."""
    op.add_column("checkpoints", sa.Column("ended_at", BIG))
