"""Webhooks as messages: a call that a template describes, for one person."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any
from urllib.parse import quote, urlsplit

from marshmallow import ValidationError

from cdp.plugin import (
    AccessToken,
    Channel,
    Check,
    Content,
    Exchange,
    Headers,
    Outgoing,
    PluginError,
    Receipt,
    Response,
    Retry,
    Stop,
    WebhookContent,
    one_by_one,
    receipt_from,
    receipt_of,
)
from cdp_webhook.checks import check_headers
from cdp_webhook.message_settings import WebhookMessageSettings, tls_of
from cdp_webhook.sign import key_of, signature

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: How much of an answer is kept.
KEPT_BYTES = 65_536


class WebhookChannel(Channel):
    """Makes the call of a message, signed, with ``webhook-id`` as its key."""

    key = "webhook_message"
    name = "Webhook messages"
    description = "Calls that templates describe, with their answers kept; OAuth and mTLS."
    channel = "webhook"
    Settings = WebhookMessageSettings

    def configure(self) -> None:
        settings = self.settings
        super().configure()
        self.concurrency, self.timeout = settings["concurrency"], settings["timeout"]
        self._keys = [key_of(part) for part in settings["secret"].split()]
        self._hosts = {host.lower() for host in settings["hosts"]}
        self._token: AccessToken | None = None
        if any(settings[name] for name in ("client_certificate", "authority")):
            self.tls = tls_of(settings)

    @property
    def keeps_keys(self) -> bool:
        """A repeat has the same ``webhook-id``, which receivers are asked to look at."""
        return True

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        return one_by_one(messages, self._hand_over)

    def _hand_over(self, message: Outgoing) -> Receipt:
        content = message.content
        if not isinstance(content, WebhookContent):
            return Receipt.failed(f"{type(content).__name__} is no webhook")
        method = content.method.upper()
        if method not in METHODS:
            return Receipt.failed(f"{method[:20]!r} is none of {', '.join(METHODS)}")
        parts = urlsplit(content.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return Receipt.failed(f"{content.url[:200]!r} is no http or https address")
        if self._hosts and parts.hostname.lower() not in self._hosts:
            return Receipt.failed(f"{parts.hostname} is none of the hosts that may be called")
        try:
            headers = self._headers(content, parts.username is not None)
        except ValidationError as error:
            return Receipt.failed(f"headers: {'; '.join(map(str, error.messages))}")
        try:
            answer = self._call(method, content, headers, message.key)
        except Retry as error:
            # That receiver is away; other messages go to others.
            return receipt_of(error)
        return self._receipt(answer, "authorization" in {name.lower() for name in content.headers})

    def _headers(self, content: WebhookContent, has_user: bool) -> dict[str, str]:
        own = Headers().deserialize(dict(content.headers))
        check_headers(own)
        ours = {"user-agent": "Headwater/1 (webhook)"}
        if content.body:
            ours["content-type"] = _type_of(content.body)
        found: dict[str, str] = {}
        for layer in (ours, self.settings["headers"], own):
            named = {name.lower() for name in layer}
            found = {name: v for name, v in found.items() if name.lower() not in named} | layer
        if has_user:
            # The address says who we are: no token of ours besides.
            found = {n: v for n, v in found.items() if n in own or n.lower() != "authorization"}
        return found

    def _call(
        self, method: str, content: WebhookContent, headers: dict[str, str], key: str
    ) -> Response:
        body, timestamp = content.body.encode(), int(time.time())
        headers |= {"webhook-id": key, "webhook-timestamp": str(timestamp)}
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, key, timestamp, body)
        bears = self.settings["token_url"] and not (
            urlsplit(content.url).username is not None
            or any(name.lower() == "authorization" for name in headers)
        )
        if not bears:
            return self.http.request(method, content.url, body, headers)
        token = self.token()
        for again in (False, True):
            bearer = token.get()
            sent = {**headers, "authorization": f"Bearer {bearer}"}
            answer = self.http.request(method, content.url, body, sent)
            if answer.status != 401 or again:
                break
            token.drop(bearer)
        return answer

    def token(self) -> AccessToken:
        """The access token, by OAuth's client credentials."""
        if self._token is None:
            settings = self.settings
            form = {"grant_type": "client_credentials"}
            form |= {name: settings[name] for name in ("scope", "audience") if settings[name]}
            headers = {"accept": "application/json"}
            who = {"client_id": settings["client_id"], "client_secret": settings["client_secret"]}
            if settings["client_auth"] == "body":
                form |= who
            else:
                pair = ":".join(quote(value, safe="") for value in who.values())
                headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            self._token = AccessToken(self.http, settings["token_url"], lambda: form, headers)
        return self._token

    def _receipt(self, answer: Response, its_own: bool) -> Receipt:
        kept = captured(answer)
        try:
            receipt = receipt_from(answer.status, answer.headers)
        except Stop as error:
            ours = self.settings["token_url"] or self.settings["headers"] or self.tls
            if answer.status == 401 and ours and not its_own:
                raise
            return Receipt.failed(str(error), response=kept)
        if receipt is None:
            return Receipt.sent(response=kept)
        return Receipt(receipt.kind, "", receipt.reason, receipt.after, response=kept)

    def measure(self, content: Content) -> dict[str, Any]:
        """``bytes`` of the body."""
        if not isinstance(content, WebhookContent):
            return {}
        return {"bytes": len(content.body.encode())}

    def checks(self) -> list[Check]:
        """Whether receivers can tell that it is us, and only ours get what proves it."""
        found = []
        state = "ok" if self._keys else "warning"
        text = "Calls are signed." if self._keys else "Calls are not signed: set a secret."
        found.append(Check("Signature", state, text, "secret"))
        if (self.settings["token_url"] or self.settings["headers"]) and not self._hosts:
            text = "Tokens and headers go to whatever address a message names: say which hosts."
            found.append(Check("Hosts", "warning", text, "hosts"))
        return found

    def test(self) -> Exchange:
        """Fetch an access token; without OAuth there is nothing to be asked."""
        if not self.settings["token_url"]:
            raise NotImplementedError("without OAuth there is no test but a message")
        self.http.take_exchanges()
        token = self.token()
        try:
            token.drop(token.get())
            token.get()
        except PluginError as error:
            found = self.http.take_exchanges()
            if not found:
                raise
            found[-1].error = found[-1].error or str(error)
            return found[-1]
        return self.http.take_exchanges()[-1]


def captured(answer: Response) -> dict[str, Any]:
    """``status``, ``headers``, ``body`` as text (its first 64 KiB), and ``json`` if it is that."""
    whole = len(answer.body) <= KEPT_BYTES
    text = answer.body[:KEPT_BYTES].decode("utf-8", "replace")
    headers = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() != "set-cookie"
    }
    found: dict[str, Any] = {"status": answer.status, "headers": headers, "body": text}
    if not whole:
        found["cut"] = True
        return found
    with contextlib.suppress(ValueError, RecursionError):
        found["json"] = json.loads(answer.body)
    return found


def _type_of(body: str) -> str:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "text/plain; charset=utf-8"
    return "application/json"
