"""The push channel."""

from __future__ import annotations

import json
import time
from typing import Any, Protocol

from cdp.plugin import (
    Channel,
    Check,
    Content,
    DestinationContext,
    Device,
    Exchange,
    Inbound,
    Inquiry,
    Outgoing,
    PluginError,
    PushContent,
    Receipt,
    Reply,
    Report,
    one_by_one,
)
from cdp_push import apns, fcm, webpush
from cdp_push.apns import APNs
from cdp_push.expo import Expo, told
from cdp_push.fate import Fate, Push, receipt
from cdp_push.fcm import FCM
from cdp_push.settings import PushSettings
from cdp_push.webpush import WebPush

PLATFORMS = ("ios", "android", "web", "expo")


class Provider(Protocol):
    """Carries pushes to the devices of a kind."""

    def send(self, push: Push, devices: list[Device]) -> list[Fate]:
        """A `Fate` for each device."""


class PushChannel(Channel):
    """Push notifications by FCM, APNs, Web Push and Expo, to all devices of a person."""

    key = "push"
    name = "Push"
    description = "Push notifications to iOS, Android and browsers: APNs, FCM, Web Push, Expo."
    channel = "push"
    Settings = PushSettings

    def __init__(self, settings: dict[str, Any], context: DestinationContext | None = None) -> None:
        super().__init__(settings, context)
        made, own = self.settings, self.http
        self._fcm = FCM(made, own) if made["fcm_service_account"] else None
        self._web = WebPush(made, own) if made["vapid_private_key"] else None
        self._apns = APNs(made, own) if made["apns_key"] else None
        self._expo = Expo(made, own) if made["expo"] else None
        self._providers: dict[str, Provider | None] = {
            "ios": self._fcm if made["ios_by"] == "fcm" else self._apns,
            "android": self._fcm,
            "web": self._web,
            "expo": self._expo,
        }

    def configure(self) -> None:
        super().configure()
        self.timeout, self.concurrency = self.settings["timeout"], self.settings["concurrency"]

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        return one_by_one(messages, self._hand_over)

    def _hand_over(self, message: Outgoing) -> Receipt:
        content = message.content
        if not isinstance(content, PushContent):
            return Receipt.failed(f"{type(content).__name__} is no push")
        push, fates = Push(message, content), []
        # An app that registers twice shall not ring twice.
        devices = {device.token: device for device in content.devices}.values()
        for platform in dict.fromkeys(device.platform for device in devices):
            mine = [device for device in devices if device.platform == platform]
            provider = self._providers.get(platform)
            if provider is None:
                known = platform in PLATFORMS
                text = f"{platform} devices" if known else f"devices of {platform[:20]!r}"
                reason = f"no provider is set up for {text}"
                fates += [Fate(device, "failed", reason=reason) for device in mine]
            else:
                fates += provider.send(push, mine)
        return receipt(fates)

    def receive(self, request: Inbound) -> Reply | None:
        """``vapid``: the public key that pages subscribe with."""
        if request.path != "vapid" or self._web is None or request.method not in ("GET", "HEAD"):
            return None
        body = json.dumps({"publicKey": self._web.public_key}).encode()
        open_ = {"access-control-allow-origin": "*", "cache-control": "public, max-age=300"}
        return Reply(body=body, type="application/json", headers=open_)

    def inquire(self, inquiries: list[Inquiry]) -> list[list[Report] | None]:
        """Expo says some minutes later what Apple and Google made of a push."""
        if self._expo is None:
            return [[] for _ in inquiries]
        tickets = [one for inquiry in inquiries for one in inquiry.ask.get("tickets") or {}]
        known, now = self._expo.receipts(tickets), int(time.time() * 1000)
        return [told(inquiry, known, now) for inquiry in inquiries]

    def measure(self, content: Content) -> dict[str, Any]:
        """``bytes`` of the payload and how many it may have, by platform of the devices."""
        if not isinstance(content, PushContent):
            return {}
        push = Push(Outgoing("0" * 20, "", content), content)
        found: dict[str, Any] = {}
        for platform in dict.fromkeys(device.platform for device in content.devices):
            if platform == "web":
                payload, most = webpush.payload_of(push), webpush.MAX_TEXT
            elif platform == "ios":
                payload, most = apns.payload_of(push, self.settings), apns.MAX_PAYLOAD
            else:
                device = Device("", platform)
                payload, most = fcm.message_of(push, device, self.settings), 4096
            size = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
            found[platform] = {"bytes": size, "most": most}
        return found

    def checks(self) -> list[Check]:
        """Which devices can be reached."""
        found = []
        for platform, provider in self._providers.items():
            if provider is not None:
                found.append(Check(platform, "ok", "A provider is set up."))
            elif platform != "expo":
                text = "No provider is set up: these devices get nothing."
                found.append(Check(platform, "warning", text))
        return found

    def test(self) -> Exchange:
        """Fetch a token from Google: of the others nothing can be asked without a device."""
        if self._fcm is None:
            raise NotImplementedError("without Firebase there is no test but a push to a device")
        self.http.take_exchanges()
        try:
            self._fcm.ask()
        except PluginError as error:
            found = self.http.take_exchanges()
            if not found:
                raise
            found[-1].error = found[-1].error or str(error)
            return found[-1]
        return self.http.take_exchanges()[-1]
