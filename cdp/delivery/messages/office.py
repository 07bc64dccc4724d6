"""All that a process needs to carry messages: a runner for each channel, and what they share."""

from __future__ import annotations

from typing import Any

from cdp.config import Settings
from cdp.delivery.messages import following, inquiring
from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.emit import Emitter
from cdp.delivery.messages.letters import Letters
from cdp.delivery.messages.providers import Providers
from cdp.delivery.messages.runner import MessageRunner, resolve_lost
from cdp.delivery.senders import Senders
from cdp.plugin import Channel
from cdp.store import Store
from cdp.store.messages import claims, copies

#: Copies of messages that are dropped in one go.
_DROP = 2000
_DROP_EVERY_MS = 60_000


class Office:
    """Runners of channels, and the emitter."""

    def __init__(self, store: Store, settings: Settings, senders: Senders) -> None:
        self._store, self._settings, self._senders = store, settings, senders
        self.providers = Providers(senders)
        self.emitter = Emitter(store, settings)
        self._composer = Letters(store, settings)
        self._checks = Checks()
        self._runners: dict[str, MessageRunner] = {}
        self._dropped = 0

    def channels(self) -> list[str]:
        """The channels that can carry messages now."""
        return self.providers.channels()

    def channel_of(self, id_: int) -> str | None:
        """The channel of a destination that is in use, as it was when it was last made."""
        held: Any = self._senders.held(id_)
        return held.channel if isinstance(held, Channel) else None

    def runner(self, channel: str) -> MessageRunner:
        """What moves the deliveries of a channel."""
        found = self._runners.get(channel)
        if found is None or found.stopping.is_set():
            found = self._runners[channel] = MessageRunner(
                self._store, channel, self.providers, self._composer, self._checks,
                self._settings.retry_hours, withheld_events=self._settings.withheld_events,
            )  # fmt: skip
        return found

    def stop(self, channel: str | None = None) -> None:
        """Let the runner of a channel (or all) begin no more hands."""
        for name, runner in self._runners.items():
            if channel in (None, name):
                runner.stopping.set()

    def keep(self, now: int) -> None:
        """Settle what a dead process left, and forget copies that are too old."""
        self.resolve(now)
        if now - self._dropped > _DROP_EVERY_MS:
            self._dropped = now
            days = self._settings.message_copies_days
            with self._store.write() as tx:
                copies.drop(tx, now - int(days * 86_400_000), _DROP)

    def follow_up(self, now: int) -> int:
        """Let other channels follow what did not arrive or is not read; how many were looked at."""
        return following.step(self._store, now)

    def inquire(self, now: int) -> int:
        """Ask providers that tell nothing by themselves; after how many messages."""
        return inquiring.step(self._store, self.providers, now)

    def begin(self, now: int) -> None:
        """Where no other process can have claims, those of the one before us are over."""
        with self._store.write() as tx:
            claims.end_claims(tx, now)

    def resolve(self, now: int) -> None:
        """Repeat or hold what a dead process had claimed."""
        while resolve_lost(self._store, self.providers, now):
            pass
