"""Vonage: the Messages API and the older SMS API, with their webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from cdp.plugin import (
    Forged,
    Inbound,
    Outgoing,
    Receipt,
    Reply,
    Report,
    SMSContent,
    Stop,
)
from cdp_sms.provider import Provider, answered, as_object, basic, form, text_of, time_ms
from cdp_sms.segments import count
from cdp_sms.senders import e164
from cdp_sms.signed import equal, fresh, jwt_claims

#: Statuses of the SMS API: what is wrong for now, for the account, for the number.
_LATER, _STOP, _NO_NUMBER = {"1", "5"}, {"4", "8", "9", "11", "14", "32"}, {"33"}
#: ``err-code`` of receipts: the number does not exist, or is barred; absent for now.
_HARD, _SOFT = {"3", "9"}, {"1", "2", "7", "8", "12", "99"}
_STATUSES = {
    "submitted": "sent", "delivered": "delivered", "read": "opened",
    "rejected": "failed", "undeliverable": "bounced",
}  # fmt: skip
_RECEIPTS = {
    "delivered": "delivered", "accepted": "sent", "buffered": "deferred",
    "expired": "bounced", "rejected": "failed", "failed": "bounced",
}  # fmt: skip


class Vonage(Provider):
    """Calls with the account's key and secret."""

    name = "vonage"
    base = "https://api.nexmo.com"
    whatsapp = True

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        self._old = self.settings["vonage_api"] == "sms"
        if self._old and not self.settings["api_url"]:
            self.api = "https://rest.nexmo.com"

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        if self._old and not sms.whatsapp:
            return self._send_sms(message, sms)
        sender, to = sms.sender.removeprefix("+"), sms.to.removeprefix("+")
        body: dict[str, Any] = {"to": to, "from": sender, "client_ref": message.id[:100]}
        body["channel"] = "whatsapp" if sms.whatsapp else "mms" if sms.media else "sms"
        if sms.media:
            image = {"url": sms.media[0], **({"caption": sms.text} if sms.text else {})}
            body |= {"message_type": "image", "image": image}
        else:
            body |= {"message_type": "text", "text": sms.text}
        callback = self.channel.context.callback("status")
        if callback:
            body["webhook_url"], body["webhook_version"] = callback, "v1"
        answer, found = self.call(
            "POST", f"{self.api}/v1/messages", json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "authorization": basic(self.settings["api_key"], self.settings["api_secret"]),
            },
        )  # fmt: skip
        said = ": ".join(filter(None, (text_of(found.get(k)) for k in ("title", "detail"))))
        receipt = answered(answer, said and f"Vonage: {said[:300]}")
        if receipt is not None:
            return receipt
        uuid = text_of(found.get("message_uuid"))
        return Receipt.sent(uuid) if uuid else Receipt.unknown("the answer has no message in it")

    def _send_sms(self, message: Outgoing, sms: SMSContent) -> Receipt:
        fields = {
            "api_key": self.settings["api_key"],
            "api_secret": self.settings["api_secret"],
            "to": sms.to.removeprefix("+"),
            "from": sms.sender.removeprefix("+"),
            "text": sms.text,
            "client-ref": message.id[:100],
        }
        if count(sms.text).encoding == "ucs-2":
            fields["type"] = "unicode"
        callback = self.channel.context.callback("status")
        if callback:
            fields["callback"] = callback
        answer, found = self.call(
            "POST", f"{self.api}/sms/json", urlencode(fields).encode(),
            {"content-type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        receipt = answered(answer)
        if receipt is not None:
            return receipt
        parts = found.get("messages")
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            parts = []
        taken = [part for part in parts if text_of(part.get("status")) == "0"]
        if taken:
            kept = {"parts": len(parts), "taken": len(taken)}
            return Receipt.sent(text_of(taken[0].get("message-id")), response=kept)
        if not parts:
            return Receipt.unknown("the answer has no message in it")
        status = text_of(parts[0].get("status"))
        reason = f"Vonage {status}: {text_of(parts[0].get('error-text'))[:300]}"
        if status in _STOP:
            raise Stop(reason)
        if status in _LATER:
            # 5 is an error inside: the message may be on its way.
            return Receipt.retry(reason) if status == "1" else Receipt.unknown(reason)
        return Receipt.bounced(reason) if status in _NO_NUMBER else Receipt.failed(reason)

    def ask(self) -> None:
        who = basic(self.settings["api_key"], self.settings["api_secret"])
        base = self.settings["api_url"] or "https://rest.nexmo.com"
        self.check(f"{base}/account/get-balance", who)

    def receive(self, request: Inbound) -> Reply | None:
        if request.path not in ("status", "inbound"):
            return None
        fields = as_object(request.body)
        if not fields:
            fields = dict(form(request))
        if not (self._has_token(request) or self._has_signature(fields)):
            raise Forged("the signature is not Vonage's")
        if request.path == "inbound":
            return Reply(self._inbound(fields))
        return Reply(_message_status(fields) if "message_uuid" in fields else _receipt(fields))

    def _has_token(self, request: Inbound) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return False
        claims = jwt_claims(token, self.settings["signature_secret"].encode())
        if claims is None or claims.get("api_key") not in (None, self.settings["api_key"]):
            return False
        return equal(text_of(claims.get("payload_hash")), hashlib.sha256(request.body).hexdigest())

    def _has_signature(self, fields: dict[str, Any]) -> bool:
        key, given = self.settings["signature_secret"], text_of(fields.get("sig"))
        if not key or not given or not fresh(text_of(fields.get("timestamp"))):
            return False
        signed = "".join(
            f"&{name}={text_of(value).replace('&', '_').replace('=', '_')}"
            for name, value in sorted(fields.items())
            if name != "sig"
        )
        # Which of them is a setting of the account; MD5 without HMAC is not taken.
        for kind in ("sha256", "sha512", "sha1"):
            expected = hmac.new(key.encode(), signed.encode(), kind).hexdigest()
            if equal(given.lower(), expected):
                return True
        return False

    def _inbound(self, fields: dict[str, Any]) -> list[Report]:
        id_ = text_of(fields.get("message_uuid") or fields.get("messageId"))
        sender = text_of(fields.get("from") or fields.get("msisdn"))
        if not id_ or not sender:
            return []
        at = fields.get("timestamp" if "message_uuid" in fields else "message-timestamp")
        text, to = text_of(fields.get("text")), text_of(fields.get("to"))
        reply = fields.get("context")
        replied = text_of(reply.get("message_uuid")) if isinstance(reply, dict) else ""
        return self.inbound(
            id_, text, e164(sender), e164(to), time_ms(at),
            whatsapp=fields.get("channel") == "whatsapp", in_reply_to=replied,
        )  # fmt: skip


def _message_status(fields: dict[str, Any]) -> list[Report]:
    uuid, status = text_of(fields.get("message_uuid")), text_of(fields.get("status"))
    kind = _STATUSES.get(status)
    if kind is None or not uuid:
        return []
    error = fields.get("error")
    found = error if isinstance(error, dict) else {}
    reason = ": ".join(filter(None, (text_of(found.get(k)) for k in ("title", "detail"))))
    return [
        Report(
            kind, f"{uuid}:{status}", time_ms(fields.get("timestamp")),
            delivery=text_of(fields.get("client_ref")), provider_id=uuid,
            recipient=e164(text_of(fields.get("to"))), reason=reason[:300],
        )
    ]  # fmt: skip


def _receipt(fields: dict[str, Any]) -> list[Report]:
    id_, status = text_of(fields.get("messageId")), text_of(fields.get("status"))
    kind, code = _RECEIPTS.get(status), text_of(fields.get("err-code"))
    if kind is None or not id_:
        return []
    if kind == "bounced" and code not in _HARD | _SOFT:
        kind = "failed"
    return [
        Report(
            kind, f"{id_}:{status}", time_ms(fields.get("message-timestamp")),
            delivery=text_of(fields.get("client-ref")), provider_id=id_,
            recipient=e164(text_of(fields.get("msisdn"))),
            reason=f"Vonage {code}" if code not in ("", "0") else "", hard=code in _HARD,
        )
    ]  # fmt: skip
