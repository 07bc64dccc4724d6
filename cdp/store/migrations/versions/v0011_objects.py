"""Objects of several types, and relationships that have attributes and an end."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table of types, and the memberships anew with what they have now."""
    op.create_table(
        "object_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.drop_index("memberships_account", "memberships")
    op.rename_table("memberships", "memberships_before")
    op.create_table(
        "memberships",
        sa.Column("user_node", BIG, nullable=False),
        sa.Column("account_node", BIG, nullable=False),
        sa.Column("first_t", BIG),
        sa.Column("last_t", BIG),
        sa.Column("ended_t", BIG),
        sa.Column("traits", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("user_node", "account_node", name="memberships_nodes"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO memberships (user_node, account_node, first_t, last_t) "
        "SELECT user_node, account_node, first_t, last_t FROM memberships_before"
    )
    op.drop_table("memberships_before")
    op.create_index("memberships_account", "memberships", ["account_node"])
