"""All that a plugin needs, and the only part of Headwater that one imports.

`hookimpl` marks hooks (`cdp.plugin.hookspecs` lists them), `Destination` is the base
of destinations, `Retry`, `Reject` and `Stop` say what the engine does next, and
`cdp.plugin.testing` has the test kit.
"""

from cdp.plugin.conditions import ConditionFunction
from cdp.plugin.destination import Destination, DestinationContext
from cdp.plugin.errors import PluginError, Reject, Retry, Stop, from_response, retry_after
from cdp.plugin.guard import Forbidden, Guard
from cdp.plugin.hookspecs import hookimpl
from cdp.plugin.http import GuardedHTTP
from cdp.plugin.pool import Response
from cdp.plugin.settings import (
    Headers,
    SettingsError,
    SettingsSchema,
    WordList,
    describe,
    mask,
    secret,
    unmask,
    validate,
)
from cdp.plugin.values import Batch, Event, Exchange, Outcome, ProfileChange, Transition

__all__ = [
    "Batch",
    "ConditionFunction",
    "Destination",
    "DestinationContext",
    "Event",
    "Exchange",
    "Forbidden",
    "Guard",
    "GuardedHTTP",
    "Headers",
    "Outcome",
    "PluginError",
    "ProfileChange",
    "Reject",
    "Response",
    "Retry",
    "SettingsError",
    "SettingsSchema",
    "Stop",
    "Transition",
    "WordList",
    "describe",
    "from_response",
    "hookimpl",
    "mask",
    "retry_after",
    "secret",
    "unmask",
    "validate",
]
