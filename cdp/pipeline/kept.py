"""Keep typed copies of what definitions read."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from cdp.events import Message
from cdp.pipeline.beforehand import Beforehand
from cdp.store.events import kept

#: A message and the node of whom it is about.
Said = tuple[Message, int]


class KeptProperties:
    """What is kept, by the event that carries it; ``paths`` are (event, path)."""

    def __init__(self, tx: Connection) -> None:
        self._by_event: dict[str, list[tuple[int, kept.Take | None]]] = {}
        found = kept.all_kept(tx)
        self.paths = [(item.event, item.path) for item in found]
        for item in found:
            take = kept.taker(item.event, item.path) if item.path else None
            self._by_event.setdefault(item.event, []).append((item.id, take))

    def write(
        self,
        tx: Connection,
        partition: int,
        first: int,
        said: Sequence[Said],
        known: Beforehand,
    ) -> None:
        """Keep what messages, at positions from ``first`` on, carry; each with its node."""
        if not self._by_event:
            return
        takings = [
            self._by_event.get(event, ()) if event is not None else () for event in known.events
        ]
        rows: list[tuple[Any, ...]] = []
        for seq, (kind, (message, node)) in enumerate(zip(known.of_kind, said, strict=True), first):
            for id_, take in takings[kind]:
                value = kept.ITSELF if take is None else take(message.read)
                if value is not None:
                    rows.append((id_, seq, node, message.t, *value))
        rows.sort(key=itemgetter(0, 1))
        kept.insert_values(tx, partition, rows)
