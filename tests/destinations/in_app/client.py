"""A client of the channel, and an inbox in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import jwt
from cdp_inapp import InApp

from cdp.plugin import (
    DestinationContext,
    InAppContent,
    InAppMessage,
    Inbound,
)
from tests.destinations.in_app.waiting import SECRET


class Queue:
    """An inbox in memory."""

    def __init__(self, **messages: list[InAppMessage]) -> None:
        self.messages = messages

    def waiting(self, person: tuple[str, str], now: int, limit: int) -> list[InAppMessage]:
        assert person[0] == "user_id"
        return self.messages.get(person[1], [])[:limit]

    def sent(self, person: tuple[str, str], ids: Iterable[str]) -> set[str]:
        return set(ids) & {message.id for message in self.messages.get(person[1], [])}


def message(id_: str = "m1", **content: Any) -> InAppMessage:
    return InAppMessage(id_, InAppContent("u1", **{"title": "Hello", **content}), 1000)


def channel(inbox: Any = None, **settings: Any) -> InApp:
    context = DestinationContext("In app", True)
    context.inbox = inbox or Queue(u1=[message()])
    return InApp({"secret": SECRET, **settings}, context)


def token(user: str = "u1", expires: float | None = None, **claims: Any) -> str:
    payload = {"sub": user, "exp": int(expires or time.time() + 600), **claims}
    return jwt.encode(payload, SECRET, algorithm="HS256")


def ask(method: str, path: str, token: str = "", body: bytes = b"", **headers: str) -> Inbound:
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Inbound(method, path, f"https://x/{path}", {}, headers, body)


def body(reply: Any) -> Any:
    assert reply is not None and reply.type.startswith("application/json")
    return json.loads(reply.body)
