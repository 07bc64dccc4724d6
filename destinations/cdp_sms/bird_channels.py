"""Bird's Channels API, and the older API of MessageBird."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import quote

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, SMSContent
from cdp_sms.provider import Provider, answered, as_object, form, text_of, time_ms
from cdp_sms.segments import count
from cdp_sms.senders import e164
from cdp_sms.signed import equal, fresh, jwt_claims

_STATUSES = {
    "sent": "sent", "delivered": "delivered", "rejected": "failed", "sending_failed": "failed",
    "delivery_failed": "bounced", "skipped": "dropped",
}  # fmt: skip
_OLD_STATUSES = {
    "sent": "sent", "buffered": "deferred", "delivered": "delivered",
    "expired": "bounced", "delivery_failed": "bounced",
}  # fmt: skip
#: ``statusReason`` of numbers that are none.
_HARD = {"unknown subscriber", "unavailable subscriber", "invalid recipient"}


class BirdChannels(Provider):
    """Messages to one SMS channel of a workspace; webhooks signed with a signing key."""

    name = "bird_channels"
    base = "https://api.bird.com"

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        workspace, place = (
            quote(self.settings[name], safe="") for name in ("workspace_id", "channel_id")
        )
        self._place = f"{self.api}/workspaces/{workspace}/channels/{place}"

    def ask(self) -> None:
        self.check(self._place, f"AccessKey {self.settings['access_key']}")

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        to = {"contacts": [{"identifierKey": "phonenumber", "identifierValue": sms.to}]}
        content: dict[str, Any] = {"type": "text", "text": {"text": sms.text}}
        if sms.media:
            images = [{"mediaUrl": url} for url in sms.media]
            content = {"type": "image", "image": {"text": sms.text, "images": images}}
        body = {"receiver": to, "body": content, "reference": message.id}
        answer, found = self.call(
            "POST", f"{self._place}/messages",
            json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "authorization": f"AccessKey {self.settings['access_key']}",
            },
        )  # fmt: skip
        said = ": ".join(filter(None, (text_of(found.get(k)) for k in ("code", "message"))))
        receipt = answered(answer, said and f"Bird: {said[:300]}")
        if receipt is not None:
            return receipt
        id_ = text_of(found.get("id"))
        return Receipt.sent(id_) if id_ else Receipt.unknown("the answer has no message in it")

    def receive(self, request: Inbound) -> Reply | None:
        if request.path not in ("status", "inbound"):
            return None
        if not self._signed(request):
            raise Forged("the signature is not Bird's")
        found = as_object(request.body)
        event, payload = text_of(found.get("event")), found.get("payload")
        if not isinstance(payload, dict):
            return Reply()
        if event.endswith(".inbound"):
            return Reply(self._inbound(payload))
        if event.endswith(".outbound"):
            return Reply(_outbound(payload))
        return Reply()

    def _signed(self, request: Inbound) -> bool:
        key = self.settings["signing_key"].encode()
        at = request.headers.get("messagebird-request-timestamp", "")
        if not key or not fresh(at):
            return False
        digest = hashlib.sha256(request.body).digest()
        signed = f"{at}\n{request.url}\n".encode() + digest
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return equal(request.headers.get("messagebird-signature", ""), expected)

    def _inbound(self, payload: dict[str, Any]) -> list[Report]:
        id_ = text_of(payload.get("id"))
        sender = _at(payload, "sender", "contact", "identifierValue")
        if not id_ or not sender:
            return []
        text = _at(payload, "body", "text", "text")
        to = _at(payload, "receiver", "connector", "identifierValue")
        return self.inbound(id_, text, e164(sender), e164(to), time_ms(payload.get("createdAt")))


class MessageBird(Provider):
    """MessageBird's REST API, with reports by GET and signatures as JWT."""

    name = "messagebird"
    base = "https://rest.messagebird.com"

    def ask(self) -> None:
        self.check(f"{self.api}/balance", f"AccessKey {self.settings['access_key']}")

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        body: dict[str, Any] = {
            "originator": sms.sender.removeprefix("+"),
            "recipients": [sms.to.removeprefix("+")],
            "body": sms.text,
            "reference": message.id,
            "datacoding": "unicode" if count(sms.text).encoding == "ucs-2" else "plain",
        }
        callback = self.channel.context.callback("status")
        if callback:
            body["reportUrl"] = callback
        answer, found = self.call(
            "POST", f"{self.api}/messages", json.dumps(body).encode(),
            {
                "content-type": "application/json",
                "authorization": f"AccessKey {self.settings['access_key']}",
            },
        )  # fmt: skip
        errors = found.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        problem = first if isinstance(first, dict) else {}
        said = text_of(problem.get("description"))
        reason = f"MessageBird {text_of(problem.get('code'))}: {said[:300]}" if problem else ""
        receipt = answered(answer, reason)
        if receipt is not None:
            return receipt
        id_ = text_of(found.get("id"))
        return Receipt.sent(id_) if id_ else Receipt.unknown("the answer has no message in it")

    def receive(self, request: Inbound) -> Reply | None:
        if request.path not in ("status", "inbound"):
            return None
        if not self._signed(request):
            raise Forged("the signature is not MessageBird's")
        fields = as_object(request.body) or dict(form(request)) or dict(request.query)
        if request.path == "inbound":
            return Reply(self._inbound(fields), body=b"OK")
        return Reply(_old_status(fields), body=b"OK")

    def _signed(self, request: Inbound) -> bool:
        token = request.headers.get("messagebird-signature-jwt", "")
        claims = jwt_claims(token, self.settings["signing_key"].encode())
        if claims is None or claims.get("iss") != "MessageBird":
            return False
        if not equal(
            text_of(claims.get("url_hash")), hashlib.sha256(request.url.encode()).hexdigest()
        ):
            return False
        if not request.body:
            return "payload_hash" not in claims
        return equal(text_of(claims.get("payload_hash")), hashlib.sha256(request.body).hexdigest())

    def _inbound(self, fields: dict[str, Any]) -> list[Report]:
        id_, sender = text_of(fields.get("id")), text_of(fields.get("originator"))
        if not id_ or not sender:
            return []
        text = text_of(fields.get("body") or fields.get("message"))
        at = time_ms(fields.get("createdDatetime"))
        return self.inbound(id_, text, e164(sender), e164(text_of(fields.get("recipient"))), at)


def _outbound(payload: dict[str, Any]) -> list[Report]:
    id_, status = text_of(payload.get("id")), text_of(payload.get("status"))
    kind = _STATUSES.get(status)
    if kind is None or not id_:
        return []
    receiver = payload.get("receiver")
    contacts = receiver.get("contacts") if isinstance(receiver, dict) else None
    first = contacts[0] if isinstance(contacts, list) and contacts else {}
    at = payload.get("lastStatusAt") or payload.get("updatedAt")
    return [
        Report(
            kind, f"{id_}:{status}", time_ms(at),
            delivery=text_of(payload.get("reference")), provider_id=id_,
            recipient=_at({"x": first}, "x", "identifierValue"),
            reason=text_of(payload.get("reason"))[:300],
        )
    ]  # fmt: skip


def _old_status(fields: dict[str, Any]) -> list[Report]:
    id_, status = text_of(fields.get("id")), text_of(fields.get("status"))
    kind = _OLD_STATUSES.get(status)
    if kind is None or not id_:
        return []
    reason = text_of(fields.get("statusReason"))
    return [
        Report(
            kind, f"{id_}:{status}", time_ms(fields.get("statusDatetime")),
            delivery=text_of(fields.get("reference")), provider_id=id_,
            recipient=e164(text_of(fields.get("recipient"))),
            reason=reason[:300] if kind == "bounced" else "",
            hard=kind == "bounced" and reason in _HARD,
        )
    ]  # fmt: skip


def _at(value: Any, *path: str) -> str:
    for name in path:
        if not isinstance(value, dict):
            return ""
        value = value.get(name)
    return text_of(value)
