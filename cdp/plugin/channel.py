"""The base class of channels: destinations that carry messages to people."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from marshmallow import Schema, fields, validate

from cdp.plugin.destination import Destination
from cdp.plugin.messages import Content, Inbound, Inquiry, Outgoing, Receipt, Reply, Report
from cdp.plugin.settings import SettingsSchema


class ChannelSettings(SettingsSchema):
    """What every channel can be told: how several of one kind share, and what to do in doubt."""

    order = fields.Integer(
        load_default=1,
        validate=validate.Range(1, 100),
        metadata={
            "last": True,
            "help": "Of several for one channel the lowest comes first, while it is well.",
        },
    )
    weight = fields.Float(
        load_default=1.0,
        validate=validate.Range(0.0, 1000.0),
        metadata={
            "last": True,
            "help": "Those of the same order share messages in this proportion.",
        },
    )
    rate_limit = fields.Float(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0.01),
        metadata={"last": True, "help": "Messages a second at most; empty means no limit."},
    )
    on_unknown = fields.String(
        load_default="hold",
        validate=validate.OneOf(["hold", "repeat"]),
        metadata={
            "last": True,
            "help": "When nobody knows whether the provider took a message: hold it and show it, "
            "or repeat it, at the risk that it arrives twice. Who knows our keys gets it again.",
        },
    )


class Check(NamedTuple):
    """One thing that should hold before messages are sent: a DNS record, a certificate.

    ``state`` is ok, warning, failed or unknown (it could not be looked up).
    """

    name: str
    state: str
    text: str
    wanted: str = ""


class Channel(Destination):
    """Hands messages to a provider. Subclass it and write `deliver`.

    Like any destination it is added, configured and tested by name; it takes messages
    instead of events. `deliver` is called from up to ``concurrency`` threads, with up to
    ``batch_size`` messages, at no more than ``rate_limit`` messages a second.
    """

    #: email, sms, push, in_app, webhook, slack
    channel: ClassVar[str]
    types = ()
    Settings: ClassVar[type[Schema]] = ChannelSettings

    def configure(self) -> None:
        self.rate_limit = self.settings.get("rate_limit")

    #: The largest request that `receive` is handed; larger ones get a 413.
    max_request_bytes: int = 1024 * 1024

    @property
    def keeps_keys(self) -> bool:
        """Whether the provider refuses a second message under the same ``key``.

        If not, a message whose outcome is unknown is held and shown, not repeated.
        """
        return False

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        """Hand messages over: a `Receipt` for each, in order.

        Raise `Retry`, `Reject` or `Stop` if none of them was taken. Whatever else is
        raised, and `Unanswered`, means that nobody knows.
        """
        raise NotImplementedError

    def receive(self, request: Inbound) -> Reply | None:
        """Take what the provider, or a person's client, sends to the channel's address.

        Called from many threads, in a process that delivers nothing: on an object of its
        own, which is never opened. None: there is no such address. Raise `Forged` (401) if
        it isn't who it says it is, `Retry` if it should come again. The reports of the
        reply are kept before it is answered.
        """
        return None

    def inquire(self, inquiries: list[Inquiry]) -> list[list[Report] | None]:
        """Ask the provider what became of messages whose receipts said ``ask``.

        The reports of each, in order; None: it doesn't know yet. Raise `Retry` or `Stop` if
        it can't be asked. Each is asked for a day at most, every quarter of an hour.
        """
        return [[] for _ in inquiries]

    def checks(self) -> list[Check]:
        """What should hold before this channel sends, looked up now."""
        return []

    def measure(self, content: Content) -> dict[str, Any]:
        """What sending it takes: size, parts, estimated cost; for previews."""
        return {}
