"""Apple's push service: tokens signed with ES256, over HTTP/2."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from typing import Any

from cdp.plugin import Device, GuardedHTTP, PluginError, Response
from cdp_push import buttons
from cdp_push.fate import Fate, Push, merged, of_error, of_status
from cdp_push.keys import jwt, p256_key

#: A token holds an hour, and may be made anew every 20 minutes (Apple, "Establishing a
#: token-based connection to APNs").
TOKEN_S = 40 * 60
MAX_PAYLOAD = 4096
_GONE = {"Unregistered", "ExpiredToken"}
_STOP = {
    "InvalidProviderToken", "MissingProviderToken", "BadCertificate", "BadCertificateEnvironment",
    "Forbidden", "BadTopic", "TopicDisallowed", "MissingTopic",
}  # fmt: skip


class APNs:
    """Sends to devices of iOS."""

    def __init__(self, settings: dict[str, Any], http: GuardedHTTP) -> None:
        self._settings, self._http = settings, http.also(http2=True)
        self._key = p256_key(settings["apns_key"])
        usual = "api.sandbox.push.apple.com" if settings["apns_sandbox"] else "api.push.apple.com"
        self._url = (settings["apns_url"] or f"https://{usual}").rstrip("/")
        self._lock = threading.Lock()
        self._token, self._made = "", 0.0

    def send(self, push: Push, devices: list[Device]) -> list[Fate]:
        """One call a device."""
        payload = payload_of(push, self._settings)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > MAX_PAYLOAD:
            reason = f"the payload has {len(body)} bytes, APNs takes {MAX_PAYLOAD}"
            return [Fate(device, "failed", reason=reason) for device in devices]
        return [self._one(push, device, body) for device in devices]

    def _one(self, push: Push, device: Device, body: bytes) -> Fate:
        topic = device.app or self._settings["apns_topic"]
        if not topic:
            return Fate(device, "failed", reason="the device has no app, and apns_topic is not set")
        if not device.token.isalnum():
            return Fate(device, "failed", reason="this is no token of APNs")
        headers = headers_of(push, self._settings) | {
            "apns-topic": topic,
            "apns-id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{push.message.key}/{device.token}")),
            "content-type": "application/json",
        }
        url = f"{self._url}/3/device/{device.token}"
        for again in (False, True):
            token = self._provider_token()
            try:
                answer = self._http.request(
                    "POST", url, body, {**headers, "authorization": f"bearer {token}"}
                )
            except PluginError as error:
                return of_error(device, error)
            reason = _reason(answer)
            if reason == "ExpiredProviderToken" and not again:
                # Refused before it was looked at: this is no repeat.
                self._drop(token)
                continue
            break
        if answer.status == 200:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Fate(device, "sent", found.get("apns-id") or headers["apns-id"])
        text = f"APNs: {reason or answer.status}"
        if reason in _GONE:
            return Fate(device, "gone", reason=text)
        if reason == "BadDeviceToken":
            # Also said of every good token of the other environment: nothing is removed.
            text += " (no token, or one of the other environment: see apns_sandbox)"
        if reason in _STOP:
            return Fate(device, "stop", reason=text)
        if answer.status in (403, 410):
            return Fate(device, "failed", reason=text)
        return of_status(device, answer.status, answer.headers, text)

    def _provider_token(self) -> str:
        with self._lock:
            now = time.time()
            if not self._token or now - self._made > TOKEN_S:
                claims = {"iss": self._settings["apns_team_id"], "iat": int(now)}
                self._token = jwt(claims, self._key, self._settings["apns_key_id"])
                self._made = now
            return self._token

    def _drop(self, token: str) -> None:
        with self._lock:
            if token == self._token:
                self._token = ""


def headers_of(push: Push, settings: dict[str, Any]) -> dict[str, str]:
    """What APNs is told of a push, but for whose it is."""
    content = push.content
    ttl = settings["ttl"] if content.ttl_s is None else content.ttl_s
    low = push.silent or push.message.options.get("priority") in ("normal", "low")
    headers = {
        "apns-push-type": "background" if push.silent else "alert",
        "apns-priority": "5" if low else "10",
        "apns-expiration": str(int(time.time()) + ttl) if ttl else "0",
    }
    if content.collapse_key:
        key = content.collapse_key
        fits = len(key.encode()) <= 64 and key.isascii() and key.isprintable()
        headers["apns-collapse-id"] = key if fits else hashlib.sha256(key.encode()).hexdigest()
    return headers


def payload_of(push: Push, settings: dict[str, Any]) -> dict[str, Any]:
    """What the app gets: ``aps``, and beside it our names and the data."""
    content = push.content
    aps: dict[str, Any] = {}
    if push.silent:
        aps["content-available"] = 1
    else:
        alert = {"title": content.title, "body": content.body}
        aps["alert"] = {name: text for name, text in alert.items() if text}
        if content.sound:
            aps["sound"] = content.sound
        if content.image or content.buttons or settings["customerio_sdk"]:
            aps["mutable-content"] = 1
        if named := buttons.category(content):
            aps["category"] = named
    if content.badge is not None:
        aps["badge"] = content.badge
    payload: dict[str, Any] = {**content.data, "aps": aps, "delivery_id": push.message.id}
    links = {"link": content.link, "image": content.image}
    shown = {name: text for name, text in links.items() if text}
    payload |= shown
    if content.buttons:
        payload["buttons"] = buttons.listed(content)
    if settings["customerio_sdk"]:
        payload["CIO"] = {"push": shown}
        payload["CIO-Delivery-ID"] = push.message.id
    return merged(payload, content.custom.get("ios"))


def _reason(answer: Response) -> str:
    try:
        found = json.loads(answer.body) if answer.body else {}
    except ValueError:
        return ""
    reason = found.get("reason") if isinstance(found, dict) else ""
    return reason if isinstance(reason, str) else ""
