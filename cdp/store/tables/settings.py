"""What people set up: sources, destinations, definitions, and who may do what."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer, PrimaryKeyConstraint, Table, Text

from cdp.store.tables.base import Big, metadata

#: Single values: the configuration's version, the cookie secret, the space's name.
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

#: Where messages come from; each has a write key.
sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("write_key", Text, nullable=False, unique=True),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("settings", Text, nullable=False, default="{}"),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
)

#: Where messages go; ``source_id`` null means from every source.
destinations = Table(
    "destinations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("plugin", Text, nullable=False),
    Column("source_id", Integer),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("settings", Text, nullable=False, default="{}"),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    # JSON: the categories of consent without which nothing goes there
    Column("consent_categories", Text, nullable=False, default="[]", server_default="[]"),
    # the condition that events must meet; empty: all
    Column("filter", Text, nullable=False, default="", server_default=""),
)

#: API tokens, kept as SHA-256 in hex; scopes are words with spaces between.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("last_used_at", Big),
)

#: People who may log in to the console; passwords are argon2 hashes.
users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", Big, nullable=False),
)

#: Who changed what: one row a change of anything a person configures.
changes = Table(
    "changes",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
)

#: Everything that a person defines and that has a file form: a row a version, of which
#: the newest holds. ``body`` is JSON; a removed object has a last version without one.
definitions = Table(
    "definitions",
    metadata,
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text),
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
    PrimaryKeyConstraint("kind", "key", "version"),
)
