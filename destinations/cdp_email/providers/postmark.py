"""Postmark: batches of messages, webhooks behind a password."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cdp.plugin import (
    Forged,
    Inbound,
    Outgoing,
    PluginError,
    Receipt,
    Reply,
    Report,
    Stop,
    Unanswered,
)
from cdp_email.addresses import InvalidContent
from cdp_email.mime import type_of
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
    signed_json,
    text_of,
    written,
)

#: 50 MB are allowed in one call.
_BATCH_BYTES = 30_000_000
#: Codes of an answer to one message.
_INACTIVE, _SENDER, _LATER = 406, (400, 401), (100, 405, 412, 413, 429)
_HARD = {"HardBounce", "BadEmailAddress", "ManuallyDeactivated"}
_NO_BOUNCE = {
    "AutoResponder": None, "AddressChange": None, "OpenRelayTest": None, "Subscribe": "subscribed",
    "ChallengeVerification": None, "Transient": "deferred", "Unsubscribe": "unsubscribed",
    "SpamComplaint": "complained", "SpamNotification": "complained",
}  # fmt: skip
_KINDS = {"Delivery": "delivered", "SpamComplaint": "complained", "Open": "opened",
          "Click": "clicked"}  # fmt: skip


class Postmark(Provider):
    """Postmark. It keeps no keys: what was left unanswered may have been sent."""

    url = "https://api.postmarkapp.com"
    title = "Postmark"
    batch_size = 50
    spf_include = "spf.mtasv.net"
    selectors = ("pm",)

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        receipts: dict[int, Receipt] = {}
        batch: list[tuple[int, bytes]] = []
        for index, message in enumerate(messages):
            try:
                body = as_json(self._body(message))
            except InvalidContent as error:
                receipts[index] = Receipt.failed(str(error))
                continue
            if batch and sum(len(data) for _, data in batch) + len(body) > _BATCH_BYTES:
                receipts |= self._send(batch, messages, bool(receipts))
                batch = []
            batch.append((index, body))
        if batch:
            receipts |= self._send(batch, messages, bool(receipts))
        return [receipts[index] for index in range(len(messages))]

    def _send(
        self, batch: list[tuple[int, bytes]], messages: list[Outgoing], begun: bool
    ) -> dict[int, Receipt]:
        """One call; with ``begun`` others were handed over before it, and nothing is raised."""
        call = Call("/email/batch", b"[" + b",".join(d for _, d in batch) + b"]", self._headers())
        indexes = [index for index, _ in batch]
        try:
            answer = self.call(call)
            rows = from_json(answer.body)
            if answer.status != 200:
                one = self.refusal(answer, text_of(object_of(answer.body), "Message"))
                assert one is not None or answer.status < 300
                return dict.fromkeys(indexes, one or Receipt.unknown(f"{answer.status}"))
        except Unanswered as error:
            return dict.fromkeys(indexes, Receipt.unknown(str(error)))
        except PluginError as error:
            if not begun:
                raise
            return dict.fromkeys(indexes, Receipt.retry(str(error), getattr(error, "after", None)))
        if not isinstance(rows, list) or len(rows) != len(batch):
            return dict.fromkeys(indexes, Receipt.unknown("an answer that is no list of results"))
        found: dict[int, Receipt] = {}
        for index, row in zip(indexes, rows, strict=True):
            try:
                found[index] = self._receipt(row, messages[index])
            except Stop as error:
                if not begun and len(batch) == 1:
                    raise
                found[index] = Receipt.failed(str(error))
        return found

    def _receipt(self, row: Any, message: Outgoing) -> Receipt:
        code, reason = (
            row.get("ErrorCode") if isinstance(row, dict) else None,
            text_of(row, "Message"),
        )
        if code == 0:
            return Receipt.sent(text_of(row, "MessageID"))
        if not isinstance(code, int):
            return Receipt.unknown("a result without ErrorCode")
        text = f"{code}: {reason}"
        if code == _INACTIVE:
            return Receipt.bounced(text)
        if code in _SENDER:
            return self.sender_refused(message, text)
        return Receipt.retry(text, 60.0) if code in _LATER else Receipt.failed(text)

    def _headers(self) -> dict[str, str]:
        return {
            "X-Postmark-Server-Token": self.settings["api_key"],
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    def _body(self, message: Outgoing) -> dict[str, Any]:
        parts = self.parts(message)
        content = parts.content
        body: dict[str, Any] = {
            "From": written(parts.sender),
            "To": ", ".join(map(written, parts.to)),
            "Subject": content.subject,
            "Headers": [{"Name": k, "Value": v} for k, v in parts.headers.items()],
            "Metadata": {TAG: message.id},
            "TrackOpens": self.settings["tracking"],
            "TrackLinks": "HtmlAndText" if self.settings["tracking"] else "None",
        }
        people = {"Cc": parts.cc, "Bcc": parts.bcc, "ReplyTo": parts.reply_to}
        body |= {name: ", ".join(map(written, group)) for name, group in people.items() if group}
        texts = {"HtmlBody": content.html, "TextBody": content.text}
        body |= {name: text for name, text in texts.items() if text}
        if self.settings["stream"]:
            body["MessageStream"] = self.settings["stream"]
        if content.attachments:
            body["Attachments"] = [
                {
                    "Name": item.name or "file",
                    "Content": b64(item.content),
                    "ContentType": type_of(item),
                    **({"ContentID": f"cid:{item.cid}"} if item.cid else {}),
                }
                for item in content.attachments
            ]
        return body | self.wanted(message, "Tag", "MessageStream")

    def probe(self) -> Call:
        return Call("/server", b"", self._headers(), "GET")

    def events(self, request: Inbound) -> Reply:
        key = self.settings["webhook_key"]
        if not key:
            raise Forged("no webhook_key is set: events of nobody are believed")
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Basic {b64(key.encode())}".encode()):
            raise Forged("user and password are not those of webhook_key")
        found = _report(signed_json(request))
        return ok([found] if found else [])


def _report(body: Any) -> Report | None:
    record, type_ = text_of(body, "RecordType"), text_of(body, "Type")
    kind = _KINDS.get(record)
    if record == "Bounce":
        kind = _NO_BOUNCE.get(type_, "bounced")
    elif record == "SubscriptionChange":
        # Of bounces and complaints there are reports of their own.
        if text_of(body, "SuppressionReason") in ("HardBounce", "SpamComplaint"):
            return None
        kind = "unsubscribed" if body.get("SuppressSending") else "subscribed"
    if kind is None:
        return None
    moment = next(
        (text_of(body, name) for name in ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
         if text_of(body, name)), "",
    )  # fmt: skip
    recipient = text_of(body, "Recipient") or text_of(body, "Email")
    name = "/".join((record, text_of(body, "ID"), text_of(body, "MessageID"), recipient, moment))
    shown = {"type": type_, "url": text_of(body, "OriginalLink"), "ip": text_of(body, "Geo", "IP"),
             "user_agent": text_of(body, "UserAgent")}  # fmt: skip
    return Report(
        kind,
        hashlib.sha256(name.encode()).hexdigest()[:40],
        ms_of(moment),
        delivery=text_of(object_at(body, "Metadata"), TAG),
        provider_id=text_of(body, "MessageID"),
        recipient=recipient,
        reason=text_of(body, "Details") or text_of(body, "Description"),
        hard=kind == "bounced" and (type_ in _HARD or body.get("Inactive") is True),
        detail={key: value for key, value in shown.items() if value},
    )
