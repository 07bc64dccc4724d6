"""Expo's push service, for apps that have its tokens."""

from __future__ import annotations

import json
from typing import Any

from cdp.plugin import Device, GuardedHTTP, Inquiry, PluginError, Report, from_response
from cdp_push import buttons
from cdp_push.fate import Fate, Push, merged, of_error, of_status

#: Messages in one call at most (docs.expo.dev, "Send notifications with the Expo Push Service").
MOST = 100
#: Tickets in one question at most.
MOST_RECEIPTS = 1000


class Expo:
    """Sends to a message's devices in one call."""

    def __init__(self, settings: dict[str, Any], http: GuardedHTTP) -> None:
        self._settings, self._http = settings, http
        self._base = (settings["expo_url"] or "https://exp.host").rstrip("/")
        self._url = f"{self._base}/--/api/v2/push/send"

    def send(self, push: Push, devices: list[Device]) -> list[Fate]:
        """A call for each hundred of devices."""
        fates: list[Fate] = []
        for start in range(0, len(devices), MOST):
            fates += self._some(push, devices[start : start + MOST])
        return fates

    def receipts(self, tickets: list[str]) -> dict[str, dict[str, Any]]:
        """What is known by now of tickets; raises what the call raises."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(tickets), MOST_RECEIPTS):
            some = tickets[start : start + MOST_RECEIPTS]
            answer = self._http.request(
                "POST", f"{self._base}/--/api/v2/push/getReceipts",
                json.dumps({"ids": some}).encode(), self._headers(),
            )  # fmt: skip
            error = from_response(answer.status, answer.headers)
            if error is not None:
                raise error
            data = _object(answer.body).get("data")
            for ticket, said in data.items() if isinstance(data, dict) else ():
                if isinstance(said, dict):
                    found[ticket] = said
        return found

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if self._settings["expo_access_token"]:
            headers["authorization"] = f"Bearer {self._settings['expo_access_token']}"
        return headers

    def _some(self, push: Push, devices: list[Device]) -> list[Fate]:
        body = json.dumps([message_of(push, device, self._settings) for device in devices])
        try:
            answer = self._http.request("POST", self._url, body.encode(), self._headers())
        except PluginError as error:
            return [of_error(device, error) for device in devices]
        found = _object(answer.body)
        if not 200 <= answer.status < 300:
            reason = f"Expo: {_first(found) or answer.status}"
            return [of_status(device, answer.status, answer.headers, reason) for device in devices]
        tickets = found.get("data")
        if not isinstance(tickets, list) or len(tickets) != len(devices):
            reason = f"Expo: {_first(found) or 'the answer has no tickets in it'}"
            # With errors and no tickets nothing was taken.
            kind = "failed" if found.get("errors") and not tickets else "unknown"
            return [Fate(device, kind, reason=reason) for device in devices]
        return [_fate(device, ticket) for device, ticket in zip(devices, tickets, strict=True)]


def message_of(push: Push, device: Device, settings: dict[str, Any]) -> dict[str, Any]:
    """The message as Expo has it."""
    content = push.content
    links = {"link": content.link, "image": content.image}
    data: dict[str, Any] = {**content.data, **{n: text for n, text in links.items() if text}}
    if content.buttons:
        data["buttons"] = buttons.listed(content)
    low = push.message.options.get("priority") in ("normal", "low")
    message: dict[str, Any] = {
        "title": content.title, "body": content.body, "badge": content.badge,
        "sound": content.sound or None, "data": {**data, "delivery_id": push.message.id},
        "ttl": settings["ttl"] if content.ttl_s is None else content.ttl_s,
        "priority": "normal" if low or push.silent else "high",
        "tag": content.collapse_key, "collapseId": content.collapse_key,
        "categoryId": buttons.category(content),
        "richContent": {"image": content.image} if content.image else None,
    }  # fmt: skip
    if push.silent:
        message |= {"sound": None, "_contentAvailable": True}
    elif content.image:
        message["mutableContent"] = True
    kept = {name: value for name, value in message.items() if value not in ("", None)}
    return {**merged(kept, content.custom.get("expo")), "to": device.token}


def told(
    inquiry: Inquiry, known: dict[str, dict[str, Any]], now: int, platform: str = "Expo"
) -> list[Report] | None:
    """What the receipts of a message's tickets say; None while one is missing.

    A device that is gone is told of by its token alone; the message has bounced only if
    none of its devices got it.
    """
    tickets: dict[str, str] = dict(inquiry.ask.get("tickets") or {})
    if any(ticket not in known for ticket in tickets):
        return None
    found, reasons = [], []
    for ticket, token in tickets.items():
        said = known[ticket]
        if said.get("status") == "ok":
            continue
        details = said.get("details")
        code = str(details.get("error") or "") if isinstance(details, dict) else ""
        reasons.append(f"{platform} {code}: {str(said.get('message') or '')[:200]}")
        if code == "DeviceNotRegistered":
            found.append(Report("bounced", f"gone:{ticket}", now, recipient=token, hard=True,
                                reason=reasons[-1]))  # fmt: skip
    if reasons and len(reasons) == len(tickets):
        first = next(iter(tickets))
        found.append(
            Report("bounced", f"receipt:{first}", now, delivery=inquiry.delivery, reason=reasons[0])
        )
    return found


def _fate(device: Device, ticket: Any) -> Fate:
    found = ticket if isinstance(ticket, dict) else {}
    if found.get("status") == "ok":
        return Fate(device, "sent", str(found.get("id") or ""))
    details = found.get("details")
    code = str(details.get("error") or "") if isinstance(details, dict) else ""
    reason = f"Expo {code}: {str(found.get('message') or '')[:200]}"
    kinds = {
        "DeviceNotRegistered": "gone", "MessageRateExceeded": "retry", "MessageTooBig": "failed",
        "ExpoError": "unknown", "ProviderError": "unknown",
    }  # fmt: skip
    return Fate(device, kinds.get(code, "failed" if found else "unknown"), reason=reason)


def _first(found: dict[str, Any]) -> str:
    errors = found.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return (
        str(first.get("message") or first.get("code") or "")[:200]
        if isinstance(first, dict)
        else ""
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
