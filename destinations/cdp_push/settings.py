"""The settings of the push channel: the keys of each provider that is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cdp.plugin import ChannelSettings, secret
from cdp_push.keys import p256_key, rsa_key

#: What of a service account's file is needed.
ACCOUNT = ("client_email", "private_key", "token_uri", "project_id")


def service_account(text: str) -> dict[str, str]:
    """A service account's file; ValueError."""
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError("this is not the JSON file of a service account") from None
    if not isinstance(found, dict):
        raise ValueError("this is not the JSON file of a service account")
    missing = [name for name in ACCOUNT if not isinstance(found.get(name), str)]
    if missing:
        raise ValueError(f"the service account has no {', '.join(missing)}")
    rsa_key(found["private_key"])
    return {name: found[name] for name in ACCOUNT}


def _checked(read: Callable[[str], Any]) -> Callable[[str], None]:
    def check(value: str) -> None:
        if not value:
            return
        try:
            read(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    return check


def _text(label: str, help_: str, **more: Any) -> fields.String:
    return fields.String(load_default="", metadata={"label": label, "help": help_}, **more)


def _url(label: str) -> fields.Url:
    help_ = "Where the provider is, if not where usual."
    return fields.Url(
        load_default="",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": label, "help": help_},
    )


def _check_subject(value: str) -> None:
    if value and not value.startswith(("mailto:", "https://")):
        raise ValidationError("it begins with mailto: or https://")


class PushSettings(ChannelSettings):
    """Firebase (FCM), Apple (APNs), browsers (Web Push), Expo."""

    fcm_service_account = secret(
        load_default="",
        validate=_checked(service_account),
        metadata={"label": "Firebase service account", "help": "The JSON file, as it is."},
    )
    fcm_project = _text("Firebase project", "If it is not the service account's own.")
    apns_key = secret(
        load_default="",
        validate=_checked(p256_key),
        metadata={"label": "APNs key", "help": "The .p8 file of an authentication key."},
    )
    apns_key_id = _text("APNs key ID", "Ten letters and digits.")
    apns_team_id = _text("Apple team ID", "Ten letters and digits.")
    apns_topic = _text("Bundle ID", "The app's, for devices that don't say their own.")
    apns_sandbox = fields.Boolean(
        load_default=False,
        metadata={"label": "APNs sandbox", "help": "For apps that Xcode has installed."},
    )
    ios_by = fields.String(
        load_default="apns",
        validate=validate.OneOf(["apns", "fcm"]),
        metadata={"label": "iOS devices by", "help": "Whose tokens your iOS app registers."},
    )
    vapid_private_key = secret(
        load_default="",
        validate=_checked(p256_key),
        metadata={"label": "VAPID private key", "help": "Web Push: P-256, as PEM or base64."},
    )
    vapid_subject = _text(
        "VAPID subject",
        "Web Push: mailto: or https:, where push services reach you.",
        validate=_check_subject,
    )
    expo = fields.Boolean(load_default=False, metadata={"help": "Send to Expo's devices."})
    expo_access_token = secret(
        load_default="",
        metadata={"label": "Expo access token", "help": "If enhanced security is switched on."},
    )
    customerio_sdk = fields.Boolean(
        load_default=False,
        metadata={
            "label": "For Customer.io's SDKs",
            "help": "Add what their mobile SDKs look for, to report opened and delivered.",
        },
    )
    ttl = fields.Integer(
        load_default=2_419_200,
        validate=validate.Range(0, 2_419_200),
        metadata={"label": "Time to live", "help": "Seconds that a push may wait for a device."},
    )
    concurrency = fields.Integer(
        load_default=16,
        validate=validate.Range(1, 64),
        metadata={"help": "Messages on their way at the same time."},
    )
    timeout = fields.Float(
        load_default=15.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )
    fcm_url = _url("FCM address")
    apns_url = _url("APNs address")
    expo_url = _url("Expo address")

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        missing: dict[str, list[str]] = {}
        for name, others in (
            ("apns_key", ("apns_key_id", "apns_team_id")),
            ("vapid_private_key", ("vapid_subject",)),
        ):
            if data.get(name):
                missing |= {other: [f"{name} needs it"] for other in others if not data.get(other)}
        used = ("fcm_service_account", "apns_key", "vapid_private_key", "expo")
        if not any(data.get(name) for name in used):
            missing["fcm_service_account"] = [f"one of these is needed: {', '.join(used)}"]
        if missing:
            raise ValidationError(missing)
