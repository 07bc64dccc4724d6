"""Webhooks by the way that they come in for real: signed over the address that was told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from cdp_sms import SMS
from flask import Flask

from cdp.config import Settings
from cdp.delivery.receivers import Receiver
from cdp.plugin import DestinationContext, Outgoing, Report
from cdp.plugin.testing import RecordingServer
from cdp.store.config_rows import Destination
from cdp.tracking.channels import create_channels_blueprint
from tests.destinations.sms.common import TEXT, TO, answer, fields
from tests.destinations.sms.test_others import BIRD
from tests.destinations.sms.test_twilio import TWILIO


class Finder:
    """Knows one channel."""

    def __init__(self, channel: SMS) -> None:
        row = Destination(7, "text-me", "Text me", "sms", None, True, {}, 0, 0)
        self._found = Receiver(row, channel)

    def find(self, name: str) -> Receiver | None:
        return self._found if name == "text-me" else None

    def failed(self, plugin: str, error: BaseException) -> None:
        raise error


def app_of(channel: SMS, public_url: str | None) -> tuple[Flask, list[Report]]:
    told: list[Report] = []
    app = Flask(__name__)
    settings = Settings(public_url=public_url)
    blueprint = create_channels_blueprint(
        Finder(channel), lambda _, reports: told.extend(reports), settings
    )
    app.register_blueprint(blueprint)
    return app, told


def channel_of(public_url: str, **settings: Any) -> SMS:
    return SMS(settings, DestinationContext("Text me", True, public_url, key="text-me"))


@pytest.mark.parametrize("public_url", ["https://cdp.example.org", "https://example.org/cdp/"])
def test_twilio_signs_the_very_address_that_it_was_told(public_url: str) -> None:
    with RecordingServer(otherwise=answer(201, sid="SM1")) as server:
        channel = channel_of(public_url, **TWILIO, api_url=server.url)
        channel.deliver([Outgoing("77", "key", TEXT)])
    callback = fields(server.requests[0])["StatusCallback"]
    assert callback.startswith(public_url.rstrip("/") + "/channels/text-me/status?")
    app, told = app_of(channel, public_url)
    data = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": TO, "ErrorMessage": "Zażółć"}
    signed = callback + "".join(name + data[name] for name in sorted(data))
    signature = hmac.new(b"secret-token", signed.encode(), hashlib.sha1).digest()
    headers = {"X-Twilio-Signature": base64.b64encode(signature).decode()}
    path = urlsplit(callback)
    # A proxy has taken its own part of the path away.
    at = path.path.removeprefix(urlsplit(public_url).path.rstrip("/")) + f"?{path.query}"
    with app.test_client() as client:
        found = client.post(at, data=data, headers=headers)
        assert (found.status_code, found.data) == (200, b"")
        refused = client.post(at, data={**data, "MessageStatus": "failed"}, headers=headers)
        assert refused.status_code == 401 and "not Twilio's" in refused.json["error"]  # type: ignore[index]
    assert [(report.kind, report.delivery) for report in told] == [("delivered", "77")]


def test_bird_signs_body_and_address() -> None:
    channel = channel_of("https://cdp.example.org", **BIRD)
    app, told = app_of(channel, "https://cdp.example.org")
    said = {
        "id": "b2",
        "sender": {"contact": {"identifierValue": TO}},
        "body": {"text": {"text": "Stop"}},
    }
    body = json.dumps({"event": "sms.inbound", "payload": said}).encode()
    import time

    stamp = str(int(time.time()))
    signed = f"{stamp}\nhttps://cdp.example.org/channels/text-me/inbound\n".encode()
    digest = hmac.new(b"bird-signing", signed + hashlib.sha256(body).digest(), hashlib.sha256)
    headers = {
        "MessageBird-Signature": base64.b64encode(digest.digest()).decode(),
        "MessageBird-Request-Timestamp": stamp,
    }
    with app.test_client() as client:
        assert (
            client.post("/channels/text-me/inbound", data=body, headers=headers).status_code == 200
        )
        assert (
            client.post("/channels/text-me/status", data=body, headers=headers).status_code == 401
        )
    assert [(report.kind, report.recipient) for report in told] == [("unsubscribed", TO)]
