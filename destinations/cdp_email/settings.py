"""The settings of the email channel: one form for all providers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cdp.plugin import ChannelSettings, WordList, secret
from cdp_email.addresses import InvalidContent, domain_in_ascii, parse

#: Provider → what it can't do without, with the words for it.
NEEDED = {
    "smtp": {"host": "SMTP needs the host of the mail server"},
    "ses": {
        "region": "Amazon SES needs the region, such as eu-central-1",
        "access_key": "Amazon SES needs an access key",
        "secret_key": "Amazon SES needs the access key's secret",
    },
    "sendgrid": {"api_key": "SendGrid needs an API key"},
    "mailgun": {
        "api_key": "Mailgun needs an API key",
        "domain": "Mailgun needs the domain that it sends for",
    },
    "postmark": {"api_key": "Postmark needs the server's API token"},
    "resend": {"api_key": "Resend needs an API key"},
}
#: Settings that only some providers read.
PARTS = {
    "smtp": "host port security username password hello per_domain return_path verp dkim_key",
    "ses": "region access_key secret_key configuration_set topic_arn endpoint",
    "sendgrid": "api_key webhook_key endpoint tracking",
    "mailgun": "api_key webhook_key endpoint tracking domain",
    "postmark": "api_key webhook_key endpoint tracking stream",
    "resend": "api_key webhook_key endpoint",
}


def _reads(read: Callable[[str], Any]) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value:
            try:
                read(value)
            except ValueError as error:
                raise ValidationError(str(error)) from None

    return check


def _read_keys(text: str) -> list[Any]:
    from cdp_email.dkim import read_keys  # brings cryptography, which few settings need

    return list(read_keys(text))


def _secrets(value: str) -> None:
    for part in value.split():
        if len(part) < 16:
            raise ValidationError("a token has at least 16 characters")


def _plain_address(value: str) -> None:
    address = parse(value)
    if address.name or address.utf8:
        raise InvalidContent("only name@domain, in ASCII")


def _text(help_: str, label: str | None = None, **more: Any) -> fields.String:
    metadata = {"help": help_} | ({"label": label} if label else {})
    return fields.String(load_default="", metadata=metadata, **more)


_FIELDS: dict[str, fields.Field[Any]] = {
    "provider": fields.String(
        required=True,
        validate=validate.OneOf(list(NEEDED)),
        metadata={"help": "Who carries the messages. Each needs only its own fields below."},
    ),
    "from": fields.String(
        required=True,
        validate=_reads(parse),
        metadata={
            "label": "From",
            "help": "Who messages are from unless they say so: Shop <shop@example.org>.",
        },
    ),
    "host": _text("SMTP: the mail server."),
    "port": fields.Integer(
        load_default=None,
        allow_none=True,
        validate=validate.Range(1, 65535),
        metadata={"help": "SMTP: 587, or 465 with TLS, if empty."},
    ),
    "security": fields.String(
        load_default="auto",
        validate=validate.OneOf(["auto", "starttls", "tls", "none"]),
        metadata={
            "help": "SMTP: auto is TLS on port 465, else STARTTLS where it is offered; "
            "a login is never sent without."
        },
    ),
    "username": _text("SMTP: the login; empty: none."),
    "password": secret(load_default="", metadata={"help": "SMTP: the login's password."}),
    "api_key": secret(
        load_default="",
        metadata={
            "label": "API key",
            "help": "SendGrid, Mailgun, Postmark (the server's token) and Resend.",
        },
    ),
    "domain": _text("Mailgun: the domain that it sends for.", validate=_reads(domain_in_ascii)),
    "stream": _text("Postmark: the message stream; empty: its default."),
    "region": _text(
        "Amazon SES: such as eu-central-1.",
        validate=validate.Regexp(r"([a-z]{2}(-[a-z]+)+-\d+)?\Z"),
    ),
    "access_key": _text("Amazon SES: an access key that may ses:SendEmail.", "Access key"),
    "secret_key": secret(
        load_default="", metadata={"help": "Amazon SES: the access key's secret."}
    ),
    "configuration_set": _text("Amazon SES: the configuration set that publishes events."),
    "topic_arn": _text(
        "Amazon SES: the SNS topic whose events are believed.",
        "Topic ARN",
        validate=validate.Regexp(r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d+:[\w.-]+)?\Z"),
    ),
    "endpoint": fields.Url(
        load_default=None,
        allow_none=True,
        require_tld=False,
        schemes={"http", "https"},
        metadata={"help": "The provider's API, if not its usual one: https://api.eu.mailgun.net"},
    ),
    "webhook_key": secret(
        load_default="",
        metadata={
            "help": "What the provider signs its events with: SendGrid's verification key, "
            "Mailgun's signing key, Resend's whsec_…, user:password for Postmark.",
        },
    ),
    "inbound_token": secret(
        load_default="",
        validate=_secrets,
        metadata={
            "help": "For bounces and replies that your mail server hands in; two with a "
            "space between while you change it, the new one first."
        },
    ),
    "unsubscribe_address": _text(
        "Where mail to unsubscribe goes, such as leave@mail.example.org, for messages that "
        "can be unsubscribed from. Your mail server hands it in, too.",
        validate=_reads(_plain_address),
    ),
    "return_path": _text(
        "SMTP: where bounces go, such as bounces@mail.example.org; empty: to the sender.",
        validate=_reads(_plain_address),
    ),
    "verp": fields.Boolean(
        load_default=True,
        metadata={
            "label": "VERP",
            "help": "Put the message's name into the return path: bounces+name@…",
        },
    ),
    "dkim_selector": WordList(
        load_default=list,
        metadata={
            "label": "DKIM selector",
            "help": "Under which name the key is published; several with commas between.",
        },
    ),
    "dkim_key": secret(
        load_default="",
        validate=_reads(_read_keys),
        metadata={
            "label": "DKIM key",
            "help": "SMTP: the private key (PEM, RSA or Ed25519), one for each selector, "
            "if the mail server doesn't sign itself.",
        },
    ),
    "dkim_domain": _text(
        "For whom is signed; empty: the domain of From.",
        "DKIM domain",
        validate=_reads(domain_in_ascii),
    ),
    "tracking": fields.Boolean(
        load_default=False,
        metadata={
            "label": "Provider's tracking",
            "help": "SendGrid, Mailgun, Postmark: let them track opens and clicks, too.",
        },
    ),
    "feedback_id": _text(
        "The Feedback-ID of all messages (Gmail's Postmaster Tools).",
        "Feedback-ID",
        validate=validate.Regexp(r"[\x21-\x7e]{0,127}\Z"),
    ),
    "test_to": _text(
        "Where a test sends a message; empty: it only tries the credentials.",
        validate=_reads(parse),
    ),
    "hello": _text(
        "SMTP: what we call ourselves; empty: the domain of From.",
        validate=_reads(domain_in_ascii),
    ),
    "concurrency": fields.Integer(
        load_default=8,
        validate=validate.Range(1, 64),
        metadata={"help": "Sessions or calls at the same time."},
    ),
    "per_domain": fields.Integer(
        load_default=0,
        validate=validate.Range(0, 64),
        metadata={"help": "SMTP: messages to one domain at the same time; 0: no limit."},
    ),
    "timeout": fields.Float(
        load_default=30.0,
        validate=validate.Range(0.1, 120),
        metadata={"help": "Seconds to wait for an answer; six times that after a message."},
    ),
}
for _name, _field in _FIELDS.items():
    _providers = [provider for provider, names in PARTS.items() if _name in names.split()]
    if _providers:
        needed = any(_name in words for words in NEEDED.values())
        _field.metadata = {**_field.metadata, "only": {"provider": _providers}, "needed": needed}


class EmailSettings(ChannelSettings.from_dict(dict(_FIELDS), name="EmailFields")):  # type: ignore[misc]
    """Who carries the messages, in whose name."""

    @validates_schema(skip_on_field_errors=False)
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        wrong: dict[str, list[str]] = {}
        for name, text in NEEDED.get(data.get("provider", ""), {}).items():
            if not data.get(name):
                wrong[name] = [text]
        _check_dkim(data, wrong)
        if data.get("unsubscribe_address") and not data.get("inbound_token"):
            wrong["inbound_token"] = ["unsubscribe_address needs one: else no mail is believed"]
        if data.get("username") and not data.get("password"):
            wrong["password"] = ["a username needs a password"]
        key = data.get("webhook_key")
        if key and data.get("provider") == "postmark" and ":" not in key:
            wrong["webhook_key"] = ["Postmark's is user:password, as in the webhook's address"]
        if wrong:
            raise ValidationError(wrong)


def _check_dkim(data: dict[str, Any], wrong: dict[str, list[str]]) -> None:
    selectors, text = data.get("dkim_selector") or [], data.get("dkim_key")
    for selector in selectors:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", selector):
            wrong["dkim_selector"] = [f"{selector!r} is no selector"]
    if not text:
        return
    try:
        keys = len(_read_keys(text))
    except ValueError:
        return  # said by the field itself
    if keys != len(selectors):
        wrong["dkim_selector"] = [f"{len(selectors)} selectors for {keys} keys"]
