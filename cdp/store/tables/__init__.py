"""The tables of the store, the same on SQLite and Postgres.

Times are milliseconds since 1970 (UTC). Blobs are zstd-compressed JSON unless a
column says otherwise. History, blocks and kept properties are partitioned by
position: `partition_tables` names the tables of one partition.
"""

from cdp.store.tables.audiences import (
    audiences,
    computed_values,
    member_changes,
    members,
    query_runs,
    timers,
    value_changes,
)
from cdp.store.tables.base import Big, metadata
from cdp.store.tables.broadcasts import broadcast_people, broadcasts
from cdp.store.tables.catalogue import (
    catalogue_days,
    catalogue_names,
    catalogue_properties,
    catalogue_seen,
)
from cdp.store.tables.delivery import (
    calls,
    outbox,
    plugin_errors,
    profile_changes,
    streams,
    transitions,
)
from cdp.store.tables.files import exports, images, import_refusals, imports
from cdp.store.tables.history import (
    counts,
    dedupe_slots,
    kept_properties,
    names,
    partitions,
    rejected,
)
from cdp.store.tables.journeys import (
    journey_counts,
    journey_drafts,
    journey_gates,
    journey_moves,
    journey_orders,
    journey_runs,
    journeys,
)
from cdp.store.tables.lists import list_values, lists
from cdp.store.tables.messages import (
    deliveries,
    delivery_contents,
    emissions,
    followups,
    inquiries,
    preferences,
    reports,
    suppressed_addresses,
)
from cdp.store.tables.partition import (
    HISTORICAL,
    MAX_TEXT,
    SECONDARY,
    Partition,
    dedupe_table,
    partition_tables,
)
from cdp.store.tables.people import (
    ACCOUNTS,
    USERS,
    components,
    cuts,
    homes,
    identifiers,
    memberships,
    nodes,
    object_types,
    profiles,
    sightings,
)
from cdp.store.tables.progress import checkpoints, numbers
from cdp.store.tables.removal import doomed, regulation_forwards, regulations, removals, suppressed
from cdp.store.tables.settings import (
    changes,
    definitions,
    destinations,
    meta,
    sources,
    tokens,
    users,
)
from cdp.store.tables.traits import kept_traits, trait_values

__all__ = [
    "ACCOUNTS",
    "HISTORICAL",
    "MAX_TEXT",
    "SECONDARY",
    "USERS",
    "Big",
    "Partition",
    "audiences",
    "broadcast_people",
    "broadcasts",
    "calls",
    "catalogue_days",
    "catalogue_names",
    "catalogue_properties",
    "catalogue_seen",
    "changes",
    "checkpoints",
    "components",
    "computed_values",
    "counts",
    "cuts",
    "dedupe_slots",
    "dedupe_table",
    "definitions",
    "deliveries",
    "delivery_contents",
    "destinations",
    "doomed",
    "emissions",
    "exports",
    "followups",
    "homes",
    "identifiers",
    "images",
    "import_refusals",
    "imports",
    "inquiries",
    "journey_counts",
    "journey_drafts",
    "journey_gates",
    "journey_moves",
    "journey_orders",
    "journey_runs",
    "journeys",
    "kept_properties",
    "kept_traits",
    "list_values",
    "lists",
    "member_changes",
    "members",
    "memberships",
    "meta",
    "metadata",
    "names",
    "nodes",
    "numbers",
    "object_types",
    "outbox",
    "partition_tables",
    "partitions",
    "plugin_errors",
    "preferences",
    "profile_changes",
    "profiles",
    "query_runs",
    "regulation_forwards",
    "regulations",
    "rejected",
    "removals",
    "reports",
    "sightings",
    "sources",
    "streams",
    "suppressed",
    "suppressed_addresses",
    "timers",
    "tokens",
    "trait_values",
    "transitions",
    "users",
    "value_changes",
]
