"""The webhook destination."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from marshmallow import fields, validate

from cdp.plugin import (
    Batch,
    Destination,
    Event,
    Exchange,
    Forbidden,
    Headers,
    Outcome,
    PluginError,
    Reject,
    Retry,
    SettingsSchema,
    WordList,
    from_response,
    secret,
)
from cdp_webhook.checks import check_headers, check_secret
from cdp_webhook.deletions import batched, deletions
from cdp_webhook.sign import key_of, signature

_encode = msgspec.json.Encoder().encode


class WebhookSettings(SettingsSchema):
    """Where to call, how to sign, what to send."""

    url = fields.Url(
        required=True,
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "URL", "help": "Each event is sent to this address."},
    )
    secret = secret(
        load_default="",
        validate=check_secret,
        metadata={
            "label": "Signing secret",
            "help": "whsec_ and base64; two with a space between while you change it. "
            "Without one, calls are not signed.",
        },
    )
    headers = Headers(
        load_default=dict,
        validate=check_headers,
        metadata={"secret": True, "help": "More headers, a line each: Name: value."},
    )
    method = fields.String(
        load_default="POST",
        validate=validate.OneOf(["POST", "PUT", "PATCH"]),
        metadata={"help": "How the address is called."},
    )
    deletions = fields.Boolean(
        load_default=True,
        metadata={"help": "Tell the address of people who were deleted, by a call of type delete."},
    )
    events = WordList(
        load_default=list,
        metadata={"help": "Event names or call types, commas between; empty means all."},
    )
    batch = fields.Boolean(
        load_default=False, metadata={"help": 'Send {"batch": […]} instead of one event a call.'}
    )
    batch_size = fields.Integer(
        load_default=100,
        validate=validate.Range(1, 1000),
        metadata={"help": "Events in one call at most, where batches are sent."},
    )
    concurrency = fields.Integer(
        load_default=8,
        validate=validate.Range(1, 64),
        metadata={"help": "Calls at the same time; events of one person stay in order."},
    )
    rate_limit = fields.Float(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0.01),
        metadata={"help": "Calls a second at most; empty means no limit."},
    )
    timeout = fields.Float(
        load_default=10.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )


class Webhook(Destination):
    """Sends each event (or a batch) as JSON, signed, with a stable ``webhook-id``."""

    key = "webhook"
    name = "Webhook"
    description = "Sends events to any HTTP address, signed as Standard Webhooks prescribes."
    Settings = WebhookSettings

    def configure(self) -> None:
        settings = self.settings
        self.batch_size = settings["batch_size"] if settings["batch"] else 1
        self.concurrency = settings["concurrency"]
        self.rate_limit = settings["rate_limit"]
        self.timeout = settings["timeout"]
        self._keys = [key_of(part) for part in settings["secret"].split()]
        self._wanted = frozenset(settings["events"])
        own = settings["headers"]
        named = {name.lower() for name in own}
        ours = {"content-type": "application/json", "user-agent": "Headwater/1 (webhook)"}
        self._headers = {name: v for name, v in ours.items() if name not in named} | own

    def wants(self, event: Event) -> bool:
        """Whether the filter names the event or its call type."""
        wanted = self._wanted
        return not wanted or event.name in wanted or event.type in wanted

    def send(self, batch: Batch) -> list[Outcome] | None:
        if self.settings["batch"]:
            body = _encode({"batch": [event.body for event in batch.events]})
            self._call(batch.key, body)
            return None
        outcomes: list[Outcome] = []
        for event in batch.events:
            try:
                self._call(event.key, _encode(event.body))
                outcomes.append(Outcome.delivered())
            except Reject as error:
                outcomes.append(Outcome.reject(str(error)))
            except Retry as error:
                if len(batch.events) == 1:
                    raise
                outcomes.append(Outcome.retry(str(error), error.after))
        return outcomes

    def on_delete(self, identifiers: list[tuple[str, str]]) -> None:
        if not self.settings["deletions"]:
            raise NotImplementedError("this address is told of no deletions")
        calls = deletions(sorted(identifiers), datetime.now(UTC))
        if self.settings["batch"]:
            for some in batched(calls, self.batch_size):
                self._call(some[0]["messageId"], _encode({"batch": some}))
            return
        for call in calls:
            self._call(call["messageId"], _encode(call))

    def test(self) -> Exchange:
        """Send a made-up track call; the receiver sees ``Webhook Test``."""
        now = int(time.time())
        body: dict[str, Any] = {
            "type": "track",
            "event": "Webhook Test",
            "messageId": f"test-{now}",
            "userId": "test-user",
            "properties": {"test": True},
        }
        self.http.take_exchanges()
        try:
            self._call(f"test-{now}", _encode(body))
        except PluginError as error:
            found = self.http.take_exchanges()
            if not found:
                raise
            found[-1].error = found[-1].error or str(error)
            return found[-1]
        return self.http.take_exchanges()[-1]

    def _call(self, id_: str, body: bytes) -> None:
        settings = self.settings
        headers = dict(self._headers)
        timestamp = int(time.time())
        headers["webhook-id"] = id_
        headers["webhook-timestamp"] = str(timestamp)
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, id_, timestamp, body)
        try:
            answer = self.http.request(settings["method"], settings["url"], body, headers)
        except Forbidden as error:
            # No event is at fault: they wait until the address or the setting is another.
            raise Retry(str(error)) from None
        error = from_response(answer.status, answer.headers)
        if error is not None:
            raise error
