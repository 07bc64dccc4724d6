"""No channel claims more than it knows: what a provider took is never called untaken.

Every provider here counts what it takes, and misbehaves in every way that it can. What it
took may be called sent or unknown, never retry, failed or bounced; what is called sent
was taken; and one hand-over is one message at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from cdp_email import Email
from cdp_push import PushChannel
from cdp_slack import Slack
from cdp_sms import SMS
from cdp_webhook import WebhookChannel

from cdp.plugin import (
    Channel,
    Content,
    DestinationContext,
    Device,
    Outgoing,
    PushContent,
    Retry,
    SlackContent,
    WebhookContent,
    receipt_of,
)
from cdp.plugin.testing import Answer, RecordingServer
from tests.destinations.email.test_providers import ACCEPTS, PLAIN, given
from tests.destinations.push.common import HELLO, TAKEN, TOKEN, fcm
from tests.destinations.push.test_webpush import WEB, browser
from tests.destinations.sms.common import TEXT, answer
from tests.destinations.sms.test_bird import BIRD as BIRD_SMS
from tests.destinations.sms.test_others import AWS, BIRD, HTTP, OLD_BIRD, PUBLISHED
from tests.destinations.sms.test_twilio import TWILIO
from tests.destinations.sms.test_vonage import OLD, VONAGE


class Case(NamedTuple):
    """A channel, its settings at an address, what it sends there, and the provider's yes."""

    cls: type[Channel]
    settings: Callable[[str], dict[str, Any]]
    content: Callable[[str], Content]
    yes: Answer
    before: tuple[Answer, ...] = ()


def sms(values: dict[str, Any], yes: Answer) -> Case:
    return Case(SMS, lambda url: {**values, "api_url": url}, lambda _: TEXT, yes)


def mail(provider: str) -> Case:
    return Case(Email, lambda url: given(provider, url), lambda _: PLAIN, ACCEPTS[provider])


CASES = {
    **{f"email_{provider}": mail(provider) for provider in ACCEPTS},
    "twilio": sms(TWILIO, answer(201, sid="SM1")),
    "vonage": sms(VONAGE, answer(202, message_uuid="u1")),
    "vonage_sms": sms(OLD, answer(200, messages=[{"status": "0", "message-id": "m"}])),
    "bird": sms(BIRD_SMS, answer(202, id="sms_1")),
    "bird_channels": sms(BIRD, answer(202, id="b1")),
    "messagebird": sms(OLD_BIRD, answer(201, id="b1")),
    "sns": sms(AWS, PUBLISHED),
    "http": Case(SMS, lambda url: {**HTTP, "url": url}, lambda _: TEXT, Answer()),
    "fcm": Case(PushChannel, fcm, lambda _: HELLO, TAKEN, (TOKEN,)),
    "web": Case(
        PushChannel, lambda _: WEB, lambda url: PushContent((browser(url),), "Hi"), Answer(201)
    ),
    "expo": Case(
        PushChannel, lambda url: {"expo": True, "expo_url": url},
        lambda _: PushContent((Device("ExponentPushToken[1]", "expo"),), "Hi"),
        answer(200, data=[{"status": "ok", "id": "t"}]),
    ),
    "slack": Case(
        Slack, lambda url: {"bot_token": "xoxb-secret", "api_url": url},
        lambda _: SlackContent("C1", "Hi"), answer(200, ok=True, channel="C1", ts="1.2"),
    ),
    "slack_webhook": Case(
        Slack, lambda url: {"webhook_url": url}, lambda _: SlackContent("", "Hi"), Answer()
    ),
    "webhook": Case(
        WebhookChannel, lambda _: {}, lambda url: WebhookContent(url, body="{}"), Answer(204)
    ),
}  # fmt: skip

#: What a provider does that has taken a message (None: it says yes), and that has not.
TOOK: dict[str, Answer | None] = {
    "says yes": None,
    "breaks": Answer(500, body=b'{"message": "oops"}'),
    "is behind a bad gateway": Answer(502, body=b"<html>"),
    "is behind a slow gateway": Answer(504),
    "hangs up": Answer(drop=True),
    "is too slow": Answer(wait=2.0),
    "says nothing that makes sense": Answer(200, body=b"<html>"),
    "says nothing": Answer(200, body=b""),
}
DID_NOT: dict[str, Answer] = {
    "is busy": Answer(429, {"Retry-After": "1"}, b"{}"),
    "takes nothing now": Answer(503, body=b"{}"),
    "refuses": Answer(400, body=b"{}"),
    "does not know it": Answer(404, body=b"{}"),
}


def deliver(case: Case, what: Answer) -> tuple[str, int]:
    """The kind of receipt, and how many calls were made for the message."""
    with RecordingServer(*case.before, otherwise=what) as server:
        settings = case.settings(server.url)
        if "timeout" in case.cls.Settings().fields:
            settings["timeout"] = 0.6
        channel = case.cls(settings, DestinationContext("Exact", True))
        try:
            [receipt] = channel.deliver([Outgoing("d1", "key-1", case.content(server.url))])
        except Retry as away:
            receipt = receipt_of(away)
        channel.close()
        return receipt.kind, len(server.requests) - len(case.before)


@pytest.mark.parametrize("name", CASES)
def test_what_was_taken_is_never_called_untaken(name: str) -> None:
    case = CASES[name]
    for way, what in TOOK.items():
        kind, calls = deliver(case, what or case.yes)
        assert calls == 1, way
        assert kind == ("sent" if what is None else kind), way
        assert kind in ("sent", "unknown"), (way, kind)


@pytest.mark.parametrize("name", CASES)
def test_what_was_not_taken_is_never_called_sent(name: str) -> None:
    case = CASES[name]
    for way, what in DID_NOT.items():
        kind, calls = deliver(case, what)
        assert calls == 1, way
        assert kind in ("retry", "failed", "bounced"), (way, kind)
