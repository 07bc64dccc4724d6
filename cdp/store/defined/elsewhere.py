"""What definitions name that is set up elsewhere: destinations, and warehouses."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from cdp.conditions.errors import did_you_mean
from cdp.definitions import Draft, Fault, Finding, Id
from cdp.definitions.own_sql import no_warehouse
from cdp.definitions.sending import sendings
from cdp.store import meta
from cdp.store.config_rows import all_destinations

_WAREHOUSES = "warehouses"


def know_warehouses(tx: Connection, names: Sequence[str]) -> None:
    """Keep the names of the warehouses that the settings of the pipeline have."""
    text = json.dumps(sorted(names))
    if meta.get(tx, _WAREHOUSES) != text:
        meta.put(tx, _WAREHOUSES, text)


def known_elsewhere(
    tx: Connection,
    changes: Mapping[Id, Draft | None],
    findings: Mapping[Id, Finding],
    destinations: Collection[str] | None = None,
) -> None:
    """Find what is named and not there; ``destinations`` are the keys of those that there
    will be, if not those that there are."""
    drafts = {id_: draft for id_, draft in changes.items() if draft is not None}
    _known_destinations(tx, drafts, findings, destinations)
    _known_warehouses(tx, drafts, findings)


def _known_destinations(
    tx: Connection,
    drafts: Mapping[Id, Draft],
    findings: Mapping[Id, Finding],
    known: Collection[str] | None,
) -> None:
    named = {
        (id_, sending.destination)
        for id_, draft in drafts.items()
        for sending in sendings(draft.body)
    }
    if named and known is None:
        known = [item.key for item in all_destinations(tx)]
    for id_, key in sorted(named):
        if key not in (known or ()):
            text = f"there is no destination {key}. {did_you_mean(key, list(known or ()))}"
            findings[id_].errors.append(Fault("send_to", text.strip()))


def _known_warehouses(
    tx: Connection, drafts: Mapping[Id, Draft], findings: Mapping[Id, Finding]
) -> None:
    named = {
        id_: draft.body["warehouse"] for id_, draft in drafts.items() if "warehouse" in draft.body
    }
    said = meta.get(tx, _WAREHOUSES) if named else None
    if said is None:
        return  # no server has told of its settings yet: the query will say it
    known = json.loads(said)
    for id_, name in sorted(named.items()):
        if name not in known:
            findings[id_].errors.append(Fault("warehouse", no_warehouse(name, known)))
