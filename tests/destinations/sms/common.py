"""What the tests of the SMS channel share."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cdp_sms import SMS

from cdp.plugin import (
    DestinationContext,
    Inbound,
    Outgoing,
    Receipt,
    Retry,
    SMSContent,
    Stop,
    receipt_of,
)
from cdp.plugin.testing import Answer, RecordingServer, Request

TO = "+48600100200"
PUBLIC = "https://cdp.example.org"
TEXT = SMSContent(TO, "Cześć & <hello>")


def make(**settings: Any) -> SMS:
    return SMS(settings, DestinationContext("Text me", True, PUBLIC))


def send(
    settings: dict[str, Any], answer: Answer, content: SMSContent = TEXT, **more: Any
) -> tuple[Any, list[Request]]:
    """The receipt, or what was raised, and the requests."""
    with RecordingServer(otherwise=answer) as server:
        channel = make(api_url=server.url, **settings)
        try:
            [result] = channel.deliver([Outgoing("d1", "key-1", content, **more)])
        except Retry as error:
            return receipt_of(error), server.requests
        except Stop as error:
            return error, server.requests
        finally:
            channel.close()
        assert isinstance(result, Receipt)
        return result, server.requests


def answer(status: int = 200, /, **body: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def fields(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def inbound(
    path: str, data: dict[str, Any] | bytes, headers: dict[str, str], query: str = ""
) -> Inbound:
    """A POST to the channel's address: a form, or bytes as they are."""
    body = data if isinstance(data, bytes) else urlencode(data).encode()
    url = f"{PUBLIC}/channels/Text%20me/{path}" + (f"?{query}" if query else "")
    return Inbound("POST", path, url, dict(parse_qsl(query)), headers, body)
