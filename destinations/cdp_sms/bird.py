"""Bird's SMS API (bird.com/docs), which drops a second message under the same key."""

from __future__ import annotations

import json
import re
from typing import Any

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, SMSContent
from cdp_sms.provider import Provider, answered, as_object, text_of, time_ms
from cdp_sms.senders import e164
from cdp_sms.signed import standard

_KINDS = {
    "sms.sent": "sent", "sms.delivered": "delivered", "sms.undelivered": "bounced",
    "sms.failed": "failed", "sms.rejected": "failed",
}  # fmt: skip


class Bird(Provider):
    """Keeps an ``Idempotency-Key`` for 24 hours; webhooks after Standard Webhooks."""

    name = "bird"
    keeps_keys = True

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        if not self.api:
            # A key says where it is from: bk_us1_…
            found = re.match(r"bk_([a-z]{2}\d+)_", self.settings["access_key"])
            self.api = f"https://{found[1] if found else 'us1'}.platform.bird.com"

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        body: dict[str, Any] = {
            "to": sms.to, "text": sms.text, "metadata": {"delivery": message.id},
        }  # fmt: skip
        if sms.sender:
            body["from"] = sms.sender
        callback = self.channel.context.callback("status")
        if callback.startswith("https://"):
            body["webhook_url"] = callback
        answer, found = self.call(
            "POST", f"{self.api}/v1/sms", json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "authorization": f"Bearer {self.settings['access_key']}",
                "idempotency-key": message.key,
            },
        )  # fmt: skip
        error = found.get("error")
        told = error if isinstance(error, dict) else found
        said = ": ".join(
            filter(None, (text_of(told.get(k)) for k in ("code", "message", "detail")))
        )
        reason = said and f"Bird: {said[:300]}"
        if answer.status == 409:
            # The first call under this key is still on its way.
            return Receipt.unknown(reason or "Bird: a call under this key is under way")
        receipt = answered(answer, reason)
        if receipt is not None:
            return receipt
        inner = found.get("data")
        id_ = text_of((inner if isinstance(inner, dict) else found).get("id"))
        return Receipt.sent(id_) if id_ else Receipt.unknown("the answer has no message in it")

    def receive(self, request: Inbound) -> Reply | None:
        if request.path not in ("status", "inbound"):
            return None
        if not standard(request.headers, request.body, self.settings["signing_key"]):
            raise Forged("the signature is not Bird's")
        found = as_object(request.body)
        kind, data = text_of(found.get("type")), found.get("data")
        at = time_ms(found.get("timestamp"))
        if not isinstance(data, dict):
            return Reply()
        id_ = text_of(data.get("sms_id") or data.get("id"))
        if kind == "sms.received":
            sender, to = e164(text_of(data.get("from"))), e164(text_of(data.get("to")))
            text = text_of(data.get("text"))
            return Reply(self.inbound(id_, text, sender, to, at) if id_ and sender else [])
        if kind not in _KINDS or not id_:
            return Reply()
        more = data.get("metadata")
        delivery = text_of(more.get("delivery")) if isinstance(more, dict) else ""
        reason = text_of(data.get("reason") or data.get("error_message") or data.get("error"))
        report = Report(
            _KINDS[kind], f"{id_}:{kind}", at, delivery=delivery, provider_id=id_,
            recipient=e164(text_of(data.get("to"))), reason=reason[:300],
        )  # fmt: skip
        return Reply([report])
