"""Messages to people."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Deliveries, their contents and reports, preferences, suppressed addresses, emissions."""
    op.create_table(
        "deliveries",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("node", BIG),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("origin_key", sa.Text, nullable=False),
        sa.Column("step", sa.Text),
        sa.Column("template", sa.Text),
        sa.Column("version", sa.Integer),
        sa.Column("variant", sa.Text),
        sa.Column("topic", sa.Text),
        sa.Column("flags", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("recipient", sa.Text),
        sa.Column("request", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("scheduled_at", BIG, nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("until", BIG),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("destination", sa.Integer),
        sa.Column("provider_id", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("updated_at", BIG, nullable=False),
        sa.Column("sent_at", BIG),
        sa.Column("delivered_at", BIG),
        sa.Column("opened_at", BIG),
        sa.Column("clicked_at", BIG),
        sa.Column("bounced_at", BIG),
        sa.Column("complained_at", BIG),
        sa.Column("unsubscribed_at", BIG),
        sa.Column("converted_at", BIG),
    )
    op.create_index("deliveries_key", "deliveries", ["key"], unique=True)
    op.create_index("deliveries_due", "deliveries", ["channel", "state", "priority", "due_at"])
    op.create_index(
        "deliveries_until",
        "deliveries",
        ["until"],
        sqlite_where=sa.text("until IS NOT NULL"),
        postgresql_where=sa.text("until IS NOT NULL"),
    )
    op.create_index("deliveries_node", "deliveries", ["node", "id"])
    op.create_index("deliveries_origin", "deliveries", ["origin", "origin_key", "id"])
    op.create_index("deliveries_provider", "deliveries", ["provider_id"])
    op.create_table(
        "delivery_contents",
        sa.Column("delivery", BIG, primary_key=True),
        sa.Column("at", BIG, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_index("delivery_contents_at", "delivery_contents", ["at"])
    op.create_table(
        "reports",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("delivery", BIG),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("received_at", BIG, nullable=False),
        sa.Column("machine", sa.Boolean, nullable=False),
        sa.Column("detail", sa.Text),
    )
    op.create_index("reports_ref", "reports", ["source", "ref"], unique=True)
    op.create_index("reports_delivery", "reports", ["delivery", "id"])
    op.create_table(
        "preferences",
        sa.Column("node", BIG, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("delivery", BIG),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppressed_addresses",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("delivery", BIG),
        sa.Column("author", sa.Text),
        sa.Column("at", BIG, nullable=False),
    )
    op.create_index("suppressed_addresses_at", "suppressed_addresses", ["at"])
    op.create_index("suppressed_addresses_address", "suppressed_addresses", ["address"])
    op.create_table(
        "emissions",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("node", BIG),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
    )
