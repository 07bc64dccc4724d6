"""What a plugin may raise, sorted by what the engine does next.

    PluginError
    ├── Retry    the call failed as a whole; the same batch again later
    │   └── Unanswered  … after it was sent: it may have counted
    ├── Reject   these items will never be taken; they become dead letters
    └── Stop     nothing will work until somebody changes the settings

Anything else that a plugin raises counts as `Retry`, and is recorded against it.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping


class PluginError(Exception):
    """The base of all errors that plugins raise on purpose."""


class Retry(PluginError):
    """Try the same again later; ``after`` seconds, if the provider said when."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unanswered(Retry):
    """The call was made and no answer came: whether it counted, nobody knows."""


class Reject(PluginError):
    """This will never be taken: it becomes a dead letter with the reason."""


class Stop(PluginError):
    """Nothing will be taken until the settings change (wrong key, endpoint gone)."""


#: Statuses that say "later" (segment.com: action destinations, retries).
_LATER = {408, 423, 425, 429}
#: Statuses that say "never, whatever is sent": credentials, or the address is another.
_NEVER = {301, 308, 401, 403, 410}
#: Redirects that pass: a provider that is away for a while.
_AWAY = {302, 303, 307}
_NOT_LATER = {501, 505}


def from_response(
    status: int, headers: Mapping[str, str] | None = None, reason: str = ""
) -> PluginError | None:
    """The error that an HTTP answer stands for; None for 2xx.

    408, 423, 425, 429 and 5xx (but 501 and 505) are `Retry` and honour
    ``Retry-After``; 401, 403 and 410 are `Stop`; all others `Reject`. Redirects are not
    followed, and no fault of an event: 301 and 308 are `Stop`, 302, 303 and 307 `Retry`.
    """
    if 200 <= status < 300:
        return None
    text = reason or f"the answer was {status}"
    if 300 <= status < 400:
        to = next((v for k, v in (headers or {}).items() if k.lower() == "location"), "")
        text += f": a redirect to {to[:200]}, which is not followed" if to else ""
    if status in _LATER | _AWAY or (status >= 500 and status not in _NOT_LATER):
        return Retry(text, retry_after(headers or {}))
    if status in _NEVER:
        return Stop(text)
    return Reject(text)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or as an HTTP date."""
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        return max(0.0, float(value.strip()))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, moment.timestamp() - (time.time() if now is None else now))
