"""What was kept apart of nodes: its text form, and who of a component has which.

Of large components, few texts are shared by very many nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, select

from cdp.identity import Dropped, Identifier, identifier_hash
from cdp.store.bulk import chunks
from cdp.store.profiles import graph
from cdp.store.profiles.graph import NODE_COLUMNS, NodeRow
from cdp.store.tables import nodes

#: Why something is kept apart that says who somebody is; what is blocked says it of nobody.
_KEPT = ("limit", "identifiers", "merges", "cut")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[str, str, str]]).decode


def text_of(dropped: tuple[Dropped, ...]) -> str | None:
    """What was kept apart, as the store keeps it: JSON ``[[type, value, reason], …]``."""
    return _encode(dropped).decode() if dropped else None


def read(text: str | None) -> list[Dropped]:
    """What a `text_of` says."""
    return [Dropped(*item) for item in _decode(text)] if text else []


def texts(tx: Connection, components: Collection[int]) -> list[str]:
    """Each distinct ``dropped`` of the nodes of some components."""
    statement = (
        select(nodes.c.dropped)
        .distinct()
        .where(nodes.c.component.in_(components), nodes.c.dropped.is_not(None))
    )
    return list(tx.execute(statement).scalars())


def profiles_with(tx: Connection, components: Collection[int], dropped: list[str]) -> set[int]:
    """Whose the nodes of some components are of which ``dropped`` is one of these texts."""
    found: set[int] = set()
    for some in chunks(dropped):
        statement = (
            select(nodes.c.profile)
            .distinct()
            .where(
                nodes.c.component.in_(components), nodes.c.dropped.in_(some), nodes.c.profile != 0
            )
        )
        found.update(tx.execute(statement).scalars())
    return found


def nobodys(tx: Connection, rows: Sequence[NodeRow], profile: int) -> set[Identifier]:
    """What a limit or a cut kept apart of the nodes of a profile, and nobody else has or named."""
    items = (item for row in rows for item in read(row.dropped))
    found = {item.identifier for item in items if item.reason.partition(":")[0] in _KEPT}
    if not found:
        return found
    hashes = [identifier_hash(rows[0].collection, item) for item in found]
    owned = graph.identifiers_by_hash(tx, hashes)
    found -= {(row.type, row.value) for row in owned if row.profile}
    components = {row.component for row in rows}
    for text in texts(tx, components):
        named = found & {item.identifier for item in read(text)}
        if named and profiles_with(tx, components, [text]) - {profile}:
            found -= named
    return found


def first_with(
    tx: Connection, components: Collection[int], dropped: list[str], but: int, limit: int
) -> list[NodeRow]:
    """The first nodes of others than profile ``but`` of which ``dropped`` is one of these."""
    columns = [nodes.c[name] for name in NODE_COLUMNS]
    found: list[NodeRow] = []
    for some in chunks(dropped):
        statement = (
            select(*columns)
            .where(
                nodes.c.component.in_(components),
                nodes.c.dropped.in_(some),
                nodes.c.profile.not_in((0, but)),
            )
            .order_by(nodes.c.first_t)
            .limit(limit)
        )
        found += [NodeRow(*row) for row in tx.execute(statement)]
    return sorted(found, key=lambda r: (r.first_t, r.first_source, r.first_message_id))[:limit]
