"""Amazon SES, API version 2: whole messages, events through SNS."""

from __future__ import annotations

import re
from typing import Any

from cdp.plugin import Channel, Inbound, Outgoing, Receipt, Reply, Report, Response, Retry, Stop
from cdp_email.names import HEADER, Names
from cdp_email.providers import sns
from cdp_email.providers.base import (
    TAG,
    Call,
    Provider,
    as_json,
    b64,
    from_json,
    ms_of,
    object_at,
    object_of,
    ok,
    text_of,
)
from cdp_email.providers.sigv4 import sign

_SEND = "/v2/email/outbound-emails"
_KINDS = {
    "Send": "sent", "Delivery": "delivered", "Bounce": "bounced", "Complaint": "complained",
    "Reject": "dropped", "Open": "opened", "Click": "clicked", "DeliveryDelay": "deferred",
    "Rendering Failure": "failed",
}  # fmt: skip
_TAG_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class SES(Provider):
    """Amazon SES. It keeps no keys: what was left unanswered may have been sent."""

    title = "Amazon SES"
    spf_include = "amazonses.com"

    def __init__(self, channel: Channel, names: Names) -> None:
        super().__init__(channel, names)
        self.url = self.url or f"https://email.{self.settings['region']}.amazonaws.com"

    def request(self, message: Outgoing) -> Call:
        mail = self.mail(message)
        recipients = [item.spec for item in mail.copies]
        body: dict[str, Any] = {
            "FromEmailAddress": mail.sender.spec,
            "Destination": {
                "ToAddresses": [item.spec for item in mail.to],
                **({"BccAddresses": recipients} if recipients else {}),
            },
            "Content": {"Raw": {"Data": b64(mail.data())}},
        }
        if _TAG_VALUE.fullmatch(message.id):
            body["EmailTags"] = [{"Name": TAG, "Value": message.id}]
        if self.settings["configuration_set"]:
            body["ConfigurationSetName"] = self.settings["configuration_set"]
        body |= self.wanted(message, "ConfigurationSetName", "FeedbackForwardingEmailAddress")
        return self._signed("POST", _SEND, as_json(body))

    def _signed(self, method: str, path: str, body: bytes) -> Call:
        settings = self.settings
        headers = sign(
            method, self.url + path, body, {"Content-Type": "application/json"},
            (settings["access_key"], settings["secret_key"]), settings["region"], "ses",
        )  # fmt: skip
        return Call(path, body, headers, method)

    def receipt(self, answer: Response, message: Outgoing) -> Receipt:
        said = object_of(answer.body)
        if answer.status == 200:
            name = text_of(said, "MessageId")
            return Receipt.sent(name) if name else Receipt.unknown("an answer without MessageId")
        kind = next((v for k, v in answer.headers.items() if k.lower() == "x-amzn-errortype"), "")
        kind = (kind or text_of(said, "__type")).partition(":")[0].rpartition("#")[2]
        reason = f"{kind}: {text_of(said, 'message') or text_of(said, 'Message')}".strip(": ")
        if kind in ("LimitExceededException", "SendingPausedException"):
            raise Retry(reason, 60.0)
        if kind == "AccountSuspendedException":
            raise Stop(reason)
        if kind == "MailFromDomainNotVerifiedException" or "is not verified" in reason:
            return self.sender_refused(message, reason)
        return self.refusal(answer, reason) or Receipt.unknown(f"the answer was {answer.status}")

    def probe(self) -> Call:
        return self._signed("GET", "/v2/email/account", b"")

    def events(self, request: Inbound) -> Reply:
        told = sns.read(request, self.settings["topic_arn"], self.channel.http)
        event = from_json(told.message.encode())
        if not isinstance(event, dict):
            return ok([])
        kind = text_of(event, "eventType") or text_of(event, "notificationType")
        mail = object_at(event, "mail")
        # "Bounce" is told of under "bounce", "DeliveryDelay" under "deliveryDelay".
        detail = object_at(event, kind[:1].lower() + kind[1:].replace(" ", ""))
        if kind == "Rendering Failure":
            detail = object_at(event, "failure")
        if kind not in _KINDS or text_of(detail, "complaintFeedbackType") == "not-spam":
            return ok([])
        found = []
        for recipient, more in _recipients(kind, detail, mail):
            found.append(
                Report(
                    _KINDS[kind],
                    f"{text_of(detail, 'feedbackId') or told.id}/{recipient}",
                    ms_of(text_of(detail, "timestamp") or text_of(mail, "timestamp")),
                    delivery=_delivery(mail, self.names),
                    provider_id=text_of(mail, "messageId"),
                    recipient=recipient,
                    reason=text_of(more, "diagnosticCode") or _reason(detail),
                    hard=text_of(detail, "bounceType") == "Permanent",
                    detail=_shown(detail),
                )
            )
        return ok(found)


def _recipients(
    kind: str, detail: dict[str, Any], mail: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Whom an event is about, each with what is told of this recipient alone."""
    named = {"Bounce": "bouncedRecipients", "Complaint": "complainedRecipients",
             "DeliveryDelay": "delayedRecipients"}.get(kind, "recipients")  # fmt: skip
    listed = detail.get(named) or mail.get("destination") or [""]
    rows = [item if isinstance(item, dict) else {"emailAddress": item} for item in listed]
    return [(text_of(row, "emailAddress"), row) for row in rows]


def _delivery(mail: dict[str, Any], names: Names) -> str:
    tag = object_at(mail, "tags").get(TAG)
    if isinstance(tag, list) and tag:
        return str(tag[0])
    headers = mail.get("headers")
    for item in headers if isinstance(headers, list) else []:
        if text_of(item, "name").lower() == HEADER.lower():
            return names.read(text_of(item, "value")) or ""
    return ""


def _reason(detail: dict[str, Any]) -> str:
    for name in ("bounceSubType", "complaintFeedbackType", "delayType", "reason", "errorMessage"):
        if text_of(detail, name):
            return text_of(detail, name)
    return ""


def _shown(detail: dict[str, Any]) -> dict[str, Any]:
    names = ("bounceType", "bounceSubType", "link", "userAgent", "ipAddress", "smtpResponse")
    return {name: text_of(detail, name) for name in names if text_of(detail, name)}
