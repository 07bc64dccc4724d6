"""Mailgun, API version 3: whole messages, signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cdp.plugin import Forged, Inbound, Outgoing, Receipt, Reply, Report, Response
from cdp_email.providers.base import (
    TAG,
    Call,
    Provider,
    b64,
    ms_of,
    object_at,
    object_of,
    ok,
    signed_json,
    text_of,
)
from cdp_email.verdicts import enhanced, verdict

_KINDS = {
    "accepted": "sent", "delivered": "delivered", "opened": "opened", "clicked": "clicked",
    "unsubscribed": "unsubscribed", "complained": "complained", "rejected": "dropped",
}  # fmt: skip


class Mailgun(Provider):
    """Mailgun. It keeps no keys: what was left unanswered may have been sent."""

    url = "https://api.mailgun.net"
    title = "Mailgun"
    spf_include = "mailgun.org"
    selectors = ("mx", "pic", "k1", "s1", "smtp", "krs")

    def request(self, message: Outgoing) -> Call:
        mail = self.mail(message)
        fields = [("to", item.spec) for item in (*mail.to, *mail.copies)]
        fields.append((f"v:{TAG}", message.id))
        if not self.settings["tracking"]:
            fields.append(("o:tracking", "no"))
        for name, value in message.options.items():
            if name.startswith("o:"):
                values = value if isinstance(value, list) else [value]
                fields += [(name, str(item)) for item in values]
        body, kind = _form(fields, mail.data())
        headers = {"Authorization": self._login(), "Content-Type": kind}
        return Call(f"/v3/{self.settings['domain']}/messages.mime", body, headers)

    def _login(self) -> str:
        return "Basic " + b64(f"api:{self.settings['api_key']}".encode())

    def receipt(self, answer: Response, message: Outgoing) -> Receipt:
        said = object_of(answer.body)
        if answer.status == 200:
            name = text_of(said, "id").strip("<>")
            return Receipt.sent(name) if name else Receipt.unknown("an answer without id")
        reason = text_of(said, "message")
        return self.refusal(answer, reason) or Receipt.unknown(f"the answer was {answer.status}")

    def probe(self) -> Call:
        path = f"/v3/domains/{self.settings['domain']}"
        return Call(path, b"", {"Authorization": self._login()}, "GET")

    def events(self, request: Inbound) -> Reply:
        key = self.settings["webhook_key"]
        if not key:
            raise Forged("no webhook_key is set: events of nobody are believed")
        body = signed_json(request)
        signature = object_at(body, "signature")
        signed = text_of(signature, "timestamp") + text_of(signature, "token")
        wanted = hmac.digest(key.encode(), signed.encode(), hashlib.sha256).hex()
        if not hmac.compare_digest(
            wanted, text_of(signature, "signature").encode("ascii", "replace").decode()
        ):
            raise Forged("the signature is not Mailgun's")
        found = _report(object_at(body, "event-data"))
        return ok([found] if found else [])


def _report(event: dict[str, Any]) -> Report | None:
    name, status = text_of(event, "event"), object_at(event, "delivery-status")
    kind, hard = _KINDS.get(name), False
    reason = text_of(status, "message") or text_of(status, "description")
    if name == "failed":
        kind, hard = _failed(event, status, reason)
    if kind is None:
        return None
    client = object_at(event, "client-info")
    shown = {"url": text_of(event, "url"), "ip": text_of(event, "ip"),
             "user_agent": text_of(client, "user-agent"), "code": text_of(status, "code"),
             "severity": text_of(event, "severity")}  # fmt: skip
    return Report(
        kind,
        text_of(event, "id"),
        ms_of(text_of(event, "timestamp")),
        delivery=text_of(event, "user-variables", TAG),
        provider_id=text_of(event, "message", "headers", "message-id"),
        recipient=text_of(event, "recipient"),
        reason=reason or text_of(event, "reason") or text_of(event, "reject", "reason"),
        hard=hard,
        machine=bool(text_of(client, "bot")),
        detail={key: value for key, value in shown.items() if value},
    )


def _failed(event: dict[str, Any], status: dict[str, Any], reason: str) -> tuple[str, bool]:
    if text_of(event, "severity") == "temporary":
        return "deferred", False
    if text_of(event, "reason").startswith("suppress-"):
        return "dropped", False
    code = text_of(status, "code")
    number = int(code) if code.isdigit() else 0
    told = text_of(status, "enhanced-code") or enhanced(reason)
    return "bounced", verdict(number, told, reason) == "hard"


def _form(fields: list[tuple[str, str]], message: bytes) -> tuple[bytes, str]:
    """A multipart form with the message as a file, and its type."""
    boundary = "headwater-" + hashlib.sha256(message).hexdigest()[:40]
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="message"; filename="message.eml"'
        "\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    body = head.encode() + message + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
