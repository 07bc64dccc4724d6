"""Email from the API to a mail server's door, and back as a bounce, a click out, a reply."""

from __future__ import annotations

import email
import email.policy
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.destinations.email.servers import Mailbox
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow]

INBOUND = "a-token-of-the-mail-server"
SETTINGS = {
    "provider": "smtp", "from": "Shop <shop@example.org>", "host": "127.0.0.1", "security": "none",
    "inbound_token": INBOUND, "return_path": "bounces@mail.example.org",
    "unsubscribe_address": "leave@mail.example.org",
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    made = ServeProcess(tmp_path / "data").start()
    yield made
    made.kill()


def send(server: ServeProcess, key: str, **body: Any) -> str:
    body = {"identifiers": {"id": "ana"}, "subject": "Grüße", "body": "<p>Hello</p>", **body}
    answer = requests.post(
        f"{server.url}/v1/send/email", json=body, timeout=60,
        headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return str(answer.json()["delivery_id"])


def message(server: ServeProcess, name: str) -> dict[str, Any]:
    answer = requests.get(
        f"{server.url}/api/messages/{name}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def hand_in(server: ServeProcess, mail: EmailMessage, to: str) -> str:
    """As a mail server's pipe does."""
    done = subprocess.run(
        [sys.executable, "-m", "cdp", "email", "receive", "--to", to,
         "--url", f"{server.url}/channels/email/bounce"],
        input=mail.as_bytes(), capture_output=True, timeout=60,
        env={**server.env, "CDP_EMAIL_TOKEN": INBOUND},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def incoming(to: str, subject: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ana@example.com", to, subject
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("550 5.1.1 no such user")
    return mail


def test_a_message_goes_out_and_what_comes_back_is_known(server: ServeProcess) -> None:
    with Mailbox() as box:
        settings = {**SETTINGS, "port": str(box.port)}
        pairs = [
            part for name, value in settings.items() for part in ("--setting", f"{name}={value}")
        ]
        server.cli("destinations", "add", "email", "--source", "default", *pairs)
        person = {"userId": "ana", "traits": {"email": "ana@example.com"}}
        requests.post(f"{server.url}/v1/identify", json=person, auth=(WRITE_KEY, ""), timeout=60)
        server.catch_up()

        first = send(server, "reason-1")
        assert send(server, "reason-1") == first
        wait_until(lambda: box.mails, what="for the message")
        wait_until(lambda: message(server, first)["state"] == "sent", what="for the receipt")
        [envelope] = box.mails
        assert envelope.rcpt_tos == ["ana@example.com"]
        arrived = email.message_from_bytes(
            bytes(envelope.content or b""), policy=email.policy.default
        )
        assert arrived["subject"] == "Grüße" and arrived["from"] == "Shop <shop@example.org>"

        reply = incoming("shop@example.org", "Re: Grüße", In_Reply_To=arrived["message-id"])
        assert hand_in(server, reply, "shop@example.org") == "replied"

        bounce = incoming(str(envelope.mail_from), "failure notice")
        del bounce["From"]
        bounce["From"] = "MAILER-DAEMON@mx.example.com"
        assert hand_in(server, bounce, str(envelope.mail_from)) == "bounced"
        assert message(server, first)["state"] == "bounced"

        second = send(server, "reason-2")
        wait_until(lambda: message(server, second)["state"] not in ("waiting", "sending"))
        found = message(server, second)
        assert (found["state"], len(box.mails)) == ("undeliverable", 1), found
    names = [event["event"] for event in server.events("user_id:ana") if event.get("event")]
    wait_until(
        lambda: (
            {"Email Sent", "Email Bounced"}
            <= {event.get("event") for event in server.events("user_id:ana")}
        ),
        what=f"for the events, there are {names}",
    )
