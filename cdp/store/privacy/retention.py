"""What is old enough to go."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cdp.store import meta
from cdp.store.bulk import select_by
from cdp.store.events import history, timeline
from cdp.store.profiles import graph
from cdp.store.tables import USERS, identifiers, profiles

#: Calls of which events are raw data; the others make people and accounts what they are.
RAW_CALLS = ("track", "page", "screen")
#: Identifiers that say nothing of who somebody is (segment.com: anonymous profiles).
ANONYMOUS = frozenset(
    {
        "anonymous_id",
        "ga_client_id",
        "android.id",
        "android.idfa",
        "android.push_token",
        "expo.push_token",
        "ios.id",
        "ios.idfa",
        "ios.push_token",
        "web.push_token",
    }
)
_HORIZON = "retention_horizon"


def horizon(tx: Connection) -> int:
    """Events before this time may be gone, so that it says nothing if a node has none."""
    return int(meta.get(tx, _HORIZON) or -(2**62))


def raise_horizon(tx: Connection, before: int) -> None:
    """Note that events before ``before`` are going."""
    if before > horizon(tx):
        meta.put(tx, _HORIZON, str(before))


def raw_names(tx: Connection, wanted: str | None = None) -> list[int]:
    """The numbers of the names of raw events; only those called ``wanted``, if given.

    ``page:Home`` and ``screen:Home`` name pages and screens.
    """
    found = []
    for number, (type_, name) in history.all_names(tx).items():
        known = name if type_ == "track" else f"{type_}:{name}"
        if type_ in RAW_CALLS and wanted in (None, known):
            found.append(number)
    return found


def idle_anonymous(
    tx: Connection, after: int, before: int, limit: int
) -> tuple[list[int], int | None]:
    """Profiles that nobody is known behind, without any event since ``before``.

    Looks at ``limit`` people behind profile ``after``; returns where to go on, too.
    """
    statement = (
        select(profiles.c.id, profiles.c.updated_at)
        .where(profiles.c.id > after, profiles.c.collection == USERS)
        .order_by(profiles.c.id)
        .limit(limit)
    )
    rows = tx.execute(statement).all()
    quiet = [row.id for row in rows if row.updated_at < before]
    columns = (identifiers.c.profile, identifiers.c.type)
    known = {
        row[0]
        for row in select_by(tx, columns, identifiers.c.profile, quiet)
        if row[1] not in ANONYMOUS
    }
    idle = [id_ for id_ in quiet if id_ not in known and not _active(tx, id_, before)]
    return idle, rows[-1].id if len(rows) == limit else None


def _active(tx: Connection, profile: int, since: int) -> bool:
    ids = [row.id for row in graph.nodes_of_profiles(tx, [profile])]
    return bool(timeline.rows_of_nodes(tx, ids, start=since, limit=1))
