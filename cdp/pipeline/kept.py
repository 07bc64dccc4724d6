"""Keep typed copies of what definitions read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from cdp.events import Message
from cdp.store.events import kept

_SET_TRAITS = ("identify", "group")


class KeptProperties:
    """What is kept, by the event that carries it."""

    def __init__(self, tx: Connection) -> None:
        self._by_event: dict[str, list[tuple[int, kept.Take]]] = {}
        self.add(kept.all_kept(tx))

    def add(self, items: list[kept.KeptProperty]) -> None:
        """Keep some more from now on."""
        for item in items:
            taking = (item.id, kept.taker(item.event, item.path))
            self._by_event.setdefault(item.event, []).append(taking)

    def reads(self, type_: str, name: str) -> bool:
        """Whether anything is kept of such messages, or traits are taken from them."""
        event = kept.event_of(type_, name)
        return type_ in _SET_TRAITS or (event is not None and event in self._by_event)

    def write(
        self, tx: Connection, partition: int, first: int, said: Sequence[tuple[Message, int]]
    ) -> None:
        """Keep what messages, at positions from ``first`` on, carry; each with its node."""
        if not self._by_event:
            return
        rows: list[tuple[Any, ...]] = []
        for index, (message, node) in enumerate(said):
            event = kept.event_of(message.type, message.name)
            if event is None:
                continue
            for id_, take in self._by_event.get(event, ()):
                value = take(message.body)
                if value is not None:
                    rows.append((id_, first + index, node, message.t, *value))
        rows.sort(key=lambda row: row[:2])
        kept.insert_values(tx, partition, rows)
