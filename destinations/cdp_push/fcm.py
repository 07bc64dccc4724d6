"""Firebase Cloud Messaging, HTTP v1, with a service account."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

from cdp.plugin import AccessToken, Device, GuardedHTTP, PluginError, Response
from cdp_push import apns, buttons
from cdp_push.fate import Fate, Push, merged, of_error, of_status
from cdp_push.keys import jwt, rsa_key
from cdp_push.settings import service_account

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class FCM:
    """Sends to Android, and to what else has tokens of Firebase."""

    def __init__(self, settings: dict[str, Any], http: GuardedHTTP) -> None:
        self._settings, self._http = settings, http
        self._account = service_account(settings["fcm_service_account"])
        self._key = rsa_key(self._account["private_key"])
        project = settings["fcm_project"] or self._account["project_id"]
        base = (settings["fcm_url"] or "https://fcm.googleapis.com").rstrip("/")
        self._url = f"{base}/v1/projects/{quote(project, safe='')}/messages:send"
        self._token = AccessToken(http, self._account["token_uri"], self._form)

    def _form(self) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": self._account["client_email"], "scope": SCOPE,
            "aud": self._account["token_uri"], "iat": now, "exp": now + 3600,
        }  # fmt: skip
        return {"grant_type": _GRANT, "assertion": jwt(claims, self._key)}

    def ask(self) -> None:
        """Fetch a token, to see whether the account is good."""
        self._token.drop(self._token.get())
        self._token.get()

    def send(self, push: Push, devices: list[Device]) -> list[Fate]:
        """One call a device: HTTP v1 has no other way."""
        return [self._one(push, device) for device in devices]

    def _one(self, push: Push, device: Device) -> Fate:
        message = message_of(push, device, self._settings)
        body = json.dumps({"message": message}, ensure_ascii=False).encode()
        for again in (False, True):
            try:
                token = self._token.get()
                answer = self._http.request(
                    "POST", self._url, body,
                    {"content-type": "application/json", "authorization": f"Bearer {token}"},
                )  # fmt: skip
            except PluginError as error:
                return of_error(device, error)
            if answer.status == 401 and not again and _error(answer)[0] != "THIRD_PARTY_AUTH_ERROR":
                self._token.drop(token)
                continue
            break
        return _fate(device, answer)


def message_of(push: Push, device: Device, settings: dict[str, Any]) -> dict[str, Any]:
    """The message as HTTP v1 has it."""
    content = push.content
    ttl = settings["ttl"] if content.ttl_s is None else content.ttl_s
    links = {"link": content.link, "image": content.image}
    data = {**content.data, **{name: text for name, text in links.items() if text}}
    data["delivery_id"] = push.message.id
    if content.buttons:  # Firebase shows none itself: the app does, and data are texts
        data["buttons"] = json.dumps(buttons.listed(content), ensure_ascii=False)
    if named := buttons.category(content):
        data["category"] = named
    if settings["customerio_sdk"]:
        data |= {"CIO-Delivery-ID": push.message.id, "CIO-Delivery-Token": device.token}
    message: dict[str, Any] = {"token": device.token, "data": data}
    low = push.message.options.get("priority") in ("normal", "low")
    android: dict[str, Any] = {"ttl": f"{ttl}s", "priority": "NORMAL" if low else "HIGH"}
    if content.collapse_key:
        android["collapse_key"] = content.collapse_key
    if not push.silent:
        shown = {"title": content.title, "body": content.body, "image": content.image}
        message["notification"] = {name: text for name, text in shown.items() if text}
        notification: dict[str, Any] = {}
        if content.sound:
            notification["sound"] = content.sound
        if content.collapse_key:
            notification["tag"] = content.collapse_key
        if content.badge is not None:
            notification["notification_count"] = content.badge
        if notification:
            android["notification"] = notification
    message["android"] = android
    if device.platform == "ios":
        del message["android"]
        # Data goes by Apple's payload: Firebase would put it in a second time.
        del message["data"]
        payload = apns.payload_of(push, settings)
        if settings["customerio_sdk"]:
            payload["CIO-Delivery-Token"] = device.token
        message["apns"] = {"headers": apns.headers_of(push, settings), "payload": payload}
        return message
    custom = content.custom.get("android")
    if isinstance(custom, dict) and isinstance(custom.get("message"), dict):
        custom = custom["message"]
    return {**merged(message, custom), "token": device.token}


def _fate(device: Device, answer: Response) -> Fate:
    code, said, about_token = _error(answer)
    if 200 <= answer.status < 300:
        found = _object(answer)
        name = found.get("name")
        if isinstance(name, str) and name:
            return Fate(device, "sent", name)
        return Fate(device, "unknown", reason="the answer has no message in it")
    text = f"FCM {code or answer.status}: {said[:200]}" if said else f"FCM {code or answer.status}"
    if code == "UNREGISTERED" or (code == "INVALID_ARGUMENT" and about_token):
        return Fate(device, "gone", reason=text)
    if code in ("SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR"):
        return Fate(device, "failed", reason=text)
    return of_status(device, answer.status, answer.headers, text)


def _error(answer: Response) -> tuple[str, str, bool]:
    """FCM's code or else Google's, the text, and whether the token is what is wrong."""
    error = _object(answer).get("error")
    if not isinstance(error, dict):
        return "", "", False
    code, text, about_token = str(error.get("status") or ""), str(error.get("message") or ""), False
    details = error.get("details")
    for item in details if isinstance(details, list) else ():
        if not isinstance(item, dict):
            continue
        code = str(item.get("errorCode") or code)
        violations = item.get("fieldViolations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and violation.get("field") == "message.token":
                about_token = True
    return code, text, about_token


def _object(answer: Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
