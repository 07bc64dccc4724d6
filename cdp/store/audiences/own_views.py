"""The views that people's own queries see, as selects over the tables."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cdp.definitions.own_sql import VIEWS
from cdp.store.events import kept
from cdp.store.profiles import trait_values
from cdp.store.tables import ACCOUNTS, USERS, partitions

#: A select of many parts is read up to so many.
_PARTS = 200


def views(tx: Connection, schema: str) -> dict[str, str]:
    """The select of each view, over the tables of ``schema``. Times are ms since 1970."""
    parts = list(tx.execute(select(partitions.c.id).order_by(partitions.c.id)).scalars())
    profiles = f"SELECT id AS profile_id, name, created_t AS created_at FROM {schema}.profiles"
    return {
        "people": f"{profiles} WHERE collection = {USERS}",
        "accounts": f"{profiles} WHERE collection = {ACCOUNTS}",
        "identifiers": "SELECT profile AS profile_id, type, value "
        f"FROM {schema}.identifiers WHERE profile IS NOT NULL",
        "traits": _together("traits", [
            f"SELECT profile AS profile_id, {_text('.'.join(item.path))} AS trait, "
            f"coalesce(text, json) AS value, num AS number "
            f"FROM {schema}.trait_values WHERE trait = {item.id}"
            for item in trait_values.all_kept(tx) if item.path
        ]),
        "events": _together("events", [
            f"SELECT n.profile AS profile_id, h.seq AS event_id, {_EVENT} AS event, h.t AS at "
            f"FROM {schema}.history_{part} h JOIN {schema}.names e ON e.id = h.name "
            f"AND e.type IN ('track', 'page', 'screen') JOIN {schema}.nodes n ON n.id = h.node "
            f"WHERE n.profile <> 0 AND h.flags < 2"
            for part in parts
        ]),
        "properties": _together("properties", [
            f"SELECT n.profile AS profile_id, k.seq AS event_id, {_text(item.event)} AS event, "
            f"k.t AS at, {_text('.'.join(item.path))} AS property, "
            f"coalesce(k.text, k.json) AS value, k.num AS number "
            f"FROM {schema}.kept_{part} k JOIN {schema}.nodes n ON n.id = k.node "
            f"WHERE n.profile <> 0 AND k.property = {item.id}"
            for item in kept.all_kept(tx) if item.path and item.event
            for part in parts
        ]),
    }  # fmt: skip


_EVENT = (
    "CASE e.type WHEN 'page' THEN 'Page Viewed' WHEN 'screen' THEN 'Screen Viewed' ELSE e.name END"
)


def _text(value: str) -> str:
    """A text written out."""
    return "'" + value.replace("'", "''") + "'"


_TYPES = {"profile_id": "BIGINT", "event_id": "BIGINT", "at": "BIGINT", "number": "FLOAT"}


def _together(view: str, selects: list[str]) -> str:
    """All parts as one; where there are none, no rows with the columns."""
    while len(selects) > 1:
        selects = [
            f"SELECT * FROM ({' UNION ALL '.join(selects[start : start + _PARTS])}) AS p"
            for start in range(0, len(selects), _PARTS)
        ]
    if selects:
        return selects[0]
    columns = VIEWS[view].split(", ")
    nothing = (f"CAST(NULL AS {_TYPES.get(name, 'TEXT')}) AS {name}" for name in columns)
    return f"SELECT {', '.join(nothing)} WHERE 1 = 0"
