"""All that a plugin needs, and the only part of Headwater that one imports.

`hookimpl` marks hooks (`cdp.plugin.hookspecs` lists them), `Destination` is the base of
destinations, `Channel` that of destinations that carry messages to people, `Retry`,
`Reject` and `Stop` say what the engine does next, and `cdp.plugin.testing` has the test kit.
"""

from cdp.plugin.channel import Channel, ChannelSettings, Check
from cdp.plugin.commands import CommandTools
from cdp.plugin.conditions import ConditionFunction
from cdp.plugin.destination import Destination, DestinationContext
from cdp.plugin.errors import (
    PluginError,
    Reject,
    Retry,
    Stop,
    Unanswered,
    from_response,
    retry_after,
)
from cdp.plugin.guard import Forbidden, Guard
from cdp.plugin.hookspecs import hookimpl
from cdp.plugin.http import GuardedHTTP
from cdp.plugin.inbox import InAppMessage, Inbox
from cdp.plugin.messages import (
    Attachment,
    Content,
    Device,
    EmailContent,
    Forged,
    InAppContent,
    Inbound,
    Inquiry,
    Outgoing,
    PushContent,
    Receipt,
    Reply,
    Report,
    SlackContent,
    SMSContent,
    WebhookContent,
)
from cdp.plugin.oauth import AccessToken
from cdp.plugin.pool import Response
from cdp.plugin.receipts import one_by_one, receipt_from, receipt_of
from cdp.plugin.settings import (
    Headers,
    SettingsError,
    SettingsSchema,
    WordList,
    describe,
    mask,
    pem,
    secret,
    unmask,
    validate,
)
from cdp.plugin.steps import GoOn, JourneyStep, StepMoment, WaitFor
from cdp.plugin.values import Batch, Event, Exchange, Outcome, ProfileChange, Transition

__all__ = [
    "AccessToken",
    "Attachment",
    "Batch",
    "Channel",
    "ChannelSettings",
    "Check",
    "CommandTools",
    "ConditionFunction",
    "Content",
    "Destination",
    "DestinationContext",
    "Device",
    "EmailContent",
    "Event",
    "Exchange",
    "Forbidden",
    "Forged",
    "GoOn",
    "Guard",
    "GuardedHTTP",
    "Headers",
    "InAppContent",
    "InAppMessage",
    "Inbound",
    "Inbox",
    "Inquiry",
    "JourneyStep",
    "Outcome",
    "Outgoing",
    "PluginError",
    "ProfileChange",
    "PushContent",
    "Receipt",
    "Reject",
    "Reply",
    "Report",
    "Response",
    "Retry",
    "SMSContent",
    "SettingsError",
    "SettingsSchema",
    "SlackContent",
    "StepMoment",
    "Stop",
    "Transition",
    "Unanswered",
    "WaitFor",
    "WebhookContent",
    "WordList",
    "describe",
    "from_response",
    "hookimpl",
    "mask",
    "one_by_one",
    "pem",
    "receipt_from",
    "receipt_of",
    "retry_after",
    "secret",
    "unmask",
    "validate",
]
