"""What became of a push on each device, and of the message as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cdp.plugin import (
    Device,
    Outgoing,
    PluginError,
    PushContent,
    Receipt,
    Retry,
    Stop,
    Unanswered,
    receipt_from,
)


class Fate(NamedTuple):
    """On one device: ``kind`` is sent, retry, failed, gone, unknown or stop."""

    device: Device
    kind: str
    id: str = ""
    reason: str = ""
    after: float | None = None


class Push(NamedTuple):
    """One message on its way, with the devices that one provider has of it."""

    message: Outgoing
    content: PushContent

    @property
    def silent(self) -> bool:
        """Whether nothing is shown: data for the app alone."""
        return not (self.content.title or self.content.body)


def of_error(device: Device, error: PluginError) -> Fate:
    """The fate that an error stands for."""
    if isinstance(error, Unanswered):
        return Fate(device, "unknown", reason=str(error))
    if isinstance(error, Retry):
        return Fate(device, "retry", reason=str(error), after=error.after)
    return Fate(device, "stop" if isinstance(error, Stop) else "failed", reason=str(error))


def of_status(device: Device, status: int, headers: Mapping[str, str], reason: str) -> Fate:
    """The fate that an answer stands for that is no success."""
    try:
        receipt = receipt_from(status, headers, reason)
    except Stop as error:
        return Fate(device, "stop", reason=str(error))
    if receipt is None:
        return Fate(device, "unknown", reason=reason or f"the answer was {status}")
    return Fate(device, receipt.kind, reason=receipt.reason, after=receipt.after)


def receipt(fates: Sequence[Fate]) -> Receipt:
    """What became of the message: sent, if one device has it.

    Raises `Stop`, and `Retry` if the provider is away: but of a browser, whose push
    service is its own, that says nothing of others.

    A device that surely hasn't got it, beside one that has, is not tried again: the
    message as a whole would be repeated.
    """
    if not fates:
        return Receipt.failed("the person has no device that could get it")
    by_kind: dict[str, list[Fate]] = {}
    for fate in fates:
        by_kind.setdefault(fate.kind, []).append(fate)
    gone = tuple(fate.device.token for fate in by_kind.get("gone", ()))
    response: dict[str, Any] = {"devices": {kind: len(found) for kind, found in by_kind.items()}}
    reasons = list(dict.fromkeys(fate.reason for fate in fates if fate.reason))
    if reasons:
        response["reasons"] = reasons[:5]
    tickets = {fate.id: fate.device.token for fate in by_kind.get("sent", ()) if _asks(fate)}
    ask = {"tickets": tickets} if tickets else {}
    for kind in ("sent", "unknown", "stop", "retry", "failed"):
        found = by_kind.get(kind)
        if not found:
            continue
        first = found[0]
        if kind == "stop":
            raise Stop(first.reason)
        after = max((fate.after for fate in found if fate.after is not None), default=None)
        if kind == "retry" and len(found) == len(fates) and not browsers(fates):
            raise Retry(first.reason, after)
        return Receipt(
            kind, first.id, first.reason if kind != "sent" else "", after,
            gone=gone, response=response, ask=ask,
        )  # fmt: skip
    return Receipt.bounced("none of the devices exists any more", gone=gone, response=response)


def _asks(fate: Fate) -> bool:
    """Expo says later what Apple and Google made of it."""
    return fate.device.platform == "expo" and bool(fate.id)


def browsers(fates: Sequence[Fate]) -> bool:
    """Whether one of the devices is a browser."""
    return any(fate.device.platform == "web" for fate in fates)


def merged(into: Mapping[str, Any], more: Any) -> dict[str, Any]:
    """``into`` with ``more`` put in: objects are merged, all else replaced."""
    found = dict(into)
    for key, value in more.items() if isinstance(more, Mapping) else ():
        own = found.get(key)
        both = isinstance(own, Mapping) and isinstance(value, Mapping)
        found[key] = merged(own, value) if both and own is not None else value
    return found
