"""Keep typed copies of the properties that definitions read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from cdp.events import Message
from cdp.store import kept


class KeptProperties:
    """The kept properties by event name."""

    def __init__(self, tx: Connection) -> None:
        self._by_event: dict[str, list[kept.KeptProperty]] = {}
        for item in kept.all_kept(tx):
            self._by_event.setdefault(item.event, []).append(item)

    def write(self, tx: Connection, partition: int, first: int, messages: list[Message]) -> None:
        """Keep what ``messages``, at positions from ``first`` on, carry."""
        if not self._by_event:
            return
        rows: list[tuple[Any, ...]] = []
        for index, message in enumerate(messages):
            for item in self._by_event.get(message.name, ()):
                value = kept.look_up(message.body, item.path)
                row = kept.value_row(item.id, first + index, value)
                if row is not None:
                    rows.append(row)
        kept.insert_values(tx, partition, sorted(rows, key=lambda row: row[:2]))
