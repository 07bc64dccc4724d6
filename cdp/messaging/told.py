"""Events that tell of messages, in the names that Segment gives them (segment.com: email spec)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.events import format_time
from cdp.messaging.choices import who_of

#: What a thing that happened to a message is called, by channel; what has no name here is
#: kept with the delivery and makes no event.
NAMES: dict[str, dict[str, str]] = {
    "email": {
        "sent": "Email Sent",
        "delivered": "Email Delivered",
        "opened": "Email Opened",
        "clicked": "Email Link Clicked",
        "bounced": "Email Bounced",
        "complained": "Email Marked as Spam",
        "unsubscribed": "Unsubscribed",
        "replied": "Email Replied",
    },
    "sms": {
        "sent": "SMS Sent",
        "delivered": "SMS Delivered",
        "clicked": "SMS Link Clicked",
        "bounced": "SMS Bounced",
        "unsubscribed": "Unsubscribed",
        "replied": "SMS Replied",
    },
    "push": {
        "sent": "Push Notification Sent",
        "delivered": "Push Notification Received",
        "opened": "Push Notification Tapped",
        "bounced": "Push Notification Bounced",
    },
    "in_app": {
        "sent": "In-App Message Sent",
        "opened": "In-App Message Opened",
        "clicked": "In-App Message Clicked",
        "dismissed": "In-App Message Dismissed",
    },
    "webhook": {"sent": "Webhook Sent"},
    "slack": {"sent": "Slack Message Sent"},
}

_OF = {"email": "Email", "sms": "SMS", "push": "Push Notification", "in_app": "In-App Message",
       "webhook": "Webhook", "slack": "Slack Message"}  # fmt: skip
#: Segment has no names for these, so they are ours.
for _channel, _named in NAMES.items():
    for _kind in ("drafted", "attempted", "failed", "undeliverable", "converted"):
        _named[_kind] = f"{_OF[_channel]} {_kind.title()}"


def event_of(
    kind: str,
    channel: str,
    delivery: Mapping[str, Any],
    at: int,
    ref: str,
    person: Mapping[str, str],
    detail: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The track call that tells of it; None if it has no name.

    ``delivery`` has ``id`` (public), ``template``, ``origin``, ``origin_key``, ``step``, ``key``,
    ``subject``, ``recipient``. ``ref`` names the cause, so that the call is the same whenever it is
    made again. ``person`` has identifiers by type; without any there is no event.
    """
    name = NAMES.get(channel, {}).get(kind)
    who = who_of(person)
    if name is None or who is None:
        return None
    properties: dict[str, Any] = {
        "delivery_id": delivery["id"],
        "channel": channel,
        "template": delivery.get("template"),
        "campaign_id": delivery.get("origin_key") or None,
        "campaign_type": delivery.get("origin"),
        "step": delivery.get("step"),
    }
    if delivery.get("origin") == "journey":  # by which a run knows what it waits for
        properties["delivery_key"] = delivery.get("key")
    if channel == "email":
        properties["email_id"] = delivery.get("template") or delivery["id"]
        properties["email_subject"] = delivery.get("subject")
    for ours, theirs in (("href", "link_url"), ("link_id", "link_id"), ("reason", "reason"),
                         ("machine", "machine"), ("hard", "hard"), ("text", "text"),
                         ("list_id", "list_id"), ("list_name", "list_name"),
                         ("response", "response")):  # fmt: skip
        if detail.get(ours) not in (None, "", False):
            properties[theirs] = detail[ours]
    body: dict[str, Any] = {
        "type": "track",
        "event": name,
        "messageId": f"{delivery['id']}:{kind}:{ref}"[:100],
        "timestamp": format_time(at),
        "properties": {key: value for key, value in properties.items() if value is not None},
        **who,
    }
    recipient = delivery.get("recipient")
    if recipient and channel == "email" and recipient == person.get("email"):
        body["context"]["traits"] = {"email": recipient}
    elif recipient:
        # In the context another's address would make two people one.
        body["properties"]["recipient"] = recipient
    return body
