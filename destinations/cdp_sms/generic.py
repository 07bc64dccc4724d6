"""Any service that takes text messages by HTTP."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, SMSContent
from cdp_sms.provider import Provider, answered, as_object, form, now_ms, text_of
from cdp_sms.senders import e164
from cdp_sms.signed import equal

_PLACE = re.compile(r"\{(to|from|text|key|id)\}")
_KINDS = ("sent", "delivered", "deferred", "bounced", "failed", "dropped")


class Generic(Provider):
    """Puts the message into an address and a body, each encoded as its place asks."""

    name = "http"

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        self.keeps_keys = self.settings["keeps_keys"]

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        values = {
            "to": sms.to, "from": sms.sender, "text": sms.text,
            "key": message.key, "id": message.id,
        }  # fmt: skip
        settings, type_ = self.settings, self.settings["content_type"]
        url = _filled(settings["url"], values, "application/x-www-form-urlencoded")
        body = _filled(settings["body"], values, type_).encode()
        headers = {
            name: _filled(text, {**values, "text": ""}, "header")
            for name, text in settings["headers"].items()
        }
        if body and not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = f"{type_}; charset=utf-8"
        if self.keeps_keys and not any("{key}" in text for text in self._texts()):
            headers["idempotency-key"] = message.key
        answer, found = self.call(settings["method"], url, body, headers)
        receipt = answered(answer)
        if receipt is not None:
            return receipt
        value: Any = found
        for name in filter(None, settings["id_field"].split(".")):
            value = value.get(name) if isinstance(value, dict) else None
        return Receipt.sent(text_of(value))

    def _texts(self) -> list[str]:
        return [self.settings["url"], self.settings["body"], *self.settings["headers"].values()]

    def receive(self, request: Inbound) -> Reply | None:
        """``status``: {id, status, reason}; ``inbound``: {id, from, to, text}."""
        if request.path not in ("status", "inbound"):
            return None
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not equal(request.query.get("token", "") or bearer, self.settings["webhook_token"]):
            raise Forged("the token is missing or wrong")
        fields = as_object(request.body) or dict(form(request))
        id_ = text_of(fields.get("id"))
        if request.path == "inbound":
            sender, text = e164(text_of(fields.get("from"))), text_of(fields.get("text"))
            if not id_ or not sender:
                return Reply(status=422, body=b"id and from are needed")
            to = e164(text_of(fields.get("to")))
            return Reply(self.inbound(id_, text, sender, to, now_ms()))
        kind = text_of(fields.get("status")).lower()
        delivery = text_of(fields.get("delivery"))
        if kind not in _KINDS or not (id_ or delivery):
            text = f"id and status are needed: {', '.join(_KINDS)}"
            return Reply(status=422, body=text.encode())
        report = Report(
            kind, f"{id_ or delivery}:{kind}", now_ms(), delivery=delivery, provider_id=id_,
            recipient=e164(text_of(fields.get("to"))),
            reason=text_of(fields.get("reason"))[:300], hard=fields.get("hard") in (True, "true"),
        )  # fmt: skip
        return Reply([report])


def _filled(template: str, values: dict[str, str], type_: str) -> str:
    """``template`` with ``{to}`` and the like in it, so that no value leaves its place."""

    def put(found: re.Match[str]) -> str:
        value = values[found[1]]
        if type_ == "application/json":
            return json.dumps(value)[1:-1]
        if type_ == "application/x-www-form-urlencoded":
            return quote(value, safe="")
        if type_ == "header":
            return re.sub(r"[^\x20-\x7e]", "", value)
        return value

    return _PLACE.sub(put, template)
