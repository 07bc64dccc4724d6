"""What destinations are told of audiences and computed traits."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Let changes be followed audience by audience; keep those of computed traits that are told."""
    op.drop_index("member_changes_audience", "member_changes")
    op.create_index("member_changes_audience", "member_changes", ["audience", "seq"])
    op.create_table(
        "value_changes",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("trait", sa.Integer, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("destination", sa.Integer),
    )
    op.create_index("value_changes_trait", "value_changes", ["trait", "seq"])
    op.create_index("value_changes_profile", "value_changes", ["profile"])
