"""Twilio: the Messages API, status callbacks, inbound messages, WhatsApp."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from cdp.plugin import (
    Forged,
    Inbound,
    Outgoing,
    Receipt,
    Reply,
    Report,
    SMSContent,
    Stop,
    retry_after,
)
from cdp_sms.provider import Provider, answered, basic, now_ms, text_of
from cdp_sms.senders import e164

#: Error codes (twilio.com/docs/api/errors) of numbers that take no messages, for good or now.
_NO_NUMBER = {21211, 21214, 21217, 21401, 21421, 21614, 30005, 30006, 63003, 63013, 63024}
_AWAY = {30003, 30004, 30008, 30017}
#: The account, the sender or the rights are wrong: nothing will be taken.
_STOP = {20003, 20005, 20008, 21603, 21606, 21608, 21659, 21660, 21701, 21703, 21705}
_LATER = {20429, 14107, 21611, 30001, 30022}

_STATUSES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "opened",
    "failed": "failed",
    "canceled": "dropped",
}
_WORDS = {"STOP": "unsubscribed", "START": "subscribed", "HELP": "help"}


class Twilio(Provider):
    """Calls with the account's token or a key; checks webhooks by the account's token."""

    name = "twilio"
    base = "https://api.twilio.com"
    whatsapp = True
    longest = 1600  # twilio.com/docs/api/errors/21617

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        mark = "whatsapp:" if sms.whatsapp else ""
        fields = [("To", mark + sms.to), ("Body", sms.text)]
        service = self.settings["messaging_service_sid"]
        if sms.sender:
            fields.append(("From", mark + sms.sender))
        if service and (not sms.sender or sms.whatsapp):
            fields.append(("MessagingServiceSid", service))
        fields += [("MediaUrl", url) for url in sms.media]
        template = message.options.get("content_sid")
        if template:
            fields += [("ContentSid", str(template))]
            fields = [(name, value) for name, value in fields if name != "Body"]
            if message.options.get("content_variables"):
                fields += [("ContentVariables", str(message.options["content_variables"]))]
        callback = self.channel.context.callback("status")
        if callback:
            fields.append(("StatusCallback", f"{callback}?delivery={quote(message.id, safe='')}"))
        account = self.settings["account_sid"]
        answer, found = self.call(
            "POST",
            f"{self.api}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json",
            urlencode(fields).encode(),
            {"content-type": "application/x-www-form-urlencoded", "authorization": self._who()},
        )
        code = found.get("code") or found.get("error_code")
        reason = _reason(code, found.get("message") or found.get("error_message"))
        if not 200 <= answer.status < 300:
            known = _fate(code, reason, answer.headers) if answer.status < 500 else None
            if known is not None:
                return known
            receipt = answered(answer, reason)
            return receipt or Receipt.unknown(reason)
        sid = text_of(found.get("sid"))
        if not sid:
            return Receipt.unknown("the answer has no message in it")
        if found.get("status") == "failed":
            return _fate(code, reason, {}) or Receipt.failed(reason, provider_id=sid)
        return Receipt.sent(sid, response=_kept(found))

    def ask(self) -> None:
        account = quote(self.settings["account_sid"], safe="")
        self.check(f"{self.api}/2010-04-01/Accounts/{account}.json", self._who())

    def _who(self) -> str:
        settings = self.settings
        if settings["api_key_sid"]:
            return basic(settings["api_key_sid"], settings["api_key_secret"])
        return basic(settings["account_sid"], settings["auth_token"])

    def receive(self, request: Inbound) -> Reply | None:
        if request.path not in ("status", "inbound"):
            return None
        text = request.body.decode("utf-8", "replace") if request.method == "POST" else ""
        pairs = parse_qsl(text, keep_blank_values=True)
        if not self._signed(request, pairs):
            raise Forged("the signature is not Twilio's")
        fields = dict(pairs) or dict(request.query)
        if request.path == "status":
            return Reply(_status(fields, request.query))
        return self._inbound(fields)

    def _signed(self, request: Inbound, pairs: list[tuple[str, str]]) -> bool:
        given = request.headers.get("x-twilio-signature", "")
        key = self.settings["auth_token"].encode()
        signed = "".join(name + value for name, value in sorted(set(pairs)))
        for url in _spellings(request.url):
            expected = base64.b64encode(hmac.digest(key, (url + signed).encode(), "sha1"))
            if hmac.compare_digest(expected, given.encode("utf-8", "replace")):
                return True
        return False

    def _inbound(self, fields: dict[str, str]) -> Reply:
        media = [
            fields[name]
            for name in (f"MediaUrl{number}" for number in range(10))
            if fields.get(name)
        ]
        reports = self.inbound(
            fields.get("MessageSid", ""),
            fields.get("Body", ""),
            e164(fields.get("From", "")),
            e164(fields.get("To", "")),
            now_ms(),
            _WORDS.get(fields.get("OptOutType", ""), ""),
            whatsapp=fields.get("From", "").startswith("whatsapp:"),
            media=media,
            in_reply_to=fields.get("OriginalRepliedMessageSid", ""),
        )
        help_text = self.settings["help_text"]
        answer = ""
        # Where Twilio handles the words itself it has answered already.
        if help_text and reports[0].detail.get("help") and not fields.get("OptOutType"):
            answer = f"<Message>{escape(help_text)}</Message>"
        body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{answer}</Response>'
        return Reply(reports, body=body.encode(), type="text/xml; charset=utf-8")


def _status(fields: dict[str, str], query: Any) -> list[Report]:
    status, sid = fields.get("MessageStatus", ""), fields.get("MessageSid", "")
    code = _number(fields.get("ErrorCode"))
    reason = _reason(code, fields.get("ErrorMessage")) if code else ""
    if status == "undelivered":
        kind = "failed" if code in (30007, 30034, 63016) else "bounced"
    else:
        kind = _STATUSES.get(status, "")
    if not kind or not sid:
        return []
    return [
        Report(
            "bounced" if kind == "failed" and code in _NO_NUMBER else kind,
            f"{sid}:{status}",
            now_ms(),
            delivery=str(query.get("delivery", "")),
            provider_id=sid,
            recipient=e164(fields.get("To", "")),
            reason=reason,
            hard=code in _NO_NUMBER,
        )
    ]


def _spellings(url: str) -> list[str]:
    """``url`` with and without its usual port, which Twilio may sign or not."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.netloc
    if parts.port == usual:
        host = host.rpartition(":")[0]
    elif parts.port is not None:
        usual = None
    found = [url, parts._replace(netloc=host).geturl()]
    if usual is not None:
        found.append(parts._replace(netloc=f"{host}:{usual}").geturl())
    return found


def _fate(code: Any, reason: str, headers: Mapping[str, str]) -> Receipt | None:
    number = _number(code)
    if number in _STOP:
        raise Stop(reason)
    if number in _NO_NUMBER:
        return Receipt.bounced(reason)
    if number in _AWAY:
        return Receipt.bounced(reason, hard=False)
    if number in _LATER:
        return Receipt.retry(reason, retry_after(headers))
    return Receipt.failed(reason) if number else None


def _number(code: Any) -> int:
    return int(code) if text_of(code).isdigit() else 0


def _reason(code: Any, text: Any) -> str:
    number = _number(code)
    if number == 21610:
        return "Twilio 21610: this number has answered STOP to this sender"
    said = text_of(text)[:300]
    return f"Twilio {number}: {said}" if number else said and f"Twilio: {said}"


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    names = ("status", "num_segments", "price", "price_unit", "from")
    return {name: found[name] for name in names if found.get(name) is not None}
