"""Slack, by a bot and by incoming webhooks."""

import json
from typing import Any

import pytest
from cdp_slack import Slack

from cdp.plugin import (
    DestinationContext,
    Outgoing,
    Receipt,
    Retry,
    SlackContent,
    Stop,
    receipt_of,
)
from cdp.plugin.testing import Answer, RecordingServer, Request, channel_tests

BLOCK = {"type": "section", "text": {"type": "mrkdwn", "text": "*Hi*"}}
HELLO = SlackContent("C1", "Hi", (BLOCK,))
TAKEN = Answer(200, body=b'{"ok": true, "channel": "C1", "ts": "1.2"}')

TestSlack = channel_tests(
    Slack,
    settings=lambda url: {"api_url": url, "bot_token": "xoxb-secret"},
    content=HELLO,
    accepts=TAKEN,
    wrong={"api_url": "nowhere"},
)
TestSlackWebhook = channel_tests(
    Slack,
    settings=lambda url: {"webhook_url": f"{url}/services/T/B/hook-secret"},
    content=SlackContent("", "Hi"),
    wrong={},
)


def send(
    content: SlackContent, answer: Answer = TAKEN, options: Any = None, **more: Any
) -> tuple[Receipt, list[Request]]:
    with RecordingServer(otherwise=answer) as server:
        settings = {"api_url": server.url, "bot_token": "xoxb-secret", **more}
        if content.channel.startswith("/"):
            content = SlackContent(server.url + content.channel, content.text, content.blocks)
        channel = Slack(settings, DestinationContext("Slack", True))
        try:
            [receipt] = channel.deliver([Outgoing("d1", "key-1", content, options=options or {})])
        except Retry as error:
            receipt = receipt_of(error)
    return receipt, server.requests


def test_a_bot_posts_text_and_blocks() -> None:
    receipt, [request] = send(HELLO, options={"thread_ts": "1.1", "token": "no"})
    assert (receipt.kind, receipt.provider_id) == ("sent", "C1:1.2")
    assert request.path == "/chat.postMessage"
    assert request.headers["authorization"] == "Bearer xoxb-secret"
    assert request.json() == {"channel": "C1", "text": "Hi", "blocks": [BLOCK], "thread_ts": "1.1"}


def test_a_message_may_go_to_a_webhook_or_to_where_all_go() -> None:
    receipt, [request] = send(SlackContent("/services/T/B/x", "Hi"), Answer(200, body=b"ok"))
    assert receipt.kind == "sent" and request.path == "/services/T/B/x"
    assert "authorization" not in request.headers
    _, [request] = send(SlackContent("", "Hi"), channel="#all")
    assert request.json()["channel"] == "#all"
    receipt, requests = send(SlackContent("", "Hi"))
    assert receipt.kind == "failed" and not requests


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ratelimited", "retry"), ("internal_error", "unknown"), ("channel_not_found", "bounced"),
        ("is_archived", "bounced"), ("not_in_channel", "failed"), ("invalid_blocks", "failed"),
    ],
)  # fmt: skip
def test_each_error_has_its_meaning(error: str, kind: str) -> None:
    body = {"ok": False, "error": error, "response_metadata": {"messages": ["[ERROR] why"]}}
    receipt, _ = send(HELLO, Answer(200, {"Retry-After": "3"}, json.dumps(body).encode()))
    assert receipt.kind == kind and error in receipt.reason and "why" in receipt.reason
    assert receipt.after == (3.0 if kind == "retry" else None)


@pytest.mark.parametrize("error", ["invalid_auth", "missing_scope"])
def test_a_wrong_token_stops_the_channel(error: str) -> None:
    body = json.dumps({"ok": False, "error": error, "needed": "chat:write"}).encode()
    with pytest.raises(Stop, match=f"{error}, needs chat:write"):
        send(HELLO, Answer(200, body=body))


def test_a_webhook_that_is_gone_is_no_good() -> None:
    for answer in (
        Answer(404, body=b"channel_not_found"),
        Answer(410, body=b"channel_is_archived"),
    ):
        receipt, _ = send(SlackContent("/hook", "Hi"), answer)
        assert (receipt.kind, receipt.hard) == ("bounced", True)


def test_what_slack_would_refuse_is_not_sent() -> None:
    for content in (SlackContent("C1", ""), SlackContent("C1", "a" * 40_001),
                    SlackContent("C1", "a", (BLOCK,) * 51)):  # fmt: skip
        receipt, requests = send(content)
        assert receipt.kind == "failed" and not requests


def test_the_test_asks_who_the_bot_is() -> None:
    answers = (Answer(200, body=b'{"ok": true}'), Answer(200, body=b'{"ok": false, "error": "e1"}'))
    with RecordingServer(*answers) as server:
        settings = {"api_url": server.url, "bot_token": "xoxb-secret"}
        channel = Slack(settings, DestinationContext("Slack", True))
        assert channel.test().error is None
        assert channel.test().error == "Slack: e1"
    assert [request.path for request in server.requests] == ["/auth.test"] * 2
