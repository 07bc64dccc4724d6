"""What the clauses of audiences say is kept once a version: entries and exits are short."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """A table of clauses, by number."""
    op.create_table(
        "reason_forms",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("audience", sa.Integer, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
    )
    op.create_index("reason_forms_audience", "reason_forms", ["audience"])
