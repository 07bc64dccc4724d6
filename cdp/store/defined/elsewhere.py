"""What definitions name that is set up elsewhere: destinations, and warehouses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

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
    tx: Connection, changes: Mapping[Id, Draft | None], findings: Mapping[Id, Finding]
) -> None:
    """Find what is named and not there."""
    drafts = {id_: draft for id_, draft in changes.items() if draft is not None}
    for id_, fault in _destinations(tx, drafts):
        findings[id_].errors.append(fault)
    known_warehouses(tx, changes, findings)


def _destinations(tx: Connection, drafts: Mapping[Id, Draft]) -> Iterator[tuple[Id, Fault]]:
    named = {
        (id_, sending.destination)
        for id_, draft in drafts.items()
        for sending in sendings(draft.body)
    }
    known = [item.key for item in all_destinations(tx)] if named else []
    for id_, key in sorted(named):
        if key not in known:
            text = f"there is no destination {key}. {did_you_mean(key, known)}".strip()
            yield id_, Fault("send_to", text)


def known_warehouses(
    tx: Connection, changes: Mapping[Id, Draft | None], findings: Mapping[Id, Finding]
) -> None:
    """Find traits by SQL of warehouses that the server's settings don't name."""
    named = {
        id_: draft.body["warehouse"]
        for id_, draft in changes.items()
        if draft is not None and "warehouse" in draft.body
    }
    said = meta.get(tx, _WAREHOUSES) if named else None
    if said is None:
        return  # no server has told of its settings yet: the query will say it
    known = json.loads(said)
    for id_, name in sorted(named.items()):
        if name not in known:
            findings[id_].errors.append(Fault("warehouse", no_warehouse(name, known)))
