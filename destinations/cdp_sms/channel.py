"""The SMS channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdp.plugin import (
    Channel,
    Check,
    Content,
    Exchange,
    Inbound,
    Outgoing,
    PluginError,
    Receipt,
    Reply,
    SMSContent,
    one_by_one,
)
from cdp_sms.bird import Bird
from cdp_sms.bird_channels import BirdChannels, MessageBird
from cdp_sms.generic import Generic
from cdp_sms.provider import Provider
from cdp_sms.segments import count
from cdp_sms.senders import choose, is_number, parse
from cdp_sms.settings import SMSSettings
from cdp_sms.sns import SNS
from cdp_sms.twilio import Twilio
from cdp_sms.vonage import Vonage
from cdp_sms.words import Words

PROVIDERS: dict[str, type[Provider]] = {
    cls.name: cls for cls in (Twilio, Vonage, Bird, BirdChannels, MessageBird, SNS, Generic)
}


class SMS(Channel):
    """Text messages, and WhatsApp where the provider has it."""

    key = "sms"
    name = "SMS"
    description = "Text messages by Twilio, Vonage, Bird, AWS SNS or any HTTP service."
    channel = "sms"
    Settings = SMSSettings

    def configure(self) -> None:
        settings = self.settings
        super().configure()
        self.timeout = settings["timeout"]
        self.words = Words(settings["stop_words"], settings["start_words"], settings["help_words"])
        self._pool = [parse(text) for text in settings["senders"]]
        self._provider = PROVIDERS[settings["provider"]](self)

    @property
    def keeps_keys(self) -> bool:
        return self._provider.keeps_keys

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        return one_by_one(messages, self._hand_over)

    def _hand_over(self, message: Outgoing) -> Receipt:
        sms = message.content
        if not isinstance(sms, SMSContent):
            return Receipt.failed(f"{type(sms).__name__} is no text message")
        if not is_number(sms.to):
            return Receipt.bounced(f"{sms.to[:40]!r} is no phone number with its country (+48…)")
        if not sms.text and not sms.media:
            return Receipt.failed("the message is empty")
        longest = self._provider.longest
        if longest is not None and len(sms.text) > longest:
            return Receipt.failed(f"the text has {len(sms.text)} characters, {longest} are allowed")
        if sms.whatsapp and not self._provider.whatsapp:
            return Receipt.failed(f"{self.settings['provider']} carries no WhatsApp messages")
        sender = sms.sender or self.sender_for(sms)
        if not sender and self._pool and not sms.whatsapp:
            return Receipt.failed(f"no sender is meant for {sms.to[:4]}…: add one to senders")
        return self._provider.send(message, replace(sms, sender=sender))

    def sender_for(self, sms: SMSContent) -> str:
        """Who sends to that number; empty if the provider chooses."""
        own = self.settings["whatsapp_sender"]
        if sms.whatsapp and (own or self.settings["messaging_service_sid"]):
            return str(own)
        return choose(self._pool, sms.to)

    def receive(self, request: Inbound) -> Reply | None:
        return self._provider.receive(request)

    def measure(self, content: Content) -> dict[str, Any]:
        """``encoding``, ``units``, ``parts``, ``left`` and what it ``costs``, if that is known.

        ``odd`` are the characters that made it UCS-2, where 70 fit instead of 160.
        """
        if not isinstance(content, SMSContent):
            return {}
        found = count(content.text)
        measured: dict[str, Any] = found._asdict() | {"odd": list(found.odd)}
        measured["sender"] = content.sender or self.sender_for(content)
        price = self.settings["price"]
        if price is not None and not content.whatsapp:
            cost = round(price * found.parts, 6)
            measured |= {"cost": cost, "currency": self.settings["currency"]}
        return measured

    def checks(self) -> list[Check]:
        """Whether people can answer, and receipts come back."""
        found = []
        address = self.context.callback("status")
        if address:
            state = "ok" if address.startswith("https://") else "warning"
            text = f"Receipts come to {address}, what people write to …/inbound."
            found.append(Check("Webhooks", state, text, "an address with https"))
        else:
            text = "Receipts and STOP words can't come back: this server has no public address."
            found.append(Check("Webhooks", "failed", text, "CDP_PUBLIC_URL"))
        missing = self._missing_secret()
        if missing:
            text = f"Webhooks are refused: {missing} is not set."
            found.append(Check("Signatures", "warning", text, missing))
        return found

    def _missing_secret(self) -> str:
        names = {
            "twilio": "auth_token", "vonage": "signature_secret", "bird": "signing_key",
            "bird_channels": "signing_key", "messagebird": "signing_key",
            "sns": "webhook_token", "http": "webhook_token",
        }  # fmt: skip
        name = names[self.settings["provider"]]
        return "" if self.settings[name] else name

    def test(self) -> Exchange:
        """Send nothing: ask the provider whether it knows us, where it can be asked."""
        self.http.take_exchanges()
        try:
            self._provider.ask()
        except PluginError as error:
            found = self.http.take_exchanges()
            if not found:
                raise
            found[-1].error = found[-1].error or str(error)
            return found[-1]
        return self.http.take_exchanges()[-1]
