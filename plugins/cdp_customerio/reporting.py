"""What became of messages, in Customer.io's form (customer.io: reporting webhooks)."""

from __future__ import annotations

import hmac
import time
from hashlib import blake2b
from typing import Any

import msgspec
from marshmallow import fields, validate

from cdp.plugin import (
    Batch,
    Destination,
    Event,
    Exchange,
    Forbidden,
    Outcome,
    Retry,
    SettingsSchema,
    WordList,
    from_response,
    secret,
)

_encode = msgspec.json.Encoder().encode

#: The event that tells of a message → what Customer.io calls it.
METRICS = {
    "Email Sent": ("email", "sent"),
    "Email Delivered": ("email", "delivered"),
    "Email Opened": ("email", "opened"),
    "Email Link Clicked": ("email", "clicked"),
    "Email Bounced": ("email", "bounced"),
    "Email Marked as Spam": ("email", "spammed"),
    "SMS Sent": ("sms", "sent"),
    "SMS Delivered": ("sms", "delivered"),
    "SMS Link Clicked": ("sms", "clicked"),
    "SMS Bounced": ("sms", "bounced"),
    "SMS Replied": ("sms", "replied"),
    "Push Notification Sent": ("push", "sent"),
    "Push Notification Received": ("push", "delivered"),
    "Push Notification Tapped": ("push", "opened"),
    "Push Notification Bounced": ("push", "bounced"),
    "In-App Message Sent": ("in_app", "sent"),
    "In-App Message Opened": ("in_app", "opened"),
    "In-App Message Clicked": ("in_app", "clicked"),
    "Webhook Sent": ("webhook", "sent"),
    "Slack Message Sent": ("slack", "sent"),
}
for _channel, _named in (
    ("email", "Email"), ("sms", "SMS"), ("push", "Push Notification"), ("in_app", "In-App Message"),
    ("webhook", "Webhook"), ("slack", "Slack Message"),
):  # fmt: skip
    METRICS |= {
        f"{_named} {metric.title()}": (_channel, metric)
        for metric in ("drafted", "attempted", "failed", "undeliverable")
    }
    if _channel not in ("webhook", "slack"):
        METRICS[f"{_named} Converted"] = (_channel, "converted")
NAMES = tuple(sorted({metric for _, metric in METRICS.values()} | {"unsubscribed"}))
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ReportingSettings(SettingsSchema):
    """Where to report, what, and how to sign it."""

    url = fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "URL", "help": "Each report is sent to this address."},
    )
    signing_key = secret(
        load_default="",
        metadata={"help": "Signs X-CIO-Signature. Without one, reports are not signed."},
    )
    metrics = WordList(
        load_default=list,
        metadata={"help": f"Some of {', '.join(NAMES)}, commas between; empty means all."},
    )
    machines = fields.Boolean(
        load_default=False,
        metadata={"help": "Also tell of opens and clicks by scanners and proxies."},
    )
    timeout = fields.Float(
        load_default=4.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )


class ReportingWebhook(Destination):
    """Tells what became of messages, one report a call, in the order in which it happened."""

    key = "reporting_webhook"
    name = "Reporting webhook"
    description = "Tells of sent, opened, clicked and other messages as Customer.io does."
    Settings = ReportingSettings
    types = ("track",)
    concurrency = 4

    def configure(self) -> None:
        self.timeout = self.settings["timeout"]
        self._metrics = set(self.settings["metrics"]) or set(NAMES)

    def wants(self, event: Event) -> bool:
        if event.type != "track":
            return False
        properties = event.body.get("properties")
        if not isinstance(properties, dict) or not properties.get("delivery_id"):
            return False  # somebody else's event of that name
        if properties.get("machine") and not self.settings["machines"]:
            return False
        found = _metric(event)
        return found is not None and found[1] in self._metrics

    def send(self, batch: Batch) -> list[Outcome] | None:
        for event in batch.events:
            self._call(report(event))
        return None

    def test(self) -> Exchange:
        """Send a report of a message that never was."""
        made = {
            "event_id": ulid(int(time.time() * 1000), "test"),
            "object_type": "email",
            "metric": "sent",
            "timestamp": int(time.time()),
            "data": {
                "delivery_id": "test",
                "identifiers": {"id": "test"},
                "recipient": "test@example.org",
            },
        }
        self.http.take_exchanges()
        self._call(made)
        return self.http.take_exchanges()[-1]

    def _call(self, made: dict[str, Any]) -> None:
        body = _encode(made)
        headers = {"content-type": "application/json"}
        key = self.settings["signing_key"]
        if key:
            at = str(int(time.time()))
            signed = f"v0:{at}:".encode() + body
            headers["X-CIO-Timestamp"] = at
            headers["X-CIO-Signature"] = hmac.digest(key.encode(), signed, "sha256").hex()
        try:
            answer = self.http.request("POST", self.settings["url"], body, headers)
        except Forbidden as error:
            raise Retry(str(error)) from None
        error = from_response(answer.status, answer.headers)
        if error is not None:
            raise error


def _metric(event: Event) -> tuple[str, str] | None:
    if event.name == "Unsubscribed":
        channel = event.body["properties"].get("channel")
        return (str(channel or "customer"), "unsubscribed")
    return METRICS.get(event.name)


def report(event: Event) -> dict[str, Any]:
    """The report that an event stands for; the same for the same event, whenever it is made."""
    found = _metric(event)
    assert found is not None
    body, properties = event.body, event.body["properties"]
    traits = (body.get("context") or {}).get("traits") or {}
    email = traits.get("email")
    data: dict[str, Any] = {
        "customer_id": body.get("userId"),
        "delivery_id": properties["delivery_id"],
        "identifiers": {"id": body.get("userId"), "email": email, "cio_id": None},
    }
    if email:
        data["recipient"] = email
    for ours, theirs in (
        ("email_subject", "subject"),
        ("link_url", "href"),
        ("link_id", "link_id"),
        ("reason", "failure_message"),
        ("machine", "machine"),
        ("text", "content"),
    ):
        if properties.get(ours) is not None:
            data[theirs] = properties[ours]
    source = {
        "broadcast": "broadcast_id",
        "journey": "campaign_id",
        "transactional": "transactional_message_id",
    }.get(str(properties.get("campaign_type")))
    if source and properties.get("campaign_id") is not None:
        data[source] = properties["campaign_id"]
    return {
        "event_id": ulid(event.t, event.id),
        "object_type": found[0],
        "metric": found[1],
        "timestamp": event.t // 1000,
        "data": data,
    }


def ulid(ms: int, cause: str) -> str:
    """A ULID of a time, and of what ``cause`` names: 26 letters and digits, sorted by time."""
    number = (ms << 80) | int.from_bytes(blake2b(cause.encode(), digest_size=10).digest(), "big")
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(125, -1, -5))
