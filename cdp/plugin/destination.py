"""The base class of destinations."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

from marshmallow import Schema

from cdp.plugin.guard import Guard
from cdp.plugin.http import GuardedHTTP
from cdp.plugin.inbox import Inbox
from cdp.plugin.settings import SettingsSchema, describe, mask, validate
from cdp.plugin.values import Batch, Event, Exchange, Outcome


@dataclass
class DestinationContext:
    """What the engine gives a destination: its name and how to reach the world.

    ``public_url`` is the server's address as the world knows it, empty if nobody said;
    ``key`` is that of the configured destination.
    ``inbox`` has the messages that wait here for people, where `Channel.receive` is called.
    """

    name: str = "destination"
    allow_private_addresses: bool = False
    public_url: str = ""
    inbox: Inbox | None = None
    key: str = ""
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.allow_private_addresses)

    def callback(self, path: str) -> str:
        """Where a provider reaches `Channel.receive` with ``path``; empty if nobody can."""
        if not self.public_url:
            return ""
        return (
            f"{self.public_url.rstrip('/')}/channels/{quote(self.key or self.name, safe='')}/{path}"
        )


class Destination:
    """Carries events to a provider. Subclass it and write `send`.

    The engine makes one object per configured destination and calls `send` from up
    to ``concurrency`` threads at the same time; a person's events come one after the
    other, but for those that are tried again on their own. ``self.settings`` has the
    checked settings, ``self.http`` a client that is guarded against internal addresses
    and recorded for the calls log.
    """

    #: The name by which it is added (``cdp destinations add KEY``).
    key: ClassVar[str]
    name: ClassVar[str]
    description: ClassVar[str] = ""
    Settings: ClassVar[type[Schema]] = SettingsSchema
    #: Call types it takes.
    types: ClassVar[tuple[str, ...]] = ("identify", "track", "page", "screen", "group", "alias")

    #: Events in one call of `send`; calls at the same time; calls a second; seconds a call.
    batch_size: int = 1
    concurrency: int = 8
    rate_limit: float | None = None
    timeout: float = 10.0
    #: What TLS connections are made with, for certificates of one's own.
    tls: ssl.SSLContext | None = None

    def __init__(self, settings: dict[str, Any], context: DestinationContext | None = None) -> None:
        self.settings = validate(self.Settings, settings)
        self.context = context or DestinationContext()
        self.configure()
        secrets = _secrets(self.Settings, self.settings)
        self.http = GuardedHTTP(
            self.context.guard, self.timeout, max(4, self.concurrency), tuple(secrets), self.tls
        )

    def configure(self) -> None:
        """Take over settings that change ``batch_size``, ``rate_limit``, ``tls`` and the like."""

    def open(self) -> None:
        """Called once before the first `send`."""

    def close(self) -> None:
        """Called once after the last `send`."""
        self.http.close()

    def wants(self, event: Event) -> bool:
        """Whether ``event`` is for this destination; by default its call type decides."""
        return event.type in self.types

    def send(self, batch: Batch) -> list[Outcome] | None:
        """Hand a batch over: None when all was taken, else an `Outcome` for each event.

        Raise `Retry`, `Reject` or `Stop` for the batch as a whole.
        """
        raise NotImplementedError

    def test(self) -> Exchange:
        """Send a test and return the exchange; raises like `send`."""
        raise NotImplementedError(f"{self.name} has no test")

    def on_delete(self, identifiers: list[tuple[str, str]]) -> None:
        """People were deleted: forget them at the provider, too.

        Raise as in `send`, or NotImplementedError where the settings say not to tell. Each call
        for the same people has the same ``identifiers``, of one or of several.
        """

    @classmethod
    def form(cls) -> list[dict[str, Any]]:
        """The fields of the settings, for forms and prompts."""
        return describe(cls.Settings)

    @classmethod
    def masked(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """``settings`` with secrets hidden."""
        return mask(cls.Settings, settings)


def _secrets(schema: type[Schema], settings: dict[str, Any]) -> list[str]:
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            for item in value.values():
                collect(item)
        elif isinstance(value, str):
            found.append(value)
            found.extend(part for part in value.split() if part != value)

    for name, item in schema().fields.items():
        if item.metadata.get("secret"):
            collect(settings.get(name))
    return found
