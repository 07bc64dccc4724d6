"""Audiences, computed traits, timers; kept values know their node and time."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables anew: nothing had been kept so far."""
    bind = op.get_bind()
    bind.execute(sa.text("DELETE FROM kept_properties"))
    for (number,) in bind.execute(sa.text("SELECT id FROM partitions")).all():
        op.drop_table(f"kept_{number}")
        op.create_table(
            f"kept_{number}",
            sa.Column("property", sa.Integer, nullable=False),
            sa.Column("seq", BIG, nullable=False),
            sa.Column("node", BIG, nullable=False),
            sa.Column("t", BIG, nullable=False),
            sa.Column("num", sa.Float),
            sa.Column("text", sa.Text),
            sa.Column("json", sa.Text),
            sa.PrimaryKeyConstraint("property", "seq"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "audiences",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("root", sa.Text),
        sa.Column("collection", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reached", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("made_at", BIG, nullable=False),
        sa.Column("live_at", BIG),
        sa.Column("ended_at", BIG),
        sa.Column("error", sa.Text),
    )
    op.create_index("audiences_key", "audiences", ["kind", "key"])
    op.create_table(
        "members",
        sa.Column("audience", sa.Integer, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.PrimaryKeyConstraint("audience", "profile"),
        sqlite_with_rowid=False,
    )
    op.create_index("members_profile", "members", ["profile"])
    op.create_table(
        "member_changes",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("audience", sa.Integer, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("event", BIG),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("member_changes_audience", "member_changes", ["audience", "seq"])
    op.create_index("member_changes_profile", "member_changes", ["profile"])
    op.create_table(
        "computed_values",
        sa.Column("trait", sa.Integer, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.PrimaryKeyConstraint("trait", "profile"),
        sqlite_with_rowid=False,
    )
    op.create_index("computed_values_profile", "computed_values", ["profile"])
    op.create_table(
        "timers",
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("subject", BIG, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("due", BIG, nullable=False),
        sa.PrimaryKeyConstraint("profile", "kind", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_index("timers_due", "timers", ["due"])
