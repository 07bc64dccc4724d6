"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make everything of version 0.1."""
    op.create_table(
        "calls",
        sa.Column("id", BIG, nullable=False),
        sa.Column("destination_id", sa.Integer(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("exchange", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("calls_destination", "calls", ["destination_id", "id"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("pos", BIG, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("part"),
    )
    op.create_table(
        "components",
        sa.Column("id", BIG, nullable=False),
        sa.Column("last_t", BIG, nullable=False),
        sa.Column("last_source", sa.Integer(), nullable=False),
        sa.Column("last_message_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "counts",
        sa.Column("minute", BIG, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.PrimaryKeyConstraint("minute", "source_id", "what"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dedupe_slots",
        sa.Column("slot", BIG, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "destinations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "identifiers",
        sa.Column("id", BIG, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("component", BIG, nullable=False),
        sa.Column("profile", BIG, nullable=True),
        sa.Column("first_t", BIG, nullable=False),
        sa.Column("first_source", sa.Integer(), nullable=False),
        sa.Column("first_message_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("identifiers_component", "identifiers", ["component"], unique=False)
    op.create_index("identifiers_hash", "identifiers", ["hash"], unique=False)
    op.create_index("identifiers_profile", "identifiers", ["profile"], unique=False)
    op.create_index("identifiers_value", "identifiers", ["value"], unique=False)
    op.create_table(
        "kept_properties",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("backfilled_to", BIG, nullable=False),
        sa.Column("backfill_until", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event", "path"),
    )
    op.create_table(
        "memberships",
        sa.Column("user_node", BIG, nullable=False),
        sa.Column("account_node", BIG, nullable=False),
        sa.Column("first_t", BIG, nullable=False),
        sa.Column("last_t", BIG, nullable=False),
        sa.PrimaryKeyConstraint("user_node", "account_node"),
        sqlite_with_rowid=False,
    )
    op.create_index("memberships_account", "memberships", ["account_node"], unique=False)
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "names",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_seen", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("type", "name"),
    )
    op.create_table(
        "nodes",
        sa.Column("id", BIG, nullable=False),
        sa.Column("key", BIG, nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("first_t", BIG, nullable=False),
        sa.Column("first_source", sa.Integer(), nullable=False),
        sa.Column("first_message_id", sa.Text(), nullable=False),
        sa.Column("component", BIG, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("dropped", sa.Text(), nullable=True),
        sa.Column("traits", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("nodes_component", "nodes", ["component"], unique=False)
    op.create_index("nodes_key", "nodes", ["key"], unique=False)
    op.create_index("nodes_profile", "nodes", ["profile"], unique=False)
    op.create_table(
        "numbers",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("next", BIG, nullable=False),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("destination_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("seq", BIG, nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("claimed_until", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("outbox_destination", "outbox", ["destination_id", "state"], unique=False)
    op.create_index("outbox_due", "outbox", ["state", "next_at"], unique=False)
    op.create_table(
        "partitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_seq", BIG, nullable=False),
        sa.Column("min_t", BIG, nullable=True),
        sa.Column("max_t", BIG, nullable=True),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "plugin_errors",
        sa.Column("plugin", sa.Text(), nullable=False),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("first_at", BIG, nullable=False),
        sa.Column("last_at", BIG, nullable=False),
        sa.Column("traceback", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "hook", "error"),
    )
    op.create_table(
        "profile_changes",
        sa.Column("seq", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "profiles",
        sa.Column("id", BIG, nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("anchor", BIG, nullable=False),
        sa.Column("created_t", BIG, nullable=False),
        sa.Column("created_source", sa.Integer(), nullable=False),
        sa.Column("created_message_id", sa.Text(), nullable=False),
        sa.Column("merges", sa.Integer(), nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_key", sa.Text(), nullable=True),
        sa.Column("traits", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("profiles_anchor", "profiles", ["anchor"], unique=False)
    op.create_index("profiles_name_key", "profiles", ["name_key"], unique=False)
    op.create_index("profiles_updated_at", "profiles", ["updated_at"], unique=False)
    op.create_table(
        "rejected",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("rejected_at", "rejected", ["at"], unique=False)
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("write_key", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("write_key"),
    )
    op.create_table(
        "streams",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Integer(), nullable=True),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("to_seq", BIG, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered", BIG, nullable=False),
        sa.Column("filtered", BIG, nullable=False),
        sa.Column("failed", BIG, nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_until", BIG, nullable=False),
        sa.Column("until_seq", BIG, nullable=True),
        sa.Column("selection", sa.Text(), nullable=True),
        sa.Column("updated_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("last_used_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
