"""Which of a channel's destinations takes a message: by order, weight and health."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cdp.delivery.backoff import pause_s
from cdp.delivery.senders import Senders
from cdp.delivery.sending import Sender
from cdp.plugin import Channel, Retry, Stop
from cdp.store.config_rows import Destination

#: A provider that says nothing will work is asked again after so long, or when changed.
STOPPED_S = 300.0


class Provider(NamedTuple):
    """A destination that is ready to take messages of its channel."""

    destination: Destination
    sender: Sender

    @property
    def channel(self) -> Channel:
        """The plugin's object."""
        found = self.sender.destination
        assert isinstance(found, Channel)
        return found

    @property
    def repeats(self) -> bool:
        """Whether a message may be handed over again when nobody knows if it arrived."""
        return self.channel.keeps_keys or self.channel.settings.get("on_unknown") == "repeat"


class _Rest(NamedTuple):
    """That a destination, as it was configured then, is left alone for a while."""

    changed_at: int
    until: float
    failures: int
    reason: str


class Providers:
    """The destinations of every channel, and how they are.

    One that fails as a whole is left alone for a while, ever longer; meanwhile the
    others of its channel get its messages. ``order`` in the settings says who comes first,
    ``weight`` how those of one order share.
    """

    def __init__(self, senders: Senders, clock: Callable[[], float] = time.monotonic) -> None:
        self._senders, self._clock = senders, clock
        self._rests: dict[int, _Rest] = {}

    def channels(self) -> list[str]:
        """The channels that have a destination which is switched on."""
        return sorted({found.channel.channel for found in self._all()})

    def of(self, channel: str) -> list[Provider]:
        """The destinations of a channel that are switched on, in the order in which they count."""
        return [found for found in self._all() if found.channel.channel == channel]

    def by_id(self, id_: int) -> Provider | None:
        """One destination, if it is switched on."""
        return next((found for found in self._all() if found.destination.id == id_), None)

    def pick(
        self, found: Iterable[Provider], draw: Callable[[], float] = random.random
    ) -> Provider | None:
        """One that is well, of the lowest order, drawn by weight; None if all rest."""
        well = [item for item in found if self.rest_s(item) == 0]
        if not well:
            return None
        first = min(_order(item) for item in well)
        best = [item for item in well if _order(item) == first]
        total = sum(_weight(item) for item in best)
        at = draw() * total
        for item in best:
            at -= _weight(item)
            if at < 0:
                return item
        return best[-1]

    def rest_s(self, item: Provider) -> float:
        """Seconds for which a destination is left alone; 0 if it is well."""
        rest = self._rests.get(item.destination.id)
        if rest is None or rest.changed_at != item.destination.updated_at:
            return 0.0
        return max(0.0, rest.until - self._clock())

    def why(self, item: Provider) -> str:
        """What a destination that is left alone said last."""
        rest = self._rests.get(item.destination.id)
        return f"{item.destination.key}: {rest.reason}" if rest is not None else ""

    def told(self, item: Provider, error: Retry | Stop | None) -> None:
        """How the last call went, as a whole."""
        id_, changed_at = item.destination.id, item.destination.updated_at
        if error is None:
            self._rests.pop(id_, None)
            return
        old = self._rests.get(id_)
        failures = old.failures + 1 if old is not None and old.changed_at == changed_at else 1
        after = error.after if isinstance(error, Retry) else STOPPED_S
        until = self._clock() + pause_s(failures - 1, after)
        self._rests[id_] = _Rest(changed_at, until, failures, str(error)[:500])

    def _all(self) -> list[Provider]:
        found = []
        for item in self._senders.destinations.values():
            sender = self._senders.enabled(item.id) if item.enabled else None
            if sender is not None and isinstance(sender.destination, Channel):
                found.append(Provider(item, sender))
        return sorted(found, key=lambda item: (_order(item), item.destination.id))


def _order(item: Provider) -> int:
    return int(item.channel.settings.get("order") or 1)


def _weight(item: Provider) -> float:
    return float(item.channel.settings.get("weight") or 1)
