"""What a provider of text messages is to the channel."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl

from cdp.plugin import (
    Forbidden,
    Inbound,
    Outgoing,
    Receipt,
    Reply,
    Report,
    Response,
    Retry,
    SMSContent,
    Stop,
    from_response,
    receipt_from,
    retry_after,
)

if TYPE_CHECKING:
    from cdp_sms.channel import SMS


class Provider:
    """Speaks one provider's API. ``send`` hands one message over, ``receive`` takes webhooks."""

    name: ClassVar[str]
    #: Where its API is, unless ``api_url`` says something else.
    base: ClassVar[str] = ""
    keeps_keys = False
    whatsapp = False
    #: Characters in one message at most.
    longest: int | None = None

    def __init__(self, channel: SMS) -> None:
        self.channel, self.settings = channel, channel.settings
        self.api = (self.settings["api_url"] or self.base).rstrip("/")

    def send(self, message: Outgoing, sms: SMSContent) -> Receipt:
        """Hand ``sms`` over; its ``sender`` is chosen, or empty if the provider shall choose."""
        raise NotImplementedError

    def receive(self, request: Inbound) -> Reply | None:
        """What the provider tells: `Forged` unless it proves to be the provider's."""
        return None

    def ask(self) -> None:
        """Ask whether the credentials are good; raises what is wrong."""
        raise NotImplementedError(f"{self.name} has no test")

    def check(self, url: str, authorization: str) -> None:
        """`ask` by a GET of ``url``."""
        answer, found = self.call("GET", url, b"", {"authorization": authorization})
        said = text_of(found.get("message") or found.get("title"))
        error = from_response(answer.status, answer.headers, said and f"{self.name}: {said[:300]}")
        if error is not None:
            raise error

    def call(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Response, Any]:
        """The answer, and its JSON as far as it is an object."""
        try:
            answer = self.channel.http.request(method, url, body, headers)
        except Forbidden as error:
            # Not the message's fault: the configured address is.
            raise Stop(str(error)) from None
        return answer, as_object(answer.body)

    def inbound(
        self, id_: str, text: str, from_: str, to: str, at: int, meant: str = "", **detail: Any
    ) -> list[Report]:
        """The report of what somebody wrote: the word's meaning, if it is one.

        ``meant`` is what the provider takes it for, if it knows words as well.
        """
        kind = meant or self.channel.words.kind(text)
        said = "replied" if kind == "help" else kind
        more = {key: value for key, value in detail.items() if value}
        found = {"text": text, "to": to, **({"help": True} if kind == "help" else {}), **more}
        return [Report(said, f"in:{id_}", at, recipient=from_, detail=found)]


def answered(answer: Response, reason: str = "") -> Receipt | None:
    """As `receipt_from`; raises `Retry` where the provider takes nothing for now."""
    if answer.status in (429, 503):
        text = reason or f"the answer was {answer.status}"
        raise Retry(text, retry_after(answer.headers))
    return receipt_from(answer.status, answer.headers, reason)


def as_object(body: bytes) -> dict[str, Any]:
    """``body`` as a JSON object; empty if it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def form(request: Inbound) -> dict[str, str]:
    """The fields of a form, of its body or of the address."""
    if request.method == "GET":
        return dict(request.query)
    text = request.body.decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True))


def basic(user: str, password: str) -> str:
    """The value of ``Authorization``."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def now_ms() -> int:
    """The time in ms since 1970."""
    return int(time.time() * 1000)


def time_ms(text: Any) -> int:
    """A provider's ISO time in ms since 1970; now, if it is none."""
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return now_ms()
    # Without a zone they mean UTC.
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def text_of(value: Any) -> str:
    """A field as text: providers send numbers, too; nothing of what is no scalar."""
    return str(value) if isinstance(value, str | int | float) else ""
