"""The settings of the SMS channel: which provider, and what it wants to know."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cdp.plugin import ChannelSettings, Headers, WordList, secret
from cdp_sms import words
from cdp_sms.senders import parse

#: What each provider can't do without.
NEEDS: dict[str, tuple[str, ...]] = {
    "twilio": ("account_sid", "auth_token"),
    "vonage": ("api_key", "api_secret"),
    "bird": ("access_key",),
    "bird_channels": ("access_key", "workspace_id", "channel_id"),
    "messagebird": ("access_key",),
    "sns": ("access_key_id", "secret_access_key", "region"),
    "http": ("url",),
}
#: Settings that only some providers read; all read the others.
PARTS = {
    "twilio": "account_sid auth_token api_key_sid api_key_secret messaging_service_sid "
    "whatsapp_sender help_text",
    "vonage": "api_key api_secret signature_secret vonage_api whatsapp_sender",
    "bird": "access_key signing_key",
    "bird_channels": "access_key workspace_id channel_id signing_key",
    "messagebird": "access_key signing_key",
    "sns": "access_key_id secret_access_key session_token region message_type webhook_token",
    "http": "url method headers body content_type id_field keeps_keys webhook_token",
}
#: Providers that must be told who sends; the others have a default of their own.
NEEDS_SENDER = ("vonage", "bird", "messagebird")


def _check_senders(values: list[str]) -> None:
    for value in values:
        try:
            parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def _text(label: str, help_: str, **more: Any) -> fields.String:
    return fields.String(load_default="", metadata={"label": label, "help": help_}, **more)


def _secret(label: str, help_: str) -> fields.String:
    return secret(load_default="", metadata={"label": label, "help": help_})


def _words(label: str, default: tuple[str, ...]) -> WordList:
    return WordList(
        load_default=lambda: list(default),
        metadata={"label": label, "help": f"When not said: {', '.join(default)}."},
    )


class SMSSettings(ChannelSettings):
    """One provider's credentials, the senders, and the words that people answer."""

    provider = fields.String(
        required=True,
        validate=validate.OneOf(list(NEEDS)),
        metadata={"help": "Who carries the messages; http is any service of that kind."},
    )
    senders = WordList(
        load_default=list,
        validate=_check_senders,
        metadata={
            "help": "Numbers or names that messages come from, commas between; +48:Shop is "
            "for numbers of that country alone. A person always gets the same one."
        },
    )
    account_sid = _text("Account SID", "Twilio: begins with AC.")
    auth_token = _secret("Auth token", "Twilio: also what its webhooks are signed with.")
    api_key_sid = _text("API key SID", "Twilio: a key (SK…) to call with instead of the token.")
    api_key_secret = _secret("API key secret", "Twilio: the secret of that key.")
    messaging_service_sid = _text(
        "Messaging service", "Twilio: a service (MG…) that chooses the sender."
    )
    whatsapp_sender = _text(
        "WhatsApp sender", "Twilio, Vonage: the number that WhatsApp messages come from."
    )
    api_key = _text("API key", "Vonage: the account's key.")
    api_secret = _secret("API secret", "Vonage: the account's secret.")
    signature_secret = _secret(
        "Signature secret", "Vonage: what its webhooks are signed with; without it none is taken."
    )
    vonage_api = fields.String(
        load_default="messages",
        validate=validate.OneOf(["messages", "sms"]),
        metadata={"label": "Vonage API", "help": "Vonage: the Messages API, or the older SMS API."},
    )
    access_key = _secret(
        "Access key", "Bird, MessageBird: the key to call with; Bird's newer ones begin with bk_."
    )
    workspace_id = _text("Workspace", "Bird Channels: the workspace's id.")
    channel_id = _text("Channel", "Bird Channels: the id of the SMS channel.")
    signing_key = _secret(
        "Signing key",
        "Bird, MessageBird: what webhooks are signed with; without it none is taken.",
    )
    access_key_id = _text("Access key ID", "SNS: of a user that may publish.")
    secret_access_key = _secret("Secret access key", "SNS: the secret of that key.")
    session_token = _secret("Session token", "SNS: for credentials that end.")
    region = _text("Region", "SNS: such as eu-central-1.")
    message_type = fields.String(
        load_default="Promotional",
        validate=validate.OneOf(["Promotional", "Transactional"]),
        metadata={"help": "SNS: what the messages are, for routing and price."},
    )
    url = fields.Url(
        load_default="",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "URL", "help": "http: what is called; {to} {from} {text} {key} {id}."},
    )
    method = fields.String(
        load_default="POST",
        validate=validate.OneOf(["GET", "POST", "PUT"]),
        metadata={"help": "http: how it is called."},
    )
    headers = Headers(
        load_default=dict, metadata={"secret": True, "help": "http: a line each, Name: value."}
    )
    body = _text(
        "Body", 'http: such as {"to": "{to}", "text": "{text}"}; encoded as its type asks.'
    )
    content_type = fields.String(
        load_default="application/json",
        validate=validate.OneOf(
            ["application/json", "application/x-www-form-urlencoded", "text/plain"]
        ),
        metadata={"help": "http: the body's type."},
    )
    id_field = _text("Field of the id", "http: where the answer has the message's id: data.id.")
    keeps_keys = fields.Boolean(
        load_default=False,
        metadata={"help": "http: the service drops a second call with the same {key}."},
    )
    webhook_token = _secret(
        "Webhook token", "http, SNS: what callers of our address must show; without it none is."
    )
    price = fields.Float(
        load_default=None,
        allow_none=True,
        validate=validate.Range(0),
        metadata={"help": "What a part costs, for estimates."},
    )
    currency = fields.String(load_default="EUR", metadata={"help": "Of the price."})
    stop_words = _words("Words that opt out", words.STOP)
    start_words = _words("Words that opt in", words.START)
    help_words = _words("Words that ask for help", words.HELP)
    help_text = _text(
        "Answer to HELP", "Who you are and how to stop; empty: the provider's own, or none."
    )
    api_url = fields.Url(
        load_default="",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "API address", "help": "Where the provider is, if not where usual."},
    )
    timeout = fields.Float(
        load_default=15.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        provider = data.get("provider", "")
        missing = {
            name: [f"{provider} needs it"] for name in NEEDS.get(provider, ()) if not data.get(name)
        }
        if provider in NEEDS_SENDER and not data.get("senders"):
            missing["senders"] = [f"{provider} needs one"]
        if provider == "twilio" and not (
            data.get("senders") or data.get("messaging_service_sid") or data.get("whatsapp_sender")
        ):
            missing["senders"] = ["twilio needs senders or a messaging service"]
        if bool(data.get("api_key_sid")) != bool(data.get("api_key_secret")):
            missing["api_key_secret"] = ["a key's SID and secret belong together"]
        if missing:
            raise ValidationError(missing)


for _name, _field in SMSSettings._declared_fields.items():
    _whose = [provider for provider, names in PARTS.items() if _name in names.split()]
    if _whose:
        needed = any(_name in names for names in NEEDS.values())
        _field.metadata = {**_field.metadata, "only": {"provider": _whose}, "needed": needed}
