"""The in-app channel: what is delivered waits in the core's queue until its person comes."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from marshmallow import ValidationError, fields, validate

from cdp.plugin import (
    Channel,
    ChannelSettings,
    Check,
    Content,
    Exchange,
    Forged,
    InAppContent,
    Inbound,
    Outgoing,
    Receipt,
    Reject,
    Reply,
    from_response,
    secret,
)
from cdp_inapp import content as contents
from cdp_inapp.reporting import BadEvents, Brake, reports_of
from cdp_inapp.stream import LIFE_S, Places, Stream
from cdp_inapp.tokens import SECRET_BYTES, BadToken, Bearer, sign, verify

#: Messages of one person that are shown at most, the newest.
MOST = 100
_JSON = "application/json; charset=utf-8"
_encode = msgspec.json.Encoder().encode


def _check_secret(value: str) -> None:
    parts = value.split()
    if not parts or any(len(part.encode()) < SECRET_BYTES for part in parts):
        raise ValidationError(
            f"a secret has at least {SECRET_BYTES} characters; `openssl rand -base64 32` makes one"
        )


def _check_theme(theme: dict[str, str]) -> None:
    if wrong := contents.wrong_theme(theme):
        raise ValidationError(wrong)


class InAppSettings(ChannelSettings):
    """With what user tokens are signed, and how messages look and come."""

    secret = secret(
        required=True,
        validate=_check_secret,
        metadata={
            "label": "Signing secret",
            "help": "Your backend signs user tokens with it. At least 32 characters; two with "
            "a space between while you change it.",
        },
    )
    theme = fields.Dict(
        fields.String(),
        fields.String(),
        load_default=dict,
        validate=_check_theme,
        metadata={"help": "Colours and the like, by name: accent, background, text, radius, …"},
    )
    stream = fields.Boolean(
        load_default=True,
        metadata={"help": "Show messages the moment they are sent; else clients ask for them."},
    )
    poll = fields.Integer(
        load_default=30,
        validate=validate.Range(5, 3600),
        metadata={"help": "Seconds between two questions of a client that has no stream."},
    )


class InApp(Channel):
    """Hands messages to people's browsers and apps, when they come with a signed token."""

    key = "in_app"
    name = "In-app messages"
    description = "Shows banners, modals, slide-ins and an inbox in your own pages and apps."
    channel = "in_app"
    Settings = InAppSettings
    batch_size = 500
    concurrency = 1
    max_request_bytes = 64 * 1024

    @property
    def keeps_keys(self) -> bool:
        """A message that is handed over twice is the same in the queue."""
        return True

    def configure(self) -> None:
        self._secrets = [part.encode() for part in self.settings["secret"].split()]
        self._closed = threading.Event()
        self._places = Places()
        self._brake = Brake()

    def close(self) -> None:
        """End the streams."""
        self._closed.set()
        super().close()

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        """Take what can be shown; the core's queue has it from here on."""
        return [_receipt(message) for message in messages]

    def measure(self, content: Content) -> dict[str, Any]:
        """Its size, and what is wrong with it."""
        found: dict[str, Any] = {"bytes": len(_encode(content))}
        if isinstance(content, InAppContent) and (wrong := contents.fault(content)):
            found["fault"] = wrong
        return found

    def receive(self, request: Inbound) -> Reply | None:
        """The API of clients: ``messages``, ``stream``, ``events`` and the script."""
        match (request.method, request.path):
            case ("GET" | "HEAD", "client.js"):
                return _script(request)
            case ("GET", "messages"):
                return Reply(body=self._state(self._bearer(_token(request))), type=_JSON)
            case ("GET", "stream"):
                return self._stream(self._bearer(_token(request)))
            case ("POST", "events"):
                return self._events(request)
            case (_, "client.js" | "messages" | "stream" | "events"):
                return _problem(405, f"{request.path} takes no {request.method}")
        return None

    def token(self, person: tuple[str, str], expires_at: int) -> str:
        """A user token, good until ``expires_at`` (seconds since 1970)."""
        return sign(self._secrets[0], person, expires_at)

    def checks(self) -> list[Check]:
        """Whether browsers reach the client."""
        url = self.context.callback("client.js")
        if not url:
            text = "CDP_PUBLIC_URL isn't set, so that nobody can say where browsers find the client"
            return [Check("Address", "unknown", text)]
        if not url.startswith("https:"):
            return [Check("Address", "warning", f"pages by https can't load {url}")]
        return [Check("Address", "ok", url)]

    def test(self) -> Exchange:
        """Fetch the script from where browsers will."""
        url = self.context.callback("client.js")
        if not url:
            raise Reject("set CDP_PUBLIC_URL, the address at which browsers reach this server")
        self.http.take_exchanges()
        answer = self.http.request("GET", url)
        if error := from_response(answer.status, answer.headers):
            raise error
        return self.http.take_exchanges()[-1]

    def _bearer(self, token: str) -> Bearer:
        try:
            return verify(self._secrets, token, time.time())
        except BadToken as error:
            raise Forged(str(error)) from None

    def _state(self, bearer: Bearer) -> bytes:
        """What there is for a person, as one line of JSON."""
        assert self.context.inbox is not None
        now = int(time.time() * 1000)
        waiting = self.context.inbox.waiting(bearer.person, now, MOST)
        settings = self.settings
        return _encode(
            {
                "messages": [contents.shown(message) for message in waiting],
                "unread": sum(
                    message.content.form == "inbox" and message.opened_at is None
                    for message in waiting
                ),
                "theme": settings["theme"],
                "poll": settings["poll"],
                "stream": settings["stream"],
            }
        )

    def _stream(self, bearer: Bearer) -> Reply:
        if not self.settings["stream"]:
            return _problem(503, "streams are switched off, poll instead", 3600)
        if not self._places.take(bearer.person):
            return _problem(503, "this person has enough streams open, poll instead", 60)
        until = time.monotonic() + min(LIFE_S, max(0.0, bearer.expires_at - time.time()))
        stream = Stream(
            lambda: self._state(bearer),
            until,
            self._closed,
            lambda: self._places.free(bearer.person),
        )
        # Proxies must hand on what comes, when it comes.
        return Reply(body=stream, type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def _events(self, request: Inbound) -> Reply:
        """Take what a client says of messages; those of others are no messages at all."""
        assert self.context.inbox is not None
        try:
            token, events = reports_of(request.body, int(time.time() * 1000))
        except BadEvents as error:
            return _problem(400, str(error))
        bearer = self._bearer(_token(request) or token)
        if not self._brake.lets(bearer.person):
            return _problem(429, "too many requests of this person", 60)
        known = self.context.inbox.sent(bearer.person, {event.delivery for event in events})
        mine = [event for event in events if event.delivery in known]
        unknown = sorted({event.delivery for event in events} - known)
        return Reply(mine, body=_encode({"taken": len(mine), "unknown": unknown}), type=_JSON)


def _receipt(message: Outgoing) -> Receipt:
    content = message.content
    if not isinstance(content, InAppContent):
        return Receipt.failed("this is no in-app message")
    wrong = contents.fault(content)
    return Receipt.failed(wrong) if wrong else Receipt.sent(message.id)


def _token(request: Inbound) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _problem(status: int, text: str, after: int | None = None) -> Reply:
    headers = {} if after is None else {"Retry-After": str(after)}
    return Reply(status=status, body=_encode({"error": text}), type=_JSON, headers=headers)


@cache
def script() -> tuple[bytes, bytes, str]:
    """The browser's client without indents and comments: plain, gzipped, and its entity tag."""
    text = (Path(__file__).parent / "client.js").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    plain = "\n".join(line for line in lines if line and line[:2] != "//").encode()
    tag = hashlib.sha256(plain).hexdigest()[:24]
    return plain, gzip.compress(plain, 9, mtime=0), f'"{tag}"'


def _script(request: Inbound) -> Reply:
    plain, packed, tag = script()
    headers = {"Cache-Control": "public, max-age=300", "ETag": tag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == tag:
        return Reply(status=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        plain = packed
    return Reply(body=plain, type="text/javascript; charset=utf-8", headers=headers)
