"""The settings of webhooks as messages."""

from __future__ import annotations

import ssl
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cdp.plugin import ChannelSettings, Headers, WordList
from cdp.plugin import secret as hidden
from cdp_webhook.checks import check_headers, check_secret
from cdp_webhook.tls import context_of


class WebhookMessageSettings(ChannelSettings):
    """How calls are signed and who we say we are; where they go, each message says."""

    secret = hidden(
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
        metadata={"secret": True, "help": "For every call, a line each: Name: value."},
    )
    hosts = WordList(
        load_default=list,
        metadata={"help": "Hosts that may be called, commas between; empty means all."},
    )
    token_url = fields.Url(
        load_default="",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "OAuth token address", "help": "Where access tokens are fetched."},
    )
    client_id = fields.String(load_default="", metadata={"label": "OAuth client ID"})
    client_secret = hidden(load_default="", metadata={"label": "OAuth client secret"})
    scope = fields.String(load_default="", metadata={"label": "OAuth scope"})
    audience = fields.String(load_default="", metadata={"label": "OAuth audience"})
    client_auth = fields.String(
        load_default="basic",
        validate=validate.OneOf(["basic", "body"]),
        metadata={"label": "OAuth client by", "help": "Where the client's id and secret stand."},
    )
    client_certificate = fields.String(
        load_default="",
        metadata={"label": "Client certificate", "help": "PEM, for receivers that ask for one."},
    )
    client_key = hidden(
        load_default="",
        metadata={"label": "Key of the certificate", "help": "PEM, without a password."},
    )
    authority = fields.String(
        load_default="",
        metadata={"label": "Certificate authority", "help": "PEM, of receivers with their own."},
    )
    concurrency = fields.Integer(
        load_default=8,
        validate=validate.Range(1, 64),
        metadata={"help": "Calls at the same time."},
    )
    timeout = fields.Float(
        load_default=10.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )

    @validates_schema
    def _fits(self, data: dict[str, Any], **_: Any) -> None:
        wrong: dict[str, list[str]] = {}
        if data.get("token_url"):
            needed = ("client_id", "client_secret")
            wrong = {name: ["token_url needs it"] for name in needed if not data.get(name)}
        if bool(data.get("client_certificate")) != bool(data.get("client_key")):
            wrong["client_key"] = ["a certificate and its key belong together"]
        else:
            try:
                tls_of(data)
            except ValueError as error:
                wrong["client_certificate"] = [str(error)]
        if wrong:
            raise ValidationError(wrong)


def tls_of(settings: dict[str, Any]) -> ssl.SSLContext:
    """TLS with the certificates of the settings; ValueError."""
    return context_of(
        settings.get("client_certificate") or "",
        settings.get("client_key") or "",
        settings.get("authority") or "",
    )
