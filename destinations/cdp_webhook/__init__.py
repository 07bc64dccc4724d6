"""Events and messages as signed HTTP calls, after the Standard Webhooks specification."""

from cdp.plugin import Destination, hookimpl
from cdp_webhook.destination import Webhook
from cdp_webhook.message import WebhookChannel

__all__ = ["Webhook", "WebhookChannel", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Destination]]:
    """One for events, one for messages."""
    return [Webhook, WebhookChannel]
