"""Messages to people: deliveries, what became of them, who wants none."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from cdp.store.tables.base import Big, metadata

#: Messages of journeys that went wrong, as the index of them says it.
BAD_OF_JOURNEYS = (
    "origin = 'journey' AND (bounced_at IS NOT NULL OR complained_at IS NOT NULL "
    "OR unsubscribed_at IS NOT NULL OR state = 'failed')"
)
#: One message to one person, for one reason. ``node`` says to whom, whatever is merged or
#: parted later; None: somebody unknown, at ``recipient``.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Big, primary_key=True),
    Column("key", Text, nullable=False),  # the idempotency key
    Column("channel", Text, nullable=False),
    Column("node", Big),
    Column("origin", Text, nullable=False),  # transactional broadcast journey test
    Column("origin_key", Text, nullable=False),  # the broadcast's or journey's key, or empty
    Column("step", Text),
    Column("template", Text),
    Column("version", Integer),  # the template's, at the claim
    Column("variant", Text),
    Column("topic", Text),
    Column("flags", Integer, nullable=False, default=0),  # see cdp.messaging.request
    Column("priority", Integer, nullable=False, default=100),  # the lowest is sent first
    Column("recipient", Text),
    Column("request", LargeBinary),  # JSON: data for the template, overrides, options
    #: drafted waiting paused sending sent held failed bounced undeliverable cancelled
    Column("state", Text, nullable=False),
    Column("scheduled_at", Big, nullable=False),  # when it was to go, tries aside
    Column("due_at", Big, nullable=False),
    Column("until", Big),  # how long a lease (waiting) or a claim (sending) holds
    Column("attempts", Integer, nullable=False, default=0),
    Column("destination", Integer),
    Column("provider_id", Text),
    Column("reason", Text),  # a code of cdp.messaging.reasons, before a colon
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    Column("sent_at", Big),
    Column("delivered_at", Big),
    Column("opened_at", Big),
    Column("clicked_at", Big),
    Column("bounced_at", Big),
    Column("complained_at", Big),
    Column("unsubscribed_at", Big),
    Column("converted_at", Big),
    Index("deliveries_key", "key", unique=True),
    Index("deliveries_due", "channel", "state", "priority", "due_at"),
    Index(
        "deliveries_until",
        "until",
        sqlite_where=text("until IS NOT NULL"),
        postgresql_where=text("until IS NOT NULL"),
    ),
    Index("deliveries_node", "node", "id"),
    Index("deliveries_origin", "origin", "origin_key", "id"),
    Index(
        "deliveries_broadcast",
        "origin_key",
        "state",
        sqlite_where=text("origin = 'broadcast'"),
        postgresql_where=text("origin = 'broadcast'"),
    ),
    Index("deliveries_provider", "provider_id"),
    Index(
        "deliveries_bad",
        "origin_key",
        "id",
        sqlite_where=text(BAD_OF_JOURNEYS),
        postgresql_where=text(BAD_OF_JOURNEYS),
    ),
)

#: The message as it was handed over, JSON; kept for a time.
delivery_contents = Table(
    "delivery_contents",
    metadata,
    Column("delivery", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("delivery_contents_at", "at"),
)

#: What follows a delivery by another channel: looked at when it is due, or its end is known.
#: ``chain`` is JSON: the key of the reason, the links that are left, after how long unread.
followups = Table(
    "followups",
    metadata,
    Column("delivery", Big, primary_key=True),
    Column("due_at", Big, nullable=False),
    Column("chain", Text, nullable=False),
    Index("followups_due", "due_at"),
)

#: Deliveries of which a provider tells nothing unless it is asked; ``about`` is JSON.
inquiries = Table(
    "inquiries",
    metadata,
    Column("delivery", Big, primary_key=True),
    Column("destination", Integer, nullable=False),
    Column("since", Big, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("about", Text, nullable=False),
    Index("inquiries_due", "due_at"),
)

#: What was told of deliveries, each thing once: ``source`` is the destination's number (0:
#: ourselves) and ``ref`` its name for it.
reports = Table(
    "reports",
    metadata,
    Column("id", Big, primary_key=True),
    Column("delivery", Big),
    Column("source", Integer, nullable=False),
    Column("ref", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("received_at", Big, nullable=False),
    Column("machine", Boolean, nullable=False, default=False),
    Column("detail", Text),  # JSON: reason, href, hard, text
    Index("reports_ref", "source", "ref", unique=True),
    Index("reports_delivery", "delivery", "id"),
)

#: What people want to get. ``scope`` is ``*``, ``topic:KEY`` or ``channel:NAME``; of the
#: nodes of one person the newest holds.
preferences = Table(
    "preferences",
    metadata,
    Column("node", Big, nullable=False),
    Column("scope", Text, nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("at", Big, nullable=False),
    Column("cause", Text, nullable=False),  # page one_click mailto word api import console report
    Column("delivery", Big),
    PrimaryKeyConstraint("node", "scope"),
    sqlite_with_rowid=False,
)

#: Addresses that nothing is sent to. ``address`` is forgotten with its person, the hash stays.
suppressed_addresses = Table(
    "suppressed_addresses",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("address", Text),
    Column("reason", Text, nullable=False),  # bounce complaint manual import unsubscribed gone
    Column("detail", Text),
    Column("delivery", Big),
    Column("author", Text),
    Column("at", Big, nullable=False),
    Index("suppressed_addresses_at", "at"),
    Index("suppressed_addresses_address", "address"),
)

#: Events of our own on their way into the log; they leave when it has them.
emissions = Table(
    "emissions",
    metadata,
    Column("id", Big, primary_key=True),
    Column("node", Big),
    Column("source", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON, as Segment's batch has it
    Column("created_at", Big, nullable=False),
)
