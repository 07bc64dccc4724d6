"""The messages that wait here for a person: deliveries of in-app channels, as they were sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from cdp.messaging.names import delivery_name, delivery_number
from cdp.plugin import InAppContent, InAppMessage
from cdp.store import Store
from cdp.store.bulk import chunks
from cdp.store.messages import copies, link_keys
from cdp.store.profiles import people
from cdp.store.tables import USERS, deliveries, reports

_CHANNEL = "in_app"
#: How far into the past is looked for what was not put away.
_LOOKED = 500


class PersonalInbox:
    """What `cdp.plugin.Inbox` promises, for one destination.

    While the destination is switched off (``open_`` is false) nothing is shown.
    """

    def __init__(self, store: Store, destination: int, open_: bool = True) -> None:
        self._store, self._destination, self._open = store, destination, open_

    def waiting(self, person: tuple[str, str], now: int, limit: int) -> list[InAppMessage]:
        """What a person has yet to see or to put away, the newest first."""
        if not self._open:
            return []
        with self._store.read() as tx:
            return waiting(tx, self._destination, person, now, limit)

    def sent(self, person: tuple[str, str], ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` that were sent to this person and to nobody else."""
        with self._store.read() as tx:
            return sent(tx, self._destination, person, ids)


def waiting(
    tx: Connection, destination: int, person: tuple[str, str], now: int, limit: int
) -> list[InAppMessage]:
    """The messages of ``destination`` for a person that are not over, the newest first.

    Over is what was dismissed, has expired, was recalled, or is no longer kept; and what
    came up by itself (all but the inbox) and was followed.
    """
    nodes = _nodes(tx, person)
    table = deliveries.c
    dismissed = select(reports.c.id).where(
        reports.c.delivery == table.id, reports.c.kind == "dismissed"
    )
    rows: list[Any] = []
    for some in chunks(nodes):
        statement = (
            select(table.id, table.sent_at, table.created_at, table.opened_at, table.clicked_at)
            .where(
                table.node.in_(some),
                table.channel == _CHANNEL,
                table.state == "sent",
                table.destination == destination,
                ~dismissed.exists(),
            )
            .order_by(table.id.desc())
            .limit(_LOOKED)
        )
        rows += tx.execute(statement).all()
    rows = sorted(rows, key=lambda row: -row.id)[:_LOOKED]
    contents = copies.of(tx, [row.id for row in rows])
    keys = link_keys.load(tx)
    found: list[InAppMessage] = []
    for row in rows:
        if row.id not in contents or len(found) == limit:
            continue
        content = msgspec.convert(contents[row.id], InAppContent)
        expired = content.expires_at is not None and content.expires_at <= now
        followed = content.form != "inbox" and row.clicked_at is not None
        if not expired and not followed:
            at = row.sent_at or row.created_at
            name = delivery_name(keys, row.id)
            found.append(InAppMessage(name, content, at, row.opened_at, row.clicked_at))
    return found


def sent(tx: Connection, destination: int, person: tuple[str, str], ids: Iterable[str]) -> set[str]:
    """Those of ``ids`` that ``destination`` sent to a person."""
    keys = link_keys.load(tx)
    numbers = {number: name for name in ids if (number := delivery_number(keys, name)) is not None}
    nodes = set(_nodes(tx, person)) if numbers else set()
    table = deliveries.c
    found: set[str] = set()
    for some in chunks(sorted(numbers)):
        statement = select(table.id, table.node).where(
            table.id.in_(some), table.channel == _CHANNEL, table.destination == destination
        )
        found |= {numbers[row.id] for row in tx.execute(statement) if row.node in nodes}
    return found


def _nodes(tx: Connection, person: tuple[str, str]) -> list[int]:
    profile = people.resolve(tx, USERS, *person)
    return [row.id for row in people.nodes_of(tx, profile.id)] if profile is not None else []
