"""The tables of the store, the same on SQLite and Postgres.

Times are milliseconds since 1970 (UTC). Blobs are zstd-compressed JSON unless a
column says otherwise. History, blocks and kept properties are partitioned by
position: `partition_tables` names the tables of one partition.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
Big = BigInteger().with_variant(Integer, "sqlite")

# -- what the operator configures ------------------------------------------------

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

# -- progress ---------------------------------------------------------------------

#: How far the pipeline has taken each part of the log; ``epoch`` names its owner.
#: ``ended_at``: all of it was taken and its writer is gone, so the part was dropped.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("part", Text, primary_key=True),
    Column("pos", Big, nullable=False),
    Column("epoch", Big, nullable=False, default=0),
    Column("updated_at", Big, nullable=False),
    Column("ended_at", Big),
)

#: The next free number of each kind (``seq node profile identifier name …``).
numbers = Table(
    "numbers",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("next", Big, nullable=False),
)

# -- history ----------------------------------------------------------------------

#: Event names, once each: ``type`` is the call, ``name`` the event, page or screen.
names = Table(
    "names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("first_seen", Big, nullable=False),
    UniqueConstraint("type", "name"),
)

#: The partitions of the history: positions ``first_seq`` up to the next one's.
partitions = Table(
    "partitions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("first_seq", Big, nullable=False),
    Column("min_t", Big),
    Column("max_t", Big),
    Column("created_at", Big, nullable=False),
)

#: Parts of the dedupe index, and the ten-minute slots of client time in each.
dedupe_slots = Table(
    "dedupe_slots",
    metadata,
    Column("slot", Big, nullable=False),
    Column("part", Integer, nullable=False),
    PrimaryKeyConstraint("slot", "part"),
    sqlite_with_rowid=False,
)

#: Messages that were not taken, with the reason; ``body`` as it was sent.
rejected = Table(
    "rejected",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("source_id", Integer),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("type", Text),
    Column("name", Text),
    Column("message_id", Text),
    Column("body", LargeBinary, nullable=False),
    Index("rejected_at", "at"),
)

#: Messages a minute by source and outcome (``track`` … or ``rejected:<code>``).
counts = Table(
    "counts",
    metadata,
    Column("minute", Big, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("n", Big, nullable=False),
    PrimaryKeyConstraint("minute", "source_id", "what"),
    sqlite_with_rowid=False,
)

#: Properties of which a typed copy is kept beside the history.
kept_properties = Table(
    "kept_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("backfilled_to", Big, nullable=False, default=0),
    Column("backfill_until", Big, nullable=False, default=0),
    UniqueConstraint("event", "path"),
)

# -- the catalogue ------------------------------------------------------------------

#: What the catalogue lists: a call's type and its event, page or screen, ids left
#: out; number 0 (without a row) stands for all names that found no room.
catalogue_names = Table(
    "catalogue_names",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("type", "name"),
)

#: Messages of a name from a source; of these ``looked`` were looked into, and
#: ``beyond`` of these had more properties than are kept.
catalogue_seen = Table(
    "catalogue_seen",
    metadata,
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("n", Big, nullable=False),
    Column("first_t", Big, nullable=False),
    Column("last_t", Big, nullable=False),
    Column("looked", Big, nullable=False),
    Column("beyond", Big, nullable=False),
    PrimaryKeyConstraint("name_id", "source_id"),
    sqlite_with_rowid=False,
)

#: The same messages by day of event time (days since 1970); day 0 is all that is older.
catalogue_days = Table(
    "catalogue_days",
    metadata,
    Column("day", Integer, nullable=False),
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("n", Big, nullable=False),
    PrimaryKeyConstraint("day", "name_id", "source_id"),
    sqlite_with_rowid=False,
)

#: What the messages looked into had; ``detail`` is JSON, see `cdp.protocols.shapes`.
catalogue_properties = Table(
    "catalogue_properties",
    metadata,
    Column("name_id", Integer, nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("name_id", "source_id", "path"),
    sqlite_with_rowid=False,
)

# -- people and accounts ------------------------------------------------------------

USERS, ACCOUNTS = 0, 1

#: Types of objects besides people; each is a collection. Accounts need no row.
object_types = Table(
    "object_types",
    metadata,
    Column("id", Integer, primary_key=True),  # the collection
    Column("key", Text, nullable=False, unique=True),  # the objectTypeId of messages
    Column("name", Text, nullable=False),
    Column("created_at", Big, nullable=False),
)

#: A node is what a message said about whom: its set of identifiers. History and
#: traits hang on nodes; ``profile`` says to whom the node belongs just now.
nodes = Table(
    "nodes",
    metadata,
    Column("id", Big, primary_key=True),
    Column("key", Big, nullable=False),  # hash of collection and ids
    Column("collection", Integer, nullable=False),
    Column("ids", Text, nullable=False),  # JSON [[type, value], …] in cdp.identity.canonical order
    Column("first_t", Big, nullable=False),
    Column("first_source", Integer, nullable=False),
    Column("first_message_id", Text, nullable=False),
    Column("component", Big, nullable=False),
    Column("profile", Big, nullable=False),  # 0: all its identifiers are blocked
    Column("dropped", Text),  # JSON [[type, value, reason], …] that was kept apart
    Column("traits", LargeBinary),  # JSON, see cdp.profiles.traits
    Column("consent", Text),  # JSON, see cdp.profiles.consent
    Index("nodes_key", "key"),
    Index("nodes_component", "component"),
    Index("nodes_profile", "profile"),
)

#: On which days a node was met again, under limits with a window (cdp.identity.resolve).
sightings = Table(
    "sightings",
    metadata,
    Column("node", Big, nullable=False),
    Column("day", Integer, nullable=False),
    Column("t", Big, nullable=False),
    Column("source", Integer, nullable=False),
    Column("message_id", Text, nullable=False),
    PrimaryKeyConstraint("node", "day"),
    sqlite_with_rowid=False,
)

#: Identifiers that a person has parted for good; the sides are JSON [[type, value], …].
cuts = Table(
    "cuts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("left_ids", Text, nullable=False),
    Column("right_ids", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", Big, nullable=False),
    Column("note", Text),
    Column("undone_by", Text),
    Column("undone_at", Big),
)

#: A value by which a profile is known; ``profile`` null: known, but kept apart.
identifiers = Table(
    "identifiers",
    metadata,
    Column("id", Big, primary_key=True),
    Column("hash", Big, nullable=False),  # of collection, type and value; names a profile too
    Column("collection", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("component", Big, nullable=False),
    Column("profile", Big),
    Column("first_t", Big, nullable=False),
    Column("first_source", Integer, nullable=False),
    Column("first_message_id", Text, nullable=False),
    Index("identifiers_hash", "hash"),
    Index("identifiers_value", "value"),
    Index("identifiers_component", "component"),
    Index("identifiers_profile", "profile"),
)

#: Nodes that are connected by any identifier; what a late fact re-folds.
components = Table(
    "components",
    metadata,
    Column("id", Big, primary_key=True),
    Column("last_t", Big, nullable=False),  # stamp of the newest first sighting
    Column("last_source", Integer, nullable=False),
    Column("last_message_id", Text, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("id", Big, primary_key=True),
    Column("collection", Integer, nullable=False),
    Column("anchor", Big, nullable=False),  # hash of the identifier that names it
    Column("created_t", Big, nullable=False),  # stamp of the first message about it
    Column("created_source", Integer, nullable=False),
    Column("created_message_id", Text, nullable=False),
    Column("merges", Integer, nullable=False, default=0),
    Column("updated_at", Big, nullable=False),
    Column("name", Text),
    Column("name_key", Text),  # lower case, for search
    Column("traits", LargeBinary),  # JSON, see cdp.profiles.traits
    Index("profiles_anchor", "anchor"),
    Index("profiles_name_key", "name_key"),
    Index("profiles_updated_at", "updated_at"),
)

#: Which person's node named which account's or object's node, and when; ``ended_t`` is when
#: it was taken back last. The person 0 stands for the object itself: group calls about
#: nobody, and the object's deletion.
memberships = Table(
    "memberships",
    metadata,
    Column("user_node", Big, nullable=False),
    Column("account_node", Big, nullable=False),
    Column("first_t", Big),
    Column("last_t", Big),
    Column("ended_t", Big),
    Column("traits", LargeBinary),  # the relationship's; JSON, see cdp.profiles.traits
    PrimaryKeyConstraint("user_node", "account_node"),
    Index("memberships_account", "account_node"),
    sqlite_with_rowid=False,
)

# -- on its way out of the store ------------------------------------------------------

#: History that is being taken away; ``state`` is JSON, see `cdp.pipeline.rebuild`.
removals = Table(
    "removals",
    metadata,
    Column("id", Big, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", Big, nullable=False),
)

#: What a removal has to look at: nodes and positions, see `cdp.store.removal`.
doomed = Table(
    "doomed",
    metadata,
    Column("removal", Big, nullable=False),
    Column("what", Integer, nullable=False),
    Column("number", Big, nullable=False),
    PrimaryKeyConstraint("removal", "what", "number"),
    sqlite_with_rowid=False,
)

#: Wishes of people: to be deleted, not to be heard any more. ``work`` is JSON that says
#: who; it is emptied before a regulation is done. ``detail`` is JSON that may be shown.
regulations = Table(
    "regulations",
    metadata,
    Column("id", Big, primary_key=True),
    Column("type", Text, nullable=False),  # DELETE_ONLY …, see cdp.store.regulations
    Column("state", Text, nullable=False),  # INITIALIZED RUNNING FINISHED PARTIAL_SUCCESS FAILED
    Column("phase", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", Big, nullable=False),
    Column("due_at", Big, nullable=False),
    Column("finished_at", Big),
    Column("work", Text),
    Column("detail", Text, nullable=False),
)

#: What destinations are told of a regulation.
regulation_forwards = Table(
    "regulation_forwards",
    metadata,
    Column("regulation", Big, nullable=False),
    Column("destination_id", Integer, nullable=False),
    Column("state", Text, nullable=False),  # waiting done failed unsupported
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False),
    Column("error", Text),
    PrimaryKeyConstraint("regulation", "destination_id"),
    sqlite_with_rowid=False,
)

#: People whose events are refused, by a keyed hash (`cdp.profiles.suppression`).
suppressed = Table(
    "suppressed",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("at", Big, nullable=False),
    Column("before", Big),  # refuse only what was received before
)

# -- ways out -----------------------------------------------------------------------

#: A reader of the history with a checkpoint: a destination, a plugin's hook, a
#: replay. ``from_seq``–``to_seq`` is the batch in flight, persisted before it is
#: sent, so that a repeat carries the same key.
streams = Table(
    "streams",
    metadata,
    Column("name", Text, primary_key=True),  # destination:<id>, hook:<plugin>:<hook>, replay:<id>
    Column("destination_id", Integer),
    Column("seq", Big, nullable=False),  # everything below is done
    Column("to_seq", Big),  # end of the batch in flight, exclusive
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False, default=0),
    Column("state", Text, nullable=False, default="running"),  # running stalled stopped done
    Column("since", Big, nullable=False),  # when it came into this state
    Column("error", Text),
    Column("delivered", Big, nullable=False, default=0),
    Column("filtered", Big, nullable=False, default=0),
    Column("failed", Big, nullable=False, default=0),
    Column("claimed_by", Text),  # which process works on it, and until when
    Column("claimed_until", Big, nullable=False, default=0),
    Column("until_seq", Big),  # a replay ends here
    Column("selection", Text),  # JSON of a replay: from, to
    Column("remaining", Text),  # JSON: positions of the batch in flight that were not taken yet
    Column("updated_at", Big, nullable=False),
)

#: What has a fate of its own: an item that a destination wants again or refused.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Big, primary_key=True),
    Column("destination_id", Integer, nullable=False),
    Column("key", Text, nullable=False),  # the idempotency key
    Column("seq", Big),  # the event in the history
    Column("payload", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # waiting claimed dead
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Big, nullable=False),
    Column("claimed_until", Big),
    Column("error", Text),
    Column("created_at", Big, nullable=False),
    Column("updated_at", Big, nullable=False),
    Index("outbox_due", "state", "next_at"),
    Index("outbox_destination", "destination_id", "state"),
)

#: What was sent and answered, capped and masked; the newest are kept.
calls = Table(
    "calls",
    metadata,
    Column("id", Big, primary_key=True),
    Column("destination_id", Integer, nullable=False),
    Column("at", Big, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("outcome", Text, nullable=False),  # delivered retry rejected stopped
    Column("status", Integer),
    Column("events", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("error", Text),
    Column("exchange", LargeBinary),  # JSON {request, response}
    Index("calls_destination", "destination_id", "id"),
)

#: What plugins raised, grouped by message.
plugin_errors = Table(
    "plugin_errors",
    metadata,
    Column("plugin", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("n", Big, nullable=False),
    Column("first_at", Big, nullable=False),
    Column("last_at", Big, nullable=False),
    Column("traceback", Text, nullable=False),
    PrimaryKeyConstraint("plugin", "hook", "error"),
)

#: What changed about profiles, for the plugins that asked to be told.
profile_changes = Table(
    "profile_changes",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("profile", Big, nullable=False),
    Column("kind", Text, nullable=False),  # created updated merged
    Column("detail", Text, nullable=False),
)

#: What happened in journeys, for the plugins that asked to be told.
transitions = Table(
    "transitions",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("at", Big, nullable=False),
    Column("profile", Big, nullable=False),
    Column("journey", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# -- files in and out ---------------------------------------------------------------

#: Files of people or accounts that were brought in, each through a source of its own.
imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("name", Text, nullable=False),  # of the file
    Column("format", Text, nullable=False),  # csv jsonl parquet
    Column("collection", Integer, nullable=False),
    Column("mapping", Text, nullable=False),  # JSON, see cdp.transfer.mapping
    Column("digest", Text, nullable=False),  # of the file, the mapping and the collection
    Column("dry_run", Boolean, nullable=False),
    Column("source_id", Integer),
    Column("state", Text, nullable=False),  # waiting running done failed undoing undone
    Column("error", Text),
    Column("total", Big),  # bytes of the file
    Column("read", Big, nullable=False, default=0),  # of which were read
    Column("line", Big, nullable=False, default=0),  # everything up to here is in the log
    Column("rows", Big, nullable=False, default=0),
    Column("refused", Big, nullable=False, default=0),
    Column("result", Text),  # JSON, of a dry run
    Column("updated_at", Big, nullable=False),
    Column("finished_at", Big),
    Column("undone_by", Text),
    Index("imports_digest", "digest"),
)

#: Lines of an import that were not taken; no values, only where and why.
import_refusals = Table(
    "import_refusals",
    metadata,
    Column("import_id", Integer, nullable=False),
    Column("line", Big, nullable=False),
    Column("column_name", Text),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("import_id", "line"),
    sqlite_with_rowid=False,
)

#: What left the store as a file, when and for whom: a deletion must name it.
exports = Table(
    "exports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Big, nullable=False),
    Column("author", Text, nullable=False),
    Column("what", Text, nullable=False),  # people accounts identifiers events messages
    Column("format", Text, nullable=False),
    Column("selection", Text, nullable=False),  # JSON: from, to
    Column("target", Text, nullable=False),  # the file, or how it was handed over
    Column("rows", Big),  # null: it did not come to its end
    Column("finished_at", Big),
)

# -- one partition ------------------------------------------------------------------

#: Flags of a history row.
HISTORICAL, SECONDARY = 1, 2


class Partition(NamedTuple):
    """The tables of one partition of the history.

    ``history`` has one row a message (a group call has a second one, flagged
    `SECONDARY`, for the account); ``blocks`` the bodies of a micro-batch, of
    which ``first_seq`` is the first; ``kept`` the kept properties.
    """

    history: Table
    blocks: Table
    kept: Table


@lru_cache(maxsize=1024)
def partition_tables(number: int) -> Partition:
    """The tables of partition ``number``; they are created by the pipeline."""
    own = MetaData()
    history = Table(
        f"history_{number}",
        own,
        Column("seq", Big, primary_key=True),
        Column("node", Big, nullable=False),
        Column("name", Integer, nullable=False),
        Column("t", Big, nullable=False),
        Column("source", Integer, nullable=False),
        Column("flags", Integer, nullable=False),
        Column("body_seq", Big),  # where the body is, when not under its own seq
        Index(f"history_{number}_node", "node", "name", "t"),
    )
    blocks = Table(
        f"blocks_{number}",
        own,
        Column("first_seq", Big, primary_key=True),
        Column("n", Integer, nullable=False),
        Column("data", LargeBinary, nullable=False),
    )
    kept = Table(
        f"kept_{number}",
        own,
        Column("property", Integer, nullable=False),
        Column("seq", Big, nullable=False),
        Column("num", Float),
        Column("text", Text),
        PrimaryKeyConstraint("property", "seq"),
        sqlite_with_rowid=False,
    )
    return Partition(history, blocks, kept)


@lru_cache(maxsize=1024)
def dedupe_table(part: int) -> Table:
    """Part ``part`` of the dedupe index: hashes of (source, messageId)."""
    return Table(f"dedupe_{part}", MetaData(), Column("hash", Big, primary_key=True))
