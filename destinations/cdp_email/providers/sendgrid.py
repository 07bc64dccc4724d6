"""SendGrid, API version 3, and its signed event webhook."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, Response
from cdp_email.addresses import Address
from cdp_email.mime import type_of
from cdp_email.providers.base import (
    TAG,
    Call,
    Provider,
    as_json,
    b64,
    ms_of,
    object_of,
    ok,
    signed_json,
    text_of,
)

_KINDS = {
    "processed": "sent", "delivered": "delivered", "deferred": "deferred", "bounce": "bounced",
    "dropped": "dropped", "open": "opened", "click": "clicked", "spamreport": "complained",
    "unsubscribe": "unsubscribed", "group_unsubscribe": "unsubscribed",
    "group_resubscribe": "subscribed",
}  # fmt: skip
_SHOWN = ("url", "useragent", "ip", "status", "bounce_classification", "asm_group_id", "type")


class SendGrid(Provider):
    """SendGrid. It keeps no keys: what was left unanswered may have been sent."""

    url = "https://api.sendgrid.com"
    title = "SendGrid"
    spf_include = "sendgrid.net"
    selectors = ("s1", "s2")

    def request(self, message: Outgoing) -> Call:
        return self._call(self._body(message))

    def _call(self, body: dict[str, Any]) -> Call:
        headers = {
            "Authorization": f"Bearer {self.settings['api_key']}",
            "Content-Type": "application/json",
        }
        return Call("/v3/mail/send", as_json(body), headers)

    def _body(self, message: Outgoing) -> dict[str, Any]:
        parts = self.parts(message)
        content = parts.content
        people = {"to": parts.to, "cc": parts.cc, "bcc": parts.bcc}
        body: dict[str, Any] = {
            "personalizations": [{k: [_person(i) for i in v] for k, v in people.items() if v}],
            "from": _person(parts.sender),
            "subject": content.subject,
            "content": [
                {"type": kind, "value": text}
                for kind, text in (
                    ("text/plain", content.text),
                    ("text/x-amp-html", content.amp),
                    ("text/html", content.html),
                )
                if text
            ],
            "headers": parts.headers,
            "custom_args": {TAG: message.id},
        }
        if parts.reply_to:
            body["reply_to"] = _person(parts.reply_to[0])
        if content.attachments:
            body["attachments"] = [
                {
                    "content": b64(item.content),
                    "type": type_of(item),
                    "filename": item.name or "file",
                    "disposition": "inline" if item.cid else "attachment",
                    **({"content_id": item.cid} if item.cid else {}),
                }
                for item in content.attachments
            ]
        if not self.settings["tracking"]:
            names = ("click_tracking", "open_tracking")
            body["tracking_settings"] = {name: {"enable": False} for name in names}
        return body | self.wanted(message, "categories", "ip_pool_name", "asm")

    def receipt(self, answer: Response, message: Outgoing) -> Receipt:
        if answer.status in (200, 202):
            found = [v for k, v in answer.headers.items() if k.lower() == "x-message-id"]
            if not found:
                return Receipt.unknown("an answer without X-Message-Id")
            return Receipt.sent(found[0])
        errors = object_of(answer.body).get("errors")
        texts = [text_of(item, "message") for item in errors] if isinstance(errors, list) else []
        reason = "; ".join(filter(None, texts))
        if answer.status in (400, 403) and "verified Sender Identity" in reason:
            return self.sender_refused(message, reason)
        return self.refusal(answer, reason) or Receipt.unknown(f"the answer was {answer.status}")

    def probe(self) -> Call:
        # Checked as a real one is, and not sent.
        sender = {"email": self.settings["from"].rpartition("<")[2].rstrip(">")}
        return self._call(
            {
                "personalizations": [{"to": [sender]}],
                "from": sender,
                "subject": "Test",
                "content": [{"type": "text/plain", "value": "Test"}],
                "mail_settings": {"sandbox_mode": {"enable": True}},
            }
        )

    def events(self, request: Inbound) -> Reply:
        _verify(request, self.settings["webhook_key"])
        body = signed_json(request)
        return ok([found for item in body if (found := _report(item)) is not None])


def _person(address: Address) -> dict[str, str]:
    return {"email": address.spec} | ({"name": address.name} if address.name else {})


def _verify(request: Inbound, key: str) -> None:
    if not key:
        raise Forged("no webhook_key is set: events of nobody are believed")
    headers = request.headers
    try:
        public = load_der_public_key(base64.b64decode(key, validate=True))
        signature = base64.b64decode(
            headers.get("x-twilio-email-event-webhook-signature", ""), validate=True
        )
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise Forged("the signature, or webhook_key, is no base64 of what it should be") from None
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise Forged("webhook_key is no key for ECDSA")
    stamp = headers.get("x-twilio-email-event-webhook-timestamp", "").encode()
    try:
        public.verify(signature, stamp + request.body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Forged("the signature is not SendGrid's") from None


def _report(item: Any) -> Report | None:
    kind = _KINDS.get(text_of(item, "event"))
    if kind is None:
        return None
    reason = text_of(item, "reason") or text_of(item, "response")
    return Report(
        kind,
        text_of(item, "sg_event_id") or f"{kind}/{text_of(item, 'sg_message_id')}",
        ms_of(text_of(item, "timestamp")),
        delivery=text_of(item, TAG),
        # "<X-Message-Id>.filterdrecv-…" or ".recvd-…", differing by event.
        provider_id=re.split(r"\.(?:filter|recvd)", text_of(item, "sg_message_id"))[0],
        recipient=text_of(item, "email"),
        reason=reason,
        hard=kind == "bounced" and text_of(item, "type") != "blocked",
        machine=item.get("sg_machine_open") is True,
        detail={name: text_of(item, name) for name in _SHOWN if text_of(item, name)},
    )
