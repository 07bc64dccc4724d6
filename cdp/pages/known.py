"""Finding the message that a page is about, by the name in its address."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.messaging.names import delivery_number, linked_url
from cdp.messaging.request import Flag
from cdp.messaging.standing import Standing
from cdp.store import Store
from cdp.store.messages import addressees, deliveries, link_keys, preferences
from cdp.store.messages.addressees import Addressee
from cdp.store.messages.deliveries import Delivery

#: How old the keys may be, in seconds; and where a name is wrong, which may be of a new key.
_FRESH_S, _AGAIN_S = 2.0, 0.1


class Letter(NamedTuple):
    """A message that was sent: its public name, its row, whose it is; None: nobody we know."""

    name: str
    delivery: Delivery
    person: Addressee | None

    @property
    def address(self) -> str:
        """Where it went."""
        found = self.delivery.recipient
        if found is None and self.person is not None:
            found = self.person.address(self.delivery.channel)
        return found or ""


class Known:
    """Knows the names that we have given out."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._keys: tuple[str, ...] = ()
        self._read_at = float("-inf")

    def number(self, name: str) -> int | None:
        """The number of a delivery; None for a name that we have not given out."""
        found = delivery_number(self._fresh(_FRESH_S), name)
        return found if found is not None else delivery_number(self._fresh(_AGAIN_S), name)

    def url(self, name: str, signature: str, address: str) -> str | None:
        """Where a link of a delivery leads; None if it isn't one of ours."""
        found = linked_url(self._fresh(_FRESH_S), name, signature, address)
        return found or linked_url(self._fresh(_AGAIN_S), name, signature, address)

    def letter(self, tx: Connection, name: str) -> Letter | None:
        """The message called ``name``; None if there is none, or no longer."""
        number = self.number(name)
        row = deliveries.get(tx, number) if number is not None else None
        if row is None:
            return None
        if row.flags & Flag.TEST:
            # Whoever tried it out decides for themselves, not for the person whom they looked at.
            row = row._replace(node=None)
        person = addressees.load(tx, [row.node]).get(row.node) if row.node is not None else None
        if row.node is not None and person is None:
            return None
        return Letter(name, row, person)

    def _fresh(self, most_s: float) -> tuple[str, ...]:
        with self._lock:
            if time.monotonic() - self._read_at > most_s:
                with self.store.read() as tx:
                    self._keys = link_keys.load(tx)
                self._read_at = time.monotonic()
            return self._keys


def standing(tx: Connection, letter: Letter) -> Standing:
    """How the addressee of a message stands to us; of nobody we know, by the address."""
    row = letter.delivery
    if row.node is not None:
        return preferences.standings(tx, [row.node])[row.node]
    reasons = preferences.why_suppressed(tx, row.channel, [letter.address])
    return Standing(opted_out_at=0 if letter.address in reasons else None)


def masked_address(address: str) -> str:
    """An address of which its owner, and nobody else, knows which one it is."""
    local, at, domain = address.rpartition("@")
    if at and local:
        host, dot, rest = domain.rpartition(".")
        return f"{local[0]}•••@{host[:1]}•••{dot}{rest.rstrip('>')}"
    return f"•••{address[-2:]}" if len(address) > 6 else "•••"
