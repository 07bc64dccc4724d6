"""Resend, which keeps idempotency keys for 24 hours; webhooks signed as Svix does."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from typing import Any

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, Response, Retry
from cdp_email.mime import type_of
from cdp_email.providers.base import (
    TAG,
    Call,
    Provider,
    as_json,
    b64,
    ms_of,
    object_at,
    object_of,
    ok,
    signed_json,
    text_of,
    written,
)

_KINDS = {
    "email.sent": "sent", "email.delivered": "delivered", "email.delivery_delayed": "deferred",
    "email.bounced": "bounced", "email.complained": "complained", "email.opened": "opened",
    "email.clicked": "clicked", "email.failed": "failed", "email.suppressed": "dropped",
}  # fmt: skip
#: Svix: requests that were signed longer ago, or in the future, are not believed.
TOLERANCE_S = 300
_TAG_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Resend(Provider):
    """Resend. A repeat under the same key is answered as the first call was."""

    url = "https://api.resend.com"
    title = "Resend"
    keeps_keys = True
    spf_include = "amazonses.com"
    selectors = ("resend",)

    def request(self, message: Outgoing) -> Call:
        parts = self.parts(message)
        content = parts.content
        body: dict[str, Any] = {
            "from": written(parts.sender),
            "to": [written(item) for item in parts.to],
            "subject": content.subject,
            "headers": parts.headers,
        }
        people = {"cc": parts.cc, "bcc": parts.bcc, "reply_to": parts.reply_to}
        body |= {name: [written(i) for i in group] for name, group in people.items() if group}
        texts = {"html": content.html, "text": content.text}
        body |= {name: text for name, text in texts.items() if text} or {"text": ""}
        if content.attachments:
            body["attachments"] = [
                {
                    "filename": item.name or "file",
                    "content": b64(item.content),
                    "content_type": type_of(item),
                    **({"content_id": item.cid} if item.cid else {}),
                }
                for item in content.attachments
            ]
        tags = list(message.options.get("tags") or ())
        if _TAG_VALUE.fullmatch(message.id):
            tags.append({"name": TAG, "value": message.id})
        if tags:
            body["tags"] = tags
        headers = {**self._headers(), "Idempotency-Key": message.key[:256]}
        return Call("/emails", as_json(body), headers)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.settings['api_key']}",
            "Content-Type": "application/json",
        }

    def receipt(self, answer: Response, message: Outgoing) -> Receipt:
        said = object_of(answer.body)
        name, reason = text_of(said, "name"), text_of(said, "message")
        if answer.status in (200, 201):
            found = text_of(said, "id")
            return Receipt.sent(found) if found else Receipt.unknown("an answer without id")
        if name == "concurrent_idempotent_requests":
            return Receipt.retry(reason, 5.0)
        if name == "invalid_idempotent_request":
            # It has taken a message under this key: another content is no reason for another.
            return Receipt.sent(response={"note": reason})
        if name in ("daily_quota_exceeded", "monthly_quota_exceeded"):
            raise Retry(reason, 3600.0)
        if answer.status == 403 and "domain" in reason.lower():
            return self.sender_refused(message, reason)
        return self.refusal(answer, reason) or Receipt.unknown(f"the answer was {answer.status}")

    def probe(self) -> Call:
        return Call("/domains", b"", self._headers(), "GET")

    def events(self, request: Inbound) -> Reply:
        id_ = _verify(request, self.settings["webhook_key"])
        body = signed_json(request)
        kind, data = _KINDS.get(text_of(body, "type")), object_at(body, "data")
        if kind is None:
            return ok([])
        to, bounce = data.get("to"), object_at(data, "bounce")
        tags = data.get("tags")
        if isinstance(tags, list):
            tags = {text_of(item, "name"): text_of(item, "value") for item in tags}
        click = object_at(data, "click")
        shown = {"url": text_of(click, "link"), "ip": text_of(click, "ipAddress"),
                 "user_agent": text_of(click, "userAgent"), "type": text_of(bounce, "type"),
                 "subtype": text_of(bounce, "subType")}  # fmt: skip
        report = Report(
            kind,
            id_,
            ms_of(text_of(body, "created_at")),
            delivery=text_of(tags, TAG),
            provider_id=text_of(data, "email_id"),
            recipient=str(to[0]) if isinstance(to, list) and to else text_of(data, "to"),
            reason=text_of(bounce, "message") or text_of(data, "failed", "reason"),
            hard=kind == "bounced" and text_of(bounce, "type") == "Permanent",
            detail={key: value for key, value in shown.items() if value},
        )
        return ok([report])


def _verify(request: Inbound, secrets: str) -> str:
    """The id of a webhook that one of ``secrets`` signed; `Forged` otherwise."""
    if not secrets:
        raise Forged("no webhook_key is set: events of nobody are believed")
    headers = request.headers
    id_, stamp = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        raise Forged("it was signed too long ago, or never")
    signed = f"{id_}.{stamp}.".encode() + request.body
    given = [part[3:] for part in headers.get("svix-signature", "").split() if part[:3] == "v1,"]
    for secret in secrets.split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise Forged("webhook_key is not whsec_ and base64") from None
        wanted = b64(hmac.digest(key, signed, "sha256")).encode()
        if any(hmac.compare_digest(wanted, part.encode()) for part in given):
            return id_
    raise Forged("the signature is not Resend's")
