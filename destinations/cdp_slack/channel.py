"""The Slack channel."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from cdp.plugin import (
    Channel,
    ChannelSettings,
    Exchange,
    Outgoing,
    PluginError,
    Receipt,
    Response,
    Retry,
    SlackContent,
    Stop,
    one_by_one,
    receipt_from,
    retry_after,
    secret,
)

#: What Slack takes (docs.slack.dev, chat.postMessage and Block Kit).
MAX_TEXT, MAX_BLOCKS = 40_000, 50
#: Errors of chat.postMessage by what they mean.
_STOP = {
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
    "missing_scope", "not_allowed_token_type", "org_login_required", "ekm_access_denied",
    "access_denied", "team_access_not_granted", "enterprise_is_restricted",
}  # fmt: skip
_LATER = {"ratelimited", "rate_limited", "service_unavailable", "request_timeout"}
_OPEN = {"internal_error", "fatal_error"}
_NOWHERE = {"channel_not_found", "is_archived", "channel_is_archived", "user_not_found"}
#: What a message's options may add to the call.
_OPTIONS = (
    "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media", "username", "icon_emoji",
    "icon_url", "mrkdwn",
)  # fmt: skip


class SlackSettings(ChannelSettings):
    """A bot's token, or the address of an incoming webhook."""

    bot_token = secret(
        load_default="",
        metadata={"label": "Bot token", "help": "xoxb-…, with the scope chat:write."},
    )
    webhook_url = secret(
        load_default="",
        validate=validate.URL(schemes={"http", "https"}, require_tld=False),
        metadata={
            "label": "Incoming webhook",
            "help": "Where messages go that name no channel, if there is no bot.",
        },
    )
    channel = fields.String(
        load_default="",
        metadata={"help": "Where messages go that name no channel: C0123ABCD or #name."},
    )
    api_url = fields.Url(
        load_default="https://slack.com/api",
        schemes={"http", "https"},
        require_tld=False,
        metadata={"label": "API address", "help": "Where Slack is, if not where usual."},
    )
    rate_limit = fields.Float(
        load_default=1.0,
        allow_none=True,
        validate=validate.Range(0.01),
        metadata={
            "last": True,
            "help": "Messages a second at most; Slack takes one a second in a channel.",
        },
    )
    timeout = fields.Float(
        load_default=10.0,
        validate=validate.Range(0.1, 60),
        metadata={"help": "Seconds that a call may take."},
    )

    @validates_schema
    def _complete(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("bot_token") and not data.get("webhook_url"):
            raise ValidationError({"bot_token": ["a bot token or an incoming webhook is needed"]})


class Slack(Channel):
    """Messages to channels and people of a Slack workspace."""

    key = "slack"
    name = "Slack"
    description = "Messages to Slack channels, by a bot or an incoming webhook."
    channel = "slack"
    Settings = SlackSettings

    def configure(self) -> None:
        super().configure()
        self.timeout = self.settings["timeout"]
        self._api = self.settings["api_url"].rstrip("/")

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        return one_by_one(messages, self._hand_over)

    def _hand_over(self, message: Outgoing) -> Receipt:
        content = message.content
        if not isinstance(content, SlackContent):
            return Receipt.failed(f"{type(content).__name__} is no Slack message")
        if not content.text and not content.blocks:
            return Receipt.failed("the message is empty")
        if len(content.text) > MAX_TEXT or len(content.blocks) > MAX_BLOCKS:
            return Receipt.failed(
                f"Slack takes {MAX_TEXT:,} characters and {MAX_BLOCKS} blocks in a message"
            )
        body: dict[str, Any] = {"text": content.text}
        if content.blocks:
            body["blocks"] = [dict(block) for block in content.blocks]
        body |= {name: message.options[name] for name in _OPTIONS if name in message.options}
        where = content.channel or self.settings["channel"]
        if where.startswith(("https://", "http://")):
            return self._by_webhook(where, body)
        if self.settings["bot_token"] and where:
            return self._by_bot({"channel": where, **body})
        if self.settings["webhook_url"] and not content.channel:
            return self._by_webhook(self.settings["webhook_url"], body)
        if not where:
            return Receipt.failed("neither the message nor the settings name a channel")
        return Receipt.failed("a message to a channel by its name needs a bot token")

    def _by_bot(self, body: dict[str, Any]) -> Receipt:
        answer = self._post(f"{self._api}/chat.postMessage", body, self.settings["bot_token"])
        if answer.status in (429, 503):
            raise Retry(f"Slack: {answer.status}", retry_after(answer.headers))
        receipt = receipt_from(answer.status, answer.headers)
        if receipt is not None:
            return receipt
        found = _object(answer)
        if found.get("ok") is True:
            return Receipt.sent(f"{found.get('channel', '')}:{found.get('ts', '')}")
        error = found.get("error")
        if not isinstance(error, str) or not error:
            return Receipt.unknown("the answer says neither yes nor no")
        return _refused(error, found, answer)

    def _by_webhook(self, url: str, body: dict[str, Any]) -> Receipt:
        answer = self._post(url, body)
        said = answer.body[:200].decode("utf-8", "replace").strip()
        if 200 <= answer.status < 300:
            # Slack says ok; its like (Mattermost, Discord) say as much, or nothing.
            return Receipt.sent()
        if said in _NOWHERE or answer.status in (404, 410):
            return Receipt.bounced(f"Slack: {said or answer.status}")
        receipt = receipt_from(answer.status, answer.headers, said and f"Slack: {said}")
        return receipt or Receipt.unknown(f"the answer was {answer.status}")

    def _post(self, url: str, body: dict[str, Any], token: str = "") -> Response:
        headers = {"content-type": "application/json; charset=utf-8"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = json.dumps(body, ensure_ascii=False).encode()
        return self.http.request("POST", url, data, headers)

    def test(self) -> Exchange:
        """Ask Slack who the bot is; an incoming webhook can't be asked."""
        if not self.settings["bot_token"]:
            raise NotImplementedError("an incoming webhook has no test but a message")
        self.http.take_exchanges()
        try:
            answer = self._post(f"{self._api}/auth.test", {}, self.settings["bot_token"])
        except PluginError as error:
            found = self.http.take_exchanges()
            if not found:
                raise
            found[-1].error = found[-1].error or str(error)
            return found[-1]
        exchange = self.http.take_exchanges()[-1]
        if answer.status == 200 and _object(answer).get("ok") is not True:
            exchange.error = f"Slack: {_object(answer).get('error', 'no answer that it knows us')}"
        return exchange


def _refused(error: str, found: dict[str, Any], answer: Response) -> Receipt:
    said = found.get("response_metadata")
    more = said.get("messages") if isinstance(said, dict) else None
    detail = f" ({'; '.join(map(str, more))[:200]})" if isinstance(more, list) and more else ""
    reason = f"Slack: {error}{detail}"
    if error in _STOP:
        needed = found.get("needed")
        raise Stop(f"{reason}, needs {needed}" if needed else reason)
    if error in _LATER:
        raise Retry(reason, retry_after(answer.headers))
    if error in _OPEN:
        return Receipt.unknown(reason)
    if error in _NOWHERE:
        return Receipt.bounced(reason)
    if error == "not_in_channel":
        reason += ": invite the bot to the channel"
    return Receipt.failed(reason)


def _object(answer: Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
