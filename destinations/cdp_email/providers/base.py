"""What the HTTP providers have in common."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime
from typing import Any, NamedTuple

from cdp.plugin import (
    Channel,
    EmailContent,
    Exchange,
    Forbidden,
    Forged,
    Inbound,
    Outgoing,
    PluginError,
    Receipt,
    Reply,
    Report,
    Response,
    Retry,
    Stop,
    one_by_one,
    receipt_from,
    retry_after,
)
from cdp_email.addresses import Address, InvalidContent, parse
from cdp_email.mime import Mail, compose, email_of, envelope, extra_headers, finished
from cdp_email.names import HEADER, Names

#: Under which name a delivery's id is left with providers that keep such things.
TAG = "headwater-delivery"
#: No longer than this is waited because a provider says that its limit is used up.
MAX_PAUSE_S = 3600.0


class Call(NamedTuple):
    """A request to a provider."""

    path: str
    body: bytes
    headers: dict[str, str]
    method: str = "POST"


class Provider:
    """Turns messages into requests, answers into receipts, webhooks into reports."""

    #: The API's address, if the settings have no other; how people call the provider.
    url = ""
    title = ""
    keeps_keys = False
    batch_size = 1
    #: What `checks` can say of DNS: the SPF include, and where the DKIM key usually is.
    spf_include = ""
    selectors: tuple[str, ...] = ()

    def __init__(self, channel: Channel, names: Names) -> None:
        self.channel, self.names = channel, names
        self.settings = channel.settings
        self.url = (self.settings["endpoint"] or self.url).rstrip("/")
        self._pause_until = 0.0

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        """Hand messages over, each in a call."""
        return one_by_one(messages, self._one)

    def _one(self, message: Outgoing) -> Receipt:
        try:
            call = self.request(message)
        except InvalidContent as error:
            return Receipt.failed(str(error))
        return self.receipt(self.call(call), message)

    def request(self, message: Outgoing) -> Call:
        """The call that sends a message; `InvalidContent` if it can't be written."""
        raise NotImplementedError

    def receipt(self, answer: Response, message: Outgoing) -> Receipt:
        """What an answer says of the message."""
        raise NotImplementedError

    def events(self, request: Inbound) -> Reply:
        """What the provider tells of messages later. Raises `Forged`."""
        raise NotImplementedError

    def probe(self) -> Call:
        """A call that changes nothing and shows whether the credentials are right."""
        raise NotImplementedError

    def call(self, call: Call) -> Response:
        """Call the provider. `Retry` while its limit is used up."""
        wait = self._pause_until - time.monotonic()
        if wait > 0:
            raise Retry(f"{self.title}'s limit is used up", wait)
        try:
            answer = self.channel.http.request(
                call.method, self.url + call.path, call.body, call.headers
            )
        except Forbidden as error:
            # No message is at fault: they wait until the address or the setting is another.
            raise Retry(str(error)) from None
        self._heed(answer)
        return answer

    def _heed(self, answer: Response) -> None:
        """Pause if this was the last call of the current window."""
        headers = {name.lower(): value for name, value in answer.headers.items()}
        for prefix in ("x-ratelimit-", "ratelimit-"):
            if headers.get(prefix + "remaining") == "0":
                self._pause_until = time.monotonic() + _reset(headers.get(prefix + "reset", ""))

    def refusal(self, answer: Response, reason: str) -> Receipt | None:
        """The receipt of an answer that isn't 2xx, with the provider's own words.

        Raises `Retry` where the provider takes nothing from anybody, so that another is asked.
        """
        text = f"{answer.status}: {reason}"[:500] if reason else f"the answer was {answer.status}"
        if answer.status in (429, 503):
            raise Retry(text, retry_after(answer.headers))
        return receipt_from(answer.status, answer.headers, text)

    def sender_refused(self, message: Outgoing, reason: str) -> Receipt:
        """The provider doesn't know the sender: `Stop` if it is the one in the settings."""
        author = email_of(message).sender or self.settings["from"]
        if parse(author).spec == parse(self.settings["from"]).spec:
            raise Stop(f"{self.title} doesn't let {author} send: {reason}")
        return Receipt.failed(f"{self.title} doesn't let {author} send: {reason}")

    def test(self, message: Outgoing | None) -> Exchange:
        """Send ``message``, or only try the credentials; the exchange."""
        http = self.channel.http
        http.take_exchanges()
        error = ""
        try:
            if message is None:
                answer = self.call(self.probe())
                found = self.refusal(answer, "")
                error = "" if found is None else found.reason
            else:
                [receipt] = self.deliver([message])
                error = "" if receipt.kind == "sent" else receipt.reason
        except PluginError as raised:
            error = str(raised)
        exchanges = http.take_exchanges()
        if not exchanges:
            raise Retry(error)
        exchanges[-1].error = exchanges[-1].error or error or None
        return exchanges[-1]

    def close(self) -> None:
        """Nothing of its own is open."""

    def mail(self, message: Outgoing) -> Mail:
        """The message as MIME, for providers that take it so."""
        settings = self.settings
        name = self.names.sign(message.id)
        content = finished(message, name, settings["unsubscribe_address"])
        return compose(content, name, time.time(), settings["from"], settings["feedback_id"])

    def parts(self, message: Outgoing) -> Parts:
        """The message in pieces, for providers that put it together themselves."""
        name = self.names.sign(message.id)
        content = finished(message, name, self.settings["unsubscribe_address"])
        found = envelope(content, self.settings["from"])
        headers = extra_headers(content, self.settings["feedback_id"])
        reply_to = found.reply_to
        for key in [key for key in headers if key.lower() == "reply-to"]:
            reply_to = (parse(headers.pop(key)),)
        headers[HEADER] = name
        return Parts(content, found.sender, found.to, found.cc, found.bcc, reply_to, headers)

    def wanted(self, message: Outgoing, *names: str) -> dict[str, Any]:
        """Those of a message's options that this provider knows."""
        return {name: message.options[name] for name in names if name in message.options}


class Parts(NamedTuple):
    """A checked message in pieces."""

    content: EmailContent
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    headers: dict[str, str]


def written(address: Address) -> str:
    """An address as JSON APIs take it: ``"Name" <local@domain>``."""
    if not address.name:
        return address.spec
    name = address.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{address.spec}>'


def as_json(value: Any) -> bytes:
    """``value`` as the body of a call."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise InvalidContent("the text has characters that can't be written") from None


def from_json(body: bytes) -> Any:
    """A decoded body; None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def object_of(body: bytes) -> dict[str, Any]:
    """A decoded body, empty if it is no object."""
    found = from_json(body)
    return found if isinstance(found, dict) else {}


def signed_json(request: Inbound) -> Any:
    """The body of a request whose signature was right; `Forged` if it is no JSON."""
    found = from_json(request.body)
    if not isinstance(found, dict | list):
        raise Forged("the body is no JSON object or list")
    return found


def b64(data: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(data).decode()


def text_of(value: Any, *path: str) -> str:
    """The text at ``path`` in decoded JSON, "" if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)[:2000] if isinstance(value, str | int | float) else ""


def object_at(value: Any, name: str) -> dict[str, Any]:
    """The object at ``name``, empty if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def ms_of(text: str) -> int:
    """An ISO time, or seconds since 1970, in ms; now if it is neither."""
    try:
        return int(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return int(time.time() * 1000)


def ok(reports: list[Report]) -> Reply:
    """The reply to events that were taken."""
    return Reply(reports, body=b"ok")


def _reset(text: str) -> float:
    """Seconds until a limit is reset: told as seconds, or as a time in s or ms since 1970."""
    try:
        value = float(text)
    except ValueError:
        return 1.0
    if value > 1e11:
        value /= 1000
    if value > 1e9:
        value -= time.time()
    return min(max(value, 0.0), MAX_PAUSE_S)
