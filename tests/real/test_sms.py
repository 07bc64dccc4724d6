"""A text message the whole way: out by Twilio's API, back by its signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from cdp.plugin.testing import Answer, RecordingServer
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

pytestmark = [pytest.mark.real]

PUBLIC = "https://cdp.example.org"
TO = "+48600100200"
TEMPLATE = "kind: template\nkey: hi\nchannel: sms\nname: Hi\nbody: 'Hi {{ customer.id }} & <co>'\n"
TAKEN = Answer(201, {"content-type": "application/json"}, b'{"sid": "SM1", "status": "queued"}')


@pytest.fixture
def twilio() -> Iterator[RecordingServer]:
    with RecordingServer(otherwise=TAKEN) as server:
        yield server


@pytest.fixture
def serve(tmp_path: Path, twilio: RecordingServer) -> Iterator[ServeProcess]:
    made = ServeProcess(tmp_path / "data", CDP_PUBLIC_URL=PUBLIC).start()
    settings = {
        "provider": "twilio", "account_sid": "AC1", "auth_token": "secret-token",
        "senders": "+48500000001", "api_url": twilio.url,
    }  # fmt: skip
    words = [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
    made.cli("destinations", "add", "sms", *words)
    files = tmp_path / "files"
    files.mkdir()
    (files / "hi.yaml").write_text(TEMPLATE)
    made.cli("apply", str(files), "--yes")
    try:
        yield made
    finally:
        made.stop()


def tell(serve: ServeProcess, url: str, data: dict[str, str], sign: bool = True) -> int:
    """A webhook to the public ``url``, signed as Twilio does it."""
    text = url + "".join(name + data[name] for name in sorted(data))
    digest = hmac.new(b"secret-token", text.encode(), hashlib.sha1).digest()
    signature = base64.b64encode(digest).decode() if sign else "AAAA"
    parts = urlsplit(url)
    answer = requests.post(
        f"{serve.url}{parts.path}?{parts.query}", data=data,
        headers={"X-Twilio-Signature": signature}, timeout=60,
    )  # fmt: skip
    return answer.status_code


def events(serve: ServeProcess) -> list[Any]:
    url = f"{serve.url}/v1/spaces/default/collections/users/profiles/user_id:ada/events"
    answer = requests.get(url, auth=(TOKEN, ""), timeout=60)
    return [row.get("event") for row in answer.json()["data"]]


def test_a_text_goes_out_is_delivered_and_answered(
    serve: ServeProcess, twilio: RecordingServer
) -> None:
    who = {"userId": "ada", "traits": {"phone": TO}}
    requests.post(f"{serve.url}/v1/identify", json=who, auth=(WRITE_KEY, ""), timeout=60)
    serve.catch_up()
    answer = requests.post(
        f"{serve.url}/v1/send/sms",
        json={"transactional_message_id": "hi", "identifiers": {"id": "ada"}, "to": TO},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    delivery = answer.json()["delivery_id"]
    [request] = wait_until(lambda: twilio.requests, what="for the call to Twilio")
    sent = dict(parse_qsl(request.body.decode()))
    assert (sent["To"], sent["Body"]) == (TO, "Hi ada & <co>")
    callback = sent["StatusCallback"]
    assert callback == f"{PUBLIC}/channels/sms/status?delivery={delivery}"

    status = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": TO}
    assert tell(serve, callback, {**status, "MessageStatus": "failed"}, sign=False) == 401
    assert tell(serve, callback, status) == 200
    assert tell(serve, callback, status) == 200  # told twice, it counts once
    said = {"MessageSid": "SM9", "Body": "Stop", "From": TO, "To": "+48500000001"}
    assert tell(serve, f"{PUBLIC}/channels/sms/inbound", said) == 200

    # What the delivery process tells may come after what came in by the webhooks.
    told = {"SMS Delivered", "SMS Sent", "Unsubscribed"}
    wait_until(lambda: told <= set(events(serve)), what="for the events")
    serve.catch_up()
    assert sorted(name for name in events(serve) if name in told) == sorted(told)
