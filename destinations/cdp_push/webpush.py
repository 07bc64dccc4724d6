"""Web Push: encrypted for the browser (RFC 8291), signed by us (VAPID, RFC 8292)."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cdp.plugin import Device, GuardedHTTP, PluginError
from cdp_push import buttons
from cdp_push.fate import Fate, Push, merged, of_error, of_status
from cdp_push.keys import b64, jwt, p256_key, public_point, unb64

#: A push service takes a body of 4,096 bytes: a head of 86, the text, an end of 17.
MAX_TEXT = 4096 - 86 - 17
TOKEN_S = 12 * 3600


class Subscription(NamedTuple):
    """Where a browser's pushes go, and its keys."""

    endpoint: str
    key: bytes
    auth: bytes


class WebPush:
    """Sends to browsers, each by its own push service."""

    def __init__(self, settings: dict[str, Any], http: GuardedHTTP) -> None:
        self._settings, self._http = settings, http
        self._key = p256_key(settings["vapid_private_key"])
        self.public_key = b64(public_point(self._key))
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[float, str]] = {}

    def send(self, push: Push, devices: list[Device]) -> list[Fate]:
        """One call a browser."""
        body = json.dumps(payload_of(push), ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > MAX_TEXT:
            reason = f"the payload has {len(body)} bytes, Web Push takes {MAX_TEXT}"
            return [Fate(device, "failed", reason=reason) for device in devices]
        return [self._one(push, device, body) for device in devices]

    def _one(self, push: Push, device: Device, text: bytes) -> Fate:
        try:
            there = subscription(device.token)
            body = encrypt(text, there.key, there.auth)
        except ValueError as error:
            return Fate(device, "failed", reason=f"this is no subscription: {error}")
        content = push.content
        ttl = self._settings["ttl"] if content.ttl_s is None else content.ttl_s
        urgency = str(push.message.options.get("priority") or ("normal" if push.silent else "high"))
        headers = {
            "ttl": str(ttl),
            "urgency": urgency if urgency in ("very-low", "low", "normal") else "high",
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "authorization": f"vapid t={self._vapid(there.endpoint)}, k={self.public_key}",
        }
        if content.collapse_key:
            digest = hashlib.sha256(content.collapse_key.encode()).digest()
            headers["topic"] = b64(digest)[:32]
        try:
            answer = self._http.request("POST", there.endpoint, body, headers)
        except PluginError as error:
            return of_error(device, error)
        if 200 <= answer.status < 300:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Fate(device, "sent", found.get("location", ""))
        host = urlsplit(there.endpoint).hostname or ""
        said = answer.body[:200].decode("utf-8", "replace").strip()
        reason = f"{host}: {answer.status} {said}".strip()
        if answer.status in (404, 410):
            return Fate(device, "gone", reason=reason)
        fate = of_status(device, answer.status, answer.headers, reason)
        # One browser's service refuses us: the others know nothing of that.
        return fate._replace(kind="failed") if fate.kind == "stop" else fate

    def _vapid(self, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            ends, token = self._tokens.get(origin, (0.0, ""))
            now = time.time()
            if ends < now + TOKEN_S / 2:
                ends = now + TOKEN_S
                claims = {"aud": origin, "exp": int(ends), "sub": self._settings["vapid_subject"]}
                token = jwt(claims, self._key)
                if len(self._tokens) > 1000:
                    self._tokens.clear()
                self._tokens[origin] = ends, token
            return token


def payload_of(push: Push) -> dict[str, Any]:
    """What the page's service worker gets."""
    content = push.content
    found: dict[str, Any] = {
        "title": content.title, "body": content.body, "image": content.image,
        "link": content.link, "badge": content.badge, "tag": content.collapse_key,
        "data": dict(content.data),
        "actions": [
            {"action": one.pop("id"), **one} for one in buttons.listed(content)
        ],
    }  # fmt: skip
    shown = {name: value for name, value in found.items() if value not in ("", None, {}, [])}
    return merged({**shown, "delivery_id": push.message.id}, content.custom.get("web"))


def subscription(text: str) -> Subscription:
    """What ``PushSubscription.toJSON()`` gives; ValueError."""
    try:
        found = json.loads(text)
        endpoint, keys = found["endpoint"], found["keys"]
        key, auth = unb64(keys["p256dh"]), unb64(keys["auth"])
    except (KeyError, TypeError, AttributeError):
        raise ValueError("endpoint, keys.p256dh and keys.auth are needed") from None
    if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
        raise ValueError("the endpoint is no address")
    if len(auth) != 16:
        raise ValueError("keys.auth has 16 bytes")
    return Subscription(endpoint, key, auth)


def encrypt(
    text: bytes,
    key: bytes,
    auth: bytes,
    salt: bytes | None = None,
    ours: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """``text`` for the browser that has ``key`` and ``auth``: one record of aes128gcm.

    ValueError if the key is no point of the curve.
    """
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    ours = ours or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    point = public_point(ours)
    shared = ours.exchange(ec.ECDH(), theirs)
    material = _hkdf(auth, shared, b"WebPush: info\0" + key + point, 32)
    content_key = _hkdf(salt, material, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, material, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(content_key).encrypt(nonce, text + b"\x02", None)
    return salt + (4096).to_bytes(4, "big") + bytes([len(point)]) + point + sealed


def _hkdf(salt: bytes, material: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(material)
