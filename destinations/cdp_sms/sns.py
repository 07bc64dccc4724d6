"""AWS SNS: text messages to phone numbers, signed with Signature Version 4."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from cdp.plugin import (
    Forged,
    Inbound,
    Outgoing,
    PluginError,
    Receipt,
    Reject,
    Reply,
    Report,
    Response,
    SMSContent,
    Stop,
    retry_after,
)
from cdp_sms.provider import Provider, answered, as_object, text_of, time_ms
from cdp_sms.senders import e164, is_number
from cdp_sms.signed import equal

_STOP = {
    "AuthorizationError", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClient",
    "InvalidSecurity", "ExpiredToken", "AccessDenied", "OptInRequired",
    "MissingAuthenticationToken",
}  # fmt: skip
_LATER = {"Throttled", "Throttling", "KMSThrottling", "RequestLimitExceeded"}


class SNS(Provider):
    """``Publish`` to a phone number; receipts come from End User Messaging's events."""

    name = "sns"
    longest = 1600

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)
        if not self.api:
            self.api = f"https://sns.{self.settings['region']}.amazonaws.com"

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        attributes = {"AWS.SNS.SMS.SMSType": self.settings["message_type"]}
        if sms.sender:
            number = is_number(sms.sender) or sms.sender.isdigit()
            name = "AWS.MM.SMS.OriginationNumber" if number else "AWS.SNS.SMS.SenderID"
            attributes[name] = sms.sender
        fields = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": sms.to,
            "Message": sms.text,
        }
        for place, (name, value) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{place}"
            fields[f"{entry}.Name"] = name
            fields[f"{entry}.Value.DataType"] = "String"
            fields[f"{entry}.Value.StringValue"] = value
        body = urlencode(fields).encode()
        return _receipt(self._post(body))

    def ask(self) -> None:
        answer = self._post(b"Action=GetSMSAttributes&Version=2010-03-31")
        problem = _receipt(answer) if answer.status != 200 else None
        if problem is not None:
            raise Reject(problem.reason)

    def _post(self, body: bytes) -> Response:
        settings = self.settings
        who = Credentials(
            settings["access_key_id"], settings["secret_access_key"], settings["session_token"]
        )
        headers = signed_headers(self.api, body, settings["region"], who, datetime.now(UTC))
        return self.call("POST", self.api + "/", body, headers)[0]

    def receive(self, request: Inbound) -> Reply | None:
        """What End User Messaging tells through SNS: receipts, and what people write.

        SNS can't sign with a secret of ours; its address has our token in the query.
        """
        if request.path not in ("status", "inbound"):
            return None
        if not equal(request.query.get("token", ""), self.settings["webhook_token"]):
            raise Forged("the token is missing or wrong")
        found = as_object(request.body)
        if found.get("Type") == "SubscriptionConfirmation":
            return self._confirmed(text_of(found.get("SubscribeURL")))
        if found.get("Type") == "Notification":
            found = as_object(text_of(found.get("Message")).encode())
        if "messageBody" in found:
            return Reply(self._inbound(found))
        return Reply(_event(found))

    def _confirmed(self, url: str) -> Reply:
        """Confirm our own subscription, at AWS alone."""
        host = urlsplit(url).hostname or ""
        ours = urlsplit(self.api).hostname or ""
        if host != ours and not re.fullmatch(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", host):
            raise Forged(f"subscriptions are not confirmed at {host[:100]!r}")
        try:
            answer, _ = self.call("GET", url, b"", {})
        except PluginError:
            # It is in the calls that are kept; SNS asks again.
            return Reply(status=502)
        return Reply(status=200 if answer.status == 200 else 502)

    def _inbound(self, found: dict[str, Any]) -> list[Report]:
        id_ = text_of(found.get("inboundMessageId"))
        sender = text_of(found.get("originationNumber"))
        if not id_ or not sender:
            return []
        return self.inbound(
            id_, text_of(found.get("messageBody")), e164(sender),
            e164(text_of(found.get("destinationNumber"))), time_ms(""),
            in_reply_to=text_of(found.get("previousPublishedMessageId")),
        )  # fmt: skip


def _event(found: dict[str, Any]) -> list[Report]:
    id_, status = text_of(found.get("messageId")), text_of(found.get("messageStatus"))
    hard = status in ("INVALID", "UNREACHABLE")
    kind = {
        "SUCCESSFUL": "sent", "DELIVERED": "delivered", "INVALID": "bounced",
        "UNREACHABLE": "bounced", "CARRIER_UNREACHABLE": "bounced", "TTL_EXPIRED": "bounced",
        "BLOCKED": "failed", "CARRIER_BLOCKED": "failed", "SPAM": "failed",
        "INVALID_MESSAGE": "failed", "PROTECT_BLOCKED": "failed", "UNKNOWN": "",
    }.get(status, "")  # fmt: skip
    if not kind or not id_:
        return []
    at = found.get("eventTimestamp")
    return [
        Report(
            kind, f"{id_}:{status}", int(at) if isinstance(at, int | float) else time_ms(at),
            provider_id=id_, recipient=e164(text_of(found.get("destinationPhoneNumber"))),
            reason=text_of(found.get("messageStatusDescription"))[:300], hard=hard,
        )
    ]  # fmt: skip


def _receipt(answer: Response) -> Receipt:
    text = answer.body.decode("utf-8", "replace")
    code, said = _tag(text, "Code"), _tag(text, "Message")
    reason = f"SNS {code}: {said[:300]}" if code else ""
    if 400 <= answer.status < 500:
        plain = code.removesuffix("Exception")
        if plain in _STOP:
            raise Stop(reason)
        if plain in _LATER:
            return Receipt.retry(reason, retry_after(answer.headers))
        if code == "InvalidParameter" and "PhoneNumber" in said:
            return Receipt.bounced(reason)
    receipt = answered(answer, reason)
    if receipt is not None:
        return receipt
    id_ = _tag(text, "MessageId")
    return Receipt.sent(id_) if id_ else Receipt.unknown("the answer has no message in it")


def _tag(text: str, name: str) -> str:
    """A leaf of AWS's small XML answers; nothing of theirs is nested or has attributes."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1].strip() if found else ""


class Credentials(NamedTuple):
    """A user's key; ``token`` for one that ends."""

    id: str
    key: str
    token: str = ""


def signed_headers(
    url: str,
    body: bytes,
    region: str,
    who: Credentials,
    now: datetime,
    service: str = "sns",
    type_: str = "application/x-www-form-urlencoded; charset=utf-8",
) -> dict[str, str]:
    """The headers of a POST of a form, signed (AWS Signature Version 4)."""
    at, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    parts = urlsplit(url)
    headers = {
        "content-type": type_,
        "host": parts.netloc,
        "x-amz-date": at,
        **({"x-amz-security-token": who.token} if who.token else {}),
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            "POST", parts.path or "/", "",
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "", names, hashlib.sha256(body).hexdigest(),
        ]
    )  # fmt: skip
    scope = f"{day}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"
    signing = f"AWS4{who.key}".encode()
    for part in (day, region, service, "aws4_request"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.new(signing, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return headers
